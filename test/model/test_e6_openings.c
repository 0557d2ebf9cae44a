/* SPDX-License-Identifier: MIT */
#include "world.h"

/*
 * E6: openings at a crowded listener. All sequences of six events out of eleven: two clients send their SYNs, once
 * more if they like, acknowledge the first SYN,ACK that they got, with text or without, reset; the application accepts; a second
 * passes; the listener is closed. The SYN queue, or the accept queue, has room for one.
 *
 * What must hold is little, and all that a client sees (RFC 9293, 3.10.7.2; RFC 4987, 3; RFC 1122, 4.2.3.4):
 *
 *      while the listener is there  no SYN is reset; nor is the first SYN,ACK's acknowledgement, and while the
 *                                   accept queue has room its text is taken
 *      afterwards                   every SYN is reset, nobody is half-open, and no SYN,ACK leaves any more
 */

enum { CLIENTS = 2, DEPTH = 6, TEXT = 10, FRESH_S = 4 };

/* The first four are each client's own: SYN * CLIENTS + i and so on. */
enum event { SYN, ACK, DATA, RESET, ACCEPT = 4 * CLIENTS, WAIT, CLOSE, EVENTS };

struct client {
        struct world_flow f;
        bool answered; /* a SYN,ACK came: the first one is `iss`, at `at` */
        bool open;     /* the server has it: its ACK came while there was room */
        bool said;     /* ... and its text, too */
        bool gone;     /* reset by us */
        uint32_t iss;
        uint64_t at;
};

/* All that the search goes back to. */
struct moment {
        uint8_t region[WORLD_REGION];
        struct world w;
        struct client c[CLIENTS];
        elko_sock listener;
        bool closed;
        unsigned waiting; /* opened and not accepted */
        bool unsure;      /* one of these was reset, and may stand in the queue or not */
};

static struct moment past[DEPTH + 1];
static struct moment now;

static struct {
        uint32_t backlog, syn_queue;
        unsigned runs, failed, steps;
        char path[DEPTH + 1];
} run;

static bool is_fresh(const struct client *c)
{
        return c->answered && !c->gone && now.w.now - c->at <= ELKO_SEC(FRESH_S);
}

/* ---- what must hold of an answer ---- */

static const char *judge_reply(const struct world_reply *r, const struct client *c, unsigned event)
{
        bool rst = (r->seg.flags & ELKO_RST) != 0, syn = (r->seg.flags & ELKO_SYN) != 0;

        if (r->proto != 6)
                return "an answer that is not TCP";
        if (now.closed) {
                if (syn)
                        return "a SYN,ACK, and nobody listens";
                return !rst && !c->open ? "an answer, and nobody listens" : NULL;
        }
        if (rst && event == SYN)
                return "a SYN is reset, and there is a listener";
        if (rst && is_fresh(c) && (event == ACK || event == DATA))
                return "the handshake's last segment is reset";
        if (rst && event >= ACCEPT)
                return "a reset that nobody asked for";
        if (syn && (r->seg.ack != c->f.irs + 1 || !(r->seg.flags & ELKO_ACK)))
                return "a SYN,ACK of something else";
        return NULL;
}

static void learn(struct client *c, const struct world_reply *r)
{
        if ((r->seg.flags & ELKO_RST) || now.closed)
                return;
        if ((r->seg.flags & ELKO_SYN) && !c->answered) {
                c->answered = true;
                c->iss = r->seg.seq;
                c->at = now.w.now;
        }
}

static const char *judge(unsigned event)
{
        const char *bad = now.w.bad;

        for (unsigned i = 0; i < now.w.replies && i < WORLD_REPLIES && bad == NULL; i++) {
                const struct world_reply *r = &now.w.reply[i];
                unsigned k = (unsigned)r->seg.dst_port - WORLD_PEER_PORT;

                if (k >= CLIENTS)
                        return "an answer to nobody";
                bad = judge_reply(r, &now.c[k], event);
                learn(&now.c[k], r);
        }
        return bad;
}

/* ---- the events ---- */

static void say(struct client *c, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
        struct world_seg s = world_make(&now.w, &c->f, flags, seq, len);
        uint8_t p[256];
        uint32_t ip = now.w.v6 ? 40 : 20, n;

        s.ack = ack;
        if (flags & ELKO_SYN)
                s.opts_len = world_syn_opts(&now.w, s.opts, 0);
        n = world_put_tcp(&s, c->f.irs, p + ip);
        world_put_ip(&now.w, p, 6, n);
        conv_put16(p + ip + 16, conv_csum(now.w.peer.b, now.w.local.b, now.w.v6, 6, p + ip, n));
        world_in(&now.w, p, ip + n);
}

/* The handshake's last segment: where there is room it opens the connection. */
static void may_open(struct client *c)
{
        if (c->open || now.closed || !is_fresh(c) || now.waiting >= run.backlog)
                return;
        c->open = true;
        now.waiting++;
}

/* Text behind the handshake's last segment, or with it. */
static const char *text(struct client *c)
{
        uint32_t want = c->f.irs + 1 + TEXT;
        bool taken = false;

        may_open(c);
        say(c, ELKO_ACK | ELKO_PSH, c->f.irs + 1, c->iss + 1, TEXT);
        for (unsigned i = 0; i < now.w.replies && i < WORLD_REPLIES; i++)
                taken |= !(now.w.reply[i].seg.flags & (ELKO_RST | ELKO_SYN)) &&
                         now.w.reply[i].seg.ack == want;
        c->said |= taken;
        if (!taken && c->open && !now.closed && !now.unsure)
                return "there is room, and its text is not taken";
        return NULL;
}

static bool accept_one(void)
{
        elko_sock s;

        return elko_accept(now.w.st, now.listener, &s, NULL) == ELKO_OK;
}

static void pass_a_second(void)
{
        uint64_t until = now.w.now + ELKO_SEC(1);

        now.w.replies = 0;
        while (elko_next_deadline(now.w.st) <= until) {
                now.w.now = elko_next_deadline(now.w.st);
                elko_advance(now.w.st, now.w.now);
                world_pull(&now.w);
        }
        now.w.now = until;
        elko_advance(now.w.st, until);
        world_pull(&now.w);
}

static bool possible(unsigned event)
{
        const struct client *c = &now.c[event % CLIENTS];

        switch (event) {
        case ACCEPT: return !now.closed;
        case WAIT: return true;
        case CLOSE: return !now.closed;
        default: break;
        }
        if (event / CLIENTS == SYN)
                return !c->gone;
        return c->answered && !c->gone;
}

static const char *happen(unsigned event)
{
        struct client *c = &now.c[event % CLIENTS];
        struct elko_memory_info m;
        unsigned kind = event < ACCEPT ? event / CLIENTS : event;
        const char *bad = NULL;

        run.steps++;
        switch (kind) {
        case SYN: say(c, ELKO_SYN, c->f.irs, 0, 0); break;
        case ACK:
                may_open(c);
                say(c, ELKO_ACK, c->f.irs + 1 + (c->said ? TEXT : 0), c->iss + 1, 0);
                break;
        case DATA: bad = text(c); break;
        case RESET:
                say(c, ELKO_RST, c->f.irs + 1 + (c->said ? TEXT : 0), 0, 0);
                c->gone = true;
                now.unsure |= c->open;
                break;
        case ACCEPT:
                now.w.replies = 0;
                while (accept_one())
                        ;
                now.waiting = 0;
                now.unsure = false;
                break;
        case WAIT: pass_a_second(); break;
        default:
                now.w.replies = 0;
                elko_close(now.w.st, now.listener);
                now.closed = true;
                world_pull(&now.w);
                elko_memory_get(now.w.st, &m);
                if (m.half_open != 0)
                        return "somebody is half-open, and nobody listens";
                break;
        }
        if (bad == NULL)
                bad = judge(kind);
        return bad != NULL ? bad : elko_check(now.w.st);
}

/* ---- the search ---- */

static void save(unsigned depth)
{
        memcpy(now.region, world_region, WORLD_REGION);
        past[depth] = now;
}

static void restore(unsigned depth)
{
        now = past[depth];
        memcpy(world_region, now.region, WORLD_REGION);
}

static void search(unsigned depth)
{
        static const char letters[] = "sSaAdDrR+wx";

        if (depth == DEPTH)
                return;
        save(depth);
        for (unsigned event = 0; event < EVENTS; event++) {
                const char *bad;

                /* Deep down a part of them, if EK_TEST_PERCENT says so. */
                if (!possible(event) ||
                    (depth > 2 && ek_test_below(100) >= ek_test_state.percent + 20))
                        continue;
                run.path[depth] = letters[event];
                run.path[depth + 1] = '\0';
                run.runs++;
                bad = happen(event);
                if (bad == NULL)
                        search(depth + 1);
                else if (++run.failed <= 10)
                        printf("  SYN queue %u, accept queue %u, %s: %s\n", run.syn_queue,
                               run.backlog, run.path, bad);
                restore(depth);
        }
}

static void all_sequences(uint32_t syn_queue, uint32_t backlog, bool v6)
{
        struct elko_listen_config cfg = {.backlog = backlog, .syn_queue = syn_queue};
        elko_endpoint any = {.port = WORLD_PORT};

        memset(&now, 0, sizeof(now));
        memset(&run, 0, sizeof(run));
        run.syn_queue = syn_queue;
        run.backlog = backlog;
        world_init(&now.w, W_CLOSED, v6, false);
        CHECK_EQ(elko_listen(now.w.st, &any, &cfg, &now.listener), ELKO_OK);
        for (unsigned i = 0; i < CLIENTS; i++)
                now.c[i].f = (struct world_flow){.port = WORLD_PORT,
                                                 .peer_port = (uint16_t)(WORLD_PEER_PORT + i),
                                                 .irs = i == 0 ? 1000 : 0xfffffff8u};
        search(0);
        printf("E6, SYN queue %u, accept queue %u: %u of %u sequences passed\n", syn_queue, backlog,
               run.runs - run.failed, run.runs);
        CHECK_EQ(run.failed, 0);
        CHECK(run.runs > 100);
}

EK_TEST(one_may_be_half_open)
{
        all_sequences(1, 4, false);
}

EK_TEST(one_may_wait_to_be_accepted)
{
        all_sequences(4, 1, true);
}

EK_TEST_MAIN();
