/* SPDX-License-Identifier: MIT */
/*
 * Resets.
 *
 * Theory: RFC 9293, 3.5.2 and 3.10.7.1. An RST answers a segment, and then its numbers are that segment's;
 * or it aborts a connection (3.10.5), and then its number is SND.NXT. SND.NXT may stand anywhere between
 * what was acknowledged and the highest number sent, since a time-out takes it back (3.10.8).
 */
#include "monitor_ep.h"

enum answer { NO_ANSWER, ANSWER, ANSWER_AGAIN, ANSWER_TO_RST };

static bool answers(const struct mon_seg *s, const struct mon_in *in)
{
        if (in->flags & MON_ACK)
                return s->seq == in->ack && !(s->flags & MON_ACK);
        return s->seq == 0 && (s->flags & MON_ACK) && s->ack == in->seq + in->span;
}

static enum answer find(struct mon_ep *ep, const struct mon_seg *s)
{
        unsigned first = ep->in_count > MON_IN ? ep->in_count - MON_IN : 0;
        enum answer a = NO_ANSWER;

        for (unsigned i = ep->in_count; i > first; i--) {
                struct mon_in *in = &ep->in_ring[(i - 1) % MON_IN];

                if (!answers(s, in))
                        continue;
                if (in->flags & MON_RST) {
                        a = a == NO_ANSWER ? ANSWER_TO_RST : a;
                } else if (in->answered) {
                        a = ANSWER_AGAIN;
                } else {
                        in->answered = true;
                        return ANSWER;
                }
        }
        return a;
}

/* A cookie of Fast Open opened it (RFC 7413, 4.2.2), and it was aborted before its SYN+ACK left: SND.NXT is its ISS,
 * which nobody has seen. */
static bool ends_unseen(const struct mon_ep *ep, const struct mon_seg *s)
{
        unsigned n = ep->syn_count < MON_SYNS ? ep->syn_count : MON_SYNS;

        for (unsigned i = 0; i < n && (s->flags & MON_ACK); i++)
                if (ep->syns[i].has_cookie && mon_acks_syn(&ep->syns[i], s->ack))
                        return true;
        return false;
}

static bool abort_form(const struct mon_ep *ep, const struct mon_seg *s)
{
        if ((ep->state == MON_CLOSED || ep->state == MON_ABORTED) && ends_unseen(ep, s))
                return true;
        /* An abort's RST may leave after the answers to what arrived meanwhile. */
        if ((ep->state < MON_SYN_SENT || ep->state > MON_LAST_ACK) &&
            !(ep->state == MON_ABORTED && !ep->abort_sent))
                return false;
        if (mon_lt(s->seq, ep->una_sure) || mon_lt(ep->snd_max, s->seq))
                return false;
        return !(s->flags & MON_ACK) ||
               (ep->irs_known && mon_lt(ep->irs, s->ack) && mon_le(s->ack, ep->rcv_hi));
}

void mon_rst(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        enum answer a = find(ep, s);

        if (a == ANSWER) {
                /* Who answers so in a synchronized state has no connection any more. */
                if (mon_synchronized(ep)) {
                        ep->state = MON_ABORTED;
                        mon_duties_clear(ep);
                } else if (ep->state == MON_SYN_SENT) {
                        /* It refused what seemed to answer its SYN, or has no connection any more. */
                        ep->irs_known = false;
                        ep->may_be_dead = true;
                        mon_duties_clear(ep);
                }
                return;
        }
        if (abort_form(ep, s)) {
                ep->abort_sent = true;
                ep->state = MON_ABORTED;
                mon_duties_clear(ep);
                return;
        }
        if (ep->state == MON_UNKNOWN || m->fragments ||
            (!ep->iss_known && m->counts.forgotten > 0)) {
                ep->state = MON_ABORTED;
                mon_duties_clear(ep);
        } else if (a == ANSWER_AGAIN) {
                mon_blame(m, ep, SIM_RULE_RST_REASON, "SEQ %u ACK %u once more", s->seq, s->ack);
        } else if (a == ANSWER_TO_RST) {
                mon_blame(m, ep, SIM_RULE_RST_TO_RST, "SEQ %u ACK %u", s->seq, s->ack);
        } else if (ep->in_count <= MON_IN || m->counts.forgotten == 0) {
                mon_blame(m, ep, SIM_RULE_RST_FORM, "SEQ %u%s ACK %u, SND.NXT %u, RCV.NXT %u",
                          s->seq, s->flags & MON_ACK ? "" : ", no", s->ack, ep->snd_max,
                          ep->rcv_hi);
        }
}
