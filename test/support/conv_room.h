/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_CONV_ROOM_H
#define EK_TEST_CONV_ROOM_H

/* What the rooms of the conversation harness (conv*.c) share among themselves. */

#include "conv_seg.h"

#include <stdarg.h>

/* A line of the protocol that is printed when a test fails. */
void conv_log(struct conv *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What the relative numbers of a segment mean: of one that the peer sends, of one that the stack sends. */
void conv_bases_in(const struct conv *c, struct conv_bases *b);
void conv_bases_out(const struct conv *c, const struct conv_flow *f, struct conv_bases *b);

/* Around every call into the stack. */
void conv_before_call(struct conv *c);
void conv_after_call(struct conv *c);

/* Take what the stack has to send; verify one frame by the rules and queue it. */
void conv_pull_frames(struct conv *c);
void conv_capture(struct conv *c, const struct elko_frame *frame);

/* The text of a segment; what is wrong with it fails the test. */
void conv_parse(struct conv *c, const char *text, const struct conv_bases *b, struct conv_pat *p);

/* Forget the packets of conv_queue(). */
void conv_drop_batch(struct conv *c);

/* Both ends of the current flow, and the connection if the stack has it. */
void conv_endpoints(const struct conv *c, elko_endpoint *local, elko_endpoint *remote);
bool conv_find(struct conv *c, struct elko_tcp_info *out);

void conv_require_ok(struct conv *c, const char *call, int64_t r);

#endif
