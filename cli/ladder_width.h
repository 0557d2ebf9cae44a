/* SPDX-License-Identifier: MIT */
#ifndef LADDER_WIDTH_H
#define LADDER_WIDTH_H

/*
 * How many columns of a terminal a UTF-8 text takes: East Asian wide and fullwidth characters take
 * two (UAX #11), everything else one, combining marks none. Characters of ambiguous width (box
 * drawing, arrows, circled numbers) count as one, as terminals with a non-CJK font draw them. No
 * locale is asked, so the result is the same everywhere.
 */

#include <stddef.h>
#include <stdint.h>

/* Reads one character; returns its length in bytes, 0 at the end. A byte that is not UTF-8 is one
 * character, U+FFFD. */
size_t ladder_utf8_next(const char *s, uint32_t *cp);

unsigned ladder_cp_cols(uint32_t cp);
unsigned ladder_cols(const char *s);

/* The longest beginning of `s` that takes at most `cols` columns, in bytes. */
size_t ladder_fit(const char *s, unsigned cols);

/*
 * The length in bytes of the first line when `s` is wrapped at `cols` columns; *skip is what
 * separates it from the next line (a space or newline), 0 or 1. Lines break at spaces, and before
 * and after wide characters, but not before closing punctuation nor after opening punctuation.
 */
size_t ladder_wrap(const char *s, unsigned cols, size_t *skip);

#endif
