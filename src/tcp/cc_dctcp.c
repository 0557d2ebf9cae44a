/* SPDX-License-Identifier: MIT */
#include "tcp/cc.h"

/*
 * DCTCP, RFC 8257: where switches mark early, how many bytes were marked says how full the queue is. Alpha is the
 * moving average of that fraction, and a window with a mark lowers cwnd by alpha / 2: by half when
 * everything is marked, by nearly nothing when nearly nothing is. Everything else is RFC 5681's.
 *
 * For networks whose queues mark that way only (4.1): it does not share with others what classic ECN marks.
 */

enum {
        ONE = 1 << 20, /* alpha = 1 */
        G_SHIFT = 4,   /* g = 1/16, (4.2) */
};

struct dctcp {
        uint64_t acked_total, marked_total; /* in this observation window */
        uint32_t alpha;
        uint32_t acked; /* bytes acknowledged since cwnd last grew, congestion avoidance */
        uint32_t prior_cwnd, prior_ssthresh;
};

EK_STATIC_ASSERT(sizeof(struct dctcp) <= ELKO_CC_PRIVATE_BYTES, "private area");

/* [RFC8257 3.3a] */
static void dctcp_init(void *priv, struct elko_cc_out *out, const struct elko_cc_init *ev)
{
        struct dctcp *d = priv;

        *d = (struct dctcp){.alpha = ONE};
        out->cwnd_bytes = ev->initial_cwnd_bytes;
        out->ssthresh_bytes = UINT32_MAX;
        out->pacing_bytes_per_s = 0;
}

/* Steps 1 to 8. A round trip counted in packets is the observation window. [RFC8257 3.3b 3.3c] */
static void observe(struct dctcp *d, const struct elko_cc_ack *ev)
{
        d->acked_total += ev->newly_delivered;
        d->marked_total += ek_min_u32(ev->ce_bytes, ev->newly_delivered);
        if (!ev->round_start || d->acked_total == 0)
                return;
        d->alpha = d->alpha - (d->alpha >> G_SHIFT) +
                   (uint32_t)(ek_mul_div(d->marked_total, ONE, d->acked_total) >> G_SHIFT);
        d->alpha = ek_min_u32(d->alpha, ONE);
        d->acked_total = d->marked_total = 0;
}

/* [RFC8257 3.4] */
static void dctcp_on_ack(void *priv, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        struct dctcp *d = priv;

        observe(d, ev);
        if (ev->in_recovery || !ev->cwnd_limited || out->cwnd_bytes >= EK_CWND_MAX)
                return;
        if (out->cwnd_bytes < out->ssthresh_bytes) {
                ek_cc_slow_start(out, ev->acked_bytes, ev->mss);
                return;
        }
        d->acked += ev->acked_bytes;
        if (d->acked >= out->cwnd_bytes) {
                d->acked -= out->cwnd_bytes;
                out->cwnd_bytes += ev->mss;
        }
}

/* Step 9, and losses as ever. [RFC8257 3.3d 3.5] */
static void dctcp_on_congestion(void *priv, struct elko_cc_out *out, const struct elko_cc_event *ev)
{
        struct dctcp *d = priv;

        d->acked = 0;
        if (ev->kind == ELKO_CONGESTION_IDLE) {
                out->cwnd_bytes = ek_min_u32(out->cwnd_bytes, ev->initial_cwnd_bytes);
                return;
        }
        d->prior_cwnd = out->cwnd_bytes;
        d->prior_ssthresh = out->ssthresh_bytes;
        if (ev->kind == ELKO_CONGESTION_ECN) {
                uint32_t cut = (uint32_t)((uint64_t)out->cwnd_bytes * d->alpha / (2 * ONE));

                out->ssthresh_bytes = ek_max_u32(out->cwnd_bytes - cut, 2 * ev->mss);
                out->cwnd_bytes = out->ssthresh_bytes;
                return;
        }
        out->ssthresh_bytes = ek_cc_share(ev->flight_bytes, 50, ev->mss);
        out->cwnd_bytes = ev->kind == ELKO_CONGESTION_TIMEOUT ? ev->mss : out->ssthresh_bytes;
}

static void dctcp_undo(void *priv, struct elko_cc_out *out)
{
        struct dctcp *d = priv;

        out->cwnd_bytes = ek_max_u32(out->cwnd_bytes, d->prior_cwnd);
        out->ssthresh_bytes = ek_max_u32(out->ssthresh_bytes, d->prior_ssthresh);
}

static void dctcp_info(const void *priv, struct elko_cc_info *out)
{
        const struct dctcp *d = priv;

        out->kind = ELKO_CC_INFO_DCTCP;
        out->alpha_1024 = d->alpha / (ONE / 1024);
}

const struct elko_cc_ops elko_cc_dctcp = {
        .name = "dctcp",
        .private_bytes = sizeof(struct dctcp),
        .init = dctcp_init,
        .on_ack = dctcp_on_ack,
        .on_congestion = dctcp_on_congestion,
        .undo = dctcp_undo,
        .info = dctcp_info,
        .scalable = true,
};
