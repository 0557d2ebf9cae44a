/*
 * tcp_opt.h - TCP options (RFC 9293, 3.2; RFC 7323; RFC 2018; RFC 5482; RFC 7413).
 */
#ifndef EK_WIRE_TCP_OPT_H
#define EK_WIRE_TCP_OPT_H

#include "base/port.h"

#include <elko/trace.h>

enum {
        EK_TCP_OPT_MAX_BYTES = 40, /* data offset 15 */
        EK_TCP_OPT_TS_BYTES = 12,  /* a timestamp with its padding */
        EK_TCP_MAX_WSCALE = 14,    /* RFC 7323, 2.3 */
};

/* Option kinds (IANA). */
enum ek_tcp_opt_kind {
        EK_TCP_OPT_EOL = 0,
        EK_TCP_OPT_NOP = 1,
        EK_TCP_OPT_MSS = 2,
        EK_TCP_OPT_WSCALE = 3,
        EK_TCP_OPT_SACK_PERMITTED = 4,
        EK_TCP_OPT_SACK = 5,
        EK_TCP_OPT_TIMESTAMPS = 8,
        EK_TCP_OPT_MD5 = 19,
        EK_TCP_OPT_USER_TIMEOUT = 28,
        EK_TCP_OPT_AO = 29,
        EK_TCP_OPT_MPTCP = 30,
        EK_TCP_OPT_FASTOPEN = 34,
        EK_TCP_OPT_ACCECN0 = 172, /* RFC 9768, 3.2.3 */
        EK_TCP_OPT_ACCECN1 = 174,
        EK_TCP_OPT_EXPERIMENT = 254, /* RFC 6994; with magic 0xf989: Fast Open (RFC 7413, A) */
};

struct ek_tcp_opts {
        uint32_t present; /* enum elko_option_present */
        uint32_t ts_val, ts_ecr;
        uint16_t mss;           /* never 0 when present */
        uint16_t user_timeout;  /* raw RFC 5482 field: granularity bit and 15 bits */
        uint8_t wscale;         /* clamped to 14 */
        uint8_t sack_count;     /* 1..4 when present */
        uint8_t fastopen_bytes; /* of the cookie: 0 (a request), or 4..16; RFC 7413, 4.1.1 */
        bool fastopen_exp;      /* as option 254 with a magic (RFC 7413, A) */
        bool malformed;         /* the list was cut short by an illegal length */
        bool scale_first; /* emit: the window scale before SACK-permitted and TS, as BSD does */
        uint8_t accecn_fields;                       /* emit: how many of them, 1..3 */
        uint8_t accecn_has;                          /* parsed: 1 e1b, 2 e0b, 4 ceb */
        bool accecn_order1;                          /* emit: e1b, ceb, e0b; else e0b, ceb, e1b */
        uint32_t accecn_e0b, accecn_ceb, accecn_e1b; /* 24 bits each */
        const uint8_t *fastopen; /* the cookie: in the segment, or (emit) the caller's */
        struct elko_sack_block sack[4];
};

/*
 * Reads the n option bytes at p into *out; all of *out is set. An illegal length ends the walk and
 * sets `malformed`; what came before counts. A known kind of wrong length is ignored; of duplicates
 * the last counts.
 */
void ek_tcp_opts_parse(const uint8_t *p, uint32_t n, struct ek_tcp_opts *out);

/*
 * Writes what o->present names, in the order that Linux uses or (scale_first) BSD, padded to a multiple
 * of 4. Both orders take the same room.
 * Kinds without a field in the struct are not written. A Fast Open cookie that does not fit is left out.
 * SACK comes last, with as many of its blocks as fit in 40 bytes; perhaps none, and then it is left out.
 * Returns the bytes written, 0..40.
 */
uint32_t ek_tcp_opts_emit(uint8_t *out, const struct ek_tcp_opts *o);

/* What ek_tcp_opts_emit() would return. */
uint32_t ek_tcp_opts_len(const struct ek_tcp_opts *o);

/* Would the Fast Open option fit beside the others (RFC 7413, 4.2.2: else there is no Fast Open)? */
bool ek_tcp_opts_fastopen_fits(const struct ek_tcp_opts *o);

#endif
