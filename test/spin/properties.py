# SPDX-License-Identifier: MIT
"""What tools/spin verifies: configurations of tcp.pml, properties, mutants.

A configuration sets the macros of the model. A run is one property on one configuration, and is exhaustive.
Its kind says how Spin looks:

  safety    assertions in the model (the macro of the property's name) and AT_END, which must hold where an
            execution ends
  cycle     the same, and no execution goes in a circle: every one comes to an end
  ltl       a formula of linear temporal logic, over all executions

A mutant is a mistake in the model, a macro M_*. It must be refuted by its property on its configuration;
`make model` fails when one survives, so no property is empty.
"""

BASE = dict(CAP=3, LOSS=0, DUP=0, SPUR=0, GIVEUPS=0, CRASHES=0, CRASH_WHO=0, ATTACKS=0, OPENS=1, MODE_0=1, MODE_1=2,
            APP_0=0, APP_1=0, START=1, INJECT_WHEN="true", INJECT_TO=3, INJECT_LOW="true",
            INJECT_GHOST="BLIND", SHIFT=0, ISN_ANY=0)
BASE["PROBES_WITH_DATA(n)"] = "false"
BASE["WRITES_FIRST(n)"] = "false"

SEND, SHUT, CLOSE, ABORT, READ, EARLY = 1, 2, 4, 8, 16, 32

OLD = dict(INJECT_GHOST="OLDER", INJECT_LOW="false")    # numbers that a new incarnation does not use (3.4.1)

CONFIGS = {
    "open": ("an active and a passive open; two losses, one duplicate, an early time-out",
             dict(LOSS=2, DUP=1, SPUR=1)),
    "cross": ("both open actively at once", dict(START=2, MODE_1=1, LOSS=2, DUP=1, SPUR=1)),
    "old": ("an open with two old duplicates of any kind, data both ways",
            dict(ATTACKS=2, APP_0=SEND, APP_1=SEND, CAP=2, **OLD)),
    "old-syn": ("an open with losses and one old duplicate for the listener",
                dict(ATTACKS=1, LOSS=2, INJECT_TO=2, SHIFT=1, **OLD)),
    "life": ("open, data one way, both close; a loss and a duplicate",
             dict(APP_0=SEND | SHUT, APP_1=SHUT, LOSS=1, DUP=1)),
    "life-2": ("open, data both ways, close in any order; one loss",
               dict(APP_0=SEND | SHUT, APP_1=SEND | SHUT, LOSS=1)),
    "close": ("both close, data one way; two losses, a duplicate, an early time-out",
              dict(START=3, APP_0=SEND | SHUT, APP_1=SHUT, LOSS=2, DUP=1, SPUR=1, CAP=2)),
    "abort": ("data one way; either end closes or aborts at any time, before the handshake is over, too; a loss",
              dict(APP_0=SEND | SHUT | ABORT | EARLY, APP_1=SHUT | CLOSE | ABORT, LOSS=1)),
    "again": ("two incarnations with any ISNs, data from the passive end, a duplicate that lives on",
              dict(OPENS=2, ISN_ANY=2, APP_0=SHUT, APP_1=SEND | SHUT, DUP=1, CAP=2)),
    "reopen": ("two incarnations with any ISNs, TIME-WAIT may be reopened by a SYN; a duplicate",
               dict(OPENS=2, ISN_ANY=1, APP_0=SEND | SHUT, APP_1=SHUT, DUP=1, CAP=2)),
    "crash": ("the passive end crashes in any state and listens again; the other has data; a loss",
              dict(OPENS=2, CRASHES=1, CRASH_WHO=2, APP_0=SEND, LOSS=1)),
    "crash-open": ("the passive end crashes in any state and opens actively, the other is idle; a loss",
                   dict(OPENS=2, CRASHES=1, CRASH_WHO=2, MODE_1=1, LOSS=1, SPUR=1)),
    "gone": ("one end crashes or aborts and stays away; the other sends; losses",
             dict(START=3, CRASHES=1, CRASH_WHO=2, MODE_1=0, APP_0=SEND, APP_1=ABORT, LOSS=2)),
    "window": ("both windows closed, data both ways, one closes; probes cross",
               dict(START=3, WIN=1, APP_0=SEND | READ | SHUT, APP_1=SEND | READ, SPUR=1, CAP=2)),
    "update": ("both windows closed, data both ways, both close; any segment may be lost",
               dict(START=3, WIN=1, APP_0=SEND | READ | SHUT, APP_1=SEND | READ | SHUT, LOSS=1, CAP=2)),
    "probe": ("closed windows, and a peer whose probes carry data and which counts them; the other reads after writing",
              {"START": 3, "WIN": 2, "APP_0": SEND | READ, "APP_1": SEND | READ, "SPUR": 1, "LOSS": 1, "CAP": 2,
               "PROBES_WITH_DATA(n)": "((n) == 1)", "WRITES_FIRST(n)": "((n) == 0)"}),
    "unread": ("one end closes without reading all", dict(START=3, WIN=2, APP_0=SEND | READ | SHUT,
                                                           APP_1=READ | CLOSE, SPUR=1, CAP=2)),
    "blind": ("a blind attacker injects one segment of any kind and numbers at any time",
              dict(START=3, APP_0=SEND | SHUT, APP_1=SHUT, ATTACKS=1)),
    "war": ("two injected segments desynchronize both ends; they may close",
            dict(START=3, APP_0=SHUT, APP_1=SHUT, ATTACKS=2, CAP=2)),
    "knock": ("an open towards an end that is in TIME-WAIT and does not listen",
              dict(OPENS=2, MODE_1=0, APP_0=SHUT, APP_1=SHUT)),
    "return": ("TIME-WAIT is reopened by an old SYN, and returns",
               dict(OPENS=2, APP_0=SHUT, APP_1=SHUT, ATTACKS=1, INJECT_WHEN="st[1] == TIME_WAIT", INJECT_TO=2, CAP=2, **OLD)),
    "edges": ("every call and time-out, giving up, listeners that close",
              dict(START=0, MODE_0=1, MODE_1=3, GIVEUPS=1, CLOSE_LISTENER=1, APP_0=SHUT | CLOSE | ABORT | EARLY,
                   APP_1=SHUT | ABORT | EARLY, CAP=2)),
}

# Every execution ends or has time-outs again and again: segments alone go on for ever never.
NO_WAR = {"LTL": "[] <> (tick || over)"}

AGREE = "(iss[0] == irs[1] && iss[1] == irs[0] && gi[0] == pg[1] && gi[1] == pg[0])"
BOTH = "(st[0] == ESTABLISHED && st[1] == ESTABLISHED)"

# A half-open connection with nothing to send is not found out (3.5.1).
IDLE = "(st[0] == ESTABLISHED && una[0] == nxt[0] && w[0])"

ALL_IS_HERE = "del[0] == w[1] && del[1] == w[0] && eof[0] == finw[1] && eof[1] == finw[0]"


def rests(n):
    return f"(st[{n}] == CLOSED || st[{n}] == LISTEN || st[{n}] == ESTABLISHED)"


# name: (text, [(configuration, kind, macros)])
PROPERTIES = {
    "P1": ("a half-open connection ends once its live end sends", [
        ("gone", "ltl", {"LTL": "! <> [] (st[0] == ESTABLISHED && una[0] != nxt[0] && st[1] == CLOSED)"})]),
    "P2": ("an active and a passive open become ESTABLISHED", [
        ("open", "ltl", {"LTL": f"<> {BOTH}"}),
        ("old-syn", "cycle", {"AT_END": BOTH})]),
    "P3": ("nobody stays outside of CLOSED, LISTEN and ESTABLISHED", [
        ("life", "cycle", {"AT_END": f"{rests(0)} && {rests(1)}"}),
        ("update", "cycle", {"AT_END": f"{rests(0)} && {rests(1)}"}),
        ("abort", "cycle", {"AT_END": f"({rests(0)} || st[0] == FIN_WAIT_2) && ({rests(1)} || st[1] == FIN_WAIT_2)"})]),
    "P4": ("SYN-RECEIVED is left", [
        ("old-syn", "ltl", {"LTL": "[] (st[1] == SYN_RECEIVED -> <> (st[1] != SYN_RECEIVED))"})]),
    "P5": ("no data of another incarnation is delivered", [
        ("old", "safety", {}), ("again", "safety", {}), ("reopen", "safety", {})]),
    "P6": ("both ESTABLISHED: they agree on both ISNs", [
        ("old", "safety", {}), ("crash-open", "safety", {}), ("cross", "safety", {})]),
    "P7": ("both closed: both CLOSED, one at least came through TIME-WAIT", [
        ("close", "cycle", {"AT_END": "st[0] == CLOSED && st[1] == CLOSED && (tw[0] || tw[1]) && !err[0] && !err[1]"})]),
    "P8": ("EOF means that the peer closed and all its data is here; else an error is told", [
        ("life-2", "safety", {"AT_END": "eof[0] && eof[1]"}),
        ("life", "safety", {"AT_END": "eof[0] && eof[1]"}),
        ("abort", "safety", {"AT_END": "(!est[0] || eof[0] || err[0] || orph[0]) && (!est[1] || eof[1] || err[1] || orph[1])"}),
        ("unread", "safety", {"AT_END": "(!lost[1] || err[0])"})]),
    "P9": ("no circle of segments that answer each other", [
        ("war", "ltl", NO_WAR), ("knock", "ltl", NO_WAR), ("cross", "ltl", NO_WAR)]),
    "P10": ("simultaneous open: both ESTABLISHED; simultaneous close: both come through TIME-WAIT", [
        ("cross", "cycle", {"AT_END": BOTH}),
        ("close", "safety", {"AT_END": "!(clg[0] && clg[1]) || (tw[0] && tw[1])"})]),
    "P11": ("no deadlock, though probes of closed windows cross", [
        ("update", "cycle", {"AT_END": ALL_IS_HERE}),
        ("window", "cycle", {"AT_END": ALL_IS_HERE}),
        ("probe", "cycle", {"AT_END": "del[0] && del[1] && !UNSENT(0) && !UNSENT(1) && una[0] == nxt[0]"})]),
    "P12": ("a blind segment with a wrong number changes nothing", [("blind", "safety", {})]),
    "P13": ("a reset does nothing in TIME-WAIT", [("blind", "safety", {})]),
    "P14": ("after the peer's reboot in any state: CLOSED, or synchronized anew", [
        ("crash", "cycle", {"AT_END": f"st[0] == CLOSED || {IDLE} || ({BOTH} && {AGREE})"}),
        ("crash-open", "cycle", {"AT_END": f"!SYNCHRONIZED(st[0]) || ({BOTH} && {AGREE})"})]),
    "edges": ("every change of state is a row of EK_STATE_EDGES", [
        ("edges", "safety", {}), ("return", "cycle", {})]),
}

# name: (text, [(property, configuration)])
MUTANTS = {
    "M_CLOSED_IS_SILENT": ("CLOSED does not answer with a reset", [("P1", "gone"), ("P14", "crash")]),
    "M_NO_SYN_RETRANSMISSION": ("a SYN is sent once", [("P2", "open")]),
    "M_ANY_SYN_REPLACES": ("any SYN replaces a half-open entry", [("P2", "old-syn"), ("P6", "old")]),
    "M_NO_SYN_ACK_RETRANSMISSION": ("a SYN,ACK is sent once", [("P4", "old-syn")]),
    "M_NO_RETRANSMISSION": ("data and FIN are sent once", [("P3", "life")]),
    "M_NO_PERSIST": ("no probes of a closed window", [("P3", "update"), ("P11", "update")]),
    "M_TWO_WAY": ("a passive open is ESTABLISHED with the SYN", [("P5", "old"), ("P6", "old")]),
    "M_NO_TIME_WAIT": ("TIME-WAIT is over at once", [("P5", "again")]),
    "M_REOPEN_ALWAYS": ("any SYN reopens a connection in TIME-WAIT", [("P5", "reopen")]),
    "M_FIN_WAIT_2_CLOSES": ("FIN-WAIT-2 goes to CLOSED", [("P7", "close")]),
    "M_FIN_OVERTAKES": ("a FIN counts before the data in front of it is there", [("P8", "life-2")]),
    "M_CLOSE_WITH_UNREAD_SENDS_FIN": ("CLOSE with unread data sends FIN", [("P8", "unread")]),
    "M_NO_LIMIT": ("challenge ACKs are not limited", [("P9", "war")]),
    "M_REFUSE_ALWAYS": ("SYN-SENT repeats its SYN after every reset that it sends", [("P9", "knock")]),
    "M_NO_SIMULTANEOUS_OPEN": ("SYN-SENT ignores a SYN", [("P10", "cross")]),
    "M_NO_CLOSING": ("a FIN that crosses ours ends the connection", [("P10", "close")]),
    "M_NO_ALLOWANCE": ("the ACK field of an unacceptable segment is ignored", [("P11", "probe")]),
    "M_ALLOWANCE_ENDS_AT_RCV_NXT": ("the same behind RCV.NXT only, where RCV.WND is 0", [("P11", "probe")]),
    "M_PROBES_ARE_ALWAYS_ANSWERED": ("a probe that acknowledges too much is answered without limit", [("P9", "war")]),
    "M_TIME_WAIT_IS_NOT_LIMITED": ("TIME-WAIT answers every segment", [("P9", "war")]),
    "M_NO_CHALLENGE": ("a reset anywhere in the window counts (RFC 793)", [("P12", "blind")]),
    "M_SYN_RESETS": ("a SYN in the window resets (RFC 793)", [("P12", "blind")]),
    "M_TIME_WAIT_TAKES_RST": ("a reset ends TIME-WAIT", [("P13", "blind")]),
    "M_SYN_IS_IGNORED": ("a SYN on a synchronized connection gets no challenge ACK", [("P14", "crash-open")]),
}

# Options of the verifier: in the usual order this search is long, in a random one (of a fixed seed) it is not.
FLAGS = {"M_NO_TIME_WAIT": ["-DT_RAND"]}

# Larger, for tools/spin --long: (property, configuration, macros).
LONG = [
    ("P5", "old", dict(LOSS=1, DUP=1, SPUR=1)),
    ("P6", "old", dict(LOSS=1, DUP=1, SPUR=1)),
    ("P12", "blind", dict(ATTACKS=2, APP_1=SEND | SHUT, LOSS=1)),
    ("P13", "blind", dict(ATTACKS=2, APP_1=SEND | SHUT, LOSS=1)),
    ("P9", "war", dict(APP_0=SEND | SHUT, LOSS=1)),
]

# What test/checks/spin_small.py runs: (mutant or nothing, property, configuration). Every property is here once.
SMALL = {("", "P1", "gone"), ("", "P2", "open"), ("", "P3", "life"), ("", "P4", "old-syn"), ("", "P5", "old"),
         ("", "P6", "old"), ("", "P7", "close"), ("", "P8", "life"), ("", "P9", "knock"), ("", "P10", "close"),
         ("", "P11", "probe"), ("", "P12", "blind"), ("", "P13", "blind"), ("", "P14", "crash-open"),
         ("", "edges", "edges"), ("M_TWO_WAY", "P5", "old"), ("M_REFUSE_ALWAYS", "P9", "knock"),
         ("M_NO_CLOSING", "P10", "close"), ("M_NO_CHALLENGE", "P12", "blind")}
