/*
 * nd.h - Neighbour Solicitations and Advertisements (RFC 4861, 4.3 and 4.4).
 */
#ifndef EK_WIRE_ND_H
#define EK_WIRE_ND_H

#include "wire/icmp6.h"
#include "wire/ipv6.h"

#include <elko/link.h>

enum {
        EK_ND_BYTES = 32, /* as we emit it: ICMPv6 header, target, one link-layer address option */

        EK_ND_ROUTER = 0x80, /* flags of an advertisement */
        EK_ND_SOLICITED = 0x40,
        EK_ND_OVERRIDE = 0x20,
};

struct ek_nd {
        uint8_t type;  /* EK_ICMP6_NEIGH_SOLICIT or EK_ICMP6_NEIGH_ADVERT */
        uint8_t flags; /* of an advertisement */
        bool has_mac;  /* the source (solicitation) or target (advertisement) address option */
        uint8_t mac[ELKO_MAC_BYTES];
        elko_ip target; /* as on the wire */
};

/* Validates the message (whose checksum was verified) by RFC 4861, 7.1. NONE or ND_BAD. */
enum elko_drop ek_nd_parse(const struct ek_ip_hdr *ip, const struct ek_icmp_msg *msg,
                           struct ek_nd *out);

/* Writes the ICMPv6 message; returns EK_ND_BYTES, or 24 without has_mac. */
size_t ek_nd_emit(uint8_t *out, const elko_ip *src, const elko_ip *dst, const struct ek_nd *nd);

#endif
