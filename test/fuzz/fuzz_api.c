/* SPDX-License-Identifier: MIT */
/*
 * fuzz_api (F9): the application does anything, and memory fails at any point.
 *
 * Two stacks on a wire that loses nothing. On both sides calls come in any order, with any arguments, on
 * handles that are open, of the wrong kind, or gone; in between, allocations are made to fail, once or for
 * a while. RFC 9293, 3.9.1 and 3.10.1-3.10.6. What must hold: every call answers with a legal value; a
 * handle that was given up is EBADF for ever; what is read is a prefix of what was written; and when
 * everything is closed, all memory is back (I-33).
 */
#include "common/fz_rig.h"

const unsigned fz_head_bytes = 2, fz_record_bytes = 5;

enum {
        MAX_STEPS = 250,
        HANDLES = 12,
        QUEUE = 64,
        SLOT = FZ_RIG_MTU,
        FIRST_PORT = 80,
        LAST_ERROR = 21,
};

enum op {
        OP_LISTEN,
        OP_CONNECT,
        OP_ACCEPT,
        OP_SEND,
        OP_SEND_IN_PLACE,
        OP_RECV,
        OP_RECV_IN_PLACE,
        OP_SHUTDOWN,
        OP_CLOSE,
        OP_ABORT,
        OP_SET,
        OP_ASK,
        OP_VERDICT,
        OP_ECHO,
        OP_ROUTE,
        OP_NOMEM,
        OP_TIME,
        OP_FLOW,
        OP_FLOW2,
        OP_EVENTS,
        OP_COUNT
};

struct handle {
        elko_sock sock;
        bool listener, gone, eof;
        uint64_t given, received;
};

struct side {
        struct fz_rig *rig;
        struct handle h[HANDLES];
        unsigned next; /* handle to be used next */
        struct {
                uint32_t len;
                uint8_t p[SLOT];
        } queue[QUEUE];
        unsigned head, count;
};

static struct side side[2];
static struct fz_rig rigs[2][2];

static uint8_t stream_byte(const struct side *from, uint64_t offset)
{
        return (uint8_t)(offset * 3 + (offset >> 8) * 17 + (from == &side[0] ? 1 : 90));
}

static struct side *other(const struct side *s)
{
        return s == &side[0] ? &side[1] : &side[0];
}

static void legal(int64_t result, int64_t most)
{
        FZ_REQUIRE(result <= most && result >= -LAST_ERROR);
}

/* What a call on this handle answered. */
static void answered(const struct handle *h, int64_t result, int64_t most)
{
        legal(result, most);
        if (h->gone || h->sock == ELKO_SOCK_NONE)
                FZ_REQUIRE(result == ELKO_EBADF);
}

/* ---- the wire ---- */

static void on_sent(void *ctx, const struct fz_seg *seg)
{
        struct side *s = ctx;
        unsigned i = (s->head + s->count) % QUEUE;

        fz_trace_seg(s->rig->now, s == &side[0] ? '>' : '<', seg);
        if (s->count == QUEUE)
                return;
        s->queue[i].len = seg->packet_len;
        memcpy(s->queue[i].p, seg->packet, seg->packet_len);
        s->count++;
}

static void pull(struct side *s)
{
        fz_rig_pull(s->rig, on_sent, s);
        fz_rig_check_deadline(s->rig);
}

static void flow(unsigned packets)
{
        for (unsigned n = 0; n < packets && side[0].count + side[1].count > 0; n++) {
                struct side *s = side[n & 1].count > 0 ? &side[n & 1] : &side[~n & 1];
                unsigned i = s->head;

                s->head = (s->head + 1) % QUEUE;
                s->count--;
                fz_rig_input(other(s)->rig, s->queue[i].p, s->queue[i].len);
                pull(other(s));
        }
}

/* ---- handles ---- */

static struct handle *handle_of(struct side *s, uint8_t b)
{
        return &s->h[b % HANDLES];
}

/* A place for a new handle: what stood there before is given up. */
static struct handle *fresh(struct side *s)
{
        struct handle *h = &s->h[s->next++ % HANDLES];

        if (h->sock != ELKO_SOCK_NONE && !h->gone)
                elko_abort(s->rig->st, h->sock);
        *h = (struct handle){0};
        return h;
}

static elko_ip peer_ip(const struct side *s)
{
        elko_ip ip;

        memcpy(ip.b, s->rig->out.dst, 16);
        return s->rig->out.v6 ? ip : elko_ip_v4(10, 0, 0, ip.b[15]);
}

static void do_listen(struct side *s, const uint8_t *r)
{
        struct elko_listen_config cfg = {
                .flags = r[3] & 3, .backlog = r[4] & 3, .syn_queue = r[4] >> 2 & 3};
        elko_endpoint local = {.port = (uint16_t)(FIRST_PORT + r[2] % 4)};
        struct handle *h = fresh(s);

        if ((r[3] & ELKO_LISTEN_ANY_PORT) != 0)
                local.port = 0;
        if ((r[3] & 4) != 0)
                local.ip = elko_ip_v4(10, 0, 0, r[4]);
        h->listener = true;
        legal(elko_listen(s->rig->st, &local, (r[3] & 8) != 0 ? NULL : &cfg, &h->sock), 0);
}

static void do_connect(struct side *s, const uint8_t *r)
{
        elko_endpoint remote = {.ip = peer_ip(s), .port = (uint16_t)(FIRST_PORT + r[2] % 5)};
        elko_endpoint local = {.port = (uint16_t)(r[3] * 3)};
        struct handle *h = fresh(s);

        if ((r[4] & 7) == 7)
                remote.ip.b[15] = r[3];
        if ((r[4] & 7) == 6)
                remote.ip = (elko_ip){{0}};
        legal(elko_connect(s->rig->st, &remote, (r[4] & 8) != 0 ? &local : NULL, &h->sock), 0);
}

static void do_accept(struct side *s, const uint8_t *r)
{
        struct handle *l = handle_of(s, r[2]), *h;
        elko_sock sock = ELKO_SOCK_NONE;
        elko_endpoint remote;
        int n = elko_accept(s->rig->st, l->sock, &sock, (r[3] & 1) != 0 ? &remote : NULL);

        legal(n, 0);
        FZ_REQUIRE(n != 0 || (l->listener && !l->gone));
        if (n != 0)
                return;
        h = fresh(s);
        /* The listener itself may have stood there. */
        h->sock = sock;
}

static void do_send(struct side *s, const uint8_t *r)
{
        static uint8_t buf[2048];
        struct handle *h = handle_of(s, r[2]);
        size_t n = (r[3] * 9u + r[4]) % sizeof(buf);
        int64_t got;

        for (size_t i = 0; i < n; i++)
                buf[i] = stream_byte(s, h->given + i);
        /* MORE; URGENT, NO_PUSH */
        got = elko_send(s->rig->st, h->sock, buf, n, r[4] >> 7 | (r[4] >> 4 & 6u));
        answered(h, got, (int64_t)n);
        if (got > 0)
                h->given += (uint64_t)got;
}

static void do_send_in_place(struct side *s, const uint8_t *r)
{
        struct handle *h = handle_of(s, r[2]);
        struct elko_slice room[2];
        size_t want = r[3] * 9u;
        uint64_t at = h->given;
        int64_t n = elko_send_reserve(s->rig->st, h->sock, want, room);

        answered(h, n, (int64_t)want);
        if (n < 0) {
                answered(h, elko_send_commit(s->rig->st, h->sock, r[4], 0), r[4]);
                /* If it was taken, nobody knows what bytes these are. */
                return;
        }
        FZ_REQUIRE(room[0].len + room[1].len == n);
        for (unsigned k = 0; k < 2; k++)
                for (uint32_t i = 0; i < room[k].len; i++)
                        ((uint8_t *)(uintptr_t)room[k].data)[i] = stream_byte(s, at++);
        n = n > 0 && (r[4] & 1) != 0 ? n / 2 : n;
        n = elko_send_commit(s->rig->st, h->sock, (size_t)n, 0);
        answered(h, n, (int64_t)want);
        if (n > 0)
                h->given += (uint64_t)n;
}

static void judge(struct side *s, struct handle *h, const uint8_t *p, uint32_t n)
{
        FZ_REQUIRE(n == 0 || !h->eof);
        for (uint32_t i = 0; i < n; i++)
                if (p[i] != stream_byte(other(s), h->received++))
                        fz_fail(__FILE__, __LINE__, "I-12: the application reads a wrong byte");
}

static void do_recv(struct side *s, const uint8_t *r)
{
        static uint8_t buf[4096];
        struct handle *h = handle_of(s, r[2]);
        size_t want = (r[3] * 17u) % sizeof(buf);
        int64_t urgent = elko_recv_urgent(s->rig->st, h->sock), left;
        int64_t n = elko_recv(s->rig->st, h->sock, buf, want);

        answered(h, n, (int64_t)want);
        FZ_REQUIRE(urgent >= 0 || urgent == ELKO_EBADF);
        if (n > 0) {
                judge(s, h, buf, (uint32_t)n);
                /* The pointer stays where it is; what is over has none. */
                left = elko_recv_urgent(s->rig->st, h->sock);
                FZ_REQUIRE(left == 0 || left == urgent - n);
        }
        if (n == 0 && want > 0)
                h->eof = true;
}

static void do_recv_in_place(struct side *s, const uint8_t *r)
{
        struct handle *h = handle_of(s, r[2]);
        struct elko_slice in[2];
        int64_t n = elko_recv_peek(s->rig->st, h->sock, in);
        uint32_t use;

        answered(h, n, FZ_RIG_RCV);
        if (n <= 0) {
                legal(elko_recv_consume(s->rig->st, h->sock, r[3]), 0);
                return;
        }
        FZ_REQUIRE(in[0].len + in[1].len == n);
        use = (uint32_t)n * (1u + (r[3] & 3)) / 4;
        judge(s, h, in[0].data, use < in[0].len ? use : in[0].len);
        if (use > in[0].len)
                judge(s, h, in[1].data, use - in[0].len);
        FZ_REQUIRE(elko_recv_consume(s->rig->st, h->sock, use) == 0);
        FZ_REQUIRE(elko_recv_consume(s->rig->st, h->sock, FZ_RIG_RCV + 1u) != 0);
}

static void do_end(struct side *s, enum op op, const uint8_t *r)
{
        struct handle *h = handle_of(s, r[2]);
        int n;

        if (op == OP_SHUTDOWN) {
                answered(h, elko_shutdown(s->rig->st, h->sock), 0);
                return;
        }
        n = op == OP_CLOSE ? elko_close(s->rig->st, h->sock) : elko_abort(s->rig->st, h->sock);
        answered(h, n, 0);
        if (n == 0)
                h->gone = true;
}

/* ---- options, questions ---- */

static void do_set(struct side *s, const uint8_t *r)
{
        static const uint64_t big[8] = {
                0, 1, ELKO_MS(1), ELKO_MS(499), ELKO_SEC(1), ELKO_SEC(99), 1u << 20, ELKO_NEVER};
        struct handle *h = handle_of(s, r[2]);
        enum elko_option option = (enum elko_option)(r[3] % (ELKO_OPTION_COUNT + 1));
        uint64_t value = (r[4] & 1) != 0 ? big[r[4] >> 1 & 7] : (uint64_t)r[4] << (r[3] >> 5), got;
        int n = elko_set_option(s->rig->st, h->sock, option, value);

        legal(n, 0);
        if (n == 0) {
                FZ_REQUIRE(elko_get_option(s->rig->st, h->sock, option, &got) == 0);
                FZ_REQUIRE(got == value || option >= ELKO_OPTION_COUNT || value > 1);
        }
}

static void do_ask(struct side *s, const uint8_t *r)
{
        struct handle *h = handle_of(s, r[2]);
        struct elko_tcp_info info;
        uint64_t cursor = 0, value;
        elko_sock sock;
        unsigned n = 0;

        switch (r[3] % 7) {
        case 0: answered(h, elko_recv_ready(s->rig->st, h->sock), FZ_RIG_RCV); break;
        case 1: answered(h, elko_send_room(s->rig->st, h->sock), 1 << 30); break;
        case 2: answered(h, elko_tcp_info_get(s->rig->st, h->sock, &info), 0); break;
        case 3: legal(elko_set_user(s->rig->st, h->sock, h), 0); break;
        case 4:
                legal(elko_set_congestion(s->rig->st, h->sock,
                                          (r[4] & 1) != 0 ? &elko_cc_newreno : NULL),
                      0);
                break;
        case 5:
                while (elko_each(s->rig->st, &cursor, (r[4] & 1) != 0 ? &sock : NULL, &info))
                        FZ_REQUIRE(info.state < ELKO_TCP_STATE_COUNT && ++n < 100);
                break;
        default:
                legal(elko_get_option(s->rig->st, (elko_sock)r[4] << (r[3] / 4), ELKO_OPTION_TTL,
                                      &value),
                      0);
                break;
        }
}

static void do_verdict(struct side *s, const uint8_t *r)
{
        struct handle *h = handle_of(s, r[2]);
        struct elko_syn syn = {.id = r[4]};
        int n = elko_syn_next(s->rig->st, h->sock, &syn);

        legal(n, 0);
        if (n == 0 || (r[3] & 128) != 0)
                legal(elko_syn_verdict(s->rig->st, syn.id, (enum elko_verdict)(r[3] % 3)), 0);
}

static void do_echo(struct side *s, const uint8_t *r)
{
        static const uint8_t payload[1500];
        elko_ip to = peer_ip(s);
        struct elko_echo echo;

        legal(elko_echo_request(s->rig->st, &to, r[3], r[4], payload, r[4] * 6u), 0);
        while (elko_echo_next(s->rig->st, &echo))
                FZ_REQUIRE(echo.kind == ELKO_ECHO_REPLY && echo.len <= 1500);
}

static void do_route(struct side *s, const uint8_t *r)
{
        static const char *const texts[] = {"",          "10.9.0.0/16", "10.0.0.0/33",
                                            "::/0",      "fe80::/4",    "1.2.3/8",
                                            "fd00::/64", "0.0.0.0/0",   "x"};
        static const char *const via[] = {NULL, "10.0.0.77", "fd00::1", "", "10.0.0.300"};

        legal(elko_route_add(s->rig->st, texts[r[2] % 9], (elko_link)(r[3] & 3), via[r[4] % 5]), 0);
        legal(elko_neigh_add(s->rig->st, (elko_link)(r[3] & 3), &(elko_ip){{r[4]}},
                             (const uint8_t[6]){2}),
              0);
}

static void do_time(const uint8_t *r)
{
        uint64_t at = side[0].rig->now + ELKO_MS(r[3]) * ((r[2] & 3) == 3 ? 1000 : 1 + (r[2] & 3));

        for (unsigned i = 0; i < 2; i++) {
                fz_rig_advance(side[i].rig, at);
                pull(&side[i]);
        }
}

static void do_events(struct side *s)
{
        struct elko_event ev;

        while (elko_next_event(s->rig->st, &ev))
                legal(ev.error, 0);
}

static void step(const uint8_t *r)
{
        struct side *s = &side[r[1] & 1];
        enum op op = (enum op)(r[0] % OP_COUNT);

        fz_trace_text(s->rig->now, "side %u step %u: %02x %02x %02x", r[1] & 1, op, r[2], r[3],
                      r[4]);
        switch (op) {
        case OP_LISTEN: do_listen(s, r); break;
        case OP_CONNECT: do_connect(s, r); break;
        case OP_ACCEPT: do_accept(s, r); break;
        case OP_SEND: do_send(s, r); break;
        case OP_SEND_IN_PLACE: do_send_in_place(s, r); break;
        case OP_RECV: do_recv(s, r); break;
        case OP_RECV_IN_PLACE: do_recv_in_place(s, r); break;
        case OP_SHUTDOWN:
        case OP_CLOSE:
        case OP_ABORT: do_end(s, op, r); break;
        case OP_SET: do_set(s, r); break;
        case OP_ASK: do_ask(s, r); break;
        case OP_VERDICT: do_verdict(s, r); break;
        case OP_ECHO: do_echo(s, r); break;
        case OP_ROUTE: do_route(s, r); break;
        case OP_NOMEM:
                elko_fail_alloc(s->rig->st, r[2] & 15, (r[3] & 1) != 0);
                s->rig->nomem = (r[2] & 15) != 0;
                break;
        case OP_TIME: do_time(r); break;
        case OP_EVENTS: do_events(s); break;
        default: flow(1u + (r[2] & 31)); break;
        }
        for (unsigned i = 0; i < 2; i++) {
                fz_rig_check(side[i].rig);
                pull(&side[i]);
        }
        fz_pair(side[0].rig->nomem, op, side[1].rig->nomem);
}

/* ---- one input ---- */

static void finish(void)
{
        for (unsigned i = 0; i < 2; i++) {
                struct side *s = &side[i];

                elko_fail_alloc(s->rig->st, 0, false);
                for (unsigned k = 0; k < HANDLES; k++)
                        if (s->h[k].sock != ELKO_SOCK_NONE && !s->h[k].gone)
                                FZ_REQUIRE(elko_close(s->rig->st, s->h[k].sock) == 0);
                pull(s);
        }
        flow(2000);
        for (unsigned i = 0; i < 2; i++) {
                side[i].count = 0;
                fz_rig_finish(side[i].rig, on_sent, &side[i]);
        }
}

static void start(struct fz_rig pair[2])
{
        for (unsigned i = 0; i < 2; i++) {
                side[i].rig = &pair[i];
                memset(side[i].h, 0, sizeof(side[i].h));
                side[i].next = side[i].head = side[i].count = 0;
                fz_rig_reset(&pair[i], 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static _Alignas(64) uint8_t region[2][2][FZ_RIG_BYTES];
        static bool made;
        unsigned steps = 0;

        for (unsigned v6 = 0; v6 < 2 && !made; v6++)
                for (unsigned i = 0; i < 2; i++)
                        fz_rig_make(&rigs[v6][i], region[v6][i], v6 != 0, (uint8_t)(1 + i),
                                    (uint8_t)(2 - i), NULL);
        made = true;
        if (size < fz_head_bytes)
                return 0;
        fz_pair_reset();
        start(rigs[data[0] & 1]);
        for (data += fz_head_bytes, size -= fz_head_bytes;
             size >= fz_record_bytes && steps < MAX_STEPS;
             data += fz_record_bytes, size -= fz_record_bytes, steps++)
                step(data);
        finish();
        return 0;
}

/* ---- seeds: a connection that works, then anything ---- */

size_t fz_seed(unsigned i, uint8_t *out)
{
        static const uint8_t opening[][5] = {
                {OP_LISTEN, 1, 0, 8, 0}, {OP_CONNECT, 0, 0, 0, 0}, {OP_FLOW, 0, 31, 0, 0},
                {OP_ACCEPT, 1, 0, 1, 0}, {OP_SEND, 0, 0, 90, 7},   {OP_FLOW, 0, 31, 0, 0},
                {OP_RECV, 1, 1, 200, 0}, {OP_SEND, 1, 1, 50, 3},   {OP_FLOW, 0, 31, 0, 0},
        };
        uint64_t rng = i + 77;
        size_t n = fz_head_bytes;

        if (i >= 48)
                return 0;
        out[0] = (uint8_t)(i & 1);
        out[1] = 0;
        memcpy(out + n, opening, sizeof(opening));
        n += sizeof(opening);
        for (unsigned k = 0; k < i * 2; k++, n += fz_record_bytes) {
                uint64_t r = fz_random(&rng);

                memcpy(out + n, &r, 5);
                out[n] = (uint8_t)(r % OP_COUNT);
                out[n + 2] &= k % 2 == 0 ? 3 : 255;
        }
        return n;
}
