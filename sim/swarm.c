/* SPDX-License-Identifier: MIT */
#include "swarm.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* See swarm.h. The only file of the simulator that knows an operating system. */

enum { CHUNK = 16, PROGRESS_SCENARIOS = 256 };

struct worker {
        struct sim_swarm_total total;
        uint64_t current, end; /* the seed that runs, the seeds that are taken */
        bool running;
};

struct shared {
        _Atomic uint64_t next;
        struct worker worker[];
};

static double now_seconds(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_failure(struct sim_swarm_total *t, uint64_t seed, const char *text)
{
        t->failed++;
        if (t->failures == SIM_SWARM_FAILURES)
                return;
        t->failure[t->failures].seed = seed;
        snprintf(t->failure[t->failures].text, sizeof(t->failure[0].text), "%s", text);
        t->failures++;
}

static void add_result(struct sim_swarm_total *t, uint64_t seed, const struct sim_result *r)
{
        uint64_t p = r->stats.packets;

        t->scenarios++;
        t->packets += p;
        t->virtual_ns += r->virtual_ns / 1000; /* us: years of it must fit */
        t->connections += r->connections;
        t->bytes += r->bytes_checked;
        t->hash += sim_mix64(r->hash ^ sim_mix64(seed));
        t->by_packets[p < SIM_SWARM_BUCKETS ? p : SIM_SWARM_BUCKETS - 1]++;
        for (unsigned i = 1; i < SIM_FAULTS; i++) {
                t->harms[i] += r->stats.harms[i];
                if ((r->faults >> i & 1u) == 0)
                        continue;
                t->scenarios_with[i]++;
                for (unsigned j = i + 1; j < SIM_FAULTS; j++)
                        t->pair[i][j] += r->faults >> j & 1u;
        }
        if (r->failed)
                add_failure(t, seed, r->failure);
}

static void add_total(struct sim_swarm_total *t, const struct sim_swarm_total *more)
{
        t->scenarios += more->scenarios;
        t->failed += more->failed;
        t->packets += more->packets;
        t->virtual_ns += more->virtual_ns;
        t->connections += more->connections;
        t->bytes += more->bytes;
        t->hash += more->hash;
        for (unsigned i = 0; i < SIM_FAULTS; i++) {
                t->harms[i] += more->harms[i];
                t->scenarios_with[i] += more->scenarios_with[i];
                for (unsigned j = 0; j < SIM_FAULTS; j++)
                        t->pair[i][j] += more->pair[i][j];
        }
        for (unsigned i = 0; i < SIM_SWARM_BUCKETS; i++)
                t->by_packets[i] += more->by_packets[i];
        for (uint32_t i = 0; i < more->failures && t->failures < SIM_SWARM_FAILURES; i++)
                t->failure[t->failures++] = more->failure[i];
}

/* ---- one process ---- */

static bool run_here(uint64_t first, uint64_t last, const struct sim_options *opt,
                     void (*progress)(void *, const struct sim_swarm_total *), void *ctx,
                     struct sim_swarm_total *t)
{
        struct sim_run *run = sim_run_new();
        struct sim_result r;

        if (run == NULL)
                return false;
        for (uint64_t seed = first;; seed++) {
                sim_scenario(run, seed, opt, &r);
                add_result(t, seed, &r);
                if (progress != NULL && t->scenarios % PROGRESS_SCENARIOS == 0)
                        progress(ctx, t);
                if (seed == last)
                        break;
        }
        sim_run_free(run);
        return true;
}

/* ---- several ---- */

static void work(struct shared *s, struct worker *me, uint64_t last, const struct sim_options *opt)
{
        struct rlimit no_core = {0, 0};
        struct sim_run *run = sim_run_new();
        struct sim_result r;

        setrlimit(RLIMIT_CORE, &no_core);
        if (run == NULL)
                _exit(2);
        for (;;) {
                /* The rest of what a dead process had taken comes first. */
                if (me->current >= me->end) {
                        me->current = atomic_fetch_add(&s->next, CHUNK);
                        if (me->current > last || me->current + CHUNK < me->current)
                                break;
                        me->end = me->current + CHUNK;
                }
                for (; me->current < me->end && me->current <= last; me->current++) {
                        me->running = true;
                        sim_scenario(run, me->current, opt, &r);
                        add_result(&me->total, me->current, &r);
                        me->running = false;
                }
                if (me->current > last)
                        break;
        }
        sim_run_free(run);
        _exit(0);
}

static pid_t start(struct shared *s, struct worker *me, uint64_t last,
                   const struct sim_options *opt)
{
        pid_t pid;

        fflush(NULL);
        pid = fork();
        if (pid == 0)
                work(s, me, last, opt);
        return pid;
}

static void died(struct worker *me, int status)
{
        char text[128];

        if (WIFSIGNALED(status))
                snprintf(text, sizeof(text), "the process died by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
        else
                snprintf(text, sizeof(text), "the process ended with code %d", WEXITSTATUS(status));
        me->total.scenarios++;
        add_failure(&me->total, me->current, text);
        me->current++;
        me->running = false;
}

static bool run_forked(struct shared *s, uint64_t last, unsigned jobs,
                       const struct sim_options *opt,
                       void (*progress)(void *, const struct sim_swarm_total *), void *ctx,
                       struct sim_swarm_total *out)
{
        pid_t pid[SIM_SWARM_JOBS];
        unsigned alive = 0;

        for (unsigned i = 0; i < jobs; i++) {
                pid[i] = start(s, &s->worker[i], last, opt);
                alive += pid[i] > 0;
        }
        if (alive == 0)
                return false;
        while (alive > 0) {
                struct timespec pause = {0, 100000000};
                int status;
                pid_t done = waitpid(-1, &status, WNOHANG);

                for (unsigned i = 0; i < jobs && done > 0; i++) {
                        if (pid[i] != done)
                                continue;
                        pid[i] = -1;
                        alive--;
                        if (!s->worker[i].running)
                                continue;
                        died(&s->worker[i], status);
                        pid[i] = start(s, &s->worker[i], last, opt);
                        alive += pid[i] > 0;
                }
                if (done > 0)
                        continue;
                if (progress != NULL) {
                        memset(out, 0, sizeof(*out));
                        for (unsigned i = 0; i < jobs; i++)
                                add_total(out, &s->worker[i].total);
                        progress(ctx, out);
                }
                nanosleep(&pause, NULL); /* between looks at the children; nothing depends on it */
        }
        memset(out, 0, sizeof(*out));
        for (unsigned i = 0; i < jobs; i++)
                add_total(out, &s->worker[i].total);
        return true;
}

bool sim_swarm(uint64_t first, uint64_t last, unsigned jobs, const struct sim_options *opt,
               void (*progress)(void *ctx, const struct sim_swarm_total *so_far), void *ctx,
               struct sim_swarm_total *out)
{
        size_t bytes = sizeof(struct shared) + jobs * sizeof(struct worker);
        double begin = now_seconds();
        struct shared *s;
        bool ok;

        memset(out, 0, sizeof(*out));
        if (jobs > SIM_SWARM_JOBS)
                jobs = SIM_SWARM_JOBS;
        if (jobs == 0) {
                ok = run_here(first, last, opt, progress, ctx, out);
        } else {
                s = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
                if (s == MAP_FAILED)
                        return false;
                atomic_store(&s->next, first);
                ok = run_forked(s, last, jobs, opt, progress, ctx, out);
                munmap(s, bytes);
        }
        out->seconds = now_seconds() - begin;
        return ok;
}

uint64_t sim_swarm_median(const struct sim_swarm_total *t)
{
        uint64_t seen = 0;

        for (unsigned i = 0; i < SIM_SWARM_BUCKETS; i++) {
                seen += t->by_packets[i];
                if (seen * 2 >= t->scenarios && seen > 0)
                        return i;
        }
        return 0;
}

uint64_t sim_swarm_pair_min(const struct sim_swarm_total *t, unsigned *a, unsigned *b)
{
        uint64_t least = UINT64_MAX;

        for (unsigned i = 1; i < SIM_FAULTS; i++)
                for (unsigned j = i + 1; j < SIM_FAULTS; j++)
                        if (t->pair[i][j] < least) {
                                least = t->pair[i][j];
                                *a = i;
                                *b = j;
                        }
        return least;
}
