/* SPDX-License-Identifier: MIT */
#include "tcp/timewait.h"

#include "tcp/tcp.h"

/*
 * TIME-WAIT, RFC 9293, 3.6.1: the end that closed first remembers the connection for 2 MSL, so that the
 * peer's FIN can be acknowledged again, and so that no old segment is taken for one of a new incarnation.
 *
 * All that is needed for this fits into 60 bytes. Since all entries wait equally long, a queue in order
 * of entry is in order of expiry. A retransmitted FIN restarts the wait: the expiry is moved, and the
 * entry goes to the end of the queue when its old turn comes. An entry that is reopened for good is
 * marked dead and leaves the same way.
 *
 * A SYN may be an old duplicate, which only the third step of the handshake shows; then the connection
 * "returns to TIME-WAIT state" (3.6.1, MAY-2 (2)). So an entry that is reopened stays in the table behind
 * the half-open one: ek_tcp_lookup() finds it when there is nothing else, and when the handshake is over
 * it dies.
 *
 * RFC 6191: a new SYN may reopen the connection when its timestamp, or else its sequence number, is
 * greater than all that the old incarnation used. RFC 1337: resets are ignored in TIME-WAIT, so that old
 * duplicates can't assassinate it.
 */

enum { MS_MASK = 0x1fffffff };

static struct ek_time_wait *tw_at(struct ek_tcp *t, uint32_t index)
{
        return ek_slab_at(&t->time_waits, index);
}

static uint32_t now_ms(const struct ek_tcp *t)
{
        return ek_tcp_ms(t) & MS_MASK;
}

/* Whole milliseconds, rounded up: the wait is never shorter than 2 MSL. */
static uint32_t wait_ms(const struct ek_tcp *t)
{
        return (uint32_t)((2 * t->cfg.msl_ns + 999999) / 1000000) + 1;
}

void ek_time_wait_init(struct ek_tcp *t)
{
        t->time_wait = (struct ek_time_wait_fifo){.head = EK_NIL, .tail = EK_NIL};
}

static void fifo_push(struct ek_tcp *t, uint32_t index)
{
        struct ek_time_wait_fifo *f = &t->time_wait;

        tw_at(t, index)->fifo_next = EK_NIL;
        if (f->tail != EK_NIL)
                tw_at(t, f->tail)->fifo_next = index;
        else
                f->head = index;
        f->tail = index;
}

static uint32_t fifo_pop(struct ek_tcp *t)
{
        struct ek_time_wait_fifo *f = &t->time_wait;
        uint32_t index = f->head;

        f->head = tw_at(t, index)->fifo_next;
        if (f->head == EK_NIL)
                f->tail = EK_NIL;
        return index;
}

/* Out of the table; the object stays in the queue until its turn. */
static void kill(struct ek_tcp *t, uint32_t index, const char *cause)
{
        struct ek_time_wait *tw = tw_at(t, index);

        EK_ASSERT(!tw->dead);
        ek_tcp_remove(t, &tw->conn, ek_ref(EK_KIND_TIME_WAIT, index));
        tw->dead = 1;
        t->time_wait.dead++;
        if (tw->behind) {
                tw->behind = 0;
                t->time_wait.behind--;
                return;
        }
        ek_trace_state(t, &tw->conn.key, NULL, ELKO_TCP_TIME_WAIT, ELKO_TCP_CLOSED, cause);
}

static void step_behind(struct ek_tcp *t, uint32_t index)
{
        struct ek_time_wait *tw = tw_at(t, index);

        EK_ASSERT(!tw->behind && !tw->dead);
        tw->behind = 1;
        t->time_wait.behind++;
        t->last_ref = EK_NIL; /* that remembers this entry */
        ek_trace_state(t, &tw->conn.key, NULL, ELKO_TCP_TIME_WAIT, ELKO_TCP_CLOSED,
                       "reopened by a new SYN");
}

void ek_time_wait_reopened(struct ek_tcp *t, uint32_t index, bool half_open)
{
        if (!half_open)
                kill(t, index, "");
}

/* [RFC9293 MAY-2] */
void ek_time_wait_return(struct ek_tcp *t, uint32_t index)
{
        struct ek_time_wait *tw = tw_at(t, index);

        EK_ASSERT(tw->behind && t->time_wait.behind > 0);
        tw->behind = 0;
        t->time_wait.behind--;
        ek_trace_state(t, &tw->conn.key, NULL, ELKO_TCP_LISTEN, ELKO_TCP_TIME_WAIT,
                       "the SYN was an old duplicate");
}

static uint32_t find_behind(struct ek_tcp *t, const struct ek_key *key)
{
        uint32_t ref = ek_hashtab_first(&t->conns, ek_tcp_hash(t, key));

        while (ref != EK_NIL) {
                EK_WORK(1);
                if (EK_REF_KIND(ref) == EK_KIND_TIME_WAIT && tw_at(t, EK_REF_INDEX(ref))->behind &&
                    memcmp(&ek_tcp_conn(t, ref)->key, key, sizeof(*key)) == 0)
                        return EK_REF_INDEX(ref);
                ref = ek_tcp_conn(t, ref)->hash_next;
        }
        return EK_NIL;
}

void ek_time_wait_after_half_open(struct ek_tcp *t, const struct ek_key *key)
{
        uint32_t index, ref;

        if (t->time_wait.behind == 0)
                return;
        index = find_behind(t, key);
        ref = ek_tcp_lookup(t, key); /* nothing but the entry: that lets it return */
        if (index != EK_NIL && EK_REF_KIND(ref) == EK_KIND_TCB)
                kill(t, index, "");
}

static void free_popped(struct ek_tcp *t, uint32_t index)
{
        EK_ASSERT(t->time_wait.dead > 0);
        t->time_wait.dead--;
        ek_slab_free(&t->time_waits, index);
}

/* Milliseconds until an entry expires, 0: now. Nobody waits for longer than 2 MSL: what seems to has expired,
 * and the clock jumped since by days (a host that slept). */
static uint32_t left_ms(struct ek_tcp *t, uint32_t index)
{
        uint32_t left = (tw_at(t, index)->expires_ms - now_ms(t)) & MS_MASK;

        return left > wait_ms(t) ? 0 : left;
}

/* The table is full: the oldest goes before its time. */
static void recycle_oldest(struct ek_tcp *t)
{
        uint32_t index;

        if (t->time_wait.head == EK_NIL)
                return;
        index = fifo_pop(t);
        if (!tw_at(t, index)->dead) {
                t->ctr->tcp_time_wait_recycled++;
                kill(t, index, "table full");
        }
        free_popped(t, index);
}

/* [RFC9293 MUST-13] */
bool ek_time_wait_enter(struct ek_tcp *t, const struct ek_key *key, seq_t snd_nxt, seq_t rcv_nxt,
                        bool ts, uint32_t ts_recent)
{
        struct ek_time_wait *tw;
        uint32_t index = ek_tcp_pool_alloc(t, &t->time_waits);

        if (index == EK_NIL) {
                recycle_oldest(t);
                index = ek_slab_alloc(&t->time_waits);
        }
        if (index == EK_NIL) {
                t->ctr->nomem++;
                return false;
        }
        tw = tw_at(t, index);
        tw->conn.key = *key;
        tw->snd_nxt = snd_nxt.v;
        tw->rcv_nxt = rcv_nxt.v;
        tw->ts_recent = ts_recent;
        tw->ts = ts;
        tw->expires_ms = (now_ms(t) + wait_ms(t)) & MS_MASK;
        fifo_push(t, index);
        ek_tcp_insert(t, &tw->conn, ek_ref(EK_KIND_TIME_WAIT, index));
        t->ctr->tcp_time_waits++;
        return true;
}

void ek_time_wait_advance(struct ek_tcp *t)
{
        while (t->time_wait.head != EK_NIL) {
                uint32_t index = t->time_wait.head;

                EK_WORK(1);
                if (!tw_at(t, index)->dead && left_ms(t, index) > 0) {
                        /* Restarted by a retransmitted FIN while it was first: to the end. */
                        uint32_t next = tw_at(t, index)->fifo_next;

                        if (next == EK_NIL || left_ms(t, next) >= left_ms(t, index))
                                return;
                        fifo_pop(t);
                        fifo_push(t, index);
                        continue;
                }
                fifo_pop(t);
                if (!tw_at(t, index)->dead) {
                        ek_trace_timer(t, &tw_at(t, index)->conn.key, NULL, ELKO_TIMER_TIME_WAIT,
                                       ELKO_TCP_TIME_WAIT);
                        kill(t, index, "2 MSL are over");
                }
                free_popped(t, index);
        }
}

uint64_t ek_time_wait_next_deadline(struct ek_tcp *t)
{
        uint32_t index = t->time_wait.head;

        if (index == EK_NIL)
                return EK_NEVER;
        if (left_ms(t, index) == 0)
                return t->now;
        return (t->now / 1000000 + left_ms(t, index)) * 1000000;
}

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
static void acknowledge(struct ek_tcp *t, const struct ek_time_wait *tw)
{
        struct ek_stateless r = {
                .key = tw->conn.key,
                .seq = seq_make(tw->snd_nxt),
                .ack = seq_make(tw->rcv_nxt),
                .flags = ELKO_ACK,
                .wnd = UINT16_MAX,
                .why = ELKO_WHY_TIME_WAIT_ACK,
                .ts = tw->ts,
                .ts_val = ek_tcp_ms(t) + ek_iss_ts_offset(t, &tw->conn.key),
                .ts_ecr = tw->ts_recent,
        };

        ek_tcp_reply(t, &r);
}

/*
 * RFC 6191, 2. Without timestamps RFC 9293, 3.6.1 (MAY-2): the peer's number is beyond all that the old
 * incarnation used, and ours will be. The clock of ISNs sees to the latter, unless the old incarnation was
 * faster than 250 kB/s; then the peer asks in vain until the clock has passed.
 *
 * Deviation: a SYN that brings timestamps, when the old incarnation had none, needs a newer number all the same:
 * what is left of the old one has no timestamps, and that is taken without PAWS (seg_check.c). And a SYN that does
 * not reopen is not dropped silently, but gets the ACK of RFC 9293, 3.10.7.4.
 * [RFC9293 MAY-2 SHLD-4; RFC6191 2a 2b 2c 2e 2f 2g]
 */
static bool may_reopen(struct ek_tcp *t, const struct ek_time_wait *tw, const struct ek_seg *seg)
{
        bool seq_newer = seq_gt(seg->seq, seq_make(tw->rcv_nxt));

        if (tw->ts && (seg->hdr->opt.present & ELKO_OPT_TIMESTAMPS)) {
                int32_t newer = (int32_t)(seg->hdr->opt.ts_val - tw->ts_recent);

                return newer > 0 || (newer == 0 && seq_newer);
        }
        return seq_newer &&
               seq_gt(ek_iss_make(t, &tw->conn.key, ek_iss_ticks(t)), seq_make(tw->snd_nxt));
}

/* Only a listener that can take the connection makes up for the wait that is cut short (RFC 9293, 3.6.1:
 * "it can reopen the connection directly"); else the SYN would just be a way to end it. */
static bool is_wanted(struct ek_tcp *t, const struct ek_seg *seg)
{
        const struct ek_listener *ls = ek_listener_find(t, &seg->key);

        /* LISTEN refuses malformed options. */
        return ls != NULL && ls->queued < ls->backlog && !seg->hdr->opt.malformed;
}

/* RFC 7323, 4.3 (2) and 5.3 (R3): TS.Recent follows what is acceptable, here as in every synchronized state.
 * RFC 6191 compares a new SYN with it. An acknowledgement of all, of which a stranger knows nothing. */
static void note_timestamp(struct ek_time_wait *tw, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;

        if (!tw->ts || !(opt->present & ELKO_OPT_TIMESTAMPS) || ek_seg_has(seg, ELKO_SYN) ||
            !seq_eq(seg->ack, seq_make(tw->snd_nxt)))
                return;
        /* Acceptable, and SEG.SEQ <= Last.ACK.sent. */
        if (!seq_eq(seg->seq, seq_make(tw->rcv_nxt)) &&
            (seq_gt(seg->seq, seq_make(tw->rcv_nxt)) ||
             seq_leq(seq_add(seg->seq, seg->len), seq_make(tw->rcv_nxt))))
                return;
        if ((int32_t)(opt->ts_val - tw->ts_recent) > 0)
                tw->ts_recent = opt->ts_val;
}

/* 3.10.7.4 first, of the window that acknowledge() offers. */
static bool is_acceptable(const struct ek_time_wait *tw, const struct ek_seg *seg)
{
        seq_t nxt = seq_make(tw->rcv_nxt);

        return seq_in(seg->seq, nxt, UINT16_MAX) ||
               (seg->len > 0 && seq_in(seq_add(seg->seq, seg->len - 1), nxt, UINT16_MAX));
}

/*
 * A segment for a connection in TIME-WAIT. Returns true when the connection was reopened: the caller
 * then offers the segment, a SYN, to the listener.
 * [RFC6191 2d; RFC1337 3-F1 2]
 */
bool ek_seg_on_time_wait(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg)
{
        struct ek_time_wait *tw = tw_at(t, index);

        if (ek_seg_has(seg, ELKO_RST)) {
                /* Deviation from RFC 9293, 3.10.7.4 second: RFC 1337, fix F1. */
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_TIME_WAIT);
                return false;
        }
        if (ek_seg_has(seg, ELKO_SYN) && !ek_seg_has(seg, ELKO_ACK | ELKO_FIN) &&
            may_reopen(t, tw, seg) && is_wanted(t, seg)) {
                t->ctr->tcp_time_wait_reused++;
                step_behind(t, index);
                return true;
        }
        /* First what is out of the window, then, fifth, what has no ACK bit. */
        if (!ek_seg_has(seg, ELKO_ACK | ELKO_SYN) && is_acceptable(tw, seg)) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_NO_ACK_FLAG);
                return false;
        }
        if (ek_seg_has(seg, ELKO_ACK))
                note_timestamp(tw, seg);
        /* 3.10.7.4 eighth: a retransmitted FIN restarts 2 MSL; it lies right before RCV.NXT. */
        if (ek_seg_has(seg, ELKO_ACK) && ek_seg_has(seg, ELKO_FIN) &&
            seq_eq(seq_add(seg->seq, seg->len), seq_make(tw->rcv_nxt)))
                tw->expires_ms = (now_ms(t) + wait_ms(t)) & MS_MASK;
        /* First step: behind the peer's FIN there is nothing, so all but an exact, empty segment is out of the window and
         * gets an ACK. Fifth: so does an ACK of what was never sent. Two ends that disagree about this could go on for
         * ever, so the answers to empty segments are limited. */
        if (seg->len > 0 || ((!seq_eq(seg->seq, seq_make(tw->rcv_nxt)) ||
                              seq_gt(seg->ack, seq_make(tw->snd_nxt))) &&
                             ek_limiter_take(&t->reset_limit, &seg->key.remote, t->now)))
                acknowledge(t, tw);
        ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_TIME_WAIT);
        return false;
}
