/* test_base_hashtab.c - linear hashing, against an array that knows which entries are in. */
#include "base/hashtab.h"

#include "ek_test.h"

enum { N = 5000 };

struct entry {
        uint32_t link, hash;
        bool in;
};

struct fixture {
        void *mem;
        struct ek_region *r;
        struct ek_hashtab t;
        struct entry e[N];
        uint32_t n;
};

static uint32_t *entry_next(void *ctx, uint32_t ref)
{
        return &((struct fixture *)ctx)->e[ref].link;
}

static uint32_t entry_hash(void *ctx, uint32_t ref)
{
        return ((struct fixture *)ctx)->e[ref].hash;
}

static const struct ek_hashtab_ops ops = {entry_next, entry_hash};

static struct fixture *open_table(size_t bytes, uint32_t min_block, uint32_t max_load)
{
        struct fixture *f = calloc(1, sizeof(*f));
        uint32_t i;

        f->mem = malloc(bytes);
        memset(f->mem, 0x77, bytes);
        f->r = ek_region_init(f->mem, bytes, min_block);
        CHECK(ek_hashtab_init(&f->t, f->r, &ops, f, max_load));
        for (i = 0; i < N; i++)
                f->e[i].hash = (uint32_t)ek_test_rand();
        return f;
}

static void close_table(struct fixture *f)
{
        CHECK(ek_hashtab_check(&f->t));
        ek_hashtab_fini(&f->t);
        CHECK_EQ(ek_region_used(f->r), 0);
        free(f->mem);
        free(f);
}

static bool find(const struct fixture *f, uint32_t hash, uint32_t ref)
{
        uint32_t r;

        for (r = ek_hashtab_first(&f->t, hash); r != EK_NIL; r = ek_hashtab_next(&f->t, r))
                if (r == ref)
                        return true;
        return false;
}

static void insert(struct fixture *f, uint32_t i)
{
        ek_hashtab_insert(&f->t, f->e[i].hash, i);
        f->e[i].in = true;
        f->n++;
}

static void take_out(struct fixture *f, uint32_t i)
{
        CHECK(ek_hashtab_remove(&f->t, f->e[i].hash, i));
        f->e[i].in = false;
        f->n--;
}

static void random_run(struct fixture *f, uint32_t rounds, bool faults)
{
        uint32_t i, bias = 50;

        for (i = 0; i < rounds; i++) {
                uint32_t k = ek_test_below(N), probe = ek_test_below(N);

                if (i % 20000 == 0)
                        bias = 5 + ek_test_below(91);
                if (faults)
                        ek_region_fail_nth(f->r, ek_test_below(3), ek_test_below(2) == 0);
                if (f->e[k].in && ek_test_below(100) >= bias)
                        take_out(f, k);
                else if (!f->e[k].in && ek_test_below(100) < bias)
                        insert(f, k);
                CHECK_EQ(ek_hashtab_count(&f->t), f->n);
                CHECK_EQ(ek_region_used(f->r), ek_hashtab_bytes(&f->t));
                CHECK_EQ(find(f, f->e[probe].hash, probe), f->e[probe].in);
                if (!f->e[probe].in)
                        CHECK(!ek_hashtab_remove(&f->t, f->e[probe].hash, probe));
                if (i % 5000 == 0)
                        CHECK(ek_hashtab_check(&f->t));
        }
        for (i = 0; i < N; i++)
                CHECK_EQ(find(f, f->e[i].hash, i), f->e[i].in);
}

EK_TEST(an_empty_table_finds_nothing)
{
        struct fixture *f = open_table(10000, 64, 0);

        CHECK(ek_hashtab_first(&f->t, 0) == EK_NIL);
        CHECK(ek_hashtab_first(&f->t, UINT32_MAX) == EK_NIL);
        CHECK(!ek_hashtab_remove(&f->t, 5, 5));
        CHECK(!ek_hashtab_remove(&f->t, 5, EK_NIL));
        CHECK_EQ(ek_hashtab_longest_chain(&f->t), 0);
        CHECK_EQ(ek_hashtab_bytes(&f->t), 256);
        close_table(f);
}

EK_TEST(init_fails_cleanly)
{
        struct fixture *f = open_table(10000, 64, 0);
        struct ek_hashtab t;

        ek_region_fail_nth(f->r, 1, false);
        CHECK(!ek_hashtab_init(&t, f->r, &ops, f, 0));
        close_table(f);
}

EK_TEST(equal_hashes_share_a_chain)
{
        struct fixture *f = open_table(100000, 64, 0);
        uint32_t i;

        for (i = 0; i < 300; i++) {
                f->e[i].hash = 0xdeadbeef;
                insert(f, i);
        }
        CHECK_EQ(ek_hashtab_longest_chain(&f->t), 300);
        for (i = 0; i < 300; i++)
                CHECK(find(f, 0xdeadbeef, i));
        for (i = 0; i < 300; i += 2)
                take_out(f, i);
        for (i = 0; i < 300; i++)
                CHECK_EQ(find(f, 0xdeadbeef, i), i % 2 == 1);
        close_table(f);
}

EK_TEST(grows_with_the_load_and_shrinks_back)
{
        struct fixture *f = open_table(200000, 64, 2);
        uint32_t i;

        for (i = 0; i < N; i++) {
                insert(f, i);
                CHECK(f->n <= 2 * f->t.n_buckets);
        }
        CHECK_EQ(f->t.n_buckets, N / 2);
        CHECK_EQ(ek_hashtab_bytes(&f->t), 4096 * sizeof(uint32_t));
        CHECK(ek_hashtab_longest_chain(&f->t) < 16);
        for (i = 0; i < N; i++) {
                take_out(f, i);
                CHECK(f->t.n_buckets == 64 || f->n >= f->t.n_buckets - 1);
        }
        CHECK_EQ(f->t.n_buckets, 64);
        CHECK_EQ(ek_hashtab_bytes(&f->t), 256);
        close_table(f);
}

EK_TEST(a_large_minimum_block_is_all_used)
{
        struct fixture *f = open_table(200000, 4096, 1);

        CHECK_EQ(f->t.n_buckets, 1024);
        random_run(f, 50000, false);
        close_table(f);
}

EK_TEST(without_memory_chains_get_longer)
{
        struct fixture *f = open_table(200000, 64, 1);
        uint32_t i;

        ek_region_fail_nth(f->r, 1, true);
        for (i = 0; i < N; i++)
                insert(f, i);
        CHECK_EQ(f->t.n_buckets, 64);
        for (i = 0; i < N; i++)
                CHECK(find(f, f->e[i].hash, i));
        CHECK(ek_hashtab_check(&f->t));

        /* With memory again, every insertion catches up by a bucket. */
        ek_region_fail_nth(f->r, 0, false);
        for (i = 0; i < N; i++) {
                take_out(f, i);
                insert(f, i);
        }
        CHECK_EQ(f->t.n_buckets, N);
        close_table(f);
}

#ifdef EK_WORK_COUNT
EK_TEST(no_operation_pauses)
{
        struct fixture *f = open_table(200000, 64, 2);
        uint64_t worst = 0;
        uint32_t i;

        for (i = 0; i < N; i++) {
                ek_work_counter = 0;
                insert(f, i);
                worst = ek_work_counter > worst ? ek_work_counter : worst;
        }
        for (i = 0; i < N; i++) {
                ek_work_counter = 0;
                take_out(f, i);
                worst = ek_work_counter > worst ? ek_work_counter : worst;
        }
        CHECK(worst < 100);
        close_table(f);
}
#endif

EK_TEST(random_default_load)
{
        struct fixture *f = open_table(200000, 64, 0);

        random_run(f, ek_test_rounds(500000), false);
        close_table(f);
}

EK_TEST(random_load_one)
{
        struct fixture *f = open_table(200000, 64, 1);

        random_run(f, ek_test_rounds(300000), false);
        close_table(f);
}

EK_TEST(random_few_hashes)
{
        struct fixture *f = open_table(200000, 64, 2);
        uint32_t i;

        for (i = 0; i < N; i++)
                f->e[i].hash = ek_test_below(200) << ek_test_below(20);
        random_run(f, ek_test_rounds(200000), false);
        close_table(f);
}

EK_TEST(random_with_faults)
{
        struct fixture *f = open_table(200000, 64, 2);

        random_run(f, ek_test_rounds(300000), true);
        ek_region_fail_nth(f->r, 0, false);
        close_table(f);
}

EK_TEST(check_sees_damage)
{
        struct fixture *f = open_table(100000, 64, 0);
        uint32_t i;

        for (i = 0; i < 300; i++)
                insert(f, i);
        CHECK(ek_hashtab_check(&f->t));
        f->e[7].hash ^= 1;
        CHECK(!ek_hashtab_check(&f->t));
        f->e[7].hash ^= 1;
        f->t.count--;
        CHECK(!ek_hashtab_check(&f->t));
        f->t.count++;
        i = f->e[9].link;
        f->e[9].link = 9; /* a cycle */
        CHECK(!ek_hashtab_check(&f->t));
        f->e[9].link = i;
        f->t.n_buckets--;
        CHECK(!ek_hashtab_check(&f->t));
        f->t.n_buckets++;
        close_table(f);
}

EK_TEST_MAIN();
