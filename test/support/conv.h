/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_CONV_H
#define EK_TEST_CONV_H

/*
 * Conversations: one elko stack in virtual time talks to a peer that is written down as data.
 *
 *      CONV_TEST(three_way_handshake) // struct conv *c is the argument
 *      {
 *              conv_start(c, NULL);
 *              conv_listen(c);
 *              conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
 *              conv_out(c, "S. 0:0(0) ack 1 <mss M,sackOK,TS val 0 ecr 100,wscale 4>");
 *              conv_advance(c, ELKO_MS(10));
 *              conv_in(c, ". 1:1(0) ack 1");
 *              conv_none(c);
 *              conv_state(c, ELKO_TCP_ESTABLISHED);
 *              conv_accept(c);
 *      }
 *
 * Every test runs four times: IPv4 and IPv6, ISS, IRS and the peer's timestamps in the middle of
 * their circles, right before 2^32, and right before 2^31. At its end everything is aborted, 2 MSL
 * + R2 pass, and the memory in use must be what it was at the start (I-33; empty pools may keep a
 * chunk).
 *
 * A SEGMENT as text (printf-style; packetdrill's notation):
 *
 *      [ECN] FLAGS SEQ:END(LEN) [ack N] [win N] [urg N] [<options>] [badcsum]
 *
 *      ECN     "[ect0]", "[ect1]", "[ce]": the ECN field of the IP header; absent: Not-ECT, in and out
 *      FLAGS   letters S F R P U E C A (AE); "." is ACK; "-" is none
 *      SEQ     relative to the sender's ISN; END = SEQ + LEN (SYN and FIN don't count)
 *      ack     relative to the receiver's ISN
 *      win     the field as on the wire. In: absent: 65535. Out: absent: not looked at
 *      options mss N | mss M (M: MTU - 40 or 60) | wscale N | sackOK | TS val N ecr N |
 *              sack A:B C:D ... (relative to the ISN of whose data it is) | nop | eol | raw HEX...
 *      =N      any number with "=" before it is absolute; * as a number: don't care (conv_out)
 *
 * Options in conv_in(): no list: TS alone if timestamps were negotiated, with the peer's clock and
 * the last TSval that it saw; "<>": none. TS val is relative to the peer's timestamp base, ecr to
 * the first TSval that the stack sent in this flow. After an explicit val the peer's clock runs on
 * from it.
 *
 * Options in conv_out(): no list: TS alone if negotiated, and TSval must be what the clock says
 * now; "<>": none at all; "<...>": whatever. Otherwise exactly these, order and padding aside;
 * "<a,...>": at least these. ecr is relative to the peer's base.
 *
 * Before the stack has sent its SYN in this flow its ISN is unknown: numbers relative to it are
 * absolute then.
 *
 * The payload of each direction is a fixed pattern by stream offset; conv_out() and conv_recv()
 * verify it.
 *
 * STRICT: what was sent and not expected yet makes the next conv_in(), conv_advance(), user call
 * and the end of the test fail. After every call into the stack elko_check() must be content,
 * elko_next_deadline() in the future (I-23), every packet well-formed with right checksums, no ACK
 * number or right window edge may have moved back (I-11, I-14).
 */

#include "ek_test.h"

#include <elko/elko.h>

enum {
        CONV_FLOWS = 64, /* connections: peer ports 40000 + n */
        CONV_PORT = 80,  /* the stack's port in every flow, passive or active */
        CONV_PEER_PORT = 40000,
        CONV_FRAMES = 4096, /* most frames not yet expected */
};

struct conv_options {
        uint16_t mtu;                            /* 0: 1500 */
        uint64_t msl_ns;                         /* 0: the default (30 s) */
        bool no_ts, no_sack, no_wscale;          /* the stack doesn't know the option */
        bool v4_only, v6_only;                   /* leave the other family's runs out */
        bool tso;                                /* the link completes checksums and cuts bursts */
        void (*config)(struct elko_config *cfg); /* anything else; may be NULL */
        uint64_t start_ns; /* the clock's first value if not 0: normal runs only */
};

/* One connection as the peer sees it. */
struct conv_flow {
        uint16_t peer_port, port;
        uint32_t irs; /* the peer's ISN: set it before the first conv_in() */
        uint32_t iss; /* the stack's, once seen */
        bool has_iss;
        bool peer_ts;       /* the peer's last SYN had TS */
        bool peer_wscale;   /* ... and a window scale */
        bool open;          /* the SYNs are over: later ones of the peer change nothing */
        bool stack_ts;      /* the stack's last SYN had TS */
        uint32_t ts_base;   /* of the peer's TS values */
        uint32_t ts_rel;    /* peer's clock: relative value ... */
        uint64_t ts_rel_at; /* ... at this instant */
        uint32_t stack_ts_base;
        bool has_stack_ts;
        uint64_t stack_ts_at;
        uint32_t ts_seen;     /* last TSval of the stack, absolute: what we echo */
        uint8_t stack_wscale; /* shift for windows that the stack advertises */
        bool has_edge;
        uint32_t edge_unit;      /* of the window field that told the edge */
        uint32_t last_ack, edge; /* highest seen from the stack */
        elko_sock sock;
        uint64_t sent, received; /* bytes given to elko_send(), taken from elko_recv() */
        bool urgent;             /* some with ELKO_SEND_URGENT */
        uint32_t events;         /* bits that came since conv_event() looked */
        int error;               /* of the last ERROR or SOFT_ERROR event */
};

struct conv_opt {
        uint8_t kind, len, data[40];
        uint16_t at; /* in the text */
};

/* A segment, parsed from text or from the wire. */
struct conv_seg {
        uint16_t flags;
        uint32_t seq, ack, len;
        uint16_t win, urg;
        uint16_t src_port, dst_port;
        uint8_t proto; /* 6, or what else the stack sent */
        uint16_t gso;  /* the link is to cut it into so much payload; 0: it is one segment */
        uint8_t ttl, tos;
        uint8_t nopts; /* without NOP and EOL */
        struct conv_opt opt[40];
        uint64_t at;      /* when it was sent */
        uint32_t payload; /* offset in the harness's buffer */
        uint32_t packet_len;
};

struct conv_text {
        char *p;
        size_t len, cap;
};

struct conv {
        elko_stack *st;
        elko_link link;
        uint64_t now, started;
        uint64_t placed;   /* conv_again(): the start of the clock that was found before, or 0 */
        uint16_t mtu, mss; /* mss: what the stack should announce */
        struct conv_options opt;
        struct elko_config cfg;
        elko_ip local, peer;
        const struct conv_variant *variant;

        struct conv_flow flow[CONV_FLOWS];
        struct conv_flow *f; /* the current one */
        unsigned used_flows;

        elko_sock listener;
        uint32_t listen_events;

        uint16_t
                joined; /* what comes in was joined by the link of segments of so much; 0: it was not */
        bool hold;      /* don't pull output (the link is busy) */
        struct conv_seg *out; /* sent, not yet expected */
        unsigned out_head, out_count;
        struct conv_seg last; /* the segment that conv_out() matched last */

        struct elko_counters before; /* at the last conv_in() or user call */
        struct elko_memory_info baseline;
        uint64_t baseline_held;
        struct conv_text log;
        const char *file;
        int line;
        bool started_ok, in_finish;
        bool skip;          /* the test does not want this variant */
        uint8_t *batch[64]; /* packets of conv_queue() */
        uint32_t batch_len[64];
        unsigned batch_n;
};

/* A way to run all tests. */
struct conv_variant {
        const char *name;
        bool v6;
        bool place; /* put ISS at .isn (choose the clock's start) */
        uint32_t isn, irs, ts_base;
};

void conv_run(void (*fn)(struct conv *c));

#define CONV_TEST(name)                                                                            \
        static void conv_fn_##name(struct conv *c);                                                \
        EK_TEST(name)                                                                              \
        {                                                                                          \
                conv_run(conv_fn_##name);                                                          \
        }                                                                                          \
        static void conv_fn_##name(struct conv *c)

/* CHECK with the conversation printed on failure. */
#define CONV_CHECK(c, cond)                                                                        \
        do {                                                                                       \
                if (!(cond))                                                                       \
                        conv_fail(CONV_AT(c), "CONV_CHECK(%s)", #cond);                            \
        } while (0)
#define CONV_EQ(c, a, b)                                                                           \
        do {                                                                                       \
                uint64_t conv_a_ = (uint64_t)(a), conv_b_ = (uint64_t)(b);                         \
                if (conv_a_ != conv_b_)                                                            \
                        conv_fail(CONV_AT(c), "%s is %llu (0x%llx), %s is %llu (0x%llx)", #a,      \
                                  (unsigned long long)conv_a_, (unsigned long long)conv_a_, #b,    \
                                  (unsigned long long)conv_b_, (unsigned long long)conv_b_);       \
        } while (0)

#define CONV_AT(c) conv_here((c), __FILE__, __LINE__)
struct conv *conv_here(struct conv *c, const char *file, int line);
void conv_fail(struct conv *c, const char *fmt, ...)
        __attribute__((noreturn, format(printf, 2, 3)));
void conv_note(struct conv *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- the stage ---- */

/* Once in every test, first; `o` may be NULL. Ends the run silently where o leaves the family out.
 * */
#define conv_start(c, o)                                                                           \
        do {                                                                                       \
                if (!conv_start_(CONV_AT(c), (o)))                                                 \
                        return;                                                                    \
        } while (0)
bool conv_start_(struct conv *c, const struct conv_options *o);

/* End this conversation (with all that the end of a test checks) and start another in the same run.
 * */
#define conv_again(c) conv_again_(CONV_AT(c))
void conv_again_(struct conv *c);

/* Listen on CONV_PORT, any address; the default configuration, or `cfg`. */
#define conv_listen(c)           conv_listen_(CONV_AT(c), NULL)
#define conv_listen_with(c, cfg) conv_listen_(CONV_AT(c), (cfg))
void conv_listen_(struct conv *c, const struct elko_listen_config *cfg);

/* Make flow n (0 at the start) the current one. */
void conv_flow(struct conv *c, unsigned n);

/* The stack's ISN and timestamps of the current flow will be new ones (a new incarnation). A handle
 * that is still there, of a connection that is over, is closed. */
void conv_forget(struct conv *c);

/* ---- the peer ---- */

/* A segment arrives now. */
#define conv_in(c, ...) conv_in_(CONV_AT(c), __VA_ARGS__)
void conv_in_(struct conv *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, but kept until conv_flush(), which gives all of them to one elko_input(). */
#define conv_queue(c, ...) conv_queue_(CONV_AT(c), __VA_ARGS__)
void conv_queue_(struct conv *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define conv_flush(c) conv_flush_(CONV_AT(c))
void conv_flush_(struct conv *c);

/* These bytes of TCP segment arrive: ports are filled in if 0, and the checksum if `csum`. */
#define conv_in_tcp(c, seg, len, csum) conv_in_tcp_(CONV_AT(c), (seg), (len), (csum))
void conv_in_tcp_(struct conv *c, const uint8_t *seg, uint32_t len, bool csum);

/* A whole IP packet arrives. */
#define conv_in_packet(c, p, len) conv_in_packet_(CONV_AT(c), (p), (len))
void conv_in_packet_(struct conv *c, const uint8_t *p, uint32_t len);

/* Write the IP packet of a segment into buf (2048 bytes and more for the payload); its length. */
uint32_t conv_make(struct conv *c, uint8_t *buf, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* An ICMP or ICMPv6 error from the peer that quotes a segment of ours, given as conv_out() writes
 * it. `type`, `code` as on the wire of the family in use; `mtu`: the second word (packet too big).
 * */
#define conv_in_icmp(c, type, code, mtu, ...)                                                      \
        conv_in_icmp_(CONV_AT(c), (type), (code), (mtu), __VA_ARGS__)
void conv_in_icmp_(struct conv *c, uint8_t type, uint8_t code, uint32_t mtu, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));

/* ---- what must leave ---- */

/* The next segment that the stack sent is this one, in the current flow, and it left now. */
#define conv_out(c, ...) conv_out_(CONV_AT(c), __VA_ARGS__)
void conv_out_(struct conv *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Time passes; nothing leaves for `ns`, and exactly then this. */
#define conv_out_after(c, ns, ...) conv_out_after_(CONV_AT(c), (ns), __VA_ARGS__)
void conv_out_after_(struct conv *c, uint64_t ns, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Nothing was sent that was not expected. */
#define conv_none(c) conv_none_(CONV_AT(c))
void conv_none_(struct conv *c);

/* Forget what was sent and not expected; returns how many. */
unsigned conv_ignore(struct conv *c);

/* Frames sent and not yet expected; the i-th of them. */
unsigned conv_pending(struct conv *c);
const struct conv_seg *conv_peek(struct conv *c, unsigned i);

/* Pull what the stack has to send (after conv_hold()). */
#define conv_pull(c) conv_pull_(CONV_AT(c))
void conv_pull_(struct conv *c);

/* The link is busy: nothing is pulled until conv_hold(c, false). */
#define conv_hold(c, on) conv_hold_(CONV_AT(c), (on))
void conv_hold_(struct conv *c, bool on);

/* ---- time ---- */

/* Time passes, silently: whatever is sent meanwhile must be expected by conv_out() calls that check
 * no time (conv_out_late()) or it is an error at the next step. Deadlines are met exactly. */
#define conv_advance(c, ns) conv_advance_(CONV_AT(c), (ns))
void conv_advance_(struct conv *c, uint64_t ns);

/* To an instant counted from conv_start(). */
#define conv_at(c, ns) conv_at_(CONV_AT(c), (ns))
void conv_at_(struct conv *c, uint64_t ns);

/* As conv_advance(), and nothing may be sent. */
#define conv_quiet(c, ns) conv_quiet_(CONV_AT(c), (ns))
void conv_quiet_(struct conv *c, uint64_t ns);

/* As conv_out(), and it left `at` ns after conv_start() (for frames that conv_advance() collected).
 * */
#define conv_out_at(c, at, ...) conv_out_at_(CONV_AT(c), (at), __VA_ARGS__)
void conv_out_at_(struct conv *c, uint64_t at, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* As conv_out(), and it left at some time since. */
#define conv_out_late(c, ...) conv_out_late_(CONV_AT(c), __VA_ARGS__)
void conv_out_late_(struct conv *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ns since conv_start(). */
uint64_t conv_elapsed(const struct conv *c);

/* ---- the application ---- */

/* Each call is followed by a pull. Those that return void must succeed. */
#define conv_connect(c) conv_connect_(CONV_AT(c))
void conv_connect_(struct conv *c);
#define conv_accept(c) conv_accept_(CONV_AT(c))
void conv_accept_(struct conv *c); /* the current flow's; it must be the oldest in the queue */
#define conv_accept_none(c) conv_accept_none_(CONV_AT(c))
void conv_accept_none_(struct conv *c);
#define conv_send(c, n)              conv_send_(CONV_AT(c), (n), 0)
#define conv_send_flags(c, n, flags) conv_send_(CONV_AT(c), (n), (flags))
void conv_send_(struct conv *c, size_t n, uint32_t flags); /* all n bytes are taken */
int64_t conv_try_send(struct conv *c, size_t n);           /* what elko_send() said */
#define conv_recv(c, n) conv_recv_(CONV_AT(c), (n))
void conv_recv_(struct conv *c, size_t n); /* exactly n bytes are there, the right ones */
#define conv_recv_some(c, n) conv_recv_some_(CONV_AT(c), (n))
void conv_recv_some_(struct conv *c, size_t n); /* at least n are there; take n */
#define conv_recv_is(c, answer) conv_recv_is_(CONV_AT(c), (answer))
void conv_recv_is_(struct conv *c, int64_t answer); /* 0 (end), EAGAIN, or an error */
#define conv_shutdown(c) conv_shutdown_(CONV_AT(c))
void conv_shutdown_(struct conv *c);
#define conv_close(c) conv_close_(CONV_AT(c))
void conv_close_(struct conv *c);
#define conv_abort(c) conv_abort_(CONV_AT(c))
void conv_abort_(struct conv *c);
#define conv_close_listener(c) conv_close_listener_(CONV_AT(c))
void conv_close_listener_(struct conv *c);
#define conv_set(c, option, value) conv_set_(CONV_AT(c), (option), (value))
void conv_set_(struct conv *c, enum elko_option option, uint64_t value);

/* ---- looking ---- */

/* State of the current flow; CLOSED when the stack has nothing of it. */
#define conv_state(c, state) conv_state_(CONV_AT(c), (state))
void conv_state_(struct conv *c, enum elko_tcp_state state);
enum elko_tcp_state conv_get_state(struct conv *c);

/* Exactly these event bits came for the current flow since the last look. */
#define conv_event(c, bits) conv_event_(CONV_AT(c), (bits))
void conv_event_(struct conv *c, uint32_t bits);
#define conv_event_error(c, bits, error) conv_event_error_(CONV_AT(c), (bits), (error))
void conv_event_error_(struct conv *c, uint32_t bits, int error);
#define conv_listen_event(c, bits) conv_listen_event_(CONV_AT(c), (bits))
void conv_listen_event_(struct conv *c, uint32_t bits);

/* The last conv_in() was dropped for this reason (once); NONE: it was not dropped at all. */
#define conv_dropped(c, reason) conv_dropped_(CONV_AT(c), (reason))
void conv_dropped_(struct conv *c, enum elko_drop reason);

/* By how much a counter moved since the last conv_in(), conv_advance() or user call. */
#define conv_counted(c, name, n)                                                                   \
        CONV_EQ((c), elko_counters_get((c)->st)->name - (c)->before.name, (n))

/* STATUS of the current flow's socket. */
struct elko_tcp_info conv_info(struct conv *c);
struct elko_memory_info conv_memory(struct conv *c);

/* Take all memory of the stack that is free, and give it back. */
void conv_take_all(struct conv *c);
void conv_give_all(struct conv *c);

/* ---- whole openings ---- */

/* Three-way handshakes with all options that both know, 0 ms. After them the connection is
 * ESTABLISHED and accepted, all events are read and all segments expected. */
#define conv_open_passive(c) conv_open_passive_(CONV_AT(c))
void conv_open_passive_(struct conv *c); /* listens first if nobody does */
#define conv_open_active(c) conv_open_active_(CONV_AT(c))
void conv_open_active_(struct conv *c);

/* conv_start() and conv_open_passive(), how most conversations begin. */
#define conv_start_open(c, o)                                                                      \
        do {                                                                                       \
                conv_start((c), (o));                                                              \
                conv_open_passive(c);                                                              \
        } while (0)

/* Bring the current flow into a state: LISTEN and SYN-RECEIVED passively, all others through
 * conv_open_active() if `active`, else conv_open_passive(). Afterwards the peer's next number is
 * conv_peer_nxt(), the stack's conv_stack_nxt(); nothing is pending. */
#define conv_reach(c, state, active) conv_reach_(CONV_AT(c), (state), (active))
void conv_reach_(struct conv *c, enum elko_tcp_state state, bool active);
uint32_t conv_peer_nxt(enum elko_tcp_state state);  /* relative, right after conv_reach() */
uint32_t conv_stack_nxt(enum elko_tcp_state state); /* SND.NXT */
uint32_t conv_stack_una(enum elko_tcp_state state); /* SND.UNA */

/* The patterns. */
uint8_t conv_peer_byte(uint64_t offset);
uint8_t conv_stack_byte(uint64_t offset);

#endif
