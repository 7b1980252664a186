#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static imx_log_fn *receiver;
static void *receiver_user;

void imx_log_to(imx_log_fn *fn, void *user)
{
    pthread_mutex_lock(&lock);
    receiver = fn;
    receiver_user = user;
    pthread_mutex_unlock(&lock);
}

void imx_log(enum imx_log_level level, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&lock);
    if (receiver)
        receiver(receiver_user, level, line);
    pthread_mutex_unlock(&lock);
}
