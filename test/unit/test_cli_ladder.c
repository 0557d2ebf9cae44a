/* SPDX-License-Identifier: MIT */
/*
 * test_cli_ladder.c - whole pictures. Each test plays a conversation as trace events, in the order
 * and with the fields that elko gives them, and compares what is drawn with a file of
 * test/data/ladder. `LADDER_UPDATE=1` writes the files instead; read them before they are believed.
 */
#include "cli/ladder.c"
#include "cli/ladder_draw.c"
#include "cli/ladder_fit.c"
#include "cli/ladder_infer.c"
#include "cli/ladder_line.c"
#include "cli/ladder_merge.c"
#include "cli/ladder_notes.c"
#include "cli/ladder_pen.c"
#include "cli/ladder_story.c"
#include "cli/ladder_summary.c"
#include "cli/ladder_text.c"
#include "cli/ladder_weave.c"
#include "cli/ladder_width.c"

#include "ek_test.h"

EK_TEST_MAIN();

/* ------------------------------------------------------------------ playing */

enum { F = ELKO_FIN, S = ELKO_SYN, R = ELKO_RST, P = ELKO_PSH, A = ELKO_ACK };

struct play {
        struct ladder *l;
        elko_endpoint local, remote;
        uint64_t start, conn;
        uint32_t wnd, iss, irs, rcv_nxt;
        uint32_t options;
        enum elko_tcp_state state;
};

static const elko_endpoint client_end = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2}}, 49152, 0};
static const elko_endpoint server_end = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}}, 80, 0};

static struct play play_new(const struct ladder_options *o, bool client)
{
        struct play p = {.l = ladder_new(o),
                         .local = client ? client_end : server_end,
                         .remote = client ? server_end : client_end,
                         .start = ELKO_SEC(1000),
                         .conn = 1,
                         .wnd = 65160,
                         .options = ELKO_OPT_MSS | ELKO_OPT_SACK_PERMITTED | ELKO_OPT_TIMESTAMPS |
                                    ELKO_OPT_WSCALE};

        CHECK(p.l != NULL);
        return p;
}

static struct elko_trace_event event(const struct play *p, enum elko_trace_kind kind, uint64_t us)
{
        return (struct elko_trace_event){.kind = kind,
                                         .now = p->start + ELKO_US(us),
                                         .conn = p->conn,
                                         .local = p->local,
                                         .remote = p->remote,
                                         .state = p->state,
                                         .old_state = p->state,
                                         .iss = p->iss,
                                         .irs = p->irs,
                                         .rcv_nxt = p->rcv_nxt};
}

static struct elko_trace_segment segment(const struct play *p, uint16_t flags, uint32_t seq,
                                         uint32_t ack, uint32_t len)
{
        struct elko_trace_segment s = {.seq = seq,
                                       .ack = ack,
                                       .len = len,
                                       .flags = flags,
                                       .wnd = 501,
                                       .wnd_bytes = p->wnd};

        if (flags & S) {
                s.options = p->options;
                s.mss = 1460;
                s.wscale = 7;
                s.wnd_bytes = s.wnd = 64240;
        }
        return s;
}

static void state(struct play *p, uint64_t us, enum elko_tcp_state to, const char *cause)
{
        struct elko_trace_event ev = event(p, ELKO_TRACE_STATE, us);

        p->state = to;
        ev.state = to;
        ev.cause = cause;
        ladder_event(p->l, &ev);
}

static void out(struct play *p, uint64_t us, uint16_t flags, uint32_t seq, uint32_t ack,
                uint32_t len, enum elko_why why)
{
        struct elko_trace_event ev = event(p, ELKO_TRACE_SEGMENT_OUT, us);

        if (flags & S)
                p->iss = ev.iss = seq;
        ev.seg = segment(p, flags, seq, ack, len);
        ev.why = why;
        ev.retransmission = why == ELKO_WHY_RETRANS_RTO || why == ELKO_WHY_RETRANS_FAST;
        ladder_event(p->l, &ev);
}

static void in(struct play *p, uint64_t us, uint16_t flags, uint32_t seq, uint32_t ack,
               uint32_t len)
{
        struct elko_trace_event ev = event(p, ELKO_TRACE_SEGMENT_IN, us);

        if (flags & S)
                p->irs = seq;
        if (p->conn == 0)
                ev.state = ELKO_TCP_CLOSED;
        ev.seg = segment(p, flags, seq, ack, len);
        ladder_event(p->l, &ev);
}

static void drop(struct play *p, uint64_t us, uint16_t flags, uint32_t seq, uint32_t ack,
                 uint32_t len, enum elko_drop why)
{
        struct elko_trace_event ev = event(p, ELKO_TRACE_DROP, us);

        ev.seg = segment(p, flags, seq, ack, len);
        ev.drop = why;
        ladder_event(p->l, &ev);
}

/* A handshake, elko being the client: initial numbers 100 and 300. */
static void open_client(struct play *p)
{
        state(p, 0, ELKO_TCP_SYN_SENT, "connect");
        out(p, 0, S, 100, 0, 0, ELKO_WHY_SYN);
        in(p, 41000, S | A, 300, 101, 0);
        state(p, 41000, ELKO_TCP_ESTABLISHED, "SYN+ACK");
        out(p, 41012, A, 101, 301, 0, ELKO_WHY_ACK);
}

/* The same, elko being the server: a half-open entry first, which has no number. */
static void open_server(struct play *p)
{
        p->conn = 0;
        p->state = ELKO_TCP_LISTEN;
        in(p, 0, S, 100, 0, 0);
        state(p, 0, ELKO_TCP_SYN_RECEIVED, "SYN");
        out(p, 20, S | A, 300, 101, 0, ELKO_WHY_SYN_ACK);
        in(p, 41000, A, 101, 301, 0);
        p->conn = 1;
        state(p, 41000, ELKO_TCP_ESTABLISHED, "ACK of SYN");
}

/* ------------------------------------------------------------------ looking */

static char *drawn(struct ladder *l)
{
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);

        CHECK(f != NULL);
        ladder_print(l, f);
        fclose(f);
        return text;
}

/* The column of the k-th lifeline of a line, -1 when it has fewer. */
static int lifeline(const char *line, const char *bar, int k)
{
        int cols = 0;

        while (*line && *line != '\n') {
                uint32_t cp;
                size_t n = ladder_utf8_next(line, &cp);

                if (strncmp(line, bar, strlen(bar)) == 0 && k-- == 0)
                        return cols;
                cols += (int)ladder_cp_cols(cp);
                line += n;
        }
        return -1;
}

static unsigned line_cols(const char *line)
{
        char buf[4096];
        size_t n = strcspn(line, "\n");

        CHECK(n < sizeof buf);
        memcpy(buf, line, n);
        buf[n] = '\0';
        return ladder_cols(buf);
}

/* The lifelines are straight, and nothing is wider than the picture. */
static void check_straight(const char *text, const char *bar, unsigned width)
{
        int left = -1, right = -1;

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                int a = lifeline(line, bar, 0), b = lifeline(line, bar, 1);

                if (line_cols(line) > width)
                        printf("%u columns: %.*s\n", line_cols(line), (int)strcspn(line, "\n"),
                               line);
                CHECK(line_cols(line) <= width);
                if (a < 0)
                        continue;
                if (left < 0) {
                        left = a;
                        right = b;
                }
                CHECK_EQ(a, left);
                CHECK_EQ(b, right);
        }
        CHECK(left >= 0 && right > left);
}

static void golden_path(const char *name, char *buf, size_t n)
{
        const char *root = getenv("ELKO_ROOT");

        snprintf(buf, n, "%s/test/data/ladder/%s.txt", root ? root : ".", name);
}

static void check_golden(const char *name, const char *text)
{
        char path[1024], want[65536];
        FILE *f;
        size_t n;

        golden_path(name, path, sizeof path);
        if (getenv("LADDER_UPDATE")) {
                f = fopen(path, "w");
                CHECK(f != NULL);
                fputs(text, f);
                fclose(f);
                return;
        }
        f = fopen(path, "r");
        if (!f)
                printf("cannot open %s\n", path);
        CHECK(f != NULL);
        n = fread(want, 1, sizeof want - 1, f);
        fclose(f);
        want[n] = '\0';
        if (strcmp(text, want) != 0) {
                size_t i = 0;

                while (text[i] && text[i] == want[i])
                        i++;
                printf("%s differs at byte %zu; now it is:\n%s\n", path, i, text);
        }
        CHECK(strcmp(text, want) == 0);
}

typedef void scenario(struct play *p);

static void run(const char *name, scenario *s, bool client, const struct ladder_options *o)
{
        struct play p = play_new(o, client);
        char *text;

        s(&p);
        text = drawn(p.l);
        check_golden(name, text);
        check_straight(text, o->ascii ? "|" : "│", o->width);
        free(text);
        ladder_free(p.l);
}

/* In English, and in Chinese too where the name is given. */
static void both(const char *name, const char *zh, scenario *s, bool client)
{
        struct ladder_options o;

        ladder_options_init(&o);
        o.time_wait_ns = ELKO_SEC(60);
        run(name, s, client, &o);
        if (zh) {
                o.lang = LADDER_ZH;
                run(zh, s, client, &o);
        }
}

/* ------------------------------------------------------- RFC 9293, 3.5 and 3.6 */

static void get_page(struct play *p)
{
        open_client(p);
        out(p, 41100, P | A, 101, 301, 77, ELKO_WHY_DATA);
        in(p, 82200, A, 301, 178, 0);
        in(p, 83000, P | A, 301, 178, 1256);
        p->rcv_nxt = 1557;
        out(p, 83010, A, 178, 1557, 0, ELKO_WHY_ACK);
}

static void close_client(struct play *p)
{
        state(p, 90000, ELKO_TCP_FIN_WAIT_1, "close");
        out(p, 90005, F | A, 178, 1557, 0, ELKO_WHY_FIN);
        in(p, 131000, A, 1557, 179, 0);
        state(p, 131000, ELKO_TCP_FIN_WAIT_2, "ACK of FIN");
        in(p, 131200, F | A, 1557, 179, 0);
        state(p, 131200, ELKO_TCP_TIME_WAIT, "both directions closed");
        p->conn = 0;
        out(p, 131210, A, 179, 1558, 0, ELKO_WHY_ACK);
}

static void play_figures_6_and_12(struct play *p)
{
        get_page(p);
        close_client(p);
        state(p, 60131210, ELKO_TCP_CLOSED, "2 MSL are over");
}

EK_TEST(figures_6_and_12)
{
        both("handshake_close", "handshake_close_zh", play_figures_6_and_12, true);
}

static void play_server(struct play *p)
{
        open_server(p);
        in(p, 41100, P | A, 101, 301, 77);
        out(p, 41120, A, 301, 178, 0, ELKO_WHY_ACK);
        out(p, 41200, P | A, 301, 178, 1256, ELKO_WHY_DATA);
        in(p, 82300, F | A, 178, 1557, 0);
        state(p, 82300, ELKO_TCP_CLOSE_WAIT, "FIN");
        state(p, 82310, ELKO_TCP_LAST_ACK, "close");
        out(p, 82320, F | A, 1557, 179, 0, ELKO_WHY_FIN);
        in(p, 123000, A, 179, 1558, 0);
        state(p, 123000, ELKO_TCP_CLOSED, "ACK of FIN");
}

EK_TEST(server_with_a_close_in_three_segments)
{
        both("server", "server_zh", play_server, false);
}

static void play_figure_7(struct play *p)
{
        state(p, 0, ELKO_TCP_SYN_SENT, "connect");
        out(p, 0, S, 100, 0, 0, ELKO_WHY_SYN);
        in(p, 15000, S, 300, 0, 0);
        state(p, 15000, ELKO_TCP_SYN_RECEIVED, "SYN");
        out(p, 15010, S | A, 100, 301, 0, ELKO_WHY_SYN_ACK);
        in(p, 40000, S | A, 300, 101, 0);
        state(p, 40000, ELKO_TCP_ESTABLISHED, "ACK of SYN");
}

EK_TEST(figure_7_simultaneous_open)
{
        both("figure_07", "figure_07_zh", play_figure_7, true);
}

static void play_figure_8(struct play *p)
{
        state(p, 0, ELKO_TCP_SYN_SENT, "connect");
        out(p, 0, S, 100, 0, 0, ELKO_WHY_SYN);
        in(p, 20000, S | A, 300, 91, 0);
        out(p, 20010, R, 91, 0, 0, ELKO_WHY_RST);
        in(p, 60000, S | A, 400, 101, 0);
        state(p, 60000, ELKO_TCP_ESTABLISHED, "SYN+ACK");
        out(p, 60010, A, 101, 401, 0, ELKO_WHY_ACK);
}

EK_TEST(figure_8_old_duplicate_syn)
{
        both("figure_08", "figure_08_zh", play_figure_8, true);
}

static void play_figure_8_server(struct play *p)
{
        p->conn = 0;
        p->state = ELKO_TCP_LISTEN;
        in(p, 0, S, 90, 0, 0);
        state(p, 0, ELKO_TCP_SYN_RECEIVED, "SYN");
        out(p, 10, S | A, 300, 91, 0, ELKO_WHY_SYN_ACK);
        in(p, 40000, R, 91, 0, 0);
        state(p, 40000, ELKO_TCP_LISTEN, "reset by peer");
        in(p, 45000, S, 100, 0, 0);
        state(p, 45000, ELKO_TCP_SYN_RECEIVED, "SYN");
        out(p, 45010, S | A, 400, 101, 0, ELKO_WHY_SYN_ACK);
        in(p, 85000, A, 101, 401, 0);
        p->conn = 2;
        state(p, 85000, ELKO_TCP_ESTABLISHED, "ACK of SYN");
}

EK_TEST(figure_8_seen_by_the_server)
{
        both("figure_08_server", NULL, play_figure_8_server, false);
}

static void play_figure_9(struct play *p)
{
        state(p, 0, ELKO_TCP_SYN_SENT, "connect");
        out(p, 0, S, 400, 0, 0, ELKO_WHY_SYN);
        in(p, 20000, A, 300, 100, 0);
        out(p, 20010, R, 100, 0, 0, ELKO_WHY_RST);
        out(p, 1000000, S, 400, 0, 0, ELKO_WHY_RETRANS_RTO);
        in(p, 1020000, S | A, 700, 401, 0);
        state(p, 1020000, ELKO_TCP_ESTABLISHED, "SYN+ACK");
        out(p, 1020010, A, 401, 701, 0, ELKO_WHY_ACK);
}

EK_TEST(figure_9_half_open_discovered)
{
        both("figure_09", "figure_09_zh", play_figure_9, true);
}

static void play_figure_10(struct play *p)
{
        p->conn = 0;
        in(p, 0, A, 300, 100, 10);
        drop(p, 0, A, 300, 100, 10, ELKO_DROP_TCP_NO_CONN);
        out(p, 10, R, 100, 0, 0, ELKO_WHY_RST);
}

EK_TEST(figure_10_data_for_no_connection)
{
        both("figure_10", "figure_10_zh", play_figure_10, true);
}

static void play_figure_11(struct play *p)
{
        p->conn = 0;
        in(p, 0, S | A, 300, 91, 0);
        drop(p, 0, S | A, 300, 91, 0, ELKO_DROP_TCP_LISTEN_FLAGS);
        out(p, 10, R, 91, 0, 0, ELKO_WHY_RST);
}

EK_TEST(figure_11_two_passive_ends)
{
        both("figure_11", NULL, play_figure_11, true);
}

static void play_figure_13(struct play *p)
{
        open_client(p);
        state(p, 90000, ELKO_TCP_FIN_WAIT_1, "close");
        out(p, 90005, F | A, 101, 301, 0, ELKO_WHY_FIN);
        in(p, 95000, F | A, 301, 101, 0);
        state(p, 95000, ELKO_TCP_CLOSING, "FIN");
        out(p, 95010, A, 102, 302, 0, ELKO_WHY_ACK);
        in(p, 131000, A, 302, 102, 0);
        state(p, 131000, ELKO_TCP_TIME_WAIT, "both directions closed");
}

EK_TEST(figure_13_simultaneous_close)
{
        both("figure_13", "figure_13_zh", play_figure_13, true);
}

static void play_half_close(struct play *p)
{
        open_client(p);
        out(p, 41100, P | A, 101, 301, 77, ELKO_WHY_DATA);
        state(p, 41200, ELKO_TCP_FIN_WAIT_1, "close");
        out(p, 41210, F | A, 178, 301, 0, ELKO_WHY_FIN);
        in(p, 82000, A, 301, 179, 0);
        state(p, 82000, ELKO_TCP_FIN_WAIT_2, "ACK of FIN");
        for (uint32_t i = 0; i < 30; i++) {
                in(p, 83000 + i * 1000, P | A, 301 + i * 1000, 179, 1000);
                out(p, 83010 + i * 1000, A, 179, 1301 + i * 1000, 0, ELKO_WHY_ACK);
        }
        in(p, 120000, F | A, 30301, 179, 0);
        state(p, 120000, ELKO_TCP_TIME_WAIT, "both directions closed");
        out(p, 120010, A, 179, 30302, 0, ELKO_WHY_ACK);
}

EK_TEST(half_close_with_data)
{
        both("half_close", "half_close_zh", play_half_close, true);
}

/* ------------------------------------------------------------------- losses */

static void play_syn_lost(struct play *p)
{
        state(p, 0, ELKO_TCP_SYN_SENT, "connect");
        out(p, 0, S, 100, 0, 0, ELKO_WHY_SYN);
        out(p, 1000000, S, 100, 0, 0, ELKO_WHY_RETRANS_RTO);
        out(p, 3000000, S, 100, 0, 0, ELKO_WHY_RETRANS_RTO);
        in(p, 3041000, S | A, 300, 101, 0);
        state(p, 3041000, ELKO_TCP_ESTABLISHED, "SYN+ACK");
        out(p, 3041012, A, 101, 301, 0, ELKO_WHY_ACK);
}

EK_TEST(syn_sent_again)
{
        both("syn_lost", "syn_lost_zh", play_syn_lost, true);
}

static void play_third_ack_lost(struct play *p)
{
        open_client(p);
        in(p, 1041000, S | A, 300, 101, 0);
        out(p, 1041010, A, 101, 301, 0, ELKO_WHY_ACK_DUP);
        out(p, 1042000, P | A, 101, 301, 20, ELKO_WHY_DATA);
        in(p, 1083000, A, 301, 121, 0);
}

EK_TEST(third_ack_lost_seen_by_the_client)
{
        both("third_ack_lost", "third_ack_lost_zh", play_third_ack_lost, true);
}

static void play_third_ack_lost_server(struct play *p)
{
        p->conn = 0;
        p->state = ELKO_TCP_LISTEN;
        in(p, 0, S, 100, 0, 0);
        state(p, 0, ELKO_TCP_SYN_RECEIVED, "SYN");
        out(p, 20, S | A, 300, 101, 0, ELKO_WHY_SYN_ACK);
        in(p, 900000, S, 100, 0, 0);
        out(p, 900010, S | A, 300, 101, 0, ELKO_WHY_SYN_ACK);
        in(p, 941000, P | A, 101, 301, 77);
        p->conn = 1;
        state(p, 941000, ELKO_TCP_ESTABLISHED, "ACK of SYN");
        out(p, 941010, A, 301, 178, 0, ELKO_WHY_ACK);
}

EK_TEST(duplicate_syn_and_third_ack_lost_seen_by_the_server)
{
        both("third_ack_lost_server", "third_ack_lost_server_zh", play_third_ack_lost_server,
             false);
}

static void play_last_ack_lost(struct play *p)
{
        get_page(p);
        close_client(p);
        in(p, 400000, F | A, 1557, 179, 0);
        out(p, 400010, A, 179, 1558, 0, ELKO_WHY_TIME_WAIT_ACK);
}

EK_TEST(last_ack_lost)
{
        both("last_ack_lost", NULL, play_last_ack_lost, true);
}

static void play_data_lost(struct play *p)
{
        open_client(p);
        p->rcv_nxt = 301;
        out(p, 42000, A, 101, 301, 1000, ELKO_WHY_DATA);
        out(p, 42010, A, 1101, 301, 1000, ELKO_WHY_DATA);
        out(p, 42020, A, 2101, 301, 1000, ELKO_WHY_DATA);
        in(p, 83000, A, 301, 1101, 0);
        in(p, 83100, A, 301, 1101, 0);
        out(p, 84000, A, 1101, 301, 1000, ELKO_WHY_RETRANS_FAST);
        in(p, 125000, A, 301, 3101, 0);
        out(p, 126000, P | A, 3101, 301, 500, ELKO_WHY_DATA);
        out(p, 326000, P | A, 3101, 301, 500, ELKO_WHY_RETRANS_RTO);
        in(p, 367000, A, 301, 3601, 0);
        in(p, 368000, A, 801, 3601, 500);
        in(p, 369000, A, 301, 3601, 500);
        p->rcv_nxt = 1301;
        out(p, 369010, A, 3601, 1301, 0, ELKO_WHY_ACK);
        in(p, 600000, A, 801, 3601, 500);
}

EK_TEST(data_lost)
{
        both("data_lost", "data_lost_zh", play_data_lost, true);
}

/* ----------------------------------------------------------------- unusual */

static void play_windows(struct play *p)
{
        open_client(p);
        out(p, 42000, A, 101, 301, 1000, ELKO_WHY_DATA);
        p->wnd = 0;
        in(p, 83000, A, 301, 1101, 0);
        p->wnd = 65160;
        out(p, 283000, A, 1101, 301, 1, ELKO_WHY_PROBE);
        p->wnd = 0;
        in(p, 324000, A, 301, 1101, 0);
        p->wnd = 32768;
        in(p, 500000, A, 301, 1102, 0);
        p->wnd = 65160;
        out(p, 7200000000, A, 1101, 301, 0, ELKO_WHY_KEEPALIVE);
        in(p, 7200041000, A, 301, 1102, 0);
        in(p, 7300000000, A, 300, 1102, 0);
        out(p, 7300000010, A, 1102, 301, 0, ELKO_WHY_ACK);
}

EK_TEST(zero_window_probe_and_keepalive)
{
        both("windows", "windows_zh", play_windows, true);
}

static void play_refused(struct play *p)
{
        state(p, 0, ELKO_TCP_SYN_SENT, "connect");
        out(p, 0, S, 100, 0, 0, ELKO_WHY_SYN);
        in(p, 41000, R | A, 0, 101, 0);
        state(p, 41000, ELKO_TCP_CLOSED, "refused");
}

EK_TEST(refused)
{
        both("refused", "refused_zh", play_refused, true);
}

static void play_refusing(struct play *p)
{
        p->conn = 0;
        in(p, 0, S, 100, 0, 0);
        drop(p, 0, S, 100, 0, 0, ELKO_DROP_TCP_NO_CONN);
        out(p, 10, R | A, 0, 101, 0, ELKO_WHY_RST);
}

EK_TEST(refusing)
{
        both("refusing", NULL, play_refusing, false);
}

static void play_reset(struct play *p)
{
        get_page(p);
        in(p, 90000, R, 1600, 0, 0);
        drop(p, 90000, R, 1600, 0, 0, ELKO_DROP_TCP_RST_SEQ);
        out(p, 90010, A, 178, 1557, 0, ELKO_WHY_CHALLENGE);
        in(p, 131000, R, 1557, 0, 0);
        drop(p, 131000, R, 1557, 0, 0, ELKO_DROP_TCP_RST_TAKEN);
        state(p, 131000, ELKO_TCP_CLOSED, "reset by peer");
}

EK_TEST(challenge_ack_and_reset)
{
        both("reset", "reset_zh", play_reset, true);
}

static void play_abort(struct play *p)
{
        get_page(p);
        state(p, 90000, ELKO_TCP_CLOSED, "abort");
        out(p, 90010, R | A, 178, 1557, 0, ELKO_WHY_RST);
}

EK_TEST(abort_by_elko)
{
        both("abort", NULL, play_abort, true);
}

static void play_gives_up(struct play *p)
{
        state(p, 0, ELKO_TCP_SYN_SENT, "connect");
        out(p, 0, S, 100, 0, 0, ELKO_WHY_SYN);
        out(p, 1000000, S, 100, 0, 0, ELKO_WHY_RETRANS_RTO);
        state(p, 3000000, ELKO_TCP_CLOSED, "user timeout");
}

EK_TEST(nobody_answers)
{
        both("gives_up", "gives_up_zh", play_gives_up, true);
}

static void play_mid_stream(struct play *p)
{
        p->state = ELKO_TCP_ESTABLISHED;
        p->iss = 100;
        p->irs = 300;
        in(p, 0, A, 5301, 8101, 1000);
        out(p, 10, A, 8101, 6301, 0, ELKO_WHY_ACK);
}

EK_TEST(recording_starts_in_the_middle)
{
        both("mid_stream", NULL, play_mid_stream, true);
}

static void play_cookie(struct play *p)
{
        p->conn = 0;
        p->state = ELKO_TCP_LISTEN;
        in(p, 0, S, 100, 0, 0);
        out(p, 20, S | A, 300, 101, 0, ELKO_WHY_COOKIE);
        in(p, 41000, A, 101, 301, 0);
        state(p, 41000, ELKO_TCP_SYN_RECEIVED, "cookie");
        p->conn = 1;
        state(p, 41000, ELKO_TCP_ESTABLISHED, "ACK of SYN");
}

EK_TEST(syn_cookie)
{
        both("cookie", NULL, play_cookie, false);
}

static void play_reopened(struct play *p)
{
        get_page(p);
        close_client(p);
        state(p, 500000, ELKO_TCP_CLOSED, "reopened by a new SYN");
        in(p, 500000, S, 900000, 0, 0);
        p->state = ELKO_TCP_LISTEN;
        state(p, 500000, ELKO_TCP_SYN_RECEIVED, "SYN");
        out(p, 500010, S | A, 800000, 900001, 0, ELKO_WHY_SYN_ACK);
        in(p, 541000, A, 900001, 800001, 0);
        state(p, 541000, ELKO_TCP_ESTABLISHED, "ACK of SYN");
}

EK_TEST(time_wait_reopened_is_a_second_connection)
{
        struct play p = play_new(NULL, true);
        char *text;

        play_reopened(&p);
        CHECK_EQ(p.l->nconn, 2);
        text = drawn(p.l);
        check_golden("reopened", text);
        free(text);
        ladder_free(p.l);
}

/* ------------------------------------------------------------ forms of drawing */

EK_TEST(ascii_narrow_and_wide)
{
        struct ladder_options o;

        ladder_options_init(&o);
        o.ascii = true;
        run("ascii", play_figures_6_and_12, true, &o);
        run("ascii_figure_13", play_figure_13, true, &o);
        o.ascii = false;
        o.width = 80;
        run("narrow", play_figures_6_and_12, true, &o);
        o.width = 150;
        run("wide", play_figures_6_and_12, true, &o);
        o.lang = LADDER_ZH;
        o.width = 72;
        run("narrow_zh", play_data_lost, true, &o);
}

EK_TEST(ascii_has_nothing_else)
{
        static scenario *const all[] = {
                play_figures_6_and_12, play_figure_7,  play_figure_8, play_figure_9, play_figure_13,
                play_half_close,       play_data_lost, play_windows,  play_reset,    play_gives_up};
        struct ladder_options o;

        ladder_options_init(&o);
        o.ascii = true;
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
                struct play p = play_new(&o, true);
                char *text;

                all[i](&p);
                text = drawn(p.l);
                for (const char *c = text; *c; c++)
                        CHECK((unsigned char)*c < 0x80);
                free(text);
                ladder_free(p.l);
        }
}

/* Colour changes no column: without the escape sequences the picture is the same. */
EK_TEST(colour_adds_only_escapes)
{
        struct ladder_options o;
        struct play p, q;
        char *plain, *coloured, *w;

        ladder_options_init(&o);
        p = play_new(&o, true);
        o.colour = true;
        q = play_new(&o, true);
        play_figures_6_and_12(&p);
        play_figures_6_and_12(&q);
        plain = drawn(p.l);
        coloured = w = drawn(q.l);
        for (const char *r = coloured; *r;) {
                if (*r == '\033')
                        r += strcspn(r, "m") + 1;
                else
                        *w++ = *r++;
        }
        *w = '\0';
        CHECK(strstr(plain, "ESTABLISHED") != NULL);
        CHECK_STR_EQ(plain, coloured);
        free(plain);
        free(coloured);
        ladder_free(p.l);
        ladder_free(q.l);
}

/* Whatever the width, the language and the glyphs: straight. */
EK_TEST(straight_at_every_width)
{
        static scenario *const all[] = {play_figures_6_and_12, play_figure_7,   play_figure_8,
                                        play_figure_13,        play_half_close, play_data_lost,
                                        play_windows,          play_reset};

        for (unsigned width = 72; width <= 240; width += 7) {
                for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
                        struct ladder_options o;
                        struct play p;
                        char *text;

                        ladder_options_init(&o);
                        o.width = width;
                        o.lang = i % 2 ? LADDER_ZH : LADDER_EN;
                        p = play_new(&o, true);
                        all[i](&p);
                        text = drawn(p.l);
                        check_straight(text, "│", width);
                        free(text);
                        ladder_free(p.l);
                }
        }
}

/* ------------------------------------------------------------------- limits */

/* 100,000 segments with three losses: few records, the whole close, the right sums. */
static void play_bulk(struct play *p)
{
        uint32_t seq = 101;
        uint64_t us = 50000;

        open_client(p);
        for (uint32_t i = 0; i < 66666; i++, us += 24) {
                out(p, us, A, seq, 301, 1460, ELKO_WHY_DATA);
                seq += 1460;
                if (i % 20000 == 19999)
                        out(p, us + 10, A, seq - 1460, 301, 1460, ELKO_WHY_RETRANS_FAST);
                if (i % 2)
                        in(p, us + 12, A, 301, seq, 0);
        }
        state(p, us, ELKO_TCP_FIN_WAIT_1, "close");
        out(p, us, F | A, seq, 301, 0, ELKO_WHY_FIN);
        in(p, us + 41000, A, 301, seq + 1, 0);
        state(p, us + 41000, ELKO_TCP_FIN_WAIT_2, "ACK of FIN");
        in(p, us + 41100, F | A, 301, seq + 1, 0);
        state(p, us + 41100, ELKO_TCP_TIME_WAIT, "both directions closed");
        out(p, us + 41110, A, seq + 1, 302, 0, ELKO_WHY_ACK);
}

EK_TEST(bulk_is_folded)
{
        struct play p = play_new(NULL, true);

        play_bulk(&p);
        CHECK_EQ(p.l->nconn, 1);
        CHECK(p.l->conn[0].nrec < 60);
        CHECK_EQ(p.l->conn[0].flow[LADDER_NEAR].bytes, UINT64_C(66666) * 1460);
        CHECK_EQ(p.l->conn[0].flow[LADDER_NEAR].retrans, 3);
        ladder_free(p.l);
        both("bulk", "bulk_zh", play_bulk, true);
}

/* One random event or a few; the numbers are near to each other, so that much of it nearly fits. */
static void play_chance(struct play *p, uint64_t us)
{
        uint16_t flags = (uint16_t)(ek_test_rand() & 0x1f);

        p->wnd = ek_test_below(3) ? 65160 : 0;
        if (ek_test_below(2))
                out(p, us, flags, 101 + ek_test_below(100000), 301 + ek_test_below(100000),
                    ek_test_below(1460), (enum elko_why)ek_test_below(ELKO_WHY_COUNT));
        else
                in(p, us, flags, 301 + ek_test_below(100000), 101 + ek_test_below(100000),
                   ek_test_below(1460));
        if (ek_test_below(8) == 0)
                state(p, us, (enum elko_tcp_state)ek_test_below(ELKO_TCP_STATE_COUNT), "chance");
        if (ek_test_below(8) == 0)
                drop(p, us, flags, ek_test_below(1000), 1, 0,
                     (enum elko_drop)ek_test_below(ELKO_DROP_COUNT));
}

/* Everything unusual at once, for ever: the memory is bounded all the same. */
EK_TEST(memory_is_bounded)
{
        struct play p = play_new(NULL, true);
        char *text;

        open_client(&p);
        for (uint32_t i = 0; i < 50000; i++)
                play_chance(&p, 50000 + i * 100);
        CHECK(p.l->nconn <= LADDER_CONNS);
        for (size_t i = 0; i < p.l->nconn; i++) {
                CHECK(p.l->conn[i].nrec <= LADDER_REC_MAX);
                CHECK(p.l->conn[i].cap <= LADDER_REC_MAX);
        }
        text = drawn(p.l);
        check_straight(text, "│", 110);
        free(text);
        ladder_free(p.l);
}

/* Recordings that make no sense, alone and merged: drawn all the same. */
EK_TEST(nonsense_is_drawn)
{
        for (uint32_t round = 0; round < ek_test_rounds(100); round++) {
                struct play p[2] = {play_new(NULL, true), play_new(NULL, false)};
                struct ladder *m;
                uint32_t n = ek_test_below(60);

                for (uint32_t i = 0; i < n; i++)
                        play_chance(&p[ek_test_below(2)], i * 100);
                m = ladder_merge(p[0].l, p[1].l);
                CHECK(m != NULL);
                free(drawn(m));
                free(drawn(p[0].l));
                free(drawn(p[1].l));
                ladder_free(m);
                ladder_free(p[0].l);
                ladder_free(p[1].l);
        }
}

EK_TEST(connections_are_bounded)
{
        struct ladder_options o;
        struct play p;
        char *text;

        ladder_options_init(&o);
        o.max_conns = 2;
        p = play_new(&o, true);
        for (uint16_t i = 0; i < 1000; i++) {
                p.local.port = (uint16_t)(40000 + i);
                p.conn = (uint64_t)i + 1;
                p.state = ELKO_TCP_CLOSED;
                play_refused(&p);
        }
        CHECK_EQ(p.l->nconn, 2);
        text = drawn(p.l);
        CHECK(strstr(text, "+ 998 more connections") != NULL);
        free(text);
        ladder_free(p.l);
}

EK_TEST(each_connection_is_drawn_once)
{
        struct play p = play_new(NULL, true);
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);

        play_refused(&p);
        p.local.port++;
        p.state = ELKO_TCP_CLOSED;
        open_client(&p);
        CHECK_EQ(ladder_print_ended(p.l, f), 1);
        CHECK_EQ(ladder_print_ended(p.l, f), 0);
        ladder_print(p.l, f);
        fclose(f);
        CHECK(strstr(text, "Connection 1") != NULL && strstr(text, "Connection 2") != NULL);
        CHECK(strstr(strstr(text, "Connection 1") + 1, "Connection 1") == NULL);
        free(text);
        ladder_free(p.l);
        ladder_free(NULL);
}

EK_TEST(nothing_seen)
{
        struct ladder *l = ladder_new(NULL);
        char *text = drawn(l);

        CHECK_STR_EQ(text, "No TCP connection was seen.\n");
        free(text);
        ladder_free(l);
}

/* -------------------------------------------------------------------- merged */

/* Both ends are elko: what one sends at `us` arrives at the other 20 ms later. */
static void merged(const char *name, struct play *a, struct play *b)
{
        struct ladder *m = ladder_merge(a->l, b->l);
        char *text;

        CHECK(m != NULL);
        CHECK_EQ(m->nconn, 1);
        text = drawn(m);
        check_straight(text, "│", 110);
        check_golden(name, text);
        CHECK(strchr(text, '*') == NULL); /* nothing is inferred */
        free(text);
        ladder_free(m);
        ladder_free(a->l);
        ladder_free(b->l);
}

static void merged_open(struct play *a, struct play *b)
{
        state(a, 0, ELKO_TCP_SYN_SENT, "connect");
        out(a, 0, S, 100, 0, 0, ELKO_WHY_SYN);
        b->conn = 0;
        b->state = ELKO_TCP_LISTEN;
        in(b, 20000, S, 100, 0, 0);
        state(b, 20000, ELKO_TCP_SYN_RECEIVED, "SYN");
        out(b, 20010, S | A, 300, 101, 0, ELKO_WHY_SYN_ACK);
        in(a, 40010, S | A, 300, 101, 0);
        state(a, 40010, ELKO_TCP_ESTABLISHED, "SYN+ACK");
        out(a, 40020, A, 101, 301, 0, ELKO_WHY_ACK);
        out(a, 40030, P | A, 101, 301, 77, ELKO_WHY_DATA);
        in(b, 60020, A, 101, 301, 0);
        b->conn = 1;
        state(b, 60020, ELKO_TCP_ESTABLISHED, "ACK of SYN");
        in(b, 60030, P | A, 101, 301, 77);
}

EK_TEST(merged_normal_with_a_lost_ack)
{
        struct play a = play_new(NULL, true), b = play_new(NULL, false);

        merged_open(&a, &b);
        out(&b, 61000, P | A, 301, 178, 500, ELKO_WHY_DATA);
        in(&a, 81000, P | A, 301, 178, 500);
        out(&a, 81010, A, 178, 801, 0, ELKO_WHY_ACK); /* lost */
        out(&b, 300000, P | A, 301, 178, 500, ELKO_WHY_RETRANS_RTO);
        in(&a, 320000, P | A, 301, 178, 500);
        out(&a, 320010, A, 178, 801, 0, ELKO_WHY_ACK_DUP);
        in(&b, 340010, A, 178, 801, 0);
        state(&a, 400000, ELKO_TCP_FIN_WAIT_1, "close");
        out(&a, 400000, F | A, 178, 801, 0, ELKO_WHY_FIN);
        in(&b, 420000, F | A, 178, 801, 0);
        state(&b, 420000, ELKO_TCP_CLOSE_WAIT, "FIN");
        out(&b, 420010, A, 801, 179, 0, ELKO_WHY_ACK);
        in(&a, 440010, A, 801, 179, 0);
        state(&a, 440010, ELKO_TCP_FIN_WAIT_2, "ACK of FIN");
        state(&b, 450000, ELKO_TCP_LAST_ACK, "close");
        out(&b, 450000, F | A, 801, 179, 0, ELKO_WHY_FIN);
        in(&a, 470000, F | A, 801, 179, 0);
        state(&a, 470000, ELKO_TCP_TIME_WAIT, "both directions closed");
        out(&a, 470010, A, 179, 802, 0, ELKO_WHY_ACK);
        in(&b, 490010, A, 179, 802, 0);
        state(&b, 490010, ELKO_TCP_CLOSED, "ACK of FIN");
        state(&a, 60470010, ELKO_TCP_CLOSED, "2 MSL are over");
        merged("merged", &a, &b);
}

EK_TEST(merged_simultaneous_close)
{
        struct play a = play_new(NULL, true), b = play_new(NULL, false);

        merged_open(&a, &b);
        out(&b, 61000, A, 301, 178, 0, ELKO_WHY_ACK);
        in(&a, 81000, A, 301, 178, 0);
        state(&a, 100000, ELKO_TCP_FIN_WAIT_1, "close");
        out(&a, 100000, F | A, 178, 301, 0, ELKO_WHY_FIN);
        state(&b, 105000, ELKO_TCP_FIN_WAIT_1, "close");
        out(&b, 105000, F | A, 301, 178, 0, ELKO_WHY_FIN);
        in(&b, 120000, F | A, 178, 301, 0);
        state(&b, 120000, ELKO_TCP_CLOSING, "FIN");
        out(&b, 120010, A, 302, 179, 0, ELKO_WHY_ACK);
        in(&a, 125000, F | A, 301, 178, 0);
        state(&a, 125000, ELKO_TCP_CLOSING, "FIN");
        out(&a, 125010, A, 179, 302, 0, ELKO_WHY_ACK);
        in(&a, 140010, A, 302, 179, 0);
        state(&a, 140010, ELKO_TCP_TIME_WAIT, "both directions closed");
        in(&b, 145010, A, 179, 302, 0);
        state(&b, 145010, ELKO_TCP_TIME_WAIT, "both directions closed");
        merged("merged_figure_13", &a, &b);
}

/* A wire without delay: everything happens at one instant, and still nothing crosses. */
EK_TEST(merged_at_one_instant)
{
        struct play a = play_new(NULL, true), b = play_new(NULL, false);
        struct ladder *m;
        char *text;

        state(&a, 0, ELKO_TCP_SYN_SENT, "connect");
        out(&a, 0, S, 100, 0, 0, ELKO_WHY_SYN);
        b.conn = 0;
        b.state = ELKO_TCP_LISTEN;
        in(&b, 0, S, 100, 0, 0);
        state(&b, 0, ELKO_TCP_SYN_RECEIVED, "SYN");
        out(&b, 0, S | A, 300, 101, 0, ELKO_WHY_SYN_ACK);
        in(&a, 0, S | A, 300, 101, 0);
        state(&a, 0, ELKO_TCP_ESTABLISHED, "SYN+ACK");
        out(&a, 0, A, 101, 301, 0, ELKO_WHY_ACK);
        in(&b, 0, A, 101, 301, 0);
        b.conn = 1;
        state(&b, 0, ELKO_TCP_ESTABLISHED, "ACK of SYN");
        m = ladder_merge(a.l, b.l);
        CHECK(m != NULL);
        CHECK_EQ(m->conn[0].nrec, 3);
        for (size_t i = 0; i < 3; i++)
                CHECK_EQ(m->conn[0].rec[i].part, LADDER_WHOLE);
        text = drawn(m);
        CHECK(strstr(text, "Three-way handshake") != NULL);
        free(text);
        ladder_free(m);
        ladder_free(a.l);
        ladder_free(b.l);
}

/* --------------------------------------------------------------- one line */

EK_TEST(trace_line)
{
        struct play p = play_new(NULL, true);
        struct elko_trace_event ev = event(&p, ELKO_TRACE_SEGMENT_OUT, 41216);
        char line[256], small[8];
        size_t n;

        ev.state = ELKO_TCP_SYN_SENT;
        ev.why = ELKO_WHY_SYN;
        ev.seg = segment(&p, S, 100, 0, 0);
        n = ladder_trace_line(&ev, line, sizeof line);
        CHECK_STR_EQ(line, "1000.041216 #1 > 10.0.0.2:49152 > 10.0.0.1:80 SYN seq=100 win=64240 "
                           "[mss=1460 wscale=7 sackOK ts=0/0] SYN-SENT; open");
        CHECK_EQ(n, strlen(line));
        CHECK_EQ(ladder_trace_line(&ev, small, sizeof small), n);
        CHECK_STR_EQ(small, "1000.04");
        CHECK_EQ(ladder_trace_line(&ev, NULL, 0), n);
        ev.kind = ELKO_TRACE_STATE;
        ev.old_state = ELKO_TCP_CLOSED;
        ev.cause = "connect";
        ladder_trace_line(&ev, line, sizeof line);
        CHECK_STR_EQ(line, "1000.041216 #1 = CLOSED -> SYN-SENT; connect");
        for (int k = 0; k < ELKO_TRACE_COUNT; k++) {
                ev.kind = (enum elko_trace_kind)k;
                CHECK(ladder_trace_line(&ev, line, sizeof line) < sizeof line);
        }
        ladder_free(p.l);
}

/* --------------------------------------------------------------- the texts */

/* Every title fits its column, every text has all its names, English is ASCII. */
EK_TEST(texts_are_whole)
{
        static const char *const names[] = {"from",  "to",      "From", "To",   "seq",   "ack",
                                            "next",  "fin",     "len",  "win",  "after", "cause",
                                            "ended", "options", "iseq", "iack", "inext"};

        for (int sit = 1; sit < LADDER_SIT_COUNT; sit++) {
                for (int lang = LADDER_EN; lang <= LADDER_ZH; lang++) {
                        const char *title =
                                ladder_sit_title((enum ladder_lang)lang, (enum ladder_sit)sit);
                        const char *text =
                                ladder_sit_text((enum ladder_lang)lang, (enum ladder_sit)sit);

                        CHECK(title != NULL && text != NULL);
                        if (sit >= LADDER_SIT_SYN) {
                                CHECK(ladder_cols(title) <= 20);
                                CHECK(text[0] != '\0');
                        } else {
                                CHECK(title[0] != '\0');
                        }
                        CHECK(ladder_sit_rfc((enum ladder_sit)sit)[0] != '\0');
                        for (const char *c = text; *c; c++) {
                                size_t n, k = 0;

                                CHECK(lang == LADDER_ZH || (unsigned char)*c < 0x80);
                                if (*c != '{')
                                        continue;
                                n = strcspn(c, "}");
                                while (k < 17 && !(strlen(names[k]) == n - 1 &&
                                                   !strncmp(names[k], c + 1, n - 1)))
                                        k++;
                                CHECK(k < 17);
                        }
                }
        }
}

EK_TEST(expand)
{
        const struct ladder_var var[] = {{"a", "one"}, {"b", NULL}};
        char buf[32];

        ladder_expand("x {a} y[ {a}][ z {b}].", var, 2, buf, sizeof buf);
        CHECK_STR_EQ(buf, "x one y one.");
        ladder_expand("{a}{a}", var, 2, buf, 5);
        CHECK_STR_EQ(buf, "oneo");
        ladder_expand("{unknown} {a", var, 2, buf, sizeof buf);
        CHECK_STR_EQ(buf, " one");
}
