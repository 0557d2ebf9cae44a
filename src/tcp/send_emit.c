/* SPDX-License-Identifier: MIT */
#include "tcp/send_plan.h"
#include "tcp/tcp.h"
#include "wire/addr.h"
#include "wire/csum.h"
#include "wire/eth.h"

/*
 * The one way to put a segment on the wire, RFC 9293, 3.1. Output is pulled: the link asks for frames,
 * connections with work are visited in turn, the planner says what each should send, and this file writes
 * the header, points at the payload in the send ring, and keeps the accounts. A window or an ACK is
 * computed at this moment and can't be stale.
 */

enum {
        SACK_HEAD_BYTES = 4, /* two NOPs, kind and length */
        SACK_BLOCK_BYTES = 8,
        /* Of one connection before it is the next one's turn: */
        FRAMES_PER_VISIT = 32,
        BYTES_PER_VISIT = 256 << 10,
        LONGEST_PACKET = 65535, /* what the length fields of IP can say */
        HEADERS_MOST = 40 + 60,
        IPPROTO_TCP_ = 6,
};

/* One frame under construction. */
struct target {
        struct elko_frame *frame;
        uint8_t *hdr; /* EK_HDR_BYTES of scratch */
        elko_link link;
        const struct elko_link_config *cfg;
        uint8_t mac[ELKO_MAC_BYTES];
};

/* ---- writing ---- */

/* [RFC9293 MUST-2] */
static void fill_checksum(struct target *to, const struct ek_key *key, uint8_t *tcp,
                          uint32_t hdr_len, const struct elko_slice payload[2])
{
        uint32_t tcp_len = hdr_len + payload[0].len + payload[1].len;
        uint64_t pseudo = ek_csum_pseudo(&key->local, &key->remote, IPPROTO_TCP_, tcp_len);
        struct ek_csum sum = ek_csum_start(pseudo);

        if (to->cfg->flags & ELKO_LINK_TX_CSUM) {
                /* The link completes it: the field holds the pseudo-header's sum, not inverted. */
                ek_put16be(tcp + EK_TCP_CSUM_OFFSET, (uint16_t)~ek_csum_fold(pseudo));
                to->frame->csum_start = (uint16_t)(tcp - to->hdr);
                to->frame->csum_offset = EK_TCP_CSUM_OFFSET;
                return;
        }
        ek_csum_append(&sum, tcp, hdr_len);
        for (int i = 0; i < 2; i++)
                if (payload[i].len > 0)
                        ek_csum_append(&sum, payload[i].data, payload[i].len);
        ek_put16be(tcp + EK_TCP_CSUM_OFFSET, ek_csum_fold(sum.acc));
}

/* Write the frame for a segment: IP and TCP header in the scratch, payload in place. [RFC9293 MUST-45] */
static void write_frame(struct ek_tcp *t, struct target *to, const struct ek_key *key,
                        const struct ek_tcp_hdr *hdr, uint8_t ttl, uint8_t tos,
                        const struct elko_slice payload[2])
{
        uint32_t opts = ek_tcp_opts_len(&hdr->opt);
        uint32_t tcp_len = EK_TCP_HDR_BYTES + opts, data = payload[0].len + payload[1].len;
        const uint8_t *mac = to->cfg->medium == ELKO_MEDIUM_ETHERNET ? to->mac : NULL;
        uint32_t ip_len, parts = 1;

        *to->frame = (struct elko_frame){0};
        ip_len = ek_ip_header_emit(t->ip, to->hdr, to->link, mac, &key->local, &key->remote,
                                   IPPROTO_TCP_, ttl, tos, tcp_len + data);
        ek_tcp_emit(to->hdr + ip_len, hdr);
        EK_ASSERT(ip_len + tcp_len <= EK_HDR_BYTES);
        fill_checksum(to, key, to->hdr + ip_len, tcp_len, payload);
        to->frame->part[0].data = to->hdr;
        to->frame->part[0].len = ip_len + tcp_len;
        for (int i = 0; i < 2; i++)
                if (payload[i].len > 0)
                        to->frame->part[parts++] = payload[i];
        to->frame->parts = parts;
        to->frame->len = ip_len + tcp_len + data;
        t->ctr->tcp_segs_out++;
        if (hdr->flags & ELKO_RST)
                t->ctr->tcp_resets_sent++;
}

static const struct elko_slice no_payload[2];

/* ---- stateless replies ---- */

static void emit_reply(struct ek_tcp *t, struct target *to, const struct ek_stateless *r)
{
        struct ek_tcp_hdr hdr = {
                .src_port = r->key.lport,
                .dst_port = r->key.rport,
                .seq = r->seq.v,
                .ack = r->ack.v,
                .flags = r->flags,
                .wnd = r->wnd,
        };

        if (r->flags & ELKO_SYN) {
                hdr.opt.present = ELKO_OPT_MSS;
                hdr.opt.scale_first = ek_options_scale_first(t);
                hdr.opt.mss = r->mss;
                if (r->wscale != 0xff) {
                        hdr.opt.present |= ELKO_OPT_WSCALE;
                        hdr.opt.wscale = r->wscale;
                }
                if (r->sack)
                        hdr.opt.present |= ELKO_OPT_SACK_PERMITTED;
        }
        if (r->ts) {
                hdr.opt.present |= ELKO_OPT_TIMESTAMPS;
                hdr.opt.ts_val = r->ts_val;
                hdr.opt.ts_ecr = r->ts_ecr;
        }
        write_frame(t, to, &r->key, &hdr, t->defaults.ttl, 0, no_payload);
        ek_trace_out(t, &r->key, NULL, &hdr, EK_ECN_NOT_ECT,
                     (r->flags & ELKO_SYN) ? ELKO_TCP_LISTEN
                     : r->why == ELKO_WHY_TIME_WAIT_ACK || r->why == ELKO_WHY_ACK
                             ? ELKO_TCP_TIME_WAIT
                             : ELKO_TCP_CLOSED,
                     (enum elko_why)r->why, false, to->link);
}

/* ---- half-open connections ---- */

/* The third SYN,ACK is one without ECN: something may drop those that have it. AccECN mode stays. [RFC9768 3.2.3.2.2b] */
static uint16_t syn_ack_ecn(struct ek_half_open *ho)
{
        if (ho->ecn < EK_ECN_OFFER_ACCURATE || ho->tries < 2)
                return ek_ecn_syn_ack_flags((enum ek_ecn_offer)ho->ecn);
        ho->ecn = EK_ECN_OFFER_ACCURATE_NO_ECT;
        return 0;
}

/* [RFC9293 SHLD-5 MAY-3; RFC7323 2.2b 2.3a 3.2a; RFC9768 3.2.3.2.2a] */
static void emit_syn_ack(struct ek_tcp *t, struct target *to, uint32_t index)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);
        const struct ek_key *key = &ho->conn.key;
        struct ek_listener *ls = ek_listener_find(t, key);
        const struct ek_settings *s = ls == NULL || ls->settings == EK_NIL
                                              ? &t->defaults
                                              : ek_slab_at(&t->settings, ls->settings);
        struct ek_tcp_hdr hdr = {
                .src_port = key->lport,
                .dst_port = key->rport,
                .seq = ek_half_open_iss(t, ho).v,
                .ack = ho->irs + 1,
                .flags = ELKO_SYN | ELKO_ACK | syn_ack_ecn(ho),
                .opt = {.present = ELKO_OPT_MSS,
                        .mss = ek_tcp_adv_mss(t, key, s->max_seg),
                        .scale_first = ek_options_scale_first(t)},
        };
        uint8_t cookie[EK_TFO_COOKIE_BYTES];
        bool again = ho->tries > 0;

        if (!again)
                ho->mark = ek_rcv_buf_is_short(t, s);
        hdr.wnd = (uint16_t)ek_rcv_buf_syn_ack(t, s, ho->mark);
        if (ho->wscale != EK_HALF_OPEN_NO_WSCALE) {
                hdr.opt.present |= ELKO_OPT_WSCALE;
                hdr.opt.wscale = ek_options_rcv_wscale(t, s);
        }
        if (ho->sack)
                hdr.opt.present |= ELKO_OPT_SACK_PERMITTED;
        if (ho->ts) {
                hdr.opt.present |= ELKO_OPT_TIMESTAMPS;
                hdr.opt.ts_val = ek_tcp_ms(t) + ek_iss_ts_offset(t, key);
                hdr.opt.ts_ecr = ho->ts_recent;
        }
        if (ho->ecn >= EK_ECN_OFFER_ACCURATE && !again)
                ek_accecn_first_option(&hdr.opt);
        if (ho->fastopen && !again) /* RFC 7413, 4.2.1: not on retransmissions */
                ek_fast_open_offer(t, key, ho->fastopen_exp, cookie, &hdr.opt);
        write_frame(t, to, key, &hdr, s->ttl, s->tos, no_payload);
        if (again)
                t->ctr->tcp_syn_retrans++;
        ek_trace_out(t, key, NULL, &hdr, EK_ECN_NOT_ECT, ELKO_TCP_SYN_RECEIVED, ELKO_WHY_SYN_ACK,
                     again, to->link);
}

/* ---- connections ---- */

/* A FIN that came early has a number, too: it is reported with the text before it, or by itself, and first if it was the
 * last to come. [RFC2018 3a 4e 4f] */
static uint32_t sack_fin(const struct ek_tcb *tcb, struct ek_tcp_opts *opt, uint32_t first,
                         uint32_t n, uint32_t max)
{
        uint32_t at = ek_tcb_has(tcb, EK_TCB_FIN_LATEST) ? first : n;

        if (!ek_tcb_has(tcb, EK_TCB_FIN_EARLY))
                return n;
        for (uint32_t i = first; i < n; i++) {
                if (opt->sack[i].right == tcb->fin_seq.v) {
                        struct elko_sack_block with = opt->sack[i];

                        with.right++;
                        for (; i > at; i--)
                                opt->sack[i] = opt->sack[i - 1];
                        opt->sack[i] = with;
                        return n;
                }
        }
        if (at >= max)
                return n;
        n = n < max ? n + 1 : max;
        for (uint32_t i = n - 1; i > at; i--)
                opt->sack[i] = opt->sack[i - 1];
        opt->sack[at].left = tcb->fin_seq.v;
        opt->sack[at].right = tcb->fin_seq.v + 1;
        return n;
}

/* Without a D-SACK, which is the first, when it waits for another segment. [RFC2018 3a 3b] */
static uint32_t sack_blocks(const struct ek_tcb *tcb, struct ek_tcp_opts *opt, uint32_t max,
                            bool no_dsack)
{
        struct ek_reasm_block blocks[4];
        uint32_t n, skip = no_dsack && ek_reasm_has_dsack(&tcb->act->reasm);
        uint64_t base = ek_tcb_rcv_offset(tcb);

        n = ek_reasm_blocks(&tcb->act->reasm, blocks, ek_min_u32(max + skip, 4)) - skip;
        for (uint32_t i = 0; i < n; i++) {
                opt->sack[i].left = tcb->rcv_nxt.v + (uint32_t)(blocks[i + skip].lo - base);
                opt->sack[i].right = tcb->rcv_nxt.v + (uint32_t)(blocks[i + skip].hi - base);
        }
        n = sack_fin(tcb, opt, ek_reasm_has_dsack(&tcb->act->reasm) && !no_dsack, n, max);
        opt->sack_count = (uint8_t)n;
        if (n > 0)
                opt->present |= ELKO_OPT_SACK;
        return n;
}

/* Beside text only where the MSS leaves room; beside SACK blocks when two of them fit as well (RFC 9768, 3.2.3.3). */
static void accecn_option(struct ek_tcp *t, const struct ek_tcb *tcb, const struct ek_plan *p,
                          uint32_t mss, struct ek_tcp_opts *opt)
{
        uint32_t room = EK_TCP_OPT_MAX_BYTES - ek_tcp_opts_len(opt), sacks = 0;
        struct ek_reasm_block blocks[4];

        if (p->len > 0)
                room = ek_min_u32(room, mss > p->len ? mss - p->len : 0);
        if (ek_tcb_has(tcb, EK_TCB_SACK))
                sacks = ek_reasm_blocks(&tcb->act->reasm, blocks, 4) +
                        ek_tcb_has(tcb, EK_TCB_FIN_EARLY);
        ek_accecn_option(t, tcb, opt, room, sacks);
}

/* Options of everything but SYN. SACK blocks go on every ACK (RFC 2018, 4), beside text as many as the MSS leaves
 * room for.
 * [RFC9293 MUST-65; RFC7323 3.2b 3.2h 4.1a 5.4a 5.4b 5.4c; RFC2018 4a 4b 4c] */
static void data_options(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p,
                         uint32_t mss, struct ek_tcp_opts *opt)
{
        uint32_t max = ek_tcb_has(tcb, EK_TCB_TS) ? 3 : 4;
        bool probe = p->kind == EK_PLAN_PROBE; /* which acknowledges nothing: see account_ack() */

        if (ek_tcb_has(tcb, EK_TCB_TS)) {
                opt->present |= ELKO_OPT_TIMESTAMPS;
                opt->ts_val = ek_tcb_ts_clock(t, tcb);
                opt->ts_ecr = tcb->ts_recent;
        }
        if (ek_tcb_has(tcb, EK_TCB_ACCECN) && !(p->flags & ELKO_RST) && !probe)
                accecn_option(t, tcb, p, mss, opt);
        if (!ek_tcb_has(tcb, EK_TCB_SACK) || (p->flags & ELKO_RST))
                return;
        /* What the AccECN option has taken. */
        max = ek_min_u32(max, (EK_TCP_OPT_MAX_BYTES - SACK_HEAD_BYTES - ek_tcp_opts_len(opt)) /
                                      SACK_BLOCK_BYTES);
        if (opt->present & ELKO_OPT_ACCECN)
                mss -= ek_min_u32(mss, ek_tcp_opts_len(opt) - ek_options_data_bytes(tcb));
        if (p->len > 0)
                max = p->len + SACK_HEAD_BYTES > mss
                              ? 0
                              : ek_min_u32(max,
                                           (mss - p->len - SACK_HEAD_BYTES) / SACK_BLOCK_BYTES);
        if (max == 0)
                return;
        if (ek_reasm_has_dsack(&tcb->act->reasm) && !probe)
                t->ctr->tcp_dsack_out++;
        t->ctr->tcp_sack_blocks_out += sack_blocks(tcb, opt, max, probe);
}

/* The window field; SYNs are never scaled (RFC 7323, 2.2). [RFC7323 2.2d] */
static uint16_t window_field(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p)
{
        uint32_t used;
        struct ek_rcv_window w = ek_rcv_buf_window(t, tcb, &used);
        struct ek_rcv_adv adv;

        if (p->flags & ELKO_RST)
                return 0;
        /* What came with the SYN has its place in what was promised. */
        if (p->flags & ELKO_SYN)
                return (uint16_t)ek_min_u32(UINT16_MAX,
                                            ek_tcb_is_fast_open(tcb)
                                                    ? ek_rcv_window_left(&tcb->win, tcb->rcv_nxt)
                                                    : w.space);
        adv = ek_rcv_window_plan(&w, tcb->rcv_nxt, used, tcb->delack.rcv_mss, tcb->rcv_wscale);
        ek_rcv_window_on_sent(&tcb->win, tcb->rcv_nxt, adv.bytes);
        if (adv.field == 0 && !ek_tcb_has(tcb, EK_TCB_FIN_RCVD))
                t->ctr->tcp_zero_window_adv++;
        return adv.field;
}

/* [RFC2525 2.4] */
static void payload_at(const struct ek_tcb *tcb, const struct ek_plan *p, struct elko_slice out[2])
{
        struct ek_slice s[2];
        uint32_t n, at = 0;

        out[0] = out[1] = (struct elko_slice){0};
        if (p->len == 0)
                return;
        if (!(p->flags & ELKO_SYN))
                at = seq_diff(p->seq, tcb->snd_una) -
                     (ek_tcb_is_fast_open(tcb) && seq_eq(tcb->snd_una, tcb->iss));
        n = ek_ring_peek(&tcb->act->snd, at, p->len, s);
        for (uint32_t i = 0; i < n; i++) {
                out[i].data = s[i].base;
                out[i].len = s[i].len;
        }
}

/* The ACK that this segment carried is no longer owed. [RFC2883 4-1] */
static void account_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p)
{
        if (!(p->flags & ELKO_ACK) || (p->flags & ELKO_RST))
                return;
        tcb->last_ack_sent = tcb->rcv_nxt;
        /* A probe stands outside of the peer's window, where nobody need look at its ACK field (RFC 9293,
         * 3.10.7.4, first): what is owed stays owed. */
        if (p->kind == EK_PLAN_PROBE)
                return;
        tcb->todo &= ~(uint32_t)EK_TODO_ACK;
        /* A D-SACK is about the latest packet (RFC 2883, 4 (1)): with an ACK that had no room for it, its
         * time is over. */
        if (ek_reasm_has_dsack(&tcb->act->reasm))
                ek_reasm_on_sent(&tcb->act->reasm);
        tcb->stats.ack_sent_ms = ek_tcp_ms(t);
        if (tcb->dup_acks > 0)
                tcb->dup_acks--;
        ek_delack_on_ack_sent(&tcb->delack);
        tcb->at[EK_DL_DELACK] = EK_NEVER;
}

static void account_retransmission(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p)
{
        struct ek_txq_sent sent = {.now = t->now, .len = p->space};

        ek_meter_sent(t, tcb, p->space, sent.tag);
        ek_txq_on_resent(&tcb->act->txq, &t->records, &sent);
        tcb->todo &= ~(uint32_t)EK_TODO_FORCE;
        ek_undo_on_resent(t, tcb, p->len);
        ek_prr_on_sent(&tcb->act->prr, p->space);
        if (tcb->todo & EK_TODO_TLP)
                ek_tlp_sent(t, tcb, true);
        tcb->stats.total_retrans++;
        if (p->len == 0 && tcb->stats.chrono.spare < UINT8_MAX)
                tcb->stats.chrono.spare++;
        tcb->stats.bytes_retrans += p->len;
        t->ctr->tcp_retrans_segs++;
        if (p->flags & ELKO_SYN)
                t->ctr->tcp_syn_retrans++;
}

static void account_new(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p, uint32_t mss)
{
        struct ek_txq_sent sent = {.now = t->now, .len = p->space, .seg_len = (uint16_t)p->seg_len};
        bool pushed;

        if (p->flags & ELKO_SYN) {
                sent.flags |= EK_TXREC_SYN;
                tcb->ts_recent_ms = ek_tcp_ms(t); /* until the peer's: when our first one left */
        }
        if (p->flags & ELKO_FIN) {
                sent.flags |= EK_TXREC_FIN;
                tcb->flags |= EK_TCB_FIN_SENT;
        }
        if (((p->flags & ELKO_PSH) && !p->share) ||
            ((p->flags & ELKO_SYN) && p->len > 0 && p->len == tcb->act->snd.len))
                sent.flags |= EK_TXREC_PUSH;
        ek_meter_sent(t, tcb, p->space, sent.tag);
        pushed = ek_txq_push(&tcb->act->txq, &t->records, p->seq, &sent);
        EK_ASSERT(pushed); /* visit() made sure of the record's memory */
        tcb->snd_nxt = seq_add(p->seq, p->space);
        ek_prr_on_sent(&tcb->act->prr, p->space);
        if (tcb->todo & EK_TODO_TLP)
                ek_tlp_sent(t, tcb, false);
        if (p->seg_len > 0 ? p->len % p->seg_len != 0 : p->len > 0 && p->len < mss)
                tcb->snd_small = tcb->snd_nxt;
        if (p->why == ELKO_WHY_MTU_PROBE)
                ek_mtu_on_sent(t, tcb, p->seq, p->len);
        tcb->todo &= ~(uint32_t)(EK_TODO_SYN | EK_TODO_PUSH_SMALL | EK_TODO_UNCORK);
}

/* Data soon after data came: the two ends talk in turn, and the next reply will carry the ACK. */
static void note_reply(const struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint64_t ago_ns = (uint64_t)(ek_tcp_ms(t) - tcb->stats.data_recv_ms) * 1000000;

        if (tcb->stats.data_segs_in > 0 && ago_ns < ek_tcb_settings(t, tcb)->delack_ns)
                ek_delack_on_reply(&tcb->delack);
}

static void account_burst(struct ek_tcb *tcb, const struct ek_plan *p, uint32_t segs)
{
        if (!ek_tcb_has(tcb, EK_TCB_BURST))
                tcb->act->share = 0;
        tcb->flags |= EK_TCB_BURST;
        if (p->flags & ELKO_PSH)
                tcb->act->share = 0;
        else
                tcb->act->share = (uint16_t)ek_min_u32(UINT16_MAX, tcb->act->share + segs);
}

static void account(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p, uint32_t mss,
                    bool again)
{
        uint32_t segs = p->seg_len > 0 ? (p->len + p->seg_len - 1) / p->seg_len : 1;

        account_ack(t, tcb, p);
        tcb->stats.segs_out += segs;
        t->ctr->tcp_segs_out += segs - 1; /* write_frame() has counted one */
        if (p->len > 0) {
                if (t->cfg.interactive_acks)
                        note_reply(t, tcb);
                if (p->kind == EK_PLAN_DATA)
                        account_burst(tcb, p, segs);
                ek_pacer_on_sent(&tcb->act->pacer, p->len, mss, t->now, t->cfg.clock_resolution_ns);
                tcb->stats.data_segs_out += segs;
                tcb->stats.data_sent_ms = ek_tcp_ms(t) != 0 ? ek_tcp_ms(t) : 1;
                ek_tcb_not_quiet(t, tcb);
        }
        if (p->kind == EK_PLAN_PROBE) {
                if (tcb->todo & EK_TODO_PROBE)
                        t->ctr->tcp_zero_window_probes++;
                else
                        t->ctr->tcp_keepalives++;
                tcb->todo &= ~(uint32_t)(EK_TODO_PROBE | EK_TODO_KEEPALIVE);
        }
        if (p->space == 0)
                return;
        if (again)
                account_retransmission(t, tcb, p);
        else
                account_new(t, tcb, p, mss);
        ek_tcb_rearm_retransmit(t, tcb, false);
        if (!again)
                ek_tlp_schedule(t, tcb);
        else if ((tcb->cong.state == ELKO_CA_RECOVERY || tcb->cong.state == ELKO_CA_DISORDER) &&
                 ek_tcb_has(tcb, EK_TCB_SACK) && seq_eq(p->seq, tcb->snd_una))
                /* In DISORDER it was a probe of the path's MTU. RFC 6298, (5.4) is about the earliest segment, and this is when it left. */
                ek_tcb_arm(t, tcb, EK_DL_RTO,
                           ek_time_add(t->now, ek_rtt_rto(&tcb->rtt, &t->rtt_limits)));
}

/* Fast Open is for the first SYN alone (RFC 7413, 4.2.2). [RFC7413 4.2.2f 4.2.2g] */
static void options_of_syn(struct ek_tcp *t, struct ek_tcb *tcb, bool again,
                           struct ek_tcp_opts *opt, uint8_t cookie[EK_TFO_COOKIE_BYTES])
{
        ek_options_for_syn(t, tcb, opt);
        if (again)
                return;
        if (!ek_tcb_is_fast_open(tcb))
                ek_fast_open_for_syn(t, tcb, opt);
        else if (ek_tcb_has(tcb, EK_TCB_FASTOPEN_ASKED))
                ek_fast_open_offer(t, &tcb->conn.key, ek_tcb_has(tcb, EK_TCB_FASTOPEN_EXP), cookie,
                                   opt);
}

/* Write the planned segment and account for it. [RFC9293 MUST-48 SHLD-21 SHLD-22 MUST-49; RFC7323 3.2c 5.2c] */
static void emit(struct ek_tcp *t, struct target *to, struct ek_tcb *tcb, const struct ek_plan *p,
                 uint32_t mss)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);
        bool again = p->space > 0 && !seq_eq(p->seq, tcb->snd_nxt);
        uint8_t cookie[EK_TFO_COOKIE_BYTES];
        struct elko_slice payload[2];
        uint8_t ecn;
        struct ek_tcp_hdr hdr = {
                .src_port = tcb->conn.key.lport,
                .dst_port = tcb->conn.key.rport,
                .seq = p->seq.v,
                .ack = (p->flags & ELKO_ACK) ? tcb->rcv_nxt.v : 0,
                .flags = p->flags,
                .data_len = p->len,
        };

        if (p->kind == EK_PLAN_DATA)
                ek_recovery_before_send(t, tcb);
        if (p->flags & ELKO_SYN) {
                hdr.flags |= ek_ecn_syn_flags(t, tcb, again);
                options_of_syn(t, tcb, again, &hdr.opt, cookie);
        } else if (!(p->flags & ELKO_RST) || ek_tcb_has(tcb, EK_TCB_TS))
                data_options(t, tcb, p, mss, &hdr.opt);
        ecn = ek_ecn_mark(t, tcb, p, !again, &hdr.opt, &hdr.flags);
        hdr.wnd = window_field(t, tcb, p);
        ek_urgent_mark(tcb, &hdr);
        payload_at(tcb, p, payload);
        write_frame(t, to, &tcb->conn.key, &hdr, s->ttl, s->tos | ecn, payload);
        to->frame->gso_size = (uint16_t)p->seg_len;
        account(t, tcb, p, mss, again);
        ek_trace_out(t, &tcb->conn.key, tcb, &hdr, ecn, (enum elko_tcp_state)tcb->state, p->why,
                     again, to->link);
}

/* ---- the visit ---- */

/* The neighbour's address, on links that need one. False: the connection can't send now; it waits for the
 * neighbour, or the failure was dealt with. */
static bool resolve(struct ek_tcp *t, struct target *to, const elko_ip *remote,
                    struct ek_list *waiter, enum ek_neigh_result *result)
{
        struct ek_route route;

        *result = EK_NEIGH_READY;
        if (to->cfg->medium != ELKO_MEDIUM_ETHERNET)
                return true;
        if (ek_route_lookup(t->ip, remote, 0, &route) != ELKO_OK || route.link != to->link) {
                *result = EK_NEIGH_FAILED;
                return false;
        }
        *result = ek_neigh_resolve(t->ip, to->link, &route.next_hop, t->now, to->mac, waiter);
        return *result == EK_NEIGH_READY;
}

/* No answer from the neighbour: RFC 1122, 2.3.2.2 - an error for an opening connection, a soft error
 * otherwise, and another try later. */
static void on_unreachable(struct ek_tcp *t, struct ek_tcb *tcb)
{
        tcb->soft_error = (uint8_t)-ELKO_EHOSTUNREACH;
        if (tcb->todo & EK_TODO_RST) {
                tcb->todo = 0;
                if (ek_tcb_has(tcb, EK_TCB_ORPHAN))
                        ek_tcb_doom(t, tcb);
                return;
        }
        if (tcb->state == ELKO_TCP_SYN_SENT) {
                ek_tcb_fail(t, tcb, ELKO_EHOSTUNREACH, "the neighbour does not answer");
                return;
        }
        if (!ek_tcb_is_synchronized(tcb))
                return;
        ek_tcb_tell(t, tcb, ELKO_EV_SOFT_ERROR);
        if (ek_txq_is_empty(&tcb->act->txq))
                ek_tcb_arm_persist(t, tcb);
}

void ek_tcp_routes_changed(struct ek_tcp *t)
{
        struct ek_list waiting, *n;

        for (uint32_t link = 1; link <= EK_MAX_LINKS; link++) {
                ek_list_init(&waiting);
                ek_list_splice(&waiting, &t->work[link]);
                while ((n = ek_list_pop_front(&waiting)) != NULL)
                        ek_tcb_has_work(t, ek_tcb_touch(ek_container_of(n, struct ek_tcb, work)));
        }
}

void ek_tcp_neighbours_ready(struct ek_tcp *t)
{
        struct ek_list *n;

        while ((n = ek_list_pop_front(&t->ip->ready)) != NULL)
                ek_tcb_has_work(t, ek_tcb_touch(ek_container_of(n, struct ek_tcb, work)));
}

void ek_tcp_neighbours_failed(struct ek_tcp *t)
{
        struct ek_list *n;

        while ((n = ek_list_pop_front(&t->ip->failed)) != NULL)
                on_unreachable(t, ek_tcb_touch(ek_container_of(n, struct ek_tcb, work)));
}

/* Payload that the link may get at once, to be cut there. A probe of a loss, the answer to a mark (CWR is on one
 * segment, RFC 3168, 6.1.2) and AccECN's counter, which a device would take for that flag, are segments by themselves,
 * and so is urgent data. A burst is no longer than what the pacer lets go. */
static uint32_t gso_room(const struct target *to, const struct ek_tcb *tcb, uint32_t mss)
{
        const struct ek_pacer *pacer = &tcb->act->pacer;
        uint32_t room = LONGEST_PACKET - HEADERS_MOST;

        if (!(to->cfg->flags & ELKO_LINK_TSO) || (tcb->todo & EK_TODO_TLP) ||
            ek_tcb_has(tcb, EK_TCB_ACCECN | EK_TCB_CWR) || ek_urgent_is_sending(tcb))
                return 0;
        if (pacer->bytes_per_s != 0)
                room = ek_min_u32(room, pacer->burst_left > 0
                                                ? pacer->burst_left
                                                : ek_pacer_quantum(pacer->bytes_per_s, mss));
        return room > mss ? room : 0;
}

enum { PUSH_BYTES = 65535, PUSH_SPAN_NS = 1000000000 / 1024, PUSH_RTT_US = 512 };

/* How much of a burst Linux hands to a device at once (elko_config.push_bursts): what it sends in a millisecond, more on
 * paths of 16 ms and less, at least `push_min_segs`, and half of cwnd at most. */
static uint32_t push_segs(const struct ek_tcp *t, const struct ek_tcb *tcb, uint32_t mss)
{
        uint64_t cwnd = ek_max_u32(tcb->cong.out.cwnd_bytes, ek_tcb_flight(tcb));
        uint64_t near = tcb->rtt.min_rtt_ns / (PUSH_RTT_US * 1000ull), bytes = PUSH_BYTES;
        bool fast = tcb->cong.out.cwnd_bytes < tcb->cong.out.ssthresh_bytes / 2;
        uint32_t segs;

        /* Urgent data goes segment by segment. */
        if (!t->cfg.push_bursts || t->cfg.push_min_segs <= 1 || ek_urgent_is_sending(tcb))
                return 0;
        if (tcb->rtt.srtt_ns != 0)
                bytes = cwnd * (fast ? 20 : 12) / 10 * PUSH_SPAN_NS / tcb->rtt.srtt_ns +
                        (near < 32 ? (uint64_t)PUSH_BYTES >> near : 0);
        segs = (uint32_t)(ek_min_u64(bytes, PUSH_BYTES) / mss);
        segs = ek_min_u32(ek_max_u32(segs, t->cfg.push_min_segs),
                          tcb->cong.out.cwnd_bytes / mss / 2);
        return ek_max_u32(1, segs);
}

static struct ek_plan plan_for(struct ek_tcp *t, struct ek_tcb *tcb, const struct target *to,
                               uint32_t mss, bool no_record)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);
        struct ek_plan_env env = {
                .mss = mss,
                .nodelay = s->nodelay || ek_urgent_is_sending(tcb), /* it is urgent */
                .cork = s->cork,
                .push_bursts = t->cfg.push_bursts,
                .push_segs = push_segs(t, tcb, mss),
                .paced = !ek_pacer_is_open(&tcb->act->pacer, t->now, t->cfg.clock_resolution_ns) ||
                         t->now < tcb->act->ecn.hold_until,
                .lost = ek_txq_next_lost(&tcb->act->txq, &t->records),
                .no_record = no_record,
        };

        if (ek_tcb_has(tcb, EK_TCB_SMALL_PATH))
                env.mtu_probe = ek_mtu_probe_len(t, tcb, mss);
        if (env.mtu_probe == 0)
                env.gso = gso_room(to, tcb, mss);
        if (tcb->todo & EK_TODO_SYN)
                env.syn_data = ek_fast_open_syn_room(t, tcb);
        return ek_send_plan(tcb, &env);
}

/* Nothing more to send now: what does the connection wait for? */
static void settle(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p)
{
        bool waiting =
                ek_tcb_is_synchronized(tcb) && (ek_tcb_unsent(tcb) > 0 || ek_tcb_fin_pending(tcb));

        tcb->flags &= ~(uint32_t)EK_TCB_BURST;
        if (ek_tcb_is_active(tcb))
                ek_recovery_note_usage(tcb, p->limited_by == ELKO_LIMITED_CWND);
        ek_meter_settled(t, tcb, p->limited_by);
        if (p->limited_by == ELKO_LIMITED_PACING) {
                ek_tcb_arm(t, tcb, EK_DL_PACE,
                           ek_max_u64(tcb->act->ecn.hold_until,
                                      ek_pacer_deadline(&tcb->act->pacer, t->now,
                                                        t->cfg.clock_resolution_ns)));
                return;
        }
        if (!ek_txq_is_empty(&tcb->act->txq))
                return;
        if (waiting && tcb->at[EK_DL_PERSIST] == EK_NEVER)
                ek_tcb_arm_persist(t, tcb);
}

/* New data needs a record, and what was sent before has one. A retransmission needs another only if the path
 * takes smaller segments now, and after a time-out it goes even so: memory may come back with nothing but the
 * acknowledgement of just this segment. */
static bool needs_record(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p)
{
        if (p->space == 0)
                return false;
        if (seq_eq(p->seq, tcb->snd_nxt))
                return true;
        return p->space < ek_txq_next_lost(&tcb->act->txq, &t->records)->len &&
               !(tcb->todo & EK_TODO_FORCE);
}

/* A record will be needed; without memory for it the segment waits for the next deadline. */
static bool has_record(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (ek_tcb_activate(t, tcb) && ek_slab_reserve(&t->records))
                return true;
        t->ctr->nomem++;
        if (ek_txq_is_empty(&tcb->act->txq) && ek_tcb_is_synchronized(tcb))
                ek_tcb_arm_persist(t, tcb);
        else if (tcb->at[EK_DL_RTO] == EK_NEVER)
                ek_tcb_arm(t, tcb, EK_DL_RTO, ek_time_add(t->now, t->cfg.rto_initial_ns));
        return false;
}

/* A reset left: that was the last thing that this object had to do for the network. */
static void finish_reset(struct ek_tcp *t, struct ek_tcb *tcb)
{
        tcb->todo = 0;
        ek_list_remove(&tcb->work);
        if (ek_tcb_has(tcb, EK_TCB_ORPHAN))
                ek_tcb_doom(t, tcb);
}

/* Let one connection send up to `max` frames; returns how many. It goes back to the work list when there
 * is more. */
static size_t visit(struct ek_tcp *t, struct ek_tcb *tcb, struct target *to,
                    struct elko_frame *frames, size_t made, size_t max)
{
        uint32_t mss = ek_tcb_eff_mss(t, tcb), bytes = 0;
        enum ek_neigh_result neigh;
        size_t n = 0;

        if (!resolve(t, to, &tcb->conn.key.remote, &tcb->work, &neigh)) {
                if (neigh == EK_NEIGH_FAILED)
                        on_unreachable(t, tcb);
                return 0;
        }
        while (n < max && bytes < BYTES_PER_VISIT) {
                struct ek_plan p = plan_for(t, tcb, to, mss, false);

                EK_WORK(1);
                if (p.kind == EK_PLAN_NONE) {
                        settle(t, tcb, &p);
                        return n;
                }
                if (needs_record(t, tcb, &p) && !has_record(t, tcb)) {
                        /* An ACK needs no record, and must not wait for memory (3.8.6.3). */
                        p = plan_for(t, tcb, to, mss, true);
                        if (p.kind == EK_PLAN_NONE)
                                return n;
                }
                if (p.kind == EK_PLAN_LOST && p.len < p.room) {
                        /* Without SACK of what is behind a gap only the first segment is ever known to be lost, and
                         * NewReno would send one, however small, for each round trip. */
                        ek_txq_merge_lost(&tcb->act->txq, &t->records, p.room,
                                          !ek_tcb_has(tcb, EK_TCB_SACK));
                        p = plan_for(t, tcb, to, mss, false);
                }
                to->frame = &frames[made + n];
                to->hdr = t->headers + (made + n) * EK_HDR_BYTES;
                emit(t, to, tcb, &p, mss);
                n++;
                bytes += p.len;
                if (p.kind == EK_PLAN_RST) {
                        finish_reset(t, tcb);
                        return n;
                }
        }
        ek_list_push_back(&t->work[to->link], &tcb->work);
        return n;
}

/* ---- the exit ---- */

static size_t output_replies(struct ek_tcp *t, struct target *to, struct elko_frame *frames,
                             size_t max)
{
        uint32_t pending = t->reply_count;
        enum ek_neigh_result neigh;
        size_t n = 0;

        while (pending-- > 0 && n < max) {
                struct ek_stateless r = t->replies[t->reply_head];

                t->reply_head = (t->reply_head + 1) % t->cfg.max_replies;
                t->reply_count--;
                if (r.link != to->link) {
                        /* Another link's: to the end. */
                        uint32_t at = (t->reply_head + t->reply_count) % t->cfg.max_replies;

                        t->replies[at] = r;
                        t->reply_count++;
                        continue;
                }
                if (!resolve(t, to, &r.key.remote, NULL, &neigh)) {
                        t->ctr->drops[ELKO_DROP_TCP_REPLY_LIMIT]++;
                        continue;
                }
                to->frame = &frames[n];
                to->hdr = t->headers + n * EK_HDR_BYTES;
                emit_reply(t, to, &r);
                n++;
        }
        return n;
}

static size_t output_half_open(struct ek_tcp *t, struct target *to, struct elko_frame *frames,
                               size_t made, size_t max)
{
        uint32_t pending = t->half_open.count[EK_HO_SEND];
        enum ek_neigh_result neigh;
        struct ek_route route;

        while (pending-- > 0 && made < max) {
                uint32_t index = t->half_open.head[EK_HO_SEND];
                struct ek_half_open *ho = ek_half_open_at(t, index);

                if (ek_route_lookup(t->ip, &ho->conn.key.remote, 0, &route) != ELKO_OK) {
                        ek_half_open_sent(t, index);
                        continue;
                }
                if (route.link != to->link) {
                        ek_half_open_move(t, index, EK_HO_SEND);
                        continue;
                }
                if (ek_half_open_is_silent(t, ho)) {
                        ek_half_open_passed(t, index);
                        continue;
                }
                /* Without a neighbour it counts as sent and lost: the timer repeats it. */
                if (resolve(t, to, &ho->conn.key.remote, NULL, &neigh)) {
                        to->frame = &frames[made];
                        to->hdr = t->headers + made * EK_HDR_BYTES;
                        emit_syn_ack(t, to, index);
                        made++;
                }
                ek_half_open_sent(t, index);
        }
        return made;
}

bool ek_tcp_has_output(const struct ek_tcp *t, elko_link link)
{
        if (link > EK_MAX_LINKS)
                return false;
        return t->reply_count > 0 || t->half_open.count[EK_HO_SEND] > 0 ||
               !ek_list_is_empty(&t->work[link]);
}

size_t ek_tcp_output(struct ek_tcp *t, elko_link link, struct elko_frame *frames, size_t max)
{
        struct target to = {.link = link, .cfg = ek_ip_link(t->ip, link)};
        size_t n;

        if (to.cfg == NULL || !ek_tcp_has_output(t, link))
                return 0;
        max = max < t->cfg.output_batch ? max : t->cfg.output_batch;
        n = output_replies(t, &to, frames, max);
        n = output_half_open(t, &to, frames, n, max);
        while (n < max && !ek_list_is_empty(&t->work[link])) {
                struct ek_list *first = ek_list_pop_front(&t->work[link]);
                size_t room = max - n;

                EK_WORK(1);
                n += visit(t, ek_tcb_touch(ek_container_of(first, struct ek_tcb, work)), &to,
                           frames, n, room < FRAMES_PER_VISIT ? room : FRAMES_PER_VISIT);
        }
        return n;
}
