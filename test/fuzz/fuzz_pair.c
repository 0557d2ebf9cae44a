/* SPDX-License-Identifier: MIT */
/*
 * fuzz_pair (F8): two stacks, and the fuzzer is the wire between them.
 *
 * It delivers, loses, repeats, reorders, corrupts, cuts, splits and delays what they send, changes windows
 * and removes options (what middleboxes do), while both applications write, read and close. Nothing that it
 * does may alter a stream: each application reads an exact prefix of what the other wrote (I-12), and both
 * onlookers (fz_watch.h) are content.
 *
 * In the end the wire heals. Unless somebody aborted or time had run out for somebody before, everything
 * must then arrive, both ends must learn of the end of the stream, and no connection may have died (L1):
 * whatever loss and disorder came before, they recover. Then both close, and all memory is back.
 */
#include "common/fz_rig.h"
#include "common/fz_watch.h"

const unsigned fz_head_bytes = 4, fz_record_bytes = 4;

enum {
        MAX_STEPS = 250,
        QUEUE = 64,
        SLOT = FZ_RIG_MTU + 32,
        PORT = 80,
        VARIANTS = 4,
        PATIENCE_S = 10,  /* of the wire's mischief: shorter than every legal reason to give up */
        RECOVERY_S = 400, /* L1: 2 * 60 s of back-off, twice, and some */
};

enum op {
        OP_PASS, /* the first packets arrive */
        OP_PASS2,
        OP_LOSE,
        OP_REPEAT,
        OP_REORDER,
        OP_CORRUPT,
        OP_CUT,
        OP_SPLIT,
        OP_WINDOW,
        OP_STRIP,
        OP_TIME,
        OP_SEND,
        OP_RECV,
        OP_CALL,
        OP_HOLD,
        OP_OPTION,
        OP_COUNT
};

struct packet {
        uint32_t len;
        bool broken; /* its checksum is wrong */
        uint8_t p[SLOT];
};

struct side {
        struct fz_rig *rig;
        struct fz_watch watch;
        elko_sock sock, listener;
        uint64_t received;
        bool eof, shut, hold;
        struct packet queue[QUEUE]; /* what this side sent */
        unsigned count;
};

static struct side side[2];
static struct fz_rig rigs[VARIANTS][2];
static uint32_t first_iss[VARIANTS];
static bool rude; /* somebody aborted: a connection may die */
static uint64_t began;

static uint8_t stream_byte(uint64_t offset, unsigned who)
{
        return (uint8_t)(offset * 7 + (offset >> 8) * 13 + 1 + who * 101);
}

static uint8_t byte_a(uint64_t offset)
{
        return stream_byte(offset, 0);
}

static uint8_t byte_b(uint64_t offset)
{
        return stream_byte(offset, 1);
}

/* ---- the wire ---- */

static void enqueue(struct side *s, const uint8_t *p, uint32_t len, bool broken)
{
        struct packet *q = &s->queue[s->count];

        if (s->count == QUEUE || len > SLOT)
                return; /* a full queue loses packets */
        s->count++;
        q->len = len;
        q->broken = broken;
        memcpy(q->p, p, len);
}

static void on_sent(void *ctx, const struct fz_seg *seg)
{
        struct side *s = ctx;

        if (seg->proto != FZ_TCP)
                return;
        fz_trace_seg(s->rig->now, s == &side[0] ? '>' : '<', seg);
        FZ_SOUND(fz_watch_out(&s->watch, seg));
        enqueue(s, seg->packet, seg->packet_len, false);
}

static void pull(struct side *s)
{
        if (s->hold)
                return;
        fz_rig_pull(s->rig, on_sent, s);
        fz_rig_check_deadline(s->rig);
}

static void remove_at(struct side *s, unsigned i)
{
        memmove(&s->queue[i], &s->queue[i + 1], (s->count - i - 1) * sizeof(s->queue[0]));
        s->count--;
}

/* The i-th packet that `s` sent arrives at the other side. */
static void deliver(struct side *s, unsigned i)
{
        struct side *to = s == &side[0] ? &side[1] : &side[0];
        static struct packet p;
        struct elko_frame f = {.parts = 1};
        struct fz_seg seg;

        p = s->queue[i];
        remove_at(s, i);
        f.part[0].data = p.p;
        f.part[0].len = f.len = p.len;
        if (!p.broken && fz_wire_read(&f, SLOT, &seg) == NULL) {
                fz_trace_seg(to->rig->now, s == &side[0] ? ')' : '(', &seg);
                fz_watch_in(&to->watch, &seg);
        }
        fz_rig_input(to->rig, p.p, p.len);
        pull(to);
}

/* The middle of the packet, for those who change it: the TCP header. */
static uint8_t *tcp_of(struct packet *p, uint32_t *len)
{
        uint32_t ip = p->p[0] >> 4 == 6 ? 40 : 20;

        *len = p->len - ip;
        return p->p + ip;
}

static void corrupt(struct packet *p, uint8_t where, uint8_t how)
{
        uint32_t len;
        uint8_t *t = tcp_of(p, &len);

        /* One byte: the sum can't fail to see it. But two such changes may cancel out. */
        if (p->broken)
                return;
        t[where * 7u % len] ^= how != 0 ? how : 1;
        p->broken = true;
}

/* A middlebox wants another window. Its scale stays. */
static void change_window(struct packet *p, uint8_t how)
{
        uint32_t len;
        uint8_t *t = tcp_of(p, &len);

        if (p->broken || (t[13] & FZ_RST) != 0)
                return;
        fz_put16(t + 14, (uint16_t)(how < 16 ? how : how * 8));
        fz_mend(p->p, p->len);
}

/* ... or does not know an option: NOPs instead. */
static void strip_options(struct packet *p, uint8_t kind)
{
        static const uint8_t kinds[4] = {5, 8, 3, 4};
        uint32_t len, hdr;
        uint8_t *t = tcp_of(p, &len);

        if (p->broken)
                return;
        hdr = (uint32_t)(t[12] >> 4) * 4;
        for (uint32_t i = 20; i < hdr && t[i] != 0; i += t[i] == 1 ? 1 : t[i + 1]) {
                uint32_t n = t[i] == 1 ? 1 : t[i + 1];

                if (t[i] == kinds[kind & 3]) {
                        memset(t + i, 1, n);
                        fz_mend(p->p, p->len);
                        return;
                }
        }
}

/* Two segments where there was one. */
static void split(struct side *s, unsigned i, uint8_t where)
{
        struct elko_frame f = {.parts = 1};
        static uint8_t out[2][2048];
        uint8_t opts[40];
        uint32_t n[2], cut, opts_len;
        struct fz_seg seg, half;

        f.part[0].data = s->queue[i].p;
        f.part[0].len = f.len = s->queue[i].len;
        if (s->queue[i].broken || s->count == QUEUE || fz_wire_read(&f, SLOT, &seg) != NULL ||
            seg.len < 2 || (seg.flags & (FZ_SYN | FZ_RST)) != 0)
                return;
        cut = 1 + where % (seg.len - 1);
        opts_len = fz_tcp_options(opts, &seg);
        half = seg;
        half.flags &= (uint16_t) ~(FZ_FIN | FZ_PSH);
        n[0] = fz_tcp_build(out[0], &half, opts, opts_len, seg.data, cut);
        half = seg;
        half.seq += cut;
        n[1] = fz_tcp_build(out[1], &half, opts, opts_len, seg.data + cut, seg.len - cut);
        memcpy(s->queue[i].p, out[0], n[0]);
        s->queue[i].len = n[0];
        enqueue(s, out[1], n[1], false);
}

static void wire_step(enum op op, const uint8_t *r)
{
        struct side *s = &side[r[1] & 1];
        unsigned i = s->count == 0 ? 0 : (r[1] >> 1) % s->count;

        if (s->count == 0)
                return;
        switch (op) {
        case OP_LOSE: remove_at(s, i); break;
        case OP_REPEAT: enqueue(s, s->queue[i].p, s->queue[i].len, s->queue[i].broken); break;
        case OP_REORDER: deliver(s, i); break;
        case OP_CORRUPT: corrupt(&s->queue[i], r[2], r[3]); break;
        case OP_CUT:
                s->queue[i].broken = s->queue[i].broken || r[2] % s->queue[i].len != 0;
                s->queue[i].len -= r[2] % s->queue[i].len;
                break;
        case OP_SPLIT: split(s, i, r[2]); break;
        case OP_WINDOW: change_window(&s->queue[i], r[2]); break;
        case OP_STRIP: strip_options(&s->queue[i], r[2]); break;
        default:
                for (unsigned k = 1 + (r[2] & 7); k > 0 && s->count > 0; k--)
                        deliver(s, 0);
                break;
        }
}

/* ---- the applications ---- */

static void app_send(struct side *s, unsigned n)
{
        static uint8_t buf[4096];
        int64_t got;

        for (unsigned i = 0; i < n; i++)
                buf[i] = s->watch.byte(s->watch.given + i);
        got = elko_send(s->rig->st, s->sock, buf, n, 0);
        FZ_REQUIRE(got <= (int64_t)n);
        if (got > 0)
                s->watch.given += (uint64_t)got;
}

static int64_t app_recv(struct side *s, size_t want)
{
        static uint8_t buf[FZ_RIG_RCV];
        struct side *from = s == &side[0] ? &side[1] : &side[0];
        int64_t n = elko_recv(s->rig->st, s->sock, buf, want < sizeof(buf) ? want : sizeof(buf));

        for (int64_t i = 0; i < n; i++)
                if (buf[i] != from->watch.byte(s->received + (uint64_t)i))
                        fz_fail(__FILE__, __LINE__, "I-12: the application reads a wrong byte");
        if (n > 0)
                s->received += (uint64_t)n;
        FZ_REQUIRE(s->received <= from->watch.given);
        if (n == 0 && want > 0 && !s->eof) {
                s->eof = true;
                if (!rude && (!from->watch.closed || s->received != from->watch.given))
                        fz_fail(__FILE__, __LINE__, "I-17: end of stream before its end");
        }
        return n;
}

static void app_accept(struct side *s)
{
        if (s->sock == ELKO_SOCK_NONE && s->listener != ELKO_SOCK_NONE)
                elko_accept(s->rig->st, s->listener, &s->sock, NULL);
}

static void app_shutdown(struct side *s)
{
        if (elko_shutdown(s->rig->st, s->sock) == 0)
                s->watch.closed = s->shut = true;
}

static void app_call(struct side *s, uint8_t which)
{
        switch (which % 8) {
        case 0: app_shutdown(s); return;
        case 1: /* with unread data, or data still to come, that is an abort */
                if (s->sock == ELKO_SOCK_NONE)
                        return;
                rude = true;
                if (elko_close(s->rig->st, s->sock) == 0)
                        s->watch.closed = true;
                s->sock = ELKO_SOCK_NONE;
                return;
        case 2:
                if (s->sock == ELKO_SOCK_NONE)
                        return;
                rude = true;
                elko_abort(s->rig->st, s->sock);
                s->sock = ELKO_SOCK_NONE;
                return;
        default: app_accept(s); return;
        }
}

static void drain_events(struct side *s)
{
        struct elko_event ev;

        while (elko_next_event(s->rig->st, &ev)) {
                if ((ev.bits & ELKO_EV_ERROR) == 0)
                        continue;
                fz_trace_text(s->rig->now, "side %d: error %d", s == &side[1], ev.error);
                if (!rude && s->rig->now - began < ELKO_SEC(PATIENCE_S))
                        fz_fail(__FILE__, __LINE__, "a connection died without any reason");
                rude = true;
        }
}

static void both_advance(uint64_t at)
{
        for (unsigned i = 0; i < 2; i++) {
                fz_rig_advance(side[i].rig, at);
                pull(&side[i]);
        }
}

static uint64_t next_deadline(void)
{
        uint64_t a = elko_next_deadline(side[0].rig->st), b = elko_next_deadline(side[1].rig->st);

        return a < b ? a : b;
}

static void step_time(const uint8_t *r)
{
        uint64_t now = side[0].rig->now, at = now;

        switch (r[1] & 3) {
        case 0: at = next_deadline(); break;
        case 1: at += ELKO_MS(r[2]); break;
        case 2: at += ELKO_US(r[2]); break;
        default: at += ELKO_MS(r[2] * 30ull); break;
        }
        if (at - now < ELKO_SEC(3600))
                both_advance(at);
}

static void step(const uint8_t *r)
{
        struct side *s = &side[r[1] & 1];
        enum op op = (enum op)(r[0] % OP_COUNT);

        fz_trace_text(s->rig->now, "step %u: %02x %02x %02x", op, r[1], r[2], r[3]);
        switch (op) {
        case OP_TIME: step_time(r); break;
        case OP_SEND: app_send(s, (r[2] * 13u + r[3]) % 4096); break;
        case OP_RECV: app_recv(s, r[2] == 0 ? 1u << 20 : r[2]); break;
        case OP_CALL: app_call(s, r[2]); break;
        case OP_HOLD: s->hold = !s->hold; break;
        case OP_OPTION:
                elko_set_option(s->rig->st, s->sock,
                                (r[2] & 1) != 0 ? ELKO_OPTION_NODELAY : ELKO_OPTION_CORK, r[3] & 1);
                break;
        default: wire_step(op, r); break;
        }
        for (unsigned i = 0; i < 2; i++) {
                fz_rig_check(side[i].rig);
                pull(&side[i]);
                drain_events(&side[i]);
        }
        fz_pair((unsigned)(side[0].count > 10), op, (unsigned)(side[1].count > 10));
}

/* ---- healing ---- */

static bool is_finished(const struct side *s)
{
        const struct side *from = s == &side[0] ? &side[1] : &side[0];

        return s->eof && s->received == from->watch.given;
}

static void heal_once(struct side *s)
{
        s->hold = false;
        pull(s);
        app_accept(s);
        if (!s->shut)
                app_shutdown(s);
        while (app_recv(s, 1u << 20) > 0)
                ;
        pull(s);
        drain_events(s);
}

/* The wire is perfect from now on, the applications read and close. */
static void heal(void)
{
        uint64_t until = side[0].rig->now + ELKO_SEC(RECOVERY_S), at;

        for (unsigned i = 0; i < 2; i++)
                elko_set_option(side[i].rig->st, side[i].sock, ELKO_OPTION_CORK, 0);
        for (;;) {
                heal_once(&side[0]);
                heal_once(&side[1]);
                if (rude || (is_finished(&side[0]) && is_finished(&side[1])))
                        return;
                if (side[0].count + side[1].count > 0) {
                        for (unsigned i = 0; i < 2; i++)
                                if (side[i].count > 0)
                                        deliver(&side[i], 0);
                        continue;
                }
                at = next_deadline();
                if (at == ELKO_NEVER)
                        fz_fail(__FILE__, __LINE__, "I-22: stuck: nothing will ever happen again");
                if (at > until)
                        fz_fail(__FILE__, __LINE__, "L1: no recovery after the wire healed");
                both_advance(at);
        }
}

static void finish(void)
{
        for (unsigned i = 0; i < 2; i++) {
                side[i].hold = false;
                if (side[i].sock != ELKO_SOCK_NONE &&
                    elko_close(side[i].rig->st, side[i].sock) == 0)
                        side[i].watch.closed = true;
                if (side[i].listener != ELKO_SOCK_NONE)
                        elko_close(side[i].rig->st, side[i].listener);
        }
        for (unsigned n = 0; n < 2000; n++) {
                pull(&side[0]);
                pull(&side[1]);
                if (side[0].count + side[1].count == 0)
                        break;
                for (unsigned i = 0; i < 2; i++)
                        if (side[i].count > 0)
                                deliver(&side[i], 0);
        }
        /* What is still open now waits for answers that don't come, and gives up. */
        fz_rig_finish(side[0].rig, on_sent, &side[0]);
        fz_rig_finish(side[1].rig, on_sent, &side[1]);
}

/* ---- one input ---- */

static void plain(struct elko_config *c)
{
        c->timestamps = c->sack = c->window_scale = false;
}

static void no_timestamps(struct elko_config *c)
{
        c->timestamps = false;
}

static void start(struct fz_rig pair[2], uint64_t later)
{
        elko_endpoint local = {.port = PORT}, remote = {.port = PORT};

        for (unsigned i = 0; i < 2; i++) {
                side[i].rig = &pair[i];
                side[i].sock = side[i].listener = ELKO_SOCK_NONE;
                side[i].received = side[i].count = 0;
                side[i].eof = side[i].shut = side[i].hold = false;
                fz_watch_start(&side[i].watch, i == 0 ? byte_a : byte_b);
                fz_rig_reset(&pair[i], later);
        }
        rude = false;
        began = side[0].rig->now;
        FZ_REQUIRE(elko_listen(side[1].rig->st, &local, NULL, &side[1].listener) == 0);
        memcpy(remote.ip.b, side[0].rig->out.dst, 16);
        if (!side[0].rig->out.v6)
                remote.ip = elko_ip_v4(10, 0, 0, remote.ip.b[15]);
        local.port = 4000;
        FZ_REQUIRE(elko_connect(side[0].rig->st, &remote, &local, &side[0].sock) == 0);
        pull(&side[0]);
}

static void make_rigs(void)
{
        static _Alignas(64) uint8_t region[VARIANTS][2][FZ_RIG_BYTES];
        static void (*const configure[VARIANTS])(struct elko_config *) = {NULL, NULL, plain,
                                                                          no_timestamps};

        for (unsigned v = 0; v < VARIANTS; v++) {
                for (unsigned i = 0; i < 2; i++)
                        fz_rig_make(&rigs[v][i], region[v][i], v == 1, (uint8_t)(1 + i),
                                    (uint8_t)(2 - i), configure[v]);
                start(rigs[v], 0);
                first_iss[v] = side[0].watch.iss;
        }
}

/* ISS of the side that connects: anywhere, or right before the ends of the circle and of its half. */
static uint64_t place(const uint8_t *head)
{
        static const uint32_t isn[4] = {0, 0xfffffe00, 0x7ffffe00, 0xfffffff0};

        if ((head[1] & 3) == 0)
                return 0;
        return (uint64_t)(isn[head[1] & 3] - first_iss[head[0] % VARIANTS]) * 4000;
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
        fz_pair_reset();
        start(rigs[data[0] % VARIANTS], place(data));
        if ((data[2] & 1) != 0) {
                /* Not every input should have to find the handshake. */
                deliver(&side[0], 0);
                deliver(&side[1], 0);
                deliver(&side[0], 0);
                app_accept(&side[1]);
        }
        for (data += fz_head_bytes, size -= fz_head_bytes;
             size >= fz_record_bytes && steps < MAX_STEPS;
             data += fz_record_bytes, size -= fz_record_bytes, steps++)
                step(data);
        if (side[0].rig->now - began >= ELKO_SEC(PATIENCE_S))
                rude = true; /* somebody may have given up */
        heal();
        finish();
        return 0;
}

/* ---- seeds: handshakes, transfers both ways with every kind of mischief, closing ---- */

size_t fz_seed(unsigned i, uint8_t *out)
{
        uint64_t rng = i + 1000;
        size_t n = fz_head_bytes;

        if (i >= 64)
                return 0;
        out[0] = (uint8_t)(i % VARIANTS);
        out[1] = (uint8_t)(i / 4);
        out[2] = (uint8_t)(i / 3);
        out[3] = 0;
        for (unsigned k = 0; k < 16 + i; k++, n += fz_record_bytes) {
                uint64_t r = fz_random(&rng);

                memcpy(out + n, &r, 4);
                out[n] = (uint8_t)(r % OP_COUNT);
                if (k % 3 == 0)
                        out[n] = OP_PASS;
                if (k % 5 == 0)
                        out[n] = OP_SEND;
                if (out[n] == OP_CALL && i % 4 != 0)
                        out[n + 2] = 3;
                if (out[n] == OP_TIME)
                        out[n + 2] &= 15;
        }
        return n;
}
