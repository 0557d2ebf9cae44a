/* SPDX-License-Identifier: MIT */
#include "tcp/listener.h"

#include "tcp/tcp.h"
#include "tcp/user_calls.h"
#include "wire/addr.h"

/*
 * Listeners stand apart from the connection table, in a few buckets by port. A segment for no connection
 * asks, most specific first: (address, port), (any, port), (address, any port), (any, any port).
 */

static uint32_t *bucket(struct ek_tcp *t, uint16_t port)
{
        return &t->listen_bucket[port % EK_LISTEN_BUCKETS];
}

struct ek_listener *ek_listener_at(struct ek_tcp *t, uint32_t index)
{
        return ek_slab_at(&t->listeners, index);
}

struct ek_listener *ek_listener_exact(struct ek_tcp *t, const elko_ip *local, uint16_t port)
{
        for (uint32_t i = *bucket(t, port); i != EK_NIL;) {
                struct ek_listener *ls = ek_listener_at(t, i);

                EK_WORK(1);
                if (ls->port == port && ek_addr_equal(&ls->local, local))
                        return ls;
                i = ls->next;
        }
        return NULL;
}

struct ek_listener *ek_listener_find(struct ek_tcp *t, const struct ek_key *key)
{
        static const elko_ip any = {{0}};
        struct ek_listener *ls;

        if (ek_slab_live(&t->listeners) == 0)
                return NULL;
        if ((ls = ek_listener_exact(t, &key->local, key->lport)) != NULL)
                return ls;
        if ((ls = ek_listener_exact(t, &any, key->lport)) != NULL)
                return ls;
        if ((ls = ek_listener_exact(t, &key->local, 0)) != NULL)
                return ls;
        return ek_listener_exact(t, &any, 0);
}

struct ek_listener *ek_listener_new(struct ek_tcp *t, const elko_ip *local, uint16_t port,
                                    const struct elko_listen_config *cfg)
{
        uint32_t index = ek_slab_alloc(&t->listeners);
        struct ek_listener *ls;

        if (index == EK_NIL)
                return NULL;
        ls = ek_listener_at(t, index);
        ls->local = *local;
        ls->port = port;
        ls->index = index;
        ls->gen = t->next_gen++;
        ls->flags = cfg->flags;
        ls->backlog = cfg->backlog;
        ls->syn_queue = cfg->syn_queue;
        ls->settings = EK_NIL;
        ls->congestion = t->cfg.congestion;
        ek_list_init(&ls->accept);
        ek_list_init(&ls->app);
        ls->next = *bucket(t, port);
        *bucket(t, port) = index;
        ek_listener_recount(t);
        return ls;
}

void ek_listener_recount(struct ek_tcp *t)
{
        for (uint32_t i = ek_slab_next(&t->listeners, EK_NIL); i != EK_NIL;
             i = ek_slab_next(&t->listeners, i))
                ek_listener_at(t, i)->half_open = 0;
        for (unsigned stage = 0; stage < EK_HO_STAGES; stage++) {
                for (uint32_t i = t->half_open.head[stage]; i != EK_HALF_OPEN_NIL;
                     i = ek_half_open_at(t, i)->next) {
                        struct ek_listener *ls =
                                ek_listener_find(t, &ek_half_open_at(t, i)->conn.key);

                        if (ls != NULL)
                                ls->half_open++;
                }
        }
}

static void unlink_from_bucket(struct ek_tcp *t, struct ek_listener *ls)
{
        uint32_t *at = bucket(t, ls->port);

        while (*at != ls->index)
                at = &ek_listener_at(t, *at)->next;
        *at = ls->next;
}

/* RFC 9293, 3.10.4, LISTEN: what is half-open for this listener is forgotten; the peers' retransmissions
 * will be answered by a reset. */
static void forget_half_open(struct ek_tcp *t, const struct ek_listener *ls)
{
        if (ls->half_open == 0)
                return;
        for (unsigned stage = 0; stage < EK_HO_STAGES; stage++) {
                for (uint32_t i = t->half_open.head[stage]; i != EK_HALF_OPEN_NIL;) {
                        struct ek_half_open *ho = ek_half_open_at(t, i);
                        struct ek_key key = ho->conn.key;
                        uint32_t next = ho->next;

                        if (ek_listener_find(t, &key) == ls) {
                                ek_half_open_free(t, i);
                                ek_time_wait_after_half_open(t, &key);
                        }
                        i = next;
                }
        }
}

void ek_listener_close(struct ek_tcp *t, struct ek_listener *ls)
{
        struct ek_list *n;

        forget_half_open(t, ls);
        while ((n = ek_list_pop_front(&ls->accept)) != NULL) {
                struct ek_tcb *tcb = ek_tcb_touch(ek_container_of(n, struct ek_tcb, app));

                tcb->flags &= ~(uint32_t)EK_TCB_QUEUED;
                ek_user_abort(t, tcb); /* it may be over already */
        }
        ek_list_remove(&ls->app);
        unlink_from_bucket(t, ls);
        if (ls->settings != EK_NIL)
                ek_slab_free(&t->settings, ls->settings);
        ek_slab_free(&t->listeners, ls->index);
        ek_listener_recount(t);
}

void ek_listener_tell(struct ek_tcp *t, struct ek_listener *ls, uint32_t bits)
{
        ls->events |= bits;
        if (!ek_list_is_linked(&ls->app))
                ek_list_push_back(&t->listen_events, &ls->app);
}

void ek_listener_status(const struct ek_listener *ls, struct elko_tcp_info *out)
{
        *out = (struct elko_tcp_info){.state = ELKO_TCP_LISTEN};
        out->local.ip = ls->local;
        out->local.scope = ek_ip_strip_scope(&out->local.ip);
        out->local.port = ls->port;
        out->unacked = ls->queued;
        out->snd_buf = ls->backlog;
}
