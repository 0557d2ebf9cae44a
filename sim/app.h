/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_APP_H
#define ELKO_SIM_APP_H

/*
 * Applications: one for each end of a connection on a node that runs elko. They use the public calls only
 * and check what those promise (I-47).
 */

#include "oracle.h"

struct sim_elko;

enum sim_app_end {
        SIM_APP_POLITE,  /* shutdown when all is sent, read to the end, close */
        SIM_APP_PATIENT, /* the same, but shutdown only after the peer's end of stream */
        SIM_APP_HURRY,   /* close when all is given to TCP and the peer's end was not waited for */
        SIM_APP_ABORT,   /* abort after end_at bytes in both directions */
        SIM_APP_CLOSE_EARLY /* close after end_at bytes, whatever is unread */
};

struct sim_app_plan {
        uint64_t bytes;               /* to send */
        uint32_t write_max, read_max; /* in one call */
        uint32_t ask, answer;         /* send `ask` bytes, then wait for `answer`; 0: all at once */
        bool answers;                 /* the other role: first wait, then send */
        uint64_t think_ns;            /* between calls that send; 0: none */
        bool zero_copy;
        uint32_t options;         /* bit for each of the switches in app.c */
        uint64_t user_timeout_ns; /* 0: none */

        uint64_t pause_at,
                pause_ns;     /* 13: stop reading at this byte for a time; ELKO_NEVER: heal */
        enum sim_app_end end; /* 14 */
        uint64_t end_at;
};

/* A state of the application, kept by the node. */
struct sim_app {
        bool used;
        struct sim_elko *node;
        struct sim_conn *conn;
        unsigned end; /* 0: it opened, 1: it accepted */
        elko_sock sock;
        struct sim_app_plan plan;
        uint64_t sent, received;
        uint64_t wake; /* world time; ELKO_NEVER: none */
        uint64_t next_write, paused_until;
        uint64_t silence_ns;   /* how long its TCP had no answer when it ended */
        uint64_t patience_syn; /* R2 of the opening */
        bool never_open; /* it ended in SYN-RECEIVED: accepted by a cookie (RFC 7413, 4.2.2) */
        bool connected, paused, pause_over, shut, eof, dead, cant_write;
        bool told_eof, told_error, told_closed;
        bool promised_read, promised_write; /* readiness was told and not yet used */
        bool modest;                        /* the last send was refused */
        uint64_t opened_at;                 /* world time */
        uint64_t keep_idle, keep_interval;  /* of the keep-alive, if they were set; 0: not */
};

/* Draw the plan of end `end` of the scenario's connection number `id`. */
struct sim_app_plan sim_app_draw(struct sim_world *w, uint32_t faults, uint32_t id, unsigned end,
                                 uint64_t most_bytes);

/* Its TCP says nothing by itself while it is idle. */
void sim_app_no_keepalive(struct sim_app_plan *p);

/* Nor does it ask for small segments or buffers. */
void sim_app_no_limits(struct sim_app_plan *p);

/* About how many segments with data that end will send when nothing goes wrong. */
uint64_t sim_app_segments(uint64_t seed, uint32_t id, unsigned end, uint64_t most_bytes,
                          uint32_t mss);

/* The socket exists; options are set. */
void sim_app_start(struct sim_app *a);

/* Readiness came. */
void sim_app_event(struct sim_app *a, const struct elko_event *ev);

/* Do whatever can be done now. True: something was done. */
bool sim_app_step(struct sim_app *a);

/* From now on: no pauses, no aborts; what is left to send is short. */
void sim_app_heal(struct sim_app *a);

/* The time for an orderly end is over: give up. */
void sim_app_give_up(struct sim_app *a);

#endif
