/* SPDX-License-Identifier: MIT */
/*
 * Peers that open real connections and then use the protocol against their host: windows that never open
 * (Sockstress, CVE-2008-4609; VU#723308), segments that make as many holes as there are bytes
 * (SegmentSmack, CVE-2018-5390), SACK blocks that cut a scoreboard to pieces (CVE-2019-11478), the
 * smallest segment size (CVE-2019-11477, -11479), acknowledgements that are divided, doubled or come too
 * early (Savage 1999, Sherwood 2005). RELIABILITY A4-4 to A4-8, A4-11.
 *
 * ELKO_LONG=1 in the environment: divided and doubled acknowledgements for longer, four times as many.
 */
#include "arena.h"

enum { PEERS = 10000, ACTIVE = 64 };

/* What the attacker remembers of one of its connections. */
struct hostile {
        uint32_t seq, ack; /* next to send, next expected */
        uint64_t said;     /* when it last answered data */
        bool open;
};

static struct hostile hostile[PEERS];

static bool is_long(void)
{
        return getenv("ELKO_LONG") != NULL;
}

static void forget(void)
{
        memset(hostile, 0, sizeof hostile);
}

static struct pkt segment_of(uint32_t n, uint16_t dport)
{
        struct pkt p = arena_segment(n, (uint16_t)(2000 + n % 50000), dport);

        p.seq = hostile[n].seq;
        p.ack = hostile[n].ack;
        return p;
}

static void send_syn(struct arena *a, uint32_t n, uint16_t dport, uint16_t mss, bool sack)
{
        struct pkt p = segment_of(n, dport);

        p.flags = ELKO_SYN;
        p.seq = n * 7919;
        p.options = ELKO_OPT_MSS | (sack ? (uint32_t)ELKO_OPT_SACK_PERMITTED : 0);
        p.mss = mss;
        hostile[n].seq = p.seq + 1;
        arena_attack(a, &p);
}

/* Which of ours a packet of the victim is for. */
static uint32_t which(const struct pkt *p)
{
        const uint8_t *b = p->dst.ip.b + 12;

        return (uint32_t)(b[0] - 64) << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* ---- zero windows ---- */

static uint16_t stingy_window;
static uint32_t stingy_peers;

/* Ask, and then acknowledge whatever comes with a window that lets nothing through. */
static void stingy_reply(struct arena *a, const struct pkt *p)
{
        uint32_t n = which(p);
        struct pkt r;

        if (n >= PEERS || (p->flags & ELKO_RST))
                return;
        if (p->flags & ELKO_SYN) {
                hostile[n].ack = p->seq + 1;
                hostile[n].open = true;
                r = segment_of(n, SOURCE);
                r.payload = (const uint8_t *)"give";
                r.len = 4;
                hostile[n].seq += 4;
        } else {
                /* The way there and back takes 10 ms; what comes faster was lost. */
                if (stingy_window > 0 && a->now < hostile[n].said + ELKO_MS(10))
                        return;
                hostile[n].said = a->now;
                r = segment_of(n, SOURCE);
                if (stingy_window > 0 && p->len > 0 && p->seq == hostile[n].ack)
                        r.ack = hostile[n].ack += p->len;
        }
        r.window = stingy_window;
        arena_attack(a, &r);
}

static void open_slowly(struct arena *a, uint64_t slice)
{
        uint32_t n = (uint32_t)(slice - 1000) * 2;

        for (uint32_t i = n; i < n + 2 && i < stingy_peers; i++) {
                send_syn(a, i, SOURCE, 1460, true);
                arena_pull(a);
        }
}

/* Whoever plans for 10^4 connections in 64 MiB allows each its share. */
static void planned(struct elko_config *c)
{
        c->snd_buf_bytes = c->snd_buf_max_bytes = 2048;
        c->rcv_buf_bytes = 2048;
        c->rcv_buf_max_bytes = 4096;
}

/*
 * RELIABILITY A4-4: peers that ask and never open their window, a budget of 64 MiB; memory stays below
 * it and honest clients come through. 10^4 of them with buffers planned for so many; some hundreds where
 * each could have 4 MiB: the last eighth of the region is for newcomers (rcv_buf.c).
 */
static void sockstress(uint16_t window, uint32_t peers, void (*tweak)(struct elko_config *c))
{
        struct arena_config config = {.memory = 64u << 20, .config = tweak};
        struct arena *a = arena_begin(&config);
        struct elko_memory_info m;
        uint32_t open = 0;

        forget();
        stingy_peers = peers;
        stingy_window = window;
        a->step = open_slowly;
        a->reply = stingy_reply;
        arena_run(a, 12000);
        for (uint32_t i = 0; i < PEERS; i++)
                open += hostile[i].open;
        elko_memory_get(a->v, &m);
        printf("  %u of %u hostile connections are open, %u objects, %llu of %llu bytes used\n",
               open, peers, m.connections, (unsigned long long)m.used,
               (unsigned long long)m.capacity);
        CHECK_EQ(open, peers);
        CHECK(m.used <= m.capacity && m.capacity <= 64u << 20);
        arena_judge(a, &config, 12000, 90);
        arena_end(a);
}

EK_TEST(a4_4_sockstress_zero_window)
{
        sockstress(0, PEERS, planned);
        sockstress(0, 500, NULL);
}

EK_TEST(a4_4_sockstress_window_of_one)
{
        sockstress(1, 2000, planned);
        sockstress(1, 500, NULL);
}

/* ---- holes ---- */

/* The next byte of the pattern that makes the most holes. */
static uint32_t hole_offset(int order, uint32_t i, uint32_t span)
{
        switch (order) {
        case 0: return 2 + 2 * (i % (span / 2));
        case 1: return span - 2 - 2 * (i % (span / 2 - 1));
        default: return 1 + (uint32_t)ek_test_below(span - 1);
        }
}

static int smack_order;

static void smack_reply(struct arena *a, const struct pkt *p)
{
        uint32_t n = which(p);

        if (n < PEERS && (p->flags & ELKO_SYN)) {
                struct pkt r;

                hostile[n].ack = p->seq + 1;
                hostile[n].open = true;
                r = segment_of(n, SINK);
                arena_attack(a, &r);
        }
}

static void smack(struct arena *a, uint64_t slice)
{
        uint32_t i = (uint32_t)(slice - 1000);

        if (i < ACTIVE) {
                send_syn(a, i, SINK, 1460, true);
                arena_pull(a);
                return;
        }
        for (uint32_t k = 0; k < 64; k++) {
                uint32_t n = k % ACTIVE;
                struct pkt p = segment_of(n, SINK);

                if (!hostile[n].open)
                        continue;
                p.seq += hole_offset(smack_order, (i - ACTIVE) * 64 / ACTIVE + k / ACTIVE, 60000);
                p.payload = (const uint8_t *)"x";
                p.len = 1;
                arena_attack(a, &p);
                arena_pull(a);
        }
}

static void segment_smack(int order)
{
        struct arena *a = arena_begin(NULL);
        struct pkt p;
        struct elko_memory_info m;
        uint64_t replies;

        forget();
        smack_order = order;
        a->step = smack;
        a->reply = smack_reply;
        arena_run(a, 10000);
        arena_judge(a, NULL, 10000, 100);
        elko_memory_get(a->v, &m);
        /* At most 64 holes each (max_ooo_ranges) and no more than the window was promised. */
        CHECK(a->used_most <= a->used_start + ACTIVE * (128u << 10));
        /* And the byte at RCV.NXT is taken at all times. */
        a->step = NULL;
        replies = a->replies;
        p = segment_of(0, SINK);
        p.payload = (const uint8_t *)"x";
        p.len = 1;
        arena_attack(a, &p);
        arena_run(a, 100);
        CHECK(a->replies > replies);
        arena_end(a);
}

EK_TEST(a4_5_segment_smack_ascending)
{
        segment_smack(0);
}

EK_TEST(a4_5_segment_smack_descending)
{
        segment_smack(1);
}

EK_TEST(a4_5_segment_smack_random)
{
        segment_smack(2);
}

/* ---- acknowledgements ---- */

enum ack_trick { TINY_SACKS, DIVIDED, DOUBLED, OPTIMISTIC, TRICKS };

static enum ack_trick trick;
static uint64_t trick_bytes; /* that the victim sent to them */

static void trick_reply(struct arena *a, const struct pkt *p)
{
        uint32_t n = which(p);
        struct pkt r;

        if (n >= PEERS || (p->flags & ELKO_RST))
                return;
        if (p->flags & ELKO_SYN) {
                hostile[n].ack = p->seq + 1;
                hostile[n].open = true;
                r = segment_of(n, SOURCE);
                r.payload = (const uint8_t *)"give";
                r.len = 4;
                hostile[n].seq += 4;
                arena_attack(a, &r);
                return;
        }
        trick_bytes += p->len;
        if (pkt_lt(hostile[n].ack, p->seq + p->len) && trick != TINY_SACKS)
                hostile[n].ack = p->seq + p->len;
}

static void one_trick(struct arena *a, uint32_t n, uint32_t step)
{
        struct pkt p = segment_of(n, SOURCE);

        switch (trick) {
        case TINY_SACKS: /* blocks of one byte, each time shifted by one */
                p.options = ELKO_OPT_SACK;
                p.sack_count = 4;
                for (uint32_t b = 0; b < 4; b++) {
                        p.sack[b].left = p.ack + 1 + 2 * ((step * 4 + b) % 6000);
                        p.sack[b].right = p.sack[b].left + 1;
                }
                break;
        case DIVIDED: p.ack -= step % 1000; break;
        case DOUBLED: break;
        case OPTIMISTIC: p.ack += step % 3000; break;
        case TRICKS: break;
        }
        arena_attack(a, &p);
        arena_pull(a);
}

static void tricks(struct arena *a, uint64_t slice)
{
        uint32_t i = (uint32_t)(slice - 1000);

        if (i < 16) {
                send_syn(a, i, SOURCE, 1460, true);
                arena_pull(a);
                return;
        }
        for (uint32_t k = 0, most = is_long() ? 128 : 32; k < most; k++)
                if (hostile[k % 16].open)
                        one_trick(a, k % 16, i * 8 + k / 16);
}

static void play(enum ack_trick t)
{
        struct arena *a = arena_begin(NULL);
        uint64_t slices = is_long() ? 3000 : 1600;

        forget();
        trick = t;
        trick_bytes = 0;
        a->step = tricks;
        a->reply = trick_reply;
        arena_run(a, slices);
        printf("  the victim sent %llu bytes to 16 such peers\n", (unsigned long long)trick_bytes);
        arena_judge(a, NULL, slices, 90);
        arena_end(a);
}

EK_TEST(a4_6_sack_blocks_of_one_byte)
{
        play(TINY_SACKS);
}

EK_TEST(a4_11_divided_acks)
{
        play(DIVIDED);
}

EK_TEST(a4_11_doubled_acks)
{
        play(DOUBLED);
}

EK_TEST(a4_11_optimistic_acks)
{
        play(OPTIMISTIC);
}

/* ---- the smallest segments ---- */

static uint64_t small_received;
static uint32_t small_least;

static void small_reply(struct arena *a, const struct pkt *p)
{
        uint32_t n = which(p);
        struct pkt r;

        if (n >= PEERS || (p->flags & ELKO_RST))
                return;
        if (p->flags & ELKO_SYN) {
                hostile[n].ack = p->seq + 1;
                hostile[n].open = true;
                r = segment_of(n, SOURCE);
                r.payload = (const uint8_t *)"give";
                r.len = 4;
                hostile[n].seq += 4;
        } else {
                if (p->seq == hostile[n].ack && p->len > 0) {
                        hostile[n].ack += p->len;
                        small_received += p->len;
                        small_least = p->len < small_least ? p->len : small_least;
                }
                r = segment_of(n, SOURCE);
        }
        arena_attack(a, &r);
}

static void small_open(struct arena *a, uint64_t slice)
{
        if (slice - 1000 < 4) {
                send_syn(a, (uint32_t)(slice - 1000), SOURCE, 1, true);
                arena_pull(a);
        }
}

/* RELIABILITY A4-7, A4-8: MSS 1 counts as the floor, 48; no segment is smaller than 8 bytes, and nothing
 * overflows however many segments are in flight. */
EK_TEST(a4_8_smallest_mss)
{
        struct arena *a = arena_begin(NULL);

        forget();
        small_received = 0;
        small_least = UINT32_MAX;
        a->step = small_open;
        a->reply = small_reply;
        arena_run(a, 300);
        CHECK(small_received > 100000);
        CHECK(small_least >= 8);
        arena_judge(a, NULL, 300, 90);
        arena_end(a);
}

EK_TEST_MAIN();
