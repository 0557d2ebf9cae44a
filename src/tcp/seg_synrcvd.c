/* SPDX-License-Identifier: MIT */
#include "tcp/cookie.h"
#include "tcp/seg_open.h"
#include "wire/addr.h"

/*
 * SYN-RECEIVED of a passive open, RFC 9293, 3.10.7.4 on half-open entries: the third step of the
 * handshake. Why there is a third step: only the ACK of our ISS proves that the SYN was not an old
 * duplicate (3.5, figure 8). It turns the entry into a connection; everything else leaves the entry as it
 * is, answers, or deletes it.
 */

/* Everything about a passive open that the handshake has settled. */
struct opened {
        seq_t iss, irs;
        uint16_t peer_mss; /* 0: no option */
        uint8_t wscale;    /* EK_HALF_OPEN_NO_WSCALE: none */
        bool ts, sack, small;
        enum ek_ecn_offer ecn;
        uint32_t ts_recent;
        uint64_t rtt_ns; /* 0: not measured */
        uint8_t again;   /* SYN,ACKs sent beyond the first */
};

static bool inherit(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_listener *ls)
{
        struct ek_settings *own;

        tcb->cong.ops = ls->congestion;
        if (ls->settings == EK_NIL)
                return true;
        own = ek_tcb_own_settings(t, &tcb->settings);
        if (own == NULL)
                return false;
        *own = *(const struct ek_settings *)ek_slab_at(&t->settings, ls->settings);
        if (own->quickack)
                tcb->delack.quick = EK_QUICK_ACKS;
        return true;
}

/* Memory for the window that the SYN+ACK announced, unscaled. */
static bool keep_promise(struct ek_tcp *t, struct ek_tcb *tcb, bool small)
{
        uint32_t announced = ek_rcv_buf_syn_ack(t, ek_tcb_settings(t, tcb), small);

        if (!ek_rcv_buf_open(t, tcb, tcb->rcv_nxt, announced))
                return false;
        ek_rcv_window_on_sent(&tcb->win, tcb->rcv_nxt, announced);
        return true;
}

/* It can't be: take it back as if it had never been. */
static struct ek_tcb *unmake(struct ek_tcp *t, struct ek_tcb *tcb)
{
        t->ctr->nomem++;
        tcb->state = ELKO_TCP_CLOSED;
        tcb->flags |= EK_TCB_ORPHAN;
        ek_tcb_bury(t, tcb);
        return NULL;
}

/* A connection in SYN-RECEIVED, whose ACK is about to be processed. NULL: no memory. */
static struct ek_tcb *make_tcb(struct ek_tcp *t, struct ek_listener *ls, const struct ek_key *key,
                               const struct opened *o)
{
        struct ek_tcb *tcb = ek_tcb_new(t, key);
        struct ek_tcp_opts opt = {0};

        if (tcb == NULL)
                return NULL;
        if (!inherit(t, tcb, ls))
                return unmake(t, tcb);
        tcb->state = ELKO_TCP_SYN_RECEIVED; /* the half-open entry's state goes over */
        tcb->iss = o->iss;
        tcb->irs = o->irs;
        tcb->snd_una = o->iss;
        tcb->snd_nxt = seq_add(o->iss, 1);
        tcb->rcv_nxt = seq_add(o->irs, 1);
        tcb->last_ack_sent = tcb->rcv_nxt;
        tcb->snd_small = o->iss;
        tcb->stats.segs_in = 2; /* the SYN, and the segment that is being processed */
        tcb->adv_mss = ek_tcp_adv_mss(t, key, ek_tcb_settings(t, tcb)->max_seg);
        tcb->rcv_wscale = ek_options_rcv_wscale(t, ek_tcb_settings(t, tcb));
        opt.mss = o->peer_mss;
        opt.present = o->peer_mss != 0 ? ELKO_OPT_MSS : 0;
        if (o->wscale != EK_HALF_OPEN_NO_WSCALE) {
                opt.present |= ELKO_OPT_WSCALE;
                opt.wscale = o->wscale;
        }
        if (o->sack)
                opt.present |= ELKO_OPT_SACK_PERMITTED;
        if (o->ts) {
                opt.present |= ELKO_OPT_TIMESTAMPS;
                opt.ts_val = o->ts_recent;
        }
        ek_options_on_syn(t, tcb, &opt);
        ek_ecn_open(t, tcb, o->ecn);
        if (!keep_promise(t, tcb, o->small))
                return unmake(t, tcb);
        if (o->rtt_ns != 0)
                ek_rtt_on_sample(&tcb->rtt, o->rtt_ns);
        tcb->rtt.backoff = tcb->rtt.timeouts = o->again;
        ek_tcb_route(t, tcb);
        return tcb;
}

/* Into the table and the accept queue. */
static void admit(struct ek_tcp *t, struct ek_listener *ls, struct ek_tcb *tcb)
{
        ek_tcp_insert(t, &tcb->conn, ek_ref(EK_KIND_TCB, tcb->index));
        tcb->flags |= EK_TCB_HASHED | EK_TCB_QUEUED;
        ek_list_push_back(&ls->accept, &tcb->app);
        ls->queued++;
        t->ctr->tcp_passive_opens++;
        ek_listener_tell(t, ls, ELKO_EV_ACCEPT);
}

struct ek_tcb *ek_open_by_syn(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        const struct ek_settings *s =
                ls->settings == EK_NIL ? &t->defaults : ek_slab_at(&t->settings, ls->settings);
        struct opened o = {
                .iss = ek_iss_make(t, &seg->key, ek_iss_birth(t, &seg->key)),
                .irs = seg->seq,
                .peer_mss = (opt->present & ELKO_OPT_MSS) ? opt->mss : 0,
                .wscale = EK_HALF_OPEN_NO_WSCALE,
                .ts = t->cfg.timestamps && (opt->present & ELKO_OPT_TIMESTAMPS),
                .sack = t->cfg.sack && (opt->present & ELKO_OPT_SACK_PERMITTED),
                .small = ek_rcv_buf_is_short(t, s),
                .ecn = ek_ecn_offer(s, seg),
                .ts_recent = opt->ts_val,
        };
        struct ek_tcb *tcb;

        if (t->cfg.window_scale && (opt->present & ELKO_OPT_WSCALE))
                o.wscale = opt->wscale;
        tcb = make_tcb(t, ls, &seg->key, &o);
        if (tcb == NULL)
                return NULL;
        admit(t, ls, tcb);
        return tcb;
}

/* There is not even what the chunk of a pool takes. */
static bool is_full(const struct ek_tcp *t)
{
        size_t chunk = t->half_opens.chunk_bytes;
        size_t committed = ek_region_used(t->region) + ek_region_reserved(t->region);

        return ek_region_largest_free(t->region) < chunk ||
               committed + chunk > ek_region_capacity(t->region);
}

/* The entry gives way to its connection, which the memory of the pool may be all that it takes; or it is back. */
static struct ek_tcb *make_in_place(struct ek_tcp *t, uint32_t *index, struct ek_listener *ls,
                                    const struct ek_key *key, const struct opened *o)
{
        struct ek_half_open was = *ek_half_open_at(t, *index), *again;
        struct ek_tcb *tcb;

        ek_half_open_free(t, *index);
        *index = EK_NIL;
        tcb = make_tcb(t, ls, key, o);
        if (tcb != NULL)
                return tcb;
        again = ek_half_open_new(t, key, (enum ek_half_open_stage)was.stage, index);
        if (again == NULL)
                return NULL;
        was.conn = again->conn;
        was.next = again->next;
        was.prev = again->prev;
        *again = was;
        ls->half_open++;
        return NULL;
}

/* The ACK is right: the entry becomes a connection. False: it can't now; the peer will ask again. */
static bool promote(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);
        struct ek_listener *ls = ek_listener_find(t, &seg->key);
        struct opened o = {
                .iss = ek_half_open_iss(t, ho),
                .irs = seq_make(ho->irs),
                .peer_mss = ek_half_open_mss(ho),
                .wscale = ho->wscale,
                .ts = ho->ts,
                .sack = ho->sack,
                .small = ek_half_open_is_small(ho),
                .ecn = (enum ek_ecn_offer)ho->ecn,
                .ts_recent = ho->ts_recent,
        };
        struct ek_tcb *tcb;

        if (ls == NULL) {
                ek_half_open_free(t, index);
                ek_seg_on_closed(t, seg, ELKO_DROP_TCP_NO_CONN);
                return false;
        }
        if (ls->queued >= ls->backlog) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_ACCEPT_QUEUE);
                return false;
        }
        o.again = (uint8_t)(ho->tries - 1);
        /* Karn: only a SYN+ACK that was sent once; and this is the answer to it. */
        if (ho->tries == 1 && !ek_half_open_is_deferred(ho))
                o.rtt_ns = ek_half_open_rtt(t, ho, &seg->hdr->opt);
        tcb = make_tcb(t, ls, &seg->key, &o);
        if (tcb == NULL && ek_slab_live(&t->half_opens) == 1 && is_full(t))
                tcb = make_in_place(t, &index, ls, &seg->key, &o);
        if (tcb == NULL) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_SYN_NOMEM);
                return false;
        }
        if (index != EK_NIL)
                ek_half_open_free(t, index);
        admit(t, ls, tcb);
        return true;
}

/* First step of 3.10.7.4 with RCV.NXT = IRS + 1 and the window that the SYN+ACK announced. */
static bool in_window(struct ek_tcp *t, const struct ek_half_open *ho, const struct ek_seg *seg)
{
        uint32_t wnd =
                ek_rcv_buf_syn_ack(t, ek_half_open_settings(t, ho), ek_half_open_is_small(ho));
        seq_t rcv_nxt = seq_make(ho->irs + 1);

        return seq_in(seg->seq, rcv_nxt, wnd) ||
               (seg->len > 0 && seq_in(seq_add(seg->seq, seg->len - 1), rcv_nxt, wnd));
}

/* The window that the SYN+ACK announced, as a field of a segment that is none: scaled. */
static uint16_t announced_window(struct ek_tcp *t, const struct ek_half_open *ho)
{
        const struct ek_settings *s = ek_half_open_settings(t, ho);
        uint8_t scale = ho->wscale == EK_HALF_OPEN_NO_WSCALE ? 0 : ek_options_rcv_wscale(t, s);

        return (uint16_t)(ek_rcv_buf_syn_ack(t, s, ek_half_open_is_small(ho)) >> scale);
}

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, for a segment outside of the window. */
static void acknowledge(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);
        struct ek_stateless r = {
                .key = seg->key,
                .seq = seq_add(ek_half_open_iss(t, ho), 1),
                .ack = seq_make(ho->irs + 1),
                .flags = ELKO_ACK | ek_ecn_ack_flags((enum ek_ecn_offer)ho->ecn),
                .wnd = announced_window(t, ho),
                .why = ELKO_WHY_ACK_DUP,
                .ts = ho->ts,
                .ts_val = ek_tcp_ms(t) + ek_iss_ts_offset(t, &seg->key),
                .ts_ecr = ho->ts_recent,
        };

        if (ek_limiter_take(&t->reset_limit, &seg->key.remote, t->now))
                ek_tcp_reply(t, &r);
}

/* The SYN+ACK once more, besides those of the timer: whose schedule, and the order of the entries that wait
 * (by birth), stay as they are. */
static void answer_again(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);
        const struct ek_settings *s = ek_half_open_settings(t, ho);
        bool wscale = ho->wscale != EK_HALF_OPEN_NO_WSCALE;
        struct ek_stateless r = {
                .key = seg->key,
                .seq = ek_half_open_iss(t, ho),
                .ack = seq_make(ho->irs + 1),
                .flags = ELKO_SYN | ELKO_ACK | ek_ecn_syn_ack_flags((enum ek_ecn_offer)ho->ecn),
                .wnd = (uint16_t)ek_rcv_buf_syn_ack(t, s, ek_half_open_is_small(ho)),
                .mss = ek_tcp_adv_mss(t, &seg->key, s->max_seg),
                .wscale = wscale ? ek_options_rcv_wscale(t, s) : 0xff,
                .why = ELKO_WHY_SYN_ACK,
                .sack = ho->sack,
                .ts = ho->ts,
                .ts_val = ek_tcp_ms(t) + ek_iss_ts_offset(t, &seg->key),
                .ts_ecr = ho->ts_recent,
        };

        if (!ek_tcp_reply(t, &r))
                return;
        ho->tries = (ho->tries + 1u) & 7;
        t->ctr->tcp_syn_retrans++;
}

/* SYN again: the peer did not get our answer, or it is a new incarnation of the peer. */
static void on_syn(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);
        struct ek_listener *ls = ek_listener_find(t, &seg->key);

        if (seg->seq.v == ho->irs) {
                if (!ek_ecn_again(ho, ek_half_open_settings(t, ho), seg)) {
                        ek_half_open_free(t, index);
                        ek_seg_on_closed(t, seg, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                        return;
                }
                /* The same SYN: answer again, now (once for each, no faster than it comes, and not for ever: who
                 * gets it may never have asked). */
                if (ho->stage >= EK_HO_WAIT && ho->tries < EK_HALF_OPEN_MAX_RETRIES)
                        answer_again(t, index, seg);
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                return;
        }
        /*
         * Another SYN for the same tuple: one of the two is an old duplicate, and we can't tell which.
         * RFC 9293, 3.10.7.4 first: outside of the window it gets an ACK only. A peer whose newer SYN it
         * is resets that, exactly (figure 8), and asks again; a connection whose last ACK is on its way
         * takes no harm.
         */
        if (!in_window(t, ho, seg)) {
                if (ho->tries > 0)
                        acknowledge(t, index, seg);
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                return;
        }
        /* LISTEN would refuse it (MUST-7), so it is no reason to give the entry up. */
        if (seg->hdr->opt.malformed) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_OPTIONS);
                return;
        }
        /* Fourth, SYN-RECEIVED, passive: return to LISTEN, which gives it its answer. */
        ek_half_open_free(t, index);
        ek_trace_state(t, &seg->key, NULL, ELKO_TCP_SYN_RECEIVED, ELKO_TCP_LISTEN, "another SYN");
        if (ls != NULL)
                ek_seg_on_listen(t, ls, seg);
        else
                ek_seg_on_closed(t, seg, ELKO_DROP_TCP_NO_CONN);
}

/* RST: exact sequence number only, inside of the window a challenge ACK (3.10.7.4 second; RFC 5961, 3.2).
 * The entry is forgotten, the user not informed. [RFC9293 MUST-11] */
static void on_reset(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);

        if (!seq_eq(seg->seq, seq_make(ho->irs + 1))) {
                bool challenge = t->cfg.challenge_acks && ho->tries > 0 && in_window(t, ho, seg);

                if (challenge)
                        acknowledge(t, index, seg);
                ek_tcp_drop(t, seg, NULL,
                            challenge ? ELKO_DROP_TCP_RST_SEQ : ELKO_DROP_TCP_HALF_OPEN_SEQ);
                return;
        }
        t->ctr->tcp_attempt_fails++;
        ek_half_open_free(t, index);
        ek_trace_state(t, &seg->key, NULL, ELKO_TCP_SYN_RECEIVED, ELKO_TCP_LISTEN, "reset by peer");
        ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_RST_TAKEN);
}

static bool returns_cookie(const struct ek_tcp *t, const struct ek_seg *seg, struct ek_cookie *out)
{
        return t->now < t->cookies_until &&
               ek_cookie_check(&t->secrets.cookie, &seg->key, seq_add(seg->seq, UINT32_MAX),
                               seq_add(seg->ack, UINT32_MAX), t->now, out);
}

/* The SYN came twice: it was answered with a cookie while the queue was full, and by this entry when it
 * was not. The peer may take either answer. */
static bool answers_cookie(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg)
{
        struct ek_listener *ls = ek_listener_find(t, &seg->key);
        struct ek_cookie cookie;

        if (ek_seg_has(seg, ELKO_SYN) || ls == NULL || (ls->flags & ELKO_LISTEN_VERDICT) ||
            !returns_cookie(t, seg, &cookie))
                return false;
        ek_half_open_free(t, index);
        return ek_seg_on_cookie(t, ls, seg);
}

/*
 * A segment for a half-open connection. True: it is a connection now, in SYN-RECEIVED, and the caller
 * processes the segment on it.
 */
bool ek_seg_on_half_open(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);
        const struct ek_tcp_opts *opt = &seg->hdr->opt;

        if (ek_seg_has(seg, ELKO_RST)) {
                on_reset(t, index, seg);
                return false;
        }
        if (ek_seg_has(seg, ELKO_SYN) && !ek_seg_has(seg, ELKO_ACK)) {
                if (ek_seg_has(seg, ELKO_FIN)) /* as in LISTEN */
                        ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                else
                        on_syn(t, index, seg);
                return false;
        }
        if (!ek_seg_has(seg, ELKO_ACK)) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_NO_ACK_FLAG);
                return false;
        }
        /* Fifth: an ACK that is not of our SYN, SND.UNA < SEG.ACK =< SND.NXT, gets a reset. */
        if (ho->tries == 0 || !seq_eq(seg->ack, seq_add(ek_half_open_iss(t, ho), 1))) {
                if (answers_cookie(t, index, seg))
                        return false;
                ek_seg_on_closed(t, seg, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                return false;
        }
        if (ek_seg_has(seg, ELKO_SYN) || !in_window(t, ho, seg)) {
                acknowledge(t, index, seg);
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                return false;
        }
        /* RFC 7323, 5: PAWS applies from the first segment on. */
        if (ho->ts && (opt->present & ELKO_OPT_TIMESTAMPS) &&
            (int32_t)(opt->ts_val - ho->ts_recent) < 0) {
                acknowledge(t, index, seg);
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_PAWS);
                return false;
        }
        /* It is in order, but the listener would rather not hear of it before there is data to be read. */
        if (seg->len == 0 &&
            ek_half_open_timeouts(t, ho) < ek_half_open_settings(t, ho)->defer_accept) {
                ho->fastopen = 1;
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_DEFERRED);
                return false;
        }
        return promote(t, index, seg);
}

/* Were Timestamps negotiated (RFC 7323, 3.2)? The echo of the SYN+ACK's tells it; what was in none of ours tells
 * nothing of a window scale. */
static bool echoes_cookie(const struct ek_tcp *t, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        uint32_t age = ek_tcp_ms(t) + ek_iss_ts_offset(t, &seg->key) - opt->ts_ecr;

        return t->cfg.timestamps && (opt->present & ELKO_OPT_TIMESTAMPS) &&
               age <= 2 * EK_COOKIE_LIFE_SECONDS * 1000 + (1u << EK_COOKIE_TS_BITS);
}

/* An ACK for a listener: does it return one of our cookies? True: the segment is dealt with. [RFC4987 3.6a 3.6e] */
bool ek_seg_on_cookie(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        struct ek_cookie cookie;
        struct ek_tcb *tcb;
        struct opened o;

        if (t->now >= t->cookies_until)
                return false;
        if (!returns_cookie(t, seg, &cookie)) {
                t->ctr->drops[ELKO_DROP_TCP_COOKIE]++;
                return false;
        }
        if (ls->queued >= ls->backlog) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_ACCEPT_QUEUE);
                return true;
        }
        o = (struct opened){.iss = seq_add(seg->ack, UINT32_MAX),
                            .irs = seq_add(seg->seq, UINT32_MAX),
                            .peer_mss = cookie.mss,
                            .small = true};
        o.wscale = EK_HALF_OPEN_NO_WSCALE;
        if (echoes_cookie(t, seg)) {
                o.ts = true;
                o.ts_recent = opt->ts_val;
                if (ek_cookie_from_ts(&t->secrets.cookie, &seg->key, o.iss, opt->ts_ecr, &cookie)) {
                        o.wscale = cookie.wscale;
                        o.sack = cookie.sack;
                }
        }
        tcb = make_tcb(t, ls, &seg->key, &o);
        if (tcb == NULL) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_SYN_NOMEM);
                return true;
        }
        if (o.ts &&
            tcb->act != NULL) /* it is older than the SYN,ACK was: no round trip shows in it */
                ek_rcv_rtt_pass(&tcb->act->rcv_rtt, opt->ts_ecr);
        ek_trace_state(t, &seg->key, NULL, ELKO_TCP_LISTEN, ELKO_TCP_SYN_RECEIVED, "cookie");
        t->ctr->tcp_syn_cookies_ok++;
        admit(t, ls, tcb);
        ek_seg_on_synchronized(t, tcb, seg);
        return true;
}
