/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification.
 *
 * Theory: RFC 3168, 6.1. SYNs settle who takes part (6.1.1): "ECN-setup" is a SYN with ECE and CWR, or a SYN+ACK with ECE
 * alone. ECT stands on new data only, never on SYNs, pure ACKs, what is sent again, and probes (6.1.4 to 6.1.6). Who
 * got CE says so with ECE (6.1.3); who hears ECE reduces its window, and says so with CWR on the first new data (6.1.2).
 *
 * With AccECN (RFC 9768) the same three flags are a counter of what came with CE.
 *
 * Of an arrival it is not sure whether it counted (a check that failed, another copy of the same octets), so what is owed
 * for it is asked for only while nothing else came for the same octets.
 */
#include "monitor_ep.h"

/* AccECN, RFC 9768, 3.1.2, table 2: all three flags ask; the answer has none of 000, 001 and 111. */
static bool is_accurate(const struct mon_seg *s)
{
        if (!(s->flags & MON_ACK))
                return s->ecn_flags != 0 && s->ecn_flags != (MON_ECE | MON_CWR);
        return s->ecn_flags != 0 && s->ecn_flags != MON_ECE && s->ecn_flags != 7;
}

/* Both sides said so: ECE and CWR are two bits of a counter then. */
static bool may_count(const struct mon_ecn_syns *e)
{
        return e->acc_in && e->acc_out;
}

/* Tolerance: of several SYN+ACKs, of which not all agreed (a cookie's does not), only the endpoint knows which it took. Its
 * first segment shows it: the counter is not zero then. */
static bool counts(const struct mon_ep *ep)
{
        return may_count(&ep->ecn_syns) && ep->counting != 2;
}

static bool is_setup(const struct mon_seg *s)
{
        return s->flags & MON_ACK ? s->ecn_flags == MON_ECE
                                  : (s->ecn_flags & (MON_ECE | MON_CWR)) == (MON_ECE | MON_CWR);
}

static void syn_sent(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        struct mon_ecn_syns *e = &ep->ecn_syns;

        if (s->ecn != 0)
                mon_blame(m, ep, SIM_RULE_ECN_SYN, "the ECN field of a SYN is %u", s->ecn);
        if (e->sent == 0 || e->seq != s->seq) {
                e->seq = s->seq;
                e->setup_out = e->other_out = e->acc_out = false;
        }
        e->sent++;
        *(is_setup(s) || is_accurate(s) ? &e->setup_out : &e->other_out) = true;
        e->acc_out |= is_accurate(s);
        if ((s->flags & MON_ACK) && s->ecn_flags != 0 && !e->setup_in && !e->acc_in)
                mon_blame(m, ep, SIM_RULE_ECN_SYN,
                          "a SYN+ACK answers what was not asked: flags 0x%x", s->ecn_flags);
}

/* New data: the first octet was never sent before. */
static bool is_new(const struct mon_ep *ep, const struct mon_seg *s)
{
        return s->len > 0 && !mon_lt(s->seq, ep->snd_max);
}

static void check_ect(struct sim_monitor *m, const struct mon_ep *ep, const struct mon_seg *s)
{
        const struct mon_ecn_syns *e = &ep->ecn_syns;

        if (s->ecn == 0)
                return;
        /* Tolerance: another life of the same numbers (see begin_anew() in monitor_state.c). */
        if (!is_new(ep, s) && !ep->anew)
                mon_blame(m, ep, SIM_RULE_ECT, "%u octets from %u, new is what lies from %u on",
                          s->len, s->seq, ep->snd_max);
        /* A client in AccECN mode may, though it has sent a SYN without (RFC 9768, 3.1.4.1). */
        else if (!(e->setup_in || e->acc_in) || !e->setup_out ||
                 (e->other_out && !(counts(ep) && ep->active)))
                mon_blame(m, ep, SIM_RULE_ECT, "ECN: arrived %d, sent %d, sent without %d",
                          e->setup_in, e->setup_out, e->other_out);
}

static void check_cwr(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        bool cwr = (s->ecn_flags & MON_CWR) != 0;

        if (cwr && (!is_new(ep, s) || s->ecn == 0) && !ep->anew) {
                mon_blame(m, ep, SIM_RULE_CWR, "not on new data with ECT");
        } else if (cwr && ep->cwr_sent && mon_le(ep->una_hi, ep->cwr_seq) && !ep->again_since_cwr &&
                   !ep->cwr_for_loss) {
                /* Tolerance: what is sent again is a reduction of its own; and one for a loss may have been taken back (RFC
                 * 4015, RFC 5682), so that a mark in the same window of data is the first reason again. */
                mon_blame(m, ep, SIM_RULE_CWR,
                          "again, at %u; the last was at %u, acknowledged is %u", s->seq,
                          ep->cwr_seq, ep->una_hi);
        } else if (!cwr && ep->cwr_owed && is_new(ep, s) && s->ecn != 0 && !ep->murky) {
                mon_blame(m, ep, SIM_RULE_CWR_OWED, "new data from %u has none", s->seq);
                ep->cwr_owed = false;
        }
        if (!cwr) {
                ep->again_since_cwr |= s->len > 0 && !is_new(ep, s);
                return;
        }
        ep->cwr_sent = true;
        ep->cwr_for_loss = ep->again_since_cwr;
        ep->cwr_owed = ep->again_since_cwr = false;
        ep->cwr_seq = s->seq;
}

static void check_ece(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        bool ece = (s->ecn_flags & MON_ECE) != 0;

        if (ece && !ep->ce_in)
                mon_blame(m, ep, SIM_RULE_ECE, "nothing came with CE");
        if (!(s->flags & MON_ACK) || !ep->ece_owed || mon_le(s->ack, ep->ece_seq))
                return;
        if (!ece && !ep->murky)
                mon_blame(m, ep, SIM_RULE_ECE_OWED, "octet %u came with CE, and is acknowledged",
                          ep->ece_seq);
        ep->ece_owed = false;
}

/* What came with CE and in sequence is acknowledged: it was counted. */
static void count_acknowledged(struct mon_ep *ep, const struct mon_seg *s)
{
        if (ep->ce_waits == 0 || !(s->flags & MON_ACK) || mon_le(s->ack, ep->ce_seq))
                return;
        ep->ce_sure += ep->ce_waits;
        ep->ce_waits = 0;
}

/* ACE: five at first and one for each packet with CE (RFC 9768, 3.2.1, 3.2.2); the handshake's encoding on the ACK of the
 * SYN+ACK is 2, 3, 4 or 6 (table 3). Not more than came, and not less than surely counted, as far as three bits tell. */
static void check_ace(struct sim_monitor *m, const struct mon_ep *ep, const struct mon_seg *s)
{
        unsigned ace = s->ecn_flags & 7u, up = (ace - 5) & 7;
        uint32_t unsure = ep->ce_packets - ep->ce_sure;
        bool handshake =
                ep->active && s->len == 0 && (ace == 2 || ace == 3 || ace == 4 || ace == 6);

        /* TIME-WAIT knows nothing of ECN (RFC 9768, 3.1.2; RFC 3168, 6.1.1). Tolerance: without memory for the counters there
         * is no AccECN. */
        if ((ep->fin_sent && ep->fin_count > 0) || ep->murky || !mon_synchronized(ep))
                return;
        if (unsure < 7 && ((up - ep->ce_sure) & 7) > unsure && !handshake && !ep->anew)
                mon_blame(m, ep, SIM_RULE_ACE, "ACE is %u, %u to %u packets with CE count", ace,
                          ep->ce_sure, ep->ce_packets);
}

/* Before the sequence space is advanced by the segment. */
void mon_ecn(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if (s->flags & MON_SYN) {
                syn_sent(m, ep, s);
                return;
        }
        if (ep->counting == 0)
                ep->counting = may_count(&ep->ecn_syns) && s->ecn_flags != 0 ? 1 : 2;
        check_ect(m, ep, s);
        if (counts(ep)) {
                count_acknowledged(ep, s);
                check_ace(m, ep, s);
                return;
        }
        check_cwr(m, ep, s);
        check_ece(m, ep, s);
}

/* Text with CE, in sequence. Of what comes a second time it is not sure which copy counted. */
static void wait_for_ack(const struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                         const struct mon_ecn_before *before)
{
        if (s->len == 0)
                return;
        if (s->seq != before->rcv || m->c.slack_ns != 0 || m->c.mid_stream ||
            !mon_synchronized(ep) || (s->flags & (MON_RST | MON_FIN))) {
                ep->ce_waits = 0;
        } else if (s->ecn == 3) {
                ep->ce_waits++;
                ep->ce_seq = s->seq;
        }
}

/* `before`: what was surely acknowledged, and what was in sequence, before the arrival was looked at. */
void mon_ecn_arrived(const struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                     const struct mon_ecn_before *before)
{
        const struct mon_ecn_syns *e = &ep->ecn_syns;

        if (s->flags & MON_SYN) {
                ep->ecn_syns.setup_in |= is_setup(s);
                ep->ecn_syns.acc_in |= is_accurate(s);
                if ((s->flags & MON_ACK) && s->ecn == 3)
                        ep->ce_packets++;
                return;
        }
        if (s->ecn == 3)
                ep->ce_packets++;
        if (counts(ep)) {
                if (s->ecn == 3)
                        ep->credit++,
                                ep->credit_at =
                                        m->now; /* also a pure ACK asks for an ACK then (RFC 9768, 3.2.2.5.1) */
                wait_for_ack(m, ep, s, before);
                return;
        }
        if (m->c.slack_ns != 0 || m->c.mid_stream)
                return;
        if (s->len > 0) {
                if (s->ecn == 3)
                        ep->ce_in = true;
                /* Whatever else comes for it may be what counts; CWR ends what was owed. */
                /* Of several SYN+ACKs one may have been a cookie's, without ECN: the last is not the one that counts. */
                ep->ece_owed = s->ecn == 3 && !(s->flags & MON_RST) && e->setup_in &&
                               e->seq == ep->iss && e->setup_out && !e->other_out &&
                               mon_synchronized(ep) && s->seq == before->rcv;
                ep->ece_seq = s->seq;
        }
        /* "When a TCP host enters TIME-WAIT or CLOSED state, it should ignore any previous state about the negotiation of
         * ECN for that connection" (6.1.1), and a FIN may bring it there. */
        if ((s->flags & MON_FIN) || ep->fin_count > 0)
                ep->ece_owed = false;
        if ((s->ecn_flags & MON_ECE) && mon_lt(before->una, ep->una_sure) && mon_synchronized(ep) &&
            (!ep->cwr_sent || mon_lt(ep->cwr_seq, ep->una_sure)))
                ep->cwr_owed = true;
}
