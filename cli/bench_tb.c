/* SPDX-License-Identifier: MIT */
/*
 * elko bench tb-server: the server of the benchmark client `tb`, over elko.
 *
 * Theory: the first byte of a connection chooses what it is: 'S' the client sends and we read until
 * its end, 'R' we send until the client has enough, anything else: that byte and every later one
 * come back. Received bulk is used in place (peek and consume: all of it is addressable, none of it
 * is copied), sent bulk is copied once from a buffer, as a server does that has the data somewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "netctx.h"
#include "util.h"

enum { BUFFER_BYTES = 128 << 10 };

enum role { ROLE_UNKNOWN, ROLE_SINK, ROLE_SOURCE, ROLE_ECHO };

struct settings {
        uint64_t port;
};

struct peer {
        elko_sock sock;
        enum role role;
        uint8_t *echo; /* ECHO: received, not yet sent */
        size_t echo_at, echo_len;
        struct peer *prev, *next;
};

struct server {
        struct ek_netctx net;
        struct settings set;
        elko_sock listener;
        struct peer *peers;
        uint64_t connections, received, sent;
        uint8_t buffer[BUFFER_BYTES];
};

enum { ECHO_BYTES = 4096 };

static void peer_free(struct server *s, struct peer *p)
{
        elko_close(s->net.st, p->sock);
        if (p->prev != NULL)
                p->prev->next = p->next;
        else
                s->peers = p->next;
        if (p->next != NULL)
                p->next->prev = p->prev;
        free(p->echo);
        free(p);
}

/* ---- the roles; each returns false when the connection is over ---- */

static bool sink(struct server *s, struct peer *p)
{
        struct elko_slice slice[2];
        int64_t n;

        while ((n = elko_recv_peek(s->net.st, p->sock, slice)) > 0) {
                elko_recv_consume(s->net.st, p->sock, (size_t)n);
                s->received += (uint64_t)n;
        }
        return n == ELKO_EAGAIN;
}

static bool source(struct server *s, struct peer *p)
{
        int64_t n;

        while ((n = elko_send(s->net.st, p->sock, s->buffer, BUFFER_BYTES, 0)) > 0)
                s->sent += (uint64_t)n;
        return n == ELKO_EAGAIN;
}

/* False: an error. Nothing is received while something waits to be sent. */
static bool echo_flush(struct server *s, struct peer *p)
{
        while (p->echo_at < p->echo_len) {
                int64_t n = elko_send(s->net.st, p->sock, p->echo + p->echo_at,
                                      p->echo_len - p->echo_at, 0);

                if (n < 0)
                        return n == ELKO_EAGAIN;
                p->echo_at += (size_t)n;
                s->sent += (uint64_t)n;
        }
        return true;
}

static bool echo(struct server *s, struct peer *p)
{
        for (;;) {
                int64_t n;

                if (!echo_flush(s, p))
                        return false;
                if (p->echo_at < p->echo_len)
                        return true;
                n = elko_recv(s->net.st, p->sock, p->echo, ECHO_BYTES);
                if (n <= 0)
                        return n == ELKO_EAGAIN;
                p->echo_at = 0;
                p->echo_len = (size_t)n;
                s->received += (uint64_t)n;
        }
}

/* Read the byte that says what this connection is. */
static bool choose(struct server *s, struct peer *p)
{
        uint8_t first;
        int64_t n = elko_recv(s->net.st, p->sock, &first, 1);

        if (n != 1)
                return n == ELKO_EAGAIN;
        if (first == 'S' || first == 'R') {
                p->role = first == 'S' ? ROLE_SINK : ROLE_SOURCE;
                return true;
        }
        p->echo = malloc(ECHO_BYTES);
        if (p->echo == NULL)
                return false;
        p->role = ROLE_ECHO;
        p->echo[0] = first;
        p->echo_len = 1;
        return true;
}

static void serve(struct server *s, struct peer *p)
{
        bool open = p->role != ROLE_UNKNOWN || choose(s, p);

        if (open && p->role == ROLE_SINK)
                open = sink(s, p);
        else if (open && p->role == ROLE_SOURCE)
                open = source(s, p);
        else if (open && p->role == ROLE_ECHO)
                open = echo(s, p);
        if (!open)
                peer_free(s, p);
}

/* ---- the loop's side ---- */

static void accept_all(struct server *s)
{
        elko_sock sock;

        while (elko_accept(s->net.st, s->listener, &sock, NULL) == 0) {
                struct peer *p = calloc(1, sizeof *p);

                if (p == NULL) {
                        elko_abort(s->net.st, sock);
                        continue;
                }
                s->connections++;
                p->sock = sock;
                p->next = s->peers;
                if (p->next != NULL)
                        p->next->prev = p;
                s->peers = p;
                elko_set_user(s->net.st, sock, p);
                elko_set_option(s->net.st, sock, ELKO_OPTION_NODELAY, 1); /* as tb's own server */
                serve(s, p);
        }
}

static void on_event(void *ctx, const struct elko_event *ev)
{
        struct server *s = ctx;
        struct peer *p = ev->user;

        if (ev->sock == s->listener)
                accept_all(s);
        else if (p == NULL || p->sock != ev->sock)
                return;
        else if ((ev->bits & ELKO_EV_ERROR) != 0)
                peer_free(s, p);
        else
                serve(s, p);
}

static void on_stop(void *ctx)
{
        struct server *s = ctx;

        elko_close(s->net.st, s->listener);
        s->listener = ELKO_SOCK_NONE;
        while (s->peers != NULL)
                peer_free(s, s->peers);
}

/* ---- the mode ---- */

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "port",
         .letter = 'p',
         .arg = "PORT",
         .kind = EK_OPT_COUNT,
         .offset = OWN(port),
         .min = 1,
         .max = 65535,
         .help = "TCP port to listen on; default 5201"},
};

static const struct ek_command_spec spec = {
        .name = "bench tb-server",
        .usage = "",
        .about =
                "Serve the benchmark client `tb` through elko's own TCP until SIGINT or SIGTERM. The first "
                "byte of a connection: S, the client sends; R, the server sends; else every byte is sent "
                "back.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .network = true,
        .notes = "Exit codes: 0 stopped, 1 usage, 2 network.\n"
                 "Example: elko bench tb-server     then: tb send -h 10.77.0.2",
};

static int run(struct server *s, const struct ek_options *options)
{
        struct ek_netctx_config config = {.on_event = on_event, .on_stop = on_stop, .ctx = s};
        int code = EK_EXIT_NETWORK;

        if (!ek_netctx_open(&s->net, options, &config))
                return code;
        if (ek_netctx_listen(&s->net, NULL, (uint16_t)s->set.port, &s->listener)) {
                ek_netctx_say(&s->net, "elko: tb server on port %llu",
                              (unsigned long long)s->set.port);
                code = ek_netctx_run(&s->net);
                while (s->peers != NULL)
                        peer_free(s, s->peers);
        }
        ek_netctx_close(&s->net);
        if (options->json)
                printf("{\"connections\":%llu,\"received\":%llu,\"sent\":%llu}\n",
                       (unsigned long long)s->connections, (unsigned long long)s->received,
                       (unsigned long long)s->sent);
        return code;
}

int ek_bench_tb_server(int argc, char **argv)
{
        struct ek_options options;
        struct settings set = {.port = 5201};
        struct server *s;
        int code;

        switch (ek_options_parse(&spec, argc, argv, &options, &set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        s = calloc(1, sizeof *s);
        if (s == NULL) {
                ek_util_error("bench tb-server: out of memory");
                return EK_EXIT_NETWORK;
        }
        s->set = set;
        memset(s->buffer, 'x', sizeof s->buffer);
        code = run(s, &options);
        free(s);
        return code;
}
