/* SPDX-License-Identifier: MIT */
/*
 * read(), write() and their kin of scripts. What is sent is zeros, and what is received is not looked at. A call on a
 * descriptor that waits goes on until all is sent, or until something was received (MSG_WAITALL: everything).
 */
#include "drill/call.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { BUFFER_MAX = 64 << 20 };

/* Flags that ask for what is not there. */
static bool flags_are_known(struct drill_call_ctx *c, const struct drill_expr *at, int64_t flags)
{
        static const struct {
                int64_t flag;
                const char *name;
        } lacks[] = {{MSG_OOB, "MSG_OOB"},
                     {MSG_ERRQUEUE, "MSG_ERRQUEUE"},
                     {0x20000000, "MSG_FASTOPEN"},
                     {0x4000000, "MSG_ZEROCOPY"}};

        for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
                if (flags & lacks[i].flag)
                        return drill_refuse(c->r, at->where, "unsupported: %s", lacks[i].name);
        return true;
}

static enum drill_done receive(struct drill_call_ctx *c, int fd, const struct drill_expr *buffer,
                               int64_t len, int64_t flags)
{
        struct drill_run *r = c->r;
        bool waits = elko_bsd_blocks(r->w.bsd, fd) && !(flags & MSG_DONTWAIT);
        size_t want = len < 0 || len > BUFFER_MAX ? BUFFER_MAX : (size_t)len;
        uint8_t *to = buffer != NULL && drill_is_null(buffer) ? NULL : drill_room(r, want + 1);
        ssize_t n =
                elko_bsd_recv(r->w.bsd, fd, to, want - c->doing->done, (int)(flags & ~MSG_WAITALL));

        if (to != NULL)
                memset(to, 0, want + 1); /* the buffer is sent from as well */
        if (n > 0)
                c->doing->done += (size_t)n;
        if ((flags & MSG_WAITALL) && waits && c->doing->done < want && (n > 0 || n == -EAGAIN))
                return DRILL_WAITS;
        return drill_result(c, c->doing->done > 0 ? (int64_t)c->doing->done : n, waits);
}

static enum drill_done transmit(struct drill_call_ctx *c, int fd, const struct drill_expr *buffer,
                                int64_t len, int64_t flags)
{
        struct drill_run *r = c->r;
        bool waits = elko_bsd_blocks(r->w.bsd, fd) && !(flags & MSG_DONTWAIT);
        size_t want = len < 0 || len > BUFFER_MAX ? BUFFER_MAX : (size_t)len;
        const uint8_t *from =
                buffer != NULL && drill_is_null(buffer) ? NULL : drill_room(r, want + 1);
        ssize_t n = elko_bsd_send(r->w.bsd, fd, from, want - c->doing->done,
                                  (int)(flags & ~MSG_DONTWAIT));

        if (n > 0)
                c->doing->done += (size_t)n;
        if (waits && c->doing->done < want && (n > 0 || n == -EAGAIN))
                return DRILL_WAITS;
        return drill_result(c, c->doing->done > 0 ? (int64_t)c->doing->done : n, waits);
}

/* (fd, buffer, length[, flags[, address, length]]) */
static enum drill_done plain_io(struct drill_call_ctx *c, bool sends)
{
        const struct drill_expr *buffer = c->call->arg[1];
        int64_t len, flags = 0;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 2, &len) ||
            (c->call->n > 3 && !drill_arg_int(c, 3, &flags)))
                return DRILL_GAVE_UP;
        if (c->call->n > 3 && !flags_are_known(c, c->call->arg[3], flags))
                return DRILL_GAVE_UP;
        return sends ? transmit(c, fd, buffer, len, flags) : receive(c, fd, buffer, len, flags);
}

enum drill_done drill_do_receive(struct drill_call_ctx *c)
{
        return plain_io(c, false);
}

enum drill_done drill_do_send(struct drill_call_ctx *c)
{
        return plain_io(c, true);
}

/* [{..., N}, ...]: the sum of the lengths. *buffer: NULL if one of them is. */
static bool vector(struct drill_call_ctx *c, const struct drill_expr *e, int64_t *len,
                   const struct drill_expr **buffer)
{
        int64_t n;

        *len = 0;
        *buffer = NULL;
        if (e->kind != DRILL_LIST)
                return drill_fail(c->r, e->where, "a list [{..., N}, ...] is expected");
        for (size_t i = 0; i < e->n; i++) {
                const struct drill_expr *x = e->item[i];

                if (x->kind != DRILL_BRACE || x->n != 2 || !drill_int(c->r, x->item[1], &n))
                        return drill_fail(c->r, x->where, "{..., N} is expected");
                if (drill_is_null(x->item[0]) && n > 0)
                        *buffer = x->item[0];
                *len += n;
        }
        return true;
}

/* (fd, [...], count) */
static enum drill_done vector_io(struct drill_call_ctx *c, bool sends)
{
        const struct drill_expr *buffer;
        int64_t len;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !vector(c, c->call->arg[1], &len, &buffer))
                return DRILL_GAVE_UP;
        return sends ? transmit(c, fd, buffer, len, 0) : receive(c, fd, buffer, len, 0);
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
        const struct drill_expr *m = c->call->arg[1], *iov, *said, *control, *buffer;
        int64_t len, flags, want = 0;
        enum drill_done done;
        int fd;

        if (m->kind != DRILL_BRACE || (iov = drill_field_of(m, "msg_iov")) == NULL)
                return drill_wrong_args(c, m,
                                        "{msg_name(...)=..., msg_iov(N)=[...], ...} is expected");
        control = drill_field_of(m, "msg_control");
        said = drill_field_of(m, "msg_flags");
        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 2, &flags) ||
            !flags_are_known(c, c->call->arg[2], flags) || !vector(c, iov, &len, &buffer) ||
            (said != NULL && !drill_int(c->r, said, &want)))
                return DRILL_GAVE_UP;
        if (control != NULL && (control->kind != DRILL_LIST || control->n > 0)) {
                drill_refuse(c->r, control->where, "unsupported: control messages");
                return DRILL_GAVE_UP;
        }
        done = sends ? transmit(c, fd, buffer, len, flags) : receive(c, fd, buffer, len, flags);
        if (!sends && done == DRILL_DONE && c->doing->result >= 0 && want != 0)
                return drill_wrong_args(c, said, "the call gave back msg_flags=0");
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
