/* log_table.c - every format of logs, in the order in which they are asked: what is unmistakable first, what has only columns last */
#include "source/log.h"

/* Tables are recognised by their heading, at the start of an input: rawdata.c. They have no lines among others. */
static const struct log_format tables = { .name = "badpackets", .what = "tables: grescope export (csv, tsv, badpackets), the first published raw data" };

const struct log_format *const log_formats[] = {
	&tables,
	&log_netfilter,
	&log_ulogd,
	&log_filterlog,
	&log_pflog,
	&log_asa,
	&log_ios,
	&log_junos,
	&log_junos_filter,
	&log_fortigate,
	&log_sophos,
	&log_checkpoint,
	&log_cef,
	&log_paloalto,
	&log_mikrotik,
	&log_eve,
	&log_gcp,
	&log_azure,
	&log_zeek,
	&log_winfw,
	&log_vpcflow,
	&log_dshield,
	&log_unknown, /* the last */
};

const size_t log_formats_n = sizeof log_formats / sizeof *log_formats;
