/* SPDX-License-Identifier: MIT */
/*
 * Attackers who know a connection's addresses and ports, and guess the rest: RST, SYN and data in the
 * window (RFC 5961), acknowledgements from outside of it that could make both ends answer each other for
 * ever (RELIABILITY A5-1), ICMP errors (RFC 5927), packet-too-big messages that lie (RFC 1191, 8; RFC 8201,
 * 6), timestamps from the future (RFC 7323, 5.2), martians. The victim's connections to the bystander are
 * the targets: they must not notice. RELIABILITY A1-22, A3-1 to A3-6, A3-11, A3-12, A3-14, A5-1.
 *
 * ELKO_LONG=1 in the environment: ten times as many packets.
 */
#include "arena.h"

enum { MS = 5000, PER_MS = 200 };

static uint32_t per_ms(void)
{
        return getenv("ELKO_LONG") != NULL ? PER_MS * 10 : PER_MS;
}

/* ---- near misses: everything in the window, never exact ---- */

static uint16_t miss_flags;
static uint32_t miss_len;

static void misses(struct arena *a, uint64_t slice)
{
        unsigned i = (unsigned)slice % ARENA_LONG;
        struct elko_tcp_info info;
        struct pkt p = arena_forged(a, i, &info);
        static const uint8_t zeros[64];

        for (uint32_t k = 0; k < per_ms(); k++) {
                p.flags = miss_flags;
                /* RCV.NXT of the victim lies in SND.UNA..SND.NXT of its peer; beyond that it is a guess
                 * inside the window that is never exact. */
                p.seq = info.snd_nxt + 2 * ARENA_BLOCK + 1 + ek_test_below(30000);
                /* For RST and SYN the ACK may be right; for data and FIN it is impossible. */
                p.ack = info.rcv_nxt + (ek_test_below(2) ? 1u << 28 : 0) -
                        (miss_flags & (ELKO_RST | ELKO_SYN) ? 0 : 1u << 30);
                p.payload = zeros;
                p.len = miss_len;
                arena_attack(a, &p);
                arena_pull(a);
        }
}

/* No reset, nothing delivered; answers to what carries no data come at most each 500 ms per connection
 * (RFC 5961, 7), and go to the true peer. */
static void miss(uint16_t flags, uint32_t len)
{
        struct arena *a = arena_begin(NULL);
        const struct elko_counters *k = elko_counters_get(a->v);
        uint64_t challenges = k->tcp_challenge_acks;

        miss_flags = flags;
        miss_len = len;
        a->step = misses;
        arena_run(a, MS);
        CHECK_EQ(k->tcp_estab_resets, 0);
        if (len == 0)
                CHECK(k->tcp_challenge_acks - challenges <= ARENA_LONG * (MS / 500 + 1));
        arena_judge(a, NULL, MS, 90);
        arena_end(a);
}

EK_TEST(a3_1_rst_in_the_window)
{
        miss(ELKO_RST, 0);
        miss(ELKO_RST | ELKO_ACK, 0);
}

EK_TEST(a3_2_syn_in_the_window)
{
        miss(ELKO_SYN, 0);
        miss(ELKO_SYN | ELKO_ACK, 0);
}

EK_TEST(a3_3_data_with_an_impossible_ack)
{
        miss(ELKO_ACK | ELKO_PSH, 64);
        miss(ELKO_ACK | ELKO_FIN, 0);
}

/* ---- everywhere: what a blind attacker must do, stepping through the sequence space ---- */

static void sweep(struct arena *a, uint64_t slice)
{
        struct elko_tcp_info info;
        struct pkt p = arena_forged(a, (unsigned)slice % ARENA_LONG, &info);

        for (uint32_t k = 0; k < per_ms(); k++) {
                uint32_t guess = (uint32_t)(((uint64_t)slice * per_ms() + k) * 4099);

                /* An exact hit would be luck that this test is not about. */
                if (guess - info.snd_una <= info.snd_nxt - info.snd_una)
                        guess = info.snd_nxt + 1;
                p.flags = k % 3 == 0 ? ELKO_RST : k % 3 == 1 ? ELKO_SYN : ELKO_ACK;
                p.seq = guess;
                p.ack = guess * 7;
                p.len = 0;
                arena_attack(a, &p);
                arena_pull(a);
        }
}

EK_TEST(a3_1_sweep_of_the_sequence_space)
{
        struct arena *a = arena_begin(NULL);

        a->step = sweep;
        arena_run(a, MS);
        CHECK_EQ(elko_counters_get(a->v)->tcp_estab_resets, 0);
        arena_judge(a, NULL, MS, 90);
        arena_end(a);
}

/* ---- A5-1: one segment from nowhere to each side, and silence ---- */

EK_TEST(a5_1_no_ack_storm)
{
        struct arena *a = arena_begin(NULL);
        struct elko_tcp_info info;
        uint64_t segs;
        struct pkt p;

        /* Nobody has anything to say. */
        a->quiet = true;
        arena_run(a, 1000);
        segs = elko_counters_get(a->v)->tcp_segs_out + elko_counters_get(a->b)->tcp_segs_out;
        p = arena_forged(a, 0, &info);
        p.seq = info.snd_nxt - 100000;
        p.ack = info.rcv_nxt + 100000;
        for (int i = 0; i < 1000; i++) {
                uint8_t buf[ARENA_PACKET];
                size_t n;
                struct pkt q = p;

                arena_attack(a, &p);
                arena_pull(a);
                q.src = p.dst;
                q.dst = p.src;
                q.seq = info.rcv_nxt - 100000;
                q.ack = info.snd_nxt + 100000;
                n = pkt_build(&q, buf, sizeof buf);
                elko_input(a->b, a->bl, &(struct elko_packet){.data = buf, .len = (uint32_t)n}, 1,
                           a->now);
        }
        arena_run(a, 3000);
        segs = elko_counters_get(a->v)->tcp_segs_out + elko_counters_get(a->b)->tcp_segs_out - segs;
        /* One answer each, and short clients: 30 of 9 segments at both ends at most. */
        CHECK(segs <= 2 + 31 * 9);
        arena_end(a);
}

/* ---- ICMP ---- */

static uint64_t icmp_mtu_seen;

static void icmp(struct arena *a, uint64_t slice)
{
        static const uint8_t codes[] = {0, 1, 2, 3, 4, 5, 9, 10, 13};
        struct elko_tcp_info info;
        unsigned i = (unsigned)slice % ARENA_LONG;
        struct pkt p = arena_forged(a, i, &info), q = p;
        elko_ip router = arena_foreign(9), victim = p.dst.ip;

        CHECK(info.pmtu > 0);
        for (uint32_t k = 0; k < per_ms() / 4; k++) {
                uint8_t quoted[ARENA_PACKET], buf[ARENA_PACKET];
                uint8_t code = codes[ek_test_below(sizeof codes)];
                size_t n;

                /* A packet that the victim might have sent; its SEQ is a guess. */
                q.src = p.dst;
                q.dst = p.src;
                q.seq = info.rcv_nxt + (1u << 20) + (uint32_t)ek_test_rand() % (1u << 31);
                q.flags = ELKO_ACK;
                q.len = 0;
                n = pkt_build(&q, quoted, sizeof quoted);
                n = pkt_icmp_error(&router, &victim, 3, code, code == 4 ? ek_test_below(1500) : 0,
                                   quoted, n, buf, sizeof buf);
                CHECK(n > 0);
                arena_attack_raw(a, buf, (uint32_t)n);
                arena_pull(a);
        }
        icmp_mtu_seen = info.pmtu;
}

/* RELIABILITY A3-11, A3-12: 10^4 forged errors a second and more; no reset, no smaller MTU. */
EK_TEST(a3_12_icmp_forgery)
{
        struct arena *a = arena_begin(NULL);

        a->step = icmp;
        arena_run(a, MS);
        CHECK_EQ(icmp_mtu_seen, ARENA_PACKET);
        arena_judge(a, NULL, MS, 95);
        arena_end(a);
}

/* ---- A3-14: timestamps from the future, with sequence numbers that don't fit ---- */

static void future(struct arena *a, uint64_t slice)
{
        struct elko_tcp_info info;
        struct pkt p = arena_forged(a, (unsigned)slice % ARENA_LONG, &info);

        for (uint32_t k = 0; k < per_ms(); k++) {
                p.options = ELKO_OPT_TIMESTAMPS;
                p.ts_val = (uint32_t)ek_test_rand();
                p.ts_ecr = (uint32_t)ek_test_rand();
                p.seq = info.snd_nxt + (1u << 24) + (uint32_t)ek_test_rand() % (1u << 30);
                p.ack = info.rcv_nxt;
                arena_attack(a, &p);
                arena_pull(a);
        }
}

EK_TEST(a3_14_timestamps_from_the_future)
{
        struct arena *a = arena_begin(NULL);

        a->step = future;
        arena_run(a, MS);
        arena_judge(a, NULL, MS, 90);
        arena_end(a);
}

/* ---- A1-22: martians, and the victim's own address ---- */

static void martians(struct arena *a, uint64_t slice)
{
        static const uint8_t sources[][4] = {
                {0, 0, 0, 0},  {127, 0, 0, 1},      {224, 0, 0, 1}, {255, 255, 255, 255},
                {10, 0, 0, 1}, {10, 255, 255, 255}, {0, 1, 2, 3},   {239, 1, 2, 3}};

        for (uint32_t k = 0; k < per_ms(); k++) {
                const uint8_t *s = sources[(slice + k) % 8];
                struct pkt p = arena_segment(0, ECHO, ECHO);

                p.src.ip = elko_ip_v4(s[0], s[1], s[2], s[3]);
                p.flags = k % 2 ? ELKO_SYN : ELKO_ACK;
                p.seq = (uint32_t)ek_test_rand();
                arena_attack(a, &p);
                arena_pull(a);
        }
}

/* [RFC9293 MUST-63] */
EK_TEST(a1_22_martians)
{
        struct arena *a = arena_begin(NULL);
        struct elko_memory_info before, after;

        elko_memory_get(a->v, &before);
        a->step = martians;
        arena_run(a, MS);
        elko_memory_get(a->v, &after);
        CHECK_EQ(a->replies, 0);
        CHECK_EQ(after.half_open, before.half_open);
        arena_judge(a, NULL, MS, 100);
        arena_end(a);
}

EK_TEST_MAIN();
