/*
 * region.c - the buddy allocator.
 *
 *     mem                                                                    mem + size
 *      | pad | control | order map, 1 byte per block | pad | block 0 | block 1 | ... | rest |
 *
 * All sizes are powers of two of the minimum block: a block of order k is 2^k minimum blocks, at a
 * block number that is a multiple of 2^k. Splitting a block of order k+1 gives two "buddies" of
 * order k, whose numbers differ in bit k alone; when both are free they are joined again at once.
 *
 * The order map has one byte for each minimum block. The byte of a block's first minimum block says
 * what the block is (FREE or USED, and its order); the other bytes mean nothing. The links of the
 * free lists lie in the free blocks themselves.
 *
 * Nothing is ever cleared, because the region may be terabytes of address space that cost nothing
 * until touched. That is sound because a map byte is read only where it was written before: The
 * region starts as the few "top" blocks of the binary representation of the number of blocks
 * (13 = 8 + 4 + 1). A block is either such a top block, and then its buddy would reach beyond the
 * end; or it came from a split, which wrote its buddy's byte too. Whoever joins or splits the buddy
 * later rewrites that byte. So a buddy that lies within the region always has a valid byte. Init
 * thus touches one page for each top block, and a first small allocation one for each order.
 *
 * Free lists are last in, first out: the block that was used last is the warmest.
 */
#include "base/region.h"

#include "base/bits.h"
#include "base/list.h"

enum {
        N_ORDERS = 31, /* so that block numbers and counts fit in 31 bits */
        ORDER_MASK = 0x1f,
        USED = 0x40,      /* map byte of an allocated block: USED | order */
        FREE = 0x80,      /* map byte of a free block: FREE | order */
        INTERIOR = 0,     /* map byte of a block that was joined to the one before it */
        MIN_ALIGN = 64,   /* of blocks, and of the control block */
        MAX_ALIGN = 4096, /* blocks need not be aligned to more than a page */
        MAX_OVERCOMMIT = 10000,
};

struct ek_region {
        uint8_t *map;        /* n_blocks bytes */
        unsigned char *data; /* block 0 */
        uint32_t n_blocks;
        uint32_t shift;    /* log2 of the minimum block's bytes */
        uint32_t nonempty; /* bit k: free[k] is not empty */
        bool fail_forever;
        size_t capacity;
        size_t used;
        size_t high_water;
        size_t reserved;
        size_t promise_limit; /* capacity * overcommit / 100 */
        uint64_t n_allocs;
        uint64_t changes; /* of what ek_region_check() looks at */
        uint64_t fail_in; /* allocations until the one that fails; 0 = none */
        struct ek_list free[N_ORDERS];
};

/* ------------------------------------------------------------------ geometry */

static uint64_t align_up(uint64_t x, uint32_t align)
{
        return (x + align - 1) & ~(uint64_t)(align - 1);
}

/* Alignment of block 0, and so of all blocks. */
static uint32_t block_align(uint32_t min_block)
{
        return ek_min_u32(min_block, MAX_ALIGN);
}

/* Address of block 0 when n map bytes follow the control block at `start`. */
static uint64_t data_start(uint64_t start, uint32_t n, uint32_t min_block)
{
        return align_up(start + sizeof(struct ek_region) + n, block_align(min_block));
}

/* The largest number of blocks that, with their map, fit between the addresses start and end. */
static uint32_t count_blocks(uint64_t start, uint64_t end, uint32_t min_block)
{
        uint32_t n = 0;
        uint32_t bit;

        for (bit = (uint32_t)1 << (N_ORDERS - 1); bit != 0; bit >>= 1) {
                uint64_t data = data_start(start, n | bit, min_block);

                EK_WORK(1);
                if (data <= end && (uint64_t)(n | bit) * min_block <= end - data)
                        n |= bit;
        }
        return n;
}

static size_t order_bytes(const struct ek_region *r, uint32_t order)
{
        return (size_t)1 << (r->shift + order);
}

/* The order of the block for `bytes` bytes, or N_ORDERS if this region has no such block. */
static uint32_t order_for(const struct ek_region *r, size_t bytes)
{
        size_t blocks = bytes >> r->shift;
        uint32_t order;

        if ((bytes & (order_bytes(r, 0) - 1)) != 0)
                blocks++;
        if (blocks > r->n_blocks)
                return N_ORDERS;
        order = blocks <= 1 ? 0 : ek_log2_ceil32((uint32_t)blocks);
        return (uint64_t)1 << order > r->n_blocks ? N_ORDERS : order;
}

static struct ek_list *block_link(const struct ek_region *r, uint32_t block)
{
        return (struct ek_list *)(void *)(r->data + ((size_t)block << r->shift));
}

static uint32_t block_number(const struct ek_region *r, const void *p)
{
        size_t offset = (size_t)((const unsigned char *)p - r->data);

        EK_ASSERT((const unsigned char *)p >= r->data && offset < r->capacity);
        EK_ASSERT((offset & (order_bytes(r, 0) - 1)) == 0);
        return (uint32_t)(offset >> r->shift);
}

/* ---------------------------------------------------------------- free lists */

static void put_free(struct ek_region *r, uint32_t block, uint32_t order)
{
        struct ek_list *link = block_link(r, block);

        EK_DCHECK((block & (((uint32_t)1 << order) - 1)) == 0);
        r->map[block] = (uint8_t)(FREE | order);
        ek_list_init(link);
        ek_list_push_front(&r->free[order], link);
        r->nonempty |= (uint32_t)1 << order;
}

static void take_free(struct ek_region *r, uint32_t block, uint32_t order)
{
        EK_ASSERT(r->map[block] == (FREE | order));
        ek_list_remove(block_link(r, block));
        if (ek_list_is_empty(&r->free[order]))
                r->nonempty &= ~((uint32_t)1 << order);
}

/* Puts all blocks of the region on the free lists, as the fewest blocks that cover them. */
static void put_top_blocks(struct ek_region *r)
{
        uint32_t block = 0;
        uint32_t order = N_ORDERS;

        while (order-- > 0) {
                EK_WORK(1);
                if ((r->n_blocks & ((uint32_t)1 << order)) == 0)
                        continue;
                put_free(r, block, order);
                block += (uint32_t)1 << order;
        }
        EK_ASSERT(block == r->n_blocks);
}

/* Whether the block's buddy is within the region, free and whole. */
static bool buddy_is_free(const struct ek_region *r, uint32_t buddy, uint32_t order)
{
        if ((uint64_t)buddy + ((uint64_t)1 << order) > r->n_blocks)
                return false;
        return r->map[buddy] == (FREE | order);
}

/* Frees a block, joining it with its buddy as long as that is free too. */
static void join_and_put(struct ek_region *r, uint32_t block, uint32_t order)
{
        for (;;) {
                uint32_t buddy = block ^ ((uint32_t)1 << order);

                EK_WORK(1);
                if (!buddy_is_free(r, buddy, order))
                        break;
                take_free(r, buddy, order);
                r->map[block | buddy] = INTERIOR;
                block &= buddy;
                order++;
        }
        put_free(r, block, order);
}

/* Takes a block of `order` off the free lists, splitting a larger one if need be. Or EK_NIL. */
static uint32_t take_block(struct ek_region *r, uint32_t order)
{
        uint32_t candidates = r->nonempty & ~(((uint32_t)1 << order) - 1);
        uint32_t from, block;

        if (candidates == 0)
                return EK_NIL;
        from = ek_ctz32(candidates);
        block = block_number(r, ek_list_first(&r->free[from]));
        take_free(r, block, from);
        while (from > order) {
                EK_WORK(1);
                from--;
                put_free(r, block + ((uint32_t)1 << from), from);
        }
        return block;
}

/* ---------------------------------------------------------------- allocation */

/* Counts an attempt. Returns whether a test wants it to fail. */
static bool must_fail(struct ek_region *r)
{
        r->n_allocs++;
        if (r->fail_in == 0)
                return false;
        if (r->fail_in > 1) {
                r->fail_in--;
                return false;
        }
        if (!r->fail_forever)
                r->fail_in = 0;
        return true;
}

/* How much more may be used or promised, in all, up to `limit`. */
static size_t headroom(const struct ek_region *r, size_t limit)
{
        if (r->used >= limit || r->reserved >= limit - r->used)
                return 0;
        return limit - r->used - r->reserved;
}

static void *alloc_order(struct ek_region *r, uint32_t order)
{
        uint32_t block = take_block(r, order);

        if (block == EK_NIL)
                return NULL;
        r->map[block] = (uint8_t)(USED | order);
        r->used += order_bytes(r, order);
        r->changes++;
        if (r->used > r->high_water)
                r->high_water = r->used;
        EK_ASSERT(r->used <= r->capacity);
        return block_link(r, block);
}

void *ek_region_alloc(struct ek_region *r, size_t bytes)
{
        uint32_t order = order_for(r, bytes);
        size_t limit = r->promise_limit > r->capacity ? r->promise_limit : r->capacity;

        if (must_fail(r) || order == N_ORDERS)
                return NULL;
        if (order_bytes(r, order) > headroom(r, limit))
                return NULL;
        return alloc_order(r, order);
}

void *ek_region_alloc_reserved(struct ek_region *r, size_t bytes)
{
        uint32_t order = order_for(r, bytes);
        void *p;

        if (must_fail(r) || order == N_ORDERS)
                return NULL;
        EK_ASSERT(r->reserved >= order_bytes(r, order));
        p = alloc_order(r, order);
        if (p != NULL)
                r->reserved -= order_bytes(r, order);
        return p;
}

void ek_region_free(struct ek_region *r, void *p, size_t bytes)
{
        uint32_t order = order_for(r, bytes);
        uint32_t block;

        if (p == NULL)
                return;
        EK_ASSERT(order < N_ORDERS);
        block = block_number(r, p);
        EK_ASSERT(r->map[block] == (USED | order));
        EK_ASSERT(r->used >= order_bytes(r, order));
        r->used -= order_bytes(r, order);
        r->changes++;
        join_and_put(r, block, order);
}

size_t ek_region_block_bytes(const struct ek_region *r, size_t bytes)
{
        uint32_t order = order_for(r, bytes);

        return order == N_ORDERS ? 0 : order_bytes(r, order);
}

/* -------------------------------------------------------------- reservations */

bool ek_region_reserve(struct ek_region *r, size_t bytes)
{
        if (bytes > headroom(r, r->promise_limit))
                return bytes == 0;
        r->reserved += bytes;
        return true;
}

void ek_region_unreserve(struct ek_region *r, size_t bytes)
{
        EK_ASSERT(bytes <= r->reserved);
        r->reserved -= bytes;
}

void ek_region_set_overcommit(struct ek_region *r, uint32_t percent)
{
        size_t whole = r->capacity / 100;
        size_t rest = r->capacity % 100;
        uint64_t limit;

        EK_ASSERT(percent <= MAX_OVERCOMMIT);
        limit = (uint64_t)whole * percent + (uint32_t)rest * percent / 100;
        r->promise_limit = limit > SIZE_MAX ? SIZE_MAX : (size_t)limit;
}

/* ---------------------------------------------------------------- life, facts */

struct ek_region *ek_region_init(void *mem, size_t size, uint32_t min_block)
{
        uint64_t begin = (uintptr_t)mem;
        uint64_t start = align_up(begin, MIN_ALIGN);
        struct ek_region *r;
        uint32_t n_blocks, order;

        EK_ASSERT(min_block >= MIN_ALIGN && min_block <= (uint32_t)1 << 30);
        EK_ASSERT(ek_is_pow2(min_block));
        if (mem == NULL)
                return NULL;
        n_blocks = count_blocks(start, begin + size, min_block);
        if (n_blocks == 0)
                return NULL;

        r = (struct ek_region *)(void *)((unsigned char *)mem + (size_t)(start - begin));
        *r = (struct ek_region){0};
        r->map = (uint8_t *)(r + 1);
        r->data = (unsigned char *)mem + (size_t)(data_start(start, n_blocks, min_block) - begin);
        r->n_blocks = n_blocks;
        r->shift = ek_ctz32(min_block);
        r->capacity = (size_t)n_blocks << r->shift;
        r->promise_limit = r->capacity;
        for (order = 0; order < N_ORDERS; order++)
                ek_list_init(&r->free[order]);
        put_top_blocks(r);
        return r;
}

size_t ek_region_capacity(const struct ek_region *r)
{
        return r->capacity;
}

size_t ek_region_used(const struct ek_region *r)
{
        return r->used;
}

size_t ek_region_high_water(const struct ek_region *r)
{
        return r->high_water;
}

size_t ek_region_reserved(const struct ek_region *r)
{
        return r->reserved;
}

size_t ek_region_min_block(const struct ek_region *r)
{
        return order_bytes(r, 0);
}

size_t ek_region_largest_free(const struct ek_region *r)
{
        return r->nonempty == 0 ? 0 : order_bytes(r, ek_log2_floor32(r->nonempty));
}

void ek_region_fail_nth(struct ek_region *r, uint64_t n, bool forever)
{
        r->fail_in = n;
        r->fail_forever = forever;
}

uint64_t ek_region_changes(const struct ek_region *r)
{
        return r->changes;
}

uint64_t ek_region_alloc_count(const struct ek_region *r)
{
        return r->n_allocs;
}

/* ---------------------------------------------------------------------- check */

/* Whether `free[order]` is sound; adds its length to *n_free. */
static bool check_free_list(const struct ek_region *r, uint32_t order, uint32_t *n_free)
{
        const struct ek_list *head = &r->free[order];
        const struct ek_list *link;

        if (!ek_list_check(head))
                return false;
        if (ek_list_is_empty(head) != ((r->nonempty >> order & 1) == 0))
                return false;
        for (link = head->next; link != head; link = link->next) {
                EK_WORK(1);
                if (r->map[block_number(r, link)] != (FREE | order))
                        return false;
                (*n_free)++;
        }
        return true;
}

/* Whether the map byte at `block` describes a block that can stand there. */
static bool check_block(const struct ek_region *r, uint32_t block)
{
        uint32_t kind = r->map[block] & ~(uint32_t)ORDER_MASK;
        uint32_t order = r->map[block] & ORDER_MASK;
        uint32_t size = (uint32_t)1 << order;

        if ((kind != FREE && kind != USED) || order >= N_ORDERS)
                return false;
        if ((block & (size - 1)) != 0 || size > r->n_blocks - block)
                return false;
        return kind == USED || !buddy_is_free(r, block ^ size, order);
}

/* Walks the blocks in order. Adds up the used bytes and the free blocks. */
static bool check_blocks(const struct ek_region *r, size_t *used, uint32_t *n_free)
{
        uint32_t block = 0;

        while (block < r->n_blocks) {
                uint32_t order = r->map[block] & ORDER_MASK;

                EK_WORK(1);
                if (!check_block(r, block))
                        return false;
                if ((r->map[block] & USED) != 0)
                        *used += order_bytes(r, order);
                else
                        (*n_free)++;
                block += (uint32_t)1 << order;
        }
        return block == r->n_blocks;
}

bool ek_region_check(const struct ek_region *r)
{
        uint32_t n_listed = 0, n_free = 0, order, end = ek_log2_floor32(r->n_blocks) + 1;
        size_t used = 0;

        /* No block is larger than the region. */
        if (end < N_ORDERS && r->nonempty >> end != 0)
                return false;
        for (order = 0; order < end; order++) {
                const struct ek_list *head = &r->free[order];

                if ((r->nonempty >> order & 1) == 0) {
                        if (head->next != head || head->prev != head)
                                return false;
                } else if (!check_free_list(r, order, &n_listed)) {
                        return false;
                }
        }
        if (!check_blocks(r, &used, &n_free))
                return false;
        return n_listed == n_free && used == r->used && r->used <= r->high_water &&
               r->high_water <= r->capacity;
}
