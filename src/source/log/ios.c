/*
 * ios.c - access-list logs of Cisco IOS, IOS XE, IOS XR and NX-OS
 *
 *   %SEC-6-IPACCESSLOGNP: list NAME denied|permitted 47 A -> B, N packet[s]                         NP: protocols without a name, RP:
 *     with one
 *   %SEC-6-IPACCESSLOGRP: list NAME denied gre A [(IF MAC)] -> B, N packets                         log-input adds interface and MAC
 *   %IPV6_ACL-6-ACCESSLOGNP: list NAME/SEQ denied 47 A -> B, N packets
 *   %FMANFP-6-IPACCESSLOGNP: [Chassis n ]F0: fman_fp_image: list NAME denied 47 [MAC] A [IF]-> B, N packets     IOS XE
 *   %ACL-IPV4_ACL-6-IPACCESSLOGNP : access-list NAME (SEQ) deny|permit gre A -> B, N packets        IOS XR
 *   %ACLLOG-6-ACLLOG_FLOW_INTERVAL: Src IP: A, Dst IP: B, Src Port: 0, ..., Protocol: "GRE"(47), ... Hit-count = N    NX-OS; older:
 *     Source IP, Destination IP
 *
 * Evidence: addresses, time, packets. N counts the packets since the last message for the pair (five minutes or a threshold), so N
 * packets may be older than the time by that much: how much is not said. Protocol 0 is a standard list, which looks at no protocol: not
 * GRE. IPACCESSLOGRL tells that messages were lost, not what of: no record. No length, TTL or DF. Trap: which of the two times of a line
 * (device, collector) counts is the prefix's matter.
 *
 * Source: Cisco IOS System Message Guide (SEC, IPV6_ACL), Cisco IOS XE FMANFP messages, NX-OS System Messages Reference (ACLLOG). Public
 * GRE lines: none found.
 */
#include "source/log/record.h"

/* The first word of the cell that is an address, with or without a port behind. */
static bool address_find(log_cell c, log_cell *ret)
{
	struct gs_addr a;

	for (log_cell word = log_step(&c); word.len > 0; word = log_step(&c)) {
		if (word.text[word.len - 1] == ',')
			word.len--;
		if (!log_address_port(word, &a))
			continue;
		*ret = log_address(word, &a) ? word : log_until(&word, '(');
		return true;
	}
	return false;
}

static bool ends_set(struct log_row *row, log_cell src, log_cell dst)
{
	log_cell a;

	if (!address_find(src, &a))
		return log_fail(row, "source", log_trim(src));
	if (!log_set_src(row, a))
		return false;
	if (!address_find(dst, &a))
		return log_fail(row, "destination", log_trim(dst));
	return log_set_dst(row, a);
}

/* "list NAME denied 47 A -> B, 12 packets" */
static enum log_word list_read(struct log_row *row, log_cell m)
{
	log_step(&m);
	log_cell action = log_step(&m);

	if (action.len > 0 && action.text[0] == '(')
		action = log_step(&m);
	if (log_is(action, "rate-limited"))
		return LOG_OTHER; /* "access-list logging rate-limited or missed 18 packets" */
	if (!log_is(action, "denied") && !log_is(action, "permitted") && !log_is(action, "deny") && !log_is(action, "permit"))
		return LOG_NO;
	if (log_protocol(log_step(&m)) != LOG_PROTO_GRE)
		return LOG_OTHER;
	const char *arrow = log_find(m, "->");
	if (!arrow)
		return log_fail(row, "source and destination", m) ? LOG_GRE : LOG_BAD;
	log_cell left = { m.text, (size_t)(arrow - m.text) }, right = log_from(m, arrow + 2);
	log_cell dst = log_until(&right, ',');
	if (!ends_set(row, left, dst))
		return LOG_BAD;
	log_cell n = log_step(&right);
	if (!log_starts(right, "packet"))
		return log_fail(row, "number of packets", n) ? LOG_GRE : LOG_BAD;
	return log_set_packets(row, n) ? LOG_GRE : LOG_BAD;
}

/* What stands behind one of two names, up to the comma; without quotes. */
static log_cell named(log_cell m, const char *name, const char *other)
{
	const char *at = log_find(m, name);
	size_t skip = strlen(name);

	if (!at && other) {
		at = log_find(m, other);
		skip = strlen(other);
	}
	if (!at)
		return (log_cell){ NULL, 0 };
	m = log_from(m, at + skip);
	return log_trim(log_until(&m, ','));
}

/* `"GRE"(47)`: the number, where there is one. */
static log_cell nxos_protocol(log_cell c)
{
	log_cell number = c;

	log_until(&number, '(');
	if (number.len > 0)
		return log_until(&number, ')');
	if (c.len >= 2 && c.text[0] == '"' && c.text[c.len - 1] == '"')
		return (log_cell){ c.text + 1, c.len - 2 };
	return c;
}

static enum log_word nxos_read(struct log_row *row, log_cell m)
{
	if (log_protocol(nxos_protocol(named(m, "Protocol: ", NULL))) != LOG_PROTO_GRE)
		return LOG_OTHER;
	const log_cell src = named(m, "Src IP: ", "Source IP: "), dst = named(m, "Dst IP: ", "Destination IP: ");
	log_cell n = named(m, "Hit-count = ", "Hit-count: ");
	if (!ends_set(row, src, dst))
		return LOG_BAD;
	return log_set_packets(row, log_step(&n)) ? LOG_GRE : LOG_BAD;
}

static enum log_word ios_read(const struct log_line *line, void *state, struct log_row *row)
{
	(void)state;
	const log_cell all = log_record(line);
	const char *at = log_find(all, "ACCESSLOG");
	if (at) {
		const log_cell m = log_from(all, at);
		const char *list = log_find(m, "list ");
		if (!list)
			return LOG_NO;
		log_cell rest = log_from(m, list);
		log_step(&rest);
		return list_read(row, rest);
	}
	at = log_find(all, "ACLLOG_");
	return at ? nxos_read(row, log_from(all, at)) : LOG_NO;
}

static const char *const needles[] = { "denied 47 ", "denied gre ", "permitted 47 ", "permitted gre ", "deny 47 ", "deny gre ",
				       "permit 47 ", "permit gre ", "\"(47)",        "\"gre\"",        NULL };

const struct log_format log_ios = {
	.name = "cisco-ios",
	.what = "access lists of Cisco IOS, IOS XE, IOS XR, NX-OS",
	.needles = needles,
	.read = ios_read,
	.no_public_sample = true,
};
