/* SPDX-License-Identifier: MIT */
#include "tcp/cc.h"

/*
 * RFC 5681: slow start, congestion avoidance, and what a loss does to cwnd; RFC 6582's recovery itself
 * (inflation, partial ACKs) is the engine's. Bytes are counted, not ACKs (RFC 3465), so a
 * peer that splits its ACKs gains nothing and one that stretches them loses little. ECN marks come from
 * shorter queues than losses, so they lower the window less: by a fifth, not by half (ABE, RFC 8511).
 */

struct newreno {
        uint32_t acked; /* bytes acknowledged since cwnd last grew, congestion avoidance */
        uint32_t prior_cwnd, prior_ssthresh;
};

EK_STATIC_ASSERT(sizeof(struct newreno) <= ELKO_CC_PRIVATE_BYTES, "private area");

enum { BETA = 50, BETA_ECN = 80 }; /* percent of the flight that stay; RFC 8511, 3.1 */

/* [RFC5681 3.1f] */
static void newreno_init(void *priv, struct elko_cc_out *out, const struct elko_cc_init *ev)
{
        struct newreno *nr = priv;

        *nr = (struct newreno){0};
        out->cwnd_bytes = ev->initial_cwnd_bytes;
        out->ssthresh_bytes = UINT32_MAX; /* (3.1): arbitrarily high */
        out->pacing_bytes_per_s = 0;
}

/* [RFC9293 MUST-19; RFC5681 3.1h 3.1i 3.1j; RFC2525 2.6] */
static void newreno_on_ack(void *priv, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        struct newreno *nr = priv;

        /* RFC 7661: a window that is not used says nothing about the path. */
        if (ev->in_recovery || !ev->cwnd_limited || out->cwnd_bytes >= EK_CWND_MAX)
                return;
        if (out->cwnd_bytes < out->ssthresh_bytes) {
                /* Deviation: (3.1) equation 2 says cwnd += min(N, SMSS) per ACK, RFC 3465, 2.2 min(N, 2 SMSS). Our
                 * peers' ACKs may cover a whole batch; what they cover left the network all the same. */
                ek_cc_slow_start(out, ev->acked_bytes, ev->mss);
                return;
        }
        /* (3.1) one SMSS for every cwnd of acknowledged bytes */
        nr->acked += ev->acked_bytes;
        if (nr->acked >= out->cwnd_bytes) {
                nr->acked -= out->cwnd_bytes;
                out->cwnd_bytes += ev->mss;
        }
}

/* [RFC5681 3.1g 3.1l 3.1n; RFC8511 3.1] */
static void newreno_on_congestion(void *priv, struct elko_cc_out *out,
                                  const struct elko_cc_event *ev)
{
        struct newreno *nr = priv;

        nr->acked = 0;
        if (ev->kind == ELKO_CONGESTION_IDLE) {
                /* (4.1) restart window */
                out->cwnd_bytes = ek_min_u32(out->cwnd_bytes, ev->initial_cwnd_bytes);
                return;
        }
        nr->prior_cwnd = out->cwnd_bytes;
        nr->prior_ssthresh = out->ssthresh_bytes;
        /* (3.1) equation 4 */
        out->ssthresh_bytes = ek_cc_share(
                ev->flight_bytes, ev->kind == ELKO_CONGESTION_ECN ? BETA_ECN : BETA, ev->mss);
        out->cwnd_bytes = ev->kind == ELKO_CONGESTION_TIMEOUT ? ev->mss : out->ssthresh_bytes;
}

static void newreno_undo(void *priv, struct elko_cc_out *out)
{
        struct newreno *nr = priv;

        out->cwnd_bytes = ek_max_u32(out->cwnd_bytes, nr->prior_cwnd);
        out->ssthresh_bytes = ek_max_u32(out->ssthresh_bytes, nr->prior_ssthresh);
}

const struct elko_cc_ops elko_cc_newreno = {
        .name = "newreno",
        .private_bytes = sizeof(struct newreno),
        .init = newreno_init,
        .on_ack = newreno_on_ack,
        .on_congestion = newreno_on_congestion,
        .undo = newreno_undo,
};
