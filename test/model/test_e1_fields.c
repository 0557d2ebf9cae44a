/* SPDX-License-Identifier: MIT */
#include "e1_mods.h"
#include "e2_table.h"

#include <time.h>

/*
 * E1: every field of a packet wrong, alone and in pairs. 13 states x 8 base segments x the rows of
 * e1_mods.h, for IPv4 and for IPv6, with timestamps in force.
 *
 * Each case starts from the copy of a stack in its state (world.h). What must happen follows from the
 * rows:
 *
 *      a row that makes the packet bad   no answer (at most an ICMP error where the row says so),
 *                                        exactly one drop counter, one that belongs to the rows, and
 *                                        the whole region is as it was, byte for byte, except for
 *                                        counters: no state changed, nothing was delivered
 *      none                              E2's cell of flags, text, SEQ and ACK
 *      another tuple                     E2's cell of LISTEN or CLOSED; our connection stays
 *      old timestamp                     RFC 7323, 5.3, R1
 *
 * And always: elko_check() is content, no deadline lies in the past, what is sent is well-formed, and
 * memory stays within a receive window of what it was. Every 32nd case the bystander sends and receives
 * a segment; every 64th all is aborted and time runs until nothing is left.
 *
 * `make test` runs all single rows and a tenth of the pairs, drawn by the seed; ELKO_LONG=1 all pairs,
 * ELKO_LONG=3 all triples as well.
 */

enum { BASES = 8, TEN_BYTES = 10, MAX_ROWS = 3 };

static const struct {
        const char *name;
        uint16_t flags;
        uint8_t seq, ack;
        uint32_t text;
} bases[BASES] = {
        {"SYN", ELKO_SYN, 0, 1, 0},
        {"SYN,ACK", ELKO_SYN | ELKO_ACK, 1, 3, 0},
        {"ACK", ELKO_ACK, 1, 3, 0},
        {"data", ELKO_PSH | ELKO_ACK, 1, 3, TEN_BYTES},
        {"FIN,ACK", ELKO_FIN | ELKO_ACK, 1, 3, 0},
        {"RST", ELKO_RST, 1, 1, 0},
        {"data out of order", ELKO_ACK, 2, 1, TEN_BYTES},
        {"old data", ELKO_ACK, 0, 3, TEN_BYTES},
};

struct made {
        uint8_t p[1024];
        uint32_t len; /* of what is delivered */
        struct e2_heard heard;
        uint8_t from[16];
        unsigned seq, ack; /* places */
        /* what the rows say, after rows that cancel each other */
        bool bad, may_icmp, tuple, old_ts, new_ts, bad_opt, skip;
        bool drop[ELKO_DROP_COUNT];
};

static struct {
        unsigned cases, failed, skipped, bystander, ends;
        struct timespec began;
} run;

/* ---- making the packet ---- */

static const struct e1_mod *row(const struct e1_mod *const *rows, unsigned n, enum e1_slot slot)
{
        for (unsigned i = 0; i < n; i++)
                if (rows[i]->slot == slot)
                        return rows[i];
        return NULL;
}

static int32_t value_or(const struct e1_mod *m, int32_t otherwise)
{
        return m != NULL ? m->value : otherwise;
}

static void say_bad(struct made *m, const struct e1_mod *r)
{
        m->bad = true;
        m->may_icmp |= r->effect == BAD_ICMP;
        for (unsigned i = 0; i < sizeof(r->drops) && r->drops[i] != 0; i++)
                m->drop[r->drops[i]] = true;
}

static uint32_t put_options(const struct world *w, const struct e1_mod *opts, uint8_t *out)
{
        uint32_t n;

        if (opts != NULL && opts->bytes != NULL) {
                memcpy(out, opts->bytes, opts->n_bytes);
                return opts->n_bytes;
        }
        n = world_put_ts(w, out, WORLD_PEER_TS + (uint32_t)value_or(opts, 0), w->main.ts_seen);
        return n;
}

/* The TCP segment with everything but its checksum; its length. */
static uint32_t make_tcp(const struct world *w, unsigned base, const struct e1_mod *const *rows,
                         unsigned n, uint8_t *tcp, struct made *m)
{
        uint16_t flags = bases[base].flags;
        struct world_seg s = {0};
        uint32_t len, tcp_hdr;
        const struct e1_mod *doff = row(rows, n, S_DOFF), *fl = row(rows, n, S_FLAGS);

        if (fl != NULL)
                flags = (uint16_t)fl->value;
        m->seq = (unsigned)value_or(row(rows, n, S_SEQ), bases[base].seq);
        m->ack = (unsigned)value_or(row(rows, n, S_ACK), bases[base].ack);
        s.sport = (uint16_t)value_or(row(rows, n, S_SPORT), WORLD_PEER_PORT);
        s.dport = (uint16_t)value_or(row(rows, n, S_DPORT), WORLD_PORT);
        s.flags = (uint16_t)(flags | (uint16_t)value_or(row(rows, n, S_EXTRA), 0));
        s.seq = e2_seq_at(w, flags, m->seq);
        s.ack = e2_ack_at(w, m->ack);
        s.win = (uint16_t)value_or(row(rows, n, S_WINDOW), 65535);
        s.urg = (uint16_t)value_or(row(rows, n, S_URG), 0);
        if (s.urg != 0)
                s.flags |= ELKO_URG;
        s.len = (uint32_t)value_or(row(rows, n, S_TEXT), (int32_t)bases[base].text);
        s.opts_len = put_options(w, row(rows, n, S_OPTS), s.opts);
        len = world_put_tcp(&s, s.seq - ((flags & ELKO_SYN) ? 0 : 1), tcp);
        tcp_hdr = len - s.len;
        if (doff != NULL) {
                tcp[12] = (uint8_t)(doff->value << 4 | (tcp[12] & 15));
                /* Where the header is made shorter its options are text; where it can be longer the
                 * text is options, and nobody knows what they mean. */
                if (doff->value == 5)
                        tcp_hdr = 20;
                m->skip |= doff->value == 15 && len >= 60 && tcp_hdr != 60;
        }
        m->heard = (struct e2_heard){.flags = flags,
                                     .seq = s.seq,
                                     .ack = s.ack,
                                     .payload = len - tcp_hdr,
                                     .sport = s.sport,
                                     .dport = s.dport,
                                     .text = tcp + tcp_hdr};
        return len;
}

static void put_address(uint8_t *p, uint8_t *wide, const struct e1_mod *r, const struct world *w)
{
        unsigned n = w->v6 ? 16 : 4;

        if (r == NULL)
                return;
        memcpy(p, r->bytes, n);
        memcpy(wide + 16 - n, r->bytes, n);
}

/* In the extension headers at p the byte 0xfe in the place of a type stands for the transport. */
static void name_transport(uint8_t *p, uint8_t type, uint8_t proto)
{
        while (*p != 0xfe) {
                uint8_t next = *p;

                p += type == 44 ? 8 : (p[1] + 1) * 8;
                type = next;
        }
        *p = proto;
}

/* The header's options or extension headers; the whole header's length. */
static uint32_t put_extras(const struct world *w, uint8_t *p, uint8_t proto, const struct e1_mod *r)
{
        uint32_t hdr = w->v6 ? 40 : 20;

        if (r == NULL)
                return hdr;
        memcpy(p + hdr, r->bytes, r->n_bytes);
        if (w->v6) {
                name_transport(p + hdr, (uint8_t)r->value, proto);
                p[6] = (uint8_t)r->value;
        } else {
                p[0] = (uint8_t)(0x40 | (20 + r->n_bytes) / 4);
        }
        return hdr + r->n_bytes;
}

static uint16_t length_field(uint32_t right, const struct e1_mod *r)
{
        if (r == NULL)
                return (uint16_t)right;
        return (uint16_t)(r->value >= ABSOLUTE ? (uint32_t)(r->value - ABSOLUTE)
                                               : right + (uint32_t)r->value);
}

/* Fields of the IP header that lengths and checksums don't depend on; then those. */
static void finish_ip(const struct world *w, uint8_t *p, uint32_t hdr, uint32_t total,
                      const struct e1_mod *const *rows, unsigned n)
{
        const struct e1_mod *version = row(rows, n, S_VERSION), *csum = row(rows, n, S_IPCSUM);
        uint16_t right;

        if (w->v6) {
                uint32_t id = (uint32_t)value_or(row(rows, n, S_ID), 0);
                uint32_t tos = (uint32_t)value_or(row(rows, n, S_TOS), 0);

                conv_put32(p, 0x60000000u | tos << 20 | id);
                p[7] = (uint8_t)value_or(row(rows, n, S_TTL), 64);
                conv_put16(p + 4, length_field(total - 40, row(rows, n, S_LENGTH)));
        } else {
                p[1] = (uint8_t)value_or(row(rows, n, S_TOS), 0);
                conv_put16(p + 4, (uint16_t)value_or(row(rows, n, S_ID), 0));
                conv_put16(p + 6, (uint16_t)value_or(row(rows, n, S_FRAG), 0x4000));
                p[8] = (uint8_t)value_or(row(rows, n, S_TTL), 64);
                conv_put16(p + 2, length_field(total, row(rows, n, S_LENGTH)));
                p[0] = (uint8_t)(0x40 | (uint8_t)value_or(row(rows, n, S_IHL), (int32_t)hdr / 4));
                hdr = (p[0] & 15u) * 4;
        }
        if (version != NULL)
                p[0] = (uint8_t)(version->value << 4 | (p[0] & 15));
        if (w->v6)
                return;
        conv_put16(p + 10, 0);
        right = conv_csum_plain(p, hdr < total ? hdr : total);
        if (csum != NULL)
                right = csum->value == 0 ? 0 : (uint16_t)(right + 1);
        conv_put16(p + 10, right);
}

static void finish_tcp(const struct world *w, const uint8_t *src, const uint8_t *dst, uint8_t *tcp,
                       uint32_t len, const struct e1_mod *r)
{
        uint16_t right = conv_csum(src, dst, w->v6, 6, tcp, len);

        if (r != NULL)
                right = r->value == 0 ? 0 : (uint16_t)(right + (uint16_t)r->value);
        conv_put16(tcp + 16, right);
}

static uint32_t delivered(uint32_t hdr, uint32_t total, const struct e1_mod *const *rows,
                          unsigned n)
{
        const struct e1_mod *cut = row(rows, n, S_CUT);
        uint32_t left;

        if (cut == NULL)
                return total + (uint32_t)value_or(row(rows, n, S_PAD), 0);
        left = (uint32_t)cut->value;
        if (left >= CUT_LAST)
                return total - 1;
        if (left >= CUT_IP_HDR - 1)
                left = hdr + left - CUT_IP_HDR;
        return left < total ? left : total - 1;
}

/* What the rows say together. */
static void judge(const struct world *w, const struct e1_mod *const *rows, unsigned n, uint32_t hdr,
                  uint32_t tcp_len, struct made *m)
{
        bool no_opts = m->heard.payload == tcp_len - 20; /* data offset 5 */

        for (unsigned i = 0; i < n; i++) {
                const struct e1_mod *r = rows[i];

                /* A wrong value that happens to be the right one. */
                if (r->slot == S_IHL && (uint32_t)r->value * 4 == hdr)
                        continue;
                if (r->slot == S_DOFF && r->value == 15 && tcp_len - m->heard.payload == 60)
                        continue;
                switch ((enum e1_effect)r->effect) {
                case SAME:
                case CELL: break;
                case TUPLE: m->tuple = true; break;
                case OLD_TS: m->old_ts = w->ts && !no_opts; break;
                case NEW_TS: m->new_ts = w->ts && !no_opts; break;
                case BAD_OPT: m->bad_opt = !no_opts; break;
                case BAD:
                case BAD_ICMP: say_bad(m, r); break;
                }
        }
}

static void make(const struct world *w, unsigned base, const struct e1_mod *const *rows, unsigned n,
                 struct made *m)
{
        const struct e1_mod *proto = row(rows, n, S_PROTO);
        uint8_t tcp[200], src[16], dst[16];
        uint32_t hdr, len, src_at = w->v6 ? 8 : 12, dst_at = w->v6 ? 24 : 16;

        memset(m, 0, sizeof(*m));
        len = make_tcp(w, base, rows, n, tcp, m);
        memcpy(src, w->peer.b, 16);
        memcpy(dst, w->local.b, 16);
        world_put_ip(w, m->p, 6, len);
        put_address(m->p + src_at, src, row(rows, n, S_SRC), w);
        put_address(m->p + dst_at, dst, row(rows, n, S_DST), w);
        if (proto != NULL)
                m->p[w->v6 ? 6 : 9] = (uint8_t)proto->value;
        hdr = put_extras(w, m->p, (uint8_t)value_or(proto, 6), row(rows, n, S_IPOPT));
        finish_tcp(w, src, dst, tcp, len, row(rows, n, S_CSUM));
        memcpy(m->p + hdr, tcp, len);
        m->heard.text = m->p + hdr + (m->heard.text - tcp);
        memcpy(m->from, src, 16);
        m->heard.from = m->from;
        finish_ip(w, m->p, hdr, hdr + len, rows, n);
        m->len = delivered(hdr, hdr + len, rows, n);
        judge(w, rows, n, hdr, len, m);
}

/* ---- what must happen ---- */

/* Everything but counters is as it was. */
static bool region_unchanged(const struct world *w)
{
        size_t at = (size_t)((const uint8_t *)&w->st->ctr - world_region);
        size_t behind = at + sizeof(w->st->ctr);

        return memcmp(world_region, world_snap, at) == 0 &&
               memcmp(world_region + behind, world_snap + behind, WORLD_REGION - behind) == 0;
}

static const char *check_bad(struct world *w, const struct made *m)
{
        const struct elko_counters *now = elko_counters_get(w->st);
        uint64_t drops = 0;

        if (w->replies > (m->may_icmp ? 1u : 0u))
                return "an answer to a malformed packet";
        if (w->replies == 1 && w->reply[0].proto != (w->v6 ? 58 : 1))
                return "the answer to a malformed packet is not ICMP";
        for (unsigned i = 1; i < ELKO_DROP_COUNT; i++) {
                uint64_t d = now->drops[i] - w->counters.drops[i];

                drops += d;
                if (d != 0 && !m->drop[i])
                        return elko_drop_name((enum elko_drop)i);
        }
        if (drops != 1)
                return drops == 0 ? "a malformed packet was not dropped" : "dropped more than once";
        if (w->replies == 0 && !region_unchanged(w))
                return "a malformed packet changed the stack";
        if (world_tcp_state(w) != world_states[w->state].tcp)
                return "a malformed packet changed the state";
        return NULL;
}

/* A rule that no cell of the table names: for what options do. */
static struct e2_rule special(enum e2_answer answer, enum elko_drop drop)
{
        return (struct e2_rule){.code = "O", .answer = answer, .same = true, .drop = drop};
}

/* RFC 7323, 5.3, R1: not acceptable: an ACK is sent, and the segment dropped. Resets are exempt (5.2).
 * TIME-WAIT has rules of its own (RFC 6191): there the timestamp matters to a SYN only. */
static struct e2_rule with_old_ts(const struct world *w, const struct e2_rule *r,
                                  const struct made *m)
{
        bool progress = r->text || r->fin || !r->same || strcmp(r->code, "E2") == 0;

        if (w->state <= W_SYN_SENT || (m->heard.flags & ELKO_RST))
                return *r;
        if (w->state >= W_TIME_WAIT_ALONE)
                return strcmp(r->code, "K2") == 0 ? special(E2_ACK, ELKO_DROP_TCP_TIME_WAIT) : *r;
        if (w->state == W_SYN_RECEIVED_PASSIVE && (!progress || r->answer == E2_SYNACK))
                return *r;
        return special(E2_ACK, ELKO_DROP_TCP_PAWS);
}

/* MUST-7: an illegal length is handled without crashing. elko refuses such a SYN wherever it would
 * open something; other segments count up to the bad option. */
static struct e2_rule with_bad_option(const struct e2_rule *r)
{
        if (strcmp(r->code, "L3") == 0 || strcmp(r->code, "H6") == 0)
                return special(E2_NONE, ELKO_DROP_TCP_OPTIONS);
        if (strcmp(r->code, "S7") == 0)
                return special(E2_NONE, ELKO_DROP_TCP_SYN_SENT);
        if (strcmp(r->code, "K2") == 0)
                return special(E2_ACK, ELKO_DROP_TCP_TIME_WAIT);
        return *r;
}

/* Another tuple: as if no connection were there, and ours does not notice. */
static const char *check_tuple(struct world *w, const struct made *m, const struct e2_rule *r)
{
        struct world alias = *w;
        unsigned want = r->answer == E2_NONE ? 0 : 1;
        const char *bad = NULL;

        alias.state = W_CLOSED;
        if (w->replies != want)
                return w->replies < want ? "there is no answer (another tuple)"
                                         : "there is an answer (another tuple)";
        if (want == 1)
                bad = e2_check_numbers(&alias, r, &m->heard, &w->reply[0], false);
        if (bad == NULL)
                bad = e2_check_drop(w, r->drop);
        if (bad == NULL && world_tcp_state(w) != world_states[w->state].tcp)
                bad = "a segment of another tuple changed the state";
        return bad;
}

static const char *check_good(struct world *w, const struct made *m)
{
        unsigned state = w->state;
        struct e2_rule r;

        if (m->tuple)
                state = (m->heard.dport == WORLD_PORT && world_states[w->state].listener) ||
                                        m->heard.dport == WORLD_PORT + 1
                                ? W_LISTEN
                                : W_CLOSED;
        r = e2.rule[e2.cell[state][e2_flags_index(m->heard.flags)][m->heard.payload > 0][m->seq]
                           [m->ack] -
                    1];
        if (m->old_ts && !m->tuple)
                r = with_old_ts(w, &r, m);
        if (m->new_ts && w->state == W_TIME_WAIT_LISTENER && !m->tuple &&
            e2_flags_index(m->heard.flags) == e2_flags_index(ELKO_SYN))
                r = e2.rule[e2_find_rule("K2")];
        if (m->bad_opt)
                r = with_bad_option(&r);
        return m->tuple ? check_tuple(w, m, &r) : e2_compare(w, &r, &m->heard);
}

static const char *check_always(struct world *w)
{
        struct elko_memory_info mem;

        if (w->bad != NULL)
                return w->bad;
        elko_memory_get(w->st, &mem);
        if (mem.used > w->memory.used + WORLD_WINDOW + 6 * 2048)
                return "memory grew by more than one segment may cost";
        return elko_check(w->st);
}

/* ---- what comes after ---- */

/* Everything is given up; when all timers have run, nothing may be left. */
static const char *check_end(struct world *w)
{
        struct elko_memory_info mem;
        struct elko_event ev;
        elko_sock s;

        while (elko_next_event(w->st, &ev))
                if ((ev.bits & ELKO_EV_ACCEPT) && elko_accept(w->st, ev.sock, &s, NULL) == 0)
                        elko_abort(w->st, s);
        elko_abort(w->st, w->main.sock);
        elko_abort(w->st, w->by.sock);
        world_pull(w);
        for (unsigned i = 0; i < 1000; i++) {
                uint64_t next = elko_next_deadline(w->st);

                if (next == ELKO_NEVER)
                        break;
                w->now = next > w->now ? next : w->now;
                elko_advance(w->st, w->now);
                world_pull(w);
                while (elko_next_event(w->st, &ev))
                        ;
        }
        elko_memory_get(w->st, &mem);
        if (mem.connections + mem.half_open + mem.time_wait != 0 || mem.promised != 0)
                return "something is left after everything was aborted and all time has passed";
        return w->bad != NULL ? w->bad : elko_check(w->st);
}

static void tell(const struct world *w, unsigned base, const struct e1_mod *const *rows, unsigned n,
                 const struct made *m, const char *bad)
{
        if (++run.failed > 15)
                return;
        printf("  %s %s, %s:", w->v6 ? "IPv6" : "IPv4", world_states[w->state].name,
               bases[base].name);
        for (unsigned i = 0; i < n; i++)
                printf("%s %s (RFC %s)", i > 0 ? " and" : "", rows[i]->name, rows[i]->section);
        printf("\n      %s (%u answers)\n      packet ", bad, w->replies);
        for (uint32_t i = 0; i < m->len; i++)
                printf("%02x", m->p[i]);
        printf("\n");
}

static void one_case(struct world *w, const struct world *saved, unsigned base,
                     const struct e1_mod *const *rows, unsigned n)
{
        static struct made m;
        uint8_t *copy;
        const char *bad;

        make(saved, base, rows, n, &m);
        if (m.skip) {
                run.skipped++;
                return;
        }
        world_restore(w, saved);
        /* A block of its own, so that the address sanitizer guards its end. */
        copy = malloc(m.len != 0 ? m.len : 1);
        memcpy(copy, m.p, m.len);
        world_in(w, copy, m.len);
        free(copy);
        bad = check_always(w);
        if (bad == NULL)
                bad = m.bad ? check_bad(w, &m) : check_good(w, &m);
        if (bad == NULL && run.cases % 32 == 0) {
                bad = world_try_bystander(w);
                run.bystander++;
        }
        if (bad == NULL && run.cases % 64 == 0) {
                bad = check_end(w);
                run.ends++;
        }
        run.cases++;
        if (bad != NULL)
                tell(w, base, rows, n, &m, bad);
}

/* ---- enumerating ---- */

static bool compatible(const struct e1_mod *a, const struct e1_mod *b)
{
        return a->slot != b->slot;
}

/* All sets of `depth` rows; `percent` of them, drawn by the seed. */
static void enumerate(struct world *w, const struct world *saved, unsigned depth, unsigned percent)
{
        static const struct e1_mod *all[E1_MODS];
        const struct e1_mod *rows[MAX_ROWS];
        unsigned n = 0;

        for (unsigned i = 0; i < E1_MODS; i++)
                if (e1_applies(&e1_mods[i], w->v6))
                        all[n++] = &e1_mods[i];
        for (unsigned i = 0; i < n; i++) {
                rows[0] = all[i];
                for (unsigned b = 0; b < BASES && depth == 1; b++)
                        one_case(w, saved, b, rows, 1);
                for (unsigned j = i + 1; j < n && depth >= 2; j++) {
                        rows[1] = all[j];
                        if (!compatible(all[i], all[j]))
                                continue;
                        for (unsigned b = 0; b < BASES && depth == 2; b++)
                                if (percent == 100 || ek_test_below(100) < percent)
                                        one_case(w, saved, b, rows, 2);
                        for (unsigned k = j + 1; k < n && depth == 3; k++) {
                                rows[2] = all[k];
                                if (!compatible(all[i], all[k]) || !compatible(all[j], all[k]))
                                        continue;
                                for (unsigned b = 0; b < BASES; b++)
                                        if (percent == 100 || ek_test_below(100) < percent)
                                                one_case(w, saved, b, rows, 3);
                        }
                }
        }
}

static void all_states(const char *what, unsigned depth, unsigned percent)
{
        struct timespec t;
        double s;

        e2_load();
        memset(&run, 0, sizeof(run));
        clock_gettime(CLOCK_MONOTONIC, &run.began);
        for (unsigned k = 0; k < 2 * W_STATES; k++) {
                static struct world w, saved;

                world_init(&w, (enum world_state)(k / 2), k % 2, true);
                saved = w;
                enumerate(&w, &saved, depth, percent);
        }
        clock_gettime(CLOCK_MONOTONIC, &t);
        s = (double)(t.tv_sec - run.began.tv_sec) + (double)(t.tv_nsec - run.began.tv_nsec) / 1e9;
        printf("E1, %s: %u of %u cases passed (%u ambiguous ones left out; bystander tried %u "
               "times, run to the end %u times), %.2f s, %.0f cases/s\n",
               what, run.cases - run.failed, run.cases, run.skipped, run.bystander, run.ends, s,
               (double)run.cases / s);
        CHECK_EQ(run.failed, 0);
}

static unsigned long_level(void)
{
        const char *text = getenv("ELKO_LONG");

        return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
}

EK_TEST(base_segments)
{
        static struct world w, saved;

        e2_load();
        memset(&run, 0, sizeof(run));
        for (unsigned k = 0; k < 2 * W_STATES; k++) {
                world_init(&w, (enum world_state)(k / 2), k % 2, true);
                saved = w;
                for (unsigned b = 0; b < BASES; b++)
                        one_case(&w, &saved, b, NULL, 0);
        }
        CHECK_EQ(run.failed, 0);
}

EK_TEST(one_field)
{
        all_states("all single fields", 1, 100);
}

EK_TEST(two_fields)
{
        bool all = long_level() >= 1;
        unsigned percent = ek_test_state.percent >= 1000 ? 100 : ek_test_state.percent / 10;

        all_states(all ? "all pairs of fields" : "a tenth of all pairs", 2,
                   all           ? 100
                   : percent > 0 ? percent
                                 : 1);
}

EK_TEST(three_fields)
{
        bool all = long_level() >= 3;

        if (long_level() == 2 || all)
                all_states(all ? "all triples of fields" : "a hundredth of all triples", 3,
                           all ? 100 : 1);
}

EK_TEST_MAIN();
