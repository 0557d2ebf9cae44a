/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_MONITOR_CAPTURE_H
#define ELKO_SIM_MONITOR_CAPTURE_H

/*
 * Reading capture files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), either byte
 * order, micro- or nanoseconds.
 */

#include <stdio.h>

#include <elko/types.h>

enum sim_capture_dir { SIM_CAPTURE_UNKNOWN, SIM_CAPTURE_IN, SIM_CAPTURE_OUT };

struct sim_capture_packet {
        uint64_t number; /* from 1 on, in the file */
        uint64_t now;    /* ns, since 1970 or since whatever the file's epoch is */
        unsigned interface;
        enum sim_capture_dir dir;
        const uint8_t *data; /* the IP packet; NULL: the frame holds none */
        size_t len;
        bool cut; /* the file does not hold all of it */
};

typedef void sim_capture_fn(void *ctx, const struct sim_capture_packet *p);

/* Call `fn` for each packet of the file. False: `why` (of `why_len` bytes) says what is wrong with it, and
 * where; what came before has been passed on. */
bool sim_capture_read(FILE *f, sim_capture_fn *fn, void *ctx, char *why, size_t why_len);

#endif
