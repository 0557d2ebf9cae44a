/*
 * slab.c - object pools.
 *
 * A chunk is one block of the region:
 *
 *     | header, 16 bytes | live bits, one per slot | slack | slot 0 | slot 1 | ... | slot n-1 |
 *
 * The slots are flush with the end of the chunk. As both the chunk's size and its address are
 * multiples of 64, every slot is then aligned to the largest power of two (up to 64) that divides
 * the object size, without a byte of padding.
 *
 * An index is the chunk's number in the directory, shifted, plus the slot: so that finding an
 * object takes no division, at the price of holes in the index space. The directory grows upwards
 * (dir_top) and is never cleared: entries whose chunk went back to the region form a free list by
 * odd links, which no chunk pointer can equal.
 *
 * A chunk is in one of three conditions: full; partial, and then linked in the partial list; or
 * empty. At most one empty chunk is kept, so that a load that swings around a chunk boundary does
 * not allocate and free a chunk with every object; the others go back to the region. Objects come
 * from the partial list's first chunk, lowest slot first, then from the spare, then from a new one.
 */
#include "base/slab.h"

#include "base/bits.h"

struct chunk {
        uint32_t n_live;
        uint32_t next, prev; /* neighbours in the partial list, or EK_NIL */
        uint32_t free_word;  /* no word of `live` before this one has a free slot */
        uint32_t live[];     /* bit set: slot is live */
};

EK_STATIC_ASSERT(sizeof(struct chunk) == 16, "chunk header");

enum {
        MAX_SHIFT = 24, /* slots in a chunk: 64 MiB of the smallest object */
};

/* ------------------------------------------------------------------ geometry */

static uint32_t bitmap_words(uint32_t slots)
{
        return (slots + 31) / 32;
}

/* How many objects fit in a chunk beside the header and their live bits. */
static uint32_t count_slots(uint32_t obj_bytes, size_t chunk_bytes)
{
        uint32_t slots = 0;
        uint32_t bit;

        for (bit = (uint32_t)1 << (MAX_SHIFT - 1); bit != 0; bit >>= 1) {
                uint32_t n = slots | bit;
                uint64_t bytes = sizeof(struct chunk) + 4 * (uint64_t)bitmap_words(n) +
                                 (uint64_t)n * obj_bytes;

                EK_WORK(1);
                if (bytes <= chunk_bytes)
                        slots = n;
        }
        return slots;
}

/* ceil(objs / slots), without a division, which not every CPU has. */
static uint32_t count_chunks(uint32_t objs, uint32_t slots)
{
        uint32_t too_few = 0; /* the largest number of chunks that is not enough */
        uint32_t bit;

        for (bit = (uint32_t)1 << 31; bit != 0; bit >>= 1) {
                EK_WORK(1);
                if ((uint64_t)(too_few | bit) * slots < objs)
                        too_few |= bit;
        }
        return too_few + 1;
}

/* ----------------------------------------------------------------- directory */

static bool is_chunk(const struct ek_slab *s, uint32_t c)
{
        return c < s->dir_top && (s->dir[c].link & 1) == 0;
}

static struct chunk *chunk_at(const struct ek_slab *s, uint32_t c)
{
        EK_DCHECK(is_chunk(s, c));
        return (struct chunk *)(void *)s->dir[c].chunk;
}

/* Links are stored as 2 * next + 1, with next + 1 so that EK_NIL becomes 0. */
static uintptr_t link_of(uint32_t next)
{
        return (uintptr_t)(uint32_t)(next + 1) << 1 | 1;
}

static uint32_t next_of(uintptr_t link)
{
        return (uint32_t)(link >> 1) - 1;
}

/* Allocates the directory, which stays as it comes: entries are valid below dir_top only. */
static bool dir_new(struct ek_slab *s)
{
        uint64_t bytes = (uint64_t)s->max_chunks * sizeof(*s->dir);

        if (bytes > ek_region_capacity(s->region))
                return false;
        s->dir_bytes = ek_region_block_bytes(s->region, (size_t)bytes);
        s->dir = ek_region_alloc(s->region, (size_t)bytes);
        return s->dir != NULL;
}

/* Finds a directory entry for a new chunk. There is one, as max_chunks hold max_objs. */
static uint32_t dir_take(struct ek_slab *s)
{
        uint32_t c = s->dir_free;

        if (c != EK_NIL) {
                s->dir_free = next_of(s->dir[c].link);
                return c;
        }
        EK_ASSERT(s->dir_top < s->max_chunks);
        return s->dir_top++;
}

static void dir_give(struct ek_slab *s, uint32_t c)
{
        s->dir[c].link = link_of(s->dir_free);
        s->dir_free = c;
}

/* -------------------------------------------------------------------- chunks */

static void partial_push(struct ek_slab *s, uint32_t c)
{
        struct chunk *ch = chunk_at(s, c);

        ch->prev = EK_NIL;
        ch->next = s->partial;
        if (s->partial != EK_NIL)
                chunk_at(s, s->partial)->prev = c;
        s->partial = c;
}

static void partial_remove(struct ek_slab *s, uint32_t c)
{
        struct chunk *ch = chunk_at(s, c);

        if (ch->prev == EK_NIL) {
                EK_ASSERT(s->partial == c);
                s->partial = ch->next;
        } else {
                chunk_at(s, ch->prev)->next = ch->next;
        }
        if (ch->next != EK_NIL)
                chunk_at(s, ch->next)->prev = ch->prev;
        ch->next = EK_NIL;
        ch->prev = EK_NIL;
}

/* Gets an empty chunk, unlinked, from the region. Returns its number, or EK_NIL. */
static uint32_t chunk_new(struct ek_slab *s)
{
        struct chunk *ch = ek_region_alloc(s->region, s->chunk_bytes);
        uint32_t c;

        if (ch == NULL)
                return EK_NIL;
        c = dir_take(s);
        s->dir[c].chunk = (unsigned char *)ch;
        s->n_chunks++;
        ch->n_live = 0;
        ch->next = EK_NIL;
        ch->prev = EK_NIL;
        ch->free_word = 0;
        memset(ch->live, 0, 4 * (size_t)bitmap_words(s->slots));
        return c;
}

static void chunk_release(struct ek_slab *s, uint32_t c)
{
        struct chunk *ch = chunk_at(s, c);

        EK_ASSERT(ch->n_live == 0);
        ek_region_free(s->region, ch, s->chunk_bytes);
        dir_give(s, c);
        s->n_chunks--;
}

/* The number of a chunk with a free slot, at the head of the partial list; or EK_NIL. */
static uint32_t chunk_with_room(struct ek_slab *s)
{
        uint32_t c = s->partial;

        if (c != EK_NIL)
                return c;
        c = s->spare;
        s->spare = EK_NIL;
        if (c == EK_NIL)
                c = chunk_new(s);
        if (c != EK_NIL)
                partial_push(s, c);
        return c;
}

/* Finds and marks the lowest free slot of a chunk that has one. */
static uint32_t slot_take(const struct ek_slab *s, struct chunk *ch)
{
        uint32_t word = ch->free_word;
        uint32_t bit;

        while (ch->live[word] == UINT32_MAX) {
                EK_WORK(1);
                word++;
        }
        bit = ek_ctz32(~ch->live[word]);
        ch->live[word] |= (uint32_t)1 << bit;
        ch->free_word = word;
        ch->n_live++;
        EK_ASSERT(word * 32 + bit < s->slots);
        return word * 32 + bit;
}

static bool slot_is_live(const struct chunk *ch, uint32_t slot)
{
        return (ch->live[slot / 32] >> (slot % 32) & 1) != 0;
}

/* ----------------------------------------------------------------------- face */

bool ek_slab_init(struct ek_slab *s, struct ek_region *region, uint32_t obj_bytes,
                  uint32_t chunk_bytes, uint32_t max_objs)
{
        size_t block = ek_region_block_bytes(region, chunk_bytes);
        uint32_t slots;

        EK_ASSERT(obj_bytes >= 4 && obj_bytes % 4 == 0 && max_objs >= 1);
        *s = (struct ek_slab){0};
        slots = count_slots(obj_bytes, block);
        if (slots == 0 || block > UINT32_MAX)
                return false;

        s->region = region;
        s->obj_bytes = obj_bytes;
        s->chunk_bytes = (uint32_t)block;
        s->slots = slots;
        s->first = (uint32_t)block - slots * obj_bytes;
        s->shift = ek_log2_ceil32(slots);
        s->slot_mask = ((uint32_t)1 << s->shift) - 1;
        s->max_objs = max_objs;
        s->max_chunks = count_chunks(max_objs, slots);
        s->dir_free = EK_NIL;
        s->partial = EK_NIL;
        s->spare = EK_NIL;
        if ((uint64_t)s->max_chunks << s->shift > EK_NIL)
                return false;
        return dir_new(s);
}

void ek_slab_fini(struct ek_slab *s)
{
        uint32_t c;

        for (c = 0; c < s->dir_top; c++) {
                EK_WORK(1);
                if (is_chunk(s, c))
                        ek_region_free(s->region, s->dir[c].chunk, s->chunk_bytes);
        }
        ek_region_free(s->region, s->dir, s->dir_bytes);
        *s = (struct ek_slab){0};
}

uint32_t ek_slab_alloc(struct ek_slab *s)
{
        struct chunk *ch;
        uint32_t c, slot;

        if (s->n_live == s->max_objs)
                return EK_NIL;
        c = chunk_with_room(s);
        if (c == EK_NIL)
                return EK_NIL;
        ch = chunk_at(s, c);
        slot = slot_take(s, ch);
        if (ch->n_live == s->slots)
                partial_remove(s, c);
        s->n_live++;
        s->high_water = ek_max_u32(s->high_water, s->n_live);
        memset((unsigned char *)ch + s->first + (size_t)slot * s->obj_bytes, 0, s->obj_bytes);
        return c << s->shift | slot;
}

bool ek_slab_reserve(struct ek_slab *s)
{
        if (s->n_live == s->max_objs)
                return false;
        if (s->partial == EK_NIL && s->spare == EK_NIL)
                s->spare = chunk_new(s);
        return s->partial != EK_NIL || s->spare != EK_NIL;
}

void ek_slab_free(struct ek_slab *s, uint32_t idx)
{
        uint32_t c = idx >> s->shift;
        uint32_t slot = idx & s->slot_mask;
        struct chunk *ch;

        EK_ASSERT(ek_slab_is_live(s, idx));
        ch = chunk_at(s, c);
        if (ch->n_live == s->slots)
                partial_push(s, c);
        ch->live[slot / 32] &= ~((uint32_t)1 << slot % 32);
        ch->free_word = ek_min_u32(ch->free_word, slot / 32);
        ch->n_live--;
        s->n_live--;
        if (ch->n_live > 0)
                return;
        partial_remove(s, c);
        if (s->spare == EK_NIL)
                s->spare = c;
        else
                chunk_release(s, c);
}

bool ek_slab_trim(struct ek_slab *s)
{
        uint32_t c = s->spare;

        if (c == EK_NIL)
                return false;
        s->spare = EK_NIL;
        chunk_release(s, c);
        return true;
}

bool ek_slab_is_live(const struct ek_slab *s, uint32_t idx)
{
        uint32_t c = idx >> s->shift;
        uint32_t slot = idx & s->slot_mask;

        return is_chunk(s, c) && slot < s->slots && slot_is_live(chunk_at(s, c), slot);
}

/* The lowest live slot >= slot of the chunk, or s->slots. */
static uint32_t next_live_slot(const struct ek_slab *s, const struct chunk *ch, uint32_t slot)
{
        while (slot < s->slots) {
                uint32_t rest = ch->live[slot / 32] >> slot % 32;

                EK_WORK(1);
                if (rest != 0)
                        return slot + ek_ctz32(rest);
                slot = (slot | 31) + 1;
        }
        return s->slots;
}

uint32_t ek_slab_next(const struct ek_slab *s, uint32_t idx)
{
        uint32_t from = idx + 1; /* EK_NIL + 1 is 0: the beginning */
        uint32_t c = from >> s->shift;
        uint32_t slot = from & s->slot_mask;

        for (; c < s->dir_top; c++, slot = 0) {
                EK_WORK(1);
                if (!is_chunk(s, c))
                        continue;
                slot = next_live_slot(s, chunk_at(s, c), slot);
                if (slot < s->slots)
                        return c << s->shift | slot;
        }
        return EK_NIL;
}

uint32_t ek_slab_live(const struct ek_slab *s)
{
        return s->n_live;
}

uint32_t ek_slab_high_water(const struct ek_slab *s)
{
        return s->high_water;
}

size_t ek_slab_bytes(const struct ek_slab *s)
{
        return s->dir_bytes + (size_t)s->n_chunks * s->chunk_bytes;
}

uint32_t ek_slab_index_limit(const struct ek_slab *s)
{
        return ((s->max_chunks - 1) << s->shift) + s->slots;
}

/* ---------------------------------------------------------------------- check */

/* Whether the chunk's counts agree with its bits. */
static bool check_chunk(const struct ek_slab *s, uint32_t c)
{
        const struct chunk *ch = chunk_at(s, c);
        uint32_t n_live = 0;
        uint32_t slot;

        for (slot = next_live_slot(s, ch, 0); slot < s->slots;
             slot = next_live_slot(s, ch, slot + 1))
                n_live++;
        for (slot = 0; slot < ch->free_word * 32 && slot < s->slots; slot++)
                if (!slot_is_live(ch, slot))
                        return false;
        if (n_live == 0 && c != s->spare)
                return false;
        return n_live == ch->n_live;
}

/* The length of the partial list, or EK_NIL if something is wrong in it. */
static uint32_t check_partial(const struct ek_slab *s)
{
        uint32_t prev = EK_NIL;
        uint32_t n = 0;
        uint32_t c;

        for (c = s->partial; c != EK_NIL; c = chunk_at(s, c)->next) {
                const struct chunk *ch;

                EK_WORK(1);
                if (!is_chunk(s, c) || n++ > s->n_chunks)
                        return EK_NIL;
                ch = chunk_at(s, c);
                if (ch->prev != prev || ch->n_live == 0 || ch->n_live == s->slots)
                        return EK_NIL;
                prev = c;
        }
        return n;
}

bool ek_slab_check(const struct ek_slab *s)
{
        uint32_t n_chunks = 0, n_live = 0, n_partial = 0;
        uint32_t c;

        for (c = 0; c < s->dir_top; c++) {
                const struct chunk *ch;

                EK_WORK(1);
                if (!is_chunk(s, c))
                        continue;
                if (!check_chunk(s, c))
                        return false;
                ch = chunk_at(s, c);
                n_chunks++;
                n_live += ch->n_live;
                n_partial += ch->n_live > 0 && ch->n_live < s->slots;
        }
        if (s->spare != EK_NIL && (!is_chunk(s, s->spare) || chunk_at(s, s->spare)->n_live != 0))
                return false;
        return n_chunks == s->n_chunks && n_live == s->n_live && n_live <= s->max_objs &&
               s->n_live <= s->high_water && check_partial(s) == n_partial;
}
