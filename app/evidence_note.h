/* evidence_note.h - where the packets behind an answer are */
#ifndef GS_EVIDENCE_NOTE_H
#define GS_EVIDENCE_NOTE_H

#include "app.h"

#define EVIDENCE_NOTE_MAX 4500

/*
 * Sentences on where the first and the last packet of an address are, in the folder that --pcap-dir or the configuration names. A sighting keeps the
 * times of both, and that is how they are found. Returns how many, 0 where no folder is named.
 */
unsigned evidence_notes(const struct options *o, const struct gs_addr *src, struct gs_time first, struct gs_time last, char notes[2][EVIDENCE_NOTE_MAX]);

#endif
