/*
 * test_base_ranges.c - the set of ranges, against a bitmap. The bitmap stands for a window of the
 * 64-bit space that begins anywhere, also right at its end.
 */
#include "base/ranges.h"

#include "ek_test.h"

enum { BITS = 300, MAX_CAP = 80 };

struct model {
        uint64_t origin; /* the offset that bit 0 stands for */
        bool in[BITS];
        uint32_t touched[BITS]; /* number of the last addition to the run that the bit is in */
        uint32_t additions;
};

static struct ek_ranges *new_set(uint16_t cap)
{
        struct ek_ranges *s = malloc(EK_RANGES_BYTES(cap));

        memset(s, 0x99, EK_RANGES_BYTES(cap));
        ek_ranges_init(s, cap);
        return s;
}

/* End of the run of equal bits from `i`. */
static uint32_t run_end(const struct model *m, uint32_t i)
{
        uint32_t end = i;

        while (end < BITS && m->in[end] == m->in[i])
                end++;
        return end;
}

static uint32_t model_runs(const struct model *m)
{
        uint32_t i, n = 0;

        for (i = 0; i < BITS; i = run_end(m, i))
                n += m->in[i];
        return n;
}

static void model_set(struct model *m, uint32_t lo, uint32_t hi)
{
        uint32_t i;

        memset(m->in + lo, true, hi - lo);
        while (lo > 0 && m->in[lo - 1])
                lo--;
        hi = run_end(m, lo);
        m->additions++;
        for (i = lo; i < hi; i++)
                m->touched[i] = m->additions;
}

static void check_same(const struct ek_ranges *s, const struct model *m)
{
        uint32_t i, n = 0;
        uint64_t total = 0;

        CHECK(ek_ranges_check(s));
        for (i = 0; i < BITS; i = run_end(m, i)) {
                if (!m->in[i])
                        continue;
                CHECK(n < s->n);
                CHECK_EQ(s->r[n].lo, m->origin + i);
                CHECK_EQ(s->r[n].hi, m->origin + run_end(m, i));
                total += run_end(m, i) - i;
                n++;
        }
        CHECK_EQ(n, s->n);
        CHECK_EQ(ek_ranges_total(s), total);
}

static void check_recent(const struct ek_ranges *s, const struct model *m)
{
        struct ek_range out[MAX_CAP + 5];
        uint32_t k = ek_test_below(MAX_CAP + 5), n = ek_ranges_recent(s, out, k), i, j;
        uint32_t last = UINT32_MAX;

        CHECK_EQ(n, k < s->n ? k : s->n);
        for (i = 0; i < n; i++) {
                uint32_t touched = m->touched[out[i].lo - m->origin];

                CHECK(touched < last);
                last = touched;
                for (j = 0; j < s->n && s->r[j].lo != out[i].lo; j++)
                        ;
                CHECK(j < s->n && s->r[j].hi == out[i].hi);
        }
        for (i = 0, j = 0; i < s->n; i++)
                j += m->touched[s->r[i].lo - m->origin] >= last;
        CHECK_EQ(j, n == 0 ? 0 : n); /* nothing more recent was left out */
}

static void check_queries(const struct ek_ranges *s, const struct model *m)
{
        uint32_t lo = ek_test_below(BITS), hi = lo + 1 + ek_test_below(BITS - lo), i;
        struct ek_range out = {1, 2, 3};
        bool found;

        CHECK_EQ(ek_ranges_contains(s, m->origin + lo, m->origin + hi),
                 m->in[lo] && run_end(m, lo) >= hi);
        CHECK_EQ(ek_ranges_covered_prefix_from(s, m->origin + lo),
                 m->origin + (m->in[lo] ? run_end(m, lo) : lo));
        for (i = lo; i < hi && !m->in[i]; i++)
                ;
        found = ek_ranges_overlap(s, m->origin + lo, m->origin + hi, &out);
        CHECK_EQ(found, i < hi);
        CHECK_EQ(out.lo, found ? m->origin + i : 1);
        CHECK_EQ(out.hi, found ? m->origin + (run_end(m, i) < hi ? run_end(m, i) : hi) : 2);
}

static void step_add(struct ek_ranges *s, struct model *m)
{
        uint32_t lo = ek_test_below(BITS), n = 1 + (uint32_t)ek_test_magnitude(6);
        uint32_t hi = lo + n < BITS ? lo + n : BITS;
        struct model *next = malloc(sizeof(*next));
        struct ek_ranges *before = malloc(EK_RANGES_BYTES(s->cap));
        enum ek_ranges_result result;

        *next = *m;
        model_set(next, lo, hi);
        memcpy(before, s, EK_RANGES_BYTES(s->cap));
        result = ek_ranges_add(s, m->origin + lo, m->origin + hi);
        CHECK_EQ(result, model_runs(next) > s->cap ? EK_RANGES_FULL : EK_RANGES_OK);
        if (result == EK_RANGES_FULL)
                CHECK_MEM_EQ(s, before, EK_RANGES_BYTES(s->cap));
        else
                *m = *next;
        free(next);
        free(before);
}

static void random_run(uint16_t cap, uint64_t origin, uint32_t rounds)
{
        struct ek_ranges *s = new_set(cap);
        struct model *m = calloc(1, sizeof(*m));
        uint32_t i;

        m->origin = origin;
        for (i = 0; i < rounds; i++) {
                uint32_t what = ek_test_below(100);

                if (what == 0) {
                        uint32_t x = ek_test_below(BITS);

                        memset(m->in, false, x);
                        ek_ranges_remove_below(s, m->origin + x);
                } else if (what == 1 && ek_test_below(50) == 0) {
                        memset(m->in, false, BITS);
                        ek_ranges_clear(s);
                } else if (what == 2 && ek_test_below(10) == 0 && s->next_stamp < 1000000) {
                        s->next_stamp = UINT32_MAX - ek_test_below(20); /* age it */
                } else {
                        step_add(s, m);
                }
                check_same(s, m);
                check_recent(s, m);
                check_queries(s, m);
        }
        free(s);
        free(m);
}

EK_TEST(empty_set)
{
        struct ek_ranges *s = new_set(4);
        struct ek_range out;

        CHECK_EQ(ek_ranges_total(s), 0);
        CHECK(!ek_ranges_contains(s, 0, 1));
        CHECK_EQ(ek_ranges_covered_prefix_from(s, 5), 5);
        CHECK(!ek_ranges_overlap(s, 0, UINT64_MAX, &out));
        CHECK_EQ(ek_ranges_recent(s, &out, 1), 0);
        ek_ranges_remove_below(s, UINT64_MAX);
        CHECK(ek_ranges_check(s));
        free(s);
}

EK_TEST(touching_ranges_merge)
{
        struct ek_ranges *s = new_set(4);

        ek_ranges_add(s, 10, 20);
        ek_ranges_add(s, 30, 40);
        CHECK_EQ(s->n, 2);
        ek_ranges_add(s, 20, 30);
        CHECK_EQ(s->n, 1);
        CHECK(ek_ranges_contains(s, 10, 40));
        CHECK(!ek_ranges_contains(s, 10, 41));
        CHECK(!ek_ranges_contains(s, 9, 11));
        free(s);
}

EK_TEST(a_full_set_still_merges)
{
        struct ek_ranges *s = new_set(2);

        CHECK_EQ(ek_ranges_add(s, 10, 20), EK_RANGES_OK);
        CHECK_EQ(ek_ranges_add(s, 30, 40), EK_RANGES_OK);
        CHECK_EQ(ek_ranges_add(s, 50, 60), EK_RANGES_FULL);
        CHECK_EQ(ek_ranges_add(s, 0, 5), EK_RANGES_FULL);
        CHECK_EQ(ek_ranges_add(s, 15, 25), EK_RANGES_OK);
        CHECK_EQ(ek_ranges_add(s, 5, 60), EK_RANGES_OK);
        CHECK_EQ(s->n, 1);
        CHECK_EQ(ek_ranges_total(s), 55);
        free(s);
}

EK_TEST(most_recent_first)
{
        struct ek_ranges *s = new_set(8);
        struct ek_range out[3];

        ek_ranges_add(s, 10, 20);
        ek_ranges_add(s, 50, 60);
        ek_ranges_add(s, 30, 40);
        ek_ranges_add(s, 12, 13); /* a duplicate makes its range the newest: RFC 2018, section 4 */
        CHECK_EQ(ek_ranges_recent(s, out, 3), 3);
        CHECK_EQ(out[0].lo, 10);
        CHECK_EQ(out[1].lo, 30);
        CHECK_EQ(out[2].lo, 50);
        CHECK(ek_ranges_overlap(s, 0, 15, &out[0]));
        CHECK_EQ(out[0].stamp, 3);
        free(s);
}

EK_TEST(the_ends_of_the_number_space)
{
        struct ek_ranges *s = new_set(8);

        CHECK_EQ(ek_ranges_add(s, UINT64_MAX - 1, UINT64_MAX), EK_RANGES_OK);
        CHECK_EQ(ek_ranges_add(s, 0, 1), EK_RANGES_OK);
        CHECK_EQ(s->n, 2);
        CHECK_EQ(ek_ranges_add(s, 0, UINT64_MAX), EK_RANGES_OK);
        CHECK_EQ(ek_ranges_total(s), UINT64_MAX);
        ek_ranges_remove_below(s, UINT64_MAX);
        CHECK_EQ(s->n, 0);
        free(s);
}

EK_TEST(empty_ranges_trap)
{
        struct ek_ranges *s = new_set(8);

        CHECK_TRAPS(ek_ranges_add(s, 5, 5));
        CHECK_TRAPS(ek_ranges_contains(s, 6, 5));
        free(s);
}

EK_TEST(random_plenty_of_room)
{
        random_run(MAX_CAP, 1000, ek_test_rounds(100000));
}

EK_TEST(random_four_ranges)
{
        random_run(4, UINT64_MAX - BITS, ek_test_rounds(100000));
}

EK_TEST(random_one_range)
{
        random_run(1, 0, ek_test_rounds(20000));
}

EK_TEST(random_many_windows)
{
        uint32_t i;

        for (i = 0; i < ek_test_rounds(300); i++)
                random_run((uint16_t)(1 + ek_test_below(32)), ek_test_magnitude(63), 300);
}

EK_TEST(check_sees_damage)
{
        static const struct ek_range bad[] = {
                {30, 40, 9}, /* no such stamp yet */
                {30, 40, 0}, /* not its own */
                {30, 30, 1}, /* empty */
                {20, 40, 1}, /* touches */
                {15, 40, 1}, /* overlaps */
                {0, 5, 1},   /* out of order */
        };
        struct ek_ranges *s = new_set(4);
        uint32_t i;

        ek_ranges_add(s, 10, 20);
        ek_ranges_add(s, 30, 40);
        CHECK(ek_ranges_check(s));
        for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                s->r[1] = bad[i];
                CHECK(!ek_ranges_check(s));
        }
        s->r[1] = (struct ek_range){30, 40, 1};
        s->cap = 1;
        CHECK(!ek_ranges_check(s));
        free(s);
}

EK_TEST_MAIN();
