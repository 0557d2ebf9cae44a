/* SPDX-License-Identifier: MIT */
#include "tcp/chrono.h"

/*
 * A stop watch with a hand for each kind, of which one runs at most. What it says is what tcp_info calls busy_time,
 * rwnd_limited and sndbuf_limited; busy there includes the other two.
 *
 * A connection carries the watch only while it has something to do; between whiles there are the sums.
 * They are rounded up to their unit when the watch is put away, so that a total never goes back.
 */

enum { UNIT_SHIFT = 12 };

void ek_chrono_set(struct ek_chrono *c, enum ek_chrono_kind kind, uint64_t now)
{
        if (c->kind == kind)
                return;
        if (c->kind != EK_CHRONO_IDLE)
                c->sum_ns[c->kind - 1] += now - c->since;
        c->since = now;
        c->kind = (uint8_t)kind;
}

static uint64_t units(const struct ek_chrono_sums *sums, unsigned hand)
{
        return (uint64_t)sums->high[hand] << 8 | sums->low[hand];
}

void ek_chrono_fold(struct ek_chrono *c, struct ek_chrono_sums *sums, uint64_t now)
{
        ek_chrono_set(c, EK_CHRONO_IDLE, now);
        for (unsigned i = 0; i < EK_CHRONO_HANDS; i++) {
                uint64_t n =
                        units(sums, i) + ((c->sum_ns[i] + (1u << UNIT_SHIFT) - 1) >> UNIT_SHIFT);

                sums->high[i] = (uint32_t)(n >> 8);
                sums->low[i] = (uint8_t)n;
                c->sum_ns[i] = 0;
        }
}

uint64_t ek_chrono_total(const struct ek_chrono *c, const struct ek_chrono_sums *sums,
                         enum ek_chrono_kind kind, uint64_t now)
{
        unsigned hand = (unsigned)kind - 1;
        uint64_t total;

        EK_ASSERT(hand < EK_CHRONO_HANDS);
        total = (units(sums, hand) << UNIT_SHIFT) + c->sum_ns[hand];
        return c->kind == kind ? total + (now - c->since) : total;
}
