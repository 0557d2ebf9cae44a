/* SPDX-License-Identifier: MIT */
/*
 * The life of a Linux socket: see bsd.h.
 */
#include "host/bsd_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { EPHEMERAL_FIRST = 49152, EPHEMERAL_LAST = 65535 };

/* ---- descriptors ---- */

struct elko_bsd *elko_bsd_create(elko_stack *st)
{
        struct elko_bsd *b = calloc(1, sizeof(*b));

        if (b != NULL)
                b->st = st;
        return b;
}

void elko_bsd_set_defaults(struct elko_bsd *b, const struct elko_bsd_defaults *d)
{
        b->defaults = *d;
        for (int fd = 0; fd < b->top; fd++)
                bsd_fast_apply(b, &b->sock[fd]);
}

void elko_bsd_set_clock(struct elko_bsd *b, int64_t offset_ns)
{
        b->clock_offset_ns = offset_ns;
}

void elko_bsd_destroy(struct elko_bsd *b)
{
        if (b == NULL)
                return;
        for (int fd = 0; fd < b->top; fd++) {
                struct bsd_sock *s = &b->sock[fd];

                if (s->handle != ELKO_SOCK_NONE && elko_abort(b->st, s->handle) != ELKO_OK)
                        elko_close(b->st, s->handle);
                bsd_epoll_free(s);
                bsd_errq_free(s);
                bsd_send_forget(s);
                bsd_eor_free(s);
                bsd_pipe_close(s);
        }
        free(b);
}

struct bsd_sock *bsd_get(struct elko_bsd *b, int fd, int *error)
{
        if (fd < 0 || fd >= b->top || b->sock[fd].kind == BSD_FREE) {
                *error = -EBADF;
                return NULL;
        }
        if (b->sock[fd].kind >= BSD_EPOLL) {
                *error = -ENOTSOCK;
                return NULL;
        }
        return &b->sock[fd];
}

int bsd_new_fd(struct elko_bsd *b, struct bsd_sock **out)
{
        int fd = 0;

        while (fd < BSD_FDS && b->sock[fd].kind != BSD_FREE)
                fd++;
        if (fd == BSD_FDS)
                return -EMFILE;
        if (fd >= b->top)
                b->top = fd + 1;
        *out = &b->sock[fd];
        **out = (struct bsd_sock){.handle = ELKO_SOCK_NONE};
        return fd;
}

int bsd_errno(int64_t elko_error)
{
        switch (elko_error) {
        case ELKO_EAGAIN: return EAGAIN;
        case ELKO_EINVAL: return EINVAL;
        case ELKO_EBADF: return EBADF;
        case ELKO_ENOMEM: return ENOMEM;
        case ELKO_ELIMIT: return ENOBUFS;
        case ELKO_EISCONN: return EISCONN;
        case ELKO_ENOTCONN: return ENOTCONN;
        case ELKO_EADDRINUSE: return EADDRINUSE;
        case ELKO_EADDRNOTAVAIL:
        case ELKO_ENOPORTS: return EADDRNOTAVAIL;
        case ELKO_ENETUNREACH: return ENETUNREACH;
        case ELKO_EHOSTUNREACH: return EHOSTUNREACH;
        case ELKO_ECONNREFUSED: return ECONNREFUSED;
        case ELKO_ECONNRESET: return ECONNRESET;
        case ELKO_ECONNABORTED: return ECONNABORTED;
        case ELKO_ETIMEDOUT: return ETIMEDOUT;
        case ELKO_EPIPE: return EPIPE;
        case ELKO_EMSGSIZE: return EMSGSIZE;
        default: return EOPNOTSUPP;
        }
}

/* ---- addresses ---- */

int bsd_from_sockaddr(const struct bsd_sock *s, const struct sockaddr *addr, socklen_t len,
                      elko_endpoint *out)
{
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        const uint8_t *a;

        memset(out, 0, sizeof(*out));
        if (addr == NULL)
                return -EFAULT;
        if (len < sizeof(addr->sa_family))
                return -EINVAL;
        if (addr->sa_family == AF_INET && s->domain == AF_INET) {
                if (len < sizeof(v4))
                        return -EINVAL;
                memcpy(&v4, addr, sizeof(v4));
                a = (const uint8_t *)&v4.sin_addr;
                if (v4.sin_addr.s_addr != INADDR_ANY)
                        out->ip = elko_ip_v4(a[0], a[1], a[2], a[3]);
                out->port = ntohs(v4.sin_port);
                return 0;
        }
        if (addr->sa_family == AF_INET6 && s->domain == AF_INET6) {
                if (len < sizeof(v6))
                        return -EINVAL;
                memcpy(&v6, addr, sizeof(v6));
                memcpy(out->ip.b, &v6.sin6_addr, 16);
                out->port = ntohs(v6.sin6_port);
                out->scope = (uint16_t)v6.sin6_scope_id;
                return 0;
        }
        return -EAFNOSUPPORT;
}

void bsd_to_sockaddr(const struct bsd_sock *s, const elko_endpoint *ep, struct sockaddr *addr,
                     socklen_t *len)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(ep->port)};
        struct sockaddr_in6 v6 = {
                .sin6_family = AF_INET6, .sin6_port = htons(ep->port), .sin6_scope_id = ep->scope};
        bool is_v4 = s->domain == AF_INET;
        socklen_t full = is_v4 ? sizeof(v4) : sizeof(v6);

        if (addr == NULL || len == NULL)
                return;
        memcpy(&v4.sin_addr, ep->ip.b + 12, 4);
        memcpy(&v6.sin6_addr, ep->ip.b, 16);
        memcpy(addr, is_v4 ? (void *)&v4 : (void *)&v6, *len < full ? *len : full);
        *len = full;
}

/* ---- socket, bind, listen ---- */

int elko_bsd_socket(struct elko_bsd *b, int domain, int type, int protocol)
{
        struct bsd_sock *s;
        int fd;

        if (domain != AF_INET && domain != AF_INET6)
                return -EAFNOSUPPORT;
        if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM)
                return -ESOCKTNOSUPPORT;
        if (protocol != 0 && protocol != IPPROTO_TCP)
                return -EPROTONOSUPPORT;
        fd = bsd_new_fd(b, &s);
        if (fd < 0)
                return fd;
        s->kind = BSD_NEW;
        s->domain = domain;
        s->non_block = (type & SOCK_NONBLOCK) != 0;
        bsd_default_options(&s->opt);
        return fd;
}

static bool is_any(const elko_ip *ip)
{
        static const elko_ip any;

        return memcmp(ip, &any, sizeof(any)) == 0;
}

static bool in_conflict(const struct bsd_sock *a, const struct bsd_sock *s)
{
        if (!a->bound || a->local.port != s->local.port)
                return false;
        if (!is_any(&a->local.ip) && !is_any(&s->local.ip) &&
            memcmp(&a->local.ip, &s->local.ip, sizeof(s->local.ip)) != 0)
                return false;
        return !(a->opt.reuse_addr && s->opt.reuse_addr && a->kind != BSD_LISTENER);
}

static bool is_taken(struct elko_bsd *b, const struct bsd_sock *s)
{
        for (int fd = 0; fd < b->top; fd++)
                if (&b->sock[fd] != s && in_conflict(&b->sock[fd], s))
                        return true;
        return false;
}

static int any_port(struct elko_bsd *b, struct bsd_sock *s)
{
        for (unsigned p = EPHEMERAL_FIRST; p <= EPHEMERAL_LAST; p++) {
                s->local.port = (uint16_t)p;
                if (!is_taken(b, s))
                        return 0;
        }
        s->local.port = 0;
        return -EADDRINUSE;
}

static int claim(struct elko_bsd *b, struct bsd_sock *s, const elko_endpoint *ep)
{
        int r = 0;

        s->local = *ep;
        if (s->local.port == 0)
                r = any_port(b, s);
        else if (is_taken(b, s))
                r = -EADDRINUSE;
        s->bound = r == 0;
        return r;
}

/* Is it one of the stack's addresses? Listening is what tells. */
static int probe_address(struct elko_bsd *b, const elko_endpoint *ep)
{
        static const struct elko_listen_config one = {.backlog = 1, .syn_queue = 1};
        elko_endpoint try = *ep;
        elko_sock ls;
        int r;

        if (is_any(&ep->ip))
                return 0;
        if (try.port == 0)
                try.port = 1;
        r = elko_listen(b->st, &try, &one, &ls);
        if (r == ELKO_OK)
                elko_close(b->st, ls);
        return r == ELKO_EADDRNOTAVAIL ? -EADDRNOTAVAIL : 0;
}

int elko_bsd_bind(struct elko_bsd *b, int fd, const struct sockaddr *addr, socklen_t len)
{
        elko_endpoint ep;
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);

        if (s == NULL)
                return error;
        error = bsd_from_sockaddr(s, addr, len, &ep);
        if (error != 0)
                return error;
        if (s->kind != BSD_NEW || s->bound)
                return -EINVAL;
        error = probe_address(b, &ep);
        return error != 0 ? error : claim(b, s, &ep);
}

int elko_bsd_listen(struct elko_bsd *b, int fd, int backlog)
{
        struct elko_listen_config config = {.syn_queue = 4096};
        static const elko_endpoint anywhere;
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);

        if (s == NULL)
                return error;
        if (s->kind == BSD_LISTENER)
                return 0;
        if (s->kind != BSD_NEW)
                return -EINVAL;
        if (!s->bound && (error = claim(b, s, &anywhere)) != 0)
                return error;
        /* A queue of n holds n + 1 (tcp(7), listen(2)); below 0 means the most there can be. */
        config.backlog = backlog < 0 || backlog > 4095 ? 4096 : (uint32_t)backlog + 1;
        error = elko_listen(b->st, &s->local, &config, &s->handle);
        if (error != ELKO_OK)
                return -bsd_errno(error);
        s->kind = BSD_LISTENER;
        elko_set_user(b->st, s->handle, s);
        bsd_apply_options(b, s);
        bsd_fast_listen(b, s, config.backlog - 1);
        return 0;
}

/* Its FIN has come: the states of RFC 9293, 3.3.2 that come behind that. */
static bool peer_has_closed(struct elko_bsd *b, const struct bsd_sock *s)
{
        struct elko_tcp_info info;

        if (s->handle == ELKO_SOCK_NONE || elko_tcp_info_get(b->st, s->handle, &info) != ELKO_OK)
                return false;
        return info.state == ELKO_TCP_CLOSE_WAIT || info.state == ELKO_TCP_CLOSING ||
               info.state == ELKO_TCP_LAST_ACK || info.state == ELKO_TCP_TIME_WAIT;
}

/* A connection that was opened by a cookie can be over before anybody was there to tell. */
static void note_end(struct elko_bsd *b, struct bsd_sock *s)
{
        int64_t r = elko_send_room(b->st, s->handle);
        struct elko_tcp_info info;

        s->fast_child =
                elko_tcp_info_get(b->st, s->handle, &info) == ELKO_OK &&
                (info.state == ELKO_TCP_SYN_RECEIVED || (info.options & ELKO_TCPI_SYN_DATA));
        if (r >= 0 || r == ELKO_EPIPE)
                return;
        s->error = bsd_errno(r);
        s->kind = BSD_DEAD;
}

int elko_bsd_accept(struct elko_bsd *b, int fd, struct sockaddr *addr, socklen_t *len, int type)
{
        struct bsd_sock *s, *child;
        elko_endpoint remote;
        elko_sock handle;
        int error, r;

        s = bsd_get(b, fd, &error);
        if (s == NULL)
                return error;
        if (s->kind != BSD_LISTENER)
                return -EINVAL;
        r = elko_accept(b->st, s->handle, &handle, &remote);
        if (r != ELKO_OK)
                return -bsd_errno(r);
        r = bsd_new_fd(b, &child);
        if (r < 0) {
                elko_abort(b->st, handle);
                return r;
        }
        child->kind = BSD_OPEN;
        child->domain = s->domain;
        child->handle = handle;
        child->was_open = true;
        child->eof = peer_has_closed(b, child); /* told before there was anyone to tell */
        child->non_block = (type & SOCK_NONBLOCK) != 0;
        child->opt = s->opt;
        child->opt.fastopen = 0;
        child->local = s->local;
        elko_set_user(b->st, handle, child);
        note_end(b, child);
        bsd_to_sockaddr(child, &remote, addr, len);
        return r;
}

/* ---- connect ---- */

/* connect(AF_UNSPEC): the connection is cut, the socket is new again. */
static int disconnect(struct elko_bsd *b, struct bsd_sock *s)
{
        if (s->kind == BSD_LISTENER || s->kind == BSD_NEW)
                return s->kind == BSD_NEW ? 0 : -EISCONN;
        if (s->handle != ELKO_SOCK_NONE && elko_abort(b->st, s->handle) != ELKO_OK)
                elko_close(b->st, s->handle);
        /* Who still uses it learns that the connection is gone. */
        s->error = s->kind == BSD_DEAD ? 0 : ECONNRESET;
        s->handle = ELKO_SOCK_NONE;
        s->kind = BSD_NEW;
        s->read_shut = s->write_shut = s->error_told = s->was_open = false;
        s->active = s->connect_told = s->eof = s->deferred = s->urgent_taken = false;
        s->urgent_end = 0;
        s->syn_data = 0;
        bsd_send_forget(s);
        bsd_eor_free(s);
        s->written = 0;
        s->max_window = 0;
        s->was_full = s->buffer_grown = false;
        return 0;
}

/* It failed; from here on the socket is new again. */
static int failed_connect(struct elko_bsd *b, struct bsd_sock *s)
{
        int r = s->error != 0 ? -s->error : -ECONNABORTED;

        disconnect(b, s);
        return r;
}

int elko_bsd_connect_end(struct elko_bsd *b, int fd)
{
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);

        if (s == NULL)
                return error;
        elko_bsd_update(b);
        if (s->kind == BSD_CONNECTING)
                return -EALREADY;
        if (s->kind == BSD_DEAD && !s->was_open)
                return failed_connect(b, s);
        if (s->kind != BSD_OPEN && s->kind != BSD_DEAD)
                return -ENOTCONN;
        s->connect_told = true;
        return 0;
}

bool elko_bsd_opens(struct elko_bsd *b, int fd)
{
        int error;
        const struct bsd_sock *s = bsd_get(b, fd, &error);

        elko_bsd_update(b);
        return s != NULL && s->kind == BSD_CONNECTING;
}

int bsd_connect_state(struct elko_bsd *b, struct bsd_sock *s, bool *open)
{
        switch (s->kind) {
        case BSD_CONNECTING: return s->deferred ? -EISCONN : -EALREADY;
        case BSD_LISTENER: return -EISCONN;
        case BSD_OPEN:
                /* The first time after it was in progress the answer is how it ended (connect(2)). */
                if (!s->active || s->connect_told)
                        return -EISCONN;
                s->connect_told = *open = true;
                return 0;
        case BSD_DEAD: return s->was_open ? -EISCONN : failed_connect(b, s);
        default: return 0;
        }
}

int bsd_open(struct elko_bsd *b, struct bsd_sock *s, const elko_endpoint *remote,
             enum elko_fastopen option)
{
        int r = elko_connect(b->st, remote, s->bound ? &s->local : NULL, &s->handle);

        if (r != ELKO_OK) {
                s->handle = ELKO_SOCK_NONE;
                /* With a port it can only be the address: broadcast or multicast (RFC 9293, 3.9.1.1). */
                return r == ELKO_EINVAL && remote->port != 0 ? -ENETUNREACH : -bsd_errno(r);
        }
        s->kind = BSD_CONNECTING;
        s->active = true;
        s->error = 0;
        elko_set_user(b->st, s->handle, s);
        if (option != ELKO_FASTOPEN_OFF)
                elko_set_option(b->st, s->handle, ELKO_OPTION_FASTOPEN, option);
        bsd_apply_options(b, s);
        return 0;
}

int elko_bsd_connect(struct elko_bsd *b, int fd, const struct sockaddr *addr, socklen_t len)
{
        elko_endpoint remote;
        bool open = false;
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);

        if (s == NULL)
                return error;
        if (addr != NULL && len >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
                return disconnect(b, s);
        error = bsd_from_sockaddr(s, addr, len, &remote);
        if (error != 0)
                return error;
        elko_bsd_update(b);
        error = bsd_connect_state(b, s, &open);
        if (error != 0 || open)
                return error;
        if (s->opt.fastopen_connect)
                return bsd_fast_connect(b, s, &remote);
        error = bsd_open(b, s, &remote, ELKO_FASTOPEN_OFF);
        return error != 0 ? error : -EINPROGRESS;
}

/* ---- events ---- */

static void on_event(struct elko_bsd *b, struct bsd_sock *s, const struct elko_event *ev)
{
        s->news++;
        if ((ev->bits & ELKO_EV_CONNECTED) && s->kind == BSD_CONNECTING) {
                s->kind = BSD_OPEN;
                s->was_open = true;
                bsd_fast_connected(b, s);
        }
        if (ev->bits & ELKO_EV_EOF)
                s->eof = true;
        if (ev->bits & ELKO_EV_URGENT)
                bsd_urgent_news(b, s);
        if ((ev->bits & ELKO_EV_SOFT_ERROR) && ev->error != ELKO_ETIMEDOUT) {
                s->soft_error = bsd_errno(ev->error);
                s->soft_at = elko_now(b->st);
        }
        if (ev->bits & ELKO_EV_ERROR) {
                s->error = bsd_errno(ev->error);
                /* A reset in CLOSE-WAIT says that nobody reads what is sent. */
                if (s->error == ECONNRESET && s->eof && !s->write_shut)
                        s->error = EPIPE;
                s->kind = BSD_DEAD;
        } else if ((ev->bits & ELKO_EV_CLOSED) && s->kind == BSD_OPEN) {
                s->kind = BSD_DEAD;
        }
}

void elko_bsd_update(struct elko_bsd *b)
{
        struct elko_event ev;

        while (elko_next_event(b->st, &ev))
                if (ev.user != NULL)
                        on_event(b, ev.user, &ev);
        for (int fd = 0; fd < b->top; fd++) {
                struct bsd_sock *s = &b->sock[fd];

                if (s->pieces != NULL)
                        bsd_eor_release(b, s, false);
                bsd_marks_check(b, s);
                if (s->met_limit && (s->kind != BSD_OPEN || bsd_send_has_room(b, s))) {
                        s->met_limit = false;
                        s->news++;
                }
        }
}

/* ---- receive ---- */

/* What a connection that is over answers, once: its error. */
static int last_words(struct bsd_sock *s)
{
        int error = s->error;

        s->error = 0;
        s->error_told = s->error_told || error != 0;
        return -error;
}

int64_t bsd_ready(struct elko_bsd *b, const struct bsd_sock *s)
{
        return s->handle == ELKO_SOCK_NONE ? ELKO_ENOTCONN : elko_recv_ready(b->st, s->handle);
}

/* MSG_PEEK, and MSG_TRUNC, which throws away. `skip`: bytes that are passed over. */
static ssize_t look(struct elko_bsd *b, struct bsd_sock *s, uint8_t *buf, size_t len, int flags,
                    size_t skip)
{
        struct elko_slice part[2];
        int64_t r = elko_recv_peek(b->st, s->handle, part);
        size_t n = 0;

        if (r <= 0)
                return r;
        for (unsigned i = 0; i < 2 && n < len; i++) {
                size_t from = skip < part[i].len ? skip : part[i].len;
                size_t take = part[i].len - from < len - n ? part[i].len - from : len - n;

                skip -= from;
                if (!(flags & MSG_TRUNC) && take > 0)
                        memcpy(buf + n, (const uint8_t *)part[i].data + from, take);
                n += take;
        }
        if (!(flags & MSG_PEEK))
                elko_recv_consume(b->st, s->handle, n);
        return n > 0 ? (ssize_t)n : ELKO_EAGAIN;
}

/* SO_RCVLOWAT: a call that may wait does so until there is that much, or nothing more will come. */
static bool bsd_recv_waits(struct elko_bsd *b, const struct bsd_sock *s, size_t len, int flags)
{
        size_t target = s->opt.rcv_lowat > 0 ? (size_t)s->opt.rcv_lowat : 1;
        int64_t n = bsd_ready(b, s);

        if (s->non_block || (flags & MSG_DONTWAIT) || s->eof || s->read_shut || s->kind != BSD_OPEN)
                return false;
        return n > 0 && (size_t)n < (target < len ? target : len);
}

static struct bsd_sock *pipe_of(struct elko_bsd *b, int fd, enum bsd_kind kind)
{
        return fd >= 0 && fd < b->top && b->sock[fd].kind == kind ? &b->sock[fd] : NULL;
}

ssize_t elko_bsd_recv(struct elko_bsd *b, int fd, void *buf, size_t len, int flags)
{
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);
        size_t skip;
        int64_t r;

        if (s == NULL)
                return pipe_of(b, fd, BSD_PIPE_OUT) != NULL ? bsd_pipe_read(&b->sock[fd], buf, len)
                                                            : error;
        if (flags & MSG_ERRQUEUE) { /* without a place for control messages it is lost */
                struct msghdr none = {0};

                return bsd_errq_take(b, s, &none);
        }
        elko_bsd_update(b);
        if (flags & MSG_OOB)
                return bsd_urgent_recv(b, s, buf, len, flags);
        if (s->kind == BSD_NEW || s->kind == BSD_LISTENER)
                return s->error != 0 ? last_words(s) : -ENOTCONN;
        if (s->kind == BSD_CONNECTING)
                return s->read_shut ? 0 : -EAGAIN;
        if (len == 0)
                return 0;
        if (s->handle == ELKO_SOCK_NONE)
                return last_words(s);
        if (bsd_recv_waits(b, s, len, flags))
                return -EAGAIN;
        len = bsd_urgent_limit(b, s, len, &skip);
        if (skip > 0 && !(flags & MSG_PEEK))
                skip = elko_recv_consume(b->st, s->handle, skip) != ELKO_OK;
        if (bsd_ready(b, s) > 0 && buf == NULL && !(flags & MSG_TRUNC))
                return -EFAULT;
        r = flags & (MSG_PEEK | MSG_TRUNC) ? look(b, s, buf, len, flags, skip)
                                           : elko_recv(b->st, s->handle, buf, len);
        if (r > 0)
                return (ssize_t)r;
        if (r == ELKO_EAGAIN)
                return s->read_shut ? 0 : -EAGAIN;
        if (r == 0)
                return s->error != 0 ? last_words(s) : 0;
        if (s->error_told)
                return 0;
        s->error = bsd_errno(r);
        return last_words(s);
}

/* ---- send ---- */

ssize_t elko_bsd_send(struct elko_bsd *b, int fd, const void *buf, size_t len, int flags)
{
        return bsd_send(b, fd, buf, len, flags, 0);
}

ssize_t bsd_send(struct elko_bsd *b, int fd, const void *buf, size_t len, int flags,
                 unsigned stamps)
{
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);
        size_t whole = len;
        int64_t r;

        if (s == NULL)
                return pipe_of(b, fd, BSD_PIPE_IN) != NULL ? bsd_pipe_write(&b->sock[fd], buf, len)
                                                           : error;
        if (bsd_fast_begins(s, flags)) {
                struct iovec one = {(void *)(uintptr_t)buf, len};
                struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1};
                bool open;
                ssize_t n = bsd_fast_send(b, s, &m, flags, stamps, &open);

                if (!open)
                        return n;
        }
        elko_bsd_update(b);
        if (s->error != 0 && (s->kind == BSD_DEAD || s->kind == BSD_NEW))
                return last_words(s);
        if (s->kind == BSD_NEW || s->kind == BSD_LISTENER || (s->kind == BSD_DEAD && !s->was_open))
                return -EPIPE;
        if (s->write_shut || s->error_told || s->kind == BSD_DEAD)
                return -EPIPE;
        if (s->kind == BSD_CONNECTING)
                return -EAGAIN;
        if (len == 0)
                return 0;
        if (buf == NULL)
                return -EFAULT;
        len = bsd_send_share(b, s, len);
        if (len == 0)
                return -EAGAIN;
        if (bsd_eor_waits(b, s))
                r = bsd_eor_keep(b, s, buf, len);
        else
                r = elko_send(
                        b->st, s->handle, buf, len,
                        ((flags & MSG_MORE) || len < whole ? ELKO_SEND_MORE : 0u) |
                                ((flags & MSG_MORE) && len == whole ? ELKO_SEND_NO_PUSH : 0u) |
                                (flags & MSG_OOB ? ELKO_SEND_URGENT : 0u));
        if (r >= 0) {
                bsd_mark_sent(s, (size_t)r, flags, stamps);
                bsd_send_count(b, s, (size_t)r);
                if ((flags & MSG_EOR) && (size_t)r == whole)
                        bsd_eor_mark(s);
                return (ssize_t)r;
        }
        if (r == ELKO_ENOMEM)
                return -EAGAIN;
        return -bsd_errno(r);
}

/* ---- shutdown, close ---- */

static bool is_in(struct elko_bsd *b, const struct bsd_sock *s, enum elko_tcp_state state)
{
        struct elko_tcp_info info;

        return elko_tcp_info_get(b->st, s->handle, &info) == ELKO_OK && info.state == state;
}

int elko_bsd_shutdown(struct elko_bsd *b, int fd, int how)
{
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);

        if (s == NULL)
                return error;
        if (how < SHUT_RD || how > SHUT_RDWR)
                return -EINVAL;
        elko_bsd_update(b);
        if (s->kind == BSD_LISTENER) {
                /* tcp(7) says nothing of it; Linux stops listening when the reading side is shut. */
                if (how == SHUT_WR)
                        return 0;
                elko_close(b->st, s->handle);
                s->handle = ELKO_SOCK_NONE;
                s->kind = BSD_NEW;
                return 0;
        }
        if (s->kind == BSD_NEW || s->kind == BSD_DEAD)
                return -ENOTCONN;
        /* Before the connection is open Linux gives it up: there is nothing to end in order. */
        if (s->kind == BSD_CONNECTING && !is_in(b, s, ELKO_TCP_SYN_RECEIVED)) {
                /* In SYN-RECEIVED the peer's SYN has met ours. */
                s->news++;
                return disconnect(b, s);
        }
        if (how != SHUT_WR) {
                s->read_shut = true;
                if (s->handle != ELKO_SOCK_NONE)
                        elko_shutdown_read(b->st, s->handle);
        }
        if (how != SHUT_RD && !s->write_shut) {
                int r;

                bsd_eor_release(b, s, true);
                r = elko_shutdown(b->st, s->handle);
                if (r != ELKO_OK)
                        return -bsd_errno(r);
                s->write_shut = true;
        }
        s->news++;
        return 0;
}

int elko_bsd_close(struct elko_bsd *b, int fd)
{
        struct bsd_sock *s;

        if (fd < 0 || fd >= b->top || b->sock[fd].kind == BSD_FREE)
                return -EBADF;
        s = &b->sock[fd];
        if (s->handle != ELKO_SOCK_NONE) {
                bsd_eor_release(b, s, true);
                elko_set_user(b->st, s->handle, NULL);
                if (s->kind != BSD_LISTENER &&
                    ((s->opt.linger.l_onoff && s->opt.linger.l_linger == 0) ||
                     (s->opt.linger2 < 0 && is_in(b, s, ELKO_TCP_FIN_WAIT_2))))
                        elko_abort(b->st, s->handle);
                else
                        elko_close(b->st, s->handle);
        }
        bsd_epoll_forget(b, fd);
        bsd_epoll_free(s);
        bsd_errq_free(s);
        bsd_send_forget(s);
        bsd_eor_free(s);
        bsd_pipe_close(s);
        s->kind = BSD_FREE;
        s->bound = false;
        return 0;
}

/* ---- readiness ---- */

unsigned elko_bsd_poll(struct elko_bsd *b, int fd)
{
        struct bsd_sock *s;
        unsigned r = 0;
        int64_t target;

        if (fd < 0 || fd >= b->top || b->sock[fd].kind == BSD_FREE)
                return POLLNVAL;
        elko_bsd_update(b);
        s = &b->sock[fd];
        switch (s->kind) {
        case BSD_NEW: return POLLOUT | POLLWRNORM | POLLHUP | (s->error != 0 ? POLLERR : 0u);
        case BSD_CONNECTING: return s->deferred ? POLLOUT | POLLWRNORM : 0;
        case BSD_LISTENER: {
                struct elko_tcp_info info;

                return elko_tcp_info_get(b->st, s->handle, &info) == ELKO_OK && info.unacked > 0
                               ? POLLIN | POLLRDNORM
                               : 0;
        }
        case BSD_EPOLL: {
                struct epoll_event one;

                return elko_bsd_epoll_wait(b, fd, &one, 0) > 0 ? POLLIN : 0;
        }
        case BSD_PIPE_OUT:
        case BSD_PIPE_IN: return bsd_pipe_poll(s);
        default: break;
        }
        target = s->opt.rcv_lowat > 1 ? s->opt.rcv_lowat : 1;
        if (!s->opt.oob_inline && bsd_at_mark(b, s))
                target++;
        if (bsd_ready(b, s) >= target)
                r |= POLLIN | POLLRDNORM;
        if (bsd_urgent_waits(b, s))
                r |= POLLPRI;
        /* The end of the stream is told as soon as it is known, whatever is unread before it. */
        if (s->eof || s->read_shut || s->kind == BSD_DEAD)
                r |= POLLIN | POLLRDNORM | POLLRDHUP;
        if (s->kind == BSD_DEAD || s->write_shut || bsd_send_has_room(b, s))
                r |= POLLOUT | POLLWRNORM;
        if (s->error != 0 || s->reports != NULL)
                r |= POLLERR;
        if (s->kind == BSD_DEAD || (s->read_shut && s->write_shut))
                r |= POLLHUP | POLLRDHUP;
        return r;
}

bool elko_bsd_blocks(struct elko_bsd *b, int fd)
{
        return fd >= 0 && fd < b->top && b->sock[fd].kind != BSD_FREE && !b->sock[fd].non_block;
}

elko_sock elko_bsd_handle(struct elko_bsd *b, int fd)
{
        return fd >= 0 && fd < b->top && b->sock[fd].kind != BSD_FREE ? b->sock[fd].handle
                                                                      : ELKO_SOCK_NONE;
}

/* ---- fcntl, ioctl, names ---- */

int elko_bsd_fcntl(struct elko_bsd *b, int fd, int cmd, int arg)
{
        if (fd < 0 || fd >= b->top || b->sock[fd].kind == BSD_FREE)
                return -EBADF;
        switch (cmd) {
        case F_GETFL: return O_RDWR | (b->sock[fd].non_block ? O_NONBLOCK : 0);
        case F_SETFL: b->sock[fd].non_block = (arg & O_NONBLOCK) != 0; return 0;
        case F_GETFD:
        case F_SETFD: return 0;
        default: return -EINVAL;
        }
}

int elko_bsd_ioctl(struct elko_bsd *b, int fd, unsigned long request, int *arg)
{
        struct elko_tcp_info info;
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);
        int64_t n;

        if (s == NULL)
                return error;
        if (arg == NULL)
                return -EFAULT;
        if (request == FIONBIO) {
                s->non_block = *arg != 0;
                return 0;
        }
        if (s->kind == BSD_LISTENER)
                return -EINVAL;
        if (request == FIONREAD) {
                n = bsd_urgent_ready(b, s);
                *arg = n > 0 ? (int)n : 0;
                return 0;
        }
        if (request == SIOCATMARK) {
                *arg = bsd_at_mark(b, s);
                return 0;
        }
        if (request != SIOCOUTQ && request != SIOCOUTQNSD)
                return -ENOTTY;
        *arg = 0;
        if (s->handle != ELKO_SOCK_NONE && elko_tcp_info_get(b->st, s->handle, &info) == ELKO_OK)
                *arg = (int)(request == SIOCOUTQ ? info.snd_buf_used : info.notsent);
        return 0;
}

int elko_bsd_getname(struct elko_bsd *b, int fd, bool peer, struct sockaddr *addr, socklen_t *len)
{
        struct elko_tcp_info info;
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);
        bool known;

        if (s == NULL)
                return error;
        known = s->handle != ELKO_SOCK_NONE && s->kind != BSD_LISTENER &&
                elko_tcp_info_get(b->st, s->handle, &info) == ELKO_OK;
        if (peer && (!known || s->kind != BSD_OPEN))
                return -ENOTCONN;
        bsd_to_sockaddr(s, known ? (peer ? &info.remote : &info.local) : &s->local, addr, len);
        return 0;
}
