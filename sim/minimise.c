/* SPDX-License-Identifier: MIT */
#include "minimise.h"

#include <string.h>

/* See minimise.h. */

enum { RUNS_MAX = 5000, LINE = 256 };

/* "at 1.5 s: elko 0: I-30: text" -> "I-30"; "at 1.5 s: O1 (I-12): text" -> "O1 (I-12)". */
void sim_rule_of(const char *failure, char *buf, size_t size)
{
        const char *p = strstr(failure, " s: ");
        size_t n;

        p = p != NULL ? p + 4 : failure;
        if (strncmp(p, "elko ", 5) == 0 && strchr(p, ':') != NULL) {
                p = strchr(p, ':') + 1;
                while (*p == ' ')
                        p++;
        }
        n = strcspn(p, ":");
        if (n >= size)
                n = size - 1;
        memcpy(buf, p, n);
        buf[n] = '\0';
}

/* Does it break the same rule with only these decisions? */
static bool still_fails(struct sim_run *run, uint64_t seed, const struct sim_options *opt,
                        const struct sim_decisions *script, const char *rule,
                        struct sim_minimised *out)
{
        struct sim_options o = *opt;
        struct sim_result r;
        char now[64];

        o.allowed = script;
        o.record = NULL;
        o.line = NULL;
        out->runs++;
        sim_scenario(run, seed, &o, &r);
        if (!r.failed)
                return false;
        sim_rule_of(r.failure, now, sizeof(now));
        if (strcmp(now, rule) != 0)
                return false;
        out->result = r;
        return true;
}

static bool copy_without(const struct sim_decisions *from, uint32_t first, uint32_t end,
                         struct sim_decisions *to)
{
        to->count = 0;
        for (uint32_t i = 0; i < from->count; i++)
                if ((i < first || i >= end) && !sim_decisions_add(to, from->list[i]))
                        return false;
        return true;
}

/* ddmin's complements: take a part away, ever smaller parts, until no single decision can go. */
static bool shrink(struct sim_run *run, uint64_t seed, const struct sim_options *opt,
                   const char *rule, struct sim_minimised *out)
{
        struct sim_decisions less = {0};
        uint32_t part = (out->script.count + 1) / 2;

        while (part > 0 && out->script.count > 0 && out->runs < RUNS_MAX) {
                bool shorter = false;

                for (uint32_t first = 0; first < out->script.count && out->runs < RUNS_MAX;) {
                        if (!copy_without(&out->script, first, first + part, &less)) {
                                sim_decisions_free(&less);
                                return false;
                        }
                        if (still_fails(run, seed, opt, &less, rule, out)) {
                                struct sim_decisions swap = out->script;

                                out->script = less;
                                less = swap;
                                shorter = true;
                        } else {
                                first += part;
                        }
                }
                if (part == 1 && !shorter)
                        break;
                if (part > out->script.count)
                        part = out->script.count;
                part = part == 1 ? 1 : (part + 1) / 2;
        }
        sim_decisions_free(&less);
        return true;
}

bool sim_minimise(struct sim_run *run, uint64_t seed, const struct sim_options *opt,
                  struct sim_minimised *out)
{
        struct sim_options o = *opt;
        char rule[64];

        memset(out, 0, sizeof(*out));
        o.allowed = NULL;
        o.record = &out->script;
        o.line = NULL;
        sim_scenario(run, seed, &o, &out->result);
        if (!out->result.failed) {
                sim_decisions_free(&out->script);
                return false;
        }
        sim_rule_of(out->result.failure, rule, sizeof(rule));
        sim_decisions_sort(&out->script);
        out->before = out->script.count;
        /* The list alone must do: a decision is a function of its identity. */
        if (!still_fails(run, seed, opt, &out->script, rule, out))
                return true;
        return shrink(run, seed, opt, rule, out);
}

/* ---- text ---- */

static void write_where(FILE *file, uint16_t where)
{
        if (where & 0x8000u)
                fprintf(file, "%u>%u", where >> 8 & 0x7fu, where & 0xffu);
        else
                fprintf(file, "%u", where);
}

void sim_script_write(FILE *file, uint64_t seed, const struct sim_decisions *script,
                      const char *failure)
{
        fprintf(file, "# elko %s: %s\n", elko_version(), failure);
        fprintf(file, "seed %llu\n", (unsigned long long)seed);
        for (uint32_t i = 0; i < script->count; i++) {
                const struct sim_decision *d = &script->list[i];

                fprintf(file, "allow %s ", sim_fault_word((enum sim_fault)d->class));
                write_where(file, d->where);
                fprintf(file, " %u    # %s\n", d->n, sim_fault_text((enum sim_fault)d->class));
        }
}

static bool read_where(const char *text, uint16_t *where)
{
        unsigned a, b;
        char rest;

        if (sscanf(text, "%u>%u%c", &a, &b, &rest) == 2 && a < SIM_NODES && b < SIM_NODES) {
                *where = (uint16_t)sim_where_path(a, b);
                return true;
        }
        if (sscanf(text, "%u%c", &a, &rest) != 1 || a >= 0x8000u)
                return false;
        *where = (uint16_t)a;
        return true;
}

static const char *read_line(char *line, uint64_t *seed, bool *has_seed,
                             struct sim_decisions *script)
{
        struct sim_decision d = {0};
        char word[32], where[32], rest;
        unsigned long long number;

        line[strcspn(line, "#\r\n")] = '\0';
        if (line[strspn(line, " \t")] == '\0')
                return NULL;
        if (sscanf(line, " seed %llu %c", &number, &rest) == 1) {
                if (*has_seed)
                        return "a second `seed`";
                *has_seed = true;
                *seed = number;
                return NULL;
        }
        if (sscanf(line, " allow %31s %31s %u %c", word, where, &d.n, &rest) != 3)
                return "neither `seed N` nor `allow CLASS WHERE N`";
        for (unsigned c = 0; c < SIM_FAULTS; c++)
                if (strcmp(word, sim_fault_word((enum sim_fault)c)) == 0) {
                        d.class = (uint8_t)c;
                        if (!read_where(where, &d.where))
                                return "WHERE is neither a number nor a path like 0>1";
                        return sim_decisions_add(script, d) ? NULL : "no memory";
                }
        return "no such class of harm";
}

const char *sim_script_read(FILE *file, uint64_t *seed, struct sim_decisions *script,
                            unsigned *line)
{
        char text[LINE];
        bool has_seed = false;

        *line = 0;
        while (fgets(text, sizeof(text), file) != NULL) {
                const char *bad;

                ++*line;
                if (strchr(text, '\n') == NULL && !feof(file))
                        return "the line is too long";
                bad = read_line(text, seed, &has_seed, script);
                if (bad != NULL)
                        return bad;
        }
        if (!has_seed)
                return "there is no `seed N`";
        sim_decisions_sort(script);
        return NULL;
}
