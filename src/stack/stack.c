/* SPDX-License-Identifier: MIT */
#include "stack/stack.h"

#include "stack/config.h"
#include "wire/addr.h"

/*
 * The composition root and the sans-I/O face. A stack lives wholly inside of the caller's region: the
 * region's own bookkeeping first, then this struct, then tables and pools.
 *
 * Each call follows one form: set the clock, fire what is due, do the thing, free what died.
 */

void ek_stack_set_now(elko_stack *st, uint64_t now)
{
        if (now > st->now)
                st->now = now;
        st->tcp.now = st->now;
}

void ek_stack_end_call(elko_stack *st)
{
        ek_tcp_reap(&st->tcp);
        EK_DCHECK(elko_check(st) == NULL);
}

static bool init(elko_stack *st, const struct elko_config *c)
{
        struct ek_ip_limits lim = {
                .links = c->max_links,
                .addresses = c->max_addresses,
                .routes = c->max_routes,
                .neighbours = c->max_neighbours,
                .replies = c->max_replies,
        };

        return ek_ipstack_init(&st->ip, st->region, &lim, c->seed + 16, &st->ctr, st->now) &&
               ek_tcp_init(&st->tcp, st->region, &st->ip, &st->ctr, c, st->now);
}

elko_stack *elko_stack_create(void *region, size_t bytes, const struct elko_config *config,
                              uint64_t now, const char **why)
{
        const char *bad = ek_config_check(config), *unused;
        struct ek_region *r;
        elko_stack *st;

        if (why == NULL)
                why = &unused;
        *why = bad;
        if (bad != NULL)
                return NULL;
        *why = "the region is too small: see elko_stack_size()";
        r = ek_region_init(region, bytes, config->block_bytes);
        if (r == NULL)
                return NULL;
        st = ek_region_alloc(r, sizeof(*st));
        if (st == NULL)
                return NULL;
        memset(st, 0, sizeof(*st));
        st->region = r;
        st->now = now;
        if (!init(st, config))
                return NULL;
        ek_region_set_overcommit(r, config->window_overcommit_percent);
        *why = NULL;
        return st;
}

int elko_stack_change(elko_stack *st, const struct elko_config *config)
{
        struct elko_config c = *config;

        ek_config_keep(&c, &st->tcp.cfg);
        if (ek_config_check(&c) != NULL)
                return ELKO_EINVAL;
        return ek_tcp_change(&st->tcp, &c) ? ELKO_OK : ELKO_EAGAIN;
}

void elko_stack_destroy(elko_stack *st)
{
        (void)st; /* all memory is the caller's region */
}

/* ---- links, addresses, routes ---- */

int elko_link_attach(elko_stack *st, const struct elko_link_config *config)
{
        return ek_ip_link_attach(&st->ip, config);
}

int elko_addr_add_ip(elko_stack *st, elko_link link, const elko_ip *ip, unsigned prefix_len)
{
        int r = ek_ip_addr_add(&st->ip, link, ip, prefix_len, st->now);

        ek_tcp_routes_changed(&st->tcp);
        return r;
}

int elko_addr_add(elko_stack *st, elko_link link, const char *cidr)
{
        elko_ip ip;
        unsigned len;

        if (!elko_ip_parse_prefix(cidr, &ip, &len))
                return ELKO_EINVAL;
        return elko_addr_add_ip(st, link, &ip, len);
}

int elko_route_add_ip(elko_stack *st, const elko_ip *prefix, unsigned prefix_len, elko_link link,
                      const elko_ip *gateway)
{
        int r = ek_ip_route_add(&st->ip, prefix, prefix_len, link, gateway);

        ek_tcp_routes_changed(&st->tcp);
        return r;
}

int elko_route_add(elko_stack *st, const char *prefix, elko_link link, const char *gateway)
{
        elko_ip ip, via;
        unsigned len;

        if (!elko_ip_parse_prefix(prefix, &ip, &len))
                return ELKO_EINVAL;
        if (gateway == NULL)
                return elko_route_add_ip(st, &ip, len, link, NULL);
        if (!elko_ip_parse(gateway, &via))
                return ELKO_EINVAL;
        return elko_route_add_ip(st, &ip, len, link, &via);
}

int elko_neigh_add(elko_stack *st, elko_link link, const elko_ip *ip,
                   const uint8_t mac[ELKO_MAC_BYTES])
{
        return ek_ip_neigh_add(&st->ip, link, ip, mac);
}

/* ---- the data path ---- */

/* Connections whose neighbour answered, or did not. */
static void drain_neighbours(elko_stack *st)
{
        if (!ek_list_is_empty(&st->ip.ready))
                ek_tcp_neighbours_ready(&st->tcp);
        if (!ek_list_is_empty(&st->ip.failed))
                ek_tcp_neighbours_failed(&st->tcp);
}

static void advance(elko_stack *st)
{
        if (ek_ip_next_deadline(&st->ip) <= st->now) {
                ek_ip_advance(&st->ip, st->now);
                drain_neighbours(st);
        }
        ek_tcp_advance(&st->tcp);
}

static void input_one(elko_stack *st, elko_link link, const struct elko_packet *packet)
{
        struct ek_ip_in in;

        st->ctr.packets_in++;
        st->ctr.bytes_in += packet->len;
        switch (ek_ip_input(&st->ip, link, packet, st->now, &in)) {
        case EK_IP_TCP: ek_tcp_segment(&st->tcp, &in); break;
        case EK_IP_ICMP_ERROR: ek_tcp_icmp_error(&st->tcp, &in.icmp); break;
        case EK_IP_CONSUMED:
        case EK_IP_DROPPED: break;
        }
        /* What died must not be found by the next packet of the batch. */
        ek_tcp_reap(&st->tcp);
}

void elko_input(elko_stack *st, elko_link link, const struct elko_packet *packets, size_t n,
                uint64_t now)
{
        ek_stack_set_now(st, now);
        ek_ip_ctl_release(&st->ip);
        advance(st);
        for (size_t i = 0; i < n; i++)
                input_one(st, link, &packets[i]);
        drain_neighbours(st);
        ek_stack_end_call(st);
}

size_t elko_output(elko_stack *st, elko_link link, struct elko_frame *frames, size_t max,
                   uint64_t now)
{
        size_t n = 0;

        ek_stack_set_now(st, now);
        ek_ip_ctl_release(&st->ip);
        advance(st);
        n = ek_tcp_output(&st->tcp, link, frames, max);
        while (n < max && ek_ip_ctl_pop(&st->ip, link, &frames[n], st->now))
                n++;
        for (size_t i = 0; i < n; i++)
                st->ctr.bytes_out += frames[i].len;
        st->ctr.frames_out += n;
        ek_stack_end_call(st);
        return n;
}

bool elko_has_output(elko_stack *st, elko_link link)
{
        return ek_tcp_has_output(&st->tcp, link) || ek_ip_ctl_has(&st->ip, link);
}

void elko_advance(elko_stack *st, uint64_t now)
{
        ek_stack_set_now(st, now);
        advance(st);
        ek_stack_end_call(st);
}

uint64_t elko_next_deadline(elko_stack *st)
{
        return ek_min_u64(ek_tcp_next_deadline(&st->tcp), ek_ip_next_deadline(&st->ip));
}

/* ---- ICMP echo ---- */

int elko_echo_request(elko_stack *st, const elko_ip *to, uint16_t id, uint16_t seq,
                      const void *payload, size_t len)
{
        elko_ip dst = *to;

        if (ek_addr_is_v6_link_local(&dst) && ek_get16be(dst.b + 2) == 0)
                ek_ip_embed_scope(&dst, 1);
        return ek_icmp_echo_request(&st->ip, &dst, id, seq, payload, len, st->now);
}

bool elko_echo_next(elko_stack *st, struct elko_echo *out)
{
        bool got = ek_icmp_echo_next(&st->ip, out);

        if (got)
                ek_ip_strip_scope(&out->from);
        if (!ek_icmp_echo_pending(&st->ip))
                st->echo_told = false;
        return got;
}

bool elko_next_event(elko_stack *st, struct elko_event *ev)
{
        if (ek_sock_next_event(&st->tcp, ev))
                return true;
        if (!ek_icmp_echo_pending(&st->ip) || st->echo_told)
                return false;
        st->echo_told = true;
        *ev = (struct elko_event){.sock = ELKO_SOCK_NONE, .bits = ELKO_EV_ECHO};
        return true;
}

/* ---- seeing inside ---- */

void elko_trace_set(elko_stack *st, elko_trace_fn *fn, void *ctx)
{
        st->tcp.trace = fn;
        st->tcp.trace_ctx = ctx;
}

const struct elko_counters *elko_counters_get(elko_stack *st)
{
        return &st->ctr;
}

void elko_memory_get(elko_stack *st, struct elko_memory_info *out)
{
        struct ek_tcp *t = &st->tcp;

        *out = (struct elko_memory_info){
                .capacity = ek_region_capacity(st->region),
                .used = ek_region_used(st->region),
                .high_water = ek_region_high_water(st->region),
                .promised = ek_region_reserved(st->region),
                .connections = ek_slab_live(&t->tcbs),
                .half_open = t->half_open.total,
                .time_wait = ek_slab_live(&t->time_waits) - t->time_wait.dead - t->time_wait.behind,
                .listeners = ek_slab_live(&t->listeners),
                .connection_bytes = sizeof(struct ek_tcb) + sizeof(uint32_t),
                .half_open_bytes = sizeof(struct ek_half_open) + sizeof(uint32_t),
                .time_wait_bytes = sizeof(struct ek_time_wait) + sizeof(uint32_t),
        };
}

uint64_t elko_now(elko_stack *st)
{
        return st->now;
}

const char *elko_check(elko_stack *st)
{
        const char *bad = ek_tcp_check(&st->tcp);

        if (bad == NULL)
                bad = ek_ipstack_check_state(&st->ip);
        if (bad == NULL && (st->checked_routes != ek_route_gen(&st->ip) || !st->checked)) {
                bad = ek_ipstack_check_tables(&st->ip);
                st->checked_routes = ek_route_gen(&st->ip);
                st->checked = bad == NULL;
        }
        if (bad == NULL && st->checked_ctl != st->ip.ctl.changes) {
                bad = ek_ctl_check(&st->ip);
                st->checked_ctl = st->ip.ctl.changes;
        }
        if (bad == NULL && st->checked_region != ek_region_changes(st->region)) {
                if (!ek_region_check(st->region))
                        return "memory region";
                st->checked_region = ek_region_changes(st->region);
        }
        return bad;
}

void elko_fail_alloc(elko_stack *st, uint64_t nth, bool forever)
{
        ek_region_fail_nth(st->region, nth, forever);
}
