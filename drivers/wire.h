/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_WIRE_H
#define ELKO_DRIVERS_WIRE_H

/*
 * A wire that is as bad as it is told to be: the path of an experiment.
 *
 * Two directions, each on its own, are made of these, in this order:
 *
 *      loss --> buffer and its discipline --> transmitter of a rate --> delay --> reordering, copies
 *
 * It is a data structure, not a driver: packets are put in with the instant at which they came, and
 * taken out from the instant on at which they are due; nothing here sleeps or reads a clock. What
 * happens inside happens at the exact instants of the model, however late the caller asks. The fate
 * of packet n of a direction under one impairment is a function of (seed, direction, impairment, n),
 * so that all senders of an experiment meet the same path. IPv4 and IPv6 packets without link
 * header.
 */

#include "drivers/driver.h"
#include "drivers/hist.h"

enum elko_wire_queue {
        ELKO_WIRE_DROPTAIL, /* what does not fit is lost */
        ELKO_WIRE_CODEL, /* RFC 8289 as well; ECN-capable packets are marked instead of dropped */
        ELKO_WIRE_ECN,   /* an ECN-capable packet that finds more than `mark_bytes` is marked */
};

#define ELKO_WIRE_STEPS 8

struct elko_wire_dir {
        uint64_t rate_bps;     /* bits/s of IP packets; 0: infinite, and then there is no queue */
        uint64_t delay_ns;     /* from the last bit sent to the first look at it */
        uint64_t buffer_bytes; /* queue, with the packet that is being sent; 0: no limit. A packet
                                * always finds room in an empty one. */
        enum elko_wire_queue queue;
        uint64_t codel_target_ns, codel_interval_ns; /* 0: 5 ms, 100 ms */
        uint64_t mark_bytes;                         /* ELKO_WIRE_ECN */

        uint32_t loss_ppm;     /* before the queue; with bursts the long-term mean */
        uint32_t burst;        /* Gilbert-Elliott: mean length of the bad state in packets; 0, 1:
                                 * each packet on its own */
        uint32_t burst_ppm;    /* share of the packets lost in the bad state; 0: all */
        uint32_t ack_loss_ppm; /* of segments without data, SYN, FIN or RST */
        uint32_t reorder_ppm;  /* held back by reorder_ns more, so that later ones pass them */
        uint64_t reorder_ns;
        uint32_t duplicate_ppm; /* arrive twice, one behind the other */

        /* From `at` (after the start) on the rate is rate_bps * permille / 1000. In order of time;
         * unused ones have permille 0. A packet being sent keeps the rate that it began with. */
        struct {
                uint64_t at;
                uint32_t permille;
        } step[ELKO_WIRE_STEPS];
};

struct elko_wire_config {
        uint64_t seed;
        uint64_t start; /* the first instant */
        uint32_t mtu;   /* longest packet, for CoDel and for memory; longer ones are lost */
        struct elko_wire_dir dir[2];
};

struct elko_wire_stats {
        uint64_t packets_in, bytes_in;
        uint64_t lost, ack_lost;  /* by chance */
        uint64_t overflow, codel; /* dropped by a full buffer; by CoDel */
        uint64_t marked;          /* CE set */
        uint64_t reordered, duplicated;
        uint64_t packets_out, bytes_out; /* taken, copies included */
        uint64_t unusable;               /* not IP, too long, or no memory */
        uint64_t queue_max_bytes;
        struct elko_hist queue_ns; /* time in the queue before transmission */
};

struct elko_wire_packet {
        const uint8_t *data;
        uint32_t len;
        uint64_t due; /* when it should have been taken */
};

struct elko_wire;

/* NULL: errno and *why. */
struct elko_wire *elko_wire_create(const struct elko_wire_config *config, struct elko_drv_why *why);
void elko_wire_destroy(struct elko_wire *w); /* NULL is allowed */

/* A packet enters direction `dir` at `now`, which never goes back. It is copied. */
void elko_wire_send(struct elko_wire *w, int dir, const struct elko_frame *f, uint64_t now);

/* Up to `max` packets that are due by `now`, in order; valid until the next call for `dir`. */
size_t elko_wire_take(struct elko_wire *w, int dir, uint64_t now, struct elko_wire_packet *out,
                      size_t max);

/* The next instant at which there may be something to take; ELKO_NEVER: nothing is under way. */
uint64_t elko_wire_next(const struct elko_wire *w);

/* Bytes in the queue at `now`, with the packet that is being sent. */
uint64_t elko_wire_queued(struct elko_wire *w, int dir, uint64_t now);

const struct elko_wire_stats *elko_wire_stats_get(const struct elko_wire *w, int dir);

#endif
