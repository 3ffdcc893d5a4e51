#include "observe/seeds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_DEPTH (UINT64_C(1) << 16)
#define PORTION (UINT64_C(1) << 20) /* a few milliseconds: how long an end may take */

struct job {
	struct gs_bot_seed seed;
	uint32_t process;
};

struct gs_seeds {
	struct gs_watch *watch;
	struct job *jobs;
	uint32_t n;
	uint64_t budget, steps;
	atomic_bool stop;
	pthread_t thread;
	int pipe[2];         /* closed at the writer's end when the search is over */
};

/* Up to the depth, or the end of the budget. Whether the search goes on deeper. */
static bool deepen(struct gs_seeds *s, struct gs_bot_seed *seed, uint64_t depth)
{
	while (seed->status == GS_BOT_SEED_SEARCHING && seed->steps < depth && s->steps < s->budget && !atomic_load(&s->stop)) {
		uint64_t portion = depth - seed->steps < PORTION ? depth - seed->steps : PORTION;
		const uint64_t before = seed->steps, left = s->budget - s->steps;
		portion = portion < left ? portion : left;
		gs_bot_seed_run(seed, portion);
		s->steps += seed->steps > before ? seed->steps - before : 1;
	}
	return seed->status == GS_BOT_SEED_SEARCHING;
}

static void *work(void *arg)
{
	struct gs_seeds *s = arg;
	bool more = true;

	for (uint64_t depth = FIRST_DEPTH; more && s->steps < s->budget && !atomic_load(&s->stop); depth *= 4) {
		more = false;
		for (uint32_t i = 0; i < s->n; i++)
			more |= deepen(s, &s->jobs[i].seed, depth);
	}
	close(s->pipe[1]);
	return NULL;
}

int gs_seeds_start(struct gs_watch *w, uint64_t budget, struct gs_seeds **ret, struct gs_error *err)
{
	struct gs_tracker *t = gs_watch_tracker(w);
	const uint32_t n = gs_tracker_count(t);
	struct gs_seeds *s = calloc(1, sizeof *s);

	if (!s || !(s->jobs = calloc(n ? n : 1, sizeof *s->jobs))) {
		free(s);
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	}
	s->watch = w;
	s->budget = budget;
	for (uint32_t i = 0; i < n; i++)
		if (gs_tracker_seed_job(t, i, budget, &s->jobs[s->n].seed))
			s->jobs[s->n++].process = i;
	int r = pipe2(s->pipe, O_CLOEXEC) == 0 ? 0 : errno;
	if (r == 0 && (r = pthread_create(&s->thread, NULL, work, s)) != 0) {
		close(s->pipe[0]);
		close(s->pipe[1]);
	}
	if (r == 0) {
		*ret = s;
		return 0;
	}
	free(s->jobs);
	free(s);
	return gs_fail_errno(err, GS_ERR_NOMEM, r, "a thread for the search of seeds");
}

int gs_seeds_fd(const struct gs_seeds *s)
{
	return s->pipe[0];
}

void gs_seeds_end(struct gs_seeds *s, struct gs_seeds_result *ret)
{
	struct gs_seeds_result r = { .sought = s->n };

	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct gs_bot_seed *seed = &s->jobs[i].seed;
		gs_tracker_seed_result(gs_watch_tracker(s->watch), s->jobs[i].process, seed);
		r.found += seed->status == GS_BOT_SEED_FOUND;
		r.cut_short |= seed->status == GS_BOT_SEED_SEARCHING || (seed->status == GS_BOT_SEED_NOT_FOUND && !seed->has_start);
	}
	r.steps = s->steps;
	if (ret)
		*ret = r;
	close(s->pipe[0]);
	free(s->jobs);
	free(s);
}
