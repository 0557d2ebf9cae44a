/* SPDX-License-Identifier: MIT */
/*
 * fz_rig.c - a stack under test and what must always hold of it.
 *
 * The bound on work (I-45): a packet may cost its own walk (headers, options, ranges), what it
 * acknowledges (each record leaves once), and a constant. A timer or a pull may visit every object once.
 */
#include "fz_rig.h"

#include "stack/stack.h"

enum {
        BATCH = 16,
        GUARD = 100000,
        WORK_PACKET = 256 + 40 + 16 * FZ_RIG_RANGES, /* what one packet may cost by itself */
};

static uint64_t records_of(struct fz_rig *r)
{
        return ek_slab_live(&r->st->tcp.records);
}

void fz_rig_make(struct fz_rig *r, uint8_t *region, bool v6, uint8_t host, uint8_t peer,
                 void (*configure)(struct elko_config *))
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = FZ_RIG_MTU, .name = "fz"};
        elko_ip ip = {{0x20, 1, 0x0d, 0xb8}};
        const char *why;
        int n;

        *r = (struct fz_rig){.region = region, .start = ELKO_SEC(1000)};
        r->now = r->start;
        elko_config_default(&r->cfg);
        memset(r->cfg.seed, 0x5a, sizeof(r->cfg.seed));
        r->cfg.seed[0] = host;
        r->cfg.max_connections = FZ_RIG_CONNS;
        r->cfg.max_half_open = 4;
        r->cfg.max_time_wait = 3;
        r->cfg.max_listeners = 4;
        r->cfg.max_neighbours = 4;
        r->cfg.max_routes = 4;
        r->cfg.max_addresses = 2;
        r->cfg.max_links = 1;
        r->cfg.max_replies = 8;
        r->cfg.output_batch = BATCH;
        r->cfg.block_bytes = 256;
        r->cfg.slab_chunk_bytes = 2048;
        r->cfg.snd_buf_bytes = r->cfg.snd_buf_max_bytes = FZ_RIG_SND;
        r->cfg.rcv_buf_bytes = FZ_RIG_RCV / 2;
        r->cfg.rcv_buf_max_bytes = FZ_RIG_RCV;
        r->cfg.max_ooo_ranges = FZ_RIG_RANGES;
        if (configure != NULL)
                configure(&r->cfg);
        memset(region, FZ_UNTOUCHED, FZ_RIG_BYTES);
        r->st = elko_stack_create(region, FZ_RIG_BYTES, &r->cfg, r->now, &why);
        FZ_SOUND(why);
        n = elko_link_attach(r->st, &link);
        FZ_REQUIRE(n == 1);
        r->link = (elko_link)n;
        if (!v6)
                ip = elko_ip_v4(10, 0, 0, 0);
        r->out.v6 = v6;
        ip.b[15] = host;
        memcpy(r->out.src, ip.b, 16);
        FZ_REQUIRE(elko_addr_add_ip(r->st, r->link, &ip, v6 ? 64 : 24) == 0);
        ip.b[15] = peer;
        memcpy(r->out.dst, ip.b, 16);
        if (!v6) {
                /* The mapped form is not what stands on the wire. */
                memset(r->out.src, 0, 12);
                memset(r->out.dst, 0, 12);
        }
        r->held = fz_rig_held(r);
        fz_snap_take(&r->snap, region, FZ_RIG_BYTES);
}

void fz_rig_reset(struct fz_rig *r, uint64_t later)
{
        fz_snap_restore(&r->snap);
        r->nomem = false;
        r->now = r->start + later;
        if (later != 0)
                elko_advance(r->st, r->now);
}

void fz_rig_check(struct fz_rig *r)
{
        FZ_SOUND(elko_check(r->st));
        fz_steps++;
}

void fz_rig_check_deadline(struct fz_rig *r)
{
        if (elko_next_deadline(r->st) <= r->now)
                fz_fail(__FILE__, __LINE__, "I-23: a deadline in the past after all was done");
        if (elko_has_output(r->st, r->link))
                fz_fail(__FILE__, __LINE__, "elko_has_output(), but elko_output() gave nothing");
}

void fz_rig_input(struct fz_rig *r, const uint8_t *packet, uint32_t len)
{
        uint8_t *copy = fz_packet(len);
        struct elko_packet p = {.data = copy, .len = len};
        uint64_t before, bound, used;

        if (len > 0)
                memcpy(copy, packet, len);
        /* Time-outs that are due are not the packet's. */
        elko_advance(r->st, r->now);
        bound = WORK_PACKET + 4 * records_of(r);
        before = ek_work_counter;
        elko_input(r->st, r->link, &p, 1, r->now);
        used = ek_work_counter - before;
        if (used > fz_work_max)
                fz_work_max = used;
        if (used > bound)
                fz_fail(__FILE__, __LINE__, "I-45: one packet made too much work");
}

unsigned fz_rig_pull(struct fz_rig *r, fz_sink *sink, void *ctx)
{
        struct elko_frame frames[BATCH];
        struct fz_seg s[1];
        unsigned n, total = 0;

        while ((n = (unsigned)elko_output(r->st, r->link, frames, BATCH, r->now)) > 0) {
                for (unsigned i = 0; i < n; i++) {
                        FZ_SOUND(fz_wire_read(&frames[i], FZ_RIG_MTU, s));
                        FZ_REQUIRE(memcmp(s->way.src, r->out.src, 16) == 0);
                        sink(ctx, s);
                }
                total += n;
                if (total > GUARD)
                        fz_fail(__FILE__, __LINE__, "I-28: the stack sends for ever");
        }
        return total;
}

void fz_rig_advance(struct fz_rig *r, uint64_t at)
{
        if (at > r->now)
                r->now = at;
        elko_advance(r->st, r->now);
        fz_rig_check(r);
}

uint64_t fz_rig_held(struct fz_rig *r)
{
        struct ek_tcp *t = &r->st->tcp;
        const struct ek_slab *pools[] = {
                &t->tcbs,    &t->actives,   &t->half_opens, &t->time_waits,
                &t->records, &t->listeners, &t->settings,
        };
        uint64_t used = ek_region_used(r->st->region) - ek_hashtab_bytes(&t->conns);

        for (unsigned i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
                if (ek_slab_live(pools[i]) != 0 || pools[i]->n_chunks > 1)
                        fz_fail(__FILE__, __LINE__, "I-33: a pool still has objects");
                used -= pools[i]->n_chunks *
                        ek_region_block_bytes(r->st->region, pools[i]->chunk_bytes);
        }
        return used;
}

void fz_rig_finish(struct fz_rig *r, fz_sink *sink, void *ctx)
{
        struct elko_memory_info m;
        struct elko_event ev;
        unsigned guard = 0;
        uint64_t at;

        elko_fail_alloc(r->st, 0, false);
        r->nomem = false;
        for (;;) {
                fz_rig_pull(r, sink, ctx);
                fz_rig_check_deadline(r);
                at = elko_next_deadline(r->st);
                if (at == ELKO_NEVER)
                        break;
                fz_rig_advance(r, at);
                if (++guard > GUARD)
                        fz_fail(__FILE__, __LINE__, "I-20: timers go on after everything closed");
        }
        while (elko_next_event(r->st, &ev))
                ;
        elko_memory_get(r->st, &m);
        if (m.connections != 0 || m.half_open != 0 || m.time_wait != 0 || m.listeners != 0)
                fz_fail(__FILE__, __LINE__, "I-33: objects are left after everything closed");
        if (m.promised != 0)
                fz_fail(__FILE__, __LINE__, "I-33: memory is promised for ever");
        if (fz_rig_held(r) != r->held)
                fz_fail(__FILE__, __LINE__, "I-33: memory is lost");
}
