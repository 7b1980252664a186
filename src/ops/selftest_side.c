/* See selftest_side.h. Parent and children look at one board in shared memory, from which each takes one order after
 * the other, so that nobody waits for a busy parent; the pipes only say "begin" and "nothing is left". An order
 * prefers whoever has its program built already, then one that nobody works on: two processes that build the same
 * program at the same time would do it twice. What takes longest goes first. */
#include "ops/selftest_side.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "ops/tuned.h"

enum { MOST_CHILDREN = 3, MOST_ORDERS = 256, MOST_CHOICES = 4096, PARENT = MOST_CHILDREN, CAPS = 1024 };
enum { FREE, RIGHT, LEFT, TAKEN }; /* TAKEN + who: in hand; LEFT: for the parent */

/* The fork shares the addresses of constants. */
struct order {
    struct imx_trial trial;
    int group; /* index of the first order with the same program */
    int cost;  /* of its group */
    atomic_int state;
    _Atomic double since; /* when it was taken */
};

/* Pages that nothing is written to cost nothing. */
struct board {
    char caps[CAPS];
    bool half;
    int n_choices, n;
    struct order order[MOST_ORDERS];
    struct imx_choice choice[MOST_CHOICES];
};

struct imx_testers {
    struct imx_dev_info device;
    struct imx_testers_options options;
    struct board *board;
    struct imx_child child[MOST_CHILDREN];
    bool busy[MOST_CHILDREN]; /* was told to begin and has not said yet that nothing is left */
    int n, self;              /* in a child: which one it is */
};

/* ---- who does what ---- */

/* "conv2d_fwd" and "conv2d_bwd_wei" come from one program (the stem rule). */
static bool same_stem(const struct imx_op *a, const struct imx_op *b)
{
    const size_t n = strcspn(a->name, "_");
    return n == strcspn(b->name, "_") && !strncmp(a->name, b->name, n);
}

/* Roughly how long a variant takes to build: kernels with tiles to tune are large. */
static int cost(const struct imx_trial *t)
{
    return t->variant->tunables ? 4 : 1;
}

static int by_cost(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    return x->cost != y->cost ? y->cost - x->cost : x->group - y->group;
}

static void put_up(struct board *b, const struct imx_trial *trial, int n)
{
    b->n = n;
    for (int i = 0; i < n; i++) {
        struct order *o = &b->order[i];
        o->trial = trial[i];
        for (o->group = 0; !same_stem(trial[o->group].op, trial[i].op); o->group++)
            continue;
        o->cost = 0;
        for (int k = 0; k < n; k++)
            o->cost += same_stem(trial[k].op, trial[i].op) ? cost(&trial[k]) : 0;
        atomic_store(&o->state, FREE);
    }
    qsort(b->order, (size_t)n, sizeof *b->order, by_cost);
}

/* Takes the order that `who` does best next; -1: none is free. group: of the last one, -1 at first. */
static int take(struct board *b, int who, int *group)
{
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < b->n; i++) {
            struct order *o = &b->order[i];
            bool untouched = true;
            for (int k = 0; k < b->n; k++)
                untouched &= b->order[k].group != o->group || atomic_load(&b->order[k].state) == FREE;
            if (round == 0 ? o->group != *group : round == 1 && !untouched)
                continue;
            int expected = FREE;
            if (atomic_load(&o->state) == FREE)
                atomic_store(&o->since, imx_now());
            if (!atomic_compare_exchange_strong(&o->state, &expected, TAKEN + who))
                continue;
            *group = o->group;
            return i;
        }
    return -1;
}

/* ---- the children ---- */

/* Is this the device that the parent has, and does it choose as the parent's? */
static bool like_parents(struct imx_dev *dev, const struct board *b)
{
    char caps[CAPS];
    imx_selftest_caps(&dev->caps, caps, sizeof caps);
    if (strcmp(caps, b->caps))
        return false;
    imx_dev_allow_half(dev, b->half);
    if (b->n_choices && imx_tuned_create(&dev->caps, &dev->caps.tuned) != IMX_OK)
        return false;
    for (int i = 0; i < b->n_choices; i++)
        if (imx_tuned_put(&dev->caps.tuned, &b->choice[i]) != IMX_OK)
            return false;
    return true;
}

static void body(int in, int out, void *arg)
{
    const struct imx_testers *t = arg;
    struct imx_dev *dev = NULL;
    char word;
    while (imx_pipe_read(in, &word, sizeof word, 0)) {
        if (!dev && (imx_dev_open_chosen(&t->device, &dev) != IMX_OK || !like_parents(dev, t->board)))
            return;
        for (int i, group = -1; (i = take(t->board, t->self, &group)) >= 0;) {
            struct order *o = &t->board->order[i];
            bool right = false;
            if (t->options.test(dev, &o->trial, &right) != IMX_OK)
                return; /* what is in hand goes back to the parent */
            atomic_store(&o->state, right ? RIGHT : LEFT);
        }
        if (!imx_pipe_write(out, &word, sizeof word))
            return;
    }
}

static int cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? (int)sysconf(_SC_NPROCESSORS_ONLN) : CPU_COUNT(&set);
}

static bool of_use(const struct imx_dev_info *chosen, int wanted)
{
    char folder[4096];
    return wanted > 0 && chosen->caps.type != IMX_DEV_HOST && imx_cache_folder(folder, sizeof folder);
}

struct imx_testers *imx_testers_start(const struct imx_dev_info *chosen, const struct imx_testers_options *options)
{
    const struct imx_testers_options none = { 0 }, *o = options ? options : &none;
    const int spare = cores() - 1, wanted = o->children ? o->children : spare;
    struct imx_testers *t = of_use(chosen, wanted) ? calloc(1, sizeof *t) : NULL;
    if (!t)
        return NULL;
    t->device = *chosen;
    t->options = *o;
    t->options.limit_s = o->limit_s > 0 ? o->limit_s : 60;
    t->options.test = o->test ? o->test : imx_selftest_short;
    t->board = mmap(NULL, sizeof *t->board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t->board == MAP_FAILED) {
        free(t);
        return NULL;
    }
    for (; t->n < wanted && t->n < MOST_CHILDREN; t->n++) {
        t->self = t->n;
        if (imx_child_start(&t->child[t->n], body, t) != IMX_OK) {
            imx_log(IMX_LOG_DEBUG, "nobody tests beside this process: %s", imx_error_text());
            imx_error_clear();
            break;
        }
    }
    return t;
}

void imx_testers_end(struct imx_testers *t)
{
    if (!t)
        return;
    for (int k = 0; k < t->n; k++)
        imx_child_end(&t->child[k], IMX_CHILD_DONE, NULL, 0);
    munmap(t->board, sizeof *t->board);
    free(t);
}

void imx_testers_dismiss(struct imx_dev *dev)
{
    imx_testers_end(dev->testers);
    dev->testers = NULL;
}

void imx_testers_join(struct imx_dev *dev, struct imx_testers *t)
{
    dev->testers = t;
    dev->dismiss = imx_testers_dismiss;
}

imx_status imx_testers_open(const struct imx_dev_info *chosen, struct imx_testers *t, struct imx_dev **out)
{
    const imx_status s = imx_dev_open_chosen(chosen, out);
    if (s == IMX_OK)
        imx_testers_join(*out, t);
    else
        imx_testers_end(t);
    return s;
}

/* ---- the parent ---- */

static void lose(struct imx_testers *t, int k, enum imx_child_how how)
{
    char why[100];
    imx_child_end(&t->child[k], how, why, sizeof why);
    imx_log(IMX_LOG_DEBUG, "a process that tested kernels %s; this one goes on alone with what it had", why);
}

/* Waits until child k has nothing in hand any more. */
static void wait_for(struct imx_testers *t, int k, double since)
{
    char word;
    const double deadline = since + t->options.limit_s;
    if (!t->busy[k])
        return;
    t->busy[k] = false;
    if (!imx_pipe_read(t->child[k].from, &word, sizeof word, deadline))
        lose(t, k, imx_now() >= deadline ? IMX_CHILD_LATE : IMX_CHILD_GONE);
}

static void tell_caps(struct board *b, const struct imx_caps *caps)
{
    imx_selftest_caps(caps, b->caps, sizeof b->caps);
    b->half = caps->half;
    b->n_choices = caps->tuned ? caps->tuned->n : 0;
    if (b->n_choices)
        memcpy(b->choice, caps->tuned->choice, (size_t)b->n_choices * sizeof *b->choice);
}

/* Whoever is late with an order of an earlier round is let go: the board is written anew. */
static void begin(struct imx_testers *t, const struct imx_caps *caps, const struct imx_trial *trial, int n)
{
    for (int k = 0; k < t->n; k++)
        wait_for(t, k, imx_now());
    tell_caps(t->board, caps);
    put_up(t->board, trial, n);
    for (int k = 0; k < t->n; k++)
        if (t->child[k].pid) {
            t->busy[k] = imx_pipe_write(t->child[k].to, "b", 1);
            if (!t->busy[k])
                lose(t, k, IMX_CHILD_GONE);
        }
}

static imx_status share(struct imx_testers *t, struct imx_dev *dev, struct imx_trial *trial, int n)
{
    struct board *b = t->board;
    begin(t, &dev->caps, trial, n);
    for (int i, group = -1; (i = take(b, PARENT, &group)) >= 0;) {
        bool right = false;
        IMX_TRY(t->options.test(dev, &b->order[i].trial, &right));
        b->order[i].trial.wrong = !right;
        atomic_store(&b->order[i].state, RIGHT);
    }
    for (int i = 0; i < n; i++) {
        struct order *o = &b->order[i];
        const int who = atomic_load(&o->state) - TAKEN;
        bool right = true;
        if (who >= 0)
            wait_for(t, who, atomic_load(&o->since));
        if (atomic_load(&o->state) != RIGHT) {
            IMX_TRY(t->options.test(dev, &o->trial, &right));
            o->trial.wrong = !right;
        }
    }
    for (int i = 0; i < n; i++)
        trial[i] = b->order[i].trial;
    return IMX_OK;
}

imx_status imx_testers_run(struct imx_dev *dev, struct imx_trial *trial, int n)
{
    struct imx_testers *t = dev->testers;
    if (t && t->n && n > 1 && n <= MOST_ORDERS && (!dev->caps.tuned || dev->caps.tuned->n <= MOST_CHOICES))
        return share(t, dev, trial, n);
    for (int i = 0; i < n; i++) {
        bool right = true;
        IMX_TRY((t ? t->options.test : imx_selftest_short)(dev, &trial[i], &right));
        trial[i].wrong = !right;
    }
    return IMX_OK;
}
