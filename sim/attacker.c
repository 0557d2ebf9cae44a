/* SPDX-License-Identifier: MIT */
/*
 * The attacker as a node: at each beat of its clock one of its kinds strikes.
 */
#include "attacker.h"
#include "attacker_conn.h"

#include <stdlib.h>
#include <string.h>

enum { RNG_ATTACKER = 0xa77 };

const char *attacker_name(unsigned bit)
{
        static const char *const name[] = {
#define ELKO_X(name, text) #name,
                ATTACKER_LIST(ELKO_X)
#undef ELKO_X
        };

        return bit < ATTACKER_BITS ? name[bit] : "?";
}

void attacker_config_default(struct attacker_config *c, uint32_t kinds)
{
        memset(c, 0, sizeof(*c));
        c->kinds = kinds;
        c->rate = 200;
        c->stop_ns = ELKO_NEVER;
        c->msl_ns = ELKO_SEC(30);
        c->sighted_ppm = 500000;
        c->max_own = 32;
}

bool atk_is_victim(const struct attacker *a, int node)
{
        return node >= 0 && node != a->number && (a->cfg.nodes == 0 || (a->cfg.nodes >> node & 1));
}

void atk_send(struct attacker *a, enum attacker_bit kind, const uint8_t *packet, size_t len)
{
        if (len == 0 || a->stopped || (a->cfg.max_packets != 0 && a->sent >= a->cfg.max_packets))
                return;
        if (a->cfg.decide != NULL && !a->cfg.decide(a->cfg.ctx, a->decisions++))
                return;
        a->sent++;
        a->totals.sent[kind]++;
        a->kind = kind;
        sim_send(a->w, a->number, packet, len);
}

void atk_send_pkt(struct attacker *a, enum attacker_bit kind, const struct pkt *s)
{
        size_t n = pkt_build(s, a->buf, sizeof(a->buf));

        atk_send(a, kind, a->buf, n);
}

/* A kind that is on. */
static enum attacker_bit pick_kind(struct attacker *a)
{
        unsigned on = 0, n;

        for (unsigned bit = 0; bit < ATTACKER_BITS; bit++)
                on += a->cfg.kinds >> bit & 1;
        n = (unsigned)sim_rng_below(&a->rng, on);
        for (unsigned bit = 0; bit < ATTACKER_BITS; bit++)
                if ((a->cfg.kinds >> bit & 1) && n-- == 0)
                        return (enum attacker_bit)bit;
        return ATTACKER_BIT_SYN_FLOOD;
}

static void strike(struct attacker *a, uint64_t now)
{
        enum attacker_bit kind = pick_kind(a);

        switch (kind) {
        case ATTACKER_BIT_REPLAY: atk_replay(a, now); break;
        case ATTACKER_BIT_ICMP_ERROR:
        case ATTACKER_BIT_ICMP_PTB:
        case ATTACKER_BIT_FRAGMENTS:
        case ATTACKER_BIT_MARTIANS:
        case ATTACKER_BIT_GARBAGE: atk_junk(a, kind, now); break;
        case ATTACKER_BIT_SOCKSTRESS:
        case ATTACKER_BIT_SEGMENT_SMACK:
        case ATTACKER_BIT_OPTIMISTIC_ACK:
        case ATTACKER_BIT_ACK_DIVISION:
        case ATTACKER_BIT_DUP_ACK_SPOOF: atk_own_open(a, kind, now); break;
        default: atk_blind(a, kind, now); break;
        }
}

static void settle(struct attacker *a)
{
        uint64_t own = atk_own_deadline(a);

        sim_wake(a->w, a->number, a->stopped ? ELKO_NEVER : own < a->next_at ? own : a->next_at);
}

static void stop(struct attacker *a)
{
        if (a->stopped)
                return;
        atk_own_stop(a);
        a->stopped = true;
        a->next_at = ELKO_NEVER;
        atk_forget(a);
}

static void node_input(void *self, struct sim_world *w, const uint8_t *packet, size_t len,
                       uint64_t now)
{
        struct attacker *a = self;
        struct pkt s;

        (void)w;
        if (!a->stopped && pkt_parse(&s, packet, len))
                atk_own_input(a, &s, now);
        settle(a);
}

static void node_run(void *self, struct sim_world *w, uint64_t now)
{
        struct attacker *a = self;

        (void)w;
        if (now >= a->cfg.stop_ns || (a->cfg.max_packets != 0 && a->sent >= a->cfg.max_packets))
                stop(a);
        if (!a->stopped && now >= a->next_at) {
                a->next_at = now + sim_rng_range(&a->rng, 1, ELKO_SEC(2) / a->cfg.rate);
                strike(a, now);
        }
        if (!a->stopped)
                atk_own_run(a, now);
        settle(a);
}

static void node_heal(void *self, struct sim_world *w, uint64_t now)
{
        (void)w;
        (void)now;
        stop(self);
        settle(self);
}

static void node_destroy(void *self)
{
        struct attacker *a = self;

        atk_forget(a);
        free(a->forged);
        free(a);
}

static const struct sim_node_ops node_ops = {
        .name = "attacker",
        .input = node_input,
        .run = node_run,
        .heal = node_heal,
        .destroy = node_destroy,
};

int attacker_add(struct sim_world *w, const struct attacker_config *cfg, struct attacker **out)
{
        struct attacker *a = calloc(1, sizeof(*a));
        struct sim_observer o = {.self = a, .sent = atk_sent, .arrives = atk_arrives};

        if (a == NULL)
                return -1;
        a->w = w;
        a->cfg = *cfg;
        a->cfg.rate = cfg->rate == 0 ? 1 : cfg->rate > 1000000 ? 1000000 : cfg->rate;
        a->cfg.msl_ns = cfg->msl_ns == 0 ? ELKO_SEC(30) : cfg->msl_ns;
        a->cfg.max_own = cfg->max_own == 0 ? 32 : cfg->max_own;
        a->number = sim_node_add(w, &node_ops, a);
        if (a->number < 0) {
                free(a);
                return -1;
        }
        a->rng = sim_rng_make(sim_seed(w), RNG_ATTACKER, (uint32_t)a->number, 0);
        sim_observe(w, &o);
        a->next_at = cfg->start_ns > sim_now(w) ? cfg->start_ns : sim_now(w);
        a->stopped = (cfg->kinds & ATTACKER_ALL) == 0;
        settle(a);
        if (out != NULL)
                *out = a;
        return a->number;
}

void attacker_listener(struct attacker *a, const elko_endpoint *listener)
{
        if (a->listeners < ATK_LISTENERS)
                a->listener[a->listeners++] = *listener;
}

enum attacker_harm attacker_harm(const struct attacker *a, const elko_endpoint *x,
                                 const elko_endpoint *y)
{
        for (unsigned i = 0; i < a->flows; i++) {
                const struct atk_flow *f = &a->flow[i];

                if ((pkt_endpoint_equal(&f->end[0].at, x) &&
                     pkt_endpoint_equal(&f->end[1].at, y)) ||
                    (pkt_endpoint_equal(&f->end[0].at, y) && pkt_endpoint_equal(&f->end[1].at, x)))
                        return f->harm;
        }
        return ATTACKER_HARM_NONE;
}

bool attacker_owns(const struct attacker *a, const elko_ip *ip)
{
        elko_ip mine = sim_address((unsigned)a->number, !elko_ip_is_v4(ip));

        return pkt_ip_equal(ip, &mine);
}

const struct attacker_totals *attacker_totals_get(const struct attacker *a)
{
        return &a->totals;
}
