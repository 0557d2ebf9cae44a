/* SPDX-License-Identifier: MIT */
/*
 * show.h - packets written as a script writes them, and two packets compared field by field.
 */
#ifndef DRILL_SHOW_H
#define DRILL_SHOW_H

#include "drill/script.h"

/* Where two packets differ. X(name, text) */
#define DRILL_FIELD_LIST(X)                                                                        \
        X(NONE, "nothing")                                                                         \
        X(PROTO, "the protocol")                                                                   \
        X(ECN, "the ECN bits")                                                                     \
        X(TOS, "the TOS byte")                                                                     \
        X(TTL, "the time to live")                                                                 \
        X(LABEL, "the flow label")                                                                 \
        X(FLAGS, "the flags")                                                                      \
        X(SEQ, "the sequence number")                                                              \
        X(LEN, "the length of the payload")                                                        \
        X(ACK, "the acknowledgment number")                                                        \
        X(WIN, "the window")                                                                       \
        X(URG, "the urgent pointer")                                                               \
        X(OPTION, "an option")                                                                     \
        X(TYPE, "the type of the message")                                                         \
        X(CODE, "the code of the message")

enum drill_field {
#define DRILL_X(name, text) DRILL_F_##name,
        DRILL_FIELD_LIST(DRILL_X)
#undef DRILL_X
};

const char *drill_field_text(enum drill_field f);

struct drill_compare {
        uint32_t ts_tick_us;   /* 0: values of timestamps are not compared */
        uint64_t tolerance_us; /* for them */
        /* The script's name of a live flow label: may it be? */
        bool (*label)(void *ctx, uint32_t script, uint32_t live);
        void *ctx;
};

/* Is `got` what `want` says? NONE, or the first field that differs and, of options, which (*option). */
enum drill_field drill_compare(const struct drill_packet *want, const struct drill_packet *got,
                               const struct drill_compare *how, unsigned *option);

/*
 * The packet in the script's language. Of the IP header, the window and the urgent pointer what `like` says
 * (NULL: window and urgent pointer only). *column: where `mark` begins (option number `option` of OPTION), or where it
 * would stand.
 */
const char *drill_show(struct drill_arena *a, const struct drill_packet *p,
                       const struct drill_packet *like, enum drill_field mark, unsigned option,
                       unsigned *column);

#endif
