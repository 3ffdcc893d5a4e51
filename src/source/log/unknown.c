/*
 * unknown.c - lines that name protocol 47 in so many words and that no format took: counted, so that nobody is left believing a log was read
 *
 * Asked last. Compressed octets between lines (a rotated file that was appended) are said here as well, at the place where they begin.
 */
#include "source/log.h"

static const char *const needles[] = {
	"proto=47", "proto=gre", "proto=\"47\"", "proto=\"gre\"", "protocol=47", "protocol=gre", "protocol=\"47\"", "protocol=\"gre\"",
	"protocol-id=47", "protocol-id=\"47\"", "protocol 47", "protocol gre", "protocol: 47", "protocol: gre", "protocol-id: 47",
	"proto 47", "proto gre", "proto: 47", "proto: gre",
	/* JSON */
	"protocol\":47", "protocol\": 47", "protocol\":\"47\"", "protocol\": \"47\"", "protocol\":\"gre", "protocol\": \"gre", "proto\":47",
	"proto\": 47", "proto\":\"47\"", "proto\": \"47\"", "proto\":\"gre", "proto\": \"gre", "transport\":\"gre\"",
	"transport\": \"gre\"",
	/* Snort and Suricata for people, Cisco's zone-based firewall, ASA where it drops for want of a route or a translation */
	"{gre}", "{proto:047}", "gre session", "gre packet", "gre pkt", "for gre from", "for gre src", "\x1f\x8b\x08", NULL
};

static enum log_word unknown_read(const struct log_line *line, void *state, struct log_row *row)
{
	(void)state;
	if (log_find(line->all, "\x1f\x8b\x08")) {
		row->why = "in the middle of the text is not read";
		return log_fail(row, "gzip-compressed data", (log_cell){ 0 }), LOG_BAD;
	}
	return log_fail(row, "line", line->text.len ? line->text : line->all), LOG_BAD; /* structured data may be all there is */
}

const struct log_format log_unknown = {
	.name = "unknown",
	.what = "any other line that names protocol 47: counted as not understood",
	.needles = needles,
	.read = unknown_read,
	.no_public_sample = true,
};
