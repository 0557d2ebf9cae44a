/* SPDX-License-Identifier: MIT */
/*
 * elko get: download a file over HTTP.
 * elko-build: needs=http_parser
 *
 * Theory: one attempt is connect, send the request, feed what comes to the response machine
 * (http_client.c), whose body goes to the file (download.c). The head of the response decides what
 * the attempt is: the file (200), its rest (206), a redirect (3xx: another attempt), a rest that
 * can't be had (416: another attempt from the start), or an error. All ends go through finish(),
 * which says why and stops the loop; the exit code tells the kinds apart.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "commands.h"
#include "download.h"
#include "http_client.h"
#include "netctx.h"
#include "progress.h"
#include "util.h"

enum {
        REDIRECTS_MAX = 5,
        STDOUT_BYTES = 4096, /* PIPE_BUF: what a writable pipe takes without blocking */
};

struct settings {
        const char *output;
        bool resume;
        struct ek_text_list headers;
        bool only_v4, only_v6;
        uint64_t timeout_ns;
};

/* What the head of the response said is to be done at its end. */
enum plan { PLAN_BODY, PLAN_REDIRECT, PLAN_RESTART, PLAN_ALREADY_COMPLETE, PLAN_ERROR };

struct get {
        struct ek_netctx net;
        struct settings set;
        struct ek_http_url url;
        struct ek_http_client http;
        struct ek_download file;
        struct ek_progress progress;
        elko_sock sock;
        char *request; /* the part from request_at is still to be sent */
        size_t request_len, request_at;
        enum plan plan;
        unsigned redirects;
        bool from_start; /* a resumed attempt failed: no Range any more */
        bool waiting_for_stdout;
        bool finished;
        int code;
        struct elko_host_timer stall;
};

/* ---- ends ---- */

__attribute__((format(printf, 3, 4))) static void finish(struct get *g, int code,
                                                         const char *format, ...)
{
        char text[900];
        va_list args;

        if (g->finished)
                return;
        g->finished = true;
        g->code = code;
        ek_progress_end(&g->progress, ek_util_now(), code == EK_EXIT_OK);
        if (format != NULL) {
                va_start(args, format);
                vsnprintf(text, sizeof text, format, args);
                va_end(args);
                ek_util_error("get: %s", text);
        }
        elko_host_stop(g->net.host);
}

static void fail_network(struct get *g, const char *what)
{
        if (g->file.part != NULL && g->file.fd >= 0 && g->file.size > 0)
                finish(g, EK_EXIT_NETWORK,
                       "%s; the first %llu bytes are in '%s', --continue goes on from there", what,
                       (unsigned long long)g->file.size, g->file.part);
        else
                finish(g, EK_EXIT_NETWORK, "%s", what);
}

static void drop_connection(struct get *g)
{
        if (g->sock != ELKO_SOCK_NONE)
                elko_close(g->net.st, g->sock);
        g->sock = ELKO_SOCK_NONE;
        if (g->waiting_for_stdout)
                elko_host_fd_del(g->net.host, STDOUT_FILENO);
        g->waiting_for_stdout = false;
}

static void complete(struct get *g)
{
        drop_connection(g);
        if (ek_download_finish(&g->file))
                finish(g, EK_EXIT_OK, NULL);
        else
                finish(g, EK_EXIT_FILE, "%s", g->file.error);
}

/* ---- the response ---- */

static bool is_redirect(int status)
{
        return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static enum plan plan_of(const struct get *g, const struct ek_http_reply *r)
{
        uint64_t offset = g->from_start ? 0 : ek_download_offset(&g->file);

        if (r->status == 200)
                return PLAN_BODY;
        if (r->status == 206 && offset > 0 && r->has_range && r->range_first == offset)
                return PLAN_BODY;
        if (r->status == 206 && offset > 0)
                return PLAN_RESTART; /* another part than the one we asked for */
        if (r->status == 416 && offset > 0)
                return r->has_total && r->total == offset ? PLAN_ALREADY_COMPLETE : PLAN_RESTART;
        if (is_redirect(r->status) && r->location != NULL)
                return PLAN_REDIRECT;
        return PLAN_ERROR;
}

/* A weak tag must not stand in If-Range (RFC 9110, 13.1.5). */
static const char *validator_of(const struct ek_http_reply *r)
{
        return r->etag != NULL && r->etag[0] == '"' ? r->etag : r->last_modified;
}

static bool begin_body(struct get *g, const struct ek_http_reply *r)
{
        uint64_t offset = r->status == 206 ? ek_download_offset(&g->file) : 0;

        ek_progress_start(&g->progress, g->net.options->quiet, offset, ek_util_now());
        if (r->has_length)
                ek_progress_total(&g->progress, offset + r->length);
        if (ek_download_begin(&g->file, offset, validator_of(r)))
                return true;
        finish(g, EK_EXIT_FILE, "%s", g->file.error);
        return false;
}

static bool on_head(void *ctx, const struct ek_http_reply *r)
{
        struct get *g = ctx;

        g->plan = plan_of(g, r);
        return g->plan == PLAN_BODY && begin_body(g, r);
}

static bool on_body(void *ctx, const uint8_t *data, size_t len)
{
        struct get *g = ctx;

        if (!ek_download_write(&g->file, data, len)) {
                finish(g, EK_EXIT_FILE, "%s", g->file.error);
                return false;
        }
        ek_progress_add(&g->progress, len, ek_util_now());
        return true;
}

/* ---- attempts ---- */

static bool make_request(struct get *g)
{
        uint64_t offset = g->from_start ? 0 : ek_download_offset(&g->file);
        struct ek_http_get get = {
                .url = &g->url,
                .headers = g->set.headers.text,
                .header_count = g->set.headers.count,
                .resume_at = offset,
                .if_range = g->file.tag,
        };

        free(g->request);
        g->request_at = 0;
        g->request = ek_http_get_text(&get, &g->request_len);
        return g->request != NULL;
}

static void attempt(struct get *g)
{
        int family = g->set.only_v4 ? 4 : g->set.only_v6 ? 6 : 0;

        ek_http_client_free(&g->http);
        ek_http_client_init(&g->http, on_head, on_body, g);
        if (!make_request(g)) {
                finish(g, EK_EXIT_FILE, "out of memory");
                return;
        }
        if (!ek_netctx_connect(&g->net, g->url.host, g->url.port, family, &g->sock))
                finish(g, EK_EXIT_NETWORK, NULL); /* it said why */
}

static void redirect(struct get *g)
{
        struct ek_http_url url;
        char why[300];

        if (++g->redirects > REDIRECTS_MAX) {
                finish(g, EK_EXIT_HTTP, "more than %d redirects, the last one to '%.300s'",
                       REDIRECTS_MAX, g->http.reply.location);
                return;
        }
        if (!ek_http_url_resolve(&g->url, g->http.reply.location, &url, why, sizeof why)) {
                finish(g, EK_EXIT_HTTP, "the server redirects to '%.300s': %s",
                       g->http.reply.location, why);
                return;
        }
        g->url = url;
        ek_netctx_say(&g->net, "elko: redirected to http://%s:%u%.300s", url.host, url.port,
                      url.target);
        attempt(g);
}

/* The response is over, or its head was all that matters. */
static void conclude(struct get *g)
{
        drop_connection(g);
        switch (g->plan) {
        case PLAN_BODY:
        case PLAN_ALREADY_COMPLETE: complete(g); return;
        case PLAN_REDIRECT: redirect(g); return;
        case PLAN_RESTART:
                g->from_start = true;
                ek_netctx_say(&g->net, "elko: the server can't continue this file: starting again");
                attempt(g);
                return;
        case PLAN_ERROR:
                finish(g, EK_EXIT_HTTP, "the server answered %d %s for http://%s:%u%.300s",
                       g->http.reply.status,
                       http_status_str((enum http_status)g->http.reply.status), g->url.host,
                       g->url.port, g->url.target);
        }
}

/* The response machine said no: a callback stopped it, or it is broken. */
static void response_failed(struct get *g)
{
        if (g->finished)
                return;
        if (g->http.stopped)
                conclude(g);
        else
                fail_network(g, g->http.error);
}

/* ---- moving bytes ---- */

static void pump(struct get *g);

static void on_stdout(void *ctx, int fd, uint32_t events)
{
        struct get *g = ctx;

        (void)events;
        elko_host_fd_del(g->net.host, fd);
        g->waiting_for_stdout = false;
        pump(g);
}

/* Standard output takes nothing: wait for it; the receive window closes meanwhile. */
static void wait_for_stdout(struct get *g)
{
        if (elko_host_fd_add(g->net.host, STDOUT_FILENO, EPOLLOUT, on_stdout, g) == 0)
                g->waiting_for_stdout = true;
        else
                finish(g, EK_EXIT_FILE, "standard output cannot be watched: use -o FILE");
}

static void send_request(struct get *g)
{
        int64_t n;

        if (g->request_at == g->request_len)
                return;
        n = elko_send(g->net.st, g->sock, g->request + g->request_at,
                      g->request_len - g->request_at, 0);
        if (n > 0)
                g->request_at += (size_t)n;
}

static void end_of_stream(struct get *g)
{
        if (ek_http_client_eof(&g->http))
                conclude(g);
        else
                response_failed(g);
}

static bool is_done(const struct get *g, elko_sock sock)
{
        return g->finished || g->sock != sock;
}

static void pump(struct get *g)
{
        elko_sock sock = g->sock; /* another one after a redirect */

        while (!is_done(g, sock) && !g->waiting_for_stdout) {
                struct elko_slice slice[2];
                size_t len;
                int64_t n = elko_recv_peek(g->net.st, sock, slice);

                if (n == 0)
                        end_of_stream(g);
                if (n <= 0)
                        return; /* errors come as an event */
                if (!ek_download_ready(&g->file)) {
                        wait_for_stdout(g);
                        return;
                }
                len = slice[0].len;
                if (g->file.part == NULL && len > STDOUT_BYTES)
                        len = STDOUT_BYTES;
                if (!ek_http_client_input(&g->http, slice[0].data, len)) {
                        response_failed(g);
                        return;
                }
                elko_recv_consume(g->net.st, sock, len);
                if (g->http.complete)
                        conclude(g);
        }
}

static void on_event(void *ctx, const struct elko_event *ev)
{
        struct get *g = ctx;
        char text[300];

        if (g->finished || ev->sock != g->sock)
                return;
        elko_host_timer_set(g->net.host, &g->stall, elko_host_now(g->net.host) + g->set.timeout_ns);
        send_request(g);
        pump(g);
        if ((ev->bits & ELKO_EV_ERROR) == 0 || is_done(g, ev->sock))
                return;
        snprintf(text, sizeof text, "http://%s:%u: %s", g->url.host, g->url.port,
                 elko_error_text(ev->error));
        fail_network(g, text);
}

static void on_stall(void *ctx, struct elko_host_timer *timer)
{
        struct get *g = ctx;
        char span[EK_UTIL_TEXT];
        char text[200];

        if (g->waiting_for_stdout) { /* not the network's fault */
                elko_host_timer_set(g->net.host, timer,
                                    elko_host_now(g->net.host) + g->set.timeout_ns);
                return;
        }
        snprintf(text, sizeof text, "nothing came from http://%.100s:%u for %s", g->url.host,
                 g->url.port, ek_util_format_span(g->set.timeout_ns, span));
        fail_network(g, text);
}

static void on_stop(void *ctx)
{
        struct get *g = ctx;

        if (!g->finished)
                fail_network(g, "interrupted");
        drop_connection(g);
}

/* ---- the command ---- */

#define OWN(field) offsetof(struct settings, field)

static bool parse_header(void *target, const char *value, char *why, size_t why_len)
{
        struct settings *set = target;

        if (!ek_http_header_ok(value)) {
                snprintf(why, why_len, "a header looks like 'Name: value', without line breaks");
                return false;
        }
        if (set->headers.count == EK_TEXT_LIST_MAX) {
                snprintf(why, why_len, "at most %d headers", EK_TEXT_LIST_MAX);
                return false;
        }
        set->headers.text[set->headers.count++] = value;
        return true;
}

static const struct ek_opt own_opts[] = {
        {.name = "output",
         .letter = 'o',
         .arg = "FILE",
         .kind = EK_OPT_TEXT,
         .offset = OWN(output),
         .help = "where to; - is stdout; default: the last part of the URL's path"},
        {.name = "continue",
         .letter = 'c',
         .kind = EK_OPT_SET,
         .offset = OWN(resume),
         .help = "go on where an earlier download stopped (FILE.part), if the server still has the same "
                 "file"},
        {.name = "header",
         .letter = 'H',
         .arg = "HEADER",
         .kind = EK_OPT_CALL,
         .parse = parse_header,
         .help = "add 'Name: value' to the request; may be given again"},
        {.name = "timeout",
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = OWN(timeout_ns),
         .min = ELKO_MS(100),
         .max = ELKO_SEC(86400),
         .unit_ns = ELKO_SEC(1),
         .help = "give up when nothing comes for so long, 0.1 to 86400; default 60"},
        {.name = "ipv4",
         .letter = '4',
         .kind = EK_OPT_SET,
         .offset = OWN(only_v4),
         .help = "IPv4 only"},
        {.name = "ipv6",
         .letter = '6',
         .kind = EK_OPT_SET,
         .offset = OWN(only_v6),
         .help = "IPv6 only"},
};

static const struct ek_command_spec spec = {
        .name = "get",
        .usage = "URL",
        .about =
                "Download http://HOST[:PORT]/PATH through elko's own TCP. HOST is an IPv4 address, an "
                "[IPv6] address, or a name in /etc/hosts: elko does not ask the DNS. Up to 5 redirects "
                "are followed. The data goes to FILE.part, which becomes FILE when it is whole: an "
                "existing FILE is never harmed.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .network = true,
        .min_args = 1,
        .max_args = 1,
        .notes = "Exit codes: 0 done, 1 usage, 2 network, 3 HTTP error status, 4 file.\n"
                 "Example: elko get -o big.iso --continue http://10.77.0.1:8000/big.iso",
};

static void report(const struct get *g)
{
        if (g->net.options->json)
                fprintf(g->file.part == NULL ? stderr : stdout,
                        "{\"status\":%d,\"bytes\":%llu,\"size\":%llu,\"redirects\":%u,\"exit\":%d}\n",
                        g->http.reply.status,
                        (unsigned long long)(g->progress.bytes - g->progress.start_bytes),
                        (unsigned long long)g->progress.bytes, g->redirects, g->code);
}

static int run(struct get *g, const struct ek_options *options)
{
        struct ek_netctx_config config = {.on_event = on_event,
                                          .on_stop = on_stop,
                                          .ctx = g,
                                          .report = g->file.part == NULL ? stderr : stdout};
        int code;

        if (!ek_netctx_open(&g->net, options, &config))
                return EK_EXIT_NETWORK;
        ek_progress_start(&g->progress, options->quiet, 0, ek_util_now());
        g->stall = (struct elko_host_timer){.fn = on_stall, .ctx = g};
        elko_host_timer_set(g->net.host, &g->stall, elko_host_now(g->net.host) + g->set.timeout_ns);
        attempt(g);
        code = ek_netctx_run(&g->net);
        elko_host_timer_clear(g->net.host, &g->stall);
        drop_connection(g);
        report(g);
        ek_netctx_close(&g->net);
        return g->finished ? g->code : code != EK_EXIT_OK ? code : EK_EXIT_NETWORK;
}

/* The URL and the name of the file; an exit code. */
static int prepare(struct get *g, const char *url)
{
        char why[300];
        char name[256];

        if (!ek_http_url_parse(url, &g->url, why, sizeof why)) {
                ek_util_error("get: bad URL '%s': %s", url, why);
                return EK_EXIT_USAGE;
        }
        ek_http_url_file_name(&g->url, name, sizeof name);
        if (!ek_download_init(&g->file, g->set.output != NULL ? g->set.output : name,
                              g->set.resume)) {
                ek_util_error("get: %s", g->file.error);
                return EK_EXIT_FILE;
        }
        if (g->file.found && g->file.tag == NULL && g->file.size > 0)
                ek_util_error(
                        "get: note: '%s' can't be continued, because nothing says which version of "
                        "the file it is: starting again",
                        g->file.part);
        return EK_EXIT_OK;
}

int ek_cmd_get(int argc, char **argv)
{
        struct ek_options options;
        struct get *g;
        int code = EK_EXIT_OK;
        struct settings set = {.timeout_ns = ELKO_SEC(60)};

        switch (ek_options_parse(&spec, argc, argv, &options, &set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        g = calloc(1, sizeof *g);
        if (g == NULL) {
                ek_util_error("get: out of memory");
                return EK_EXIT_FILE;
        }
        g->set = set;
        g->file.fd = -1;
        code = prepare(g, options.args[0]);
        if (code == EK_EXIT_OK)
                code = run(g, &options);
        ek_http_client_free(&g->http);
        ek_download_free(&g->file);
        free(g->request);
        free(g);
        return code;
}
