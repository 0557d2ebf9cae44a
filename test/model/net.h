/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_MODEL_NET_H
#define EK_TEST_MODEL_NET_H

/*
 * Two stacks and a wire between them, in virtual time.
 *
 * Every chance is a function of the seed and of (connection, direction, number of the packet), never of
 * the order in which things happen to be asked; so two runs can be compared packet by packet. What is
 * compared is the trace: for each packet that left a stack its time and its fields, with sequence
 * numbers relative to the ISN of their direction and timestamps relative to the first one.
 *
 * Applications on both ends send a fixed pattern, check every byte that they receive, and close in one
 * of several ways (enum net_close). State changes of the stacks are checked against figure 5 of RFC 9293
 * as they happen.
 */

#include "net_wire.h"
#include "pkt.h"

/* ---- applications ---- */

static inline void net_read(struct net *n, unsigned conn, unsigned i)
{
        struct net_end *e = &n->end[conn][i];
        static uint8_t buf[1 << 16];
        /* There is never more than two buffers of the scenario. */
        size_t len = n->tw->odd_calls && n->sc->buf <= sizeof(buf) / 2 ? SIZE_MAX / 2 + 1 : 4096;
        int64_t k;

        while (e->open && !e->eof &&
               (k = elko_recv(n->node[i].st, e->sock, buf, len)) != ELKO_EAGAIN) {
                if (k < 0) {
                        e->error = (int)k;
                        e->open = false;
                        return;
                }
                e->eof = k == 0;
                for (int64_t j = 0; j < k; j++)
                        if (buf[j] != net_byte(conn, 1 - i, e->received + (uint64_t)j))
                                net_fail(n, "connection %u, end %u: byte %llu is wrong", conn, i,
                                         (unsigned long long)(e->received + (uint64_t)j));
                e->received += (uint64_t)k;
        }
        if (e->received > n->sc->conn[conn].bytes[1 - i])
                net_fail(n, "connection %u, end %u received more than was sent", conn, i);
}

static inline void net_write(struct net *n, unsigned conn, unsigned i)
{
        struct net_end *e = &n->end[conn][i];
        uint64_t total = n->sc->conn[conn].bytes[i];
        uint8_t buf[8192];

        while (e->open && e->sent < total) {
                uint64_t want = total - e->sent;
                int64_t k;

                if (want > sizeof(buf))
                        want = sizeof(buf);
                if (n->tw->write_size != 0 && want > n->tw->write_size)
                        want = n->tw->write_size;
                for (uint64_t j = 0; j < want; j++)
                        buf[j] = net_byte(conn, i, e->sent + j);
                k = elko_send(n->node[i].st, e->sock, buf, want, 0);
                if (k == ELKO_EAGAIN)
                        return;
                if (k < 0) {
                        e->error = (int)k;
                        e->open = false;
                        return;
                }
                e->sent += (uint64_t)k;
                n->wrote[i] += (uint64_t)k;
        }
}

/* A call that has nothing to do does it (POSIX, read() and send() with a length of 0), though there is nothing to
 * read or no room to write. */
static inline void net_empty_calls(struct net *n, unsigned conn, unsigned i)
{
        struct net_end *e = &n->end[conn][i];
        uint8_t none;

        if (!e->eof && elko_recv(n->node[i].st, e->sock, &none, 0) != 0)
                net_fail(n, "reading 0 bytes failed");
        if (!e->shut && elko_send(n->node[i].st, e->sock, &none, 0, 0) != 0)
                net_fail(n, "writing 0 bytes failed");
}

static inline void net_give_up(struct net *n, unsigned conn, unsigned i, bool abort)
{
        struct net_end *e = &n->end[conn][i];
        int r = abort ? elko_abort(n->node[i].st, e->sock) : elko_close(n->node[i].st, e->sock);

        if (r != 0)
                net_fail(n, "close or abort: %s", elko_error_name(r));
        if (abort)
                e->error = ELKO_ECONNABORTED;
        e->gone = true;
        e->open = false;
        e->error_at = n->now;
}

/* One step of what an application does; it is called after everything that may concern it. */
static inline void net_app(struct net *n, unsigned conn, unsigned i)
{
        const struct net_conn_plan *plan = &n->sc->conn[conn];
        struct net_end *e = &n->end[conn][i];
        bool waits, first;

        if (e->sock == ELKO_SOCK_NONE || e->gone)
                return;
        net_read(n, conn, i);
        if (e->error != 0) {
                net_give_up(n, conn, i, false);
                return;
        }
        if (n->tw->odd_calls && e->open)
                net_empty_calls(n, conn, i);
        waits = plan->close == NET_HALF_CLOSE && i == 1 && !e->eof;
        if (!waits)
                net_write(n, conn, i);
        if (e->error != 0) {
                net_give_up(n, conn, i, false);
                return;
        }
        if (plan->close == (i == 0 ? NET_CLIENT_ABORT : NET_SERVER_ABORT) &&
            e->received >= plan->bytes[1 - i] / 2 && e->received > 0) {
                net_give_up(n, conn, i, true);
                return;
        }
        first = plan->close == NET_BOTH_AT_ONCE || plan->close == NET_HALF_CLOSE ||
                plan->close == (i == 0 ? NET_CLIENT_FIRST : NET_SERVER_FIRST);
        /* Only one that has everything speaks of closing first, or both at once. */
        if (plan->close != NET_BOTH_AT_ONCE && plan->close != NET_HALF_CLOSE)
                first = first && e->received == plan->bytes[1 - i];
        if (!e->shut && !waits && e->sent == plan->bytes[i] && (e->eof || first)) {
                int r = elko_shutdown(n->node[i].st, e->sock);

                if (r == 0)
                        e->shut = true;
                else if (r != ELKO_ENOTCONN && r != ELKO_EAGAIN)
                        e->error = r;
        }
        if (e->shut && e->eof)
                net_give_up(n, conn, i, false);
}

static inline void net_event(struct net *n, unsigned i, const struct elko_event *ev)
{
        elko_sock s;
        elko_endpoint remote;

        if (ev->sock == n->node[i].listener) {
                while (elko_accept(n->node[i].st, ev->sock, &s, &remote) == 0) {
                        unsigned conn = (unsigned)(remote.port - NET_CLIENT_PORT);

                        if (conn >= n->sc->conns || n->end[conn][i].sock != ELKO_SOCK_NONE) {
                                net_fail(n, "accepted a connection that nobody opened");
                                return;
                        }
                        n->end[conn][i].sock = s;
                        n->end[conn][i].open = true;
                }
                return;
        }
        for (unsigned c = 0; c < n->sc->conns; c++) {
                struct net_end *e = &n->end[c][i];

                if (e->sock != ev->sock || e->gone)
                        continue;
                if (ev->bits & ELKO_EV_CONNECTED)
                        e->open = true;
                if (ev->bits & ELKO_EV_ERROR) {
                        net_read(n, c, i); /* what came before the error counts */
                        e->error = ev->error;
                        if (ev->error == 0)
                                net_fail(n, "an ERROR event without error");
                }
        }
}

/* Whatever happened to stack i: its applications run, and what it has to send leaves. */
static inline void net_settle(struct net *n, unsigned i)
{
        struct elko_event ev;

        for (unsigned again = 0; again < 2; again++) {
                while (elko_next_event(n->node[i].st, &ev))
                        net_event(n, i, &ev);
                for (unsigned c = 0; c < n->sc->conns; c++)
                        net_app(n, c, i);
                net_pull(n, i);
        }
        net_check(n, i);
}

/* ---- packets that must be ignored (M-8) ---- */

/* An ICMP error about a segment of `to` with sequence number `seq`, on the connection of p, which is on its way
 * there. */
static inline void net_icmp(struct net *n, unsigned to, const uint8_t *p, uint32_t seq,
                            uint8_t type, uint8_t code)
{
        uint32_t ip = net_ip_bytes(n), src = n->sc->v6 ? 8 : 12, bytes = n->sc->v6 ? 16 : 4;
        uint8_t quoted[60] = {0}, buf[200];
        struct elko_packet in = {.data = buf};

        memcpy(quoted, p, ip);
        memcpy(quoted + src, p + src + bytes, bytes);
        memcpy(quoted + src + bytes, p + src, bytes);
        memcpy(quoted + ip, p + ip + 2, 2);
        memcpy(quoted + ip + 2, p + ip, 2);
        conv_put32(quoted + ip + 4, seq);
        quoted[ip + 12] = 0x50;
        if (!n->sc->v6) {
                conv_put16(quoted + 10, 0);
                conv_put16(quoted + 10, conv_csum_plain(quoted, 20));
        }
        in.len = (uint32_t)pkt_icmp_error(&n->node[1 - to].ip, &n->node[to].ip, type, code, 1280,
                                          quoted, ip + 20, buf, sizeof(buf));
        elko_input(n->node[to].st, n->node[to].link, &in, 1, net_clock(n, to));
}

/* RFC 5927, 4.1: an error counts only if it quotes what is in flight. 5.2 (RFC 5461, 4.1): of those that count
 * none ends a connection that is synchronized, and nothing slows it down (RFC 6633: source quench). */
static inline void net_icmp_no_ops(struct net *n, unsigned to, const uint8_t *p)
{
        uint32_t ip = net_ip_bytes(n), ack = conv_get32(p + ip + 8);
        bool v6 = n->sc->v6, synchronized = (p[ip + 13] & (ELKO_ACK | ELKO_SYN)) == ELKO_ACK;

        if (!(p[ip + 13] & ELKO_ACK))
                return;
        net_icmp(n, to, p, ack - 0x40000000u, v6 ? 2 : 3, v6 ? 0 : 4); /* too big */
        net_icmp(n, to, p, ack - 0x40000000u, v6 ? 1 : 3, v6 ? 4 : 3); /* no such port */
        if (!synchronized)
                return;
        net_icmp(n, to, p, ack, v6 ? 1 : 3, v6 ? 4 : 3);
        if (v6) {
                net_icmp(n, to, p, ack, 1, 1); /* prohibited */
        } else {
                net_icmp(n, to, p, ack, 3, 2); /* no such protocol */
                net_icmp(n, to, p, ack, 4, 0); /* source quench */
        }
}

static inline void net_no_ops(struct net *n, unsigned to, const uint8_t *p, uint32_t len)
{
        static uint8_t buf[NET_PACKET];
        uint32_t ip = net_ip_bytes(n), src = n->sc->v6 ? 8 : 12, bytes = n->sc->v6 ? 16 : 4;
        struct elko_packet in = {.data = buf, .len = len};
        elko_stack *st = n->node[to].st;

        /* A wrong checksum. */
        memcpy(buf, p, len);
        buf[ip + 16] ^= 0x55;
        elko_input(st, n->node[to].link, &in, 1, net_clock(n, to));
        /* A martian: from ourselves. */
        memcpy(buf, p, len);
        memcpy(buf + src, p + src + bytes, bytes);
        if (!n->sc->v6) {
                conv_put16(buf + 10, 0);
                conv_put16(buf + 10, conv_csum_plain(buf, 20));
        }
        elko_input(st, n->node[to].link, &in, 1, net_clock(n, to));
        /* A reset of a connection that we don't have. */
        memcpy(buf, p, ip + 20);
        conv_put16(buf + ip, 7);
        conv_put16(buf + ip + 12, 0x5004);
        in.len = ip + 20;
        if (n->sc->v6) {
                conv_put16(buf + 4, 20);
        } else {
                conv_put16(buf + 2, 40);
                conv_put16(buf + 10, 0);
                conv_put16(buf + 10, conv_csum_plain(buf, 20));
        }
        conv_put16(buf + ip + 16, 0);
        conv_put16(buf + ip + 16,
                   conv_csum(n->node[1 - to].ip.b, n->node[to].ip.b, n->sc->v6, 6, buf + ip, 20));
        elko_input(st, n->node[to].link, &in, 1, net_clock(n, to));
        /* Nothing, and half of a packet. */
        in.len = 0;
        elko_input(st, n->node[to].link, &in, 1, net_clock(n, to));
        in.len = ip + 7;
        elko_input(st, n->node[to].link, &in, 1, net_clock(n, to));
        net_icmp_no_ops(n, to, p);
}

static inline void net_deliver(struct net *n, unsigned slot)
{
        static uint8_t shifted[NET_PACKET + 1];
        const struct net_packet *q = &net_queue[slot];
        unsigned to = q->to;
        struct elko_packet in = {.data = q->data, .len = q->len};

        if (n->tw->no_ops)
                net_no_ops(n, to, q->data, q->len);
        if (n->tw->unaligned) {
                memcpy(shifted + 1, q->data, q->len);
                in.data = shifted + 1;
        }
        if (n->tw->offload)
                in.flags = ELKO_PACKET_CSUM_OK;
        elko_input(n->node[to].st, n->node[to].link, &in, 1, net_clock(n, to));
        net_settle(n, to);
}

/* ---- running ---- */

static inline void net_config(const struct net *n, unsigned i, struct elko_config *cfg)
{
        const struct net_scenario *sc = n->sc;

        elko_config_default(cfg);
        for (unsigned k = 0; k < ELKO_SEED_BYTES; k++)
                cfg->seed[k] =
                        (uint8_t)(net_mix(sc->seed + n->tw->seed_salt * 7919u + i) >> (k % 8 * 8));
        cfg->seed[0] |= 1;
        cfg->max_connections = cfg->max_half_open = cfg->max_time_wait = 16;
        cfg->max_listeners = cfg->max_neighbours = cfg->max_routes = cfg->max_addresses = 4;
        cfg->max_links = 1;
        cfg->max_replies = 16;
        cfg->output_batch = 4;
        cfg->block_bytes = 256;
        cfg->slab_chunk_bytes = 2048;
        cfg->rcv_buf_bytes = sc->buf;
        cfg->rcv_buf_max_bytes = sc->buf * 2;
        cfg->snd_buf_bytes = sc->buf;
        cfg->snd_buf_max_bytes = sc->buf * 2;
        cfg->timestamps = !sc->no_ts;
        cfg->sack = !sc->no_sack;
        if (sc->config != NULL)
                sc->config(cfg);
}

static inline void net_make_node(struct net *n, unsigned i)
{
        struct net_node *node = &n->node[i];
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = n->sc->mtu};
        elko_endpoint any = {.port = NET_PORT};
        struct elko_config cfg;
        const char *why = NULL;
        int r;

        if (n->tw->offload)
                link.flags = ELKO_LINK_RX_CSUM | ELKO_LINK_TX_CSUM;
        net_config(n, i, &cfg);
        elko_ip_parse(n->sc->v6 ? (i == 0 ? "2001:db8::1" : "2001:db8::2")
                                : (i == 0 ? "192.0.2.1" : "192.0.2.2"),
                      &node->ip);
        node->st = elko_stack_create(net_region[i], n->sc->region, &cfg, net_clock(n, i), &why);
        if (node->st == NULL)
                ek_test_fail(__FILE__, __LINE__, "elko_stack_create(): %s", why);
        r = elko_link_attach(node->st, &link);
        node->link = (elko_link)r;
        if (r < 0 || elko_addr_add_ip(node->st, node->link, &node->ip, n->sc->v6 ? 64 : 24) != 0)
                ek_test_fail(__FILE__, __LINE__, "the link");
        if (i == 1 && !n->sc->simultaneous_open &&
            elko_listen(node->st, &any, NULL, &node->listener) != 0)
                ek_test_fail(__FILE__, __LINE__, "elko_listen()");
        elko_memory_get(node->st, &node->baseline);
        elko_trace_set(node->st, net_on_trace, n);
}

static inline void net_start(struct net *n, const struct net_scenario *sc,
                             const struct net_twist *tw)
{
        static const struct net_twist plain;

        memset(n, 0, sizeof(*n));
        n->sc = sc;
        n->tw = tw != NULL ? tw : &plain;
        n->next_poll = n->tw->poll_ns;
        for (unsigned i = 0; i < NET_QUEUE; i++)
                net_free[i] = (uint16_t)i;
        net_make_node(n, 0);
        net_make_node(n, 1);
}

static inline void net_connect(struct net *n, unsigned conn, unsigned i)
{
        elko_endpoint ep[2] = {{.ip = n->node[0].ip, .port = (uint16_t)(NET_CLIENT_PORT + conn)},
                               {.ip = n->node[1].ip, .port = NET_PORT}};
        struct net_end *e = &n->end[conn][i];
        int r = elko_connect(n->node[i].st, &ep[1 - i], &ep[i], &e->sock);

        if (r != 0)
                net_fail(n, "elko_connect(): %s", elko_error_name(r));
}

/* Clients whose time has come; the next one's time. */
static inline uint64_t net_clients(struct net *n)
{
        uint64_t next = ELKO_NEVER;
        bool any = false;

        for (unsigned k = 0; k < n->sc->conns; k++) {
                unsigned conn = n->tw->reverse ? n->sc->conns - 1 - k : k;

                if (n->connected[conn])
                        continue;
                if (n->sc->conn[conn].start_ns > n->now) {
                        if (n->sc->conn[conn].start_ns < next)
                                next = n->sc->conn[conn].start_ns;
                        continue;
                }
                n->connected[conn] = any = true;
                net_connect(n, conn, 0);
                if (n->sc->simultaneous_open)
                        net_connect(n, conn, 1);
        }
        if (any) {
                net_settle(n, 0);
                if (n->sc->simultaneous_open)
                        net_settle(n, 1);
        }
        return next;
}

/* When a stack wants to be called, on the net's clock. */
static inline uint64_t net_deadline(const struct net *n, unsigned i)
{
        uint64_t d = elko_next_deadline(n->node[i].st);

        if (d == ELKO_NEVER)
                return d;
        return d > n->tw->base[i] ? d - n->tw->base[i] : 0;
}

/* Often at first, seldom when only long timers run. */
static inline uint64_t net_after_poll(const struct net *n)
{
        uint64_t t = n->now;

        if (t > ELKO_SEC(300))
                return ELKO_NEVER;
        return t + n->tw->poll_ns * (t > ELKO_SEC(2) ? 500 : 1);
}

static inline void net_poll(struct net *n)
{
        for (unsigned i = 0; i < 2; i++) {
                elko_advance(n->node[i].st, net_clock(n, i));
                net_pull(n, i);
                (void)elko_has_output(n->node[i].st, n->node[i].link);
        }
}

/* Until nothing is left to happen, or `limit`. */
static inline void net_run(struct net *n, uint64_t limit)
{
        unsigned guard = 0;

        while (n->bad[0] == '\0' && ++guard < 2000000) {
                uint64_t next = net_clients(n), d;

                for (unsigned i = 0; i < 2; i++) {
                        d = net_deadline(n, i);
                        next = d < next ? d : next;
                }
                if (n->in_flight > 0 && net_queue[net_heap[0]].at < next)
                        next = net_queue[net_heap[0]].at;
                if (next == ELKO_NEVER || next > limit)
                        return;
                if (n->tw->poll_ns != 0 && n->next_poll < next && n->next_poll > n->now) {
                        n->now = n->next_poll;
                        n->next_poll = net_after_poll(n);
                        net_poll(n);
                        continue;
                }
                n->now = next > n->now ? next : n->now;
                if (n->tw->poll_ns != 0 && n->next_poll <= n->now)
                        n->next_poll = net_after_poll(n);
                if (n->in_flight > 0 && net_queue[net_heap[0]].at <= n->now) {
                        net_deliver(n, net_pop(n));
                        continue;
                }
                for (unsigned i = 0; i < 2; i++) {
                        if (net_deadline(n, i) > n->now)
                                continue;
                        elko_advance(n->node[i].st, net_clock(n, i));
                        net_settle(n, i);
                }
        }
        if (guard >= 2000000)
                net_fail(n, "it never ends");
}

/* Where one end failed, the other may know nothing of it as long as it has nothing to send; its user
 * loses patience then. Returns how many did. */
static inline unsigned net_lose_patience(struct net *n, uint64_t limit)
{
        unsigned k = 0;

        for (unsigned c = 0; c < n->sc->conns; c++)
                for (unsigned i = 0; i < 2; i++)
                        if (n->end[c][i].sock != ELKO_SOCK_NONE && !n->end[c][i].gone &&
                            n->end[c][1 - i].error != 0) {
                                net_give_up(n, c, i, true);
                                net_settle(n, i);
                                k++;
                        }
        if (k > 0)
                net_run(n, limit);
        return k;
}

/* No connection was given up, not even one whose user is gone: where nobody was told of an error, both
 * ends heard each other out. (Resets may be sent: CLOSED answers the second of two last ACKs with one,
 * which TIME-WAIT ignores.) */
static inline void net_require_clean(struct net *n)
{
        for (unsigned i = 0; i < 2; i++) {
                const struct elko_counters *c = elko_counters_get(n->node[i].st);

                if (c->tcp_timeouts != 0 || c->tcp_orphan_aborts != 0 || c->tcp_estab_resets != 0)
                        net_fail(
                                n,
                                "stack %u: %llu time-outs, %llu orphans aborted, %llu resets taken, and "
                                "no error was told",
                                i, (unsigned long long)c->tcp_timeouts,
                                (unsigned long long)c->tcp_orphan_aborts,
                                (unsigned long long)c->tcp_estab_resets);
        }
}

/* After net_run(): nothing is left, and the streams are whole, or an error was told. */
static inline void net_finish(struct net *n)
{
        for (unsigned i = 0; i < 2; i++) {
                struct elko_memory_info m;

                elko_memory_get(n->node[i].st, &m);
                if (m.connections + m.half_open + m.time_wait != 0 || m.promised != 0)
                        net_fail(n, "stack %u keeps %u connections, %u half-open, %u TIME-WAIT", i,
                                 m.connections, m.half_open, m.time_wait);
                /* Empty pools may keep a chunk each (I-33). */
                if (m.used > n->node[i].baseline.used + 8 * 2048)
                        net_fail(n, "stack %u uses %llu bytes more than at first", i,
                                 (unsigned long long)(m.used - n->node[i].baseline.used));
        }
        for (unsigned c = 0; c < n->sc->conns; c++) {
                const struct net_conn_plan *plan = &n->sc->conn[c];
                bool aborts = plan->close == NET_CLIENT_ABORT || plan->close == NET_SERVER_ABORT;

                for (unsigned i = 0; i < 2; i++) {
                        const struct net_end *e = &n->end[c][i];

                        if (e->sock != ELKO_SOCK_NONE && !e->gone)
                                net_fail(n, "connection %u, end %u never ended", c, i);
                        if (!aborts && e->error == 0 && e->eof && e->received != plan->bytes[1 - i])
                                net_fail(n, "connection %u, end %u: %llu of %u bytes, no error", c,
                                         i, (unsigned long long)e->received, plan->bytes[1 - i]);
                        /* A server that never heard of the client has nothing to tell. */
                        if (e->sock == ELKO_SOCK_NONE && n->end[c][1 - i].error != 0)
                                continue;
                        if (!aborts && e->error == 0 && !e->eof)
                                net_fail(n, "connection %u, end %u: neither end nor error", c, i);
                }
        }
}

#endif
