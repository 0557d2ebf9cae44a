/* SPDX-License-Identifier: MIT */
/* elko-build: timeout=900 */
#include "torture_scenarios.h"

#include <time.h>

/*
 * Torture: memory that is not there, and a link that does not ask. Some sixty scenarios
 * (torture_scenarios.h) are run once to count the allocations of each stack and the times that its link
 * asked for output; then once more for every allocation and every such time, in which it
 * fails: that one, every other from it on, all for 3 s, or all for ever; the link is busy for 150 ms, for
 * 3 s, or for ever.
 *
 * Demanded of every run: no trap; elko_check() content after every call; every byte received is the byte
 * that was sent there; an end of stream only after the whole stream. When all is over and memory is back,
 * nothing is held: pools empty, nothing promised, and the bytes outside of pools and table exactly what
 * they were before the first connection. A fresh connection then works.
 *
 * Where the failure passes, the users are left with what they have without it: the same bytes, the same
 * ends, the same errors (RFC 9293, 3.8: what is not acknowledged is sent again). Exceptions are data, with
 * their reasons, below. Where it does not pass, whatever ends, ends honestly.
 *
 * `make test` draws some of the runs by the seed; ELKO_LONG=1 makes them all. A failure prints the words
 * for ELKO_TORTURE with which it can be run alone.
 */

enum { SHORT_RUNS = 2, SHORT_OF = 9 };

/* Later than without the failure by at most so much: 3 s without memory or link, then the longest back-off
 * that can have built up meanwhile in lossy scenarios. */
#define LATE_AT_MOST ELKO_SEC(130)

static const char *const kinds[] = {"nothing",       "alloc-once",     "alloc-every-other",
                                    "alloc-for-3-s", "alloc-for-ever", "link-for-150-ms",
                                    "link-for-3-s",  "link-for-ever"};

struct exception {
        const char *scenario;
        enum tor_kind kind;
        uint64_t upto; /* the n-th, on either side: 1..upto; a connect takes three */
        const char *reason;
};

#define ONE_SIDED                                                                                   \
        "elko_connect() answered ENOMEM, so for 100 ms one end has no connection, and refuses the " \
        "other's SYN: RFC 9293, 3.10.7.1"

static const struct exception exceptions[] = {
        {"simultaneous open", TOR_ALLOC_ONCE, 3, ONE_SIDED},
        {"simultaneous open", TOR_ALLOC_OTHER, 3, ONE_SIDED},
        {"simultaneous open", TOR_ALLOC_WHILE, 3, ONE_SIDED},
        {"simultaneous open and close", TOR_ALLOC_ONCE, 3, ONE_SIDED},
        {"simultaneous open and close", TOR_ALLOC_OTHER, 3, ONE_SIDED},
        {"simultaneous open and close", TOR_ALLOC_WHILE, 3, ONE_SIDED},
};

/* The run without any failure. */
struct reference {
        bool known;
        unsigned conns;
        struct tor_outcome out[NET_CONNS][2];
        uint64_t allocs[2], pulls[2], ended;
};

static struct reference references[TOR_SCENARIOS];
static struct tor tor;
static struct {
        unsigned runs, of, failed, excused, enomem;
        uint64_t steps, latest;
        const char *latest_in;
        struct timespec began;
} run;

/* ---- one run ---- */

static struct tor_outcome outcome_of(const struct tor *t, unsigned c, unsigned i)
{
        const struct net_end *e = &t->n.end[c][i];

        return (struct tor_outcome){.error = e->error,
                                    .eof = e->eof,
                                    .absent = e->sock == ELKO_SOCK_NONE,
                                    .received = e->received,
                                    .rounds = t->app[c][i].round};
}

/* True of every run: the end of the stream comes after all of it. */
static void honest(struct tor *t)
{
        for (unsigned c = 0; c < t->sc.net.conns; c++)
                for (unsigned i = 0; i < 2; i++)
                        if (t->n.end[c][i].eof &&
                            t->n.end[c][i].received != t->sc.side[1 - i].bytes)
                                net_fail(&t->n, "connection %u, end %u: %llu of %u bytes, and EOF",
                                         c, i, (unsigned long long)t->n.end[c][i].received,
                                         t->sc.side[1 - i].bytes);
}

static void nothing_is_held(struct tor *t)
{
        for (unsigned i = 0; i < 2; i++) {
                elko_stack *st = tor_stack(t, i);
                const struct ek_tcp *tcp = &st->tcp;
                struct elko_memory_info m;
                uint32_t live = ek_slab_live(&tcp->tcbs) + ek_slab_live(&tcp->actives) +
                                ek_slab_live(&tcp->half_opens) + ek_slab_live(&tcp->time_waits) +
                                ek_slab_live(&tcp->records) + ek_slab_live(&tcp->settings);

                elko_memory_get(st, &m);
                if (live != 0 || m.promised != 0)
                        net_fail(&t->n,
                                 "stack %u holds %u connections, %u half-open, %u TIME-WAIT, %u "
                                 "objects in all; %llu bytes promised",
                                 i, m.connections, m.half_open, m.time_wait, live,
                                 (unsigned long long)m.promised);
                if (tor_loose(st) != t->loose[i])
                        net_fail(&t->n, "stack %u leaks %lld bytes", i,
                                 (long long)(tor_loose(st) - t->loose[i]));
        }
}

/* All is as it should be again, and everybody goes home. */
static void recover(struct tor *t)
{
        for (unsigned i = 0; i < 2; i++) {
                elko_fail_alloc(tor_stack(t, i), 0, false);
                t->hold_until[i] = 0;
        }
        t->alloc_until = 0;
        t->bad.kind = TOR_NOTHING;
        tor_settle(t, 0);
        tor_settle(t, 1);
        for (unsigned k = 0; k < 10 && t->n.bad[0] == '\0'; k++) {
                tor_lose_patience(t, true);
                tor_run(t, t->n.now + ELKO_SEC(7200));
        }
}

/* One more connection, like any other. */
static void probe(struct tor *t)
{
        static const struct tor_side plan[2] = {{.bytes = 3000, .end = TOR_SHUT_FIRST},
                                                {.bytes = 3000}};

        t->sc.net.simultaneous_open = false;
        t->sc.net.conns = 1;
        t->sc.rounds = 0;
        t->sc.cut_at = t->sc.accept_from = t->sc.close_listener_at = 0;
        memcpy(t->sc.side, plan, sizeof(plan));
        memset(t->n.end[0], 0, sizeof(t->n.end[0]));
        for (unsigned i = 0; i < 2; i++)
                t->app[0][i] = (struct tor_app){.wake = ELKO_NEVER, .connect_at = ELKO_NEVER};
        t->listener_closed = false;
        t->app[0][0].connect_at = t->n.now + ELKO_MS(500);
        tor_run(t, t->n.now + ELKO_SEC(7200));
        for (unsigned i = 0; i < 2; i++)
                if (!t->n.end[0][i].eof || !t->n.end[0][i].gone || t->n.end[0][i].error != 0)
                        net_fail(&t->n, "afterwards a connection fails at end %u: %d", i,
                                 t->n.end[0][i].error);
        honest(t);
}

/* The run, up to where nothing more happens, or where it is certain that nothing good will. */
static void play(struct tor *t, const struct tor_scenario *sc, const struct tor_misfortune *bad)
{
        bool ever = bad->kind == TOR_ALLOC_EVER || bad->kind == TOR_LINK_EVER;
        uint64_t patience = ELKO_SEC(7200);

        /* Those who wait for memory ask ten times a second: mostly not for hours. */
        if (ever && ek_test_below(16) != 0)
                patience = ELKO_SEC(20);
        else if (ever)
                patience = ELKO_SEC(1500); /* longer than R2 */
        tor_start(t, sc, bad);
        tor_run(t, patience);
        while (t->n.bad[0] == '\0' && tor_lose_patience(t, false) > 0)
                tor_run(t, t->n.now + patience);
        honest(t);
}

static const struct reference *reference(unsigned s)
{
        static const struct tor_misfortune none;
        struct reference *ref = &references[s];
        struct tor *t = &tor;

        if (ref->known)
                return ref;
        play(t, &tor_scenarios[s], &none);
        for (unsigned i = 0; i < 2; i++) {
                ref->allocs[i] = ek_region_alloc_count(tor_stack(t, i)->region) - t->allocs[i];
                ref->pulls[i] = t->pulls[i];
                for (unsigned c = 0; c < t->sc.net.conns; c++)
                        ref->out[c][i] = outcome_of(t, c, i);
        }
        ref->ended = t->n.now;
        ref->conns = t->sc.net.conns;
        nothing_is_held(t);
        if (t->n.bad[0] != '\0')
                ek_test_fail(__FILE__, __LINE__, "\"%s\", without any failure: %s",
                             tor_scenarios[s].name, t->n.bad);
        ref->known = true;
        return ref;
}

/* A listener that has no memory for the connection drops the ACK that brings the cookie back. A loss probe, which is the
 * last segment of several (RFC 8985, 7.3), comes before the first one is sent again, fits no cookie, and is
 * reset as RFC 9293, 3.10.7.2 will have it (RFC 4987, 3.6: the price of keeping nothing). */
static bool forgot_cookie(struct tor *t, unsigned c)
{
        const struct elko_counters *listener = elko_counters_get(tor_stack(t, 1));

        return strcmp(t->sc.name, "SYN cookies") == 0 &&
               listener->drops[ELKO_DROP_TCP_SYN_NOMEM] > 0 &&
               listener->drops[ELKO_DROP_TCP_COOKIE] > 0 &&
               outcome_of(t, c, 0).error == ELKO_ECONNRESET;
}

/* The same as without the failure. */
static void compare(struct tor *t, const struct reference *ref)
{
        for (unsigned c = 0; c < t->sc.net.conns; c++)
                for (unsigned i = 0; i < 2 && !forgot_cookie(t, c); i++) {
                        const struct tor_outcome *want = &ref->out[c][i];
                        struct tor_outcome got = outcome_of(t, c, i);
                        bool same = got.error == want->error && got.absent == want->absent &&
                                    got.rounds == want->rounds;

                        if (!t->sc.cut_short)
                                same = same && got.received == want->received;
                        /* Who closes at once may or may not live to see the peer's end. */
                        if (!t->sc.cut_short && t->sc.side[i].end != TOR_CLOSE)
                                same = same && got.eof == want->eof;
                        if (!same)
                                net_fail(&t->n,
                                         "connection %u, end %u: %s, %llu bytes%s%s, %u rounds; "
                                         "without the failure %s, %llu bytes%s%s, %u",
                                         c, i, elko_error_name(got.error),
                                         (unsigned long long)got.received, got.eof ? ", EOF" : "",
                                         got.absent ? ", never opened" : "", got.rounds,
                                         elko_error_name(want->error),
                                         (unsigned long long)want->received,
                                         want->eof ? ", EOF" : "",
                                         want->absent ? ", never opened" : "", want->rounds);
                }
        if (t->n.now > ref->ended + (t->sc.net.loss_ppm < 200000 ? 1 : 4) * LATE_AT_MOST)
                net_fail(&t->n, "it takes %llu s, without the failure %llu s",
                         (unsigned long long)(t->n.now / ELKO_SEC(1)),
                         (unsigned long long)(ref->ended / ELKO_SEC(1)));
}

static bool is_excused(const struct tor_scenario *sc, const struct tor_misfortune *bad)
{
        for (size_t k = 0; k < sizeof(exceptions) / sizeof(exceptions[0]); k++)
                if (exceptions[k].kind == bad->kind && bad->nth <= exceptions[k].upto &&
                    strcmp(exceptions[k].scenario, sc->name) == 0)
                        return true;
        return false;
}

static void one_run(unsigned s, const struct tor_misfortune *bad)
{
        const struct tor_scenario *sc = &tor_scenarios[s];
        const struct reference *ref = reference(s);
        struct tor *t = &tor;

        play(t, sc, bad);
        run.runs++;
        run.steps += t->steps;
        run.enomem += t->enomem;
        if (bad->kind == TOR_ALLOC_EVER || bad->kind == TOR_LINK_EVER) {
                recover(t);
        } else if (is_excused(sc, bad)) {
                run.excused++;
                recover(t);
        } else {
                compare(t, ref);
                if (t->n.now > ref->ended && t->n.now - ref->ended > run.latest) {
                        run.latest = t->n.now - ref->ended;
                        run.latest_in = sc->name;
                }
        }
        nothing_is_held(t);
        if (bad->kind == TOR_ALLOC_EVER || bad->kind == TOR_LINK_EVER) {
                probe(t);
                nothing_is_held(t);
        }
        if (t->n.bad[0] == '\0')
                return;
        if (run.failed++ < 20)
                fprintf(stderr,
                        "%s: %s\n  ELKO_TORTURE='%u %u %u %llu' %s, stack %u, the %llu-th\n",
                        sc->name, t->n.bad, s, (unsigned)bad->kind, bad->side,
                        (unsigned long long)bad->nth, kinds[bad->kind], bad->side,
                        (unsigned long long)bad->nth);
}

/* ---- all runs of one kind ---- */

static void every(enum tor_kind kind)
{
        bool all = getenv("ELKO_LONG") != NULL;
        bool memory = kind >= TOR_ALLOC_ONCE && kind <= TOR_ALLOC_EVER;
        struct timespec end;

        memset(&run, 0, sizeof(run));
        clock_gettime(CLOCK_MONOTONIC, &run.began);
        for (unsigned s = 0; s < TOR_SCENARIOS; s++)
                for (unsigned side = 0; side < 2; side++) {
                        const struct reference *ref = reference(s);
                        uint64_t n = memory ? ref->allocs[side] : ref->pulls[side];

                        for (uint64_t nth = 1; nth <= n; nth++) {
                                struct tor_misfortune bad = {kind, side, nth};

                                run.of++;
                                if (all || ek_test_below(SHORT_OF * 100) <
                                                   SHORT_RUNS * ek_test_state.percent)
                                        one_run(s, &bad);
                        }
                }
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("    %s: %u runs of %u, %u failed, %u excused; %llu steps, %u calls that said ENOMEM; "
               "latest by %.1f s (%s); %.1f s\n",
               kinds[kind], run.runs, run.of, run.failed, run.excused,
               (unsigned long long)run.steps, run.enomem, (double)run.latest / 1e9,
               run.latest_in != NULL ? run.latest_in : "none",
               (double)(end.tv_sec - run.began.tv_sec) +
                       (double)(end.tv_nsec - run.began.tv_nsec) / 1e9);
        CHECK_EQ(run.failed, 0);
}

EK_TEST(without_any_failure)
{
        uint64_t allocs = 0, pulls = 0;

        for (unsigned s = 0; s < TOR_SCENARIOS; s++) {
                const struct reference *ref = reference(s);

                allocs += ref->allocs[0] + ref->allocs[1];
                pulls += ref->pulls[0] + ref->pulls[1];
                /* The table means what it says: whoever is not cut short, is served. */
                for (unsigned c = 0; c < ref->conns; c++)
                        for (unsigned i = 0; i < 2 && !tor_scenarios[s].cut_short; i++) {
                                CHECK_EQ(ref->out[c][i].error, 0);
                                CHECK_EQ(ref->out[c][i].eof ||
                                                 tor_scenarios[s].side[i].end == TOR_CLOSE,
                                         true);
                        }
                if (getenv("ELKO_TORTURE_LIST") != NULL)
                        printf("    %2u %-48s allocations %3u %3u, pulls %3u %3u, %6.2f s\n", s,
                               tor_scenarios[s].name, (unsigned)ref->allocs[0],
                               (unsigned)ref->allocs[1], (unsigned)ref->pulls[0],
                               (unsigned)ref->pulls[1], (double)ref->ended / 1e9);
        }
        printf("    %u scenarios, %llu allocations, %llu pulls\n", (unsigned)TOR_SCENARIOS,
               (unsigned long long)allocs, (unsigned long long)pulls);
        CHECK(allocs > 500 && pulls > 1000);
}

/* One run, by ELKO_TORTURE='SCENARIO KIND SIDE NTH'. */
EK_TEST(the_one_asked_for)
{
        const char *words = getenv("ELKO_TORTURE");
        unsigned s, kind, side;
        unsigned long long nth;
        struct tor_misfortune bad;

        if (words == NULL)
                return;
        if (sscanf(words, "%u %u %u %llu", &s, &kind, &side, &nth) != 4 || s >= TOR_SCENARIOS ||
            kind == TOR_NOTHING || kind >= TOR_KINDS || side > 1)
                ek_test_fail(__FILE__, __LINE__,
                             "ELKO_TORTURE: 'SCENARIO KIND SIDE NTH', four numbers");
        bad = (struct tor_misfortune){(enum tor_kind)kind, side, nth};
        run.failed = 0;
        one_run(s, &bad);
        CHECK_EQ(run.failed, 0);
}

EK_TEST(c8_one_allocation_fails)
{
        every(TOR_ALLOC_ONCE);
}

EK_TEST(c8_every_other_allocation_fails)
{
        every(TOR_ALLOC_OTHER);
}

EK_TEST(c8_no_memory_for_three_seconds)
{
        every(TOR_ALLOC_WHILE);
}

EK_TEST(c8_no_memory_for_ever)
{
        every(TOR_ALLOC_EVER);
}

EK_TEST(a9_11_the_link_is_busy_for_a_moment)
{
        every(TOR_LINK_BRIEF);
}

EK_TEST(a9_11_the_link_is_busy_for_three_seconds)
{
        every(TOR_LINK_WHILE);
}

EK_TEST(a9_11_the_link_never_asks_again)
{
        every(TOR_LINK_EVER);
}

EK_TEST_MAIN();
