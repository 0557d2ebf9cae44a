/* SPDX-License-Identifier: MIT */
/*
 * A host that can only be pinged: it answers ARP, neighbour solicitations and echo requests over
 * one driver, without any stack. The drv_*.sh tests compile and run it, to try the drivers alone.
 *
 *      drv_echo tun|tap|afpacket NAME CAPTURE [KERNEL-ADDRESS...]
 *
 * Our addresses are those that are asked for: every one. It prints `ready`, runs until SIGTERM (or
 * 60 s), then prints its counters on one line.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers/afpacket.h"
#include "drivers/pcapng.h"
#include "drivers/tun.h"

enum {
        ETH_BYTES = 14,
        IP4_BYTES = 20,
        IP6_BYTES = 40,
        TYPE_IP4 = 0x0800,
        TYPE_ARP = 0x0806,
        TYPE_IP6 = 0x86dd,
        MAX_PACKET = 65553,
};

static volatile sig_atomic_t stop;

struct echo {
        struct elko_drv *drv;
        bool ethernet;
        uint64_t csum_ok, longest;
        uint8_t answer[MAX_PACKET];
};

static void on_signal(int number)
{
        (void)number;
        stop = 1;
}

static uint64_t now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return ELKO_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

static unsigned u16(const uint8_t *p)
{
        return (unsigned)p[0] << 8 | p[1];
}

static void put_u16(uint8_t *p, unsigned v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

/* RFC 1071, over `len` bytes and a start value. */
static unsigned checksum(const uint8_t *p, size_t len, unsigned long sum)
{
        for (; len > 1; len -= 2, p += 2)
                sum += u16(p);
        if (len > 0)
                sum += (unsigned)p[0] << 8;
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return (unsigned)~sum & 0xffff;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                uint8_t t = a[i];

                a[i] = b[i];
                b[i] = t;
        }
}

static void set_icmp6_checksum(uint8_t *ip, size_t len)
{
        uint8_t *icmp = ip + IP6_BYTES;
        unsigned long pseudo = (unsigned long)(len - IP6_BYTES) + 58;

        for (int i = 8; i < 40; i += 2)
                pseudo += u16(ip + i);
        put_u16(icmp + 2, 0);
        put_u16(icmp + 2, checksum(icmp, len - IP6_BYTES, pseudo));
}

/* Each of these changes the packet into its answer; returns its length, 0: no answer. */

static size_t answer_ip4(uint8_t *ip, size_t len)
{
        uint8_t *icmp = ip + IP4_BYTES;

        if (len < 28 || ip[0] != 0x45 || ip[9] != 1 || icmp[0] != 8 || u16(ip + 2) > len)
                return 0;
        len = u16(ip + 2);
        swap(ip + 12, ip + 16, 4);
        icmp[0] = 0;
        put_u16(icmp + 2, 0);
        put_u16(icmp + 2, checksum(icmp, len - IP4_BYTES, 0));
        return len;
}

/* RFC 4861, 4.3 and 4.4: solicitation -> advertisement with our MAC; the target answers. */
static size_t answer_solicitation(const struct echo *e, uint8_t *ip)
{
        uint8_t *icmp = ip + IP6_BYTES;

        memcpy(ip + 24, ip + 8, 16);
        memcpy(ip + 8, icmp + 8, 16);
        icmp[0] = 136;
        icmp[4] = 0x60; /* solicited, override */
        icmp[24] = 2;   /* target link-layer address */
        icmp[25] = 1;
        memcpy(icmp + 26, e->drv->link.mac, 6);
        put_u16(ip + 4, 32);
        set_icmp6_checksum(ip, IP6_BYTES + 32);
        return IP6_BYTES + 32;
}

static size_t answer_ip6(const struct echo *e, uint8_t *ip, size_t len)
{
        uint8_t *icmp = ip + IP6_BYTES;

        if (len < 48 || ip[6] != 58 || u16(ip + 4) + 40u > len || ip[8] == 0xff)
                return 0;
        len = u16(ip + 4) + 40u;
        if (icmp[0] == 135 && e->ethernet && len >= 72 && u16(ip + 8) != 0)
                return answer_solicitation(e, ip);
        if (icmp[0] != 128)
                return 0;
        swap(ip + 8, ip + 24, 16);
        icmp[0] = 129;
        set_icmp6_checksum(ip, len);
        return len;
}

static size_t answer_arp(const struct echo *e, uint8_t *arp, size_t len)
{
        if (len < 28 || u16(arp + 6) != 1)
                return 0;
        put_u16(arp + 6, 2);
        swap(arp + 8, arp + 18, 10);
        memcpy(arp + 8, e->drv->link.mac, 6);
        return 28;
}

static size_t answer_frame(const struct echo *e, uint8_t *frame, size_t len)
{
        unsigned type = u16(frame + 12);
        uint8_t *body = frame + ETH_BYTES;
        size_t n = 0;

        len -= ETH_BYTES;
        if (type == TYPE_ARP)
                n = answer_arp(e, body, len);
        else if (type == TYPE_IP4)
                n = answer_ip4(body, len);
        else if (type == TYPE_IP6)
                n = answer_ip6(e, body, len);
        memcpy(frame, frame + 6, 6);
        memcpy(frame + 6, e->drv->link.mac, 6);
        return n == 0 ? 0 : n + ETH_BYTES;
}

static void handle(struct echo *e, const struct elko_packet *p)
{
        struct elko_frame f = {.parts = 1};
        size_t n = 0;

        e->csum_ok += (p->flags & ELKO_PACKET_CSUM_OK) != 0;
        e->longest = p->len > e->longest ? p->len : e->longest;
        if (p->len > MAX_PACKET || p->len < 20)
                return;
        memcpy(e->answer, p->data, p->len);
        if (e->ethernet)
                n = answer_frame(e, e->answer, p->len);
        else if (e->answer[0] >> 4 == 4)
                n = answer_ip4(e->answer, p->len);
        else
                n = answer_ip6(e, e->answer, p->len);
        if (n == 0)
                return;
        f.len = (uint32_t)n;
        f.part[0].data = e->answer;
        f.part[0].len = (uint32_t)(n / 2);
        f.part[1].data = e->answer + n / 2; /* two parts: the driver gathers them */
        f.part[1].len = (uint32_t)(n - n / 2);
        f.parts = 2;
        if (elko_drv_tx(e->drv, &f, 1) != 1)
                elko_drv_tx_lost(e->drv, 1);
}

static int run(struct echo *e)
{
        struct elko_packet in[ELKO_DRV_BATCH];
        uint64_t end = now_ns() + ELKO_SEC(60);

        while (!stop && now_ns() < end) {
                struct pollfd p = {.fd = elko_drv_poll_fd(e->drv), .events = POLLIN};
                int n;

                poll(&p, 1, 200);
                elko_drv_set_now(e->drv, now_ns());
                n = elko_drv_rx(e->drv, in, ELKO_DRV_BATCH);
                if (n < 0) {
                        printf("rx: %s\n", strerror(-n));
                        return 1;
                }
                for (int i = 0; i < n; i++)
                        handle(e, &in[i]);
        }
        return 0;
}

static struct elko_drv *open_link(int argc, char **argv, struct elko_drv_why *why)
{
        struct elko_drv_tun_config tun;

        if (strcmp(argv[1], "afpacket") == 0) {
                struct elko_drv_afpacket_config config = {.name = argv[2], .up = true};

                return elko_drv_afpacket_open(&config, why);
        }
        elko_drv_tun_config_default(&tun);
        tun.name = argv[2];
        if (strcmp(argv[1], "tap") == 0)
                tun.medium = ELKO_MEDIUM_ETHERNET;
        for (int i = 4; i < argc && i < 4 + ELKO_DRV_TUN_ADDRS; i++)
                tun.host_addr[i - 4] = argv[i];
        return elko_drv_tun_open(&tun, why);
}

static void print_counters(const struct echo *e)
{
        const struct elko_drv_counters *c = &e->drv->counters;

        printf("rx=%llu tx=%llu rx_drops=%llu tx_drops=%llu csum_ok=%llu longest=%llu\n",
               (unsigned long long)c->rx_packets, (unsigned long long)c->tx_packets,
               (unsigned long long)c->rx_drops, (unsigned long long)c->tx_drops,
               (unsigned long long)e->csum_ok, (unsigned long long)e->longest);
}

int main(int argc, char **argv)
{
        struct elko_drv_why why;
        struct echo *e = calloc(1, sizeof(*e));
        struct elko_drv *link;
        FILE *capture;
        int status;

        if (argc < 4 || e == NULL) {
                fprintf(stderr,
                        "usage: drv_echo tun|tap|afpacket NAME CAPTURE [KERNEL-ADDRESS...]\n");
                return 2;
        }
        signal(SIGTERM, on_signal);
        link = open_link(argc, argv, &why);
        capture = fopen(argv[3], "wb");
        if (link == NULL || capture == NULL) {
                fprintf(stderr, "drv_echo: %s\n", link == NULL ? why.text : strerror(errno));
                return 1;
        }
        if (why.text[0] != '\0')
                printf("warning: %s\n", why.text);
        e->ethernet = link->link.medium == ELKO_MEDIUM_ETHERNET;
        e->drv = elko_drv_pcapng(link, capture);
        printf("ready mtu=%u\n", e->drv->link.mtu);
        fflush(stdout);
        status = run(e);
        print_counters(e);
        elko_drv_close(e->drv);
        free(e);
        return status;
}
