/*
 * mkpcap(1) - make a capture file from a description
 *
 *   mkpcap [-o FILE] DESCRIPTION        DESCRIPTION - is standard input; without -o the capture goes to standard output
 *   mkpcap --layers                     list the layers and their fields
 *
 * DESCRIPTION
 *   A text, one statement a line; a line that begins with a blank goes on with the statement before it; # begins a comment. The same text
 *   gives the same octets everywhere: no clock, no environment, and random octets only from a seed that stands in the text.
 *
 * STATEMENTS
 *   let NAME WORDS...                   later `$NAME' stands for the words
 *   file pcap [le|be] [micro|nano] [modified] link LINK [snaplen N] [sorted]
 *   file pcapng [le|be] [sorted]        LINK: null ethernet ppp ppp-hdlc pppoe raw chdlc 802.11 loop sll ppp-pppd mpls ipv4 ipv6 sll2 or a number;
 *                                       sorted: packets are written in order of time
 *   interface link LINK [snaplen N] [tsresol N|2^N] [tsoffset SECONDS] [name WORD]
 *   section [le|be]                     pcapng: a new section; its interfaces count from 0 again
 *   block TYPE [len=N] [last=N] HEX...  pcapng: any block; len and last override its two length fields
 *   raw HEX...                          octets straight into the file
 *   truncate N                          the last N octets of the file are dropped
 *   at TIME | at +DURATION              time of the next packet: ISO 8601 or epoch seconds, or later than it would be
 *   at raw HIGH LOW                     the two words of the next packet's time stamp, whatever they mean
 *   step DURATION                       from packet to packet; 1s where absent. Units: ns us ms s m h d
 *   repeat N [every DURATION]           the next packet N times; a number written 5+2 and an address written 192.0.2.1+1 grow each time
 *   LAYER / LAYER ... [; OPTIONS]       a packet, layers from the outside in
 *
 * LAYERS
 *   LAYER FIELD VALUE, FIELD=VALUE or FLAG, in any order; addresses and ports as A > B. Lengths, checksums, types and padding are computed from what
 *   follows unless the field is given, so every header can be made wrong on purpose. `mkpcap --layers' lists all layers and fields. Numbers are
 *   decimal or 0x; HEX is pairs of digits or an address, several joined by commas.
 *   Payload: bytes HEX... "text", fill N [octet], count N, random N seed S. Beside the headers stand `first N' (only N octets of what follows: an ICMP
 *   quote, a packet shorter than it says) and `tail HEX' (octets behind what follows).
 *   ip fragment MTU and frag fragment N make one frame for each fragment; only K picks the K-th.
 *
 * OPTIONS
 *   cut N (captured octets), wire N (original length), interface N, comment "...", spb, opb (simple and obsolete packet block)
 *
 * SCENES
 *   scene FROM > TO seed N [once P] [again P] [most N] [span DURATION] [big P]
 *   draw NAME source|packet LOW..HIGH | PREFIX...
 *   shape NAME weight N : LAYERS...     with $src $ttl $id $mate and drawn names as values
 *   network PREFIX... sources N hops LOW..HIGH [shape NAME]
 *   play
 *   Each network gives N sources with addresses drawn from its prefixes. A source sends once with P per cent, else twice and, with `again' per
 *   cent each time, once more, up to `most', all within `span'. $ttl is 64 less the hops; $id and $mate are identifications that add up to 999
 *   in the sender's byte order, big-endian with `big' per cent.
 *
 * EXIT
 *   0 done; 1 reading or writing failed; 2 the description or the usage is wrong: FILE:LINE: what was expected. Nothing is written then.
 */
#include "mkpcap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DESCRIPTION (16u << 20)
#define MAX_ARENA (1024u << 20)

static const struct mk_let *let_find(const struct mk *mk, const struct mk_token *t)
{
	for (unsigned i = 0; !t->quoted && t->text[0] == '$' && i < mk->n_lets; i++)
		if (strcmp(mk->lets[i].name, t->text + 1) == 0)
			return &mk->lets[i];
	return NULL;
}

/* The words with $names replaced by what `let` gave them. Inside a scene unknown names stay: the scene may know them. */
static int expand(struct mk *mk, struct mk_words *w)
{
	unsigned n = 0, variables = 0;

	for (unsigned i = w->i; i < w->n; i++) {
		const struct mk_let *l = let_find(mk, &w->t[i]);
		if (!l && !mk->scene && !w->t[i].quoted && w->t[i].text[0] == '$')
			return mk_fail_at(mk, w->t[i].line, "expected a name that a let above defines, found `%s'", w->t[i].text);
		variables += l != NULL;
		n += l ? l->n : 1;
	}
	if (!variables)
		return 0;
	struct mk_token *t = gs_arena_alloc(mk->arena, n * sizeof *t);
	if (!t)
		return gs_fail(mk->err, GS_ERR_NOMEM, "out of memory while reading %s", mk->path);
	unsigned k = 0;
	for (unsigned i = w->i; i < w->n; i++) {
		const struct mk_let *l = let_find(mk, &w->t[i]);
		for (unsigned j = 0; j < (l ? l->n : 1); j++, k++) {
			t[k] = l ? l->tokens[j] : w->t[i];
			t[k].line = w->t[i].line;
		}
	}
	*w = (struct mk_words){ t, n, 0 };
	return 0;
}

static int let_statement(struct mk *mk, struct mk_words *w)
{
	if (mk->n_lets == MK_MAX_LETS || w->n - w->i < 2)
		return mk_expected(mk, w, "let NAME WORDS, at most %d times", MK_MAX_LETS);
	const char *name = w->t[w->i].text;
	for (unsigned i = 0; i < mk->n_lets; i++)
		if (strcmp(mk->lets[i].name, name) == 0)
			return mk_expected(mk, w, "a name that is not defined yet");
	w->i++;
	int r = expand(mk, w);
	if (r < 0)
		return r;
	mk->lets[mk->n_lets++] = (struct mk_let){ name, w->t + w->i, w->n - w->i };
	return 0;
}

static bool take_duration(struct mk_words *w, int64_t *ret)
{
	if (mk_words_end(w) || !mk_duration(w->t[w->i].text, ret))
		return false;
	w->i++;
	return true;
}

static int at_statement(struct mk *mk, struct mk_words *w)
{
	uint64_t high, low;
	int64_t d;

	mk->raw_time = false;
	if (mk_words_take(w, "raw")) {
		if (w->n - w->i != 2 || !mk_number(w->t[w->i].text, UINT32_MAX, &high) || !mk_number(w->t[w->i + 1].text, UINT32_MAX, &low))
			return mk_expected(mk, w, "two numbers of 32 bits");
		mk->raw_time = true;
		mk->raw_high = (uint32_t)high;
		mk->raw_low = (uint32_t)low;
		return 0;
	}
	const char *text = mk_words_end(w) ? "" : w->t[w->i].text;
	if (text[0] == '+' && mk_duration(text + 1, &d)) {
		if (__builtin_add_overflow(mk->now.ns, d, &mk->now.ns))
			return mk_expected(mk, w, "a time before the year 2262");
	} else if (!gs_time_parse(text, strlen(text), &mk->now)) {
		return mk_expected(mk, w, "a time (2017-01-28T03:12:11.000001Z), +DURATION or raw");
	}
	w->i++;
	return mk_words_end(w) ? 0 : mk_expected(mk, w, "the end of the statement");
}

static int step_statement(struct mk *mk, struct mk_words *w)
{
	return take_duration(w, &mk->step_ns) && mk_words_end(w) ? 0 : mk_expected(mk, w, "a duration such as 1ms");
}

static int repeat_statement(struct mk *mk, struct mk_words *w)
{
	mk->every_ns = mk->step_ns;
	if (mk_words_end(w) || !mk_number(w->t[w->i].text, 100000000, &mk->times))
		return mk_expected(mk, w, "how many times, up to 100000000");
	w->i++;
	if (mk_words_take(w, "every") && !take_duration(w, &mk->every_ns))
		return mk_expected(mk, w, "a duration such as 10s");
	mk->repeating = true;
	return mk_words_end(w) ? 0 : mk_expected(mk, w, "every or the end of the statement");
}

static int packet_statement(struct mk *mk, struct mk_words *w)
{
	uint64_t times = mk->repeating ? mk->times : 1;
	int64_t every = mk->repeating ? mk->every_ns : mk->step_ns;
	int r = mk_packet_parse(mk, w);

	for (uint64_t n = 0; r == 0 && n < times; n++) {
		r = mk_packet_emit(mk, n);
		mk->raw_time = false;
		if (r == 0 && __builtin_add_overflow(mk->now.ns, every, &mk->now.ns))
			r = mk_fail_at(mk, mk->line, "expected times before the year 2262");
	}
	mk->repeating = false;
	return r;
}

/* One statement; a packet is what is nothing else. */
static int statement(struct mk *mk, struct mk_words *w)
{
	static const struct {
		const char *word;
		int (*run)(struct mk *mk, struct mk_words *w);
	} statements[] = { { "at", at_statement }, { "step", step_statement }, { "repeat", repeat_statement } };
	int r;

	if (mk_words_take(w, "let"))
		return let_statement(mk, w);
	r = expand(mk, w);
	if (r < 0)
		return r;
	if (mk->repeating)
		return packet_statement(mk, w);
	if ((r = mk_file_statement(mk, w)) != 1 || (r = mk_scene_statement(mk, w)) != 1)
		return r;
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
		if (mk_words_take(w, statements[i].word))
			return statements[i].run(mk, w);
	return packet_statement(mk, w);
}

static int run(struct mk *mk, const struct mk_statement *statements, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct mk_words w = { statements[i].tokens, statements[i].n, 0 };
		int r = statement(mk, &w);
		if (r < 0)
			return r;
	}
	if (mk->repeating)
		return mk_fail_at(mk, statements[n - 1].tokens[0].line, "expected a packet after repeat");
	return mk->scene ? mk_fail_at(mk, statements[n - 1].tokens[0].line, "expected play after the last scene") : 0;
}

static int slurp(struct mk *mk, struct gs_buf *to)
{
	FILE *f = strcmp(mk->path, "-") == 0 ? stdin : fopen(mk->path, "rb");
	char chunk[65536];
	size_t n;

	if (!f)
		return gs_fail_errno(mk->err, GS_ERR_IO, errno, "cannot read %s", mk->path);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0 && to->len <= MAX_DESCRIPTION)
		gs_buf_put(to, chunk, n);
	int r = ferror(f) ? gs_fail_errno(mk->err, GS_ERR_IO, errno, "cannot read %s", mk->path) : 0;
	if (f != stdin)
		fclose(f);
	if (r == 0 && (to->failed || to->len > MAX_DESCRIPTION))
		r = gs_fail(mk->err, GS_ERR_CONFIG, "%s: expected a description of at most %u octets", mk->path, MAX_DESCRIPTION);
	return r;
}

static int spill(const struct gs_buf *from, const char *path, struct gs_error *err)
{
	FILE *f = path ? fopen(path, "wb") : stdout;

	if (!f)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot write %s", path);
	bool bad = from->len && fwrite(from->data, 1, from->len, f) != from->len;
	bad |= fflush(f) != 0;
	int sys = errno;
	struct stat st;
	bool ours = path && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode); /* never take a device or a pipe away */
	if (path)
		bad |= fclose(f) != 0;
	if (!bad)
		return 0;
	if (ours)
		unlink(path);
	return gs_fail_errno(err, GS_ERR_IO, sys, "cannot write %s", path ? path : "standard output");
}

static int make(struct mk *mk, const char *output)
{
	struct gs_buf text = { 0 }, *out;
	struct mk_statement *statements = NULL;
	unsigned n = 0;
	int r = slurp(mk, &text);

	if (r == 0)
		r = mk_text_split(mk, text.data ? text.data : "", text.len, &statements, &n);
	if (r == 0)
		r = run(mk, statements, n);
	if (r == 0)
		r = mk_file_finish(mk, &out);
	if (r == 0)
		r = spill(out, output, mk->err);
	gs_buf_done(&text);
	return r;
}

static int list_layers(void)
{
	struct gs_buf b = { 0 };
	struct gs_error err = { 0 };

	mk_layers_list(&b);
	int r = spill(&b, NULL, &err);
	gs_buf_done(&b);
	return r < 0;
}

int main(int argc, char **argv)
{
	static struct mk mk;
	struct gs_error err = { 0 };
	const char *output = NULL;
	int i = 1;

	if (argc == 2 && strcmp(argv[1], "--layers") == 0)
		return list_layers();
	if (i + 1 < argc && strcmp(argv[i], "-o") == 0) {
		output = argv[i + 1];
		i += 2;
	}
	if (i + 1 != argc || (argv[i][0] == '-' && argv[i][1] != '\0')) {
		fprintf(stderr, "usage: mkpcap [-o FILE] DESCRIPTION\n       mkpcap --layers\n");
		return 2;
	}
	mk = (struct mk){ .path = argv[i], .err = &err, .arena = gs_arena_new(MAX_ARENA), .step_ns = GS_NS_PER_S,
			  .frame = malloc(2 * MK_MAX_FRAME), .whole = malloc(MK_MAX_FRAME) };
	int r = mk.arena && mk.frame && mk.whole ? make(&mk, output) : gs_fail(&err, GS_ERR_NOMEM, "out of memory");
	if (r < 0)
		fprintf(stderr, "mkpcap: %s\n", err.text);
	mk_file_free(mk.file);
	gs_arena_free(mk.arena);
	free(mk.frame);
	free(mk.whole);
	return r == 0 ? 0 : err.code == GS_ERR_CONFIG ? 2 : 1;
}
