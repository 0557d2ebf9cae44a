/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * What happens to any segment in any state: 12 states (SYN-RECEIVED is two) x 10 kinds of segment x
 * 5 places of SEQ x 5 places of ACK, 3000 cells in each of four runs.
 *
 * The expectation is a second reading of RFC 9293, 3.10.7, written here as straight-line code that
 * knows nothing of elko's structure; every answer that it gives names the paragraph that it comes
 * from (enum rule). Where elko deviates on purpose, the rule says so.
 */

/* ---- what is sent ---- */

enum kind { SYN, SYN_ACK, FIN, FIN_ACK, ACK, RST, RST_ACK, DATA, NUL, XMAS, KINDS, ANY = KINDS };

enum { DATA_LEN = 10, SENT = 20 /* bytes in flight */ };

static struct {
        const char *flags;
        uint16_t bits;
        uint32_t payload;
} kinds[KINDS + 1] = {
        /* the last is every_combination()'s */
        [SYN] = {"S", ELKO_SYN, 0},
        [SYN_ACK] = {"S.", ELKO_SYN | ELKO_ACK, 0},
        [FIN] = {"F", ELKO_FIN, 0},
        [FIN_ACK] = {"F.", ELKO_FIN | ELKO_ACK, 0},
        [ACK] = {".", ELKO_ACK, 0},
        [RST] = {"R", ELKO_RST, 0},
        [RST_ACK] = {"R.", ELKO_RST | ELKO_ACK, 0},
        [DATA] = {"P.", ELKO_PSH | ELKO_ACK, DATA_LEN},
        [NUL] = {"-", 0, 0},
        [XMAS] = {"FPU", ELKO_FIN | ELKO_PSH | ELKO_URG, 0},
};

enum place { LEFT_OUTSIDE, LEFT_EDGE, INSIDE, RIGHT_EDGE, RIGHT_OUTSIDE, PLACES };
enum ack_place { BELOW, UNA, BETWEEN, NXT, ABOVE, ACK_PLACES };

static const char *const place_names[] = {"left outside", "left edge", "inside", "right edge",
                                          "right outside"};
static const char *const ack_names[] = {"below range", "UNA", "between", "NXT", "above"};

struct cell {
        enum elko_tcp_state state;
        bool active;
        enum kind kind;
        enum place place;
        enum ack_place ack_place;
        /* relative numbers */
        uint32_t rcv_nxt, edge, una, nxt;
        uint32_t seq, ack, len; /* of the segment; len counts SYN and FIN */
};

/* ---- what must happen ---- */

enum reply { NOTHING, AN_ACK, RST_SEG_ACK, RST_ZERO, SYN_AND_ACK, RST_AND_SYN };

/* X(name, text) */
#define RULES(X)                                                                                   \
        X(CLOSED_RST, "3.10.7.1: a RST is discarded")                                              \
        X(CLOSED_ACK, "3.10.7.1: <SEQ=SEG.ACK><CTL=RST>")                                          \
        X(CLOSED_NO_ACK, "3.10.7.1: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>")                    \
        X(LISTEN_RST, "3.10.7.2 first: a RST is ignored")                                          \
        X(LISTEN_ACK, "3.10.7.2 second: <SEQ=SEG.ACK><CTL=RST>")                                   \
        X(LISTEN_SYN, "3.10.7.2 third: <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>")                       \
        X(LISTEN_OTHER, "3.10.7.2 fourth: drop; deviation: SYN with FIN, too")                     \
        X(SENT_BAD_ACK, "3.10.7.3 first: <SEQ=SEG.ACK><CTL=RST>; elko repeats its SYN")            \
        X(SENT_BAD_ACK_RST, "3.10.7.3 first: unless the RST bit is set")                           \
        X(SENT_RST, "3.10.7.3 second: the ACK was acceptable: connection reset")                   \
        X(SENT_RST_NO_ACK, "3.10.7.3 second: otherwise drop")                                      \
        X(SENT_SYN_ACK, "3.10.7.3 fourth: ESTABLISHED")                                            \
        X(SENT_SYN, "3.10.7.3 fourth: otherwise SYN-RECEIVED")                                     \
        X(SENT_OTHER, "3.10.7.3 fifth: drop")                                                      \
        X(HALF_RST, "3.10.7.4 second: passive: back to LISTEN")                                    \
        X(HALF_RST_OUT, "3.10.7.4 second, 1): silently drop")                                      \
        X(HALF_RST_IN, "3.10.7.4 second, 3): challenge ACK")                                       \
        X(HALF_SYN_AGAIN, "3.10.7.4: the same SYN: SYN,ACK again")                                 \
        X(HALF_OTHER_SYN, "3.10.7.4 fourth: passive: back to LISTEN, which answers it")            \
        X(HALF_SYN_FIN, "3.10.7.2 third; deviation: SYN with FIN is dropped")                      \
        X(HALF_NO_ACK, "3.10.7.4 fifth: the ACK bit is off: drop")                                 \
        X(HALF_BAD_ACK,                                                                            \
          "3.10.7.4 fifth: <SEQ=SEG.ACK><CTL=RST>; elko checks it before the window")              \
        X(HALF_WINDOW, "3.10.7.4 first: not acceptable: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>")      \
        X(WINDOW, "3.10.7.4 first: not acceptable: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>")           \
        X(WINDOW_RST, "3.10.7.4 first: unless the RST bit is set")                                 \
        X(RST_EXACT, "3.10.7.4 second, 2): reset the connection")                                  \
        X(RST_IN, "3.10.7.4 second, 3): challenge ACK")                                            \
        X(SYN_IN, "3.10.7.4 fourth: challenge ACK")                                                \
        X(NO_ACK, "3.10.7.4 fifth: the ACK bit is off: drop")                                      \
        X(RECEIVED_BAD_ACK, "3.10.7.4 fifth, SYN-RECEIVED: <SEQ=SEG.ACK><CTL=RST>")                \
        X(ACK_RANGE, "3.10.7.4 fifth: out of range: discard, an ACK back (RFC 5961, 5.2)")         \
        X(ACK_ONLY, "3.10.7.4 fifth: states by the ACK")                                           \
        X(CLOSING_ACKED, "3.10.7.4 fifth, CLOSING: TIME-WAIT")                                     \
        X(LAST_ACK_ACKED, "3.10.7.4 fifth, LAST-ACK: CLOSED")                                      \
        X(TEXT, "3.10.7.4 seventh: in order: acknowledged")                                        \
        X(TEXT_EARLY, "3.10.7.4 seventh: MAY-13, RFC 5681 4.2: out of order: ACK at once")         \
        X(TEXT_IGNORED, "3.10.7.4 seventh: a FIN has been received: ignore the text")              \
        X(FIN_IN_ORDER, "3.10.7.4 eighth: advance RCV.NXT over the FIN, acknowledge")              \
        X(FIN_EARLY, "3.10.7.4: held for later (SHLD-31): ACK at once")                            \
        X(FIN_AGAIN, "3.10.7.4 eighth: remain; elko takes only one FIN (I-17)")                    \
        X(WAIT_RST, "RFC 1337, F1 instead of 3.10.7.4 second: ignored")                            \
        X(WAIT_SYN_NEW, "3.10.7.4 fourth, 3.6.1, RFC 6191: a new incarnation")                     \
        X(WAIT_SYN_OLD, "3.10.7.4 fourth: challenge ACK")                                          \
        X(WAIT_NO_ACK, "3.10.7.4 fifth: the ACK bit is off: drop")                                 \
        X(WAIT_FIN, "3.10.7.4 first, fifth, TIME-WAIT: acknowledge")                               \
        X(WAIT_ACK_BEYOND, "3.10.7.4 fifth: acks something not yet sent: an ACK back")             \
        X(WAIT_ACK, "3.10.7.4 fifth: nothing new: no answer")

enum rule {
#define X(name, text) R_##name,
        RULES(X)
#undef X
                R_COUNT
};

static const char *const rule_texts[] = {
#define X(name, text) text,
        RULES(X)
#undef X
};

struct result {
        enum rule rule;
        enum reply reply;
        enum elko_tcp_state after;
        enum elko_drop drop; /* ELKO_DROP_COUNT: not looked at */
        uint32_t ack_of;     /* AN_ACK: the acknowledgement number */
};

static bool has(const struct cell *x, uint16_t flag)
{
        return (kinds[x->kind].bits & flag) != 0;
}

static struct result result(enum rule rule, enum reply reply, enum elko_tcp_state after,
                            enum elko_drop drop)
{
        return (struct result){.rule = rule, .reply = reply, .after = after, .drop = drop};
}

static struct result ack_reply(const struct cell *x, enum rule rule, enum elko_tcp_state after,
                               enum elko_drop drop)
{
        struct result r = result(rule, AN_ACK, after, drop);

        r.ack_of = x->rcv_nxt;
        return r;
}

/* The four cases of table 6, with a window above zero. */
static bool acceptable(const struct cell *x)
{
        uint32_t wnd = x->edge - x->rcv_nxt;
        uint32_t first = x->seq - x->rcv_nxt, last = first + x->len - 1;

        return first < wnd || (x->len > 0 && last < wnd);
}

static struct result in_closed(const struct cell *x)
{
        if (has(x, ELKO_RST))
                return result(R_CLOSED_RST, NOTHING, ELKO_TCP_CLOSED, ELKO_DROP_TCP_NO_CONN_RST);
        if (has(x, ELKO_ACK))
                return result(R_CLOSED_ACK, RST_SEG_ACK, ELKO_TCP_CLOSED, ELKO_DROP_TCP_NO_CONN);
        return result(R_CLOSED_NO_ACK, RST_ZERO, ELKO_TCP_CLOSED, ELKO_DROP_TCP_NO_CONN);
}

static struct result in_listen(const struct cell *x)
{
        if (has(x, ELKO_RST))
                return result(R_LISTEN_RST, NOTHING, ELKO_TCP_LISTEN, ELKO_DROP_TCP_LISTEN_FLAGS);
        if (has(x, ELKO_ACK))
                return result(R_LISTEN_ACK, RST_SEG_ACK, ELKO_TCP_LISTEN,
                              ELKO_DROP_TCP_LISTEN_FLAGS);
        if (has(x, ELKO_SYN) && !has(x, ELKO_FIN))
                return result(R_LISTEN_SYN, SYN_AND_ACK, ELKO_TCP_SYN_RECEIVED, ELKO_DROP_NONE);
        return result(R_LISTEN_OTHER, NOTHING, ELKO_TCP_LISTEN, ELKO_DROP_TCP_LISTEN_FLAGS);
}

static struct result in_syn_sent(const struct cell *x)
{
        bool good = x->ack == x->nxt;

        if (has(x, ELKO_ACK) && !good) {
                if (has(x, ELKO_RST))
                        return result(R_SENT_BAD_ACK_RST, NOTHING, x->state,
                                      ELKO_DROP_TCP_SYN_SENT);
                return result(R_SENT_BAD_ACK, RST_AND_SYN, x->state, ELKO_DROP_TCP_SYN_SENT);
        }
        if (has(x, ELKO_RST)) {
                if (has(x, ELKO_ACK))
                        return result(R_SENT_RST, NOTHING, ELKO_TCP_CLOSED,
                                      ELKO_DROP_TCP_RST_TAKEN);
                return result(R_SENT_RST_NO_ACK, NOTHING, x->state, ELKO_DROP_TCP_SYN_SENT);
        }
        if (has(x, ELKO_SYN) && has(x, ELKO_ACK)) {
                struct result r =
                        ack_reply(x, R_SENT_SYN_ACK, ELKO_TCP_ESTABLISHED, ELKO_DROP_NONE);

                r.ack_of = x->seq + 1 + (has(x, ELKO_FIN) ? 1 : 0);
                r.after = has(x, ELKO_FIN) ? ELKO_TCP_CLOSE_WAIT : ELKO_TCP_ESTABLISHED;
                return r;
        }
        if (has(x, ELKO_SYN))
                return result(R_SENT_SYN, SYN_AND_ACK, ELKO_TCP_SYN_RECEIVED, ELKO_DROP_NONE);
        return result(R_SENT_OTHER, NOTHING, x->state, ELKO_DROP_TCP_SYN_SENT);
}

static struct result in_established(const struct cell *x);

static struct result in_half_open(const struct cell *x)
{
        if (has(x, ELKO_RST)) {
                if (x->seq == x->rcv_nxt)
                        return result(R_HALF_RST, NOTHING, ELKO_TCP_LISTEN,
                                      ELKO_DROP_TCP_RST_TAKEN);
                if (acceptable(x))
                        return ack_reply(x, R_HALF_RST_IN, x->state, ELKO_DROP_TCP_RST_SEQ);
                return result(R_HALF_RST_OUT, NOTHING, x->state, ELKO_DROP_TCP_HALF_OPEN_SEQ);
        }
        if (has(x, ELKO_SYN) && has(x, ELKO_FIN) && !has(x, ELKO_ACK))
                return result(R_HALF_SYN_FIN, NOTHING, x->state, ELKO_DROP_TCP_HALF_OPEN_SEQ);
        if (has(x, ELKO_SYN) && !has(x, ELKO_ACK)) {
                if (x->seq != 0 && !acceptable(x))
                        return ack_reply(x, R_HALF_WINDOW, x->state, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                return result(x->seq == 0 ? R_HALF_SYN_AGAIN : R_HALF_OTHER_SYN, SYN_AND_ACK,
                              x->state, ELKO_DROP_COUNT);
        }
        if (!has(x, ELKO_ACK))
                return result(R_HALF_NO_ACK, NOTHING, x->state, ELKO_DROP_TCP_NO_ACK_FLAG);
        if (x->ack != x->nxt)
                return result(R_HALF_BAD_ACK, RST_SEG_ACK, x->state, ELKO_DROP_TCP_HALF_OPEN_SEQ);
        if (!acceptable(x) || has(x, ELKO_SYN))
                return ack_reply(x, R_HALF_WINDOW, x->state, ELKO_DROP_TCP_HALF_OPEN_SEQ);
        return in_established(x);
}

static struct result in_time_wait(const struct cell *x)
{
        if (has(x, ELKO_RST))
                return result(R_WAIT_RST, NOTHING, x->state, ELKO_DROP_TCP_TIME_WAIT);
        if (has(x, ELKO_SYN)) {
                /* Only where somebody listens, and beyond all that the old one used. */
                if (!has(x, ELKO_ACK) && !has(x, ELKO_FIN) && !x->active &&
                    (int32_t)(x->seq - x->rcv_nxt) > 0)
                        return result(R_WAIT_SYN_NEW, SYN_AND_ACK, ELKO_TCP_SYN_RECEIVED,
                                      ELKO_DROP_NONE);
                return ack_reply(x, R_WAIT_SYN_OLD, x->state, ELKO_DROP_TCP_TIME_WAIT);
        }
        if (!has(x, ELKO_ACK) && (x->seq - x->rcv_nxt < UINT16_MAX ||
                                  (x->len > 0 && x->seq + x->len - 1 - x->rcv_nxt < UINT16_MAX)))
                return result(R_WAIT_NO_ACK, NOTHING, x->state, ELKO_DROP_TCP_NO_ACK_FLAG);
        if (x->len == 0 && x->seq == x->rcv_nxt && (int32_t)(x->ack - x->nxt) > 0)
                return ack_reply(x, R_WAIT_ACK_BEYOND, x->state, ELKO_DROP_TCP_TIME_WAIT);
        if (x->len == 0 && x->seq == x->rcv_nxt)
                return result(R_WAIT_ACK, NOTHING, x->state, ELKO_DROP_TCP_TIME_WAIT);
        return ack_reply(x, R_WAIT_FIN, x->state, ELKO_DROP_TCP_TIME_WAIT);
}

static bool fin_received(enum elko_tcp_state s)
{
        return s == ELKO_TCP_CLOSE_WAIT || s == ELKO_TCP_CLOSING || s == ELKO_TCP_LAST_ACK;
}

/* Seventh and eighth, in the state that step five left. */
static struct result text_and_fin(const struct cell *x, enum elko_tcp_state state)
{
        bool in_order = x->seq == x->rcv_nxt;
        struct result r;

        if (kinds[x->kind].payload > 0) {
                if (fin_received(state))
                        return result(R_TEXT_IGNORED, NOTHING, state, ELKO_DROP_TCP_AFTER_FIN);
                r = ack_reply(x, in_order ? R_TEXT : R_TEXT_EARLY, state, ELKO_DROP_NONE);
                r.ack_of += in_order ? DATA_LEN : 0;
                return r;
        }
        if (!has(x, ELKO_FIN))
                return result(R_ACK_ONLY, NOTHING, state, ELKO_DROP_NONE);
        if (fin_received(state))
                return result(R_FIN_AGAIN, NOTHING, state, ELKO_DROP_NONE);
        if (!in_order)
                return ack_reply(x, R_FIN_EARLY, state, ELKO_DROP_NONE);
        r = ack_reply(x, R_FIN_IN_ORDER,
                      state == ELKO_TCP_ESTABLISHED  ? ELKO_TCP_CLOSE_WAIT
                      : state == ELKO_TCP_FIN_WAIT_1 ? ELKO_TCP_CLOSING
                                                     : ELKO_TCP_TIME_WAIT,
                      ELKO_DROP_NONE);
        r.ack_of++;
        return r;
}

/* Fifth, from ESTABLISHED on. */
static struct result by_ack(const struct cell *x, enum elko_tcp_state state)
{
        if (x->ack_place == BELOW || x->ack_place == ABOVE)
                return ack_reply(x, R_ACK_RANGE, state, ELKO_DROP_TCP_ACK_RANGE);
        if (x->ack == x->nxt) {
                if (state == ELKO_TCP_CLOSING)
                        return result(R_CLOSING_ACKED, NOTHING, ELKO_TCP_TIME_WAIT, ELKO_DROP_NONE);
                if (state == ELKO_TCP_LAST_ACK)
                        return result(R_LAST_ACK_ACKED, NOTHING, ELKO_TCP_CLOSED, ELKO_DROP_NONE);
                if (state == ELKO_TCP_FIN_WAIT_1)
                        state = ELKO_TCP_FIN_WAIT_2;
        }
        return text_and_fin(x, state);
}

static struct result in_established(const struct cell *x)
{
        if (!acceptable(x)) {
                if (has(x, ELKO_RST))
                        return result(R_WINDOW_RST, NOTHING, x->state, ELKO_DROP_TCP_SEQ);
                return ack_reply(x, R_WINDOW, x->state, ELKO_DROP_TCP_SEQ);
        }
        if (has(x, ELKO_RST)) {
                if (x->seq == x->rcv_nxt)
                        return result(R_RST_EXACT, NOTHING, ELKO_TCP_CLOSED,
                                      ELKO_DROP_TCP_RST_TAKEN);
                return ack_reply(x, R_RST_IN, x->state, ELKO_DROP_TCP_RST_SEQ);
        }
        if (has(x, ELKO_SYN))
                return ack_reply(x, R_SYN_IN, x->state, ELKO_DROP_TCP_SYN_IN_SYNC);
        if (!has(x, ELKO_ACK))
                return result(R_NO_ACK, NOTHING, x->state, ELKO_DROP_TCP_NO_ACK_FLAG);
        if (x->state == ELKO_TCP_SYN_RECEIVED) {
                if (x->ack != x->nxt)
                        return result(R_RECEIVED_BAD_ACK, RST_SEG_ACK, x->state,
                                      ELKO_DROP_TCP_ACK_RANGE);
                return by_ack(x, ELKO_TCP_ESTABLISHED);
        }
        return by_ack(x, x->state);
}

static struct result expected(const struct cell *x)
{
        switch (x->state) {
        case ELKO_TCP_CLOSED: return in_closed(x);
        case ELKO_TCP_LISTEN: return in_listen(x);
        case ELKO_TCP_SYN_SENT: return in_syn_sent(x);
        case ELKO_TCP_SYN_RECEIVED: return x->active ? in_established(x) : in_half_open(x);
        case ELKO_TCP_TIME_WAIT: return in_time_wait(x);
        default: return in_established(x);
        }
}

/* ---- one cell ---- */

/* As conv_reach(), with SENT bytes in flight wherever the state allows. */
static void reach(struct conv *c, struct cell *x)
{
        enum elko_tcp_state s = x->state;

        x->una = conv_stack_una(s);
        x->nxt = conv_stack_nxt(s);
        if (s < ELKO_TCP_ESTABLISHED || s == ELKO_TCP_FIN_WAIT_2 || s == ELKO_TCP_TIME_WAIT) {
                conv_reach(c, s, x->active);
                if (s == ELKO_TCP_TIME_WAIT)
                        conv_advance(c, ELKO_MS(1)); /* a new ISS would be larger than SND.NXT */
                return;
        }
        if (x->active)
                conv_open_active(c);
        else
                conv_open_passive(c);
        conv_send(c, SENT);
        conv_out(c, "P. 1:21(20) ack 1");
        x->nxt += SENT;
        if (s == ELKO_TCP_CLOSE_WAIT || s == ELKO_TCP_LAST_ACK) {
                conv_in(c, "F. 1:1(0) ack 1");
                conv_out(c, ". 21:21(0) ack 2");
        }
        if (s != ELKO_TCP_CLOSE_WAIT && s != ELKO_TCP_ESTABLISHED) {
                conv_shutdown(c);
                conv_out(c, "F. 21:21(0) ack %u",
                         conv_peer_nxt(s) == 2 && s != ELKO_TCP_CLOSING ? 2 : 1);
        }
        if (s == ELKO_TCP_CLOSING) {
                conv_in(c, "F. 1:1(0) ack 1");
                conv_out(c, ". 22:22(0) ack 2");
        }
        conv_state(c, s);
}

static void place(struct conv *c, struct cell *x)
{
        uint32_t wnd;

        x->rcv_nxt = conv_peer_nxt(x->state);
        x->edge = c->f->has_edge && x->state != ELKO_TCP_TIME_WAIT ? c->f->edge - c->f->irs
                                                                   : x->rcv_nxt + 65535;
        wnd = x->edge - x->rcv_nxt;
        x->seq = x->rcv_nxt + (uint32_t[]){(uint32_t)-100, 0, 100, wnd - 1, wnd}[x->place];
        /* The SYN that made the entry lies one before the window. */
        if (x->state == ELKO_TCP_SYN_RECEIVED && x->kind == SYN && x->place == LEFT_OUTSIDE)
                x->seq = x->rcv_nxt - 1;
        x->ack = (uint32_t[]){x->una - 0x1000000, x->una, x->una + (x->nxt - x->una) / 2, x->nxt,
                              x->nxt + 1}[x->ack_place];
        x->len = kinds[x->kind].payload + (has(x, ELKO_SYN) ? 1 : 0) + (has(x, ELKO_FIN) ? 1 : 0);
}

static void deliver(struct conv *c, const struct cell *x)
{
        char ack[30] = "";

        if (has(x, ELKO_ACK))
                snprintf(ack, sizeof(ack), " ack %d", (int)x->ack);
        conv_in(c, "%s %d:%d(%u)%s", kinds[x->kind].flags, (int)x->seq,
                (int)(x->seq + kinds[x->kind].payload), kinds[x->kind].payload, ack);
}

static void check_reply(struct conv *c, const struct cell *x, const struct result *r)
{
        /* A RST is in the sequence space of SEG.ACK; elko's ISS is 0 here where it has none. */
        int ack = (int)x->ack;

        switch (r->reply) {
        case NOTHING: break;
        case AN_ACK: conv_out(c, ". %u:%u(0) ack %d <...>", x->nxt, x->nxt, (int)r->ack_of); break;
        case RST_SEG_ACK: conv_out(c, "R %d:%d(0) win 0 <>", ack, ack); break;
        case RST_ZERO: conv_out(c, "R. =0:=0(0) ack %d <>", (int)(x->seq + x->len)); break;
        case SYN_AND_ACK:
                /* To an ECN-setup SYN as RFC 3168, 6.1.1 has it. */
                conv_out(c, "S.%s %s ack %d <mss M,...>",
                         strchr(kinds[x->kind].flags, 'E') != NULL && r->rule != R_SENT_SYN &&
                                         r->rule != R_HALF_SYN_AGAIN
                                 ? "E"
                                 : "",
                         r->rule == R_LISTEN_SYN || r->rule == R_HALF_SYN_AGAIN ||
                                         r->rule == R_SENT_SYN
                                 ? "0:0(0)"
                                 : "*",
                         (int)(x->seq + 1));
                break;
        case RST_AND_SYN:
                conv_out(c, "R %d:%d(0) win 0 <>", ack, ack);
                conv_out(c, "S 0:0(0) <mss M,...>");
                break;
        }
        conv_none(c);
}

/* How often each rule was needed, over all tests of this process. */
static unsigned met[R_COUNT];

static void one_cell(struct conv *c, struct cell x)
{
        struct result r;

        reach(c, &x);
        place(c, &x);
        r = expected(&x);
        conv_note(c, "SEQ %s, ACK %s: %s", place_names[x.place], ack_names[x.ack_place],
                  rule_texts[r.rule]);
        if (r.rule == R_HALF_OTHER_SYN || r.rule == R_WAIT_SYN_NEW)
                conv_forget(c);
        deliver(c, &x);
        check_reply(c, &x, &r);
        conv_state(c, r.after);
        if (r.drop != ELKO_DROP_COUNT)
                conv_dropped(c, r.drop);
        met[r.rule]++;
        conv_again(c);
}

/* A6-7: all combinations of FIN, SYN, RST and ACK, each with other bits that must not matter: PSH
 * and URG, and those of ECN. */
static void every_combination(struct conv *c, enum elko_tcp_state state, bool active)
{
        static const uint16_t core[] = {ELKO_FIN, ELKO_SYN, ELKO_RST, ELKO_ACK};
        static const char letters[] = "FSR.";
        static const char *const more[] = {"", "PU", "ECA", "PUECA"};

        for (unsigned bits = 1; bits < 16 * 4; bits++) {
                struct cell x = {.state = state, .active = active, .kind = ANY, .ack_place = NXT};
                char flags[12];
                unsigned n = 0;

                kinds[ANY].bits = 0;
                for (unsigned i = 0; i < 4; i++) {
                        if (!(bits & 1u << i))
                                continue;
                        flags[n++] = letters[i];
                        kinds[ANY].bits |= core[i];
                }
                snprintf(flags + n, sizeof(flags) - n, "%s", more[bits / 16]);
                if (flags[0] == '\0')
                        continue;
                kinds[ANY].flags = flags;
                x.place = LEFT_EDGE;
                one_cell(c, x);
                x.place = INSIDE;
                one_cell(c, x);
        }
}

static void all_cells(struct conv *c, enum elko_tcp_state state, bool active)
{
        struct cell x = {.state = state, .active = active};

        conv_start(c, NULL);
        for (unsigned k = 0; k < KINDS; k++) {
                for (unsigned p = 0; p < PLACES; p++) {
                        for (unsigned a = 0; a < ACK_PLACES; a++) {
                                x.kind = (enum kind)k;
                                x.place = (enum place)p;
                                x.ack_place = (enum ack_place)a;
                                /* Without the ACK bit the field does not count. */
                                if (!has(&x, ELKO_ACK) && a != UNA)
                                        continue;
                                one_cell(c, x);
                        }
                }
        }
        if (!c->variant->place || c->variant->v6)
                every_combination(c, state, active);
}

CONV_TEST(closed)
{
        all_cells(c, ELKO_TCP_CLOSED, false);
}

CONV_TEST(listen_)
{
        all_cells(c, ELKO_TCP_LISTEN, false);
}

CONV_TEST(syn_sent)
{
        all_cells(c, ELKO_TCP_SYN_SENT, true);
}

CONV_TEST(syn_received_passive)
{
        all_cells(c, ELKO_TCP_SYN_RECEIVED, false);
}

CONV_TEST(syn_received_active)
{
        all_cells(c, ELKO_TCP_SYN_RECEIVED, true);
}

CONV_TEST(established_passive)
{
        all_cells(c, ELKO_TCP_ESTABLISHED, false);
}

CONV_TEST(established_active)
{
        all_cells(c, ELKO_TCP_ESTABLISHED, true);
}

CONV_TEST(fin_wait_1)
{
        all_cells(c, ELKO_TCP_FIN_WAIT_1, true);
}

CONV_TEST(fin_wait_2)
{
        all_cells(c, ELKO_TCP_FIN_WAIT_2, true);
}

CONV_TEST(close_wait)
{
        all_cells(c, ELKO_TCP_CLOSE_WAIT, false);
}

CONV_TEST(closing)
{
        all_cells(c, ELKO_TCP_CLOSING, true);
}

CONV_TEST(last_ack)
{
        all_cells(c, ELKO_TCP_LAST_ACK, false);
}

CONV_TEST(time_wait_without_listener)
{
        all_cells(c, ELKO_TCP_TIME_WAIT, true);
}

CONV_TEST(time_wait_with_listener)
{
        all_cells(c, ELKO_TCP_TIME_WAIT, false);
}

/* The table above has no rule that nothing tests. */
EK_TEST(every_rule_was_needed)
{
        if (ek_test_state.filter != NULL)
                return;
        for (unsigned i = 0; i < R_COUNT; i++)
                if (met[i] == 0)
                        ek_test_fail(__FILE__, __LINE__, "no segment met the rule %s",
                                     rule_texts[i]);
}

EK_TEST_MAIN();
