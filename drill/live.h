/* SPDX-License-Identifier: MIT */
/*
 * live.h - packets as bytes: those of the stack taken apart, those of the peer put together.
 */
#ifndef DRILL_LIVE_H
#define DRILL_LIVE_H

#include <elko/types.h>

#include "drill/script.h"

enum { DRILL_PROTO_ICMP = 1, DRILL_PROTO_TCP = 6, DRILL_PROTO_UDP = 17, DRILL_PROTO_ICMP6 = 58 };

/* Host byte order; nothing translated. Pointers go into the packet. */
struct drill_live {
        uint64_t at_ns;
        bool v6;
        uint8_t tos, ttl, proto;
        uint32_t flow_label;
        elko_ip src, dst;
        uint16_t sport, dport;
        uint32_t seq, ack;
        uint16_t flags, win, urg;
        const uint8_t *opts;
        uint8_t opts_len;
        uint8_t icmp_type, icmp_code;
        uint32_t icmp_word;
        const uint8_t *payload;
        uint32_t len;
};

/* Take a packet apart. NULL, or what is wrong with it: its lengths, its checksums, bits that must be zero. */
const char *drill_live_read(const uint8_t *p, size_t n, struct drill_live *out);

/* The next of the options' bytes into *o; advances *p. False: no more. A list that breaks the rules of lengths ends
 * with one DRILL_OPT_OTHER of what is left. */
bool drill_live_option(const uint8_t **p, const uint8_t *end, struct drill_opt *o);

/* Options to bytes; returns how many, 40 at most. */
size_t drill_live_put_options(const struct drill_opt *o, size_t n, uint8_t *out);

/*
 * Put a packet together: IP header as TOS, TTL, flow label say, then a transport message of `len` bytes at
 * `message`, whose checksum field (at `sum_at`) is filled in. `out` has room for len + 40 bytes. Returns the length.
 */
size_t drill_live_build(const struct drill_live *ip, const uint8_t *message, size_t len,
                        size_t sum_at, uint8_t *out);

void drill_put16(uint8_t *p, uint32_t v);
void drill_put32(uint8_t *p, uint32_t v);
uint16_t drill_get16(const uint8_t *p);
uint32_t drill_get32(const uint8_t *p);

#endif
