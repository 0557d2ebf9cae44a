/*
 * bits.h - powers of two, logarithms and bit scans.
 *
 * All functions are pure. The scans require a nonzero argument, as the instructions behind them do.
 */
#ifndef EK_BASE_BITS_H
#define EK_BASE_BITS_H

#include "base/port.h"

/* Whether x is a power of two; 0 is not. */
static inline bool ek_is_pow2(uint64_t x)
{
        return x != 0 && (x & (x - 1)) == 0;
}

/* Index of the lowest set bit, 0..31. x must not be 0. */
static inline uint32_t ek_ctz32(uint32_t x)
{
        EK_DCHECK(x != 0);
        return (uint32_t)__builtin_ctz(x);
}

/* floor(log2(x)), the index of the highest set bit, 0..31. x must not be 0. */
static inline uint32_t ek_log2_floor32(uint32_t x)
{
        EK_DCHECK(x != 0);
        return 31u - (uint32_t)__builtin_clz(x);
}

/*
 * The 64-bit scans are put together from 32-bit ones on 32-bit hosts, where the builtins would
 * call into the compiler's support library.
 */
#if UINTPTR_MAX > UINT32_MAX
/* Index of the lowest set bit, 0..63. x must not be 0. */
static inline uint32_t ek_ctz64(uint64_t x)
{
        EK_DCHECK(x != 0);
        return (uint32_t)__builtin_ctzll(x);
}

/* floor(log2(x)), 0..63. x must not be 0. */
static inline uint32_t ek_log2_floor64(uint64_t x)
{
        EK_DCHECK(x != 0);
        return 63u - (uint32_t)__builtin_clzll(x);
}
#else
static inline uint32_t ek_ctz64(uint64_t x)
{
        uint32_t lo = (uint32_t)x;

        return lo != 0 ? ek_ctz32(lo) : 32u + ek_ctz32((uint32_t)(x >> 32));
}

static inline uint32_t ek_log2_floor64(uint64_t x)
{
        uint32_t hi = (uint32_t)(x >> 32);

        return hi != 0 ? 32u + ek_log2_floor32(hi) : ek_log2_floor32((uint32_t)x);
}
#endif

/* ceil(log2(x)), 0..32. x must not be 0. */
static inline uint32_t ek_log2_ceil32(uint32_t x)
{
        return x == 1 ? 0 : ek_log2_floor32(x - 1) + 1;
}

/* ceil(log2(x)), 0..64. x must not be 0. */
static inline uint32_t ek_log2_ceil64(uint64_t x)
{
        return x == 1 ? 0 : ek_log2_floor64(x - 1) + 1;
}

/*
 * The smallest power of two >= x; 1 for x = 0. Returns 0 when there is none in the type, i.e. when
 * x > 2^31 (or 2^63): the caller must test for it or know better.
 */
static inline uint32_t ek_ceil_pow2_u32(uint32_t x)
{
        uint32_t n = x <= 1 ? 0 : ek_log2_ceil32(x);

        return n > 31 ? 0 : (uint32_t)1 << n;
}

static inline uint64_t ek_ceil_pow2_u64(uint64_t x)
{
        uint32_t n = x <= 1 ? 0 : ek_log2_ceil64(x);

        return n > 63 ? 0 : (uint64_t)1 << n;
}

/* The largest power of two <= x; 0 for x = 0. */
static inline uint32_t ek_floor_pow2_u32(uint32_t x)
{
        return x == 0 ? 0 : (uint32_t)1 << ek_log2_floor32(x);
}

static inline uint64_t ek_floor_pow2_u64(uint64_t x)
{
        return x == 0 ? 0 : (uint64_t)1 << ek_log2_floor64(x);
}

#endif
