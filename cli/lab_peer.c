/* SPDX-License-Identifier: MIT */
/*
 * Names of senders. What elko has is asked of the option --congestion, so that a new algorithm is
 * named in one place.
 */
#include "lab_peer.h"

#include <stdio.h>
#include <string.h>

#include "options.h"

#define KERNEL    "kernel-"
#define ELKO      "elko-"
#define AVAILABLE "/proc/sys/net/ipv4/tcp_available_congestion_control"

void ek_lab_peer_kernel_names(char *out, size_t len)
{
        FILE *f = fopen(AVAILABLE, "re");
        size_t n = f == NULL ? 0 : fread(out, 1, len - 1, f);

        if (f != NULL)
                fclose(f);
        out[n] = '\0';
        out[strcspn(out, "\n")] = '\0';
}

/* Every name that there is, for the error. */
static void say_unknown(const char *name, char *why, size_t why_len)
{
        const struct elko_cc_ops *cc;
        char kernel[200];
        char *word, *rest;
        size_t n;

        n = (size_t)snprintf(why, why_len, "there is no peer '%s'; there are: elko", name);
        for (size_t i = 0; (cc = ek_options_congestion(i)) != NULL && n < why_len; i++)
                n += (size_t)snprintf(why + n, why_len - n, " " ELKO "%s", cc->name);
        ek_lab_peer_kernel_names(kernel, sizeof kernel);
        for (word = strtok_r(kernel, " ", &rest); word != NULL && n < why_len;
             word = strtok_r(NULL, " ", &rest))
                n += (size_t)snprintf(why + n, why_len - n, " " KERNEL "%s", word);
}

static bool is_algorithm(const char *text)
{
        return text[0] != '\0' &&
               strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text);
}

static bool parse_one(const char *name, struct ek_lab_peer *out)
{
        const struct elko_cc_ops *cc;

        *out = (struct ek_lab_peer){0};
        snprintf(out->name, sizeof out->name, "%s", name);
        if (strcmp(name, "elko") == 0)
                return true;
        if (strncmp(name, KERNEL, strlen(KERNEL)) == 0) {
                out->kernel = true;
                return is_algorithm(name + strlen(KERNEL));
        }
        if (strncmp(name, ELKO, strlen(ELKO)) != 0)
                return false;
        for (size_t i = 0; (cc = ek_options_congestion(i)) != NULL; i++) {
                if (strcmp(cc->name, name + strlen(ELKO)) == 0) {
                        out->cc = cc;
                        return true;
                }
        }
        return false;
}

bool ek_lab_peers_parse(const char *text, unsigned max, struct ek_lab_peers *out, char *why,
                        size_t why_len)
{
        char name[EK_LAB_PEER_NAME];

        out->count = 0;
        for (;;) {
                size_t len = strcspn(text, ",");

                if (out->count == max || out->count == EK_LAB_PEERS_MAX) {
                        snprintf(why, why_len, "at most %u peers", max);
                        return false;
                }
                snprintf(name, sizeof name, "%.*s", (int)len, text);
                if (len >= sizeof name || !parse_one(name, &out->peer[out->count])) {
                        say_unknown(name, why, why_len);
                        return false;
                }
                out->count++;
                if (text[len] == '\0')
                        return true;
                text += len + 1;
        }
}

const char *ek_lab_peer_algorithm(const struct ek_lab_peer *p)
{
        const char *dash = strchr(p->name, '-');

        return dash == NULL ? "" : dash + 1;
}

/* The names of one algorithm differ: RFC 5681's is "reno" in Linux and "newreno" here; ours may have a version behind
 * it ("bbr3"). */
static bool is_same_algorithm(const char *ours, const char *kernels)
{
        return strncmp(ours, kernels, strlen(kernels)) == 0 ||
               (strcmp(ours, "newreno") == 0 && strcmp(kernels, "reno") == 0);
}

int ek_lab_peer_rival(const struct ek_lab_peers *peers, unsigned i)
{
        const char *ours = ek_lab_peer_algorithm(&peers->peer[i]);
        int first = -1;

        if (peers->peer[i].kernel)
                return -1;
        for (unsigned k = 0; k < peers->count; k++) {
                if (!peers->peer[k].kernel)
                        continue;
                if (is_same_algorithm(ours, ek_lab_peer_algorithm(&peers->peer[k])))
                        return (int)k;
                if (first < 0)
                        first = (int)k;
        }
        return first;
}
