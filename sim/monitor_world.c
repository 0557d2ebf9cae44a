/* SPDX-License-Identifier: MIT */
/*
 * The monitor as an observer of a simulated world (sim.h).
 *
 * Theory: the world tells what leaves a node before any fault, and what reaches it after all of them, so
 * the monitor knows exactly what the node knows. Virtual time is exact as well; what a stalled device or
 * a late clock may add is told by sim_monitor_react().
 */
#include <stdio.h>

#include "monitor_ep.h"
#include "sim.h"

static void world_report(void *ctx, const struct sim_monitor_violation *v)
{
        struct sim_monitor *m = ctx;
        char local[ELKO_IP_TEXT], remote[ELKO_IP_TEXT];

        elko_ip_format(&v->local.ip, local);
        elko_ip_format(&v->remote.ip, remote);
        sim_fail(m->world, "monitor: node %u, %s port %u -> %s port %u: %s (%s): %s: %s", v->host,
                 local, v->local.port, remote, v->remote.port, sim_monitor_rule_name(v->rule),
                 sim_monitor_rule_where(v->rule), sim_monitor_rule_text(v->rule), v->text);
}

static void ask(struct sim_monitor *m, int node)
{
        uint64_t n;

        if (m->facts.shortages == NULL || node >= MON_HOSTS)
                return;
        n = m->facts.shortages(m->facts_ctx, (unsigned)node);
        if (n != m->short_seen[node])
                sim_monitor_shortage(m, (unsigned)node);
        m->short_seen[node] = n;
}

void sim_monitor_ask(struct sim_monitor *m, const struct sim_monitor_facts *facts, void *ctx)
{
        m->facts = *facts;
        m->facts_ctx = ctx;
}

static void world_sent(void *self, int from, const uint8_t *packet, size_t len, uint64_t now)
{
        struct sim_monitor *m = self;

        m->world_number++;
        if (from >= 0 && (m->nodes >> from & 1) != 0) {
                ask(m, from);
                sim_monitor_sent(m, (unsigned)from, packet, len, now, m->world_number);
        }
}

static void world_arrives(void *self, int at, const uint8_t *packet, size_t len, uint64_t now)
{
        struct sim_monitor *m = self;

        m->world_number++;
        if (at >= 0 && (m->nodes >> at & 1) != 0) {
                ask(m, at);
                sim_monitor_arrives(m, (unsigned)at, packet, len, now, m->world_number);
        }
}

struct sim_observer sim_monitor_observer(struct sim_world *w, struct sim_monitor *m, uint32_t nodes)
{
        struct sim_observer o = {.self = m, .sent = world_sent, .arrives = world_arrives};

        m->world = w;
        m->nodes = nodes;
        m->world_number = 0;
        if (m->c.report == NULL && w != NULL) {
                m->c.report = world_report;
                m->c.ctx = m;
        }
        return o;
}

void sim_monitor_attach(struct sim_world *w, struct sim_monitor *m, uint32_t nodes)
{
        struct sim_observer o = sim_monitor_observer(w, m, nodes);

        sim_observe(w, &o);
}
