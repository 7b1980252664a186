/* The training loop. Whatever a step computes follows from (weights, seed, step) alone, so a run that goes on from a
 * checkpoint ends with the same bits as one that was never interrupted. See run.h. */
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "data/reading.h"
#include "graph/weights.h"
#include "ops/critic.h"
#include "ops/tuned.h"
#include "shared.h"
#include "train/checkpoint.h"
#include "train/feed.h"
#include "train/metrics.h"

/* Everything that a run owns. */
struct run {
    struct imx_dev *dev;
    const struct imx_config *c;
    struct imx_dataset *ds;
    struct imx_summing *summing; /* NULL: the hash of ds is known */
    const char *folder;
    const struct imx_run_hooks *hooks;
    struct imx_step *step;
    struct imx_feed *feed;
    struct imx_metrics *metrics;
    struct imx_checkpoint at;
    uint64_t per_epoch, steps;
    bool found; /* a checkpoint, whose step is first */
    uint64_t first;
    char began[32];                  /* this session, on the wall clock */
    double started, before;          /* clock at the start of this session; seconds of the sessions before */
    double saved_at;                 /* clock of the last checkpoint */
    uint64_t saved_step;             /* and its step + 1; 0: none in this session */
    double report_at, report_waited; /* clock and waited seconds of the last report */
    double sum[5];                   /* since the last report: loss, e_pos, e_neg, mi, grad_norm */
    double term_sum[IMX_MAX_TERMS];
    uint64_t summed;
};

static double seconds(const struct run *r)
{
    return r->before + imx_now() - r->started;
}

/* What differs from the plain scores. */
static void describe_scores(const struct imx_critic_spec *c, char *text, size_t size)
{
    const struct {
        const char *name;
        double value;
    } v[] = {
        { "par", (double)imx_estimator_par(c) }, { "clip", (double)c->clip },     { "l2", (double)c->l2 },
        { "negatives", (double)c->negatives },   { "locals", (double)c->locals }, { "globals", (double)c->globals }
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof v / sizeof *v && n < size; i++)
        if (v[i].value != 0)
            n += (size_t)snprintf(text + n, size - n, " %s=%.9g", v[i].name, v[i].value);
}

/* The global term's critic, where it is another than the local term's. */
static void describe_global(const struct run *r, char *text, size_t size)
{
    struct imx_critic_spec s = r->step->spec.global;
    if (s.form == r->step->spec.critic.form && s.estimator == r->step->spec.critic.estimator)
        return;
    s.locals = 0; /* a whole map is one */
    const size_t n = (size_t)snprintf(text, size, " global=%s %s units=%d scale=%.9g", s.form->name,
                                      imx_choose_global_estimator(r->c, s.form), s.units, (double)imx_critic_scale(&s));
    if (n < size)
        describe_scores(&s, text + n, size - n);
}

static void describe_network(const struct run *r, char *text, size_t size)
{
    const struct imx_net_spec *s = &r->step->spec;
    const struct imx_mix m = imx_objective_mix(s->objective, &s->mix);
    const struct imx_objective *o = s->objective;
    const char *own = r->step->graph.text;
    char crop[24] = "", covers[96];
    if (r->c->crop)
        snprintf(crop, sizeof crop, " crop=%lld", (long long)r->c->crop);
    if (*own) {
        snprintf(text, size, "%s %dx%dx%d %s %s batch=%d%s", s->encoder->name, s->h, s->w, s->c, o->name, own, s->batch,
                 crop);
        return;
    }
    size_t n =
        (size_t)snprintf(text, size, "%s %dx%dx%d %s %s %s units=%d scale=%.9g batch=%d%s", s->encoder->name, s->h,
                         s->w, s->c, o->name, r->c->critic, imx_choose_estimator(r->c->estimator, s->critic.form),
                         s->critic.units, (double)imx_critic_scale(&s->critic), s->batch, crop);
    if (n < size && (m.alpha != o->alpha || m.beta != o->beta || m.gamma != o->gamma))
        n += (size_t)snprintf(text + n, size - n, " alpha=%.9g beta=%.9g gamma=%.9g", m.alpha, m.beta, m.gamma);
    if (n < size && m.gamma > 0)
        n += (size_t)snprintf(text + n, size - n, " prior=%s penalty=%.9g",
                              m.prior == IMX_PRIOR_GAUSSIAN ? "gaussian" : "uniform", m.penalty);
    if (n < size && m.occlude)
        n += (size_t)snprintf(text + n, size - n, " occlude%s", imx_occlusion_text(&m, covers, sizeof covers));
    if (n < size && m.coordinates && m.coordinates_weight > 0)
        n += (size_t)snprintf(text + n, size - n, " coordinates=%s weight=%.9g%s", r->c->coordinates,
                              m.coordinates_weight, m.coordinates_net ? " residual" : "");
    if (n < size && m.activation > 0)
        n += (size_t)snprintf(text + n, size - n, " activation=%.9g", m.activation);
    if (n < size && o->rebuilds)
        n += (size_t)snprintf(text + n, size - n, " decoder=%s", s->decoder->name);
    if (n < size && o->vae_beta > 0)
        n += (size_t)snprintf(text + n, size - n, " vae-beta=%.9g", m.vae_beta);
    if (n < size)
        describe_scores(&s->critic, text + n, size - n);
    if (m.alpha > 0 && n < size)
        describe_global(r, text + strlen(text), size - strlen(text));
}

/* Ends the sum over the images and writes what waited for it: their hash, for env.json and every checkpoint. */
static imx_status settle(struct run *r)
{
    struct imx_summing *s = r->summing;
    if (!s)
        return IMX_OK;
    r->summing = NULL;
    IMX_TRY(imx_summing_end(s));
    snprintf(r->at.data_hash, sizeof r->at.data_hash, "%s", r->ds->hash);
    return imx_env_write(r->folder, r->dev, r->ds, r->at.network, r->began);
}

/* The same for a run that failed with `status`, whose text stays what it was. */
static void settle_failed(struct run *r, imx_status status)
{
    char text[1024];
    snprintf(text, sizeof text, "%s", imx_error_text());
    if (settle(r) == IMX_OK)
        return;
    imx_log(IMX_LOG_WARN, "the hash of the images: %s", imx_error_text());
    (void)imx_fail(status, "%s", text);
}

static imx_status save(struct run *r)
{
    IMX_TRY(settle(r));
    r->at.seconds = seconds(r);
    IMX_TRY(imx_net_keep(&r->step->graph));
    IMX_TRY(imx_checkpoint_save(r->folder, r->step->store, &r->at));
    r->saved_at = imx_now();
    r->saved_step = r->at.step + 1;
    imx_log(IMX_LOG_DEBUG, "checkpoint at step %llu", (unsigned long long)r->at.step);
    return IMX_OK;
}

static imx_status open_feed(struct run *r)
{
    struct imx_batch_options o = imx_config_batches(r->c, r->ds->h);
    o.epoch = r->at.step / r->per_epoch;
    o.step = r->at.step % r->per_epoch;
    return imx_feed_create(&r->step->graph, r->ds, &o, &r->feed);
}

static void log_tuned(const struct run *r)
{
    const struct imx_graph *g = r->step->graph.g;
    int nodes = 0;
    for (int i = 0; i < g->n_nodes; i++)
        nodes += imx_tuned_find(r->dev->caps.tuned, g->node[i].op, g->node[i].problem) != NULL;
    if (nodes)
        imx_metrics_log(r->metrics, "tuned choices for %d of %d nodes, see tuned.txt", nodes, g->n_nodes);
}

static void log_half(const struct run *r)
{
    const struct imx_graph *g = r->step->graph.g;
    int nodes = 0;
    for (int i = 0; i < g->n_nodes; i++)
        nodes += g->node[i].variant->storage > 0;
    if (r->dev->caps.half)
        imx_metrics_log(r->metrics, "half precision in %d of %d nodes", nodes, g->n_nodes);
}

/* A checkpoint that was found must be of this network and these images, before a step is made on them. */
static imx_status check_found(struct run *r, const char *network)
{
    if (strcmp(r->at.network, network))
        return imx_fail(IMX_E_DATA, "the checkpoint is of \"%s\", the configuration says \"%s\"", r->at.network,
                        network);
    if (!*r->ds->hash)
        IMX_TRY(imx_dataset_sum(r->ds, (int32_t)r->c->threads));
    if (strcmp(r->at.data_hash, r->ds->hash))
        return imx_fail(IMX_E_DATA, "the images are not those that the run began with (hash %s, then %s)", r->ds->hash,
                        r->at.data_hash);
    return IMX_OK;
}

static imx_status begin(struct run *r, bool resume)
{
    char network[sizeof r->at.network], path[4096];
    struct imx_net_spec spec;
    if (r->ds->n < r->c->batch)
        return imx_fail(IMX_E_DATA, "%d images are fewer than one batch of %lld; use a smaller --batch", r->ds->n,
                        (long long)r->c->batch);
    IMX_TRY(imx_step_spec(r->c, r->ds->h, r->ds->w, r->ds->c, &spec));
    spec.images = r->ds->n;
    spec.ring = true;
    IMX_TRY(imx_step_create(r->dev, r->c, &spec, &r->step));
    describe_network(r, network, sizeof network);
    r->per_epoch = (uint64_t)(r->ds->n / r->c->batch);
    r->steps = r->per_epoch * (uint64_t)r->c->epochs;
    if (!imx_join(path, sizeof path, r->folder, "checkpoints"))
        return imx_fail(IMX_E_ARG, "the path of the run's folder is too long");
    IMX_TRY(imx_mkdirs(path));
    if (resume)
        IMX_TRY(imx_checkpoint_load(r->folder, r->step->store, &r->at, &r->found));
    if (r->found)
        IMX_TRY(check_found(r, network));
    r->before = r->at.seconds;
    r->first = r->at.step;
    r->at.seed = (uint64_t)r->c->seed;
    snprintf(r->at.network, sizeof r->at.network, "%s", network);
    snprintf(r->at.data_hash, sizeof r->at.data_hash, "%s", r->ds->hash);
    IMX_TRY(imx_metrics_open(r->folder, r->at.step, &r->metrics));
    imx_wall_text(r->began);
    IMX_TRY(imx_env_write(r->folder, r->dev, r->ds, network, r->began));
    const struct imx_graph *g = r->step->graph.g;
    imx_metrics_log(r->metrics, "%s from step %llu of %llu on %s (%s): %s", r->found ? "resumed" : "started",
                    (unsigned long long)r->at.step, (unsigned long long)r->steps, r->dev->caps.name,
                    r->dev->caps.driver, network);
    imx_metrics_log(r->metrics, "memory: %.1f MB for temporaries, lower bound %.1f MB; %lld parameters",
                    (double)g->temp_bytes / 1048576.0, (double)g->lower_bound / 1048576.0,
                    (long long)imx_store_count(r->step->store, ""));
    if (g->n_slices)
        imx_metrics_log(r->metrics,
                        "memory: fits --memory by computing %d results again, %d tensors in %d slices of the batch",
                        g->n_again, g->n_virtual, g->n_slices);
    for (int i = 0; i < r->step->graph.n_terms; i++) {
        const struct imx_term *t = &r->step->graph.term[i];
        if (t->ceiling > 0 && isfinite(t->ceiling))
            imx_metrics_log(r->metrics, "%s cannot pass %.4f", t->name, t->ceiling);
    }
    if (r->step->graph.objective->context)
        imx_metrics_log(
            r->metrics,
            "%s trains the encoder up to its local map and the context over it; as features, conv is that map, "
            "fc the context of its last cell, y the mean of the contexts",
            r->step->graph.objective->name);
    log_tuned(r);
    log_half(r);
    return open_feed(r);
}

static imx_status report(struct run *r)
{
    const double now = imx_now(), took = now - r->report_at, n = (double)r->summed;
    const double waited = imx_feed_waited(r->feed);
    const struct imx_net *net = &r->step->graph;
    struct imx_metric row = {
        .step = r->at.step,
        .epoch = (double)r->at.step / (double)r->per_epoch,
        .loss = r->sum[0] / n,
        .e_pos = r->sum[1] / n,
        .e_neg = r->sum[2] / n,
        .mi_nats = r->sum[3] / n,
        .mi_ceiling = imx_mi_ceiling(net),
        .grad_norm = r->sum[4] / n,
        .images_per_s = n * (double)r->c->batch / took,
        .seconds = seconds(r),
        .waited = took > 0 ? (waited - r->report_waited) / took : 0,
        .nats = net->classes || (net->info && imx_estimator_nats(net->lead.estimator)),
    };
    row.n_terms = net->n_terms > 1 ? net->n_terms : 0;
    for (int i = 0; i < row.n_terms; i++) {
        row.term[i].name = net->term[i].name;
        row.term[i].value = r->term_sum[i] / n;
        row.term[i].reading = net->term[i].reading;
    }
    IMX_TRY(imx_metrics_add(r->metrics, &row));
    const struct imx_run_report to = {
        .step = r->at.step,
        .steps = r->steps,
        .epoch = row.epoch,
        .loss = row.loss,
        .mi = row.mi_nats,
        .images_per_s = row.images_per_s,
        .seconds = row.seconds,
        .left = (double)(r->steps - r->at.step) * (double)r->c->batch / row.images_per_s,
        .waited = row.waited,
    };
    if (r->hooks->report)
        r->hooks->report(r->hooks->user, &to);
    r->report_at = now;
    r->report_waited = waited;
    memset(r->sum, 0, sizeof r->sum);
    memset(r->term_sum, 0, sizeof r->term_sum);
    r->summed = 0;
    return IMX_OK;
}

static imx_status one_step(struct run *r)
{
    struct imx_batch batch;
    struct imx_step_result now;
    IMX_TRY(imx_feed_next(r->feed, &batch));
    const bool audit = r->c->audit > 0 && r->at.step % (uint64_t)r->c->audit == 0;
    imx_step_images(r->step, batch.index);
    imx_status s = (audit ? imx_step_audit : imx_step_begin)(r->step, r->c, r->at.step);
    if (s == IMX_OK)
        s = imx_feed_ahead(r->feed);
    if (s == IMX_OK)
        s = imx_step_end(r->step, &now);
    if (s != IMX_OK)
        return imx_note(s, "step %llu", (unsigned long long)r->at.step);
    if (!now.finite)
        return imx_fail(IMX_E_NONFINITE,
                        "step %llu: the loss is %g and the gradient norm %g; the update was not made, the last "
                        "checkpoint is untouched (a smaller --lr or --score-scale may help)",
                        (unsigned long long)r->at.step, (double)now.loss, (double)now.grad_norm);
    const float value[5] = { now.loss, now.e_pos, now.e_neg, now.mi, now.grad_norm };
    for (int i = 0; i < 5; i++)
        r->sum[i] += (double)value[i];
    for (int i = 0; i < now.n_terms; i++)
        r->term_sum[i] += (double)now.term[i];
    r->summed++;
    r->at.step++;
    return IMX_OK;
}

static bool checkpoint_due(struct run *r)
{
    const struct imx_config *c = r->c;
    return (c->checkpoint_every > 0 && imx_now() - r->saved_at >= c->checkpoint_every) ||
           (c->checkpoint_steps > 0 && r->at.step % (uint64_t)c->checkpoint_steps == 0) ||
           (r->hooks->save && r->hooks->save());
}

static imx_status save_encoder(struct run *r)
{
    char path[4096];
    if (!imx_join(path, sizeof path, r->folder, "encoder.safetensors"))
        return imx_fail(IMX_E_ARG, "the path of the run's folder is too long");
    const struct imx_st_pair meta[] = { { "network", r->at.network } };
    return imx_weights_save(path, r->step->store, "encoder.", false, meta, 1);
}

/* A run that is stopped has an encoder to look at, too. */
static imx_status save_all(struct run *r)
{
    if (r->saved_step != r->at.step + 1)
        IMX_TRY(save(r));
    return save_encoder(r);
}

static imx_status loop(struct run *r)
{
    if (r->at.step < r->steps)
        imx_metrics_log(r->metrics, "the first step begins %.2f s after the program", imx_process_seconds());
    if (!*r->ds->hash)
        IMX_TRY(imx_summing_begin(r->ds, (int32_t)r->c->threads, &r->summing));
    while (r->at.step < r->steps) {
        if (r->c->max_time > 0 && seconds(r) >= r->c->max_time)
            break;
        IMX_TRY(one_step(r));
        if (imx_summing_done(r->summing))
            IMX_TRY(settle(r));
        if (r->at.step % (uint64_t)r->c->report_every == 0 || r->at.step == r->steps)
            IMX_TRY(report(r));
        if (r->hooks->stop && *r->hooks->stop && r->at.step < r->steps) {
            IMX_TRY(save_all(r));
            return imx_fail(IMX_E_STOPPED, "stopped at step %llu of %llu; `infomax resume %s` goes on",
                            (unsigned long long)r->at.step, (unsigned long long)r->steps, r->folder);
        }
        if (checkpoint_due(r))
            IMX_TRY(save(r));
    }
    return IMX_OK;
}

/* What is written at the end. A checkpoint that no step came after stays as it is. */
static imx_status finish(struct run *r, bool idle)
{
    if (r->summed)
        IMX_TRY(report(r));
    return idle ? save_encoder(r) : save_all(r);
}

imx_status imx_run(struct imx_dev *dev, const struct imx_config *c, struct imx_dataset *ds, const char *folder,
                   bool resume, const struct imx_run_hooks *hooks, struct imx_run_result *result)
{
    imx_status status = IMX_OK;
    struct run r = { .dev = dev, .c = c, .ds = ds, .folder = folder, .hooks = hooks };
    IMX_GO(begin(&r, resume));
    r.started = r.saved_at = r.report_at = imx_now();
    status = loop(&r);
    const bool idle = r.found && r.at.step == r.first;
    if (status == IMX_OK)
        status = finish(&r, idle);
    const double loss = imx_metrics_last_loss(r.metrics);
    if (status != IMX_OK)
        imx_metrics_log(r.metrics, "%s", imx_error_text());
    else if (idle)
        imx_metrics_log(r.metrics, "nothing is left to do at step %llu", (unsigned long long)r.at.step);
    else
        imx_metrics_log(r.metrics, "finished: step %llu, loss %.4f, %.0f s", (unsigned long long)r.at.step, loss,
                        seconds(&r));
    const struct imx_graph *g = r.step->graph.g;
    const double took = imx_now() - r.started;
    *result = (struct imx_run_result){ r.at.step,
                                       loss,
                                       seconds(&r),
                                       idle,
                                       took > 0 ? imx_feed_waited(r.feed) / took : 0,
                                       g->temp_bytes + g->keep_bytes,
                                       g->lower_bound + g->keep_bytes };
fail:
    settle_failed(&r, status);
    imx_feed_destroy(r.feed);
    imx_metrics_close(r.metrics);
    imx_step_destroy(r.step);
    return status;
}
