/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_HTTP_CLIENT_H
#define EK_CLI_HTTP_CLIENT_H

/*
 * The client side of HTTP/1.1 as functions over bytes: URLs, the request text, and a machine that
 * takes response bytes. It knows no socket; cmd_get.c moves the bytes.
 */

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- URLs ---- */

enum { EK_HTTP_HOST_MAX = 255, EK_HTTP_URL_MAX = 8000 };

struct ek_http_url {
        char host[EK_HTTP_HOST_MAX + 1]; /* without brackets */
        bool ipv6;                       /* `host` stood in brackets */
        uint16_t port;
        char target[EK_HTTP_URL_MAX + 1]; /* path and query, "/" at least */
};

/* "http://host[:port]/path?query". Bytes beyond ASCII are percent-encoded, a fragment is
 * dropped. False: a sentence in `why`. */
bool ek_http_url_parse(const char *text, struct ek_http_url *out, char *why, size_t why_len);

/* Where a redirect leads: `location` is a URL, an absolute path, or a relative path. */
bool ek_http_url_resolve(const struct ek_http_url *base, const char *location,
                         struct ek_http_url *out, char *why, size_t why_len);

/* The last segment of the path, percent-decoded, if it can be a file name; "index.html"
 * otherwise. */
void ek_http_url_file_name(const struct ek_http_url *url, char *out, size_t size);

/* ---- the request ---- */

struct ek_http_get {
        const struct ek_http_url *url;
        const char *const *headers; /* "Name: value", checked by ek_http_header_ok() */
        unsigned header_count;
        uint64_t resume_at;   /* 0: from the start */
        const char *if_range; /* with resume_at: the validator */
};

/* The text of a GET request; malloc()ed, *len bytes; NULL: no memory. */
char *ek_http_get_text(const struct ek_http_get *get, size_t *len);

/* "Name: value" without line breaks. */
bool ek_http_header_ok(const char *header);

/* ---- the response ---- */

struct ek_http_reply {
        int status;
        bool has_length;
        uint64_t length; /* of the body; chunked and close-delimited ones have none */
        char *location, *etag, *last_modified; /* NULL: not there */
        bool has_range;                        /* Content-Range: bytes first-last/total */
        uint64_t range_first, range_last;
        bool has_total; /* ... or, with 416, bytes star/total */
        uint64_t total;
};

struct ek_http_client {
        http_parser parser;
        struct ek_http_reply reply;
        bool (*on_head)(void *ctx, const struct ek_http_reply *reply); /* false: stop */
        bool (*on_body)(void *ctx, const uint8_t *data, size_t len);   /* false: stop */
        void *ctx;
        char name[24]; /* of the field that is being read */
        size_t name_len, header_bytes;
        bool in_value;
        char *value; /* NULL: of no interest */
        size_t value_len;
        bool head_done, complete, stopped;
        char error[120]; /* why it is broken; "": it isn't */
};

/* `on_head` is called once, for the final (not 1xx) response. */
void ek_http_client_init(struct ek_http_client *c,
                         bool (*on_head)(void *, const struct ek_http_reply *),
                         bool (*on_body)(void *, const uint8_t *, size_t), void *ctx);
void ek_http_client_free(struct ek_http_client *c);

/* Take response bytes. False: broken (c->error) or stopped by a callback. c->complete: all is
 * there. */
bool ek_http_client_input(struct ek_http_client *c, const uint8_t *data, size_t len);

/* The server closed the connection: the end of a close-delimited body, an error otherwise. */
bool ek_http_client_eof(struct ek_http_client *c);

#endif
