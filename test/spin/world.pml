/* SPDX-License-Identifier: MIT */
/*
 * The events: user calls, time-outs, what the network does; and the world, in which one after the other
 * happens.
 */

/* ---- user calls and time-outs of one endpoint; each is one option of the loop in world ---- */

#define CLOSES(n) (!orph[n] && (est[n] || (APPS(n) & APP_EARLY)))
#define TIMERS(n) (TIME_WAIT_TIMER(n) || SYN_TIMER(n) || SYN_ACK_TIMER(n) || \
                   (DATA_TIMER(n) && HAS_IDLE(n)) || PERSIST_TIMER(n))
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
        :: d_step { (APPS(n) & APP_READ) && unread[n] && \
                    (!WRITES_FIRST(n) || (w[n] && una[n] != add(iss[n], 1))) -> \
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
        :: atomic { st[n] == CLOSED && opens[n] > 0 && MAY_OPEN(n) && (MODES(n) & 1) -> \
                NEXT_ISS(n); \
                d_step { open_active(n) } } \
        :: atomic { st[n] == CLOSED && opens[n] > 0 && MAY_OPEN(n) && (MODES(n) & 2) -> \
                NEXT_ISS(n); \
                d_step { open_passive(n) } } \
        :: d_step { (APPS(n) & APP_SEND) && !w[n] && !finw[n] && \
                    (st[n] == ESTABLISHED || st[n] == CLOSE_WAIT || \
                     ((APPS(n) & APP_EARLY) && OPEN_OR_LATER(n) && !SYNCHRONIZED(st[n]))) -> \
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
                SAY("%d: retransmission timer\n", n, 0, 0, 0); SPENDS_IDLE(n); timer(n); \
                put(1 - n, SEG(n, ACK | DAT | FIN, una[n], rcv[n])) } \
        :: d_step { TIME_WAIT_TIMER(n) -> \
                SAY("%d: 2 MSL are over\n", n, 0, 0, 0); \
                h_owe = 0; purge(n); e = n; fail(0); e = 0 } \
        :: d_step { give > 0 && (st[n] == SYN_SENT || st[n] == SYN_RECEIVED || DATA_TIMER(n) || \
                                 (st[n] == FIN_WAIT_2 && orph[n])) -> \
                SAY("%d gives up\n", n, 0, 0, 0); give--; e = n; \
                if \
                :: st[n] == SYN_RECEIVED && !act[n] -> give_up_half_open() \
                :: else -> fail(1) \
                fi; \
                e = 0 } \
        :: d_step { crash > 0 && (CRASH_WHO & (1 << n)) && st[n] != CLOSED -> \
                SAY("%d crashes in state %d\n", n, st[n], 0, 0); crash--; \
                e = n; st[n] = CLOSED; orph[n] = 1; abrt[n] = 1; forget(); \
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
        :: d_step { loss > 0 && q[i] != 0 -> \
                SAY("a segment to %d is lost\n", (i) / CAP, 0, 0, 0); \
                loss--; take(i, (i) / CAP) } \
        :: d_step { dup > 0 && q[i] != 0 && !FULL((i) / CAP) -> \
                SAY("a segment to %d is doubled\n", (i) / CAP, 0, 0, 0); \
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
