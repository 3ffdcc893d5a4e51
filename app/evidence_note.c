/* evidence_note.c - where the packets behind an answer are: the first and the last of an address, in the sensor's folder of evidence */
#include "evidence_note.h"

#include "config.h"
#include "sensor/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* --pcap-dir, else what the configuration names; "" where nothing does. */
static void folder_find(const struct options *o, char *out, size_t size)
{
	const char *path = o->config ? o->config : CONFIG_DEFAULT_PATH;
	struct sensor_config *c = NULL;

	snprintf(out, size, "%s", o->pcap_dir ? o->pcap_dir : "");
	if (*out || (!o->config && access(path, R_OK) < 0) || config_read(path, NULL, NULL, &c, NULL) < 0)
		return;
	snprintf(out, size, "%s", c->pcap_dir);
	config_free(c);
}

static bool note_one(const char *folder, const struct gs_addr *src, struct gs_time at, const char *which, char out[EVIDENCE_NOTE_MAX], struct gs_error *err)
{
	struct evidence_place place;

	if (evidence_find(folder, NULL, at, src, &place, err) < 0)
		return false;
	if (place.packet)
		snprintf(out, EVIDENCE_NOTE_MAX, "evidence: its %s packet: grescope explain --packet %" PRIu64 " %s", which, place.packet, place.path);
	else if (place.unread)
		snprintf(out, EVIDENCE_NOTE_MAX, "evidence: its %s packet is not in %s; %u of %u files of that time cannot be read to their end", which, folder, place.unread,
		         place.files);
	else
		snprintf(out, EVIDENCE_NOTE_MAX, "evidence: its %s packet is not in %s%s", which, folder, place.files ? "" : ": no file there is of that time");
	return true;
}

unsigned evidence_notes(const struct options *o, const struct gs_addr *src, struct gs_time first, struct gs_time last, char notes[2][EVIDENCE_NOTE_MAX])
{
	char folder[4096];
	struct gs_error err = { 0 };
	unsigned n = 0;

	folder_find(o, folder, sizeof folder);
	if (!*folder)
		return 0;
	if (note_one(folder, src, first, first.ns == last.ns ? "only" : "first", notes[n], &err))
		n++;
	if (n && first.ns != last.ns && note_one(folder, src, last, "last", notes[n], &err))
		n++;
	if (!n && o->pcap_dir) /* asked for by name: then why there is none is said */
		snprintf(notes[n++], EVIDENCE_NOTE_MAX, "evidence: %s", err.text);
	return n;
}
