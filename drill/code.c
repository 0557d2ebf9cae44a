/* SPDX-License-Identifier: MIT */
/*
 * Code blocks, %{ ... }%: Python, with what TCP_INFO said at their moments as variables. All of a script's blocks run
 * after its last event, in order, in one namespace.
 *
 * Starting Python takes longer than a hundred scripts, so it is started once, when the first block comes, and is given
 * one program after another. It answers each with a line of two numbers, whether all went well and how many bytes of
 * text follow. A traceback names the script's own file and line.
 */
#include "drill/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, TEXT_MAX = 16384 };

static const char server[] =
        "import sys, io, contextlib, traceback\n"
        "def block(name, line, text, ns):\n"
        "    exec(compile('\\n' * (line - 1) + text, name, 'exec'), ns)\n"
        "def run(prog):\n"
        "    out = io.StringIO()\n"
        "    ok = 1\n"
        "    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):\n"
        "        try:\n"
        "            exec(prog, {'block': block})\n"
        "        except SystemExit as e:\n"
        "            ok = int(not e.code)\n"
        "            if e.code: out.write('it exited with %s' % e.code)\n"
        "        except SyntaxError as e:\n"
        "            ok = 0\n"
        "            out.write('line %d: %s: %s' % (e.lineno or 1, type(e).__name__, e.msg))\n"
        "        except BaseException as e:\n"
        "            ok = 0\n"
        "            f = [x for x in traceback.extract_tb(e.__traceback__) if x.filename[0] != '<']\n"
        "            if f: out.write('line %d: ' % f[-1].lineno)\n"
        "            out.write(''.join(traceback.format_exception_only(type(e), e)))\n"
        "    return ok, out.getvalue().encode('utf-8', 'replace')\n"
        "while True:\n"
        "    head = sys.stdin.buffer.readline()\n"
        "    if not head: break\n"
        "    ok, text = run(sys.stdin.buffer.read(int(head)).decode('utf-8', 'replace'))\n"
        "    sys.stdout.buffer.write(b'%d %d\\n' % (ok, len(text)) + text)\n"
        "    sys.stdout.buffer.flush()\n";

/* ---- the child: one for a process, whoever's script it is ---- */

static struct {
        pid_t pid;
        int in, out; /* to it, from it */
} child;

static void stop(void)
{
        if (child.pid <= 0)
                return;
        close(child.in);
        close(child.out);
        kill(child.pid, SIGKILL);
        waitpid(child.pid, NULL, 0);
        child.pid = 0;
}

void drill_run_end(void)
{
        stop();
}

static void become_python(const char *command, int in, int out)
{
        dup2(in, 0);
        dup2(out, 1);
        execlp(command, command, "-S", "-E", "-u", "-c", server, (char *)NULL);
        _exit(127);
}

static bool start(const char *command)
{
        int to[2], from[2];

        if (child.pid > 0)
                return true;
        if (pipe2(to, O_CLOEXEC) != 0)
                return false;
        if (pipe2(from, O_CLOEXEC) != 0) {
                close(to[0]);
                close(to[1]);
                return false;
        }
        signal(SIGPIPE, SIG_IGN); /* a child that died is seen when it does not answer */
        child.pid = fork();
        if (child.pid == 0)
                become_python(command, to[0], from[1]);
        close(to[0]);
        close(from[1]);
        child.in = to[1];
        child.out = from[0];
        return child.pid > 0;
}

static bool write_all(const char *p, size_t n)
{
        while (n > 0) {
                ssize_t w = write(child.in, p, n);

                if (w < 0 && errno == EINTR)
                        continue;
                if (w <= 0)
                        return false;
                p += w;
                n -= (size_t)w;
        }
        return true;
}

/* One byte of the answer. -1: it ended, -2: the patience did. */
static int read_byte(void)
{
        struct pollfd p = {.fd = child.out, .events = POLLIN};
        unsigned char c;
        int n = poll(&p, 1, PATIENCE_MS);

        if (n == 0)
                return -2;
        return n > 0 && read(child.out, &c, 1) == 1 ? c : -1;
}

static int read_number(char end)
{
        int v = 0, c;

        while ((c = read_byte()) != end) {
                if (c < '0' || c > '9')
                        return c < 0 ? c : -1;
                v = v * 10 + c - '0';
        }
        return v;
}

/* The answer: 1 or 0 and its text; below 0 as read_byte(). */
static int answer(char *text, size_t room)
{
        int ok = read_number(' '), n = ok < 0 ? 0 : read_number('\n'), c = 0;
        size_t at = 0;

        for (int i = 0; i < n && c >= 0; i++) {
                c = read_byte();
                if (c >= 0 && at + 1 < room)
                        text[at++] = (char)c;
        }
        text[at] = '\0';
        return ok < 0 ? ok : n < 0 ? n : c < 0 ? c : ok;
}

/* ---- the program ---- */

struct info_field {
        const char *name;
        uint16_t at;
        uint8_t bytes;
};

static const struct info_field fields[] = {
        {"state", 0, 1},
        {"ca_state", 1, 1},
        {"retransmits", 2, 1},
        {"probes", 3, 1},
        {"backoff", 4, 1},
        {"options", 5, 1},
        {"rto", 8, 4},
        {"ato", 12, 4},
        {"snd_mss", 16, 4},
        {"rcv_mss", 20, 4},
        {"unacked", 24, 4},
        {"sacked", 28, 4},
        {"lost", 32, 4},
        {"retrans", 36, 4},
        {"fackets", 40, 4},
        {"last_data_sent", 44, 4},
        {"last_ack_sent", 48, 4},
        {"last_data_recv", 52, 4},
        {"last_ack_recv", 56, 4},
        {"pmtu", 60, 4},
        {"rcv_ssthresh", 64, 4},
        {"rtt", 68, 4},
        {"rttvar", 72, 4},
        {"snd_ssthresh", 76, 4},
        {"snd_cwnd", 80, 4},
        {"advmss", 84, 4},
        {"reordering", 88, 4},
        {"rcv_rtt", 92, 4},
        {"rcv_space", 96, 4},
        {"total_retrans", 100, 4},
        {"pacing_rate", 104, 8},
        {"max_pacing_rate", 112, 8},
        {"bytes_acked", 120, 8},
        {"bytes_received", 128, 8},
        {"segs_out", 136, 4},
        {"segs_in", 140, 4},
        {"notsent_bytes", 144, 4},
        {"min_rtt", 148, 4},
        {"data_segs_in", 152, 4},
        {"data_segs_out", 156, 4},
        {"delivery_rate", 160, 8},
        {"busy_time", 168, 8},
        {"rwnd_limited", 176, 8},
        {"sndbuf_limited", 184, 8},
        {"delivered", 192, 4},
        {"delivered_ce", 196, 4},
        {"bytes_sent", 200, 8},
        {"bytes_retrans", 208, 8},
        {"dsack_dups", 216, 4},
        {"reord_seen", 220, 4},
        {"rcv_ooopack", 224, 4},
        {"snd_wnd", 228, 4},
        {"rcv_wnd", 232, 4},
        {"rehash", 236, 4},
        {"total_rto", 240, 2},
        {"total_rto_recoveries", 242, 2},
        {"total_rto_time", 244, 4},
        {"received_ce", 248, 4},
        {"delivered_e1_bytes", 252, 4},
        {"delivered_e0_bytes", 256, 4},
        {"delivered_ce_bytes", 260, 4},
        {"received_e1_bytes", 264, 4},
        {"received_e0_bytes", 268, 4},
        {"received_ce_bytes", 272, 4},
};

static const char constants[] =
        "ns = {}\n"
        "for i, n in enumerate('ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE "
        "CLOSE_WAIT LAST_ACK LISTEN CLOSING'.split()): ns['TCP_' + n] = i + 1\n"
        "for i, n in enumerate('Open Disorder CWR Recovery Loss'.split()): ns['TCP_CA_' + n] = i\n"
        "for i, n in enumerate('TIMESTAMPS SACK WSCALE ECN ECN_SEEN SYN_DATA'.split()): "
        "ns['TCPI_OPT_' + n] = 1 << i\n"
        "M = 'RMEM_ALLOC RCVBUF WMEM_ALLOC SNDBUF FWD_ALLOC WMEM_QUEUED OPTMEM BACKLOG DROPS'.split()\n";

static uint64_t value_at(const uint8_t *p, unsigned bytes)
{
        uint64_t v = 0;

        switch (bytes) {
        case 1: return *p;
        case 2: {
                uint16_t x;

                memcpy(&x, p, sizeof(x));
                return x;
        }
        case 4: {
                uint32_t x;

                memcpy(&x, p, sizeof(x));
                return x;
        }
        default: memcpy(&v, p, sizeof(v)); return v;
        }
}

static void put_info(FILE *out, const struct drill_snapshot *s)
{
        const uint8_t *p = s->info;

        fprintf(out, "ns.update(");
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                fprintf(out, "tcpi_%s=%" PRIu64 ",", fields[i].name,
                        value_at(p + fields[i].at, fields[i].bytes));
        fprintf(out,
                "tcpi_snd_wscale=%u,tcpi_rcv_wscale=%u,tcpi_delivery_rate_app_limited=%u,"
                "tcpi_fastopen_client_fail=%u)\n",
                p[6] & 15u, p[6] >> 4, p[7] & 1u, p[7] >> 1 & 3u);
        fprintf(out, "ns.update(zip(['SK_MEMINFO_' + n for n in M],[");
        for (unsigned i = 0; i < DRILL_MEMINFO_WORDS; i++)
                fprintf(out, "%u,", s->meminfo[i]);
        fprintf(out, "]))\n");
}

/* As bytes in hexadecimal: nothing in the text can end it. */
static void put_text(FILE *out, const char *text)
{
        fprintf(out, "bytes.fromhex('");
        for (; *text != '\0'; text++)
                fprintf(out, "%02x", (unsigned char)*text);
        fprintf(out, "').decode('utf-8','replace')");
}

static void put_block(FILE *out, const struct drill_run *r, const struct drill_snapshot *s)
{
        put_info(out, s);
        fprintf(out, "block(");
        put_text(out, r->s->name);
        fprintf(out, ",%d,", s->event->what.line);
        put_text(out, s->event->shell);
        fprintf(out, ",ns)\n");
}

/* "line N: ...": that is where it failed. */
static struct drill_where place(const struct drill_run *r, const char *text)
{
        struct drill_where w = r->snapshots->event->what;
        const char *at = strstr(text, "line ");

        if (at != NULL && (at == text || at[-1] == '\n') && atoi(at + 5) > 0)
                w = (struct drill_where){atoi(at + 5), 1};
        return w;
}

static bool ask(struct drill_run *r, const char *program, size_t len)
{
        char head[32], text[TEXT_MAX];
        int ok;

        snprintf(head, sizeof(head), "%zu\n", len);
        if (!start(r->c.code_command) || !write_all(head, strlen(head)) || !write_all(program, len))
                ok = -1;
        else
                ok = answer(text, sizeof(text));
        if (ok < 0) {
                stop();
                return ok == -2 ? drill_fail(r, r->snapshots->event->what,
                                             "the code has not ended after %d seconds",
                                             PATIENCE_MS / 1000)
                                : drill_refuse(r, r->snapshots->event->what,
                                               "unsupported: code blocks need python3, which can't "
                                               "be run or died");
        }
        for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n';)
                text[--n] = '\0';
        return ok == 1 || drill_fail(r, place(r, text), "the code failed: %s", text);
}

bool drill_code_run(struct drill_run *r)
{
        char *program = NULL;
        size_t len = 0;
        FILE *out;
        bool ok;

        if (strncmp(r->c.code_command, "python", 6) != 0)
                return drill_refuse(r, r->snapshots->event->what, "unsupported: code for %s",
                                    r->c.code_command);
        for (const struct drill_snapshot *s = r->snapshots; s != NULL; s = s->next)
                if (!s->has_info)
                        return drill_fail(r, s->event->what,
                                          "there is no socket under test whose TCP_INFO could be "
                                          "asked");
        out = open_memstream(&program, &len);
        if (out == NULL)
                return drill_refuse(r, r->snapshots->event->what, "out of memory");
        fputs(constants, out);
        for (const struct drill_snapshot *s = r->snapshots; s != NULL; s = s->next)
                put_block(out, r, s);
        fclose(out);
        ok = ask(r, program, len);
        free(program);
        return ok;
}
