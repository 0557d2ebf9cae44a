/*
 * ring.h - byte ring: the send and receive buffers of a stream.
 *
 * `len` bytes of the stream stand in the ring, starting at `head`. Bytes beyond `len` are free
 * space, into which out-of-order data may already be written (ek_ring_write_at) before a later
 * commit makes it part of the stream. Offsets are counted from the oldest byte, in 0..cap.
 *
 * The buffer belongs to whoever attached it; the ring allocates nothing. A zeroed struct is a valid
 * ring without buffer (cap 0). Range violations are the caller's error and asserted.
 */
#ifndef EK_BASE_RING_H
#define EK_BASE_RING_H

#include "base/port.h"

struct ek_ring {
        uint8_t *base; /* NULL when cap is 0 */
        uint32_t cap;  /* a power of two up to 2^31, or 0 */
        uint32_t head; /* position of the oldest byte, < cap (0 when cap is 0) */
        uint32_t len;  /* bytes in the stream part, <= cap */
};

/* Bytes in place, to be read. Valid until the ring is changed. */
struct ek_slice {
        const uint8_t *base;
        uint32_t len;
};

/* Bytes in place, to be written. Valid until the ring is changed. */
struct ek_space {
        uint8_t *base;
        uint32_t len;
};

/* Makes `ring` an empty ring without buffer. */
void ek_ring_init(struct ek_ring *ring);

/* Gives a ring without buffer the `cap` bytes at `base`; cap is a power of two up to 2^31. */
void ek_ring_attach(struct ek_ring *ring, uint8_t *base, uint32_t cap);

/* Takes the buffer away, with all bytes in it. Returns it, NULL if there was none. */
uint8_t *ek_ring_detach(struct ek_ring *ring);

/* Bytes that may still be appended: cap - len. */
static inline uint32_t ek_ring_room(const struct ek_ring *ring)
{
        return ring->cap - ring->len;
}

/* Writes n bytes at offset `off` from the head; off + n <= cap. Does not change len. */
void ek_ring_write_at(struct ek_ring *ring, uint32_t off, const uint8_t *src, uint32_t n);

/* Appends as many of the n bytes as fit behind len, and returns how many did. */
uint32_t ek_ring_append(struct ek_ring *ring, const uint8_t *src, uint32_t n);

/* Makes the n bytes behind len, which were written before, part of the stream; n <= room. */
void ek_ring_commit(struct ek_ring *ring, uint32_t n);

/* Drops the n oldest bytes; n <= len. What was written beyond len keeps its place in the stream. */
void ek_ring_consume(struct ek_ring *ring, uint32_t n);

/*
 * Describes the bytes [off, off + n), off + n <= cap, as one or two slices in order. Returns the
 * number of slices, 0 when n is 0; unused slices are not written. Bytes beyond len may be peeked
 * at, if they were written.
 */
uint32_t ek_ring_peek(const struct ek_ring *ring, uint32_t off, uint32_t n,
                      struct ek_slice slices[2]);

/* Describes the free space behind len as slices to be written. Returns 0, 1 or 2. */
uint32_t ek_ring_space(const struct ek_ring *ring, struct ek_space spaces[2]);

/* Copies the bytes [off, off + n), off + n <= cap, to `dst`. */
void ek_ring_copy_out(const struct ek_ring *ring, uint32_t off, uint8_t *dst, uint32_t n);

/*
 * Moves the stream, and `keep_beyond` bytes written beyond it, into the buffer `new_base` of
 * `new_cap` bytes (a power of two, larger or smaller), which must not overlap the old one.
 * len + keep_beyond must fit in both. Returns the old buffer (NULL if there was none), which is the
 * caller's again.
 */
uint8_t *ek_ring_move_to(struct ek_ring *ring, uint8_t *new_base, uint32_t new_cap,
                         uint32_t keep_beyond);

/* Whether all invariants hold. O(1). */
bool ek_ring_check(const struct ek_ring *ring);

#endif
