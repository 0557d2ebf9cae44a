/* SPDX-License-Identifier: MIT */
/*
 * fuzz_conn (F7): one connection, whose peer and whose application the fuzzer plays.
 *
 * Random 32-bit numbers die at the first step of RFC 9293, 3.10.7.4. So everything here is relative: SEQ
 * to RCV.NXT, to the right edge of the window, or to what the peer sent; ACK to SND.UNA and SND.NXT;
 * timestamps to the two clocks. The input is a head - the state to begin in, options, where on the circle
 * the numbers lie - and records of one step each (enum op).
 *
 * The byte with sequence number s of the peer's stream is peer_byte(s), in every copy that is sent; or,
 * when the peer lies, lie_byte(s). So what the application reads can be judged exactly, without any
 * model of the receiver: it is the peer's stream from IRS + 1 on, and ends only where a FIN was.
 */
#include "common/fz_conn.h"

const unsigned fz_head_bytes = 6, fz_record_bytes = 8;

enum op {
        OP_SEG,
        OP_SEG2,
        OP_DATA, /* the peer behaves: next bytes, everything acknowledged */
        OP_ACK,  /* ... acknowledges all, or a part */
        OP_FIN,
        OP_TIME,
        OP_SEND,
        OP_RECV,
        OP_CALL, /* close, shutdown, abort, accept, ... */
        OP_OPTION,
        OP_HOLD,
        OP_ICMP,
        OP_BAD,   /* a segment with broken bytes: wrong checksum, cut short */
        OP_OTHER, /* a segment of another connection */
        OP_NOMEM,
        OP_SACK,
        OP_COUNT
};

static struct fz_rig rigs[2];
static uint32_t first_iss[2][2]; /* of a passive, an active open at the rig's start */

/* ---- the record's numbers ---- */

static uint32_t small_offset(uint8_t b)
{
        return (uint32_t)(b & 31) - ((b & 16) != 0 ? 32u : 0u);
}

static uint32_t seq_of(const uint8_t *r)
{
        uint32_t off = small_offset(r[2]), far = r[7] * 64u;

        switch (r[2] >> 5) {
        case 0: return rcv_nxt() + off;
        case 1: return w.peer_nxt + off;
        case 2: return w.watch.edge + off;
        case 3: return w.irs + off;
        case 4: return rcv_nxt() + off + 0x80000000u;
        case 5: return rcv_nxt() + off + far;
        case 6: return w.watch.edge + off - far;
        default: return rcv_nxt() + off - far;
        }
}

static uint32_t ack_of(const uint8_t *r)
{
        uint32_t off = small_offset(r[3]), far = r[7] * 64u, max = w.watch.snd_max;

        switch (r[3] >> 5) {
        case 0: return max + off;
        case 1: return w.peer_una + off;
        case 2: return w.watch.iss + off;
        case 3: return max + off + 0x80000000u;
        case 4: return w.peer_una + off - far;
        case 5: return max + off + far;
        case 6: return w.peer_una + (max - w.peer_una) / 2 + off;
        default: return max - off;
        }
}

static uint16_t flags_of(const uint8_t *r)
{
        static const uint16_t usual[16] = {
                FZ_ACK, FZ_ACK, FZ_ACK | FZ_PSH, FZ_ACK | FZ_FIN,          FZ_SYN,
                FZ_RST, FZ_FIN, FZ_RST | FZ_ACK, FZ_SYN | FZ_ACK,          0,
                FZ_ACK, 0x3f,   FZ_ACK | FZ_URG, FZ_ACK | FZ_PSH | FZ_FIN, FZ_SYN | FZ_FIN,
                0xd0,
        };

        return (r[1] & 15) == 15 ? r[7] : usual[r[1] >> 4];
}

static uint32_t len_of(uint8_t b)
{
        return b < 96 ? 0 : b < 160 ? b - 95u : b < 224 ? (b - 159u) * 16 : (b - 223u) * 37;
}

static uint16_t wnd_of(uint8_t b)
{
        return (uint16_t)(b == 255 ? 65535 : b < 64 ? b : (b - 63) * 300);
}

/* ---- steps ---- */

static void step_seg(const uint8_t *r)
{
        struct fz_seg s = {.seq = seq_of(r), .ack = ack_of(r), .flags = flags_of(r)};
        uint32_t len = len_of(r[4]);
        enum flaw flaw = NO_FLAW;

        set_way(&s);
        set_options(&s);
        s.wnd = wnd_of(r[5]);
        s.urg = (s.flags & FZ_URG) != 0 ? r[6] : 0;
        if ((s.flags & FZ_ACK) == 0)
                s.ack = 0;
        switch (r[6] & 15) {
        case 1: s.has_ts = !s.has_ts; break;
        case 2: s.ts_val -= r[7]; break;
        case 3: s.ts_val += r[7]; break;
        case 4: s.ts_ecr -= r[7]; break;
        case 5: s.ts_val += 0x80000000u; break;
        case 6: flaw = LIE; break;
        case 7: flaw = RAW_OPTIONS; break;
        case 8: s.sacks = 1, s.sack[0] = s.ack + r[7], s.sack[1] = s.sack[0] + 100; break;
        default: break;
        }
        w.ts_odd = w.ts_odd || (s.has_ts && s.ts_val != ts_now()) || flaw == RAW_OPTIONS;
        exchange(&s, len, flaw, r);
        note_peer(&s, len);
}


static void step_honest(unsigned op, const uint8_t *r)
{
        uint32_t ack = w.watch.snd_max;

        if (op == OP_ACK && (r[3] & 1) != 0)
                ack = w.peer_una + (ack - w.peer_una) * (r[2] & 7) / 8;
        if (op == OP_DATA)
                honest(FZ_ACK, w.peer_nxt, ack, 1 + r[4] * 5u % MSS, wnd_of(r[5]));
        else if (op == OP_FIN)
                honest(FZ_ACK | FZ_FIN, w.peer_nxt, ack, r[4] & 31, wnd_of(r[5]));
        else
                honest(FZ_ACK, w.peer_nxt, ack, 0, wnd_of(r[5]));
}

static void step_sack(const uint8_t *r)
{
        struct fz_seg s = {.flags = FZ_ACK, .seq = w.peer_nxt, .ack = w.peer_una, .wnd = 60000};

        set_way(&s);
        set_options(&s);
        s.sacks = (uint8_t)(1 + r[1] % 3);
        for (unsigned i = 0; i < s.sacks; i++) {
                s.sack[2 * i] = w.peer_una + r[2 + i] * 50u;
                s.sack[2 * i + 1] = s.sack[2 * i] + 1 + r[5 + i % 3] * 10u;
        }
        exchange(&s, 0, NO_FLAW, r);
}

static void step_time(const uint8_t *r)
{
        uint64_t next = elko_next_deadline(w.rig->st), to = w.rig->now;

        switch (r[1] & 7) {
        case 0: to = next; break;
        case 1: to = next - 1; break;
        case 2: to += ELKO_MS(r[2]); break;
        case 3: to += ELKO_MS(40); break;
        case 4: to += ELKO_SEC(r[2]); break;
        case 5: to += ELKO_SEC(r[2] * 60ull); break;
        case 6:
                to = next < ELKO_NEVER - ELKO_SEC(600) ? next + ELKO_MS(r[2] * 100ull) : next;
                break;
        default:
                for (unsigned i = r[2] & 7; i > 0 && next != ELKO_NEVER; i--) {
                        fz_rig_advance(w.rig, next);
                        pull();
                        next = elko_next_deadline(w.rig->st);
                }
                return;
        }
        if (to < w.rig->now + ELKO_SEC(86400))
                fz_rig_advance(w.rig, to);
        pull();
}

static void step_send(const uint8_t *r)
{
        static uint8_t buf[4096];
        uint32_t n = r[1] < 192 ? r[1] + (r[2] & 15u) : (r[1] - 191u) * 64 - (r[2] & 63u);
        struct elko_slice room[2];
        int64_t got;

        for (uint32_t i = 0; i < n; i++)
                buf[i] = own_byte(w.watch.given + i);
        if ((r[3] & 1) == 0) {
                got = elko_send(w.rig->st, w.sock, buf, n, r[3] >> 1 & 1);
                FZ_REQUIRE(got <= (int64_t)n);
        } else {
                got = elko_send_reserve(w.rig->st, w.sock, n, room);
                FZ_REQUIRE(got <= (int64_t)n);
                if (got > 0) {
                        /* The caller owns what it reserved, and may write there. */
                        memcpy((void *)(uintptr_t)room[0].data, buf, room[0].len);
                        if (room[1].len > 0)
                                memcpy((void *)(uintptr_t)room[1].data, buf + room[0].len,
                                       room[1].len);
                        got = elko_send_commit(w.rig->st, w.sock, (size_t)got, 0);
                        FZ_REQUIRE(got > 0);
                }
        }
        if (got > 0)
                w.watch.given += (uint64_t)got;
}

/* Which SYN did the stack take? */
static void learn_irs(void)
{
        struct elko_tcp_info info;

        if (w.recv_known || elko_tcp_info_get(w.rig->st, w.sock, &info) != 0 ||
            info.state == ELKO_TCP_SYN_SENT)
                return;
        w.recv_irs = info.irs;
        w.recv_known = true;
}

static void judge_bytes(const uint8_t *p, uint64_t n)
{
        for (uint64_t i = 0; i < n; i++) {
                uint32_t seq = w.recv_irs + 1 + (uint32_t)(w.received + i);

                if (p[i] != peer_byte(seq) && !(w.lied && p[i] == lie_byte(seq)))
                        fz_fail(__FILE__, __LINE__, "I-12: the application reads a wrong byte");
        }
        w.received += n;
}

static void step_recv(const uint8_t *r)
{
        static uint8_t buf[FZ_RIG_RCV];
        size_t want = r[1] == 0 ? sizeof(buf) : r[1] * 8u;
        struct elko_slice in[2];
        int64_t n;

        learn_irs();
        if ((r[2] & 1) == 0) {
                n = elko_recv(w.rig->st, w.sock, buf, want);
                FZ_REQUIRE(n <= (int64_t)want);
                if (n > 0)
                        judge_bytes(buf, (uint64_t)n);
        } else {
                n = elko_recv_peek(w.rig->st, w.sock, in);
                if (n > 0) {
                        FZ_REQUIRE(in[0].len + in[1].len == n);
                        judge_bytes(in[0].data, in[0].len);
                        judge_bytes(in[1].data, in[1].len);
                        FZ_REQUIRE(elko_recv_consume(w.rig->st, w.sock, (size_t)n) == 0);
                }
        }
        if (n > 0)
                FZ_REQUIRE(!w.eof);
        if (n == 0 && want > 0 && w.recv_known && !w.closing) {
                if (!fz_watch_fin_at(&w.watch, w.recv_irs + 1 + (uint32_t)w.received))
                        fz_fail(__FILE__, __LINE__, "I-17: end of stream without a FIN there");
                w.eof = true;
        }
}

static void forget_sock(void)
{
        w.sock = ELKO_SOCK_NONE;
        w.recv_known = w.eof = w.closing = w.adopted = false;
        w.received = 0;
}

static void take_accepted(void)
{
        struct elko_tcp_info info;
        elko_endpoint remote;
        elko_sock s;

        if (elko_accept(w.rig->st, w.listener, &s, &remote) != 0)
                return;
        if (remote.port != PEER_PORT) {
                FZ_REQUIRE(elko_abort(w.rig->st, s) == 0);
                return;
        }
        if (w.sock != ELKO_SOCK_NONE)
                elko_abort(w.rig->st, w.sock);
        forget_sock();
        w.sock = s;
        w.watch.given = 0;
        w.watch.closed = false;
        learn_irs();
        FZ_REQUIRE(elko_tcp_info_get(w.rig->st, s, &info) == 0);
        if (info.state != ELKO_TCP_CLOSED && info.state != ELKO_TCP_TIME_WAIT)
                fz_watch_adopt(&w.watch, info.iss, info.irs);
        w.adopted = true;
}

static void start_listening(void)
{
        struct elko_listen_config cfg = {.backlog = 3, .syn_queue = 3};
        elko_endpoint local = {.port = LISTEN_PORT};

        if (w.listener != ELKO_SOCK_NONE)
                return;
        if ((w.head[1] & HEAD_VERDICT) != 0)
                cfg.flags = ELKO_LISTEN_VERDICT;
        if ((w.head[1] & HEAD_TINY) != 0)
                cfg.backlog = cfg.syn_queue = 1;
        if (elko_listen(w.rig->st, &local, &cfg, &w.listener) == 0 && w.state == ELKO_TCP_CLOSED &&
            w.lport == LISTEN_PORT)
                w.state = ELKO_TCP_LISTEN;
}

static void start_connecting(void)
{
        elko_endpoint local = {.port = w.lport}, remote = {.port = PEER_PORT};

        if (w.sock != ELKO_SOCK_NONE || w.lport != ACTIVE_PORT)
                return;
        memcpy(remote.ip.b, w.rig->out.dst, 16);
        if (!w.rig->out.v6)
                remote.ip = elko_ip_v4(10, 0, 0, remote.ip.b[15]);
        if (elko_connect(w.rig->st, &remote, &local, &w.sock) == 0) {
                w.watch.given = 0;
                w.watch.closed = false;
        }
}

static void give_verdict(const uint8_t *r)
{
        struct elko_syn syn;

        if (elko_syn_next(w.rig->st, w.listener, &syn) == 0)
                elko_syn_verdict(w.rig->st, syn.id, (enum elko_verdict)(r[2] % 4 % 3));
}

static void step_call(const uint8_t *r)
{
        switch (r[1] % 8) {
        case 0:
                if (elko_shutdown(w.rig->st, w.sock) == 0)
                        w.watch.closed = true;
                break;
        case 1:
                if (elko_close(w.rig->st, w.sock) == 0)
                        w.watch.closed = true;
                forget_sock();
                break;
        case 2:
                elko_abort(w.rig->st, w.sock);
                forget_sock();
                break;
        case 3: take_accepted(); break;
        case 4: start_listening(); break;
        case 5: start_connecting(); break;
        case 6:
                elko_close(w.rig->st, w.listener);
                w.listener = ELKO_SOCK_NONE;
                if (w.state == ELKO_TCP_LISTEN)
                        w.state = ELKO_TCP_CLOSED;
                break;
        default: give_verdict(r); break;
        }
}

static void step_option(const uint8_t *r)
{
        static const uint64_t values[] = {0,          1,           255,           4096,
                                          ELKO_MS(1), ELKO_SEC(1), ELKO_SEC(100), ELKO_NEVER};
        uint64_t v = (r[2] & 8) != 0 ? values[r[2] & 7] : (uint64_t)r[3] << (r[2] & 7);
        elko_sock s = (r[4] & 1) != 0 ? w.listener : w.sock;

        elko_set_option(w.rig->st, s, (enum elko_option)(r[1] % ELKO_OPTION_COUNT), v);
}

/* An error about a segment of ours (RFC 792; RFC 4443): the quote says which. */
static void step_icmp(const uint8_t *r)
{
        static const uint8_t types4[4] = {3, 3, 11, 12}, types6[4] = {1, 2, 3, 4};
        uint8_t icmp[8 + 40 + 20], packet[128];
        struct fz_way way = {.v6 = w.rig->out.v6};
        struct fz_seg quoted = {.way = w.rig->out, .sport = w.lport, .dport = PEER_PORT};
        uint32_t n, ip;

        memset(icmp, 0, sizeof(icmp));
        icmp[0] = way.v6 ? types6[r[1] & 3] : types4[r[1] & 3];
        icmp[1] = r[2] & 15;
        fz_put16(icmp + 6, (uint16_t)(r[5] * 8));
        quoted.seq = ack_of(r);
        quoted.flags = FZ_ACK;
        n = fz_tcp_build(packet, &quoted, NULL, 0, NULL, 0);
        memcpy(icmp + 8, packet, n);
        n = 8 + n - (r[4] & 15) % n; /* perhaps cut short */
        memcpy(way.src, w.rig->out.dst, 16);
        memcpy(way.dst, w.rig->out.src, 16);
        ip = fz_ip_header(packet, &way, way.v6 ? FZ_ICMP6 : FZ_ICMP4, n);
        memcpy(packet + ip, icmp, n);
        fz_mend(packet, ip + n);
        fz_rig_input(w.rig, packet, ip + n);
}

/* A segment that the stack must not even notice. */
static void step_bad(const uint8_t *r)
{
        struct fz_seg s = {.seq = rcv_nxt(), .ack = w.watch.snd_max, .flags = flags_of(r)};

        set_way(&s);
        set_options(&s);
        s.wnd = wnd_of(r[2]);
        exchange(&s, len_of(r[4]), (r[3] & 1) != 0 ? CUT : WRONG_BYTE, r);
}

static void step_other(const uint8_t *r)
{
        struct fz_seg s = {.seq = r[3] * 0x01010101u, .ack = r[5], .flags = flags_of(r)};
        uint8_t packet[128], opts[40];
        uint32_t n;

        set_way(&s);
        set_options(&s);
        if ((r[6] & 1) != 0) {
                /* The third step of its handshake, which nobody told it: a guess. */
                s.ack = w.watch.iss + r[7];
        }
        s.sport = (uint16_t)(OTHER_PORT + (r[2] & 3));
        s.dport = (r[6] & 2) != 0 ? (uint16_t)r[7] : LISTEN_PORT;
        s.wnd = 1000;
        n = fz_tcp_build(packet, &s, opts, fz_tcp_options(opts, &s), NULL, 0);
        pull();
        w.out = w.out_rst = 0;
        fz_rig_input(w.rig, packet, n);
        pull();
        if (!w.hold && s.dport != 0) {
                FZ_REQUIRE(w.out <= 1);
                FZ_REQUIRE((s.flags & FZ_RST) == 0 || w.out_rst == 0);
        }
}

static void step_nomem(const uint8_t *r)
{
        bool on = (r[1] & 3) != 0;

        elko_fail_alloc(w.rig->st, on ? 1 + (r[2] & 7) : 0, (r[1] & 2) != 0);
        w.rig->nomem = on;
}

static void drain_events(void)
{
        struct elko_event ev;

        while (elko_next_event(w.rig->st, &ev)) {
                if (ev.sock != w.sock || w.sock == ELKO_SOCK_NONE)
                        continue;
                FZ_REQUIRE((ev.bits & ELKO_EV_ERROR) == 0 || ev.error < 0);
                if ((ev.bits & (ELKO_EV_ERROR | ELKO_EV_CLOSED)) != 0)
                        w.closing = true;
        }
}

/* What the pairs of the report are made of: kind of step, flags, and how SEQ lies to the window. */
static unsigned event_of(unsigned op, const uint8_t *r)
{
        int32_t at;

        if (op > OP_SEG2)
                return 80 + op * 2 + (op == OP_CALL ? r[1] & 1 : 0);
        at = (int32_t)(seq_of(r) - rcv_nxt());
        return (unsigned)(r[1] >> 4) * 5 + (at < 0                                     ? 0u
                                            : at == 0                                  ? 1u
                                            : at < (int32_t)(w.watch.edge - rcv_nxt()) ? 2u
                                            : seq_of(r) == w.watch.edge                ? 3u
                                                                                       : 4u);
}

static void step(const uint8_t *r)
{
        unsigned op = r[0] % OP_COUNT, before = w.state, event = event_of(op, r);

        fz_trace_text(w.rig->now, "state %u, step %u: %02x %02x %02x %02x %02x %02x %02x", before,
                      op, r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
        switch ((enum op)op) {
        case OP_SEG:
        case OP_SEG2: step_seg(r); break;
        case OP_DATA:
        case OP_ACK:
        case OP_FIN: step_honest(op, r); break;
        case OP_TIME: step_time(r); break;
        case OP_SEND: step_send(r); break;
        case OP_RECV: step_recv(r); break;
        case OP_CALL: step_call(r); break;
        case OP_OPTION: step_option(r); break;
        case OP_HOLD: w.hold = !w.hold; break;
        case OP_ICMP: step_icmp(r); break;
        case OP_BAD: step_bad(r); break;
        case OP_OTHER: step_other(r); break;
        case OP_NOMEM: step_nomem(r); break;
        case OP_SACK: step_sack(r); break;
        case OP_COUNT: break;
        }
        fz_rig_check(w.rig);
        pull();
        drain_events();
        fz_pair(before, event, w.state);
}

/* ---- the state to begin in ---- */

static void open_passive(void)
{
        start_listening();
        honest(FZ_SYN, w.irs, 0, 0, 60000);
        if ((w.head[1] & HEAD_VERDICT) != 0) {
                give_verdict((const uint8_t[8]){0});
                pull();
        }
}

static void open_established(bool active)
{
        if (active) {
                start_connecting();
                pull();
                honest(FZ_SYN | FZ_ACK, w.irs, w.watch.snd_max, 0, 60000);
                return;
        }
        open_passive();
        honest(FZ_ACK, w.peer_nxt, w.watch.snd_max, 0, 60000);
        take_accepted();
}

static void call(unsigned which)
{
        step_call((const uint8_t[8]){0, (uint8_t)which});
        pull();
}

static void begin(unsigned where)
{
        bool active = (where & 1) != 0;

        w.lport = active ? ACTIVE_PORT : LISTEN_PORT;
        switch (where >> 1) {
        case 0: /* CLOSED, or LISTEN */
                if (!active)
                        start_listening();
                return;
        case 1: /* SYN-SENT, SYN-RECEIVED */
                if (active)
                        start_connecting();
                else
                        open_passive();
                pull();
                return;
        case 2: open_established(active); return;
        case 3: /* FIN-WAIT-1 */
                open_established(active);
                call(0);
                return;
        case 4: /* FIN-WAIT-2 */
                open_established(active);
                call(0);
                honest(FZ_ACK, w.peer_nxt, w.watch.snd_max, 0, 60000);
                return;
        case 5: /* CLOSE-WAIT, LAST-ACK */
                open_established(active);
                honest(FZ_ACK | FZ_FIN, w.peer_nxt, w.watch.snd_max, 0, 60000);
                if (active)
                        call(0);
                return;
        case 6: /* CLOSING, TIME-WAIT */
                open_established(active);
                call(0);
                honest(FZ_ACK | FZ_FIN, w.peer_nxt, w.peer_una, 0, 60000);
                if (active)
                        honest(FZ_ACK, w.peer_nxt, w.watch.snd_max, 0, 60000);
                return;
        default: /* SYN-RECEIVED by simultaneous open; an orphan with data */
                if (active) {
                        start_connecting();
                        pull();
                        honest(FZ_SYN, w.irs, 0, 0, 60000);
                        return;
                }
                open_established(false);
                step_send((const uint8_t[8]){0, 200});
                pull();
                call(1);
                return;
        }
}

/* ---- one input ---- */

static void on_trace(void *ctx, const struct elko_trace_event *ev)
{
        (void)ctx;
        if (ev->kind == ELKO_TRACE_STATE && ev->remote.port == PEER_PORT &&
            ev->local.port == w.lport) {
                w.state = ev->state;
                /* A SYN that reopened it led nowhere: the incarnation before is back (RFC 9293, 3.6.1). */
                if (ev->state == ELKO_TCP_TIME_WAIT && ev->old_state <= ELKO_TCP_SYN_RECEIVED)
                        w.watch.loose = true;
                if (w.state == ELKO_TCP_CLOSED && w.listener != ELKO_SOCK_NONE &&
                    w.lport == LISTEN_PORT)
                        w.state = ELKO_TCP_LISTEN;
        }
}

/* The ISS is a keyed hash of the tuple, plus the clock in ticks of 4 us (RFC 6528): what is it now? */
static void learn_iss(bool v6, bool active)
{
        memset(&w, 0, sizeof(w));
        w.rig = &rigs[v6];
        w.irs = w.peer_nxt = 1;
        fz_watch_start(&w.watch, own_byte);
        fz_rig_reset(w.rig, 0);
        begin(2 | active);
        first_iss[v6][active] = w.watch.iss;
}

static void make_rigs(void)
{
        static _Alignas(64) uint8_t region[2][FZ_RIG_BYTES];

        for (unsigned v6 = 0; v6 < 2; v6++) {
                fz_rig_make(&rigs[v6], region[v6], v6 != 0, 1, 2, NULL);
                learn_iss(v6 != 0, false);
                learn_iss(v6 != 0, true);
                /* Once more, without what that left in the memory. */
                fz_snap_free(&rigs[v6].snap);
                fz_rig_make(&rigs[v6], region[v6], v6 != 0, 1, 2, NULL);
                fz_snap_free(&rigs[v6].snap);
                elko_trace_set(rigs[v6].st, on_trace, NULL);
                fz_snap_take(&rigs[v6].snap, region[v6], FZ_RIG_BYTES);
        }
}

/* Where the numbers lie: anywhere, or right before the ends of the circle and of its half. */
static uint64_t place(const uint8_t *head)
{
        static const uint32_t isn[4] = {0, 0xfffffff0, 0x7ffffff0, 0xfffffff0};
        uint32_t iss = first_iss[head[1] & HEAD_V6][head[0] & 1];

        w.irs = isn[head[2] & 3] + (head[5] & 15);
        w.ts_base = isn[head[2] >> 2 & 3] - (uint32_t)(w.rig->start / 1000000);
        if ((head[2] >> 4 & 3) == 0)
                return 0;
        return (uint64_t)(isn[head[2] >> 4 & 3] + (head[5] >> 4) - iss) * 4000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static bool made;
        unsigned steps = 0;

        if (!made)
                make_rigs();
        made = true;
        if (size < fz_head_bytes)
                return 0;
        memset(&w, 0, sizeof(w));
        memcpy(w.head, data, fz_head_bytes);
        fz_pair_reset();
        w.rig = &rigs[data[1] & HEAD_V6];
        fz_watch_start(&w.watch, own_byte);
        fz_rig_reset(w.rig, place(data));
        w.peer_nxt = w.irs;
        begin(data[0] & 15);
        for (data += fz_head_bytes, size -= fz_head_bytes;
             size >= fz_record_bytes && steps < MAX_STEPS;
             data += fz_record_bytes, size -= fz_record_bytes, steps++)
                step(data);
        elko_fail_alloc(w.rig->st, 0, false);
        w.hold = false;
        if (w.sock != ELKO_SOCK_NONE)
                elko_abort(w.rig->st, w.sock);
        elko_close(w.rig->st, w.listener);
        fz_rig_finish(w.rig, on_sent, NULL);
        return 0;
}

/* ---- seeds: every state to begin in, both families, then a stretch of ordinary and odd steps ---- */

size_t fz_seed(unsigned i, uint8_t *out)
{
        uint64_t rng = i + 1;
        size_t n = fz_head_bytes;

        if (i >= 96)
                return 0;
        out[0] = (uint8_t)(i & 15);
        out[1] = (uint8_t)(fz_random(&rng) & 0x3f & ~(i % 3 == 0 ? 0u : HEAD_VERDICT | HEAD_TINY));
        out[2] = (uint8_t)(i / 16 * 21);
        out[3] = (uint8_t)(i % 4 == 0 ? 100 : 146);
        out[4] = (uint8_t)(i % 5);
        out[5] = (uint8_t)i;
        for (unsigned k = 0; k < 10 + i / 3; k++, n += fz_record_bytes) {
                uint64_t r = fz_random(&rng);

                memcpy(out + n, &r, 8);
                out[n] = (uint8_t)(r % OP_COUNT);
                if (out[n] == OP_HOLD || out[n] == OP_NOMEM)
                        out[n] = OP_RECV;
                out[n + 2] &= out[n] <= OP_SEG2 ? 0x3f : 0xff;
        }
        return n;
}
