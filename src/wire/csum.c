/*
 * csum.c - the Internet checksum.
 *
 * RFC 1071: the checksum is the one's complement of the one's complement sum of 16-bit words. That
 * sum is arithmetic modulo 2^16 - 1, from which everything here follows:
 *
 * - Words may be added in any order and in any grouping (RFC 1071, 2(A)). 2^16 - 1 divides 2^64 - 1,
 *   so 64-bit words may be added with end-around carry, and be folded once at the end: 2^16 = 1
 *   (mod 2^16 - 1), so the halves of a number may be added to each other.
 * - The sum of byte-swapped words is the byte-swapped sum (2(B)): so words are loaded in the host's
 *   order and the result is turned once. For the same reason a run that begins at an odd offset is
 *   summed as if the offset were even, and its folded sum is turned.
 * - The inner loop has independent lanes, each a sum and the number of its carries. A scalar machine
 *   makes that one add and one add-with-carry for 8 bytes; clang makes vectors of it. (Four 32-bit
 *   words in two vectors take as long: unpacking costs what the width gains.)
 */
#include "wire/csum.h"

#include "wire/addr.h"

/* Bytes per turn of the inner loop. */
enum { BLOCK = 32 };

static inline uint64_t load64(const uint8_t *p)
{
        uint64_t w;

        memcpy(&w, p, 8);
        return w;
}

/* a + b with end-around carry: exact modulo 2^64 - 1, of which 2^16 - 1 is a divisor. */
static inline uint64_t add64(uint64_t a, uint64_t b)
{
        a += b;
        return a + (a < b);
}

/* One lane: a sum, and how often it wrapped. */
struct lane {
        uint64_t sum, carries;
};

static inline void lane_add(struct lane *l, uint64_t w)
{
        l->sum += w;
        l->carries += l->sum < w;
}

/* The sum of a whole number of blocks. */
static uint64_t sum_blocks(const uint8_t *p, size_t n)
{
        struct lane a = {0, 0}, b = {0, 0}, c = {0, 0}, d = {0, 0};

        for (; n >= BLOCK; n -= BLOCK, p += BLOCK) {
                EK_WORK(1);
                lane_add(&a, load64(p));
                lane_add(&b, load64(p + 8));
                lane_add(&c, load64(p + 16));
                lane_add(&d, load64(p + 24));
        }
        return add64(add64(add64(a.sum, b.sum), add64(c.sum, d.sum)),
                     a.carries + b.carries + c.carries + d.carries);
}

/* The sum of fewer bytes than a block; an odd last byte is padded with a zero. */
static uint64_t sum_tail(const uint8_t *p, size_t n)
{
        uint8_t last[2] = {0, 0};
        uint64_t acc = 0;
        uint32_t w32;
        uint16_t w16;

        for (; n >= 8; n -= 8, p += 8)
                acc = add64(acc, load64(p));
        if (n & 4) {
                memcpy(&w32, p, 4);
                acc = add64(acc, w32);
                p += 4;
        }
        if (n & 2) {
                memcpy(&w16, p, 2);
                acc = add64(acc, w16);
                p += 2;
        }
        if (n & 1) {
                last[0] = *p;
                memcpy(&w16, last, 2);
                acc = add64(acc, w16);
        }
        return acc;
}

/* Congruent to acc modulo 2^16 - 1 and below 2^16; 0 only for 0. */
static uint32_t fold16(uint64_t acc)
{
        uint32_t x;

        acc = (acc & UINT32_MAX) + (acc >> 32); /* 33 bits */
        acc = (acc & UINT32_MAX) + (acc >> 32); /* 32 bits */
        x = (uint32_t)acc;
        x = (x & 0xffff) + (x >> 16); /* 17 bits */
        return (x & 0xffff) + (x >> 16);
}

/* From the host's order to the number that the two bytes mean, or back. */
static uint16_t turn(uint32_t x)
{
        uint16_t h = (uint16_t)x;

        return ek_get16be(&h);
}

uint64_t ek_csum_add(uint64_t acc, const void *p, size_t n)
{
        const uint8_t *b = p;
        size_t whole = n & ~(size_t)(BLOCK - 1);

        if (whole > 0)
                acc = add64(acc, sum_blocks(b, whole));
        return n > whole ? add64(acc, sum_tail(b + whole, n - whole)) : acc;
}

uint64_t ek_csum_add_odd(uint64_t acc, const void *p, size_t n)
{
        uint32_t sum = fold16(ek_csum_add(0, p, n));

        return add64(acc, ((sum & 0xff) << 8) | (sum >> 8));
}

uint16_t ek_csum_fold(uint64_t acc)
{
        return (uint16_t)~turn(fold16(acc));
}

/* An address as it stands on the wire: bytes 2 and 3 of a link-local address are 0 there (RFC 4291,
 * 2.5.6); inside they may hold a link number. */
static uint64_t add_v6(uint64_t acc, const elko_ip *ip)
{
        elko_ip wire = *ip;

        if (ek_addr_is_v6_link_local(ip))
                memset(wire.b + 2, 0, 2);
        return add64(add64(acc, load64(wire.b)), load64(wire.b + 8));
}

static inline uint64_t load32(const uint8_t *p)
{
        uint32_t w;

        memcpy(&w, p, 4);
        return w;
}

uint64_t ek_csum_pseudo(const elko_ip *src, const elko_ip *dst, uint8_t proto, uint32_t len)
{
        uint8_t tail[8] = {0, 0, 0, 0, 0, 0, 0, proto};

        ek_put32be(tail, len);
        if (ek_addr_is_v4(src) && ek_addr_is_v4(dst)) /* RFC 9293, 3.1 */
                return load32(tail) + load32(tail + 4) + load32(src->b + 12) + load32(dst->b + 12);
        return add_v6(add_v6(load64(tail), src), dst); /* RFC 8200, 8.1 */
}

/* RFC 1624, eqn. 3: HC' = ~(~HC + ~m + m'). */
uint16_t ek_csum_update16(uint16_t csum, uint16_t old_word, uint16_t new_word)
{
        uint32_t sum = (uint32_t)(uint16_t)~csum + (uint16_t)~old_word + new_word;

        return (uint16_t)~fold16(sum);
}
