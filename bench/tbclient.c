/* SPDX-License-Identifier: MIT */
/*
 * tbclient: measures another TCP against the kernel's.
 *
 *      tbclient send|recv|rr|crr ADDRESS [-p PORT] [-t SECONDS] [-w WARM-UP] [-c CPU]
 *                                        [-C CONGESTION-CONTROL] [-b BYTES-PER-CALL]
 *                                        [-s SOURCE-ADDRESS]
 *
 * Theory: the first byte of a connection says what it is: 'S' we send and the peer reads, 'R' the
 * peer sends and we read, another byte: it comes back, and so does every later one.
 *
 *      send   bytes that the peer acknowledged, in the time after the warm-up. What write() took and
 *             the kernel still holds (SIOCOUTQ) is subtracted at both ends of the interval, else a
 *             large send buffer would count as speed.
 *      recv   bytes that read() gave in that time.
 *      rr     one byte there and back, over and over, on one connection; the warm-up is not counted.
 *      crr    connect, one byte there and back, close: connections a second. Our side closes first
 *             and keeps TIME-WAIT for a minute; once half of the local ports are taken, connect()
 *             itself takes milliseconds. So a series of runs needs a SOURCE-ADDRESS for each.
 *
 * Nagle's algorithm is off. The result is one JSON object on one line of stdout.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES_MAX = 1 << 22, PATIENCE_SECONDS = 10 };

struct settings {
        struct sockaddr_in6 peer, source; /* or a sockaddr_in; no source: family 0 */
        socklen_t peer_len;
        double seconds, warm_up;
        const char *congestion;
        size_t call_bytes;
};

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what)
{
        fprintf(stderr, "tbclient: %s: %s\n", what, errno != 0 ? strerror(errno) : "end of stream");
        exit(2);
}

static int dial(const struct settings *set)
{
        struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
        int one = 1;
        int fd = socket(set->peer.sin6_family, SOCK_STREAM, 0);

        if (fd < 0)
                die("socket");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (set->congestion != NULL && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, set->congestion,
                                                  (socklen_t)strlen(set->congestion)) != 0)
                die(set->congestion);
        if (set->source.sin6_family != 0) {
                setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
                if (bind(fd, (const struct sockaddr *)&set->source, set->peer_len) != 0)
                        die("bind");
        }
        if (connect(fd, (const struct sockaddr *)&set->peer, set->peer_len) != 0)
                die("connect");
        return fd;
}

static void choose(int fd, char role)
{
        if (write(fd, &role, 1) != 1)
                die("write");
}

/* Bytes that write() took and the peer has not acknowledged. */
static double unacknowledged(int fd)
{
        int n = 0;

        ioctl(fd, SIOCOUTQ, &n);
        return n;
}

static void bulk(const struct settings *set, bool sending)
{
        char *buffer = malloc(set->call_bytes);
        double bytes = 0, total = 0, start, end;
        bool measuring = false;
        int fd = dial(set);

        if (buffer == NULL)
                die("malloc");
        memset(buffer, 'y', set->call_bytes);
        choose(fd, sending ? 'S' : 'R');
        start = now();
        for (;;) {
                ssize_t n = sending ? write(fd, buffer, set->call_bytes)
                                    : read(fd, buffer, set->call_bytes);

                if (n <= 0)
                        die(sending ? "write" : "read");
                bytes += (double)n;
                total += (double)n;
                end = now();
                if (!measuring && end - start >= set->warm_up) {
                        measuring = true;
                        start = end;
                        bytes = sending ? unacknowledged(fd) : 0;
                } else if (measuring && end - start >= set->seconds) {
                        break;
                }
        }
        if (sending)
                bytes -= unacknowledged(fd);
        printf("{\"gbit_s\":%.4f,\"seconds\":%.4f,\"total_bytes\":%.0f}\n",
               bytes * 8 / (end - start) / 1e9, end - start, total);
        close(fd);
        free(buffer);
}

static void there_and_back(int fd)
{
        char c = 'E';

        if (write(fd, &c, 1) != 1)
                die("write");
        if (read(fd, &c, 1) != 1)
                die("read");
}

static int by_size(const void *a, const void *b)
{
        const float *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static void request_response(const struct settings *set)
{
        float *took = malloc(SAMPLES_MAX * sizeof *took);
        size_t n = 0, kept;
        double start, at, before;
        int fd = dial(set);

        if (took == NULL)
                die("malloc");
        for (start = now(); now() - start < set->warm_up;)
                there_and_back(fd);
        for (start = at = now(); at - start < set->seconds; n++) {
                before = at;
                there_and_back(fd);
                at = now();
                if (n < SAMPLES_MAX)
                        took[n] = (float)((at - before) * 1e6);
        }
        kept = n < SAMPLES_MAX ? n : SAMPLES_MAX;
        qsort(took, kept, sizeof *took, by_size);
        printf("{\"per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"count\":%zu}\n",
               (double)n / (at - start), (double)took[kept / 2], (double)took[kept * 99 / 100], n);
        close(fd);
        free(took);
}

static void connect_request_response(const struct settings *set)
{
        double start = now(), at;
        size_t n = 0;

        do {
                int fd = dial(set);

                there_and_back(fd);
                close(fd);
                n++;
                at = now();
        } while (at - start < set->seconds);
        printf("{\"per_s\":%.0f,\"count\":%zu}\n", (double)n / (at - start), n);
}

static void run_on(int cpu)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0)
                die("sched_setaffinity");
}

/* The length of the address; 0: the text is none. */
static socklen_t parse(struct sockaddr_in6 *out, const char *text, uint16_t port)
{
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;

        v4->sin_port = htons(port); /* the same place in both */
        if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                return sizeof *v4;
        }
        if (inet_pton(AF_INET6, text, &out->sin6_addr) == 1) {
                out->sin6_family = AF_INET6;
                return sizeof *out;
        }
        return 0;
}

static int usage(void)
{
        fprintf(stderr,
                "usage: tbclient send|recv|rr|crr ADDRESS [-p PORT] [-t SECONDS]\n"
                "       [-w WARM-UP] [-c CPU] [-C CONGESTION-CONTROL] [-b BYTES] [-s SOURCE]\n");
        return 1;
}

int main(int argc, char **argv)
{
        struct settings set = {.seconds = 1.5, .warm_up = 0.3, .call_bytes = 128 << 10};
        int port = 5201, option;

        while ((option = getopt(argc, argv, "p:t:w:c:C:b:s:")) != -1) {
                switch (option) {
                case 'p': port = atoi(optarg); break;
                case 't': set.seconds = atof(optarg); break;
                case 'w': set.warm_up = atof(optarg); break;
                case 'c': run_on(atoi(optarg)); break;
                case 'C': set.congestion = optarg; break;
                case 'b': set.call_bytes = (size_t)atol(optarg); break;
                case 's':
                        if (parse(&set.source, optarg, 0) == 0)
                                return usage();
                        break;
                default: return usage();
                }
        }
        if (argc - optind != 2)
                return usage();
        set.peer_len = parse(&set.peer, argv[optind + 1], (uint16_t)port);
        if (set.peer_len == 0)
                return usage();
        signal(SIGPIPE, SIG_IGN);
        if (strcmp(argv[optind], "send") == 0)
                bulk(&set, true);
        else if (strcmp(argv[optind], "recv") == 0)
                bulk(&set, false);
        else if (strcmp(argv[optind], "rr") == 0)
                request_response(&set);
        else if (strcmp(argv[optind], "crr") == 0)
                connect_request_response(&set);
        else
                return usage();
        return 0;
}
