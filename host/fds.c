/* SPDX-License-Identifier: MIT */
/*
 * epoll, and a table of callbacks by descriptor number.
 *
 * epoll reports a batch, and the callback for one descriptor may forget, close and reuse another
 * one of the same batch. So every registration has a generation number that travels through epoll;
 * a report whose number is not the table's is about the past and is dropped.
 *
 * epoll refuses regular files, because these never block: they count as always ready (then the loop
 * doesn't sleep).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/fds.h"

enum { FD_MAX = 1 << 24 };

struct elko_host_fd {
        elko_host_fd_fn *fn; /* NULL: not watched */
        void *ctx;
        uint32_t events;
        uint32_t generation;
        bool always; /* epoll refused it */
};

static struct elko_host_fd *entry_of(struct elko_host_fds *f, int fd)
{
        if (fd < 0 || (uint32_t)fd >= f->size || f->table[fd].fn == NULL)
                return NULL;
        return &f->table[fd];
}

static bool counts_as_always(const struct elko_host_fd *e)
{
        return e->always && e->events != 0;
}

int elko_host_fds_init(struct elko_host_fds *f)
{
        memset(f, 0, sizeof(*f));
        f->epoll = epoll_create1(EPOLL_CLOEXEC);
        return f->epoll < 0 ? -errno : 0;
}

void elko_host_fds_free(struct elko_host_fds *f)
{
        if (f->epoll >= 0)
                close(f->epoll);
        free(f->table);
        f->table = NULL;
        f->size = 0;
        f->epoll = -1;
}

/* ---- registration ---- */

static int grow(struct elko_host_fds *f, int fd)
{
        uint32_t size = f->size == 0 ? 64 : f->size;
        struct elko_host_fd *table;

        if (fd < 0 || fd >= FD_MAX)
                return -EBADF;
        while (size <= (uint32_t)fd)
                size *= 2;
        if (size == f->size)
                return 0;
        table = realloc(f->table, size * sizeof(*table));
        if (table == NULL)
                return -ENOMEM;
        memset(table + f->size, 0, (size - f->size) * sizeof(*table));
        f->table = table;
        f->size = size;
        return 0;
}

static int control(struct elko_host_fds *f, int op, int fd, uint32_t events)
{
        struct epoll_event ev = {
                .events = events,
                .data.u64 = (uint64_t)f->table[fd].generation << 32 | (uint32_t)fd,
        };

        return epoll_ctl(f->epoll, op, fd, &ev) == 0 ? 0 : -errno;
}

int elko_host_fds_add(struct elko_host_fds *f, int fd, uint32_t events, elko_host_fd_fn *fn,
                      void *ctx)
{
        int error = grow(f, fd);
        struct elko_host_fd *e;

        if (error != 0)
                return error;
        e = &f->table[fd];
        if (e->fn != NULL)
                return -EEXIST;
        e->generation++;
        error = control(f, EPOLL_CTL_ADD, fd, events);
        e->always = error == -EPERM; /* epoll_ctl(2): a file that does not support epoll */
        if (error != 0 && !e->always)
                return error;
        e->fn = fn;
        e->ctx = ctx;
        e->events = events;
        f->always += counts_as_always(e);
        return 0;
}

int elko_host_fds_set(struct elko_host_fds *f, int fd, uint32_t events)
{
        struct elko_host_fd *e = entry_of(f, fd);

        if (e == NULL)
                return -ENOENT;
        if (e->events == events)
                return 0;
        f->always -= counts_as_always(e);
        e->events = events;
        f->always += counts_as_always(e);
        return e->always ? 0 : control(f, EPOLL_CTL_MOD, fd, events);
}

int elko_host_fds_del(struct elko_host_fds *f, int fd)
{
        struct elko_host_fd *e = entry_of(f, fd);

        if (e == NULL)
                return -ENOENT;
        f->always -= counts_as_always(e);
        e->fn = NULL;
        return e->always ? 0 : control(f, EPOLL_CTL_DEL, fd, 0);
}

/* ---- sleeping ---- */

/* Whole milliseconds, rounded up: late by a little, never early. */
static int wait_ms(struct elko_host_fds *f, uint64_t wait_ns)
{
        uint64_t ms = wait_ns / 1000000 + (wait_ns % 1000000 != 0);
        int limit = wait_ns == ELKO_NEVER ? -1 : (int)(ms < 86400000 ? ms : 86400000);

        return epoll_wait(f->epoll, f->ready, ELKO_HOST_FDS_READY, limit);
}

static int wait_ns_exact(struct elko_host_fds *f, uint64_t wait_ns)
{
        struct timespec limit = {
                .tv_sec = (time_t)(wait_ns / UINT64_C(1000000000)),
                .tv_nsec = (long)(wait_ns % UINT64_C(1000000000)),
        };

        return epoll_pwait2(f->epoll, f->ready, ELKO_HOST_FDS_READY,
                            wait_ns == ELKO_NEVER ? NULL : &limit, NULL);
}

int elko_host_fds_wait(struct elko_host_fds *f, uint64_t wait_ns)
{
        int n;

        if (f->always > 0)
                wait_ns = 0;
        n = f->no_pwait2 ? wait_ms(f, wait_ns) : wait_ns_exact(f, wait_ns);
        if (n < 0 && errno == ENOSYS && !f->no_pwait2) {
                f->no_pwait2 = true;
                n = wait_ms(f, wait_ns);
        }
        f->ready_count = n > 0 ? n : 0;
        return n < 0 && errno != EINTR ? -errno : 0;
}

static unsigned run_always(struct elko_host_fds *f)
{
        unsigned calls = 0;

        for (uint32_t fd = 0; f->always > 0 && fd < f->size; fd++) {
                struct elko_host_fd *e = &f->table[fd];

                if (e->fn == NULL || !counts_as_always(e))
                        continue;
                e->fn(e->ctx, (int)fd, e->events);
                calls++;
        }
        return calls;
}

unsigned elko_host_fds_run(struct elko_host_fds *f)
{
        unsigned calls = 0;

        for (int i = 0; i < f->ready_count; i++) {
                int fd = (int)(uint32_t)f->ready[i].data.u64;
                uint32_t generation = (uint32_t)(f->ready[i].data.u64 >> 32);
                struct elko_host_fd *e = entry_of(f, fd);

                if (e == NULL || e->generation != generation)
                        continue;
                e->fn(e->ctx, fd, f->ready[i].events);
                calls++;
        }
        f->ready_count = 0;
        return calls + (f->always > 0 ? run_always(f) : 0);
}
