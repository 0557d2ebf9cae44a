/*
 * hashtab.h - chained hash table of 32-bit references that grows and shrinks without a pause.
 *
 * A reference (usually a slab index) names an object of the caller's; the object holds the link of
 * its chain, and the table knows it only through `ops`. The table does not know keys: the caller
 * hashes them (with a secret key, where peers choose them) and compares them:
 *
 *         for (ref = ek_hashtab_first(t, h); ref != EK_NIL; ref = ek_hashtab_next(t, ref))
 *                 if (key_of(ref) equals the key)
 *                         return ref;
 *
 * Duplicates are not looked for. Bucket memory comes from a region.
 */
#ifndef EK_BASE_HASHTAB_H
#define EK_BASE_HASHTAB_H

#include "base/port.h"
#include "base/region.h"

struct ek_hashtab_ops {
        uint32_t *(*next)(void *ctx, uint32_t ref); /* the object's link, stable while inserted */
        uint32_t (*hash)(void *ctx, uint32_t ref);  /* the hash it was inserted with */
};

enum {
        EK_HASHTAB_CHUNKS = 26, /* chunk 0, then one for each doubling up to 2^31 buckets */
        EK_HASHTAB_MIN_BUCKETS = 64,
        EK_HASHTAB_DEFAULT_LOAD = 2,
};

/* Private to hashtab.c. */
struct ek_hashtab {
        struct ek_region *region;
        const struct ek_hashtab_ops *ops;
        void *ctx;
        uint32_t *chunk[EK_HASHTAB_CHUNKS];
        uint32_t base_shift; /* chunk 0 has 1 << base_shift buckets */
        uint32_t n_buckets;
        uint32_t max_load; /* entries per bucket at which it grows; shrinks below half */
        uint32_t count;
        uint32_t changes; /* insertions and removals: unchanged, it need not be checked again */
};

/*
 * Makes an empty table; `ops` and `ctx` are borrowed for its life. `max_load` is the number of
 * entries per bucket to keep to, 1..1024, or 0 for the default of 2. Returns false if there is no
 * memory for the first buckets (at least 64).
 */
bool ek_hashtab_init(struct ek_hashtab *t, struct ek_region *region,
                     const struct ek_hashtab_ops *ops, void *ctx, uint32_t max_load);

/* Gives the bucket memory back. The entries, if any, are forgotten and not touched. */
void ek_hashtab_fini(struct ek_hashtab *t);

/*
 * Inserts `ref` (not EK_NIL, not in the table), whose hash is `hash`. Always succeeds: if there is
 * no memory to grow, chains get longer. Writes the link. Splits at most one bucket.
 */
void ek_hashtab_insert(struct ek_hashtab *t, uint32_t hash, uint32_t ref);

/* The first entry of the chain in which entries of this hash are, or EK_NIL. */
uint32_t ek_hashtab_first(const struct ek_hashtab *t, uint32_t hash);

/* The entry after `ref` in its chain, or EK_NIL. */
static inline uint32_t ek_hashtab_next(const struct ek_hashtab *t, uint32_t ref)
{
        return *t->ops->next(t->ctx, ref);
}

/* Takes `ref` out. Returns false if it is not in the chain of `hash`. Merges at most one bucket. */
bool ek_hashtab_remove(struct ek_hashtab *t, uint32_t hash, uint32_t ref);

uint32_t ek_hashtab_count(const struct ek_hashtab *t); /* entries */
size_t ek_hashtab_bytes(const struct ek_hashtab *t);   /* bucket memory held from the region */

/* Length of the longest chain. O(n): for tests. */
uint32_t ek_hashtab_longest_chain(const struct ek_hashtab *t);

/* Whether all invariants hold. O(n): slow. */
bool ek_hashtab_check(const struct ek_hashtab *t);

#endif
