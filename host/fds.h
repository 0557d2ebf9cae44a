/* SPDX-License-Identifier: MIT */
#ifndef ELKO_HOST_FDS_H
#define ELKO_HOST_FDS_H

/*
 * The descriptors that a loop watches, and its way to sleep. For the loop's own use; applications
 * see elko_host_fd_add() in loop.h.
 */

#include <sys/epoll.h>

#include "host/loop.h"

struct elko_host_fd;

#define ELKO_HOST_FDS_READY 64 /* most descriptors handled in one round */

struct elko_host_fds {
        int epoll;
        bool no_pwait2;             /* the kernel is older than 5.11: milliseconds only */
        struct elko_host_fd *table; /* by descriptor number */
        uint32_t size;
        uint32_t always; /* watched files that epoll refuses: always ready */
        struct epoll_event ready[ELKO_HOST_FDS_READY];
        int ready_count;
};

/* 0 or -errno. */
int elko_host_fds_init(struct elko_host_fds *f);
void elko_host_fds_free(struct elko_host_fds *f);

/* As elko_host_fd_add(), _set(), _del(). */
int elko_host_fds_add(struct elko_host_fds *f, int fd, uint32_t events, elko_host_fd_fn *fn,
                      void *ctx);
int elko_host_fds_set(struct elko_host_fds *f, int fd, uint32_t events);
int elko_host_fds_del(struct elko_host_fds *f, int fd);

/* Sleep until something is ready or `wait_ns` are over (ELKO_NEVER: no limit), never shorter. 0 or
 * -errno; a signal is not an error. */
int elko_host_fds_wait(struct elko_host_fds *f, uint64_t wait_ns);

/* Call back for what the last wait found; returns how many calls were made. */
unsigned elko_host_fds_run(struct elko_host_fds *f);

#endif
