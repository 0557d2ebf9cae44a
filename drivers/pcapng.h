/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_PCAPNG_H
#define ELKO_DRIVERS_PCAPNG_H

/*
 * Recording packets as pcapng (draft-ietf-opsawg-pcapng), for tshark and Wireshark.
 *
 * A writer makes one file with any number of interfaces; the driver wrapper records what passes
 * through another driver. The first failure to write (disk full) is reported once, the recording
 * stops there, and the traffic goes on.
 */

#include <stdio.h>

#include "drivers/driver.h"

struct elko_drv_pcapng_writer;

struct elko_drv_pcapng_config {
        uint32_t snaplen;  /* most bytes kept of a packet; 0: all */
        uint64_t epoch_ns; /* added to `now` to give ns since 1970; 0 in virtual time */
        const char *name;  /* of the file, for error sentences; NULL: "capture" */
        bool keep_open;    /* do not fclose() the file at the end, only flush it */
        void (*on_error)(void *ctx, const char *text); /* NULL: a line on stderr */
        void *ctx;
};

/* The present CLOCK_REALTIME - CLOCK_MONOTONIC: `epoch_ns` when `now` is CLOCK_MONOTONIC. */
uint64_t elko_drv_pcapng_epoch(void);

/* ---- the writer ---- */

enum elko_drv_pcapng_dir { ELKO_DRV_PCAPNG_UNKNOWN, ELKO_DRV_PCAPNG_IN, ELKO_DRV_PCAPNG_OUT };

/* Start a section. `config` NULL: all zero. The writer owns `file` from then on, unless keep_open.
 * NULL: out of memory, `file` is untouched. */
struct elko_drv_pcapng_writer *elko_drv_pcapng_create(FILE *file,
                                                      const struct elko_drv_pcapng_config *config);

/* Describe an interface (medium and name); returns its number, 0 and up. */
uint32_t elko_drv_pcapng_interface(struct elko_drv_pcapng_writer *w,
                                   const struct elko_link_config *link);

/* Record a frame that left, or a packet that came, at `now`. `comment` (UTF-8) may be NULL. */
void elko_drv_pcapng_frame(struct elko_drv_pcapng_writer *w, uint32_t interface, uint64_t now,
                           const struct elko_frame *f, const char *comment);
void elko_drv_pcapng_packet(struct elko_drv_pcapng_writer *w, uint32_t interface, uint64_t now,
                            enum elko_drv_pcapng_dir dir, const struct elko_packet *p,
                            const char *comment);

/* Finish the file; returns 0, or the -errno of the first failure. NULL is allowed. */
int elko_drv_pcapng_destroy(struct elko_drv_pcapng_writer *w);

/* ---- the wrapper ---- */

/* Record everything that passes `inner`, with the instants of set_now(). `inner` then belongs to
 * the wrapper (also when NULL is returned: it and `file` are closed). NULL: errno and *why. */
struct elko_drv *elko_drv_pcapng_open(struct elko_drv *inner, FILE *file,
                                      const struct elko_drv_pcapng_config *config,
                                      struct elko_drv_why *why);

/* The same with defaults, and with wall-clock time stamps (now: CLOCK_MONOTONIC). */
struct elko_drv *elko_drv_pcapng(struct elko_drv *inner, FILE *file);

/* The same into a writer that several drivers share; it must outlive them. */
struct elko_drv *elko_drv_pcapng_shared(struct elko_drv *inner, struct elko_drv_pcapng_writer *w,
                                        struct elko_drv_why *why);

/* Give the next recorded packet of this driver a comment; the text is copied (up to 255 bytes). */
void elko_drv_pcapng_comment(struct elko_drv *d, const char *text);

#endif
