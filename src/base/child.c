/* See child.h. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
    #include <sys/prctl.h>
#endif

#include "base/clock.h"

static void close_both(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static void become_child(void)
{
    const int null = open("/dev/null", O_RDWR);
    if (null >= 0)
        for (int fd = 0; fd <= 2; fd++)
            dup2(null, fd);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
}

imx_status imx_child_start(struct imx_child *c, void (*body)(int in, int out, void *arg), void *arg)
{
    int down[2], up[2];
    *c = (struct imx_child){ 0, -1, -1 };
    if (pipe2(down, O_CLOEXEC))
        return imx_fail(IMX_E_IO, "no pipe to a child process: %s", strerror(errno));
    if (pipe2(up, O_CLOEXEC)) {
        close_both(down);
        return imx_fail(IMX_E_IO, "no pipe to a child process: %s", strerror(errno));
    }
    const pid_t pid = fork();
    if (pid == 0) {
        become_child();
        close(down[1]);
        close(up[0]);
        body(down[0], up[1], arg);
        _exit(0); /* no driver's exit handlers */
    }
    close(down[0]);
    close(up[1]);
    if (pid < 0) {
        close(down[1]);
        close(up[0]);
        return imx_fail(IMX_E_IO, "no child process could be started: %s", strerror(errno));
    }
    *c = (struct imx_child){ (int)pid, down[1], up[0] };
    return IMX_OK;
}

bool imx_pipe_write(int fd, const void *data, size_t size)
{
    for (const char *at = data; size;) {
        const ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

bool imx_pipe_read(int fd, void *data, size_t size, double deadline)
{
    for (char *at = data; size;) {
        const double left = deadline > 0 ? deadline - imx_now() : 1.0;
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        if (left <= 0.0)
            return false;
        if (poll(&wait, 1, (int)(left < 1e6 ? left * 1e3 : 1e9) + 1) < 0 && errno != EINTR)
            return false;
        if (!(wait.revents & (POLLIN | POLLHUP)))
            continue;
        const ssize_t n = read(fd, at, size);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return true;
}

void imx_child_end(struct imx_child *c, enum imx_child_how how, char *why, size_t size)
{
    int state = 0;
    if (!c->pid)
        return;
    close(c->to);
    close(c->from);
    if (how != IMX_CHILD_GONE) /* one that is done need not shut its driver down */
        kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &state, 0) < 0 && errno == EINTR)
        continue;
    c->pid = 0;
    if (!why || !size)
        return;
    if (how == IMX_CHILD_DONE)
        why[0] = 0;
    else if (how == IMX_CHILD_LATE)
        snprintf(why, size, "hung");
    else if (WIFSIGNALED(state))
        snprintf(why, size, "crashed (signal %d, %s)", WTERMSIG(state), strsignal(WTERMSIG(state)));
    else
        snprintf(why, size, "ended the process (exit code %d)", WEXITSTATUS(state));
}
