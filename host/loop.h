/* SPDX-License-Identifier: MIT */
#ifndef ELKO_HOST_LOOP_H
#define ELKO_HOST_LOOP_H

/*
 * The reference event loop: one stack, its links, the application's descriptors and timers, one
 * thread.
 *
 *      struct elko_host_config config;
 *      elko_host_config_default(&config);
 *      config.on_event = on_event;
 *      struct elko_host *h = elko_host_create(&config, &why);
 *      int link = elko_host_attach(h, elko_drv_tun_open(&tun, &why), &why);
 *      elko_addr_add(elko_host_stack(h), (elko_link)link, "10.0.0.2/24");
 *      elko_listen(elko_host_stack(h), ...);
 *      elko_host_run(h);
 *      elko_host_destroy(h);
 *
 * Callbacks run inside elko_host_run() and may call every function of the stack and of this header
 * except elko_host_run(), elko_host_step() and elko_host_destroy(). After a callback returned, what
 * it caused is sent at once.
 */

#include <elko/elko.h>

#include "drivers/driver.h"

struct elko_host;

#define ELKO_HOST_LINKS 16 /* most links of one host */

struct elko_host_config {
        /* The stack's memory: address space, backed when it is first used (MAP_NORESERVE). */
        size_t region_bytes; /* default 1 GiB */

        /* The stack's configuration. A seed of all zeros (the default) is replaced by
         * getrandom(). */
        struct elko_config stack;

        /* SIGINT and SIGTERM: the first stops in order, the second at once. They are blocked
         * between create and destroy and read from a signalfd; create before making threads.
         * Default true. */
        bool signals;

        /* How long an orderly stop waits for the connections to end. Default 3 s. */
        uint64_t grace_ns;

        /* A socket of the stack has news. Read until EAGAIN: events are edges. */
        void (*on_event)(void *ctx, const struct elko_event *ev);

        /* An orderly stop begins: close listeners, shut connections down. May be NULL. */
        void (*on_stop)(void *ctx);

        /* Something went wrong that the loop survives, or the last words before elko_host_run()
         * returns an error. NULL: a line on stderr. */
        void (*on_error)(void *ctx, const char *text);

        void *ctx; /* first argument of the three */
};

void elko_host_config_default(struct elko_host_config *config);

/* NULL: errno and *why. */
struct elko_host *elko_host_create(const struct elko_host_config *config, struct elko_drv_why *why);

/* Abort what is still open (the peers get RST), close the links, free everything. NULL is
 * allowed. */
void elko_host_destroy(struct elko_host *h);

/* Attach a driver; the host owns it from then on, also after an error (it is closed). Returns the
 * link's number, or -errno and *why. `d` NULL (an opener failed): -errno, *why stays as it is. */
int elko_host_attach(struct elko_host *h, struct elko_drv *d, struct elko_drv_why *why);

elko_stack *elko_host_stack(struct elko_host *h);

/* The outermost driver of a link; NULL: no such link. */
struct elko_drv *elko_host_driver(struct elko_host *h, elko_link link);

/* The instant of this iteration, CLOCK_MONOTONIC in ns. */
uint64_t elko_host_now(const struct elko_host *h);

/* ---- running ---- */

/* Run until stopped. Returns 0, or -errno after a link or the loop itself failed (on_error said
 * more). */
int elko_host_run(struct elko_host *h);

/* One iteration, waiting up to `max_wait_ns` (ELKO_NEVER: as long as it takes) for something to do.
 * Returns 1: call again, 0: stopped, or -errno. */
int elko_host_step(struct elko_host *h, uint64_t max_wait_ns);

/* Begin an orderly stop, as SIGTERM does: on_stop is called from the loop, then the loop ends when
 * no connection is left (TIME-WAIT apart) or after grace_ns. The second call ends it at once. */
void elko_host_stop(struct elko_host *h);

bool elko_host_is_stopping(const struct elko_host *h);

/* ---- the application's descriptors ---- */

/* `events`: EPOLLIN, EPOLLOUT; what is ready, with EPOLLHUP and EPOLLERR, is given to the
 * callback. */
typedef void elko_host_fd_fn(void *ctx, int fd, uint32_t events);

/* Watch a descriptor, level-triggered. Regular files, which epoll refuses, are always ready. The
 * descriptor stays the caller's. Returns 0 or -errno (EEXIST, ENOMEM, EBADF). */
int elko_host_fd_add(struct elko_host *h, int fd, uint32_t events, elko_host_fd_fn *fn, void *ctx);

/* Change the events; 0: only errors and hang-ups. -ENOENT: not watched. */
int elko_host_fd_set(struct elko_host *h, int fd, uint32_t events);

/* Forget it; call it before closing the descriptor. No callback comes afterwards. */
int elko_host_fd_del(struct elko_host *h, int fd);

/* ---- the application's timers ---- */

/* Belongs to the caller and must stay in place while it is set. Zero it before the first use. */
struct elko_host_timer {
        void (*fn)(void *ctx, struct elko_host_timer *timer);
        void *ctx;
        uint64_t at;    /* set by elko_host_timer_set() */
        uint32_t place; /* private: 0 when not set */
};

/* Fire once at `at` (as elko_host_now()); moves a timer that is set already. 0 or -ENOMEM. */
int elko_host_timer_set(struct elko_host *h, struct elko_host_timer *timer, uint64_t at);

/* Does nothing when it is not set. */
void elko_host_timer_clear(struct elko_host *h, struct elko_host_timer *timer);

/* ---- figures ---- */

struct elko_host_stats {
        uint64_t iterations, waits; /* waits: iterations that went to sleep */
        uint64_t packets_in, frames_out;
        uint64_t frames_refused; /* a full device did not take them in time */
        uint64_t events, fd_calls, timer_calls;
};

const struct elko_host_stats *elko_host_stats_get(const struct elko_host *h);

#endif
