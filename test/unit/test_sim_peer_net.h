/* SPDX-License-Identifier: MIT */
#ifndef ELKO_TEST_SIM_PEER_NET_H
#define ELKO_TEST_SIM_PEER_NET_H

/*
 * A tiny network for tests of the simulated peers: sim.h without scenarios, oracles and monitors.
 *
 * It defines the functions of sim.h itself, so a test of a peer depends on nothing but the peer. Packets
 * take `delay` plus up to `jitter` (so they overtake each other), are lost with `loss_ppm` and doubled with
 * `dup_ppm`; `tap` sees each packet that is sent and may lose it by returning false. Ordered by (time,
 * number), so a run is a function of the seed.
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NET_EVENTS = 65536, NET_OBSERVERS = 4, NET_BOXES = 4 };

struct net_event {
        uint64_t at, number;
        int from, to; /* from -1: run() of `to` */
        size_t len;
        uint8_t *packet;
};

struct sim_world {
        uint64_t seed, now, numbers;
        struct {
                const struct sim_node_ops *ops;
                void *self;
                uint64_t wake;
        } node[SIM_NODES];
        int nodes;
        struct net_event *event[NET_EVENTS]; /* a binary heap */
        unsigned events;
        struct sim_observer observer[NET_OBSERVERS];
        unsigned observers;
        struct {
                int a, b;
                struct sim_middlebox m;
        } box[NET_BOXES];
        unsigned boxes;
        struct sim_rng rng;
        uint64_t delay, jitter;
        uint32_t loss_ppm, dup_ppm;
        bool (*tap)(void *ctx, int from, const uint8_t *packet, size_t len, uint64_t now);
        void *tap_ctx;
        uint64_t sent, lost, unknown;
        char failure[300];
};

static inline void net_init(struct sim_world *w, uint64_t seed)
{
        memset(w, 0, sizeof(*w));
        w->seed = seed;
        w->now = ELKO_SEC(1000);
        w->rng = sim_rng_make(seed, 1, 2, 3);
        w->delay = ELKO_MS(10);
}

static inline bool net_before(const struct net_event *a, const struct net_event *b)
{
        return a->at < b->at || (a->at == b->at && a->number < b->number);
}

static inline void net_push(struct sim_world *w, struct net_event *e)
{
        unsigned i = w->events++;

        if (w->events == NET_EVENTS)
                abort();
        e->number = w->numbers++;
        while (i > 0 && net_before(e, w->event[(i - 1) / 2])) {
                w->event[i] = w->event[(i - 1) / 2];
                i = (i - 1) / 2;
        }
        w->event[i] = e;
}

static inline struct net_event *net_pop(struct sim_world *w)
{
        struct net_event *top = w->event[0], *last = w->event[--w->events];
        unsigned i = 0, child;

        while ((child = 2 * i + 1) < w->events) {
                if (child + 1 < w->events && net_before(w->event[child + 1], w->event[child]))
                        child++;
                if (!net_before(w->event[child], last))
                        break;
                w->event[i] = w->event[child];
                i = child;
        }
        w->event[i] = last;
        return top;
}

/* ------------------------------------------------------------------- sim.h */

int sim_node_add(struct sim_world *w, const struct sim_node_ops *ops, void *self)
{
        if (w->nodes == SIM_NODES)
                return -1;
        w->node[w->nodes].ops = ops;
        w->node[w->nodes].self = self;
        w->node[w->nodes].wake = ELKO_NEVER;
        return w->nodes++;
}

elko_ip sim_address(unsigned node, bool v6)
{
        elko_ip ip = {{0xfd}};

        ip.b[15] = (uint8_t)(node + 1);
        return v6 ? ip : elko_ip_v4(10, 0, 0, (uint8_t)(node + 1));
}

uint64_t sim_now(const struct sim_world *w)
{
        return w->now;
}

uint64_t sim_seed(const struct sim_world *w)
{
        return w->seed;
}

void sim_fail(struct sim_world *w, const char *format, ...)
{
        va_list ap;

        if (w->failure[0] != '\0')
                return;
        va_start(ap, format);
        vsnprintf(w->failure, sizeof(w->failure), format, ap);
        va_end(ap);
}

void sim_wake(struct sim_world *w, int node, uint64_t at)
{
        w->node[node].wake = at;
}

void sim_observe(struct sim_world *w, const struct sim_observer *o)
{
        if (w->observers < NET_OBSERVERS)
                w->observer[w->observers++] = *o;
}

void sim_middlebox_set(struct sim_world *w, int a, int b, const struct sim_middlebox *m)
{
        if (w->boxes == NET_BOXES)
                abort();
        w->box[w->boxes].a = a;
        w->box[w->boxes].b = b;
        w->box[w->boxes++].m = *m;
}

void sim_forward(struct sim_world *w, int from, int to, const uint8_t *packet, size_t len)
{
        unsigned copies = 1;

        if (sim_rng_chance(&w->rng, w->loss_ppm)) {
                w->lost++;
                return;
        }
        if (sim_rng_chance(&w->rng, w->dup_ppm))
                copies = 2;
        for (; copies > 0; copies--) {
                struct net_event *e = malloc(sizeof(*e) + len);

                e->at = w->now + w->delay + sim_rng_below(&w->rng, w->jitter + 1);
                e->from = from;
                e->to = to;
                e->len = len;
                e->packet = (uint8_t *)(e + 1);
                memcpy(e->packet, packet, len);
                net_push(w, e);
        }
}

static inline int net_owner(const uint8_t *packet, size_t len)
{
        uint8_t last;

        if (len >= 20 && packet[0] >> 4 == 4 && memcmp(packet + 16, "\x0a\0\0", 3) == 0)
                last = packet[19];
        else if (len >= 40 && packet[0] >> 4 == 6 && packet[24] == 0xfd)
                last = packet[39];
        else
                return -1;
        return last - 1;
}

void sim_send(struct sim_world *w, int from, const uint8_t *packet, size_t len)
{
        int to = net_owner(packet, len);

        w->sent++;
        for (unsigned i = 0; i < w->observers; i++)
                if (w->observer[i].sent != NULL)
                        w->observer[i].sent(w->observer[i].self, from, packet, len, w->now);
        if (w->tap != NULL && !w->tap(w->tap_ctx, from, packet, len, w->now)) {
                w->lost++;
                return;
        }
        if (to < 0 || to >= w->nodes || to == from || len > SIM_MTU_MAX) {
                w->unknown++;
                return;
        }
        for (unsigned i = 0; i < w->boxes; i++)
                if ((w->box[i].a == from && w->box[i].b == to) ||
                    (w->box[i].b == from && w->box[i].a == to)) {
                        w->box[i].m.filter(w->box[i].m.self, w, from, to, packet, len, w->now);
                        return;
                }
        sim_forward(w, from, to, packet, len);
}

/* ------------------------------------------------------------- driving it */

static inline int net_next_wake(const struct sim_world *w)
{
        int best = -1;

        for (int i = 0; i < w->nodes; i++)
                if (w->node[i].wake != ELKO_NEVER &&
                    (best < 0 || w->node[i].wake < w->node[best].wake))
                        best = i;
        return best;
}

/* Run until `until`, until it fails, or nothing is left. */
static inline void net_run(struct sim_world *w, uint64_t until)
{
        while (w->failure[0] == '\0') {
                int wake = net_next_wake(w);
                uint64_t wake_at = wake < 0 ? ELKO_NEVER : w->node[wake].wake;
                struct net_event *e = w->events > 0 ? w->event[0] : NULL;

                if (wake_at > until && (e == NULL || e->at > until))
                        break;
                if (e == NULL || wake_at < e->at) {
                        w->now = wake_at > w->now ? wake_at : w->now;
                        w->node[wake].wake = ELKO_NEVER;
                        w->node[wake].ops->run(w->node[wake].self, w, w->now);
                        continue;
                }
                e = net_pop(w);
                w->now = e->at > w->now ? e->at : w->now;
                for (unsigned i = 0; i < w->observers; i++)
                        if (w->observer[i].arrives != NULL)
                                w->observer[i].arrives(w->observer[i].self, e->to, e->packet,
                                                       e->len, w->now);
                w->node[e->to].ops->input(w->node[e->to].self, w, e->packet, e->len, w->now);
                free(e);
        }
        if (until != ELKO_NEVER && w->now < until && w->failure[0] == '\0')
                w->now = until;
}

static inline void net_heal(struct sim_world *w)
{
        w->loss_ppm = w->dup_ppm = 0;
        for (unsigned i = 0; i < w->boxes; i++)
                if (w->box[i].m.heal != NULL)
                        w->box[i].m.heal(w->box[i].m.self);
        for (int i = 0; i < w->nodes; i++)
                if (w->node[i].ops->heal != NULL)
                        w->node[i].ops->heal(w->node[i].self, w, w->now);
}

static inline void net_free(struct sim_world *w)
{
        while (w->events > 0)
                free(net_pop(w));
        for (int i = 0; i < w->nodes; i++)
                if (w->node[i].ops->destroy != NULL)
                        w->node[i].ops->destroy(w->node[i].self);
        for (unsigned i = 0; i < w->boxes; i++)
                if (w->box[i].m.destroy != NULL)
                        w->box[i].m.destroy(w->box[i].m.self);
}

#endif
