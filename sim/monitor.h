/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_MONITOR_H
#define ELKO_SIM_MONITOR_H

/*
 * A judge of TCP that sees nothing but packets.
 *
 * For each host it is told what left it and what reached it, in order; from these two it follows each
 * of the host's connections by itself (sequence numbers, windows, SACK, timestamps, the states of
 * RFC 9293, 3.3.2) and says when a packet that left breaks a rule of monitor_rules.h. It knows the RFCs
 * and nothing of any implementation, so it can judge all of them: a host in the simulator, where it
 * sees every packet exactly when the host did, and a host in a capture taken on it, where it may be
 * off by the time between the tap and the host's TCP (slack_ns).
 *
 * Each endpoint is judged by itself: what its peer is does not matter, so hosts under attack, behind
 * middleboxes and with peers that break every rule can be judged as well.
 *
 * A packet costs no allocation, except where a table, or the copy of a connection's bytes, must grow.
 */

#include <elko/types.h>

#include "monitor_rules.h"

struct sim_monitor;
struct sim_world;
struct sim_observer;

struct sim_monitor_violation {
        enum sim_monitor_rule rule;
        unsigned host;
        uint64_t now;    /* of the packet, or of the instant when something was missing */
        uint64_t packet; /* number given with the packet; 0: something that is missing */
        elko_endpoint local, remote;
        const char *text; /* the figures; valid during the report */
};

struct sim_monitor_config {
        /* Every violation; may be NULL, when only counts are wanted. */
        void (*report)(void *ctx, const struct sim_monitor_violation *v);
        void *ctx;

        /* By how much the host's knowledge may be behind what was seen to arrive. 0: exact. */
        uint64_t slack_ns;
        /* For how long a host may be kept from acting: a busy device, a late clock. Added to every
         * limit of time. */
        uint64_t react_ns;
        /* Longest delay of an acknowledgment; 0: 500 ms. */
        uint64_t delack_ns;
        /* What "at once" is; 0: 1 ms. */
        uint64_t prompt_ns;

        bool no_time;    /* the clock of the host is not that of the packets: do not judge time */
        bool mid_stream; /* connections may be older than the capture */
        bool offload;    /* the tap is above segmentation and checksum offload */
        /* Leave out what Linux does in its own way; the places are marked in the code. */
        bool linux_ways;

        uint32_t initial_window; /* segments; 0: ten */
        uint32_t mtu;            /* longest IP packet; 0: not judged */
        uint32_t endpoints_max;  /* the longest unused is forgotten for a new one; 0: 4096 */
        uint32_t bytes_max;      /* kept of one connection, a power of two; 0: 4 MiB */
};

/* NULL: out of memory. `config` NULL: all zero. */
struct sim_monitor *sim_monitor_create(const struct sim_monitor_config *config);
void sim_monitor_destroy(struct sim_monitor *m);

/* A packet left `host`, or reached it. Bare IP; `number` is the caller's name for it, from 1 on. */
void sim_monitor_sent(struct sim_monitor *m, unsigned host, const uint8_t *packet, size_t len,
                      uint64_t now, uint64_t number);
void sim_monitor_arrives(struct sim_monitor *m, unsigned host, const uint8_t *packet, size_t len,
                         uint64_t now, uint64_t number);

/* The host lost its memory: its connections are forgotten, and nothing is owed. */
void sim_monitor_reboot(struct sim_monitor *m, unsigned host);

/* The host found no memory for something since it was last spoken of: what reached it may be lost in part (not
 * acknowledged, hence not lost for good), what it owes is late, what it held above a gap is gone. */
void sim_monitor_shortage(struct sim_monitor *m, unsigned host);

/* The limits of time from now on (a device that stalls, a path that heals). */
void sim_monitor_react(struct sim_monitor *m, uint64_t react_ns);

/* The end: whatever is overdue at `now` is reported. The monitor may go on afterwards. */
void sim_monitor_finish(struct sim_monitor *m, uint64_t now);

struct sim_monitor_counts {
        uint64_t packets_sent, packets_arrived; /* TCP, of judged hosts */
        uint64_t endpoints;                     /* incarnations that sent a SYN, or were met open */
        uint64_t violations;
        uint64_t forgotten; /* endpoints that had to make room */
        uint64_t rule[SIM_RULES];
};

const struct sim_monitor_counts *sim_monitor_counts(const struct sim_monitor *m);

/* "ACK_BACK", the sentence, the section. */
const char *sim_monitor_rule_name(enum sim_monitor_rule rule);
const char *sim_monitor_rule_text(enum sim_monitor_rule rule);
const char *sim_monitor_rule_where(enum sim_monitor_rule rule);

/*
 * Watch the nodes of `nodes` (bit n: node n) of a simulated world. The monitor must outlive the world's
 * run. Violations go to the monitor's report(); where that is NULL the first one ends the run by
 * sim_fail().
 */
void sim_monitor_attach(struct sim_world *w, struct sim_monitor *m, uint32_t nodes);

/* The same as an observer (sim.h), for who builds the world elsewhere; `w` may be NULL when the monitor has
 * a report() of its own. */
struct sim_observer sim_monitor_observer(struct sim_world *w, struct sim_monitor *m,
                                         uint32_t nodes);

/* What is asked about a host, and no packet shows. A function may be NULL. */
struct sim_monitor_facts {
        /* How often was it short of memory? Each change is a sim_monitor_shortage(). NULL: never. */
        uint64_t (*shortages)(void *ctx, unsigned host);
        /* For how long does this connection try before it gives up: its user time-out? NULL: 100 s, RFC 9293,
         * 3.8.3, R2. */
        uint64_t (*patience)(void *ctx, unsigned host, const elko_endpoint *local,
                             const elko_endpoint *remote);
        /* Does it send keep-alives, which look like probes of a closed window (3.8.4)? NULL: perhaps not. */
        bool (*keeps_alive)(void *ctx, unsigned host, const elko_endpoint *local,
                            const elko_endpoint *remote);
};

void sim_monitor_ask(struct sim_monitor *m, const struct sim_monitor_facts *facts, void *ctx);

/* Forget everything, for another run with the same limits; memory is kept. */
void sim_monitor_reset(struct sim_monitor *m);
void sim_monitor_configure(struct sim_monitor *m, const struct sim_monitor_config *config);

#endif
