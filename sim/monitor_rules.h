/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_MONITOR_RULES_H
#define ELKO_SIM_MONITOR_RULES_H

/*
 * What the wire monitor judges: one line for each rule.
 *
 *      X(NAME, text, where it is written)
 *
 * The text says what must hold. What the monitor leaves out of a rule on purpose, because an endpoint
 * that is right may look wrong from outside, is said where the rule is judged, under "Tolerance".
 * Section numbers of RFC 9293 where no other RFC is named.
 */

/* clang-format off */
#define SIM_MONITOR_RULES(X)                                                                            \
        /* ---- the packet by itself ---- */                                                            \
        X(IP_HEADER, "the IP header is well formed: version, lengths, header checksum, TTL > 0",        \
          "RFC 791 3.1, RFC 8200 3")                                                                    \
        X(FRAGMENT, "TCP cuts its data so that IP need not fragment", "3.7, 3.7.2")                     \
        X(ADDRESS, "addresses are unicast, and sender and receiver differ",                             \
          "3.9.2.3, RFC 1122 3.2.1.3")                                                                  \
        X(MTU, "no packet is longer than the link carries", "3.7.1")                                    \
        X(TCP_HEADER, "the data offset is 5 to 15 words and within the segment", "3.1")                 \
        X(TCP_CHECKSUM, "the TCP checksum is right", "3.1 (MUST-2)")                                    \
        X(RESERVED, "reserved bits are zero", "3.1")                                                    \
        X(OPTION_FORM, "options have their lengths, and padding is zero", "3.1, 3.2")                   \
        X(FLAGS, "SYN goes with neither FIN nor RST; a segment has at least one of SYN, ACK, RST",      \
          "3.5, 3.10.7")                                                                                \
        X(ACK_BIT, "ACK is set on everything but the first SYN and an RST", "3.1, 3.10.2")              \
        /* ---- options and what was negotiated ---- */                                                 \
        X(SYN_OPTIONS, "MSS, Window Scale and SACK-Permitted stand on SYN segments only",               \
          "3.7.1, RFC 7323 2.2, RFC 2018 2")                                                            \
        X(WSCALE_MAX, "the shift count is at most 14", "RFC 7323 2.3")                                  \
        X(WSCALE_ANSWER, "a SYN+ACK has Window Scale only if the SYN had it", "RFC 7323 2.2")           \
        X(SACK_ALLOWED, "SACK is sent only to who sent SACK-Permitted", "RFC 2018 4")                   \
        X(TS_ANSWER, "a SYN+ACK has Timestamps only if the SYN had them", "RFC 7323 3.2")               \
        X(TS_ALWAYS, "with Timestamps negotiated every segment but RST has them", "RFC 7323 3.2")       \
        X(TS_NEVER, "without Timestamps negotiated no segment has them", "RFC 7323 3.2")                \
        X(TSVAL, "TSval never goes back", "RFC 7323 5.4")                                               \
        X(TSECR, "TSecr is TS.Recent; 0 without ACK", "RFC 7323 3.2, 4.3")                              \
        X(MSS, "text and options together fit the MSS that the peer gave (536, 1220 without)",          \
          "3.7.1 (MUST-15, MUST-16)")                                                                   \
        /* ---- sequence space of the sender ---- */                                                    \
        X(ISN, "a SYN sent again has the same sequence number", "3.4.1, 3.8.1")                         \
        X(SEQ_GAP, "no sequence number is left out: SEG.SEQ <= highest sent", "3.4, 3.10.2")            \
        X(SAME_BYTES, "a sequence number carries the same octet each time", "3.4, 3.8.1")               \
        X(FIN_FIXED, "the FIN keeps its sequence number", "3.6, 3.10.4")                                \
        X(ABOVE_FIN, "nothing is sent above the FIN", "3.6")                                            \
        X(WINDOW, "new data stays left of the right edge; a probe is one octet",                        \
          "3.8.6, 3.8.6.1, RFC 7323 2.4")                                                               \
        X(STALE, "what the peer has acknowledged is not sent again", "3.8.1, 3.10.7.4 fifth")           \
        X(SEQ_OLD, "an empty segment has SEQ = SND.NXT, a keep-alive SND.NXT-1", "3.10.7.4, 3.8.4")     \
        X(EARLY_TEXT, "text waits for the handshake, unless on the SYN", "3.10.2")                      \
        /* ---- acknowledgments ---- */                                                                 \
        X(ACK_UNSENT, "only what has arrived in sequence is acknowledged", "3.4, 3.10.7.4 seventh")     \
        X(ACK_BACK, "the acknowledgment number never decreases", "3.4, 3.10.7.4")                       \
        X(ACK_BEYOND_EDGE, "nothing beyond the offered window is accepted", "3.10.7.4 first")           \
        X(ACK_DELAY, "an acknowledgment is delayed by less than 0.5 s", "3.8.6.3 (MUST-40)")            \
        X(ACK_SECOND, "every second full-sized segment is acknowledged",                                \
          "3.8.6.3 (SHLD-19), RFC 5681 4.2")                                                            \
        X(ACK_OOO, "a segment above a gap is acknowledged at once", "RFC 5681 4.2")                     \
        X(ACK_FILL, "a segment that fills a gap is acknowledged at once", "RFC 5681 4.2")               \
        X(ACK_UNACCEPTABLE, "unacceptable data is answered with an ACK", "3.5.2, 3.10.7.4 first")       \
        X(EDGE_LEFT, "the right edge of the offered window never moves left", "3.8.6 (SHLD-14)")        \
        /* ---- SACK ---- */                                                                            \
        X(SACK_FORM, "SACK blocks are not empty, above the ACK, and do not overlap", "RFC 2018 3")      \
        X(SACK_HELD, "SACK blocks name only data that has arrived", "RFC 2018 4")                       \
        X(SACK_FIRST, "the first block has the segment that triggered the ACK", "RFC 2018 4 (MUST)")    \
        X(SACK_RENEGE, "what was SACKed is SACKed until it is acknowledged", "RFC 2018 4, 8")           \
        X(SACK_USED, "who can SACK does so while data above a gap waits", "RFC 2018 4 (SHOULD)")        \
        X(DSACK, "a D-SACK names data that came twice, once", "RFC 2883 4")                             \
        /* ---- ECN ---- */                                                                             \
        X(ECN_SYN, "a SYN has no ECT; a SYN+ACK has ECE only when the SYN asked for ECN",               \
          "RFC 3168 6.1.1 (MUST)")                                                                      \
        X(ECT, "ECT stands on new data only, and only when both SYNs agreed",                           \
          "RFC 3168 6.1.1, 6.1.4, 6.1.5, 6.1.6 (MUST)")                                                 \
        X(ECE, "ECE is sent only after data came with CE", "RFC 3168 6.1.3")                            \
        X(ECE_OWED, "the ACK of data that came with CE has ECE", "RFC 3168 6.1.3")                      \
        X(CWR, "CWR stands on new data, once for each reduction of the window",                         \
          "RFC 3168 6.1.2, 6.1.6")                                                                      \
        X(ACE, "the ACE field counts the packets that came with CE", "RFC 9768 3.2.1, 3.2.2")            \
        X(CWR_OWED, "the first new data after ECE for another window of data has CWR",                  \
          "RFC 3168 6.1.2")                                                                             \
        /* ---- resets ---- */                                                                          \
        X(RST_FORM, "an RST is <SEQ=SEG.ACK>, <SEQ=0><ACK=SEG.SEQ+SEG.LEN>, or SND.NXT of an abort",    \
          "3.5.2, 3.10.5, 3.10.7.1")                                                                    \
        X(RST_REASON, "one segment draws at most one RST", "3.5.2")                                     \
        X(RST_TO_RST, "an RST is not answered with an RST", "3.5.2, 3.10.7.1")                          \
        X(AFTER_RST_IN, "an RST at RCV.NXT ends the connection", "3.10.7.4 second, RFC 5961 3.2")       \
        X(AFTER_RST_OUT, "who reset a connection says no more on it", "3.10.5, 3.10.7.1")               \
        /* ---- timers and quantities ---- */                                                           \
        X(RTX_EARLY, "nothing is sent again before a round trip without a sign of loss",                \
          "3.8.1, RFC 6298 5, RFC 5681 3.2")                                                            \
        X(RTX_BACKOFF, "the time-out doubles from one retransmission to the next", "RFC 6298 5.5")      \
        X(RTX_MISSING, "what is not acknowledged is sent again", "3.8.1, RFC 6298 5.4")                 \
        X(PROBE_BACKOFF, "zero-window probes do not come faster and faster", "3.8.6.1 (SHLD-30)")       \
        X(PROBE_MISSING, "a closed window is probed until it opens", "3.8.6.1 (MUST-36, MUST-37)")      \
        X(STORM, "an empty ACK that says nothing new has a reason", "RFC 5681 4.2, 3.10.7.4")           \
        X(INITIAL_WINDOW, "at most ten segments before the first acknowledgment", "RFC 6928 2")         \
        X(CWND, "what is in flight grows by what is acknowledged, at most", "RFC 5681 3.1")             \
        X(AFTER_RTO, "one segment after a retransmission time-out", "RFC 5681 3.1 (4)")                 \
        X(STATE, "the segment may be sent in the state that the connection is in", "3.3.2, 3.10")
/* clang-format on */

enum sim_monitor_rule {
#define SIM_X(name, text, where) SIM_RULE_##name,
        SIM_MONITOR_RULES(SIM_X)
#undef SIM_X
                SIM_RULES
};

#endif
