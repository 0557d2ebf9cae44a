/* SPDX-License-Identifier: MIT */
/*
 * test_persona.c - personas: each is a valid configuration, and touches nothing but its own fields.
 */
#include <elko/elko.h>

#include "ek_test.h"

static uint8_t region[8 << 20];

EK_TEST(every_persona_makes_a_stack)
{
        unsigned n = 0;

        for (const struct elko_persona *p = elko_personas; p->name != NULL; p++, n++) {
                struct elko_config c;
                const char *why = NULL;
                elko_stack *st;

                elko_config_default(&c);
                c.seed[0] = 1;
                c.max_connections = c.max_half_open = c.max_time_wait = 64;
                c.max_listeners = 8;
                elko_persona_apply(p, &c);
                st = elko_stack_create(region, sizeof region, &c, 1, &why);
                if (st == NULL)
                        ek_test_fail(__FILE__, __LINE__, "%s: %s", p->name, why);
                elko_stack_destroy(st);
        }
        CHECK_EQ(n, 3);
}

EK_TEST(by_name)
{
        CHECK_STR_EQ(elko_persona_find("linux")->name, "linux");
        CHECK_STR_EQ(elko_persona_find("freebsd")->name, "freebsd");
        CHECK_STR_EQ(elko_persona_find("rfc")->name, "rfc");
        CHECK(elko_persona_find("") == NULL);
        CHECK(elko_persona_find("rf") == NULL);
        CHECK(elko_persona_find("rfcs") == NULL);
}

EK_TEST(the_rest_is_left_alone)
{
        struct elko_config c;

        elko_config_default(&c);
        c.sack = false;
        c.max_ooo_ranges = 7;
        elko_persona_apply(elko_persona_find("freebsd"), &c);
        CHECK(!c.sack);
        CHECK_EQ(c.max_ooo_ranges, 7);
        CHECK_EQ(c.option_order, ELKO_ORDER_MSS_WSCALE_SACK_TS);
        CHECK_EQ(c.quick_acks, 0);
}

EK_TEST_MAIN();
