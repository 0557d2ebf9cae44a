/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * Was the last reduction of the congestion window for nothing? Three ways to find out:
 *
 *      RFC 3522 (Eifel)  SND.UNA advances, and the echoed timestamp is older than the first retransmission's:
 *                        the original arrived
 *      RFC 3708          D-SACKs tell that all that was sent again had arrived before
 *      RFC 5682 (F-RTO)  after a time-out, what was sent once and before arrives (recover_sack.c)
 *
 * Then cwnd and ssthresh are what they were before (RFC 4015), what is marked lost is taken as under way, and
 * recovery is over. What is lost nevertheless will be found so again.
 *
 * Deviation: RFC 4015, 3.1 (9) would have cwnd begin at the flight and what the ACK covers. As in Linux, it
 * is the former one: the network carried it, and ACKs come.
 */

/* cwnd is about to be reduced. What was sent again before this and is still under way has its answer to come, and that
 * would be older than the next retransmission: the time of the first of them all counts. */
void ek_undo_begin(struct ek_tcb *tcb)
{
        struct ek_undo *u = &tcb->act->undo;

        *u = (struct ek_undo){
                .una = tcb->snd_una,
                .ts = u->ts,
                .possible = true,
                .dated = u->dated && tcb->act->txq.resent_count > 0,
                .recover = tcb->act->ecn.recover,
                .cwr = ek_tcb_has(tcb, EK_TCB_CWR),
                .marked = tcb->act->cc.ece || tcb->cong.state == ELKO_CA_CWR,
        };
}

/* Something leaves for another time. [RFC3522 3.2-2] */
void ek_undo_on_resent(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t bytes)
{
        struct ek_undo *u = &tcb->act->undo;

        if (!u->dated || (!u->has_resent && tcb->act->txq.resent_count <= 1))
                u->ts = ek_tcb_ts_clock(t, tcb);
        u->dated = true;
        if (!u->possible)
                return;
        u->has_resent = true;
        u->left += bytes;
}

/* [RFC3708 3-B] */
void ek_undo_on_dsack(struct ek_tcb *tcb, const struct ek_sack_ack *a)
{
        struct ek_undo *u = &tcb->act->undo;

        if (a->dsack_bytes > 0 && u->possible && seq_gt(a->dsack_end, u->una))
                u->left -= ek_min_u32(u->left, a->dsack_bytes);
}

/* The ACK answers what left before the first retransmission. After a time-out it could also be that all ACKs were
 * lost, and the receiver answers the retransmission with an old echo: then it acknowledges everything, or tells so
 * by a D-SACK (3.3). Deviation: after a fast retransmit that can't be, and step (5) is left out. [RFC3522 3.2-4 3.2-5]
 */
static bool is_older(const struct ek_tcb *tcb, const struct ek_seg *seg, bool dsack)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;

        if (tcb->cong.state == ELKO_CA_LOSS &&
            (dsack ||
             (tcb->stats.dsack_dups == 0 && seq_geq(tcb->snd_una, tcb->act->dupack.recover))))
                return false;
        return tcb->act->undo.dated && ek_tcb_has(tcb, EK_TCB_TS) &&
               (opt->present & ELKO_OPT_TIMESTAMPS) && opt->ts_ecr != 0 &&
               (int32_t)(opt->ts_ecr - tcb->act->undo.ts) < 0;
}

/* [RFC4015 3.1-8 3.1-9 3.1-11] */
void ek_undo_do(struct ek_tcp *t, struct ek_tcb *tcb, enum ek_undo_why why)
{
        static const char *const cause[] = {
                [EK_UNDO_TIMESTAMP] = "spurious recovery undone: timestamp",
                [EK_UNDO_DSACK] = "spurious recovery undone: D-SACK",
                [EK_UNDO_FRTO] = "spurious time-out undone: F-RTO",
        };
        struct ek_congestion *c = &tcb->cong;
        bool recovering = c->state == ELKO_CA_RECOVERY || c->state == ELKO_CA_LOSS;

        if (why == EK_UNDO_TIMESTAMP)
                t->ctr->tcp_undo_timestamp++;
        else if (why == EK_UNDO_DSACK)
                t->ctr->tcp_undo_dsack++;
        else
                t->ctr->tcp_undo_frto++;
        if (c->undone < UINT8_MAX)
                c->undone++;
        /* The first copy came late, and perhaps nobody else will tell: a receiver with timestamps drops what is
         * older than a retransmission that it has (RFC 7323, 5.3), and no D-SACK comes of it. So this counts as one
         * for the reordering window (RFC 8985, 6.2, step 4). */
        if (why != EK_UNDO_FRTO) {
                c->reord_seen++;
                ek_tcb_ts_slow_down(t, tcb);
                ek_rack_on_ack(&tcb->act->rack, tcb->snd_una, tcb->snd_nxt, true);
        }
        tcb->act->undo.possible = false;
        tcb->act->prr.active = false;
        tcb->act->frto = EK_FRTO_OFF;
        tcb->act->inflation = 0;
        /* It was another window that was full; of this one what is out now is in use. */
        tcb->act->usage.flight = 0;
        ek_recovery_note_usage(tcb, false);
        /* Marks told of congestion besides: nothing was lost, but the reduction was due (RFC 3168, 6.1.2). */
        if (!tcb->act->undo.marked) {
                ek_ecn_undone(tcb);
                if (c->ops->undo != NULL)
                        c->ops->undo(tcb->act->priv, &c->out);
        }
        ek_cong_pace(t, tcb);
        if (recovering) {
                ek_txq_clear_lost(&tcb->act->txq, &t->records);
                tcb->todo &= ~(uint32_t)EK_TODO_FORCE;
                c->state = ELKO_CA_OPEN;
                tcb->act->dupack.recovering = false;
                /* The next loss is one of its own (RFC 5682, 3.1, step 3b). */
                tcb->act->dupack.recover_valid = false;
                ek_rack_on_recovered(&tcb->act->rack);
        }
        ek_trace_recovery(t, tcb, cause[why]);
        ek_tcb_has_work(t, tcb);
}

bool ek_undo_try(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg, bool progress,
                 bool dsack)
{
        const struct ek_undo *u = &tcb->act->undo;

        if (!u->possible || !u->has_resent)
                return false;
        if (u->left == 0)
                ek_undo_do(t, tcb, EK_UNDO_DSACK);
        else if (progress && is_older(tcb, seg, dsack))
                ek_undo_do(t, tcb, EK_UNDO_TIMESTAMP);
        else
                return false;
        return true;
}
