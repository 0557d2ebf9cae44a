/* SPDX-License-Identifier: MIT */
/*
 * elko sim: networks that exist in memory only, with everything that can go wrong in them.
 *
 * Theory: a scenario is a function of its seed (sim/scenario.h), so a failure is a number that anyone can
 * repeat. This command runs ranges of seeds on all cores, adds up what happened in them, and makes a
 * failure small: --minimise finds the few harms that it takes and prints them as a script, --script
 * replays one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "minimise.h"
#include "options.h"
#include "swarm.h"
#include "util.h"

enum { EXIT_FAILED = 5, SEEDS_DEFAULT = 1000 };

struct settings {
        uint64_t seed, jobs, packets_max;
        const char *seeds, *script, *faults;
        bool json, trace, minimise, no_monitor;
};

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "seed",
         .letter = 's',
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(seed),
         .min = 0,
         .max = UINT64_MAX - 1,
         .help = "run this one seed and print its trace hash"},
        {.name = "seeds",
         .arg = "A..B",
         .kind = EK_OPT_TEXT,
         .offset = OWN(seeds),
         .help = "run the seeds A to B, both included; default: 1..1000"},
        {.name = "jobs",
         .letter = 'j',
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(jobs),
         .min = 1,
         .max = SIM_SWARM_JOBS,
         .help = "processes, 1..64; default: one for each core"},
        {.name = "faults",
         .arg = "LIST",
         .kind = EK_OPT_TEXT,
         .offset = OWN(faults),
         .help = "only these classes of harm instead of each seed's own choice: words of the summary "
                 "with commas between them, or `none`"},
        {.name = "packets-max",
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(packets_max),
         .min = 1,
         .max = 100000000,
         .help = "a scenario with more packets has failed; default: 400000"},
        {.name = "trace",
         .kind = EK_OPT_SET,
         .offset = OWN(trace),
         .help = "with --seed or --script: print everything that happens"},
        {.name = "minimise",
         .kind = EK_OPT_SET,
         .offset = OWN(minimise),
         .help = "with --seed: find the few harms that make it fail, and print them as a script"},
        {.name = "script",
         .arg = "FILE",
         .kind = EK_OPT_TEXT,
         .offset = OWN(script),
         .help = "replay what --minimise printed"},
        {.name = "no-monitor",
         .kind = EK_OPT_SET,
         .offset = OWN(no_monitor),
         .help = "without the wire monitor, which judges every packet by the RFCs alone"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = OWN(json),
         .help = "end with one JSON object on a line of its own"},
};

static const struct ek_command_spec spec = {
        .name = "sim",
        .usage = "",
        .about =
                "Run seeds of the deterministic simulator: stacks, applications and a network in virtual "
                "time, with up to 19 classes of faults at once, and with every invariant checked after "
                "every step. The same seed gives the same run, to the last bit.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .max_args = 0,
        .notes = "Exit codes: 0 all is well, 1 usage, 4 the script's file, 5 a seed failed.\n"
                 "\n"
                 "Examples:\n"
                 "  elko sim --seeds 1..100000     a campaign\n"
                 "  elko sim --seed 4711 --trace   one seed, with everything that happens in it",
};

static void print_line(void *ctx, const char *text)
{
        (void)ctx;
        puts(text);
}

/* ---- one seed ---- */

static void print_failure(uint64_t seed, const char *text)
{
        char rule[64];

        sim_rule_of(text, rule, sizeof(rule));
        printf("FAILED seed %" PRIu64 ", elko %s, rule %s\n    %s\n    elko sim --seed %" PRIu64
               " --trace\n",
               seed, elko_version(), rule, text, seed);
}

static void print_json_one(uint64_t seed, const struct sim_result *r)
{
        printf("{\"version\":\"%s\",\"seed\":%" PRIu64 ",\"scenarios\":1,\"failed\":%d,\"hash\":"
               "\"%016" PRIx64 "\",\"packets\":%" PRIu64 ",\"virtual_seconds\":%.3f,\"failure\":",
               elko_version(), seed, r->failed, r->hash, r->stats.packets,
               (double)r->virtual_ns / 1e9);
        ek_util_json_string(stdout, r->failure);
        printf("}\n");
}

static int run_one(const struct settings *set, uint64_t seed, struct sim_options *opt)
{
        struct sim_run *run = sim_run_new();
        struct sim_result r;

        if (run == NULL) {
                ek_util_error("sim: not enough memory for a scenario (4 MiB)");
                return EK_EXIT_USAGE;
        }
        opt->line = set->trace ? print_line : NULL;
        sim_scenario(run, seed, opt, &r);
        sim_run_free(run);
        printf("seed %" PRIu64 ": hash %016" PRIx64 ", %" PRIu64 " packets, %" PRIu64
               " connections, %" PRIu64 " bytes checked, %.3f s of virtual time\n",
               seed, r.hash, r.stats.packets, r.connections, r.bytes_checked,
               (double)r.virtual_ns / 1e9);
        if (r.failed)
                print_failure(seed, r.failure);
        if (set->json)
                print_json_one(seed, &r);
        return r.failed ? EXIT_FAILED : EK_EXIT_OK;
}

static int minimise(uint64_t seed, const struct sim_options *opt)
{
        struct sim_run *run = sim_run_new();
        struct sim_minimised m;

        if (run == NULL) {
                ek_util_error("sim: not enough memory for a scenario (4 MiB)");
                return EK_EXIT_USAGE;
        }
        if (!sim_minimise(run, seed, opt, &m)) {
                sim_run_free(run);
                printf("seed %" PRIu64 " does not fail: there is nothing to make small\n", seed);
                return EK_EXIT_OK;
        }
        sim_script_write(stdout, seed, &m.script, m.result.failure);
        fprintf(stderr,
                "%u of %u decisions are left after %u runs; replay: elko sim --script FILE\n",
                m.script.count, m.before, m.runs);
        sim_decisions_free(&m.script);
        sim_run_free(run);
        return EXIT_FAILED;
}

static int replay(const struct settings *set, struct sim_options *opt)
{
        struct sim_decisions script = {0};
        FILE *file = fopen(set->script, "re");
        const char *bad;
        uint64_t seed = 0;
        unsigned line;
        int code;

        if (file == NULL) {
                ek_util_error("sim: %s can not be read: %s", set->script,
                              ek_util_errno_text(errno));
                return EK_EXIT_FILE;
        }
        bad = sim_script_read(file, &seed, &script, &line);
        fclose(file);
        if (bad != NULL) {
                ek_util_error("sim: %s, line %u: %s", set->script, line, bad);
                sim_decisions_free(&script);
                return EK_EXIT_FILE;
        }
        opt->allowed = &script;
        code = run_one(set, seed, opt);
        sim_decisions_free(&script);
        return code;
}

/* ---- many ---- */

static void show_progress(void *ctx, const struct sim_swarm_total *t)
{
        const uint64_t *all = ctx;

        fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " scenarios, %" PRIu64 " failed ", t->scenarios,
                *all, t->failed);
}

static double rate(const struct sim_swarm_total *t)
{
        return t->seconds > 0 ? (double)t->scenarios / t->seconds : 0;
}

static void print_summary(const struct sim_swarm_total *t, unsigned jobs)
{
        unsigned a = 1, b = 2;
        uint64_t least = sim_swarm_pair_min(t, &a, &b);

        printf("%-14s %12s %12s\n", "class of harm", "scenarios", "harms");
        for (unsigned i = 1; i < SIM_FAULTS; i++)
                printf("%-14s %12" PRIu64 " %12" PRIu64 "\n", sim_fault_word((enum sim_fault)i),
                       t->scenarios_with[i], t->harms[i]);
        printf("every pair of classes met at least %" PRIu64 " times (%s and %s)\n", least,
               sim_fault_word((enum sim_fault)a), sim_fault_word((enum sim_fault)b));
        printf("%" PRIu64 " scenarios, %" PRIu64 " failed; %" PRIu64 " packets, median %" PRIu64
               "; %" PRIu64 " connections, %" PRIu64 " bytes checked; %.1f days of virtual time\n",
               t->scenarios, t->failed, t->packets, sim_swarm_median(t), t->connections, t->bytes,
               (double)t->virtual_ns / 1e6 / 86400);
        printf("%.1f s with %u processes: %.0f scenarios/s; hash of all %016" PRIx64 "\n",
               t->seconds, jobs, rate(t), t->hash);
}

static void print_json(const struct sim_swarm_total *t, uint64_t first, uint64_t last,
                       unsigned jobs)
{
        unsigned a = 1, b = 2;
        uint64_t least = sim_swarm_pair_min(t, &a, &b);

        printf("{\"version\":\"%s\",\"first\":%" PRIu64 ",\"last\":%" PRIu64
               ",\"jobs\":%u,\"scenarios\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"seconds\":%.3f"
               ",\"per_second\":%.1f,\"packets\":%" PRIu64 ",\"median_packets\":%" PRIu64
               ",\"pair_min\":%" PRIu64 ",\"virtual_seconds\":%.0f,\"hash\":\"%016" PRIx64
               "\",\"faults\":{",
               elko_version(), first, last, jobs, t->scenarios, t->failed, t->seconds, rate(t),
               t->packets, sim_swarm_median(t), least, (double)t->virtual_ns / 1e6, t->hash);
        for (unsigned i = 1; i < SIM_FAULTS; i++)
                printf("%s\"%s\":%" PRIu64, i > 1 ? "," : "", sim_fault_word((enum sim_fault)i),
                       t->scenarios_with[i]);
        printf("},\"failed_seeds\":[");
        for (uint32_t i = 0; i < t->failures; i++)
                printf("%s%" PRIu64, i > 0 ? "," : "", t->failure[i].seed);
        printf("]}\n");
}

static int run_many(const struct settings *set, uint64_t first, uint64_t last,
                    const struct sim_options *opt)
{
        static struct sim_swarm_total t;
        uint64_t all = last - first + 1;
        unsigned jobs = (unsigned)set->jobs;
        bool show = ek_util_is_terminal(STDERR_FILENO);

        if (set->jobs == EK_OPT_UNSET) {
                long cores = sysconf(_SC_NPROCESSORS_ONLN);

                jobs = cores < 1 ? 1 : cores > SIM_SWARM_JOBS ? SIM_SWARM_JOBS : (unsigned)cores;
        }
        if (!sim_swarm(first, last, jobs, opt, show ? show_progress : NULL, &all, &t)) {
                ek_util_error(
                        "sim: %u processes with their memory can't be had: try a smaller --jobs",
                        jobs);
                return EK_EXIT_USAGE;
        }
        if (show)
                fprintf(stderr, "\r%60s\r", "");
        for (uint32_t i = 0; i < t.failures; i++)
                print_failure(t.failure[i].seed, t.failure[i].text);
        if (t.failed > t.failures)
                printf("... and %" PRIu64 " more\n", t.failed - t.failures);
        print_summary(&t, jobs);
        if (set->json)
                print_json(&t, first, last, jobs);
        return t.failed > 0 ? EXIT_FAILED : EK_EXIT_OK;
}

/* ---- the command line ---- */

static bool parse_range(const char *text, uint64_t *first, uint64_t *last)
{
        char a[32];
        const char *dots = strstr(text, "..");

        if (dots == NULL || (size_t)(dots - text) >= sizeof(a))
                return false;
        memcpy(a, text, (size_t)(dots - text));
        a[dots - text] = '\0';
        return ek_util_parse_u64(a, first) && ek_util_parse_u64(dots + 2, last) &&
               *first <= *last && *last < UINT64_MAX;
}

static bool parse_faults(const char *text, uint32_t *faults)
{
        *faults = 0;
        if (strcmp(text, "none") == 0)
                return true;
        while (*text != '\0') {
                size_t n = strcspn(text, ",");
                unsigned c = 1;

                while (c < SIM_FAULTS && (strlen(sim_fault_word((enum sim_fault)c)) != n ||
                                          memcmp(sim_fault_word((enum sim_fault)c), text, n) != 0))
                        c++;
                if (c == SIM_FAULTS)
                        return false;
                *faults |= 1u << c;
                text += n + (text[n] == ',');
        }
        return *faults != 0;
}

static int usage(const char *text)
{
        ek_util_error("sim: %s", text);
        return EK_EXIT_USAGE;
}

int ek_cmd_sim(int argc, char **argv)
{
        struct settings set = {
                .seed = EK_OPT_UNSET, .jobs = EK_OPT_UNSET, .packets_max = EK_OPT_UNSET};
        struct sim_options opt = {0};
        struct ek_options options;
        uint64_t first = 1, last = SEEDS_DEFAULT;
        bool one;

        switch (ek_options_parse(&spec, argc, argv, &options, &set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        one = set.seed != EK_OPT_UNSET;
        if ((set.script != NULL) + (set.seeds != NULL) + one > 1)
                return usage("choose one of --seed, --seeds and --script");
        if (set.minimise && !one)
                return usage("--minimise makes one seed small: give it with --seed");
        if (set.trace && !one && set.script == NULL)
                return usage("--trace prints one seed: give it with --seed or --script");
        if (set.seeds != NULL && !parse_range(set.seeds, &first, &last))
                return usage("--seeds wants A..B, two numbers with A not above B, like 1..1000");
        if (set.faults != NULL) {
                if (!parse_faults(set.faults, &opt.faults))
                        return usage(
                                "--faults wants words of the summary with commas between them, "
                                "like loss,delay, or `none`");
                opt.has_faults = true;
        }
        opt.monitor = !set.no_monitor;
        opt.packets_max = set.packets_max != EK_OPT_UNSET ? set.packets_max : 0;
        if (set.script != NULL)
                return replay(&set, &opt);
        if (set.minimise)
                return minimise(set.seed, &opt);
        if (one)
                return run_one(&set, set.seed, &opt);
        return run_many(&set, first, last, &opt);
}
