/* SPDX-License-Identifier: MIT */
/*
 * What the experiment says.
 *
 * A comparison is one number: the goodput of a row divided by that of another, both medians. The other is
 * the same sender in the cell `ref`, or, in the same cell, the kernel's sender with the same
 * algorithm (the first kernel's where there is none). Flows are judged by Jain's index instead.
 */
#include "lab_report.h"

#include <string.h>

#include "util.h"

enum { MILLION = 1000000 };

/* ---- comparisons ---- */

static const struct ek_lab_outcome *find(const struct ek_lab_outcome *o, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(o[i].cell->name, name) == 0)
                        return &o[i];
        return NULL;
}

static int row_of(const struct ek_lab_cell *c, const char *peer)
{
        const struct ek_lab_peers *rows = ek_lab_rows(c);

        for (unsigned i = 0; i < rows->count; i++)
                if (strcmp(rows->peer[i].name, peer) == 0)
                        return (int)i;
        return -1;
}

/* Row `row` against the kernel's sender of this cell, in millionths; 0: there is none. */
static uint64_t ratio_to_kernel(const struct ek_lab_outcome *o, unsigned row, const char **rival)
{
        int k = o->cell->flows.count > 0 ? -1 : ek_lab_peer_rival(&o->cell->peers, row);

        *rival = k < 0 ? NULL : o->cell->peers.peer[k].name;
        return k < 0 ? 0
                     : ek_lab_ratio_ppm(ek_lab_summarise(o, row).goodput,
                                        ek_lab_summarise(o, (unsigned)k).goodput);
}

/* Row `row` against the same sender in the cell `ref`; 0: there is none. */
static uint64_t ratio_to_ref(const struct ek_lab_outcome *o, unsigned row,
                             const struct ek_lab_outcome *all, size_t n)
{
        const struct ek_lab_outcome *ref = find(all, n, o->cell->ref);
        int other = ref == NULL ? -1 : row_of(ref->cell, ek_lab_rows(o->cell)->peer[row].name);

        return other < 0 ? 0
                         : ek_lab_ratio_ppm(ek_lab_summarise(o, row).goodput,
                                            ek_lab_summarise(ref, (unsigned)other).goodput);
}

/* ---- the table ---- */

static double mbit(uint64_t bps)
{
        return (double)bps / 1e6;
}

static void print_notes(FILE *out, const struct ek_lab_summary *s)
{
        if (s->disturbed > 0)
                fprintf(out, "  %u of %u disturbed", s->disturbed, s->runs);
        if (s->attempts > s->runs + s->failed)
                fprintf(out, "  %u repeated", s->attempts - s->runs - s->failed);
        if (s->broken > 0)
                fprintf(out, "  %u broke", s->broken);
        if (s->rwnd_limited_ppm > MILLION / 10)
                fprintf(out, "  window-limited %.0f %%", (double)s->rwnd_limited_ppm / 1e4);
        if (s->failed > 0)
                fprintf(out, "  %u failed: %s", s->failed, s->why);
}

static void print_row(FILE *out, const struct ek_lab_outcome *o, unsigned row)
{
        struct ek_lab_summary s = ek_lab_summarise(o, row);
        const char *rival;
        uint64_t ratio = ratio_to_kernel(o, row, &rival);
        char range[40], text[16] = "";

        snprintf(range, sizeof range, "(%.2f..%.2f)", mbit(s.goodput_min), mbit(s.goodput_max));
        if (rival != NULL)
                snprintf(text, sizeof text, "%.2f", (double)ratio / MILLION);
        fprintf(out, "  %-16s %9.2f %-20s %5.1f %% %6s %8llu %10.1f %8.2f %8.2f %8.1f",
                ek_lab_rows(o->cell)->peer[row].name, mbit(s.goodput), range,
                (double)ek_lab_ratio_ppm(s.goodput, ek_lab_cell_goodput_max(o->cell)) / 1e4, text,
                (unsigned long long)s.retrans_segs, (double)s.retrans_bytes / 1e3,
                (double)s.queue_mean_ns / 1e6, (double)s.queue_p95_ns / 1e6,
                (double)s.late_p99_ns / 1e3);
        print_notes(out, &s);
        fputc('\n', out);
}

void ek_lab_report_cell(FILE *out, const struct ek_lab_outcome *o)
{
        const struct ek_lab_cell *c = o->cell;
        char text[400];

        ek_lab_cell_describe(c, text, sizeof text);
        fprintf(out, "%s: %s; %llu x %g s%s\n", c->name, text, (unsigned long long)c->seeds,
                (double)ek_lab_cell_time(c) / 1e9, c->flows.count > 0 ? ", all at once" : "");
        fprintf(out, "  %-16s %9s %-20s %7s %6s %8s %10s %8s %8s %8s\n", "sender", "Mbit/s",
                "(min..max)", "of max", "ratio", "resent", "resent kB", "queue ms", "p95 ms",
                "late us");
        for (unsigned i = 0; i < ek_lab_rows(c)->count; i++)
                print_row(out, o, i);
        if (c->flows.count > 0)
                fprintf(out, "  Jain's index %.3f\n", (double)ek_lab_fairness(o) / MILLION);
        fflush(out);
}

/* ---- floors ---- */

static bool judge(FILE *out, const struct ek_lab_cell *c, const char *who, const char *what,
                  uint64_t value, uint64_t ceiling_ppm)
{
        bool below = c->floor_ppm > 0 && value < c->floor_ppm;
        bool above = ceiling_ppm > 0 && value > ceiling_ppm;

        fprintf(out, "  %-32s %-16s %-32s %.3f", c->name, who, what, (double)value / MILLION);
        if (below)
                fprintf(out, "  BELOW %.3f", (double)c->floor_ppm / MILLION);
        if (above)
                fprintf(out, "  ABOVE %.3f", (double)ceiling_ppm / MILLION);
        fputc('\n', out);
        return below || above;
}

static unsigned judge_rows(FILE *out, const struct ek_lab_outcome *o,
                           const struct ek_lab_outcome *all, size_t n)
{
        const struct ek_lab_peers *rows = ek_lab_rows(o->cell);
        char what[EK_LAB_NAME + 16];
        unsigned below = 0;

        for (unsigned i = 0; i < rows->count; i++) {
                const char *rival;
                uint64_t ratio = ratio_to_kernel(o, i, &rival);

                if (rival != NULL) {
                        snprintf(what, sizeof what, "to %s", rival);
                        below += judge(out, o->cell, rows->peer[i].name, what, ratio, 0);
                }
                if (o->cell->ref[0] != '\0' && !rows->peer[i].kernel) {
                        snprintf(what, sizeof what, "to %s", o->cell->ref);
                        ratio = ratio_to_ref(o, i, all, n);
                        below += judge(out, o->cell, rows->peer[i].name, what, ratio,
                                       o->cell->ceiling_ppm);
                }
        }
        return below;
}

unsigned ek_lab_report_floors(FILE *out, const struct ek_lab_outcome *o, size_t n)
{
        unsigned below = 0, cells = 0;

        for (size_t i = 0; i < n; i++) {
                const struct ek_lab_cell *c = o[i].cell;

                if (c->ref[0] == '\0' && c->floor_ppm == 0)
                        continue;
                if (cells++ == 0)
                        fprintf(out, "\nComparisons:\n");
                if (c->flows.count > 0)
                        below += judge(out, c, "all flows", "Jain's index", ek_lab_fairness(&o[i]),
                                       0);
                else
                        below += judge_rows(out, &o[i], o, n);
        }
        if (cells > 0)
                fprintf(out, "%u out of their bounds\n", below);
        return below;
}

/* ---- JSON ---- */

static void json_number(FILE *out, const char *key, uint64_t value)
{
        fprintf(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void json_row(FILE *out, const struct ek_lab_outcome *o, unsigned row,
                     const struct ek_lab_outcome *all, size_t n)
{
        struct ek_lab_summary s = ek_lab_summarise(o, row);
        const char *rival;
        uint64_t ratio = ratio_to_kernel(o, row, &rival);

        fprintf(out, "%s{\"name\":\"%s\"", row > 0 ? "," : "",
                ek_lab_rows(o->cell)->peer[row].name);
        json_number(out, "goodput_bps", s.goodput);
        json_number(out, "goodput_min_bps", s.goodput_min);
        json_number(out, "goodput_max_bps", s.goodput_max);
        fprintf(out, ",\"goodput_runs_bps\":[");
        for (uint64_t seed = 0; seed < o->cell->seeds; seed++)
                fprintf(out, "%s%llu", seed > 0 ? "," : "",
                        (unsigned long long)ek_lab_goodput(o, row, seed));
        fprintf(out, "],\"rival\":%s%s%s", rival != NULL ? "\"" : "",
                rival != NULL ? rival : "null", rival != NULL ? "\"" : "");
        json_number(out, "ratio_ppm", ratio);
        json_number(out, "ref_ratio_ppm", ratio_to_ref(o, row, all, n));
        json_number(out, "retrans_segs", s.retrans_segs);
        json_number(out, "retrans_bytes", s.retrans_bytes);
        json_number(out, "timeouts", s.timeouts);
        json_number(out, "srtt_ns", s.srtt_ns);
        json_number(out, "rwnd_limited_ppm", s.rwnd_limited_ppm);
        json_number(out, "queue_mean_ns", s.queue_mean_ns);
        json_number(out, "queue_p95_ns", s.queue_p95_ns);
        json_number(out, "lost", s.lost);
        json_number(out, "queue_drops", s.overflow);
        json_number(out, "marked", s.marked);
        json_number(out, "late_p99_ns", s.late_p99_ns);
        json_number(out, "runs", s.runs);
        json_number(out, "disturbed", s.disturbed);
        json_number(out, "attempts", s.attempts);
        json_number(out, "broken", s.broken);
        json_number(out, "failed", s.failed);
        fputc('}', out);
}

static void json_cell(FILE *out, const struct ek_lab_outcome *o, const struct ek_lab_outcome *all,
                      size_t n)
{
        const struct ek_lab_cell *c = o->cell;
        char text[400];

        ek_lab_cell_describe(c, text, sizeof text);
        fprintf(out, "{\"name\":");
        ek_util_json_string(out, c->name);
        fprintf(out, ",\"path\":");
        ek_util_json_string(out, text);
        json_number(out, "rate_bps", c->rate_bps);
        json_number(out, "rtt_ns", c->rtt_ns);
        json_number(out, "loss_ppm", c->loss_ppm);
        json_number(out, "buffer_bytes", ek_lab_cell_buffer(c));
        json_number(out, "time_ns", ek_lab_cell_time(c));
        json_number(out, "seeds", c->seeds);
        json_number(out, "tick_ns", c->tick_ns);
        json_number(out, "goodput_max_bps", ek_lab_cell_goodput_max(c));
        fprintf(out, ",\"flows\":%s", c->flows.count > 0 ? "true" : "false");
        json_number(out, "jain_ppm", ek_lab_fairness(o));
        json_number(out, "floor_ppm", c->floor_ppm);
        fprintf(out, ",\"senders\":[");
        for (unsigned i = 0; i < ek_lab_rows(c)->count; i++)
                json_row(out, o, i, all, n);
        fprintf(out, "]}");
}

void ek_lab_report_json(FILE *out, const struct ek_lab_outcome *o, size_t n, bool in_virtual_time)
{
        fprintf(out, "{\"lab\":1,\"virtual\":%s,\"cells\":[", in_virtual_time ? "true" : "false");
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        fputc(',', out);
                json_cell(out, &o[i], o, n);
        }
        fprintf(out, "]}\n");
}
