/* SPDX-License-Identifier: MIT */
/*
 * The link between the model of a connection's life (test/spin) and the code: what the trace says of states
 * in conversations is a walk through EK_STATE_EDGES, the table from which the model is made (RELIABILITY C5,
 * I-19). Every change that is reported is one of its rows and begins in the state where the last one ended,
 * and every row is observed.
 *
 * The conversations: from every state that conv_reach() reaches, actively or passively, a few events each -
 * segments, calls, time - drawn at random.
 *
 * elko-build: timeout=240
 */
#include "conv.h"

#include "tcp/state.h"

enum { STATES = ELKO_TCP_STATE_COUNT, WALKS = 400, EVENTS = 5, NOTHING = 0 };

static struct {
        const char *cause;
        unsigned long times;
} seen[STATES][STATES];

/* Which states one segment or call led through, for figure 5, note 2. */
static enum elko_tcp_state came_from;
static unsigned steps;

/* Where each connection stands, by the peer's port. A listener is not part of it: nothing is CLOSED. */
static enum elko_tcp_state stands[CONV_FLOWS];
static char wrong[200];

static bool is_row(enum elko_tcp_state from, enum elko_tcp_state to)
{
#define ROW(f, t, event, action, who, source)                                                      \
        if (from == ELKO_TCP_##f && to == ELKO_TCP_##t)                                            \
                return true;
        EK_STATE_EDGES(ROW)
#undef ROW
        return false;
}

static bool is_nothing(enum elko_tcp_state s)
{
        return s == ELKO_TCP_CLOSED || s == ELKO_TCP_LISTEN;
}

static void on_trace(void *ctx, const struct elko_trace_event *ev)
{
        unsigned flow = (unsigned)ev->remote.port - CONV_PEER_PORT;
        enum elko_tcp_state *at;

        (void)ctx;
        if (ev->kind != ELKO_TRACE_STATE || flow >= CONV_FLOWS || wrong[0] != '\0')
                return;
        at = &stands[flow];
        if (!is_row(ev->old_state, ev->state))
                snprintf(wrong, sizeof(wrong), "%s -> %s (%s) is not a row",
                         elko_tcp_state_name(ev->old_state), elko_tcp_state_name(ev->state),
                         ev->cause);
        else if (*at != ev->old_state && !(is_nothing(*at) && is_nothing(ev->old_state)))
                snprintf(wrong, sizeof(wrong), "%s -> %s (%s), but it was in %s",
                         elko_tcp_state_name(ev->old_state), elko_tcp_state_name(ev->state),
                         ev->cause, elko_tcp_state_name(*at));
        *at = ev->state;
        seen[ev->old_state][ev->state].times++;
        if (seen[ev->old_state][ev->state].cause == NULL)
                seen[ev->old_state][ev->state].cause = ev->cause;
        if (steps++ == 0)
                came_from = ev->old_state;
        /* "a transition from FIN-WAIT-1 to TIME-WAIT if a FIN is received and the local FIN is also
         * acknowledged": step 5 goes to FIN-WAIT-2, step 8 on. */
        if (steps == 2 && came_from == ELKO_TCP_FIN_WAIT_1 && ev->state == ELKO_TCP_TIME_WAIT) {
                seen[came_from][ev->state].times++;
                seen[came_from][ev->state].cause = "two steps";
        }
}

static void begin(struct conv *c)
{
        elko_trace_set(c->st, on_trace, NULL);
        memset(stands, NOTHING, sizeof(stands));
}

static bool has_sock(const struct conv *c)
{
        return c->f->sock != ELKO_SOCK_NONE;
}

static void segment(struct conv *c, const struct elko_tcp_info *info)
{
        static const char *const kinds[] = {"R", "R.", "S", "S.", ".", "F.", "P.", "FP."};
        unsigned kind = ek_test_below(sizeof(kinds) / sizeof(kinds[0]));
        unsigned len = kind >= 6 ? 10 : 0;
        uint32_t seq = info->state == ELKO_TCP_SYN_SENT ? 0 : info->rcv_nxt - c->f->irs;
        uint32_t ack = info->snd_nxt - c->f->iss - ek_test_below(2);

        if (info->state == ELKO_TCP_SYN_SENT)
                ack = 1;
        /* Only what ends this state: a SYN can't announce the 65536 bytes that an ACK would. */
        if (info->state == ELKO_TCP_SYN_RECEIVED)
                return conv_in(c, "%s 1:1(0) ack 1", ek_test_below(2) ? "R." : ".");
        if (kind == 2 && ek_test_below(2) != 0)
                seq += 70000 * ek_test_below(3);
        if (strchr(kinds[kind], '.') == NULL)
                conv_in(c, "%s %u:%u(%u)", kinds[kind], seq, seq + len, len);
        else
                conv_in(c, "%s %u:%u(%u) ack %u", kinds[kind], seq, seq + len, len, ack);
}

/* Nothing is known of a half-open entry or of TIME-WAIT but the numbers of conv_reach(). */
static void blind_segment(struct conv *c, enum elko_tcp_state state)
{
        uint32_t seq = state == ELKO_TCP_SYN_RECEIVED ? 1 : conv_peer_nxt(state);
        uint32_t ack = conv_stack_nxt(state);

        switch (ek_test_below(6)) {
        case 0: conv_in(c, "R %u:%u(0)", seq, seq); return;
        case 1: conv_in(c, ". %u:%u(0) ack %u", seq, seq, ack); return;
        case 2: conv_in(c, "F. %u:%u(0) ack %u", seq, seq, ack); return;
        case 3:
                if (state == ELKO_TCP_TIME_WAIT)
                        return; /* rows_that_are_rare */
                if (is_nothing(state))
                        conv_forget(c);
                conv_in(c, "S %u:%u(0) win 65535 <mss M>", seq + 9, seq + 9);
                return;
        case 4: conv_in(c, "R %u:%u(0)", seq + 9, seq + 9); return;
        default: conv_in(c, "P. %u:%u(10) ack %u", seq, seq + 10, ack); return;
        }
}

static bool find(struct conv *c, struct elko_tcp_info *out)
{
        return has_sock(c) && elko_tcp_info_get(c->st, c->f->sock, out) == ELKO_OK &&
               out->state != ELKO_TCP_CLOSED && out->state != ELKO_TCP_TIME_WAIT;
}

static void one_event(struct conv *c)
{
        static const uint64_t spans[] = {ELKO_MS(300), ELKO_SEC(3), ELKO_SEC(61), ELKO_SEC(2000)};
        unsigned what = ek_test_below(10);
        struct elko_tcp_info info;

        steps = 0;
        if (what < 5) {
                if (find(c, &info))
                        segment(c, &info);
                else
                        blind_segment(c, stands[0]);
        } else if (what == 5) {
                conv_advance(c, spans[ek_test_below(4)]);
        } else if (has_sock(c)) {
                if (what == 6)
                        elko_shutdown(c->st, c->f->sock);
                else if (what == 7)
                        conv_close(c);
                else if (what == 8)
                        conv_abort(c);
                else
                        conv_try_send(c, 4);
                if (what == 6)
                        conv_pull(c);
        }
        conv_ignore(c);
        if (wrong[0] != '\0')
                conv_fail(c, "%s", wrong);
}

CONV_TEST(the_trace_walks_through_the_table)
{
        uint32_t walks = ek_test_rounds(WALKS);

        conv_start(c, NULL);
        for (uint32_t i = 0; i < walks; i++) {
                enum elko_tcp_state start = (enum elko_tcp_state)(1 + ek_test_below(STATES - 1));
                bool active = start == ELKO_TCP_SYN_SENT || ek_test_below(2) != 0;

                begin(c);
                steps = 0;
                conv_reach(c, start, active);
                conv_ignore(c);
                for (unsigned n = 0; n < EVENTS; n++)
                        one_event(c);
                conv_again(c);
        }
}

/* FIN-WAIT-1 with a listener for what comes after, TIME-WAIT reopened by an old SYN: what chance finds
 * seldom. */
CONV_TEST(rows_that_are_rare)
{
        conv_start(c, NULL);
        begin(c);
        steps = 0;
        conv_reach(c, ELKO_TCP_FIN_WAIT_1, true);
        steps = 0;
        conv_in(c, "F. 1:1(0) ack 2");
        conv_ignore(c);
        conv_again(c);
        begin(c);
        conv_reach(c, ELKO_TCP_TIME_WAIT, false);
        conv_forget(c);
        conv_in(c, "S 1000:1000(0) win 65535 <mss M,sackOK,TS val 90000 ecr 0,nop,wscale 7>");
        conv_ignore(c);
        CONV_EQ(c, stands[0], ELKO_TCP_SYN_RECEIVED);
        conv_in(c, "R 1001:1001(0)");
        conv_ignore(c);
        CONV_EQ(c, stands[0], ELKO_TCP_TIME_WAIT);
        if (wrong[0] != '\0')
                conv_fail(c, "%s", wrong);
}

/* A listener is no connection: nothing is traced when it comes and goes. */
static bool is_of_listener(enum elko_tcp_state from, enum elko_tcp_state to)
{
        return is_nothing(from) && is_nothing(to);
}

EK_TEST(every_row_is_observed)
{
        unsigned rows = 0, observed = 0, missing = 0;

#define ROW(f, t, event, action, who, source)                                                      \
        do {                                                                                       \
                bool listener = is_of_listener(ELKO_TCP_##f, ELKO_TCP_##t);                        \
                unsigned long n = seen[ELKO_TCP_##f][ELKO_TCP_##t].times;                          \
                const char *cause = seen[ELKO_TCP_##f][ELKO_TCP_##t].cause;                        \
                                                                                                   \
                rows++;                                                                            \
                observed += n > 0;                                                                 \
                missing += n == 0 && !listener;                                                    \
                printf("%8lu  %-13s -> %-13s %s\n", n, elko_tcp_state_name(ELKO_TCP_##f),          \
                       elko_tcp_state_name(ELKO_TCP_##t),                                          \
                       listener        ? "(a listener's)"                                          \
                       : cause != NULL ? cause                                                     \
                                       : "NOT OBSERVED");                                          \
        } while (0);
        EK_STATE_EDGES(ROW)
#undef ROW
        printf("rows of EK_STATE_EDGES observed in the trace: %u of %u\n", observed, rows);
        /* Fewer walks (valgrind), or none (--filter), may miss some. */
        CHECK(missing == 0 || ek_test_state.percent < 100 || ek_test_state.filter != NULL);
        for (unsigned from = 0; from < STATES; from++)
                for (unsigned to = 0; to < STATES; to++)
                        CHECK(seen[from][to].times == 0 ||
                              is_row((enum elko_tcp_state)from, (enum elko_tcp_state)to));
}

EK_TEST_MAIN();
