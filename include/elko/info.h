/* SPDX-License-Identifier: MIT */
#ifndef ELKO_INFO_H
#define ELKO_INFO_H

/*
 * What can be asked of a running stack: states, drop reasons, counters, memory, and the state of one
 * connection. Each list below makes an enum, the names and the documentation from one place.
 */

#include <elko/cc.h>
#include <elko/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RFC 9293, 3.3.2. X(name, text) */
#define ELKO_TCP_STATE_LIST(X)                                                                     \
        X(CLOSED, "CLOSED")                                                                        \
        X(LISTEN, "LISTEN")                                                                        \
        X(SYN_SENT, "SYN-SENT")                                                                    \
        X(SYN_RECEIVED, "SYN-RECEIVED")                                                            \
        X(ESTABLISHED, "ESTABLISHED")                                                              \
        X(FIN_WAIT_1, "FIN-WAIT-1")                                                                \
        X(FIN_WAIT_2, "FIN-WAIT-2")                                                                \
        X(CLOSE_WAIT, "CLOSE-WAIT")                                                                \
        X(CLOSING, "CLOSING")                                                                      \
        X(LAST_ACK, "LAST-ACK")                                                                    \
        X(TIME_WAIT, "TIME-WAIT")

enum elko_tcp_state {
#define ELKO_X(name, text) ELKO_TCP_##name,
        ELKO_TCP_STATE_LIST(ELKO_X)
#undef ELKO_X
                ELKO_TCP_STATE_COUNT
};

/* "ESTABLISHED", RFC 9293's spelling; "?" for a value outside of the enum. */
const char *elko_tcp_state_name(enum elko_tcp_state state);

/* Why a packet went no further. X(name, text) */
#define ELKO_DROP_LIST(X)                                                                          \
        X(NONE, "not dropped")                                                                     \
        /* link and neighbour layer */                                                             \
        X(ETH_SHORT, "frame shorter than an Ethernet header")                                      \
        X(ETH_TYPE, "EtherType that is neither IPv4, IPv6 nor ARP")                                \
        X(ETH_NOT_MINE, "unicast frame for another station")                                       \
        X(ARP_BAD, "malformed ARP packet")                                                         \
        X(ARP_NOT_MINE, "ARP packet that does not concern this host")                              \
        X(ND_BAD, "malformed neighbour discovery message (RFC 4861, 7.1)")                         \
        X(ND_NOT_MINE, "neighbour discovery message that does not concern this host")              \
        /* IP */                                                                                   \
        X(IP_SHORT, "packet shorter than its IP header")                                           \
        X(IP_VERSION, "IP version that is neither 4 nor 6")                                        \
        X(IP_HDR_LEN, "IPv4 header length below 20 or beyond the packet")                          \
        X(IP_TOTAL_LEN, "IP length field that disagrees with the packet")                          \
        X(IP_CSUM, "wrong IPv4 header checksum")                                                   \
        X(IP_OPTIONS, "IPv4 source route or malformed IP option")                                  \
        X(IP_FRAGMENT, "IP fragment: reassembly is not supported")                                 \
        X(IP_EXT_HDR, "IPv6 extension header chain malformed or beyond the bounds")                \
        X(IP_ROUTING_HDR, "IPv6 routing header with segments left (RFC 5095)")                     \
        X(IP_MARTIAN, "source or destination that no packet may have here")                        \
        X(IP_NOT_MINE, "destination is not one of our addresses")                                  \
        X(IP_PROTOCOL, "transport protocol that is not supported")                                 \
        X(IP_MULTICAST, "multicast or broadcast destination that we don't listen to")              \
        /* ICMP */                                                                                 \
        X(ICMP_SHORT, "ICMP message too short")                                                    \
        X(ICMP_CSUM, "wrong ICMP checksum")                                                        \
        X(ICMP_TYPE, "ICMP type that is ignored")                                                  \
        X(ICMP_QUOTE, "ICMP error whose quoted packet is unusable")                                \
        X(ICMP_NO_CONN, "ICMP error for a connection that we don't have")                          \
        X(ICMP_SEQ, "ICMP error whose quoted sequence number is not in flight (RFC 5927)")         \
        X(ICMP_MTU, "ICMP packet-too-big with an MTU that can't be true")                          \
        X(ICMP_QUEUE, "echo or ICMP reply dropped: queue full or rate limit")                      \
        X(UDP_BAD, "malformed UDP datagram")                                                       \
        X(UDP_NO_PORT, "UDP datagram for a port that is not open")                                 \
        /* TCP, before a connection is known */                                                    \
        X(TCP_SHORT, "segment shorter than a TCP header")                                          \
        X(TCP_DATA_OFFSET, "TCP data offset below 5 or beyond the segment")                        \
        X(TCP_CSUM, "wrong TCP checksum")                                                          \
        X(TCP_OPTIONS, "malformed TCP option on a SYN")                                            \
        X(TCP_PORT_ZERO, "TCP port 0")                                                             \
        X(TCP_NO_CONN, "no such connection or listener: answered with RST")                        \
        X(TCP_NO_CONN_RST, "reset for a connection that we don't have")                            \
        X(TCP_REPLY_LIMIT, "reply suppressed: queue full or rate limit")                           \
        /* TCP, LISTEN and SYN-RECEIVED */                                                         \
        X(TCP_LISTEN_FLAGS, "segment without SYN, or with RST, for a listener")                    \
        X(TCP_SYN_QUEUE, "SYN queue full and cookies not allowed")                                 \
        X(TCP_SYN_NOMEM, "no memory for a new connection")                                         \
        X(TCP_SYN_VERDICT, "SYN dropped by the application's verdict")                             \
        X(TCP_ACCEPT_QUEUE, "accept queue full")                                                   \
        X(TCP_COOKIE, "acknowledgement with a wrong or old SYN cookie")                            \
        X(TCP_HALF_OPEN_SEQ, "segment that does not fit the half-open connection")                 \
        X(TCP_DEFERRED, "ACK without data, of a listener with DEFER_ACCEPT")                       \
        /* TCP, RFC 9293 3.10.7.3 and 3.10.7.4 */                                                  \
        X(TCP_SYN_SENT, "segment that does not answer our SYN")                                    \
        X(TCP_SEQ, "sequence numbers outside of the receive window")                               \
        X(TCP_PAWS, "timestamp older than the last one (RFC 7323, 5)")                             \
        X(TCP_RST_SEQ, "reset inside the window but not at RCV.NXT: challenge ACK (RFC 5961, 3)")  \
        X(TCP_RST_TAKEN, "reset accepted")                                                         \
        X(TCP_SYN_IN_SYNC, "SYN on a synchronized connection: challenge ACK (RFC 5961, 4)")        \
        X(TCP_NO_ACK_FLAG, "segment without the ACK bit")                                          \
        X(TCP_ACK_RANGE, "acknowledges what was never sent or is too old (RFC 5961, 5)")           \
        X(TCP_DATA_CLOSED, "data after the application closed: reset (RFC 2525, 2.16)")            \
        X(TCP_AFTER_FIN, "data beyond the peer's FIN")                                             \
        X(TCP_RCV_WINDOW, "data beyond the receive window")                                        \
        X(TCP_RCV_DUP, "only data that was received before")                                       \
        X(TCP_RCV_RANGES, "too many holes in the received data")                                   \
        X(TCP_RCV_NOMEM, "no memory for received data")                                            \
        X(TCP_TIME_WAIT, "segment for a connection in TIME-WAIT")

enum elko_drop {
#define ELKO_X(name, text) ELKO_DROP_##name,
        ELKO_DROP_LIST(ELKO_X)
#undef ELKO_X
                ELKO_DROP_COUNT
};

/* "TCP_CSUM" and "wrong TCP checksum"; never NULL. */
const char *elko_drop_name(enum elko_drop reason);
const char *elko_drop_text(enum elko_drop reason);

/* Counters of a stack since creation. X(name, text) */
#define ELKO_COUNTER_LIST(X)                                                                       \
        X(packets_in, "packets given to elko_input")                                               \
        X(bytes_in, "bytes of those packets")                                                      \
        X(frames_out, "frames handed out by elko_output")                                          \
        X(bytes_out, "bytes of those frames")                                                      \
        X(tcp_segs_in, "TCP segments that passed the checksum")                                    \
        X(tcp_segs_out, "TCP segments sent")                                                       \
        X(tcp_bytes_received, "stream bytes received in order")                                    \
        X(tcp_bytes_acked, "stream bytes sent and acknowledged")                                   \
        X(tcp_retrans_segs, "segments sent again")                                                 \
        X(tcp_active_opens, "connections opened by connect")                                       \
        X(tcp_passive_opens, "connections opened by a peer")                                       \
        X(tcp_attempt_fails, "connections that failed before ESTABLISHED")                         \
        X(tcp_estab_resets, "resets accepted in a synchronized state")                             \
        X(tcp_resets_sent, "RST segments sent")                                                    \
        X(tcp_challenge_acks, "challenge ACKs sent (RFC 5961)")                                    \
        X(tcp_challenge_acks_limited, "challenge ACKs suppressed by the rate limit")               \
        X(tcp_syn_cookies_sent, "SYN+ACKs sent with a cookie (RFC 4987)")                          \
        X(tcp_syn_cookies_ok, "connections made from a cookie")                                    \
        X(tcp_fastopen_asked, "SYNs sent that ask for a Fast Open cookie (RFC 7413)")              \
        X(tcp_fastopen_out, "SYNs sent with a Fast Open cookie and data")                          \
        X(tcp_fastopen_taken, "of these: the SYN+ACK acknowledged the data")                       \
        X(tcp_fastopen_in, "connections that a Fast Open cookie opened")                           \
        X(tcp_fastopen_refused, "SYNs with a Fast Open cookie that was not good")                  \
        X(tcp_fastopen_full, "SYNs with a good one that came while too many waited")               \
        X(tcp_syn_retrans, "SYN and SYN+ACK segments sent again")                                  \
        X(tcp_rto, "retransmission timer expiries")                                                \
        X(tcp_fast_retrans, "fast retransmits")                                                    \
        X(tcp_loss_probes, "tail loss probes sent (RFC 8985)")                                     \
        X(tcp_mtu_probes, "larger segments sent to find the path MTU (RFC 4821)")                  \
        X(tcp_mtu_black_holes, "paths found to swallow large segments (RFC 4821, 7.7)")            \
        X(tcp_loss_probe_repairs, "losses that a tail loss probe repaired")                        \
        X(tcp_sack_reneged, "peers that gave up what they had SACKed (RFC 2018, 8)")               \
        X(tcp_undo_timestamp, "reductions undone: timestamps (RFC 3522)")                          \
        X(tcp_undo_dsack, "reductions undone: D-SACK (RFC 3708)")                                  \
        X(tcp_undo_frto, "reductions undone: F-RTO (RFC 5682)")                                    \
        X(tcp_dup_acks_in, "duplicate acknowledgements received (RFC 5681)")                       \
        X(tcp_ooo_segs_in, "segments received out of order and kept")                              \
        X(tcp_dup_segs_in, "segments received twice")                                              \
        X(tcp_sack_blocks_out, "SACK blocks sent")                                                 \
        X(tcp_dsack_out, "D-SACK blocks sent (RFC 2883)")                                          \
        X(tcp_zero_window_probes, "zero-window probes sent")                                       \
        X(tcp_zero_window_adv, "zero windows advertised")                                          \
        X(tcp_keepalives, "keepalive probes sent")                                                 \
        X(tcp_ecn_opens, "connections that use ECN (RFC 3168)")                                    \
        X(tcp_ecn_refused, "SYNs sent that asked for ECN in vain")                                 \
        X(tcp_accecn_opens, "connections that use AccECN (RFC 9768)")                              \
        X(tcp_accecn_mangled, "of these: somebody changes the ECN field or its feedback")          \
        X(tcp_ce_in, "segments with data that came with CE on such a connection")                  \
        X(tcp_ecn_cuts, "reductions of the congestion window that ECN asked for")                  \
        X(tcp_delayed_acks, "ACKs sent by the delayed-ACK timer")                                  \
        X(tcp_timeouts, "connections ended by a time-out")                                         \
        X(tcp_time_waits, "connections that entered TIME-WAIT")                                    \
        X(tcp_time_wait_reused, "TIME-WAIT connections reopened by a new SYN (RFC 6191)")          \
        X(tcp_time_wait_recycled, "TIME-WAIT connections dropped early: table full")               \
        X(tcp_orphan_aborts, "closed connections aborted: peer silent or unread data")             \
        X(icmp_echo_in, "echo requests received")                                                  \
        X(icmp_echo_out, "echo replies sent")                                                      \
        X(icmp_errors_in, "ICMP errors that concern a connection")                                 \
        X(icmp_errors_out, "ICMP errors sent")                                                     \
        X(icmp_limited, "ICMP messages suppressed by the rate limit")                              \
        X(arp_requests_out, "ARP requests sent")                                                   \
        X(nd_solicits_out, "neighbour solicitations sent")                                         \
        X(neigh_failed, "neighbours that did not answer")                                          \
        X(nomem, "allocations refused: region full")

struct elko_counters {
#define ELKO_X(name, text) uint64_t name;
        ELKO_COUNTER_LIST(ELKO_X)
#undef ELKO_X
        uint64_t drops[ELKO_DROP_COUNT]; /* by reason */
};

/* Memory of a stack, bytes unless it says otherwise. */
struct elko_memory_info {
        uint64_t capacity;    /* what the region can hold at most */
        uint64_t used;        /* allocated now */
        uint64_t high_water;  /* most ever allocated */
        uint64_t promised;    /* advertised receive windows that have no buffer yet */
        uint32_t connections; /* objects, now */
        uint32_t half_open;
        uint32_t time_wait;
        uint32_t listeners;
        uint32_t connection_bytes; /* one object, without buffers; hash slot and timer included */
        uint32_t half_open_bytes;
        uint32_t time_wait_bytes;
};

/* What limits the sender at this moment. */
enum elko_limited_by {
        ELKO_LIMITED_NOTHING, /* nothing to send */
        ELKO_LIMITED_APP,     /* everything given was sent */
        ELKO_LIMITED_RWND,    /* the peer's window */
        ELKO_LIMITED_CWND,    /* the congestion window */
        ELKO_LIMITED_NAGLE,   /* a small segment waits (RFC 9293, 3.7.4) */
        ELKO_LIMITED_LINK,    /* the link has not asked yet, or the neighbour is unresolved */
        ELKO_LIMITED_PACING,  /* the pacing rate */
};

/* The numbers are those of Linux's TCPI_OPT_*. */
enum elko_tcp_option_flag {
        ELKO_TCPI_TIMESTAMPS = 1u << 0,
        ELKO_TCPI_SACK = 1u << 1,
        ELKO_TCPI_WSCALE = 1u << 2,
        ELKO_TCPI_ECN = 1u << 3,
        ELKO_TCPI_ECN_SEEN = 1u << 4, /* data came that was marked as ECN-capable */
        ELKO_TCPI_ACCECN = 1u << 8,   /* elko's own: in AccECN mode (RFC 9768) */
        ELKO_TCPI_SYN_DATA = 1u << 5, /* data of a SYN was acknowledged with it (RFC 7413) */
};

enum elko_ca_state { ELKO_CA_OPEN, ELKO_CA_DISORDER, ELKO_CA_CWR, ELKO_CA_RECOVERY, ELKO_CA_LOSS };

/*
 * STATUS (RFC 9293, 3.9.1.6): at least what Linux's struct tcp_info shows. Spans in ns, windows and
 * amounts in bytes.
 *
 *      rcv_rtt_ns          the round trip as the receiving side sees it, with timestamps in whole ms; 0: none
 *      delivery_rate       bytes/s of payload, the latest sample; one that the application limited only
 *                          if it is higher; 0: none
 *      busy_ns             time with something queued or unacknowledged, including
 *      rwnd_limited_ns     ... time in which the peer's window held data back, and
 *      sndbuf_limited_ns   ... time in which all was sent and the send buffer had no room for more
 *      delivered_ce        segments of `delivered` that, as far as the peer's ACKs tell, came with CE: with ECN of
 *                          RFC 3168 all of those that an ACK with ECE is for
 *      dsack_dups          segments that the peer reported as received twice (RFC 2883)
 *      reordering          how many segments later one may arrive than sent, 3 if not known to be more
 *      undone              reductions of the congestion window that proved spurious and were taken back
 *      reord_seen          segments sent once that arrived after later ones (RFC 8985, 6.2; needs SACK)
 */
struct elko_tcp_info {
        elko_endpoint local, remote;
        enum elko_tcp_state state;
        enum elko_ca_state ca_state;
        enum elko_limited_by limited_by;
        uint32_t options; /* enum elko_tcp_option_flag: in force on this connection */
        uint8_t snd_wscale, rcv_wscale;
        uint8_t retransmits; /* consecutive expiries without progress */
        uint8_t probes;      /* unanswered zero-window or keepalive probes */
        uint8_t backoff;

        uint64_t rto_ns, ato_ns;
        uint64_t srtt_ns, rttvar_ns, min_rtt_ns, rcv_rtt_ns;
        uint64_t pacing_rate, max_pacing_rate, delivery_rate; /* bytes/s; 0: none */
        uint64_t last_data_sent_ns, last_ack_sent_ns;         /* ages; ELKO_NEVER: not yet */
        uint64_t last_data_recv_ns, last_ack_recv_ns;
        uint64_t busy_ns, rwnd_limited_ns, sndbuf_limited_ns;

        uint32_t snd_mss, rcv_mss, adv_mss, pmtu;
        uint32_t snd_cwnd, snd_ssthresh, snd_wnd, rcv_wnd;
        uint32_t unacked, sacked, lost, retrans; /* segments in the scoreboard */
        uint32_t flight;                         /* SND.NXT - SND.UNA */
        uint32_t notsent;                        /* queued, never sent */
        uint32_t reordering;                     /* segments */
        uint32_t snd_buf, snd_buf_used, rcv_buf, rcv_buf_used, rcv_ooo;

        uint64_t bytes_acked, bytes_received, bytes_sent, bytes_retrans;
        uint32_t segs_out, segs_in, data_segs_out, data_segs_in;
        uint32_t total_retrans, total_rto, delivered, delivered_ce, dsack_dups, rcv_ooopack,
                reord_seen;
        uint32_t received_ce; /* AccECN: packets that came with CE */
        uint32_t accecn_e0b, accecn_ceb,
                accecn_e1b; /* ... bytes that the peer got, by their ECN field */
        uint32_t received_e0b, received_ceb, received_e1b; /* ... and we did */
        uint32_t undone;
        uint32_t iss, irs, snd_una, snd_nxt, rcv_nxt; /* absolute sequence numbers */
        const char *congestion;                       /* name of the algorithm, static */
        struct elko_cc_info cc;                       /* what it shows of itself */
};

#ifdef __cplusplus
}
#endif
#endif
