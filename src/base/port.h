/*
 * port.h - the little that elko asks of its compiler and host.
 *
 * The core is freestanding: it includes only <stdint.h>, <stddef.h> and <stdbool.h>, and its only
 * undefined symbols are the four functions declared below, which every C compiler expects to exist
 * anyway. Everything that depends on the compiler or on build switches lives in this file, so that
 * protocol code contains no #if.
 *
 * Build switches:
 *   EK_NO_ASSERT    EK_ASSERT() compiles to nothing (not recommended: a trap is better than a lie).
 *   EK_CHECK        EK_DCHECK() is active: costly checks, for debug builds, fuzzing, simulation.
 *   EK_WORK_COUNT   EK_WORK() counts loop iterations in `ek_work_counter`, which the program that
 *                   links the core must define (test/support/ek_test.h does).
 */
#ifndef EK_BASE_PORT_H
#define EK_BASE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* ------------------------------------------------------------------ compiler */

#define EK_LIKELY(c)             __builtin_expect(!!(c), 1)
#define EK_UNLIKELY(c)           __builtin_expect(!!(c), 0)
#define EK_UNUSED                __attribute__((unused))
#define EK_STATIC_ASSERT(c, msg) _Static_assert(c, msg)

/* The struct of type `type` whose member `member` is at `p`. `p` must not be NULL. */
#define ek_container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* ---------------------------------------------------------------- assertions */

/* Type-checks an expression without evaluating it. */
#define EK_IGNORE_(c) ((void)sizeof(!(c)))

/*
 * EK_ASSERT(c): what this code believes of its own state and of its caller. Never of a peer's
 * input. On failure the program traps at once, before it can do harm.
 */
#ifdef EK_NO_ASSERT
#define EK_ASSERT(c) EK_IGNORE_(c)
#else
#define EK_ASSERT(c)                                                                               \
        do {                                                                                       \
                if (EK_UNLIKELY(!(c)))                                                             \
                        __builtin_trap();                                                          \
        } while (0)
#endif

/* EK_DCHECK(c): as EK_ASSERT, for conditions too dear to test in release builds. */
#ifdef EK_CHECK
#define EK_DCHECK(c) EK_ASSERT(c)
#else
#define EK_DCHECK(c) EK_IGNORE_(c)
#endif

/*
 * EK_WORK(n): "this step costs n units". One stands in the body of every loop whose length depends
 * on data; "bounded work per packet" is then a test without a clock.
 */
#ifdef EK_WORK_COUNT
extern uint64_t ek_work_counter;
#define EK_WORK(n) ((void)(ek_work_counter += (uint64_t)(n)))
#else
#define EK_WORK(n) EK_IGNORE_(n)
#endif

/* ------------------------------------------------------- absent values, time */

#define EK_NIL   UINT32_MAX /* no index, no reference */
#define EK_NEVER UINT64_MAX /* no instant: later than every time */

static inline uint32_t ek_min_u32(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static inline uint32_t ek_max_u32(uint32_t a, uint32_t b)
{
        return a > b ? a : b;
}

static inline uint64_t ek_min_u64(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static inline uint64_t ek_max_u64(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/*
 * The instant `span_ns` after `now_ns`, both in ns. Saturates at EK_NEVER; "never" plus anything is
 * never, and anything plus a span of EK_NEVER is never.
 */
static inline uint64_t ek_time_add(uint64_t now_ns, uint64_t span_ns)
{
        return span_ns > EK_NEVER - now_ns ? EK_NEVER : now_ns + span_ns;
}

/* -------------------------------------------- network byte order, unaligned */

static inline uint16_t ek_get16be(const void *p)
{
        const uint8_t *b = p;

        return (uint16_t)(((uint32_t)b[0] << 8) | b[1]);
}

static inline uint32_t ek_get32be(const void *p)
{
        const uint8_t *b = p;

        return ((uint32_t)b[0] << 24) | ((uint32_t)b[1] << 16) | ((uint32_t)b[2] << 8) | b[3];
}

static inline uint64_t ek_get64be(const void *p)
{
        const uint8_t *b = p;

        return ((uint64_t)ek_get32be(b) << 32) | ek_get32be(b + 4);
}

static inline void ek_put16be(void *p, uint16_t v)
{
        uint8_t *b = p;

        b[0] = (uint8_t)(v >> 8);
        b[1] = (uint8_t)v;
}

static inline void ek_put32be(void *p, uint32_t v)
{
        uint8_t *b = p;

        b[0] = (uint8_t)(v >> 24);
        b[1] = (uint8_t)(v >> 16);
        b[2] = (uint8_t)(v >> 8);
        b[3] = (uint8_t)v;
}

static inline void ek_put64be(void *p, uint64_t v)
{
        uint8_t *b = p;

        ek_put32be(b, (uint32_t)(v >> 32));
        ek_put32be(b + 4, (uint32_t)v);
}

#endif
