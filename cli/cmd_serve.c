/* SPDX-License-Identifier: MIT */
/*
 * elko serve: a directory over HTTP.
 * elko-build: needs=http_parser
 *
 * Theory: http_server.c knows HTTP and no network; this file moves its bytes and watches the clock.
 * pump() is the whole data path: received bytes are shown to the HTTP machine in place (recv_peek),
 * and its response is written in place into the send ring (send_reserve), until neither side moves.
 *
 * Time-outs: a connection waits in one of four queues (idle, request, sending, closing), each with
 * one constant span, so each queue is ordered by time by itself and a tick a second looks at the
 * heads only. A request has its span as a whole (a client that trickles bytes gains nothing);
 * sending is measured from the last progress.
 *
 * The end of a connection (RFC 9112, 9.6): after the last response the sending direction is closed,
 * and what still comes is read and thrown away until the client closes, too; a reset at this point
 * would take the response away from a client that has not read it yet. --close-first moves the
 * first FIN, and with it TIME-WAIT, to the other side.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "http_server.h"
#include "netctx.h"
#include "util.h"

enum close_first { CLOSE_FIRST_SERVER, CLOSE_FIRST_CLIENT, CLOSE_FIRST_ALTERNATE };

enum queue_kind { QUEUE_IDLE, QUEUE_READING, QUEUE_SENDING, QUEUE_CLOSING, QUEUE_COUNT };

enum {
        TICK_MS = 500,
        CLOSING_SECONDS = 15,
        WRITE_BYTES = 256 << 10, /* room asked for at once: no ring grows beyond its file's needs */
        SEND_SHARE_MIN = 16 << 10,
        SEND_MAX = 4 << 20,
};

struct settings {
        uint64_t port;
        uint64_t span_ns[QUEUE_COUNT]; /* CLOSING is fixed */
        unsigned close_first;          /* enum close_first */
        bool log;
};

/* One client. 10,000 of them are 10,000 times this much. */
struct client {
        struct ek_http_conn http;
        elko_sock sock;
        struct client *prev, *next; /* in its queue */
        uint64_t since;             /* when it entered the queue */
        uint32_t send_max;          /* its SND_BUF_MAX; 0: as the stack has it */
        uint8_t queue;
        bool client_closes; /* first */
        bool peer_eof;
        bool shut;
        bool leaving; /* out of time in QUEUE_CLOSING */
};

struct queue {
        struct client *head, *tail;
};

struct serve {
        struct ek_netctx net;
        struct settings set;
        struct ek_http_server http;
        elko_sock listener;
        struct queue queue[QUEUE_COUNT];
        struct elko_host_timer tick;
        uint64_t accepted, open, open_max;
        uint64_t send_max; /* largest send buffer of a connection */
};

/* ---- queues ---- */

static void queue_remove(struct serve *s, struct client *c)
{
        struct queue *q = &s->queue[c->queue];

        *(c->prev != NULL ? &c->prev->next : &q->head) = c->next;
        *(c->next != NULL ? &c->next->prev : &q->tail) = c->prev;
}

static void queue_append(struct serve *s, struct client *c, enum queue_kind kind)
{
        struct queue *q = &s->queue[kind];

        c->queue = (uint8_t)kind;
        c->since = elko_host_now(s->net.host);
        c->next = NULL;
        c->prev = q->tail;
        *(q->tail != NULL ? &q->tail->next : &q->head) = c;
        q->tail = c;
}

static enum queue_kind queue_of_phase(enum ek_http_phase phase)
{
        switch (phase) {
        case EK_HTTP_IDLE: return QUEUE_IDLE;
        case EK_HTTP_READING: return QUEUE_READING;
        case EK_HTTP_SENDING: return QUEUE_SENDING;
        case EK_HTTP_DONE: return QUEUE_CLOSING;
        }
        return QUEUE_CLOSING;
}

/* Wait for what the phase says. `progress`: something was sent, so the span starts anew; what
 * only comes in does not move it. */
static void requeue(struct serve *s, struct client *c, bool progress)
{
        enum queue_kind kind = queue_of_phase(ek_http_conn_phase(&c->http));

        if (kind == c->queue && !progress)
                return;
        queue_remove(s, c);
        queue_append(s, c, kind);
}

/* ---- clients ---- */

static void client_free(struct serve *s, struct client *c)
{
        queue_remove(s, c);
        ek_http_conn_free(&c->http);
        free(c);
        s->open--;
}

static void client_abort(struct serve *s, struct client *c)
{
        elko_abort(s->net.st, c->sock);
        client_free(s, c);
}

static bool may_close_first(const struct serve *s, uint64_t number)
{
        return s->set.close_first == CLOSE_FIRST_CLIENT ||
               (s->set.close_first == CLOSE_FIRST_ALTERNATE && number % 2 == 0);
}

/* NULL: no memory, the connection was reset. */
static struct client *client_new(struct serve *s, elko_sock sock)
{
        struct client *c = calloc(1, sizeof *c);

        if (c == NULL) {
                elko_abort(s->net.st, sock);
                return NULL;
        }
        s->accepted++;
        if (++s->open > s->open_max)
                s->open_max = s->open;
        c->sock = sock;
        c->client_closes = may_close_first(s, s->accepted);
        ek_http_conn_init(&c->http, &s->http, c);
        queue_append(s, c, QUEUE_READING); /* the first request has to come soon */
        elko_set_user(s->net.st, sock, c);
        return c;
}

/* ---- moving bytes ---- */

/* Show what was received to the HTTP machine. Returns the bytes taken, or a negative error. */
static int64_t pump_in(struct serve *s, struct client *c)
{
        struct elko_slice slice[2];
        size_t taken = 0;
        int64_t n;

        if (c->peer_eof)
                return 0;
        n = elko_recv_peek(s->net.st, c->sock, slice);
        if (n == ELKO_EAGAIN)
                return 0;
        if (n == 0) {
                c->peer_eof = true;
                ek_http_conn_eof(&c->http);
        }
        if (n <= 0)
                return n;
        for (int i = 0; i < 2; i++) {
                size_t used = slice[i].len == 0
                                      ? 0
                                      : ek_http_conn_input(&c->http, slice[i].data, slice[i].len);

                taken += used;
                if (used < slice[i].len)
                        break;
        }
        if (taken > 0)
                elko_recv_consume(s->net.st, c->sock, taken);
        return (int64_t)taken;
}

/* Let the HTTP machine fill the room that was reserved; -1: abort. */
static int64_t fill(struct client *c, const struct elko_slice slice[2])
{
        int64_t total = 0;

        for (int i = 0; i < 2; i++) {
                size_t at = 0;

                while (at < slice[i].len) {
                        uint8_t *room = (uint8_t *)(uintptr_t)slice[i].data + at;
                        int64_t n = ek_http_conn_output(&c->http, room, slice[i].len - at);

                        if (n < 0)
                                return -1;
                        if (n == 0)
                                return total;
                        at += (size_t)n;
                        total += n;
                }
        }
        return total;
}

/*
 * A quarter of the memory is shared out among the connections as send buffers, so that ten thousand
 * slow readers of a big file don't take all of it and leave nothing for windows and for new
 * connections. Called when a response begins; --sndbuf stays the upper bound.
 */
static void limit_buffer(struct serve *s, struct client *c)
{
        uint64_t share = s->net.options->memory_bytes / 4 / s->open;

        if (share < SEND_SHARE_MIN)
                share = SEND_SHARE_MIN;
        if (share > s->send_max)
                share = s->send_max;
        if (c->send_max == share)
                return;
        c->send_max = (uint32_t)share;
        elko_set_option(s->net.st, c->sock, ELKO_OPTION_SND_BUF_MAX, share);
}

/* Write the response into the send ring. Returns the bytes written, or a negative error. */
static int64_t pump_out(struct serve *s, struct client *c)
{
        int64_t total = 0;

        if (ek_http_conn_pending(&c->http) > SEND_SHARE_MIN)
                limit_buffer(s, c);
        while (ek_http_conn_phase(&c->http) == EK_HTTP_SENDING) {
                struct elko_slice slice[2] = {{NULL, 0}, {NULL, 0}};
                uint64_t left = ek_http_conn_pending(&c->http);
                int64_t room = elko_send_reserve(
                        s->net.st, c->sock, left < WRITE_BYTES ? (size_t)left : WRITE_BYTES, slice);
                int64_t n;

                if (room == ELKO_EAGAIN || room == 0)
                        break;
                if (room < 0)
                        return room;
                n = fill(c, slice);
                if (n < 0)
                        return ELKO_ECONNABORTED;
                n = elko_send_commit(s->net.st, c->sock, (size_t)n, 0);
                if (n < 0)
                        return n;
                total += n;
        }
        return total;
}

/* Close what is to be closed. True: the client is gone. */
static bool settle(struct serve *s, struct client *c)
{
        if (ek_http_conn_phase(&c->http) != EK_HTTP_DONE)
                return false;
        if (c->peer_eof || c->leaving) {
                elko_close(s->net.st, c->sock); /* queued data and FIN still go out */
                client_free(s, c);
                return true;
        }
        if (!c->shut && !c->client_closes) {
                elko_shutdown(s->net.st, c->sock);
                c->shut = true;
        }
        return false;
}

/* Move bytes until neither side moves. The client may be gone afterwards. */
static void pump(struct serve *s, struct client *c)
{
        bool progress = false;
        int64_t in;
        int64_t out;

        do {
                in = pump_in(s, c);
                out = in >= 0 ? pump_out(s, c) : 0;
                if (in < 0 || out < 0) {
                        client_abort(s, c);
                        return;
                }
                progress = progress || out > 0;
        } while (in > 0 || out > 0);
        if (elko_host_is_stopping(s->net.host) && ek_http_conn_phase(&c->http) == EK_HTTP_IDLE)
                ek_http_conn_eof(&c->http);
        if (!settle(s, c))
                requeue(s, c, progress);
}

/* ---- events ---- */

static void accept_all(struct serve *s)
{
        struct client *c;
        elko_sock sock;

        while (elko_accept(s->net.st, s->listener, &sock, NULL) == 0)
                if ((c = client_new(s, sock)) != NULL)
                        pump(s, c); /* the request may be there already */
}

static void on_event(void *ctx, const struct elko_event *ev)
{
        struct serve *s = ctx;
        struct client *c = ev->user;

        s->http.wall = (int64_t)time(NULL);
        if (ev->sock == s->listener) {
                accept_all(s);
                return;
        }
        if (c == NULL || c->sock != ev->sock)
                return;
        if ((ev->bits & ELKO_EV_ERROR) != 0) {
                elko_close(s->net.st, c->sock);
                client_free(s, c);
                return;
        }
        pump(s, c);
}

/* The span of a queue is over for this client. */
static void client_late(struct serve *s, struct client *c)
{
        switch ((enum queue_kind)c->queue) {
        case QUEUE_IDLE:
        case QUEUE_READING:
                ek_http_conn_timeout(&c->http);
                pump(s, c);
                return;
        case QUEUE_SENDING:
                client_abort(s, c); /* half a response can't be ended in order */
                return;
        case QUEUE_CLOSING:
        case QUEUE_COUNT: c->leaving = true; settle(s, c);
        }
}

static void on_tick(void *ctx, struct elko_host_timer *timer)
{
        struct serve *s = ctx;
        uint64_t now = elko_host_now(s->net.host);

        s->http.wall = (int64_t)time(NULL);
        for (int i = 0; i < QUEUE_COUNT; i++) {
                struct client *c;

                while ((c = s->queue[i].head) != NULL && now - c->since >= s->set.span_ns[i])
                        client_late(s, c);
        }
        elko_host_timer_set(s->net.host, timer, now + ELKO_MS(TICK_MS));
}

/* No new connections, idle ones end now, running answers may finish. */
static void on_stop(void *ctx)
{
        struct serve *s = ctx;

        elko_close(s->net.st, s->listener);
        s->listener = ELKO_SOCK_NONE;
        while (s->queue[QUEUE_IDLE].head != NULL)
                client_late(s, s->queue[QUEUE_IDLE].head);
}

static void on_request(void *ctx, const struct ek_http_log *line)
{
        struct serve *s = ctx;
        struct client *c = line->user;
        struct elko_tcp_info info;
        char peer[EK_UTIL_ENDPOINT_TEXT] = "-";

        if (elko_tcp_info_get(s->net.st, c->sock, &info) == 0)
                ek_util_format_endpoint(&info.remote, peer);
        printf("%s %s %s %d %llu\n", peer, line->method, line->target, line->status,
               (unsigned long long)line->body_bytes);
        fflush(stdout);
}

/* ---- the command ---- */

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "port",
         .letter = 'p',
         .arg = "PORT",
         .kind = EK_OPT_COUNT,
         .offset = OWN(port),
         .min = 1,
         .max = 65535,
         .help = "TCP port to listen on; default 80"},
        {.name = "log",
         .kind = EK_OPT_SET,
         .offset = OWN(log),
         .help = "print one line for each request on stdout: client, method, target, status, bytes"},
        {.name = "idle-timeout",
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = OWN(span_ns[QUEUE_IDLE]),
         .min = ELKO_SEC(1),
         .max = ELKO_SEC(86400),
         .unit_ns = ELKO_SEC(1),
         .help = "close a connection that asks nothing, 1 to 86400; default 60"},
        {.name = "request-timeout",
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = OWN(span_ns[QUEUE_READING]),
         .min = ELKO_SEC(1),
         .max = ELKO_SEC(3600),
         .unit_ns = ELKO_SEC(1),
         .help = "a request must be complete after this, 1 to 3600; default 30"},
        {.name = "send-timeout",
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = OWN(span_ns[QUEUE_SENDING]),
         .min = ELKO_SEC(1),
         .max = ELKO_SEC(3600),
         .unit_ns = ELKO_SEC(1),
         .help = "reset a client that takes nothing of a response for so long, 1 to 3600; default 60"},
        {.name = "close-first",
         .arg = "WHO",
         .kind = EK_OPT_CHOICE,
         .offset = OWN(close_first),
         .choices = "server|client|alternate",
         .help = "who sends the first FIN after the last response: server, client, or alternate (for "
                 "tests); default server"},
};

static const struct ek_command_spec spec = {
        .name = "serve",
        .usage = "DIR",
        .about =
                "Serve the files of DIR over HTTP/1.1 through elko's own TCP, until SIGINT or SIGTERM. "
                "Symbolic links that lead out of DIR are refused; a directory is answered with its "
                "index.html or a listing.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .network = true,
        .min_args = 1,
        .max_args = 1,
        .notes = "Exit codes: 0 stopped, 1 usage, 2 network, 4 DIR can't be read.\n"
                 "Example: elko serve --port 8080 ./public     then: curl http://10.77.0.2:8080/",
};

static void say_where(const struct serve *s, const char *dir)
{
        char v4[ELKO_IP_TEXT];
        char v6[ELKO_IP_TEXT];
        const char *four = ek_netctx_own_address(&s->net, 4, v4);
        const char *six = ek_netctx_own_address(&s->net, 6, v6);

        if (four != NULL)
                ek_netctx_say(&s->net, "elko: serving %s at http://%s:%llu/", dir, four,
                              (unsigned long long)s->set.port);
        if (six != NULL)
                ek_netctx_say(&s->net, "elko: serving %s at http://[%s]:%llu/", dir, six,
                              (unsigned long long)s->set.port);
}

static void report(const struct serve *s, const struct ek_options *options)
{
        if (options->json)
                printf("{\"connections\":%llu,\"connections_max\":%llu,\"requests\":%llu,"
                       "\"body_bytes\":%llu}\n",
                       (unsigned long long)s->accepted, (unsigned long long)s->open_max,
                       (unsigned long long)s->http.requests,
                       (unsigned long long)s->http.body_bytes);
}

static void free_clients(struct serve *s)
{
        for (int i = 0; i < QUEUE_COUNT; i++)
                while (s->queue[i].head != NULL)
                        client_abort(s, s->queue[i].head);
}

static int run(struct serve *s, const struct ek_options *options, const char *dir)
{
        struct ek_netctx_config config = {.on_event = on_event, .on_stop = on_stop, .ctx = s};
        int code = EK_EXIT_NETWORK;

        if (!ek_netctx_open(&s->net, options, &config))
                return code;
        if (ek_netctx_listen(&s->net, NULL, (uint16_t)s->set.port, &s->listener)) {
                s->tick = (struct elko_host_timer){.fn = on_tick, .ctx = s};
                elko_host_timer_set(s->net.host, &s->tick,
                                    elko_host_now(s->net.host) + ELKO_MS(TICK_MS));
                say_where(s, dir);
                code = ek_netctx_run(&s->net);
                elko_host_timer_clear(s->net.host, &s->tick);
                free_clients(s);
        }
        ek_netctx_close(&s->net);
        return code;
}

int ek_cmd_serve(int argc, char **argv)
{
        struct ek_options options;
        struct serve s = {.set = {.port = 80,
                                  .span_ns = {ELKO_SEC(60), ELKO_SEC(30), ELKO_SEC(60),
                                              ELKO_SEC(CLOSING_SECONDS)}}};
        int error = 0;
        int code;

        switch (ek_options_parse(&spec, argc, argv, &options, &s.set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        s.http.files = ek_http_files_open(options.args[0], &error);
        if (s.http.files == NULL) {
                ek_util_error("serve: cannot open the directory '%s': %s", options.args[0],
                              ek_util_errno_text(error));
                return EK_EXIT_FILE;
        }
        s.send_max = options.sndbuf != EK_OPT_UNSET ? options.sndbuf : SEND_MAX;
        s.http.wall = (int64_t)time(NULL);
        if (s.set.log) {
                s.http.log = on_request;
                s.http.log_ctx = &s;
        }
        code = run(&s, &options, options.args[0]);
        report(&s, &options);
        ek_http_files_close(s.http.files);
        return code;
}
