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
#include <string.h>

/* Eight bytes of stream `id`: those at places 8 * word .. 8 * word + 7, the first one lowest. Numbers of
 * streams are well mixed, so one multiplication is enough to tell words apart (every byte of the product
 * depends on the words' number): half of the bytes that a simulation moves are made here. */
static inline uint64_t peer_odd_stream_word(uint64_t id, uint64_t word)
{
        uint64_t v = id + word * 0x9e3779b97f4a7c15u;

        v = (v ^ (v >> 32)) * 0xd6e8feb86659fd93u;
        return v ^ (v >> 32);
}

static inline uint8_t peer_odd_stream_byte(uint64_t id, uint64_t offset)
{
        return (uint8_t)(peer_odd_stream_word(id, offset / 8) >> (offset % 8 * 8));
}

/* Write the bytes offset..offset+n-1 of stream `id`. */
static inline void peer_odd_stream_fill(uint64_t id, uint64_t offset, uint8_t *buf, size_t n)
{
        size_t i = 0;

        /* To the next word's first byte, whole words, the rest. */
        for (; i < n && (offset + i) % 8 != 0; i++)
                buf[i] = peer_odd_stream_byte(id, offset + i);
        for (; i + 8 <= n; i += 8) {
                uint64_t word = SIM_LITTLE(peer_odd_stream_word(id, (offset + i) / 8));

                memcpy(buf + i, &word, sizeof(word));
        }
        if (i < n) {
                uint64_t word = SIM_LITTLE(peer_odd_stream_word(id, (offset + i) / 8));

                memcpy(buf + i, &word, n - i);
        }
}

/* The first of buf[0..n-1] that is not the stream's byte; n: all are. */
static inline size_t peer_odd_stream_differs(uint64_t id, uint64_t offset, const uint8_t *buf,
                                             size_t n)
{
        size_t i = 0;

        for (; i < n && (offset + i) % 8 != 0; i++)
                if (buf[i] != peer_odd_stream_byte(id, offset + i))
                        return i;
        for (; i + 8 <= n; i += 8) {
                uint64_t got;

                memcpy(&got, buf + i, sizeof(got));
                if (SIM_LITTLE(got) != peer_odd_stream_word(id, (offset + i) / 8))
                        break;
        }
        for (; i < n; i++)
                if (buf[i] != peer_odd_stream_byte(id, offset + i))
                        return i;
        return n;
}

#endif
