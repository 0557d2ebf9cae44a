/*
 * csum.h - the Internet checksum (RFC 1071) and its update in place (RFC 1624).
 *
 * A partial sum is a uint64_t. Its value means something to this module only; 0 is the sum of
 * nothing. Sums of parts that lie at even offsets of the checksummed whole may be added in any
 * order. Checksums themselves are host-order numbers: stored with ek_put16be(), loaded with
 * ek_get16be().
 */
#ifndef EK_WIRE_CSUM_H
#define EK_WIRE_CSUM_H

#include "base/port.h"

#include <elko/types.h>

/*
 * Adds the n bytes at p, any alignment, that stand at an even offset of the whole. An odd n is
 * padded with a zero byte: right at the end of the whole; use struct ek_csum when more follows.
 */
uint64_t ek_csum_add(uint64_t acc, const void *p, size_t n);

/* The same for bytes that stand at an odd offset of the whole. */
uint64_t ek_csum_add_odd(uint64_t acc, const void *p, size_t n);

/* The checksum: the complement of the folded sum, 0..65535. 0 when a correct checksum was summed
 * along with what it covers. */
uint16_t ek_csum_fold(uint64_t acc);

/*
 * Pseudo-header of a transport segment of `len` bytes (its header included) with protocol number
 * `proto`: RFC 793's if both addresses are IPv4-mapped, otherwise RFC 8200 8.1's. A scope embedded in a
 * link-local address does not count.
 */
uint64_t ek_csum_pseudo(const elko_ip *src, const elko_ip *dst, uint8_t proto, uint32_t len);

/* The checksum of what had checksum `csum` after one of its 16-bit words changed (RFC 1624, eqn. 3);
 * all three are host-order numbers. */
uint16_t ek_csum_update16(uint16_t csum, uint16_t old_word, uint16_t new_word);

/* A sum over slices of any length, in order: remembers whether the next byte's offset is odd. */
struct ek_csum {
        uint64_t acc;
        bool odd;
};

/* Starts from a partial sum (0, or a pseudo-header). */
static inline struct ek_csum ek_csum_start(uint64_t acc)
{
        return (struct ek_csum){.acc = acc, .odd = false};
}

/* Appends the n bytes at p. */
static inline void ek_csum_append(struct ek_csum *c, const void *p, size_t n)
{
        c->acc = c->odd ? ek_csum_add_odd(c->acc, p, n) : ek_csum_add(c->acc, p, n);
        c->odd ^= (n & 1) != 0;
}

#endif
