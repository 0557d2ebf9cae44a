/* SPDX-License-Identifier: MIT */
#include "tcp/cc.h"

#include "base/winfilter.h"

/*
 * BBRv3, draft-ietf-ccwg-bbr. Instead of filling the queue until it overflows, BBR keeps a model of the path -
 * the most that it delivers (max_bw) and the shortest round trip (min_rtt) - and sends at that rate with about
 * that much in flight: bw * min_rtt. Neither can be measured while the other is, so it looks for one after
 * the other:
 *
 *      STARTUP          2.77 * bw: doubles every round, until the rate grows no more (3 rounds) or too much is lost
 *      DRAIN            0.5 * bw: what STARTUP queued leaves
 *      PROBE_BW_DOWN    0.9 * bw: leaves room for others
 *      PROBE_BW_CRUISE  1.0 * bw: for 2 to 3 seconds, or as many rounds as Reno would take
 *      PROBE_BW_REFILL  1.0 * bw: one round without the bounds that losses set
 *      PROBE_BW_UP      1.25 * bw: is there more? until the rate grows no more, or too much is lost
 *      PROBE_RTT        half of the BDP in flight, for 200 ms, when min_rtt is 5 s old
 *
 * Losses bound it in two ways. While it probes, a loss rate beyond 2 % says how much in flight is too much
 * (inflight_longterm). While it does not, each round with a loss lowers what it sends to what was delivered, at most by
 * 30 % (bw_shortterm, inflight_shortterm); the next REFILL forgets that.
 *
 * The names of functions and variables are the draft's. Rates are in bytes/s, gains in percent.
 *
 * Deviation: a loss rate of LossThresh, 2 %, is the draft's for every path, and outside of its probes any loss slows it
 * down; so a radio link that loses 3 % gets a fraction of its rate, where version 1 looked at no loss at all. Here two
 * rounds in which some packet found the queue empty (its round trip was within a sixteenth of min_rtt) tell
 * what the path loses without our doing. That rate, at most 15 %, with three of the standard deviations that chance
 * makes of it, is what a flight may lose besides LossThresh, and outside of probes, too; as much more leaves
 * as does not arrive. What BBR loses in a queue beyond that counts as the draft says, and where nothing is lost by chance
 * nothing differs from it, but that up to 2 % without a queue slow nothing down.
 *
 * Deviation: the draft probes min_rtt when no lower one was seen for five seconds. Here one that is as low, to a 64th, counts as well:
 * the queue was empty then for all who share it, which is all that PROBE_RTT could bring about. It still comes where
 * several bulk flows keep a queue, and when the path has become longer; a flow alone sees its own queue empty after
 * each probe for bandwidth.
 *
 * Two more. A clock that ticks holds back ACKs and departures by a tick, so a tick's worth is added to what
 * may be in flight, and a round trip below a tick counts as one. And the application-limited mark of
 * PROBE_RTT ("MarkConnectionAppLimited()") is kept here, since the sampler is the engine's: what left
 * between `probe_rtt_from` and `probe_rtt_until`, in delivered bytes, is marked.
 */

#define INF_BW   UINT64_MAX
#define INF_DATA UINT32_MAX

#define MIN_RTT_FILTER_LEN_NS 10000000000u
#define PROBE_RTT_INTERVAL_NS 5000000000u
#define PROBE_RTT_DURATION_NS 200000000u
#define RTT_MAX_NS            16000000000u
#define NS_PER_S              1000000000u
#define BW_MAX                (1ull << 40)

enum {
        STARTUP_PACING_GAIN = 277,
        DRAIN_PACING_GAIN = 50,
        DOWN_PACING_GAIN = 90,
        UP_PACING_GAIN = 125,
        DEFAULT_CWND_GAIN = 200,
        UP_CWND_GAIN = 225,
        PROBE_RTT_CWND_GAIN = 50,
        PACING_MARGIN = 1,
        LOSS_THRESH = 2,
        BETA = 70,
        HEADROOM = 15,
        MIN_PIPE_SEGS = 4,
        STARTUP_FULL_LOSS_CNT = 6,
        FULL_BW_ROUNDS = 3,
        EXTRA_ACKED_FILTER_LEN = 10,
        DRAIN_ROUNDS = 3,
        RENO_ROUNDS = 63,
        QUANTUM_MAX = 65536,
        /* the deviation */
        BASE_LOSS_MAX = 15,    /* percent */
        BASE_LOSS_SEGS = 1000, /* it is measured over so many segments ... */
        BASE_LOSS_ROUNDS = 8,  /* ... or rounds */
        BELIEF_SEGS = 100,     /* that none of the first ones was lost is taken for granted */
        SPREAD = 3,            /* standard deviations */
        QUIET_DIVISOR = 16,
        QUIET_ROUNDS = 2,
        AGAIN_DIVISOR = 64,
};

enum state { STARTUP, DRAIN, DOWN, CRUISE, REFILL, UP, PROBE_RTT, NO_STATE };

static const char *const state_names[] = {
        "STARTUP",         "DRAIN",       "PROBE_BW_DOWN", "PROBE_BW_CRUISE",
        "PROBE_BW_REFILL", "PROBE_BW_UP", "PROBE_RTT",
};

enum ack_phase {
        ACKS_INIT,
        ACKS_REFILLING,
        ACKS_PROBE_STARTING,
        ACKS_PROBE_FEEDBACK,
        ACKS_PROBE_STOPPING
};

struct bbr {
        uint64_t max_bw_filter[2]; /* of the last cycle and of this one */
        uint64_t bw, bw_shortterm, bw_latest, full_bw, undo_bw_shortterm;
        uint64_t min_rtt_ns, min_rtt_stamp;
        uint64_t probe_rtt_min_delay, probe_rtt_min_stamp, probe_rtt_done_stamp;
        uint64_t probe_rtt_from, probe_rtt_until; /* delivered bytes */
        uint64_t next_round_delivered, loss_round_delivered;
        uint64_t cycle_stamp, bw_probe_wait_ns;
        uint64_t extra_acked_interval_start, extra_acked_delivered;
        uint64_t tick_ns, random;
        struct ek_winfilter extra_acked;
        uint32_t mss, initial_cwnd, prior_cwnd;
        uint32_t round_count, drain_start_round, rounds_since_probe_up;
        uint32_t inflight_longterm, inflight_shortterm, inflight_latest;
        uint32_t undo_inflight_shortterm, undo_inflight_longterm;
        uint32_t bw_probe_up_acked, probe_up_acked_per_inc;
        uint32_t round_min_rtt_4ns;         /* of this round, in 4 ns; UINT32_MAX: no sample */
        uint32_t round_lost, round_settled; /* bytes in this round: lost; lost or delivered */
        uint32_t quiet_lost, quiet_settled; /* the same of rounds without a queue, fading */
        uint8_t state, ack_phase, undo_state;
        uint8_t full_bw_count, bw_probe_up_rounds, loss_events;
        bool round_start, loss_round_start, loss_in_round, recovering, has_rtt, selective;
        bool full_bw_reached, full_bw_now, bw_probe_sample;
        bool prev_probe_too_high, prev_probe_precautionary;
        bool marked; /* ECN told of congestion since the last acknowledgement */
        bool idle_restart, probe_rtt_expired, probe_rtt_round_done;
        uint8_t quiet_rounds; /* in a row, without a queue; up to QUIET_ROUNDS */
};

EK_STATIC_ASSERT(sizeof(struct bbr) <= ELKO_CC_PRIVATE_BYTES, "private area");

/* The facts of one ACK, as the draft's RS and C, with what PROBE_RTT marks. */
struct now {
        const struct elko_cc_ack *ev;
        struct elko_cc_rate rs;
        struct elko_cc_out *out;
};

static uint32_t percent_of(uint32_t bytes, uint32_t percent)
{
        return ek_clamp_u32((uint64_t)bytes * percent / 100);
}

static uint64_t max_bw(const struct bbr *b)
{
        return ek_max_u64(b->max_bw_filter[0], b->max_bw_filter[1]);
}

static bool is_probe_bw(const struct bbr *b)
{
        return b->state >= DOWN && b->state <= UP;
}

/* Gains, of the table in "Summary of Control Behavior". */
static uint32_t pacing_gain(const struct bbr *b)
{
        static const uint16_t gain[] = {STARTUP_PACING_GAIN,
                                        DRAIN_PACING_GAIN,
                                        DOWN_PACING_GAIN,
                                        100,
                                        100,
                                        UP_PACING_GAIN,
                                        100};

        return gain[b->state];
}

static uint32_t cwnd_gain(const struct bbr *b)
{
        return b->state == UP          ? UP_CWND_GAIN
               : b->state == PROBE_RTT ? PROBE_RTT_CWND_GAIN
                                       : DEFAULT_CWND_GAIN;
}

/* xorshift64*, from the stack's seed. */
static uint32_t random_below(struct bbr *b, uint32_t n)
{
        b->random ^= b->random >> 12;
        b->random ^= b->random << 25;
        b->random ^= b->random >> 27;
        return (uint32_t)((b->random * 0x2545f4914f6cdd1dull) >> 32) % n;
}

/* The square root, from below. */
static uint32_t root(uint64_t n)
{
        uint64_t r = 0;

        for (uint64_t bit = 1ull << 31; bit != 0; bit >>= 1)
                if ((r + bit) * (r + bit) <= n)
                        r += bit;
        return (uint32_t)r;
}

/* ---- what the path loses by itself ---- */

/* Of quiet_settled. */
static uint32_t base_loss(const struct bbr *b)
{
        return ek_min_u32(b->quiet_lost, percent_of(b->quiet_settled, BASE_LOSS_MAX));
}

/* What must leave, for so much to arrive. */
static uint64_t for_base_loss(const struct bbr *b, uint64_t amount)
{
        return ek_mul_div(amount, b->quiet_settled, b->quiet_settled - base_loss(b));
}

/* ---- how much may be in flight ---- */

static uint32_t min_pipe_cwnd(const struct bbr *b)
{
        return MIN_PIPE_SEGS * b->mss;
}

static uint32_t bdp_multiple(const struct bbr *b, uint64_t bw, uint32_t gain)
{
        if (b->min_rtt_ns == EK_NEVER)
                return b->initial_cwnd; /* no valid RTT samples yet */
        bw = for_base_loss(b, bw);
        return (uint32_t)ek_min_u64(ek_mul_div(ek_mul_div(bw, b->min_rtt_ns, NS_PER_S), gain, 100),
                                    EK_CWND_MAX);
}

/* 3 * C.send_quantum, and what the clock's tick holds back. */
static uint32_t offload_budget(const struct bbr *b, const struct elko_cc_out *out)
{
        uint64_t quantum = ek_min_u64(out->pacing_bytes_per_s / 1000, QUANTUM_MAX);

        return 3 * ek_max_u32((uint32_t)quantum, 2 * b->mss);
}

static uint32_t quantization_budget(const struct bbr *b, const struct elko_cc_out *out,
                                    uint64_t cap)
{
        cap = ek_max_u64(cap, offload_budget(b, out));
        cap = ek_max_u64(cap, min_pipe_cwnd(b));
        if (b->state == UP)
                cap += 2 * b->mss;
        cap += ek_mul_div(b->bw, b->tick_ns, NS_PER_S);
        return (uint32_t)ek_min_u64(cap, EK_CWND_MAX);
}

static uint32_t inflight_for(const struct bbr *b, const struct elko_cc_out *out, uint64_t bw)
{
        return quantization_budget(b, out, bdp_multiple(b, bw, 100));
}

static uint32_t inflight_with_headroom(const struct bbr *b)
{
        uint32_t headroom;

        if (b->inflight_longterm == INF_DATA)
                return INF_DATA;
        headroom = ek_max_u32(b->mss, percent_of(b->inflight_longterm, HEADROOM));
        return ek_max_u32(b->inflight_longterm - ek_min_u32(headroom, b->inflight_longterm),
                          min_pipe_cwnd(b));
}

static uint32_t probe_rtt_cwnd(const struct bbr *b)
{
        return ek_max_u32(bdp_multiple(b, b->bw, PROBE_RTT_CWND_GAIN), min_pipe_cwnd(b));
}

static uint32_t target_inflight(const struct bbr *b, const struct elko_cc_out *out)
{
        return ek_min_u32(bdp_multiple(b, b->bw, 100), out->cwnd_bytes);
}

/* ---- resets ---- */

static void start_round(struct bbr *b, uint64_t delivered)
{
        b->next_round_delivered = delivered;
}

static void reset_congestion_signals(struct bbr *b)
{
        b->loss_in_round = false;
        b->bw_latest = 0;
        b->inflight_latest = 0;
}

static void reset_shortterm_model(struct bbr *b)
{
        b->bw_shortterm = INF_BW;
        b->inflight_shortterm = INF_DATA;
}

static void reset_full_bw(struct bbr *b)
{
        b->full_bw = 0;
        b->full_bw_count = 0;
        b->full_bw_now = false;
}

static void save_cwnd(struct bbr *b, const struct elko_cc_out *out)
{
        if (!b->recovering && b->state != PROBE_RTT)
                b->prior_cwnd = out->cwnd_bytes;
        else
                b->prior_cwnd = ek_max_u32(b->prior_cwnd, out->cwnd_bytes);
}

static void restore_cwnd(const struct bbr *b, struct elko_cc_out *out)
{
        out->cwnd_bytes = ek_max_u32(out->cwnd_bytes, b->prior_cwnd);
}

/* ---- pacing ---- */

static void set_pacing_rate_with_gain(struct bbr *b, struct elko_cc_out *out, uint32_t gain)
{
        uint64_t rate = ek_mul_div(for_base_loss(b, b->bw), gain * (100 - PACING_MARGIN), 10000);

        if (b->full_bw_reached || rate > out->pacing_bytes_per_s)
                out->pacing_bytes_per_s = ek_max_u64(rate, 1);
}

static void init_pacing_rate(const struct bbr *b, struct elko_cc_out *out, uint64_t srtt_ns)
{
        uint64_t nominal = ek_mul_div(b->initial_cwnd, NS_PER_S, srtt_ns != 0 ? srtt_ns : 1000000);

        out->pacing_bytes_per_s = ek_max_u64(ek_mul_div(nominal, STARTUP_PACING_GAIN, 100), 1);
}

/* ---- PROBE_BW: entering its phases ---- */

static void start_down(struct bbr *b, uint64_t now, uint64_t delivered)
{
        reset_congestion_signals(b);
        b->probe_up_acked_per_inc = INF_DATA;
        /* PickProbeWait() */
        b->rounds_since_probe_up = random_below(b, 2);
        b->bw_probe_wait_ns = 2 * (uint64_t)NS_PER_S + random_below(b, NS_PER_S);
        b->cycle_stamp = now;
        b->ack_phase = ACKS_PROBE_STOPPING;
        start_round(b, delivered);
        b->state = DOWN;
}

static void start_refill(struct bbr *b, uint64_t delivered)
{
        reset_shortterm_model(b);
        b->bw_probe_up_rounds = 0;
        b->bw_probe_up_acked = 0;
        b->prev_probe_precautionary = false;
        b->ack_phase = ACKS_REFILLING;
        start_round(b, delivered);
        b->state = REFILL;
}

static void raise_longterm_slope(struct bbr *b, const struct elko_cc_out *out)
{
        uint32_t growth = 1u << b->bw_probe_up_rounds;

        if (b->bw_probe_up_rounds < 30)
                b->bw_probe_up_rounds++;
        b->probe_up_acked_per_inc = ek_max_u32(out->cwnd_bytes / growth, b->mss);
}

static void start_up(struct bbr *b, const struct now *n)
{
        b->ack_phase = ACKS_PROBE_STARTING;
        start_round(b, n->ev->delivered_bytes);
        reset_full_bw(b);
        b->full_bw = n->rs.bytes_per_s;
        b->state = UP;
        raise_longterm_slope(b, n->out);
}

/* ---- losses ---- */

/* How much of so many bytes the path may have lost by itself. */
static uint32_t not_our_doing(const struct bbr *b, uint32_t inflight)
{
        uint64_t own = (uint64_t)inflight * base_loss(b) / b->quiet_settled;

        return ek_clamp_u32(own + SPREAD * root(own * b->mss));
}

static uint32_t loss_allowance(const struct bbr *b, uint32_t inflight)
{
        return percent_of(inflight, LOSS_THRESH) + not_our_doing(b, inflight);
}

static bool is_too_high(const struct bbr *b, uint32_t lost, uint32_t tx_in_flight)
{
        return lost > loss_allowance(b, tx_in_flight) || (lost > 0 && !b->selective);
}

static void begin_round(struct bbr *b)
{
        b->round_min_rtt_4ns = UINT32_MAX;
        b->round_lost = b->round_settled = 0;
}

static void note_round(struct bbr *b, const struct now *n)
{
        b->round_lost = ek_clamp_u32((uint64_t)b->round_lost + n->ev->newly_lost_bytes);
        b->round_settled = ek_clamp_u32((uint64_t)b->round_settled + n->ev->newly_lost_bytes +
                                        n->ev->newly_delivered);
        if (n->ev->rtt_ns != 0)
                b->round_min_rtt_4ns =
                        (uint32_t)ek_min_u64(b->round_min_rtt_4ns, n->ev->rtt_ns / 4);
}

static bool is_quiet(const struct bbr *b)
{
        return b->quiet_rounds >= QUIET_ROUNDS;
}

/* Where the path holds less than one and a half of the pacer's quanta, a quantum can overflow a queue that the next
 * one finds empty. */
static bool is_in_bursts(const struct bbr *b, const struct elko_cc_out *out)
{
        return bdp_multiple(b, b->bw, 200) < offload_budget(b, out);
}

static void count_quiet_round(struct bbr *b, const struct now *n)
{
        uint64_t least = ek_min_u64(b->min_rtt_ns, RTT_MAX_NS);

        if (n->ev->after_timeout || is_in_bursts(b, n->out) ||
            b->round_min_rtt_4ns > (least + least / QUIET_DIVISOR + b->tick_ns) / 4)
                b->quiet_rounds = 0;
        else if (!is_quiet(b))
                b->quiet_rounds++;
}

/* A round trip ends. What was found lost in it left in the one before, so neither may have had a queue. But what lost
 * less than the path is said to lose shows that this is wrong, with a queue or without. */
static void learn_base_loss(struct bbr *b, const struct now *n)
{
        uint64_t most = BASE_LOSS_ROUNDS * (uint64_t)b->round_settled;

        count_quiet_round(b, n);
        if (is_quiet(b) || (uint64_t)b->round_lost * b->quiet_settled <
                                   (uint64_t)b->quiet_lost * b->round_settled) {
                b->quiet_lost += b->round_lost;
                b->quiet_settled += b->round_settled;
        }
        most = ek_min_u64(ek_max_u64(most, BASE_LOSS_SEGS * b->mss), EK_CWND_MAX);
        if (b->quiet_settled > most) {
                b->quiet_lost /= 2;
                b->quiet_settled = b->quiet_settled / 2 + 1;
        }
        begin_round(b);
}

static void save_state_upon_loss(struct bbr *b, const struct elko_cc_out *out)
{
        save_cwnd(b, out);
        b->undo_state = NO_STATE;
        b->undo_bw_shortterm = b->bw_shortterm;
        b->undo_inflight_shortterm = b->inflight_shortterm;
        b->undo_inflight_longterm = b->inflight_longterm;
}

static void handle_inflight_too_high(struct bbr *b, const struct now *n, uint32_t tx_in_flight,
                                     bool app_limited)
{
        b->prev_probe_too_high = true;
        b->bw_probe_sample = false; /* only react once per bw probe */
        if (!app_limited)
                b->inflight_longterm =
                        ek_max_u32(tx_in_flight, percent_of(target_inflight(b, n->out), BETA));
        if (b->state == UP) {
                b->undo_state = UP;
                start_down(b, n->ev->now, n->ev->delivered_bytes);
        }
}

/* At what was in flight did the losses cross LossThresh? */
static uint32_t inflight_at_loss(const struct bbr *b, const struct elko_cc_lost *p)
{
        uint32_t size = ek_min_u32(p->size_bytes, ek_min_u32(p->tx_in_flight_bytes, p->lost_bytes));
        uint32_t inflight_prev = p->tx_in_flight_bytes - size, lost_prev = p->lost_bytes - size;
        uint32_t budget = loss_allowance(b, inflight_prev);

        if (lost_prev >= budget)
                return inflight_prev;
        return inflight_prev +
               (uint32_t)((uint64_t)(budget - lost_prev) * 100 / (100 - LOSS_THRESH));
}

static void note_loss(struct bbr *b, const struct now *n)
{
        if (!b->loss_in_round) {
                b->loss_round_delivered = n->ev->delivered_bytes;
                save_state_upon_loss(b, n->out);
        }
        b->loss_in_round = true;
}

/* HandleLostPacket(), for the newest of what was declared lost. */
static void handle_lost(struct bbr *b, const struct now *n)
{
        const struct elko_cc_lost *p = &n->ev->lost;

        if (n->ev->newly_lost_bytes == 0)
                return;
        note_loss(b, n);
        if (b->loss_events < UINT8_MAX)
                b->loss_events++;
        if (!b->bw_probe_sample || p->size_bytes == 0)
                return; /* not sent while probing bandwidth */
        if (is_too_high(b, p->lost_bytes, p->tx_in_flight_bytes))
                handle_inflight_too_high(b, n, inflight_at_loss(b, p), p->app_limited);
}

/*
 * ECN is no signal of the draft's. RFC 3168, 6.1.2 wants the answer that a loss gets, so a window of data with a mark is a
 * round with a loss, and what was in flight then was too much while it probes. [RFC3168 6.1.2b]
 */
static void handle_marked(struct bbr *b, const struct now *n)
{
        if (!b->marked)
                return;
        b->marked = false;
        note_loss(b, n);
        if (b->state == STARTUP && !b->full_bw_reached) {
                b->full_bw_reached = true;
                b->inflight_longterm = ek_max_u32(bdp_multiple(b, b->bw, 100), b->inflight_latest);
        } else if (b->bw_probe_sample && n->rs.valid) {
                handle_inflight_too_high(b, n, n->rs.tx_in_flight_bytes, n->rs.app_limited);
        }
}

/* ---- the model ---- */

static void update_latest_delivery_signals(struct bbr *b, const struct now *n)
{
        b->loss_round_start = false;
        b->bw_latest = ek_max_u64(b->bw_latest, n->rs.bytes_per_s);
        b->inflight_latest = ek_max_u32(b->inflight_latest, n->rs.delivered_bytes);
        if (n->rs.valid && n->rs.prior_delivered >= b->loss_round_delivered) {
                b->loss_round_delivered = n->ev->delivered_bytes;
                b->loss_round_start = true;
        }
}

static void update_round(struct bbr *b, const struct now *n)
{
        note_round(b, n);
        b->round_start = n->rs.valid && n->rs.prior_delivered >= b->next_round_delivered;
        if (!b->round_start)
                return;
        start_round(b, n->ev->delivered_bytes);
        b->round_count++;
        b->rounds_since_probe_up++;
        learn_base_loss(b, n);
}

static void update_max_bw(struct bbr *b, const struct now *n)
{
        uint64_t bw = ek_min_u64(n->rs.bytes_per_s, BW_MAX);

        update_round(b, n);
        if (bw > 0 && (bw >= max_bw(b) || !n->rs.app_limited))
                b->max_bw_filter[1] = ek_max_u64(b->max_bw_filter[1], bw);
}

static void advance_max_bw_filter(struct bbr *b)
{
        if (b->max_bw_filter[1] == 0)
                return; /* no samples in this cycle */
        b->max_bw_filter[0] = b->max_bw_filter[1];
        b->max_bw_filter[1] = 0;
}

/* Once per round trip respond to congestion, unless it was made on purpose. */
static void adapt_lower_bounds(struct bbr *b, const struct now *n)
{
        if (b->state == STARTUP || b->state == REFILL || b->state == UP || !b->loss_in_round)
                return;
        if (n->rs.lost_bytes <= (is_quiet(b) ? loss_allowance(b, n->rs.tx_in_flight_bytes)
                                             : not_our_doing(b, n->rs.tx_in_flight_bytes)))
                return;
        if (b->bw_shortterm == INF_BW)
                b->bw_shortterm = max_bw(b);
        if (b->inflight_shortterm == INF_DATA)
                b->inflight_shortterm = n->out->cwnd_bytes;
        b->bw_shortterm = ek_max_u64(b->bw_latest, ek_mul_div(b->bw_shortterm, BETA, 100));
        b->inflight_shortterm =
                ek_max_u32(b->inflight_latest, percent_of(b->inflight_shortterm, BETA));
}

static void update_congestion_signals(struct bbr *b, const struct now *n)
{
        update_max_bw(b, n);
        if (!b->loss_round_start)
                return;
        adapt_lower_bounds(b, n);
        b->loss_in_round = false;
}

static void update_ack_aggregation(struct bbr *b, const struct now *n)
{
        uint64_t now = n->ev->now, expected, extra;

        expected = ek_mul_div(b->bw, now - b->extra_acked_interval_start, NS_PER_S);
        if (b->extra_acked_delivered <= expected) {
                b->extra_acked_delivered = 0;
                b->extra_acked_interval_start = now;
                expected = 0;
        }
        b->extra_acked_delivered += n->ev->newly_delivered;
        extra = b->extra_acked_delivered - ek_min_u64(expected, b->extra_acked_delivered);
        extra = ek_min_u64(extra, n->out->cwnd_bytes);
        ek_winfilter_max(&b->extra_acked, b->full_bw_reached ? EXTRA_ACKED_FILTER_LEN : 1,
                         b->round_count, extra);
}

/* ---- STARTUP and DRAIN ---- */

static void check_full_bw_reached(struct bbr *b, const struct now *n)
{
        if (b->full_bw_now || !b->round_start || n->rs.app_limited)
                return;
        if (n->rs.bytes_per_s >= ek_mul_div(b->full_bw, 125, 100) && n->rs.bytes_per_s != 0) {
                reset_full_bw(b); /* still growing */
                b->full_bw = n->rs.bytes_per_s;
                return;
        }
        b->full_bw_count++;
        b->full_bw_now = b->full_bw_count >= FULL_BW_ROUNDS;
        if (b->full_bw_now)
                b->full_bw_reached = true;
}

/* CheckStartupHighLoss() */
static void check_startup_high_loss(struct bbr *b, const struct now *n)
{
        bool many = b->loss_events >= STARTUP_FULL_LOSS_CNT && b->loss_round_start;

        if (b->state == STARTUP && !b->full_bw_reached && n->ev->in_recovery &&
            (b->selective ? many && is_too_high(b, n->rs.lost_bytes, n->rs.tx_in_flight_bytes)
                          : b->loss_events > 0)) {
                b->undo_state = STARTUP;
                b->full_bw_reached = true;
                b->inflight_longterm = ek_max_u32(bdp_multiple(b, b->bw, 100), b->inflight_latest);
        }
        if (b->loss_round_start)
                b->loss_events = 0;
}

static void check_startup_done(struct bbr *b, const struct now *n)
{
        check_startup_high_loss(b, n);
        if (b->state != STARTUP || !b->full_bw_reached)
                return;
        b->state = DRAIN;
        b->drain_start_round = b->round_count;
}

static void check_drain_done(struct bbr *b, const struct now *n)
{
        if (b->state == DRAIN && (n->ev->inflight_bytes <= inflight_for(b, n->out, b->bw) ||
                                  b->round_count > b->drain_start_round + DRAIN_ROUNDS))
                start_down(b, n->ev->now, n->ev->delivered_bytes);
}

/* ---- PROBE_BW ---- */

static void probe_longterm_upward(struct bbr *b, const struct now *n)
{
        uint32_t delta;

        if (!n->ev->cwnd_limited || n->out->cwnd_bytes < b->inflight_longterm)
                return; /* not fully using inflight_longterm, so don't grow it */
        b->bw_probe_up_acked =
                ek_clamp_u32((uint64_t)b->bw_probe_up_acked + n->ev->newly_delivered);
        if (b->bw_probe_up_acked >= b->probe_up_acked_per_inc) {
                delta = b->bw_probe_up_acked / b->probe_up_acked_per_inc;
                b->bw_probe_up_acked -= delta * b->probe_up_acked_per_inc;
                b->inflight_longterm = (uint32_t)ek_min_u64(
                        b->inflight_longterm + (uint64_t)delta * b->mss, EK_CWND_MAX);
        }
        if (b->round_start)
                raise_longterm_slope(b, n->out);
}

/* True: it decided a state transition. */
static bool adapt_longterm_model(struct bbr *b, const struct now *n)
{
        if (b->ack_phase == ACKS_PROBE_STARTING && b->round_start)
                b->ack_phase = ACKS_PROBE_FEEDBACK;
        if (b->ack_phase == ACKS_PROBE_STOPPING && b->round_start) {
                b->bw_probe_sample = false;
                b->ack_phase = ACKS_INIT;
                if (is_probe_bw(b) && !n->rs.app_limited)
                        advance_max_bw_filter(b);
                if (is_probe_bw(b) && b->prev_probe_precautionary && !b->prev_probe_too_high) {
                        start_refill(b, n->ev->delivered_bytes);
                        return true;
                }
        }
        if (is_too_high(b, n->rs.lost_bytes, n->rs.tx_in_flight_bytes) ||
            b->inflight_longterm == INF_DATA)
                return false;
        /* The loss rate is safe: adjust the upper bound upward. */
        if (n->rs.tx_in_flight_bytes > b->inflight_longterm)
                b->inflight_longterm = n->rs.tx_in_flight_bytes;
        if (b->state == UP)
                probe_longterm_upward(b, n);
        return false;
}

static bool is_time_to_probe_bw(struct bbr *b, const struct now *n)
{
        uint32_t reno = ek_min_u32(target_inflight(b, n->out) / b->mss, RENO_ROUNDS);

        if (n->ev->now <= ek_time_add(b->cycle_stamp, b->bw_probe_wait_ns) &&
            b->rounds_since_probe_up < reno)
                return false;
        start_refill(b, n->ev->delivered_bytes);
        return true;
}

static bool is_time_to_cruise(const struct bbr *b, const struct now *n)
{
        return n->ev->inflight_bytes <= inflight_with_headroom(b) &&
               n->ev->inflight_bytes <= inflight_for(b, n->out, max_bw(b));
}

static bool is_time_to_go_down(struct bbr *b, const struct now *n)
{
        if (b->prev_probe_too_high && n->ev->inflight_bytes >= b->inflight_longterm) {
                b->prev_probe_precautionary = true;
                return true;
        }
        if (n->ev->cwnd_limited && n->out->cwnd_bytes >= b->inflight_longterm) {
                reset_full_bw(b); /* bw is limited by inflight_longterm */
                b->full_bw = n->rs.bytes_per_s;
        } else if (b->full_bw_now) {
                return true;
        }
        return false;
}

static void update_probe_bw_cycle_phase(struct bbr *b, const struct now *n)
{
        if (!b->full_bw_reached || adapt_longterm_model(b, n))
                return;
        switch ((enum state)b->state) {
        case DOWN:
                if (!is_time_to_probe_bw(b, n) && is_time_to_cruise(b, n))
                        b->state = CRUISE;
                break;
        case CRUISE: is_time_to_probe_bw(b, n); break;
        case REFILL:
                if (b->round_start) {
                        b->bw_probe_sample = true;
                        start_up(b, n);
                }
                break;
        case UP:
                if (is_time_to_go_down(b, n)) {
                        b->prev_probe_too_high = false; /* no high loss (yet) */
                        start_down(b, n->ev->now, n->ev->delivered_bytes);
                }
                break;
        case STARTUP:
        case DRAIN:
        case PROBE_RTT:
        case NO_STATE: break;
        }
}

/* ---- PROBE_RTT ---- */

/* The deviation: the round trip was seen again without a queue, as good as. */
static bool is_seen_again(const struct bbr *b, uint64_t rtt)
{
        uint64_t least = b->probe_rtt_min_delay;

        return least != EK_NEVER && b->tick_ns <= least / AGAIN_DIVISOR &&
               rtt <= least + least / AGAIN_DIVISOR;
}

static void update_min_rtt(struct bbr *b, const struct now *n)
{
        uint64_t now = n->ev->now, rtt = n->ev->rtt_ns;

        b->probe_rtt_expired = now > ek_time_add(b->probe_rtt_min_stamp, PROBE_RTT_INTERVAL_NS);
        if (rtt != 0) {
                rtt = ek_min_u64(ek_max_u64(rtt, b->tick_ns), RTT_MAX_NS);
                if (rtt < b->probe_rtt_min_delay || b->probe_rtt_expired) {
                        b->probe_rtt_min_delay = rtt;
                        b->probe_rtt_min_stamp = now;
                } else if (is_seen_again(b, rtt)) {
                        b->probe_rtt_min_stamp = now;
                }
        }
        if (b->probe_rtt_min_delay < b->min_rtt_ns ||
            now > ek_time_add(b->min_rtt_stamp, MIN_RTT_FILTER_LEN_NS)) {
                b->min_rtt_ns = b->probe_rtt_min_delay;
                b->min_rtt_stamp = b->probe_rtt_min_stamp;
        }
}

static void exit_probe_rtt(struct bbr *b, uint64_t now, uint64_t delivered)
{
        reset_shortterm_model(b);
        if (b->full_bw_reached) {
                start_down(b, now, delivered);
                b->state = CRUISE;
        } else {
                b->state = STARTUP;
        }
}

static void check_probe_rtt_done(struct bbr *b, struct elko_cc_out *out, uint64_t now,
                                 uint64_t delivered)
{
        if (b->probe_rtt_done_stamp == 0 || now <= b->probe_rtt_done_stamp)
                return;
        b->probe_rtt_min_stamp = now; /* schedule the next one */
        restore_cwnd(b, out);
        exit_probe_rtt(b, now, delivered);
}

static void handle_probe_rtt(struct bbr *b, const struct now *n)
{
        const struct elko_cc_ack *ev = n->ev;

        b->probe_rtt_until = ev->delivered_bytes + ev->inflight_bytes;
        if (b->probe_rtt_done_stamp == 0 && ev->inflight_bytes <= probe_rtt_cwnd(b)) {
                b->probe_rtt_done_stamp = ek_time_add(ev->now, PROBE_RTT_DURATION_NS);
                b->probe_rtt_round_done = false;
                start_round(b, ev->delivered_bytes);
        } else if (b->probe_rtt_done_stamp != 0) {
                if (b->round_start)
                        b->probe_rtt_round_done = true;
                if (b->probe_rtt_round_done)
                        check_probe_rtt_done(b, n->out, ev->now, ev->delivered_bytes);
        }
}

static void check_probe_rtt(struct bbr *b, const struct now *n)
{
        if (b->state != PROBE_RTT && b->probe_rtt_expired && !b->idle_restart) {
                save_cwnd(b, n->out);
                b->state = PROBE_RTT;
                b->probe_rtt_done_stamp = 0;
                b->probe_rtt_from = n->ev->delivered_bytes;
                b->ack_phase = ACKS_PROBE_STOPPING;
                start_round(b, n->ev->delivered_bytes);
        }
        if (b->state == PROBE_RTT)
                handle_probe_rtt(b, n);
        if (n->rs.delivered_bytes > 0)
                b->idle_restart = false;
}

/* ---- outputs ---- */

static void bound_cwnd_for_model(const struct bbr *b, struct elko_cc_out *out)
{
        uint32_t cap = INF_DATA;

        if (b->state == PROBE_RTT)
                out->cwnd_bytes = ek_min_u32(out->cwnd_bytes, probe_rtt_cwnd(b));
        if (is_probe_bw(b) && b->state != CRUISE)
                cap = b->inflight_longterm;
        else if (b->state == PROBE_RTT || b->state == CRUISE)
                cap = inflight_with_headroom(b);
        cap = ek_min_u32(cap, b->inflight_shortterm);
        cap = ek_max_u32(cap, min_pipe_cwnd(b));
        out->cwnd_bytes = ek_min_u32(out->cwnd_bytes, cap);
}

static void set_cwnd(struct bbr *b, const struct now *n)
{
        struct elko_cc_out *out = n->out;
        uint64_t cwnd = (uint64_t)out->cwnd_bytes + n->ev->newly_delivered;
        uint32_t most = quantization_budget(
                b, out, bdp_multiple(b, b->bw, cwnd_gain(b)) + ek_winfilter_get(&b->extra_acked));

        if (b->full_bw_reached)
                out->cwnd_bytes = (uint32_t)ek_min_u64(cwnd, most);
        else if (out->cwnd_bytes < most || n->ev->delivered_bytes < b->initial_cwnd)
                out->cwnd_bytes = (uint32_t)ek_min_u64(cwnd, EK_CWND_MAX);
        out->cwnd_bytes = ek_max_u32(out->cwnd_bytes, min_pipe_cwnd(b));
        bound_cwnd_for_model(b, out);
}

/* ---- the interface ---- */

static void bbr_init(void *priv, struct elko_cc_out *out, const struct elko_cc_init *ev)
{
        struct bbr *b = priv;

        *b = (struct bbr){
                .min_rtt_ns = ev->srtt_ns != 0
                                      ? ek_min_u64(ek_max_u64(ev->srtt_ns, ev->clock_resolution_ns),
                                                   RTT_MAX_NS)
                                      : EK_NEVER,
                .min_rtt_stamp = ev->now,
                .probe_rtt_min_delay = EK_NEVER,
                .probe_rtt_min_stamp = ev->now,
                .probe_rtt_from = UINT64_MAX,
                .next_round_delivered = ev->delivered_bytes,
                .loss_round_delivered = ev->delivered_bytes,
                .extra_acked_interval_start = ev->now,
                .tick_ns = ev->clock_resolution_ns,
                .random = ev->random | 1,
                .mss = ev->mss,
                .initial_cwnd = ev->initial_cwnd_bytes,
                .inflight_longterm = INF_DATA,
                .probe_up_acked_per_inc = INF_DATA,
                .undo_state = NO_STATE,
                .has_rtt = ev->srtt_ns != 0,
                .selective = ev->selective_acks,
        };
        b->probe_rtt_min_delay = b->min_rtt_ns;
        b->quiet_settled = BELIEF_SEGS * ev->mss;
        begin_round(b);
        reset_shortterm_model(b);
        ek_winfilter_reset(&b->extra_acked, 0, 0);
        out->cwnd_bytes = ev->initial_cwnd_bytes;
        out->ssthresh_bytes = UINT32_MAX;
        init_pacing_rate(b, out, ev->srtt_ns);
}

static void update_model_and_state(struct bbr *b, const struct now *n)
{
        update_latest_delivery_signals(b, n);
        update_congestion_signals(b, n);
        update_ack_aggregation(b, n);
        check_full_bw_reached(b, n);
        check_startup_done(b, n);
        check_drain_done(b, n);
        update_probe_bw_cycle_phase(b, n);
        update_min_rtt(b, n);
        check_probe_rtt(b, n);
        if (b->loss_round_start) {
                b->bw_latest = n->rs.bytes_per_s;
                b->inflight_latest = n->rs.delivered_bytes;
        }
        b->bw = ek_min_u64(max_bw(b), b->bw_shortterm);
}

static void bbr_on_ack(void *priv, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        struct bbr *b = priv;
        struct now n = {.ev = ev, .rs = ev->rate, .out = out};
        bool recovering = ev->in_recovery || ev->after_timeout;

        b->mss = ev->mss;
        if (n.rs.prior_delivered >= b->probe_rtt_from && n.rs.prior_delivered <= b->probe_rtt_until)
                n.rs.app_limited = true;
        if (!b->has_rtt && ev->srtt_ns != 0) {
                b->has_rtt = true;
                init_pacing_rate(b, out, ev->srtt_ns);
        }
        handle_lost(b, &n);
        handle_marked(b, &n);
        update_model_and_state(b, &n);
        if (b->recovering && !recovering)
                restore_cwnd(b, out);
        b->recovering = recovering;
        set_pacing_rate_with_gain(b, out, pacing_gain(b));
        set_cwnd(b, &n);
}

/* OnEnterRTO(), OnEnterFastRecovery(); a silence is on_start()'s. */
static void bbr_on_congestion(void *priv, struct elko_cc_out *out, const struct elko_cc_event *ev)
{
        struct bbr *b = priv;

        if (ev->kind == ELKO_CONGESTION_ECN)
                b->marked = true;
        if (ev->kind != ELKO_CONGESTION_LOSS && ev->kind != ELKO_CONGESTION_TIMEOUT)
                return;
        if (!b->loss_in_round) {
                b->loss_round_delivered = ev->delivered_bytes;
                save_state_upon_loss(b, out);
        }
        b->loss_in_round = true;
        b->recovering = true;
        if (ev->kind == ELKO_CONGESTION_TIMEOUT)
                out->cwnd_bytes = ev->mss; /* nothing is in flight any more */
}

/* HandleRestartFromIdle() */
static void bbr_on_start(void *priv, struct elko_cc_out *out, const struct elko_cc_event *ev)
{
        struct bbr *b = priv;

        if (!ev->app_limited)
                return;
        b->idle_restart = true;
        b->extra_acked_interval_start = ev->now;
        if (is_probe_bw(b))
                set_pacing_rate_with_gain(b, out, 100);
        else if (b->state == PROBE_RTT)
                check_probe_rtt_done(b, out, ev->now, ev->delivered_bytes);
}

/* HandleSpuriousLossDetection() */
static void bbr_undo(void *priv, struct elko_cc_out *out)
{
        struct bbr *b = priv;

        restore_cwnd(b, out);
        b->loss_in_round = false;
        reset_full_bw(b);
        b->bw_shortterm = ek_max_u64(b->bw_shortterm, b->undo_bw_shortterm);
        b->inflight_shortterm = ek_max_u32(b->inflight_shortterm, b->undo_inflight_shortterm);
        b->inflight_longterm = ek_max_u32(b->inflight_longterm, b->undo_inflight_longterm);
        if (b->undo_state == STARTUP && b->state != STARTUP) {
                b->full_bw_reached = false;
                if (b->state != PROBE_RTT)
                        b->state = STARTUP;
        } else if (b->undo_state == UP && b->state != UP && b->state != PROBE_RTT) {
                start_refill(b, b->next_round_delivered);
        }
        b->undo_state = NO_STATE;
}

static void bbr_info(const void *priv, struct elko_cc_info *out)
{
        const struct bbr *b = priv;

        out->kind = ELKO_CC_INFO_BBR;
        out->state = state_names[b->state];
        out->bw = b->bw;
        out->min_rtt_ns = b->min_rtt_ns == EK_NEVER ? 0 : b->min_rtt_ns;
        out->pacing_gain_256 = pacing_gain(b) * 256 / 100;
        out->cwnd_gain_256 = cwnd_gain(b) * 256 / 100;
}

const struct elko_cc_ops elko_cc_bbr = {
        .name = "bbr",
        .private_bytes = sizeof(struct bbr),
        .init = bbr_init,
        .on_ack = bbr_on_ack,
        .on_congestion = bbr_on_congestion,
        .on_start = bbr_on_start,
        .undo = bbr_undo,
        .info = bbr_info,
        .owns_recovery = true,
};
