#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *path, const char *what)
{
	fprintf(stderr, "%s: %s\n", path, what);
	abort();
}

static uint8_t *read_all(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	const long n = ftell(f);
	rewind(f);
	uint8_t *bytes = malloc((size_t)n + 1);
	if (!bytes || fread(bytes, 1, (size_t)n, f) != (size_t)n)
		die(path, "cannot be read");
	fclose(f);
	*ret_n = (size_t)n;
	return bytes;
}

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void read_packets(const char *path, struct capture *c, size_t size)
{
	const uint8_t *p = c->bytes + 24, *end = c->bytes + size;
	size_t room = 0;
	if (size < 24 || le32(c->bytes) != 0xa1b2c3d4 || le32(c->bytes + 20) != 1)
		die(path, "not a classic little-endian capture of Ethernet");
	while (end - p >= 16) {
		const uint32_t caplen = le32(p + 8);
		if (caplen < 14 || caplen > (size_t)(end - p) - 16)
			die(path, "damaged");
		if (c->n == room) {
			room = room ? room * 2 : 1024;
			c->packet = realloc(c->packet, room * sizeof *c->packet);
			if (!c->packet)
				die(path, "no memory");
		}
		c->packet[c->n++] = (struct capture_packet){
			.ip = p + 16 + 14,
			.caplen = caplen - 14,
			.ts = { (int64_t)le32(p) * GS_NS_PER_S + (int64_t)le32(p + 4) * 1000 },
			.bot = -1,
		};
		p += 16 + caplen;
	}
}

static int bot_number(struct capture *c, const char *name)
{
	for (unsigned i = 0; i < c->n_bots; i++)
		if (strcmp(c->bot[i], name) == 0)
			return (int)i;
	if (c->n_bots == CAPTURE_MAX_BOTS)
		die(name, "one bot too many");
	c->bot[c->n_bots] = name;
	return (int)c->n_bots++;
}

static void read_rows(const char *path, struct capture *c)
{
	const json_t *rows = json_object_get(c->truth, "rows");
	if (json_array_size(rows) != c->n)
		die(path, "as many rows as packets expected");
	for (size_t i = 0; i < c->n; i++) {
		const json_t *row = json_array_get(rows, i);
		if (!json_is_array(row))
			continue;
		struct capture_packet *p = &c->packet[i];
		p->bot = bot_number(c, json_string_value(json_array_get(row, 0)));
		p->greeth = strcmp(json_string_value(json_array_get(row, 1)), "greeth") == 0;
		p->draws_before = (uint64_t)json_integer_value(json_array_get(row, 4));
		p->draws_after = (uint64_t)json_integer_value(json_array_get(row, 5));
	}
}

bool capture_read(const char *base, struct capture *ret)
{
	char path[1024];
	size_t size = 0;
	json_error_t error;

	*ret = (struct capture){ 0 };
	snprintf(path, sizeof path, "%s.pcap", base);
	ret->bytes = read_all(path, &size);
	if (!ret->bytes)
		return false;
	read_packets(path, ret, size);
	snprintf(path, sizeof path, "%s.json", base);
	ret->truth = json_load_file(path, 0, &error);
	if (!ret->truth)
		die(path, error.text);
	read_rows(path, ret);
	return true;
}

void capture_done(struct capture *c)
{
	free(c->bytes);
	free(c->packet);
	json_decref(c->truth);
	*c = (struct capture){ 0 };
}

const char *shared_folder(const char *source_root)
{
	static char path[1024];
	const char *given = getenv("GRESCOPE_SHARED");
	snprintf(path, sizeof path, "%s", given ? given : "");
	if (!given)
		snprintf(path, sizeof path, "%s/../shared", source_root);
	return access(path, R_OK) == 0 ? path : NULL;
}
