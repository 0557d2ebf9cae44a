/* SPDX-License-Identifier: MIT */
#ifndef EK_FZ_WIRE_H
#define EK_FZ_WIRE_H

/*
 * Packets as the fuzz targets see them: built and judged by code that shares nothing with src/wire, so
 * that a mistake there is not forgiven here. RFC 791, 3.1; RFC 8200, 3; RFC 9293, 3.1; RFC 1071.
 */

#include "fz.h"

#include <elko/link.h>

enum {
        FZ_FIN = 1,
        FZ_SYN = 2,
        FZ_RST = 4,
        FZ_PSH = 8,
        FZ_ACK = 16,
        FZ_URG = 32,

        FZ_TCP = 6,
        FZ_ICMP4 = 1,
        FZ_ICMP6 = 58,
        FZ_UDP = 17,
};

/* The two ends of a packet's way: addresses in 16 bytes, IPv4 in the last four. */
struct fz_way {
        bool v6;
        uint8_t src[16], dst[16];
};

/* A packet that the stack sent (or one that is to be built: then only what stands on the wire counts). */
struct fz_seg {
        struct fz_way way;
        uint8_t proto, ttl, tos;
        const uint8_t *packet; /* without link header */
        uint32_t packet_len;
        const uint8_t *l4;
        uint32_t l4_len;

        /* TCP only */
        uint16_t sport, dport, flags, wnd, urg;
        uint32_t seq, ack;
        const uint8_t *data;
        uint32_t len; /* payload bytes */
        bool has_mss, has_ws, sack_ok, has_ts;
        uint8_t ws, sacks;
        uint16_t mss;
        uint32_t ts_val, ts_ecr;
        uint32_t sack[8];
};

uint16_t fz_get16(const uint8_t *p);
uint32_t fz_get32(const uint8_t *p);
void fz_put16(uint8_t *p, uint16_t v);
void fz_put32(uint8_t *p, uint32_t v);

/* One's complement of the one's complement sum: 0 over data with a right checksum. */
uint16_t fz_csum(const uint8_t *p, size_t n);
uint16_t fz_csum_way(const struct fz_way *way, uint8_t proto, const uint8_t *p, size_t n);

/* Write an IP header for `l4_len` bytes of `proto` that follow; its length. */
uint32_t fz_ip_header(uint8_t *out, const struct fz_way *way, uint8_t proto, uint32_t l4_len);

/* A TCP segment: header fields of `s`, option bytes as given (padded with NOPs), payload; with IP header
 * and checksums. Returns the length. */
uint32_t fz_tcp_build(uint8_t *out, const struct fz_seg *s, const uint8_t *opts, uint32_t opts_len,
                      const uint8_t *payload, uint32_t len);

/* The options that `s` names as bytes, at most 40; their length. */
uint32_t fz_tcp_options(uint8_t *out, const struct fz_seg *s);

/* Set the transport checksum of the IP packet (of version 4 without options, or 6 without extension
 * headers), and IPv4's header checksum. */
void fz_mend(uint8_t *packet, uint32_t len);

/*
 * Judge a frame that the stack wants to send on a link without link header: lengths, checksums, DF, the
 * form of TCP's header and options, RFC 9293's rules for flags (I-39, I-40). NULL, or what is wrong.
 * *out points into a buffer that the next call overwrites.
 */
const char *fz_wire_read(const struct elko_frame *f, uint32_t mtu, struct fz_seg *out);

/* With FUZZ_TRACE in the environment: one line for a segment, `>` from the stack. */
void fz_trace_seg(uint64_t now, char direction, const struct fz_seg *s);
void fz_trace_text(uint64_t now, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
