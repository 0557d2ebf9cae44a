/* SPDX-License-Identifier: MIT */
#include "tcp/send_plan.h"
#include "tcp/tcp.h"

/*
 * Accurate ECN feedback, RFC 9768 (draft-ietf-tcpm-accurate-ecn-34 in words and numbers).
 *
 * What RFC 3168 says with one bit in a round trip, this counts: each end keeps how many packets came with CE (r.cep), and
 * how many bytes of text with CE, ECT(0) and ECT(1). The three lowest bits of r.cep stand in AE, CWR and ECE of every
 * segment but SYN (the ACE field); the byte counts, 24 bits of each, in an option where there is room. The other end
 * keeps the same four (s.cep, ...) and sees what was added.
 *
 * The handshake: a SYN with all three flags asks (3.1.2, table 2); the SYN,ACK's flags agree and tell which IP-ECN field
 * the SYN had on arrival, and the first pure ACK tells the same of the SYN,ACK (3.2.2.1, table 3). Both are sent Not-ECT,
 * so anything else means that somebody on the path changes that field, and our data goes without ECT then (3.2.2.3).
 * So it does if all that is sent comes back as marked, from the first packet on: no queue does that.
 *
 * The counters live in an object of their own: few connections use it, and all connections have to be small.
 */

enum {
        INITIAL_CEP = 5, /* 3.2.1 */
        INITIAL_E0B = 1,
        INITIAL_E1B = 1,
        ACE_MASK = 7,
        COUNTER_MASK = 0xffffff,
        ACK_AT_MARKS = 2,      /* 3.2.2.5.1: with text to acknowledge, ... */
        ACK_AT_BARE_MARKS = 3, /* ... and without */
        CE_ROUNDS = 4,         /* 3.2.2.3: "for the first three or four rounds" ... */
        CE_PACKETS = 16,       /* ... and so many, lest chance marks four single ones */
        CE_OVER = UINT8_MAX,
};

/* AE, CWR, ECE as a number of three bits: the ACE field, and in this order the tables of 3.1.2 and 3.2.2.1. */
static unsigned ace_of(uint16_t flags)
{
        return ((flags & ELKO_AE) ? 4u : 0) | ((flags & ELKO_CWR) ? 2u : 0) |
               ((flags & ELKO_ECE) ? 1u : 0);
}

static uint16_t flags_of(unsigned ace)
{
        return (uint16_t)(((ace & 4) ? ELKO_AE : 0) | ((ace & 2) ? ELKO_CWR : 0) |
                          ((ace & 1) ? ELKO_ECE : 0));
}

/* Tables 2 and 3: which IP-ECN field came. */
static unsigned encode(unsigned ip_ecn)
{
        static const uint8_t of[] = {
                [EK_ECN_NOT_ECT] = 2, [EK_ECN_ECT1] = 3, [EK_ECN_ECT0] = 4, [EK_ECN_CE] = 6};

        return of[ip_ecn & EK_ECN_MASK];
}

struct ek_accecn *ek_accecn_of(struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return ek_slab_at(&t->accecns, tcb->accecn);
}

/* ---- the handshake ---- */

/* Its options are not looked at. [RFC9768 3.1.3a 3.2.3.2.1a] */
bool ek_accecn_is_asked(const struct ek_seg *syn)
{
        unsigned ace = ace_of(syn->hdr->flags);

        return ace != 0 && ace != 3;
}

/* [RFC9768 3.1.2a] */
uint16_t ek_accecn_syn_flags(void)
{
        return ELKO_AE | ELKO_CWR | ELKO_ECE;
}

uint16_t ek_accecn_syn_ack_flags(unsigned ip_ecn)
{
        return flags_of(encode(ip_ecn));
}

/* Enter AccECN mode. False: no memory. [RFC9768 3.2.1] */
bool ek_accecn_enter(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t index = ek_tcp_pool_alloc(t, &t->accecns);
        struct ek_accecn *a;

        if (index == EK_NIL) {
                t->ctr->nomem++;
                return false;
        }
        a = ek_slab_at(&t->accecns, index);
        *a = (struct ek_accecn){
                .r_cep = INITIAL_CEP,
                .s_cep = INITIAL_CEP,
                .r_e0b = INITIAL_E0B,
                .r_e1b = INITIAL_E1B,
                .s_e0b = INITIAL_E0B,
                .s_e1b = INITIAL_E1B,
                .first = true,
                .first_option = true,
                .dirty =
                        true, /* 3.2.3.2.1: the first ACK, or segment with data, tests whether the option gets through */
        };
        tcb->accecn = index;
        tcb->flags |= EK_TCB_ACCECN | EK_TCB_ECN | EK_TCB_ECN_HEARS;
        t->ctr->tcp_accecn_opens++;
        return true;
}

void ek_accecn_leave(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!ek_tcb_has(tcb, EK_TCB_ACCECN))
                return;
        ek_slab_free(&t->accecns, tcb->accecn);
        tcb->accecn = 0;
        tcb->flags &= ~(uint32_t)(EK_TCB_ACCECN | EK_TCB_ECN | EK_TCB_ECN_HEARS | EK_TCB_ECN_SEEN);
}

/* Somebody on the path changes the field: no ECT from us from now on. Feedback goes on, and so does the answer to it,
 * unless that can't be believed either. */
static void distrust(struct ek_tcp *t, struct ek_tcb *tcb, bool deaf)
{
        struct ek_accecn *a = ek_accecn_of(t, tcb);

        if (ek_tcb_has(tcb, EK_TCB_ECN))
                t->ctr->tcp_accecn_mangled++;
        tcb->flags &= ~(uint32_t)EK_TCB_ECN;
        a->deaf |= deaf;
}

/* The client: the SYN,ACK is `syn_ack`. Which mode? [RFC9768 3.1.2b 3.1.2c 3.1.3b 3.2.2.1a 3.2.2.2c 3.2.2.3a] */
enum ek_accecn_answer ek_accecn_on_syn_ack(struct ek_tcp *t, struct ek_tcb *tcb,
                                           const struct ek_seg *syn_ack)
{
        unsigned ace = ace_of(syn_ack->hdr->flags);
        struct ek_accecn *a;

        if (ace == 0 || ace == 7)
                return EK_ACCECN_NO_ECN;
        if (ace == 1)
                return EK_ACCECN_CLASSIC;
        if (!ek_accecn_enter(t, tcb))
                return EK_ACCECN_NO_ECN;
        a = ek_accecn_of(t, tcb);
        a->peer_syn_ecn = syn_ack->ecn & EK_ECN_MASK;
        a->handshake = true;
        if (syn_ack->ecn == EK_ECN_CE)
                a->r_cep++;
        if (ace != encode(EK_ECN_NOT_ECT) && ace != 5)
                distrust(t, tcb, false);
        ek_accecn_take_option(a, &syn_ack->hdr->opt);
        /* A pure ACK goes before any data. */
        tcb->dup_acks = 1;
        return EK_ACCECN_AGREED;
}

/* The server: the segment that ends the handshake. [RFC9768 3.2.2.1b 3.2.2.1c 3.2.2.2d 3.2.2.3b] */
void ek_accecn_on_third(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct ek_accecn *a = ek_accecn_of(t, tcb);
        unsigned ace = ace_of(seg->hdr->flags);

        ek_accecn_take_option(a, &seg->hdr->opt);
        if (seg->hdr->data_len > 0 || (seg->hdr->opt.present & ELKO_OPT_SACK))
                return;
        a->first = false; /* that was no counter */
        if (ace == 0)
                distrust(t, tcb, true);
        else if (ace == encode(EK_ECN_ECT1) || ace == encode(EK_ECN_ECT0) ||
                 ace == encode(EK_ECN_CE))
                distrust(t, tcb, false);
        if (ace == encode(EK_ECN_CE))
                a->s_cep++;
}

/* The SYN,ACK came again: its ACK has the handshake's encoding, too. [RFC9768 3.2.2.1d] */
void ek_accecn_on_syn_ack_again(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (!ek_tcb_has(tcb, EK_TCB_ACCECN) || !ek_tcb_has(tcb, EK_TCB_ACTIVE) ||
            !seq_eq(seg->seq, tcb->irs))
                return;
        ek_accecn_of(t, tcb)->peer_syn_ecn = seg->ecn & EK_ECN_MASK;
        ek_accecn_of(t, tcb)->handshake = true;
}

/* ---- receiving ---- */

/* An acceptable segment. [RFC9768 3.1.5d 3.2a 3.2b 3.2.2.5.1a 3.2.2.5.1b 3.2.3.3e] */
void ek_accecn_on_segment(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct ek_accecn *a = ek_accecn_of(t, tcb);
        uint32_t len = seg->hdr->data_len;
        bool ce = seg->ecn == EK_ECN_CE, unacked = len > 0 || ek_delack_is_pending(&tcb->delack);

        if (seg->ecn != EK_ECN_NOT_ECT) {
                tcb->flags |= EK_TCB_ECN_SEEN;
                t->ctr->tcp_ce_in += ce && len > 0;
        }
        if (len > 0 && seg->ecn != EK_ECN_NOT_ECT) {
                uint32_t *counter = ce                        ? &a->r_ceb
                                    : seg->ecn == EK_ECN_ECT0 ? &a->r_e0b
                                                              : &a->r_e1b;

                *counter += len;
                a->dirty = true;
                a->changed |= (uint8_t)(1u << (seg->ecn - 1));
        }
        if (ce) {
                a->r_cep += seg->segs; /* what differs here is not joined */
                if (a->marks < UINT8_MAX)
                        a->marks++;
                if ((len > 0 && a->last_ecn != EK_ECN_CE) ||
                    a->marks >= (unacked ? ACK_AT_MARKS : ACK_AT_BARE_MARKS))
                        ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
        }
        a->last_ecn = seg->ecn & EK_ECN_MASK;
}

/* ---- what our segments say ---- */

/* [RFC9768 3.2.2a 3.2.2b 3.2.2.1a] */
void ek_accecn_mark(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p,
                    const struct ek_tcp_opts *opt, uint16_t *flags)
{
        struct ek_accecn *a = ek_accecn_of(t, tcb);
        bool bare = p->kind == EK_PLAN_ACK && !(opt->present & ELKO_OPT_SACK);

        *flags &= (uint16_t) ~(ELKO_AE | ELKO_CWR | ELKO_ECE);
        *flags |= flags_of(a->handshake && bare ? encode(a->peer_syn_ecn) : a->r_cep & ACE_MASK);
        if (bare)
                a->handshake = false;
        if (p->kind != EK_PLAN_PROBE) /* which nobody need look at */
                a->marks = 0;
        if (opt->present & ELKO_OPT_ACCECN)
                a->dirty = false;
}

/* The fields that changed at some time of the connection, the others left out at the end. */
static uint8_t fields_of(const struct ek_accecn *a, bool *order1)
{
        bool e1 = (a->changed & 1) != 0, e0 = (a->changed & 2) != 0, ce = (a->changed & 4) != 0;

        *order1 = e1 && !e0;
        if (e1 && e0)
                return 3;
        return ce ? 2 : 1;
}

/*
 * With every ACK that follows a change, if there is room for what changed. `room`: bytes of options that are left,
 * `sacks`: blocks that want to go. Two of them come first. Deviation: also when data with it was lost (3.2.3.2.2).
 * [RFC9768 3.2.3a 3.2.3.1a 3.2.3.2.2c 3.2.3.3a 3.2.3.3b 3.2.3.3c 3.2.3.3d]
 */
void ek_accecn_option(struct ek_tcp *t, const struct ek_tcb *tcb, struct ek_tcp_opts *opt,
                      uint32_t room, uint32_t sacks)
{
        const struct ek_accecn *a = ek_accecn_of(t, tcb);
        uint32_t kept = sacks == 0 ? 0 : 4 + 8 * ek_min_u32(sacks, 2);

        if (!a->dirty)
                return;
        opt->accecn_fields = fields_of(a, &opt->accecn_order1);
        opt->accecn_e0b = a->r_e0b & COUNTER_MASK;
        opt->accecn_ceb = a->r_ceb & COUNTER_MASK;
        opt->accecn_e1b = a->r_e1b & COUNTER_MASK;
        if (((2 + 3u * opt->accecn_fields + 3) & ~3u) + kept <= room)
                opt->present |= ELKO_OPT_ACCECN;
}

/* Of a SYN,ACK: all three, as they are at first. [RFC9768 3.2.3.2.1b] */
void ek_accecn_first_option(struct ek_tcp_opts *opt)
{
        opt->accecn_fields = 3;
        opt->accecn_order1 = false;
        opt->accecn_e0b = INITIAL_E0B;
        opt->accecn_ceb = 0;
        opt->accecn_e1b = INITIAL_E1B;
        if (ek_tcp_opts_len(opt) + 12 <= EK_TCP_OPT_MAX_BYTES)
                opt->present |= ELKO_OPT_ACCECN;
}

/* ---- what the peer's segments say ---- */

/* By how much a counter of 24 bits moved. [RFC9768 3.2.3.1b] */
static uint32_t moved(uint32_t *local, uint32_t field)
{
        uint32_t by = (field - *local) & COUNTER_MASK;

        *local += by;
        return by;
}

/* The counters of the option, and how many bytes came with CE since. An option that begins at zero was wiped: none is
 * believed then. [RFC9768 3.2.3b 3.2.3.2.4] */
uint32_t ek_accecn_take_option(struct ek_accecn *a, const struct ek_tcp_opts *opt)
{
        uint32_t ce = 0;

        a->optioned = (opt->present & ELKO_OPT_ACCECN) != 0 && !a->wiped;
        if (!a->optioned)
                return 0;
        if (a->first_option && (((opt->accecn_has & 2) && opt->accecn_e0b == 0) ||
                                ((opt->accecn_has & 1) && opt->accecn_e1b == 0))) {
                a->wiped = true;
                a->optioned = false;
                return 0;
        }
        a->first_option = false;
        if (opt->accecn_has & 2)
                moved(&a->s_e0b, opt->accecn_e0b);
        if (opt->accecn_has & 1)
                moved(&a->s_e1b, opt->accecn_e1b);
        if (opt->accecn_has & 4)
                ce = moved(&a->s_ceb, opt->accecn_ceb);
        return ce;
}

/*
 * How many packets came with CE: three bits, which may have gone round since. The option tells; without it the worst
 * that the number of packets allows is taken for true. [RFC9768 3.2.2.2b 3.2.2.5.2a 3.2.2.5.2b]
 */
static uint32_t marks_since(const struct ek_accecn *a, unsigned ace, uint32_t packets,
                            uint32_t ce_bytes, uint32_t mss)
{
        uint32_t least = (ace - a->s_cep) & ACE_MASK;
        uint32_t most = packets <= ACE_MASK ? least : packets - ((packets - least) & ACE_MASK);

        if (!a->optioned)
                return most;
        while (least < most && (uint64_t)least * mss < ce_bytes)
                least += ACE_MASK + 1;
        return least;
}

/*
 * Is everything marked, in each round trip from the first on? Then somebody sets CE, and neither ECT nor an answer to it is
 * of use (3.2.2.3). One packet without ends the test for good: queues do that. What is sent again is Not-ECT, so
 * the ACKs of a recovery tell nothing. [RFC9768 3.2.2.3c]
 */
static void test_continuous_ce(struct ek_tcp *t, struct ek_tcb *tcb, bool all)
{
        struct ek_accecn *a = ek_accecn_of(t, tcb);

        if (a->ce_rounds == CE_OVER || tcb->cong.state >= ELKO_CA_RECOVERY)
                return;
        if (!all) {
                a->ce_rounds = CE_OVER;
                return;
        }
        if (a->ce_rounds > 0 && seq_leq(tcb->snd_una, a->round_end))
                return;
        a->round_end = tcb->snd_nxt;
        if (a->ce_rounds <= CE_ROUNDS)
                a->ce_rounds++;
        if (a->ce_rounds <= CE_ROUNDS || a->s_cep < INITIAL_CEP + CE_PACKETS)
                return;
        a->ce_rounds = CE_OVER;
        distrust(t, tcb, true);
}

/* An ACK that delivers something; what that is, is known. [RFC9768 3.2.2.2a 3.2.2.4 3.2.3.2.5a 3.2.3.2.5b] */
void ek_accecn_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct ek_accecn *a = ek_accecn_of(t, tcb);
        struct ek_cc_state *cc = &tcb->act->cc;
        uint32_t mss = ek_tcb_eff_mss(t, tcb), packets, marks, bytes;
        unsigned ace = ace_of(seg->hdr->flags);

        /* One that was overtaken says nothing that is not known better; the counters are cumulative. Nor does the end of
         * the handshake, which may come late. */
        if (cc->newly_delivered == 0 || seq_leq(seg->ack, seq_add(tcb->iss, 1)))
                return;
        if (a->first && ace == 0)
                distrust(t, tcb, true);
        a->first = false;
        packets = (cc->newly_delivered + mss - 1) / mss;
        bytes = ek_accecn_take_option(a, &seg->hdr->opt);
        marks = marks_since(a, ace, packets, bytes, mss);
        /* Bytes without packets, and the packets can't have gone round: somebody changes one of the two. */
        if (a->optioned && bytes > 0 && marks == 0 && packets <= ACE_MASK)
                distrust(t, tcb, false);
        a->s_cep += marks;
        test_continuous_ce(t, tcb, a->optioned ? bytes >= cc->newly_delivered : marks >= packets);
        if (a->deaf || marks == 0)
                return;
        a->delivered_ce += marks;
        cc->ece = true;
        cc->ce_bytes =
                ek_min_u32(cc->newly_delivered, a->optioned && bytes > 0 ? bytes : marks * mss);
}

/* For ek_tcb_check(): what was answered is a part of what was heard of. */
bool ek_accecn_check(struct ek_tcp *t, const struct ek_tcb *tcb)
{
        const struct ek_accecn *a = ek_accecn_of(t, tcb);

        return a->delivered_ce <= a->s_cep - INITIAL_CEP;
}
