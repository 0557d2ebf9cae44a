/* SPDX-License-Identifier: MIT */
#include "tcp/pacer.h"

#include "base/muldiv.h"

/*
 * draft-ietf-ccwg-bbr, "Pacing Rate": each segment moves the next departure on by its length over the rate.
 *
 *      next = max(now, next);  next += len / rate
 *
 * Three things differ from the three lines, all because time is told, not read:
 *
 * - Segments leave in quanta: with a fine clock one deadline for each segment would be one call of the host
 *   for each. While burst_left > 0 the gate is open, whatever the time is.
 * - The clock stands still for a tick. What is to leave within this tick must leave now, since the next
 *   time that the host comes it would be late: the gate is open while next < now + tick.
 * - The host comes late, by a tick or by what it does besides. `next` may lag behind now by a tick or by a
 *   quantum, so that such lateness costs no throughput; more would be a burst.
 */

#define QUANTUM_NS  1000000u
#define QUANTUM_MAX 65536u
#define NS_PER_S    1000000000u

uint32_t ek_pacer_quantum(uint64_t bytes_per_s, uint32_t mss)
{
        uint64_t q = ek_mul_div(bytes_per_s, QUANTUM_NS, NS_PER_S);

        return ek_max_u32((uint32_t)ek_min_u64(q, QUANTUM_MAX), 2 * mss);
}

void ek_pacer_set(struct ek_pacer *p, uint64_t bytes_per_s)
{
        if (bytes_per_s == p->bytes_per_s)
                return;
        p->rest = 0;
        p->bytes_per_s = bytes_per_s;
        if (bytes_per_s == 0)
                p->next_at = p->burst_left = 0;
}

bool ek_pacer_is_open(const struct ek_pacer *p, uint64_t now, uint64_t tick_ns)
{
        return p->bytes_per_s == 0 || p->burst_left > 0 || p->next_at < ek_time_add(now, tick_ns);
}

/* A new quantum begins. */
static void begin(struct ek_pacer *p, uint32_t mss, uint64_t now, uint64_t tick_ns)
{
        uint32_t quantum = ek_pacer_quantum(p->bytes_per_s, mss);
        uint64_t lag = ek_max_u64(
                tick_ns, ek_min_u64(QUANTUM_NS, ek_mul_div(quantum, NS_PER_S, p->bytes_per_s)));

        if (now > lag && p->next_at < now - lag) {
                p->next_at = now - lag;
                p->rest = 0;
        }
        p->burst_left = quantum;
}

void ek_pacer_on_sent(struct ek_pacer *p, uint32_t bytes, uint32_t mss, uint64_t now,
                      uint64_t tick_ns)
{
        uint64_t n;

        if (p->bytes_per_s == 0)
                return;
        if (p->burst_left == 0)
                begin(p, mss, now, tick_ns);
        p->burst_left -= ek_min_u32(p->burst_left, bytes);
        /* (rest < rate) and bytes < 2^31: only a rate beyond 2^63 could overflow */
        n = (uint64_t)bytes * NS_PER_S + ek_min_u64(p->rest, UINT64_MAX / 2);
        p->next_at = ek_time_add(p->next_at, n / p->bytes_per_s);
        p->rest = n % p->bytes_per_s;
}

uint64_t ek_pacer_deadline(const struct ek_pacer *p, uint64_t now, uint64_t tick_ns)
{
        uint64_t at = p->next_at > tick_ns ? p->next_at - tick_ns + 1 : 0;

        return ek_max_u64(at, ek_time_add(now, 1));
}
