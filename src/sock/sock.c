/* SPDX-License-Identifier: MIT */
#include "sock/sock.h"

#include "sock/handle.h"
#include "sock/ports.h"
#include "wire/addr.h"

/*
 * The calls that open, accept, configure and close: from handles and endpoints to tcbs, half-open entries
 * and listeners. Readiness is kept as pending bits in each object; an object with bits stands in a queue
 * once, and reading the event clears the bits.
 */

static const struct elko_listen_config listen_default = {.backlog = 1024, .syn_queue = 4096};

static elko_ip with_scope(const elko_endpoint *ep)
{
        elko_ip ip = ep->ip;

        if (ep->scope != 0)
                ek_ip_embed_scope(&ip, ep->scope);
        return ip;
}

static elko_endpoint endpoint(elko_ip ip, uint16_t port)
{
        elko_endpoint ep = {.ip = ip, .port = port};

        ep.scope = ek_ip_strip_scope(&ep.ip);
        return ep;
}

/* ---- passive OPEN ---- */

static bool any_ip_link_exists(const struct ek_tcp *t)
{
        const struct elko_link_config *cfg;

        for (elko_link i = 1; (cfg = ek_ip_link(t->ip, i)) != NULL; i++)
                if (cfg->flags & ELKO_LINK_ANY_IP)
                        return true;
        return false;
}

/* [RFC9293 MUST-41 MUST-42] */
int ek_sock_listen(struct ek_tcp *t, const elko_endpoint *local,
                   const struct elko_listen_config *cfg, elko_sock *out)
{
        elko_ip ip = with_scope(local);
        struct ek_listener *ls;

        if (cfg == NULL)
                cfg = &listen_default;
        if (cfg->backlog == 0 || cfg->syn_queue == 0 ||
            (local->port == 0) != ((cfg->flags & ELKO_LISTEN_ANY_PORT) != 0))
                return ELKO_EINVAL;
        /* 0.0.0.0 and :: both mean any address. */
        if (ek_addr_is_any(&ip))
                ip = (elko_ip){{0}};
        else if (!ek_ip_is_local(t->ip, &ip) && !any_ip_link_exists(t))
                return ELKO_EADDRNOTAVAIL;
        if (ek_listener_exact(t, &ip, local->port) != NULL)
                return ELKO_EADDRINUSE;
        ls = ek_listener_new(t, &ip, local->port, cfg);
        if (ls == NULL)
                return ek_slab_live(&t->listeners) >= t->cfg.max_listeners ? ELKO_ELIMIT
                                                                           : ELKO_ENOMEM;
        *out = ek_handle_of_listener(ls);
        return ELKO_OK;
}

int ek_sock_accept(struct ek_tcp *t, elko_sock listener, elko_sock *out, elko_endpoint *remote)
{
        struct ek_listener *ls = ek_handle_listener(t, listener);
        struct ek_list *first;
        struct ek_tcb *tcb;

        if (ls == NULL)
                return ELKO_EBADF;
        first = ek_list_pop_front(&ls->accept);
        if (first == NULL)
                return ELKO_EAGAIN;
        tcb = ek_tcb_touch(ek_container_of(first, struct ek_tcb, app));
        EK_ASSERT(ls->queued > 0);
        ls->queued--;
        tcb->flags &= ~(uint32_t)EK_TCB_QUEUED;
        tcb->flags |= EK_TCB_WANT_WRITE;
        /* What came before the application had the handle is news now. */
        if (tcb->events != 0)
                ek_tcb_tell(t, tcb, tcb->events);
        if (remote != NULL)
                *remote = endpoint(tcb->conn.key.remote, tcb->conn.key.rport);
        *out = ek_handle_of_tcb(tcb);
        return ELKO_OK;
}

/* ---- verdicts ---- */

/* A half-open entry as a number: its index and its birth, so that a reused entry isn't mistaken. */
static uint64_t syn_id(const struct ek_half_open *ho, uint32_t index)
{
        return (uint64_t)ho->born << 32 | (index + 1u);
}

int ek_sock_syn_next(struct ek_tcp *t, elko_sock listener, struct elko_syn *out)
{
        struct ek_listener *ls = ek_handle_listener(t, listener);

        if (ls == NULL)
                return ELKO_EBADF;
        for (uint32_t i = t->half_open.head[EK_HO_UNDECIDED]; i != EK_HALF_OPEN_NIL;) {
                struct ek_half_open *ho = ek_half_open_at(t, i);

                EK_WORK(1);
                if (!ho->mark && ek_listener_find(t, &ho->conn.key) == ls) {
                        ho->mark = 1;
                        out->id = syn_id(ho, i);
                        out->local = endpoint(ho->conn.key.local, ho->conn.key.lport);
                        out->remote = endpoint(ho->conn.key.remote, ho->conn.key.rport);
                        out->mss = ek_half_open_mss(ho);
                        return ELKO_OK;
                }
                i = ho->next;
        }
        return ELKO_EAGAIN;
}

int ek_sock_syn_verdict(struct ek_tcp *t, uint64_t id, enum elko_verdict verdict)
{
        uint32_t index = (uint32_t)id - 1u;
        struct ek_half_open *ho;
        struct ek_key key;
        struct ek_stateless reset = {.flags = ELKO_RST | ELKO_ACK, .why = ELKO_WHY_RST};

        if (!ek_slab_is_live(&t->half_opens, index))
                return ELKO_ENOENT;
        ho = ek_half_open_at(t, index);
        if (syn_id(ho, index) != id || ho->stage != EK_HO_UNDECIDED)
                return ELKO_ENOENT;
        switch (verdict) {
        case ELKO_VERDICT_ACCEPT:
                /* Its life as a half-open connection begins now. The ISS follows the birth. */
                ho->born = ek_iss_birth(t, &ho->conn.key);
                ek_half_open_move(t, index, EK_HO_SEND);
                return ELKO_OK;
        case ELKO_VERDICT_RESET:
                reset.key = ho->conn.key;
                reset.ack = seq_make(ho->irs + 1);
                ek_tcp_reply(t, &reset);
                break;
        case ELKO_VERDICT_DROP: t->ctr->drops[ELKO_DROP_TCP_SYN_VERDICT]++; break;
        default: return ELKO_EINVAL;
        }
        t->ctr->tcp_attempt_fails++;
        key = ho->conn.key;
        ek_trace_state(t, &key, NULL, ELKO_TCP_SYN_RECEIVED, ELKO_TCP_LISTEN, "verdict");
        ek_half_open_free(t, index);
        ek_time_wait_after_half_open(t, &key);
        return ELKO_OK;
}

/* ---- active OPEN ---- */

/* [RFC9293 MUST-43 MUST-44] */
static int local_end(struct ek_tcp *t, const elko_endpoint *local, struct ek_key *key,
                     uint16_t scope)
{
        struct ek_route route;
        int r = ek_route_lookup(t->ip, &key->remote, scope, &route);

        if (r != ELKO_OK)
                return r;
        if (local != NULL && !ek_addr_is_any(&local->ip)) {
                key->local = with_scope(local);
                if (!ek_ip_is_local(t->ip, &key->local))
                        return ELKO_EADDRNOTAVAIL;
                if (ek_addr_is_v4(&key->local) != ek_addr_is_v4(&key->remote))
                        return ELKO_EINVAL;
        } else {
                r = ek_ip_source_select(t->ip, &key->remote, scope, &key->local);
                if (r != ELKO_OK)
                        return r;
        }
        key->lport = local != NULL ? local->port : 0;
        if (key->lport == 0)
                return ek_ports_choose(t, key) ? ELKO_OK : ELKO_ENOPORTS;
        return ek_tcp_lookup(t, key) == EK_NIL ? ELKO_OK : ELKO_EADDRINUSE;
}

/* [RFC9293 MUST-46] */
int ek_sock_connect(struct ek_tcp *t, const elko_endpoint *remote, const elko_endpoint *local,
                    elko_sock *out)
{
        struct ek_key key = {.remote = remote->ip, .rport = remote->port};
        struct ek_tcb *tcb;
        int r;

        if (remote->port == 0 || !ek_addr_is_unicast(&remote->ip))
                return ELKO_EINVAL;
        /* A link-local peer needs its link, given or the only one there is. */
        if (ek_addr_is_v6_link_local(&remote->ip))
                ek_ip_embed_scope(&key.remote, remote->scope != 0 ? remote->scope : 1);
        if (ek_ip_classify(t->ip, &key.remote) == EK_IP_BROADCAST)
                return ELKO_EINVAL; /* of a network of ours: RFC 9293, 3.9.1.1 */
        if (ek_ip_is_local(t->ip, &key.remote))
                return ELKO_EHOSTUNREACH; /* no loopback: packets to ourselves leave no link */
        r = local_end(t, local, &key, remote->scope);
        if (r != ELKO_OK)
                return r;
        tcb = ek_user_open(t, &key);
        if (tcb == NULL)
                return ek_slab_live(&t->tcbs) >= t->cfg.max_connections ? ELKO_ELIMIT : ELKO_ENOMEM;
        *out = ek_handle_of_tcb(tcb);
        return ELKO_OK;
}

/* ---- CLOSE, ABORT ---- */

int ek_sock_close(struct ek_tcp *t, elko_sock s)
{
        struct ek_listener *ls = ek_handle_listener(t, s);
        struct ek_tcb *tcb = ek_handle_tcb(t, s);

        if (ls != NULL) {
                ek_listener_close(t, ls);
                return ELKO_OK;
        }
        if (tcb == NULL)
                return ELKO_EBADF;
        ek_user_close(t, tcb);
        return ELKO_OK;
}

int ek_sock_abort(struct ek_tcp *t, elko_sock s)
{
        struct ek_listener *ls = ek_handle_listener(t, s);
        struct ek_tcb *tcb = ek_handle_tcb(t, s);

        if (ls != NULL) {
                ek_listener_close(t, ls);
                return ELKO_OK;
        }
        if (tcb == NULL)
                return ELKO_EBADF;
        ek_user_abort(t, tcb);
        return ELKO_OK;
}

/* ---- options ---- */

static bool in(uint64_t v, uint64_t lo, uint64_t hi)
{
        return v >= lo && v <= hi;
}

enum { BUF_LEAST = 2048, BUF_MOST = 1 << 30, SYN_RETRIES_MOST = 127 };

/* [RFC9293 MUST-40; RFC5681 4.2b] */
static bool set_span_or_switch(struct ek_settings *s, enum elko_option option, uint64_t v)
{
        switch (option) {
        case ELKO_OPTION_NODELAY: s->nodelay = v == 1; return v <= 1;
        case ELKO_OPTION_KEEPALIVE: s->keepalive = v == 1; return v <= 1;
        case ELKO_OPTION_CORK: s->cork = v == 1; return v <= 1;
        case ELKO_OPTION_PACING: s->pacing = v == 1; return v <= 1;
        case ELKO_OPTION_MAX_PACING_RATE: s->max_pacing_rate = v; return true;
        case ELKO_OPTION_QUICKACK: s->quickack = v == 1; return v <= 1;
        case ELKO_OPTION_KEEPALIVE_IDLE: s->keepalive_idle_ns = v; return v >= ELKO_SEC(1);
        case ELKO_OPTION_KEEPALIVE_INTERVAL: s->keepalive_interval_ns = v; return v >= ELKO_SEC(1);
        case ELKO_OPTION_USER_TIMEOUT: s->user_timeout_ns = v; return true;
        case ELKO_OPTION_LINGER: s->linger_ns = v; return true;
        case ELKO_OPTION_FIN_WAIT_2: s->fin_wait_2_ns = v; return true;
        case ELKO_OPTION_DELACK: s->delack_ns = v; return v < ELKO_MS(500); /* RFC 9293, 3.8.6.3 */
        default: return false;
        }
}

static bool set_number(struct ek_settings *s, enum elko_option option, uint64_t v)
{
        switch (option) {
        case ELKO_OPTION_KEEPALIVE_COUNT: s->keepalive_count = (uint32_t)v; return in(v, 1, 255);
        case ELKO_OPTION_SND_BUF_MAX:
                s->snd_buf_max = (uint32_t)v;
                return in(v, BUF_LEAST, BUF_MOST);
        case ELKO_OPTION_RCV_BUF_MAX:
                s->rcv_buf_max = (uint32_t)v;
                return in(v, BUF_LEAST, BUF_MOST);
        case ELKO_OPTION_MAX_SEG: s->max_seg = (uint16_t)v; return v == 0 || in(v, 48, UINT16_MAX);
        case ELKO_OPTION_TTL: s->ttl = (uint8_t)v; return in(v, 1, 255);
        case ELKO_OPTION_FASTOPEN_NO_COOKIE: s->fastopen_no_cookie = v == 1; return v <= 1;
        case ELKO_OPTION_FASTOPEN: s->fastopen = (uint16_t)v; return v <= UINT16_MAX;
        case ELKO_OPTION_ECN: s->ecn = (uint8_t)v; return v < ELKO_ECN_COUNT;
        case ELKO_OPTION_SYN_RETRIES: s->syn_retries = (uint8_t)v; return v <= SYN_RETRIES_MOST;
        case ELKO_OPTION_WINDOW_CLAMP: s->window_clamp = (uint32_t)v; return v <= BUF_MOST;
        case ELKO_OPTION_DEFER_ACCEPT:
                s->defer_accept = (uint8_t)v;
                return v <= EK_HALF_OPEN_MAX_RETRIES;
        case ELKO_OPTION_TOS:
                s->tos = (uint8_t)v;
                return v <= 255 && (v & 3) == 0; /* the low bits are ECN's */
        default: return set_span_or_switch(s, option, v);
        }
}

/* What a change means for an open connection at once. */
static void apply(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_option option)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);

        if (option == ELKO_OPTION_QUICKACK && s->quickack && tcb->at[EK_DL_DELACK] != EK_NEVER)
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
        if (option == ELKO_OPTION_KEEPALIVE || option == ELKO_OPTION_KEEPALIVE_IDLE)
                ek_tcb_rearm_keepalive(t, tcb);
        if (t->cfg.more_by_call && ek_tcb_unsent(tcb) > 0 &&
            ((option == ELKO_OPTION_NODELAY && s->nodelay) ||
             (option == ELKO_OPTION_CORK && !s->cork)))
                tcb->todo |= option == ELKO_OPTION_NODELAY ? EK_TODO_UNCORK : EK_TODO_MORE_OVER;
        if (option == ELKO_OPTION_FASTOPEN)
                ek_fast_open_hold(t, tcb, s->fastopen == ELKO_FASTOPEN_HOLD);
        if (tcb->state == ELKO_TCP_SYN_SENT && seq_eq(tcb->snd_nxt, tcb->iss)) {
                /* The SYN has not left: it still can announce something else. */
                ek_tcb_release_receive(t, tcb);
                ek_rcv_buf_open(t, tcb, seq_make(0), 0);
                tcb->rcv_wscale = ek_options_rcv_wscale(t, s);
                tcb->adv_mss = ek_tcp_adv_mss(t, &tcb->conn.key, s->max_seg);
        }
        if ((option == ELKO_OPTION_USER_TIMEOUT || option == ELKO_OPTION_SYN_RETRIES) &&
            tcb->at[EK_DL_ABORT] != EK_NEVER)
                ek_tcb_arm(t, tcb, EK_DL_ABORT, ek_time_add(t->now, ek_tcb_r2(t, tcb)));
        if (option == ELKO_OPTION_PACING || option == ELKO_OPTION_MAX_PACING_RATE)
                ek_cong_pace(t, tcb);
        ek_tcb_has_work(t, tcb); /* Nagle or cork may have let go */
}

int ek_sock_set_option(struct ek_tcp *t, elko_sock s, enum elko_option option, uint64_t value)
{
        struct ek_listener *ls = ek_handle_listener(t, s);
        struct ek_tcb *tcb = ek_handle_tcb(t, s);
        struct ek_settings *own, changed;

        if (ls == NULL && tcb == NULL)
                return ELKO_EBADF;
        /* SYN+ACKs that are not answered yet have announced the present one, and its scale. */
        if (ls != NULL &&
            (option == ELKO_OPTION_RCV_BUF_MAX || option == ELKO_OPTION_WINDOW_CLAMP) &&
            (ls->half_open > 0 || t->now < t->cookies_until))
                return ELKO_EAGAIN;
        if (tcb != NULL && option == ELKO_OPTION_FASTOPEN && value >= ELKO_FASTOPEN_COUNT)
                return ELKO_EINVAL;
        own = ek_tcb_own_settings(t, ls != NULL ? &ls->settings : &tcb->settings);
        if (own == NULL)
                return ELKO_ENOMEM;
        changed = *own;
        if (!set_number(&changed, option, value))
                return ELKO_EINVAL;
        *own = changed;
        if (tcb != NULL && option == ELKO_OPTION_QUICKACK)
                tcb->delack.quick = changed.quickack ? EK_QUICK_ACKS : 0;
        if (tcb != NULL && ek_tcb_has(tcb, EK_TCB_HASHED))
                apply(t, tcb, option);
        return ELKO_OK;
}

int ek_sock_get_option(struct ek_tcp *t, elko_sock s, enum elko_option option, uint64_t *value)
{
        struct ek_listener *ls = ek_handle_listener(t, s);
        struct ek_tcb *tcb = ek_handle_tcb(t, s);
        const struct ek_settings *v = &t->defaults;
        uint32_t index;

        if (ls == NULL && tcb == NULL)
                return ELKO_EBADF;
        index = ls != NULL ? ls->settings : tcb->settings;
        if (index != EK_NIL)
                v = ek_slab_at(&t->settings, index);
        switch (option) {
        case ELKO_OPTION_NODELAY: *value = v->nodelay; break;
        case ELKO_OPTION_KEEPALIVE: *value = v->keepalive; break;
        case ELKO_OPTION_KEEPALIVE_IDLE: *value = v->keepalive_idle_ns; break;
        case ELKO_OPTION_KEEPALIVE_INTERVAL: *value = v->keepalive_interval_ns; break;
        case ELKO_OPTION_KEEPALIVE_COUNT: *value = v->keepalive_count; break;
        case ELKO_OPTION_USER_TIMEOUT: *value = v->user_timeout_ns; break;
        case ELKO_OPTION_LINGER: *value = v->linger_ns; break;
        case ELKO_OPTION_FIN_WAIT_2: *value = v->fin_wait_2_ns; break;
        case ELKO_OPTION_SYN_RETRIES: *value = v->syn_retries; break;
        case ELKO_OPTION_WINDOW_CLAMP: *value = v->window_clamp; break;
        case ELKO_OPTION_DEFER_ACCEPT: *value = v->defer_accept; break;
        case ELKO_OPTION_SND_BUF_MAX: *value = v->snd_buf_max; break;
        case ELKO_OPTION_RCV_BUF_MAX: *value = v->rcv_buf_max; break;
        case ELKO_OPTION_MAX_SEG: *value = v->max_seg; break;
        case ELKO_OPTION_DELACK: *value = v->delack_ns; break;
        case ELKO_OPTION_CORK: *value = v->cork; break;
        case ELKO_OPTION_QUICKACK:
                *value = tcb != NULL ? tcb->delack.quick > 0 : v->quickack;
                break;
        case ELKO_OPTION_TTL: *value = v->ttl; break;
        case ELKO_OPTION_FASTOPEN_NO_COOKIE: *value = v->fastopen_no_cookie; break;
        case ELKO_OPTION_FASTOPEN: *value = v->fastopen; break;
        case ELKO_OPTION_ECN: *value = v->ecn; break;
        case ELKO_OPTION_TOS: *value = v->tos; break;
        case ELKO_OPTION_PACING: *value = v->pacing; break;
        case ELKO_OPTION_MAX_PACING_RATE: *value = v->max_pacing_rate; break;
        default: return ELKO_EINVAL;
        }
        return ELKO_OK;
}

int64_t ek_sock_syn_room(struct ek_tcp *t, elko_sock s)
{
        const struct ek_tcb *tcb = ek_handle_tcb(t, s);

        return tcb == NULL ? ELKO_EBADF : (int64_t)ek_fast_open_syn_room(t, tcb);
}

int ek_sock_set_fastopen_keys(struct ek_tcp *t, elko_sock s, const uint8_t key[][16], unsigned n)
{
        struct ek_listener *ls = ek_handle_listener(t, s);

        if (ls == NULL)
                return ELKO_EBADF;
        if (n > 2)
                return ELKO_EINVAL;
        ls->fastopen_keys = n;
        for (unsigned i = 0; i < n; i++)
                memcpy(ls->fastopen_key[i], key[i], sizeof(ls->fastopen_key[i]));
        return ELKO_OK;
}

int ek_sock_set_user(struct ek_tcp *t, elko_sock s, void *user)
{
        struct ek_listener *ls = ek_handle_listener(t, s);
        struct ek_tcb *tcb = ek_handle_tcb(t, s);

        if (ls != NULL)
                ls->user = user;
        else if (tcb != NULL)
                tcb->user = user;
        else
                return ELKO_EBADF;
        return ELKO_OK;
}

/* [RFC9293 MAY-18] */
int ek_sock_set_congestion(struct ek_tcp *t, elko_sock s, const struct elko_cc_ops *ops)
{
        struct ek_listener *ls = ek_handle_listener(t, s);
        struct ek_tcb *tcb = ek_handle_tcb(t, s);

        if (ops == NULL || ops->private_bytes > ELKO_CC_PRIVATE_BYTES)
                return ELKO_EINVAL;
        if (ls != NULL) {
                ls->congestion = ops;
                return ELKO_OK;
        }
        if (tcb == NULL)
                return ELKO_EBADF;
        if (!ek_tcb_has(tcb, EK_TCB_HASHED)) /* over: it may not get a timer any more (I-20) */
                return ELKO_ENOTCONN;
        if (!ek_tcb_activate(t, tcb))
                return ELKO_ENOMEM;
        tcb->cong.ops = ops;
        if (ek_tcb_is_synchronized(tcb))
                ek_recovery_restart(t, tcb);
        return ELKO_OK;
}

/* ---- events ---- */

static bool next_of_listeners(struct ek_tcp *t, struct elko_event *ev)
{
        struct ek_list *first = ek_list_pop_front(&t->listen_events);
        struct ek_listener *ls;

        if (first == NULL)
                return false;
        ls = ek_container_of(first, struct ek_listener, app);
        *ev = (struct elko_event){
                .sock = ek_handle_of_listener(ls), .bits = ls->events, .user = ls->user};
        ls->events = 0;
        return true;
}

/* [RFC9293 SHLD-20] */
bool ek_sock_next_event(struct ek_tcp *t, struct elko_event *ev)
{
        struct ek_list *first;
        struct ek_tcb *tcb;

        if (next_of_listeners(t, ev))
                return true;
        first = ek_list_pop_front(&t->events);
        if (first == NULL)
                return false;
        tcb = ek_tcb_touch(ek_container_of(first, struct ek_tcb, app));
        *ev = (struct elko_event){
                .sock = ek_handle_of_tcb(tcb), .bits = tcb->events, .user = tcb->user};
        if (tcb->events & ELKO_EV_ERROR)
                ev->error = -(int)tcb->error;
        else if (tcb->events & ELKO_EV_SOFT_ERROR)
                ev->error = -(int)tcb->soft_error;
        tcb->events = 0;
        return true;
}
