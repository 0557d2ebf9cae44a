/* SPDX-License-Identifier: MIT */
/*
 * $XDG_RUNTIME_DIR belongs to one user by specification. Without it the directory is /tmp/elko-UID:
 * anybody could have made that, so it is used only when it is a directory, ours, and closed to
 * others.
 *
 * UID is the number outside of user namespaces: a demonstration that runs as root of a namespace of
 * its own is found by the user who started it. /proc/self/uid_map tells (lines: inside outside
 * count).
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/inspect_path.h"

static const char suffix[] = ".sock";

static unsigned uid_outside(void)
{
        unsigned uid = geteuid(), inside, outside, count;
        FILE *map = fopen("/proc/self/uid_map", "re");

        if (map == NULL)
                return uid;
        while (fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) {
                if (uid >= inside && uid - inside < count) {
                        uid = outside + (uid - inside);
                        break;
                }
        }
        fclose(map);
        return uid;
}

/* A directory of ours that nobody else can write to. */
static bool is_private_dir(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
               (st.st_mode & 077) == 0;
}

int elko_host_inspect_dir(char dir[ELKO_HOST_INSPECT_PATH], const char **prefix,
                          struct elko_drv_why *why)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        *prefix = "elko-";
        if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < ELKO_HOST_INSPECT_PATH / 2 &&
            is_private_dir(runtime)) {
                snprintf(dir, ELKO_HOST_INSPECT_PATH, "%s", runtime);
                return 0;
        }
        *prefix = "";
        snprintf(dir, ELKO_HOST_INSPECT_PATH, "/tmp/elko-%u", uid_outside());
        if (mkdir(dir, 0700) != 0 && errno != EEXIST)
                return elko_drv_fail(why, errno, "inspect: making %s: %s", dir, strerror(errno));
        if (!is_private_dir(dir))
                return elko_drv_fail(why, EPERM,
                                     "inspect: %s is not a directory that belongs to this "
                                     "user alone (mode 0700); remove it or set XDG_RUNTIME_DIR",
                                     dir);
        return 0;
}

static int make_path(char path[ELKO_HOST_INSPECT_PATH], const char *dir, const char *name,
                     struct elko_drv_why *why)
{
        int n = snprintf(path, ELKO_HOST_INSPECT_PATH, "%s/%s", dir, name);

        if (n < 0 || (size_t)n >= ELKO_HOST_INSPECT_PATH)
                return elko_drv_fail(why, ENAMETOOLONG,
                                     "inspect: the path %s/%s is too long for a "
                                     "socket",
                                     dir, name);
        return 0;
}

int elko_host_inspect_path_of(pid_t pid, char path[ELKO_HOST_INSPECT_PATH],
                              struct elko_drv_why *why)
{
        char dir[ELKO_HOST_INSPECT_PATH], name[64];
        const char *prefix;
        int error = elko_host_inspect_dir(dir, &prefix, why);

        snprintf(name, sizeof(name), "%s%d%s", prefix, (int)pid, suffix);
        return error == 0 ? make_path(path, dir, name, why) : error;
}

int elko_host_inspect_connect(const char *path)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        int fd, error;

        if (strlen(path) >= sizeof(to.sun_path))
                return -ENAMETOOLONG;
        memcpy(to.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
                return fd;
        error = errno;
        close(fd);
        return -error;
}

/* "elko-123.sock" -> 123; 0: another name. */
static pid_t pid_of_name(const char *name, const char *prefix)
{
        size_t skip = strlen(prefix);
        char *end;
        long pid;

        if (strncmp(name, prefix, skip) != 0 || name[skip] < '1' || name[skip] > '9')
                return 0;
        pid = strtol(name + skip, &end, 10);
        return strcmp(end, suffix) == 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/* Does somebody listen? A socket that nobody listens on is removed. */
static bool is_alive(const char *path)
{
        int fd = elko_host_inspect_connect(path);

        if (fd == -ECONNREFUSED)
                unlink(path);
        if (fd < 0)
                return false;
        close(fd);
        return true;
}

void elko_host_inspect_scan(void (*fn)(void *ctx, pid_t pid), void *ctx)
{
        char dir[ELKO_HOST_INSPECT_PATH], path[ELKO_HOST_INSPECT_PATH];
        const char *prefix;
        struct dirent *entry;
        DIR *d;

        if (elko_host_inspect_dir(dir, &prefix, NULL) != 0)
                return;
        d = opendir(dir);
        if (d == NULL)
                return;
        while ((entry = readdir(d)) != NULL) {
                pid_t pid = pid_of_name(entry->d_name, prefix);

                if (pid == 0 || make_path(path, dir, entry->d_name, NULL) != 0 || !is_alive(path))
                        continue;
                if (fn != NULL)
                        fn(ctx, pid);
        }
        closedir(d);
}
