/* SPDX-License-Identifier: MIT */

/*
 * Theory. One recorder sees a segment where it leaves or where it arrives, not both; a row stands
 * for the whole way unless that would tell a lie. Segments that cross (simultaneous open and close,
 * an answer to an old duplicate SYN) are drawn as RFC 9293 draws them in figures 7, 8 and 13: one
 * row where the segment departs, another where it arrives. That they crossed is known by what the
 * other end acknowledges. What was sent again is taken to be lost, unless an echoed timestamp or an
 * acknowledgement proves that it did arrive. Along the rows ladder_infer follows the far end.
 * Merged recordings come with all that decided, and with the real states.
 */

#include "ladder_weave.h"
#include "ladder_infer.h"

struct ladder_weaver {
        struct ladder_story *s;
        const struct ladder_conn *c;
        size_t n;
        struct ladder_infer far;
        bool silent;                      /* the far end never said anything: nothing is inferred */
        const struct ladder_rec *pending; /* departed, not arrived yet; NULL: none */
        size_t arrive_after; /* index of the record that it arrives after; n: on proof */
};


static bool ladder_is_seg(const struct ladder_rec *r, enum ladder_end from, uint16_t mask,
                          uint16_t want)
{
        return r->kind == LADDER_SEG && r->from == from && (r->flags & mask) == want;
}

static struct ladder_infer_seg ladder_infer_view(const struct ladder_rec *r)
{
        return (struct ladder_infer_seg){r->seq, r->ack, r->len, r->flags};
}

static struct ladder_row *ladder_row_add(struct ladder_story *s, const struct ladder_rec *r,
                                         enum ladder_part part, int near, int far)
{
        struct ladder_row *row = &s->row[s->nrow];

        if (s->nrow == s->cap)
                return NULL; /* can't happen: two rows for each record */
        *row = (struct ladder_row){.rec = r,
                                   .at = r->at,
                                   .part = part,
                                   .state = {near, far},
                                   .step = -1,
                                   .remark = {-1, -1, -1}};
        s->nrow++;
        if (part == LADDER_DEPART)
                s->crossed = true;
        if (part == LADDER_LOST)
                s->lost = true;
        return row;
}

static int ladder_first_near(const struct ladder_conn *c)
{
        const struct ladder_rec *r = c->nrec ? &c->rec[0] : NULL;

        if (c->first_state == (int)ELKO_TCP_CLOSED || !r ||
            ladder_is_synchronized(c->first_state)) {
                bool syn_in = r && r->kind == LADDER_SEG &&
                              ladder_is_seg(r, LADDER_FAR, ELKO_SYN | ELKO_ACK, ELKO_SYN);

                if (syn_in && r->state != (uint8_t)ELKO_TCP_CLOSED &&
                    !ladder_is_synchronized((int)r->state))
                        return ELKO_TCP_LISTEN;
                return c->first_state;
        }
        if (c->first_state == (int)ELKO_TCP_LISTEN)
                return c->first_state;
        if (r->kind == LADDER_STATE && r->old_state != (uint8_t)ELKO_TCP_CLOSED)
                return r->old_state;
        return ladder_is_seg(r, LADDER_FAR, ELKO_SYN, ELKO_SYN) ? ELKO_TCP_LISTEN : ELKO_TCP_CLOSED;
}

/* What the far end was before the first row, judged by the first thing that it says. */
static int ladder_first_far(const struct ladder_conn *c, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const struct ladder_rec *r = ladder_at(c, i);

                if (r->kind == LADDER_FOLD)
                        return ELKO_TCP_ESTABLISHED;
                if (r->kind != LADDER_SEG || r->from != LADDER_FAR)
                        continue;
                if (r->flags & ELKO_RST)
                        return c->flow[LADDER_NEAR].syn ? ELKO_TCP_CLOSED : LADDER_UNKNOWN;
                if (r->flags & ELKO_SYN)
                        return (r->flags & ELKO_ACK) ? ELKO_TCP_LISTEN : ELKO_TCP_CLOSED;
                return ELKO_TCP_ESTABLISHED;
        }
        return LADDER_UNKNOWN;
}

/* Was this SYN, though repeated later, the one that got the answer? The echoed timestamp of the
 * SYN+ACK tells (RFC 7323, 4), and so does anything but a SYN that comes back before the
 * repetition. */
static bool ladder_was_answered(struct ladder_weaver *w, size_t i)
{
        const struct ladder_rec *r = ladder_at(w->c, i);
        bool again = false;

        if (!(r->flags & ELKO_SYN))
                return false;
        for (size_t j = i + 1; j < w->n; j++) {
                const struct ladder_rec *a = ladder_at(w->c, j);

                if (a->kind != LADDER_SEG)
                        continue;
                if (a->from == LADDER_NEAR && (a->flags & ELKO_SYN)) {
                        again = true;
                        if (a->ts_val == r->ts_val)
                                return false; /* no timestamps, or no tick between */
                } else if (a->from == LADDER_FAR && !(a->flags & ELKO_SYN)) {
                        return !again && !(r->flags & ELKO_ACK);
                } else if (a->from == LADDER_FAR && (a->flags & ELKO_ACK)) {
                        return (a->options & ELKO_OPT_TIMESTAMPS) &&
                               (r->options & ELKO_OPT_TIMESTAMPS) && a->ts_ecr == r->ts_val;
                }
        }
        return false;
}

/* Does a record `after` i come from the far end with these flags, before it acknowledges `end`?
 * Returns its index or n. */
static size_t ladder_crossing(struct ladder_weaver *w, size_t i, uint16_t mask, uint16_t want)
{
        uint32_t end = ladder_seg_end(ladder_at(w->c, i));

        for (size_t j = i + 1; j < w->n; j++) {
                const struct ladder_rec *a = ladder_at(w->c, j);

                if (a->kind != LADDER_SEG || a->from != LADDER_FAR)
                        continue;
                if ((a->flags & mask) == want &&
                    (!(a->flags & ELKO_ACK) || (int32_t)(a->ack - end) < 0))
                        return j;
                if ((a->flags & ELKO_ACK) && (int32_t)(a->ack - end) >= 0)
                        return w->n;
        }
        return w->n;
}

static size_t ladder_next_far(struct ladder_weaver *w, size_t i, uint16_t mask, uint16_t want)
{
        for (size_t j = i + 1; j < w->n; j++)
                if (ladder_is_seg(ladder_at(w->c, j), LADDER_FAR, mask, want))
                        return j;
        return w->n;
}

/* Does the near end's segment i cross one of the far end's? If so *after is the record after which
 * it arrives, or n when only an acknowledgement will show. */
static bool ladder_crosses(struct ladder_weaver *w, size_t i, size_t *after)
{
        const struct ladder_rec *r = ladder_at(w->c, i);
        bool simultaneous = w->far.state == (int)ELKO_TCP_SYN_SENT ||
                            w->far.state == (int)ELKO_TCP_SYN_RECEIVED;

        *after = w->n;
        if ((r->flags & (ELKO_SYN | ELKO_ACK)) == ELKO_SYN) {
                *after = ladder_crossing(w, i, ELKO_SYN | ELKO_ACK, ELKO_SYN);
                if (*after < w->n)
                        return true;
                /* A SYN+ACK for another SYN: ours is still on its way (figure 8). */
                return ladder_crossing(w, i, ELKO_SYN | ELKO_ACK, ELKO_SYN | ELKO_ACK) < w->n;
        }
        if (r->flags & ELKO_SYN) {
                if (!simultaneous || w->far.passive || !w->c->flow[LADDER_NEAR].syn)
                        return false;
                *after = ladder_next_far(w, i, ELKO_SYN | ELKO_ACK, ELKO_SYN | ELKO_ACK);
                return w->s->crossed && *after < w->n;
        }
        if (r->flags & ELKO_FIN) {
                *after = ladder_crossing(w, i, ELKO_FIN, ELKO_FIN);
                return *after < w->n;
        }
        if ((r->marks & LADDER_M_ACK_FIN) && r->state == (uint8_t)ELKO_TCP_CLOSING) {
                for (size_t j = i + 1; j < w->n; j++) {
                        const struct ladder_rec *a = ladder_at(w->c, j);

                        if (a->kind == LADDER_SEG && a->from == LADDER_FAR &&
                            (a->marks & LADDER_M_ACK_FIN)) {
                                *after = j;
                                return true;
                        }
                }
        }
        return false;
}

/* The pending segment gets there now. */
static void ladder_arrive(struct ladder_weaver *w, uint64_t at, bool show)
{
        struct ladder_infer_seg v = ladder_infer_view(w->pending);
        int near = w->s->nrow ? w->s->row[w->s->nrow - 1].state[LADDER_NEAR] : LADDER_UNKNOWN;
        struct ladder_row *row;

        ladder_infer_received(&w->far, &v);
        if (show) {
                row = ladder_row_add(w->s, w->pending, LADDER_ARRIVE, near, w->far.state);
                if (row)
                        row->at = at;
        }
        w->pending = NULL;
}

/* Is the far end's answer to this SYN+ACK an RST? Then it found it unacceptable and stayed as it
 * was. */
static bool ladder_is_rejected(struct ladder_weaver *w, size_t i)
{
        const struct ladder_rec *r = ladder_at(w->c, i);
        size_t j = ladder_next_far(w, i, 0, 0);

        return (r->flags & (ELKO_SYN | ELKO_ACK)) == (ELKO_SYN | ELKO_ACK) && j < w->n &&
               (ladder_at(w->c, j)->flags & (ELKO_RST | ELKO_ACK)) == ELKO_RST &&
               ladder_at(w->c, j)->seq == r->ack;
}

/* Does a far end that we thought to be CLOSED answer this SYN with SYN+ACK? Then it was listening.
 * */
static bool ladder_is_taken_by_listener(struct ladder_weaver *w, size_t i)
{
        const struct ladder_rec *r = ladder_at(w->c, i);
        size_t j = ladder_next_far(w, i, 0, 0);

        return (r->flags & (ELKO_SYN | ELKO_ACK)) == ELKO_SYN &&
               w->far.state == (int)ELKO_TCP_CLOSED && j < w->n &&
               (ladder_at(w->c, j)->flags & ELKO_SYN) && ladder_at(w->c, j)->ack == r->seq + 1;
}

static void ladder_weave_out(struct ladder_weaver *w, size_t i)
{
        const struct ladder_rec *r = ladder_at(w->c, i);
        struct ladder_infer_seg v = ladder_infer_view(r);
        bool lost = (r->marks & (LADDER_M_AGAIN | LADDER_M_LOST)) && !ladder_was_answered(w, i);
        size_t after;

        if (lost) {
                ladder_row_add(w->s, r, LADDER_LOST, r->state, w->far.state);
                if (r->flags & (ELKO_FIN | ELKO_SYN)) {
                        w->pending = r;
                        w->arrive_after = w->n;
                }
                return;
        }
        if (!w->pending && ladder_crosses(w, i, &after)) {
                ladder_row_add(w->s, r, LADDER_DEPART, r->state, w->far.state);
                w->pending = r;
                w->arrive_after = after;
                return;
        }
        /* A repeated SYN or FIN that gets there makes the lost one not matter. */
        if (w->pending && w->pending->seq == r->seq && w->pending->flags == r->flags)
                w->pending = NULL;
        if (ladder_is_taken_by_listener(w, i))
                ladder_infer_init(&w->far, ELKO_TCP_LISTEN);
        if (!w->silent && !ladder_is_rejected(w, i))
                ladder_infer_received(&w->far, &v);
        ladder_row_add(w->s, r, LADDER_WHOLE, r->state, w->far.state);
}

/* Does `r` prove that the pending segment has arrived? */
static bool ladder_proves(const struct ladder_rec *pending, const struct ladder_rec *r)
{
        return (r->flags & ELKO_ACK) && !(r->flags & ELKO_RST) &&
               (int32_t)(r->ack - ladder_seg_end(pending)) >= 0;
}

static bool ladder_was_drawn_lost(const struct ladder_story *s, const struct ladder_rec *r)
{
        for (size_t i = s->nrow; i-- > 0;)
                if (s->row[i].rec == r)
                        return s->row[i].part == LADDER_LOST;
        return false;
}

static void ladder_weave_in(struct ladder_weaver *w, size_t i)
{
        const struct ladder_rec *r = ladder_at(w->c, i);
        struct ladder_infer_seg v = ladder_infer_view(r);

        if (w->pending && w->arrive_after == w->n && ladder_proves(w->pending, r))
                ladder_arrive(w, r->at, !ladder_was_drawn_lost(w->s, w->pending));
        ladder_infer_sent(&w->far, &v);
        ladder_row_add(w->s, r, LADDER_WHOLE, r->state, w->far.state);
        if (w->pending && w->arrive_after == i)
                ladder_arrive(w, r->at, true);
}

/* A change of state without a segment is worth a row when the next row does not show it anyway. */
static bool ladder_state_shows(const struct ladder_conn *c, size_t i, size_t n)
{
        const struct ladder_rec *r = ladder_at(c, i),
                                *next = i + 1 < n ? ladder_at(c, i + 1) : NULL;
        bool by_user = r->state == ELKO_TCP_SYN_SENT || r->state == ELKO_TCP_FIN_WAIT_1 ||
                       r->state == ELKO_TCP_LAST_ACK;

        if (!next || next->state != r->state)
                return true;
        if (next->kind == LADDER_STATE || ladder_is_seg(next, LADDER_NEAR, ELKO_RST, ELKO_RST))
                return false;
        return next->kind == LADDER_FOLD || !(by_user || next->at == r->at);
}

static void ladder_weave_one(struct ladder_weaver *w)
{
        for (size_t i = 0; i < w->n; i++) {
                const struct ladder_rec *r = ladder_at(w->c, i);

                if (r->kind == LADDER_STATE) {
                        if (ladder_state_shows(w->c, i, w->n))
                                ladder_row_add(w->s, r, LADDER_WHOLE, r->state, w->far.state);
                } else if (r->kind == LADDER_FOLD) {
                        ladder_infer_skip(&w->far, r->ack, r->seq);
                        ladder_row_add(w->s, r, LADDER_WHOLE, r->state, w->far.state);
                } else if (r->from == LADDER_NEAR) {
                        ladder_weave_out(w, i);
                } else {
                        ladder_weave_in(w, i);
                }
        }
}

/* Merged recordings say themselves what each row shows. */
static void ladder_weave_merged(struct ladder_story *s, const struct ladder_conn *c)
{
        for (size_t i = 0; i < c->nrec; i++)
                ladder_row_add(s, &c->rec[i], (enum ladder_part)c->rec[i].part, c->rec[i].state,
                               c->rec[i].far_state);
}

static void ladder_states_before(struct ladder_story *s)
{
        for (size_t i = 0; i < s->nrow; i++)
                for (int e = LADDER_NEAR; e <= LADDER_FAR; e++)
                        s->row[i].before[e] = i ? s->row[i - 1].state[e] : s->first[e];
}

void ladder_weave(struct ladder_story *s, const struct ladder_conn *c)
{
        size_t n = c->nrec + c->ntail;
        struct ladder_weaver w = {.s = s, .c = c, .n = n};

        if (c->both) {
                s->first[LADDER_NEAR] = c->first_state;
                s->first[LADDER_FAR] = c->first_far;
                ladder_weave_merged(s, c);
        } else {
                s->first[LADDER_NEAR] = ladder_first_near(c);
                s->first[LADDER_FAR] = ladder_first_far(c, n);
                ladder_infer_init(&w.far, s->first[LADDER_FAR]);
                w.silent = c->flow[LADDER_FAR].segs == 0 && c->flow[LADDER_NEAR].syn;
                ladder_weave_one(&w);
        }
        ladder_states_before(s);
}
