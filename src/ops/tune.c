/* The tuner's parent side: what to try next, who wins; see tune.h. It never opens the device itself. */
#include "ops/tune.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ops/tune_worker.h"

enum { MOST_TRIED = 200, MOST_OLDER = 8, DUELS = 3, OPEN_LIMIT_S = 120 };

/* A candidate and how long it took when timed alone. */
struct candidate {
    struct imx_choice choice;
    double ms;
};

struct search {
    const struct imx_tune_options *o;
    struct imx_tune_summary *sum;
    struct imx_child child;
    struct imx_worker_arg arg;
    char id[16], why[480];
    double deadline; /* of imx_now(); 0: none */
    /* the problem at hand */
    const struct imx_tune_problem *problem;
    struct candidate *tried; /* [MOST_TRIED] */
    int n_tried, failed;
    /* tables of this device with other keys: another driver or version. Their choices are candidates, not trusted */
    struct imx_tuned *older[MOST_OLDER];
    int n_older;
};

static imx_status no_memory(void)
{
    return imx_fail(IMX_E_NOMEM, "no memory to tune");
}

struct adding {
    struct imx_tune_list *list;
    imx_status status;
};

static void add_inner(void *user, const struct imx_op *op, const void *problem)
{
    struct adding *a = user;
    if (a->status == IMX_OK)
        a->status = imx_tune_add(a->list, op, problem);
}

imx_status imx_tune_add(struct imx_tune_list *list, const struct imx_op *op, const void *problem)
{
    struct imx_tune_problem new = { .op = op, .times = 1 };
    struct adding adding = { list, IMX_OK };
    if (op->problem_size > sizeof new.problem)
        return imx_fail(IMX_E_INTERNAL, "%s: a problem of %zu bytes", op->name, op->problem_size);
    memcpy(new.problem, problem, op->problem_size);
    if (op->inner)
        op->inner(problem, add_inner, &adding);
    IMX_TRY(adding.status);
    for (int i = 0; i < list->n; i++)
        if (list->at[i].op == op && !memcmp(list->at[i].problem, new.problem, sizeof new.problem)) {
            list->at[i].times++;
            return IMX_OK;
        }
    struct imx_tune_problem *more = realloc(list->at, (size_t)(list->n + 1) * sizeof *more);
    if (!more)
        return no_memory();
    list->at = more;
    list->at[list->n++] = new;
    return IMX_OK;
}

/* ---- talking with the child ---- */

static bool stopped(const struct search *s)
{
    return s->o->stop && *s->o->stop;
}

static bool time_over(const struct search *s)
{
    return s->deadline > 0 && imx_now() >= s->deadline;
}

/* The end of the search, not of a candidate. */
static imx_status ended(const struct search *s)
{
    return stopped(s) ? imx_fail(IMX_E_STOPPED, "stopped by a signal; what was found until then is kept")
                      : imx_fail(IMX_E_STOPPED, "the time is over");
}

/* Waits until the child says something: 1; 0 when the limit passed, -1 when the search is to end. */
static int wait_for(struct search *s, double limit)
{
    const double until = imx_now() + limit;
    for (;;) {
        struct pollfd fd = { .fd = s->child.from, .events = POLLIN };
        if (stopped(s) || time_over(s))
            return -1;
        if (poll(&fd, 1, 50) > 0)
            return 1;
        if (imx_now() >= until)
            return 0;
    }
}

static imx_status start(struct search *s, struct imx_hello *hello)
{
    char how[100];
    s->arg.table = s->sum->table;
    IMX_TRY(imx_child_start(&s->child, imx_tune_worker, &s->arg));
    const int got = wait_for(s, OPEN_LIMIT_S);
    if (got < 0) {
        imx_child_end(&s->child, IMX_CHILD_DONE, NULL, 0);
        return ended(s);
    }
    if (got && imx_pipe_read(s->child.from, hello, sizeof *hello, imx_now() + 5)) {
        if (hello->status == IMX_OK)
            return IMX_OK;
        imx_child_end(&s->child, IMX_CHILD_DONE, NULL, 0);
        return imx_fail(hello->status, "%s", hello->text);
    }
    imx_child_end(&s->child, got ? IMX_CHILD_GONE : IMX_CHILD_LATE, how, sizeof how);
    return imx_fail(IMX_E_LOST, "opening the device: the driver %s", how);
}

/* Sends a request and waits for the reply. What goes wrong with the candidate is in reply->status and ->text; a child
 * that crashed or hung is replaced at the next request. */
static imx_status ask(struct search *s, const struct imx_request *q, struct imx_reply *r)
{
    const double build = s->o->build_limit > 0 ? s->o->build_limit : 60;
    const double run = s->o->run_limit > 0 ? s->o->run_limit : 60;
    struct imx_hello hello;
    char how[100];
    if (stopped(s) || time_over(s))
        return ended(s);
    if (!s->child.pid)
        IMX_TRY(start(s, &hello));
    *r = (struct imx_reply){ 0 };
    bool alive = imx_pipe_write(s->child.to, q, sizeof *q);
    if (q->ask == IMX_ASK_KEEP)
        return IMX_OK;
    int got = 1;
    for (int phase = 0; alive && phase < 2; phase++) {
        got = wait_for(s, phase ? run : build);
        if (got < 0) {
            imx_child_end(&s->child, IMX_CHILD_LATE, NULL, 0);
            return ended(s);
        }
        alive = got && imx_pipe_read(s->child.from, r, sizeof *r, imx_now() + 5);
        if (alive && !r->started)
            return IMX_OK;
    }
    imx_child_end(&s->child, got ? IMX_CHILD_GONE : IMX_CHILD_LATE, how, sizeof how);
    r->status = IMX_E_LOST;
    if (got)
        snprintf(r->text, sizeof r->text, "%s", how);
    else
        snprintf(r->text, sizeof r->text, "hung: nothing after %.0f s of %s", r->started ? run : build,
                 r->started ? "running" : "building and running once");
    return IMX_OK;
}

/* ---- one problem ---- */

static void report_failure(struct search *s, const struct imx_choice *c, const char *what)
{
    char problem[192], options[128];
    imx_problem_print(c->op, c->problem, problem, sizeof problem);
    imx_tuned_options(c->variant, c->value, options, sizeof options);
    imx_log(IMX_LOG_WARN, "%s/%s %s %s is out: %s", c->op->name, c->variant->name, problem, options, what);
    s->failed++;
}

/* Times a candidate and adds it to those tried; *ms = infinity when it failed or was tried before. */
static imx_status try_candidate(struct search *s, const struct imx_choice *c, double *ms)
{
    const struct imx_request q = { .ask = IMX_ASK_TIME, .a = *c, .enough = 2.5 * s->problem->ms };
    struct imx_reply r;
    *ms = INFINITY;
    if (s->n_tried == MOST_TRIED)
        return IMX_OK;
    for (int i = 0; i < s->n_tried; i++)
        if (s->tried[i].choice.variant == c->variant && !memcmp(s->tried[i].choice.value, c->value, sizeof c->value)) {
            *ms = s->tried[i].ms;
            return IMX_OK;
        }
    IMX_TRY(ask(s, &q, &r));
    if (r.status != IMX_OK)
        report_failure(s, c, r.text);
    else
        *ms = r.ms[0];
    s->tried[s->n_tried++] = (struct candidate){ *c, *ms };
    return IMX_OK;
}

/* Changes one number of a variant at a time, keeping what helps, twice round. */
static imx_status search_numbers(struct search *s, const struct imx_choice *from, double ms)
{
    const struct imx_tunables *t = from->variant->tunables;
    struct imx_choice now = *from;
    t->own(&s->sum->caps, from->problem, now.value);
    for (int round = 0; round < 2; round++) {
        bool better = false;
        for (int i = 0; i < t->n; i++) {
            int32_t best = now.value[i];
            for (const int32_t *x = t->at[i].tries; *x; x++) {
                struct imx_choice c = now;
                double took;
                c.value[i] = *x;
                if (*x == now.value[i] || !t->ok(&s->sum->caps, c.problem, c.value))
                    continue;
                IMX_TRY(try_candidate(s, &c, &took));
                if (took < 0.99 * ms) {
                    ms = took;
                    best = *x;
                    better = true;
                }
            }
            now.value[i] = best;
        }
        if (!better)
            break;
    }
    return IMX_OK;
}

static int by_ms(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

/* Up to DUELS of the candidates from *at on against the device's own choice: those that win, best first. */
static imx_status hold_duels(struct search *s, const struct imx_choice *own, int *at, struct candidate won[DUELS],
                             int *n)
{
    const double margin = s->o->margin > 0 ? s->o->margin : 0.03;
    int held = 0;
    *n = 0;
    for (; *at < s->n_tried && held < DUELS; (*at)++) {
        struct imx_request q = { .ask = IMX_ASK_DUEL, .a = *own, .b = s->tried[*at].choice };
        struct imx_reply r;
        if (!isfinite(s->tried[*at].ms) || (q.b.variant == own->variant && !q.b.value[0])) {
            *at = s->n_tried; /* no slower one will win */
            break;
        }
        held++;
        IMX_TRY(ask(s, &q, &r));
        if (r.status != IMX_OK) {
            report_failure(s, &q.b, r.text);
        } else if (r.ratio <= 1 - margin) {
            q.b.ms = r.ms[1];
            q.b.without = r.ms[0];
            won[(*n)++] = (struct candidate){ q.b, r.ratio };
        }
    }
    qsort(won, (size_t)*n, sizeof *won, by_ms);
    return IMX_OK;
}

/* The best candidate that is verified goes into *choice, if any is. A wrong one may be very fast: while all winners
 * turn out wrong, the next ones get their turn. */
static imx_status choose(struct search *s, const struct imx_choice *own, struct imx_choice *choice)
{
    struct candidate won[DUELS];
    int n = 0;
    qsort(s->tried, (size_t)s->n_tried, sizeof *s->tried, by_ms);
    for (int at = 0; at < s->n_tried;) {
        IMX_TRY(hold_duels(s, own, &at, won, &n));
        for (int i = 0; i < n; i++) {
            const struct imx_request q = { .ask = IMX_ASK_VERIFY, .a = *own, .b = won[i].choice };
            struct imx_reply r;
            IMX_TRY(ask(s, &q, &r));
            if (r.status == IMX_OK && !r.wrong) {
                *choice = won[i].choice;
                return IMX_OK;
            }
            report_failure(s, &q.b, r.text);
        }
        if (!n)
            break;
    }
    return IMX_OK;
}

/* What the device uses by itself; NULL: nothing runs this problem. */
static const struct imx_variant *own_variant(const struct search *s, const struct imx_tune_problem *p)
{
    const struct imx_dev plain = { .caps = s->sum->caps };
    return imx_op_pick(&plain, p->op, p->problem, NULL);
}

static bool has_rivals(const struct search *s, const struct imx_tune_problem *p)
{
    const struct imx_variant *own = own_variant(s, p);
    for (const struct imx_variant *const *v = p->op->variants; own && v && *v; v++)
        if ((*v)->supports(&s->sum->caps, p->problem) && (*v != own || (*v)->tunables))
            return true;
    return false;
}

/* Times the device's own choice; p->ms stays 0 when that failed. */
static imx_status time_own(struct search *s, struct imx_tune_problem *p)
{
    struct imx_request q = { .ask = IMX_ASK_TIME, .a = { .op = p->op, .variant = own_variant(s, p) } };
    struct imx_reply r;
    memcpy(q.a.problem, p->problem, sizeof p->problem);
    IMX_TRY(ask(s, &q, &r));
    if (r.status != IMX_OK)
        report_failure(s, &q.a, r.text);
    else
        p->ms = r.ms[0];
    return IMX_OK;
}

/* What another driver or version found best for this problem. */
static imx_status try_older(struct search *s, const struct imx_tune_problem *p)
{
    for (int i = 0; i < s->n_older; i++) {
        const struct imx_choice *old = imx_tuned_find(s->older[i], p->op, p->problem);
        double ms;
        if (!old || !old->variant->supports(&s->sum->caps, p->problem) ||
            (old->value[0] && !old->variant->tunables->ok(&s->sum->caps, p->problem, old->value)))
            continue;
        IMX_TRY(try_candidate(s, old, &ms));
        imx_log(IMX_LOG_DEBUG, "%s/%s, best with driver %s, takes %.3f ms here, the default %.3f ms", p->op->name,
                old->variant->name, s->older[i]->driver, ms, p->ms);
    }
    return IMX_OK;
}

static imx_status tune_one(struct search *s, const struct imx_tune_problem *p, struct imx_choice *choice)
{
    const struct imx_variant *own = own_variant(s, p);
    struct imx_choice c = { .op = p->op, .variant = own, .ms = p->ms, .without = p->ms };
    double ms;
    memcpy(c.problem, p->problem, sizeof p->problem);
    s->problem = p;
    s->n_tried = 0;
    s->tried[s->n_tried++] = (struct candidate){ c, p->ms };
    const struct imx_choice plain = c;
    for (const struct imx_variant *const *v = p->op->variants; *v; v++) {
        c.variant = *v;
        if (*v != own && (*v)->supports(&s->sum->caps, p->problem))
            IMX_TRY(try_candidate(s, &c, &ms));
    }
    IMX_TRY(try_older(s, p));
    const int alone = s->n_tried;
    for (int i = 0; i < alone; i++) {
        const struct candidate from = s->tried[i];
        if (from.choice.variant->tunables && !from.choice.value[0] && from.ms < 2 * p->ms)
            IMX_TRY(search_numbers(s, &from.choice, from.ms));
    }
    *choice = plain;
    return choose(s, &plain, choice);
}

/* ---- all problems ---- */

static imx_status collect(struct search *s, struct imx_tune_list *list)
{
    const struct imx_request q = { .ask = IMX_ASK_COLLECT };
    struct imx_reply r;
    IMX_TRY(ask(s, &q, &r));
    if (r.status != IMX_OK)
        return imx_fail(r.status, "%s", r.text);
    list->at = calloc((size_t)r.count + 1, sizeof *list->at);
    if (!list->at)
        return no_memory();
    list->n = r.count;
    return imx_pipe_read(s->child.from, list->at, (size_t)r.count * sizeof *list->at, imx_now() + 10)
               ? IMX_OK
               : imx_fail(IMX_E_LOST, "the list of problems did not arrive");
}

/* Costly ones first, those that run others inside after these. */
static int by_cost(const void *a, const void *b)
{
    const struct imx_tune_problem *x = a, *y = b;
    const double cx = x->ms * x->times, cy = y->ms * y->times;
    if (!x->op->inner != !y->op->inner)
        return x->op->inner ? 1 : -1;
    return (cx < cy) - (cx > cy);
}

/* Drops the problems that have one way to be done or a choice already, and times the rest. */
static imx_status choose_problems(struct search *s, struct imx_tune_list *list)
{
    int n = 0;
    s->sum->problems = list->n;
    for (int i = 0; i < list->n; i++) {
        const struct imx_tune_problem p = list->at[i];
        if (!has_rivals(s, &p))
            s->sum->single++;
        else if (!s->o->again && imx_tuned_find(s->sum->table, p.op, p.problem))
            s->sum->known++;
        else
            list->at[n++] = p;
    }
    list->n = n;
    s->sum->left = n;
    for (int i = 0; i < n; i++)
        IMX_TRY(time_own(s, &list->at[i]));
    if (n) /* without problems there is no array */
        qsort(list->at, (size_t)n, sizeof *list->at, by_cost);
    return IMX_OK;
}

static imx_status keep(struct search *s, const struct imx_choice *c)
{
    const struct imx_request q = { .ask = IMX_ASK_KEEP, .a = *c };
    struct imx_reply r;
    IMX_TRY(imx_tuned_put(&s->sum->table, c));
    if (s->sum->path[0])
        IMX_TRY(imx_tuned_write(s->sum->path, s->sum->table));
    return s->child.pid ? ask(s, &q, &r) : IMX_OK;
}

static imx_status tune_all(struct search *s, struct imx_tune_list *list)
{
    for (int i = 0; i < list->n; i++) {
        const struct imx_tune_problem *p = &list->at[i];
        struct imx_choice choice;
        s->failed = 0;
        if (!(p->ms > 0)) { /* not even the device's own choice runs */
            s->sum->left--;
            continue;
        }
        IMX_TRY(tune_one(s, p, &choice));
        const struct imx_variant *own = own_variant(s, p);
        const bool changed = choice.variant != own || choice.value[0];
        s->sum->left--;
        s->sum->searched++;
        s->sum->changed += changed;
        s->sum->tried += s->n_tried;
        s->sum->failed += s->failed;
        s->sum->before_ms += choice.without * p->times;
        s->sum->after_ms += choice.ms * p->times;
        IMX_TRY(keep(s, &choice));
        const struct imx_tune_result result = { p, &choice, own, changed, s->n_tried, s->failed };
        if (s->o->tell)
            s->o->tell(s->o->user, &result);
    }
    return IMX_OK;
}

/* The table to begin with: the device's file, or an empty one. */
static imx_status open_table(struct search *s)
{
    struct imx_tune_summary *sum = s->sum;
    if (s->o->keep && imx_tuned_path(&sum->caps, sum->path, sizeof sum->path)) {
        if (imx_tuned_read(sum->path, &sum->table) != IMX_OK) {
            imx_log(IMX_LOG_WARN, "%s; it is written anew", imx_error_text());
            imx_error_clear();
        }
    } else {
        sum->path[0] = 0;
    }
    if (!sum->table)
        IMX_TRY(imx_tuned_create(&sum->caps, &sum->table));
    if (sum->path[0])
        s->n_older = imx_tuned_others(&sum->caps, sum->path, s->older, MOST_OLDER);
    return IMX_OK;
}

imx_status imx_tune_run(const struct imx_tune_options *o, struct imx_tune_summary *sum)
{
    struct search s = { .o = o, .sum = sum, .arg = { .device = o->device, .options = o } };
    struct imx_tune_list list = { 0 };
    struct imx_dev_info *seen = NULL;
    struct imx_hello hello;
    size_t n_seen = 0;
    imx_status status = IMX_OK;
    const double started = imx_now();
    *sum = (struct imx_tune_summary){ 0 };
    s.tried = calloc(MOST_TRIED, sizeof *s.tried);
    if (!s.tried)
        return no_memory();
    IMX_GO(imx_dev_list(&seen, &n_seen)); /* once here, so that every child inherits what was found */
    IMX_GO(start(&s, &hello));
    sum->caps = hello.caps;
    sum->caps.tuned = NULL;
    snprintf(s.id, sizeof s.id, "%s", hello.caps.id);
    s.arg.device = s.id;
    if (hello.caps.type != IMX_DEV_HOST) {
        IMX_GO(open_table(&s));
        for (int i = 0; i < sum->table->n; i++) {
            const struct imx_request q = { .ask = IMX_ASK_KEEP, .a = sum->table->choice[i] };
            struct imx_reply r;
            IMX_GO(ask(&s, &q, &r));
        }
        IMX_GO(collect(&s, &list));
    }
    if (o->begin)
        o->begin(o->user, &sum->caps, hello.text, &list, sum->path);
    /* From here on, because without the list nothing could be said of what is left. */
    s.deadline = o->max_time > 0 ? started + o->max_time : 0;
    IMX_GO(choose_problems(&s, &list));
    IMX_GO(tune_all(&s, &list));
fail:
    imx_child_end(&s.child, IMX_CHILD_DONE, NULL, 0);
    free(seen);
    free(list.at);
    free(s.tried);
    for (int i = 0; i < s.n_older; i++)
        free(s.older[i]);
    if (status == IMX_E_STOPPED && !stopped(&s)) { /* out of time is no failure */
        imx_error_clear();
        status = IMX_OK;
    }
    return status;
}
