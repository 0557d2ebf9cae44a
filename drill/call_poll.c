/* SPDX-License-Identifier: MIT */
/*
 * poll() and epoll of scripts. With a time-out they are calls that wait; when it is over they return 0.
 */
#include "drill/call.h"
#include "drill/os.h"

#include <inttypes.h>
#include <string.h>

enum { POLL_MAX = 16 };

/* Nothing is ready: wait, or is the time over? `ms` below 0: for ever. */
static enum drill_done wait_ms(struct drill_call_ctx *c, int64_t ms)
{
        struct drill_doing *d = c->doing;

        if (!d->started && ms > 0)
                d->give_up_ns = c->r->w.now + ELKO_MS((uint64_t)ms);
        d->started = true;
        if (ms < 0 || (ms > 0 && c->r->w.now < d->give_up_ns))
                return DRILL_WAITS;
        d->result = 0;
        return DRILL_DONE;
}

struct asked {
        int fd;
        unsigned events;
        const struct drill_expr *revents;
};

/* [{fd=N, events=E, revents=R}, ...] */
static bool read_list(struct drill_call_ctx *c, struct asked *a, size_t *n)
{
        const struct drill_expr *list = c->call->arg[0];
        int64_t v;

        if (list->kind != DRILL_LIST || list->n > POLL_MAX)
                return drill_fail(c->r, list->where,
                                  "a list of up to %d {fd=, events=} is expected", POLL_MAX);
        *n = list->n;
        for (size_t i = 0; i < *n; i++) {
                const struct drill_expr *e = list->item[i];
                const struct drill_expr *fd = drill_field_of(e, "fd"),
                                        *events = drill_field_of(e, "events");

                if (fd == NULL || events == NULL)
                        return drill_fail(c->r, e->where,
                                          "{fd=N, events=E, revents=R} is expected");
                if (!drill_int(c->r, fd, &v))
                        return false;
                a[i].fd = drill_live_fd(c->r, (int)v);
                if (!drill_int(c->r, events, &v))
                        return false;
                a[i].events = (unsigned)v;
                a[i].revents = drill_field_of(e, "revents");
        }
        return true;
}

enum drill_done drill_do_poll(struct drill_call_ctx *c)
{
        struct asked asked[POLL_MAX];
        unsigned got[POLL_MAX];
        int64_t ms, want, ready = 0;
        size_t n = 0;

        if (!read_list(c, asked, &n) || !drill_arg_int(c, 2, &ms))
                return DRILL_GAVE_UP;
        for (size_t i = 0; i < n; i++) {
                got[i] = drill_os_poll(&c->r->w, asked[i].fd) &
                         (asked[i].events | POLLERR | POLLHUP | POLLNVAL);
                ready += got[i] != 0;
        }
        if (ready == 0 && wait_ms(c, ms) == DRILL_WAITS)
                return DRILL_WAITS;
        c->doing->result = ready;
        for (size_t i = 0; i < n && c->r->set->record == NULL; i++) {
                if (asked[i].revents == NULL)
                        continue;
                if (!drill_int(c->r, asked[i].revents, &want))
                        return DRILL_GAVE_UP;
                if (want != got[i])
                        return drill_wrong_args(
                                c, asked[i].revents,
                                drill_format(c->r->arena, "poll() gave back revents=0x%x", got[i]));
        }
        return DRILL_DONE;
}

/* ---- epoll ---- */

enum drill_done drill_do_epoll_create(struct drill_call_ctx *c)
{
        struct drill_run *r = c->r;
        int64_t size, name;
        int fd;

        if (!drill_arg_int(c, 0, &size) || !drill_int(r, c->call->result, &name))
                return DRILL_GAVE_UP;
        fd = size <= 0 ? -22 : drill_os_epoll_create(&r->w);
        c->doing->result = fd;
        if (fd < 0 || name < 0 || r->n_fds == DRILL_FDS)
                return DRILL_DONE;
        r->fd[r->n_fds++] = (struct drill_fd){.script = (int)name, .live = fd};
        c->doing->result = name;
        return DRILL_DONE;
}

/* {events=E, fd=N | ptr=N | u32=N | u64=N} */
static bool event_arg(struct drill_call_ctx *c, const struct drill_expr *e, int64_t *events,
                      int64_t *data)
{
        static const char *const names[] = {"fd", "ptr", "u32", "u64"};
        const struct drill_expr *x = drill_field_of(e, "events");

        *events = *data = 0;
        if (e->kind != DRILL_BRACE || x == NULL)
                return drill_fail(c->r, e->where, "{events=E, fd=N} is expected");
        if (!drill_int(c->r, x, events))
                return false;
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if ((x = drill_field_of(e, names[i])) != NULL && !drill_int(c->r, x, data))
                        return false;
        return true;
}

enum drill_done drill_do_epoll_ctl(struct drill_call_ctx *c)
{
        const struct drill_expr *e = c->call->arg[3];
        int64_t op, events = 0, data = 0;
        struct epoll_event ev;
        int epfd, fd;

        if (!drill_arg_fd(c, 0, &epfd) || !drill_arg_int(c, 1, &op) || !drill_arg_fd(c, 2, &fd) ||
            (!drill_is_null(e) && !event_arg(c, e, &events, &data)))
                return DRILL_GAVE_UP;
        ev = (struct epoll_event){.events = (uint32_t)events, .data.u64 = (uint64_t)data};
        c->doing->result =
                drill_os_epoll_ctl(&c->r->w, epfd, (int)op, fd, drill_is_null(e) ? NULL : &ev);
        return DRILL_DONE;
}

enum drill_done drill_do_epoll_wait(struct drill_call_ctx *c)
{
        const struct drill_expr *e = c->call->arg[1];
        struct epoll_event ev[POLL_MAX] = {0};
        int64_t most, ms, events, data;
        int epfd, n;

        if (!drill_arg_fd(c, 0, &epfd) || !drill_arg_int(c, 2, &most) || !drill_arg_int(c, 3, &ms))
                return DRILL_GAVE_UP;
        n = drill_os_epoll_wait(&c->r->w, epfd, ev, most > POLL_MAX ? POLL_MAX : (int)most);
        if (n == 0 && wait_ms(c, ms) == DRILL_WAITS)
                return DRILL_WAITS;
        c->doing->result = n;
        if (n <= 0 || c->r->set->record != NULL || drill_is_null(e) || e->kind == DRILL_ELLIPSIS)
                return DRILL_DONE;
        if (!event_arg(c, e, &events, &data))
                return DRILL_GAVE_UP;
        if ((uint32_t)events != ev[0].events || (uint64_t)data != ev[0].data.u64)
                return drill_wrong_args(
                        c, e,
                        drill_format(c->r->arena,
                                     "epoll_wait() gave back {events=0x%x, fd=%" PRIu64 "}",
                                     ev[0].events, (uint64_t)ev[0].data.u64));
        return DRILL_DONE;
}
