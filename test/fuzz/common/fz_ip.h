/* SPDX-License-Identifier: MIT */
#ifndef EK_FZ_IP_H
#define EK_FZ_IP_H

/*
 * The internet layer alone, for the targets that give it packets: link 1 is Ethernet (192.0.2.1/24,
 * fe80::1, 2001:db8::1/64), link 2 bare IP (10.0.0.1/24, fd00::1/64). Put back for each input (fz.h).
 */

#include "fz_wire.h"

#include "ip/ip.h"

enum { FZ_ETHER = 1, FZ_BARE = 2 };

struct fz_ip {
        struct ek_ipstack ip;
        struct elko_counters ctr;
        uint64_t now;
        uint64_t used; /* of the region, when nothing is queued */
        struct ek_region *region;
};

/* As built. The same every time. */
struct fz_ip *fz_ip_reset(void);

/*
 * One packet in, at most `n` <= FZ_PACKET_MAX bytes, exactly readable. Checks what holds always: bounded
 * work, the invariants, where a TCP segment lies. *in is the verdict's record.
 */
enum ek_ip_verdict fz_ip_input(struct fz_ip *x, elko_link link, const uint8_t *p, size_t n,
                               struct ek_ip_in *in);

/* What the stack wants to send on the link, all of it, judged; each is given to `sink` (NULL: nobody).
 * Ethernet frames come without their header, ARP packets whole with proto 0. Returns how many. */
typedef void fz_ip_sink(void *ctx, elko_link link, const struct fz_seg *s);
unsigned fz_ip_pull(struct fz_ip *x, fz_ip_sink *sink, void *ctx);

/* Let time pass. */
void fz_ip_advance(struct fz_ip *x, uint64_t ns);

/* ---- what RFCs say about addresses, by the bytes: for judging who may be answered ---- */

/* May this address be the source of an answerable packet (16 bytes; IPv4 in the last four)? */
bool fz_ip_is_unicast(const uint8_t *a, bool v6);

#endif
