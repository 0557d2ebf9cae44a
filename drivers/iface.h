/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_IFACE_H
#define ELKO_DRIVERS_IFACE_H

/*
 * Setting up the kernel's side of an interface. Each call returns 0, or -errno and *why; changes
 * need CAP_NET_ADMIN in the interface's network namespace.
 */

#include "drivers/driver.h"

int elko_drv_iface_up(const char *name, struct elko_drv_why *why);

int elko_drv_iface_mtu_get(const char *name, uint16_t *mtu, struct elko_drv_why *why);
int elko_drv_iface_mtu_set(const char *name, uint16_t mtu, struct elko_drv_why *why);

int elko_drv_iface_mac_get(const char *name, uint8_t mac[ELKO_MAC_BYTES], struct elko_drv_why *why);

/* Packets that may wait in the interface's queue. Never lowers a larger value. */
int elko_drv_iface_txqueuelen_raise(const char *name, uint32_t packets, struct elko_drv_why *why);

/* "10.0.0.1/24" or "fd00::1/64" (usable at once: no duplicate address detection). An address that
 * is there already is fine. */
int elko_drv_iface_addr_add(const char *name, const char *cidr, struct elko_drv_why *why);

#endif
