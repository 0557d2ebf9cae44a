/* SPDX-License-Identifier: MIT */
/*
 * Floods that anyone can send who knows an address and a port: SYNs (RFC 4987, 2), acknowledgements that
 * guess at a SYN cookie (RFC 4987, 3.6), segments for connections that don't exist (RFC 9293, 3.10.7.1),
 * tuples chosen for one bucket of the connection table, and connections that leave TIME-WAIT entries
 * behind (RFC 9293, 3.6.1), SYNs with data and a Fast Open cookie (RFC 7413, 5). RELIABILITY A3-15, A3-17, A4-1, A4-2,
 * A4-10, A4-12, A4-13.
 */
#include "arena.h"

enum { SECONDS = 5, PER_MS = 50 };

static void small_tables(struct elko_config *c)
{
        c->max_half_open = 1024;
        c->max_time_wait = 4096;
}

static const struct arena_config small = {.config = small_tables};

static struct pkt syn(uint32_t from, uint16_t sport, uint16_t dport)
{
        struct pkt p = arena_segment(from, sport, dport);

        p.flags = ELKO_SYN;
        p.seq = (uint32_t)ek_test_rand();
        p.options = ELKO_OPT_MSS | ELKO_OPT_WSCALE | ELKO_OPT_SACK_PERMITTED | ELKO_OPT_TIMESTAMPS;
        p.mss = 1460;
        p.wscale = 7;
        p.ts_val = 1;
        return p;
}

/* ---- SYNs ---- */

static void syn_flood(struct arena *a, uint64_t slice)
{
        (void)slice;
        for (int i = 0; i < PER_MS; i++) {
                struct pkt p = syn((uint32_t)ek_test_rand(),
                                   (uint16_t)(1024 + ek_test_below(60000)), ECHO);

                arena_attack(a, &p);
                arena_pull(a);
        }
}

/* [RFC4987 3.5a] */
EK_TEST(a4_1_syn_flood)
{
        struct arena *a = arena_begin(&small);
        struct elko_memory_info m;

        a->step = syn_flood;
        arena_run(a, SECONDS * 1000);
        arena_judge(a, &small, SECONDS * 1000, 100);
        elko_memory_get(a->v, &m);
        CHECK(m.half_open <= 1024);
        CHECK(elko_counters_get(a->v)->tcp_syn_cookies_sent > 0);
        CHECK(a->used_most <= a->used_start + 1024 * 80 + (64u << 10));
        arena_end(a);
}

static void syn_flood_by_turns(struct arena *a, uint64_t slice)
{
        if (slice / 1000 % 2 == 0)
                syn_flood(a, slice);
}

/* Cookie mode goes on and off while clients connect. */
EK_TEST(a4_2_syn_flood_that_comes_and_goes)
{
        struct arena *a = arena_begin(&small);

        a->step = syn_flood_by_turns;
        arena_run(a, 2 * SECONDS * 1000);
        arena_judge(a, &small, 2 * SECONDS * 1000, 100);
        arena_end(a);
}

/* A4-12: one forged SYN makes at most 1 + 3 SYN+ACKs and 240 bytes, and no data. */
EK_TEST(a4_12_reflection_is_small)
{
        struct arena *a = arena_begin(NULL);
        struct pkt p = syn(7, 1024, ECHO);

        arena_attack(a, &p);
        arena_pull(a);
        arena_run(a, 60000);
        CHECK(a->replies >= 1 && a->replies <= 4);
        CHECK(a->reply_bytes <= 240);
        arena_end(a);
}

/* ---- acknowledgements out of nothing ---- */

static void ack_flood(struct arena *a, uint64_t slice)
{
        (void)slice;
        for (int i = 0; i < PER_MS; i++) {
                struct pkt p = arena_segment(5, (uint16_t)(1024 + ek_test_below(60000)),
                                             ek_test_below(2) ? ECHO : 4242);

                p.seq = (uint32_t)ek_test_rand();
                p.ack = (uint32_t)ek_test_rand();
                arena_attack(a, &p);
                arena_pull(a);
        }
}

/* Nothing opens, and the RSTs are limited. */
EK_TEST(a3_15_ack_flood)
{
        struct arena *a = arena_begin(&small);
        struct elko_memory_info before, after;

        elko_memory_get(a->v, &before);
        a->step = ack_flood;
        arena_run(a, SECONDS * 1000);
        elko_memory_get(a->v, &after);
        arena_judge(a, &small, SECONDS * 1000, 100);
        CHECK(after.connections <= before.connections + 2); /* short clients */
        /* RSTs: one each ms to one source, after a burst of 256 (no limit is shared between sources, A3-4). */
        CHECK(a->replies <= SECONDS * 1000 + 256);
        CHECK(a->used_most <= a->used_start + (128u << 10));
        arena_end(a);
}

/* The same while cookies are accepted: each guess has a chance of 2^-24 at most. */
static void ack_and_syn_flood(struct arena *a, uint64_t slice)
{
        syn_flood(a, slice);
        ack_flood(a, slice);
}

/* Resets by the port that sends them: nobody's, and the listener's. */
static uint64_t resets[2];

static void count_resets(struct arena *a, const struct pkt *p)
{
        (void)a;
        if (p->flags & ELKO_RST)
                resets[p->src.port == ECHO]++;
}

EK_TEST(a3_15_cookie_guesses_during_a_flood)
{
        struct arena *a = arena_begin(&small);

        a->step = ack_and_syn_flood;
        a->reply = count_resets;
        resets[0] = resets[1] = 0;
        arena_run(a, SECONDS * 1000);
        arena_judge(a, &small, SECONDS * 1000, 100);
        /* Those that came from a cookie are our clients. */
        CHECK(elko_counters_get(a->v)->tcp_syn_cookies_ok <= a->short_started);
        /* A wrong guess is refused with a reset like anything else that a listener can't use (3.10.7.2): one each
         * ms may go, and half of them are the listener's. */
        CHECK(resets[0] >= SECONDS * 100 && resets[1] >= SECONDS * 100);
        arena_end(a);
}

/* ---- Fast Open: SYNs with data ---- */

enum { FAST_MOST = 64, FAST_KIND = 34, FAST_COOKIE = 8, FAST_TEXT = 100, FAST_CLIENT = 5 };

static struct {
        uint8_t cookie[FAST_COOKIE]; /* of the address FAST_CLIENT */
        bool has_cookie;
        uint64_t text; /* bytes that answered the attacker's SYNs */
} fast;

static struct arena *begin_fast(void)
{
        struct arena *a = arena_begin(&small);

        CHECK_EQ(elko_set_option(a->v, a->listener[0], ELKO_OPTION_FASTOPEN, FAST_MOST), 0);
        memset(&fast, 0, sizeof(fast));
        return a;
}

/* With `cookie` NULL it asks for one, and has no data. */
static struct pkt fast_syn(uint32_t from, uint16_t sport, const uint8_t *cookie)
{
        static const uint8_t text[FAST_TEXT];
        struct pkt p = syn(from, sport, ECHO);

        p.options &= ~(uint32_t)(ELKO_OPT_SACK_PERMITTED | ELKO_OPT_WSCALE);
        p.raw_len = 2;
        p.raw[0] = FAST_KIND;
        if (cookie != NULL) {
                memcpy(p.raw + 2, cookie, FAST_COOKIE);
                p.raw_len = 2 + FAST_COOKIE;
                p.payload = text;
                p.len = sizeof(text);
        }
        p.raw[1] = p.raw_len;
        return p;
}

/* The cookie in a SYN,ACK. */
static void learn_cookie(const struct pkt *p)
{
        for (unsigned i = 0; i + 2 + FAST_COOKIE <= p->raw_len; i++)
                if (p->raw[i] == FAST_KIND && p->raw[i + 1] == 2 + FAST_COOKIE) {
                        memcpy(fast.cookie, p->raw + i + 2, FAST_COOKIE);
                        fast.has_cookie = true;
                }
}

/* Who never sent the SYN resets what it did not ask for (RFC 9293, 3.10.7.3), every other time. */
static void fast_reply(struct arena *a, const struct pkt *p)
{
        fast.text += p->len;
        if (!fast.has_cookie)
                learn_cookie(p);
        if ((p->flags & ELKO_SYN) && p->dst.port % 2 == 0) {
                struct pkt r = {
                        .src = p->dst, .dst = p->src, .ttl = 64, .flags = ELKO_RST, .seq = p->ack};

                arena_attack(a, &r);
        }
}

static void fast_guesses(struct arena *a, uint64_t slice)
{
        (void)slice;
        for (int i = 0; i < PER_MS; i++) {
                uint64_t guess = ek_test_rand();
                struct pkt p =
                        fast_syn((uint32_t)ek_test_rand(), (uint16_t)(1024 + ek_test_below(60000)),
                                 (const uint8_t *)&guess);

                arena_attack(a, &p);
                arena_pull(a);
        }
}

/* Guessed cookies open nothing, deliver nothing, and draw no data. [RFC7413 4.2.2b] */
EK_TEST(a3_17_fast_open_cookie_guesses)
{
        struct arena *a = begin_fast();

        a->step = fast_guesses;
        a->reply = fast_reply;
        arena_run(a, SECONDS * 1000);
        a->reply = NULL;
        arena_judge(a, &small, SECONDS * 1000, 100);
        CHECK_EQ(elko_counters_get(a->v)->tcp_fastopen_in, 0);
        CHECK(elko_counters_get(a->v)->tcp_fastopen_refused >= SECONDS * 1000 * PER_MS);
        CHECK_EQ(fast.text, 0);
        CHECK(a->used_most <= a->used_start + 1024 * 80 + (64u << 10));
        arena_end(a);
}

/* One good cookie, sent again and again: from the address that it is for, and from others. */
static void fast_replays(struct arena *a, uint64_t slice)
{
        for (uint32_t i = 0; i < 10; i++) {
                uint16_t port = (uint16_t)(1024 + (slice * 10 + i) % 60000);
                struct pkt p = fast_syn(i < 5 ? FAST_CLIENT : (uint32_t)ek_test_rand() | 8, port,
                                        fast.cookie);

                arena_attack(a, &p);
                arena_pull(a);
        }
}

/* "An attacker can ... flood the server with forged SYN packets with valid cookies" (5.1), and have it send data to somebody
 * else (5.2): as many as the listener allows at a time, whether they are reset or not. From any other address the
 * cookie is worth nothing. [RFC7413 5.1a 4.2.2b] */
EK_TEST(a3_17_fast_open_replays_of_a_good_cookie)
{
        struct arena *a = begin_fast();
        struct pkt p = fast_syn(FAST_CLIENT, 1024, NULL);
        const struct elko_counters *n = elko_counters_get(a->v);

        a->reply = fast_reply;
        arena_attack(a, &p);
        arena_pull(a);
        CHECK(fast.has_cookie);
        a->step = fast_replays;
        arena_run(a, SECONDS * 1000);
        a->reply = NULL;
        arena_judge(a, &small, SECONDS * 1000, 100);
        CHECK(n->tcp_fastopen_in >= FAST_MOST / 2 && n->tcp_fastopen_in <= FAST_MOST);
        CHECK(n->tcp_fastopen_full >= SECONDS * 1000 * 5 - FAST_MOST);
        CHECK(n->tcp_fastopen_refused >= SECONDS * 1000 * 5);
        /* The echo of each, once: a time-out sends the SYN,ACK alone (RFC 7413, 4.2.2). */
        CHECK(fast.text > 0 && fast.text <= FAST_MOST * FAST_TEXT);
        CHECK(a->used_most <= a->used_start + 1024 * 80 + FAST_MOST * (32u << 10) + (64u << 10));
        arena_end(a);
}

/* ---- tuples that would share a bucket under a hash without a key ---- */

/* XOR of addresses and ports is the same for all of them. */
static void colliding_syns(struct arena *a, uint64_t slice)
{
        for (uint32_t i = 0; i < 20; i++) {
                uint16_t n = (uint16_t)(slice * 20 + i);
                struct pkt p = syn(n, (uint16_t)(0x4000 ^ n), SLEEPER);

                arena_attack(a, &p);
                arena_pull(a);
        }
}

/* [RFC4987 3.2] */
EK_TEST(a4_13_hash_flooding)
{
        struct arena *a = arena_begin(NULL);

        a->step = colliding_syns;
        arena_run(a, 500);
        arena_judge(a, NULL, 500, 100);
        CHECK(a->attack.packets == 10000);
        arena_end(a);
}

/* ---- TIME-WAIT ---- */

/* Connect to BANNER, which closes first; acknowledge its FIN and close as well. */
static void take_banner(struct arena *a, const struct pkt *p)
{
        struct pkt r = {.src = p->dst,
                        .dst = p->src,
                        .ttl = 64,
                        .window = 65535,
                        .flags = ELKO_ACK,
                        .seq = p->ack,
                        .ack = p->seq + pkt_seg_len(p)};

        if (p->flags & ELKO_RST)
                return;
        if (p->flags & ELKO_FIN)
                r.flags |= ELKO_FIN;
        if (pkt_seg_len(p) > 0)
                arena_attack(a, &r);
}

static void closes(struct arena *a, uint64_t slice)
{
        for (uint32_t i = 0; i < 10; i++) {
                uint32_t n = (uint32_t)slice * 10 + i;
                struct pkt p = arena_segment(n >> 14, (uint16_t)(1024 + (n & 0x3fff)), BANNER);

                p.flags = ELKO_SYN;
                p.seq = n * 1000;
                arena_attack(a, &p);
        }
        arena_pull(a);
}

EK_TEST(a4_10_time_wait_exhaustion)
{
        struct arena *a = arena_begin(&small);
        struct elko_memory_info m;
        uint64_t total;

        a->step = closes;
        a->reply = take_banner;
        arena_run(a, 10000);
        arena_judge(a, &small, 10000, 100);
        elko_memory_get(a->v, &m);
        total = elko_counters_get(a->v)->tcp_time_waits;
        CHECK(total >= 99000); /* those under way excepted */
        CHECK(m.time_wait <= 4096);
        CHECK(elko_counters_get(a->v)->tcp_time_wait_recycled >= total - 4096 - 100);
        CHECK(a->used_most <= a->used_start + 4096 * 80 + (2u << 20));
        arena_end(a);
}

EK_TEST_MAIN();
