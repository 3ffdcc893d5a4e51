/*
 * config_keys.c - the table of configuration keys, in the order of the file
 *
 * A new key is a line here, a field in struct sensor_config and, where its kind is new, a case in config_value.c.
 */
#include "config_keys.h"

#include <stddef.h>

#define AT(field) offsetof(struct sensor_config, field)
#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)
#define YEAR (UINT64_C(366) * 86400)

static const struct config_key keys[] = {
	{ "sensor", "name", "sensor", 0, "NAME", "name of this vantage point, for the sensor column", "", NULL, KIND_SENSOR, 0, 0, 0, AT(sensor) },
	{ "sensor", "user", "user", 0, "NAME", "whom the processes become when started as root", "grescope", NULL, KIND_USER, 0, 0, 0, AT(user) },

	{ "capture", "interface", "interface", 'i', "IFACE", "an interface to capture on; `any` is all of them", "", "any", KIND_IFACE, CONFIG_LIST | CONFIG_SPLIT, 0, 0,
	  AT(interfaces) },
	{ "capture", "filter", "filter", 0, "FILTER", "captures only what this filter lets through too; pcap-filter(7)", "", NULL, KIND_FILTER, 0, 0, 0, AT(filter) },
	{ "capture", "snaplen", "snaplen", 0, "OCTETS", "octets kept of each packet", "256", NULL, KIND_NUMBER, 0, 96, 262144, AT(snaplen) },
	{ "capture", "promiscuous", "promiscuous", 0, NULL, "also packets for other machines: on a mirror port", "no", NULL, KIND_SWITCH, 0, 0, 0, AT(promiscuous) },
	{ "capture", "buffer", "buffer", 0, "SIZE", "the kernel's buffer for packets, per interface and worker", "64M", NULL, KIND_SIZE, 0, M, G, AT(buffer_bytes) },
	{ "capture", "workers", "workers", 0, "N", "processes that share the packets, by source", "1", NULL, KIND_NUMBER, 0, 1, 64, AT(workers) },
	{ "capture", "include_udp", "include-udp", 0, NULL, "also GRE in UDP (ports 4754, 4755, in Geneve, VXLAN, GUE)", "no", NULL, KIND_SWITCH, 0, 0, 0,
	  AT(include_udp) },
	{ "capture", "fast_path", "fast-path", 0, "WORD", "count in the kernel (XDP), or also drop there", "off", NULL, KIND_FAST_PATH, 0, 0, 0, AT(fast_path) },

	{ "sightings", "window", "window", 0, "SPAN", "a sighting sums up this much time; 0: every packet is one", "60", NULL, KIND_SPAN, 0, 0, YEAR, AT(window_s) },
	{ "sightings", "memory", "memory", 0, "SIZE", "cap for sightings, per worker; past it new sources are folded, and counted", "256M", NULL, KIND_SIZE, 0, 4 * M, 1024 * G,
	  AT(memory_bytes) },

	{ "store", "path", "store", 0, "FILE", "the store; where nothing is said, that of the other verbs", "", "/var/lib/grescope/store.db", KIND_FILE, 0, 0, 0, AT(store) },
	{ "store", "quota", "quota", 0, "SIZE", "the store's file never grows past this; 0: no quota", "0", NULL, KIND_SIZE, 0, 0, 1024 * 1024 * G, AT(store_quota_bytes) },
	{ "store", "keep_rows", "keep-rows", 0, "SPAN", "rows older than this go, their hourly sums stay; 0: they are kept", "0", NULL, KIND_SPAN, CONFIG_LIVE, 0, 100 * YEAR,
	  AT(retention_age_s) },
	{ "store", "keep_size", "keep-size", 0, "SIZE", "oldest rows go until the store is no larger, hourly sums stay; 0: they are kept", "0", NULL, KIND_SIZE, CONFIG_LIVE, 0,
	  1024 * 1024 * G, AT(retention_bytes) },

	{ "evidence", "folder", "pcap-dir", 0, "FOLDER", "keep the packets themselves here, compressed", "", NULL, KIND_FILE, 0, 0, 0, AT(pcap_dir) },
	{ "evidence", "size", "pcap-size", 0, "SIZE", "of all these files; the oldest go first", "1G", NULL, KIND_SIZE, CONFIG_LIVE, 16 * M, 1024 * 1024 * G, AT(pcap_max_bytes) },
	{ "evidence", "file_size", "pcap-file-size", 0, "SIZE", "a file ends when it is this large; of a smaller size a quarter, where it is not given", "64M", NULL, KIND_SIZE, 0, M, 16 * G, AT(pcap_file_bytes) },
	{ "evidence", "file_span", "pcap-file-span", 0, "SPAN", "a file ends when it is this old", "1d", NULL, KIND_SPAN, 0, 60, YEAR, AT(pcap_file_s) },

	{ "data", "networks", "asn-db", 0, "FILE", "network database (.mmdb, CSV ranges, pfx2as); else the known folders are searched", "", NULL, KIND_FILE,
	  CONFIG_LIST | CONFIG_LIVE, 0, 0, AT(asn_db) },
	{ "data", "places", "city-db", 0, "FILE", "place database (.mmdb); else the known folders are searched", "", NULL, KIND_FILE, CONFIG_LIST | CONFIG_LIVE, 0, 0,
	  AT(city_db) },

	{ "alerts", "flood", "flood", 0, "PPS", "a flood begins at so many packets a second; 0: not told", "1000", NULL, KIND_NUMBER, CONFIG_LIVE, 0, 1000000000, AT(flood_pps) },
	{ "alerts", "quiet", "alert-quiet", 0, "SPAN", "the same thing is told again only after this", "1h", NULL, KIND_SPAN, CONFIG_LIVE, 1, YEAR, AT(quiet_s) },
	{ "alerts", "known_bad", "known-bad", 0, "NETWORK", "AS number or prefix whose every appearance is told", "", NULL, KIND_BAD, CONFIG_LIST | CONFIG_SPLIT | CONFIG_LIVE, 0, 0,
	  AT(known_bad) },
	{ "alerts", "surge", "surge", 0, "FACTOR", "a network surges at so many times its usual rate; 0: not told", "10", NULL, KIND_FACTOR, CONFIG_LIVE, 0, 1000000,
	  AT(surge_factor) },
	{ "alerts", "say", "alerts", 0, "WORD", "how alerts look on standard error", "logfmt", NULL, KIND_SAY, CONFIG_LIVE, 0, 0, AT(say) },
	{ "alerts", "command", "alert-command", 0, "COMMAND", "a program with arguments, without a shell, that gets each alert as JSON on its input", "", NULL, KIND_COMMAND,
	  CONFIG_LIVE, 0, 0, AT(command) },
	{ "alerts", "webhook_url", NULL, 0, "URL", "each alert is posted there as JSON; not in a file that all may read", "", NULL, KIND_URL, CONFIG_LIVE | CONFIG_SECRET, 0, 0,
	  AT(webhook_url) },
	{ "alerts", "webhook_url_file", "webhook-url-file", 0, "FILE", "the same, from the first line of a file that not all may read", "", NULL, KIND_URL_FILE, CONFIG_LIVE, 0, 0,
	  AT(webhook_url) },

	{ "metrics", "listen", "metrics", 0, "ADDRESS:PORT", "Prometheus metrics over HTTP, such as 127.0.0.1:9747", "", NULL, KIND_LISTEN, 0, 0, 0, AT(metrics_listen) },

	{ "logs", "follow", "follow", 0, "FILE", "a log that grows, read as it does", "", NULL, KIND_FILE, CONFIG_LIST, 0, 0, AT(follow) },
	{ "logs", "syslog_listen", "syslog", 0, "ADDRESS:PORT", "take syslog messages there", "", NULL, KIND_LISTEN, CONFIG_LIST | CONFIG_SPLIT, 0, 0, AT(syslog_listen) },

	{ CONFIG_NAMED, "pattern", NULL, 0, "PATTERN", "how a line looks", "", NULL, KIND_PATTERN, 0, 0, 0, 0 },
	{ CONFIG_NAMED, "time", NULL, 0, "FORMAT", "how its time is written", "", NULL, KIND_TIME, 0, 0, 0, 0 },
};

const struct config_key *config_keys(unsigned *ret_n)
{
	*ret_n = sizeof keys / sizeof *keys;
	return keys;
}
