/* SPDX-License-Identifier: MIT */
/*
 * Three small memories of the monitor: values with a past, ranges of sequence numbers, octets sent.
 *
 * Theory: a tap near a host sees what arrives a little before the host's TCP does, so a segment that
 * leaves just afterwards was made with older knowledge. Values with a past answer "what did it know for
 * certain slack_ns ago". All sequence arithmetic is modulo 2^32 (RFC 9293, 3.4); each structure spans
 * less than 2^31.
 */
#include <stdlib.h>

#include "monitor_ep.h"

void mon_hist_add(struct mon_hist *h, uint64_t t, uint32_t v)
{
        h->t[h->n % MON_HIST] = t;
        h->v[h->n % MON_HIST] = v;
        h->n++;
}

bool mon_hist_at(const struct mon_hist *h, uint64_t t, uint32_t *v)
{
        unsigned first = h->n > MON_HIST ? h->n - MON_HIST : 0;

        for (unsigned i = h->n; i > first; i--)
                if (h->t[(i - 1) % MON_HIST] <= t) {
                        *v = h->v[(i - 1) % MON_HIST];
                        return true;
                }
        return false;
}

void mon_ranges_cut(struct mon_ranges *r, uint32_t left)
{
        unsigned gone = 0;

        while (gone < r->n && mon_le(r->r[gone].right, left))
                gone++;
        if (gone > 0) {
                memmove(r->r, r->r + gone, (r->n - gone) * sizeof r->r[0]);
                r->n -= gone;
        }
        if (r->n > 0 && mon_lt(r->r[0].left, left))
                r->r[0].left = left;
        if (r->n == 0)
                r->lost = false;
}

void mon_ranges_add(struct mon_ranges *r, uint32_t left, uint32_t right)
{
        unsigned at = 0, end;

        if (!mon_lt(left, right))
                return;
        /* Mostly the highest so far: look from there. */
        for (at = r->n; at > 0 && mon_le(left, r->r[at - 1].right); at--)
                ;
        for (end = at; end < r->n && mon_le(r->r[end].left, right); end++) {
                left = mon_min(left, r->r[end].left);
                right = mon_max(right, r->r[end].right);
        }
        if (end == at && r->n == MON_RANGES) {
                r->lost = true;
                return;
        }
        memmove(r->r + at + 1, r->r + end, (r->n - end) * sizeof r->r[0]);
        r->r[at] = (struct mon_range){left, right};
        r->n = r->n - (end - at) + 1;
}

bool mon_ranges_hold(const struct mon_ranges *r, uint32_t left, uint32_t right)
{
        for (unsigned i = 0; i < r->n; i++)
                if (mon_le(r->r[i].left, left) && mon_le(right, r->r[i].right))
                        return true;
        return false;
}

bool mon_ranges_meet(const struct mon_ranges *r, uint32_t left, uint32_t right)
{
        for (unsigned i = 0; i < r->n; i++)
                if (mon_lt(r->r[i].left, right) && mon_lt(left, r->r[i].right))
                        return true;
        return false;
}

/* Room for what is in flight and `len` more; at `max` the oldest octets are overwritten. */
static bool make_room(struct mon_ep *ep, uint32_t max, uint32_t len)
{
        uint32_t size = ep->bytes_size == 0 ? 4096 : ep->bytes_size;
        uint32_t keep = ep->snd_max - mon_max(ep->una_sure, ep->bytes_low);
        uint8_t *p;

        while (size < max && size < keep + len)
                size *= 2;
        if (size < len)
                return false;
        if (size == ep->bytes_size)
                return true;
        p = malloc(size);
        if (p == NULL)
                return false;
        for (uint32_t i = 0; ep->bytes != NULL && i < keep; i++) {
                uint32_t s = ep->snd_max - keep + i;

                p[s & (size - 1)] = ep->bytes[s & (ep->bytes_size - 1)];
        }
        if (ep->bytes == NULL)
                ep->bytes_low = ep->snd_max;
        else
                ep->bytes_low = ep->snd_max - keep;
        free(ep->bytes);
        ep->bytes = p;
        ep->bytes_size = size;
        return true;
}

static void put_bytes(struct mon_ep *ep, uint32_t seq, const uint8_t *text, uint32_t len)
{
        uint32_t at = seq & (ep->bytes_size - 1);
        uint32_t first = ep->bytes_size - at < len ? ep->bytes_size - at : len;

        memcpy(ep->bytes + at, text, first);
        memcpy(ep->bytes, text + first, len - first);
}

static bool same_bytes(const struct mon_ep *ep, uint32_t seq, const uint8_t *text, uint32_t len)
{
        uint32_t at = seq & (ep->bytes_size - 1);
        uint32_t first = ep->bytes_size - at < len ? ep->bytes_size - at : len;

        return memcmp(ep->bytes + at, text, first) == 0 &&
               memcmp(ep->bytes, text + first, len - first) == 0;
}

bool mon_bytes(struct mon_ep *ep, uint32_t max, uint32_t seq, const uint8_t *text, uint32_t len,
               uint32_t *at)
{
        uint32_t end = seq + len, low = ep->bytes_low;

        /* What was sent before: from `low`, or what the ring still has. */
        if (ep->snd_max - low > ep->bytes_size)
                low = ep->snd_max - ep->bytes_size;
        if (ep->bytes != NULL && mon_lt(seq, ep->snd_max) && mon_lt(low, end)) {
                uint32_t from = mon_max(seq, low), to = mon_min(end, ep->snd_max);

                if (mon_lt(from, to) && !same_bytes(ep, from, text + (from - seq), to - from)) {
                        while (ep->bytes[from & (ep->bytes_size - 1)] == text[from - seq])
                                from++;
                        *at = from;
                        return false;
                }
        }
        if (!mon_lt(ep->snd_max, end))
                return true;
        if (mon_lt(seq, ep->snd_max)) {
                text += ep->snd_max - seq;
                seq = ep->snd_max;
        }
        if (!make_room(ep, max, end - seq) || seq != ep->snd_max) {
                ep->bytes_low = end; /* can't be kept: not compared later */
                return true;
        }
        put_bytes(ep, seq, text, end - seq);
        return true;
}
