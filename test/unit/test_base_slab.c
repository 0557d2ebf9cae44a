/* test_base_slab.c - object pools, against an array that knows each live object and its content. */
#include "base/slab.h"

#include "base/bits.h"
#include "ek_test.h"

enum { MAX_OBJS = 700 };

struct fixture {
        void *mem;
        struct ek_region *r;
        struct ek_slab s;
};

static void open_region(struct fixture *f, size_t size)
{
        f->mem = malloc(size);
        memset(f->mem, 0xa7, size);
        f->r = ek_region_init(f->mem, size, 64);
        CHECK(f->r != NULL);
}

static void open_slab(struct fixture *f, size_t size, uint32_t obj, uint32_t chunk, uint32_t max)
{
        open_region(f, size);
        CHECK(ek_slab_init(&f->s, f->r, obj, chunk, max));
}

static void close_slab(struct fixture *f)
{
        ek_slab_fini(&f->s);
        CHECK_EQ(ek_region_used(f->r), 0);
        CHECK(ek_region_check(f->r));
        free(f->mem);
}

/* ----------------------------------------------------------------- the model */

struct model {
        uint32_t n;
        uint32_t idx[MAX_OBJS];
        uint8_t fill[MAX_OBJS];
};

static void check_content(const struct ek_slab *s, uint32_t idx, uint8_t fill)
{
        const uint8_t *p = ek_slab_at(s, idx);
        uint32_t i;

        for (i = 0; i < s->obj_bytes; i++)
                CHECK_EQ(p[i], fill);
}

static bool model_has(const struct model *m, uint32_t idx)
{
        uint32_t i;

        for (i = 0; i < m->n; i++)
                if (m->idx[i] == idx)
                        return true;
        return false;
}

static void model_alloc(struct model *m, struct ek_slab *s)
{
        uint32_t idx = ek_slab_alloc(s);

        if (idx == EK_NIL)
                return;
        CHECK(!model_has(m, idx));
        CHECK(idx < ek_slab_index_limit(s));
        check_content(s, idx, 0);
        m->idx[m->n] = idx;
        m->fill[m->n] = (uint8_t)ek_test_rand();
        memset(ek_slab_at(s, idx), m->fill[m->n], s->obj_bytes);
        m->n++;
}

static void model_free(struct model *m, struct ek_slab *s, uint32_t i)
{
        check_content(s, m->idx[i], m->fill[i]);
        ek_slab_free(s, m->idx[i]);
        m->n--;
        m->idx[i] = m->idx[m->n];
        m->fill[i] = m->fill[m->n];
}

/* Walks the live objects: each is in the model, in ascending order, and as many. */
static void check_walk(const struct model *m, const struct ek_slab *s)
{
        uint32_t n = 0, idx, last = EK_NIL;

        for (idx = ek_slab_next(s, EK_NIL); idx != EK_NIL; idx = ek_slab_next(s, idx)) {
                CHECK(last == EK_NIL || idx > last);
                CHECK(model_has(m, idx));
                last = idx;
                n++;
        }
        CHECK_EQ(n, m->n);
        CHECK_EQ(n, ek_slab_live(s));
}

static void random_run(uint32_t obj, uint32_t chunk, uint32_t max, uint32_t rounds, bool faults)
{
        struct fixture f;
        struct model *m = calloc(1, sizeof(*m));
        uint32_t i, bias = 50;

        open_slab(&f, 150000, obj, chunk, max);
        for (i = 0; i < rounds; i++) {
                uint32_t probe = (uint32_t)ek_test_magnitude(32);

                if (i % 2000 == 0)
                        bias = 10 + ek_test_below(81);
                if (faults)
                        ek_region_fail_nth(f.r, ek_test_below(2), false);
                if (ek_test_below(100) < bias)
                        model_alloc(m, &f.s);
                else if (m->n > 0)
                        model_free(m, &f.s, ek_test_below(m->n));
                CHECK(m->n <= max);
                CHECK_EQ(ek_slab_is_live(&f.s, probe), model_has(m, probe));
                CHECK_EQ(ek_region_used(f.r), ek_slab_bytes(&f.s));
                if (i % 128 == 0) {
                        check_walk(m, &f.s);
                        CHECK(ek_slab_check(&f.s));
                }
        }
        while (m->n > 0)
                model_free(m, &f.s, ek_test_below(m->n));
        CHECK(ek_slab_check(&f.s));
        CHECK(f.s.n_chunks <= 1);
        close_slab(&f);
        free(m);
}

/* --------------------------------------------------------------------- tests */

EK_TEST(exactly_max_objects)
{
        struct fixture f;
        uint32_t i, first;

        open_slab(&f, 100000, 60, 4096, 200);
        first = ek_slab_alloc(&f.s);
        for (i = 1; i < 200; i++)
                CHECK(ek_slab_alloc(&f.s) != EK_NIL);
        CHECK(ek_slab_alloc(&f.s) == EK_NIL);
        CHECK_EQ(ek_slab_live(&f.s), 200);
        ek_slab_free(&f.s, first);
        CHECK_EQ(ek_slab_alloc(&f.s), first);
        CHECK_EQ(ek_slab_high_water(&f.s), 200);
        CHECK_EQ(f.s.max_chunks, (200 + f.s.slots - 1) / f.s.slots);
        CHECK_EQ(ek_slab_index_limit(&f.s), ((f.s.max_chunks - 1) << f.s.shift) + f.s.slots);
        CHECK(ek_slab_check(&f.s));
        close_slab(&f);
}

EK_TEST(objects_cost_their_size_and_a_bit)
{
        struct fixture f;
        uint32_t per_chunk;

        open_slab(&f, 400000, 60, 65536, 4000);
        per_chunk = f.s.slots;
        CHECK(per_chunk * 60 + (per_chunk + 31) / 32 * 4 + 64 + 60 > 65536);
        CHECK(f.s.first <= 64 + (per_chunk + 31) / 32 * 4 + 60);
        CHECK_EQ(f.s.first + per_chunk * 60, 65536);
        close_slab(&f);
}

EK_TEST(objects_are_packed_and_aligned)
{
        static const struct {
                uint32_t obj, align;
        } c[] = {{4, 4}, {60, 4}, {8, 8}, {24, 8}, {48, 16}, {96, 32}, {64, 64}, {320, 64}};
        struct fixture f;
        uint32_t i;

        for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
                uint8_t *a, *b;

                open_slab(&f, 40000, c[i].obj, 4096, 50);
                a = ek_slab_at(&f.s, ek_slab_alloc(&f.s));
                b = ek_slab_at(&f.s, ek_slab_alloc(&f.s));
                CHECK_EQ((uintptr_t)a % c[i].align, 0);
                CHECK(b == a + c[i].obj);
                close_slab(&f);
        }
}

EK_TEST(an_index_of_any_value_may_be_asked_about)
{
        struct fixture f;
        uint32_t idx, k;

        open_slab(&f, 40000, 60, 1024, 50);
        for (k = 0; k < 32; k++) {
                CHECK(!ek_slab_is_live(&f.s, UINT32_C(1) << k));
                CHECK(!ek_slab_is_live(&f.s, (UINT32_C(1) << k) - 1));
        }
        CHECK(!ek_slab_is_live(&f.s, EK_NIL));
        idx = ek_slab_alloc(&f.s);
        CHECK(ek_slab_is_live(&f.s, idx));
        CHECK(!ek_slab_is_live(&f.s, EK_NIL));
        ek_slab_free(&f.s, idx);
        CHECK(!ek_slab_is_live(&f.s, idx));
        CHECK_TRAPS(ek_slab_free(&f.s, idx));
        CHECK_TRAPS(ek_slab_free(&f.s, EK_NIL));
        close_slab(&f);
}

EK_TEST(one_empty_chunk_is_kept)
{
        struct fixture f;
        uint32_t idx[100], i, chunks;
        uint64_t allocs;

        open_slab(&f, 40000, 60, 1024, 100);
        for (i = 0; i < 100; i++)
                idx[i] = ek_slab_alloc(&f.s);
        chunks = f.s.n_chunks;
        CHECK(chunks >= 6);
        for (i = 0; i < 100; i++)
                ek_slab_free(&f.s, idx[i]);
        CHECK_EQ(f.s.n_chunks, 1);
        CHECK(ek_slab_next(&f.s, EK_NIL) == EK_NIL);

        /* Swinging around a chunk boundary does not touch the region. */
        for (i = 0; i < f.s.slots; i++)
                idx[i] = ek_slab_alloc(&f.s);
        ek_slab_free(&f.s, ek_slab_alloc(&f.s));
        allocs = ek_region_alloc_count(f.r);
        for (i = 0; i < 10; i++)
                ek_slab_free(&f.s, ek_slab_alloc(&f.s));
        CHECK_EQ(ek_region_alloc_count(f.r), allocs);
        close_slab(&f);
}

/* What is kept can be had back when others need it more. */
EK_TEST(the_empty_chunk_is_given_back)
{
        struct fixture f;
        uint32_t idx;
        size_t held;

        open_slab(&f, 1 << 16, 60, 1024, MAX_OBJS);
        CHECK(!ek_slab_trim(&f.s));
        held = ek_region_used(f.r);
        idx = ek_slab_alloc(&f.s);
        CHECK(!ek_slab_trim(&f.s)); /* it is not empty */
        ek_slab_free(&f.s, idx);
        CHECK(ek_region_used(f.r) > held);
        CHECK(ek_slab_trim(&f.s));
        CHECK_EQ(ek_region_used(f.r), held);
        CHECK(!ek_slab_trim(&f.s));
        CHECK(ek_slab_check(&f.s));
        CHECK(ek_slab_alloc(&f.s) != EK_NIL);
        close_slab(&f);
}

EK_TEST(walking_while_freeing)
{
        struct fixture f;
        uint32_t i, idx, n = 0;

        open_slab(&f, 40000, 60, 1024, 100);
        for (i = 0; i < 100; i++)
                ek_slab_alloc(&f.s);
        for (idx = ek_slab_next(&f.s, EK_NIL); idx != EK_NIL; idx = ek_slab_next(&f.s, idx)) {
                ek_slab_free(&f.s, idx);
                n++;
        }
        CHECK_EQ(n, 100);
        CHECK_EQ(ek_slab_live(&f.s), 0);
        close_slab(&f);
}

EK_TEST(init_fails_cleanly)
{
        struct fixture f;
        struct ek_slab s;

        open_region(&f, 20000);
        CHECK(!ek_slab_init(&s, f.r, 60, 64, 10));           /* no object fits in a chunk */
        CHECK(!ek_slab_init(&s, f.r, 60, 1 << 20, 10));      /* no such chunk in this region */
        CHECK(!ek_slab_init(&s, f.r, 60, 1024, 100000000));  /* no room for the directory */
        CHECK(!ek_slab_init(&s, f.r, 60, 1024, UINT32_MAX)); /* indices would need 33 bits */
        ek_region_fail_nth(f.r, 1, false);
        CHECK(!ek_slab_init(&s, f.r, 60, 1024, 10));
        CHECK_EQ(ek_region_used(f.r), 0);
        CHECK(ek_slab_init(&s, f.r, 60, 1024, 10));
        ek_slab_fini(&s);
        CHECK_EQ(ek_region_used(f.r), 0);
        free(f.mem);
}

EK_TEST(out_of_memory_is_ordinary)
{
        struct fixture f;
        uint32_t n = 0, idx = 0, next;

        open_slab(&f, 20000, 60, 1024, 10000);
        while ((next = ek_slab_alloc(&f.s)) != EK_NIL) {
                idx = next;
                n++;
        }
        CHECK(n > 100 && n < 20000 / 60);
        CHECK(ek_slab_check(&f.s));
        ek_slab_free(&f.s, idx);
        CHECK_EQ(ek_slab_alloc(&f.s), idx);
        CHECK(ek_slab_alloc(&f.s) == EK_NIL);
        close_slab(&f);
}

/* What was reserved is there, though everything else took what it could. */
EK_TEST(a_reserved_object_can_be_had)
{
        for (uint32_t live = 0; live < 40; live++) {
                struct fixture f;
                void *rest[1024];
                uint32_t n = 0, idx[64] = {0};

                open_slab(&f, 1 << 16, 60, 1024, 41);
                for (uint32_t i = 0; i < live; i++)
                        idx[i] = ek_slab_alloc(&f.s);
                CHECK(ek_slab_reserve(&f.s));
                while ((rest[n] = ek_region_alloc(f.r, 64)) != NULL)
                        CHECK(++n < 1024);
                CHECK(ek_slab_reserve(&f.s)); /* again is the same */
                CHECK(ek_slab_check(&f.s));
                idx[live] = ek_slab_alloc(&f.s);
                CHECK(idx[live] != EK_NIL);
                while (ek_slab_live(&f.s) < 41 && ek_slab_reserve(&f.s))
                        CHECK(ek_slab_alloc(&f.s) != EK_NIL); /* the rest of the chunk */
                CHECK_EQ(ek_slab_alloc(&f.s), EK_NIL);
                CHECK(!ek_slab_reserve(&f.s));
                while (n > 0)
                        ek_region_free(f.r, rest[--n], 64);
                close_slab(&f);
        }
}

/* At the limit of objects no memory helps. */
EK_TEST(nothing_to_reserve_at_the_limit)
{
        struct fixture f;

        open_slab(&f, 1 << 16, 60, 1024, 3);
        for (uint32_t i = 0; i < 3; i++)
                CHECK(ek_slab_alloc(&f.s) != EK_NIL);
        CHECK(!ek_slab_reserve(&f.s));
        close_slab(&f);
}

EK_TEST(random_60_byte_objects)
{
        random_run(60, 1024, MAX_OBJS, ek_test_rounds(200000), false);
}

EK_TEST(random_one_object_per_chunk)
{
        random_run(400, 512, 60, ek_test_rounds(100000), false);
}

EK_TEST(random_with_faults)
{
        random_run(64, 2048, MAX_OBJS, ek_test_rounds(100000), true);
}

EK_TEST(random_tight_memory)
{
        random_run(512, 4096, MAX_OBJS, ek_test_rounds(100000), false);
}

EK_TEST(check_sees_damage)
{
        struct fixture f;
        struct ek_slab good;
        uint32_t i;

        open_slab(&f, 40000, 60, 1024, 100);
        for (i = 0; i < 40; i++)
                ek_slab_alloc(&f.s);
        good = f.s;
        CHECK(ek_slab_check(&f.s));
        f.s.n_live++;
        CHECK(!ek_slab_check(&f.s));
        f.s = good;
        f.s.n_chunks++;
        CHECK(!ek_slab_check(&f.s));
        f.s = good;
        f.s.partial = EK_NIL;
        CHECK(!ek_slab_check(&f.s));
        f.s = good;
        f.s.spare = 0; /* not empty */
        CHECK(!ek_slab_check(&f.s));
        f.s = good;
        f.s.high_water = 39;
        CHECK(!ek_slab_check(&f.s));
        f.s = good;
        close_slab(&f);
}

EK_TEST_MAIN();
