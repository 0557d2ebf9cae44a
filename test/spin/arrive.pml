/* SPDX-License-Identifier: MIT */
/*
 * What a segment does to the endpoint that it reaches, e: the engine's src/tcp/seg_*.c and timewait.c, in the
 * order of RFC 9293, 3.10.7. arrive() is all of it.
 */

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
                :: h_len > 0 && (h_a || h_syn || diff(h_seq + h_len - 1, rcv[e]) >= 4) ->
                        put(1 - e, THE_ACK(e))
                :: h_len == 0 && ((h_seq != rcv[e] && (h_a || diff(h_seq, rcv[e]) >= 4)) ||
                                  (h_a && diff(h_ack, nxt[e]) >= 1 && diff(h_ack, nxt[e]) <= 3)) ->
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
