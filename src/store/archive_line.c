/*
 * archive_line.c - every line of an archive, described once for both ways
 *
 * A changed description is another version of the format: ARCHIVE_VERSION. Words and numbers of classes, evidence and the rest are as in the public
 * headers, which only ever append.
 */
#include "store/archive.h"

#define NONE false
#define TEXT_MAX 4096

void io_manifest(struct io *io, struct manifest *m)
{
	const char *name = ARCHIVE_NAME;
	io_begin(io);
	io_text(io, "archive", &name, 64, IO_NEEDED);
	if (io->in && !io->in->wrong[0] && strcmp(name, ARCHIVE_NAME) != 0)
		line_wrong(io->in, "no archive of grescope");
	io_uint(io, "version", &m->version, 0, UINT32_MAX, IO_NEEDED);
	if (io->in && m->version == 0)
		line_wrong(io->in, "a version that cannot be");
	if (io->in && (m->version == 0 || m->version > ARCHIVE_VERSION)) /* the rest is that version's business */
		return;
	io_text(io, "made_by", &m->made_by, 200, IO_NEEDED);
	io_hex(io, "store", &m->store, 16, IO_NEEDED);
	io_uint(io, "sensors", &m->sensors, 0, GS_SENSORS_MAX, IO_NEEDED);
	io_uint(io, "inputs", &m->inputs, 0, INT64_MAX, IO_NEEDED);
	io_uint(io, "rows", &m->rows, 0, INT64_MAX, IO_NEEDED);
	io_uint(io, "pruned", &m->pruned, 0, INT64_MAX, IO_NEEDED);
	io_uint(io, "pins", &m->pins, 0, INT64_MAX, IO_NEEDED);
	if (m->version >= ARCHIVE_BOTS)
		io_uint(io, "bots", &m->bots, 0, INT64_MAX, IO_NEEDED);
	io_time(io, "first", &m->first_ns, INT64_MAX, NONE);
	io_time(io, "last", &m->last_ns, INT64_MIN, NONE);
	io_end(io);
}

void io_sensor(struct io *io, struct archived_sensor *s)
{
	io_begin(io);
	io_uint(io, "sensor", &s->id, 0, GS_SENSORS_MAX, IO_NEEDED);
	io_text(io, "name", &s->name, GS_SENSOR_NAME_MAX, IO_NEEDED);
	io_end(io);
}

static void io_int64(struct io *io, const char *name, int64_t *v, int64_t min)
{
	uint64_t wide = (uint64_t)*v;
	io_uint(io, name, &wide, 0, INT64_MAX, IO_NEEDED);
	*v = (int64_t)wide;
	if (io->in && *v < min)
		line_wrong(io->in, "a number too small");
}

static void io_store(struct io *io, const char *name, uint64_t *v)
{
	io_hex(io, name, v, 16, IO_NEEDED);
	if (io->in && (*v == 0 || *v > INT64_MAX))
		line_wrong(io->in, "no id of a store");
}

void io_range(struct io *io, struct range *r)
{
	uint64_t store = (uint64_t)r->store;
	io_begin(io);
	io_store(io, "range", &store);
	r->store = (int64_t)store;
	io_int64(io, "from", &r->first, 1);
	io_int64(io, "to", &r->last, r->first);
	io_end(io);
}

void io_cell(struct io *io, struct cell *c)
{
	uint64_t key = c->shape.key, proto = c->shape.proto;
	io_begin(io);
	io_time(io, "hour_first", &c->first_ns, 0, IO_NEEDED);
	io_time(io, "last", &c->last_ns, c->first_ns, NONE);
	io_addr(io, "src", &c->src);
	io_addr(io, "dst", &c->dst);
	io_word(io, "class", &c->class_, GS_CLASS_COUNT, gs_class_word, IO_NEEDED);
	IO_UINT(io, "flags", c->flags, 0);
	IO_UINT(io, "sensor", c->sensor, 0);
	IO_UINT(io, "shape", c->shape.has, 0);
	IO_UINT(io, "gre_version", c->shape.version, 0);
	io_hex(io, "gre_proto", &proto, 4, NONE);
	io_hex(io, "gre_key", &key, 8, NONE);
	io_uint(io, "sightings", &c->sightings, 0, UINT64_C(1) << 48, IO_NEEDED);
	IO_UINT(io, "packets", c->packets, 0);
	IO_UINT(io, "bytes", c->bytes, 0);
	IO_UINT(io, "sources", c->sources, 0);
	io_end(io);
	if (!io->in)
		return;
	c->shape.key = (uint32_t)key;
	c->shape.proto = (uint16_t)proto;
	c->hour = hour_of(c->first_ns);
	if (c->last_ns < c->first_ns || !c->sightings || c->flags & ~(unsigned)CELL_FLAGS || c->shape.has > 7 ||
	    c->shape.version > 7 || (c->src.family && c->sources))
		line_wrong(io->in, "a sum that cannot be");
}

void io_input(struct io *io, struct input *in, uint64_t *id, uint64_t *rungs, const char **tally)
{
	uint64_t head = (uint64_t)in->head, complete = in->complete, live = in->live;
	const char *path = in->path, *trouble = in->trouble;
	io_begin(io);
	io_uint(io, "input", id, 0, INT64_MAX, IO_NEEDED);
	io_text(io, "path", &path, TEXT_MAX, IO_NEEDED);
	IO_UINT(io, "sensor", in->sensor, 0);
	io_uint(io, "units", &in->units, 0, INT64_MAX, NONE);
	io_hex(io, "head", &head, 16, NONE);
	io_hex_bytes(io, "digest", in->digest, sizeof in->digest);
	io_uint(io, "rungs", rungs, 0, LADDER_MAX / 4, NONE);
	io_uint(io, "complete", &complete, 0, 1, NONE);
	io_uint(io, "live", &live, 0, 1, NONE);
	io_int64(io, "window", &in->window_s, 0);
	IO_UINT(io, "options", in->options, 0);
	io_time(io, "first", &in->first_ns, INT64_MAX, NONE);
	io_time(io, "last", &in->last_ns, INT64_MIN, NONE);
	io_text(io, "trouble", &trouble, TEXT_MAX, NONE);
	io_text(io, "tally", tally, 8192, NONE);
	io_end(io);
	if (!io->in)
		return;
	in->head = (int64_t)head;
	in->complete = complete;
	in->live = live;
	in->path = (char *)(uintptr_t)path;
	in->trouble = (char *)(uintptr_t)trouble;
}

void io_ladder(struct io *io, uint8_t *rungs, uint64_t n)
{
	io_begin(io);
	io_hex_bytes(io, "ladder", rungs, (size_t)n * 4);
	io_end(io);
}

void io_batch(struct io *io, struct archived_batch *b)
{
	io_begin(io);
	io_store(io, "batch", &b->store);
	io_uint(io, "from", &b->from, 0, INT64_MAX - BATCH_ROWS, IO_NEEDED);
	io_uint(io, "rows", &b->rows, 0, BATCH_ROWS, IO_NEEDED);
	io_uint(io, "window", &b->window_s, 0, INT64_MAX, IO_NEEDED);
	io_end(io);
	if (io->in && (!b->from || !b->rows))
		line_wrong(io->in, "a batch without rows");
}

static void io_hex16(struct io *io, const char *name, uint16_t *v)
{
	uint64_t wide = *v;
	io_hex(io, name, &wide, 4, NONE);
	*v = (uint16_t)wide;
}

static void io_hex32(struct io *io, const char *name, uint32_t *v)
{
	uint64_t wide = *v;
	io_hex(io, name, &wide, 8, NONE);
	*v = (uint32_t)wide;
}

/* Fields that a row does not keep (gre_payload_len, reserved, version) are not here. */
void io_row(struct io *io, uint64_t *seq, struct gs_sighting *s)
{
	io_begin(io);
	io_uint(io, "seq", seq, 0, INT64_MAX, IO_NEEDED);
	io_time(io, "first", &s->first.ns, 0, IO_NEEDED);
	io_time(io, "last", &s->last.ns, s->first.ns, NONE);
	io_addr(io, "src", &s->src);
	io_addr(io, "dst", &s->dst);
	IO_UINT(io, "sensor", s->sensor, 0);
	io_word(io, "class", &s->class_, GS_CLASS_COUNT, gs_class_word, IO_NEEDED);
	IO_UINT(io, "confidence", s->confidence, 0);
	io_hex(io, "evidence", &s->evidence, 16, NONE);
	IO_UINT(io, "evidence_bits", s->evidence_bits, 0);
	IO_UINT(io, "packets", s->packets, 0);
	IO_UINT(io, "bytes", s->bytes, 0);
	IO_UINT(io, "ip_len", s->ip_len, 0);
	io_hex32(io, "has", &s->has);
	IO_UINT(io, "protocol", s->protocol, 47);
	IO_UINT(io, "via", s->via, 0);
	IO_UINT(io, "ttl", s->ttl, 0);
	IO_UINT(io, "ttl_min", s->ttl_min, s->ttl);
	IO_UINT(io, "ttl_max", s->ttl_max, s->ttl);
	IO_UINT(io, "df", s->df, 0);
	io_hex16(io, "gre_flags", &s->gre_flags);
	io_hex16(io, "gre_proto", &s->gre_proto);
	IO_UINT(io, "gre_key", s->gre_key, 0);
	IO_UINT(io, "gre_seq", s->gre_seq, 0);
	IO_UINT(io, "tunnel_id", s->tunnel_id, 0);
	io_word(io, "stop", &s->stop, GS_STOP_COUNT, gs_stop_word, NONE);
	io_word(io, "fidelity", &s->fidelity, GS_FIDELITY_COUNT, gs_fidelity_word, NONE);
	IO_UINT(io, "flags", s->flags, 0);
	IO_UINT(io, "sources", s->sources, 1);
	io_addr(io, "inner_src", &s->inner_src);
	io_addr(io, "inner_dst", &s->inner_dst);
	IO_UINT(io, "inner_proto", s->inner_proto, 0);
	IO_UINT(io, "inner_ttl", s->inner_ttl, 0);
	IO_UINT(io, "inner_sport", s->inner_sport, 0);
	IO_UINT(io, "inner_dport", s->inner_dport, 0);
	IO_UINT(io, "inner_icmp_type", s->inner_icmp_type, 0);
	IO_UINT(io, "inner_icmp_code", s->inner_icmp_code, 0);
	IO_UINT(io, "icmp_type", s->icmp_type, 0);
	IO_UINT(io, "icmp_code", s->icmp_code, 0);
	IO_UINT(io, "bot_kind", s->bot_kind, 0);
	IO_UINT(io, "byte_order", s->byte_order, 0);
	io_hex(io, "bot_hi", &s->bot_hi, 16, NONE);
	io_hex(io, "bot_lo", &s->bot_lo, 16, NONE);
	io_end(io);
	if (io->in) {
		s->version = GS_SIGHTING_VERSION;
		const char *wrong = sighting_wrong(s);
		if (wrong)
			line_wrong(io->in, wrong);
	}
}

void io_pin(struct io *io, struct archived_pin *p)
{
	io_begin(io);
	io_addr(io, "pin", &p->src);
	io_date(io, "from", &p->first_day);
	io_date(io, "to", &p->last_day);
	io_uint(io, "network", &p->network, 0, 1, NONE);
	io_uint(io, "asn", &p->asn, 0, UINT32_MAX, NONE);
	io_text(io, "as_name", &p->as_name, GS_PIN_TEXT_MAX, NONE);
	io_uint(io, "place", &p->place, 0, 1, NONE);
	io_text(io, "country", &p->country, 2, NONE);
	io_text(io, "region", &p->region, GS_PIN_TEXT_MAX, NONE);
	io_text(io, "city", &p->city, GS_PIN_TEXT_MAX, NONE);
	io_text(io, "edition", &p->edition, GS_PIN_TEXT_MAX, NONE);
	io_end(io);
	if (io->in && (!p->src.family || p->last_day < p->first_day || strlen(p->country) == 1))
		line_wrong(io->in, "a pin that cannot be");
}

void io_bot(struct io *io, struct bot_row *row, uint8_t *data)
{
	uint64_t number = row->number == BOT_REST ? UINT64_MAX : (uint64_t)row->number, sensor = (uint64_t)row->sensor;

	io_begin(io);
	io_int64(io, "bot", &row->part, 1);
	io_uint(io, "number", &number, UINT64_MAX, UINT32_MAX, NONE);
	io_uint(io, "sensor", &sensor, 0, GS_SENSORS_MAX, NONE);
	io_time(io, "first", &row->first_ns, 0, NONE);
	io_time(io, "last", &row->last_ns, INT64_MIN, NONE);
	io_hex_data(io, "data", data, &row->len, BOT_DATA_MAX);
	io_end(io);
	if (!io->in)
		return;
	row->number = number == UINT64_MAX ? BOT_REST : (int64_t)number;
	row->sensor = (int64_t)sensor;
	row->data = data;
	if (!bot_row_fits(row))
		line_wrong(io->in, "a bot that cannot be");
}

void io_part(struct io *io, const char **what)
{
	io_begin(io);
	io_text(io, "part", what, 64, IO_NEEDED);
	io_end(io);
}

void io_part_end(struct io *io, struct seal_line *e)
{
	io_begin(io);
	io_text(io, "end", &e->what, 64, IO_NEEDED);
	io_uint(io, "lines", &e->lines, 0, UINT64_MAX, IO_NEEDED);
	io_hex(io, "sum", &e->sum, 16, IO_NEEDED);
	io_end(io);
}

void io_close(struct io *io, struct seal_line *e)
{
	io_begin(io);
	io_text(io, "close", &e->what, 64, IO_NEEDED);
	io_uint(io, "parts", &e->parts, 0, UINT64_MAX, IO_NEEDED);
	io_uint(io, "lines", &e->lines, 0, UINT64_MAX, IO_NEEDED);
	io_hex(io, "sum", &e->sum, 16, IO_NEEDED);
	io_end(io);
}
