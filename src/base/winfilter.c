/*
 * winfilter.c - windowed minimum or maximum, after Kathleen Nichols.
 *
 * To know the minimum of a sliding window exactly, one must remember every sample that may yet
 * become it. Three are enough for a good estimate: the best of the window, the best since that one,
 * and the best since that one. s[0] is no worse than s[1], which is no worse than s[2]; in time
 * they are in the order in which they came.
 *
 * A sample as good as the estimate replaces all three: nothing older can matter any more. When the
 * estimate gets older than the window, the other two move up. As a run of good samples early in the
 * window would leave nothing to move up, the second choice is taken from the samples after the
 * first quarter of the window, and the third from those after the first half, unless better ones
 * were found by then.
 */
#include "base/winfilter.h"

static bool no_worse(uint64_t a, uint64_t b, bool is_min)
{
        return is_min ? a <= b : a >= b;
}

/* The estimate moves out of the window: the others move up, once or twice. */
static void promote(struct ek_winfilter *f, uint64_t window_ns, struct ek_winsample x)
{
        uint32_t i;

        for (i = 0; i < 2 && x.at - f->s[0].at > window_ns; i++) {
                f->s[0] = f->s[1];
                f->s[1] = f->s[2];
                f->s[2] = x;
        }
        EK_ASSERT(x.at - f->s[0].at <= window_ns);
}

/* Replaces second and third choices that are as old as the choice before, once that has aged. */
static void refresh(struct ek_winfilter *f, uint64_t window_ns, struct ek_winsample x)
{
        uint64_t age = x.at - f->s[0].at;

        if (age > window_ns) {
                promote(f, window_ns, x);
        } else if (f->s[1].at == f->s[0].at && age > window_ns / 4) {
                f->s[1] = x;
                f->s[2] = x;
        } else if (f->s[2].at == f->s[1].at && age > window_ns / 2) {
                f->s[2] = x;
        }
}

static uint64_t update(struct ek_winfilter *f, uint64_t window_ns, struct ek_winsample x,
                       bool is_min)
{
        EK_ASSERT(x.at >= f->s[2].at);
        if (no_worse(x.value, f->s[0].value, is_min) || x.at - f->s[2].at > window_ns) {
                ek_winfilter_reset(f, x.at, x.value);
                return x.value;
        }
        if (no_worse(x.value, f->s[1].value, is_min)) {
                f->s[1] = x;
                f->s[2] = x;
        } else if (no_worse(x.value, f->s[2].value, is_min)) {
                f->s[2] = x;
        }
        refresh(f, window_ns, x);
        EK_DCHECK(ek_winfilter_check(f, is_min));
        return f->s[0].value;
}

void ek_winfilter_reset(struct ek_winfilter *f, uint64_t now, uint64_t value)
{
        f->s[0] = (struct ek_winsample){now, value};
        f->s[1] = f->s[0];
        f->s[2] = f->s[0];
}

uint64_t ek_winfilter_min(struct ek_winfilter *f, uint64_t window_ns, uint64_t now, uint64_t value)
{
        return update(f, window_ns, (struct ek_winsample){now, value}, true);
}

uint64_t ek_winfilter_max(struct ek_winfilter *f, uint64_t window_ns, uint64_t now, uint64_t value)
{
        return update(f, window_ns, (struct ek_winsample){now, value}, false);
}

bool ek_winfilter_check(const struct ek_winfilter *f, bool is_min)
{
        return f->s[0].at <= f->s[1].at && f->s[1].at <= f->s[2].at &&
               no_worse(f->s[0].value, f->s[1].value, is_min) &&
               no_worse(f->s[1].value, f->s[2].value, is_min);
}
