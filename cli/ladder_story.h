/* SPDX-License-Identifier: MIT */
#ifndef LADDER_STORY_H
#define LADDER_STORY_H

/*
 * From records to a story: rows with the states of both ends, cut into sections (opening, data,
 * closing), each row with the step or remark that explains it. What is drawn, not how.
 */

#include "ladder_rec.h"
#include "ladder_text.h"

enum ladder_section { LADDER_OPENING, LADDER_DATA, LADDER_CLOSING, LADDER_SECTIONS };

enum ladder_story_limits {
        LADDER_REMARKS = 3,    /* of one row */
        LADDER_NOTES_MAX = 64, /* of one connection; each situation is explained once */
};

/* An explanation below its section: a numbered step or a lettered remark. */
struct ladder_note {
        enum ladder_sit sit;
        enum ladder_section section;
        size_t row;
        unsigned step, step_to; /* numbers of the step, equal unless it joins two; 0: a remark */
        unsigned letter;        /* of a remark, from 0 */
};

struct ladder_row {
        const struct ladder_rec *rec;
        uint64_t at;
        enum ladder_part part;
        enum ladder_section section;
        int state[2]; /* by end, after the row */
        int before[2];
        bool show[2];               /* print the state */
        int step;                   /* index of its note, -1: none */
        int remark[LADDER_REMARKS]; /* indices of notes, -1: none */
};

struct ladder_story {
        struct ladder_row *row;
        size_t nrow, cap;
        struct ladder_note note[LADDER_NOTES_MAX];
        size_t nnote;
        enum ladder_end client; /* drawn on the left */
        int first[2];           /* states before the first row, by end */
        enum ladder_sit title[LADDER_SECTIONS];
        bool far_inferred, crossed, lost;
        int opener, closer; /* enum ladder_end, -1: nobody, 2: both */
        int resetter;
        bool refused;
};

/* False when there is no memory. The story points into `c`. */
bool ladder_story_make(struct ladder_story *s, const struct ladder_conn *c);
void ladder_story_free(struct ladder_story *s);

#endif
