/*
 * scan_block.c - one block: which of its cells are wanted, and what of them is added up, source by source
 */
#include "store/scan.h"

bool source_on(struct scan *s, const struct gs_addr *src, uint32_t id)
{
	if (!prefix_on(s->f->src, s->f->n_src, src))
		return false;
	if (!s->o->want)
		return true;
	if (id == ID_NONE)
		return s->o->want(s->o->want_arg, src);
	struct mark *m = &s->src.marks[id];
	if (!m->want)
		m->want = s->o->want(s->o->want_arg, src) ? 1 : 2;
	return m->want == 1;
}

static struct sum cell_sum(const struct block *b, uint32_t i)
{
	return (struct sum){
		.sightings = b->sightings[i],
		.packets = b->packets[i],
		.bytes = b->bytes[i],
		.sources = i < b->n_none ? b->sources[i] : 0,
		.first_ns = b->first[i],
		.last_ns = (int64_t)((uint64_t)b->first[i] + b->dur[i]),
	};
}

/* ---- the cells of one source ---- */

static void seen_add(struct scan *s, struct seen *seen, const struct block *b, uint32_t i, const struct sum *m)
{
	total_add(s, m, b->flags[i]);
	if (b->flags[i] & FOLDED) {
		s->folded_sources += m->sources;
		s->res->sources_estimated = true;
	} else {
		seen->plain++;
		seen->hours |= 1u << b->hour[i];
	}
}

static int source_sum(struct scan *s, const struct view *v, uint32_t id, uint32_t begin, uint32_t end, struct seen *seen)
{
	const struct block *b = v->b;
	struct sum_key key = { 0 }, last = { 0 };
	struct sum sum = { 0 };

	for (uint32_t i = begin; i < end; i++) {
		if (!cell_on(s, v, i))
			continue;
		struct sum m = cell_sum(b, i);
		seen_add(s, seen, b, i, &m);
		key.src = s->needs & GS_NEED_SRC ? id : 0;
		key.dst = s->needs & GS_NEED_DST ? s->dst_ids[b->dst[i]] : 0;
		key.shape = s->needs & GS_NEED_SHAPE ? s->shape_ids[b->shape[i]] : 0;
		key.bucket = s->needs & GS_NEED_HOUR ? b->hour[i] : 0;
		key.sensor = s->needs & GS_NEED_SENSOR ? b->sensor[i] : 0;
		key.class_ = s->needs & GS_NEED_CLASS ? b->class_[i] : 0;
		key.flags = sum_flags(b->flags[i]);
		if (sum.sightings && memcmp(&key, &last, sizeof key) != 0) {
			int r = sums_add(s, &last, &sum);
			if (r < 0)
				return r;
			sum = (struct sum){ 0 };
		}
		last = key;
		sum_add(&sum, &m);
	}
	return sum.sightings ? sums_add(s, &last, &sum) : 0;
}

static int give_done(struct scan *s, struct gs_sighting *g, const struct sum *sum)
{
	out_sum(g, sum);
	g->sources = g->flags & FOLDED ? clamp32(sum->sources) : 1;
	return out_done(s);
}

/* The same without a table: sums of neighbouring cells go straight out. */
static int source_give(struct scan *s, const struct view *v, const struct gs_addr *src, uint32_t begin, uint32_t end, struct seen *seen)
{
	const struct block *b = v->b;
	struct gs_sighting *g = NULL;
	struct sum sum = { 0 };
	uint8_t flags = 0;
	int r = 0;

	for (uint32_t i = begin; r == 0 && i < end; i++) {
		if (!cell_on(s, v, i))
			continue;
		struct sum m = cell_sum(b, i);
		uint8_t class_ = s->needs & GS_NEED_CLASS ? b->class_[i] : 0;
		uint16_t sensor = s->needs & GS_NEED_SENSOR ? b->sensor[i] : 0;
		seen_add(s, seen, b, i, &m);
		if (g && (g->class_ != class_ || g->sensor != sensor || flags != sum_flags(b->flags[i]))) {
			r = give_done(s, g, &sum);
			g = NULL;
		}
		if (!g) {
			g = out_next(s);
			g->src = *src;
			g->class_ = class_;
			g->sensor = sensor;
			flags = sum_flags(b->flags[i]);
			out_flags(g, flags);
			sum = (struct sum){ 0 };
		}
		sum_add(&sum, &m);
	}
	return r == 0 && g ? give_done(s, g, &sum) : r;
}

/* Counting: sums per bucket and class. */
static int source_count(struct scan *s, const struct view *v, const struct gs_addr *src, uint32_t id, uint32_t begin, uint32_t end, struct seen *seen)
{
	const struct block *b = v->b;
	const bool by_hour = s->needs & GS_NEED_HOUR, by_dst = s->needs & GS_NEED_DST;
	uint64_t hash = by_dst ? srcset_hash(&s->src, src) : 0;
	uint32_t dst_before = ID_NONE;
	int r = 0;

	for (uint32_t i = begin; r == 0 && i < end; i++) {
		if (!cell_on(s, v, i))
			continue;
		struct sum m = cell_sum(b, i);
		bool folded = b->flags[i] & FOLDED;
		seen_add(s, seen, b, i, &m);
		if (!by_dst) {
			struct bucket *k = &s->buckets[by_hour ? b->hour[i] : 0];
			sum_add(folded ? &k->folded[b->class_[i]] : &k->by_class[b->class_[i]], &m);
			continue;
		}
		uint32_t dst = s->dst_ids[b->dst[i]];
		r = dst_add(s, dst, b->class_[i], b->flags[i] & FOLDED, &m);
		if (r == 0 && !folded && dst != dst_before) {
			r = dstset_add(&s->dst, dst, id, hash, &s->src);
			dst_before = dst;
		}
	}
	return r;
}

/* ---- one block ---- */

/* Numbers of destinations and shapes are only good until the sums are given; where there is no more room, these are given and numbers begin anew. */
static int dsts_number(struct scan *s, const struct block *b)
{
	bool again = false;
	for (uint32_t i = 0; i < b->n_dst; i++) {
		if (s->f->n_dst && !s->dst_on[i])
			continue;
		s->dst_ids[i] = dstset_get(&s->dst, &b->dsts[i]);
		if (s->dst_ids[i] != ID_NONE)
			continue;
		if (s->counting)
			return dst_give_up(s);
		int r = again ? gs_fail(s->err, GS_ERR_NOMEM, "out of memory") : sums_flush(s);
		if (r < 0)
			return r;
		dstset_clear(&s->dst);
		again = true;
		i = UINT32_MAX;
	}
	return 0;
}

static int shapes_number(struct scan *s, const struct block *b)
{
	bool again = false;
	for (uint32_t i = 0; i < b->n_shape; i++) {
		bool is_new;
		struct shape_record *r = gs_map_get(&s->shapes, gs_map_hash(&s->shapes, &b->shapes[i]), &b->shapes[i], &is_new);
		if (r) {
			if (is_new)
				r->id = s->shapes.count - 1;
			s->shape_ids[i] = r->id;
			continue;
		}
		int f = again ? gs_fail(s->err, GS_ERR_NOMEM, "out of memory") : sums_flush(s);
		if (f < 0)
			return f;
		gs_map_clear(&s->shapes, SIZE_MAX / 2);
		again = true;
		i = UINT32_MAX;
	}
	return 0;
}

/* Destinations and shapes of a block: which are wanted, and which numbers they have here. */
static int whom_prepare(struct scan *s, const struct block *b)
{
	for (uint32_t i = 0; s->f->n_dst && i < b->n_dst; i++)
		s->dst_on[i] = prefix_on(s->f->dst, s->f->n_dst, &b->dsts[i]);
	int r = s->needs & GS_NEED_DST ? dsts_number(s, b) : 0;
	return r == 0 && s->needs & GS_NEED_SHAPE ? shapes_number(s, b) : r;
}

static bool needs_numbers(const struct scan *s)
{
	if (s->o->want || s->total == TOTAL_NUMBERS)
		return true;
	if (s->counting)
		return s->needs & (GS_NEED_WEEK | GS_NEED_DST) || !s->day_single;
	return !s->give && s->needs & GS_NEED_SRC;
}

static int block_number(struct scan *s, const struct block *b)
{
	bool by_number = !s->counting && !s->give && s->needs & GS_NEED_SRC;
	for (int again = 0;; again++) {
		bool all = true;
		srcset_block(&s->src, b, s->ids);
		for (uint32_t i = 0; by_number && all && i < block_sources(b); i++)
			all = s->ids[i] != ID_NONE;
		if (all)
			return 0;
		if (again)
			return gs_fail(s->err, GS_ERR_NOMEM, "a question needs more memory than %zu octets", s->memory);
		int r = numbers_give_up(s);
		if (r < 0)
			return r;
	}
}

int block_take(struct scan *s, const struct view *v)
{
	const struct block *b = v->b;
	bool numbers = needs_numbers(s);
	int r = whom_prepare(s, b);

	if (r == 0 && numbers)
		r = block_number(s, b);
	s->res->cells += b->n;
	for (uint32_t i = 0, at = 0; r == 0 && i < block_sources(b); i++) {
		uint32_t begin = at, end = at + b->cells_of[i], id = numbers ? s->ids[i] : ID_NONE;
		struct gs_addr src = block_source(b, i);
		struct seen seen = { 0 };
		at = end;
		if (!source_on(s, &src, id))
			continue;
		if (s->give)
			r = source_give(s, v, &src, begin, end, &seen);
		else if (s->counting)
			r = source_count(s, v, &src, id, begin, end, &seen);
		else
			r = source_sum(s, v, id, begin, end, &seen);
		if (r == 0 && seen.plain)
			r = total_count(s, &src, id);
		if (r == 0 && seen.plain && s->counting && !(s->needs & GS_NEED_DST) && buckets_count(s, &src, id, seen.hours) < 0)
			r = gs_fail(s->err, GS_ERR_NOMEM, "out of memory");
		if (seen.plain) {
			s->day_last_hours = goes_on(s, &src) ? s->day_last_hours | seen.hours : seen.hours;
			s->day_last = src;
			s->have_last = true;
		}
	}
	return r;
}

int block_total(struct scan *s, const struct view *v)
{
	const struct block *b = v->b;
	bool numbers = s->o->want || s->total == TOTAL_NUMBERS;
	int r = 0;

	if (numbers)
		srcset_block(&s->src, b, s->ids);
	for (uint32_t i = 0, at = 0; r == 0 && i < block_sources(b); i++) {
		uint32_t end = at + b->cells_of[i], id = numbers ? s->ids[i] : ID_NONE;
		struct gs_addr src = block_source(b, i);
		bool on = source_on(s, &src, id);
		while (at < end && (!on || !cell_on(s, v, at) || b->flags[at] & FOLDED))
			at++;
		if (at == end)
			continue;
		at = end;
		r = total_count(s, &src, id);
		s->day_last = src;
		s->have_last = true;
	}
	return r;
}
