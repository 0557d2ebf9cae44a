/* SPDX-License-Identifier: MIT */
/*
 * Connections of the attacker's own: real addresses, real handshakes, bad intent.
 *
 *      SOCKSTRESS      a request, then a zero window for ever; every probe is answered (RFC 6429)
 *      SEGMENT_SMACK   one byte at every second place of the window (CVE-2018-5390, CVE-2018-6922)
 *      OPTIMISTIC_ACK  acknowledges what it has not got yet
 *      ACK_DIVISION    one ACK for each few bytes (RFC 3465, 1)
 *      DUP_ACK_SPOOF   many duplicate ACKs for each segment
 *
 * Answers count against the rate like everything else, so nothing here can storm. When the attacker stops
 * it resets all of them.
 */
#include "attacker_conn.h"

#include <string.h>

static struct pkt segment(const struct atk_own *o, uint16_t flags)
{
        struct pkt s = {.src = o->local,
                        .dst = o->remote,
                        .flags = flags,
                        .seq = o->snd_nxt,
                        .ack = o->rcv_nxt,
                        .window = 65535};

        if (o->kind == ATTACKER_BIT_SOCKSTRESS && o->open)
                s.window = 0;
        return s;
}

bool atk_own_open(struct attacker *a, enum attacker_bit kind, uint64_t now)
{
        unsigned most = a->cfg.max_own < ATK_OWN_MAX ? a->cfg.max_own : ATK_OWN_MAX;
        struct pkt s;

        if (a->listeners == 0)
                return false;
        for (unsigned i = 0; i < most; i++) {
                struct atk_own *o = &a->own[i];

                if (o->used)
                        continue;
                memset(o, 0, sizeof(*o));
                o->used = true;
                o->kind = kind;
                o->remote = a->listener[sim_rng_below(&a->rng, a->listeners)];
                o->local.ip = sim_address((unsigned)a->number, !elko_ip_is_v4(&o->remote.ip));
                o->local.port = (uint16_t)sim_rng_range(&a->rng, 1024, 65535);
                o->iss = o->snd_nxt = (uint32_t)sim_rng_u64(&a->rng);
                o->at = now + ELKO_SEC(3);
                s = segment(o, ELKO_SYN);
                s.ack = 0;
                s.options = ELKO_OPT_MSS |
                            (kind == ATTACKER_BIT_DUP_ACK_SPOOF ? ELKO_OPT_SACK_PERMITTED : 0);
                s.mss = sim_rng_chance(&a->rng, 300000) ? 48 : 1400;
                o->snd_nxt++;
                a->totals.own_opened++;
                atk_send_pkt(a, kind, &s);
                return true;
        }
        return false;
}

/* May one more answer leave? Half of the rate is theirs. */
static bool may_answer(struct attacker *a, uint64_t now)
{
        uint64_t each = ELKO_SEC(2) / a->cfg.rate;

        if (a->stopped || now < a->budget_at ||
            (a->cfg.stop_ns != ELKO_NEVER && now >= a->cfg.stop_ns))
                return false;
        a->budget_at = (a->budget_at + 64 * each < now ? now - 64 * each : a->budget_at) + each;
        return true;
}

static void answer(struct attacker *a, struct atk_own *o, uint32_t ack, uint64_t now)
{
        struct pkt s = segment(o, ELKO_ACK);

        s.ack = ack;
        if (may_answer(a, now))
                atk_send_pkt(a, o->kind, &s);
}

static void ask(struct attacker *a, struct atk_own *o, uint64_t now)
{
        struct pkt s = segment(o, ELKO_ACK | ELKO_PSH);

        memset(a->payload, 'a', 64);
        s.payload = a->payload;
        s.len = 64;
        o->top = o->snd_nxt += s.len;
        o->at = now + ELKO_MS(50);
        atk_send_pkt(a, o->kind, &s);
}

/* One byte, two places further on; the byte between never comes. */
static void smack(struct attacker *a, struct atk_own *o)
{
        struct pkt s = segment(o, ELKO_ACK);

        o->top += 2;
        if (o->top - o->snd_nxt > 60000)
                o->top = o->snd_nxt;
        s.seq = o->top - 1;
        s.payload = a->payload;
        s.len = 1;
        atk_send_pkt(a, o->kind, &s);
}

static void on_data(struct attacker *a, struct atk_own *o, const struct pkt *s, uint64_t now)
{
        uint32_t end = s->seq + pkt_seg_len(s), from = o->rcv_nxt;

        if (s->seq == o->rcv_nxt && o->kind != ATTACKER_BIT_SOCKSTRESS)
                o->rcv_nxt = end;
        switch (o->kind) {
        case ATTACKER_BIT_OPTIMISTIC_ACK:
                for (uint32_t i = 1; i <= 4; i++)
                        answer(a, o, end + i * (s->len < 100 ? 1400 : s->len), now);
                break;
        case ATTACKER_BIT_ACK_DIVISION:
                for (uint32_t i = 1; i <= 32 && from != o->rcv_nxt; i++)
                        answer(a, o, from + (uint32_t)((uint64_t)(end - from) * i / 32), now);
                break;
        case ATTACKER_BIT_DUP_ACK_SPOOF:
                for (uint32_t i = 0; i < 20; i++)
                        answer(a, o, from, now);
                answer(a, o, o->rcv_nxt, now);
                break;
        default: answer(a, o, o->rcv_nxt, now); break;
        }
}

void atk_own_input(struct attacker *a, const struct pkt *s, uint64_t now)
{
        struct atk_own *o = NULL;

        for (unsigned i = 0; i < ATK_OWN_MAX; i++)
                if (a->own[i].used && pkt_endpoint_equal(&a->own[i].local, &s->dst) &&
                    pkt_endpoint_equal(&a->own[i].remote, &s->src))
                        o = &a->own[i];
        if (o == NULL)
                return; /* answers to forged packets: silence, so that half-open ones stay */
        if (s->flags & ELKO_RST) {
                o->used = false;
        } else if (!o->open && (s->flags & ELKO_SYN) && (s->flags & ELKO_ACK) &&
                   s->ack == o->snd_nxt) {
                o->open = true;
                o->rcv_nxt = s->seq + 1;
                ask(a, o, now);
        } else if (o->open && pkt_seg_len(s) > 0) {
                on_data(a, o, s, now);
        }
}

uint64_t atk_own_deadline(const struct attacker *a)
{
        uint64_t at = ELKO_NEVER;

        for (unsigned i = 0; i < ATK_OWN_MAX; i++)
                if (a->own[i].used && a->own[i].at < at)
                        at = a->own[i].at;
        return at;
}

void atk_own_run(struct attacker *a, uint64_t now)
{
        for (unsigned i = 0; i < ATK_OWN_MAX; i++) {
                struct atk_own *o = &a->own[i];

                if (!o->used || o->at > now)
                        continue;
                o->at = ELKO_NEVER;
                if (!o->open) {
                        o->used = false; /* no answer to its SYN */
                } else if (o->kind == ATTACKER_BIT_SEGMENT_SMACK && o->acts++ < 4000) {
                        if (may_answer(a, now))
                                smack(a, o);
                        o->at = now + ELKO_SEC(2) / a->cfg.rate + 1;
                }
        }
}

void atk_own_stop(struct attacker *a)
{
        for (unsigned i = 0; i < ATK_OWN_MAX; i++) {
                struct atk_own *o = &a->own[i];
                struct pkt s = segment(o, ELKO_RST | ELKO_ACK);
                size_t n;

                if (!o->used)
                        continue;
                o->used = false;
                n = pkt_build(&s, a->buf, sizeof(a->buf));
                sim_send(a->w, a->number, a->buf, n);
        }
}
