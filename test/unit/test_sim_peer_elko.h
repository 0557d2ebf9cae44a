/* SPDX-License-Identifier: MIT */
#ifndef ELKO_TEST_SIM_PEER_ELKO_H
#define ELKO_TEST_SIM_PEER_ELKO_H

/*
 * A node of the tiny network that runs elko: it accepts on port 80 and opens connections; each one sends its
 * stream and checks the other (peer_odd_stream.h), shuts down when all is sent, and closes at the end of the
 * other's stream.
 */
#include "peer_odd.h"
#include "peer_odd_stream.h"
#include "test_sim_peer_net.h"

enum { STACK_APPS = 256 };

struct stack_app {
        bool used, shut, eof, failed, done;
        int error;
        elko_sock sock;
        elko_endpoint local, remote;
        uint64_t tx_id, rx_id, tx_bytes, rx_bytes, sent, got; /* rx_bytes UINT64_MAX: any */
};

struct stack_node {
        struct sim_world *w;
        int number;
        elko_stack *st;
        elko_link link;
        elko_sock listener[2];
        void *region;
        struct stack_app app[STACK_APPS];
        unsigned apps, services;
        uint64_t tx_bytes, rx_bytes; /* of each connection */
        /* May the connection have been hurt by somebody who could? NULL: no. */
        bool (*tainted)(const elko_endpoint *local, const elko_endpoint *remote);
};

static inline void stack_app_add(struct stack_node *n, elko_sock s, const elko_endpoint *remote)
{
        struct stack_app *a = &n->app[n->apps++ % STACK_APPS];
        struct elko_tcp_info info;

        memset(a, 0, sizeof(*a));
        a->used = true;
        a->sock = s;
        elko_tcp_info_get(n->st, s, &info);
        a->local = info.local;
        a->remote = *remote;
        a->tx_id = peer_odd_stream_id(&a->local, &a->remote);
        a->rx_id = peer_odd_stream_id(&a->remote, &a->local);
        a->tx_bytes = n->tx_bytes;
        a->rx_bytes = n->rx_bytes;
        elko_set_user(n->st, s, a);
}

static inline void stack_app_done(struct stack_node *n, struct stack_app *a, int error)
{
        a->error = error;
        a->failed = error != 0;
        a->done = true;
        elko_close(n->st, a->sock);
        a->sock = ELKO_SOCK_NONE;
}

static inline void stack_wrong(struct stack_node *n, const struct stack_app *a, const char *what,
                               uint64_t at)
{
        if (n->tainted == NULL || !n->tainted(&a->local, &a->remote))
                sim_fail(n->w, "elko, port %u to %u: %s at byte %llu", (unsigned)a->local.port,
                         (unsigned)a->remote.port, what, (unsigned long long)at);
}

/* Write and read what can be; true: something was done. */
static inline bool stack_app_step(struct stack_node *n, struct stack_app *a)
{
        uint8_t buf[4096];
        bool acted = false;
        int64_t r;

        while (!a->done && a->sent < a->tx_bytes) {
                size_t len = a->tx_bytes - a->sent < sizeof(buf) ? (size_t)(a->tx_bytes - a->sent)
                                                                 : sizeof(buf);

                peer_odd_stream_fill(a->tx_id, a->sent, buf, len);
                r = elko_send(n->st, a->sock, buf, len, 0);
                if (r == ELKO_EAGAIN || r == ELKO_ENOTCONN)
                        break;
                if (r < 0)
                        stack_app_done(n, a, (int)r);
                else
                        a->sent += (uint64_t)r;
                acted = true;
        }
        if (!a->done && !a->shut && a->sent == a->tx_bytes && elko_shutdown(n->st, a->sock) == 0)
                a->shut = acted = true;
        while (!a->done && !a->eof) {
                r = elko_recv(n->st, a->sock, buf, sizeof(buf));
                if (r == ELKO_EAGAIN || r == ELKO_ENOTCONN)
                        break;
                acted = true;
                if (r < 0) {
                        stack_app_done(n, a, (int)r);
                } else if (r == 0) {
                        a->eof = true;
                        if (a->rx_bytes != UINT64_MAX && a->got != a->rx_bytes)
                                stack_wrong(n, a, "the stream ends", a->got);
                } else {
                        size_t ok = peer_odd_stream_differs(a->rx_id, a->got, buf, (size_t)r);

                        if (ok < (size_t)r)
                                stack_wrong(n, a, "wrong", a->got + ok);
                        a->got += (uint64_t)r;
                }
        }
        if (!a->done && a->eof && a->shut) {
                stack_app_done(n, a, 0);
                acted = true;
        }
        return acted;
}

static inline void stack_service(struct stack_node *n)
{
        struct elko_frame frame[32];
        struct elko_event ev;
        uint8_t packet[SIM_MTU_MAX];
        bool acted = true;
        const char *bad;
        size_t count;

        while (acted) {
                acted = false;
                while (elko_next_event(n->st, &ev)) {
                        elko_endpoint remote;
                        elko_sock s;

                        acted = true;
                        if (ev.bits & ELKO_EV_ACCEPT) {
                                while (elko_accept(n->st, ev.sock, &s, &remote) == 0)
                                        stack_app_add(n, s, &remote);
                        } else if (ev.bits & ELKO_EV_ERROR) {
                                struct stack_app *a = ev.user;

                                if (a != NULL && !a->done && a->sock == ev.sock) {
                                        stack_app_step(n, a); /* the data before the error */
                                        if (!a->done)
                                                stack_app_done(n, a, ev.error);
                                }
                        }
                }
                for (unsigned i = 0; i < STACK_APPS && i < n->apps; i++)
                        if (n->app[i].used && !n->app[i].done)
                                acted |= stack_app_step(n, &n->app[i]);
                while ((count = elko_output(n->st, n->link, frame, 32, n->w->now)) > 0) {
                        acted = true;
                        for (size_t i = 0; i < count; i++) {
                                size_t len = 0;

                                for (uint32_t k = 0; k < frame[i].parts; k++) {
                                        memcpy(packet + len, frame[i].part[k].data,
                                               frame[i].part[k].len);
                                        len += frame[i].part[k].len;
                                }
                                sim_send(n->w, n->number, packet, len);
                        }
                }
        }
        bad = n->services++ % 16 == 0 ? elko_check(n->st) : NULL;
        if (bad != NULL)
                sim_fail(n->w, "elko_check: %s", bad);
        sim_wake(n->w, n->number, elko_next_deadline(n->st));
}

static inline void stack_input(void *self, struct sim_world *w, const uint8_t *packet, size_t len,
                               uint64_t now)
{
        struct stack_node *n = self;
        struct elko_packet p = {.data = packet, .len = (uint32_t)len};

        (void)w;
        elko_input(n->st, n->link, &p, 1, now);
        stack_service(n);
}

static inline void stack_run(void *self, struct sim_world *w, uint64_t now)
{
        struct stack_node *n = self;

        (void)w;
        elko_advance(n->st, now);
        stack_service(n);
}

static inline void stack_destroy(void *self)
{
        struct stack_node *n = self;

        elko_stack_destroy(n->st);
        free(n->region);
        free(n);
}

static inline struct stack_node *stack_add(struct sim_world *w, const struct elko_config *cfg,
                                           uint64_t tx_bytes, uint64_t rx_bytes)
{
        static const struct sim_node_ops ops = {
                .name = "elko", .input = stack_input, .run = stack_run, .destroy = stack_destroy};
        struct elko_link_config lc = {.medium = ELKO_MEDIUM_IP, .mtu = 1500, .name = "sim0"};
        struct elko_listen_config listen = {.backlog = 64, .syn_queue = 64};
        struct stack_node *n = calloc(1, sizeof(*n));
        elko_endpoint local = {.port = 80};
        struct elko_config c;
        char text[ELKO_IP_TEXT + 8];
        elko_ip ip;

        if (cfg != NULL)
                c = *cfg;
        else
                elko_config_default(&c);
        c.seed[0] = (uint8_t)(w->seed % 251 + 1);
        n->w = w;
        n->tx_bytes = tx_bytes;
        n->rx_bytes = rx_bytes;
        n->region = malloc(16u << 20);
        n->st = elko_stack_create(n->region, 16u << 20, &c, w->now, NULL);
        n->number = sim_node_add(w, &ops, n);
        n->link = (elko_link)elko_link_attach(n->st, &lc);
        for (unsigned v6 = 0; v6 < 2; v6++) {
                ip = sim_address((unsigned)n->number, v6);
                elko_ip_format(&ip, text);
                strcat(text, v6 ? "/64" : "/24");
                if (elko_addr_add(n->st, n->link, text) != 0)
                        abort();
                local.ip = ip;
                if (elko_listen(n->st, &local, &listen, &n->listener[v6]) != 0)
                        abort();
        }
        return n;
}

/* Open a connection from the stack. */
static inline struct stack_app *stack_connect(struct stack_node *n, const elko_endpoint *to)
{
        unsigned at = n->apps;
        elko_sock s;

        if (elko_connect(n->st, to, NULL, &s) != 0)
                return NULL;
        stack_app_add(n, s, to);
        stack_service(n);
        return &n->app[at % STACK_APPS];
}

#endif
