/* SPDX-License-Identifier: MIT */
/*
 * The attackers: each kind sends what it says, keeps to its rate, stops at heal; the observer's judgement of
 * what a forged packet may do is right; and connections of elko that were not rightly hurt are unhurt.
 *
 * elko-build: timeout=180
 */
#include "ek_test.h"

#include "attacker.h"
#include "pkt.h"
#include "test_sim_peer_elko.h"

EK_TEST_MAIN();

static struct sim_world net;

enum { TX = 100000, CONNS = 4 };

/* Two stacks that talk, and an attacker. */
struct field {
        struct stack_node *a, *b;
        struct attacker *atk;
        struct stack_app *app[CONNS];
};

static struct attacker *judge;

static bool tainted(const elko_endpoint *local, const elko_endpoint *remote)
{
        return attacker_owns(judge, &remote->ip) ||
               attacker_harm(judge, local, remote) == ATTACKER_HARM_CORRUPT;
}

static void field_open(struct field *f, const struct attacker_config *c)
{
        elko_endpoint to = {.port = 80};

        memset(f, 0, sizeof(*f));
        net.delay = ELKO_MS(20);
        f->a = stack_add(&net, NULL, TX, TX);
        f->b = stack_add(&net, NULL, TX, TX);
        CHECK_EQ(attacker_add(&net, c, &f->atk), 2);
        judge = f->atk;
        f->a->tainted = f->b->tainted = tainted;
        for (unsigned i = 0; i < CONNS; i++) {
                to.ip = sim_address(1, i % 2 != 0);
                f->app[i] = stack_connect(f->a, &to);
                CHECK(f->app[i] != NULL);
        }
}

/* Connections of the two stacks: all whole, unless the attacker may have hurt them. */
static unsigned field_check(const struct field *f, uint64_t seed)
{
        unsigned whole = 0;

        if (net.failure[0] != '\0')
                ek_test_fail(__FILE__, __LINE__, "world seed %llu: %s", (unsigned long long)seed,
                             net.failure);
        for (unsigned i = 0; i < CONNS; i++) {
                const struct stack_app *x = f->app[i];
                enum attacker_harm harm = attacker_harm(f->atk, &x->local, &x->remote);
                bool ok = x->done && !x->failed && x->got == TX && x->eof;

                whole += ok;
                if (!ok && harm == ATTACKER_HARM_NONE)
                        ek_test_fail(
                                __FILE__, __LINE__,
                                "world seed %llu: connection %u unmarked, done %d error %s got %llu",
                                (unsigned long long)seed, i, x->done, elko_error_name(x->error),
                                (unsigned long long)x->got);
        }
        return whole;
}

static struct attacker_totals attack(uint32_t kinds, uint32_t rate, uint64_t delay, uint64_t seed,
                                     unsigned *whole)
{
        struct attacker_config c;
        struct attacker_totals t;
        struct field f;

        net_init(&net, seed);
        attacker_config_default(&c, kinds);
        c.rate = rate;
        c.start_ns = net.now + delay;
        field_open(&f, &c);
        net_run(&net, net.now + ELKO_SEC(4));
        net_heal(&net);
        net_run(&net, net.now + ELKO_SEC(400));
        *whole = field_check(&f, seed);
        t = *attacker_totals_get(f.atk);
        net_free(&net);
        return t;
}

EK_TEST(each_blind_kind_strikes_and_hurts_nobody)
{
        for (unsigned bit = 0; bit < ATTACKER_BITS; bit++) {
                struct attacker_totals t;
                unsigned whole = 0;

                if (bit == ATTACKER_BIT_SIGHTED)
                        continue;
                t = attack(1u << bit, 1000, ELKO_MS(50), 77 + bit,
                           &whole); /* they are open by then */
                if (t.sent[bit] < 10)
                        ek_test_fail(__FILE__, __LINE__, "%s sent %llu packets", attacker_name(bit),
                                     (unsigned long long)t.sent[bit]);
                if (whole < CONNS && bit != ATTACKER_BIT_NEAR_MISS) /* that one aims at luck */
                        ek_test_fail(__FILE__, __LINE__,
                                     "%s: %u whole, %llu lucky resets, %llu corrupt",
                                     attacker_name(bit), whole, (unsigned long long)t.lucky_resets,
                                     (unsigned long long)t.lucky_corruptions);
        }
}

EK_TEST(all_blind_kinds_together)
{
        unsigned hurt = 0, rounds = ek_test_rounds(8);

        for (unsigned k = 0; k < rounds; k++) {
                unsigned whole = 0;

                attack(ATTACKER_BLIND, 200u << k % 5, ELKO_MS(10 * (k % 10)), ek_test_rand() >> 8,
                       &whole);
                hurt += CONNS - whole;
        }
        CHECK(hurt < rounds * CONNS / 2); /* only who is still opening can be hurt by a blind SYN */
}

EK_TEST(a_sighted_attacker_is_no_threat_to_the_stack)
{
        unsigned hurt = 0;

        for (unsigned k = 0; k < ek_test_rounds(8); k++) {
                unsigned whole = 0;

                attack(ATTACKER_SIGHTED, 100, 0, ek_test_rand() >> 8, &whole);
                hurt += CONNS - whole;
        }
        CHECK(hurt > 0); /* it does work */
}

static uint64_t from_attacker, first_at, last_at;

static bool count_tap(void *ctx, int from, const uint8_t *packet, size_t len, uint64_t now)
{
        (void)ctx;
        (void)packet;
        (void)len;
        if (from == 2) {
                if (from_attacker++ == 0)
                        first_at = now;
                last_at = now;
        }
        return true;
}

EK_TEST(the_rate_is_kept_and_heal_ends_it)
{
        struct attacker_config c;
        uint64_t start, heal_at, before;
        struct field f;

        net_init(&net, 5);
        net.tap = count_tap;
        from_attacker = 0;
        attacker_config_default(&c, ATTACKER_ALL);
        c.rate = 500;
        c.start_ns = net.now + ELKO_SEC(1);
        field_open(&f, &c);
        start = net.now;
        net_run(&net, net.now + ELKO_SEC(11));
        CHECK(first_at >= start + ELKO_SEC(1));
        if (from_attacker < 2000 || from_attacker > 500 * 10 * 2)
                ek_test_fail(__FILE__, __LINE__, "%llu packets", (unsigned long long)from_attacker);
        heal_at = net.now;
        net_heal(&net);
        before = from_attacker; /* the resets of its own connections are in it */
        net_run(&net, net.now + ELKO_SEC(60));
        CHECK_EQ(from_attacker, before);
        CHECK(last_at <= heal_at);
        net_free(&net);
}

EK_TEST(max_packets_and_decide_hold_it_back)
{
        struct attacker_config c;
        struct field f;

        net_init(&net, 6);
        net.tap = count_tap;
        from_attacker = 0;
        attacker_config_default(&c, ATTACKER_BLIND_RST);
        c.max_packets = 50;
        field_open(&f, &c);
        net_run(&net, net.now + ELKO_SEC(30));
        CHECK_EQ(from_attacker, 50);
        net_free(&net);
}

/* -------------------------------------------------------------- the judgement */

static elko_endpoint client, server;

static void nothing_run(void *self, struct sim_world *w, uint64_t now)
{
        (void)self;
        (void)w;
        (void)now;
}

static void nothing_input(void *self, struct sim_world *w, const uint8_t *packet, size_t len,
                          uint64_t now)
{
        (void)packet;
        (void)len;
        nothing_run(self, w, now);
}

static const struct sim_node_ops nobody = {
        .name = "nobody", .input = nothing_input, .run = nothing_run};

/* Let the observers see a segment leave node `from`, and (unless lost) arrive. */
static void shows(int from, const struct pkt *s, bool arrives)
{
        uint8_t buf[1600];
        size_t n = pkt_build(s, buf, sizeof(buf));

        for (unsigned i = 0; i < net.observers; i++)
                net.observer[i].sent(net.observer[i].self, from, buf, n, net.now);
        for (unsigned i = 0; arrives && i < net.observers; i++)
                net.observer[i].arrives(net.observer[i].self,
                                        pkt_endpoint_equal(&s->dst, &client) ? 0 : 1, buf, n,
                                        net.now);
}

static struct pkt seg(bool to_server, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
        static uint8_t zeros[1400];
        struct pkt s = {.src = to_server ? client : server,
                        .dst = to_server ? server : client,
                        .seq = seq,
                        .ack = ack,
                        .flags = flags,
                        .window = 1000,
                        .payload = zeros,
                        .len = len};

        return s;
}

/* A connection: client ISS 100, server ISS 500; client sent 50 bytes, of which 20 are acknowledged. */
static void judge_open(unsigned steps)
{
        struct attacker_config c;
        struct pkt s;

        net_init(&net, 1);
        sim_node_add(&net, &nobody, NULL);
        sim_node_add(&net, &nobody, NULL);
        attacker_config_default(&c, ATTACKER_BLIND_RST);
        attacker_add(&net, &c, &judge);
        client = (elko_endpoint){.ip = sim_address(0, false), .port = 1234};
        server = (elko_endpoint){.ip = sim_address(1, false), .port = 80};
        s = seg(true, ELKO_SYN, 100, 0, 0);
        shows(0, &s, true);
        if (steps < 2)
                return;
        s = seg(false, ELKO_SYN | ELKO_ACK, 500, 101, 0);
        shows(1, &s, true);
        if (steps < 3)
                return;
        s = seg(true, ELKO_ACK, 101, 501, 0);
        shows(0, &s, true);
        s = seg(true, ELKO_ACK, 101, 501, 50);
        shows(0, &s, true);
        s = seg(false, ELKO_ACK, 501, 121, 0);
        shows(1, &s, true);
}

static void harm_is(unsigned steps, bool to_server, uint16_t flags, uint32_t seq, uint32_t ack,
                    uint32_t len, enum attacker_harm want)
{
        struct pkt s;
        enum attacker_harm got;

        judge_open(steps);
        s = seg(to_server, flags, seq, ack, len);
        shows(2, &s, true); /* from the attacker's node */
        got = attacker_harm(judge, &server, &client);
        net_free(&net);
        if (got != want)
                ek_test_fail(__FILE__, __LINE__, "flags %x seq %u ack %u len %u: harm %d, not %d",
                             flags, seq, ack, len, (int)got, (int)want);
}

EK_TEST(what_a_reset_may_do)
{
        /* The server's RCV.NXT is between 121 (its last ACK) and 151 (what reached it). */
        harm_is(3, true, ELKO_RST, 120, 0, 0, ATTACKER_HARM_NONE);
        harm_is(3, true, ELKO_RST, 121, 0, 0, ATTACKER_HARM_RESET);
        harm_is(3, true, ELKO_RST, 151, 0, 0, ATTACKER_HARM_RESET);
        harm_is(3, true, ELKO_RST, 152, 0, 0, ATTACKER_HARM_NONE);
        harm_is(3, false, ELKO_RST, 501, 0, 0, ATTACKER_HARM_RESET);
        harm_is(3, false, ELKO_RST, 502, 0, 0, ATTACKER_HARM_NONE);
        /* SYN-SENT: the ACK decides. */
        harm_is(1, false, ELKO_RST, 0, 0, 0, ATTACKER_HARM_NONE);
        harm_is(1, false, ELKO_RST | ELKO_ACK, 0, 101, 0, ATTACKER_HARM_RESET);
        harm_is(1, false, ELKO_RST | ELKO_ACK, 0, 102, 0, ATTACKER_HARM_NONE);
}

EK_TEST(what_a_syn_may_do)
{
        harm_is(3, true, ELKO_SYN, 121, 0, 0, ATTACKER_HARM_NONE);
        harm_is(3, false, ELKO_SYN | ELKO_ACK, 501, 151, 0, ATTACKER_HARM_NONE);
        harm_is(2, true, ELKO_SYN, 101, 0, 0, ATTACKER_HARM_RESET); /* SYN-RECEIVED */
        harm_is(1, false, ELKO_SYN, 9, 0, 0, ATTACKER_HARM_RESET);  /* SYN-SENT */
        harm_is(1, false, ELKO_SYN | ELKO_ACK, 9, 101, 0, ATTACKER_HARM_CORRUPT);
        harm_is(1, false, ELKO_SYN | ELKO_ACK, 9, 100, 0, ATTACKER_HARM_NONE);
}

EK_TEST(what_data_and_acks_may_do)
{
        /* In the window 121..1121 with an ACK in 501 - 1000 .. 501. */
        harm_is(3, true, ELKO_ACK, 121, 501, 10, ATTACKER_HARM_CORRUPT);
        harm_is(3, true, ELKO_ACK, 1000, 501, 10, ATTACKER_HARM_CORRUPT);
        harm_is(3, true, ELKO_ACK, 121, 502, 10, ATTACKER_HARM_NONE);
        harm_is(3, true, ELKO_ACK, 121, 501u - 1001u, 10, ATTACKER_HARM_NONE);
        harm_is(3, true, ELKO_ACK, 100, 501, 10, ATTACKER_HARM_NONE);
        harm_is(3, true, ELKO_ACK, 1122, 501, 10, ATTACKER_HARM_NONE);
        harm_is(3, true, 0, 121, 0, 10, ATTACKER_HARM_NONE);
        harm_is(3, false, ELKO_ACK, 501, 140, 0, ATTACKER_HARM_CORRUPT); /* it acknowledges data */
}

/* RFC 5961, 5.2 counts from SND.UNA, and what stands at the right edge need not be believed (RFC 9293, 3.4): the server
 * sent 200 octets, an ACK of them came from behind its window, and an ACK older than that by a window is still good. */
EK_TEST(an_ack_behind_the_window_may_not_count)
{
        for (uint32_t old = 0; old < 2; old++) {
                struct pkt s;

                judge_open(3);
                s = seg(false, ELKO_ACK, 501, 121, 200);
                shows(1, &s, true);
                s = seg(true, ELKO_ACK, 1121, 701, 0);
                shows(0, &s, true);
                s = seg(true, ELKO_ACK, 121, 501u - 1000u - old, 10);
                shows(2, &s, true);
                CHECK_EQ(attacker_harm(judge, &server, &client),
                         old == 0 ? ATTACKER_HARM_CORRUPT : ATTACKER_HARM_NONE);
                net_free(&net);
        }
}

/* A link may pad what it carries; it is the attacker's packet all the same. */
EK_TEST(padding_hides_nothing)
{
        struct pkt s;
        uint8_t buf[100];
        size_t n;

        judge_open(3);
        s = seg(true, ELKO_RST, 121, 0, 0);
        n = pkt_build(&s, buf, sizeof(buf));
        memset(buf + n, 0xaa, 6);
        for (unsigned i = 0; i < net.observers; i++) {
                net.observer[i].sent(net.observer[i].self, 2, buf, n, net.now);
                net.observer[i].arrives(net.observer[i].self, 1, buf, n + 6, net.now);
        }
        CHECK_EQ(attacker_harm(judge, &client, &server), ATTACKER_HARM_RESET);
        net_free(&net);
}

EK_TEST(packets_of_the_connection_itself_do_no_harm)
{
        struct pkt s;

        judge_open(3);
        s = seg(true, ELKO_RST, 151, 0, 0);
        shows(0, &s, true);
        CHECK_EQ(attacker_harm(judge, &client, &server), ATTACKER_HARM_NONE);
        net_free(&net);
}
