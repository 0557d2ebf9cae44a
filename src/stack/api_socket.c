/* SPDX-License-Identifier: MIT */
#include "sock/handle.h"
#include "stack/stack.h"

/*
 * The public socket calls: look the handle up, call the engine, free what died. Contracts are in
 * <elko/socket.h>.
 */

int elko_listen(elko_stack *st, const elko_endpoint *local, const struct elko_listen_config *config,
                elko_sock *out)
{
        *out = ELKO_SOCK_NONE;
        return ek_sock_listen(&st->tcp, local, config, out);
}

int elko_accept(elko_stack *st, elko_sock listener, elko_sock *out, elko_endpoint *remote)
{
        *out = ELKO_SOCK_NONE;
        return ek_sock_accept(&st->tcp, listener, out, remote);
}

int elko_syn_next(elko_stack *st, elko_sock listener, struct elko_syn *out)
{
        return ek_sock_syn_next(&st->tcp, listener, out);
}

int elko_syn_verdict(elko_stack *st, uint64_t id, enum elko_verdict verdict)
{
        return ek_sock_syn_verdict(&st->tcp, id, verdict);
}

int elko_connect(elko_stack *st, const elko_endpoint *remote, const elko_endpoint *local,
                 elko_sock *out)
{
        int r;

        *out = ELKO_SOCK_NONE;
        r = ek_sock_connect(&st->tcp, remote, local, out);
        ek_stack_end_call(st);
        return r;
}

int64_t elko_send(elko_stack *st, elko_sock s, const void *data, size_t len, uint32_t flags)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_send(&st->tcp, tcb, data, len, flags);
}

int64_t elko_send_reserve(elko_stack *st, elko_sock s, size_t want, struct elko_slice out[2])
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_send_reserve(&st->tcp, tcb, want, out);
}

int64_t elko_send_commit(elko_stack *st, elko_sock s, size_t len, uint32_t flags)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_send_commit(&st->tcp, tcb, len, flags);
}

int64_t elko_send_room(elko_stack *st, elko_sock s)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_send_room(&st->tcp, tcb);
}

int64_t elko_recv(elko_stack *st, elko_sock s, void *buf, size_t len)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_recv(&st->tcp, tcb, buf, len);
}

int64_t elko_recv_peek(elko_stack *st, elko_sock s, struct elko_slice out[2])
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_peek(&st->tcp, tcb, out);
}

int elko_recv_consume(elko_stack *st, elko_sock s, size_t len)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_consume(&st->tcp, tcb, len);
}

int64_t elko_recv_urgent(elko_stack *st, elko_sock s)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_urgent(tcb);
}

int64_t elko_recv_ready(elko_stack *st, elko_sock s)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        return tcb == NULL ? ELKO_EBADF : ek_user_ready(tcb);
}

int elko_shutdown(elko_stack *st, elko_sock s)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);
        int r = tcb == NULL ? ELKO_EBADF : ek_user_shutdown(&st->tcp, tcb);

        ek_stack_end_call(st);
        return r;
}

int elko_shutdown_read(elko_stack *st, elko_sock s)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);

        if (tcb == NULL)
                return ELKO_EBADF;
        tcb->flags |= EK_TCB_READ_SHUT;
        return ELKO_OK;
}

int elko_close(elko_stack *st, elko_sock s)
{
        int r = ek_sock_close(&st->tcp, s);

        ek_stack_end_call(st);
        return r;
}

int elko_abort(elko_stack *st, elko_sock s)
{
        int r = ek_sock_abort(&st->tcp, s);

        ek_stack_end_call(st);
        return r;
}

int elko_set_option(elko_stack *st, elko_sock s, enum elko_option option, uint64_t value)
{
        return ek_sock_set_option(&st->tcp, s, option, value);
}

int elko_get_option(elko_stack *st, elko_sock s, enum elko_option option, uint64_t *value)
{
        return ek_sock_get_option(&st->tcp, s, option, value);
}

int64_t elko_syn_room(elko_stack *st, elko_sock s)
{
        return ek_sock_syn_room(&st->tcp, s);
}

int elko_set_fastopen_keys(elko_stack *st, elko_sock listener, const uint8_t key[][16], unsigned n)
{
        return ek_sock_set_fastopen_keys(&st->tcp, listener, key, n);
}

int elko_set_user(elko_stack *st, elko_sock s, void *user)
{
        return ek_sock_set_user(&st->tcp, s, user);
}

int elko_set_congestion(elko_stack *st, elko_sock s, const struct elko_cc_ops *ops)
{
        return ek_sock_set_congestion(&st->tcp, s, ops);
}

int elko_tcp_info_get(elko_stack *st, elko_sock s, struct elko_tcp_info *out)
{
        struct ek_tcb *tcb = ek_handle_tcb(&st->tcp, s);
        const struct ek_listener *ls = ek_handle_listener(&st->tcp, s);

        *out = (struct elko_tcp_info){0};
        if (ls != NULL)
                ek_listener_status(ls, out);
        else if (tcb != NULL)
                ek_user_status(&st->tcp, tcb, out);
        else
                return ELKO_EBADF;
        return ELKO_OK;
}
