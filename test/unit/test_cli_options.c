/* SPDX-License-Identifier: MIT */
/*
 * The option parser: values go where they belong, bad ones are refused, and the refusal says what
 * is right.
 */
#include "test/support/ek_test.h"

#include "cli/options.h"

EK_TEST_MAIN();

struct own {
        uint64_t port, span;
        bool on;
        const char *text;
        unsigned who;
        struct ek_text_list list;
};

#define OWN(field) offsetof(struct own, field)

static const struct ek_opt own_opts[] = {
        {.name = "port",
         .letter = 'p',
         .arg = "PORT",
         .kind = EK_OPT_COUNT,
         .offset = OWN(port),
         .min = 1,
         .max = 65535,
         .help = "port"},
        {.name = "span",
         .arg = "S",
         .kind = EK_OPT_SPAN,
         .offset = OWN(span),
         .min = 1,
         .max = ELKO_SEC(10),
         .unit_ns = ELKO_SEC(1),
         .help = "span"},
        {.name = "on", .kind = EK_OPT_SET, .offset = OWN(on), .help = "switch"},
        {.name = "text", .arg = "T", .kind = EK_OPT_TEXT, .offset = OWN(text), .help = "text"},
        {.name = "who",
         .arg = "W",
         .kind = EK_OPT_CHOICE,
         .offset = OWN(who),
         .choices = "us|them|both",
         .help = "who"},
        {.name = "list", .arg = "L", .kind = EK_OPT_LIST, .offset = OWN(list), .help = "list"},
};

static const struct ek_command_spec spec = {
        .name = "try",
        .usage = "ARG",
        .about = "A command for tests.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .network = true,
        .min_args = 0,
        .max_args = 1,
};

/* Parse a command line of words; what goes to stderr is kept in `said`. */
static char said[4096];

static enum ek_options_result parse(const char *line, struct ek_options *common, struct own *own)
{
        static char words[1024]; /* the parsed options point into it */
        static char *argv[64];
        int argc = 0;
        char *save = NULL;
        FILE *real = stderr;
        enum ek_options_result result;

        snprintf(words, sizeof words, "try %s", line);
        for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
                argv[argc++] = w;
        argv[argc] = NULL;
        memset(own, 0, sizeof *own);
        memset(said, 0, sizeof said);
        stderr = fmemopen(said, sizeof said - 1, "w");
        result = ek_options_parse(&spec, argc, argv, common, own);
        fclose(stderr);
        stderr = real;
        return result;
}

EK_TEST(own_options)
{
        struct ek_options o;
        struct own own;

        CHECK_EQ(parse("-p 80 --span 1.5 --on file --text hello --who them --list a --list b", &o,
                       &own),
                 EK_OPTIONS_GO);
        CHECK_EQ(own.port, 80);
        CHECK_EQ(own.span, ELKO_MS(1500));
        CHECK(own.on);
        CHECK_STR_EQ(own.text, "hello");
        CHECK_EQ(own.who, 1);
        CHECK_EQ(own.list.count, 2);
        CHECK_STR_EQ(own.list.text[1], "b");
        CHECK_EQ(o.arg_count, 1);
        CHECK_STR_EQ(o.args[0], "file");
}

EK_TEST(common_options)
{
        struct ek_options o;
        struct own own;

        CHECK_EQ(
                parse("--link tap:t0 --addr 10.1.0.2/24 --addr fd00::2/64 --mtu 9000 --memory 64M --msl 0.5 "
                      "--no-sack --nodelay --keepalive=30 --rcvbuf 256K --mac 02:00:00:00:00:09 --seed 1 "
                      "--inspect off --lang zh --delack 10 --initial-window 4",
                      &o, &own),
                EK_OPTIONS_GO);
        CHECK_EQ(o.link_kind, EK_LINK_TAP);
        CHECK_STR_EQ(o.link_name, "t0");
        CHECK_EQ(o.addr.count, 2);
        CHECK_EQ(o.mtu, 9000);
        CHECK_EQ(o.memory_bytes, 64u << 20);
        CHECK_EQ(o.msl_ns, ELKO_MS(500));
        CHECK(!o.sack && o.timestamps && o.nodelay && o.keepalive);
        CHECK_EQ(o.keepalive_idle_ns, ELKO_SEC(30));
        CHECK_EQ(o.rcvbuf, 262144);
        CHECK_EQ(o.mac[5], 9);
        CHECK_EQ(o.seed[ELKO_SEED_BYTES - 1], 1);
        CHECK_EQ(o.inspect, 1);
        CHECK_EQ(o.lang, EK_LANG_ZH);
        CHECK_EQ(o.delack_ns, ELKO_MS(10));
        CHECK_EQ(o.initial_window, 4);
}

EK_TEST(defaults)
{
        struct ek_options o;
        struct own own;

        CHECK_EQ(parse("", &o, &own), EK_OPTIONS_GO);
        CHECK_EQ(o.link_kind, EK_LINK_TUN);
        CHECK_STR_EQ(o.link_name, "elko0");
        CHECK_EQ(o.mtu, EK_OPT_UNSET);
        CHECK_EQ(o.inspect, 0);
        CHECK(o.sack && o.timestamps && o.window_scale && !o.has_seed);
}

EK_TEST(links)
{
        struct ek_options o;
        struct own own;

        CHECK_EQ(parse("--link packet:veth0", &o, &own), EK_OPTIONS_GO);
        CHECK_EQ(o.link_kind, EK_LINK_PACKET);
        CHECK_EQ(parse("--link fd:3,tap", &o, &own), EK_OPTIONS_GO);
        CHECK(o.link_kind == EK_LINK_FD && o.link_fd == 3 && o.link_fd_is_tap);
        CHECK_EQ(parse("--link fd:3", &o, &own), EK_OPTIONS_GO);
        CHECK(!o.link_fd_is_tap);
}

/* What is refused, and what the sentence must name. */
EK_TEST(refusals)
{
        static const struct {
                const char *line, *mentions;
        } cases[] = {
                {"--port 0", "from 1 to 65535"},
                {"--port 65536", "from 1 to 65535"},
                {"--port 80x", "from 1 to 65535"},
                {"--port -1", "from 1 to 65535"},
                {"--span 11", "10.00 s"},
                {"--span 5d", "a time from"},
                {"--who nobody", "us|them|both"},
                {"--who the", "us|them|both"},
                {"--prot 80", "--port"},
                {"--port", "needs a value"},
                {"-x", "-x"},
                {"a b", "unexpected argument 'b'"},
                {"--link eth0", "tun:NAME"},
                {"--link tun:", "1 to 15"},
                {"--link tun:a-name-that-is-too-long", "1 to 15"},
                {"--link fd:x", "descriptor"},
                {"--link fd:3,tun", "descriptor"},
                {"--addr 10.0.0.1/33", "192.0.2.2/24"},
                {"--addr host", "192.0.2.2/24"},
                {"--gateway 10.0.0.1/24", "without a prefix"},
                {"--mtu 100", "576"},
                {"--mac 03:00:00:00:00:01", "unicast"},
                {"--seed xyz", "hex"},
                {"--seed 0000", "hex"},
                {"--keepalive=0", "1 second"},
                {"--congestion vegas", "newreno"},
                {"--delack 500", "499 ms"},
                {"--memory 1K", "1.0 MiB"},
                {"--lang fr", "en|zh"},
                {"--ttl 0", "from 1 to 255"},
                {"--link packet:eth0 --host-addr 10.0.0.1/24", "--host-addr"},
        };
        struct ek_options o;
        struct own own;

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                CHECK_EQ(parse(cases[i].line, &o, &own), EK_OPTIONS_BAD);
                if (strstr(said, cases[i].mentions) == NULL)
                        ek_test_fail(__FILE__, __LINE__, "%s: \"%s\" does not mention \"%s\"",
                                     cases[i].line, said, cases[i].mentions);
        }
}

EK_TEST(suggestions)
{
        static const char *const words[] = {"serve", "get", "ping"};

        CHECK_STR_EQ(ek_options_closest("sevre", words, 3), "serve");
        CHECK_STR_EQ(ek_options_closest("pnig", words, 3), "ping");
        CHECK(ek_options_closest("xyzzy", words, 3) == NULL);
        CHECK(ek_options_closest("a-word-that-is-much-longer-than-every-one-of-the-others", words,
                                 3) == NULL);
}

/* Every option is in the help, and the help fits a terminal. */
EK_TEST(help)
{
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        size_t column = 0;

        ek_options_print_help(&spec, out);
        fclose(out);
        for (size_t i = 0; i < spec.own_count; i++)
                CHECK(strstr(text, own_opts[i].name) != NULL);
        CHECK(strstr(text, "--user-timeout SECONDS") != NULL);
        CHECK(strstr(text, "--keepalive[=IDLE]") != NULL);
        for (size_t i = 0; i < len; i++) {
                column = text[i] == '\n' ? 0 : column + 1;
                CHECK(column <= 100);
        }
        free(text);
}
