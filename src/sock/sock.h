/* SPDX-License-Identifier: MIT */
#ifndef EK_SOCK_SOCK_H
#define EK_SOCK_SOCK_H

/* Socket calls on handles, over one TCP. The public functions of <elko/socket.h> are thin wrappers; see
 * there for the contracts. */

#include "tcp/user_calls.h"

int ek_sock_listen(struct ek_tcp *t, const elko_endpoint *local,
                   const struct elko_listen_config *cfg, elko_sock *out);
int ek_sock_accept(struct ek_tcp *t, elko_sock listener, elko_sock *out, elko_endpoint *remote);
int ek_sock_syn_next(struct ek_tcp *t, elko_sock listener, struct elko_syn *out);
int ek_sock_syn_verdict(struct ek_tcp *t, uint64_t id, enum elko_verdict verdict);
int ek_sock_connect(struct ek_tcp *t, const elko_endpoint *remote, const elko_endpoint *local,
                    elko_sock *out);
int ek_sock_close(struct ek_tcp *t, elko_sock s);
int ek_sock_abort(struct ek_tcp *t, elko_sock s);
int ek_sock_set_option(struct ek_tcp *t, elko_sock s, enum elko_option option, uint64_t value);
int ek_sock_get_option(struct ek_tcp *t, elko_sock s, enum elko_option option, uint64_t *value);
int64_t ek_sock_syn_room(struct ek_tcp *t, elko_sock s);
int ek_sock_set_fastopen_keys(struct ek_tcp *t, elko_sock s, const uint8_t key[][16], unsigned n);
int ek_sock_set_user(struct ek_tcp *t, elko_sock s, void *user);
int ek_sock_set_congestion(struct ek_tcp *t, elko_sock s, const struct elko_cc_ops *ops);
bool ek_sock_next_event(struct ek_tcp *t, struct elko_event *ev);

#endif
