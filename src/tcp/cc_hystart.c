/* SPDX-License-Identifier: MIT */
#include "tcp/cc.h"

/*
 * HyStart++ (RFC 9406). Slow start doubles cwnd in every round trip, so it finds a full queue by losing up
 * to half of a window. But a queue shows before it overflows: the round trips become longer. When the
 * shortest round trip of a round is longer than the last round's by a margin,
 *
 *      RttThresh = clamp(MIN_RTT_THRESH, lastRoundMinRTT / MIN_RTT_DIVISOR, MAX_RTT_THRESH)
 *
 * slow start goes on as Conservative Slow Start (CSS), at a quarter of the speed. Five rounds later
 * congestion avoidance begins; but if round trips become shorter again, than they were when CSS began,
 * it was jitter, and slow start resumes.
 *
 *      slow start --- round trips longer, after N_RTT_SAMPLE samples ---> CSS
 *      CSS        --- shorter than when it began -----------------------> slow start
 *      CSS        --- CSS_ROUNDS rounds --------------------------------> over: ssthresh = cwnd
 *
 * Deviation: round trips show a queue only to who left when it was there already, and what leaves first in a round finds
 * none. So the delay is known a round trip after the window was too large, when it is twice as large. What is known
 * at once is how long the ACKs of a round take to come, one right after the other: as long as the bottleneck took for the
 * data. When such a train is half a round trip long, so much again is on its way by then, and the path is full. (It
 * is the other half of hybrid slow start, which RFC 9438, 4.10 names; where departures are paced the train must be as
 * long as a round trip.) Here it only begins CSS. If longer round trips confirm it, then it is over; if three
 * rounds do not, it was another's doing and slow start resumes.
 *
 * The margin of at least 4 ms is below the resolution of a coarse clock. A clock of 15 ms ticks sees
 * round trips in steps of 15 ms, so one tick is added to the margin: the difference of two measurements
 * may be wrong by that much. (RFC 9406 assumes a clock that is fine enough.)
 */

#define MIN_RTT_THRESH_NS 4000000u
#define MAX_RTT_THRESH_NS 16000000u

enum {
        MIN_RTT_DIVISOR = 8,
        N_RTT_SAMPLE = 8,
        CSS_GROWTH_DIVISOR = 4,
        CSS_ROUNDS = 5,
        L_UNPACED = 8, /* segments of growth for one ACK (4.3) */
        /* the deviation */
        TRAIN_GAP_DIVISOR = 16, /* of the shortest round trip: a longer pause ends the train */
        TRAIN_ROUNDS = 3,
};

/* [RFC9406 4.2a] */
void ek_hystart_init(struct ek_hystart *h, uint64_t clock_resolution_ns)
{
        *h = (struct ek_hystart){
                .tick_ns = clock_resolution_ns,
                .last_min_ns = EK_NEVER,
                .round_min_ns = EK_NEVER,
                .baseline_ns = EK_NEVER,
        };
}

static void begin_css(struct ek_hystart *h, uint64_t baseline_ns, bool by_train)
{
        h->baseline_ns = baseline_ns;
        h->by_train = by_train;
        h->css_rounds = 0;
        h->credit = 0;
}

static void resume(struct ek_hystart *h)
{
        h->baseline_ns = EK_NEVER;
        h->css_rounds = 0;
        h->by_train = false;
}

/* [RFC9406 4.2d] */
static uint64_t thresh(uint64_t rtt_ns, uint64_t tick_ns)
{
        return ek_max_u64(MIN_RTT_THRESH_NS,
                          ek_min_u64(rtt_ns / MIN_RTT_DIVISOR, MAX_RTT_THRESH_NS)) +
               tick_ns;
}

/* [RFC9406 4.2b 4.2i] */
static void on_round(struct ek_hystart *h)
{
        h->last_min_ns = h->round_min_ns;
        h->round_min_ns = EK_NEVER;
        h->samples = 0;
        if (h->baseline_ns == EK_NEVER || h->css_rounds >= CSS_ROUNDS)
                return;
        h->css_rounds++;
        if (h->by_train && h->css_rounds > TRAIN_ROUNDS)
                resume(h);
}

/* [RFC9406 4.2d 4.2e] */
static void look(struct ek_hystart *h)
{
        if (h->samples < N_RTT_SAMPLE || h->round_min_ns == EK_NEVER)
                return;
        if (h->by_train) {
                if (h->css_rounds > 0 &&
                    h->round_min_ns >= h->baseline_ns + thresh(h->baseline_ns, h->tick_ns))
                        h->css_rounds = CSS_ROUNDS;
                return;
        }
        if (h->baseline_ns != EK_NEVER) {
                /* In CSS, (4.2): "the increase ... was spurious". [RFC9406 4.2h] */
                if (h->round_min_ns < h->baseline_ns)
                        resume(h);
                return;
        }
        if (h->last_min_ns == EK_NEVER)
                return;
        if (h->round_min_ns >= h->last_min_ns + thresh(h->last_min_ns, h->tick_ns))
                begin_css(h, h->round_min_ns, false);
}

/* The deviation. A clock must tell a pause from none. */
static void watch_train(struct ek_hystart *h, const struct elko_cc_ack *ev, bool paced)
{
        uint64_t rtt = ev->min_rtt_ns;

        if (ev->round_start) {
                h->train_at = ev->now;
                h->in_train = true;
        } else if (ev->now - h->train_end > rtt / TRAIN_GAP_DIVISOR) {
                h->in_train = false;
        }
        h->train_end = ev->now;
        if (h->in_train && h->baseline_ns == EK_NEVER && h->samples >= N_RTT_SAMPLE &&
            rtt / TRAIN_GAP_DIVISOR >= h->tick_ns &&
            ev->now - h->train_at >= (paced ? rtt : rtt / 2))
                begin_css(h, rtt, true);
}

/* [RFC9406 4.2c 4.2f 4.2g 4.3a 4.3b] */
uint32_t ek_hystart_on_ack(struct ek_hystart *h, const struct elko_cc_ack *ev, bool bursts)
{
        uint32_t grow = ev->acked_bytes;

        if (h->over)
                return grow;
        if (ev->round_start)
                on_round(h);
        if (ev->rtt_ns != 0) {
                h->round_min_ns = ek_min_u64(h->round_min_ns, ev->rtt_ns);
                h->samples++;
                look(h);
        }
        watch_train(h, ev, bursts);
        if (!bursts)
                grow = ek_min_u32(grow, L_UNPACED * ev->mss);
        if (h->baseline_ns == EK_NEVER)
                return grow;
        h->credit += grow;
        grow = h->credit / CSS_GROWTH_DIVISOR;
        h->credit %= CSS_GROWTH_DIVISOR;
        return grow;
}

bool ek_hystart_is_done(const struct ek_hystart *h)
{
        return !h->over && h->baseline_ns != EK_NEVER && h->css_rounds >= CSS_ROUNDS;
}
