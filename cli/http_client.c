/* SPDX-License-Identifier: MIT */
/*
 * The HTTP client machine (RFC 9110, RFC 9112).
 * elko-build: needs=http_parser
 *
 * Theory: where a response ends is the one thing that must not be guessed, or a half-received file
 * looks whole. RFC 9112, 6.3 has three ends: Content-Length, the last chunk, and the close of the
 * connection; http_parser keeps them apart, and ek_http_client_eof() asks it whether an end of file
 * is the end of the body or a loss. Nothing from the network gets into a request or a file name
 * unchecked: URLs with control characters are refused, and a name with a slash is no name.
 */
#include "http_client.h"

#include <elko/types.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REPLY_HEADER_MAX = 65536 };

/* ---- URLs ---- */

/* Refuse what can't stand in a request line; percent-encode bytes beyond ASCII. */
static bool clean_url(const char *text, char *out, size_t size, char *why, size_t why_len)
{
        size_t n = 0;

        for (; *text != '\0' && *text != '#'; text++) {
                unsigned char c = (unsigned char)*text;

                if (c <= 0x20 || c == 0x7f) {
                        snprintf(
                                why, why_len,
                                "a URL has no spaces or control characters: write a space as %%20");
                        return false;
                }
                if (n + 4 > size) {
                        snprintf(why, why_len, "the URL is longer than %d bytes", EK_HTTP_URL_MAX);
                        return false;
                }
                if (c < 0x80)
                        out[n++] = *text;
                else
                        n += (size_t)snprintf(out + n, size - n, "%%%02X", c);
        }
        out[n] = '\0';
        return true;
}

static bool take_host(const struct http_parser_url *u, const char *text, struct ek_http_url *out)
{
        size_t off = u->field_data[UF_HOST].off;
        size_t len = u->field_data[UF_HOST].len;

        if (len == 0 || len > EK_HTTP_HOST_MAX)
                return false;
        memcpy(out->host, text + off, len);
        out->host[len] = '\0';
        out->ipv6 = off > 0 && text[off - 1] == '[';
        return true;
}

static void take_target(const struct http_parser_url *u, const char *text, struct ek_http_url *out)
{
        bool path = (u->field_set & (1u << UF_PATH)) != 0;
        bool query = (u->field_set & (1u << UF_QUERY)) != 0;

        snprintf(out->target, sizeof out->target, "%.*s%s%.*s",
                 path ? u->field_data[UF_PATH].len : 1,
                 path ? text + u->field_data[UF_PATH].off : "/", query ? "?" : "",
                 query ? u->field_data[UF_QUERY].len : 0,
                 query ? text + u->field_data[UF_QUERY].off : "");
}

bool ek_http_url_parse(const char *text, struct ek_http_url *out, char *why, size_t why_len)
{
        char clean[EK_HTTP_URL_MAX + 1];
        struct http_parser_url u;
        size_t scheme;

        if (!clean_url(text, clean, sizeof clean, why, why_len))
                return false;
        http_parser_url_init(&u);
        if (strstr(clean, "://") == NULL ||
            http_parser_parse_url(clean, strlen(clean), 0, &u) != 0 || !take_host(&u, clean, out)) {
                snprintf(why, why_len,
                         "a URL looks like http://HOST[:PORT]/PATH, with an IPv6 address in "
                         "brackets");
                return false;
        }
        scheme = u.field_data[UF_SCHEMA].len;
        if (scheme != 4 || strncasecmp(clean, "http", 4) != 0) {
                snprintf(why, why_len, "only http:// is supported, not %.*s://", (int)scheme,
                         clean);
                return false;
        }
        if ((u.field_set & (1u << UF_USERINFO)) != 0) {
                snprintf(why, why_len,
                         "user names in URLs are not supported: use --header "
                         "'Authorization: ...'");
                return false;
        }
        out->port = (u.field_set & (1u << UF_PORT)) != 0 ? u.port : 80;
        take_target(&u, clean, out);
        if (out->port != 0)
                return true;
        snprintf(why, why_len, "a port is 1 to 65535");
        return false;
}

/* RFC 3986, 5.2, as far as redirects need it: dot segments are left to the server. */
bool ek_http_url_resolve(const struct ek_http_url *base, const char *location,
                         struct ek_http_url *out, char *why, size_t why_len)
{
        char text[EK_HTTP_URL_MAX * 2];
        int dir = 0;

        if (strstr(location, "://") != NULL && strcspn(location, ":") < strcspn(location, "/?"))
                return ek_http_url_parse(location, out, why, why_len);
        if (strncmp(location, "//", 2) == 0) {
                snprintf(text, sizeof text, "http:%s", location);
                return ek_http_url_parse(text, out, why, why_len);
        }
        if (location[0] == '?') {
                dir = (int)strcspn(base->target, "?");
        } else if (location[0] != '/') {
                int path = (int)strcspn(base->target, "?");

                for (int i = 0; i < path; i++)
                        if (base->target[i] == '/')
                                dir = i + 1;
        }
        snprintf(text, sizeof text, base->ipv6 ? "http://[%s]:%u%.*s%s" : "http://%s:%u%.*s%s",
                 base->host, base->port, dir, base->target, location);
        return ek_http_url_parse(text, out, why, why_len);
}

static int hex_value(char c)
{
        const char *digits = "0123456789abcdef";
        const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

        return at != NULL ? (int)(at - digits) : -1;
}

void ek_http_url_file_name(const struct ek_http_url *url, char *out, size_t size)
{
        size_t end = strcspn(url->target, "?");
        size_t start = end;
        size_t n = 0;
        bool good = true;

        while (start > 0 && url->target[start - 1] != '/')
                start--;
        for (size_t i = start; i < end && n + 1 < size; i++) {
                char c = url->target[i];
                int high = c == '%' && i + 2 < end ? hex_value(url->target[i + 1]) : -1;
                int low = high >= 0 ? hex_value(url->target[i + 2]) : -1;

                if (low >= 0) {
                        c = (char)(high << 4 | low);
                        i += 2;
                }
                good = good && c != '/' && (unsigned char)c >= 0x20 && c != 0x7f;
                out[n++] = c;
        }
        out[n] = '\0';
        if (n == 0 || !good || strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
                snprintf(out, size, "index.html");
}

/* ---- the request ---- */

bool ek_http_header_ok(const char *header)
{
        size_t name = strcspn(header, ":");

        if (name == 0 || header[name] != ':' || strcspn(header, " \t") < name)
                return false;
        for (; *header != '\0'; header++)
                if ((unsigned char)*header < 0x20 && *header != '\t')
                        return false;
        return true;
}

static bool overridden(const struct ek_http_get *get, const char *name)
{
        size_t len = strlen(name);

        for (unsigned i = 0; i < get->header_count; i++)
                if (strncasecmp(get->headers[i], name, len) == 0 && get->headers[i][len] == ':')
                        return true;
        return false;
}

static void put_host(FILE *out, const struct ek_http_url *url)
{
        fprintf(out, url->ipv6 ? "Host: [%s]" : "Host: %s", url->host);
        if (url->port != 80)
                fprintf(out, ":%u", url->port);
        fputs("\r\n", out);
}

char *ek_http_get_text(const struct ek_http_get *get, size_t *len)
{
        char *text = NULL;
        FILE *out = open_memstream(&text, len);

        if (out == NULL)
                return NULL;
        fprintf(out, "GET %s HTTP/1.1\r\n", get->url->target);
        if (!overridden(get, "Host"))
                put_host(out, get->url);
        if (!overridden(get, "User-Agent"))
                fputs("User-Agent: elko\r\n", out);
        if (!overridden(get, "Accept"))
                fputs("Accept: */*\r\n", out);
        fputs("Connection: close\r\n", out);
        if (get->resume_at > 0) {
                fprintf(out, "Range: bytes=%llu-\r\n", (unsigned long long)get->resume_at);
                if (get->if_range != NULL)
                        fprintf(out, "If-Range: %s\r\n", get->if_range);
        }
        for (unsigned i = 0; i < get->header_count; i++)
                fprintf(out, "%s\r\n", get->headers[i]);
        fputs("\r\n", out);
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}

/* ---- the response: fields ---- */

__attribute__((format(printf, 2, 3))) static int broken(struct ek_http_client *c,
                                                        const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(c->error, sizeof c->error, format, args);
        va_end(args);
        return -1;
}

static char **text_field(struct ek_http_client *c)
{
        static const char *const names[] = {"location", "etag", "last-modified"};
        char **const fields[] = {&c->reply.location, &c->reply.etag, &c->reply.last_modified};

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (c->name_len == strlen(names[i]) &&
                    strncasecmp(c->name, names[i], c->name_len) == 0)
                        return fields[i];
        return NULL;
}

static bool name_is(const struct ek_http_client *c, const char *name)
{
        return c->name_len == strlen(name) && strncasecmp(c->name, name, c->name_len) == 0;
}

/* "bytes 0-499/1234", "bytes 0-499/" and a star, "bytes " star "/1234" */
static void take_content_range(struct ek_http_reply *r, const char *text)
{
        unsigned long long first, last, total;

        if (sscanf(text, "bytes %20llu-%20llu/%20llu", &first, &last, &total) == 3) {
                r->has_total = true;
                r->total = total;
        } else if (sscanf(text, "bytes */%20llu", &total) == 1) {
                r->has_total = true;
                r->total = total;
                return;
        } else if (sscanf(text, "bytes %20llu-%20llu/", &first, &last) != 2) {
                return;
        }
        r->has_range = last >= first;
        r->range_first = first;
        r->range_last = last;
}

static void field_end(struct ek_http_client *c)
{
        char **field = text_field(c);

        if (c->value == NULL)
                return;
        if (field != NULL) {
                free(*field);
                *field = c->value;
                c->value = NULL;
        } else if (name_is(c, "content-range")) {
                take_content_range(&c->reply, c->value);
        }
        free(c->value);
        c->value = NULL;
        c->value_len = 0;
}

static int count_header_bytes(struct ek_http_client *c, size_t len)
{
        c->header_bytes += len;
        return c->header_bytes > REPLY_HEADER_MAX
                       ? broken(c, "the response head is longer than 64 KiB")
                       : 0;
}

static int on_header_field(http_parser *p, const char *at, size_t len)
{
        struct ek_http_client *c = p->data;
        size_t room;

        if (c->in_value) {
                field_end(c);
                c->in_value = false;
                c->name_len = 0;
        }
        room = c->name_len < sizeof c->name ? sizeof c->name - c->name_len : 0;
        memcpy(c->name + sizeof c->name - room, at, len < room ? len : room);
        c->name_len += len;
        return count_header_bytes(c, len);
}

static int on_header_value(http_parser *p, const char *at, size_t len)
{
        struct ek_http_client *c = p->data;
        char *bigger;

        c->in_value = true;
        if (count_header_bytes(c, len) != 0)
                return -1;
        if (text_field(c) == NULL && !name_is(c, "content-range"))
                return 0;
        bigger = realloc(c->value, c->value_len + len + 1);
        if (bigger == NULL)
                return broken(c, "out of memory");
        memcpy(bigger + c->value_len, at, len);
        c->value = bigger;
        c->value_len += len;
        c->value[c->value_len] = '\0';
        return 0;
}

/* ---- the response: parts ---- */

static void reply_free(struct ek_http_reply *r)
{
        free(r->location);
        free(r->etag);
        free(r->last_modified);
        *r = (struct ek_http_reply){0};
}

static bool is_interim(const http_parser *p)
{
        return p->status_code >= 100 && p->status_code < 200;
}

static int on_message_begin(http_parser *p)
{
        struct ek_http_client *c = p->data;

        reply_free(&c->reply);
        c->in_value = false;
        c->name_len = 0;
        c->header_bytes = 0;
        return 0;
}

static int on_headers_complete(http_parser *p)
{
        struct ek_http_client *c = p->data;

        if (c->in_value)
                field_end(c);
        c->in_value = false;
        if (p->status_code == 101)
                return broken(c, "the server switched protocols without being asked");
        if (is_interim(p))
                return 0;
        c->reply.status = (int)p->status_code;
        c->reply.has_length = (p->flags & F_CHUNKED) == 0 && p->content_length != UINT64_MAX;
        c->reply.length = c->reply.has_length ? p->content_length : 0;
        c->head_done = true;
        p->upgrade = 0;
        c->stopped = !c->on_head(c->ctx, &c->reply);
        return c->stopped ? -1 : 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
        struct ek_http_client *c = p->data;

        c->stopped = !c->on_body(c->ctx, (const uint8_t *)at, len);
        return c->stopped ? -1 : 0;
}

static int on_message_complete(http_parser *p)
{
        struct ek_http_client *c = p->data;

        if (is_interim(p))
                return 0;
        c->complete = true;
        http_parser_pause(p, 1); /* whatever follows was not asked for */
        return 0;
}

static const http_parser_settings callbacks = {
        .on_message_begin = on_message_begin,
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
};

/* ---- the machine ---- */

void ek_http_client_init(struct ek_http_client *c,
                         bool (*on_head_fn)(void *, const struct ek_http_reply *),
                         bool (*on_body_fn)(void *, const uint8_t *, size_t), void *ctx)
{
        *c = (struct ek_http_client){.on_head = on_head_fn, .on_body = on_body_fn, .ctx = ctx};
        http_parser_init(&c->parser, HTTP_RESPONSE);
        c->parser.data = c;
}

void ek_http_client_free(struct ek_http_client *c)
{
        reply_free(&c->reply);
        free(c->value);
        c->value = NULL;
}

static bool verdict(struct ek_http_client *c)
{
        enum http_errno error = HTTP_PARSER_ERRNO(&c->parser);

        if (c->complete)
                return true;
        if (error == HPE_OK && !c->stopped)
                return true;
        if (!c->stopped && c->error[0] == '\0')
                broken(c, "this is not an HTTP response: %s", http_errno_description(error));
        return false;
}

bool ek_http_client_input(struct ek_http_client *c, const uint8_t *data, size_t len)
{
        if (c->complete)
                return true;
        http_parser_execute(&c->parser, &callbacks, (const char *)data, len);
        return verdict(c);
}

bool ek_http_client_eof(struct ek_http_client *c)
{
        if (c->complete)
                return true;
        if (!c->head_done) {
                broken(c, "the server closed the connection without a response");
                return false;
        }
        http_parser_execute(&c->parser, &callbacks, NULL, 0);
        if (c->complete)
                return true;
        if (c->error[0] == '\0')
                broken(c, "the server closed the connection in the middle of the body");
        return false;
}
