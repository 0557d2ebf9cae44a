/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_TCP_H
#define EK_TCP_TCP_H

/*
 * One TCP: everything that a stack's connections share, and the few services that all of the engine's
 * files use: finding, arming, marking as having work, telling the application, tracing.
 *
 * RFC 9293, 3.10: a TCP reacts to user calls, arriving segments and time-outs. Each entry marks what is
 * to be done in the connection and puts it on its link's work list; segments leave only through
 * ek_tcp_output().
 */

#include "base/hashtab.h"
#include "base/region.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "ip/ip.h"
#include "tcp/half_open.h"
#include "tcp/listener.h"
#include "tcp/tcb.h"
#include "tcp/tfo.h"
#include "tcp/timewait.h"
#include "tcp/mss.h"
#include "tcp/sack_in.h"
#include "wire/tcp_hdr.h"

#include <elko/stack.h>

/* References in the connection table: kind in the top two bits, index below. */
enum ek_kind { EK_KIND_TCB, EK_KIND_HALF_OPEN, EK_KIND_TIME_WAIT };

#define EK_REF_KIND(ref)  ((enum ek_kind)((ref) >> 30))
#define EK_REF_INDEX(ref) ((ref)&0x3fffffffu)

static inline uint32_t ek_ref(enum ek_kind kind, uint32_t index)
{
        return (uint32_t)kind << 30 | index;
}

/* A segment that needs no connection object: resets, cookies, ACKs from TIME-WAIT. */
struct ek_stateless {
        struct ek_key key;
        seq_t seq, ack;
        uint32_t ts_val, ts_ecr;
        uint16_t flags;
        uint16_t wnd;
        uint16_t mss;   /* SYN+ACK with a cookie only */
        uint8_t wscale; /* same; 0xff: not offered */
        uint8_t why;    /* enum elko_why */
        bool ts, sack;
        uint16_t link;
};

enum { EK_HDR_BYTES = 128, EK_LISTEN_BUCKETS = 64, EK_MAX_LINKS = 64 };

/* The secrets: RFC 6528, 5961, 6056, 4987. */
struct ek_secrets {
        struct ek_siphash_key table; /* connection table */
        struct ek_siphash_key iss;
        struct ek_siphash_key ts;
        struct ek_siphash_key port;
        struct ek_siphash_key cookie;
        struct ek_siphash_key fastopen;
};

/* An ISS that was given up in the tick of its birth: see iss.c. */
enum { EK_GIVEN_UP = 8 };

struct ek_given_up {
        uint32_t offset, born;
        bool known;
};

struct ek_tcp {
        struct elko_config cfg;
        struct ek_region *region;
        struct ek_ipstack *ip;
        struct elko_counters *ctr;
        uint64_t now; /* of the call that runs */

        struct ek_hashtab conns;
        struct ek_slab tcbs, actives, half_opens, time_waits, records, listeners, settings, accecns;
        struct ek_half_open_lists half_open;
        struct ek_time_wait_fifo time_wait;
        uint32_t listen_bucket[EK_LISTEN_BUCKETS];

        struct ek_given_up given_up[EK_GIVEN_UP]; /* in the tick given_up_at */
        uint64_t given_up_at;
        uint32_t given_up_next;

        struct ek_wheel wheel;
        uint32_t checked_conns, checked_wheel; /* their `changes` when they were found sound */
        uint32_t checks, wheel_checks;
        struct ek_list work[EK_MAX_LINKS + 1]; /* by link; 0: no route yet */
        struct ek_list events;                 /* tcbs with news, by their `app` node */
        struct ek_list listen_events;          /* listeners with news */
        struct ek_list doomed;                 /* tcbs to be freed when the running call ends */

        struct ek_stateless *replies; /* ring of cfg.max_replies */
        uint32_t reply_head, reply_count;
        uint8_t *headers; /* cfg.output_batch * EK_HDR_BYTES */

        struct ek_tfo_cache fastopen;
        struct ek_tfo_pending fastopen_pending;
        struct ek_limiter reset_limit;
        struct ek_secrets secrets;
        struct ek_rng rng,
                cc_rng; /* congestion control's own: it draws without disturbing others */
        struct ek_settings defaults;
        struct ek_rtt_limits rtt_limits;
        uint32_t next_gen, next_number;
        uint32_t port_counter[64]; /* RFC 6056, algorithm 4 */
        uint64_t cookies_until;    /* cookies are accepted until then */
        uint32_t last_ref;         /* the connection that the last segment was for */

        elko_trace_fn *trace;
        void *trace_ctx;
};

/* One arriving segment: built once, const afterwards. */
struct ek_seg {
        struct ek_key key;
        const struct ek_tcp_hdr *hdr;
        seq_t seq, ack;
        uint32_t len; /* SEG.LEN: payload + SYN + FIN */
        elko_link link;
        uint16_t segs;    /* it came as so many, which the link joined */
        uint16_t seg_len; /* payload of the largest of these */
        uint8_t ecn;      /* of the IP header: enum ek_ecn_codepoint */
        bool unscaled;    /* it came with a SYN: the window field is bytes (RFC 7323, 2.2) */
};

static inline bool ek_seg_has(const struct ek_seg *seg, uint16_t flag)
{
        return (seg->hdr->flags & flag) != 0;
}

/* ---- life of the instance (tcp.c) ---- */

bool ek_tcp_change(struct ek_tcp *t, const struct elko_config *cfg);
bool ek_tcp_init(struct ek_tcp *t, struct ek_region *region, struct ek_ipstack *ip,
                 struct elko_counters *ctr, const struct elko_config *cfg, uint64_t now);

/* ---- the three entries and the exit ---- */

void ek_tcp_segment(struct ek_tcp *t, const struct ek_ip_in *in);          /* seg_arrives.c */
void ek_tcp_icmp_error(struct ek_tcp *t, const struct ek_icmp_error *err); /* icmp_err.c */
void ek_tcp_advance(struct ek_tcp *t);                                     /* timeouts.c */
uint64_t ek_tcp_next_deadline(struct ek_tcp *t);
size_t ek_tcp_output(struct ek_tcp *t, elko_link link, struct elko_frame *frames, size_t max);
bool ek_tcp_has_output(const struct ek_tcp *t, elko_link link);

/* The neighbours of these connections answered, or didn't. */
void ek_tcp_neighbours_ready(struct ek_tcp *t);

/* What waits for a link goes to the one that its route leads to now. */
void ek_tcp_routes_changed(struct ek_tcp *t);
void ek_tcp_neighbours_failed(struct ek_tcp *t);

/* Free what died during this call. Every public entry calls it last. */
void ek_tcp_reap(struct ek_tcp *t);

/* NULL, or the first broken invariant. */
const char *ek_tcp_check(struct ek_tcp *t);

/* ---- services (tcp.c) ---- */

uint32_t ek_tcp_hash(const struct ek_tcp *t, const struct ek_key *key);
uint32_t ek_tcp_lookup(struct ek_tcp *t, const struct ek_key *key); /* reference or EK_NIL */
struct ek_conn *ek_tcp_conn(struct ek_tcp *t, uint32_t ref);
void ek_tcp_insert(struct ek_tcp *t, struct ek_conn *conn, uint32_t ref);
void ek_tcp_remove(struct ek_tcp *t, struct ek_conn *conn, uint32_t ref);

/* Who looks a connection up by its number, and who finds it in a list, is about to do something with it. */
static inline struct ek_tcb *ek_tcb_touch(struct ek_tcb *tcb)
{
        tcb->flags |= EK_TCB_TOUCHED;
        return tcb;
}

static inline struct ek_tcb *ek_tcp_tcb(struct ek_tcp *t, uint32_t index)
{
        return ek_tcb_touch(ek_slab_at(&t->tcbs, index));
}

/* The clocks on the wire: 1 ms for timestamps, 4 us for ISNs (RFC 7323 5.4, RFC 9293 3.4.1). */
static inline uint32_t ek_tcp_ms(const struct ek_tcp *t)
{
        return (uint32_t)(t->now / 1000000u);
}

/* A new, empty tcb in CLOSED, not in the table; NULL: limit or memory. */
struct ek_tcb *ek_tcb_new(struct ek_tcp *t, const struct ek_key *key);

/* Give an idle connection its active part; true: it has one now. */
bool ek_tcb_activate(struct ek_tcp *t, struct ek_tcb *tcb);

/* Take it back with the buffers, if nothing is in it; true: it is idle now. */
bool ek_tcb_deactivate(struct ek_tcp *t, struct ek_tcb *tcb);

/* The connection is over: out of every table and timer. The object stays for the application until it
 * gives the handle up (unless orphaned). */
void ek_tcb_bury(struct ek_tcp *t, struct ek_tcb *tcb);

/* Free the object at the end of the running call. */
void ek_tcb_doom(struct ek_tcp *t, struct ek_tcb *tcb);

/* Give buffers, records and holes back. */
void ek_tcb_release_send(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_tcb_release_receive(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_tcb_release_all(struct ek_tcp *t, struct ek_tcb *tcb);

/* Invariants of one connection (check.c). */
const char *ek_tcb_check(struct ek_tcp *t, struct ek_tcb *tcb);

/* Move a deadline; EK_NEVER disarms it. */
void ek_tcb_arm(struct ek_tcp *t, struct ek_tcb *tcb, enum ek_deadline which, uint64_t at);

/* Data was sent, or came: its buffers may be empty a second from now (timeouts.c). */
void ek_tcb_not_quiet(struct ek_tcp *t, struct ek_tcb *tcb);

/* There may be something to send. */
void ek_tcb_has_work(struct ek_tcp *t, struct ek_tcb *tcb);

/* Owe the peer an ACK. */
void ek_tcb_owe_ack(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_why why);

/* News for the application. */
void ek_tcb_tell(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t event_bits);

const struct ek_settings *ek_tcb_settings(const struct ek_tcp *t, const struct ek_tcb *tcb);
struct ek_settings *ek_tcb_own_settings(struct ek_tcp *t, uint32_t *index); /* NULL: no memory */

/* Queue a stateless reply; false: limit. */
bool ek_tcp_reply(struct ek_tcp *t, const struct ek_stateless *reply);

void ek_tcp_drop(struct ek_tcp *t, const struct ek_seg *seg, const struct ek_tcb *tcb,
                 enum elko_drop reason);

/* Segment sizes on the present path. */
uint32_t ek_tcb_eff_mss(const struct ek_tcp *t, const struct ek_tcb *tcb);
uint16_t ek_tcp_adv_mss(const struct ek_tcp *t, const struct ek_key *key, uint16_t limit);

/* Route of a connection: link number, 0: none. */
elko_link ek_tcb_route(struct ek_tcp *t, struct ek_tcb *tcb);

/* ---- iss.c ---- */
seq_t ek_iss_make(const struct ek_tcp *t, const struct ek_key *key, uint32_t ticks_4us);
uint32_t ek_iss_ticks(const struct ek_tcp *t);

/* The tick that a tuple's new ISS is made from: now, or a little earlier when an ISS of now was given up. */
uint32_t ek_iss_birth(const struct ek_tcp *t, const struct ek_key *key);

/* A connection, half-open or whole, that had this ISS is no more. */
void ek_iss_given_up(struct ek_tcp *t, const struct ek_key *key, seq_t iss);
uint32_t ek_iss_ts_offset(const struct ek_tcp *t, const struct ek_key *key);
/* The clock of a connection's timestamps, ms. An idle one computes its offset again. */
uint32_t ek_tcb_ts_clock(const struct ek_tcp *t, const struct ek_tcb *tcb);
void ek_tcb_ts_slow_down(const struct ek_tcp *t, struct ek_tcb *tcb);

/* ---- options.c: what we offer and accept ---- */
bool ek_options_scale_first(const struct ek_tcp *t);
uint8_t ek_options_rcv_wscale(const struct ek_tcp *t, const struct ek_settings *settings);
void ek_options_on_syn(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_tcp_opts *opt);
void ek_options_for_syn(const struct ek_tcp *t, const struct ek_tcb *tcb, struct ek_tcp_opts *out);
uint32_t ek_options_data_bytes(const struct ek_tcb *tcb); /* options in every data segment */

/* ---- fast_open.c: RFC 7413 ---- */
bool ek_fast_open_wanted(struct ek_tcp *t, const struct ek_tcb *tcb);
uint32_t ek_fast_open_syn_room(struct ek_tcp *t, const struct ek_tcb *tcb);
void ek_fast_open_hold(struct ek_tcp *t, struct ek_tcb *tcb, bool hold);
void ek_fast_open_for_syn(struct ek_tcp *t, struct ek_tcb *tcb, struct ek_tcp_opts *opt);
void ek_fast_open_on_syn_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                             bool data_acked);
void ek_fast_open_offer(struct ek_tcp *t, const struct ek_key *key, bool experiment,
                        uint8_t cookie[EK_TFO_COOKIE_BYTES], struct ek_tcp_opts *opt);
bool ek_fast_open_on_syn(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg,
                         bool *offer);
void ek_fast_open_left(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_tcp_state to);

/* ---- state.c ---- */
void ek_state_set(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_tcp_state to, const char *cause);
bool ek_state_is_legal(enum elko_tcp_state from, enum elko_tcp_state to);

/* ---- trace.c ---- */
void ek_trace_in(struct ek_tcp *t, const struct ek_seg *seg, const struct ek_tcb *tcb);
void ek_trace_drop(struct ek_tcp *t, const struct ek_seg *seg, const struct ek_tcb *tcb,
                   enum elko_drop reason);
void ek_trace_out(struct ek_tcp *t, const struct ek_key *key, const struct ek_tcb *tcb,
                  const struct ek_tcp_hdr *hdr, uint8_t ecn, enum elko_tcp_state state,
                  enum elko_why why, bool retransmission, elko_link link);
void ek_trace_state(struct ek_tcp *t, const struct ek_key *key, const struct ek_tcb *tcb,
                    enum elko_tcp_state from, enum elko_tcp_state to, const char *cause);
void ek_trace_timer(struct ek_tcp *t, const struct ek_key *key, const struct ek_tcb *tcb,
                    enum elko_timer timer, enum elko_tcp_state state);
void ek_trace_recovery(struct ek_tcp *t, const struct ek_tcb *tcb, const char *cause);

/* ---- connection life (conn.c, seg_*.c) ---- */

/* The connection failed: `error` (negative enum) goes to the application. No segment is sent. */
void ek_tcb_fail(struct ek_tcp *t, struct ek_tcb *tcb, int error, const char *cause);
/* Fail and send RST. */
void ek_tcb_reset(struct ek_tcp *t, struct ek_tcb *tcb, int error, const char *cause);
/* The peer's FIN or ours brought it to TIME-WAIT: the compact object takes over. */
void ek_tcb_to_time_wait(struct ek_tcp *t, struct ek_tcb *tcb);
/* ESTABLISHED from SYN-SENT, SYN-RECEIVED or a half-open entry: everything that starts with it. */
void ek_tcb_established(struct ek_tcp *t, struct ek_tcb *tcb, const char *cause);

/* Steps of 3.10.7.4; each says how to go on. */
enum ek_verdict { EK_NEXT, EK_DONE };

void ek_seg_on_closed(struct ek_tcp *t, const struct ek_seg *seg, enum elko_drop reason);
void ek_seg_on_listen(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg);
bool ek_seg_on_half_open(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg);
bool ek_seg_on_cookie(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg);
void ek_seg_on_syn_sent(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
bool ek_seg_on_time_wait(struct ek_tcp *t, uint32_t index, const struct ek_seg *seg);
void ek_seg_on_synchronized(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
void ek_seg_steps_6_to_8(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);

enum ek_verdict ek_step_1_sequence(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
enum ek_verdict ek_step_2_reset(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
enum ek_verdict ek_step_4_syn(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
bool ek_ack_in_range(const struct ek_tcb *tcb, seq_t ack);
enum ek_verdict ek_step_5_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
void ek_step_6_urgent(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
enum ek_verdict ek_step_7_text(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
void ek_step_8_fin(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
void ek_challenge_ack(struct ek_tcp *t, struct ek_tcb *tcb, bool limited);

/* urgent.c */
bool ek_urgent_is_ahead(const struct ek_tcb *tcb);
bool ek_urgent_is_sending(const struct ek_tcb *tcb);
void ek_urgent_queued(struct ek_tcb *tcb);
void ek_urgent_mark(const struct ek_tcb *tcb, struct ek_tcp_hdr *hdr);

/* recover_sack.c: where SACK was negotiated */
struct ek_sack_ack {
        struct ek_txq_acked *acked; /* what it delivered */
        uint32_t dsack_bytes;       /* reported as received twice; 0: no D-SACK */
        seq_t dsack_end;
        bool any_block;
        bool progress;  /* SND.UNA advanced */
        bool duplicate; /* RFC 5681, 2 */
        bool sampled;   /* it gave a round-trip time */
};

void ek_sack_before_ack(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_sack_take(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                  struct ek_sack_ack *a);
void ek_sack_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                    const struct ek_sack_ack *a);
void ek_sack_mark_on_timeout(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_sack_on_timer(struct ek_tcp *t, struct ek_tcb *tcb);
bool ek_frto_on_ack(struct ek_tcb *tcb, const struct ek_txq_acked *acked, bool progress,
                    bool duplicate);
void ek_tlp_schedule(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_tlp_sent(struct ek_tcp *t, struct ek_tcb *tcb, bool again);

/* seg_ecn.c: RFC 3168 */
struct ek_plan;

enum ek_ecn_offer ek_ecn_offer(const struct ek_settings *s, const struct ek_seg *syn);
bool ek_ecn_again(struct ek_half_open *ho, const struct ek_settings *s, const struct ek_seg *syn);
uint16_t ek_ecn_ack_flags(enum ek_ecn_offer offer);
uint16_t ek_ecn_syn_ack_flags(enum ek_ecn_offer offer);
uint16_t ek_ecn_syn_flags(struct ek_tcp *t, struct ek_tcb *tcb, bool again);
void ek_ecn_open(struct ek_tcp *t, struct ek_tcb *tcb, enum ek_ecn_offer offer);
void ek_ecn_on_syn(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *syn);
void ek_ecn_on_syn_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *syn_ack);
void ek_ecn_on_data(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
uint8_t ek_ecn_mark(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p, bool fresh,
                    const struct ek_tcp_opts *opt, uint16_t *flags);
void ek_ecn_begin(struct ek_tcb *tcb);
void ek_ecn_reduced(struct ek_tcb *tcb);
void ek_ecn_undone(struct ek_tcb *tcb);
void ek_ecn_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
void ek_ecn_react(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t flight);
void ek_ecn_after_ack(struct ek_tcb *tcb);
bool ek_ecn_is_over(const struct ek_tcb *tcb);

/* accecn.c: RFC 9768 */
enum ek_accecn_answer { EK_ACCECN_AGREED, EK_ACCECN_CLASSIC, EK_ACCECN_NO_ECN };

struct ek_accecn *ek_accecn_of(struct ek_tcp *t, const struct ek_tcb *tcb);
bool ek_accecn_is_asked(const struct ek_seg *syn);
uint16_t ek_accecn_syn_flags(void);
uint16_t ek_accecn_syn_ack_flags(unsigned ip_ecn);
bool ek_accecn_enter(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_accecn_leave(struct ek_tcp *t, struct ek_tcb *tcb);
enum ek_accecn_answer ek_accecn_on_syn_ack(struct ek_tcp *t, struct ek_tcb *tcb,
                                           const struct ek_seg *syn_ack);
void ek_accecn_on_third(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
void ek_accecn_on_syn_ack_again(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
void ek_accecn_on_segment(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);
void ek_accecn_mark(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p,
                    const struct ek_tcp_opts *opt, uint16_t *flags);
void ek_accecn_option(struct ek_tcp *t, const struct ek_tcb *tcb, struct ek_tcp_opts *opt,
                      uint32_t room, uint32_t sacks);
void ek_accecn_first_option(struct ek_tcp_opts *opt);
uint32_t ek_accecn_take_option(struct ek_accecn *a, const struct ek_tcp_opts *opt);
bool ek_accecn_check(struct ek_tcp *t, const struct ek_tcb *tcb);
void ek_accecn_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);

/* undo.c: reductions of cwnd that proved spurious */
enum ek_undo_why { EK_UNDO_TIMESTAMP, EK_UNDO_DSACK, EK_UNDO_FRTO };

void ek_undo_begin(struct ek_tcb *tcb);
void ek_undo_on_resent(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t bytes);
void ek_undo_on_dsack(struct ek_tcb *tcb, const struct ek_sack_ack *a);
bool ek_undo_try(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg, bool progress,
                 bool dsack);
void ek_undo_do(struct ek_tcp *t, struct ek_tcb *tcb, enum ek_undo_why why);

/* mtu_search.c: the path's MTU without, and in spite of, ICMP */
void ek_mtu_on_route(struct ek_tcp *t, struct ek_tcb *tcb, uint16_t mtu);
void ek_mtu_on_too_big(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_icmp_error *err);
void ek_mtu_on_timeout(struct ek_tcp *t, struct ek_tcb *tcb);
uint32_t ek_mtu_probe_len(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t mss);
void ek_mtu_on_sent(struct ek_tcp *t, struct ek_tcb *tcb, seq_t seq, uint32_t len);
void ek_mtu_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_txq_acked *acked);
bool ek_mtu_on_lost(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t lost);

/* recovery.c */
void ek_recovery_congestion(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_congestion kind,
                            uint32_t flight);
void ek_recovery_on_duplicate(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_recovery_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_txq_acked *acked,
                        uint64_t rtt_ns, uint32_t flight_before);
void ek_recovery_on_timeout(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_recovery_start(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_recovery_restart(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_recovery_before_send(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_recovery_note_usage(struct ek_tcb *tcb, bool limited);
void ek_recovery_on_mss(struct ek_tcb *tcb, uint32_t before, uint32_t mss);
uint32_t ek_recovery_initial_cwnd(const struct ek_tcp *t, uint32_t mss);

/* cong.c: what the algorithm is told */
void ek_cong_init(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t initial_cwnd, bool resumed);
void ek_cong_note_sample(struct ek_tcb *tcb, const struct ek_rate_sample *s, uint32_t delivered);
/* `ev` has rtt_ns, acked_bytes, flight_bytes, cwnd_limited and in_recovery; the rest is filled in. */
void ek_cong_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, struct elko_cc_ack *ev);
void ek_cong_on_congestion(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_congestion kind,
                           uint32_t flight);

/* Data is about to leave with nothing in flight. */
void ek_cong_on_start(struct ek_tcp *t, struct ek_tcb *tcb);
bool ek_cong_is_validated(const struct ek_tcp *t, const struct ek_tcb *tcb);

/* The pacer's rate follows the algorithm, the settings and the round trip. */
void ek_cong_pace(const struct ek_tcp *t, struct ek_tcb *tcb);

/* meters.c: what the connection measures of itself */
void ek_meter_settled(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_limited_by why);
void ek_meter_queued(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_meter_no_room(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_meter_put_away(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_meter_app_limited(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_meter_sent(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t len,
                   uint32_t tag[EK_TXREC_TAG_WORDS]);
void ek_meter_delivered(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_txq_acked *acked);
void ek_meter_received(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg);

/* timeouts.c: what the connection waits for after something changed */
void ek_tcb_rearm_retransmit(struct ek_tcp *t, struct ek_tcb *tcb, bool progress);
void ek_tcb_on_answer(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_tcb_rearm_keepalive(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_tcb_arm_persist(struct ek_tcp *t, struct ek_tcb *tcb);
uint64_t ek_tcb_r2(const struct ek_tcp *t, const struct ek_tcb *tcb);
uint64_t ek_tcb_fin_wait_2(const struct ek_tcp *t, const struct ek_tcb *tcb);

/* receive memory (rcv_buf.c) */
bool ek_rcv_buf_ensure(struct ek_tcp *t, struct ek_tcb *tcb);
uint32_t ek_tcp_pool_alloc(struct ek_tcp *t, struct ek_slab *pool);
uint32_t ek_tcp_active_alloc(struct ek_tcp *t);
bool ek_rcv_buf_open(struct ek_tcp *t, struct ek_tcb *tcb, seq_t rcv_nxt, uint32_t least);
uint32_t ek_rcv_buf_clamp(const struct ek_settings *settings);
struct ek_rcv_window ek_rcv_buf_window(const struct ek_tcp *t, const struct ek_tcb *tcb,
                                       uint32_t *used);
uint32_t ek_rcv_buf_syn_ack(const struct ek_tcp *t, const struct ek_settings *settings, bool small);
bool ek_rcv_buf_is_short(struct ek_tcp *t, const struct ek_settings *settings);
void ek_rcv_buf_on_end(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_rcv_buf_on_held(struct ek_tcp *t, struct ek_tcb *tcb);
void ek_rcv_buf_on_taken(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t n);
uint32_t ek_rcv_buf_initial(struct ek_tcp *t, const struct ek_settings *settings);
bool ek_snd_buf_ensure(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t want);

#endif
