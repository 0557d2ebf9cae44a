/* SPDX-License-Identifier: MIT */
/*
 * elko listen: wait for a connection and join it to stdin and stdout, or to one of stream.c's test
 * ends.
 *
 * Theory: one connection at a time. Without --keep the listener is closed as soon as the first
 * connection is there, so that a second client is told "refused" at once. With --keep later ones
 * wait in the accept queue, and each is served when the one before it is over; its failure is told,
 * and ends nothing.
 */
#include <string.h>

#include "commands.h"
#include "netctx.h"
#include "stream.h"
#include "util.h"

struct listen {
        struct ek_netctx net;
        struct ek_stream_settings set;
        struct ek_stream stream;
        elko_sock listener;
        struct elko_host_timer
                again; /* --keep: look for the next one outside of the old one's calls */
        bool busy;
        int code;
};

static void on_end(void *ctx, struct ek_stream *stream, int code)
{
        struct listen *l = ctx;

        if (l->code == EK_EXIT_OK)
                l->code = code;
        ek_stream_report(stream);
        l->busy = false;
        if (l->set.keep)
                elko_host_timer_set(l->net.host, &l->again, elko_host_now(l->net.host));
        else
                elko_host_stop(l->net.host);
}

static void close_listener(struct listen *l)
{
        if (l->listener != ELKO_SOCK_NONE)
                elko_close(l->net.st, l->listener);
        l->listener = ELKO_SOCK_NONE;
}

static void start(struct listen *l, elko_sock sock, const elko_endpoint *remote)
{
        char text[EK_UTIL_ENDPOINT_TEXT];

        ek_netctx_say(&l->net, "elko: connection from %s", ek_util_format_endpoint(remote, text));
        ek_stream_free(&l->stream);
        l->busy = true;
        if (!l->set.keep)
                close_listener(l);
        if (ek_stream_start(&l->stream, &l->net, sock, &l->set, on_end, l))
                return;
        elko_abort(l->net.st, sock);
        l->busy = false;
}

/* Serve the next connection that waits, and the next, as long as they end at once. */
static void next(struct listen *l)
{
        elko_endpoint remote;
        elko_sock sock;

        while (!l->busy && l->listener != ELKO_SOCK_NONE &&
               elko_accept(l->net.st, l->listener, &sock, &remote) == 0)
                start(l, sock, &remote);
}

static void on_again(void *ctx, struct elko_host_timer *timer)
{
        (void)timer;
        next(ctx);
}

static void on_event(void *ctx, const struct elko_event *ev)
{
        struct listen *l = ctx;

        if (l->busy && ev->sock == l->stream.sock)
                ek_stream_event(&l->stream, ev);
        next(l);
}

static void on_stop(void *ctx)
{
        struct listen *l = ctx;

        close_listener(l);
        if (l->busy)
                ek_stream_stop(&l->stream);
}

static const struct ek_opt own_opts[] = {
        {.name = "keep",
         .letter = 'k',
         .kind = EK_OPT_SET,
         .offset = EK_STREAM_OWN(keep),
         .help = "serve further connections, one after another, until SIGINT or SIGTERM"},
};

static const struct ek_command_spec spec = {
        .name = "listen",
        .usage = "[ADDRESS] PORT",
        .about =
                "Wait for one TCP connection and join it to stdin and stdout. The end of stdin closes the "
                "sending direction only; the command ends when the other side has closed, too.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .shared = ek_stream_opts,
        .shared_count = EK_STREAM_OPT_COUNT,
        .network = true,
        .min_args = 1,
        .max_args = 2,
        .notes =
                "Exit codes: 0 both directions closed in order, 1 usage, 2 network (or --sink-verify "
                "failed), 4 stdout.\nExample: elko listen 7 --echo --keep     then: nc 10.77.0.2 7",
};

static int run(struct listen *l, const struct ek_options *options, const elko_ip *ip, uint16_t port)
{
        struct ek_netctx_config config = {.on_event = on_event, .on_stop = on_stop, .ctx = l};
        elko_endpoint local;
        char text[EK_UTIL_ENDPOINT_TEXT];

        if (ek_stream_uses_stdout(&l->set))
                config.report = stderr;
        if (!ek_netctx_open(&l->net, options, &config))
                return EK_EXIT_NETWORK;
        if (ek_netctx_listen(&l->net, ip, port, &l->listener)) {
                l->again = (struct elko_host_timer){.fn = on_again, .ctx = l};
                local = (elko_endpoint){.port = port};
                if (ip != NULL)
                        local.ip = *ip;
                ek_netctx_say(&l->net, "elko: listening on %s",
                              ek_util_format_endpoint(&local, text));
                if (ek_netctx_run(&l->net) != EK_EXIT_OK)
                        l->code = EK_EXIT_NETWORK;
                elko_host_timer_clear(l->net.host, &l->again);
                ek_stream_free(&l->stream);
        } else {
                l->code = EK_EXIT_NETWORK;
        }
        ek_netctx_close(&l->net);
        return l->code;
}

int ek_cmd_listen(int argc, char **argv)
{
        struct ek_options options;
        struct listen l = {0};
        const char *port_text;
        elko_ip ip;
        uint64_t port;

        ek_stream_settings_default(&l.set);
        switch (ek_options_parse(&spec, argc, argv, &options, &l.set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        port_text = options.args[options.arg_count - 1];
        if (!ek_util_parse_u64(port_text, &port) || port < 1 || port > 65535) {
                ek_util_error("listen: '%s' is not a port: it must be a number from 1 to 65535",
                              port_text);
                return EK_EXIT_USAGE;
        }
        if (options.arg_count == 2 && !elko_ip_parse(options.args[0], &ip)) {
                ek_util_error("listen: '%s' is not an IPv4 or IPv6 address", options.args[0]);
                return EK_EXIT_USAGE;
        }
        if (!ek_stream_settings_check("listen", &l.set))
                return EK_EXIT_USAGE;
        return run(&l, &options, options.arg_count == 2 ? &ip : NULL, (uint16_t)port);
}
