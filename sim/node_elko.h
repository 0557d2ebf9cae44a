/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_NODE_ELKO_H
#define ELKO_SIM_NODE_ELKO_H

/*
 * A node that runs elko: one stack in a region of its own, one link, the applications of its connections,
 * and the faults of a host: its clock (10), its memory (11), its device (12), its random numbers (17), a
 * reboot (9).
 *
 * Which invariant is checked where:
 *
 *      elko_check(), see sim_elko_check()      I-1 I-3 I-4 I-10 I-13 I-15 I-18 I-20 I-21 I-22 I-35
 *      node_elko_watch.c, by the trace         I-2 I-8 I-10 I-11 I-14 I-19 I-24 I-25 I-28 I-30 I-36
 *                                              I-38 I-46 I-58
 *      node_elko_sender.c, by the trace        I-22 I-24 I-26 I-27
 *      node_elko.c, around each call           I-23 I-32 I-33 I-42 I-48
 *      packet.c, each packet that is emitted   I-31 I-39 I-40
 *      oracle.c and app.c                      I-12 I-17 I-47
 *      scenario.c, at the end                  I-28 (silence) I-33 L1 L2 L3 L4 L5
 *      the wire monitor (monitor.h)            I-5 I-6 I-9 I-16 I-29 I-31 I-44 from packets alone
 *      test/sim/test_sim_determinism.c         I-41
 *      unit tests and the work counter         I-7 I-34 I-37 I-43 I-45
 */

#include "app.h"
#include "packet.h"

enum {
        SIM_APPS = 64,
        SIM_WATCHED = 128, /* power of two */
        SIM_WATCHED_TW = 64,
        SIM_BATCH = 64,
        SIM_PORT = 80, /* listeners stand here */
};

/* The history of one connection, as the trace tells it. Times are of the stack's clock. */
struct sim_watch {
        uint64_t conn; /* its number in this stack; 0: free */
        uint32_t iss, irs, snd_una, rcv_nxt;
        uint32_t edge, unit, acked, ts_val;
        bool has_irs, has_edge, has_acked, has_ts_val, has_ts, ts;
        uint8_t state;
        uint64_t rto_at, rto_span; /* the last expiry without progress since, and its RTO */
        uint64_t progress_at, ts_at;
        uint64_t seen_at;                /* its last event */
        uint64_t came_at, unacked_since; /* I-25 */
        uint64_t calls;                  /* of the user, when its last segment left */
        uint32_t owed;  /* I-30: what happened that deserves an ACK, less the segments that left */
        uint32_t marks; /* segments that came with CE since the last one left */
        /* I-58: AccECN, and the feedback so far */
        bool accurate, some_unmarked;
        uint8_t ace, ce_rounds;
        uint32_t ce_count, ce_end, seg_most;
        /* node_elko_sender.c */
        uint64_t una_at;                 /* the last progress */
        uint64_t rto_least;              /* the least RTO since then */
        uint64_t rto_srtt;               /* SRTT at the last expiry */
        uint64_t sacked_at;              /* the last SACK option came */
        bool prr;                        /* recovery with SACK: the window is PRR's (RFC 6937) */
        uint32_t prr_most;               /* ... and never more than this */
        uint64_t busy_at;                /* something waits for an answer, or for a window, since */
        uint64_t persist_at, kept_at;    /* the last expiry, the last keep-alive */
        uint64_t heard_at, heard_before; /* the last segment that was not dropped, the one before */
        uint64_t dropped_at,
                dropped_before;  /* the first dropped since that and the last keep-alive; 0: none */
        uint64_t orphan_at;      /* it is known that no application has it */
        uint32_t orphan_rcv_nxt; /* then */
        uint32_t cwnd, flight_most;   /* at the last progress; ever */
        uint32_t fast_most, fast_end; /* in fast recovery: bound of what is in flight, SND.NXT */
        uint32_t rto_ssthresh;
        const struct sim_end *end; /* whose connection it is; NULL: not known yet */
        uint64_t born;             /* world time */
        uint64_t first_at;         /* its first event, by the stack's clock */
        uint64_t harms;            /* that were done to packets, at the last progress */
        uint8_t rtos;              /* expiries without progress */
        bool fast, push_owed;
};

/* A connection in TIME-WAIT: when it came there. */
struct sim_watch_tw {
        elko_endpoint local, remote;
        uint64_t since;
        bool used;
};

struct sim_elko_config {
        struct elko_config tcp;
        size_t region_bytes;
        bool starved; /* so small that it may not be enough for all */
        bool tso;     /* its device cuts bursts into segments, and completes checksums */
        uint16_t mtu;
        uint32_t backlog, syn_queue;
        uint32_t fastopen; /* connections that a cookie may open at a time; 0: no Fast Open */
        bool ask_verdict;
        uint32_t faults; /* bits of enum sim_fault that this node has */

        uint64_t clock_start;
        uint64_t clock_grain; /* 10; 1: none */
        uint32_t jump_ppm;    /* for each event; jumps of up to jump_ns */
        uint64_t jump_ns, back_ns;
        uint64_t late_ns;   /* polls come up to this late */
        uint32_t eager;     /* that many useless polls for each event */
        uint32_t nomem_ppm; /* 11: each step */
        uint64_t nomem_nth; /* the n-th allocation fails, once or for ever */
        bool nomem_forever;
        uint32_t busy_ppm; /* 12: the device refuses for up to busy_ns */
        uint64_t busy_ns, batch_ns;
        uint32_t batch, echo_ppm;
        uint64_t reboot_at;        /* 9 */
        uint64_t deaf_at, deaf_ns; /* 14: the listener is closed for a time */
        bool deaf_half_open;       /* not before somebody is half-open there */
        uint64_t accept_pause_ns;  /* 14: accept is not called for a time after each */
};

struct sim_elko {
        struct sim_world *world;
        struct sim_oracle *oracle;
        struct sim_elko_config cfg;
        int node;
        char name[16];
        void *region;
        elko_stack *st;
        elko_link link;
        elko_sock listener;
        struct sim_app app[SIM_APPS];
        unsigned apps;

        uint64_t offset, back_until; /* of the local clock */
        uint64_t jumped;             /* part of the offset */
        uint64_t last_local;
        uint64_t busy_until, steps, pulls, polls, jumps;
        struct sim_packet *batch[SIM_BATCH];
        unsigned batched;
        uint64_t batch_at, accept_at;
        bool healed, deaf, may_accept;
        unsigned reboots;
        uint64_t baseline; /* bytes in use without connections */
        bool unchecked;    /* a call was made since the last elko_check() */
        uint64_t calls_made;
        const char *last_call;

        struct sim_watch watch[SIM_WATCHED];
        struct sim_watch_tw tw[SIM_WATCHED_TW];
        struct {
                struct elko_trace_segment seg;
                elko_endpoint remote;
                uint64_t at;
        } stray;             /* the last segment that no connection knew */
        uint64_t deaf_until; /* world time: when there was no listener last; ELKO_NEVER: still */
        uint64_t packets_out, packets_in;
        uint64_t calls; /* of the user: each may be the reason of a segment */
        /* The scenario's: the next connection to be opened here, world time. */
        void (*open_next)(void *ctx, struct sim_elko *e, uint64_t now);
        uint64_t (*open_at)(void *ctx, struct sim_elko *e);
        void *ctx;
        void (*rebooted)(void *ctx, struct sim_elko *e); /* may be NULL */
        bool (*plan)(void *ctx, struct sim_elko *e, const struct sim_conn *c, unsigned end,
                     struct sim_app_plan *out);
};

extern const struct sim_node_ops sim_elko_ops;

/* Give it life: the stack is made, the node is in the world. `region` has cfg->region_bytes. False: the
 * configuration is refused; the world has failed. */
bool sim_elko_add(struct sim_elko *e, struct sim_world *w, struct sim_oracle *o,
                  const struct sim_elko_config *cfg, void *region);

/* Open a connection to `remote`, which node `to` owns. local_port 0: any. `plan` is its number
 * in the scenario, for sim_app_draw(). */
void sim_elko_open(struct sim_elko *e, int to, const elko_endpoint *remote, uint16_t local_port,
                   uint32_t plan);

/* Everything that waits here is done: applications, packets, timers. */
void sim_elko_service(struct sim_elko *e);

/* The local clock. */
uint64_t sim_elko_clock(const struct sim_elko *e);

/*
 * After a call into the stack: all that elko_check() looks at. What makes and ends connections is followed
 * by a check at once. A node's other calls of one instant (packets in, time, applications, packets out) ask
 * for it soon: the last one before the node goes to sleep is followed by one, and each eighth, so that now
 * one and now another of them is. So every state that an event leaves behind is checked, and every state in
 * between now and then. (A connection that nothing was done with since the last check is looked at in each
 * eighth check, see src/tcp/check.c.) With a listener (`elko sim --trace`) each call is: that finds out which
 * one did it.
 */
void sim_elko_check(struct sim_elko *e, const char *call);
void sim_elko_check_soon(struct sim_elko *e, const char *call);

/* Is nothing left of its connections? NULL: yes. */
const char *sim_elko_unclean(struct sim_elko *e);

/* All handles are given up. */
void sim_elko_give_up(struct sim_elko *e);
bool sim_elko_has_apps(const struct sim_elko *e);

/* node_elko_sender.c: before `h` is brought up to date */
const struct sim_app *sim_watch_app(const struct sim_elko *e, const struct elko_trace_event *ev);
/* Was no packet harmed since the last progress, nor anything else? */
bool sim_watch_unharmed(const struct sim_elko *e, const struct sim_watch *h);
void sim_watch_sender(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h);

/* node_elko_watch.c */
void sim_watch_event(void *ctx, const struct elko_trace_event *ev);
void sim_watch_reset(struct sim_elko *e);

#endif
