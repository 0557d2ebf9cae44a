/* SPDX-License-Identifier: MIT */
#ifndef DRILL_OS_H
#define DRILL_OS_H

/*
 * os.h - the system calls of a script: elko's (host/bsd.h), or this machine's kernel's (kernel.h). None ever waits, and
 * each gives a result or -errno; what they mean stands in host/bsd.h.
 */

#include "drill/world.h"
#include "host/bsd.h"

int drill_os_socket(struct drill_world *w, int domain, int type, int protocol);
int drill_os_bind(struct drill_world *w, int fd, const struct sockaddr *addr, socklen_t len);
int drill_os_listen(struct drill_world *w, int fd, int backlog);
int drill_os_accept(struct drill_world *w, int fd, struct sockaddr *addr, socklen_t *len, int type);
int drill_os_connect(struct drill_world *w, int fd, const struct sockaddr *addr, socklen_t len);
int drill_os_connect_end(struct drill_world *w, int fd);
/* elko_bsd_opens() */
bool drill_os_opens(struct drill_world *w, int fd);
ssize_t drill_os_recvmsg(struct drill_world *w, int fd, struct msghdr *msg, int flags);
ssize_t drill_os_sendmsg(struct drill_world *w, int fd, const struct msghdr *msg, int flags);
int drill_os_shutdown(struct drill_world *w, int fd, int how);
int drill_os_close(struct drill_world *w, int fd);
int drill_os_getsockopt(struct drill_world *w, int fd, int level, int name, void *value,
                        socklen_t *len);
int drill_os_setsockopt(struct drill_world *w, int fd, int level, int name, const void *value,
                        socklen_t len);
int drill_os_fcntl(struct drill_world *w, int fd, int cmd, int arg);
int drill_os_ioctl(struct drill_world *w, int fd, unsigned long request, int *arg);
unsigned drill_os_poll(struct drill_world *w, int fd);
bool drill_os_blocks(struct drill_world *w, int fd);
int drill_os_epoll_create(struct drill_world *w);
int drill_os_epoll_ctl(struct drill_world *w, int epfd, int op, int fd, struct epoll_event *ev);
int drill_os_epoll_wait(struct drill_world *w, int epfd, struct epoll_event *ev, int max);
int drill_os_pipe(struct drill_world *w, int fd[2]);
/* A file of zeros; with elko there is none, and the result is -1. */
int drill_os_file(struct drill_world *w, uint64_t bytes);
/* sendfile(2) of the kernel's. */
ssize_t drill_os_sendfile(struct drill_world *w, int out, int in, off_t *at, size_t len);
ssize_t drill_os_splice(struct drill_world *w, int in, int out, size_t len, unsigned flags);

#endif
