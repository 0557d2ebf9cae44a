/* SPDX-License-Identifier: MIT */
/*
 * elko lab below its command: what may be written, what is answered to what may not, what follows from it; and
 * short runs in virtual time whose totals are known.
 */
#include <math.h>

#include "test/support/ek_test.h"

#include "cli/lab_matrix.h"
#include "cli/lab_report.h"

EK_TEST_MAIN();

enum { MILLION = 1000000 };

/* ---- units ---- */

EK_TEST(rates)
{
        static const struct {
                const char *text;
                uint64_t bps;
        } good[] = {{"37M", 37000000},
                    {"1.5G", 1500000000},
                    {"64K", 64000},
                    {"64k", 64000},
                    {"1000", 1000}};
        static const char *const bad[] = {"", "M", "-1", "5 M", "5Mbit", "0x5", "1e99", "1T", "M5"};
        uint64_t out;

        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
                CHECK(ek_lab_parse_rate(good[i].text, &out));
                CHECK_EQ(out, good[i].bps);
        }
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                CHECK(!ek_lab_parse_rate(bad[i], &out));
}

EK_TEST(shares)
{
        static const char *const bad[] = {"", "0.7", "%", "201%", "-1%", "1 %", "1%%", "x%", "0%x"};
        uint64_t out;

        CHECK(ek_lab_parse_share("0.7%", &out));
        CHECK_EQ(out, 7000);
        CHECK(ek_lab_parse_share("0", &out));
        CHECK_EQ(out, 0);
        CHECK(ek_lab_parse_share("0%", &out));
        CHECK(ek_lab_parse_share("100%", &out));
        CHECK_EQ(out, MILLION);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                CHECK(!ek_lab_parse_share(bad[i], &out));
}

/* ---- keys ---- */

static void set(struct ek_lab_cell *c, const char *key, const char *value)
{
        char why[300] = "";

        if (!ek_lab_cell_set(c, key, value, why, sizeof why))
                ek_test_fail(__FILE__, __LINE__, "%s=%s: %s", key, value, why);
}

/* The refusal, or "". */
static const char *refusal(const char *key, const char *value)
{
        static char why[400];
        struct ek_lab_cell c;

        why[0] = '\0';
        ek_lab_cell_default(&c);
        return ek_lab_cell_set(&c, key, value, why, sizeof why) ? "" : why;
}

EK_TEST(every_key_is_set)
{
        struct ek_lab_cell c;
        struct elko_wire_config w;

        ek_lab_cell_default(&c);
        set(&c, "rate", "37M/5M");
        set(&c, "rtt", "45ms");
        set(&c, "loss", "0.7%");
        set(&c, "burst", "5/80%");
        set(&c, "ack-loss", "30%");
        set(&c, "reorder", "2%");
        set(&c, "duplicate", "0.1%");
        set(&c, "buffer", "0.5bdp");
        set(&c, "queue", "ecn");
        set(&c, "mark", "2ms");
        set(&c, "step", "4s:0.1,6s:1");
        set(&c, "mtu", "1400");
        set(&c, "tick", "500us");
        set(&c, "time", "12");
        set(&c, "seeds", "7");
        set(&c, "seed", "100");
        set(&c, "receiver", "elko");
        set(&c, "ecn", "on");
        set(&c, "stagger", "1s");
        set(&c, "ref", "clean");
        set(&c, "floor", "95%");
        set(&c, "ceiling", "105%");
        CHECK_EQ(c.ceiling_ppm, 1050000);
        ek_lab_cell_wire(&c, 3, &w);
        CHECK_EQ(w.seed, 3);
        CHECK_EQ(w.mtu, 1400);
        CHECK_EQ(w.dir[0].rate_bps, 37000000);
        CHECK_EQ(w.dir[1].rate_bps, 5000000);
        CHECK_EQ(w.dir[0].delay_ns + w.dir[1].delay_ns, ELKO_MS(45));
        CHECK_EQ(w.dir[0].loss_ppm, 7000);
        CHECK_EQ(w.dir[1].loss_ppm, 0);
        CHECK_EQ(w.dir[0].burst, 5);
        CHECK_EQ(w.dir[0].burst_ppm, 800000);
        CHECK_EQ(w.dir[1].ack_loss_ppm, 300000);
        CHECK_EQ(w.dir[0].ack_loss_ppm, 0);
        CHECK_EQ(w.dir[0].reorder_ppm, 20000);
        CHECK_EQ(w.dir[0].reorder_ns, ELKO_MS(5));
        CHECK_EQ(w.dir[0].duplicate_ppm, 1000);
        CHECK_EQ(w.dir[0].buffer_bytes, 104063); /* 37e6 / 8 * 0.045 / 2 */
        CHECK_EQ(w.dir[0].queue, ELKO_WIRE_ECN);
        CHECK_EQ(w.dir[0].mark_bytes, 9250);
        CHECK_EQ(w.dir[0].step[1].at, ELKO_SEC(6));
        CHECK_EQ(w.dir[0].step[0].permille, 100);
        CHECK_EQ(c.tick_ns, ELKO_US(500));
        CHECK_EQ(ek_lab_cell_time(&c), ELKO_SEC(12));
        CHECK(c.seeds == 7 && c.seed == 100 && c.receiver == 1 && c.ecn == EK_LAB_ECN_ON);
        CHECK(c.stagger_ns == ELKO_SEC(1) && c.floor_ppm == 950000);
        CHECK_STR_EQ(c.ref, "clean");
}

EK_TEST(every_refusal_says_what_is_right)
{
        static const struct {
                const char *key, *value, *says;
        } bad[] = {
                {"rate", "fast", "a rate is 1K to 100G"},
                {"rate", "37M/", "with another one for the way back 37M/5M"},
                {"rate", "10", "a rate is 1K to 100G"},
                {"rtt", "45", ""}, /* a bare number counts ms */
                {"rtt", "45x", "it must be a time from 0 ns to 10.00 s"},
                {"rtt", "11s", "it must be a time from 0 ns to 10.00 s"},
                {"delay", "6s", "it must be a time up to 5 s"},
                {"loss", "0.7", "a share is written in percent"},
                {"loss", "101%", "a share is written in percent"},
                {"ack-loss", "x", "a share is written in percent"},
                {"reorder", "-1%", "a share is written in percent"},
                {"reorder-by", "0ms", "it must be a time from 1 ns"},
                {"duplicate", "", "a share is written in percent"},
                {"burst", "0", "a burst is 1 to 1000 packets"},
                {"burst", "5/x", "a burst is 1 to 1000 packets"},
                {"buffer", "1BDP", "a buffer is a size from 1500 to 4G"},
                {"buffer", "100", "a buffer is a size from 1500 to 4G"},
                {"queue", "red", "a queue is droptail, codel or ecn"},
                {"mark", "0", "it must be a time from 1 us"},
                {"ecn", "yes", "it must be on, accurate or off"},
                {"step", "4s", "a step is TIME:FACTOR"},
                {"step", "4s:0.1,2s:1", "in order of time"},
                {"step", "", "a step is TIME:FACTOR"},
                {"mtu", "100", "it must be a whole number from 576 to 9000"},
                {"peers", "elko-nothing", "there is no peer 'elko-nothing'; there are: elko elko-"},
                {"peers", "linux", "there is no peer 'linux'"},
                {"peers", "kernel-", "there is no peer 'kernel-'"},
                {"peers", "elko,", "there is no peer ''"},
                {"peers", "elko,elko,elko,elko,elko,elko,elko,elko,elko", "at most 8 peers"},
                {"flows", "elko,elko,elko,elko,elko", "at most 4 peers"},
                {"receiver", "windows", "the receiver is kernel or elko"},
                {"tick", "1s", "it must be a time from 0 ns to 100 ms"},
                {"time", "1ms", "it must be a time from 10 ms"},
                {"seeds", "0", "it must be a whole number from 1 to 1000"},
                {"seed", "x", "it must be a whole number from 0 to"},
                {"stagger", "1d", "it must be a time from 0 ns"},
                {"ref", "", "it must be the name of a cell"},
                {"floor", "2", "a share is written in percent"},
                {"burst", "5/120%", "a burst is 1 to 1000 packets"},
                {"ceiling", "300%", "from 0% to 200%"},
                {"speed", "1", "there is no key 'speed'"},
        };

        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                const char *said = refusal(bad[i].key, bad[i].value);

                if (strstr(said, bad[i].says) == NULL ||
                    (said[0] == '\0') != (bad[i].says[0] == '\0'))
                        ek_test_fail(__FILE__, __LINE__, "%s=%s was answered with \"%s\"",
                                     bad[i].key, bad[i].value, said);
        }
}

EK_TEST(values_that_do_not_go_together)
{
        struct ek_lab_cell c;
        char why[300] = "";

        ek_lab_cell_default(&c);
        CHECK(ek_lab_cell_check(&c, why, sizeof why));
        set(&c, "loss", "50%");
        set(&c, "burst", "4/40%");
        CHECK(!ek_lab_cell_check(&c, why, sizeof why));
        CHECK(strstr(why, "larger than the mean loss") != NULL);
        ek_lab_cell_default(&c);
        set(&c, "flows", "elko,elko");
        set(&c, "stagger", "30s");
        CHECK(!ek_lab_cell_check(&c, why, sizeof why));
        CHECK(strstr(why, "would start after the end") != NULL);
        ek_lab_cell_default(&c);
        set(&c, "rate", "100G");
        set(&c, "rtt", "10s");
        CHECK(!ek_lab_cell_check(&c, why, sizeof why));
        CHECK(strstr(why, "larger than 4 GiB") != NULL);
}

EK_TEST(what_follows_from_the_values)
{
        struct ek_lab_cell c;
        char text[400];

        ek_lab_cell_default(&c);
        CHECK_EQ(ek_lab_cell_bdp(&c), 250000);
        CHECK_EQ(ek_lab_cell_buffer(&c), 250000);
        CHECK_EQ(ek_lab_cell_time(&c), ELKO_SEC(8));
        CHECK_EQ(ek_lab_cell_goodput_max(&c), 96533333); /* 1448 of 1500 */
        set(&c, "step", "2s:0.5,4s:2");
        CHECK_EQ(ek_lab_cell_goodput_max(&c), 132733333); /* (2 x 1 + 2 x 0.5 + 4 x 2) / 8 */
        set(&c, "loss", "1%");
        ek_lab_cell_describe(&c, text, sizeof text);
        CHECK_STR_EQ(text,
                     "100 Mbit/s, RTT 20 ms, buffer 250 kB (1 BDP), loss 1 %, x0.5 from 2.00 s, "
                     "x2 from 4.00 s");
        set(&c, "flows", "elko,elko");
        CHECK_EQ(ek_lab_cell_time(&c), ELKO_SEC(60));
        set(&c, "buffer", "0.001bdp");
        CHECK_EQ(ek_lab_cell_buffer(&c), 3000); /* two packets at the least */
}

/* ---- peers ---- */

EK_TEST(rivals)
{
        struct ek_lab_peers p;
        char why[300];

        CHECK(ek_lab_peers_parse("elko,kernel-cubic,elko-newreno,kernel-reno", 8, &p, why,
                                 sizeof why));
        CHECK_EQ(ek_lab_peer_rival(&p, 0), 1);
        CHECK_EQ(ek_lab_peer_rival(&p, 1), -1);
        CHECK_EQ(ek_lab_peer_rival(&p, 2), 3); /* the same algorithm */
        CHECK_STR_EQ(ek_lab_peer_algorithm(&p.peer[2]), "newreno");
        CHECK(p.peer[2].cc == &elko_cc_newreno && p.peer[0].cc == NULL && p.peer[1].kernel);
        CHECK(ek_lab_peers_parse("elko", 8, &p, why, sizeof why));
        CHECK_EQ(ek_lab_peer_rival(&p, 0), -1);
}

/* ---- matrix files ---- */

static bool read_text(const char *text, struct ek_lab_matrix *m, char *why, size_t why_len)
{
        struct ek_lab_words over = {.word = {{"seeds", "2"}}, .count = 1};
        FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
        bool good;

        CHECK(f != NULL);
        why[0] = '\0';
        good = ek_lab_matrix_read(f, "m.txt", &over, m, why, why_len);
        fclose(f);
        return good;
}

EK_TEST(lists_are_multiplied)
{
        struct ek_lab_matrix m;
        char why[400];

        CHECK(read_text(
                "# first a comment\n"
                "defaults: time=3 peers=elko loss=1%\n"
                "\n"
                "clean:  rate={10M,100M} rtt={1ms,20ms,100ms}   # six\n"
                "again:  rate={10M,100M} rtt=20ms reorder=1% ref=clean-$rate-20ms floor=95%\n",
                &m, why, sizeof why));
        CHECK_EQ(m.count, 8);
        CHECK_STR_EQ(m.cell[0].name, "clean-10M-1ms");
        CHECK_STR_EQ(m.cell[5].name, "clean-100M-100ms");
        CHECK_EQ(m.cell[4].rtt_ns, ELKO_MS(20));
        CHECK_EQ(m.cell[4].rate_bps, 100000000);
        CHECK_STR_EQ(m.cell[7].ref, "clean-100M-20ms");
        for (size_t i = 0; i < m.count; i++)
                CHECK(m.cell[i].seeds == 2 && ek_lab_cell_time(&m.cell[i]) == ELKO_SEC(3) &&
                      m.cell[i].loss_ppm == 10000);
        CHECK(ek_lab_matrix_find(&m, "again-10M") == &m.cell[6]);
        CHECK(ek_lab_matrix_find(&m, "nothing") == NULL);
        free(m.cell);
}

EK_TEST(bad_lines_are_named)
{
        static const struct {
                const char *text, *says;
        } bad[] = {
                {"", "m.txt:0: there is no cell in it"},
                {"a: rate=1M\nrubbish\n", "m.txt:2: a line is NAME: KEY=VALUE"},
                {"a: rate\n", "m.txt:1: 'rate' is not KEY=VALUE"},
                {"a: speed=1\n", "there is no key 'speed'"},
                {"a: loss=2\n", "bad value '2' for loss: a share is written in percent"},
                {"a b: loss=2%\n", "a name has no spaces"},
                {"a: loss={1%,2%\n", "a list of values is {A,B,...}"},
                {"a: rate=1M\na: rate=2M\n", "m.txt:2: there are two cells 'a'"},
                {"defaults: loss={1%,2%}\n", "a default is one value"},
                {"a: ref=b\n", "cell 'a' refers to 'b', which there is not"},
                {"a: ref=b-$loss\n", "there is no such key in this line"},
                {"a: flows=elko,elko stagger=40s\n", "would start after the end"},
        };
        struct ek_lab_matrix m;
        char why[400];

        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                CHECK(!read_text(bad[i].text[0] == '\0' ? "\n#" : bad[i].text, &m, why,
                                 sizeof why));
                if (strstr(why, i == 0 ? "there is no cell in it" : bad[i].says) == NULL)
                        ek_test_fail(__FILE__, __LINE__, "\"%s\" was answered with \"%s\"",
                                     bad[i].text, why);
                free(m.cell);
        }
}

/* The files of doc/ can be read, and their references hold. */
EK_TEST(files_of_the_documentation)
{
        static const char *const names[] = {"doc/lab-matrix.txt", "doc/lab-full.txt"};
        const struct ek_lab_words none = {.count = 0};
        struct ek_lab_matrix m;
        char why[400] = "";

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                FILE *f = fopen(names[i], "r");

                CHECK(f != NULL);
                if (!ek_lab_matrix_read(f, names[i], &none, &m, why, sizeof why))
                        ek_test_fail(__FILE__, __LINE__, "%s", why);
                fclose(f);
                CHECK(m.count >= (i == 0 ? 12 : 48));
                free(m.cell);
        }
}

/* ---- what results say ---- */

EK_TEST(medians_and_fairness)
{
        uint64_t odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2};
        uint64_t equal[] = {7, 7, 7}, one[] = {9, 0, 0}, none[] = {0, 0};

        CHECK_EQ(ek_lab_median(odd, 3), 3);
        CHECK_EQ(ek_lab_median(even, 4), 2);
        CHECK_EQ(ek_lab_median(NULL, 0), 0);
        CHECK_EQ(ek_lab_jain_ppm(equal, 3), MILLION);
        CHECK_EQ(ek_lab_jain_ppm(one, 3), 333333);
        CHECK_EQ(ek_lab_jain_ppm(none, 2), 0);
        CHECK_EQ(ek_lab_ratio_ppm(1, 0), 0);
        CHECK_EQ(ek_lab_ratio_ppm(19, 20), 950000);
}

/* Two seeds of two peers with known numbers. */
static void make_outcome(struct ek_lab_cell *c, struct ek_lab_result r[4], struct ek_lab_outcome *o)
{
        ek_lab_cell_default(c);
        snprintf(c->name, sizeof c->name, "known");
        set(c, "seeds", "2");
        set(c, "floor", "95%");
        for (unsigned i = 0; i < 4; i++) {
                r[i] = (struct ek_lab_result){.done = true, .attempts = 1};
                r[i].flow[0].delivered = i % 2 == 0 ? 9000000 : 10000000;
                r[i].flow[0].span_ns = ELKO_SEC(1);
                r[i].flow[0].connected = true;
                r[i].flow[0].retrans_segs = 10 + i;
        }
        *o = (struct ek_lab_outcome){c, r};
}

/* What is printed, in memory that the caller frees. */
static char *printed(void (*print)(FILE *out, const struct ek_lab_outcome *o),
                     const struct ek_lab_outcome *o)
{
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);

        CHECK(f != NULL);
        print(f, o);
        fclose(f);
        return text;
}

static void print_json(FILE *out, const struct ek_lab_outcome *o)
{
        ek_lab_report_json(out, o, 1, true);
}

static void print_floors(FILE *out, const struct ek_lab_outcome *o)
{
        CHECK_EQ(ek_lab_report_floors(out, o, 1), 1);
}

EK_TEST(table_json_and_floors)
{
        struct ek_lab_cell c;
        struct ek_lab_result r[4];
        struct ek_lab_outcome o;
        char *text;

        make_outcome(&c, r, &o);
        text = printed(ek_lab_report_cell, &o);
        CHECK(strstr(text, "known: 100 Mbit/s, RTT 20 ms") != NULL);
        CHECK(strstr(text,
                     "  elko                 72.00 (72.00..72.00)        74.6 %   0.90       11") !=
              NULL);
        free(text);
        text = printed(print_floors, &o);
        CHECK(strstr(text, "to kernel-cubic") != NULL &&
              strstr(text, "0.900  BELOW 0.950") != NULL);
        CHECK(strstr(text, "1 out of their bounds") != NULL);
        free(text);
        text = printed(print_json, &o);
        CHECK_STR_EQ(
                text,
                "{\"lab\":1,\"virtual\":true,\"cells\":[{\"name\":\"known\",\"path\":\"100 Mbit/s, RTT 20 ms, "
                "buffer 250 kB (1 BDP)\",\"rate_bps\":100000000,\"rtt_ns\":20000000,\"loss_ppm\":0,"
                "\"buffer_bytes\":250000,\"time_ns\":8000000000,\"seeds\":2,\"tick_ns\":0,"
                "\"goodput_max_bps\":96533333,\"flows\":false,\"jain_ppm\":0,\"floor_ppm\":950000,\"senders\":["
                "{\"name\":\"elko\",\"goodput_bps\":72000000,\"goodput_min_bps\":72000000,"
                "\"goodput_max_bps\":72000000,\"goodput_runs_bps\":[72000000,72000000],"
                "\"rival\":\"kernel-cubic\",\"ratio_ppm\":900000,\"ref_ratio_ppm\":0,\"retrans_segs\":11,"
                "\"retrans_bytes\":0,\"timeouts\":0,\"srtt_ns\":0,\"rwnd_limited_ppm\":0,\"queue_mean_ns\":0,"
                "\"queue_p95_ns\":0,\"lost\":0,\"queue_drops\":0,\"marked\":0,\"late_p99_ns\":0,\"runs\":2,"
                "\"disturbed\":0,\"attempts\":2,\"broken\":0,\"failed\":0},"
                "{\"name\":\"kernel-cubic\",\"goodput_bps\":80000000,\"goodput_min_bps\":80000000,"
                "\"goodput_max_bps\":80000000,\"goodput_runs_bps\":[80000000,80000000],"
                "\"rival\":null,\"ratio_ppm\":0,\"ref_ratio_ppm\":0,\"retrans_segs\":12,"
                "\"retrans_bytes\":0,\"timeouts\":0,\"srtt_ns\":0,\"rwnd_limited_ppm\":0,\"queue_mean_ns\":0,"
                "\"queue_p95_ns\":0,\"lost\":0,\"queue_drops\":0,\"marked\":0,\"late_p99_ns\":0,\"runs\":2,"
                "\"disturbed\":0,\"attempts\":2,\"broken\":0,\"failed\":0}]}]}\n");
        free(text);
}

/* ---- runs in virtual time ---- */

static void run_virtual(const char *keys[][2], unsigned n, uint64_t seed, struct ek_lab_result *out)
{
        struct ek_lab_cell c;
        struct ek_lab_peers who;

        ek_lab_cell_default(&c);
        set(&c, "peers", "elko");
        for (unsigned i = 0; i < n; i++)
                set(&c, keys[i][0], keys[i][1]);
        who = ek_lab_senders(&c, 0);
        ek_lab_run(
                &(struct ek_lab_run_config){
                        .cell = &c, .senders = &who, .seed = seed, .in_virtual_time = true},
                out);
        if (out->failed)
                ek_test_fail(__FILE__, __LINE__, "%s", out->why.text);
}

/* 4 Mbit/s for 5 s with a window that a 20 ms path never fills: all of the line is used. */
EK_TEST(a_slow_clean_path_is_filled)
{
        const char *keys[][2] = {{"rate", "4M"}, {"time", "5"}, {"buffer", "5bdp"}};
        struct ek_lab_result r;
        double share;

        run_virtual(keys, 3, 1, &r);
        share = (double)r.flow[0].delivered * 8 / 5 / 4e6 * 1500 / 1448;
        CHECK(share > 0.90 && share <= 1.0);
        CHECK(r.flow[0].connected && r.flow[0].error == 0);
        CHECK(r.flow[0].srtt_ns >= ELKO_MS(20));
        CHECK_EQ(r.lost, 0);
        CHECK(!r.disturbed && r.late_p99_ns == 0);
}

EK_TEST(the_same_seed_gives_the_same_run)
{
        const char *keys[][2] = {{"rate", "10M"}, {"time", "5"}, {"loss", "1%"}, {"reorder", "1%"}};
        static struct ek_lab_result a, b, c;

        run_virtual(keys, 4, 5, &a);
        run_virtual(keys, 4, 5, &b);
        run_virtual(keys, 4, 6, &c);
        CHECK_EQ(a.flow[0].delivered, b.flow[0].delivered);
        CHECK_EQ(a.packets, b.packets);
        CHECK_EQ(a.queue_mean_ns, b.queue_mean_ns);
        CHECK(a.lost > 0 && a.reordered > 0);
        CHECK(a.flow[0].delivered != c.flow[0].delivered);
}

/* Two flows: both finish, together they have the line, and the wire's losses are shared. */
EK_TEST(flows_share_one_queue)
{
        const char *keys[][2] = {{"rate", "10M"}, {"time", "10"}, {"flows", "elko,elko-newreno"}};
        struct ek_lab_result r;
        double sum;

        run_virtual(keys, 3, 1, &r);
        CHECK(r.flow[0].connected && r.flow[1].connected);
        CHECK(r.flow[0].delivered > 0 && r.flow[1].delivered > 0);
        sum = (double)(r.flow[0].delivered + r.flow[1].delivered) * 8 / 10 / 10e6 * 1500 / 1448;
        CHECK(sum > 0.7 && sum <= 1.0);
}

/* A coarse clock changes what is measured, not whether it works. */
EK_TEST(ticks)
{
        const char *keys[][2] = {
                {"rate", "4M"}, {"time", "5"}, {"buffer", "5bdp"}, {"tick", "15ms"}};
        struct ek_lab_result r;

        run_virtual(keys, 4, 1, &r);
        CHECK((double)r.flow[0].delivered * 8 / 5 > 0.8 * 4e6);
        CHECK_EQ(r.flow[0].srtt_ns > 0, 1);
}

/* A sample every 10 ms, the head line first. */
EK_TEST(series)
{
        struct ek_lab_cell c;
        struct ek_lab_peers who;
        struct ek_lab_result r;
        char *text = NULL, *at;
        size_t len = 0;
        unsigned lines = 0;
        FILE *f = open_memstream(&text, &len);

        CHECK(f != NULL);
        ek_lab_cell_default(&c);
        set(&c, "time", "1");
        set(&c, "peers", "elko");
        who = ek_lab_senders(&c, 0);
        ek_lab_run(&(struct ek_lab_run_config){.cell = &c,
                                               .senders = &who,
                                               .seed = 1,
                                               .in_virtual_time = true,
                                               .series = f},
                   &r);
        fclose(f);
        CHECK(strncmp(text, "seconds,flow,peer,cwnd_bytes,", 29) == 0);
        for (at = strchr(text, '\n'); at != NULL; at = strchr(at + 1, '\n'))
                lines++;
        CHECK(lines >= 100 && lines <= 102);
        CHECK(strstr(text, "\n0.500,0,elko,") != NULL);
        free(text);
}
