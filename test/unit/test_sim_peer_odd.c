/* SPDX-License-Identifier: MIT */
/*
 * Each oddity does what it says: seen in the packets that leave a peer which has this oddity alone, while
 * a plain one sends none of it. And the small packet builder and parser under it.
 */
#include "ek_test.h"

#include "peer_odd.h"
#include "pkt.h"
#include "test_sim_peer_net.h"

EK_TEST_MAIN();

static struct sim_world net;

/* What node 0, the odd one, sent over all runs of a case. */
static struct {
        uint64_t pure_acks, data, retransmitted, overlapped, small, probes_below, fins_with_data,
                fins_alone;
        uint64_t acks_inside, repeated_acks, zero_windows, tiny_windows, shrunk, updates, sacks,
                dsacks;
        uint64_t reneged, crossing_fins, resets, syn_data, third_with_data;
        uint64_t late_acks; /* 100..500 ms after the data that they acknowledge */
        uint64_t late_fins; /* more than 5 ms after the last data */
        uint64_t data_in;
        uint32_t syn_options, isn;
        uint8_t scale;
        uint16_t mss;
        bool near_edge;
} did;

static struct {
        uint32_t top, last_ack, last_edge, iss, rcv_end, sacked_left, sacked_right;
        uint16_t last_window;
        uint8_t scale;
        unsigned packets;
        uint64_t data_at, last_data_at, oldest_unacked;
        bool any, any_ack, got_fin, sent_fin, has_sacked;
        uint32_t fin_from;
        uint32_t ends[4096]; /* the boundaries at which the other side's segments end */
        unsigned end_count;
} now_seen;

static bool is_boundary(uint32_t ack)
{
        for (unsigned i = 0; i < now_seen.end_count; i++)
                if (now_seen.ends[i] == ack)
                        return true;
        return false;
}

static void watch_sacks(const struct pkt *s)
{
        bool covered = false;

        if (s->sack_count > 0) {
                did.sacks++;
                if (pkt_le(s->sack[0].right, s->ack))
                        did.dsacks++;
        }
        if (now_seen.has_sacked && pkt_lt(s->ack, now_seen.sacked_right) && s->sack_count < 3) {
                for (unsigned i = 0; i < s->sack_count; i++)
                        covered |= pkt_le(s->sack[i].left, now_seen.sacked_left) &&
                                   pkt_lt(now_seen.sacked_left, s->sack[i].right);
                if (!covered) {
                        did.reneged++;
                        now_seen.has_sacked = false;
                }
        }
        if (s->sack_count > 0 && pkt_lt(s->ack, s->sack[0].left)) {
                now_seen.has_sacked = true;
                now_seen.sacked_left = s->sack[0].left;
                now_seen.sacked_right = s->sack[0].right;
        }
}

static void watch_acks(const struct pkt *s, uint64_t now)
{
        uint32_t edge =
                s->ack + ((uint32_t)s->window << (s->flags & ELKO_SYN ? 0 : now_seen.scale));

        if (now_seen.any_ack && !(s->flags & (ELKO_SYN | ELKO_RST))) {
                if (pkt_lt(edge, now_seen.last_edge))
                        did.shrunk++;
                if (s->ack == now_seen.last_ack && s->len == 0 && !(s->flags & ELKO_FIN)) {
                        did.repeated_acks += s->window == now_seen.last_window;
                        did.updates += s->window != now_seen.last_window;
                }
                did.zero_windows += edge == s->ack;
                did.tiny_windows += edge != s->ack && edge - s->ack <= 128;
                if (s->ack != now_seen.last_ack && !is_boundary(s->ack))
                        did.acks_inside++;
                if (s->len == 0 && s->ack != now_seen.last_ack && now_seen.oldest_unacked != 0 &&
                    now - now_seen.oldest_unacked >= ELKO_MS(90) &&
                    now - now_seen.oldest_unacked <= ELKO_MS(500))
                        did.late_acks++;
        }
        if (!now_seen.any_ack || pkt_lt(now_seen.last_ack, s->ack))
                now_seen.oldest_unacked = 0;
        now_seen.any_ack = true;
        now_seen.last_ack = s->ack;
        now_seen.last_edge = edge;
        now_seen.last_window = s->window;
        watch_sacks(s);
}

static void watch_data(const struct pkt *s, uint64_t now)
{
        uint32_t end = s->seq + s->len;

        if (s->flags & ELKO_FIN) {
                did.fins_with_data += s->len > 0;
                did.fins_alone += s->len == 0;
                if (!now_seen.sent_fin) {
                        did.late_fins += now_seen.last_data_at != 0 &&
                                         now > now_seen.last_data_at + ELKO_MS(5);
                        did.crossing_fins += now_seen.got_fin && now_seen.fin_from == s->ack;
                }
                now_seen.sent_fin = true;
        }
        if (s->len == 0) {
                did.probes_below +=
                        !(s->flags & (ELKO_SYN | ELKO_RST)) && s->seq + 1 == now_seen.top;
                did.pure_acks += !(s->flags & (ELKO_SYN | ELKO_FIN | ELKO_RST));
                return;
        }
        did.data++;
        did.small += s->len < 400;
        if (now_seen.any && pkt_lt(s->seq, now_seen.top)) {
                did.retransmitted += pkt_le(end, now_seen.top);
                did.overlapped += pkt_lt(now_seen.top, end);
        }
        now_seen.last_data_at = now;
        if (!now_seen.any || pkt_lt(now_seen.top, end))
                now_seen.top = end;
        now_seen.any = true;
}

static void leaves(void *self, int from, const uint8_t *packet, size_t len, uint64_t now)
{
        struct pkt s;

        (void)self;
        CHECK(pkt_parse(&s, packet, len)); /* both sides send well-formed packets only */
        if (from != 0) {
                did.data_in += s.len > 0;
                return;
        }
        if (s.flags & ELKO_SYN) {
                did.syn_options = s.options;
                did.mss = s.mss;
                did.scale = s.wscale;
                did.isn = now_seen.iss = s.seq;
                did.syn_data += s.len > 0;
                did.near_edge = s.seq + 70000 < 140000 || s.seq + 0x80000000u + 70000 < 140000;
                now_seen.scale = s.options & ELKO_OPT_WSCALE ? s.wscale : 0;
                now_seen.top = s.seq + 1;
        }
        did.resets += (s.flags & ELKO_RST) != 0;
        if (++now_seen.packets == 2)
                did.third_with_data += s.len > 0;
        if (s.flags & ELKO_ACK)
                watch_acks(&s, now);
        if (!(s.flags & ELKO_SYN))
                watch_data(&s, now);
}

static void reaches(void *self, int at, const uint8_t *packet, size_t len, uint64_t now)
{
        struct pkt s;

        (void)self;
        if (at != 0 || !pkt_parse(&s, packet, len))
                return;
        if (s.len > 0 && now_seen.oldest_unacked == 0 && now_seen.any_ack &&
            pkt_lt(now_seen.last_ack, s.seq + s.len))
                now_seen.oldest_unacked = now;
        if (now_seen.end_count < 4096)
                now_seen.ends[now_seen.end_count++] = s.seq + pkt_seg_len(&s);
        if (now_seen.end_count < 4096)
                now_seen.ends[now_seen.end_count++] = s.seq + s.len;
        if (s.flags & ELKO_FIN) {
                now_seen.got_fin = true;
                now_seen.fin_from = s.seq + s.len;
        }
}

static bool both_send(void *ctx, const elko_endpoint *local, const elko_endpoint *remote,
                      bool active, struct peer_odd_plan *out)
{
        (void)ctx;
        (void)local;
        (void)remote;
        out->tx_bytes = active ? 60000 : 80000;
        out->rx_bytes = active ? 80000 : 60000;
        return true;
}

static bool writes_little(void *ctx, const elko_endpoint *local, const elko_endpoint *remote,
                          bool active, struct peer_odd_plan *out)
{
        both_send(ctx, local, remote, active, out);
        out->tx_bytes = active ? 1000 : 300;
        out->rx_bytes = active ? 300 : 1000;
        return true;
}

static uint64_t acted; /* as the peer itself counts it */
static uint32_t other; /* oddities of node 1 */

/* Node 0 has `oddity` (PEER_ODD_NONE: nothing odd) and opens; node 1 is plain. */
static void runs(uint32_t oddity, uint32_t loss, bool little, unsigned rounds)
{
        memset(&did, 0, sizeof(did));
        acted = 0;
        for (unsigned k = 0; k < rounds; k++) {
                struct sim_observer o = {.sent = leaves, .arrives = reaches};
                elko_endpoint to = {.ip = sim_address(1, false), .port = 80};
                struct peer_odd_config c;
                struct peer_odd *a, *b;

                memset(&now_seen, 0, sizeof(now_seen));
                net_init(&net, 1000 + k);
                net.loss_ppm = loss;
                net.dup_ppm = loss;
                sim_observe(&net, &o);
                peer_odd_config_default(&c);
                c.plan = little ? writes_little : both_send;
                c.rcv_buf = 40000;
                c.oddities = oddity;
                c.oddity_ppm = 1000000;
                peer_odd_add(&net, &c, &a);
                c.oddities = other;
                peer_odd_add(&net, &c, &b);
                peer_odd_listen(b, 80);
                CHECK(peer_odd_connect(a, &net, &to, 0, NULL, net.now) != 0);
                net_run(&net, net.now + ELKO_SEC(500));
                if (net.failure[0] != '\0')
                        ek_test_fail(__FILE__, __LINE__, "%s", net.failure);
                CHECK_EQ(peer_odd_totals_get(a)->open, 0);
                CHECK_EQ(peer_odd_totals_get(b)->open, 0);
                for (unsigned bit = 0; bit < PEER_ODD_BITS; bit++)
                        acted += oddity >> bit & 1 ? peer_odd_totals_get(a)->did[bit] : 0;
                net_free(&net);
        }
}

EK_TEST(a_plain_peer_does_nothing_odd)
{
        runs(PEER_ODD_NONE, 0, false, 5);
        CHECK_EQ(did.retransmitted + did.overlapped + did.shrunk + did.zero_windows +
                         did.tiny_windows,
                 0);
        CHECK_EQ(did.acks_inside + did.late_acks + did.resets + did.syn_data + did.third_with_data,
                 0);
        CHECK_EQ(did.probes_below + did.repeated_acks + did.crossing_fins, 0);
        CHECK_EQ(did.syn_options,
                 ELKO_OPT_MSS | ELKO_OPT_WSCALE | ELKO_OPT_SACK_PERMITTED | ELKO_OPT_TIMESTAMPS);
        CHECK_EQ(did.mss, 1460);
        runs(PEER_ODD_NONE, 50000, false, 5);
        CHECK(did.retransmitted > 0);
        CHECK_EQ(did.overlapped + did.shrunk + did.dsacks + did.reneged, 0);
        CHECK(did.sacks > 0);
}

EK_TEST(acknowledgements)
{
        uint64_t plain;

        runs(PEER_ODD_NONE, 0, false, 5);
        plain = did.pure_acks;
        CHECK(plain * 4 > did.data_in); /* about every second segment */
        runs(PEER_ODD_STRETCH_ACK, 0, false, 5);
        CHECK(did.pure_acks * 3 < plain * 2);
        runs(PEER_ODD_ACK_EVERY_BYTE, 0, false, 5);
        CHECK(did.acks_inside > 100);
        other = PEER_ODD_DELAY_FIN; /* or its FIN is on the data, and gets an ACK at once */
        runs(PEER_ODD_NONE, 0, true, 5);
        CHECK_EQ(did.late_acks, 0);
        runs(PEER_ODD_SLOW_ACK, 0, true, 5);
        other = PEER_ODD_NONE;
        CHECK(did.late_acks > 0);
        runs(PEER_ODD_DUP_ACK, 0, false, 5);
        CHECK(did.repeated_acks > 10);
}

EK_TEST(windows)
{
        uint64_t plain;

        runs(PEER_ODD_TINY_WINDOW, 0, false, 5);
        CHECK(did.tiny_windows > 20);
        runs(PEER_ODD_SHRINK_WINDOW, 0, false, 5);
        CHECK(did.shrunk > 5);
        runs(PEER_ODD_LOSE_UPDATE, 0, false, 5);
        CHECK(did.zero_windows > 5);
        CHECK_EQ(did.shrunk, 0);
        runs(PEER_ODD_NONE, 0, true, 5);
        plain = did.pure_acks;
        runs(PEER_ODD_WINDOW_UPDATE | PEER_ODD_DELAY_FIN, 0, true, 5);
        CHECK(did.pure_acks > plain);
        CHECK(acted > 0);
        runs(PEER_ODD_SLOW_READER, 0, false, 5);
        CHECK(did.updates > 0);
        CHECK(acted > 5);
}

EK_TEST(sack)
{
        runs(PEER_ODD_RENEGE, 100000, false, 8);
        CHECK(acted > 5);
        CHECK(did.reneged > 0);
        runs(PEER_ODD_DSACK, 100000, false, 5);
        CHECK(did.dsacks > 5);
        runs(PEER_ODD_NO_SACK, 100000, false, 5);
        CHECK_EQ(did.sacks, 0);
        CHECK(!(did.syn_options & ELKO_OPT_SACK_PERMITTED));
}

EK_TEST(sending)
{
        uint64_t plain;

        runs(PEER_ODD_NONE, 100000, false, 5);
        plain = did.small;
        runs(PEER_ODD_REPACKETISE, 100000, false, 5);
        CHECK(acted > 5);
        if (did.small < plain + 3)
                ek_test_fail(__FILE__, __LINE__, "%llu small segments, %llu plain",
                             (unsigned long long)did.small, (unsigned long long)plain);
        runs(PEER_ODD_OVERLAP | PEER_ODD_SMALL_SEGMENTS, 0, false, 5);
        CHECK(did.overlapped > 5);
        runs(PEER_ODD_SMALL_SEGMENTS, 0, false, 5);
        CHECK(did.small > 20);
        runs(PEER_ODD_DATA_ON_ACK, 0, false, 3);
        CHECK_EQ(did.third_with_data, 3);
        runs(PEER_ODD_DATA_ON_SYN, 0, false, 3);
        CHECK_EQ(did.syn_data, 3);
        runs(PEER_ODD_KEEPALIVE | PEER_ODD_DELAY_FIN, 0, true, 8);
        CHECK(did.probes_below > 0);
}

EK_TEST(closing)
{
        runs(PEER_ODD_NONE, 0, true, 3);
        CHECK_EQ(did.fins_with_data, 3);
        runs(PEER_ODD_FIN_ALONE, 0, true, 3);
        CHECK_EQ(did.fins_with_data, 0);
        CHECK_EQ(did.fins_alone, 3);
        runs(PEER_ODD_DELAY_FIN, 0, true, 6);
        CHECK(did.late_fins > 2);
        runs(PEER_ODD_CLOSE_TOGETHER, 0, true, 6);
        CHECK(did.crossing_fins > 0);
        runs(PEER_ODD_ABORT, 0, false, 6);
        CHECK(did.resets >= 6);
        runs(PEER_ODD_HALF_CLOSE, 0, false, 3);
        CHECK_EQ(acted, 3);
}

EK_TEST(options_and_numbers)
{
        uint32_t scales = 0, different = 0;
        uint16_t mss = 0;

        runs(PEER_ODD_NO_TIMESTAMPS, 0, true, 1);
        CHECK(!(did.syn_options & ELKO_OPT_TIMESTAMPS));
        runs(PEER_ODD_NO_WSCALE, 0, true, 1);
        CHECK(!(did.syn_options & ELKO_OPT_WSCALE));
        runs(PEER_ODD_NO_MSS, 0, true, 1);
        CHECK(!(did.syn_options & ELKO_OPT_MSS));
        runs(PEER_ODD_ISN_EDGE, 0, true, 1);
        CHECK(did.near_edge);
        for (unsigned n = 1; n <= 40; n++) { /* the last run's SYN is the one that is seen */
                runs(PEER_ODD_WSCALE | PEER_ODD_MSS, 0, true, n);
                CHECK(did.scale <= 14);
                CHECK(did.mss >= 48 && did.mss <= 9000);
                scales |= 1u << did.scale;
                different += did.mss != mss;
                mss = did.mss;
        }
        CHECK(__builtin_popcount(scales) > 8);
        CHECK(different > 20);
}

/* An MSS that nobody would send doesn't make it write more than there is room for. */
EK_TEST(an_absurd_mss_is_survived)
{
        for (uint16_t mss = 0; mss < 70; mss++) {
                struct pkt s = {
                        .flags = ELKO_SYN, .options = ELKO_OPT_MSS, .mss = mss, .window = 60000};
                struct peer_odd_config c;
                struct peer_odd *p;
                uint8_t buf[100];
                size_t n;

                net_init(&net, mss);
                peer_odd_config_default(&c);
                c.plan = both_send;
                c.oddities = PEER_ODD_DATA_ON_SYN;
                c.oddity_ppm = 1000000;
                peer_odd_add(&net, &c, &p);
                peer_odd_listen(p, 80);
                s.src = (elko_endpoint){.ip = sim_address(1, false), .port = 9};
                s.dst = (elko_endpoint){.ip = sim_address(0, false), .port = 80};
                n = pkt_build(&s, buf, sizeof(buf));
                net.node[0].ops->input(p, &net, buf, n, net.now);
                net_run(&net, net.now + ELKO_SEC(300));
                CHECK_EQ(peer_odd_totals_get(p)->ended[PEER_ODD_END_TIMED_OUT], 1);
                net_free(&net);
        }
}

/* ------------------------------------------------------------------ illegal mode */

EK_TEST(illegal_mode_breaks_packets_and_two_of_them_still_end)
{
        uint64_t mutated = 0;

        for (unsigned k = 0; k < 40; k++) {
                elko_endpoint to = {.ip = sim_address(1, k % 2 != 0), .port = 80};
                struct peer_odd_config c;
                struct peer_odd *a, *b;

                net_init(&net, k);
                peer_odd_config_default(&c);
                c.plan = both_send;
                c.illegal_ppm = 100000;
                peer_odd_add(&net, &c, &a);
                peer_odd_add(&net, &c, &b);
                peer_odd_listen(b, 80);
                peer_odd_connect(a, &net, &to, 0, NULL, net.now);
                net_run(&net, net.now + ELKO_SEC(30));
                net_heal(&net);
                net_run(&net, net.now + ELKO_SEC(2000));
                CHECK_EQ(net.failure[0], '\0'); /* it verifies nothing */
                CHECK_EQ(peer_odd_totals_get(a)->open, 0);
                CHECK_EQ(peer_odd_totals_get(b)->open, 0);
                mutated += peer_odd_totals_get(a)->mutated + peer_odd_totals_get(b)->mutated;
                net_free(&net);
        }
        CHECK(mutated > 200);
}

/* ------------------------------------------------------------- it can say no */

static uint32_t spoil_at;

static bool spoil(void *ctx, int from, const uint8_t *packet, size_t len, uint64_t now)
{
        static uint8_t copy[SIM_MTU_MAX];
        struct pkt s;

        (void)ctx;
        (void)now;
        if (from != 1 || !pkt_parse(&s, packet, len) || s.len < 100 || spoil_at == 0 ||
            --spoil_at > 0)
                return true;
        memcpy(copy, packet, len);
        copy[len - 1] ^= 1;
        pkt_fix_checksums(copy, len);
        sim_forward(&net, 1, 0, copy, len);
        return false;
}

EK_TEST(one_wrong_bit_in_the_stream_is_noticed)
{
        elko_endpoint to = {.ip = sim_address(1, false), .port = 80};
        struct peer_odd_config c;
        struct peer_odd *a, *b;

        net_init(&net, 3);
        net.tap = spoil;
        spoil_at = 7;
        peer_odd_config_default(&c);
        c.oddity_ppm = 0;
        c.plan = both_send;
        peer_odd_add(&net, &c, &a);
        peer_odd_add(&net, &c, &b);
        peer_odd_listen(b, 80);
        peer_odd_connect(a, &net, &to, 0, NULL, net.now);
        net_run(&net, net.now + ELKO_SEC(100));
        CHECK(strstr(net.failure, "a byte is not the one that was written") != NULL);
        net_free(&net);
}

static bool wrong_length(void *ctx, const elko_endpoint *local, const elko_endpoint *remote,
                         bool active, struct peer_odd_plan *out)
{
        both_send(ctx, local, remote, active, out);
        out->tx_bytes += active ? 0 : (uint64_t) * (int64_t *)ctx;
        return true;
}

EK_TEST(an_early_end_and_surplus_bytes_are_noticed)
{
        static int64_t by[] = {-1, 1};

        for (unsigned i = 0; i < 2; i++) {
                elko_endpoint to = {.ip = sim_address(1, false), .port = 80};
                struct peer_odd_config c;
                struct peer_odd *a, *b;

                net_init(&net, 3);
                peer_odd_config_default(&c);
                c.oddity_ppm = 0;
                c.plan = wrong_length;
                c.ctx = &by[i];
                peer_odd_add(&net, &c, &a);
                peer_odd_add(&net, &c, &b);
                peer_odd_listen(b, 80);
                peer_odd_connect(a, &net, &to, 0, NULL, net.now);
                net_run(&net, net.now + ELKO_SEC(100));
                CHECK(strstr(net.failure, i == 0 ? "ends too early" : "more data than") != NULL);
                net_free(&net);
        }
}

/* A peer whose other side is gone gives up in the end. */
static bool silence(void *ctx, int from, const uint8_t *packet, size_t len, uint64_t now)
{
        (void)packet;
        (void)len;
        return now < *(uint64_t *)ctx || from != 1;
}

EK_TEST(it_gives_up)
{
        for (unsigned k = 0; k < 3; k++) {
                elko_endpoint to = {.ip = sim_address(1, false), .port = 80};
                struct peer_odd_config c;
                struct peer_odd *a, *b;
                uint64_t at;

                net_init(&net, k);
                at = net.now + k * ELKO_MS(35);
                net.tap = silence;
                net.tap_ctx = &at;
                peer_odd_config_default(&c);
                c.oddity_ppm = 0;
                c.plan = both_send;
                peer_odd_add(&net, &c, &a);
                peer_odd_add(&net, &c, &b);
                peer_odd_listen(b, 80);
                peer_odd_connect(a, &net, &to, 0, NULL, net.now);
                net_run(&net, net.now + ELKO_SEC(119));
                CHECK_EQ(peer_odd_totals_get(a)->open, 1);
                net_run(&net, net.now + ELKO_SEC(5));
                CHECK_EQ(peer_odd_totals_get(a)->open, 0);
                CHECK_EQ(peer_odd_totals_get(a)->ended[PEER_ODD_END_TIMED_OUT], 1);
                net_free(&net);
        }
}

/* ------------------------------------------------------------------ packets */

EK_TEST(packets_come_back_as_they_were_built)
{
        uint8_t buf[2000], data[64];

        for (unsigned k = 0; k < 2000; k++) {
                struct pkt in = {.seq = (uint32_t)ek_test_rand(),
                                 .ack = (uint32_t)ek_test_rand(),
                                 .flags = (uint16_t)(ek_test_rand() & 0x1ff),
                                 .window = (uint16_t)ek_test_rand(),
                                 .urgent = (uint16_t)ek_test_rand(),
                                 .ttl = (uint8_t)(ek_test_rand() | 1),
                                 .options = (uint32_t)ek_test_rand() &
                                            (ELKO_OPT_MSS | ELKO_OPT_WSCALE |
                                             ELKO_OPT_SACK_PERMITTED | ELKO_OPT_TIMESTAMPS),
                                 .mss = 1400,
                                 .wscale = 9,
                                 .ts_val = 77,
                                 .ts_ecr = 88,
                                 .payload = data,
                                 .len = ek_test_below(65)};
                struct pkt out;
                size_t n, at;

                in.src = (elko_endpoint){.ip = sim_address(1, k % 2), .port = 5};
                in.dst = (elko_endpoint){.ip = sim_address(2, k % 2), .port = 6};
                for (unsigned i = 0; i < sizeof(data); i++)
                        data[i] = (uint8_t)ek_test_rand();
                if (k % 3 == 0 && !(in.options & (ELKO_OPT_MSS | ELKO_OPT_WSCALE))) {
                        in.options |= ELKO_OPT_SACK;
                        in.sack_count = 2;
                        in.sack[1].right = 999;
                }
                n = pkt_build(&in, buf, sizeof(buf));
                CHECK(n > 0);
                CHECK(pkt_parse(&out, buf, n));
                CHECK(pkt_endpoint_equal(&in.src, &out.src) &&
                      pkt_endpoint_equal(&in.dst, &out.dst));
                CHECK(in.seq == out.seq && in.ack == out.ack && in.flags == out.flags);
                CHECK(in.window == out.window && in.urgent == out.urgent && in.ttl == out.ttl);
                CHECK_EQ(in.options, out.options);
                CHECK_EQ(out.sack_count, in.sack_count);
                if (in.sack_count > 0)
                        CHECK_EQ(out.sack[1].right, 999);
                CHECK_EQ(in.len, out.len);
                CHECK_MEM_EQ(data, out.payload, in.len);
                /* Any one bit that is wrong makes it unacceptable, the TTL of IPv6 and the like excepted. */
                at = (k % 2 ? 40 : 0) + ek_test_below((uint32_t)(n - (k % 2 ? 40 : 0)));
                buf[at] ^= (uint8_t)(1u << ek_test_below(8));
                CHECK(!pkt_parse(&out, buf, n));
                n = pkt_build(&in, buf, sizeof(buf));
                CHECK(!pkt_parse(&out, buf, n - 1));
        }
}

EK_TEST(icmp_errors_quote_what_they_are_about)
{
        struct pkt s = {.seq = 42};
        uint8_t quoted[1600], buf[1600], protocol, data[1400] = {0};
        elko_ip src, dst;

        for (unsigned v6 = 0; v6 < 2; v6++) {
                size_t n, m, off;

                s.src = (elko_endpoint){.ip = sim_address(1, v6), .port = 5};
                s.dst = (elko_endpoint){.ip = sim_address(2, v6), .port = 6};
                s.payload = data;
                s.len = sizeof(data);
                n = pkt_build(&s, quoted, sizeof(quoted));
                m = pkt_icmp_error(&s.dst.ip, &s.src.ip, 3, 4, 1280, quoted, n, buf, sizeof(buf));
                CHECK_EQ(m, v6 ? 1280 : 576);
                off = pkt_transport_offset(buf, m, &protocol);
                CHECK_EQ(protocol, v6 ? PKT_ICMP6 : PKT_ICMP4);
                CHECK(pkt_quoted(buf + off + 8, m - off - 8, &src, &dst, &protocol) ==
                      (v6 ? 40 : 20));
                CHECK(pkt_ip_equal(&src, &s.src.ip) && pkt_ip_equal(&dst, &s.dst.ip));
                CHECK_EQ(protocol, PKT_TCP);
                CHECK_EQ(pkt_quoted(buf + off + 8, 20, &src, &dst, &protocol), 0);
        }
}
