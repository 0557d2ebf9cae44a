/* SPDX-License-Identifier: MIT */
/*
 * fz_conn.c - the peer of fuzz_conn. RFC 9293, 3.10.7.4; RFC 5961.
 */
#include "fz_conn.h"

struct world w;

/* ---- the streams ---- */

uint8_t peer_byte(uint32_t seq)
{
        return (uint8_t)(seq * 7 + (seq >> 8) * 13 + (seq >> 16) * 5 + 1);
}

uint8_t lie_byte(uint32_t seq)
{
        return (uint8_t)~peer_byte(seq);
}

uint8_t own_byte(uint64_t offset)
{
        return (uint8_t)(offset * 5 + (offset >> 8) * 11 + 2);
}

/* ---- what the stack sends ---- */

void on_sent(void *ctx, const struct fz_seg *s)
{
        (void)ctx;
        if (s->proto != FZ_TCP)
                return;
        fz_trace_seg(w.rig->now, '>', s);
        w.out++;
        w.out_rst += (s->flags & FZ_RST) != 0;
        if (s->dport != PEER_PORT || s->sport != w.lport) {
                FZ_REQUIRE(s->len == 0);
                return;
        }
        w.out_pure += (s->flags & 0x17) == FZ_ACK && s->len == 0;
        if (elko_counters_get(w.rig->st)->tcp_syn_cookies_sent != 0 && !w.adopted)
                w.watch.loose = true;
        if (s->has_ts)
                w.ts_seen = s->ts_val;
        /* They are as old as their question, perhaps of an incarnation that is over. */
        if (w.stale && (s->flags & ~FZ_PSH) == FZ_ACK && s->len == 0)
                return;
        FZ_SOUND(fz_watch_out(&w.watch, s));
}

void pull(void)
{
        if (w.hold)
                return;
        fz_rig_pull(w.rig, on_sent, NULL);
        fz_rig_check_deadline(w.rig);
        w.stale = false;
}

/* ---- what the peer sends ---- */

uint32_t rcv_nxt(void)
{
        return w.watch.has_ack ? w.watch.last_ack : w.irs;
}

uint32_t ts_now(void)
{
        return w.ts_base + (uint32_t)(w.rig->now / 1000000);
}

void set_way(struct fz_seg *s)
{
        s->way.v6 = w.rig->out.v6;
        memcpy(s->way.src, w.rig->out.dst, 16);
        memcpy(s->way.dst, w.rig->out.src, 16);
        s->sport = PEER_PORT;
        s->dport = w.lport;
}

/* The options that an honest peer puts on it. */
void set_options(struct fz_seg *s)
{
        bool syn = (s->flags & FZ_SYN) != 0;

        s->has_ts = (w.head[1] & HEAD_TS) != 0;
        s->ts_val = ts_now();
        s->ts_ecr = (s->flags & FZ_ACK) != 0 ? w.ts_seen : 0;
        if (!syn)
                return;
        s->has_mss = w.head[3] != 0;
        s->mss = (uint16_t)(w.head[3] < 128 ? w.head[3] : w.head[3] * 10);
        s->sack_ok = (w.head[1] & HEAD_SACK) != 0;
        s->has_ws = (w.head[1] & HEAD_WS) != 0;
        s->ws = w.head[4] & 15;
}

/* In goes the segment. `raw`: the record, whose bytes make options or damage. */
static void give(struct fz_seg *s, uint32_t len, enum flaw flaw, const uint8_t *raw)
{
        static uint8_t packet[2048], payload[1600];
        uint8_t opts[40];
        uint32_t first = s->seq + ((s->flags & FZ_SYN) != 0), n = 0, total;

        s->len = len;
        for (uint32_t i = 0; i < len; i++)
                payload[i] = flaw == LIE ? lie_byte(first + i) : peer_byte(first + i);
        if (flaw == RAW_OPTIONS) {
                n = 4 + raw[5] % 37;
                for (uint32_t i = 0; i < n; i++)
                        opts[i] = raw[(i + raw[6]) & 7];
        } else {
                n = fz_tcp_options(opts, s);
        }
        total = fz_tcp_build(packet, s, opts, n, payload, len);
        if (flaw == WRONG_BYTE) {
                uint32_t ip = s->way.v6 ? 40 : 20;

                packet[ip + (raw[5] * 256u + raw[6]) % (total - ip)] ^= raw[7] != 0 ? raw[7] : 1;
        } else if (flaw == CUT) {
                total -= 1 + raw[5] % total;
        } else {
                w.lied = w.lied || flaw == LIE;
                if (flaw == RAW_OPTIONS && (s->flags & FZ_SYN) != 0)
                        w.watch.loose = true;
                fz_watch_in(&w.watch, s);
        }
        fz_trace_seg(w.rig->now, flaw == WRONG_BYTE || flaw == CUT ? 'x' : '<', s);
        w.out = w.out_rst = w.out_pure = 0;
        fz_rig_input(w.rig, packet, total);
}

/* Is the stack in a state of which resets get challenge ACKs (RFC 5961, 3.2)? */
static bool challenges(unsigned state)
{
        return state >= ELKO_TCP_SYN_RECEIVED && state <= ELKO_TCP_LAST_ACK;
}

/* Does it answer without a connection's object, from a queue? */
static bool answers_alone(unsigned state)
{
        return state == ELKO_TCP_TIME_WAIT || state == ELKO_TCP_SYN_RECEIVED;
}

/* Would an honest peer's nothing-new ACK look like this (I-30)? */
static bool is_idle_ack(const struct fz_seg *s, uint32_t len)
{
        struct elko_tcp_info info;

        return s->flags == FZ_ACK && len == 0 && w.sock != 0 && !w.watch.loose && !w.ts_odd &&
               w.state >= ELKO_TCP_ESTABLISHED && w.state <= ELKO_TCP_LAST_ACK &&
               elko_tcp_info_get(w.rig->st, w.sock, &info) == 0 && s->seq == info.rcv_nxt &&
               s->seq == rcv_nxt() && s->ack - info.snd_una <= info.snd_nxt - info.snd_una &&
               s->ts_val == ts_now() && s->has_ts == ((info.options & ELKO_TCPI_TIMESTAMPS) != 0);
}

/* Give it, pull the answer, and judge that there may be one. */
void exchange(struct fz_seg *s, uint32_t len, enum flaw flaw, const uint8_t *raw)
{
        unsigned before;
        bool judged, idle_ack;

        pull();
        before = w.state;
        judged = !w.hold && !w.rig->nomem;
        idle_ack = judged && flaw == NO_FLAW && is_idle_ack(s, len);
        give(s, len, flaw, raw);
        w.stale = w.stale || (w.hold && (answers_alone(before) || answers_alone(w.state)));
        pull();
        if (!judged)
                return;
        if (flaw == WRONG_BYTE || flaw == CUT)
                FZ_REQUIRE(w.out == 0); /* I-29 */
        if ((s->flags & FZ_RST) != 0 && flaw != RAW_OPTIONS) {
                if (w.out_rst != 0)
                        fz_fail(__FILE__, __LINE__, "I-29: a reset answered by a reset");
                if (!challenges(before) && w.out != 0)
                        fz_fail(__FILE__, __LINE__, "I-29: a reset was answered");
        }
        if (w.out_rst > 1)
                fz_fail(__FILE__, __LINE__, "I-31: two resets for one segment");
        if (idle_ack && w.out_pure != 0)
                fz_fail(__FILE__, __LINE__, "I-30: a pure ACK for an ACK with nothing new");
}

void note_peer(const struct fz_seg *s, uint32_t len)
{
        uint32_t end = s->seq + len + ((s->flags & FZ_SYN) != 0) + ((s->flags & FZ_FIN) != 0);

        if ((int32_t)(end - w.peer_nxt) > 0 && (int32_t)(end - w.peer_nxt) < 65536)
                w.peer_nxt = end;
        if (w.peer_una - w.watch.iss > w.watch.snd_max - w.watch.iss)
                w.peer_una = w.watch.iss;
        if ((s->flags & FZ_ACK) != 0 && s->ack - w.peer_una <= w.watch.snd_max - w.peer_una)
                w.peer_una = s->ack;
}

/* The peer as it should be. */
void honest(uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len, uint16_t wnd)
{
        static const uint8_t none[8];
        struct fz_seg s = {.seq = seq, .ack = ack, .flags = flags, .wnd = wnd};

        set_way(&s);
        set_options(&s);
        exchange(&s, len, NO_FLAW, none);
        note_peer(&s, len);
}
