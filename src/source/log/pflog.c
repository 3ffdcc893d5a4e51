/*
 * pflog.c - pf's log as tcpdump prints it, and tcpdump's other lines with a date
 *
 *   2026-04-08 17:43:10.123456 rule 3/0(match): block in on em0: 192.0.2.1 > 198.51.100.1: GREv0, length 544: IP ...
 *   2026-04-08 17:43:10.123456 IP (tos 0x0, ttl 54, id 5245, offset 0, flags [DF], proto GRE (47), length 564) 192.0.2.1 > 198.51.100.1: GREv0, ...
 *
 * In brackets stands the IP header with its total length; behind GRE the length without the header. What follows GRE is its inside and not read. With -v tcpdump breaks
 * the line behind the brackets and the addresses stand alone on the next: such lines are counted as bad, their source is not there.
 *
 * Source: tcpdump's print-gre.c, print-ip.c, print-pflog.c; OpenBSD's tcpdump writes "gre" and "ip-proto-47".
 */
#include "source/log.h"

static const char *const needles[] = { ": gre", "proto gre (47)", "next-header gre (47)", "ip-proto-47", "proto 47", NULL };

/* The word behind a name in the header's brackets: "ttl 54,". Empty: not there. */
static log_cell header_word(log_cell head, const char *name)
{
	const char *at = log_find(head, name);

	if (!at)
		return (log_cell){ head.text, 0 };
	log_cell rest = log_from(head, at);
	log_take(&rest, name);
	log_cell word = log_token(&rest);
	while (word.len && (word.text[word.len - 1] == ',' || word.text[word.len - 1] == ')'))
		word.len--;
	return word;
}

/* "192.0.2.1 > 198.51.100.1: rest". False where there is no such thing. */
static bool addresses_find(log_cell text, log_cell *head, log_cell *src, log_cell *dst, log_cell *rest)
{
	const char *at = log_find(text, " > ");

	if (!at)
		return false;
	*head = (log_cell){ text.text, (size_t)(at - text.text) };
	size_t n = 0;
	while (n < head->len && head->text[head->len - 1 - n] != ' ')
		n++;
	*src = (log_cell){ head->text + head->len - n, n };
	head->len -= n;
	*rest = log_from(text, at + 3);
	*dst = log_token(rest);
	if (dst->len < 2 || dst->text[dst->len - 1] != ':')
		return false;
	dst->len--;
	log_take(rest, " "); /* one, as tcpdump writes it: the needles hold one */
	return true;
}

static void lengths_read(struct log_row *row, log_cell head, log_cell behind)
{
	const log_cell total = header_word(head, ", length "), six = header_word(head, "payload length: ");

	if (total.len && !six.len) {
		log_set_ip_len(row, total);
		log_set_ip_id(row, header_word(head, ", id "));
		log_set_df(row, log_find(head, "flags [DF") != NULL);
	} else if (six.len) {
		log_set_ip_payload(row, six);
	} else {
		log_cell length = header_word(behind, "length ");
		if (length.len && length.text[length.len - 1] == ':')
			length.len--;
		log_set_ip_payload(row, length);
	}
	log_set_ttl(row, header_word(head, head.len && log_find(head, "hlim ") ? "hlim " : "ttl "));
}

static enum log_word pflog_read(const struct log_line *line, void *state, struct log_row *row)
{
	log_cell head, src, dst, rest;
	struct gs_addr a;

	(void)state;
	const bool bracket = log_find(line->text, "proto GRE (47)") || log_find(line->text, "next-header GRE (47)");
	if (!addresses_find(line->text, &head, &src, &dst, &rest))
		return bracket ? log_fail(row, "source", (log_cell){ 0 }), LOG_BAD : LOG_NO;
	const bool pf = log_find(head, " in on ") || log_find(head, " out on ");
	if (!pf && !log_find(head, "IP ") && !log_find(head, "IP6 "))
		return LOG_NO;
	const bool gre = log_starts(rest, "gre") || log_starts(rest, "ip-proto-47") || log_starts(rest, "proto 47");
	if (!gre && !bracket)
		return log_address_port(src, &a) && log_address_port(dst, &a) ? LOG_OTHER : LOG_NO;
	if (!log_set_src(row, src) || !log_set_dst(row, dst))
		return LOG_BAD;
	lengths_read(row, head, rest);
	if (log_starts(rest, "grev1")) /* RFC 2637: version 1 carries PPP */
		log_set_gre(row, (log_cell){ 0 }, LOG_CELL("0x880b"));
	return LOG_GRE;
}

const struct log_format log_pflog = {
	.name = "pflog",
	.what = "pf's log through tcpdump (OpenBSD, FreeBSD), tcpdump with a date (-tttt)",
	.needles = needles,
	.read = pflog_read,
	.no_public_sample = true,
};
