/*
 * hashtab.c - linear hashing (W. Litwin, "Linear hashing: a new tool for file and table
 * addressing", VLDB 1980).
 *
 * A table that doubles must at some point move all its entries, and a stack with a million
 * connections would then stop for milliseconds. Linear hashing grows by one bucket at a time. With
 * n buckets, let m be the largest power of two <= n. An entry belongs in bucket hash mod 2m if
 * that bucket exists already, else in bucket hash mod m:
 *
 *      0        n-m        m         n               2m
 *      |  split  | not yet  | new     | don't exist  |
 *      mod 2m     mod m      mod 2m
 *
 * Growing creates bucket n, whose entries are all in bucket n - m, and splits that one's chain.
 * Shrinking hands the chain of the last bucket back. Either touches two chains, whose length does
 * not depend on the number of entries. An insertion grows by at most one bucket, and a removal
 * shrinks by at most one, at half the load: so a count that swings around a threshold moves
 * nothing.
 *
 * The buckets are in chunks that double: chunk 0 holds the first 2^s, chunk k >= 1 those from
 * 2^(s+k-1) to 2^(s+k). Finding one takes a count of leading zeros. A new chunk is not cleared, as
 * each bucket is written when it is created.
 */
#include "base/hashtab.h"

#include "base/bits.h"

enum {
        MAX_LOAD_LIMIT = 1024,
};

/* The most buckets: hashes have 32 bits, and a chunk must be countable in bytes. */
static const uint32_t max_buckets = SIZE_MAX > UINT32_MAX ? (uint32_t)1 << 31 : (uint32_t)1 << 29;

/* -------------------------------------------------------------------- buckets */

/* Which chunk the bucket is in. */
static uint32_t chunk_of(const struct ek_hashtab *t, uint32_t bucket)
{
        uint32_t log2 = ek_log2_floor32(bucket | 1);

        return log2 < t->base_shift ? 0 : log2 - t->base_shift + 1;
}

static uint32_t chunk_first_bucket(const struct ek_hashtab *t, uint32_t k)
{
        return k == 0 ? 0 : (uint32_t)1 << (t->base_shift + k - 1);
}

static size_t chunk_bytes(const struct ek_hashtab *t, uint32_t k)
{
        uint32_t log2 = k == 0 ? t->base_shift : t->base_shift + k - 1;

        return sizeof(uint32_t) << log2;
}

static uint32_t *bucket_head(const struct ek_hashtab *t, uint32_t bucket)
{
        uint32_t k = chunk_of(t, bucket);

        EK_DCHECK(bucket < t->n_buckets);
        return t->chunk[k] + (bucket - chunk_first_bucket(t, k));
}

/* The bucket in which entries of this hash are. */
static uint32_t bucket_for(const struct ek_hashtab *t, uint32_t hash)
{
        uint32_t m = ek_floor_pow2_u32(t->n_buckets);
        uint32_t bucket = hash & (2 * m - 1); /* for m = 2^31 the mask is rightly all ones */

        return bucket < t->n_buckets ? bucket : hash & (m - 1);
}

/* The bucket that `bucket` was split from. */
static uint32_t parent_of(uint32_t bucket)
{
        return bucket - ek_floor_pow2_u32(bucket);
}

static uint32_t *link_of(const struct ek_hashtab *t, uint32_t ref)
{
        return t->ops->next(t->ctx, ref);
}

/* ------------------------------------------------------------ growth, shrinking */

/* Moves the entries of the newest bucket there, from its parent. Keeps their order. */
static void split_parent(struct ek_hashtab *t, uint32_t bucket)
{
        uint32_t *stay = bucket_head(t, parent_of(bucket));
        uint32_t *go = bucket_head(t, bucket);
        uint32_t ref = *stay;

        while (ref != EK_NIL) {
                uint32_t *link = link_of(t, ref);
                uint32_t next = *link;

                EK_WORK(1);
                if (bucket_for(t, t->ops->hash(t->ctx, ref)) == bucket) {
                        *go = ref;
                        go = link;
                } else {
                        *stay = ref;
                        stay = link;
                }
                ref = next;
        }
        *stay = EK_NIL;
        *go = EK_NIL;
}

/* Adds a bucket, if there is memory for it. */
static void grow(struct ek_hashtab *t)
{
        uint32_t bucket = t->n_buckets;
        uint32_t k = chunk_of(t, bucket);

        if (bucket == max_buckets)
                return;
        if (bucket == chunk_first_bucket(t, k)) {
                EK_ASSERT(t->chunk[k] == NULL);
                t->chunk[k] = ek_region_alloc(t->region, chunk_bytes(t, k));
                if (t->chunk[k] == NULL)
                        return;
        }
        t->n_buckets++;
        split_parent(t, bucket);
}

/* Puts the chain of the last bucket before that of its parent, and removes the bucket. */
static void shrink(struct ek_hashtab *t)
{
        uint32_t bucket = t->n_buckets - 1;
        uint32_t k = chunk_of(t, bucket);
        uint32_t *parent = bucket_head(t, parent_of(bucket));
        uint32_t *head = bucket_head(t, bucket);
        uint32_t *link = head;

        EK_ASSERT(k > 0);
        while (*link != EK_NIL) {
                EK_WORK(1);
                link = link_of(t, *link);
        }
        *link = *parent;
        *parent = *head;
        t->n_buckets = bucket;
        if (bucket == chunk_first_bucket(t, k)) {
                ek_region_free(t->region, t->chunk[k], chunk_bytes(t, k));
                t->chunk[k] = NULL;
        }
}

/* ----------------------------------------------------------------------- face */

bool ek_hashtab_init(struct ek_hashtab *t, struct ek_region *region,
                     const struct ek_hashtab_ops *ops, void *ctx, uint32_t max_load)
{
        size_t block = ek_region_block_bytes(region, EK_HASHTAB_MIN_BUCKETS * sizeof(uint32_t));
        uint32_t i;

        EK_ASSERT(max_load <= MAX_LOAD_LIMIT);
        *t = (struct ek_hashtab){0};
        t->region = region;
        t->ops = ops;
        t->ctx = ctx;
        t->max_load = max_load == 0 ? EK_HASHTAB_DEFAULT_LOAD : max_load;
        t->chunk[0] = ek_region_alloc(region, block);
        if (block == 0 || t->chunk[0] == NULL)
                return false;
        t->base_shift = ek_log2_floor64(block / sizeof(uint32_t));
        t->n_buckets = (uint32_t)1 << t->base_shift;
        for (i = 0; i < t->n_buckets; i++) {
                EK_WORK(1);
                t->chunk[0][i] = EK_NIL;
        }
        return true;
}

void ek_hashtab_fini(struct ek_hashtab *t)
{
        uint32_t k;

        for (k = 0; k < EK_HASHTAB_CHUNKS; k++)
                if (t->chunk[k] != NULL)
                        ek_region_free(t->region, t->chunk[k], chunk_bytes(t, k));
        *t = (struct ek_hashtab){0};
}

void ek_hashtab_insert(struct ek_hashtab *t, uint32_t hash, uint32_t ref)
{
        uint32_t *head = bucket_head(t, bucket_for(t, hash));

        EK_ASSERT(ref != EK_NIL);
        *link_of(t, ref) = *head;
        *head = ref;
        t->count++;
        t->changes++;
        if (t->count > (uint64_t)t->max_load * t->n_buckets)
                grow(t);
}

uint32_t ek_hashtab_first(const struct ek_hashtab *t, uint32_t hash)
{
        return *bucket_head(t, bucket_for(t, hash));
}

bool ek_hashtab_remove(struct ek_hashtab *t, uint32_t hash, uint32_t ref)
{
        uint32_t *link = bucket_head(t, bucket_for(t, hash));

        while (*link != ref) {
                EK_WORK(1);
                if (*link == EK_NIL)
                        return false;
                link = link_of(t, *link);
        }
        if (ref == EK_NIL)
                return false;
        *link = *link_of(t, ref);
        t->count--;
        t->changes++;
        if (2 * (uint64_t)t->count < (uint64_t)t->max_load * t->n_buckets &&
            t->n_buckets > (uint32_t)1 << t->base_shift)
                shrink(t);
        return true;
}

uint32_t ek_hashtab_count(const struct ek_hashtab *t)
{
        return t->count;
}

size_t ek_hashtab_bytes(const struct ek_hashtab *t)
{
        size_t bytes = 0;
        uint32_t k;

        for (k = 0; k < EK_HASHTAB_CHUNKS; k++)
                if (t->chunk[k] != NULL)
                        bytes += chunk_bytes(t, k);
        return bytes;
}

/* ---------------------------------------------------------------------- check */

/* Length of a bucket's chain; EK_NIL if an entry doesn't belong there, or there is a cycle. */
static uint32_t check_chain(const struct ek_hashtab *t, uint32_t bucket)
{
        uint32_t n = 0;
        uint32_t ref;

        for (ref = *bucket_head(t, bucket); ref != EK_NIL; ref = ek_hashtab_next(t, ref)) {
                EK_WORK(1);
                if (bucket_for(t, t->ops->hash(t->ctx, ref)) != bucket || n++ >= t->count)
                        return EK_NIL;
        }
        return n;
}

uint32_t ek_hashtab_longest_chain(const struct ek_hashtab *t)
{
        uint32_t longest = 0;
        uint32_t bucket;

        for (bucket = 0; bucket < t->n_buckets; bucket++)
                longest = ek_max_u32(longest, check_chain(t, bucket));
        return longest;
}

/* Whether exactly the chunks that the buckets need are there. */
static bool check_chunks(const struct ek_hashtab *t)
{
        uint32_t last = chunk_of(t, t->n_buckets - 1);
        uint32_t k;

        for (k = 0; k < EK_HASHTAB_CHUNKS; k++)
                if ((t->chunk[k] != NULL) != (k <= last))
                        return false;
        return true;
}

/* Entries in the buckets first .. first + n - 1, whose heads are here; EK_NIL: one is not in its place. */
static uint32_t check_buckets(const struct ek_hashtab *t, const uint32_t *head, uint32_t first,
                              uint32_t n)
{
        static const uint32_t none[16] = {EK_NIL, EK_NIL, EK_NIL, EK_NIL, EK_NIL, EK_NIL,
                                          EK_NIL, EK_NIL, EK_NIL, EK_NIL, EK_NIL, EK_NIL,
                                          EK_NIL, EK_NIL, EK_NIL, EK_NIL};
        uint32_t found = 0;

        for (uint32_t i = 0; i < n;) {
                uint32_t length;

                /* Most are empty: many at a time. */
                if (i % 16 == 0 && i + 16 <= n && memcmp(head + i, none, sizeof(none)) == 0) {
                        i += 16;
                        continue;
                }
                length = head[i] == EK_NIL ? 0 : check_chain(t, first + i);
                if (length == EK_NIL)
                        return EK_NIL;
                found += length;
                i++;
        }
        return found;
}

bool ek_hashtab_check(const struct ek_hashtab *t)
{
        uint32_t n = 0;

        if (t->n_buckets < (uint32_t)1 << t->base_shift || !check_chunks(t))
                return false;
        for (uint32_t k = 0; k <= chunk_of(t, t->n_buckets - 1); k++) {
                uint32_t first = chunk_first_bucket(t, k);
                uint32_t end = ek_min_u32(t->n_buckets, chunk_first_bucket(t, k + 1));
                uint32_t found = check_buckets(t, t->chunk[k], first, end - first);

                if (found == EK_NIL)
                        return false;
                n += found;
        }
        return n == t->count;
}
