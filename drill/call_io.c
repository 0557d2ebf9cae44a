/* SPDX-License-Identifier: MIT */
/*
 * read(), write() and their kin of scripts. What is sent is zeros, and what is received is not looked at. A call on a
 * descriptor that waits goes on until all is sent, or until something was received (MSG_WAITALL: everything).
 */
#include "drill/call.h"
#include "drill/os.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { BUFFER_MAX = 64 << 20, PARTS_MAX = 1024, CONTROL_MAX = 1024, GAP = 64 };

/* A call's data: parts of zeros to send, or of room to receive. */
struct parts {
        struct iovec iov[PARTS_MAX];
        struct msghdr msg;
        struct drill_address to; /* of MSG_FASTOPEN */
        size_t len;
};

static size_t clamp(int64_t len)
{
        return len < 0 || len > BUFFER_MAX ? BUFFER_MAX : (size_t)len;
}

/* All in one buffer, since nobody looks at what is in it, but apart: the kernel joins neighbours. */
static void place(struct drill_run *r, struct parts *p)
{
        uint8_t *room;
        size_t at = 0;

        for (size_t i = 0; i < p->msg.msg_iovlen; i++)
                p->len += p->iov[i].iov_len;
        room = drill_room(r, p->len + GAP * (p->msg.msg_iovlen + 1));
        for (size_t i = 0; i < p->msg.msg_iovlen; i++) {
                if (p->iov[i].iov_base != NULL)
                        p->iov[i].iov_base = room + at;
                at += p->iov[i].iov_len + GAP;
        }
        p->msg.msg_iov = p->iov;
}

static void one_part(struct drill_run *r, struct parts *p, const struct drill_expr *buffer,
                     int64_t len)
{
        memset(&p->msg, 0, sizeof(p->msg));
        p->iov[0].iov_base = drill_is_null(buffer) ? NULL : p;
        p->iov[0].iov_len = clamp(len);
        p->msg.msg_iovlen = 1;
        p->len = 0;
        place(r, p);
}

/* [{..., N}, ...] */
static bool many_parts(struct drill_call_ctx *c, struct parts *p, const struct drill_expr *e)
{
        int64_t n;

        memset(&p->msg, 0, sizeof(p->msg));
        p->len = 0;
        if (e->kind != DRILL_LIST || e->n > PARTS_MAX)
                return drill_fail(c->r, e->where, "a list [{..., N}, ...] is expected");
        for (size_t i = 0; i < e->n; i++) {
                const struct drill_expr *x = e->item[i];

                if (x->kind != DRILL_BRACE || x->n != 2 || !drill_int(c->r, x->item[1], &n))
                        return drill_fail(c->r, x->where, "{..., N} is expected");
                p->iov[i].iov_base = drill_is_null(x->item[0]) ? NULL : p;
                p->iov[i].iov_len = clamp(n);
        }
        p->msg.msg_iovlen = e->n;
        place(c->r, p);
        return true;
}

/* What is left of the message after the bytes that are done. */
static void rest(const struct parts *p, size_t done, size_t most, struct parts *out)
{
        out->msg = p->msg;
        out->msg.msg_iov = out->iov;
        out->msg.msg_iovlen = elko_bsd_iov_rest(&p->msg, done, most, out->iov);
}

static enum drill_done receive(struct drill_call_ctx *c, int fd, struct parts *p, int64_t flags)
{
        struct drill_run *r = c->r;
        bool waits =
                drill_os_blocks(&r->w, fd) && !(flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB));
        struct parts left;
        ssize_t n;

        rest(p, c->doing->done, PARTS_MAX, &left);
        n = drill_os_recvmsg(&r->w, fd, &left.msg, (int)(flags & ~MSG_WAITALL));
        p->msg.msg_controllen = left.msg.msg_controllen;
        p->msg.msg_flags = left.msg.msg_flags;
        if (r->buffer != NULL)
                memset(r->buffer, 0,
                       p->len + GAP * (p->msg.msg_iovlen + 1)); /* it is sent from as well */
        if (n > 0)
                c->doing->done += (size_t)n;
        if ((flags & MSG_WAITALL) && waits && c->doing->done < p->len && (n > 0 || n == -EAGAIN))
                return DRILL_WAITS;
        return drill_result(c, c->doing->done > 0 ? (int64_t)c->doing->done : n, waits);
}

/* Sending began a connection: DONE: go on, with what is left. */
static enum drill_done opened(struct drill_call_ctx *c, int fd)
{
        int r;

        if (drill_os_opens(&c->r->w, fd))
                return DRILL_WAITS;
        c->doing->opens = false;
        r = drill_os_connect_end(&c->r->w, fd);
        c->doing->result = r;
        return DRILL_DONE;
}

/* With an address that was given for MSG_FASTOPEN. */
static enum drill_done transmit(struct drill_call_ctx *c, int fd, const struct parts *p,
                                int64_t flags)
{
        struct drill_run *r = c->r;
        bool waits = drill_os_blocks(&r->w, fd) && !(flags & MSG_DONTWAIT);
        bool was_open = !drill_os_opens(&r->w, fd), begins = (flags & MSG_FASTOPEN) != 0;
        size_t most = flags & MSG_ZEROCOPY ? ELKO_BSD_ZEROCOPY_PARTS : PARTS_MAX;
        struct parts left;
        int64_t script;
        ssize_t n;

        if (c->doing->opens) {
                if (opened(c, fd) == DRILL_WAITS)
                        return DRILL_WAITS;
                if (c->doing->result < 0 || c->doing->done == p->len) {
                        if (c->doing->result == 0)
                                c->doing->result = (int64_t)c->doing->done;
                        return DRILL_DONE;
                }
        }
        if (c->doing->started)
                flags &= ~(int64_t)MSG_FASTOPEN;
        /* One that waits is woken when poll() would be. */
        if (c->doing->started && !(drill_os_poll(&r->w, fd) & (POLLOUT | POLLERR | POLLHUP)))
                return DRILL_WAITS;
        c->doing->started = true;
        do {
                rest(p, c->doing->done, r->w.kernel == NULL ? most : PARTS_MAX, &left);
                n = drill_os_sendmsg(&r->w, fd, &left.msg,
                                     (int)(flags & ~MSG_DONTWAIT) |
                                             (c->doing->done > 0 ? ELKO_BSD_MSG_CONT : 0));
                if (begins && was_open && drill_os_opens(&r->w, fd) && drill_arg_int(c, 0, &script))
                        drill_begins(r, (int)script, p->to.port);
                if (n > 0)
                        c->doing->done += (size_t)n;
                /* What is sent before the connection is open opens it. */
                if (n == -EINPROGRESS || (n > 0 && drill_os_opens(&r->w, fd)))
                        c->doing->opens = waits;
                if (n > 0)
                        drill_world_settle(&r->w);
                flags &= ~(int64_t)MSG_FASTOPEN;
                begins = false;
        } while (n > 0 && c->doing->done < p->len && !c->doing->opens);
        if (c->doing->opens)
                return DRILL_WAITS;
        if (waits && c->doing->done < p->len && (n > 0 || n == -EAGAIN))
                return DRILL_WAITS;
        return drill_result(c, c->doing->done > 0 ? (int64_t)c->doing->done : n, waits);
}

/* Where to, of a call that opens the connection. */
static bool address(struct drill_call_ctx *c, struct parts *p, const struct drill_expr *e)
{
        if (drill_is_null(e) && e->kind == DRILL_SYMBOL)
                return true;
        if (!drill_address_of(c->r, e, &c->r->c.remote, c->r->c.connect_port, &p->to))
                return false;
        p->msg.msg_name = &p->to.raw;
        p->msg.msg_namelen = p->to.len;
        return true;
}

/* (fd, buffer, length[, flags[, address, length]]) */
static enum drill_done plain_io(struct drill_call_ctx *c, bool sends)
{
        int64_t len, flags = 0;
        struct parts p;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 2, &len) ||
            (c->call->n > 3 && !drill_arg_int(c, 3, &flags)))
                return DRILL_GAVE_UP;
        one_part(c->r, &p, c->call->arg[1], len);
        if (sends && c->call->n > 4 && (flags & MSG_FASTOPEN) && !address(c, &p, c->call->arg[4]))
                return DRILL_GAVE_UP;
        return sends ? transmit(c, fd, &p, flags) : receive(c, fd, &p, flags);
}

enum drill_done drill_send_zeros(struct drill_call_ctx *c, int fd, size_t len, int64_t flags)
{
        static const struct drill_expr dots = {.kind = DRILL_ELLIPSIS};
        struct parts p;

        one_part(c->r, &p, &dots, (int64_t)len);
        return transmit(c, fd, &p, flags);
}

enum drill_done drill_do_receive(struct drill_call_ctx *c)
{
        return plain_io(c, false);
}

enum drill_done drill_do_send(struct drill_call_ctx *c)
{
        return plain_io(c, true);
}

/* (fd, [...], count) */
static enum drill_done vector_io(struct drill_call_ctx *c, bool sends)
{
        struct parts p;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !many_parts(c, &p, c->call->arg[1]))
                return DRILL_GAVE_UP;
        return sends ? transmit(c, fd, &p, 0) : receive(c, fd, &p, 0);
}

enum drill_done drill_do_readv(struct drill_call_ctx *c)
{
        return vector_io(c, false);
}

enum drill_done drill_do_writev(struct drill_call_ctx *c)
{
        return vector_io(c, true);
}

/* (fd, {msg_name(...)=..., msg_iov(N)=[...], msg_flags=F, msg_control=[...]}, flags) */
static enum drill_done message_io(struct drill_call_ctx *c, bool sends)
{
        const struct drill_expr *m = c->call->arg[1], *iov, *said, *control, *name;
        uint64_t bytes[CONTROL_MAX / sizeof(uint64_t)]; /* aligned, as cmsg(3) wants it */
        int64_t flags, want = 0;
        enum drill_done done;
        struct parts p;
        int fd;

        if (m->kind != DRILL_BRACE || (iov = drill_field_of(m, "msg_iov")) == NULL)
                return drill_wrong_args(c, m,
                                        "{msg_name(...)=..., msg_iov(N)=[...], ...} is expected");
        control = drill_field_of(m, "msg_control");
        said = drill_field_of(m, "msg_flags");
        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 2, &flags) || !many_parts(c, &p, iov) ||
            (said != NULL && !drill_int(c->r, said, &want)))
                return DRILL_GAVE_UP;
        if (sends && (flags & MSG_FASTOPEN) && (name = drill_field_of(m, "msg_name")) != NULL &&
            !address(c, &p, name))
                return DRILL_GAVE_UP;
        if (control != NULL || !sends) {
                p.msg.msg_control = bytes;
                p.msg.msg_controllen = control != NULL ? sizeof(bytes) : 0;
                if (sends && !drill_control_write(c, control, bytes, &p.msg.msg_controllen))
                        return DRILL_GAVE_UP;
        }
        done = sends ? transmit(c, fd, &p, flags) : receive(c, fd, &p, flags);
        if (sends || done != DRILL_DONE || c->doing->result < 0 || c->r->set->record != NULL)
                return done;
        p.msg.msg_flags &= ~MSG_CMSG_CLOEXEC;
        if (want != p.msg.msg_flags && (said != NULL || control != NULL))
                return drill_wrong_args(c, said,
                                        drill_format(c->r->arena, "the call gave back msg_flags=%s",
                                                     drill_message_flags(c->r, p.msg.msg_flags)));
        if (control != NULL && !drill_control_compare(c, control, &p.msg))
                return DRILL_GAVE_UP;
        return done;
}

enum drill_done drill_do_recvmsg(struct drill_call_ctx *c)
{
        return message_io(c, false);
}

enum drill_done drill_do_sendmsg(struct drill_call_ctx *c)
{
        return message_io(c, true);
}

/* ---- pipes ---- */

/* pipe([a, b]) */
enum drill_done drill_do_pipe(struct drill_call_ctx *c)
{
        const struct drill_expr *e = c->call->arg[0];
        int64_t name[2];
        int fd[2];

        if (e->kind != DRILL_LIST || e->n != 2)
                return drill_wrong_args(c, e, "[A, B] is expected");
        if (!drill_int(c->r, e->item[0], &name[0]) || !drill_int(c->r, e->item[1], &name[1]))
                return DRILL_GAVE_UP;
        c->doing->result = drill_os_pipe(&c->r->w, fd);
        for (int i = 0; i < 2 && c->doing->result == 0; i++) {
                if (c->r->n_fds == DRILL_FDS)
                        return drill_wrong_args(c, e, "too many descriptors");
                c->r->fd[c->r->n_fds++] = (struct drill_fd){.script = (int)name[i], .live = fd[i]};
        }
        return DRILL_DONE;
}

/* splice(in, offset, out, offset, length, flags): neither end has an offset */
enum drill_done drill_do_splice(struct drill_call_ctx *c)
{
        int64_t len, flags;
        int in, out;

        if (!drill_arg_fd(c, 0, &in) || !drill_arg_fd(c, 2, &out) || !drill_arg_int(c, 4, &len) ||
            !drill_arg_int(c, 5, &flags))
                return DRILL_GAVE_UP;
        if (!drill_is_null(c->call->arg[1]) || !drill_is_null(c->call->arg[3])) {
                c->doing->result = -ESPIPE;
                return DRILL_DONE;
        }
        c->doing->result = drill_os_splice(&c->r->w, in, out, clamp(len), (unsigned)flags);
        return DRILL_DONE;
}
