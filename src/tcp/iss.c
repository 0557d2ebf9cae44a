/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * Initial sequence numbers, RFC 6528 (RFC 9293, 3.4.1): ISN = M + F(tuple, secret). M is a clock of
 * 4 us, so that a new incarnation of a connection starts beyond the old one; F, a keyed hash, gives every
 * tuple its own unpredictable offset. The timestamp clock gets an offset in the same way (RFC 7323,
 * 5.4), so that it tells neither the uptime nor which connections belong to one host. Both offsets are
 * the same for every incarnation of one tuple, which RFC 6191's reuse of TIME-WAIT needs.
 */

enum { TICK_NS = 4000 };

uint32_t ek_iss_ticks(const struct ek_tcp *t)
{
        return (uint32_t)(t->now / TICK_NS);
}

seq_t ek_iss_make(const struct ek_tcp *t, const struct ek_key *key, uint32_t ticks_4us)
{
        return seq_make(ticks_4us + (uint32_t)ek_siphash24(&t->secrets.iss, key, sizeof(*key)));
}

uint32_t ek_iss_ts_offset(const struct ek_tcp *t, const struct ek_key *key)
{
        return (uint32_t)ek_siphash24(&t->secrets.ts, key, sizeof(*key));
}
