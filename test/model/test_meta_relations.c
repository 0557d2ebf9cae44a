/* SPDX-License-Identifier: MIT */
#include "net.h"

#include <time.h>

/*
 * Metamorphic runs: the same scenario twice, with a difference that must not be seen.
 *
 *      M-1  ISNs: next to 0, 2^31 and 2^32, and so that they wrap in the middle; other secrets
 *      M-2  the application writes in small pieces (at the same instants)
 *      M-3  timestamps next to 2^32 and 2^31 (RFC 7323, 5.4)
 *      M-4  clocks that begin next to 2^32 ms, 2^31 ms, 2^32 us, 2^63 ns
 *      M-5  IPv6 instead of IPv4, or the other way round, with the same MSS
 *      M-6  checksums by the link; packets at odd addresses
 *      M-7  another compiler: the hash that is printed (test/checks/trace_hash.py compares it)
 *      M-8  packets that must be ignored arrive in front of every packet
 *      M-9  polled more often than elko_next_deadline() asks for
 *      M-10 connections made in the opposite order
 *      M-11 applications read and write 0 bytes in between, and otherwise ask for 2^63
 *
 * The trace (net.h) of every connection must be the same packet by packet, to the nanosecond, and so
 * must what the applications saw. An ISN is a clock plus a hash (RFC 6528), so a stack gets the ISN that
 * is wanted by the begin of its clock, in steps of a millisecond that leave the phase of all timers
 * alone: k ms are 250 k ticks of 4 us, which reach every second number.
 *
 * 60 scenarios, a function of their number: one to four connections, losses, duplicates, jitter, all
 * ways of closing and of aborting, with and without timestamps and SACK. ELKO_LONG=1: 1,000.
 */

enum { SCENARIOS = 60, LONG_SCENARIOS = 1000 };

struct outcome {
        unsigned records;
        struct net_end end[NET_CONNS][2];
        unsigned per_conn[NET_CONNS];
        char bad[200];
        struct net_record trace[NET_RECORDS];
};

static struct outcome plain;
static struct net n;

static struct {
        unsigned runs, failed, scenarios;
        uint64_t packets;
        struct timespec began;
} run;

/* ---- scenarios ---- */

static uint32_t draw(uint64_t seed, unsigned what, uint32_t below)
{
        return (uint32_t)(net_mix(seed * 6364136223846793005u + what * 1442695040888963407u) >>
                          33) %
               below;
}

static struct net_scenario scenario(unsigned k)
{
        static const uint32_t losses[] = {0, 0, 10000, 30000, 100000};
        static const uint16_t mtus[] = {1500, 1500, 1400, 1280, 600};
        struct net_scenario sc = {.seed = k + 1,
                                  .v6 = draw(k, 1, 2),
                                  .region = NET_REGION,
                                  .buf = 2048u << draw(k, 2, 3),
                                  .conns = 1 + draw(k, 3, 4),
                                  .delay_ns = ELKO_MS(1 + draw(k, 4, 60)),
                                  .loss_ppm = losses[draw(k, 5, 5)],
                                  .dup_ppm = draw(k, 6, 3) == 0 ? 30000 : 0,
                                  .no_ts = draw(k, 7, 3) == 0,
                                  .no_sack = draw(k, 8, 3) == 0,
                                  .simultaneous_open = false};

        sc.mtu = mtus[draw(k, 9, sc.v6 ? 4 : 5)];
        if (draw(k, 10, 2))
                sc.jitter_ns = ELKO_MS(1) + ELKO_US(draw(k, 11, 20000));
        for (unsigned c = 0; c < sc.conns; c++) {
                struct net_conn_plan *p = &sc.conn[c];

                p->bytes[0] =
                        draw(k, 20 + c, 3) == 0 ? draw(k, 30 + c, 40000) : draw(k, 30 + c, 3000);
                p->bytes[1] =
                        draw(k, 40 + c, 3) == 0 ? draw(k, 50 + c, 40000) : draw(k, 50 + c, 3000);
                p->close = (enum net_close)draw(k, 60 + c, NET_CLOSES);
                p->start_ns = draw(k, 12, 2) ? 0 : ELKO_US(draw(k, 70 + c, 300000));
        }
        return sc;
}

/* ---- running and comparing ---- */

static void play(const struct net_scenario *sc, const struct net_twist *tw)
{
        net_start(&n, sc, tw);
        net_run(&n, ELKO_SEC(7200));
        net_lose_patience(&n, ELKO_SEC(14400));
        net_finish(&n);
        run.runs++;
        run.packets += n.records;
}

static void keep_plain(void)
{
        plain.records = n.records;
        memcpy(plain.end, n.end, sizeof(n.end));
        memcpy(plain.bad, n.bad, sizeof(n.bad));
        memcpy(plain.trace, net_trace, n.records * sizeof(net_trace[0]));
}

static void print_record(const char *what, const struct net_record *r)
{
        printf("      %s %12llu ns %s flags 0x%03x seq %u len %u ack %u win %u ts %u/%u sacks %u "
               "[%u,%u) opts %u\n",
               what, (unsigned long long)r->at, r->from == 0 ? ">" : "<", r->flags, r->seq, r->len,
               r->ack, r->win, r->ts_val, r->ts_ecr, r->sacks, r->sack[0], r->sack[1], r->opts);
}

static const struct net_record *next_of(const struct net_record *t, unsigned records, unsigned conn,
                                        unsigned *at)
{
        while (*at < records && t[*at].conn != conn)
                ++*at;
        return *at < records ? &t[(*at)++] : NULL;
}

static bool same_trace(unsigned conn, bool tell)
{
        unsigned a = 0, b = 0, i = 0;

        for (;; i++) {
                const struct net_record *x = next_of(plain.trace, plain.records, conn, &a);
                const struct net_record *y = next_of(net_trace, n.records, conn, &b);

                if (x == NULL && y == NULL)
                        return true;
                if (x != NULL && y != NULL && memcmp(x, y, sizeof(*x)) == 0)
                        continue;
                if (tell) {
                        printf("      connection %u differs at its packet %u:\n", conn, i);
                        if (x != NULL)
                                print_record("was", x);
                        if (y != NULL)
                                print_record("is ", y);
                }
                return false;
        }
}

static bool same_ends(unsigned conn)
{
        for (unsigned i = 0; i < 2; i++) {
                const struct net_end *x = &plain.end[conn][i], *y = &n.end[conn][i];

                if (x->sent != y->sent || x->received != y->received || x->eof != y->eof ||
                    x->error != y->error || x->error_at != y->error_at)
                        return false;
        }
        return true;
}

static void compare(unsigned k, const char *relation)
{
        bool tell = run.failed < 6, same = n.bad[0] == '\0';

        for (unsigned c = 0; c < n.sc->conns && same; c++)
                same = same_ends(c) && same_trace(c, false);
        if (same)
                return;
        run.failed++;
        if (!tell)
                return;
        printf("  scenario %u, %s: %s\n", k, relation, n.bad[0] != '\0' ? n.bad : "not the same");
        for (unsigned c = 0; c < n.sc->conns; c++)
                if (same_trace(c, true) && !same_ends(c))
                        printf("      connection %u: the applications saw something else\n", c);
}

static unsigned scenarios(void)
{
        if (getenv("ELKO_LONG") != NULL)
                return LONG_SCENARIOS;
        return ek_test_rounds(SCENARIOS);
}

/* For each scenario: the plain run, then fn() does its own. */
static void each(const char *what, void (*fn)(unsigned k, const struct net_scenario *sc))
{
        struct timespec t;
        double s;

        memset(&run, 0, sizeof(run));
        clock_gettime(CLOCK_MONOTONIC, &run.began);
        for (unsigned k = 0; k < scenarios(); k++) {
                struct net_scenario sc = scenario(k);

                play(&sc, NULL);
                keep_plain();
                if (plain.bad[0] != '\0' && ++run.failed <= 6)
                        printf("  scenario %u: %s\n", k, plain.bad);
                fn(k, &sc);
                run.scenarios++;
        }
        clock_gettime(CLOCK_MONOTONIC, &t);
        s = (double)(t.tv_sec - run.began.tv_sec) + (double)(t.tv_nsec - run.began.tv_nsec) / 1e9;
        printf("%s: %u of %u runs the same (%u scenarios), %llu packets, %.2f s\n", what,
               run.runs - run.scenarios - run.failed, run.runs - run.scenarios, run.scenarios,
               (unsigned long long)run.packets, s);
        CHECK_EQ(run.failed, 0);
}

/* ---- M-1 ---- */

/* 1 / 125 modulo 2^32. */
static uint32_t inverse_of_125(void)
{
        uint32_t x = 125;

        for (unsigned i = 0; i < 5; i++)
                x *= 2 - 125 * x;
        return x;
}

/* The clock's begin that turns the ISN `is` into `want`, or into the number after it. */
static uint64_t base_for_isn(uint32_t is, uint32_t want)
{
        uint32_t half = ((want - is + 1) & ~1u) / 2;

        return (uint64_t)((half * inverse_of_125()) & 0x7fffffff) * 1000000;
}

static void isn_shift(unsigned k, const struct net_scenario *sc)
{
        uint32_t middle = (uint32_t) - (int32_t)(sc->conn[0].bytes[0] / 2);
        const uint32_t wants[] = {0,          0x7fffffff, 0x80000000,
                                  0xfffffffe, middle,     middle / 2 + 0x40000000};
        struct net_twist tw = {0};

        for (unsigned i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
                for (unsigned side = 0; side < 2; side++)
                        tw.base[side] = base_for_isn(plain.end[0][side].isn, wants[i]);
                play(sc, &tw);
                if (n.end[0][0].isn - wants[i] > 1 ||
                    (n.end[0][1].has_isn && n.end[0][1].isn - wants[i] > 1))
                        net_fail(&n, "the ISNs are %u and %u, wanted %u", n.end[0][0].isn,
                                 n.end[0][1].isn, wants[i]);
                compare(k, "M-1, other ISNs");
        }
}

EK_TEST(m1_isn)
{
        each("M-1, ISNs at six places", isn_shift);
}

static void other_secrets(unsigned k, const struct net_scenario *sc)
{
        const struct net_twist tw = {.seed_salt = k + 1};

        play(sc, &tw);
        compare(k, "M-1, other secrets");
}

EK_TEST(m1_secrets)
{
        each("M-1, other secrets", other_secrets);
}

/* ---- M-2 ---- */

static void small_writes(unsigned k, const struct net_scenario *sc)
{
        struct net_twist tw = {.write_size = 333};

        play(sc, &tw);
        compare(k, "M-2, writes of 333 bytes");
        tw.write_size = 7;
        play(sc, &tw);
        compare(k, "M-2, writes of 7 bytes");
}

EK_TEST(m2_writes)
{
        each("M-2, small writes", small_writes);
}

/* ---- M-3, M-4 ---- */

static void timestamp_shift(unsigned k, const struct net_scenario *sc)
{
        static const uint32_t wants[] = {0xffffffff - 100, 0x7fffffff - 100, 0};
        struct net_twist tw = {0};

        for (unsigned i = 0; i < 3 && !sc->no_ts; i++) {
                for (unsigned side = 0; side < 2; side++)
                        tw.base[side] = (uint64_t)(wants[i] - plain.end[0][side].ts0) * 1000000;
                play(sc, &tw);
                if (n.end[0][0].ts0 != wants[i])
                        net_fail(&n, "the first timestamp is %u, wanted %u", n.end[0][0].ts0,
                                 wants[i]);
                compare(k, "M-3, other timestamps");
        }
}

EK_TEST(m3_timestamps)
{
        each("M-3, timestamps at three places", timestamp_shift);
}

static void clock_shift(unsigned k, const struct net_scenario *sc)
{
        static const uint64_t edges[] = {
                UINT64_C(4294967296) * 1000000,
                UINT64_C(2147483648) * 1000000,
                UINT64_C(4294967296) * 1000,
                UINT64_C(4294967296),
                UINT64_C(1) << 40,
                UINT64_C(1) << 63,
                UINT64_C(1073741824) * 1000000,
        };

        for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
                /* The edge lies some round trips after the begin; whole milliseconds. */
                uint64_t before = edges[i] - ELKO_MS(100 + draw(k, 90 + i, 400));
                struct net_twist tw = {
                        .base = {before / 1000000 * 1000000, before / 1000000 * 1000000}};

                play(sc, &tw);
                compare(k, "M-4, another clock");
        }
}

EK_TEST(m4_clock)
{
        each("M-4, clocks next to seven edges", clock_shift);
}

/* ---- M-5 ---- */

static void other_family(unsigned k, const struct net_scenario *sc)
{
        static struct net_scenario other;

        other = *sc;
        /* IPv6 has no smaller link. */
        if (!sc->v6 && sc->mtu + 20 < 1280)
                return;
        other.v6 = !sc->v6;
        other.mtu = (uint16_t)(sc->v6 ? sc->mtu - 20 : sc->mtu + 20);
        play(&other, NULL);
        compare(k, "M-5, the other family");
}

EK_TEST(m5_family)
{
        each("M-5, the other IP version with the same MSS", other_family);
}

/* ---- M-6 ---- */

static void offload(unsigned k, const struct net_scenario *sc)
{
        struct net_twist tw = {.offload = true};

        play(sc, &tw);
        compare(k, "M-6, checksums by the link");
        tw = (struct net_twist){.unaligned = true};
        play(sc, &tw);
        compare(k, "M-6, packets at odd addresses");
}

/* [RFC9293 MUST-2] */
EK_TEST(m6_offload)
{
        each("M-6, checksum offload, unaligned packets", offload);
}

/* ---- M-8 to M-11 ---- */

static void odd_calls(unsigned k, const struct net_scenario *sc)
{
        const struct net_twist tw = {.odd_calls = true};

        play(sc, &tw);
        compare(k, "M-11, odd lengths");
}

EK_TEST(m11_lengths)
{
        each("M-11, lengths of 0 and 2^63", odd_calls);
}

static void no_ops(unsigned k, const struct net_scenario *sc)
{
        const struct net_twist tw = {.no_ops = true};

        play(sc, &tw);
        compare(k, "M-8, packets that must be ignored");
}

EK_TEST(m8_no_ops)
{
        each("M-8, packets to be ignored before each, ICMP errors among them", no_ops);
}

static void more_polls(unsigned k, const struct net_scenario *sc)
{
        struct net_twist tw = {.poll_ns = ELKO_US(700) + draw(k, 80, 1000000)};

        play(sc, &tw);
        compare(k, "M-9, polled every 0.7 to 1.7 ms");
        tw.poll_ns = ELKO_MS(20) + draw(k, 81, 50000000);
        play(sc, &tw);
        compare(k, "M-9, polled every 20 to 70 ms");
}

EK_TEST(m9_polls)
{
        each("M-9, more polls", more_polls);
}

static void other_order(unsigned k, const struct net_scenario *sc)
{
        const struct net_twist tw = {.reverse = true};

        play(sc, &tw);
        compare(k, "M-10, connections in the opposite order");
}

EK_TEST(m10_order)
{
        each("M-10, opposite order of connections", other_order);
}

/* ---- M-7 ---- */

EK_TEST(m7_hash)
{
        uint64_t hash = 0, packets = 0;

        memset(&run, 0, sizeof(run));
        for (unsigned k = 0; k < SCENARIOS; k++) {
                struct net_scenario sc = scenario(k);

                play(&sc, NULL);
                CHECK_STR_EQ(n.bad, "");
                packets += n.records;
                for (unsigned i = 0; i < n.records; i++) {
                        const struct net_record *r = &net_trace[i];
                        const uint64_t fields[] = {
                                r->at,           r->seq,    r->ack,    r->len,
                                r->payload_hash, r->ts_val, r->ts_ecr, r->sack[0],
                                r->sack[1],      r->flags,  r->win,    r->conn * 2u + r->from};

                        for (unsigned f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
                                hash = net_mix(hash ^ fields[f]) + f;
                }
        }
        CHECK(packets > 1000);
        printf("M-7, trace hash %016llx of %llu packets\n", (unsigned long long)hash,
               (unsigned long long)packets);
}

EK_TEST_MAIN();
