/* SPDX-License-Identifier: MIT */
/*
 * The wire monitor: finds the endpoint of a packet, and asks the judges.
 *
 * Theory: an endpoint is (host, local address and port, remote address and port). What leaves a host
 * belongs to the endpoint of its source, what arrives to that of its destination; a monitor that sees
 * both ends of a connection follows two endpoints that know nothing of each other. Endpoints stand in a
 * hash table and, by last use, in a list; where there is no room the longest unused goes.
 *
 * The judges look at what leaves in this order: the packet by itself (monitor_form.c), resets
 * (monitor_rst.c), the state (monitor_state.c), options (monitor_form.c), the sender's sequence space
 * (monitor_send.c), ECN (monitor_ecn.c), acknowledgment and window (monitor_ack.c), SACK (monitor_sack.c), time and quantity
 * (monitor_rate.c). What arrives only changes what is known (monitor_arrive.c), and what is owed
 * (monitor_duty.c).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "monitor_ep.h"

enum { TABLE = 4096 };

static const char *const names[SIM_RULES] = {
#define SIM_X(name, text, where) #name,
        SIM_MONITOR_RULES(SIM_X)
#undef SIM_X
};

static const char *const texts[SIM_RULES] = {
#define SIM_X(name, text, where) text,
        SIM_MONITOR_RULES(SIM_X)
#undef SIM_X
};

/* A bare section number is one of RFC 9293. */
static const char *const wheres[SIM_RULES] = {
#define SIM_X(name, text, where) where,
        SIM_MONITOR_RULES(SIM_X)
#undef SIM_X
};

const char *sim_monitor_rule_name(enum sim_monitor_rule rule)
{
        return (unsigned)rule < SIM_RULES ? names[rule] : "?";
}

const char *sim_monitor_rule_text(enum sim_monitor_rule rule)
{
        return (unsigned)rule < SIM_RULES ? texts[rule] : "?";
}

const char *sim_monitor_rule_where(enum sim_monitor_rule rule)
{
        return (unsigned)rule < SIM_RULES ? wheres[rule] : "?";
}

void sim_monitor_configure(struct sim_monitor *m, const struct sim_monitor_config *config)
{
        memset(&m->c, 0, sizeof m->c);
        if (config != NULL)
                m->c = *config;
        if (m->c.delack_ns == 0)
                m->c.delack_ns = ELKO_MS(500);
        if (m->c.prompt_ns == 0)
                m->c.prompt_ns = ELKO_MS(1);
        if (m->c.endpoints_max == 0)
                m->c.endpoints_max = 4096;
        if (m->c.bytes_max == 0)
                m->c.bytes_max = 4u << 20;
        if (m->c.initial_window == 0)
                m->c.initial_window = 10;
}

struct sim_monitor *sim_monitor_create(const struct sim_monitor_config *config)
{
        struct sim_monitor *m = calloc(1, sizeof *m);

        if (m == NULL)
                return NULL;
        sim_monitor_configure(m, config);
        m->table = calloc(TABLE, sizeof *m->table);
        m->table_mask = TABLE - 1;
        if (m->table == NULL) {
                free(m);
                return NULL;
        }
        return m;
}

void sim_monitor_destroy(struct sim_monitor *m)
{
        struct mon_chunk *next;

        if (m == NULL)
                return;
        for (struct mon_chunk *c = m->chunks; c != NULL; c = next) {
                next = c->next;
                for (size_t i = 0; i < sizeof c->ep / sizeof c->ep[0]; i++)
                        free(c->ep[i].bytes);
                free(c);
        }
        free(m->table);
        free(m);
}

const struct sim_monitor_counts *sim_monitor_counts(const struct sim_monitor *m)
{
        return &m->counts;
}

void sim_monitor_react(struct sim_monitor *m, uint64_t react_ns)
{
        m->c.react_ns = react_ns;
}

/* ---- reporting ---- */

void mon_blame(struct sim_monitor *m, const struct mon_ep *ep, enum sim_monitor_rule rule,
               const char *format, ...)
{
        char text[240];
        struct sim_monitor_violation v = {.rule = rule,
                                          .host = ep->host,
                                          .now = m->now,
                                          .packet = m->number,
                                          .local = ep->local,
                                          .remote = ep->remote,
                                          .text = text};
        va_list ap;

        m->counts.violations++;
        m->counts.rule[rule]++;
        va_start(ap, format);
        vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        if (m->c.report != NULL)
                m->c.report(m->c.ctx, &v);
}

/* ---- endpoints ---- */

static uint32_t hash(unsigned host, const elko_ip *a, uint16_t ap, const elko_ip *b, uint16_t bp)
{
        uint64_t x[4], z;

        memcpy(x, a->b, 16);
        memcpy(x + 2, b->b, 16);
        z = (x[0] ^ x[1] * 3) * 0x9e3779b97f4a7c15u;
        z = ((z ^ (z >> 29)) + (x[2] ^ x[3] * 5)) * 0xbf58476d1ce4e5b9u;
        z = ((z ^ (z >> 31)) + ((uint64_t)ap << 32 | (uint64_t)bp << 8 | host)) *
            0x94d049bb133111ebu;
        return (uint32_t)(z >> 33);
}

static uint32_t hash_of(const struct mon_ep *ep)
{
        return hash(ep->host, &ep->local.ip, ep->local.port, &ep->remote.ip, ep->remote.port);
}

static void use_unlink(struct sim_monitor *m, struct mon_ep *ep)
{
        *(ep->older != NULL ? &ep->older->newer : &m->oldest) = ep->newer;
        *(ep->newer != NULL ? &ep->newer->older : &m->newest) = ep->older;
}

static void use_newest(struct sim_monitor *m, struct mon_ep *ep)
{
        ep->older = m->newest;
        ep->newer = NULL;
        *(m->newest != NULL ? &m->newest->newer : &m->oldest) = ep;
        m->newest = ep;
}

static void forget(struct sim_monitor *m, struct mon_ep *ep)
{
        struct mon_ep **p = &m->table[hash_of(ep) & m->table_mask];

        while (*p != ep)
                p = &(*p)->hash_next;
        *p = ep->hash_next;
        use_unlink(m, ep);
        ep->hash_next = m->free;
        m->free = ep;
        m->endpoints--;
}

static bool more_endpoints(struct sim_monitor *m)
{
        struct mon_chunk *c = calloc(1, sizeof *c);

        if (c == NULL)
                return false;
        c->next = m->chunks;
        m->chunks = c;
        for (size_t i = 0; i < sizeof c->ep / sizeof c->ep[0]; i++) {
                c->ep[i].hash_next = m->free;
                m->free = &c->ep[i];
        }
        return true;
}

/* The endpoint, made if need be; NULL: out of memory. */
static struct mon_ep *endpoint(struct sim_monitor *m, unsigned host, const struct mon_seg *s,
                               bool sent)
{
        elko_endpoint local = {sent ? s->src : s->dst, sent ? s->sport : s->dport, 0};
        elko_endpoint remote = {sent ? s->dst : s->src, sent ? s->dport : s->sport, 0};
        uint32_t h = hash(host, &local.ip, local.port, &remote.ip, remote.port) & m->table_mask;
        struct mon_ep *ep;

        for (ep = m->table[h]; ep != NULL; ep = ep->hash_next)
                if (ep->local.port == local.port && ep->remote.port == remote.port &&
                    ep->host == host && memcmp(&ep->local.ip, &local.ip, 16) == 0 &&
                    memcmp(&ep->remote.ip, &remote.ip, 16) == 0)
                        break;
        if (ep != NULL) {
                if (m->newest != ep) {
                        use_unlink(m, ep);
                        use_newest(m, ep);
                }
                return ep;
        }
        if (m->endpoints >= m->c.endpoints_max) {
                m->counts.forgotten++;
                forget(m, m->oldest);
        }
        if (m->free == NULL && !more_endpoints(m))
                return NULL;
        ep = m->free;
        m->free = ep->hash_next;
        memset((char *)ep + offsetof(struct mon_ep, host), 0,
               sizeof *ep - offsetof(struct mon_ep, host));
        ep->host = host;
        ep->local = local;
        ep->remote = remote;
        ep->short_count = host < MON_HOSTS ? m->short_count[host] : 0;
        ep->v6 = s->v6;
        mon_ep_begin(m, ep);
        if (m->c.mid_stream && !(s->flags & (MON_SYN | MON_RST))) {
                ep->state = MON_UNKNOWN;
                m->counts.endpoints++;
        }
        ep->hash_next = m->table[h];
        m->table[h] = ep;
        use_newest(m, ep);
        m->endpoints++;
        return ep;
}

void mon_ep_begin(struct sim_monitor *m, struct mon_ep *ep)
{
        struct mon_syn syns[MON_SYNS];
        struct mon_pair outs[MON_OUTS];
        struct mon_in in[MON_IN];
        const struct mon_waiting waiting = ep->waiting;
        const uint32_t credit = ep->credit;
        const uint64_t credit_at = ep->credit_at;
        unsigned syn_count = ep->syn_count, in_count = ep->in_count, out_count = ep->out_count;
        const size_t keep = offsetof(struct mon_ep, state);

        (void)m;
        memcpy(syns, ep->syns, sizeof syns);
        memcpy(outs, ep->outs, sizeof outs);
        memcpy(in, ep->in_ring, sizeof in);
        memset((char *)ep + keep, 0, sizeof *ep - keep);
        memcpy(ep->syns, syns, sizeof syns);
        memcpy(ep->outs, outs, sizeof outs);
        ep->out_count = out_count;
        ep->waiting = waiting;
        ep->credit = credit;
        ep->credit_at = credit_at;
        memcpy(ep->in_ring, in, sizeof in);
        ep->syn_count = syn_count;
        ep->in_count = in_count;
        mon_duties_clear(ep);
}

void sim_monitor_reboot(struct sim_monitor *m, unsigned host)
{
        /* A stateless SYN+ACK may still be answered: its secret may have been kept. */
        for (struct mon_ep *ep = m->oldest; ep != NULL; ep = ep->newer)
                if (ep->host == host) {
                        ep->waiting.valid = false;
                        mon_ep_begin(m, ep);
                }
}

void sim_monitor_shortage(struct sim_monitor *m, unsigned host)
{
        if (host < MON_HOSTS)
                m->short_count[host]++;
}

/* What a shortage of memory takes from what is known of an endpoint. */
static void after_shortage(struct sim_monitor *m, struct mon_ep *ep)
{
        uint32_t count = ep->host < MON_HOSTS ? m->short_count[ep->host] : 0;

        if (ep->short_count == count)
                return;
        ep->short_count = count;
        mon_duties_clear(ep);
        ep->murky = true;
        ep->ts_sure.n = 0;
        ep->ts_from = 0;
        ep->has_last_ooo = false;
        ep->bare_dup_acks = 0;
        ep->rtx_row = ep->probe_row = 0;
        ep->after_rto = false;
        ep->credit_at = m->now; /* answers may come late */
}

void sim_monitor_reset(struct sim_monitor *m)
{
        while (m->oldest != NULL)
                forget(m, m->oldest);
        memset(&m->counts, 0, sizeof m->counts);
        memset(m->short_seen, 0, sizeof m->short_seen);
        m->fragments = false;
        m->number = m->now = 0;
}

/* ---- packets ---- */

/* A rule that is broken by a packet of which no endpoint is known. */
static void blame_packet(struct sim_monitor *m, unsigned host, const struct mon_seg *s,
                         enum sim_monitor_rule rule)
{
        struct mon_ep none = {
                .host = host, .local = {s->src, s->sport, 0}, .remote = {s->dst, s->dport, 0}};

        mon_blame(m, &none, rule, "%s", s->wrong != NULL ? s->wrong : "");
}

void sim_monitor_sent(struct sim_monitor *m, unsigned host, const uint8_t *packet, size_t len,
                      uint64_t now, uint64_t number)
{
        struct mon_seg s;
        struct mon_ep *ep;

        mon_seg_read(&s, packet, len, !m->c.offload);
        m->number = number;
        m->now = now;
        switch (s.kind) {
        case MON_OTHER:
        case MON_ICMP_ERROR: return;
        case MON_IP_BAD: blame_packet(m, host, &s, SIM_RULE_IP_HEADER); return;
        case MON_FRAGMENT: blame_packet(m, host, &s, SIM_RULE_FRAGMENT); return;
        case MON_TCP_BAD: blame_packet(m, host, &s, SIM_RULE_TCP_HEADER); return;
        case MON_TCP: break;
        }
        if (s.wrong != NULL)
                blame_packet(m, host, &s, SIM_RULE_IP_HEADER);
        m->counts.packets_sent++;
        ep = endpoint(m, host, &s, true);
        if (ep == NULL)
                return;
        after_shortage(m, ep);
        mon_duties_check(m, ep, now);
        mon_form(m, ep, &s);
        if (s.flags & MON_RST) {
                mon_rst(m, ep, &s);
                ep->last_sent = now;
                return;
        }
        if (ep->state == MON_UNKNOWN || !mon_state(m, ep, &s)) {
                ep->last_sent = now;
                return;
        }
        mon_duties_lapsed(m, ep);
        mon_options(m, ep, &s);
        mon_ecn(m, ep, &s);
        mon_sequence(m, ep, &s);
        if (s.flags & MON_ACK) {
                mon_sack(m, ep, &s);
                mon_ack(m, ep, &s);
        }
        mon_rate(m, ep, &s);
        mon_duties_done(m, ep, &s);
        mon_state_after(ep, &s);
        ep->last_sent = now;
        if (mon_seg_span(&s) > 0)
                ep->last_text = now;
}

void sim_monitor_arrives(struct sim_monitor *m, unsigned host, const uint8_t *packet, size_t len,
                         uint64_t now, uint64_t number)
{
        struct mon_seg s;
        struct mon_ep *ep;
        struct mon_ecn_before before;

        mon_seg_read(&s, packet, len, !m->c.offload);
        m->number = number;
        m->now = now;
        if (s.kind == MON_FRAGMENT)
                m->fragments = true;
        if (s.kind == MON_ICMP_ERROR) {
                /* It quotes what the host sent. */
                ep = endpoint(m, host, &s, true);
                if (ep != NULL)
                        mon_arrive_icmp(m, ep, &s);
                return;
        }
        if (s.kind != MON_TCP)
                return;
        m->counts.packets_arrived++;
        /* Neither a wrong checksum nor a nonsensical address tells the host anything. */
        if (!s.sum_ok)
                return;
        ep = endpoint(m, host, &s, false);
        if (ep == NULL)
                return;
        after_shortage(m, ep);
        mon_duties_check(m, ep, now);
        before = (struct mon_ecn_before){ep->una_sure, ep->rcv_hi};
        mon_arrive(m, ep, &s);
        mon_ecn_arrived(m, ep, &s, &before);
}

void sim_monitor_finish(struct sim_monitor *m, uint64_t now)
{
        m->number = 0;
        m->now = now;
        for (struct mon_ep *ep = m->oldest; ep != NULL; ep = ep->newer) {
                after_shortage(m, ep);
                mon_duties_check(m, ep, now);
        }
}
