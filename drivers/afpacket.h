/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_AFPACKET_H
#define ELKO_DRIVERS_AFPACKET_H

/*
 * AF_PACKET: Ethernet frames of an existing interface, most often one end of a veth pair.
 *
 * The kernel keeps seeing the same frames: give the interface no address, or the stack a MAC of its
 * own, so that only one of the two answers.
 *
 * Frames that a veth peer sent with an unfinished checksum or as one TSO super-packet arrive as
 * they are: the checksum is marked as good (it never crossed a wire), and a super-packet is one
 * packet of up to 64 KiB, whatever the MTU. (IPv6 jumbograms of "BIG TCP" are dropped and counted.)
 */

#include "drivers/driver.h"

struct elko_drv_afpacket_config {
        const char *name;            /* interface */
        uint8_t mac[ELKO_MAC_BYTES]; /* zero: the interface's own; other: promiscuous mode, too */
        bool up;                     /* bring the interface up */
        uint32_t rcvbuf_bytes;       /* receive queue in the kernel; 0: 32 MiB */
};

/* NULL: errno and *why. Needs CAP_NET_RAW; `up` needs CAP_NET_ADMIN. */
struct elko_drv *elko_drv_afpacket_open(const struct elko_drv_afpacket_config *config,
                                        struct elko_drv_why *why);

#endif
