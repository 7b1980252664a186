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
    folders();
    lines();
    unlink(in("a"));
    tap_ok(rmdir(dir) == 0, "nothing is left over");
    return tap_done();
}
