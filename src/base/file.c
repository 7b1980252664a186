/* See file.h. Nothing here trusts close() alone: data is written with retries for short writes and EINTR, fsynced
 * before the rename, and the folder is fsynced after it, so a crash leaves the old file or the new one. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

imx_status imx_io_fail(const char *what, const char *path)
{
    const int e = errno;
    const char *hint = e == ENOSPC || e == EDQUOT  ? " (make room on that disk)"
                       : e == EFBIG                ? " (see `ulimit -f`, or the largest file of that disk)"
                       : e == EACCES || e == EROFS ? " (choose a folder you may write to)"
                                                   : "";
    return imx_fail(e == ENOMEM ? IMX_E_NOMEM : IMX_E_IO, "cannot %s %s: %s%s", what, path, strerror(e), hint);
}

bool imx_join(char *text, size_t size, const char *dir, const char *name)
{
    const size_t n = strlen(dir);
    const int w = snprintf(text, size, "%s%s%s", dir, n && dir[n - 1] != '/' ? "/" : "", name);
    return w >= 0 && (size_t)w < size;
}

bool imx_file_size(const char *path, uint64_t *bytes)
{
    struct stat st;
    if (stat(path, &st))
        return false;
    if (bytes)
        *bytes = (uint64_t)st.st_size;
    return true;
}

/* Reads up to `want` bytes; the count, or -1. */
static ssize_t read_full(int fd, char *dst, size_t want)
{
    size_t got = 0;
    while (got < want) {
        const ssize_t n = read(fd, dst + got, want - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

imx_status imx_file_read(const char *path, uint64_t limit, char **data, size_t *bytes)
{
    imx_status status = IMX_OK;
    char *buf = NULL;
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return imx_io_fail("open", path);
    if (fstat(fd, &st)) {
        status = imx_io_fail("read", path);
        goto fail;
    }
    if (S_ISDIR(st.st_mode)) {
        status = imx_fail(IMX_E_IO, "cannot read %s: it is a folder", path);
        goto fail;
    }
    /* Sized by the file, but grown when it turns out longer (pipes and /proc report 0). */
    size_t size = (size_t)st.st_size, got = 0;
    for (;;) {
        if (size > limit) {
            status = imx_fail(IMX_E_DATA, "%s is larger than %llu bytes", path, (unsigned long long)limit);
            goto fail;
        }
        char *grown = realloc(buf, size + 2);
        if (!grown) {
            status = imx_fail(IMX_E_NOMEM, "no memory to read %s (%zu bytes)", path, size);
            goto fail;
        }
        buf = grown;
        const ssize_t n = read_full(fd, buf + got, size + 1 - got);
        if (n < 0) {
            status = imx_io_fail("read", path);
            goto fail;
        }
        got += (size_t)n;
        if (got <= size)
            break;
        size = size * 2 + 4096;
    }
    buf[got] = 0;
    *data = buf;
    *bytes = got;
    close(fd);
    return IMX_OK;
fail:
    free(buf);
    close(fd);
    return status;
}

imx_status imx_mkdirs(const char *path)
{
    char text[4096];
    const size_t n = strlen(path);
    struct stat st;
    if (!n || n >= sizeof text)
        return imx_fail(IMX_E_ARG, "the folder name \"%.40s\" is empty or too long", path);
    memcpy(text, path, n + 1);
    for (size_t i = 1; i <= n; i++)
        if (text[i] == '/' || text[i] == 0) {
            const char c = text[i];
            text[i] = 0;
            if (mkdir(text, 0777) && errno != EEXIST)
                return imx_io_fail("create the folder", text);
            text[i] = c;
        }
    if (stat(path, &st) || !S_ISDIR(st.st_mode))
        return imx_fail(IMX_E_IO, "%s is in the way: it is not a folder", path);
    return IMX_OK;
}

static imx_status write_full(int fd, const void *data, size_t bytes, const char *path)
{
    const char *p = data;
    while (bytes) {
        const ssize_t n = write(fd, p, bytes < (1u << 30) ? bytes : 1u << 30);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = EIO;
            return imx_io_fail("write", path);
        }
        p += n;
        bytes -= (size_t)n;
    }
    return IMX_OK;
}

imx_status imx_fsync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    char *dir = malloc(n + 2);
    if (!dir)
        return imx_fail(IMX_E_NOMEM, "no memory for a path");
    memcpy(dir, path, n);
    memcpy(dir + n, n ? "" : ".", n ? 1 : 2);
    imx_status status = IMX_OK;
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems (FUSE, network) refuse fsync of a folder with EINVAL: nothing more can be done there. */
    if (fd < 0 || (fsync(fd) && errno != EINVAL && errno != ENOTSUP))
        status = imx_io_fail("sync the folder", dir);
    if (fd >= 0)
        close(fd);
    free(dir);
    return status;
}

struct imx_atomic {
    int fd;
    bool direct;       /* a device or a pipe: written in place, there is nothing to rename */
    char *path, *temp; /* temp is "" when there is no temporary file (any more) */
};

enum { TEMPS = 16 };

/* Is what we opened and locked still the file of that name, and ours alone? Between open and lock another writer may
 * have given it its final name. */
static bool still_ours(int fd, const char *temp)
{
    struct stat at, now;
    return !fstat(fd, &now) && !lstat(temp, &at) && at.st_ino == now.st_ino && at.st_dev == now.st_dev &&
           S_ISREG(now.st_mode) && now.st_nlink == 1 && now.st_uid == geteuid();
}

/* One of the few names beside f->path, locked for as long as this program lives: what a crashed one left there is found
 * unlocked and written over, so leftovers do not pile up, and two writers never share a file. */
static imx_status open_temp(struct imx_atomic *f, size_t size)
{
    for (int i = 0; i < TEMPS; i++) {
        snprintf(f->temp, size, "%s.tmp-%d", f->path, i);
        bool fresh = true;
        int fd = open(f->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EEXIST) {
            fresh = false;
            fd = open(f->temp, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
            if (fd < 0 && (errno == ELOOP || errno == EACCES || errno == ENOENT || errno == EISDIR || errno == ENXIO))
                continue;
        }
        if (fd < 0)
            return imx_io_fail("create a file beside", f->path);
        /* Where the file system knows no locks, only a file that was not there is ours. */
        const bool locked = !flock(fd, LOCK_EX | LOCK_NB);
        const bool busy = !locked && (!fresh || errno == EWOULDBLOCK);
        const bool ours = !busy && still_ours(fd, f->temp);
        if (ours && !ftruncate(fd, 0)) {
            f->fd = fd;
            return IMX_OK;
        }
        const int e = errno;
        if (ours)
            unlink(f->temp);
        close(fd);
        errno = e;
        if (ours)
            return imx_io_fail("create a file beside", f->path);
    }
    f->temp[0] = 0;
    return imx_fail(IMX_E_IO, "cannot create a file beside %s: %s.tmp-0 to -%d are in use; remove those that are old",
                    f->path, f->path, TEMPS - 1);
}

void imx_file_sweep(const char *path)
{
    struct stat at;
    char temp[4200];
    for (int i = 0; i < TEMPS; i++) {
        const int n = snprintf(temp, sizeof temp, "%s.tmp-%d", path, i);
        if (n >= (int)sizeof temp || lstat(temp, &at) || !S_ISREG(at.st_mode))
            continue;
        const int fd = open(temp, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            continue;
        if (!flock(fd, LOCK_EX | LOCK_NB) && still_ours(fd, temp))
            unlink(temp);
        close(fd);
    }
}

/* The mode that a plain open() would have given, or that of the replaced file. */
static mode_t mode_for(const char *path)
{
    struct stat st;
    if (!stat(path, &st) && S_ISREG(st.st_mode))
        return st.st_mode & 07777;
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/* A link is followed: what it points to is replaced, not the link. NULL: no memory. */
static char *followed(const char *path)
{
    struct stat st;
    char *full = !lstat(path, &st) && S_ISLNK(st.st_mode) ? realpath(path, NULL) : NULL;
    return full ? full : strdup(path);
}

imx_status imx_atomic_create(const char *path, struct imx_atomic **out)
{
    imx_status status = IMX_OK;
    struct imx_atomic *f = calloc(1, sizeof *f);
    struct stat st;
    if (!f)
        return imx_fail(IMX_E_NOMEM, "no memory to write %s", path);
    f->fd = -1;
    f->path = followed(path);
    const size_t size = f->path ? strlen(f->path) + 16 : 0;
    f->temp = f->path ? calloc(1, size) : NULL;
    if (!f->temp) {
        status = imx_fail(IMX_E_NOMEM, "no memory to write %s", path);
        goto fail;
    }
    f->direct = !stat(f->path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
    if (f->direct) {
        f->fd = open(f->path, O_WRONLY | O_CLOEXEC);
        if (f->fd < 0)
            IMX_GO(imx_io_fail("write", path));
        *out = f;
        return IMX_OK;
    }
    IMX_GO(open_temp(f, size));
    if (fchmod(f->fd, mode_for(f->path)))
        IMX_GO(imx_io_fail("set the mode of", f->temp));
    *out = f;
    return IMX_OK;
fail:
    imx_atomic_abandon(f);
    return status;
}

imx_status imx_atomic_write(struct imx_atomic *f, const void *data, size_t bytes)
{
    return write_full(f->fd, data, bytes, f->path);
}

imx_status imx_atomic_patch(struct imx_atomic *f, uint64_t offset, const void *data, size_t bytes)
{
    const char *p = data;
    while (bytes) {
        const ssize_t n = pwrite(f->fd, p, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = EIO;
            return imx_io_fail("write", f->path);
        }
        p += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return IMX_OK;
}

static imx_status commit(struct imx_atomic *f, bool durable)
{
    imx_status status = IMX_OK;
    if (durable && fsync(f->fd) && !(f->direct && (errno == EINVAL || errno == EROFS || errno == ENOTSUP)))
        IMX_GO(imx_io_fail("write", f->path));
    if (f->direct) {
        const int fd = f->fd;
        f->fd = -1;
        if (close(fd))
            status = imx_io_fail("write", f->path);
        goto fail;
    }
    /* Renamed while it is open and thus locked; after fsync, closing has nothing left to report. */
    if (rename(f->temp, f->path))
        IMX_GO(imx_io_fail("replace", f->path));
    f->temp[0] = 0;
    imx_file_sweep(f->path);
    if (durable)
        status = imx_fsync_folder_of(f->path);
fail:
    imx_atomic_abandon(f);
    return status;
}

imx_status imx_atomic_commit(struct imx_atomic *f)
{
    return commit(f, true);
}

imx_status imx_atomic_commit_quick(struct imx_atomic *f)
{
    return commit(f, false);
}

void imx_atomic_abandon(struct imx_atomic *f)
{
    if (!f)
        return;
    if (f->temp && f->temp[0] && f->fd >= 0)
        unlink(f->temp);
    if (f->fd >= 0)
        close(f->fd);
    free(f->temp);
    free(f->path);
    free(f);
}

imx_status imx_file_write(const char *path, const void *data, size_t bytes)
{
    struct imx_atomic *f = NULL;
    IMX_TRY(imx_atomic_create(path, &f));
    const imx_status s = imx_atomic_write(f, data, bytes);
    if (s != IMX_OK) {
        imx_atomic_abandon(f);
        return s;
    }
    return imx_atomic_commit(f);
}

struct imx_lines {
    int fd;
    uint64_t bytes;
    char *path;
};

/* Cuts the file to `bytes` and goes on writing there. */
static imx_status cut(struct imx_lines *f, uint64_t bytes)
{
    if (ftruncate(f->fd, (off_t)bytes) || lseek(f->fd, (off_t)bytes, SEEK_SET) < 0)
        return imx_io_fail("repair", f->path);
    f->bytes = bytes;
    return IMX_OK;
}

imx_status imx_lines_open(const char *path, struct imx_lines **out)
{
    imx_status status = IMX_OK;
    struct imx_lines *f = calloc(1, sizeof *f);
    if (!f)
        return imx_fail(IMX_E_NOMEM, "no memory to open %s", path);
    f->path = strdup(path);
    f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (!f->path || f->fd < 0) {
        status = f->path ? imx_io_fail("open", path) : imx_fail(IMX_E_NOMEM, "no memory to open %s", path);
        goto fail;
    }
    const off_t end = lseek(f->fd, 0, SEEK_END);
    if (end < 0) { /* a pipe or terminal: nothing to repair */
        *out = f;
        return IMX_OK;
    }
    /* Walk back from the end to the last newline. */
    uint64_t keep = (uint64_t)end;
    for (char c = 0; keep; keep--) {
        if (pread(f->fd, &c, 1, (off_t)keep - 1) != 1) {
            status = imx_io_fail("read", path);
            goto fail;
        }
        if (c == '\n')
            break;
    }
    if (keep < (uint64_t)end)
        IMX_GO(cut(f, keep));
    f->bytes = keep;
    *out = f;
    return IMX_OK;
fail:
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
    return status;
}

imx_status imx_lines_keep(struct imx_lines *f, bool (*keep)(void *user, const char *line), void *user)
{
    char *data = NULL;
    size_t bytes = 0, at = 0;
    IMX_TRY(imx_file_read(f->path, UINT64_C(1) << 32, &data, &bytes));
    while (at < bytes) {
        char *end = memchr(data + at, '\n', bytes - at);
        if (!end)
            break;
        *end = 0;
        if (!keep(user, data + at))
            break;
        at = (size_t)(end - data) + 1;
    }
    free(data);
    return cut(f, at);
}

imx_status imx_lines_add(struct imx_lines *f, const char *line)
{
    const size_t n = strlen(line);
    char *text = malloc(n + 1);
    if (!text)
        return imx_fail(IMX_E_NOMEM, "no memory to write %s", f->path);
    memcpy(text, line, n);
    text[n] = '\n';
    const imx_status s = write_full(f->fd, text, n + 1, f->path);
    free(text);
    if (s == IMX_OK)
        f->bytes += n + 1;
    else if (ftruncate(f->fd, (off_t)f->bytes) == 0) /* no half lines, also on a full disk */
        (void)lseek(f->fd, (off_t)f->bytes, SEEK_SET);
    return s;
}

bool imx_lines_empty(const struct imx_lines *f)
{
    return f->bytes == 0;
}

imx_status imx_lines_close(struct imx_lines *f)
{
    if (!f)
        return IMX_OK;
    imx_status s = IMX_OK;
    if (fsync(f->fd) && errno != EINVAL && errno != EROFS)
        s = imx_io_fail("write", f->path);
    if (close(f->fd) && s == IMX_OK)
        s = imx_io_fail("write", f->path);
    free(f->path);
    free(f);
    return s;
}
