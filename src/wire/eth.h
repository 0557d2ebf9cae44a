/*
 * eth.h - Ethernet II frames (RFC 894, RFC 2464).
 */
#ifndef EK_WIRE_ETH_H
#define EK_WIRE_ETH_H

#include "base/port.h"

#include <elko/info.h>
#include <elko/link.h>

enum {
        EK_ETH_HDR_BYTES = 14,
        EK_ETH_IPV4 = 0x0800,
        EK_ETH_ARP = 0x0806,
        EK_ETH_IPV6 = 0x86dd,
};

struct ek_eth_hdr {
        const uint8_t *dst, *src; /* 6 bytes each, inside of the frame */
        uint16_t type;
        const uint8_t *payload;
        uint32_t payload_len; /* padding included */
};

/* Reads the header of the frame of n bytes at p. NONE or ETH_SHORT; any type is accepted. */
enum elko_drop ek_eth_parse(const uint8_t *p, size_t n, struct ek_eth_hdr *out);

/* Writes a header; returns EK_ETH_HDR_BYTES. */
size_t ek_eth_emit(uint8_t *out, const uint8_t dst[ELKO_MAC_BYTES],
                   const uint8_t src[ELKO_MAC_BYTES], uint16_t type);

/* Whether `mac` has the group bit: multicast or broadcast. */
static inline bool ek_eth_is_group(const uint8_t *mac)
{
        return (mac[0] & 1) != 0;
}

#endif
