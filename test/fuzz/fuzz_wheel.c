/* SPDX-License-Identifier: MIT */
/*
 * fuzz_wheel (F13): the timer wheel against a plain list of times.
 *
 * base/wheel.h promises: what expires was due; when expiry ends nothing due is left; the wheel's next
 * instant is never later than the earliest timer, exactly that within 268 ms, and later than now once
 * nothing is due.
 */
#include "common/fz.h"

#include "base/wheel.h"

const unsigned fz_head_bytes = 8, fz_record_bytes = 6;

enum { NODES = 24, MAX_STEPS = 800 };

static struct {
        struct ek_wheel w;
        struct ek_wnode node[NODES];
        uint64_t at[NODES]; /* EK_NEVER: not set */
        uint64_t now;
} m;

static uint64_t earliest(void)
{
        uint64_t first = EK_NEVER;

        for (unsigned i = 0; i < NODES; i++)
                first = ek_min_u64(first, m.at[i]);
        return first;
}

static unsigned count(void)
{
        unsigned n = 0;

        for (unsigned i = 0; i < NODES; i++)
                n += m.at[i] != EK_NEVER;
        return n;
}

static uint64_t later(uint64_t at, uint64_t span)
{
        return at > EK_NEVER - span ? EK_NEVER : at + span;
}

/* A span of any order of magnitude: 6 bits of exponent, 10 of mantissa. */
static uint64_t span_of(const uint8_t *r)
{
        unsigned exponent = r[2] & 63;
        uint64_t mantissa = (r[2] >> 6) * 256u + r[3];

        return exponent < 54 ? mantissa << exponent : UINT64_MAX;
}

static void expire(uint64_t now)
{
        struct ek_wnode *n;

        m.now = ek_max_u64(m.now, now);
        while ((n = ek_wheel_expire(&m.w, now)) != NULL) {
                size_t i = (size_t)(n - m.node);

                FZ_REQUIRE(i < NODES && m.at[i] != EK_NEVER && m.at[i] <= m.now);
                FZ_REQUIRE(!ek_wheel_is_set(n));
                m.at[i] = EK_NEVER;
        }
        FZ_REQUIRE(earliest() > m.now || m.now == EK_NEVER);
        FZ_REQUIRE(ek_wheel_next(&m.w) > m.now || m.now == EK_NEVER);
}

static void step(const uint8_t *r)
{
        unsigned i = r[1] % NODES;
        uint64_t span = span_of(r), at = later(m.now, span), next;

        switch (r[0] % 8) {
        case 0:
        case 1:
        case 2:
                ek_wheel_set(&m.w, &m.node[i], at);
                m.at[i] = at;
                break;
        case 3: /* in the past */
                at = m.now > span ? m.now - span : 0;
                ek_wheel_set(&m.w, &m.node[i], at);
                m.at[i] = at;
                break;
        case 4:
                ek_wheel_cancel(&m.w, &m.node[i]);
                m.at[i] = EK_NEVER;
                break;
        case 5: expire(at == EK_NEVER ? EK_NEVER - 1 : at); break;
        case 6: /* wake when the wheel says, as the stack does */
                next = ek_wheel_next(&m.w);
                if (next != EK_NEVER)
                        expire(next);
                break;
        default:
                if (at != EK_NEVER) {
                        ek_wheel_advance(&m.w, at);
                        m.now = at;
                }
                break;
        }
        next = ek_wheel_next(&m.w);
        FZ_REQUIRE(next <= ek_max_u64(earliest(), m.now) || earliest() == EK_NEVER);
        FZ_REQUIRE((next == EK_NEVER) == (count() == 0));
        if (earliest() > m.now && earliest() - m.now < (1u << 28) && earliest() != EK_NEVER)
                FZ_REQUIRE(next == earliest());
        FZ_REQUIRE(ek_wheel_count(&m.w) == count());
        FZ_REQUIRE(ek_wheel_check(&m.w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fz_in in = {data, size};

        if (size < fz_head_bytes)
                return 0;
        memset(m.node, 0, sizeof(m.node));
        for (unsigned i = 0; i < NODES; i++)
                m.at[i] = EK_NEVER;
        m.now = (uint64_t)fz_u32(&in) << 32 | fz_u32(&in);
        if (m.now == EK_NEVER)
                m.now = 0;
        ek_wheel_init(&m.w, m.now);
        for (unsigned n = 0; in.n >= fz_record_bytes && n < MAX_STEPS; n++) {
                step(in.p);
                fz_take(&in, fz_record_bytes);
                fz_steps++;
        }
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        uint64_t rng = i + 5;
        size_t n = fz_head_bytes + fz_record_bytes * (4 + 3 * (size_t)i);

        if (i >= 32)
                return 0;
        for (size_t k = 0; k < n; k++)
                out[k] = (uint8_t)fz_random(&rng);
        /* The clock begins at 0, soon, at an edge of a slot, anywhere. */
        if (i % 4 != 3)
                memset(out, 0, 5);
        if (i % 4 == 2)
                memset(out + 4, 0xff, 4);
        for (size_t k = fz_head_bytes + 2; k < n; k += fz_record_bytes)
                out[k] = (uint8_t)((out[k] & 0xc0) | (16 + out[k] % 20));
        return n;
}
