/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_MODEL_E2_TABLE_H
#define EK_TEST_MODEL_E2_TABLE_H

/*
 * The table of e2_expected.tsv: for each state, combination of FIN, SYN, RST and ACK, payload, place
 * of SEQ and place of ACK the code of the rule of RFC 9293, 3.10.7 that says what must happen. And the
 * comparison of what did happen with a rule.
 */

#include "world.h"

enum e2_answer { E2_NONE, E2_ACK, E2_RST, E2_RSTACK, E2_SYNACK, E2_RSTSYN, E2_ANSWERS };

static const char *const e2_answers[E2_ANSWERS] = {"none",   "ack",    "rst",
                                                   "rstack", "synack", "rstsyn"};
static const char *const e2_seq_names[5] = {"left outside", "left edge", "inside", "right edge",
                                            "right outside"};
static const char *const e2_ack_names[5] = {"below", "UNA", "between", "NXT", "above"};

struct e2_rule {
        char code[3];
        enum e2_answer answer;
        bool same; /* the state does not change */
        enum elko_tcp_state after;
        bool text, fin;
        enum elko_drop drop; /* ELKO_DROP_COUNT: any */
        char words[200];
        unsigned met;
};

enum { E2_RULES = 80, E2_FLAGS = 16 };

static struct {
        struct e2_rule rule[E2_RULES];
        unsigned rules;
        unsigned cells;
        uint8_t cell[W_STATES][E2_FLAGS][2][5][5]; /* index of the rule + 1 */
} e2;

/* FIN, SYN, RST, ACK as 4 bits, in the order of the file. */
static inline unsigned e2_flags_index(uint16_t flags)
{
        return ((flags & ELKO_FIN) ? 1u : 0) | ((flags & ELKO_SYN) ? 2u : 0) |
               ((flags & ELKO_RST) ? 4u : 0) | ((flags & ELKO_ACK) ? 8u : 0);
}

static inline uint16_t e2_flags_of(unsigned index)
{
        return (uint16_t)(((index & 1) ? ELKO_FIN : 0) | ((index & 2) ? ELKO_SYN : 0) |
                          ((index & 4) ? ELKO_RST : 0) | ((index & 8) ? ELKO_ACK : 0));
}

static inline unsigned e2_find_rule(const char *code)
{
        for (unsigned i = 0; i < e2.rules; i++)
                if (strcmp(e2.rule[i].code, code) == 0)
                        return i;
        ek_test_fail(__FILE__, __LINE__, "e2_expected.tsv: no rule %s", code);
        return 0;
}

static inline enum elko_tcp_state e2_state_named(const char *name)
{
        for (unsigned i = 0; i < ELKO_TCP_STATE_COUNT; i++)
                if (strcmp(elko_tcp_state_name((enum elko_tcp_state)i), name) == 0)
                        return (enum elko_tcp_state)i;
        ek_test_fail(__FILE__, __LINE__, "e2_expected.tsv: no state %s", name);
        return ELKO_TCP_CLOSED;
}

static inline enum elko_drop e2_drop_named(const char *name)
{
        if (strcmp(name, "?") == 0)
                return ELKO_DROP_COUNT;
        for (unsigned i = 0; i < ELKO_DROP_COUNT; i++)
                if (strcmp(elko_drop_name((enum elko_drop)i), name) == 0)
                        return (enum elko_drop)i;
        ek_test_fail(__FILE__, __LINE__, "e2_expected.tsv: no drop reason %s", name);
        return ELKO_DROP_NONE;
}

static inline void e2_read_rule(char **field, unsigned n)
{
        struct e2_rule *r = &e2.rule[e2.rules];

        if (n != 8 || e2.rules == E2_RULES)
                ek_test_fail(__FILE__, __LINE__, "e2_expected.tsv: a rule has %u columns", n);
        snprintf(r->code, sizeof(r->code), "%s", field[1]);
        for (unsigned i = 0; i < E2_ANSWERS; i++)
                if (strcmp(field[2], e2_answers[i]) == 0)
                        r->answer = (enum e2_answer)i;
        r->same = strcmp(field[3], "=") == 0;
        if (!r->same)
                r->after = e2_state_named(field[3]);
        r->text = field[4][0] == 't';
        r->fin = field[5][0] == 'f';
        r->drop = e2_drop_named(field[6]);
        snprintf(r->words, sizeof(r->words), "%s", field[7]);
        e2.rules++;
}

static inline void e2_read_cells(char **field, unsigned n)
{
        static const char *const names[E2_FLAGS] = {"-",  "F",   "S",   "SF",  "R",  "RF",
                                                    "RS", "RSF", "A",   "AF",  "AS", "ASF",
                                                    "AR", "ARF", "ARS", "ARSF"};
        unsigned s = 0, f = 0;

        while (s < W_STATES && strcmp(world_states[s].name, field[1]) != 0)
                s++;
        while (f < E2_FLAGS && strcmp(names[f], field[2]) != 0)
                f++;
        if (n != 9 || s == W_STATES || f == E2_FLAGS)
                ek_test_fail(__FILE__, __LINE__, "e2_expected.tsv: cell %s %s", field[1], field[2]);
        for (unsigned seq = 0; seq < 5; seq++) {
                for (unsigned ack = 0; ack < 5; ack++) {
                        char code[3] = {field[4 + seq][3 * ack], field[4 + seq][3 * ack + 1], 0};

                        e2.cell[s][f][field[3][0] == '1'][seq][ack] =
                                (uint8_t)(e2_find_rule(code) + 1);
                        e2.cells++;
                }
        }
}

static inline void e2_load(void)
{
        const char *root = getenv("ELKO_ROOT");
        char path[1000], line[1000];
        FILE *in;

        if (e2.cells != 0)
                return;
        snprintf(path, sizeof(path), "%s/test/model/e2_expected.tsv", root != NULL ? root : ".");
        in = fopen(path, "r");
        if (in == NULL)
                ek_test_fail(__FILE__, __LINE__, "can't read %s: run in the source's root", path);
        while (fgets(line, sizeof(line), in) != NULL) {
                char *field[10], *p = line;
                unsigned n = 0;

                line[strcspn(line, "\n")] = '\0';
                while (n < 10 && p != NULL) {
                        field[n++] = p;
                        p = strchr(p, '\t');
                        if (p != NULL)
                                *p++ = '\0';
                }
                if (strcmp(field[0], "rule") == 0)
                        e2_read_rule(field, n);
                else if (strcmp(field[0], "cell") == 0)
                        e2_read_cells(field, n);
        }
        fclose(in);
        if (e2.cells != W_STATES * E2_FLAGS * 2 * 25)
                ek_test_fail(__FILE__, __LINE__, "e2_expected.tsv has %u cells", e2.cells);
}

/* Where SEQ is in the numbers of the main connection. */
static inline uint32_t e2_seq_at(const struct world *w, uint16_t flags, unsigned place)
{
        uint32_t wnd = w->main.edge - w->main.rcv_nxt;
        bool received = w->state == W_SYN_RECEIVED_PASSIVE || w->state == W_SYN_RECEIVED_ACTIVE;

        /* The SYN that made the entry lies one before the window. */
        if (place == 0 && received && (flags & ELKO_SYN) && !(flags & ELKO_RST))
                return w->main.rcv_nxt - 1;
        return w->main.rcv_nxt + (uint32_t[]){(uint32_t)-100, 0, 100, wnd - 1, wnd}[place];
}

static inline uint32_t e2_ack_at(const struct world *w, unsigned place)
{
        uint32_t una = w->main.una, nxt = w->main.nxt;

        return (uint32_t[]){una - 0x1000000, una, una + (nxt - una) / 2, nxt, nxt + 1}[place];
}

/* ---- what happened, against a rule ---- */

/* The segment as the stack should have understood it. */
struct e2_heard {
        uint16_t flags;
        uint32_t seq, ack, payload;
        uint16_t sport, dport; /* where the answer must come from and go to */
        const uint8_t *from;   /* 16 bytes */
        const uint8_t *text;   /* the payload; NULL: the stream's first bytes */
};

static inline uint32_t e2_seg_len(const struct e2_heard *h)
{
        return h->payload + ((h->flags & ELKO_SYN) != 0) + ((h->flags & ELKO_FIN) != 0);
}

static inline const char *e2_check_numbers(const struct world *w, const struct e2_rule *rule,
                                           const struct e2_heard *h, const struct world_reply *r,
                                           bool second)
{
        const struct conv_seg *s = &r->seg;
        uint16_t flags = s->flags & (ELKO_FIN | ELKO_SYN | ELKO_RST | ELKO_ACK);
        uint32_t next = w->main.rcv_nxt;

        if (r->proto != 6)
                return "the answer is not TCP";
        if (s->len != 0)
                return "the answer has text";
        if (!second && (s->src_port != h->dport || s->dst_port != h->sport ||
                        memcmp(r->dst, h->from, 16) != 0))
                return "the answer goes to somebody else";
        if (second)
                return flags == ELKO_SYN && s->seq == w->main.iss ? NULL : "no SYN after the RST";
        switch (rule->answer) {
        case E2_ACK:
                if (w->state == W_SYN_SENT)
                        next = h->seq + 1;
                if (rule->text)
                        next += h->payload;
                if (rule->fin)
                        next += 1;
                if (flags != ELKO_ACK)
                        return "the answer is not an ACK";
                if (s->seq != w->main.nxt)
                        return "the ACK's SEQ is not SND.NXT";
                return s->ack == next ? NULL : "the ACK's number is not RCV.NXT";
        case E2_RST:
        case E2_RSTSYN:
                if (flags != ELKO_RST)
                        return "the answer is not a RST without ACK";
                return s->seq == h->ack ? NULL : "the RST's SEQ is not SEG.ACK";
        case E2_RSTACK:
                if (flags != (ELKO_RST | ELKO_ACK))
                        return "the answer is not a RST,ACK";
                if (s->seq != 0)
                        return "the RST's SEQ is not 0";
                return s->ack == h->seq + e2_seg_len(h) ? NULL : "the RST's ACK is wrong";
        case E2_SYNACK:
                if (flags != (ELKO_SYN | ELKO_ACK))
                        return "the answer is not a SYN,ACK";
                if (w->state == W_SYN_SENT && s->seq != w->main.iss)
                        return "the SYN,ACK has another ISS";
                return s->ack == h->seq + 1 ? NULL : "the SYN,ACK's ACK is wrong";
        default: return "an answer";
        }
}

static inline const char *e2_check_drop(const struct world *w, enum elko_drop drop)
{
        const struct elko_counters *now = elko_counters_get(w->st);

        if (drop == ELKO_DROP_COUNT)
                return NULL;
        for (unsigned i = 1; i < ELKO_DROP_COUNT; i++) {
                uint64_t n = now->drops[i] - w->counters.drops[i];

                if (n != (i == (unsigned)drop ? 1u : 0u))
                        return i == (unsigned)drop ? "not counted as dropped for its reason"
                                                   : "counted as dropped for another reason";
        }
        return NULL;
}

/* Bytes that the application could read of the main connection now: they must be the stream's first. */
static inline const char *e2_check_text(struct world *w, const struct e2_rule *rule,
                                        const struct e2_heard *h)
{
        uint32_t want = rule->text ? h->payload : 0;
        elko_sock s = w->main.sock;
        struct elko_event ev;
        uint8_t buf[2048];
        int64_t n;

        while (elko_next_event(w->st, &ev))
                if ((ev.bits & ELKO_EV_ACCEPT) && elko_accept(w->st, ev.sock, &s, NULL) == 0)
                        w->main.sock = s;
        if (s == ELKO_SOCK_NONE)
                return want == 0 ? NULL : "the text was not delivered";
        n = elko_recv(w->st, s, buf, sizeof(buf));
        if ((n < 0 ? 0 : n) != (int64_t)want)
                return want == 0 ? "text was delivered" : "not all of the text was delivered";
        for (uint32_t i = 0; i < want; i++)
                if (buf[i] != (h->text != NULL ? h->text[i] : world_peer_byte(i)))
                        return "a wrong byte was delivered";
        return NULL;
}

/* NULL, or what differs. The segment was given to world_in(). */
static inline const char *e2_compare(struct world *w, const struct e2_rule *rule,
                                     const struct e2_heard *h)
{
        unsigned want = rule->answer == E2_NONE ? 0 : rule->answer == E2_RSTSYN ? 2 : 1;
        enum elko_tcp_state before = world_states[w->state].tcp, after = world_tcp_state(w);
        const char *bad = w->bad;

        if (bad != NULL)
                return bad;
        if (w->replies != want)
                return w->replies < want ? "there is no answer" : "there is an answer";
        for (unsigned i = 0; i < want && bad == NULL; i++)
                bad = e2_check_numbers(w, rule, h, &w->reply[i], i == 1);
        if (bad != NULL)
                return bad;
        /* A tuple without connection is the listener's, if there is one. */
        if (after != (rule->same ? before : rule->after) &&
            !(after == ELKO_TCP_LISTEN && !rule->same && rule->after == ELKO_TCP_CLOSED))
                return "the state";
        bad = e2_check_drop(w, rule->drop);
        if (bad != NULL)
                return bad;
        bad = e2_check_text(w, rule, h);
        if (bad != NULL)
                return bad;
        bad = elko_check(w->st);
        return bad;
}

#endif
