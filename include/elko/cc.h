/* SPDX-License-Identifier: MIT */
#ifndef ELKO_CC_H
#define ELKO_CC_H

/*
 * Congestion-control plug-in interface.
 *
 * An algorithm is a constant table of functions over a fixed private area in the connection. It sees
 * the facts of one event (an acknowledgement, a loss, a time-out) in one record and answers by writing
 * struct elko_cc_out: cwnd, ssthresh, pacing rate. It never sees the connection. Units: bytes and
 * nanoseconds; no floating point. RFC 5681 names: cwnd, ssthresh, FlightSize; SMSS is `mss`.
 */

#include <elko/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ELKO_CC_PRIVATE_BYTES 40

/* The outputs; kept by the engine between events. */
struct elko_cc_out {
        uint32_t cwnd_bytes;         /* congestion window, >= 1 mss */
        uint32_t ssthresh_bytes;     /* slow start threshold, >= 2 mss; UINT32_MAX: none yet */
        uint64_t pacing_bytes_per_s; /* 0: no pacing */
};

/* What a connection is like when the algorithm starts (or MSS changes). */
struct elko_cc_init {
        uint64_t now;
        uint32_t mss;
        uint32_t initial_cwnd_bytes; /* RFC 6928's IW, or what the configuration says */
};

/* One acknowledgement that advanced SND.UNA or carried new SACK information. */
struct elko_cc_ack {
        uint64_t now;
        uint64_t rtt_ns;          /* this ACK's sample; 0: none (Karn) */
        uint64_t srtt_ns;         /* smoothed, after the sample; 0: none yet */
        uint64_t min_rtt_ns;      /* 0: none yet */
        uint64_t delivered_bytes; /* total delivered on this connection (room for rate samples) */
        uint32_t acked_bytes;     /* newly acknowledged, cumulatively */
        uint32_t flight_bytes;    /* outstanding before this ACK */
        uint32_t mss;
        bool cwnd_limited; /* the window, not the application, limited the flight (RFC 7661) */
        bool in_recovery;  /* loss recovery owns cwnd now: only observe */
};

enum elko_congestion {
        ELKO_CONGESTION_LOSS,    /* found by duplicate ACKs, SACK or RACK: once per episode */
        ELKO_CONGESTION_TIMEOUT, /* the retransmission timer expired the first time for this data */
        ELKO_CONGESTION_ECN,     /* ECE seen: once per window of data */
        ELKO_CONGESTION_IDLE,    /* sending restarts after one RTO of silence (RFC 5681, 4.1) */
};

struct elko_cc_event {
        uint64_t now;
        enum elko_congestion kind;
        uint32_t flight_bytes;
        uint32_t mss;
        uint32_t initial_cwnd_bytes;
};

struct elko_cc_ops {
        const char *name;     /* "newreno" */
        size_t private_bytes; /* <= ELKO_CC_PRIVATE_BYTES */
        void (*init)(void *priv, struct elko_cc_out *out, const struct elko_cc_init *ev);
        void (*on_ack)(void *priv, struct elko_cc_out *out, const struct elko_cc_ack *ev);
        void (*on_congestion)(void *priv, struct elko_cc_out *out, const struct elko_cc_event *ev);
        /* The episode was spurious: undo what on_congestion did. May be NULL. */
        void (*undo)(void *priv, struct elko_cc_out *out);
        bool owns_recovery; /* cwnd says what may be sent in loss recovery, too: no PRR */
};

/* RFC 5681 + RFC 6582, counting bytes (RFC 3465). */
extern const struct elko_cc_ops elko_cc_newreno;

#ifdef __cplusplus
}
#endif
#endif
