/*
 * ek_test.h - the test framework: one header, no library.
 *
 * A test program is one or more files with EK_TEST(name) { ... } functions, and EK_TEST_MAIN() in
 * exactly one of them. A failing check prints its place and ends that test; the others still run.
 * The last line of output is `N passed, N failed`; the exit code is 1 if any failed.
 *
 *      program [--filter SUBSTR] [--seed N] [--list]
 *
 * Random tests draw from ek_test_rand(), which starts every test from the seed (--seed, or the
 * environment variable EK_TEST_SEED, or 1) and the test's name; so a test draws the same numbers
 * whether it runs alone or not. A failure prints the seed. EK_TEST_PERCENT scales the rounds of
 * random tests, for slow instruments (valgrind) and for long runs.
 */
#ifndef EK_TEST_H
#define EK_TEST_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct ek_test_case {
        const char *name;
        void (*run)(void);
        struct ek_test_case *next;
};

struct ek_test_state {
        struct ek_test_case *first, *last;
        const struct ek_test_case *current;
        const char *filter;
        uint64_t seed;
        uint64_t rand;
        unsigned percent;
        unsigned passed, failed;
        jmp_buf fail;
};

extern struct ek_test_state ek_test_state;

/* ------------------------------------------------------------- writing tests */

/* Defines a test. It registers itself before main() and runs in the order of definition. */
#define EK_TEST(name)                                                                              \
        static void ek_test_fn_##name(void);                                                       \
        __attribute__((constructor)) static void ek_test_register_##name(void)                     \
        {                                                                                          \
                static struct ek_test_case c = {#name, ek_test_fn_##name, NULL};                   \
                ek_test_register(&c);                                                              \
        }                                                                                          \
        static void ek_test_fn_##name(void)

/* Ends the test as failed unless the condition holds. */
#define CHECK(cond)                                                                                \
        do {                                                                                       \
                if (!(cond))                                                                       \
                        ek_test_fail(__FILE__, __LINE__, "CHECK(%s)", #cond);                      \
        } while (0)

/* For integers of any type; both are evaluated once, and compared as 64-bit values. */
#define CHECK_EQ(a, b) ek_test_check_eq(__FILE__, __LINE__, #a, #b, (uint64_t)(a), (uint64_t)(b))

/* Compares n bytes; a failure names the first that differs. */
#define CHECK_MEM_EQ(a, b, n) ek_test_check_mem(__FILE__, __LINE__, #a, #b, (a), (b), (n))

#define CHECK_STR_EQ(a, b)                                                                         \
        do {                                                                                       \
                const char *ek_a_ = (a), *ek_b_ = (b);                                             \
                if (strcmp(ek_a_, ek_b_) != 0)                                                     \
                        ek_test_fail(__FILE__, __LINE__, "%s is \"%s\", %s is \"%s\"", #a, ek_a_,  \
                                     #b, ek_b_);                                                   \
        } while (0)

/* The statement must trap (EK_ASSERT). It runs in a child process and leaves no traces here. */
#define CHECK_TRAPS(statement)                                                                     \
        do {                                                                                       \
                pid_t ek_pid_ = ek_test_fork();                                                    \
                if (ek_pid_ == 0) {                                                                \
                        statement;                                                                 \
                        _exit(0);                                                                  \
                }                                                                                  \
                if (!ek_test_trapped(ek_pid_))                                                     \
                        ek_test_fail(__FILE__, __LINE__, "did not trap: %s", #statement);          \
        } while (0)

#ifdef EK_WORK_COUNT
#define EK_TEST_WORK_COUNTER uint64_t ek_work_counter;
extern uint64_t ek_work_counter;
#else
#define EK_TEST_WORK_COUNTER
#endif

/* Stands once in every test program. */
#define EK_TEST_MAIN()                                                                             \
        EK_TEST_WORK_COUNTER                                                                       \
        struct ek_test_state ek_test_state = {.percent = 100, .seed = 1};                          \
        int main(int argc, char **argv)                                                            \
        {                                                                                          \
                return ek_test_main(argc, argv);                                                   \
        }                                                                                          \
        _Static_assert(1, "")

/* ---------------------------------------------------------------- randomness */

/* Uniform over 64 bits (splitmix64). */
static inline uint64_t ek_test_rand(void)
{
        uint64_t z = ek_test_state.rand += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* 0..n-1, n > 0; the bias is of no account in a test. */
static inline uint32_t ek_test_below(uint32_t n)
{
        return (uint32_t)((ek_test_rand() >> 32) * n >> 32);
}

/* A number of random magnitude: below 2^k, for k uniform over 0..bits. */
static inline uint64_t ek_test_magnitude(uint32_t bits)
{
        uint32_t k = ek_test_below(bits + 1);

        return k == 0 ? 0 : ek_test_rand() >> (64 - k);
}

/* How many rounds a random test should run where `n` is the normal number. */
static inline uint32_t ek_test_rounds(uint32_t n)
{
        uint64_t rounds = (uint64_t)n * ek_test_state.percent / 100;

        return rounds == 0 ? 1 : (uint32_t)rounds;
}

/* --------------------------------------------------------------- the machine */

static inline void ek_test_register(struct ek_test_case *c)
{
        if (ek_test_state.last != NULL)
                ek_test_state.last->next = c;
        else
                ek_test_state.first = c;
        ek_test_state.last = c;
}

#define ek_test_fail(file, line, ...)                                                              \
        do {                                                                                       \
                printf("FAILED %s\n    %s:%d: ", ek_test_state.current->name, file, line);         \
                printf(__VA_ARGS__);                                                               \
                printf("\n    seed %llu\n", (unsigned long long)ek_test_state.seed);               \
                fflush(stdout);                                                                    \
                longjmp(ek_test_state.fail, 1);                                                    \
        } while (0)

static inline void ek_test_check_eq(const char *file, int line, const char *a_text,
                                    const char *b_text, uint64_t a, uint64_t b)
{
        if (a != b)
                ek_test_fail(file, line, "%s is %llu (0x%llx), %s is %llu (0x%llx)", a_text,
                             (unsigned long long)a, (unsigned long long)a, b_text,
                             (unsigned long long)b, (unsigned long long)b);
}

static inline void ek_test_check_mem(const char *file, int line, const char *a_text,
                                     const char *b_text, const void *a, const void *b, size_t n)
{
        const uint8_t *x = a, *y = b;
        size_t i;

        for (i = 0; i < n; i++)
                if (x[i] != y[i])
                        ek_test_fail(file, line, "%s[%zu] is 0x%02x, %s[%zu] is 0x%02x", a_text, i,
                                     x[i], b_text, i, y[i]);
}

static inline pid_t ek_test_fork(void)
{
        pid_t pid;

        fflush(stdout);
        pid = fork();
        if (pid == 0) {
                struct rlimit no_core = {0, 0};

                setrlimit(RLIMIT_CORE, &no_core);
        }
        return pid;
}

/* Whether the child died of a trap, by whatever signal the CPU reports one. */
static inline bool ek_test_trapped(pid_t pid)
{
        int status = 0;

        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
                return false;
        return WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP;
}

static inline void ek_test_run_one(const struct ek_test_case *c)
{
        const char *p;

        ek_test_state.current = c;
        ek_test_state.rand = ek_test_state.seed;
        for (p = c->name; *p != '\0'; p++)
                ek_test_state.rand = (ek_test_state.rand ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
        if (setjmp(ek_test_state.fail) == 0) {
                c->run();
                ek_test_state.passed++;
        } else {
                ek_test_state.failed++;
        }
}

static inline int ek_test_usage(const char *program)
{
        fprintf(stderr, "usage: %s [--filter SUBSTR] [--seed N] [--list]\n", program);
        return 2;
}

static inline int ek_test_main(int argc, char **argv)
{
        const char *seed = getenv("EK_TEST_SEED");
        const char *percent = getenv("EK_TEST_PERCENT");
        const struct ek_test_case *c;
        bool list = false;
        int i;

        for (i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--list") == 0)
                        list = true;
                else if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc)
                        ek_test_state.filter = argv[++i];
                else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
                        seed = argv[++i];
                else
                        return ek_test_usage(argv[0]);
        }
        if (seed != NULL)
                ek_test_state.seed = strtoull(seed, NULL, 0);
        if (percent != NULL)
                ek_test_state.percent = (unsigned)strtoul(percent, NULL, 10);
        for (c = ek_test_state.first; c != NULL; c = c->next) {
                if (ek_test_state.filter != NULL && strstr(c->name, ek_test_state.filter) == NULL)
                        continue;
                if (list)
                        printf("%s\n", c->name);
                else
                        ek_test_run_one(c);
        }
        if (!list)
                printf("%u passed, %u failed\n", ek_test_state.passed, ek_test_state.failed);
        return ek_test_state.failed > 0;
}

#endif
