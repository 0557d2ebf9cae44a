/* SPDX-License-Identifier: MIT */
/*
 * URLs, requests, responses: where a body ends is never guessed.
 * elko-build: needs=http_parser
 */
#include "test/support/ek_test.h"

#include "cli/http_client.h"

EK_TEST_MAIN();

EK_TEST(urls)
{
        struct ek_http_url u;
        char why[300];

        CHECK(ek_http_url_parse("http://192.0.2.1/a/b?c=d#e", &u, why, sizeof why));
        CHECK_STR_EQ(u.host, "192.0.2.1");
        CHECK_STR_EQ(u.target, "/a/b?c=d");
        CHECK_EQ(u.port, 80);
        CHECK(ek_http_url_parse("HTTP://[2001:db8::1]:8080", &u, why, sizeof why));
        CHECK_STR_EQ(u.host, "2001:db8::1");
        CHECK(u.ipv6);
        CHECK_EQ(u.port, 8080);
        CHECK_STR_EQ(u.target, "/");
        CHECK(ek_http_url_parse("http://host?x", &u, why, sizeof why));
        CHECK_STR_EQ(u.target, "/?x");
        CHECK(ek_http_url_parse("http://host/\xc3\xa4", &u, why, sizeof why));
        CHECK_STR_EQ(u.target, "/%C3%A4");
}

EK_TEST(bad_urls)
{
        static const struct {
                const char *url, *mentions;
        } cases[] = {
                {"", "http://"},
                {"host/path", "http://"},
                {"https://host/", "https://"},
                {"ftp://host/", "ftp://"},
                {"http://", "http://"},
                {"http:///path", "http://"},
                {"http://host:0/", "port"},
                {"http://host:99999/", "http://"},
                {"http://user:pw@host/", "Authorization"},
                {"http://host/a b", "%20"},
                {"http://host/\r\nX: y", "%20"},
        };
        struct ek_http_url u;
        char why[300];

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                CHECK(!ek_http_url_parse(cases[i].url, &u, why, sizeof why));
                if (strstr(why, cases[i].mentions) == NULL)
                        ek_test_fail(__FILE__, __LINE__, "%s: %s", cases[i].url, why);
        }
}

EK_TEST(redirect_targets)
{
        static const struct {
                const char *location, *host;
                unsigned port;
                const char *target;
        } cases[] = {
                {"http://other:81/x", "other", 81, "/x"},
                {"/x?y", "host", 8080, "/x?y"},
                {"x", "host", 8080, "/dir/x"},
                {"?z", "host", 8080, "/dir/file?z"},
                {"//third/x", "third", 80, "/x"},
                {"x?u=http://q/", "host", 8080, "/dir/x?u=http://q/"},
        };
        struct ek_http_url base;
        struct ek_http_url u;
        char why[300];

        CHECK(ek_http_url_parse("http://host:8080/dir/file?q=/r/s", &base, why, sizeof why));
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                CHECK(ek_http_url_resolve(&base, cases[i].location, &u, why, sizeof why));
                CHECK_STR_EQ(u.host, cases[i].host);
                CHECK_EQ(u.port, cases[i].port);
                CHECK_STR_EQ(u.target, cases[i].target);
        }
        CHECK(!ek_http_url_resolve(&base, "https://host/", &u, why, sizeof why));
}

EK_TEST(file_names)
{
        static const struct {
                const char *url, *name;
        } cases[] = {
                {"http://h/a/b.iso?x/y", "b.iso"}, {"http://h/", "index.html"},
                {"http://h/a%20b", "a b"},         {"http://h/..", "index.html"},
                {"http://h/%2e%2e", "index.html"}, {"http://h/a%2fb", "index.html"},
                {"http://h/a%0ab", "index.html"},
        };
        struct ek_http_url u;
        char why[300];
        char name[64];

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                CHECK(ek_http_url_parse(cases[i].url, &u, why, sizeof why));
                ek_http_url_file_name(&u, name, sizeof name);
                CHECK_STR_EQ(name, cases[i].name);
        }
}

EK_TEST(requests)
{
        static const char *const headers[] = {"X-A: 1", "host: mine"};
        struct ek_http_url u;
        struct ek_http_get get = {.url = &u};
        char why[300];
        size_t len;
        char *text;

        CHECK(ek_http_url_parse("http://[::1]:8080/a", &u, why, sizeof why));
        text = ek_http_get_text(&get, &len);
        CHECK(strncmp(text, "GET /a HTTP/1.1\r\nHost: [::1]:8080\r\n", 35) == 0);
        CHECK(strstr(text, "Range") == NULL);
        CHECK(strcmp(text + len - 4, "\r\n\r\n") == 0);
        free(text);
        get.headers = headers;
        get.header_count = 2;
        get.resume_at = 5;
        get.if_range = "\"t\"";
        text = ek_http_get_text(&get, &len);
        CHECK(strstr(text, "Host: [") == NULL && strstr(text, "host: mine\r\n") != NULL);
        CHECK(strstr(text, "Range: bytes=5-\r\nIf-Range: \"t\"\r\n") != NULL);
        free(text);
        CHECK(ek_http_header_ok("A: b"));
        CHECK(!ek_http_header_ok("A: b\r\nC: d"));
        CHECK(!ek_http_header_ok("A"));
        CHECK(!ek_http_header_ok(": b"));
        CHECK(!ek_http_header_ok("A b: c"));
}

/* ---- responses ---- */

struct seen {
        struct ek_http_client http;
        int heads, status;
        bool has_length, stop_at_head;
        uint64_t length;
        char body[4096];
        size_t body_len;
};

static bool on_head(void *ctx, const struct ek_http_reply *r)
{
        struct seen *s = ctx;

        s->heads++;
        s->status = r->status;
        s->has_length = r->has_length;
        s->length = r->length;
        return !s->stop_at_head;
}

static bool on_body(void *ctx, const uint8_t *data, size_t len)
{
        struct seen *s = ctx;

        CHECK(s->body_len + len < sizeof s->body);
        memcpy(s->body + s->body_len, data, len);
        s->body_len += len;
        s->body[s->body_len] = '\0';
        return true;
}

/* Feed `text` in pieces, then the end of the stream when `eof`; was all well? */
static bool hear(struct seen *s, const char *text, size_t step, bool eof)
{
        size_t len = strlen(text);
        bool stop = s->stop_at_head;

        memset(s, 0, sizeof *s);
        s->stop_at_head = stop;
        ek_http_client_init(&s->http, on_head, on_body, s);
        for (size_t at = 0; at < len; at += step)
                if (!ek_http_client_input(&s->http, (const uint8_t *)text + at,
                                          len - at < step ? len - at : step))
                        return false;
        return !eof || ek_http_client_eof(&s->http);
}

EK_TEST(bodies)
{
        static const struct {
                const char *text;
                bool needs_eof;
        } cases[] = {
                {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: u\r\n\r\n",
                 false},
                {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", true},
                {"HTTP/1.0 200 OK\r\n\r\nhello", true},
                {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                 false},
                {"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                 false},
                {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n", false},
        };
        static struct seen s;

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                for (size_t step = 1; step < 200; step += 66) {
                        CHECK(hear(&s, cases[i].text, step, false));
                        CHECK_EQ(s.http.complete, !cases[i].needs_eof);
                        CHECK_EQ(s.heads, 1);
                        CHECK_STR_EQ(s.body, "hello");
                        CHECK(ek_http_client_eof(&s.http));
                        CHECK(s.http.complete);
                        ek_http_client_free(&s.http);
                }
        }
}

/* A lost rest is not an end. */
EK_TEST(cut_bodies)
{
        static const char *const cases[] = {
                "",
                "HTTP/1.1 200 OK\r\nContent-Le",
                "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        };
        static struct seen s;

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                CHECK(!hear(&s, cases[i], 7, true));
                CHECK(s.http.error[0] != '\0');
                CHECK(!s.http.complete);
                ek_http_client_free(&s.http);
        }
}

EK_TEST(broken_responses)
{
        static const char *const cases[] = {
                "SSH-2.0-OpenSSH\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        };
        static struct seen s;

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                CHECK(!hear(&s, cases[i], 1000, true));
                CHECK(s.http.error[0] != '\0');
                ek_http_client_free(&s.http);
        }
}

EK_TEST(reply_fields)
{
        static struct seen s;

        CHECK(hear(&s,
                   "HTTP/1.1 206 Partial\r\nETag: \"t\"\r\nlast-modified: then\r\nLocation: /x\r\n"
                   "Content-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n56789",
                   3, false));
        CHECK_STR_EQ(s.http.reply.etag, "\"t\"");
        CHECK_STR_EQ(s.http.reply.last_modified, "then");
        CHECK_STR_EQ(s.http.reply.location, "/x");
        CHECK(s.http.reply.has_range && s.http.reply.has_total);
        CHECK_EQ(s.http.reply.range_first, 5);
        CHECK_EQ(s.http.reply.total, 10);
        CHECK_EQ(s.length, 5);
        ek_http_client_free(&s.http);
        s.stop_at_head = true;
        CHECK(!hear(&s, "HTTP/1.1 416 No\r\nContent-Range: bytes */10\r\nContent-Length: 0\r\n\r\n",
                    3, false));
        CHECK(s.http.stopped && s.http.reply.has_total && !s.http.reply.has_range);
        ek_http_client_free(&s.http);
}
