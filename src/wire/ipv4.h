/*
 * ipv4.h - IPv4 headers (RFC 791), and the record that both IP versions are parsed into.
 */
#ifndef EK_WIRE_IPV4_H
#define EK_WIRE_IPV4_H

#include "base/port.h"

#include <elko/info.h>
#include <elko/types.h>

enum {
        EK_IPV4_HDR_BYTES = 20, /* as we emit it: without options */

        EK_PROTO_ICMP = 1,
        EK_PROTO_TCP = 6,
        EK_PROTO_UDP = 17,
        EK_PROTO_ICMP6 = 58,
        EK_PROTO_NONE = 59, /* IPv6: no next header */
};

/* Does a broken packet deserve an ICMPv6 Parameter Problem (RFC 4443, 3.4)? */
enum ek_ip_problem {
        EK_PROBLEM_NONE,      /* no answer */
        EK_PROBLEM_UNICAST,   /* answer unless the destination was multicast */
        EK_PROBLEM_MULTICAST, /* answer even then (option type 10xxxxxx) */
};

/* The ECN field, RFC 3168, 5: the low bits of the type of service, or traffic class. */
enum ek_ecn_codepoint {
        EK_ECN_NOT_ECT = 0,
        EK_ECN_ECT1 = 1,
        EK_ECN_ECT0 = 2,
        EK_ECN_CE = 3,
        EK_ECN_MASK = 3,
};

/* One IP packet without its headers, either version. Pointers point into the packet. */
struct ek_ip_hdr {
        elko_ip src, dst;       /* as on the wire: no scope embedded */
        const uint8_t *packet;  /* first byte of the IP header */
        const uint8_t *payload; /* = packet + hdr_len */
        uint32_t payload_len;   /* by the length field: link padding is not in it */
        uint16_t hdr_len;       /* all headers up to the transport */
        uint8_t version;        /* 4 or 6 */
        uint8_t proto;          /* transport protocol */
        uint8_t ttl;            /* time to live or hop limit */
        uint8_t tos;            /* DSCP and ECN */
        bool atomic_frag;       /* had a fragment header with offset 0 and M 0 (RFC 6946) */
        uint8_t problem;        /* enum ek_ip_problem; set when parsing failed */
        uint8_t problem_code;   /* ICMPv6 code */
        uint16_t problem_at;    /* offset of the offending byte; else of the one that names proto */
};

/*
 * Reads the packet that starts at p, of which n bytes are present (padding included). Verifies the
 * lengths, the header checksum and the options. Returns NONE with *out set, or
 *   IP_SHORT       n is below the minimal header
 *   IP_VERSION     the version is not 4
 *   IP_HDR_LEN     header length below 20 or beyond n
 *   IP_TOTAL_LEN   total length below the header length or beyond n
 *   IP_CSUM        wrong header checksum
 *   IP_FRAGMENT    a fragment
 *   IP_OPTIONS     a source route, or an option list that doesn't add up
 * out->src, dst, version and packet are valid after IP_FRAGMENT and IP_OPTIONS, too.
 */
enum elko_drop ek_ipv4_parse(const uint8_t *p, size_t n, struct ek_ip_hdr *out);

/*
 * Writes a header without options for payload_len bytes of transport; DF set, ID 0 (RFC 6864, 4.1:
 * an atomic datagram's ID is meaningless). The addresses are mapped. 20 + payload_len <= 65535.
 * Returns 20.
 */
size_t ek_ipv4_emit(uint8_t *out, const elko_ip *src, const elko_ip *dst, uint8_t proto,
                    uint8_t ttl, uint8_t tos, uint32_t payload_len);

#endif
