/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * The trace hook: one record for each event, filled from the connection as it is after the event. All
 * functions are cheap when no hook is set.
 */

static elko_endpoint endpoint(elko_ip ip, uint16_t port)
{
        elko_endpoint ep = {.ip = ip, .port = port};

        ep.scope = ek_ip_strip_scope(&ep.ip);
        return ep;
}

static void fill(struct ek_tcp *t, struct elko_trace_event *ev, enum elko_trace_kind kind,
                 const struct ek_key *key, const struct ek_tcb *tcb)
{
        *ev = (struct elko_trace_event){.kind = kind, .now = t->now};
        if (key != NULL) {
                ev->local = endpoint(key->local, key->lport);
                ev->remote = endpoint(key->remote, key->rport);
        }
        if (tcb == NULL)
                return;
        ev->conn = tcb->number;
        ev->state = (enum elko_tcp_state)tcb->state;
        ev->old_state = ev->state;
        ev->link = tcb->link;
        ev->iss = tcb->iss.v;
        ev->irs = tcb->irs.v;
        ev->snd_una = tcb->snd_una.v;
        ev->snd_nxt = tcb->snd_nxt.v;
        ev->snd_wnd = tcb->snd_wnd;
        ev->rcv_nxt = tcb->rcv_nxt.v;
        ev->rcv_wnd = ek_rcv_window_left(&tcb->win, tcb->rcv_nxt);
        ev->cwnd = (uint32_t)ek_min_u64(ek_tcb_send_window(tcb), UINT32_MAX);
        ev->ssthresh = tcb->cong.out.ssthresh_bytes;
        ev->flight = ek_tcb_flight(tcb);
        ev->srtt_ns = tcb->rtt.srtt_ns;
        ev->rto_ns = ek_rtt_rto(&tcb->rtt, &t->rtt_limits);
}

static void fill_segment(struct elko_trace_segment *out, const struct ek_tcp_hdr *hdr, uint8_t ecn,
                         uint8_t scale)
{
        *out = (struct elko_trace_segment){
                .seq = hdr->seq,
                .ack = hdr->ack,
                .len = hdr->data_len,
                .flags = hdr->flags,
                .wnd = hdr->wnd,
                .wnd_bytes = (uint32_t)hdr->wnd << ((hdr->flags & ELKO_SYN) ? 0 : scale),
                .options = hdr->opt.present,
                .ts_val = hdr->opt.ts_val,
                .ts_ecr = hdr->opt.ts_ecr,
                .mss = hdr->opt.mss,
                .wscale = hdr->opt.wscale,
                .sack_count = hdr->opt.sack_count,
                .ecn = ecn,
        };
        memcpy(out->sack, hdr->opt.sack, sizeof(out->sack));
}

void ek_trace_in(struct ek_tcp *t, const struct ek_seg *seg, const struct ek_tcb *tcb)
{
        struct elko_trace_event ev;

        if (EK_LIKELY(t->trace == NULL))
                return;
        fill(t, &ev, ELKO_TRACE_SEGMENT_IN, &seg->key, tcb);
        ev.link = seg->link;
        fill_segment(&ev.seg, seg->hdr, seg->ecn, tcb != NULL ? tcb->snd_wscale : 0);
        t->trace(t->trace_ctx, &ev);
}

void ek_trace_drop(struct ek_tcp *t, const struct ek_seg *seg, const struct ek_tcb *tcb,
                   enum elko_drop reason)
{
        struct elko_trace_event ev;

        if (EK_LIKELY(t->trace == NULL))
                return;
        fill(t, &ev, ELKO_TRACE_DROP, seg != NULL ? &seg->key : NULL, tcb);
        ev.drop = reason;
        if (seg != NULL) {
                ev.link = seg->link;
                fill_segment(&ev.seg, seg->hdr, seg->ecn, tcb != NULL ? tcb->snd_wscale : 0);
        }
        t->trace(t->trace_ctx, &ev);
}

void ek_trace_out(struct ek_tcp *t, const struct ek_key *key, const struct ek_tcb *tcb,
                  const struct ek_tcp_hdr *hdr, uint8_t ecn, enum elko_tcp_state state,
                  enum elko_why why, bool retransmission, elko_link link)
{
        struct elko_trace_event ev;

        if (EK_LIKELY(t->trace == NULL))
                return;
        fill(t, &ev, ELKO_TRACE_SEGMENT_OUT, key, tcb);
        ev.link = link;
        ev.state = state;
        ev.old_state = state;
        ev.why = why;
        ev.retransmission = retransmission;
        fill_segment(&ev.seg, hdr, ecn, tcb != NULL ? tcb->rcv_wscale : 0);
        t->trace(t->trace_ctx, &ev);
}

void ek_trace_state(struct ek_tcp *t, const struct ek_key *key, const struct ek_tcb *tcb,
                    enum elko_tcp_state from, enum elko_tcp_state to, const char *cause)
{
        struct elko_trace_event ev;

        EK_ASSERT(ek_state_is_legal(from, to));
        if (EK_LIKELY(t->trace == NULL))
                return;
        fill(t, &ev, ELKO_TRACE_STATE, key, tcb);
        ev.old_state = from;
        ev.state = to;
        ev.cause = cause;
        t->trace(t->trace_ctx, &ev);
}

void ek_trace_timer(struct ek_tcp *t, const struct ek_key *key, const struct ek_tcb *tcb,
                    enum elko_timer timer, enum elko_tcp_state state)
{
        struct elko_trace_event ev;

        if (EK_LIKELY(t->trace == NULL))
                return;
        fill(t, &ev, ELKO_TRACE_TIMER, key, tcb);
        ev.timer = timer;
        ev.state = state;
        ev.old_state = state;
        t->trace(t->trace_ctx, &ev);
}

void ek_trace_recovery(struct ek_tcp *t, const struct ek_tcb *tcb, const char *cause)
{
        struct elko_trace_event ev;

        if (EK_LIKELY(t->trace == NULL))
                return;
        fill(t, &ev, ELKO_TRACE_RECOVERY, &tcb->conn.key, tcb);
        ev.cause = cause;
        t->trace(t->trace_ctx, &ev);
}
