/* Work sharing by one atomic counter: no queue, no lock, nothing to tear down. */
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MAX_THREADS = 64 };

struct loop {
    atomic_llong next;
    int64_t n;
    void (*item)(void *, int64_t);
    void *user;
};

static void *work(void *arg)
{
    struct loop *l = arg;
    for (;;) {
        const int64_t i = atomic_fetch_add(&l->next, 1);
        if (i >= l->n)
            return NULL;
        l->item(l->user, i);
    }
}

void imx_parallel(int32_t threads, int64_t n, void (*item)(void *user, int64_t i), void *user)
{
    struct loop l = { .n = n, .item = item, .user = user };
    pthread_t id[MAX_THREADS];
    int started = 0;
    int64_t wanted = threads > 0 ? threads : sysconf(_SC_NPROCESSORS_ONLN);
    wanted = wanted < 1 ? 1 : wanted > MAX_THREADS ? MAX_THREADS : wanted;
    wanted = wanted > n ? n : wanted;
    atomic_init(&l.next, 0);
    while (started + 1 < wanted && pthread_create(&id[started], NULL, work, &l) == 0)
        started++;
    work(&l);
    while (started > 0)
        pthread_join(id[--started], NULL);
}
