/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_txq.c - the retransmission queue against a plain array with one entry for each sequence
 * number: random pushes, ACKs and SACK blocks at any place, marks and retransmissions in pieces, across the
 * wrap.
 */
#include "tcp/txq.h"

#include "base/region.h"

#include "ek_test.h"

enum { SPACE = 4096, REGION = 1 << 20 };

struct byte {
        uint32_t rec; /* number of the transmission that it belongs to */
        uint32_t tag; /* what the sender gave it */
        uint64_t sent_at;
        uint32_t sends;
        uint32_t seg_len; /* of its record */
        bool lost, sacked;
};

struct model {
        struct byte b[SPACE];
        uint32_t una, nxt; /* offsets; base is added for sequence numbers */
        uint32_t fin;      /* offset of the FIN, SPACE: none */
        uint32_t recs, tags;
        uint32_t fack;
};

struct bench {
        struct ek_txq q;
        struct ek_slab slab;
        struct ek_region *region;
        struct model m;
        uint32_t base;
        uint64_t now;
};

static uint8_t region_memory[REGION];

static void start(struct bench *x, uint32_t base)
{
        memset(x, 0, sizeof(*x));
        x->region = ek_region_init(region_memory, sizeof(region_memory), 1024);
        CHECK(ek_slab_init(&x->slab, x->region, sizeof(struct ek_txrec), 4096, 10000));
        ek_txq_init(&x->q);
        x->base = base;
        x->m.fin = SPACE;
        x->now = 1000;
}

static seq_t seq(const struct bench *x, uint32_t off)
{
        return seq_make(x->base + off);
}

static void finish(struct bench *x)
{
        ek_txq_clear(&x->q, &x->slab);
        CHECK(ek_txq_is_empty(&x->q));
        CHECK_EQ(ek_slab_live(&x->slab), 0);
}

/* Everything that can be asked of the queue, asked of the array. */
static void compare(struct bench *x)
{
        struct model *m = &x->m;
        uint32_t lost = 0, sacked = 0, first = SPACE;
        struct ek_txrec *rec;

        CHECK(ek_txq_check(&x->q, &x->slab, seq(x, m->una), seq(x, m->nxt)));
        CHECK_EQ(x->q.bytes, m->nxt - m->una);
        for (uint32_t i = m->nxt; i-- > m->una;) {
                lost += m->b[i].lost;
                sacked += m->b[i].sacked;
                first = m->b[i].lost ? i : first;
        }
        CHECK_EQ(x->q.lost_bytes, lost);
        CHECK_EQ(x->q.sacked_bytes, sacked);
        CHECK_EQ(ek_txq_pipe(&x->q), m->nxt - m->una - lost - sacked);
        if (m->una < m->nxt)
                CHECK_EQ(x->q.fack.v, seq(x, m->fack).v);
        rec = ek_txq_next_lost(&x->q, &x->slab);
        CHECK_EQ(rec == NULL, lost == 0);
        if (rec != NULL)
                CHECK_EQ(rec->seq.v, seq(x, first).v);
        CHECK_EQ(ek_txq_is_empty(&x->q), m->una == m->nxt);
}

static struct ek_txq_sent sent(uint32_t len, uint8_t flags, uint64_t now, uint32_t tag)
{
        return (struct ek_txq_sent){
                .now = now, .len = len, .flags = flags, .tag = {tag, ~tag, tag * 3}};
}

static void push_burst(struct bench *x, uint32_t n, uint8_t flags, uint32_t seg_len)
{
        struct model *m = &x->m;
        struct ek_txq_sent what = sent(n, flags, x->now, ++m->tags);

        what.seg_len = (uint16_t)seg_len;
        CHECK(ek_txq_push(&x->q, &x->slab, seq(x, m->nxt), &what));
        if (m->una == m->nxt)
                m->fack = m->una;
        for (uint32_t i = 0; i < n; i++)
                m->b[m->nxt + i] = (struct byte){.rec = m->recs,
                                                 .tag = m->tags,
                                                 .sent_at = x->now,
                                                 .sends = 1,
                                                 .seg_len = seg_len};
        m->recs++;
        m->nxt += n;
        if (flags & EK_TXREC_FIN)
                m->fin = m->nxt - 1;
}

static void push(struct bench *x, uint32_t n, uint8_t flags)
{
        push_burst(x, n, flags, 0);
}

static bool ends_record(const struct model *m, uint32_t i)
{
        return i + 1 == m->nxt || m->b[i + 1].rec != m->b[i].rec;
}

/* The tag of the transmission that left last, of those that arrived whole, and what RACK learns: RFC 8985, 6.2,
 * steps 2 and 3. `arrived` says which offsets are new. */
static void check_delivered(struct model *m, const struct bench *x, const bool *arrived,
                            const struct ek_txq_acked *got)
{
        uint32_t newest = SPACE, rack = SPACE, late = 0, orig = SPACE, bytes = 0;

        for (uint32_t i = m->una; i < m->nxt; i++) {
                bytes += arrived[i];
                if (!arrived[i] || !ends_record(m, i))
                        continue;
                if (newest == SPACE || m->b[i].sent_at >= m->b[newest].sent_at)
                        newest = i;
                if ((m->b[i].sends == 1 || m->b[i].sent_at <= x->q.too_young) &&
                    (rack == SPACE || m->b[i].sent_at >= m->b[rack].sent_at))
                        rack = i;
                if (i + 1 >= m->fack)
                        m->fack = i + 1;
                else if (m->b[i].sends == 1)
                        late++;
                if (m->b[i].sends == 1 && orig == SPACE)
                        orig = i;
        }
        CHECK_EQ(got->delivered, bytes);
        CHECK_EQ(got->tagged, newest != SPACE);
        CHECK_EQ(got->late, late);
        CHECK_EQ(got->orig, orig != SPACE);
        CHECK_EQ(got->rack, rack != SPACE);
        if (orig != SPACE)
                CHECK_EQ(got->orig_end.v, seq(x, orig + 1).v);
        if (rack != SPACE) {
                CHECK_EQ(got->rack_sent_at, m->b[rack].sent_at);
                CHECK_EQ(got->rack_end.v, seq(x, rack + 1).v);
                CHECK_EQ(got->rack_again, m->b[rack].sends > 1);
        }
        if (newest == SPACE)
                return;
        CHECK_EQ(got->sent_at, m->b[newest].sent_at);
        CHECK_EQ(got->tag[0], m->b[newest].tag);
        if (m->b[newest].tag == 0)
                return; /* the peer reneged on it */
        CHECK_EQ(got->tag[1], ~m->b[newest].tag);
        CHECK_EQ(got->tag[2], m->b[newest].tag * 3);
}

/* RFC 6298, 3 (Karn): a sample only if nothing that is acknowledged was sent twice; from the
 * newest. What was SACKed does not count. */
static void ack(struct bench *x, uint32_t to)
{
        struct model *m = &x->m;
        static bool arrived[SPACE];
        struct ek_txq_acked got = ek_txq_ack(&x->q, &x->slab, seq(x, to));
        uint64_t newest = 0;
        bool again = false;

        memset(arrived, 0, sizeof(arrived));
        for (uint32_t i = m->una; i < to; i++) {
                arrived[i] = !m->b[i].sacked;
                if (arrived[i])
                        newest = m->b[i].sent_at;
                again = again || (arrived[i] && m->b[i].sends > 1);
        }
        CHECK_EQ(got.bytes, to - m->una);
        CHECK_EQ(got.fin, m->fin < to);
        CHECK_EQ(got.retransmitted, again);
        CHECK_EQ(got.rtt_sent_at, again ? 0 : newest);
        CHECK_EQ(got.timed, !again && newest != 0);
        check_delivered(m, x, arrived, &got);
        m->una = to;
        if (m->fack < to)
                m->fack = to;
        if (m->fin < to)
                m->fin = SPACE;
}

/* Neighbours that are both SACKed are one record, as old as its youngest part. */
static void join_sacked(struct model *m)
{
        for (uint32_t i = m->una, end; i < m->nxt; i = end) {
                uint64_t sent_at = 0;
                uint32_t sends = 0;

                for (end = i; end < m->nxt && m->b[end].sacked; end++) {
                        sent_at = m->b[end].sent_at > sent_at ? m->b[end].sent_at : sent_at;
                        sends = m->b[end].sends > sends ? m->b[end].sends : sends;
                }
                for (uint32_t j = i; j < end; j++) {
                        m->b[j].rec = m->b[i].rec;
                        m->b[j].sent_at = sent_at;
                        m->b[j].sends = sends;
                        m->b[j].seg_len = m->b[i].seg_len;
                }
                end += end == i;
        }
}

/* RFC 6675, 4, Update(): of a record that the block covers in part, whole grains count. */
static void sack(struct bench *x, uint32_t left, uint32_t right, uint32_t grain)
{
        struct model *m = &x->m;
        struct ek_txq_acked got = {0};
        static bool arrived[SPACE];
        uint32_t from, to;

        memset(arrived, 0, sizeof(arrived));
        for (from = m->una; from < m->nxt; from = to) {
                uint32_t a = from, b, cut = m->b[from].seg_len != 0 ? m->b[from].seg_len : grain;

                for (to = from + 1; !ends_record(m, to - 1);)
                        to++;
                b = to;
                if (m->b[from].sacked || right <= from || left >= to)
                        continue;
                if (left > a)
                        a += (left - a + cut - 1) / cut * cut;
                if (right < b)
                        b = from + (right - from) / cut * cut;
                if (a >= b)
                        continue;
                for (uint32_t i = from; i < a; i++)
                        m->b[i].rec = m->recs;
                m->recs++;
                for (uint32_t i = a; i < b; i++) {
                        m->b[i].rec = m->recs;
                        arrived[i] = true;
                }
                m->recs++;
                for (uint32_t i = b; i < to; i++)
                        m->b[i].rec = m->recs;
                m->recs++;
        }
        ek_txq_sack(&x->q, &x->slab, seq(x, left), seq(x, right), grain, &got);
        check_delivered(m, x, arrived, &got);
        CHECK_EQ(got.sacked, got.delivered);
        for (uint32_t i = m->una; i < m->nxt; i++) {
                if (!arrived[i])
                        continue;
                m->b[i].lost = false;
                m->b[i].sacked = true;
        }
        join_sacked(m);
}

/* What is reneged on goes behind what is lost already; how and when its parts were sent is forgotten. */
static void renege(struct bench *x)
{
        struct model *m = &x->m;
        uint64_t newest = 0;

        ek_txq_renege(&x->q, &x->slab);
        for (uint32_t i = m->una; i < m->nxt; i++)
                if (m->b[i].lost && m->b[i].sent_at > newest)
                        newest = m->b[i].sent_at;
        for (uint32_t i = m->una, end; i < m->nxt; i = end) {
                uint32_t sends = 2;

                for (end = i + 1; !ends_record(m, end - 1);)
                        end++;
                if (!m->b[i].sacked)
                        continue;
                for (uint32_t j = i; j < end; j++) {
                        if (m->b[j].sent_at > newest)
                                newest = m->b[j].sent_at;
                        if (m->b[j].sends > sends)
                                sends = m->b[j].sends;
                }
                for (uint32_t j = i; j < end; j++)
                        m->b[j] = (struct byte){.rec = m->b[j].rec,
                                                .sent_at = newest,
                                                .sends = sends,
                                                .seg_len = m->b[j].seg_len,
                                                .lost = true};
        }
        m->fack = m->una;
}

/* RFC 8985, 6.2, step 5: what was sent before, and long enough ago. */
static void mark_old(struct bench *x)
{
        struct model *m = &x->m;
        struct ek_txq_limit limit = {.end = seq(x, m->una + ek_test_below(m->nxt - m->una + 1))};
        uint32_t n = 0;

        limit.sent_at = x->now - ek_test_below(20000);
        limit.until = x->now - ek_test_below(20000);
        for (uint32_t i = m->una, end; i < m->nxt; i = end) {
                for (end = i + 1; !ends_record(m, end - 1);)
                        end++;
                if (m->b[i].lost || m->b[i].sacked || m->b[i].sent_at > limit.until ||
                    m->b[i].sent_at > limit.sent_at ||
                    (m->b[i].sent_at == limit.sent_at && !seq_lt(seq(x, end), limit.end)))
                        continue;
                for (uint32_t j = i; j < end; j++)
                        m->b[j].lost = true;
                n += end - i;
        }
        CHECK_EQ(ek_txq_mark_old_lost(&x->q, &x->slab, &limit), n);
}

/* RFC 8985, 7.3: the highest that may be missing, at most a segment of it. */
static void mark_last(struct bench *x, uint32_t max)
{
        struct model *m = &x->m;
        bool done = ek_txq_mark_last_lost(&x->q, &x->slab, max);
        uint32_t end = m->nxt, from, payload;

        while (end > m->una && m->b[end - 1].sacked)
                end--;
        CHECK_EQ(done, end > m->una && !m->b[end - 1].lost);
        if (!done)
                return;
        for (from = end - 1; from > m->una && !ends_record(m, from - 1);)
                from--;
        payload = end - from - (m->fin < end);
        if (payload > max)
                from += (payload - 1) / max * max;
        for (uint32_t i = from; i < end; i++) {
                m->b[i].lost = true;
                m->b[i].rec = m->recs;
        }
        m->recs++;
}

static void mark_all(struct bench *x)
{
        ek_txq_mark_all_lost(&x->q, &x->slab);
        for (uint32_t i = x->m.una; i < x->m.nxt; i++)
                x->m.b[i].lost = !x->m.b[i].sacked;
}

static void mark_head(struct bench *x)
{
        struct model *m = &x->m;
        bool done = ek_txq_mark_head_lost(&x->q, &x->slab);
        uint32_t end = m->una, seg_len = m->b[m->una].seg_len;

        CHECK_EQ(done, m->una < m->nxt && !m->b[m->una].lost && !m->b[m->una].sacked);
        if (!done)
                return;
        while (end < m->nxt && m->b[end].rec == m->b[m->una].rec)
                end++;
        if (seg_len != 0 && end - m->una - (m->fin < end) > seg_len) {
                for (uint32_t i = m->una; i < m->una + seg_len; i++)
                        m->b[i].rec = m->recs;
                m->recs++;
        }
        for (uint32_t i = m->una; i < m->nxt && m->b[i].rec == m->b[m->una].rec; i++)
                m->b[i].lost = true;
}

static void unmark_all(struct bench *x)
{
        ek_txq_clear_lost(&x->q, &x->slab);
        for (uint32_t i = x->m.una; i < x->m.nxt; i++)
                x->m.b[i].lost = false;
}

static void resend(struct bench *x)
{
        struct model *m = &x->m;
        struct ek_txrec *rec = ek_txq_next_lost(&x->q, &x->slab);
        struct ek_txq_sent what;
        uint32_t n, at;

        if (rec == NULL)
                return;
        n = 1 + ek_test_below(rec->len);
        at = rec->seq.v - x->base;
        what = sent(n, 0, x->now, ++m->tags);
        ek_txq_on_resent(&x->q, &x->slab, &what);
        m->recs++;
        for (uint32_t i = at; i < at + n; i++) {
                m->b[i].lost = false;
                m->b[i].sends++;
                m->b[i].sent_at = x->now;
                m->b[i].tag = m->tags;
                m->b[i].seg_len = 0;
        }
        /* what is left of the record is one of its own now */
        for (uint32_t i = at; i < at + n; i++)
                m->b[i].rec = m->recs;
        m->recs++;
}

/* Runs of lost records become one, up to `max` bytes of payload, and are sent at once; with `flying` runs of what is
 * not SACKed. */
static void merge(struct bench *x, uint32_t max, bool flying)
{
        struct model *m = &x->m;
        struct ek_txrec *rec = ek_txq_next_lost(&x->q, &x->slab);
        struct ek_txq_sent what;
        uint32_t at, end, payload, sends = 0;

        if (rec == NULL)
                return;
        at = rec->seq.v - x->base;
        end = at + rec->len;
        for (;;) {
                uint32_t next = end;

                while (next < m->nxt && m->b[next].rec == m->b[end].rec)
                        next++;
                payload = next - at - (m->fin < next);
                if (next == end || m->b[end].sacked || (!flying && !m->b[end].lost) ||
                    end - at >= max || payload > max)
                        break;
                end = next;
        }
        ek_txq_merge_lost(&x->q, &x->slab, max, flying);
        CHECK(ek_txq_next_lost(&x->q, &x->slab) == rec);
        CHECK_EQ(rec->len, end - at);
        CHECK_EQ((rec->flags & EK_TXREC_FIN) != 0, m->fin < end && m->fin >= at);
        what = sent(end - at, 0, x->now, ++m->tags);
        ek_txq_on_resent(&x->q, &x->slab, &what);
        for (uint32_t i = at; i < end; i++)
                if (m->b[i].sends > sends)
                        sends = m->b[i].sends;
        for (uint32_t i = at; i < end; i++)
                m->b[i] = (struct byte){
                        .rec = m->recs, .tag = m->tags, .sent_at = x->now, .sends = sends + 1};
        m->recs++;
}

static void random_step(struct bench *x)
{
        struct model *m = &x->m;
        uint32_t n;

        x->now += 1 + ek_test_below(1000);
        switch (ek_test_below(15)) {
        case 9:
        case 10:
        case 11:
        case 12:
                n = m->una + ek_test_below(m->nxt - m->una + 1);
                if (n > m->una && n < m->nxt)
                        sack(x, n, n + 1 + ek_test_below(m->nxt - n), 1 + ek_test_below(8));
                return;
        case 13: mark_old(x); return;
        case 14:
                if (ek_test_below(30) == 0)
                        renege(x);
                else if (ek_test_below(4) == 0)
                        mark_last(x, 1 + ek_test_below(20));
                x->q.too_young = ek_test_below(2) == 0 ? x->now - 3000 : UINT64_MAX;
                return;
        case 8: merge(x, 1 + ek_test_below(60), ek_test_below(2) == 0); return;
        case 0:
        case 1:
        case 2:
                n = 1 + ek_test_below(20);
                if (m->fin == SPACE && m->nxt + n < SPACE)
                        push_burst(x, n, ek_test_below(60) == 0 ? EK_TXREC_FIN : 0,
                                   n > 1 && ek_test_below(2) == 0 ? 1 + ek_test_below(n - 1) : 0);
                return;
        case 3: ack(x, m->una + ek_test_below(m->nxt - m->una + 1)); return;
        case 4:
                if (ek_test_below(4) == 0)
                        mark_all(x);
                return;
        case 5: mark_head(x); return;
        case 6: resend(x); return;
        default:
                if (ek_test_below(20) == 0)
                        unmark_all(x);
                return;
        }
}

/* [RFC6675 4-update 4-setpipe 4-nextseg-1; RFC8985 6.1 6.2-3] */
EK_TEST(against_an_array)
{
        static const uint32_t bases[] = {0, 0xfffffff0u, 0x7ffffff0u, 0xfffff800u};

        for (uint32_t round = 0; round < ek_test_rounds(60); round++) {
                static struct bench x;

                start(&x, bases[round % 4]);
                for (int i = 0; i < 900; i++) {
                        random_step(&x);
                        compare(&x);
                }
                finish(&x);
        }
}

/* RFC 1122, 4.2.2.15: small segments go again in one, the FIN with them; nothing beyond `max`, nothing that
 * is not lost. */
EK_TEST(lost_records_become_one)
{
        static struct bench x;

        start(&x, 0xfffffffau);
        for (int i = 0; i < 10; i++)
                push(&x, 1, 0);
        push(&x, 3, EK_TXREC_FIN);
        mark_all(&x);
        merge(&x, 8, false);
        CHECK_EQ(x.q.count, 4);
        CHECK_EQ(x.q.lost_count, 3);
        compare(&x);
        merge(&x, 3, false);
        CHECK_EQ(x.q.count, 3);
        CHECK_EQ(x.q.lost_count, 1); /* two bytes of data with the FIN did not fit */
        merge(&x, 100, false);
        CHECK_EQ(x.q.lost_count, 0);
        CHECK(ek_txq_next_lost(&x.q, &x.slab) == NULL);
        compare(&x);
        ack(&x, 13);
        finish(&x);
        /* Behind a record that is not lost nothing is taken in. */
        start(&x, 0);
        push(&x, 1, 0);
        push(&x, 1, 0);
        mark_head(&x);
        merge(&x, 100, false);
        CHECK_EQ(x.q.count, 2);
        compare(&x);
        finish(&x);
}

/* The same with what is not lost, as far as nothing is SACKed. */
EK_TEST(a_lost_record_takes_in_what_is_flying)
{
        static struct bench x;

        start(&x, 0xfffffffau);
        for (int i = 0; i < 6; i++)
                push(&x, 2, 0);
        sack(&x, 8, 10, 1);
        mark_head(&x);
        merge(&x, 100, true);
        CHECK_EQ(x.q.count, 3); /* 0 to 8, the SACKed one, the last */
        CHECK_EQ(ek_txq_head(&x.q, &x.slab)->len, 8);
        CHECK_EQ(x.q.lost_bytes, 0);
        CHECK_EQ(ek_txq_pipe(&x.q), 10);
        compare(&x);
        ack(&x, 3);
        compare(&x);
        mark_head(&x);
        merge(&x, 4, true);
        CHECK_EQ(x.q.count, 3);
        compare(&x);
        finish(&x);
}

/* What left as one frame and was cut by the link is counted in segments, and falls apart between them. [RFC6675 4-update] */
EK_TEST(a_burst_is_counted_in_segments)
{
        struct ek_txq_sent burst = {.now = 1, .len = 10500, .seg_len = 1000};
        struct ek_txq_acked got = {0};
        static struct bench x;

        start(&x, 0xfffff000u);
        CHECK(ek_txq_push(&x.q, &x.slab, seq(&x, 0), &burst));
        CHECK_EQ(x.q.count, 1);
        CHECK_EQ(x.q.segs, 11);
        got = ek_txq_ack(&x.q, &x.slab, seq(&x, 2000));
        CHECK_EQ(got.largest, 1000);
        CHECK_EQ(x.q.segs, 9);
        /* The third is missing, and of the last but one the block names a part only. */
        ek_txq_sack(&x.q, &x.slab, seq(&x, 3000), seq(&x, 9999), 1460, &got);
        CHECK_EQ(got.sacked, 6000);
        CHECK_EQ(x.q.sacked_segs, 6);
        CHECK_EQ(x.q.segs, 9);
        ek_txq_sack(&x.q, &x.slab, seq(&x, 9000), seq(&x, 10500), 1460, &got);
        CHECK_EQ(x.q.sacked_segs, 8);
        CHECK_EQ(x.q.sacked_count, 1);
        CHECK_EQ(x.q.segs, 9);
        CHECK(ek_txq_mark_head_lost(&x.q, &x.slab));
        CHECK_EQ(x.q.lost_bytes, 1000);
        finish(&x);

        /* Without SACK only the first segment is known to be lost. */
        start(&x, 0xfffff000u);
        CHECK(ek_txq_push(&x.q, &x.slab, seq(&x, 0), &burst));
        CHECK(ek_txq_mark_head_lost(&x.q, &x.slab));
        CHECK_EQ(x.q.lost_bytes, 1000);
        CHECK_EQ(x.q.segs, 11);
        ek_txq_mark_all_lost(&x.q, &x.slab);
        CHECK_EQ(x.q.lost_bytes, 10500);
        ek_txq_on_resent(&x.q, &x.slab, &(struct ek_txq_sent){.now = 2, .len = 1000});
        ek_txq_on_resent(&x.q, &x.slab, &(struct ek_txq_sent){.now = 3, .len = 1000});
        CHECK_EQ(x.q.segs, 11);
        CHECK_EQ(x.q.lost_bytes, 8500);
        finish(&x);
}

/* PSH belongs to the last byte (RFC 9293, 3.9.1.2): a record that is cut keeps it in its second part, and one that
 * takes in the next has it if any of them had. */
EK_TEST(push_stays_at_the_end)
{
        static struct bench x;
        struct ek_txrec *rec;
        struct ek_txq_sent what;

        start(&x, 5);
        push(&x, 1000, EK_TXREC_PUSH);
        ek_txq_mark_all_lost(&x.q, &x.slab);
        what = sent(400, 0, 2000, 1);
        ek_txq_on_resent(&x.q, &x.slab, &what);
        CHECK((ek_txq_head(&x.q, &x.slab)->flags & EK_TXREC_PUSH) == 0);
        rec = ek_txq_next_lost(&x.q, &x.slab);
        CHECK_EQ(rec->len, 600);
        CHECK((rec->flags & EK_TXREC_PUSH) != 0);
        ek_txq_mark_all_lost(&x.q, &x.slab);
        ek_txq_merge_lost(&x.q, &x.slab, 1000, false);
        rec = ek_txq_next_lost(&x.q, &x.slab);
        CHECK_EQ(rec->len, 1000);
        CHECK((rec->flags & EK_TXREC_PUSH) != 0);
        finish(&x);
}

/* RELIABILITY A7-4: an ACK in the middle of a segment. */
EK_TEST(a7_4_ack_inside_a_record)
{
        static struct bench x;

        for (uint32_t cut = 1; cut < 10; cut++) {
                start(&x, 0xfffffffau);
                push(&x, 10, 0);
                push(&x, 10, 0);
                mark_all(&x);
                ack(&x, cut);
                compare(&x);
                CHECK_EQ(ek_txq_next_lost(&x.q, &x.slab)->len, 10 - cut);
                finish(&x);
        }
}

/* RELIABILITY A7-8: the FIN is acknowledged when its own number is, not earlier. */
EK_TEST(a7_8_fin_counts_only_with_its_number)
{
        static struct bench x;

        start(&x, 0xfffffffau);
        push(&x, 11, EK_TXREC_FIN); /* ten bytes and FIN */
        ack(&x, 10);
        compare(&x);
        ack(&x, 11);
        compare(&x);
        finish(&x);
}

/* Nor for the middle of one that was SACKed: then it is not known to have arrived. */
EK_TEST(sack_without_memory_marks_nothing)
{
        struct ek_txq_acked got = {0};
        static struct bench x;
        uint32_t spare;

        start(&x, 0);
        push(&x, 10, 0);
        spare = ek_slab_alloc(&x.slab);
        while (ek_slab_alloc(&x.slab) != EK_NIL)
                ;
        ek_txq_sack(&x.q, &x.slab, seq(&x, 3), seq(&x, 10), 1, &got);
        ek_txq_sack(&x.q, &x.slab, seq(&x, 3), seq(&x, 6), 1, &got);
        CHECK(got.sacked == 0 && got.delivered == 0);
        CHECK_EQ(x.q.count, 1);
        CHECK(ek_txq_check(&x.q, &x.slab, seq(&x, 0), seq(&x, 10)));
        /* Memory for one cut of two. */
        ek_slab_free(&x.slab, spare);
        ek_txq_sack(&x.q, &x.slab, seq(&x, 3), seq(&x, 6), 1, &got);
        CHECK_EQ(got.sacked, 0);
        CHECK_EQ(ek_txq_pipe(&x.q), 10);
        CHECK(ek_txq_check(&x.q, &x.slab, seq(&x, 0), seq(&x, 10)));
}

/* No memory for the second half of a record: it stays lost whole, but not as one that was sent once. */
EK_TEST(split_without_memory_leaves_the_record_lost)
{
        struct ek_txq_sent part = sent(4, 0, 5, 1), whole = sent(10, 0, 5, 2);
        struct ek_txq_sent more = sent(1, 0, 5, 3);
        static struct bench x;

        start(&x, 0);
        push(&x, 10, 0);
        mark_all(&x);
        while (ek_slab_alloc(&x.slab) != EK_NIL)
                ;
        ek_txq_on_resent(&x.q, &x.slab, &part);
        CHECK_EQ(x.q.lost_count, 1);
        CHECK_EQ(x.q.lost_bytes, 10);
        CHECK_EQ(ek_txq_head(&x.q, &x.slab)->len, 10);
        CHECK_EQ(ek_txq_head(&x.q, &x.slab)->sends, 2);
        CHECK(ek_txq_check(&x.q, &x.slab, seq(&x, 0), seq(&x, 10)));
        ek_txq_on_resent(&x.q, &x.slab, &whole);
        CHECK_EQ(x.q.lost_count, 0);
        CHECK(!ek_txq_push(&x.q, &x.slab, seq(&x, 10), &more));
}

/* RELIABILITY A7-10: the number of transmissions saturates. */
EK_TEST(a7_10_many_retransmissions)
{
        struct ek_txq_sent what;
        static struct bench x;

        start(&x, 0);
        push(&x, 10, 0);
        what = sent(10, 0, x.now, 1);
        for (int i = 0; i < 1000; i++) {
                ek_txq_mark_head_lost(&x.q, &x.slab);
                ek_txq_on_resent(&x.q, &x.slab, &what);
        }
        CHECK_EQ(ek_txq_head(&x.q, &x.slab)->sends, UINT8_MAX);
        CHECK(ek_txq_ack(&x.q, &x.slab, seq(&x, 10)).retransmitted);
        finish(&x);
}

EK_TEST_MAIN();
