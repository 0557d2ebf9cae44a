/* SPDX-License-Identifier: MIT */
#ifndef LADDER_TEXT_H
#define LADDER_TEXT_H

/*
 * Every sentence of the picture, in one table by situation, in each language.
 *
 * A sentence may hold {names}, replaced by the numbers of the very segment that it explains, and
 * [groups], left out when a name in them has no value. A newline starts a new paragraph.
 *
 *      {from} {to}             sender and receiver; {From} and {To} start a sentence
 *      {seq} {ack}             relative numbers, as on the arrow
 *      {next}                  the number after the last that the segment takes
 *      {fin}                   the number that its FIN takes
 *      {iseq} {iack} {inext}   the absolute numbers
 *      {len} {win}             bytes
 *      {after}                 how long after the first transmission it was sent again
 *      {cause} {ended} {options}
 */

#include "ladder.h"

/* clang-format off */
#define LADDER_SIT_LIST(X)                                                                         \
        X(NONE)                                                                                    \
        /* sections */                                                                             \
        X(SEC_OPEN) X(SEC_OPEN_SIM) X(SEC_OPEN_FAILED) X(SEC_NONE) X(SEC_DATA)                     \
        X(SEC_CLOSE) X(SEC_CLOSE_THREE) X(SEC_CLOSE_SIM) X(SEC_CLOSE_HALF) X(SEC_RESET)            \
        /* steps, numbered */                                                                      \
        X(SYN) X(SYN_SIM) X(SYN_ACK) X(SYN_ACK_SIM) X(ACK_SYN) X(ACK_SYN_DATA)                     \
        X(FIN) X(ACK_FIN) X(FIN_2) X(FIN_ACK) X(ACK_FIN_2) X(FIN_SIM) X(ACK_FIN_SIM)               \
        /* remarks, lettered */                                                                    \
        X(TIME_WAIT_END) X(OPTIONS) X(MID_STREAM) X(SYN_AGAIN) X(DUP_SYN) X(SYN_ACK_AGAIN)         \
        X(DUP_SYN_ACK) X(COOKIE) X(SYN_DATA) X(BAD_SYN_ACK) X(STRAY_ACK) X(NEW_SYN)                \
        X(RST_REFUSED) X(RST_OLD_DUP) X(RST_REJECT) X(RST_STRAY) X(RST_HALF_OPEN) X(RST_NO_CONN)   \
        X(RST_DATA) X(RST_ABORT) X(RST_PEER) X(RST_BAD) X(CHALLENGE)                               \
        X(RETRANS_RTO) X(RETRANS_FAST) X(RETRANS_PEER) X(GAP) X(FILL) X(FIN_AGAIN)                 \
        X(ZERO_WINDOW) X(REOPEN) X(PROBE) X(KEEPALIVE) X(KEEPALIVE_ANSWER)                         \
        X(HALF_DATA) X(TIME_WAIT_ACK) X(REUSE) X(DROPPED) X(USER_CLOSE) X(ENDED)

enum ladder_sit {
#define LADDER_X(id) LADDER_SIT_##id,
        LADDER_SIT_LIST(LADDER_X)
#undef LADDER_X
        LADDER_SIT_COUNT
};

/* Words of headings and of the summary. X(id, English, Chinese) */
#define LADDER_WORD_LIST(X)                                                                        \
        X(CLIENT, "client", "客户端")                                                              \
        X(SERVER, "server", "服务器")                                                              \
        X(THE_CLIENT, "the client", "客户端")                                                      \
        X(THE_SERVER, "the server", "服务器")                                                      \
        X(THE_CLIENT_CAP, "The client", "客户端")                                                  \
        X(THE_SERVER_CAP, "The server", "服务器")                                                  \
        X(CONNECTION, "Connection", "连接")                                                        \
        X(SUMMARY, "Summary", "小结")                                                              \
        X(OPENED, "opened by", "主动打开方")                                                       \
        X(OPENED_IN, "handshake", "握手用时")                                                      \
        X(OPENED_BOTH, "both ends at once", "双方同时打开")                                        \
        X(OPENED_BEFORE, "open before the recording began", "开始记录之前已经建立")                \
        X(CLOSED_FIRST, "closed first", "主动关闭方")                                              \
        X(CLOSED_BOTH, "both ends at once", "双方同时关闭")                                        \
        X(RESET_BY, "reset by", "RST 发送方")                                                      \
        X(NOBODY, "nobody yet", "双方均未关闭")                                                    \
        X(BYTES, "bytes", "字节")                                                                  \
        X(SEGMENTS, "segments", "个报文段")                                                        \
        X(SEGMENT, "segment", "个报文段")                                                          \
        X(BYTE, "byte", "字节")                                                                    \
        X(ACK1, "segment without data", "个不带数据的报文段")                                      \
        X(ACKS, "segments without data", "个不带数据的报文段")                                     \
        X(RETRANS, "sent again", "次重传")                                                         \
        X(DROPPED, "dropped", "个被丢弃")                                                          \
        X(FORGOTTEN, "more events not kept", "个事件未予保留")                                     \
        X(DURATION, "lasted", "持续时间")                                                          \
        X(RTT, "round trip", "往返时间")                                                           \
        X(RTT_SMOOTHED, "smoothed", "平滑值")                                                      \
        X(RTT_HANDSHAKE, "in the handshake", "握手时测得")                                         \
        X(OPTIONS, "options", "协商的选项")                                                        \
        X(OPTIONS_NONE, "none in force", "无")                                                     \
        X(OPTIONS_UNKNOWN, "not seen", "未观察到")                                                 \
        X(WSCALE, "window scale", "窗口扩大因子")                                                  \
        X(SACK, "SACK", "选择确认（SACK）")                                                        \
        X(TS, "timestamps", "时间戳")                                                              \
        X(END, "ended", "结束")                                                                    \
        X(END_NORMAL, "normally: each direction was closed by a FIN and acknowledged",             \
          "正常：两个方向都由 FIN 关闭，且均得到确认")                                             \
        X(END_RESET, "aborted by RST", "被 RST 异常终止")                                          \
        X(END_REFUSED, "refused: nobody listens there", "被拒绝：对方端口没有进程监听")            \
        X(END_OPEN, "not ended: still open", "尚未结束，连接仍然打开")                             \
        X(END_HALF, "not ended: one direction is closed", "尚未结束，一个方向已关闭（半关闭）")    \
        X(END_OPENING, "never opened: the handshake was not completed", "未能建立：握手没有完成")  \
        X(END_GIVEN_UP, "given up", "放弃")                                                        \
        X(END_NO_CONN, "there was no connection", "并不存在这条连接")                              \
        X(TW_UNTIL, "until", "直到")                                                               \
        X(TW_FROM, "from", "始于")                                                                 \
        X(TW_OVER, "over at", "结束于")                                                            \
        X(INFERRED, "inferred from the segments by RFC 9293's state diagram; this end cannot be asked",\
          "该端状态无法直接得知，系根据报文段按 RFC 9293 状态图推断")                              \
        X(LEGEND_LOST, "lost, or taken to be lost because it was sent again",                      \
          "丢失，或因随后被重传而推定丢失")                                                        \
        X(LEGEND_LOST_SURE, "lost on the way: it never arrived", "在途中丢失，未曾到达对方")       \
        X(LEGEND_CROSS, "still on its way; its arrival has a row of its own",                      \
          "仍在途中，到达时另起一行")                                                              \
        X(MORE, "more connections, not drawn", "条连接未画出")                                     \
        X(NOTHING, "No TCP connection was seen.", "没有观察到 TCP 连接。")                         \
        X(OPT_MSS, "MSS, the largest segment that each end receives: client {c}, server {s}",      \
          "最大报文段长度（MSS）：客户端 {c}，服务器 {s}")                                         \
        X(OPT_WSCALE, "window scale: after the SYNs the window counts in {c} (client) and {s} "    \
          "(server) bytes", "窗口扩大：SYN 之后，窗口以 {c} 字节（客户端）、{s} 字节（服务器）为单位")\
        X(OPT_SACK, "SACK: what arrived beyond a hole is named, so only the hole is sent again",   \
          "选择确认（SACK）：指明缺口之后已收到的数据，只需重传缺失部分")                          \
        X(OPT_TS, "timestamps: to measure round trips and to reject old segments",                 \
          "时间戳：测量往返时间，并识别旧报文段")                                                  \
        X(OPT_NONE, "none that both ends offered", "没有双方都支持的选项")                         \
        X(SEMICOLON, "; ", "；")                                                                   \
        X(COMMA, ", ", "，")                                                                       \
        X(COLON, ": ", "：")                                                                       \
        X(SEE, "RFC", "RFC")                                                                      \
        X(FIGURE, "figure", "图")                                                                 \
        X(PAREN_OPEN, " (", "（")                                                                  \
        X(PAREN_CLOSE, ")", "）")
/* clang-format on */

enum ladder_word {
#define LADDER_X(id, en, zh) LADDER_W_##id,
        LADDER_WORD_LIST(LADDER_X)
#undef LADDER_X
                LADDER_W_COUNT
};

/* Static strings, never NULL. */
const char *ladder_word(enum ladder_lang lang, enum ladder_word w);
const char *ladder_sit_title(enum ladder_lang lang, enum ladder_sit sit); /* at most 20 columns */
const char *ladder_sit_text(enum ladder_lang lang, enum ladder_sit sit);
const char *ladder_sit_rfc(enum ladder_sit sit); /* "9293, 3.5" or "" */

struct ladder_var {
        const char *name, *value; /* value NULL: none */
};

/* Replaces {names} and [groups] of `text`; the result is cut at n - 1 bytes and always terminated.
 * */
void ladder_expand(const char *text, const struct ladder_var *var, size_t nvar, char *buf,
                   size_t n);

#endif
