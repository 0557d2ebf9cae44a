/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "wire/addr.h"

/*
 * The instance: pools, the connection table, and the services that the engine's files share. See tcp.h.
 *
 * Life of a tcb: ek_tcb_new() makes it; ek_tcb_bury() takes it out of the table and off every timer when
 * the connection is over; what remains is a shell that answers the application until it gives the handle
 * up; ek_tcb_doom() lets ek_tcp_reap() free it when the running call ends, so that no step works on freed
 * memory.
 */

enum {
        EK_CONN_LOAD = 3,            /* connections per bucket: 4 / 3 to 8 / 3 bytes each */
        RESETS_BURST = 256,          /* to one destination at once, ... */
        RESET_INTERVAL_NS = 1000000, /* ... then one in this span */
};

/* ---- the connection table ---- */

uint32_t ek_tcp_hash(const struct ek_tcp *t, const struct ek_key *key)
{
        return (uint32_t)ek_siphash13(&t->secrets.table, key, sizeof(*key));
}

struct ek_conn *ek_tcp_conn(struct ek_tcp *t, uint32_t ref)
{
        switch (EK_REF_KIND(ref)) {
        case EK_KIND_TCB: return ek_slab_at(&t->tcbs, EK_REF_INDEX(ref));
        case EK_KIND_HALF_OPEN: return ek_slab_at(&t->half_opens, EK_REF_INDEX(ref));
        case EK_KIND_TIME_WAIT: break;
        }
        return ek_slab_at(&t->time_waits, EK_REF_INDEX(ref));
}

static uint32_t *next_of(void *ctx, uint32_t ref)
{
        return &ek_tcp_conn(ctx, ref)->hash_next;
}

static uint32_t hash_of(void *ctx, uint32_t ref)
{
        return ek_tcp_hash(ctx, &ek_tcp_conn(ctx, ref)->key);
}

static const struct ek_hashtab_ops table_ops = {.next = next_of, .hash = hash_of};

static bool key_equal(const struct ek_key *a, const struct ek_key *b)
{
        return a->lport == b->lport && a->rport == b->rport &&
               memcmp(&a->remote, &b->remote, sizeof(a->remote)) == 0 &&
               memcmp(&a->local, &b->local, sizeof(a->local)) == 0;
}

/* Does something else stand before this entry for the same tuple? */
static bool is_behind(struct ek_tcp *t, uint32_t ref)
{
        return EK_REF_KIND(ref) == EK_KIND_TIME_WAIT &&
               ((const struct ek_time_wait *)ek_slab_at(&t->time_waits, EK_REF_INDEX(ref)))->behind;
}

uint32_t ek_tcp_lookup(struct ek_tcp *t, const struct ek_key *key)
{
        uint32_t behind = EK_NIL;

        /* Segments come in bursts for one connection. */
        if (t->last_ref != EK_NIL && key_equal(&ek_tcp_conn(t, t->last_ref)->key, key))
                return t->last_ref;
        for (uint32_t ref = ek_hashtab_first(&t->conns, ek_tcp_hash(t, key)); ref != EK_NIL;) {
                struct ek_conn *conn = ek_tcp_conn(t, ref);

                EK_WORK(1);
                if (key_equal(&conn->key, key)) {
                        if (!is_behind(t, ref)) {
                                t->last_ref = ref;
                                return ref;
                        }
                        behind = ref;
                }
                ref = conn->hash_next;
        }
        if (behind != EK_NIL)
                ek_time_wait_return(t, EK_REF_INDEX(behind));
        return behind;
}

void ek_tcp_insert(struct ek_tcp *t, struct ek_conn *conn, uint32_t ref)
{
        ek_hashtab_insert(&t->conns, ek_tcp_hash(t, &conn->key), ref);
}

void ek_tcp_remove(struct ek_tcp *t, struct ek_conn *conn, uint32_t ref)
{
        bool removed = ek_hashtab_remove(&t->conns, ek_tcp_hash(t, &conn->key), ref);

        EK_ASSERT(removed);
        if (t->last_ref == ref)
                t->last_ref = EK_NIL;
}

/* ---- the instance ---- */

/* [RFC9293 MUST-9; RFC6528 3c] */
static void init_secrets(struct ek_tcp *t)
{
        struct ek_siphash_key *keys[] = {&t->secrets.table, &t->secrets.iss, &t->secrets.ts,
                                         &t->secrets.port, &t->secrets.cookie};
        struct ek_siphash_key limiter;

        ek_rng_init(&t->rng, t->cfg.seed, 1);
        ek_rng_init(&t->cc_rng, t->cfg.seed, 2);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                keys[i]->k0 = ek_rng_u64(&t->rng);
                keys[i]->k1 = ek_rng_u64(&t->rng);
        }
        limiter.k0 = ek_rng_u64(&t->rng);
        limiter.k1 = ek_rng_u64(&t->rng);
        ek_limiter_init(&t->reset_limit, &limiter, RESET_INTERVAL_NS, RESETS_BURST);
        for (size_t i = 0; i < sizeof(t->port_counter) / sizeof(t->port_counter[0]); i++)
                t->port_counter[i] = ek_rng_u32(&t->rng);
        /* The second half of the seed separates stacks that share the first by accident. */
        t->secrets.iss.k0 ^= ek_get64be(t->cfg.seed + 16);
        t->secrets.iss.k1 ^= ek_get64be(t->cfg.seed + 24);
        t->secrets.fastopen.k0 = ek_rng_u64(&t->rng);
        t->secrets.fastopen.k1 = ek_rng_u64(&t->rng);
}

/* [RFC9293 MUST-25] */
static void init_defaults(struct ek_tcp *t)
{
        const struct elko_config *c = &t->cfg;

        t->defaults = (struct ek_settings){
                .keepalive_idle_ns = c->keepalive_idle_ns,
                .keepalive_interval_ns = c->keepalive_interval_ns,
                .keepalive_count = c->keepalive_count,
                .linger_ns = EK_NEVER,
                .delack_ns = c->delack_ns,
                .snd_buf_max = c->snd_buf_max_bytes,
                .rcv_buf_max = c->rcv_buf_max_bytes,
                .ttl = 64,
                .ecn = (uint8_t)c->ecn,
                .pacing = c->pacing,
                .max_pacing_rate = c->max_pacing_rate,
        };
        t->rtt_limits = (struct ek_rtt_limits){
                .initial_ns = c->rto_initial_ns,
                .min_ns = c->rto_min_ns,
                .max_ns = c->rto_max_ns,
                .granularity_ns = c->clock_resolution_ns,
                .floor_on_variance = c->rto_min_on_variance,
        };
        if (t->cfg.congestion == NULL)
                t->cfg.congestion = &elko_cc_cubic;
}

/* False: SYN,ACKs that are not answered yet have announced what there is now. */
bool ek_tcp_change(struct ek_tcp *t, const struct elko_config *cfg)
{
        if (ek_slab_live(&t->half_opens) > 0 || t->now < t->cookies_until)
                return false;
        t->cfg = *cfg;
        init_defaults(t);
        return true;
}

static bool init_pools(struct ek_tcp *t)
{
        const struct elko_config *c = &t->cfg;
        uint32_t chunk = c->slab_chunk_bytes;
        /* Every record stands for at least one byte that somebody queued; the region is the limit. */
        uint32_t records = 1u << 28;

        if (sizeof(size_t) < 8)
                records = 1u << 20;
        return ek_slab_init(&t->tcbs, t->region, sizeof(struct ek_tcb), chunk,
                            c->max_connections) &&
               ek_slab_init(&t->actives, t->region, sizeof(struct ek_active), chunk,
                            c->max_connections) &&
               ek_slab_init(&t->half_opens, t->region, sizeof(struct ek_half_open), chunk,
                            c->max_half_open) &&
               ek_slab_init(&t->time_waits, t->region, sizeof(struct ek_time_wait), chunk,
                            c->max_time_wait) &&
               ek_slab_init(
                       &t->records, t->region, sizeof(struct ek_txrec), chunk,
                       ek_min_u32(records,
                                  ek_max_u32(64, (uint32_t)ek_min_u64(
                                                         UINT32_MAX,
                                                         ek_region_capacity(t->region) / 64)))) &&
               ek_slab_init(&t->listeners, t->region, sizeof(struct ek_listener),
                            ek_min_u32(chunk, 4096 > c->block_bytes ? 4096 : c->block_bytes),
                            c->max_listeners) &&
               ek_slab_init(&t->settings, t->region, sizeof(struct ek_settings), chunk,
                            c->max_connections + c->max_listeners) &&
               ek_slab_init(&t->accecns, t->region, sizeof(struct ek_accecn), chunk,
                            c->max_connections) &&
               ek_hashtab_init(&t->conns, t->region, &table_ops, t, EK_CONN_LOAD);
}

bool ek_tcp_init(struct ek_tcp *t, struct ek_region *region, struct ek_ipstack *ip,
                 struct elko_counters *ctr, const struct elko_config *cfg, uint64_t now)
{
        memset(t, 0, sizeof(*t));
        t->cfg = *cfg;
        t->region = region;
        t->ip = ip;
        t->ctr = ctr;
        t->now = now;
        t->next_gen = 1;
        t->next_number = 1;
        t->last_ref = EK_NIL;
        init_secrets(t);
        init_defaults(t);
        ek_list_init(&t->events);
        ek_list_init(&t->listen_events);
        ek_list_init(&t->doomed);
        for (size_t i = 0; i <= EK_MAX_LINKS; i++)
                ek_list_init(&t->work[i]);
        for (size_t i = 0; i < EK_LISTEN_BUCKETS; i++)
                t->listen_bucket[i] = EK_NIL;
        ek_wheel_init(&t->wheel, now);
        ek_half_open_init(t);
        ek_time_wait_init(t);
        t->replies = ek_region_alloc(region, cfg->max_replies * sizeof(*t->replies));
        t->headers = ek_region_alloc(region, (size_t)cfg->output_batch * EK_HDR_BYTES);
        return t->replies != NULL && t->headers != NULL && init_pools(t) &&
               ek_tfo_cache_init(&t->fastopen, region, cfg->fastopen_cookies) &&
               ek_slab_index_limit(&t->half_opens) <= EK_HALF_OPEN_NIL;
}

/* ---- settings ---- */

const struct ek_settings *ek_tcb_settings(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return tcb->settings == EK_NIL ? &t->defaults : ek_slab_at(&t->settings, tcb->settings);
}

struct ek_settings *ek_tcb_own_settings(struct ek_tcp *t, uint32_t *index)
{
        struct ek_settings *own;

        if (*index == EK_NIL) {
                uint32_t fresh = ek_tcp_pool_alloc(t, &t->settings);

                if (fresh == EK_NIL)
                        return NULL;
                own = ek_slab_at(&t->settings, fresh);
                *own = t->defaults;
                *index = fresh;
        }
        return ek_slab_at(&t->settings, *index);
}

/* ---- life of a tcb ---- */

static void go_idle(struct ek_tcb *tcb);

struct ek_tcb *ek_tcb_new(struct ek_tcp *t, const struct ek_key *key)
{
        uint32_t index = ek_tcp_pool_alloc(t, &t->tcbs);
        struct ek_tcb *tcb;

        if (index == EK_NIL) {
                t->ctr->nomem++;
                return NULL;
        }
        tcb = ek_slab_at(&t->tcbs, index);
        tcb->conn.key = *key;
        tcb->index = index;
        tcb->gen = t->next_gen++;
        if (t->next_gen == 0)
                t->next_gen = 1;
        tcb->number = t->next_number++;
        tcb->state = ELKO_TCP_CLOSED;
        tcb->flags = EK_TCB_TOUCHED;
        tcb->settings = EK_NIL;
        ek_list_init(&tcb->work);
        ek_list_init(&tcb->app);
        for (size_t i = 0; i < EK_DL_COUNT; i++)
                tcb->at[i] = EK_NEVER;
        go_idle(tcb);
        ek_delack_init(&tcb->delack, (uint8_t)t->cfg.quick_acks);
        tcb->cong.ops = t->cfg.congestion;
        if (!ek_tcb_activate(t, tcb)) {
                ek_slab_free(&t->tcbs, index);
                return NULL;
        }
        return tcb;
}

const struct ek_active ek_active_none = {
        .txq = {.head = EK_NIL,
                .tail = EK_NIL,
                .root = EK_NIL,
                .first_lost = EK_NIL,
                .flying = {EK_NIL, EK_NIL},
                .lost = {EK_NIL, EK_NIL},
                .too_young = UINT64_MAX},
};

static void go_idle(struct ek_tcb *tcb)
{
        tcb->act_index = EK_NIL;
        tcb->act = (struct ek_active *)(uintptr_t)&ek_active_none;
}

bool ek_tcb_activate(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t index;

        if (ek_tcb_is_active(tcb))
                return true;
        index = ek_tcp_active_alloc(t);
        if (index == EK_NIL) {
                t->ctr->nomem++;
                return false;
        }
        tcb->act_index = index;
        tcb->act = ek_slab_at(&t->actives, index);
        *tcb->act = ek_active_none;
        tcb->act->ts_offset = ek_iss_ts_offset(t, &tcb->conn.key);
        ek_ecn_begin(tcb);
        if (tcb->state >= ELKO_TCP_ESTABLISHED) {
                /* After a silence the route and its path MTU are looked up again: what ICMP said
                 * may have expired (RFC 1191, 6.3). */
                tcb->link = ELKO_LINK_NONE;
                ek_tcb_route(t, tcb);
                ek_recovery_restart(t, tcb);
        }
        ek_tcb_arm(t, tcb, EK_DL_IDLE, ek_time_add(t->now, ELKO_SEC(1)));
        return true;
}

static void free_ring(struct ek_tcp *t, struct ek_ring *ring)
{
        uint32_t cap = ring->cap;
        uint8_t *base = ek_ring_detach(ring);

        if (base != NULL)
                ek_region_free(t->region, base, cap);
}

static void free_receive(struct ek_tcp *t, struct ek_active *act)
{
        free_ring(t, &act->rcv);
        if (act->reasm.ranges != NULL)
                ek_region_free(t->region, act->reasm.ranges,
                               EK_RANGES_BYTES(t->cfg.max_ooo_ranges));
        act->reasm = (struct ek_reasm){0};
}

static bool is_empty(const struct ek_active *act)
{
        return act->snd.len == 0 && act->rcv.len == 0 && ek_txq_is_empty(&act->txq) &&
               !ek_reasm_has_holes(&act->reasm);
}

bool ek_tcb_deactivate(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t cap = tcb->act->rcv.cap;

        if (!ek_tcb_is_active(tcb))
                return true;
        if (!is_empty(tcb->act) || ek_urgent_is_ahead(tcb))
                return false;
        free_ring(t, &tcb->act->snd);
        free_receive(t, tcb->act);
        ek_meter_put_away(t, tcb);
        ek_slab_free(&t->actives, tcb->act_index);
        go_idle(tcb);
        /* The window that was promised stays promised. */
        if (cap != 0 && ek_region_reserve(t->region, cap))
                tcb->win.reserved = cap;
        return true;
}

void ek_tcb_release_send(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!ek_tcb_is_active(tcb))
                return;
        ek_txq_clear(&tcb->act->txq, &t->records);
        free_ring(t, &tcb->act->snd);
        ek_meter_put_away(t, tcb);
}

void ek_tcb_release_receive(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (ek_tcb_is_active(tcb))
                free_receive(t, tcb->act);
        if (tcb->win.reserved > 0) {
                ek_region_unreserve(t->region, tcb->win.reserved);
                tcb->win.reserved = 0;
        }
}

/* Everything but the shell. */
void ek_tcb_release_all(struct ek_tcp *t, struct ek_tcb *tcb)
{
        ek_tcb_release_send(t, tcb);
        ek_tcb_release_receive(t, tcb);
        if (ek_tcb_is_active(tcb)) {
                ek_slab_free(&t->actives, tcb->act_index);
                go_idle(tcb);
        }
}

void ek_tcb_bury(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (ek_tcb_has(tcb, EK_TCB_HASHED)) {
                ek_tcp_remove(t, &tcb->conn, ek_ref(EK_KIND_TCB, tcb->index));
                ek_iss_given_up(t, &tcb->conn.key, tcb->iss);
                tcb->flags &= ~(uint32_t)EK_TCB_HASHED;
        }
        for (size_t i = 0; i < EK_DL_COUNT; i++)
                tcb->at[i] = EK_NEVER;
        ek_wheel_cancel(&t->wheel, &tcb->timer);
        ek_accecn_leave(t, tcb);
        ek_tcb_release_send(t, tcb);
        tcb->todo &= EK_TODO_RST;
        tcb->dup_acks = 0;
        if (tcb->todo == 0)
                ek_list_remove(&tcb->work);
        if (ek_tcb_has(tcb, EK_TCB_ORPHAN) && tcb->todo == 0)
                ek_tcb_doom(t, tcb);
        else if (tcb->act->rcv.len == 0)
                ek_tcb_release_all(t, tcb);
}

void ek_tcb_doom(struct ek_tcp *t, struct ek_tcb *tcb)
{
        ek_list_remove(&tcb->work);
        ek_list_remove(&tcb->app);
        ek_tcb_release_all(t, tcb);
        if (tcb->settings != EK_NIL) {
                ek_slab_free(&t->settings, tcb->settings);
                tcb->settings = EK_NIL;
        }
        ek_list_push_back(&t->doomed, &tcb->app);
}

void ek_tcp_reap(struct ek_tcp *t)
{
        struct ek_list *n;

        while ((n = ek_list_pop_front(&t->doomed)) != NULL) {
                struct ek_tcb *tcb = ek_container_of(n, struct ek_tcb, app);

                EK_ASSERT(!ek_tcb_has(tcb, EK_TCB_HASHED) && !ek_wheel_is_set(&tcb->timer));
                ek_slab_free(&t->tcbs, tcb->index);
        }
}

/* ---- intentions ---- */

void ek_tcb_arm(struct ek_tcp *t, struct ek_tcb *tcb, enum ek_deadline which, uint64_t at)
{
        tcb->at[which] = at;
        /* A deadline that moves later leaves the node where it is: the node fires early, finds nothing
         * due and is set anew. Most deadlines move later with every segment. */
        if (at != EK_NEVER && (!ek_wheel_is_set(&tcb->timer) || at < tcb->timer.at))
                ek_wheel_set(&t->wheel, &tcb->timer, at);
}

void ek_tcb_has_work(struct ek_tcp *t, struct ek_tcb *tcb)
{
        elko_link link;

        if (ek_list_is_linked(&tcb->work))
                return;
        link = ek_tcb_route(t, tcb);
        if (link != ELKO_LINK_NONE)
                ek_list_push_back(&t->work[link], &tcb->work);
}

/* [RFC9293 MUST-58 MUST-59; RFC5681 4.2d] */
void ek_tcb_owe_ack(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_why why)
{
        if (!(tcb->todo & EK_TODO_ACK) || why == ELKO_WHY_CHALLENGE)
                tcb->why = (uint8_t)why;
        tcb->todo |= EK_TODO_ACK;
        ek_tcb_has_work(t, tcb);
}

void ek_tcb_tell(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t event_bits)
{
        if (ek_tcb_has(tcb, EK_TCB_ORPHAN))
                return;
        tcb->events |= event_bits;
        if (!ek_tcb_has(tcb, EK_TCB_QUEUED) && !ek_list_is_linked(&tcb->app))
                ek_list_push_back(&t->events, &tcb->app);
}

bool ek_tcp_reply(struct ek_tcp *t, const struct ek_stateless *reply)
{
        struct ek_route route;
        uint32_t at;

        if (t->reply_count == t->cfg.max_replies ||
            ek_route_lookup(t->ip, &reply->key.remote, 0, &route) != ELKO_OK) {
                t->ctr->drops[ELKO_DROP_TCP_REPLY_LIMIT]++;
                return false;
        }
        at = (t->reply_head + t->reply_count) % t->cfg.max_replies;
        t->replies[at] = *reply;
        t->replies[at].link = route.link;
        t->reply_count++;
        return true;
}

void ek_tcp_drop(struct ek_tcp *t, const struct ek_seg *seg, const struct ek_tcb *tcb,
                 enum elko_drop reason)
{
        t->ctr->drops[reason]++;
        ek_trace_drop(t, seg, tcb, reason);
}

/* ---- paths ---- */

elko_link ek_tcb_route(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint16_t gen = (uint16_t)ek_route_gen(t->ip);
        struct ek_route route;

        if (tcb->link != ELKO_LINK_NONE && tcb->route_gen == gen)
                return tcb->link;
        tcb->link = ELKO_LINK_NONE;
        if (ek_route_lookup(t->ip, &tcb->conn.key.remote, 0, &route) != ELKO_OK)
                return ELKO_LINK_NONE;
        tcb->link = route.link;
        tcb->route_gen = gen;
        ek_mtu_on_route(t, tcb, route.mtu);
        return tcb->link;
}

uint32_t ek_tcb_eff_mss(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return ek_mss_effective(tcb->snd_mss, tcb->path_mtu, ek_addr_is_v4(&tcb->conn.key.remote),
                                ek_tcb_settings(t, tcb)->max_seg, ek_options_data_bytes(tcb));
}

uint16_t ek_tcp_adv_mss(const struct ek_tcp *t, const struct ek_key *key, uint16_t limit)
{
        struct ek_route route;
        bool v4 = ek_addr_is_v4(&key->remote);

        if (ek_route_lookup(t->ip, &key->remote, 0, &route) != ELKO_OK)
                return ek_mss_from_peer(0, v4, 0);
        if (t->cfg.mss_by_path)
                route.mtu = ek_pmtu_get(t->ip, &key->remote, route.mtu, t->now);
        return ek_mss_to_announce(route.mtu, v4, limit);
}
