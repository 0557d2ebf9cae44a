/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES at the odd peer: RFC 9293, 3.10.7, with RFC 5961 (RST, SYN, ACK checks) and RFC 7323, 5.3
 * (PAWS). One function for each state or step, in the RFC's order.
 */
#include "peer_odd_conn.h"

/* An answer to something that is not acceptable. Without a limit two ends can keep answering each other
 * (RFC 5961, 7); data always gets its answer, or its sender would be stuck. */
static void challenge(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        if (s->len == 0 && !(s->flags & ELKO_FIN)) {
                if (now < c->challenge_at)
                        return;
                c->challenge_at = now + ELKO_MS(500);
        }
        podd_out_ack(c, now);
}

/* The options of the other side's SYN: what is in force from now on. */
static void negotiate(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        bool v4 = elko_ip_is_v4(&c->r.local.ip);
        uint16_t mss = s->options & ELKO_OPT_MSS && s->mss > 0 ? s->mss : v4 ? 536 : 1220;
        uint16_t mtu = c->node->cfg.mtu, most = (uint16_t)(mtu - (v4 ? 40 : 60));

        c->irs = s->seq;
        c->rcv_nxt = c->acked_to = s->seq + 1;
        c->edge = c->rcv_nxt;
        c->snd_mss = mss < most ? mss : most;
        c->ws_on = c->offer_ws && (s->options & ELKO_OPT_WSCALE);
        c->snd_scale = !c->ws_on ? 0 : s->wscale > PODD_WSCALE_MAX ? PODD_WSCALE_MAX : s->wscale;
        c->sack_on = c->offer_sack && (s->options & ELKO_OPT_SACK_PERMITTED);
        c->ts_on = c->offer_ts && (s->options & ELKO_OPT_TIMESTAMPS);
        if (c->ts_on) {
                c->ts_recent = s->ts_val;
                c->ts_recent_at = now;
        }
        c->snd_wnd = c->max_snd_wnd = s->window;
        c->snd_wl1 = s->seq;
        c->snd_wl2 = s->ack;
        c->cwnd = 10 * (uint32_t)c->snd_mss;
}

static void established(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        c->state = ELKO_TCP_ESTABLISHED;
        c->snd_una = c->iss + 1;
        c->snd_nxt = c->snd_una;
        c->una_off = 0;
        c->rto = PODD_RTO_INITIAL;
        c->rtx_at = ELKO_NEVER;
        c->progress_at = now;
        podd_out_acked(c, s, now); /* data on our SYN may be acknowledged already */
}

/* RFC 9293, 3.10.7.3. */
static void syn_sent(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        bool ack_ok = false;

        if (s->flags & ELKO_ACK) {
                if (pkt_le(s->ack, c->iss) || pkt_lt(c->snd_max, s->ack)) {
                        podd_out_no_connection(c->node, s);
                        return;
                }
                ack_ok = true;
        }
        if (s->flags & ELKO_RST) {
                if (ack_ok)
                        podd_end(c, PEER_ODD_END_REFUSED);
                return;
        }
        if (!(s->flags & ELKO_SYN))
                return;
        negotiate(c, s, now);
        c->heard_at = now;
        if (ack_ok) {
                established(c, s, now);
                c->ack_now = true;
                if (podd_is(c, PEER_ODD_DATA_ON_ACK) && c->r.plan.tx_bytes > 0)
                        podd_did(c, PEER_ODD_BIT_DATA_ON_ACK);
                else
                        podd_out_ack(c, now);
        } else { /* simultaneous open */
                c->state = ELKO_TCP_SYN_RECEIVED;
                podd_out_syn(c, now);
        }
}

/* PAWS: is the segment older than what was seen (RFC 7323, 5.3, R1)? */
static bool paws_old(const struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        return c->ts_on && (s->options & ELKO_OPT_TIMESTAMPS) && pkt_lt(s->ts_val, c->ts_recent) &&
               now - c->ts_recent_at < ELKO_SEC(24 * 24 * 3600);
}

/* Second and fourth steps with RFC 5961: true, the segment needs no more. */
static bool rst_or_syn(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        if (s->flags & ELKO_RST) {
                if (s->seq == c->rcv_nxt)
                        podd_end(c, c->state == ELKO_TCP_SYN_RECEIVED ? PEER_ODD_END_REFUSED
                                                                      : PEER_ODD_END_RESET);
                else
                        challenge(c, s, now);
                return true;
        }
        if (s->flags & ELKO_SYN) {
                challenge(c, s, now);
                return true;
        }
        return !(s->flags & ELKO_ACK);
}

/* Fifth step: false, the segment is to be dropped. */
static bool ack_field(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        bool was_closed = c->snd_wnd == 0;

        if (c->state == ELKO_TCP_SYN_RECEIVED) {
                if (pkt_le(s->ack, c->iss) || pkt_lt(c->snd_max, s->ack)) {
                        podd_out_no_connection(c->node, s);
                        return false;
                }
                c->snd_wnd = c->max_snd_wnd = (uint32_t)s->window << c->snd_scale;
                c->snd_wl1 = s->seq;
                c->snd_wl2 = s->ack;
                established(c, s, now);
                return true;
        }
        /* RFC 5961, 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. */
        if (pkt_lt(c->snd_max, s->ack) || pkt_lt(s->ack, c->snd_una - c->max_snd_wnd)) {
                challenge(c, s, now);
                return false;
        }
        if (pkt_lt(s->ack, c->snd_una))
                return true;
        podd_out_acked(c, s, now);
        if (pkt_lt(c->snd_wl1, s->seq) || (c->snd_wl1 == s->seq && pkt_le(c->snd_wl2, s->ack))) {
                c->snd_wnd = (uint32_t)s->window << c->snd_scale;
                c->snd_wl1 = s->seq;
                c->snd_wl2 = s->ack;
                if (c->snd_wnd > c->max_snd_wnd)
                        c->max_snd_wnd = c->snd_wnd;
                if (was_closed && c->snd_wnd > 0) { /* what the probes carried was not taken */
                        c->snd_nxt = c->snd_una;
                        c->rtx_at = ELKO_NEVER;
                        c->rto = c->srtt == 0 ? PODD_RTO_INITIAL : c->rto;
                }
        }
        return true;
}

/* Our FIN is acknowledged: where that leads. */
static void fin_acked(struct podd_conn *c, uint64_t now)
{
        switch (c->state) {
        case ELKO_TCP_FIN_WAIT_1: c->state = ELKO_TCP_FIN_WAIT_2; break;
        case ELKO_TCP_CLOSING: podd_time_wait(c, now); break;
        case ELKO_TCP_LAST_ACK: podd_end(c, PEER_ODD_END_CLOSED); break;
        default: break;
        }
}

static void time_wait(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        if (s->flags & ELKO_RST) /* RFC 1337, 3: ignored */
                return;
        if ((s->flags & ELKO_FIN) || !podd_rcv_acceptable(c, s))
                challenge(c, s, now);
        if (s->flags & ELKO_FIN)
                c->end_at = now + c->node->cfg.time_wait_ns;
}

/* RFC 9293, 3.10.7.4. */
static void synchronized(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        bool old, ts;

        if (c->ts_on && !(s->flags & ELKO_RST) && !(s->options & ELKO_OPT_TIMESTAMPS))
                return; /* RFC 7323, 3.2 */
        if (c->state == ELKO_TCP_SYN_RECEIVED && s->seq == c->irs && (s->flags & ELKO_SYN)) {
                /* Their SYN again: our SYN+ACK got lost. Or, both sides having opened, their SYN+ACK, whose
                 * ACK is as good as any (RFC 9293, 3.5, simultaneous opening). */
                if (!(s->flags & ELKO_ACK)) {
                        podd_out_syn(c, now);
                        return;
                }
                if (!c->r.active) /* only one side opened: nobody sends that (RFC 5961, 4.2) */
                        challenge(c, s, now);
                else if (ack_field(c, s, now)) {
                        c->ack_now = true;
                        c->heard_at = now;
                }
                return;
        }
        old = !(s->flags & ELKO_RST) && paws_old(c, s, now);
        if (old || !podd_rcv_acceptable(c, s)) {
                if (s->flags & ELKO_RST)
                        return;
                /* A zero window doesn't keep valid ACKs from being used (RFC 9293, 3.10.7.4, first). */
                if (!old && (s->flags & (ELKO_ACK | ELKO_SYN)) == ELKO_ACK &&
                    c->rcv_nxt == c->edge && s->seq == c->rcv_nxt &&
                    c->state >= ELKO_TCP_ESTABLISHED && ack_field(c, s, now)) {
                        c->heard_at = now;
                        if (c->r.tx_fin_acked)
                                fin_acked(c, now);
                        if (c->dead || c->state == ELKO_TCP_TIME_WAIT)
                                return;
                }
                if (!old)
                        podd_rcv_duplicate(c, s);
                challenge(c, s, now);
                return;
        }
        /* RFC 7323, 4.3, of what is acceptable: not of a guess that RFC 5961, 5.2 drops, or PAWS would refuse
         * the peer from then on. */
        ts = c->ts_on && (s->options & ELKO_OPT_TIMESTAMPS) && pkt_le(s->seq, c->acked_to);
        if (rst_or_syn(c, s, now))
                return;
        if (!ack_field(c, s, now))
                return;
        if (ts) {
                c->ts_recent = s->ts_val;
                c->ts_recent_at = now;
        }
        c->heard_at = now;
        if (c->r.tx_fin_acked)
                fin_acked(c, now);
        if (c->dead || c->state == ELKO_TCP_TIME_WAIT)
                return;
        if (!c->r.rx_eof)
                podd_rcv_text(c, s, now);
        else if (pkt_seg_len(s) > 0)
                c->ack_now = true;
        if (pkt_lt(s->seq, c->rcv_nxt) && s->len == 0 && !(s->flags & ELKO_FIN))
                c->ack_now = true;
}

void podd_segment(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        if (c->state == ELKO_TCP_SYN_SENT)
                syn_sent(c, s, now);
        else if (c->state == ELKO_TCP_TIME_WAIT)
                time_wait(c, s, now);
        else
                synchronized(c, s, now);
        if (!c->dead && c->state != ELKO_TCP_TIME_WAIT)
                podd_out_run(c, now);
}

void podd_passive(struct podd_conn *c, const struct pkt *s, uint64_t now)
{
        c->state = ELKO_TCP_SYN_RECEIVED;
        c->idle_at = now + ELKO_SEC(10);
        negotiate(c, s, now);
        podd_out_syn(c, now);
}

/* A packet that began at `seq` was too big for a link of `mtu` (RFC 1191; RFC 8201). */
static void too_big(struct podd_conn *c, uint32_t seq, uint32_t mtu)
{
        uint32_t headers = elko_ip_is_v4(&c->r.local.ip) ? 40 : 60, mss;

        /* Only about what is in flight (RFC 5927, 7.2), and only downwards. */
        if (c->state < ELKO_TCP_ESTABLISHED || pkt_lt(seq, c->snd_una) || !pkt_lt(seq, c->snd_max))
                return;
        mss = mtu < headers + PODD_MSS_MIN ? PODD_MSS_MIN : mtu - headers;
        if (mss >= c->snd_mss)
                return;
        c->snd_mss = (uint16_t)mss;
        c->snd_nxt = c->snd_una; /* all of it was too big: send it again, smaller */
        c->timed_at = ELKO_NEVER;
}

bool podd_icmp(struct peer_odd *p, const uint8_t *packet, size_t len, uint64_t now)
{
        uint8_t protocol = 0, inner = 0;
        size_t off = pkt_transport_offset(packet, len, &protocol), quoted;
        elko_endpoint local = {0}, remote = {0};
        const uint8_t *m = packet + off, *q = m + 8, *t;
        struct podd_conn *c;

        if (off == 0 || (protocol != PKT_ICMP4 && protocol != PKT_ICMP6))
                return false;
        if (len < off + 8 || !(protocol == PKT_ICMP4 ? m[0] == 3 && m[1] == 4 : m[0] == 2))
                return true;
        quoted = pkt_quoted(q, len - off - 8, &local.ip, &remote.ip, &inner);
        if (quoted == 0 || inner != PKT_TCP)
                return true;
        t = q + quoted;
        local.port = (uint16_t)(t[0] << 8 | t[1]);
        remote.port = (uint16_t)(t[2] << 8 | t[3]);
        c = podd_find(p, &local, &remote);
        if (c == NULL)
                return true;
        too_big(c, (uint32_t)t[4] << 24 | (uint32_t)t[5] << 16 | (uint32_t)t[6] << 8 | t[7],
                (protocol == PKT_ICMP4 ? 0 : (uint32_t)m[4] << 24 | (uint32_t)m[5] << 16) |
                        (uint32_t)m[6] << 8 | m[7]);
        podd_out_run(c, now);
        return true;
}
