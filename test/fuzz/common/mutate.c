/* SPDX-License-Identifier: MIT */
/*
 * mutate.c - mutation that knows of heads and records (fz.h).
 *
 * A byte inserted in the middle would give every later record another meaning. So half of the time whole
 * records are inserted, removed, copied, moved and exchanged, and fields are changed in place; otherwise
 * the fuzzer's own mutation works, on one record or on everything.
 */
#include "fz.h"

struct rec_view {
        uint8_t *p;
        size_t n; /* whole records */
};

static struct rec_view view(uint8_t *data, size_t size)
{
        struct rec_view v = {data + fz_head_bytes, 0};

        if (size > fz_head_bytes)
                v.n = (size - fz_head_bytes) / fz_record_bytes;
        return v;
}

static size_t pick(uint64_t *rng, size_t n)
{
        return (size_t)(fz_random(rng) % n);
}

static void fill_random(uint64_t *rng, uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                uint64_t r = fz_random(rng);

                /* Small values, edges, and anything. */
                p[i] = (r & 3) == 0   ? (uint8_t)(r >> 8 & 7)
                       : (r & 3) == 1 ? (uint8_t)(0u - (r >> 8 & 3))
                                      : (uint8_t)(r >> 8);
        }
}

/* Make room for `n` records at record `at`; false: it would not fit. */
static bool open_gap(uint8_t *data, size_t *size, size_t max, size_t at, size_t n)
{
        struct rec_view v = view(data, *size);
        size_t bytes = n * fz_record_bytes, whole = fz_head_bytes + v.n * fz_record_bytes;

        if (whole + bytes > max)
                return false;
        memmove(v.p + (at + n) * fz_record_bytes, v.p + at * fz_record_bytes,
                (v.n - at) * fz_record_bytes);
        *size = whole + bytes;
        return true;
}

static void insert_random(uint64_t *rng, uint8_t *data, size_t *size, size_t max)
{
        struct rec_view v = view(data, *size);
        size_t at = pick(rng, v.n + 1), n = 1 + (pick(rng, 4) == 0 ? pick(rng, 4) : 0);

        if (open_gap(data, size, max, at, n))
                fill_random(rng, v.p + at * fz_record_bytes, n * fz_record_bytes);
}

static void copy_records(uint64_t *rng, uint8_t *data, size_t *size, size_t max)
{
        struct rec_view v = view(data, *size);
        size_t from = pick(rng, v.n), n = 1 + pick(rng, v.n - from < 8 ? v.n - from : 8);
        size_t at = pick(rng, v.n + 1);
        uint8_t saved[8 * 64];

        if (n * fz_record_bytes > sizeof(saved))
                return;
        memcpy(saved, v.p + from * fz_record_bytes, n * fz_record_bytes);
        if (open_gap(data, size, max, at, n))
                memcpy(v.p + at * fz_record_bytes, saved, n * fz_record_bytes);
}

static void remove_records(uint64_t *rng, uint8_t *data, size_t *size)
{
        struct rec_view v = view(data, *size);
        size_t from = pick(rng, v.n), n = 1 + pick(rng, v.n - from < 4 ? v.n - from : 4);

        memmove(v.p + from * fz_record_bytes, v.p + (from + n) * fz_record_bytes,
                (v.n - from - n) * fz_record_bytes);
        *size = fz_head_bytes + (v.n - n) * fz_record_bytes;
}

static void exchange(uint64_t *rng, uint8_t *data, size_t size)
{
        struct rec_view v = view(data, size);
        uint8_t *a = v.p + pick(rng, v.n) * fz_record_bytes;
        uint8_t *b = v.p + pick(rng, v.n) * fz_record_bytes;

        for (unsigned i = 0; i < fz_record_bytes; i++) {
                uint8_t t = a[i];

                a[i] = b[i];
                b[i] = t;
        }
}

static void change_field(uint64_t *rng, uint8_t *data, size_t size)
{
        struct rec_view v = view(data, size);
        uint8_t *p = v.p + pick(rng, v.n * fz_record_bytes);
        uint64_t r = fz_random(rng);

        switch (r & 3) {
        case 0: *p = (uint8_t)(*p + 1 + (r >> 8 & 3)); break;
        case 1: *p = (uint8_t)(*p - 1 - (r >> 8 & 3)); break;
        case 2: *p ^= (uint8_t)(1u << (r >> 8 & 7)); break;
        default: fill_random(rng, p, 1); break;
        }
}

static void one_change(uint64_t *rng, uint8_t *data, size_t *size, size_t max)
{
        size_t n = view(data, *size).n;

        switch (n == 0 ? 0 : pick(rng, 10)) {
        case 0:
        case 1: insert_random(rng, data, size, max); break;
        case 2: remove_records(rng, data, size); break;
        case 3:
        case 4: copy_records(rng, data, size, max); break;
        case 5: exchange(rng, data, *size); break;
        case 6:
        case 7:
        case 8: change_field(rng, data, *size); break;
        default: fill_random(rng, data + pick(rng, fz_head_bytes), 1); break;
        }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
        uint64_t rng = seed;

        if (max < fz_head_bytes + fz_record_bytes)
                return LLVMFuzzerMutate(data, size, max);
        if (size < fz_head_bytes) {
                memset(data + size, 0, fz_head_bytes - size);
                size = fz_head_bytes;
        }
        if (pick(&rng, 4) == 0)
                return LLVMFuzzerMutate(data, size, max);
        for (size_t n = 1 + (pick(&rng, 3) == 0 ? pick(&rng, 6) : 0); n > 0; n--)
                one_change(&rng, data, &size, max);
        return size;
}

/* The beginning of one and the end of the other, cut between records. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t an, const uint8_t *b, size_t bn,
                                 uint8_t *out, size_t max, unsigned seed)
{
        uint64_t rng = seed;
        size_t na, nb, head, tail;

        if (an < fz_head_bytes || bn < fz_head_bytes || max < fz_head_bytes)
                return 0;
        na = (an - fz_head_bytes) / fz_record_bytes;
        nb = (bn - fz_head_bytes) / fz_record_bytes;
        head = fz_head_bytes + pick(&rng, na + 1) * fz_record_bytes;
        tail = fz_head_bytes + pick(&rng, nb + 1) * fz_record_bytes;
        if (head > max)
                head = fz_head_bytes;
        bn = fz_head_bytes + nb * fz_record_bytes;
        if (bn - tail > max - head)
                bn = tail + (max - head) / fz_record_bytes * fz_record_bytes;
        memcpy(out, a, head);
        memcpy(out + head, b + tail, bn - tail);
        return head + (bn - tail);
}
