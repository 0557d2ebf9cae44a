/* SPDX-License-Identifier: MIT */
/*
 * Running programs, and private network namespaces where the machine permits them.
 */

#include <errno.h>
#include <net/if.h>

#include "drivers/netns.h"
#include "drivers/tun.h"
#include "ek_test.h"

EK_TEST_MAIN();

static char *sh[] = {"sh", "-c", NULL, NULL};

static char **script(char *text)
{
        sh[2] = text;
        return sh;
}

EK_TEST(output_and_status_of_a_program_are_collected)
{
        char text[] = "echo out; echo err >&2; exit 3", out[64];

        CHECK_EQ(elko_drv_netns_run(script(text), out, sizeof(out), 5000, NULL), 3);
        CHECK_STR_EQ(out, "out\nerr\n");
}

EK_TEST(a_signal_is_a_status_too)
{
        char text[] = "kill -9 $$", out[64];

        CHECK_EQ(elko_drv_netns_run(script(text), out, sizeof(out), 5000, NULL), 128 + 9);
        CHECK_STR_EQ(out, "");
}

EK_TEST(output_beyond_the_buffer_is_thrown_away)
{
        char text[] = "head -c 300000 /dev/zero | tr '\\0' x", out[9];

        CHECK_EQ(elko_drv_netns_run(script(text), out, sizeof(out), 5000, NULL), 0);
        CHECK_STR_EQ(out, "xxxxxxxx");
}

EK_TEST(a_program_that_hangs_is_killed)
{
        char text[] = "echo begun; exec sleep 60", out[64];
        struct elko_drv_why why;

        CHECK_EQ(elko_drv_netns_run(script(text), out, sizeof(out), 200, &why), -ETIMEDOUT);
        CHECK_STR_EQ(out, "begun\n");
        CHECK(strstr(why.text, "200 ms") != NULL);
}

EK_TEST(a_program_that_is_not_there_is_named)
{
        char name[] = "no-such-program-here", *argv[] = {name, NULL}, out[64];
        struct elko_drv_why why;

        int error = elko_drv_netns_run(argv, out, sizeof(out), 200, &why);

        CHECK(error == -ENOENT || error == -EACCES); /* EACCES: part of PATH can't be read */
        CHECK(strstr(why.text, name) != NULL);
}

/* In a child, for there is no way back: nothing but lo, and it is up; a TUN device of our own. */
static int in_namespace(void)
{
        struct elko_drv_tun_config tun;
        struct if_nameindex *all;
        struct elko_drv_why why;
        struct elko_drv *d;
        char text[] = "ip -o link show up", *argv[] = {sh[0], sh[1], text, NULL}, out[4096];

        if (elko_drv_netns_enter(&why) != 0)
                return 1;
        all = if_nameindex();
        if (all == NULL || strcmp(all[0].if_name, "lo") != 0)
                return 2;
        if_freenameindex(all);
        if (elko_drv_netns_run(argv, out, sizeof(out), 5000, &why) == 0 &&
            strstr(out, " lo:") == NULL)
                return 3;
        elko_drv_tun_config_default(&tun);
        tun.host_addr[0] = "10.1.2.3/24";
        tun.mtu = 1400;
        d = elko_drv_tun_open(&tun, &why);
        if (d == NULL)
                return errno == EACCES || errno == ENOENT ? 0 : 4;
        if (d->link.mtu != 1400 || strncmp(d->link.name, "elko", 4) != 0)
                return 5;
        elko_drv_close(d);
        return 0;
}

EK_TEST(a_private_namespace)
{
        struct elko_drv_why why;
        int status;
        pid_t pid;

        if (elko_drv_netns_probe(&why) != 0) {
                printf("not tried: %s\n", why.text);
                CHECK(strlen(why.text) > 20);
                return;
        }
        pid = ek_test_fork();
        if (pid == 0)
                _exit(in_namespace());
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
}

EK_TEST(a_bad_address_is_quoted)
{
        struct elko_drv_tun_config tun;
        struct elko_drv_why why;
        int status;
        pid_t pid;

        if (elko_drv_netns_probe(&why) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
                return;
        elko_drv_tun_config_default(&tun);
        tun.host_addr[0] = "10.1.2.3";
        pid = ek_test_fork();
        if (pid == 0)
                _exit(elko_drv_netns_enter(NULL) == 0 && elko_drv_tun_open(&tun, &why) == NULL &&
                                      strstr(why.text, "\"10.1.2.3\"") != NULL && errno == EINVAL
                              ? 0
                              : 1);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
}
