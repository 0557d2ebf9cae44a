/* SPDX-License-Identifier: MIT */
#ifndef EK_FZ_H
#define EK_FZ_H

/*
 * What all fuzz targets share. A target defines LLVMFuzzerTestOneInput() and fz_seed(); the same file is
 * linked with libFuzzer (make fuzz), with AFL++'s driver (make fuzz-afl), and with replay.c, a plain
 * main() that runs the seeds, the kept findings and seeded mutations of both in every `make test`.
 *
 * Inputs with a grammar consist of a head of fz_head_bytes bytes and records of fz_record_bytes each; a
 * target that has one links mutate.c, which inserts, removes, copies, swaps and splices whole records,
 * so that mutation keeps the meaning of what it does not touch. Any bytes are a legal input: what is
 * left over is ignored, each field is taken modulo its range.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t an, const uint8_t *b, size_t bn,
                                 uint8_t *out, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* Seed number i, written by ourselves: its length, 0: there are no more. At most FZ_SEED_MAX. */
enum { FZ_SEED_MAX = 8192 };
size_t fz_seed(unsigned i, uint8_t *out);
bool fz_write_seeds(const char *dir);

/* The grammar, for targets that link mutate.c. */
extern const unsigned fz_head_bytes, fz_record_bytes;

/* Stop: an oracle is contradicted. */
void fz_fail(const char *file, int line, const char *what) __attribute__((noreturn));

#define FZ_REQUIRE(cond)                                                                           \
        do {                                                                                       \
                if (!(cond))                                                                       \
                        fz_fail(__FILE__, __LINE__, #cond);                                        \
        } while (0)
#define FZ_SOUND(text)                                                                             \
        do {                                                                                       \
                const char *fz_text_ = (text);                                                     \
                if (fz_text_ != NULL)                                                              \
                        fz_fail(__FILE__, __LINE__, fz_text_);                                     \
        } while (0)

/* Room for a packet of n bytes, <= FZ_PACKET_MAX, of which exactly these may be touched: AddressSanitizer
 * sees a read behind its end. Valid until the next call. */
enum { FZ_PACKET_MAX = 66000 };
uint8_t *fz_packet(size_t n);

/* An input being read; reading beyond its end gives zeros. */
struct fz_in {
        const uint8_t *p;
        size_t n;
};

static inline uint8_t fz_u8(struct fz_in *in)
{
        if (in->n == 0)
                return 0;
        in->n--;
        return *in->p++;
}

static inline uint16_t fz_u16(struct fz_in *in)
{
        unsigned hi = fz_u8(in);

        return (uint16_t)(hi << 8 | fz_u8(in));
}

static inline uint32_t fz_u32(struct fz_in *in)
{
        uint32_t hi = fz_u16(in);

        return hi << 16 | fz_u16(in);
}

/* The next n bytes, or as many as there are. */
static inline struct fz_in fz_take(struct fz_in *in, size_t n)
{
        struct fz_in out = {in->p, n < in->n ? n : in->n};

        in->p += out.n;
        in->n -= out.n;
        return out;
}

/* ---- seeds ---- */

/* A list of byte strings as seeds: return fz_seed_list(list, sizeof(list) / sizeof(list[0]), i, out). */
struct fz_bytes {
        const void *p;
        size_t n;
};
#define FZ_BYTES(...)                                                                              \
        {                                                                                          \
                (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})             \
        }
size_t fz_seed_list(const struct fz_bytes *list, size_t n, unsigned i, uint8_t *out);

/* A generator of numbers for seeds that are written as programs (splitmix64). */
uint64_t fz_random(uint64_t *state);

/* ---- a world that is put back ---- */

/*
 * Building a stack for every input would cost more than the input does. It is built once; before each
 * input, the parts of its memory that were in use then are written again. Memory that was untouched then
 * need not be: whoever allocates it may not rely on what is in it.
 */
enum { FZ_SNAP_RUNS = 256, FZ_UNTOUCHED = 0xa5 };

struct fz_snap {
        uint8_t *mem;
        size_t bytes;
        uint8_t *copy;
        unsigned runs;
        struct {
                uint32_t at, n;
        } run[FZ_SNAP_RUNS];
};

/* `mem` was filled with FZ_UNTOUCHED before the world was built in it. */
void fz_snap_take(struct fz_snap *s, void *mem, size_t bytes);
void fz_snap_restore(const struct fz_snap *s);
void fz_snap_free(struct fz_snap *s);

/* ---- reached pairs ---- */

/*
 * (state, event, next state) that were reached: counted for the report, and shown to libFuzzer as coverage
 * of their own, for a state machine's branches look the same from wherever they are reached.
 * fz_pair_reset() before each input.
 */
enum { FZ_STATES = 11, FZ_EVENTS = 128, FZ_PAIRS = FZ_STATES * FZ_STATES * FZ_EVENTS };
void fz_pair(unsigned state, unsigned event, unsigned next);
void fz_pair_reset(void);

/* How many different (state, event), and with the next state; how often in all. */
struct fz_reached {
        unsigned pairs, triples;
        uint64_t hits;
};
struct fz_reached fz_pairs_reached(void);

/* The same for work: the most that one packet cost, and the largest number of steps in one input. */
extern uint64_t fz_work_max;
extern uint64_t fz_steps;

#endif
