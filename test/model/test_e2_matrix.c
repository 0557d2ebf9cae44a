/* SPDX-License-Identifier: MIT */
#include "e2_table.h"

#include <time.h>

/*
 * E2: what happens to any segment in any state. 13 states (SYN-RECEIVED and TIME-WAIT are two each) x
 * 16 combinations of FIN, SYN, RST and ACK x with and without text x 5 places of SEQ x 5 places of ACK
 * x IPv4 and IPv6: 20,800 cells; those of IPv4 once more with a newer timestamp in each segment. And all 512 combinations of the nine flags: those of ECN, PSH and URG
 * must not matter (13 x 512 x 2 = 13,312 more).
 *
 * The expectation is the data of e2_expected.tsv, which knows nothing of the engine. Compared are the
 * number of answers, their flags, numbers and destination, the state afterwards, the drop counter, and
 * the bytes delivered; elko_check() and the deadline always.
 *
 * Printed: cells passed of all, for each test, and the time.
 */

enum { TEXT = 10, NEWER = 500 };

static struct {
        unsigned cells, failed;
        struct timespec began;
} run;

static void begin(void)
{
        e2_load();
        run.cells = run.failed = 0;
        clock_gettime(CLOCK_MONOTONIC, &run.began);
}

static void end(const char *what)
{
        struct timespec t;
        double s;

        clock_gettime(CLOCK_MONOTONIC, &t);
        s = (double)(t.tv_sec - run.began.tv_sec) + (double)(t.tv_nsec - run.began.tv_nsec) / 1e9;
        printf("%s: %u of %u cells passed, %.2f s, %.0f cells/s\n", what, run.cells - run.failed,
               run.cells, s, (double)run.cells / s);
        CHECK_EQ(run.failed, 0);
}

static void tell(const struct world *w, const struct e2_heard *h, unsigned seq, unsigned ack,
                 const struct e2_rule *rule, const char *bad)
{
        if (++run.failed > 12)
                return;
        printf("  %s %s, flags 0x%03x, %u bytes, SEQ %s, ACK %s: %s\n      rule %s: %s\n",
               w->v6 ? "IPv6" : "IPv4", world_states[w->state].name, h->flags, h->payload,
               e2_seq_names[seq], e2_ack_names[ack], bad, rule->code, rule->words);
        if (w->replies > 0)
                printf("      answer 1 of %u: flags 0x%x seq %u (SND.NXT %+d) ack %u (RCV.NXT "
                       "%+d), state %s\n",
                       w->replies, w->reply[0].seg.flags, w->reply[0].seg.seq,
                       (int)(w->reply[0].seg.seq - w->main.nxt), w->reply[0].seg.ack,
                       (int)(w->reply[0].seg.ack - w->main.rcv_nxt),
                       elko_tcp_state_name(world_tcp_state((struct world *)w)));
        else
                printf("      no answer, state %s\n",
                       elko_tcp_state_name(world_tcp_state((struct world *)w)));
}

/* RFC 7323, 4.3 (2): TSval becomes TS.Recent if the segment is acceptable. One outside of the window leaves it, or
 * a single forged segment could make all real ones look old (CVE-2005-0356), and the answer's TSecr says so. */
static const char *check_ts_recent(const struct world *w, unsigned seq)
{
        if (w->state < W_ESTABLISHED || w->state > W_LAST_ACK || (seq != 0 && seq != 4))
                return NULL;
        for (unsigned i = 0; i < w->replies && i < WORLD_REPLIES; i++) {
                const struct conv_opt *ts = conv_seg_opt(&w->reply[i].seg, 8);

                if (ts != NULL && conv_get32(ts->data + 4) != WORLD_PEER_TS)
                        return "TSecr is the timestamp of a segment outside of the window";
        }
        return NULL;
}

static void one_cell(struct world *w, const struct world *saved, uint16_t flags, uint32_t len,
                     unsigned seq, unsigned ack)
{
        struct e2_rule *rule =
                &e2.rule[e2.cell[w->state][e2_flags_index(flags)][len > 0][seq][ack] - 1];
        struct world_seg s = world_make(w, &w->main, flags, 0, len);
        struct e2_heard h = {.flags = flags,
                             .seq = e2_seq_at(w, flags, seq),
                             .ack = e2_ack_at(w, ack),
                             .payload = len,
                             .sport = WORLD_PEER_PORT,
                             .dport = WORLD_PORT,
                             .from = w->peer.b};
        uint32_t ip = w->v6 ? 40 : 20, n;
        uint8_t p[200];
        const char *bad;

        world_restore(w, saved);
        s.opts_len = world_put_ts(w, s.opts, WORLD_PEER_TS + NEWER, w->main.ts_seen);
        s.seq = h.seq;
        s.ack = (flags & ELKO_ACK) ? h.ack : 0;
        if (!(flags & ELKO_ACK))
                h.ack = 0;
        /* The peer's text is the stream's first bytes, wherever it lies: what is delivered begins
         * with them. A SYN that starts a connection starts its stream. */
        n = world_put_tcp(&s, s.seq - ((flags & ELKO_SYN) ? 0 : 1), p + ip);
        world_put_ip(w, p, 6, n);
        conv_put16(p + ip + 16, conv_csum(w->peer.b, w->local.b, w->v6, 6, p + ip, n));
        world_in(w, p, ip + n);
        bad = e2_compare(w, rule, &h);
        if (bad == NULL && w->ts)
                bad = check_ts_recent(w, seq);
        rule->met++;
        run.cells++;
        if (bad != NULL)
                tell(w, &h, seq, ack, rule, bad);
}

static void all_cells(bool v6, bool ts)
{
        for (unsigned s = 0; s < W_STATES; s++) {
                struct world w, saved;

                if (ts && s == W_TIME_WAIT_LISTENER)
                        continue; /* a SYN with a newer timestamp may reopen it: RFC 6191, 2 */
                world_init(&w, (enum world_state)s, v6, ts);
                saved = w;
                for (unsigned f = 0; f < E2_FLAGS; f++)
                        for (unsigned k = 0; k < 2 * 25; k++)
                                one_cell(&w, &saved, e2_flags_of(f), k < 25 ? 0 : TEXT, k % 25 / 5,
                                         k % 5);
        }
}

/* [RFC9293 3.10.7.4-1; RFC5681 4.2d] */
EK_TEST(every_segment_in_every_state_ipv4)
{
        begin();
        all_cells(false, false);
        end("E2, IPv4");
}

EK_TEST(every_segment_in_every_state_ipv6)
{
        begin();
        all_cells(true, false);
        end("E2, IPv6, numbers before 2^32");
}

/* RFC 5961, 7, and 3.10.7.4: two ends that lost track of each other must not exchange empty segments for ever.
 * So what carries neither text nor FIN, and comes twice, draws one ACK at most. */
static void twice(struct world *w, const struct world *saved, uint16_t flags, unsigned seq,
                  unsigned ack)
{
        struct world_seg s = world_make(w, &w->main, flags, e2_seq_at(w, flags, seq), 0);
        uint32_t ip = w->v6 ? 40 : 20, n;
        unsigned acks = 0;
        uint8_t p[200];

        world_restore(w, saved);
        s.ack = (flags & ELKO_ACK) ? e2_ack_at(w, ack) : 0;
        n = world_put_tcp(&s, s.seq, p + ip);
        world_put_ip(w, p, 6, n);
        conv_put16(p + ip + 16, conv_csum(w->peer.b, w->local.b, w->v6, 6, p + ip, n));
        for (unsigned i = 0; i < 2; i++) {
                world_in(w, p, ip + n);
                for (unsigned k = 0; k < w->replies && k < WORLD_REPLIES; k++)
                        acks += (w->reply[k].seg.flags & (ELKO_ACK | ELKO_RST)) == ELKO_ACK;
        }
        run.cells++;
        if (acks <= 1)
                return;
        run.failed++;
        printf("  %s, flags 0x%03x, SEQ %s, ACK %s, twice: %u ACKs\n", world_states[w->state].name,
               flags, e2_seq_names[seq], e2_ack_names[ack], acks);
}

EK_TEST(no_empty_segment_draws_two_acks)
{
        begin();
        for (unsigned s = W_ESTABLISHED; s <= W_LAST_ACK; s++) {
                struct world w, saved;

                world_init(&w, (enum world_state)s, false, false);
                saved = w;
                for (unsigned f = 0; f < E2_FLAGS; f++)
                        for (unsigned k = 0; k < 25 && !(e2_flags_of(f) & ELKO_FIN); k++)
                                twice(&w, &saved, e2_flags_of(f), k / 5, k % 5);
        }
        end("E2, empty segments twice");
}

/* "If the RCV.WND is zero, ... special allowance should be made to accept valid ACKs" (3.10.7.4, first), and the same
 * for probes and keep-alives, which have the number right before the window: if both ends send one at the same
 * time and look at the number only, neither learns what the other acknowledges. */
static bool counts(struct world *w, const struct world *saved, uint32_t len)
{
        struct world_seg s = world_make(w, &w->main, ELKO_ACK, w->main.rcv_nxt - 1, len);
        const struct e2_rule *rule =
                &e2.rule[e2.cell[w->state][e2_flags_index(ELKO_ACK)][0][1][3] - 1];
        enum elko_tcp_state want = rule->same ? world_states[w->state].tcp : rule->after;
        uint64_t end;

        world_restore(w, saved);
        s.ack = w->main.nxt;
        world_say(w, &w->main, &s);
        /* A tuple without connection is the listener's. */
        if (want == ELKO_TCP_CLOSED && world_states[w->state].listener)
                want = ELKO_TCP_LISTEN;
        if (world_tcp_state(w) != want)
                return false;
        /* What is acknowledged is not sent again. */
        for (end = w->now + ELKO_SEC(5); elko_next_deadline(w->st) < end;) {
                w->now = elko_next_deadline(w->st);
                w->replies = 0;
                world_pull(w);
                for (unsigned k = 0; k < w->replies && k < WORLD_REPLIES; k++)
                        if (w->reply[k].seg.dst_port == w->main.peer_port &&
                            (w->reply[k].seg.len > 0 || (w->reply[k].seg.flags & ELKO_FIN)))
                                return false;
        }
        return elko_check(w->st) == NULL;
}

EK_TEST(an_ack_right_before_the_window_counts)
{
        begin();
        for (unsigned s = W_ESTABLISHED; s <= W_LAST_ACK; s++) {
                struct world w, saved;

                world_init(&w, (enum world_state)s, false, false);
                saved = w;
                for (uint32_t len = 0; len <= 1; len++, run.cells++)
                        if (!counts(&w, &saved, len)) {
                                run.failed++;
                                printf("  %s, %u bytes: the ACK did not count\n",
                                       world_states[s].name, len);
                        }
        }
        end("E2, ACKs right before the window");
}

/* ---- the send window ---- */

enum { PEER_SCALE = 7 }; /* world_syn_opts() */

static uint32_t send_window(struct world *w)
{
        struct elko_tcp_info info;
        uint64_t cursor = 0;

        while (elko_each(w->st, &cursor, NULL, &info))
                if (info.state == ELKO_TCP_ESTABLISHED && info.local.port == w->main.port)
                        return info.snd_wnd;
        return 0;
}

/* What 3.10.7.4, fifth, says of an empty segment that is acceptable and acknowledges una..nxt; a newer ACK always
 * brings its window (RFC 9293's check can lose it: an old segment may acknowledge something new). */
struct model_window {
        uint32_t una, wl1, wl2, wnd;
};

static void model_update(struct model_window *m, uint32_t seq, uint32_t ack, uint16_t field)
{
        if (ack == m->una &&
            !((int32_t)(seq - m->wl1) > 0 || (seq == m->wl1 && (int32_t)(ack - m->wl2) >= 0)))
                return;
        *m = (struct model_window){ack, seq, ack, (uint32_t)field << PEER_SCALE};
}

/* Three segments with three windows, each with one of three numbers and three acknowledgments: 729 sequences. */
EK_TEST(the_newest_segment_sets_the_window)
{
        struct world w, saved;

        begin();
        world_init(&w, W_ESTABLISHED, false, false);
        saved = w;
        for (unsigned k = 0; k < 729; k++) {
                uint32_t seq0 = saved.main.rcv_nxt, una = saved.main.una, nxt = saved.main.nxt;
                struct model_window m = {una, seq0 - 1, una, 0};
                bool good = true;

                world_restore(&w, &saved);
                for (unsigned i = 0, rest = k; i < 3; i++, rest /= 9) {
                        uint32_t ack = una + (nxt - una) / 2 * (rest / 3 % 3);
                        struct world_seg s =
                                world_make(&w, &w.main, ELKO_ACK, seq0 + 100 * (rest % 3), 0);

                        s.win = (uint16_t)(1000 + 500 * ((i + k) % 3));
                        s.ack = ack;
                        if ((int32_t)(ack - m.una) >= 0) /* older ones are not for now */
                                model_update(&m, s.seq, ack, s.win);
                        world_say(&w, &w.main, &s);
                        good = good && send_window(&w) == m.wnd;
                }
                run.cells++;
                if (!good && ++run.failed <= 10)
                        printf("  sequence %u: SND.WND is %u, must be %u\n", k, send_window(&w),
                               m.wnd);
        }
        end("E2, windows of the newest segment");
}

EK_TEST(every_segment_with_a_newer_timestamp)
{
        begin();
        all_cells(false, true);
        end("E2, timestamps");
}

EK_TEST(all_512_combinations_of_flags)
{
        begin();
        for (unsigned k = 0; k < 2 * W_STATES; k++) {
                struct world w, saved;

                world_init(&w, (enum world_state)(k / 2), k % 2, false);
                saved = w;
                for (unsigned flags = 0; flags < 512; flags++)
                        one_cell(&w, &saved, (uint16_t)flags, 0, 1, 3);
        }
        end("E2, 512 combinations of flags");
}

/* The table has no rule that nothing tests. */
EK_TEST(every_rule_was_needed)
{
        if (ek_test_state.filter != NULL)
                return;
        for (unsigned i = 0; i < e2.rules; i++)
                if (e2.rule[i].met == 0)
                        ek_test_fail(__FILE__, __LINE__, "no segment met the rule %s: %s",
                                     e2.rule[i].code, e2.rule[i].words);
        printf("E2: all %u rules were met\n", e2.rules);
}

EK_TEST_MAIN();
