/* SPDX-License-Identifier: MIT */
#ifndef CC_BENCH_H
#define CC_BENCH_H

/*
 * cc_bench.h - a congestion-control algorithm alone on a path: no TCP, no bytes, virtual time.
 *
 * One sender with always something to send (or with an application that says how fast), one bottleneck with
 * a rate, a round trip, a drop-tail buffer, a threshold for CE marks and random loss; a receiver that
 * acknowledges each segment, selectively. What is lost is found when the third segment behind it is
 * acknowledged, and is sent again first; recovery ends when all that was out at its beginning is settled.
 * Nothing but the records of elko/cc.h reaches the algorithm, filled as the engine fills them, with the engine's
 * own sampler (tcp/rate.h) and pacer (tcp/pacer.h).
 *
 * Header only: the unit tests link nothing but the core.
 */
#include "tcp/pacer.h"
#include "tcp/rate.h"

#include <elko/cc.h>

#include "ek_test.h"

enum { CCB_RING = 1u << 18 };

struct ccb_pkt {
        uint64_t sent_at, ack_at;
        uint32_t tag[EK_RATE_TAG_WORDS];
        bool lost, ce, again;
};

struct ccb {
        /* the path; may be changed between two runs */
        uint64_t rate; /* bytes/s */
        uint64_t rtt_ns;
        uint32_t buffer, ce_above;   /* bytes; ce_above 0: no marks */
        uint32_t loss_ppm, loss_nth; /* at random; each n-th */
        uint64_t tick_ns;
        uint64_t app_rate; /* bytes/s; 0: always more */
        uint32_t mss;
        bool paced; /* as elko_config.pacing, for algorithms that set no rate */

        const struct elko_cc_ops *ops;
        uint64_t priv[ELKO_CC_PRIVATE_BYTES / 8];
        struct elko_cc_out out;
        struct ek_rate r;
        struct ek_pacer pacer;
        struct ccb_pkt *pkt;     /* ring */
        uint64_t head, tail;     /* packets in order of sending */
        uint64_t now, link_free; /* true time; when the bottleneck is idle */
        uint64_t srtt, min_rtt;
        uint64_t next_round, recover, ecn_recover;
        uint64_t lost_queue; /* packets to be sent again */
        uint64_t delivered, sent, dropped, marked, losses, app_tokens_at;
        double app_tokens;
        uint32_t inflight, round, lost_seen;
        uint64_t acked[4]; /* the last acknowledged, newest first */
        bool in_recovery, limited, restarted;
        uint64_t seed;
        void (*watch)(struct ccb *b, const struct elko_cc_ack *ev);
        void *user;
};

static inline uint64_t ccb_shown(const struct ccb *b)
{
        return b->now / b->tick_ns * b->tick_ns;
}

static inline uint32_t ccb_random(struct ccb *b)
{
        b->seed = b->seed * 6364136223846793005ull + 1442695040888963407ull;
        return (uint32_t)(b->seed >> 33);
}

static inline void ccb_init(struct ccb *b, const struct elko_cc_ops *ops, uint64_t rate,
                            uint64_t rtt_ns, uint32_t buffer)
{
        struct elko_cc_init ev;

        b->ops = ops;
        b->rate = rate;
        b->rtt_ns = rtt_ns;
        b->buffer = buffer;
        b->mss = b->mss != 0 ? b->mss : 1448;
        b->tick_ns = b->tick_ns != 0 ? b->tick_ns : 1000;
        b->now = 1000000000;
        b->pkt = b->pkt != NULL ? b->pkt : calloc(CCB_RING, sizeof(*b->pkt));
        ev = (struct elko_cc_init){
                .now = b->now,
                .mss = b->mss,
                .initial_cwnd_bytes = 10 * b->mss,
                .srtt_ns = rtt_ns,
                .min_rtt_ns = rtt_ns,
                .clock_resolution_ns = b->tick_ns,
                .random = 12345 + b->seed,
                .paced = b->paced,
                .selective_acks = true,
        };
        b->srtt = b->min_rtt = rtt_ns;
        ops->init(b->priv, &b->out, &ev);
}

static inline void ccb_free(struct ccb *b)
{
        free(b->pkt);
        b->pkt = NULL;
}

/* The engine's derivation for algorithms that set none (tcp/cong.c). */
static inline uint64_t ccb_pacing(const struct ccb *b)
{
        uint64_t per_s;

        if (b->out.pacing_bytes_per_s != 0)
                return b->out.pacing_bytes_per_s;
        if (!b->paced || b->srtt == 0)
                return 0;
        per_s = (uint64_t)b->out.cwnd_bytes * 1000000000u / b->srtt;
        return per_s * (b->out.cwnd_bytes < b->out.ssthresh_bytes / 2 ? 200 : 120) / 100;
}

static inline void ccb_congestion(struct ccb *b, enum elko_congestion kind)
{
        struct elko_cc_event ev = {
                .now = ccb_shown(b),
                .kind = kind,
                .flight_bytes = b->inflight,
                .mss = b->mss,
                .initial_cwnd_bytes = 10 * b->mss,
                .delivered_bytes = b->r.delivered,
        };

        b->ops->on_congestion(b->priv, &b->out, &ev);
}

static inline bool ccb_app_has(struct ccb *b)
{
        if (b->app_rate == 0)
                return true;
        b->app_tokens += (double)b->app_rate * (double)(b->now - b->app_tokens_at) / 1e9;
        b->app_tokens_at = b->now;
        if (b->app_tokens > 64.0 * b->mss)
                b->app_tokens = 64.0 * b->mss;
        return b->app_tokens >= b->mss;
}

static inline bool ccb_may_send(struct ccb *b)
{
        if (b->tail - b->head >= CCB_RING)
                return false;
        if (b->inflight != 0 && b->inflight + b->mss > b->out.cwnd_bytes) {
                b->limited = true;
                return false;
        }
        return ek_pacer_is_open(&b->pacer, ccb_shown(b), b->tick_ns);
}

static inline void ccb_send(struct ccb *b)
{
        struct ccb_pkt *p = &b->pkt[b->tail++ % CCB_RING];
        uint64_t start = b->link_free > b->now ? b->link_free : b->now;
        uint64_t queue = (start - b->now) * b->rate / 1000000000u;

        *p = (struct ccb_pkt){.sent_at = ccb_shown(b), .ack_at = b->now};
        b->r.lost = (uint32_t)b->losses;
        ek_rate_on_send(&b->r, b->inflight, b->mss, ccb_shown(b), p->tag);
        ek_pacer_set(&b->pacer, ccb_pacing(b));
        ek_pacer_on_sent(&b->pacer, b->mss, b->mss, ccb_shown(b), b->tick_ns);
        b->inflight += b->mss;
        b->sent += b->mss;
        b->app_tokens -= b->mss;
        p->lost = queue + b->mss > b->buffer || (b->loss_nth != 0 && b->tail % b->loss_nth == 0) ||
                  (b->loss_ppm != 0 && ccb_random(b) % 1000000 < b->loss_ppm);
        p->ce = b->ce_above != 0 && queue > b->ce_above;
        if (p->lost) {
                b->dropped += b->mss;
                /* it would have been behind what is queued */
                p->ack_at = start + b->rtt_ns;
                return;
        }
        b->link_free = start + (uint64_t)b->mss * 1000000000u / b->rate;
        p->ack_at = b->link_free + b->rtt_ns;
}

static inline void ccb_tell(struct ccb *b, struct ccb_pkt *p, uint32_t lost_now,
                            const struct ccb_pkt *lost)
{
        struct ek_rate_acked a = {.tag = p->tag, .sent_at = p->sent_at, .bytes = b->mss};
        uint64_t now = ccb_shown(b), rtt = now - p->sent_at;
        struct ek_rate_sample s;
        struct elko_cc_ack ev;

        rtt = rtt != 0 ? rtt : 1;
        b->min_rtt = rtt < b->min_rtt ? rtt : b->min_rtt;
        b->srtt = b->srtt - b->srtt / 8 + rtt / 8;
        b->r.lost = (uint32_t)b->losses;
        s = ek_rate_on_ack(&b->r, &a, b->min_rtt, now);
        ev = (struct elko_cc_ack){
                .now = now,
                .rtt_ns = rtt,
                .srtt_ns = b->srtt,
                .min_rtt_ns = b->min_rtt,
                .delivered_bytes = b->r.delivered,
                .acked_bytes = b->mss,
                .newly_delivered = b->mss,
                .newly_lost_bytes = lost_now,
                .flight_bytes = b->inflight + b->mss,
                .inflight_bytes = b->inflight,
                .initial_cwnd_bytes = 10 * b->mss,
                .mss = b->mss,
                .ce_bytes = p->ce ? b->mss : 0,
                .ece = p->ce,
                .cwnd_limited = b->limited || (!b->ops->owns_recovery &&
                                               b->out.cwnd_bytes < b->out.ssthresh_bytes &&
                                               b->inflight + b->mss >= b->out.cwnd_bytes / 2),
                .in_recovery = b->in_recovery,
                .rate = {.bytes_per_s = s.bytes_per_s,
                         .interval_ns = s.interval_ns,
                         .prior_delivered = s.prior_delivered,
                         .delivered_bytes = s.delivered,
                         .lost_bytes = s.lost,
                         .tx_in_flight_bytes = s.tx_in_flight,
                         .valid = s.valid,
                         .app_limited = s.app_limited},
        };
        if (lost != NULL) {
                s = ek_rate_on_lost(&b->r, lost->tag);
                ev.lost = (struct elko_cc_lost){.size_bytes = b->mss,
                                                .tx_in_flight_bytes = s.tx_in_flight,
                                                .lost_bytes = s.lost,
                                                .app_limited = s.app_limited};
        }
        if (s.prior_delivered >= b->next_round) {
                b->next_round = b->r.delivered;
                b->round++;
                ev.round_start = true;
        }
        ev.round = b->round;
        b->limited = false;
        b->ops->on_ack(b->priv, &b->out, &ev);
        if (b->watch != NULL)
                b->watch(b, &ev);
}

/* The first packet in order of sending that is not settled has come back, or is known to be lost. */
static inline void ccb_ack(struct ccb *b)
{
        const struct ccb_pkt *lost = NULL;
        struct ccb_pkt *p;
        uint32_t lost_now = 0;

        while (b->head < b->tail && b->pkt[b->head % CCB_RING].lost) {
                lost = &b->pkt[b->head % CCB_RING];
                b->inflight -= b->mss;
                b->losses += b->mss;
                b->lost_queue++;
                lost_now += b->mss;
                b->head++;
        }
        if (b->head == b->tail)
                return;
        if (lost != NULL && !b->in_recovery) {
                b->in_recovery = true;
                b->recover = b->tail;
                b->inflight += lost_now; /* FlightSize */
                ccb_congestion(b, ELKO_CONGESTION_LOSS);
                b->inflight -= lost_now;
        }
        p = &b->pkt[b->head % CCB_RING];
        b->head++;
        b->inflight -= b->mss;
        b->delivered += b->mss;
        if (p->ce)
                b->marked += b->mss;
        if (b->in_recovery && b->head > b->recover)
                b->in_recovery = false;
        if (p->ce && b->head > b->ecn_recover && !b->in_recovery) {
                b->ecn_recover = b->tail;
                ccb_congestion(b, ELKO_CONGESTION_ECN);
        }
        ccb_tell(b, p, lost_now, lost);
}

static inline uint64_t ccb_next_ack(const struct ccb *b)
{
        for (uint64_t i = b->head; i < b->tail; i++)
                if (!b->pkt[i % CCB_RING].lost)
                        return b->pkt[i % CCB_RING].ack_at;
        return b->head < b->tail ? b->pkt[b->head % CCB_RING].ack_at + 1000000000u : UINT64_MAX;
}

/* Until `until` (true time). */
static inline void ccb_run(struct ccb *b, uint64_t until)
{
        while (b->now < until) {
                uint64_t at = ccb_next_ack(b), wake = UINT64_MAX;

                ek_pacer_set(&b->pacer, ccb_pacing(b));
                while (ccb_may_send(b)) {
                        if (b->lost_queue > 0)
                                b->lost_queue--;
                        else if (!ccb_app_has(b)) {
                                ek_rate_on_app_limited(&b->r, b->inflight);
                                wake = b->now + (uint64_t)b->mss * 1000000000u / b->app_rate;
                                break;
                        }
                        ccb_send(b);
                }
                at = ccb_next_ack(b);
                if (!ek_pacer_is_open(&b->pacer, ccb_shown(b), b->tick_ns)) {
                        uint64_t d = ek_pacer_deadline(&b->pacer, ccb_shown(b), b->tick_ns);

                        d = (d + b->tick_ns - 1) / b->tick_ns * b->tick_ns;
                        wake = d < wake ? d : wake;
                }
                if (at == UINT64_MAX && wake == UINT64_MAX) {
                        b->now = until;
                        return;
                }
                if (at <= wake) {
                        b->now = at > b->now ? at : b->now;
                        if (b->head < b->tail && b->pkt[b->head % CCB_RING].lost) {
                                bool all = true;

                                for (uint64_t i = b->head; i < b->tail; i++)
                                        all = all && b->pkt[i % CCB_RING].lost;
                                if (all) {
                                        /* nothing comes back: a time-out */
                                        ccb_congestion(b, ELKO_CONGESTION_TIMEOUT);
                                        b->losses += (b->tail - b->head) * b->mss;
                                        b->lost_queue += b->tail - b->head;
                                        b->head = b->tail;
                                        b->inflight = 0;
                                        b->in_recovery = false;
                                        continue;
                                }
                        }
                        ccb_ack(b);
                } else {
                        b->now = wake;
                }
        }
}

#endif
