/* SPDX-License-Identifier: MIT */
/*
 * fz.c - the parts of fz.h that every target needs.
 */
#include "fz.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FZ_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define FZ_ASAN 1
#endif

#ifdef FZ_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

uint64_t fz_work_max, fz_steps;

void fz_fail(const char *file, int line, const char *what)
{
        fprintf(stderr, "FUZZ: %s:%d: %s\n", file, line, what);
        abort();
}

uint8_t *fz_packet(size_t n)
{
        enum { GUARD = 64 };
        static _Alignas(16) uint8_t arena[FZ_PACKET_MAX + GUARD];
        static size_t last;

        FZ_REQUIRE(n <= FZ_PACKET_MAX);
        UNPOISON(arena + last, GUARD);
        POISON(arena + n, GUARD);
        last = n;
        return arena;
}

size_t fz_seed_list(const struct fz_bytes *list, size_t n, unsigned i, uint8_t *out)
{
        if (i >= n)
                return 0;
        FZ_REQUIRE(list[i].n <= FZ_SEED_MAX);
        memcpy(out, list[i].p, list[i].n);
        return list[i].n;
}

uint64_t fz_random(uint64_t *state)
{
        uint64_t z = *state += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

/* ---- snapshots ---- */

enum { GRAIN = 64 };

static bool is_untouched(const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (p[i] != FZ_UNTOUCHED)
                        return false;
        return true;
}

/* Two untouched grains between runs are copied along: fewer, longer copies. */
static void add_run(struct fz_snap *s, uint32_t at, uint32_t n)
{
        uint32_t last = s->runs == 0 ? 0 : s->run[s->runs - 1].at + s->run[s->runs - 1].n;

        if (s->runs > 0 && (at - last <= 2 * GRAIN || s->runs == FZ_SNAP_RUNS)) {
                s->run[s->runs - 1].n = at + n - s->run[s->runs - 1].at;
                return;
        }
        s->run[s->runs].at = at;
        s->run[s->runs++].n = n;
}

void fz_snap_take(struct fz_snap *s, void *mem, size_t bytes)
{
        *s = (struct fz_snap){.mem = mem, .bytes = bytes, .copy = malloc(bytes)};
        FZ_REQUIRE(s->copy != NULL && bytes < UINT32_MAX);
        memcpy(s->copy, mem, bytes);
        for (size_t at = 0; at < bytes; at += GRAIN) {
                size_t n = bytes - at < GRAIN ? bytes - at : GRAIN;

                if (!is_untouched(s->copy + at, n))
                        add_run(s, (uint32_t)at, (uint32_t)n);
        }
}

void fz_snap_restore(const struct fz_snap *s)
{
        for (unsigned i = 0; i < s->runs; i++)
                memcpy(s->mem + s->run[i].at, s->copy + s->run[i].at, s->run[i].n);
}

void fz_snap_free(struct fz_snap *s)
{
        free(s->copy);
        s->copy = NULL;
}

/* ---- pairs ---- */

/* libFuzzer takes what stands in this section for coverage counters. */
#ifdef __linux__
__attribute__((section("__libfuzzer_extra_counters")))
#endif
static uint8_t pair_now[FZ_PAIRS];
static uint64_t pair_hits[FZ_PAIRS];
static uint16_t pair_touched[FZ_PAIRS];
static unsigned touched;

void fz_pair(unsigned state, unsigned event, unsigned next)
{
        unsigned n = (state * FZ_EVENTS + event) * FZ_STATES + next;

        FZ_REQUIRE(state < FZ_STATES && event < FZ_EVENTS && next < FZ_STATES);
        if (pair_now[n] == 0)
                pair_touched[touched++] = (uint16_t)n;
        if (pair_now[n] < 255)
                pair_now[n]++;
        pair_hits[n]++;
}

void fz_pair_reset(void)
{
        for (unsigned i = 0; i < touched; i++)
                pair_now[pair_touched[i]] = 0;
        touched = 0;
}

struct fz_reached fz_pairs_reached(void)
{
        struct fz_reached r = {0};

        for (unsigned i = 0; i < FZ_STATES * FZ_EVENTS; i++) {
                unsigned before = r.triples;

                for (unsigned k = 0; k < FZ_STATES; k++) {
                        r.triples += pair_hits[i * FZ_STATES + k] != 0;
                        r.hits += pair_hits[i * FZ_STATES + k];
                }
                r.pairs += r.triples != before;
        }
        return r;
}
