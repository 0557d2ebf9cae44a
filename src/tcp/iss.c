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

enum { TICK_NS = 4000 };

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

uint32_t ek_tcb_ts_clock(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return ek_tcp_ms(t) +
               (ek_tcb_is_active(tcb) ? tcb->act->ts_offset : ek_iss_ts_offset(t, &tcb->conn.key));
}
