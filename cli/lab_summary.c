/* SPDX-License-Identifier: MIT */
/*
 * Medians, not means: one run in which a SYN was lost, or in which the machine stumbled, must not
 * move what is said of the other four.
 */
#include "lab_summary.h"

#include <stdlib.h>
#include <string.h>

enum { MILLION = 1000000 };

unsigned ek_lab_entrants(const struct ek_lab_cell *c)
{
        return c->flows.count > 0 ? 1 : c->peers.count;
}

const struct ek_lab_peers *ek_lab_rows(const struct ek_lab_cell *c)
{
        return c->flows.count > 0 ? &c->flows : &c->peers;
}

struct ek_lab_peers ek_lab_senders(const struct ek_lab_cell *c, unsigned entrant)
{
        struct ek_lab_peers one = {.count = 1};

        if (c->flows.count > 0)
                return c->flows;
        one.peer[0] = c->peers.peer[entrant];
        return one;
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

uint64_t ek_lab_median(uint64_t *values, size_t n)
{
        if (n == 0)
                return 0;
        qsort(values, n, sizeof *values, compare);
        return values[(n - 1) / 2] + (values[n / 2] - values[(n - 1) / 2]) / 2;
}

uint64_t ek_lab_ratio_ppm(uint64_t a, uint64_t b)
{
        return b == 0 ? 0 : (uint64_t)((double)a / (double)b * MILLION + 0.5);
}

static const struct ek_lab_result *result_of(const struct ek_lab_outcome *o, unsigned row,
                                             uint64_t seed)
{
        unsigned entrants = ek_lab_entrants(o->cell);

        return &o->result[seed * entrants + (o->cell->flows.count > 0 ? 0 : row)];
}

static const struct ek_lab_flow_result *flow_of(const struct ek_lab_outcome *o, unsigned row,
                                                uint64_t seed)
{
        return &result_of(o, row, seed)->flow[o->cell->flows.count > 0 ? row : 0];
}

uint64_t ek_lab_goodput(const struct ek_lab_outcome *o, unsigned row, uint64_t seed)
{
        const struct ek_lab_flow_result *f = flow_of(o, row, seed);

        return f->span_ns == 0 ? 0
                               : (uint64_t)((double)f->delivered * 8e9 / (double)f->span_ns + 0.5);
}

/* What a column is made of: a number of one run. */
typedef uint64_t number_fn(const struct ek_lab_result *r, const struct ek_lab_flow_result *f);

#define NUMBER(name, expression)                                                                   \
        static uint64_t name(const struct ek_lab_result *r, const struct ek_lab_flow_result *f)    \
        {                                                                                          \
                (void)r;                                                                           \
                (void)f;                                                                           \
                return expression;                                                                 \
        }
NUMBER(retrans_segs, f->retrans_segs)
NUMBER(retrans_bytes, f->retrans_bytes)
NUMBER(timeouts, f->timeouts)
NUMBER(srtt, f->srtt_ns)
NUMBER(rwnd_limited, ek_lab_ratio_ppm(f->rwnd_limited_ns, f->span_ns))
NUMBER(queue_mean, r->queue_mean_ns)
NUMBER(queue_p95, r->queue_p95_ns)
NUMBER(late_p99, r->late_p99_ns)
NUMBER(lost, r->lost)
NUMBER(overflow, r->overflow + r->codel)
NUMBER(marked, r->marked)
#undef NUMBER

static uint64_t median_of(const struct ek_lab_outcome *o, unsigned row, number_fn *number)
{
        uint64_t value[EK_LAB_SEEDS_MAX];
        size_t n = 0;

        for (uint64_t seed = 0; seed < o->cell->seeds; seed++)
                if (!result_of(o, row, seed)->failed)
                        value[n++] = number(result_of(o, row, seed), flow_of(o, row, seed));
        return ek_lab_median(value, n);
}

static void add_up(const struct ek_lab_outcome *o, unsigned row, struct ek_lab_summary *s)
{
        uint64_t goodput[EK_LAB_SEEDS_MAX];

        for (uint64_t seed = 0; seed < o->cell->seeds; seed++) {
                const struct ek_lab_result *r = result_of(o, row, seed);

                s->attempts += r->attempts;
                s->disturbed += r->disturbed;
                if (r->failed) {
                        s->failed++;
                        s->why = r->why.text;
                        continue;
                }
                s->broken += flow_of(o, row, seed)->error != 0;
                goodput[s->runs++] = ek_lab_goodput(o, row, seed);
        }
        s->goodput = ek_lab_median(goodput, s->runs);
        if (s->runs > 0) {
                s->goodput_min = goodput[0];
                s->goodput_max = goodput[s->runs - 1];
        }
}

struct ek_lab_summary ek_lab_summarise(const struct ek_lab_outcome *o, unsigned row)
{
        struct ek_lab_summary s = {
                .retrans_segs = median_of(o, row, retrans_segs),
                .retrans_bytes = median_of(o, row, retrans_bytes),
                .timeouts = median_of(o, row, timeouts),
                .srtt_ns = median_of(o, row, srtt),
                .rwnd_limited_ppm = median_of(o, row, rwnd_limited),
                .queue_mean_ns = median_of(o, row, queue_mean),
                .queue_p95_ns = median_of(o, row, queue_p95),
                .late_p99_ns = median_of(o, row, late_p99),
                .lost = median_of(o, row, lost),
                .overflow = median_of(o, row, overflow),
                .marked = median_of(o, row, marked),
        };

        add_up(o, row, &s);
        return s;
}

uint64_t ek_lab_fairness(const struct ek_lab_outcome *o)
{
        uint64_t index[EK_LAB_SEEDS_MAX], rate[EK_LAB_FLOWS_MAX];
        unsigned flows = o->cell->flows.count;
        size_t n = 0;

        if (flows == 0)
                return 0;
        for (uint64_t seed = 0; seed < o->cell->seeds; seed++) {
                if (result_of(o, 0, seed)->failed)
                        continue;
                for (unsigned i = 0; i < flows; i++)
                        rate[i] = ek_lab_goodput(o, i, seed);
                index[n++] = ek_lab_jain_ppm(rate, flows);
        }
        return ek_lab_median(index, n);
}
