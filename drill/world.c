/* SPDX-License-Identifier: MIT */
/*
 * See world.h. Output is pulled after every step, so a packet carries the instant of the timer, the packet or the
 * call that caused it, and never the end of a jump of the clock.
 */
#include "drill/world.h"
#include "drill/kernel.h"
#include "drill/run.h"
#include "host/bsd.h"

#include <string.h>
#include <time.h>

enum { BATCH = 64, TICK = 200000 };

static const uint64_t start_ns = DRILL_START_NS;

const char *drill_world_open(struct drill_world *w, struct drill_arena *arena, void *region,
                             size_t bytes, const struct elko_config *config, uint16_t mtu,
                             const char *local)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = mtu, .name = "drill"};
        const char *why = "its parts can't be made";
        int n;

        *w = (struct drill_world){.arena = arena};
        w->tail = &w->first;
        w->st = elko_stack_create(region, bytes, config, start_ns, &why);
        if (w->st == NULL)
                return why;
        w->bsd = elko_bsd_create(w->st);
        if (w->bsd != NULL)
                elko_bsd_set_clock(w->bsd, -(int64_t)start_ns);
        n = elko_link_attach(w->st, &link);
        if (w->bsd == NULL || n < 0)
                return w->bsd == NULL ? "out of memory" : "the link's MTU is out of range";
        w->link = (elko_link)n;
        if (elko_addr_add(w->st, w->link, local) != ELKO_OK)
                return "the local address is none, or too short an MTU for it";
        elko_route_add(w->st, "0.0.0.0/0", w->link, NULL);
        elko_route_add(w->st, "::/0", w->link, NULL);
        return NULL;
}

const char *drill_world_open_kernel(struct drill_world *w, struct drill_arena *arena, uint16_t mtu,
                                    const char *local, const char *remote)
{
        const char *why = NULL;

        *w = (struct drill_world){.arena = arena};
        w->tail = &w->first;
        w->kernel = drill_kernel_open(mtu, local, remote, &why);
        return w->kernel == NULL ? why : NULL;
}

void drill_world_begin(struct drill_world *w)
{
        struct timespec t;

        if (w->kernel == NULL)
                return;
        drill_kernel_begin(w->kernel);
        clock_gettime(CLOCK_REALTIME, &t);
        w->wall_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void drill_world_close(struct drill_world *w)
{
        drill_kernel_close(w->kernel);
        w->kernel = NULL;
        if (w->st != NULL)
                elko_trace_set(w->st, NULL,
                               NULL); /* what is aborted now is not the script's doing */
        elko_bsd_destroy(w->bsd);
        if (w->st != NULL)
                elko_stack_destroy(w->st);
        w->bsd = NULL;
        w->st = NULL;
}

static void append(struct drill_world *w, const uint8_t *data, size_t len)
{
        struct drill_sent *s = drill_alloc(w->arena, sizeof(*s));

        *s = (struct drill_sent){.at_ns = w->now, .len = len, .data = data};
        *w->tail = s;
        w->tail = &s->next;
        w->sent++;
}

/* The kernel's packets have the time at which they are seen. */
static void take_from_kernel(struct drill_world *w)
{
        const uint8_t *p;
        uint8_t *own;
        size_t len;

        w->now = drill_kernel_now(w->kernel);
        while ((len = drill_kernel_output(w->kernel, &p)) > 0) {
                own = drill_alloc(w->arena, len);
                memcpy(own, p, len);
                append(w, own, len);
        }
        w->work++;
}

static void keep(struct drill_world *w, const struct elko_frame *f)
{
        uint8_t *whole = drill_alloc(w->arena, f->len), *p = whole;

        for (uint32_t i = 0; i < f->parts; i++) {
                memcpy(p, f->part[i].data, f->part[i].len);
                p += f->part[i].len;
        }
        append(w, whole, f->len);
}

void drill_world_settle(struct drill_world *w)
{
        struct elko_frame frames[BATCH];
        uint64_t sent;
        size_t n;

        if (w->kernel != NULL) {
                take_from_kernel(w);
                return;
        }
        do { /* the sockets may have more when all was sent */
                sent = w->sent;
                do {
                        n = elko_output(w->st, w->link, frames, BATCH, start_ns + w->now);
                        for (size_t i = 0; i < n; i++) {
                                keep(w, &frames[i]);
                                elko_bsd_sent(w->bsd, &frames[i]);
                        }
                } while (n > 0 && w->sent < DRILL_WORLD_PACKETS);
                elko_bsd_update(w->bsd);
        } while (w->sent > sent && w->sent < DRILL_WORLD_PACKETS);
        w->work++;
}

void drill_world_input(struct drill_world *w, const uint8_t *packet, size_t len)
{
        struct elko_packet p = {.data = packet, .len = (uint32_t)len};

        if (w->kernel != NULL)
                drill_kernel_input(w->kernel, packet, len);
        else
                elko_input(w->st, w->link, &p, 1, start_ns + w->now);
        if (w->kernel == NULL)
                elko_bsd_update(w->bsd);
        drill_world_settle(w);
}

uint64_t drill_world_next(const struct drill_world *w)
{
        uint64_t at;

        if (w->kernel != NULL) /* nobody can know; look again soon */
                return w->now + TICK;
        at = elko_next_deadline(w->st);
        if (at == ELKO_NEVER)
                return ELKO_NEVER;
        return at <= start_ns + w->now ? w->now : at - start_ns;
}

void drill_world_to(struct drill_world *w, uint64_t now)
{
        if (w->kernel != NULL) {
                drill_kernel_wait(w->kernel, now);
                take_from_kernel(w);
                return;
        }
        if (now > w->now)
                w->now = now;
        elko_advance(w->st, start_ns + w->now);
        drill_world_settle(w);
}

const char *drill_world_runs_away(const struct drill_world *w)
{
        if (w->sent >= DRILL_WORLD_PACKETS)
                return "the stack has sent a million packets";
        return w->work >= DRILL_WORLD_STEPS ? "ten million timers fired" : NULL;
}

struct drill_sent *drill_world_take(struct drill_world *w)
{
        struct drill_sent *s = w->first;

        if (s != NULL) {
                w->first = s->next;
                if (w->first == NULL)
                        w->tail = &w->first;
        }
        return s;
}
