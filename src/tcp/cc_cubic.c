/* SPDX-License-Identifier: MIT */
#include "tcp/cc.h"

/*
 * CUBIC, RFC 9438. After a loss at W_max the window follows a cubic function of the time t since congestion
 * avoidance began: fast at first, flat around W_max where it was too much the last time, and then faster and
 * faster away from it to look for more.
 *
 *      W_cubic(t) = C (t - K)^3 + W_max        K = cbrt((W_max - cwnd_epoch) / C)
 *
 * with C = 0.4 segments/s^3. It does not depend on the round trip, unlike Reno; where Reno would be faster
 * (short round trips, small windows), CUBIC follows an estimate W_est of Reno's window instead. The first
 * slow start is HyStart++'s (RFC 9406). ECN marks come from shorter queues than losses, so they lower the window
 * less (ABE, RFC 8511).
 *
 * Deviation: when three losses in a row were found with an empty queue - the shortest round trip of the last round trip
 * was the path's own, to a sixteenth and to 4 ms - then it is by chance that the path loses, and not for want of room.
 * The next one lowers the window to 80 %, as RFC 8511 does where a mark tells of a short queue. Nobody is pressed who
 * waits in a queue that there is not; with the first loss that comes with a queue it is 70 % again.
 *
 * Windows are in bytes, time is in ns; the cubes are of microseconds, and grow no more after 250 s from K:
 * by then the window has gained 10^6 segments.
 *
 * t counts only while cwnd limits the sender (4.2, 5.8): while the application does, the epoch moves with
 * the clock.
 */

enum {
        BETA = 70,     /* percent of the window that stays, (4.6) */
        BETA_ECN = 85, /* RFC 8511, 3.1 */
        /* the deviation */
        BETA_CHANCE = 80,
        CHANCE_LOSSES = 3,
        QUIET_DIVISOR = 16,
        US_PER_S = 1000000,
        ALPHA_NUM = 9, /* alpha = 3 (1 - beta) / (1 + beta) = 9 / 17, (4.3) */
        ALPHA_DEN = 17,
};

#define SPAN_MAX_US  250000000u
#define QUIET_MAX_NS 4000000u /* as RFC 9406 has it */

/* What a spurious loss gives back (4.9.2). */
struct undo {
        uint64_t epoch_at, k_ns;
        uint32_t cwnd, ssthresh, cwnd_prior, w_max, w_est;
        uint8_t by_chance;
        bool in_epoch, from_zero, hystart_over, valid;
};

struct cubic {
        struct ek_hystart hystart;
        uint64_t epoch_at; /* congestion avoidance began */
        uint64_t k_ns;
        uint64_t grown_at;   /* the last time that cwnd was limiting */
        uint64_t credit;     /* (target - cwnd) * bytes, not yet growth */
        uint64_t est_credit; /* alpha's numerator * bytes * mss */
        uint32_t w_max, w_est, cwnd_prior;
        uint32_t left;                            /* cwnd as it was left in congestion avoidance */
        uint64_t min_rtt_ns;                      /* the path's */
        uint64_t round_min_ns, last_round_min_ns; /* EK_NEVER: no sample */
        uint8_t by_chance; /* losses in a row without a queue; up to CHANCE_LOSSES */
        bool in_epoch;
        bool from_zero; /* the next epoch begins with K = 0: after a time-out, after HyStart++ */
        bool waiting;   /* for the application */
        bool bursts;    /* in slow start: no limit to what one ACK adds */
        struct undo undo;
};

EK_STATIC_ASSERT(sizeof(struct cubic) <= ELKO_CC_PRIVATE_BYTES, "private area");

/* [RFC9438 4.2a] C t^3 in bytes, t in us. */
static uint64_t cube_bytes(uint64_t us, uint32_t mss)
{
        uint64_t t = ek_min_u64(us, SPAN_MAX_US);
        uint64_t q = t * t / US_PER_S * t; /* us^3 / 10^6 */

        /* 0.4 mss / 10^12 */
        return ek_mul_div(q / US_PER_S, 2ull * mss, 5ull * US_PER_S);
}

static uint32_t w_cubic(const struct cubic *c, uint64_t t_ns, uint32_t mss)
{
        uint64_t fall;

        if (t_ns >= c->k_ns)
                return (uint32_t)ek_min_u64(c->w_max + cube_bytes((t_ns - c->k_ns) / 1000, mss),
                                            EK_CWND_MAX);
        fall = cube_bytes((c->k_ns - t_ns) / 1000, mss);
        return fall < c->w_max ? (uint32_t)(c->w_max - fall) : 0;
}

/* [RFC9438 4.2b] cbrt(bytes / (0.4 mss)) seconds, in ns. */
static uint64_t k_of(uint32_t bytes, uint32_t mss)
{
        uint64_t ms3 = (uint64_t)bytes * 5000000000u / (2ull * mss); /* 2^30 * 5 * 10^9 fits */
        unsigned shift = 0;

        /* The root of a large number is the more exact: by 8 under it, by 2 over it. */
        while (ms3 != 0 && ms3 < 1ull << 60) {
                ms3 <<= 3;
                shift++;
        }
        return (uint64_t)ek_cbrt(ms3) * 1000000 >> shift;
}

static void cubic_init(void *priv, struct elko_cc_out *out, const struct elko_cc_init *ev)
{
        struct cubic *c = priv;

        *c = (struct cubic){
                .from_zero = true,
                .bursts = ev->paced || ev->slow_start_bursts,
                .round_min_ns = EK_NEVER,
                .last_round_min_ns = EK_NEVER,
        };
        ek_hystart_init(&c->hystart, ev->clock_resolution_ns);
        out->cwnd_bytes = ev->initial_cwnd_bytes;
        out->ssthresh_bytes = UINT32_MAX;
        out->pacing_bytes_per_s = 0;
}

/* [RFC9438 4.2c 4.8b 4.10c] The stage begins with the first ACK that may raise cwnd. */
static void begin_epoch(struct cubic *c, const struct elko_cc_out *out,
                        const struct elko_cc_ack *ev)
{
        c->in_epoch = true;
        c->epoch_at = ev->now;
        c->grown_at = ev->now;
        c->waiting = false;
        c->credit = c->est_credit = 0;
        c->w_est = out->cwnd_bytes;
        c->k_ns = 0;
        if (c->from_zero || c->w_max <= out->cwnd_bytes)
                c->w_max = out->cwnd_bytes;
        else
                c->k_ns = k_of(c->w_max - out->cwnd_bytes, ev->mss);
        c->from_zero = false;
}

/* [RFC9438 4.3a 4.3b 4.3c] */
static void grow_estimate(struct cubic *c, const struct elko_cc_out *out,
                          const struct elko_cc_ack *ev)
{
        uint64_t den = (uint64_t)out->cwnd_bytes * ALPHA_DEN;
        uint32_t alpha = c->w_est >= c->cwnd_prior ? ALPHA_DEN : ALPHA_NUM;

        c->est_credit += (uint64_t)ev->acked_bytes * ev->mss * alpha;
        c->w_est = (uint32_t)ek_min_u64(c->w_est + c->est_credit / den, EK_CWND_MAX);
        c->est_credit %= den;
}

/* [RFC9438 4.2d 4.2e 4.4 4.5] */
static void avoid(struct cubic *c, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        uint32_t cwnd = out->cwnd_bytes, target;
        uint64_t t;

        /* Lowered by others, with a smaller path MTU or by RFC 7661: the curve begins there. */
        if (!c->in_epoch || cwnd < c->left)
                begin_epoch(c, out, ev);
        c->left = cwnd;
        if (c->waiting)
                c->epoch_at += ev->now - c->grown_at;
        c->waiting = false;
        c->grown_at = ev->now;
        t = ev->now - c->epoch_at;
        grow_estimate(c, out, ev);
        if (w_cubic(c, t, ev->mss) < c->w_est) {
                /* cwnd may have lagged behind the curve: it catches up without a burst. */
                target = ek_min_u32(c->w_est, cwnd + ek_max_u32(ev->acked_bytes, ev->mss));
                c->left = out->cwnd_bytes = ek_max_u32(cwnd, target);
                c->credit = 0;
                return;
        }
        target = w_cubic(c, t + ev->srtt_ns, ev->mss);
        target = ek_min_u32(ek_max_u32(target, cwnd), cwnd + cwnd / 2);
        c->credit += (uint64_t)(target - cwnd) * ev->acked_bytes;
        out->cwnd_bytes = (uint32_t)ek_min_u64(cwnd + c->credit / cwnd, ek_max_u32(target, cwnd));
        c->left = out->cwnd_bytes;
        c->credit %= cwnd;
}

/* [RFC9438 4.10a 4.10b] */
static void slow_start(struct cubic *c, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        c->in_epoch = false;
        /* RFC 9406, 4.3: with a threshold, from before a silence perhaps, it is not the first one. */
        if (out->ssthresh_bytes != UINT32_MAX)
                ek_hystart_end(&c->hystart);
        ek_cc_slow_start(out, ek_hystart_on_ack(&c->hystart, ev, c->bursts), ev->mss);
        if (!ek_hystart_is_done(&c->hystart))
                return;
        ek_hystart_end(&c->hystart);
        out->ssthresh_bytes = out->cwnd_bytes;
        c->cwnd_prior = out->cwnd_bytes;
        c->from_zero = true;
}

static void watch_queue(struct cubic *c, const struct elko_cc_ack *ev)
{
        c->min_rtt_ns = ev->min_rtt_ns;
        if (ev->round_start) {
                c->last_round_min_ns = c->round_min_ns;
                c->round_min_ns = EK_NEVER;
        }
        if (ev->rtt_ns != 0)
                c->round_min_ns = ek_min_u64(c->round_min_ns, ev->rtt_ns);
}

/* What was found lost now left in the last round trip, or in this one. */
static bool is_queue_empty(const struct cubic *c)
{
        uint64_t bound = c->min_rtt_ns + ek_min_u64(c->min_rtt_ns / QUIET_DIVISOR, QUIET_MAX_NS) +
                         c->hystart.tick_ns;

        return c->min_rtt_ns != 0 && c->last_round_min_ns <= bound &&
               (c->round_min_ns <= bound || c->round_min_ns == EK_NEVER);
}

static void cubic_on_ack(void *priv, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        struct cubic *c = priv;

        watch_queue(c, ev);
        if (ev->in_recovery || ev->acked_bytes == 0)
                return;
        if (!ev->cwnd_limited) {
                /* [RFC9438 4.2f] */
                c->waiting = true;
                return;
        }
        if (out->cwnd_bytes < out->ssthresh_bytes)
                slow_start(c, out, ev);
        else
                avoid(c, out, ev);
}

static void save(struct cubic *c, const struct elko_cc_out *out)
{
        c->undo = (struct undo){
                .epoch_at = c->epoch_at,
                .k_ns = c->k_ns,
                .cwnd = out->cwnd_bytes,
                .ssthresh = out->ssthresh_bytes,
                .cwnd_prior = c->cwnd_prior,
                .w_max = c->w_max,
                .w_est = c->w_est,
                .in_epoch = c->in_epoch,
                .from_zero = c->from_zero,
                .hystart_over = c->hystart.over,
                .by_chance = c->by_chance,
                .valid = true,
        };
}

/* What stays of the window, in percent. */
static uint32_t beta_of(struct cubic *c, enum elko_congestion kind)
{
        bool by_chance = c->by_chance >= CHANCE_LOSSES;

        if (kind == ELKO_CONGESTION_ECN)
                return BETA_ECN;
        if (kind != ELKO_CONGESTION_LOSS || !is_queue_empty(c))
                c->by_chance = 0;
        else if (by_chance)
                return BETA_CHANCE;
        else
                c->by_chance++;
        return BETA;
}

/* [RFC9438 4.6a 4.6b 4.6c 4.7 4.8a; RFC8511 3.1] */
static void reduce(struct cubic *c, struct elko_cc_out *out, const struct elko_cc_event *ev)
{
        bool ecn = ev->kind == ELKO_CONGESTION_ECN;
        uint32_t beta = beta_of(c, ev->kind), cwnd = out->cwnd_bytes;
        uint32_t share = (uint32_t)((uint64_t)ev->flight_bytes * beta / 100);

        /* Fast convergence: less than the last time, so somebody else needs room. */
        c->w_max = cwnd < c->w_max ? (uint32_t)((uint64_t)cwnd * (100 + beta) / 200) : cwnd;
        c->cwnd_prior = cwnd;
        c->in_epoch = false;
        c->from_zero = ev->kind == ELKO_CONGESTION_TIMEOUT;
        out->ssthresh_bytes = ek_max_u32(share, 2 * ev->mss);
        out->cwnd_bytes = ek_max_u32(share, ecn ? ev->mss : 2 * ev->mss);
        if (ev->kind == ELKO_CONGESTION_TIMEOUT)
                out->cwnd_bytes = ev->mss;
}

static void cubic_on_congestion(void *priv, struct elko_cc_out *out, const struct elko_cc_event *ev)
{
        struct cubic *c = priv;

        if (ev->kind == ELKO_CONGESTION_IDLE) {
                /* RFC 5681, 4.1; another epoch, since slow start comes before */
                out->cwnd_bytes = ek_min_u32(out->cwnd_bytes, ev->initial_cwnd_bytes);
                c->in_epoch = false;
                return;
        }
        save(c, out);
        reduce(c, out, ev);
        ek_hystart_end(&c->hystart);
}

/* [RFC9438 4.9] */
static void cubic_undo(void *priv, struct elko_cc_out *out)
{
        struct cubic *c = priv;
        const struct undo *u = &c->undo;

        if (!u->valid)
                return;
        if (out->cwnd_bytes < c->cwnd_prior) {
                out->cwnd_bytes = u->cwnd;
                out->ssthresh_bytes = u->ssthresh;
                c->cwnd_prior = u->cwnd_prior;
                c->w_max = u->w_max;
                c->k_ns = u->k_ns;
                c->epoch_at = u->epoch_at;
                c->w_est = u->w_est;
                c->in_epoch = u->in_epoch;
                c->from_zero = u->from_zero;
                /* It may still be the first slow start, which goes on until the queue is seen. */
                c->hystart.over = u->hystart_over;
                c->by_chance = u->by_chance;
        }
        c->undo.valid = false;
}

const struct elko_cc_ops elko_cc_cubic = {
        .name = "cubic",
        .private_bytes = sizeof(struct cubic),
        .init = cubic_init,
        .on_ack = cubic_on_ack,
        .on_congestion = cubic_on_congestion,
        .undo = cubic_undo,
};
