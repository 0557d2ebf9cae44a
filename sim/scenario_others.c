/* SPDX-License-Identifier: MIT */
#include "scenario_others.h"

#include <string.h>

/* See scenario_others.h. */

enum { STREAM_ODD = 300, STREAM_ATTACKER, STREAM_BOX, STREAM_MONITOR };

static bool has(const struct sim_shape *s, enum sim_fault class)
{
        return (s->faults >> class & 1u) != 0;
}

/* ---- what may be excused ---- */

static enum sim_excuse excuse(void *ctx, const struct sim_conn *c)
{
        const struct sim_others *o = ctx;
        const elko_endpoint *a = &c->end[0].at, *b = &c->end[1].at;
        enum sim_excuse e = SIM_EXCUSE_NONE;

        if (o->odd_illegal && (c->end[0].node == o->odd_node || c->end[1].node == o->odd_node))
                return SIM_EXCUSE_NOTHING_HOLDS;
        if (o->attacker != NULL) {
                enum attacker_harm harm = attacker_harm(o->attacker, a, b);

                if (harm == ATTACKER_HARM_CORRUPT)
                        return SIM_EXCUSE_NOTHING_HOLDS;
                if (harm == ATTACKER_HARM_RESET)
                        e = SIM_EXCUSE_ENDED;
        }
        if (o->box != NULL && (o->bypassed || middlebox_killed(o->box, a, b)))
                e = SIM_EXCUSE_ENDED;
        return e;
}

/* ---- 13: the odd peer ---- */

static struct sim_conn *conn_of(const struct sim_others *o, const elko_endpoint *local,
                                const elko_endpoint *remote, unsigned *end)
{
        struct sim_conn *c = sim_oracle_find(o->oracle, local, remote);

        *end = 1;
        if (c == NULL) {
                *end = 0;
                c = sim_oracle_find(o->oracle, remote, local);
        }
        return c;
}

static bool plan(void *ctx, const elko_endpoint *local, const elko_endpoint *remote, bool active,
                 struct peer_odd_plan *out)
{
        struct sim_others *o = ctx;
        struct sim_conn *c;
        struct sim_rng r;
        unsigned end;

        (void)active;
        c = conn_of(o, local, remote, &end);
        if (c == NULL)
                return false;
        r = sim_rng_make(sim_seed(o->world), STREAM_ODD, c->plan, end);
        *out = (struct peer_odd_plan){
                .tx_stream = sim_oracle_stream(o->oracle, c, end),
                .rx_stream = sim_oracle_stream(o->oracle, c, 1 - end),
                .tx_bytes = sim_rng_log(&r, 1, o->shape->most_bytes) - 1,
                .rx_bytes = UINT64_MAX,
                .verify = !o->odd_illegal,
        };
        if (out->tx_bytes > 60000)
                out->tx_bytes = 60000;
        c->end[end].open = true;
        c->end[end].sent = out->tx_bytes;
        return true;
}

static bool tainted(void *ctx, const elko_endpoint *local, const elko_endpoint *remote)
{
        struct sim_others *o = ctx;
        unsigned end;
        struct sim_conn *c = conn_of(o, local, remote, &end);

        return c == NULL || sim_oracle_excuse(o->oracle, c) == SIM_EXCUSE_NOTHING_HOLDS;
}

static void ended(void *ctx, const struct peer_odd_report *r)
{
        struct sim_others *o = ctx;
        unsigned end;
        struct sim_conn *c = conn_of(o, &r->local, &r->remote, &end);

        if (c == NULL)
                return;
        c->end[end].closed = true;
        c->end[end].eof = r->rx_eof;
        c->end[end].failed = r->end != PEER_ODD_END_CLOSED;
        c->end[end].received = r->rx_bytes;
}

static void add_odd(struct sim_others *o)
{
        struct sim_rng r = sim_rng_make(sim_seed(o->world), STREAM_ODD, 0xffff, 0);
        struct peer_odd_config c;

        o->odd_node = -1;
        if (!o->shape->odd || !sim_decide(o->world, SIM_F_WINDOW, 0x100, 0))
                return;
        peer_odd_config_default(&c);
        c.oddities = (uint32_t)(sim_rng_u64(&r) & PEER_ODD_ALL);
        c.oddity_ppm = (uint32_t)sim_rng_log(&r, 20000, 800000);
        o->odd_illegal = sim_rng_below(&r, 8) == 0;
        c.illegal_ppm = o->odd_illegal ? (uint32_t)sim_rng_log(&r, 1000, 500000) : 0;
        c.mtu = sim_rng_below(&r, 3) == 0 ? (uint16_t)sim_rng_log(&r, 576, 9000) : 1500;
        c.ctx = o;
        c.plan = plan;
        c.tainted = tainted;
        c.ended = ended;
        o->odd_node = peer_odd_add(o->world, &c, &o->odd);
        if (o->odd_node >= 0)
                peer_odd_listen(o->odd, SIM_PORT);
}

void sim_others_open(struct sim_others *o, const struct sim_shape_conn *c, uint64_t now)
{
        elko_endpoint local = {.ip = sim_address((unsigned)o->odd_node, c->v6),
                               .port = c->local_port};
        elko_endpoint remote = {.ip = sim_address(c->to, c->v6), .port = c->port};
        struct sim_conn *known;

        if (o->odd_node < 0)
                return;
        known = sim_oracle_opened(o->oracle, o->odd_node, &local, (int)c->to, &remote);
        if (known == NULL)
                return;
        known->plan = c->number;
        known->end[0].is_opener = true;
        known->end[1].is_elko = true;
        if (peer_odd_connect(o->odd, o->world, &remote, c->local_port, NULL, now) == 0)
                known->end[0].failed = true;
}

/* ---- 15: the attacker ---- */

static void add_attacker(struct sim_others *o)
{
        struct sim_rng r = sim_rng_make(sim_seed(o->world), STREAM_ATTACKER, 0, 0);
        struct attacker_config c;
        uint32_t kinds;

        if (!has(o->shape, SIM_F_ATTACKER) || !sim_decide(o->world, SIM_F_ATTACKER, 0, 0))
                return;
        kinds = (uint32_t)(sim_rng_u64(&r) & sim_rng_u64(&r)) & ATTACKER_BLIND;
        if (sim_rng_below(&r, 8) == 0)
                kinds |= ATTACKER_SIGHTED;
        if (kinds == 0)
                kinds = 1u << sim_rng_below(&r, ATTACKER_BIT_SIGHTED);
        attacker_config_default(&c, kinds);
        c.rate = (uint32_t)sim_rng_log(&r, 1, 20000);
        c.max_packets = (uint32_t)sim_rng_log(&r, 10, 400);
        c.max_own = (unsigned)sim_rng_range(&r, 1, 8);
        if (attacker_add(o->world, &c, &o->attacker) < 0)
                return;
        o->oracle->strangers++;
        o->oracle->icmp_lies = (kinds & ATTACKER_ICMP_ERROR) != 0;
        o->replays = (kinds & ATTACKER_REPLAY) != 0;
        for (unsigned i = 0; i < o->shape->elkos; i++) {
                elko_endpoint listener = {.ip = sim_address(i, false), .port = SIM_PORT};

                attacker_listener(o->attacker, &listener);
        }
}

/* ---- 16: the middlebox ---- */

static void add_box(struct sim_others *o)
{
        struct sim_rng r = sim_rng_make(sim_seed(o->world), STREAM_BOX, 0, 0);
        struct middlebox_config c = {0};

        if (!has(o->shape, SIM_F_MIDDLEBOX) || !sim_decide(o->world, SIM_F_MIDDLEBOX, 0, 0))
                return;
        c.behaviours = (uint32_t)(sim_rng_u64(&r) & sim_rng_u64(&r)) & MIDDLEBOX_ALL;
        if (sim_rng_below(&r, 2) == 0)
                c.behaviours &= ~(uint32_t)MIDDLEBOX_KILLERS;
        c.nat_timeout_ns = sim_rng_log(&r, ELKO_SEC(1), ELKO_SEC(300));
        o->box = middlebox_add(o->world, 0, 1, &c);
        /* A handshake of replayed packets settles what the box has changed in the real ones. */
        o->bypassed = o->replays && (c.behaviours & MIDDLEBOX_REWRITE_SEQ) != 0;
}

/* ---- O3: the monitor ---- */

static uint64_t shortages(void *ctx, unsigned host)
{
        const struct sim_others *o = ctx;

        return elko_counters_get(o->elko[host].st)->nomem;
}

static uint64_t patience(void *ctx, unsigned host, const elko_endpoint *local,
                         const elko_endpoint *remote)
{
        unsigned end;
        const struct sim_conn *c = conn_of(ctx, local, remote, &end);

        (void)host;
        return c == NULL ? 0 : c->end[end].patience_ns;
}

static bool keeps_alive(void *ctx, unsigned host, const elko_endpoint *local,
                        const elko_endpoint *remote)
{
        unsigned end;
        const struct sim_conn *c = conn_of(ctx, local, remote, &end);

        (void)host;
        return c != NULL && c->end[end].keeps_alive;
}

static void add_monitor(struct sim_others *o)
{
        struct sim_monitor_config c = {.endpoints_max = 256, .bytes_max = 1 << 19};
        const struct sim_shape *s = o->shape;

        /* A device that keeps packets back knows less than what was seen to arrive. */
        if (has(s, SIM_F_DEVICE))
                return;
        c.no_time = has(s, SIM_F_CLOCK);
        o->monitor = sim_monitor_create(&c);
        if (o->monitor == NULL)
                sim_fail(o->world, "no memory for the monitor");
        else
                sim_monitor_attach(o->world, o->monitor, (1u << s->elkos) - 1);
        if (o->monitor != NULL)
                sim_monitor_ask(o->monitor,
                                &(struct sim_monitor_facts){.shortages = shortages,
                                                            .patience = patience,
                                                            .keeps_alive = keeps_alive},
                                o);
}

void sim_others_add(struct sim_others *o, struct sim_world *w, struct sim_oracle *oracle,
                    const struct sim_shape *shape, const struct sim_elko *elko, bool monitor)
{
        memset(o, 0, sizeof(*o));
        o->elko = elko;
        o->world = w;
        o->oracle = oracle;
        o->shape = shape;
        oracle->excuse = excuse;
        oracle->excuse_ctx = o;
        add_odd(o);
        add_attacker(o);
        add_box(o);
        if (monitor)
                add_monitor(o);
}

void sim_others_reboot(struct sim_others *o, int node)
{
        if (o->monitor != NULL)
                sim_monitor_reboot(o->monitor, (unsigned)node);
}

void sim_others_end(struct sim_others *o)
{
        if (o->monitor == NULL)
                return;
        if (sim_world_failure(o->world) == NULL)
                sim_monitor_finish(o->monitor, sim_now(o->world));
        sim_monitor_destroy(o->monitor);
        o->monitor = NULL;
}
