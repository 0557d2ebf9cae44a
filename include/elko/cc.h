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
 *
 * After a second of silence the private area is given back, and init() begins anew with `resumed` set.
 * What a connection remembers over a silence is cwnd and ssthresh (struct elko_cc_out), and what it
 * measured of the path: srtt, min_rtt and the last delivery rate, which init() is told. Everything else
 * an algorithm knew (CUBIC's W_max, BBR's filters) is too old to be worth memory in an idle connection.
 *
 * doc/CONGESTION-CONTROL.md has an algorithm of sixty lines.
 */

#include <elko/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ELKO_CC_PRIVATE_BYTES 320

/* The outputs; kept by the engine between events. */
struct elko_cc_out {
        uint32_t cwnd_bytes;         /* congestion window, >= 1 mss */
        uint32_t ssthresh_bytes;     /* slow start threshold, >= 2 mss; UINT32_MAX: none yet */
        uint64_t pacing_bytes_per_s; /* 0: the engine decides (elko_config.pacing) */
};

/* What a connection is like when the algorithm starts (or MSS changes). */
struct elko_cc_init {
        uint64_t now;
        uint32_t mss;
        uint32_t initial_cwnd_bytes;  /* RFC 6928's IW, or what the configuration says */
        uint64_t srtt_ns, min_rtt_ns; /* 0: none yet; at first the handshake's */
        uint64_t delivery_rate;       /* bytes/s, the last that was measured; 0: none */
        uint64_t delivered_bytes;     /* the count in struct elko_cc_ack stands there */
        uint64_t clock_resolution_ns; /* of the clock that `now` comes from */
        uint64_t random;              /* from the stack's seed, another for each call */
        bool selective_acks;          /* more than one loss can be found in a round trip */
        bool resumed;                 /* after a silence, or instead of another algorithm */
        bool paced;                   /* segments are spread over the round trip anyway */
        bool slow_start_bursts;       /* elko_config's */
};

/* A delivery rate sample, draft-ietf-ccwg-bbr, "Delivery Rate Samples": what was delivered from the
 * transmission of P, the newest that this acknowledgement covers, until now. */
struct elko_cc_rate {
        uint64_t bytes_per_s;        /* RS.delivery_rate; 0: no sample */
        uint64_t interval_ns;        /* RS.interval */
        uint64_t prior_delivered;    /* P.delivered, in `delivered_bytes`' count */
        uint32_t delivered_bytes;    /* RS.delivered */
        uint32_t lost_bytes;         /* RS.lost: declared lost since P left */
        uint32_t tx_in_flight_bytes; /* RS.tx_in_flight: in the network when P had left */
        bool valid;                  /* there is such a P; else all else is 0 */
        bool app_limited;            /* RS.is_app_limited */
};

/* The newest transmission that was declared lost: HandleLostPacket() of the draft. */
struct elko_cc_lost {
        uint32_t size_bytes;         /* 0: none since the last event */
        uint32_t tx_in_flight_bytes; /* in the network when it had left */
        uint32_t lost_bytes;         /* declared lost since it left, itself included */
        bool app_limited;
};

/* One acknowledgement that advanced SND.UNA or carried new SACK information. */
struct elko_cc_ack {
        uint64_t now;
        uint64_t rtt_ns;          /* this ACK's sample; 0: none (Karn) */
        uint64_t srtt_ns;         /* smoothed, after the sample; 0: none yet */
        uint64_t min_rtt_ns;      /* 0: none yet */
        uint64_t delivered_bytes; /* total delivered, this ACK included */
        uint32_t acked_bytes;     /* newly acknowledged, for the window's growth */
        uint32_t newly_delivered; /* RS.newly_acked: cumulatively or selectively, in recovery too */
        uint32_t newly_lost_bytes; /* declared lost since the last event */
        uint32_t flight_bytes;     /* outstanding before this ACK */
        uint32_t inflight_bytes;   /* in the network after it: outstanding, not lost, not SACKed */
        uint32_t initial_cwnd_bytes;
        uint32_t mss;
        uint32_t ce_bytes;  /* newly acknowledged and marked CE (RFC 8257, 3.3); 0 without ECN */
        uint32_t round;     /* packet-timed round trips so far */
        bool round_start;   /* this ACK ended one */
        bool ece;           /* the ACK carried ECE */
        bool cwnd_limited;  /* the window, not the application, limited the flight (RFC 7661) */
        bool in_recovery;   /* loss recovery owns cwnd now: only observe (unless owns_recovery) */
        bool after_timeout; /* what a time-out took as lost is not all acknowledged yet */
        struct elko_cc_rate rate;
        struct elko_cc_lost lost;
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
        uint64_t delivered_bytes; /* as in struct elko_cc_ack */
        bool app_limited;         /* on_start: the application had nothing to send */
};

/* For struct elko_tcp_info and Linux's TCP_CC_INFO: what BBR and the ECN family show of themselves. */
enum elko_cc_info_kind { ELKO_CC_INFO_NONE, ELKO_CC_INFO_BBR, ELKO_CC_INFO_DCTCP };

struct elko_cc_info {
        enum elko_cc_info_kind kind;
        const char *state;   /* "PROBE_BW_CRUISE"; NULL: the algorithm has none */
        uint64_t bw;         /* BBR: bytes/s */
        uint64_t min_rtt_ns; /* BBR */
        uint32_t pacing_gain_256, cwnd_gain_256; /* BBR: 256 is 1 */
        uint32_t alpha_1024;                     /* DCTCP: 1024 is 1 */
};

struct elko_cc_ops {
        const char *name;     /* "newreno" */
        size_t private_bytes; /* <= ELKO_CC_PRIVATE_BYTES */
        void (*init)(void *priv, struct elko_cc_out *out, const struct elko_cc_init *ev);
        void (*on_ack)(void *priv, struct elko_cc_out *out, const struct elko_cc_ack *ev);
        void (*on_congestion)(void *priv, struct elko_cc_out *out, const struct elko_cc_event *ev);
        /* Data is about to leave with nothing in flight; before an IDLE event, if there is one. May be NULL. */
        void (*on_start)(void *priv, struct elko_cc_out *out, const struct elko_cc_event *ev);
        /* The episode was spurious: undo what on_congestion did. May be NULL. */
        void (*undo)(void *priv, struct elko_cc_out *out);
        /* What it knows, for people. May be NULL. */
        void (*info)(const void *priv, struct elko_cc_info *out);
        /* cwnd is the algorithm's in loss recovery, too: no rate reduction of the engine's (BBR). */
        bool owns_recovery;
        /* It counts marks (RFC 8257): this end's ACKs tell of each one as it comes (3.2), and what ECN takes from the
         * window is little and taken at once. */
        bool scalable;
        /* It answers marks as RFC 9331, 4.3 asks, so its data goes with ECT(1) where the feedback is accurate. */
        bool l4s;
};

/* RFC 5681 + RFC 6582, counting bytes (RFC 3465); ABE (RFC 8511). */
extern const struct elko_cc_ops elko_cc_newreno;

/* RFC 9438, with HyStart++ (RFC 9406) and ABE (RFC 8511): the default. */
extern const struct elko_cc_ops elko_cc_cubic;

/* BBRv3, draft-ietf-ccwg-bbr. */
extern const struct elko_cc_ops elko_cc_bbr;

/* RFC 8257, and a scalable response for L4S (RFC 9331): for networks whose queues mark early, and where
 * somebody said so. Both need ECN feedback. */
extern const struct elko_cc_ops elko_cc_dctcp, elko_cc_prague;

/* All of these; the end is NULL. By name, "reno" for "newreno" included; NULL: there is none. */
extern const struct elko_cc_ops *const elko_cc_list[];
const struct elko_cc_ops *elko_cc_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
