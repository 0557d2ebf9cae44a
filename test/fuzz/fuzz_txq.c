/* SPDX-License-Identifier: MIT */
/*
 * fuzz_txq (F11): the retransmission queue against one entry for each sequence number, or, so that windows of
 * 256 KiB fit, for each 16 or 64 of them.
 *
 * tcp/txq.h: transmissions are appended, acknowledged from the front at any place, marked lost, sent again
 * in pieces - while the pool of records fails at times, and anywhere on the circle. RFC 6298, 3 (Karn).
 */
#include "common/fz.h"

#include "base/region.h"
#include "tcp/txq.h"

const unsigned fz_head_bytes = 5, fz_record_bytes = 4;

enum { SPACE = 4096, MAX_STEPS = 300, REGION = 64 << 10, RECORDS = 300 };

struct byte {
        uint32_t rec; /* number of the record that holds it */
        uint64_t sent_at;
        uint32_t sends;
        bool lost, sacked;
};

static struct {
        struct ek_txq q;
        struct ek_slab slab;
        struct ek_region *region;
        struct byte b[SPACE];
        uint32_t base, una, nxt, fin, recs;
        uint32_t unit; /* sequence numbers of an entry */
        uint64_t now;
} m;

static seq_t seq(uint32_t off)
{
        return seq_make(m.base + off * m.unit);
}

static void check(void)
{
        uint32_t lost = 0, sacked = 0, first = SPACE, records = 0;
        struct ek_txrec *rec;

        FZ_REQUIRE(ek_txq_check(&m.q, &m.slab, seq(m.una), seq(m.nxt)));
        for (uint32_t i = m.una; i < m.nxt; i++) {
                lost += m.b[i].lost;
                sacked += m.b[i].sacked;
                if (m.b[i].lost && first == SPACE)
                        first = i;
                records += i == m.una || m.b[i].rec != m.b[i - 1].rec;
        }
        FZ_REQUIRE(m.q.bytes == (m.nxt - m.una) * m.unit && m.q.lost_bytes == lost * m.unit &&
                   m.q.sacked_bytes == sacked * m.unit);
        FZ_REQUIRE(m.q.count == records && ek_slab_live(&m.slab) == records);
        rec = ek_txq_next_lost(&m.q, &m.slab);
        FZ_REQUIRE((rec == NULL) == (lost == 0));
        FZ_REQUIRE(rec == NULL || rec->seq.v == seq(first).v);
}

static void push(uint32_t n, uint8_t flags)
{
        struct ek_txq_sent sent = {.now = m.now, .len = n * m.unit, .flags = flags};
        bool room = m.nxt + n <= SPACE && m.fin == SPACE;

        if (!room || !ek_txq_push(&m.q, &m.slab, seq(m.nxt), &sent))
                return;
        for (uint32_t i = 0; i < n; i++)
                m.b[m.nxt + i] = (struct byte){.rec = m.recs, .sent_at = m.now, .sends = 1};
        m.recs++;
        m.nxt += n;
        if ((flags & EK_TXREC_FIN) != 0)
                m.fin = m.nxt - 1;
}

static void ack(uint32_t to)
{
        struct ek_txq_acked got = ek_txq_ack(&m.q, &m.slab, seq(to));
        bool again = false;

        uint64_t newest = 0;

        for (uint32_t i = m.una; i < to; i++) {
                if (m.b[i].sacked)
                        continue;
                again = again || m.b[i].sends > 1;
                newest = m.b[i].sent_at;
        }
        FZ_REQUIRE(got.bytes == (to - m.una) * m.unit);
        FZ_REQUIRE(got.fin == (m.fin < to));
        FZ_REQUIRE(got.retransmitted == again);
        FZ_REQUIRE(got.rtt_sent_at == (again ? 0 : newest));
        m.una = to;
        if (m.fin < to)
                m.fin = SPACE;
}

static void mark_head(void)
{
        bool done = ek_txq_mark_head_lost(&m.q, &m.slab);

        FZ_REQUIRE(done == (m.una < m.nxt && !m.b[m.una].lost && !m.b[m.una].sacked));
        for (uint32_t i = m.una; done && i < m.nxt && m.b[i].rec == m.b[m.una].rec; i++)
                m.b[i].lost = true;
}

static void resend(uint32_t n)
{
        struct ek_txrec *rec = ek_txq_next_lost(&m.q, &m.slab);
        struct ek_txq_sent sent = {.now = m.now};
        uint32_t at;
        bool whole;

        if (rec == NULL)
                return;
        at = (rec->seq.v - m.base) / m.unit;
        n = 1 + n % (rec->len / m.unit);
        sent.len = n * m.unit;
        /* Without memory for the rest all of it was sent again and is lost still. */
        /* An allocation that fails once must not be this question's. */
        whole = sent.len == rec->len || ek_slab_reserve(&m.slab) || ek_slab_reserve(&m.slab);
        if (!whole)
                n = rec->len / m.unit;
        ek_txq_on_resent(&m.q, &m.slab, &sent);
        for (uint32_t i = at; i < at + n; i++) {
                m.b[i].lost = !whole;
                m.b[i].sends++;
                m.b[i].sent_at = m.now;
                m.b[i].rec = m.recs;
        }
        m.recs++;
}

static uint32_t end_of_record(uint32_t i)
{
        uint32_t end = i + 1;

        while (end < m.nxt && m.b[end].rec == m.b[i].rec)
                end++;
        return end;
}

/* The first lost record takes in those behind it, all or the lost ones, up to `n` entries; and all of it is sent. */
static void merge(uint32_t n, bool flying)
{
        struct ek_txrec *rec = ek_txq_next_lost(&m.q, &m.slab);
        struct ek_txq_sent sent = {.now = m.now};
        uint32_t at, end, sends = 0;

        if (rec == NULL || (rec->flags & EK_TXREC_SYN) != 0)
                return;
        at = (rec->seq.v - m.base) / m.unit;
        end = end_of_record(at);
        while (end < m.nxt && end - at < n && !m.b[end].sacked && (flying || m.b[end].lost)) {
                uint32_t next = end_of_record(end), payload = (next - at) * m.unit;

                if (payload - (m.fin < next) > n * m.unit)
                        break;
                end = next;
        }
        ek_txq_merge_lost(&m.q, &m.slab, n * m.unit, flying);
        FZ_REQUIRE(ek_txq_next_lost(&m.q, &m.slab) == rec && rec->len == (end - at) * m.unit);
        sent.len = rec->len;
        ek_txq_on_resent(&m.q, &m.slab, &sent);
        for (uint32_t i = at; i < end; i++)
                sends = m.b[i].sends > sends ? m.b[i].sends : sends;
        for (uint32_t i = at; i < end; i++)
                m.b[i] = (struct byte){.rec = m.recs, .sent_at = m.now, .sends = sends + 1};
        m.recs++;
}

/* A block; whole records, so that no memory is needed: parts are the unit test's. */
static void sack(uint32_t left, uint32_t right)
{
        struct ek_txq_acked got = {0};
        uint32_t n = 0;

        ek_txq_sack(&m.q, &m.slab, seq(left), seq(right), UINT32_MAX / 2, &got);
        for (uint32_t i = m.una, end; i < m.nxt; i = end) {
                end = end_of_record(i);
                if (m.b[i].sacked || i < left || end > right)
                        continue;
                for (uint32_t k = i; k < end; k++) {
                        m.b[k].sacked = true;
                        m.b[k].lost = false;
                }
                n += end - i;
        }
        FZ_REQUIRE(got.sacked == n * m.unit && got.delivered == got.sacked);
        for (uint32_t i = m.una + 1; i < m.nxt; i++)
                if (m.b[i].sacked && m.b[i - 1].sacked)
                        m.b[i].rec = m.b[i - 1].rec;
}

static void renege(void)
{
        ek_txq_renege(&m.q, &m.slab);
        for (uint32_t i = m.una, end; i < m.nxt; i = end) {
                const struct ek_txrec *rec;
                uint32_t at = m.q.head;

                end = end_of_record(i);
                if (!m.b[i].sacked)
                        continue;
                while (!seq_eq((rec = ek_slab_at(&m.slab, at))->seq, seq(i)))
                        at = rec->next;
                FZ_REQUIRE(rec->sends > 1);
                for (uint32_t k = i; k < end; k++) {
                        m.b[k].sacked = false;
                        m.b[k].lost = true;
                        m.b[k].sends = rec->sends;
                        m.b[k].sent_at = rec->sent_at;
                }
        }
}

static void more(const uint8_t *r, uint32_t n)
{
        struct ek_txq_limit limit = {.sent_at = m.now - r[1] % 16, .until = m.now - r[2] % 16};
        uint32_t span = m.nxt - m.una, left;

        if (span < 2)
                return;
        left = m.una + 1 + n % (span - 1);
        if (r[3] % 16 == 15) {
                renege();
        } else if (r[3] % 4 != 3) {
                sack(left, left + 1 + r[1] % (m.nxt - left));
        } else {
                limit.end = seq(left);
                ek_txq_mark_old_lost(&m.q, &m.slab, &limit);
                for (uint32_t i = m.una, end; i < m.nxt; i = end) {
                        bool old;

                        end = end_of_record(i);
                        old = m.b[i].sent_at <= limit.until &&
                              ek_txq_sent_before(m.b[i].sent_at, seq(end), limit.sent_at,
                                                 limit.end);
                        for (uint32_t k = i; k < end; k++)
                                m.b[k].lost = m.b[k].lost || (old && !m.b[k].sacked);
                }
        }
}

static void step(const uint8_t *r)
{
        uint32_t n = 1 + (r[1] * 3u + r[2]) % 400;

        m.now += r[3];
        switch (r[0] % 10) {
        case 8:
        case 9: more(r, n); break;
        case 0:
        case 1: push(n, 0); break;
        case 2: push(1 + n % 3, r[3] % 8 == 0 ? EK_TXREC_FIN : 0); break;
        case 3: ack(m.una + (m.nxt > m.una ? n % (m.nxt - m.una + 1) : 0)); break;
        case 4:
                if ((r[3] & 3) == 0) {
                        ek_txq_clear_lost(&m.q, &m.slab);
                        for (uint32_t i = m.una; i < m.nxt; i++)
                                m.b[i].lost = false;
                } else {
                        ek_txq_mark_all_lost(&m.q, &m.slab);
                        for (uint32_t i = m.una; i < m.nxt; i++)
                                m.b[i].lost = !m.b[i].sacked;
                }
                break;
        case 5: mark_head(); break;
        case 6:
                if ((r[3] & 4) != 0)
                        merge(n, (r[3] & 8) != 0);
                else
                        resend(n);
                break;
        default: ek_region_fail_nth(m.region, r[1] & 3, (r[2] & 1) != 0); break;
        }
        check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static _Alignas(64) uint8_t memory[REGION];
        static const uint32_t units[] = {1, 1, 16, 64};
        struct fz_in in = {data, size};

        if (size < fz_head_bytes)
                return 0;
        memset(&m, 0, sizeof(m));
        m.region = ek_region_init(memory, sizeof(memory), 256);
        FZ_REQUIRE(ek_slab_init(&m.slab, m.region, sizeof(struct ek_txrec), 1024, RECORDS));
        ek_txq_init(&m.q);
        m.base = fz_u32(&in);
        m.fin = SPACE;
        m.now = 100 + fz_u8(&in);
        m.unit = units[m.now % 4];
        push(1, EK_TXREC_SYN);
        for (unsigned n = 0; in.n >= fz_record_bytes && n < MAX_STEPS; n++) {
                step(in.p);
                fz_take(&in, fz_record_bytes);
                fz_steps++;
        }
        ek_txq_clear(&m.q, &m.slab);
        FZ_REQUIRE(ek_txq_is_empty(&m.q) && ek_slab_live(&m.slab) == 0);
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        uint64_t rng = i + 9;
        size_t n = fz_head_bytes + fz_record_bytes * (4 + 3 * (size_t)i);

        if (i >= 24)
                return 0;
        for (size_t k = 0; k < n; k++)
                out[k] = (uint8_t)fz_random(&rng);
        if (i % 2 == 0)
                memset(out, 0xff, 3);
        return n;
}
