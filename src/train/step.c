/* See step.h. */
#include "train/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/philox.h"
#include "graph/audit.h"
#include "ops/critic.h"
#include "ops/optim.h"

const struct imx_encoder *imx_choose_encoder(const char *name, int32_t side)
{
    if (strcmp(name, "auto"))
        return imx_encoder_find(name);
    return imx_encoder_find(side < 32 ? "basic28" : side < 64 ? "basic32" : "basic64");
}

const char *imx_choose_estimator(const char *name, const struct imx_critic_form *critic)
{
    return strcmp(name, "auto") ? name : imx_estimator_name(critic->estimator);
}

static bool same(const char *name)
{
    return !name || !strcmp(name, "same");
}

const char *imx_choose_global_critic(const struct imx_config *c)
{
    return same(c->global_critic) ? c->critic : c->global_critic;
}

const char *imx_choose_global_estimator(const struct imx_config *c, const struct imx_critic_form *critic)
{
    return imx_choose_estimator(same(c->global_estimator) ? c->estimator : c->global_estimator, critic);
}

bool imx_uniform_gamma(const struct imx_config *c)
{
    return c->bn_init && !strcmp(c->bn_init, "uniform");
}

struct imx_batch_options imx_config_batches(const struct imx_config *c, int32_t h)
{
    return (struct imx_batch_options){ .batch = (int32_t)c->batch,
                                       .seed = (uint64_t)c->seed,
                                       .shuffle = true,
                                       .flip = strstr(c->augment, "flip") != NULL,
                                       .crop = (int32_t)c->crop,
                                       .crop_random = c->crop > 0,
                                       .pad = strstr(c->augment, "crop") ? h / 8 : 0 };
}

/* A term's critic. Width and scale are for both terms; 0 leaves each critic its own. */
static imx_status critic_spec(const struct imx_config *c, const struct imx_critic_form *form, const char *estimator,
                              struct imx_critic_spec *spec)
{
    *spec = (struct imx_critic_spec){
        .form = form,
        .units = c->critic_units ? (int32_t)c->critic_units : form->units,
        .estimator = imx_estimator_find(estimator),
        .scale = (float)c->score_scale,
        .tau = (float)c->smile_tau,
        .decay = (float)c->ema_decay,
        .clip = (float)c->score_clip,
        .l2 = (float)c->score_l2,
        .negatives = (int32_t)c->negatives,
        .locals = (int32_t)c->locals,
        .globals = (int32_t)c->globals,
    };
    return spec->estimator < 0 ? imx_fail(IMX_E_ARG, "no estimator \"%s\"", estimator) : IMX_OK;
}

/* --negatives is for the critics that score all pairs; beside one of them, a critic that has one negative for each
 * positive goes without. */
static void spare_negatives(struct imx_critic_spec *spec, const struct imx_critic_spec *other)
{
    if (!(spec->form->can & IMX_CRITIC_ALL_PAIRS) && other->form->can & IMX_CRITIC_ALL_PAIRS)
        spec->negatives = 0;
}

/* What is not used is not checked: the other term's critic may be one that could not do this. */
static imx_status check_critics(const struct imx_config *c, struct imx_net_spec *spec)
{
    const struct imx_mix m = imx_objective_mix(spec->objective, &spec->mix);
    const bool global = m.alpha > 0, local = m.beta > 0 || !global;
    const bool own = !same(c->global_critic) || !same(c->global_estimator);
    if (!global && spec->mix.alpha < 0 && own)
        return imx_fail(IMX_E_ARG,
                        "--global-%s %s: the objective %s has no global term; dim-global and dim-local-global do",
                        same(c->global_critic) ? "estimator" : "critic",
                        same(c->global_critic) ? c->global_estimator : c->global_critic, spec->objective->name);
    if (c->negatives >= c->batch)
        return imx_fail(IMX_E_ARG, "--negatives %lld: a batch of %lld has %lld other images for each",
                        (long long)c->negatives, (long long)c->batch, (long long)c->batch - 1);
    if (global && local) {
        const struct imx_critic_spec first = spec->critic;
        spare_negatives(&spec->critic, &spec->global);
        spare_negatives(&spec->global, &first);
    }
    if (local)
        IMX_TRY(imx_critic_check(&spec->critic));
    const struct imx_critic_spec whole = imx_net_global(spec);
    const imx_status s = global ? imx_critic_check(&whole) : IMX_OK;
    return s == IMX_OK || !own ? s : imx_note(s, "the global term (--global-critic, --global-estimator)");
}

static imx_status choose_critics(const struct imx_config *c, struct imx_net_spec *spec)
{
    const struct imx_critic_form *form = imx_critic_find(c->critic);
    const struct imx_critic_form *global = form ? imx_critic_find(imx_choose_global_critic(c)) : NULL;
    if (!form || !global)
        return IMX_E_ARG;
    IMX_TRY(critic_spec(c, form, imx_choose_estimator(c->estimator, form), &spec->critic));
    IMX_TRY(critic_spec(c, global, imx_choose_global_estimator(c, global), &spec->global));
    return check_critics(c, spec);
}

static int find_coordinates(const char *name)
{
    if (!name || !strcmp(name, "none"))
        return 0;
    return !strcmp(name, "absolute")   ? IMX_COORDINATES_ABSOLUTE
           : !strcmp(name, "relative") ? IMX_COORDINATES_RELATIVE
                                       : IMX_COORDINATES_ABSOLUTE | IMX_COORDINATES_RELATIVE;
}

static bool is(const char *name, const char *what)
{
    return name && !strcmp(name, what);
}

/* Nothing is asked for that would have no effect. */
static imx_status check_idle(const struct imx_config *c, const struct imx_mix *m)
{
    if (!m->occlude && (m->occlude_fill != 0 || m->occlude_min || m->occlude_max || m->occlude_own))
        return imx_fail(IMX_E_ARG, "--occlude-%s is about what covers the images: it needs --occlude",
                        m->occlude_fill != 0 ? "fill"
                        : m->occlude_min     ? "min"
                        : m->occlude_max     ? "max"
                                             : "statistics");
    if (!m->coordinates && m->coordinates_net)
        return imx_fail(IMX_E_ARG, "--coordinates-net %s: no coordinates are predicted (--coordinates)",
                        c->coordinates_net);
    return IMX_OK;
}

imx_status imx_step_spec(const struct imx_config *c, int32_t h, int32_t w, int32_t ch, struct imx_net_spec *spec)
{
    const int32_t whole = h < w ? h : w, crop = (int32_t)c->crop, side = crop ? crop : whole;
    *spec = (struct imx_net_spec){ .batch = (int32_t)c->batch, .h = h, .w = w, .c = ch, .croph = crop, .cropw = crop };
    if (crop > whole)
        return imx_fail(IMX_E_ARG, "--crop %d: images of %dx%d have no such parts", crop, w, h);
    spec->encoder = imx_choose_encoder(c->encoder, side);
    if (!spec->encoder)
        return IMX_E_ARG;
    spec->sgd = c->optimizer && !strcmp(c->optimizer, "sgd");
    spec->objective = c->objective ? imx_objective_find(c->objective) : &imx_objectives[0];
    if (!spec->objective)
        return IMX_E_ARG;
    spec->mix = (struct imx_mix){ .alpha = c->alpha,
                                  .beta = c->beta,
                                  .gamma = c->gamma,
                                  .penalty = c->penalty,
                                  .occlude = c->occlude,
                                  .coordinates = find_coordinates(c->coordinates),
                                  .coordinates_weight = c->coordinates_weight,
                                  .activation = c->activation_penalty,
                                  .cpc_steps = (int32_t)c->cpc_steps,
                                  .vae_beta = c->vae_beta,
                                  .occlude_fill = c->occlude_fill,
                                  .occlude_min = (int32_t)c->occlude_min,
                                  .occlude_max = (int32_t)c->occlude_max,
                                  .occlude_own = is(c->occlude_statistics, "own"),
                                  .coordinates_net = is(c->coordinates_net, "residual") ? IMX_COORDINATES_RESIDUAL
                                                                                        : IMX_COORDINATES_MLP };
    IMX_TRY(check_idle(c, &spec->mix));
    if (!c->objective)
        spec->mix = (struct imx_mix){ .alpha = -1, .beta = -1, .gamma = -1, .penalty = -1, .vae_beta = -1 };
    else
        spec->mix.prior = !strcmp(c->prior, "auto")       ? IMX_PRIOR_OWN
                          : !strcmp(c->prior, "gaussian") ? IMX_PRIOR_GAUSSIAN
                                                          : IMX_PRIOR_UNIFORM;
    if (spec->objective->rebuilds) {
        spec->decoder = imx_decoder_find(c->decoder, spec->encoder, side);
        if (!spec->decoder)
            return IMX_E_ARG;
    }
    return choose_critics(c, spec);
}

imx_status imx_step_create(struct imx_dev *dev, const struct imx_config *c, const struct imx_net_spec *spec,
                           struct imx_step **out)
{
    imx_status status = IMX_OK;
    struct imx_step *s = calloc(1, sizeof *s);
    if (!s)
        return imx_fail(IMX_E_NOMEM, "no memory for a training step");
    s->dev = dev;
    s->spec = *spec;
    IMX_GO(imx_store_create(dev, true, &s->store));
    IMX_GO(imx_net_create(dev, s->store, spec, c->memory, &s->graph));
    s->store->uniform_gamma = imx_uniform_gamma(c);
    IMX_GO(imx_store_init(s->store, (uint64_t)c->seed));
    *out = s;
    return IMX_OK;
fail:
    imx_step_destroy(s);
    return status;
}

void imx_step_destroy(struct imx_step *s)
{
    if (!s)
        return;
    imx_net_finish(&s->graph);
    imx_store_destroy(s->store);
    free(s);
}

static imx_status upload_hyp(struct imx_step *s, const struct imx_config *c, uint64_t step)
{
    float hyp[IMX_HYP_COUNT];
    imx_adam_hyp(c->lr, s->spec.sgd ? c->momentum : c->beta1, c->beta2, c->eps, c->weight_decay, (int64_t)step + 1,
                 hyp);
    return imx_graph_upload(s->graph.g, s->graph.hyp, hyp);
}

/* What follows from seed and step alone. */
static imx_status upload_numbers(struct imx_step *s, const struct imx_config *c, uint64_t step)
{
    IMX_TRY(imx_net_draw(&s->graph, (uint64_t)c->seed, step));
    return upload_hyp(s, c, step);
}

/* One wait for all of it. */
imx_status imx_step_end(struct imx_step *s, struct imx_step_result *r)
{
    struct imx_graph *g = s->graph.g;
    r->n_terms = s->graph.n_terms > 1 ? s->graph.n_terms : 0;
    s->left.info[0] = s->left.info[1] = s->left.info[2] = NAN;
    IMX_TRY(imx_graph_fetch(g, s->graph.loss, &s->left.loss));
    if (s->graph.info)
        IMX_TRY(imx_graph_fetch(g, s->graph.info, s->left.info));
    for (int i = 0; i < r->n_terms; i++)
        IMX_TRY(imx_graph_fetch(g, s->graph.term[i].value, &s->left.term[i]));
    IMX_TRY(imx_graph_download(g, s->graph.norm, s->left.norm));
    memcpy(r->term, s->left.term, sizeof r->term);
    r->loss = s->left.loss;
    r->e_pos = s->left.info[0];
    r->e_neg = s->left.info[1];
    r->mi = s->left.info[2];
    if (s->graph.classes)
        r->mi = (float)log((double)s->graph.classes) - r->loss;
    r->grad_norm = s->left.norm[0];
    r->finite = isfinite(r->loss) && s->left.norm[1] == 0.0f && isfinite(r->grad_norm);
    return IMX_OK;
}

void imx_step_images(struct imx_step *s, const int32_t *index)
{
    s->graph.index = index;
}

imx_status imx_step_labels(struct imx_step *s, const int32_t *label)
{
    return imx_graph_upload(s->graph.g, s->graph.label, label);
}

imx_status imx_step_begin(struct imx_step *s, const struct imx_config *c, uint64_t step)
{
    IMX_TRY(upload_numbers(s, c, step));
    return imx_graph_run(s->graph.g);
}

imx_status imx_step_audit(struct imx_step *s, const struct imx_config *c, uint64_t step)
{
    struct imx_audit audit;
    uint32_t draw = 0;
    const uint32_t node =
        imx_random_below((uint64_t)c->seed, step, IMX_STREAM_AUDIT, &draw, (uint32_t)s->graph.g->n_nodes);
    IMX_TRY(upload_numbers(s, c, step));
    IMX_TRY(imx_graph_run_audited(s->graph.g, (int)node, &audit));
    if (audit.failed)
        return imx_fail(IMX_E_SELFTEST, "audit: %s", audit.text);
    imx_log(IMX_LOG_DEBUG, "audit: %s within %.2f of its bound", audit.node, audit.worst);
    return IMX_OK;
}

imx_status imx_step_run(struct imx_step *s, const struct imx_config *c, uint64_t step, const uint8_t *bytes,
                        const int32_t *aug, struct imx_step_result *r)
{
    IMX_TRY(imx_graph_upload(s->graph.g, s->graph.bytes, bytes));
    IMX_TRY(imx_graph_upload(s->graph.g, s->graph.aug, aug));
    IMX_TRY(imx_step_begin(s, c, step));
    return imx_step_end(s, r);
}

double imx_mi_ceiling(const struct imx_net *net)
{
    if (net->classes)
        return log((double)net->classes);
    if (!net->info)
        return (double)NAN;
    return imx_critic_ceiling(&net->lead, net->pixels.n, net->locals);
}
