/*
 * metrics_text.c - the view as metrics, in the text format of Prometheus (version 0.0.4)
 *
 * Base units, _total on what only grows, no addresses as labels: their number would be a stranger's choice. Counters of engines begin anew when an engine does, as counters of
 * any process; rate() knows.
 */
#include "sensor/view.h"

#include <inttypes.h>
#include <stdio.h>

static void head(struct gs_buf *b, const char *name, const char *type, const char *help)
{
	gs_buf_printf(b, "# HELP grescope_%s %s\n# TYPE grescope_%s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are what the format wants escaped. */
static void label(struct gs_buf *b, const char *name, const char *value)
{
	gs_buf_printf(b, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			gs_buf_putc(b, '\\');
		if (*value == '\n')
			gs_buf_puts(b, "\\n");
		else
			gs_buf_putc(b, *value);
	}
	gs_buf_putc(b, '"');
}

static void one(struct gs_buf *b, const char *name, const char *type, const char *help, uint64_t v)
{
	head(b, name, type, help);
	gs_buf_printf(b, "grescope_%s %" PRIu64 "\n", name, v);
}

static void one_time(struct gs_buf *b, const char *name, const char *help, struct gs_time t)
{
	head(b, name, "gauge", help);
	if (t.ns != GS_TIME_MIN.ns)
		gs_buf_printf(b, "grescope_%s %.3f\n", name, (double)t.ns / 1e9);
}

static void labelled(struct gs_buf *b, const char *name, const char *label_name, const char *value, uint64_t v)
{
	gs_buf_printf(b, "grescope_%s{", name);
	label(b, label_name, value);
	gs_buf_printf(b, "} %" PRIu64 "\n", v);
}

/* One sample for each interface: its engines added up. The engine of logs has none, and is among `inputs` alone. */
static void by_input(const struct view *v, struct gs_buf *b, bool inputs, const char *name, const char *more, uint64_t (*of)(const struct message_status *s, unsigned arg), unsigned arg)
{
	for (unsigned i = 0; i < v->n_engines; i++) {
		uint64_t sum = 0;
		bool done = !v->engines[i].have || (v->engines[i].status.logs && !inputs);
		for (unsigned k = 0; k < i; k++)
			done |= v->engines[k].have && strcmp(v->engines[k].status.source, v->engines[i].status.source) == 0;
		if (done)
			continue;
		for (unsigned k = i; k < v->n_engines; k++)
			if (v->engines[k].have && strcmp(v->engines[k].status.source, v->engines[i].status.source) == 0)
				sum += of(&v->engines[k].status, arg);
		gs_buf_printf(b, "grescope_%s{", name);
		label(b, inputs ? "input" : "iface", v->engines[i].status.source);
		gs_buf_printf(b, "%s} %" PRIu64 "\n", more, sum);
	}
}

static void by_interface(const struct view *v, struct gs_buf *b, const char *name, const char *more, uint64_t (*of)(const struct message_status *s, unsigned arg), unsigned arg)
{
	by_input(v, b, false, name, more, of, arg);
}

static uint64_t packets_of(const struct message_status *s, unsigned arg)
{
	return s->tally.packets;
}

static uint64_t dropped_of(const struct message_status *s, unsigned arg)
{
	return s->tally.dropped[arg];
}

static uint64_t up_of(const struct message_status *s, unsigned arg)
{
	return s->link == LINK_UP;
}

static uint64_t queue_of(const struct message_status *s, unsigned arg)
{
	return s->queue_bytes;
}

static void put_capture(const struct view *v, struct gs_buf *b)
{
	char where[48];

	head(b, "capture_packets_total", "counter", "Frames that the kernel's filter let through to an engine");
	by_interface(v, b, "capture_packets_total", "", packets_of, 0);
	head(b, "capture_dropped_packets_total", "counter", "Packets lost, by where; below the capture they may have been of any protocol");
	for (unsigned d = 0; d < GS_DROP_COUNT; d++) {
		snprintf(where, sizeof where, ",where=\"%s\"", gs_drop_word(d));
		by_interface(v, b, "capture_dropped_packets_total", where, dropped_of, d);
	}
	head(b, "capture_workers_up", "gauge", "Engines of the interface whose link is up");
	by_interface(v, b, "capture_workers_up", "", up_of, 0);
	head(b, "queue_bytes", "gauge", "Sightings on their way to the store, not acknowledged yet");
	by_input(v, b, true, "queue_bytes", "", queue_of, 0);
}

/* Only where logs are read. */
static void put_logs(const struct view *v, struct gs_buf *b)
{
	for (unsigned i = 0; i < v->n_engines; i++) {
		const struct message_status *s = &v->engines[i].status;
		if (!v->engines[i].have || !s->logs)
			continue;
		one(b, "log_lines_total", "counter", "Lines read from followed files", s->log_lines);
		one(b, "syslog_messages_total", "counter", "Messages that came by syslog", s->syslog_messages);
		head(b, "syslog_lost_total", "counter", "Of syslog: datagrams without room, messages that a connection ended inside of, connections refused or closed");
		labelled(b, "syslog_lost_total", "what", "datagrams", s->syslog_lost);
		labelled(b, "syslog_lost_total", "what", "cut", s->syslog_cut);
		labelled(b, "syslog_lost_total", "what", "connections", s->syslog_refused);
	}
}

static void put_balance(const struct view *v, struct gs_buf *b)
{
	const struct gs_tally t = view_tally(v);

	one(b, "sighted_packets_total", "counter", "Packets that became part of a sighting", t.in_sightings);
	one(b, "sighted_bytes_total", "counter", "Octets of IP in them", t.sighting_bytes);
	one(b, "fragments_total", "counter", "Later fragments of protocol 47", t.fragments);
	one(b, "not_gre_packets_total", "counter", "Frames that were no GRE", t.not_gre);
	one(b, "gre_in_udp_packets_total", "counter", "GRE in UDP", t.gre_udp);
	head(b, "decode_errors_total", "counter", "Frames of which cannot be told whether they were GRE, by reason");
	for (unsigned i = 1; i < GS_LOST_COUNT; i++)
		labelled(b, "decode_errors_total", "reason", gs_lost_word(i), t.lost[i]);
	head(b, "decode_stops_total", "counter", "GRE packets that could not be decoded to their end, by reason");
	for (unsigned i = 1; i < GS_STOP_COUNT; i++)
		labelled(b, "decode_stops_total", "reason", gs_stop_word(i), t.stops[i]);
	one(b, "sightings_total", "counter", "Sightings made", t.sightings);
	one(b, "folded_packets_total", "counter", "Packets whose source was folded away for want of memory", t.folded_packets);
	one(b, "late_packets_total", "counter", "Packets older than the windows still open", t.late_packets);
	one(b, "records_total", "counter", "Log lines and flow records that became sightings", t.records);
	one(b, "records_bad_total", "counter", "Of those that name protocol 47, not understood", t.records_bad);
}

static void put_classes(const struct view *v, struct gs_buf *b)
{
	head(b, "gre_packets_total", "counter", "GRE packets by class of the single packet, since the metrics began");
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++)
		labelled(b, "gre_packets_total", "class", gs_class_word(i), v->class_packets[i]);
	head(b, "gre_bytes_total", "counter", "Octets of IP in them");
	for (unsigned i = 0; i < GS_CLASS_COUNT; i++)
		labelled(b, "gre_bytes_total", "class", gs_class_word(i), v->class_bytes[i]);
	head(b, "sources", "gauge", "Different sources, estimated");
	labelled(b, "sources", "window", "1s", v->second.sources);
	labelled(b, "sources", "window", "24h", v->sources_day);
	one(b, "targets", "gauge", "Different destinations within the last second, estimated", v->second.targets);
	one(b, "processes", "gauge", "Bot processes that are known", v->second.bots);
	one_time(b, "last_packet_timestamp_seconds", "Time of the newest GRE packet", v->last_packet);
}

static void put_store(const struct view *v, struct gs_buf *b)
{
	const struct message_store *s = &v->store;

	if (!v->have_store)
		return;
	one(b, "store_size_bytes", "gauge", "The store's files", s->file_bytes);
	one(b, "store_disk_free_bytes", "gauge", "Free on its disk", s->disk_free_bytes);
	one(b, "store_sightings", "gauge", "Sightings in the store", s->sightings);
	one(b, "store_committed_sightings_total", "counter", "Sightings committed since the writer began", s->rows);
	one(b, "store_committed_packets_total", "counter", "Packets in them", s->packets);
	one(b, "store_rejected_sightings_total", "counter", "Sightings that no engine can have meant", s->rejected);
	one(b, "store_full", "gauge", "1: disk or quota is full", s->full);
	head(b, "store_commit_seconds", "gauge", "How long the last commit took");
	gs_buf_printf(b, "grescope_store_commit_seconds %.6f\n", (double)s->commit_us / 1e6);
	one_time(b, "store_last_commit_timestamp_seconds", "When it was", s->committed_ns ? (struct gs_time){ s->committed_ns } : GS_TIME_MIN);
}

static void put_alerts(const struct view *v, struct gs_buf *b)
{
	const struct gs_alerts_counters *c = &v->alert_counters;

	head(b, "alerts_total", "counter", "Alerts told, begins and ends each");
	for (unsigned i = 0; i < GS_ALERT_KINDS; i++)
		labelled(b, "alerts_total", "kind", gs_alert_kind_word(i), v->alerts_by_kind[i]);
	one(b, "alerts_open", "gauge", "Alerts that have begun and not ended", c->open);
	one(b, "alerts_folded_total", "counter", "Repeats within the quiet time", c->folded);
	one(b, "alerts_summed_total", "counter", "About networks, beyond what is told one by one", c->summed);
	one(b, "alerts_refused_total", "counter", "For want of a place among the open ones", c->refused);
	one(b, "alert_lines_left_out_total", "counter", "Lines that nobody read from standard error", v->lines_left_out);
	one(b, "networks", "gauge", "Networks that were seen", c->networks);
	one(b, "networks_refused_total", "counter", "New networks that were not kept for want of a place", c->networks_refused);
	if (!v->has_command && !v->has_webhook)
		return;
	static const struct { const char *name, *help; size_t at; } kinds[] = {
		{ "export_sent_total", "Alerts that a sink took", offsetof(struct sink_counts, sent) },
		{ "export_failures_total", "Alerts that a sink refused or that were given up", offsetof(struct sink_counts, failed) },
		{ "export_dropped_total", "Alerts that gave way in a full queue", offsetof(struct sink_counts, dropped) },
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		head(b, kinds[i].name, "counter", kinds[i].help);
		if (v->has_command)
			labelled(b, kinds[i].name, "sink", "command", *(const uint64_t *)((const char *)&v->sinks.command + kinds[i].at));
		if (v->has_webhook)
			labelled(b, kinds[i].name, "sink", "webhook", *(const uint64_t *)((const char *)&v->sinks.webhook + kinds[i].at));
	}
	head(b, "export_queued", "gauge", "Alerts that wait");
	if (v->has_command)
		labelled(b, "export_queued", "sink", "command", v->sinks.command.queued);
	if (v->has_webhook)
		labelled(b, "export_queued", "sink", "webhook", v->sinks.webhook.queued);
}

static void put_databases(const struct view *v, struct gs_buf *b)
{
	head(b, "db_build_timestamp_seconds", "gauge", "Edition of a database in use");
	for (unsigned i = 0; i < v->n_databases; i++) {
		struct gs_time t;
		const char *edition = v->databases[i].edition;
		const size_t n = strlen(edition);
		if (n < 10 || !gs_time_parse(edition + n - 10, 10, &t)) /* "2026-06-05", "file of 2026-06-20" */
			continue;
		gs_buf_puts(b, "grescope_db_build_timestamp_seconds{");
		label(b, "db", v->databases[i].name);
		gs_buf_printf(b, "} %" PRId64 "\n", t.ns / GS_NS_PER_S);
	}
}

void metrics_format(const struct view *v, struct gs_buf *b)
{
	head(b, "build_info", "gauge", "The program");
	gs_buf_puts(b, "grescope_build_info{");
	label(b, "version", v->version);
	gs_buf_puts(b, "} 1\n");
	one_time(b, "start_time_seconds", "When the metrics began", v->started);
	put_capture(v, b);
	put_logs(v, b);
	put_balance(v, b);
	put_classes(v, b);
	put_store(v, b);
	put_alerts(v, b);
	put_databases(v, b);
	one(b, "process_restarts_total", "counter", "Processes of the sensor that were started anew", v->restarts);
	one(b, "bad_messages_total", "counter", "Messages between its processes that were refused", v->bad_messages);
}
