/*
 * bots.c - processes as a table
 *
 * Machines are estimated from below: a Mirai process stops its siblings, so what runs at the same time is on different machines; processes of one byte order at one distance behind one
 * address that never overlap in time may be one machine, started anew.
 */
#include "query/bots.h"

#include "base/arena.h"
#include "base/map.h"
#include "query/sizes.h"
#include "query/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* X(id, name, title, description, type, hidden in text) */
#define BOTS_COLUMNS(X)                                                                                                                  \
	X(BOT, "bot", "Bot", "identifier of the process: its seed, or its position on the generator's cycle", GS_CELL_TEXT, 0)             \
	X(CLASS, "class", "Class", "class of most of its packets", GS_CELL_TEXT, 0)                                                       \
	X(BYTE_ORDER, "byte_order", "Order", "byte order of its processor: little or big", GS_CELL_TEXT, 0)                               \
	X(PACKETS_SEEN, "packets_seen", "Seen", "packets seen", GS_CELL_COUNT, 0)                                                         \
	X(PACKETS_SENT, "packets_sent", "Sent", "packets it sent to all its targets, up to the last one seen", GS_CELL_COUNT, 0)          \
	X(TARGETS, "targets", "Targets", "addresses or prefixes it attacked at a time", GS_CELL_COUNT, 0)                                 \
	X(LOSS, "loss", "Loss", "share of what it sent to the targets seen that was not seen, 0 to 1", GS_CELL_REAL, 0)                   \
	X(RATE_PPS, "rate_pps", "Rate", "packets a second to all its targets while it attacked", GS_CELL_REAL, 0)                         \
	X(HOPS, "hops", "Hops", "routers passed", GS_CELL_NUMBER, 0)                                                                      \
	X(SRC_IPS, "src_ips", "Sources", "outer source addresses", GS_CELL_COUNT, 0)                                                      \
	X(SRC_IP_FIRST, "src_ip_first", "First source", "the first of them", GS_CELL_ADDR, 0)                                             \
	X(PROCESS_START, "process_start", "Started", "start of the process by the clock of its device, UTC", GS_CELL_TIME, 0)             \
	X(PROCESS_NAMES, "process_names", "Process names", "argv[0] and command name, as the published code makes them", GS_CELL_TEXT, 0) \
	X(FIRST_SEEN, "first_seen", "First seen", "first packet, UTC", GS_CELL_TIME, 0)                                                   \
	X(LAST_SEEN, "last_seen", "Last seen", "last packet, UTC", GS_CELL_TIME, 0)                                                       \
	X(EVIDENCE, "evidence", "Evidence", "bits of proof of its best packet, and how sure the rest is", GS_CELL_TEXT, 1)

enum bots_column {
#define X(id, name, title, description, type, hidden) BOTS_##id,
	BOTS_COLUMNS(X)
#undef X
	BOTS_N,
};

static const struct gs_column columns[] = {
#define X(id, name, title, description, type, hidden) { name, title, description, type, hidden },
	BOTS_COLUMNS(X)
#undef X
};

#define BATCH 256
#define TEXT_MAX 256 /* what one cell may need */
#define ROW_TEXT (3 * TEXT_MAX)

struct answer {
	const struct gs_bots_question *q;
	const struct gs_bot_process *list;
	int sort;
	bool descending;
	struct gs_arena *arena;
};

const struct gs_column *gs_bots_columns(unsigned *ret_n)
{
	*ret_n = BOTS_N;
	return columns;
}

/* ---- identifiers ---- */

static size_t id_format(const struct gs_bot_process *p, char out[GS_BOT_TEXT_MAX])
{
	const struct gs_sighting s = { .bot_kind = p->bot_kind, .bot_hi = p->bot_hi, .bot_lo = p->bot_lo };

	return gs_bot_format(&s, out);
}

bool gs_bot_id_parse(const char *text, size_t len, struct gs_bot_id *ret)
{
	struct gs_bot_id id = { 0 };
	const char *colon = memchr(text, ':', len);
	const size_t word = colon ? (size_t)(colon - text) : 0, digits = colon ? len - word - 1 : 0;

	if (word == 4 && memcmp(text, "seed", 4) == 0)
		id.kind = GS_BOT_SEED;
	else if (word == 3 && memcmp(text, "pos", 3) == 0)
		id.kind = GS_BOT_POSITION;
	if (!id.kind || digits == 0 || digits > 32)
		return false;
	for (const char *p = colon + 1; p < text + len; p++) {
		const char c = *p;
		const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (digit < 0)
			return false;
		id.hi = id.hi << 4 | id.lo >> 60;
		id.lo = id.lo << 4 | (unsigned)digit;
	}
	*ret = id;
	return true;
}

/* The byte order stands in the lowest bits of the number. */
bool gs_bot_same_position(uint64_t hi, uint64_t lo, uint64_t other_hi, uint64_t other_lo)
{
	int64_t d;

	return (lo & 3) == (other_lo & 3) && gs_bot_distance((struct gs_bot_position){ hi, lo }, (struct gs_bot_position){ other_hi, other_lo }, &d) &&
	       d <= GS_BOT_NEAR && d >= -GS_BOT_NEAR;
}

bool gs_bot_is(const struct gs_bot_process *p, const struct gs_bot_id *id)
{
	if (id->kind == GS_BOT_SEED)
		return p->bot_kind == GS_BOT_SEED && p->bot_hi == id->hi && p->bot_lo == id->lo;
	return id->kind == GS_BOT_POSITION && gs_bot_same_position(p->pos_hi, p->pos_lo, id->hi, id->lo);
}

/* ---- cells ---- */

static void cell_text(struct gs_cell *c, const char *text)
{
	c->text = text;
	c->set = true;
}

static void cell_count(struct gs_cell *c, bool set, uint64_t v)
{
	c->u64 = v;
	c->set = set;
}

static void cell_real(struct gs_cell *c, double v)
{
	c->real = v < 0 ? 0 : v;
	c->set = v >= 0;
}

static void cell_time(struct gs_cell *c, bool set, struct gs_time t)
{
	c->time = t;
	c->set = set;
}

static void evidence_format(const struct gs_bot_process *p, char out[TEXT_MAX])
{
	int n = snprintf(out, TEXT_MAX, "bits=%u;attacks=%u", p->evidence, p->attacks);

	if (p->targets)
		n += snprintf(out + n, TEXT_MAX - (size_t)n, ";targets=%s", p->targets_sure ? "exact" : "at-most");
	if (!p->src_ips_exact)
		n += snprintf(out + n, TEXT_MAX - (size_t)n, ";sources=estimated");
	if (p->duplicates)
		n += snprintf(out + n, TEXT_MAX - (size_t)n, ";duplicates=%" PRIu64, p->duplicates);
	if (p->quoted)
		n += snprintf(out + n, TEXT_MAX - (size_t)n, ";quoted=%" PRIu64, p->quoted);
	if (p->seed_found)
		n += snprintf(out + n, TEXT_MAX - (size_t)n, ";seed=found");
	else if (p->seed_steps)
		n += snprintf(out + n, TEXT_MAX - (size_t)n, ";seed=none-in-%" PRIu64, p->seed_steps);
	(void)n;
}

static void cell_of(const struct answer *a, unsigned column, const struct gs_bot_process *p, struct gs_cell *c, char **text)
{
	*c = (struct gs_cell){ 0 };
	switch ((enum bots_column)column) {
	case BOTS_BOT:
		cell_text(c, *text);
		*text += id_format(p, *text) + 1;
		break;
	case BOTS_CLASS:
		cell_text(c, gs_class_word(p->class_));
		break;
	case BOTS_BYTE_ORDER:
		cell_text(c, p->byte_order == GS_BOT_LITTLE ? "little" : "big");
		c->set = p->byte_order != GS_BOT_ORDER_UNKNOWN;
		break;
	case BOTS_PACKETS_SEEN:
		cell_count(c, true, p->packets_seen);
		break;
	case BOTS_PACKETS_SENT:
		cell_count(c, true, p->packets_sent);
		break;
	case BOTS_TARGETS:
		cell_count(c, p->targets != 0, p->targets);
		break;
	case BOTS_LOSS:
		cell_real(c, p->loss);
		break;
	case BOTS_RATE_PPS:
		cell_real(c, p->rate_pps);
		break;
	case BOTS_HOPS:
		cell_count(c, p->hops >= 0, (uint64_t)p->hops);
		break;
	case BOTS_SRC_IPS:
		cell_count(c, true, p->src_ips);
		break;
	case BOTS_SRC_IP_FIRST:
		c->set = p->n_src > 0;
		if (a->q->redact_dst && p->quoted) {
			c->as_text = true;
			c->text = "REDACTED";
		} else {
			c->addr = p->src[0];
		}
		break;
	case BOTS_PROCESS_START:
		cell_time(c, p->seed_found, (struct gs_time){ (int64_t)p->seed_x * GS_NS_PER_S });
		break;
	case BOTS_PROCESS_NAMES:
		cell_text(c, *text);
		*text += snprintf(*text, TEXT_MAX, "%s;%s", p->argv0, p->comm) + 1;
		c->set = p->seed_found;
		break;
	case BOTS_FIRST_SEEN:
		cell_time(c, true, p->first_seen);
		break;
	case BOTS_LAST_SEEN:
		cell_time(c, true, p->last_seen);
		break;
	case BOTS_EVIDENCE:
		cell_text(c, *text);
		evidence_format(p, *text);
		*text += strlen(*text) + 1;
		break;
	case BOTS_N:
		break;
	}
}

/* ---- order ---- */

static int compare_cells(const struct answer *a, const struct gs_bot_process *p, const struct gs_bot_process *q)
{
	char text_p[ROW_TEXT], text_q[ROW_TEXT], *at_p = text_p, *at_q = text_q;
	struct gs_cell cp, cq;

	cell_of(a, (unsigned)a->sort, p, &cp, &at_p);
	cell_of(a, (unsigned)a->sort, q, &cq, &at_q);
	return query_cell_compare(columns[a->sort].type, &cp, &cq, a->descending);
}

static int compare(const void *pp, const void *pq, void *arg)
{
	const struct answer *a = arg;
	const struct gs_bot_process *p = &a->list[*(const size_t *)pp], *q = &a->list[*(const size_t *)pq];
	const int c = a->sort >= 0 ? compare_cells(a, p, q) : 0;

	if (c)
		return c;
	if (p->packets_sent != q->packets_sent)
		return p->packets_sent > q->packets_sent ? -1 : 1;
	if (p->packets_seen != q->packets_seen)
		return p->packets_seen > q->packets_seen ? -1 : 1;
	if (p->bot_hi != q->bot_hi)
		return p->bot_hi < q->bot_hi ? -1 : 1;
	if (p->bot_lo != q->bot_lo)
		return p->bot_lo < q->bot_lo ? -1 : 1;
	return (p > q) - (p < q);
}

static int set_sort(struct answer *a, struct gs_error *err)
{
	const char *name = a->q->sort;
	char list[GS_ERROR_TEXT_MAX] = "";
	size_t n = 0;

	a->sort = -1;
	if (!name)
		return 0;
	a->descending = *name == '-';
	for (int i = 0; i < BOTS_N; i++) {
		if (strcmp(columns[i].name, name + a->descending) == 0)
			a->sort = i;
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", columns[i].name);
	}
	return a->sort >= 0 ? 0 : gs_fail(err, GS_ERR_USAGE, "--sort %.40s is no column of this question; its columns: %s", name, list);
}

/* ---- totals ---- */

struct home {
	struct gs_addr src;
	int16_t hops;
	uint8_t byte_order;
	uint32_t apart; /* 0, or a number of its own for a process with many sources: nobody knows where it is at home */
};

static int compare_homes(const struct home *a, const struct home *b)
{
	const int c = gs_addr_compare(&a->src, &b->src);

	if (c)
		return c;
	if (a->hops != b->hops)
		return a->hops < b->hops ? -1 : 1;
	if (a->byte_order != b->byte_order)
		return a->byte_order < b->byte_order ? -1 : 1;
	return (a->apart > b->apart) - (a->apart < b->apart);
}

struct stay {
	struct home home;
	int64_t at;
	bool ends;
};

static int compare_stays(const void *pa, const void *pb)
{
	const struct stay *a = pa, *b = pb;
	const int c = compare_homes(&a->home, &b->home);

	if (c)
		return c;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (int)a->ends - (int)b->ends; /* of two that meet, the first is still there */
}

/* For each home the most processes at the same time. */
static int count_machines(const struct answer *a, size_t n, uint64_t *ret)
{
	struct stay *stays = malloc((n ? 2 * n : 1) * sizeof *stays);
	uint64_t machines = 0, here = 0, most = 0;

	if (!stays)
		return GS_ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct gs_bot_process *p = &a->list[i];
		const struct home h = { .src = p->src[0], .hops = p->hops, .byte_order = p->byte_order, .apart = p->src_ips == 1 ? 0 : (uint32_t)i + 1 };
		stays[2 * i] = (struct stay){ h, p->first_seen.ns, false };
		stays[2 * i + 1] = (struct stay){ h, p->last_seen.ns, true };
	}
	qsort(stays, 2 * n, sizeof *stays, compare_stays);
	for (size_t i = 0; i < 2 * n; i++) {
		if (i && compare_homes(&stays[i].home, &stays[i - 1].home) != 0) {
			machines += most;
			here = most = 0;
		}
		here += stays[i].ends ? (uint64_t)-1 : 1;
		most = here > most ? here : most;
	}
	*ret = machines + most;
	free(stays);
	return 0;
}

/* Different addresses; of processes with more than were kept the rest are added, as if no two shared one. */
static int count_addresses(const struct answer *a, size_t n, uint64_t *ret, bool *ret_estimated)
{
	struct gs_map seen;
	uint64_t more = 0;
	bool is_new;

	*ret_estimated = false;
	if (gs_map_init(&seen, sizeof(struct gs_addr), sizeof(struct gs_addr), query_map_cap_for(n * GS_BOT_SRC_SAMPLE, sizeof(struct gs_addr)), a->q->hash_seed) < 0)
		return GS_ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct gs_bot_process *p = &a->list[i];
		for (unsigned k = 0; k < p->n_src; k++)
			gs_map_get(&seen, gs_map_hash(&seen, &p->src[k]), &p->src[k], &is_new);
		more += p->src_ips > p->n_src ? p->src_ips - p->n_src : 0;
		*ret_estimated |= !p->src_ips_exact;
	}
	*ret = seen.count + more;
	gs_map_done(&seen);
	return 0;
}

static void figure(struct gs_meta *m, const char *name, uint64_t value)
{
	if (m->n_figures < sizeof m->figures / sizeof *m->figures)
		m->figures[m->n_figures++] = (struct gs_figure){ name, value };
}

static void note(struct answer *a, struct gs_meta *m, const char *text)
{
	if (text && m->n_notes < sizeof m->notes / sizeof *m->notes)
		m->notes[m->n_notes++] = text;
	(void)a;
}

static const char *grouped(struct answer *a, uint64_t v)
{
	char plain[24], out[32];
	const int n = snprintf(plain, sizeof plain, "%" PRIu64, v);
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = plain[i];
	}
	const char *text = gs_arena_strndup(a->arena, out, at);
	return text ? text : "?";
}

static const char *plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

static void fill_notes(struct answer *a, size_t n, const struct gs_bots_rest *rest, struct gs_meta *m)
{
	const uint64_t unassigned = rest->pending + rest->unlinked + rest->refused + rest->skipped;

	if (unassigned)
		note(a, m, gs_arena_printf(a->arena, "%s %s that may be a bot's belong to no process: %s waited for another of the attack, %s came where no table had "
		                           "room, %s where searching was over its rate", grouped(a, unassigned), plural(unassigned, "packet", "packets"),
		                           grouped(a, rest->pending + rest->unlinked), grouped(a, rest->refused), grouped(a, rest->skipped)));
	if (rest->filtered)
		note(a, m, gs_arena_printf(a->arena, "the filters left out %s %s that may be a bot's before they were tracked%s", grouped(a, rest->filtered),
		                           plural(rest->filtered, "packet", "packets"),
		                           rest->by_address ? "; of processes seen, these count as sent, and partly as lost" : ""));
	if (rest->seeds_cut_short)
		note(a, m, gs_arena_printf(a->arena, "%s of %s seeds found; the search ended with its budget of %s draws (--seed-budget)",
		                           grouped(a, rest->seeds_found), grouped(a, rest->seeds_sought), grouped(a, rest->seed_budget)));
	if (rest->records)
		note(a, m, gs_arena_printf(a->arena, "%s %s of raw data without packets: nothing can be proved of them", grouped(a, rest->records),
		                           plural(rest->records, "row", "rows")));
	if (n == 0)
		return;
	note(a, m, "made by a program with Mirai's generator and order of draws; one that copies both exactly would show the same");
	note(a, m, "processes and packets sent follow from the generator; machines are the fewest that could run these processes");
	for (size_t i = 0; i < n; i++)
		if (a->list[i].seed_found) {
			note(a, m, "start times are by the bot's clock; process names are what the published code would make: both checked on made-up traffic only");
			break;
		}
}

static int fill_meta(struct answer *a, size_t n, const struct gs_bots_rest *rest, struct gs_meta *m)
{
	uint64_t seen = 0, sent = 0, addresses = 0, machines = 0;
	bool estimated;

	if (count_machines(a, n, &machines) < 0 || count_addresses(a, n, &addresses, &estimated) < 0)
		return GS_ERR_NOMEM;
	m->first_seen.ns = INT64_MAX;
	m->last_seen.ns = INT64_MIN;
	for (size_t i = 0; i < n; i++) {
		const struct gs_bot_process *p = &a->list[i];
		seen += p->packets_seen;
		sent = sent + p->packets_sent < sent ? UINT64_MAX : sent + p->packets_sent;
		m->first_seen = p->first_seen.ns < m->first_seen.ns ? p->first_seen : m->first_seen;
		m->last_seen = p->last_seen.ns > m->last_seen.ns ? p->last_seen : m->last_seen;
	}
	m->packets = seen;
	m->bytes = 0;
	m->sources = addresses;
	m->sources_estimated = estimated;
	m->rows_total = n;
	figure(m, "processes", n);
	figure(m, "addresses", addresses);
	figure(m, "machines", machines);
	figure(m, "packets_seen", seen);
	figure(m, "packets_sent", sent);
	figure(m, "packets_pending", rest->pending);
	figure(m, "packets_unlinked", rest->unlinked);
	figure(m, "packets_refused", rest->refused);
	figure(m, "packets_skipped", rest->skipped);
	figure(m, "packets_filtered", rest->filtered);
	const char *found = gs_arena_printf(a->arena, "%s %s behind %s%s %s, at least %s %s; %s packets seen, %s sent in all", grouped(a, n),
	                             plural(n, "process", "processes"), estimated ? "about " : "", grouped(a, addresses), plural(addresses, "address", "addresses"),
	                             grouped(a, machines), plural(machines, "machine", "machines"), grouped(a, seen), grouped(a, sent));
	if (n == 0)
		found = "no process of a bot";
	m->findings[m->n_findings++] = found;
	m->no_totals = true;
	fill_notes(a, n, rest, m);
	return found ? 0 : GS_ERR_NOMEM;
}

/* ---- the answer ---- */

static int write_rows(const struct answer *a, const size_t *order, size_t n, const struct gs_table_writer *w, struct gs_error *err)
{
	struct gs_cell *cells = malloc(BATCH * BOTS_N * sizeof *cells);
	char *text = malloc(BATCH * ROW_TEXT);
	int r = cells && text ? 0 : gs_fail(err, GS_ERR_NOMEM, "out of memory");

	for (size_t at = 0; at < n && r == 0;) {
		struct gs_table t = { .columns = columns, .n_columns = BOTS_N, .cells = cells };
		char *next = text;
		for (; at < n && t.n_rows < BATCH; at++, t.n_rows++)
			for (unsigned i = 0; i < BOTS_N; i++)
				cell_of(a, i, &a->list[order[at]], &cells[t.n_rows * BOTS_N + i], &next);
		r = w->rows(w->arg, &t, err);
	}
	free(cells);
	free(text);
	return r;
}

int gs_bots_answer(const struct gs_bots_question *q, const struct gs_bot_process *list, size_t n, const struct gs_bots_rest *rest,
                   const struct gs_table_writer *writer, struct gs_meta *meta, uint64_t *ret_rows, struct gs_error *err)
{
	struct answer a = { .q = q, .list = list, .arena = gs_arena_new(64u << 10) };
	size_t *order = malloc((n ? n : 1) * sizeof *order);
	const unsigned notes = meta->n_notes;
	const size_t rows = q->limit && q->limit < n ? (size_t)q->limit : n;
	int r = set_sort(&a, err);

	if (r < 0)
		goto out;
	if (!a.arena || !order || fill_meta(&a, n, rest, meta) < 0) {
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof *order, compare, &a);
	r = writer->begin(writer->arg, columns, BOTS_N, meta, true, err);
	if (r == 0)
		r = write_rows(&a, order, rows, writer, err);
	if (r == 0)
		r = writer->end(writer->arg, meta, err);
	if (r == 0)
		*ret_rows = rows;
out:
	meta->n_findings = 0; /* these lived in the arena */
	meta->n_notes = notes;
	free(order);
	gs_arena_free(a.arena);
	return r;
}
