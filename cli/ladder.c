/* SPDX-License-Identifier: MIT */

/*
 * Theory. The recorder turns a stream of trace events into a short list of records for each
 * connection. Every segment is compared with what its direction has sent so far (`struct
 * ladder_flow`) and marked: does it repeat, leave a hole, acknowledge the other end's SYN or FIN
 * for the first time, close the window? What changes a state is a *key* record and is always kept;
 * what is unusual is *notable* and kept up to a limit; the rest is ordinary: its beginning and its
 * end are kept, and the bulk between is folded into counts. So 100,000 segments make as many rows
 * as 30.
 *
 * A segment and the change of state that it causes are two events, in an order that is the stack's
 * business: a STATE event that follows the segment is attached to it, one that comes before it is
 * recognized later by the state that the segment itself reports.
 *
 * Connections are found by their endpoints, because half-open and TIME-WAIT entries and segments
 * that belong to nothing have no number of their own.
 */

#include "ladder_rec.h"
#include "ladder_draw.h"

#include <stdlib.h>

/* --- the table of connections */

void ladder_options_init(struct ladder_options *o)
{
        *o = (struct ladder_options){.width = 110, .max_conns = LADDER_CONNS};
}

struct ladder *ladder_new(const struct ladder_options *o)
{
        struct ladder *l = calloc(1, sizeof *l);

        if (!l)
                return NULL;
        if (o)
                l->opt = *o;
        else
                ladder_options_init(&l->opt);
        l->max = l->opt.max_conns ? l->opt.max_conns : LADDER_CONNS;
        if (l->max > LADDER_CONNS_MAX)
                l->max = LADDER_CONNS_MAX;
        return l;
}

void ladder_free(struct ladder *l)
{
        if (!l)
                return;
        for (size_t i = 0; i < l->nconn; i++)
                free(l->conn[i].rec);
        free(l->conn);
        free(l);
}

static bool ladder_same_end(const elko_endpoint *a, const elko_endpoint *b)
{
        return a->port == b->port && memcmp(&a->ip, &b->ip, sizeof a->ip) == 0;
}

static bool ladder_opening(int state)
{
        return state == (int)ELKO_TCP_SYN_SENT || state == (int)ELKO_TCP_SYN_RECEIVED;
}

/* Does this event begin a new connection between the endpoints of `c`? Attempts that were never
 * synchronized share one picture (RFC 9293, figure 8). */
static bool ladder_supersedes(const struct ladder_conn *c, const struct elko_trace_event *ev)
{
        bool gone = c->state == (int)ELKO_TCP_CLOSED || c->state == (int)ELKO_TCP_LISTEN;
        bool syn;

        if (!c->synchronized)
                return false;
        if (ev->kind == ELKO_TRACE_STATE)
                return ladder_opening((int)ev->state) &&
                       (gone || c->state == (int)ELKO_TCP_TIME_WAIT);
        syn = (ev->seg.flags & (ELKO_SYN | ELKO_ACK)) == ELKO_SYN;
        return syn &&
               (gone || (c->state == (int)ELKO_TCP_TIME_WAIT && ladder_opening((int)ev->state)));
}

static struct ladder_conn *ladder_conn_add(struct ladder *l, const struct elko_trace_event *ev)
{
        struct ladder_conn *c, *grown;

        if (l->nconn == l->max)
                return NULL;
        grown = realloc(l->conn, (l->nconn + 1) * sizeof *grown);
        if (!grown)
                return NULL;
        l->conn = grown;
        c = &l->conn[l->nconn++];
        *c = (struct ladder_conn){
                .end = {ev->local, ev->remote},
                .state = (int)(ev->kind == ELKO_TRACE_STATE ? ev->old_state : ev->state),
                .first_at = ev->now,
                .time_wait_at = {ELKO_NEVER, ELKO_NEVER},
                .closed_at = ELKO_NEVER,
                .key_left = LADDER_KEY_MAX,
                .notable_left = LADDER_NOTABLE_MAX,
                .head_left = LADDER_HEAD,
                .renewals_left = LADDER_HEAD_RENEWALS,
        };
        c->first_state = c->state;
        c->synchronized = ladder_is_synchronized(c->state);
        return c;
}

/* --- keeping and folding */

static struct ladder_rec *ladder_push(struct ladder_conn *c, const struct ladder_rec *r)
{
        if (c->nrec == c->cap) {
                size_t cap = c->cap ? c->cap * 2 : 16;
                struct ladder_rec *grown =
                        c->nrec < LADDER_REC_MAX ? realloc(c->rec, cap * sizeof *grown) : NULL;

                if (!grown) {
                        c->forgotten++;
                        return NULL;
                }
                c->rec = grown;
                c->cap = cap;
        }
        c->rec[c->nrec] = *r;
        return &c->rec[c->nrec++];
}

static void ladder_fold(struct ladder_conn *c, const struct ladder_rec *r)
{
        struct ladder_rec *f = c->nrec ? &c->rec[c->nrec - 1] : NULL;

        if (!f || f->kind != LADDER_FOLD) {
                struct ladder_rec fresh = {
                        .kind = LADDER_FOLD, .at = r->at, .state = r->state, .from = LADDER_NEAR};

                f = ladder_push(c, &fresh);
                if (!f)
                        return;
        }
        f->until = r->at;
        f->state = r->state;
        f->segs[r->from]++;
        f->bytes[r->from] += r->len;
        f->retrans += (r->marks & LADDER_M_RETRANS) ? 1 : 0;
        f->dropped += (r->marks & LADDER_M_DROPPED) ? 1 : 0;
        f->seq = c->flow[LADDER_NEAR].iss + (uint32_t)c->flow[LADDER_NEAR].next;
        f->ack = c->flow[LADDER_FAR].iss + (uint32_t)c->flow[LADDER_FAR].next;
}

/* Empties the tail: into the list, or into a fold. */
static void ladder_settle_tail(struct ladder_conn *c, bool keep)
{
        for (size_t i = 0; i < c->ntail; i++) {
                if (keep)
                        ladder_push(c, &c->tail[i]);
                else
                        ladder_fold(c, &c->tail[i]);
        }
        c->ntail = 0;
}

static void ladder_keep_ordinary(struct ladder_conn *c, const struct ladder_rec *r)
{
        if (c->head_left > 0) {
                c->head_left--;
                ladder_push(c, r);
                return;
        }
        if (c->ntail == LADDER_TAIL) {
                ladder_fold(c, &c->tail[0]);
                memmove(c->tail, c->tail + 1, (LADDER_TAIL - 1) * sizeof c->tail[0]);
                c->ntail--;
        }
        c->tail[c->ntail++] = *r;
}

/* After the handshake and after a FIN another kind of traffic begins: show its beginning too. */
static void ladder_renew_head(struct ladder_conn *c, const struct ladder_rec *r)
{
        if (!(r->flags & ELKO_FIN) && !(r->marks & LADDER_M_ACK_SYN))
                return;
        if ((r->flags & ELKO_FIN) && c->notable_left < LADDER_NOTABLE_CLOSE && c->renewals_left > 0)
                c->notable_left = LADDER_NOTABLE_CLOSE;
        if (c->renewals_left > 0) {
                c->renewals_left--;
                c->head_left = LADDER_HEAD;
        }
}

static bool ladder_notable(const struct ladder_rec *r)
{
        return (r->marks &
                (LADDER_M_RETRANS | LADDER_M_GAP | LADDER_M_ZERO | LADDER_M_REOPEN |
                 LADDER_M_PROBE | LADDER_M_KEEPALIVE | LADDER_M_ANSWER | LADDER_M_CHALLENGE |
                 LADDER_M_DROPPED | LADDER_M_FILL | LADDER_M_FIN_AGAIN)) != 0;
}

static void ladder_keep(struct ladder_conn *c, const struct ladder_rec *r)
{
        if ((r->marks & LADDER_M_KEY) && c->key_left > 0) {
                c->key_left--;
                ladder_settle_tail(c, c->nrec < LADDER_TAIL_KEPT);
                ladder_push(c, r);
                ladder_renew_head(c, r);
        } else if (ladder_notable(r) && c->notable_left > 0) {
                c->notable_left--;
                ladder_settle_tail(c, c->nrec < LADDER_SMALL);
                ladder_push(c, r);
        } else {
                ladder_keep_ordinary(c, r);
        }
}

static struct ladder_rec *ladder_last(struct ladder_conn *c)
{
        if (c->ntail > 0)
                return &c->tail[c->ntail - 1];
        return c->nrec > 0 ? &c->rec[c->nrec - 1] : NULL;
}

/* The last record has become more than ordinary. */
static void ladder_promote_last(struct ladder_conn *c, uint32_t marks)
{
        struct ladder_rec *r = ladder_last(c), copy;

        r->marks |= marks;
        if (c->ntail == 0)
                return;
        copy = *r;
        c->ntail--;
        ladder_keep(c, &copy);
}

/* The i-th kept record counted from the last, NULL beyond the first. */
static struct ladder_rec *ladder_back(struct ladder_conn *c, size_t i)
{
        if (i < c->ntail)
                return &c->tail[c->ntail - 1 - i];
        i -= c->ntail;
        return i < c->nrec ? &c->rec[c->nrec - 1 - i] : NULL;
}

/* --- marking a segment */

/* The near end's state as an event tells it. Half-open and TIME-WAIT entries are no connections
 * (conn is 0) and don't report a state with what they receive or reset: theirs is known from the
 * STATE events. */
static int ladder_told_state(const struct ladder_conn *c, const struct elko_trace_event *ev)
{
        if (ev->conn != 0 || ev->state != ELKO_TCP_CLOSED)
                return (int)ev->state;
        return c->state;
}

static struct ladder_rec ladder_rec_of(const struct ladder_conn *c,
                                       const struct elko_trace_event *ev, enum ladder_end from)
{
        const struct elko_trace_segment *s = &ev->seg;

        return (struct ladder_rec){
                .kind = LADDER_SEG,
                .at = ev->now,
                .from = (uint8_t)from,
                .state = (uint8_t)ladder_told_state(c, ev),
                .seq = s->seq,
                .ack = s->ack,
                .len = s->len,
                .wnd = s->wnd_bytes,
                .ts_val = s->ts_val,
                .ts_ecr = s->ts_ecr,
                .flags = s->flags,
                .options = (uint16_t)s->options,
                .mss = s->mss,
                .wscale = s->wscale,
                .sack_count = s->sack_count,
                .cause = ev->cause,
        };
}

static void ladder_mark_syn(struct ladder_conn *c, struct ladder_rec *r)
{
        struct ladder_flow *f = &c->flow[r->from];
        bool with_ack = (r->flags & ELKO_ACK) != 0;
        bool fresh = !f->syn || f->iss != r->seq;

        if (!(r->flags & ELKO_SYN))
                return;
        if (!fresh && with_ack && !f->syn_had_ack)
                r->marks |= LADDER_M_KEY; /* simultaneous open: the SYN again, now with ACK */
        f->syn_had_ack = with_ack;
        if (r->from == LADDER_NEAR) {
                c->syn_at = r->at;
                c->syn_sends = fresh ? 1 : c->syn_sends + 1;
        }
        if (!fresh)
                return;
        *f = (struct ladder_flow){.iss = r->seq,
                                  .iss_known = true,
                                  .based = true,
                                  .origin = 1,
                                  .syn = true,
                                  .syn_had_ack = with_ack,
                                  .segs = f->segs,
                                  .syn_options = r->options,
                                  .mss = r->mss,
                                  .wscale = r->wscale};
        r->marks |= LADDER_M_KEY;
}

/* A direction whose SYN was not seen: the stack may know its number, else the first one stands in.
 * */
static void ladder_base(struct ladder_conn *c, const struct ladder_rec *r,
                        const struct elko_trace_event *ev)
{
        bool known = ev && ladder_is_synchronized((int)ev->state) && (ev->iss != 0 || ev->irs != 0);

        for (int e = LADDER_NEAR; e <= LADDER_FAR; e++) {
                struct ladder_flow *f = &c->flow[e];

                if (f->based || (r->flags & (ELKO_RST | ELKO_SYN)) || (!known && e != (int)r->from))
                        continue;
                f->iss_known = known;
                f->iss = known ? (e == LADDER_NEAR ? ev->iss : ev->irs) : r->seq - 1;
                f->next =
                        known ? ladder_relative(e == (int)r->from ? r->seq : r->ack, f->iss, 1) : 1;
                if (f->next < 1)
                        f->next = 1;
                f->origin = f->next;
                f->based = true;
        }
}

static void ladder_mark_numbers(struct ladder_conn *c, struct ladder_rec *r)
{
        struct ladder_flow *f = &c->flow[r->from], *g = &c->flow[!r->from];
        bool fresh_syn = (r->flags & ELKO_SYN) && (r->marks & LADDER_M_KEY);
        int64_t end;

        r->rel_seq = f->based ? ladder_relative(r->seq, f->iss, f->next) : 0;
        r->rel_ack = g->based ? ladder_relative(r->ack, g->iss, g->next) : 0;
        r->rel_seq_known = f->iss_known;
        r->rel_ack_known = g->iss_known;
        f->segs++;
        if ((r->flags & ELKO_RST) || !f->based)
                return;
        end = r->rel_seq + (int64_t)(ladder_seg_end(r) - r->seq);
        if (ladder_takes_numbers(r) && !fresh_syn) {
                if (end <= f->next)
                        r->marks |= LADDER_M_RETRANS;
                else if (r->rel_seq > f->next && r->from == LADDER_FAR)
                        r->marks |= LADDER_M_GAP;
        }
        if (r->len > 0 && r->rel_seq + (int64_t)r->len - f->origin > (int64_t)f->bytes)
                f->bytes = (uint64_t)(r->rel_seq + (int64_t)r->len - f->origin);
        if ((r->flags & ELKO_FIN) && !f->fin) {
                f->fin = true;
                f->fin_next = end;
                r->marks |= LADDER_M_KEY;
        }
        if (end > f->next)
                f->next = end;
}

static void ladder_hole_remove(struct ladder_conn *c, unsigned i)
{
        memmove(&c->hole[i], &c->hole[i + 1], (c->nhole - i - 1) * sizeof c->hole[0]);
        c->nhole--;
}

static void ladder_hole_add(struct ladder_conn *c, int64_t from, int64_t to)
{
        if (from >= to)
                return;
        if (c->nhole == LADDER_HOLES)
                ladder_hole_remove(c, 0);
        c->hole[c->nhole++] = (struct ladder_hole){from, to};
}

/* Takes [from, to) out of the holes; false when it lies in none of them. */
static bool ladder_hole_fill(struct ladder_conn *c, int64_t from, int64_t to)
{
        bool filled = false;

        for (unsigned i = c->nhole; i-- > 0;) {
                struct ladder_hole h = c->hole[i];

                if (to <= h.from || from >= h.to)
                        continue;
                filled = true;
                ladder_hole_remove(c, i);
                ladder_hole_add(c, h.from, from < h.to ? from : h.to);
                ladder_hole_add(c, to > h.from ? to : h.from, h.to);
        }
        return filled;
}

/* Data that fills a hole is not a duplicate. `next_before`: what the far end had sent before it. */
static void ladder_mark_fill(struct ladder_conn *c, struct ladder_rec *r, int64_t next_before)
{
        if (r->from != LADDER_FAR || (r->flags & (ELKO_SYN | ELKO_RST)))
                return;
        if (r->marks & LADDER_M_GAP)
                ladder_hole_add(c, next_before, r->rel_seq);
        if (!(r->marks & LADDER_M_RETRANS) || r->len == 0)
                return;
        if (ladder_hole_fill(c, r->rel_seq, r->rel_seq + (int64_t)r->len)) {
                r->marks &= ~(uint32_t)LADDER_M_RETRANS;
                r->marks |= LADDER_M_FILL;
        }
}

static void ladder_mark_ack(struct ladder_conn *c, struct ladder_rec *r)
{
        struct ladder_flow *g = &c->flow[!r->from];

        if (!(r->flags & ELKO_ACK) || (r->flags & ELKO_RST) || !g->based)
                return;
        if (g->syn && !g->syn_acked && r->rel_ack >= 1 && r->rel_ack <= g->next) {
                g->syn_acked = true;
                r->marks |= LADDER_M_ACK_SYN | LADDER_M_KEY;
                if (r->from == LADDER_FAR && c->syn_sends == 1 && r->at > c->syn_at)
                        c->handshake_ns = r->at - c->syn_at;
        }
        if (g->fin && !g->fin_acked && r->rel_ack >= g->fin_next) {
                g->fin_acked = true;
                r->marks |= LADDER_M_ACK_FIN | LADDER_M_KEY;
        }
}

static void ladder_mark_window(struct ladder_conn *c, struct ladder_rec *r)
{
        struct ladder_flow *f = &c->flow[r->from];

        if (r->flags & (ELKO_SYN | ELKO_RST))
                return;
        if (r->wnd == 0 && !f->zero_window)
                r->marks |= LADDER_M_ZERO;
        else if (r->wnd > 0 && f->zero_window)
                r->marks |= LADDER_M_REOPEN;
        f->zero_window = r->wnd == 0;
}

/* Probes: the near end says what it sends, the far end's are known by their numbers: one byte into
 * a closed window, or at most one byte just before what it has sent. */
static void ladder_mark_probe(struct ladder_conn *c, struct ladder_rec *r, int64_t next_before,
                              enum elko_why why)
{
        bool plain = (r->flags & (ELKO_SYN | ELKO_FIN | ELKO_RST)) == 0 && (r->flags & ELKO_ACK);
        bool behind = r->rel_seq == next_before - 1 && r->len <= 1;
        bool zero = c->flow[!r->from].zero_window;
        uint32_t mark = 0;

        if (r->from == LADDER_NEAR) {
                mark = why == ELKO_WHY_PROBE       ? LADDER_M_PROBE
                       : why == ELKO_WHY_KEEPALIVE ? LADDER_M_KEEPALIVE
                                                   : 0;
        } else if (plain && c->flow[r->from].based && ladder_is_synchronized((int)r->state)) {
                if (zero && (behind || r->len == 1))
                        mark = LADDER_M_PROBE;
                else if (behind)
                        mark = LADDER_M_KEEPALIVE;
        }
        if (mark) {
                r->marks &= ~(uint32_t)(LADDER_M_RETRANS | LADDER_M_GAP | LADDER_M_FILL);
                r->marks |= mark;
        }
        if (c->alive_asked[!r->from] && !mark && plain)
                r->marks |= LADDER_M_ANSWER;
        if (plain)
                c->alive_asked[!r->from] = false;
        c->alive_asked[r->from] = mark == LADDER_M_KEEPALIVE;
}

static bool ladder_seg_from(const struct ladder_rec *r, enum ladder_end from)
{
        return r->kind == LADDER_SEG && r->from == from;
}

/* Finds the first transmission of what `r` repeats. */
static void ladder_mark_original(struct ladder_conn *c, struct ladder_rec *r)
{
        struct ladder_rec *o;

        if (!(r->marks & LADDER_M_RETRANS))
                return;
        c->flow[r->from].retrans++;
        for (size_t i = 0; (o = ladder_back(c, i)) != NULL; i++) {
                if (!ladder_seg_from(o, r->from) || o->rel_seq != r->rel_seq ||
                    !ladder_takes_numbers(o) || (o->flags & ELKO_SYN) != (r->flags & ELKO_SYN))
                        continue;
                if (r->from == LADDER_NEAR)
                        o->marks |= LADDER_M_AGAIN;
                r->after_ns = r->at - o->at;
                return;
        }
}

/* The far end repeats its SYN+ACK or FIN: our last acknowledgement of it did not get there. */
static void ladder_mark_lost_ack(struct ladder_conn *c, const struct ladder_rec *r)
{
        uint32_t want = (r->flags & ELKO_SYN) ? LADDER_M_ACK_SYN : LADDER_M_ACK_FIN;
        struct ladder_flow *f = &c->flow[LADDER_FAR];
        struct ladder_rec *o;

        if (r->from != LADDER_FAR || !(r->marks & LADDER_M_RETRANS) ||
            !(r->flags & (ELKO_SYN | ELKO_FIN)) || !ladder_is_synchronized(c->state))
                return;
        for (size_t i = 0; (o = ladder_back(c, i)) != NULL; i++) {
                if (!ladder_seg_from(o, LADDER_NEAR) || !(o->marks & want))
                        continue;
                o->marks |= LADDER_M_AGAIN;
                if (want == LADDER_M_ACK_SYN)
                        f->syn_acked = false;
                else
                        f->fin_acked = false;
                return;
        }
}

static void ladder_mark_why(struct ladder_rec *r, enum elko_why why)
{
        if (why == ELKO_WHY_CHALLENGE)
                r->marks |= LADDER_M_CHALLENGE;
        if (why == ELKO_WHY_COOKIE)
                r->marks |= LADDER_M_COOKIE;
        if (why == ELKO_WHY_RETRANS_FAST)
                r->marks |= LADDER_M_FAST;
        if (why == ELKO_WHY_TIME_WAIT_ACK)
                r->marks |= LADDER_M_FIN_AGAIN;
}

static void ladder_note_state(struct ladder_conn *c, int state, uint64_t now, const char *cause)
{
        if (state == (int)ELKO_TCP_TIME_WAIT && c->state != state)
                c->time_wait_at[LADDER_NEAR] = now;
        if (state == (int)ELKO_TCP_CLOSED && c->state != state) {
                c->closed_at = now;
                c->cause = cause;
                c->over = true;
        } else if (state != (int)ELKO_TCP_CLOSED) {
                c->over = false;
        }
        if (ladder_is_synchronized(state))
                c->synchronized = true;
        c->state = state;
}

/* Marks a segment, keeps or folds it. `ev` NULL: a record taken over from another connection. */
static void ladder_take(struct ladder_conn *c, struct ladder_rec *r,
                        const struct elko_trace_event *ev)
{
        enum elko_why why = ev && r->from == LADDER_NEAR ? ev->why : ELKO_WHY_NONE;
        int64_t before;

        ladder_mark_syn(c, r);
        ladder_base(c, r, ev);
        before = c->flow[r->from].next;
        ladder_mark_numbers(c, r);
        ladder_mark_fill(c, r, before);
        ladder_mark_ack(c, r);
        ladder_mark_probe(c, r, before, why);
        ladder_mark_window(c, r);
        ladder_mark_why(r, why);
        ladder_mark_original(c, r);
        ladder_mark_lost_ack(c, r);
        if ((r->flags & ELKO_RST) || (int)r->state != c->state)
                r->marks |= LADDER_M_KEY;
        ladder_note_state(c, (int)r->state, r->at, r->cause);
        ladder_keep(c, r);
}

/* --- events */

static bool ladder_same_seg(const struct ladder_rec *r, const struct elko_trace_event *ev)
{
        return r && r->kind == LADDER_SEG && r->from == LADDER_FAR && r->at == ev->now &&
               r->seq == ev->seg.seq && r->ack == ev->seg.ack && r->flags == ev->seg.flags &&
               r->len == ev->seg.len;
}

/* A SYN for a listener is told before anything else is known of it. That it was taken shows that
 * there is one. */
static void ladder_was_listening(struct ladder_conn *c)
{
        struct ladder_rec *r = ladder_last(c);

        if (!r || r->kind != LADDER_SEG || r->from != LADDER_FAR ||
            c->state != (int)ELKO_TCP_CLOSED || (r->flags & (ELKO_SYN | ELKO_ACK)) != ELKO_SYN)
                return;
        r->state = ELKO_TCP_LISTEN;
        c->state = ELKO_TCP_LISTEN;
        if (c->nrec + c->ntail == 1)
                c->first_state = ELKO_TCP_LISTEN;
}

static void ladder_on_segment(struct ladder_conn *c, const struct elko_trace_event *ev)
{
        enum ladder_end from = ev->kind == ELKO_TRACE_SEGMENT_OUT ? LADDER_NEAR : LADDER_FAR;
        struct ladder_rec r = ladder_rec_of(c, ev, from);
        struct ladder_rec *last = ladder_last(c);

        if (from == LADDER_NEAR && ev->state == ELKO_TCP_LISTEN)
                ladder_was_listening(c); /* a SYN cookie */
        if (from == LADDER_FAR && ladder_same_seg(last, ev) && (last->marks & LADDER_M_DROPPED))
                return; /* its DROP came first */
        ladder_take(c, &r, ev);
}

/* Reasons that are the normal end of a segment's way, or that the answer to it explains. */
static bool ladder_drop_is_noise(enum elko_drop d)
{
        switch (d) {
        case ELKO_DROP_TCP_NO_CONN:
        case ELKO_DROP_TCP_NO_CONN_RST:
        case ELKO_DROP_TCP_RST_TAKEN:
        case ELKO_DROP_TCP_LISTEN_FLAGS:
        case ELKO_DROP_TCP_RST_SEQ:
        case ELKO_DROP_TCP_SYN_IN_SYNC:
        case ELKO_DROP_TCP_RCV_DUP:
        case ELKO_DROP_TCP_DATA_CLOSED:
        case ELKO_DROP_TCP_SYN_SENT:
        case ELKO_DROP_TCP_TIME_WAIT: return true;
        default: return false;
        }
}

static void ladder_on_drop(struct ladder_conn *c, const struct elko_trace_event *ev)
{
        struct ladder_rec r;

        if (ladder_same_seg(ladder_last(c), ev)) {
                ladder_last(c)->drop = (uint8_t)ev->drop;
                if (!ladder_drop_is_noise(ev->drop))
                        ladder_promote_last(c, LADDER_M_DROPPED);
                return;
        }
        r = ladder_rec_of(c, ev, LADDER_FAR);
        r.drop = (uint8_t)ev->drop;
        r.marks = LADDER_M_DROPPED;
        ladder_take(c, &r, ev);
}

/* Can this segment have caused this change? */
static bool ladder_caused(const struct ladder_rec *r, const struct elko_trace_event *ev)
{
        int to = (int)ev->state;
        uint16_t fl = r->flags;

        if (r->kind != LADDER_SEG || r->at != ev->now || r->state != (uint8_t)ev->old_state)
                return false;
        if (to == (int)ELKO_TCP_LISTEN)
                return (fl & ELKO_RST) != 0;
        if (to == (int)ELKO_TCP_CLOSED)
                return (fl & ELKO_RST) || (r->from == LADDER_FAR &&
                                           ev->old_state == ELKO_TCP_LAST_ACK && (fl & ELKO_ACK));
        if (r->from == LADDER_NEAR)
                return ((fl & ELKO_FIN) &&
                        (to == (int)ELKO_TCP_FIN_WAIT_1 || to == (int)ELKO_TCP_LAST_ACK)) ||
                       ((fl & ELKO_SYN) && ladder_opening(to));
        return to != (int)ELKO_TCP_SYN_SENT && to != (int)ELKO_TCP_FIN_WAIT_1 &&
               to != (int)ELKO_TCP_LAST_ACK;
}

static void ladder_on_state(struct ladder_conn *c, const struct elko_trace_event *ev)
{
        struct ladder_rec *last = ladder_last(c);
        struct ladder_rec r = {.kind = LADDER_STATE,
                               .at = ev->now,
                               .from = LADDER_NEAR,
                               .state = (uint8_t)ev->state,
                               .old_state = (uint8_t)ev->old_state,
                               .cause = ev->cause,
                               .marks = LADDER_M_KEY};

        if (ev->old_state == ELKO_TCP_LISTEN)
                ladder_was_listening(c);
        if (last && ladder_caused(last, ev)) {
                last->state = (uint8_t)ev->state;
                last->cause = ev->cause;
                ladder_promote_last(c, LADDER_M_KEY);
        } else if (c->state != (int)ev->state || c->nrec == 0) {
                ladder_keep(c, &r);
        }
        ladder_note_state(c, (int)ev->state, ev->now, ev->cause);
}

/* The stack believes that something is lost: mark what it sent there. */
static void ladder_on_lost(struct ladder_conn *c, const struct elko_trace_event *ev)
{
        struct ladder_rec *o;

        if (ev->seg.len == 0 && !(ev->seg.flags & (ELKO_SYN | ELKO_FIN)))
                return;
        for (size_t i = 0; (o = ladder_back(c, i)) != NULL; i++) {
                if (!ladder_seg_from(o, LADDER_NEAR) || !ladder_takes_numbers(o))
                        continue;
                if ((int32_t)(o->seq - ev->seg.seq) >= 0 &&
                    (int32_t)(o->seq - (ev->seg.seq + (ev->seg.len ? ev->seg.len : 1))) < 0) {
                        o->marks |= LADDER_M_LOST;
                        return;
                }
        }
}

/* Does the ladder concern itself with this event? */
static bool ladder_wants(const struct elko_trace_event *ev)
{
        if (ev->remote.port == 0 || ev->local.port == 0)
                return false; /* listeners, and what is not TCP */
        switch (ev->kind) {
        case ELKO_TRACE_SEGMENT_IN:
        case ELKO_TRACE_SEGMENT_OUT:
        case ELKO_TRACE_STATE:
        case ELKO_TRACE_LOST: return true;
        case ELKO_TRACE_DROP:
                return ev->drop >= ELKO_DROP_TCP_OPTIONS && ev->drop < ELKO_DROP_COUNT &&
                       ev->seg.flags != 0;
        case ELKO_TRACE_TIMER:
        case ELKO_TRACE_RECOVERY:
        case ELKO_TRACE_METRICS:
        case ELKO_TRACE_COUNT: break;
        }
        return false;
}

/* Would this event, of endpoints that are not in the table, begin a connection worth counting? */
static bool ladder_begins(const struct elko_trace_event *ev)
{
        return (ev->kind == ELKO_TRACE_STATE && ladder_opening((int)ev->state) &&
                !ladder_opening((int)ev->old_state)) ||
               (ev->kind == ELKO_TRACE_DROP && ev->drop == ELKO_DROP_TCP_NO_CONN);
}

/* The SYN that reopens a TIME-WAIT connection was recorded with the old one, if its event came
 * before the change of state: it belongs to the new one. */
static void ladder_take_over_syn(struct ladder_conn *from, struct ladder_conn *to, uint64_t now)
{
        struct ladder_rec *last = ladder_last(from), copy;

        if (!last || last->kind != LADDER_SEG || from->ntail > 0 || last->at != now ||
            (last->flags & (ELKO_SYN | ELKO_ACK)) != ELKO_SYN)
                return;
        copy = *last;
        from->nrec--;
        copy.marks = 0;
        copy.state = ELKO_TCP_LISTEN;
        to->state = to->first_state = ELKO_TCP_LISTEN;
        ladder_take(to, &copy, NULL);
}

static struct ladder_conn *ladder_find(struct ladder *l, const struct elko_trace_event *ev)
{
        struct ladder_conn *c = NULL;
        size_t i = l->nconn;

        while (i-- > 0) {
                if (!ladder_same_end(&l->conn[i].end[LADDER_NEAR], &ev->local) ||
                    !ladder_same_end(&l->conn[i].end[LADDER_FAR], &ev->remote))
                        continue;
                if (!ladder_supersedes(&l->conn[i], ev))
                        return &l->conn[i];
                break;
        }
        if (ev->kind == ELKO_TRACE_LOST)
                return NULL;
        c = ladder_conn_add(l, ev);
        if (c && i < l->nconn && ev->kind == ELKO_TRACE_STATE) {
                if (ev->old_state == ELKO_TCP_TIME_WAIT)
                        c->state = c->first_state = ELKO_TCP_LISTEN;
                ladder_take_over_syn(&l->conn[i], c, ev->now);
        } else if (!c && ladder_begins(ev)) {
                l->more++;
        }
        return c;
}

void ladder_event(struct ladder *l, const struct elko_trace_event *ev)
{
        struct ladder_conn *c = ladder_wants(ev) ? ladder_find(l, ev) : NULL;

        if (!c || c->printed)
                return;
        if (c->id == 0)
                c->id = ev->conn;
        c->last_at = ev->now;
        if (ev->kind != ELKO_TRACE_STATE || ev->old_state != ELKO_TCP_TIME_WAIT)
                c->ended_at = ev->now;
        if (ev->kind == ELKO_TRACE_STATE)
                ladder_on_state(c, ev);
        else if (ev->kind == ELKO_TRACE_DROP)
                ladder_on_drop(c, ev);
        else if (ev->kind == ELKO_TRACE_LOST)
                ladder_on_lost(c, ev);
        else
                ladder_on_segment(c, ev);
        if (ev->srtt_ns != 0)
                c->srtt_ns = ev->srtt_ns;
}

void ladder_trace(void *l, const struct elko_trace_event *ev)
{
        ladder_event(l, ev);
}

/* --- printing */

static void ladder_print_one(struct ladder *l, size_t i, FILE *out)
{
        struct ladder_conn *c = &l->conn[i];

        ladder_draw(&l->opt, c, (unsigned)(i + 1), out);
        c->printed = true;
        free(c->rec);
        c->rec = NULL;
        c->nrec = c->cap = c->ntail = 0;
}

size_t ladder_print_ended(struct ladder *l, FILE *out)
{
        size_t n = 0;

        for (size_t i = 0; i < l->nconn; i++) {
                if (!l->conn[i].over || l->conn[i].printed)
                        continue;
                ladder_print_one(l, i, out);
                n++;
        }
        return n;
}

void ladder_print(struct ladder *l, FILE *out)
{
        for (size_t i = 0; i < l->nconn; i++)
                if (!l->conn[i].printed)
                        ladder_print_one(l, i, out);
        ladder_draw_rest(&l->opt, l->nconn, l->more, out);
}
