/* config_value.c - one value of the configuration: from text into its field, and what is expected where it does not fit */
#include "app.h"
#include "config_keys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define URL_FILE_MAX 4096

static const char *const fast_path_words[] = { "off", "count", "drop", NULL };
static const char *const say_words[] = { "logfmt", "json", "off", NULL };

static const struct {
	char letter;
	uint64_t s;
} span_units[] = { { 'w', 7 * 86400 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

bool config_parse_span(const char *text, uint64_t *ret_s)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	const unsigned long long n = strtoull(text, &end, 10);
	uint64_t unit = *end ? 0 : 1;
	for (size_t i = 0; i < sizeof span_units / sizeof *span_units; i++)
		if (*end == span_units[i].letter && !end[1])
			unit = span_units[i].s;
	return errno == 0 && unit && !__builtin_mul_overflow((uint64_t)n, unit, ret_s);
}

void config_span_text(uint64_t s, char out[32])
{
	for (size_t i = 0; i < sizeof span_units / sizeof *span_units; i++)
		if (s && s % span_units[i].s == 0) {
			snprintf(out, 32, "%" PRIu64 "%c", s / span_units[i].s, span_units[i].letter);
			return;
		}
	snprintf(out, 32, "0");
}

void config_size_text(uint64_t n, char out[32])
{
	unsigned u = 0;

	while (n && n % 1024 == 0 && u < 4) {
		n /= 1024;
		u++;
	}
	snprintf(out, 32, u ? "%" PRIu64 "%c" : "%" PRIu64, n, "\0KMGT"[u]);
}

bool config_parse_listen(const char *text, struct gs_addr *ret, unsigned *ret_port)
{
	const char *colon = strrchr(text, ':');
	char *end;

	if (!colon || !isdigit((unsigned char)colon[1]) || strlen(colon) > 6)
		return false;
	const unsigned long port = strtoul(colon + 1, &end, 10);
	size_t len = (size_t)(colon - text);
	const bool bracketed = len > 2 && text[0] == '[' && colon[-1] == ']';
	if (bracketed) {
		text++;
		len -= 2;
	}
	if (*end || port == 0 || port > 65535 || bracketed != (memchr(text, ':', len) != NULL))
		return false;
	*ret_port = (unsigned)port;
	return gs_addr_parse(text, len, ret);
}

void config_expects(const struct config_key *k, char out[200])
{
	static const char *const texts[] = {
		[KIND_TEXT] = "a text",
		[KIND_SENSOR] = "a name of at most 64 octets",
		[KIND_USER] = "the name of an account",
		[KIND_IFACE] = "the name of an interface, such as eth0, or any",
		[KIND_FILE] = "an absolute path",
		[KIND_FILTER] = "a filter such as `not host 192.0.2.1`, without protochain, which the kernel cannot run",
		[KIND_SWITCH] = "yes or no",
		[KIND_FAST_PATH] = "off, count or drop",
		[KIND_SAY] = "logfmt, json or off",
		[KIND_LISTEN] = "ADDRESS:PORT, such as 127.0.0.1:9747 or [::1]:9747",
		[KIND_URL] = "a URL that begins with https:// or http://",
		[KIND_URL_FILE] = "an absolute path",
		[KIND_BAD] = "an AS number such as AS64496, an address or a prefix",
		[KIND_COMMAND] = "the absolute path of a program, and its arguments",
		[KIND_PATTERN] = "a pattern",
		[KIND_TIME] = "a format of times",
	};
	char a[32], b[32];

	switch (k->kind) {
	case KIND_NUMBER:
		snprintf(out, 200, "a number from %" PRIu64 " to %" PRIu64, k->min, k->max);
		break;
	case KIND_SIZE:
		config_size_text(k->min, a);
		config_size_text(k->max, b);
		snprintf(out, 200, "a size from %s to %s, such as 512M", a, b);
		break;
	case KIND_SPAN:
		config_span_text(k->min, a);
		config_span_text(k->max, b);
		snprintf(out, 200, "a span from %s to %s, such as 90s, 5m, 12h, 30d or 26w", a, b);
		break;
	case KIND_FACTOR:
		snprintf(out, 200, "0, or a number above 1 and up to %" PRIu64, k->max);
		break;
	default:
		snprintf(out, 200, "%s", texts[k->kind]);
	}
}

/* ---- into the field ---- */

static int word_find(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static bool parse_switch(const char *text, bool *ret)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true", NULL };
	const int i = word_find(words, text);

	if (i >= 0)
		*ret = i & 1;
	return i >= 0;
}

static bool parse_number(const struct config_key *k, const char *text, uint64_t *ret)
{
	size_t size;
	char *end;
	uint64_t n;

	if (!isdigit((unsigned char)*text))
		return false;
	if (k->kind == KIND_SPAN) {
		if (!config_parse_span(text, &n))
			return false;
	} else if (k->kind == KIND_SIZE) {
		if (!parse_size(text, &size))
			return false;
		n = size;
	} else {
		errno = 0;
		n = strtoull(text, &end, 10);
		if (errno || *end)
			return false;
	}
	/* 0 turns a thing off where it may be given at all, and that is where min is 0 */
	if (n < k->min || n > k->max)
		return false;
	*ret = n;
	return true;
}

static bool parse_factor(const struct config_key *k, const char *text, double *ret)
{
	char *end;

	if (!isdigit((unsigned char)*text) || strpbrk(text, "xXpP"))
		return false;
	const double v = strtod(text, &end);
	if (*end || !isfinite(v) || (v != 0 && v <= 1) || v > (double)k->max)
		return false;
	*ret = v;
	return true;
}

static bool parse_bad(const char *text, struct config_bad *ret)
{
	const char *digits = text;
	char *end;

	*ret = (struct config_bad){ 0 };
	if (toupper((unsigned char)text[0]) == 'A' && toupper((unsigned char)text[1]) == 'S')
		digits += 2;
	else if (strpbrk(text, ".:"))
		return gs_prefix_parse(text, strlen(text), &ret->prefix);
	if (!isdigit((unsigned char)*digits) || strlen(digits) > 10)
		return false;
	const unsigned long long n = strtoull(digits, &end, 10);
	ret->by_asn = true;
	ret->asn = (uint32_t)n;
	return !*end && n >= 1 && n <= UINT32_MAX;
}

static bool user_fits(const char *text)
{
	const size_t len = strlen(text);

	if (len > 32 || !(islower((unsigned char)*text) || *text == '_'))
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

static bool iface_fits(const char *text)
{
	return strlen(text) < IF_NAMESIZE && !strpbrk(text, "/ \t") && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static bool url_fits(const char *text)
{
	const char *host = strncmp(text, "https://", 8) == 0 ? text + 8 : strncmp(text, "http://", 7) == 0 ? text + 7 : NULL;

	return host && *host && *host != '/' && !strpbrk(text, " \t\"<>\\");
}

/* Whether "protochain" stands as a word of the filter: libpcap runs such a filter in user space, and every packet crosses over. */
static bool filter_fits(const char *text)
{
	for (const char *p = text; (p = strstr(p, "protochain")); p += 10)
		if ((p == text || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[10]))
			return false;
	return true;
}

/* The first line of a file that others cannot read. The reason not to take it goes into why. */
static bool url_from_file(struct sensor_config *c, const char *path, const char **ret, char why[300])
{
	char text[URL_FILE_MAX + 1];
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, 300, "cannot be read: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	const ssize_t n = S_ISREG(st.st_mode) ? read(fd, text, URL_FILE_MAX) : -1;
	close(fd);
	if (n < 0 || st.st_mode & S_IROTH) {
		snprintf(why, 300, n < 0 ? "cannot be read, or is no regular file" : "all may read it, and it holds a secret: chmod o-r");
		return false;
	}
	size_t len = 0;
	while (len < (size_t)n && (unsigned char)text[len] > ' ' && text[len] != 0x7f)
		len++;
	text[len] = '\0';
	if (!url_fits(text) || ((size_t)n > len && !strchr(" \t\r\n", text[len])) || len == URL_FILE_MAX) {
		snprintf(why, 300, "its first line is no URL that begins with https:// or http://");
		return false;
	}
	*ret = gs_arena_strndup(c->own->arena, text, len);
	if (!*ret)
		snprintf(why, 300, "out of memory");
	return *ret != NULL;
}

static bool text_fits(const struct config_key *k, const char *text)
{
	switch (k->kind) {
	case KIND_SENSOR:
		return strlen(text) <= GS_SENSOR_NAME_MAX;
	case KIND_USER:
		return user_fits(text);
	case KIND_IFACE:
		return iface_fits(text);
	case KIND_FILE:
	case KIND_URL_FILE:
	case KIND_COMMAND:
		return text[0] == '/' && strlen(text) < 4096;
	case KIND_FILTER:
		return filter_fits(text);
	case KIND_LISTEN: {
		struct gs_addr a;
		unsigned port;
		return config_parse_listen(text, &a, &port);
	}
	case KIND_URL:
		return url_fits(text);
	default:
		return true;
	}
}

static bool list_has(const struct config_list *list, const char *text)
{
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->item[i], text) == 0)
			return true;
	return false;
}

static bool bad_set(struct sensor_config *c, const char *text, char why[300])
{
	struct config_bad *all = c->own->bad;

	if (!all)
		c->known_bad = c->own->bad = all = gs_arena_alloc(c->own->arena, sizeof *all * CONFIG_BAD_MAX);
	if (!all || c->n_known_bad == CONFIG_BAD_MAX) {
		snprintf(why, 300, all ? "more than %d of them" : "out of memory (%d)", CONFIG_BAD_MAX);
		return false;
	}
	if (!parse_bad(text, &all[c->n_known_bad])) {
		*why = '\0';
		return false;
	}
	c->n_known_bad++;
	return true;
}

/* A checked text into its field. False with a reason, or with "" where what is expected says all. */
static bool field_set(struct sensor_config *c, const struct config_key *k, const char *text, char why[300])
{
	char *field = (char *)c + k->offset;
	int i;

	*why = '\0';
	switch (k->kind) {
	case KIND_SWITCH:
		return parse_switch(text, (bool *)field);
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_SPAN:
		return parse_number(k, text, (uint64_t *)field);
	case KIND_FACTOR:
		return parse_factor(k, text, (double *)field);
	case KIND_FAST_PATH:
	case KIND_SAY:
		i = word_find(k->kind == KIND_SAY ? say_words : fast_path_words, text);
		if (i >= 0)
			*(unsigned *)field = (unsigned)i;
		return i >= 0;
	case KIND_BAD:
		return bad_set(c, text, why);
	case KIND_URL_FILE:
		return text_fits(k, text) && url_from_file(c, text, (const char **)field, why);
	default:
		break;
	}
	if (!text_fits(k, text))
		return false;
	if (!(k->flags & CONFIG_LIST)) {
		*(const char **)field = text;
		return true;
	}
	struct config_list *list = (struct config_list *)field;
	if (list->n == CONFIG_LIST_MAX || list_has(list, text)) {
		snprintf(why, 300, list->n == CONFIG_LIST_MAX ? "more than %d of them" : "it is there already (of up to %d)", CONFIG_LIST_MAX);
		return false;
	}
	list->item[list->n++] = text;
	return true;
}

static bool value_set_one(struct sensor_config *c, const struct config_key *k, const char *text, size_t len, char why[300])
{
	struct config_value *v = config_value_of(c, k);
	const char *copy = gs_arena_strndup(c->own->arena, text, len);
	char expected[200];

	if (!copy) {
		snprintf(why, 300, "out of memory");
		return false;
	}
	if (!field_set(c, k, copy, why)) {
		config_expects(k, expected);
		if (!*why)
			snprintf(why, 300, "expected %s", expected);
		return false;
	}
	if (v->n < CONFIG_LIST_MAX)
		v->text[v->n] = copy;
	v->n++;
	return true;
}

bool config_value_set(struct sensor_config *c, const struct config_key *k, const char *text, char why[300])
{
	char expected[200];

	if (!*text) {
		config_expects(k, expected);
		snprintf(why, 300, "nothing is given; expected %s", expected);
		return false;
	}
	if (!(k->flags & CONFIG_SPLIT))
		return value_set_one(c, k, text, strlen(text), why);
	for (const char *p = text; *p;) {
		const size_t len = strcspn(p, ", \t");
		if (len && !value_set_one(c, k, p, len, why))
			return false;
		p += len;
		p += strspn(p, ", \t");
	}
	return true;
}

void config_value_clear(struct sensor_config *c, const struct config_key *k)
{
	char why[300];

	*config_value_of(c, k) = (struct config_value){ 0 };
	if (k->kind == KIND_BAD)
		c->n_known_bad = 0;
	else if (k->flags & CONFIG_LIST)
		*(struct config_list *)((char *)c + k->offset) = (struct config_list){ 0 };
	else if (strcmp(k->section, CONFIG_NAMED) == 0)
		return;
	else if (*k->fallback)
		field_set(c, k, k->fallback, why); /* a default fits, a test holds them all against it */
	else
		*(const char **)((char *)c + k->offset) = "";
}

struct config_value *config_value_of(const struct sensor_config *c, const struct config_key *k)
{
	unsigned n;
	return &c->own->values[k - config_keys(&n)];
}
