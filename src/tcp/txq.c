/* SPDX-License-Identifier: MIT */
#include "tcp/txq.h"

/*
 * One record stands for one transmission: a run of sequence numbers that left together. The payload is
 * not here; it lies in the send ring, and the record's sequence number finds it. Records form a singly
 * linked list in sequence order: new ones are appended, acknowledged ones leave at the front, and loss
 * marks are walked from the front by a cursor, so every operation is constant or amortised constant
 * time without SACK.
 *
 * SND.NXT never goes back: a time-out marks records as lost, and the one transmit path sends them again
 * in order. Derived counters change only in this file.
 */

static struct ek_txrec *rec_at(struct ek_slab *slab, uint32_t idx)
{
        return idx == EK_NIL ? NULL : ek_slab_at(slab, idx);
}

void ek_txq_init(struct ek_txq *q)
{
        *q = (struct ek_txq){.head = EK_NIL, .tail = EK_NIL, .cursor = EK_NIL};
}

static void unmark(struct ek_txq *q, struct ek_txrec *rec)
{
        if (!(rec->flags & EK_TXREC_LOST))
                return;
        rec->flags &= (uint8_t)~EK_TXREC_LOST;
        q->lost_bytes -= rec->len;
        q->lost_count--;
}

static void mark(struct ek_txq *q, struct ek_txrec *rec)
{
        if (rec->flags & EK_TXREC_LOST)
                return;
        rec->flags |= EK_TXREC_LOST;
        q->lost_bytes += rec->len;
        q->lost_count++;
}

static void pop_head(struct ek_txq *q, struct ek_slab *slab)
{
        uint32_t idx = q->head;
        struct ek_txrec *rec = ek_slab_at(slab, idx);

        unmark(q, rec);
        q->bytes -= rec->len;
        q->count--;
        q->head = rec->next;
        if (q->cursor == idx)
                q->cursor = rec->next;
        if (q->tail == idx)
                q->tail = EK_NIL;
        ek_slab_free(slab, idx);
}

void ek_txq_clear(struct ek_txq *q, struct ek_slab *slab)
{
        while (q->head != EK_NIL) {
                EK_WORK(1);
                pop_head(q, slab);
        }
        ek_txq_init(q);
}

bool ek_txq_push(struct ek_txq *q, struct ek_slab *slab, seq_t seq, const struct ek_txq_sent *sent)
{
        struct ek_txrec *tail = rec_at(slab, q->tail);
        struct ek_txrec *rec;
        uint32_t idx;

        EK_ASSERT(sent->len > 0);
        EK_ASSERT(tail == NULL || seq_eq(seq_add(tail->seq, tail->len), seq));
        idx = ek_slab_alloc(slab);
        if (idx == EK_NIL)
                return false;
        rec = ek_slab_at(slab, idx);
        *rec = (struct ek_txrec){.sent_at = sent->now,
                                 .seq = seq,
                                 .len = sent->len,
                                 .next = EK_NIL,
                                 .flags = sent->flags,
                                 .sends = 1};
        memcpy(rec->tag, sent->tag, sizeof(rec->tag));
        if (tail != NULL)
                tail->next = idx;
        else
                q->head = idx;
        q->tail = idx;
        q->count++;
        q->bytes += sent->len;
        return true;
}

/* The record's first `n` sequence numbers are acknowledged. */
static void trim(struct ek_txq *q, struct ek_txrec *rec, uint32_t n)
{
        EK_ASSERT(n < rec->len);
        if (rec->flags & EK_TXREC_LOST)
                q->lost_bytes -= n;
        rec->flags &= (uint8_t)~EK_TXREC_SYN;
        rec->seq = seq_add(rec->seq, n);
        rec->len -= n;
        q->bytes -= n;
}

static void note_acked(struct ek_txq_acked *out, const struct ek_txrec *rec, uint32_t n, bool whole)
{
        out->bytes += n;
        out->syn = out->syn || (rec->flags & EK_TXREC_SYN) != 0;
        out->fin = out->fin || (whole && (rec->flags & EK_TXREC_FIN) != 0);
        if (rec->sends > 1) {
                out->retransmitted = true;
                out->rtt_sent_at = 0;
        } else {
                out->rtt_sent_at = rec->sent_at;
                out->timed = true;
        }
        /* Later in the queue and sent at the same instant: sent later. */
        if (whole && (!out->tagged || rec->sent_at >= out->sent_at)) {
                out->tagged = true;
                out->sent_at = rec->sent_at;
                memcpy(out->tag, rec->tag, sizeof(out->tag));
        }
}

/* [RFC2018 8d] */
struct ek_txq_acked ek_txq_ack(struct ek_txq *q, struct ek_slab *slab, seq_t una)
{
        struct ek_txq_acked out = {0};
        struct ek_txrec *rec;

        while ((rec = rec_at(slab, q->head)) != NULL && seq_lt(rec->seq, una)) {
                uint32_t n = seq_diff(una, rec->seq);

                EK_WORK(1);
                if (n < rec->len) {
                        note_acked(&out, rec, n, false);
                        trim(q, rec, n);
                        break;
                }
                note_acked(&out, rec, rec->len, true);
                out.records++;
                pop_head(q, slab);
        }
        /* Karn: one retransmitted record makes the whole ACK ambiguous. */
        if (out.retransmitted) {
                out.rtt_sent_at = 0;
                out.timed = false;
        }
        if (q->lost_count == 0)
                q->cursor = EK_NIL;
        return out;
}

void ek_txq_mark_all_lost(struct ek_txq *q, struct ek_slab *slab)
{
        for (uint32_t i = q->head; i != EK_NIL;) {
                struct ek_txrec *rec = ek_slab_at(slab, i);

                EK_WORK(1);
                mark(q, rec);
                i = rec->next;
        }
        q->cursor = q->head;
}

bool ek_txq_mark_head_lost(struct ek_txq *q, struct ek_slab *slab)
{
        struct ek_txrec *rec = rec_at(slab, q->head);

        if (rec == NULL || (rec->flags & EK_TXREC_LOST))
                return false;
        mark(q, rec);
        q->cursor = q->head;
        return true;
}

void ek_txq_clear_lost(struct ek_txq *q, struct ek_slab *slab)
{
        for (uint32_t i = q->head; i != EK_NIL && q->lost_count > 0;) {
                struct ek_txrec *rec = ek_slab_at(slab, i);

                EK_WORK(1);
                unmark(q, rec);
                i = rec->next;
        }
        q->cursor = EK_NIL;
}

struct ek_txrec *ek_txq_next_lost(struct ek_txq *q, struct ek_slab *slab)
{
        if (q->lost_count == 0)
                return NULL;
        while (q->cursor != EK_NIL) {
                struct ek_txrec *rec = ek_slab_at(slab, q->cursor);

                EK_WORK(1);
                if (rec->flags & EK_TXREC_LOST)
                        return rec;
                q->cursor = rec->next;
        }
        return NULL;
}

static uint32_t payload_bytes(const struct ek_txrec *rec)
{
        return rec->len - ((rec->flags & (EK_TXREC_SYN | EK_TXREC_FIN)) != 0);
}

/* RFC 1122, 4.2.2.15: what was in small segments may go again in one. cwnd counts bytes, so that without
 * this a time-out in a stream of one-byte segments is followed by as many packets as a full segment has
 * bytes. Each record is absorbed once: the work is that of having sent it. */
void ek_txq_merge_lost(struct ek_txq *q, struct ek_slab *slab, uint32_t max)
{
        struct ek_txrec *rec = ek_txq_next_lost(q, slab);

        if (rec == NULL || (rec->flags & EK_TXREC_SYN))
                return;
        while (rec->next != EK_NIL && rec->len < max) {
                uint32_t idx = rec->next;
                struct ek_txrec *next = ek_slab_at(slab, idx);

                EK_WORK(1);
                if (!(next->flags & EK_TXREC_LOST) || rec->len + payload_bytes(next) > max)
                        return;
                rec->len += next->len;
                rec->flags |= next->flags;
                if (next->sends > rec->sends)
                        rec->sends = next->sends;
                rec->next = next->next;
                if (q->tail == idx)
                        q->tail = q->cursor;
                q->count--;
                q->lost_count--;
                ek_slab_free(slab, idx);
        }
}

/* Cut the record at `idx` after its first `len` sequence numbers. */
static bool split(struct ek_txq *q, struct ek_slab *slab, uint32_t idx, uint32_t len)
{
        uint32_t new_idx = ek_slab_alloc(slab);
        struct ek_txrec *rec, *rest;

        if (new_idx == EK_NIL)
                return false;
        rec = ek_slab_at(slab, idx);
        rest = ek_slab_at(slab, new_idx);
        EK_ASSERT(len > 0 && len < rec->len);
        *rest = *rec;
        rest->seq = seq_add(rec->seq, len);
        rest->len = rec->len - len;
        rest->flags &= (uint8_t)~EK_TXREC_SYN;
        rec->len = len;
        rec->flags &= (uint8_t) ~(EK_TXREC_FIN | EK_TXREC_PUSH); /* they are at the end */
        rec->next = new_idx;
        if (q->tail == idx)
                q->tail = new_idx;
        q->count++;
        if (rec->flags & EK_TXREC_LOST)
                q->lost_count++;
        return true;
}

void ek_txq_on_resent(struct ek_txq *q, struct ek_slab *slab, const struct ek_txq_sent *sent)
{
        struct ek_txrec *rec = ek_txq_next_lost(q, slab);
        bool whole;

        EK_ASSERT(rec != NULL && sent->len <= rec->len);
        whole = sent->len == rec->len || split(q, slab, q->cursor, sent->len);
        rec->sent_at = sent->now;
        memcpy(rec->tag, sent->tag, sizeof(rec->tag));
        if (rec->sends < UINT8_MAX)
                rec->sends++;
        if (!whole)
                return;
        unmark(q, rec);
        q->cursor = q->lost_count > 0 ? rec->next : EK_NIL;
}

bool ek_txq_check(const struct ek_txq *q, const struct ek_slab *slab, seq_t una, seq_t nxt)
{
        uint32_t count = 0, lost = 0, lost_bytes = 0, bytes = 0, last = EK_NIL;
        bool passed_cursor = q->cursor == EK_NIL;
        seq_t at = una;

        for (uint32_t i = q->head; i != EK_NIL;) {
                const struct ek_txrec *rec = ek_slab_at(slab, i);

                if (i == q->cursor)
                        passed_cursor = true;
                if (!seq_eq(rec->seq, at) || rec->len == 0 || rec->sends == 0)
                        return false;
                if (rec->flags & EK_TXREC_LOST) {
                        lost++;
                        lost_bytes += rec->len;
                        if (!passed_cursor || q->cursor == EK_NIL)
                                return false;
                }
                at = seq_add(at, rec->len);
                bytes += rec->len;
                count++;
                last = i;
                i = rec->next;
        }
        return seq_eq(at, nxt) && count == q->count && lost == q->lost_count &&
               lost_bytes == q->lost_bytes && bytes == q->bytes && last == q->tail && passed_cursor;
}
