/* SPDX-License-Identifier: MIT */
#include "conv.h"

#include "conv_room.h"
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
 *
 * The other rooms: conv_rules.c verifies what is sent, conv_packets.c makes what arrives, conv_expect.c
 * compares with what the test expects, conv_app.c is the application, conv_reach.c opens connections.
 */

enum {
        REGION_BYTES = 32 << 20,
        LOG_CAP = 1 << 20,
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
static struct conv_seg out_queue[CONV_FRAMES];
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

void conv_log(struct conv *c, const char *fmt, ...)
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
        conv_log(c, "# %s", buf);
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

/* ---- after every call ---- */

static void check_stack(struct conv *c)
{
        const char *bad = elko_check(c->st);

        if (bad != NULL)
                conv_fail(c, "elko_check: %s", bad);
}

void conv_pull_frames(struct conv *c)
{
        struct elko_frame frames[OUTPUT_BATCH];
        size_t n, guard = 0;

        while ((n = elko_output(c->st, c->link, frames, OUTPUT_BATCH, c->now)) > 0) {
                for (size_t i = 0; i < n; i++)
                        conv_capture(c, &frames[i]);
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

void conv_after_call(struct conv *c)
{
        struct elko_event ev;

        check_stack(c);
        if (!c->hold)
                conv_pull_frames(c);
        while (elko_next_event(c->st, &ev))
                take_event(c, &ev);
}

void conv_before_call(struct conv *c)
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
        /* The conversations were written with the numbers of RFC 5681; those about another algorithm say so. */
        c->cfg.congestion = &elko_cc_newreno;
        if (c->opt.config != NULL)
                c->opt.config(&c->cfg);
}

static void create(struct conv *c, uint64_t now)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP,
                                        .mtu = c->mtu,
                                        .flags =
                                                c->opt.tso ? ELKO_LINK_TX_CSUM | ELKO_LINK_TSO : 0};
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

void conv_endpoints(const struct conv *c, elko_endpoint *local, elko_endpoint *remote)
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
        conv_endpoints(c, &local, &remote);
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
                {"settings", &t->settings},    {"AccECN counters", &t->accecns},
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
        conv_after_call(c);
        return true;
}

void conv_listen_(struct conv *c, const struct elko_listen_config *cfg)
{
        elko_endpoint any = {.port = CONV_PORT};
        int r;

        conv_before_call(c);
        r = elko_listen(c->st, &any, cfg, &c->listener);
        if (r != 0)
                conv_fail(c, "elko_listen: %s", elko_error_text(r));
        conv_after_call(c);
}

void conv_flow(struct conv *c, unsigned n)
{
        c->f = &c->flow[n];
        if (n >= c->used_flows)
                c->used_flows = n + 1;
        conv_log(c, "flow %u", n);
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
        conv_after_call(c);
        c->out_count = 0;
}

static void finish(struct conv *c)
{
        uint64_t wait = 2 * c->cfg.msl_ns + c->cfg.r2_ns + c->cfg.r2_syn_ns + ELKO_SEC(60);
        struct elko_memory_info m;

        conv_none_(c);
        c->in_finish = true;
        conv_log(c, "the end: everything is aborted");
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

void conv_drop_batch(struct conv *c)
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
                conv_drop_batch(c); /* of a test that failed */
                memset(c, 0, sizeof(*c));
                log_buf[0] = '\0';
                c->log = (struct conv_text){.p = log_buf, .cap = LOG_CAP};
                c->variant = &variants[i];
                c->out = out_queue;
                fn(c);
                if (c->started_ok)
                        finish(c);
                conv_drop_batch(c);
        }
}

/* ---- time ---- */

void conv_advance_(struct conv *c, uint64_t ns)
{
        uint64_t target = c->now + ns, next;
        unsigned guard = 0;

        conv_before_call(c);
        while ((next = elko_next_deadline(c->st)) <= target) {
                if (next > c->now)
                        c->now = next;
                elko_advance(c->st, c->now);
                conv_after_call(c);
                if (++guard == GUARD)
                        conv_fail(c, "deadlines without an end");
                if (c->hold && elko_next_deadline(c->st) <= c->now)
                        break;
        }
        c->now = target;
        elko_advance(c->st, c->now);
        conv_after_call(c);
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
