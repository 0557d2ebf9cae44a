/* SPDX-License-Identifier: MIT */
#ifndef LADDER_PEN_H
#define LADDER_PEN_H

/*
 * The pen that draws one connection: a line buffer that counts columns, the glyphs, and how words,
 * numbers and marks are written. Not for other modules than ladder_draw, ladder_notes and
 * ladder_summary.
 */

#include "ladder_story.h"

enum ladder_pen_limits {
        LADDER_WIDTH_DEFAULT = 110,
        LADDER_WIDTH_MIN = 72,
        LADDER_WIDTH_MAX = 240,
        LADDER_LINE_BYTES = 4 * LADDER_WIDTH_MAX + 1024,
        LADDER_TEXT_BYTES = 4096,
        LADDER_NOTE_INDENT = 5,
};

/* Everything that is not ASCII, and its twins. */
struct ladder_glyphs {
        const char *line, *right, *left, *bar, *lost, *dots, *fold, *dot, *to;
};

enum ladder_colour {
        LADDER_C_NONE,
        LADDER_C_DIM,
        LADDER_C_BOLD,
        LADDER_C_OPEN,
        LADDER_C_CLOSE,
        LADDER_C_BAD,
        LADDER_C_TITLE,
};

struct ladder_pen {
        const struct ladder_options *o;
        const struct ladder_conn *c;
        const struct ladder_story *s;
        const struct ladder_glyphs *g;
        FILE *out;
        unsigned width, time, arrow, title; /* columns */
        bool titles;                        /* there is room for titles */
        bool inline_numbers;                /* absolute numbers fit on the arrows */
        char buf[LADDER_LINE_BYTES];
        size_t n;
        unsigned cols;
};

const struct ladder_glyphs *ladder_glyphs_for(bool ascii);

/* --- one line: appended to, then ended. ladder_raw() counts no columns; ladder_pad() goes to a
 * column. */
void ladder_raw(struct ladder_pen *p, const char *s, size_t n);
void ladder_put(struct ladder_pen *p, const char *s);
void ladder_put_colour(struct ladder_pen *p, enum ladder_colour c, const char *s);
void ladder_putf(struct ladder_pen *p, const char *f, ...) __attribute__((format(printf, 2, 3)));
void ladder_repeat(struct ladder_pen *p, const char *s, unsigned n);
void ladder_pad(struct ladder_pen *p, unsigned to);
void ladder_end_line(struct ladder_pen *p);

/* A whole paragraph from the column `indent` on, wrapped to the width. */
void ladder_draw_wrapped(struct ladder_pen *p, unsigned indent, const char *text);

/* --- words */
const char *ladder_w(const struct ladder_pen *p, enum ladder_word w);
const char *ladder_count_word(const struct ladder_pen *p, uint64_t n, enum ladder_word many,
                              enum ladder_word one);
/* `client` is the word for the client; the one after it is for the server. */
const char *ladder_side(const struct ladder_pen *p, int end, enum ladder_word client);
bool ladder_inferred(const struct ladder_pen *p, int end);
void ladder_mark_text(const struct ladder_pen *p, const struct ladder_note *note, char *buf,
                      size_t n);
void ladder_add_rfc(const struct ladder_pen *p, const char *rfc, char *buf, size_t n);

/* --- texts in a buffer of `n` bytes; those that return one return `buf` */
void ladder_add(char *buf, size_t n, const char *f, ...) __attribute__((format(printf, 3, 4)));
const char *ladder_commas(uint64_t v, char *buf, size_t n);
const char *ladder_ms(uint64_t ns, char *buf, size_t n);
const char *ladder_span(uint64_t ns, char *buf, size_t n);
const char *ladder_end_text(const elko_endpoint *e, char *buf, size_t n);

/* --- parts of the picture */
void ladder_draw_notes(struct ladder_pen *p, enum ladder_section section);
void ladder_draw_summary(struct ladder_pen *p);

#endif
