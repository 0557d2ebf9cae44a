/* SPDX-License-Identifier: MIT */
/*
 * elko connect: a connection joined to stdin and stdout, or to one of stream.c's test ends.
 *
 * Theory: the three-way handshake is the only thing that this file adds to stream.c: the stream
 * starts with ELKO_EV_CONNECTED, and until then an error or the time-out is a failure to connect.
 */
#include <string.h>

#include "commands.h"
#include "netctx.h"
#include "stream.h"
#include "util.h"

struct connect {
        struct ek_netctx net;
        struct ek_stream_settings set;
        struct ek_stream stream;
        elko_sock sock;
        bool connected;
        const char *host, *port_text;
        int code;
        struct elko_host_timer timeout;
};

static void on_end(void *ctx, struct ek_stream *stream, int code)
{
        struct connect *c = ctx;

        c->code = code;
        ek_stream_report(stream);
        elko_host_stop(c->net.host);
}

static void fail(struct connect *c, const char *why)
{
        ek_util_error("connect: %s port %s: %s", c->host, c->port_text, why);
        c->code = EK_EXIT_NETWORK;
        elko_close(c->net.st, c->sock);
        c->sock = ELKO_SOCK_NONE;
        elko_host_stop(c->net.host);
}

static void start(struct connect *c)
{
        c->connected = true;
        elko_host_timer_clear(c->net.host, &c->timeout);
        ek_netctx_say(&c->net, "elko: connected to %s port %s", c->host, c->port_text);
        if (!ek_stream_start(&c->stream, &c->net, c->sock, &c->set, on_end, c))
                fail(c, "out of memory");
}

static void on_event(void *ctx, const struct elko_event *ev)
{
        struct connect *c = ctx;

        if (c->sock == ELKO_SOCK_NONE || ev->sock != c->sock)
                return;
        if (!c->connected && (ev->bits & ELKO_EV_CONNECTED) != 0)
                start(c);
        if (c->connected)
                ek_stream_event(&c->stream, ev);
        else if ((ev->bits & ELKO_EV_ERROR) != 0)
                fail(c, elko_error_text(ev->error));
}

static void on_timeout(void *ctx, struct elko_host_timer *timer)
{
        (void)timer;
        fail(ctx, "no answer within --timeout");
}

static void on_stop(void *ctx)
{
        struct connect *c = ctx;

        if (c->connected)
                ek_stream_stop(&c->stream);
        else if (c->sock != ELKO_SOCK_NONE)
                fail(c, "interrupted");
}

static const struct ek_opt own_opts[] = {
        {.name = "timeout",
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = EK_STREAM_OWN(timeout_ns),
         .min = ELKO_MS(1),
         .max = ELKO_SEC(86400),
         .unit_ns = ELKO_SEC(1),
         .help = "give up connecting after this, 0.001 to 86400; default: TCP's own, about 3 minutes"},
        {.name = "ipv4",
         .letter = '4',
         .kind = EK_OPT_SET,
         .offset = EK_STREAM_OWN(only_v4),
         .help = "IPv4 only"},
        {.name = "ipv6",
         .letter = '6',
         .kind = EK_OPT_SET,
         .offset = EK_STREAM_OWN(only_v6),
         .help = "IPv6 only"},
};

static const struct ek_command_spec spec = {
        .name = "connect",
        .usage = "HOST PORT",
        .about =
                "Open a TCP connection and join it to stdin and stdout. The end of stdin closes the sending "
                "direction only; the command ends when the other side has closed, too. HOST is an IP "
                "address or a name in /etc/hosts.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .shared = ek_stream_opts,
        .shared_count = EK_STREAM_OPT_COUNT,
        .network = true,
        .min_args = 2,
        .max_args = 2,
        .notes =
                "Exit codes: 0 both directions closed in order, 1 usage, 2 network (or --sink-verify "
                "failed), 4 stdout.\nExample: echo hello | elko connect 10.77.0.1 7",
};

static int run(struct connect *c, const struct ek_options *options, uint16_t port)
{
        struct ek_netctx_config config = {.on_event = on_event, .on_stop = on_stop, .ctx = c};
        int family = c->set.only_v4 ? 4 : c->set.only_v6 ? 6 : 0;

        if (ek_stream_uses_stdout(&c->set))
                config.report = stderr;
        if (!ek_netctx_open(&c->net, options, &config))
                return EK_EXIT_NETWORK;
        c->code = EK_EXIT_NETWORK;
        if (ek_netctx_connect(&c->net, c->host, port, family, &c->sock)) {
                c->timeout = (struct elko_host_timer){.fn = on_timeout, .ctx = c};
                if (c->set.timeout_ns != EK_OPT_UNSET)
                        elko_host_timer_set(c->net.host, &c->timeout,
                                            elko_host_now(c->net.host) + c->set.timeout_ns);
                ek_netctx_run(&c->net);
                elko_host_timer_clear(c->net.host, &c->timeout);
                ek_stream_free(&c->stream);
        }
        ek_netctx_close(&c->net);
        return c->code;
}

int ek_cmd_connect(int argc, char **argv)
{
        struct ek_options options;
        struct connect c = {0};
        uint64_t port;

        ek_stream_settings_default(&c.set);
        switch (ek_options_parse(&spec, argc, argv, &options, &c.set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        c.host = options.args[0];
        c.port_text = options.args[1];
        if (!ek_util_parse_u64(c.port_text, &port) || port < 1 || port > 65535) {
                ek_util_error("connect: '%s' is not a port: it must be a number from 1 to 65535",
                              c.port_text);
                return EK_EXIT_USAGE;
        }
        if (!ek_stream_settings_check("connect", &c.set))
                return EK_EXIT_USAGE;
        return run(&c, &options, (uint16_t)port);
}
