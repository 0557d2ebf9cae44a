/* SPDX-License-Identifier: MIT */
/*
 * Downloads: the named file is the old one or the whole new one, at every moment.
 */
#include "test/support/ek_test.h"

#include "cli/download.h"

#include <sys/stat.h>

EK_TEST_MAIN();

static char dir[64], name[96], part[112], tag[112];

static void begin(void)
{
        snprintf(dir, sizeof dir, "/tmp/ek_dl_XXXXXX");
        CHECK(mkdtemp(dir) != NULL);
        snprintf(name, sizeof name, "%s/f", dir);
        snprintf(part, sizeof part, "%s/f.part", dir);
        snprintf(tag, sizeof tag, "%s/f.part.tag", dir);
}

static void end(void)
{
        unlink(name);
        unlink(part);
        unlink(tag);
        CHECK_EQ(rmdir(dir), 0);
}

static void put(const char *path, const char *text)
{
        FILE *f = fopen(path, "w");

        CHECK(f != NULL);
        fputs(text, f);
        fclose(f);
}

static const char *content(const char *path)
{
        static char text[256];
        FILE *f = fopen(path, "r");
        size_t n;

        if (f == NULL)
                return "(none)";
        n = fread(text, 1, sizeof text - 1, f);
        text[n] = '\0';
        fclose(f);
        return text;
}

static bool write_text(struct ek_download *d, const char *text)
{
        return ek_download_write(d, (const uint8_t *)text, strlen(text));
}

EK_TEST(whole_file)
{
        struct ek_download d;

        begin();
        put(name, "old");
        CHECK(ek_download_init(&d, name, false));
        CHECK(ek_download_begin(&d, 0, "\"v1\""));
        CHECK(write_text(&d, "new "));
        CHECK_STR_EQ(content(name), "old");
        CHECK(write_text(&d, "text"));
        CHECK_STR_EQ(content(part), "new text");
        CHECK(ek_download_finish(&d));
        CHECK_STR_EQ(content(name), "new text");
        CHECK(access(part, F_OK) != 0 && access(tag, F_OK) != 0);
        ek_download_free(&d);
        end();
}

EK_TEST(continued)
{
        struct ek_download d;

        begin();
        CHECK(ek_download_init(&d, name, false));
        CHECK(ek_download_begin(&d, 0, "\"v1\""));
        CHECK(write_text(&d, "first "));
        ek_download_free(&d); /* broken off */
        CHECK(ek_download_init(&d, name, true));
        CHECK_EQ(ek_download_offset(&d), 6);
        CHECK_STR_EQ(d.tag, "\"v1\"");
        CHECK(ek_download_begin(&d, 6, "\"v1\""));
        CHECK(write_text(&d, "second"));
        CHECK(ek_download_finish(&d));
        CHECK_STR_EQ(content(name), "first second");
        ek_download_free(&d);
        end();
}

/* Without a validator nobody knows what the part is a part of. */
EK_TEST(part_without_tag)
{
        struct ek_download d;

        begin();
        put(part, "something");
        CHECK(ek_download_init(&d, name, true));
        CHECK_EQ(ek_download_offset(&d), 0);
        CHECK(ek_download_begin(&d, 0, NULL));
        CHECK(write_text(&d, "x"));
        CHECK(ek_download_finish(&d));
        CHECK_STR_EQ(content(name), "x");
        ek_download_free(&d);
        end();
}

/* A failure before the head of the response leaves everything as it was. */
EK_TEST(failure_touches_nothing)
{
        struct ek_download d;

        begin();
        put(name, "old");
        put(part, "part");
        CHECK(ek_download_init(&d, name, false));
        ek_download_free(&d);
        CHECK_STR_EQ(content(name), "old");
        CHECK_STR_EQ(content(part), "part");
        end();
}

EK_TEST(errors)
{
        struct ek_download d;

        begin();
        CHECK(!ek_download_init(&d, dir, false));
        CHECK(strstr(d.error, "directory") != NULL);
        ek_download_free(&d);
        CHECK(!ek_download_init(&d, "-", true));
        ek_download_free(&d);
        CHECK(ek_download_init(&d, "/nonexistent/dir/f", false));
        CHECK(!ek_download_begin(&d, 0, NULL));
        CHECK(strstr(d.error, "/nonexistent/dir/f.part") != NULL);
        ek_download_free(&d);
        end();
}
