/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_MONITOR_EP_H
#define ELKO_SIM_MONITOR_EP_H

/*
 * What the monitor knows of one endpoint, and what its files ask of each other.
 *
 * "Sent" is what the endpoint did: certain. "Arrived" is what it may know: a segment that arrived may
 * have been dropped for a reason that can't be seen (memory, a check that a forged segment failed). So
 * bounds on what the endpoint may do are taken from all that arrived and could be believed (una_hi,
 * edge_hi, rcv_hi), and duties only from what it had to believe (una_sure, and `murky` off).
 */

#include <string.h>

#include "monitor.h"
#include "monitor_seg.h"

enum {
        MON_TX = 64,     /* transmissions remembered */
        MON_IN = 64,     /* arrivals remembered, for RSTs that answer them */
        MON_SYNS = 24,   /* SYNs that arrived for one pair of endpoints */
        MON_OUTS = 24,   /* SYN+ACKs that it was answered with */
        MON_RANGES = 96, /* ranges above a gap */
        MON_HIST = 16,
        MON_DUPS = 32,
        MON_FINS = 8,
        MON_HOSTS = 32, /* whose shortages are told */
};

/* The states of RFC 9293, 3.3.2, as far as packets show them. LISTEN is CLOSED until it answers. */
enum mon_state {
        MON_CLOSED,
        MON_SYN_SENT,
        MON_SYN_RECEIVED,
        MON_ESTABLISHED,
        MON_FIN_WAIT_1,
        MON_FIN_WAIT_2,
        MON_CLOSING,
        MON_TIME_WAIT,
        MON_CLOSE_WAIT,
        MON_LAST_ACK,
        MON_DONE,    /* after LAST-ACK: nothing is there any more */
        MON_ABORTED, /* it sent an RST of an abort */
        MON_UNKNOWN, /* older than the capture */
};

/* A value and when it came to be, newest last; the oldest fall out. */
struct mon_hist {
        uint64_t t[MON_HIST];
        uint32_t v[MON_HIST];
        unsigned n; /* entries ever */
};

struct mon_range {
        uint32_t left, right;
};

/* Disjoint ranges in order; `lost` when there were too many. */
struct mon_ranges {
        struct mon_range r[MON_RANGES];
        unsigned n;
        bool lost;
};

struct mon_in {
        uint32_t seq, ack, span;
        uint8_t flags;
        bool answered; /* by an RST */
};

struct mon_tx {
        uint64_t t;
        uint32_t left, right;
        bool again;
};

struct mon_syn {
        uint32_t seq, ack;
        uint32_t len;
        bool has_ack, has_ws, has_ts, has_sack_ok, has_window, fin, has_cookie;
        uint8_t ws;
        uint16_t mss; /* 0: none */
        uint16_t window;
        uint32_t tsval, ts_first; /* of the newest and the first of its copies */
        uint64_t when;            /* number of the packet */
};

/* An incarnation in TIME-WAIT that a SYN reopened: it is back when the SYN was an old duplicate (RFC 9293,
 * 3.6.1, MAY-2). */
struct mon_waiting {
        bool valid, ts_ok, ws_ok;
        uint8_t ws_in, ws_out;
        uint32_t iss, snd_max, irs, ack, edge, ts_recent, ts_hi;
};

/* A SYN+ACK and the SYN that it answers; out.tsval and out.ts_first are the newest and the first of its TSvals. */
struct mon_pair {
        struct mon_syn out, in;
        bool acked; /* something acknowledged it */
};

/* Does `ack` acknowledge the SYN, and perhaps of its text what a server with Fast Open takes (RFC 7413, 4.2.2)? */
static inline bool mon_acks_syn(const struct mon_syn *in, uint32_t ack)
{
        return ack - in->seq - 1 <= (in->has_cookie ? in->len : 0);
}

/* What the SYNs said of ECN (RFC 3168, 6.1.1). */
struct mon_ecn_syns {
        bool setup_in; /* of any life of this pair of endpoints: the peer asked, or agreed */
        bool setup_out, other_out; /* of this life: its SYNs asked or agreed, or did not */
        bool acc_in, acc_out;      /* the same of AccECN (RFC 9768) */
        uint32_t seq, sent;        /* of its SYN; how many */
};

struct mon_ecn_before {
        uint32_t una, rcv;
};

/* A duty: done before `due`, or reported. */
struct mon_duty {
        uint64_t due; /* ELKO_NEVER: none */
        uint32_t ack; /* done by an acknowledgment number of at least this */
};

struct mon_ep {
        struct mon_ep *hash_next;
        struct mon_ep *older, *newer; /* by last use */
        uint8_t *bytes; /* what was sent: octet of sequence number s at s mod bytes_size */
        uint32_t bytes_size;

        /* Everything from here on is zero in a fresh endpoint. */
        unsigned host;
        uint32_t short_count; /* of the host, when it was last looked at */
        elko_endpoint local, remote;
        bool v6;
        struct mon_ecn_syns ecn_syns;
        uint8_t state; /* enum mon_state */

        /* ---- the handshake ---- */
        bool iss_known, irs_known, active, syn_answered, may_be_dead, murky, peer_fin_known,
                fin_sent;
        bool ts_ok, ws_ok, sack_ok_in; /* sack_ok_in: SACK-Permitted arrived */
        bool anew;                     /* a copy of the handshake's last segment came */
        bool anew_ts;                  /* the latest has Timestamps, and had to be refused */
        uint32_t anew_tsval, anew_edge;
        bool anew_begun; /* what left since begins at the first octet, as another connection would */
        uint32_t anew_max;     /* one beyond the highest of that */
        bool resumed;          /* it was another SYN+ACK's turn in between */
        bool offer_open;       /* what the SYN offered may be lost, but for the Timestamps */
        bool ts_open;          /* the handshake's last segment leaves ts_ok to the endpoint */
        bool syn_in_since_out; /* a SYN arrived after the last SYN sent */
        uint32_t iss, irs;
        struct mon_syn out; /* the SYN or SYN+ACK sent; has_*: ever, for any of its copies */
        struct mon_syn in;  /* the SYN of the peer that counts */
        struct mon_syn syns[MON_SYNS];
        unsigned syn_count;
        struct mon_pair
                outs[MON_OUTS]; /* SYN+ACKs sent: stateless ones (RFC 4987, 3.6) may be many */
        unsigned out_count;
        struct mon_waiting waiting;

        /* ---- sent ---- */
        uint32_t snd_max;          /* one beyond the highest sequence number sent */
        uint32_t fin_seq;          /* of the FIN, when fin_sent */
        uint32_t una_hi, una_sure; /* highest acknowledgment that may, must be believed */
        uint32_t bytes_low;        /* octets from here to snd_max are in `bytes` */
        uint32_t last_tsval;
        uint64_t tsval_at;
        bool has_tsval;
        uint32_t sack_hi;           /* highest that was SACKed, or una_hi */
        struct mon_hist una_hist;   /* of una_sure */
        struct mon_hist edge_hist;  /* of edge_cur */
        uint32_t edge_hi, edge_cur; /* right edge: the farthest, the present one */
        uint32_t wl1, wl2;          /* SND.WL1, SND.WL2 */
        uint32_t wl1_hi;            /* the highest that SND.WL1 may be */
        uint64_t last_sent;
        uint64_t last_text; /* the last segment with sequence numbers */
        struct mon_tx tx[MON_TX];
        unsigned tx_count;

        /* ---- arrived ---- */
        uint32_t rcv_hi; /* in sequence up to here, if everything was accepted */
        struct mon_ranges ooo;
        uint32_t fins[MON_FINS]; /* all that came and may be it */
        unsigned fin_count;
        uint32_t beyond_fin; /* text came up to here after it was taken */
        uint32_t peer_fin;   /* sequence number one beyond the peer's FIN */
        struct mon_in in_ring[MON_IN];
        unsigned in_count;
        uint64_t last_arrival;
        uint64_t arrivals, arrivals_at_syn;
        struct mon_hist ts_sure; /* of TS.Recent */
        uint32_t ts_recent;
        uint32_t ts_maybe[MON_HIST]; /* TSvals that may have become TS.Recent */
        unsigned ts_maybe_count;
        unsigned ts_from; /* those from here on came after ts_recent was certain */
        uint32_t ts_hi;   /* the newest of these */
        bool ts_outdated; /* RFC 7323, 5.5: anything is newer than `ts_old` */
        uint32_t ts_old;
        struct mon_range dups[MON_DUPS];
        unsigned dup_count;
        struct mon_range last_dsack;
        uint32_t last_dsack_ack;
        uint32_t dsacks_owed;      /* duplicates not yet reported */
        struct mon_range last_ooo; /* the newest segment above a gap, if any since the last ACK */
        bool has_last_ooo;
        bool ooo_dropped; /* an ACK with SACK did not name the segment that triggered it */
        unsigned ooo_since_ack;

        /* ---- said ---- */
        bool ack_known;
        uint32_t ack_max;         /* highest acknowledgment number sent */
        uint32_t edge_out;        /* farthest right edge offered */
        struct mon_ranges sacked; /* what was SACKed and is above ack_max */
        unsigned sacked_most;     /* ranges in it at once, since it was empty */
        unsigned bare_dup_acks;   /* in a row, without SACK, while data above a gap waits */
        uint32_t last_ack, last_edge, last_sack;
        uint32_t credit; /* arrivals that may be answered by an ACK that says nothing new */
        uint64_t credit_at;

        /* ---- ECN ---- */
        uint8_t counting; /* AccECN mode: 1 yes, 2 no, 0 not known before its first segment that is no SYN */
        bool ce_in; /* data came with CE */
        bool ece_owed, cwr_owed, cwr_sent;
        bool again_since_cwr,
                cwr_for_loss; /* something was sent again since the last CWR, and before it */
        uint32_t ce_packets;  /* that came with CE, whatever they are */
        uint32_t ce_sure; /* of these, text that was acknowledged, and of which nothing else came */
        uint32_t ce_waits,
                ce_seq; /* text that came with CE and in sequence, not acknowledged yet; the last of it */
        uint32_t ece_seq, cwr_seq; /* the octet that came with CE; the first that went with CWR */

        /* ---- duties ---- */
        struct mon_duty delayed, second, ooo_duty, fill, unacceptable;
        uint32_t unacked_text;  /* octets in sequence that await an ACK */
        uint64_t duty_min;      /* the earliest of all, or earlier */
        struct mon_duty lapsed; /* overdue, unless the connection was deleted without a word */
        uint8_t lapsed_rule;

        /* ---- resets ---- */
        bool abort_sent;
        bool reset_in; /* an RST that had to be believed */
        uint64_t reset_in_at;

        /* ---- time ---- */
        uint64_t late_at;  /* an ACK came when the timer may have run out */
        uint64_t rtt_min;  /* 0: no sample */
        unsigned dup_acks; /* since una_hi moved */
        bool sack_seen;    /* SACK above una_hi since it moved */
        bool three_dups; /* third duplicate ACK: below three_to each partial ACK is a sign of loss */
        uint32_t three_to;
        uint32_t recover; /* below it, loss recovery goes on */
        bool recovering;
        uint64_t icmp_at;
        uint32_t rtx_seq; /* of the retransmissions in a row without an arrival */
        uint64_t rtx_at, rtx_gap;
        unsigned rtx_row;
        uint64_t rtx_due; /* unacknowledged data is retransmitted by then; ELKO_NEVER: not judged */
        uint64_t first_unacked_at;
        uint64_t probe_since, probe_at, probe_gap, probe_due;
        uint64_t
                waits_since; /* the last progress, of ACK or window: nothing can have waited for longer */
        unsigned probe_faster; /* gaps in a row, each shorter than the one before */
        uint64_t probing_at;   /* the last segment with the form of a probe or a keep-alive */
        bool probe_acked;      /* ... and it acknowledged something for the first time */
        unsigned probe_row;
        bool after_rto; /* time-out, and nothing arrived since */
        uint32_t after_rto_bytes;
        uint64_t acked_total; /* octets, of una_hi; what the congestion window may have grown */
        uint32_t dup_acks_total;
};

struct mon_chunk {
        struct mon_chunk *next;
        struct mon_ep ep[32];
};

struct sim_monitor {
        struct sim_monitor_config c;
        struct sim_monitor_counts counts;
        struct mon_ep **table;
        uint32_t table_mask;
        struct mon_ep *free;
        struct mon_ep *oldest, *newest;
        struct mon_chunk *chunks;
        uint32_t endpoints;
        bool fragments; /* one arrived: what it completed is not known */

        /* the packet that is judged */
        uint64_t number;
        uint64_t now;
        struct sim_world *world;
        uint32_t nodes;
        struct sim_monitor_facts facts;
        void *facts_ctx;
        uint64_t short_seen[MON_HOSTS];
        uint32_t short_count[MON_HOSTS];
        uint64_t world_number;
};

/* ---- monitor.c ---- */

/* Report; `format` gives the figures. */
void mon_blame(struct sim_monitor *m, const struct mon_ep *ep, enum sim_monitor_rule rule,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Start of an incarnation: what is known of the SYNs that arrived stays. */
void mon_ep_begin(struct sim_monitor *m, struct mon_ep *ep);

/* ---- monitor_know.c: values with a past, ranges, octets ---- */

void mon_hist_add(struct mon_hist *h, uint64_t t, uint32_t v);
/* The value that held at `t`; false when that is too long ago. */
bool mon_hist_at(const struct mon_hist *h, uint64_t t, uint32_t *v);

void mon_ranges_add(struct mon_ranges *r, uint32_t left, uint32_t right);
void mon_ranges_cut(struct mon_ranges *r, uint32_t left); /* forget what is below */
bool mon_ranges_hold(const struct mon_ranges *r, uint32_t left, uint32_t right);
bool mon_ranges_meet(const struct mon_ranges *r, uint32_t left, uint32_t right); /* any of it */

/* Compare the text with what was sent before, and keep what is new; false: octet *at differs. */
bool mon_bytes(struct mon_ep *ep, uint32_t max, uint32_t seq, const uint8_t *text, uint32_t len,
               uint32_t *at);

static inline uint64_t mon_later(uint64_t t, uint64_t by)
{
        return t > ELKO_NEVER - by ? ELKO_NEVER : t + by;
}

/* The window that a segment of the peer, of the endpoint gives, in octets. */
static inline uint32_t mon_window_in(const struct mon_ep *ep, const struct mon_seg *s)
{
        return (uint32_t)s->window << ((s->flags & MON_SYN) || !ep->ws_ok ? 0 : ep->in.ws);
}

static inline uint32_t mon_window_out(const struct mon_ep *ep, const struct mon_seg *s)
{
        return (uint32_t)s->window << ((s->flags & MON_SYN) || !ep->ws_ok ? 0 : ep->out.ws);
}

static inline bool mon_synchronized(const struct mon_ep *ep)
{
        return ep->state >= MON_ESTABLISHED && ep->state <= MON_LAST_ACK;
}

/* Did it open actively? When its own SYN was forgotten here, or had no memory there to leave, nobody has seen it. */
static inline bool mon_may_be_active(const struct sim_monitor *m, const struct mon_ep *ep)
{
        return ep->active || m->counts.forgotten > 0 ||
               (ep->host < MON_HOSTS && m->short_count[ep->host] > 0);
}

/* Most text that one segment to the peer may carry, options included (RFC 9293, 3.7.1). */
static inline uint32_t mon_mss(const struct mon_ep *ep)
{
        return ep->in.mss != 0 ? ep->in.mss : ep->v6 ? 1220 : 536;
}

/* ---- what arrives: monitor_arrive.c ---- */

void mon_arrive(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
void mon_arrive_icmp(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);

/* ---- what is sent ---- */

void mon_form(struct sim_monitor *m, const struct mon_ep *ep, const struct mon_seg *s);
void mon_options(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
bool mon_state(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
void mon_rst(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
void mon_sequence(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
void mon_ack(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
void mon_sack(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
void mon_rate(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
void mon_ecn(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
void mon_ecn_arrived(const struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                     const struct mon_ecn_before *before);
void mon_state_after(struct mon_ep *ep, const struct mon_seg *s);
/* Its user time-out may be over (RFC 9293, 3.8.3), or it may have been reset. */
bool mon_may_be_over(const struct sim_monitor *m, const struct mon_ep *ep);
/* Something came that may acknowledge a SYN+ACK. */
void mon_state_acked(struct mon_ep *ep, const struct mon_seg *s);
/* The acknowledgment of an older SYN+ACK: it counts, as far as is known. */
void mon_state_older(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
/* The handshake's last segment says by its TSecr which of several SYN+ACKs with one sequence number it answers. */
void mon_state_echo(struct mon_ep *ep, uint32_t tsecr);
/* The SYN that counts. */
void mon_adopt(struct mon_ep *ep, const struct mon_syn *in);

/* ---- monitor_duty.c ---- */

void mon_duty_set(struct sim_monitor *m, struct mon_ep *ep, struct mon_duty *d, uint64_t after,
                  uint32_t ack);
void mon_duties_check(struct sim_monitor *m, struct mon_ep *ep, uint64_t now);
void mon_duties_clear(struct mon_ep *ep);
/* It speaks, so it was not deleted. */
void mon_duties_lapsed(struct sim_monitor *m, struct mon_ep *ep);
void mon_duties_done(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s);
/* After how long it may give up, at the earliest. */
uint64_t mon_patience(const struct sim_monitor *m, const struct mon_ep *ep);
/* Unacknowledged data is watched from now on. */
void mon_rtx_watch(struct sim_monitor *m, struct mon_ep *ep);

#endif
