/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_WIRE_IP_H
#define ELKO_DRIVERS_WIRE_IP_H

/* What a wire must know of an IP packet: is it an acknowledgement only, and may it be marked? */

#include <stdbool.h>
#include <stdint.h>

struct elko_wire_ip {
        bool pure_ack;           /* TCP without data, SYN, FIN or RST */
        uint8_t destination[16]; /* IPv4: the first four bytes */
        uint8_t version;
};

/* False: neither IPv4 nor IPv6, or shorter than it says. */
bool elko_wire_ip_parse(const uint8_t *data, uint32_t len, struct elko_wire_ip *out);

/* Set CE on an ECN-capable packet (RFC 3168, section 5), and put IPv4's header checksum right. False: it
 * is not ECN-capable, and unchanged. A packet that is marked already stays so: true. */
bool elko_wire_ip_mark(uint8_t *data, uint32_t len);

#endif
