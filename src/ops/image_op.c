/* Bytes to normalised floats as an op. It has no gradient: bytes are data. See image.h. */
#include "base/philox.h"
#include "ops/image.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_image[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_image, n), false },
    { "h", offsetof(struct imx_image, h), false },
    { "w", offsetof(struct imx_image, w), false },
    { "c", offsetof(struct imx_image, c), false },
    { "_croph", offsetof(struct imx_image, croph), false },
    { "w", offsetof(struct imx_image, cropw), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_image *d = problem;
    if (d->n < 1 || d->h < 1 || d->w < 1 || d->c < 1 || d->croph < 1 || d->cropw < 1)
        return "sizes must be positive";
    return (double)d->n * d->croph * d->cropw * d->c > INT32_MAX ? "n*croph*cropw*c must stay below 2^31" : NULL;
}

static int64_t dst_count(const struct imx_image *d)
{
    return (int64_t)d->n * d->croph * d->cropw * d->c;
}

static void args(const void *problem, struct imx_arg *arg)
{
    const struct imx_image *d = problem;
    const int64_t bytes = (int64_t)d->n * d->h * d->w * d->c;
    arg[IMX_IMAGE_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_U8, bytes, IMX_FILL_BYTES, 0 };
    arg[IMX_IMAGE_AUG] = (struct imx_arg){ "aug", IMX_IN, IMX_I32, (int64_t)d->n * 3, IMX_FILL_OTHER, 0 };
    arg[IMX_IMAGE_MEAN] = (struct imx_arg){ "mean", IMX_IN, IMX_F32, d->c, IMX_FILL_UNIT, 0 };
    arg[IMX_IMAGE_INVSTD] = (struct imx_arg){ "invstd", IMX_IN, IMX_F32, d->c, IMX_FILL_POSITIVE, 0 };
    arg[IMX_IMAGE_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, dst_count(d), IMX_FILL_REAL, 0 };
}

/* Crops anywhere from two pixels outside the image on one side to two outside on the other, half of them flipped. */
static void fill(const void *problem, int i, void *data, uint64_t seed)
{
    const struct imx_image *d = problem;
    int32_t *aug = data;
    if (i != IMX_IMAGE_AUG)
        return;
    for (int32_t n = 0; n < d->n; n++) {
        const int32_t high = d->h - d->croph, wide = d->w - d->cropw;
        uint32_t r[4];
        imx_random4(seed, 0, IMX_STREAM_TEST, (uint32_t)n, r);
        aug[3 * n] = (int32_t)(r[0] % (uint32_t)((high > 0 ? high : 0) + 5)) - 2;
        aug[3 * n + 1] = (int32_t)(r[1] % (uint32_t)((wide > 0 ? wide : 0) + 5)) - 2;
        aug[3 * n + 2] = (int32_t)(r[2] & 1);
    }
}

static double flop(const void *problem)
{
    return 3.0 * (double)dst_count(problem);
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 3;
}

static const char *const cases[] = {
    "n1h1w1c1_croph1w1",
    "n3h8w8c3_croph8w8",
    "n2h9w7c3_croph5w4",
    "n5h6w5c1_croph3w5",
    "n2h4w4c4_croph6w6",
    "n4h16w16c3_croph13w11",
    NULL,
};

const struct imx_op imx_op_image = {
    .name = "image",
    .problem_size = sizeof(struct imx_image),
    .fields = fields,
    .n_args = 5,
    .args = args,
    .check = check,
    .ref_f32 = imx_ref_image_f32,
    .ref_f64 = imx_ref_image_f64,
    .variants = imx_variants_image,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 3, /* a division */
    .fill = fill,
    .cases = cases,
};
