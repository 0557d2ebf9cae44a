/*
 * ranges.h - bounded sorted set of disjoint ranges [lo, hi) of 64-bit stream offsets.
 *
 * Holds what has arrived out of order (or been SACKed). Ranges never overlap nor touch: they merge.
 * Each has a stamp that tells how recently it grew, for the order of SACK blocks (RFC 2018, section
 * 4). Memory is the caller's: EK_RANGES_BYTES(cap) bytes, aligned to 8. All operations are O(cap)
 * at worst; searches are O(log n).
 */
#ifndef EK_BASE_RANGES_H
#define EK_BASE_RANGES_H

#include "base/port.h"

struct ek_range {
        uint64_t lo, hi; /* lo < hi */
        uint32_t stamp;  /* higher = touched more recently; unique in its set */
};

struct ek_ranges {
        uint16_t n, cap;
        uint32_t next_stamp;
        struct ek_range r[]; /* r[0..n) ascending, r[i].hi < r[i + 1].lo */
};

#define EK_RANGES_BYTES(cap) (sizeof(struct ek_ranges) + (size_t)(cap) * sizeof(struct ek_range))

enum ek_ranges_result {
        EK_RANGES_OK,
        EK_RANGES_FULL, /* one range too many; nothing was changed */
};

/* Makes an empty set of at most `cap` (>= 1) ranges in EK_RANGES_BYTES(cap) bytes of memory. */
void ek_ranges_init(struct ek_ranges *s, uint16_t cap);

/* Empties the set. */
void ek_ranges_clear(struct ek_ranges *s);

/*
 * Adds [lo, hi), lo < hi, merging it with all ranges that it overlaps or touches; the resulting
 * range gets the newest stamp, even if nothing was new. Returns EK_RANGES_FULL, with the set
 * unchanged, if it would need a range more than `cap`.
 */
enum ek_ranges_result ek_ranges_add(struct ek_ranges *s, uint64_t lo, uint64_t hi);

/* Removes everything below x. A range that straddles x is cut and keeps its stamp. */
void ek_ranges_remove_below(struct ek_ranges *s, uint64_t x);

/* Whether all of [lo, hi), lo < hi, is in the set. */
bool ek_ranges_contains(const struct ek_ranges *s, uint64_t lo, uint64_t hi);

/* The end of the range that covers x; x itself if none does. */
uint64_t ek_ranges_covered_prefix_from(const struct ek_ranges *s, uint64_t x);

/*
 * The first part of [lo, hi), lo < hi, that is already present: what a duplicate segment repeats
 * (RFC 2883). Returns false if there is none, and leaves `*out` alone; otherwise stores it there,
 * with the stamp of the range that holds it.
 */
bool ek_ranges_overlap(const struct ek_ranges *s, uint64_t lo, uint64_t hi, struct ek_range *out);

/* Stores up to k ranges in out[], the most recently touched first. Returns how many. O(k * n). */
uint32_t ek_ranges_recent(const struct ek_ranges *s, struct ek_range *out, uint32_t k);

/* Sum of the lengths of all ranges. */
uint64_t ek_ranges_total(const struct ek_ranges *s);

/* Whether all invariants hold. O(n^2). */
bool ek_ranges_check(const struct ek_ranges *s);

#endif
