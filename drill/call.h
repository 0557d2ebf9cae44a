/* SPDX-License-Identifier: MIT */
/*
 * call.h - what the files of the system calls share.
 */
#ifndef DRILL_CALL_H
#define DRILL_CALL_H

#include <sys/socket.h>

#include "drill/runner.h"

/* What became of an attempt. */
enum drill_done {
        DRILL_DONE, /* doing->result holds */
        DRILL_WAITS,
        DRILL_GAVE_UP, /* the run has its verdict */
};

struct drill_call_ctx {
        struct drill_run *r;
        const struct drill_call *call;
        struct drill_doing *doing;
};

/* ---- arguments; all false: the run has its verdict ---- */

bool drill_int(struct drill_run *r, const struct drill_expr *e, int64_t *out);
bool drill_arg_int(struct drill_call_ctx *c, unsigned i, int64_t *out);
/* The live descriptor; one that the script never got is passed on as it is, to be refused. */
bool drill_arg_fd(struct drill_call_ctx *c, unsigned i, int *out);
/* NULL, 0 */
bool drill_is_null(const struct drill_expr *e);
/* The field of {a=b, ...}; NULL: it has none. */
const struct drill_expr *drill_field_of(const struct drill_expr *e, const char *name);
/* An address as argument: `...` is `ip` and `port`, a number is a family without an address. */
struct drill_address {
        struct sockaddr_storage raw;
        socklen_t len;
        uint16_t port;
};
bool drill_address_of(struct drill_run *r, const struct drill_expr *e, const elko_ip *ip,
                      uint16_t port, struct drill_address *a);
/* A connection was begun on the script's descriptor, to that port of the peer. */
void drill_begins(struct drill_run *r, int script_fd, uint16_t port);
/* The descriptor's file, or NULL. */
struct drill_fd *drill_fd_of(struct drill_run *r, int script);
/* `len` zeros to send, and `flags` of send(). */
enum drill_done drill_send_zeros(struct drill_call_ctx *c, int fd, size_t len, int64_t flags);
/* A result of a call that makes a descriptor. */
bool drill_name_fd(struct drill_call_ctx *c, int live, uint16_t port, int *script);
/* Zeros, or room, of at least `len` bytes. */
uint8_t *drill_room(struct drill_run *r, size_t len);

enum drill_done drill_wrong_args(struct drill_call_ctx *c, const struct drill_expr *at,
                                 const char *what);

/* ---- the calls, by file ---- */

enum drill_done drill_do_receive(struct drill_call_ctx *c);
enum drill_done drill_do_send(struct drill_call_ctx *c);
enum drill_done drill_do_readv(struct drill_call_ctx *c);
enum drill_done drill_do_writev(struct drill_call_ctx *c);
enum drill_done drill_do_recvmsg(struct drill_call_ctx *c);
enum drill_done drill_do_sendmsg(struct drill_call_ctx *c);
enum drill_done drill_do_pipe(struct drill_call_ctx *c);
enum drill_done drill_do_splice(struct drill_call_ctx *c);
enum drill_done drill_do_open(struct drill_call_ctx *c);
enum drill_done drill_do_sendfile(struct drill_call_ctx *c);
enum drill_done drill_do_getsockopt(struct drill_call_ctx *c);
enum drill_done drill_do_setsockopt(struct drill_call_ctx *c);
enum drill_done drill_do_poll(struct drill_call_ctx *c);
enum drill_done drill_do_epoll_create(struct drill_call_ctx *c);
enum drill_done drill_do_epoll_ctl(struct drill_call_ctx *c);
enum drill_done drill_do_epoll_wait(struct drill_call_ctx *c);

/* ---- call_control.c ---- */

/* The script's list as bytes for sendmsg(); *room: in, what fits; out, how much there is. */
bool drill_control_write(struct drill_call_ctx *c, const struct drill_expr *list, void *to,
                         size_t *room);
bool drill_control_compare(struct drill_call_ctx *c, const struct drill_expr *list,
                           const struct msghdr *msg);
const char *drill_message_flags(struct drill_run *r, int flags);

/* Linux errors as results, with the call's readiness to wait taken into account. */
enum drill_done drill_result(struct drill_call_ctx *c, int64_t result, bool waits);

#endif
