/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_SEQ_H
#define EK_TCP_SEQ_H

/*
 * Sequence numbers, RFC 9293, 3.4.
 *
 * Sequence numbers live on a circle of 2^32; "before" and "after" mean something only for numbers less
 * than 2^31 apart. seq_t is a struct so that `a < b` does not compile: the comparison that forgets the
 * circle is the oldest bug of all TCPs.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct {
        uint32_t v;
} seq_t;

static inline seq_t seq_make(uint32_t v)
{
        seq_t s = {v};

        return s;
}

static inline seq_t seq_add(seq_t a, uint32_t n)
{
        return seq_make(a.v + n);
}

/* How far a lies after b: a - b on the circle. */
static inline uint32_t seq_diff(seq_t a, seq_t b)
{
        return a.v - b.v;
}

static inline bool seq_eq(seq_t a, seq_t b)
{
        return a.v == b.v;
}

static inline bool seq_lt(seq_t a, seq_t b)
{
        return (int32_t)(a.v - b.v) < 0;
}

/* Of two opposite points each is before the other for seq_lt(); neither is for this. Else a number 2^31 away could lie
 * between two that are equal. */
static inline bool seq_leq(seq_t a, seq_t b)
{
        return (int32_t)(b.v - a.v) >= 0;
}

static inline bool seq_gt(seq_t a, seq_t b)
{
        return seq_lt(b, a);
}

static inline bool seq_geq(seq_t a, seq_t b)
{
        return seq_leq(b, a);
}

/* lo =< x < lo + n */
static inline bool seq_in(seq_t x, seq_t lo, uint32_t n)
{
        return x.v - lo.v < n;
}

static inline seq_t seq_max(seq_t a, seq_t b)
{
        return seq_lt(a, b) ? b : a;
}

#endif
