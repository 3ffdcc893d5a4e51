/*
 * fuzz_main.c - runs a fuzz harness as a plain program: over seeds, their prefixes and some thousand changes of them, the same every time
 *
 * usage: fuzz_NAME FILE-OR-FOLDER...   A crash is the failure; so is an empty list of seeds.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEED (1u << 20)
#define CHANGES 400 /* per seed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t random_state = 0x9e3779b97f4a7c15u;

/* xorshift64: the same numbers everywhere */
static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32);
}

/* In memory of exactly its length, so that a sanitizer sees every octet too far. */
static void run(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void change_and_run(const uint8_t *seed, size_t len, uint8_t *work)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff, '\n', '"' };

	memcpy(work, seed, len);
	for (unsigned n = 1 + random_next() % 4; n > 0 && len > 0; n--) {
		const size_t at = random_next() % len, rest = len - at;
		switch (random_next() % 5) {
		case 0:
			work[at] ^= (uint8_t)(1u << random_next() % 8);
			break;
		case 1:
			work[at] = odd[random_next() % sizeof odd];
			break;
		case 2: /* a whole field */
			memset(work + at, odd[random_next() % sizeof odd], rest < 4 ? rest : 4);
			break;
		case 3: /* some octets go missing */
			len -= rest < 5 ? 0 : 4;
			memmove(work + at, work + at + (rest < 5 ? 0 : 4), rest < 5 ? 0 : rest - 4);
			break;
		default:
			len = at;
		}
	}
	run(work, len);
}

static unsigned run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *seed = malloc(MAX_SEED), *work = malloc(MAX_SEED);

	if (!f || !seed || !work) {
		perror(path);
		exit(1);
	}
	const size_t len = fread(seed, 1, MAX_SEED, f);
	run(seed, len);
	for (size_t i = 0; i < len && i < 1024; i++)
		run(seed, i);
	for (unsigned i = 0; i < CHANGES; i++)
		change_and_run(seed, len, work);
	fclose(f);
	free(seed);
	free(work);
	return 1;
}

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static unsigned run_path(const char *path)
{
	struct dirent **names;
	char file[4096];
	unsigned seeds = 0;
	const int n = scandir(path, &names, not_hidden, by_name);

	if (n < 0)
		return run_file(path);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
		seeds += run_path(file);
		free(names[i]);
	}
	free(names);
	return seeds;
}

int main(int argc, char **argv)
{
	unsigned seeds = 0;

	for (int i = 1; i < argc; i++)
		seeds += run_path(argv[i]);
	printf("%u seeds\n", seeds);
	return seeds == 0;
}
