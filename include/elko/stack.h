/* SPDX-License-Identifier: MIT */
#ifndef ELKO_STACK_H
#define ELKO_STACK_H

/*
 * The sans-I/O face: create, feed, pull, advance.
 *
 * Pseudo-code of the caller's loop:
 *
 *      for (;;) {
 *              n = read up to BATCH packets, waiting at most until elko_next_deadline(st);
 *              elko_input(st, link, packets, n, now);
 *              while (elko_next_event(st, &ev))
 *                      act on ev.sock: accept, recv, send, shutdown, close;
 *              while ((n = elko_output(st, link, frames, BATCH, now)) > 0)
 *                      write the n frames;
 *              while (elko_next_event(st, &ev))
 *                      as above: pulling fires timers, too
 *      }
 *
 * Calls may come early, late, or twice; each is harmless. A `now` smaller than an earlier one is
 * taken as the earlier one.
 */

#include <elko/cc.h>
#include <elko/info.h>
#include <elko/link.h>
#include <elko/trace.h>
#include <elko/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct elko_stack elko_stack;

#define ELKO_SEED_BYTES 32

/* Explicit congestion notification, RFC 3168. */
enum elko_ecn {
        ELKO_ECN_OFF,        /* neither asked for nor given */
        ELKO_ECN_ON_REQUEST, /* given to a peer that asks for it (Linux's tcp_ecn = 2) */
        ELKO_ECN_CLASSIC,    /* asked for, too */
        ELKO_ECN_ACCURATE,   /* AccECN (RFC 9768) asked for and given, else RFC 3168's */
        ELKO_ECN_COUNT
};

/* The order of options in a SYN; RFC 9293, 3.1 leaves it open, and tools tell TCPs by it. */
enum elko_option_order {
        ELKO_ORDER_MSS_SACK_TS_WSCALE, /* Linux: mss, sackOK, TS, nop, wscale */
        ELKO_ORDER_MSS_WSCALE_SACK_TS, /* BSD: mss, nop, wscale, sackOK, TS */
};

/* When TCP looks for the path's MTU by itself (RFC 4821, RFC 8899). */
enum elko_mtu_probing {
        ELKO_MTU_PROBING_OFF,        /* never: ICMP alone tells */
        ELKO_MTU_PROBING_BLACK_HOLE, /* where large segments vanish, and to try what ICMP said */
        ELKO_MTU_PROBING_ALWAYS,     /* each destination begins with mtu_base_mss */
};

/*
 * Run-time configuration. Start from elko_config_default() and change fields; 0 does not mean
 * "default". Counts are limits: memory is taken only when an object exists.
 */
struct elko_config {
        uint32_t version; /* set by elko_config_default() */

        /* Secret: ISNs, ports, cookies and hashes come from it. Must be unpredictable and fresh for
         * each stack in production; fixed in simulations. All zeros is refused. */
        uint8_t seed[ELKO_SEED_BYTES];

        uint32_t max_connections;  /* 1..16777216 */
        uint32_t max_half_open;    /* 1..65534, over all listeners */
        uint32_t max_time_wait;    /* 1..16777216; the oldest is dropped beyond */
        uint32_t max_listeners;    /* 1..65535 */
        uint32_t max_neighbours;   /* 4..65535 */
        uint32_t max_routes;       /* 4..1024 */
        uint32_t max_addresses;    /* 1..256 */
        uint32_t max_links;        /* 1..64 */
        uint32_t max_replies;      /* stateless replies (RST, cookies, ICMP) waiting for the link */
        uint32_t output_batch;     /* most frames one elko_output() makes, 1..256 */
        uint32_t block_bytes;      /* smallest memory block, power of two, 256..65536 */
        uint32_t slab_chunk_bytes; /* power of two, >= block_bytes */
        uint32_t window_overcommit_percent; /* 100: every advertised window has memory behind it */

        uint64_t clock_resolution_ns; /* the caller's clock: 1 .. 100 ms */

        /* TCP defaults; many can be set for one connection or listener by elko_set_option(). */
        uint64_t msl_ns; /* TIME-WAIT lasts twice this; 30 s (RFC 9293, 3.4.2: deviation) */
        uint64_t rto_initial_ns, rto_min_ns,
                rto_max_ns; /* RFC 6298: 1 s, 200 ms (deviation), 60 s */
        uint64_t r2_syn_ns; /* give up connecting after this: >= 180 s (RFC 9293, 3.8.3) */
        uint64_t r2_ns;     /* give up retransmitting after this: >= 100 s */
        uint64_t delack_ns; /* 40 ms; < 500 ms (RFC 9293, 3.8.6.3) */
        uint32_t
                quick_acks; /* segments acknowledged at once when a connection is young: 10, 0..255 */
        uint64_t fin_wait_2_ns;                            /* orphans only: 60 s */
        uint64_t keepalive_idle_ns, keepalive_interval_ns; /* 2 h, 75 s */
        uint32_t keepalive_count;                          /* 9 */
        uint32_t syn_linear_timeouts;              /* so many SYNs go before the time-out doubles
                                                              (Linux: 4): 0 */
        uint32_t synack_retries;                   /* 3: SYN+ACK is sent 1 + 3 times */
        uint64_t persist_min_ns, persist_max_ns;   /* 200 ms .. 60 s */
        uint32_t initial_window_segs;              /* 10 (RFC 6928) */
        uint32_t snd_buf_bytes, snd_buf_max_bytes; /* 64 KiB, 4 MiB */
        uint32_t rcv_buf_bytes, rcv_buf_max_bytes; /* first window 64 KiB, grown to 512 KiB */
        uint16_t max_ooo_ranges;                   /* 64: holes kept per connection, 1..4096 */
        uint16_t min_mss;                          /* 48: floor of the peer's MSS */
        enum elko_mtu_probing mtu_probing;         /* ELKO_MTU_PROBING_BLACK_HOLE */
        uint16_t
                mtu_base_mss; /* RFC 4821, 7.2: payload that is expected to pass, 1024; 48..65535 */
        bool icmp_mtu_waits;  /* an ICMP MTU below the size of what has arrived waits for a time-out
                                  (RFC 5927, 7.2; Linux: false): true */
        uint16_t port_min, port_max; /* ephemeral ports: 49152..65535 (RFC 6056) */
        enum elko_option_order option_order;
        bool rto_min_on_variance; /* rto_min_ns is that of 4 RTTVAR (Linux), not of the RTO: false */
        bool interactive_acks;    /* a reply soon after a request ends quick ACKs (Linux): false */
        bool icmp_ends_open;      /* any unreachable ends an open, a soft one too (Linux): false */
        /* ELKO_SEND_MORE is about its call: what it held goes when a segment comes; and to set NODELAY sends what is held,
         * by a cork as well (Linux): false */
        bool more_by_call;
        bool push_bursts; /* PSH on the last of several segments that go at once (Linux): false */
        /* ... and of so many of a longer burst, or of those for a millisecond, if that is more; never of more than half
         * of cwnd: 2. 1: of the whole burst alone. */
        uint32_t push_min_segs;
        bool ecn_as_loss; /* ECE lowers cwnd as a loss does, without RFC 8511 (Linux): false */
        bool growth_by_delivery; /* cwnd grows by what an ACK tells to have arrived, by SACK as well, not by what it
                                    acknowledges (Linux): false */
        bool slow_start_bursts; /* one ACK may add any number of segments to cwnd (Linux), not 8 (RFC 9406, 4.2): false */
        bool timestamps, sack, window_scale; /* offered and accepted: true */
        enum elko_ecn ecn;                   /* ELKO_ECN_ON_REQUEST */
        bool syn_cookies;                    /* when the SYN queue is full: true */
        /* Servers whose Fast Open cookies a client keeps (RFC 7413), some 80 bytes each: 0. */
        uint16_t fastopen_cookies;
        /* Secrets of Fast Open cookies, for hosts that serve one address: the first makes them, those of the
         * second are good as well. All zeros: the stack makes its own, and changes them. */
        uint8_t fastopen_key[2][16];
        /* A path on which Fast Open failed is not tried again for this time, then twice, ... 32 times it (RFC 7413,
         * 4.1.3.1): 1 h; 0: it is tried again at once (Linux). */
        uint64_t fastopen_bar_ns;
        /* A SYN with data has room for all options that there could be, in the link's MSS where the server's is not
         * known (Linux), instead of its own options, in 536 or 1220 bytes (RFC 7413, 4.1.3): false. */
        bool fastopen_spare;
        bool mss_by_path; /* announce the MSS of the path (Linux), not of the link (RFC 2923, 2.3): false */
        /* A SYN,ACK that is none for our SYN is answered by a reset, and the SYN goes again after this time, since the
         * peer may have been of an older life: 0; 8 ms (Linux). */
        uint64_t syn_refused_ns;
        bool challenge_acks;                  /* RFC 5961: true */
        uint32_t challenge_ack_interval_ms;   /* at most one per connection in this span: 500 */
        const struct elko_cc_ops *congestion; /* NULL: the default, CUBIC */
        bool cwnd_validation; /* RFC 7661: a window that is not used is kept for five minutes, instead of
                                 RFC 5681's restart after an RTO of silence; not with BBR: false */
        bool loss_probes; /* tail loss probes (RFC 8985, 7): true */
        bool idle_keep; /* a window that is not used stays as it is (Linux: tcp_slow_start_after_idle 0): false */
        bool idle_decay; /* it is halved with each RTO of silence (RFC 2861, Linux), not restarted at once: false */
        bool loss_of_cwnd; /* a loss takes its share of cwnd (Linux), not of what is in flight (RFC 5681): false */
        bool pacing; /* space segments over the round trip with every algorithm; those that set a rate
                        of their own (BBR) do it anyway: false */
        uint64_t max_pacing_rate; /* bytes of payload per second, 0: no limit */
};

void elko_config_default(struct elko_config *config);

/*
 * Bytes that a region should have for `config` with `connections` connections of `buf_bytes` of
 * buffers each, all limits used to the full; 0 when the configuration is invalid.
 */
size_t elko_stack_size(const struct elko_config *config, uint32_t connections, uint32_t buf_bytes);

/*
 * Create a stack inside of `region`, which stays the caller's and must outlive the stack; no other
 * memory is ever used. `now` starts the stack's clock. Returns NULL when the configuration is invalid
 * or the region too small; *why (may be NULL) then points to a sentence with static storage.
 */
elko_stack *elko_stack_create(void *region, size_t bytes, const struct elko_config *config,
                              uint64_t now, const char **why);

/*
 * Take over what `config` says for what is to come: times, limits of buffers, options that are offered, secrets of
 * cookies. What memory was laid out for stays as it is: the seed, the numbers of objects and their sizes. Connections
 * that are there keep what they have agreed on, and what elko_set_option() said. Errors: EINVAL; EAGAIN: a listener has
 * handshakes under way, which have announced what there is now.
 */
int elko_stack_change(elko_stack *st, const struct elko_config *config);

/* End: nothing is sent, the region is the caller's again. For a clean end abort or close the
 * connections first and pull the output. NULL is allowed. */
void elko_stack_destroy(elko_stack *st);

/* ---- links, addresses, routes ---- */

/* Attach a link; returns its number or a negative error (EINVAL, ELIMIT, ENOMEM). */
int elko_link_attach(elko_stack *st, const struct elko_link_config *config);

/* "10.0.0.2/24": one of our addresses, and a route to its network over the link.
 * Errors: EINVAL (text, link), EEXIST, ELIMIT. */
int elko_addr_add(elko_stack *st, elko_link link, const char *cidr);
int elko_addr_add_ip(elko_stack *st, elko_link link, const elko_ip *ip, unsigned prefix_len);

/* Route `prefix` ("0.0.0.0/0", "::/0") over `link`; `gateway` NULL: on-link. */
int elko_route_add(elko_stack *st, const char *prefix, elko_link link, const char *gateway);
int elko_route_add_ip(elko_stack *st, const elko_ip *prefix, unsigned prefix_len, elko_link link,
                      const elko_ip *gateway);

/* Enter a neighbour by hand (never expires). Ethernet links only. */
int elko_neigh_add(elko_stack *st, elko_link link, const elko_ip *ip,
                   const uint8_t mac[ELKO_MAC_BYTES]);

/* ---- the data path ---- */

/* Take `n` packets that arrived on `link` by `now`. They are read during the call only. */
void elko_input(elko_stack *st, elko_link link, const struct elko_packet *packets, size_t n,
                uint64_t now);

/*
 * Make up to `max` frames for `link`; returns how many. Frames point into the stack and are valid
 * until the next call into it. 0: nothing to send now. A frame that is handed out counts as sent.
 */
size_t elko_output(elko_stack *st, elko_link link, struct elko_frame *frames, size_t max,
                   uint64_t now);

/* Is there something to send on `link` right now? */
bool elko_has_output(elko_stack *st, elko_link link);

/* Fire what is due by `now`. elko_input() and elko_output() do it, too. */
void elko_advance(elko_stack *st, uint64_t now);

/* When to call elko_advance() at the latest; ELKO_NEVER: not before the next input or user call. The
 * instant may be early by up to 1/64 of the wait for far deadlines, never late. */
uint64_t elko_next_deadline(elko_stack *st);

/* ---- events ---- */

enum elko_event_bit {
        ELKO_EV_ACCEPT = 1u << 0, /* listener: elko_accept() has a connection */
        ELKO_EV_SYN = 1u << 1,    /* listener with ELKO_LISTEN_VERDICT: elko_syn_next() has one */
        ELKO_EV_CONNECTED = 1u << 2, /* an active open became ESTABLISHED */
        ELKO_EV_READABLE = 1u << 3,  /* elko_recv() will not answer EAGAIN */
        ELKO_EV_WRITABLE = 1u << 4,  /* elko_send() will not answer EAGAIN (after it did) */
        ELKO_EV_EOF = 1u << 5,   /* the peer's FIN is in sequence: end of stream after the data */
        ELKO_EV_SENT = 1u << 6,  /* all that was given is acknowledged, FIN included */
        ELKO_EV_ERROR = 1u << 7, /* the connection is dead: `error` says why */
        /* Trouble that does not end the connection: `error` came by ICMP (RFC 5461) or from the neighbour, or
         * is ETIMEDOUT: the third retransmission has no answer (R1; RFC 9293, 3.8.3). */
        ELKO_EV_SOFT_ERROR = 1u << 8,
        ELKO_EV_CLOSED = 1u << 9, /* both directions are closed; only elko_close() is left */
        ELKO_EV_ECHO = 1u << 10,  /* no socket: elko_echo_next() has an echo reply */
        ELKO_EV_URGENT =
                1u << 11, /* the peer's urgent pointer has moved: elko_recv_urgent() tells where */
};

struct elko_event {
        elko_sock sock;
        uint32_t bits; /* enum elko_event_bit, all that came since the last time */
        int error;     /* ELKO_ECONNRESET, ELKO_ETIMEDOUT, ...; 0: none */
        void *user;    /* elko_set_user() */
};

/* Take the next socket with news; false: none. Edge-like: bits are cleared by being read, and set
 * again by the next news. After ELKO_EV_READABLE read until EAGAIN. */
bool elko_next_event(elko_stack *st, struct elko_event *ev);

/* ---- ICMP echo, both families ---- */

/* Queue an echo request of `len` payload bytes (<= 1400). Errors: ENETUNREACH, ELIMIT, EMSGSIZE. */
int elko_echo_request(elko_stack *st, const elko_ip *to, uint16_t id, uint16_t seq,
                      const void *payload, size_t len);

enum elko_echo_kind { ELKO_ECHO_REPLY, ELKO_ECHO_UNREACHABLE, ELKO_ECHO_TIME_EXCEEDED };

struct elko_echo {
        enum elko_echo_kind kind;
        elko_ip from;
        uint16_t id, seq;
        uint16_t len; /* payload bytes of the reply */
        uint8_t ttl;  /* time to live or hop limit of the reply */
        uint8_t icmp_type, icmp_code;
        uint64_t at;      /* when it arrived */
        uint8_t head[16]; /* first payload bytes, zero-padded */
};

/* Take one answer; false: none. At most 64 wait; later ones are dropped. */
bool elko_echo_next(elko_stack *st, struct elko_echo *out);

/* ---- seeing inside ---- */

void elko_trace_set(elko_stack *st, elko_trace_fn *fn, void *ctx); /* fn NULL: off */
const struct elko_counters *elko_counters_get(elko_stack *st);
void elko_memory_get(elko_stack *st, struct elko_memory_info *out);
uint64_t elko_now(elko_stack *st); /* the latest instant that the stack was told */

/* Iterate over connections, half-open and TIME-WAIT entries and listeners. Set *cursor to 0 first;
 * false: no more. `info` has the fields that the object knows, the rest zero. `sock` may be NULL. */
bool elko_each(elko_stack *st, uint64_t *cursor, elko_sock *sock, struct elko_tcp_info *info);

/* Verify every invariant of the stack; slow. Returns NULL, or the text of the first that is broken. */
const char *elko_check(elko_stack *st);

/* Tests: make the n-th allocation from now fail (0: none), once or for ever after. */
void elko_fail_alloc(elko_stack *st, uint64_t nth, bool forever);

/* "0.1.0" */
const char *elko_version(void);

#ifdef __cplusplus
}
#endif
#endif
