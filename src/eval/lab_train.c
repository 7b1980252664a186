/* One critic trained on a known joint, then frozen and read. Two graphs share one store: learning, and reading batches
 * of another size. See lab.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "eval/lab.h"
#include "nn/critic_net.h"
#include "ops/critic.h"
#include "ops/optim.h"

static const double B1 = 0.9, B2 = 0.999, EPS = 1e-8;
enum { HIDDEN = 64, EMBED = 32, TESTS = 32 };
static const uint64_t TEST_STEP = (uint64_t)1 << 40; /* test batches are drawn behind all training batches */

struct net {
    struct imx_graph *g;
    int32_t n;
    imx_tid x, y, ctr, hyp, norm, loss, info, pos; /* ctr: of the shuffled negatives, 0: none */
};

/* W3 relu(W2 relu(W1 x)) + S x: [n, width] -> [n, embed]. With the shortcut, as the heads of the published critic have
 * one (dim_method 2.1), products of x and y need not be put together from kinks. */
static imx_tid tower(struct imx_build *b, imx_tid src, int32_t n, int32_t width, const struct imx_lab_critic *how,
                     const char *const name[4])
{
    const struct imx_map x = { src, n, 1, 1, width };
    const struct imx_map cut = imx_nn_linear(b, x, name[3], how->embed, false);
    struct imx_map at = x;
    for (int i = 0; i < 2; i++)
        at = imx_nn_act(b, imx_nn_linear(b, at, name[i], how->hidden, true), IMX_ACT_RELU, 0);
    return imx_nn_linear_add(b, at, name[2], how->embed, true, IMX_INIT_UNIFORM, cut.t).t;
}

/* The critic op with one location per image: positives are the pairs, negatives all other combinations. */
static void score(struct net *net, struct imx_build *b, const struct imx_lab_critic *how, bool training)
{
    static const char *const of_x[] = { "x.fc1", "x.fc2", "x.out", "x.shortcut" }, *const of_y[] = { "y.fc1", "y.fc2",
                                                                                                     "y.out",
                                                                                                     "y.shortcut" };
    struct imx_graph *g = net->g;
    struct imx_critic d = { .n = net->n, .p = 1, .q = 1, .d0 = how->embed, .est = how->est, .scale = 1 };
    imx_tid arg[IMX_MAX_ARGS] = { 0 };
    /* The moving average is a matter of the gradient alone. */
    if (d.est == IMX_EST_DV_EMA && !training)
        d.est = IMX_EST_DV;
    if (d.est == IMX_EST_DV_EMA) {
        arg[IMX_CRITIC_FWD_EMA] = imx_nn_vector(b, "critic", "ema", 2, IMX_INIT_ZERO, 0, true);
        d.par = IMX_EMA_DECAY;
    } else if (d.est == IMX_EST_SMILE) {
        d.par = IMX_SMILE_TAU;
    }
    const int32_t width = how->width;
    arg[IMX_CRITIC_FWD_G0] = tower(b, net->x, net->n, width, how, of_x);
    arg[IMX_CRITIC_FWD_L0] = tower(b, net->y, net->n, width, how, of_y);
    arg[IMX_CRITIC_FWD_LOSS] = net->loss = imx_graph_temp(g, IMX_F32, 1, "loss");
    arg[IMX_CRITIC_FWD_INFO] = net->info = imx_graph_temp(g, IMX_F32, 3, "info");
    arg[IMX_CRITIC_FWD_POS] = net->pos = imx_graph_temp(g, IMX_F32, net->n, "pos");
    arg[IMX_CRITIC_FWD_STAT] = imx_graph_temp(g, IMX_F32, net->n, "stat");
    imx_graph_label(g, "critic");
    imx_graph_node(g, &imx_op_critic_fwd, &d, arg);
}

/* One network over pairs. */
static void score_pairs(struct net *net, struct imx_build *b, const struct imx_lab_critic *how, bool training)
{
    const struct imx_critic_spec spec = { .form = &imx_critics[IMX_CRITIC_CONCAT],
                                          .units = how->hidden,
                                          .estimator =
                                              !training && how->est == IMX_EST_DV_EMA ? IMX_EST_DV : how->est };
    b->ctr = net->ctr = imx_graph_keep(net->g, IMX_U32, 4, "ctr");
    const struct imx_critic_out out = imx_critic_build(b, &spec, (struct imx_map){ net->x, net->n, 1, 1, how->width },
                                                       (struct imx_map){ net->y, net->n, 1, 1, how->width });
    net->loss = out.loss;
    net->info = out.info;
    net->pos = out.pos;
}

static imx_status build(struct net *net, struct imx_dev *dev, struct imx_store *store, const struct imx_lab_critic *how,
                        bool training)
{
    IMX_TRY(imx_graph_create(dev, store, &net->g));
    struct imx_graph *g = net->g;
    struct imx_build b = { .g = g, .training = training };
    net->n = training ? how->batch : how->test_batch;
    net->x = imx_graph_keep(g, IMX_F32, (int64_t)net->n * how->width, "x");
    net->y = imx_graph_keep(g, IMX_F32, (int64_t)net->n * how->width, "y");
    (how->concat ? score_pairs : score)(net, &b, how, training);
    if (training) {
        IMX_TRY(imx_graph_backward(g, net->loss, 0));
        imx_nn_adam(g, &net->hyp, &net->norm);
    } else {
        imx_graph_output(g, net->loss);
        imx_graph_output(g, net->info);
        imx_graph_output(g, net->pos);
    }
    return imx_graph_plan(g, 0);
}

static imx_status feed(struct net *net, const struct imx_lab_task *task, float *x, float *y, uint64_t seed,
                       uint64_t step)
{
    const uint32_t ctr[4] = { (uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)step, (uint32_t)(step >> 32) };
    imx_lab_draw(task, x, y, net->n, seed, step);
    if (net->ctr)
        IMX_TRY(imx_graph_upload(net->g, net->ctr, ctr));
    IMX_TRY(imx_graph_upload(net->g, net->x, x));
    return imx_graph_upload(net->g, net->y, y);
}

static imx_status learn(struct net *net, const struct imx_lab_task *task, const struct imx_lab_critic *how, float *x,
                        float *y)
{
    for (int32_t step = 0; step < how->steps; step++) {
        float hyp[IMX_HYP_COUNT];
        const double left = 2.0 * (how->steps - step) / how->steps;
        if (how->go_on && !how->go_on(how->user, step))
            return imx_fail(IMX_E_STOPPED, "stopped while training a critic");
        imx_adam_hyp(how->lr * (left < 1 ? left : 1), B1, B2, EPS, 0.0, step + 1, hyp);
        IMX_TRY(feed(net, task, x, y, how->seed, (uint64_t)step));
        IMX_TRY(imx_graph_upload(net->g, net->hyp, hyp));
        IMX_TRY(imx_graph_run(net->g));
    }
    return IMX_OK;
}

static double mean_log_ratio(int32_t est, const float *pos, int32_t n)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += imx_lab_log_ratio(est, (double)pos[i]);
    return sum / n;
}

static imx_status judge(struct net *net, const struct imx_lab_task *task, const struct imx_lab_critic *how, float *x,
                        float *y, float *pos, struct imx_lab_reading *r)
{
    const bool nats = imx_estimator_nats(how->est);
    double squares = 0, shown = 0;
    *r = (struct imx_lab_reading){ .most = -(double)INFINITY };
    for (int32_t i = 0; i < how->tests; i++) {
        float loss, info[3];
        IMX_TRY(feed(net, task, x, y, how->seed, TEST_STEP + (uint64_t)i));
        IMX_TRY(imx_graph_run(net->g));
        IMX_TRY(imx_graph_download(net->g, net->loss, &loss));
        IMX_TRY(imx_graph_download(net->g, net->info, info));
        IMX_TRY(imx_graph_download(net->g, net->pos, pos));
        const double density = mean_log_ratio(how->est, pos, net->n), value = -(double)loss;
        const double bound = nats ? (double)info[2] : (double)NAN;
        const double now = nats ? bound : isnan(imx_lab_log_ratio(how->est, 0)) ? value : density;
        r->value += value / how->tests;
        r->bound += bound / how->tests;
        r->density += density / how->tests;
        r->e_pos += (double)info[0] / how->tests;
        r->e_neg += (double)info[1] / how->tests;
        r->most = fmax(r->most, nats ? bound : value);
        r->bad += !isfinite(now) || !isfinite(value);
        shown += now;
        squares += now * now;
    }
    const double mean = shown / how->tests, variance = squares / how->tests - mean * mean;
    r->jitter = how->tests > 1 ? sqrt(fmax(variance, 0) * how->tests / (how->tests - 1)) : 0;
    return IMX_OK;
}

static imx_status check(const struct imx_lab_critic *how)
{
    if (how->batch < 2 || how->test_batch < 2)
        return imx_fail(IMX_E_ARG, "a batch must hold at least 2 pairs: others serve as negatives");
    if (how->concat && how->est == IMX_EST_INFONCE)
        return imx_fail(IMX_E_ARG,
                        "a network over pairs has one negative per positive, so infonce could read ln 2 at most");
    if (how->steps < 0 || how->tests < 1 || how->hidden < 1 || how->embed < 1)
        return imx_fail(IMX_E_ARG, "sizes of the laboratory's critic must be positive");
    return IMX_OK;
}

imx_status imx_lab_train(struct imx_dev *dev, const struct imx_lab_task *task, const struct imx_lab_critic *how,
                         struct imx_lab_reading *out)
{
    imx_status status = IMX_OK;
    struct imx_store *store = NULL;
    struct net student = { 0 }, reader = { 0 };
    struct imx_lab_critic h = *how;
    const double start = imx_now();
    h.width = imx_lab_width(task);
    h.test_batch = h.test_batch ? h.test_batch : h.batch;
    h.hidden = h.hidden ? h.hidden : HIDDEN;
    h.embed = h.embed ? h.embed : EMBED;
    h.tests = h.tests ? h.tests : TESTS;
    h.lr = h.lr > 0 ? h.lr : 2e-3;
    IMX_TRY(check(&h));
    const size_t rows = (size_t)(h.batch > h.test_batch ? h.batch : h.test_batch), width = (size_t)h.width;
    float *x = malloc(rows * width * sizeof *x), *y = malloc(rows * width * sizeof *y), *pos = malloc(rows * sizeof *y);
    if (!x || !y || !pos)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for pairs of the laboratory"));
    IMX_GO(imx_store_create(dev, true, &store));
    IMX_GO(build(&student, dev, store, &h, true));
    IMX_GO(build(&reader, dev, store, &h, false));
    IMX_GO(imx_store_init(store, h.seed));
    IMX_GO(learn(&student, task, &h, x, y));
    IMX_GO(judge(&reader, task, &h, x, y, pos, out));
    out->seconds = imx_now() - start;
fail:
    imx_graph_destroy(student.g);
    imx_graph_destroy(reader.g);
    imx_store_destroy(store);
    free(x);
    free(y);
    free(pos);
    return status;
}

/* ---- what a score says ---- */

double imx_lab_log_ratio(int32_t est, double t)
{
    static const double LEAST = 1e-3; /* chi2's estimate of r may be negative */
    switch (est) {
    case IMX_EST_JSD:
    case IMX_EST_GAN:
    case IMX_EST_SMILE:
    case IMX_EST_RKL: return t;
    case IMX_EST_KL: return t - 1;
    case IMX_EST_H2: return 2 * t;
    case IMX_EST_CHI2: return log(1 + t / 2 > LEAST ? 1 + t / 2 : LEAST) + (t - t);
    default: return (double)NAN;
    }
}

const char *imx_lab_kind(int32_t est)
{
    return imx_estimator_nats(est) ? "bound" : isnan(imx_lab_log_ratio(est, 0)) ? "none" : "density";
}

double imx_lab_nats(int32_t est, const struct imx_lab_reading *r)
{
    return imx_estimator_nats(est) ? r->bound : r->density;
}
