/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_GSO_H
#define ELKO_DRIVERS_GSO_H

/*
 * What a device does that cuts TCP segments (elko_frame.gso_size) and completes checksums (csum_start), for links
 * without such a device, and for who wants to see packets as they are on the wire.
 */

#include <elko/link.h>

/* Packets that the frame becomes: 1 without gso_size; 0: its headers are not of TCP over IP, nothing can be made of it. */
uint32_t elko_drv_gso_count(const struct elko_frame *f, enum elko_medium medium);

/* Longest of them, bytes. */
uint32_t elko_drv_gso_longest(const struct elko_frame *f, enum elko_medium medium);

/* Write packet number `i`, from 0, with every checksum right; `to` has room for the longest. Returns its bytes. */
uint32_t elko_drv_gso_cut(const struct elko_frame *f, enum elko_medium medium, uint32_t i,
                          uint8_t *to);

#endif
