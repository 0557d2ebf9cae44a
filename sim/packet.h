/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_PACKET_H
#define ELKO_SIM_PACKET_H

/*
 * A small reader of IP and TCP that shares nothing with elko's: faults choose their victims with it, and
 * every packet that elko emits must please it (I-39). RFC 791, RFC 8200, RFC 9293 3.1, RFC 1071.
 */

#include <elko/types.h>

enum {
        SIM_FIN = 0x01,
        SIM_SYN = 0x02,
        SIM_RST = 0x04,
        SIM_PSH = 0x08,
        SIM_ACK = 0x10,
        SIM_URG = 0x20,
};

struct sim_tcp_view {
        bool v6;
        elko_ip src, dst;
        uint16_t sport, dport;
        uint32_t seq, ack;
        uint8_t flags;
        uint16_t wnd;
        uint16_t ip_bytes, header_bytes; /* of the IP header, of the TCP header with options */
        uint32_t len;                    /* payload */
        const uint8_t *payload;
        bool has_mss, has_ts, has_wscale;
        uint16_t mss;
        uint8_t wscale;
        uint32_t ts_val, ts_ecr;
};

/* Read a TCP segment as far as it can be read; false: no TCP in an unfragmented packet. Checksums and
 * options are not judged. */
bool sim_tcp_read(const uint8_t *packet, size_t len, struct sim_tcp_view *out);

/* What is wrong with this packet's form, NULL: nothing. For what elko emits. `*tcp` is filled and *is_tcp
 * says whether it is a TCP segment. */
const char *sim_packet_judge(const uint8_t *packet, size_t len, struct sim_tcp_view *tcp,
                             bool *is_tcp);

/* Make IP and transport checksums right, as far as the packet's lengths allow. */
void sim_packet_repair(uint8_t *packet, size_t len);

/* Would a receiver find the checksums right? */
bool sim_packet_is_whole(const uint8_t *packet, size_t len);

/* One's complement sum (RFC 1071), folded; continue from `sum`. */
uint32_t sim_sum(const uint8_t *p, size_t len, uint32_t sum);

/* Begin an IP packet of `payload_len` bytes of protocol `proto` at `out`; returns the header's bytes. */
size_t sim_ip_begin(uint8_t *out, const elko_ip *src, const elko_ip *dst, uint8_t proto,
                    size_t payload_len);

/* The checksum of a transport message, over the pseudo-header too. */
uint16_t sim_transport_sum(const elko_ip *src, const elko_ip *dst, uint8_t proto, const uint8_t *p,
                           size_t len);

#endif
