/*
 * siphash.h - SipHash, the keyed hash for whatever a peer may choose: demux keys, ISNs, cookies.
 *
 * The 64-bit result is defined by the bytes alone: the same on every host. SipHash-2-4 is the
 * conservative choice for values that leave the host; SipHash-1-3 is faster and good for hash
 * tables whose values stay inside.
 */
#ifndef EK_BASE_SIPHASH_H
#define EK_BASE_SIPHASH_H

#include "base/port.h"

struct ek_siphash_key {
        uint64_t k0, k1;
};

/* The key made of 16 bytes, in the order of the reference implementation (little-endian). */
struct ek_siphash_key ek_siphash_key(const uint8_t bytes[16]);

/* Hash of the n bytes at `data`, which may be NULL when n is 0 and needs no alignment. */
uint64_t ek_siphash24(const struct ek_siphash_key *key, const void *data, size_t n);
uint64_t ek_siphash13(const struct ek_siphash_key *key, const void *data, size_t n);

#endif
