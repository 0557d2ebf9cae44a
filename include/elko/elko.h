/* SPDX-License-Identifier: MIT */
#ifndef ELKO_H
#define ELKO_H

/*
 * elko: TCP as a library. IP packets go in, byte streams come out, and the other way round.
 *
 * Said once, for every header:
 *
 * Ownership  The caller owns the memory region, the packets given to elko_input(), and every buffer
 *            passed to a call; the stack keeps none of them after the call, the region excepted. What
 *            the stack hands out (frames, slices, strings of events) belongs to the stack.
 * Lifetime   Frames and slices are valid until the next call into the same stack.
 * Time       `now` is an absolute monotonic instant in ns. The library has no clock.
 * Threads    One thread at a time per stack. Stacks share nothing: no globals, no locks.
 * NULL       Pointers must not be NULL unless the comment allows it.
 * Errors     Negative enum elko_error; out of memory is an ordinary one. No call aborts the process
 *            because of a packet or an argument.
 * Determinism Same region size, seed, inputs and times: same outputs, bit for bit.
 */

#include <elko/cc.h>
#include <elko/info.h>
#include <elko/link.h>
#include <elko/persona.h>
#include <elko/socket.h>
#include <elko/stack.h>
#include <elko/trace.h>
#include <elko/types.h>

#endif
