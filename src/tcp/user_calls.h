/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_USER_CALLS_H
#define EK_TCP_USER_CALLS_H

/* RFC 9293, 3.10.1-3.10.6 and 3.9.1.6, on connections. Errors are negative enum elko_error. */

#include "tcp/tcp.h"

/* OPEN, active: a tcb in SYN-SENT for this tuple, or NULL: no memory. */
struct ek_tcb *ek_user_open(struct ek_tcp *t, const struct ek_key *key);

/* SEND */
int64_t ek_user_send(struct ek_tcp *t, struct ek_tcb *tcb, const void *data, size_t len,
                     uint32_t flags);
int64_t ek_user_send_reserve(struct ek_tcp *t, struct ek_tcb *tcb, size_t want,
                             struct elko_slice out[2]);
int64_t ek_user_send_commit(struct ek_tcp *t, struct ek_tcb *tcb, size_t len, uint32_t flags);
int64_t ek_user_send_room(struct ek_tcp *t, struct ek_tcb *tcb);

/* RECEIVE */
int64_t ek_user_recv(struct ek_tcp *t, struct ek_tcb *tcb, void *buf, size_t len);
int64_t ek_user_ready(const struct ek_tcb *tcb);  /* bytes, or the error that comes next */
int64_t ek_user_urgent(const struct ek_tcb *tcb); /* urgent.c: bytes up to the urgent pointer */
int64_t ek_user_peek(struct ek_tcp *t, struct ek_tcb *tcb, struct elko_slice out[2]);
int ek_user_consume(struct ek_tcp *t, struct ek_tcb *tcb, size_t len);

/* CLOSE of the sending direction only; CLOSE of the handle; ABORT. */
int ek_user_shutdown(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_user_close(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_user_abort(struct ek_tcp *t, struct ek_tcb *tcb);

/* STATUS (status.c) */
void ek_user_status(struct ek_tcp *t, struct ek_tcb *tcb, struct elko_tcp_info *out);

#endif
