/* SPDX-License-Identifier: MIT */
/*
 * What arrives at the odd peer: RFC 9293, 3.10.7.4 (first, seventh and eighth steps) and 3.8.6.2.2.
 *
 * A byte that is taken is compared at once, in order or not, so out-of-order data is kept as ranges only
 * and reneging (RFC 2018, 8) is to forget ranges. The window is what the buffer has room for, unless an
 * oddity says less; its right edge moves to the left in one place only, under SHRINK_WINDOW.
 */
#include "peer_odd_conn.h"
#include "peer_odd_stream.h"

#include <string.h>

void podd_rcv_init(struct podd_conn *c)
{
        c->read_bytes = 0;
        c->dsack.left = c->dsack.right = 0;
        c->tiny = (uint32_t)sim_rng_log(&c->rng, 1, 64);
        c->tiny_left =
                podd_is(c, PEER_ODD_TINY_WINDOW) ? (unsigned)sim_rng_range(&c->rng, 4, 40) : 0;
}

/* RFC 9293, 3.10.7.4, table 6, with the window as announced. */
bool podd_rcv_acceptable(const struct podd_conn *c, const struct pkt *s)
{
        uint32_t wnd = pkt_lt(c->rcv_nxt, c->edge) ? c->edge - c->rcv_nxt : 0;
        uint32_t len = pkt_seg_len(s);

        if (len == 0)
                return wnd == 0 ? s->seq == c->rcv_nxt : s->seq - c->rcv_nxt < wnd;
        return wnd > 0 && (s->seq - c->rcv_nxt < wnd || s->seq + len - 1 - c->rcv_nxt < wnd);
}

/* ------------------------------------------------------------------- ranges */

/* Add [left, right) to the ranges; false: no room for one more. */
static bool range_add(struct podd_conn *c, uint32_t left, uint32_t right)
{
        unsigned i = 0, j;

        while (i < c->ranges && pkt_lt(c->range[i].right, left))
                i++;
        for (j = i; j < c->ranges && pkt_le(c->range[j].left, right); j++) {
                if (pkt_lt(c->range[j].left, left))
                        left = c->range[j].left;
                if (pkt_lt(right, c->range[j].right))
                        right = c->range[j].right;
        }
        if (j == i) {
                if (c->ranges == PODD_RANGES)
                        return false;
                memmove(&c->range[i + 1], &c->range[i], (c->ranges - i) * sizeof(c->range[0]));
                c->ranges++;
        } else if (j > i + 1) {
                memmove(&c->range[i + 1], &c->range[j], (c->ranges - j) * sizeof(c->range[0]));
                c->ranges -= j - i - 1;
        }
        c->range[i].left = left;
        c->range[i].right = right;
        return true;
}

/* Take ranges that RCV.NXT has reached. */
static void range_join(struct podd_conn *c)
{
        unsigned n = 0;

        while (n < c->ranges && pkt_le(c->range[n].left, c->rcv_nxt)) {
                if (pkt_lt(c->rcv_nxt, c->range[n].right)) {
                        c->r.rx_bytes += c->range[n].right - c->rcv_nxt;
                        c->rcv_nxt = c->range[n].right;
                }
                n++;
        }
        memmove(&c->range[0], &c->range[n], (c->ranges - n) * sizeof(c->range[0]));
        c->ranges -= n;
}

/* -------------------------------------------------------------------- bytes */

static void compare(struct podd_conn *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
        uint64_t off = c->r.rx_bytes + (seq - c->rcv_nxt);
        size_t bad;

        if (!c->r.plan.verify)
                return;
        if (off + len > c->r.plan.rx_bytes)
                podd_wrong(c, "more data than was written", off + len);
        bad = peer_odd_stream_differs(c->r.plan.rx_stream, off, data, len);
        if (bad < len)
                podd_wrong(c, "a byte is not the one that was written", off + bad);
}

/* The other side's FIN is at `seq`. It has one place only (RFC 9293, 3.10.7.4, eighth). */
static void fin_at(struct podd_conn *c, uint32_t seq)
{
        if (c->fin_known && c->fin_seq != seq) {
                podd_wrong(c, "a second FIN at another place", c->r.rx_bytes);
                return;
        }
        for (unsigned i = 0; i < c->ranges; i++)
                if (pkt_lt(seq, c->range[i].right)) {
                        podd_wrong(c, "a FIN below data", c->r.rx_bytes);
                        return;
                }
        c->fin_known = true;
        c->fin_seq = seq;
}

static void fin_take(struct podd_conn *c, uint64_t now)
{
        c->rcv_nxt++;
        if (pkt_lt(c->edge, c->rcv_nxt))
                c->edge = c->rcv_nxt;
        c->r.rx_eof = true;
        c->ack_now = true;
        if (c->r.plan.verify && c->r.plan.rx_bytes != UINT64_MAX &&
            c->r.rx_bytes != c->r.plan.rx_bytes)
                podd_wrong(c, "the stream ends too early", c->r.rx_bytes);
        switch (c->state) {
        case ELKO_TCP_SYN_RECEIVED:
        case ELKO_TCP_ESTABLISHED: c->state = ELKO_TCP_CLOSE_WAIT; break;
        case ELKO_TCP_FIN_WAIT_1:
                /* Had our FIN been acknowledged by this segment we would be in FIN-WAIT-2. */
                c->state = ELKO_TCP_CLOSING;
                break;
        case ELKO_TCP_FIN_WAIT_2: podd_time_wait(c, now); break;
        default: break;
        }
}

/* RENEGE: out-of-order data is gone, although SACK blocks told of it. */
static void renege(struct podd_conn *c)
{
        if (c->ranges == 0 || !c->sack_on || !podd_mischief(c, PEER_ODD_RENEGE, 100000))
                return;
        c->ranges = 0;
        c->fin_known = c->fin_known && pkt_le(c->fin_seq, c->rcv_nxt);
        podd_did(c, PEER_ODD_BIT_RENEGE);
}

void podd_rcv_duplicate(struct podd_conn *c, const struct pkt *s)
{
        if (!podd_is(c, PEER_ODD_DSACK) || !c->sack_on || s->len == 0 || c->r.rx_eof ||
            pkt_lt(s->seq, c->irs + 1) || pkt_lt(c->rcv_nxt, s->seq + s->len))
                return;
        c->dsack.left = s->seq;
        c->dsack.right = s->seq + s->len;
}

/* An acceptable segment's payload and FIN, in a state that takes them. */
void podd_rcv_text(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        uint32_t seq = s->seq + ((s->flags & ELKO_SYN) != 0), len = s->len;
        const uint8_t *data = s->payload;
        uint32_t end = seq + len;
        bool fin = (s->flags & ELKO_FIN) != 0;
        unsigned had = c->ranges;

        if (len == 0 && !fin)
                return;
        if (pkt_lt(seq, c->rcv_nxt)) { /* the left part is old */
                uint32_t old = c->rcv_nxt - seq;

                if (old > len)
                        old = len;
                if (podd_is(c, PEER_ODD_DSACK) && old > 0 && c->sack_on) {
                        c->dsack.left = seq;
                        c->dsack.right = seq + old;
                }
                seq += old;
                data += old;
                len -= old;
                c->ack_now = true;
        }
        if (c->fin_known && len > 0 && pkt_lt(c->fin_seq, end)) {
                podd_wrong(c, "data behind the FIN", c->r.rx_bytes);
                return;
        }
        if (len > 0 && pkt_lt(c->edge, end)) { /* the right part is beyond the window */
                uint32_t beyond = end - c->edge;

                len = beyond < len ? len - beyond : 0;
                fin = false;
                c->ack_now = true;
        }
        if (len > 0) {
                compare(c, seq, data, len);
                if (range_add(c, seq, seq + len))
                        c->newest = seq;
                range_join(c);
                c->unacked_segs++;
                if (c->ranges > 0 || had > 0) /* RFC 5681, 4.2: a gap, or a part of one filled */
                        c->ack_now = true;
        }
        if (fin && pkt_le(c->edge, end) && end != c->rcv_nxt)
                fin = false; /* it takes a place of its own, beyond the window */
        if (fin && pkt_le(c->rcv_nxt, end))
                fin_at(c, end);
        if (c->fin_known && !c->r.rx_eof && c->fin_seq == c->rcv_nxt)
                fin_take(c, now);
        if (fin && pkt_lt(end, c->rcv_nxt))
                c->ack_now = true;
        renege(c);
        if (!podd_is(c, PEER_ODD_SLOW_READER))
                podd_rcv_read(c, now);
        else if (c->read_at == ELKO_NEVER && c->read_bytes < c->r.rx_bytes)
                c->read_at = now + sim_rng_log(&c->rng, ELKO_MS(1), ELKO_MS(500));
}

/* The application takes bytes: all of them, or some and later more. */
void podd_rcv_read(struct podd_conn *c, uint64_t now)
{
        uint64_t ready = c->r.rx_bytes - c->read_bytes;

        c->read_at = ELKO_NEVER;
        if (ready > 0 && podd_mischief(c, PEER_ODD_SLOW_READER, 900000)) {
                podd_did(c, PEER_ODD_BIT_SLOW_READER);
                ready = sim_rng_log(&c->rng, 1, ready);
        }
        c->read_bytes += ready;
        if (c->read_bytes < c->r.rx_bytes)
                c->read_at = now + sim_rng_log(&c->rng, ELKO_MS(1), ELKO_MS(500));
}

/* ------------------------------------------------------------------- window */

static uint32_t room(const struct podd_conn *c)
{
        uint64_t waiting = c->r.rx_bytes - c->read_bytes;
        uint32_t most = c->ws_on ? 65535u << c->rcv_scale : 65535u;
        uint32_t free = waiting >= c->rcv_buf ? 0 : c->rcv_buf - (uint32_t)waiting;

        return free < most ? free : most;
}

/* Choose the right edge that is announced now. */
static void edge_move(struct podd_conn *c, uint64_t now)
{
        uint32_t want = c->rcv_nxt + room(c);

        if (now < c->shrunk_until)
                return;
        c->shrunk_until = 0;
        if (now >= c->hold_until && podd_mischief(c, PEER_ODD_LOSE_UPDATE, 30000)) {
                c->hold_until = now + sim_rng_log(&c->rng, ELKO_MS(10), ELKO_SEC(10));
                podd_did(c, PEER_ODD_BIT_LOSE_UPDATE);
        }
        if (now < c->hold_until)
                return;
        if (c->tiny_left > 0 && podd_is(c, PEER_ODD_TINY_WINDOW)) {
                c->tiny_left--;
                if (room(c) > c->tiny)
                        want = c->rcv_nxt + c->tiny;
                podd_did(c, PEER_ODD_BIT_TINY_WINDOW);
        }
        if (pkt_lt(c->rcv_nxt, c->edge) && podd_mischief(c, PEER_ODD_SHRINK_WINDOW, 50000)) {
                /* All of it, or a part. */
                if (sim_rng_chance(&c->rng, 500000))
                        c->edge = c->rcv_nxt;
                else
                        c->edge =
                                c->rcv_nxt + (uint32_t)sim_rng_below(&c->rng, c->edge - c->rcv_nxt);
                c->shrunk_until = now + sim_rng_log(&c->rng, ELKO_MS(1), ELKO_SEC(30));
                podd_did(c, PEER_ODD_BIT_SHRINK_WINDOW);
                return;
        }
        if (pkt_lt(c->edge, want))
                c->edge = want;
}

/*
 * The window field of a segment that leaves now. Scaled windows are rounded up, never down: rounding down
 * would move the edge to the left (RFC 7323, 2.4). What little is promised too much is no buffer's matter
 * here. On a SYN the field is never scaled (RFC 7323, 2.2).
 */
uint16_t podd_rcv_window(struct podd_conn *c, uint64_t now, bool on_syn)
{
        unsigned scale = c->ws_on && !on_syn ? c->rcv_scale : 0;
        uint32_t wnd, field;

        edge_move(c, now);
        wnd = pkt_lt(c->rcv_nxt, c->edge) ? c->edge - c->rcv_nxt : 0;
        field = (wnd + (1u << scale) - 1) >> scale;
        if (field > 65535)
                field = 65535;
        c->edge = c->rcv_nxt + (field << scale);
        return (uint16_t)field;
}

bool podd_rcv_update_due(const struct podd_conn *c, uint64_t now)
{
        uint32_t gain, now_open, enough;

        if (now < c->hold_until || now < c->shrunk_until || c->r.rx_eof ||
            podd_is(c, PEER_ODD_LOSE_UPDATE))
                return false;
        now_open = pkt_lt(c->rcv_nxt, c->edge) ? c->edge - c->rcv_nxt : 0;
        gain = room(c) > now_open ? room(c) - now_open : 0;
        if (c->tiny_left > 0 && podd_is(c, PEER_ODD_TINY_WINDOW))
                return now_open == 0 && gain > 0;
        /* RFC 9293, 3.8.6.2.2: half of the buffer or a segment. */
        enough = c->rcv_buf / 2 < 1460 ? c->rcv_buf / 2 : 1460;
        return gain > 0 && (gain >= enough || c->shrunk_until != 0) &&
               now_open < c->rcv_buf / 2 + 1;
}

/* Up to `most` SACK blocks: the D-SACK, the newest range, the others (RFC 2018, 4; RFC 2883, 4). */
void podd_rcv_sack(struct podd_conn *c, struct pkt *out, unsigned most)
{
        unsigned n = 0, first = 0;

        if (!c->sack_on)
                return;
        if (c->dsack.left != c->dsack.right && n < most) {
                out->sack[n].left = c->dsack.left;
                out->sack[n++].right = c->dsack.right;
                c->dsack.left = c->dsack.right;
                podd_did(c, PEER_ODD_BIT_DSACK);
        }
        for (unsigned i = 0; i < c->ranges; i++)
                if (c->newest - c->range[i].left < c->range[i].right - c->range[i].left)
                        first = i;
        for (unsigned i = 0; i < c->ranges && n < most; i++) {
                const struct podd_range *g = &c->range[(first + i) % c->ranges];

                out->sack[n].left = g->left;
                out->sack[n++].right = g->right;
        }
        out->sack_count = (uint8_t)n;
        if (n > 0)
                out->options |= ELKO_OPT_SACK;
}
