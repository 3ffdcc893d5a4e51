/* make_forensics_seeds.c - writes seeds/forensics: a few packets of made-up bots each, with the three octets before them that fuzz_forensics.c reads; usage: make_forensics_seeds FOLDER */
#include "botmaker.h"

#include <stdio.h>
#include <stdlib.h>

static void write_seed(const char *folder, const char *name, struct bot_orders o, bool big, unsigned packets, size_t cap, unsigned flags)
{
	char path[4096];
	struct bot b;
	struct bot_attack a;
	uint8_t ip[BOT_MAX_PACKET];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "wb");
	if (!f) {
		perror(path);
		exit(1);
	}
	bot_seed(&b, 1511000000, 57, 20000, big);
	bot_attack_start(&a, &b, &o, 0xc0000265);
	for (unsigned i = 0; i < packets; i++) {
		const size_t len = bot_attack_packet(&a, i % o.targets, 9, ip), n = cap && cap < len ? cap : len;
		const unsigned word = (unsigned)n | flags | (i + 1 == packets ? 1u << 12 : 0);
		fputc((int)(word >> 8), f);
		fputc((int)(word & 0xff), f);
		fputc(20, f);
		fwrite(ip, 1, n, f);
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	struct bot_orders o = bot_orders_default();
	if (argc != 2) {
		fprintf(stderr, "usage: make_forensics_seeds FOLDER\n");
		return 2;
	}
	o.targets = 1;
	o.target[0] = (struct bot_target){ 0xc6336421, 32 };
	o.target[1] = (struct bot_target){ 0xc6336440, 28 };
	const struct bot_orders plain = o;
	o.len = 24;
	write_seed(argv[1], "greip-24", o, false, 3, 0, 0);
	write_seed(argv[1], "greip-24-be-quoted", o, true, 2, 0, 1u << 15);
	o.len = 0;
	write_seed(argv[1], "greip-0", o, false, 5, 0, 1u << 11);
	o.gcip = true;
	o.sport = 53;
	write_seed(argv[1], "greip-0-fixed", o, true, 12, 0, 0);
	o = plain;
	o.greeth = true;
	o.len = 0;
	write_seed(argv[1], "greeth-0", o, true, 4, 0, 1u << 14);
	o.len = 23;
	o.source = -1;
	write_seed(argv[1], "greeth-23-spoofed", o, true, 3, 0, 0);
	o = plain;
	o.targets = 2;
	o.len = 16;
	write_seed(argv[1], "two-targets", o, false, 6, 0, 0);
	o = plain;
	write_seed(argv[1], "cut", o, false, 4, 52, 1u << 11);
	o.rand = false;
	o.len = 20;
	write_seed(argv[1], "zeros", o, true, 4, 0, 0);
	o = plain;
	o.len = 9;
	o.ident = 777;
	write_seed(argv[1], "ident-9", o, false, 4, 0, 0);
	return 0;
}
