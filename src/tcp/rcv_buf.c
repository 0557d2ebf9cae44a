/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "base/bits.h"

/*
 * Memory of a connection's two rings.
 *
 * Receiving: what is advertised must be honoured, so the region reserves as many bytes as the ring will
 * need when the window is opened, and the ring is taken from that reservation with the first byte that
 * arrives. An idle connection holds the reservation, a number, and no memory. When the region has less
 * left, new windows are smaller; they shrink before connections are refused.
 *
 * Sending: the ring grows by doubling up to the limit, as the application queues.
 *
 * Growing has a limit of its own, so that connections that take what they can (a peer that never opens its
 * window while the application goes on queueing: Sockstress, CVE-2008-4609) leave room for newcomers: a
 * ring beyond the smallest may take half of what is left above an eighth of the region, and that eighth
 * is for first windows, first rings and connections. These are the dynamic thresholds of Choudhury and
 * Hahne (1998): who comes late finds less, but finds something.
 */

enum {
        LEAST_WINDOW = 2048,
        SHARE_OF_FREE = 64,  /* a first window is at most this part of what is left, ... */
        SHARE_OF_LESS = 256, /* ... and of this one when half of the region is taken */
        NEWCOMERS_SHARE = 8,
};

/* May a ring of `block` bytes replace a smaller one? */
static bool may_grow(struct ek_tcp *t, size_t block)
{
        size_t committed = ek_region_used(t->region) + ek_region_reserved(t->region);
        size_t capacity = ek_region_capacity(t->region);
        size_t kept = capacity / NEWCOMERS_SHARE;
        size_t left = committed + kept < capacity ? capacity - committed - kept : 0;

        return block <= left / 2;
}

/* No window smaller than this, nor than one unit of the scale, could ever be announced. */
static uint32_t least_window(const struct ek_tcp *t, const struct ek_settings *settings)
{
        return ek_max_u32(LEAST_WINDOW, 1u << ek_options_rcv_wscale(t, settings));
}

/*
 * A SYN+ACK announces a window before there is a connection that could reserve memory for it. So it
 * announces one of two sizes, and the connection is refused when the handshake ends and the size that
 * was announced can't be had: the peer's data is not acknowledged, hence not lost.
 */
uint32_t ek_rcv_buf_syn_ack(const struct ek_tcp *t, const struct ek_settings *settings, bool small)
{
        uint32_t full = ek_min_u32(ek_min_u32(t->cfg.rcv_buf_bytes, settings->rcv_buf_max),
                                   ek_rcv_buf_clamp(settings));

        return ek_min_u32(UINT16_MAX, small ? ek_min_u32(full, least_window(t, settings)) : full);
}

/* ELKO_OPTION_WINDOW_CLAMP: no window is larger, whatever memory there is. */
uint32_t ek_rcv_buf_clamp(const struct ek_settings *settings)
{
        return settings->window_clamp != 0 ? settings->window_clamp : UINT32_MAX;
}

/* The receive window as it is to be offered, and *used of it: with a clamp it is a small buffer that is as empty as the
 * large one has room for it. */
struct ek_rcv_window ek_rcv_buf_window(const struct ek_tcp *t, const struct ek_tcb *tcb,
                                       uint32_t *used)
{
        struct ek_rcv_window w = tcb->win;
        uint32_t room = w.space - ek_min_u32(w.space, tcb->act->rcv.len);

        w.space = ek_min_u32(w.space, ek_rcv_buf_clamp(ek_tcb_settings(t, tcb)));
        *used = w.space - ek_min_u32(w.space, room);
        return w;
}

bool ek_rcv_buf_is_short(struct ek_tcp *t, const struct ek_settings *settings)
{
        return ek_rcv_buf_initial(t, settings) <
               ek_min_u32(t->cfg.rcv_buf_bytes, settings->rcv_buf_max);
}

/* The first window of a new connection: at most a fair share of what is left. */
uint32_t ek_rcv_buf_initial(struct ek_tcp *t, const struct ek_settings *settings)
{
        size_t committed = ek_region_used(t->region) + ek_region_reserved(t->region);
        size_t capacity = ek_region_capacity(t->region);
        size_t left = committed < capacity ? capacity - committed : 0;
        uint32_t want = ek_min_u32(t->cfg.rcv_buf_bytes, settings->rcv_buf_max);
        size_t share;

        if (t->cfg.window_overcommit_percent > 100)
                left = capacity;
        share = left / (left > capacity / 2 ? SHARE_OF_FREE : SHARE_OF_LESS);
        while (want > least_window(t, settings) && want > share)
                want /= 2;
        return want;
}

enum { TRIMMED_POOLS = 7 };

/*
 * Give the empty chunk of a pool back, of the `n`-th and those behind it the first that has one; *n: the next. False:
 * none has. Half-open connections come last: one chunk of them serves many who knock.
 *
 * A connection that has buffers may always have one chunk of records: without one nothing that it is given
 * could ever be sent. The records in it come back, because what they stand for is acknowledged or given
 * up. So it is not taken away while there is such a connection.
 */
static bool trim_pool(struct ek_tcp *t, unsigned *n)
{
        struct ek_slab *pools[TRIMMED_POOLS] = {&t->settings,  &t->accecns, &t->time_waits,
                                                &t->records,   &t->tcbs,    &t->actives,
                                                &t->half_opens};

        while (*n < TRIMMED_POOLS) {
                struct ek_slab *pool = pools[(*n)++];

                if ((pool != &t->records || ek_slab_live(&t->actives) == 0) && ek_slab_trim(pool))
                        return true;
        }
        return false;
}

static bool trim_pools(struct ek_tcp *t)
{
        bool any = false;

        for (unsigned n = 0; trim_pool(t, &n);)
                any = true;
        return any;
}

/* An object of `pool`. The empty chunks that pools keep for a next object are worth less than one that is wanted now:
 * else all memory may be in those of other pools, and nobody could connect any more. EK_NIL: no memory, or the
 * pool's limit. */
uint32_t ek_tcp_pool_alloc(struct ek_tcp *t, struct ek_slab *pool)
{
        uint32_t index = ek_slab_alloc(pool);

        if (ek_slab_live(pool) >= pool->max_objs)
                return index;
        for (unsigned n = 0; index == EK_NIL && trim_pool(t, &n);)
                index = ek_slab_alloc(pool);
        return index;
}

static uint32_t active_alloc(struct ek_tcp *t)
{
        return ek_slab_reserve(&t->records) ? ek_slab_alloc(&t->actives) : EK_NIL;
}

/* The same for an active part, which comes with a chunk of records. */
uint32_t ek_tcp_active_alloc(struct ek_tcp *t)
{
        uint32_t index = active_alloc(t);

        if (ek_slab_live(&t->actives) >= t->actives.max_objs)
                return index;
        for (unsigned n = 0; index == EK_NIL && trim_pool(t, &n);)
                index = active_alloc(t);
        return index;
}

static bool reserve(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t space)
{
        uint32_t block = (uint32_t)ek_region_block_bytes(t->region, space);

        if (!ek_region_reserve(t->region, block))
                return false;
        tcb->win.reserved = block;
        return true;
}

/* Reserve the space of a new window, `least` bytes of it at least; false: not even that is there. The
 * window begins at RCV.NXT; an active open, which does not know it yet, gives anything. */
bool ek_rcv_buf_open(struct ek_tcp *t, struct ek_tcb *tcb, seq_t rcv_nxt, uint32_t least)
{
        const struct ek_settings *settings = ek_tcb_settings(t, tcb);
        uint32_t floor = ek_max_u32(least, least_window(t, settings));
        uint32_t space = ek_max_u32(floor, ek_rcv_buf_initial(t, settings));

        EK_ASSERT(tcb->win.reserved == 0);
        while (space >= floor && !reserve(t, tcb, space))
                space /= 2;
        /* Pools keep empty chunks for a next object, and this connection is what they are kept for. */
        if (space < floor && least > 0 && trim_pools(t) && reserve(t, tcb, floor))
                space = floor;
        if (space < floor && least > 0)
                return false;
        if (space < floor)
                space = 0; /* a zero window: it opens when the peer asks and memory is there */
        ek_rcv_window_init(&tcb->win, space, rcv_nxt, t->now);
        return true;
}

/* The ring exists after this, if memory allows. */
bool ek_rcv_buf_ensure(struct ek_tcp *t, struct ek_tcb *tcb)
{
        size_t block;
        uint8_t *base;

        if (tcb->act->rcv.cap != 0)
                return true;
        if (tcb->win.space == 0 || !ek_tcb_activate(t, tcb))
                return false;
        block = ek_region_block_bytes(t->region, tcb->win.space);
        if (tcb->win.reserved != 0) {
                base = ek_region_alloc_reserved(t->region, block);
                if (base != NULL)
                        tcb->win.reserved = 0;
        } else {
                base = ek_region_alloc(t->region, block);
        }
        if (base == NULL) {
                t->ctr->nomem++;
                return false;
        }
        ek_ring_attach(&tcb->act->rcv, base, (uint32_t)block);
        return true;
}

/* Double the space. */
static bool grow(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t max)
{
        uint32_t space = tcb->win.space >= max / 2 ? max : tcb->win.space * 2;
        size_t block = ek_region_block_bytes(t->region, space);
        uint32_t old_cap = tcb->act->rcv.cap;
        uint64_t top;
        uint8_t *base, *old;

        if (block <= old_cap) {
                tcb->win.space = space;
                return true;
        }
        base = may_grow(t, block) ? ek_region_alloc(t->region, block) : NULL;
        if (base == NULL)
                return false; /* not now: an ordinary result */
        top = ek_reasm_top(&tcb->act->reasm);
        if (tcb->act->rcv.cap == 0) {
                ek_ring_attach(&tcb->act->rcv, base, (uint32_t)block);
                if (tcb->win.reserved > 0) {
                        ek_region_unreserve(t->region, tcb->win.reserved);
                        tcb->win.reserved = 0;
                }
        } else {
                uint32_t beyond = top > tcb->stats.bytes_received
                                          ? (uint32_t)(top - tcb->stats.bytes_received)
                                          : 0;

                old = ek_ring_move_to(&tcb->act->rcv, base, (uint32_t)block, beyond);
                ek_region_free(t->region, old, old_cap);
        }
        tcb->win.space = space;
        return true;
}

/* Behind the peer's FIN no text is taken (RFC 9293, 3.10.7.4, seventh), so the window needs no memory any
 * more. In a small region what it held can be all that a send buffer could have. */
void ek_rcv_buf_on_end(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!ek_tcb_has(tcb, EK_TCB_FIN_RCVD) || tcb->act->rcv.len > 0)
                return;
        if (tcb->act->rcv.cap > 0) {
                uint32_t cap = tcb->act->rcv.cap;

                ek_region_free(t->region, ek_ring_detach(&tcb->act->rcv), cap);
        }
        if (tcb->win.reserved > 0) {
                ek_region_unreserve(t->region, tcb->win.reserved);
                tcb->win.reserved = 0;
        }
}

/* The application took `n` bytes out of the ring. */
void ek_rcv_buf_on_taken(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t n)
{
        uint32_t max = ek_tcb_settings(t, tcb)->rcv_buf_max;
        uint64_t rtt = tcb->rtt.srtt_ns != 0 ? tcb->rtt.srtt_ns : ELKO_MS(100);
        struct ek_rcv_window w;
        uint32_t wanted, used;

        if (ek_tcb_has(tcb, EK_TCB_FIN_RCVD)) {
                ek_rcv_buf_on_end(t, tcb);
                return;
        }
        wanted = ek_rcv_window_on_taken(&tcb->win, n, rtt, t->now);
        while (tcb->win.space < ek_min_u32(wanted, max) && grow(t, tcb, max))
                ;
        w = ek_rcv_buf_window(t, tcb, &used);
        if (ek_rcv_window_wants_update(&w, tcb->rcv_nxt, used, tcb->delack.rcv_mss,
                                       tcb->rcv_wscale) &&
            tcb->state >= ELKO_TCP_ESTABLISHED && tcb->state <= ELKO_TCP_FIN_WAIT_2)
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_WINDOW);
}

/* Something was held behind a hole. The hole lasts for a round trip at least, and for two when what filled it is lost
 * again; meanwhile nothing is taken, and a window that is just large enough for a path without losses would stop
 * the sender. So it grows when half of it is held: for octets that are here, not for a sequence number (as Linux since
 * 6.16). Without SACK it must not, since an ACK that moves the window is no duplicate one (RFC 5681, 2). */
void ek_rcv_buf_on_held(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t max = ek_tcb_settings(t, tcb)->rcv_buf_max;
        const struct ek_reasm *r = &tcb->act->reasm;

        if (ek_tcb_has(tcb, EK_TCB_SACK) && tcb->win.space < max &&
            ek_reasm_top(r) - tcb->stats.bytes_received >= tcb->win.space / 2 &&
            ek_reasm_bytes(r) >= tcb->win.space / 2)
                grow(t, tcb, max);
}

/* Room for at least one more byte of `want`; false: the buffer is at its limit, or no memory. */
bool ek_snd_buf_ensure(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t want)
{
        uint32_t max = ek_tcb_settings(t, tcb)->snd_buf_max;
        uint32_t least = (uint32_t)ek_region_min_block(t->region) * 2;
        uint32_t old_cap, cap;
        uint8_t *base, *old;

        if (tcb->act->snd.len >= max || !ek_tcb_activate(t, tcb))
                return false;
        old_cap = tcb->act->snd.cap;
        if (ek_ring_room(&tcb->act->snd) >= want || old_cap >= max)
                return ek_ring_room(&tcb->act->snd) > 0;
        cap = old_cap != 0 ? old_cap * 2 : least;
        while (cap < max && cap - tcb->act->snd.len < want)
                cap *= 2;
        if (cap > max && cap / 2 >= old_cap && cap / 2 >= max)
                cap /= 2;
        base = NULL;
        least = ek_min_u32(least, cap);
        while (cap > old_cap && cap >= least && base == NULL) {
                if (cap <= least || may_grow(t, cap))
                        base = ek_region_alloc(t->region, cap);
                if (base == NULL)
                        cap /= 2;
        }
        /* Without any ring nothing goes on: the empty chunks that pools keep are worth less. */
        if (base == NULL && old_cap == 0 && trim_pools(t)) {
                cap = least;
                base = ek_region_alloc(t->region, cap);
        }
        if (base == NULL) {
                t->ctr->nomem++;
                return ek_ring_room(&tcb->act->snd) > 0;
        }
        cap = (uint32_t)ek_region_block_bytes(t->region, cap);
        if (old_cap == 0) {
                ek_ring_attach(&tcb->act->snd, base, cap);
                return true;
        }
        old = ek_ring_move_to(&tcb->act->snd, base, cap, 0);
        ek_region_free(t->region, old, old_cap);
        return true;
}
