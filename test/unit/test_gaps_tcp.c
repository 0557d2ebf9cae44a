/* SPDX-License-Identifier: MIT */
/*
 * test_gaps_tcp.c - properties of small parts of the engine that hold at the ends of their ranges, and that
 * no conversation can show.
 */
#include "sock/ports.h"
#include "stack/stack.h"

#include "ek_test.h"

static struct ek_key key_number(uint32_t i)
{
        struct ek_key key = {.local = elko_ip_v4(10, 0, 0, 1), .lport = 80};

        key.remote = elko_ip_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);
        key.rport = (uint16_t)(1024 + i % 50000);
        return key;
}

/* An idle connection takes 512 bytes at most, its shares of the connection table and of slabs included. */
EK_TEST(an_idle_connection_is_small)
{
        CHECK(sizeof(struct ek_tcb) <= 504);
}

/* The number of our SYN comes again every 4 GiB. Then it is a byte's, and what is in flight is all data. */
EK_TEST(the_number_of_the_syn_comes_again)
{
        static struct ek_active act = {.snd = {.len = 100}};
        struct ek_tcb tcb = {.state = ELKO_TCP_ESTABLISHED, .act = &act};

        tcb.iss = tcb.snd_una = seq_make(1000);
        tcb.snd_nxt = seq_make(1100);
        CHECK_EQ(ek_tcb_data_in_flight(&tcb), 100);
        CHECK_EQ(ek_tcb_unsent(&tcb), 0);
        tcb.state = ELKO_TCP_SYN_RECEIVED;
        CHECK_EQ(ek_tcb_data_in_flight(&tcb), 99);
}

/* Who does not know the secret can't tell which connections share a bucket: under two secrets the buckets
 * of the same tuples have nothing to do with each other. */
EK_TEST(the_table_is_keyed)
{
        static struct ek_tcp a, b;
        uint32_t equal = 0;

        a.secrets.table = (struct ek_siphash_key){1, 2};
        b.secrets.table = (struct ek_siphash_key){3, 4};
        for (uint32_t i = 0; i < 4096; i++) {
                struct ek_key key = key_number(i);

                equal += (ek_tcp_hash(&a, &key) & 63) == (ek_tcp_hash(&b, &key) & 63);
        }
        CHECK(equal > 20 && equal < 128); /* 64 expected, standard deviation 8 */
}

/* Initial sequence numbers and timestamps of different tuples have nothing to do with each other; those of
 * one tuple move with the clock and stay put. [RFC7323 7.1; RFC6528 3b; RFC6191 3] */
EK_TEST(every_tuple_has_its_own_clocks)
{
        static struct ek_tcp t;
        uint32_t close_iss = 0, close_ts = 0;

        t.secrets.iss = (struct ek_siphash_key){5, 6};
        t.secrets.ts = (struct ek_siphash_key){7, 8};
        for (uint32_t i = 0; i < 4096; i++) {
                struct ek_key a = key_number(i), b = key_number(i + 1);
                uint32_t iss = ek_iss_make(&t, &a, 0).v - ek_iss_make(&t, &b, 0).v;
                uint32_t ts = ek_iss_ts_offset(&t, &a) - ek_iss_ts_offset(&t, &b);

                close_iss += iss + 0x800000 < 0x1000000;
                close_ts += ts + 0x800000 < 0x1000000;
                CHECK_EQ(ek_iss_make(&t, &a, 1000).v, ek_iss_make(&t, &a, 0).v + 1000);
                CHECK_EQ(ek_iss_ts_offset(&t, &a), ek_iss_ts_offset(&t, &a));
        }
        CHECK(close_iss < 40 && close_ts < 40); /* within 2^23 of each other: 16 expected */
}

/* The congestion window neither wraps nor exceeds what sequence numbers allow (2^31), however much is
 * acknowledged for however long, in slow start and in congestion avoidance. */
EK_TEST(the_congestion_window_saturates)
{
        for (int avoidance = 0; avoidance < 2; avoidance++) {
                uint64_t priv[ELKO_CC_PRIVATE_BYTES / 8];
                struct elko_cc_out out;
                struct elko_cc_init init = {.mss = 65000, .initial_cwnd_bytes = 650000};
                struct elko_cc_ack ev = {
                        .mss = 65000, .acked_bytes = 1u << 29, .cwnd_limited = true};
                uint32_t before;

                elko_cc_newreno.init(priv, &out, &init);
                if (avoidance) {
                        out.cwnd_bytes = 1u << 29;
                        out.ssthresh_bytes = 1u << 20;
                }
                for (uint32_t i = 0; i < 300000; i++) {
                        before = out.cwnd_bytes;
                        ev.flight_bytes = before;
                        ev.now = i * ELKO_MS(10);
                        elko_cc_newreno.on_ack(priv, &out, &ev);
                        CHECK(out.cwnd_bytes >= before);
                        CHECK(out.cwnd_bytes <= 1u << 31);
                }
        }
}

/* A window that is not used says nothing about the path (RFC 7661): whatever is acknowledged, in slow start
 * and in congestion avoidance, it does not grow. */
EK_TEST(a_window_that_is_not_used_stays)
{
        for (uint32_t i = 0; i < 1000; i++) {
                uint64_t priv[ELKO_CC_PRIVATE_BYTES / 8];
                struct elko_cc_out out;
                struct elko_cc_init init = {.mss = 1000, .initial_cwnd_bytes = 10000};
                struct elko_cc_ack ev = {.mss = 1000, .acked_bytes = ek_test_below(20000)};
                uint32_t before;

                elko_cc_newreno.init(priv, &out, &init);
                if (i % 2 == 1)
                        out.ssthresh_bytes = 2000 + ek_test_below(10000);
                before = out.cwnd_bytes;
                for (uint32_t k = 0; k < 50; k++)
                        elko_cc_newreno.on_ack(priv, &out, &ev);
                CHECK_EQ(out.cwnd_bytes, before);
        }
}

/* RFC 5681, 3.2 and RFC 6582, 3.2 against a model that counts without bounds: one recovery for each window,
 * at the third duplicate, however many follow. [RFC5681 4.3a; RFC6582 3.2-2] */
EK_TEST(one_recovery_for_each_window)
{
        for (uint32_t round = 0; round < ek_test_rounds(2000); round++) {
                struct ek_dupack d = {0};
                seq_t una = seq_make((uint32_t)ek_test_rand()), nxt = una, recover = una;
                uint32_t count = 0;
                bool recovering = false, guarded = false;

                for (uint32_t step = 0; step < 40; step++) {
                        uint32_t n = ek_test_below(3) == 0 ? 600 : ek_test_below(5);

                        nxt = seq_add(nxt, ek_test_below(5000));
                        for (uint32_t i = 0; i < n && !seq_eq(una, nxt); i++) {
                                bool enters = ++count == EK_DUPACK_THRESHOLD && !recovering &&
                                              (!guarded || seq_gt(una, recover));

                                CHECK_EQ(ek_dupack_on_duplicate(&d, una, nxt) == EK_DUPACK_ENTER,
                                         enters);
                                if (enters) {
                                        recovering = guarded = true;
                                        recover = nxt;
                                }
                        }
                        if (ek_test_below(8) == 0) {
                                ek_dupack_on_timeout(&d, nxt);
                                recovering = false;
                                guarded = true;
                                recover = nxt;
                                count = 0;
                        }
                        if (!seq_eq(una, nxt)) {
                                una = seq_add(una, 1 + ek_test_below(seq_diff(nxt, una)));
                                count = 0;
                                CHECK_EQ(ek_dupack_on_progress(&d, una),
                                         !recovering            ? EK_DUPACK_NORMAL
                                         : seq_lt(una, recover) ? EK_DUPACK_PARTIAL
                                                                : EK_DUPACK_FULL);
                                recovering = recovering && seq_lt(una, recover);
                        }
                }
        }
}

/* RFC 9293, 3.8.6 (the window is not shrunk): what was promised once stays promised, at every scale, with
 * reads and segments of any size; and no promise exceeds the buffer. [RFC7323 2.4-1 2.4-2] */
EK_TEST(promises_are_kept)
{
        for (uint32_t round = 0; round < ek_test_rounds(3000); round++) {
                uint8_t scale = (uint8_t)ek_test_below(15);
                uint32_t space = 2048 + ek_test_below(1u << (12 + ek_test_below(10))), used = 0;
                seq_t nxt = seq_make((uint32_t)ek_test_rand()), promised = nxt;
                struct ek_rcv_window w;

                if (space >> scale == 0)
                        continue;
                ek_rcv_window_init(&w, space, nxt, 0);
                for (uint32_t step = 0; step < 60; step++) {
                        struct ek_rcv_adv adv = ek_rcv_window_plan(&w, nxt, used, 1460, scale);
                        uint32_t left;

                        ek_rcv_window_on_sent(&w, nxt, adv.bytes);
                        CHECK_EQ(adv.bytes, (uint32_t)adv.field << scale);
                        promised = seq_max(promised, seq_add(nxt, adv.bytes));
                        left = ek_rcv_window_left(&w, nxt);
                        CHECK(seq_eq(seq_add(nxt, left), promised));
                        CHECK(used + left <= space);
                        if (left > 0) {
                                uint32_t n = 1 + ek_test_below(ek_min_u32(left, 1460));

                                nxt = seq_add(nxt, n);
                                used += n;
                        }
                        used -= ek_test_below(used + 1);
                }
        }
}

/* What the RFCs say of values that nobody has changed: RFC 9293, 3.8.3 (R2), 3.8.4 (keep-alives), 3.8.6.3 (delayed
 * ACKs); RFC 6298, 2.1 (the first RTO); RFC 6928, 2 (the initial window). [RFC9293 SHLD-11; RFC6298 2.5] */
EK_TEST(defaults_are_those_of_the_rfcs)
{
        struct elko_config c;

        elko_config_default(&c);
        CHECK(c.r2_ns >= ELKO_SEC(100));
        CHECK(c.r2_syn_ns >= ELKO_SEC(180));
        CHECK(c.keepalive_idle_ns >= ELKO_SEC(7200));
        CHECK(c.keepalive_interval_ns >= ELKO_SEC(1) && c.keepalive_count > 1);
        CHECK(c.delack_ns < ELKO_MS(500));
        CHECK(c.rto_initial_ns >= ELKO_SEC(1) && c.rto_max_ns >= ELKO_SEC(60));
        CHECK(c.initial_window_segs >= 1 && c.initial_window_segs <= 10);
        CHECK(c.port_min >= 1024 && c.port_max > c.port_min);
}

/* ---- ephemeral ports, RFC 6056 ---- */

static elko_stack *stack_with_ports(uint16_t min, uint16_t max)
{
        static _Alignas(4096) uint8_t region[1 << 20];
        struct elko_config cfg;
        const char *why = NULL;
        elko_stack *st;

        elko_config_default(&cfg);
        for (unsigned i = 0; i < ELKO_SEED_BYTES; i++)
                cfg.seed[i] = (uint8_t)(ek_test_rand() | 1);
        cfg.max_connections = cfg.max_half_open = cfg.max_time_wait = 16;
        cfg.port_min = min;
        cfg.port_max = max;
        st = elko_stack_create(region, sizeof(region), &cfg, 0, &why);
        if (st == NULL)
                ek_test_fail(__FILE__, __LINE__, "elko_stack_create(): %s", why);
        return st;
}

static uint16_t port_towards(struct ek_tcp *t, uint32_t peer)
{
        struct ek_key key = key_number(peer);

        CHECK(ek_ports_choose(t, &key));
        CHECK(key.lport >= t->cfg.port_min && key.lport <= t->cfg.port_max);
        return key.lport;
}

/* 3.2: who sees the ports towards himself can't guess those towards another. [RFC6056 3.3a] */
EK_TEST(ports_towards_different_peers_have_nothing_in_common)
{
        struct ek_tcp *t = &stack_with_ports(49152, 65535)->tcp;
        uint32_t close = 0;

        for (uint32_t i = 0; i < 4096; i++) {
                int d = port_towards(t, 2 * i) - port_towards(t, 2 * i + 1);

                close += d >= -16 && d <= 16;
        }
        CHECK(close < 40); /* 8 expected, standard deviation 3 */
}

/* 3.1: a port towards one peer comes back only after the whole range. [RFC6056 3.3.4] */
EK_TEST(ports_towards_one_peer_come_back_late)
{
        struct ek_tcp *t = &stack_with_ports(50000, 50099)->tcp;
        bool used[100] = {false};

        for (uint32_t i = 0; i < 100; i++) {
                uint16_t port = port_towards(t, 1);

                CHECK(!used[port - 50000]);
                used[port - 50000] = true;
        }
}

/* With every port taken the search says so, after each port was looked at once. [RFC6056 3.2a] */
EK_TEST(ports_that_are_all_taken)
{
        elko_stack *st = stack_with_ports(50000, 50003);
        struct ek_key key = key_number(1);
        elko_sock s;

        for (uint16_t port = 50000; port <= 50003; port++) {
                elko_endpoint local = {.port = port};

                CHECK_EQ(elko_listen(st, &local, NULL, &s), 0);
        }
        CHECK(!ek_ports_choose(&st->tcp, &key));
}

EK_TEST_MAIN();
