/* SPDX-License-Identifier: MIT */
#include "tcp/reasm.h"

/*
 * RFC 9293, 3.10.7.4 seventh (SHLD-31: keep what comes early), RFC 2018 (SACK) and RFC 2883 (D-SACK).
 *
 * The bytes themselves are copied to their place in the receive ring at once; here are only the ranges.
 * Their number is bounded: a peer that sends every second byte is told nothing of the holes that don't
 * fit, and what doesn't fit is not kept, so that no SACKed byte is ever dropped (no reneging).
 *
 * RFC 2018, 4: the first block reports the segment that came last; the others repeat the most recent.
 */

/* [RFC2018 8a] */
enum ek_reasm_result ek_reasm_add(struct ek_reasm *r, uint64_t lo, uint64_t hi)
{
        EK_ASSERT(r->ranges != NULL && lo < hi);
        return ek_ranges_add(r->ranges, lo, hi) == EK_RANGES_OK ? EK_REASM_OK : EK_REASM_FULL;
}

uint64_t ek_reasm_advance(struct ek_reasm *r, uint64_t next)
{
        uint64_t edge = next;

        if (!ek_reasm_has_holes(r))
                return next;
        for (uint16_t i = 0; i < r->ranges->n && r->ranges->r[i].lo <= edge; i++)
                edge = ek_max_u64(edge, r->ranges->r[i].hi);
        ek_ranges_remove_below(r->ranges, edge);
        return edge;
}

void ek_reasm_on_duplicate(struct ek_reasm *r, uint64_t lo, uint64_t hi)
{
        r->dsack_lo = lo;
        r->dsack_hi = hi;
}

/* [RFC2883 4.2b] */
bool ek_reasm_note_overlap(struct ek_reasm *r, uint64_t lo, uint64_t hi)
{
        struct ek_range found;

        if (!ek_reasm_has_holes(r) || !ek_ranges_overlap(r->ranges, lo, hi, &found))
                return false;
        ek_reasm_on_duplicate(r, found.lo, found.hi);
        return true;
}

/* [RFC2018 4e 4f 4g; RFC2883 4-4 4-5] */
uint32_t ek_reasm_blocks(const struct ek_reasm *r, struct ek_reasm_block *out, uint32_t max)
{
        struct ek_range recent[4];
        uint32_t n = 0, k;

        if (ek_reasm_has_dsack(r) && max > 0) {
                out[n].lo = r->dsack_lo;
                out[n].hi = r->dsack_hi;
                n++;
        }
        if (!ek_reasm_has_holes(r) || n == max)
                return n;
        k = ek_ranges_recent(r->ranges, recent, ek_min_u32(max - n, 4));
        for (uint32_t i = 0; i < k; i++) {
                out[n].lo = recent[i].lo;
                out[n].hi = recent[i].hi;
                n++;
        }
        return n;
}

/* [RFC2883 4-2 4-3] */
void ek_reasm_on_sent(struct ek_reasm *r)
{
        r->dsack_lo = 0;
        r->dsack_hi = 0;
}

uint64_t ek_reasm_top(const struct ek_reasm *r)
{
        return ek_reasm_has_holes(r) ? r->ranges->r[r->ranges->n - 1].hi : 0;
}

uint64_t ek_reasm_bytes(const struct ek_reasm *r)
{
        return ek_reasm_has_holes(r) ? ek_ranges_total(r->ranges) : 0;
}
