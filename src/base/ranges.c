/*
 * ranges.c - bounded set of ranges.
 *
 * A sorted array: with at most a few hundred ranges, and a few in practice, moving the tail of an
 * array costs less than following the pointers of a tree, and the memory is bounded by its
 * declaration. The array is searched by bisection.
 *
 * Stamps order the ranges by recency. They count upwards and would wrap after 2^32 additions, so
 * before that they are renumbered by rank, which keeps their order.
 */
#include "base/ranges.h"

/* Index of the first range that ends at or after x (so overlaps or touches it); n if none does. */
static uint32_t first_reaching(const struct ek_ranges *s, uint64_t x)
{
        uint32_t lo = 0;
        uint32_t hi = s->n;

        while (lo < hi) {
                uint32_t mid = (lo + hi) / 2;

                EK_WORK(1);
                if (s->r[mid].hi < x)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return lo;
}

/* The first range that ends after x, or NULL: if any range covers x, this one does. */
static const struct ek_range *first_beyond(const struct ek_ranges *s, uint64_t x)
{
        uint32_t i = first_reaching(s, x);

        if (i < s->n && s->r[i].hi == x)
                i++;
        return i < s->n ? &s->r[i] : NULL;
}

/* The range with the oldest stamp that is at least `from`. There must be one. */
static struct ek_range *oldest_from(struct ek_ranges *s, uint32_t from)
{
        struct ek_range *oldest = NULL;
        uint32_t i;

        for (i = 0; i < s->n; i++) {
                struct ek_range *r = &s->r[i];

                EK_WORK(1);
                if (r->stamp >= from && (oldest == NULL || r->stamp < oldest->stamp))
                        oldest = r;
        }
        EK_ASSERT(oldest != NULL);
        return oldest;
}

/*
 * Replaces the stamps by 0, 1, 2, ..., in the same order. Stamps are distinct, so when k of them
 * have been replaced, those are below k and the others are not.
 */
static void renumber(struct ek_ranges *s)
{
        uint32_t k;

        for (k = 0; k < s->n; k++)
                oldest_from(s, k)->stamp = k;
        s->next_stamp = s->n;
}

static uint32_t newest_stamp(struct ek_ranges *s)
{
        if (s->next_stamp == UINT32_MAX)
                renumber(s);
        return s->next_stamp++;
}

/* Replaces the ranges [from, to) by `with`. The result must fit. */
static void replace(struct ek_ranges *s, uint32_t from, uint32_t to, struct ek_range with)
{
        uint32_t tail = s->n - to;

        EK_ASSERT(from <= to && to <= s->n && from + 1 + tail <= s->cap);
        memmove(&s->r[from + 1], &s->r[to], tail * sizeof(s->r[0]));
        s->r[from] = with;
        s->n = (uint16_t)(from + 1 + tail);
}

void ek_ranges_init(struct ek_ranges *s, uint16_t cap)
{
        EK_ASSERT(cap >= 1);
        s->n = 0;
        s->cap = cap;
        s->next_stamp = 0;
}

void ek_ranges_clear(struct ek_ranges *s)
{
        s->n = 0;
}

enum ek_ranges_result ek_ranges_add(struct ek_ranges *s, uint64_t lo, uint64_t hi)
{
        uint32_t from = first_reaching(s, lo);
        uint32_t to = from;

        EK_ASSERT(lo < hi);
        while (to < s->n && s->r[to].lo <= hi) {
                EK_WORK(1);
                to++;
        }
        if (from == to && s->n == s->cap)
                return EK_RANGES_FULL;
        if (from < to) {
                lo = ek_min_u64(lo, s->r[from].lo);
                hi = ek_max_u64(hi, s->r[to - 1].hi);
        }
        replace(s, from, to, (struct ek_range){lo, hi, newest_stamp(s)});
        EK_DCHECK(ek_ranges_check(s));
        return EK_RANGES_OK;
}

void ek_ranges_remove_below(struct ek_ranges *s, uint64_t x)
{
        uint32_t keep = first_reaching(s, x);

        if (keep < s->n && s->r[keep].hi == x)
                keep++;
        memmove(&s->r[0], &s->r[keep], (s->n - keep) * sizeof(s->r[0]));
        s->n = (uint16_t)(s->n - keep);
        if (s->n > 0)
                s->r[0].lo = ek_max_u64(s->r[0].lo, x);
        EK_DCHECK(ek_ranges_check(s));
}

bool ek_ranges_contains(const struct ek_ranges *s, uint64_t lo, uint64_t hi)
{
        const struct ek_range *r = first_beyond(s, lo);

        EK_ASSERT(lo < hi);
        return r != NULL && r->lo <= lo && hi <= r->hi;
}

uint64_t ek_ranges_covered_prefix_from(const struct ek_ranges *s, uint64_t x)
{
        const struct ek_range *r = first_beyond(s, x);

        return r != NULL && r->lo <= x ? r->hi : x;
}

bool ek_ranges_overlap(const struct ek_ranges *s, uint64_t lo, uint64_t hi, struct ek_range *out)
{
        const struct ek_range *r = first_beyond(s, lo);

        EK_ASSERT(lo < hi);
        if (r == NULL || r->lo >= hi)
                return false;
        out->lo = ek_max_u64(lo, r->lo);
        out->hi = ek_min_u64(hi, r->hi);
        out->stamp = r->stamp;
        return true;
}

/* The range with the newest stamp below `limit`; NULL if there is none. */
static const struct ek_range *newest_before(const struct ek_ranges *s, uint32_t limit)
{
        const struct ek_range *best = NULL;
        uint32_t i;

        for (i = 0; i < s->n; i++) {
                const struct ek_range *r = &s->r[i];

                EK_WORK(1);
                if (r->stamp < limit && (best == NULL || r->stamp > best->stamp))
                        best = r;
        }
        return best;
}

uint32_t ek_ranges_recent(const struct ek_ranges *s, struct ek_range *out, uint32_t k)
{
        uint32_t limit = UINT32_MAX; /* no stamp is as high: see newest_stamp() */
        uint32_t n;

        for (n = 0; n < k; n++) {
                const struct ek_range *r = newest_before(s, limit);

                if (r == NULL)
                        break;
                out[n] = *r;
                limit = r->stamp;
        }
        return n;
}

uint64_t ek_ranges_total(const struct ek_ranges *s)
{
        uint64_t total = 0;
        uint32_t i;

        for (i = 0; i < s->n; i++) {
                EK_WORK(1);
                total += s->r[i].hi - s->r[i].lo;
        }
        return total;
}

/* Whether range i is not empty, lies beyond the one before, and has a stamp of its own. */
static bool check_range(const struct ek_ranges *s, uint32_t i)
{
        const struct ek_range *r = &s->r[i];
        uint32_t j;

        if (r->lo >= r->hi || r->stamp >= s->next_stamp)
                return false;
        if (i > 0 && s->r[i - 1].hi >= r->lo)
                return false;
        for (j = 0; j < i; j++) {
                EK_WORK(1);
                if (s->r[j].stamp == r->stamp)
                        return false;
        }
        return true;
}

bool ek_ranges_check(const struct ek_ranges *s)
{
        uint32_t i;

        if (s->n > s->cap)
                return false;
        for (i = 0; i < s->n; i++)
                if (!check_range(s, i))
                        return false;
        return true;
}
