/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_MONITOR_SEG_H
#define ELKO_SIM_MONITOR_SEG_H

/*
 * The monitor's own reader of packets: bytes to a plain structure, and what is wrong with them.
 */

#include <elko/types.h>

enum mon_kind { MON_TCP, MON_ICMP_ERROR, MON_OTHER, MON_IP_BAD, MON_FRAGMENT, MON_TCP_BAD };

enum mon_flag { MON_FIN = 1, MON_SYN = 2, MON_RST = 4, MON_PSH = 8, MON_ACK = 16, MON_URG = 32 };

enum mon_ecn_flag { MON_ECE = 1, MON_CWR = 2, MON_AE = 4 };

struct mon_seg {
        enum mon_kind kind;
        const char *
                wrong; /* IP_BAD, TCP_BAD: what; TCP: must not be sent so, but may arrive (TTL 0: RFC 1122,
                            * 3.2.1.7; RFC 8200, 3) */
        bool v6;
        uint32_t ip_len; /* of the whole packet */
        elko_ip src, dst;
        uint16_t sport, dport;

        uint32_t seq, ack;
        uint32_t len; /* text only */
        const uint8_t *text;
        uint16_t window;
        uint8_t flags;
        uint8_t ecn_flags; /* enum mon_ecn_flag: RFC 3168 */
        uint8_t ecn;       /* the ECN field of the IP header */
        uint8_t reserved;
        uint8_t options_len;
        bool sum_ok;
        const char *options_wrong; /* NULL: well formed */

        bool has_mss, has_ws, has_sack_ok, has_ts;
        bool has_cookie; /* of Fast Open (RFC 7413), in whichever option */
        uint8_t ws, sacks;
        uint16_t mss;
        uint32_t tsval, tsecr;
        struct {
                uint32_t left, right;
        } sack[4];

        /* ICMP_ERROR: addresses and ports are those of the quoted segment */
        bool too_big;
};

/* Read one IP packet of `len` bytes; `sums` false: checksums are not looked at. */
void mon_seg_read(struct mon_seg *s, const uint8_t *packet, size_t len, bool sums);

/* Sequence numbers that the segment occupies. */
static inline uint32_t mon_seg_span(const struct mon_seg *s)
{
        return s->len + ((s->flags & MON_SYN) != 0) + ((s->flags & MON_FIN) != 0);
}

/* a < b, a <= b in sequence space (RFC 9293, 3.4) */
static inline bool mon_lt(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) < 0;
}

/* Half the circle away nothing is before anything (RFC 9293, 3.4). */
static inline bool mon_le(uint32_t a, uint32_t b)
{
        return (int32_t)(b - a) >= 0;
}

static inline uint32_t mon_max(uint32_t a, uint32_t b)
{
        return mon_lt(a, b) ? b : a;
}

static inline uint32_t mon_min(uint32_t a, uint32_t b)
{
        return mon_lt(a, b) ? a : b;
}

#endif
