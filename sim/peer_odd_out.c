/* SPDX-License-Identifier: MIT */
/*
 * What leaves the odd peer: data, FIN, acknowledgements, probes, retransmissions.
 *
 * The sender is a plain one: cumulative acknowledgements, slow start and congestion avoidance (RFC 5681),
 * fast retransmit with one segment for each partial acknowledgement (RFC 6582), go-back-N after a time-out
 * (RFC 6298), a persist timer of the same back-off (RFC 9293, 3.8.6.1). SACK blocks that arrive are not
 * used, which a sender is free to do.
 */
#include "peer_odd_conn.h"
#include "peer_odd_stream.h"

#include <string.h>

static uint32_t flight(const struct podd_conn *c)
{
        return c->snd_nxt - c->snd_una;
}

/* Bytes of the stream at SND.NXT and behind it. */
static uint64_t data_left(const struct podd_conn *c)
{
        bool fin_in_flight = c->fin_sent && !c->r.tx_fin_acked && c->snd_nxt == c->snd_max;
        uint64_t next = c->una_off + flight(c) - (fin_in_flight ? 1 : 0);

        return next < c->r.plan.tx_bytes ? c->r.plan.tx_bytes - next : 0;
}

static bool tx_open(const struct podd_conn *c)
{
        return c->r.rx_bytes >= c->r.plan.tx_after || c->r.rx_eof || c->node->healed ||
               podd_is(c, PEER_ODD_HALF_CLOSE);
}

static bool may_send_data(const struct podd_conn *c)
{
        return c->state == ELKO_TCP_ESTABLISHED || c->state == ELKO_TCP_CLOSE_WAIT ||
               c->state == ELKO_TCP_FIN_WAIT_1 || c->state == ELKO_TCP_CLOSING ||
               c->state == ELKO_TCP_LAST_ACK;
}

void podd_out_init(struct podd_conn *c, uint64_t now)
{
        c->rto = PODD_RTO_INITIAL;
        c->timed_at = ELKO_NEVER;
        c->ssthresh = 1u << 20;
        c->stretch = podd_is(c, PEER_ODD_STRETCH_ACK) ? (unsigned)sim_rng_range(&c->rng, 3, 64) : 2;
        c->ack_delay = ELKO_MS(40);
        if (podd_is(c, PEER_ODD_SLOW_ACK) || podd_is(c, PEER_ODD_STRETCH_ACK))
                c->ack_delay = ELKO_MS(sim_rng_range(&c->rng, 100, 499));
        c->rtx_at = c->ack_at = c->read_at = c->fin_at = c->odd_at = c->idle_at = c->end_at =
                ELKO_NEVER;
        c->heard_at = c->progress_at = c->opened_at = now;
}

/* ----------------------------------------------------------------- one segment */

static void transmit(struct peer_odd *p, const struct pkt *s)
{
        size_t n = pkt_build(s, p->buf, sizeof(p->buf));

        if (n == 0)
                return;
        if (p->cfg.illegal_ppm > 0 && !p->healed &&
            sim_rng_chance(&p->mutate_rng, p->cfg.illegal_ppm)) {
                n = podd_mutate(&p->mutate_rng, p->buf, n, sizeof(p->buf));
                p->totals.mutated++;
        }
        p->totals.packets_out++;
        sim_send(p->w, p->number, p->buf, n);
}

/* RFC 7323, 4.3 has rules for what is echoed, and hosts and middleboxes that break them are known. Not before the
 * other side surely has the connection: a cookie's options come back in the echo. */
static uint32_t ts_echo(struct podd_conn *c)
{
        if (c->una_off == 0 || !podd_mischief(c, PEER_ODD_ECHO_OLD, 100000))
                return c->ts_recent;
        podd_did(c, PEER_ODD_BIT_ECHO_OLD);
        return c->ts_recent - (uint32_t)sim_rng_log(&c->rng, 1, UINT32_C(1) << 31);
}

static uint32_t ts_clock(const struct podd_conn *c, uint64_t now)
{
        return c->ts_base + (uint32_t)(now / c->ts_tick_ns);
}

static void syn_options(const struct podd_conn *c, struct pkt *s)
{
        bool answer = (s->flags & ELKO_ACK) != 0; /* only what both have (RFC 7323, 2.2 and 3.2) */

        if (c->rcv_mss != 0) {
                s->options |= ELKO_OPT_MSS;
                s->mss = c->rcv_mss;
        }
        if (answer ? c->ws_on : c->offer_ws) {
                s->options |= ELKO_OPT_WSCALE;
                s->wscale = c->rcv_scale;
        }
        if (answer ? c->sack_on : c->offer_sack)
                s->options |= ELKO_OPT_SACK_PERMITTED;
        if (answer ? c->ts_on : c->offer_ts)
                s->options |= ELKO_OPT_TIMESTAMPS;
}

/* Send [seq, seq + len) with flags; everything else is what it is now. */
static void emit(struct podd_conn *c, uint32_t seq, uint16_t flags, uint32_t len, uint64_t now)
{
        struct peer_odd *p = c->node;
        struct pkt s = {.src = c->r.local, .dst = c->r.remote, .seq = seq, .flags = flags};
        uint32_t data_seq = seq + ((flags & ELKO_SYN) != 0);
        bool syn = (flags & ELKO_SYN) != 0;

        if (flags & ELKO_ACK)
                s.ack = c->rcv_nxt;
        s.window = podd_rcv_window(c, now, syn);
        if (syn)
                syn_options(c, &s);
        else if (c->ts_on)
                s.options |= ELKO_OPT_TIMESTAMPS;
        if (s.options & ELKO_OPT_TIMESTAMPS) {
                s.ts_val = ts_clock(c, now);
                s.ts_ecr = flags & ELKO_ACK ? ts_echo(c) : 0;
        }
        if (!syn && (len == 0 || c->snd_mss >= 200))
                podd_rcv_sack(c, &s, c->snd_mss < 100 ? 1 : c->ts_on ? 3 : 4);
        if (len > 0) {
                uint64_t off = c->una_off + (uint64_t)(int64_t)(int32_t)(data_seq - c->snd_una);

                if (c->state == ELKO_TCP_SYN_SENT || c->state == ELKO_TCP_SYN_RECEIVED)
                        off = data_seq - (c->iss + 1); /* SND.UNA is still at the SYN */
                peer_odd_stream_fill(c->r.plan.tx_stream, off, p->payload, len);
                s.payload = p->payload;
                s.len = len;
                p->totals.tx_bytes += len;
        }
        if (flags & ELKO_ACK) {
                c->acked_to = c->rcv_nxt;
                c->unacked_segs = 0;
                c->ack_now = false;
                c->ack_at = ELKO_NEVER;
        }
        transmit(p, &s);
}

/* How much payload fits into one segment now. */
static uint32_t segment_most(const struct podd_conn *c)
{
        uint32_t options = c->ts_on ? 12 : 0, most = c->snd_mss;

        if (c->sack_on && c->snd_mss >= 200)
                options += c->ts_on ? 28 : 36; /* room for blocks, used or not */
        return most > options + 8 ? most - options : 8;
}

/* ---------------------------------------------------------------- the plain ones */

void podd_out_syn(struct podd_conn *c, uint64_t now)
{
        uint16_t flags = ELKO_SYN;
        uint32_t len = 0;

        if (c->state == ELKO_TCP_SYN_RECEIVED)
                flags |= ELKO_ACK;
        if (podd_is(c, PEER_ODD_DATA_ON_SYN) && c->r.plan.tx_after == 0) {
                uint32_t most =
                        c->state == ELKO_TCP_SYN_RECEIVED && c->snd_mss < 500 ? c->snd_mss : 500;

                most = most > PKT_OPTIONS_MAX ? most - PKT_OPTIONS_MAX : 0;
                len = c->r.plan.tx_bytes < most ? (uint32_t)c->r.plan.tx_bytes : most;
                if (len > 0)
                        podd_did(c, PEER_ODD_BIT_DATA_ON_SYN);
        }
        c->snd_nxt = c->iss + 1;
        if (pkt_lt(c->snd_max, c->snd_nxt + len))
                c->snd_max = c->snd_nxt + len;
        emit(c, c->iss, flags, len, now);
        c->rtx_at = now + c->rto;
}

void podd_out_rst(struct podd_conn *c)
{
        struct pkt s = {.src = c->r.local,
                        .dst = c->r.remote,
                        .seq = c->snd_max,
                        .ack = c->rcv_nxt,
                        .flags = ELKO_RST | ELKO_ACK};

        if (c->state == ELKO_TCP_SYN_SENT)
                return; /* the other side has nothing yet (RFC 9293, 3.10.5) */
        transmit(c->node, &s);
}

void podd_out_no_connection(struct peer_odd *p, const struct pkt *s)
{
        struct pkt r = {.src = s->dst, .dst = s->src, .flags = ELKO_RST};

        if (s->flags & ELKO_RST)
                return;
        if (s->flags & ELKO_ACK) {
                r.seq = s->ack;
        } else {
                r.ack = s->seq + pkt_seg_len(s);
                r.flags |= ELKO_ACK;
        }
        transmit(p, &r);
}

void podd_out_ack(struct podd_conn *c, uint64_t now)
{
        uint32_t seq = c->snd_nxt;

        if (pkt_lt(seq, c->snd_max)) /* going back to retransmit: SND.NXT as the RFC means it */
                seq = c->snd_max;
        emit(c, seq, ELKO_ACK, 0, now);
}

/* ACK_EVERY_BYTE: the way to RCV.NXT in several steps. Each is a true acknowledgement. */
static void ack_divided(struct podd_conn *c, uint64_t now)
{
        uint32_t to = c->rcv_nxt, from = c->acked_to, steps, edge;
        uint64_t hold;

        if (pkt_le(to, from) || !podd_mischief(c, PEER_ODD_ACK_EVERY_BYTE, 500000))
                return;
        steps = to - from < 24 ? to - from : 24;
        podd_did(c, PEER_ODD_BIT_ACK_EVERY_BYTE);
        podd_rcv_window(c, now, false); /* the same edge for all of them */
        edge = c->edge;
        hold = c->hold_until;
        c->hold_until = ELKO_NEVER;
        for (uint32_t i = 1; i < steps; i++) {
                c->rcv_nxt = from + (uint32_t)((uint64_t)(to - from) * i / steps);
                podd_out_ack(c, now);
                c->edge = edge;
        }
        c->rcv_nxt = to;
        c->hold_until = hold;
}

static void acknowledge(struct podd_conn *c, uint64_t now)
{
        ack_divided(c, now);
        podd_out_ack(c, now);
        if (podd_mischief(c, PEER_ODD_DUP_ACK, 100000)) {
                podd_did(c, PEER_ODD_BIT_DUP_ACK);
                for (uint64_t n = sim_rng_range(&c->rng, 1, 5); n > 0; n--)
                        podd_out_ack(c, now);
        }
}

/* A probe below the window of an idle connection (RFC 9293, 3.8.4). */
void podd_out_keepalive(struct podd_conn *c, uint64_t now)
{
        uint32_t seq = c->snd_una - 1, len = 0;

        if (c->una_off > 0 && !c->fin_sent && podd_is(c, PEER_ODD_KEEPALIVE) &&
            sim_rng_chance(&c->rng, 500000))
                len = 1; /* the last byte once more, instead of a garbage byte */
        emit(c, seq, ELKO_ACK, len, now);
}

/* ------------------------------------------------------------------ data and FIN */

/* May the FIN go now? It follows all data; some wait longer. */
static bool fin_due(struct podd_conn *c, uint64_t now)
{
        if (c->fin_allowed)
                return true;
        if (c->state != ELKO_TCP_ESTABLISHED && c->state != ELKO_TCP_CLOSE_WAIT)
                return false;
        if (c->fin_at == ELKO_NEVER) {
                uint64_t wait = 0;

                if (podd_is(c, PEER_ODD_DELAY_FIN))
                        wait = sim_rng_log(&c->rng, ELKO_MS(1), ELKO_SEC(8));
                else if (podd_is(c, PEER_ODD_CLOSE_TOGETHER) && !c->r.rx_eof)
                        wait = ELKO_SEC(2);
                if (wait > 0 && podd_is(c, PEER_ODD_DELAY_FIN))
                        podd_did(c, PEER_ODD_BIT_DELAY_FIN);
                c->fin_at = now + wait;
        }
        if (now < c->fin_at && !(podd_is(c, PEER_ODD_CLOSE_TOGETHER) && c->r.rx_eof))
                return false;
        c->fin_at = ELKO_NEVER;
        c->fin_allowed = true;
        return true;
}

static void fin_left(struct podd_conn *c)
{
        if (c->fin_sent)
                return;
        c->fin_sent = true;
        if (c->state == ELKO_TCP_ESTABLISHED)
                c->state = ELKO_TCP_FIN_WAIT_1;
        else if (c->state == ELKO_TCP_CLOSE_WAIT)
                c->state = ELKO_TCP_LAST_ACK;
        if (podd_is(c, PEER_ODD_HALF_CLOSE) && !c->r.rx_eof)
                podd_did(c, PEER_ODD_BIT_HALF_CLOSE);
}

/* CLOSE_TOGETHER: our FIN leaves as if theirs had not come yet; the answer to theirs follows. So the two
 * FINs cross, as far as the other side can tell (RFC 9293, 3.6, figure 13). */
static bool fin_crosses(struct podd_conn *c)
{
        if (!podd_is(c, PEER_ODD_CLOSE_TOGETHER) || c->fin_sent ||
            c->state != ELKO_TCP_CLOSE_WAIT || c->acked_to == c->rcv_nxt)
                return false;
        podd_did(c, PEER_ODD_BIT_CLOSE_TOGETHER);
        return true;
}

/*
 * One segment from SND.NXT: `len` bytes and maybe the FIN. Where it has been sent before, OVERLAP may
 * begin it in what is acknowledged already.
 */
static void send_one(struct podd_conn *c, uint32_t len, bool fin, uint64_t now)
{
        bool again = pkt_lt(c->snd_nxt, c->snd_max);
        uint32_t seq = c->snd_nxt, back = 0;
        uint16_t flags = ELKO_ACK;

        if (fin && len > 0 && podd_is(c, PEER_ODD_FIN_ALONE)) {
                podd_did(c, PEER_ODD_BIT_FIN_ALONE);
                fin = false;
        }
        if (fin)
                flags |= ELKO_FIN;
        if (len > 0)
                flags |= ELKO_PSH;
        if (len > 0 && len < segment_most(c) && podd_mischief(c, PEER_ODD_OVERLAP, 200000)) {
                uint64_t before = c->una_off + flight(c);

                back = segment_most(c) - len;
                if (back > before)
                        back = (uint32_t)before;
                if (back > 0) {
                        back = (uint32_t)sim_rng_range(&c->rng, 1, back);
                        podd_did(c, PEER_ODD_BIT_OVERLAP);
                }
        }
        c->snd_nxt += len + (fin ? 1 : 0);
        if (again)
                c->node->totals.retransmitted++;
        if (pkt_lt(c->snd_max, c->snd_nxt))
                c->snd_max = c->snd_nxt;
        if (!again && c->timed_at == ELKO_NEVER) { /* Karn: only what is sent once */
                c->timed_at = now;
                c->timed_seq = c->snd_nxt;
        }
        if (fin && fin_crosses(c)) {
                c->rcv_nxt--;
                c->state = ELKO_TCP_CLOSING;
                c->fin_sent = true;
                emit(c, seq - back, flags, len + back, now);
                c->rcv_nxt++;
                c->ack_now = true;
        } else {
                if (fin)
                        fin_left(c);
                emit(c, seq - back, flags, len + back, now);
        }
        if (c->rtx_at == ELKO_NEVER)
                c->rtx_at = now + c->rto;
}

static uint32_t pick_len(struct podd_conn *c, uint32_t most)
{
        bool again = pkt_lt(c->snd_nxt, c->snd_max);

        if (most <= 1)
                return most;
        if (again && podd_mischief(c, PEER_ODD_REPACKETISE, 600000)) {
                podd_did(c, PEER_ODD_BIT_REPACKETISE);
                return (uint32_t)sim_rng_range(&c->rng, 1, most);
        }
        if (podd_mischief(c, PEER_ODD_SMALL_SEGMENTS, 500000)) {
                podd_did(c, PEER_ODD_BIT_SMALL_SEGMENTS);
                return (uint32_t)sim_rng_log(&c->rng, 1, most);
        }
        return most;
}

/* Send what window, cwnd and data allow. */
static void send_data(struct podd_conn *c, uint64_t now)
{
        for (unsigned budget = 64; budget > 0 && !c->dead; budget--) {
                uint64_t left = tx_open(c) ? data_left(c) : 0;
                uint32_t wnd = c->snd_wnd < c->cwnd ? c->snd_wnd : c->cwnd;
                uint32_t usable = wnd > flight(c) ? wnd - flight(c) : 0;
                uint32_t most = segment_most(c), len;
                bool fin_here, waits;

                len = usable < most ? usable : most;
                if (left < len)
                        len = (uint32_t)left;
                waits = left > 0 && len < most && len < left && flight(c) > 0 &&
                        len < c->max_snd_wnd / 2; /* RFC 9293, 3.8.6.2.1 */
                if (waits)
                        return;
                if (len > 0)
                        len = pick_len(c, len);
                fin_here = tx_open(c) && data_left(c) == len && usable > len &&
                           !(c->fin_sent && c->snd_nxt == c->snd_max) && fin_due(c, now);
                if (len == 0 && !fin_here)
                        return;
                send_one(c, len, fin_here, now);
        }
}

/* ------------------------------------------------------------- timers and news */

/* Nothing is outstanding, something waits, and the window does not let it go: persist. */
static bool persisting(struct podd_conn *c)
{
        return flight(c) == 0 && may_send_data(c) && tx_open(c) &&
               (data_left(c) > 0 || (c->fin_allowed && !c->fin_sent) ||
                (c->fin_sent && pkt_lt(c->snd_nxt, c->snd_max)));
}

void podd_out_run(struct podd_conn *c, uint64_t now)
{
        if (c->dead)
                return;
        if (may_send_data(c))
                send_data(c, now);
        if (tx_open(c) && data_left(c) == 0 && !c->fin_sent)
                fin_due(c, now); /* a closed window doesn't keep the FIN from being wanted */
        if (c->rtx_at == ELKO_NEVER && persisting(c))
                c->rtx_at = now + c->rto;
        if (c->state < ELKO_TCP_ESTABLISHED || c->dead)
                return;
        if (podd_is(c, PEER_ODD_STRETCH_ACK) && c->unacked_segs >= 2 &&
            c->unacked_segs < c->stretch)
                podd_did(c, PEER_ODD_BIT_STRETCH_ACK);
        if (c->ack_now || c->unacked_segs >= c->stretch || podd_rcv_update_due(c, now)) {
                acknowledge(c, now);
        } else if (c->unacked_segs > 0 && c->ack_at == ELKO_NEVER) {
                if (podd_is(c, PEER_ODD_SLOW_ACK))
                        podd_did(c, PEER_ODD_BIT_SLOW_ACK);
                c->ack_at = now + c->ack_delay;
        }
}

static void rtt_sample(struct podd_conn *c, uint64_t r) /* RFC 6298, 2 */
{
        if (c->srtt == 0) {
                c->srtt = r;
                c->rttvar = r / 2;
        } else {
                uint64_t d = c->srtt > r ? c->srtt - r : r - c->srtt;

                c->rttvar = (3 * c->rttvar + d) / 4;
                c->srtt = (7 * c->srtt + r) / 8;
        }
        c->rto = c->srtt + (4 * c->rttvar > ELKO_MS(10) ? 4 * c->rttvar : ELKO_MS(10));
        if (c->rto < PODD_RTO_MIN)
                c->rto = PODD_RTO_MIN;
        if (c->rto > PODD_RTO_MAX)
                c->rto = PODD_RTO_MAX;
}

/* Send one segment at SND.UNA again, and go on where we were. */
static void retransmit_first(struct podd_conn *c, uint64_t now)
{
        uint32_t resume = c->snd_nxt, most = segment_most(c);
        uint64_t left;
        bool fin;

        c->snd_nxt = c->snd_una;
        c->timed_at = ELKO_NEVER;
        left = data_left(c);
        if (left > resume - c->snd_una)
                left = resume - c->snd_una;
        if (left < most)
                most = (uint32_t)left;
        most = pick_len(c, most);
        fin = c->fin_sent && most == left && c->snd_una + most + 1 == c->snd_max;
        if (most > 0 || fin)
                send_one(c, most, fin, now);
        if (pkt_lt(c->snd_nxt, resume))
                c->snd_nxt = resume;
}

static void grow_cwnd(struct podd_conn *c, uint32_t acked)
{
        uint32_t mss = segment_most(c);

        if (c->cwnd < c->ssthresh)
                c->cwnd += acked < mss ? acked : mss;
        else
                c->cwnd += (uint32_t)((uint64_t)mss * mss / c->cwnd) + 1;
        if (c->cwnd > 1u << 24)
                c->cwnd = 1u << 24;
}

static void loss(struct podd_conn *c)
{
        uint32_t half = flight(c) / 2, least = 2 * segment_most(c);

        c->ssthresh = half > least ? half : least;
}

/* The ACK field of an acceptable segment: SND.UNA =< SEG.ACK =< SND.MAX holds. */
void podd_out_acked(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        uint32_t acked = s->ack - c->snd_una;

        if (acked == 0) {
                if (s->len == 0 && !(s->flags & (ELKO_SYN | ELKO_FIN)) && flight(c) > 0 &&
                    (uint32_t)s->window << c->snd_scale == c->snd_wnd && ++c->dup_acks == 3 &&
                    !c->in_recovery) {
                        loss(c);
                        c->cwnd = c->ssthresh;
                        c->in_recovery = true;
                        c->recover = c->snd_max;
                        retransmit_first(c, now);
                }
                return;
        }
        if (c->fin_sent && s->ack == c->snd_max) {
                c->r.tx_fin_acked = true;
                acked--;
        }
        c->una_off += acked;
        c->r.tx_acked = c->una_off;
        c->snd_una = s->ack;
        if (pkt_lt(c->snd_nxt, c->snd_una))
                c->snd_nxt = c->snd_una;
        c->dup_acks = 0;
        c->retries = 0;
        c->progress_at = now;
        if (c->timed_at != ELKO_NEVER && pkt_le(c->timed_seq, s->ack)) {
                rtt_sample(c, now - c->timed_at);
                c->timed_at = ELKO_NEVER;
        }
        c->rtx_at = flight(c) > 0 ? now + c->rto : ELKO_NEVER;
        if (c->in_recovery && pkt_lt(s->ack, c->recover)) {
                retransmit_first(c, now);
        } else {
                c->in_recovery = false;
                grow_cwnd(c, acked);
        }
}

void podd_out_timeout(struct podd_conn *c, uint64_t now)
{
        c->rtx_at = ELKO_NEVER;
        c->rto = 2 * c->rto > PODD_RTO_MAX ? PODD_RTO_MAX : 2 * c->rto;
        c->timed_at = ELKO_NEVER;
        if (c->state == ELKO_TCP_SYN_SENT || c->state == ELKO_TCP_SYN_RECEIVED) {
                c->odd &= ~(
                        uint32_t)PEER_ODD_DATA_ON_SYN; /* it may have been too much for the path */
                podd_out_syn(c, now);
                return;
        }
        if (!may_send_data(c))
                return;
        if (flight(c) > 0) {
                loss(c);
                if (++c->retries % 3 == 0) /* a black hole for big packets? (RFC 4821, 7.7) */
                        c->snd_mss = c->snd_mss / 2 < PODD_MSS_MIN ? PODD_MSS_MIN : c->snd_mss / 2;
                c->cwnd = segment_most(c);
                c->in_recovery = false;
                c->snd_nxt = c->snd_una; /* go back */
        }
        c->dup_acks = 0;
        c->rtx_at = now + c->rto;
        if (c->snd_wnd == 0 && persisting(c)) { /* a probe: one byte, or the FIN */
                bool data = data_left(c) > 0;

                send_one(c, data ? 1 : 0,
                         !data ||
                                 (c->fin_sent && data_left(c) == 1 && c->snd_nxt + 2 == c->snd_max),
                         now);
                return;
        }
        send_data(c, now);
}
