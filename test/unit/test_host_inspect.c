/* SPDX-License-Identifier: MIT */
/*
 * Asking a running host what it does: a child process asks, this one answers from its loop.
 */

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "drivers/mem.h"
#include "ek_test.h"
#include "host/inspect.h"

EK_TEST_MAIN();

static char dir[] = "/tmp/elko-test-XXXXXX";

struct bed {
        struct elko_host *host;
        struct elko_host_inspect *server;
        struct elko_drv *far;
        elko_sock listener;
};

static void open_bed(struct bed *b)
{
        elko_endpoint at = {.ip = elko_ip_v4(10, 0, 0, 1), .port = 4242};
        struct elko_host_config config;
        struct elko_drv_mem_config wire;
        struct elko_drv *near;
        struct stat st;
        int link;

        memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
        CHECK(mkdtemp(dir) != NULL);
        setenv("XDG_RUNTIME_DIR", dir, 1);
        elko_host_config_default(&config);
        config.region_bytes = 64 << 20;
        config.signals = false;
        b->host = elko_host_create(&config, NULL);
        CHECK(b->host != NULL);
        elko_drv_mem_config_default(&wire);
        CHECK_EQ(elko_drv_mem_open(&wire, &near, &b->far, NULL), 0);
        link = elko_host_attach(b->host, near, NULL);
        CHECK(link > 0);
        CHECK_EQ(elko_addr_add(elko_host_stack(b->host), (elko_link)link, "10.0.0.1/24"), 0);
        CHECK_EQ(elko_listen(elko_host_stack(b->host), &at, NULL, &b->listener), 0);
        b->server = elko_host_inspect_open(b->host, NULL, NULL);
        CHECK(b->server != NULL);
        CHECK_EQ(stat(elko_host_inspect_path(b->server), &st), 0);
        CHECK_EQ(st.st_mode & 077, 0);
}

static void close_bed(struct bed *b)
{
        elko_host_inspect_close(b->server);
        elko_host_destroy(b->host);
        elko_drv_close(b->far);
        CHECK_EQ(rmdir(dir), 0); /* nothing was left in it */
}

/* A child tells its parent how it went through a pipe: its exit status is not its own under a tool that
 * watches it (valgrind). */
struct child {
        pid_t pid;
        int pipe[2];
};

/* 0 in the child. */
static pid_t start_child(struct child *ch)
{
        CHECK_EQ(pipe(ch->pipe), 0);
        ch->pid = ek_test_fork();
        CHECK(ch->pid >= 0);
        return ch->pid;
}

static void end_child(const struct child *ch, int verdict)
{
        if (write(ch->pipe[1], &verdict, sizeof(verdict)) != sizeof(verdict))
                _exit(99);
        _exit(0);
}

static int verdict_of(const struct child *ch)
{
        int verdict = -1;

        CHECK_EQ(read(ch->pipe[0], &verdict, sizeof(verdict)), sizeof(verdict));
        close(ch->pipe[0]);
        close(ch->pipe[1]);
        return verdict;
}

/* The answer of the only running instance, as a child process gets it; the child's verdict is in
 * *verdict: 0, or an errno. */
static void ask(struct bed *b, const char *request, char *answer, size_t size, int *verdict)
{
        FILE *file = tmpfile();
        struct child ch;
        int ended;
        size_t n;

        CHECK(file != NULL);
        if (start_child(&ch) == 0) {
                struct elko_drv_why why;
                int error = elko_host_inspect_ask(0, request, file, &why);

                if (error != 0)
                        fputs(why.text, file);
                fflush(file);
                end_child(&ch, -error);
        }
        while (waitpid(ch.pid, &ended, WNOHANG) == 0)
                CHECK_EQ(elko_host_step(b->host, ELKO_MS(1)), 1);
        rewind(file);
        n = fread(answer, 1, size - 1, file);
        answer[n] = '\0';
        fclose(file);
        *verdict = verdict_of(&ch);
}

static char answer[1 << 16];

EK_TEST(text_names_listeners_and_memory)
{
        struct bed b;
        int status;

        open_bed(&b);
        ask(&b, "text", answer, sizeof(answer), &status);
        CHECK_EQ(status, 0);
        CHECK(strstr(answer, "LISTEN") != NULL);
        CHECK(strstr(answer, "10.0.0.1:4242") != NULL);
        CHECK(strstr(answer, "memory: ") != NULL);
        close_bed(&b);
}

EK_TEST(json_is_one_object)
{
        struct bed b;
        int status;

        open_bed(&b);
        ask(&b, "json", answer, sizeof(answer), &status);
        if (status == EPROTO) {
                CHECK(strstr(answer, "without cJSON") != NULL);
        } else {
                CHECK_EQ(status, 0);
                CHECK_EQ(answer[0], '{');
                CHECK(strstr(answer, "\"port\":\t4242") != NULL);
                CHECK(strstr(answer, "\"state\":\t\"LISTEN\"") != NULL);
        }
        close_bed(&b);
}

EK_TEST(an_unknown_request_is_answered_in_words)
{
        struct bed b;
        int status;

        open_bed(&b);
        ask(&b, "nonsense", answer, sizeof(answer), &status);
        CHECK_EQ(status, EPROTO);
        CHECK(strstr(answer, "nonsense") != NULL && strstr(answer, "text or json") != NULL);
        close_bed(&b);
}

/* Connected, and silent. */
static int mute_client(const char *path)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        strcpy(to.sun_path, path);
        CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

EK_TEST(clients_beyond_the_slots_are_turned_away_until_one_is_free)
{
        int status, fd[8];
        struct bed b;

        open_bed(&b);
        for (int i = 0; i < 8; i++) {
                fd[i] = mute_client(elko_host_inspect_path(b.server));
                CHECK_EQ(elko_host_step(b.host, ELKO_MS(1)), 1);
        }
        ask(&b, "text", answer, sizeof(answer), &status);
        CHECK(status != 0);
        CHECK(strstr(answer, "inspect: ") != NULL);
        for (int i = 0; i < 8; i++)
                close(fd[i]);
        ask(&b, "text", answer, sizeof(answer), &status);
        CHECK_EQ(status, 0);
        close_bed(&b);
}

EK_TEST(sockets_of_dead_instances_are_removed)
{
        struct bed b;
        char dead[128];
        pid_t pids[4];
        struct child ch;
        int ended;

        open_bed(&b);
        snprintf(dead, sizeof(dead), "%s/elko-999999999.sock", dir);
        if (start_child(&ch) == 0) /* dies without closing: its socket stays */
                end_child(&ch, elko_host_inspect_open(b.host, dead, NULL) == NULL);
        CHECK_EQ(waitpid(ch.pid, &ended, 0), ch.pid);
        CHECK_EQ(verdict_of(&ch), 0);
        CHECK_EQ(access(dead, F_OK), 0);
        CHECK_EQ(elko_host_inspect_list(pids, 4), 1);
        CHECK_EQ(pids[0], getpid());
        CHECK(access(dead, F_OK) != 0);
        close_bed(&b);
}

static const char *connection_text(const struct elko_tcp_info *info)
{
        FILE *file = tmpfile();
        size_t n;

        CHECK(file != NULL);
        elko_host_inspect_connection(info, file);
        rewind(file);
        n = fread(answer, 1, sizeof(answer) - 1, file);
        answer[n] = '\0';
        fclose(file);
        return answer;
}

/* What a connection measured of itself, as `ss -ti` has it. */
EK_TEST(measured_values_read_as_in_ss)
{
        struct elko_tcp_info info = {
                .state = ELKO_TCP_ESTABLISHED,
                .delivery_rate = 1250000,
                .busy_ns = ELKO_MS(200),
                .rwnd_limited_ns = ELKO_MS(50),
                .sndbuf_limited_ns = ELKO_MS(1),
                .rcv_rtt_ns = ELKO_US(12500),
                .reord_seen = 3,
                .dsack_dups = 4,
        };
        static const char *const want[] = {
                " delivery_rate 10000000bps",
                " busy:200ms",
                " rwnd_limited:50ms(25.0%)",
                " sndbuf_limited:1ms(0.5%)",
                " rcv_rtt:12.5",
                " reord_seen:3",
                " dsack_dups:4",
        };
        static const char *const absent[] = {
                "delivery_rate", "busy",       "rwnd_limited", "sndbuf_limited",
                "rcv_rtt",       "reord_seen", "dsack_dups",
        };

        connection_text(&info);
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
                CHECK(strstr(answer, want[i]) != NULL);
        info = (struct elko_tcp_info){.state = ELKO_TCP_ESTABLISHED};
        connection_text(&info);
        for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
                CHECK(strstr(answer, absent[i]) == NULL);
}

EK_TEST(nobody_there_is_an_error_with_a_sentence)
{
        struct elko_drv_why why = {{0}};
        struct bed b;

        open_bed(&b);
        CHECK_EQ(elko_host_inspect_ask(1, "text", stdout, &why), -ENOENT);
        CHECK(strstr(why.text, "/elko-1.sock") != NULL);
        close_bed(&b);
}
