/*
 * slab.h - pools of fixed-size objects, named by 32-bit indices.
 *
 * A slab takes chunks from a region and cuts them into objects. An index stays valid, and the
 * object at its address, from ek_slab_alloc() until ek_slab_free(); indices are reused, so whoever
 * hands them out keeps a generation beside them. Objects are packed without padding: they are
 * aligned to the largest power of two that divides `obj_bytes`, at most 64.
 *
 * The slab's directory lives in the region; the struct itself belongs to the caller and may not be
 * moved into another region.
 */
#ifndef EK_BASE_SLAB_H
#define EK_BASE_SLAB_H

#include "base/port.h"
#include "base/region.h"

/* A directory entry: a chunk, or (odd) the link to the next free entry. */
union ek_slab_dirent {
        unsigned char *chunk;
        uintptr_t link;
};

/* Read-only for all but slab.c. */
struct ek_slab {
        struct ek_region *region;
        union ek_slab_dirent *dir; /* max_chunks entries, those below dir_top are valid */
        size_t dir_bytes;
        uint32_t obj_bytes;
        uint32_t chunk_bytes;
        uint32_t first;     /* offset of slot 0 in a chunk */
        uint32_t slots;     /* objects in a chunk */
        uint32_t shift;     /* index = chunk << shift | slot */
        uint32_t slot_mask; /* (1 << shift) - 1 */
        uint32_t max_objs;
        uint32_t max_chunks;
        uint32_t dir_top;  /* directory entries ever used */
        uint32_t dir_free; /* head of the free entries below dir_top, or EK_NIL */
        uint32_t partial;  /* head of the chunks with both live and free slots, or EK_NIL */
        uint32_t spare;    /* the one empty chunk that is kept, or EK_NIL */
        uint32_t n_chunks; /* chunks held */
        uint32_t n_live;
        uint32_t high_water;
};

/*
 * Makes an empty pool of up to `max_objs` (>= 1) objects of `obj_bytes` (>= 4, a multiple of 4),
 * in chunks of ek_region_block_bytes(chunk_bytes). The directory is allocated here, chunks as they
 * are needed.
 *
 * Returns false, with nothing allocated, if there is no memory for the directory, if a chunk can't
 * hold one object or can't exist in this region, or if the indices would not fit in 32 bits.
 */
bool ek_slab_init(struct ek_slab *s, struct ek_region *region, uint32_t obj_bytes,
                  uint32_t chunk_bytes, uint32_t max_objs);

/* Gives all memory back to the region; live objects cease to be. `s` is unusable until init. */
void ek_slab_fini(struct ek_slab *s);

/*
 * Allocates an object, all bytes zero. Returns its index, or EK_NIL when max_objs are live or the
 * region has no room for another chunk: an ordinary result. Amortised O(1).
 */
uint32_t ek_slab_alloc(struct ek_slab *s);

/*
 * Makes sure that the next ek_slab_alloc() will not fail, whatever takes memory from the region before
 * it. False: that can't be. O(1), and next to nothing while a chunk has room.
 */
bool ek_slab_reserve(struct ek_slab *s);

/* Frees the live (asserted) object `idx`. A chunk that gets empty may go back to the region. */
void ek_slab_free(struct ek_slab *s, uint32_t idx);

/* Give the empty chunk back that is kept for the next object; false: there is none. */
bool ek_slab_trim(struct ek_slab *s);

/* Whether `idx`, any value at all, is the index of a live object. O(1). */
bool ek_slab_is_live(const struct ek_slab *s, uint32_t idx);

/* The live object `idx`. Valid until it is freed. O(1), no division. */
static inline void *ek_slab_at(const struct ek_slab *s, uint32_t idx)
{
        EK_DCHECK(ek_slab_is_live(s, idx));
        return s->dir[idx >> s->shift].chunk + s->first +
               (size_t)(idx & s->slot_mask) * s->obj_bytes;
}

/*
 * Iteration in index order: the lowest live index above `idx`, or EK_NIL. Start with EK_NIL.
 * The current object may be freed, and others allocated or freed, between calls.
 */
uint32_t ek_slab_next(const struct ek_slab *s, uint32_t idx);

uint32_t ek_slab_live(const struct ek_slab *s);       /* live objects */
uint32_t ek_slab_high_water(const struct ek_slab *s); /* maximum of live, ever */
size_t ek_slab_bytes(const struct ek_slab *s);        /* held from the region, all included */

/* One more than the largest index this slab can ever return. */
uint32_t ek_slab_index_limit(const struct ek_slab *s);

/* Whether all invariants hold. O(chunks): slow. */
bool ek_slab_check(const struct ek_slab *s);

#endif
