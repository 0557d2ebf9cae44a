/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_DRIVER_H
#define ELKO_DRIVERS_DRIVER_H

/*
 * One interface for all links.
 *
 * A driver moves packets between a stack and something that the operating system (or a test)
 * offers: a TUN device, a network interface, a wire in memory. It knows nothing of TCP. Some
 * drivers wrap another one and do something to what passes (fault.h impairs, pcapng.h records); a
 * chain of wrappers is used and closed through its outermost driver.
 *
 * Use       One thread at a time per driver. Nothing here blocks.
 * Batches   rx() and tx() take any count; ELKO_DRV_BATCH is a good one.
 * Time      Drivers that delay packets live on the instants that set_now() tells them, real or
 *           virtual. Tell it before each round of rx() and tx().
 * Errors    Openers return NULL, set errno and write a sentence: what failed, where, what to do.
 *           rx() and tx() return -errno only when the link is of no further use (device removed).
 */

#include <elko/link.h>
#include <elko/types.h>

struct elko_drv;

/* Most packets that one round moves: enough to spread the costs of a round, few enough to stay in
 * the first-level caches and to keep the others waiting for less than 200 us. */
#define ELKO_DRV_BATCH 64

/* Where an opener says why it failed. After success the text is empty, or a warning: something that
 * was wished for but not permitted. */
struct elko_drv_why {
        char text[320];
};

struct elko_drv_counters {
        uint64_t rx_packets, rx_bytes; /* handed out by rx() */
        uint64_t tx_packets, tx_bytes; /* taken by tx() and passed on */
        uint64_t rx_drops; /* lost before rx(): receive queue full, not for us, unusable */
        uint64_t tx_drops; /* lost after tx() took them, or given up by the caller */
};

struct elko_drv_ops {
        const char *name; /* "tun" */

        /* Up to `max` packets that are there now; 0: none; < 0: -errno. Fewer than `max` does not
         * mean that there are no more. The bytes are valid until the next rx() or close(). */
        int (*rx)(struct elko_drv *d, struct elko_packet *out, size_t max);

        /* Send `n` frames in order; returns how many were taken. The bytes are copied or sent
         * during the call. Fewer than `n`: the device is full; the rest was not touched and may be
         * offered again as long as the frames are valid (a caller that gives them up counts them by
         * elko_drv_tx_lost()). A frame that the device refuses for itself (too long, interface
         * down) is taken, lost, and counted in tx_drops, as on any network. < 0: -errno. */
        int (*tx)(struct elko_drv *d, const struct elko_frame *f, size_t n);

        /* Frames that tx() would surely take now, so that a caller makes no more than these. NULL:
         * not known, the device has its own queue. */
        size_t (*tx_room)(struct elko_drv *d);

        /* A descriptor that is readable when rx() has something; -1: there is none. */
        int (*poll_fd)(struct elko_drv *d);

        /* When rx() should be called again even though poll_fd is not readable, and when tx_room()
         * may grow; in the past: at once. ELKO_NEVER: no such instant. NULL: never. */
        uint64_t (*next_deadline)(struct elko_drv *d);

        /* The present instant; never goes back. NULL: the driver does not care. */
        void (*set_now)(struct elko_drv *d, uint64_t now);

        /* Free the driver, its descriptors and the drivers that it wraps. */
        void (*close)(struct elko_drv *d);
};

/* The head of every driver; the rest is the driver's own. */
struct elko_drv {
        const struct elko_drv_ops *ops;
        struct elko_link_config link; /* for elko_link_attach(); the caller may add link.flags */
        struct elko_drv_counters counters;
};

/* ---- calls, one for each operation; optional ones have their default here ---- */

static inline int elko_drv_rx(struct elko_drv *d, struct elko_packet *out, size_t max)
{
        return d->ops->rx(d, out, max);
}

static inline int elko_drv_tx(struct elko_drv *d, const struct elko_frame *f, size_t n)
{
        return d->ops->tx(d, f, n);
}

static inline size_t elko_drv_tx_room(struct elko_drv *d)
{
        return d->ops->tx_room == NULL ? SIZE_MAX : d->ops->tx_room(d);
}

static inline int elko_drv_poll_fd(struct elko_drv *d)
{
        return d->ops->poll_fd == NULL ? -1 : d->ops->poll_fd(d);
}

static inline uint64_t elko_drv_next_deadline(struct elko_drv *d)
{
        return d->ops->next_deadline == NULL ? ELKO_NEVER : d->ops->next_deadline(d);
}

static inline void elko_drv_set_now(struct elko_drv *d, uint64_t now)
{
        if (d->ops->set_now != NULL)
                d->ops->set_now(d, now);
}

/* NULL is allowed. */
static inline void elko_drv_close(struct elko_drv *d)
{
        if (d != NULL)
                d->ops->close(d);
}

/* The caller gives up `n` frames that tx() did not take. */
static inline void elko_drv_tx_lost(struct elko_drv *d, size_t n)
{
        d->counters.tx_drops += n;
}

/* ---- for drivers ---- */

/* Copy a frame's slices into one run of f->len bytes at `to`. */
void elko_drv_frame_copy(uint8_t *to, const struct elko_frame *f);

/* Write the sentence, printf-style; why may be NULL. Returns `error` (a positive errno) negated,
 * and sets errno to it. */
int elko_drv_fail(struct elko_drv_why *why, int error, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Longest packet that any driver here can carry: 64 KiB of IP, Ethernet header and a VLAN tag. */
#define ELKO_DRV_PACKET_MAX (65535u + 18u)

#endif
