/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_TCB_H
#define EK_TCP_TCB_H

/*
 * The connection: RFC 9293, 3.3.1. Sub-structs by concern; the names of the variables are the RFC's.
 *
 * Three kinds of object stand in the connection table, each as small as its life allows: the transmission
 * control block here, a half-open connection (a passive SYN-RECEIVED, half_open.h) and a TIME-WAIT entry
 * (timewait.h). All begin with struct ek_conn.
 */

#include "base/list.h"
#include "base/ring.h"
#include "base/wheel.h"
#include "tcp/chrono.h"
#include "tcp/cwv.h"
#include "tcp/delack.h"
#include "tcp/dupack.h"
#include "tcp/pacer.h"
#include "tcp/prr.h"
#include "tcp/rack.h"
#include "tcp/rate.h"
#include "tcp/rcv_rtt.h"
#include "tcp/rcv_window.h"
#include "tcp/reasm.h"
#include "tcp/rtt.h"
#include "tcp/seq.h"
#include "tcp/txq.h"

#include <elko/cc.h>
#include <elko/info.h>
#include <elko/socket.h>

/* The 4-tuple. Link-local addresses carry their link inside (ip/ip.h). 36 bytes. */
struct ek_key {
        elko_ip local, remote;
        uint16_t lport, rport;
};

/* Head of everything in the connection table. */
struct ek_conn {
        struct ek_key key;
        uint32_t hash_next;
};

/* Deadlines of a connection. RTO and PERSIST exclude each other (I-21). */
enum ek_deadline {
        EK_DL_LOSS,      /* reordering window or loss probe, RFC 8985, or a reneging peer */
        EK_DL_RTO,       /* retransmission, RFC 6298 */
        EK_DL_PERSIST,   /* zero-window probe, RFC 9293 3.8.6.1 */
        EK_DL_DELACK,    /* RFC 9293 3.8.6.3 */
        EK_DL_KEEPALIVE, /* RFC 9293 3.8.4 */
        EK_DL_ABORT,     /* R2, user timeout: RFC 9293 3.8.3 */
        EK_DL_CLOSE,     /* FIN-WAIT-2 of an orphan, linger */
        EK_DL_PACE,      /* the next quantum's departure */
        EK_DL_IDLE,      /* give empty buffers back; try a failed allocation again */
        EK_DL_COUNT
};

/* Settings that differ from the stack's defaults; shared until changed. Spans in ns. */
struct ek_settings {
        uint64_t keepalive_idle_ns, keepalive_interval_ns;
        uint64_t user_timeout_ns; /* 0: the stack's R2 */
        uint64_t linger_ns;       /* EK_NEVER: none */
        uint64_t delack_ns;
        uint64_t max_pacing_rate; /* bytes/s; 0: none */
        uint32_t snd_buf_max, rcv_buf_max;
        uint32_t keepalive_count;
        uint16_t max_seg; /* 0: by the path */
        uint8_t ttl, tos;
        uint8_t ecn;             /* enum elko_ecn */
        uint64_t fin_wait_2_ns;  /* 0: the stack's */
        uint32_t window_clamp;   /* 0: none */
        uint8_t syn_retries;     /* 0: R2 alone */
        uint8_t defer_accept;    /* ELKO_OPTION_DEFER_ACCEPT */
        uint16_t fastopen;       /* ELKO_OPTION_FASTOPEN */
        bool fastopen_no_cookie; /* ELKO_OPTION_FASTOPEN_NO_COOKIE */
        bool nodelay, keepalive, cork, quickack;
        bool pacing; /* though the algorithm does not ask for it */
};

/* What is to be done at the next pull. */
enum ek_todo {
        EK_TODO_SYN = 1u << 0,        /* SYN, or SYN+ACK in SYN-RECEIVED */
        EK_TODO_ACK = 1u << 1,        /* a pure ACK, unless something carries it */
        EK_TODO_RST = 1u << 2,        /* reset, then the object goes */
        EK_TODO_PROBE = 1u << 3,      /* zero-window probe */
        EK_TODO_KEEPALIVE = 1u << 4,  /* keepalive probe */
        EK_TODO_FORCE = 1u << 5,      /* the first lost record goes whatever cwnd says */
        EK_TODO_PUSH_SMALL = 1u << 6, /* SWS override: send what fits, however small */
        EK_TODO_TLP = 1u << 7,        /* loss probe: one segment whatever cwnd says */
        /* with elko_config.more_by_call, until something else is queued */
        EK_TODO_MORE_OVER = 1u << 8, /* EK_TCB_MORE holds nothing any longer */
        EK_TODO_UNCORK = 1u << 9,    /* nor does a cork, or Nagle */
        EK_TODO_NO_PUSH = 1u << 10,  /* ELKO_SEND_NO_PUSH was said of what is queued last */
};

enum ek_tcb_flag {
        EK_TCB_TS = 1u << 0,   /* timestamps in force, RFC 7323 */
        EK_TCB_SACK = 1u << 1, /* SACK permitted by both */
        EK_TCB_WSCALE = 1u << 2,
        EK_TCB_HASHED = 1u << 3,     /* in the connection table */
        EK_TCB_ORPHAN = 1u << 4,     /* the application gave the handle up */
        EK_TCB_QUEUED = 1u << 5,     /* in the accept queue of its listener */
        EK_TCB_FIN_WANTED = 1u << 6, /* the application closed its direction */
        EK_TCB_FIN_SENT = 1u << 7,
        EK_TCB_FIN_ACKED = 1u << 8,
        EK_TCB_FIN_RCVD = 1u << 9,    /* the peer's FIN is in sequence */
        EK_TCB_FIN_EARLY = 1u << 10,  /* the peer's FIN came out of order, at fin_seq */
        EK_TCB_ACTIVE = 1u << 11,     /* we opened */
        EK_TCB_WANT_WRITE = 1u << 12, /* the application met EAGAIN: tell it */
        EK_TCB_WRITE_NOMEM =
                1u << 13,       /* EAGAIN for want of memory: EK_DL_IDLE tells when to retry */
        EK_TCB_MORE = 1u << 14, /* the last send said MORE */
        EK_TCB_TS_RECENT_OK = 1u << 15, /* ts_recent holds a value */
        EK_TCB_TOUCHED = 1u << 17,    /* something was done with it since the last ek_tcp_check() */
        EK_TCB_READ_SHUT = 1u << 19,  /* the application will not read any more */
        EK_TCB_FIN_LATEST = 1u << 20, /* nothing came early behind the early FIN */
        EK_TCB_BURST = 1u << 18,      /* data left just now, and nothing has stopped us since */
        EK_TCB_ECN = 1u << 21, /* RFC 3168: our data goes with ECT; in SYN-SENT: our SYN asked */
        EK_TCB_ECN_HEARS = 1u << 22,    /* ... and CE on the peer's data is told of */
        EK_TCB_ECN_SEEN = 1u << 23,     /* some of the peer's data came with ECT or CE */
        EK_TCB_ECE = 1u << 24,          /* our ACKs carry ECE */
        EK_TCB_CWR = 1u << 25,          /* the next new data carries CWR */
        EK_TCB_ACCECN = 1u << 26,       /* in AccECN mode, RFC 9768 */
        EK_TCB_ACCECN_ASKED = 1u << 27, /* our SYN asked for it */
        EK_TCB_FASTOPEN = 1u << 28,     /* SYN-RECEIVED by a Fast Open cookie, no ACK yet */
        EK_TCB_FASTOPEN_EXP = 1u << 16, /* our SYN asked in the experimental option */
        EK_TCB_FASTOPEN_ASKED = 1u
                                << 29, /* our SYN had the Fast Open option, or our SYN,ACK is to */
        EK_TCB_SYN_DATA = 1u << 30,    /* data went with a SYN, and was acknowledged with it */
        EK_TCB_SMALL_PATH = 1u << 31,  /* the path takes less than the link */
};

/* Packetization layer path MTU discovery (mtu_search.c). */
struct ek_mtu_probe {
        seq_t seq;         /* of the probe under way */
        uint32_t len;      /* its payload; 0: none is */
        uint64_t next_at;  /* not before, after one that was lost */
        uint16_t size;     /* the whole packet */
        uint16_t claimed;  /* MTU that ICMP claims, and that a time-out is to confirm; 0: none */
        seq_t claimed_seq; /* what it quoted */
};

struct ek_stats {
        uint64_t bytes_acked, bytes_received, bytes_retrans;
        uint32_t segs_in, segs_out, data_segs_in, data_segs_out;
        uint32_t total_retrans, total_rto;
        uint32_t rcv_ooopack, dsack_dups;
        /* Instants in ms of the stack's clock, modulo 2^32; 0: not yet. */
        uint32_t data_sent_ms, ack_sent_ms, data_recv_ms, ack_recv_ms;
        uint64_t delivery_rate; /* bytes/s, the latest that counts (rate.h); 0: none */
        struct ek_chrono_sums
                chrono; /* `spare`: of total_retrans, those without data, saturating */
};

/* Congestion control: what outlives a silence. */
struct ek_congestion {
        const struct elko_cc_ops *ops;
        struct elko_cc_out out;
        uint8_t state;       /* enum elko_ca_state */
        uint8_t undone;      /* reductions that proved spurious and were undone, saturating */
        uint16_t reordering; /* the farthest, in segments beyond EK_DUPACK_THRESHOLD */
        uint32_t reord_seen; /* segments found to have been overtaken in the network */
};

/* What EK_DL_LOSS waits for. */
enum ek_loss_timer {
        EK_LOSS_NONE,
        EK_LOSS_REORDERING, /* RFC 8985, 6.2, step 5 */
        EK_LOSS_PROBE,      /* RFC 8985, 7 */
        EK_LOSS_RENEGED,    /* RFC 2018, 8: SND.UNA stands at what was SACKed */
};

/* RFC 5682: after a retransmission time-out. */
enum ek_frto {
        EK_FRTO_OFF,
        EK_FRTO_WAIT, /* step 2: for the answer to the retransmission */
        EK_FRTO_NEW, /* step 2b: new data goes, and not what is taken for lost; 3: what is the answer? */
};

/* The last reduction of cwnd, and what would show that there was no reason for it (undo.c). */
struct ek_undo {
        seq_t una;       /* SND.UNA then */
        uint32_t left;   /* bytes sent again since, less those that D-SACKs told of */
        uint32_t ts;     /* TSval of the first retransmission */
        bool possible;   /* not undone yet */
        seq_t recover;   /* ek_ecn.recover before */
        bool cwr;        /* EK_TCB_CWR was set before */
        bool marked;     /* ECN told of congestion as well: the reduction stays */
        bool has_resent; /* something was sent again since: `left` counts */
        bool dated;      /* `ts` counts */
};

/* What the records for the algorithm are made from (cong.c). */
struct ek_cc_state {
        struct elko_cc_rate sample; /* of the acknowledgement that is being processed */
        uint64_t next_round;        /* `delivered` at the beginning of this round trip */
        uint32_t round;
        uint32_t newly_delivered;
        uint32_t lost_seen; /* txq.lost_ever when the algorithm was told last */
        uint32_t ce_bytes;  /* of `newly_delivered`: marked */
        bool ece;           /* the acknowledgement tells of congestion */
};

/* AccECN, RFC 9768, 3.2: the counters of both halves (accecn.c). */
struct ek_accecn {
        uint32_t r_cep, r_ceb, r_e0b, r_e1b;
        uint32_t s_cep, s_ceb, s_e0b, s_e1b;
        uint32_t delivered_ce;
        seq_t round_end;          /* what is acknowledged beyond was sent in the next round trip */
        uint8_t ce_rounds;        /* round trips of which everything was marked (3.2.2.3) */
        uint8_t marks;            /* packets with CE since our last ACK, saturating */
        uint8_t changed;          /* byte counters that ever moved: 1 e1b, 2 e0b, 4 ceb */
        uint8_t last_ecn;         /* IP-ECN field of the packet before */
        uint8_t peer_syn_ecn;     /* ... of the peer's SYN or SYN,ACK */
        bool handshake;           /* the next pure ACK tells of that (3.2.2.1) */
        bool dirty;               /* a byte counter moved since the last option */
        bool first, first_option; /* no ACE counter, no option was seen yet */
        bool optioned;            /* the ACK at hand has a good one */
        bool wiped;               /* options are not believed */
        bool deaf;                /* nor is the ACE field: no answer to it */
};

/* RFC 3168: one reduction for a window of data. */
struct ek_ecn {
        uint64_t hold_until; /* no new data before: cwnd can't be halved any more (6.1.2) */
        seq_t recover; /* SND.NXT at the last reduction; only what acknowledges more tells of another congestion */
};

/* How far cwnd was used, in the current window: RFC 7661, 4.1, RFC 9293's "fully utilized". */
struct ek_cwnd_usage {
        uint32_t
                flight; /* the most that was outstanding after a burst, bytes; 0: nothing is known */
        seq_t end;      /* what is acknowledged beyond was sent later */
        bool limited;   /* cwnd held data back */
};

/*
 * What only a connection with something to do needs: buffers, what is outstanding, what came early, the
 * algorithm's private area. An idle connection gives it back and points at ek_active_none, which is
 * empty and read-only; ek_tcb_activate() gets a new one.
 */
struct ek_active {
        struct ek_ring snd, rcv;
        struct ek_txq txq;
        uint32_t ts_offset; /* ek_tcb_ts_clock() */
        uint16_t ts_tick;   /* ms; 0: the stack's */
        uint16_t ts_phase;  /* its clock, modulo 2^16, when that began */
        struct ek_cwnd_usage usage;
        uint32_t inflation;     /* RFC 5681 3.2: segments known to have left the network, bytes */
        uint32_t inflation_max; /* flight at the last progress in recovery */
        uint8_t frto;           /* enum ek_frto */
        uint8_t loss_timer;     /* enum ek_loss_timer */
        uint16_t share;         /* with EK_TCB_BURST: new segments since one had PSH */
        struct ek_reasm reasm;
        uint64_t snd_up, rcv_up; /* urgent pointers, offsets in the stream; 0: none (urgent.c) */
        struct ek_dupack dupack;
        struct ek_rack rack;
        struct ek_prr prr;
        struct ek_undo undo;
        struct ek_ecn ecn;
        struct ek_mtu_probe mtu;
        struct ek_rate rate;
        struct ek_chrono chrono;
        struct ek_rcv_rtt rcv_rtt;
        struct ek_cc_state cc;
        struct ek_pacer pacer;
        struct ek_cwv cwv; /* with elko_config.cwnd_validation */
        uint64_t priv[ELKO_CC_PRIVATE_BYTES / 8];
};

/* The smallest chunk of a pool (elko_config.slab_chunk_bytes) has room for one, behind its head and a word of live bits. */
EK_STATIC_ASSERT(sizeof(struct ek_active) <= 1024 - 20, "active part");

extern const struct ek_active ek_active_none;

struct ek_tcb {
        struct ek_conn conn;

        uint32_t index;   /* in the slab */
        uint32_t gen;     /* generation of the handle */
        uint32_t number;  /* for traces: unique in the stack */
        uint32_t flags;   /* enum ek_tcb_flag */
        uint32_t todo;    /* enum ek_todo */
        uint8_t state;    /* enum elko_tcp_state; state.c is the only writer */
        uint8_t why;      /* enum elko_why of the pending ACK */
        uint8_t dup_acks; /* duplicate ACKs owed to a peer without SACK */
        uint8_t probes;   /* unanswered zero-window or keepalive probes */
        uint16_t link;    /* route, 0: look it up */
        uint16_t route_gen;
        uint32_t act_index;  /* EK_NIL: idle, act is &ek_active_none */
        struct ek_list work; /* in a link's work list, or waiting for a neighbour */
        struct ek_list app;  /* in the event queue, or in an accept queue */
        struct ek_wnode timer;
        uint64_t at[EK_DL_COUNT]; /* EK_NEVER: not armed */
        struct ek_active *act;    /* never NULL */

        /* sending, RFC 9293 3.3.1 */
        seq_t snd_una, snd_nxt, snd_wl1, snd_wl2, iss;
        uint32_t snd_wnd, snd_wnd_max;
        seq_t snd_small; /* end of the last less-than-full segment sent (Nagle) */

        /* receiving */
        seq_t rcv_nxt, irs, last_ack_sent, fin_seq;
        struct ek_rcv_window win;
        struct ek_delack delack;

        uint16_t snd_mss; /* SendMSS: the peer's option, clamped */
        uint16_t adv_mss; /* what we announced */
        uint16_t path_mtu;
        uint16_t acked_size; /* the largest packet that is known to have arrived (RFC 5927, 7.2) */
        uint8_t snd_wscale, rcv_wscale;
        uint8_t error; /* -enum elko_error; why the connection ended, 0: it did not */
        uint8_t soft_error;
        uint32_t ts_recent;
        uint32_t ts_recent_ms; /* our clock when it came; before that: when our SYN left */

        struct ek_rtt rtt;
        struct ek_congestion cong;
        uint32_t settings; /* index, EK_NIL: the stack's defaults */
        union {
                uint32_t delivered_ce; /* segments, modulo 2^32: struct elko_tcp_info */
                uint32_t accecn;       /* with EK_TCB_ACCECN: index, that is counted there */
        };
        uint32_t events;       /* enum elko_event_bit, pending */
        uint32_t challenge_ms; /* when the last challenge ACK left; 0: never */
        void *user;
        struct ek_stats stats;
};

/* ---- const views; the RFC's words ---- */

static inline uint32_t ek_tcb_flight(const struct ek_tcb *tcb)
{
        return seq_diff(tcb->snd_nxt, tcb->snd_una);
}

/* What may be in the network: cwnd, as recovery has it. */
static inline uint64_t ek_tcb_send_window(const struct ek_tcb *tcb)
{
        if (tcb->act->prr.active)
                return tcb->act->prr.cwnd;
        return (uint64_t)tcb->cong.out.cwnd_bytes + tcb->act->inflation;
}

/* Payload bytes under way, SYN and FIN not counted. */
static inline uint32_t ek_tcb_data_in_flight(const struct ek_tcb *tcb)
{
        uint32_t n = ek_tcb_flight(tcb);

        /* SYN. Later the same number comes again, every 4 GiB, and is a byte's. */
        if (n > 0 && tcb->state <= ELKO_TCP_SYN_RECEIVED && seq_eq(tcb->snd_una, tcb->iss))
                n--;
        if (n > 0 && (tcb->flags & EK_TCB_FIN_SENT) && !(tcb->flags & EK_TCB_FIN_ACKED))
                n--;
        return n;
}

/* Payload bytes queued and never sent. */
static inline uint32_t ek_tcb_unsent(const struct ek_tcb *tcb)
{
        return tcb->act->snd.len - ek_tcb_data_in_flight(tcb);
}

static inline bool ek_tcb_is_active(const struct ek_tcb *tcb)
{
        return tcb->act_index != EK_NIL;
}

static inline bool ek_tcb_has(const struct ek_tcb *tcb, uint32_t flag)
{
        return (tcb->flags & flag) != 0;
}

/* Does FIN wait behind the data? */
static inline bool ek_tcb_fin_pending(const struct ek_tcb *tcb)
{
        return (tcb->flags & (EK_TCB_FIN_WANTED | EK_TCB_FIN_SENT)) == EK_TCB_FIN_WANTED;
}

/* A server may answer before the handshake is over, if the client's address has proved itself by a cookie (RFC
 * 7413, 4.2.2). */
static inline bool ek_tcb_is_fast_open(const struct ek_tcb *tcb)
{
        return tcb->state == ELKO_TCP_SYN_RECEIVED && ek_tcb_has(tcb, EK_TCB_FASTOPEN);
}

/* States in which the handshake is over, RFC 9293 3.5.1 "synchronized", SYN-RECEIVED excepted. */
static inline bool ek_tcb_is_synchronized(const struct ek_tcb *tcb)
{
        return tcb->state >= ELKO_TCP_ESTABLISHED && tcb->state <= ELKO_TCP_LAST_ACK;
}

/* Stream offset of RCV.NXT. The peer's FIN has a number and is no byte (RFC 9293, 3.4). */
static inline uint64_t ek_tcb_rcv_offset(const struct ek_tcb *tcb)
{
        return tcb->stats.bytes_received + ek_tcb_has(tcb, EK_TCB_FIN_RCVD);
}

/* Stream offset of a sequence number at or after RCV.NXT. */
static inline uint64_t ek_tcb_offset(const struct ek_tcb *tcb, seq_t seq)
{
        return ek_tcb_rcv_offset(tcb) + seq_diff(seq, tcb->rcv_nxt);
}

#endif
