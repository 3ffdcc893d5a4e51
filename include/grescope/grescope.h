/* grescope.h - everything libgrescope promises to programs that link it */
#ifndef GRESCOPE_H
#define GRESCOPE_H

#include "grescope/bots.h"
#include "grescope/error.h"
#include "grescope/filter.h"
#include "grescope/origin.h"
#include "grescope/packet.h"
#include "grescope/sighting.h"
#include "grescope/table.h"
#include "grescope/tally.h"
#include "grescope/types.h"
#include "grescope/verdict.h"

#endif
