/* SPDX-License-Identifier: MIT */
/*
 * See os.h.
 */
#include "drill/os.h"
#include "drill/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

static long told(long r)
{
        return r < 0 ? -errno : r;
}

/* A new descriptor of the kernel's, which never waits; the script may think that it does. */
static int adopt(struct drill_world *w, int fd, bool non_block)
{
        if (fd < 0)
                return -errno;
        if (fd >= DRILL_KERNEL_FDS) {
                close(fd);
                return -EMFILE;
        }
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        w->kernel->non_block[fd] = non_block;
        return fd;
}

static bool is_kernel(const struct drill_world *w)
{
        return w->kernel != NULL;
}

int drill_os_socket(struct drill_world *w, int domain, int type, int protocol)
{
        if (is_kernel(w)) {
                int fd = adopt(w, socket(domain, type, protocol), (type & SOCK_NONBLOCK) != 0);

                if (fd >= 0)
                        drill_kernel_socket(fd);
                return fd;
        }
        return elko_bsd_socket(w->bsd, domain, type, protocol);
}

int drill_os_bind(struct drill_world *w, int fd, const struct sockaddr *addr, socklen_t len)
{
        return is_kernel(w) ? (int)told(bind(fd, addr, len)) : elko_bsd_bind(w->bsd, fd, addr, len);
}

int drill_os_listen(struct drill_world *w, int fd, int backlog)
{
        return is_kernel(w) ? (int)told(listen(fd, backlog)) : elko_bsd_listen(w->bsd, fd, backlog);
}

int drill_os_accept(struct drill_world *w, int fd, struct sockaddr *addr, socklen_t *len, int type)
{
        if (is_kernel(w))
                return adopt(w, accept4(fd, addr, len, type), (type & SOCK_NONBLOCK) != 0);
        return elko_bsd_accept(w->bsd, fd, addr, len, type);
}

int drill_os_connect(struct drill_world *w, int fd, const struct sockaddr *addr, socklen_t len)
{
        return is_kernel(w) ? (int)told(connect(fd, addr, len))
                            : elko_bsd_connect(w->bsd, fd, addr, len);
}

int drill_os_connect_end(struct drill_world *w, int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int error = 0;
        socklen_t len = sizeof(error);

        if (!is_kernel(w))
                return elko_bsd_connect_end(w->bsd, fd);
        if (poll(&p, 1, 0) == 0)
                return -EALREADY;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                return -errno;
        if (error != 0) /* a call that had waited would have left the socket new */
                connect(fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
        return -error;
}

bool drill_os_opens(struct drill_world *w, int fd)
{
        uint8_t state = 0; /* the first field of struct tcp_info */
        socklen_t len = sizeof(state);

        if (!is_kernel(w))
                return elko_bsd_opens(w->bsd, fd);
        return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &len) == 0 && state == TCP_SYN_SENT;
}

/* A blocking call of the kernel's waits for SO_RCVLOWAT; one that does not wait takes what there is. */
static bool kernel_waits(struct drill_world *w, int fd, int flags)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char byte;

        /* What waits for nothing, because it is an error, is one at once. */
        return drill_os_blocks(w, fd) && !(flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) &&
               poll(&p, 1, 0) == 0 &&
               (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno == EAGAIN);
}

ssize_t drill_os_recvmsg(struct drill_world *w, int fd, struct msghdr *msg, int flags)
{
        ssize_t r;

        if (!is_kernel(w))
                return elko_bsd_recvmsg(w->bsd, fd, msg, flags);
        if (kernel_waits(w, fd, flags))
                return -EAGAIN;
        r = recvmsg(fd, msg, flags);
        if (r < 0 && errno == ENOTSOCK) /* a pipe */
                r = readv(fd, msg->msg_iov, (int)msg->msg_iovlen);
        return told(r);
}

ssize_t drill_os_sendmsg(struct drill_world *w, int fd, const struct msghdr *msg, int flags)
{
        ssize_t r;

        if (!is_kernel(w))
                return elko_bsd_sendmsg(w->bsd, fd, msg, flags);
        flags &= ~ELKO_BSD_MSG_CONT;
        r = sendmsg(fd, msg, flags | MSG_NOSIGNAL);
        if (r < 0 && errno == ENOTSOCK)
                r = writev(fd, msg->msg_iov, (int)msg->msg_iovlen);
        return told(r);
}

int drill_os_shutdown(struct drill_world *w, int fd, int how)
{
        return is_kernel(w) ? (int)told(shutdown(fd, how)) : elko_bsd_shutdown(w->bsd, fd, how);
}

int drill_os_close(struct drill_world *w, int fd)
{
        return is_kernel(w) ? (int)told(close(fd)) : elko_bsd_close(w->bsd, fd);
}

int drill_os_getsockopt(struct drill_world *w, int fd, int level, int name, void *value,
                        socklen_t *len)
{
        return is_kernel(w) ? (int)told(getsockopt(fd, level, name, value, len))
                            : elko_bsd_getsockopt(w->bsd, fd, level, name, value, len);
}

int drill_os_setsockopt(struct drill_world *w, int fd, int level, int name, const void *value,
                        socklen_t len)
{
        return is_kernel(w) ? (int)told(setsockopt(fd, level, name, value, len))
                            : elko_bsd_setsockopt(w->bsd, fd, level, name, value, len);
}

int drill_os_fcntl(struct drill_world *w, int fd, int cmd, int arg)
{
        int r;

        if (!is_kernel(w))
                return elko_bsd_fcntl(w->bsd, fd, cmd, arg);
        if (fd < 0 || fd >= DRILL_KERNEL_FDS)
                return -EBADF;
        r = fcntl(fd, cmd, cmd == F_SETFL ? arg | O_NONBLOCK : arg);
        if (r >= 0 && cmd == F_SETFL)
                w->kernel->non_block[fd] = (arg & O_NONBLOCK) != 0;
        if (r >= 0 && cmd == F_GETFL && !w->kernel->non_block[fd])
                r &= ~O_NONBLOCK;
        return (int)told(r);
}

int drill_os_ioctl(struct drill_world *w, int fd, unsigned long request, int *arg)
{
        if (!is_kernel(w))
                return elko_bsd_ioctl(w->bsd, fd, request, arg);
        if (request == FIONBIO && arg != NULL && fd >= 0 && fd < DRILL_KERNEL_FDS) {
                w->kernel->non_block[fd] = *arg != 0;
                return 0;
        }
        return (int)told(ioctl(fd, request, arg));
}

unsigned drill_os_poll(struct drill_world *w, int fd)
{
        struct pollfd p = {.fd = fd,
                           .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM |
                                     POLLWRNORM | POLLRDBAND};

        if (!is_kernel(w))
                return elko_bsd_poll(w->bsd, fd);
        return poll(&p, 1, 0) > 0 ? (unsigned)(unsigned short)p.revents : 0;
}

bool drill_os_blocks(struct drill_world *w, int fd)
{
        if (!is_kernel(w))
                return elko_bsd_blocks(w->bsd, fd);
        return fd >= 0 && fd < DRILL_KERNEL_FDS && !w->kernel->non_block[fd];
}

int drill_os_epoll_create(struct drill_world *w)
{
        return is_kernel(w) ? adopt(w, epoll_create(1), true) : elko_bsd_epoll_create(w->bsd);
}

int drill_os_epoll_ctl(struct drill_world *w, int epfd, int op, int fd, struct epoll_event *ev)
{
        return is_kernel(w) ? (int)told(epoll_ctl(epfd, op, fd, ev))
                            : elko_bsd_epoll_ctl(w->bsd, epfd, op, fd, ev);
}

int drill_os_epoll_wait(struct drill_world *w, int epfd, struct epoll_event *ev, int max)
{
        return is_kernel(w) ? (int)told(epoll_wait(epfd, ev, max, 0))
                            : elko_bsd_epoll_wait(w->bsd, epfd, ev, max);
}

int drill_os_pipe(struct drill_world *w, int fd[2])
{
        if (!is_kernel(w))
                return elko_bsd_pipe(w->bsd, fd);
        if (pipe(fd) < 0 || adopt(w, fd[0], false) < 0)
                return -errno;
        return adopt(w, fd[1], false) < 0 ? -errno : 0;
}

ssize_t drill_os_splice(struct drill_world *w, int in, int out, size_t len, unsigned flags)
{
        return is_kernel(w) ? told(splice(in, NULL, out, NULL, len, flags))
                            : elko_bsd_splice(w->bsd, in, out, len, flags);
}

int drill_os_file(struct drill_world *w, uint64_t bytes)
{
        int fd;

        if (!is_kernel(w))
                return -1;
        fd = adopt(w, memfd_create("drill", MFD_CLOEXEC), false);
        if (fd >= 0 && ftruncate(fd, (off_t)bytes) < 0)
                return -errno;
        return fd;
}

ssize_t drill_os_sendfile(struct drill_world *w, int out, int in, off_t *at, size_t len)
{
        return is_kernel(w) ? told(sendfile(out, in, at, len)) : -EBADF;
}
