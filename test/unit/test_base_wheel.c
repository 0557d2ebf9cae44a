/*
 * test_base_wheel.c - the timer wheel, against an array of times. Times and jumps are of all
 * magnitudes, from a nanosecond to the end of time.
 */
#include "base/wheel.h"

#include "ek_test.h"

enum { N = 200 };

static const uint64_t near_ns = UINT64_C(1) << 28; /* next() is exact this far */

struct model {
        struct ek_wheel w;
        struct ek_wnode node[N];
        bool set[N];
        uint64_t at[N];
        uint64_t now;
        uint32_t n;
};

static struct model *open_model(uint64_t now)
{
        struct model *m = calloc(1, sizeof(*m));

        m->now = now;
        ek_wheel_init(&m->w, now);
        return m;
}

static uint64_t earliest(const struct model *m)
{
        uint64_t t = EK_NEVER;
        uint32_t i;

        for (i = 0; i < N; i++)
                if (m->set[i] && m->at[i] < t)
                        t = m->at[i];
        return t;
}

static void model_set(struct model *m, uint32_t i, uint64_t at)
{
        ek_wheel_set(&m->w, &m->node[i], at);
        m->n -= m->set[i];
        m->set[i] = at != EK_NEVER;
        m->n += m->set[i];
        m->at[i] = at;
}

static void model_cancel(struct model *m, uint32_t i)
{
        ek_wheel_cancel(&m->w, &m->node[i]);
        m->n -= m->set[i];
        m->set[i] = false;
}

static void check_next(struct model *m)
{
        uint64_t first = earliest(m), next = ek_wheel_next(&m->w);

        CHECK(next <= first);
        if (first == EK_NEVER)
                CHECK_EQ(next, EK_NEVER);
        else if (first > m->now && first - m->now < near_ns)
                CHECK_EQ(next, first);
        if (first > m->now)
                CHECK(next > m->now);
        CHECK_EQ(ek_wheel_next(&m->w), next);
        CHECK_EQ(ek_wheel_count(&m->w), m->n);
}

/* Goes to `now` and takes out what is due: all of it, only it, and each once. */
static void model_expire(struct model *m, uint64_t now)
{
        struct ek_wnode *node;
        uint32_t i;

        m->now = now > m->now ? now : m->now;
        while ((node = ek_wheel_expire(&m->w, now)) != NULL) {
                i = (uint32_t)(node - m->node);
                CHECK(i < N && m->set[i]);
                CHECK_EQ(node->at, m->at[i]);
                CHECK(m->at[i] <= m->now);
                CHECK(!ek_wheel_is_set(node));
                m->set[i] = false;
                m->n--;
                now = m->now;
        }
        check_next(m);
        if (m->now == EK_NEVER)
                CHECK_EQ(m->n, 0); /* there is no later time */
        else
                CHECK(earliest(m) > m->now && ek_wheel_next(&m->w) > m->now);
}

static uint64_t random_time(const struct model *m)
{
        uint64_t t = ek_time_add(m->now, ek_test_magnitude(64));

        switch (ek_test_below(8)) {
        case 0: return m->now - (m->now < 1000 ? m->now : ek_test_magnitude(9));
        case 1: return ek_test_rand();
        case 2: return m->now;
        case 3: return ek_time_add(m->now, ek_test_below(1 << 23));
        case 4: return ek_time_add(m->now, ek_test_below(1 << 30));
        case 5: /* a slot's edge */
                t &= ~(uint64_t)0 << (13 + ek_test_below(50));
                return t + ek_test_below(3) - 1;
        default: return t;
        }
}

static uint64_t random_now(struct model *m, uint32_t max_bits)
{
        uint64_t next;

        switch (ek_test_below(6)) {
        case 0: return ek_wheel_next(&m->w) == EK_NEVER ? m->now : ek_wheel_next(&m->w);
        case 1: return m->now - (m->now > 0); /* the clock goes back */
        case 2: return ek_time_add(m->now, ek_test_below(1 << 14));
        case 3:
                next = ek_wheel_next(&m->w);
                return next == EK_NEVER || next == 0 ? m->now : next - 1;
        default: return ek_time_add(m->now, ek_test_magnitude(max_bits));
        }
}

/* max_bits: how far time may jump. */
static void random_run(uint64_t start, uint32_t max_bits, uint32_t rounds)
{
        struct model *m = open_model(start);
        uint32_t i;

        for (i = 0; i < rounds && m->now < EK_NEVER - 1; i++) {
                uint32_t k = ek_test_below(N);
                uint32_t what = ek_test_below(100);

                if (what < 50)
                        model_set(m, k, random_time(m));
                else if (what < 65)
                        model_cancel(m, k);
                else if (what < 85)
                        model_expire(m, random_now(m, max_bits));
                else
                        check_next(m);
                CHECK_EQ(ek_wheel_is_set(&m->node[k]), m->set[k]);
                if (i % 16 == 0)
                        CHECK(ek_wheel_check(&m->w));
        }
        CHECK(ek_wheel_check(&m->w));
        free(m);
}

EK_TEST(an_empty_wheel_never_wakes)
{
        struct model *m = open_model(123456789);

        CHECK_EQ(ek_wheel_next(&m->w), EK_NEVER);
        CHECK(ek_wheel_expire(&m->w, EK_NEVER) == NULL);
        CHECK_EQ(ek_wheel_next(&m->w), EK_NEVER);
        CHECK(ek_wheel_check(&m->w));
        free(m);
}

EK_TEST(the_past_is_due_at_once)
{
        struct model *m = open_model(1000);

        model_set(m, 0, 5);
        model_set(m, 1, 1000);
        model_set(m, 2, 1001);
        CHECK_EQ(ek_wheel_next(&m->w), 5);
        CHECK(ek_wheel_expire(&m->w, 0) == &m->node[0]);
        CHECK(ek_wheel_expire(&m->w, 0) == &m->node[1]);
        CHECK(ek_wheel_expire(&m->w, 0) == NULL);
        CHECK_EQ(ek_wheel_next(&m->w), 1001);
        CHECK(ek_wheel_expire(&m->w, 1001) == &m->node[2]);
        free(m);
}

EK_TEST(never_cancels)
{
        struct model *m = open_model(0);

        model_set(m, 0, 77);
        model_set(m, 0, EK_NEVER);
        CHECK(!ek_wheel_is_set(&m->node[0]));
        CHECK_EQ(ek_wheel_next(&m->w), EK_NEVER);
        model_cancel(m, 0);
        CHECK(ek_wheel_check(&m->w));
        free(m);
}

EK_TEST(setting_again_moves)
{
        struct model *m = open_model(0);

        model_set(m, 0, 5000000);
        model_set(m, 0, 9000000);
        CHECK_EQ(ek_wheel_count(&m->w), 1);
        CHECK_EQ(ek_wheel_next(&m->w), 9000000);
        CHECK(ek_wheel_expire(&m->w, 8999999) == NULL);
        model_set(m, 0, 9000001);
        CHECK(ek_wheel_expire(&m->w, 9000000) == NULL);
        CHECK(ek_wheel_expire(&m->w, 9000001) == &m->node[0]);
        free(m);
}

EK_TEST(exact_within_268_ms_wherever_now_is)
{
        uint32_t i;

        for (i = 0; i < ek_test_rounds(20000); i++) {
                struct model *m = open_model(ek_test_magnitude(63));
                uint64_t a = m->now + 1 + ek_test_magnitude(28) % near_ns;
                uint64_t b = a + ek_test_magnitude(30);

                /* Set long before, so that the way down from the far levels is part of it. */
                ek_wheel_init(&m->w,
                              m->now - (m->now < near_ns ? 0 : ek_test_magnitude(63) % m->now));
                model_set(m, 0, b);
                model_set(m, 1, a);
                model_cancel(m, 2);
                model_expire(m, m->now);
                CHECK_EQ(ek_wheel_next(&m->w), a);
                free(m);
        }
}

EK_TEST(a_far_timer_takes_few_wakeups)
{
        uint32_t i;

        for (i = 0; i < ek_test_rounds(20000); i++) {
                struct model *m = open_model(ek_test_magnitude(62));
                uint32_t wakeups = 0;

                model_set(m, 0, m->now + 2 + ek_test_magnitude(62));
                model_set(m, 1, m->at[0] + 1); /* so that the first is not known exactly */
                model_set(m, 2, m->now + 1);
                model_cancel(m, 2);
                while (m->set[0]) {
                        model_expire(m, ek_wheel_next(&m->w));
                        wakeups++;
                }
                CHECK(wakeups <= 8);
                free(m);
        }
}

EK_TEST(the_end_of_time)
{
        struct model *m = open_model(0);
        uint32_t i;

        for (i = 0; i < 64; i++)
                model_set(m, i, (UINT64_C(1) << i) - 1);
        for (i = 64; i < 128; i++)
                model_set(m, i, EK_NEVER - (UINT64_C(1) << (i - 64)));
        CHECK(ek_wheel_check(&m->w));
        model_expire(m, EK_NEVER - 3);
        CHECK_EQ(m->n, 1 + 1);
        CHECK(ek_wheel_check(&m->w));
        model_expire(m, EK_NEVER - 1);
        CHECK_EQ(m->n, 0);
        model_expire(m, EK_NEVER);
        model_set(m, 0, EK_NEVER - 1);
        CHECK(ek_wheel_expire(&m->w, 0) == &m->node[0]);
        CHECK(ek_wheel_check(&m->w));
        free(m);
}

#ifdef EK_WORK_COUNT
EK_TEST(a_jump_costs_no_more_than_the_timers_in_it)
{
        uint32_t i;

        for (i = 0; i < 60; i++) {
                struct model *m = open_model(12345);
                uint32_t k;

                for (k = 0; k < N; k++)
                        model_set(m, k, m->now + 1 + ek_test_rand() % (UINT64_C(1) << i));
                ek_work_counter = 0;
                while (ek_wheel_expire(&m->w, m->now + (UINT64_C(1) << i)) != NULL)
                        ;
                CHECK(ek_work_counter < 3 * N + 100);
                ek_work_counter = 0;
                CHECK(ek_wheel_expire(&m->w, EK_NEVER - 1) == NULL);
                CHECK(ek_work_counter < 100);
                free(m);
        }
}

EK_TEST(asking_again_costs_nothing)
{
        struct model *m = open_model(0);

        model_set(m, 0, 1000000);
        model_set(m, 1, 2000000);
        model_cancel(m, 0);
        CHECK_EQ(ek_wheel_next(&m->w), 2000000);
        ek_work_counter = 0;
        CHECK_EQ(ek_wheel_next(&m->w), 2000000);
        CHECK(ek_wheel_expire(&m->w, 1999999) == NULL);
        CHECK_EQ(ek_wheel_next(&m->w), 2000000);
        CHECK_EQ(ek_work_counter, 0);
        free(m);
}

EK_TEST(many_timers_in_a_tick_cost_little_each)
{
        struct model *m = open_model(UINT64_C(1) << 40);
        uint64_t work = 0;
        uint32_t i;

        for (i = 0; i < N; i++)
                model_set(m, i, m->now + 1 + i * 10000);
        for (i = 0; i < 100000; i++) {
                struct ek_wnode *node;

                ek_work_counter = 0;
                node = ek_wheel_expire(&m->w, ek_wheel_next(&m->w));
                CHECK(node != NULL);
                ek_wheel_set(&m->w, node, node->at + N * 10000);
                work += ek_work_counter;
        }
        CHECK(work / 100000 < 20);
        free(m);
}
#endif

EK_TEST(random_small_steps)
{
        random_run(0, 24, ek_test_rounds(300000));
}

EK_TEST(random_medium_steps)
{
        random_run(UINT64_C(1700000000000000000), 36, ek_test_rounds(300000));
}

EK_TEST(random_huge_jumps)
{
        uint32_t i;

        for (i = 0; i < ek_test_rounds(2000); i++)
                random_run(ek_test_magnitude(63), 64, 200);
}

EK_TEST(check_sees_damage)
{
        struct model *m = open_model(1000);

        model_set(m, 0, 2000);
        model_set(m, 1, 2001);
        model_set(m, 2, 999);
        CHECK(ek_wheel_check(&m->w));
        m->node[0].at += 1 << 20; /* belongs in another slot now */
        CHECK(!ek_wheel_check(&m->w));
        m->node[0].at = 2000;
        m->w.count++;
        CHECK(!ek_wheel_check(&m->w));
        m->w.count--;
        m->w.map[3] ^= 1;
        CHECK(!ek_wheel_check(&m->w));
        m->w.map[3] ^= 1;
        m->w.soonest++;
        CHECK(!ek_wheel_check(&m->w));
        m->w.soonest--;
        m->w.due_floor = 1000;
        CHECK(!ek_wheel_check(&m->w));
        m->w.due_floor = 999;
        m->node[1].prev = &m->node[1];
        CHECK(!ek_wheel_check(&m->w));
        free(m);
}

EK_TEST_MAIN();
