/* SPDX-License-Identifier: MIT */
#include "tcp/rcv_window.h"

/*
 * RFC 9293, 3.8.6. The window is a promise: the right edge once announced is never taken back (MUST-34's
 * "shrinking" from the right), and memory stands behind it (the caller reserved `space`).
 *
 * Silly windows, receiver's side (3.8.6.2.2): the edge moves only when it can move by at least
 * min(Fr * buffer, Eff.snd.MSS) with Fr = 1/2; until then the old edge is repeated, which shows as a
 * window that shrinks while data arrives.
 */

enum { FIELD_MAX = 65535 };

void ek_rcv_window_init(struct ek_rcv_window *w, uint32_t space, seq_t rcv_nxt, uint64_t now)
{
        w->space = space;
        w->edge = rcv_nxt;
        w->taken = w->taken_before = 0;
        w->mark_us = (uint32_t)(now / 1000);
}

/* [RFC7323 2.4-1] */
uint32_t ek_rcv_window_left(const struct ek_rcv_window *w, seq_t rcv_nxt)
{
        return seq_gt(w->edge, rcv_nxt) ? seq_diff(w->edge, rcv_nxt) : 0;
}

/* The window that the buffer could honour, in units of the scale, rounded down. */
static uint32_t offerable(const struct ek_rcv_window *w, uint32_t used, uint8_t scale)
{
        uint32_t room = used < w->space ? w->space - used : 0;
        uint32_t units = room >> scale;

        return (units > FIELD_MAX ? FIELD_MAX : units) << scale;
}

/* The least step that is worth moving the edge for. [RFC9293 MUST-39] */
static uint32_t useful_step(const struct ek_rcv_window *w, uint32_t mss)
{
        return ek_max_u32(1, ek_min_u32(w->space / 2, mss));
}

/* [RFC9293 SHLD-14; RFC7323 2.3e] */
struct ek_rcv_adv ek_rcv_window_plan(const struct ek_rcv_window *w, seq_t rcv_nxt, uint32_t used,
                                     uint32_t mss, uint8_t scale)
{
        uint32_t left = ek_rcv_window_left(w, rcv_nxt);
        uint32_t offer = offerable(w, used, scale);
        struct ek_rcv_adv adv;
        uint32_t bytes = left, units;

        if (offer > left && offer - left >= useful_step(w, mss))
                bytes = offer;
        /*
         * The field counts units of 1 << scale, so an odd RCV.NXT can't repeat the old edge exactly.
         * Round up, to the right, while the buffer has room for it; else down: the retraction by less
         * than one unit that RFC 7323, 2.4 speaks of. What was promised once is still accepted.
         */
        units = (bytes >> scale) + ((bytes & ((1u << scale) - 1)) != 0);
        if ((uint64_t)used + ((uint64_t)units << scale) > w->space)
                units = bytes >> scale;
        adv.field = (uint16_t)ek_min_u32(units, FIELD_MAX);
        adv.bytes = (uint32_t)adv.field << scale;
        return adv;
}

/* [RFC7323 2.4-2] */
void ek_rcv_window_on_sent(struct ek_rcv_window *w, seq_t rcv_nxt, uint32_t bytes)
{
        seq_t edge = seq_add(rcv_nxt, bytes);

        if (seq_gt(edge, w->edge))
                w->edge = edge;
}

bool ek_rcv_window_wants_update(const struct ek_rcv_window *w, seq_t rcv_nxt, uint32_t used,
                                uint32_t mss, uint8_t scale)
{
        uint32_t left = ek_rcv_window_left(w, rcv_nxt);
        uint32_t offer = offerable(w, used, scale);
        uint32_t step = ek_max_u32(2 * mss, w->space / 4);

        if (offer <= left)
                return false;
        /* A peer that may be stuck hears of every useful step, others of large ones only. */
        if (left < mss)
                step = useful_step(w, mss);
        return offer - left >= ek_min_u32(step, ek_max_u32(1, w->space / 2));
}

/*
 * What was taken in a round trip comes again in the next one, and a hole at its beginning must not stop the peer: twice
 * that. If it was more than in the round trip before, then the peer is in slow start, and doubles what it sends while
 * the next edge is on its way: the difference counts four times more.
 */
uint32_t ek_rcv_window_on_taken(struct ek_rcv_window *w, uint32_t n, uint64_t rtt_ns, uint64_t now)
{
        uint32_t us = (uint32_t)(now / 1000);
        uint64_t wanted;

        w->taken = (uint32_t)ek_min_u64(UINT32_MAX, (uint64_t)w->taken + n);
        if ((uint32_t)(us - w->mark_us) < ek_max_u64(rtt_ns / 1000, 1))
                return 0;
        wanted = 2ull * w->taken;
        if (w->taken > w->taken_before)
                wanted += 4ull * (w->taken - w->taken_before);
        w->taken_before = w->taken;
        w->taken = 0;
        w->mark_us = us;
        return (uint32_t)ek_min_u64(UINT32_MAX, wanted);
}
