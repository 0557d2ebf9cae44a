/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_send_plan.c - the pure planner as a table of situations: RFC 9293, 3.7.4 (Nagle),
 * 3.8.6.2.1 (silly windows, sender's side), RFC 5681 (cwnd), and the order of urgency. Each row
 * says what differs from a quiet connection in ESTABLISHED with MSS 1000, SND.WND 60000, cwnd
 * 10000, and what must be planned.
 */
#include "tcp/send_plan.h"

#include "ek_test.h"

enum { MSS = 1000 };

struct situation {
        const char *name;
        uint32_t queued, flight, lost; /* bytes in the ring, of them outstanding, of these lost */
        uint32_t wnd, wnd_max, cwnd;   /* 0: 60000, wnd, 10000 */
        uint32_t flags, todo;
        uint32_t small; /* the last small segment ends so many bytes after SND.UNA */
        uint32_t inflation;
        uint8_t state; /* 0: ESTABLISHED */
        uint8_t dup_acks;
        bool closed_wnd, nodelay, cork, pushed;
        bool bursts; /* PSH at the end of each burst */
        uint16_t share, push_segs;
        bool frto;       /* a time-out is tested (RFC 5682) */
        uint32_t beyond; /* so many bytes of the flight left after it */
        uint32_t gso;    /* the link takes so much at once */
        /* expected */
        enum ek_plan_kind kind;
        uint32_t len, space;
        uint16_t plan_flags;
        enum elko_limited_by limited;
};

static struct ek_plan plan(const struct situation *s)
{
        struct ek_active act = {.snd = {.len = s->queued, .cap = 1u << 20}};
        struct ek_tcb tcb = {.act = &act, .state = ELKO_TCP_ESTABLISHED};
        struct ek_txrec rec = {.len = s->lost, .sends = 1, .flags = EK_TXREC_LOST};
        struct ek_plan_env env = {.mss = MSS,
                                  .gso = s->gso,
                                  .nodelay = s->nodelay,
                                  .cork = s->cork,
                                  .push_bursts = s->bursts,
                                  .push_segs = s->push_segs};
        uint32_t fin = (s->flags & EK_TCB_FIN_SENT) != 0 && (s->flags & EK_TCB_FIN_ACKED) == 0;

        if (s->pushed)
                rec.flags |= EK_TXREC_PUSH;
        tcb.iss = seq_make(0xfffffff0u);
        tcb.snd_una = seq_make(0xfffffff8u);
        tcb.snd_nxt = seq_add(tcb.snd_una, s->flight + fin);
        tcb.snd_small = seq_add(tcb.snd_una, s->small);
        tcb.snd_wnd = s->closed_wnd ? 0 : s->wnd != 0 ? s->wnd : 60000;
        tcb.snd_wnd_max = s->wnd_max != 0 ? s->wnd_max : tcb.snd_wnd;
        tcb.cong.out.cwnd_bytes = s->cwnd != 0 ? s->cwnd : 10000;
        tcb.flags = s->flags;
        tcb.todo = s->todo;
        tcb.dup_acks = s->dup_acks;
        if (s->state != 0)
                tcb.state = s->state;
        act.txq.bytes = s->flight + fin;
        act.txq.lost_bytes = s->lost;
        act.inflation = s->inflation;
        act.share = (s->flags & EK_TCB_BURST) == 0 ? 0 : s->share != 0 ? s->share : 1;
        act.frto = s->frto ? EK_FRTO_NEW : EK_FRTO_OFF;
        act.dupack.recover = seq_add(tcb.snd_nxt, 0u - s->beyond);
        rec.seq = tcb.snd_una;
        env.lost = s->lost != 0 ? &rec : NULL;
        return ek_send_plan(&tcb, &env);
}

#define DATA .kind = EK_PLAN_DATA, .plan_flags = ELKO_ACK
#define PUSH .kind = EK_PLAN_DATA, .plan_flags = ELKO_ACK | ELKO_PSH
#define NONE .kind = EK_PLAN_NONE
#define PURE .kind = EK_PLAN_ACK, .plan_flags = ELKO_ACK

static const struct situation table[] = {
        /* 3.10.2: nothing to do, and the simplest things */
        {"quiet", NONE, .limited = ELKO_LIMITED_NOTHING},
        {"an ACK is owed", .todo = EK_TODO_ACK, PURE},
        {"all is out", .queued = 500, .flight = 500, NONE, .limited = ELKO_LIMITED_APP},
        {"full segment", .queued = 5000, DATA, .len = 1000, .space = 1000},
        {"last segment is pushed", .queued = 1000, PUSH, .len = 1000, .space = 1000},
        {"small, nothing outstanding", .queued = 1, PUSH, .len = 1, .space = 1},
        /* 3.7.4 Nagle, Minshall's variant */
        {"small behind a full one", .queued = 1001, .flight = 1000, PUSH, .len = 1, .space = 1},
        {"small behind a small one", .queued = 11, .flight = 10, .small = 10, NONE,
         .limited = ELKO_LIMITED_NAGLE},
        {"the same with an ACK owed", .queued = 11, .flight = 10, .small = 10, .todo = EK_TODO_ACK,
         PURE, .limited = ELKO_LIMITED_NAGLE},
        {"full behind a small one", .queued = 1010, .flight = 10, .small = 10, PUSH, .len = 1000,
         .space = 1000},
        {"NODELAY", .queued = 11, .flight = 10, .small = 10, .nodelay = true, PUSH, .len = 1,
         .space = 1},
        {"cork holds", .queued = 999, .cork = true, NONE, .limited = ELKO_LIMITED_NAGLE},
        {"cork holds in spite of NODELAY", .queued = 999, .cork = true, .nodelay = true, NONE,
         .limited = ELKO_LIMITED_NAGLE},
        {"cork lets full ones go", .queued = 1999, .cork = true, DATA, .len = 1000, .space = 1000},
        {"MORE holds", .queued = 10, .flags = EK_TCB_MORE, NONE, .limited = ELKO_LIMITED_NAGLE},
        {"override", .queued = 10, .cork = true, .todo = EK_TODO_PUSH_SMALL, PUSH, .len = 10,
         .space = 10},
        {"FIN lets the small one go", .queued = 11, .flight = 10, .small = 10,
         .flags = EK_TCB_FIN_WANTED, .state = ELKO_TCP_FIN_WAIT_1, .kind = EK_PLAN_DATA, .len = 1,
         .space = 2, .plan_flags = ELKO_ACK | ELKO_PSH | ELKO_FIN},
        /* 3.8.6 the peer's window */
        {"window closed", .queued = 10, .closed_wnd = true, NONE, .limited = ELKO_LIMITED_RWND},
        {"window full", .queued = 3000, .flight = 2000, .wnd = 2000, NONE,
         .limited = ELKO_LIMITED_RWND},
        {"window shrunk below the flight", .queued = 9000, .flight = 5000, .wnd = 1000, NONE,
         .limited = ELKO_LIMITED_RWND},
        {"probe", .queued = 10, .closed_wnd = true, .todo = EK_TODO_PROBE, .kind = EK_PLAN_PROBE,
         .plan_flags = ELKO_ACK},
        {"keepalive", .todo = EK_TODO_KEEPALIVE, .kind = EK_PLAN_PROBE, .plan_flags = ELKO_ACK},
        /* 3.8.6.2.1 silly windows */
        {"window cuts below half of the largest", .queued = 5000, .wnd = 499, .wnd_max = 1000, NONE,
         .limited = ELKO_LIMITED_RWND},
        {"window cuts to half of the largest", .queued = 5000, .wnd = 500, .wnd_max = 1000, DATA,
         .len = 500, .space = 500},
        {"override of the cut", .queued = 5000, .wnd = 499, .wnd_max = 60000,
         .todo = EK_TODO_PUSH_SMALL, DATA, .len = 499, .space = 499},
        /* RFC 5681: cwnd */
        {"cwnd full", .queued = 20000, .flight = 10000, NONE, .limited = ELKO_LIMITED_CWND},
        {"room for less than a segment", .queued = 20000, .flight = 9001, NONE,
         .limited = ELKO_LIMITED_CWND},
        {"limited transmit", .queued = 20000, .flight = 10000, .inflation = 1000, DATA, .len = 1000,
         .space = 1000},
        {"cwnd below a segment, nothing out", .queued = 5000, .cwnd = 500, DATA, .len = 1000,
         .space = 1000},
        /* what is lost goes first */
        {"lost before new", .queued = 5000, .flight = 2000, .lost = 1000, .kind = EK_PLAN_LOST,
         .plan_flags = ELKO_ACK, .len = 1000, .space = 1000},
        {"lost, and pushed the first time", .queued = 5000, .flight = 2000, .lost = 1000,
         .pushed = true, .kind = EK_PLAN_LOST, .plan_flags = ELKO_ACK | ELKO_PSH, .len = 1000,
         .space = 1000},
        {"lost, in pieces: the first is not pushed", .queued = 5000, .flight = 2000, .lost = 1500,
         .pushed = true, .kind = EK_PLAN_LOST, .plan_flags = ELKO_ACK, .len = 1000, .space = 1000},
        {"lost, in pieces after the MSS fell", .queued = 5000, .flight = 2000, .lost = 1500,
         .kind = EK_PLAN_LOST, .plan_flags = ELKO_ACK, .len = 1000, .space = 1000},
        {"lost, but cwnd is full", .queued = 9000, .flight = 9000, .lost = 1000, .cwnd = 8000, NONE,
         .limited = ELKO_LIMITED_CWND},
        {"lost and forced", .queued = 9000, .flight = 9000, .lost = 1000, .cwnd = 8000,
         .todo = EK_TODO_FORCE, .kind = EK_PLAN_LOST, .plan_flags = ELKO_ACK, .len = 1000,
         .space = 1000},
        {"lost beyond a shrunk window (MAY-7)", .queued = 2000, .flight = 2000, .lost = 1000,
         .wnd = 100, .todo = EK_TODO_FORCE, .kind = EK_PLAN_LOST, .plan_flags = ELKO_ACK,
         .len = 1000, .space = 1000},
        /* RFC 5682, 3.1, step 2b: up to two new segments, whatever cwnd is */
        {"new data tests a time-out", .queued = 9000, .flight = 5000, .lost = 3000, .frto = true,
         DATA, .len = 1000, .space = 1000},
        {"the second new segment", .queued = 9000, .flight = 6000, .lost = 3000, .frto = true,
         .beyond = 1000, DATA, .len = 1000, .space = 1000},
        {"no third one", .queued = 9000, .flight = 7000, .lost = 3000, .frto = true, .beyond = 2000,
         NONE, .limited = ELKO_LIMITED_CWND},
        {"no third one, when nothing else is lost", .queued = 9000, .flight = 7000, .frto = true,
         .beyond = 2000, NONE, .limited = ELKO_LIMITED_CWND},
        {"the ACK does not wait for it", .queued = 9000, .flight = 7000, .lost = 3000, .frto = true,
         .beyond = 2000, .todo = EK_TODO_ACK, PURE, .limited = ELKO_LIMITED_CWND},
        {"nothing new to test with", .queued = 5000, .flight = 5000, .lost = 3000, .frto = true,
         .kind = EK_PLAN_LOST, .plan_flags = ELKO_ACK, .len = 1000, .space = 1000},
        /* what ends a burst is pushed, when asked for */
        {"the window ends the burst", .queued = 5000, .flight = 2000, .wnd = 3000, .bursts = true,
         .flags = EK_TCB_BURST, PUSH, .len = 1000, .space = 1000},
        {"what the window leaves is too little", .queued = 5000, .flight = 2000, .wnd = 3100,
         .bursts = true, .flags = EK_TCB_BURST, PUSH, .len = 1000, .space = 1000},
        {"the window has room for more", .queued = 5000, .flight = 2000, .wnd = 4000,
         .bursts = true, .flags = EK_TCB_BURST, DATA, .len = 1000, .space = 1000},
        {"a share of a burst is full", .queued = 9000, .share = 2, .push_segs = 3, .bursts = true,
         .flags = EK_TCB_BURST, PUSH, .len = 1000, .space = 1000},
        {"a share of a burst is not", .queued = 9000, .share = 1, .push_segs = 3, .bursts = true,
         .flags = EK_TCB_BURST, DATA, .len = 1000, .space = 1000},
        {"one segment is no share", .queued = 9000, .flight = 2000, .cwnd = 3500, .push_segs = 1,
         .bursts = true, .flags = EK_TCB_BURST, DATA, .len = 1000, .space = 1000},
        {"the end, not pushed", .queued = 1000, .todo = EK_TODO_NO_PUSH, DATA, .len = 1000,
         .space = 1000},
        {"the end, not pushed, after a wait", .queued = 900,
         .todo = EK_TODO_NO_PUSH | EK_TODO_PUSH_SMALL, PUSH, .len = 900, .space = 900},
        {"a cork holds", .queued = 10, .cork = true, NONE, .limited = ELKO_LIMITED_NAGLE},
        {"a cork is out", .queued = 10, .cork = true, .todo = EK_TODO_UNCORK, PUSH, .len = 10,
         .space = 10},
        {"MORE is over", .queued = 10, .flags = EK_TCB_MORE, .todo = EK_TODO_MORE_OVER, PUSH,
         .len = 10, .space = 10},
        {"cwnd ends the burst", .queued = 9000, .flight = 2000, .cwnd = 3500, .bursts = true,
         .flags = EK_TCB_BURST, PUSH, .len = 1000, .space = 1000},
        {"the next one waits for an answer", .queued = 3010, .flight = 2000, .small = 500,
         .bursts = true, .flags = EK_TCB_BURST, PUSH, .len = 1000, .space = 1000},
        /* FIN */
        {"FIN alone", .flags = EK_TCB_FIN_WANTED, .state = ELKO_TCP_FIN_WAIT_1,
         .kind = EK_PLAN_DATA, .plan_flags = ELKO_ACK | ELKO_FIN, .space = 1},
        {"FIN after the last byte only", .queued = 1001, .flags = EK_TCB_FIN_WANTED,
         .state = ELKO_TCP_LAST_ACK, DATA, .len = 1000, .space = 1000},
        {"FIN needs the window", .flags = EK_TCB_FIN_WANTED, .closed_wnd = true,
         .state = ELKO_TCP_FIN_WAIT_1, NONE, .limited = ELKO_LIMITED_RWND},
        {"FIN was sent", .flags = EK_TCB_FIN_WANTED | EK_TCB_FIN_SENT, .state = ELKO_TCP_FIN_WAIT_1,
         NONE, .limited = ELKO_LIMITED_NOTHING},
        {"nothing more after the FIN", .state = ELKO_TCP_FIN_WAIT_2, .todo = EK_TODO_ACK,
         .flags = EK_TCB_FIN_WANTED | EK_TCB_FIN_SENT | EK_TCB_FIN_ACKED, PURE},
        /* order */
        {"RST before all", .queued = 5000, .lost = 100, .todo = EK_TODO_RST | EK_TODO_ACK,
         .kind = EK_PLAN_RST, .plan_flags = ELKO_RST | ELKO_ACK},
        {"duplicate ACKs are pure", .queued = 5000, .dup_acks = 2, .todo = EK_TODO_ACK, PURE},
        {"data carries the ACK", .queued = 5000, .todo = EK_TODO_ACK, DATA, .len = 1000,
         .space = 1000},
        {"SYN", .state = ELKO_TCP_SYN_SENT, .todo = EK_TODO_SYN, .kind = EK_PLAN_SYN, .space = 1,
         .plan_flags = ELKO_SYN},
        {"SYN,ACK of a simultaneous open", .state = ELKO_TCP_SYN_RECEIVED, .todo = EK_TODO_SYN,
         .kind = EK_PLAN_SYN, .space = 1, .plan_flags = ELKO_SYN | ELKO_ACK},
        {"data waits for the handshake", .queued = 5000, .state = ELKO_TCP_SYN_SENT, NONE},
};

static void check_row(const struct situation *s)
{
        struct ek_plan p = plan(s);

        if (p.kind != s->kind || p.len != s->len || p.space != s->space ||
            p.flags != s->plan_flags || p.limited_by != s->limited)
                ek_test_fail(__FILE__, __LINE__,
                             "%s: kind %d len %u space %u flags 0x%x limited by %d", s->name,
                             (int)p.kind, p.len, p.space, p.flags, (int)p.limited_by);
}

/* [RFC9293 SHLD-16 MAY-7; RFC7323 2.4-4] */
EK_TEST(table_of_situations)
{
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                check_row(&table[i]);
}

static struct situation random_situation(void)
{
        struct situation s = {0};

        s.flight = (uint32_t)ek_test_magnitude(16);
        s.queued = s.flight + (uint32_t)ek_test_magnitude(16);
        s.lost = ek_test_below(2) * ek_test_below(s.flight + 1);
        s.wnd = 1 + (uint32_t)ek_test_magnitude(17);
        s.wnd_max = s.wnd + (uint32_t)ek_test_magnitude(16);
        s.cwnd = 1 + (uint32_t)ek_test_magnitude(17);
        s.closed_wnd = ek_test_below(8) == 0;
        s.nodelay = ek_test_below(2) != 0;
        s.cork = ek_test_below(4) == 0;
        s.small = ek_test_below(s.flight + 1);
        s.todo = ek_test_below(4) == 0 ? EK_TODO_ACK : 0;
        s.todo |= ek_test_below(8) == 0 ? EK_TODO_PUSH_SMALL : 0;
        if (ek_test_below(3) == 0) {
                s.state = ELKO_TCP_FIN_WAIT_1;
                s.flags = EK_TCB_FIN_WANTED;
        }
        return s;
}

/* What must hold for whatever is planned. */
static void check_properties(const struct situation *s, const struct ek_plan *p)
{
        uint32_t wnd = s->closed_wnd ? 0 : s->wnd;

        CHECK(p->len <= MSS && p->space <= p->len + 1);
        if (p->kind == EK_PLAN_DATA) {
                CHECK(p->space > 0 && p->seq.v == 0xfffffff8u + s->flight);
                CHECK(s->flight + p->space <= wnd); /* 3.8.6 */
                CHECK(s->flight + p->len <= s->queued);
                CHECK(s->flight - s->lost + p->space <= s->cwnd || s->flight == s->lost);
        }
        if (p->kind == EK_PLAN_LOST)
                CHECK(p->space > 0 && p->space <= s->lost);
        if (p->kind == EK_PLAN_NONE)
                CHECK((s->todo & EK_TODO_ACK) == 0);
        /* Whatever waits names what it waits for. */
        if (p->kind == EK_PLAN_NONE && s->queued > s->flight)
                CHECK(p->limited_by != ELKO_LIMITED_NOTHING && p->limited_by != ELKO_LIMITED_APP);
        /* A full segment with room for it everywhere always goes. */
        if (s->lost == 0 && s->queued - s->flight >= MSS && s->flight + MSS <= wnd &&
            s->flight + MSS <= s->cwnd)
                CHECK(p->kind == EK_PLAN_DATA && p->len == MSS);
}

/* [RFC5681 3] */
EK_TEST(properties_of_random_situations)
{
        for (uint32_t i = ek_test_rounds(300000); i > 0; i--) {
                struct situation s = random_situation();
                struct ek_plan p = plan(&s);

                check_properties(&s, &p);
        }
}

/* A link that cuts gets in one frame what would have left as segments one after the other: each piece of the burst is
 * what is planned without such a link, when those before it are out. */
EK_TEST(a_burst_is_what_single_segments_would_be)
{
        uint32_t bursts = 0, tails = 0, fins = 0;

        for (uint32_t i = ek_test_rounds(300000); i > 0; i--) {
                struct situation s = random_situation();
                struct ek_plan burst, one;
                uint32_t left;

                s.gso = MSS + ek_test_below(64000);
                s.lost = 0;
                s.frto = ek_test_below(8) == 0;
                s.beyond = s.frto ? ek_test_below(s.flight + 1) : 0;
                burst = plan(&s);
                CHECK_EQ(burst.seg_len, burst.len > MSS ? MSS : 0);
                CHECK(burst.len <= MSS || burst.len <= s.gso);
                bursts += burst.len > MSS;
                tails += burst.len > MSS && burst.len % MSS != 0;
                fins += burst.len > MSS && (burst.flags & ELKO_FIN);
                s.gso = 0;
                for (left = burst.len; left > MSS; left -= one.len) {
                        one = plan(&s);
                        CHECK_EQ(one.kind, EK_PLAN_DATA);
                        CHECK_EQ(one.len, MSS);
                        CHECK_EQ(one.seg_len, 0);
                        CHECK_EQ(one.flags & ELKO_FIN, 0);
                        s.flight += one.len;
                        s.beyond += s.frto ? one.len : 0;
                        s.todo &= ~(uint32_t)EK_TODO_PUSH_SMALL;
                }
                one = plan(&s);
                CHECK_EQ(one.kind, burst.kind);
                CHECK_EQ(one.len, left);
                CHECK_EQ(one.flags, burst.flags);
        }
        CHECK(bursts > 0 && tails > 0 && fins > 0);
}

EK_TEST_MAIN();
