/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "base/muldiv.h"

/*
 * What an algorithm is told (elko/cc.h): the records of its events are filled here, from the connection,
 * the queue of what is outstanding and the delivery rate sampler.
 *
 * Round trips are counted in packets (draft-ietf-ccwg-bbr, "Tracking Packet-Timed Round Trips"): one ends
 * when something is delivered that left after the one before ended.
 */

void ek_cong_init(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t initial_cwnd, bool resumed)
{
        struct elko_cc_init ev = {
                .now = t->now,
                .mss = ek_tcb_eff_mss(t, tcb),
                .initial_cwnd_bytes = initial_cwnd,
                .srtt_ns = tcb->rtt.srtt_ns,
                .min_rtt_ns = tcb->rtt.min_rtt_ns,
                .delivery_rate = tcb->stats.delivery_rate,
                .delivered_bytes = tcb->act->rate.delivered,
                .clock_resolution_ns = t->cfg.clock_resolution_ns,
                .random = ek_rng_u64(&t->cc_rng),
                .selective_acks = ek_tcb_has(tcb, EK_TCB_SACK),
                .resumed = resumed,
                .paced = ek_tcb_settings(t, tcb)->pacing,
                .slow_start_bursts = t->cfg.slow_start_bursts,
        };

        tcb->act->cwv = (struct ek_cwv){0};
        tcb->act->cc = (struct ek_cc_state){
                .lost_seen = tcb->act->txq.lost_ever,
                .next_round = ev.delivered_bytes,
        };
        tcb->cong.ops->init(tcb->act->priv, &tcb->cong.out, &ev);
        ek_cong_pace(t, tcb);
}

/* Linux's factors: in slow start the rate must let cwnd double, and after that it must not be what holds cwnd
 * back (tcp_pacing_ss_ratio, tcp_pacing_ca_ratio). */
enum { PACE_SLOW_START = 200, PACE_AVOIDANCE = 120 };

enum { PACE_LEAST_SEGS = 2 }; /* a second */

void ek_cong_pace(const struct ek_tcp *t, struct ek_tcb *tcb)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);
        const struct elko_cc_out *out = &tcb->cong.out;
        uint64_t rate = out->pacing_bytes_per_s;

        if (!ek_tcb_is_active(tcb))
                return;
        if (rate == 0 && (s->pacing || tcb->act->cwv.nonvalidated) && tcb->rtt.srtt_ns != 0) {
                uint32_t percent = out->cwnd_bytes < out->ssthresh_bytes / 2 ? PACE_SLOW_START
                                                                             : PACE_AVOIDANCE;

                rate = ek_mul_div((uint64_t)out->cwnd_bytes * percent / 100, ELKO_SEC(1),
                                  tcb->rtt.srtt_ns);
                rate = ek_max_u64(rate, 1);
        }
        /* cwnd bounds what is in flight on a path that is slower than that. A rate from a clock that jumped by days
         * must not stop the connection for days. */
        if (rate != 0)
                rate = ek_max_u64(rate, PACE_LEAST_SEGS * ek_tcb_eff_mss(t, tcb));
        if (s->max_pacing_rate != 0)
                rate = rate == 0 ? s->max_pacing_rate : ek_min_u64(rate, s->max_pacing_rate);
        ek_pacer_set(&tcb->act->pacer, rate);
}

/* The sampler has looked at an acknowledgement that delivered something. */
void ek_cong_note_sample(struct ek_tcb *tcb, const struct ek_rate_sample *s, uint32_t delivered)
{
        tcb->act->cc.newly_delivered = delivered;
        tcb->act->cc.sample = (struct elko_cc_rate){
                .bytes_per_s = s->bytes_per_s,
                .interval_ns = s->interval_ns,
                .prior_delivered = s->prior_delivered,
                .delivered_bytes = s->delivered,
                .lost_bytes = s->lost,
                .tx_in_flight_bytes = s->tx_in_flight,
                .valid = s->valid,
                .app_limited = s->app_limited,
        };
}

static void count_round(struct ek_cc_state *cc, struct elko_cc_ack *ev)
{
        if (ev->rate.valid && ev->rate.prior_delivered >= cc->next_round) {
                cc->next_round = ev->delivered_bytes;
                cc->round++;
                ev->round_start = true;
        }
        ev->round = cc->round;
}

static void note_lost(struct ek_tcb *tcb, struct elko_cc_ack *ev)
{
        struct ek_active *act = tcb->act;
        struct ek_rate_sample s;

        ev->newly_lost_bytes = act->txq.lost_ever - act->cc.lost_seen;
        act->cc.lost_seen = act->txq.lost_ever;
        if (ev->newly_lost_bytes == 0 || act->txq.marked_len == 0)
                return;
        act->rate.lost = act->txq.lost_ever;
        s = ek_rate_on_lost(&act->rate, act->txq.marked_tag);
        ev->lost = (struct elko_cc_lost){
                .size_bytes = act->txq.marked_len,
                .tx_in_flight_bytes = s.tx_in_flight,
                .lost_bytes = s.lost,
                .app_limited = s.app_limited,
        };
        act->txq.marked_len = 0;
}

/* RFC 7661 is about the window of RFC 5681. One that follows a model of the path is right however little of it is
 * used, and nobody else's in recovery. */
bool ek_cong_is_validated(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return t->cfg.cwnd_validation && !tcb->cong.ops->owns_recovery;
}

/* RFC 7661: after each acknowledgement. */
static void validate(const struct ek_tcp *t, struct ek_tcb *tcb, const struct elko_cc_ack *ev)
{
        struct elko_cc_out *out = &tcb->cong.out;
        struct ek_cwv *v = &tcb->act->cwv;
        uint32_t most;

        if (!ek_cong_is_validated(t, tcb) || ev->in_recovery || ev->after_timeout)
                return;
        if (v->loss_flight != 0) {
                most = ek_max_u32(ek_cwv_on_recovered(v, tcb->stats.bytes_retrans), ev->mss);
                out->cwnd_bytes = ek_min_u32(out->cwnd_bytes, most);
                out->ssthresh_bytes = ek_max_u32(out->cwnd_bytes, 2 * ev->mss);
        }
        if (!ek_cwv_on_ack(v, t->now, ev->srtt_ns, ev->delivered_bytes, out->cwnd_bytes))
                return;
        out->ssthresh_bytes =
                ek_max_u32(out->ssthresh_bytes, (uint32_t)((uint64_t)out->cwnd_bytes * 3 / 4));
        out->cwnd_bytes = ek_min_u32(out->cwnd_bytes,
                                     ek_max_u32(out->cwnd_bytes / 2, ev->initial_cwnd_bytes));
}

void ek_cong_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, struct elko_cc_ack *ev)
{
        struct ek_cc_state *cc = &tcb->act->cc;

        ev->now = t->now;
        ev->srtt_ns = tcb->rtt.srtt_ns;
        ev->min_rtt_ns = tcb->rtt.min_rtt_ns;
        ev->delivered_bytes = tcb->act->rate.delivered;
        ev->newly_delivered = cc->newly_delivered;
        ev->inflight_bytes = ek_txq_pipe(&tcb->act->txq);
        ev->mss = ek_tcb_eff_mss(t, tcb);
        ev->initial_cwnd_bytes = ek_recovery_initial_cwnd(t, ev->mss);
        ev->after_timeout = tcb->cong.state == ELKO_CA_LOSS;
        ev->rate = cc->sample;
        ev->ce_bytes = cc->ce_bytes;
        ev->ece = cc->ece;
        /* "SHOULD NOT increase the congestion window in response to the receipt of an ECN-Echo ACK" (RFC 3168, 6.1.2);
         * who counts marks leaves out what was marked. [RFC3168 6.1.2g] */
        if (cc->ece && !tcb->cong.ops->scalable && !tcb->cong.ops->owns_recovery)
                ev->in_recovery = true;
        cc->sample = (struct elko_cc_rate){0};
        cc->newly_delivered = 0;
        count_round(cc, ev);
        note_lost(tcb, ev);
        if (ev->acked_bytes > 0 || ev->newly_delivered > 0)
                tcb->cong.ops->on_ack(tcb->act->priv, &tcb->cong.out, ev);
        validate(t, tcb, ev);
        ek_cong_pace(t, tcb);
}

/* Where a connection that was idle goes on: at the initial window (RFC 5681, 4.1), or on the way to it (RFC 2861). */
static uint32_t restart_window(const struct ek_tcp *t, const struct ek_tcb *tcb, uint32_t initial)
{
        uint64_t idle = (uint64_t)(ek_tcp_ms(t) - tcb->stats.data_sent_ms) * 1000000;
        uint64_t rto = ek_rtt_rto(&tcb->rtt, &t->rtt_limits);
        uint32_t cwnd = tcb->cong.out.cwnd_bytes;

        if (!t->cfg.idle_decay)
                return initial;
        for (; idle > rto && cwnd > initial; idle -= rto)
                cwnd /= 2;
        return ek_max_u32(cwnd, initial);
}

/* An ECE is answered as a loss is (RFC 3168, 6.1.2), or by less (RFC 8511); who has an answer of its own gives that. */
static enum elko_congestion as_answered(const struct ek_tcp *t, const struct ek_tcb *tcb,
                                        enum elko_congestion kind)
{
        const struct elko_cc_ops *ops = tcb->cong.ops;

        if (kind == ELKO_CONGESTION_ECN && t->cfg.ecn_as_loss && !ops->scalable &&
            !ops->owns_recovery)
                return ELKO_CONGESTION_LOSS;
        return kind;
}

void ek_cong_on_congestion(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_congestion kind,
                           uint32_t flight)
{
        uint32_t mss = ek_tcb_eff_mss(t, tcb);
        struct elko_cc_event ev = {
                .now = t->now,
                .kind = as_answered(t, tcb, kind),
                .flight_bytes = flight,
                .mss = mss,
                .initial_cwnd_bytes = ek_recovery_initial_cwnd(t, mss),
                .delivered_bytes = tcb->act->rate.delivered,
        };

        if (kind == ELKO_CONGESTION_IDLE) {
                if (ek_cong_is_validated(t, tcb) || t->cfg.idle_keep)
                        return;
                ev.initial_cwnd_bytes = restart_window(t, tcb, ev.initial_cwnd_bytes);
        } else if (t->cfg.loss_of_cwnd) {
                ev.flight_bytes = ek_max_u32(flight, tcb->cong.out.cwnd_bytes);
        }
        if (ek_cong_is_validated(t, tcb))
                ev.flight_bytes = ek_cwv_on_loss(&tcb->act->cwv, flight, tcb->stats.bytes_retrans);
        tcb->cong.ops->on_congestion(tcb->act->priv, &tcb->cong.out, &ev);
        ek_cong_pace(t, tcb);
}

/* draft-ietf-ccwg-bbr, OnTransmit(). */
void ek_cong_on_start(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t mss = ek_tcb_eff_mss(t, tcb);
        struct elko_cc_event ev = {
                .now = t->now,
                .mss = mss,
                .initial_cwnd_bytes = ek_recovery_initial_cwnd(t, mss),
                .delivered_bytes = tcb->act->rate.delivered,
                .app_limited = tcb->act->rate.app_limited != 0,
        };

        if (tcb->cong.ops->on_start == NULL)
                return;
        tcb->cong.ops->on_start(tcb->act->priv, &tcb->cong.out, &ev);
        ek_cong_pace(t, tcb);
}
