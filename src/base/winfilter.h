/*
 * winfilter.h - minimum or maximum of the recent past, in constant space and time.
 *
 * Kathleen Nichols' three-sample filter, as used for min_rtt and for bottleneck bandwidth. The
 * estimate is always the value of a sample that is no older than the window, and never worse than
 * the newest sample; it is exact unless the best sample ages out while the next-best ones came in
 * bad order, and then recovers within a fraction of the window.
 */
#ifndef EK_BASE_WINFILTER_H
#define EK_BASE_WINFILTER_H

#include "base/port.h"

struct ek_winsample {
        uint64_t at;    /* ns */
        uint64_t value; /* any unit */
};

/* s[0] is the estimate, s[1] and s[2] the best of what came after s[0] and s[1] respectively. */
struct ek_winfilter {
        struct ek_winsample s[3];
};

/* Forgets everything but the one sample (now, value). Must come before the first update. */
void ek_winfilter_reset(struct ek_winfilter *f, uint64_t now, uint64_t value);

/*
 * Adds the sample (now, value) and returns the minimum, or maximum, over the last `window_ns`. One
 * filter is used for one of the two only. `now` must not go back (asserted).
 */
uint64_t ek_winfilter_min(struct ek_winfilter *f, uint64_t window_ns, uint64_t now, uint64_t value);
uint64_t ek_winfilter_max(struct ek_winfilter *f, uint64_t window_ns, uint64_t now, uint64_t value);

/* The present estimate, as of the last update: it does not age by itself. */
static inline uint64_t ek_winfilter_get(const struct ek_winfilter *f)
{
        return f->s[0].value;
}

/* Whether all invariants hold. O(1). */
bool ek_winfilter_check(const struct ek_winfilter *f, bool is_min);

#endif
