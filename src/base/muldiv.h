/*
 * muldiv.h - products over quotients, and cube roots, of integers: what rates and windows are made of.
 *
 * All functions are pure; a result that does not fit is the largest number.
 */
#ifndef EK_BASE_MULDIV_H
#define EK_BASE_MULDIV_H

#include "base/port.h"

static inline uint64_t ek_mul_sat(uint64_t a, uint64_t b)
{
        return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static inline uint64_t ek_add_sat(uint64_t a, uint64_t b)
{
        return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint32_t ek_clamp_u32(uint64_t v)
{
        return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/*
 * floor(a * b / c), c not 0. Exact when a * b fits into 64 bits, or the smaller of them times c; else, and with the smaller
 * below 2^42, off by 2^-20 of it and 1 at most. There is no 128-bit division on a freestanding host.
 */
static inline uint64_t ek_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
        uint64_t whole, rest;

        EK_ASSERT(c != 0);
        if (b == 0 || a <= UINT64_MAX / b)
                return a * b / c;
        if (a < b) {
                whole = a;
                a = b;
                b = whole;
        }
        whole = ek_mul_sat(a / c, b);
        rest = a % c;
        /* rest < c: the quotient is below b */
        while (b != 0 && rest > UINT64_MAX / b) {
                rest >>= 1;
                c >>= 1;
        }
        return ek_add_sat(whole, rest * b / (c != 0 ? c : 1));
}

/* floor of the cube root: bit by bit, 22 steps. */
static inline uint32_t ek_cbrt(uint64_t x)
{
        uint64_t y = 0;

        for (int s = 63; s >= 0; s -= 3) {
                uint64_t b;

                y = 2 * y;
                b = 3 * y * (y + 1) + 1;
                if ((x >> s) >= b) {
                        x -= b << s;
                        y++;
                }
        }
        return (uint32_t)y;
}

#endif
