/*
 * test_base_region.c - the buddy allocator, against a model that knows for each minimum block which
 * allocation has it. The model finds by search whether an aligned free block exists, so it also
 * proves that free buddies are always joined.
 */
#include "base/region.h"

#include <sys/mman.h>

#include "base/bits.h"
#include "ek_test.h"

enum { MAX_LIVE = 300, MAX_BLOCKS = 4096 };

struct live {
        uint8_t *p;
        size_t bytes; /* as asked for */
        uint8_t fill;
};

struct model {
        struct ek_region *r;
        uint8_t *base; /* block 0 */
        size_t min_block, n_blocks;
        bool taken[MAX_BLOCKS];
        struct live live[MAX_LIVE];
        uint32_t n_live;
        size_t used, reserved, high_water;
};

/* Memory full of garbage, `skew` bytes off alignment, with a guard byte at either end. */
struct memory {
        uint8_t *all, *p;
        size_t size;
};

static struct memory memory_new(size_t size, size_t skew)
{
        struct memory m;
        size_t i;

        CHECK_EQ(posix_memalign((void **)&m.all, 4096, 64 + skew + size + 1), 0);
        m.p = m.all + 64 + skew;
        m.size = size;
        for (i = 0; i < 64 + skew + size + 1; i++)
                m.all[i] = (uint8_t)(0x5a + 7 * i + (i >> 9));
        m.p[-1] = 0xc3;
        m.p[size] = 0x3c;
        return m;
}

static void memory_check(const struct memory *m)
{
        CHECK_EQ(m->p[-1], 0xc3);
        CHECK_EQ(m->p[m->size], 0x3c);
}

/* Learns where block 0 is: the lowest address that a full region hands out. */
static uint8_t *find_base(struct ek_region *r)
{
        size_t min = ek_region_min_block(r), n = ek_region_capacity(r) / min, i;
        uint8_t **p = malloc(n * sizeof(*p)), *base = NULL;

        for (i = 0; i < n; i++) {
                p[i] = ek_region_alloc(r, min);
                CHECK(p[i] != NULL);
                if (base == NULL || p[i] < base)
                        base = p[i];
        }
        CHECK(ek_region_alloc(r, 1) == NULL);
        CHECK_EQ(ek_region_used(r), ek_region_capacity(r));
        CHECK_EQ(ek_region_largest_free(r), 0);
        for (i = 0; i < n; i++)
                ek_region_free(r, p[i], min);
        free(p);
        return base;
}

static void model_init(struct model *m, struct ek_region *r)
{
        memset(m, 0, sizeof(*m));
        m->r = r;
        m->base = find_base(r);
        m->min_block = ek_region_min_block(r);
        m->n_blocks = ek_region_capacity(r) / m->min_block;
        m->high_water = ek_region_high_water(r);
        CHECK(m->n_blocks <= MAX_BLOCKS);
}

/* Minimum blocks that an allocation takes. */
static size_t model_blocks(const struct model *m, size_t bytes)
{
        size_t n = 1;

        while (n * m->min_block < bytes)
                n *= 2;
        return n;
}

static bool model_range_free(const struct model *m, size_t at, size_t n)
{
        size_t i;

        if (at + n > m->n_blocks)
                return false;
        for (i = at; i < at + n; i++)
                if (m->taken[i])
                        return false;
        return true;
}

static bool model_has_block(const struct model *m, size_t n)
{
        size_t at;

        for (at = 0; at < m->n_blocks; at += n)
                if (model_range_free(m, at, n))
                        return true;
        return false;
}

static size_t model_largest(const struct model *m)
{
        size_t n = 1, largest = 0;

        for (; n <= m->n_blocks; n *= 2)
                if (model_has_block(m, n))
                        largest = n;
        return largest * m->min_block;
}

static void model_take(struct model *m, uint8_t *p, size_t bytes)
{
        size_t n = model_blocks(m, bytes), at = (size_t)(p - m->base) / m->min_block;
        struct live *l = &m->live[m->n_live++];

        CHECK(p >= m->base && (size_t)(p - m->base) % (n * m->min_block) == 0);
        CHECK((uintptr_t)p % 64 == 0);
        CHECK(model_range_free(m, at, n));
        memset(&m->taken[at], true, n);
        m->used += n * m->min_block;
        if (m->used > m->high_water)
                m->high_water = m->used;
        *l = (struct live){p, bytes, (uint8_t)ek_test_rand()};
        memset(p, l->fill, n * m->min_block);
}

static void model_release(struct model *m, uint32_t i)
{
        struct live l = m->live[i];
        size_t n = model_blocks(m, l.bytes), k;

        for (k = 0; k < n * m->min_block; k++)
                CHECK_EQ(l.p[k], l.fill);
        memset(&m->taken[(size_t)(l.p - m->base) / m->min_block], false, n);
        m->used -= n * m->min_block;
        m->live[i] = m->live[--m->n_live];
        ek_region_free(m->r, l.p, l.bytes);
}

static void model_agrees(const struct model *m)
{
        CHECK_EQ(ek_region_used(m->r), m->used);
        CHECK_EQ(ek_region_reserved(m->r), m->reserved);
        CHECK_EQ(ek_region_high_water(m->r), m->high_water);
}

static size_t random_bytes(const struct model *m)
{
        uint32_t bits = 4 + ek_log2_floor64(m->min_block);

        return (size_t)ek_test_magnitude(ek_test_below(20) == 0 ? bits + 8 : bits);
}

static void step_alloc(struct model *m)
{
        size_t bytes = random_bytes(m), n = model_blocks(m, bytes);
        size_t block = n * m->min_block, capacity = m->n_blocks * m->min_block;
        bool can = model_has_block(m, n) && m->used + m->reserved + block <= capacity;
        uint8_t *p;

        if (m->n_live == MAX_LIVE)
                return;
        CHECK_EQ(ek_region_block_bytes(m->r, bytes), n > m->n_blocks ? 0 : block);
        p = ek_region_alloc(m->r, bytes);
        CHECK_EQ(p != NULL, can);
        if (p != NULL)
                model_take(m, p, bytes);
}

static void step_alloc_reserved(struct model *m)
{
        size_t bytes = random_bytes(m), n = model_blocks(m, bytes), block = n * m->min_block;
        uint8_t *p;

        if (m->n_live == MAX_LIVE || m->reserved < block)
                return;
        p = ek_region_alloc_reserved(m->r, bytes);
        CHECK_EQ(p != NULL, model_has_block(m, n));
        if (p != NULL) {
                model_take(m, p, bytes);
                m->reserved -= block;
        }
}

static void step_reserve(struct model *m)
{
        size_t bytes = (size_t)ek_test_magnitude(20);
        bool can = m->used + m->reserved + bytes <= m->n_blocks * m->min_block;

        if (ek_test_below(3) == 0) {
                bytes = m->reserved / (1 + ek_test_below(3));
                ek_region_unreserve(m->r, bytes);
                m->reserved -= bytes;
                return;
        }
        CHECK_EQ(ek_region_reserve(m->r, bytes), can);
        if (can)
                m->reserved += bytes;
}

static void random_run(size_t size, size_t skew, uint32_t min_block, uint32_t rounds)
{
        struct memory mem = memory_new(size, skew);
        struct model *m = malloc(sizeof(*m));
        uint32_t i, fill = 0;

        model_init(m, ek_region_init(mem.p, mem.size, min_block));
        for (i = 0; i < rounds; i++) {
                uint32_t what = ek_test_below(100);

                if (i % 1000 == 0)
                        fill = 20 + ek_test_below(55);
                if (what < fill)
                        step_alloc(m);
                else if (what < 80 && m->n_live > 0)
                        model_release(m, ek_test_below(m->n_live));
                else if (what < 90)
                        step_reserve(m);
                else
                        step_alloc_reserved(m);
                model_agrees(m);
                if (i % 64 == 0) {
                        CHECK(ek_region_check(m->r));
                        CHECK_EQ(ek_region_largest_free(m->r), model_largest(m));
                }
        }
        while (m->n_live > 0)
                model_release(m, m->n_live - 1);
        CHECK(ek_region_check(m->r));
        CHECK_EQ(ek_region_largest_free(m->r), ek_floor_pow2_u64(m->n_blocks) * m->min_block);
        memory_check(&mem);
        free(m);
        free(mem.all);
}

EK_TEST(every_small_size_and_alignment)
{
        size_t size, skew;

        for (skew = 0; skew < 70; skew += 1 + skew % 3) {
                size_t last = 0;

                for (size = 0; size < 4000; size += 13) {
                        struct memory mem = memory_new(size, skew);
                        struct ek_region *r = ek_region_init(mem.p, size, 64);

                        CHECK((r != NULL) >= (last > 0));
                        if (r != NULL) {
                                uint8_t *base = find_base(r);

                                CHECK(ek_region_capacity(r) >= last);
                                last = ek_region_capacity(r);
                                CHECK((uint8_t *)r >= mem.p && (uint8_t *)r < base);
                                CHECK(base + last <= mem.p + size);
                                CHECK(base + last + 64 + 64 > mem.p + size); /* none fits */
                                CHECK(ek_region_check(r));
                        }
                        memory_check(&mem);
                        free(mem.all);
                }
                CHECK(last > 2000);
        }
        CHECK(ek_region_init(NULL, 0, 64) == NULL);
}

EK_TEST(blocks_are_page_aligned_when_they_are_pages)
{
        struct memory mem = memory_new(100000, 5);
        struct ek_region *r = ek_region_init(mem.p, mem.size, 8192);
        void *p = ek_region_alloc(r, 1);

        CHECK_EQ((uintptr_t)p % 4096, 0);
        CHECK_EQ(ek_region_used(r), 8192);
        CHECK_EQ(ek_region_capacity(r) % 8192, 0);
        free(mem.all);
}

EK_TEST(zero_bytes_and_too_many)
{
        struct memory mem = memory_new(10000, 0);
        struct ek_region *r = ek_region_init(mem.p, mem.size, 64);
        void *p = ek_region_alloc(r, 0);

        CHECK(p != NULL);
        CHECK_EQ(ek_region_used(r), 64);
        ek_region_free(r, p, 0);
        ek_region_free(r, NULL, 123);
        CHECK_EQ(ek_region_used(r), 0);
        CHECK(ek_region_alloc(r, SIZE_MAX) == NULL);
        CHECK(ek_region_alloc(r, SIZE_MAX / 2 + 2) == NULL);
        CHECK_EQ(ek_region_block_bytes(r, SIZE_MAX), 0);
        CHECK_EQ(ek_region_block_bytes(r, 65), 128);
        free(mem.all);
}

EK_TEST(reservations_are_kept)
{
        struct memory mem = memory_new(70000, 0);
        struct ek_region *r = ek_region_init(mem.p, mem.size, 64);
        size_t capacity = ek_region_capacity(r);
        void *p;

        CHECK(!ek_region_reserve(r, capacity + 1));
        CHECK(!ek_region_reserve(r, SIZE_MAX));
        CHECK(ek_region_reserve(r, capacity - 4096));
        CHECK(ek_region_alloc(r, 4097) == NULL);
        p = ek_region_alloc(r, 4096);
        CHECK(p != NULL);
        CHECK(ek_region_alloc(r, 1) == NULL);
        CHECK(!ek_region_reserve(r, 1));
        CHECK(ek_region_reserve(r, 0));
        CHECK(ek_region_alloc_reserved(r, 32768) != NULL);
        CHECK_EQ(ek_region_reserved(r), capacity - 4096 - 32768);
        ek_region_unreserve(r, ek_region_reserved(r));
        CHECK(ek_region_alloc(r, 1) != NULL);
        CHECK(ek_region_check(r));
        free(mem.all);
}

EK_TEST(overcommit_promises_more_than_there_is)
{
        struct memory mem = memory_new(70000, 0);
        struct ek_region *r = ek_region_init(mem.p, mem.size, 64);
        size_t capacity = ek_region_capacity(r);

        ek_region_set_overcommit(r, 250);
        CHECK(ek_region_reserve(r, capacity * 2));
        CHECK(!ek_region_reserve(r, capacity * 250 / 100 - capacity * 2 + 1));
        CHECK(ek_region_reserve(r, capacity * 250 / 100 - capacity * 2));
        CHECK(ek_region_alloc(r, 64) == NULL);
        while (ek_region_alloc_reserved(r, 64) != NULL)
                ;
        CHECK_EQ(ek_region_used(r), capacity);
        CHECK(ek_region_check(r));

        ek_region_set_overcommit(r, 100);
        CHECK(!ek_region_reserve(r, 1));
        ek_region_unreserve(r, ek_region_reserved(r));
        CHECK(!ek_region_reserve(r, 1));
        free(mem.all);
}

EK_TEST(undercommit_keeps_room_for_plain_allocations)
{
        struct memory mem = memory_new(70000, 0);
        struct ek_region *r = ek_region_init(mem.p, mem.size, 64);
        size_t capacity = ek_region_capacity(r);

        ek_region_set_overcommit(r, 50);
        CHECK(!ek_region_reserve(r, capacity / 2 + 1));
        CHECK(ek_region_reserve(r, capacity / 2 - 64));
        while (ek_region_alloc(r, 64) != NULL)
                ;
        CHECK_EQ(ek_region_used(r) + ek_region_reserved(r) + 64 > capacity, true);
        free(mem.all);
}

EK_TEST(faults_on_demand)
{
        struct memory mem = memory_new(10000, 0);
        struct ek_region *r = ek_region_init(mem.p, mem.size, 64);
        int i;

        CHECK_EQ(ek_region_alloc_count(r), 0);
        ek_region_fail_nth(r, 3, false);
        CHECK(ek_region_alloc(r, 1) != NULL);
        CHECK(ek_region_alloc(r, 1) != NULL);
        CHECK(ek_region_alloc(r, 1) == NULL);
        CHECK(ek_region_alloc(r, 1) != NULL);
        CHECK_EQ(ek_region_alloc_count(r), 4);
        ek_region_fail_nth(r, 1, true);
        for (i = 0; i < 10; i++)
                CHECK(ek_region_alloc(r, 1) == NULL);
        CHECK(ek_region_reserve(r, 64));
        CHECK(ek_region_alloc_reserved(r, 1) == NULL);
        CHECK_EQ(ek_region_reserved(r), 64);
        ek_region_fail_nth(r, 0, false);
        CHECK(ek_region_alloc(r, 1) != NULL);
        CHECK(ek_region_check(r));
        free(mem.all);
}

EK_TEST(misuse_traps)
{
        struct memory mem = memory_new(10000, 0);
        struct ek_region *r = ek_region_init(mem.p, mem.size, 64);
        uint8_t *p = ek_region_alloc(r, 128);

        CHECK_TRAPS(ek_region_free(r, p, 64));
        CHECK_TRAPS(ek_region_free(r, p + 64, 64));
        CHECK_TRAPS(ek_region_free(r, p + 1, 128));
        CHECK_TRAPS(ek_region_free(r, mem.p + mem.size, 128));
        CHECK_TRAPS(ek_region_unreserve(r, 1));
        CHECK_TRAPS(ek_region_alloc_reserved(r, 1));
        CHECK_TRAPS(ek_region_init(mem.p, mem.size, 96));
        CHECK_TRAPS(ek_region_init(mem.p, mem.size, 32));
        ek_region_free(r, p, 128);
        CHECK_TRAPS(ek_region_free(r, p, 128));

        /* Once a block's two halves have been joined, the second is no block any more. */
        CHECK(ek_region_alloc(r, 64) == p && ek_region_alloc(r, 64) == p + 64);
        ek_region_free(r, p + 64, 64);
        ek_region_free(r, p, 64);
        CHECK(ek_region_alloc(r, 128) == p);
        CHECK_TRAPS(ek_region_free(r, p + 64, 64));
        free(mem.all);
}

EK_TEST(a_huge_region_costs_only_what_is_used)
{
        size_t size = sizeof(size_t) > 4 ? (size_t)((UINT64_C(64) << 30) + 12345) : 1 << 28;
        size_t page = 4096, pages = 0, i;
        uint8_t *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        struct ek_region *r;
        unsigned char *resident;

        if (mem == MAP_FAILED)
                return; /* no such address space here (valgrind, ulimit -v) */
        r = ek_region_init(mem, size, 2048);
        CHECK(ek_region_capacity(r) > size - size / 1024);
        CHECK(ek_region_block_bytes(r, size / 2 + 1) == 0 ||
              ek_region_alloc(r, size / 2 + 1) != NULL);
        for (i = 0; i < 1000; i++)
                CHECK(ek_region_alloc(r, 2048) != NULL);

        resident = malloc(size / page + 1);
        CHECK_EQ(mincore(mem, size, resident), 0);
        for (i = 0; i < (size + page - 1) / page; i++)
                pages += resident[i] & 1;
        CHECK(pages < 1000 * 2048 / page + 100); /* the blocks' own, and a page or two per order */
        free(resident);
        munmap(mem, size);
}

EK_TEST(random_64_byte_blocks)
{
        random_run(50000, 3, 64, ek_test_rounds(200000));
}

EK_TEST(random_large_blocks)
{
        random_run(300000, 0, 2048, ek_test_rounds(100000));
}

EK_TEST(random_tiny_regions)
{
        uint32_t i;

        for (i = 0; i < ek_test_rounds(200); i++)
                random_run(2000 + ek_test_below(3000), ek_test_below(64), 64, 500);
}

EK_TEST(check_sees_damage)
{
        struct memory mem = memory_new(10000, 0);
        struct ek_region *r = ek_region_init(mem.p, mem.size, 64);
        uint8_t *p = ek_region_alloc(r, 64), saved[16];

        CHECK(ek_region_check(r));
        memcpy(saved, p + 64, sizeof(saved)); /* the buddy, which is free and holds its links */
        memset(p + 64, 0, sizeof(void *));    /* its `next` */
        CHECK(!ek_region_check(r));
        memcpy(p + 64, saved, sizeof(saved));
        CHECK(ek_region_check(r));
        free(mem.all);
}

EK_TEST_MAIN();
