/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_REASM_H
#define EK_TCP_REASM_H

/*
 * Out-of-order data over the receive ring, and the SACK blocks that report it. Leaf.
 *
 * Positions are stream offsets (64 bits, 0 = first byte of the stream) so that nothing wraps; the caller
 * converts from sequence numbers.
 */

#include "base/port.h"
#include "base/ranges.h"

struct ek_reasm {
        struct ek_ranges *ranges;    /* NULL: nothing out of order; memory is the caller's */
        uint64_t dsack_lo, dsack_hi; /* duplicate to be reported once; equal: none */
};

struct ek_reasm_block {
        uint64_t lo, hi;
};

enum ek_reasm_result { EK_REASM_OK, EK_REASM_FULL };

/* [lo, hi) was stored beyond the in-order edge. FULL: too many holes, forget it. */
enum ek_reasm_result ek_reasm_add(struct ek_reasm *r, uint64_t lo, uint64_t hi);

/* The in-order edge moved to `next` by new data; returns where it really is now, after the ranges that
 * have become contiguous, and drops them. */
uint64_t ek_reasm_advance(struct ek_reasm *r, uint64_t next);

/* Note [lo, hi) as received twice: D-SACK, RFC 2883. */
void ek_reasm_on_duplicate(struct ek_reasm *r, uint64_t lo, uint64_t hi);

/* Note the part of [lo, hi) that is stored out of order already as duplicate; false: there is none. */
bool ek_reasm_note_overlap(struct ek_reasm *r, uint64_t lo, uint64_t hi);

/* Up to `max` blocks for the next ACK: D-SACK first, then the most recent. */
uint32_t ek_reasm_blocks(const struct ek_reasm *r, struct ek_reasm_block *out, uint32_t max);

/* They were sent: a D-SACK is reported once (RFC 2883, 4). */
void ek_reasm_on_sent(struct ek_reasm *r);

static inline bool ek_reasm_has_holes(const struct ek_reasm *r)
{
        return r->ranges != NULL && r->ranges->n != 0;
}

static inline bool ek_reasm_has_dsack(const struct ek_reasm *r)
{
        return r->dsack_lo != r->dsack_hi;
}

/* Largest offset stored, or 0. */
uint64_t ek_reasm_top(const struct ek_reasm *r);
uint64_t ek_reasm_bytes(const struct ek_reasm *r);

#endif
