/* SPDX-License-Identifier: MIT */
/*
 * What the peer sends: which connection a line belongs to, its numbers made live, and the packet built. Payload is
 * zeros; TTL 255 and TOS 0 unless the line says otherwise (CONFORMANCE 5.4); checksums are always right.
 */
#include "drill/runner.h"

#include <stdlib.h>
#include <string.h>

enum { SYN = 2, ACK = 16, PAYLOAD_ROOM = 65536 };

/* ---- connections ---- */

struct drill_flow *drill_flow_new(struct drill_run *r)
{
        struct drill_flow *f;

        if (r->n_flows == DRILL_FLOWS) { /* the oldest is forgotten */
                free(r->flow[0]);
                memmove(r->flow, r->flow + 1, (DRILL_FLOWS - 1) * sizeof(f));
                r->n_flows--;
        }
        f = calloc(1, sizeof(*f));
        if (f == NULL)
                abort();
        f->fd = -1;
        r->flow[r->n_flows++] = f;
        return f;
}

struct drill_flow *drill_flow_of_ports(struct drill_run *r, int local, int remote)
{
        for (unsigned i = r->n_flows; i-- > 0;) {
                struct drill_flow *f = r->flow[i];

                if (f->state == DRILL_FLOW_OPEN && (local < 0 || f->local_port == local) &&
                    (remote < 0 || f->remote_port == remote))
                        return f;
        }
        return NULL;
}

struct drill_flow *drill_flow_of_fd(struct drill_run *r, int script_fd)
{
        for (unsigned i = r->n_flows; i-- > 0;)
                if (r->flow[i]->fd == script_fd)
                        return r->flow[i];
        return NULL;
}

static uint16_t listening_port(struct drill_run *r)
{
        if (r->cur != NULL && r->cur->state == DRILL_FLOW_LISTENS)
                return r->cur->local_port;
        for (unsigned i = r->n_flows; i-- > 0;)
                if (r->flow[i]->state == DRILL_FLOW_LISTENS)
                        return r->flow[i]->local_port;
        return r->c.bind_port;
}

/* A line that opens a connection, or that belongs to none. */
static struct drill_flow *new_child(struct drill_run *r, const struct drill_packet *p)
{
        uint16_t port = listening_port(r);
        struct drill_flow *f = drill_flow_new(r);

        f->state = DRILL_FLOW_OPEN;
        f->remote_port = p->sport >= 0 ? (uint16_t)p->sport : r->next_port++;
        f->local_port = p->dport >= 0 ? (uint16_t)p->dport : port;
        f->remote = p->seq;
        f->has_remote = true;
        return f;
}

static void choose_flow(struct drill_run *r, const struct drill_packet *p)
{
        struct drill_flow *f;

        if (p->proto == DRILL_TCP && p->sport >= 0) {
                f = drill_flow_of_ports(r, p->dport, p->sport);
                r->cur = f != NULL ? f : new_child(r, p);
                r->writes_ports = true;
                return;
        }
        if (r->cur == NULL || r->cur->state == DRILL_FLOW_LISTENS ||
            r->cur->state == DRILL_FLOW_NEW)
                if (p->proto == DRILL_TCP)
                        r->cur = new_child(r, p);
}

/* ---- bytes ---- */

static void ip_fields(const struct drill_run *r, const struct drill_packet *p, struct drill_live *l)
{
        static const uint8_t ecn[] = {[DRILL_ECN_UNSAID] = 0, [DRILL_NOECN] = 0, [DRILL_ECT0] = 2,
                                      [DRILL_ECT1] = 1,       [DRILL_CE] = 3,    [DRILL_ECT01] = 2};

        l->src = r->c.remote;
        l->dst = r->c.local;
        l->tos = (uint8_t)((p->ip.tos >= 0 ? p->ip.tos : 0) | ecn[p->ip.ecn]);
        l->ttl = p->ip.ttl >= 0 ? (uint8_t)p->ip.ttl : 255;
        l->flow_label = p->ip.flow_label >= 0 ? (uint32_t)p->ip.flow_label : 0;
}

static void send_in(struct drill_run *r, const struct drill_live *l, const uint8_t *message,
                    size_t len, size_t sum_at, bool bad_sum)
{
        uint8_t *packet = drill_alloc(r->arena, len + 40);
        size_t n = drill_live_build(l, message, len, sum_at, packet);

        if (bad_sum)
                packet[n - len + sum_at] ^= 0x40;
        drill_world_input(&r->w, packet, n);
}

static bool inject_tcp(struct drill_run *r, const struct drill_event *e)
{
        const struct drill_packet *p = e->packet;
        struct drill_opt opts[DRILL_MAX_OPTS];
        struct drill_live l = {.proto = DRILL_PROTO_TCP};
        uint8_t *m = drill_alloc(r->arena, 60 + p->len);
        const char *why;
        size_t n;

        why = drill_flow_inbound(r->cur, p, r->c.ts_ecr_scaled || r->set->record != NULL, &l, opts);
        if (why != NULL)
                return drill_fail(r, e->what, "%s", why);
        for (unsigned i = 0; r->set->record != NULL && i < p->n_opts; i++)
                if (opts[i].kind == DRILL_OPT_TS && opts[i].b != p->opt[i].b)
                        drill_record_echo(r, opts[i].b - r->cur->first_live + r->cur->first_script);
        ip_fields(r, p, &l);
        n = drill_live_put_options(opts, p->n_opts, m + 20);
        if (20 + n + p->len > 65535u - (r->c.family == DRILL_V6 ? 0 : 20))
                return drill_fail(r, e->what, "this is longer than an IP packet can be");
        drill_put16(m, p->sport >= 0 ? (uint32_t)p->sport : r->cur->remote_port);
        drill_put16(m + 2, p->dport >= 0 ? (uint32_t)p->dport : r->cur->local_port);
        drill_put32(m + 4, l.seq);
        drill_put32(m + 8, l.ack);
        drill_put16(m + 12, (uint32_t)(5 + n / 4) << 12 | (p->flags & 0x1ffu));
        drill_put16(m + 14, p->win);
        drill_put16(m + 18, p->has_urg ? p->urg : 0);
        send_in(r, &l, m, 20 + n + p->len, 16, p->ip.bad_sum);
        return true;
}

static bool inject_udp(struct drill_run *r, const struct drill_event *e)
{
        const struct drill_packet *p = e->packet;
        struct drill_live l = {.proto = DRILL_PROTO_UDP};
        uint8_t *m = drill_alloc(r->arena, 8 + p->len);

        if (p->len > 65535 - 28)
                return drill_fail(r, e->what, "this is longer than an IP packet can be");
        ip_fields(r, p, &l);
        drill_put16(m, p->sport >= 0 ? (uint32_t)p->sport : r->c.connect_port);
        drill_put16(m + 2, p->dport >= 0 ? (uint32_t)p->dport : r->c.bind_port);
        drill_put16(m + 4, 8 + p->len);
        send_in(r, &l, m, 8 + p->len, 6, p->ip.bad_sum);
        return true;
}

/* The stack's own packet, as far as an error message quotes it: IP header and 8 bytes. */
static size_t quote(struct drill_run *r, const struct drill_packet *p, uint8_t *out)
{
        const struct drill_flow *f = r->cur;
        uint8_t tcp[8] = {0}, *header = out;
        struct drill_live l = {.proto = p->quote == DRILL_QUOTE_UDP ? DRILL_PROTO_UDP
                                                                    : DRILL_PROTO_TCP,
                               .src = r->c.local,
                               .dst = r->c.remote,
                               .ttl = 64};
        size_t n, ip;

        drill_put16(tcp, f != NULL ? f->local_port : r->c.bind_port);
        drill_put16(tcp + 2, f != NULL ? f->remote_port : r->c.connect_port);
        if (p->quote == DRILL_QUOTE_UDP)
                drill_put16(tcp + 4, 8 + p->len);
        else
                drill_put32(tcp + 4, p->seq + (f != NULL ? f->local_live : 0));
        n = drill_live_build(&l, tcp, sizeof(tcp), 6, out);
        ip = n - sizeof(tcp);
        memcpy(out + ip, tcp, sizeof(tcp)); /* drill_live_build() wrote a checksum there */
        /* It was longer: its length says so. */
        if (r->c.family == DRILL_V6) {
                drill_put16(header + 4, 20 + p->len);
        } else {
                drill_put16(header + 2, 40 + p->len);
                drill_put16(header + 10, 0);
        }
        return n;
}

static bool inject_icmp(struct drill_run *r, const struct drill_event *e)
{
        const struct drill_packet *p = e->packet;
        bool v6 = r->c.family == DRILL_V6;
        struct drill_live l = {.proto = v6 ? DRILL_PROTO_ICMP6 : DRILL_PROTO_ICMP};
        uint8_t *m = drill_alloc(r->arena, 128 + p->len);
        uint8_t type, code;
        const char *why;
        size_t n = 8;

        if (!drill_icmp(v6, p->icmp_type, p->icmp_code, &type, &code, &why))
                return drill_fail(r, e->what, "%s: %s%s%s", why, p->icmp_type,
                                  p->icmp_code != NULL ? " " : "",
                                  p->icmp_code != NULL ? p->icmp_code : "");
        ip_fields(r, p, &l);
        m[0] = type;
        m[1] = code;
        if (p->icmp_mtu >= 0)
                drill_put32(m + 4, (uint32_t)p->icmp_mtu);
        if (p->icmp_id >= 0)
                drill_put16(m + 4, (uint32_t)p->icmp_id);
        if (p->quote == DRILL_QUOTE_RAW || (p->quote == DRILL_QUOTE_NONE && p->icmp_id >= 0))
                n += p->len;
        else
                n += quote(r, p, m + 8);
        send_in(r, &l, m, n, 2, p->ip.bad_sum);
        return true;
}

bool drill_inject(struct drill_run *r, const struct drill_event *e)
{
        bool ok = false;

        choose_flow(r, e->packet);
        switch (e->packet->proto) {
        case DRILL_TCP: ok = inject_tcp(r, e); break;
        case DRILL_UDP: ok = inject_udp(r, e); break;
        case DRILL_ICMP: ok = inject_icmp(r, e); break;
        }
        return ok && drill_happened(r);
}
