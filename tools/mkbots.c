/*
 * mkbots.c - writes a capture file of made-up bots and, beside it, the truth about every packet
 *
 *	mkbots [-n NOTE] DESCRIPTION BASE     reads DESCRIPTION ("-": standard input), writes BASE.pcap and BASE.json
 *
 * A file, never the wire: for tests, demonstrations and for trying other people's detectors. The same description always gives the same files.
 *
 * Description: a line each, "#" to the end of the line is a comment; key=value in any order, all but those marked * may be left out.
 *
 *	scene   seed=1 start=1511500000 loss=0 sample=1 snap=65535 pptp=0 tunnel=0
 *	        loss: share of packets; sample: one in so many is kept; snap: octets of a frame; pptp, tunnel: packets of ordinary traffic mixed in
 *	process name=* order=le|be seed=TIME:PIDS:CLOCK | state=HEX:HEX:HEX:HEX warm=0 src=192.0.2.101 sources=0 hops=12
 *	        seed: as the published code seeds (names are then drawn first); state: any generator; warm: draws before the first attack; sources: packets
 *	        come from so many addresses from src on at random, as through NAT
 *	attack  process=* target=ADDR[/LEN][,...]* sees=0[,...]|all kind=greip|greeth len=512 rounds=100 pps=1000 at=0 draws=0 loss=0
 *	        rand=1 sport= dport= ident= gcip=0 source= ttl=64 tos=0 df=1
 *	        sees: numbers of the targets that the sensor stands for; pps: to all targets together; at: seconds after the scene's start; draws: that the main
 *	        process makes before this attack is forked; source: an address, or -1: drawn for each packet
 *
 * Truth: {file, note, packets, flood_packets, per_bot, snaplen, params, expect, bots, attacks, rows_are, rows}, rows as in tests/forensics/capture.h.
 */
#include "botscene.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PROCESSES 4096
#define MAX_ATTACKS 16384
#define FRAME_HEADER 14

/* What the capture shows of an attack: for each target, the first and the last round of which a packet is there. */
struct shown {
	uint64_t packets;
	uint64_t order;          /* of its first packet */
	uint32_t first[BOT_MAX_TARGETS], end[BOT_MAX_TARGETS]; /* end: one past the last; 0: nothing */
};

struct mkbots {
	struct scene scene;
	struct scene_process *process;
	struct scene_attack *attack;
	uint32_t snap;
	const char *path;        /* of the description, for messages */
	unsigned line;
	FILE *pcap, *json;
	uint64_t packets, flood;
	uint64_t *per_process;
	struct shown *shown;     /* of each attack */
	char **row;
	size_t rows_room;
};

static _Noreturn void die(const struct mkbots *m, const char *what, const char *which)
{
	if (m->line)
		fprintf(stderr, "mkbots: %s: line %u: %s%s%s\n", m->path, m->line, what, which ? ": " : "", which ? which : "");
	else
		fprintf(stderr, "mkbots: %s%s%s\n", what, which ? ": " : "", which ? which : "");
	exit(2);
}

static void *must(const struct mkbots *m, void *p)
{
	if (!p)
		die(m, "out of memory", NULL);
	return p;
}

/* ---- values ---- */

static uint64_t read_number(const struct mkbots *m, const char *text, int base, uint64_t max)
{
	char *end;
	errno = 0;
	const uint64_t v = strtoull(text, &end, base);
	if (errno || end == text || *end || v > max || *text == '-')
		die(m, "not a number in range", text);
	return v;
}

static double read_real(const struct mkbots *m, const char *text, double max)
{
	char *end;
	const double v = strtod(text, &end);
	if (end == text || *end || !(v >= 0 && v <= max))
		die(m, "not a number in range", text);
	return v;
}

static uint32_t read_address(const struct mkbots *m, const char *text)
{
	unsigned a, b, c, d;
	char rest;
	if (sscanf(text, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) != 4 || a > 255 || b > 255 || c > 255 || d > 255)
		die(m, "not an IPv4 address", text);
	return a << 24 | b << 16 | c << 8 | d;
}

static void read_words(const struct mkbots *m, char *text, int base, unsigned n, uint32_t *ret)
{
	char *save = NULL, *word = strtok_r(text, ":", &save);
	for (unsigned i = 0; i < n; i++, word = strtok_r(NULL, ":", &save)) {
		if (!word)
			die(m, "too few numbers", NULL);
		ret[i] = (uint32_t)read_number(m, word, base, UINT32_MAX);
	}
	if (word)
		die(m, "too many numbers", word);
}

static void read_targets(const struct mkbots *m, struct bot_orders *o, char *text)
{
	char *save = NULL;
	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		char *slash = strchr(word, '/');
		if (o->targets == BOT_MAX_TARGETS)
			die(m, "more targets than an operator can name", word);
		if (slash)
			*slash = '\0';
		o->target[o->targets].masklen = slash ? (unsigned)read_number(m, slash + 1, 10, 32) : 32;
		o->target[o->targets++].addr = read_address(m, word);
	}
}

static void read_sees(const struct mkbots *m, struct scene_attack *a, char *text)
{
	char *save = NULL;
	a->sees[0] = false;
	if (strcmp(text, "all") == 0) {
		memset(a->sees, 1, sizeof a->sees);
		return;
	}
	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save))
		a->sees[read_number(m, word, 10, BOT_MAX_TARGETS - 1)] = true;
}

/* ---- lines ---- */

static void set_scene(struct mkbots *m, const char *key, char *value)
{
	struct scene *s = &m->scene;
	if (strcmp(key, "seed") == 0)
		s->seed = read_number(m, value, 0, UINT64_MAX);
	else if (strcmp(key, "start") == 0)
		s->start_ns = (int64_t)read_number(m, value, 10, UINT32_MAX) * INT64_C(1000000000);
	else if (strcmp(key, "loss") == 0)
		s->loss = read_real(m, value, 1);
	else if (strcmp(key, "sample") == 0)
		s->sample = (unsigned)read_number(m, value, 10, UINT32_MAX);
	else if (strcmp(key, "snap") == 0)
		m->snap = (uint32_t)read_number(m, value, 10, 65535);
	else if (strcmp(key, "pptp") == 0)
		s->pptp = (unsigned)read_number(m, value, 10, 1000000000);
	else if (strcmp(key, "tunnel") == 0)
		s->tunnel = (unsigned)read_number(m, value, 10, 1000000000);
	else
		die(m, "a scene has no", key);
}

static void set_process(struct mkbots *m, struct scene_process *p, const char *key, char *value)
{
	if (strcmp(key, "name") == 0) {
		if (strlen(value) >= sizeof p->name || strpbrk(value, "\"\\"))
			die(m, "not a name of up to 15 plain characters", value);
		strcpy(p->name, value);
	} else if (strcmp(key, "order") == 0) {
		if (strcmp(value, "le") != 0 && strcmp(value, "be") != 0)
			die(m, "neither le nor be", value);
		p->big_endian = *value == 'b';
	} else if (strcmp(key, "seed") == 0) {
		uint32_t v[3];
		read_words(m, value, 10, 3, v);
		p->seeded = true;
		p->x = v[0];
		p->y = v[1];
		p->z = v[2];
	} else if (strcmp(key, "state") == 0) {
		read_words(m, value, 16, 4, p->state);
		p->seeded = false;
	} else if (strcmp(key, "warm") == 0) {
		p->warm_up = (unsigned)read_number(m, value, 10, UINT32_MAX);
	} else if (strcmp(key, "src") == 0) {
		p->address = read_address(m, value);
	} else if (strcmp(key, "sources") == 0) {
		p->sources = (unsigned)read_number(m, value, 10, UINT32_MAX);
	} else if (strcmp(key, "hops") == 0) {
		p->hops = (unsigned)read_number(m, value, 10, 254);
	} else {
		die(m, "a process has no", key);
	}
}

static void set_orders(struct mkbots *m, struct bot_orders *o, const char *key, char *value)
{
	if (strcmp(key, "target") == 0)
		read_targets(m, o, value);
	else if (strcmp(key, "kind") == 0 && (strcmp(value, "greip") == 0 || strcmp(value, "greeth") == 0))
		o->greeth = strcmp(value, "greeth") == 0;
	else if (strcmp(key, "len") == 0)
		o->len = (unsigned)read_number(m, value, 10, 1400);
	else if (strcmp(key, "rand") == 0)
		o->rand = read_number(m, value, 10, 1);
	else if (strcmp(key, "sport") == 0)
		o->sport = (int32_t)read_number(m, value, 10, 65535);
	else if (strcmp(key, "dport") == 0)
		o->dport = (int32_t)read_number(m, value, 10, 65535);
	else if (strcmp(key, "ident") == 0)
		o->ident = (int32_t)read_number(m, value, 10, 65535);
	else if (strcmp(key, "gcip") == 0)
		o->gcip = read_number(m, value, 10, 1);
	else if (strcmp(key, "source") == 0)
		o->source = strcmp(value, "-1") == 0 ? -1 : (int64_t)read_address(m, value);
	else if (strcmp(key, "ttl") == 0)
		o->ttl = (uint8_t)read_number(m, value, 10, 255);
	else if (strcmp(key, "tos") == 0)
		o->tos = (uint8_t)read_number(m, value, 10, 255);
	else if (strcmp(key, "df") == 0)
		o->df = read_number(m, value, 10, 1);
	else
		die(m, "an attack has no such", key);
}

static unsigned process_number(const struct mkbots *m, const char *name)
{
	for (unsigned i = 0; i < m->scene.processes; i++)
		if (strcmp(m->process[i].name, name) == 0)
			return i;
	die(m, "no process was named", name);
}

static void set_attack(struct mkbots *m, struct scene_attack *a, const char *key, char *value)
{
	if (strcmp(key, "process") == 0)
		a->process = process_number(m, value);
	else if (strcmp(key, "sees") == 0)
		read_sees(m, a, value);
	else if (strcmp(key, "rounds") == 0)
		a->rounds = read_number(m, value, 10, UINT32_MAX);
	else if (strcmp(key, "pps") == 0)
		a->pps = read_real(m, value, 1e9);
	else if (strcmp(key, "at") == 0)
		a->at = read_real(m, value, 1e8);
	else if (strcmp(key, "draws") == 0)
		a->draws_before = (unsigned)read_number(m, value, 10, UINT32_MAX);
	else if (strcmp(key, "loss") == 0)
		a->loss = read_real(m, value, 1);
	else
		set_orders(m, &a->orders, key, value);
}

static void check_attack(const struct mkbots *m, const struct scene_attack *a)
{
	if (a->process == UINT32_MAX || a->orders.targets == 0)
		die(m, "an attack needs process= and target=", NULL);
	if (a->pps <= 0)
		die(m, "an attack needs a rate above 0", NULL);
	if (a->orders.ttl <= m->process[a->process].hops)
		die(m, "no packet would arrive: ttl is not above the process's hops", NULL);
}

static void read_line(struct mkbots *m, char *line)
{
	char *save = NULL, *kind = strtok_r(line, " \t\r\n", &save);
	struct scene_process *p = NULL;
	struct scene_attack *a = NULL;

	if (!kind)
		return;
	if (strcmp(kind, "process") == 0) {
		if (m->scene.processes == MAX_PROCESSES)
			die(m, "too many processes", NULL);
		p = &m->process[m->scene.processes];
		*p = (struct scene_process){ .address = 0xc0000265, .hops = 12, .state = { 1, 2, 3, 4 } };
	} else if (strcmp(kind, "attack") == 0) {
		if (m->scene.attacks == MAX_ATTACKS)
			die(m, "too many attacks", NULL);
		a = &m->attack[m->scene.attacks++];
		*a = (struct scene_attack){ .process = UINT32_MAX, .orders = bot_orders_default(), .sees = { true }, .pps = 1000, .rounds = 100 };
	} else if (strcmp(kind, "scene") != 0) {
		die(m, "neither scene, process nor attack", kind);
	}
	for (char *key = strtok_r(NULL, " \t\r\n", &save); key; key = strtok_r(NULL, " \t\r\n", &save)) {
		char *value = strchr(key, '=');
		if (!value)
			die(m, "no value for", key);
		*value++ = '\0';
		if (p)
			set_process(m, p, key, value);
		else if (a)
			set_attack(m, a, key, value);
		else
			set_scene(m, key, value);
	}
	if (p && !*p->name)
		die(m, "a process needs name=", NULL);
	m->scene.processes += p != NULL;
	if (a)
		check_attack(m, a);
}

static void read_description(struct mkbots *m)
{
	FILE *f = strcmp(m->path, "-") == 0 ? stdin : fopen(m->path, "r");
	char *line = NULL;
	size_t room = 0;

	if (!f)
		die(m, strerror(errno), m->path);
	while (getline(&line, &room, f) >= 0) {
		m->line++;
		line[strcspn(line, "#")] = '\0';
		read_line(m, line);
	}
	m->line = 0;
	free(line);
	if (f != stdin)
		fclose(f);
}

/* ---- files ---- */

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void write_header(const struct mkbots *m)
{
	uint8_t h[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0 };
	put32(h + 16, m->snap);
	put32(h + 20, 1);
	fwrite(h, 1, sizeof h, m->pcap);
}

static void show(struct shown *s, const struct scene_packet *p, uint64_t number)
{
	if (s->packets++ == 0)
		s->order = number;
	if (s->end[p->target] == 0)
		s->first[p->target] = (uint32_t)p->round;
	s->end[p->target] = (uint32_t)p->round + 1;
}

static void keep_row(struct mkbots *m, const struct scene_packet *p)
{
	char text[160] = "null";
	if (m->packets == m->rows_room) {
		m->rows_room = m->rows_room ? 2 * m->rows_room : 1024;
		m->row = must(m, realloc(m->row, m->rows_room * sizeof *m->row));
	}
	if (p->process >= 0) {
		snprintf(text, sizeof text, "[\"%s\",\"%s\",%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", m->process[p->process].name,
		         m->attack[p->attack].orders.greeth ? "greeth" : "greip", p->target, p->round, p->draws_before, p->draws_after);
		m->per_process[p->process]++;
		m->flood++;
		show(&m->shown[p->attack], p, m->packets);
	}
	m->row[m->packets++] = must(m, strdup(text));
}

static void write_packet(void *arg, const struct scene_packet *p)
{
	static const uint8_t ethernet[FRAME_HEADER] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	struct mkbots *m = arg;
	const uint32_t len = (uint32_t)p->len + FRAME_HEADER, cap = len < m->snap ? len : m->snap;
	uint8_t h[16];

	put32(h, (uint32_t)(p->ns / 1000000000));
	put32(h + 4, (uint32_t)(p->ns % 1000000000 / 1000));
	put32(h + 8, cap);
	put32(h + 12, len);
	fwrite(h, 1, sizeof h, m->pcap);
	fwrite(ethernet, 1, cap < FRAME_HEADER ? cap : FRAME_HEADER, m->pcap);
	if (cap > FRAME_HEADER)
		fwrite(p->ip, 1, cap - FRAME_HEADER, m->pcap);
	keep_row(m, p);
}

static bool in_capture(const struct mkbots *m, unsigned process)
{
	return m->per_process[process] > 0;
}

static void write_expect(const struct mkbots *m)
{
	unsigned n = 0;
	bool order[2] = { false, false };
	for (unsigned i = 0; i < m->scene.processes; i++)
		if (in_capture(m, i)) {
			n++;
			order[m->process[i].big_endian] = true;
		}
	fprintf(m->json, "\"expect\":{\"processes\":%u", n);
	if (n)
		fprintf(m->json, ",\"endian\":[%s%s%s]", order[1] ? "\"be\"" : "", order[0] && order[1] ? "," : "", order[0] ? "\"le\"" : "");
	if (m->scene.attacks == 1 && n)
		fprintf(m->json, ",\"targets\":%u", m->attack[0].orders.targets);
	fprintf(m->json, "},");
}

static void write_bots(const struct mkbots *m)
{
	const char *comma = "";
	fprintf(m->json, "\"bots\":{");
	for (unsigned i = 0; i < m->scene.processes; i++) {
		const struct scene_process *p = &m->process[i];
		if (!in_capture(m, i))
			continue;
		uint64_t sent = 0;
		unsigned attacks = 0;
		for (unsigned k = 0; k < m->scene.attacks; k++)
			if (m->attack[k].process == i && m->shown[k].packets) {
				sent += m->attack[k].sent;
				attacks++;
			}
		fprintf(m->json, "%s\"%s\":{\"endian\":\"%s\",\"attacks\":%u,\"sent\":%" PRIu64 ",\"hops\":%u", comma, p->name, p->big_endian ? "be" : "le", attacks, sent,
		        p->hops);
		if (p->seeded)
			fprintf(m->json, ",\"seed\":[%u,%u,%u],\"names\":[\"%s\",\"%s\"]", p->x, p->y, p->z, p->argv0, p->comm);
		fprintf(m->json, "}");
		comma = ",";
	}
	fprintf(m->json, "},");
}

/* In order of their first packets. `rounds`: up to the last packet seen; `expected`: packets to the targets seen, from the attack's start and from each target's first packet seen. */
static void write_attacks(const struct mkbots *m)
{
	uint64_t after = 0;
	const char *comma = "";
	fprintf(m->json, "\"attacks\":[");
	for (;;) {
		unsigned next = m->scene.attacks, seen = 0;
		for (unsigned i = 0; i < m->scene.attacks; i++)
			if (m->shown[i].packets && m->shown[i].order >= after && (next == m->scene.attacks || m->shown[i].order < m->shown[next].order))
				next = i;
		if (next == m->scene.attacks)
			break;
		const struct shown *s = &m->shown[next];
		const struct scene_attack *a = &m->attack[next];
		uint64_t rounds = 0, from_start = 0, from_first = 0;
		for (unsigned k = 0; k < a->orders.targets; k++) {
			rounds = s->end[k] > rounds ? s->end[k] : rounds;
			from_start += s->end[k];
			from_first += s->end[k] ? s->end[k] - s->first[k] : 0;
			seen += s->end[k] > 0;
		}
		fprintf(m->json, "%s{\"bot\":\"%s\",\"kind\":\"%s\",\"len\":%u,\"targets\":%u,\"targets_seen\":%u,\"packets\":%" PRIu64 ",\"sent\":%" PRIu64
		        ",\"rounds\":%" PRIu64 ",\"expected\":[%" PRIu64 ",%" PRIu64 "]}",
		        comma, m->process[a->process].name, a->orders.greeth ? "greeth" : "greip", a->orders.len, a->orders.targets, seen, s->packets, a->sent, rounds, from_start,
		        from_first);
		comma = ",";
		after = s->order + 1;
	}
	fprintf(m->json, "],");
}

static void write_truth(const struct mkbots *m, const char *name, const char *note)
{
	const char *comma = "";
	fprintf(m->json, "{\"file\":\"%s.pcap\",\"note\":\"%s\",\"packets\":%" PRIu64 ",\"flood_packets\":%" PRIu64 ",\"per_bot\":{", name, note, m->packets, m->flood);
	for (unsigned i = 0; i < m->scene.processes; i++)
		if (in_capture(m, i)) {
			fprintf(m->json, "%s\"%s\":%" PRIu64, comma, m->process[i].name, m->per_process[i]);
			comma = ",";
		}
	fprintf(m->json, "},\"snaplen\":%u,\"params\":{\"loss\":%g,\"sample\":%u},", m->snap, m->scene.loss, m->scene.sample ? m->scene.sample : 1);
	write_expect(m);
	write_bots(m);
	write_attacks(m);
	fprintf(m->json, "\"rows_are\":\"one per packet: null (not flood) or [bot, kind, target index, round, draws before, draws after]\",\"rows\":[");
	for (uint64_t i = 0; i < m->packets; i++)
		fprintf(m->json, "%s%s", i ? "," : "", m->row[i]);
	fprintf(m->json, "]}\n");
}

static FILE *create(const struct mkbots *m, const char *base, const char *suffix)
{
	char path[4096];
	if ((size_t)snprintf(path, sizeof path, "%s%s", base, suffix) >= sizeof path)
		die(m, "path too long", base);
	FILE *f = fopen(path, "wb");
	if (!f)
		die(m, strerror(errno), path);
	return f;
}

int main(int argc, char **argv)
{
	struct mkbots m = { .scene = { .seed = 1, .start_ns = INT64_C(1511500000000000000) }, .snap = 65535 };
	const char *note = "made-up bots";

	if (argc >= 3 && strcmp(argv[1], "-n") == 0) {
		note = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc != 3 || strpbrk(note, "\"\\")) {
		fprintf(stderr, "usage: mkbots [-n NOTE] DESCRIPTION BASE\n");
		return 2;
	}
	m.path = argv[1];
	m.process = must(&m, calloc(MAX_PROCESSES, sizeof *m.process));
	m.attack = must(&m, calloc(MAX_ATTACKS, sizeof *m.attack));
	m.per_process = must(&m, calloc(MAX_PROCESSES, sizeof *m.per_process));
	m.shown = must(&m, calloc(MAX_ATTACKS, sizeof *m.shown));
	m.scene.process = m.process;
	m.scene.attack = m.attack;
	read_description(&m);
	m.pcap = create(&m, argv[2], ".pcap");
	m.json = create(&m, argv[2], ".json");
	write_header(&m);
	if (!scene_play(&m.scene, write_packet, &m))
		die(&m, "out of memory", NULL);
	const char *name = strrchr(argv[2], '/');
	write_truth(&m, name ? name + 1 : argv[2], note);
	if (fclose(m.pcap) || fclose(m.json))
		die(&m, strerror(errno), argv[2]);
	for (uint64_t i = 0; i < m.packets; i++)
		free(m.row[i]);
	free(m.row);
	free(m.process);
	free(m.attack);
	free(m.per_process);
	free(m.shown);
	return 0;
}
