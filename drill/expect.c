/* SPDX-License-Identifier: MIT */
/*
 * What the stack sends: the next packet of the connection under test is waited for, put together with its
 * followers if the line expects more bytes than it holds, made the script's, and compared.
 *
 * A stack that hands its link big segments to cut (TSO) and one that does not send the same bytes; a script written
 * for the first serves the second, because pieces are put together until the payload that the line expects is
 * reached. The pieces must agree in everything that cutting leaves alone, and be equally long but for the last.
 */
#include "drill/runner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIN = 1, SYN = 2, PSH = 8, CWR = 128 };

/* A packet that came: as bytes, and as the script would write it. */
struct came {
        struct drill_live live; /* the first piece, with the last one's flags, options and time */
        struct drill_packet packet;
        unsigned pieces;
};

/* ---- which connection ---- */

static bool is_first_syn(const struct drill_run *r, const struct drill_live *l)
{
        const struct drill_flow *f = r->cur;

        return f != NULL && f->state == DRILL_FLOW_CONNECTS && (l->flags & SYN) &&
               l->dport == f->remote_port;
}

static bool belongs(struct drill_run *r, const struct drill_live *l)
{
        struct drill_flow *f = r->cur;

        if (l->proto != DRILL_PROTO_TCP)
                return l->proto == DRILL_PROTO_UDP || l->proto == DRILL_PROTO_ICMP ||
                       l->proto == DRILL_PROTO_ICMP6;
        if (is_first_syn(r, l)) {
                f->state = DRILL_FLOW_OPEN;
                f->local_port = l->sport;
        }
        return f != NULL && f->state == DRILL_FLOW_OPEN && f->local_port == l->sport &&
               f->remote_port == l->dport;
}

/* The connection with these ports is the one under test, if there is one. */
static void choose(struct drill_run *r, int local, int remote)
{
        struct drill_flow *f = drill_flow_of_ports(r, local, remote);

        if (f != NULL)
                r->cur = f;
}

/* ---- waiting ---- */

/* The next packet of the connection; *got false: none left by `until`. */
static bool next(struct drill_run *r, const struct drill_event *e, uint64_t until,
                 struct drill_live *l, bool *got)
{
        bool moved = true;
        struct drill_sent *s;
        const char *wrong;

        *got = false;
        while (moved) {
                while ((s = drill_world_take(&r->w)) != NULL) {
                        wrong = drill_live_read(s->data, s->len, l);
                        l->at_ns = s->at_ns;
                        if (wrong != NULL)
                                return drill_fail(
                                        r, e->what,
                                        "at %s the stack sent a packet of %zu bytes that is none: %s",
                                        drill_time_text(r, s->at_ns), s->len, wrong);
                        if (belongs(r, l)) {
                                *got = true;
                                return true;
                        }
                        r->passed_over++;
                }
                if (!drill_step(r, until, &moved))
                        return false;
        }
        return true;
}

/* ---- pieces ---- */

static bool all_zero(const uint8_t *p, uint32_t len)
{
        return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* May `next` be cut from the same segment, `have` bytes of which came? NULL, or why not. */
static const char *no_piece(const struct drill_live *first, const struct drill_live *next,
                            uint32_t have)
{
        const uint16_t own = FIN | PSH | CWR;

        if (next->proto != DRILL_PROTO_TCP || next->seq != first->seq + have)
                return "does not follow in sequence";
        if ((first->flags & ~own) != (next->flags & ~own))
                return "has other flags";
        if (next->ack != first->ack || next->win != first->win)
                return "has another acknowledgment or window";
        if (next->ttl != first->ttl || next->opts_len != first->opts_len)
                return "has another time to live or length of options";
        return NULL;
}

/* Put what follows behind `c` until there are `want` bytes. */
static bool gather(struct drill_run *r, const struct drill_event *e, uint64_t until, uint32_t want,
                   struct came *c)
{
        uint32_t piece = c->live.len, have = piece;
        struct drill_live l;
        const char *why;
        bool got;

        while (have < want && piece > 0 && !(c->live.flags & SYN)) {
                if (!next(r, e, until, &l, &got))
                        return false;
                if (!got)
                        break; /* the length differs: the comparison says so */
                why = no_piece(&c->live, &l, have);
                if (why == NULL && l.len > piece)
                        why = "is longer than the one before";
                if (why == NULL && l.len < piece && have + l.len < want)
                        why = "is shorter than the one before, and not the last";
                if (why == NULL && !all_zero(l.payload, l.len))
                        why = "has bytes that nobody sent (they are not zero)";
                if (why != NULL)
                        return drill_fail(
                                r, e->what,
                                "the length of the payload differs: %u bytes are expected; %u came, and the packet behind them, %u bytes at %s, %s",
                                want, have, l.len, drill_time_text(r, l.at_ns), why);
                have += l.len;
                c->pieces++;
                c->live.flags = (uint16_t)((l.flags & ~CWR) | (c->live.flags & CWR));
                c->live.opts = l.opts;
                c->live.at_ns = l.at_ns;
        }
        c->live.len = have;
        return true;
}

/* ---- in the script's words ---- */

static void to_script(struct drill_run *r, const struct drill_packet *want, struct came *c)
{
        const struct drill_live *l = &c->live;
        struct drill_packet *p = &c->packet;

        *p = (struct drill_packet){
                .out = true,
                .ip = {.tos = l->tos,
                       .ttl = l->ttl,
                       .flow_label = l->v6 ? (int32_t)l->flow_label : -1},
                .sport = l->sport,
                .dport = l->dport,
                .icmp_mtu = -1,
                .icmp_id = -1,
                .opt = drill_alloc(r->arena, DRILL_MAX_OPTS * sizeof(struct drill_opt))};
        if (l->proto == DRILL_PROTO_TCP) {
                drill_flow_outbound(r->cur, l, want, r->set->record != NULL, p);
                return;
        }
        p->proto = l->proto == DRILL_PROTO_UDP ? DRILL_UDP : DRILL_ICMP;
        p->len = l->len;
        if (p->proto == DRILL_ICMP) {
                p->icmp_type = drill_format(r->arena, "type_%u", l->icmp_type);
                p->icmp_code = drill_format(r->arena, "code_%u", l->icmp_code);
        }
}

/* The line's ICMP names as numbers, like those of what came. */
static bool plain_icmp(struct drill_run *r, const struct drill_event *e, struct drill_packet *want)
{
        uint8_t type, code;
        const char *why;

        if (want->proto != DRILL_ICMP)
                return true;
        if (!drill_icmp(r->c.family == DRILL_V6, want->icmp_type, want->icmp_code, &type, &code,
                        &why))
                return drill_fail(r, e->what, "%s: %s%s%s", why, want->icmp_type,
                                  want->icmp_code != NULL ? " " : "",
                                  want->icmp_code != NULL ? want->icmp_code : "");
        want->icmp_type = drill_format(r->arena, "type_%u", type);
        want->icmp_code = drill_format(r->arena, "code_%u", code);
        return true;
}

/* ---- the verdict ---- */

static bool label(void *ctx, uint32_t script, uint32_t live)
{
        return drill_flow_label(ctx, script, live);
}

static bool differs(struct drill_run *r, const struct drill_event *e,
                    const struct drill_packet *want, const struct came *c, enum drill_field f,
                    unsigned option)
{
        unsigned column = 0;
        const char *line = drill_show(r->arena, &c->packet, want, f, option, &column);

        return drill_fail(
                r, e->what, "%s %s\n    expected: %s\n    came:     %s\n              %*s^ at %s%s",
                drill_field_text(f),
                f == DRILL_F_OPTION                      ? "differs (order matters)"
                : f == DRILL_F_FLAGS || f == DRILL_F_ECN ? "differ"
                                                         : "differs",
                drill_show(r->arena, want, want, DRILL_F_NONE, 0, NULL), line, (int)column, "",
                drill_time_text(r, c->live.at_ns),
                c->pieces > 1 ? drill_format(r->arena, ", in %u packets", c->pieces) : "");
}

static bool in_time(struct drill_run *r, const struct drill_event *e, uint64_t from, uint64_t to,
                    const struct came *c)
{
        uint64_t at = c->live.at_ns, low, high;

        if (e->time.kind == DRILL_ANY)
                return true;
        low = drill_tolerance(r, from > r->before_ns ? from - r->before_ns : 0);
        high = drill_tolerance(r, to > r->before_ns ? to - r->before_ns : 0);
        if (at + low >= from && at <= to + high)
                return true;
        return drill_fail(
                r, e->where,
                "it came at %s, %" PRIu64 " us too %s: it is expected %s\n    came:     %s",
                drill_time_text(r, at), (at > to ? at - to : from - at) / 1000,
                at > to ? "late" : "early",
                from == to ? drill_format(r->arena, "at %s", drill_time_text(r, from))
                           : drill_format(r->arena, "from %s to %s", drill_time_text(r, from),
                                          drill_time_text(r, to)),
                drill_show(r->arena, &c->packet, e->packet, DRILL_F_NONE, 0, NULL));
}

static bool nothing_came(struct drill_run *r, const struct drill_event *e, uint64_t until)
{
        return drill_fail(
                r, e->what, "nothing came until %s\n    expected: %s%s", drill_time_text(r, until),
                drill_show(r->arena, e->packet, e->packet, DRILL_F_NONE, 0, NULL),
                r->passed_over > 0
                        ? drill_format(r->arena,
                                       "\n    %u packets of other connections were passed over",
                                       r->passed_over)
                        : "");
}

/* packetdrill waits two seconds longer than the line says; what comes too late is then told. */
static uint64_t limit(const struct drill_run *r, const struct drill_event *e, uint64_t to)
{
        uint64_t span = to > r->before_ns ? to - r->before_ns : 0;

        if (e->time.kind == DRILL_ANY)
                return r->w.now + ELKO_SEC(86400);
        return (to > r->w.now ? to : r->w.now) + drill_tolerance(r, span) + ELKO_SEC(2);
}

static void record_packet(struct drill_run *r, const struct came *c)
{
        struct drill_packet p = c->packet;

        if (!r->writes_ports)
                p.sport = p.dport = -1;
        drill_record_text(r, c->live.at_ns, drill_show(r->arena, &p, NULL, DRILL_F_NONE, 0, NULL));
}

void drill_record_packets(struct drill_run *r)
{
        struct came c = {.pieces = 1};
        struct drill_sent *s;

        while (r->open && (s = drill_world_take(&r->w)) != NULL) {
                if (drill_live_read(s->data, s->len, &c.live) != NULL)
                        continue;
                c.live.at_ns = s->at_ns;
                if (r->writes_ports)
                        choose(r, c.live.sport, c.live.dport);
                if (!belongs(r, &c.live))
                        continue;
                to_script(r, NULL, &c);
                record_packet(r, &c);
                if (r->ahead_n < DRILL_AHEAD)
                        r->ahead[(r->ahead_from + r->ahead_n++) % DRILL_AHEAD] = c.live.len;
        }
}

/* Does the line stand for packets that are written already? *have: how many of its bytes. */
static bool is_written(struct drill_run *r, const struct drill_event *e, uint32_t *have)
{
        bool any = false;

        *have = 0;
        while (r->ahead_n > 0 && (!any || *have < e->packet->len)) {
                *have += r->ahead[r->ahead_from];
                r->ahead_from = (r->ahead_from + 1) % DRILL_AHEAD;
                r->ahead_n--;
                any = true;
        }
        return any && *have >= e->packet->len;
}

/* Write down what came for a line, and what follows as long as the line expects more bytes. */
static bool record_line(struct drill_run *r, const struct drill_event *e, uint64_t until,
                        struct came *c, uint32_t have)
{
        bool got = true;

        for (;;) {
                to_script(r, e->packet, c);
                record_packet(r, c);
                have += c->live.len;
                if (have >= e->packet->len || c->live.len == 0)
                        return true;
                if (!next(r, e, until, &c->live, &got))
                        return false;
                if (!got)
                        return true;
        }
}

bool drill_expect(struct drill_run *r, const struct drill_event *e, uint64_t from_ns,
                  uint64_t to_ns)
{
        struct drill_packet want = *e->packet;
        struct came c = {.pieces = 1};
        struct drill_compare how;
        enum drill_field f;
        unsigned option;
        uint64_t until = limit(r, e, to_ns);
        uint32_t written = 0;
        bool got;

        if (e->time.kind == DRILL_ANY && r->w.kernel != NULL)
                until = r->w.now + DRILL_KERNEL_PATIENCE;
        else if (drill_too_long(r, e->where, to_ns))
                return false;
        if (want.sport >= 0)
                choose(r, want.sport, want.dport);
        r->passed_over = 0;
        if (r->set->record != NULL && is_written(r, e, &written))
                return true;
        if (!plain_icmp(r, e, &want) || !next(r, e, until, &c.live, &got))
                return false;
        if (!got)
                return r->set->record != NULL || nothing_came(r, e, until);
        if (r->set->record == NULL && !r->c.strict_segments && want.proto == DRILL_TCP &&
            c.live.proto == DRILL_PROTO_TCP && !gather(r, e, until, want.len, &c))
                return false;
        if (r->set->record != NULL)
                return record_line(r, e, until, &c, written);
        to_script(r, &want, &c);
        how = (struct drill_compare){.ts_tick_us = r->c.ts_tick_us,
                                     .tolerance_us = r->c.tolerance_us,
                                     .label = r->cur != NULL ? label : NULL,
                                     .ctx = r->cur};
        f = drill_compare(&want, &c.packet, &how, &option);
        if (f != DRILL_F_NONE)
                return differs(r, e, &want, &c, f, option);
        if (!all_zero(c.live.payload, c.pieces == 1 ? c.live.len : 0) && want.proto == DRILL_TCP)
                return drill_fail(r, e->what, "the payload has bytes that nobody sent: not zeros");
        return in_time(r, e, from_ns, to_ns, &c);
}
