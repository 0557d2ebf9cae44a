/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "tcp/reasm.h"

#include <time.h>

/*
 * E3: all overlaps of three segments on a grid of ten cells, in all orders: 55 intervals, 55^3 = 166,375
 * sequences. Cell 0 was received before, the cells after it are in the window, and the last ones lie
 * beyond its right edge (RFC 9293, 3.10.7.4 first: trimmed or refused by table 6).
 *
 * The model is an array of bytes with a flag each. A segment that table 6 accepts is written where it
 * lies inside of [RCV.NXT, edge); what is there already is overwritten, what is below RCV.NXT is not
 * (src/tcp/seg_text.c says so). RCV.NXT is the first byte without flag. Every segment has bytes of its
 * own, so that the readable stream shows who wrote what.
 *
 * After every segment: the ACK's number (at once, if the segment was out of order, filled a hole or was
 * refused: RFC 5681, 4.2), the advertised edge, and the SACK blocks: all but a D-SACK (RFC 2883, 4:
 * first, and only of bytes that came before) are whole ranges of the model, each once, the newest first
 * (RFC 2018, 4). Then the application reads everything, byte for byte.
 *
 * And for all pairs the first one with a FIN, which then stands early, inside of the other, or beyond the window.
 *
 * Runs: with SACK, without, and with room for one hole only (what does not fit is not kept). `make
 * test` takes an eighth of the sequences, drawn by the seed; ELKO_LONG=1 all. The leaf (reasm.c) alone
 * is compared for all of them in both.
 */

enum { CELLS = 10, CELL = 256, GRID = CELLS * CELL, INTERVALS = CELLS * (CELLS + 1) / 2 };

struct interval {
        uint8_t a, b;
};

static struct interval intervals[INTERVALS];

static void make_intervals(void)
{
        unsigned n = 0;

        for (uint8_t a = 0; a < CELLS; a++)
                for (uint8_t b = (uint8_t)(a + 1); b <= CELLS; b++)
                        intervals[n++] = (struct interval){a, b};
}

struct range {
        uint32_t lo, hi;
};

/* Positions count from the grid's begin. */
struct bitmap {
        uint8_t have[GRID], byte[GRID], before[GRID];
        uint32_t next, edge;
        unsigned max_ranges;
};

static uint8_t byte_of(unsigned segment, uint32_t at)
{
        return (uint8_t)(at * 7 + (at >> 8) * 3 + segment * 85 + 1);
}

/* Maximal ranges beyond `next`; how many. */
static unsigned ranges_of(const struct bitmap *m, struct range *out)
{
        unsigned n = 0;

        for (uint32_t i = m->next; i < GRID; i++) {
                if (!m->have[i])
                        continue;
                if (n == 0 || out[n - 1].hi != i)
                        out[n++].lo = i;
                out[n - 1].hi = i + 1;
        }
        return n;
}

enum taken { REFUSED, IN_ORDER, FILLED, EARLY };

/* The segment arrives at the model. */
static enum taken model_take(struct bitmap *m, unsigned k, uint32_t lo, uint32_t hi)
{
        bool first_in = lo >= m->next && lo < m->edge;
        bool last_in = hi - 1 >= m->next && hi - 1 < m->edge;
        struct bitmap old = *m;
        struct range r[CELLS];
        bool holes = ranges_of(m, r) > 0;

        memcpy(m->before, m->have, GRID);
        if (!first_in && !last_in)
                return REFUSED;
        lo = lo > m->next ? lo : m->next;
        hi = hi < m->edge ? hi : m->edge;
        for (uint32_t i = lo; i < hi; i++) {
                m->have[i] = 1;
                m->byte[i] = byte_of(k, i);
        }
        if (lo > m->next) {
                if (ranges_of(m, r) > m->max_ranges) {
                        *m = old;
                        memcpy(m->before, m->have, GRID);
                }
                return EARLY;
        }
        while (m->next < GRID && m->have[m->next])
                m->next++;
        return holes ? FILLED : IN_ORDER;
}

/* ---- through the stack ---- */

static struct {
        unsigned sack, ranges;
        unsigned cases, segments, failed;
        struct timespec began;
} run;

static void tune(struct elko_config *cfg)
{
        cfg->sack = run.sack;
        cfg->max_ooo_ranges = (uint16_t)run.ranges;
        cfg->rcv_buf_max_bytes = WORLD_WINDOW;
}

/* RFC 2883, 4: the first block reports a duplicate if the ACK or the second block covers it. */
static bool is_dsack(const struct bitmap *m, const struct range *b, unsigned blocks)
{
        return blocks > 0 &&
               (b[0].lo < m->next || (blocks > 1 && b[1].lo <= b[0].lo && b[0].hi <= b[1].hi));
}

static bool came_before(const struct bitmap *m, struct range b)
{
        if (b.lo >= b.hi || b.hi > GRID)
                return false;
        for (uint32_t i = b.lo; i < b.hi; i++)
                if (!m->before[i])
                        return false;
        return true;
}

/* NULL, or what is wrong with the SACK option. [lo, hi) came last. */
static const char *check_sack(const struct bitmap *m, const struct conv_seg *s, uint32_t base,
                              enum taken taken, uint32_t lo, uint32_t hi)
{
        const struct conv_opt *o = conv_seg_opt(s, 5);
        unsigned blocks = o == NULL ? 0 : (o->len - 2u) / 8, first = 0, n;
        struct range r[CELLS], b[4];
        unsigned seen = 0;

        n = ranges_of(m, r);
        if (!run.sack)
                return o == NULL ? NULL : "SACK although it was not negotiated";
        for (unsigned i = 0; i < blocks && i < 4; i++)
                b[i] = (struct range){conv_get32(o->data + 8 * i) - base,
                                      conv_get32(o->data + 8 * i + 4) - base};
        if (is_dsack(m, b, blocks)) {
                first = 1;
                if (!came_before(m, b[0]))
                        return "a D-SACK of bytes that came only once (RFC 2883)";
        }
        for (unsigned i = first; i < blocks; i++) {
                unsigned k = 0;

                while (k < n && (r[k].lo != b[i].lo || r[k].hi != b[i].hi))
                        k++;
                if (k == n)
                        return "a SACK block is no range of what is stored";
                if (seen & 1u << k)
                        return "a SACK block twice";
                seen |= 1u << k;
        }
        if (blocks - first != n && blocks < 4)
                return "a stored range is not reported";
        if (taken == EARLY && n > 0 && lo < m->edge && m->have[lo > m->next ? lo : m->next] &&
            blocks > first && !(b[first].lo <= lo && hi <= b[first].hi) && hi <= m->edge)
                return "the first SACK block is not that of the segment (RFC 2018, 4)";
        return NULL;
}

static const char *check_answer(struct world *w, const struct bitmap *m, uint32_t base,
                                enum taken taken, uint32_t lo, uint32_t hi)
{
        const struct conv_seg *s = &w->reply[0].seg;

        if (w->bad != NULL)
                return w->bad;
        if (w->replies > 1)
                return "more than one answer";
        if (w->replies == 0)
                return taken == IN_ORDER ? NULL : "no ACK at once (RFC 5681, 4.2)";
        if (w->reply[0].proto != 6 || s->len != 0 || (s->flags & 0x17) != ELKO_ACK)
                return "the answer is not an ACK";
        if (s->ack - base != m->next)
                return "the ACK's number";
        if (s->ack + ((uint32_t)s->win << w->main.scale) - base != m->edge)
                return "the right edge moved";
        return check_sack(m, s, base, taken, lo, hi);
}

static const char *check_stream(struct world *w, const struct bitmap *m, uint32_t base)
{
        uint8_t buf[GRID];
        int64_t n = elko_recv(w->st, w->main.sock, buf, sizeof(buf));
        uint32_t want = m->next - CELL;

        if ((n < 0 ? 0 : n) != (int64_t)want)
                return "the number of readable bytes";
        if (memcmp(buf, m->byte + CELL, want) != 0)
                return "the readable bytes";
        /* 3.8.6.2.2: half of the buffer became free, so the peer is told. */
        w->replies = 0;
        world_pull(w);
        if (want >= WORLD_WINDOW / 2 &&
            (w->replies == 0 ||
             w->reply[0].seg.ack + ((uint32_t)w->reply[0].seg.win << w->main.scale) - base <=
                     m->edge))
                return "the window that reading opened is not announced";
        return elko_check(w->st);
}

static void say(struct world *w, unsigned k, uint32_t base, uint32_t lo, uint32_t hi,
                uint16_t flags)
{
        static uint8_t p[GRID + 100];
        struct world_seg s = world_make(w, &w->main, flags, base + lo, 0);
        uint32_t ip = w->v6 ? 40 : 20, len = world_put_tcp(&s, 0, p + ip);

        for (uint32_t i = lo; i < hi; i++)
                p[ip + len + i - lo] = byte_of(k, i);
        len += hi - lo;
        world_put_ip(w, p, 6, len);
        conv_put16(p + ip + 16, conv_csum(w->peer.b, w->local.b, w->v6, 6, p + ip, len));
        world_in(w, p, ip + len);
}

static void one_sequence(struct world *w, const struct world *saved, const struct bitmap *empty,
                         const unsigned *pick, unsigned n)
{
        static struct bitmap m;
        uint32_t base = saved->main.rcv_nxt - CELL;
        const char *bad = NULL;
        unsigned k;

        m = *empty;
        world_restore(w, saved);
        for (k = 0; k < n && bad == NULL; k++) {
                uint32_t lo = intervals[pick[k]].a * CELL, hi = intervals[pick[k]].b * CELL;
                enum taken taken = model_take(&m, k, lo, hi);

                say(w, k, base, lo, hi, ELKO_ACK);
                bad = check_answer(w, &m, base, taken, lo, hi);
                run.segments++;
        }
        if (bad == NULL)
                bad = check_stream(w, &m, base);
        run.cases++;
        if (bad == NULL || ++run.failed > 10)
                return;
        printf("  %s, cells", run.sack ? "SACK" : "no SACK");
        for (unsigned i = 0; i < n; i++)
                printf(" [%u,%u)", intervals[pick[i]].a, intervals[pick[i]].b);
        printf(": after segment %u: %s\n", k, bad);
}

static void prepare(struct world *w, struct world *saved, struct bitmap *empty, bool v6)
{
        uint8_t buf[CELL];

        make_intervals();
        world_tune = tune;
        world_init(w, W_ESTABLISHED, v6, false);
        world_tune = NULL;
        world_say_simple(w, &w->main, ELKO_ACK, CELL);
        CHECK_EQ(elko_recv(w->st, w->main.sock, buf, sizeof(buf)), CELL);
        while (elko_next_deadline(w->st) < w->now + ELKO_SEC(1)) {
                w->now = elko_next_deadline(w->st);
                world_pull(w);
                world_learn(w, &w->main);
        }
        world_snapshot(w);
        *saved = *w;
        memset(empty, 0, sizeof(*empty));
        memset(empty->have, 1, CELL);
        empty->next = CELL;
        empty->edge = w->main.edge - w->main.rcv_nxt + CELL;
        empty->max_ranges = run.ranges;
        CHECK(empty->edge > 6 * CELL && empty->edge < GRID);
}

static void report(const char *what)
{
        struct timespec t;
        double s;

        clock_gettime(CLOCK_MONOTONIC, &t);
        s = (double)(t.tv_sec - run.began.tv_sec) + (double)(t.tv_nsec - run.began.tv_nsec) / 1e9;
        printf("E3, %s: %u of %u sequences passed, %u segments, %.2f s, %.0f sequences/s\n", what,
               run.cases - run.failed, run.cases, run.segments, s, (double)run.cases / s);
        CHECK_EQ(run.failed, 0);
}

static bool is_long(void)
{
        return getenv("ELKO_LONG") != NULL;
}

static void all_sequences(const char *what, bool v6, unsigned sack, unsigned ranges)
{
        static struct world w, saved;
        static struct bitmap empty;
        unsigned pick[3];

        memset(&run, 0, sizeof(run));
        run.sack = sack;
        run.ranges = ranges;
        clock_gettime(CLOCK_MONOTONIC, &run.began);
        prepare(&w, &saved, &empty, v6);
        for (pick[0] = 0; pick[0] < INTERVALS; pick[0]++)
                for (pick[1] = 0; pick[1] < INTERVALS; pick[1]++)
                        for (pick[2] = 0; pick[2] < INTERVALS; pick[2]++)
                                if (is_long() || ek_test_below(800) < ek_test_state.percent)
                                        one_sequence(&w, &saved, &empty, pick, 3);
        report(what);
}

/* [RFC9293 SHLD-31 MAY-13] */
EK_TEST(three_segments_with_sack)
{
        all_sequences("SACK", false, true, 64);
}

EK_TEST(three_segments_without_sack)
{
        all_sequences("no SACK, numbers before 2^32", true, false, 64);
}

EK_TEST(three_segments_room_for_one_hole)
{
        all_sequences("SACK, one range", true, true, 1);
}

/* ---- a FIN that comes early ---- */

/* The window opens, and what comes is text, where the FIN would be and beyond: it was not received, so nothing
 * remembers it. */
static const char *text_instead(struct world *w, uint32_t base, uint32_t end)
{
        uint8_t buf[GRID];
        int64_t n;

        world_pull(w);
        say(w, 0, base, end, GRID, ELKO_ACK);
        n = elko_recv(w->st, w->main.sock, buf, sizeof(buf));
        if (n != (int64_t)(GRID - end))
                return "the text where a FIN was that lay beyond the window";
        for (uint32_t i = end; i < GRID; i++)
                if (buf[i - end] != byte_of(0, i))
                        return "its bytes";
        if (world_tcp_state(w) != ELKO_TCP_ESTABLISHED)
                return "a FIN beyond the window counts";
        return elko_check(w->st);
}

/*
 * A segment with FIN, then one of text anywhere, then all that is missing. The FIN counts if it lies in the
 * window (or at its edge: it needs no room), and then the stream ends there: what lies beyond is not text
 * (3.10.7.4 seventh and eighth). A FIN beyond the window was not received (3.10.7.4 first: trimmed): there
 * may be text in its place when the window opens.
 */
static const char *fin_and_text(struct world *w, const struct world *saved, uint32_t edge,
                                struct interval f, struct interval d)
{
        uint32_t base = saved->main.rcv_nxt - CELL, fin = f.b * CELL;
        uint32_t end = fin <= edge ? fin : edge;
        /* Table 6: one that begins before the window and ends with it is not acceptable. */
        bool counts = fin < edge || (fin == edge && f.a > 0);
        uint8_t buf[GRID], more;
        int64_t n;

        world_restore(w, saved);
        say(w, 0, base, f.a * CELL, fin, ELKO_ACK | ELKO_FIN);
        say(w, 0, base, d.a * CELL, d.b * CELL, ELKO_ACK);
        if (end > CELL)
                say(w, 0, base, CELL, end, ELKO_ACK);
        n = elko_recv(w->st, w->main.sock, buf, sizeof(buf));
        if (n != (int64_t)(end - CELL) && !(n < 0 && end == CELL))
                return "the number of readable bytes";
        for (uint32_t i = CELL; i < end; i++)
                if (buf[i - CELL] != byte_of(0, i))
                        return "the readable bytes";
        if ((elko_recv(w->st, w->main.sock, &more, 1) == 0) != counts)
                return counts ? "no end of stream" : "an end of stream beyond the window";
        if ((world_tcp_state(w) == ELKO_TCP_CLOSE_WAIT) != counts)
                return "the state";
        return fin > edge ? text_instead(w, base, end) : elko_check(w->st);
}

EK_TEST(a_fin_before_its_time)
{
        static struct world w, saved;
        static struct bitmap empty;

        memset(&run, 0, sizeof(run));
        run.sack = true;
        run.ranges = 64;
        clock_gettime(CLOCK_MONOTONIC, &run.began);
        prepare(&w, &saved, &empty, false);
        for (unsigned i = 0; i < INTERVALS * INTERVALS; i++) {
                struct interval f = intervals[i / INTERVALS], d = intervals[i % INTERVALS];
                const char *bad = fin_and_text(&w, &saved, empty.edge, f, d);

                run.cases++;
                run.segments += 3;
                if (bad != NULL && ++run.failed <= 10)
                        printf("  cells [%u,%u) and FIN, then [%u,%u): %s\n", f.a, f.b, d.a, d.b,
                               bad);
        }
        report("a FIN before its time");
}

/* ---- the leaf alone ---- */

/* Reasm positions are 64-bit stream offsets; here they are cells. */
static bool leaf_agrees(const unsigned *pick, unsigned n, uint16_t cap)
{
        _Alignas(8) uint8_t memory[EK_RANGES_BYTES(64)];
        struct ek_reasm r = {.ranges = (struct ek_ranges *)(void *)memory};
        struct ek_reasm_block blocks[4];
        unsigned have = 1, next = 1; /* bit set of cells; cell 0 came before */

        ek_ranges_init(r.ranges, cap);
        for (unsigned k = 0; k < n; k++) {
                unsigned a = intervals[pick[k]].a, b = intervals[pick[k]].b, was = have, count = 0;

                a = a < next ? next : a;
                if (a >= b)
                        continue;
                have |= (1u << b) - (1u << a);
                if (a > next) {
                        for (unsigned c = next; c < CELLS; c++)
                                count += (have >> c & 1) && !(have >> (c - 1) & 1);
                        if (count > cap)
                                have = was;
                        if ((ek_reasm_add(&r, a, b) == EK_REASM_FULL) != (count > cap))
                                return false;
                } else {
                        next = b;
                        while (have >> next & 1)
                                next++;
                        if (ek_reasm_advance(&r, b) != next)
                                return false;
                }
                if (ek_reasm_has_holes(&r) != (have >> next != 0) || !ek_ranges_check(r.ranges))
                        return false;
                count = ek_reasm_blocks(&r, blocks, 4);
                for (unsigned i = 0; i < count; i++)
                        for (uint64_t c = blocks[i].lo; c < blocks[i].hi; c++)
                                if (!(have >> c & 1))
                                        return false;
                for (unsigned c = next; c < CELLS; c++)
                        if ((have >> c & 1) != ek_ranges_contains(r.ranges, c, c + 1))
                                return false;
        }
        return true;
}

EK_TEST(leaf_against_bitmap)
{
        unsigned pick[4];

        memset(&run, 0, sizeof(run));
        make_intervals();
        clock_gettime(CLOCK_MONOTONIC, &run.began);
        for (uint16_t cap = 1; cap <= 3; cap++)
                for (unsigned i = 0; i < INTERVALS * INTERVALS * INTERVALS; i++) {
                        pick[0] = i % INTERVALS;
                        pick[1] = i / INTERVALS % INTERVALS;
                        pick[2] = i / INTERVALS / INTERVALS;
                        run.cases++;
                        run.segments += 3;
                        run.failed += !leaf_agrees(pick, 3, cap);
                }
        report("reasm alone, room for 1, 2 and 3 ranges");
}

/* Four segments: 55^4 = 9,150,625. */
EK_TEST(leaf_against_bitmap_four)
{
        unsigned pick[4];

        if (!is_long())
                return;
        memset(&run, 0, sizeof(run));
        make_intervals();
        clock_gettime(CLOCK_MONOTONIC, &run.began);
        for (unsigned i = 0; i < INTERVALS * INTERVALS * INTERVALS * INTERVALS; i++) {
                for (unsigned k = 0, rest = i; k < 4; k++, rest /= INTERVALS)
                        pick[k] = rest % INTERVALS;
                run.cases++;
                run.segments += 4;
                run.failed += !leaf_agrees(pick, 4, 64);
        }
        report("reasm alone, four segments");
}

EK_TEST_MAIN();
