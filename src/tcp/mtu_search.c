/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "wire/addr.h"

/*
 * Packetization layer path MTU discovery, RFC 4821 and RFC 8899, and what RFC 5927, 7.2 has to say of ICMP.
 *
 * Classic path MTU discovery believes routers. Two things go wrong with that: routers that drop large packets
 * without a word (RFC 2923, 2.1: a black hole), and messages that no router sent (RFC 5927, 7). TCP can do
 * without them, since it hears of every packet whether it arrived:
 *
 *      black hole  large segments time out twice in a row: smaller ones are tried, from `mtu_base_mss` on, then
 *                  half as large. What fits into the smaller ones would have been lost anyway.
 *      search      from a size that arrives, a segment with more new data than the others is a probe. It counts
 *                  only if it is lost alone, and then as a finding about its size, not as congestion (RFC 4821,
 *                  7.6.2, 7.7): the data goes again in smaller segments, cwnd stays. The next one is
 *                  half-way, and not soon. After ten minutes there may be another path.
 *      ICMP        a value below a size that has arrived waits for a time-out: if the path really is smaller now,
 *                  there will be one. Others hold at once, as they help a new connection, and are tried once.
 *
 * Sizes are of whole packets, IP header included. What was found is kept for all connections to the address
 * (ip/pmtu.c).
 */

enum {
        HEADERS_V4 = 20 + 20,
        HEADERS_V6 = 40 + 20,
        CLOSE_ENOUGH = 8,     /* as Linux's tcp_probe_threshold: less is not worth a probe */
        LEAST_CWND_SEGS = 11, /* a lost probe must not be the window (RFC 4821, 7.4) */
        FOLLOWERS = 4,        /* segments behind the probe, which would tell of its loss */
};

static uint32_t packet_of(const struct ek_tcb *tcb, uint32_t payload)
{
        uint32_t headers = ek_addr_is_v4(&tcb->conn.key.remote) ? HEADERS_V4 : HEADERS_V6;

        return ek_min_u32(payload + headers + ek_options_data_bytes(tcb), UINT16_MAX);
}

static uint16_t link_mtu(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        const struct elko_link_config *link = ek_ip_link(t->ip, tcb->link);

        return link != NULL ? link->mtu : tcb->path_mtu;
}

/* A smaller MTU is in force. What is outstanding and too large for it goes again, at once. */
static void shrink(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t mss)
{
        uint32_t new_mss;

        tcb->link = ELKO_LINK_NONE; /* look the route and its MTU up again */
        ek_tcb_route(t, tcb);
        new_mss = ek_tcb_eff_mss(t, tcb);
        /* Segments that were no larger, since the peer's MSS is less, were not too big: nothing is lost. */
        if (!ek_tcb_is_synchronized(tcb) || ek_txq_is_empty(&tcb->act->txq) || new_mss >= mss)
                return;
        ek_recovery_on_mss(tcb, mss, new_mss);
        ek_txq_mark_all_lost(&tcb->act->txq, &t->records);
        tcb->todo |= EK_TODO_FORCE;
        ek_tcb_has_work(t, tcb);
}

/* ---- ICMP ---- */

/* The SYN goes again without its data (RFC 7413, 4.2.2), which the path would not have taken either. */
static void announce_less(struct ek_tcp *t, struct ek_tcb *tcb)
{
        tcb->adv_mss = ek_tcp_adv_mss(t, &tcb->conn.key, ek_tcb_settings(t, tcb)->max_seg);
        if (ek_tcb_data_in_flight(tcb) > 0 && ek_txq_mark_head_lost(&tcb->act->txq, &t->records)) {
                tcb->todo |= EK_TODO_FORCE;
                ek_tcb_has_work(t, tcb);
        }
}

/* RFC 1191, 6.4 and RFC 8201, 5.4: a smaller path MTU is no sign of congestion. [RFC7323 5.7; RFC8899 4.6.1] */
void ek_mtu_on_too_big(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_icmp_error *err)
{
        struct ek_mtu_probe *m = &tcb->act->mtu;
        uint16_t before = tcb->path_mtu;
        uint32_t mss = ek_tcb_eff_mss(t, tcb);

        if (m->len != 0 && seq_in(seq_make(err->seq), m->seq, m->len) && err->mtu >= before &&
            err->mtu < m->size) {
                ek_pmtu_limit_search(t->ip, &tcb->conn.key.remote, err->mtu, t->now);
                return;
        }
        if (t->cfg.icmp_mtu_waits && err->mtu < tcb->acked_size && ek_tcb_is_active(tcb)) {
                m->claimed = (uint16_t)err->mtu;
                m->claimed_seq = seq_make(err->seq);
                return;
        }
        ek_pmtu_update(t->ip, &tcb->conn.key.remote, err->mtu, t->now);
        /* Another connection may have brought the same news; what counts is what this one knew. */
        shrink(t, tcb, mss);
        if (tcb->path_mtu >= before)
                t->ctr->drops[ELKO_DROP_ICMP_MTU]++;
        else if (tcb->state == ELKO_TCP_SYN_SENT)
                announce_less(t, tcb);
}

/* ---- time-outs ---- */

/* RFC 4821, 7.6.2: losses that cwnd does not answer are to be rarer than the others. They come once in as many round
 * trips as there are segments in the window; 7.6.3: after a time-out five times as many. [RFC4821 7.6.2c 7.6.3] */
static void hold_off(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t window, uint32_t times)
{
        uint64_t segs = window / ek_tcb_eff_mss(t, tcb) + 1;

        tcb->act->mtu.next_at = ek_time_add(t->now, segs * times * tcb->rtt.srtt_ns);
}

static uint32_t floor_of(const struct ek_tcb *tcb)
{
        return ek_addr_is_v4(&tcb->conn.key.remote) ? EK_PMTU_FLOOR_V4 : EK_PMTU_FLOOR_V6;
}

/* BASE_PLPMTU of RFC 8899, 5.1.2; IPv6 says itself what every path takes. */
static uint32_t base_of(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return ek_max_u32(floor_of(tcb), packet_of(tcb, t->cfg.mtu_base_mss));
}

/* The next smaller size to try; 0: there is none. */
static uint32_t smaller(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        uint32_t base = base_of(t, tcb);
        uint32_t size = tcb->path_mtu > base ? base : ek_max_u32(floor_of(tcb), tcb->path_mtu / 2u);

        return size < tcb->path_mtu ? size : 0;
}

/* So many time-outs in a row are no accident: two for a size that never arrived, R1 (RFC 9293, 3.8.3) and one for
 * another, since the path was good for it before. Each other one from then on counts again. Smaller segments must
 * make a difference for what timed out. */
static bool is_black_hole(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t size)
{
        const struct ek_txrec *head = ek_txq_head(&tcb->act->txq, &t->records);
        uint32_t packet = packet_of(tcb, head->len), before = tcb->rtt.timeouts;

        return packet > size && before % 2 == 1 && before >= (packet > tcb->acked_size ? 1 : 3);
}

/* After the time-out was dealt with; the timer has not been counted yet. [RFC4821 7.7a 7.7b; RFC8899 4.3] */
void ek_mtu_on_timeout(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_mtu_probe *m = &tcb->act->mtu;
        const elko_ip *dst = &tcb->conn.key.remote;
        uint32_t mss = ek_tcb_eff_mss(t, tcb), size;

        if (m->len != 0) /* nothing can be said of it */
                hold_off(t, tcb, tcb->cong.out.ssthresh_bytes, 5);
        m->len = 0;
        if (m->claimed != 0) {
                tcb->acked_size = m->claimed;
                ek_pmtu_update(t->ip, dst, m->claimed, t->now);
                m->claimed = 0;
                shrink(t, tcb, mss);
                return;
        }
        if (t->cfg.mtu_probing == ELKO_MTU_PROBING_OFF || tcb->snd_wnd == 0)
                return;
        size = smaller(t, tcb);
        if (size == 0 || !is_black_hole(t, tcb, size))
                return;
        t->ctr->tcp_mtu_black_holes++;
        ek_pmtu_begin_search(t->ip, dst, (uint16_t)size, tcb->path_mtu, false, t->now);
        tcb->acked_size = (uint16_t)ek_min_u32(tcb->acked_size, size);
        shrink(t, tcb, mss);
}

/* ---- search ---- */

/* A new route: with probes from the beginning, it starts below the link's MTU. [RFC4821 7.2a 7.2b] */
void ek_mtu_on_route(struct ek_tcp *t, struct ek_tcb *tcb, uint16_t mtu)
{
        struct ek_pmtu_search s;
        uint32_t base = base_of(t, tcb);

        if (t->cfg.mtu_probing == ELKO_MTU_PROBING_ALWAYS && base < mtu &&
            !ek_pmtu_search(t->ip, &tcb->conn.key.remote, mtu, t->now, &s))
                ek_pmtu_begin_search(t->ip, &tcb->conn.key.remote, (uint16_t)base, mtu, true,
                                     t->now);
        tcb->path_mtu = ek_pmtu_get(t->ip, &tcb->conn.key.remote, mtu, t->now);
        tcb->flags &= ~(uint32_t)EK_TCB_SMALL_PATH;
        if (tcb->path_mtu < mtu)
                tcb->flags |= EK_TCB_SMALL_PATH;
}

/* Is this a time for experiments: nothing in doubt, and enough to send behind the probe? [RFC4821 7.4] */
static bool may_probe(const struct ek_tcp *t, const struct ek_tcb *tcb, uint32_t mss, uint32_t len)
{
        const struct ek_txq *q = &tcb->act->txq;
        uint32_t flight = ek_tcb_flight(tcb), needed = len + FOLLOWERS * mss;

        return t->cfg.mtu_probing != ELKO_MTU_PROBING_OFF && ek_tcb_has(tcb, EK_TCB_SACK) &&
               tcb->cong.state == ELKO_CA_OPEN && tcb->act->mtu.len == 0 &&
               t->now >= tcb->act->mtu.next_at && q->sacked_bytes == 0 && q->lost_count == 0 &&
               !(tcb->todo & (EK_TODO_TLP | EK_TODO_PUSH_SMALL)) && ek_tcb_unsent(tcb) >= needed &&
               tcb->snd_wnd >= flight + needed &&
               tcb->cong.out.cwnd_bytes >= LEAST_CWND_SEGS * mss &&
               tcb->cong.out.cwnd_bytes >= ek_txq_pipe(q) + len;
}

/* [RFC4821 7.3a; RFC8899 5.3.2 3-7b] */
uint32_t ek_mtu_probe_len(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t mss)
{
        struct ek_pmtu_search s;
        uint32_t len;

        if (!ek_tcb_has(tcb, EK_TCB_SMALL_PATH) || !may_probe(t, tcb, mss, mss + 1) ||
            !ek_pmtu_search(t->ip, &tcb->conn.key.remote, link_mtu(t, tcb), t->now, &s) ||
            s.high < s.low + CLOSE_ENOUGH)
                return 0;
        /* Another connection has found more. */
        if (s.low > tcb->path_mtu)
                tcb->path_mtu = s.low;
        len = ek_mss_effective(tcb->snd_mss, s.size, ek_addr_is_v4(&tcb->conn.key.remote),
                               ek_tcb_settings(t, tcb)->max_seg, ek_options_data_bytes(tcb));
        return len > mss && may_probe(t, tcb, mss, len) ? len : 0;
}

void ek_mtu_on_sent(struct ek_tcp *t, struct ek_tcb *tcb, seq_t seq, uint32_t len)
{
        struct ek_mtu_probe *m = &tcb->act->mtu;

        t->ctr->tcp_mtu_probes++;
        m->seq = seq;
        m->len = len;
        m->size = (uint16_t)packet_of(tcb, len);
}

/* SND.UNA has advanced. [RFC4821 7.6.1; RFC8899 3-7c] */
void ek_mtu_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_txq_acked *acked)
{
        struct ek_mtu_probe *m = &tcb->act->mtu;

        if (acked->largest > 0)
                tcb->acked_size =
                        (uint16_t)ek_max_u32(tcb->acked_size, packet_of(tcb, acked->largest));
        if (!ek_tcb_is_active(tcb))
                return;
        if (m->claimed != 0 && seq_gt(tcb->snd_una, m->claimed_seq)) {
                m->claimed = 0;
                t->ctr->drops[ELKO_DROP_ICMP_MTU]++;
        }
        if (m->len == 0 || seq_lt(tcb->snd_una, seq_add(m->seq, m->len)))
                return;
        m->len = 0;
        ek_pmtu_probed(t->ip, &tcb->conn.key.remote, m->size, true, t->now);
        tcb->path_mtu = (uint16_t)ek_max_u32(tcb->path_mtu, m->size);
}

/* `lost` bytes were just found lost, in a state without loss: is it the probe, and nothing else? Whatever is found,
 * this probe is over. [RFC4821 7.6.2a 7.6.2b 7.6.4; RFC8899 3-7a] */
bool ek_mtu_on_lost(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t lost)
{
        struct ek_mtu_probe *m = &tcb->act->mtu;
        uint32_t len = m->len;
        const struct ek_txrec *rec;

        m->len = 0;
        if (len == 0 || lost != len || tcb->act->txq.lost_bytes != len)
                return false;
        rec = ek_txq_next_lost(&tcb->act->txq, &t->records);
        if (rec == NULL || !seq_eq(rec->seq, m->seq))
                return false;
        ek_pmtu_probed(t->ip, &tcb->conn.key.remote, m->size, false, t->now);
        hold_off(t, tcb, tcb->cong.out.cwnd_bytes, 1);
        tcb->todo |= EK_TODO_FORCE;
        return true;
}
