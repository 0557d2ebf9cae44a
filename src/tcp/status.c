/* SPDX-License-Identifier: MIT */
#include "tcp/send_plan.h"
#include "tcp/user_calls.h"

/*
 * STATUS, RFC 9293, 3.9.1.6: what the connection knows of itself, for people and programs.
 */

/* Age of a moment noted in milliseconds of our clock; 0 means "never happened". */
static uint64_t age(const struct ek_tcp *t, uint32_t at_ms)
{
        return at_ms == 0 ? ELKO_NEVER : (uint64_t)(ek_tcp_ms(t) - at_ms) * 1000000;
}

static void fill_options(const struct ek_tcb *tcb, struct elko_tcp_info *out)
{
        if (ek_tcb_has(tcb, EK_TCB_TS))
                out->options |= ELKO_TCPI_TIMESTAMPS;
        if (ek_tcb_has(tcb, EK_TCB_SACK))
                out->options |= ELKO_TCPI_SACK;
        if (ek_tcb_has(tcb, EK_TCB_WSCALE))
                out->options |= ELKO_TCPI_WSCALE;
        if (ek_tcb_has(tcb, EK_TCB_ECN_HEARS) && tcb->state != ELKO_TCP_SYN_SENT)
                out->options |= ELKO_TCPI_ECN;
        if (ek_tcb_has(tcb, EK_TCB_ECN_SEEN))
                out->options |= ELKO_TCPI_ECN_SEEN;
        if (ek_tcb_has(tcb, EK_TCB_SYN_DATA))
                out->options |= ELKO_TCPI_SYN_DATA;
        out->snd_wscale = tcb->snd_wscale;
        out->rcv_wscale = tcb->rcv_wscale;
}

static enum elko_limited_by limited_by(struct ek_tcp *t, struct ek_tcb *tcb)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);
        struct ek_plan_env env = {
                .mss = ek_tcb_eff_mss(t, tcb),
                .nodelay = s->nodelay,
                .cork = s->cork,
                .paced = !ek_pacer_is_open(&tcb->act->pacer, t->now, t->cfg.clock_resolution_ns),
                .lost = ek_txq_next_lost(&tcb->act->txq, &t->records),
        };
        struct ek_plan p;

        if (!ek_tcb_is_synchronized(tcb))
                return ELKO_LIMITED_NOTHING;
        p = ek_send_plan(tcb, &env);
        return p.kind != EK_PLAN_NONE && p.space > 0 ? ELKO_LIMITED_LINK : p.limited_by;
}

static void fill_buffers(const struct ek_tcp *t, const struct ek_tcb *tcb,
                         struct elko_tcp_info *out)
{
        out->snd_buf = ek_tcb_settings(t, tcb)->snd_buf_max;
        out->snd_buf_used = tcb->act->snd.len;
        out->rcv_buf = tcb->win.space;
        out->rcv_buf_used = tcb->act->rcv.len;
        out->rcv_ooo = (uint32_t)ek_reasm_bytes(&tcb->act->reasm);
        out->notsent = ek_tcb_unsent(tcb);
}

static void fill_counts(const struct ek_tcb *tcb, struct elko_tcp_info *out)
{
        const struct ek_stats *s = &tcb->stats;
        const struct ek_txq *q = &tcb->act->txq;

        out->bytes_acked = s->bytes_acked;
        out->bytes_received = s->bytes_received;
        out->bytes_sent = s->bytes_acked + ek_tcb_data_in_flight(tcb) + s->bytes_retrans;
        out->bytes_retrans = s->bytes_retrans;
        out->segs_in = s->segs_in;
        out->segs_out = s->segs_out;
        out->data_segs_in = s->data_segs_in;
        out->data_segs_out = s->data_segs_out;
        out->total_retrans = s->total_retrans;
        out->total_rto = s->total_rto;
        out->rcv_ooopack = s->rcv_ooopack;
        out->dsack_dups = s->dsack_dups;
        out->reord_seen = tcb->cong.reord_seen;
        /* Each transmission is under way, known to have arrived, or was repeated. A repetition of what had arrived did as
         * well (RFC 2883). */
        out->delivered = s->data_segs_out + s->dsack_dups;
        out->delivered -= ek_min_u32(out->delivered,
                                     q->segs - q->sacked_segs + s->total_retrans - s->chrono.spare);
}

static void fill_ecn(struct ek_tcp *t, const struct ek_tcb *tcb, struct elko_tcp_info *out)
{
        const struct ek_accecn *a;

        if (!ek_tcb_has(tcb, EK_TCB_ACCECN)) {
                out->delivered_ce = tcb->delivered_ce;
                return;
        }
        a = ek_accecn_of(t, tcb);
        out->options |= ELKO_TCPI_ACCECN;
        out->delivered_ce = a->delivered_ce;
        out->received_ce = a->r_cep - 5;
        out->received_e0b = a->r_e0b - 1;
        out->received_ceb = a->r_ceb;
        out->received_e1b = a->r_e1b - 1;
        out->accecn_e0b = a->s_e0b - 1;
        out->accecn_ceb = a->s_ceb;
        out->accecn_e1b = a->s_e1b - 1;
}

/* As in Linux's tcp_info, busy includes the other two. */
static void fill_times(const struct ek_tcp *t, const struct ek_tcb *tcb, struct elko_tcp_info *out)
{
        const struct ek_chrono *c = &tcb->act->chrono;
        const struct ek_chrono_sums *sums = &tcb->stats.chrono;

        out->rwnd_limited_ns = ek_chrono_total(c, sums, EK_CHRONO_RWND, t->now);
        out->sndbuf_limited_ns = ek_chrono_total(c, sums, EK_CHRONO_SNDBUF, t->now);
        out->busy_ns = ek_chrono_total(c, sums, EK_CHRONO_BUSY, t->now) + out->rwnd_limited_ns +
                       out->sndbuf_limited_ns;
}

/* Of a burst that left as one frame, records of full segments were lost. */
static uint32_t lost_segs(const struct ek_txq *q, uint32_t mss)
{
        return ek_max_u32(q->lost_count, (q->lost_bytes + mss - 1) / mss);
}

void ek_user_status(struct ek_tcp *t, struct ek_tcb *tcb, struct elko_tcp_info *out)
{
        const struct ek_txq *q = &tcb->act->txq;

        *out = (struct elko_tcp_info){
                .state = (enum elko_tcp_state)tcb->state,
                .ca_state = (enum elko_ca_state)tcb->cong.state,
                .retransmits = tcb->rtt.timeouts,
                .backoff = (uint8_t)ek_max_u32(tcb->rtt.backoff, tcb->rtt.persist_backoff),
                .probes = tcb->probes,
                .rto_ns = ek_rtt_rto(&tcb->rtt, &t->rtt_limits),
                .ato_ns = ek_tcb_settings(t, tcb)->delack_ns,
                .srtt_ns = tcb->rtt.srtt_ns,
                .rttvar_ns = tcb->rtt.rttvar_ns,
                .min_rtt_ns = tcb->rtt.min_rtt_ns,
                .rcv_rtt_ns = (uint64_t)tcb->rtt.rcv_us * 1000,
                .delivery_rate = tcb->stats.delivery_rate,
                .pacing_rate = ek_tcb_is_active(tcb) ? tcb->act->pacer.bytes_per_s
                                                     : tcb->cong.out.pacing_bytes_per_s,
                .max_pacing_rate = ek_tcb_settings(t, tcb)->max_pacing_rate,
                .last_data_sent_ns = age(t, tcb->stats.data_sent_ms),
                .last_ack_sent_ns = age(t, tcb->stats.ack_sent_ms),
                .last_data_recv_ns = age(t, tcb->stats.data_recv_ms),
                .last_ack_recv_ns = age(t, tcb->stats.ack_recv_ms),
                .snd_mss = tcb->path_mtu != 0 ? ek_tcb_eff_mss(t, tcb) : tcb->snd_mss,
                .rcv_mss = tcb->delack.rcv_mss,
                .adv_mss = tcb->adv_mss,
                .pmtu = tcb->path_mtu,
                .snd_cwnd = tcb->act->prr.active ? tcb->act->prr.cwnd : tcb->cong.out.cwnd_bytes,
                .snd_ssthresh = tcb->cong.out.ssthresh_bytes,
                .snd_wnd = tcb->snd_wnd,
                .rcv_wnd = ek_rcv_window_left(&tcb->win, tcb->rcv_nxt),
                .unacked = q->segs,
                .sacked = q->sacked_segs,
                .retrans = q->resent_count,
                .lost = lost_segs(q, ek_max_u32(1, tcb->snd_mss)),
                .flight = ek_tcb_flight(tcb),
                .reordering = EK_DUPACK_THRESHOLD + tcb->cong.reordering,
                .undone = tcb->cong.undone,
                .iss = tcb->iss.v,
                .irs = tcb->irs.v,
                .snd_una = tcb->snd_una.v,
                .snd_nxt = tcb->snd_nxt.v,
                .rcv_nxt = tcb->rcv_nxt.v,
                .congestion = tcb->cong.ops->name,
        };
        out->local.ip = tcb->conn.key.local;
        out->local.port = tcb->conn.key.lport;
        out->local.scope = ek_ip_strip_scope(&out->local.ip);
        out->remote.ip = tcb->conn.key.remote;
        out->remote.port = tcb->conn.key.rport;
        out->remote.scope = ek_ip_strip_scope(&out->remote.ip);
        fill_options(tcb, out);
        fill_buffers(t, tcb, out);
        fill_counts(tcb, out);
        fill_ecn(t, tcb, out);
        fill_times(t, tcb, out);
        out->limited_by = limited_by(t, tcb);
        if (ek_tcb_is_active(tcb) && ek_tcb_is_synchronized(tcb) && tcb->cong.ops->info != NULL)
                tcb->cong.ops->info(tcb->act->priv, &out->cc);
}
