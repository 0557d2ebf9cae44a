/* SPDX-License-Identifier: MIT */
#include "net.h"

#include <time.h>

/*
 * E4: all interleavings of simultaneous open and simultaneous close (RFC 9293, 3.5, figures 7 and 13).
 *
 * Each end has a script of user calls. At every step one of these may happen next: the next call of one
 * end, the arrival of the oldest packet of one direction, or (once in a run, where the test says so) its
 * loss. A depth-first search takes every choice, from copies of both stacks. Where nothing is left to
 * choose time runs, and the applications go on as usual: both must come to the end of the stream with
 * all bytes, or, where a script aborts, to an honest error; both tables must be empty; every change of
 * state must be one of figure 5; and every state of the figures must have been seen.
 *
 * The larger scripts have too many for every build: `make test` takes a sample, drawn by the seed, and
 * ELKO_LONG=1 all.
 */

enum { DEPTH = 64, WIRE = 16, BYTES = 10, REGION = 96 << 10 };

enum call { CONNECT, SEND, SHUTDOWN, ABORT };

struct script {
        const char *name;
        bool open; /* begin in ESTABLISHED */
        unsigned losses;
        unsigned calls[2];
        enum call call[2][4];
};

struct wire {
        uint16_t len[WIRE];
        uint8_t data[WIRE][200];
        unsigned head, count;
};

/* All that the search goes back to. */
struct moment {
        uint8_t region[2][REGION];
        struct net n;
        struct wire wire[2]; /* towards stack 0 and 1 */
        unsigned done[2], losses;
};

static struct moment stack[DEPTH];
static struct net n;
static struct wire wire[2];
static unsigned done[2], losses;
static char path[DEPTH + 1];

/* Of a hundred choices beyond the first at a place, so many are taken. */
static unsigned keep;

static struct {
        unsigned runs, failed, steps, deepest, aborted;
        uint64_t seen; /* bit: a state that one of the stacks was in */
        struct timespec began;
} run;

static void take(void *ctx, unsigned to, const uint8_t *p, uint32_t len)
{
        struct wire *w = &wire[to];
        unsigned at = (w->head + w->count) % WIRE;

        (void)ctx;
        if (w->count == WIRE || len > sizeof(w->data[0])) {
                net_fail(&n, "the wire is full");
                return;
        }
        w->len[at] = (uint16_t)len;
        memcpy(w->data[at], p, len);
        w->count++;
}

static void save(unsigned depth)
{
        struct moment *m = &stack[depth];

        memcpy(m->region[0], net_region[0], REGION);
        memcpy(m->region[1], net_region[1], REGION);
        m->n = n;
        memcpy(m->wire, wire, sizeof(wire));
        memcpy(m->done, done, sizeof(done));
        m->losses = losses;
}

static void restore(unsigned depth)
{
        const struct moment *m = &stack[depth];

        memcpy(net_region[0], m->region[0], REGION);
        memcpy(net_region[1], m->region[1], REGION);
        n = m->n;
        memcpy(wire, m->wire, sizeof(wire));
        memcpy(done, m->done, sizeof(done));
        losses = m->losses;
}

static void look(unsigned i)
{
        struct elko_tcp_info info;
        uint64_t cursor = 0;

        while (elko_each(n.node[i].st, &cursor, NULL, &info))
                run.seen |= UINT64_C(1) << info.state;
}

/* Events and output of one stack, without its application. */
static void settle(unsigned i)
{
        struct elko_event ev;

        while (elko_next_event(n.node[i].st, &ev))
                net_event(&n, i, &ev);
        net_pull(&n, i);
        net_check(&n, i);
        look(i);
}

static void call(const struct script *s, unsigned i)
{
        struct net_end *e = &n.end[0][i];
        uint8_t buf[BYTES];
        int64_t k;

        switch (s->call[i][done[i]++]) {
        case CONNECT: net_connect(&n, 0, i); break;
        case SEND:
                for (unsigned j = 0; j < BYTES; j++)
                        buf[j] = net_byte(0, i, e->sent + j);
                k = elko_send(n.node[i].st, e->sock, buf, BYTES, 0);
                e->sent += k > 0 ? (uint64_t)k : 0;
                n.wrote[i] += k > 0 ? (uint64_t)k : 0;
                break;
        case SHUTDOWN: e->shut = elko_shutdown(n.node[i].st, e->sock) == 0; break;
        case ABORT: net_give_up(&n, 0, i, true); break;
        }
        settle(i);
}

static void arrive(unsigned to)
{
        struct wire *w = &wire[to];
        struct elko_packet in = {.data = w->data[w->head], .len = w->len[w->head]};

        w->head = (w->head + 1) % WIRE;
        w->count--;
        elko_input(n.node[to].st, n.node[to].link, &in, 1, net_clock(&n, to));
        settle(to);
}

/* The choices: 0, 1: a call of that end; 2, 3: a packet arrives there; 4, 5: it is lost. */
static bool possible(const struct script *s, unsigned choice)
{
        /* A SYN for an end that has not called OPEN yet would be refused, rightly. */
        if (!s->open && choice >= 2 && (done[0] == 0 || done[1] == 0))
                return false;
        switch (choice) {
        case 0:
        case 1: return done[choice] < s->calls[choice];
        case 2:
        case 3: return wire[choice - 2].count > 0;
        default: return wire[choice - 4].count > 0 && losses < s->losses;
        }
}

static void take_choice(const struct script *s, unsigned choice)
{
        static const char letters[] = "abABxy";
        size_t at = strlen(path);

        path[at] = letters[choice];
        path[at + 1] = '\0';
        run.steps++;
        if (choice < 2) {
                call(s, choice);
        } else if (choice < 4) {
                arrive(choice - 2);
        } else {
                wire[choice - 4].head = (wire[choice - 4].head + 1) % WIRE;
                wire[choice - 4].count--;
                losses++;
        }
}

static bool has_call(const struct script *s, unsigned i, enum call what)
{
        for (unsigned k = 0; k < s->calls[i]; k++)
                if (s->call[i][k] == what)
                        return true;
        return false;
}

static bool aborts(const struct script *s)
{
        return has_call(s, 0, ABORT) || has_call(s, 1, ABORT);
}

/* What an end sends: in its script, or when the script is over, unless that closes first. */
static uint32_t bytes_of(const struct script *s, unsigned i)
{
        return has_call(s, i, SEND) || !has_call(s, i, SHUTDOWN) ? BYTES : 0;
}

/* Nothing left to choose: time runs. */
static void to_the_end(const struct script *s)
{
        n.take = NULL;
        n.connected[0] = true;
        for (unsigned i = 0; i < 2; i++)
                net_settle(&n, i);
        net_run(&n, ELKO_SEC(3600));
        run.aborted += net_lose_patience(&n, ELKO_SEC(7200));
        net_finish(&n);
        for (unsigned i = 0; i < 2 && !aborts(s); i++) {
                if (n.end[0][i].error != 0)
                        net_fail(&n, "end %u: %s", i, elko_error_name(n.end[0][i].error));
                if (n.end[0][i].received != bytes_of(s, 1 - i))
                        net_fail(&n, "end %u did not receive everything", i);
        }
        if (!aborts(s))
                net_require_clean(&n);
        run.runs++;
        if (n.bad[0] != '\0' && ++run.failed <= 10)
                printf("  %s, %s: %s\n", s->name, path, n.bad);
}

static void search(const struct script *s, unsigned depth)
{
        unsigned turn = keep < 100 ? ek_test_below(6) : 0;
        bool any = false;
        size_t at = strlen(path);

        if (depth > run.deepest)
                run.deepest = depth;
        if (depth == DEPTH - 1) {
                net_fail(&n, "it goes on for ever");
                to_the_end(s);
                return;
        }
        save(depth);
        for (unsigned k = 0; k < 6 && n.bad[0] == '\0'; k++) {
                unsigned choice = (k + turn) % 6;

                if (!possible(s, choice) || (any && keep < 100 && ek_test_below(100) >= keep))
                        continue;
                any = true;
                take_choice(s, choice);
                search(s, depth + 1);
                restore(depth);
                path[at] = '\0';
        }
        if (!any)
                to_the_end(s);
}

static void try_script(const struct script *s, unsigned percent)
{
        static struct net_scenario sc;
        struct timespec t;
        double secs;

        sc = (struct net_scenario){.seed = 3,
                                   .mtu = 600,
                                   .region = REGION,
                                   .buf = 2048,
                                   .conns = 1,
                                   .delay_ns = ELKO_MS(5),
                                   .simultaneous_open = true};
        sc.conn[0] =
                (struct net_conn_plan){.bytes = {bytes_of(s, 0), bytes_of(s, 1)},
                                       .close = aborts(s) ? NET_CLIENT_ABORT : NET_BOTH_AT_ONCE};
        memset(&run, 0, sizeof(run));
        keep = getenv("ELKO_LONG") != NULL ? 100 : percent;
        clock_gettime(CLOCK_MONOTONIC, &run.began);
        memset(wire, 0, sizeof(wire));
        memset(done, 0, sizeof(done));
        losses = 0;
        path[0] = '\0';
        net_start(&n, &sc, NULL);
        n.take = take;
        if (s->open) {
                net_connect(&n, 0, 0);
                net_connect(&n, 0, 1);
                settle(0);
                settle(1);
                while (wire[0].count + wire[1].count > 0)
                        arrive(wire[0].count == 0);
                CHECK(n.end[0][0].open && n.end[0][1].open);
        }
        search(s, 0);
        clock_gettime(CLOCK_MONOTONIC, &t);
        secs = (double)(t.tv_sec - run.began.tv_sec) +
               (double)(t.tv_nsec - run.began.tv_nsec) / 1e9;
        printf("E4, %s: %u of %u interleavings%s passed, %u steps, deepest %u, %.2f s\n", s->name,
               run.runs - run.failed, run.runs, keep < 100 ? " (a sample)" : "", run.steps,
               run.deepest, secs);
        CHECK_EQ(run.failed, 0);
        CHECK(run.runs > 1);
}

static bool seen(enum elko_tcp_state s)
{
        return run.seen >> s & 1;
}

/* [RFC9293 MUST-10] */
EK_TEST(simultaneous_open)
{
        static const struct script s = {
                "simultaneous open, a loss anywhere", false, 1, {1, 1}, {{CONNECT}, {CONNECT}}};

        try_script(&s, 100);
        CHECK(seen(ELKO_TCP_SYN_SENT) && seen(ELKO_TCP_SYN_RECEIVED));
}

EK_TEST(simultaneous_close)
{
        static const struct script s = {
                "simultaneous close, a loss anywhere", true, 1, {1, 1}, {{SHUTDOWN}, {SHUTDOWN}}};

        try_script(&s, 100);
        CHECK(seen(ELKO_TCP_CLOSING) && seen(ELKO_TCP_FIN_WAIT_2) && seen(ELKO_TCP_LAST_ACK));
}

EK_TEST(close_with_data)
{
        static const struct script s = {"simultaneous close with data, a loss anywhere",
                                        true,
                                        1,
                                        {2, 2},
                                        {{SEND, SHUTDOWN}, {SEND, SHUTDOWN}}};

        try_script(&s, 60);
        CHECK(seen(ELKO_TCP_CLOSING));
}

EK_TEST(open_and_close)
{
        static const struct script s = {"simultaneous open and close",
                                        false,
                                        0,
                                        {2, 2},
                                        {{CONNECT, SHUTDOWN}, {CONNECT, SHUTDOWN}}};

        try_script(&s, 100);
}

EK_TEST(open_data_close)
{
        static const struct script s = {"simultaneous open, data and close",
                                        false,
                                        0,
                                        {3, 3},
                                        {{CONNECT, SEND, SHUTDOWN}, {CONNECT, SEND, SHUTDOWN}}};

        try_script(&s, 45);
}

EK_TEST(open_and_abort)
{
        static const struct script s = {"simultaneous open, one aborts, a loss anywhere",
                                        false,
                                        1,
                                        {2, 1},
                                        {{CONNECT, ABORT}, {CONNECT}}};

        try_script(&s, 100);
}

EK_TEST(close_and_abort)
{
        static const struct script s = {"simultaneous close, one aborts, a loss anywhere",
                                        true,
                                        1,
                                        {3, 2},
                                        {{SEND, SHUTDOWN, ABORT}, {SEND, SHUTDOWN}}};

        try_script(&s, 45);
}

EK_TEST_MAIN();
