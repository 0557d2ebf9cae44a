/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_dupack.c - duplicate ACKs: RFC 5681, 2 (what one is) and 3.2, RFC 6582 (`recover`), RFC
 * 3042 (limited transmit), on numbers close to the wrap.
 */
#include "tcp/dupack.h"

#include "ek_test.h"

static seq_t at(uint32_t n)
{
        return seq_make(0xfffffff0u + n);
}

/* RFC 5681, 2: all of (a) to (e), and nothing less. [RFC5681 2] */
EK_TEST(definition)
{
        for (unsigned bits = 0; bits < 32; bits++) {
                struct ek_dupack_facts f = {
                        .outstanding = (bits & 1) != 0,
                        .no_data = (bits & 2) != 0,
                        .no_syn_fin = (bits & 4) != 0,
                        .ack_is_una = (bits & 8) != 0,
                        .window_same = (bits & 16) != 0,
                };

                CHECK_EQ(ek_dupack_is_duplicate(&f), bits == 31);
        }
}

static void three(struct ek_dupack *d, seq_t una, seq_t nxt)
{
        CHECK_EQ(ek_dupack_on_duplicate(d, una, nxt), EK_DUPACK_LIMITED);
        CHECK_EQ(ek_dupack_on_duplicate(d, una, nxt), EK_DUPACK_LIMITED);
        CHECK_EQ(ek_dupack_on_duplicate(d, una, nxt), EK_DUPACK_ENTER);
}

/* RFC 6582, 3.2: the third enters, more inflate, partial ACKs stay, the full ACK leaves. [RFC6582 3.2-1 6b] */
EK_TEST(an_episode)
{
        struct ek_dupack d = {0};

        three(&d, at(0), at(100));
        CHECK_EQ(d.recover.v, at(100).v);
        for (int i = 0; i < 7; i++)
                CHECK_EQ(ek_dupack_on_duplicate(&d, at(0), at(110)), EK_DUPACK_INFLATE);
        CHECK_EQ(ek_dupack_on_progress(&d, at(20)), EK_DUPACK_PARTIAL);
        CHECK_EQ(ek_dupack_on_duplicate(&d, at(20), at(120)), EK_DUPACK_INFLATE);
        CHECK_EQ(ek_dupack_on_progress(&d, at(99)), EK_DUPACK_PARTIAL);
        CHECK_EQ(ek_dupack_on_progress(&d, at(100)), EK_DUPACK_FULL);
        CHECK_EQ(ek_dupack_on_progress(&d, at(120)), EK_DUPACK_NORMAL);
        three(&d, at(120), at(200));
}

/* RFC 6582, 3.2 step 1: no second fast retransmit for one window, unless more than `recover` was
 * acknowledged. */
EK_TEST(not_twice_in_one_window)
{
        struct ek_dupack d = {0};

        three(&d, at(0), at(100));
        CHECK_EQ(ek_dupack_on_progress(&d, at(100)), EK_DUPACK_FULL);
        CHECK_EQ(ek_dupack_on_duplicate(&d, at(100), at(150)), EK_DUPACK_LIMITED);
        CHECK_EQ(ek_dupack_on_duplicate(&d, at(100), at(150)), EK_DUPACK_LIMITED);
        CHECK_EQ(ek_dupack_on_duplicate(&d, at(100), at(150)), EK_DUPACK_NOTHING);
        CHECK_EQ(ek_dupack_on_progress(&d, at(110)), EK_DUPACK_NORMAL);
        three(&d, at(110), at(150));
}

/* RFC 6582, 4: after a time-out the duplicates that go-back-N provokes start nothing. [RFC6582 3.2-4] */
EK_TEST(after_a_timeout)
{
        struct ek_dupack d = {0};

        ek_dupack_on_timeout(&d, at(100));
        CHECK_EQ(ek_dupack_on_progress(&d, at(50)), EK_DUPACK_NORMAL);
        ek_dupack_on_duplicate(&d, at(50), at(100));
        ek_dupack_on_duplicate(&d, at(50), at(100));
        CHECK_EQ(ek_dupack_on_duplicate(&d, at(50), at(100)), EK_DUPACK_NOTHING);
        CHECK_EQ(ek_dupack_on_progress(&d, at(101)), EK_DUPACK_NORMAL);
        three(&d, at(101), at(200));
}

/* An ACK in between starts the count anew. */
EK_TEST(progress_resets_the_count)
{
        struct ek_dupack d = {0};

        for (int i = 0; i < 10; i++) {
                seq_t una = at((uint32_t)i * 10);

                CHECK_EQ(ek_dupack_on_duplicate(&d, una, at(200)), EK_DUPACK_LIMITED);
                CHECK_EQ(ek_dupack_on_duplicate(&d, una, at(200)), EK_DUPACK_LIMITED);
                CHECK_EQ(ek_dupack_on_progress(&d, seq_add(una, 10)), EK_DUPACK_NORMAL);
        }
}

/* RFC 5681, 3.2 step 2: what limited transmit sends does not count in FlightSize: SND.NXT is noted
 * at the first duplicate. */
EK_TEST(flight_before_limited_transmit)
{
        struct ek_dupack d = {0};

        ek_dupack_on_duplicate(&d, at(0), at(100));
        ek_dupack_on_duplicate(&d, at(0), at(110));
        CHECK_EQ(ek_dupack_on_duplicate(&d, at(0), at(120)), EK_DUPACK_ENTER);
        CHECK_EQ(d.before.v, at(100).v);
        CHECK_EQ(d.recover.v, at(120).v);
}

/* RELIABILITY A7-10: hundreds of duplicates; the counter saturates and does not start again. */
EK_TEST(a7_10_many_duplicates)
{
        struct ek_dupack d = {0};
        uint32_t entered = 0;

        ek_dupack_on_timeout(&d, at(100));
        for (uint32_t i = 0; i < 200000; i++)
                entered += ek_dupack_on_duplicate(&d, at(50), at(100)) == EK_DUPACK_ENTER;
        CHECK_EQ(entered, 0);
        CHECK_EQ(d.count, UINT16_MAX);
}

/* Of a row of duplicates, however long, the first two let one new segment go each (RFC 3042), the third may
 * retransmit (RFC 6582, 3.2), and once that has happened each stands for a segment that left. */
EK_TEST(rows_of_any_length)
{
        for (uint32_t late = 0; late < 2; late++) { /* after a time-out the third does nothing */
                struct ek_dupack d = {0};

                if (late)
                        ek_dupack_on_timeout(&d, at(100));
                for (uint32_t i = 1; i <= 70000; i++) {
                        enum ek_dupack_verdict v = ek_dupack_on_duplicate(&d, at(50), at(100));

                        if (i < 3)
                                CHECK_EQ(v, EK_DUPACK_LIMITED);
                        else if (late)
                                CHECK_EQ(v, EK_DUPACK_NOTHING);
                        else
                                CHECK_EQ(v, i == 3 ? EK_DUPACK_ENTER : EK_DUPACK_INFLATE);
                }
        }
}

/* RELIABILITY A7-9: an old `recover` must not block when the circle has turned half over it. [RFC6582 6c] */
EK_TEST(a7_9_an_old_mark_is_forgotten)
{
        struct ek_dupack d = {0};
        seq_t una = at(0);

        three(&d, una, at(100));
        ek_dupack_on_progress(&d, at(100));
        for (int i = 0; i < 5; i++) {
                una = seq_add(una, 1u << 30);
                ek_dupack_on_progress(&d, una);
        }
        three(&d, una, seq_add(una, 100));
}

EK_TEST_MAIN();
