/*
 * arp.h - Address Resolution Protocol packets for IPv4 over Ethernet (RFC 826).
 */
#ifndef EK_WIRE_ARP_H
#define EK_WIRE_ARP_H

#include "base/port.h"

#include <elko/info.h>
#include <elko/link.h>
#include <elko/types.h>

enum {
        EK_ARP_BYTES = 28,
        EK_ARP_REQUEST = 1,
        EK_ARP_REPLY = 2,
};

struct ek_arp {
        uint16_t op; /* EK_ARP_REQUEST or EK_ARP_REPLY */
        uint8_t sha[ELKO_MAC_BYTES], tha[ELKO_MAC_BYTES];
        elko_ip spa, tpa; /* IPv4-mapped; spa 0.0.0.0 is an RFC 5227 probe */
};

/*
 * Reads the packet at p. NONE or ARP_BAD: too short, other hardware or protocol, unknown operation,
 * a sender that can't be one station (group or zero hardware address; multicast, loopback or
 * broadcast protocol address).
 */
enum elko_drop ek_arp_parse(const uint8_t *p, size_t n, struct ek_arp *out);

/* Writes the packet; returns EK_ARP_BYTES. */
size_t ek_arp_emit(uint8_t *out, const struct ek_arp *arp);

#endif
