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

/* The answer of the only running instance, as a child process gets it; the child's status is in
 * *status: 0, or an errno. */
static void ask(struct bed *b, const char *request, char *answer, size_t size, int *status)
{
        FILE *file = tmpfile();
        pid_t pid;
        size_t n;

        CHECK(file != NULL);
        pid = ek_test_fork();
        if (pid == 0) {
                struct elko_drv_why why;
                int error = elko_host_inspect_ask(0, request, file, &why);

                if (error != 0)
                        fputs(why.text, file);
                fflush(file);
                _exit(-error);
        }
        while (waitpid(pid, status, WNOHANG) == 0)
                CHECK_EQ(elko_host_step(b->host, ELKO_MS(1)), 1);
        rewind(file);
        n = fread(answer, 1, size - 1, file);
        answer[n] = '\0';
        fclose(file);
        *status = WEXITSTATUS(*status);
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
        pid_t pid;
        int status;

        open_bed(&b);
        snprintf(dead, sizeof(dead), "%s/elko-999999999.sock", dir);
        pid = ek_test_fork();
        if (pid == 0) { /* dies without closing: its socket stays */
                _exit(elko_host_inspect_open(b.host, dead, NULL) == NULL);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
        CHECK_EQ(access(dead, F_OK), 0);
        CHECK_EQ(elko_host_inspect_list(pids, 4), 1);
        CHECK_EQ(pids[0], getpid());
        CHECK(access(dead, F_OK) != 0);
        close_bed(&b);
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
