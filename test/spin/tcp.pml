/* SPDX-License-Identifier: MIT */
/*
 * A connection's life between two endpoints, 0 and 1, for the model checker Spin.
 *
 * What is modelled is the engine's segment processing (src/tcp/seg_*.c, timewait.c, user_calls.c,
 * timeouts.c), that is RFC 9293, 3.10, with RFC 5961 and RFC 1337: states, sequence numbers modulo 8, at
 * most one unit of data and one FIN each way, windows. The states and the legal changes between them come
 * from EK_STATE_EDGES in src/tcp/state.h, through generate.py (edges.pml): a change that is not in that
 * table fails an assertion in every run, and each run counts which rows it used.
 *
 * The network is a bag of at most CAP segments in each direction; what finds it full is lost. LOSS
 * segments may be lost, DUP may be doubled, and any may overtake any other. Time is not modelled.
 * Timers run out when nothing is under way, and SPUR times although something is. As faults are finitely
 * many and what repeats needs a silent network, every execution comes to an end unless the protocol
 * itself runs in a circle. So a liveness property is two things here: there is no circle (Spin's search
 * for non-progress cycles), and what was promised holds where an execution ends. Some are given as LTL
 * formulas instead.
 *
 * One transition is one event: a call, a time-out, the loss, doubling, or arrival of a segment. What an
 * endpoint sends because of an event leaves with it.
 *
 * Macros in capitals that are not defined here come from the configuration, P* are properties, those that
 * begin with M_ are mutants: mistakes that a property must find (all in properties.py).
 */
#include "edges.pml"

/* Spoken only when a counterexample is replayed (tools/spin --trail). */
#define SAY(text, a, b, c, d) printf(text, a, b, c, d)

#define add(a, b)  (((a) + (b)) & 7)
#define diff(a, b) (((a) - (b)) & 7)

/* A segment is a number; 0 is none. Bits 0-2 SEQ, 3-5 ACK, then: */
#define SYN 64
#define ACK 128
#define FIN 256
#define RST 512
#define DAT 1024
#define WND(n)   ((n) << 11) /* 2 bits: SEG.WND in units */
#define GHOST(n) ((n) << 13) /* 2 bits that no endpoint looks at: who sent it */

/* Endpoints' incarnations are the ghosts 0 and 1; the others: */
#define BLIND 2 /* injected by somebody who sees nothing */
#define OLDER 3 /* from before the beginning */

#define MODES(n)  ((n) == 0 -> MODE_0 : MODE_1) /* 1 opens actively, 2 passively */
#define APPS(n)   ((n) == 0 -> APP_0 : APP_1)

#define APP_SEND  1
#define APP_SHUT  2
#define APP_CLOSE 4
#define APP_ABORT 8
#define APP_READ  16
#define APP_EARLY 32 /* close before the handshake is over, too */

int q[2 * CAP];                   /* the bags, in falling order: [0..CAP) to 0, [CAP..2*CAP) to 1 */
byte loss = LOSS, dup = DUP, spur = SPUR, give = GIVEUPS, crash = CRASHES, att = ATTACKS;

byte st[2];                       /* the state: edges.pml */
byte niss[2];                     /* the next ISS */
byte iss[2], irs[2], una[2], nxt[2], rcv[2];
bit act[2];                       /* an active open: its SYN-RECEIVED is no half-open entry */
bit once[2];                      /* the SYN was sent once */
bit finw[2];                      /* the user closed his direction */
bit orph[2];                      /* the user is gone */
bit w[2];                         /* a unit of data was written */
bit frcvd[2], fe[2];              /* FIN received; FIN came early, at fseq */
byte fseq[2];
byte oo[2];                       /* data that came early, at RCV.NXT + 1: 1 + its ghost */
bit behind[2];                    /* a SYN reopened TIME-WAIT; it stands behind the half-open entry */
byte tw_nxt[2], tw_rcv[2];        /* what it remembers */
bit chal[2];                      /* a challenge ACK went, and 500 ms have not passed */
byte opens[2];                    /* how often it may still open */
#ifdef WIN
bit unread[2];
byte swnd[2], wl1[2], wl2[2];
byte idle = WIN;                  /* probes of a window that is really closed */
#endif

/* Ghosts: what happened, for the properties. */
byte gi[2], pg[2];                /* own incarnation, the peer's as its SYN said */
bit est[2];                       /* was ESTABLISHED in this incarnation */
bit tw[2], clg[2], xsyn[2];       /* was in TIME-WAIT, in CLOSING; the SYNs crossed */
bit eof[2], err[2], del[2];       /* EOF or an error was told, the data was delivered */
bit abrt[2];                      /* aborted, or crashed */
bit lost[2];                      /* closed and left data unread */

/* Scratch; hidden is no part of a state, the rest is 0 in every state that is stored. */
hidden int h_p, h_v, h_x, h_i;
hidden byte h_from, h_to, h_seq, h_ack, h_len, h_gh, h_wnd, h_go, h_owe, h_w, h_st0, h_rcv0, h_una0;
hidden byte h_syn, h_a, h_fin, h_rst, h_dat, h_ok, h_only, h_probe, h_wrong, h_mine;
byte x, e;
byte last;                        /* 1 + the endpoint whose timer ran out last */
#ifdef P9
bit tick, over;                   /* the last event was a time-out; it is all over */
#define TICK(b) tick = b
#else
#define TICK(b) skip
#endif
int inj;

/* ---- which rows of the table were used; printed when the search ends ---- */

c_decl {
        static unsigned long ek_used[16][16];
        static int ek_counting;

        static void ek_print_used(void)
        {
                for (int from = 0; from < 16; from++)
                        for (int to = 0; to < 16; to++)
                                if (ek_used[from][to] != 0)
                                        printf("edge %d %d %lu\n", from, to, ek_used[from][to]);
        }

        static void ek_use(int from, int to)
        {
                if (!ek_counting)
                        atexit(ek_print_used);
                ek_counting = 1;
                ek_used[from][to]++;
        }
}

/* ---- the network ---- */

inline put(d, v) /* in falling order; the smallest of too many is lost */
{
        h_i = (d);
        h_v = (v);
        c_code {
                for (int i = h_i * CAP; i < h_i * CAP + CAP; i++) {
                        if (now.q[i] < h_v) {
                                int was = now.q[i];

                                now.q[i] = h_v;
                                h_v = was;
                        }
                }
        }
}

inline take(i, d) /* into h_p */
{
        h_i = (i);
        h_p = q[h_i];
        h_v = (d);
        c_code {
                for (; h_i < h_v * CAP + CAP - 1; h_i++)
                        now.q[h_i] = now.q[h_i + 1];
                now.q[h_i] = 0;
        }
}

#define QUIET    (q[0] == 0 && q[CAP] == 0)
#define FULL(d)  (q[(d) * CAP + CAP - 1] != 0)

/* ---- windows, in units ---- */

#ifdef WIN
#define RWND(e)    (1 - unread[e])
#define USABLE(e)  (swnd[e] > diff(nxt[e], una[e]) -> swnd[e] - diff(nxt[e], una[e]) : 0)
#define SND_MAX    1
/* Would an answer to a probe, or to what is sent again, change something? */
#define CAN_PROBE(e) (RWND(1 - (e)) > 0 || !SYNCHRONIZED(st[1 - (e)]) || una[e] != rcv[1 - (e)])
#define CAN(e)       (CAN_PROBE(e) || una[e] == add(iss[e], 1 + w[e]))
#else
#define RWND(e)    2
#define USABLE(e)  2
#define SND_MAX    2
#endif

#define SEG(e, f, s, a) ((f) | (s) | ((a) << 3) | GHOST(gi[e]) | WND(RWND(e)))
#define THE_ACK(e)      SEG(e, ACK, nxt[e], rcv[e])
#define UNSENT(e)       (nxt[e] != add(iss[e], 1 + w[e] + finw[e]))
#define SYNCHRONIZED(s) ((s) >= ESTABLISHED && (s) != TIME_WAIT)
#define MAY_SEND(s)     (SYNCHRONIZED(s) && (s) != FIN_WAIT_2)

/* ---- states ---- */

inline set(s)
{
        h_from = st[e];
        h_to = (s);
        assert(LEGAL(h_from, h_to)); /* the change is a row of EK_STATE_EDGES */
        c_code { ek_use(h_from, h_to); };
        st[e] = h_to
}

/* Nothing of the connection is left but what the user saw. */
inline forget()
{
        iss[e] = 0; irs[e] = 0; una[e] = 0; nxt[e] = 0; rcv[e] = 0;
        act[e] = 0; once[e] = 0; fe[e] = 0; fseq[e] = 0; oo[e] = 0; chal[e] = 0;
#ifdef WIN
        swnd[e] = 0; wl1[e] = 0; wl2[e] = 0;
#endif
}

/* A half-open entry is given up: LISTEN; behind it there may be TIME-WAIT (3.6.1, MAY-2 (2)). */
inline give_up_half_open()
{
        set(LISTEN);
        forget();
        niss[e] = add(niss[e], SHIFT);
        if
        :: behind[e] ->
                set(TIME_WAIT);
                behind[e] = 0;
                nxt[e] = tw_nxt[e];
                una[e] = nxt[e];
                rcv[e] = tw_rcv[e];
                tw_nxt[e] = 0;
                tw_rcv[e] = 0
        :: else
        fi
}

inline fail(error)
{
        set(CLOSED);
        if
        :: error && !orph[e] -> err[e] = 1
        :: else
        fi;
        h_owe = 0;
        forget()
}

inline established()
{
        set(ESTABLISHED);
        est[e] = 1;
        behind[e] = 0;
        tw_nxt[e] = 0;
        tw_rcv[e] = 0;
        if
        :: finw[e] -> set(FIN_WAIT_1)
        :: else
        fi
}

inline time_wait()
{
#ifdef M_NO_TIME_WAIT
        set(TIME_WAIT);
        put(1 - e, THE_ACK(e));
        fail(0)
#else
        set(TIME_WAIT);
#if !ISN_ANY
        niss[e] = add(iss[e], 4);
#endif
        tw[e] = 1
#endif
}

inline new_incarnation()
{
        gi[e] = OPENS - opens[e];
        opens[e]--;
        est[e] = 0; tw[e] = 0; clg[e] = 0; xsyn[e] = 0; eof[e] = 0; err[e] = 0; del[e] = 0;
        abrt[e] = 0; lost[e] = 0; finw[e] = 0; orph[e] = 0; w[e] = 0; frcvd[e] = 0; pg[e] = 0
}

inline start_iss()
{
        iss[e] = niss[e];
        una[e] = niss[e];
        nxt[e] = add(niss[e], 1)
}

/* ---- sending ---- */

/* What the window lets go: data, FIN, or both in one segment. */
inline send_new()
{
        if
        :: MAY_SEND(st[e]) && UNSENT(e) && USABLE(e) > 0 ->
                h_mine = (w[e] && nxt[e] == add(iss[e], 1));
                if
                :: h_mine && finw[e] && USABLE(e) > 1 ->
                        h_x = SEG(e, ACK | DAT | FIN, nxt[e], rcv[e]);
                        nxt[e] = add(nxt[e], 2)
                :: h_mine && !(finw[e] && USABLE(e) > 1) ->
                        h_x = SEG(e, ACK | DAT, nxt[e], rcv[e]);
                        nxt[e] = add(nxt[e], 1)
                :: !h_mine ->
                        h_x = SEG(e, ACK | FIN, nxt[e], rcv[e]);
                        nxt[e] = add(nxt[e], 1)
                fi;
                h_owe = 0;
                put(1 - e, h_x)
        :: else
        fi
}

/* After an event: a duplicate ACK goes alone, any other with what else goes. */
inline send_rest()
{
        if
        :: h_owe == 2 -> put(1 - e, THE_ACK(e)); h_owe = 0
        :: else
        fi;
        send_new();
        if
        :: h_owe > 0 -> put(1 - e, THE_ACK(e)); h_owe = 0
        :: else
        fi
}

inline send_syn() /* again, with the ACK once the peer's is known */
{
        if
        :: st[e] == SYN_RECEIVED -> put(1 - e, SEG(e, SYN | ACK, iss[e], rcv[e]))
        :: else -> put(1 - e, SEG(e, SYN, iss[e], 0))
        fi
}

inline challenge(limited) /* RFC 5961, 7 */
{
        if
        :: (limited) && chal[e] -> skip
        :: else ->
                h_owe = (h_owe > 1 -> h_owe : 1);
#ifndef M_NO_LIMIT
                chal[e] = (limited)
#endif
        fi
}

/* 3.5.2, group 1. */
inline reset_for_segment()
{
#ifndef M_CLOSED_IS_SILENT
        if
        :: h_rst -> skip
        :: !h_rst && h_a -> put(1 - e, SEG(e, RST, h_ack, 0))
        :: !h_rst && !h_a -> put(1 - e, SEG(e, RST | ACK, 0, add(h_seq, h_len)))
        fi
#else
        skip
#endif
}

#include "arrive.pml"
#include "world.pml"
