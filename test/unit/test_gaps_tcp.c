/* SPDX-License-Identifier: MIT */
/*
 * test_gaps_tcp.c - properties of small parts of the engine that hold at the ends of their ranges, and that
 * no conversation can show.
 */
#include "tcp/tcp.h"

#include "ek_test.h"

static struct ek_key key_number(uint32_t i)
{
        struct ek_key key = {.local = elko_ip_v4(10, 0, 0, 1), .lport = 80};

        key.remote = elko_ip_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);
        key.rport = (uint16_t)(1024 + i % 50000);
        return key;
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
 * one tuple move with the clock and stay put. */
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

EK_TEST_MAIN();
