/* SPDX-License-Identifier: MIT */

/*
 * Theory. The tables hold the blocks that can occur in elko's own texts, in names and in addresses:
 * CJK, kana, Hangul, fullwidth forms, emoji. A full table of UAX #11 would be longer than the
 * ladder.
 *
 * Wrapping Chinese: a line may break between any two wide characters, except that closing
 * punctuation never begins a line and opening punctuation never ends one (GB/T 15834, 5.1). Between
 * a Latin word and a wide character a line may break as well.
 */

#include "ladder_width.h"

#include <stdbool.h>

struct ladder_range {
        uint32_t first, last;
};

static const struct ladder_range ladder_wide[] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff}, {0x3400, 0x4dbf},
        {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xac00, 0xd7a3}, {0xf900, 0xfaff},
        {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6}, {0x1f300, 0x1f64f},
        {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static const struct ladder_range ladder_none[] = {
        {0x0300, 0x036f},
        {0x200b, 0x200f},
        {0x20d0, 0x20ff},
        {0xfe00, 0xfe0f},
};

/* May not begin a line. The curly quotes are of ambiguous width: one column. */
static const uint32_t ladder_no_line_start[] = {
        0xff0c, 0x3002, 0x3001, 0xff1b, 0xff1a, 0xff09, 0x300d, 0x300b, 0xff01, 0xff1f, 0x201d,
};

/* May not end a line. */
static const uint32_t ladder_no_line_end[] = {0xff08, 0x300c, 0x300a, 0x201c};

static bool ladder_in(const struct ladder_range *t, size_t n, uint32_t cp)
{
        for (size_t i = 0; i < n; i++)
                if (cp >= t[i].first && cp <= t[i].last)
                        return true;
        return false;
}

static bool ladder_one_of(const uint32_t *t, size_t n, uint32_t cp)
{
        for (size_t i = 0; i < n; i++)
                if (cp == t[i])
                        return true;
        return false;
}

size_t ladder_utf8_next(const char *s, uint32_t *cp)
{
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        const unsigned char *p = (const unsigned char *)s;
        size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;

        if (p[0] == 0)
                return 0;
        *cp = n == 1 ? p[0] : n == 2 ? p[0] & 0x1fu : n == 3 ? p[0] & 0x0fu : p[0] & 0x07u;
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80) {
                        n = 0;
                        break;
                }
                *cp = *cp << 6 | (p[i] & 0x3fu);
        }
        if (n == 0 || *cp < smallest[n] || *cp > 0x10ffff) {
                *cp = 0xfffd;
                return 1;
        }
        return n;
}

unsigned ladder_cp_cols(uint32_t cp)
{
        if (cp < 0x300)
                return 1;
        if (ladder_in(ladder_none, sizeof ladder_none / sizeof ladder_none[0], cp))
                return 0;
        return ladder_in(ladder_wide, sizeof ladder_wide / sizeof ladder_wide[0], cp) ? 2 : 1;
}

unsigned ladder_cols(const char *s)
{
        unsigned cols = 0;
        uint32_t cp;
        size_t n;

        for (; (n = ladder_utf8_next(s, &cp)) > 0; s += n)
                cols += ladder_cp_cols(cp);
        return cols;
}

size_t ladder_fit(const char *s, unsigned cols)
{
        size_t at = 0, n;
        unsigned used = 0;
        uint32_t cp;

        while ((n = ladder_utf8_next(s + at, &cp)) > 0) {
                used += ladder_cp_cols(cp);
                if (used > cols)
                        break;
                at += n;
        }
        return at;
}

static bool ladder_may_break(uint32_t before, uint32_t after)
{
        if (ladder_one_of(ladder_no_line_start,
                          sizeof ladder_no_line_start / sizeof ladder_no_line_start[0], after))
                return false;
        if (ladder_one_of(ladder_no_line_end,
                          sizeof ladder_no_line_end / sizeof ladder_no_line_end[0], before))
                return false;
        if (before == ' ' || after == ' ')
                return before == ' ';
        return ladder_cp_cols(before) == 2 || ladder_cp_cols(after) == 2;
}

size_t ladder_wrap(const char *s, unsigned cols, size_t *skip)
{
        size_t at = 0, best = 0, n;
        unsigned used = 0;
        uint32_t cp = 0, before = 0;

        *skip = 0;
        while ((n = ladder_utf8_next(s + at, &cp)) > 0) {
                if (cp == '\n') {
                        *skip = 1;
                        return at;
                }
                if (at > 0 && ladder_may_break(before, cp))
                        best = at;
                used += ladder_cp_cols(cp);
                if (used > cols && cp != ' ')
                        break;
                before = cp;
                at += n;
        }
        if (n == 0)
                return at;
        if (best == 0) /* one long word */
                return at > 0 ? at : n;
        if (s[best - 1] == ' ') {
                *skip = 1;
                best--;
        }
        return best;
}
