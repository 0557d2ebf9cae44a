/* SPDX-License-Identifier: MIT */
/*
 * The HTTP/1.1 server machine (RFC 9110, RFC 9112).
 * elko-build: needs=http_parser
 *
 * Theory: a connection is in one of four phases: idle, reading a request, sending a response, done.
 * Bytes are fed to http_parser, whose callbacks collect the few fields that matter; at the end of a
 * message the parser is paused, so that a pipelined request stays where it is (in the receive ring,
 * where it closes the window) until its turn: there is never more than one response in the making,
 * and no queue of them. The response head is made in memory at once; the body is read straight into
 * the caller's buffer, which is the send ring, so that a file is copied once, by the kernel's page
 * cache.
 *
 * Errors in a request have two kinds. When the end of the request is known (a wrong path, a wrong
 * method) the connection goes on. When it isn't (broken syntax, a limit exceeded) the answer says
 * "close", for what follows can't be told from a smuggled request (RFC 9112, 11.2).
 */
#include "http_server.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http_cond.h"
#include "http_path.h"

/* The request fields that change the answer. X(name, text) */
#define FIELD_LIST(X)                                                                              \
        X(HOST, "host")                                                                            \
        X(RANGE, "range")                                                                          \
        X(IF_RANGE, "if-range")                                                                    \
        X(IF_MATCH, "if-match")                                                                    \
        X(IF_NONE_MATCH, "if-none-match")                                                          \
        X(IF_MODIFIED_SINCE, "if-modified-since")                                                  \
        X(IF_UNMODIFIED_SINCE, "if-unmodified-since")                                              \
        X(EXPECT, "expect")                                                                        \
        X(TRANSFER_ENCODING, "transfer-encoding")

enum field {
#define X(name, text) FIELD_##name,
        FIELD_LIST(X)
#undef X
                FIELD_COUNT,
        FIELD_OTHER = FIELD_COUNT,
};

enum { NAME_MAX_LEN = 24 }; /* longer than every name above: a longer one can't be among them */

struct ek_http_request {
        char *target;
        size_t target_len;
        char *value[FIELD_COUNT]; /* NULL: the field is not there */
        char name[NAME_MAX_LEN];
        size_t name_len;  /* of the whole name; name[] has its beginning */
        enum field field; /* whose value comes */
        bool in_value;
        unsigned host_count;
        size_t header_bytes;
        uint64_t body_bytes;
        int status;      /* 0, or the error that ended the reading */
        bool answer_now; /* Expect: 100-continue: answer without the body */
        bool complete;
};

struct ek_http_response {
        struct ek_http_file *file; /* body from this file; NULL: all is in text[] */
        uint64_t offset, left;     /* of the file's part that is still to be sent */
        size_t text_len, text_at;
        char text[];
};

/* ---- requests ---- */

static void request_free(struct ek_http_request *r)
{
        if (r == NULL)
                return;
        free(r->target);
        for (int i = 0; i < FIELD_COUNT; i++)
                free(r->value[i]);
        free(r);
}

/* Append to a string that grows; false: no memory. */
static bool grow(char **text, size_t old_len, const char *more, size_t len)
{
        char *bigger = realloc(*text, old_len + len + 1);

        if (bigger == NULL)
                return false;
        memcpy(bigger + old_len, more, len);
        bigger[old_len + len] = '\0';
        *text = bigger;
        return true;
}

/* Callbacks of http_parser stop it by returning non-zero; the status says why. */
static int fail(struct ek_http_request *r, int status)
{
        r->status = status;
        return 1;
}

static struct ek_http_request *request_of(http_parser *p)
{
        return ((struct ek_http_conn *)p->data)->request;
}

static int count_header_bytes(struct ek_http_request *r, size_t len)
{
        r->header_bytes += len;
        return r->header_bytes > EK_HTTP_HEADER_MAX ? fail(r, 431) : 0;
}

static int on_message_begin(http_parser *p)
{
        struct ek_http_conn *c = p->data;

        request_free(c->request);
        c->request = calloc(1, sizeof *c->request);
        return c->request == NULL;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
        struct ek_http_request *r = request_of(p);

        if (r->target_len + len > EK_HTTP_TARGET_MAX)
                return fail(r, 414);
        if (!grow(&r->target, r->target_len, at, len))
                return fail(r, 503);
        r->target_len += len;
        return count_header_bytes(r, len);
}

static enum field field_of(const struct ek_http_request *r)
{
        static const char *const names[] = {
#define X(name, text) text,
                FIELD_LIST(X)
#undef X
        };

        for (int i = 0; i < FIELD_COUNT; i++)
                if (r->name_len == strlen(names[i]) &&
                    strncasecmp(r->name, names[i], r->name_len) == 0)
                        return (enum field)i;
        return FIELD_OTHER;
}

static int on_header_field(http_parser *p, const char *at, size_t len)
{
        struct ek_http_request *r = request_of(p);
        size_t room;

        if (memchr(at, ' ', len) != NULL) /* RFC 9112, 5.1: no space between name and colon */
                return fail(r, 400);
        if (r->in_value) {
                r->in_value = false;
                r->name_len = 0;
        }
        room = r->name_len < NAME_MAX_LEN ? NAME_MAX_LEN - r->name_len : 0;
        memcpy(r->name + NAME_MAX_LEN - room, at, len < room ? len : room);
        r->name_len += len;
        return count_header_bytes(r, len);
}

/* The first piece of a value: find out whose it is, and join it to an earlier field of that name
 * (RFC 9110, 5.3). */
static bool begin_value(struct ek_http_request *r)
{
        r->in_value = true;
        r->field = field_of(r);
        if (r->field == FIELD_HOST)
                r->host_count++;
        if (r->field == FIELD_OTHER || r->value[r->field] == NULL)
                return true;
        return grow(&r->value[r->field], strlen(r->value[r->field]), ", ", 2);
}

static int on_header_value(http_parser *p, const char *at, size_t len)
{
        struct ek_http_request *r = request_of(p);
        char **value;

        if (!r->in_value && !begin_value(r))
                return fail(r, 503);
        if (r->field != FIELD_OTHER) {
                value = &r->value[r->field];
                if (!grow(value, *value != NULL ? strlen(*value) : 0, at, len))
                        return fail(r, 503);
        }
        return count_header_bytes(r, len + 4); /* with colon, space and line end */
}

static bool has_body(const http_parser *p)
{
        return (p->flags & F_CHUNKED) != 0 ||
               (p->content_length > 0 && p->content_length != UINT64_MAX);
}

/* What can be refused as soon as the head is there; 0: go on. */
static int head_status(const http_parser *p, const struct ek_http_request *r)
{
        const char *coding = r->value[FIELD_TRANSFER_ENCODING];

        if (p->http_major != 1)
                return 505;
        if (r->host_count > 1 || (r->host_count == 0 && p->http_minor >= 1))
                return 400; /* RFC 9112, 3.2 */
        if (coding != NULL && strcasecmp(coding, "chunked") != 0)
                return 501; /* RFC 9112, 6.1 */
        if (has_body(p) && (p->flags & F_CHUNKED) == 0 && p->content_length > EK_HTTP_BODY_MAX)
                return 413;
        if (r->value[FIELD_EXPECT] != NULL &&
            strcasecmp(r->value[FIELD_EXPECT], "100-continue") != 0)
                return 417;
        return 0;
}

static int on_headers_complete(http_parser *p)
{
        struct ek_http_request *r = request_of(p);
        int status = head_status(p, r);

        if (status != 0)
                return -fail(r, status); /* 1 and 2 have a meaning here; -1 stops the parser */
        if (p->method != HTTP_CONNECT)
                p->upgrade = 0; /* a server may ignore Upgrade (RFC 9110, 7.8) */
        /* RFC 9110, 10.1.1: a final status instead of 100 tells the client to keep its body. */
        if (r->value[FIELD_EXPECT] != NULL && has_body(p)) {
                r->answer_now = true;
                return -1;
        }
        return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
        struct ek_http_request *r = request_of(p);

        (void)at; /* no method that we know has use for it */
        r->body_bytes += len;
        return r->body_bytes > EK_HTTP_BODY_MAX ? fail(r, 413) : 0;
}

static int on_message_complete(http_parser *p)
{
        struct ek_http_conn *c = p->data;

        c->request->complete = true;
        c->close_after = !http_should_keep_alive(p) || p->method == HTTP_CONNECT;
        c->paused = true;
        http_parser_pause(p, 1);
        return 0;
}

static const http_parser_settings callbacks = {
        .on_message_begin = on_message_begin,
        .on_url = on_url,
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
};

/* ---- responses ---- */

/* One response before it is bytes. */
struct answer {
        int status;
        const char *type; /* Content-Type; NULL: no body */
        const char *body; /* in memory; NULL: `file`, or none */
        size_t body_len;
        struct ek_http_file *file;
        uint64_t first, length; /* the file's part to send */
        uint64_t size;          /* Content-Range: of the whole */
        const char *etag;
        const char *location;
        bool is_part;
};

/* Text into a fixed array. `full` once something did not fit. */
struct text {
        char *buf;
        size_t size, len;
        bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(t->buf + t->len, t->size - t->len, format, args);
        va_end(args);
        if (n < 0 || (size_t)n >= t->size - t->len)
                t->full = true;
        else
                t->len += (size_t)n;
}

static void put_file_fields(struct text *t, const struct answer *a)
{
        char date[EK_HTTP_DATE_TEXT];

        if (a->etag == NULL)
                return;
        put(t, "ETag: %s\r\n", a->etag);
        put(t, "Last-Modified: %s\r\n", ek_http_date_format(a->file->modified, date));
        put(t, "Accept-Ranges: bytes\r\n");
}

static void put_length_fields(struct text *t, const struct answer *a)
{
        if (a->status == 304)
                return; /* RFC 9110, 8.6: could only repeat the length of a 200 */
        if (a->type != NULL)
                put(t, "Content-Type: %s\r\n", a->type);
        if (a->is_part)
                put(t, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)a->first,
                    (unsigned long long)(a->first + a->length - 1), (unsigned long long)a->size);
        if (a->status == 416)
                put(t, "Content-Range: bytes */%llu\r\n", (unsigned long long)a->size);
        put(t, "Content-Length: %llu\r\n",
            (unsigned long long)(a->body != NULL ? a->body_len : a->length));
}

static void put_head(struct text *t, const struct ek_http_conn *c, const struct answer *a)
{
        char date[EK_HTTP_DATE_TEXT];

        put(t, "HTTP/1.1 %d %s\r\n", a->status, http_status_str((enum http_status)a->status));
        put(t, "Date: %s\r\nServer: elko\r\n", ek_http_date_format(c->server->wall, date));
        put_length_fields(t, a);
        put_file_fields(t, a);
        if (a->location != NULL)
                put(t, "Location: %s\r\n", a->location);
        if (a->status == 405)
                put(t, "Allow: GET, HEAD\r\n");
        if (c->close_after)
                put(t, "Connection: close\r\n");
        else if (c->parser.http_minor == 0)
                put(t, "Connection: keep-alive\r\n");
        put(t, "\r\n");
}

static void log_answer(struct ek_http_conn *c, const struct answer *a, uint64_t body_bytes)
{
        const struct ek_http_request *r = c->request;
        char target[256];
        size_t len = r != NULL && r->target_len < sizeof target ? r->target_len : sizeof target - 1;

        c->server->requests++;
        c->server->body_bytes += body_bytes;
        if (c->server->log == NULL)
                return;
        snprintf(target, sizeof target, "%.*s", (int)len,
                 r != NULL && r->target != NULL ? r->target : "-");
        for (char *p = target; *p != '\0'; p++)
                if ((unsigned char)*p < 0x21 || (unsigned char)*p > 0x7e)
                        *p = '?';
        c->server->log(
                c->server->log_ctx,
                &(struct ek_http_log){
                        .method = r != NULL && r->target != NULL
                                          ? http_method_str((enum http_method)c->parser.method)
                                          : "-",
                        .target = target,
                        .status = a->status,
                        .body_bytes = body_bytes,
                        .user = c->user,
                });
}

/* Turn the answer into a response; takes the reference to a->file. Without memory the connection is
 * done. */
static void respond(struct ek_http_conn *c, const struct answer *a)
{
        bool head_only = c->request != NULL && c->parser.method == HTTP_HEAD;
        uint64_t file_bytes = head_only || a->body != NULL ? 0 : a->length;
        size_t body_len = head_only || a->body == NULL ? 0 : a->body_len;
        size_t head_max = 1024 + (a->location != NULL ? strlen(a->location) : 0);
        struct ek_http_response *response = malloc(sizeof *response + head_max + body_len);
        struct text t = {0};

        if (response != NULL) {
                t = (struct text){.buf = response->text, .size = head_max};
                put_head(&t, c, a);
        }
        if (response == NULL || t.full) {
                free(response);
                if (a->file != NULL)
                        ek_http_files_put(c->server->files, a->file);
                c->done = true;
                return;
        }
        memcpy(response->text + t.len, a->body != NULL ? a->body : "", body_len);
        response->text_len = t.len + body_len;
        response->text_at = 0;
        response->file = a->file;
        response->offset = a->first;
        response->left = a->file != NULL ? file_bytes : 0;
        c->response = response;
        log_answer(c, a, body_len + response->left);
}

/* A status that is its own explanation. */
static void respond_status(struct ek_http_conn *c, int status)
{
        char body[64];
        int len = snprintf(body, sizeof body, "%d %s\n", status,
                           http_status_str((enum http_status)status));

        respond(c, &(struct answer){.status = status,
                                    .type = "text/plain; charset=utf-8",
                                    .body = body,
                                    .body_len = (size_t)len});
}

/* Strong: every change of the file changes its time, size or inode. */
static void make_etag(const struct ek_http_file *f, char etag[EK_HTTP_ETAG_TEXT])
{
        snprintf(etag, EK_HTTP_ETAG_TEXT, "\"%llx-%llx.%x-%llx\"", (unsigned long long)f->size,
                 (unsigned long long)f->modified, f->modified_ns, (unsigned long long)f->inode);
}

/* 200, 206, 304, 412 or 416 for a file that is there. */
static void respond_file(struct ek_http_conn *c, struct ek_http_file *file)
{
        char *const *value = c->request->value;
        struct ek_http_conditions conditions = {
                value[FIELD_IF_MATCH], value[FIELD_IF_NONE_MATCH], value[FIELD_IF_MODIFIED_SINCE],
                value[FIELD_IF_UNMODIFIED_SINCE], value[FIELD_IF_RANGE]};
        char etag[EK_HTTP_ETAG_TEXT];
        struct ek_http_validators validators = {etag, file->modified};
        struct answer a = {.status = 200,
                           .type = ek_http_path_type(file->path),
                           .file = file,
                           .length = file->size,
                           .size = file->size,
                           .etag = etag};
        enum ek_http_range range = EK_HTTP_RANGE_WHOLE;
        uint64_t last = 0;
        int status;

        make_etag(file, etag);
        status = ek_http_cond_status(&conditions, &validators);
        if (status == 0 && c->parser.method == HTTP_GET &&
            ek_http_cond_range_allowed(&conditions, &validators))
                range = ek_http_range_parse(value[FIELD_RANGE], file->size, &a.first, &last);
        if (status != 0 || range == EK_HTTP_RANGE_UNSATISFIABLE) {
                a.status = status != 0 ? status : 416;
                a.type = NULL;
                a.first = a.length = 0;
        } else if (range == EK_HTTP_RANGE_PART) {
                a.status = 206;
                a.is_part = true;
                a.length = last - a.first + 1;
        } else {
                a.first = 0;
        }
        respond(c, &a);
}

static void respond_list(struct ek_http_conn *c, const char *path)
{
        size_t len = 0;
        char *page = ek_http_files_list(c->server->files, path, &len);

        if (page == NULL) {
                respond_status(c, 403);
                return;
        }
        respond(c, &(struct answer){.status = 200,
                                    .type = "text/html; charset=utf-8",
                                    .body = page,
                                    .body_len = len});
        free(page);
}

/* A directory that was asked for without its slash: relative links need it. */
static void respond_redirect(struct ek_http_conn *c, const char *path)
{
        const char *query = strchr(c->request->target, '?');
        size_t size = 3 * strlen(path) + 3 + (query != NULL ? strlen(query) : 0);
        char *location = malloc(size);
        size_t len;

        if (location == NULL) {
                respond_status(c, 503);
                return;
        }
        location[0] = '/';
        len = 1 + ek_http_path_encode(path, location + 1, size - 1);
        snprintf(location + len, size - len, "/%s", query != NULL ? query : "");
        respond(c, &(struct answer){.status = 301,
                                    .type = "text/plain",
                                    .body = "see Location\n",
                                    .body_len = 13,
                                    .location = location});
        free(location);
}

static void respond_directory(struct ek_http_conn *c, const char *path, bool slash)
{
        char index[EK_HTTP_TARGET_MAX + 16];
        struct ek_http_file *file;
        enum ek_http_found found;

        if (!slash && strcmp(path, ".") != 0) {
                respond_redirect(c, path);
                return;
        }
        snprintf(index, sizeof index, "%s/index.html", path);
        found = ek_http_files_get(c->server->files, strcmp(path, ".") == 0 ? index + 2 : index,
                                  c->server->wall, &file);
        if (found == EK_HTTP_FOUND_FILE)
                respond_file(c, file);
        else if (found == EK_HTTP_FOUND_BUSY)
                respond_status(c, 503);
        else
                respond_list(c, path);
}

static void respond_path(struct ek_http_conn *c, const char *path, bool slash)
{
        struct ek_http_file *file;

        switch (ek_http_files_get(c->server->files, path, c->server->wall, &file)) {
        case EK_HTTP_FOUND_FILE:
                if (slash) { /* "file.txt/" is no name of that file */
                        ek_http_files_put(c->server->files, file);
                        respond_status(c, 404);
                        return;
                }
                respond_file(c, file);
                return;
        case EK_HTTP_FOUND_DIRECTORY: respond_directory(c, path, slash); return;
        case EK_HTTP_FOUND_NOTHING: respond_status(c, 404); return;
        case EK_HTTP_FOUND_FORBIDDEN: respond_status(c, 403); return;
        case EK_HTTP_FOUND_BUSY: respond_status(c, 503);
        }
}

static void answer_request(struct ek_http_conn *c)
{
        const struct ek_http_request *r = c->request;
        char path[EK_HTTP_TARGET_MAX + 2];
        bool slash;
        int status;

        if (c->parser.method != HTTP_GET && c->parser.method != HTTP_HEAD) {
                respond_status(c, 405);
                return;
        }
        status = ek_http_path_decode(r->target, r->target_len, path, &slash);
        if (status != 0)
                respond_status(c, status);
        else
                respond_path(c, path, slash);
}

/* ---- the connection ---- */

void ek_http_conn_init(struct ek_http_conn *c, struct ek_http_server *server, void *user)
{
        *c = (struct ek_http_conn){.server = server, .user = user};
        http_parser_init(&c->parser, HTTP_REQUEST);
        c->parser.data = c;
}

static void response_end(struct ek_http_conn *c)
{
        if (c->response != NULL && c->response->file != NULL)
                ek_http_files_put(c->server->files, c->response->file);
        free(c->response);
        c->response = NULL;
}

void ek_http_conn_free(struct ek_http_conn *c)
{
        response_end(c);
        request_free(c->request);
        c->request = NULL;
}

/* The status for a request that the parser does not understand; it stopped at the byte `at`. */
static int status_of_parser_error(const struct ek_http_conn *c, uint8_t at)
{
        if (c->request != NULL && c->request->status != 0)
                return c->request->status;
        switch (HTTP_PARSER_ERRNO(&c->parser)) {
        case HPE_INVALID_METHOD: /* a method that nobody knows, or no HTTP at all */
                return isalpha(at) || at == '-' || at == '_' ? 501 : 400;
        case HPE_HEADER_OVERFLOW: return 431;
        case HPE_CB_message_begin: return 503; /* it had no memory */
        default: return 400;
        }
}

static void refuse(struct ek_http_conn *c, int status)
{
        c->close_after = true;
        respond_status(c, status);
}

/* The parser stopped at the byte `at`: at the end of a message, or at an error. */
static void act(struct ek_http_conn *c, uint8_t at)
{
        struct ek_http_request *r = c->request;

        if (r != NULL && r->complete) {
                answer_request(c);
        } else if (r != NULL && r->answer_now && r->status == 0) {
                c->close_after = true;
                answer_request(c);
        } else if (HTTP_PARSER_ERRNO(&c->parser) != HPE_OK) {
                refuse(c, status_of_parser_error(c, at));
        } else {
                return;
        }
        request_free(c->request);
        c->request = NULL;
}

size_t ek_http_conn_input(struct ek_http_conn *c, const uint8_t *data, size_t len)
{
        size_t taken = 0;

        while (taken < len && c->response == NULL && !c->done) {
                if (c->paused) {
                        http_parser_pause(&c->parser, 0);
                        c->paused = false;
                }
                taken += http_parser_execute(&c->parser, &callbacks, (const char *)data + taken,
                                             len - taken);
                act(c, taken < len ? data[taken] : 0);
        }
        /* After the last answer whatever comes is read and forgotten, so that no reset overtakes
         * it. */
        return c->done || (c->response != NULL && c->close_after) ? len : taken;
}

void ek_http_conn_eof(struct ek_http_conn *c)
{
        if (c->response != NULL)
                c->close_after = true;
        else
                c->done = true;
}

void ek_http_conn_timeout(struct ek_http_conn *c)
{
        if (ek_http_conn_phase(c) != EK_HTTP_READING) {
                c->done = true;
                return;
        }
        refuse(c, 408);
        request_free(c->request);
        c->request = NULL;
}

enum ek_http_phase ek_http_conn_phase(const struct ek_http_conn *c)
{
        if (c->response != NULL)
                return EK_HTTP_SENDING;
        if (c->done)
                return EK_HTTP_DONE;
        return c->request != NULL ? EK_HTTP_READING : EK_HTTP_IDLE;
}

uint64_t ek_http_conn_pending(const struct ek_http_conn *c)
{
        const struct ek_http_response *r = c->response;

        return r == NULL ? 0 : r->text_len - r->text_at + r->left;
}

static size_t put_text(struct ek_http_response *r, uint8_t *buf, size_t room)
{
        size_t n = r->text_len - r->text_at;

        if (n > room)
                n = room;
        memcpy(buf, r->text + r->text_at, n);
        r->text_at += n;
        return n;
}

/* The next bytes of the file; -1: it has fewer than it had. */
static int64_t put_file(struct ek_http_response *r, uint8_t *buf, size_t room)
{
        size_t want = r->left < room ? (size_t)r->left : room;
        ssize_t n;

        if (want == 0)
                return 0;
        do
                n = pread(r->file->fd, buf, want, (off_t)r->offset);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return -1;
        r->offset += (uint64_t)n;
        r->left -= (uint64_t)n;
        return n;
}

int64_t ek_http_conn_output(struct ek_http_conn *c, uint8_t *buf, size_t room)
{
        struct ek_http_response *r = c->response;
        size_t text;
        int64_t body;

        if (r == NULL || room == 0)
                return 0;
        text = put_text(r, buf, room);
        body = put_file(r, buf + text, room - text);
        if (body < 0) {
                response_end(c);
                c->done = true;
                return -1;
        }
        if (r->text_at == r->text_len && r->left == 0) {
                response_end(c);
                if (c->close_after)
                        c->done = true;
        }
        return (int64_t)text + body;
}
