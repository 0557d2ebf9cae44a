/* SPDX-License-Identifier: MIT */
/*
 * The kernel's end.
 *
 *        this process                             the agent, in its namespace
 *             |---------------- fork --------------------->| netns, TUN, sysctl, listeners
 *             |<--- "ready" with the TUN's descriptor -----|   (or a sentence: what went wrong)
 *             |------------- go, flow 0 ------------------>| connect, send for ever
 *             |        (samples in shared memory)          |
 *             |---------- end of the socket -------------->| exit
 *
 * The limits of the namespace's buffers are raised, so that the kernel's own sizing, and not a limit
 * that suits web servers, follows the path. Nothing else of its TCP is touched but what is asked
 * for: the algorithm, ECN.
 */
#include "lab_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "drivers/netns.h"
#include "drivers/tun.h"
#include "util.h"

enum {
        CHUNK_BYTES = 128 << 10,
        QUEUE_PACKETS = 60000, /* of the device: never the bottleneck */
        PRIORITY = 10,
        EVENTS = 8,
        CONTROL = 1000, /* epoll's number of the control socket; flows: 0.., listeners: 100.. */
        LISTENER = 100,
};

struct message {
        int error;
        struct elko_drv_why why;
};

struct end {
        struct ek_lab_agent_config config;
        int control, epoll;
        int sock[EK_LAB_PEERS_MAX];     /* -1: none */
        int listener[EK_LAB_FLOWS_MAX]; /* receiver */
        uint64_t sampled_at;
        char chunk[CHUNK_BYTES];
};

bool ek_lab_agent_realtime(void)
{
        struct sched_param p = {.sched_priority = PRIORITY};

        return sched_setscheduler(0, SCHED_FIFO, &p) == 0;
}

/* ---- the agent: setting up ---- */

static int set_sysctl(const char *name, const char *value, struct elko_drv_why *why)
{
        char path[96];
        int fd, error = 0;

        snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, value, strlen(value)) < 0)
                error = errno;
        if (fd >= 0)
                close(fd);
        return error == 0 ? 0 : elko_drv_fail(why, error, "%s: %s", path, strerror(error));
}

/* Buffers for the path three times over (the kernel counts its own overhead, too); ECN. */
static int set_sysctls(const struct end *e, struct elko_drv_why *why)
{
        const struct ek_lab_cell *c = e->config.cell;
        uint64_t most = 3 * 2 * (ek_lab_cell_bdp(c) + ek_lab_cell_buffer(c));
        char rmem[64], wmem[64];
        int error;

        most = most < 32u << 20 ? 32u << 20 : most > 1u << 30 ? 1u << 30 : most;
        snprintf(rmem, sizeof rmem, "4096 131072 %llu", (unsigned long long)most);
        snprintf(wmem, sizeof wmem, "4096 16384 %llu", (unsigned long long)most);
        error = set_sysctl("tcp_rmem", rmem, why);
        if (error == 0)
                error = set_sysctl("tcp_wmem", wmem, why);
        /* Linux has AccECN since 6.18; an older one says here that it has not. */
        if (error == 0 && c->ecn != EK_LAB_ECN_OFF)
                error = set_sysctl("tcp_ecn", c->ecn == EK_LAB_ECN_ACCURATE ? "3" : "1", why);
        return error;
}

static struct elko_drv *open_tun(const struct end *e, struct elko_drv_why *why)
{
        struct elko_drv_tun_config tun;
        char address[32];

        snprintf(address, sizeof address, "10.99.0.%d/24",
                 e->config.receiver ? EK_LAB_HOST_RECEIVER : EK_LAB_HOST_KERNEL);
        elko_drv_tun_config_default(&tun);
        tun.name = "lab0";
        tun.mtu = (uint16_t)e->config.cell->mtu;
        tun.txqueuelen = QUEUE_PACKETS;
        tun.host_addr[0] = address;
        return elko_drv_tun_open(&tun, why);
}

static int watch(struct end *e, int fd, uint32_t events, unsigned number)
{
        struct epoll_event ev = {.events = events, .data.u32 = number};

        return epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static int listen_all(struct end *e, struct elko_drv_why *why)
{
        for (unsigned i = 0; i < e->config.flows; i++) {
                struct sockaddr_in at = {.sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)(EK_LAB_PORT + i))};
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

                e->listener[i] = fd;
                if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
                    listen(fd, 1) != 0 || watch(e, fd, EPOLLIN, LISTENER + i) != 0)
                        return elko_drv_fail(why, errno, "listening: %s", strerror(errno));
        }
        return 0;
}

/* A socket with the peer's algorithm, or the reason why there is none. */
static int open_sender(struct end *e, unsigned i, struct elko_drv_why *why)
{
        const struct ek_lab_peer *p = &e->config.senders->peer[i];
        const char *name = ek_lab_peer_algorithm(p);
        char known[200];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return elko_drv_fail(why, errno, "socket: %s", strerror(errno));
        e->sock[i] = fd;
        if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0)
                return 0;
        ek_lab_peer_kernel_names(known, sizeof known);
        return elko_drv_fail(why, errno,
                             "%s: this kernel has no congestion control '%s' (%s); it has: %s; "
                             "perhaps `modprobe tcp_%s` as root brings it",
                             p->name, name, strerror(errno), known, name);
}

static int set_up(struct end *e, struct elko_drv **tun, struct elko_drv_why *why)
{
        int error = elko_drv_netns_enter(why);

        if (error != 0)
                return error;
        *tun = open_tun(e, why);
        if (*tun == NULL)
                return -errno;
        error = set_sysctls(e, why);
        e->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (error == 0 && (e->epoll < 0 || watch(e, e->control, EPOLLIN, CONTROL) != 0))
                error = elko_drv_fail(why, errno, "epoll: %s", strerror(errno));
        if (error == 0 && e->config.receiver)
                error = listen_all(e, why);
        for (unsigned i = 0; error == 0 && !e->config.receiver && i < e->config.senders->count; i++)
                if (e->config.senders->peer[i].kernel)
                        error = open_sender(e, i, why);
        return error;
}

/* ---- messages ---- */

static void send_message(int control, const struct message *m, int fd)
{
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } box = {{0}};
        struct iovec iov = {.iov_base = (void *)(uintptr_t)m, .iov_len = sizeof *m};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

        if (fd >= 0) {
                struct cmsghdr *c;

                msg.msg_control = box.bytes;
                msg.msg_controllen = sizeof box.bytes;
                c = CMSG_FIRSTHDR(&msg);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(c), &fd, sizeof fd);
        }
        if (sendmsg(control, &msg, 0) < 0)
                _exit(1);
}

/* The message, and the descriptor in it or -1. False: the agent is gone. */
static bool receive_message(int control, struct message *m, int *fd)
{
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } box;
        struct iovec iov = {.iov_base = m, .iov_len = sizeof *m};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = box.bytes,
                             .msg_controllen = sizeof box.bytes};
        struct cmsghdr *c;
        ssize_t n;

        *fd = -1;
        do
                n = recvmsg(control, &msg, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n != (ssize_t)sizeof *m)
                return false;
        c = CMSG_FIRSTHDR(&msg);
        if (c != NULL && c->cmsg_type == SCM_RIGHTS)
                memcpy(fd, CMSG_DATA(c), sizeof *fd);
        return true;
}

/* ---- the agent: at work ---- */

static void sample(struct end *e, unsigned i)
{
        struct ek_lab_flow *f = &e->config.flow[i];
        struct tcp_info t = {0};
        socklen_t len = sizeof t;

        if (getsockopt(e->sock[i], IPPROTO_TCP, TCP_INFO, &t, &len) != 0)
                return;
        ek_lab_put(&f->cwnd, (uint64_t)t.tcpi_snd_cwnd * t.tcpi_snd_mss);
        ek_lab_put(&f->ssthresh, t.tcpi_snd_ssthresh >= INT32_MAX
                                         ? UINT64_MAX
                                         : (uint64_t)t.tcpi_snd_ssthresh * t.tcpi_snd_mss);
        ek_lab_put(&f->srtt_ns, ELKO_US(t.tcpi_rtt));
        ek_lab_put(&f->min_rtt_ns, t.tcpi_min_rtt == UINT32_MAX ? 0 : ELKO_US(t.tcpi_min_rtt));
        ek_lab_put(&f->acked, t.tcpi_bytes_acked);
        ek_lab_put(&f->retrans_segs, t.tcpi_total_retrans);
        ek_lab_put(&f->retrans_bytes, t.tcpi_bytes_retrans);
        ek_lab_put(&f->reord_seen, t.tcpi_reord_seen);
        ek_lab_put(&f->dsack_dups, t.tcpi_dsack_dups);
        ek_lab_put(&f->rwnd_limited_ns, ELKO_US(t.tcpi_rwnd_limited));
}

static void sample_all(struct end *e)
{
        uint64_t now = ek_util_now();

        if (e->config.receiver || now < e->sampled_at + ELKO_MS(EK_LAB_SAMPLE_MS))
                return;
        e->sampled_at = now;
        for (unsigned i = 0; i < EK_LAB_FLOWS_MAX; i++)
                if (e->sock[i] >= 0 && ek_lab_get(&e->config.flow[i].connected) != 0)
                        sample(e, i);
}

static void note_error(struct end *e, unsigned i, int error)
{
        if (ek_lab_get(&e->config.flow[i].error) == 0)
                ek_lab_put(&e->config.flow[i].error, (uint64_t)error);
        epoll_ctl(e->epoll, EPOLL_CTL_DEL, e->sock[i], NULL);
}

/* The control socket: a byte is the number of a flow that begins; its end is ours. */
static void on_control(struct end *e)
{
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(0x0a630000u | EK_LAB_HOST_RECEIVER)};
        unsigned char flow;

        if (recv(e->control, &flow, 1, 0) != 1)
                _exit(0);
        if (flow >= EK_LAB_FLOWS_MAX || e->sock[flow] < 0)
                return;
        to.sin_port = htons((uint16_t)(EK_LAB_PORT + flow));
        if (connect(e->sock[flow], (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
                note_error(e, flow, errno);
        else
                watch(e, e->sock[flow], EPOLLOUT, flow);
}

static void on_accept(struct end *e, unsigned i)
{
        int fd = accept4(e->listener[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0 && e->sock[i] < 0) {
                e->sock[i] = fd;
                watch(e, fd, EPOLLIN, i);
        }
}

/* Linux counts and forgets the bytes when it is told to truncate them. */
static void receive_more(struct end *e, unsigned i)
{
        ssize_t n;

        while ((n = recv(e->sock[i], NULL, (size_t)CHUNK_BYTES * 8, MSG_TRUNC)) > 0)
                ek_lab_add(&e->config.flow[i].delivered, (uint64_t)n);
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
                epoll_ctl(e->epoll, EPOLL_CTL_DEL, e->sock[i], NULL);
}

static void send_more(struct end *e, unsigned i)
{
        ssize_t n;

        ek_lab_put(&e->config.flow[i].connected, 1);
        do {
                n = send(e->sock[i], e->chunk, sizeof e->chunk, MSG_NOSIGNAL);
                sample_all(e);
        } while (n > 0);
        if (errno != EAGAIN && errno != EINTR)
                note_error(e, i, errno);
}

static void on_ready(struct end *e, unsigned number)
{
        if (number == CONTROL)
                on_control(e);
        else if (number >= LISTENER)
                on_accept(e, number - LISTENER);
        else if (e->config.receiver)
                receive_more(e, number);
        else
                send_more(e, number);
}

static void work(struct end *e)
{
        struct epoll_event events[EVENTS];

        for (;;) {
                int n = epoll_wait(e->epoll, events, EVENTS, EK_LAB_SAMPLE_MS);

                for (int i = 0; i < n; i++)
                        on_ready(e, events[i].data.u32);
                sample_all(e);
        }
}

static void agent(const struct ek_lab_agent_config *config, int control)
{
        static struct end e;
        struct message m = {0};
        struct elko_drv *tun = NULL;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        e.config = *config;
        e.control = control;
        e.epoll = -1;
        for (unsigned i = 0; i < EK_LAB_PEERS_MAX; i++)
                e.sock[i] = -1;
        m.error = -set_up(&e, &tun, &m.why);
        send_message(control, &m, m.error == 0 ? elko_drv_poll_fd(tun) : -1);
        if (m.error != 0)
                _exit(1);
        if (config->realtime)
                ek_lab_agent_realtime();
        work(&e);
}

/* ---- this side ---- */

int ek_lab_agent_start(struct ek_lab_agent *a, const struct ek_lab_agent_config *config,
                       struct elko_drv_why *why)
{
        struct message m;
        int pair[2];

        *a = (struct ek_lab_agent){.control = -1, .tun = -1};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
                return elko_drv_fail(why, errno, "socketpair: %s", strerror(errno));
        fflush(NULL);
        a->pid = fork();
        if (a->pid == 0) {
                close(pair[0]);
                agent(config, pair[1]);
                _exit(0);
        }
        close(pair[1]);
        a->control = pair[0];
        if (a->pid < 0) {
                a->pid = 0;
                close(a->control);
                return elko_drv_fail(why, errno, "fork: %s", strerror(errno));
        }
        if (!receive_message(a->control, &m, &a->tun)) {
                ek_lab_agent_stop(a);
                return elko_drv_fail(why, ECHILD, "the process of the kernel's end ended early");
        }
        if (m.error == 0)
                return 0;
        ek_lab_agent_stop(a);
        return elko_drv_fail(why, m.error, "%s", m.why.text);
}

void ek_lab_agent_go(struct ek_lab_agent *a, unsigned flow)
{
        unsigned char byte = (unsigned char)flow;

        if (send(a->control, &byte, 1, MSG_NOSIGNAL) < 0)
                return; /* it died: the flow will have delivered nothing */
}

void ek_lab_agent_stop(struct ek_lab_agent *a)
{
        if (a->pid <= 0)
                return;
        kill(a->pid, SIGKILL);
        while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        close(a->control);
        if (a->tun >= 0)
                close(a->tun);
        *a = (struct ek_lab_agent){.control = -1, .tun = -1};
}
