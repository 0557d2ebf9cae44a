/* SPDX-License-Identifier: MIT */
#ifndef LADDER_DRAW_H
#define LADDER_DRAW_H

/*
 * Draws one connection as text. Columns of a row:
 *
 *      time  state-left  |  arrow with its label  |  state-right  mark and title
 *
 * The client is on the left. Explanations follow below each section, wrapped to the width.
 */

#include "ladder_rec.h"

/* `number` counts connections from 1. */
void ladder_draw(const struct ladder_options *o, const struct ladder_conn *c, unsigned number,
                 FILE *out);

/* What follows after `drawn` connections: how many more there were, or that there were none. */
void ladder_draw_rest(const struct ladder_options *o, size_t drawn, uint64_t more, FILE *out);

#endif
