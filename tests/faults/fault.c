/* The k-th call fails: linked with --wrap=NAME for each name below into infomax-faulty, so that exactly the calls from
 * our own code come here, and those of the libraries do not. The environment says what happens: FAULT=mem|io|full|crash
 * a request for memory fails, a file or folder call; full: from there on there is no space (ENOSPC where a call needs
 * some); crash: the process dies there, a write half done FAULT_AT=K           at the K-th call of that class, counted
 * from 1 over all threads FAULT_EVER=1         and at every one behind it FAULT_ERRNO=N        what an I/O call fails
 * with (default EIO) FAULT_PATH=TEXT      only calls about files whose path holds TEXT count as I/O FAULT_COUNT=FILE at
 * the end the two numbers of calls are written there Calls that only look (stat) and those about standard input and
 * output are left alone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

enum { MEM = 1, IO, FULL, CRASH, FDS = 1024 };

static atomic_long calls[3]; /* by class: - MEM IO */
static atomic_bool watched[FDS];
static int what, error_number = EIO;
static long at;
static bool ever;
static const char *filter, *count_file;

static long number(const char *name, long fallback)
{
    const char *s = getenv(name);
    return s && *s ? strtol(s, NULL, 10) : fallback;
}

__attribute__((constructor)) static void begin(void)
{
    const char *s = getenv("FAULT");
    what = !s                    ? 0
           : !strcmp(s, "mem")   ? MEM
           : !strcmp(s, "io")    ? IO
           : !strcmp(s, "full")  ? FULL
           : !strcmp(s, "crash") ? CRASH
                                 : 0;
    at = number("FAULT_AT", 0);
    ever = number("FAULT_EVER", 0);
    ever = ever || what == FULL;
    error_number = what == FULL ? ENOSPC : (int)number("FAULT_ERRNO", EIO);
    filter = getenv("FAULT_PATH");
    count_file = getenv("FAULT_COUNT");
    atomic_store(&calls[MEM], 0);
    atomic_store(&calls[IO], 0);
}

__attribute__((destructor)) static void end(void)
{
    const int fd = count_file ? openat(AT_FDCWD, count_file, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
    if (fd >= 0)
        dprintf(fd, "%ld %ld\n", atomic_load(&calls[MEM]), atomic_load(&calls[IO]));
}

/* True when this call is the one. */
static bool hit(int class)
{
    const long k = atomic_fetch_add(&calls[class], 1) + 1;
    return at && (class == IO ? what >= IO : what == class) && (k == at || (ever && k > at));
}

static bool no_memory(void)
{
    if (!hit(MEM))
        return false;
    errno = ENOMEM;
    return true;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* grows: the call needs space. */
static bool io_fails(bool about, bool grows)
{
    if (!about || !hit(IO) || (what == FULL && !grows))
        return false;
    if (what == CRASH)
        die();
    errno = error_number;
    return true;
}

static bool path_fails(const char *path, bool grows)
{
    return io_fails(!filter || strstr(path, filter), grows);
}

static bool about(int fd)
{
    return fd > 2 && (!filter || (fd < FDS && atomic_load(&watched[fd])));
}

static bool fd_fails(int fd, bool grows)
{
    return io_fails(about(fd), grows);
}

static int watch(int fd, const char *path)
{
    if (fd >= 0 && fd < FDS)
        atomic_store(&watched[fd], filter && strstr(path, filter));
    return fd;
}

/* ---- memory ---- */

#define MEMORY(type, name, bad, params, args)                                                                          \
    type __real_##name params;                                                                                         \
    type __wrap_##name params;                                                                                         \
    type __wrap_##name params                                                                                          \
    {                                                                                                                  \
        return no_memory() ? bad : __real_##name args;                                                                 \
    }

MEMORY(void *, malloc, NULL, (size_t n), (n))
MEMORY(void *, calloc, NULL, (size_t n, size_t size), (n, size))
MEMORY(void *, realloc, NULL, (void *p, size_t n), (p, n))
MEMORY(char *, strdup, NULL, (const char *s), (s))
MEMORY(char *, strndup, NULL, (const char *s, size_t n), (s, n))
MEMORY(char *, realpath, NULL, (const char *path, char *to), (path, to))
MEMORY(int, posix_memalign, ENOMEM, (void **p, size_t align, size_t n), (p, align, n))
MEMORY(int, pthread_create, EAGAIN, (pthread_t * t, const pthread_attr_t *a, void *(*f)(void *), void *arg),
       (t, a, f, arg))

int __wrap_asprintf(char **to, const char *format, ...);
int __wrap_asprintf(char **to, const char *format, ...)
{
    if (no_memory())
        return -1;
    va_list ap;
    va_start(ap, format);
    const int n = vasprintf(to, format, ap);
    va_end(ap);
    return n;
}

/* ---- files ---- */

#define FILES(type, name, bad, fails, params, args)                                                                    \
    type __real_##name params;                                                                                         \
    type __wrap_##name params;                                                                                         \
    type __wrap_##name params                                                                                          \
    {                                                                                                                  \
        return fails ? bad : __real_##name args;                                                                       \
    }

FILES(int, rename, -1, path_fails(from, false), (const char *from, const char *to), (from, to))
FILES(int, unlink, -1, path_fails(path, false), (const char *path), (path))
FILES(int, remove, -1, path_fails(path, false), (const char *path), (path))
FILES(int, mkdir, -1, path_fails(path, true), (const char *path, mode_t mode), (path, mode))
FILES(DIR *, opendir, NULL, path_fails(path, false), (const char *path), (path))
FILES(gzFile, gzopen64, NULL, path_fails(path, false), (const char *path, const char *mode), (path, mode))
FILES(int, scandir64, -1, path_fails(path, false),
      (const char *path, struct dirent64 ***list, int (*keep)(const struct dirent64 *),
       int (*order)(const struct dirent64 **, const struct dirent64 **)),
      (path, list, keep, order))
FILES(ssize_t, read, -1, fd_fails(fd, false), (int fd, void *to, size_t n), (fd, to, n))
FILES(ssize_t, pread64, -1, fd_fails(fd, false), (int fd, void *to, size_t n, off64_t from), (fd, to, n, from))
FILES(int, fsync, -1, fd_fails(fd, true), (int fd), (fd))
FILES(int, fchmod, -1, fd_fails(fd, false), (int fd, mode_t mode), (fd, mode))
FILES(int, ftruncate64, -1, fd_fails(fd, false), (int fd, off64_t n), (fd, n))
FILES(off64_t, lseek64, -1, fd_fails(fd, false), (int fd, off64_t to, int from), (fd, to, from))
FILES(struct dirent64 *, readdir64, NULL, io_fails(!filter, false), (DIR * dir), (dir))
FILES(int, gzread, -1, io_fails(!filter, false), (gzFile f, voidp to, unsigned n), (f, to, n))
FILES(int, fseeko64, -1, fd_fails(fileno(f), false), (FILE * f, off64_t to, int from), (f, to, from))
FILES(size_t, fwrite, 0, fd_fails(fileno(f), true), (const void *p, size_t size, size_t n, FILE *f), (p, size, n, f))
FILES(int, fflush, EOF, fd_fails(fileno(f), true), (FILE * f), (f))

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return path_fails(path, flags & O_CREAT) ? -1 : watch(__real_open64(path, flags, mode), path);
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode)
{
    FILE *f = path_fails(path, *mode != 'r') ? NULL : __real_fopen64(path, mode);
    if (f)
        watch(fileno(f), path);
    return f;
}

/* The stream's error is what callers ask for. */
size_t __real_fread(void *to, size_t size, size_t n, FILE *f);
size_t __wrap_fread(void *to, size_t size, size_t n, FILE *f);
static _Thread_local FILE *broken;
size_t __wrap_fread(void *to, size_t size, size_t n, FILE *f)
{
    if (!fd_fails(fileno(f), false))
        return __real_fread(to, size, n, f);
    broken = f;
    return 0;
}

int __real_ferror(FILE *f);
int __wrap_ferror(FILE *f);
int __wrap_ferror(FILE *f)
{
    return f == broken || __real_ferror(f);
}

/* A call that closes does so also when it fails. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    const bool fails = fd_fails(fd, false);
    const int code = __real_close(fd);
    if (fails)
        errno = error_number;
    return fails ? -1 : code;
}

int __real_fclose(FILE *f);
int __wrap_fclose(FILE *f);
int __wrap_fclose(FILE *f)
{
    const bool fails = fd_fails(fileno(f), false);
    const int code = __real_fclose(f);
    if (fails)
        errno = error_number;
    broken = NULL;
    return fails ? EOF : code;
}

/* A disk that is full, and a process that dies, may have taken a part. */
static size_t part_of(int fd, size_t n, bool *fails)
{
    *fails = about(fd) && hit(IO);
    return *fails ? n / 2 : n;
}

static ssize_t after(bool fails, ssize_t done)
{
    if (!fails)
        return done;
    if (what == CRASH)
        die();
    errno = error_number;
    return -1;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    bool fails;
    const size_t part = part_of(fd, n, &fails);
    return after(fails, fails && !part ? 0 : __real_write(fd, p, part));
}

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off64_t to);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off64_t to);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off64_t to)
{
    bool fails;
    const size_t part = part_of(fd, n, &fails);
    return after(fails, fails && !part ? 0 : __real_pwrite64(fd, p, part, to));
}
