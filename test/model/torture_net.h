/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_MODEL_TORTURE_NET_H
#define EK_TEST_MODEL_TORTURE_NET_H

/*
 * What a torture run is made of: two stacks on the wire of net_wire.h, applications that follow a plan
 * given as data, and one misfortune: the n-th allocation of one stack fails, or its link does not ask for
 * output.
 *
 * The applications are strictly event-driven: one that was told EAGAIN tries again when the stack says so
 * and not before. So a stack that forgets an event is found out: its application never goes on. A call
 * that itself answers ENOMEM changed nothing, and is made again 100 ms later.
 */

#include "net_wire.h"

#include "stack/stack.h"

enum { TOR_RETRY_MS = 100, TOR_OPTIONS = 3 };

/* How an application ends its connection. */
enum tor_end {
        TOR_SHUT_AFTER_EOF,  /* when it has sent all and heard the peer's end */
        TOR_SHUT_FIRST,      /* when it has sent all */
        TOR_SHUT_HAVING_ALL, /* when it has sent and received all */
        TOR_ANSWER,          /* it writes only after the peer's end: half-close */
        TOR_CLOSE,           /* elko_close() when all is queued: the stack does the rest alone */
        TOR_CLOSE_UNREAD,    /* elko_close() with received bytes unread */
        TOR_ABORT_HALF,      /* elko_abort() when half has come */
        TOR_ABORT_SENT,      /* elko_abort() when all is queued */
};

struct tor_side {
        uint32_t bytes; /* that it sends */
        enum tor_end end;
        uint64_t read_from, write_from; /* instants; not before */
        uint32_t piece;                 /* bytes for a call; 0: as much as fits */
        bool zero_copy;                 /* peek and consume, reserve and commit */
        struct {
                enum elko_option option;
                uint64_t value;
        } opt[TOR_OPTIONS];
        unsigned opts;
};

struct tor_scenario {
        const char *name;
        struct net_scenario net;
        struct tor_side side[2]; /* the client's and the server's plan, of every connection */
        unsigned rounds;         /* the same ports again, so often; 0: once */
        uint64_t stagger_ns;     /* between connections */
        uint32_t listen_flags, backlog, syn_queue;
        uint64_t accept_from, close_listener_at, cut_at;
        uint32_t frames; /* most that the link takes at once; 0: 4 */
        bool no_wscale, no_cookies;
        uint32_t max_time_wait, max_connections;
        /* How far it comes before it is cut short is not part of the outcome. */
        bool cut_short;
};

enum tor_kind {
        TOR_NOTHING,
        TOR_ALLOC_ONCE,
        TOR_ALLOC_OTHER, /* and every other from then on */
        TOR_ALLOC_WHILE, /* for 3 s */
        TOR_ALLOC_EVER,
        TOR_LINK_BRIEF, /* for 150 ms */
        TOR_LINK_WHILE, /* for 3 s */
        TOR_LINK_EVER,
        TOR_KINDS
};

#define TOR_WHILE  ELKO_SEC(3)
#define TOR_MOMENT ELKO_MS(150)

struct tor_misfortune {
        enum tor_kind kind;
        unsigned side;
        uint64_t nth;
};

struct tor_app {
        bool can_read, can_write, listed;
        unsigned opt, round;
        uint64_t wake, connect_at;
};

struct tor {
        struct net n;
        struct tor_scenario sc; /* a copy */
        struct tor_misfortune bad;
        struct tor_app app[NET_CONNS][2];
        bool can_accept, listening, listener_closed;
        uint64_t listen_at;
        uint64_t pulls[2]; /* times that the link asked and there was something */
        uint64_t alloc_until, hold_until[2];
        uint64_t loose[2]; /* bytes that neither pools nor table hold, before anything happened */
        uint64_t allocs[2], next_fail;
        unsigned enomem; /* calls that said so */
        unsigned impatient;
        unsigned steps;
};

/* What the user of an end is left with; the same with and without a misfortune that passes. */
struct tor_outcome {
        int error;
        bool eof, absent;
        uint64_t received;
        unsigned rounds;
};

static inline elko_stack *tor_stack(struct tor *t, unsigned i)
{
        return t->n.node[i].st;
}

/* As net_on_trace(), which does not know the way back of RFC 9293, 3.6.1 (MAY-2): a SYN that reopened a
 * connection in TIME-WAIT "turns out to be an old duplicate". */
static inline void tor_on_trace(void *ctx, const struct elko_trace_event *ev)
{
        if (ev->kind == ELKO_TRACE_STATE && ev->old_state == ELKO_TCP_LISTEN &&
            ev->state == ELKO_TCP_TIME_WAIT)
                return;
        net_on_trace(ctx, ev);
}

/* ---- applications ---- */

static inline void tor_gone(struct tor *t, unsigned c, unsigned i, int r)
{
        struct net_end *e = &t->n.end[c][i];

        if (r != 0)
                net_fail(&t->n, "close or abort: %s", elko_error_name(r));
        e->gone = true;
        e->open = false;
        t->app[c][i].wake = ELKO_NEVER;
        net_check(&t->n, i);
}

static inline void tor_close(struct tor *t, unsigned c, unsigned i)
{
        tor_gone(t, c, i, elko_close(tor_stack(t, i), t->n.end[c][i].sock));
}

static inline void tor_abort(struct tor *t, unsigned c, unsigned i, int as)
{
        t->n.end[c][i].error = as;
        tor_gone(t, c, i, elko_abort(tor_stack(t, i), t->n.end[c][i].sock));
}

static inline void tor_verify(struct tor *t, unsigned c, unsigned i, const uint8_t *p, uint64_t k)
{
        struct net_end *e = &t->n.end[c][i];

        for (uint64_t j = 0; j < k; j++)
                if (p[j] != net_byte(c, 1 - i, e->received + j)) {
                        net_fail(&t->n, "connection %u, end %u: byte %llu is wrong", c, i,
                                 (unsigned long long)(e->received + j));
                        return;
                }
        e->received += k;
        if (e->received > t->sc.side[1 - i].bytes)
                net_fail(&t->n, "connection %u, end %u received more than was sent", c, i);
}

static inline int64_t tor_read_some(struct tor *t, unsigned c, unsigned i)
{
        const struct tor_side *plan = &t->sc.side[i];
        elko_sock s = t->n.end[c][i].sock;
        elko_stack *st = tor_stack(t, i);
        uint8_t buf[4096];
        int64_t k;

        if (plan->zero_copy) {
                struct elko_slice out[2];

                k = elko_recv_peek(st, s, out);
                if (k <= 0)
                        return k;
                tor_verify(t, c, i, out[0].data, out[0].len);
                tor_verify(t, c, i, out[1].data, out[1].len);
                if (elko_recv_consume(st, s, (size_t)k) != 0)
                        net_fail(&t->n, "elko_recv_consume()");
                return k;
        }
        k = elko_recv(st, s, buf, plan->piece != 0 && plan->piece < 4096 ? plan->piece : 4096);
        if (k > 0)
                tor_verify(t, c, i, buf, (uint64_t)k);
        return k;
}

static inline void tor_read(struct tor *t, unsigned c, unsigned i)
{
        struct net_end *e = &t->n.end[c][i];
        struct tor_app *a = &t->app[c][i];

        while (a->can_read && !e->eof && t->n.bad[0] == '\0') {
                int64_t k = tor_read_some(t, c, i);

                net_check(&t->n, i);
                if (k == ELKO_EAGAIN) {
                        a->can_read = false;
                } else if (k < 0) {
                        e->error = (int)k;
                        return;
                } else if (k == 0) {
                        e->eof = true;
                }
        }
}

static inline int64_t tor_write_some(struct tor *t, unsigned c, unsigned i, uint64_t want)
{
        struct net_end *e = &t->n.end[c][i];
        elko_stack *st = tor_stack(t, i);
        struct elko_slice out[2];
        uint8_t buf[8192];
        int64_t k;

        if (want > sizeof(buf))
                want = sizeof(buf);
        if (!t->sc.side[i].zero_copy) {
                for (uint64_t j = 0; j < want; j++)
                        buf[j] = net_byte(c, i, e->sent + j);
                return elko_send(st, e->sock, buf, want, 0);
        }
        k = elko_send_reserve(st, e->sock, want, out);
        if (k <= 0)
                return k;
        for (uint64_t j = 0, at = e->sent; j < 2; j++)
                for (uint32_t b = 0; b < out[j].len; b++)
                        ((uint8_t *)(uintptr_t)out[j].data)[b] = net_byte(c, i, at++);
        return elko_send_commit(st, e->sock, (size_t)k, 0);
}

static inline void tor_write(struct tor *t, unsigned c, unsigned i)
{
        const struct tor_side *plan = &t->sc.side[i];
        struct net_end *e = &t->n.end[c][i];
        struct tor_app *a = &t->app[c][i];

        while (a->can_write && e->sent < plan->bytes && t->n.bad[0] == '\0') {
                uint64_t want = plan->bytes - e->sent;
                int64_t k;

                if (plan->piece != 0 && want > plan->piece)
                        want = plan->piece;
                k = tor_write_some(t, c, i, want);
                net_check(&t->n, i);
                if (k == ELKO_EAGAIN) {
                        a->can_write = false;
                } else if (k < 0) {
                        e->error = (int)k;
                        return;
                } else if (k == 0) {
                        net_fail(&t->n, "elko_send() took nothing and did not say so");
                } else {
                        e->sent += (uint64_t)k;
                        t->n.wrote[i] += (uint64_t)k;
                }
        }
}

/* False: not all are set yet. */
static inline bool tor_options(struct tor *t, unsigned c, unsigned i)
{
        const struct tor_side *plan = &t->sc.side[i];
        struct tor_app *a = &t->app[c][i];

        while (a->opt < plan->opts) {
                int r = elko_set_option(tor_stack(t, i), t->n.end[c][i].sock,
                                        plan->opt[a->opt].option, plan->opt[a->opt].value);

                if (r == ELKO_ENOMEM) {
                        t->enomem++;
                        a->wake = t->n.now + ELKO_MS(TOR_RETRY_MS);
                        return false;
                }
                if (r != 0 && r != ELKO_EBADF)
                        net_fail(&t->n, "elko_set_option(): %s", elko_error_name(r));
                a->opt++;
        }
        return true;
}

/* Shutdown, close, abort: true when the handle is gone. */
static inline bool tor_ends(struct tor *t, unsigned c, unsigned i)
{
        const struct tor_side *plan = &t->sc.side[i];
        struct net_end *e = &t->n.end[c][i];
        uint64_t due = t->sc.side[1 - i].bytes;
        bool all_sent = e->sent == plan->bytes, now_shut = all_sent && e->eof;

        if (plan->end == TOR_ABORT_HALF && e->received > 0 && e->received >= due / 2) {
                tor_abort(t, c, i, ELKO_ECONNABORTED);
                return true;
        }
        if (plan->end == TOR_ABORT_SENT && all_sent) {
                tor_abort(t, c, i, ELKO_ECONNABORTED);
                return true;
        }
        if (plan->end == TOR_CLOSE && all_sent) {
                tor_close(t, c, i);
                return true;
        }
        if (plan->end == TOR_SHUT_FIRST || (plan->end == TOR_SHUT_HAVING_ALL && e->received == due))
                now_shut = all_sent;
        if (now_shut && !e->shut) {
                int r = elko_shutdown(tor_stack(t, i), e->sock);

                net_check(&t->n, i);
                if (r != 0)
                        e->error = r;
                e->shut = true;
        }
        if (!e->shut || !e->eof)
                return false;
        tor_close(t, c, i);
        return true;
}

static inline uint64_t tor_sooner(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static inline void tor_app_step(struct tor *t, unsigned c, unsigned i)
{
        const struct tor_side *plan = &t->sc.side[i];
        struct net_end *e = &t->n.end[c][i];
        struct tor_app *a = &t->app[c][i];

        if (e->sock == ELKO_SOCK_NONE || e->gone)
                return;
        a->wake = ELKO_NEVER;
        if (e->error == 0 && !tor_options(t, c, i))
                return;
        if (e->error == 0 && e->open) {
                if (plan->end == TOR_CLOSE_UNREAD) {
                        if (elko_recv_ready(tor_stack(t, i), e->sock) > 0) {
                                tor_close(t, c, i);
                                return;
                        }
                } else if (t->n.now < plan->read_from) {
                        a->wake = plan->read_from;
                } else {
                        tor_read(t, c, i);
                }
                if (e->error == 0 && t->n.now < plan->write_from)
                        a->wake = tor_sooner(a->wake, plan->write_from);
                else if (e->error == 0 && (plan->end != TOR_ANSWER || e->eof))
                        tor_write(t, c, i);
                if (e->error == 0 && tor_ends(t, c, i))
                        return;
        }
        if (e->error != 0)
                tor_close(t, c, i);
}

static inline void tor_accept(struct tor *t)
{
        elko_stack *st = tor_stack(t, 1);
        elko_endpoint remote;
        elko_sock s;
        int r;

        while ((r = elko_accept(st, t->n.node[1].listener, &s, &remote)) == 0) {
                unsigned c = (unsigned)(remote.port - NET_CLIENT_PORT);

                net_check(&t->n, 1);
                if (c >= t->sc.net.conns || t->n.end[c][1].sock != ELKO_SOCK_NONE) {
                        net_fail(&t->n, "accepted a connection that nobody opened, or twice");
                        return;
                }
                t->n.end[c][1].sock = s;
                t->n.end[c][1].open = true;
                t->app[c][1].can_read = t->app[c][1].can_write = true;
        }
        t->can_accept = false;
        if (r != ELKO_EAGAIN)
                net_fail(&t->n, "elko_accept(): %s", elko_error_name(r));
}

static inline void tor_verdicts(struct tor *t)
{
        struct elko_syn syn;

        while (elko_syn_next(tor_stack(t, 1), t->n.node[1].listener, &syn) == 0)
                if (elko_syn_verdict(tor_stack(t, 1), syn.id, ELKO_VERDICT_ACCEPT) != 0)
                        net_fail(&t->n, "elko_syn_verdict()");
}

static inline void tor_event(struct tor *t, unsigned i, const struct elko_event *ev)
{
        if (i == 1 && t->listening && ev->sock == t->n.node[1].listener) {
                t->can_accept = t->can_accept || (ev->bits & ELKO_EV_ACCEPT) != 0;
                if (ev->bits & ELKO_EV_SYN)
                        tor_verdicts(t);
                return;
        }
        for (unsigned c = 0; c < t->sc.net.conns; c++) {
                struct net_end *e = &t->n.end[c][i];
                struct tor_app *a = &t->app[c][i];

                if (e->sock != ev->sock || e->gone)
                        continue;
                if (ev->bits & ELKO_EV_CONNECTED)
                        e->open = a->can_write = true;
                if (ev->bits & (ELKO_EV_READABLE | ELKO_EV_EOF))
                        a->can_read = true;
                if (ev->bits & ELKO_EV_WRITABLE)
                        a->can_write = true;
                if (!(ev->bits & ELKO_EV_ERROR))
                        continue;
                /* What came before the error counts. */
                a->can_read = true;
                if (e->open && t->sc.side[i].end != TOR_CLOSE_UNREAD)
                        tor_read(t, c, i);
                e->error = ev->error;
                if (ev->error == 0)
                        net_fail(&t->n, "an ERROR event without error");
        }
}

/* ---- the link asks ---- */

/* The link asks for output, unless it is busy. */
static inline void tor_pull(struct tor *t, unsigned i)
{
        struct net *n = &t->n;
        const struct tor_misfortune *bad = &t->bad;

        if (n->now < t->hold_until[i])
                return;
        if (elko_has_output(tor_stack(t, i), n->node[i].link)) {
                t->pulls[i]++;
                if (bad->kind >= TOR_LINK_BRIEF && bad->kind <= TOR_LINK_EVER && bad->side == i &&
                    t->pulls[i] == bad->nth) {
                        t->hold_until[i] =
                                bad->kind == TOR_LINK_EVER
                                        ? ELKO_NEVER
                                        : n->now + (bad->kind == TOR_LINK_WHILE ? TOR_WHILE
                                                                                : TOR_MOMENT);
                        return;
                }
        }
        net_pull(n, i);
        net_check(n, i);
}

/* Whatever happened to stack i: its applications run, and what it has to send leaves. */
static inline void tor_settle(struct tor *t, unsigned i)
{
        elko_stack *st = tor_stack(t, i);
        struct elko_event ev;

        t->steps++;
        /* A pull may fire timers, hence raise events: until there are none. */
        for (unsigned again = 0; again < 100 && t->n.bad[0] == '\0'; again++) {
                bool news = false;

                while (t->n.bad[0] == '\0' && elko_next_event(st, &ev)) {
                        tor_event(t, i, &ev);
                        news = true;
                }
                if (again > 0 && !news)
                        break;
                if (i == 1 && t->can_accept && t->n.now >= t->sc.accept_from)
                        tor_accept(t);
                for (unsigned c = 0; c < t->sc.net.conns; c++)
                        tor_app_step(t, c, i);
                tor_pull(t, i);
        }
        net_check(&t->n, i);
}

/* ---- time ---- */

static inline void tor_listen(struct tor *t)
{
        struct elko_listen_config cfg = {.flags = t->sc.listen_flags,
                                         .backlog = t->sc.backlog != 0 ? t->sc.backlog : 8,
                                         .syn_queue = t->sc.syn_queue != 0 ? t->sc.syn_queue : 8};
        elko_endpoint any = {.port = NET_PORT};
        int r = elko_listen(tor_stack(t, 1), &any, &cfg, &t->n.node[1].listener);

        net_check(&t->n, 1);
        t->listening = r == 0;
        t->listen_at = t->n.now + ELKO_MS(TOR_RETRY_MS);
        if (r == ELKO_ENOMEM)
                t->enomem++;
        else if (r != 0)
                net_fail(&t->n, "elko_listen(): %s", elko_error_name(r));
}

static inline void tor_connect(struct tor *t, unsigned c, unsigned i)
{
        struct net *n = &t->n;
        elko_endpoint ep[2] = {{.ip = n->node[0].ip, .port = (uint16_t)(NET_CLIENT_PORT + c)},
                               {.ip = n->node[1].ip, .port = NET_PORT}};
        int r = elko_connect(n->node[i].st, &ep[1 - i], &ep[i], &n->end[c][i].sock);

        net_check(n, i);
        if (r == ELKO_ENOMEM || r == ELKO_EADDRINUSE) {
                t->enomem += r == ELKO_ENOMEM;
                t->app[c][i].connect_at = n->now + ELKO_MS(TOR_RETRY_MS);
                n->end[c][i].sock = ELKO_SOCK_NONE;
                return;
        }
        if (r != 0)
                net_fail(n, "elko_connect(): %s", elko_error_name(r));
        t->app[c][i].connect_at = ELKO_NEVER;
}

/* Both ends are done: the same two ports once more? */
static inline void tor_next_round(struct tor *t, unsigned c)
{
        unsigned round = t->app[c][0].round;

        if (round + 1 >= t->sc.rounds || !t->n.end[c][0].gone || !t->n.end[c][1].gone ||
            t->n.end[c][0].error != 0 || t->n.end[c][1].error != 0)
                return;
        memset(t->n.end[c], 0, sizeof(t->n.end[c]));
        for (unsigned i = 0; i < 2; i++)
                t->app[c][i] = (struct tor_app){
                        .round = round + 1, .wake = ELKO_NEVER, .connect_at = ELKO_NEVER};
        t->app[c][0].connect_at = t->n.now + ELKO_MS(50);
}

/* TOR_ALLOC_OTHER: the next one works, the one after it fails again. */
static inline void tor_alloc_other(struct tor *t)
{
        elko_stack *st = tor_stack(t, t->bad.side);
        uint64_t n = ek_region_alloc_count(st->region);

        if (t->bad.kind == TOR_ALLOC_OTHER && n >= t->next_fail) {
                elko_fail_alloc(st, 2, false);
                t->next_fail = n + 2;
        }
}

/* The end of TOR_ALLOC_WHILE: 3 s after the first allocation failed. */
static inline void tor_alloc_began(struct tor *t)
{
        elko_stack *st = tor_stack(t, t->bad.side);

        if (t->alloc_until == ELKO_NEVER &&
            ek_region_alloc_count(st->region) - t->allocs[t->bad.side] >= t->bad.nth)
                t->alloc_until = t->n.now + TOR_WHILE;
}

/* What the users do at instants of their own; the next such instant. */
static inline uint64_t tor_users(struct tor *t)
{
        struct net *n = &t->n;
        uint64_t next = ELKO_NEVER;
        bool ran[2] = {false, false};

        tor_alloc_began(t);
        tor_alloc_other(t);
        if (t->alloc_until != 0 && n->now >= t->alloc_until) {
                elko_fail_alloc(tor_stack(t, t->bad.side), 0, false);
                t->alloc_until = 0;
        }
        if (!t->listening && !t->listener_closed && !t->sc.net.simultaneous_open &&
            n->now >= t->listen_at)
                tor_listen(t);
        if (t->listening && t->sc.close_listener_at != 0 && n->now >= t->sc.close_listener_at) {
                if (elko_close(tor_stack(t, 1), n->node[1].listener) != 0)
                        net_fail(n, "elko_close() of the listener");
                t->listening = t->can_accept = false;
                t->listener_closed = ran[1] = true;
        }
        for (unsigned c = 0; c < t->sc.net.conns; c++) {
                tor_next_round(t, c);
                for (unsigned i = 0; i < 2; i++) {
                        struct tor_app *a = &t->app[c][i];

                        if (a->connect_at <= n->now &&
                            (t->listening || t->sc.net.simultaneous_open || t->listener_closed)) {
                                tor_connect(t, c, i);
                                ran[i] = true;
                        }
                        ran[i] = ran[i] || a->wake <= n->now;
                        if (a->connect_at > n->now)
                                next = tor_sooner(next, a->connect_at);
                }
        }
        for (unsigned i = 0; i < 2; i++) {
                bool woken = t->hold_until[i] != 0 && t->hold_until[i] <= n->now;

                if (woken)
                        t->hold_until[i] = 0;
                if (i == 1 && t->can_accept && n->now >= t->sc.accept_from)
                        woken = true;
                if (ran[i] || woken)
                        tor_settle(t, i);
                if (t->hold_until[i] != 0)
                        next = tor_sooner(next, t->hold_until[i]);
                for (unsigned c = 0; c < t->sc.net.conns; c++)
                        next = tor_sooner(next, t->app[c][i].wake);
        }
        if (!t->listening && !t->listener_closed && !t->sc.net.simultaneous_open)
                next = tor_sooner(next, t->listen_at);
        if (t->listening && t->sc.close_listener_at != 0)
                next = tor_sooner(next, t->sc.close_listener_at);
        if (t->can_accept)
                next = tor_sooner(next, t->sc.accept_from);
        if (t->alloc_until != 0)
                next = tor_sooner(next, t->alloc_until);
        return next;
}

static inline void tor_deliver(struct tor *t, unsigned slot)
{
        struct net *n = &t->n;
        const struct net_packet *q = &net_queue[slot];
        struct elko_packet in = {.data = q->data, .len = q->len};
        unsigned to = q->to;

        if (t->sc.cut_at != 0 && n->now >= t->sc.cut_at)
                return;
        elko_input(n->node[to].st, n->node[to].link, &in, 1, n->now);
        net_check(n, to);
        tor_settle(t, to);
}

/* Until nothing is left to happen, or `limit`. */
static inline void tor_run(struct tor *t, uint64_t limit)
{
        struct net *n = &t->n;
        unsigned guard = 0;

        while (n->bad[0] == '\0') {
                uint64_t next = tor_users(t), d[2];

                if (++guard == 200000) {
                        net_fail(n, "it never ends");
                        return;
                }
                for (unsigned i = 0; i < 2; i++) {
                        d[i] = elko_next_deadline(n->node[i].st);
                        /* A busy link may leave a stack with something due; it can't be helped. */
                        if (d[i] <= n->now && n->now < t->hold_until[i])
                                d[i] = t->hold_until[i];
                        next = tor_sooner(next, d[i]);
                }
                if (n->in_flight > 0)
                        next = tor_sooner(next, net_queue[net_heap[0]].at);
                if (next == ELKO_NEVER || next > limit)
                        return;
                n->now = next > n->now ? next : n->now;
                if (n->in_flight > 0 && net_queue[net_heap[0]].at <= n->now) {
                        tor_deliver(t, net_pop(n));
                        continue;
                }
                for (unsigned i = 0; i < 2; i++) {
                        if (d[i] > n->now)
                                continue;
                        elko_advance(n->node[i].st, n->now);
                        net_check(n, i);
                        tor_settle(t, i);
                }
        }
}

/* ---- the beginning and the end ---- */

/* Bytes that are neither in a pool nor in the table of connections: rings, holes, what init() took. */
static inline uint64_t tor_loose(elko_stack *st)
{
        const struct ek_tcp *t = &st->tcp;
        const struct ek_slab *pool[] = {&t->tcbs,    &t->actives,   &t->half_opens, &t->time_waits,
                                        &t->records, &t->listeners, &t->settings};
        uint64_t used = ek_region_used(st->region) - ek_hashtab_bytes(&t->conns);

        for (unsigned i = 0; i < sizeof(pool) / sizeof(*pool); i++)
                used -= ek_slab_bytes(pool[i]);
        return used;
}

static inline void tor_make_node(struct tor *t, unsigned i)
{
        const struct net_scenario *sc = &t->sc.net;
        struct net_node *node = &t->n.node[i];
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = sc->mtu};
        struct elko_config cfg;
        const char *why = NULL;
        int r;

        elko_config_default(&cfg);
        for (unsigned k = 0; k < ELKO_SEED_BYTES; k++)
                cfg.seed[k] = (uint8_t)(net_mix(sc->seed * 77 + i + k) | 1);
        cfg.max_connections = t->sc.max_connections != 0 ? t->sc.max_connections : 16;
        cfg.max_time_wait = t->sc.max_time_wait != 0 ? t->sc.max_time_wait : 16;
        cfg.max_half_open = cfg.max_replies = 16;
        cfg.max_listeners = cfg.max_neighbours = cfg.max_routes = cfg.max_addresses = 4;
        cfg.max_links = 1;
        cfg.output_batch = t->sc.frames != 0 ? t->sc.frames : 4;
        cfg.block_bytes = 256;
        cfg.slab_chunk_bytes = 1024;
        cfg.max_ooo_ranges = 16;
        cfg.rcv_buf_bytes = cfg.snd_buf_bytes = sc->buf;
        cfg.rcv_buf_max_bytes = cfg.snd_buf_max_bytes = sc->buf * 4;
        cfg.timestamps = !sc->no_ts;
        cfg.sack = !sc->no_sack;
        cfg.window_scale = !t->sc.no_wscale;
        cfg.syn_cookies = !t->sc.no_cookies;
        elko_ip_parse(sc->v6 ? (i == 0 ? "2001:db8::1" : "2001:db8::2")
                             : (i == 0 ? "192.0.2.1" : "192.0.2.2"),
                      &node->ip);
        node->st = elko_stack_create(net_region[i], sc->region, &cfg, 0, &why);
        if (node->st == NULL)
                ek_test_fail(__FILE__, __LINE__, "elko_stack_create(): %s", why);
        r = elko_link_attach(node->st, &link);
        node->link = (elko_link)r;
        if (r < 0 || elko_addr_add_ip(node->st, node->link, &node->ip, sc->v6 ? 64 : 24) != 0)
                ek_test_fail(__FILE__, __LINE__, "the link");
        t->loose[i] = tor_loose(node->st);
        t->allocs[i] = ek_region_alloc_count(node->st->region);
        elko_trace_set(node->st, tor_on_trace, &t->n);
}

static inline void tor_start(struct tor *t, const struct tor_scenario *sc,
                             const struct tor_misfortune *bad)
{
        static const struct net_twist plain;

        memset(t, 0, sizeof(*t));
        t->sc = *sc;
        if (sc->net.mtu == 0)
                t->sc.net.mtu = 1500;
        if (sc->net.conns == 0)
                t->sc.net.conns = 1;
        if (sc->net.delay_ns == 0)
                t->sc.net.delay_ns = ELKO_MS(5);
        t->bad = *bad;
        t->n.sc = &t->sc.net;
        t->n.tw = &plain;
        for (unsigned i = 0; i < NET_QUEUE; i++)
                net_free[i] = (uint16_t)i;
        for (unsigned c = 0; c < NET_CONNS; c++)
                for (unsigned i = 0; i < 2; i++) {
                        bool connects =
                                c < t->sc.net.conns && (i == 0 || sc->net.simultaneous_open);

                        t->app[c][i].wake = ELKO_NEVER;
                        t->app[c][i].connect_at = connects ? c * sc->stagger_ns : ELKO_NEVER;
                }
        tor_make_node(t, 0);
        tor_make_node(t, 1);
        if (bad->kind >= TOR_ALLOC_ONCE && bad->kind <= TOR_ALLOC_EVER)
                elko_fail_alloc(tor_stack(t, bad->side), bad->nth,
                                bad->kind == TOR_ALLOC_WHILE || bad->kind == TOR_ALLOC_EVER);
        t->next_fail = t->allocs[bad->side] + bad->nth;
        if (bad->kind == TOR_ALLOC_WHILE)
                t->alloc_until = ELKO_NEVER; /* set when it begins: tor_alloc_began() */
}

/* Users whose peer failed or left, and who can't learn of it because they have nothing to send; with
 * `all`, everyone. */
static inline unsigned tor_lose_patience(struct tor *t, bool all)
{
        unsigned k = 0;

        for (unsigned c = 0; c < t->sc.net.conns; c++)
                for (unsigned i = 0; i < 2; i++) {
                        struct net_end *e = &t->n.end[c][i];

                        t->app[c][i].connect_at = all ? ELKO_NEVER : t->app[c][i].connect_at;
                        if (e->sock == ELKO_SOCK_NONE || e->gone ||
                            (!all && !t->n.end[c][1 - i].gone))
                                continue;
                        tor_abort(t, c, i, 1);
                        tor_pull(t, i);
                        k++;
                }
        return k;
}

#endif
