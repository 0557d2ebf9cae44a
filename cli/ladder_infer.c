/* SPDX-License-Identifier: MIT */

/*
 * Theory. Two sorts of facts move the state.
 *
 * A segment that the end *sent* proves what it has done, and often what it must have received
 * before: SYN+ACK proves that a SYN arrived, a FIN proves CLOSE. So the sending rules may correct
 * an assumption: an end that repeats its SYN+ACK has not seen our ACK, whatever we believed.
 *
 * A segment that *arrived* moves the state along the edges of figure 5, with the checks of 3.10.7
 * that need no more than sequence numbers: is the ACK of the SYN or FIN acceptable, is the RST
 * where it must be (3.5.3). Windows are not known here, so a RST is taken to be acceptable only
 * where RFC 5961 accepts it at once: exactly at RCV.NXT.
 *
 * Timers of the other end can't be seen: its TIME-WAIT never ends here.
 */

#include "ladder_infer.h"

#include <elko/trace.h>

static uint32_t infer_end(const struct ladder_infer_seg *s)
{
        return s->seq + s->len + ((s->flags & ELKO_SYN) ? 1u : 0u) +
               ((s->flags & ELKO_FIN) ? 1u : 0u);
}

static bool infer_after(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) > 0;
}

void ladder_infer_init(struct ladder_infer *t, int state)
{
        *t = (struct ladder_infer){.state = state, .passive = state == (int)ELKO_TCP_LISTEN};
}

static void infer_note_sent(struct ladder_infer *t, const struct ladder_infer_seg *s)
{
        uint32_t end = infer_end(s);

        if (s->flags & ELKO_SYN) {
                t->iss = s->seq;
                t->snd_nxt = end;
                t->iss_known = true;
        } else if (!(s->flags & ELKO_RST) && (!t->iss_known || infer_after(end, t->snd_nxt))) {
                if (!t->iss_known)
                        t->iss = s->seq - 1;
                t->snd_nxt = end;
                t->iss_known = true;
        }
        if (s->flags & ELKO_FIN) {
                t->fin_sent = true;
                t->fin_end = end;
        }
        if ((s->flags & ELKO_ACK) && !(s->flags & ELKO_RST) &&
            (!t->rcv_known || infer_after(s->ack, t->rcv_nxt))) {
                t->rcv_nxt = s->ack;
                t->rcv_known = true;
        }
}

static void infer_sent_syn(struct ladder_infer *t, const struct ladder_infer_seg *s)
{
        bool repeated = t->iss_known && t->iss == s->seq;

        if (!(s->flags & ELKO_ACK)) {
                if (!(repeated && t->state == (int)ELKO_TCP_SYN_RECEIVED)) {
                        t->passive = false;
                        t->state = ELKO_TCP_SYN_SENT;
                }
                return;
        }
        if (t->state == (int)ELKO_TCP_SYN_SENT)
                t->passive = false; /* simultaneous open */
        else if (t->state != (int)ELKO_TCP_SYN_RECEIVED && !repeated)
                t->passive = true;
        t->state = ELKO_TCP_SYN_RECEIVED;
}

/* 3.5.2: what is not synchronized answers a stray segment with RST and stays as it is. */
static void infer_sent_rst(struct ladder_infer *t)
{
        if (t->state == (int)ELKO_TCP_LISTEN || t->state == (int)ELKO_TCP_SYN_SENT)
                return;
        t->state = ELKO_TCP_CLOSED;
}

static void infer_sent_fin(struct ladder_infer *t)
{
        if (t->state == (int)ELKO_TCP_CLOSE_WAIT)
                t->state = ELKO_TCP_LAST_ACK;
        else if (t->state == (int)ELKO_TCP_ESTABLISHED || t->state == (int)ELKO_TCP_SYN_RECEIVED)
                t->state = ELKO_TCP_FIN_WAIT_1;
}

void ladder_infer_sent(struct ladder_infer *t, const struct ladder_infer_seg *s)
{
        if (s->flags & ELKO_SYN) {
                infer_sent_syn(t, s);
        } else if (s->flags & ELKO_RST) {
                infer_sent_rst(t);
        } else if (t->state == LADDER_INFER_NONE || t->state == (int)ELKO_TCP_CLOSED ||
                   t->state == (int)ELKO_TCP_LISTEN) {
                /* It speaks of a connection that we did not see being opened. */
                if (!t->fin_sent)
                        t->state = ELKO_TCP_ESTABLISHED;
        } else if (t->state == (int)ELKO_TCP_SYN_SENT ||
                   (t->state == (int)ELKO_TCP_SYN_RECEIVED && s->len > 0)) {
                t->state = ELKO_TCP_ESTABLISHED;
        }
        infer_note_sent(t, s);
        if ((s->flags & ELKO_FIN) && !(s->flags & ELKO_SYN))
                infer_sent_fin(t);
}

static void infer_received_rst(struct ladder_infer *t, const struct ladder_infer_seg *s)
{
        bool here = !t->rcv_known || s->seq == t->rcv_nxt;

        switch (t->state) {
        case ELKO_TCP_CLOSED:
        case ELKO_TCP_LISTEN: break;
        case ELKO_TCP_SYN_SENT:
                if ((s->flags & ELKO_ACK) && s->ack == t->snd_nxt)
                        t->state = ELKO_TCP_CLOSED;
                break;
        case ELKO_TCP_SYN_RECEIVED:
                if (here)
                        t->state = t->passive ? ELKO_TCP_LISTEN : ELKO_TCP_CLOSED;
                break;
        default:
                if (here)
                        t->state = ELKO_TCP_CLOSED;
        }
}

/* Returns false when the segment is done with. */
static bool infer_received_syn(struct ladder_infer *t, const struct ladder_infer_seg *s)
{
        bool ack_ok = (s->flags & ELKO_ACK) && t->iss_known && s->ack == t->iss + 1;

        switch (t->state) {
        case ELKO_TCP_CLOSED: return false;
        case LADDER_INFER_NONE:
        case ELKO_TCP_LISTEN:
        case ELKO_TCP_TIME_WAIT: /* reopened directly: 3.6.1, MAY-2 */
                if (s->flags & ELKO_ACK)
                        return false;
                t->passive = true;
                t->iss_known = false;
                t->fin_sent = false;
                t->state = ELKO_TCP_SYN_RECEIVED;
                break;
        case ELKO_TCP_SYN_SENT:
                if ((s->flags & ELKO_ACK) && !ack_ok)
                        return false; /* an old duplicate; it will answer with RST */
                t->state = ack_ok ? ELKO_TCP_ESTABLISHED : ELKO_TCP_SYN_RECEIVED;
                break;
        case ELKO_TCP_SYN_RECEIVED:
                if (ack_ok)
                        t->state = ELKO_TCP_ESTABLISHED;
                break;
        default: return false; /* synchronized: a challenge ACK */
        }
        t->rcv_nxt = infer_end(s);
        t->rcv_known = true;
        return true;
}

static void infer_received_ack(struct ladder_infer *t, const struct ladder_infer_seg *s)
{
        bool fin_acked = t->fin_sent && !infer_after(t->fin_end, s->ack);

        switch (t->state) {
        case ELKO_TCP_SYN_RECEIVED:
                if (t->iss_known && infer_after(s->ack, t->iss) && !infer_after(s->ack, t->snd_nxt))
                        t->state = ELKO_TCP_ESTABLISHED;
                break;
        case ELKO_TCP_FIN_WAIT_1:
                if (fin_acked)
                        t->state = ELKO_TCP_FIN_WAIT_2;
                break;
        case ELKO_TCP_CLOSING:
                if (fin_acked)
                        t->state = ELKO_TCP_TIME_WAIT;
                break;
        case ELKO_TCP_LAST_ACK:
                if (fin_acked)
                        t->state = ELKO_TCP_CLOSED;
                break;
        default: break;
        }
}

static void infer_received_fin(struct ladder_infer *t)
{
        switch (t->state) {
        case ELKO_TCP_SYN_RECEIVED:
        case ELKO_TCP_ESTABLISHED: t->state = ELKO_TCP_CLOSE_WAIT; break;
        case ELKO_TCP_FIN_WAIT_1: t->state = ELKO_TCP_CLOSING; break;
        case ELKO_TCP_FIN_WAIT_2: t->state = ELKO_TCP_TIME_WAIT; break;
        default: break;
        }
}

void ladder_infer_received(struct ladder_infer *t, const struct ladder_infer_seg *s)
{
        uint32_t end = infer_end(s);
        bool hole;

        if (s->flags & ELKO_RST) {
                infer_received_rst(t, s);
                return;
        }
        if (s->flags & ELKO_SYN) {
                if (infer_received_syn(t, s) && (s->flags & ELKO_FIN))
                        infer_received_fin(t);
                return;
        }
        if (t->state == (int)ELKO_TCP_CLOSED || t->state == (int)ELKO_TCP_LISTEN)
                return;
        if (s->flags & ELKO_ACK)
                infer_received_ack(t, s);
        /* Something before it is missing there: a FIN counts when all before it has arrived. */
        hole = t->rcv_known && infer_after(s->seq, t->rcv_nxt);
        if (hole)
                return;
        if (!t->rcv_known || infer_after(end, t->rcv_nxt)) {
                t->rcv_nxt = end;
                t->rcv_known = true;
                if (s->flags & ELKO_FIN)
                        infer_received_fin(t);
        }
}

void ladder_infer_skip(struct ladder_infer *t, uint32_t sent, uint32_t received)
{
        if (!t->iss_known || infer_after(sent, t->snd_nxt)) {
                t->iss = t->iss_known ? t->iss : sent - 1;
                t->snd_nxt = sent;
                t->iss_known = true;
        }
        if (!t->rcv_known || infer_after(received, t->rcv_nxt)) {
                t->rcv_nxt = received;
                t->rcv_known = true;
        }
        if (t->state == (int)ELKO_TCP_SYN_RECEIVED)
                t->state = ELKO_TCP_ESTABLISHED;
}
