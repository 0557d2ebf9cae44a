/* SPDX-License-Identifier: MIT */
/*
 * See pool.h. The next job's number is shared memory; results come back through one pipe for each worker. What a
 * worker was doing stands in shared memory too, so that its death is told of the right script.
 */
#include "drill/pool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
        atomic_size_t next;
        atomic_size_t doing[DRILL_JOBS_MAX]; /* 1 + job; 0: none */
};

struct message {
        size_t index, text, brief;
        enum drill_outcome outcome;
        uint64_t virtual_ns, real_ns;
};

struct worker {
        pid_t pid;
        int from;
};

struct pool {
        struct shared *shared;
        struct worker worker[DRILL_JOBS_MAX];
        size_t n;
        drill_job_fn *job;
        void *ctx;
        void (*done)(void *ctx, size_t index, struct drill_job_result *r);
};

static bool all(ssize_t (*move)(int, void *, size_t), int fd, void *data, size_t n)
{
        char *p = data;

        while (n > 0) {
                ssize_t k = move(fd, p, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return false;
                p += k;
                n -= (size_t)k;
        }
        return true;
}

static ssize_t put(int fd, void *p, size_t n)
{
        return write(fd, p, n);
}

static void work(const struct pool *p, unsigned me, int to)
{
        size_t i;

        while ((i = atomic_fetch_add(&p->shared->next, 1)) < p->n) {
                struct drill_job_result r = {.outcome = DRILL_FAILED};
                struct message m = {.index = i};

                atomic_store(&p->shared->doing[me], i + 1);
                p->job(p->ctx, i, &r);
                m.outcome = r.outcome;
                m.virtual_ns = r.virtual_ns;
                m.real_ns = r.real_ns;
                m.brief = r.brief;
                m.text = r.text != NULL ? strlen(r.text) : 0;
                if (!all(put, to, &m, sizeof(m)) || !all(put, to, r.text, m.text))
                        break;
                atomic_store(&p->shared->doing[me], 0);
                free(r.text);
        }
        drill_run_end();
        _exit(0);
}

static bool hire(struct pool *p, unsigned me)
{
        int ends[2];

        if (pipe(ends) != 0)
                return false;
        fflush(NULL);
        p->worker[me].pid = fork();
        if (p->worker[me].pid == 0) {
                close(ends[0]);
                work(p, me, ends[1]);
        }
        close(ends[1]);
        p->worker[me].from = ends[0];
        if (p->worker[me].pid > 0)
                return true;
        close(ends[0]);
        return false;
}

/* A worker's pipe ended: it is done, or it died in the middle of a script. */
static void bury(struct pool *p, unsigned me)
{
        size_t doing = atomic_exchange(&p->shared->doing[me], 0);
        struct drill_job_result r = {.outcome = DRILL_FAILED};
        int status = 0;

        close(p->worker[me].from);
        waitpid(p->worker[me].pid, &status, 0);
        p->worker[me].pid = 0;
        if (doing == 0)
                return;
        r.text = malloc(128);
        if (r.text != NULL && WIFSIGNALED(status))
                snprintf(r.text, 128, "the stack or the runner died: %s",
                         strsignal(WTERMSIG(status)));
        else if (r.text != NULL)
                snprintf(r.text, 128, "the runner ended in the middle, with exit code %d",
                         WEXITSTATUS(status));
        r.brief = r.text != NULL ? strlen(r.text) : 0;
        p->done(p->ctx, doing - 1, &r);
        free(r.text);
        if (atomic_load(&p->shared->next) < p->n)
                hire(p, me);
}

static bool take(struct pool *p, unsigned me)
{
        struct drill_job_result r;
        struct message m;
        int from = p->worker[me].from;

        if (!all(read, from, &m, sizeof(m)) || m.text > DRILL_TEXT_MAX)
                return false;
        r = (struct drill_job_result){m.outcome, m.virtual_ns, m.real_ns, NULL, m.brief};
        if (m.text > 0) {
                r.text = calloc(1, m.text + 1);
                if (r.text == NULL || !all(read, from, r.text, m.text)) {
                        free(r.text);
                        return false;
                }
        }
        p->done(p->ctx, m.index, &r);
        free(r.text);
        return true;
}

static void wait_for_all(struct pool *p, unsigned workers)
{
        struct pollfd fds[DRILL_JOBS_MAX];
        unsigned who[DRILL_JOBS_MAX], n;

        for (;;) {
                n = 0;
                for (unsigned i = 0; i < workers; i++) {
                        if (p->worker[i].pid <= 0)
                                continue;
                        fds[n] = (struct pollfd){.fd = p->worker[i].from, .events = POLLIN};
                        who[n++] = i;
                }
                if (n == 0)
                        return;
                if (poll(fds, n, -1) < 0 && errno != EINTR)
                        return;
                for (unsigned i = 0; i < n; i++)
                        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) && !take(p, who[i]))
                                bury(p, who[i]);
        }
}

bool drill_pool(size_t n, unsigned workers, drill_job_fn *job, void *ctx,
                void (*done)(void *ctx, size_t index, struct drill_job_result *r))
{
        struct pool p = {.n = n, .job = job, .ctx = ctx, .done = done};
        bool any = false;

        p.shared = mmap(NULL, sizeof(*p.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0);
        if (p.shared == MAP_FAILED)
                return false;
        if (workers > DRILL_JOBS_MAX)
                workers = DRILL_JOBS_MAX;
        for (unsigned i = 0; i < workers && i < n; i++)
                any = hire(&p, i) || any;
        wait_for_all(&p, workers);
        munmap(p.shared, sizeof(*p.shared));
        return any || n == 0;
}
