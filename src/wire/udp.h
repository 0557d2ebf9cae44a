/*
 * udp.h - UDP headers (RFC 768): enough to validate a datagram before refusing it.
 */
#ifndef EK_WIRE_UDP_H
#define EK_WIRE_UDP_H

#include "wire/ipv4.h"

enum { EK_UDP_HDR_BYTES = 8 };

struct ek_udp_hdr {
        uint16_t src_port, dst_port;
        const uint8_t *data;
        uint32_t data_len;
};

/* Validates length and, unless `csum_ok`, checksum (0: none, allowed in IPv4 only; RFC 8200, 8.1).
 * NONE or UDP_BAD. */
enum elko_drop ek_udp_parse(const struct ek_ip_hdr *ip, bool csum_ok, struct ek_udp_hdr *out);

#endif
