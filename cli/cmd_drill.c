/* SPDX-License-Identifier: MIT */
/*
 * elko drill: scripts in packetdrill's language, run on elko in virtual time.
 *
 * Theory: drill/run.h. This command finds the scripts, runs them on all cores, and tells what came of them. A script
 * has one of three outcomes, and "unsupported" is not a kind of success: it has an exit code of its own. A failed
 * script is run once more with the ladder's recorder, since the same script gives the same run.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "drill/pool.h"
#include "drill/run.h"
#include "ladder.h"
#include "options.h"
#include "util.h"

enum { EXIT_FAILED = 5, EXIT_UNSUPPORTED = 6, FILE_BYTES_MAX = 16 << 20 };
enum family_choice { FAMILY_SCRIPT, FAMILY_V4, FAMILY_V6, FAMILY_MAPPED, FAMILY_ALL };

struct settings {
        uint64_t jobs;
        unsigned family, persona;
        const char *junit, *tolerance;
        struct ek_text_list define, option;
        bool trace, kernel, update, json, quiet, verbose, no_ladder;
};

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "family",
         .letter = 'f',
         .arg = "FAMILY",
         .kind = EK_OPT_CHOICE,
         .offset = OWN(family),
         .choices = "script|v4|v6|mapped|all",
         .help = "the network: what the script's --ip_version says (default; IPv4 when it says nothing), "
                 "IPv4, IPv6, IPv6 sockets with IPv4-mapped addresses, or each script in all three"},
        {.name = "persona",
         .letter = 'p',
         .arg = "NAME",
         .kind = EK_OPT_CHOICE,
         .offset = OWN(persona),
         .choices = "script|linux|freebsd|rfc",
         .help = "the stack's options; default: freebsd for scripts that set FreeBSD's sysctls, else linux"},
        {.name = "jobs",
         .letter = 'j',
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(jobs),
         .min = 1,
         .max = DRILL_JOBS_MAX,
         .help = "processes, 1..64; default: one for each core"},
        {.name = "define",
         .letter = 'D',
         .arg = "NAME=VALUE",
         .kind = EK_OPT_LIST,
         .offset = OWN(define),
         .help = "a name that stands for something else in the scripts; may be given again"},
        {.name = "option",
         .letter = 'o',
         .arg = "NAME=VALUE",
         .kind = EK_OPT_LIST,
         .offset = OWN(option),
         .help = "an option that scripts can have at their beginning, like tolerance_usecs=100; overrides "
                 "theirs; may be given again"},
        {.name = "update",
         .letter = 'u',
         .kind = EK_OPT_SET,
         .offset = OWN(update),
         .help = "write each script anew, FILE.new beside it, with what elko does as what is expected"},
        {.name = "kernel",
         .kind = EK_OPT_SET,
         .offset = OWN(kernel),
         .help = "run the scripts on this machine's kernel instead, in real time, over a TUN device in a network "
                 "namespace of its own"},
        {.name = "trace",
         .letter = 't',
         .kind = EK_OPT_SET,
         .offset = OWN(trace),
         .help = "print everything that happens in the stack"},
        {.name = "no-ladder",
         .kind = EK_OPT_SET,
         .offset = OWN(no_ladder),
         .help = "do not draw the connections of scripts that failed"},
        {.name = "junit",
         .arg = "FILE",
         .kind = EK_OPT_TEXT,
         .offset = OWN(junit),
         .help = "write the outcomes to FILE in JUnit's format"},
        {.name = "verbose",
         .letter = 'v',
         .kind = EK_OPT_SET,
         .offset = OWN(verbose),
         .help = "a line for each script, those that passed too"},
        {.name = "quiet",
         .letter = 'q',
         .kind = EK_OPT_SET,
         .offset = OWN(quiet),
         .help = "only the last lines"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = OWN(json),
         .help = "end with one JSON object on a line of its own"},
};

static const struct ek_command_spec spec = {
        .name = "drill",
        .usage = "FILE.pkt|DIR...",
        .about =
                "Run scripts in packetdrill's language on a stack of their own, in virtual time: what the "
                "peer sends, what the stack must send and when, which system calls the application makes "
                "and what they return. A directory stands for all .pkt files in and below it. A script "
                "passes, fails, or is unsupported, with the reason.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .max_args = -1,
        .notes =
                "Exit codes: 0 all passed, 1 usage, 4 a file could not be read or written, 5 a script failed,\n"
                "6 none failed but some are unsupported.\n"
                "\n"
                "Files that end in v4.pkt or v6.pkt run for that family only.\n"
                "\n"
                "Examples:\n"
                "  elko drill test/drill                  all scripts below a directory\n"
                "  elko drill --family v6 --trace x.pkt   one, with everything that happens in it\n"
                "  elko drill --update x.pkt              what does elko do with it? see x.pkt.new",
};

/* ---- the scripts ---- */

struct job {
        char *path;
        enum drill_family family;
        bool family_given;
        bool ended;
        struct drill_job_result result;
};

struct jobs {
        struct job *job;
        size_t n, room;
        const struct settings *set;
        struct drill_define defines[EK_TEXT_LIST_MAX];
        struct drill_option options[EK_TEXT_LIST_MAX];
        void *region;
        size_t passed, failed, unsupported, unreadable;
        bool bad_file;
};

static bool ends_in(const char *text, const char *end)
{
        size_t n = strlen(text), m = strlen(end);

        return n >= m && strcmp(text + n - m, end) == 0;
}

static void add_job(struct jobs *j, const char *path, bool given, enum drill_family family)
{
        bool v4_only = ends_in(path, "v4.pkt"), v6_only = ends_in(path, "v6.pkt");

        if (given && ((v4_only && family == DRILL_V6) || (v6_only && family != DRILL_V6)))
                return;
        if (!given && v6_only) {
                given = true;
                family = DRILL_V6;
        }
        if (j->n == j->room) {
                j->room = j->room * 2 + 64;
                j->job = realloc(j->job, j->room * sizeof(*j->job));
                if (j->job == NULL)
                        abort();
        }
        j->job[j->n++] =
                (struct job){.path = strdup(path), .family = family, .family_given = given};
}

static void add_file(struct jobs *j, const char *path)
{
        static const enum drill_family chosen[] = {
                [FAMILY_V4] = DRILL_V4, [FAMILY_V6] = DRILL_V6, [FAMILY_MAPPED] = DRILL_MAPPED};

        if (j->set->family == FAMILY_ALL)
                for (int f = FAMILY_V4; f <= FAMILY_MAPPED; f++)
                        add_job(j, path, true, chosen[f]);
        else if (j->set->family == FAMILY_SCRIPT)
                add_job(j, path, false, DRILL_V4);
        else
                add_job(j, path, true, chosen[j->set->family]);
}

static bool add_path(struct jobs *j, const char *path, bool named, unsigned depth);

static bool add_directory(struct jobs *j, const char *path, unsigned depth)
{
        struct dirent **list;
        int n = scandir(path, &list, NULL, alphasort);
        bool ok = n >= 0;

        if (!ok)
                ek_util_error("drill: %s: %s", path, ek_util_errno_text(errno));
        for (int i = 0; i < n; i++) {
                char full[4096];

                snprintf(full, sizeof(full), "%s%s%s", path, ends_in(path, "/") ? "" : "/",
                         list[i]->d_name);
                if (list[i]->d_name[0] != '.')
                        ok = add_path(j, full, false, depth + 1) && ok;
                free(list[i]);
        }
        if (n >= 0)
                free(list);
        return ok;
}

static bool add_path(struct jobs *j, const char *path, bool named, unsigned depth)
{
        struct stat st;

        if (stat(path, &st) != 0) {
                ek_util_error("drill: %s: %s", path, ek_util_errno_text(errno));
                return false;
        }
        if (S_ISDIR(st.st_mode) && depth < 32)
                return add_directory(j, path, depth);
        if (named || ends_in(path, ".pkt"))
                add_file(j, path);
        return true;
}

static char *read_file(const char *path, size_t *len)
{
        FILE *f = fopen(path, "re");
        char *text = malloc(FILE_BYTES_MAX);

        *len = 0;
        if (f != NULL && text != NULL) {
                *len = fread(text, 1, FILE_BYTES_MAX, f);
                if (!ferror(f) && *len < FILE_BYTES_MAX) {
                        fclose(f);
                        return text;
                }
        }
        if (f != NULL)
                fclose(f);
        free(text);
        return NULL;
}

/* ---- one script ---- */

static void print_trace(void *ctx, const struct elko_trace_event *ev)
{
        struct elko_trace_event at = *ev;
        char line[512];

        (void)ctx;
        at.now -= DRILL_START_NS; /* the script's time */
        ladder_trace_line(&at, line, sizeof line);
        puts(line);
}

/* The command line's definitions, then those that public suites expect. */
static const struct drill_define *defines_of(struct jobs *j, enum drill_family family)
{
        unsigned n = j->set->define.count;

        if (n == 0)
                return drill_common_defines(family);
        j->defines[n - 1].next = drill_common_defines(family);
        return j->defines;
}

static void run_once(struct jobs *j, const struct job *job, const char *text, size_t len,
                     struct drill_settings *ds, struct drill_script *s, struct drill_result *r)
{
        ds->family_given = job->family_given;
        ds->family = job->family;
        ds->persona = j->set->persona == 0 ? NULL : &elko_personas[j->set->persona - 1];
        ds->options = j->set->option.count > 0 ? j->options : NULL;
        ds->region = j->region;
        ds->kernel = j->set->kernel;
        drill_run_text(s, job->path, text, len, defines_of(j, job->family), ds, r);
}

static const char *family_text(const struct job *job)
{
        static const char *const names[] = {" (IPv4)", " (IPv6)", " (IPv4-mapped)"};

        return job->family_given ? names[job->family] : "";
}

/* Once more, for the picture of what had happened. */
static void draw(struct jobs *j, const struct job *job, const char *text, size_t len, FILE *out)
{
        struct ladder_options lo;
        struct drill_settings ds = {.trace = ladder_trace};
        struct drill_script s;
        struct drill_result r;

        ladder_options_init(&lo);
        lo.ascii = true;
        lo.brief = true;
        lo.width = 100;
        ds.trace_ctx = ladder_new(&lo);
        if (ds.trace_ctx == NULL)
                return;
        run_once(j, job, text, len, &ds, &s, &r);
        fprintf(out, "\n");
        ladder_print(ds.trace_ctx, out);
        ladder_free(ds.trace_ctx);
        drill_script_free(&s);
}

static void update(struct jobs *j, const struct job *job, const char *text, size_t len,
                   struct drill_job_result *out)
{
        char path[4096];
        struct drill_settings ds = {0};
        struct drill_script s;
        struct drill_result r;
        FILE *f;

        snprintf(path, sizeof path, "%s.new", job->path);
        f = fopen(path, "we");
        if (f == NULL) {
                *out = (struct drill_job_result){.outcome = DRILL_FAILED,
                                                 .text = strdup("its new form can't be written"),
                                                 .brief = strlen("its new form can't be written")};
                return;
        }
        ds.record = f;
        run_once(j, job, text, len, &ds, &s, &r);
        out->outcome = r.outcome;
        out->text = r.text != NULL ? strdup(r.text) : NULL;
        out->brief = out->text != NULL ? strlen(out->text) : 0;
        drill_script_free(&s);
        fclose(f);
}

static void run_job(void *ctx, size_t index, struct drill_job_result *out)
{
        struct jobs *j = ctx;
        const struct job *job = &j->job[index];
        uint64_t begin = ek_util_now();
        struct drill_settings ds = {.trace = j->set->trace ? print_trace : NULL};
        struct drill_script s;
        struct drill_result r;
        size_t len, text_len = 0;
        char *text = read_file(job->path, &len);
        FILE *f;

        *out = (struct drill_job_result){.outcome = DRILL_UNSUPPORTED};
        if (text == NULL) {
                out->text = strdup("it can't be read");
                out->brief = strlen("it can't be read");
                return;
        }
        if (j->set->update) {
                update(j, job, text, len, out);
                free(text);
                return;
        }
        run_once(j, job, text, len, &ds, &s, &r);
        out->outcome = r.outcome;
        out->virtual_ns = r.virtual_ns;
        if (r.text != NULL) {
                f = open_memstream(&out->text, &text_len);
                if (f != NULL) {
                        fputs(r.text, f);
                        out->brief = strlen(r.text);
                        if (r.outcome == DRILL_FAILED && !j->set->no_ladder && !j->set->quiet &&
                            !j->set->kernel && !j->set->trace && r.virtual_ns + s.n_events > 0 &&
                            s.error == NULL)
                                draw(j, job, text, len, f);
                        fclose(f);
                }
        }
        drill_script_free(&s);
        free(text);
        out->real_ns = ek_util_now() - begin;
}

/* ---- reports ---- */

static const char *const outcome_words[] = {"passed", "FAILED", "unsupported"};

static void job_done(void *ctx, size_t index, struct drill_job_result *r)
{
        struct jobs *j = ctx;
        struct job *job = &j->job[index];

        job->ended = true;
        job->result = *r;
        job->result.text = r->text != NULL ? strdup(r->text) : NULL;
        j->passed += r->outcome == DRILL_PASSED;
        j->failed += r->outcome == DRILL_FAILED;
        j->unsupported += r->outcome == DRILL_UNSUPPORTED;
}

static void print_job(const struct settings *set, const struct job *job)
{
        const struct drill_job_result *r = &job->result;

        if (set->quiet || (r->outcome == DRILL_PASSED && !set->verbose && r->text == NULL))
                return;
        printf("%s: %s%s\n", outcome_words[r->outcome], job->path, family_text(job));
        if (r->text != NULL)
                printf("%s\n%s", r->text, r->outcome == DRILL_FAILED ? "\n" : "");
}

static void put_xml(FILE *f, const char *text)
{
        for (; *text != '\0'; text++) {
                switch (*text) {
                case '<': fputs("&lt;", f); break;
                case '>': fputs("&gt;", f); break;
                case '&': fputs("&amp;", f); break;
                case '"': fputs("&quot;", f); break;
                default: /* XML 1.0 has no other control characters than these */
                        if ((unsigned char)*text >= ' ' || *text == '\n' || *text == '\t')
                                fputc(*text, f);
                }
        }
}

static bool write_junit(const struct jobs *j, double seconds)
{
        FILE *f = fopen(j->set->junit, "we");

        if (f == NULL) {
                ek_util_error("drill: %s can not be written: %s", j->set->junit,
                              ek_util_errno_text(errno));
                return false;
        }
        fprintf(f,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<testsuite name=\"elko drill\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\" "
                "time=\"%.3f\">\n",
                j->n, j->failed, j->unsupported, seconds);
        for (size_t i = 0; i < j->n; i++) {
                const struct job *job = &j->job[i];

                fprintf(f, "  <testcase classname=\"drill\" name=\"");
                put_xml(f, job->path);
                put_xml(f, family_text(job));
                fprintf(f, "\" time=\"%.6f\">", (double)job->result.real_ns / 1e9);
                if (job->result.outcome != DRILL_PASSED) {
                        fprintf(f, job->result.outcome == DRILL_FAILED
                                           ? "<failure message=\"failed\">"
                                           : "<skipped message=\"unsupported\">");
                        put_xml(f, job->result.text != NULL ? job->result.text : "");
                        fprintf(f,
                                job->result.outcome == DRILL_FAILED ? "</failure>" : "</skipped>");
                }
                fprintf(f, "</testcase>\n");
        }
        fprintf(f, "</testsuite>\n");
        return fclose(f) == 0;
}

static void print_json(const struct jobs *j, double seconds)
{
        uint64_t virtual_ns = 0;
        const char *sep = "";

        for (size_t i = 0; i < j->n; i++)
                virtual_ns += j->job[i].result.virtual_ns;
        printf("{\"version\":\"%s\",\"scripts\":%zu,\"passed\":%zu,\"failed\":%zu,\"unsupported\":%zu,"
               "\"seconds\":%.3f,\"per_second\":%.1f,\"virtual_seconds\":%.3f,\"not_passed\":[",
               elko_version(), j->n, j->passed, j->failed, j->unsupported, seconds,
               seconds > 0 ? (double)j->n / seconds : 0, (double)virtual_ns / 1e9);
        for (size_t i = 0; i < j->n; i++) {
                const struct job *job = &j->job[i];

                if (job->result.outcome == DRILL_PASSED)
                        continue;
                printf("%s{\"file\":", sep);
                ek_util_json_string(stdout, job->path);
                printf(",\"family\":\"%s\",\"outcome\":\"%s\",\"text\":",
                       !job->family_given        ? "script"
                       : job->family == DRILL_V4 ? "v4"
                       : job->family == DRILL_V6 ? "v6"
                                                 : "mapped",
                       job->result.outcome == DRILL_FAILED ? "failed" : "unsupported");
                if (job->result.text != NULL) /* the picture is for people */
                        job->result.text[job->result.brief] = '\0';
                ek_util_json_string(stdout, job->result.text != NULL ? job->result.text : "");
                printf("}");
                sep = ",";
        }
        printf("]}\n");
}

static int report(struct jobs *j, double seconds)
{
        bool wrote = true;

        for (size_t i = 0; i < j->n; i++)
                print_job(j->set, &j->job[i]);
        if (j->set->junit != NULL)
                wrote = write_junit(j, seconds);
        printf("%zu scripts in %.3f s, %.0f a second", j->n, seconds,
               seconds > 0 ? (double)j->n / seconds : 0);
        if (j->unsupported > 0)
                printf("; %zu unsupported, which is not passed", j->unsupported);
        printf("\n%zu passed, %zu failed\n", j->passed, j->failed);
        if (j->set->json)
                print_json(j, seconds);
        if (!wrote || j->bad_file)
                return EK_EXIT_FILE;
        return j->failed > 0 ? EXIT_FAILED : j->unsupported > 0 ? EXIT_UNSUPPORTED : EK_EXIT_OK;
}

/* ---- the command line ---- */

/* NAME=VALUE, cut at the =; the text stays in argv. False: there is none. */
static bool cut(const char *text, const char **name, const char **value, bool need_value)
{
        const char *eq = strchr(text, '=');

        if ((eq == NULL && need_value) || eq == text)
                return false;
        *name = eq == NULL ? strdup(text) : strndup(text, (size_t)(eq - text));
        *value = eq == NULL ? NULL : eq + 1;
        return *name != NULL;
}

static bool read_pairs(struct jobs *j)
{
        const struct settings *set = j->set;

        for (unsigned i = 0; i < set->define.count; i++) {
                if (!cut(set->define.text[i], &j->defines[i].name, &j->defines[i].value, true)) {
                        ek_util_error("drill: --define wants NAME=VALUE, not %s",
                                      set->define.text[i]);
                        return false;
                }
                j->defines[i].next = i + 1 < set->define.count ? &j->defines[i + 1] : NULL;
        }
        for (unsigned i = 0; i < set->option.count; i++) {
                if (!cut(set->option.text[i], &j->options[i].name, &j->options[i].value, false)) {
                        ek_util_error("drill: --option wants NAME or NAME=VALUE, not %s",
                                      set->option.text[i]);
                        return false;
                }
                j->options[i].where = (struct drill_where){1, 1};
                j->options[i].next = i + 1 < set->option.count ? &j->options[i + 1] : NULL;
        }
        return true;
}

static int run_all(struct jobs *j)
{
        uint64_t begin = ek_util_now();
        unsigned workers = (unsigned)j->set->jobs;
        struct drill_job_result r;

        if (j->set->jobs == EK_OPT_UNSET) {
                long cores = sysconf(_SC_NPROCESSORS_ONLN);

                workers = cores < 1 ? 1 : cores > DRILL_JOBS_MAX ? DRILL_JOBS_MAX : (unsigned)cores;
        }
        if (j->set->trace) { /* in order, and in this process */
                for (size_t i = 0; i < j->n; i++) {
                        run_job(j, i, &r);
                        job_done(j, i, &r);
                        free(r.text);
                }
                drill_run_end();
        } else if (!drill_pool(j->n, workers, run_job, j, job_done)) {
                ek_util_error("drill: no process can be made");
                return EK_EXIT_USAGE;
        }
        return report(j, (double)(ek_util_now() - begin) / 1e9);
}

int ek_cmd_drill(int argc, char **argv)
{
        struct settings set = {.jobs = EK_OPT_UNSET};
        struct jobs j = {.set = &set};
        struct ek_options options;
        int code;

        switch (ek_options_parse(&spec, argc, argv, &options, &set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        if (options.arg_count == 0) {
                ek_util_error("drill: name a script or a directory; `elko drill --help` says more");
                return EK_EXIT_USAGE;
        }
        if (!read_pairs(&j))
                return EK_EXIT_USAGE;
        for (int i = 0; i < options.arg_count; i++)
                if (!add_path(&j, options.args[i], true, 0))
                        j.bad_file = true;
        if (j.n == 0 && !j.bad_file) {
                ek_util_error("drill: there is no .pkt file for this family");
                return EK_EXIT_FILE;
        }
        j.region = mmap(NULL, DRILL_REGION_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (j.region == MAP_FAILED) {
                ek_util_error("drill: out of memory");
                return EK_EXIT_USAGE;
        }
        code = run_all(&j);
        munmap(j.region, DRILL_REGION_BYTES);
        for (size_t i = 0; i < j.n; i++) {
                free(j.job[i].path);
                free(j.job[i].result.text);
        }
        for (unsigned i = 0; i < set.define.count; i++)
                free((char *)(uintptr_t)j.defines[i].name);
        for (unsigned i = 0; i < set.option.count; i++)
                free((char *)(uintptr_t)j.options[i].name);
        free(j.job);
        return code;
}
