/* SPDX-License-Identifier: MIT */
#ifndef LADDER_H
#define LADDER_H

/*
 * `--ladder`: a connection drawn as text. The states of both ends stand down the two sides, every
 * segment is an arrow between them, and each step of the handshake and of the close is explained.
 *
 *      l = ladder_new(&options);
 *      elko_trace_set(stack, ladder_trace, l);      or call ladder_event() from your own hook
 *      ... run ...
 *      ladder_print(l, stdout);
 *      ladder_free(l);
 *
 * Only elko's own end tells its state. The other end's states are inferred from the segments
 * (ladder_infer.h) and marked with `*`. When both ends are elko and each has a recorder,
 * ladder_merge() puts the two recordings together: both sides are real then, and what was lost on
 * the way is known.
 *
 * A recorder belongs to one thread. Its memory is bounded: see the limits in ladder_rec.h.
 */

#include <elko/trace.h>

#include <stdio.h>

enum ladder_lang { LADDER_EN, LADDER_ZH };

struct ladder_options {
        enum ladder_lang lang;
        bool ascii;            /* draw with ASCII only (Chinese text stays UTF-8) */
        bool colour;           /* escape sequences of a terminal */
        bool brief;            /* the picture and the summary, without the explanations */
        unsigned width;        /* columns; 0: 110; clamped to 72..240 */
        unsigned max_conns;    /* connections kept and drawn; 0: 8 */
        uint64_t time_wait_ns; /* how long TIME-WAIT lasts (2 MSL); 0: not known */
        const char *name; /* what elko's own end is called; NULL: "elko". Outlives the ladder. */
        const char *peer_name; /* what the other end is called; NULL: "peer" */
};

struct ladder;

/* English, UTF-8, 110 columns. */
void ladder_options_init(struct ladder_options *o);

/* Fit to where the picture goes: ASCII and English when the environment's locale (LC_ALL, LC_CTYPE,
 * LANG) is not UTF-8, Chinese for a zh locale, the terminal's width, colour on a terminal unless
 * NO_COLOR is set. Call it before the user's own options are applied. */
void ladder_options_fit(struct ladder_options *o, FILE *out);

/* NULL when there is no memory. `o` NULL: as ladder_options_init(). ladder_free(NULL) does nothing.
 * */
struct ladder *ladder_new(const struct ladder_options *o);
void ladder_free(struct ladder *l);

/* Takes one event; copies what it needs. Events come in the order in which the stack made them. */
void ladder_event(struct ladder *l, const struct elko_trace_event *ev);

/* The same with the signature of a trace hook; `l` is a struct ladder. */
void ladder_trace(void *l, const struct elko_trace_event *ev);

/* Each connection is drawn once. ladder_print_ended() draws those that are over, and returns how
 * many; ladder_print() draws all that are left and says how many were not kept. */
size_t ladder_print_ended(struct ladder *l, FILE *out);
void ladder_print(struct ladder *l, FILE *out);

/* Two recordings of the same connections, taken at their two ends with one clock, as one: a new
 * ladder with the options of `a`. Connections that only one of them saw are left out. NULL when
 * there is no memory. The two recordings stay the caller's. */
struct ladder *ladder_merge(const struct ladder *a, const struct ladder *b);

/* One line of text for `--trace`, without a newline, always terminated; returns the length that it
 * needs, as snprintf does. */
size_t ladder_trace_line(const struct elko_trace_event *ev, char *buf, size_t n);

#endif
