/* SPDX-License-Identifier: MIT */
#ifndef ELKO_HOST_BSD_H
#define ELKO_HOST_BSD_H

/*
 * Linux's sockets on an elko stack: the calls, their results and their errno, as tcp(7), socket(7) and ip(7) say.
 *
 * Theory: elko's calls (RFC 9293, 3.10.1 to 3.10.6) work on handles of connections and listeners, and never wait. A
 * Linux socket is one descriptor through its whole life: made, bound, configured, then a listener or a connection, and
 * after an error there is one more answer. This keeps that life. It waits for nothing either: who wants a blocking call
 * repeats it when elko_bsd_poll() says that it is worth it (elko_bsd_blocks() tells whether the application wants to
 * wait). So the same code serves scripts in virtual time, a plug-in with threads, and a program with real ones.
 *
 * Every function returns a result as the system call does, or -errno with Linux's numbers. Addresses are the system's
 * sockaddr_in and sockaddr_in6. A struct is for one thread, as the stack is. After every elko_input(), elko_output() and
 * elko_advance() call elko_bsd_update(), which takes the stack's events: nobody else may.
 */

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <elko/elko.h>

struct elko_bsd;

/* NULL: no memory. `st` is used, not owned, and must live as long. */
struct elko_bsd *elko_bsd_create(elko_stack *st);

/* Abort what is open. NULL is allowed. */
void elko_bsd_destroy(struct elko_bsd *b);

/* What a system sets for all of its sockets. */
struct elko_bsd_defaults {
        uint32_t notsent_lowat; /* tcp_notsent_lowat of Linux; 0: no limit */
        /* tcp_wmem of Linux, the second and third number: send buffers are counted as Linux does; 0: as elko does. */
        uint32_t wmem_first, wmem_most;
        uint32_t fastopen; /* tcp_fastopen of Linux: enum elko_bsd_fastopen */
};

/* Bits of Linux's sysctl tcp_fastopen. */
enum elko_bsd_fastopen {
        ELKO_BSD_FASTOPEN_CLIENT = 1,
        ELKO_BSD_FASTOPEN_SERVER = 2,
        ELKO_BSD_FASTOPEN_CLIENT_NO_COOKIE = 4, /* data without a cookie */
        ELKO_BSD_FASTOPEN_SERVER_NO_COOKIE = 0x200,
        ELKO_BSD_FASTOPEN_LISTENERS = 0x400, /* all of them, without the option TCP_FASTOPEN */
};

void elko_bsd_set_defaults(struct elko_bsd *b, const struct elko_bsd_defaults *d);

/* Count send buffers as Linux does, with the sizes that `config` has: those of `config` are made larger, since Linux
 * takes more than they say. Before the stack is created. */
void elko_bsd_linux_buffers(struct elko_config *config, struct elko_bsd_defaults *d);

/* What to add to the stack's clock to get the one that time stamps for programs are in. */
void elko_bsd_set_clock(struct elko_bsd *b, int64_t offset_ns);

/* Take the stack's events. */
void elko_bsd_update(struct elko_bsd *b);

/* A frame that elko_output() gave, of a link without Ethernet's header; before elko_bsd_update(). It is how SO_TIMESTAMPING
 * learns of what is sent again. Who does not call it gets the stamps of first transmissions alone. */
void elko_bsd_sent(struct elko_bsd *b, const struct elko_frame *frame);

/* ---- descriptors: small numbers of their own, from 0 ---- */

int elko_bsd_socket(struct elko_bsd *b, int domain, int type, int protocol);
int elko_bsd_bind(struct elko_bsd *b, int fd, const struct sockaddr *addr, socklen_t len);
int elko_bsd_listen(struct elko_bsd *b, int fd, int backlog);

/* -EAGAIN: nobody waits. `type` may hold SOCK_NONBLOCK. `addr` NULL: nobody asks. */
int elko_bsd_accept(struct elko_bsd *b, int fd, struct sockaddr *addr, socklen_t *len, int type);

/* -EINPROGRESS the first time, -EALREADY while it goes on, then once how it ended, as connect(2). */
int elko_bsd_connect(struct elko_bsd *b, int fd, const struct sockaddr *addr, socklen_t len);

/* Is there a connect(), or a send() with MSG_FASTOPEN, whose end is not known yet? */
bool elko_bsd_opens(struct elko_bsd *b, int fd);

/* How a blocking connect() ended: 0, its error, or -EALREADY while it goes on: wait for POLLOUT. */
int elko_bsd_connect_end(struct elko_bsd *b, int fd);

/* `buf` NULL with a length: -EFAULT. `flags`: MSG_*. -EAGAIN: now nothing, or no room. */
ssize_t elko_bsd_recv(struct elko_bsd *b, int fd, void *buf, size_t len, int flags);
ssize_t elko_bsd_send(struct elko_bsd *b, int fd, const void *buf, size_t len, int flags);

/* elko_bsd_send(): this call goes on with what the one before began, as one call of the program. */
enum { ELKO_BSD_MSG_CONT = 0x800000 };

/*
 * As recvmsg(2), with TCP_CM_INQ, and MSG_ERRQUEUE for the reports of MSG_ZEROCOPY and SO_TIMESTAMPING; and sendmsg(2).
 *
 * With MSG_FASTOPEN, or after a connect() with TCP_FASTOPEN_CONNECT, sending opens the connection (RFC 7413): the result is
 * how many bytes went with the SYN, or -EINPROGRESS. A call that waits does so until elko_bsd_opens() is false, fails as
 * elko_bsd_connect_end() tells, and goes on with what is left, without the flag.
 */
ssize_t elko_bsd_recvmsg(struct elko_bsd *b, int fd, struct msghdr *msg, int flags);
ssize_t elko_bsd_sendmsg(struct elko_bsd *b, int fd, const struct msghdr *msg, int flags);

/* The parts of a message behind its first `skip` bytes, `most` of them at most; returns how many. For callers that
 * repeat a call until all is done. */
size_t elko_bsd_iov_rest(const struct msghdr *msg, size_t skip, size_t most, struct iovec *out);

/* Linux puts no more parts than these into one segment when it does not copy (MSG_ZEROCOPY). */
enum { ELKO_BSD_ZEROCOPY_PARTS = 17 };

int elko_bsd_shutdown(struct elko_bsd *b, int fd, int how);
int elko_bsd_close(struct elko_bsd *b, int fd);

int elko_bsd_getsockopt(struct elko_bsd *b, int fd, int level, int name, void *value,
                        socklen_t *len);
int elko_bsd_setsockopt(struct elko_bsd *b, int fd, int level, int name, const void *value,
                        socklen_t len);
int elko_bsd_fcntl(struct elko_bsd *b, int fd, int cmd, int arg);
int elko_bsd_ioctl(struct elko_bsd *b, int fd, unsigned long request, int *arg);
int elko_bsd_getname(struct elko_bsd *b, int fd, bool peer, struct sockaddr *addr, socklen_t *len);

/* Which of POLLIN, POLLOUT, POLLERR, POLLHUP, POLLRDHUP, POLLPRI hold now; POLLNVAL: no such descriptor. */
unsigned elko_bsd_poll(struct elko_bsd *b, int fd);

/* Does the application want its calls on this descriptor to wait (no O_NONBLOCK)? */
bool elko_bsd_blocks(struct elko_bsd *b, int fd);

/* The connection or listener behind a descriptor; ELKO_SOCK_NONE: none (yet). */
elko_sock elko_bsd_handle(struct elko_bsd *b, int fd);

/* ---- pipes ---- */

/* fd[0] is to read from. elko_bsd_recv(), elko_bsd_send() and elko_bsd_close() serve them, too. */
int elko_bsd_pipe(struct elko_bsd *b, int fd[2]);
ssize_t elko_bsd_splice(struct elko_bsd *b, int in, int out, size_t len, unsigned flags);

/* ---- epoll ---- */

int elko_bsd_epoll_create(struct elko_bsd *b);
int elko_bsd_epoll_ctl(struct elko_bsd *b, int epfd, int op, int fd, struct epoll_event *ev);
int elko_bsd_epoll_wait(struct elko_bsd *b, int epfd, struct epoll_event *ev, int max);

#endif
