/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_HTTP_SERVER_H
#define EK_CLI_HTTP_SERVER_H

/*
 * A static-file server as a machine over bytes: request bytes go in, response bytes come out. It
 * knows no socket, no stack and no clock; cmd_serve.c moves the bytes, tests use arrays.
 *
 *      n = ek_http_conn_input(c, received, len);       takes n of them; fewer while an answer waits
 *      n = ek_http_conn_output(c, buffer, room);       0: nothing now; < 0: abort the connection
 *      ek_http_conn_phase(c)                           what the connection waits for
 */

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_files.h"

/* Limits of one request, with the status that answers a larger one. */
enum {
        EK_HTTP_HEADER_MAX = 16384, /* 431: request line and fields together */
        EK_HTTP_BODY_MAX = 65536,   /* 413: no request that we answer needs a body */
};

/* One line for the log: what was asked and how it was answered. */
struct ek_http_log {
        const char *method;
        const char *target; /* as sent, with control characters replaced; not NULL */
        int status;
        uint64_t body_bytes;
        void *user; /* of the connection */
};

struct ek_http_server {
        struct ek_http_files *files;
        int64_t wall; /* seconds since 1970; the owner keeps it fresh */
        void (*log)(void *ctx, const struct ek_http_log *line); /* NULL: none */
        void *log_ctx;
        uint64_t requests, body_bytes; /* counters */
};

struct ek_http_request;
struct ek_http_response;

/* Below 100 bytes; the request and the response exist only while they are read and sent. */
struct ek_http_conn {
        struct ek_http_server *server;
        struct ek_http_request *request;   /* being read */
        struct ek_http_response *response; /* being sent */
        void *user;
        http_parser parser;
        bool close_after; /* the response is the last one */
        bool done;        /* no more responses: the sending direction may be closed */
        bool paused;      /* by on_message_complete() */
};

enum ek_http_phase {
        EK_HTTP_IDLE,    /* between requests */
        EK_HTTP_READING, /* a request has begun */
        EK_HTTP_SENDING, /* a response waits for ek_http_conn_output() */
        EK_HTTP_DONE,    /* close the sending direction; input is thrown away */
};

void ek_http_conn_init(struct ek_http_conn *c, struct ek_http_server *server, void *user);
void ek_http_conn_free(struct ek_http_conn *c); /* what it holds, not `c` */

/* Take received bytes; returns how many. Fewer than `len` only while a response waits: give the
 * rest again when it is sent. */
size_t ek_http_conn_input(struct ek_http_conn *c, const uint8_t *data, size_t len);

/* The client closed its direction: what it asked for is still answered, then the connection is
 * done. */
void ek_http_conn_eof(struct ek_http_conn *c);

/* The client was too slow: a request that has begun is answered with 408, an idle connection is
 * done. */
void ek_http_conn_timeout(struct ek_http_conn *c);

/* Write up to `room` bytes of the response to `buf`; returns how many, 0: nothing to send. -1: the
 * promised bytes can't be had any more (the file was cut short): only a reset tells the client. */
int64_t ek_http_conn_output(struct ek_http_conn *c, uint8_t *buf, size_t room);

/* Bytes of the response that are still to be written; 0: none. */
uint64_t ek_http_conn_pending(const struct ek_http_conn *c);

enum ek_http_phase ek_http_conn_phase(const struct ek_http_conn *c);

#endif
