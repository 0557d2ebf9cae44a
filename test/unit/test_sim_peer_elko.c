/* SPDX-License-Identifier: MIT */
/*
 * elko against odd peers: whatever they do within the rules, all bytes arrive once and in order in both
 * directions, and both ends close. Written and checked from two independent readings of RFC 9293.
 *
 * elko-build: timeout=180
 */
#include "ek_test.h"

#include "test_sim_peer_elko.h"

EK_TEST_MAIN();

static struct sim_world net;

enum { PEER_TX = 40000, PEER_RX = 60000, PAIRS = 3 };

struct seen {
        unsigned ended[6], whole, complete;
        uint32_t aborters;
};

static void on_ended(void *ctx, const struct peer_odd_report *r)
{
        struct seen *s = ctx;

        s->ended[r->end]++;
        if (r->oddities & PEER_ODD_ABORT)
                s->aborters++;
        if (r->rx_eof && r->rx_bytes == PEER_RX && r->tx_fin_acked && r->tx_acked == PEER_TX)
                s->whole++;
}

static bool plan(void *ctx, const elko_endpoint *local, const elko_endpoint *remote, bool active,
                 struct peer_odd_plan *out)
{
        (void)ctx;
        (void)local;
        (void)remote;
        (void)active;
        out->tx_bytes = PEER_TX;
        out->rx_bytes = PEER_RX;
        return true;
}

struct meet {
        struct stack_node *stack;
        struct peer_odd *peer;
        struct seen seen;
        struct stack_app *app[PAIRS];
};

/* One stack, one peer, connections in both directions over both families. */
static void meet(struct meet *m, uint32_t oddities, uint32_t ppm)
{
        struct peer_odd_config c;
        elko_endpoint to = {.port = 80};

        memset(m, 0, sizeof(*m));
        m->stack = stack_add(&net, NULL, PEER_RX, PEER_TX);
        peer_odd_config_default(&c);
        c.oddities = oddities;
        c.oddity_ppm = ppm;
        c.plan = plan;
        c.ended = on_ended;
        c.ctx = &m->seen;
        CHECK_EQ(peer_odd_add(&net, &c, &m->peer), 1);
        peer_odd_listen(m->peer, 80);
        to.ip = sim_address(1, false);
        m->app[0] = stack_connect(m->stack, &to);
        CHECK(m->app[0] != NULL);
        to.ip = sim_address(0, true);
        CHECK(peer_odd_connect(m->peer, &net, &to, 0, NULL, net.now) != 0);
        to.ip = sim_address(0, false);
        CHECK(peer_odd_connect(m->peer, &net, &to, 0, NULL, net.now) != 0);
}

static void check_whole(struct meet *m, uint64_t seed)
{
        unsigned aborted = m->seen.ended[PEER_ODD_END_ABORTED], done = 0, clean = 0;

        if (net.failure[0] != '\0')
                ek_test_fail(__FILE__, __LINE__, "world seed %llu: %s", (unsigned long long)seed,
                             net.failure);
        for (unsigned i = 0; i < m->stack->apps; i++) {
                done += m->stack->app[i].done;
                clean += m->stack->app[i].done && !m->stack->app[i].failed &&
                         m->stack->app[i].got == PEER_TX;
        }
        if (peer_odd_totals_get(m->peer)->open != 0 || m->seen.whole + aborted < PAIRS ||
            done != m->stack->apps || clean + aborted < PAIRS)
                ek_test_fail(
                        __FILE__, __LINE__,
                        "world seed %llu: %u whole, %u aborted, %u timed out, %u reset, %u refused, "
                        "%llu open; elko: %u done, %u clean",
                        (unsigned long long)seed, m->seen.whole, aborted,
                        m->seen.ended[PEER_ODD_END_TIMED_OUT], m->seen.ended[PEER_ODD_END_RESET],
                        m->seen.ended[PEER_ODD_END_REFUSED],
                        (unsigned long long)peer_odd_totals_get(m->peer)->open, done, clean);
}

static void one(uint64_t seed, uint32_t oddities, uint32_t ppm, uint32_t loss)
{
        struct meet m;

        net_init(&net, seed);
        net.loss_ppm = loss;
        net.dup_ppm = loss / 2;
        net.jitter = loss > 0 ? ELKO_MS(seed % 5 * 4) : 0;
        meet(&m, oddities, ppm);
        net_run(&net, net.now + ELKO_SEC(60));
        net_heal(&net);
        net_run(&net, net.now + ELKO_SEC(900));
        check_whole(&m, seed);
        net_free(&net);
}

EK_TEST(plain_peers)
{
        one(1, 0, 0, 0);
        for (uint64_t seed = 2; seed < 20; seed++)
                one(seed, 0, 0, 50000);
}

/* Each oddity alone, always. */
EK_TEST(each_oddity)
{
        for (unsigned bit = 0; bit < PEER_ODD_BITS; bit++)
                for (uint64_t k = 0; k < ek_test_rounds(2); k++)
                        one(1000 * (bit + 1) + k, 1u << bit, 1000000, k % 2 ? 30000 : 0);
}

EK_TEST(any_mixture_of_oddities)
{
        for (unsigned k = 0; k < ek_test_rounds(40); k++)
                one(ek_test_rand() >> 8, PEER_ODD_ALL, 200000, k % 4 * 30000);
}
