/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * Initial sequence numbers, RFC 6528 (RFC 9293, 3.4.1): ISN = M + F(tuple, secret). M is a clock of
 * 4 us, so that a new incarnation of a connection starts beyond the old one; F, a keyed hash, gives every
 * tuple its own unpredictable offset. The timestamp clock gets an offset in the same way (RFC 7323,
 * 5.4), so that it tells neither the uptime nor which connections belong to one host. Both offsets are
 * the same for every incarnation of one tuple, which RFC 6191's reuse of TIME-WAIT needs.
 *
 * A clock may stand for longer than a connection lives: a coarse one, or one batch of packets. Two incarnations
 * of one tuple must not get the same ISS even then, else what acknowledges the first would open the second,
 * with bytes that are off by the difference of the peer's two (3.4.1). So what was given up in the tick of its
 * birth is remembered, the last few of them, and the tuple's next ISS is that of an earlier tick. What happens
 * to other tuples changes nothing.
 */

enum {
        TICK_NS = 4000,
        TS_TICK_MAX_MS = 512
}; /* RFC 7323, 5.4: a timestamp clock has 1 s at most */

uint32_t ek_iss_ticks(const struct ek_tcp *t)
{
        return (uint32_t)(t->now / TICK_NS);
}

/* [RFC9293 MUST-8 SHLD-1 MUST-9; RFC6528 3a 3b] */
seq_t ek_iss_make(const struct ek_tcp *t, const struct ek_key *key, uint32_t ticks_4us)
{
        return seq_make(ticks_4us + (uint32_t)ek_siphash24(&t->secrets.iss, key, sizeof(*key)));
}

static bool was_given_up(const struct ek_tcp *t, uint32_t offset, uint32_t born)
{
        for (size_t i = 0; i < EK_GIVEN_UP; i++)
                if (t->given_up[i].known && t->given_up[i].offset == offset &&
                    t->given_up[i].born == born)
                        return true;
        return false;
}

uint32_t ek_iss_birth(const struct ek_tcp *t, const struct ek_key *key)
{
        uint32_t born = ek_iss_ticks(t), offset;

        /* Those of earlier ticks can't be met: each step back is for one of this tick. */
        if (t->given_up_at != t->now / TICK_NS)
                return born;
        offset = ek_iss_make(t, key, 0).v;
        while (was_given_up(t, offset, born))
                born--;
        return born;
}

void ek_iss_given_up(struct ek_tcp *t, const struct ek_key *key, seq_t iss)
{
        uint32_t offset = ek_iss_make(t, key, 0).v;
        uint32_t born = iss.v - offset, back = ek_iss_ticks(t) - born;
        bool same_tick = t->given_up_at == t->now / TICK_NS;

        if (back > (same_tick ? EK_GIVEN_UP : 0))
                return;
        if (!same_tick)
                memset(t->given_up, 0, sizeof(t->given_up));
        t->given_up_at = t->now / TICK_NS;
        t->given_up[t->given_up_next++ % EK_GIVEN_UP] =
                (struct ek_given_up){.offset = offset, .born = born, .known = true};
}

/* [RFC7323 7.1; RFC6191 3] */
uint32_t ek_iss_ts_offset(const struct ek_tcp *t, const struct ek_key *key)
{
        return (uint32_t)ek_siphash24(&t->secrets.ts, key, sizeof(*key));
}

/* [RFC7323 5.4a 5.4c] */
uint32_t ek_tcb_ts_clock(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        const struct ek_active *a = tcb->act;
        uint32_t ms = ek_tcp_ms(t);

        if (!ek_tcb_is_active(tcb))
                return ms + ek_iss_ts_offset(t, &tcb->conn.key);
        if (a->ts_tick != 0)
                ms -= (ms - a->ts_phase) & (a->ts_tick - 1u);
        return ms + a->ts_offset;
}

/*
 * The path reorders: the timestamp clock ticks slower, once in a round trip about. A retransmission that fills a hole
 * carries the newest timestamp, and what left a little before it and was held back comes with an older one; the
 * receiver's PAWS must drop it (RFC 7323, 5.3, which calls this unlikely). With the same timestamp it is taken. What is
 * sent again left a round trip ago or more, so its copies still differ, which is what RFC 3522 needs. The phase keeps the
 * clock from going back; a connection without a phase, as after a silence, is ahead of one that has it.
 * [RFC7323 5.4a 5.4c]
 */
void ek_tcb_ts_slow_down(const struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint64_t rtt_ms = tcb->rtt.min_rtt_ns / 1000000;
        uint16_t tick = TS_TICK_MAX_MS;

        while (tick > rtt_ms)
                tick /= 2;
        if (tick <= ek_max_u32(tcb->act->ts_tick, 1) || !ek_tcb_is_active(tcb))
                return;
        tcb->act->ts_tick = tick;
        tcb->act->ts_phase = (uint16_t)ek_tcp_ms(t);
}
