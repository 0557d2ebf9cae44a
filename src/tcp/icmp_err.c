/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "wire/addr.h"

/*
 * ICMP errors about our segments, RFC 9293, 3.9.2.2, made safe by RFC 5927: an error counts only if the
 * sequence number that it quotes is in flight.
 *
 * Deviation: errors that RFC 9293 (SHLD-26) calls hard end a connection only while it is being opened (RFC
 * 5461); later they are soft, and the application is told.
 */

static int error_of(enum ek_icmp_kind kind)
{
        switch (kind) {
        case EK_ICMP_UNREACH_NET: return ELKO_ENETUNREACH;
        case EK_ICMP_UNREACH_PORT:
        case EK_ICMP_UNREACH_PROTO: return ELKO_ECONNREFUSED;
        default: return ELKO_EHOSTUNREACH;
        }
}

/* [RFC9293 MUST-56 SHLD-26] */
static bool is_hard(enum ek_icmp_kind kind)
{
        return kind == EK_ICMP_UNREACH_PORT || kind == EK_ICMP_UNREACH_PROTO ||
               kind == EK_ICMP_UNREACH_ADMIN;
}

/* Nobody relies on it yet: it was asked for, or a Fast Open cookie opened it and nobody has accepted it. */
static bool is_opening(const struct ek_tcb *tcb)
{
        return tcb->state == ELKO_TCP_SYN_SENT ||
               (ek_tcb_is_fast_open(tcb) && ek_tcb_has(tcb, EK_TCB_QUEUED));
}

/* A SYN,ACK that does not arrive: whoever asked for it goes away, if ICMP may end an open at all. */
static void on_half_open(struct ek_tcp *t, uint32_t index, const struct ek_icmp_error *err)
{
        enum ek_icmp_kind kind = (enum ek_icmp_kind)err->kind;
        bool ends = kind == EK_ICMP_UNREACH_NET || kind == EK_ICMP_UNREACH_HOST;

        if (!t->cfg.icmp_ends_open || !ends ||
            err->seq != ek_half_open_iss(t, ek_half_open_at(t, index)).v) {
                t->ctr->drops[ELKO_DROP_ICMP_NO_CONN]++;
                return;
        }
        t->ctr->icmp_errors_in++;
        t->ctr->tcp_attempt_fails++;
        ek_half_open_free(t, index);
}

/* [RFC9293 MUST-47 SHLD-25] */
static void on_tcb(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_icmp_error *err)
{
        enum ek_icmp_kind kind = (enum ek_icmp_kind)err->kind;
        seq_t seq = seq_make(err->seq);

        /* RFC 5927, 4.1: SND.UNA =< SEG.SEQ < SND.NXT. */
        if (!seq_in(seq, tcb->snd_una, ek_tcb_flight(tcb))) {
                t->ctr->drops[ELKO_DROP_ICMP_SEQ]++;
                return;
        }
        t->ctr->icmp_errors_in++;
        if (kind == EK_ICMP_TOO_BIG) {
                ek_mtu_on_too_big(t, tcb, err);
                return;
        }
        tcb->soft_error = (uint8_t)-error_of(kind);
        if (is_opening(tcb) && (is_hard(kind) || t->cfg.icmp_ends_open)) {
                ek_tcb_fail(t, tcb, error_of(kind), "ICMP error");
                return;
        }
        ek_tcb_tell(t, tcb, ELKO_EV_SOFT_ERROR);
}

/* [RFC9293 MUST-54] */
void ek_tcp_icmp_error(struct ek_tcp *t, const struct ek_icmp_error *err)
{
        struct ek_key key = {.local = err->local,
                             .remote = err->remote,
                             .lport = err->lport,
                             .rport = err->rport};
        uint32_t ref = ek_tcp_lookup(t, &key);

        /* TIME-WAIT entries ignore ICMP: they go by themselves; half-open ones, too, unless it ends opens. */
        if (ref != EK_NIL && EK_REF_KIND(ref) == EK_KIND_HALF_OPEN) {
                on_half_open(t, EK_REF_INDEX(ref), err);
                return;
        }
        if (ref == EK_NIL || EK_REF_KIND(ref) != EK_KIND_TCB) {
                t->ctr->drops[ELKO_DROP_ICMP_NO_CONN]++;
                return;
        }
        on_tcb(t, ek_tcp_tcb(t, EK_REF_INDEX(ref)), err);
}
