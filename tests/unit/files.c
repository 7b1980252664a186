/* Files that survive: atomic replacement, kept modes, repaired line logs, and every failure reported. */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char dir[] = "/tmp/imx-files-XXXXXX";

static const char *in(const char *name)
{
    static char path[4][128];
    static int k;
    k = (k + 1) % 4;
    if (!imx_join(path[k], sizeof path[k], dir, name))
        return "";
    return path[k];
}

static bool holds(const char *path, const char *want)
{
    char *data = NULL;
    size_t n = 0;
    const bool same = imx_file_read(path, 1 << 20, &data, &n) == IMX_OK && n == strlen(want) && !memcmp(data, want, n);
    free(data);
    return same;
}

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static void atomic(void)
{
    struct stat st;
    struct imx_atomic *f = NULL;
    const char *path = in("a");
    umask(022);
    tap_ok(imx_file_write(path, "one", 3) == IMX_OK && holds(path, "one"), "a new file");
    tap_ok(!stat(path, &st) && (st.st_mode & 0777) == 0644, "a new file has the mode that umask leaves");
    chmod(path, 0600);
    tap_ok(imx_file_write(path, "two", 3) == IMX_OK && holds(path, "two") && !stat(path, &st) &&
               (st.st_mode & 0777) == 0600,
           "a replaced file keeps its mode");
    tap_ok(imx_atomic_create(path, &f) == IMX_OK && imx_atomic_write(f, "three", 5) == IMX_OK && holds(path, "two"),
           "until commit the old file is there");
    tap_ok(imx_atomic_patch(f, 1, "H", 1) == IMX_OK && imx_atomic_commit(f) == IMX_OK && holds(path, "tHree"),
           "commit puts the new one in its place");
    tap_ok(imx_atomic_create(path, &f) == IMX_OK && imx_atomic_write(f, "x", 1) == IMX_OK, "a file is begun");
    imx_atomic_abandon(f);
    tap_ok(holds(path, "tHree") && entries() == 1, "abandoning it leaves nothing behind");
    tap_ok(imx_file_write(in("no/such/folder"), "x", 1) == IMX_E_IO && strstr(imx_error_text(), "no/such/folder"),
           "a missing folder is reported: %s", imx_error_text());
    tap_ok(imx_file_write(dir, "x", 1) == IMX_E_IO, "a folder is not replaced: %s", imx_error_text());
}

/* The temporary file of a crashed writer is taken over, that of a living one is not. */
static void leftovers(void)
{
    struct imx_atomic *one = NULL, *two = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s", in("b"));
    int fd = open(in("b.tmp-0"), O_WRONLY | O_CREAT, 0600);
    tap_ok(fd >= 0 && write(fd, "leftover", 8) == 8 && close(fd) == 0, "a temporary file is left over");
    tap_ok(imx_atomic_create(path, &one) == IMX_OK && imx_atomic_create(path, &two) == IMX_OK && entries() == 3,
           "two writers of one file: one takes the leftover over, the other has a file of its own");
    tap_ok(imx_atomic_write(one, "one", 3) == IMX_OK && imx_atomic_write(two, "2", 1) == IMX_OK &&
               imx_atomic_commit(one) == IMX_OK && holds(path, "one") && imx_atomic_commit_quick(two) == IMX_OK &&
               holds(path, "2") && entries() == 2,
           "each is whole in its turn and nothing is left over");
    tap_ok(symlink("b", in("link")) == 0 && imx_file_write(in("link"), "three", 5) == IMX_OK && holds(path, "three"),
           "a link is followed");
    unlink(in("link"));
    tap_ok(mkfifo(in("pipe"), 0600) == 0 && (fd = open(in("pipe"), O_RDWR)) >= 0 &&
               imx_file_write(in("pipe"), "four", 4) == IMX_OK,
           "a pipe is written in place");
    char got[8] = "";
    struct stat st;
    tap_ok(read(fd, got, sizeof got) == 4 && !strcmp(got, "four") && !stat(in("pipe"), &st) && S_ISFIFO(st.st_mode),
           "and stays a pipe");
    close(fd);
    unlink(in("pipe"));
    unlink(path);
    if (!stat("/dev/full", &st) && S_ISCHR(st.st_mode))
        tap_ok(imx_file_write("/dev/full", "x", 1) == IMX_E_IO && !stat("/dev/full", &st) && S_ISCHR(st.st_mode),
               "a device is not replaced: %s", imx_error_text());
    else
        tap_skip("a device is not replaced", "there is no /dev/full");
}

/* Beside a file that is there: one that a crashed writer left, one being written, and one that is none of ours. */
static void swept(void)
{
    struct imx_atomic *live = NULL;
    bool ok = imx_file_write(in("s"), "whole", 5) == IMX_OK && imx_atomic_create(in("s"), &live) == IMX_OK;
    const int fd = open(in("s.tmp-3"), O_WRONLY | O_CREAT, 0600), other = open(in("s.tmp-x"), O_WRONLY | O_CREAT, 0600);
    ok = ok && fd >= 0 && other >= 0 && write(fd, "half", 4) == 4;
    close(fd);
    close(other);
    imx_file_sweep(in("s"));
    tap_ok(ok && access(in("s.tmp-3"), F_OK) && !access(in("s.tmp-0"), F_OK) && !access(in("s.tmp-x"), F_OK) &&
               holds(in("s"), "whole"),
           "what a crashed writer left is swept away, what is being written stays");
    imx_atomic_abandon(live);
    unlink(in("s.tmp-x"));
    unlink(in("s"));
}

static void folders(void)
{
    char *data = NULL;
    size_t n = 0;
    tap_ok(imx_mkdirs(in("x/y/z")) == IMX_OK && imx_mkdirs(in("x/y/z")) == IMX_OK, "folders with parents, twice");
    tap_ok(imx_mkdirs(in("a/b")) == IMX_E_IO, "a file in the way is reported: %s", imx_error_text());
    tap_ok(imx_file_read(in("a"), 3, &data, &n) == IMX_E_DATA, "a file beyond the limit is refused");
    tap_ok(imx_file_read(in("absent"), 3, &data, &n) == IMX_E_IO, "a missing file is reported");
    tap_ok(imx_file_read(dir, 1 << 20, &data, &n) == IMX_E_IO, "a folder is no file");
    rmdir(in("x/y/z"));
    rmdir(in("x/y"));
    rmdir(in("x"));
}

static bool not_b(void *user, const char *line)
{
    (void)user;
    return *line != 'b';
}

static void lines(void)
{
    struct imx_lines *f = NULL;
    const char *path = in("log");
    tap_ok(imx_lines_open(path, &f) == IMX_OK && imx_lines_empty(f) && imx_lines_add(f, "a1") == IMX_OK &&
               imx_lines_add(f, "b2") == IMX_OK && imx_lines_close(f) == IMX_OK && holds(path, "a1\nb2\n"),
           "lines are appended");
    const int fd = open(path, O_WRONLY | O_APPEND);
    tap_ok(write(fd, "torn", 4) == 4 && close(fd) == 0, "a line is torn");
    tap_ok(imx_lines_open(path, &f) == IMX_OK && !imx_lines_empty(f) && imx_lines_add(f, "c3") == IMX_OK &&
               holds(path, "a1\nb2\nc3\n"),
           "opening cuts the torn line off");
    tap_ok(imx_lines_keep(f, not_b, NULL) == IMX_OK && imx_lines_add(f, "d4") == IMX_OK &&
               imx_lines_close(f) == IMX_OK && holds(path, "a1\nd4\n"),
           "lines from a point on are dropped");
    if (imx_lines_open("/dev/full", &f) == IMX_OK) {
        tap_ok(imx_lines_add(f, "x") == IMX_E_IO, "a full disk is reported: %s", imx_error_text());
        const imx_status closed = imx_lines_close(f);
        tap_ok(closed == IMX_OK || closed == IMX_E_IO, "and the file can be closed");
    } else {
        tap_skip("a full disk is reported", "there is no /dev/full");
    }
    unlink(path);
}

int main(void)
{
    if (!mkdtemp(dir)) {
        tap_ok(false, "a folder for temporary files");
        return tap_done();
    }
    atomic();
    leftovers();
    swept();
    folders();
    lines();
    unlink(in("a"));
    tap_ok(rmdir(dir) == 0, "nothing is left over");
    return tap_done();
}
