/* SPDX-License-Identifier: MIT */
/*
 * elko lab: how TCPs do on bad paths, side by side.
 *
 * Theory: an experiment is a list of tasks, one run each: cell by cell, seed by seed, and within a seed one
 * sender after the other, so that a machine that is slow for a minute is slow for all of them. Results lie in
 * shared memory. In real time one process does one task after the other: nothing else should run on the
 * machine. In virtual time any number of processes take tasks, and nothing can disturb them.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fnmatch.h>
#include <signal.h>

#include "commands.h"
#include "lab_agent.h"
#include "lab_matrix.h"
#include "lab_report.h"
#include "options.h"
#include "util.h"

enum { JOBS_MAX = 64, POLL_US = 20000, BELOW = 3 };

struct settings {
        struct ek_lab_cell cell; /* from the command line */
        struct ek_lab_words words;
        const char *matrix, *only, *series;
        bool in_virtual_time, json;
        uint64_t jobs, retries;
};

struct task {
        uint32_t cell, entrant;
        uint64_t seed; /* counted from 0 */
};

struct shared {
        _Atomic uint64_t next;
};

struct lab {
        struct settings set;
        struct ek_lab_matrix matrix;
        struct task *task;
        size_t tasks;
        size_t *first_task; /* of each cell; one more at the end */
        struct shared *shared;
        struct ek_lab_result *result; /* shared memory, in the order of tasks */
        struct ek_lab_outcome *outcome;
        bool realtime;
};

/* ---- one task ---- */

static FILE *open_series(const struct lab *l, const struct task *t, const struct ek_lab_peers *who)
{
        const struct ek_lab_cell *c = &l->matrix.cell[t->cell];
        char path[512];
        size_t n;
        FILE *f;

        if (l->set.series == NULL)
                return NULL;
        n = (size_t)snprintf(path, sizeof path, "%s/%s", l->set.series, c->name);
        for (unsigned i = 0; i < who->count && n < sizeof path; i++)
                n += (size_t)snprintf(path + n, sizeof path - n, "_%s", who->peer[i].name);
        if (n < sizeof path)
                n += (size_t)snprintf(path + n, sizeof path - n, "_%llu.csv",
                                      (unsigned long long)(c->seed + t->seed));
        f = n < sizeof path ? fopen(path, "we") : NULL;
        if (f == NULL)
                ek_util_error("lab: %s can't be written: %s", path, ek_util_errno_text(errno));
        return f;
}

static void run_task(const struct lab *l, size_t number)
{
        const struct task *t = &l->task[number];
        const struct ek_lab_cell *c = &l->matrix.cell[t->cell];
        struct ek_lab_peers who = ek_lab_senders(c, t->entrant);
        struct ek_lab_run_config config = {.cell = c,
                                           .senders = &who,
                                           .seed = c->seed + t->seed,
                                           .in_virtual_time = l->set.in_virtual_time,
                                           .realtime = l->realtime};
        struct ek_lab_result result;
        unsigned attempts = 0;

        do {
                config.series = open_series(l, t, &who);
                ek_lab_run(&config, &result);
                if (config.series != NULL)
                        fclose(config.series);
                result.attempts = ++attempts;
        } while (result.disturbed && attempts <= l->set.retries);
        result.done = false;
        l->result[number] = result;
        atomic_thread_fence(memory_order_release);
        l->result[number].done = true;
}

static void take_tasks(struct lab *l)
{
        for (;;) {
                uint64_t number = atomic_fetch_add(&l->shared->next, 1);

                if (number >= l->tasks)
                        return;
                run_task(l, number);
        }
}

/* ---- all tasks ---- */

static bool is_cell_done(const struct lab *l, size_t cell)
{
        for (size_t i = l->first_task[cell]; i < l->first_task[cell + 1]; i++)
                if (!*(volatile bool *)&l->result[i].done)
                        return false;
        atomic_thread_fence(memory_order_acquire);
        return true;
}

/* Print the cells that are complete, in order; returns how many are printed now. */
static size_t print_done(struct lab *l, size_t printed)
{
        for (; printed < l->matrix.count && is_cell_done(l, printed); printed++)
                ek_lab_report_cell(stdout, &l->outcome[printed]);
        return printed;
}

static unsigned start_workers(struct lab *l, pid_t worker[JOBS_MAX])
{
        unsigned n = 0;

        fflush(NULL);
        for (; n < l->set.jobs; n++) {
                worker[n] = fork();
                if (worker[n] < 0)
                        break;
                if (worker[n] == 0) {
                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        take_tasks(l);
                        _exit(0);
                }
        }
        return n;
}

/* True while one of the workers is alive. */
static bool reap(pid_t worker[JOBS_MAX], unsigned n)
{
        bool alive = false;

        for (unsigned i = 0; i < n; i++) {
                if (worker[i] > 0 && waitpid(worker[i], NULL, WNOHANG) == worker[i])
                        worker[i] = 0;
                alive |= worker[i] > 0;
        }
        return alive;
}

/* Whatever a worker that died had taken is done here, where the reason is seen. */
static void do_rest(struct lab *l)
{
        for (size_t i = 0; i < l->tasks; i++)
                if (!l->result[i].done)
                        run_task(l, i);
}

static void run_all(struct lab *l)
{
        pid_t worker[JOBS_MAX];
        size_t printed = 0;
        unsigned n;

        if (l->set.jobs <= 1) {
                for (size_t i = 0; i < l->tasks; i++) {
                        run_task(l, i);
                        printed = print_done(l, printed);
                }
                return;
        }
        n = start_workers(l, worker);
        while (reap(worker, n)) {
                printed = print_done(l, printed);
                usleep(POLL_US);
        }
        do_rest(l);
        print_done(l, printed);
}

/* ---- making the tasks ---- */

static size_t tasks_of(const struct ek_lab_cell *c)
{
        return (size_t)c->seeds * ek_lab_entrants(c);
}

static void fill_tasks(struct lab *l)
{
        size_t n = 0;

        for (uint32_t cell = 0; cell < l->matrix.count; cell++) {
                const struct ek_lab_cell *c = &l->matrix.cell[cell];

                l->first_task[cell] = n;
                l->outcome[cell] = (struct ek_lab_outcome){c, &l->result[n]};
                for (uint64_t seed = 0; seed < c->seeds; seed++)
                        for (uint32_t e = 0; e < ek_lab_entrants(c); e++)
                                l->task[n++] = (struct task){cell, e, seed};
        }
        l->first_task[l->matrix.count] = n;
}

static bool make_tasks(struct lab *l)
{
        size_t cells = l->matrix.count;
        void *memory;

        for (size_t i = 0; i < cells; i++)
                l->tasks += tasks_of(&l->matrix.cell[i]);
        l->task = calloc(l->tasks, sizeof *l->task);
        l->first_task = calloc(cells + 1, sizeof *l->first_task);
        l->outcome = calloc(cells, sizeof *l->outcome);
        memory = mmap(NULL, sizeof *l->shared + l->tasks * sizeof *l->result,
                      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (l->task == NULL || l->first_task == NULL || l->outcome == NULL ||
            memory == MAP_FAILED) {
                ek_util_error("lab: no memory for %zu runs", l->tasks);
                return false;
        }
        l->shared = memory;
        l->result = (struct ek_lab_result *)(void *)(l->shared + 1);
        fill_tasks(l);
        return true;
}

/* Does the pattern match the cell, or one that is compared with it? */
static bool is_wanted(const struct lab *l, const struct ek_lab_cell *c)
{
        if (l->set.only == NULL || fnmatch(l->set.only, c->name, 0) == 0)
                return true;
        for (size_t i = 0; i < l->matrix.count; i++)
                if (strcmp(l->matrix.cell[i].ref, c->name) == 0 &&
                    fnmatch(l->set.only, l->matrix.cell[i].name, 0) == 0)
                        return true;
        return false;
}

static void keep_wanted(struct lab *l)
{
        bool *wanted = calloc(l->matrix.count, sizeof *wanted);
        size_t kept = 0;

        for (size_t i = 0; wanted != NULL && i < l->matrix.count; i++)
                wanted[i] = is_wanted(l, &l->matrix.cell[i]);
        for (size_t i = 0; i < l->matrix.count; i++)
                if (wanted != NULL && wanted[i])
                        l->matrix.cell[kept++] = l->matrix.cell[i];
        l->matrix.count = kept;
        free(wanted);
}

/* In virtual time there is no kernel: its peers are left out, and flows of which one is the kernel's. */
static bool keep_elko(struct ek_lab_cell *c)
{
        struct ek_lab_peers all = c->peers;

        for (unsigned i = 0; i < c->flows.count; i++)
                if (c->flows.peer[i].kernel)
                        return false;
        if (c->flows.count > 0)
                return true;
        c->peers.count = 0;
        for (unsigned i = 0; i < all.count; i++)
                if (!all.peer[i].kernel)
                        c->peers.peer[c->peers.count++] = all.peer[i];
        return c->peers.count > 0;
}

/* Leave out what is not wanted or not possible. */
static bool choose_cells(struct lab *l)
{
        size_t kept = 0, impossible = 0;

        keep_wanted(l);
        for (size_t i = 0; i < l->matrix.count; i++) {
                struct ek_lab_cell *c = &l->matrix.cell[i];

                if (l->set.in_virtual_time && !keep_elko(c)) {
                        impossible++;
                        continue;
                }
                l->matrix.cell[kept++] = *c;
        }
        l->matrix.count = kept;
        if (impossible > 0)
                fprintf(stderr,
                        "elko: lab: %zu cells with kernel senders only are left out: there is no "
                        "kernel in virtual time\n",
                        impossible);
        if (kept > 0)
                return true;
        ek_util_error("lab: there is no cell to run%s%s",
                      l->set.only != NULL ? " that matches " : "",
                      l->set.only != NULL ? l->set.only : "");
        return false;
}

static bool read_matrix(struct lab *l)
{
        char why[400] = "";
        FILE *f = fopen(l->set.matrix, "re");
        bool good;

        if (f == NULL) {
                ek_util_error("lab: %s can't be read: %s", l->set.matrix,
                              ek_util_errno_text(errno));
                return false;
        }
        good = ek_lab_matrix_read(f, l->set.matrix, &l->set.words, &l->matrix, why, sizeof why);
        fclose(f);
        if (!good)
                ek_util_error("lab: %s", why);
        return good;
}

static bool single_cell(struct lab *l)
{
        char why[300] = "";

        snprintf(l->set.cell.name, sizeof l->set.cell.name, "cell");
        if (!ek_lab_cell_check(&l->set.cell, why, sizeof why)) {
                ek_util_error("lab: %s", why);
                return false;
        }
        l->matrix.cell = malloc(sizeof *l->matrix.cell);
        if (l->matrix.cell == NULL) {
                ek_util_error("lab: no memory");
                return false;
        }
        l->matrix.cell[0] = l->set.cell;
        l->matrix.count = 1;
        return true;
}

/* ---- the machine ---- */

/* Every kernel peer once; those beyond the eighth are found out when they run. */
static struct ek_lab_peers kernel_peers(const struct lab *l)
{
        struct ek_lab_peers all = {.count = 0};

        for (size_t i = 0; i < l->matrix.count; i++) {
                const struct ek_lab_peers *rows = ek_lab_rows(&l->matrix.cell[i]);

                for (unsigned k = 0; k < rows->count; k++) {
                        unsigned known = 0;

                        while (known < all.count &&
                               strcmp(all.peer[known].name, rows->peer[k].name) != 0)
                                known++;
                        if (rows->peer[k].kernel && known == all.count && known < EK_LAB_PEERS_MAX)
                                all.peer[all.count++] = rows->peer[k];
                }
        }
        return all;
}

static bool is_possible(const struct lab *l)
{
        struct elko_drv_why why = {""};
        struct ek_lab_peers peers = kernel_peers(l);

        if (l->set.in_virtual_time || ek_lab_run_probe(&peers, &why) == 0)
                return true;
        ek_util_error("lab: this machine can't do it: %s. `--virtual` runs elko against elko "
                      "in virtual time, which needs no permission",
                      why.text);
        return false;
}

static bool make_series_directory(const struct lab *l)
{
        if (l->set.series == NULL || mkdir(l->set.series, 0777) == 0 || errno == EEXIST)
                return true;
        ek_util_error("lab: the directory %s can't be made: %s", l->set.series,
                      ek_util_errno_text(errno));
        return false;
}

static bool has_failures(const struct lab *l)
{
        for (size_t i = 0; i < l->tasks; i++)
                if (l->result[i].failed)
                        return true;
        return false;
}

static int run_lab(struct lab *l)
{
        unsigned below;

        if (!l->set.in_virtual_time) {
                l->set.jobs = 1;
                l->realtime = ek_lab_agent_realtime();
                prctl(PR_SET_TIMERSLACK, 1);
        }
        run_all(l);
        below = ek_lab_report_floors(stdout, l->outcome, l->matrix.count);
        if (l->set.json)
                ek_lab_report_json(stdout, l->outcome, l->matrix.count, l->set.in_virtual_time);
        if (has_failures(l))
                return EK_EXIT_NETWORK;
        return below > 0 ? BELOW : EK_EXIT_OK;
}

/* ---- the command line ---- */

/* The keys of a cell, as options. */
#define CELL_KEYS(X)                                                                               \
        X(rate, "rate")                                                                            \
        X(rtt, "rtt")                                                                              \
        X(delay, "delay")                                                                          \
        X(buffer, "buffer")                                                                        \
        X(queue, "queue")                                                                          \
        X(mark, "mark")                                                                            \
        X(ecn, "ecn")                                                                              \
        X(loss, "loss")                                                                            \
        X(burst, "burst")                                                                          \
        X(ack_loss, "ack-loss")                                                                    \
        X(reorder, "reorder")                                                                      \
        X(reorder_by, "reorder-by")                                                                \
        X(duplicate, "duplicate")                                                                  \
        X(step, "step")                                                                            \
        X(mtu, "mtu")                                                                              \
        X(peers, "peers")                                                                          \
        X(flows, "flows")                                                                          \
        X(stagger, "stagger")                                                                      \
        X(receiver, "receiver")                                                                    \
        X(tick, "tick")                                                                            \
        X(time, "time")                                                                            \
        X(seeds, "seeds")                                                                          \
        X(seed, "seed")                                                                            \
        X(ref, "ref")                                                                              \
        X(floor, "floor")                                                                          \
        X(ceiling, "ceiling")

static bool set_word(struct settings *s, const char *key, const char *value, char *why,
                     size_t why_len)
{
        if (!ek_lab_cell_set(&s->cell, key, value, why, why_len))
                return false;
        if (s->words.count == EK_LAB_WORDS_MAX) {
                snprintf(why, why_len, "too many options");
                return false;
        }
        s->words.word[s->words.count].key = key;
        s->words.word[s->words.count++].value = value;
        return true;
}

#define EK_X(id, key)                                                                              \
        static bool set_##id(void *target, const char *value, char *why, size_t why_len)           \
        {                                                                                          \
                return set_word(target, key, value, why, why_len);                                 \
        }
CELL_KEYS(EK_X)
#undef EK_X

static const struct {
        const char *key;
        bool (*parse)(void *target, const char *value, char *why, size_t why_len);
} setters[] = {
#define EK_X(id, key) {key, set_##id},
        CELL_KEYS(EK_X)
#undef EK_X
};

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt lab_opts[] = {
        {.name = "matrix",
         .arg = "FILE",
         .kind = EK_OPT_TEXT,
         .offset = OWN(matrix),
         .help = "run the cells of FILE (doc/LAB.md has the format); the options of a cell hold for all "
                 "of them"},
        {.name = "only",
         .arg = "PATTERN",
         .kind = EK_OPT_TEXT,
         .offset = OWN(only),
         .help = "of these the cells whose name matches, like 'loss-*', and those that they are compared with"},
        {.name = "virtual",
         .kind = EK_OPT_SET,
         .offset = OWN(in_virtual_time),
         .help = "elko at both ends, in virtual time: no permission needed, no machine too slow"},
        {.name = "jobs",
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(jobs),
         .min = 1,
         .max = JOBS_MAX,
         .help = "processes at once, with --virtual only, 1 to 64; default 1"},
        {.name = "retries",
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(retries),
         .min = 0,
         .max = 20,
         .help = "how often a run that the machine disturbed is repeated, 0 to 20; default 2"},
        {.name = "series",
         .arg = "DIR",
         .kind = EK_OPT_TEXT,
         .offset = OWN(series),
         .help = "write a CSV file for each run: cwnd, srtt, queue, delivered, every 10 ms"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = OWN(json),
         .help = "print one JSON object on the last line"},
};

enum {
        LAB_OPTS = sizeof lab_opts / sizeof lab_opts[0],
        SETTERS = sizeof setters / sizeof setters[0]
};

static void make_cell_opts(struct ek_opt opts[SETTERS])
{
        const char *key, *arg, *help;

        for (size_t i = 0; i < SETTERS && (key = ek_lab_cell_key(i, &arg, &help)) != NULL; i++)
                for (size_t k = 0; k < SETTERS; k++)
                        if (strcmp(setters[k].key, key) == 0)
                                opts[i] = (struct ek_opt){.name = key,
                                                          .arg = arg,
                                                          .kind = EK_OPT_CALL,
                                                          .parse = setters[k].parse,
                                                          .help = help};
}

static enum ek_options_result parse(int argc, char **argv, struct settings *set)
{
        struct ek_opt cell_opts[SETTERS] = {{0}};
        struct ek_options options;
        const struct ek_command_spec spec = {
                .name = "lab",
                .usage = "",
                .about =
                        "Measure TCPs over a bad path, side by side: a wire with rate, delay, a finite buffer, "
                        "loss, reordering and more, in this process, between network namespaces that the command makes "
                        "for itself. Each peer in turn sends as much as it can to the kernel's TCP.",
                .own = lab_opts,
                .own_count = LAB_OPTS,
                .shared = cell_opts,
                .shared_count = SETTERS,
                .notes =
                        "Exit codes: 0 measured, 1 usage, 2 not possible here or a run failed, 3 something is "
                        "out of its bounds.\n\n"
                        "  elko lab --rate 37M --rtt 45ms --loss 0.7% --reorder 2% --buffer 1bdp \\\n"
                        "           --peers elko,kernel-cubic\n"
                        "  elko lab --flows elko,kernel-cubic --time 60\n"
                        "  elko lab --virtual --jobs 2 --matrix doc/lab-full.txt",
        };

        make_cell_opts(cell_opts);
        return ek_options_parse(&spec, argc, argv, &options, set);
}

int ek_cmd_lab(int argc, char **argv)
{
        struct lab *l = calloc(1, sizeof *l);
        int code = EK_EXIT_USAGE;

        if (l == NULL)
                return EK_EXIT_FILE;
        l->set.retries = 2;
        l->set.jobs = 1;
        ek_lab_cell_default(&l->set.cell);
        switch (parse(argc, argv, &l->set)) {
        case EK_OPTIONS_HELP: code = EK_EXIT_OK; break;
        case EK_OPTIONS_BAD: break;
        case EK_OPTIONS_GO:
                if (!(l->set.matrix != NULL ? read_matrix(l) : single_cell(l)) || !choose_cells(l))
                        break;
                code = EK_EXIT_NETWORK;
                if (is_possible(l) && make_series_directory(l) && make_tasks(l))
                        code = run_lab(l);
        }
        free(l->matrix.cell);
        free(l->task);
        free(l->first_task);
        free(l->outcome);
        free(l);
        return code;
}
