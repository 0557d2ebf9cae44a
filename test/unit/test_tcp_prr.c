/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_prr.c - RFC 6937, 3.1's examples by hand, RFC 9937's SafeACK, and bounds for any sequence of ACKs: never
 * more sent than delivered and a segment, down to ssthresh in proportion.
 */
#include "tcp/prr.h"

#include "ek_test.h"

enum { MSS = 1000 };

static uint32_t on_ack(struct ek_prr *p, uint32_t delivered, uint32_t pipe, uint32_t ssthresh,
                       bool safe)
{
        struct ek_prr_ack a = {.delivered = delivered,
                               .pipe = pipe,
                               .ssthresh = ssthresh,
                               .mss = MSS,
                               .safe = safe};

        ek_prr_on_ack(p, &a);
        return p->cwnd - pipe;
}

/* One of 20 segments is lost; cwnd is halved: a segment for the first ACK, then one for every other.
 * [RFC6937 3-1 3-2 3-4 3-5] */
EK_TEST(one_loss_every_other_ack)
{
        struct ek_prr p;
        uint32_t pipe = 20 * MSS, out = 0;

        ek_prr_start(&p, 20 * MSS);
        pipe -= 4 * MSS; /* three SACKed, one lost */
        for (unsigned ack = 1; ack <= 17; ack++) {
                uint32_t n = on_ack(&p, ack == 1 ? 3 * MSS : MSS, pipe, 10 * MSS, false);

                n = n / MSS * MSS;
                CHECK(n <= 2 * MSS);
                ek_prr_on_sent(&p, n);
                out += n;
                pipe += n;
                CHECK(pipe >= 10 * MSS);
                if (pipe > 10 * MSS)
                        CHECK(out == ek_max_u32(MSS, (ack + 2) / 2 * MSS) ||
                              out == (ack + 3) / 2 * MSS);
                pipe -= MSS;
        }
}

/* Half of the flight is lost: not more goes than was delivered, and with progress a segment more. [RFC6937 3-3] */
EK_TEST(many_losses_are_filled_up_slowly)
{
        struct ek_prr p;

        ek_prr_start(&p, 20 * MSS);
        CHECK_EQ(on_ack(&p, MSS, 4 * MSS, 10 * MSS, false), MSS);
        ek_prr_on_sent(&p, MSS);
        CHECK_EQ(on_ack(&p, MSS, 4 * MSS, 10 * MSS, false), MSS);
        ek_prr_on_sent(&p, MSS);
        CHECK_EQ(on_ack(&p, MSS, 4 * MSS, 10 * MSS, true), 2 * MSS);
        ek_prr_on_sent(&p, 2 * MSS);
        CHECK_EQ(on_ack(&p, 3 * MSS, 9 * MSS, 10 * MSS, true), MSS); /* ssthresh is the bound */
        CHECK_EQ(on_ack(&p, 3 * MSS, 10 * MSS, 10 * MSS, true), 0);
}

/* Whatever comes: nothing beyond ssthresh but the first segment and those that find the network empty. */
EK_TEST(random_acks)
{
        for (uint32_t round = 0; round < ek_test_rounds(2000); round++) {
                uint32_t flight = (2 + ek_test_below(100)) * MSS, pipe = flight;
                uint32_t ssthresh = ek_max_u32(2 * MSS, flight / 100 * (30 + ek_test_below(60)));
                uint64_t delivered = 0, out = 0;
                struct ek_prr p;

                ek_prr_start(&p, flight);
                for (int i = 0; i < 100; i++) {
                        uint32_t got = ek_test_below(ek_min_u32(pipe, 3 * MSS) + 1), n;
                        bool safe = ek_test_below(2) == 0;
                        bool first = out == 0;

                        pipe -= got;
                        delivered += got;
                        if (ek_test_below(4) == 0)
                                pipe -= ek_test_below(pipe + 1);
                        n = on_ack(&p, got, pipe, ssthresh, safe);
                        CHECK(first || pipe == 0 ||
                              pipe + n <= ek_max_u32(pipe, ek_max_u32(ssthresh, flight)));
                        if (!first && pipe != 0 && pipe <= ssthresh)
                                CHECK(pipe + n <= ssthresh);
                        if (!first && pipe > ssthresh)
                                CHECK((out + n) * flight <= delivered * ssthresh + flight ||
                                      n == 0);
                        ek_prr_on_sent(&p, n);
                        out += n;
                        pipe += n;
                }
        }
}

EK_TEST_MAIN();
