/* SPDX-License-Identifier: MIT */

/*
 * Theory. Two passes.
 *
 * Weaving makes rows. One recorder sees a segment where it leaves or where it arrives, not both; a row
 * stands for the whole way unless that would tell a lie. Segments that cross (simultaneous open and
 * close, an answer to an old duplicate SYN) are drawn as RFC 9293 draws them in figures 7, 8 and 13:
 * one row where the segment departs, another where it arrives. That they crossed is known by what the
 * other end acknowledges. What was sent again is taken to be lost, unless an echoed timestamp or an
 * acknowledgement proves that it did arrive. Along the rows ladder_infer follows the far end. Merged
 * recordings come with all that decided, and with the real states.
 *
 * Telling walks along the rows with the question "what is new here?" and attaches a step (the segments
 * that every handshake and close consists of) or remarks (all that is unusual). A situation is
 * explained once in a connection; later rows refer to the same letter.
 */

#include "ladder_story.h"
#include "ladder_infer.h"

#include <stdlib.h>

/* --- weaving */

struct ladder_weaver {
        struct ladder_story *s;
        const struct ladder_conn *c;
        size_t n;
        struct ladder_infer far;
        const struct ladder_rec *pending; /* departed, not arrived yet; NULL: none */
        size_t arrive_after;              /* index of the record that it arrives after; n: on proof */
};

static const struct ladder_rec *ladder_at(const struct ladder_conn *c, size_t i)
{
        return i < c->nrec ? &c->rec[i] : &c->tail[i - c->nrec];
}

static bool ladder_is_seg(const struct ladder_rec *r, enum ladder_end from, uint16_t mask, uint16_t want)
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

        if (c->first_state == (int)ELKO_TCP_CLOSED || !r || ladder_is_synchronized(c->first_state)) {
                bool syn_in = r && r->kind == LADDER_SEG && ladder_is_seg(r, LADDER_FAR, ELKO_SYN | ELKO_ACK, ELKO_SYN);

                if (syn_in && r->state != (uint8_t)ELKO_TCP_CLOSED
                    && !ladder_is_synchronized((int)r->state))
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

/* Was this SYN, though repeated later, the one that got the answer? The echoed timestamp of the SYN+ACK
 * tells (RFC 7323, 4), and so does anything but a SYN that comes back before the repetition. */
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
                                return false; /* no timestamps, or the clock did not tick between the two */
                } else if (a->from == LADDER_FAR && !(a->flags & ELKO_SYN)) {
                        return !again && !(r->flags & ELKO_ACK);
                } else if (a->from == LADDER_FAR && (a->flags & ELKO_ACK)) {
                        return (a->options & ELKO_OPT_TIMESTAMPS) && (r->options & ELKO_OPT_TIMESTAMPS)
                               && a->ts_ecr == r->ts_val;
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
                if ((a->flags & mask) == want
                    && (!(a->flags & ELKO_ACK) || (int32_t)(a->ack - end) < 0))
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

/* Does the near end's segment i cross one of the far end's? If so *after is the record after which it
 * arrives, or n when only an acknowledgement will show. */
static bool ladder_crosses(struct ladder_weaver *w, size_t i, size_t *after)
{
        const struct ladder_rec *r = ladder_at(w->c, i);
        bool simultaneous = w->far.state == (int)ELKO_TCP_SYN_SENT
                            || w->far.state == (int)ELKO_TCP_SYN_RECEIVED;

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

                        if (a->kind == LADDER_SEG && a->from == LADDER_FAR
                            && (a->marks & LADDER_M_ACK_FIN)) {
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

/* Is the far end's answer to this SYN+ACK an RST? Then it found it unacceptable and stayed as it was. */
static bool ladder_is_rejected(struct ladder_weaver *w, size_t i)
{
        const struct ladder_rec *r = ladder_at(w->c, i);
        size_t j = ladder_next_far(w, i, 0, 0);

        return (r->flags & (ELKO_SYN | ELKO_ACK)) == (ELKO_SYN | ELKO_ACK) && j < w->n
               && (ladder_at(w->c, j)->flags & (ELKO_RST | ELKO_ACK)) == ELKO_RST
               && ladder_at(w->c, j)->seq == r->ack;
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
        if (!ladder_is_rejected(w, i))
                ladder_infer_received(&w->far, &v);
        ladder_row_add(w->s, r, LADDER_WHOLE, r->state, w->far.state);
}

/* Does `r` prove that the pending segment has arrived? */
static bool ladder_proves(const struct ladder_rec *pending, const struct ladder_rec *r)
{
        return (r->flags & ELKO_ACK) && !(r->flags & ELKO_RST)
               && (int32_t)(r->ack - ladder_seg_end(pending)) >= 0;
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
        const struct ladder_rec *r = ladder_at(c, i), *next = i + 1 < n ? ladder_at(c, i + 1) : NULL;
        bool by_user = r->state == ELKO_TCP_SYN_SENT || r->state == ELKO_TCP_FIN_WAIT_1
                       || r->state == ELKO_TCP_LAST_ACK;

        if (!next || next->state != r->state)
                return true;
        if (next->kind == LADDER_STATE)
                return false;
        return next->kind == LADDER_FOLD || !(by_user || next->at == r->at);
}

static void ladder_weave(struct ladder_weaver *w)
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

/* --- who is who */

static enum ladder_end ladder_client(const struct ladder_conn *c, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const struct ladder_rec *r = ladder_at(c, i);

                if (r->kind == LADDER_SEG && (r->flags & ELKO_SYN))
                        return ((r->flags & ELKO_ACK) ? 1 : 0) == (r->from == LADDER_FAR ? 1 : 0)
                                       ? LADDER_NEAR
                                       : LADDER_FAR;
        }
        /* No SYN: servers live on low ports. */
        return c->end[LADDER_NEAR].port >= c->end[LADDER_FAR].port ? LADDER_NEAR : LADDER_FAR;
}

/* --- sections */

static bool ladder_both_open(const int *state)
{
        return ladder_is_synchronized(state[LADDER_NEAR]) && ladder_is_synchronized(state[LADDER_FAR]);
}

static bool ladder_row_is_seg(const struct ladder_row *row, uint16_t flag)
{
        return row->rec->kind == LADDER_SEG && (flag == 0 || (row->rec->flags & flag) != 0);
}

static void ladder_cut_sections(struct ladder_story *s, const struct ladder_conn *c)
{
        enum ladder_section at = LADDER_OPENING;
        bool syn = c->flow[LADDER_NEAR].syn || c->flow[LADDER_FAR].syn;

        if (!syn && s->nrow > 0 && ladder_is_synchronized(s->first[LADDER_NEAR]))
                at = LADDER_DATA;
        for (size_t i = 0; i < s->nrow; i++) {
                struct ladder_row *row = &s->row[i];

                if (at == LADDER_DATA
                    && (ladder_row_is_seg(row, ELKO_FIN | ELKO_RST)
                        || (row->rec->kind == LADDER_STATE && row->rec->state != row->before[0]
                            && row->rec->from == LADDER_NEAR
                            && row->rec->state == (uint8_t)ELKO_TCP_CLOSED)))
                        at = LADDER_CLOSING;
                row->section = at;
                if (at == LADDER_OPENING && ladder_both_open(row->state)
                    && (i + 1 == s->nrow || s->row[i + 1].part != LADDER_ARRIVE))
                        at = LADDER_DATA;
        }
}

/* --- telling */

struct ladder_teller {
        struct ladder_story *s;
        const struct ladder_conn *c;
        unsigned steps[LADDER_SECTIONS], letters[LADDER_SECTIONS];
        bool told[LADDER_SIT_COUNT];
        const struct ladder_rec *last[2]; /* last segment of each end */
        const struct ladder_rec *fin[2];  /* first FIN of each end */
        const struct ladder_rec *syn[2];
        bool fin_acked[2];                /* that end's FIN was acknowledged in an earlier row */
        bool crossed_fins, half_closed;
};

static int ladder_note_add(struct ladder_teller *t, size_t row, enum ladder_sit sit)
{
        struct ladder_story *s = t->s;

        if (s->nnote == LADDER_NOTES_MAX)
                return -1;
        s->note[s->nnote] =
                (struct ladder_note){.sit = sit, .section = s->row[row].section, .row = row};
        return (int)s->nnote++;
}

/* A situation that was explained before is referred to, in the same section by its letter. */
static int ladder_told_note(const struct ladder_teller *t, enum ladder_sit sit,
                            enum ladder_section section)
{
        for (size_t i = 0; i < t->s->nnote; i++)
                if (t->s->note[i].sit == sit && t->s->note[i].section == section)
                        return (int)i;
        return -1;
}

static void ladder_step(struct ladder_teller *t, size_t i, enum ladder_sit sit, unsigned count)
{
        struct ladder_row *row = &t->s->row[i];
        int n;

        if (row->step >= 0)
                return;
        row->step = ladder_told_note(t, sit, row->section);
        if (row->step >= 0)
                return; /* this step once more */
        n = ladder_note_add(t, i, sit);
        if (n < 0)
                return;
        row->step = n;
        t->s->note[n].step = t->steps[row->section] + 1;
        t->s->note[n].step_to = t->steps[row->section] += count;
        t->told[sit] = true;
}

static void ladder_remark(struct ladder_teller *t, size_t i, enum ladder_sit sit)
{
        struct ladder_row *row = &t->s->row[i];
        int n = ladder_told_note(t, sit, row->section);

        if (n < 0) {
                n = ladder_note_add(t, i, sit);
                if (n < 0)
                        return;
                t->s->note[n].letter = t->letters[row->section]++;
        }
        t->told[sit] = true;
        for (int k = 0; k < LADDER_REMARKS; k++) {
                if (row->remark[k] == n)
                        return;
                if (row->remark[k] < 0) {
                        row->remark[k] = n;
                        return;
                }
        }
}

static bool ladder_acks_end_of(const struct ladder_rec *r, const struct ladder_rec *what)
{
        return what && (r->flags & ELKO_ACK) && (int32_t)(r->ack - ladder_seg_end(what)) >= 0;
}

static void ladder_tell_syn(struct ladder_teller *t, size_t i)
{
        const struct ladder_rec *r = t->s->row[i].rec;
        const struct ladder_rec *mine = t->syn[r->from], *other = t->syn[!r->from];
        bool repeated = mine && mine->seq == r->seq && !(mine->flags & ELKO_ACK);

        if (repeated) {
                bool answered = r->from == LADDER_FAR || t->c->both;

                ladder_remark(t, i, answered && other ? LADDER_SIT_DUP_SYN : LADDER_SIT_SYN_AGAIN);
        } else if (t->s->row[i].section != LADDER_OPENING) {
                ladder_remark(t, i, LADDER_SIT_NEW_SYN);
        } else if (mine) {
                ladder_step(t, i, LADDER_SIT_SYN, 1);
                ladder_remark(t, i, LADDER_SIT_NEW_SYN);
        } else {
                bool sim = other && !(other->flags & ELKO_ACK);

                ladder_step(t, i, sim ? LADDER_SIT_SYN_SIM : LADDER_SIT_SYN, 1);
        }
        if (r->len > 0)
                ladder_remark(t, i, LADDER_SIT_SYN_DATA);
}

static void ladder_tell_syn_ack(struct ladder_teller *t, size_t i)
{
        const struct ladder_rec *r = t->s->row[i].rec;
        const struct ladder_rec *mine = t->syn[r->from], *other = t->syn[!r->from];
        bool repeated = mine && mine->seq == r->seq && (mine->flags & ELKO_ACK);

        if (!other) {
                /* out of nowhere: the answer will explain it */
        } else if (r->ack != other->seq + 1) {
                ladder_remark(t, i, LADDER_SIT_BAD_SYN_ACK);
        } else if (repeated) {
                bool open = ladder_is_synchronized(t->s->row[i].before[!r->from]);
                bool asked = t->last[!r->from] && (t->last[!r->from]->flags & ELKO_SYN)
                             && (t->last[!r->from]->marks & LADDER_M_RETRANS);

                if (!asked)
                        ladder_remark(t, i, open ? LADDER_SIT_DUP_SYN_ACK : LADDER_SIT_SYN_ACK_AGAIN);
        } else if (mine && !(mine->flags & ELKO_ACK)) {
                ladder_step(t, i, LADDER_SIT_SYN_ACK_SIM, 1);
        } else {
                ladder_step(t, i, LADDER_SIT_SYN_ACK, 1);
        }
        if (r->marks & LADDER_M_COOKIE)
                ladder_remark(t, i, LADDER_SIT_COOKIE);
        if (other && other->options && r->options && !t->told[LADDER_SIT_OPTIONS]
            && r->ack == other->seq + 1)
                ladder_remark(t, i, LADDER_SIT_OPTIONS);
}

static enum ladder_sit ladder_rst_reason(const struct ladder_teller *t, const struct ladder_row *row)
{
        const struct ladder_rec *r = row->rec, *prev = t->last[!r->from];
        int was = row->before[r->from];
        bool far = r->from == LADDER_FAR && !t->c->both;

        if (!prev)
                return far ? LADDER_SIT_RST_PEER : LADDER_SIT_RST_ABORT;
        if (was == (int)ELKO_TCP_SYN_SENT || (far && was == (int)ELKO_TCP_CLOSED && t->syn[r->from])) {
                if (!(prev->flags & ELKO_ACK) || ladder_acks_end_of(prev, t->syn[r->from]))
                        return far ? LADDER_SIT_RST_PEER : LADDER_SIT_RST_ABORT;
                return (prev->flags & ELKO_SYN) ? LADDER_SIT_RST_OLD_DUP : LADDER_SIT_RST_HALF_OPEN;
        }
        if (was == (int)ELKO_TCP_CLOSED || was == (int)ELKO_TCP_LISTEN || was == LADDER_UNKNOWN) {
                if ((prev->flags & (ELKO_SYN | ELKO_ACK)) == ELKO_SYN)
                        return LADDER_SIT_RST_REFUSED;
                return (prev->flags & ELKO_SYN) ? LADDER_SIT_RST_STRAY : LADDER_SIT_RST_NO_CONN;
        }
        if (prev->len > 0 && t->fin[r->from])
                return LADDER_SIT_RST_DATA;
        return far ? LADDER_SIT_RST_PEER : LADDER_SIT_RST_ABORT;
}

static void ladder_tell_rst(struct ladder_teller *t, size_t i)
{
        const struct ladder_row *row = &t->s->row[i];
        enum ladder_end to = row->rec->from == LADDER_NEAR ? LADDER_FAR : LADDER_NEAR;
        enum ladder_sit sit;

        /* In SYN-SENT a far end that is only inferred may have sent the RST for an old duplicate of its
         * own: its SYN was answered, and it says that it never asked. */
        if (!t->c->both && row->rec->from == LADDER_FAR && row->before[LADDER_FAR] == (int)ELKO_TCP_SYN_SENT
            && t->last[LADDER_NEAR] && (t->last[LADDER_NEAR]->flags & ELKO_SYN)
            && row->before[LADDER_NEAR] == (int)ELKO_TCP_SYN_RECEIVED) {
                ladder_remark(t, i, LADDER_SIT_RST_REJECT);
                t->s->resetter = row->rec->from;
                return;
        }
        if (row->rec->drop == ELKO_DROP_TCP_RST_SEQ) {
                ladder_remark(t, i, LADDER_SIT_RST_BAD);
                return;
        }
        sit = ladder_rst_reason(t, row);
        if (sit == LADDER_SIT_RST_REFUSED)
                t->s->refused = true;
        if (row->state[to] != row->before[to] || t->s->resetter < 0)
                t->s->resetter = row->rec->from;
        ladder_remark(t, i, sit);
}

static void ladder_tell_fin(struct ladder_teller *t, size_t i)
{
        const struct ladder_rec *r = t->s->row[i].rec, *other = t->fin[!r->from];

        if (t->fin[r->from]) {
                ladder_remark(t, i, LADDER_SIT_FIN_AGAIN);
        } else if (!other) {
                ladder_step(t, i, LADDER_SIT_FIN, 1);
                t->s->closer = r->from;
        } else if (!ladder_acks_end_of(r, other)) {
                ladder_step(t, i, LADDER_SIT_FIN_SIM, 1);
                t->crossed_fins = true;
                t->s->closer = 2;
        } else if (t->fin_acked[!r->from]) {
                ladder_step(t, i, LADDER_SIT_FIN_2, 1);
        } else {
                ladder_step(t, i, LADDER_SIT_FIN_ACK, 2);
        }
}

static void ladder_tell_ack_of_fin(struct ladder_teller *t, size_t i)
{
        const struct ladder_rec *r = t->s->row[i].rec;
        enum ladder_end closed = r->from == LADDER_NEAR ? LADDER_FAR : LADDER_NEAR;

        if (t->fin_acked[closed]) {
                ladder_remark(t, i, LADDER_SIT_TIME_WAIT_ACK);
                return;
        }
        if (r->flags & ELKO_FIN)
                return;
        if (t->crossed_fins) {
                ladder_step(t, i, LADDER_SIT_ACK_FIN_SIM, 1);
        } else if (t->fin[r->from]) {
                ladder_step(t, i, LADDER_SIT_ACK_FIN_2, 1);
        } else {
                ladder_step(t, i, LADDER_SIT_ACK_FIN, 1);
                t->half_closed = true;
        }
}

static void ladder_tell_ack_of_syn(struct ladder_teller *t, size_t i)
{
        const struct ladder_rec *r = t->s->row[i].rec;

        if (r->flags & (ELKO_SYN | ELKO_RST))
                return;
        if (t->s->row[i].section != LADDER_OPENING)
                return; /* again, for a late SYN+ACK */
        ladder_step(t, i, r->len > 0 ? LADDER_SIT_ACK_SYN_DATA : LADDER_SIT_ACK_SYN, 1);
}

static void ladder_tell_marks(struct ladder_teller *t, size_t i)
{
        const struct ladder_rec *r = t->s->row[i].rec;
        uint32_t m = r->marks;
        bool control = (r->flags & (ELKO_SYN | ELKO_FIN | ELKO_RST)) != 0;
        bool reason_known = r->from == LADDER_NEAR || t->c->both;

        if ((m & LADDER_M_RETRANS) && !control)
                ladder_remark(t, i,
                              !reason_known         ? LADDER_SIT_RETRANS_PEER
                              : (m & LADDER_M_FAST) ? LADDER_SIT_RETRANS_FAST
                                                    : LADDER_SIT_RETRANS_RTO);
        if ((m & LADDER_M_FILL) && !control)
                ladder_remark(t, i, LADDER_SIT_FILL);
        if ((m & LADDER_M_GAP) && !(r->flags & ELKO_SYN))
                ladder_remark(t, i, LADDER_SIT_GAP);
        if (m & LADDER_M_PROBE)
                ladder_remark(t, i, LADDER_SIT_PROBE);
        if (m & LADDER_M_KEEPALIVE)
                ladder_remark(t, i, LADDER_SIT_KEEPALIVE);
        if (m & LADDER_M_ANSWER)
                ladder_remark(t, i, LADDER_SIT_KEEPALIVE_ANSWER);
        if (m & LADDER_M_ZERO)
                ladder_remark(t, i, LADDER_SIT_ZERO_WINDOW);
        if (m & LADDER_M_REOPEN)
                ladder_remark(t, i, LADDER_SIT_REOPEN);
        if (m & LADDER_M_CHALLENGE)
                ladder_remark(t, i, LADDER_SIT_CHALLENGE);
        if ((m & LADDER_M_DROPPED) && t->s->row[i].remark[0] < 0)
                ladder_remark(t, i, LADDER_SIT_DROPPED);
}

static void ladder_tell_plain(struct ladder_teller *t, size_t i)
{
        const struct ladder_row *row = &t->s->row[i];
        const struct ladder_rec *r = row->rec;

        /* A bare ACK in answer to a SYN that it does not acknowledge: figure 9, line 4. */
        if (row->before[!r->from] == (int)ELKO_TCP_SYN_SENT && t->syn[!r->from]
            && !ladder_acks_end_of(r, t->syn[!r->from]))
                ladder_remark(t, i, LADDER_SIT_STRAY_ACK);
        if (t->half_closed && !t->told[LADDER_SIT_HALF_DATA] && r->len > 0 && t->fin[!r->from] && !t->fin[r->from]
            && !(r->flags & ELKO_FIN) && r->rel_seq_known)
                ladder_remark(t, i, LADDER_SIT_HALF_DATA);
}

static void ladder_tell_seg(struct ladder_teller *t, size_t i)
{
        const struct ladder_rec *r = t->s->row[i].rec;

        if (r->flags & ELKO_RST)
                ladder_tell_rst(t, i);
        else if ((r->flags & ELKO_SYN) && (r->flags & ELKO_ACK))
                ladder_tell_syn_ack(t, i);
        else if (r->flags & ELKO_SYN)
                ladder_tell_syn(t, i);
        else
                ladder_tell_plain(t, i);
        if (r->flags & ELKO_FIN)
                ladder_tell_fin(t, i);
        if (r->marks & LADDER_M_ACK_SYN)
                ladder_tell_ack_of_syn(t, i);
        if ((r->marks & (LADDER_M_ACK_FIN | LADDER_M_FIN_AGAIN)) && t->fin[!r->from])
                ladder_tell_ack_of_fin(t, i);
        ladder_tell_marks(t, i);
        if ((r->flags & ELKO_SYN) && (!t->syn[r->from] || t->syn[r->from]->seq != r->seq
                                      || !(t->syn[r->from]->flags & ELKO_ACK)))
                t->syn[r->from] = r;
        if ((r->flags & ELKO_FIN) && !t->fin[r->from])
                t->fin[r->from] = r;
        if (ladder_acks_end_of(r, t->fin[!r->from]) && !(r->flags & ELKO_RST))
                t->fin_acked[!r->from] = true;
        t->last[r->from] = r;
}

static void ladder_tell_state(struct ladder_teller *t, size_t i)
{
        const struct ladder_rec *r = t->s->row[i].rec;

        if (r->state == (uint8_t)ELKO_TCP_CLOSED && r->old_state == (uint8_t)ELKO_TCP_TIME_WAIT)
                ladder_remark(t, i,
                              !r->cause || strstr(r->cause, "MSL") ? LADDER_SIT_TIME_WAIT_END
                              : strstr(r->cause, "SYN")            ? LADDER_SIT_REUSE
                                                                   : LADDER_SIT_ENDED);
        else if (r->state == (uint8_t)ELKO_TCP_FIN_WAIT_1 || r->state == (uint8_t)ELKO_TCP_LAST_ACK)
                ladder_remark(t, i, LADDER_SIT_USER_CLOSE);
        else if (r->state == (uint8_t)ELKO_TCP_CLOSED)
                ladder_remark(t, i, LADDER_SIT_ENDED);
}

static void ladder_tell(struct ladder_teller *t)
{
        for (size_t i = 0; i < t->s->nrow; i++) {
                struct ladder_row *row = &t->s->row[i];

                if (row->rec->kind == LADDER_STATE)
                        ladder_tell_state(t, i);
                else if (row->rec->kind == LADDER_SEG && row->part != LADDER_ARRIVE)
                        ladder_tell_seg(t, i);
                if (ladder_both_open(row->state) && !ladder_both_open(row->before)) {
                        t->s->resetter = -1; /* what was reset before was another attempt */
                        t->s->refused = false;
                }
        }
        if (t->s->nrow > 0 && t->s->row[0].section == LADDER_DATA)
                ladder_remark(t, 0, LADDER_SIT_MID_STREAM);
}

/* --- titles, and which states to print */

static void ladder_title(struct ladder_teller *t)
{
        struct ladder_story *s = t->s;
        bool syn = t->syn[0] || t->syn[1];
        bool opened = false, both_fins = t->fin[0] && t->fin[1];

        for (size_t i = 0; i < s->nrow; i++)
                opened = opened || ladder_both_open(s->row[i].state);
        s->title[LADDER_OPENING] = !syn || (t->told[LADDER_SIT_RST_STRAY])
                                           ? LADDER_SIT_SEC_NONE
                                   : !opened                   ? LADDER_SIT_SEC_OPEN_FAILED
                                   : t->told[LADDER_SIT_SYN_SIM] ? LADDER_SIT_SEC_OPEN_SIM
                                                                 : LADDER_SIT_SEC_OPEN;
        s->title[LADDER_DATA] = LADDER_SIT_SEC_DATA;
        s->title[LADDER_CLOSING] = s->resetter >= 0 && !both_fins  ? LADDER_SIT_SEC_RESET
                                   : t->crossed_fins               ? LADDER_SIT_SEC_CLOSE_SIM
                                   : t->told[LADDER_SIT_FIN_ACK]   ? LADDER_SIT_SEC_CLOSE_THREE
                                   : t->told[LADDER_SIT_ACK_FIN_2] ? LADDER_SIT_SEC_CLOSE
                                                                   : LADDER_SIT_SEC_CLOSE_HALF;
        s->opener = !syn ? -1 : t->told[LADDER_SIT_SYN_SIM] ? 2 : (int)s->client;
}

static void ladder_show_states(struct ladder_story *s)
{
        for (size_t i = 0; i < s->nrow; i++) {
                struct ladder_row *row = &s->row[i];
                bool first = i == 0 || s->row[i - 1].section != row->section;

                for (int e = LADDER_NEAR; e <= LADDER_FAR; e++) {
                        bool key = row->step >= 0 || (row->rec->marks & LADDER_M_KEY);

                        row->show[e] = first || key || row->state[e] != row->before[e];
                }
                /* The row of a departure says nothing of the receiver, nor that of an arrival of the
                 * sender. */
                if (row->part == LADDER_DEPART || row->part == LADDER_ARRIVE) {
                        int e = row->part == LADDER_DEPART ? !row->rec->from : row->rec->from;

                        row->show[e] = row->state[e] != row->before[e];
                }
        }
}

bool ladder_story_make(struct ladder_story *s, const struct ladder_conn *c)
{
        size_t n = c->nrec + c->ntail;
        struct ladder_weaver w = {.s = s, .c = c, .n = n};
        struct ladder_teller t = {.s = s, .c = c};

        *s = (struct ladder_story){
                .far_inferred = !c->both, .opener = -1, .closer = -1, .resetter = -1};
        s->cap = 2 * n + 1;
        s->row = calloc(s->cap, sizeof *s->row);
        if (!s->row)
                return false;
        s->client = ladder_client(c, n);
        if (c->both) {
                s->first[LADDER_NEAR] = c->first_state;
                s->first[LADDER_FAR] = c->first_far;
                ladder_weave_merged(s, c);
        } else {
                s->first[LADDER_NEAR] = ladder_first_near(c);
                s->first[LADDER_FAR] = ladder_first_far(c, n);
                ladder_infer_init(&w.far, s->first[LADDER_FAR]);
                ladder_weave(&w);
        }
        ladder_states_before(s);
        ladder_cut_sections(s, c);
        ladder_tell(&t);
        ladder_title(&t);
        ladder_show_states(s);
        return true;
}

void ladder_story_free(struct ladder_story *s)
{
        free(s->row);
        s->row = NULL;
}
