/* SPDX-License-Identifier: MIT */
/*
 * One connection and its two directions.
 *
 * Theory: each direction goes on by itself until it ends; TCP's half-close makes the two
 * independent. Out: the source fills the send ring in place; at its end the sending direction is
 * shut down. In: the sink takes bytes from the receive ring; at the peer's FIN there are no more.
 * The connection is over when both ended and everything that we sent is acknowledged.
 *
 * Nothing here blocks and nothing is buffered between the ends: stdin is read only when it is
 * readable and the send ring has room, straight into the ring; stdout is written only when it takes
 * something, straight from the receive ring. So a reader of our stdout that stops makes the ring
 * full, hence the window zero, hence the peer stop. stdin and stdout are not switched to
 * O_NONBLOCK, because other processes share that flag; instead stdout gets at most PIPE_BUF bytes
 * after poll() said that it is writable.
 */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "util.h"

enum {
        CHUNK_BYTES = 256 << 10, /* room asked for at once */
        ECHO_BYTES = 64 << 10,
        STDOUT_BYTES = 4096, /* PIPE_BUF */
        CHARGEN_LINE = 74,   /* 72 characters, CR, LF */
        CHARGEN_CHARS = 95,  /* printable ASCII */
};

const struct ek_opt ek_stream_opts[EK_STREAM_OPT_COUNT] = {
        {.name = "echo",
         .kind = EK_OPT_SET,
         .offset = EK_STREAM_OWN(echo),
         .help = "send back what is received"},
        {.name = "discard",
         .kind = EK_OPT_SET,
         .offset = EK_STREAM_OWN(discard),
         .help = "count what is received, send nothing"},
        {.name = "source",
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = EK_STREAM_OWN(source_bytes),
         .max = UINT64_C(1) << 50,
         .help = "send so many bytes of a test pattern, 0 to 1P; received bytes are counted"},
        {.name = "chargen",
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = EK_STREAM_OWN(chargen_bytes),
         .max = UINT64_C(1) << 50,
         .help = "send so many bytes of text (RFC 864), 0 to 1P; received bytes are counted"},
        {.name = "sink-verify",
         .kind = EK_OPT_SET,
         .offset = EK_STREAM_OWN(sink_verify),
         .help = "received bytes must be the pattern of --source"},
        {.name = "close-first",
         .arg = "WHO",
         .kind = EK_OPT_CHOICE,
         .offset = EK_STREAM_OWN(close_first),
         .choices = "local|peer",
         .help = "local: send FIN when there is no more to send; peer: only after the peer's FIN; "
                 "default local; --echo and --discard always wait for the peer"},
};

void ek_stream_settings_default(struct ek_stream_settings *set)
{
        *set = (struct ek_stream_settings){
                .source_bytes = EK_OPT_UNSET,
                .chargen_bytes = EK_OPT_UNSET,
                .timeout_ns = EK_OPT_UNSET,
        };
}

bool ek_stream_settings_check(const char *command, const struct ek_stream_settings *set)
{
        bool source = set->source_bytes != EK_OPT_UNSET;
        bool chargen = set->chargen_bytes != EK_OPT_UNSET;

        if (set->echo + set->discard + source + chargen > 1) {
                ek_util_error("%s: give only one of --echo, --discard, --source and --chargen",
                              command);
                return false;
        }
        if (set->echo && set->sink_verify) {
                ek_util_error("%s: --sink-verify has nothing to check with --echo", command);
                return false;
        }
        if (set->only_v4 && set->only_v6) {
                ek_util_error("%s: give only one of --ipv4 and --ipv6", command);
                return false;
        }
        return true;
}

static enum ek_stream_source source_of(const struct ek_stream_settings *set)
{
        if (set->echo)
                return EK_SOURCE_ECHO;
        if (set->source_bytes != EK_OPT_UNSET)
                return EK_SOURCE_PATTERN;
        if (set->chargen_bytes != EK_OPT_UNSET)
                return EK_SOURCE_CHARGEN;
        return set->discard || set->sink_verify ? EK_SOURCE_NONE : EK_SOURCE_STDIN;
}

static enum ek_stream_sink sink_of(const struct ek_stream_settings *set)
{
        if (set->sink_verify)
                return EK_SINK_VERIFY;
        return source_of(set) == EK_SOURCE_STDIN ? EK_SINK_STDOUT : EK_SINK_COUNT;
}

bool ek_stream_uses_stdout(const struct ek_stream_settings *set)
{
        return sink_of(set) == EK_SINK_STDOUT;
}

/* ---- the end ---- */

static void unwatch(struct ek_stream *s)
{
        if (s->stdin_watched)
                elko_host_fd_del(s->net->host, STDIN_FILENO);
        if (s->stdout_watched)
                elko_host_fd_del(s->net->host, STDOUT_FILENO);
        s->stdin_watched = s->stdout_watched = false;
}

/* `abort`: the peer gets RST, because what it sends or waits for has no place to go any more. */
static void end(struct ek_stream *s, int code, bool abort)
{
        if (s->ended)
                return;
        s->ended = true;
        s->end_at = elko_host_now(s->net->host);
        unwatch(s);
        if (abort)
                elko_abort(s->net->st, s->sock);
        else
                elko_close(s->net->st, s->sock);
        s->sock = ELKO_SOCK_NONE;
        s->on_end(s->ctx, s, s->verify_failed ? EK_EXIT_NETWORK : code);
}

static void end_with_error(struct ek_stream *s, int error)
{
        ek_util_error("the connection broke after %llu bytes received and %llu sent: %s",
                      (unsigned long long)s->received, (unsigned long long)s->sent,
                      elko_error_text(error));
        end(s, EK_EXIT_NETWORK, false);
}

static void end_if_over(struct ek_stream *s)
{
        if (!s->ended && s->peer_eof && s->shut && s->all_sent)
                end(s, EK_EXIT_OK, false);
}

/* ---- out ---- */

/* The bytes of `source` at offset `at` of the stream. */
static void fill(const struct ek_stream *s, uint64_t at, uint8_t *buf, size_t len)
{
        if (s->source == EK_SOURCE_PATTERN) {
                ek_util_pattern_fill(at, buf, len);
                return;
        }
        for (size_t i = 0; i < len; i++) {
                uint64_t line = (at + i) / CHARGEN_LINE;
                uint64_t column = (at + i) % CHARGEN_LINE;

                if (column >= 72)
                        buf[i] = column == 72 ? '\r' : '\n';
                else
                        buf[i] = (uint8_t)(' ' + (line + column) % CHARGEN_CHARS);
        }
}

/* Generate into the send ring until it is full or all is made. Returns 0 or a negative error. */
static int64_t send_made(struct ek_stream *s)
{
        while (s->sent < s->source_bytes) {
                uint64_t left = s->source_bytes - s->sent;
                struct elko_slice slice[2];
                int64_t n =
                        elko_send_reserve(s->net->st, s->sock,
                                          left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES, slice);

                if (n <= 0)
                        return n;
                fill(s, s->sent, (uint8_t *)(uintptr_t)slice[0].data, slice[0].len);
                fill(s, s->sent + slice[0].len, (uint8_t *)(uintptr_t)slice[1].data, slice[1].len);
                n = elko_send_commit(s->net->st, s->sock, (size_t)n, 0);
                if (n < 0)
                        return n;
                s->sent += (uint64_t)n;
        }
        s->source_done = true;
        return 0;
}

static int64_t send_pending(struct ek_stream *s)
{
        while (s->pending_at < s->pending_len) {
                int64_t n = elko_send(s->net->st, s->sock, s->pending + s->pending_at,
                                      s->pending_len - s->pending_at, 0);

                if (n < 0)
                        return n;
                s->pending_at += (size_t)n;
                s->sent += (uint64_t)n;
        }
        return 0;
}

/* One read of stdin into the send ring. Returns bytes, 0 when nothing moved, or a negative
 * error. */
static int64_t send_stdin(struct ek_stream *s)
{
        struct elko_slice slice[2];
        int64_t room = elko_send_reserve(s->net->st, s->sock, CHUNK_BYTES, slice);
        ssize_t n;

        if (room <= 0)
                return room;
        n = read(STDIN_FILENO, (uint8_t *)(uintptr_t)slice[0].data, slice[0].len);
        if (n > 0) {
                s->sent += (uint64_t)n;
                return elko_send_commit(s->net->st, s->sock, (size_t)n, 0);
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0)
                ek_util_error("standard input: %s; taken as its end", ek_util_errno_text(errno));
        s->source_done = true;
        return 0;
}

static void pump(struct ek_stream *s);

static void on_stdin(void *ctx, int fd, uint32_t events)
{
        struct ek_stream *s = ctx;
        int64_t n = send_stdin(s);

        (void)events;
        if (n == ELKO_EAGAIN) { /* go on with ELKO_EV_WRITABLE */
                elko_host_fd_set(s->net->host, fd, 0);
                s->stdin_paused = true;
        } else if (n < 0) {
                end_with_error(s, (int)n);
                return;
        }
        if (s->source_done) {
                elko_host_fd_del(s->net->host, fd);
                s->stdin_watched = false;
        }
        pump(s);
}

static void resume_stdin(struct ek_stream *s)
{
        if (s->stdin_watched && s->stdin_paused)
                elko_host_fd_set(s->net->host, STDIN_FILENO, EPOLLIN);
        s->stdin_paused = false;
}

/* Shut the sending direction down when its data is over and it is our turn. */
static void shut_if_due(struct ek_stream *s)
{
        bool waits = s->peer_closes_first && !s->peer_eof;

        if (s->shut || !s->source_done || s->pending_at < s->pending_len || waits)
                return;
        s->shut = true;
        elko_shutdown(s->net->st, s->sock);
}

/* ---- in ---- */

/* Does stdout take something now? A closed reader counts as yes: write() then tells. */
static bool stdout_ready(void)
{
        struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

        return poll(&p, 1, 0) != 0;
}

static void on_stdout(void *ctx, int fd, uint32_t events)
{
        struct ek_stream *s = ctx;

        (void)events;
        elko_host_fd_del(s->net->host, fd);
        s->stdout_watched = false;
        pump(s);
}

/* Returns how many bytes stdout took; 0: wait for it; -1: it is closed, the stream ended. */
static int64_t take_to_stdout(struct ek_stream *s, const struct elko_slice *slice)
{
        ssize_t n;

        if (!stdout_ready()) {
                if (elko_host_fd_add(s->net->host, STDOUT_FILENO, EPOLLOUT, on_stdout, s) == 0)
                        s->stdout_watched = true;
                return 0;
        }
        n = write(STDOUT_FILENO, slice->data,
                  slice->len < STDOUT_BYTES ? slice->len : STDOUT_BYTES);
        if (n >= 0)
                return n;
        if (errno == EAGAIN || errno == EINTR)
                return take_to_stdout(s, &(struct elko_slice){NULL, 0});
        ek_util_error("standard output: %s; the connection is reset", ek_util_errno_text(errno));
        end(s, EK_EXIT_FILE, true);
        return -1;
}

static void verify(struct ek_stream *s, const struct elko_slice *slice, uint64_t at)
{
        size_t good = ek_util_pattern_check(at, slice->data, slice->len);

        if (good == slice->len || s->verify_failed)
                return;
        s->verify_failed = true;
        s->mismatch_at = at + good;
        ek_util_error("byte %llu of the received stream is 0x%02x instead of 0x%02x",
                      (unsigned long long)s->mismatch_at, slice->data[good],
                      ek_util_pattern_byte(s->mismatch_at));
}

/* Give what was received to the sink; returns how many bytes it took, -1: the stream ended. */
static int64_t take(struct ek_stream *s, const struct elko_slice slice[2])
{
        switch (s->sink) {
        case EK_SINK_STDOUT: return s->stdout_watched ? 0 : take_to_stdout(s, &slice[0]);
        case EK_SINK_VERIFY:
                verify(s, &slice[0], s->received);
                verify(s, &slice[1], s->received + slice[0].len);
                return (int64_t)slice[0].len + slice[1].len;
        case EK_SINK_COUNT: return (int64_t)slice[0].len + slice[1].len;
        }
        return 0;
}

/* Returns bytes taken; 0: nothing there, or the sink is full; a negative error. */
static int64_t receive(struct ek_stream *s)
{
        struct elko_slice slice[2] = {{NULL, 0}, {NULL, 0}};
        int64_t n = elko_recv_peek(s->net->st, s->sock, slice);

        if (n == 0)
                s->peer_eof = true;
        if (n <= 0)
                return n == ELKO_EAGAIN ? 0 : n;
        n = take(s, slice);
        if (n <= 0)
                return 0;
        elko_recv_consume(s->net->st, s->sock, (size_t)n);
        s->received += (uint64_t)n;
        return n;
}

/* Echo: from the receive ring by way of `pending`, because slices end with the next call. */
static int64_t receive_echo(struct ek_stream *s)
{
        int64_t n;

        if (s->pending_at < s->pending_len)
                return 0;
        n = elko_recv(s->net->st, s->sock, s->pending, ECHO_BYTES);
        if (n == 0)
                s->peer_eof = s->source_done = true;
        if (n <= 0)
                return n == ELKO_EAGAIN ? 0 : n;
        s->pending_at = 0;
        s->pending_len = (size_t)n;
        s->received += (uint64_t)n;
        return n;
}

/* ---- both ---- */

static int64_t pump_out(struct ek_stream *s)
{
        switch (s->source) {
        case EK_SOURCE_ECHO: return send_pending(s);
        case EK_SOURCE_PATTERN:
        case EK_SOURCE_CHARGEN: return s->shut ? 0 : send_made(s);
        case EK_SOURCE_STDIN: /* by on_stdin() */
        case EK_SOURCE_NONE: return 0;
        }
        return 0;
}

static void pump(struct ek_stream *s)
{
        int64_t in = 0;
        int64_t out;

        do {
                if (!s->peer_eof)
                        in = s->source == EK_SOURCE_ECHO ? receive_echo(s) : receive(s);
                if (s->ended)
                        return;
                out = pump_out(s);
                if (out == ELKO_EAGAIN)
                        out = 0;
                if (in < 0 || out < 0) {
                        end_with_error(s, (int)(in < 0 ? in : out));
                        return;
                }
        } while (in > 0 && !s->peer_eof);
        shut_if_due(s);
        end_if_over(s);
}

/* ELKO_EV_SENT may be from before our FIN: the state tells. */
static bool fin_acknowledged(const struct ek_stream *s)
{
        struct elko_tcp_info info;

        if (elko_tcp_info_get(s->net->st, s->sock, &info) != 0)
                return true;
        return info.state == ELKO_TCP_FIN_WAIT_2 || info.state == ELKO_TCP_TIME_WAIT ||
               info.state == ELKO_TCP_CLOSED;
}

void ek_stream_event(struct ek_stream *s, const struct elko_event *ev)
{
        if (s->ended)
                return;
        if ((ev->bits & ELKO_EV_WRITABLE) != 0)
                resume_stdin(s);
        if ((ev->bits & (ELKO_EV_SENT | ELKO_EV_CLOSED)) != 0 && s->shut && fin_acknowledged(s))
                s->all_sent = true;
        pump(s);
        if ((ev->bits & ELKO_EV_ERROR) != 0 && !s->ended)
                end_with_error(s, ev->error);
}

bool ek_stream_start(struct ek_stream *s, struct ek_netctx *net, elko_sock sock,
                     const struct ek_stream_settings *set,
                     void (*on_end)(void *ctx, struct ek_stream *s, int code), void *ctx)
{
        *s = (struct ek_stream){
                .net = net,
                .sock = sock,
                .source = source_of(set),
                .sink = sink_of(set),
                .source_bytes =
                        set->source_bytes != EK_OPT_UNSET ? set->source_bytes : set->chargen_bytes,
                .on_end = on_end,
                .ctx = ctx,
                .start_at = elko_host_now(net->host),
        };
        s->source_done = s->source == EK_SOURCE_NONE;
        s->peer_closes_first = set->close_first == 1 || s->source == EK_SOURCE_NONE;
        if (s->source == EK_SOURCE_ECHO)
                s->pending = malloc(ECHO_BYTES);
        if (s->source == EK_SOURCE_ECHO && s->pending == NULL) {
                ek_util_error("out of memory");
                return false;
        }
        if (s->source == EK_SOURCE_STDIN) {
                if (elko_host_fd_add(net->host, STDIN_FILENO, EPOLLIN, on_stdin, s) == 0)
                        s->stdin_watched = true;
                else
                        s->source_done = true; /* stdin is closed: nothing to send */
        }
        pump(s);
        return true;
}

void ek_stream_stop(struct ek_stream *s)
{
        if (s->ended || s->sock == ELKO_SOCK_NONE)
                return;
        s->source_done = true;
        s->peer_closes_first = false;
        s->pending_at = s->pending_len;
        if (s->stdin_watched)
                elko_host_fd_del(s->net->host, STDIN_FILENO);
        s->stdin_watched = false;
        shut_if_due(s);
}

void ek_stream_free(struct ek_stream *s)
{
        if (s->net != NULL && !s->ended && s->sock != ELKO_SOCK_NONE) {
                unwatch(s);
                elko_abort(s->net->st, s->sock);
        }
        free(s->pending);
        *s = (struct ek_stream){.ended = true};
}

void ek_stream_report(const struct ek_stream *s)
{
        double seconds = (double)(s->end_at - s->start_at) / 1e9;
        FILE *out = s->sink == EK_SINK_STDOUT ? stderr : stdout;

        if (s->net->options->json) {
                fprintf(out, "{\"received\":%llu,\"sent\":%llu,\"seconds\":%.6f",
                        (unsigned long long)s->received, (unsigned long long)s->sent, seconds);
                if (s->sink == EK_SINK_VERIFY)
                        fprintf(out, ",\"verified\":%s", s->verify_failed ? "false" : "true");
                if (s->verify_failed)
                        fprintf(out, ",\"mismatch_at\":%llu", (unsigned long long)s->mismatch_at);
                fprintf(out, "}\n");
                fflush(out);
                return;
        }
        ek_netctx_say(s->net, "elko: %llu bytes received, %llu bytes sent in %.3f s%s",
                      (unsigned long long)s->received, (unsigned long long)s->sent, seconds,
                      s->sink != EK_SINK_VERIFY ? ""
                      : s->verify_failed        ? ", NOT as expected"
                                                : ", every byte as expected");
}
