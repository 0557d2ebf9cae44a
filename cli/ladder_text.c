/* SPDX-License-Identifier: MIT */

/*
 * Theory. The founding text of elko explains the three-way handshake and the four-way close step by
 * step; these are its sentences, with the numbers of the real segments put in. A step explains what
 * the segment says and what it changes; a remark explains what is unusual. Each names the place in
 * the RFC where the rule stands. English is plain ASCII, so that it can be printed anywhere.
 */

#include "ladder_text.h"

#include <string.h>

struct ladder_text {
        const char *title[2], *text[2], *rfc;
};

/* clang-format off */
static const struct ladder_text ladder_texts[LADDER_SIT_COUNT] = {
[LADDER_SIT_NONE] = {{"", ""}, {"", ""}, ""},

/* --- sections */
[LADDER_SIT_SEC_OPEN] = {{"Three-way handshake", "三次握手"}, {"", ""}, "9293, 3.5"},
[LADDER_SIT_SEC_OPEN_SIM] = {{"Simultaneous open", "同时打开"}, {"", ""}, "9293, 3.5, figure 7"},
[LADDER_SIT_SEC_OPEN_FAILED] = {{"Opening, not completed", "建立连接（未完成）"}, {"", ""}, "9293, 3.5"},
[LADDER_SIT_SEC_NONE] = {{"Segments without a connection", "不属于任何连接的报文段"}, {"", ""}, "9293, 3.5.2"},
[LADDER_SIT_SEC_DATA] = {{"Data", "数据传输"}, {"", ""}, "9293, 3.8"},
[LADDER_SIT_SEC_CLOSE] = {{"Four-way close", "四次挥手"}, {"", ""}, "9293, 3.6"},
[LADDER_SIT_SEC_CLOSE_THREE] = {{"Close in three segments", "四次挥手（第二、三步合并）"}, {"", ""}, "9293, 3.6"},
[LADDER_SIT_SEC_CLOSE_SIM] = {{"Simultaneous close", "同时关闭"}, {"", ""}, "9293, 3.6, figure 13"},
[LADDER_SIT_SEC_CLOSE_HALF] = {{"Close, not completed", "关闭连接（未完成）"}, {"", ""}, "9293, 3.6"},
[LADDER_SIT_SEC_RESET] = {{"Reset", "连接复位"}, {"", ""}, "9293, 3.5.2"},

/* --- opening */
[LADDER_SIT_SYN] = {{"asks to open", "请求建立连接"}, {
"{From} opens actively. It picks the initial sequence number {iseq} (drawn as 0), sends it in a SYN and waits in SYN-SENT. A SYN carries no data but takes one sequence number, so {from}'s first byte of data will be number {next}. win={win} says how many bytes {from} is ready to receive (in a SYN the window is never scaled).",
"{from}主动打开连接：选定初始序列号 {iseq}（图中记为 0），发送 SYN 报文段，进入 SYN-SENT 状态。SYN 不携带数据，但要消耗一个序列号，所以{from}的第一个数据字节编号为 {next}。win={win} 表示{from}目前愿意接收 {win} 字节（SYN 报文段中的窗口不作缩放）。"},
"9293, 3.5"},
[LADDER_SIT_SYN_SIM] = {{"asks too, crossing", "也请求建立连接"}, {
"{From} opens actively as well: its own SYN, with the initial sequence number {iseq}, was on its way before the other SYN arrived. The two requests cross. An end that waits in SYN-SENT and receives a SYN without ACK goes to SYN-RECEIVED; one connection results, not two.",
"{from}也在主动打开连接：对方的 SYN 尚未到达，它自己的 SYN（初始序列号 {iseq}）已经发出，两个请求在途中交叉。处于 SYN-SENT 状态的一端收到不带 ACK 的 SYN 后进入 SYN-RECEIVED 状态；最终只建立一条连接，而不是两条。"},
"9293, 3.5, figure 7"},
[LADDER_SIT_SYN_ACK] = {{"agrees, asks back", "同意，并请求同步"}, {
"{From} was listening and agrees. One segment does two things: ack={ack} says \"your SYN has arrived, the next byte that I expect is {ack}\", and SYN announces {from}'s own initial sequence number {iseq} (drawn as 0 too). Until that number is confirmed the connection is only half there: SYN-RECEIVED.",
"{from}正在监听，同意建立连接。这一个报文段做了两件事：确认号 ack={ack} 表示“你的 SYN 已收到，我期待的下一个字节是 {ack}”；SYN 则带去{from}自己的初始序列号 {iseq}（图中也记为 0）。在这个序列号得到确认之前，连接只建立了一半，{from}处于 SYN-RECEIVED 状态（半连接）。"},
"9293, 3.5"},
[LADDER_SIT_SYN_ACK_SIM] = {{"confirms the SYN", "确认对方的 SYN"}, {
"{From} repeats its SYN, now with the acknowledgement of the other SYN: ack={ack}. When the other end's acknowledgement arrives as well, it is ESTABLISHED.",
"{from}重发自己的 SYN，并附上对对方 SYN 的确认：ack={ack}。等到对方的确认也到达，它就进入 ESTABLISHED 状态。"},
"9293, 3.5, figure 7"},
[LADDER_SIT_ACK_SYN] = {{"confirms: open", "确认，连接建立"}, {
"{From} confirms the other end's initial sequence number: ack={ack}. Both directions are synchronized, both ends are ESTABLISHED. An ACK without data takes no sequence number (else ACKs would have to be acknowledged), so the first data starts at {seq} again.\nWhy a third step? A SYN held up in the network may arrive when its connection is long gone. If {to} opened on the SYN alone, that old duplicate would make it wait for data that never comes. So {to} waits for this ACK; who never sent the SYN, or no longer wants it, answers with RST instead, and nothing is opened by mistake.",
"{from}确认对方的初始序列号：ack={ack}。至此两个方向的序列号都已同步，双方进入 ESTABLISHED 状态，可以传输数据。不携带数据的 ACK 不消耗序列号（否则就要对确认再作确认了），所以第一个数据报文段仍从 {seq} 开始。\n为什么需要第三次握手？在网络中滞留的 SYN（已失效的连接请求报文段）可能在原来的连接早已结束之后才到达{to}。如果只握手两次，{to}收到它就认为连接已经建立，于是一直等待永远不会到来的数据，白白浪费资源。有了第三次握手，对方既然没有请求建立连接，就不会确认，而是回送 RST，错误的连接也就不会建立。"},
"9293, 3.5"},
[LADDER_SIT_ACK_SYN_DATA] = {{"confirms, with data", "确认并携带数据"}, {
"The third step arrives together with data (or the ACK alone was lost): ack={ack} confirms the other end's initial sequence number, and both ends are ESTABLISHED. After its SYN, every segment of {from} carries ACK, so a lost third ACK does no harm: the next segment does the same work.\nWhy a third step? So that a SYN held up in the network, from a connection long gone, can't open anything by mistake: who never sent it answers with RST.",
"第三次握手与数据一同到达（或者单独的 ACK 已经丢失）：ack={ack} 确认了对方的初始序列号，双方进入 ESTABLISHED 状态。{from}在 SYN 之后发送的每个报文段都带有 ACK，所以第三次握手的 ACK 即使丢失也无妨，下一个报文段会起同样的作用。\n为什么需要第三次握手？为了防止在网络中滞留的旧 SYN（已失效的连接请求报文段）误使连接建立：没有发出请求的一方会回送 RST，而不会确认。"},
"9293, 3.5"},

/* --- closing */
[LADDER_SIT_FIN] = {{"no more to send", "数据已发送完毕"}, {
"{From} closes: \"I have no more data to send.\" Like SYN, a FIN takes one sequence number ({fin}), so it is acknowledged and, if lost, sent again like data. Only this direction ends; {from} can still receive. It waits in FIN-WAIT-1.",
"{from}主动关闭连接，表示“我没有数据要发送了”。FIN 与 SYN 一样要消耗一个序列号（{fin}），因此它像数据一样需要确认，丢失了也会重传。结束的只是这一个方向，{from}仍然可以接收数据。它进入 FIN-WAIT-1 状态。"},
"9293, 3.6"},
[LADDER_SIT_ACK_FIN] = {{"heard; half closed", "确认，进入半关闭"}, {
"{From} acknowledges the FIN (ack={ack}) and is in CLOSE-WAIT: its application is told that the other end has finished, and may go on sending. The connection is half closed. When this ACK arrives, {to} goes from FIN-WAIT-1 to FIN-WAIT-2 and waits for the other FIN.",
"{from}确认收到 FIN（ack={ack}），进入 CLOSE-WAIT 状态，并通知应用进程：对方已经没有数据了。此时连接处于半关闭状态，{from}若还有数据，仍可继续发送。{to}收到这个确认后，从 FIN-WAIT-1 进入 FIN-WAIT-2 状态，等待{from}的 FIN。"},
"9293, 3.6"},
[LADDER_SIT_FIN_2] = {{"finished as well", "本方也发送完毕"}, {
"{From}'s application closes too, so {from} sends its own FIN (number {fin}) and waits for the last acknowledgement in LAST-ACK. Between the two FINs it had all the time that it wanted to finish sending: that is why closing takes four steps and opening three.",
"{from}的应用进程也关闭了连接，于是{from}发送自己的 FIN（序列号 {fin}），进入 LAST-ACK 状态，等待最后一个确认。在两个 FIN 之间，{from}可以从容地发完剩余的数据，所以确认与 FIN 要分开发送：这就是建立连接只需三次握手、而关闭连接需要四次挥手的原因。"},
"9293, 3.6"},
[LADDER_SIT_FIN_ACK] = {{"heard, done too", "确认并同时关闭"}, {
"{From} had nothing left to send and closed at once, so steps two and three share one segment: ack={ack} acknowledges the FIN, and {from}'s own FIN (number {fin}) closes the other direction. It waits in LAST-ACK.",
"{from}没有剩余数据，立即也关闭了连接，于是第二步和第三步合并为一个报文段：ack={ack} 确认对方的 FIN，同时{from}发送自己的 FIN（序列号 {fin}），关闭另一个方向。{from}进入 LAST-ACK 状态。"},
"9293, 3.6"},
[LADDER_SIT_ACK_FIN_2] = {{"heard; waits 2 MSL", "确认，等待 2MSL"}, {
"{From} acknowledges the second FIN (ack={ack}). {To} receives it and is CLOSED at once. {From} stays in TIME-WAIT for 2 MSL, twice the longest time that a segment lives in the network[: until {ended} ms]. First, this ACK may be lost: then the FIN comes again, and somebody must be there to acknowledge it. Second, all segments of this connection must have died out before the same pair of endpoints is used again.",
"{from}确认第二个 FIN（ack={ack}）。{to}收到后立即进入 CLOSED 状态；{from}则进入 TIME-WAIT 状态，等待 2MSL（报文段最长寿命的两倍）[，直到 {ended} 毫秒]。原因有二：其一，最后这个 ACK 可能丢失，那时对方会重传 FIN，必须有人再次确认；其二，要让本连接的所有报文段都从网络中消失，以免干扰之后使用同一对端点的新连接。"},
"9293, 3.6.1"},
[LADDER_SIT_FIN_SIM] = {{"closes too, crossing", "同时关闭"}, {
"{From} closes as well: it sent this FIN (number {fin}) before the other FIN arrived, so the two cross. An end that is in FIN-WAIT-1 and receives a FIN that does not acknowledge its own goes to CLOSING.",
"{from}也在关闭连接：对方的 FIN 尚未到达，它自己的 FIN（序列号 {fin}）已经发出，两个 FIN 在途中交叉。处于 FIN-WAIT-1 状态的一端收到没有确认本方 FIN 的 FIN 后，进入 CLOSING 状态。"},
"9293, 3.6, figure 13"},
[LADDER_SIT_ACK_FIN_SIM] = {{"confirms the FIN", "确认对方的 FIN"}, {
"{From} acknowledges the other FIN (ack={ack}). In a simultaneous close both ends do that from CLOSING, and both go to TIME-WAIT when their own FIN is acknowledged.",
"{from}确认对方的 FIN（ack={ack}）。同时关闭时，双方都在 CLOSING 状态等待确认；本方的 FIN 得到确认后，双方都进入 TIME-WAIT 状态。"},
"9293, 3.6, figure 13"},
[LADDER_SIT_TIME_WAIT_END] = {{"2 MSL are over", "2MSL 结束"}, {
"The 2 MSL are over: no segment of this connection can be left in the network. TIME-WAIT ends, and the pair of endpoints is free.",
"2MSL 结束：网络中不可能再有本连接的报文段。TIME-WAIT 状态结束，这一对端点可以重新使用。"},
"9293, 3.6.1"},

/* --- remarks: opening */
[LADDER_SIT_OPTIONS] = {{"", "选项"}, {
"Options are agreed in the two SYNs and only there: {options}.",
"选项只能在双方的 SYN 中协商：{options}。"},
"9293, 3.2; 7323; 2018"},
[LADDER_SIT_MID_STREAM] = {{"", ""}, {
"The recording starts in the middle: the handshake was not seen, so sequence numbers are shown as they are where the initial one is not known.",
"记录从连接中途开始，没有观察到握手过程；初始序列号未知时，按原值显示序列号。"},
"9293, 3.3.2"},
[LADDER_SIT_SYN_AGAIN] = {{"SYN sent again", "重传 SYN"}, {
"{From} sends its SYN again, with the same sequence number: no answer came[ within {after}]. The SYN or its answer was lost, or nobody answers there. The waiting time doubles with each attempt.",
"{from}[等待 {after} 后]仍未得到应答，于是用相同的序列号重传 SYN：可能是 SYN 或其应答丢失，也可能对方根本没有应答。每重传一次，等待时间加倍。"},
"6298, 5"},
[LADDER_SIT_DUP_SYN] = {{"the same SYN again", "重复的 SYN"}, {
"The same SYN arrives once more: {from} did not see an answer in time. {To} does not open a second connection; it answers with the same SYN+ACK as before.",
"同一个 SYN 再次到达，说明{from}没有及时收到应答。{to}不会另建一条连接，而是用与之前相同的 SYN+ACK 应答。"},
"9293, 3.10.7.4"},
[LADDER_SIT_SYN_ACK_AGAIN] = {{"SYN+ACK sent again", "重传 SYN+ACK"}, {
"{From} sends its SYN+ACK again[ after {after}]: the ACK of the third step has not come. The SYN+ACK or that ACK was lost.",
"{from}[等待 {after} 后]没有收到第三次握手的 ACK，于是重传 SYN+ACK：丢失的可能是 SYN+ACK，也可能是那个 ACK。"},
"9293, 3.8.1"},
[LADDER_SIT_DUP_SYN_ACK] = {{"SYN+ACK once more", "重复的 SYN+ACK"}, {
"{From} repeats its SYN+ACK: the ACK of the third step has not reached it. {To} is open already and simply acknowledges again.",
"{from}重传了 SYN+ACK，说明第三次握手的 ACK 没有到达。{to}已经处于 ESTABLISHED 状态，只需再次确认。"},
"9293, 3.10.7.4"},
[LADDER_SIT_COOKIE] = {{"SYN cookie", "SYN cookie"}, {
"{From}'s SYN queue is full, so it keeps nothing: all that it must remember is computed into the sequence number {iseq} (a SYN cookie). The ACK of the third step brings it back as ack={inext}.",
"{from}的半连接队列已满，因此它不保存任何状态，而是把需要记住的信息编码进序列号 {iseq}（SYN cookie）；第三次握手的 ACK 会以 ack={inext} 把它带回来。"},
"4987, 3.6"},
[LADDER_SIT_SYN_DATA] = {{"SYN with data", "携带数据的 SYN"}, {
"This SYN carries {len} bytes. That is allowed; they reach the application when the handshake is done (with TCP Fast Open: at once).",
"这个 SYN 携带了 {len} 字节数据。协议允许这样做：握手完成后数据才交给应用进程（若使用 TCP Fast Open，则可立即交付）。"},
"9293, 3.4; 7413"},
[LADDER_SIT_BAD_SYN_ACK] = {{"answers an old SYN", "应答的是旧 SYN"}, {
"This SYN+ACK does not acknowledge {to}'s SYN: ack={iack} belongs to another one. {From} has received an old duplicate SYN and could not tell. {To} can, and answers with RST.",
"这个 SYN+ACK 确认的不是{to}刚才发送的 SYN：ack={iack} 属于另一个 SYN。{from}收到的是滞留在网络中的旧 SYN，它自己无法分辨；{to}能够分辨，于是回送 RST。"},
"9293, 3.5, figure 8"},
[LADDER_SIT_STRAY_ACK] = {{"knows another one", "对方仍认为已连接"}, {
"{From} answers the SYN with an ACK that acknowledges nothing new: it still holds an earlier connection between these endpoints, which {to} has forgotten (after a restart, say). This is a half-open connection; the ACK tells {to} what {from} expects, and {to} answers with RST.",
"{from}没有用 SYN+ACK 应答，而是发送了一个普通的 ACK：它还保留着这对端点之间的一条旧连接，而{to}已经忘记了它（例如重新启动过），这就是所谓“半打开连接”。这个 ACK 说明{from}期待的序列号，{to}据此回送 RST。"},
"9293, 3.5.1, figure 9"},
[LADDER_SIT_NEW_SYN] = {{"another SYN", "另一个 SYN"}, {
"Another SYN, with another initial sequence number: {iseq}. One of the two SYNs is an old duplicate or the attempt was started anew.",
"这是另一个 SYN，初始序列号不同：{iseq}。两个 SYN 中有一个是滞留在网络中的旧报文段，或者是重新发起的连接请求。"},
"9293, 3.5, figure 8"},

/* --- remarks: reset */
[LADDER_SIT_RST_REFUSED] = {{"refused", "拒绝连接"}, {
"{From} refuses: nothing listens on that port. A SYN for which there is no listener is answered with RST; the RST acknowledges the SYN (ack={ack}), so that {to} can tell that it is meant for it.",
"{from}拒绝建立连接：该端口没有进程在监听。对于无人监听的 SYN，TCP 以 RST 应答；RST 中带有对该 SYN 的确认（ack={ack}），{to}据此判断它确实针对自己的请求。"},
"9293, 3.5.2"},
[LADDER_SIT_RST_OLD_DUP] = {{"not my request", "不是我的请求"}, {
"{From} rejects the answer to an old duplicate SYN. The RST takes its sequence number {iseq} from the acknowledgement that was wrong, so that {to} believes it and goes back to LISTEN. This is what the third step of the handshake is for.",
"{from}发现对方应答的是一个旧的重复 SYN，于是回送 RST。RST 的序列号 {iseq} 取自那个错误的确认号，{to}因而会接受它，并返回 LISTEN 状态。这正是三次握手的用意：失效的连接请求不会建立连接。"},
"9293, 3.5, figure 8"},
[LADDER_SIT_RST_REJECT] = {{"not my request", "不是我的请求"}, {
"{From} rejects the SYN+ACK instead of confirming it: the SYN was an old duplicate (or {from} has changed its mind, as port scanners do). {To} goes back to LISTEN. This is what the third step of the handshake is for: without it {to} would now hold a connection that nobody wants.",
"{from}没有确认这个 SYN+ACK，而是回送 RST：先前的 SYN 是滞留在网络中的旧报文段（也可能是{from}改变了主意，端口扫描程序就是这样）。{to}返回 LISTEN 状态。这正是三次握手的用意：如果只握手两次，{to}此时就会保留一条没有人需要的连接。"},
"9293, 3.5, figure 8"},
[LADDER_SIT_RST_STRAY] = {{"I never asked", "从未请求过"}, {
"{From} has no such connection and never sent a SYN: the SYN+ACK answers an old duplicate. The RST (sequence number {iseq}, taken from the wrong ACK) sends {to} back to LISTEN.",
"{from}没有这条连接，也从未发送过 SYN：对方应答的是一个旧的重复 SYN。RST（序列号 {iseq} 取自那个确认号）使{to}返回 LISTEN 状态。"},
"9293, 3.5, figure 11"},
[LADDER_SIT_RST_HALF_OPEN] = {{"forget the old one", "废弃旧连接"}, {
"{From} has discovered a half-open connection: the other end still believes in a connection that {from} no longer knows. The RST (sequence number {iseq}, taken from the ACK) makes {to} abort it; the next SYN then opens normally.",
"{from}发现了半打开连接：对方还保留着{from}已经不知道的连接。RST（序列号 {iseq} 取自对方的确认号）使{to}放弃旧连接；此后再发送 SYN，就能正常建立连接。"},
"9293, 3.5.1, figure 9"},
[LADDER_SIT_RST_NO_CONN] = {{"no such connection", "没有这条连接"}, {
"{From} has no such connection (closed, restarted, or it timed out), so it answers with RST. The RST takes its sequence number {iseq} from the ACK of the segment that it answers, and {to} aborts.",
"{from}没有这条连接（已经关闭、重新启动或超时放弃），因此以 RST 应答。RST 的序列号 {iseq} 取自所应答报文段的确认号，{to}收到后放弃连接。"},
"9293, 3.5.2, figure 10"},
[LADDER_SIT_RST_DATA] = {{"nobody reads it", "已无人接收"}, {
"Data came for an application that has closed the connection and can't read any more. {From} sends RST to tell {to} that data was lost.",
"应用进程已经关闭连接，不再读取数据，却又有数据到达。{from}发送 RST，告知{to}数据已丢失。"},
"9293, 3.6.1; 2525, 2.16"},
[LADDER_SIT_RST_ABORT] = {{"aborts", "异常终止连接"}, {
"{From} aborts the connection: its application asked for it, closed with unread data, or elko gave up[ ({cause})]. An RST is not acknowledged; what was on its way in either direction is lost, and {to} is told at once.",
"{from}异常终止连接：应用进程要求终止、关闭时仍有数据未读，或者 TCP 已放弃这条连接[（{cause}）]。RST 不需要确认；两个方向上在途的数据都会丢失，{to}立即得到通知。"},
"9293, 3.10.5"},
[LADDER_SIT_RST_PEER] = {{"aborts", "异常终止连接"}, {
"{From} aborts the connection. From outside the reason can't be seen: its application aborted or died, or closed with unread data, or {from} has forgotten the connection (restart, time-out). What was on its way is lost; {to} goes to CLOSED and tells its application.",
"{from}异常终止连接。从外部看不出原因：可能是应用进程终止、关闭时仍有数据未读，或者{from}已经丢失了这条连接（重新启动、超时）。在途的数据全部丢失；{to}进入 CLOSED 状态，并通知应用进程。"},
"9293, 3.5.3"},
[LADDER_SIT_RST_BAD] = {{"not believed", "不予采信"}, {
"This RST lies inside of the window but not exactly at the expected sequence number: it may be forged by somebody who guesses. {To} answers with a challenge ACK; a genuine sender then sends RST with exactly that number.",
"这个 RST 的序列号落在窗口之内，却不等于期待的序列号，可能是猜测序列号的伪造报文段。{to}以质询 ACK（challenge ACK）应答；真正的对方收到后，会用正好相符的序列号再发 RST。"},
"5961, 3"},
[LADDER_SIT_CHALLENGE] = {{"challenge ACK", "质询 ACK"}, {
"A challenge ACK: {from} received an RST, SYN or ACK that does not fit exactly, does not act on it, and says where it stands: sequence number {seq}, expecting {ack}. A genuine peer that has forgotten the connection answers with RST; a forger never sees this segment.",
"质询 ACK（challenge ACK）：{from}收到了不完全相符的 RST、SYN 或 ACK，不予采信，而是说明自己的状态：序列号 {seq}，期待 {ack}。真正的对方如果已经丢失了这条连接，会回送 RST；伪造者则看不到这个报文段。"},
"5961, 3-5"},

/* --- remarks: data */
[LADDER_SIT_RETRANS_RTO] = {{"sent again (timer)", "超时重传"}, {
"Sent again because the retransmission timer expired before an acknowledgement came[, {after} after the first time]. The timeout doubles with each expiry, and the congestion window falls to one segment.",
"在重传计时器超时之前没有收到确认，因此重传[（距首次发送 {after}）]。每次超时后，超时时间加倍，拥塞窗口降为一个报文段。"},
"6298, 5; 5681, 3.1"},
[LADDER_SIT_RETRANS_FAST] = {{"sent again (fast)", "快速重传"}, {
"Sent again without waiting for the timer: acknowledgements of later data (duplicate ACKs, SACK) show that it is missing[, {after} after the first time].",
"对后续数据的确认（重复 ACK、SACK）表明该报文段已丢失，因此不等计时器超时就立即重传[（距首次发送 {after}）]。"},
"5681, 3.2; 8985"},
[LADDER_SIT_RETRANS_PEER] = {{"received before", "重复收到"}, {
"What has arrived before arrives again: {from} sent it again because the acknowledgement was lost or late, or the network duplicated it. {To} drops the data and acknowledges again.",
"已经收到过的数据再次到达：可能是确认丢失或迟到引起{from}重传，也可能是网络复制了报文段。{to}丢弃重复的数据，并再次确认。"},
"9293, 3.10.7.4"},
[LADDER_SIT_GAP] = {{"a hole before it", "前面有缺失"}, {
"Something before this segment is missing: lost, or overtaken on the way. {To} keeps it and repeats the acknowledgement of what it has in order (with SACK: names what arrived beyond the hole).",
"这个报文段之前有数据缺失：或者丢失，或者在途中被超越。{to}先保留它，并重复确认已按序收到的数据（使用 SACK 时，还会指明缺口之后收到了哪些数据）。"},
"5681, 3.2; 2018"},
[LADDER_SIT_FILL] = {{"fills the hole", "补上缺失"}, {
"This segment fills the hole: it was sent again, or arrived late. What {to} kept from beyond the hole can now be delivered with it.",
"这个报文段补上了缺口：它是重传的，或者只是来迟了。{to}先前保留的后续数据可以随之按序交付。"},
"9293, 3.10.7.4; 2018"},
[LADDER_SIT_FIN_AGAIN] = {{"FIN sent again", "重传 FIN"}, {
"{From} sends its FIN again[ after {after}]: it was not acknowledged. The FIN or its ACK was lost.",
"{from}的 FIN 没有得到确认，[{after} 后]重传：丢失的可能是 FIN，也可能是它的 ACK。"},
"9293, 3.6"},
[LADDER_SIT_ZERO_WINDOW] = {{"window closed", "窗口关闭"}, {
"{From} advertises a zero window: its receive buffer is full because its application does not read. {To} must stop, and probes from time to time so that the news of a reopened window can't be lost for good.",
"{from}通告零窗口：应用进程没有及时读取数据，接收缓存已满。{to}必须停止发送，并定期发送窗口探测报文段，以免窗口重新打开的通告丢失后双方互相等待。"},
"9293, 3.8.6.1"},
[LADDER_SIT_REOPEN] = {{"window open again", "窗口重新打开"}, {
"{From}'s application has read data, and the window is open again: {win} bytes.",
"{from}的应用进程读取了数据，窗口重新打开：{win} 字节。"},
"9293, 3.8.6"},
[LADDER_SIT_PROBE] = {{"window probe", "窗口探测"}, {
"A zero-window probe: the persist timer makes {from} send a little into the closed window, to force an answer that tells the window of now. The intervals grow.",
"零窗口探测：持续计时器到时，{from}向已关闭的窗口发送极少的数据，迫使对方应答并告知当前窗口。探测间隔逐次加长。"},
"9293, 3.8.6.1"},
[LADDER_SIT_KEEPALIVE] = {{"keepalive", "保活探测"}, {
"A keepalive probe: the connection was silent for long. Its sequence number {seq} is one that was acknowledged already, so the other end, if it is there, must answer with an ACK.",
"保活探测：连接长时间没有数据。探测报文段的序列号 {seq} 是已经确认过的，对方只要还在，就必须以 ACK 应答。"},
"9293, 3.8.4"},
[LADDER_SIT_KEEPALIVE_ANSWER] = {{"still there", "保活应答"}, {
"The answer to the keepalive probe: {from} is alive and knows the connection.",
"对保活探测的应答：{from}还在，而且仍保留着这条连接。"},
"9293, 3.8.4"},
[LADDER_SIT_HALF_DATA] = {{"half-closed data", "半关闭期间的数据"}, {
"Data on a half-closed connection: {to} has sent its FIN and will send no more, but {from} has not finished, and {to} must go on receiving.",
"半关闭连接上的数据：{to}已经发送 FIN，不再发送数据；但{from}尚未发送完毕，{to}必须继续接收。"},
"9293, 3.6.1"},
[LADDER_SIT_TIME_WAIT_ACK] = {{"TIME-WAIT answers", "TIME-WAIT 再次确认"}, {
"The FIN came again, so the last ACK was lost. That is what TIME-WAIT is for: {from} acknowledges once more and starts its 2 MSL again.",
"对方重传了 FIN，说明最后一个 ACK 丢失了。TIME-WAIT 状态正是为此而设：{from}再次确认，并重新开始 2MSL 计时。"},
"9293, 3.10.7.4"},
[LADDER_SIT_REUSE] = {{"reopened by a SYN", "被新的 SYN 重用"}, {
"A new SYN reopens the connection before the 2 MSL are over. That is safe because its sequence number (or timestamp) is beyond all of the old connection's: nothing old can be mistaken for new.",
"2MSL 尚未结束，新的 SYN 就重新打开了连接。它的序列号（或时间戳）大于旧连接的所有值，旧报文段不会与新报文段混淆，因此这样做是安全的。"},
"6191; 9293, 3.6.1"},
[LADDER_SIT_DROPPED] = {{"dropped", "被丢弃"}, {
"{To} dropped this segment: {cause}.",
"{to}丢弃了这个报文段：{cause}。"},
"9293, 3.10.7"},
[LADDER_SIT_USER_CLOSE] = {{"application closes", "应用进程关闭连接"}, {
"The application closes; the FIN follows after the data that is still to be sent.",
"应用进程关闭了连接；待剩余数据发送之后，再发送 FIN。"},
"9293, 3.10.4"},
[LADDER_SIT_ENDED] = {{"gives up", "放弃连接"}, {
"The connection ends here without a segment[: {cause}].",
"连接就此结束，没有发送报文段[：{cause}]。"},
"9293, 3.8.3"},
};

static const char *const ladder_words[LADDER_W_COUNT][2] = {
#define LADDER_X(id, en, zh) [LADDER_W_##id] = {en, zh},
        LADDER_WORD_LIST(LADDER_X)
#undef LADDER_X
};
/* clang-format on */

static size_t ladder_text_lang(enum ladder_lang lang)
{
        return lang == LADDER_ZH ? 1 : 0;
}

const char *ladder_word(enum ladder_lang lang, enum ladder_word w)
{
        return ladder_words[w][ladder_text_lang(lang)];
}

const char *ladder_sit_title(enum ladder_lang lang, enum ladder_sit sit)
{
        return ladder_texts[sit].title[ladder_text_lang(lang)];
}

const char *ladder_sit_text(enum ladder_lang lang, enum ladder_sit sit)
{
        return ladder_texts[sit].text[ladder_text_lang(lang)];
}

const char *ladder_sit_rfc(enum ladder_sit sit)
{
        return ladder_texts[sit].rfc;
}

/* --- templates */

struct ladder_out {
        char *buf;
        size_t n, max;
};

static void ladder_out_put(struct ladder_out *o, const char *s, size_t n)
{
        for (size_t i = 0; i < n && o->n + 1 < o->max; i++)
                o->buf[o->n++] = s[i];
}

/* The value of the name before '}', "" when there is none; *end is set behind the brace. */
static const char *ladder_lookup(const char *name, const struct ladder_var *var, size_t nvar,
                                 const char **end)
{
        size_t n = strcspn(name, "}");

        *end = name[n] == '}' ? name + n + 1 : name + n;
        for (size_t i = 0; i < nvar; i++)
                if (strlen(var[i].name) == n && memcmp(var[i].name, name, n) == 0)
                        return var[i].value ? var[i].value : "";
        return "";
}

/* Does every name up to ']' have a value? */
static bool ladder_group_holds(const char *s, const struct ladder_var *var, size_t nvar)
{
        while (*s && *s != ']') {
                if (*s++ != '{')
                        continue;
                if (ladder_lookup(s, var, nvar, &s)[0] == '\0')
                        return false;
        }
        return true;
}

void ladder_expand(const char *text, const struct ladder_var *var, size_t nvar, char *buf, size_t n)
{
        struct ladder_out o = {buf, 0, n};

        while (*text) {
                if (*text == '{') {
                        const char *value = ladder_lookup(text + 1, var, nvar, &text);

                        ladder_out_put(&o, value, strlen(value));
                } else if (*text == '[') {
                        text++;
                        if (!ladder_group_holds(text, var, nvar))
                                text += strcspn(text, "]");
                } else if (*text == ']') {
                        text++;
                } else {
                        ladder_out_put(&o, text++, 1);
                }
        }
        if (n > 0)
                buf[o.n] = '\0';
}
