/* SPDX-License-Identifier: MIT */
#include "tcp/cookie.h"
#include "tcp/tcp.h"
#include "wire/addr.h"

/*
 * LISTEN, RFC 9293, 3.10.7.2: a SYN makes a half-open entry; nothing is allocated for the connection
 * itself before the handshake is over. When the SYN queue is full, the SYN is answered with a cookie and
 * nothing at all is kept (RFC 4987, 3.6). A listener that wants a verdict decides for each SYN before it
 * is answered; for those a full queue means silence.
 */

/* Answer without keeping anything: not what was said of ECN either, so the answer is one without.
 * [RFC4987 3.6a; RFC3168 6.1.1e] */
static void answer_with_cookie(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        const struct ek_settings *settings =
                ls->settings == EK_NIL ? &t->defaults : ek_slab_at(&t->settings, ls->settings);
        bool v4 = ek_addr_is_v4(&seg->key.remote);
        uint16_t mss =
                ek_mss_from_peer((opt->present & ELKO_OPT_MSS) ? opt->mss : 0, v4, t->cfg.min_mss);
        bool ts = t->cfg.timestamps && (opt->present & ELKO_OPT_TIMESTAMPS);
        bool wscale = ts && t->cfg.window_scale && (opt->present & ELKO_OPT_WSCALE);
        bool sack = ts && t->cfg.sack && (opt->present & ELKO_OPT_SACK_PERMITTED);
        struct ek_cookie offer = {.mss = mss,
                                  .wscale = wscale ? opt->wscale : (uint8_t)EK_HALF_OPEN_NO_WSCALE,
                                  .sack = sack};
        struct ek_stateless r = {
                .key = seg->key,
                .seq = ek_cookie_make(&t->secrets.cookie, &seg->key, seg->seq, mss, t->now),
                .ack = seq_add(seg->seq, 1),
                .flags = ELKO_SYN | ELKO_ACK,
                .wnd = UINT16_MAX,
                .mss = ek_tcp_adv_mss(t, &seg->key, settings->max_seg),
                .wscale = wscale ? ek_options_rcv_wscale(t, settings) : 0xff,
                .why = ELKO_WHY_COOKIE,
                .sack = sack,
                .ts = ts,
                .ts_ecr = opt->ts_val,
        };

        r.ts_val = ek_cookie_ts(&t->secrets.cookie, &seg->key, r.seq,
                                ek_tcp_ms(t) + ek_iss_ts_offset(t, &seg->key), &offer);
        /* Nothing tells later what was announced, so it is always the small window. */
        r.wnd = (uint16_t)ek_rcv_buf_syn_ack(t, settings, true);
        if (ek_tcp_reply(t, &r)) {
                t->ctr->tcp_syn_cookies_sent++;
                t->cookies_until = ek_time_add(t->now, 2 * ELKO_SEC(EK_COOKIE_LIFE_SECONDS));
        }
}

/* A cookie is sent once (RFC 4987, 3.6), and its third step has to find memory for the connection. When even
 * that isn't there now, the SYN is dropped: the peer asks again, and by then it may be. */
static bool could_open(struct ek_tcp *t)
{
        return ek_slab_reserve(&t->tcbs) && ek_slab_reserve(&t->actives) &&
               ek_slab_reserve(&t->records);
}

/* [RFC4987 3.5a 3.5b] */
static void new_half_open(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg,
                          bool fastopen)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        const struct ek_settings *settings =
                ls->settings == EK_NIL ? &t->defaults : ek_slab_at(&t->settings, ls->settings);
        bool verdict = (ls->flags & ELKO_LISTEN_VERDICT) != 0;
        struct ek_half_open *ho;
        uint32_t index;

        ho = ek_half_open_new(t, &seg->key, verdict ? EK_HO_UNDECIDED : EK_HO_SEND, &index);
        if (ho == NULL) {
                t->ctr->nomem++;
                if (t->cfg.syn_cookies && !verdict && could_open(t))
                        answer_with_cookie(t, ls, seg);
                else
                        ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_SYN_NOMEM);
                return;
        }
        ls->half_open++;
        ho->irs = seg->seq.v;
        if (opt->present & ELKO_OPT_MSS) /* it is never 0 then */
                ho->mss_code = ek_half_open_mss_code(opt->mss) & 0x7ffu;
        ho->ecn = (uint32_t)ek_ecn_offer(settings, seg) & 7;
        ho->fastopen = fastopen;
        ho->fastopen_exp = opt->fastopen_exp;
        ho->wscale = EK_HALF_OPEN_NO_WSCALE;
        if (t->cfg.window_scale && (opt->present & ELKO_OPT_WSCALE))
                ho->wscale = opt->wscale & 15u;
        if (t->cfg.sack && (opt->present & ELKO_OPT_SACK_PERMITTED))
                ho->sack = 1;
        if (t->cfg.timestamps && (opt->present & ELKO_OPT_TIMESTAMPS)) {
                ho->ts = 1;
                ho->ts_recent = opt->ts_val;
        }
        ek_trace_state(t, &seg->key, NULL, ELKO_TCP_LISTEN, ELKO_TCP_SYN_RECEIVED, "SYN");
        if (verdict)
                ek_listener_tell(t, ls, ELKO_EV_SYN);
}

/* [RFC9293 MUST-7 3.10.7.2-1 3.10.7.2-2 3.10.7.2-3 3.10.7.2-4; RFC4987 3.7] */
void ek_seg_on_listen(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg)
{
        bool verdict = (ls->flags & ELKO_LISTEN_VERDICT) != 0, fastopen;

        /* First, check for a RST: ignored. */
        if (ek_seg_has(seg, ELKO_RST)) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_LISTEN_FLAGS);
                return;
        }
        /* Second, check for an ACK: bad, unless it returns a cookie. */
        if (ek_seg_has(seg, ELKO_ACK)) {
                if (!ek_seg_has(seg, ELKO_SYN) && ek_seg_on_cookie(t, ls, seg))
                        return;
                ek_seg_on_closed(t, seg, ELKO_DROP_TCP_LISTEN_FLAGS);
                return;
        }
        /* Third, check for a SYN. Deviation: a FIN with it is nobody's honest intention, and not kept for later. */
        if (!ek_seg_has(seg, ELKO_SYN) || ek_seg_has(seg, ELKO_FIN)) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_LISTEN_FLAGS);
                return;
        }
        if (seg->hdr->opt.malformed) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_OPTIONS);
                return;
        }
        if (ls->queued >= ls->backlog) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_ACCEPT_QUEUE);
                return;
        }
        if (ek_fast_open_on_syn(t, ls, seg, &fastopen))
                return;
        if (ls->half_open >= ls->syn_queue || t->half_open.total >= t->cfg.max_half_open) {
                if (t->cfg.syn_cookies && !verdict)
                        answer_with_cookie(t, ls, seg);
                else
                        ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_SYN_QUEUE);
                return;
        }
        /* Text that came with the SYN is not acknowledged; the peer sends it again (3.10.7.2). */
        new_half_open(t, ls, seg, fastopen);
}
