#include "enrich/asn_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 39 digits can be too many for 128 bits. In two steps of 64 bits, as 128-bit multiplication is slow and half a million rows have two
 * each. */
const char *take_decimal(const char *p, gs_u128 *ret)
{
	const char *start = p;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9' && p - start < 19; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (p == start)
		return NULL;
	gs_u128 wide = v;
	if (*p >= '0' && *p <= '9') {
		uint64_t low = 0, scale = 1;
		for (; *p >= '0' && *p <= '9' && p - start < 38; p++, scale *= 10)
			low = low * 10 + (uint64_t)(*p - '0');
		wide = wide * scale + low;
	}
	if (*p >= '0' && *p <= '9') {
		unsigned digit = (unsigned)(*p++ - '0');
		gs_u128 max = ~(gs_u128)0;
		if (wide > max / 10 || (wide == max / 10 && digit > (unsigned)(max % 10)) || (*p >= '0' && *p <= '9'))
			return NULL;
		wide = wide * 10 + digit;
	}
	*ret = wide;
	return p;
}

const char *take_u32(const char *p, uint32_t *ret)
{
	gs_u128 v;
	p = take_decimal(p, &v);
	if (!p || v > UINT32_MAX)
		return NULL;
	*ret = (uint32_t)v;
	return p;
}

static bool in_address(char c)
{
	return (c >= '0' && c <= '9') || c == '.' || c == ':' || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

const char *take_address(const char *p, const char *end, bool integers, gs_u128 *ret, uint8_t *ret_family)
{
	const char *q = take_decimal(p, ret);
	if (integers && q && !in_address(*q)) {
		*ret_family = 0;
		return q;
	}
	for (q = p; q < end && in_address(*q); q++)
		;
	struct gs_addr a;
	if (!gs_addr_parse(p, (size_t)(q - p), &a))
		return NULL;
	gs_u128 v = 0;
	for (unsigned i = 0; i < (a.family == 4 ? 4u : 16u); i++)
		v = v << 8 | a.b[i];
	*ret = v;
	*ret_family = a.family;
	return q;
}

/* Moves what is left to the front and fills up. A line end always stands behind the last octet, so that parsers need no bound of their
 * own. */
static int refill(struct asn_file *f, struct gs_error *err)
{
	memmove(f->buf, f->buf + f->at, f->len - f->at);
	f->len -= f->at;
	f->at = 0;
	while (f->len < ASN_FILE_BLOCK && !f->eof) {
		ssize_t n = read(f->fd, f->buf + f->len, ASN_FILE_BLOCK - f->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gs_fail_errno(err, GS_ERR_IO, errno, "cannot read %s near line %llu", f->path,
			                     (unsigned long long)f->next_line);
		f->len += (size_t)n;
		f->eof = n == 0;
	}
	f->buf[f->len] = '\n';
	return 0;
}

/* Passes over blank lines and comments. True: at a row. False: at the end of what is in the buffer. */
static bool skip_empty(struct asn_file *f)
{
	while (f->at < f->len) {
		const char *p = f->buf + f->at, *line_end = p;
		if (*p == '\r')
			line_end++;
		else if (*p == '#')
			line_end = memchr(p, '\n', f->len - f->at + 1);
		if (*line_end != '\n')
			return true;
		if (line_end == f->buf + f->len && !f->eof)
			return false; /* more of it may follow */
		f->at = (size_t)(line_end - f->buf) + 1;
		f->next_line++;
	}
	if (f->at > f->len)
		f->at = f->len;
	return false;
}

static int bad_row(const struct asn_file *f, const char *why, struct gs_error *err)
{
	return gs_fail(err, GS_ERR_CONFIG, "%s, line %llu: %s", f->path, (unsigned long long)f->next_line, why);
}

static int check_family(struct asn_file *f, struct asn_row *row, struct gs_error *err)
{
	if (f->family == 0)
		f->family = row->family ? row->family : row->last > UINT32_MAX ? 6 : 4;
	if (row->family == 0)
		row->family = f->family;
	if (row->family != f->family || (f->family == 4 && row->last > UINT32_MAX))
		return bad_row(f, f->family == 4 ? "an IPv6 range in a table of IPv4 ranges" : "an IPv4 range in a table of IPv6 ranges",
		               err);
	if (row->first > row->last)
		return bad_row(f, "the range ends before it starts", err);
	return 0;
}

/* A file that ends in the middle of a line may end in the middle of a number, and 134 is a network too. */
static bool ends_in_number(const struct asn_file *f, const struct asn_row *row, const char *next)
{
	const char *end = f->buf + f->len;
	return next > end && row->name == end && end[-1] >= '0' && end[-1] <= '9';
}

int asn_file_next(struct asn_file *f, struct asn_row *ret, struct gs_error *err)
{
	const char *next;

	for (;;) {
		const char *why = NULL, *end = f->buf + f->len;
		next = NULL;
		if (skip_empty(f)) {
			*ret = (struct asn_row){ 0 };
			next = f->parse(f->buf + f->at, end, ret, &why);
			if (next && (next <= end || f->eof))
				break;
		} else if (f->eof) {
			return 0;
		}
		if (f->eof)
			return bad_row(f, why, err);
		if (f->at == 0 && f->len == ASN_FILE_BLOCK) /* it has all the room there is: it is wrong, or too long */
			return bad_row(f, why && memchr(f->buf, '\n', f->len) ? why : "longer than 256 KiB", err);
		int r = refill(f, err);
		if (r < 0)
			return r;
	}
	if (ends_in_number(f, ret, next))
		return bad_row(f, "the file ends in an AS number, without a line end: cut short?", err);
	int r = check_family(f, ret, err);
	if (r < 0)
		return r;
	f->at = (size_t)(next - f->buf);
	if (f->at > f->len)
		f->at = f->len;
	f->line = f->next_line;
	f->next_line += 1 + ret->more_lines;
	return 1;
}

/* "start,end,asn,name" and its like: a first field that begins like a word and holds no digit. */
static void skip_heading(struct asn_file *f)
{
	const char *p = f->buf + f->at, *line_end = memchr(p, '\n', f->len - f->at + 1);
	if (*p != '"' && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z'))
		return;
	for (const char *q = p; q < line_end && *q != ',' && *q != '\t'; q++)
		if ((*q >= '0' && *q <= '9') || *q == ':')
			return;
	f->at = (size_t)(line_end - f->buf) + (line_end < f->buf + f->len);
	f->next_line++;
}

static int learn_format(struct asn_file *f, struct gs_error *err)
{
	if (memchr(f->buf, '\0', f->len < 4096 ? f->len : 4096))
		return gs_fail(err, GS_ERR_CONFIG, "%s is binary, but holds no MaxMind metadata: cut short, compressed or something else",
		               f->path);
	if (f->len >= 3 && memcmp(f->buf, "\xef\xbb\xbf", 3) == 0)
		f->at = 3;
	skip_heading(f);
	if (!skip_empty(f))
		return gs_fail(err, GS_ERR_CONFIG, "%s has no rows", f->path);
	for (const char *p = f->buf + f->at; !f->parse; p++)
		if (*p == ',' || *p == '\n')
			f->parse = asn_csv_row;
		else if (*p == '\t' || *p == ' ')
			f->parse = pfx2as_row;
	return 0;
}

int asn_file_open(struct asn_file *f, const char *path, struct gs_error *err)
{
	*f = (struct asn_file){ .path = path, .fd = -1, .next_line = 1 };
	f->buf = malloc(ASN_FILE_BLOCK + 1);
	if (!f->buf)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for reading %s", path);
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = f->fd < 0 ? gs_fail_errno(err, GS_ERR_IO, errno, "cannot open %s", path) : refill(f, err);
	if (r == 0)
		r = learn_format(f, err);
	if (r < 0)
		asn_file_close(f);
	return r;
}

void asn_file_close(struct asn_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->buf);
	f->fd = -1;
	f->buf = NULL;
}
