/* SPDX-License-Identifier: MIT */
#include "conv_room.h"

#include "stack/stack.h"

/* The application's calls, and looking at what came of them. */

/* ---- the application ---- */

void conv_require_ok(struct conv *c, const char *call, int64_t r)
{
        if (r < 0)
                conv_fail(c, "%s: %s", call, elko_error_name((int)r));
}

void conv_connect_(struct conv *c)
{
        elko_endpoint local, remote;

        conv_before_call(c);
        conv_endpoints(c, &local, &remote);
        conv_log(c, "connect");
        conv_require_ok(c, "elko_connect", elko_connect(c->st, &remote, &local, &c->f->sock));
        conv_after_call(c);
}

void conv_accept_(struct conv *c)
{
        elko_endpoint remote;

        conv_before_call(c);
        conv_log(c, "accept");
        conv_require_ok(c, "elko_accept", elko_accept(c->st, c->listener, &c->f->sock, &remote));
        if (remote.port != c->f->peer_port)
                conv_fail(c, "accepted another flow, with port %u", remote.port);
        conv_after_call(c);
}

void conv_accept_none_(struct conv *c)
{
        elko_sock s;
        int r = elko_accept(c->st, c->listener, &s, NULL);

        if (r != ELKO_EAGAIN)
                conv_fail(c, "elko_accept: EAGAIN expected, it said %s", elko_error_name(r));
}

static uint8_t *fill_pattern(uint64_t offset, size_t n)
{
        uint8_t *buf = malloc(n != 0 ? n : 1);

        for (size_t i = 0; i < n; i++)
                buf[i] = conv_stack_byte(offset + i);
        return buf;
}

static int64_t try_send(struct conv *c, size_t n, uint32_t flags)
{
        uint8_t *buf = fill_pattern(c->f->sent, n);
        int64_t r;

        conv_before_call(c);
        c->f->urgent |= (flags & ELKO_SEND_URGENT) != 0;
        r = elko_send(c->st, c->f->sock, buf, n, flags);
        free(buf);
        conv_log(c, "send %zu: %lld", n, (long long)r);
        if (r > 0)
                c->f->sent += (uint64_t)r;
        conv_after_call(c);
        return r;
}

int64_t conv_try_send(struct conv *c, size_t n)
{
        return try_send(c, n, 0);
}

void conv_send_(struct conv *c, size_t n, uint32_t flags)
{
        int64_t r = try_send(c, n, flags);

        conv_require_ok(c, "elko_send", r);
        if ((size_t)r != n)
                conv_fail(c, "elko_send took %lld of %zu bytes", (long long)r, n);
}

static void check_received(struct conv *c, const uint8_t *buf, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (buf[i] != conv_peer_byte(c->f->received + i))
                        conv_fail(c, "I-12: received: byte %llu of the stream is wrong",
                                  (unsigned long long)(c->f->received + i));
        c->f->received += n;
}

static void receive(struct conv *c, size_t n, bool all)
{
        uint8_t *buf = malloc(n + 1);
        int64_t ready, r;

        conv_before_call(c);
        ready = elko_recv_ready(c->st, c->f->sock);
        r = elko_recv(c->st, c->f->sock, buf, n);
        conv_log(c, "recv %zu: %lld of %lld", n, (long long)r, (long long)ready);
        if (r > 0)
                check_received(c, buf, (size_t)r);
        free(buf);
        conv_require_ok(c, "elko_recv", r);
        if ((size_t)r != n || (all && ready != r))
                conv_fail(c, "elko_recv: %zu bytes expected, %lld were there", n, (long long)ready);
        conv_after_call(c);
}

void conv_recv_(struct conv *c, size_t n)
{
        receive(c, n, true);
}

void conv_recv_some_(struct conv *c, size_t n)
{
        receive(c, n, false);
}

void conv_recv_is_(struct conv *c, int64_t answer)
{
        uint8_t byte;
        int64_t r = elko_recv(c->st, c->f->sock, &byte, 1);

        if (r != answer)
                conv_fail(c, "elko_recv: %s expected, it said %lld %s",
                          answer < 0 ? elko_error_name((int)answer) : "0", (long long)r,
                          r < 0 ? elko_error_name((int)r) : "");
        conv_after_call(c);
}

void conv_shutdown_(struct conv *c)
{
        conv_before_call(c);
        conv_log(c, "shutdown");
        conv_require_ok(c, "elko_shutdown", elko_shutdown(c->st, c->f->sock));
        conv_after_call(c);
}

void conv_close_(struct conv *c)
{
        conv_before_call(c);
        conv_log(c, "close");
        conv_require_ok(c, "elko_close", elko_close(c->st, c->f->sock));
        c->f->sock = ELKO_SOCK_NONE;
        c->f->events = 0;
        conv_after_call(c);
}

void conv_abort_(struct conv *c)
{
        conv_before_call(c);
        conv_log(c, "abort");
        conv_require_ok(c, "elko_abort", elko_abort(c->st, c->f->sock));
        c->f->sock = ELKO_SOCK_NONE;
        c->f->events = 0;
        conv_after_call(c);
}

void conv_close_listener_(struct conv *c)
{
        conv_before_call(c);
        conv_log(c, "close the listener");
        conv_require_ok(c, "elko_close", elko_close(c->st, c->listener));
        c->listener = ELKO_SOCK_NONE;
        c->listen_events = 0;
        conv_after_call(c);
}

void conv_set_(struct conv *c, enum elko_option option, uint64_t value)
{
        conv_before_call(c);
        conv_require_ok(c, "elko_set_option", elko_set_option(c->st, c->f->sock, option, value));
        conv_after_call(c);
}

/* ---- looking ---- */

bool conv_find(struct conv *c, struct elko_tcp_info *out)
{
        struct elko_tcp_info info;
        uint64_t cursor = 0;
        bool found = false;

        while (elko_each(c->st, &cursor, NULL, &info)) {
                if (info.state == ELKO_TCP_LISTEN || info.local.port != c->f->port ||
                    info.remote.port != c->f->peer_port)
                        continue;
                if (!found || info.state != ELKO_TCP_CLOSED)
                        *out = info;
                found = true;
        }
        return found;
}

enum elko_tcp_state conv_get_state(struct conv *c)
{
        struct elko_tcp_info info;

        if (!conv_find(c, &info) || info.state == ELKO_TCP_CLOSED)
                return c->listener != ELKO_SOCK_NONE ? ELKO_TCP_LISTEN : ELKO_TCP_CLOSED;
        return info.state;
}

void conv_state_(struct conv *c, enum elko_tcp_state state)
{
        enum elko_tcp_state is = conv_get_state(c);

        /* With a listener, a flow that the stack knows nothing of is the listener's. */
        if (state == ELKO_TCP_CLOSED && is == ELKO_TCP_LISTEN)
                return;
        if (is != state)
                conv_fail(c, "state %s, expected %s", elko_tcp_state_name(is),
                          elko_tcp_state_name(state));
}

static void event_names(uint32_t bits, char *buf, size_t cap)
{
        static const char *const names[] = {"ACCEPT",     "SYN",    "CONNECTED", "READABLE",
                                            "WRITABLE",   "EOF",    "SENT",      "ERROR",
                                            "SOFT_ERROR", "CLOSED", "ECHO"};
        size_t n = 0;

        buf[0] = '\0';
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (bits & 1u << i)
                        n += (size_t)snprintf(buf + n, cap - n, " %s", names[i]);
        if (n == 0)
                snprintf(buf, cap, " none");
}

static void check_events(struct conv *c, uint32_t *have, uint32_t bits)
{
        char is[200], expected[200];

        if (*have == bits) {
                *have = 0;
                return;
        }
        event_names(*have, is, sizeof(is));
        event_names(bits, expected, sizeof(expected));
        conv_fail(c, "events:%s; expected:%s", is, expected);
}

void conv_event_(struct conv *c, uint32_t bits)
{
        check_events(c, &c->f->events, bits);
}

void conv_event_error_(struct conv *c, uint32_t bits, int error)
{
        check_events(c, &c->f->events, bits);
        if (c->f->error != error)
                conv_fail(c, "error %s, expected %s", elko_error_name(c->f->error),
                          elko_error_name(error));
}

void conv_listen_event_(struct conv *c, uint32_t bits)
{
        check_events(c, &c->listen_events, bits);
}

void conv_dropped_(struct conv *c, enum elko_drop reason)
{
        const struct elko_counters *now = elko_counters_get(c->st);

        for (unsigned i = 0; i < ELKO_DROP_COUNT; i++) {
                uint64_t n = now->drops[i] - c->before.drops[i];

                if (i == (unsigned)reason && reason != ELKO_DROP_NONE && n != 1)
                        conv_fail(c, "dropped for %s: %llu times, expected once",
                                  elko_drop_name(reason), (unsigned long long)n);
                if (i != (unsigned)reason && n != 0 && i != ELKO_DROP_TCP_REPLY_LIMIT)
                        conv_fail(c, "dropped for %s, expected %s",
                                  elko_drop_name((enum elko_drop)i), elko_drop_name(reason));
        }
}

struct elko_tcp_info conv_info(struct conv *c)
{
        struct elko_tcp_info info;
        int r = elko_tcp_info_get(c->st, c->f->sock, &info);

        conv_require_ok(c, "elko_tcp_info_get", r);
        return info;
}

struct elko_memory_info conv_memory(struct conv *c)
{
        struct elko_memory_info m;

        elko_memory_get(c->st, &m);
        return m;
}

/* ---- memory ---- */

static struct {
        void *block;
        size_t bytes;
} hog[2048];

static unsigned hogs;

void conv_take_all(struct conv *c)
{
        struct ek_region *region = c->st->region;

        hogs = 0;
        for (size_t bytes = 1 << 20; bytes >= ek_region_min_block(region) && hogs < 2048;) {
                hog[hogs].block = ek_region_alloc(region, bytes);
                hog[hogs].bytes = bytes;
                if (hog[hogs].block == NULL)
                        bytes /= 2;
                else
                        hogs++;
        }
}

void conv_give_all(struct conv *c)
{
        while (hogs > 0) {
                hogs--;
                ek_region_free(c->st->region, hog[hogs].block, hog[hogs].bytes);
        }
}
