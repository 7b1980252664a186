/* The tuner's child process; see tune_worker.h. The choice at hand is put into a copy of the table, which becomes the
 * device's for as long as the choice is timed or verified: variants find their numbers there. */
#include "ops/tune_worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/bench.h"
#include "ops/selftest.h"

/* Larger ones are verified against the device's own choice. */
static const double oracle_flop_exact = 3e8, oracle_flop_real = 2e9, oracle_elements = 8e6, case_flop = 5e7;
enum { SEED = 20181, MAX_ROUNDS = 15, LEAST_ROUNDS = 5 };

struct worker {
    int out;
    struct imx_dev *dev;
    struct imx_tuned *table; /* what won so far */
    const struct imx_tune_options *options;
    /* memory of the problem at hand, kept between requests */
    const struct imx_op *op;
    unsigned char problem[IMX_TUNED_PROBLEM];
    struct imx_args args;
};

static void say(const struct worker *w, const struct imx_reply *r)
{
    if (!imx_pipe_write(w->out, r, sizeof *r))
        _exit(1);
}

static void say_started(const struct worker *w)
{
    say(w, &(struct imx_reply){ .started = true });
}

/* The table with this choice in it; *out is the caller's. */
static imx_status table_with(const struct worker *w, const struct imx_choice *c, struct imx_tuned **out)
{
    struct imx_tuned *t = NULL;
    IMX_TRY(imx_tuned_create(&w->dev->caps, &t));
    imx_status status = IMX_OK;
    for (int i = 0; status == IMX_OK && i < w->table->n; i++)
        status = imx_tuned_put(&t, &w->table->choice[i]);
    if (status == IMX_OK)
        status = imx_tuned_put(&t, c);
    if (status == IMX_OK)
        *out = t;
    else
        free(t);
    return status;
}

static uint64_t workspace(const struct worker *w, const struct imx_choice *c, struct imx_tuned *t)
{
    struct imx_caps caps = w->dev->caps;
    caps.tuned = t;
    return c->variant->workspace ? c->variant->workspace(&caps, c->problem) : 0;
}

/* Arguments for the problem with at least so much scratch; those at hand are used again. */
static imx_status have_args(struct worker *w, const struct imx_choice *c, uint64_t ws)
{
    if (w->op == c->op && !memcmp(w->problem, c->problem, sizeof w->problem) && w->args.ws.bytes >= ws)
        return IMX_OK;
    imx_bench_release(w->dev, &w->args);
    w->op = c->op;
    memcpy(w->problem, c->problem, sizeof w->problem);
    const imx_status s = imx_bench_prepare(w->dev, c->op, c->problem, ws, &w->args);
    if (s != IMX_OK)
        w->op = NULL;
    return s;
}

static imx_status sample(struct worker *w, const struct imx_choice *c, struct imx_tuned *t, int inner, double *seconds)
{
    w->dev->caps.tuned = t;
    const imx_status s = imx_bench_sample(w->dev, c->op, c->variant, c->problem, &w->args, inner, seconds);
    w->dev->caps.tuned = NULL;
    return s;
}

/* Executions that together take `ms`. */
static int inner_for(double once, double ms)
{
    return once * 1e3 >= ms ? 1 : (int)(ms * 1e-3 / (once > 1e-6 ? once : 1e-6)) + 1;
}

static imx_status do_time(struct worker *w, const struct imx_request *q, struct imx_reply *r)
{
    imx_status status = IMX_OK;
    struct imx_tuned *t = NULL;
    double once = 0, total = 0, least = INFINITY;
    IMX_TRY(table_with(w, &q->a, &t));
    IMX_GO(have_args(w, &q->a, workspace(w, &q->a, t)));
    IMX_GO(sample(w, &q->a, t, 1, &once)); /* builds the programs, touches the memory */
    say_started(w);
    IMX_GO(sample(w, &q->a, t, 1, &once));
    least = once;
    const int inner = inner_for(once, 1);
    const bool hopeless = q->enough > 0 && once * 1e3 > q->enough;
    for (int i = 0; !hopeless && i < 25 && (i < 3 || total < 0.04); i++) {
        double s;
        IMX_GO(sample(w, &q->a, t, inner, &s));
        total += s * inner;
        least = s < least ? s : least;
    }
    r->ms[0] = least * 1e3;
fail:
    free(t);
    return status;
}

/* Pairs of samples, the order within a pair changing, so that a drift of the machine's speed hits both. On a busy
 * machine the median of the pairs' ratios may deceive and so may the shortest times, but hardly both in the same
 * direction: the one that speaks less for `b` counts. */
static imx_status do_duel(struct worker *w, const struct imx_request *q, struct imx_reply *r)
{
    imx_status status = IMX_OK;
    const struct imx_choice *c[2] = { &q->a, &q->b };
    struct imx_tuned *t[2] = { NULL, NULL };
    double least[2] = { INFINITY, INFINITY }, ratio[MAX_ROUNDS], once[2], total = 0;
    uint64_t ws = 0;
    int inner[2], n = 0;
    for (int i = 0; i < 2; i++) {
        IMX_GO(table_with(w, c[i], &t[i]));
        const uint64_t bytes = workspace(w, c[i], t[i]);
        ws = bytes > ws ? bytes : ws;
    }
    IMX_GO(have_args(w, c[0], ws));
    for (int i = 0; i < 2; i++)
        IMX_GO(sample(w, c[i], t[i], 1, &once[i]));
    say_started(w);
    for (int i = 0; i < 2; i++) {
        IMX_GO(sample(w, c[i], t[i], 1, &once[i]));
        inner[i] = inner_for(once[i], 4);
    }
    for (; n < MAX_ROUNDS && (n < LEAST_ROUNDS || total < 0.8); n++) {
        double now[2];
        for (int k = 0; k < 2; k++) {
            const int i = (n + k) % 2;
            IMX_GO(sample(w, c[i], t[i], inner[i], &now[i]));
            total += now[i] * inner[i];
            least[i] = now[i] < least[i] ? now[i] : least[i];
        }
        ratio[n] = now[1] / now[0];
    }
    r->ms[0] = least[0] * 1e3;
    r->ms[1] = least[1] * 1e3;
    r->ratio = imx_bench_median(ratio, n);
    r->ratio = least[1] / least[0] > r->ratio ? least[1] / least[0] : r->ratio;
fail:
    free(t[0]);
    free(t[1]);
    return status;
}

/* ---- verification ---- */

static double elements(const struct imx_choice *c)
{
    struct imx_arg arg[IMX_MAX_ARGS];
    double sum = 0;
    c->op->args(c->problem, arg);
    for (int i = 0; i < c->op->n_args; i++)
        sum += (double)arg[i].count;
    return sum;
}

/* One case with real and, where that means something, with exact numbers; trusted NULL: against the oracle. */
static imx_status check(struct worker *w, const struct imx_choice *c, const struct imx_choice *trusted,
                        struct imx_reply *r)
{
    imx_status status = IMX_OK;
    struct imx_tuned *t = NULL, *other = NULL;
    struct imx_selftest_result result = { 0 };
    IMX_GO(table_with(w, c, &t));
    if (trusted)
        IMX_GO(table_with(w, trusted, &other));
    for (int exact = 0; exact <= c->op->exact && !result.failed; exact++) {
        if (trusted && c->op->exact && !exact)
            continue; /* only exact numbers tell how far apart two variants may be */
        w->dev->caps.tuned = t;
        status = trusted ? imx_selftest_against(w->dev, c->op, c->variant, trusted->variant, other, c->problem, SEED,
                                                exact, &result)
                         : imx_selftest_case(w->dev, c->op, c->variant, c->problem, SEED, exact, &result);
        w->dev->caps.tuned = NULL;
        IMX_GO(status);
    }
    if (result.failed) {
        r->wrong = true;
        snprintf(r->text, sizeof r->text, "%.*s", (int)sizeof r->text - 1, result.text);
    }
fail:
    free(t);
    free(other);
    return status;
}

static imx_status check_cases(struct worker *w, const struct imx_choice *c, struct imx_reply *r)
{
    const struct imx_variant *v = c->variant;
    for (const char *const *text = c->op->cases; text && *text && !r->wrong; text++) {
        struct imx_choice one = *c;
        memset(one.problem, 0, sizeof one.problem);
        IMX_TRY(imx_problem_parse(c->op, *text, one.problem));
        if (!v->supports(&w->dev->caps, one.problem) || (c->op->flop && c->op->flop(one.problem) > case_flop))
            continue;
        if (v->tunables && c->value[0] && !v->tunables->ok(&w->dev->caps, one.problem, c->value))
            continue;
        IMX_TRY(check(w, &one, NULL, r));
    }
    return IMX_OK;
}

static imx_status do_verify(struct worker *w, const struct imx_request *q, struct imx_reply *r)
{
    const struct imx_op *op = q->b.op;
    const double flop = op->flop ? op->flop(q->b.problem) : 0;
    const double most = op->exact ? oracle_flop_exact : oracle_flop_real;
    imx_bench_release(w->dev, &w->args); /* the self-test has its own memory */
    w->op = NULL;
    say_started(w);
    if (flop <= most && elements(&q->b) <= oracle_elements)
        return check(w, &q->b, NULL, r);
    IMX_TRY(check(w, &q->b, &q->a, r));
    return r->wrong ? IMX_OK : check_cases(w, &q->b, r);
}

/* ---- requests ---- */

static void do_collect(struct worker *w)
{
    struct imx_tune_list list = { 0 };
    struct imx_reply r = { .status = w->options->collect(w->dev, w->options->user, &list) };
    r.count = r.status == IMX_OK ? list.n : 0;
    if (r.status != IMX_OK)
        snprintf(r.text, sizeof r.text, "%s", imx_error_text());
    say(w, &r);
    if (r.count && !imx_pipe_write(w->out, list.at, (size_t)list.n * sizeof *list.at))
        _exit(1);
    free(list.at);
}

static void answer(struct worker *w, const struct imx_request *q)
{
    struct imx_reply r = { 0 };
    if (q->ask == IMX_ASK_KEEP) {
        if (imx_tuned_put(&w->table, &q->a) != IMX_OK)
            _exit(1);
        return;
    }
    if (q->ask == IMX_ASK_COLLECT) {
        do_collect(w);
        return;
    }
    imx_error_clear();
    r.status = q->ask == IMX_ASK_TIME   ? do_time(w, q, &r)
               : q->ask == IMX_ASK_DUEL ? do_duel(w, q, &r)
                                        : do_verify(w, q, &r);
    if (r.status != IMX_OK)
        snprintf(r.text, sizeof r.text, "%s", imx_error_text());
    say(w, &r);
}

void imx_tune_worker(int in, int out, void *arg)
{
    const struct imx_worker_arg *a = arg;
    struct worker w = { .out = out, .options = a->options };
    struct imx_request q;
    struct imx_hello hello = { 0 };
    const char *why = "";
    hello.status = imx_dev_open(a->device, &w.dev, &why);
    if (hello.status == IMX_OK)
        imx_dev_allow_half(w.dev, a->options->half);
    if (hello.status == IMX_OK)
        hello.status = imx_tuned_create(&w.dev->caps, &w.table);
    for (int i = 0; hello.status == IMX_OK && a->table && i < a->table->n; i++)
        hello.status = imx_tuned_put(&w.table, &a->table->choice[i]);
    snprintf(hello.text, sizeof hello.text, "%s", hello.status == IMX_OK ? why : imx_error_text());
    if (w.dev)
        hello.caps = w.dev->caps;
    if (!imx_pipe_write(out, &hello, sizeof hello) || hello.status != IMX_OK)
        _exit(1);
    while (imx_pipe_read(in, &q, sizeof q, 0))
        answer(&w, &q);
}
