/* SPDX-License-Identifier: MIT */
#include "sock/handle.h"

/* See handle.h. */

enum { INDEX_BITS = 26, KIND_LISTENER = 1u << INDEX_BITS };

#define INDEX_MASK ((1u << INDEX_BITS) - 1)

static elko_sock make(uint32_t gen, uint32_t low)
{
        return (elko_sock)gen << 32 | low;
}

elko_sock ek_handle_of_tcb(const struct ek_tcb *tcb)
{
        EK_ASSERT(tcb->index <= INDEX_MASK);
        return make(tcb->gen, tcb->index);
}

elko_sock ek_handle_of_listener(const struct ek_listener *ls)
{
        return make(ls->gen, ls->index | KIND_LISTENER);
}

struct ek_tcb *ek_handle_tcb(struct ek_tcp *t, elko_sock s)
{
        uint32_t low = (uint32_t)s;
        struct ek_tcb *tcb;

        if (low > INDEX_MASK || !ek_slab_is_live(&t->tcbs, low))
                return NULL;
        tcb = ek_tcp_tcb(t, low);
        /* An orphan belongs to the stack alone; one in an accept queue is nobody's yet. */
        if (tcb->gen != (uint32_t)(s >> 32) || ek_tcb_has(tcb, EK_TCB_ORPHAN | EK_TCB_QUEUED))
                return NULL;
        return tcb;
}

struct ek_listener *ek_handle_listener(struct ek_tcp *t, elko_sock s)
{
        uint32_t low = (uint32_t)s, index = low & INDEX_MASK;
        struct ek_listener *ls;

        if (low >> INDEX_BITS != 1 || !ek_slab_is_live(&t->listeners, index))
                return NULL;
        ls = ek_listener_at(t, index);
        return ls->gen == (uint32_t)(s >> 32) ? ls : NULL;
}
