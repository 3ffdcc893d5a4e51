/*
 * bot_story.c - one process in sentences: what is proven, what follows from it, what is only likely
 *
 * Written for an abuse notice: each sentence stands alone and claims no more than the evidence does. Limits: docs/forensics.md.
 */
#include "query/bots.h"

#include <inttypes.h>
#include <stdio.h>

struct story {
	struct gs_buf *out;
	bool redact;
};

static void put_addr(struct story *s, const struct gs_addr *a, bool ours)
{
	char text[GS_ADDR_TEXT_MAX];

	if (ours && s->redact) {
		gs_buf_puts(s->out, "REDACTED");
		return;
	}
	gs_buf_put(s->out, text, gs_addr_format(a, text));
}

static void put_time(struct story *s, struct gs_time t)
{
	char text[GS_TIME_TEXT_MAX];

	gs_time_format(t, 0, text);
	gs_buf_printf(s->out, "%.10s %.8s UTC", text, text + 11);
}

static void put_count(struct story *s, uint64_t n, const char *one, const char *many)
{
	char plain[24];
	const int len = snprintf(plain, sizeof plain, "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			gs_buf_putc(s->out, ',');
		gs_buf_putc(s->out, plain[i]);
	}
	gs_buf_printf(s->out, " %s", n == 1 ? one : many);
}

static void put_heading(struct story *s, const struct gs_bot_process *p)
{
	const struct gs_sighting id = { .bot_kind = p->bot_kind, .bot_hi = p->bot_hi, .bot_lo = p->bot_lo };
	const struct gs_sighting position = { .bot_kind = GS_BOT_POSITION, .bot_hi = p->pos_hi, .bot_lo = p->pos_lo };
	char text[GS_BOT_TEXT_MAX];

	gs_bot_format(&id, text);
	gs_buf_printf(s->out, "bot %s\n", text);
	if (p->bot_kind == GS_BOT_SEED) {
		gs_bot_format(&position, text);
		gs_buf_printf(s->out, "also %s\n", text);
	}
}

static void put_sources(struct story *s, const struct gs_bot_process *p)
{
	const bool quotes_only = p->quoted == p->packets_seen;

	if (p->src_ips <= 1) {
		gs_buf_puts(s->out, "from the address ");
	} else {
		gs_buf_puts(s->out, p->src_ips_exact ? "from " : "from about ");
		put_count(s, p->src_ips, "address", "addresses");
		gs_buf_puts(s->out, p->src_ips > p->n_src ? ", among them " : ": ");
	}
	for (unsigned i = 0; i < p->n_src; i++) {
		if (i)
			gs_buf_puts(s->out, ", ");
		put_addr(s, &p->src[i], quotes_only);
	}
}

static void put_proof(struct story *s, const struct gs_bot_process *p)
{
	gs_buf_puts(s->out, "\nProven\n  Between ");
	put_time(s, p->first_seen);
	gs_buf_puts(s->out, " and ");
	put_time(s, p->last_seen);
	gs_buf_puts(s->out, " we saw ");
	put_count(s, p->packets_seen, "GRE packet (IP protocol 47)", "GRE packets (IP protocol 47)");
	gs_buf_puts(s->out, " ");
	put_sources(s, p);
	gs_buf_puts(s->out, ".\n");
	gs_buf_printf(s->out, "  Their random fields come from one generator, that of the Mirai malware (xorshift128, in Mirai's order of draws): %u bits of a single packet or link agree.\n",
	              p->evidence);
	gs_buf_puts(s->out, "  All of them continue one stream of that generator: one running program sent them, whatever their source addresses.\n");
	if (p->byte_order != GS_BOT_ORDER_UNKNOWN)
		gs_buf_printf(s->out, "  The program runs on a %s-endian processor.\n", p->byte_order == GS_BOT_LITTLE ? "little" : "big");
	if (p->quoted) {
		gs_buf_puts(s->out, "  Of these packets ");
		put_count(s, p->quoted, "was seen only as the quote in an ICMP error", "were seen only as quotes in ICMP errors");
		gs_buf_puts(s->out, ": their source address is forged or belongs to a tunnel's end.\n");
	}
}

static void put_attack(struct story *s, const struct gs_bot_attack *a, unsigned number)
{
	gs_buf_printf(s->out, "  Attack %u: %s, %" PRIu32 " octets of data, on ", number, a->flood == GS_BOT_GREETH ? "GRE with Ethernet (greeth)" : "GRE with IPv4 (greip)",
	              a->data_len);
	if (a->targets) {
		put_count(s, a->targets, "target", "targets");
		gs_buf_puts(s->out, a->targets_seen < a->targets ? ", of which we saw " : ", all seen here: ");
		if (a->targets_seen < a->targets)
			put_count(s, a->targets_seen, "here: ", "here: ");
	} else {
		gs_buf_puts(s->out, "targets of unknown number, among them ");
	}
	put_addr(s, &a->dst, true);
	gs_buf_puts(s->out, a->host_drawn ? " (part of a prefix that was attacked as a whole)" : a->targets_seen > 1 ? " and others" : "");
	gs_buf_puts(s->out, "; from ");
	put_time(s, a->first_seen);
	gs_buf_puts(s->out, " to ");
	put_time(s, a->last_seen);
	gs_buf_puts(s->out, "; ");
	put_count(s, a->rounds, "round", "rounds");
	gs_buf_puts(s->out, a->has_start ? " from its very start, " : " from the first packet we saw, ");
	put_count(s, a->packets_sent, "packet sent", "packets sent");
	gs_buf_puts(s->out, ", ");
	put_count(s, a->packets_seen, "seen", "seen");
	if (a->loss >= 0)
		gs_buf_printf(s->out, ", %.2f %% of those to us not seen", a->loss * 100);
	gs_buf_puts(s->out, ".\n");
}

static void put_attacks(struct story *s, const struct gs_bot_process *p, const struct gs_bot_attack *attacks, unsigned n)
{
	gs_buf_puts(s->out, "\nFollows from the stream\n  The program sent ");
	put_count(s, p->packets_sent, "packet", "packets");
	gs_buf_puts(s->out, " in ");
	put_count(s, p->attacks, "attack", "attacks");
	if (p->targets) {
		gs_buf_puts(s->out, p->attacks > 1 ? ", the largest on " : ", on ");
		gs_buf_puts(s->out, p->targets_sure ? "" : "at most ");
		put_count(s, p->targets, "target", "targets");
	}
	if (p->rate_pps >= 0)
		gs_buf_printf(s->out, ", at %.*f packets a second", p->rate_pps < 10 ? 2 : 0, p->rate_pps);
	gs_buf_puts(s->out, ", up to the last packet we saw; it may have sent more after that.\n");
	if (p->duplicates) {
		gs_buf_puts(s->out, "  ");
		put_count(s, p->duplicates, "packet was seen twice.\n", "packets were seen twice.\n");
	}
	for (unsigned i = 0; i < n; i++)
		put_attack(s, &attacks[i], i + 1);
	if (n < p->attacks) {
		gs_buf_puts(s->out, "  ");
		put_count(s, p->attacks - n, "attack more.\n", "attacks more.\n");
	}
}

static void put_inference(struct story *s, const struct gs_bot_process *p)
{
	gs_buf_puts(s->out, "\nInferred\n");
	if (p->hops >= 0)
		gs_buf_printf(s->out, "  The packets passed %d routers, if nobody changed their TTL on the way.\n", p->hops);
	if (p->src_ips == 1 && p->quoted == 0)
		gs_buf_puts(s->out, "  The address is most likely the bot's own or that of its NAT gateway: this flood rarely forges its source.\n");
	if (p->src_ips > 1)
		gs_buf_puts(s->out, "  One program behind several addresses: they were forged, or it changed address, or a gateway has several.\n");
	if (!p->seed_found) {
		gs_buf_puts(s->out, "  No seed of the published code was found");
		if (p->seed_steps) {
			gs_buf_puts(s->out, " within ");
			put_count(s, p->seed_steps, "draw", "draws");
		}
		gs_buf_puts(s->out, ": the program seeds otherwise, or the search was too short.\n");
		return;
	}
	gs_buf_puts(s->out, "  The program started at ");
	put_time(s, (struct gs_time){ (int64_t)p->seed_x * GS_NS_PER_S });
	gs_buf_printf(s->out, " by its device's clock; its process id xor its parent's is %" PRIu32 ", its CPU clock was %" PRIu32 ".\n", p->seed_y, p->seed_z);
	gs_buf_printf(s->out, "  It probably hides as \"%s\" (argv[0]) and \"%s\" (command name): look for these in the process list of the device.\n", p->argv0, p->comm);
}

void gs_bot_story(const struct gs_bot_process *p, const struct gs_bot_attack *attacks, unsigned n_attacks, bool redact_dst, struct gs_buf *out)
{
	struct story s = { out, redact_dst };

	put_heading(&s, p);
	put_proof(&s, p);
	put_attacks(&s, p, attacks, n_attacks);
	put_inference(&s, p);
	gs_buf_puts(out,
	            "\nCaveats\n"
	            "  Proven means: made by a program that uses this generator in this order; one that copies both exactly would show the same.\n"
	            "  The method was checked on one packet of a real attack and on made-up traffic; seeds and process names on made-up traffic only.\n"
	            "  Descendants of Mirai may seed otherwise and make their process names otherwise. Times of the program are by a clock that may be wrong.\n");
}
