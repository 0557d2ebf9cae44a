/*
 * icmp6.h - ICMPv6 messages (RFC 4443).
 */
#ifndef EK_WIRE_ICMP6_H
#define EK_WIRE_ICMP6_H

#include "wire/icmp4.h"

#include <elko/types.h>

enum {
        EK_ICMP6_UNREACH = 1,
        EK_ICMP6_TOO_BIG = 2,
        EK_ICMP6_TIME_EXCEEDED = 3,
        EK_ICMP6_PARAM_PROBLEM = 4,
        EK_ICMP6_ECHO_REQUEST = 128,
        EK_ICMP6_ECHO_REPLY = 129,
        EK_ICMP6_ROUTER_SOLICIT = 133,
        EK_ICMP6_ROUTER_ADVERT = 134,
        EK_ICMP6_NEIGH_SOLICIT = 135,
        EK_ICMP6_NEIGH_ADVERT = 136,
        EK_ICMP6_REDIRECT = 137,

        EK_ICMP6_CODE_PORT = 4, /* of UNREACH */

        EK_ICMP6_CODE_HEADER = 0, /* of PARAM_PROBLEM: erroneous header field */
        EK_ICMP6_CODE_NEXT_HDR = 1,
        EK_ICMP6_CODE_OPTION = 2,
};

/* As ek_icmp4_parse(); the checksum covers a pseudo-header (RFC 4443, 2.3). The addresses are as on
 * the wire. */
enum elko_drop ek_icmp6_parse(const elko_ip *src, const elko_ip *dst, const uint8_t *p, uint32_t n,
                              bool csum_ok, struct ek_icmp_msg *out);

/* As ek_icmp4_emit(). */
size_t ek_icmp6_emit(uint8_t *out, const elko_ip *src, const elko_ip *dst,
                     const struct ek_icmp_msg *m);

#endif
