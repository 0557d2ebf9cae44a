/* SPDX-License-Identifier: MIT */
/*
 * The table that the packetdrill program calls: plugin.h tells what it is about.
 *
 * The layout is the program's, with no version and no size, so it is checked here against the offsets of an LP64
 * system. Each function means what the system call of its name means (man pages, section 2), and sets errno.
 */
#include "drill/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

struct packetdrill_table {
        void *userdata;
        void (*free)(void *);
        int (*socket)(void *, int, int, int);
        int (*bind)(void *, int, const struct sockaddr *, socklen_t);
        int (*listen)(void *, int, int);
        int (*accept)(void *, int, struct sockaddr *, socklen_t *);
        int (*connect)(void *, int, const struct sockaddr *, socklen_t);
        ssize_t (*read)(void *, int, void *, size_t);
        ssize_t (*readv)(void *, int, const struct iovec *, int);
        ssize_t (*recv)(void *, int, void *, size_t, int);
        ssize_t (*recvfrom)(void *, int, void *, size_t, int, struct sockaddr *, socklen_t *);
        ssize_t (*recvmsg)(void *, int, struct msghdr *, int);
        ssize_t (*write)(void *, int, const void *, size_t);
        ssize_t (*writev)(void *, int, const struct iovec *, int);
        ssize_t (*send)(void *, int, const void *, size_t, int);
        ssize_t (*sendto)(void *, int, const void *, size_t, int, const struct sockaddr *,
                          socklen_t);
        ssize_t (*sendmsg)(void *, int, const struct msghdr *, int);
        int (*fcntl)(void *, int, int, ...);
        int (*ioctl)(void *, int, unsigned long, ...);
        int (*close)(void *, int);
        int (*shutdown)(void *, int, int);
        int (*getsockopt)(void *, int, int, int, void *, socklen_t *);
        int (*setsockopt)(void *, int, int, int, const void *, socklen_t);
        int (*poll)(void *, struct pollfd *, nfds_t, int);
        int (*netdev_send)(void *, const void *, size_t);
        int (*netdev_receive)(void *, void *, size_t *, long long *);
        int (*usleep)(void *, useconds_t);
        int (*gettimeofday)(void *, struct timeval *, struct timezone *);
        int (*epoll_create)(void *, int);
        int (*epoll_ctl)(void *, int, int, int, struct epoll_event *);
        int (*epoll_wait)(void *, int, struct epoll_event *, int, int);
        int (*pipe)(void *, int[2]);
        int (*splice)(void *, int, loff_t *, int, loff_t *, size_t, unsigned);
};

_Static_assert(offsetof(struct packetdrill_table, splice) == 32 * sizeof(void *), "33 members");

/* When a packet is asked for and none comes in a day, none will. */
#define PATIENCE ELKO_SEC(86400)

enum { SENDFILE_MOST = 64 << 20 }; /* of one call; it may take less than it was asked for */

struct plug plug;

static void enter(void)
{
        pthread_mutex_lock(&plug.lock);
}

/* Everything that came of the call is taken, then its result is told as the system does. */
static long leave(long r)
{
        plug_settle();
        pthread_mutex_unlock(&plug.lock);
        if (r >= 0)
                return r;
        errno = (int)-r;
        return -1;
}

/* What the system says now, as the stack and its sockets have it. */
static void settings(struct elko_config *stack, struct elko_bsd_defaults *sockets)
{
        plug_take_sysctls(&plug.config);
        *stack = plug.config.stack;
        *sockets = plug.config.sockets;
        if (plug.config.linux_buffers)
                elko_bsd_linux_buffers(stack, sockets);
}

/* Scripts change the system's settings while they run, past us: they are looked at with each new socket. */
static void look_at_sysctls(void)
{
        struct elko_bsd_defaults sockets;
        struct elko_config stack;

        settings(&stack, &sockets);
        if (memcmp(&stack, &plug.used, sizeof(stack)) != 0) {
                if (elko_stack_change(plug.st, &stack) != ELKO_OK)
                        fprintf(stderr,
                                "libelko-packetdrill: a sysctl was changed too late: handshakes "
                                "are under way that have announced what it was before\n");
                else
                        plug.used = stack;
        }
        elko_bsd_set_defaults(plug.b, &sockets);
}

/* elko_bsd's number, or -EBADF, which every call of it then answers. */
static int ours(int fd)
{
        return plug.b != NULL ? plug_fd_bsd(fd) : -1;
}

/* ---- the stack ---- */

static void die(const char *what, const char *why)
{
        fprintf(stderr, "libelko-packetdrill: %s: %s\n", what, why);
        exit(1);
}

static elko_link add_link(const char *name, uint16_t mtu, const char *cidr, const char *all)
{
        struct elko_link_config config = {.medium = ELKO_MEDIUM_IP, .mtu = mtu};
        int link;

        snprintf(config.name, sizeof(config.name), "%s", name);
        link = elko_link_attach(plug.st, &config);
        if (link < 0)
                die(name, "no memory");
        if (elko_addr_add(plug.st, (elko_link)link, cidr) != ELKO_OK)
                die(cidr, "not an address with prefix, such as 192.168.0.1/16: see --so_flags");
        elko_route_add(plug.st, all, (elko_link)link, NULL);
        return (elko_link)link;
}

static void make_stack(void)
{
        const size_t bytes = (size_t)256 << 20;
        const char *why = "no memory";
        struct elko_bsd_defaults sockets;

        settings(&plug.used, &sockets);
        plug.region = malloc(bytes);
        if (plug.region != NULL)
                plug.st = elko_stack_create(plug.region, bytes, &plug.used, plug.now, &why);
        plug.b = plug.st != NULL ? elko_bsd_create(plug.st) : NULL;
        if (plug.b == NULL)
                die("stack", why);
        elko_bsd_set_defaults(plug.b, &sockets);
        elko_bsd_set_clock(plug.b, (int64_t)ELKO_SEC(PLUG_EPOCH_S - PLUG_START_S));
        plug.link4 = add_link("ipv4", plug.config.mtu4, plug.config.local4, "0.0.0.0/0");
        plug.link6 = add_link("ipv6", plug.config.mtu6, plug.config.local6, "::/0");
}

static void drop_stack(void)
{
        while (plug.first != NULL) {
                struct plug_packet *p = plug.first;

                plug.first = p->next;
                free(p);
        }
        plug.last = &plug.first;
        plug_fd_free_all();
        elko_bsd_destroy(plug.b);
        elko_stack_destroy(plug.st);
        free(plug.region);
        plug.b = NULL;
        plug.st = NULL;
        plug.region = NULL;
}

/* ---- sockets ---- */

static int publish(int bsd_fd)
{
        int fd;

        if (bsd_fd < 0)
                return bsd_fd;
        fd = plug_fd_new(bsd_fd);
        if (fd < 0)
                elko_bsd_close(plug.b, bsd_fd);
        return fd;
}

static int slot_socket(void *u, int domain, int type, int protocol)
{
        (void)u;
        enter();
        if (plug.st == NULL)
                make_stack();
        else
                look_at_sysctls();
        return (int)leave(publish(elko_bsd_socket(plug.b, domain, type, protocol)));
}

static int slot_bind(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
        (void)u;
        enter();
        return (int)leave(plug.b == NULL ? -EBADF : elko_bsd_bind(plug.b, ours(fd), addr, len));
}

static int slot_listen(void *u, int fd, int backlog)
{
        (void)u;
        enter();
        return (int)leave(plug.b == NULL ? -EBADF : elko_bsd_listen(plug.b, ours(fd), backlog));
}

/* Sleep until the descriptor (elko_bsd's) is ready for `events`. */
static int sleep_for(int fd, short events)
{
        struct pollfd one = {.fd = fd, .events = events};
        int r = plug_wait(&one, 1, ELKO_NEVER);

        return r < 0 ? r : 0;
}

static bool waits(int fd, int flags)
{
        return !(flags & MSG_DONTWAIT) && elko_bsd_blocks(plug.b, fd);
}

static int slot_accept(void *u, int fd, struct sockaddr *addr, socklen_t *len)
{
        int r, b = ours(fd);

        (void)u;
        if (b < 0) {
                errno = EBADF;
                return -1;
        }
        enter();
        while ((r = elko_bsd_accept(plug.b, b, addr, len, 0)) == -EAGAIN && waits(b, 0))
                if ((r = sleep_for(b, POLLIN)) < 0)
                        break;
        return (int)leave(publish(r));
}

static int finish_connect(int b)
{
        int r = sleep_for(b, POLLOUT);

        return r < 0 ? r : elko_bsd_connect_end(plug.b, b);
}

static int slot_connect(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
        int r, b = ours(fd);

        (void)u;
        if (b < 0) {
                errno = EBADF;
                return -1;
        }
        enter();
        r = elko_bsd_connect(plug.b, b, addr, len);
        plug_settle();
        if (r == -EINPROGRESS && waits(b, 0))
                r = finish_connect(b);
        return (int)leave(r);
}

/* The parts of a message that one call takes: what is left of it, in at most so many parts. */
struct rest {
        struct msghdr msg;
        struct iovec *iov; /* to be freed; NULL: no memory */
};

static struct rest rest_of(const struct msghdr *m, size_t done, size_t most)
{
        struct rest r = {.msg = *m, .iov = calloc(m->msg_iovlen + 1, sizeof(*r.iov))};

        if (r.iov != NULL) {
                r.msg.msg_iov = r.iov;
                r.msg.msg_iovlen = elko_bsd_iov_rest(m, done, most, r.iov);
        }
        return r;
}

static size_t length_of(const struct msghdr *m)
{
        size_t n = 0;

        for (size_t i = 0; i < m->msg_iovlen; i++)
                n += m->msg_iov[i].iov_len;
        return n;
}

/* One attempt; what it tells besides is told in *m. */
static ssize_t recv_once(int b, struct msghdr *m, size_t done, int flags)
{
        struct rest rest = rest_of(m, done, m->msg_iovlen);
        ssize_t r;

        if (rest.iov == NULL)
                return -ENOMEM;
        r = elko_bsd_recvmsg(plug.b, b, &rest.msg, flags);
        free(rest.iov);
        if (r < 0 && done == 0)
                return r;
        if (r >= 0) {
                m->msg_flags = rest.msg.msg_flags;
                m->msg_namelen = rest.msg.msg_namelen;
                m->msg_controllen = rest.msg.msg_controllen;
        }
        return r;
}

/* Sleep until there are as many bytes as a blocking receiver wants at least. */
static int sleep_for_bytes(int b, size_t len)
{
        struct pollfd one = {.fd = b, .events = POLLIN};
        int least = 1, r;
        socklen_t size = sizeof(least);

        elko_bsd_getsockopt(plug.b, b, SOL_SOCKET, SO_RCVLOWAT, &least, &size);
        r = plug_wait_bytes(&one, least > 0 && (size_t)least < len ? (size_t)least : len);
        return r < 0 ? r : 0;
}

static ssize_t do_recv(int fd, struct msghdr *m, int flags)
{
        int b = ours(fd);
        size_t got = 0, len = length_of(m), room = m->msg_controllen;
        ssize_t r;

        if (b < 0)
                return -EBADF;
        for (;;) {
                m->msg_controllen = room;
                r = recv_once(b, m, got, flags);
                if (r > 0)
                        got += (size_t)r;
                if (got == len || r == 0 || (r < 0 && r != -EAGAIN) ||
                    (got > 0 && !(flags & MSG_WAITALL)))
                        break;
                plug_settle(); /* what was read may move the window */
                if (!waits(b, flags) || (flags & (MSG_ERRQUEUE | MSG_OOB)))
                        break;
                if ((r = sleep_for_bytes(b, len - got)) < 0)
                        break;
        }
        return got > 0 ? (ssize_t)got : r;
}

static ssize_t send_once(int b, const struct msghdr *m, size_t done, int flags)
{
        size_t most = flags & MSG_ZEROCOPY ? ELKO_BSD_ZEROCOPY_PARTS : m->msg_iovlen;
        struct rest rest = rest_of(m, done, most);
        ssize_t r;

        if (rest.iov == NULL)
                return -ENOMEM;
        r = elko_bsd_sendmsg(plug.b, b, &rest.msg, flags | (done > 0 ? ELKO_BSD_MSG_CONT : 0));
        free(rest.iov);
        return r;
}

/* Sending began a connection (MSG_FASTOPEN): a call that waits does so until it is known what became of it. */
static int wait_for_open(int b)
{
        int r = 0;

        while (r == 0 && elko_bsd_opens(plug.b, b))
                r = sleep_for(b, POLLOUT);
        return r < 0 ? r : elko_bsd_connect_end(plug.b, b);
}

static ssize_t do_send(int fd, const struct msghdr *m, int flags)
{
        int b = ours(fd);
        size_t put = 0, len = length_of(m);
        ssize_t r;

        if (b < 0)
                return -EBADF;
        flags &= ~ELKO_BSD_MSG_CONT;
        for (;;) {
                bool began;

                r = send_once(b, m, put, flags);
                if (r > 0)
                        put += (size_t)r;
                began = r == -EINPROGRESS || (r > 0 && elko_bsd_opens(plug.b, b));
                plug_settle();
                flags &= ~MSG_FASTOPEN;
                if (began && waits(b, flags)) {
                        int e = wait_for_open(b);

                        if (e < 0)
                                return e;
                        r = -EAGAIN;
                        if (put < len)
                                continue;
                }
                if (r > 0 && put < len)
                        continue;
                if (put == len || (r < 0 && r != -EAGAIN) || !waits(b, flags))
                        break;
                if ((r = sleep_for(b, POLLOUT)) < 0)
                        break;
        }
        return put > 0 ? (ssize_t)put : r;
}

/* ---- the many forms of receiving and sending ---- */

static ssize_t slot_recvmsg(void *u, int fd, struct msghdr *msg, int flags)
{
        (void)u;
        enter();
        return leave(do_recv(fd, msg, flags));
}

static ssize_t recv_iov(void *u, int fd, const struct iovec *iov, int n, int flags)
{
        struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                           .msg_iovlen = n > 0 ? (size_t)n : 0};

        return slot_recvmsg(u, fd, &m, flags);
}

static ssize_t slot_readv(void *u, int fd, const struct iovec *iov, int n)
{
        return recv_iov(u, fd, iov, n, 0);
}

static ssize_t slot_recv(void *u, int fd, void *buf, size_t len, int flags)
{
        struct iovec one = {buf, len};

        return recv_iov(u, fd, &one, 1, flags);
}

static ssize_t slot_read(void *u, int fd, void *buf, size_t len)
{
        return slot_recv(u, fd, buf, len, 0);
}

static ssize_t slot_recvfrom(void *u, int fd, void *buf, size_t len, int flags,
                             struct sockaddr *addr, socklen_t *addr_len)
{
        (void)addr;
        if (addr_len != NULL)
                *addr_len = 0; /* a connection's address is not told (recv(2)) */
        return slot_recv(u, fd, buf, len, flags);
}

static ssize_t slot_sendmsg(void *u, int fd, const struct msghdr *msg, int flags)
{
        (void)u;
        enter();
        return leave(do_send(fd, msg, flags));
}

static ssize_t send_iov(void *u, int fd, const struct iovec *iov, int n, int flags)
{
        struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                           .msg_iovlen = n > 0 ? (size_t)n : 0};

        return slot_sendmsg(u, fd, &m, flags);
}

static ssize_t slot_writev(void *u, int fd, const struct iovec *iov, int n)
{
        return send_iov(u, fd, iov, n, 0);
}

static ssize_t slot_send(void *u, int fd, const void *buf, size_t len, int flags)
{
        struct iovec one = {(void *)(uintptr_t)buf, len};

        return send_iov(u, fd, &one, 1, flags);
}

static ssize_t slot_write(void *u, int fd, const void *buf, size_t len)
{
        return slot_send(u, fd, buf, len, 0);
}

static ssize_t slot_sendto(void *u, int fd, const void *buf, size_t len, int flags,
                           const struct sockaddr *addr, socklen_t addr_len)
{
        struct iovec one = {(void *)(uintptr_t)buf, len};
        struct msghdr m = {.msg_name = (void *)(uintptr_t)addr,
                           .msg_namelen = addr_len,
                           .msg_iov = &one,
                           .msg_iovlen = 1};

        /* Where there is a connection it is ignored. */
        return slot_sendmsg(u, fd, &m, flags);
}

/* sendfile(2): a file of the system's, to one of ours. What can't be sent yet is not taken from it. */
ssize_t plug_sendfile(int out, int in, off_t *at, size_t len)
{
        off_t from = at != NULL ? *at : lseek(in, 0, SEEK_CUR);
        size_t most = len < SENDFILE_MOST ? len : SENDFILE_MOST;
        uint8_t *buf = malloc(most > 0 ? most : 1);
        ssize_t n;

        if (buf == NULL) {
                errno = ENOMEM;
                return -1;
        }
        n = from < 0 ? -1 : pread(in, buf, most, from);
        if (n > 0)
                n = slot_send(NULL, out, buf, (size_t)n, 0);
        free(buf);
        if (n > 0 && at != NULL)
                *at = from + n;
        else if (n > 0)
                lseek(in, from + n, SEEK_SET);
        return n;
}

/* ---- state and options ---- */

static int slot_fcntl(void *u, int fd, int cmd, ...)
{
        va_list args;
        int arg;

        (void)u;
        va_start(args, cmd);
        arg = cmd == F_SETFL || cmd == F_SETFD ? va_arg(args, int) : 0;
        va_end(args);
        enter();
        return (int)leave(plug.b == NULL ? -EBADF : elko_bsd_fcntl(plug.b, ours(fd), cmd, arg));
}

static int slot_ioctl(void *u, int fd, unsigned long request, ...)
{
        va_list args;
        int *arg;

        (void)u;
        va_start(args, request);
        arg = va_arg(args, int *);
        va_end(args);
        enter();
        return (int)leave(plug.b == NULL ? -EBADF : elko_bsd_ioctl(plug.b, ours(fd), request, arg));
}

int plug_close(int fd)
{
        int r, b = ours(fd);

        if (b < 0) {
                errno = EBADF;
                return -1;
        }
        enter();
        r = elko_bsd_close(plug.b, b);
        plug_fd_free(fd);
        return (int)leave(r);
}

static int slot_close(void *u, int fd)
{
        (void)u;
        return plug_close(fd);
}

static int slot_shutdown(void *u, int fd, int how)
{
        (void)u;
        enter();
        return (int)leave(plug.b == NULL ? -EBADF : elko_bsd_shutdown(plug.b, ours(fd), how));
}

int plug_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
        enter();
        return (int)leave(plug.b == NULL
                                  ? -EBADF
                                  : elko_bsd_getsockopt(plug.b, ours(fd), level, name, value, len));
}

static int slot_getsockopt(void *u, int fd, int level, int name, void *value, socklen_t *len)
{
        (void)u;
        return plug_getsockopt(fd, level, name, value, len);
}

static int slot_setsockopt(void *u, int fd, int level, int name, const void *value, socklen_t len)
{
        (void)u;
        enter();
        return (int)leave(plug.b == NULL
                                  ? -EBADF
                                  : elko_bsd_setsockopt(plug.b, ours(fd), level, name, value, len));
}

/* ---- readiness ---- */

static uint64_t until(int timeout_ms)
{
        return timeout_ms < 0 ? ELKO_NEVER : plug.now + ELKO_MS((uint64_t)timeout_ms);
}

static int slot_poll(void *u, struct pollfd *fds, nfds_t n, int timeout_ms)
{
        struct pollfd *own = calloc(n > 0 ? n : 1, sizeof(*own));
        int r;

        (void)u;
        if (own == NULL) {
                errno = ENOMEM;
                return -1;
        }
        enter();
        for (nfds_t i = 0; i < n; i++) {
                int b = ours(fds[i].fd);

                /* A number of nobody's has POLLNVAL; one below 0 is skipped (poll(2)). */
                own[i] = (struct pollfd){.fd = fds[i].fd < 0 ? -1
                                               : b >= 0      ? b
                                                             : INT32_MAX,
                                         .events = fds[i].events};
        }
        if (plug.b == NULL)
                make_stack();
        r = plug_wait(own, n, until(timeout_ms));
        for (nfds_t i = 0; i < n; i++)
                fds[i].revents = own[i].revents;
        free(own);
        return (int)leave(r);
}

static int slot_epoll_create(void *u, int size)
{
        (void)u;
        if (size <= 0) {
                errno = EINVAL;
                return -1;
        }
        enter();
        if (plug.b == NULL)
                make_stack();
        return (int)leave(publish(elko_bsd_epoll_create(plug.b)));
}

static int slot_epoll_ctl(void *u, int epfd, int op, int fd, struct epoll_event *ev)
{
        int r;

        (void)u;
        enter();
        if (plug.b == NULL || ours(epfd) < 0 || fcntl(fd, F_GETFD) < 0)
                r = -EBADF;
        else if (ours(fd) < 0)
                r = -EPERM;
        else
                r = elko_bsd_epoll_ctl(plug.b, ours(epfd), op, ours(fd), ev);
        return (int)leave(r);
}

static int slot_epoll_wait(void *u, int epfd, struct epoll_event *ev, int max, int timeout_ms)
{
        struct pollfd one = {.fd = ours(epfd), .events = POLLIN};
        uint64_t end;
        int r;

        (void)u;
        if (one.fd < 0 || max <= 0) {
                errno = one.fd < 0 ? EBADF : EINVAL;
                return -1;
        }
        enter();
        end = until(timeout_ms);
        while ((r = elko_bsd_epoll_wait(plug.b, one.fd, ev, max)) == 0 && plug.now < end)
                if ((r = plug_wait(&one, 1, end)) < 0)
                        break;
        return (int)leave(r);
}

/* ---- pipes ---- */

static int slot_pipe(void *u, int fds[2])
{
        int own[2], r;

        (void)u;
        enter();
        if (plug.b == NULL)
                make_stack();
        r = elko_bsd_pipe(plug.b, own);
        for (int i = 0; i < 2 && r >= 0; i++) {
                r = publish(own[i]);
                fds[i] = r;
        }
        return (int)leave(r < 0 ? r : 0);
}

/* The program passes the address of an offset of 0 for "none", and can't have the call wait. */
static int slot_splice(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t len,
                       unsigned flags)
{
        long r;

        (void)u;
        enter();
        if (ours(in) < 0 || ours(out) < 0)
                r = -EBADF;
        else if ((off_in != NULL && *off_in != 0) || (off_out != NULL && *off_out != 0))
                r = -ESPIPE;
        else
                r = elko_bsd_splice(plug.b, ours(in), ours(out), len, flags);
        return (int)leave(r);
}

/* ---- packets and the clock ---- */

static int slot_netdev_send(void *u, const void *packet, size_t len)
{
        struct elko_packet p = {.data = packet, .len = (uint32_t)len};

        (void)u;
        enter();
        if (plug.st != NULL && len > 0) {
                elko_input(plug.st, p.data[0] >> 4 == 6 ? plug.link6 : plug.link4, &p, 1, plug.now);
                elko_bsd_update(plug.b); /* before what the packet makes leave */
        }
        return (int)leave(0);
}

/* An answer of 0 bytes fails the test; an error would be asked again for ever. */
static int slot_netdev_receive(void *u, void *buf, size_t *len, long long *usecs)
{
        struct plug_packet *p;

        (void)u;
        enter();
        plug_wait_paid();
        plug_move(plug.now + PATIENCE, true);
        p = plug.first;
        if (p == NULL || p->len > *len) {
                *len = 0;
                *usecs = (long long)plug_usecs(plug.now);
                return (int)leave(0);
        }
        memcpy(buf, p->data, p->len);
        *len = p->len;
        *usecs = (long long)plug_usecs(p->at);
        plug.first = p->next;
        if (plug.first == NULL)
                plug.last = &plug.first;
        free(p);
        return (int)leave(0);
}

static int slot_usleep(void *u, useconds_t usecs)
{
        (void)u;
        enter();
        plug_wait_paid();
        plug_move(plug.now + (uint64_t)usecs * 1000, false);
        return (int)leave(0);
}

static int slot_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
        uint64_t now;

        (void)u;
        (void)tz;
        enter();
        plug_wait_paid();
        now = plug_usecs(plug.now);
        if (plug.owes) {
                plug.owes = false;
                pthread_cond_broadcast(&plug.changed);
        } else {
                plug_move(plug.now + 1000, false);
        }
        tv->tv_sec = (time_t)(now / 1000000);
        tv->tv_usec = (suseconds_t)(now % 1000000);
        return (int)leave(0);
}

/* ---- begin and end ---- */

static void slot_free(void *u)
{
        (void)u;
        enter();
        drop_stack();
        leave(0);
}

static const struct packetdrill_table table = {
        .free = slot_free,
        .socket = slot_socket,
        .bind = slot_bind,
        .listen = slot_listen,
        .accept = slot_accept,
        .connect = slot_connect,
        .read = slot_read,
        .readv = slot_readv,
        .recv = slot_recv,
        .recvfrom = slot_recvfrom,
        .recvmsg = slot_recvmsg,
        .write = slot_write,
        .writev = slot_writev,
        .send = slot_send,
        .sendto = slot_sendto,
        .sendmsg = slot_sendmsg,
        .fcntl = slot_fcntl,
        .ioctl = slot_ioctl,
        .close = slot_close,
        .shutdown = slot_shutdown,
        .getsockopt = slot_getsockopt,
        .setsockopt = slot_setsockopt,
        .poll = slot_poll,
        .netdev_send = slot_netdev_send,
        .netdev_receive = slot_netdev_receive,
        .usleep = slot_usleep,
        .gettimeofday = slot_gettimeofday,
        .epoll_create = slot_epoll_create,
        .epoll_ctl = slot_epoll_ctl,
        .epoll_wait = slot_epoll_wait,
        .pipe = slot_pipe,
        .splice = slot_splice,
};

/* The one name that the program looks up. `flags` is the text of --so_flags, or NULL. */
EXPORT void packetdrill_interface_init(const char *flags, struct packetdrill_table *out);

void packetdrill_interface_init(const char *flags, struct packetdrill_table *out)
{
        static bool again;

        if (!again) {
                pthread_mutex_init(&plug.lock, NULL);
                pthread_cond_init(&plug.changed, NULL);
                plug.last = &plug.first;
        } else {
                drop_stack();
        }
        again = true;
        plug.main = pthread_self();
        plug.now = ELKO_SEC(PLUG_START_S);
        plug.owes = false;
        plug.waiter = NULL;
        if (!plug_read_flags(&plug.config, flags))
                exit(1);
        plug_note_sysctls(&plug.config);
        *out = table;
        out->userdata = &plug;
}
