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
hidden byte h_syn, h_a, h_fin, h_rst, h_dat, h_ok, h_only, h_probe, h_wrong, h_new, h_mine;
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

/* ---- a segment arrives: seg_listen.c ---- */

inline on_listen()
{
        if
        :: h_rst -> skip
        :: !h_rst && h_a -> reset_for_segment()
        :: !h_rst && !h_a && h_syn && !h_fin ->
                set(SYN_RECEIVED);
                act[e] = 0;
                start_iss();
                irs[e] = h_seq;
                rcv[e] = add(h_seq, 1);
                pg[e] = h_gh;
                send_syn();
#ifdef M_TWO_WAY
                una[e] = nxt[e];
                established()
#endif
        :: else
        fi
}

/* ---- seg_synsent.c ---- */

inline peer_syn()
{
        irs[e] = h_seq;
        rcv[e] = add(h_seq, 1);
        pg[e] = h_gh;
        h_seq = rcv[e];
        h_len--
}

inline on_syn_sent()
{
        h_ok = (h_a && diff(h_ack, iss[e]) >= 1 && diff(h_ack, iss[e]) <= diff(nxt[e], iss[e]));
        if
        :: h_a && !h_ok ->
                if
                :: !h_rst ->
                        put(1 - e, SEG(e, RST, h_ack, 0));
                        if
                        :: once[e] ->
                                send_syn();
#ifndef M_REFUSE_ALWAYS
                                once[e] = 0
#endif
                        :: else
                        fi
                :: else
                fi
        :: h_rst && (!h_a || h_ok) ->
                if
                :: h_a -> fail(1)
                :: else
                fi
        :: !h_rst && h_syn && h_ok ->
                peer_syn();
                una[e] = h_ack;
                h_owe = 1;
                established();
                h_go = 7
#ifndef M_NO_SIMULTANEOUS_OPEN
        :: !h_rst && h_syn && !h_a ->
                peer_syn();
                set(SYN_RECEIVED);
                xsyn[e] = 1;
                send_syn()
#endif
        :: else
        fi
}

/* ---- seg_synrcvd.c: half-open entries. h_go: it is a connection now ---- */

inline on_half_open()
{
        if
        :: h_rst ->
                if
                :: h_seq == rcv[e] -> give_up_half_open()
                :: h_seq != rcv[e] && diff(h_seq, rcv[e]) < 2 -> put(1 - e, THE_ACK(e))
                :: else
                fi
        :: !h_rst && h_syn && !h_a ->
                if
                :: h_fin -> skip
                :: !h_fin && h_seq == irs[e] -> send_syn()
#ifndef M_ANY_SYN_REPLACES
                :: !h_fin && h_seq != irs[e] && diff(h_seq, rcv[e]) >= 2 -> put(1 - e, THE_ACK(e))
#endif
                :: else ->
                        set(LISTEN);
                        forget();
                        niss[e] = add(niss[e], SHIFT);
                        on_listen()
                fi
        :: !h_rst && h_a && h_ack != nxt[e] -> reset_for_segment()
        :: !h_rst && h_a && h_ack == nxt[e] ->
                if
                :: h_syn || !(diff(h_seq, rcv[e]) < 2 ||
                              (h_len > 0 && diff(add(h_seq, h_len - 1), rcv[e]) < 2)) ->
                        put(1 - e, THE_ACK(e))
                :: else -> h_go = 1
                fi
        :: else
        fi
}

/* ---- timewait.c. h_go: reopened, a listener gets the SYN ---- */

inline on_time_wait()
{
        if
        :: h_rst ->
#ifdef M_TIME_WAIT_TAKES_RST
                fail(0)
#else
                skip
#endif
        :: !h_rst && h_syn && !h_a && !h_fin && opens[e] > 0 && (MODES(e) & 2) &&
#ifdef M_REOPEN_ALWAYS
           true ->
#else
           diff(h_seq, rcv[e]) >= 1 && diff(h_seq, rcv[e]) <= 2 && /* newer, as far as 8 numbers go */
           diff(niss[e], nxt[e]) >= 1 && diff(niss[e], nxt[e]) <= 2 ->
#endif
                behind[e] = 1;
                tw_nxt[e] = nxt[e];
                tw_rcv[e] = rcv[e];
                set(CLOSED);
                forget();
                new_incarnation();
                set(LISTEN);
                on_listen()
        :: else ->
                if
                :: (h_a || h_syn) && h_len > 0 -> put(1 - e, THE_ACK(e))
                :: h_a && h_len == 0 && (h_seq != rcv[e] || (diff(h_ack, nxt[e]) >= 1 && diff(h_ack, nxt[e]) <= 3)) ->
#ifdef M_TIME_WAIT_IS_NOT_LIMITED
                        put(1 - e, THE_ACK(e))
#else
                        if
                        :: !chal[e] -> put(1 - e, THE_ACK(e)); chal[e] = 1
                        :: else
                        fi
#endif
                :: else
                fi
        fi
}

/* ---- seg_check.c ---- */

/* RFC 5961, 5.2 */
#define ACK_IS_VALID (h_a && diff(h_ack, una[e] - SND_MAX) <= diff(nxt[e], una[e] - SND_MAX))

/* A peer that counts the unit which its probe carried speaks from behind it. */
#ifdef M_ALLOWANCE_ENDS_AT_RCV_NXT
#define AFTER_PROBE false
#else
#define AFTER_PROBE (h_w == 0 && h_seq == add(rcv[e], 1))
#endif

inline step_1_to_4()
{
        /* Table 6. Of a reset only the number counts. */
        h_w = RWND(e);
        if
        :: h_len == 0 || h_rst -> h_ok = (h_w == 0 -> h_seq == rcv[e] : diff(h_seq, rcv[e]) < h_w)
        :: !(h_len == 0 || h_rst) && h_w == 0 -> h_ok = (h_len == 1 && h_fin && h_seq == rcv[e])
        :: else -> h_ok = (diff(h_seq, rcv[e]) < h_w || diff(add(h_seq, h_len - 1), rcv[e]) < h_w)
        fi;
        h_probe = (diff(rcv[e], h_seq) <= 1);
        if
        :: !h_ok && h_rst -> h_go = 0
        :: !h_ok && !h_rst ->
                if
#if defined(M_SYN_IS_IGNORED)
                :: h_syn -> skip
#elif defined(M_PROBES_ARE_ALWAYS_ANSWERED)
                :: h_dat || h_fin || h_probe -> h_owe = 2
#else /* who probes acknowledges no more than was sent */
                :: h_dat || h_fin || (h_probe && ACK_IS_VALID) -> h_owe = 2
#endif
                :: else -> challenge(1)
                fi;
                /* "Special allowance should be made to accept valid ACKs" */
#ifdef M_NO_ALLOWANCE
                h_only = 0;
#else
                h_only = ((h_probe || AFTER_PROBE) && !h_syn);
#endif
                h_go = h_only
        :: h_ok && h_rst ->
                h_go = 0;
                if
#ifdef M_NO_CHALLENGE
                :: true -> fail(1)
#else
                :: h_seq == rcv[e] -> fail(1)
                :: else -> challenge(1)
#endif
                fi
        :: h_ok && !h_rst && h_syn ->
                h_go = 0;
#ifdef M_SYN_RESETS
                put(1 - e, SEG(e, RST, nxt[e], 0));
                fail(1)
#else
#ifndef M_SYN_IS_IGNORED
                challenge(1)
#endif
#endif
        :: else
        fi
}

/* ---- seg_ack.c ---- */

inline update_window() /* a segment that is newer, or as new with a newer ACK */
{
#ifdef WIN
        if
        :: diff(wl1[e], h_seq) >= 5 || (wl1[e] == h_seq && diff(h_ack, wl2[e]) <= 3) ->
                swnd[e] = h_wnd;
                wl1[e] = h_seq;
                wl2[e] = h_ack
        :: else
        fi
#else
        skip
#endif
}

inline step_5()
{
        if
        :: !h_a -> h_go = 0
        :: else ->
                if
                :: st[e] == SYN_RECEIVED ->
                        if
                        :: diff(h_ack, una[e]) >= 1 && diff(h_ack, una[e]) <= diff(nxt[e], una[e]) ->
                                pg[e] = h_gh; /* the third step says who is there */
                                established()
                        :: else -> put(1 - e, SEG(e, RST, h_ack, 0)); h_go = 0
                        fi
                :: else
                fi;
                if
                :: h_go != 0 && !ACK_IS_VALID ->
                        challenge(1);
                        h_go = 0
                :: h_go != 0 && ACK_IS_VALID ->
                        if
                        :: diff(h_ack, una[e]) <= diff(nxt[e], una[e]) ->
                                update_window();
                                una[e] = h_ack
                        :: else
                        fi;
                        if /* is our FIN acknowledged? */
                        :: finw[e] && una[e] == add(iss[e], 2 + w[e]) ->
                                if
                                :: st[e] == FIN_WAIT_1 -> set(FIN_WAIT_2)
                                :: st[e] == CLOSING -> time_wait(); h_go = 0
                                :: st[e] == LAST_ACK -> fail(0); h_go = 0
                                :: else
                                fi
                        :: else
                        fi
                :: else
                fi
        fi;
        if
        :: h_only -> h_go = 0
        :: else
        fi
}

/* ---- seg_text.c, seg_fin.c ---- */

inline deliver(ghost)
{
#ifdef P5
        assert((ghost) == pg[e] && (ghost) < BLIND); /* of this incarnation of the peer */
#endif
        rcv[e] = add(rcv[e], 1);
#ifdef WIN
        unread[e] = 1;
#endif
        del[e] = 1
}

inline step_7()
{
        if
        :: h_dat && (st[e] == ESTABLISHED || st[e] == FIN_WAIT_1 || st[e] == FIN_WAIT_2) ->
                h_w = diff(h_seq, rcv[e]);
                if
                :: h_w >= RWND(e) || (fe[e] && h_seq == fseq[e]) -> h_owe = 2
                :: else ->
                        if
                        :: orph[e] ->
                                put(1 - e, SEG(e, RST | ACK, nxt[e], rcv[e]));
                                abrt[e] = 1;
                                fail(1);
                                h_go = 0
                        :: !orph[e] && h_w == 0 ->
                                deliver(h_gh);
                                h_owe = (h_owe > 1 -> h_owe : 1);
                                if
                                :: oo[e] > 0 -> deliver(oo[e] - 1); oo[e] = 0
                                :: else
                                fi
                        :: else -> oo[e] = 1 + h_gh; h_owe = 2
                        fi
                fi
        :: else
        fi
}

inline step_8()
{
        if
        :: h_fin ->
                h_v = add(h_seq, h_len - 1);
                if
                :: !fe[e] && !frcvd[e] && diff(h_v, rcv[e]) <= RWND(e) ->
                        if /* what was stored beyond a FIN gives way to one in sequence only */
                        :: oo[e] > 0 && h_v != rcv[e] -> h_owe = 2
                        :: else ->
                                fe[e] = 1;
                                fseq[e] = h_v;
                                oo[e] = 0;
                                h_owe = (h_v != rcv[e] -> 2 : h_owe)
                        fi
                :: else
                fi
        :: else
        fi;
        if
#ifdef M_FIN_OVERTAKES
        :: fe[e] ->
#else
        :: fe[e] && fseq[e] == rcv[e] ->
#endif
                rcv[e] = add(rcv[e], 1);
                fe[e] = 0;
                fseq[e] = 0;
                frcvd[e] = 1;
                eof[e] = !orph[e];
#ifdef P8
                assert(finw[1 - (e)] && (orph[e] || del[e] == w[1 - (e)])); /* closed, and all is here */
#endif
                h_owe = (h_owe > 1 -> h_owe : 1);
                if
                :: st[e] == ESTABLISHED -> set(CLOSE_WAIT)
#ifdef M_NO_CLOSING
                :: st[e] == FIN_WAIT_1 -> clg[e] = 1; set(FIN_WAIT_2); set(TIME_WAIT); fail(0)
#else
                :: st[e] == FIN_WAIT_1 -> set(CLOSING); clg[e] = 1
#endif
#ifdef M_FIN_WAIT_2_CLOSES
                :: st[e] == FIN_WAIT_2 -> put(1 - e, THE_ACK(e)); fail(0)
#else
                :: st[e] == FIN_WAIT_2 -> time_wait()
#endif
                fi
        :: else
        fi
}

/* The SYN,ACK of a simultaneous open repeats the SYN that is known; what is new is its ACK. */
inline strip_crossed_syn()
{
        if
        :: st[e] == SYN_RECEIVED && h_syn && h_a && !h_rst && h_seq == irs[e] ->
                h_syn = 0;
                h_seq = add(h_seq, 1);
                h_len--
        :: else
        fi
}

/* ---- seg_arrives.c: h_p arrives at e ---- */

inline arrive()
{
        h_seq = h_p & 7;
        h_ack = (h_p >> 3) & 7;
        h_syn = (h_p & SYN) != 0;
        h_a = (h_p & ACK) != 0;
        h_fin = (h_p & FIN) != 0;
        h_rst = (h_p & RST) != 0;
        h_dat = (h_p & DAT) != 0;
        h_wnd = (h_p >> 11) & 3;
        h_gh = (h_p >> 13) & 3;
        h_len = h_syn + h_fin + h_dat;
        h_st0 = st[e];
        h_rcv0 = rcv[e];
        h_una0 = una[e];
        h_probe = (diff(rcv[e], h_seq) <= 1);
        h_go = 0; h_owe = 0; h_only = 0;
        SAY("%d in state %d gets SYN %d ACK %d", e, st[e], h_syn, h_a);
        SAY(" FIN %d RST %d data %d", h_fin, h_rst, h_dat, 0);
        SAY(" seq %d ack %d ghost %d; ", h_seq, h_ack, h_gh, 0);
#ifdef P12
        blind_is_wrong();
#endif
        if
        :: st[e] == CLOSED -> reset_for_segment()
        :: st[e] == LISTEN -> on_listen()
        :: st[e] == SYN_SENT -> on_syn_sent()
        :: st[e] == TIME_WAIT -> on_time_wait()
        :: st[e] == SYN_RECEIVED && !act[e] -> on_half_open()
        :: else -> h_go = 1
        fi;
        if
        :: h_go == 1 -> strip_crossed_syn(); step_1_to_4()
        :: else
        fi;
        if
        :: h_go == 1 -> step_5()
        :: else
        fi;
        if
        :: h_go != 0 -> step_7()
        :: else
        fi;
        if
        :: h_go != 0 -> step_8()
        :: else
        fi;
        send_rest();
        TICK(0);
        SAY("now %d, una %d nxt %d rcv %d\n", st[e], una[e], nxt[e], rcv[e]);
        if /* RFC 9293, figure 5, note 2: the engine takes two steps for what that counts as one */
        :: h_st0 == FIN_WAIT_1 && st[e] == TIME_WAIT -> c_code { ek_use(h_st0, now.st[now.e]); }
        :: else
        fi
#ifdef P6
        ;
        assert(!(st[0] == ESTABLISHED && st[1] == ESTABLISHED) ||
               (iss[0] == irs[1] && iss[1] == irs[0] && gi[0] == pg[1] && gi[1] == pg[0]))
#endif
#ifdef P12
        ;
        assert(!h_wrong || (st[e] == h_st0 && rcv[e] == h_rcv0 && una[e] == h_una0))
#endif
#ifdef P13
        ;
        assert(!(h_st0 == TIME_WAIT && h_rst) || (st[e] == TIME_WAIT && rcv[e] == h_rcv0))
#endif
}

/* P12, for synchronized states: of a reset RCV.NXT alone is right, of a SYN nothing, of anything else what
 * table 6 accepts and, for its ACK field, the number before. */
inline blind_is_wrong()
{
        h_wrong = h_gh == BLIND && SYNCHRONIZED(st[e]) &&
                  (h_syn || (h_rst && h_seq != rcv[e]) ||
                   (!h_rst && !h_syn && diff(h_seq, rcv[e] - 1) > RWND(e) &&
                    diff(add(h_seq, h_len - (h_len > 0)), rcv[e]) >= RWND(e)))
}

/* ---- user calls and time-outs of one endpoint; each is one option of the loop in world ---- */

#define CLOSES(n) (!orph[n] && (est[n] || (APPS(n) & APP_EARLY)))
#define TIMERS(n) (TIME_WAIT_TIMER(n) || SYN_TIMER(n) || SYN_ACK_TIMER(n) || (DATA_TIMER(n) && HAS_IDLE(n)) || PERSIST_TIMER(n))
/* Nothing is under way, and it is the turn of n's timers: they run out in turn, if both ends have one. */
#define CALM(n)   ((QUIET && (last != 1 + n || !TIMERS(1 - (n)))) || (!QUIET && spur > 0))

/* The timer of an endpoint ran out: either it was silent for long, or it is early. */
inline timer(n)
{
        if
        :: QUIET -> chal[0] = 0; chal[1] = 0; last = 1 + n
        :: else -> spur--
        fi;
        TICK(1);
        h_owe = 0
}

inline user_abort(n)
{
        SAY("%d aborts in state %d\n", n, st[n], 0, 0);
        abrt[n] = 1;
        orph[n] = 1;
        h_ok = (st[n] == SYN_SENT || ((st[n] == CLOSING || st[n] == LAST_ACK) && !UNSENT(n) &&
                                      (una[n] != add(iss[n], 1) || !w[n])));
        if
        :: h_ok -> skip
        :: else -> put(1 - n, SEG(n, RST | ACK, nxt[n], rcv[n]))
        fi;
        fail(0)
}

inline open_active(n)
{
        SAY("%d opens actively, ISS %d\n", n, niss[n], 0, 0);
        e = n;
        new_incarnation();
        set(SYN_SENT);
        act[n] = 1;
        once[n] = 1;
        start_iss();
        send_syn();
        e = 0
}

inline open_passive(n)
{
        SAY("%d opens passively, ISS %d\n", n, niss[n], 0, 0);
        e = n;
        new_incarnation();
        set(LISTEN);
        e = 0
}

/* All numbers shifted are the same connection, so the first ISS is 0. */
#if ISN_ANY
/* 1: of endpoint 0 any other than the last, of 1 by the clock; 2: any, but nobody opens before TIME-WAIT
 * is over. */
#define ISS_MAY_BE(n, v) :: (opens[n] == OPENS -> v == 0 : ISN_ANY == 2 || \
                             (n == 0 -> v != niss[n] : v == add(niss[n], 4))) -> niss[n] = v
#define NEXT_ISS(n) \
        if \
        ISS_MAY_BE(n, 0) ISS_MAY_BE(n, 1) ISS_MAY_BE(n, 2) ISS_MAY_BE(n, 3) \
        ISS_MAY_BE(n, 4) ISS_MAY_BE(n, 5) ISS_MAY_BE(n, 6) ISS_MAY_BE(n, 7) \
        fi
#define MAY_OPEN(n) (ISN_ANY == 1 || st[1 - (n)] != TIME_WAIT)
#define CLOCK(n) :: atomic { st[n] == TIME_WAIT && opens[n] > 0 && niss[n] == iss[n] -> NEXT_ISS(n) }
#else
/* The clock of RFC 9293, 3.4.1: beyond all that the last incarnation used. */
#define NEXT_ISS(n) niss[n] = (opens[n] == OPENS -> 0 : add(niss[n], 4))
#define MAY_OPEN(n) true
#define CLOCK(n)
#endif

#define FIN_CALLED(n) \
        SAY("%d closes\n", n, 0, 0, 0); e = n; finw[n] = 1; h_owe = 0; \
        if \
        :: st[n] == ESTABLISHED -> set(FIN_WAIT_1) \
        :: st[n] == CLOSE_WAIT -> set(LAST_ACK) \
        :: else \
        fi; \
        send_new(); \
        e = 0

#define OPEN_OR_LATER(n) (st[n] == SYN_SENT || (st[n] == SYN_RECEIVED && act[n]) || SYNCHRONIZED(st[n]))

#ifdef WIN
#define UNREAD(n) unread[n]
#define READ_EVENT(n) \
        :: d_step { (APPS(n) & APP_READ) && unread[n] && (!WRITES_FIRST(n) || (w[n] && una[n] != add(iss[n], 1))) -> \
                SAY("%d reads\n", n, 0, 0, 0); unread[n] = 0; \
                if \
                :: SYNCHRONIZED(st[n]) && !frcvd[n] -> put(1 - n, THE_ACK(n)) \
                :: else \
                fi }
#ifdef M_NO_PERSIST
#define PERSIST_EVENT(n)
#else
/* PROBES_WITH_DATA: a peer that sends its next unit, and counts it (RFC 9293, 3.8.6.1, SHLD-29). */
#define PERSIST_EVENT(n) \
        :: d_step { CALM(n) && PERSIST_TIMER(n) -> \
SAY("%d: persist timer\n", n, 0, 0, 0); \
                idle = (CAN_PROBE(n) -> idle : idle - 1); \
                timer(n); \
                if \
                :: PROBES_WITH_DATA(n) && w[n] && nxt[n] == add(iss[n], 1) -> \
                        put(1 - n, SEG(n, ACK | DAT, nxt[n], rcv[n])); nxt[n] = add(nxt[n], 1) \
                :: else -> put(1 - n, SEG(n, ACK, add(una[n], 7), rcv[n])) \
                fi }
#endif
#else
#define UNREAD(n) false
#define READ_EVENT(n)
#define PERSIST_EVENT(n)
#endif

#ifdef M_NO_SYN_RETRANSMISSION
#define SYN_TIMER(n) false
#else
#define SYN_TIMER(n) (st[n] == SYN_SENT)
#endif
#ifdef M_NO_SYN_ACK_RETRANSMISSION
#define SYN_ACK_TIMER(n) false
#else
#define SYN_ACK_TIMER(n) (st[n] == SYN_RECEIVED)
#endif
#ifdef M_NO_RETRANSMISSION
#define DATA_TIMER(n) false
#else
#define DATA_TIMER(n) (MAY_SEND(st[n]) && una[n] != nxt[n])
#endif
#ifdef WIN
#define PERSIST_READY(n) (MAY_SEND(st[n]) && UNSENT(n) && una[n] == nxt[n] && swnd[n] == 0 && \
                          (CAN_PROBE(n) || idle > 0))
#define SPENDS_IDLE(n) idle = (CAN(n) -> idle : idle - 1)
#define HAS_IDLE(n)    (CAN(n) || idle > 0)
#else
#define PERSIST_READY(n) false
#define SPENDS_IDLE(n) skip
#define HAS_IDLE(n)    true
#endif

#ifdef M_NO_PERSIST
#define PERSIST_TIMER(n) false
#else
#define PERSIST_TIMER(n) PERSIST_READY(n)
#endif

/* Is the peer still in the connection that n remembers? 2 MSL are longer than that. */
#define PEER_IS_IN_IT(n) ((SYNCHRONIZED(st[1 - (n)]) || st[1 - (n)] == SYN_RECEIVED) && \
                          gi[1 - (n)] == pg[n] && pg[1 - (n)] == gi[n])

#define TIME_WAIT_TIMER(n) (st[n] == TIME_WAIT && !PEER_IS_IN_IT(n))

/* Segments of the connection that n remembers are dead: they are older than MSL. */
inline purge(n)
{
        x = 0;
        do
        :: x < 2 * CAP ->
                if
                :: q[x] != 0 && ((q[x] >> 13) & 3) == ((x < CAP) == (n == 0) -> pg[n] : gi[n]) ->
                        take(x, x / CAP)
                :: else -> x++
                fi
        :: else -> break
        od;
        x = 0
}

#define EVENTS(n) \
        :: atomic { st[n] == CLOSED && opens[n] > 0 && MAY_OPEN(n) && (MODES(n) & 1) -> NEXT_ISS(n); d_step { open_active(n) } } \
        :: atomic { st[n] == CLOSED && opens[n] > 0 && MAY_OPEN(n) && (MODES(n) & 2) -> NEXT_ISS(n); d_step { open_passive(n) } } \
        :: d_step { (APPS(n) & APP_SEND) && !w[n] && !finw[n] && \
                    (st[n] == ESTABLISHED || st[n] == CLOSE_WAIT || ((APPS(n) & APP_EARLY) && OPEN_OR_LATER(n) && !SYNCHRONIZED(st[n]))) -> \
                SAY("%d sends\n", n, 0, 0, 0); e = n; w[n] = 1; h_owe = 0; send_new(); e = 0 } \
        :: d_step { (APPS(n) & APP_SHUT) && CLOSES(n) && !finw[n] && OPEN_OR_LATER(n) -> FIN_CALLED(n) } \
        :: d_step { (APPS(n) & APP_CLOSE) && CLOSES(n) && OPEN_OR_LATER(n) -> \
                lost[n] = UNREAD(n); \
                if \
                :: !SYNCHRONIZED(st[n]) || HAS_UNREAD(n) -> e = n; user_abort(n); e = 0 \
                :: else -> \
                        orph[n] = 1; \
                        if \
                        :: !finw[n] -> FIN_CALLED(n) \
                        :: else \
                        fi \
                fi } \
        :: d_step { (APPS(n) & APP_ABORT) && CLOSES(n) && OPEN_OR_LATER(n) -> e = n; user_abort(n); e = 0 } \
        READ_EVENT(n) \
        PERSIST_EVENT(n) \
        :: d_step { (SYN_TIMER(n) || SYN_ACK_TIMER(n)) && CALM(n) -> \
SAY("%d: SYN timer in state %d\n", n, st[n], 0, 0); \
                e = n; timer(n); once[n] = 0; send_syn(); e = 0 } \
        :: d_step { DATA_TIMER(n) && CALM(n) && HAS_IDLE(n) -> \
SAY("%d: retransmission timer\n", n, 0, 0, 0); SPENDS_IDLE(n); timer(n); \
                h_mine = (w[n] && una[n] == add(iss[n], 1)); \
                h_x = ACK | (h_mine -> DAT : FIN); h_x = SEG(n, h_x, una[n], rcv[n]); put(1 - n, h_x) } \
        :: d_step { DATA_TIMER(n) && CALM(n) && HAS_IDLE(n) && diff(nxt[n], una[n]) == 2 && w[n] -> \
SAY("%d: retransmission timer\n", n, 0, 0, 0); SPENDS_IDLE(n); timer(n); put(1 - n, SEG(n, ACK | DAT | FIN, una[n], rcv[n])) } \
        :: d_step { TIME_WAIT_TIMER(n) -> \
                SAY("%d: 2 MSL are over\n", n, 0, 0, 0); \
                h_owe = 0; purge(n); e = n; fail(0); e = 0 } \
        :: d_step { give > 0 && (st[n] == SYN_SENT || st[n] == SYN_RECEIVED || DATA_TIMER(n) || (st[n] == FIN_WAIT_2 && orph[n])) -> \
                SAY("%d gives up\n", n, 0, 0, 0); give--; e = n; \
                if \
                :: st[n] == SYN_RECEIVED && !act[n] -> give_up_half_open() \
                :: else -> fail(1) \
                fi; \
                e = 0 } \
        :: d_step { crash > 0 && (CRASH_WHO & (1 << n)) && st[n] != CLOSED -> \
                SAY("%d crashes in state %d\n", n, st[n], 0, 0); crash--; e = n; st[n] = CLOSED; orph[n] = 1; abrt[n] = 1; forget(); \
                behind[n] = 0; tw_nxt[n] = 0; tw_rcv[n] = 0; e = 0 } \
        LISTENER_CLOSES(n) \
        CLOCK(n)

#ifdef M_CLOSE_WITH_UNREAD_SENDS_FIN
#define HAS_UNREAD(n) false
#else
#define HAS_UNREAD(n) UNREAD(n)
#endif

#ifdef CLOSE_LISTENER
#define LISTENER_CLOSES(n) \
        :: d_step { st[n] == LISTEN -> e = n; fail(0); e = 0 } \
        :: d_step { st[n] == SYN_RECEIVED && !act[n] -> e = n; fail(0); e = 0 }
#else
#define LISTENER_CLOSES(n)
#endif

/* Of equal segments only one is taken. */
#define PACKET_ARRIVES(i) \
        :: d_step { q[i] != 0 && ((i) % CAP == 0 || q[i] != q[(i) - ((i) % CAP > 0)]) -> \
                take(i, (i) / CAP); inj = h_p; x = (i) / CAP }
#define PACKET_SUFFERS(i) \
        :: d_step { loss > 0 && q[i] != 0 -> SAY("a segment to %d is lost\n", (i) / CAP, 0, 0, 0); loss--; take(i, (i) / CAP) } \
        :: d_step { dup > 0 && q[i] != 0 && !FULL((i) / CAP) -> SAY("a segment to %d is doubled\n", (i) / CAP, 0, 0, 0); \
                dup--; put((i) / CAP, q[i]) }
#if CAP == 1
#define FOR_PACKETS(what) what(0) what(1)
#elif CAP == 2
#define FOR_PACKETS(what) what(0) what(1) what(2) what(3)
#else
#define FOR_PACKETS(what) what(0) what(1) what(2) what(3) what(4) what(5)
#endif

/* ---- the beginning ---- */

inline both_established()
{
        est[0] = 1; est[1] = 1;
        e = 0; set(SYN_SENT); set(ESTABLISHED); act[0] = 1;
        e = 1; set(LISTEN); set(SYN_RECEIVED); set(ESTABLISHED);
        e = 0;
        opens[0]--; opens[1]--;
        iss[0] = niss[0]; irs[1] = niss[0]; una[0] = add(niss[0], 1); nxt[0] = una[0]; rcv[1] = una[0];
        iss[1] = niss[1]; irs[0] = niss[1]; una[1] = add(niss[1], 1); nxt[1] = una[1]; rcv[0] = una[1];
#ifdef WIN
        unread[0] = 1; unread[1] = 1; /* one unit each came before */
        wl1[0] = rcv[0]; wl2[0] = una[0]; wl1[1] = rcv[1]; wl2[1] = una[1]
#endif
}

active proctype world()
{
        atomic {
                opens[0] = OPENS; opens[1] = OPENS;
                NEXT_ISS(0);
                NEXT_ISS(1);
                d_step {
                        e = 0;
#if START == 1
                        open_passive(1)
#elif START == 2
                        open_active(0);
                        open_active(1)
#elif START == 3
                        both_established()
#else
                        skip
#endif
                }
        }
        do
        EVENTS(0)
        EVENTS(1)
        FOR_PACKETS(PACKET_SUFFERS)
        :: atomic {
                if
                FOR_PACKETS(PACKET_ARRIVES)
#if ATTACKS > 0
                :: att > 0 && (INJECT_WHEN) ->
                        att--;
                        if
                        :: INJECT_TO & 1 -> x = 0
                        :: INJECT_TO & 2 -> x = 1
                        fi;
                        if
                        :: inj = SYN
                        :: inj = SYN | ACK
                        :: inj = ACK
                        :: inj = ACK | DAT
                        :: inj = ACK | FIN
                        :: inj = ACK | DAT | FIN
                        :: inj = RST
                        :: inj = RST | ACK
                        fi;
                        if /* SEQ */
                        :: INJECT_LOW -> inj = inj + 0
                        :: INJECT_LOW -> inj = inj + 1
                        :: INJECT_LOW -> inj = inj + 2
                        :: INJECT_LOW -> inj = inj + 3
                        :: inj = inj + 4
                        :: inj = inj + 5
                        :: inj = inj + 6
                        :: inj = inj + 7
                        fi;
                        if /* ACK */
                        :: inj & ACK ->
                                if
                                :: inj = inj + (0 << 3)
                                :: INJECT_LOW -> inj = inj + (1 << 3)
                                :: INJECT_LOW -> inj = inj + (2 << 3)
                                :: INJECT_LOW -> inj = inj + (3 << 3)
                                :: inj = inj + (4 << 3)
                                :: inj = inj + (5 << 3)
                                :: inj = inj + (6 << 3)
                                :: inj = inj + (7 << 3)
                                fi
                        :: else
                        fi;
                        inj = inj + GHOST(INJECT_GHOST) + WND(1)
#endif
                fi;
                d_step { e = x; x = 0; h_p = inj; inj = 0; arrive(); e = 0 }
        }
#if ATTACKS > 0
        :: d_step { att > 0 -> att-- } /* or it never comes */
#endif
        :: d_step { crash > 0 -> crash-- }
        :: timeout -> break
        od;
        /* Nothing more can happen. */
#ifdef P9
        over = 1;
#endif
#ifdef AT_END
        assert(AT_END);
#endif
end:    skip
}

#ifdef LTL
ltl promise { LTL }
#endif
