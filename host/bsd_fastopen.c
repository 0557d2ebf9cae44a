/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open (RFC 7413) as Linux's programs meet it: tcp(7), ip-sysctl.rst, RFC 7413, A.2.
 *
 * A client sends with MSG_FASTOPEN and an address instead of connect() and send(); or it sets TCP_FASTOPEN_CONNECT, and
 * then connect() only notes the address when a cookie is known, and the first data opens. A server sets TCP_FASTOPEN to
 * how many connections it will take by a cookie alone; accept() gives them out before the handshake is over.
 *
 * The stack needs the data before the SYN leaves. So the connection is made with its SYN held back
 * (ELKO_FASTOPEN_HOLD), is given what the SYN can carry, and is let go.
 */
#include "host/bsd_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/* Numbers that older headers lack. */
enum { OPT_FASTOPEN_CONNECT = 30, OPT_FASTOPEN_KEY = 33, OPT_FASTOPEN_NO_COOKIE = 34 };

enum {
        KEY_BYTES = 16,
        MOST_PENDING = 4096 /* net.core.somaxconn */
};

/* ---- client ---- */

bool bsd_fast_begins(const struct bsd_sock *s, int flags)
{
        return (flags & MSG_FASTOPEN) != 0 || s->deferred;
}

/* Make the connection, its SYN held back. Bytes that the SYN can carry, or -errno. */
static int64_t begin(struct elko_bsd *b, struct bsd_sock *s, const elko_endpoint *remote)
{
        int r = bsd_open(b, s, remote, ELKO_FASTOPEN_HOLD);
        int64_t room;

        if (r != 0)
                return r;
        if (s->opt.fastopen_no_cookie ||
            (b->defaults.fastopen & ELKO_BSD_FASTOPEN_CLIENT_NO_COOKIE))
                elko_set_option(b->st, s->handle, ELKO_OPTION_FASTOPEN_NO_COOKIE, 1);
        room = elko_syn_room(b->st, s->handle);
        s->fast_fail = room > 0 ? 0 : BSD_FAST_NO_COOKIE;
        return room > 0 ? room : 0;
}

static void let_go(struct elko_bsd *b, struct bsd_sock *s)
{
        elko_set_option(b->st, s->handle, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_SEND);
}

int bsd_fast_connect(struct elko_bsd *b, struct bsd_sock *s, const elko_endpoint *remote)
{
        int64_t room = begin(b, s, remote);

        if (room < 0)
                return (int)room;
        if (room == 0) { /* ask for a cookie, at once */
                let_go(b, s);
                return -EINPROGRESS;
        }
        s->deferred = true;
        return 0;
}

/* What of the message goes with the SYN; -EFAULT: it can't be read. */
static int64_t give(struct elko_bsd *b, struct bsd_sock *s, const struct msghdr *msg, size_t room)
{
        size_t n = 0;
        int64_t r;

        for (size_t i = 0; i < msg->msg_iovlen && n < room; i++) {
                const struct iovec *v = &msg->msg_iov[i];
                size_t len = v->iov_len < room - n ? v->iov_len : room - n;

                if (len == 0)
                        continue;
                if (v->iov_base == NULL)
                        return n > 0 ? (int64_t)n : -EFAULT;
                r = elko_send(b->st, s->handle, v->iov_base, len, 0);
                if (r < 0)
                        break;
                n += (size_t)r;
        }
        return (int64_t)n;
}

static int64_t open_for_send(struct elko_bsd *b, struct bsd_sock *s, const struct msghdr *msg,
                             bool *open)
{
        elko_endpoint remote;
        int r;

        if (s->deferred)
                return elko_syn_room(b->st, s->handle);
        r = bsd_connect_state(b, s, open);
        if (r != 0 || *open)
                return r;
        if (msg->msg_name == NULL)
                return -EINVAL;
        r = bsd_from_sockaddr(s, msg->msg_name, msg->msg_namelen, &remote);
        return r != 0 ? r : begin(b, s, &remote);
}

ssize_t bsd_fast_send(struct elko_bsd *b, struct bsd_sock *s, const struct msghdr *msg, int flags,
                      unsigned stamps, bool *open)
{
        const struct sockaddr *to = msg->msg_name;
        int64_t room, n;

        *open = false;
        if (!(b->defaults.fastopen & ELKO_BSD_FASTOPEN_CLIENT) ||
            (to != NULL && msg->msg_namelen >= sizeof(to->sa_family) && to->sa_family == AF_UNSPEC))
                return -EOPNOTSUPP;
        elko_bsd_update(b);
        room = open_for_send(b, s, msg, open);
        if (room < 0 || *open)
                return (ssize_t)room;
        n = give(b, s, msg, (size_t)room);
        if (n <
            0) { /* Linux opens all the same, without the cookie; the error is for what is sent next */
                elko_set_option(b->st, s->handle, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_ASK);
                n = 0;
        } else {
                let_go(b, s);
        }
        s->deferred = false;
        s->syn_data = (size_t)n;
        if (n == 0)
                return -EINPROGRESS;
        bsd_mark_sent(s, (size_t)n, flags, stamps);
        bsd_send_count(b, s, (size_t)n);
        return (ssize_t)n;
}

void bsd_fast_connected(struct elko_bsd *b, struct bsd_sock *s)
{
        struct elko_tcp_info info;

        if (s->syn_data == 0 || elko_tcp_info_get(b->st, s->handle, &info) != ELKO_OK ||
            info.bytes_acked >= s->syn_data)
                return;
        s->fast_fail = info.total_retrans > 0 ? BSD_FAST_SYN_AGAIN : BSD_FAST_NOT_ACKED;
}

/* ---- server ---- */

/* Options of its own are memory for a listener and all that come of it: only if it wants any. */
static void change(struct elko_bsd *b, const struct bsd_sock *s, enum elko_option option,
                   uint64_t v)
{
        uint64_t was;

        if (elko_get_option(b->st, s->handle, option, &was) == ELKO_OK && was != v)
                elko_set_option(b->st, s->handle, option, v);
}

void bsd_fast_apply(struct elko_bsd *b, const struct bsd_sock *s)
{
        bool on = (b->defaults.fastopen & ELKO_BSD_FASTOPEN_SERVER) != 0;
        bool free = s->opt.fastopen_no_cookie ||
                    (b->defaults.fastopen & ELKO_BSD_FASTOPEN_SERVER_NO_COOKIE);

        if (s->kind != BSD_LISTENER)
                return;
        change(b, s, ELKO_OPTION_FASTOPEN, on ? (uint64_t)s->opt.fastopen : 0);
        change(b, s, ELKO_OPTION_FASTOPEN_NO_COOKIE, free);
        elko_set_fastopen_keys(b->st, s->handle, (const uint8_t(*)[KEY_BYTES])s->opt.fastopen_key,
                               s->opt.fastopen_keys);
}

void bsd_fast_listen(struct elko_bsd *b, struct bsd_sock *s, uint32_t backlog)
{
        const uint32_t all = ELKO_BSD_FASTOPEN_SERVER | ELKO_BSD_FASTOPEN_LISTENERS;

        if ((b->defaults.fastopen & all) == all && s->opt.fastopen == 0)
                s->opt.fastopen = (int)(backlog < MOST_PENDING ? backlog : MOST_PENDING);
        bsd_fast_apply(b, s);
}

/* ---- options ---- */

static bool is_idle(const struct bsd_sock *s)
{
        return s->kind == BSD_NEW || (s->kind == BSD_DEAD && s->handle == ELKO_SOCK_NONE);
}

static int set_key(struct bsd_sock *s, const void *value, socklen_t len)
{
        if (len != KEY_BYTES && len != 2 * KEY_BYTES)
                return -EINVAL;
        s->opt.fastopen_keys = len / KEY_BYTES;
        memcpy(s->opt.fastopen_key, value, len);
        return 0;
}

static int set_number(const struct elko_bsd *b, struct bsd_sock *s, int name, int v)
{
        switch (name) {
        case TCP_FASTOPEN:
                if (v < 0 || (!is_idle(s) && s->kind != BSD_LISTENER))
                        return -EINVAL;
                s->opt.fastopen = v < MOST_PENDING ? v : MOST_PENDING;
                return 0;
        case OPT_FASTOPEN_NO_COOKIE:
                if (v < 0 || v > 1 || (!is_idle(s) && s->kind != BSD_LISTENER))
                        return -EINVAL;
                s->opt.fastopen_no_cookie = v;
                return 0;
        default:
                if (v < 0 || v > 1)
                        return -EINVAL;
                if (!(b->defaults.fastopen & ELKO_BSD_FASTOPEN_CLIENT))
                        return -EOPNOTSUPP;
                if (!is_idle(s))
                        return -EINVAL;
                s->opt.fastopen_connect = v;
                return 0;
        }
}

bool bsd_fast_set(struct elko_bsd *b, struct bsd_sock *s, int name, const void *value,
                  socklen_t len, int *result)
{
        int v;

        switch (name) {
        case OPT_FASTOPEN_KEY: *result = set_key(s, value, len); break;
        case TCP_FASTOPEN:
        case OPT_FASTOPEN_NO_COOKIE:
        case OPT_FASTOPEN_CONNECT:
                *result = -EINVAL;
                if (len < sizeof(v))
                        return true;
                memcpy(&v, value, sizeof(v));
                *result = set_number(b, s, name, v);
                break;
        default: return false;
        }
        if (*result == 0)
                bsd_fast_apply(b, s);
        return true;
}

bool bsd_fast_get(const struct bsd_sock *s, int name, void *value, socklen_t *len, int *result)
{
        const void *from = &s->opt.fastopen;
        size_t n = sizeof(int);

        switch (name) {
        case TCP_FASTOPEN: break;
        case OPT_FASTOPEN_NO_COOKIE: from = &s->opt.fastopen_no_cookie; break;
        case OPT_FASTOPEN_CONNECT: from = &s->opt.fastopen_connect; break;
        case OPT_FASTOPEN_KEY:
                from = s->opt.fastopen_key;
                n = (size_t)s->opt.fastopen_keys * KEY_BYTES;
                break;
        default: return false;
        }
        *result = value == NULL || len == NULL ? -EFAULT : (int32_t)*len < 0 ? -EINVAL : 0;
        if (*result != 0)
                return true;
        if (*len > n)
                *len = (socklen_t)n;
        memcpy(value, from, *len);
        return true;
}
