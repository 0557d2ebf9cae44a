/* SPDX-License-Identifier: MIT */
/*
 * fuzz_cli (F15): what the tool reads from strangers and from its user, byte by byte.
 *
 *      request targets   RFC 9112, 3.2: no path leaves the served directory, whatever the encoding
 *      URLs, redirects   RFC 3986, 5.2
 *      responses         RFC 9112: the same bytes in any portions give the same answer
 *      dates, ranges     RFC 9110: what is formatted is read again as it was
 *      addresses         RFC 4291, 2.2 and RFC 5952: the same
 *      numbers, options of the command line
 *
 * elko-build: needs=http_parser
 *
 * Byte 0 chooses.
 */
#include "common/fz.h"

#include "http_client.h"
#include "http_cond.h"
#include "http_path.h"
#include "options.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 4096 };

/* No segment of it may be "..", empty or ".", and it may not begin at the root. */
static void check_relative(const char *path)
{
        size_t n;

        if (strcmp(path, ".") == 0)
                return;
        for (const char *p = path;; p += n + 1) {
                n = strcspn(p, "/");
                FZ_REQUIRE(n > 0 && !(n == 1 && p[0] == '.') &&
                           !(n == 2 && memcmp(p, "..", 2) == 0));
                if (p[n] == '\0')
                        return;
        }
}

static void targets(const uint8_t *p, size_t n)
{
        static char path[EK_HTTP_TARGET_MAX + 2], again[EK_HTTP_TARGET_MAX + 2];
        static char encoded[3 * EK_HTTP_TARGET_MAX + 8];
        bool slash;
        int status = ek_http_path_decode((const char *)p, n, path, &slash);

        FZ_REQUIRE(status == 0 || status == 400 || status == 403 || status == 414);
        if (status != 0)
                return;
        FZ_REQUIRE(memchr(path, 0, sizeof(path)) != NULL);
        check_relative(path);
        FZ_REQUIRE(ek_http_path_type(path) != NULL);
        /* What we encode for our own listings leads to the same file. */
        encoded[0] = '/';
        n = ek_http_path_encode(path, encoded + 1, sizeof(encoded) - 1);
        FZ_REQUIRE(n < sizeof(encoded) - 1 && strlen(encoded + 1) == n);
        if (strcmp(path, ".") == 0 || n + 1 > EK_HTTP_TARGET_MAX)
                return;
        FZ_REQUIRE(ek_http_path_decode(encoded, n + 1, again, &slash) == 0);
        FZ_REQUIRE(strcmp(path, again) == 0);
}

static void urls(const char *text)
{
        static struct ek_http_url base, out;
        const char *second = text + strlen(text) + 1;
        char why[200], name[64];

        if (ek_http_url_parse(text, &out, why, sizeof(why))) {
                FZ_REQUIRE(out.host[0] != '\0' && out.port != 0 && out.target[0] == '/');
                for (const char *c = out.target; *c != '\0'; c++)
                        FZ_REQUIRE(*c > ' ' && *c < 0x7f);
                for (const char *c = out.host; *c != '\0'; c++)
                        FZ_REQUIRE(*c > ' ' && *c < 0x7f);
                ek_http_url_file_name(&out, name, sizeof(name));
                FZ_REQUIRE(name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, "..") != 0);
                base = out;
        } else {
                FZ_REQUIRE(ek_http_url_parse("http://a.example:81/b/c?d", &base, why, sizeof(why)));
        }
        if (ek_http_url_resolve(&base, second, &out, why, sizeof(why)))
                FZ_REQUIRE(out.host[0] != '\0' && out.target[0] == '/');
}

/* ---- responses ---- */

struct seen {
        unsigned heads;
        int status;
        uint64_t bytes, sum;
};

static bool on_head(void *ctx, const struct ek_http_reply *reply)
{
        struct seen *s = ctx;

        s->heads++;
        s->status = reply->status;
        return true;
}

static bool on_body(void *ctx, const uint8_t *data, size_t len)
{
        struct seen *s = ctx;

        for (size_t i = 0; i < len; i++)
                s->sum = s->sum * 31 + data[i];
        s->bytes += len;
        return true;
}

/* In portions of `step` bytes. Returns whether it went well to the end. */
static bool read_response(const uint8_t *p, size_t n, size_t step, struct seen *s)
{
        struct ek_http_client c;
        bool ok = true;

        *s = (struct seen){0};
        ek_http_client_init(&c, on_head, on_body, s);
        for (size_t at = 0; at < n && ok && !c.complete; at += step)
                ok = ek_http_client_input(&c, p + at, step < n - at ? step : n - at);
        if (ok && !c.complete)
                ok = ek_http_client_eof(&c);
        FZ_REQUIRE(ok || c.error[0] != '\0' || c.stopped);
        FZ_REQUIRE(s->heads <= 1 && (!c.complete || s->heads == 1));
        ek_http_client_free(&c);
        return ok;
}

static void responses(const uint8_t *p, size_t n)
{
        struct seen whole, parts;
        bool a, b;

        if (n < 1)
                return;
        a = read_response(p + 1, n - 1, n, &whole);
        b = read_response(p + 1, n - 1, 1 + p[0] % 40, &parts);
        FZ_REQUIRE(a == b);
        if (a)
                FZ_REQUIRE(whole.heads == parts.heads && whole.status == parts.status &&
                           whole.bytes == parts.bytes && whole.sum == parts.sum);
}

/* ---- texts ---- */

static void dates_and_ranges(const char *text)
{
        struct ek_http_validators v = {.etag = "\"abc\"", .modified = 784111777};
        struct ek_http_conditions c = {0};
        const char **field[] = {&c.if_match, &c.if_none_match, &c.if_modified_since,
                                &c.if_unmodified_since, &c.if_range};
        uint64_t first = 0, last = 0, size = strlen(text) * 100;
        char buf[EK_HTTP_DATE_TEXT];
        int64_t when, again;
        int status;

        if (ek_http_date_parse(text, &when)) {
                ek_http_date_format(when, buf);
                FZ_REQUIRE(ek_http_date_parse(buf, &again) && again == when);
        }
        *field[(uint8_t)text[0] % 5] = text[0] != '\0' ? text + 1 : text;
        status = ek_http_cond_status(&c, &v);
        FZ_REQUIRE(status == 0 || status == 304 || status == 412);
        (void)ek_http_cond_range_allowed(&c, &v);
        if (ek_http_range_parse(text, size, &first, &last) == EK_HTTP_RANGE_PART)
                FZ_REQUIRE(first <= last && last < size);
}

static void numbers(const char *text)
{
        uint64_t v, w;
        uint8_t mac[6];
        char buf[EK_UTIL_TEXT], dec[32];

        if (ek_util_parse_u64(text, &v)) {
                snprintf(dec, sizeof(dec), "%llu", (unsigned long long)v);
                FZ_REQUIRE(ek_util_parse_u64(dec, &w) && w == v);
                FZ_REQUIRE(strlen(ek_util_format_bytes(v, buf)) < EK_UTIL_TEXT);
                FZ_REQUIRE(strlen(ek_util_format_span(v, buf)) < EK_UTIL_TEXT);
                FZ_REQUIRE(strlen(ek_util_format_clock(v, buf)) < EK_UTIL_TEXT);
        }
        (void)ek_util_parse_size(text, &v);
        (void)ek_util_parse_span(text, 1000, &v);
        (void)ek_util_parse_mac(text, mac);
}

static void addresses(const char *text)
{
        unsigned bits, bits2;
        char buf[ELKO_IP_TEXT], with[ELKO_IP_TEXT + 8];
        elko_ip ip, again;

        if (elko_ip_parse(text, &ip)) {
                FZ_REQUIRE(elko_ip_format(&ip, buf) == strlen(buf));
                FZ_REQUIRE(elko_ip_parse(buf, &again) && memcmp(&ip, &again, sizeof(ip)) == 0);
        }
        if (elko_ip_parse_prefix(text, &ip, &bits)) {
                FZ_REQUIRE(bits <= (elko_ip_is_v4(&ip) ? 32u : 128u));
                elko_ip_format(&ip, buf);
                snprintf(with, sizeof(with), "%s/%u", buf, bits);
                FZ_REQUIRE(elko_ip_parse_prefix(with, &again, &bits2) && bits2 == bits &&
                           memcmp(&ip, &again, sizeof(ip)) == 0);
        }
}

/* ---- options ---- */

struct own {
        bool flag;
        uint64_t count, size, span;
        const char *text;
        unsigned choice;
        struct ek_text_list list;
};

static void options(char *text, size_t n)
{
        static const struct ek_opt table[] = {
                {.name = "flag",
                 .letter = 'f',
                 .kind = EK_OPT_SET,
                 .help = "x",
                 .offset = offsetof(struct own, flag)},
                {.name = "count",
                 .letter = 'c',
                 .arg = "N",
                 .kind = EK_OPT_COUNT,
                 .min = 3,
                 .max = 900,
                 .help = "x",
                 .offset = offsetof(struct own, count)},
                {.name = "size",
                 .arg = "N",
                 .kind = EK_OPT_SIZE,
                 .min = 0,
                 .max = 1 << 20,
                 .help = "x",
                 .offset = offsetof(struct own, size)},
                {.name = "span",
                 .letter = 's',
                 .arg = "T",
                 .kind = EK_OPT_SPAN,
                 .min = 5,
                 .max = 50000,
                 .unit_ns = 10,
                 .help = "x",
                 .offset = offsetof(struct own, span)},
                {.name = "text",
                 .letter = 't',
                 .arg = "X",
                 .kind = EK_OPT_TEXT,
                 .help = "x",
                 .offset = offsetof(struct own, text)},
                {.name = "list",
                 .letter = 'l',
                 .arg = "X",
                 .kind = EK_OPT_LIST,
                 .help = "x",
                 .offset = offsetof(struct own, list)},
                {.name = "choice",
                 .arg = "X",
                 .kind = EK_OPT_CHOICE,
                 .choices = "on|off|maybe",
                 .help = "x",
                 .offset = offsetof(struct own, choice)},
        };
        struct ek_command_spec spec = {.name = "fuzz",
                                       .usage = "",
                                       .about = "x",
                                       .own = table,
                                       .own_count = sizeof(table) / sizeof(table[0]),
                                       .network = true,
                                       .max_args = 3};
        static FILE *quiet;
        FILE *out = stdout, *err = stderr;
        struct ek_options common;
        struct own own = {.count = 3, .span = 5};
        char *argv[24] = {(char *)(uintptr_t) "fuzz"};
        int argc = 1;

        if (quiet == NULL)
                quiet = fopen("/dev/null", "w");
        FZ_REQUIRE(quiet != NULL);
        for (size_t at = 0; at < n && argc < 23; at += strlen(text + at) + 1)
                argv[argc++] = text + at;
        argv[argc] = NULL;
        stdout = stderr = quiet;
        if (ek_options_parse(&spec, argc, argv, &common, &own) == EK_OPTIONS_GO) {
                stdout = out, stderr = err;
                FZ_REQUIRE(own.count >= 3 && own.count <= 900 && own.size <= 1 << 20);
                FZ_REQUIRE(own.span >= 5 && own.span <= 50000 && own.choice < 3);
                FZ_REQUIRE(own.text == NULL || own.text[0] != '\0');
                FZ_REQUIRE(own.list.count <= EK_TEXT_LIST_MAX && common.arg_count <= 3);
        }
        stdout = out, stderr = err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char text[TEXT_MAX + 2];

        if (size < 1 || size > TEXT_MAX)
                return 0;
        memcpy(text, data + 1, size - 1);
        text[size - 1] = text[size] = '\0';
        switch (data[0] % 7) {
        case 0: targets(data + 1, size - 1); break;
        case 1: urls(text); break;
        case 2: responses(data + 1, size - 1); break;
        case 3: dates_and_ranges(text); break;
        case 4: numbers(text); break;
        case 5: addresses(text); break;
        default: options(text, size - 1); break;
        }
        fz_steps++;
        return 0;
}

#define TEXT(s)                                                                                    \
        {                                                                                          \
                (s), sizeof(s) - 1                                                                 \
        }

size_t fz_seed(unsigned i, uint8_t *out)
{
        static const struct fz_bytes list[] = {
                TEXT("\0/a/b%20c/../d?q=1"),
                TEXT("\0http://host:80/x/./y/"),
                TEXT("\0/%2e%2e/%2e/etc"),
                TEXT("\1http://[2001:db8::1]:8080/a%c3?x#f\0../y"),
                TEXT("\1http://host\0//other/z"),
                TEXT("\2\6HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nhello"),
                TEXT("\2\1HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                TEXT("\2\3HTTP/1.1 301 Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n"),
                TEXT("\2\7HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\nabc"),
                TEXT("\3Sun, 06 Nov 1994 08:49:37 GMT"),
                TEXT("\3Sunday, 06-Nov-94 08:49:37 GMT"),
                TEXT("\3Sun Nov  6 08:49:37 1994"),
                TEXT("\3bytes=0-99"),
                TEXT("\3bytes=-5"),
                TEXT("\3\1\"abc\", W/\"d\""),
                TEXT("\0041.5MiB"),
                TEXT("\004200ms"),
                TEXT("\00402:00:00:00:00:01"),
                TEXT("\00418446744073709551615"),
                TEXT("\005192.0.2.1/24"),
                TEXT("\0052001:db8::1:0:0:192.0.2.1/64"),
                TEXT("\005fe80::"),
                TEXT("\6--count=7\0-f\0--size\00064K\0-s\00030us\0arg"),
                TEXT("\6--addr\00010.0.0.1/24\0--mtu=1500\0--choice=maybe\0--\0-x"),
        };

        return fz_seed_list(list, sizeof(list) / sizeof(list[0]), i, out);
}
