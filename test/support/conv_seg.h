/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_CONV_SEG_H
#define EK_TEST_CONV_SEG_H

/* Segments of a conversation as text and as bytes; written without the stack's own wire layer, so
 * that one checks the other. Used by conv*.c only. */

#include "conv.h"

/* What the relative numbers of a text refer to. */
struct conv_bases {
        uint32_t seq, ack;
        uint32_t ts_val, ts_ecr;
        uint32_t sack;
        uint16_t mss; /* of "mss M" */
};

enum conv_opts_mode {
        CONV_OPTS_AUTO, /* no list */
        CONV_OPTS_EXACT,
        CONV_OPTS_AT_LEAST, /* "<...>", "<a,...>" */
};

/* A parsed text: a segment, what of it does not matter, and where each part stands in the text. */
struct conv_pat {
        struct conv_seg s;
        const char *text;
        bool any_seq, any_ack, any_len, has_win, any_win, badcsum;
        uint32_t any_ts_val, any_ts_ecr; /* wild cards */
        uint32_t any_mss;
        enum conv_opts_mode mode;
        uint8_t raw[40]; /* the option bytes as they stand */
        uint8_t raw_len;
        unsigned at_ecn, at_flags, at_seq, at_ack, at_win, at_urg, at_opts;
};

/* NULL, or what is wrong with the text; *at says where. */
const char *conv_seg_parse(const char *text, const struct conv_bases *b, struct conv_pat *out,
                           unsigned *at);

/* Writes a TCP header with options (no payload, checksum 0); its length. */
uint32_t conv_seg_emit(const struct conv_pat *p, uint16_t src, uint16_t dst, uint8_t *out);

/* Reads a TCP segment; NULL, or what is wrong with it. Only what a correct sender may send is
 * right. */
const char *conv_seg_read(const uint8_t *tcp, uint32_t len, struct conv_seg *out,
                          uint32_t *hdr_len);

/* As text, relative to the bases. */
void conv_seg_print(const struct conv_seg *s, const struct conv_bases *b, char *buf, size_t cap);

/* NULL, or the name of the first part that differs; *at says where it stands in the text. Options
 * only for other modes than AUTO. */
const char *conv_seg_compare(const struct conv_pat *p, const struct conv_seg *s, unsigned *at);

const struct conv_opt *conv_seg_opt(const struct conv_seg *s, uint8_t kind);

uint16_t conv_csum(const uint8_t *src16, const uint8_t *dst16, bool v6, uint8_t proto,
                   const uint8_t *p, uint32_t len);
uint16_t conv_csum_plain(const uint8_t *p, uint32_t len);

static inline uint32_t conv_get32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint16_t conv_get16(const uint8_t *p)
{
        return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void conv_put32(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 24);
        p[1] = (uint8_t)(v >> 16);
        p[2] = (uint8_t)(v >> 8);
        p[3] = (uint8_t)v;
}

static inline void conv_put16(uint8_t *p, uint16_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

#endif
