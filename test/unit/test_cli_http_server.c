/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server machine: request bytes in, response bytes out. Every conversation is also held
 * one byte at a time in both directions, because the network may cut anywhere.
 * elko-build: needs=http_parser
 */
#include "test/support/ek_test.h"

#include "cli/http_server.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>

EK_TEST_MAIN();

enum { OUT_MAX = 1 << 20, WALL = 1700000000 };

struct world {
        char root[64];
        struct ek_http_server server;
        struct ek_http_conn conn;
        char out[OUT_MAX];
        size_t out_len;
        bool aborted;
        enum ek_http_phase phase;
};

static struct world w;

/* ---- the directory ---- */

static void put_file(const char *name, const char *text, size_t len)
{
        char path[256];
        struct timeval times[2] = {{.tv_sec = 784111777}, {.tv_sec = 784111777}};
        FILE *f;

        snprintf(path, sizeof path, "%s/%s", w.root, name);
        f = fopen(path, "w");
        CHECK(f != NULL);
        CHECK_EQ(fwrite(text, 1, len, f), len);
        fclose(f);
        utimes(path, times);
}

static void put_link(const char *name, const char *to)
{
        char path[256];

        snprintf(path, sizeof path, "%s/%s", w.root, name);
        CHECK_EQ(symlink(to, path), 0);
}

static void put_dir(const char *name)
{
        char path[256];

        snprintf(path, sizeof path, "%s/%s", w.root, name);
        CHECK_EQ(mkdir(path, 0755), 0);
}

static void world_begin(void)
{
        int error = 0;

        memset(&w, 0, sizeof w);
        snprintf(w.root, sizeof w.root, "/tmp/ek_http_XXXXXX");
        CHECK(mkdtemp(w.root) != NULL);
        put_file("a.txt", "0123456789", 10);
        put_file("empty", "", 0);
        put_file("<b>&.html", "x", 1);
        put_dir("sub");
        put_dir("site");
        put_file("site/index.html", "<p>hi", 5);
        put_file("sub/in.txt", "in", 2);
        put_link("out", "/etc");
        put_link("up", "../");
        put_link("alias", "sub/in.txt");
        w.server.files = ek_http_files_open(w.root, &error);
        CHECK(w.server.files != NULL);
        w.server.wall = WALL;
}

static void world_end(void)
{
        char command[128];

        ek_http_files_close(w.server.files);
        snprintf(command, sizeof command, "rm -rf %s", w.root);
        CHECK_EQ(system(command), 0);
}

/* ---- conversations ---- */

static void drain(size_t step)
{
        for (;;) {
                size_t room = OUT_MAX - w.out_len < step ? OUT_MAX - w.out_len : step;
                int64_t n = ek_http_conn_output(&w.conn, (uint8_t *)w.out + w.out_len, room);

                if (n < 0)
                        w.aborted = true;
                if (n <= 0)
                        return;
                w.out_len += (size_t)n;
        }
}

/* Send `text` in pieces of `step` bytes, take the answers in pieces of `step`; the text of all
 * answers. */
static const char *talk_step(const char *text, size_t len, size_t step)
{
        ek_http_conn_init(&w.conn, &w.server, NULL);
        w.out_len = 0;
        w.aborted = false;
        for (size_t at = 0; at < len;) {
                size_t piece = len - at < step ? len - at : step;
                size_t taken = ek_http_conn_input(&w.conn, (const uint8_t *)text + at, piece);

                at += taken;
                drain(step);
        }
        w.out[w.out_len < OUT_MAX ? w.out_len : OUT_MAX - 1] = '\0';
        w.phase = ek_http_conn_phase(&w.conn);
        ek_http_conn_free(&w.conn);
        return w.out;
}

/* All at once and byte by byte must say the same. */
static const char *talk(const char *text)
{
        static char whole[OUT_MAX];
        size_t len = strlen(text);

        snprintf(whole, sizeof whole, "%s", talk_step(text, len, SIZE_MAX));
        CHECK_STR_EQ(talk_step(text, len, 1), whole);
        return whole;
}

static int status_of(const char *answer)
{
        return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static bool has(const char *answer, const char *text)
{
        return strstr(answer, text) != NULL;
}

static const char *body_of(const char *answer)
{
        const char *end = strstr(answer, "\r\n\r\n");

        return end != NULL ? end + 4 : "";
}

static size_t count(const char *text, const char *what)
{
        size_t n = 0;

        for (; (text = strstr(text, what)) != NULL; text++)
                n++;
        return n;
}

#define GET(target, fields) "GET " target " HTTP/1.1\r\nHost: x\r\n" fields "\r\n"

EK_TEST(get_and_head)
{
        const char *a;

        world_begin();
        a = talk(GET("/a.txt", ""));
        CHECK_EQ(status_of(a), 200);
        CHECK_STR_EQ(body_of(a), "0123456789");
        CHECK(has(a, "Content-Length: 10\r\n"));
        CHECK(has(a, "Content-Type: text/plain; charset=utf-8\r\n"));
        CHECK(has(a, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        CHECK(has(a, "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
        CHECK(has(a, "ETag: \"") && has(a, "Accept-Ranges: bytes\r\n"));
        CHECK(!has(a, "Connection:"));
        CHECK_EQ(w.phase, EK_HTTP_IDLE);
        a = talk("HEAD /a.txt HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK_EQ(status_of(a), 200);
        CHECK(has(a, "Content-Length: 10\r\n"));
        CHECK_STR_EQ(body_of(a), "");
        a = talk(GET("/empty", ""));
        CHECK_EQ(status_of(a), 200);
        CHECK(has(a, "Content-Length: 0\r\n"));
        CHECK_STR_EQ(body_of(talk(GET("/alias", ""))), "in");
        CHECK_EQ(status_of(talk(GET("http://x/a.txt?q=1", ""))), 200);
        CHECK_EQ(status_of(talk("\r\n" GET("/a.txt", ""))), 200); /* RFC 9112, 2.2 */
        CHECK_EQ(w.server.requests, 12);
        world_end();
}

EK_TEST(pipelining)
{
        const char *a;

        world_begin();
        a = talk(GET("/a.txt", "")
                         GET("/missing", "") "HEAD /a.txt HTTP/1.1\r\nHost: x\r\n\r\n" GET(
                                 "/alias", "Connection: close\r\n") GET("/a.txt", ""));
        CHECK_EQ(count(a, "HTTP/1.1 "), 4); /* nothing after "close" */
        CHECK_EQ(count(a, "HTTP/1.1 404 "), 1);
        CHECK_EQ(count(a, "0123456789"), 1);
        CHECK(has(a, "Connection: close\r\n"));
        CHECK_EQ(w.phase, EK_HTTP_DONE);
        world_end();
}

EK_TEST(http_1_0)
{
        const char *a;

        world_begin();
        a = talk("GET /a.txt HTTP/1.0\r\n\r\n");
        CHECK_EQ(status_of(a), 200);
        CHECK(has(a, "Connection: close\r\n"));
        CHECK_EQ(w.phase, EK_HTTP_DONE);
        a = talk("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK(has(a, "Connection: keep-alive\r\n"));
        CHECK_EQ(w.phase, EK_HTTP_IDLE);
        world_end();
}

EK_TEST(ranges)
{
        const char *a;

        world_begin();
        a = talk(GET("/a.txt", "Range: bytes=2-4\r\n"));
        CHECK_EQ(status_of(a), 206);
        CHECK(has(a, "Content-Range: bytes 2-4/10\r\n") && has(a, "Content-Length: 3\r\n"));
        CHECK_STR_EQ(body_of(a), "234");
        CHECK_STR_EQ(body_of(talk(GET("/a.txt", "Range: bytes=-3\r\n"))), "789");
        CHECK_STR_EQ(body_of(talk(GET("/a.txt", "Range: bytes=8-\r\n"))), "89");
        a = talk(GET("/a.txt", "Range: bytes=10-\r\n"));
        CHECK_EQ(status_of(a), 416);
        CHECK(has(a, "Content-Range: bytes */10\r\n") && has(a, "Content-Length: 0\r\n"));
        CHECK_EQ(status_of(talk(GET("/a.txt", "Range: bytes=0-1,3-4\r\n"))), 200);
        CHECK_EQ(status_of(talk(GET("/a.txt", "Range: bytes=0-1\r\nIf-Range: \"no\"\r\n"))), 200);
        CHECK_EQ(status_of(talk(GET("/a.txt", "Range: bytes=0-1\r\n"
                                              "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))),
                 206);
        a = talk("HEAD /a.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n");
        CHECK_EQ(status_of(a), 200); /* RFC 9110, 14.2: Range is for GET */
        world_end();
}

EK_TEST(conditions)
{
        char request[256];
        char etag[128];
        const char *a;
        const char *at;

        world_begin();
        a = talk(GET("/a.txt", ""));
        at = strstr(a, "ETag: ");
        CHECK(at != NULL);
        snprintf(etag, sizeof etag, "%.*s", (int)strcspn(at + 6, "\r"), at + 6);
        snprintf(request, sizeof request,
                 "GET /a.txt HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n\r\n", etag);
        a = talk(request);
        CHECK_EQ(status_of(a), 304);
        CHECK_STR_EQ(body_of(a), "");
        CHECK(has(a, etag) && !has(a, "Content-Length"));
        a = talk(GET("/a.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        CHECK_EQ(status_of(a), 304);
        CHECK_EQ(status_of(talk(GET("/a.txt", "If-Match: \"other\"\r\n"))), 412);
        put_file("a.txt", "changed", 7);
        w.server.wall++;
        CHECK_EQ(status_of(talk(request)), 200);
        world_end();
}

EK_TEST(directories)
{
        const char *a;

        world_begin();
        a = talk(GET("/", ""));
        CHECK_EQ(status_of(a), 200);
        CHECK(has(a, "text/html") && has(a, "a.txt"));
        CHECK(has(a, "&lt;b&gt;&amp;.html") && !has(a, "<b>"));
        CHECK(has(a, "%3Cb%3E&amp;.html"));
        a = talk(GET("/sub?x=1", ""));
        CHECK_EQ(status_of(a), 301);
        CHECK(has(a, "Location: /sub/?x=1\r\n"));
        CHECK(has(talk(GET("//sub", "")), "Location: /sub/\r\n")); /* not //sub/, another host */
        a = talk(GET("/sub/", ""));
        CHECK(has(a, "in.txt") && has(a, "../"));
        a = talk(GET("/site/", ""));
        CHECK_STR_EQ(body_of(a), "<p>hi");
        CHECK(has(a, "Content-Type: text/html"));
        world_end();
}

EK_TEST(statuses)
{
        static const struct {
                const char *request;
                int status;
                bool keeps;
        } cases[] = {
                {GET("/missing", ""), 404, true},
                {GET("/a.txt/", ""), 404, true},
                {GET("/a.txt/x", ""), 404, true},
                {GET("/../etc/passwd", ""), 403, true},
                {GET("/%2e%2e/etc/passwd", ""), 403, true},
                {GET("/out/passwd", ""), 403, true},
                {GET("/up/", ""), 403, true},
                {GET("/a%00", ""), 400, true},
                {GET("/%zz", ""), 400, true},
                {"POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", 405, true},
                {"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                 405, true},
                {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405, true},
                {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501, false},
                {"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 501, false},
                {"\x16\x03\x01 hello", 400, false},
                {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, false},
                {"GET /a.txt\r\n\r\n", 505, false},
                {"GET /a.txt HTTP/1.1\r\n\r\n", 400, false},
                {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, false},
                {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, false},
                {"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400, false},
                {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501,
                 false},
                {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                 400, false},
                {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400,
                 false},
                {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", 413, false},
                {"GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417, false},
        };

        world_begin();
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                const char *a = talk(cases[i].request);

                if (status_of(a) != cases[i].status)
                        ek_test_fail(__FILE__, __LINE__, "%s: %s", cases[i].request, a);
                if ((w.phase == EK_HTTP_IDLE) != cases[i].keeps)
                        ek_test_fail(__FILE__, __LINE__, "%s: phase %d", cases[i].request, w.phase);
                CHECK_EQ(has(a, "Connection: close\r\n"), !cases[i].keeps);
                CHECK(cases[i].status != 405 || has(a, "Allow: GET, HEAD\r\n"));
        }
        world_end();
}

EK_TEST(too_large)
{
        static char request[200000];
        int n;

        world_begin();
        n = snprintf(request, sizeof request, "GET /");
        memset(request + n, 'a', 9000);
        snprintf(request + n + 9000, 100, " HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK_EQ(status_of(talk_step(request, strlen(request), 100)), 414);
        n = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
        memset(request + n, 'a', 20000);
        request[n + 20000] = '\0';
        CHECK_EQ(status_of(talk_step(request, strlen(request), 1000)), 431);
        n = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\n");
        while (n < 40000)
                n += snprintf(request + n, sizeof request - (size_t)n, "a:b\r\n");
        CHECK_EQ(status_of(talk_step(request, (size_t)n, 1000)), 431);
        n = snprintf(request, sizeof request,
                     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "20000\r\n");
        memset(request + n, 'a', 0x20000);
        request[n + 0x20000] = '\0';
        CHECK_EQ(status_of(talk_step(request, strlen(request), 4096)), 413);
        world_end();
}

EK_TEST(expect_continue)
{
        const char *a;

        world_begin();
        a = talk("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        CHECK_EQ(status_of(a), 405);
        CHECK_EQ(w.phase, EK_HTTP_DONE);
        a = talk(GET("/a.txt", "Expect: 100-continue\r\n"));
        CHECK_EQ(status_of(a), 200); /* no body: nothing to wait for */
        CHECK_EQ(w.phase, EK_HTTP_IDLE);
        world_end();
}

EK_TEST(upgrade_is_ignored)
{
        world_begin();
        CHECK_EQ(status_of(talk(GET("/a.txt", "Connection: Upgrade\r\nUpgrade: h2c\r\n"))), 200);
        CHECK_EQ(count(talk(GET("/a.txt", "Connection: Upgrade\r\nUpgrade: h2c\r\n")
                                    GET("/a.txt", "")),
                       "HTTP/1.1 200"),
                 2);
        world_end();
}

EK_TEST(time_outs)
{
        static const char half[] = "GET /a.txt HTTP/1.1\r\nHo";

        world_begin();
        ek_http_conn_init(&w.conn, &w.server, NULL);
        ek_http_conn_timeout(&w.conn);
        CHECK_EQ(ek_http_conn_phase(&w.conn), EK_HTTP_DONE);
        ek_http_conn_free(&w.conn);

        ek_http_conn_init(&w.conn, &w.server, NULL);
        CHECK_EQ(ek_http_conn_input(&w.conn, (const uint8_t *)half, strlen(half)), strlen(half));
        CHECK_EQ(ek_http_conn_phase(&w.conn), EK_HTTP_READING);
        ek_http_conn_timeout(&w.conn);
        CHECK_EQ(ek_http_conn_phase(&w.conn), EK_HTTP_SENDING);
        drain(SIZE_MAX);
        w.out[w.out_len] = '\0';
        CHECK_EQ(status_of(w.out), 408);
        CHECK_EQ(ek_http_conn_phase(&w.conn), EK_HTTP_DONE);
        ek_http_conn_free(&w.conn);
        world_end();
}

EK_TEST(end_of_input)
{
        static const char request[] = GET("/a.txt", "");

        world_begin();
        ek_http_conn_init(&w.conn, &w.server, NULL);
        ek_http_conn_input(&w.conn, (const uint8_t *)request, strlen(request));
        ek_http_conn_eof(&w.conn); /* the answer is still owed */
        CHECK_EQ(ek_http_conn_phase(&w.conn), EK_HTTP_SENDING);
        drain(3);
        CHECK(w.out_len > 100);
        CHECK_EQ(ek_http_conn_phase(&w.conn), EK_HTTP_DONE);
        ek_http_conn_free(&w.conn);
        world_end();
}

/* A file that is cut while it is sent: the promised length can't be kept, so the connection must
 * break. */
EK_TEST(file_cut_short)
{
        static char big[300000];
        static const char request[] = GET("/big", "");
        uint8_t buf[1000];
        char path[128];

        world_begin();
        memset(big, 'b', sizeof big);
        put_file("big", big, sizeof big);
        ek_http_conn_init(&w.conn, &w.server, NULL);
        ek_http_conn_input(&w.conn, (const uint8_t *)request, strlen(request));
        CHECK(ek_http_conn_pending(&w.conn) > sizeof big);
        CHECK_EQ(ek_http_conn_output(&w.conn, buf, sizeof buf), sizeof buf);
        snprintf(path, sizeof path, "%s/big", w.root);
        CHECK_EQ(truncate(path, 10), 0);
        CHECK(ek_http_conn_output(&w.conn, buf, sizeof buf) == -1);
        CHECK_EQ(ek_http_conn_phase(&w.conn), EK_HTTP_DONE);
        ek_http_conn_free(&w.conn);
        world_end();
}

/* Many connections, one descriptor; a replaced file is seen, the old answer ends as it began. */
EK_TEST(shared_descriptors)
{
        enum { CONNS = 200 };
        static struct ek_http_conn conn[CONNS];
        static const char request[] = GET("/a.txt", "");
        char from[128];
        char to[128];

        world_begin();
        for (int i = 0; i < CONNS; i++) {
                ek_http_conn_init(&conn[i], &w.server, NULL);
                ek_http_conn_input(&conn[i], (const uint8_t *)request, strlen(request));
        }
        CHECK_EQ(ek_http_files_open_count(w.server.files), 1);
        put_file("new", "new content", 11);
        snprintf(from, sizeof from, "%s/new", w.root);
        snprintf(to, sizeof to, "%s/a.txt", w.root);
        CHECK_EQ(rename(from, to), 0);
        w.server.wall++;
        CHECK_STR_EQ(body_of(talk(GET("/a.txt", ""))), "new content");
        for (int i = 0; i < CONNS; i++) {
                w.conn = conn[i];
                w.conn.parser.data = &w.conn;
                w.out_len = 0;
                drain(7);
                w.out[w.out_len] = '\0';
                CHECK_STR_EQ(body_of(w.out), "0123456789");
                ek_http_conn_free(&w.conn);
        }
        CHECK_EQ(ek_http_files_open_count(w.server.files), 1);
        world_end();
}

/* The connection of an idle client costs little. */
EK_TEST(small_when_idle)
{
        CHECK(sizeof(struct ek_http_conn) <= 100);
}

/* Whatever comes: no crash, and an answer or silence. */
EK_TEST(random_bytes)
{
        static const char *const words[] = {"GET ",
                                            "HEAD ",
                                            "/",
                                            "/a.txt",
                                            " HTTP/1.1\r\n",
                                            "Host: x\r\n",
                                            "\r\n",
                                            "Range: bytes=",
                                            "1-2",
                                            "Content-Length: ",
                                            "3",
                                            "\r\n\r\n",
                                            "%2e",
                                            "Connection: close\r\n",
                                            "\x80",
                                            "Transfer-Encoding: chunked\r\n"};
        char text[512];

        world_begin();
        for (uint32_t round = 0; round < ek_test_rounds(3000); round++) {
                size_t len = 0;

                while (len < sizeof text - 40 && ek_test_below(16) != 0) {
                        const char *word = words[ek_test_below(sizeof words / sizeof words[0])];

                        memcpy(text + len, word, strlen(word));
                        len += strlen(word);
                }
                if (len > 0 && ek_test_below(4) == 0)
                        text[ek_test_below((uint32_t)len)] = (char)ek_test_rand();
                talk_step(text, len, 1 + ek_test_below(40));
                CHECK(w.out_len == 0 || strncmp(w.out, "HTTP/1.1 ", 9) == 0);
        }
        world_end();
}
