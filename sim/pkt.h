/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_PKT_H
#define ELKO_SIM_PKT_H

/*
 * Packets of the simulated network, taken apart and put together.
 *
 * A second, independent reading of the wire formats: nothing here comes from elko's own parser, so that
 * a misreading there shows as a disagreement. One struct for a TCP segment with its IP header (RFC 791,
 * RFC 8200, RFC 9293, 3.1), everything in host byte order; options as plain fields (RFC 9293, 3.2;
 * RFC 7323; RFC 2018), and room for bytes that are none of them.
 */

#include <elko/elko.h>

#include <string.h>

enum {
        PKT_IP4_HEADER = 20,
        PKT_IP6_HEADER = 40,
        PKT_TCP_HEADER = 20,
        PKT_ICMP4 = 1,
        PKT_TCP = 6,
        PKT_ICMP6 = 58,
        PKT_OPTIONS_MAX = 40,
};

/* One TCP segment. For pkt_parse() `payload` points into the packet. */
struct pkt {
        elko_endpoint src, dst;
        uint32_t seq, ack;
        uint16_t flags; /* enum elko_tcp_flag */
        uint16_t window;
        uint16_t urgent;
        uint8_t ttl;
        uint32_t options; /* enum elko_option_present: which of the next are there */
        uint16_t mss;
        uint8_t wscale;
        uint32_t ts_val, ts_ecr;
        uint8_t sack_count;
        struct elko_sack_block sack[4];
        uint8_t raw_len; /* pkt_build(): option bytes to append as they are; pkt_parse(): all of them */
        uint8_t raw[PKT_OPTIONS_MAX];
        bool raw_only; /* pkt_build(): write raw[] alone, no field above */
        const uint8_t *payload;
        uint32_t len;
};

/* Read a packet. True: IPv4 or IPv6, TCP, not a fragment, all lengths within `n`, both checksums right. */
bool pkt_parse(struct pkt *out, const uint8_t *packet, size_t n);

/* As pkt_parse(), but a wrong TCP checksum is allowed. */
bool pkt_parse_any(struct pkt *out, const uint8_t *packet, size_t n);

/* Write a packet with right lengths and checksums; returns its length, 0: larger than `room` or more than
 * 40 bytes of options. */
size_t pkt_build(const struct pkt *p, uint8_t *buf, size_t room);

/* Sequence numbers that a segment covers: payload, SYN and FIN (RFC 9293, 3.4). */
uint32_t pkt_seg_len(const struct pkt *p);

/* An ICMP or ICMPv6 error of `type` and `code` to `to`, that quotes `quoted` (as much of it as the RFCs
 * ask for: 576 and 1280 bytes in all). `word` is the second 32-bit word: MTU or pointer. 0: no room. */
size_t pkt_icmp_error(const elko_ip *from, const elko_ip *to, uint8_t type, uint8_t code,
                      uint32_t word, const uint8_t *quoted, size_t quoted_len, uint8_t *buf,
                      size_t room);

/* A bare IP packet with any next protocol; checksum of the IPv4 header only. 0: no room. */
size_t pkt_ip(const elko_ip *from, const elko_ip *to, uint8_t protocol, const void *payload,
              size_t len, uint8_t *buf, size_t room);

/* Where the TCP (or ICMP) header of a packet begins; 0: it is none or too short. */
size_t pkt_transport_offset(const uint8_t *packet, size_t n, uint8_t *protocol);

/* The beginning of a packet as an ICMP error quotes it: addresses, protocol, and where the transport header
 * begins, of which at least 8 bytes are there. 0: unusable. */
size_t pkt_quoted(const uint8_t *quoted, size_t n, elko_ip *src, elko_ip *dst, uint8_t *protocol);

/* Compute the IPv4 header checksum and the TCP, ICMP or ICMPv6 checksum anew, in place. */
void pkt_fix_checksums(uint8_t *packet, size_t n);

static inline bool pkt_ip_equal(const elko_ip *a, const elko_ip *b)
{
        return memcmp(a->b, b->b, 16) == 0;
}

/* The ports differ most often, so they are looked at first. */
static inline bool pkt_endpoint_equal(const elko_endpoint *a, const elko_endpoint *b)
{
        return a->port == b->port && pkt_ip_equal(&a->ip, &b->ip);
}

/* a < b, a <= b in sequence space (RFC 9293, 3.4). */
static inline bool pkt_lt(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) < 0;
}

static inline bool pkt_le(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) <= 0;
}

#endif
