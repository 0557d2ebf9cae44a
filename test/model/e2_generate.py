#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test/model/e2_generate.py > test/model/e2_expected.tsv: what must happen to any segment in any state.

A reading of RFC 9293, 3.10.7, written down a second time and without a look at the engine: each rule has
the paragraph that it comes from. It prints one cell for every state x flags (FIN, SYN, RST, ACK: 16) x
payload (none, some) x 5 places of SEQ x 5 places of ACK. What test_e2_matrix.c compares with is the printed
file, which was reviewed; a change of a rule here shows there as a difference.

Where elko deviates from the RFC on purpose, the rule says so, with the reason's source.

Columns of a rule: code, answer, state after, text (is the payload taken now?), fin (is the FIN?), drop
counter, section and words. State after: "=" is the same one. Answers: none; ack <SEQ=SND.NXT><ACK=RCV.NXT>;
rst <SEQ=SEG.ACK>; rstack <SEQ=0><ACK=SEG.SEQ+SEG.LEN>; synack <ACK=SEG.SEQ+1>; rstsyn: rst, then our SYN.
"""

RULES = """
C1 none   =            - - TCP_NO_CONN_RST   3.10.7.1: an incoming segment containing a RST is discarded
C2 rst    =            - - TCP_NO_CONN       3.10.7.1: ACK bit on: <SEQ=SEG.ACK><CTL=RST>
C3 rstack =            - - TCP_NO_CONN       3.10.7.1: ACK bit off: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
L1 none   =            - - TCP_LISTEN_FLAGS  3.10.7.2 first: a RST should be ignored
L2 rst    =            - - TCP_LISTEN_FLAGS  3.10.7.2 second: any acknowledgment is bad: <SEQ=SEG.ACK><CTL=RST>
L3 synack SYN-RECEIVED - - NONE              3.10.7.2 third: <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>; the text comes again
L4 none   =            - - TCP_LISTEN_FLAGS  3.10.7.2 fourth: drop; deviation: SYN with FIN, too
S1 rstsyn =            - - TCP_SYN_SENT      3.10.7.3 first: SEG.ACK =< ISS or > SND.NXT: <SEQ=SEG.ACK><CTL=RST>; elko repeats its SYN (3.5, figure 9)
S2 none   =            - - TCP_SYN_SENT      3.10.7.3 first: unless the RST bit is set: drop
S3 none   CLOSED       - - TCP_RST_TAKEN     3.10.7.3 second: the ACK was acceptable: connection reset
S4 none   =            - - TCP_SYN_SENT      3.10.7.3 second: otherwise (no ACK) drop
S5 ack    ESTABLISHED  t - NONE              3.10.7.3 fourth: SND.UNA > ISS: ESTABLISHED, <CTL=ACK>, other text from the sixth step on
S6 ack    CLOSE-WAIT   t f NONE              3.10.7.3 fourth: as S5, and the FIN of the same segment (3.10.7.4 eighth)
S7 synack SYN-RECEIVED - - NONE              3.10.7.3 fourth: otherwise SYN-RECEIVED, <CTL=SYN,ACK>; the text comes again
S8 none   =            - - TCP_SYN_SENT      3.10.7.3 fifth: neither SYN nor RST: drop
H1 none   LISTEN       - - TCP_RST_TAKEN     3.10.7.4 second, 2), SYN-RECEIVED, passive: return to LISTEN
H2 none   =            - - TCP_HALF_OPEN_SEQ 3.10.7.4 second, 1): outside of the window: silently drop
H3 ack    =            - - TCP_RST_SEQ       3.10.7.4 second, 3): challenge ACK
H4 none   =            - - TCP_HALF_OPEN_SEQ 3.10.7.2 fourth; deviation: SYN with FIN is dropped
H5 synack SYN-RECEIVED - - ?                 3.10.7.4 fourth, passive: the SYN that made the entry: SYN,ACK again
H6 synack SYN-RECEIVED - - ?                 3.10.7.4 fourth, passive: back to LISTEN, which answers the other SYN
H7 none   =            - - TCP_NO_ACK_FLAG   3.10.7.4 fifth: the ACK bit is off: drop
H8 rst    =            - - TCP_HALF_OPEN_SEQ 3.10.7.4 fifth: not acceptable: <SEQ=SEG.ACK><CTL=RST>; deviation: before the window is checked
H9 ack    =            - - TCP_HALF_OPEN_SEQ 3.10.7.4 first: not acceptable (figure 8), or fourth (RFC 5961, 4): a SYN,ACK: <CTL=ACK>
W1 ack    =            - - TCP_SEQ           3.10.7.4 first: not acceptable: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>
W2 none   =            - - TCP_SEQ           3.10.7.4 first: unless the RST bit is set (RFC 5961, 3.2: only its number counts)
R1 none   CLOSED       - - TCP_RST_TAKEN     3.10.7.4 second, 2): SEG.SEQ = RCV.NXT: reset the connection
R2 ack    =            - - TCP_RST_SEQ       3.10.7.4 second, 3): in the window: challenge ACK
Y1 ack    =            - - TCP_SYN_IN_SYNC   3.10.7.4 fourth: challenge ACK (RFC 5961, 4)
N1 none   =            - - TCP_NO_ACK_FLAG   3.10.7.4 fifth: the ACK bit is off: drop
A1 ack    =            - - TCP_ACK_RANGE     3.10.7.4 fifth: out of range: discarded, an ACK sent back (RFC 5961, 5.2)
A2 rst    =            - - TCP_ACK_RANGE     3.10.7.4 fifth, SYN-RECEIVED: not acceptable: <SEQ=SEG.ACK><CTL=RST>
A3 none   =            - - NONE              3.10.7.4 fifth: nothing else in it
A4 none   ESTABLISHED  - - NONE              3.10.7.4 fifth, SYN-RECEIVED: ESTABLISHED
A5 none   FIN-WAIT-2   - - NONE              3.10.7.4 fifth, FIN-WAIT-1: our FIN is acknowledged
A6 none   TIME-WAIT    - - NONE              3.10.7.4 fifth, CLOSING: our FIN is acknowledged
A7 none   CLOSED       - - NONE              3.10.7.4 fifth, LAST-ACK: our FIN is acknowledged
T1 ack    =            t - NONE              3.10.7.4 seventh: text in order: taken and acknowledged
T2 ack    ESTABLISHED  t - NONE              3.10.7.4 fifth and seventh, from SYN-RECEIVED
T3 ack    FIN-WAIT-2   t - NONE              3.10.7.4 fifth and seventh, from FIN-WAIT-1
E1 ack    =            - - NONE              3.10.7.4 first (SHLD-31): text or FIN beyond RCV.NXT is held; MAY-13: an ACK at once
E2 ack    ESTABLISHED  - - NONE              3.10.7.4 fifth, then E1, from SYN-RECEIVED
E3 ack    FIN-WAIT-2   - - NONE              3.10.7.4 fifth, then E1, from FIN-WAIT-1
I1 none   =            - - TCP_AFTER_FIN     3.10.7.4 seventh: a FIN has been received: ignore the segment text
I2 none   =            - - NONE              3.10.7.4 eighth: remain in the state (only one FIN counts)
F1 ack    CLOSE-WAIT   t f NONE              3.10.7.4 eighth: from SYN-RECEIVED or ESTABLISHED
F2 ack    CLOSING      t f NONE              3.10.7.4 eighth, FIN-WAIT-1: our FIN is not acknowledged
F3 ack    TIME-WAIT    t f NONE              3.10.7.4 eighth, FIN-WAIT-1 with our FIN acknowledged, and FIN-WAIT-2
X1 none   ESTABLISHED  - - NONE              3.5, figure 7: the SYN,ACK that crossed ours repeats the SYN; its ACK counts
X2 ack    ESTABLISHED  t - NONE              3.5, figure 7, with text
X3 ack    CLOSE-WAIT   t f NONE              3.5, figure 7, with FIN
K1 none   =            - - TCP_TIME_WAIT     RFC 1337, F1 instead of 3.10.7.4 second: a RST is ignored
K2 synack SYN-RECEIVED - - NONE              3.10.7.4 fourth, 3.6.1 (MAY-2): a new incarnation, where there is a listener
K3 ack    =            - - TCP_TIME_WAIT     3.10.7.4 fourth: challenge ACK
K4 none   =            - - TCP_NO_ACK_FLAG   3.10.7.4 fifth: the ACK bit is off: drop
K5 ack    =            - - TCP_TIME_WAIT     3.10.7.4 first or fifth, TIME-WAIT: acknowledge it (RFC 5961, 5.2)
K6 none   =            - - TCP_TIME_WAIT     3.10.7.4 first: acceptable and empty; what SND.NXT covers; deviation: nor if the ACK is too old, since MAX.SND.WND is not kept
"""

STATES = ["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED/passive", "SYN-RECEIVED/active", "ESTABLISHED",
          "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT/alone",
          "TIME-WAIT/listener"]
FLAGS = ["-", "F", "S", "SF", "R", "RF", "RS", "RSF", "A", "AF", "AS", "ASF", "AR", "ARF", "ARS", "ARSF"]

LEFT_OUT, LEFT, INSIDE, RIGHT, RIGHT_OUT = range(5)     # of the receive window
BELOW, UNA, BETWEEN, NXT, ABOVE = range(5)              # of SND.UNA .. SND.NXT

WINDOW, PAYLOAD = 2048, 10


class Segment:
    def __init__(self, state, flags, payload, seq, ack):
        self.state, self.flags, self.seq, self.ack = state, flags, seq, ack
        self.payload = PAYLOAD if payload else 0
        self.len = self.payload + ("S" in flags) + ("F" in flags)
        # Relative to RCV.NXT. In SYN-RECEIVED a SYN on the left is the one that brought the state about.
        self.at = [-100, 0, 100, WINDOW - 1, WINDOW][seq]
        if state.startswith("SYN-RECEIVED") and "S" in flags and "R" not in flags and seq == LEFT_OUT:
            self.at = -1

    def has(self, flag):
        return flag in self.flags

    def acceptable(self):       # table 6, window above zero
        last = self.at + self.len - 1
        return 0 <= self.at < WINDOW or (self.len > 0 and 0 <= last < WINDOW)


def closed(x):
    if x.has("R"):
        return "C1"
    return "C2" if x.has("A") else "C3"


def listen(x):
    if x.has("R"):
        return "L1"
    if x.has("A"):
        return "L2"
    return "L3" if x.has("S") and not x.has("F") else "L4"


def syn_sent(x):
    if x.has("A") and x.ack != NXT:             # UNA is ISS, and nothing lies between it and SND.NXT
        return "S2" if x.has("R") else "S1"
    if x.has("R"):
        return "S3" if x.has("A") else "S4"
    if not x.has("S"):
        return "S8"
    if not x.has("A"):
        return "S7"
    return "S6" if x.has("F") else "S5"


def half_open(x):
    if x.has("R"):
        if x.seq == LEFT:
            return "H1"
        return "H3" if x.seq in (INSIDE, RIGHT) else "H2"
    if x.has("S") and not x.has("A"):
        if x.has("F"):
            return "H4"
        if x.at == -1:
            return "H5"
        return "H6" if x.acceptable() else "H9"
    if not x.has("A"):
        return "H7"
    if x.ack != NXT:
        return "H8"
    if x.has("S") or not x.acceptable():
        return "H9"
    return text_and_fin(x, "ESTABLISHED", moved="SYN-RECEIVED")


def text_and_fin(x, state, moved=None):
    """Sixth to eighth in the state that the fifth step left; `moved`: it was another one before."""
    if state in ("CLOSE-WAIT", "CLOSING", "LAST-ACK"):
        return "I1" if x.payload else "I2" if x.has("F") else "A3"
    pick = {None: 0, "SYN-RECEIVED": 1, "FIN-WAIT-1": 2}[moved]
    if not x.payload and not x.has("F"):
        return ["A3", "A4", "A5"][pick]
    if x.at != 0:
        return ["E1", "E2", "E3"][pick]
    if not x.has("F"):
        return ["T1", "T2", "T3"][pick]
    return {"ESTABLISHED": "F1", "FIN-WAIT-1": "F2", "FIN-WAIT-2": "F3"}[state]


def synchronized(x):
    state = x.state
    if state == "SYN-RECEIVED/active":
        # Figure 7: what is new in a SYN,ACK that repeats the SYN begins right behind it.
        if x.has("S") and x.has("A") and not x.has("R") and x.at == -1:
            if x.ack != NXT:
                return "A2"
            return "X3" if x.has("F") else "X2" if x.payload else "X1"
    if x.has("R"):
        if x.seq == LEFT:
            return "R1"
        return "R2" if x.seq in (INSIDE, RIGHT) else "W2"
    if not x.acceptable():
        return "W1"
    if x.has("S"):
        return "Y1"
    if not x.has("A"):
        return "N1"
    if state == "SYN-RECEIVED/active":
        return text_and_fin(x, "ESTABLISHED", "SYN-RECEIVED") if x.ack == NXT else "A2"
    if x.ack in (BELOW, ABOVE):
        return "A1"
    # FIN-WAIT-2 has nothing in flight: all places between BELOW and ABOVE are the same.
    if x.ack == NXT:
        if state == "CLOSING":
            return "A6"
        if state == "LAST-ACK":
            return "A7"
        if state == "FIN-WAIT-1":
            return text_and_fin(x, "FIN-WAIT-2", "FIN-WAIT-1")
    return text_and_fin(x, state)


def time_wait(x):
    if x.has("R"):
        return "K1"
    if x.has("S"):
        newer = x.at > 0 and not x.has("A") and not x.has("F")
        return "K2" if newer and x.state.endswith("listener") else "K3"
    if not x.has("A"):
        return "K4" if x.at >= 0 or x.at + x.len > 0 else "K5"      # of the whole window that an ACK offers
    return "K6" if x.len == 0 and x.at == 0 and x.ack != ABOVE else "K5"


def expected(x):
    special = {"CLOSED": closed, "LISTEN": listen, "SYN-SENT": syn_sent, "SYN-RECEIVED/passive": half_open,
               "TIME-WAIT/alone": time_wait, "TIME-WAIT/listener": time_wait}
    return special.get(x.state, synchronized)(x)


def main():
    print("# Made by e2_generate.py, which explains it; reviewed against RFC 9293. SPDX-License-Identifier: MIT")
    print("# rule code answer after text fin drop words")
    for line in RULES.strip().splitlines():
        words = line.split(None, 6)
        print("rule\t" + "\t".join(words))
    print("# cell state flags payload, then 5 places of SEQ (left outside, left edge, inside, right edge, right")
    print("# outside) of 5 places of ACK each (below, UNA, between, NXT, above)")
    for state in STATES:
        for flags in FLAGS:
            for payload in (0, 1):
                groups = [" ".join(expected(Segment(state, flags, payload, seq, ack)) for ack in range(5))
                          for seq in range(5)]
                print(f"cell\t{state}\t{flags}\t{payload}\t" + "\t".join(groups))


main()
