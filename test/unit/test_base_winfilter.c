/* test_base_winfilter.c - the windowed minimum and maximum, against all samples of the window. */
#include "base/winfilter.h"

#include "ek_test.h"

enum { MAX = 4000 };

struct history {
        struct ek_winsample x[MAX];
        uint32_t n;
};

/* The exact minimum over the samples that are at most `window` old. */
static uint64_t exact_min(const struct history *h, uint64_t window)
{
        uint64_t now = h->x[h->n - 1].at, best = UINT64_MAX;
        uint32_t i;

        for (i = h->n; i-- > 0 && now - h->x[i].at <= window;)
                if (h->x[i].value < best)
                        best = h->x[i].value;
        return best;
}

static bool is_sample_of_window(const struct history *h, uint64_t window, uint64_t value)
{
        uint64_t now = h->x[h->n - 1].at;
        uint32_t i;

        for (i = h->n; i-- > 0 && now - h->x[i].at <= window;)
                if (h->x[i].value == value)
                        return true;
        return false;
}

EK_TEST(a_lower_sample_counts_at_once)
{
        struct ek_winfilter f;

        ek_winfilter_reset(&f, 0, 100);
        CHECK_EQ(ek_winfilter_get(&f), 100);
        CHECK_EQ(ek_winfilter_min(&f, 1000, 1, 120), 100);
        CHECK_EQ(ek_winfilter_min(&f, 1000, 2, 80), 80);
        CHECK_EQ(ek_winfilter_min(&f, 1000, 3, 90), 80);
        CHECK_EQ(ek_winfilter_get(&f), 80);
}

EK_TEST(an_old_minimum_is_forgotten)
{
        const uint64_t t = 1000000;
        struct ek_winfilter f;

        ek_winfilter_reset(&f, t, 10);
        CHECK_EQ(ek_winfilter_min(&f, 1000, t + 250, 40), 10); /* not past a quarter yet */
        CHECK_EQ(ek_winfilter_min(&f, 1000, t + 300, 50), 10); /* the second choice */
        CHECK_EQ(ek_winfilter_min(&f, 1000, t + 600, 60), 10); /* the third */
        CHECK_EQ(ek_winfilter_min(&f, 1000, t + 900, 70), 10);
        CHECK_EQ(ek_winfilter_min(&f, 1000, t + 1000, 70), 10);
        CHECK_EQ(ek_winfilter_min(&f, 1000, t + 1001, 70), 50);
        CHECK_EQ(ek_winfilter_min(&f, 1000, t + 1301, 75), 60);
        CHECK_EQ(ek_winfilter_min(&f, 1000, t + 9000, 99), 99);
}

EK_TEST(maximum_is_the_mirror_image)
{
        struct ek_winfilter lo, hi;
        uint64_t now = 5, v = 1000;
        uint32_t i;

        ek_winfilter_reset(&lo, now, v);
        ek_winfilter_reset(&hi, now, ~v);
        for (i = 0; i < ek_test_rounds(100000); i++) {
                now += ek_test_magnitude(10);
                v = ek_test_below(1000);
                CHECK_EQ(ek_winfilter_min(&lo, 5000, now, v),
                         ~ek_winfilter_max(&hi, 5000, now, ~v));
                CHECK(ek_winfilter_check(&lo, true) && ek_winfilter_check(&hi, false));
        }
}

EK_TEST(a_window_without_end_is_exact)
{
        struct ek_winfilter f;
        uint64_t v = ek_test_rand(), best = v;
        uint32_t i;

        ek_winfilter_reset(&f, 0, v);
        for (i = 1; i < 10000; i++) {
                v = ek_test_rand();
                best = v < best ? v : best;
                CHECK_EQ(ek_winfilter_min(&f, UINT64_MAX, i, v), best);
        }
}

EK_TEST(time_must_not_go_back)
{
        struct ek_winfilter f;

        ek_winfilter_reset(&f, 10, 1);
        CHECK_TRAPS(ek_winfilter_min(&f, 100, 9, 2));
}

EK_TEST(the_estimate_is_a_sample_of_the_window)
{
        struct history *h = malloc(sizeof(*h));
        uint32_t round, exact = 0, all = 0;

        for (round = 0; round < ek_test_rounds(100); round++) {
                uint64_t window = 100 + ek_test_magnitude(12);
                struct ek_winfilter f;

                h->n = 1;
                h->x[0] = (struct ek_winsample){ek_test_magnitude(40), ek_test_below(1000)};
                ek_winfilter_reset(&f, h->x[0].at, h->x[0].value);
                while (h->n < MAX) {
                        struct ek_winsample x = h->x[h->n - 1];
                        uint64_t got;

                        x.at += ek_test_magnitude(ek_test_below(100) == 0 ? 12 : 6);
                        x.value = 200 + ek_test_below(800);
                        h->x[h->n++] = x;
                        got = ek_winfilter_min(&f, window, x.at, x.value);
                        CHECK(got <= x.value);
                        CHECK(is_sample_of_window(h, window, got));
                        exact += got == exact_min(h, window);
                        all++;
                }
        }
        CHECK(exact > all / 2);
        free(h);
}

EK_TEST(check_sees_damage)
{
        struct ek_winfilter f;

        ek_winfilter_reset(&f, 10, 5);
        CHECK(ek_winfilter_check(&f, true) && ek_winfilter_check(&f, false));
        f.s[2].value = 4;
        CHECK(!ek_winfilter_check(&f, true) && ek_winfilter_check(&f, false));
        f.s[2].value = 6;
        CHECK(ek_winfilter_check(&f, true) && !ek_winfilter_check(&f, false));
        f.s[1].at = 9;
        CHECK(!ek_winfilter_check(&f, true));
}

EK_TEST_MAIN();
