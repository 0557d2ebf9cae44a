/* SPDX-License-Identifier: MIT */
#include "tcp/seg_open.h"
#include "tcp/tcp.h"
#include "wire/addr.h"

/*
 * TCP Fast Open, RFC 7413: data goes with the SYN, and is answered before the handshake is over. The third
 * step protects from old duplicate SYNs (RFC 9293, 3.5); an application that turns this on says that taking
 * the data of one twice does no harm (RFC 7413, 6.1). Off unless the option is set (4.2).
 *
 * The server makes a connection of its own for such a SYN at once, in SYN-RECEIVED, instead of an entry in
 * the SYN queue; how many may be in that state is limited (5.1). Everything else is an ordinary open: a SYN
 * with data is a record of the retransmission queue of which the SYN,ACK may acknowledge the first number
 * only, and a time-out sends the SYN again alone (4.2.2).
 */

static struct ek_tfo_path path_of(const struct ek_key *key)
{
        return (struct ek_tfo_path){.local = key->local, .remote = key->remote, .port = key->rport};
}

/* ---- client ---- */

bool ek_fast_open_wanted(struct ek_tcp *t, const struct ek_tcb *tcb)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);

        return tcb->state == ELKO_TCP_SYN_SENT && s->fastopen != 0 &&
               (t->fastopen.sets != 0 || s->fastopen_no_cookie);
}

/* Data without a cookie (7.3). */
static bool needs_no_cookie(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return ek_tcb_settings(t, tcb)->fastopen_no_cookie;
}

static const struct ek_tfo_entry *known(struct ek_tcp *t, const struct ek_tcb *tcb)
{
        struct ek_tfo_path path = path_of(&tcb->conn.key);

        if (ek_tcb_settings(t, tcb)->fastopen == ELKO_FASTOPEN_ASK)
                return NULL;
        return ek_tfo_find(&t->fastopen, &t->secrets.fastopen, &path, t->now);
}

enum {
        SYN_MSS_V4 = 1460,
        SYN_MSS_V6 = 1440,
        NO_MSS_V4 = 536,
        NO_MSS_V6 = 1220,
        ALL_OPTIONS = 40,
};

/* The MSS of a SYN's data: the server's, or what everybody takes (RFC 9293, 3.7.1), and what our own link does. */
static uint32_t syn_mss(const struct ek_tcp *t, const struct ek_tcb *tcb,
                        const struct ek_tfo_entry *e)
{
        bool v4 = ek_addr_is_v4(&tcb->conn.key.remote);
        uint32_t mss = v4 ? NO_MSS_V4 : NO_MSS_V6;

        if (t->cfg.fastopen_spare)
                return e != NULL && e->mss != 0 ? ek_min_u32(e->mss, tcb->adv_mss) : tcb->adv_mss;
        if (e != NULL && e->mss != 0)
                mss = ek_min_u32(e->mss, v4 ? SYN_MSS_V4 : SYN_MSS_V6);
        return ek_min_u32(mss, tcb->adv_mss);
}

/* Data bytes that may go with the first SYN (RFC 7413, 4.1.3): 0 without a cookie. */
uint32_t ek_fast_open_syn_room(struct ek_tcp *t, const struct ek_tcb *tcb)
{
        const struct ek_tfo_entry *e;
        struct ek_tcp_opts opt;
        uint32_t mss, used;

        if (!ek_fast_open_wanted(t, tcb) || !seq_eq(tcb->snd_nxt, tcb->iss))
                return 0;
        e = known(t, tcb);
        if (ek_tfo_is_barred(e, t->now) ||
            ((e == NULL || e->bytes == 0) && !needs_no_cookie(t, tcb)))
                return 0;
        ek_options_for_syn(t, tcb, &opt);
        if (!needs_no_cookie(t, tcb)) {
                opt.present |= ELKO_OPT_FASTOPEN;
                opt.fastopen_bytes = e->bytes;
                if (!ek_tcp_opts_fastopen_fits(&opt))
                        return 0;
        }
        mss = syn_mss(t, tcb, e);
        used = t->cfg.fastopen_spare ? ALL_OPTIONS : ek_tcp_opts_len(&opt);
        return mss > used ? mss - used : 0;
}

/* The SYN waits for the user, who may have data for it, or goes now. */
void ek_fast_open_hold(struct ek_tcp *t, struct ek_tcb *tcb, bool hold)
{
        if (tcb->state != ELKO_TCP_SYN_SENT || !seq_eq(tcb->snd_nxt, tcb->iss) ||
            hold == !(tcb->todo & EK_TODO_SYN))
                return;
        if (hold) {
                tcb->todo &= ~(uint32_t)EK_TODO_SYN;
                tcb->at[EK_DL_ABORT] = EK_NEVER;
                return;
        }
        tcb->todo |= EK_TODO_SYN;
        ek_tcb_arm(t, tcb, EK_DL_ABORT, ek_time_add(t->now, ek_tcb_r2(t, tcb)));
        ek_tcb_has_work(t, tcb);
}

/* The option of the first SYN: the cookie, or the wish for one. [RFC7413 4.2.1a 4.2.2a] */
void ek_fast_open_for_syn(struct ek_tcp *t, struct ek_tcb *tcb, struct ek_tcp_opts *opt)
{
        const struct ek_tfo_entry *e;

        if (!ek_fast_open_wanted(t, tcb))
                return;
        e = known(t, tcb);
        if (ek_tfo_is_barred(e, t->now))
                return;
        if (needs_no_cookie(t, tcb)) {
                t->ctr->tcp_fastopen_out++;
                tcb->flags |= EK_TCB_FASTOPEN_ASKED;
                return;
        }
        opt->present |= ELKO_OPT_FASTOPEN;
        if (e != NULL && e->bytes > 0) {
                opt->fastopen = e->cookie;
                opt->fastopen_bytes = e->bytes;
        }
        opt->fastopen_exp = e != NULL && (e->bytes > 0 ? e->exp : e->try_exp == 1);
        if (!ek_tcp_opts_fastopen_fits(opt)) {
                opt->present &= ~(uint32_t)ELKO_OPT_FASTOPEN;
                return;
        }
        if (opt->fastopen_bytes > 0)
                t->ctr->tcp_fastopen_out++;
        else
                t->ctr->tcp_fastopen_asked++;
        tcb->flags |= EK_TCB_FASTOPEN_ASKED;
        if (opt->fastopen_exp)
                tcb->flags |= EK_TCB_FASTOPEN_EXP;
}

/*
 * What the SYN,ACK tells of our option. A refusal is: no answer before the plain SYN went (4.2.2, "presumably
 * it is triggered by a retransmitted SYN"), or data not acknowledged and no other cookie given. One that took
 * the first SYN and gives no cookie may know the option by its old number only (A).
 * [RFC7413 4.1.3.1a 4.2.2g]
 */
void ek_fast_open_on_syn_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                             bool data_acked)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        struct ek_tfo_path path = path_of(&tcb->conn.key);
        bool cookie = (opt->present & ELKO_OPT_FASTOPEN) && opt->fastopen_bytes > 0;
        bool data_left = !ek_txq_is_empty(&tcb->act->txq);
        uint16_t mss = (opt->present & ELKO_OPT_MSS) ? opt->mss : 0;

        if (!ek_tcb_has(tcb, EK_TCB_FASTOPEN_ASKED))
                return;
        if (cookie)
                ek_tfo_learn(&t->fastopen, &t->secrets.fastopen, &path, t->now, opt->fastopen,
                             opt->fastopen_bytes, mss, opt->fastopen_exp);
        if (data_acked) {
                tcb->flags |= EK_TCB_SYN_DATA;
                t->ctr->tcp_fastopen_taken++;
                ek_tfo_worked(&t->fastopen, &t->secrets.fastopen, &path);
        } else if (!cookie && (tcb->rtt.timeouts > 0 || data_left)) {
                ek_tfo_fail(&t->fastopen, &t->secrets.fastopen, &path, t->now,
                            t->cfg.fastopen_bar_ns);
        } else if (!cookie && !needs_no_cookie(t, tcb)) {
                ek_tfo_refused(&t->fastopen, &t->secrets.fastopen, &path, t->now,
                               ek_tcb_has(tcb, EK_TCB_FASTOPEN_EXP));
        }
}

/* ---- server ---- */

static bool is_set(const uint8_t key[16])
{
        uint8_t any = 0;

        for (unsigned i = 0; i < 16; i++)
                any |= key[i];
        return any != 0;
}

static uint64_t get64le(const uint8_t *p)
{
        uint64_t v = 0;

        for (unsigned i = 0; i < 8; i++)
                v |= (uint64_t)p[i] << 8 * i;
        return v;
}

/* The user's, for the listener or for all of them, or the stack's own. */
static struct ek_tfo_keys keys(const struct ek_tcp *t, const struct ek_listener *ls)
{
        const uint8_t(*key)[16] = t->cfg.fastopen_key;
        struct ek_tfo_keys k = {.count = is_set(t->cfg.fastopen_key[1]) ? 2 : 1};

        if (ls != NULL && ls->fastopen_keys > 0) {
                key = ls->fastopen_key;
                k.count = ls->fastopen_keys;
        } else if (!is_set(key[0])) {
                return ek_tfo_keys_at(&t->secrets.fastopen, t->now);
        }
        for (uint32_t i = 0; i < k.count; i++) {
                k.key[i].k0 = get64le(key[i]);
                k.key[i].k1 = get64le(key[i] + 8);
        }
        return k;
}

/* The cookie for a SYN,ACK; `cookie` is where it stands until the option is written. */
void ek_fast_open_offer(struct ek_tcp *t, const struct ek_key *key, bool experiment,
                        uint8_t cookie[EK_TFO_COOKIE_BYTES], struct ek_tcp_opts *opt)
{
        struct ek_tfo_keys k = keys(t, ek_listener_find(t, key));

        ek_tfo_cookie(&k, &key->remote, &key->local, cookie);
        opt->present |= ELKO_OPT_FASTOPEN;
        opt->fastopen = cookie;
        opt->fastopen_bytes = EK_TFO_COOKIE_BYTES;
        opt->fastopen_exp = experiment;
        if (!ek_tcp_opts_fastopen_fits(opt))
                opt->present &= ~(uint32_t)ELKO_OPT_FASTOPEN;
}

/* As long as the SYN,ACK of an ordinary open is repeated. */
static uint64_t patience(const struct ek_tcp *t)
{
        uint64_t span = 0, rto = t->cfg.rto_initial_ns;

        for (uint32_t i = 0; i <= t->cfg.synack_retries; i++) {
                span += ek_min_u64(rto, t->cfg.rto_max_ns);
                rto *= 2;
        }
        return span;
}

/* A connection at once (4.2.2, steps 4 to 6). False: no memory. [RFC7413 4.2.2d 4.2.2e] */
static bool open_now(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg,
                     bool new_cookie)
{
        struct ek_tcb *tcb = ek_open_by_syn(t, ls, seg);

        if (tcb == NULL)
                return false;
        tcb->flags |= EK_TCB_FASTOPEN;
        if (new_cookie)
                tcb->flags |= EK_TCB_FASTOPEN_ASKED;
        if (seg->hdr->opt.fastopen_exp)
                tcb->flags |= EK_TCB_FASTOPEN_EXP;
        tcb->snd_nxt = tcb->iss;
        tcb->snd_wnd = tcb->snd_wnd_max = seg->hdr->wnd; /* of a SYN: not scaled */
        tcb->snd_wl1 = seg->seq;
        tcb->snd_wl2 = tcb->iss;
        t->fastopen_pending.open++;
        t->ctr->tcp_fastopen_in++;
        ek_trace_state(t, &seg->key, tcb, ELKO_TCP_LISTEN, ELKO_TCP_SYN_RECEIVED, "Fast Open");
        ek_recovery_start(t, tcb);
        ek_ecn_begin(tcb);
        tcb->todo |= EK_TODO_SYN;
        ek_tcb_arm(t, tcb, EK_DL_ABORT, ek_time_add(t->now, patience(t)));
        if (seg->hdr->data_len > 0) {
                ek_step_7_text(t, tcb, seg);
                tcb->flags |= EK_TCB_SYN_DATA;
        }
        ek_tcb_has_work(t, tcb);
        return true;
}

/* What the listener makes of the option; *offer: a cookie is to go with the SYN,ACK. */
static bool is_welcome(struct ek_tcp *t, const struct ek_listener *ls, const struct ek_settings *s,
                       const struct ek_seg *seg, bool *offer)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        struct ek_tfo_keys k;

        if (s->fastopen_no_cookie && (seg->hdr->data_len > 0 || (opt->present & ELKO_OPT_FASTOPEN)))
                return true;
        if (!(opt->present & ELKO_OPT_FASTOPEN))
                return false;
        if (opt->fastopen_bytes == 0) {
                *offer = true;
                return false;
        }
        k = keys(t, ls);
        switch (ek_tfo_check(&k, &seg->key.remote, &seg->key.local, opt->fastopen,
                             opt->fastopen_bytes)) {
        case EK_TFO_INVALID:
                t->ctr->tcp_fastopen_refused++;
                *offer = true;
                return false;
        case EK_TFO_AGEING: *offer = true; return true;
        case EK_TFO_VALID: break;
        }
        return true;
}

/*
 * A SYN for a listener. True: it opened a connection. *offer: the SYN,ACK of the ordinary open is to carry a
 * cookie: the client asked for one, or has one that is not good.
 * [RFC7413 4.2a 4.2.1b 4.2.2b 4.2.2c 5.1a]
 */
bool ek_fast_open_on_syn(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg,
                         bool *offer)
{
        const struct ek_settings *s =
                ls->settings == EK_NIL ? &t->defaults : ek_slab_at(&t->settings, ls->settings);

        *offer = false;
        /* Who decides about each SYN decides before its data is taken. */
        if (s->fastopen == 0 || (ls->flags & ELKO_LISTEN_VERDICT) ||
            !is_welcome(t, ls, s, seg, offer))
                return false;
        if (ek_tfo_pending(&t->fastopen_pending, t->now) >= s->fastopen) {
                t->ctr->tcp_fastopen_full++;
                *offer = false;
                return false;
        }
        return open_now(t, ls, seg, *offer);
}

/* A connection leaves SYN-RECEIVED. */
void ek_fast_open_left(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_tcp_state to)
{
        if (!ek_tcb_has(tcb, EK_TCB_FASTOPEN))
                return;
        tcb->flags &= ~(uint32_t)EK_TCB_FASTOPEN;
        EK_ASSERT(t->fastopen_pending.open > 0);
        t->fastopen_pending.open--;
        /* Spoofed SYNs are reset by those whose address they bear, and must not make room for more (5.1). */
        if (to == ELKO_TCP_CLOSED)
                ek_tfo_on_reset(&t->fastopen_pending, t->now);
}
