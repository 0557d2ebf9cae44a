/* SPDX-License-Identifier: MIT */
#include "conv.h"

#include "conv_seg.h"
#include "stack/stack.h"

#include <stdarg.h>

/*
 * The stage of a conversation. One stack, one link without hardware addresses, a virtual clock.
 * Every call into the stack is followed by the same three steps: verify the stack, pull what it has
 * to send (verifying every packet by rules that hold always), read its events. What was pulled
 * waits in a queue until the test says that it expected it.
 *
 * Two runs of every test put the sequence numbers right before the ends of the circle and of the
 * half circle. The peer's are chosen freely. The stack's ISS is a hash plus a clock of 4 us (RFC
 * 6528), so a first stack tells the ISS that flow 0 would get, and the clock of the second starts
 * as much later as is missing.
 */

enum {
        REGION_BYTES = 32 << 20,
        BYTES_CAP = 16 << 20, /* packets waiting to be expected */
        LOG_CAP = 1 << 20,
        PACKET_CAP = 1 << 17,
        OUTPUT_BATCH = 16,
        GUARD = 1000000, /* polls without an end */
};

static const struct conv_variant variants[] = {
        {.name = "IPv4", .irs = 1000, .ts_base = 5000000},
        {.name = "IPv6, before 2^32",
         .v6 = true,
         .place = true,
         .isn = 0xfffffffe,
         .irs = 0xffffffff,
         .ts_base = 0xffffff90},
        {.name = "IPv4, before 2^32",
         .place = true,
         .isn = 0xfffffff8,
         .irs = 0xfffffffa,
         .ts_base = 0xfffffff0},
        {.name = "IPv6, before 2^31",
         .v6 = true,
         .place = true,
         .isn = 0x7ffffffe,
         .irs = 0x7ffffffc,
         .ts_base = 0x7fffff80},
};

static _Alignas(4096) uint8_t region[REGION_BYTES];
static uint8_t bytes[BYTES_CAP];
static struct conv_seg out_queue[CONV_FRAMES];
static uint8_t packet[PACKET_CAP];
static struct conv conv_static;

/* ---- failure and log ---- */

struct conv *conv_here(struct conv *c, const char *file, int line)
{
        c->file = file;
        c->line = line;
        return c;
}

static void log_raw(struct conv *c, const char *text, size_t n)
{
        if (c->log.len + n + 1 > c->log.cap) {
                /* Keep the newer half. */
                size_t keep = c->log.cap / 2 < c->log.len ? c->log.cap / 2 : c->log.len;

                memmove(c->log.p, c->log.p + c->log.len - keep, keep);
                c->log.len = keep;
        }
        if (n + 1 > c->log.cap - c->log.len)
                return;
        memcpy(c->log.p + c->log.len, text, n);
        c->log.len += n;
        c->log.p[c->log.len] = '\0';
}

static void log_line(struct conv *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void log_line(struct conv *c, const char *fmt, ...)
{
        char buf[700];
        uint64_t t = c->now - c->started;
        va_list ap;
        int n = snprintf(buf, sizeof(buf), "%6llu.%06llu ", (unsigned long long)(t / 1000000000),
                         (unsigned long long)(t / 1000 % 1000000));

        va_start(ap, fmt);
        n += vsnprintf(buf + n, sizeof(buf) - (size_t)n - 1, fmt, ap);
        va_end(ap);
        if (n > (int)sizeof(buf) - 2)
                n = (int)sizeof(buf) - 2;
        buf[n++] = '\n';
        log_raw(c, buf, (size_t)n);
}

void conv_note(struct conv *c, const char *fmt, ...)
{
        char buf[600];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(buf, sizeof(buf), fmt, ap);
        va_end(ap);
        log_line(c, "# %s", buf);
}

void conv_fail(struct conv *c, const char *fmt, ...)
{
        char buf[3000];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(buf, sizeof(buf), fmt, ap);
        va_end(ap);
        printf("---- conversation (%s%s) ----\n%s", c->variant->name,
               c->in_finish ? ", after the end of the test" : "", c->log.p);
        for (unsigned i = 0; c->st != NULL && i < ELKO_DROP_COUNT; i++)
                if (elko_counters_get(c->st)->drops[i] != c->before.drops[i])
                        printf("      (dropped since: %s)\n", elko_drop_name((enum elko_drop)i));
        printf("----\n");
        ek_test_fail(c->file, c->line, "%s", buf);
        abort(); /* not reached: ek_test_fail jumps */
}

static void bases_in(const struct conv *c, struct conv_bases *b)
{
        const struct conv_flow *f = c->f;

        *b = (struct conv_bases){
                .seq = f->irs,
                .ack = f->has_iss ? f->iss : 0,
                .ts_val = f->ts_base,
                .ts_ecr = f->has_stack_ts ? f->stack_ts_base : 0,
                .sack = f->has_iss ? f->iss : 0,
                .mss = c->mss,
        };
}

static void bases_out(const struct conv *c, const struct conv_flow *f, struct conv_bases *b)
{
        *b = (struct conv_bases){
                .seq = f->has_iss ? f->iss : 0,
                .ack = f->irs,
                .ts_val = f->has_stack_ts ? f->stack_ts_base : 0,
                .ts_ecr = f->peer_ts ? f->ts_base : 0,
                .sack = f->irs,
                .mss = c->mss,
        };
}

/* ---- patterns ---- */

uint8_t conv_peer_byte(uint64_t offset)
{
        return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16) * 31 + 1);
}

uint8_t conv_stack_byte(uint64_t offset)
{
        return (uint8_t)(offset * 5 + (offset >> 8) * 11 + (offset >> 16) * 29 + 2);
}

/* ---- rules for everything that is sent ---- */

static struct conv_flow *flow_of(struct conv *c, const struct conv_seg *s)
{
        unsigned n = (unsigned)s->dst_port - CONV_PEER_PORT;

        if (s->dst_port < CONV_PEER_PORT || n >= CONV_FLOWS || c->flow[n].port != s->src_port)
                return NULL;
        return &c->flow[n];
}

/* The IP header; sets *tcp and *tcp_len to the payload. */
static void check_ip(struct conv *c, const uint8_t *p, uint32_t len, struct conv_seg *s,
                     const uint8_t **tcp, uint32_t *tcp_len)
{
        bool v6 = c->variant->v6;
        unsigned hdr = v6 ? 40 : 20, src = v6 ? 8 : 12, n = v6 ? 16 : 4;

        if (len < hdr || p[0] >> 4 != (v6 ? 6 : 4))
                conv_fail(c, "sent: not a packet of this IP version");
        if (len > c->mtu)
                conv_fail(c, "sent: %u bytes, MTU %u", len, c->mtu);
        if (v6 ? conv_get16(p + 4) + 40u != len : conv_get16(p + 2) != len || p[0] != 0x45)
                conv_fail(c, "sent: IP length");
        if (!v6 && conv_csum_plain(p, 20) != 0)
                conv_fail(c, "sent: IP header checksum");
        if (!v6 && (conv_get16(p + 6) != 0x4000 || conv_get16(p + 4) != 0))
                conv_fail(c, "sent: not an atomic datagram with ID 0 (RFC 6864, 4.1)");
        if (memcmp(p + src, c->local.b + 16 - n, n) != 0 ||
            memcmp(p + src + n, c->peer.b + 16 - n, n) != 0)
                conv_fail(c, "sent: wrong addresses");
        s->proto = v6 ? p[6] : p[9];
        s->ttl = v6 ? p[7] : p[8];
        s->tos = (uint8_t)(v6 ? p[0] << 4 | p[1] >> 4 : p[1]);
        *tcp = p + hdr;
        *tcp_len = len - hdr;
}

/* I-40 and the forms that RFC 9293, 3.5.2 gives resets. */
static void check_flags(struct conv *c, const struct conv_seg *s)
{
        bool syn = s->flags & ELKO_SYN, rst = s->flags & ELKO_RST, fin = s->flags & ELKO_FIN;

        if (syn + rst + fin > 1)
                conv_fail(c, "sent: more than one of SYN, RST and FIN");
        if (!syn && !rst && !(s->flags & ELKO_ACK))
                conv_fail(c, "sent: neither SYN nor RST, and no ACK bit");
        if (s->flags & ELKO_URG)
                conv_fail(c, "sent: URG");
        if (rst && s->len > 0)
                conv_fail(c, "sent: a reset with payload");
}

/* What the stack's SYN fixes for the peer. */
static void note_syn(struct conv_flow *f, const struct conv_seg *s)
{
        const struct conv_opt *ws = conv_seg_opt(s, 3);

        if (!f->has_iss) {
                f->iss = s->seq;
                f->has_iss = true;
                f->has_edge = false;
        }
        f->open |= (s->flags & ELKO_ACK) != 0;
        f->stack_ts = conv_seg_opt(s, 8) != NULL;
        f->stack_wscale = ws != NULL ? ws->data[0] : 0;
}

static void note_ts(struct conv *c, struct conv_flow *f, const struct conv_seg *s)
{
        const struct conv_opt *ts = conv_seg_opt(s, 8);

        if (ts == NULL)
                return;
        f->ts_seen = conv_get32(ts->data);
        if (!f->has_stack_ts) {
                f->has_stack_ts = true;
                f->stack_ts_base = f->ts_seen;
                f->stack_ts_at = c->now;
        }
}

/* I-11: less than one unit of the scale may be lost (RFC 7323, 2.4). I-14. */
static void check_edge(struct conv *c, struct conv_flow *f, const struct conv_seg *s)
{
        unsigned shift = (s->flags & ELKO_SYN) || !f->peer_wscale ? 0 : f->stack_wscale;
        uint32_t edge = s->ack + ((uint32_t)s->win << shift);

        if (!(s->flags & ELKO_ACK) || (s->flags & ELKO_RST) || !f->has_iss)
                return;
        if (f->has_edge) {
                if ((int32_t)(s->ack - f->last_ack) < 0)
                        conv_fail(c, "I-14: sent: the ACK number went back by %u",
                                  f->last_ack - s->ack);
                if ((int32_t)(edge + (1u << shift) - 1 - f->edge) < 0)
                        conv_fail(c, "I-11: sent: the window's right edge went back by %u",
                                  f->edge - edge);
        }
        if (!f->has_edge || (int32_t)(edge - f->edge) > 0)
                f->edge = edge;
        f->last_ack = s->ack;
        f->has_edge = true;
}

static void check_payload(struct conv *c, const struct conv_flow *f, const struct conv_seg *s)
{
        uint32_t first = s->seq - f->iss - 1;

        for (uint32_t i = 0; i < s->len; i++)
                if (bytes[s->payload + i] != conv_stack_byte((uint64_t)first + i))
                        conv_fail(c, "I-6: sent: byte %u of the stream is wrong", first + i);
}

static void log_sent(struct conv *c, const struct conv_seg *s)
{
        struct conv_flow *f = flow_of(c, s);
        struct conv_bases b = {0};
        char text[500];

        if (f != NULL)
                bases_out(c, f, &b);
        conv_seg_print(s, &b, text, sizeof(text));
        log_line(c, "> %s%s", text, f == c->f ? "" : "   (another flow)");
}

static void capture_tcp(struct conv *c, const uint8_t *tcp, uint32_t len, struct conv_seg *s)
{
        uint32_t hdr_len;
        const char *bad = conv_seg_read(tcp, len, s, &hdr_len);
        struct conv_flow *f;

        if (bad != NULL)
                conv_fail(c, "sent: %s", bad);
        if (conv_csum(c->local.b, c->peer.b, c->variant->v6, 6, tcp, len) != 0)
                conv_fail(c, "sent: TCP checksum");
        check_flags(c, s);
        s->payload += (uint32_t)(tcp - (bytes + s->payload)) + hdr_len;
        f = flow_of(c, s);
        if (f != NULL && (s->flags & ELKO_SYN))
                note_syn(f, s);
        else if (f != NULL && f->has_iss && !(s->flags & ELKO_RST))
                f->open = true;
        if (f != NULL)
                note_ts(c, f, s);
        log_sent(c, s);
        if (f == NULL)
                return;
        check_edge(c, f, s);
        check_payload(c, f, s);
}

static void capture(struct conv *c, const struct elko_frame *frame)
{
        struct conv_seg *s = &c->out[(c->out_head + c->out_count) % CONV_FRAMES];
        static uint32_t at;
        uint32_t len = 0, tcp_len;
        const uint8_t *tcp;

        if (c->out_count == 0)
                at = 0;
        if (c->out_count == CONV_FRAMES || at + frame->len > BYTES_CAP)
                conv_fail(c, "too many frames wait to be expected");
        for (uint32_t i = 0; i < frame->parts; i++) {
                if (len + frame->part[i].len > frame->len)
                        conv_fail(c, "sent: a frame's parts are longer than the frame");
                memcpy(bytes + at + len, frame->part[i].data, frame->part[i].len);
                len += frame->part[i].len;
        }
        if (len != frame->len)
                conv_fail(c, "sent: a frame's parts are shorter than the frame");
        *s = (struct conv_seg){.at = c->now, .payload = at, .packet_len = len};
        check_ip(c, bytes + at, len, s, &tcp, &tcp_len);
        if (s->proto == 6)
                capture_tcp(c, tcp, tcp_len, s);
        else
                s->payload = (uint32_t)(tcp - bytes);
        at += len;
        c->out_count++;
}

/* ---- after every call ---- */

static void check_stack(struct conv *c)
{
        const char *bad = elko_check(c->st);

        if (bad != NULL)
                conv_fail(c, "elko_check: %s", bad);
}

static void pull(struct conv *c)
{
        struct elko_frame frames[OUTPUT_BATCH];
        size_t n, guard = 0;

        while ((n = elko_output(c->st, c->link, frames, OUTPUT_BATCH, c->now)) > 0) {
                for (size_t i = 0; i < n; i++)
                        capture(c, &frames[i]);
                check_stack(c);
                if (++guard == GUARD)
                        conv_fail(c, "the stack sends for ever");
        }
        if (elko_has_output(c->st, c->link))
                conv_fail(c, "elko_has_output() although elko_output() gave nothing");
        if (elko_next_deadline(c->st) <= c->now)
                conv_fail(c, "I-23: a deadline in the past after all was done");
}

static void take_event(struct conv *c, const struct elko_event *ev)
{
        if (ev->sock == c->listener) {
                c->listen_events |= ev->bits;
                return;
        }
        for (unsigned i = 0; i < CONV_FLOWS; i++) {
                struct conv_flow *f = &c->flow[i];

                if (f->sock == ELKO_SOCK_NONE || f->sock != ev->sock)
                        continue;
                f->events |= ev->bits;
                if (ev->bits & (ELKO_EV_ERROR | ELKO_EV_SOFT_ERROR))
                        f->error = ev->error;
                return;
        }
        if (!c->in_finish)
                conv_fail(c, "an event of an unknown socket");
}

static void after_call(struct conv *c)
{
        struct elko_event ev;

        check_stack(c);
        if (!c->hold)
                pull(c);
        while (elko_next_event(c->st, &ev))
                take_event(c, &ev);
}

static void before_call(struct conv *c)
{
        if (c->out_count > 0 && !c->in_finish)
                conv_fail(c, "the stack sent what the test did not expect");
        c->before = *elko_counters_get(c->st);
}

/* ---- the stage ---- */

static void set_addresses(struct conv *c)
{
        bool ok = elko_ip_parse(c->variant->v6 ? "2001:db8::1" : "192.0.2.1", &c->local) &&
                  elko_ip_parse(c->variant->v6 ? "2001:db8::2" : "192.0.2.2", &c->peer);

        if (!ok)
                conv_fail(c, "elko_ip_parse()");
}

static void set_config(struct conv *c)
{
        elko_config_default(&c->cfg);
        for (unsigned i = 0; i < ELKO_SEED_BYTES; i++)
                c->cfg.seed[i] = (uint8_t)(i * 11 + 3);
        /* What a test needs, so that tables are small and checks are fast. */
        c->cfg.max_connections = 1024;
        c->cfg.max_time_wait = 1024;
        c->cfg.max_half_open = 1024;
        c->cfg.slab_chunk_bytes = 16384;
        c->cfg.max_neighbours = 4; /* the link has none */
        if (c->opt.msl_ns != 0)
                c->cfg.msl_ns = c->opt.msl_ns;
        c->cfg.timestamps = !c->opt.no_ts;
        c->cfg.sack = !c->opt.no_sack;
        c->cfg.window_scale = !c->opt.no_wscale;
        if (c->opt.config != NULL)
                c->opt.config(&c->cfg);
}

static void create(struct conv *c, uint64_t now)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = c->mtu};
        const char *why;
        int r;

        c->now = c->started = now;
        c->st = elko_stack_create(region, sizeof(region), &c->cfg, now, &why);
        if (c->st == NULL)
                conv_fail(c, "elko_stack_create: %s", why);
        r = elko_link_attach(c->st, &link);
        if (r < 0)
                conv_fail(c, "elko_link_attach: %s", elko_error_text(r));
        c->link = (elko_link)r;
        r = elko_addr_add_ip(c->st, c->link, &c->local, c->variant->v6 ? 64 : 24);
        if (r < 0)
                conv_fail(c, "elko_addr_add_ip: %s", elko_error_text(r));
}

static void endpoints(const struct conv *c, elko_endpoint *local, elko_endpoint *remote)
{
        *local = (elko_endpoint){.ip = c->local, .port = c->f->port};
        *remote = (elko_endpoint){.ip = c->peer, .port = c->f->peer_port};
}

/* When must the clock start, so that flow 0's ISS is where the variant wants it? */
static uint64_t placed_start(struct conv *c, uint64_t start)
{
        elko_endpoint local, remote;
        struct elko_tcp_info info;
        elko_sock s;

        create(c, start);
        endpoints(c, &local, &remote);
        if (elko_connect(c->st, &remote, &local, &s) != 0 ||
            elko_tcp_info_get(c->st, s, &info) != 0)
                conv_fail(c, "can't find out the ISS");
        return start + (uint64_t)(c->variant->isn - info.iss) * 4000;
}

/* Memory in use without what pools keep for the next object: each may keep one empty chunk, and the
 * connection table its buckets. */
static uint64_t memory_held(struct conv *c)
{
        struct ek_tcp *t = &c->st->tcp;
        const struct {
                const char *name;
                const struct ek_slab *slab;
        } pools[] = {
                {"connections", &t->tcbs},     {"active parts", &t->actives},
                {"half-open", &t->half_opens}, {"TIME-WAIT", &t->time_waits},
                {"records", &t->records},      {"listeners", &t->listeners},
                {"settings", &t->settings},
        };
        uint64_t used = conv_memory(c).used - ek_hashtab_bytes(&t->conns);

        for (unsigned i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
                const struct ek_slab *s = pools[i].slab;

                if (ek_slab_live(s) != 0 || s->n_chunks > 1)
                        conv_fail(c, "I-33: the pool of %s has %u objects in %u chunks",
                                  pools[i].name, ek_slab_live(s), s->n_chunks);
                used -= s->n_chunks * ek_region_block_bytes(c->st->region, s->chunk_bytes);
        }
        return used;
}

static void init_flows(struct conv *c)
{
        for (unsigned i = 0; i < CONV_FLOWS; i++)
                c->flow[i] = (struct conv_flow){
                        .port = CONV_PORT,
                        .peer_port = (uint16_t)(CONV_PEER_PORT + i),
                        .irs = c->variant->irs + i * 100000,
                        .ts_base = c->variant->ts_base + i * 1000,
                };
        c->f = &c->flow[0];
}

bool conv_start_(struct conv *c, const struct conv_options *o)
{
        uint64_t start = ELKO_SEC(1000) + 124000; /* a tick of the ISS clock */

        if (o != NULL)
                c->opt = *o;
        if ((c->variant->v6 && c->opt.v4_only) || (!c->variant->v6 && c->opt.v6_only))
                return false;
        c->mtu = c->opt.mtu != 0 ? c->opt.mtu : 1500;
        c->mss = (uint16_t)(c->mtu - (c->variant->v6 ? 60 : 40));
        set_addresses(c);
        set_config(c);
        init_flows(c);
        if (c->opt.start_ns != 0)
                start = c->opt.start_ns;
        if (c->placed != 0)
                start = c->placed;
        else if (c->variant->place)
                start = placed_start(c, start);
        create(c, start);
        c->baseline = conv_memory(c);
        c->baseline_held = memory_held(c);
        c->before = *elko_counters_get(c->st);
        c->started_ok = true;
        after_call(c);
        return true;
}

void conv_listen_(struct conv *c, const struct elko_listen_config *cfg)
{
        elko_endpoint any = {.port = CONV_PORT};
        int r;

        before_call(c);
        r = elko_listen(c->st, &any, cfg, &c->listener);
        if (r != 0)
                conv_fail(c, "elko_listen: %s", elko_error_text(r));
        after_call(c);
}

void conv_flow(struct conv *c, unsigned n)
{
        c->f = &c->flow[n];
        if (n >= c->used_flows)
                c->used_flows = n + 1;
        log_line(c, "flow %u", n);
}

void conv_forget(struct conv *c)
{
        struct conv_flow *f = c->f;

        f->has_iss = f->has_stack_ts = f->has_edge = f->stack_ts = f->peer_ts = f->open = false;
        f->sent = f->received = 0;
        f->events = 0;
        if (f->sock != ELKO_SOCK_NONE)
                elko_close(c->st, f->sock);
        f->sock = ELKO_SOCK_NONE;
}

/* Everything is given up; what the stack still sends does not matter. */
static void give_up(struct conv *c)
{
        for (unsigned i = 0; i < CONV_FLOWS; i++)
                if (c->flow[i].sock != ELKO_SOCK_NONE)
                        elko_abort(c->st, c->flow[i].sock);
        check_stack(c);
        if (c->listener != ELKO_SOCK_NONE)
                elko_close(c->st, c->listener);
        check_stack(c);
        c->hold = false;
        after_call(c);
        c->out_count = 0;
}

static void finish(struct conv *c)
{
        uint64_t wait = 2 * c->cfg.msl_ns + c->cfg.r2_ns + c->cfg.r2_syn_ns + ELKO_SEC(60);
        struct elko_memory_info m;

        conv_none_(c);
        c->in_finish = true;
        log_line(c, "the end: everything is aborted");
        give_up(c);
        conv_advance_(c, wait);
        c->out_count = 0;
        m = conv_memory(c);
        if (m.connections != 0 || m.half_open != 0 || m.time_wait != 0 || m.listeners != 0)
                conv_fail(c, "I-33: left: %u connections, %u half-open, %u TIME-WAIT, %u listeners",
                          m.connections, m.half_open, m.time_wait, m.listeners);
        if (m.promised != c->baseline.promised)
                conv_fail(c, "I-33: %llu bytes are promised for ever",
                          (unsigned long long)m.promised);
        if (memory_held(c) != c->baseline_held)
                conv_fail(c, "I-33: %lld bytes of memory are lost",
                          (long long)(memory_held(c) - c->baseline_held));
        elko_stack_destroy(c->st);
}

/* As conv_run() does between two runs, but the options stay. */
void conv_again_(struct conv *c)
{
        struct conv fresh = {.log = c->log,
                             .variant = c->variant,
                             .out = c->out,
                             .opt = c->opt,
                             .file = c->file,
                             .line = c->line};
        bool same_clock = c->variant->place || c->opt.start_ns == 0;

        fresh.placed = same_clock ? c->started : 0;
        finish(c);
        *c = fresh;
        c->log.len = 0;
        c->log.p[0] = '\0';
        conv_start_(c, NULL);
}

static void drop_batch(struct conv *c)
{
        for (unsigned i = 0; i < c->batch_n; i++)
                free(c->batch[i]);
        c->batch_n = 0;
}

void conv_run(void (*fn)(struct conv *c))
{
        static char log_buf[LOG_CAP];
        struct conv *c = &conv_static;

        for (unsigned i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
                drop_batch(c); /* of a test that failed */
                memset(c, 0, sizeof(*c));
                log_buf[0] = '\0';
                c->log = (struct conv_text){.p = log_buf, .cap = LOG_CAP};
                c->variant = &variants[i];
                c->out = out_queue;
                fn(c);
                if (c->started_ok)
                        finish(c);
                drop_batch(c);
        }
}

/* ---- the peer ---- */

static uint32_t peer_clock(const struct conv *c)
{
        const struct conv_flow *f = c->f;

        return f->ts_rel + (uint32_t)(c->now / 1000000 - f->ts_rel_at / 1000000);
}

/* No option list: TS alone, if both SYNs had it. */
static void add_auto_ts(struct conv *c, struct conv_pat *p)
{
        if (p->mode != CONV_OPTS_AUTO || !c->f->peer_ts || !c->f->stack_ts ||
            (p->s.flags & ELKO_SYN))
                return;
        p->raw[0] = p->raw[1] = 1;
        p->raw[2] = 8;
        p->raw[3] = 10;
        conv_put32(p->raw + 4, c->f->ts_base + peer_clock(c));
        conv_put32(p->raw + 8, c->f->ts_seen);
        p->raw_len = 12;
        p->s.opt[0] = (struct conv_opt){.kind = 8, .len = 10};
        memcpy(p->s.opt[0].data, p->raw + 4, 8);
        p->s.nopts = 1;
}

static void parse(struct conv *c, const char *text, const struct conv_bases *b, struct conv_pat *p)
{
        unsigned at;
        const char *bad = conv_seg_parse(text, b, p, &at);

        if (bad != NULL)
                conv_fail(c, "%s\n        %s\n        %*s^", bad, text, (int)at, "");
}

static uint32_t put_ip(const struct conv *c, uint8_t *p, uint8_t proto, uint32_t len)
{
        memset(p, 0, c->variant->v6 ? 40 : 20);
        if (c->variant->v6) {
                p[0] = 0x60;
                conv_put16(p + 4, (uint16_t)len);
                p[6] = proto;
                p[7] = 64;
                memcpy(p + 8, c->peer.b, 16);
                memcpy(p + 24, c->local.b, 16);
                return 40;
        }
        p[0] = 0x45;
        conv_put16(p + 2, (uint16_t)(20 + len));
        p[6] = 0x40;
        p[8] = 64;
        p[9] = proto;
        memcpy(p + 12, c->peer.b + 12, 4);
        memcpy(p + 16, c->local.b + 12, 4);
        conv_put16(p + 10, conv_csum_plain(p, 20));
        return 20;
}

/* The packet of a segment that the peer sends now. */
static uint32_t make_packet(struct conv *c, const struct conv_pat *p, uint8_t *buf)
{
        uint32_t ip = c->variant->v6 ? 40 : 20, hdr, len;
        uint32_t first = p->s.seq - c->f->irs - 1 + ((p->s.flags & ELKO_SYN) ? 1 : 0);
        uint8_t *tcp = buf + ip;

        hdr = conv_seg_emit(p, c->f->peer_port, c->f->port, tcp);
        for (uint32_t i = 0; i < p->s.len; i++)
                tcp[hdr + i] = conv_peer_byte((uint64_t)first + i);
        len = hdr + p->s.len;
        put_ip(c, buf, 6, len);
        conv_put16(tcp + 16, conv_csum(c->peer.b, c->local.b, c->variant->v6, 6, tcp, len));
        if (p->badcsum)
                tcp[16] ^= 1;
        return ip + len;
}

/* What the peer's own segment changes in what we know of it. */
static void note_peer(struct conv *c, const struct conv_pat *p)
{
        const struct conv_opt *ts = conv_seg_opt(&p->s, 8);

        if (!(p->s.flags & (ELKO_SYN | ELKO_RST)) && c->f->has_iss)
                c->f->open = true;
        if ((p->s.flags & ELKO_SYN) && !c->f->open) {
                c->f->peer_ts = ts != NULL;
                c->f->peer_wscale = conv_seg_opt(&p->s, 3) != NULL;
        }
        if (ts == NULL)
                return;
        if (p->mode != CONV_OPTS_AUTO || c->f->ts_rel_at == 0) {
                c->f->ts_rel = conv_get32(ts->data) - c->f->ts_base;
                c->f->ts_rel_at = c->now;
        }
}

static uint32_t make_from_text(struct conv *c, uint8_t *buf, const char *fmt, va_list ap)
{
        char text[600], shown[600];
        struct conv_bases b;
        struct conv_pat p;

        vsnprintf(text, sizeof(text), fmt, ap);
        bases_in(c, &b);
        parse(c, text, &b, &p);
        if (!p.has_win)
                p.s.win = 65535;
        add_auto_ts(c, &p);
        note_peer(c, &p);
        conv_seg_print(&p.s, &b, shown, sizeof(shown));
        log_line(c, "< %s%s", shown, p.badcsum ? " badcsum" : "");
        if (p.s.len > PACKET_CAP - 200)
                conv_fail(c, "the payload is too long");
        return make_packet(c, &p, buf);
}

uint32_t conv_make(struct conv *c, uint8_t *buf, const char *fmt, ...)
{
        va_list ap;
        uint32_t n;

        va_start(ap, fmt);
        n = make_from_text(c, buf, fmt, ap);
        va_end(ap);
        return n;
}

static void input(struct conv *c, const struct elko_packet *packets, size_t n)
{
        before_call(c);
        elko_input(c->st, c->link, packets, n, c->now);
        after_call(c);
}

/* The bytes as a block of its own, so that the address sanitizer guards its end. */
static void input_one(struct conv *c, const uint8_t *p, uint32_t len)
{
        uint8_t *copy = malloc(len != 0 ? len : 1);
        struct elko_packet in = {.data = copy, .len = len};

        memcpy(copy, p, len);
        c->batch[c->batch_n] = copy; /* freed even if a check fails */
        c->batch_len[c->batch_n++] = len;
        input(c, &in, 1);
        drop_batch(c);
}

void conv_in_(struct conv *c, const char *fmt, ...)
{
        va_list ap;
        uint32_t n;

        va_start(ap, fmt);
        n = make_from_text(c, packet, fmt, ap);
        va_end(ap);
        input_one(c, packet, n);
}

void conv_queue_(struct conv *c, const char *fmt, ...)
{
        va_list ap;
        uint32_t n;

        if (c->batch_n == 63)
                conv_fail(c, "conv_queue(): the batch is full");
        va_start(ap, fmt);
        n = make_from_text(c, packet, fmt, ap);
        va_end(ap);
        c->batch[c->batch_n] = malloc(n);
        memcpy(c->batch[c->batch_n], packet, n);
        c->batch_len[c->batch_n++] = n;
}

void conv_flush_(struct conv *c)
{
        struct elko_packet in[64];
        unsigned n = c->batch_n;

        for (unsigned i = 0; i < n; i++)
                in[i] = (struct elko_packet){.data = c->batch[i], .len = c->batch_len[i]};
        log_line(c, "< (%u packets at once)", n);
        input(c, in, n);
        drop_batch(c);
}

void conv_in_tcp_(struct conv *c, const uint8_t *seg, uint32_t len, bool csum)
{
        uint32_t ip = put_ip(c, packet, 6, len);
        uint8_t *tcp = packet + ip;

        memcpy(tcp, seg, len);
        if (len >= 4 && conv_get16(tcp) == 0)
                conv_put16(tcp, c->f->peer_port);
        if (len >= 4 && conv_get16(tcp + 2) == 0)
                conv_put16(tcp + 2, c->f->port);
        if (csum && len >= 18) {
                conv_put16(tcp + 16, 0);
                conv_put16(tcp + 16, conv_csum(c->peer.b, c->local.b, c->variant->v6, 6, tcp, len));
        }
        log_line(c, "< (%u raw bytes of TCP)", len);
        input_one(c, packet, ip + len);
}

void conv_in_packet_(struct conv *c, const uint8_t *p, uint32_t len)
{
        log_line(c, "< (%u raw bytes)", len);
        input_one(c, p, len);
}

void conv_in_icmp_(struct conv *c, uint8_t type, uint8_t code, uint32_t mtu, const char *fmt, ...)
{
        uint32_t ip = c->variant->v6 ? 40 : 20, hdr, len;
        uint8_t *icmp = packet + ip, *quote = icmp + 8;
        struct conv_bases b;
        struct conv_pat p;
        char text[600];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        bases_out(c, c->f, &b);
        parse(c, text, &b, &p);
        memset(packet, 0, 300);
        hdr = conv_seg_emit(&p, c->f->port, c->f->peer_port, quote + ip);
        /* The quoted packet travelled the other way: swap what put_ip() wrote. */
        put_ip(c, quote, 6, hdr + p.s.len);
        memcpy(quote + (ip == 40 ? 8 : 12), c->local.b + (ip == 40 ? 0 : 12), ip == 40 ? 16 : 4);
        memcpy(quote + (ip == 40 ? 24 : 16), c->peer.b + (ip == 40 ? 0 : 12), ip == 40 ? 16 : 4);
        len = 8 + ip + hdr;
        icmp[0] = type;
        icmp[1] = code;
        conv_put32(icmp + 4, mtu);
        put_ip(c, packet, c->variant->v6 ? 58 : 1, len);
        conv_put16(icmp + 2, c->variant->v6 ? conv_csum(c->peer.b, c->local.b, true, 58, icmp, len)
                                            : conv_csum_plain(icmp, len));
        log_line(c, "< ICMP type %u code %u mtu %u about %s", type, code, mtu, text);
        input_one(c, packet, ip + len);
}

/* ---- what must leave ---- */

static void mismatch(struct conv *c, const struct conv_pat *p, const struct conv_seg *s,
                     const char *what, unsigned at)
{
        struct conv_bases b;
        char got[500];

        bases_out(c, c->f, &b);
        conv_seg_print(s, &b, got, sizeof(got));
        conv_fail(c,
                  "%s is not as expected\n        expected  %s\n                  %*s^\n"
                  "        sent      %s",
                  what, p->text, (int)at, "", got);
}

/* TSval is the clock, in ms from the flow's first (RFC 7323, 5.4: between 1 ms and 1 s a tick). */
static void check_auto(struct conv *c, const struct conv_pat *p, const struct conv_seg *s)
{
        bool want = c->f->peer_ts && c->f->stack_ts;
        const struct conv_opt *ts = conv_seg_opt(s, 8);
        uint32_t now;

        if (s->nopts != (want ? 1u : 0u) || (want && ts == NULL)) {
                if (want && (s->flags & ELKO_RST) && s->nopts == 0)
                        return; /* resets may go without (RFC 7323, 5.2) */
                mismatch(c, p, s, want ? "an option besides TS, or no TS: the list" : "the list",
                         (unsigned)strlen(p->text));
        }
        if (!want)
                return;
        now = c->f->stack_ts_base + (uint32_t)(s->at / 1000000 - c->f->stack_ts_at / 1000000);
        if (conv_get32(ts->data) != now)
                conv_fail(c, "TSval is %d ms off the clock", (int)(conv_get32(ts->data) - now));
}

static struct conv_seg *next_sent(struct conv *c, const char *text)
{
        struct conv_seg *s;

        if (c->out_count == 0)
                conv_fail(c, "nothing was sent\n        expected  %s", text);
        s = &c->out[c->out_head];
        c->out_head = (c->out_head + 1) % CONV_FRAMES;
        c->out_count--;
        return s;
}

static void expect(struct conv *c, const char *fmt, va_list ap, const uint64_t *at_time)
{
        struct conv_bases b;
        struct conv_seg *s;
        struct conv_pat p;
        char text[600];
        const char *bad;
        unsigned at;

        vsnprintf(text, sizeof(text), fmt, ap);
        s = next_sent(c, text);
        bases_out(c, c->f, &b);
        parse(c, text, &b, &p);
        bad = conv_seg_compare(&p, s, &at);
        if (bad == NULL && (s->src_port != c->f->port || s->dst_port != c->f->peer_port)) {
                bad = "the flow";
                at = 0;
        }
        if (bad != NULL)
                mismatch(c, &p, s, bad, at);
        if (p.mode == CONV_OPTS_AUTO && !(s->flags & ELKO_SYN))
                check_auto(c, &p, s);
        if (p.mode == CONV_OPTS_AUTO && (s->flags & ELKO_SYN) && s->nopts != 0)
                mismatch(c, &p, s, "a SYN's option list", (unsigned)strlen(text));
        if (at_time != NULL && s->at != *at_time)
                conv_fail(c, "%s\n        was sent %+lld ns off its time", text,
                          (long long)(s->at - *at_time));
        c->last = *s;
}

void conv_out_(struct conv *c, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        expect(c, fmt, ap, &c->now);
        va_end(ap);
}

void conv_out_late_(struct conv *c, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        expect(c, fmt, ap, NULL);
        va_end(ap);
}

void conv_out_at_(struct conv *c, uint64_t at, const char *fmt, ...)
{
        uint64_t when = c->started + at;
        va_list ap;

        va_start(ap, fmt);
        expect(c, fmt, ap, &when);
        va_end(ap);
}

void conv_out_after_(struct conv *c, uint64_t ns, const char *fmt, ...)
{
        va_list ap;

        conv_advance_(c, ns);
        if (c->out_count > 0 && c->out[c->out_head].at < c->now)
                conv_fail(c, "sent %llu ns too early",
                          (unsigned long long)(c->now - c->out[c->out_head].at));
        va_start(ap, fmt);
        expect(c, fmt, ap, &c->now);
        va_end(ap);
}

void conv_none_(struct conv *c)
{
        if (c->out_count > 0)
                conv_fail(c, "the stack sent what the test did not expect");
}

unsigned conv_ignore(struct conv *c)
{
        unsigned n = c->out_count;

        c->out_count = 0;
        log_line(c, "(%u segments were not looked at)", n);
        return n;
}

unsigned conv_pending(struct conv *c)
{
        return c->out_count;
}

const struct conv_seg *conv_peek(struct conv *c, unsigned i)
{
        return i < c->out_count ? &c->out[(c->out_head + i) % CONV_FRAMES] : NULL;
}

void conv_pull_(struct conv *c)
{
        pull(c);
        after_call(c);
}

void conv_hold_(struct conv *c, bool on)
{
        c->hold = on;
        log_line(c, on ? "the link is busy" : "the link is free again");
        if (!on)
                after_call(c);
}

/* ---- time ---- */

void conv_advance_(struct conv *c, uint64_t ns)
{
        uint64_t target = c->now + ns, next;
        unsigned guard = 0;

        before_call(c);
        while ((next = elko_next_deadline(c->st)) <= target) {
                if (next > c->now)
                        c->now = next;
                elko_advance(c->st, c->now);
                after_call(c);
                if (++guard == GUARD)
                        conv_fail(c, "deadlines without an end");
                if (c->hold && elko_next_deadline(c->st) <= c->now)
                        break;
        }
        c->now = target;
        elko_advance(c->st, c->now);
        after_call(c);
}

void conv_at_(struct conv *c, uint64_t ns)
{
        if (c->started + ns < c->now)
                conv_fail(c, "conv_at(): that instant is over");
        conv_advance_(c, c->started + ns - c->now);
}

void conv_quiet_(struct conv *c, uint64_t ns)
{
        conv_advance_(c, ns);
        conv_none_(c);
}

uint64_t conv_elapsed(const struct conv *c)
{
        return c->now - c->started;
}

/* ---- the application ---- */

static void require_ok(struct conv *c, const char *call, int64_t r)
{
        if (r < 0)
                conv_fail(c, "%s: %s", call, elko_error_name((int)r));
}

void conv_connect_(struct conv *c)
{
        elko_endpoint local, remote;

        before_call(c);
        endpoints(c, &local, &remote);
        log_line(c, "connect");
        require_ok(c, "elko_connect", elko_connect(c->st, &remote, &local, &c->f->sock));
        after_call(c);
}

void conv_accept_(struct conv *c)
{
        elko_endpoint remote;

        before_call(c);
        log_line(c, "accept");
        require_ok(c, "elko_accept", elko_accept(c->st, c->listener, &c->f->sock, &remote));
        if (remote.port != c->f->peer_port)
                conv_fail(c, "accepted another flow, with port %u", remote.port);
        after_call(c);
}

void conv_accept_none_(struct conv *c)
{
        elko_sock s;
        int r = elko_accept(c->st, c->listener, &s, NULL);

        if (r != ELKO_EAGAIN)
                conv_fail(c, "elko_accept: EAGAIN expected, it said %s", elko_error_name(r));
}

static uint8_t *fill_pattern(uint64_t offset, size_t n)
{
        uint8_t *buf = malloc(n != 0 ? n : 1);

        for (size_t i = 0; i < n; i++)
                buf[i] = conv_stack_byte(offset + i);
        return buf;
}

static int64_t try_send(struct conv *c, size_t n, uint32_t flags)
{
        uint8_t *buf = fill_pattern(c->f->sent, n);
        int64_t r;

        before_call(c);
        r = elko_send(c->st, c->f->sock, buf, n, flags);
        free(buf);
        log_line(c, "send %zu: %lld", n, (long long)r);
        if (r > 0)
                c->f->sent += (uint64_t)r;
        after_call(c);
        return r;
}

int64_t conv_try_send(struct conv *c, size_t n)
{
        return try_send(c, n, 0);
}

void conv_send_(struct conv *c, size_t n, uint32_t flags)
{
        int64_t r = try_send(c, n, flags);

        require_ok(c, "elko_send", r);
        if ((size_t)r != n)
                conv_fail(c, "elko_send took %lld of %zu bytes", (long long)r, n);
}

static void check_received(struct conv *c, const uint8_t *buf, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (buf[i] != conv_peer_byte(c->f->received + i))
                        conv_fail(c, "I-12: received: byte %llu of the stream is wrong",
                                  (unsigned long long)(c->f->received + i));
        c->f->received += n;
}

static void receive(struct conv *c, size_t n, bool all)
{
        uint8_t *buf = malloc(n + 1);
        int64_t ready, r;

        before_call(c);
        ready = elko_recv_ready(c->st, c->f->sock);
        r = elko_recv(c->st, c->f->sock, buf, n);
        log_line(c, "recv %zu: %lld of %lld", n, (long long)r, (long long)ready);
        if (r > 0)
                check_received(c, buf, (size_t)r);
        free(buf);
        require_ok(c, "elko_recv", r);
        if ((size_t)r != n || (all && ready != r))
                conv_fail(c, "elko_recv: %zu bytes expected, %lld were there", n, (long long)ready);
        after_call(c);
}

void conv_recv_(struct conv *c, size_t n)
{
        receive(c, n, true);
}

void conv_recv_some_(struct conv *c, size_t n)
{
        receive(c, n, false);
}

void conv_recv_is_(struct conv *c, int64_t answer)
{
        uint8_t byte;
        int64_t r = elko_recv(c->st, c->f->sock, &byte, 1);

        if (r != answer)
                conv_fail(c, "elko_recv: %s expected, it said %lld %s",
                          answer < 0 ? elko_error_name((int)answer) : "0", (long long)r,
                          r < 0 ? elko_error_name((int)r) : "");
        after_call(c);
}

void conv_shutdown_(struct conv *c)
{
        before_call(c);
        log_line(c, "shutdown");
        require_ok(c, "elko_shutdown", elko_shutdown(c->st, c->f->sock));
        after_call(c);
}

void conv_close_(struct conv *c)
{
        before_call(c);
        log_line(c, "close");
        require_ok(c, "elko_close", elko_close(c->st, c->f->sock));
        c->f->sock = ELKO_SOCK_NONE;
        c->f->events = 0;
        after_call(c);
}

void conv_abort_(struct conv *c)
{
        before_call(c);
        log_line(c, "abort");
        require_ok(c, "elko_abort", elko_abort(c->st, c->f->sock));
        c->f->sock = ELKO_SOCK_NONE;
        c->f->events = 0;
        after_call(c);
}

void conv_close_listener_(struct conv *c)
{
        before_call(c);
        log_line(c, "close the listener");
        require_ok(c, "elko_close", elko_close(c->st, c->listener));
        c->listener = ELKO_SOCK_NONE;
        c->listen_events = 0;
        after_call(c);
}

void conv_set_(struct conv *c, enum elko_option option, uint64_t value)
{
        before_call(c);
        require_ok(c, "elko_set_option", elko_set_option(c->st, c->f->sock, option, value));
        after_call(c);
}

/* ---- looking ---- */

static bool find(struct conv *c, struct elko_tcp_info *out)
{
        struct elko_tcp_info info;
        uint64_t cursor = 0;
        bool found = false;

        while (elko_each(c->st, &cursor, NULL, &info)) {
                if (info.state == ELKO_TCP_LISTEN || info.local.port != c->f->port ||
                    info.remote.port != c->f->peer_port)
                        continue;
                if (!found || info.state != ELKO_TCP_CLOSED)
                        *out = info;
                found = true;
        }
        return found;
}

enum elko_tcp_state conv_get_state(struct conv *c)
{
        struct elko_tcp_info info;

        if (!find(c, &info) || info.state == ELKO_TCP_CLOSED)
                return c->listener != ELKO_SOCK_NONE ? ELKO_TCP_LISTEN : ELKO_TCP_CLOSED;
        return info.state;
}

void conv_state_(struct conv *c, enum elko_tcp_state state)
{
        enum elko_tcp_state is = conv_get_state(c);

        /* With a listener, a flow that the stack knows nothing of is the listener's. */
        if (state == ELKO_TCP_CLOSED && is == ELKO_TCP_LISTEN)
                return;
        if (is != state)
                conv_fail(c, "state %s, expected %s", elko_tcp_state_name(is),
                          elko_tcp_state_name(state));
}

static void event_names(uint32_t bits, char *buf, size_t cap)
{
        static const char *const names[] = {"ACCEPT",     "SYN",    "CONNECTED", "READABLE",
                                            "WRITABLE",   "EOF",    "SENT",      "ERROR",
                                            "SOFT_ERROR", "CLOSED", "ECHO"};
        size_t n = 0;

        buf[0] = '\0';
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (bits & 1u << i)
                        n += (size_t)snprintf(buf + n, cap - n, " %s", names[i]);
        if (n == 0)
                snprintf(buf, cap, " none");
}

static void check_events(struct conv *c, uint32_t *have, uint32_t bits)
{
        char is[200], expected[200];

        if (*have == bits) {
                *have = 0;
                return;
        }
        event_names(*have, is, sizeof(is));
        event_names(bits, expected, sizeof(expected));
        conv_fail(c, "events:%s; expected:%s", is, expected);
}

void conv_event_(struct conv *c, uint32_t bits)
{
        check_events(c, &c->f->events, bits);
}

void conv_event_error_(struct conv *c, uint32_t bits, int error)
{
        check_events(c, &c->f->events, bits);
        if (c->f->error != error)
                conv_fail(c, "error %s, expected %s", elko_error_name(c->f->error),
                          elko_error_name(error));
}

void conv_listen_event_(struct conv *c, uint32_t bits)
{
        check_events(c, &c->listen_events, bits);
}

void conv_dropped_(struct conv *c, enum elko_drop reason)
{
        const struct elko_counters *now = elko_counters_get(c->st);

        for (unsigned i = 0; i < ELKO_DROP_COUNT; i++) {
                uint64_t n = now->drops[i] - c->before.drops[i];

                if (i == (unsigned)reason && reason != ELKO_DROP_NONE && n != 1)
                        conv_fail(c, "dropped for %s: %llu times, expected once",
                                  elko_drop_name(reason), (unsigned long long)n);
                if (i != (unsigned)reason && n != 0 && i != ELKO_DROP_TCP_REPLY_LIMIT)
                        conv_fail(c, "dropped for %s, expected %s",
                                  elko_drop_name((enum elko_drop)i), elko_drop_name(reason));
        }
}

struct elko_tcp_info conv_info(struct conv *c)
{
        struct elko_tcp_info info;
        int r = elko_tcp_info_get(c->st, c->f->sock, &info);

        require_ok(c, "elko_tcp_info_get", r);
        return info;
}

struct elko_memory_info conv_memory(struct conv *c)
{
        struct elko_memory_info m;

        elko_memory_get(c->st, &m);
        return m;
}

/* ---- whole openings ---- */

/* The peer's SYN options: all that both know. */
static const char *syn_options(struct conv *c)
{
        static char buf[120];

        snprintf(buf, sizeof(buf), "<mss M%s%s%s>", c->opt.no_sack ? "" : ",sackOK",
                 c->opt.no_ts ? "" : ",TS val 100 ecr 0", c->opt.no_wscale ? "" : ",nop,wscale 7");
        return buf;
}

static void peer_syn(struct conv *c)
{
        conv_in_(c, "S 0:0(0) win 65535 %s", syn_options(c));
}

void conv_open_passive_(struct conv *c)
{
        if (c->listener == ELKO_SOCK_NONE)
                conv_listen_(c, NULL);
        peer_syn(c);
        conv_out_(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_in_(c, ". 1:1(0) ack 1 win 65535");
        conv_none_(c);
        conv_accept_(c);
        conv_state_(c, ELKO_TCP_ESTABLISHED);
        c->f->events = 0;
        c->listen_events = 0;
}

void conv_open_active_(struct conv *c)
{
        conv_connect_(c);
        conv_out_(c, "S 0:0(0) <mss M,...>");
        if (c->opt.no_ts)
                conv_in_(c, "S. 0:0(0) ack 1 win 65535 %s", syn_options(c));
        else
                conv_in_(c, "S. 0:0(0) ack 1 win 65535 <mss M%s,TS val 100 ecr 0%s>",
                         c->opt.no_sack ? "" : ",sackOK", c->opt.no_wscale ? "" : ",nop,wscale 7");
        conv_out_(c, ". 1:1(0) ack 1");
        conv_state_(c, ELKO_TCP_ESTABLISHED);
        conv_none_(c);
        c->f->events = 0;
}

static void reach_syn_received(struct conv *c, bool active)
{
        if (!active) {
                conv_listen_(c, NULL);
                peer_syn(c);
                conv_out_(c, "S. 0:0(0) ack 1 <mss M,...>");
                return;
        }
        conv_connect_(c);
        conv_out_(c, "S 0:0(0) <mss M,...>");
        peer_syn(c);
        conv_out_(c, "S. 0:0(0) ack 1 <mss M,...>");
}

static void reach_closing_side(struct conv *c, enum elko_tcp_state state)
{
        conv_shutdown_(c);
        conv_out_(c, "F. 1:1(0) ack 1");
        if (state == ELKO_TCP_CLOSING) {
                conv_in_(c, "F. 1:1(0) ack 1");
                conv_out_(c, ". 2:2(0) ack 2");
        }
        if (state == ELKO_TCP_FIN_WAIT_2 || state == ELKO_TCP_TIME_WAIT)
                conv_in_(c, ". 1:1(0) ack 2");
        if (state == ELKO_TCP_TIME_WAIT) {
                conv_in_(c, "F. 1:1(0) ack 2");
                conv_out_(c, ". 2:2(0) ack 2");
        }
}

void conv_reach_(struct conv *c, enum elko_tcp_state state, bool active)
{
        switch (state) {
        case ELKO_TCP_CLOSED: return;
        case ELKO_TCP_LISTEN: conv_listen_(c, NULL); return;
        case ELKO_TCP_SYN_SENT:
                conv_connect_(c);
                conv_out_(c, "S 0:0(0) <mss M,...>");
                return;
        case ELKO_TCP_SYN_RECEIVED: reach_syn_received(c, active); return;
        default: break;
        }
        if (active)
                conv_open_active_(c);
        else
                conv_open_passive_(c);
        if (state == ELKO_TCP_CLOSE_WAIT || state == ELKO_TCP_LAST_ACK) {
                conv_in_(c, "F. 1:1(0) ack 1");
                conv_out_(c, ". 1:1(0) ack 2");
        }
        if (state == ELKO_TCP_LAST_ACK) {
                conv_shutdown_(c);
                conv_out_(c, "F. 1:1(0) ack 2");
        }
        if (state != ELKO_TCP_ESTABLISHED && state != ELKO_TCP_CLOSE_WAIT &&
            state != ELKO_TCP_LAST_ACK)
                reach_closing_side(c, state);
        conv_none_(c);
        conv_state_(c, state);
        c->f->events = 0;
}

uint32_t conv_peer_nxt(enum elko_tcp_state state)
{
        switch (state) {
        case ELKO_TCP_CLOSED:
        case ELKO_TCP_LISTEN:
        case ELKO_TCP_SYN_SENT: return 0;
        case ELKO_TCP_CLOSE_WAIT:
        case ELKO_TCP_CLOSING:
        case ELKO_TCP_LAST_ACK:
        case ELKO_TCP_TIME_WAIT: return 2;
        default: return 1;
        }
}

uint32_t conv_stack_nxt(enum elko_tcp_state state)
{
        if (state == ELKO_TCP_CLOSED || state == ELKO_TCP_LISTEN)
                return 0;
        return state <= ELKO_TCP_ESTABLISHED || state == ELKO_TCP_CLOSE_WAIT ? 1 : 2;
}

uint32_t conv_stack_una(enum elko_tcp_state state)
{
        if (state <= ELKO_TCP_SYN_RECEIVED)
                return 0;
        return state == ELKO_TCP_FIN_WAIT_2 || state == ELKO_TCP_TIME_WAIT ? 2 : 1;
}
