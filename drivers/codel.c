/* SPDX-License-Identifier: MIT */
/*
 * CoDel (RFC 8289): controlled delay.
 *
 * A queue that absorbs a burst drains; one that stays is only delay. So the signal is the smallest
 * time that packets spent in the queue during one interval: when no packet came out within `target`
 * for a whole `interval`, one is dropped, and then more, at intervals that shrink with the square
 * root of their number, until a packet comes out in time. TCP's rate goes with 1/sqrt(drop rate), so
 * the pressure grows linearly.
 *
 *        below target          above target for one interval
 *      .-------------.   .------------------------------------.
 *      v             |   v                                    |
 *      idle ----------> armed (first_above_at) --drop--> dropping: next drop at drop_next_at,
 *        ^                                               then + interval / sqrt(count)
 *        '------------- a packet within target, or the queue is nearly empty ---'
 *
 * The state that dropped a little while ago does not begin at one drop again: it resumes near the
 * rate that controlled the queue last time.
 */

#include "drivers/codel.h"

enum { RESUME_INTERVALS = 16 };

/* floor(sqrt(n)) for n < 2^63, bit by bit. */
static uint64_t square_root(uint64_t n)
{
        uint64_t root = 0;

        for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1)
                if ((root + bit) * (root + bit) <= n)
                        root += bit;
        return root;
}

/* t + interval / sqrt(count); the root with 16 binary places. */
static uint64_t control_law(const struct elko_codel *c, uint64_t t)
{
        return t + (c->interval_ns << 16) / square_root((uint64_t)c->count << 32);
}

/* Has the delay been above the target for one interval? */
static bool is_above(struct elko_codel *c, uint64_t now, uint64_t sojourn_ns, uint64_t bytes)
{
        if (sojourn_ns < c->target_ns || bytes <= c->mtu_bytes) {
                c->first_above_at = 0;
                return false;
        }
        if (c->first_above_at == 0) {
                c->first_above_at = now + c->interval_ns;
                return false;
        }
        return now >= c->first_above_at;
}

static void enter(struct elko_codel *c, uint64_t now)
{
        uint32_t delta = c->count - c->last_count;

        c->dropping = true;
        c->entered = true;
        c->count = 1;
        if (delta > 1 && now < c->drop_next_at + RESUME_INTERVALS * c->interval_ns)
                c->count = delta;
        c->last_count = c->count;
        c->drop_next_at = control_law(c, now);
}

void elko_codel_begin(struct elko_codel *c)
{
        c->entered = false;
}

bool elko_codel_drop(struct elko_codel *c, uint64_t now, uint64_t sojourn_ns, uint64_t bytes)
{
        bool above = is_above(c, now, sojourn_ns, bytes);

        if (c->entered)
                return false; /* one drop begins the state; the packet behind it goes */
        if (!c->dropping) {
                if (above)
                        enter(c, now);
                return above;
        }
        if (!above) {
                c->dropping = false;
                return false;
        }
        if (now < c->drop_next_at)
                return false;
        c->count++;
        c->drop_next_at = control_law(c, c->drop_next_at);
        return true;
}

void elko_codel_empty(struct elko_codel *c)
{
        c->first_above_at = 0;
        c->dropping = false;
}
