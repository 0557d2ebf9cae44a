/* SPDX-License-Identifier: MIT */
/*
 * Two stacks and a wire, in virtual time.
 *
 *        stack 0 -- [pcapng] -- [fault] -- mem end 0 ======== mem end 1 -- stack 1
 *
 * One round lets side 0 and then side 1 receive one batch, handle events and send one batch. When a
 * whole round did nothing, nothing can happen at this instant any more, and time jumps to the
 * earliest deadline of the two stacks and the two links. There is no other source of order or of
 * time, so a run is a function of its configuration and of what the application does.
 *
 * Deadlines may be early (the stack's timers round down). To go on for certain, time moves by at
 * least one nanosecond.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "drivers/pcapng.h"
#include "host/inproc.h"

enum { BATCH = ELKO_DRV_BATCH, EVENTS_MAX = 1024 };

struct side {
        elko_stack *stack;
        void *region;
        elko_link link;
        struct elko_drv *drv; /* the outermost */
};

struct elko_inproc {
        struct elko_inproc_config config;
        struct side side[2];
        struct elko_drv *fault; /* inside of side[0].drv; NULL: none */
        uint64_t now;
        struct elko_packet packets[BATCH];
        struct elko_frame frames[BATCH];
};

/* ---- one round ---- */

static size_t side_receive(struct elko_inproc *p, struct side *s)
{
        int n = elko_drv_rx(s->drv, p->packets, BATCH);

        if (n > 0)
                elko_input(s->stack, s->link, p->packets, (size_t)n, p->now);
        return n > 0 ? (size_t)n : 0;
}

static size_t side_events(struct elko_inproc *p, int side)
{
        struct elko_event ev;
        size_t n = 0;

        if (p->config.on_event == NULL)
                return 0;
        while (n < EVENTS_MAX && elko_next_event(p->side[side].stack, &ev)) {
                p->config.on_event(p->config.ctx, side, &ev);
                n++;
        }
        return n;
}

static size_t side_send(struct elko_inproc *p, struct side *s)
{
        size_t room = elko_drv_tx_room(s->drv);
        size_t n;
        int taken;

        if (room == 0)
                return 0;
        n = elko_output(s->stack, s->link, p->frames, room < BATCH ? room : BATCH, p->now);
        taken = elko_drv_tx(s->drv, p->frames, n);
        if (taken >= 0 && (size_t)taken < n)
                elko_drv_tx_lost(s->drv, n - (size_t)taken);
        return n;
}

static size_t side_round(struct elko_inproc *p, int side)
{
        struct side *s = &p->side[side];
        bool due = elko_next_deadline(s->stack) <= p->now;
        size_t work;

        elko_drv_set_now(s->drv, p->now);
        work = side_receive(p, s);
        elko_advance(s->stack, p->now);
        /* A deadline that did its work counts, even if nothing was sent: the end of TIME-WAIT. */
        work += due && elko_next_deadline(s->stack) > p->now;
        work += side_events(p, side);
        return work + side_send(p, s);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t next_deadline(struct elko_inproc *p)
{
        uint64_t at = ELKO_NEVER;

        for (int i = 0; i < 2; i++) {
                at = earlier(at, elko_next_deadline(p->side[i].stack));
                at = earlier(at, elko_drv_next_deadline(p->side[i].drv));
        }
        return at;
}

enum elko_inproc_step elko_inproc_step(struct elko_inproc *p, uint64_t limit)
{
        size_t work = side_round(p, 0) + side_round(p, 1);
        uint64_t at;

        if (work > 0)
                return ELKO_INPROC_WORK;
        at = next_deadline(p);
        if (at <= p->now)
                at = p->now + 1;
        at = earlier(at, limit);
        if (at == ELKO_NEVER || at <= p->now)
                return ELKO_INPROC_IDLE;
        p->now = at;
        return ELKO_INPROC_TIME;
}

bool elko_inproc_run_until(struct elko_inproc *p, elko_inproc_done_fn *done, void *ctx,
                           uint64_t limit)
{
        for (;;) {
                if (done != NULL && done(ctx))
                        return true;
                if (elko_inproc_step(p, limit) == ELKO_INPROC_IDLE)
                        return false;
        }
}

void elko_inproc_run_for(struct elko_inproc *p, uint64_t span_ns)
{
        elko_inproc_run_until(p, NULL, NULL, p->now + span_ns);
}

/* ---- what it is made of ---- */

elko_stack *elko_inproc_stack(struct elko_inproc *p, int side)
{
        return p->side[side].stack;
}

elko_link elko_inproc_link(const struct elko_inproc *p, int side)
{
        return p->side[side].link;
}

struct elko_drv *elko_inproc_driver(struct elko_inproc *p, int side)
{
        return p->side[side].drv;
}

struct elko_drv *elko_inproc_fault(struct elko_inproc *p)
{
        return p->fault;
}

uint64_t elko_inproc_now(const struct elko_inproc *p)
{
        return p->now;
}

elko_endpoint elko_inproc_endpoint(int side, int version, uint16_t port)
{
        elko_endpoint e = {.ip = elko_ip_v4(10, 0, 0, (uint8_t)(side + 1)), .port = port};

        if (version == 6) {
                memset(&e.ip, 0, sizeof(e.ip));
                e.ip.b[0] = 0xfd;
                e.ip.b[15] = (uint8_t)(side + 1);
        }
        return e;
}

/* ---- creation ---- */

void elko_inproc_config_default(struct elko_inproc_config *config)
{
        memset(config, 0, sizeof(*config));
        config->region_bytes = (size_t)64 << 20;
        for (int i = 0; i < 2; i++) {
                elko_config_default(&config->stack[i]);
                memset(config->stack[i].seed, 0, ELKO_SEED_BYTES);
        }
        elko_drv_mem_config_default(&config->wire);
        config->wire.wire[0].delay_ns = ELKO_US(50);
        config->wire.wire[1].delay_ns = ELKO_US(50);
        config->seed = 1;
        config->start = ELKO_SEC(1);
}

/* A seed of a stack from the run's: side and position make each byte different. */
static void make_seed(struct elko_config *c, uint64_t seed, int side)
{
        static const uint8_t none[ELKO_SEED_BYTES];

        if (memcmp(c->seed, none, sizeof(none)) != 0)
                return;
        for (unsigned i = 0; i < ELKO_SEED_BYTES; i++)
                c->seed[i] = (uint8_t)(seed >> (i % 8 * 8));
        c->seed[ELKO_SEED_BYTES - 1] = (uint8_t)(c->seed[ELKO_SEED_BYTES - 1] ^ (0x80 + side));
}

static int make_wire(struct elko_inproc *p, struct elko_drv_why *why)
{
        struct elko_drv_pcapng_config capture = {.keep_open = true};
        int error = elko_drv_mem_open(&p->config.wire, &p->side[0].drv, &p->side[1].drv, why);

        if (error != 0)
                return error;
        if (p->config.with_fault) {
                p->fault = elko_drv_fault_open(p->side[0].drv, &p->config.fault, why);
                p->side[0].drv = p->fault;
        }
        if (p->side[0].drv != NULL && p->config.pcapng != NULL)
                p->side[0].drv =
                        elko_drv_pcapng_open(p->side[0].drv, p->config.pcapng, &capture, why);
        return p->side[0].drv != NULL ? 0 : -ENOMEM;
}

static int stack_error(struct elko_drv_why *why, int side, const char *what, const char *text)
{
        return elko_drv_fail(why, EINVAL, "inproc: side %d: %s: %s", side, what, text);
}

static int make_side(struct elko_inproc *p, int side, struct elko_drv_why *why)
{
        static const char *const address[2][2] = {{"10.0.0.1/24", "fd00::1/64"},
                                                  {"10.0.0.2/24", "fd00::2/64"}};
        struct side *s = &p->side[side];
        const char *text = "";
        int n;
        void *region = mmap(NULL, p->config.region_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (region == MAP_FAILED)
                return elko_drv_fail(why, ENOMEM, "inproc: no memory for a region of %zu bytes",
                                     p->config.region_bytes);
        s->region = region;
        make_seed(&p->config.stack[side], p->config.seed, side);
        s->stack = elko_stack_create(region, p->config.region_bytes, &p->config.stack[side], p->now,
                                     &text);
        if (s->stack == NULL)
                return stack_error(why, side, "creating the stack", text);
        n = elko_link_attach(s->stack, &s->drv->link);
        if (n < 0)
                return stack_error(why, side, "attaching the link", elko_error_text(n));
        s->link = (elko_link)n;
        for (int i = 0; i < 2; i++) {
                n = elko_addr_add(s->stack, s->link, address[side][i]);
                if (n < 0)
                        return stack_error(why, side, address[side][i], elko_error_text(n));
        }
        return 0;
}

struct elko_inproc *elko_inproc_create(const struct elko_inproc_config *config,
                                       struct elko_drv_why *why)
{
        struct elko_inproc *p = calloc(1, sizeof(*p));
        int error;

        if (p == NULL) {
                elko_drv_fail(why, ENOMEM, "inproc: no memory");
                return NULL;
        }
        p->config = *config;
        p->now = config->start;
        error = make_wire(p, why);
        for (int i = 0; error == 0 && i < 2; i++)
                error = make_side(p, i, why);
        if (error != 0) {
                elko_inproc_destroy(p);
                errno = -error;
                return NULL;
        }
        return p;
}

void elko_inproc_destroy(struct elko_inproc *p)
{
        if (p == NULL)
                return;
        for (int i = 0; i < 2; i++) {
                elko_stack_destroy(p->side[i].stack);
                elko_drv_close(p->side[i].drv);
                if (p->side[i].region != NULL)
                        munmap(p->side[i].region, p->config.region_bytes);
        }
        free(p);
}
