/* proof.h - between the files that judge one packet */
#ifndef GS_FORENSICS_PROOF_H
#define GS_FORENSICS_PROOF_H

#include "grescope/bots.h"

/* Adds what GS_BOT_FULL promises to a proof that is otherwise finished. */
void proof_complete(const struct gs_bot_input *in, struct gs_bot_proof *p);

#endif
