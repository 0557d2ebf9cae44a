/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_SIM_MONITOR_WIRE_H
#define EK_TEST_SIM_MONITOR_WIRE_H

/*
 * Conversations of a judged host, written packet by packet.
 *
 * out() is what the host sends, in() what arrives at it. Sequence numbers are relative: 0 is the SYN of
 * the sender, 1 the first octet; acknowledgment numbers count the other side's. The first violation is
 * kept. A conversation that is told to go wrong does so in one packet; its twin does not.
 */

#include <stdio.h>
#include <string.h>

#include "ek_test.h"
#include "monitor.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, ECE = 64, CWR = 128 };

enum { ECT1 = 1, ECT0 = 2, CE = 3 }; /* of the IP header */

struct p {
        uint8_t flags;
        uint32_t seq, ack, len;
        uint32_t window; /* 0: 60000; NO_WINDOW: 0 */
        uint16_t mss;    /* SYN: 0: 1460; NO_MSS: none */
        int ws;          /* SYN: 0: none; n + 1: shift count n */
        bool sack_ok;
        bool ts, no_ts;        /* ts: also without being negotiated; no_ts: although it was */
        uint32_t tsval, tsecr; /* 0: as it should be */
        unsigned sacks;
        uint32_t sack[8]; /* relative, like ack */
        uint8_t ecn;      /* of the IP header */
        bool ae;          /* the ninth flag */
        uint32_t octets;  /* added to the pattern of the text */
        uint8_t options[40];
        unsigned options_len; /* in place of the above */
        void (*spoil)(uint8_t *packet);
        bool sums_last; /* checksums are made after spoil() */
};

enum { NO_WINDOW = 0x80000000u, NO_MSS = 0xffff };

struct wire {
        struct sim_monitor *m;
        struct sim_monitor_config c;
        uint64_t now;
        uint64_t number;
        bool v6, ts;
        uint32_t iss, irs;
        uint32_t ts_in, ts_out; /* the last TSvals */
        unsigned violations;
        enum sim_monitor_rule first;
        char text[300];
};

static struct wire wire;

/* ------------------------------------------------------------------ packets */

static void report(void *ctx, const struct sim_monitor_violation *v)
{
        (void)ctx;
        if (wire.violations++ > 0)
                return;
        wire.first = v->rule;
        snprintf(wire.text, sizeof wire.text, "packet %llu: %s: %s", (unsigned long long)v->packet,
                 sim_monitor_rule_name(v->rule), v->text);
}

static inline void wire_begin(const struct sim_monitor_config *c)
{
        memset(&wire, 0, sizeof wire);
        if (c != NULL)
                wire.c = *c;
        wire.c.report = report;
        wire.m = sim_monitor_create(&wire.c);
        CHECK(wire.m != NULL);
        wire.now = ELKO_SEC(1000);
        wire.iss = 0xfffff000u; /* wraps soon */
        wire.irs = 0x7ffff800u;
        wire.ts_in = 0x7fffff00u;
        wire.ts_out = 0xffffff00u;
}

static inline void wire_end(void)
{
        if (wire.m != NULL)
                sim_monitor_finish(wire.m, wire.now);
        sim_monitor_destroy(wire.m);
        wire.m = NULL;
}

/* Time passes. */
static inline void after(uint64_t ns)
{
        wire.now += ns;
}

static void put16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
        put16(p, v >> 16);
        put16(p + 2, v & 0xffff);
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                s += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        return s;
}

static uint16_t fold(uint32_t s)
{
        while (s >> 16 != 0)
                s = (s & 0xffff) + (s >> 16);
        return (uint16_t)~s;
}

static uint8_t pattern(uint32_t at, bool mine)
{
        return (uint8_t)(at * 31 + (at >> 8) * 7 + (mine ? 1 : 0));
}

static unsigned put_options(uint8_t *o, const struct p *p, bool mine)
{
        bool syn = (p->flags & SYN) != 0;
        unsigned n = 0;

        if (p->options_len > 0) {
                memcpy(o, p->options, p->options_len);
                return p->options_len;
        }
        if ((syn && p->mss != NO_MSS) || p->mss != 0) {
                memcpy(o, "\x02\x04", 2);
                put16(o + 2, p->mss != 0 ? p->mss : 1460);
                n = 4;
        }
        if (p->sack_ok) {
                memcpy(o + n, "\x01\x01\x04\x02", 4);
                n += 4;
        }
        if (p->ws > 0) {
                memcpy(o + n, "\x01\x03\x03", 3);
                o[n + 3] = (uint8_t)(p->ws - 1);
                n += 4;
        }
        if ((p->ts || wire.ts) && !p->no_ts && !(p->flags & RST)) {
                uint32_t *own = mine ? &wire.ts_out : &wire.ts_in;
                uint32_t base = mine ? 0xffffff00u : 0x7fffff00u;

                *own = p->tsval != 0 ? p->tsval : base + (uint32_t)(wire.now / 1000000);
                memcpy(o + n, "\x01\x01\x08\x0a", 4);
                put32(o + n + 4, *own);
                put32(o + n + 8, p->tsecr != 0       ? p->tsecr
                                 : !(p->flags & ACK) ? 0
                                 : mine              ? wire.ts_in
                                                     : wire.ts_out);
                n += 12;
        }
        if (p->sacks > 0) {
                memcpy(o + n, "\x01\x01\x05", 3);
                o[n + 3] = (uint8_t)(2 + 8 * p->sacks);
                n += 4;
                for (unsigned i = 0; i < 2 * p->sacks; i++, n += 4)
                        put32(o + n, p->sack[i] + (mine ? wire.irs : wire.iss));
        }
        return n;
}

static void put_sums(uint8_t *b, unsigned ip, unsigned tcp_len)
{
        uint8_t *tcp = b + ip;

        if (!wire.v6) {
                put16(b + 10, 0);
                put16(b + 10, fold(sum(0, b, 20)));
        }
        put16(tcp + 16, 0);
        put16(tcp + 16,
              fold(sum(sum(6 + tcp_len, b + (wire.v6 ? 8 : 12), wire.v6 ? 32 : 8), tcp, tcp_len)));
}

static void packet(const struct p *p, bool mine)
{
        static uint8_t b[70000];
        unsigned ip = wire.v6 ? 40 : 20, n, total;
        uint8_t *tcp = b + ip;

        memset(b, 0, 120);
        n = put_options(tcp + 20, p, mine);
        while (n % 4 != 0)
                n++;
        total = 20 + n + p->len;
        for (uint32_t i = 0; i < p->len; i++)
                tcp[20 + n + i] =
                        (uint8_t)(pattern(p->seq + ((p->flags & SYN) != 0) + i, mine) + p->octets);
        if (wire.v6) {
                b[0] = 0x60;
                b[1] = (uint8_t)(p->ecn << 4);
                put16(b + 4, total);
                b[6] = 6;
                b[7] = 64;
                b[8] = b[24] = 0xfd;
                b[23] = mine ? 1 : 2;
                b[39] = mine ? 2 : 1;
        } else {
                b[0] = 0x45;
                b[1] = p->ecn;
                put16(b + 2, 20 + total);
                b[8] = 64;
                b[9] = 6;
                b[12] = b[16] = 10;
                b[15] = mine ? 1 : 2;
                b[19] = mine ? 2 : 1;
        }
        put16(tcp, mine ? 1000 : 80);
        put16(tcp + 2, mine ? 80 : 1000);
        put32(tcp + 4, p->seq + (mine ? wire.iss : wire.irs));
        if (p->flags & ACK)
                put32(tcp + 8, p->ack + (mine ? wire.irs : wire.iss));
        tcp[12] = (uint8_t)((20 + n) / 4 << 4 | p->ae);
        tcp[13] = p->flags;
        put16(tcp + 14, p->window == NO_WINDOW ? 0 : p->window != 0 ? p->window : 60000);
        if (p->spoil != NULL && p->sums_last)
                p->spoil(b);
        put_sums(b, ip, total);
        if (p->spoil != NULL && !p->sums_last)
                p->spoil(b);
        wire.number++;
        if (mine)
                sim_monitor_sent(wire.m, 0, b, ip + total, wire.now, wire.number);
        else
                sim_monitor_arrives(wire.m, 0, b, ip + total, wire.now, wire.number);
}

/* The host sends; something arrives at it. */
static inline void out(struct p p)
{
        packet(&p, true);
}

static inline void in(struct p p)
{
        packet(&p, false);
}

/* The host opens: SYN, SYN+ACK, ACK. `ws`, `sack`, `ts`: both offer it. */
static inline void open_active(bool ws, bool sack, bool ts)
{
        wire.ts = ts;
        out((struct p){.flags = SYN, .ws = ws ? 3 : 0, .sack_ok = sack});
        after(ELKO_MS(10));
        in((struct p){.flags = SYN | ACK, .ack = 1, .ws = ws ? 5 : 0, .sack_ok = sack});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .window = ws ? 16000 : 0});
}

static inline void open_passive(bool ws, bool sack, bool ts)
{
        wire.ts = ts;
        in((struct p){.flags = SYN, .ws = ws ? 5 : 0, .sack_ok = sack});
        out((struct p){.flags = SYN | ACK, .ack = 1, .ws = ws ? 3 : 0, .sack_ok = sack});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 1, .ack = 1});
}

/* `n` octets from sequence number `seq` on leave, and are acknowledged after 10 ms. */
static inline void send_acked(uint32_t seq, uint32_t n, uint32_t ack)
{
        out((struct p){.flags = ACK, .seq = seq, .ack = ack, .len = n});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = ack, .ack = seq + n});
}

#endif
