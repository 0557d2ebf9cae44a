/*
 * dump.h - a packet as one line of text, in the manner of tcpdump; for logs and tests.
 */
#ifndef EK_WIRE_DUMP_H
#define EK_WIRE_DUMP_H

#include "base/port.h"

#include <elko/link.h>

enum { EK_DUMP_TEXT = 512 }; /* holds every line */

/*
 * Describes the packet of n bytes at p, which begins as `medium` says and may be any garbage.
 * Writes at most cap bytes including the terminating NUL (a longer line is cut) and returns the
 * length without it. cap 0 is allowed.
 */
size_t ek_dump_packet(char *buf, size_t cap, enum elko_medium medium, const uint8_t *p, size_t n);

#endif
