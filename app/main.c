/* main.c - the verbs of grescope; each has a file of its own */
#include "app.h"
#include "version.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>

static const struct verb verbs[] = {
	{ "report", "[options] [FILE...]", "summary tables: who sent GRE, from which network and place, how much, since when",
	  "  grescope report capture.pcap                      by city\n"
	  "  grescope report --by network --since 30d *.pcapng.gz\n"
	  "  grescope report --by source --asn 3462 --format csv captures/\n"
	  "  grescope report --by network --since 30d          from the store (grescope ingest)\n",
	  OPT_INPUT | OPT_WINDOW | OPT_FILTER | OPT_PLACE | OPT_TABLE | OPT_ROWS | OPT_BY | OPT_DATA | OPT_STORE | OPT_CONFIG, cmd_report },
	{ "export", "[options] [FILE...]", "the raw data: one row per sighting, or per packet with --window 0",
	  "  grescope export --format csv capture.pcap > sightings.csv\n"
	  "  grescope export --window 0 --format jsonl capture.pcap\n"
	  "  grescope export --format badpackets --redact-dst capture.pcap\n",
	  OPT_INPUT | OPT_WINDOW | OPT_FILTER | OPT_PLACE | OPT_TABLE | OPT_RAW | OPT_DATA | OPT_STORE | OPT_CONFIG, cmd_export },
	{ "show", "[options] ADDRESS|PREFIX|ASN|bot ID [FILE...]", "all there is about one source, prefix, network or bot process",
	  "  grescope show 192.0.2.1                           from the store\n"
	  "  grescope show AS3462 --since last-month\n"
	  "  grescope show 198.51.100.0/24 capture.pcap --format json\n"
	  "  grescope show bot seed:5a1007c00000003900004e20 capture.pcap\n",
	  OPT_INPUT | OPT_FILTER | OPT_PLACE | OPT_TABLE | OPT_DOSSIER | OPT_DATA | OPT_STORE | OPT_SEED | OPT_EVIDENCE | OPT_CONFIG, cmd_show },
	{ "bots", "[options] [FILE...]", "the processes behind the floods: how many, how much each sent in all, since when they run",
	  "  grescope bots capture.pcap\n"
	  "  grescope bots --format json --src 192.0.2.0/24 *.pcap.gz\n"
	  "  grescope bots --seed-budget 8G capture.pcap       look longer for start times and process names\n"
	  "  grescope bots --since 30d                         from the store (grescope ingest)\n",
	  OPT_INPUT | OPT_FILTER | OPT_TABLE | OPT_ROWS | OPT_STORE | OPT_SEED, cmd_bots },
	{ "explain", "[options] FILE", "one packet, layer by layer, and what each rule said of it",
	  "  grescope explain capture.pcap                     the first GRE packet\n"
	  "  grescope explain --packet 42 capture.pcap\n",
	  OPT_FORMAT | OPT_PACKET, cmd_explain },
	{ "trend", "[options] [FILE...]", "which network stands out for its size, and is it growing",
	  "  grescope trend half-year.pcap\n"
	  "  grescope trend --since 180d --limit 10            from the store\n"
	  "  grescope trend --by class --format csv captures/\n",
	  OPT_INPUT | OPT_WINDOW | OPT_FILTER | OPT_PLACE | OPT_TABLE | OPT_ROWS | OPT_TREND | OPT_DATA | OPT_STORE | OPT_CONFIG, cmd_trend },
	{ "ingest", "[options] FILE...", "keep the sightings of files in the store; what is in it already is left out",
	  "  grescope ingest captures/\n"
	  "  grescope ingest --sensor taipei --store /var/lib/grescope/store.db *.pcap.zst\n"
	  "  grescope ingest --pin-origin today.pcap           network and place as they are now, for good\n",
	  OPT_INPUT | OPT_WINDOW | OPT_STORE | OPT_PIN | OPT_DATA | OPT_QUOTA | OPT_CONFIG, cmd_ingest },
	{ "logs", "[options] test FILE...|formats", "how each line of a firewall's log is read; which formats there are",
	  "  grescope logs test /var/log/kern.log          each line that tells of a packet: what was read of it, or why not\n"
	  "  grescope logs test -v --tz Europe/Berlin x.gz all lines, times in a zone\n"
	  "  grescope logs formats\n",
	  OPT_LOGS | OPT_CONFIG, cmd_logs },
	{ "store", "[options] info|check|prune|compact|export-archive FILE|import-archive FILE...",
	  "how the store is, whether it is sound, making it smaller, moving and merging it",
	  "  grescope store info\n"
	  "  grescope store check\n"
	  "  grescope store prune --older-than 180d\n"
	  "  grescope store export-archive north.jsonl.zst\n"
	  "  grescope store import-archive north.jsonl.zst south.jsonl.zst\n",
	  OPT_STORE | OPT_PRUNE | OPT_CHECK | OPT_JSON | OPT_SENSOR, cmd_store },
	{ "watch", "[options] -i IFACE", "the sensor: live capture into the store, for months",
	  "  grescope watch -i eth0\n"
	  "  grescope watch -i eth0 -i eth1 --sensor taipei --store /var/lib/grescope/store.db\n"
	  "  grescope watch --config /etc/grescope/grescope.conf\n",
	  OPT_CONFIG | OPT_SETTINGS | OPT_PIN, cmd_watch },
	{ "config", "[options] check [FILE] | show", "is the sensor's configuration sound, and what would it do",
	  "  grescope config check                             /etc/grescope/grescope.conf\n"
	  "  grescope config check my.conf\n"
	  "  grescope config show --defaults                   every key, its meaning, its default\n",
	  OPT_CONFIG | OPT_CONFIG_SHOW, cmd_config },
	{ "doctor", "[options]", "is all well: store, databases, disk, gaps in time, losses; and what to do",
	  "  grescope doctor\n"
	  "  grescope doctor --store /var/lib/grescope/store.db --format json\n",
	  OPT_STORE | OPT_DATA | OPT_DOCTOR | OPT_CONFIG, cmd_doctor },
};
#define N_VERBS (sizeof verbs / sizeof *verbs)

static void usage(FILE *to)
{
	fputs("grescope - a telescope for GRE (IP protocol 47)\n\n"
	      "  grescope report capture.pcap              who sends it, by city\n"
	      "  grescope report --by network *.pcap.gz    by network\n"
	      "  grescope export --format csv capture.pcap the raw data\n"
	      "  grescope bots capture.pcap                the bots behind a flood\n"
	      "  grescope ingest captures/                 keep it; then report and export need no files\n\n"
	      "usage: grescope VERB [options] [FILE...]      grescope VERB --help says more\n\n",
	      to);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\nFiles: pcap, pcapng, and raw-data tables, also .gz and .zst; - is stdin; folders and patterns are read in order of time.\n"
	      "Exit: 0 done, 1 nothing matched (--fail-empty), 2 usage, 3 configuration or data file, 4 input damaged or missing,\n"
	      "      5 store, 6 permission or network.\n",
	      to);
}

/* An answer that could not be written is none, whatever it would have said; what failed before is told already. */
static int written(int code)
{
	if ((fflush(stdout) == 0 && !ferror(stdout)) || (code != EXIT_DONE && code != EXIT_EMPTY))
		return code;
	say("stdout: %s", strerror(errno));
	return EXIT_DAMAGED;
}

int main(int argc, char **argv)
{
	struct options o;

	setlocale(LC_CTYPE, ""); /* for the terminal's character set; numbers and times stay the same everywhere */
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		for (size_t i = 0; argc > 2 && i < N_VERBS; i++)
			if (strcmp(argv[2], verbs[i].name) == 0) {
				options_help(&verbs[i]);
				return written(EXIT_DONE);
			}
		usage(stdout);
		return written(EXIT_DONE);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("grescope %s\n", GRESCOPE_VERSION);
		return written(EXIT_DONE);
	}
	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		int r = options_parse(argc - 1, argv + 1, &verbs[i], &o);
		if (r != 0)
			return r < 0 ? written(EXIT_DONE) : r;
		r = verbs[i].run(&o);
		return written(r);
	}
	say("no verb `%s`; grescope --help lists them", argv[1]);
	return EXIT_USAGE;
}
