/* See finetune.h. As in training, batch and step follow from the seed and the step's number alone. */
#include "train/finetune.h"

#include <math.h>
#include <string.h>

#include "data/batch.h"
#include "graph/weights.h"
#include "ops/optim.h"

static int32_t batch_of(const struct imx_finetune *how)
{
    return how->n_labelled < how->config->batch ? how->n_labelled : (int32_t)how->config->batch;
}

uint64_t imx_finetune_steps(const struct imx_finetune *how)
{
    const int32_t batch = batch_of(how);
    const uint64_t steps = batch > 0 ? how->epochs * (uint64_t)(how->n_labelled / batch) : 0;
    return steps > how->steps ? steps : how->steps;
}

static imx_status create(struct imx_dev *dev, const struct imx_finetune *how, const struct imx_dataset *ds,
                         const struct imx_config *c, struct imx_step **out)
{
    const struct imx_net_spec spec = { .encoder = how->encoder,
                                       .batch = batch_of(how),
                                       .h = ds->h,
                                       .w = ds->w,
                                       .c = ds->c,
                                       .objective = &imx_supervised,
                                       .head = how->head };
    if (how->n_labelled < 2)
        return imx_fail(IMX_E_DATA, "%d labelled images are too few to learn from", how->n_labelled);
    IMX_TRY(imx_step_create(dev, c, &spec, out));
    return how->weights ? imx_weights_read_part(how->weights, (*out)->store, "encoder.") : IMX_OK;
}

static imx_status train(struct imx_step *s, const struct imx_finetune *how, struct imx_config *c,
                        struct imx_batches *batches, double *loss)
{
    const uint64_t steps = imx_finetune_steps(how), last = (steps + 9) / 10;
    double sum = 0;
    for (uint64_t i = 0; i < steps; i++) {
        struct imx_batch batch;
        struct imx_step_result now;
        c->lr = imx_falling_rate(how->config->lr, (int64_t)i, (int64_t)steps);
        IMX_TRY(imx_batches_next(batches, &batch));
        IMX_TRY(imx_step_labels(s, batch.label));
        IMX_TRY(imx_step_run(s, c, i, batch.pix, batch.aug, &now));
        if (!now.finite)
            return imx_fail(IMX_E_NONFINITE,
                            "step %llu: the loss is %g and the gradient norm %g (a smaller --lr may help)",
                            (unsigned long long)i, (double)now.loss, (double)now.grad_norm);
        sum += i + last >= steps ? (double)now.loss : 0;
        if (how->progress && !how->progress(how->user, i + 1, steps, (double)now.loss))
            return imx_fail(IMX_E_STOPPED, "stopped at step %llu of %llu", (unsigned long long)i + 1,
                            (unsigned long long)steps);
    }
    if (loss)
        *loss = last ? sum / (double)last : (double)NAN;
    return IMX_OK;
}

imx_status imx_finetune(struct imx_dev *dev, const struct imx_finetune *how, const struct imx_dataset *ds,
                        struct imx_step **out, double *loss)
{
    imx_status status = IMX_OK;
    struct imx_config c = *how->config;
    struct imx_batch_options o = imx_config_batches(&c, ds->h);
    struct imx_batches *batches = NULL;
    struct imx_step *s = NULL;
    o.batch = batch_of(how);
    o.subset = how->labelled;
    o.subset_n = how->n_labelled;
    IMX_GO(create(dev, how, ds, &c, &s));
    IMX_GO(imx_batches_create(ds, &o, &batches));
    IMX_GO(train(s, how, &c, batches, loss));
    imx_batches_destroy(batches);
    *out = s;
    return IMX_OK;
fail:
    imx_batches_destroy(batches);
    imx_step_destroy(s);
    return status;
}
