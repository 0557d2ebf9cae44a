/* SPDX-License-Identifier: MIT */
/*
 * Middleboxes: each behaviour does what it says, and unless it ends connections nobody's bytes notice.
 *
 * elko-build: timeout=180
 */
#include "ek_test.h"

#include "middlebox.h"
#include "pkt.h"
#include "test_sim_peer_elko.h"

EK_TEST_MAIN();

static struct sim_world net;

enum { TX = 40000, CONNS = 4 };

struct field {
        struct stack_node *a, *b;
        struct middlebox *box;
        struct stack_app *app[CONNS];
};

/* What arrived at the nodes, as the last observer saw it. */
static struct {
        uint32_t options_on_syn, options, flags;
        uint16_t mss_most;
        uint64_t segments, small;
} seen;

static void see(void *self, int at, const uint8_t *packet, size_t len, uint64_t now)
{
        struct pkt s;

        (void)self;
        (void)at;
        (void)now;
        if (!pkt_parse(&s, packet, len)) {
                sim_fail(&net, "a packet with wrong lengths or checksums");
                return;
        }
        seen.segments++;
        seen.small += s.len > 0 && s.len < 400;
        if (s.flags & ELKO_SYN) {
                seen.options_on_syn |= s.options;
                if (s.options & ELKO_OPT_MSS && s.mss > seen.mss_most)
                        seen.mss_most = s.mss;
        } else {
                seen.options |= s.options;
        }
        seen.flags |= s.flags;
}

static struct middlebox_totals through(uint32_t behaviours, uint64_t seed, uint32_t loss,
                                       unsigned *whole, unsigned *excused)
{
        struct middlebox_config c = {.behaviours = behaviours, .reset_ppm = 3000};
        struct sim_observer o = {.arrives = see};
        struct middlebox_totals t;
        struct field f = {0};

        net_init(&net, seed);
        memset(&seen, 0, sizeof(seen));
        net.loss_ppm = loss;
        net.jitter = loss > 0 ? ELKO_MS(5) : 0;
        f.a = stack_add(&net, NULL, TX, TX);
        f.b = stack_add(&net, NULL, TX, TX);
        f.box = middlebox_add(&net, 0, 1, &c);
        sim_observe(&net, &o);
        for (unsigned i = 0; i < CONNS; i++) {
                elko_endpoint to = {.ip = sim_address(i % 2 ? 0 : 1, i > 1), .port = 80};

                f.app[i] = stack_connect(i % 2 ? f.b : f.a, &to);
        }
        net_run(&net, net.now + ELKO_SEC(60));
        net_heal(&net);
        net_run(&net, net.now + ELKO_SEC(600));
        if (net.failure[0] != '\0')
                ek_test_fail(__FILE__, __LINE__, "world seed %llu: %s", (unsigned long long)seed,
                             net.failure);
        *whole = *excused = 0;
        for (unsigned i = 0; i < CONNS; i++) {
                const struct stack_app *x = f.app[i];
                bool ok = x->done && !x->failed && x->got == TX && x->eof;
                bool killed = middlebox_killed(f.box, &x->local, &x->remote);

                *whole += ok;
                *excused += !ok && killed;
                if (!ok && !killed)
                        ek_test_fail(__FILE__, __LINE__,
                                     "world seed %llu: done %d error %s got %llu",
                                     (unsigned long long)seed, x->done, elko_error_name(x->error),
                                     (unsigned long long)x->got);
        }
        t = *middlebox_totals_get(f.box);
        net_free(&net);
        return t;
}

EK_TEST(every_quiet_behaviour_is_transparent)
{
        for (unsigned bit = 0; bit < MIDDLEBOX_BITS; bit++) {
                for (uint64_t k = 0; k < ek_test_rounds(2); k++) {
                        unsigned whole, excused;
                        struct middlebox_totals t;

                        if (MIDDLEBOX_KILLERS >> bit & 1)
                                continue;
                        t = through(1u << bit, 100 * bit + k, k % 2 ? 40000 : 0, &whole, &excused);
                        CHECK_EQ(whole, CONNS);
                        /* Full segments can't be joined, and elko has no unknown options: below. */
                        if (bit != MIDDLEBOX_BIT_STRIP_UNKNOWN && bit != MIDDLEBOX_BIT_MERGE &&
                            t.did[bit] == 0)
                                ek_test_fail(__FILE__, __LINE__, "%s did nothing",
                                             middlebox_name(bit));
                }
        }
}

EK_TEST(all_quiet_behaviours_at_once)
{
        for (unsigned k = 0; k < ek_test_rounds(20); k++) {
                uint32_t some =
                        (uint32_t)ek_test_rand() & MIDDLEBOX_ALL & ~(uint32_t)MIDDLEBOX_KILLERS;
                unsigned whole, excused;

                through(some, ek_test_rand() >> 8, k % 3 * 30000, &whole, &excused);
                CHECK_EQ(whole, CONNS);
        }
}

EK_TEST(options_are_taken_from_syns)
{
        unsigned whole, excused;

        through(0, 3, 0, &whole, &excused);
        CHECK(seen.options_on_syn & ELKO_OPT_TIMESTAMPS);
        CHECK(seen.options & ELKO_OPT_TIMESTAMPS);
        through(MIDDLEBOX_STRIP_TIMESTAMPS, 3, 0, &whole, &excused);
        CHECK(!((seen.options | seen.options_on_syn) & ELKO_OPT_TIMESTAMPS));
        through(MIDDLEBOX_STRIP_WSCALE | MIDDLEBOX_STRIP_MSS, 3, 0, &whole, &excused);
        CHECK(!(seen.options_on_syn & (ELKO_OPT_WSCALE | ELKO_OPT_MSS)));
        through(MIDDLEBOX_STRIP_SACK, 3, 50000, &whole, &excused);
        CHECK(!(seen.options & ELKO_OPT_SACK));
        through(MIDDLEBOX_CLAMP_MSS, 3, 0, &whole, &excused);
        CHECK(seen.mss_most < 1400);
}

EK_TEST(splitting_makes_small_segments_and_flags_are_cleared)
{
        unsigned whole, excused;
        uint64_t before;

        through(0, 4, 0, &whole, &excused);
        before = seen.small;
        CHECK(seen.flags & ELKO_PSH);
        through(MIDDLEBOX_SPLIT, 4, 0, &whole, &excused);
        CHECK(seen.small > before + 20);
        through(MIDDLEBOX_CLEAR_ECN_PSH, 4, 0, &whole, &excused);
        CHECK(!(seen.flags & ELKO_PSH));
}

EK_TEST(killers_end_connections_and_say_so)
{
        unsigned ended = 0;

        for (unsigned k = 0; k < ek_test_rounds(8); k++) {
                unsigned whole, excused;

                through(MIDDLEBOX_RESET, k + 1, 10000, &whole, &excused);
                CHECK_EQ(whole + excused, CONNS);
                ended += excused;
        }
        CHECK(ended > 0);
}

/* ------------------------------------------------------- packet by packet */

static struct pkt out[16];
static uint8_t out_bytes[16][2000];
static unsigned outs;

static void catch_input(void *self, struct sim_world *w, const uint8_t *packet, size_t len,
                        uint64_t now)
{
        (void)self;
        (void)w;
        (void)now;
        if (outs < 16) {
                memcpy(out_bytes[outs], packet, len);
                CHECK(pkt_parse(&out[outs], out_bytes[outs], len));
                outs++;
        }
}

static void catch_run(void *self, struct sim_world *w, uint64_t now)
{
        (void)self;
        (void)w;
        (void)now;
}

static const struct sim_node_ops catcher = {
        .name = "catcher", .input = catch_input, .run = catch_run};
static elko_endpoint x, y;

static struct middlebox *box_open(struct middlebox_config *c)
{
        net_init(&net, 9);
        sim_node_add(&net, &catcher, NULL);
        sim_node_add(&net, &catcher, NULL);
        x = (elko_endpoint){.ip = sim_address(0, false), .port = 4000};
        y = (elko_endpoint){.ip = sim_address(1, false), .port = 80};
        return middlebox_add(&net, 0, 1, c);
}

/* Send a segment through the box; what comes out is in out[0..outs-1]. */
static void pass(struct pkt s, bool from_x)
{
        static uint8_t buf[2000], zeros[1400];
        size_t n;

        s.src = from_x ? x : y;
        s.dst = from_x ? y : x;
        if (s.len > 0)
                s.payload = zeros;
        n = pkt_build(&s, buf, sizeof(buf));
        CHECK(n > 0);
        outs = 0;
        sim_send(&net, from_x ? 0 : 1, buf, n);
        net_run(&net, net.now + ELKO_MS(20));
}

EK_TEST(sequence_numbers_are_shifted_both_ways_sack_included)
{
        struct middlebox_config c = {.behaviours = MIDDLEBOX_REWRITE_SEQ};
        uint32_t dx, dy;

        box_open(&c);
        pass((struct pkt){.flags = ELKO_SYN, .seq = 1000, .window = 100}, true);
        CHECK_EQ(outs, 1);
        dx = out[0].seq - 1000;
        CHECK(dx != 0);
        CHECK_EQ(out[0].ack, 0);
        pass((struct pkt){.flags = ELKO_SYN | ELKO_ACK, .seq = 7000, .ack = 1001 + dx}, false);
        dy = out[0].seq - 7000;
        CHECK_EQ(out[0].ack, 1001);
        pass((struct pkt){.flags = ELKO_ACK, .seq = 1001, .ack = 7001 + dy, .len = 10}, true);
        CHECK_EQ(out[0].seq, 1001 + dx);
        CHECK_EQ(out[0].ack, 7001);
        pass((struct pkt){.flags = ELKO_ACK,
                          .seq = 7001,
                          .ack = 1011 + dx,
                          .options = ELKO_OPT_SACK,
                          .sack_count = 2,
                          .sack = {{2000 + dx, 3000 + dx}, {4000 + dx, 5000 + dx}}},
             false);
        CHECK_EQ(out[0].ack, 1011);
        CHECK_EQ(out[0].sack_count, 2);
        CHECK_EQ(out[0].sack[0].left, 2000);
        CHECK_EQ(out[0].sack[1].right, 5000);
        net_free(&net);
}

EK_TEST(a_window_scale_is_lowered_and_windows_follow)
{
        struct middlebox_config c = {.behaviours = MIDDLEBOX_REWRITE_WSCALE};
        struct middlebox *m;
        uint8_t sx, sy;

        m = box_open(&c);
        /* Connection 0 keeps no scale at all: 0 * 7 mod n. */
        pass((struct pkt){.flags = ELKO_SYN, .options = ELKO_OPT_WSCALE, .wscale = 9}, true);
        sx = out[0].wscale;
        pass((struct pkt){.flags = ELKO_SYN | ELKO_ACK,
                          .ack = 1,
                          .options = ELKO_OPT_WSCALE,
                          .wscale = 5},
             false);
        sy = out[0].wscale;
        CHECK(sx < 9);
        CHECK(sy < 5);
        pass((struct pkt){.flags = ELKO_ACK, .seq = 1, .ack = 1, .window = 3}, true);
        CHECK_EQ((uint32_t)out[0].window << sx, 3u << 9);
        pass((struct pkt){.flags = ELKO_ACK, .seq = 1, .ack = 1, .window = 65535}, true);
        CHECK_EQ(out[0].window, 65535); /* cut off */
        pass((struct pkt){.flags = ELKO_ACK, .seq = 1, .ack = 1, .window = 7}, false);
        CHECK_EQ((uint32_t)out[0].window << sy, 7u << 5);
        CHECK(middlebox_totals_get(m)->did[MIDDLEBOX_BIT_REWRITE_WSCALE] > 0);
        net_free(&net);
}

EK_TEST(nat_forgets_idle_connections_until_a_syn)
{
        struct middlebox_config c = {.behaviours = MIDDLEBOX_NAT_TIMEOUT};
        struct middlebox *m;

        m = box_open(&c);
        pass((struct pkt){.flags = ELKO_SYN}, true);
        net.now += ELKO_SEC(29);
        pass((struct pkt){.flags = ELKO_ACK}, false);
        CHECK_EQ(outs, 1);
        CHECK(!middlebox_killed(m, &y, &x));
        net.now += ELKO_SEC(31);
        pass((struct pkt){.flags = ELKO_ACK}, false);
        CHECK_EQ(outs, 0);
        pass((struct pkt){.flags = ELKO_RST}, true);
        CHECK_EQ(outs, 0);
        CHECK(middlebox_killed(m, &y, &x));
        pass((struct pkt){.flags = ELKO_SYN, .seq = 5}, true);
        CHECK_EQ(outs, 1);
        pass((struct pkt){.flags = ELKO_ACK}, false);
        CHECK_EQ(outs, 1);
        net_free(&net);
}

EK_TEST(merging_joins_what_follows_and_nothing_else)
{
        struct middlebox_config c = {.behaviours = MIDDLEBOX_MERGE};
        unsigned joined = 0, held = 0;
        struct middlebox *m;

        m = box_open(&c);
        pass((struct pkt){.flags = ELKO_SYN}, true);
        pass((struct pkt){.flags = ELKO_ACK, .seq = 1, .len = 1000},
             true); /* a large one was seen */
        for (uint32_t k = 0; k < 40; k++) {
                uint32_t seq = 5000 + 1000 * k;

                pass((struct pkt){.flags = ELKO_ACK, .seq = seq, .len = 100}, true);
                if (outs == 0 || out[outs - 1].seq != seq) {
                        held++;
                        pass((struct pkt){.flags = ELKO_ACK | ELKO_PSH,
                                          .seq = seq + 100,
                                          .len = 50},
                             true);
                        if (outs == 1 && out[0].seq == seq && out[0].len == 150)
                                joined++;
                        else
                                CHECK_EQ(outs, 2); /* too large by now: both, one after the other */
                } else {
                        pass((struct pkt){.flags = ELKO_ACK | ELKO_PSH,
                                          .seq = seq + 100,
                                          .len = 900},
                             true);
                }
        }
        CHECK(held > 5);
        CHECK(joined > 5);
        CHECK_EQ(middlebox_totals_get(m)->did[MIDDLEBOX_BIT_MERGE], joined);
        net_free(&net);
}
