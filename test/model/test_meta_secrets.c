/* SPDX-License-Identifier: MIT */
#include "world.h"

/*
 * M-12: two stacks that differ in their seed only choose differently wherever a guess must not help: initial sequence
 * numbers of both kinds of open and of cookies (RFC 9293, 3.4.1; RFC 6528; RFC 4987, 3.6), timestamps (RFC 7323, 7.1),
 * ephemeral ports (RFC 6056), and which connections share a chain of the table. With equal
 * seeds they choose the same.
 *
 * No value is right or wrong here; a secret that is not asked shows as a choice that all stacks make.
 */

enum { CHOICES = 7, PAIRS = 8, TUPLES = 512, CHAINS = 64, COOKIE_PORT = 90 };

static const char *const names[CHOICES] = {
        "the ISS of an active open",     "the ISS of a passive open", "the ISS that is a cookie",
        "the timestamps' offset",        "the ephemeral port",        "the chains of the table",
        "the next ISS of the same tuple"};

static unsigned seed;

static void tune(struct elko_config *cfg)
{
        for (unsigned i = 0; i < ELKO_SEED_BYTES; i++)
                cfg->seed[i] = (uint8_t)(seed * 37 + i * 11 + 5);
        cfg->max_half_open = 8;
}

static void world_of(struct world *w, enum world_state state, bool ts)
{
        world_tune = tune;
        world_init(w, state, false, ts);
        world_tune = NULL;
}

static uint32_t passive_iss(struct world *w, uint16_t port, uint16_t peer_port)
{
        struct world_flow f = {.port = port, .peer_port = peer_port, .irs = 77};

        world_say_syn(w, &f, ELKO_SYN);
        CHECK(w->replies > 0 && (w->reply[0].seg.flags & ELKO_SYN));
        return f.iss;
}

static uint32_t cookie(struct world *w)
{
        struct elko_listen_config one = {.backlog = 4, .syn_queue = 1};
        elko_endpoint any = {.port = COOKIE_PORT};
        elko_sock s;

        CHECK_EQ(elko_listen(w->st, &any, &one, &s), ELKO_OK);
        passive_iss(w, COOKIE_PORT, 50000);
        return passive_iss(w, COOKIE_PORT, 50001); /* the queue is full */
}

static uint16_t ephemeral_port(struct world *w)
{
        elko_endpoint peer = {.ip = w->peer, .port = 7};
        struct elko_tcp_info info;
        elko_sock s;

        CHECK_EQ(elko_connect(w->st, &peer, NULL, &s), ELKO_OK);
        CHECK_EQ(elko_tcp_info_get(w->st, s, &info), ELKO_OK);
        elko_abort(w->st, s);
        return info.local.port;
}

/* Which of many tuples are together with the first one. */
static uint64_t chains(const struct world *w)
{
        uint64_t together = 0;
        uint32_t first = 0;

        for (uint32_t i = 0; i < TUPLES; i++) {
                struct ek_key key = {.local = w->local,
                                     .remote = w->peer,
                                     .lport = WORLD_PORT,
                                     .rport = (uint16_t)(1000 + 64 * i)};
                uint32_t chain = ek_tcp_hash(&w->st->tcp, &key) % CHAINS;

                if (i == 0)
                        first = chain;
                together = together * 31 + (chain == first ? i : 0);
        }
        return together;
}

static void choose(unsigned with, uint64_t out[CHOICES])
{
        static struct world w;

        seed = with;
        world_of(&w, W_SYN_SENT, true);
        out[0] = w.main.iss;
        out[3] = w.main.ts_seen;
        out[4] = ephemeral_port(&w);
        out[5] = chains(&w);
        world_of(&w, W_SYN_RECEIVED_PASSIVE, false);
        out[1] = w.main.iss;
        world_of(&w, W_LISTEN, false);
        out[2] = cookie(&w);
        w.now += ELKO_SEC(100);
        out[6] = passive_iss(&w, WORLD_PORT, 50002);
}

EK_TEST(m12_other_secrets_other_choices)
{
        uint64_t a[CHOICES], b[CHOICES];
        unsigned equal[CHOICES] = {0};

        for (unsigned pair = 0; pair < PAIRS; pair++) {
                choose(2 * pair, a);
                choose(2 * pair + 1, b);
                for (unsigned i = 0; i < CHOICES; i++)
                        equal[i] += a[i] == b[i];
        }
        for (unsigned i = 0; i < CHOICES; i++)
                if (equal[i] > 1) /* by chance, once, perhaps: a port */
                        ek_test_fail(__FILE__, __LINE__, "%s: the same in %u of %u pairs", names[i],
                                     equal[i], PAIRS);
}

EK_TEST(m12_the_same_secrets_the_same_choices)
{
        uint64_t a[CHOICES], b[CHOICES];

        for (unsigned k = 0; k < PAIRS; k++) {
                choose(k, a);
                choose(k, b);
                for (unsigned i = 0; i < CHOICES; i++)
                        if (a[i] != b[i])
                                ek_test_fail(__FILE__, __LINE__, "%s: two values", names[i]);
        }
}

EK_TEST_MAIN();
