/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_PEER_ODD_STREAM_H
#define ELKO_SIM_PEER_ODD_STREAM_H

/*
 * The bytes of a stream are a function of the stream's number and the place in it, so that whoever
 * receives them can verify each one without having seen it sent, and neither side needs a copy. Bytes of
 * different streams, and neighbouring places of one, are unrelated.
 */

#include "sim_rng.h"

#include <stddef.h>

/* Eight bytes of stream `id`: those at places 8 * word .. 8 * word + 7, the first one lowest. */
static inline uint64_t peer_odd_stream_word(uint64_t id, uint64_t word)
{
        return sim_mix64(id ^ sim_mix64(word + 0x9e3779b97f4a7c15u));
}

static inline uint8_t peer_odd_stream_byte(uint64_t id, uint64_t offset)
{
        return (uint8_t)(peer_odd_stream_word(id, offset / 8) >> (offset % 8 * 8));
}

/* Write the bytes offset..offset+n-1 of stream `id`. */
static inline void peer_odd_stream_fill(uint64_t id, uint64_t offset, uint8_t *buf, size_t n)
{
        uint64_t word = 0;

        for (size_t i = 0; i < n; i++, offset++) {
                if (i == 0 || offset % 8 == 0)
                        word = peer_odd_stream_word(id, offset / 8);
                buf[i] = (uint8_t)(word >> (offset % 8 * 8));
        }
}

/* The first of buf[0..n-1] that is not the stream's byte; n: all are. */
static inline size_t peer_odd_stream_differs(uint64_t id, uint64_t offset, const uint8_t *buf,
                                             size_t n)
{
        uint64_t word = 0;

        for (size_t i = 0; i < n; i++, offset++) {
                if (i == 0 || offset % 8 == 0)
                        word = peer_odd_stream_word(id, offset / 8);
                if (buf[i] != (uint8_t)(word >> (offset % 8 * 8)))
                        return i;
        }
        return n;
}

#endif
