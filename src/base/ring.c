/*
 * ring.c - byte ring.
 *
 * The capacity is a power of two, so that positions wrap with a mask. `head` and `len` are kept
 * instead of two free-running positions: with them a full ring and an empty one differ, and a ring
 * without buffer (cap 0) needs no special case, because it can hold 0 bytes and 0 of them fit.
 *
 * Every operation on a span of bytes comes down to one question, answered by locate(): where does
 * the span lie, and how much of it comes before the end of the buffer, where it is to be cut?
 *
 *      base           head                         base + cap
 *       |   stream, 2  |   |       stream, 1           |
 *       |<-------->|...free space...|<---------------->|
 */
#include "base/ring.h"

#include "base/bits.h"

/* Where a span lies: `first` bytes at `pos`, the others from position 0. */
struct place {
        uint32_t pos, first;
};

static struct place locate(const struct ek_ring *ring, uint32_t off, uint32_t n)
{
        struct place p;

        EK_ASSERT(off <= ring->cap && n <= ring->cap - off);
        p.pos = (ring->head + off) & (ring->cap - 1);
        p.first = ek_min_u32(n, ring->cap - p.pos);
        return p;
}

void ek_ring_init(struct ek_ring *ring)
{
        *ring = (struct ek_ring){0};
}

void ek_ring_attach(struct ek_ring *ring, uint8_t *base, uint32_t cap)
{
        EK_ASSERT(ring->cap == 0 && ring->len == 0);
        EK_ASSERT(base != NULL && ek_is_pow2(cap));
        ring->base = base;
        ring->cap = cap;
        ring->head = 0;
}

uint8_t *ek_ring_detach(struct ek_ring *ring)
{
        uint8_t *base = ring->base;

        ek_ring_init(ring);
        return base;
}

void ek_ring_write_at(struct ek_ring *ring, uint32_t off, const uint8_t *src, uint32_t n)
{
        struct place p;

        if (n == 0)
                return;
        p = locate(ring, off, n);
        memcpy(ring->base + p.pos, src, p.first);
        if (n > p.first)
                memcpy(ring->base, src + p.first, n - p.first);
}

uint32_t ek_ring_append(struct ek_ring *ring, const uint8_t *src, uint32_t n)
{
        n = ek_min_u32(n, ek_ring_room(ring));
        ek_ring_write_at(ring, ring->len, src, n);
        ring->len += n;
        return n;
}

void ek_ring_commit(struct ek_ring *ring, uint32_t n)
{
        EK_ASSERT(n <= ek_ring_room(ring));
        ring->len += n;
}

void ek_ring_consume(struct ek_ring *ring, uint32_t n)
{
        EK_ASSERT(n <= ring->len);
        ring->head = (ring->head + n) & (ring->cap - 1);
        ring->len -= n;
}

uint32_t ek_ring_peek(const struct ek_ring *ring, uint32_t off, uint32_t n,
                      struct ek_slice slices[2])
{
        struct place p;

        if (n == 0)
                return 0;
        p = locate(ring, off, n);
        slices[0] = (struct ek_slice){ring->base + p.pos, p.first};
        if (n == p.first)
                return 1;
        slices[1] = (struct ek_slice){ring->base, n - p.first};
        return 2;
}

uint32_t ek_ring_space(const struct ek_ring *ring, struct ek_space spaces[2])
{
        uint32_t n = ek_ring_room(ring);
        struct place p;

        if (n == 0)
                return 0;
        p = locate(ring, ring->len, n);
        spaces[0] = (struct ek_space){ring->base + p.pos, p.first};
        if (n == p.first)
                return 1;
        spaces[1] = (struct ek_space){ring->base, n - p.first};
        return 2;
}

void ek_ring_copy_out(const struct ek_ring *ring, uint32_t off, uint8_t *dst, uint32_t n)
{
        struct place p;

        if (n == 0)
                return;
        p = locate(ring, off, n);
        memcpy(dst, ring->base + p.pos, p.first);
        if (n > p.first)
                memcpy(dst + p.first, ring->base, n - p.first);
}

uint8_t *ek_ring_move_to(struct ek_ring *ring, uint8_t *new_base, uint32_t new_cap,
                         uint32_t keep_beyond)
{
        uint8_t *old = ring->base;

        EK_ASSERT(new_base != NULL && ek_is_pow2(new_cap));
        EK_ASSERT(keep_beyond <= ek_ring_room(ring));
        EK_ASSERT(ring->len + keep_beyond <= new_cap);
        ek_ring_copy_out(ring, 0, new_base, ring->len + keep_beyond);
        ring->base = new_base;
        ring->cap = new_cap;
        ring->head = 0;
        return old;
}

bool ek_ring_check(const struct ek_ring *ring)
{
        if (ring->cap == 0)
                return ring->base == NULL && ring->head == 0 && ring->len == 0;
        return ring->base != NULL && ek_is_pow2(ring->cap) && ring->head < ring->cap &&
               ring->len <= ring->cap;
}
