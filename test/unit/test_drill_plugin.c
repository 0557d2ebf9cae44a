/* SPDX-License-Identifier: MIT */
/* elko-build: needs=threads timeout=60 */
/*
 * libelko-packetdrill.so, driven as the packetdrill program drives it: through the table of 33 pointers by their
 * offsets, from a main thread and one thread for blocking calls, with packets made by hand here. The main thread goes on
 * when the other one sleeps in the kernel, which it sees in /proc, and the clock of the plug-in is the only one.
 */
#include "ek_test.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

enum {
        FREE = 1,
        SOCKET,
        BIND,
        LISTEN,
        ACCEPT,
        CONNECT,
        READ,
        READV,
        RECV,
        RECVFROM,
        RECVMSG,
        WRITE,
        WRITEV,
        SEND,
        SENDTO,
        SENDMSG,
        FCNTL,
        IOCTL,
        CLOSE,
        SHUTDOWN,
        GETSOCKOPT,
        SETSOCKOPT,
        POLL,
        NETDEV_SEND,
        NETDEV_RECEIVE,
        USLEEP,
        GETTIMEOFDAY,
        EPOLL_CREATE,
        EPOLL_CTL,
        EPOLL_WAIT,
        PIPE,
        SPLICE,
        SLOTS
};

typedef void any_fn(void);

static struct {
        void *user;
        any_fn *slot[SLOTS - 1];
} table;

/* The function in slot `n`, as the type that section 2.2 of the interface gives it. */
#define AT(n, type) ((type)table.slot[(n)-1])
#define U           table.user

static char so[4096];

/* As packetdrill loads it, which AddressSanitizer can't bear: its malloc has to be everybody's. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(UNDER_ASAN)
enum { ASAN = 1, DEEPBIND = 0 };
#else
enum { ASAN = 0, DEEPBIND = RTLD_DEEPBIND };
#endif

static void start(const char *flags)
{
        typedef void init_fn(const char *, void *);
        init_fn *init;
        void *lib;

        snprintf(so, sizeof(so), "%s/libelko-packetdrill.so", getenv("ELKO_BUILD"));
        lib = dlopen(so, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | DEEPBIND);
        if (lib == NULL)
                ek_test_fail(__FILE__, __LINE__, "%s", dlerror());
        *(void **)&init = dlsym(lib, "packetdrill_interface_init");
        CHECK(init != NULL);
        memset(&table, 0, sizeof(table));
        init(flags != NULL ? flags : "sysctls=no", &table);
}

static void stop(void)
{
        AT(FREE, void (*)(void *))(U);
}

/* ---- the clock ---- */

static int64_t clock_us(void)
{
        struct timeval tv;

        CHECK_EQ(AT(GETTIMEOFDAY, int (*)(void *, struct timeval *, void *))(U, &tv, NULL), 0);
        return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}

/* As the program waits for an event: sleep most of it, ask in a loop for the rest. */
static void wait_until(int64_t at)
{
        for (int64_t now; (now = clock_us()) < at;)
                if (at - now > 20)
                        AT(USLEEP, int (*)(void *, useconds_t))(U, (useconds_t)(at - now - 20));
}

/* ---- packets ---- */

enum { ISN = 1000, PEER = 40000, OURS = 8080, URGENT_BYTES = 3 };

struct seg {
        uint8_t flags;
        uint16_t urgent;
        uint32_t seq, ack, len;
        int64_t at;
};

static uint16_t sum(const uint8_t *p, size_t n, uint32_t s)
{
        for (size_t i = 0; i < n; i++)
                s += (uint32_t)p[i] << (i % 2 ? 0 : 8);
        while (s >> 16)
                s = (s & 0xffff) + (s >> 16);
        return (uint16_t)~s;
}

static void in_to(uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
        uint8_t p[65536] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 168, 0, 1};
        struct tcphdr *h = (struct tcphdr *)(void *)(p + 20);
        uint16_t total = (uint16_t)(40 + len), c;

        p[2] = (uint8_t)(total >> 8);
        p[3] = (uint8_t)total;
        c = htons(sum(p, 20, 0));
        memcpy(p + 10, &c, 2);
        h->source = htons(PEER);
        h->dest = htons(port);
        h->seq = htonl(seq);
        h->ack_seq = htonl(ack);
        h->doff = 5;
        p[33] = flags;
        h->urg_ptr = htons(flags & TH_URG ? URGENT_BYTES : 0);
        h->window = htons(65535);
        h->check = htons(sum(p + 20, total - 20u,
                             0xffffu & ~(uint32_t)sum(p + 12, 8, 6 + (uint32_t)total - 20)));
        CHECK_EQ(AT(NETDEV_SEND, int (*)(void *, const void *, size_t))(U, p, total), 0);
}

static void in(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
        in_to(OURS, flags, seq, ack, len);
}

/* The next packet; flags 0xff: there will be none. */
static struct seg out(void)
{
        static uint8_t buf[65536];
        size_t n = sizeof(buf);
        long long at = 0;
        struct seg s = {.flags = 0xff};
        struct tcphdr *h;

        CHECK_EQ(
                AT(NETDEV_RECEIVE, int (*)(void *, void *, size_t *, long long *))(U, buf, &n, &at),
                0);
        s.at = at;
        if (n == 0)
                return s;
        CHECK_EQ(sum(buf, 20, 0), 0);
        h = (struct tcphdr *)(void *)(buf + 20);
        CHECK_EQ(sum(buf + 20, n - 20, 0xffffu & ~(uint32_t)sum(buf + 12, 8, 6 + (uint32_t)n - 20)),
                 0);
        s.flags = buf[33];
        s.urgent = ntohs(h->urg_ptr);
        s.seq = ntohl(h->seq);
        s.ack = ntohl(h->ack_seq);
        s.len = (uint32_t)n - 20 - h->doff * 4u;
        return s;
}

/* ---- sockets ---- */

static int tcp_socket(void)
{
        int fd = AT(SOCKET, int (*)(void *, int, int, int))(U, AF_INET, SOCK_STREAM, IPPROTO_TCP);

        CHECK(fd >= 0);
        return fd;
}

static struct sockaddr_in address(const char *ip, uint16_t port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

        inet_pton(AF_INET, ip, &a.sin_addr);
        return a;
}

static int listener(void)
{
        struct sockaddr_in a = address("192.168.0.1", OURS);
        int fd = tcp_socket();

        CHECK_EQ(AT(BIND, int (*)(void *, int, void *, socklen_t))(U, fd, &a, sizeof(a)), 0);
        CHECK_EQ(AT(LISTEN, int (*)(void *, int, int))(U, fd, 1), 0);
        return fd;
}

static int accept_one(int fd)
{
        struct sockaddr_in a;
        socklen_t len = sizeof(a);
        int r = AT(ACCEPT, int (*)(void *, int, void *, socklen_t *))(U, fd, &a, &len);

        if (r >= 0) {
                CHECK_EQ(ntohs(a.sin_port), PEER);
                CHECK_EQ(ntohl(a.sin_addr.s_addr), 0xc0000201);
        }
        return r;
}

/* Open a connection from the peer; its descriptor, and the ISN in *iss. */
static int open_one(int ls, uint32_t *iss)
{
        struct seg s;

        in(TH_SYN, ISN, 0, 0);
        s = out();
        CHECK_EQ(s.flags, TH_SYN | TH_ACK);
        CHECK_EQ(s.ack, ISN + 1);
        *iss = s.seq;
        in(TH_ACK, ISN + 1, s.seq + 1, 0);
        return accept_one(ls);
}

/* ---- the other thread ---- */

struct call {
        void (*fn)(struct call *c);
        int fd;
        long result;
        int64_t ended;
        pthread_t thread;
        _Atomic pid_t tid;
};

static void *call_thread(void *arg)
{
        struct call *c = arg;

        c->tid = (pid_t)syscall(SYS_gettid);
        c->fn(c);
        c->ended = clock_us();
        return NULL;
}

static char state_of(pid_t tid)
{
        char path[64], line[512] = "", *at;
        int fd;

        snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
        fd = open(path, O_RDONLY);
        if (fd < 0)
                return 'X';
        if (read(fd, line, sizeof(line) - 1) < 0)
                line[0] = 0;
        close(fd);
        at = strrchr(line, ')');
        return at != NULL && at[1] != 0 ? at[2] : 'X';
}

static void begin(struct call *c, void (*fn)(struct call *c), int fd)
{
        *c = (struct call){.fn = fn, .fd = fd};
        CHECK_EQ(pthread_create(&c->thread, NULL, call_thread, c), 0);
        while (c->tid == 0 || state_of(c->tid) != 'S')
                usleep(100);
}

static void end(struct call *c)
{
        pthread_join(c->thread, NULL);
}

static void do_accept(struct call *c)
{
        c->result = accept_one(c->fd);
}

static void do_read(struct call *c)
{
        char buf[1000];

        c->result = AT(READ, ssize_t(*)(void *, int, void *, size_t))(U, c->fd, buf, sizeof(buf));
}

static void do_poll(struct call *c)
{
        struct pollfd p = {.fd = c->fd, .events = POLLIN};

        c->result = AT(POLL, int (*)(void *, struct pollfd *, nfds_t, int))(U, &p, 1, 2500);
        if (c->result == 1)
                CHECK_EQ(p.revents, POLLIN);
}

static void do_connect(struct call *c)
{
        struct sockaddr_in a = address("192.0.2.1", PEER);

        c->result = AT(CONNECT, int (*)(void *, int, void *, socklen_t))(U, c->fd, &a, sizeof(a));
}

static void do_big_write(struct call *c)
{
        static char buf[300000];

        c->result = AT(WRITE, ssize_t(*)(void *, int, const void *, size_t))(U, c->fd, buf,
                                                                             sizeof(buf));
}

/* ---- tests ---- */

EK_TEST(every_slot_is_filled)
{
        start(NULL);
        for (int i = 1; i < SLOTS; i++)
                CHECK(table.slot[i - 1] != NULL);
        stop();
}

/* RFC 6298, 5.5: after 1, 2, 4, 8 and 16 s, as Linux's tcp_synack_retries of 5 says. The packets bear the instants of their timers. */
EK_TEST(an_idle_receive_moves_the_clock_from_timer_to_timer)
{
        struct seg s;
        int64_t t0;

        start(NULL);
        listener();
        in(TH_SYN, ISN, 0, 0);
        s = out();
        CHECK_EQ(s.flags, TH_SYN | TH_ACK);
        t0 = s.at;
        for (int i = 1; i <= 5; i++) {
                s = out();
                CHECK_EQ(s.flags, TH_SYN | TH_ACK);
                CHECK_EQ(s.at - t0, ((1 << i) - 1) * 1000000);
        }
        s = out();
        CHECK_EQ(s.flags, 0xff); /* given up: the program is told instead of asking for ever */
        stop();
}

EK_TEST(usleep_fires_timers_at_their_time)
{
        struct seg s;
        int64_t t0;

        start(NULL);
        listener();
        in(TH_SYN, ISN, 0, 0);
        t0 = out().at;
        wait_until(t0 + 5000000);
        s = out();
        CHECK_EQ(s.at - t0, 1000000);
        s = out();
        CHECK_EQ(s.at - t0, 3000000);
        CHECK(clock_us() - t0 < 5001000);
        stop();
}

/* The clock goes on by itself, else a program that asks in a loop would ask for ever. */
EK_TEST(asking_for_the_time_takes_time)
{
        int64_t a;

        start(NULL);
        a = clock_us();
        CHECK_EQ(clock_us(), a + 1);
        stop();
}

/* A call that sleeps ends at the instant at which it is woken, however far the main thread goes then. */
EK_TEST(blocking_calls_end_when_they_are_woken)
{
        for (int round = 0; round < 20; round++) {
                struct call c;
                uint32_t iss;
                int64_t t0;
                int ls, fd;

                start(NULL);
                ls = listener();
                begin(&c, do_accept, ls);
                wait_until(clock_us() + 100000);
                in(TH_SYN, ISN, 0, 0);
                iss = out().seq;
                wait_until(t0 = clock_us() + 50000);
                in(TH_ACK, ISN + 1, iss + 1, 0);
                wait_until(t0 + 5000000);
                end(&c);
                CHECK(c.result >= 0);
                CHECK(c.ended - t0 >= 0 && c.ended - t0 < 20);
                fd = (int)c.result;
                begin(&c, do_read, fd);
                wait_until(t0 = clock_us() + 100000000);
                in(TH_ACK | TH_PUSH, ISN + 1, iss + 1, 700);
                wait_until(t0 + 60000000);
                end(&c);
                CHECK_EQ(c.result, 700);
                CHECK(c.ended - t0 >= 0 && c.ended - t0 < 20);
                stop();
        }
}

/* SO_RCVLOWAT: too little wakes nobody; what fills the buffer does, and so does the end of the stream. */
EK_TEST(a_blocking_read_waits_for_the_low_water_mark)
{
        struct call c;
        uint32_t iss;
        int fd, least = 500;
        int64_t t0;

        start(NULL);
        fd = open_one(listener(), &iss);
        CHECK_EQ(AT(SETSOCKOPT, int (*)(void *, int, int, int, const void *, socklen_t))(
                         U, fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)),
                 0);
        begin(&c, do_read, fd);
        t0 = clock_us();
        wait_until(t0 + 10000);
        in(TH_ACK | TH_PUSH, ISN + 1, iss + 1, 400);
        wait_until(t0 + 20000);
        in(TH_ACK | TH_PUSH, ISN + 401, iss + 1, 400);
        wait_until(t0 + 30000);
        end(&c);
        CHECK_EQ(c.result, 800);
        CHECK(c.ended - t0 >= 20000 && c.ended - t0 < 20100);
        least = 5000; /* more than the reader's 1000 bytes */
        CHECK_EQ(AT(SETSOCKOPT, int (*)(void *, int, int, int, const void *, socklen_t))(
                         U, fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)),
                 0);
        begin(&c, do_read, fd);
        t0 = clock_us();
        in(TH_ACK | TH_PUSH, ISN + 801, iss + 1, 999);
        wait_until(t0 + 10000);
        in(TH_ACK | TH_PUSH, ISN + 1800, iss + 1, 1);
        wait_until(t0 + 20000);
        end(&c);
        CHECK_EQ(c.result, 1000);
        CHECK(c.ended - t0 >= 10000 && c.ended - t0 < 10100);
        begin(&c, do_read, fd);
        t0 = clock_us();
        in(TH_ACK | TH_PUSH, ISN + 1801, iss + 1, 10);
        wait_until(t0 + 10000);
        in(TH_ACK | TH_FIN, ISN + 1811, iss + 1, 0);
        wait_until(t0 + 20000);
        end(&c);
        CHECK_EQ(c.result, 10);
        CHECK(c.ended - t0 >= 10000 && c.ended - t0 < 10100);
        stop();
}

/* The error queue, as the program asks for it: recvmsg(MSG_ERRQUEUE) with room for control messages. */
EK_TEST(reports_come_through_the_error_queue)
{
        uint64_t control[64];
        struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
        struct cmsghdr *h = (struct cmsghdr *)control;
        struct pollfd p;
        char data[1000] = {0};
        uint32_t iss;
        int fd, one = 1;

        start(NULL);
        fd = open_one(listener(), &iss);
        CHECK_EQ(AT(SETSOCKOPT, int (*)(void *, int, int, int, const void *, socklen_t))(
                         U, fd, SOL_SOCKET, 60 /* SO_ZEROCOPY */, &one, sizeof(one)),
                 0);
        CHECK_EQ(AT(SETSOCKOPT, int (*)(void *, int, int, int, const void *, socklen_t))(
                         U, fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one)),
                 0);
        for (int i = 0; i < 2; i++)
                CHECK_EQ(AT(SEND, ssize_t(*)(void *, int, const void *, size_t, int))(
                                 U, fd, data, sizeof(data), 0x4000000 /* MSG_ZEROCOPY */),
                         1000);
        CHECK_EQ(AT(RECVMSG, ssize_t(*)(void *, int, void *, int))(U, fd, &msg, MSG_ERRQUEUE), -1);
        CHECK_EQ(errno, EAGAIN);
        in(TH_ACK, ISN + 1, iss + 1 + 2000, 0);
        p = (struct pollfd){.fd = fd, .events = POLLIN};
        CHECK_EQ(AT(POLL, int (*)(void *, struct pollfd *, nfds_t, int))(U, &p, 1, 0), 1);
        CHECK_EQ(p.revents, POLLERR);
        msg.msg_controllen = sizeof(control);
        CHECK_EQ(AT(RECVMSG, ssize_t(*)(void *, int, void *, int))(U, fd, &msg, MSG_ERRQUEUE), 0);
        CHECK_EQ(msg.msg_flags, MSG_ERRQUEUE);
        CHECK_EQ(h->cmsg_level, IPPROTO_IP);
        CHECK_EQ(h->cmsg_type, IP_RECVERR);
        CHECK_EQ(h->cmsg_len, CMSG_LEN(16 + sizeof(struct sockaddr_in)));
        CHECK_EQ(((uint8_t *)CMSG_DATA(h))[4], 5);  /* SO_EE_ORIGIN_ZEROCOPY */
        CHECK_EQ(((uint32_t *)CMSG_DATA(h))[2], 0); /* calls 0 */
        CHECK_EQ(((uint32_t *)CMSG_DATA(h))[3], 1); /* to 1 */
        stop();
}

/* Urgent data in both directions; to receive it never waits. */
EK_TEST(urgent_data_is_out_of_band)
{
        char data[10] = {0};
        struct pollfd p;
        struct seg s;
        uint32_t iss;
        int fd, mark = -1;

        start(NULL);
        fd = open_one(listener(), &iss);
        CHECK_EQ(AT(RECV, ssize_t(*)(void *, int, void *, size_t, int))(U, fd, data, 10, MSG_OOB),
                 -1);
        CHECK_EQ(errno, EINVAL);
        in(TH_ACK | TH_PUSH | TH_URG, ISN + 1, iss + 1, 2); /* before the urgent byte */
        CHECK_EQ(AT(RECV, ssize_t(*)(void *, int, void *, size_t, int))(U, fd, data, 10, MSG_OOB),
                 -1);
        CHECK_EQ(errno, EAGAIN);
        in(TH_ACK | TH_PUSH, ISN + 3, iss + 1, 3);
        p = (struct pollfd){.fd = fd, .events = POLLPRI};
        CHECK_EQ(AT(POLL, int (*)(void *, struct pollfd *, nfds_t, int))(U, &p, 1, 0), 1);
        CHECK_EQ(p.revents, POLLPRI);
        CHECK_EQ(AT(READ, ssize_t(*)(void *, int, void *, size_t))(U, fd, data, 10), 2);
        CHECK_EQ(AT(IOCTL, int (*)(void *, int, unsigned long, ...))(U, fd, SIOCATMARK, &mark), 0);
        CHECK_EQ(mark, 1);
        CHECK_EQ(AT(RECV, ssize_t(*)(void *, int, void *, size_t, int))(U, fd, data, 10, MSG_OOB),
                 1);
        CHECK_EQ(AT(READ, ssize_t(*)(void *, int, void *, size_t))(U, fd, data, 10), 2);
        CHECK_EQ(AT(SEND, ssize_t(*)(void *, int, const void *, size_t, int))(U, fd, data, 4,
                                                                              MSG_OOB),
                 4);
        while ((s = out()).len == 0)
                ;
        CHECK_EQ(s.flags, TH_ACK | TH_PUSH | TH_URG);
        CHECK_EQ(s.urgent, 4);
        stop();
}

EK_TEST(poll_ends_when_its_time_is_over)
{
        struct call c;
        uint32_t iss;
        int64_t t0;
        int fd;

        start(NULL);
        fd = open_one(listener(), &iss);
        t0 = clock_us();
        begin(&c, do_poll, fd);
        wait_until(t0 + 60000000);
        end(&c);
        CHECK_EQ(c.result, 0);
        CHECK(c.ended - t0 >= 2500000 && c.ended - t0 < 2500020);
        begin(&c, do_poll, fd);
        wait_until(t0 = clock_us() + 1000000);
        in(TH_ACK | TH_PUSH, ISN + 1, iss + 1, 1);
        wait_until(t0 + 60000000);
        end(&c);
        CHECK_EQ(c.result, 1);
        CHECK(c.ended - t0 >= 0 && c.ended - t0 < 20);
        stop();
}

EK_TEST(connect_sleeps_until_it_is_open_or_refused)
{
        struct call c;
        struct seg s;
        int fd, port;
        struct sockaddr_in a = address("192.168.0.1", 0);

        start(NULL);
        for (int refused = 0; refused < 2; refused++) {
                fd = tcp_socket();
                port = 9000 + refused;
                a.sin_port = htons((uint16_t)port);
                CHECK_EQ(AT(BIND, int (*)(void *, int, void *, socklen_t))(U, fd, &a, sizeof(a)),
                         0);
                begin(&c, do_connect, fd);
                s = out();
                CHECK_EQ(s.flags, TH_SYN);
                in_to((uint16_t)port, (uint8_t)(refused ? TH_RST | TH_ACK : TH_SYN | TH_ACK), 5000,
                      s.seq + 1, 0);
                wait_until(clock_us() + 1000);
                end(&c);
                CHECK_EQ(c.result, refused ? -1 : 0);
                if (!refused)
                        CHECK_EQ(out().flags, TH_ACK);
        }
        stop();
}

static ssize_t fast_send(int fd, size_t len)
{
        static const char zeros[3000];
        struct sockaddr_in a = address("192.0.2.1", PEER);

        return AT(SENDTO, ssize_t(*)(void *, int, const void *, size_t, int, void *, socklen_t))(
                U, fd, zeros, len, MSG_FASTOPEN, &a, sizeof(a));
}

static void do_fast_send(struct call *c)
{
        c->result = fast_send(c->fd, 2000);
        if (c->result < 0)
                c->result = -errno;
}

static int bound(uint16_t port)
{
        struct sockaddr_in a = address("192.168.0.1", port);
        int fd = tcp_socket();

        CHECK_EQ(AT(BIND, int (*)(void *, int, void *, socklen_t))(U, fd, &a, sizeof(a)), 0);
        return fd;
}

/* Fast Open, RFC 7413: data goes with the SYN. A call that waits does so until the handshake is over, and then sends the
 * rest; or fails as connect() does. */
EK_TEST(fast_open_of_a_client)
{
        struct call c;
        struct seg s;
        int fd, one = 1;

        start("sysctls=no,tcp_fastopen=0x5");
        for (int refused = 0; refused < 2; refused++) {
                uint16_t port = (uint16_t)(9000 + refused);

                begin(&c, do_fast_send, bound(port));
                s = out();
                CHECK_EQ(s.flags, TH_SYN);
                CHECK_EQ(s.len, 1420);
                in_to(port, (uint8_t)(refused ? TH_RST | TH_ACK : TH_SYN | TH_ACK), 5000,
                      s.seq + 1421, 0);
                wait_until(clock_us() + 1000);
                end(&c);
                CHECK_EQ(c.result, refused ? -ECONNREFUSED : 2000);
                if (refused)
                        break;
                CHECK_EQ(out().len + out().len + out().len, 580); /* the ACK, and two segments */
        }
        fd = bound(9010);
        AT(FCNTL, int (*)(void *, int, int, ...))(U, fd, F_SETFL, O_RDWR | O_NONBLOCK);
        CHECK_EQ(AT(SETSOCKOPT, int (*)(void *, int, int, int, const void *, socklen_t))(
                         U, fd, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, &one, sizeof(one)),
                 0);
        do_connect(&(struct call){.fd = fd});
        CHECK_EQ(AT(WRITE, ssize_t(*)(void *, int, const void *, size_t))(U, fd, "abc", 3), 3);
        s = out();
        CHECK_EQ(s.flags, TH_SYN);
        CHECK_EQ(s.len, 3);
        CHECK_EQ(fast_send(fd, 10), -1);
        CHECK_EQ(errno, EALREADY);
        stop();
}

/* ... and a server's connection is there before the handshake is over. */
EK_TEST(fast_open_of_a_server)
{
        int ls, fd, pending = 5;
        char buf[100];
        struct seg s;

        start("sysctls=no,tcp_fastopen=0x203");
        ls = listener();
        CHECK_EQ(AT(SETSOCKOPT, int (*)(void *, int, int, int, const void *, socklen_t))(
                         U, ls, IPPROTO_TCP, TCP_FASTOPEN, &pending, sizeof(pending)),
                 0);
        in(TH_SYN, ISN, 0, 50);
        s = out();
        CHECK_EQ(s.flags, TH_SYN | TH_ACK);
        CHECK_EQ(s.ack, ISN + 51);
        fd = accept_one(ls);
        CHECK(fd >= 0);
        CHECK_EQ(AT(READ, ssize_t(*)(void *, int, void *, size_t))(U, fd, buf, sizeof(buf)), 50);
        CHECK_EQ(AT(WRITE, ssize_t(*)(void *, int, const void *, size_t))(U, fd, "abc", 3), 3);
        CHECK_EQ(out().len, 3);
        in(TH_ACK, ISN + 51, s.seq + 4, 0);
        CHECK_EQ(AT(CLOSE, int (*)(void *, int))(U, fd), 0);
        CHECK_EQ(out().flags, TH_FIN | TH_ACK);
        stop();
}

/* A blocking write takes all: what does not fit waits for acknowledgements. */
EK_TEST(a_blocking_write_takes_all)
{
        struct call c;
        uint32_t iss, top;
        struct seg s;
        int fd, size = 20000;

        start(NULL);
        fd = open_one(listener(), &iss);
        CHECK_EQ(AT(SETSOCKOPT, int (*)(void *, int, int, int, const void *, socklen_t))(
                         U, fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
                 0);
        top = iss + 1;
        begin(&c, do_big_write, fd);
        while (top != iss + 1 + 300000) {
                s = out();
                CHECK(s.len > 0 && s.seq == top);
                top += s.len;
                in(TH_ACK, ISN + 1, top, 0);
        }
        end(&c);
        CHECK_EQ(c.result, 300000);
        stop();
}

/* On the main thread a call that would sleep moves the clock itself, and says so when that can't help. */
EK_TEST(the_main_thread_never_hangs)
{
        struct pollfd p = {.events = POLLIN};
        uint32_t iss;
        int64_t t0;
        char c;

        start(NULL);
        p.fd = open_one(listener(), &iss);
        t0 = clock_us();
        CHECK_EQ(AT(POLL, int (*)(void *, struct pollfd *, nfds_t, int))(U, &p, 1, 3000), 0);
        CHECK(clock_us() - t0 >= 3000000);
        CHECK_EQ(AT(READ, ssize_t(*)(void *, int, void *, size_t))(U, p.fd, &c, 1), -1);
        CHECK_EQ(errno, EDEADLK);
        stop();
}

EK_TEST(parts_options_and_pipes)
{
        char a[10], b[10], data[20] = "0123456789abcdefghi";
        struct iovec iov[2] = {{a, 10}, {b, 10}}, from[2] = {{data, 5}, {data + 5, 15}};
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2, .msg_flags = 99};
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 7}, got = {0};
        uint8_t info[512];
        socklen_t len = sizeof(info);
        uint32_t iss;
        int fd, ep, left, ends[2];
        loff_t none = 0;

        start("local=192.168.0.1/24,mtu=1400");
        fd = open_one(listener(), &iss);
        ep = AT(EPOLL_CREATE, int (*)(void *, int))(U, 1);
        CHECK_EQ(AT(EPOLL_CTL, int (*)(void *, int, int, int, void *))(U, ep, EPOLL_CTL_ADD, fd,
                                                                       &ev),
                 0);
        CHECK_EQ(AT(EPOLL_WAIT, int (*)(void *, int, void *, int, int))(U, ep, &got, 1, 0), 0);
        in(TH_ACK | TH_PUSH, ISN + 1, iss + 1, 100);
        CHECK_EQ(AT(EPOLL_WAIT, int (*)(void *, int, void *, int, int))(U, ep, &got, 1, 0), 1);
        CHECK_EQ(got.data.u32, 7);
        CHECK_EQ(AT(IOCTL, int (*)(void *, int, unsigned long, ...))(U, fd, FIONREAD, &left), 0);
        CHECK_EQ(left, 100);
        CHECK_EQ(AT(READV, ssize_t(*)(void *, int, void *, int))(U, fd, iov, 2), 20);
        CHECK_EQ(AT(RECVMSG, ssize_t(*)(void *, int, void *, int))(U, fd, &msg, 0), 20);
        CHECK_EQ(msg.msg_flags, 0);
        CHECK_EQ(AT(PIPE, int (*)(void *, int *))(U, ends), 0);
        CHECK_EQ(AT(SPLICE, int (*)(void *, int, loff_t *, int, loff_t *, size_t, unsigned))(
                         U, fd, &none, ends[1], &none, 40, 0),
                 40);
        CHECK_EQ(AT(SPLICE, int (*)(void *, int, loff_t *, int, loff_t *, size_t, unsigned))(
                         U, ends[0], &none, fd, &none, 40, 0),
                 40);
        while (out().len == 0)
                ; /* ACKs of what came */
        CHECK_EQ(AT(WRITEV, ssize_t(*)(void *, int, void *, int))(U, fd, from, 2), 20);
        CHECK_EQ(AT(FCNTL, int (*)(void *, int, int, ...))(U, fd, F_SETFL, O_NONBLOCK), 0);
        CHECK(AT(FCNTL, int (*)(void *, int, int, ...))(U, fd, F_GETFL) & O_NONBLOCK);
        CHECK_EQ(AT(GETSOCKOPT, int (*)(void *, int, int, int, void *, socklen_t *))(
                         U, fd, SOL_TCP, TCP_INFO, info, &len),
                 0);
        CHECK(len >= 280);
        CHECK_EQ(info[0], 1); /* ESTABLISHED */
        close(ends[0]);
        close(ends[1]);
        stop();
}

/* What the program asserts: TCP_INFO of 280 bytes, TCP_CC_INFO and SO_MEMINFO there (nine numbers); and a packet of the
 * peer that is longer than the MTU, as its card would join several. */
EK_TEST(what_the_program_takes_for_granted)
{
        uint32_t words[256], iss;
        socklen_t len = sizeof(words);
        char buf[60000];
        int fd;

        start(NULL);
        fd = open_one(listener(), &iss);
        CHECK_EQ(AT(GETSOCKOPT, int (*)(void *, int, int, int, void *, socklen_t *))(
                         U, fd, SOL_TCP, TCP_INFO, words, &len),
                 0);
        CHECK_EQ(len, 280);
        len = sizeof(words);
        CHECK_EQ(AT(GETSOCKOPT, int (*)(void *, int, int, int, void *, socklen_t *))(
                         U, fd, SOL_TCP, 26 /* TCP_CC_INFO */, words, &len),
                 0);
        len = sizeof(words);
        CHECK_EQ(AT(GETSOCKOPT, int (*)(void *, int, int, int, void *, socklen_t *))(
                         U, fd, SOL_SOCKET, 55 /* SO_MEMINFO */, words, &len),
                 0);
        CHECK_EQ(len, 36);
        in(TH_ACK | TH_PUSH, ISN + 1, iss + 1, 50000);
        CHECK_EQ(out().ack, ISN + 50001);
        CHECK_EQ(AT(READ, ssize_t(*)(void *, int, void *, size_t))(U, fd, buf, sizeof(buf)), 50000);
        stop();
}

/* The end of a script: libc's close() for what is open, and a reset. Loaded with LD_PRELOAD the plug-in hears of it. */
/* sendfile(2): by an offset of its own, and by the file's. */
static void send_a_file(int fd, uint32_t iss)
{
        int file = memfd_create("zeros", 0), other = memfd_create("other", 0);
        off_t at = 3000 - 536; /* whole segments, of which none waits */

        CHECK_EQ(ftruncate(file, 3000), 0);
        CHECK_EQ(sendfile(fd, file, &at, 1000), 536);
        CHECK_EQ(at, 3000);
        CHECK_EQ(out().len, 536);
        CHECK_EQ(sendfile(fd, file, NULL, 536), 536);
        CHECK_EQ(lseek(file, 0, SEEK_CUR), 536);
        CHECK_EQ(out().len, 536);
        CHECK_EQ(sendfile(fd, file, &at, 1000), 0);
        CHECK_EQ(sendfile(fd, -1, NULL, 10), -1);
        CHECK_EQ(errno, EBADF);
        CHECK_EQ(sendfile(other, file, NULL, 300), 300); /* neither is ours */
        in(TH_ACK, ISN + 1, iss + 1 + 2 * 536, 0);
        close(file);
        close(other);
}

EK_TEST(libc_calls)
{
        bool preloaded = getenv("LD_PRELOAD") != NULL;
        uint8_t info[280];
        socklen_t len = sizeof(info);
        uint32_t iss;
        int fd;

        start(NULL);
        fd = open_one(listener(), &iss);
        if (preloaded) {
                CHECK_EQ(getsockopt(fd, SOL_TCP, TCP_INFO, info, &len), 0);
                CHECK_EQ(len, 280);
                CHECK_EQ(info[0], 1);
                send_a_file(fd, iss);
        }
        CHECK_EQ(close(fd), 0);
        if (preloaded)
                CHECK_EQ(out().flags, TH_FIN | TH_ACK);
        in(TH_RST | TH_ACK, ISN + 1, iss + 1, 0);
        CHECK_EQ(close(fd), -1);
        CHECK_EQ(errno, EBADF);
        stop();
}

static int run_child(const char *preload, const char *flags)
{
        pid_t pid = fork();
        int status = -1;

        if (pid == 0) {
                if (flags != NULL) {
                        if (freopen("/dev/null", "w", stderr) == NULL)
                                _exit(99);
                        start(flags);
                        _exit(0);
                }
                setenv("LD_PRELOAD", preload, 1);
                if (freopen("/dev/null", "w", stdout) == NULL)
                        _exit(99);
                execl("/proc/self/exe", "test", "--filter", "libc_calls", (char *)NULL);
                _exit(99);
        }
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

EK_TEST(preloaded)
{
        if (ASAN || getenv("LD_PRELOAD") != NULL)
                return; /* the sanitizer's library has to be the first to load */
        start(NULL);
        stop();
        CHECK_EQ(run_child(so, NULL), 0);
}

/* Another TCP's choices: no quick ACKs, so the first segment waits for the second or 40 ms. */
EK_TEST(a_persona_is_chosen)
{
        uint32_t iss;
        int64_t t0;

        start("persona=freebsd");
        open_one(listener(), &iss);
        t0 = clock_us();
        in(TH_ACK | TH_PUSH, ISN + 1, iss + 1, 100);
        CHECK(out().at - t0 >= 39000);
        stop();
        start("persona=linux");
        open_one(listener(), &iss);
        t0 = clock_us();
        in(TH_ACK | TH_PUSH, ISN + 1, iss + 1, 100);
        CHECK(out().at - t0 < 1000);
        stop();
}

/* A directory as /proc/sys is, with one setting after the other. */
static void setting(const char *dir, const char *name, const char *value)
{
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/net", dir);
        mkdir(path, 0700);
        snprintf(path, sizeof(path), "%s/net/ipv4", dir);
        mkdir(path, 0700);
        snprintf(path, sizeof(path), "%s/net/ipv4/tcp_%s", dir, name);
        f = fopen(path, "w");
        CHECK(f != NULL);
        CHECK(fprintf(f, "%s\n", value) > 0);
        CHECK_EQ(fclose(f), 0);
}

static void remove_settings(const char *dir)
{
        static const char *const names[] = {"net/ipv4/tcp_sack",
                                            "net/ipv4/tcp_timestamps",
                                            "net/ipv4/tcp_rmem",
                                            "net/ipv4/tcp_synack_retries",
                                            "net/ipv4",
                                            "net",
                                            "."};
        char path[256];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
                if (remove(path) != 0 && i + 1 == sizeof(names) / sizeof(names[0]))
                        CHECK_EQ(rmdir(dir), 0);
        }
}

/* The options of the SYN that connect() sends: SACK permitted (kind 4), timestamps (8), window scale (3). */
static void syn_options(bool *sack, bool *ts, int *scale)
{
        struct sockaddr_in a = address("192.0.2.1", PEER);
        uint8_t p[65536];
        size_t n = sizeof(p), at = 40;
        long long when;
        int fd = tcp_socket();

        CHECK_EQ(AT(FCNTL, int (*)(void *, int, int, ...))(U, fd, F_SETFL, O_NONBLOCK), 0);
        CHECK_EQ(AT(CONNECT, int (*)(void *, int, void *, socklen_t))(U, fd, &a, sizeof(a)), -1);
        CHECK_EQ(
                AT(NETDEV_RECEIVE, int (*)(void *, void *, size_t *, long long *))(U, p, &n, &when),
                0);
        *sack = *ts = false;
        *scale = -1;
        while (at < 20 + (size_t)(p[32] >> 4) * 4) {
                *sack |= p[at] == 4;
                *ts |= p[at] == 8;
                if (p[at] == 3)
                        *scale = p[at + 2];
                at += p[at] <= 1 ? 1 : p[at + 1];
        }
}

/* What a script's first command sets is taken over; what the system merely has by its size is not. */
EK_TEST(the_systems_settings_are_taken_over)
{
        char dir[] = "/tmp/elko-plugin-XXXXXX", flags[128];
        bool sack, ts;
        int scale;

        CHECK(mkdtemp(dir) != NULL);
        snprintf(flags, sizeof(flags), "sysctls=%s", dir);
        setting(dir, "sack", "1");
        setting(dir, "timestamps", "1");
        setting(dir, "rmem", "4096\t131072\t33554432");
        start(flags);
        syn_options(&sack, &ts, &scale);
        CHECK(sack && ts);
        CHECK_EQ(scale, 8); /* the persona's */
        stop();
        start(flags);
        setting(dir, "sack", "0");
        setting(dir, "timestamps", "0");
        setting(dir, "rmem", "4096\t131072\t1000000");
        syn_options(&sack, &ts, &scale);
        CHECK(!sack && !ts);
        CHECK_EQ(scale, 4);
        stop();
        /* What changes later counts for the next socket. */
        start(flags);
        setting(dir, "sack", "1");
        syn_options(&sack, &ts, &scale);
        CHECK(sack && !ts);
        setting(dir, "sack", "0");
        setting(dir, "timestamps", "1");
        syn_options(&sack, &ts, &scale);
        CHECK(!sack && ts);
        setting(dir, "timestamps", "0");
        stop();
        setting(dir, "synack_retries", "200"); /* more than elko allows: it goes on without */
        start(flags);
        syn_options(&sack, &ts, &scale);
        stop();
        /* so_flags have the last word, and a persona other than Linux's has no use for Linux's settings. */
        snprintf(flags, sizeof(flags), "sysctls=%s,tcp_sack=1,net.ipv4.tcp_rmem=4096 20000 60000",
                 dir);
        start(flags);
        syn_options(&sack, &ts, &scale);
        CHECK(sack && !ts);
        CHECK_EQ(scale, 0);
        stop();
        start("persona=freebsd");
        syn_options(&sack, &ts, &scale);
        CHECK(sack && ts);
        CHECK_EQ(scale, 6);
        stop();
        remove_settings(dir);
}

EK_TEST(bad_flags_end_the_program_with_a_sentence)
{
        CHECK_EQ(run_child(NULL, "mtu=9"), 1);
        CHECK_EQ(run_child(NULL, "colour=red"), 1);
        CHECK_EQ(run_child(NULL, "local"), 1);
        CHECK_EQ(run_child(NULL, "persona=windows"), 1);
        CHECK_EQ(run_child(NULL, "tcp_no_such_thing=1"), 1);
        CHECK_EQ(run_child(NULL, "tcp_sack=yes"), 1);
        CHECK_EQ(run_child(NULL, "tcp_sack=1,verbose,sysctls=no"), 0);
        CHECK_EQ(run_child(NULL, "local=192.168.0.1/16,mtu=1500"), 0);
}

EK_TEST_MAIN();
