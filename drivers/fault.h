/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_FAULT_H
#define ELKO_DRIVERS_FAULT_H

/*
 * A bad link: drops, duplicates, reorders, corrupts, truncates and delays what passes through
 * another driver.
 *
 * Everything random comes from a 64-bit seed. The fate of packet n of a direction under one class
 * of faults is a function of (seed, direction, class, n) and nothing else: turning another class on
 * or off does not move it, so a failure that was found can be made smaller without losing it.
 *
 * A link that leaves transport checksums to memory (ELKO_LINK_TX_CSUM) can't notice corruption on
 * the sending side: corrupt on links that compute them.
 */

#include "drivers/driver.h"

enum elko_drv_fault_dir { ELKO_DRV_FAULT_RX, ELKO_DRV_FAULT_TX, ELKO_DRV_FAULT_DIRS };

/* What a predicate decides about one packet. */
enum elko_drv_fault_verdict {
        ELKO_DRV_FAULT_PASS,   /* no fault at all, not even a random one; delay applies */
        ELKO_DRV_FAULT_RANDOM, /* as configured */
        ELKO_DRV_FAULT_DROP,
        ELKO_DRV_FAULT_DUPLICATE,
        ELKO_DRV_FAULT_CORRUPT,  /* one bit, at random */
        ELKO_DRV_FAULT_TRUNCATE, /* to a random shorter length */
        ELKO_DRV_FAULT_REORDER,  /* as reorder_distance and reorder_ns say */
};

/* Look at packet number `n` (1, 2, 3 ... in this direction) and decide. `data` is valid during the
 * call; it starts with the IP or Ethernet header. */
typedef enum elko_drv_fault_verdict elko_drv_fault_fn(void *ctx, enum elko_drv_fault_dir dir,
                                                      uint64_t n, const uint8_t *data, size_t len);

#define ELKO_DRV_FAULT_NTH 16

/* One direction. Shares are in ppm of the packets, 0..1000000. */
struct elko_drv_fault_config_dir {
        uint32_t drop_ppm;
        uint32_t duplicate_ppm;
        uint32_t corrupt_ppm;  /* flip one bit behind the Ethernet header */
        uint32_t truncate_ppm; /* cut to 1 .. len-1 bytes */

        /* Hold a packet back until `reorder_distance` later ones have passed it (0: by time only),
         * but not longer than `reorder_ns` (0: 10 ms). */
        uint32_t reorder_ppm;
        uint32_t reorder_distance;
        uint64_t reorder_ns;

        uint64_t delay_ns;  /* every packet */
        uint64_t jitter_ns; /* plus 0 .. jitter_ns, evenly distributed; reorders */

        uint64_t drop_nth[ELKO_DRV_FAULT_NTH]; /* drop these packets, counted from 1; 0: unused */
        elko_drv_fault_fn *decide;             /* NULL: ELKO_DRV_FAULT_RANDOM always */
        void *decide_ctx;
};

struct elko_drv_fault_config {
        uint64_t seed;
        /* Packets that may be delayed at once (each is copied); 0: 1024. Beyond, packets are lost
         * and counted as `overflow`. */
        uint32_t hold_packets;
        struct elko_drv_fault_config_dir dir[ELKO_DRV_FAULT_DIRS];
};

/* What was done; a packet may appear in several lines. */
struct elko_drv_fault_stats {
        uint64_t seen, dropped, duplicated, corrupted, truncated, reordered, delayed, overflow;
};

/* Wrap `inner`, which then belongs to the wrapper (also when NULL is returned: it is closed).
 * The configuration is copied. NULL: errno and *why. */
struct elko_drv *elko_drv_fault_open(struct elko_drv *inner,
                                     const struct elko_drv_fault_config *config,
                                     struct elko_drv_why *why);

/* Change the faults at run time (a link that goes down for a while: drop_ppm 1000000). Packets
 * keep their numbers; those already held keep their instants. seed and hold_packets stay as they
 * were. */
void elko_drv_fault_set(struct elko_drv *d, enum elko_drv_fault_dir dir,
                        const struct elko_drv_fault_config_dir *config);

const struct elko_drv_fault_stats *elko_drv_fault_stats_get(struct elko_drv *d,
                                                            enum elko_drv_fault_dir dir);

#endif
