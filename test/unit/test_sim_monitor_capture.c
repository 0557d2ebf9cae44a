/* SPDX-License-Identifier: MIT */
/*
 * Reading captures: every form of the header, and files that end where they should not.
 *
 * Theory: the writer is drivers/pcapng.c, and by hand for pcap, whose four magic numbers tell byte order and
 * unit of time. A file cut at any byte must be refused or read up to there, never crash, never loop; and the
 * monitor must bear any bytes as a packet.
 */
#include "drivers/pcapng.h"
#include "ek_test.h"
#include "monitor.h"
#include "monitor_capture.h"

struct seen {
        unsigned packets;
        uint64_t now[4], bytes;
        enum sim_capture_dir dir[4];
        unsigned interface[4];
};

static void see(void *ctx, const struct sim_capture_packet *p)
{
        struct seen *s = ctx;

        if (s->packets < 4) {
                s->now[s->packets] = p->now;
                s->dir[s->packets] = p->dir;
                s->interface[s->packets] = p->interface;
        }
        s->packets++;
        CHECK_EQ(p->number, s->packets);
        for (size_t i = 0; p->data != NULL && i < p->len; i++)
                s->bytes += p->data[i]; /* all of it may be read */
}

static bool read_bytes(const uint8_t *bytes, size_t n, struct seen *s)
{
        char why[100];
        FILE *f = tmpfile();
        bool ok;

        CHECK(f != NULL);
        CHECK_EQ(fwrite(bytes, 1, n, f), n);
        rewind(f);
        memset(s, 0, sizeof *s);
        ok = sim_capture_read(f, see, s, why, sizeof why);
        CHECK(ok || why[0] != '\0');
        fclose(f);
        return ok;
}

static void put(uint8_t *p, uint32_t v, unsigned n, bool big)
{
        for (unsigned i = 0; i < n; i++)
                p[i] = (uint8_t)(v >> 8 * (big ? n - 1 - i : i));
}

EK_TEST(capture_pcap)
{
        static const uint8_t ip[20] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59};

        for (unsigned form = 0; form < 4; form++) {
                bool big = form & 1, nano = form & 2;
                uint8_t f[24 + 2 * (16 + 20)] = {0};
                struct seen s;

                put(f, nano ? 0xa1b23c4d : 0xa1b2c3d4, 4, big);
                put(f + 20, 101, 4, big);
                for (unsigned i = 0; i < 2; i++) {
                        uint8_t *r = f + 24 + 36 * i;

                        put(r, 7, 4, big);
                        put(r + 4, 5 + i, 4, big);
                        put(r + 8, 20, 4, big);
                        put(r + 12, 20, 4, big);
                        memcpy(r + 16, ip, 20);
                }
                CHECK(read_bytes(f, sizeof f, &s));
                CHECK_EQ(s.packets, 2);
                CHECK_EQ(s.now[1], 7000000000u + 6u * (nano ? 1u : 1000u));
                CHECK_EQ(s.dir[0], SIM_CAPTURE_UNKNOWN);
                CHECK_EQ(s.bytes, 2u * (0x45 + 20 + 64 + 59));
                for (size_t n = 0; n < sizeof f; n++)
                        CHECK(read_bytes(f, n, &s) ? n >= 24 : s.packets < 2);
        }
}

static size_t two_packets(uint8_t *out, size_t max)
{
        static const uint8_t ip[20] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59};
        struct elko_drv_pcapng_config c = {.keep_open = true};
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = 1500, .name = "a"};
        struct elko_packet p = {.data = ip, .len = sizeof ip};
        FILE *f = tmpfile();
        struct elko_drv_pcapng_writer *w;
        size_t n;

        CHECK(f != NULL);
        w = elko_drv_pcapng_create(f, &c);
        CHECK(w != NULL);
        elko_drv_pcapng_interface(w, &link);
        elko_drv_pcapng_interface(w, &link);
        elko_drv_pcapng_packet(w, 0, 1234567891, ELKO_DRV_PCAPNG_OUT, &p, NULL);
        elko_drv_pcapng_packet(w, 1, 1234567892, ELKO_DRV_PCAPNG_IN, &p, "said");
        CHECK_EQ(elko_drv_pcapng_destroy(w), 0);
        rewind(f);
        n = fread(out, 1, max, f);
        fclose(f);
        return n;
}

EK_TEST(capture_pcapng)
{
        uint8_t f[4096];
        size_t n = two_packets(f, sizeof f);
        struct seen s;

        CHECK(read_bytes(f, n, &s));
        CHECK_EQ(s.packets, 2);
        CHECK_EQ(s.now[0], 1234567891);
        CHECK_EQ(s.dir[0], SIM_CAPTURE_OUT);
        CHECK_EQ(s.dir[1], SIM_CAPTURE_IN);
        CHECK_EQ(s.interface[1], 1);
        for (size_t cut = 0; cut < n; cut++)
                CHECK(read_bytes(f, cut, &s) ? s.packets <= 2 : s.packets < 2);
        for (uint32_t i = 0; i < ek_test_rounds(500); i++) {
                uint8_t g[4096];

                memcpy(g, f, n);
                for (uint32_t k = ek_test_below(4); k < 4; k++)
                        g[ek_test_below((uint32_t)n)] = (uint8_t)ek_test_rand();
                read_bytes(g, n, &s);
        }
}

EK_TEST(capture_neither)
{
        struct seen s;

        CHECK(!read_bytes((const uint8_t *)"GET / HTTP/1.0\r\n", 16, &s));
        CHECK(!read_bytes((const uint8_t *)"", 0, &s));
}

/* Any bytes, in both directions, for addresses that meet. */
EK_TEST(monitor_bears_anything)
{
        struct sim_monitor *m = sim_monitor_create(
                &(struct sim_monitor_config){.endpoints_max = 40, .offload = true});
        uint8_t b[200];

        CHECK(m != NULL);
        for (uint32_t i = 0; i < ek_test_rounds(200000); i++) {
                bool v6 = ek_test_below(2), sums = ek_test_below(4) == 0;
                unsigned ip = v6 ? 40 : 20, len = ip + 20 + ek_test_below(100);
                uint8_t *t = b + ip;

                for (unsigned k = 0; k < len; k++)
                        b[k] = (uint8_t)ek_test_rand();
                memset(b, 0, ip);
                b[0] = v6 ? 0x60 : 0x45;
                put(b + (v6 ? 4 : 2), v6 ? len - 40 : len, 2, true);
                b[v6 ? 7 : 8] = 9;
                b[v6 ? 6 : 9] = 6;
                b[v6 ? 23 : 15] = (uint8_t)(1 + ek_test_below(2));
                b[v6 ? 39 : 19] = (uint8_t)(1 + ek_test_below(2));
                put(t, ek_test_below(4), 2, true);
                put(t + 2, ek_test_below(4), 2, true);
                put(t + 4, ek_test_below(3) * 1000, 4, true);
                put(t + 8, ek_test_below(3) * 1000 + 1, 4, true);
                if (sums)
                        b[ek_test_below(len)] ^= (uint8_t)(1 + ek_test_below(255));
                else
                        t[12] = (uint8_t)(0x50 + ek_test_below(11) * 16 * (len > ip + 60));
                sim_monitor_sent(m, 0, b, len, i * 1000ull, i + 1);
                sim_monitor_arrives(m, 0, b, len, i * 1000ull, i + 1);
        }
        sim_monitor_finish(m, ELKO_SEC(1000));
        CHECK(sim_monitor_counts(m)->packets_sent > 0);
        sim_monitor_destroy(m);
}

EK_TEST_MAIN();
