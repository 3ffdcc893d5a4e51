/* retention.c - pruning in small steps, in the writer's loop */
#include "sensor/retention.h"

#include <inttypes.h>
#include <stdio.h>

#define TELL_EVERY_NS (3600 * GS_NS_PER_S) /* while it goes on */

void retention_init(struct retention *r, uint64_t age_s, uint64_t max_bytes)
{
	*r = (struct retention){ .age_s = age_s, .max_bytes = max_bytes, .next_size = GS_TIME_MIN, .next_age = GS_TIME_MIN, .told_at = GS_TIME_MIN };
}

/* A slice is enough for one call. */
static bool stop_after_one(void *arg, uint64_t rows_gone)
{
	(void)rows_gone;
	*(bool *)arg = true;
	return false;
}

/* One slice by these limits. *ret_more: it ended because one slice is enough, not because all is done. */
static int step(struct retention *r, struct gs_store *st, struct gs_time raw_before, uint64_t max_bytes, bool *ret_more, struct gs_prune_result *res, struct gs_error *err)
{
	bool more = false;
	const struct gs_prune_options o = { .raw_before = raw_before, .rollups_before = GS_TIME_MIN, .max_bytes = max_bytes, .keep_room = true, .progress = stop_after_one,
					    .arg = &more };
	int e = gs_store_prune(st, &o, res, err);

	r->sightings += res->sightings;
	r->packets += res->packets;
	*ret_more = more;
	return e == GS_ERR_INTERRUPTED && more ? 0 : e;
}

/* What may go by age: nothing where the clock stands before the first day that there can be. */
static struct gs_time age_limit(const struct retention *r, struct gs_time now)
{
	const int64_t age_ns = r->age_s > (uint64_t)(INT64_MAX / GS_NS_PER_S) ? INT64_MAX : (int64_t)r->age_s * GS_NS_PER_S;
	struct gs_time t = GS_TIME_MIN;

	if (r->age_s && !__builtin_sub_overflow(now.ns, age_ns, &t.ns))
		return t;
	return GS_TIME_MIN;
}

static void tell(struct retention *r, struct gs_time now, const struct gs_prune_result *res, char *said, size_t size)
{
	if (res->short_of_goal && !r->short_told) {
		r->short_told = true;
		snprintf(said, size, "the store is larger than keep_size, %" PRIu64 " octets, and all that is left are hourly sums: make keep_size larger", r->max_bytes);
		return;
	}
	if (r->sightings == r->told || (r->busy && r->told_at.ns != INT64_MIN && now.ns - r->told_at.ns < TELL_EVERY_NS))
		return;
	snprintf(said, size, "%" PRIu64 " old rows went, as keep_rows and keep_size say; their hourly sums stay", r->sightings - r->told);
	r->told = r->sightings;
	r->told_at = now;
}

bool retention_due(const struct retention *r, struct gs_time now)
{
	const bool age = r->age_s && (now.ns >= r->next_age.ns || r->next_age.ns > now.ns + RETENTION_AGE_S * GS_NS_PER_S);
	const bool size = r->max_bytes && (now.ns >= r->next_size.ns || r->next_size.ns > now.ns + RETENTION_LOOK_S * GS_NS_PER_S);

	return r->busy || age || size;
}

int retention_tick(struct retention *r, struct gs_store *st, struct gs_time now, char *said, size_t size, struct gs_error *err)
{
	struct gs_prune_result res = { 0 };

	*said = '\0';
	/* A clock that was set back would otherwise stop all of this until it is again where it was. */
	if (r->next_age.ns > now.ns + RETENTION_AGE_S * GS_NS_PER_S)
		r->next_age = now;
	if (r->next_size.ns > now.ns + RETENTION_LOOK_S * GS_NS_PER_S)
		r->next_size = now;
	const bool age = r->age_s && (r->busy || now.ns >= r->next_age.ns), look = r->max_bytes && (r->busy || now.ns >= r->next_size.ns);
	if (look)
		r->next_size.ns = now.ns + RETENTION_LOOK_S * GS_NS_PER_S;
	if (age)
		r->next_age.ns = now.ns + RETENTION_AGE_S * GS_NS_PER_S;
	const bool large = look && gs_store_bytes(st) > r->max_bytes;
	if (!large)
		r->short_told &= !look;
	if (!age && !large) {
		r->busy = false;
		return 0;
	}
	const int e = step(r, st, age ? age_limit(r, now) : GS_TIME_MIN, large ? r->max_bytes : 0, &r->busy, &res, err);
	if (e < 0)
		r->busy = false;
	else
		tell(r, now, &res, said, size);
	return e;
}

int retention_full(struct retention *r, struct gs_store *st, struct gs_error *err)
{
	struct gs_prune_result res = { 0 };
	bool more;

	if (!r->age_s && !r->max_bytes)
		return gs_fail(err, GS_ERR_LIMIT, "the disk or the quota is full, and neither keep_rows nor keep_size allows old rows to go: nothing new is kept until there is room");
	gs_store_give_ballast(st);
	/* one octet is never reached: the oldest batch goes, and one is enough */
	const int e = step(r, st, GS_TIME_MIN, 1, &more, &res, err);
	if (e < 0)
		return e;
	if (res.sightings == 0)
		return gs_fail(err, GS_ERR_LIMIT, "the disk or the quota is full, and all that is left in the store are hourly sums: nothing new is kept until there is room");
	return 0;
}
