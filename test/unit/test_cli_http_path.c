/* SPDX-License-Identifier: MIT */
/*
 * From targets to paths: no spelling leads out of the root.
 */
#include "test/support/ek_test.h"

#include "cli/http_path.h"

EK_TEST_MAIN();

EK_TEST(decoding)
{
        static const struct {
                const char *target, *path;
                bool slash;
        } cases[] = {
                {"/", ".", true},
                {"/a", "a", false},
                {"/a/b.txt", "a/b.txt", false},
                {"/a/", "a", true},
                {"//a//b", "a/b", false},
                {"/./a/./b", "a/b", false},
                {"/a/../b", "b", false},
                {"/a/b/..", "a", false},
                {"/a/..", ".", false},
                {"/a?x=/../y", "a", false},
                {"/a#b", "a", false},
                {"/a%20b", "a b", false},
                {"/%61%2Fb", "a/b", false},
                {"/%2e%2e%2fa/..", NULL, false},
                {"/a%00b", NULL, false},
                {"/%zz", NULL, false},
                {"/%4", NULL, false},
                {"/...", "...", false},
                {"/..a", "..a", false},
                {"http://host/a", "a", false},
                {"http://host", ".", true},
                {"HTTP://host:80/a/?q", "a", true},
                {"*", NULL, false},
                {"", NULL, false},
                {"a/b", NULL, false},
                {"/%e4%b8%ad", "\xe4\xb8\xad", false},
        };
        char path[EK_HTTP_TARGET_MAX + 2];

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                bool slash = false;
                int status =
                        ek_http_path_decode(cases[i].target, strlen(cases[i].target), path, &slash);

                if (cases[i].path == NULL) {
                        CHECK(status != 0);
                        continue;
                }
                CHECK_EQ(status, 0);
                CHECK_STR_EQ(path, cases[i].path);
                CHECK_EQ(slash, cases[i].slash);
        }
}

EK_TEST(climbing_out)
{
        static const char *const targets[] = {"/..",
                                              "/../etc/passwd",
                                              "/a/../../b",
                                              "/%2e%2e/etc/passwd",
                                              "/%2E%2E%2Fetc%2Fpasswd",
                                              "/..%2f..%2f",
                                              "/a/%2e%2e/%2e%2e",
                                              "http://h/../x",
                                              "/./../x"};
        char path[EK_HTTP_TARGET_MAX + 2];
        bool slash;

        for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
                CHECK_EQ(ek_http_path_decode(targets[i], strlen(targets[i]), path, &slash), 403);
}

EK_TEST(too_long)
{
        char target[EK_HTTP_TARGET_MAX + 2];
        char path[EK_HTTP_TARGET_MAX + 2];
        bool slash;

        memset(target, 'a', sizeof target);
        target[0] = '/';
        CHECK_EQ(ek_http_path_decode(target, EK_HTTP_TARGET_MAX, path, &slash), 0);
        CHECK_EQ(strlen(path), EK_HTTP_TARGET_MAX - 1);
        CHECK_EQ(ek_http_path_decode(target, EK_HTTP_TARGET_MAX + 1, path, &slash), 414);
}

/* Whatever is decoded stays a plain relative path. */
EK_TEST(random_targets)
{
        static const char alphabet[] = "/.%2eEfFa?#0";
        char target[64];
        char path[EK_HTTP_TARGET_MAX + 2];
        bool slash;

        for (uint32_t round = 0; round < ek_test_rounds(200000); round++) {
                size_t len = ek_test_below(sizeof target);

                for (size_t i = 0; i < len; i++)
                        target[i] = alphabet[ek_test_below(sizeof alphabet - 1)];
                if (len > 0)
                        target[0] = '/';
                if (ek_http_path_decode(target, len, path, &slash) != 0)
                        continue;
                CHECK(path[0] != '\0' && path[0] != '/');
                CHECK(strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0);
                CHECK(strstr(path, "/../") == NULL && strstr(path, "//") == NULL);
        }
}

EK_TEST(encoding)
{
        char out[64];

        CHECK_EQ(ek_http_path_encode("a b/c%?#\xe4", out, sizeof out), 19);
        CHECK_STR_EQ(out, "a%20b/c%25%3F%23%E4");
}

EK_TEST(types)
{
        CHECK_STR_EQ(ek_http_path_type("a/index.HTML"), "text/html; charset=utf-8");
        CHECK_STR_EQ(ek_http_path_type("a.b/file"), "application/octet-stream");
        CHECK_STR_EQ(ek_http_path_type("x.png"), "image/png");
        CHECK_STR_EQ(ek_http_path_type("."), "application/octet-stream");
}
