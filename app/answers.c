/*
 * answers.c - what a kept answer is kept under, and where
 *
 * The key holds all that shapes the answer but the store (which src/store adds) and the format: the question, the filter as it was resolved and as it was
 * given, sort, limit, memory, the data files and the program itself, so that another build never shows what an older one worked out.
 */
#include "app.h"
#include "version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_number(struct gs_buf *b, uint64_t v)
{
	gs_buf_put(b, &v, sizeof v);
}

static void put_text(struct gs_buf *b, const char *text)
{
	put_number(b, text ? strlen(text) + 1 : 0);
	gs_buf_puts(b, text ? text : "");
}

static void put_program(struct gs_buf *b)
{
	struct stat sb = { 0 };

	put_text(b, GRESCOPE_VERSION);
	put_number(b, stat("/proc/self/exe", &sb) == 0);
	put_number(b, sb.st_dev);
	put_number(b, sb.st_ino);
	put_number(b, (uint64_t)sb.st_size);
	put_number(b, (uint64_t)sb.st_mtim.tv_sec);
	put_number(b, (uint64_t)sb.st_mtim.tv_nsec);
}

static void put_prefixes(struct gs_buf *b, const struct gs_prefix *list, unsigned n)
{
	put_number(b, n);
	for (unsigned i = 0; i < n; i++) {
		gs_buf_put(b, &list[i].base, sizeof list[i].base);
		put_number(b, list[i].len);
	}
}

static void put_filter(struct gs_buf *b, const struct gs_filter *f)
{
	put_number(b, (uint64_t)f->since.ns);
	put_number(b, (uint64_t)f->until.ns);
	put_number(b, f->n_asn);
	gs_buf_put(b, f->asn, f->n_asn * sizeof *f->asn);
	put_number(b, f->n_country);
	gs_buf_put(b, f->country, f->n_country * sizeof *f->country);
	put_number(b, f->classes);
	put_prefixes(b, f->src, f->n_src);
	put_prefixes(b, f->dst, f->n_dst);
	put_number(b, f->n_sensors);
	gs_buf_put(b, f->sensors, f->n_sensors * sizeof *f->sensors);
}

void answer_key_make(struct answer_keys *k, const struct options *o, const struct gs_filter *f)
{
	struct gs_buf *b = &k->key;

	put_program(b);
	put_number(b, o->by);
	put_filter(b, f);
	put_number(b, o->n_given);
	for (unsigned i = 0; i < o->n_given; i++)
		put_text(b, o->given[i]);
	put_text(b, o->sensor);
	put_text(b, o->sort);
	put_number(b, o->limit);
	put_number(b, o->redact_dst);
	put_number(b, o->memory_bytes);
	put_number(b, databases_stamp(o));
}

void answer_keys_done(struct answer_keys *k)
{
	gs_answer_drop(k->copy);
	gs_buf_done(&k->key);
}

/* Beside the store where it lies in a folder of our own, else among the user's caches. */
const char *answers_folder(const char *store, char *out, size_t size)
{
	const char *slash = strrchr(store, '/'), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	struct stat sb;
	int n = snprintf(out, size, "%.*s", slash ? (int)(slash - store + 1) : 1, slash ? store : ".");

	if (n > 0 && (size_t)n < size && stat(out, &sb) == 0 && sb.st_uid == geteuid() && !(sb.st_mode & 022) && access(out, W_OK) == 0)
		return NULL;
	if (cache && *cache == '/')
		n = snprintf(out, size, "%s", cache);
	else if (home && *home == '/')
		n = snprintf(out, size, "%s/.cache", home);
	else
		return "";
	if (n < 0 || (size_t)n + 20 > size)
		return "";
	if (mkdir(out, 0700) < 0 && errno != EEXIST)
		return "";
	strcat(out, "/grescope");
	if (mkdir(out, 0700) < 0 && errno != EEXIST)
		return "";
	return strcat(out, "/answers");
}
