/* SPDX-License-Identifier: MIT */
#ifndef EK_STACK_CONFIG_H
#define EK_STACK_CONFIG_H

#include <elko/stack.h>

/* NULL, or a sentence that says which field is out of which range. Static storage. */
const char *ek_config_check(const struct elko_config *c);

/* Give *c what can't change in a stack that was made with *was. */
void ek_config_keep(struct elko_config *c, const struct elko_config *was);

#endif
