/* SPDX-License-Identifier: MIT */
/*
 * Forged segments: from addresses and ports alone, beside what would work, and (SIGHTED) exact.
 */
#include "attacker_conn.h"

#include <string.h>

/* A segment from the other end to the victim. */
static struct pkt forge(const struct atk_flow *f, unsigned victim)
{
        struct pkt s = {.src = f->end[1 - victim].at, .dst = f->end[victim].at, .window = 8192};

        return s;
}

static uint32_t any(struct attacker *a)
{
        return (uint32_t)sim_rng_u64(&a->rng);
}

static void some_data(struct attacker *a, struct pkt *s)
{
        s->len = (uint32_t)sim_rng_log(&a->rng, 1, 1400);
        memset(a->payload, 0xbd, s->len); /* no stream looks like this for long */
        s->payload = a->payload;
}

/* Options as a real sender would have them, or none. */
static void some_options(struct attacker *a, struct pkt *s)
{
        if (sim_rng_chance(&a->rng, 500000)) {
                s->options |= ELKO_OPT_TIMESTAMPS;
                s->ts_val = any(a);
                s->ts_ecr = any(a);
        }
        if (s->flags & ELKO_SYN) {
                s->options |= ELKO_OPT_MSS;
                s->mss = (uint16_t)sim_rng_log(&a->rng, 1, 65535);
        }
}

/* A source that nobody has, or somebody else has. */
static elko_ip spoofed(struct attacker *a, bool v6)
{
        elko_ip ip = sim_address((unsigned)sim_rng_below(&a->rng, SIM_NODES), v6);

        if (sim_rng_chance(&a->rng, 800000)) {
                ip.b[15] = (uint8_t)sim_rng_range(&a->rng, SIM_NODES + 1, 254);
                if (!v6)
                        ip.b[14] = (uint8_t)sim_rng_u64(&a->rng);
        }
        return ip;
}

static bool to_listener(struct attacker *a, struct pkt *s, uint16_t flags)
{
        if (a->listeners == 0)
                return false;
        memset(s, 0, sizeof(*s));
        s->dst = a->listener[sim_rng_below(&a->rng, a->listeners)];
        s->src.ip = spoofed(a, !elko_ip_is_v4(&s->dst.ip));
        s->src.port = (uint16_t)sim_rng_range(&a->rng, 1, 65535);
        s->flags = flags;
        s->seq = any(a);
        s->ack = flags & ELKO_ACK ? any(a) : 0;
        s->window = (uint16_t)sim_rng_u64(&a->rng);
        return true;
}

static bool syn_flood(struct attacker *a)
{
        struct pkt s;

        if (!to_listener(a, &s, ELKO_SYN))
                return false;
        some_options(a, &s);
        if (sim_rng_chance(&a->rng, 100000))
                some_data(a, &s);
        atk_send_pkt(a, ATTACKER_BIT_SYN_FLOOD, &s);
        return true;
}

/* ACKs at random for SYN cookies, or into a connection. */
static bool blind_ack(struct attacker *a)
{
        unsigned victim;
        struct atk_flow *f = atk_pick(a, &victim);
        struct pkt s;

        if (f != NULL && sim_rng_chance(&a->rng, 600000)) {
                s = forge(f, victim);
                s.flags = ELKO_ACK;
                s.seq = any(a);
                s.ack = any(a);
        } else if (!to_listener(a, &s, ELKO_ACK)) {
                return false;
        }
        some_options(a, &s);
        atk_send_pkt(a, ATTACKER_BIT_BLIND_ACK, &s);
        return true;
}

static bool blind_into(struct attacker *a, enum attacker_bit kind)
{
        unsigned victim;
        struct atk_flow *f = atk_pick(a, &victim);
        struct pkt s;

        if (f == NULL)
                return false;
        s = forge(f, victim);
        s.seq = any(a);
        if (kind == ATTACKER_BIT_BLIND_RST) {
                s.flags = ELKO_RST;
        } else if (kind == ATTACKER_BIT_BLIND_SYN) {
                s.flags = ELKO_SYN;
        } else {
                s.flags = ELKO_ACK;
                some_data(a, &s);
                if (sim_rng_chance(&a->rng, 300000))
                        s.flags |= ELKO_FIN;
                if (sim_rng_chance(&a->rng, 200000)) {
                        s.flags |= ELKO_URG;
                        s.urgent = (uint16_t)any(a);
                }
        }
        if (kind != ATTACKER_BIT_BLIND_DATA && sim_rng_chance(&a->rng, 500000))
                s.flags |= ELKO_ACK;
        if (s.flags & ELKO_ACK)
                s.ack = any(a);
        some_options(a, &s);
        atk_send_pkt(a, kind, &s);
        return true;
}

/* A sequence number next to an edge of the victim's window. */
static uint32_t near_seq(struct attacker *a, const struct atk_end *e)
{
        switch (sim_rng_below(&a->rng, 7)) {
        case 0: return e->acked - 1;
        case 1: return e->edge;
        case 2: return e->edge - 1;
        case 3: return e->edge + 1;
        case 4: return e->acked + (e->edge - e->acked) / 2;
        case 5: return e->acked + 1;
        default: return e->acked - (uint32_t)sim_rng_range(&a->rng, 1, 100000);
        }
}

/* How far beside: seldom by a hair, which may be a hit by the time that it arrives. */
static uint32_t beside(struct attacker *a)
{
        return (uint32_t)sim_rng_log(&a->rng, sim_rng_chance(&a->rng, 150000) ? 1 : 1u << 22,
                                     1u << 29);
}

/* An ACK outside of SND.UNA - MAX.SND.WND .. SND.NXT. */
static uint32_t wrong_ack(struct attacker *a, const struct atk_end *e)
{
        uint32_t far = beside(a);

        return sim_rng_chance(&a->rng, 500000) ? e->next + far : e->una - e->wnd_max - far;
}

static bool near_miss(struct attacker *a)
{
        unsigned victim;
        struct atk_flow *f = atk_pick(a, &victim);
        const struct atk_end *e;
        struct pkt s;

        if (f == NULL || !f->end[victim].acks)
                return false;
        e = &f->end[victim];
        s = forge(f, victim);
        s.seq = near_seq(a, e);
        switch (sim_rng_below(&a->rng, 4)) {
        case 0:
                s.flags = ELKO_RST | (any(a) & ELKO_ACK);
                s.ack = any(a) % 2 ? e->next : any(a);
                break;
        case 1:
                s.flags = ELKO_SYN | (any(a) & ELKO_ACK);
                s.ack = e->next;
                break;
        case 2: /* the right place, the wrong ACK */
                s.seq = e->acked;
                s.flags = ELKO_ACK;
                s.ack = wrong_ack(a, e);
                some_data(a, &s);
                break;
        default: /* the right ACK, the wrong place */
                s.seq = sim_rng_chance(&a->rng, 500000)
                                ? e->edge + beside(a)
                                : e->acked - (uint32_t)sim_rng_range(&a->rng, 1600, 1u << 29);
                s.flags = ELKO_ACK | (any(a) & ELKO_FIN);
                s.ack = e->next;
                if (any(a) % 2)
                        some_data(a, &s);
                break;
        }
        some_options(a, &s);
        atk_send_pkt(a, ATTACKER_BIT_NEAR_MISS, &s);
        return true;
}

/* Its own address and port as the source (CVE-1999-0016). */
static bool land(struct attacker *a)
{
        unsigned victim;
        struct atk_flow *f = atk_pick(a, &victim);
        struct pkt s = {.window = 1000, .seq = any(a)};

        if (a->listeners > 0 && any(a) % 2)
                s.dst = a->listener[sim_rng_below(&a->rng, a->listeners)];
        else if (f != NULL)
                s.dst = f->end[victim].at;
        else
                return false;
        s.src = s.dst;
        s.flags = any(a) % 2 ? ELKO_SYN : ELKO_SYN | ELKO_ACK;
        some_options(a, &s);
        atk_send_pkt(a, ATTACKER_BIT_LAND, &s);
        return true;
}

/* Exactly what works, into connections that were chosen for it. */
static bool sighted(struct attacker *a)
{
        unsigned victim;
        struct atk_flow *f = atk_pick(a, &victim);
        const struct atk_end *e;
        struct pkt s;

        if (f == NULL || !f->sighted || !f->end[victim].acks)
                return false;
        e = &f->end[victim];
        s = forge(f, victim);
        s.seq = e->got_any && pkt_lt(e->acked, e->got) ? e->got : e->acked;
        s.ack = e->next;
        s.flags = ELKO_ACK;
        switch (sim_rng_below(&a->rng, 8)) {
        case 0: s.flags = ELKO_RST; break;
        case 1: s.flags |= ELKO_FIN; break;
        case 2: some_data(a, &s); break;
        case 3: s.window = 0; break;
        case 4: s.ack = e->una + (e->next - e->una) / 2; break;
        case 5:
                s.seq += (uint32_t)sim_rng_log(&a->rng, 1, 65536);
                some_data(a, &s);
                break;
        case 6:
                s.options |= ELKO_OPT_SACK;
                s.sack_count = (uint8_t)sim_rng_range(&a->rng, 1, 2);
                s.ack = e->una;
                for (unsigned i = 0; i < s.sack_count; i++) {
                        s.sack[i].left = e->una + (uint32_t)sim_rng_log(&a->rng, 1, 100000);
                        s.sack[i].right =
                                s.sack[i].left + (uint32_t)sim_rng_log(&a->rng, 1, 100000);
                }
                break;
        default: s.flags = (uint16_t)(any(a) & 0x1ff); break;
        }
        some_options(a, &s);
        atk_send_pkt(a, ATTACKER_BIT_SIGHTED, &s);
        return true;
}

bool atk_blind(struct attacker *a, enum attacker_bit kind, uint64_t now)
{
        (void)now;
        switch (kind) {
        case ATTACKER_BIT_SYN_FLOOD: return syn_flood(a);
        case ATTACKER_BIT_BLIND_ACK: return blind_ack(a);
        case ATTACKER_BIT_NEAR_MISS: return near_miss(a);
        case ATTACKER_BIT_LAND: return land(a);
        case ATTACKER_BIT_SIGHTED: return sighted(a);
        default: return blind_into(a, kind);
        }
}
