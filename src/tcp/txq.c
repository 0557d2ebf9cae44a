/* SPDX-License-Identifier: MIT */
#include "tcp/txq.h"

/*
 * The scoreboard: RFC 6675, 4 (Update, SetPipe, NextSeg), RFC 8985, 6.2 (records in the order of
 * transmission), RFC 2018, 8 (the marks of a peer that may renege).
 *
 * One record stands for one transmission: a run of sequence numbers that left together. The payload is
 * not here; it lies in the send ring, and the record's sequence number finds it.
 *
 * Each record is in three orders, so that no ACK walks the queue:
 *
 *      next            sequence numbers: new ones are appended, acknowledged ones leave at the front
 *      up, left, right the same as a treap (its priorities are a hash of the records' indices), which finds the
 *                      record that a SACK block begins in, and the first lost one: LOST_BELOW says in which
 *                      subtrees there are any
 *      before, after   the last transmission, in one of two lists: what is flying, and what is lost. RACK
 *                      takes from the front of the first. What is SACKed is in neither
 *
 * Neighbours that are both SACKed become one record. So a block that was reported before costs one step,
 * however long it is, and each record is marked, sent again and absorbed once for each time that it was sent.
 *
 * SND.NXT never goes back: a time-out marks records as lost, and the one transmit path sends them again
 * in order. Derived counters change only in this file.
 */

static struct ek_txrec *rec_at(const struct ek_slab *slab, uint32_t idx)
{
        return idx == EK_NIL ? NULL : ek_slab_at(slab, idx);
}

static seq_t end_of(const struct ek_txrec *rec)
{
        return seq_add(rec->seq, rec->len);
}

static bool has(const struct ek_txrec *rec, unsigned flag)
{
        return (rec->flags & flag) != 0;
}

void ek_txq_init(struct ek_txq *q)
{
        *q = (struct ek_txq){.head = EK_NIL,
                             .tail = EK_NIL,
                             .root = EK_NIL,
                             .first_lost = EK_NIL,
                             .flying = {EK_NIL, EK_NIL},
                             .lost = {EK_NIL, EK_NIL},
                             .too_young = UINT64_MAX};
}

/* ---- the order of transmission ---- */

static void list_remove(struct ek_txlist *l, const struct ek_slab *slab, uint32_t idx)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);

        if (rec->before != EK_NIL)
                rec_at(slab, rec->before)->after = rec->after;
        else
                l->head = rec->after;
        if (rec->after != EK_NIL)
                rec_at(slab, rec->after)->before = rec->before;
        else
                l->tail = rec->before;
}

/* Behind `at`; EK_NIL: at the front. */
static void list_insert(struct ek_txlist *l, const struct ek_slab *slab, uint32_t at, uint32_t idx)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);

        rec->before = at;
        rec->after = at == EK_NIL ? l->head : rec_at(slab, at)->after;
        if (rec->after != EK_NIL)
                rec_at(slab, rec->after)->before = idx;
        else
                l->tail = idx;
        if (at != EK_NIL)
                rec_at(slab, at)->after = idx;
        else
                l->head = idx;
}

/* The last place at or before `from` where a record sent at `sent_at` may follow. */
static uint32_t place_of(const struct ek_slab *slab, uint32_t from, uint64_t sent_at)
{
        while (from != EK_NIL && rec_at(slab, from)->sent_at > sent_at) {
                EK_WORK(1);
                from = rec_at(slab, from)->before;
        }
        return from;
}

/* ---- the tree ---- */

/* Indices are handed out nearly in order; their hashes are not in any. */
static uint32_t priority(uint32_t idx)
{
        uint32_t x = (idx + 1) * 0x9e3779b1u;

        x ^= x >> 15;
        x *= 0x85ebca6bu;
        return x ^ x >> 13;
}

static bool is_lost_below(const struct ek_slab *slab, uint32_t idx)
{
        return idx != EK_NIL && has(rec_at(slab, idx), EK_TXREC_LOST_BELOW);
}

/* Recompute LOST_BELOW; true: it changed. */
static bool pull(const struct ek_slab *slab, struct ek_txrec *rec)
{
        bool below = has(rec, EK_TXREC_LOST) || is_lost_below(slab, rec->left) ||
                     is_lost_below(slab, rec->right);
        uint8_t flags = (uint8_t)((rec->flags & ~(unsigned)EK_TXREC_LOST_BELOW) |
                                  (below ? EK_TXREC_LOST_BELOW : 0u));

        if (flags == rec->flags)
                return false;
        rec->flags = flags;
        return true;
}

static void pull_up(const struct ek_slab *slab, uint32_t idx)
{
        while (idx != EK_NIL && pull(slab, rec_at(slab, idx))) {
                EK_WORK(1);
                idx = rec_at(slab, idx)->up;
        }
}

/* `now` takes the place of `old` below old's parent. */
static void replace(struct ek_txq *q, const struct ek_slab *slab, uint32_t old, uint32_t now)
{
        uint32_t up = rec_at(slab, old)->up;

        if (up == EK_NIL)
                q->root = now;
        else if (rec_at(slab, up)->left == old)
                rec_at(slab, up)->left = now;
        else
                rec_at(slab, up)->right = now;
        if (now != EK_NIL)
                rec_at(slab, now)->up = up;
}

static void rotate_up(struct ek_txq *q, const struct ek_slab *slab, uint32_t idx)
{
        struct ek_txrec *rec = rec_at(slab, idx);
        uint32_t up = rec->up, inner;
        struct ek_txrec *parent = rec_at(slab, up);

        EK_WORK(1);
        replace(q, slab, up, idx);
        if (parent->left == idx) {
                inner = rec->right;
                parent->left = inner;
                rec->right = up;
        } else {
                inner = rec->left;
                parent->right = inner;
                rec->left = up;
        }
        if (inner != EK_NIL)
                rec_at(slab, inner)->up = up;
        parent->up = idx;
        pull(slab, parent);
        pull(slab, rec);
}

/* Link it into the tree behind `at`, which is followed by `next`. */
static void tree_insert(struct ek_txq *q, const struct ek_slab *slab, uint32_t at, uint32_t next,
                        uint32_t idx)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);

        rec->left = rec->right = rec->up = EK_NIL;
        if (at == EK_NIL) {
                EK_ASSERT(next == EK_NIL);
                q->root = idx;
        } else if (rec_at(slab, at)->right == EK_NIL) {
                rec_at(slab, at)->right = idx;
                rec->up = at;
        } else {
                rec_at(slab, next)->left = idx; /* the first of at's right subtree */
                rec->up = next;
        }
        rec->flags &= (uint8_t)~EK_TXREC_LOST_BELOW;
        pull_up(slab, idx);
        while (rec->up != EK_NIL && priority(rec->up) < priority(idx))
                rotate_up(q, slab, idx);
}

static void tree_remove(struct ek_txq *q, const struct ek_slab *slab, uint32_t idx)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);
        uint32_t up;

        while (rec->left != EK_NIL && rec->right != EK_NIL)
                rotate_up(q, slab,
                          priority(rec->left) > priority(rec->right) ? rec->left : rec->right);
        replace(q, slab, idx, rec->left != EK_NIL ? rec->left : rec->right);
        up = rec->up;
        pull_up(slab, up);
}

/* The record that holds `seq`. */
static uint32_t find(const struct ek_txq *q, const struct ek_slab *slab, seq_t seq)
{
        uint32_t idx = q->root;

        while (idx != EK_NIL) {
                const struct ek_txrec *rec = ek_slab_at(slab, idx);

                EK_WORK(1);
                if (seq_lt(seq, rec->seq))
                        idx = rec->left;
                else if (seq_lt(seq, end_of(rec)))
                        break;
                else
                        idx = rec->right;
        }
        return idx;
}

static uint32_t previous(const struct ek_slab *slab, uint32_t idx)
{
        const struct ek_txrec *rec = ek_slab_at(slab, idx);

        if (rec->left != EK_NIL) {
                idx = rec->left;
                while (rec_at(slab, idx)->right != EK_NIL) {
                        EK_WORK(1);
                        idx = rec_at(slab, idx)->right;
                }
                return idx;
        }
        while (rec->up != EK_NIL && rec_at(slab, rec->up)->left == idx) {
                EK_WORK(1);
                idx = rec->up;
                rec = ek_slab_at(slab, idx);
        }
        return rec->up;
}

/* ---- marks ---- */

static void unlist(struct ek_txq *q, const struct ek_slab *slab, uint32_t idx)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);

        if (has(rec, EK_TXREC_SACKED))
                return;
        list_remove(has(rec, EK_TXREC_LOST) ? &q->lost : &q->flying, slab, idx);
        if (!has(rec, EK_TXREC_LOST))
                q->resent_count -= rec->sends > 1;
}

/* Only the mark: the lists are the caller's. */
static void unmark(struct ek_txq *q, const struct ek_slab *slab, uint32_t idx)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);

        if (!has(rec, EK_TXREC_LOST))
                return;
        rec->flags &= (uint8_t)~EK_TXREC_LOST;
        q->lost_bytes -= rec->len;
        q->lost_count--;
        if (q->first_lost == idx)
                q->first_lost = EK_NIL;
        pull_up(slab, idx);
}

static void mark(struct ek_txq *q, const struct ek_slab *slab, uint32_t idx)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);

        EK_ASSERT(!has(rec, EK_TXREC_LOST | EK_TXREC_SACKED));
        rec->flags |= EK_TXREC_LOST;
        if (q->lost_count == 0 ||
            (q->first_lost != EK_NIL && seq_lt(rec->seq, rec_at(slab, q->first_lost)->seq)))
                q->first_lost = idx;
        q->lost_bytes += rec->len;
        q->lost_count++;
        q->lost_ever += rec->len;
        q->marked_len = rec->len;
        memcpy(q->marked_tag, rec->tag, sizeof(q->marked_tag));
        pull_up(slab, idx);
}

/* From `flying` to `lost`, by its time of transmission. */
static void lose(struct ek_txq *q, const struct ek_slab *slab, uint32_t idx)
{
        unlist(q, slab, idx);
        list_insert(&q->lost, slab, place_of(slab, q->lost.tail, rec_at(slab, idx)->sent_at), idx);
        mark(q, slab, idx);
}

/* All of one list into the other: both are sorted, so one pass will do. */
static void move_all(struct ek_txlist *from, struct ek_txlist *to, const struct ek_slab *slab)
{
        uint32_t at = to->tail;

        while (from->tail != EK_NIL) {
                uint32_t idx = from->tail;

                EK_WORK(1);
                list_remove(from, slab, idx);
                at = place_of(slab, at, rec_at(slab, idx)->sent_at);
                list_insert(to, slab, at, idx);
        }
}

/* ---- life of a record ---- */

static uint32_t payload_bytes(const struct ek_txrec *rec)
{
        return rec->len - has(rec, EK_TXREC_SYN | EK_TXREC_FIN);
}

/* Of what was SACKed, records are joined and their segments are counted in the first word of the tag. */
static uint32_t segs_of(const struct ek_txrec *rec)
{
        if (has(rec, EK_TXREC_SACKED))
                return rec->tag[0];
        if (rec->seg_len == 0 || payload_bytes(rec) <= rec->seg_len)
                return 1;
        return (payload_bytes(rec) + rec->seg_len - 1) / rec->seg_len;
}

static void release(struct ek_txq *q, struct ek_slab *slab, uint32_t idx)
{
        q->count--;
        ek_slab_free(slab, idx);
}

static void pop_head(struct ek_txq *q, struct ek_slab *slab)
{
        uint32_t idx = q->head;
        struct ek_txrec *rec = ek_slab_at(slab, idx);

        unlist(q, slab, idx);
        unmark(q, slab, idx);
        if (has(rec, EK_TXREC_SACKED)) {
                q->sacked_bytes -= rec->len;
                q->sacked_segs -= rec->tag[0];
                q->sacked_count--;
        }
        q->bytes -= rec->len;
        q->segs -= segs_of(rec);
        tree_remove(q, slab, idx);
        q->head = rec->next;
        if (q->tail == idx)
                q->tail = EK_NIL;
        release(q, slab, idx);
}

void ek_txq_clear(struct ek_txq *q, struct ek_slab *slab)
{
        while (q->head != EK_NIL) {
                uint32_t idx = q->head;

                EK_WORK(1);
                q->head = rec_at(slab, idx)->next;
                ek_slab_free(slab, idx);
        }
        ek_txq_init(q);
}

/* [RFC8985 6.1] */
bool ek_txq_push(struct ek_txq *q, struct ek_slab *slab, seq_t seq, const struct ek_txq_sent *sent)
{
        struct ek_txrec *tail = rec_at(slab, q->tail);
        struct ek_txrec *rec;
        uint32_t idx;

        EK_ASSERT(sent->len > 0);
        EK_ASSERT(tail == NULL || seq_eq(end_of(tail), seq));
        idx = ek_slab_alloc(slab);
        if (idx == EK_NIL)
                return false;
        rec = ek_slab_at(slab, idx);
        *rec = (struct ek_txrec){.sent_at = sent->now,
                                 .seq = seq,
                                 .len = sent->len,
                                 .next = EK_NIL,
                                 .flags = sent->flags,
                                 .sends = 1,
                                 .seg_len = sent->seg_len};
        memcpy(rec->tag, sent->tag, sizeof(rec->tag));
        tree_insert(q, slab, q->tail, EK_NIL, idx);
        list_insert(&q->flying, slab, q->flying.tail, idx);
        if (tail != NULL) {
                tail->next = idx;
        } else {
                q->head = idx;
                q->fack = seq;
        }
        q->tail = idx;
        q->count++;
        q->segs += segs_of(rec);
        q->bytes += sent->len;
        return true;
}

/* Cut the record at `idx` after its first `len` sequence numbers. It is not SACKed. */
static bool split(struct ek_txq *q, struct ek_slab *slab, uint32_t idx, uint32_t len)
{
        uint32_t new_idx = ek_slab_alloc(slab);
        struct ek_txrec *rec, *rest;

        if (new_idx == EK_NIL)
                return false;
        rec = ek_slab_at(slab, idx);
        rest = ek_slab_at(slab, new_idx);
        EK_ASSERT(len > 0 && len < rec->len && !has(rec, EK_TXREC_SACKED));
        q->segs -= segs_of(rec);
        *rest = *rec;
        rest->seq = seq_add(rec->seq, len);
        rest->len = rec->len - len;
        rest->flags &= (uint8_t)~EK_TXREC_SYN;
        rec->len = len;
        rec->flags &= (uint8_t) ~(EK_TXREC_FIN | EK_TXREC_PUSH); /* they are at the end */
        q->segs += segs_of(rec) + segs_of(rest);
        tree_insert(q, slab, idx, rec->next, new_idx);
        list_insert(has(rec, EK_TXREC_LOST) ? &q->lost : &q->flying, slab, idx, new_idx);
        rec->next = new_idx;
        if (q->tail == idx)
                q->tail = new_idx;
        q->count++;
        if (has(rec, EK_TXREC_LOST))
                q->lost_count++;
        else
                q->resent_count += rec->sends > 1;
        return true;
}

/* The record takes in the one behind it, which is in no list any more. What was SACKed keeps the number of its
 * segments; the rest is to be sent as one. */
static void absorb(struct ek_txq *q, struct ek_slab *slab, uint32_t idx)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);
        uint32_t next_idx = rec->next;
        struct ek_txrec *next = ek_slab_at(slab, next_idx);

        EK_WORK(1);
        if (has(rec, EK_TXREC_SACKED)) {
                rec->tag[0] += next->tag[0];
        } else {
                q->segs -= segs_of(rec) + segs_of(next) - 1;
                rec->seg_len = 0;
        }
        rec->len += next->len;
        rec->flags |= next->flags & (EK_TXREC_FIN | EK_TXREC_PUSH);
        if (next->sends > rec->sends)
                rec->sends = next->sends;
        rec->sent_at = ek_max_u64(rec->sent_at, next->sent_at);
        tree_remove(q, slab, next_idx);
        rec->next = next->next;
        if (q->tail == next_idx)
                q->tail = idx;
        release(q, slab, next_idx);
}

/* ---- what arrived ---- */

/* [RFC8985 6.2-3] */
static void note_order(struct ek_txq *q, struct ek_txq_acked *out, const struct ek_txrec *rec)
{
        seq_t end = end_of(rec);

        if (!seq_lt(end, q->fack)) {
                q->fack = end;
        } else if (rec->sends == 1) {
                if (out->late == 0 || seq_lt(rec->seq, out->late_from))
                        out->late_from = rec->seq;
                out->late++;
        }
}

/* A whole record was delivered. [RFC8985 6.2-2] */
static void note_delivered(struct ek_txq *q, struct ek_txq_acked *out, const struct ek_txrec *rec)
{
        seq_t end = end_of(rec);

        /* Later in the queue and sent at the same instant: sent later. */
        if (!out->tagged || rec->sent_at >= out->sent_at) {
                out->tagged = true;
                out->sent_at = rec->sent_at;
                memcpy(out->tag, rec->tag, sizeof(out->tag));
        }
        if (rec->sends == 1 && (!out->orig || seq_lt(end, out->orig_end))) {
                out->orig = true;
                out->orig_end = end;
        }
        if ((rec->sends == 1 || rec->sent_at <= q->too_young) &&
            (!out->rack ||
             ek_txq_sent_before(out->rack_sent_at, out->rack_end, rec->sent_at, end))) {
                out->rack = true;
                out->rack_sent_at = rec->sent_at;
                out->rack_end = end;
                out->rack_again = rec->sends > 1;
        }
        note_order(q, out, rec);
}

/* The record's first `n` sequence numbers are acknowledged. */
static void trim(struct ek_txq *q, struct ek_txrec *rec, uint32_t n)
{
        EK_ASSERT(n < rec->len);
        if (has(rec, EK_TXREC_LOST))
                q->lost_bytes -= n;
        if (has(rec, EK_TXREC_SACKED))
                q->sacked_bytes -= n;
        q->segs -= segs_of(rec);
        rec->flags &= (uint8_t)~EK_TXREC_SYN;
        rec->seq = seq_add(rec->seq, n);
        rec->len -= n;
        q->segs += segs_of(rec);
        q->bytes -= n;
}

/* The largest segment of the record's first `n` sequence numbers. */
static uint32_t largest_of(const struct ek_txrec *rec, uint32_t n, bool whole)
{
        uint32_t payload = n - (whole && has(rec, EK_TXREC_FIN));

        return rec->seg_len == 0 ? payload : ek_min_u32(payload, rec->seg_len);
}

static void note_acked(struct ek_txq *q, struct ek_txq_acked *out, const struct ek_txrec *rec,
                       uint32_t n, bool whole)
{
        out->bytes += n;
        out->syn = out->syn || has(rec, EK_TXREC_SYN);
        out->fin = out->fin || (whole && has(rec, EK_TXREC_FIN));
        /* What was SACKed is no news. */
        if (has(rec, EK_TXREC_SACKED))
                return;
        out->delivered += n;
        if (rec->sends > 1) {
                out->retransmitted = true;
        } else {
                out->rtt_sent_at = rec->sent_at;
                out->timed = true;
                if (!has(rec, EK_TXREC_SYN))
                        out->largest = ek_max_u32(out->largest, largest_of(rec, n, whole));
        }
        if (whole)
                note_delivered(q, out, rec);
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
                        note_acked(q, &out, rec, n, false);
                        trim(q, rec, n);
                        break;
                }
                note_acked(q, &out, rec, rec->len, true);
                out.records++;
                pop_head(q, slab);
        }
        q->fack = seq_max(q->fack, una);
        /* Karn: one retransmitted record makes the whole ACK ambiguous. */
        if (out.retransmitted) {
                out.rtt_sent_at = 0;
                out.timed = false;
        }
        return out;
}

/* The peer has all of this record. Returns the record that it is part of now. */
static uint32_t sack_one(struct ek_txq *q, struct ek_slab *slab, uint32_t before, uint32_t idx,
                         struct ek_txq_acked *out)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx), *prev = rec_at(slab, before), *next;

        out->delivered += rec->len;
        out->sacked += rec->len;
        if (rec->sends == 1 && (!out->sack_timed || rec->sent_at > out->sack_sent_at)) {
                out->sack_timed = true;
                out->sack_sent_at = rec->sent_at;
        }
        note_delivered(q, out, rec);
        unlist(q, slab, idx);
        unmark(q, slab, idx);
        rec->tag[0] = segs_of(rec); /* from now on */
        rec->flags |= EK_TXREC_SACKED;
        q->sacked_bytes += rec->len;
        q->sacked_segs += rec->tag[0];
        q->sacked_count++;
        next = rec_at(slab, rec->next);
        if (next != NULL && has(next, EK_TXREC_SACKED)) {
                q->sacked_count--;
                absorb(q, slab, idx);
        }
        if (prev == NULL || !has(prev, EK_TXREC_SACKED))
                return idx;
        q->sacked_count--;
        absorb(q, slab, before);
        return before;
}

/* Cut the record so that what lies in [left, right) is one of its own; returns it. EK_NIL: there is too little
 * of it, or no memory. */
static uint32_t cut_out(struct ek_txq *q, struct ek_slab *slab, uint32_t idx, seq_t left,
                        seq_t right, uint32_t grain)
{
        struct ek_txrec *rec = ek_slab_at(slab, idx);
        uint32_t from = 0, to = rec->len;

        if (rec->seg_len != 0)
                grain = rec->seg_len;
        if (seq_lt(rec->seq, left))
                from = (seq_diff(left, rec->seq) + grain - 1) / grain * grain;
        if (seq_lt(right, end_of(rec)))
                to = seq_diff(right, rec->seq) / grain * grain;
        if (from >= to)
                return EK_NIL;
        if (to < rec->len && !split(q, slab, idx, to))
                return EK_NIL;
        if (from == 0)
                return idx;
        if (!split(q, slab, idx, from))
                return EK_NIL;
        return rec_at(slab, idx)->next;
}

/* [RFC6675 4-update; RFC2018 5a] */
void ek_txq_sack(struct ek_txq *q, struct ek_slab *slab, seq_t left, seq_t right, uint32_t grain,
                 struct ek_txq_acked *out)
{
        uint32_t idx = find(q, slab, left), before = EK_NIL;

        if (idx != EK_NIL && !has(rec_at(slab, idx), EK_TXREC_SACKED))
                before = previous(slab, idx);
        while (idx != EK_NIL && seq_lt(rec_at(slab, idx)->seq, right)) {
                EK_WORK(1);
                if (!has(rec_at(slab, idx), EK_TXREC_SACKED)) {
                        uint32_t piece = cut_out(q, slab, idx, left, right, grain);

                        if (piece != EK_NIL && piece != idx)
                                before = idx;
                        if (piece != EK_NIL)
                                idx = sack_one(q, slab, before, piece, out);
                }
                before = idx;
                idx = rec_at(slab, idx)->next;
        }
}

/* When each part of a record that was SACKed left is forgotten, and how often: it counts as sent twice, for
 * Karn's algorithm, and as sent last of what is lost. [RFC2018 8b 8c] */
void ek_txq_renege(struct ek_txq *q, struct ek_slab *slab)
{
        for (uint32_t i = q->head; i != EK_NIL && q->sacked_bytes > 0;) {
                struct ek_txrec *rec = ek_slab_at(slab, i);

                EK_WORK(1);
                if (has(rec, EK_TXREC_SACKED)) {
                        q->segs -= segs_of(rec);
                        rec->flags &= (uint8_t)~EK_TXREC_SACKED;
                        q->segs += segs_of(rec);
                        q->sacked_bytes -= rec->len;
                        q->sacked_segs -= rec->tag[0];
                        q->sacked_count--;
                        memset(rec->tag, 0, sizeof(rec->tag));
                        if (rec->sends == 1)
                                rec->sends = 2;
                        if (q->lost.tail != EK_NIL)
                                rec->sent_at = ek_max_u64(rec->sent_at,
                                                          rec_at(slab, q->lost.tail)->sent_at);
                        list_insert(&q->lost, slab, q->lost.tail, i);
                        mark(q, slab, i);
                }
                i = rec->next;
        }
        if (q->head != EK_NIL)
                q->fack = rec_at(slab, q->head)->seq;
}

/* ---- what is lost ---- */

void ek_txq_mark_all_lost(struct ek_txq *q, struct ek_slab *slab)
{
        for (uint32_t i = q->flying.head; i != EK_NIL;) {
                struct ek_txrec *rec = ek_slab_at(slab, i);

                EK_WORK(1);
                mark(q, slab, i);
                i = rec->after;
        }
        q->resent_count = 0;
        move_all(&q->flying, &q->lost, slab);
}

bool ek_txq_mark_head_lost(struct ek_txq *q, struct ek_slab *slab)
{
        struct ek_txrec *rec = rec_at(slab, q->head);

        if (rec == NULL || has(rec, EK_TXREC_LOST | EK_TXREC_SACKED))
                return false;
        if (segs_of(rec) > 1)
                split(q, slab, q->head, rec->seg_len); /* without memory for that: all of it */
        lose(q, slab, q->head);
        return true;
}

static uint32_t last(const struct ek_txq *q, const struct ek_slab *slab)
{
        uint32_t idx = q->tail;

        /* Neighbours that are both SACKed are one. */
        if (idx != EK_NIL && has(rec_at(slab, idx), EK_TXREC_SACKED))
                idx = previous(slab, idx);
        return idx;
}

bool ek_txq_mark_last_lost(struct ek_txq *q, struct ek_slab *slab, uint32_t max)
{
        uint32_t idx = last(q, slab), payload;

        if (idx == EK_NIL || has(rec_at(slab, idx), EK_TXREC_LOST))
                return false;
        payload = payload_bytes(rec_at(slab, idx));
        if (payload > max && split(q, slab, idx, (payload - 1) / max * max))
                idx = rec_at(slab, idx)->next;
        lose(q, slab, idx);
        return true;
}

/* [RFC8985 6.2-5] */
uint32_t ek_txq_mark_old_lost(struct ek_txq *q, struct ek_slab *slab,
                              const struct ek_txq_limit *limit)
{
        uint32_t before = q->lost_bytes;

        while (q->flying.head != EK_NIL) {
                const struct ek_txrec *rec = ek_slab_at(slab, q->flying.head);

                EK_WORK(1);
                if (rec->sent_at > limit->until ||
                    !ek_txq_sent_before(rec->sent_at, end_of(rec), limit->sent_at, limit->end))
                        break;
                lose(q, slab, q->flying.head);
        }
        return q->lost_bytes - before;
}

const struct ek_txrec *ek_txq_oldest(const struct ek_txq *q, const struct ek_slab *slab)
{
        return rec_at(slab, q->flying.head);
}

void ek_txq_clear_lost(struct ek_txq *q, struct ek_slab *slab)
{
        for (uint32_t i = q->lost.head; i != EK_NIL;) {
                EK_WORK(1);
                unmark(q, slab, i);
                q->resent_count += rec_at(slab, i)->sends > 1;
                i = rec_at(slab, i)->after;
        }
        move_all(&q->lost, &q->flying, slab);
}

/* [RFC6675 4-nextseg-1] */
struct ek_txrec *ek_txq_next_lost(struct ek_txq *q, struct ek_slab *slab)
{
        uint32_t idx = q->root;

        if (q->lost_count == 0)
                return NULL;
        if (q->first_lost != EK_NIL)
                return ek_slab_at(slab, q->first_lost);
        for (;;) {
                const struct ek_txrec *rec = ek_slab_at(slab, idx);

                EK_WORK(1);
                if (is_lost_below(slab, rec->left))
                        idx = rec->left;
                else if (has(rec, EK_TXREC_LOST))
                        break;
                else
                        idx = rec->right;
        }
        q->first_lost = idx;
        return ek_slab_at(slab, idx);
}

/* RFC 1122, 4.2.2.15: what was in small segments may go again in one. cwnd counts bytes, so that without
 * this a time-out in a stream of one-byte segments is followed by as many packets as a full segment has
 * bytes. Each record is absorbed once: the work is that of having sent it. */
void ek_txq_merge_lost(struct ek_txq *q, struct ek_slab *slab, uint32_t max, bool flying)
{
        struct ek_txrec *rec = ek_txq_next_lost(q, slab);

        if (rec == NULL || has(rec, EK_TXREC_SYN))
                return;
        while (rec->next != EK_NIL && rec->len < max) {
                uint32_t idx = rec->next;
                struct ek_txrec *next = ek_slab_at(slab, idx);
                uint64_t sent_at = rec->sent_at;

                if (has(next, EK_TXREC_SACKED) || (!flying && !has(next, EK_TXREC_LOST)) ||
                    rec->len + payload_bytes(next) > max)
                        return;
                unlist(q, slab, idx);
                if (has(next, EK_TXREC_LOST))
                        q->lost_count--;
                else
                        q->lost_bytes += next->len;
                absorb(q, slab, q->first_lost);
                rec->sent_at = sent_at; /* it keeps its place in the list */
        }
}

void ek_txq_on_resent(struct ek_txq *q, struct ek_slab *slab, const struct ek_txq_sent *sent)
{
        struct ek_txrec *rec = ek_txq_next_lost(q, slab);
        uint32_t idx = q->first_lost;
        bool whole;

        EK_ASSERT(rec != NULL && sent->len <= rec->len);
        whole = sent->len == rec->len || split(q, slab, idx, sent->len);
        list_remove(&q->lost, slab, idx);
        rec->sent_at = sent->now;
        memcpy(rec->tag, sent->tag, sizeof(rec->tag));
        if (rec->sends < UINT8_MAX)
                rec->sends++;
        if (!whole) {
                list_insert(&q->lost, slab, place_of(slab, q->lost.tail, rec->sent_at), idx);
                return;
        }
        unmark(q, slab, idx);
        q->segs -= segs_of(rec) - 1;
        rec->seg_len = 0;
        list_insert(&q->flying, slab, q->flying.tail, idx);
        q->resent_count++;
}

/* ---- checks ---- */

struct totals {
        uint32_t count, segs, lost, lost_bytes, sacked, sacked_bytes, sacked_segs, resent, bytes,
                last;
        seq_t at;
};

static bool check_record(const struct ek_txq *q, const struct ek_slab *slab, uint32_t idx,
                         struct totals *sum)
{
        const struct ek_txrec *rec = ek_slab_at(slab, idx), *prev = rec_at(slab, sum->last);
        bool lost = has(rec, EK_TXREC_LOST), sacked = has(rec, EK_TXREC_SACKED);

        if (!seq_eq(rec->seq, sum->at) || rec->len == 0 || rec->sends == 0 || (lost && sacked))
                return false;
        if (lost && sum->lost == 0 && q->first_lost != EK_NIL && q->first_lost != idx)
                return false;
        if (sacked && prev != NULL && has(prev, EK_TXREC_SACKED))
                return false;
        if (find(q, slab, rec->seq) != idx || previous(slab, idx) != sum->last)
                return false;
        if (has(rec, EK_TXREC_LOST_BELOW) !=
            (lost || is_lost_below(slab, rec->left) || is_lost_below(slab, rec->right)))
                return false;
        sum->lost += lost;
        sum->lost_bytes += lost ? rec->len : 0;
        sum->sacked += sacked;
        sum->resent += !lost && !sacked && rec->sends > 1;
        sum->sacked_bytes += sacked ? rec->len : 0;
        sum->sacked_segs += sacked ? rec->tag[0] : 0;
        sum->at = seq_add(sum->at, rec->len);
        sum->bytes += rec->len;
        sum->segs += segs_of(rec);
        sum->count++;
        sum->last = idx;
        return true;
}

/* In the order of transmission, all with just this mark of the two. */
static bool check_list(const struct ek_txlist *l, const struct ek_slab *slab, unsigned mark,
                       uint32_t *bytes)
{
        uint32_t before = EK_NIL;
        uint64_t at = 0;

        for (uint32_t i = l->head; i != EK_NIL; i = rec_at(slab, i)->after) {
                const struct ek_txrec *rec = ek_slab_at(slab, i);

                if ((rec->flags & (EK_TXREC_LOST | EK_TXREC_SACKED)) != mark ||
                    rec->before != before || rec->sent_at < at)
                        return false;
                at = rec->sent_at;
                before = i;
                *bytes += rec->len;
        }
        return l->tail == before;
}

bool ek_txq_check(const struct ek_txq *q, const struct ek_slab *slab, seq_t una, seq_t nxt)
{
        struct totals sum = {.last = EK_NIL, .at = una};
        uint32_t flying = 0, lost = 0;

        for (uint32_t i = q->head; i != EK_NIL; i = rec_at(slab, i)->next)
                if (!check_record(q, slab, i, &sum))
                        return false;
        if (!check_list(&q->flying, slab, 0, &flying) ||
            !check_list(&q->lost, slab, EK_TXREC_LOST, &lost))
                return false;
        return seq_eq(sum.at, nxt) && sum.count == q->count && sum.segs == q->segs &&
               sum.lost == q->lost_count && sum.lost_bytes == q->lost_bytes &&
               sum.sacked_bytes == q->sacked_bytes && sum.sacked_segs == q->sacked_segs &&
               sum.sacked == q->sacked_count && sum.resent == q->resent_count &&
               sum.bytes == q->bytes && sum.last == q->tail && lost == q->lost_bytes &&
               flying == ek_txq_pipe(q);
}
