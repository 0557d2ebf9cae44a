/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_cwv.c - congestion window validation (RFC 7661): pipeACK, the non-validated phase and its end, losses in it.
 */
#include "tcp/cwv.h"

#include <elko/types.h>

#include "ek_test.h"

enum { MSS = 1000, CWND = 100 * MSS };

struct bench {
        struct ek_cwv v;
        uint64_t now, delivered;
};

/* For `ms` milliseconds, `rate` bytes arrive in each; the round trip is 100 ms. True: the period ended. */
static bool flow(struct bench *b, unsigned ms, uint32_t rate)
{
        bool over = false;

        for (unsigned i = 0; i < ms; i++) {
                b->now += ELKO_MS(1);
                b->delivered += rate;
                over |= ek_cwv_on_ack(&b->v, b->now, ELKO_MS(100), b->delivered, CWND);
        }
        return over;
}

/* (4.1, 4.3) At first pipeACK is undefined: validated. */
EK_TEST(begins_validated)
{
        struct bench b = {.now = ELKO_SEC(1)};

        flow(&b, 50, 1);
        CHECK(!b.v.defined && !b.v.nonvalidated);
}

/* (4.3) Half of the window in a round trip is enough, less is not; the largest sample of a second counts. */
EK_TEST(half_of_the_window)
{
        struct bench b = {.now = ELKO_SEC(1)};

        flow(&b, 2000, 510);
        CHECK(b.v.defined && !b.v.nonvalidated);
        flow(&b, 800, 100);
        CHECK(!b.v.nonvalidated);
        flow(&b, 1500, 100);
        CHECK(b.v.nonvalidated);
        flow(&b, 300, 510);
        CHECK(!b.v.nonvalidated);
}

/* (4.4.3) Five minutes, and again. */
EK_TEST(five_minutes)
{
        struct bench b = {.now = ELKO_SEC(1)};
        uint32_t ssthresh = 5 * MSS;

        CHECK(!flow(&b, 299000, 10));
        CHECK(flow(&b, 3000, 10));
        CHECK(!flow(&b, 290000, 10));
        CHECK(flow(&b, 20000, 10));
        CHECK_EQ(ek_cwv_after_silence(ELKO_SEC(299), CWND, 10 * MSS, &ssthresh), CWND);
        CHECK_EQ(ssthresh, 5 * MSS);
        CHECK_EQ(ek_cwv_after_silence(ELKO_SEC(301), CWND, 10 * MSS, &ssthresh), CWND / 2);
        CHECK_EQ(ssthresh, CWND / 4 * 3);
        CHECK_EQ(ek_cwv_after_silence(ELKO_SEC(301), 12 * MSS, 10 * MSS, &ssthresh), 10 * MSS);
        CHECK_EQ(ek_cwv_after_silence(ELKO_SEC(301), 5 * MSS, 10 * MSS, &ssthresh), 5 * MSS);
}

/* (4.4.1) A loss: from what was used, and less what was sent again. pipeACK is undefined afterwards. */
EK_TEST(losses)
{
        struct bench b = {.now = ELKO_SEC(1)};

        flow(&b, 2000, 200); /* pipeACK is 20 segments */
        CHECK(b.v.nonvalidated);
        CHECK_EQ(ek_cwv_on_loss(&b.v, 3 * MSS, 1000), 20 * MSS);
        CHECK_EQ(ek_cwv_on_recovered(&b.v, 1000 + 4 * MSS), 8 * MSS);
        CHECK(!b.v.defined && !b.v.nonvalidated);
        CHECK_EQ(ek_cwv_on_loss(&b.v, 3 * MSS, 1000), 3 * MSS); /* validated: as ever */
        CHECK_EQ(ek_cwv_on_recovered(&b.v, 5000), UINT32_MAX);
        flow(&b, 2000, 200);
        CHECK_EQ(ek_cwv_on_loss(&b.v, 30 * MSS, 0), 30 * MSS);
        CHECK_EQ(ek_cwv_on_recovered(&b.v, 99 * MSS), 0);
}

EK_TEST_MAIN();
