/* SPDX-License-Identifier: MIT */

/*
 * Theory. Weaving (ladder_weave.c) makes rows; telling walks along them with the question "what is
 * new here?" and attaches a step (the segments that every handshake and close consists of) or
 * remarks (all that is unusual). A situation is explained once in a section; later rows refer to
 * the same mark.
 */

#include "ladder_story.h"
#include "ladder_weave.h"

#include <stdlib.h>

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
        return ladder_is_synchronized(state[LADDER_NEAR]) &&
               ladder_is_synchronized(state[LADDER_FAR]);
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

                if (at == LADDER_DATA &&
                    (ladder_row_is_seg(row, ELKO_FIN | ELKO_RST) ||
                     (row->rec->kind == LADDER_STATE && row->rec->state != row->before[0] &&
                      row->rec->from == LADDER_NEAR &&
                      row->rec->state == (uint8_t)ELKO_TCP_CLOSED)))
                        at = LADDER_CLOSING;
                row->section = at;
                if (at == LADDER_OPENING && ladder_both_open(row->state) &&
                    (i + 1 == s->nrow || s->row[i + 1].part != LADDER_ARRIVE))
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
        bool fin_acked[2]; /* that end's FIN was acknowledged in an earlier row */
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
        n = ladder_told_note(t, sit, row->section);
        if (n >= 0 && t->s->row[t->s->note[n].row].rec->from == row->rec->from) {
                row->step = n; /* this step once more */
                return;
        }
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
                bool asked = t->last[!r->from] && (t->last[!r->from]->flags & ELKO_SYN) &&
                             (t->last[!r->from]->marks & LADDER_M_RETRANS);

                if (asked)
                        ladder_step(t, i, LADDER_SIT_SYN_ACK, 1);
                else
                        ladder_remark(t, i,
                                      open ? LADDER_SIT_DUP_SYN_ACK : LADDER_SIT_SYN_ACK_AGAIN);
        } else if (mine && !(mine->flags & ELKO_ACK)) {
                ladder_step(t, i, LADDER_SIT_SYN_ACK_SIM, 1);
        } else {
                ladder_step(t, i, LADDER_SIT_SYN_ACK, 1);
        }
        if (r->marks & LADDER_M_COOKIE)
                ladder_remark(t, i, LADDER_SIT_COOKIE);
        if (other && other->options && r->options && !t->told[LADDER_SIT_OPTIONS] &&
            r->ack == other->seq + 1)
                ladder_remark(t, i, LADDER_SIT_OPTIONS);
}

static enum ladder_sit ladder_rst_reason(const struct ladder_teller *t,
                                         const struct ladder_row *row)
{
        const struct ladder_rec *r = row->rec, *prev = t->last[!r->from];
        int was = row->before[r->from];
        bool far = r->from == LADDER_FAR && !t->c->both;

        if (!prev)
                return far ? LADDER_SIT_RST_PEER : LADDER_SIT_RST_ABORT;
        if (was == (int)ELKO_TCP_SYN_SENT ||
            (far && was == (int)ELKO_TCP_CLOSED && t->syn[r->from])) {
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

        /* In SYN-SENT a far end that is only inferred may have sent the RST for an old duplicate of
         * its own: its SYN was answered, and it says that it never asked. */
        if (!t->c->both && row->rec->from == LADDER_FAR &&
            row->before[LADDER_FAR] == (int)ELKO_TCP_SYN_SENT && t->last[LADDER_NEAR] &&
            (t->last[LADDER_NEAR]->flags & ELKO_SYN) &&
            row->before[LADDER_NEAR] == (int)ELKO_TCP_SYN_RECEIVED) {
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
                if (t->s->row[i].before[r->from] == (int)ELKO_TCP_TIME_WAIT)
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
        bool reason_known = t->c->both ? !(m & LADDER_M_UNSENT) : r->from == LADDER_NEAR;

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
        if (row->before[!r->from] == (int)ELKO_TCP_SYN_SENT && t->syn[!r->from] &&
            !ladder_acks_end_of(r, t->syn[!r->from]))
                ladder_remark(t, i, LADDER_SIT_STRAY_ACK);
        if (t->half_closed && !t->told[LADDER_SIT_HALF_DATA] && r->len > 0 && t->fin[!r->from] &&
            !t->fin[r->from] && !(r->flags & ELKO_FIN) && r->rel_seq_known)
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
        if ((r->flags & ELKO_SYN) && (!t->syn[r->from] || t->syn[r->from]->seq != r->seq ||
                                      !(t->syn[r->from]->flags & ELKO_ACK)))
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
        s->title[LADDER_OPENING] = !syn || (t->told[LADDER_SIT_RST_STRAY]) ? LADDER_SIT_SEC_NONE
                                   : !opened                     ? LADDER_SIT_SEC_OPEN_FAILED
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
                /* The row of a departure says nothing of the receiver, nor that of an arrival of
                 * the sender. */
                if (row->part == LADDER_DEPART || row->part == LADDER_ARRIVE) {
                        int e = row->part == LADDER_DEPART ? !row->rec->from : row->rec->from;

                        row->show[e] = row->state[e] != row->before[e];
                }
        }
}

bool ladder_story_make(struct ladder_story *s, const struct ladder_conn *c)
{
        size_t n = c->nrec + c->ntail;
        struct ladder_teller t = {.s = s, .c = c};

        *s = (struct ladder_story){
                .far_inferred = !c->both, .opener = -1, .closer = -1, .resetter = -1};
        s->cap = 2 * n + 1;
        s->row = calloc(s->cap, sizeof *s->row);
        if (!s->row)
                return false;
        s->client = ladder_client(c, n);
        ladder_weave(s, c);
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
