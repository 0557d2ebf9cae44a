/* SPDX-License-Identifier: MIT */
#ifndef LADDER_WEAVE_H
#define LADDER_WEAVE_H

/*
 * The first half of a story: rows, with the states of both ends, from the records of one end (the
 * other end's states are inferred) or of both.
 */

#include "ladder_story.h"

/* Fills s->row (which has room for two rows a record), s->first, and whether anything crossed or
 * was lost. Sections, steps and remarks are left to the telling. */
void ladder_weave(struct ladder_story *s, const struct ladder_conn *c);

#endif
