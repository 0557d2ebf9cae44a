/*
 * addr.h - what an address is: class, family, equality, prefixes, link-layer mapping.
 *
 * Pure functions over elko_ip. Text forms are public (elko/types.h) and implemented in addr.c.
 */
#ifndef EK_WIRE_ADDR_H
#define EK_WIRE_ADDR_H

#include "base/bits.h"
#include "base/port.h"

#include <elko/link.h>
#include <elko/types.h>

/* The mapped prefix is 96 bits long: prefix lengths inside count bits of the 16-byte form. */
#define EK_ADDR_V4_BITS 96u

/* The 16 bytes as two big-endian numbers, most significant first. */
static inline uint64_t ek_addr_hi(const elko_ip *ip)
{
        return ek_get64be(ip->b);
}

static inline uint64_t ek_addr_lo(const elko_ip *ip)
{
        return ek_get64be(ip->b + 8);
}

static inline bool ek_addr_equal(const elko_ip *a, const elko_ip *b)
{
        return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool ek_addr_is_v4(const elko_ip *ip)
{
        return ek_addr_hi(ip) == 0 && ek_get32be(ip->b + 8) == 0xffffu;
}

/* fe80::/10: has a scope. */
static inline bool ek_addr_is_v6_link_local(const elko_ip *ip)
{
        return ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

/* The four bytes of a mapped address as a host-order number. */
static inline uint32_t ek_addr_v4(const elko_ip *ip)
{
        return ek_get32be(ip->b + 12);
}

/* From four bytes on the wire. */
static inline void ek_addr_from_v4(elko_ip *out, const uint8_t *p)
{
        memset(out->b, 0, 10);
        out->b[10] = 0xff;
        out->b[11] = 0xff;
        memcpy(out->b + 12, p, 4);
}

bool ek_addr_is_any(const elko_ip *ip);        /* :: or 0.0.0.0 */
bool ek_addr_is_loopback(const elko_ip *ip);   /* ::1 or 127.0.0.0/8 */
bool ek_addr_is_multicast(const elko_ip *ip);  /* ff00::/8 or 224.0.0.0/4 */
bool ek_addr_is_broadcast(const elko_ip *ip);  /* 255.255.255.255 (RFC 919) */
bool ek_addr_is_link_local(const elko_ip *ip); /* fe80::/10 or 169.254.0.0/16 */

/* Neither any, loopback, multicast, broadcast nor 0.0.0.0/8: may be one host's address. */
bool ek_addr_is_unicast(const elko_ip *ip);

/* Do the first `bits` bits (0..128) agree? */
bool ek_addr_prefix_match(const elko_ip *a, const elko_ip *b, unsigned bits);

/* How many leading bits agree, 0..128. */
unsigned ek_addr_common_bits(const elko_ip *a, const elko_ip *b);

/* `ip` with all bits from `bits` (0..128) on cleared or, with `ones`, set. */
elko_ip ek_addr_mask(const elko_ip *ip, unsigned bits, bool ones);

/* The solicited-node multicast address of an IPv6 address (RFC 4291, 2.7.1). */
elko_ip ek_addr_solicited_node(const elko_ip *ip);

/* The Ethernet group address of a multicast address (RFC 1112, 6.4; RFC 2464, 7). */
void ek_addr_multicast_mac(const elko_ip *ip, uint8_t mac[ELKO_MAC_BYTES]);

#endif
