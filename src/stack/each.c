/* SPDX-License-Identifier: MIT */
#include "sock/handle.h"
#include "stack/stack.h"

/*
 * elko_each(): all that has a state, for tools like `elko info`. The cursor is kind and index of the
 * object that was given last, plus one, so that objects may come and go between calls.
 */

enum kind { KIND_LISTENER, KIND_TCB, KIND_HALF_OPEN, KIND_TIME_WAIT, KIND_END };

static struct ek_slab *pool(elko_stack *st, enum kind kind)
{
        struct ek_slab *pools[] = {&st->tcp.listeners, &st->tcp.tcbs, &st->tcp.half_opens,
                                   &st->tcp.time_waits};

        return pools[kind];
}

static elko_endpoint endpoint(elko_ip ip, uint16_t port)
{
        elko_endpoint ep = {.ip = ip, .port = port};

        ep.scope = ek_ip_strip_scope(&ep.ip);
        return ep;
}

static void fill_ends(struct elko_tcp_info *info, const struct ek_conn *conn,
                      enum elko_tcp_state state)
{
        *info = (struct elko_tcp_info){.state = state};
        info->local = endpoint(conn->key.local, conn->key.lport);
        info->remote = endpoint(conn->key.remote, conn->key.rport);
}

/* False: an object that is there only to be freed. */
static bool describe(elko_stack *st, enum kind kind, uint32_t index, elko_sock *sock,
                     struct elko_tcp_info *info)
{
        void *obj = ek_slab_at(pool(st, kind), index);

        *sock = ELKO_SOCK_NONE;
        switch (kind) {
        case KIND_LISTENER: {
                const struct ek_listener *ls = obj;

                ek_listener_status(ls, info);
                *sock = ek_handle_of_listener(ls);
                return true;
        }
        case KIND_TCB: {
                struct ek_tcb *tcb = obj;

                ek_user_status(&st->tcp, tcb, info);
                if (!ek_tcb_has(tcb, EK_TCB_ORPHAN | EK_TCB_QUEUED))
                        *sock = ek_handle_of_tcb(tcb);
                /* A shell whose TIME-WAIT entry is listed by itself. */
                return tcb->state != ELKO_TCP_TIME_WAIT;
        }
        case KIND_HALF_OPEN: fill_ends(info, obj, ELKO_TCP_SYN_RECEIVED); return true;
        case KIND_TIME_WAIT:
                fill_ends(info, obj, ELKO_TCP_TIME_WAIT);
                return !((const struct ek_time_wait *)obj)->dead &&
                       !((const struct ek_time_wait *)obj)->behind;
        case KIND_END: break;
        }
        return false;
}

bool elko_each(elko_stack *st, uint64_t *cursor, elko_sock *sock, struct elko_tcp_info *info)
{
        enum kind kind = (enum kind)(*cursor >> 32);
        uint32_t index = (uint32_t)*cursor - 1u;
        elko_sock unused;

        if (sock == NULL)
                sock = &unused;
        while (kind < KIND_END) {
                index = ek_slab_next(pool(st, kind), index);
                if (index == EK_NIL) {
                        kind = (enum kind)(kind + 1);
                        continue;
                }
                *cursor = kind * (UINT64_C(1) << 32) + (index + 1u);
                if (describe(st, kind, index, sock, info))
                        return true;
        }
        return false;
}
