/* SPDX-License-Identifier: MIT */
#include "tcp/cc.h"

/* The algorithms that come with elko, by name. */

const struct elko_cc_ops *const elko_cc_list[] = {
        &elko_cc_cubic, &elko_cc_newreno, &elko_cc_bbr, &elko_cc_dctcp, &elko_cc_prague, NULL,
};

static bool equal(const char *a, const char *b)
{
        while (*a != '\0' && *a == *b) {
                a++;
                b++;
        }
        return *a == *b;
}

const struct elko_cc_ops *elko_cc_find(const char *name)
{
        if (name == NULL)
                return NULL;
        for (size_t i = 0; elko_cc_list[i] != NULL; i++)
                if (equal(elko_cc_list[i]->name, name))
                        return elko_cc_list[i];
        /* Linux's and FreeBSD's words for it */
        return equal(name, "reno") ? &elko_cc_newreno : NULL;
}
