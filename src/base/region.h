/*
 * region.h - the stack's memory: a buddy allocator over one region given by the caller.
 *
 * The region is used and never owned: elko does not grow it, free it, or keep anything outside it.
 * Blocks are powers of two times `min_block` and at least 64-byte aligned. Every function is
 * O(log size) unless it says otherwise. Not thread-safe: one region, one stack, one thread at a
 * time.
 *
 * Besides allocating, the region keeps the promises: a reservation is memory that was promised (an
 * advertised receive window) and not yet taken. Ordinary allocations never eat into reservations,
 * so a promise holds as long as `overcommit` stays at 100 % and fragmentation leaves a block that
 * is large enough.
 */
#ifndef EK_BASE_REGION_H
#define EK_BASE_REGION_H

#include "base/port.h"

struct ek_region; /* lives at the start of the caller's memory */

/*
 * Makes a region of `size` bytes at `mem`, of any alignment and any content. `min_block` is a power
 * of two, 64..2^30. Only the pages of the control block and of a few block headers are touched, so
 * the memory may be address space that is reserved lazily. At most 2^31 - 1 minimum blocks are
 * used; what lies beyond (128 GiB for min_block 64) is ignored.
 *
 * Returns NULL if the memory can't hold the control block and one minimum block. The result lies
 * within `mem` and is valid as long as `mem` is; there is nothing to release.
 */
struct ek_region *ek_region_init(void *mem, size_t size, uint32_t min_block);

/*
 * Allocates ek_region_block_bytes(r, bytes) bytes, uninitialised, aligned to at least 64. Zero
 * bytes get a minimum block. Returns NULL, and changes nothing but the attempt count, when no free
 * block is large enough or when used + reserved bytes would exceed the capacity (or the overcommit
 * limit, when that is higher): an ordinary result.
 */
void *ek_region_alloc(struct ek_region *r, size_t bytes);

/*
 * The same, paid for by a reservation: at least the block's size must be reserved (asserted), and
 * that much of it is consumed. Returns NULL, and leaves the reservation alone, when no free block
 * is large enough: by fragmentation, or because more was promised than there is.
 */
void *ek_region_alloc_reserved(struct ek_region *r, size_t bytes);

/*
 * Gives back the block `p`, allocated with the same `bytes` (or any number that rounds to the same
 * block). A wrong pointer, a wrong size, and freeing twice are asserted against. NULL is a no-op.
 */
void ek_region_free(struct ek_region *r, void *p, size_t bytes);

/* What an allocation of `bytes` really takes; 0 if it can never succeed in this region. */
size_t ek_region_block_bytes(const struct ek_region *r, size_t bytes);

/* ------------------------------------------------------------- reservations */

/*
 * Promises `bytes` bytes (counted exactly, not rounded to blocks). Succeeds iff
 * used + reserved + bytes <= capacity * overcommit / 100; changes nothing otherwise. To be able to
 * allocate from it later, reserve ek_region_block_bytes() of what will be allocated.
 */
bool ek_region_reserve(struct ek_region *r, size_t bytes);

/* Takes back `bytes` of the promises; at most what is reserved (asserted). */
void ek_region_unreserve(struct ek_region *r, size_t bytes);

/*
 * Sets how much may be promised in all, in percent of the capacity (default 100, at most 10000).
 * Above 100 promises may turn out empty; below 100 the rest is kept for ordinary allocations, which
 * may always go up to the capacity. Existing reservations are kept even if they exceed the limit.
 */
void ek_region_set_overcommit(struct ek_region *r, uint32_t percent);

/* --------------------------------------------------------------- accounting */

size_t ek_region_capacity(const struct ek_region *r);   /* bytes in all blocks; constant */
size_t ek_region_used(const struct ek_region *r);       /* bytes in allocated blocks */
size_t ek_region_high_water(const struct ek_region *r); /* maximum of used, ever */
size_t ek_region_reserved(const struct ek_region *r);   /* bytes promised and not taken */
size_t ek_region_min_block(const struct ek_region *r);  /* bytes of the smallest block */

/* Bytes of the largest free block, 0 if there is none. Ignores reservations. */
size_t ek_region_largest_free(const struct ek_region *r);

/* -------------------------------------------------------------- for testing */

/*
 * Makes the n-th next allocation fail (1 = the very next one), and all after it when `forever`.
 * n = 0 switches it off. Both kinds of allocation count, whether or not they succeed.
 */
void ek_region_fail_nth(struct ek_region *r, uint64_t n, bool forever);

/* Allocation attempts so far, successful or not. */
uint64_t ek_region_alloc_count(const struct ek_region *r);

/* A number that changes with every allocation and every free: unchanged, there is nothing new to check. */
uint64_t ek_region_changes(const struct ek_region *r);

/* Whether all invariants hold. O(number of blocks), free and used: slow. */
bool ek_region_check(const struct ek_region *r);

#endif
