/* SPDX-License-Identifier: MIT */
/*
 * Two odd peers against each other, over networks that lose, double and overtake: whatever oddities they
 * draw, both streams arrive whole and exactly once, and both connections close (RFC 9293, 3.6 and 3.8).
 */
#include "ek_test.h"

#include "peer_odd.h"
#include "test_sim_peer_net.h"

EK_TEST_MAIN();

static struct sim_world net;

struct seen {
        unsigned ended[6];
        unsigned whole; /* got all and EOF, gave all and FIN */
        uint64_t rx_bytes, tx_bytes;
};

static void on_ended(void *ctx, const struct peer_odd_report *r)
{
        struct seen *s = ctx;

        s->ended[r->end]++;
        s->rx_bytes += r->rx_bytes;
        s->tx_bytes += r->tx_acked;
        if (r->rx_eof && r->tx_fin_acked && r->tx_acked == r->plan.tx_bytes &&
            (r->plan.rx_bytes == UINT64_MAX || r->rx_bytes == r->plan.rx_bytes))
                s->whole++;
}

static bool same_plan(void *ctx, const elko_endpoint *local, const elko_endpoint *remote,
                      bool active, struct peer_odd_plan *out)
{
        (void)ctx;
        (void)local;
        (void)remote;
        out->tx_bytes = active ? 30000 : 50000;
        out->rx_bytes = active ? 50000 : 30000;
        return true;
}

struct pair {
        struct peer_odd *a, *b;
        struct seen sa, sb;
};

static void pair_open(struct pair *p, uint32_t odd_a, uint32_t odd_b, uint32_t ppm, bool v6)
{
        struct peer_odd_config c;
        elko_endpoint to = {.port = 80};

        memset(p, 0, sizeof(*p));
        peer_odd_config_default(&c);
        c.oddity_ppm = ppm;
        c.plan = same_plan;
        c.ended = on_ended;
        c.oddities = odd_a;
        c.ctx = &p->sa;
        CHECK_EQ(peer_odd_add(&net, &c, &p->a), 0);
        c.oddities = odd_b;
        c.ctx = &p->sb;
        CHECK_EQ(peer_odd_add(&net, &c, &p->b), 1);
        peer_odd_listen(p->b, 80);
        to.ip = sim_address(1, v6);
        CHECK(peer_odd_connect(p->a, &net, &to, 0, NULL, net.now) != 0);
}

static void check_ok(const struct pair *p)
{
        if (net.failure[0] != '\0')
                ek_test_fail(__FILE__, __LINE__, "%s", net.failure);
        CHECK_EQ(peer_odd_totals_get(p->a)->open, 0);
        CHECK_EQ(peer_odd_totals_get(p->b)->open, 0);
}

EK_TEST(a_plain_pair_exchanges_both_streams_and_closes)
{
        struct pair p;

        net_init(&net, 1);
        pair_open(&p, 0, 0, 0, false);
        net_run(&net, net.now + ELKO_SEC(60));
        check_ok(&p);
        CHECK_EQ(p.sa.whole, 1);
        CHECK_EQ(p.sb.whole, 1);
        CHECK_EQ(p.sa.rx_bytes, 50000);
        CHECK_EQ(p.sb.rx_bytes, 30000);
        CHECK_EQ(peer_odd_totals_get(p.a)->retransmitted, 0);
        net_free(&net);
}

/* A peer may have drawn a buffer of 64 bytes, and the wire loses up to 18 % of its segments: that takes a while. */
EK_TEST(a_plain_pair_survives_loss_duplication_and_overtaking)
{
        for (uint64_t seed = 1; seed <= 60; seed++) {
                struct pair p;

                net_init(&net, seed);
                net.loss_ppm = (uint32_t)(seed % 4) * 60000;
                net.dup_ppm = (uint32_t)(seed % 3) * 100000;
                net.jitter = ELKO_MS(seed % 5 * 10);
                pair_open(&p, 0, 0, 0, seed % 2 != 0);
                net_run(&net, net.now + ELKO_SEC(1200));
                check_ok(&p);
                CHECK_EQ(p.sa.whole, 1);
                CHECK_EQ(p.sb.whole, 1);
                net_free(&net);
        }
}

/* Every subset of oddities that the seeds draw; then the network heals and all must end well. */
EK_TEST(pairs_with_any_oddities_deliver_everything)
{
        unsigned whole = 0, aborted = 0, rounds = ek_test_rounds(300);
        uint64_t did[PEER_ODD_BITS] = {0};

        for (uint64_t seed = 1; seed <= rounds; seed++) {
                struct pair p;

                net_init(&net, ek_test_rand());
                net.loss_ppm = (uint32_t)(seed % 4) * 30000;
                net.dup_ppm = (uint32_t)(seed % 3) * 50000;
                net.jitter = ELKO_MS(seed % 5 * 4);
                pair_open(&p, PEER_ODD_ALL, PEER_ODD_ALL, 200000, seed % 2 != 0);
                net_run(&net, net.now + ELKO_SEC(60));
                net_heal(&net);
                net_run(&net, net.now + ELKO_SEC(600));
                check_ok(&p);
                if (p.sa.ended[PEER_ODD_END_ABORTED] + p.sb.ended[PEER_ODD_END_ABORTED] > 0) {
                        aborted++;
                } else {
                        CHECK_EQ(p.sa.whole, 1);
                        CHECK_EQ(p.sb.whole, 1);
                        whole++;
                }
                for (unsigned i = 0; i < PEER_ODD_BITS; i++)
                        did[i] +=
                                peer_odd_totals_get(p.a)->did[i] + peer_odd_totals_get(p.b)->did[i];
                net_free(&net);
        }
        CHECK(whole > rounds / 2);
        CHECK(aborted > 0);
        for (unsigned i = 0; i < PEER_ODD_BITS; i++)
                if (did[i] == 0)
                        ek_test_fail(__FILE__, __LINE__, "%s never happened", peer_odd_name(i));
}
