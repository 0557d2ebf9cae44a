/* SPDX-License-Identifier: MIT */
/*
 * recvmsg(), sendmsg(), pipe() and splice() on the descriptors of bsd.h: data in several parts, with control messages
 * (tcp(7), cmsg(3)), and data that goes from a socket into a pipe or back (splice(2)).
 */
#include "host/bsd_priv.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* ---- parts ---- */

size_t elko_bsd_iov_rest(const struct msghdr *msg, size_t skip, size_t most, struct iovec *out)
{
        size_t n = 0;

        for (size_t i = 0; i < msg->msg_iovlen && n < most; i++) {
                const struct iovec *v = &msg->msg_iov[i];

                if (skip > 0 && skip >= v->iov_len) {
                        skip -= v->iov_len;
                        continue;
                }
                out[n].iov_base = v->iov_base == NULL ? NULL : (uint8_t *)v->iov_base + skip;
                out[n++].iov_len = v->iov_len - skip;
                skip = 0;
        }
        return n;
}

static size_t length(const struct msghdr *msg)
{
        size_t n = 0;

        for (size_t i = 0; i < msg->msg_iovlen; i++)
                n += msg->msg_iov[i].iov_len;
        return n;
}

/* ---- recvmsg ---- */

static void scatter(const struct msghdr *msg, const uint8_t *from, size_t len)
{
        for (size_t i = 0; i < msg->msg_iovlen && len > 0; i++) {
                size_t n = msg->msg_iov[i].iov_len < len ? msg->msg_iov[i].iov_len : len;

                memcpy(msg->msg_iov[i].iov_base, from, n);
                from += n;
                len -= n;
        }
}

static ssize_t recv_parts(struct elko_bsd *b, int fd, const struct msghdr *msg, int flags)
{
        size_t len = length(msg);
        uint8_t *all;
        ssize_t r;

        if (msg->msg_iovlen == 1)
                return elko_bsd_recv(b, fd, msg->msg_iov[0].iov_base, len, flags);
        for (size_t i = 0; i < msg->msg_iovlen; i++)
                if (msg->msg_iov[i].iov_base == NULL && msg->msg_iov[i].iov_len > 0)
                        return elko_bsd_recv(b, fd, NULL, len, flags);
        all = malloc(len > 0 ? len : 1);
        if (all == NULL)
                return -ENOMEM;
        r = elko_bsd_recv(b, fd, all, len, flags);
        if (r > 0)
                scatter(msg, all, (size_t)r);
        free(all);
        return r;
}

/* What TCP_INQ tells: bytes left to read, and one more for the end of the stream, so that a program reads on. */
static int bytes_left(struct elko_bsd *b, const struct bsd_sock *s)
{
        int64_t n = bsd_ready(b, s);

        return (n > 0 ? (int)n : 0) + s->eof;
}

ssize_t elko_bsd_recvmsg(struct elko_bsd *b, int fd, struct msghdr *msg, int flags)
{
        int error, left;
        struct bsd_sock *s = bsd_get(b, fd, &error);
        size_t used = 0;
        ssize_t r;

        if (s == NULL) /* a pipe has none of the rest */
                return error == -ENOTSOCK ? recv_parts(b, fd, msg, 0) : error;
        elko_bsd_update(b);
        if (flags & MSG_ERRQUEUE)
                return bsd_errq_take(b, s, msg);
        r = recv_parts(b, fd, msg, flags);
        if (r < 0)
                return r;
        msg->msg_flags = flags & MSG_OOB;
        if ((flags & MSG_OOB) && length(msg) == 0)
                msg->msg_flags |= MSG_TRUNC;
        msg->msg_namelen = 0;
        if (s->opt.inq) {
                left = bytes_left(b, s);
                bsd_put_control(msg, &used, IPPROTO_TCP, OPT_TCP_INQ, &left, sizeof(left));
        }
        msg->msg_controllen = used;
        return r;
}

/* ---- sendmsg ---- */

/* SO_TIMESTAMPING as a control message: stamps for this call alone. */
static unsigned stamps_of(const struct msghdr *msg)
{
        struct cmsghdr h;
        const uint8_t *at = msg->msg_control;
        size_t left = at == NULL ? 0 : msg->msg_controllen;
        uint32_t v = 0;

        while (left >= sizeof(h)) {
                memcpy(&h, at, sizeof(h));
                if (h.cmsg_len < sizeof(h) || h.cmsg_len > left)
                        break;
                if (h.cmsg_level == SOL_SOCKET && h.cmsg_type == SO_TIMESTAMPING &&
                    h.cmsg_len >= CMSG_LEN(sizeof(v)))
                        memcpy(&v, at + CMSG_LEN(0), sizeof(v));
                if (CMSG_ALIGN(h.cmsg_len) >= left)
                        break;
                at += CMSG_ALIGN(h.cmsg_len);
                left -= CMSG_ALIGN(h.cmsg_len);
        }
        return v;
}

ssize_t elko_bsd_sendmsg(struct elko_bsd *b, int fd, const struct msghdr *msg, int flags)
{
        unsigned stamps = stamps_of(msg);
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);
        bool open = false;
        size_t put = 0;
        ssize_t r = 0;

        if (s != NULL && bsd_fast_begins(s, flags)) {
                r = bsd_fast_send(b, s, msg, flags, stamps, &open);
                if (!open)
                        return r;
                flags &= ~MSG_FASTOPEN;
        }
        if (msg->msg_iovlen == 0)
                return bsd_send(b, fd, "", 0, flags, 0);
        for (size_t i = 0; i < msg->msg_iovlen; i++) {
                const struct iovec *v = &msg->msg_iov[i];
                bool last = i + 1 == msg->msg_iovlen;

                r = bsd_send(b, fd, v->iov_base, v->iov_len,
                             flags | (put > 0 ? ELKO_BSD_MSG_CONT : 0) | (last ? 0 : MSG_MORE),
                             stamps);
                if (r > 0)
                        put += (size_t)r;
                if (r < 0 || (size_t)r < v->iov_len)
                        break;
        }
        return put > 0 ? (ssize_t)put : r;
}

/* ---- pipes ---- */

enum { PIPE_BYTES = 65536 };

struct bsd_pipe {
        unsigned ends; /* that are open */
        size_t from, len;
        uint8_t data[PIPE_BYTES];
};

int elko_bsd_pipe(struct elko_bsd *b, int fd[2])
{
        struct bsd_pipe *p = calloc(1, sizeof(*p));
        struct bsd_sock *s;

        if (p == NULL)
                return -ENOMEM;
        p->ends = 2;
        for (int i = 0; i < 2; i++) {
                fd[i] = bsd_new_fd(b, &s);
                if (fd[i] < 0) {
                        if (i == 1)
                                b->sock[fd[0]].kind = BSD_FREE;
                        free(p);
                        return -EMFILE;
                }
                s->kind = i == 0 ? BSD_PIPE_OUT : BSD_PIPE_IN;
                s->pipe = p;
        }
        return 0;
}

void bsd_pipe_close(struct bsd_sock *s)
{
        if (s->pipe != NULL && --s->pipe->ends == 0)
                free(s->pipe);
        s->pipe = NULL;
}

ssize_t bsd_pipe_read(struct bsd_sock *s, uint8_t *buf, size_t len)
{
        struct bsd_pipe *p = s->pipe;

        if (len > p->len)
                len = p->len;
        if (len == 0)
                return p->ends < 2 ? 0 : -EAGAIN;
        for (size_t i = 0; i < len; i++)
                buf[i] = p->data[(p->from + i) % PIPE_BYTES];
        p->from = (p->from + len) % PIPE_BYTES;
        p->len -= len;
        return (ssize_t)len;
}

ssize_t bsd_pipe_write(struct bsd_sock *s, const uint8_t *buf, size_t len)
{
        struct bsd_pipe *p = s->pipe;

        if (p->ends < 2)
                return -EPIPE;
        if (len > PIPE_BYTES - p->len)
                len = PIPE_BYTES - p->len;
        if (len == 0)
                return -EAGAIN;
        for (size_t i = 0; i < len; i++)
                p->data[(p->from + p->len + i) % PIPE_BYTES] = buf[i];
        p->len += len;
        return (ssize_t)len;
}

unsigned bsd_pipe_poll(const struct bsd_sock *s)
{
        const struct bsd_pipe *p = s->pipe;

        if (s->kind == BSD_PIPE_OUT)
                return (p->len > 0 ? POLLIN | POLLRDNORM : 0u) | (p->ends < 2 ? POLLHUP : 0u);
        return (p->len < PIPE_BYTES ? POLLOUT | POLLWRNORM : 0u) | (p->ends < 2 ? POLLERR : 0u);
}

static struct bsd_sock *any_of(struct elko_bsd *b, int fd)
{
        return fd >= 0 && fd < b->top && b->sock[fd].kind != BSD_FREE ? &b->sock[fd] : NULL;
}

/* One of both is a pipe's end. */
ssize_t elko_bsd_splice(struct elko_bsd *b, int in, int out, size_t len, unsigned flags)
{
        struct bsd_sock *from = any_of(b, in), *to = any_of(b, out);
        uint8_t *buf;
        ssize_t r, put;

        (void)flags; /* whether to wait is the caller's business, and pages are copied */
        if (from == NULL || to == NULL)
                return -EBADF;
        if (from->kind != BSD_PIPE_OUT && to->kind != BSD_PIPE_IN)
                return -EINVAL;
        if (len == 0)
                return 0;
        if (len > PIPE_BYTES)
                len = PIPE_BYTES;
        if (to->kind == BSD_PIPE_IN && len > PIPE_BYTES - to->pipe->len)
                len = PIPE_BYTES - to->pipe->len;
        if (from->kind == BSD_PIPE_OUT && len > from->pipe->len && from->pipe->len > 0)
                len = from->pipe->len;
        if (len == 0 || (from->kind == BSD_PIPE_OUT && from->pipe->len == 0))
                return from->kind == BSD_PIPE_OUT && from->pipe->ends < 2 ? 0 : -EAGAIN;
        buf = malloc(len);
        if (buf == NULL)
                return -ENOMEM;
        if (from->kind == BSD_PIPE_OUT) {
                for (size_t i = 0; i < len; i++)
                        buf[i] = from->pipe->data[(from->pipe->from + i) % PIPE_BYTES];
                put = bsd_send(b, out, buf, len, 0, 0);
                if (put > 0)
                        bsd_pipe_read(from, buf, (size_t)put);
        } else {
                r = elko_bsd_recv(b, in, buf, len, 0);
                put = r > 0 ? bsd_pipe_write(to, buf, (size_t)r) : r;
        }
        free(buf);
        return put;
}
