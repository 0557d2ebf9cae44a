/* SPDX-License-Identifier: MIT */
#ifndef EK_SOCK_PORTS_H
#define EK_SOCK_PORTS_H

#include "tcp/tcp.h"

/* Choose key->lport for a connection to the rest of the key. False: every port is in use. */
bool ek_ports_choose(struct ek_tcp *t, struct ek_key *key);

#endif
