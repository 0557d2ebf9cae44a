/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_pacer.c - the pacer: the rate is kept over any span, with clocks of 1 us, 500 us and 15 ms, with hosts
 * that come late, from one byte a second to 100 Gbit/s; bursts are as long as the contract says.
 */
#include "tcp/pacer.h"

#include <elko/types.h>

#include "ek_test.h"

enum { MSS = 1448 };

/* What left in `span`, when the host comes at each deadline, `late` ns late, and its clock has ticks. */
static uint64_t run(uint64_t rate, uint64_t tick, uint64_t late, uint64_t span, uint64_t *most)
{
        struct ek_pacer p = {0};
        uint64_t now = 1000 * tick, start = now, sent = 0;

        ek_pacer_set(&p, rate);
        *most = 0;
        while (now - start < span) {
                uint64_t burst = 0, at;

                while (ek_pacer_is_open(&p, now, tick)) {
                        ek_pacer_on_sent(&p, MSS, MSS, now, tick);
                        burst += MSS;
                }
                sent += burst;
                *most = burst > *most ? burst : *most;
                at = ek_pacer_deadline(&p, now, tick) + late;
                CHECK(at > now);
                now = (at + tick - 1) / tick * tick; /* the clock shows the deadline, or more */
        }
        return sent;
}

EK_TEST(the_rate_is_kept)
{
        static const uint64_t ticks[] = {1, 1000, 500000, 15000000};
        static const uint64_t rates[] = {125000, 1250000, 12500000, 125000000, 12500000000};

        for (size_t i = 0; i < 4; i++)
                for (size_t j = 0; j < 5; j++) {
                        uint64_t span = rates[j] > 1000000000 ? ELKO_MS(200) : ELKO_SEC(4), most;
                        uint64_t sent = run(rates[j], ticks[i], 0, span, &most);
                        uint64_t want = rates[j] / 1000 * (span / 1000000);
                        uint64_t quantum = ek_pacer_quantum(rates[j], MSS);
                        uint64_t slack =
                                2 * rates[j] / 1000 * ticks[i] / 1000000 + 2 * quantum + 2 * MSS;

                        CHECK(sent + slack >= want && sent <= want + slack);
                        CHECK(most <= slack);
                        /* 5 % where a tick is a small part of the span */
                        if (ticks[i] * 40 <= span)
                                CHECK(sent * 100 >= want * 95 && sent * 100 <= want * 105);
                }
}

/* A host that comes 300 us late each time, at a quantum's distance of 1 ms: nothing is lost. */
EK_TEST(lateness_costs_no_throughput)
{
        uint64_t most, sent = run(12500000, 1000, 300000, ELKO_SEC(2), &most);

        CHECK(sent >= 24900000 && sent <= 25100000);
        CHECK(most <= 2 * ek_pacer_quantum(12500000, MSS) + 2 * MSS);
}

EK_TEST(one_byte_a_second)
{
        struct ek_pacer p = {0};

        ek_pacer_set(&p, 1);
        for (int i = 0; i < 2; i++) {
                CHECK(ek_pacer_is_open(&p, ELKO_SEC(5), 1000));
                ek_pacer_on_sent(&p, MSS, MSS, ELKO_SEC(5), 1000);
        }
        CHECK(!ek_pacer_is_open(&p, ELKO_SEC(5), 1000));
        CHECK(ek_pacer_deadline(&p, ELKO_SEC(5), 1000) > ELKO_SEC(2 * MSS));
        CHECK(ek_pacer_deadline(&p, ELKO_SEC(5), 1000) <= ELKO_SEC(2 * MSS + 5));
}

/* No rate: open, always, and nothing is counted. */
EK_TEST(without_a_rate)
{
        struct ek_pacer p = {0};

        for (int i = 0; i < 1000; i++) {
                CHECK(ek_pacer_is_open(&p, 1, 1));
                ek_pacer_on_sent(&p, MSS, MSS, 1, 1);
        }
        ek_pacer_set(&p, 1000);
        ek_pacer_on_sent(&p, 64000, MSS, 1, 1);
        CHECK(!ek_pacer_is_open(&p, 1, 1));
        ek_pacer_set(&p, 0);
        CHECK(ek_pacer_is_open(&p, 1, 1));
}

/* After a silence there is one quantum and what a tick holds, and not the silence's worth. */
EK_TEST(silence_is_no_credit)
{
        struct ek_pacer p = {0};
        uint64_t sent = 0;

        ek_pacer_set(&p, 1250000);
        ek_pacer_on_sent(&p, MSS, MSS, ELKO_SEC(1), 1000);
        while (ek_pacer_is_open(&p, ELKO_SEC(100), 1000)) {
                ek_pacer_on_sent(&p, MSS, MSS, ELKO_SEC(100), 1000);
                sent += MSS;
        }
        CHECK(sent <= 3u * ek_pacer_quantum(1250000, MSS));
}

EK_TEST(quantum)
{
        CHECK_EQ(ek_pacer_quantum(1, MSS), 2 * MSS);
        CHECK_EQ(ek_pacer_quantum(12500000, MSS), 12500);
        CHECK_EQ(ek_pacer_quantum(12500000000, MSS), 65536);
        CHECK_EQ(ek_pacer_quantum(UINT64_MAX, MSS), 65536);
}

/* Random rates, lengths, ticks and lateness: the departure never goes back, and the gate always opens by the
 * deadline. */
EK_TEST(never_stuck)
{
        for (uint32_t i = ek_test_rounds(200); i > 0; i--) {
                struct ek_pacer p = {0};
                uint64_t now = ek_test_magnitude(40), tick = 1 + ek_test_below(ELKO_MS(15));

                for (int n = 0; n < 200; n++) {
                        uint64_t before = p.next_at;

                        if (ek_test_below(10) == 0)
                                ek_pacer_set(&p, 1 + ek_test_magnitude(40));
                        if (ek_pacer_is_open(&p, now, tick)) {
                                ek_pacer_on_sent(&p, 1 + (uint32_t)ek_test_below(65536), MSS, now,
                                                 tick);
                                CHECK(p.bytes_per_s == 0 || p.next_at >= before);
                        } else {
                                now = ek_pacer_deadline(&p, now, tick);
                                CHECK(ek_pacer_is_open(&p, now, tick));
                        }
                }
        }
}

EK_TEST_MAIN();
