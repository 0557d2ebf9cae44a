/* SPDX-License-Identifier: MIT */
/*
 * fuzz_reasm (F10): the out-of-order queue against one flag for each byte.
 *
 * tcp/reasm.h over base/ranges.h, driven as seg_text.c drives it: data beyond the in-order edge is noted,
 * the edge moves on, duplicates are reported (RFC 2018, 4; RFC 2883). The model is a bitmap of a window
 * of the stream, wherever in the 64 bits that lies.
 */
#include "common/fz.h"

#include "tcp/reasm.h"

const unsigned fz_head_bytes = 10, fz_record_bytes = 6;

enum { WINDOW = 1024, CAP_MAX = 20, MAX_STEPS = 600 };

static struct {
        struct ek_reasm r;
        uint64_t base, next; /* of the window; the in-order edge */
        bool have[2 * WINDOW];
        uint64_t touched[2 * WINDOW]; /* when the byte's range grew last */
        uint64_t clock;
        uint16_t cap;
        bool dsack;
        uint64_t dsack_lo, dsack_hi;
} m;

static _Alignas(8) uint8_t memory[EK_RANGES_BYTES(CAP_MAX)];

static bool at(uint64_t x)
{
        return x >= m.next && x < m.base + 2 * WINDOW && m.have[x - m.base];
}

/* Ranges in the model, beyond the edge. */
static unsigned model_ranges(void)
{
        unsigned n = 0;

        for (uint64_t x = m.next; x < m.base + 2 * WINDOW; x++)
                n += at(x) && (x == m.next || !at(x - 1));
        return n;
}

static void check(void)
{
        uint64_t total = 0, top = 0;

        for (uint64_t x = m.next; x < m.base + 2 * WINDOW; x++)
                if (at(x))
                        total++, top = x + 1;
        FZ_REQUIRE(ek_ranges_check(m.r.ranges));
        FZ_REQUIRE(ek_reasm_bytes(&m.r) == total && ek_reasm_top(&m.r) == top);
        FZ_REQUIRE(ek_reasm_has_holes(&m.r) == (total > 0));
        FZ_REQUIRE(m.r.ranges->n == model_ranges() && m.r.ranges->n <= m.cap);
        for (unsigned i = 0; i < m.r.ranges->n; i++) {
                const struct ek_range *r = &m.r.ranges->r[i];

                FZ_REQUIRE(at(r->lo) && at(r->hi - 1) && !at(r->hi) && r->lo > m.next &&
                           !at(r->lo - 1));
        }
}

/* [lo, hi) beyond the edge came. */
static void add(uint64_t lo, uint64_t hi)
{
        uint64_t a = lo, b = hi;
        bool joins = false;

        for (uint64_t x = lo; x < hi; x++)
                joins = joins || at(x);
        joins = joins || at(lo - 1) || at(hi);
        if (ek_reasm_add(&m.r, lo, hi) == EK_REASM_FULL) {
                FZ_REQUIRE(!joins && model_ranges() == m.cap);
                return;
        }
        FZ_REQUIRE(joins || model_ranges() < m.cap);
        for (uint64_t x = lo; x < hi; x++)
                m.have[x - m.base] = true;
        while (at(a - 1))
                a--;
        while (at(b))
                b++;
        m.clock++;
        for (uint64_t x = a; x < b; x++)
                m.touched[x - m.base] = m.clock;
}

/* In-order data moved the edge by n. */
static void advance(uint64_t n)
{
        uint64_t edge = m.next + n, got;

        m.next += n;
        while (edge < m.base + 2 * WINDOW && m.have[edge - m.base])
                edge++;
        got = ek_reasm_advance(&m.r, m.next);
        FZ_REQUIRE(got == edge);
        m.next = edge;
        if (m.next - m.base >= WINDOW) {
                memmove(m.have, m.have + WINDOW, WINDOW);
                memset(m.have + WINDOW, 0, WINDOW);
                memmove(m.touched, m.touched + WINDOW, WINDOW * sizeof(m.touched[0]));
                m.base += WINDOW;
        }
}

static void note_overlap(uint64_t lo, uint64_t hi)
{
        uint64_t from = lo, to;
        bool found;

        while (from < hi && !at(from))
                from++;
        to = from;
        while (to < hi && at(to))
                to++;
        found = ek_reasm_note_overlap(&m.r, lo, hi);
        FZ_REQUIRE(found == (from < hi));
        if (found)
                m.dsack = true, m.dsack_lo = from, m.dsack_hi = to;
}

/* The blocks of an ACK: D-SACK first, then ranges, those that grew last first, no range twice. */
static void blocks(unsigned max)
{
        struct ek_reasm_block b[4];
        unsigned n = ek_reasm_blocks(&m.r, b, max), i = 0, want = model_ranges();
        uint64_t last = UINT64_MAX;

        FZ_REQUIRE(ek_reasm_has_dsack(&m.r) == m.dsack);
        if (m.dsack && max > 0) {
                FZ_REQUIRE(n > 0 && b[0].lo == m.dsack_lo && b[0].hi == m.dsack_hi);
                i = 1;
        }
        FZ_REQUIRE(n - i == (want < max - i ? want : max - i));
        for (; i < n; i++) {
                FZ_REQUIRE(at(b[i].lo) && !at(b[i].lo - 1) && at(b[i].hi - 1) && !at(b[i].hi));
                FZ_REQUIRE(m.touched[b[i].lo - m.base] < last);
                last = m.touched[b[i].lo - m.base];
        }
        if ((max & 1) != 0) {
                ek_reasm_on_sent(&m.r);
                m.dsack = false;
        }
}

static void step(const uint8_t *r)
{
        uint64_t lo = m.next + 1 + (r[1] * 4u + r[2]) % (WINDOW - 200), hi = lo + 1 + r[3] % 150;

        switch (r[0] % 6) {
        case 0:
        case 1:
        case 2: add(lo, hi); break;
        case 3: {
                uint64_t n = 1 + r[1] % 64;

                advance(n);
                break;
        }
        case 4: note_overlap(lo, hi); break;
        default: blocks(1u + r[1] % 4); break;
        }
        check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fz_in in = {data, size};

        if (size < fz_head_bytes)
                return 0;
        memset(&m, 0, sizeof(m));
        m.cap = (uint16_t)(1 + fz_u8(&in) % CAP_MAX);
        m.base = (uint64_t)fz_u32(&in) << 32 | fz_u32(&in);
        if (m.base > UINT64_MAX - (1u << 20)) /* a stream does not get that long */
                m.base >>= 1;
        if (m.base == 0)
                m.base = 1;
        (void)fz_u8(&in);
        m.next = m.base;
        m.r.ranges = (void *)memory;
        ek_ranges_init(m.r.ranges, m.cap);
        for (unsigned n = 0; in.n >= fz_record_bytes && n < MAX_STEPS; n++) {
                step(in.p);
                fz_take(&in, fz_record_bytes);
                fz_steps++;
        }
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        uint64_t rng = i;
        size_t n = fz_head_bytes + fz_record_bytes * (4 + 4 * (size_t)i);

        if (i >= 24)
                return 0;
        for (size_t k = 0; k < n; k++)
                out[k] = (uint8_t)fz_random(&rng);
        if (i % 3 == 0) /* offsets around 2^32 */
                memcpy(out + 1, (const uint8_t[8]){0, 0, 0, 0, 0xff, 0xff, 0xff, 0xf0}, 8);
        return n;
}
