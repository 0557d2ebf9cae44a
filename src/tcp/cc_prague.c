/* SPDX-License-Identifier: MIT */
#include "tcp/cc.h"

/*
 * A scalable response for L4S queues (RFC 9330, 9331), after the TCP that the two call Prague. The marks of such a
 * queue come two in each round trip however fast the flow is, so the window may saw in small teeth. What
 * RFC 9331, 4.3 asks of a scalable congestion control, and how it is met:
 *
 *      the response is scalable                 alpha, the fraction of marked bytes, as in DCTCP: cwnd -= alpha/2
 *      falls back on loss                       half of the window, as Reno (RFC 5681)
 *      less dependent on the round trip         below 25 ms the window grows as with 25 ms: by (rtt / 25 ms)^2
 *      detects loss in units of time            RACK's, the engine's
 *      paced (recommended)                      always, at twice cwnd / srtt in slow start and cwnd / srtt after
 *
 * Item 3, which is not met: nothing here finds out that the marks come from a classic queue. So it is for networks
 * that are known to have none, like DCTCP.
 *
 * Bytes that were marked do not add to the window, so there are no pauses between growth and reduction: in
 * equilibrium the two meet within each round trip. The first mark ends slow start.
 */

enum {
        ONE = 1 << 20,
        G_SHIFT = 4,
        PACE_SLOW_START = 200,
};

#define VIRTUAL_RTT_NS 25000000u

struct prague {
        uint64_t acked_total, marked_total;
        uint64_t credit; /* bytes acknowledged, scaled by (rtt / 25 ms)^2 in units of 2^-20 */
        uint32_t alpha;
        uint32_t prior_cwnd, prior_ssthresh;
};

EK_STATIC_ASSERT(sizeof(struct prague) <= ELKO_CC_PRIVATE_BYTES, "private area");

static void pace(struct elko_cc_out *out, uint64_t srtt_ns)
{
        uint32_t percent = out->cwnd_bytes < out->ssthresh_bytes ? PACE_SLOW_START : 100;

        if (srtt_ns == 0)
                return;
        out->pacing_bytes_per_s = ek_max_u64(
                ek_mul_div((uint64_t)out->cwnd_bytes * percent / 100, 1000000000u, srtt_ns), 1);
}

static void prague_init(void *priv, struct elko_cc_out *out, const struct elko_cc_init *ev)
{
        struct prague *p = priv;

        *p = (struct prague){.alpha = ONE};
        out->cwnd_bytes = ev->initial_cwnd_bytes;
        out->ssthresh_bytes = UINT32_MAX;
        out->pacing_bytes_per_s = 0;
        pace(out, ev->srtt_ns);
}

static void observe(struct prague *p, const struct elko_cc_ack *ev)
{
        p->acked_total += ev->newly_delivered;
        p->marked_total += ek_min_u32(ev->ce_bytes, ev->newly_delivered);
        if (!ev->round_start || p->acked_total == 0)
                return;
        p->alpha = p->alpha - (p->alpha >> G_SHIFT) +
                   (uint32_t)(ek_mul_div(p->marked_total, ONE, p->acked_total) >> G_SHIFT);
        p->alpha = ek_min_u32(p->alpha, ONE);
        p->acked_total = p->marked_total = 0;
}

/* One segment for a window of unmarked bytes; less where round trips are short. */
static void grow(struct prague *p, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        uint64_t rtt = ek_min_u64(ek_max_u64(ev->srtt_ns, 1), VIRTUAL_RTT_NS);
        uint64_t share = rtt * 1024 / VIRTUAL_RTT_NS; /* 0..1024 */
        uint32_t bytes = ev->acked_bytes - ek_min_u32(ev->ce_bytes, ev->acked_bytes);
        uint64_t need = (uint64_t)out->cwnd_bytes * ONE;

        p->credit += bytes * share * share; /* ONE = 1024^2 */
        if (p->credit >= need) {
                p->credit -= need;
                out->cwnd_bytes =
                        (uint32_t)ek_min_u64((uint64_t)out->cwnd_bytes + ev->mss, EK_CWND_MAX);
        }
}

static void prague_on_ack(void *priv, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        struct prague *p = priv;

        observe(p, ev);
        if (!ev->in_recovery && ev->cwnd_limited) {
                if (out->cwnd_bytes < out->ssthresh_bytes)
                        ek_cc_slow_start(out, ev->acked_bytes, ev->mss);
                else
                        grow(p, out, ev);
        }
        pace(out, ev->srtt_ns);
}

static void prague_on_congestion(void *priv, struct elko_cc_out *out,
                                 const struct elko_cc_event *ev)
{
        struct prague *p = priv;

        p->credit = 0;
        if (ev->kind == ELKO_CONGESTION_IDLE) {
                out->cwnd_bytes = ek_min_u32(out->cwnd_bytes, ev->initial_cwnd_bytes);
                return;
        }
        p->prior_cwnd = out->cwnd_bytes;
        p->prior_ssthresh = out->ssthresh_bytes;
        if (ev->kind == ELKO_CONGESTION_ECN) {
                uint32_t cut = (uint32_t)((uint64_t)out->cwnd_bytes * p->alpha / (2 * ONE));

                out->ssthresh_bytes = ek_max_u32(out->cwnd_bytes - cut, 2 * ev->mss);
                out->cwnd_bytes = out->ssthresh_bytes;
                return;
        }
        out->ssthresh_bytes = ek_cc_share(ev->flight_bytes, 50, ev->mss);
        out->cwnd_bytes = ev->kind == ELKO_CONGESTION_TIMEOUT ? ev->mss : out->ssthresh_bytes;
}

static void prague_undo(void *priv, struct elko_cc_out *out)
{
        struct prague *p = priv;

        out->cwnd_bytes = ek_max_u32(out->cwnd_bytes, p->prior_cwnd);
        out->ssthresh_bytes = ek_max_u32(out->ssthresh_bytes, p->prior_ssthresh);
}

static void prague_info(const void *priv, struct elko_cc_info *out)
{
        const struct prague *p = priv;

        out->kind = ELKO_CC_INFO_DCTCP;
        out->alpha_1024 = p->alpha / (ONE / 1024);
}

const struct elko_cc_ops elko_cc_prague = {
        .name = "prague",
        .private_bytes = sizeof(struct prague),
        .init = prague_init,
        .on_ack = prague_on_ack,
        .on_congestion = prague_on_congestion,
        .undo = prague_undo,
        .info = prague_info,
        .scalable = true,
        .l4s = true,
};
