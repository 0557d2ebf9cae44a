/*
 * ipv6.h - IPv6 headers (RFC 8200) with a bounded walk over extension headers.
 */
#ifndef EK_WIRE_IPV6_H
#define EK_WIRE_IPV6_H

#include "wire/ipv4.h"

enum {
        EK_IPV6_HDR_BYTES = 40,
        EK_IPV6_MIN_MTU = 1280, /* RFC 8200, 5 */

        /* RFC 8200 sets no bound, RFC 8504 5.3 lets a host set one: no real chain comes near. */
        EK_IPV6_MAX_EXT_HDRS = 8,
        EK_IPV6_MAX_EXT_BYTES = 512,
};

/* Extension headers, by next-header value. */
enum ek_ipv6_ext {
        EK_IPV6_HOP_BY_HOP = 0,
        EK_IPV6_ROUTING = 43,
        EK_IPV6_FRAGMENT = 44,
        EK_IPV6_DEST_OPTS = 60,
};

/*
 * Reads the packet that starts at p, of which n bytes are present (padding included), up to the
 * transport header. Returns NONE with *out set, or
 *   IP_SHORT        n is below 40
 *   IP_VERSION      the version is not 6
 *   IP_TOTAL_LEN    the payload length is beyond n
 *   IP_FRAGMENT     a fragment that is not atomic, or a second fragment header
 *   IP_EXT_HDR      the chain is malformed, beyond the bounds, or has an option that forbids going on
 *   IP_ROUTING_HDR  a routing header with segments left
 * After the last two out->problem* say what to answer; src, dst, version, packet, payload_len (here:
 * bytes after the fixed header) are valid after all but the first two.
 */
enum elko_drop ek_ipv6_parse(const uint8_t *p, size_t n, struct ek_ip_hdr *out);

/* By the version nibble: ek_ipv4_parse(), ek_ipv6_parse(), IP_SHORT or IP_VERSION. */
enum elko_drop ek_ip_parse(const uint8_t *p, size_t n, struct ek_ip_hdr *out);

/* Writes a fixed header, flow label 0, for payload_len <= 65535 bytes. Returns 40. */
size_t ek_ipv6_emit(uint8_t *out, const elko_ip *src, const elko_ip *dst, uint8_t proto,
                    uint8_t ttl, uint8_t tos, uint32_t payload_len);

#endif
