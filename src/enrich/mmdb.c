/*
 * mmdb.c - MaxMind DB files through libmaxminddb: layouts, and records read once
 *
 * Two layouts of places, told apart once at opening by looking into the first records, as names lie (DB-IP files are found under MaxMind's
 * name):
 *
 *   nested (MaxMind, DB-IP)   country.iso_code  subdivisions[0].names.en  city.names.en
 *   flat (ip-location-db)     country_code      state1                    city
 *
 * Networks are flat with both: autonomous_system_number, autonomous_system_organization.
 *
 * Many networks share a record, and reading one costs several times the walk to it: results are kept by the record's offset, in a map with
 * a cap that is emptied when it is full. A file is checked before libmaxminddb opens it: its own checks are incomplete before 1.13.
 */
#include "enrich/mmdb.h"

#include "base/map.h"
#include "enrich/clean.h"
#include "enrich/mmdb_value.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define METADATA_MAX (128u << 10) /* by the specification, marker and metadata are within the last 128 KiB */
#define PROBE_RECORDS 64
#define PROBE_NODES 65536
#define CACHE_BYTES (4u << 20)

static const uint8_t marker[] = "\xab\xcd\xefMaxMind.com";
#define MARKER_LEN (sizeof marker - 1)

struct cached {
	uint32_t offset; /* the key */
	struct gs_origin origin;
};

struct mmdb {
	MMDB_s db;
	struct mm_section data;
	struct gs_strtab *names;
	struct gs_map cache;
	enum mmdb_kind kind;
	bool nested, has_v4, has_v6;
	uint64_t damaged;
	struct gs_prefix last;        /* the network that was asked for last, and its origin */
	struct gs_origin last_origin;
	char type[CLEAN_TEXT_MAX], description[CLEAN_TEXT_MAX];
};

/* Before opening ------------------------------------------------------------------------------------------------------------------ */

/* The end of a file, up to METADATA_MAX octets; the caller frees. */
static int read_tail(const char *path, uint8_t **ret, size_t *ret_len, uint64_t *ret_size, struct gs_error *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return gs_fail_errno(err, GS_ERR_IO, errno, "cannot open %s", path);
	int r = fstat(fd, &st) < 0 ? gs_fail_errno(err, GS_ERR_IO, errno, "cannot read %s", path) : 0;
	size_t len = r < 0 ? 0 : st.st_size < METADATA_MAX ? (size_t)st.st_size : METADATA_MAX, got = 0;
	uint8_t *tail = malloc(len + 1);
	if (r == 0 && !tail)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory for %s", path);
	while (r == 0 && got < len) {
		ssize_t n = pread(fd, tail + got, len - got, st.st_size - (off_t)(len - got));
		if (n < 0 && errno != EINTR)
			r = gs_fail_errno(err, GS_ERR_IO, errno, "cannot read %s", path);
		else if (n == 0)
			r = gs_fail(err, GS_ERR_IO, "cannot read %s: it became shorter", path);
		got += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (r < 0) {
		free(tail);
		return r;
	}
	*ret = tail;
	*ret_len = len;
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

/* The metadata behind the last marker. */
static bool find_metadata(const uint8_t *tail, size_t len, struct mm_section *ret)
{
	const uint8_t *found = NULL;
	for (const uint8_t *p = tail; (p = memmem(p, len - (size_t)(p - tail), marker, MARKER_LEN)); found = p)
		p += MARKER_LEN;
	if (found)
		*ret = (struct mm_section){ found, (uint32_t)(len - (size_t)(found - tail)) };
	return found != NULL;
}

int mmdb_recognise(const char *path, struct gs_error *err)
{
	struct mm_section s;
	uint8_t *tail;
	uint64_t size;
	size_t len;

	int r = read_tail(path, &tail, &len, &size, err);
	if (r < 0)
		return r;
	r = find_metadata(tail, len, &s);
	free(tail);
	return r;
}

static bool all_strings(const struct mm_section *s, const struct mm_value *meta, const char *key, uint32_t type)
{
	struct mm_value list, v;
	if (!mm_find(s, meta, key, &list) || list.type != type)
		return false;
	uint32_t n = type == MMDB_DATA_TYPE_MAP ? list.size * 2 : list.size;
	for (uint32_t i = 0, at = list.at; i < n; i++) {
		if (!mm_read(s, at, &v) || v.type != MMDB_DATA_TYPE_UTF8_STRING || !mm_skip(s, at, &at))
			return false;
	}
	return true;
}

/* What libmaxminddb 1.7.1 takes on trust: that the metadata is sound all through, and that the tree's size does not wrap 32 bits. */
static int check_metadata(const struct mm_section *s, uint64_t file_size, const char *path, struct gs_error *err)
{
	struct mm_value meta, v;
	uint64_t nodes = 0, bits = 0;

	if (!mm_check(s, 0) || !mm_read(s, 0, &meta) || !all_strings(s, &meta, "languages", MMDB_DATA_TYPE_ARRAY) ||
	    !all_strings(s, &meta, "description", MMDB_DATA_TYPE_MAP))
		return gs_fail(err, GS_ERR_CONFIG, "%s: the MaxMind metadata, %u octets before the end, is damaged", path, s->size);
	if (!mm_find(s, &meta, "node_count", &v) || !mm_number(s, &v, &nodes) || !mm_find(s, &meta, "record_size", &v) ||
	    !mm_number(s, &v, &bits))
		return gs_fail(err, GS_ERR_CONFIG, "%s: the MaxMind metadata lacks the size of the tree", path);
	if (nodes == 0 || nodes > UINT32_MAX || bits > 32 || nodes * bits / 4 + 16 + MARKER_LEN + s->size > file_size)
		return gs_fail(err, GS_ERR_CONFIG, "%s: a tree of %llu nodes of %llu bits does not fit into %llu octets: damaged", path,
		               (unsigned long long)nodes, (unsigned long long)bits, (unsigned long long)file_size);
	if (file_size > UINT32_MAX)
		return gs_fail(err, GS_ERR_LIMIT, "%s: larger than 4 GiB, which libmaxminddb cannot read", path);
	return 0;
}

static int open_checked(const char *path, MMDB_s *ret, struct gs_error *err)
{
	struct mm_section s;
	uint8_t *tail;
	uint64_t size;
	size_t len;

	int r = read_tail(path, &tail, &len, &size, err);
	if (r < 0)
		return r;
	if (find_metadata(tail, len, &s))
		r = check_metadata(&s, size, path, err);
	else
		r = gs_fail(err, GS_ERR_CONFIG, "%s: no MaxMind metadata at its end: cut short or of another format", path);
	free(tail);
	if (r < 0)
		return r;
	int status = MMDB_open(path, MMDB_MODE_MMAP, ret);
	if (status != MMDB_SUCCESS)
		return gs_fail(err, GS_ERR_CONFIG, "cannot open %s: %s", path, MMDB_strerror(status));
	return 0;
}

/* Puts memory of our own in the place of the mapped file. libmaxminddb unmaps it when it closes. */
static int own_copy(const char *path, MMDB_s *db, struct gs_error *err)
{
	const size_t size = (size_t)db->file_size;
	const uint8_t *was = db->file_content;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *copy = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t got = 0;
	ssize_t n = 1;

	while (copy != MAP_FAILED && got < size && n > 0) {
		n = pread(fd, copy + got, size - got, (off_t)got);
		got += n > 0 ? (size_t)n : 0;
	}
	const int sys = errno;
	if (fd >= 0)
		close(fd);
	if (copy == MAP_FAILED)
		return gs_fail_errno(err, GS_ERR_NOMEM, sys, "cannot read %s into memory", path);
	if (got < size) {
		munmap(copy, size);
		return gs_fail(err, GS_ERR_CONFIG, "%s became shorter while it was read", path);
	}
	mprotect(copy, size, PROT_READ);
	db->file_content = copy;
	db->data_section = copy + (db->data_section - was);
	db->metadata_section = copy + (db->metadata_section - was);
	munmap((void *)(uintptr_t)was, size);
	return 0;
}

/* Layout -------------------------------------------------------------------------------------------------------------------------- */

struct probe {
	unsigned records, damaged;
	bool asn, flat, flat_city, nested, nested_city;
};

static void probe_record(const struct mmdb *m, uint64_t offset, struct probe *p)
{
	const struct mm_section *s = &m->data;
	struct mm_value record, v;

	if (offset >= s->size || !mm_read(s, (uint32_t)offset, &record) || record.type != MMDB_DATA_TYPE_MAP ||
	    !mm_check(s, (uint32_t)offset)) {
		p->damaged++;
		return;
	}
	p->records++;
	if (mm_find(s, &record, "autonomous_system_number", &v))
		p->asn = true;
	if (mm_find(s, &record, "country_code", &v) && v.type == MMDB_DATA_TYPE_UTF8_STRING)
		p->flat = true;
	if (mm_find(s, &record, "country", &v) || mm_find(s, &record, "registered_country", &v) || mm_find(s, &record, "continent", &v))
		p->nested |= v.type == MMDB_DATA_TYPE_MAP;
	if (mm_find(s, &record, "subdivisions", &v))
		p->nested_city |= v.type == MMDB_DATA_TYPE_ARRAY;
	if (mm_find(s, &record, "city", &v)) {
		p->flat_city |= v.type == MMDB_DATA_TYPE_UTF8_STRING;
		p->nested_city |= v.type == MMDB_DATA_TYPE_MAP;
	}
}

/* The first records from the left of the tree. Bounded in depth and steps: a damaged tree may be a circle. */
static void probe_tree(const struct mmdb *m, struct probe *p)
{
	uint32_t stack[256], depth = 0;
	MMDB_search_node_s node;

	stack[depth++] = 0;
	for (unsigned steps = 0; depth && steps < PROBE_NODES && p->records < PROBE_RECORDS; steps++) {
		uint32_t number = stack[--depth];
		if (number >= m->db.metadata.node_count || MMDB_read_node(&m->db, number, &node) != MMDB_SUCCESS) {
			p->damaged++;
			continue;
		}
		const uint64_t record[] = { node.right_record, node.left_record }; /* the left one comes off the stack first */
		for (int i = 0; i < 2; i++) {
			if (record[i] < m->db.metadata.node_count) {
				if (depth < sizeof stack / sizeof *stack)
					stack[depth++] = (uint32_t)record[i];
			} else if (record[i] > m->db.metadata.node_count) {
				probe_record(m, record[i] - m->db.metadata.node_count - 16, p);
			}
		}
	}
}

static bool type_says(const struct mmdb *m, const char *word)
{
	return strcasestr(m->type, word) != NULL;
}

static int learn_layout(struct mmdb *m, const char *path, struct gs_error *err)
{
	struct probe p = { 0 };

	probe_tree(m, &p);
	if (p.records == 0 && p.damaged > 0)
		return gs_fail(err, GS_ERR_CONFIG, "%s: the tree leads to no sound record: damaged", path);
	bool city = p.flat_city || p.nested_city || type_says(m, "city") || type_says(m, "enterprise");
	m->nested = p.nested || p.nested_city;
	if (p.asn || (p.records == 0 && type_says(m, "asn")))
		m->kind = MMDB_KIND_NETWORK;
	else if ((p.records == 0 || p.flat || m->nested) && city)
		m->kind = MMDB_KIND_CITY;
	else if ((p.records == 0 && type_says(m, "country")) || p.flat || m->nested)
		m->kind = MMDB_KIND_COUNTRY;
	else
		return gs_fail(err, GS_ERR_CONFIG, "%s: a MaxMind database of type '%s' whose records name no network, city or country",
		               path, m->type);
	return 0;
}

static void learn_families(struct mmdb *m)
{
	const MMDB_s *db = &m->db;

	m->has_v6 = db->metadata.ip_version == 6;
	/* IPv4 lives at ::/96; where the way there ends early, the file has none */
	m->has_v4 = !m->has_v6 || (db->ipv4_start_node.netmask == 96 && db->ipv4_start_node.node_value < db->metadata.node_count);
}

int mmdb_open(const char *path, struct gs_strtab *names, bool own, struct mmdb **ret, struct gs_error *err)
{
	struct mmdb *m = calloc(1, sizeof *m);
	if (!m)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory for %s", path);
	int r = open_checked(path, &m->db, err);
	if (r < 0) {
		free(m);
		return r;
	}
	if (own && (r = own_copy(path, &m->db, err)) < 0) {
		MMDB_close(&m->db);
		free(m);
		return r;
	}
	const MMDB_metadata_s *meta = &m->db.metadata;
	m->names = names;
	m->data = (struct mm_section){ m->db.data_section, m->db.data_section_size };
	clean_text(m->type, meta->database_type, strlen(meta->database_type));
	if (meta->description.count > 0)
		clean_text(m->description, meta->description.descriptions[0]->description,
		           strlen(meta->description.descriptions[0]->description));
	learn_families(m);
	r = learn_layout(m, path, err);
	if (r == 0 && gs_map_init(&m->cache, sizeof(uint32_t), sizeof(struct cached), CACHE_BYTES, 0) < 0)
		r = gs_fail(err, GS_ERR_NOMEM, "out of memory for %s", path);
	if (r < 0) {
		mmdb_close(m);
		return r;
	}
	*ret = m;
	return 0;
}

void mmdb_close(struct mmdb *m)
{
	if (!m)
		return;
	gs_map_done(&m->cache);
	MMDB_close(&m->db);
	free(m);
}

/* Looking up ---------------------------------------------------------------------------------------------------------------------- */

static uint32_t take_name(struct mmdb *m, const struct mm_value *v)
{
	size_t len;
	const char *text = mm_string(&m->data, v, &len);
	return clean_name(m->names, text, len);
}

/* Two letters; "ZZ" and "XX" are ways of saying that nobody knows. */
static void take_country(const struct mmdb *m, const struct mm_value *v, struct gs_origin *o)
{
	size_t len;
	const char *text = mm_string(&m->data, v, &len);
	if (len != 2)
		return;
	char c[2] = { (char)(text[0] & ~0x20), (char)(text[1] & ~0x20) };
	if (c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z' || memcmp(c, "ZZ", 2) == 0 || memcmp(c, "XX", 2) == 0)
		return;
	memcpy(o->country, c, 2);
}

static void take_flat(struct mmdb *m, const struct mm_value *record, struct gs_origin *o)
{
	struct mm_value v;
	if (mm_find(&m->data, record, "country_code", &v))
		take_country(m, &v, o);
	if (mm_find(&m->data, record, "state1", &v))
		o->region = take_name(m, &v);
	if (mm_find(&m->data, record, "city", &v))
		o->city = take_name(m, &v);
}

static uint32_t english_name(struct mmdb *m, const struct mm_value *of)
{
	struct mm_value v;
	return mm_find(&m->data, of, "names", &v) && mm_find(&m->data, &v, "en", &v) ? take_name(m, &v) : 0;
}

/* registered_country is no place: it says where the owner of the block is at home. */
static void take_nested(struct mmdb *m, const struct mm_value *record, struct gs_origin *o)
{
	struct mm_value v;
	if (mm_find(&m->data, record, "country", &v) && mm_find(&m->data, &v, "iso_code", &v))
		take_country(m, &v, o);
	if (mm_find(&m->data, record, "subdivisions", &v) && mm_first(&m->data, &v, &v))
		o->region = english_name(m, &v);
	if (mm_find(&m->data, record, "city", &v))
		o->city = english_name(m, &v);
}

/* A number, or a string with one: "13335", "AS13335". */
static bool take_asn(const struct mmdb *m, const struct mm_value *v, uint64_t *ret)
{
	size_t len;
	const char *text = mm_string(&m->data, v, &len);
	if (v->type != MMDB_DATA_TYPE_UTF8_STRING)
		return mm_number(&m->data, v, ret);
	size_t i = len > 2 && memcmp(text, "AS", 2) == 0 ? 2 : 0;
	for (*ret = 0; i < len && text[i] >= '0' && text[i] <= '9' && *ret <= UINT32_MAX; i++)
		*ret = *ret * 10 + (uint64_t)(text[i] - '0');
	return len > 0 && i == len;
}

static void take_network(struct mmdb *m, const struct mm_value *record, struct gs_origin *o)
{
	struct mm_value v;
	uint64_t asn;
	if (!mm_find(&m->data, record, "autonomous_system_number", &v) || !take_asn(m, &v, &asn) || asn == 0 || asn > UINT32_MAX)
		return;
	o->asn = (uint32_t)asn;
	if (mm_find(&m->data, record, "autonomous_system_organization", &v))
		o->as_name = take_name(m, &v);
}

static bool take_record(struct mmdb *m, uint32_t offset, struct gs_origin *o)
{
	struct mm_value record;

	if (!mm_read(&m->data, offset, &record) || record.type != MMDB_DATA_TYPE_MAP)
		return false;
	if (m->kind == MMDB_KIND_NETWORK)
		take_network(m, &record, o);
	else if (m->nested)
		take_nested(m, &record, o);
	else
		take_flat(m, &record, o);
	return true;
}

static struct gs_origin record_origin(struct mmdb *m, uint32_t offset)
{
	bool is_new;
	uint64_t hash = XXH3_64bits_withSeed(&offset, sizeof offset, m->cache.seed); /* gs_map_hash with the length known to the compiler */
	struct cached *c = gs_map_get(&m->cache, hash, &offset, &is_new);
	if (!c) {
		gs_map_clear(&m->cache, CACHE_BYTES);
		c = gs_map_get(&m->cache, hash, &offset, &is_new);
	}
	struct gs_origin o = { 0 };
	if (c && !is_new)
		return c->origin;
	if (!take_record(m, offset, &o))
		m->damaged++;
	if (c)
		c->origin = o;
	return o;
}

static MMDB_lookup_result_s walk(const MMDB_s *db, const struct gs_addr *a, int *status)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (a->family == 4) {
		memcpy(&in4.sin_addr, a->b, 4);
		return MMDB_lookup_sockaddr(db, (const struct sockaddr *)&in4, status);
	}
	memcpy(&in6.sin6_addr, a->b, 16);
	return MMDB_lookup_sockaddr(db, (const struct sockaddr *)&in6, status);
}

static void merge(const struct mmdb *m, const struct gs_origin *from, struct gs_origin *to)
{
	if (m->kind == MMDB_KIND_NETWORK) {
		to->asn = from->asn;
		to->as_name = from->as_name;
		return;
	}
	to->region = from->region;
	to->city = from->city;
	memcpy(to->country, from->country, sizeof to->country);
}

void mmdb_lookup(struct mmdb *m, const struct gs_addr *a, struct gs_origin *ret)
{
	int status;

	if (!gs_prefix_contains(&m->last, a)) {
		MMDB_lookup_result_s found = walk(&m->db, a, &status);
		if (status != MMDB_SUCCESS) {
			m->damaged++;
			return;
		}
		m->last_origin = found.found_entry ? record_origin(m, found.entry.offset) : (struct gs_origin){ 0 };
		/* in an IPv6 tree, IPv4 prefixes are counted from the top too */
		m->last = gs_prefix_of(a, (uint8_t)(a->family == 4 && m->has_v6 ? found.netmask - 96 : found.netmask));
	}
	merge(m, &m->last_origin, ret);
}

enum mmdb_kind mmdb_kind_of(const struct mmdb *m)
{
	return m->kind;
}

bool mmdb_has_family(const struct mmdb *m, uint8_t family)
{
	return family == 4 ? m->has_v4 : m->has_v6;
}

const char *mmdb_type(const struct mmdb *m)
{
	return m->type;
}

const char *mmdb_description(const struct mmdb *m)
{
	return m->description;
}

int64_t mmdb_built_s(const struct mmdb *m)
{
	return m->db.metadata.build_epoch > INT64_MAX ? 0 : (int64_t)m->db.metadata.build_epoch;
}

uint64_t mmdb_damaged(const struct mmdb *m)
{
	return m->damaged;
}
