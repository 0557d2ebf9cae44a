/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "wire/addr.h"

/*
 * Loss recovery and congestion control as the engine drives them: RFC 5681, RFC 6582 (NewReno), RFC 3042
 * (limited transmit), RFC 6928 (initial window).
 *
 * cwnd belongs to the algorithm (cc_*.c); what recovery adds to it for segments that have left the
 * network is `inflation`, kept apart so that an algorithm never sees it.
 */

/* [RFC5681 3.1b] */
uint32_t ek_recovery_initial_cwnd(const struct ek_tcp *t, uint32_t mss)
{
        uint32_t segs = t->cfg.initial_window_segs;

        /* Deviation from RFC 5681, 3.1: RFC 6928, 2, min(10 MSS, max(2 MSS, 14600)) */
        return ek_min_u32(segs * mss, ek_max_u32(2 * mss, segs * 1460));
}

/* [RFC6298 5.7; RFC5681 3.1c 3.1d; RFC2525 2.1 2.3] */
void ek_recovery_start(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t mss = ek_tcb_eff_mss(t, tcb);
        uint32_t initial = ek_recovery_initial_cwnd(t, mss);

        /* RFC 5681, 3.1, as RFC 6928, 2 relaxed it: a SYN or SYN,ACK that had to be sent more than twice
         * means an initial window of one segment; once may have been a path of more than a second. */
        if (tcb->rtt.timeouts > 1)
                initial = mss;
        tcb->rtt.syn_lost = tcb->rtt.timeouts > 0;
        tcb->cong.state = ELKO_CA_OPEN;
        /* Without its active part (no memory) the connection starts like one after a silence. */
        if (!ek_tcb_is_active(tcb)) {
                tcb->cong.out.cwnd_bytes = initial;
                tcb->cong.out.ssthresh_bytes = UINT32_MAX;
                return;
        }
        ek_cong_init(t, tcb, initial, false);
}

/* After a silence the algorithm's private area is new. What it knew of the path counts for little then
 * (RFC 5681, 4.1: restart with at most the initial window), but ssthresh stays. */
void ek_recovery_restart(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct elko_cc_out before = tcb->cong.out;

        ek_cong_init(t, tcb, ek_recovery_initial_cwnd(t, ek_tcb_eff_mss(t, tcb)), true);
        tcb->cong.state = ELKO_CA_OPEN;
        tcb->cong.out.ssthresh_bytes = before.ssthresh_bytes;
        if (before.cwnd_bytes == 0)
                return;
        if (ek_cong_is_validated(t, tcb) && tcb->stats.data_sent_ms != 0)
                tcb->cong.out.cwnd_bytes = ek_cwv_after_silence(
                        (uint64_t)(ek_tcp_ms(t) - tcb->stats.data_sent_ms) * 1000000,
                        before.cwnd_bytes, tcb->cong.out.cwnd_bytes, &tcb->cong.out.ssthresh_bytes);
        else
                tcb->cong.out.cwnd_bytes = ek_min_u32(before.cwnd_bytes, tcb->cong.out.cwnd_bytes);
}

static void congestion(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_congestion kind,
                       uint32_t flight)
{
        uint32_t mss = ek_tcb_eff_mss(t, tcb);

        tcb->act->usage.flight = 0;
        ek_cong_on_congestion(t, tcb, kind, flight);
        tcb->cong.out.cwnd_bytes = ek_max_u32(tcb->cong.out.cwnd_bytes, mss);
        tcb->cong.out.ssthresh_bytes = ek_max_u32(tcb->cong.out.ssthresh_bytes, 2 * mss);
        if (kind != ELKO_CONGESTION_IDLE)
                ek_ecn_reduced(tcb);
}

void ek_recovery_congestion(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_congestion kind,
                            uint32_t flight)
{
        congestion(t, tcb, kind, flight);
}

/* Send the first unacknowledged segment again, whatever cwnd says. */
static void retransmit_head(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (ek_txq_mark_head_lost(&tcb->act->txq, &t->records)) {
                tcb->todo |= EK_TODO_FORCE;
                ek_tcb_has_work(t, tcb);
        }
}

/* [RFC5681 3.2-1 3.2-2 3.2-3 3.2-4 3.2-5 4.3a 4.3b; RFC6582 4; RFC2018 5.1a] */
void ek_recovery_on_duplicate(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_congestion *c = &tcb->cong;
        uint32_t mss = ek_tcb_eff_mss(t, tcb);

        /* After a time-out the duplicates are answers to our own retransmissions. */
        if (c->state == ELKO_CA_LOSS) {
                static const struct ek_txq_acked nothing;

                ek_frto_on_ack(tcb, &nothing, false, true);
                return;
        }
        switch (ek_dupack_on_duplicate(&tcb->act->dupack, tcb->snd_una, tcb->snd_nxt)) {
        case EK_DUPACK_LIMITED:
                if (c->state == ELKO_CA_OPEN)
                        c->state = ELKO_CA_DISORDER;
                tcb->act->inflation += mss;
                break;
        case EK_DUPACK_ENTER:
                t->ctr->tcp_fast_retrans++;
                ek_undo_begin(tcb);
                /* What limited transmit sent does not count (RFC 5681, 3.2 step 2). Reduced already for this window of
                 * data: not again (RFC 3168, 6.1.2). */
                if (c->state != ELKO_CA_CWR)
                        congestion(t, tcb, ELKO_CONGESTION_LOSS,
                                   seq_diff(tcb->act->dupack.before, tcb->snd_una));
                c->state = ELKO_CA_RECOVERY;
                tcb->act->inflation = EK_DUPACK_THRESHOLD * mss;
                tcb->act->inflation_max = ek_tcb_flight(tcb);
                ek_trace_recovery(t, tcb, "three duplicate ACKs: fast retransmit");
                retransmit_head(t, tcb);
                break;
        case EK_DUPACK_INFLATE:
                /* No more segments can have left the network than were in it at the last progress: a
                 * peer can't buy window with invented duplicates. */
                if (tcb->act->inflation + mss <= tcb->act->inflation_max)
                        tcb->act->inflation += mss;
                break;
        case EK_DUPACK_NOTHING: break;
        }
}

/* RFC 6582, 3.2 step 3: full acknowledgement. [RFC5681 3.2-6 4.3c; RFC6582 3.2-3a 6a; RFC2525 2.8] */
static void on_full_ack(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t mss = ek_tcb_eff_mss(t, tcb);
        uint32_t flight = ek_tcb_flight(tcb);

        tcb->act->inflation = 0;
        tcb->cong.state = ELKO_CA_OPEN;
        if (!tcb->cong.ops->owns_recovery)
                tcb->cong.out.cwnd_bytes =
                        ek_min_u32(tcb->cong.out.ssthresh_bytes, ek_max_u32(flight, mss) + mss);
        ek_trace_recovery(t, tcb, "recovered");
}

/* RFC 6582, 3.2 step 3: partial acknowledgement - the next hole shows. [RFC6582 3.2-3b] */
static void on_partial_ack(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t acked)
{
        uint32_t mss = ek_tcb_eff_mss(t, tcb);

        tcb->act->inflation -= ek_min_u32(tcb->act->inflation, acked);
        if (acked >= mss)
                tcb->act->inflation += mss;
        tcb->act->inflation_max = ek_tcb_flight(tcb);
        retransmit_head(t, tcb);
}

/* All that may leave now has left. Several ACKs that come at once are about one window, and its use is remembered
 * for all of them. */
void ek_recovery_note_usage(struct ek_tcb *tcb, bool limited)
{
        struct ek_cwnd_usage *u = &tcb->act->usage;
        uint32_t flight = ek_tcb_flight(tcb);

        if (flight == 0)
                return;
        if (!limited && u->flight != 0 && seq_lt(tcb->snd_una, u->end) &&
            (u->limited || flight <= u->flight))
                return;
        u->limited = limited;
        u->flight = flight;
        u->end = tcb->snd_nxt;
}

/* `acked`: bytes that this ACK is about; it counts if they begin in the window that was used. */
static bool was_cwnd_limited(const struct ek_tcb *tcb, uint32_t acked)
{
        const struct ek_cwnd_usage *u = &tcb->act->usage;

        if (u->flight == 0 || seq_gt(tcb->snd_una, seq_add(u->end, acked)))
                return false;
        if (tcb->cong.ops->owns_recovery)
                return u->limited;
        /* In slow start more than half a window in use is reason enough to go on (Linux does the same). */
        return u->limited || (tcb->cong.out.cwnd_bytes < tcb->cong.out.ssthresh_bytes &&
                              u->flight > tcb->cong.out.cwnd_bytes / 2);
}

/* [RFC6582 6d] */
void ek_recovery_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_txq_acked *acked,
                        uint64_t rtt_ns, uint32_t flight_before)
{
        struct ek_congestion *c = &tcb->cong;
        uint32_t mss = ek_tcb_eff_mss(t, tcb);
        struct elko_cc_ack ev = {
                .rtt_ns = rtt_ns,
                .acked_bytes = acked->bytes - acked->syn,
                .flight_bytes = flight_before,
                .cwnd_limited = was_cwnd_limited(tcb, acked->bytes),
        };

        if (ek_tcb_has(tcb, EK_TCB_SACK)) {
                /* ek_sack_on_ack() did the rest. */
                ev.in_recovery = c->state == ELKO_CA_RECOVERY || c->state == ELKO_CA_CWR;
                /* What was SACKed before has arrived long ago (RFC 3465, 2.3); what is SACKed with it, just now. */
                if (t->cfg.growth_by_delivery && ev.acked_bytes > 0)
                        ev.acked_bytes = tcb->act->cc.newly_delivered;
                if (c->state == ELKO_CA_LOSS) {
                        ev.acked_bytes = ek_min_u32(ev.acked_bytes, mss);
                        ev.cwnd_limited = true;
                }
                ek_cong_on_ack(t, tcb, &ev);
                return;
        }
        switch (ek_dupack_on_progress(&tcb->act->dupack, tcb->snd_una)) {
        case EK_DUPACK_PARTIAL:
                ev.in_recovery = true;
                on_partial_ack(t, tcb, ev.acked_bytes);
                break;
        case EK_DUPACK_FULL:
                ev.in_recovery = true;
                on_full_ack(t, tcb);
                break;
        case EK_DUPACK_NORMAL:
                tcb->act->inflation = 0;
                if (c->state == ELKO_CA_DISORDER ||
                    (c->state == ELKO_CA_CWR && ek_ecn_is_over(tcb)))
                        c->state = ELKO_CA_OPEN;
                ev.in_recovery = c->state == ELKO_CA_CWR;
                if (c->state == ELKO_CA_LOSS) {
                        /* RFC 3465, 2.3: what this ACK covers may have arrived long ago. */
                        ev.acked_bytes = ek_min_u32(ev.acked_bytes, mss);
                        ev.cwnd_limited = true;
                        if (tcb->act->txq.lost_count == 0 &&
                            seq_geq(tcb->snd_una, tcb->act->dupack.recover)) {
                                c->state = ELKO_CA_OPEN;
                                ek_trace_recovery(t, tcb, "recovered");
                        }
                }
                break;
        }
        ek_cong_on_ack(t, tcb, &ev);
}

/* RFC 6298 (5.4)-(5.6) and RFC 5681, 3.1: everything outstanding is taken as lost.
 * [RFC6298 5.4; RFC5681 3.1m 4.3d; RFC2018 5c 5.1b; RFC2525 2.2 2.14; RFC6675 5.1b; RFC5682 3.1-1;
 * RFC4015 3.1-0] */
void ek_recovery_on_timeout(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_congestion *c = &tcb->cong;
        uint32_t flight = ek_tcb_flight(tcb), ssthresh = c->out.ssthresh_bytes;

        /* The loss of a retransmission is a second sign of congestion, for which cwnd and ssthresh are lowered
         * once more (RFC 5681, 4.3): not from what is outstanding, which is still the first one's. */
        if (c->state == ELKO_CA_RECOVERY)
                flight = ek_min_u32(flight, c->out.cwnd_bytes);
        /* "When a TCP sender detects segment loss using the retransmission timer and the given segment
         * has already been retransmitted by way of the timer at least once, the value of ssthresh is
         * held constant" (RFC 5681, 3.1). */
        if (tcb->rtt.timeouts == 0) {
                /* One in recovery from another tells nothing new of what that one lost (RFC 4015, 3.1). */
                if (c->state != ELKO_CA_LOSS)
                        ek_undo_begin(tcb);
                congestion(t, tcb, ELKO_CONGESTION_TIMEOUT, flight);
                /* "should not decrease the slow-start threshold, ssthresh, if it has been decreased within the last
                 * round trip time" (RFC 3168, 6.1.2). */
                if (c->state == ELKO_CA_CWR)
                        c->out.ssthresh_bytes = ssthresh;
                /* RFC 5682, 2.1 and 3.1: not if it happens in recovery. */
                tcb->act->frto = c->state < ELKO_CA_RECOVERY ? EK_FRTO_WAIT : EK_FRTO_OFF;
        } else {
                ek_ecn_reduced(tcb);
                c->out.cwnd_bytes = ek_tcb_eff_mss(t, tcb);
                if (tcb->act->frto != EK_FRTO_OFF)
                        tcb->act->frto = EK_FRTO_WAIT;
        }
        tcb->act->inflation = 0;
        c->state = ELKO_CA_LOSS;
        ek_dupack_on_timeout(&tcb->act->dupack, tcb->snd_nxt);
        if (ek_tcb_has(tcb, EK_TCB_SACK))
                ek_sack_mark_on_timeout(t, tcb);
        else
                ek_txq_mark_all_lost(&tcb->act->txq, &t->records);
        ek_trace_recovery(t, tcb, "retransmission time-out");
}

/* RFC 5681, 3.1: when segments turn out to be too large for the path, the window shrinks as they do. Else what
 * was ten segments would be a burst of many small ones. [RFC5681 3.1e] */
void ek_recovery_on_mss(struct ek_tcb *tcb, uint32_t before, uint32_t mss)
{
        uint64_t cwnd = tcb->cong.out.cwnd_bytes;

        if (mss < before)
                tcb->cong.out.cwnd_bytes = ek_max_u32(mss, (uint32_t)(cwnd * mss / before));
}

/* RFC 5681, 4.1: after a silence of more than one RTO the path is unknown again. [RFC5681 4.1] */
void ek_recovery_before_send(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t idle_ms = ek_tcp_ms(t) - tcb->stats.data_sent_ms;

        if (!ek_txq_is_empty(&tcb->act->txq))
                return;
        ek_cong_on_start(t, tcb);
        if (tcb->stats.data_sent_ms == 0)
                return;
        if ((uint64_t)idle_ms * 1000000 > ek_rtt_rto(&tcb->rtt, &t->rtt_limits))
                congestion(t, tcb, ELKO_CONGESTION_IDLE, 0);
}
