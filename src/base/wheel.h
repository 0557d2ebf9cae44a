/*
 * wheel.h - hierarchical timer wheel: any number of timers, constant work for each.
 *
 * A timer is a node inside the caller's object; the wheel links it and owns nothing. A zeroed node
 * is a valid node that is not set. Times are absolute ns over the whole uint64_t range; the
 * wheel's own `now` is the latest time it was shown and never goes back (an earlier one counts as
 * the latest). Fixed size, no allocation: about 7.3 KiB with 64-bit pointers.
 *
 * The usual round: while ((n = ek_wheel_expire(w, now)) != NULL) handle it; then sleep until
 * ek_wheel_next(w).
 */
#ifndef EK_BASE_WHEEL_H
#define EK_BASE_WHEEL_H

#include "base/port.h"

/* Geometry; wheel.c explains it. */
enum {
        EK_WHEEL_FINE_SLOTS = 256, /* 2^13 ns (8 us) each: the current tick of 2^21 ns */
        EK_WHEEL_NEAR_SLOTS = 256, /* 2^21 ns (2 ms) each: this and the next block of 2^28 ns */
        EK_WHEEL_FAR_LEVELS = 6,   /* base-64 digits of the 36-bit block number */
        EK_WHEEL_FAR_SLOTS = 64,   /* 268 ms, 17 s, 18 min, 20 h, 52 days, 9 years each */
        EK_WHEEL_SLOTS = EK_WHEEL_FINE_SLOTS + EK_WHEEL_NEAR_SLOTS +
                         EK_WHEEL_FAR_LEVELS * EK_WHEEL_FAR_SLOTS,
};

struct ek_wnode {
        struct ek_wnode *next, *prev;
        uint64_t at;   /* when it is due, while set */
        uint32_t slot; /* 0: not set; else private to the wheel */
};

/* Private to wheel.c. */
struct ek_wheel {
        uint64_t now;
        uint64_t soonest;   /* earliest `at` outside the due list, when soonest_known */
        uint64_t due_floor; /* no node in the due list is due earlier, while there is one */
        uint32_t count;
        uint32_t changes; /* of anything that ek_wheel_check() looks at */
        bool soonest_known;
        uint64_t map[EK_WHEEL_SLOTS / 64];         /* which slots are occupied */
        struct ek_wnode *head[EK_WHEEL_SLOTS + 1]; /* the slots, and the due list last */
};

/* Makes an empty wheel whose time is `now`. */
void ek_wheel_init(struct ek_wheel *w, uint64_t now);

/*
 * Sets the timer to go off at `at`, whether or not it was set before. A time that has passed makes
 * it due at once; EK_NEVER cancels it. O(1). A handler that keeps setting timers in the past keeps
 * its expire loop going: that is the caller's to avoid.
 */
void ek_wheel_set(struct ek_wheel *w, struct ek_wnode *node, uint64_t at);

/* Takes the timer out. Harmless when it is not set. O(1). */
void ek_wheel_cancel(struct ek_wheel *w, struct ek_wnode *node);

static inline bool ek_wheel_is_set(const struct ek_wnode *node)
{
        return node->slot != 0;
}

/*
 * Tells the wheel the time without taking timers out, so that what is set next is placed relative
 * to `now` (see ek_wheel_next on exactness). Amortised O(1) for a jump of any length.
 */
void ek_wheel_advance(struct ek_wheel *w, uint64_t now);

/*
 * Advances to `now`, then takes out and returns one timer with at <= now, or NULL if there is none.
 * Timers come out roughly in time order, not exactly. Amortised O(1).
 */
struct ek_wnode *ek_wheel_expire(struct ek_wheel *w, uint64_t now);

/*
 * When to call expire next: never later than the earliest `at`, EK_NEVER if no timer is set.
 * Exactly the earliest `at` when nothing is due yet and it lies within 2^28 ns (268 ms) after the
 * wheel's time; a farther timer may ask for an early wake-up or a few on the way (one for each of
 * the wheel's levels at most). Later than `now` once expire(now) has returned NULL. O(1) when asked
 * again; else it walks the earliest occupied slot.
 */
uint64_t ek_wheel_next(struct ek_wheel *w);

/* Number of timers that are set. */
uint32_t ek_wheel_count(const struct ek_wheel *w);

/* Whether all invariants hold. O(slots + timers): slow. The other one does not look whether the slots are
 * empty that should be: O(timers). */
bool ek_wheel_check(const struct ek_wheel *w);
bool ek_wheel_check_marked(const struct ek_wheel *w);

#endif
