/* See svm.h. Parent and children talk in records: what the library prints tells the child how far it is. */
#include "eval/svm.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/philox.h"

#ifdef IMX_HAVE_LIBLINEAR

    #include <linear.h>

enum { CHILDREN = 16, POLL_MS = 100, NODE_BYTES = sizeof(struct feature_node) };

enum news { NEWS_CLASS, NEWS_LIMIT, NEWS_DONE, NEWS_FAILED };

/* A child's report; written whole or not at all (shorter than a pipe's atomic write). */
struct record {
    int32_t news, status;
    double accuracy;
    char text[240];
};

struct job {
    const struct imx_svm *how;
    const struct imx_samples *train, *test;
    const uint32_t *labelled; /* training images that have a label */
    int64_t n_labelled, n_used;
    const float *mean, *scale;
    int32_t repeat;
};

struct run {
    struct imx_child child;
    struct job job;
    int32_t classes_done;
};

static int news_to; /* the child's pipe: the library's hook for its messages has no argument */

/* The dual solver says "optimization finished" behind a class, Newton's method "iter  1" at the beginning of one. */
static void listen(const char *text)
{
    struct record r = { .news = -1 };
    if (strstr(text, "optimization finished") || !strncmp(text, "iter  1 ", 8))
        r.news = NEWS_CLASS;
    else if (strstr(text, "reaching max number"))
        r.news = NEWS_LIMIT;
    if (r.news >= 0 && !imx_pipe_write(news_to, &r, sizeof r))
        _exit(1);
}

static void fill_row(const struct job *j, const float *x, struct feature_node *to)
{
    const int32_t d = j->train->d;
    for (int32_t k = 0; k < d; k++)
        to[k] = (struct feature_node){ k + 1, ((double)x[k] - (double)j->mean[k]) * (double)j->scale[k] };
    to[d] = (struct feature_node){ d + 1, 1.0 };
    to[d + 1] = (struct feature_node){ -1, 0.0 };
}

static imx_status judge(const struct job *j, const struct model *m, struct feature_node *row, double *accuracy)
{
    int64_t hits = 0, counted = 0;
    for (int64_t i = 0; i < j->test->n; i++) {
        if (j->test->label[i] < 0)
            continue;
        fill_row(j, j->test->x + i * j->test->d, row);
        hits += (int32_t)lround(predict(m, row)) == j->test->label[i];
        counted++;
    }
    if (!counted)
        return imx_fail(IMX_E_DATA, "no test image has a label");
    *accuracy = (double)hits / (double)counted;
    return IMX_OK;
}

static imx_status learn(const struct job *j, double *accuracy)
{
    const struct imx_svm *how = j->how;
    const size_t width = (size_t)j->train->d + 2, n = (size_t)j->n_used;
    imx_status status = IMX_OK;
    struct model *m = NULL;
    uint32_t *order = malloc((size_t)j->n_labelled * sizeof *order);
    struct feature_node *node = malloc((n + 1) * width * sizeof *node), **row = malloc(n * sizeof(void *));
    double *label = malloc(n * sizeof *label);
    const struct parameter param = { .solver_type = how->squared ? L2R_L2LOSS_SVC : L2R_L1LOSS_SVC_DUAL,
                                     .eps = how->tolerance,
                                     .C = how->c };
    const struct problem problem = { (int)n, j->train->d + 1, label, row, 1.0 };
    if (!order || !node || !row || !label)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for %lld images in a support vector machine", (long long)n));
    imx_permute(how->seed, (uint64_t)j->repeat, IMX_STREAM_SPLIT, order, (uint32_t)j->n_labelled);
    for (size_t i = 0; i < n; i++) {
        const int64_t from = j->labelled[order[i]];
        row[i] = node + i * width;
        label[i] = j->train->label[from];
        fill_row(j, j->train->x + from * j->train->d, row[i]);
    }
    set_print_string_function(listen);
    srand((unsigned)(how->seed + (uint64_t)j->repeat) + 1); /* the library draws its order with rand() */
    const char *wrong = check_parameter(&problem, &param);
    if (wrong)
        IMX_GO(imx_fail(IMX_E_ARG, "the support vector machine refuses: %s", wrong));
    m = train(&problem, &param);
    status = judge(j, m, node + n * width, accuracy);
fail:
    if (m)
        free_and_destroy_model(&m);
    free(order);
    free(node);
    free(row);
    free(label);
    return status;
}

static void child_body(int in, int out, void *arg)
{
    struct record r = { .news = NEWS_DONE };
    (void)in;
    news_to = out;
    r.status = learn(arg, &r.accuracy);
    if (r.status != IMX_OK) {
        r.news = NEWS_FAILED;
        snprintf(r.text, sizeof r.text, "%s", imx_error_text());
    }
    if (!imx_pipe_write(out, &r, sizeof r))
        _exit(1);
}

/* Takes one record of a child that has something to say. *ended: it was the last one. */
static imx_status hear(struct run *r, double *accuracy, struct imx_svm_result *result, bool *ended)
{
    struct record news;
    char why[96];
    if (!imx_pipe_read(r->child.from, &news, sizeof news, 0)) {
        imx_child_end(&r->child, IMX_CHILD_GONE, why, sizeof why);
        if (strncmp(why, "crashed", 7)) /* it could not speak any more */
            return imx_fail(IMX_E_IO, "the support vector machine %s: its pipe broke", why);
        return imx_fail(IMX_E_NOMEM, "the support vector machine %s, most likely for want of memory", why);
    }
    news.text[sizeof news.text - 1] = 0;
    if (news.news == NEWS_CLASS)
        r->classes_done++;
    if (news.news == NEWS_LIMIT)
        result->unconverged++;
    if (news.news < NEWS_DONE)
        return IMX_OK;
    imx_child_end(&r->child, IMX_CHILD_DONE, NULL, 0);
    if (news.news == NEWS_FAILED)
        return imx_fail((imx_status)news.status, "%s", news.text);
    accuracy[r->job.repeat] = news.accuracy;
    *ended = true;
    return IMX_OK;
}

static bool tell(const struct imx_svm *how, const struct run *run, int32_t n_runs, int32_t ended)
{
    const int32_t each = how->classes == 2 ? 1 : how->classes; /* solutions of a run */
    int64_t done = (int64_t)ended * each;
    for (int32_t i = 0; i < n_runs; i++)
        if (run[i].child.pid)
            done += run[i].classes_done < each ? run[i].classes_done : each - 1;
    return !how->progress || how->progress(how->user, done, (int64_t)how->repeats * each);
}

/* Keeps up to `slots` children busy until every repeat has its accuracy. */
static imx_status run_all(const struct job *job, int32_t slots, double *accuracy, struct imx_svm_result *result)
{
    struct run run[CHILDREN] = { 0 };
    imx_status status = IMX_OK;
    for (int32_t next = 0, ended = 0; ended < job->how->repeats;) {
        struct pollfd wait[CHILDREN];
        for (int32_t i = 0; i < slots; i++) {
            if (!run[i].child.pid && next < job->how->repeats) {
                run[i] = (struct run){ .job = *job };
                run[i].job.repeat = next++;
                IMX_GO(imx_child_start(&run[i].child, child_body, &run[i].job));
            }
            wait[i] = (struct pollfd){ .fd = run[i].child.pid ? run[i].child.from : -1, .events = POLLIN };
        }
        const bool heard = poll(wait, (nfds_t)slots, POLL_MS) > 0;
        for (int32_t i = 0; i < slots && heard; i++) {
            bool last = false;
            if (wait[i].fd >= 0 && wait[i].revents)
                IMX_GO(hear(&run[i], accuracy, result, &last));
            ended += last;
        }
        if (!tell(job->how, run, slots, ended))
            IMX_GO(imx_fail(IMX_E_STOPPED, "stopped while training a support vector machine"));
    }
fail:
    for (int32_t i = 0; i < slots; i++)
        imx_child_end(&run[i].child, IMX_CHILD_LATE, NULL, 0);
    return status;
}

static imx_status check(const struct imx_svm *how, const struct imx_samples *train, const struct imx_samples *test,
                        uint32_t *labelled, int64_t *n)
{
    int32_t first = -1;
    bool several = false;
    *n = 0;
    for (int64_t i = 0; i < train->n; i++) {
        if (train->label[i] < 0)
            continue;
        first = first < 0 ? train->label[i] : first;
        several |= train->label[i] != first;
        labelled[(*n)++] = (uint32_t)i;
    }
    if (!several)
        return imx_fail(IMX_E_DATA, "a probe needs images of at least two classes");
    if (train->d != test->d)
        return imx_fail(IMX_E_DATA, "training features have %d values, test features %d", train->d, test->d);
    if (!(how->c > 0) || !(how->tolerance > 0) || how->repeats < 1)
        return imx_fail(IMX_E_ARG, "a support vector machine needs C and tolerance above 0 and at least one run");
    return IMX_OK;
}

/* The library does not look: one NaN would make every weight one. */
static imx_status check_finite(const struct imx_samples *s)
{
    for (int64_t i = 0; i < s->n; i++)
        for (int32_t k = 0; k < s->d; k++)
            if (!isfinite(s->x[i * s->d + k]))
                return imx_fail(IMX_E_NONFINITE, "the features of image %lld are not finite", (long long)i);
    return IMX_OK;
}

bool imx_svm_available(void)
{
    return true;
}

imx_status imx_svm(const struct imx_svm *how, const struct imx_samples *train, const struct imx_samples *test,
                   double *accuracy, struct imx_svm_result *result)
{
    imx_status status = IMX_OK;
    const size_t d = (size_t)train->d;
    *result = (struct imx_svm_result){ 0 };
    float *mean = malloc(d * sizeof *mean), *scale = malloc(d * sizeof *scale);
    uint32_t *labelled = malloc((size_t)train->n * sizeof *labelled);
    if (!mean || !scale || !labelled)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a support vector machine"));
    struct job job = { how, train, test, labelled, 0, 0, mean, scale, 0 };
    IMX_GO(check(how, train, test, labelled, &job.n_labelled));
    IMX_GO(check_finite(train));
    IMX_GO(check_finite(test));
    IMX_GO(imx_standardise(train, mean, scale));
    job.n_used = imx_svm_images(job.n_labelled, train->d, how->memory);
    const int64_t at_once = (int64_t)(how->memory / ((uint64_t)job.n_used * (d + 2) * NODE_BYTES));
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t slots = how->repeats < CHILDREN ? how->repeats : CHILDREN;
    slots = slots > cores ? cores : slots;
    slots = slots > at_once ? at_once : slots;
    result->images = job.n_used;
    status = run_all(&job, slots < 1 ? 1 : (int32_t)slots, accuracy, result);
fail:
    free(mean);
    free(scale);
    free(labelled);
    return status;
}

#else

enum { NODE_BYTES = 16 };

bool imx_svm_available(void)
{
    return false;
}

imx_status imx_svm(const struct imx_svm *how, const struct imx_samples *train, const struct imx_samples *test,
                   double *accuracy, struct imx_svm_result *result)
{
    (void)how, (void)train, (void)test, (void)accuracy, (void)result;
    return imx_fail(
        IMX_E_UNSUPPORTED,
        "this build has no support vector machine: install liblinear (Debian: liblinear-dev) and build again");
}

#endif

int64_t imx_svm_images(int64_t n, int32_t d, uint64_t memory)
{
    const int64_t most = (int64_t)(memory / ((uint64_t)(d + 2) * NODE_BYTES));
    return most < 1 ? 1 : n < most ? n : most;
}
