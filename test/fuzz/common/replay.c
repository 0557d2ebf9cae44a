/* SPDX-License-Identifier: MIT */
/*
 * replay.c - a fuzz target without a fuzzer.
 *
 *      replay-NAME [--mutations N] [--seconds S] [--seed X] [--bench] [FILE-OR-DIRECTORY...]
 *      replay-NAME --write-seeds DIR
 *
 * Runs the target's own seeds, then the files, then N mutations of them that follow from the seed (or as
 * many as fit in S seconds of processor time). --bench reports speed and reached (state, event) pairs.
 * When an oracle fails or the program crashes, the input is kept in the file fuzz-finding-NAME in the
 * directory ELKO_BUILD (or here).
 */
#include "fz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

enum { INPUTS = 4096, INPUT_MAX = FZ_SEED_MAX, DEFAULT_MUTATIONS = 3000 };

struct input {
        uint8_t *p;
        size_t n;
};

static struct input inputs[INPUTS];
static size_t n_inputs;
static const uint8_t *current;
static size_t current_len;
static char finding[512];
static uint64_t rng = 1;

__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
                                                     unsigned seed);
__attribute__((weak)) size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t an,
                                                       const uint8_t *b, size_t bn, uint8_t *out,
                                                       size_t max, unsigned seed);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*fn)(void));

/* ---- what is kept of a crash ---- */

static void keep(void)
{
        int fd = open(finding, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        ssize_t done = -1;

        if (fd >= 0 && current != NULL)
                done = write(fd, current, current_len);
        fprintf(stderr, "the input (%zu bytes) is in %s%s\n", current_len, finding,
                done == (ssize_t)current_len ? "" : ": could not be written");
        if (fd >= 0)
                close(fd);
}

static void on_signal(int sig)
{
        keep();
        signal(sig, SIG_DFL);
        raise(sig);
}

/* ---- inputs ---- */

static void add(const uint8_t *p, size_t n)
{
        if (n_inputs == INPUTS) {
                fprintf(stderr, "more than %d inputs: give fewer files\n", INPUTS);
                exit(2);
        }
        inputs[n_inputs].p = malloc(n + 1);
        if (inputs[n_inputs].p == NULL)
                exit(2);
        memcpy(inputs[n_inputs].p, p, n);
        inputs[n_inputs++].n = n;
}

static void add_file(const char *path)
{
        static uint8_t buf[1 << 20];
        FILE *f = fopen(path, "rb");
        size_t n;

        if (f == NULL) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                exit(2);
        }
        n = fread(buf, 1, sizeof(buf), f);
        fclose(f);
        add(buf, n);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_path(const char *path)
{
        struct dirent **list;
        struct stat st;
        char file[4096];
        int n;

        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
                n = scandir(path, &list, NULL, by_name);
                for (int i = 0; i < n; i++) {
                        if (list[i]->d_name[0] != '.') {
                                snprintf(file, sizeof(file), "%s/%s", path, list[i]->d_name);
                                add_file(file);
                        }
                        free(list[i]);
                }
                if (n >= 0)
                        free(list);
                return;
        }
        add_file(path);
}

/* ---- mutation ---- */

/* What libFuzzer does when a target has no mutator of its own, and what ours calls in between. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
        uint64_t r = fz_random(&rng);
        size_t at = size > 0 ? (size_t)(r >> 8) % size : 0, n;

        switch (size == 0 ? 0 : r % 6) {
        case 0: /* insert */
                n = 1 + (size_t)(r >> 40) % 4;
                if (size + n > max)
                        return size;
                memmove(data + at + n, data + at, size - at);
                for (size_t i = 0; i < n; i++)
                        data[at + i] = (uint8_t)fz_random(&rng);
                return size + n;
        case 1: /* remove */
                n = 1 + (size_t)(r >> 40) % 4;
                if (n > size - at)
                        n = size - at;
                memmove(data + at, data + at + n, size - at - n);
                return size - n;
        case 2: data[at] ^= (uint8_t)(1u << (r >> 40 & 7)); return size;
        case 3: data[at] = (uint8_t)(r >> 40); return size;
        case 4: data[at] = (uint8_t)(data[at] + (r >> 40) % 17 - 8); return size;
        default: data[at] = (r >> 40 & 1) != 0 ? 255 : 0; return size;
        }
}

static size_t mutate_bytes(uint8_t *p, size_t n, size_t max)
{
        for (uint64_t k = 1 + fz_random(&rng) % 4; k > 0; k--)
                n = LLVMFuzzerMutate(p, n, max);
        return n;
}

static size_t make(uint8_t *out)
{
        const struct input *a = &inputs[fz_random(&rng) % n_inputs];
        const struct input *b = &inputs[fz_random(&rng) % n_inputs];
        size_t n = a->n < INPUT_MAX ? a->n : INPUT_MAX;

        memcpy(out, a->p, n);
        if (LLVMFuzzerCustomMutator == NULL)
                return mutate_bytes(out, n, INPUT_MAX);
        if (fz_random(&rng) % 4 == 0)
                n = LLVMFuzzerCustomCrossOver(a->p, n, b->p, b->n, out, INPUT_MAX,
                                              (unsigned)fz_random(&rng));
        for (uint64_t k = 1 + fz_random(&rng) % 4; k > 0; k--)
                n = LLVMFuzzerCustomMutator(out, n, INPUT_MAX, (unsigned)fz_random(&rng));
        return n;
}

/* ---- the run ---- */

static void run(const uint8_t *p, size_t n)
{
        /* A copy of its exact size, as libFuzzer makes one. */
        uint8_t *copy = malloc(n > 0 ? n : 1);

        if (copy == NULL)
                exit(2);
        if (n > 0)
                memcpy(copy, p, n);
        current = copy;
        current_len = n;
        LLVMFuzzerTestOneInput(copy, n);
        current = NULL;
        free(copy);
}

static double cpu_seconds(void)
{
        return (double)clock() / CLOCKS_PER_SEC;
}

static uint64_t number(const char *option, const char *text)
{
        char *end;
        unsigned long long v;

        if (text == NULL || *text < '0' || *text > '9') {
                fprintf(stderr, "%s needs a number\n", option);
                exit(2);
        }
        v = strtoull(text, &end, 0);
        if (*end != '\0') {
                fprintf(stderr, "%s %s: not a number\n", option, text);
                exit(2);
        }
        return v;
}

int main(int argc, char **argv)
{
        static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
        const char *build = getenv("ELKO_BUILD"), *name = strrchr(argv[0], '/');
        uint64_t mutations = DEFAULT_MUTATIONS, seconds = 0, done = 0;
        struct fz_reached reached;
        uint8_t buf[INPUT_MAX];
        bool bench = false;
        double from;
        size_t n;

        name = name != NULL ? name + 1 : argv[0];
        snprintf(finding, sizeof(finding), "%s/fuzz-finding-%s", build != NULL ? build : ".", name);
        for (unsigned i = 0; (n = fz_seed(i, buf)) > 0; i++)
                add(buf, n);
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--write-seeds") == 0 && i + 1 < argc) {
                        return fz_write_seeds(argv[i + 1]) ? 0 : 2;
                } else if (strcmp(argv[i], "--mutations") == 0) {
                        mutations = number(argv[i], argv[i + 1]);
                        i++;
                } else if (strcmp(argv[i], "--seconds") == 0) {
                        seconds = number(argv[i], argv[i + 1]);
                        i++;
                } else if (strcmp(argv[i], "--seed") == 0) {
                        rng = number(argv[i], argv[i + 1]);
                        i++;
                } else if (strcmp(argv[i], "--bench") == 0) {
                        bench = true;
                } else if (argv[i][0] == '-') {
                        fprintf(stderr,
                                "usage: %s [--mutations N] [--seconds S] [--seed X] [--bench] "
                                "[FILE-OR-DIRECTORY...]\n       %s --write-seeds DIRECTORY\n",
                                name, name);
                        return 2;
                } else {
                        add_path(argv[i]);
                }
        }
        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
                signal(signals[i], on_signal);
        if (__sanitizer_set_death_callback != NULL)
                __sanitizer_set_death_callback(keep);
        if (n_inputs == 0)
                add((const uint8_t *)"", 0);
        from = cpu_seconds();
        for (size_t i = 0; i < n_inputs; i++)
                run(inputs[i].p, inputs[i].n);
        while (seconds > 0 ? (done & 63) != 0 || cpu_seconds() - from < (double)seconds
                           : done < mutations) {
                n = make(buf);
                run(buf, n);
                done++;
        }
        from = cpu_seconds() - from;
        reached = fz_pairs_reached();
        if (bench || seconds > 0)
                printf("%s: %.0f inputs/s, %.1f steps each, work per packet at most %llu\n", name,
                       (double)(done + n_inputs) / from,
                       (double)fz_steps / (double)(done + n_inputs),
                       (unsigned long long)fz_work_max);
        if (reached.pairs > 0)
                printf("%s: %u (state, event) pairs reached, %u with the next state, %llu events\n",
                       name, reached.pairs, reached.triples, (unsigned long long)reached.hits);
        printf("%s: %zu seeds and kept findings, %llu mutations\n", name, n_inputs,
               (unsigned long long)done);
        printf("%llu passed, 0 failed\n", (unsigned long long)(done + n_inputs));
        return 0;
}
