/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_MEM_H
#define ELKO_DRIVERS_MEM_H

/*
 * A wire in memory with two ends, 0 and 1: what is sent at one arrives at the other.
 *
 * Each direction is a queue, a transmitter of a fixed rate, and a constant delay, in this order. It
 * lives on the instants of set_now() (the later one of its two ends'), so it runs in virtual time
 * as well as in real time. All memory is taken at creation. Both ends belong to the same thread.
 */

#include "drivers/driver.h"

/* One direction. */
struct elko_drv_mem_wire {
        uint64_t delay_ns;      /* from the last bit sent to arrival */
        uint64_t rate_bps;      /* bits per second, Ethernet headers included; 0: infinite */
        uint32_t queue_packets; /* packets waiting for the transmitter; 0: no limit of its own */
        uint32_t queue_bytes;   /* their bytes; 0: no limit of its own */
        uint32_t buffer_bytes;  /* memory for queue and delay line together; 0: 8 MiB */

        /* Queue full: tx_room() says 0 and tx() takes no more. Otherwise the packet is lost, as in
         * a router's queue. */
        bool back_pressure;
};

struct elko_drv_mem_config {
        enum elko_medium medium;
        uint16_t mtu;
        /* ELKO_LINK_RX_CSUM | ELKO_LINK_TX_CSUM: nobody computes or verifies transport checksums.
         * ELKO_LINK_TSO: super-packets pass uncut. */
        uint32_t link_flags;
        struct elko_drv_mem_wire wire[2]; /* [0]: from end 0 to end 1; [1]: back */
};

/* Medium IP, MTU 1500, no delay, infinite rate, back pressure. */
void elko_drv_mem_config_default(struct elko_drv_mem_config *config);

/* Make a wire; *a and *b are its ends, each to be closed. What is sent to a closed end is lost.
 * Returns 0, or -errno and *why (-ENOMEM, -EINVAL). Ethernet: the ends have the MAC addresses
 * 02:00:00:00:00:01 and :02. */
int elko_drv_mem_open(const struct elko_drv_mem_config *config, struct elko_drv **a,
                      struct elko_drv **b, struct elko_drv_why *why);

#endif
