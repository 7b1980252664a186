/* See adjust.h. */
#include "eval/adjust.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/classify.h"
#include "ops/eltwise.h"
#include "ops/image.h"
#include "ops/optim.h"
#include "ops/reduce.h"

static const double B1 = 0.5, B2 = 0.999, EPS = 1e-8;

struct imx_fit_image imx_fit_image(struct imx_graph *g, int32_t n, int32_t h, int32_t w, int32_t c)
{
    struct imx_fit_image i = { .n = n, .h = h, .w = w, .c = c };
    const struct imx_image p = { n, h, w, c, h, w };
    const int64_t count = (int64_t)n * h * w * c;
    i.bytes = imx_graph_keep(g, IMX_U8, count, "bytes");
    i.aug = imx_graph_keep(g, IMX_I32, (int64_t)n * 3, "aug");
    i.mean = imx_graph_keep(g, IMX_F32, c, "mean");
    i.invstd = imx_graph_keep(g, IMX_F32, c, "invstd");
    i.map = (struct imx_map){ imx_graph_temp(g, IMX_F32, count, "image"), n, h, w, c };
    imx_graph_node(g, &imx_op_image, &p, (imx_tid[]){ i.bytes, i.aug, i.mean, i.invstd, i.map.t });
    return i;
}

imx_status imx_fit_image_ready(struct imx_graph *g, const struct imx_fit_image *i)
{
    int32_t *aug = calloc((size_t)i->n * 3, sizeof *aug);
    if (!aug)
        return imx_fail(IMX_E_NOMEM, "no memory for a batch of images");
    const imx_status status = imx_graph_upload(g, i->aug, aug);
    free(aug);
    return status == IMX_OK ? imx_encoder_range(g, i->mean, i->invstd, i->c) : status;
}

void imx_fit_gather(const uint8_t *pix, size_t image, const uint32_t *index, int64_t first, int32_t count, int32_t n,
                    uint8_t *bytes)
{
    for (int32_t i = 0; i < n; i++) {
        const int64_t at = first + (i < count ? i : count - 1);
        memcpy(bytes + (size_t)i * image, pix + (size_t)(index ? index[at] : at) * image, image);
    }
}

imx_status imx_fit_standardise(float *codes, int64_t n, int32_t d)
{
    const struct imx_samples s = { .x = codes, .n = n, .d = d };
    float *of = malloc(2 * (size_t)d * sizeof *of);
    if (!of)
        return imx_fail(IMX_E_NOMEM, "no memory to standardise codes");
    const imx_status status = imx_standardise(&s, of, of + d);
    for (int64_t i = 0; i < n * d && status == IMX_OK; i++)
        codes[i] = (codes[i] - of[i % d]) * of[d + i % d];
    free(of);
    return status;
}

imx_status imx_fit_step(const struct imx_fit *f, int64_t step)
{
    float hyp[IMX_HYP_COUNT];
    imx_adam_hyp(imx_falling_rate(f->lr, step, f->steps), B1, B2, EPS, 0.0, step + 1, hyp);
    IMX_TRY(imx_graph_upload(f->g, f->hyp, hyp));
    return imx_graph_run(f->g);
}

imx_status imx_fit_check(const struct imx_fit *f, const char *what)
{
    float norm[2];
    IMX_TRY(imx_graph_download(f->g, f->norm, norm));
    if (norm[1] == 0.0f && isfinite(norm[0]))
        return IMX_OK;
    return imx_fail(IMX_E_NONFINITE, "the gradient of %s is not finite", what);
}

imx_tid imx_fit_axpby(struct imx_graph *g, imx_tid a, double alpha, imx_tid b, double beta, int64_t n)
{
    const struct imx_axpby d = { (int32_t)n, (float)alpha, b ? (float)beta : 0.0f };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, n, "sum");
    imx_graph_node(g, &imx_op_axpby, &d, (imx_tid[]){ a, b, dst });
    return dst;
}

imx_tid imx_fit_mean(struct imx_graph *g, imx_tid x, int64_t n)
{
    const struct imx_rowreduce d = { 1, (int32_t)n, IMX_REDUCE_MEAN };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, 1, "mean");
    imx_graph_node(g, &imx_op_rowreduce, &d, (imx_tid[]){ x, dst });
    return dst;
}

imx_tid imx_fit_mul(struct imx_graph *g, imx_tid a, imx_tid b, int64_t n)
{
    const imx_tid dst = imx_graph_temp(g, IMX_F32, n, "product");
    imx_graph_node(g, &imx_op_mul, &(struct imx_mul){ (int32_t)n }, (imx_tid[]){ a, b, dst });
    return dst;
}

double imx_dv_value(const float *joint, int64_t n_joint, const float *marginal, int64_t n_marginal)
{
    double mean = 0, most = -HUGE_VAL, sum = 0;
    for (int64_t i = 0; i < n_joint; i++)
        mean += (double)joint[i] / (double)n_joint;
    for (int64_t i = 0; i < n_marginal; i++)
        most = (double)marginal[i] > most ? (double)marginal[i] : most;
    for (int64_t i = 0; i < n_marginal; i++)
        sum += exp((double)marginal[i] - most);
    return mean - (most + log(sum) - log((double)n_marginal));
}
