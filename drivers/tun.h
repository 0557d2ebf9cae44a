/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_TUN_H
#define ELKO_DRIVERS_TUN_H

/*
 * TUN and TAP: the kernel is the peer.
 *
 * The device is opened by name (and made if it does not exist; it then vanishes with the driver),
 * or comes as a descriptor from a parent process. TUN carries IP packets, TAP Ethernet frames.
 */

#include "drivers/driver.h"

#define ELKO_DRV_TUN_ADDRS 4

struct elko_drv_tun_config {
        const char *name;        /* "elko0"; NULL: the kernel numbers one as elko%d */
        int fd;                  /* -1, or an open TUN/TAP descriptor without packet information
                                  * (IFF_NO_PI), with a virtio-net header or not; the driver owns it from then on, `name` is ignored */
        enum elko_medium medium; /* IP: TUN, ETHERNET: TAP; with `fd` the descriptor decides */
        uint16_t mtu;            /* 0: leave the device's */
        bool up;                 /* bring the interface up */
        bool offload; /* checksums are left to the other end, which is in the same memory, and
                                  * 64 KiB of TCP pass as one packet; with `fd` the descriptor decides */
        uint32_t txqueuelen;         /* packets that the kernel may queue for us; 0: leave it */
        uint8_t mac[ELKO_MAC_BYTES]; /* TAP: the stack's address; zero: a random local one */

        /* The kernel's addresses on this interface: "10.0.0.1/24", "fd00::1/64". Unused ones
         * NULL. */
        const char *host_addr[ELKO_DRV_TUN_ADDRS];
};

/* TUN, MTU as it is, up, no offload, txqueuelen 10000, no addresses. */
void elko_drv_tun_config_default(struct elko_drv_tun_config *config);

/*
 * Open the device. NULL: errno and *why. What was asked for and isn't permitted is an error, except
 * txqueuelen: then *why holds a warning. Opening needs /dev/net/tun and CAP_NET_ADMIN, or a device
 * that its owner made persistent for this user.
 */
struct elko_drv *elko_drv_tun_open(const struct elko_drv_tun_config *config,
                                   struct elko_drv_why *why);

#endif
