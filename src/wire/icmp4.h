/*
 * icmp4.h - ICMP messages (RFC 792), and the record that ICMPv6 messages are parsed into as well.
 */
#ifndef EK_WIRE_ICMP4_H
#define EK_WIRE_ICMP4_H

#include "base/port.h"

#include <elko/info.h>

enum {
        EK_ICMP_HDR_BYTES = 8, /* of every message that we use, both versions */

        EK_ICMP4_ECHO_REPLY = 0,
        EK_ICMP4_UNREACH = 3,
        EK_ICMP4_SOURCE_QUENCH = 4,
        EK_ICMP4_REDIRECT = 5,
        EK_ICMP4_ECHO_REQUEST = 8,
        EK_ICMP4_TIME_EXCEEDED = 11,
        EK_ICMP4_PARAM_PROBLEM = 12,

        EK_ICMP4_CODE_PROTO = 2, /* of UNREACH */
        EK_ICMP4_CODE_PORT = 3,
        EK_ICMP4_CODE_FRAG_NEEDED = 4,
};

struct ek_icmp_msg {
        uint8_t type, code;
        uint32_t word; /* bytes 4..7: identifier and sequence number, MTU or pointer */
        const uint8_t *body;
        uint32_t body_len; /* bytes after the first 8 */
};

/* Echo messages: the two halves of the word. */
static inline uint16_t ek_icmp_id(const struct ek_icmp_msg *m)
{
        return (uint16_t)(m->word >> 16);
}

static inline uint16_t ek_icmp_seq(const struct ek_icmp_msg *m)
{
        return (uint16_t)m->word;
}

/* Reads the message of n bytes at p; the checksum is verified unless `csum_ok`. NONE, ICMP_SHORT
 * (below 8 bytes) or ICMP_CSUM. */
enum elko_drop ek_icmp4_parse(const uint8_t *p, uint32_t n, bool csum_ok, struct ek_icmp_msg *out);

/*
 * Writes the 8 header bytes for `m`, whose body of m->body_len bytes already stands at out + 8, and
 * the checksum over both. m->body is not used. Returns 8 + body_len.
 */
size_t ek_icmp4_emit(uint8_t *out, const struct ek_icmp_msg *m);

#endif
