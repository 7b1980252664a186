/* Variants that store in half precision: their bound (src/ops/half.h) accepts a right kernel and no wrong one, integers
 * come out to the bit, and no device runs them unless the user asked. usage: check-half DEVICE */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "ops/gemm.h"
#include "ops/half.h"
#include "ops/launch.h"
#include "ops/selftest.h"
#include "wrong_kernels.h"

static bool supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps);
}

/* As in wrong.cl. */
enum kind { RIGHT, TRUNCATES, BFLOAT, HALF_SUM, NO_LAST, KINDS };
static const char *const kinds[] = { "right", "truncates", "bfloat", "half_sum", "no_last" };
static enum kind kind;

static imx_status run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gemm *g = problem;
    return imx_run_wrong_half(dev, imx_launch_1d(dev, (size_t)g->m * (size_t)g->n, NULL),
                              &(struct imx_k_wrong_half){ .a = a->m[IMX_GEMM_A],
                                                          .b = a->m[IMX_GEMM_B],
                                                          .dst = a->m[IMX_GEMM_DST],
                                                          .m = g->m,
                                                          .n = g->n,
                                                          .k = g->k,
                                                          .kind = (int32_t)kind });
}

static imx_status mag(const void *problem, void *const *arg, double *const *out)
{
    return imx_half_mag(&imx_op_gemm, IMX_GEMM_A, IMX_GEMM_B, problem, arg, out);
}

/* Each kind on a product with few terms and one with many. */
static void bound(struct imx_dev *dev)
{
    static const char *const text[] = { "m64n48k2_ta0tb0_bias0add0_act0", "m65n33k257_ta0tb0_bias0add0_act0" };
    struct imx_selftest_result r;
    for (int k = 0; k < KINDS; k++) {
        const struct imx_variant v = {
            .name = kinds[k], .supports = supports, .run = run, .mag = mag, .storage = IMX_HALF_STORAGE
        };
        int failed = 0, exact_failed = 0;
        double worst = 0;
        kind = (enum kind)k;
        for (int i = 0; i < 2; i++) {
            struct imx_gemm g;
            for (int exact = 0; exact < 2; exact++) {
                if (imx_problem_parse(&imx_op_gemm, text[i], &g) != IMX_OK ||
                    imx_selftest_case(dev, &imx_op_gemm, &v, &g, 5, exact, &r) != IMX_OK) {
                    tap_ok(false, "%s: %s", kinds[k], imx_error_text());
                    return;
                }
                *(exact ? &exact_failed : &failed) += r.failed;
                worst = !exact && r.worst > worst ? r.worst : worst;
            }
        }
        if (k == RIGHT)
            tap_ok(!failed && !exact_failed && worst > 0.2, "a right kernel is accepted, at %.2f of the bound", worst);
        else
            tap_ok(failed && worst > 1, "%s is caught, at %.2f of the bound", kinds[k], worst);
    }
    const struct imx_variant single = { .name = "right", .supports = supports, .run = run };
    struct imx_gemm g = { .m = 65, .n = 33, .k = 257 };
    kind = RIGHT;
    tap_ok(imx_selftest_case(dev, &imx_op_gemm, &single, &g, 5, false, &r) == IMX_OK && r.failed,
           "by the bound of single precision it would be wrong");
}

/* No variant that stores in half precision supports anything unless asked; then all that are there pass. */
static void asked(struct imx_dev *dev)
{
    int found = 0, supported = 0;
    for (int half = 0; half < 2; half++) {
        dev->caps.half = half;
        for (const struct imx_op *const *op = imx_ops; *op; op++)
            for (const struct imx_variant *const *v = (*op)->variants; v && *v; v++) {
                const struct imx_selftest_options o = { .cases = 6, .op = (*op)->name, .variant = (*v)->name };
                struct imx_selftest_summary s = { 0 };
                char problem[512];
                if (!((*v)->storage > 0) || imx_problem_parse(*op, (*op)->cases[0], problem) != IMX_OK)
                    continue;
                found++;
                if (!half) {
                    supported += (*v)->supports(&dev->caps, problem);
                    continue;
                }
                const imx_status ran = imx_selftest_run(dev, &o, &s);
                tap_ok(ran == IMX_OK && !s.failed, "%s/%s: %d cases, %.2f of its bound%s%s", (*op)->name, (*v)->name,
                       s.cases, s.worst_of_bound, s.n_failures ? ", " : "", s.n_failures ? s.failures[0].text : "");
                imx_selftest_finish(&s);
            }
    }
    tap_ok(found >= 16 && !supported, "%d variants, none of them without being asked for", found / 2);
    dev->caps.half = false;
}

/* The oracle's terms of the bound, by hand: 3 * 2^-14 of two numbers that half precision stores below its normal ones.
 */
static void small(void)
{
    const struct imx_gemm g = { .m = 1, .n = 1, .k = 3 };
    double a[] = { -3, 1e-9, 0 }, b[] = { 0x1p-20, 2, 7 }, dst = 0, out = 0;
    void *arg[IMX_MAX_ARGS] = { a, b, NULL, NULL, &dst };
    double *to[IMX_MAX_ARGS] = { NULL, NULL, NULL, NULL, &out };
    tap_ok(mag(&g, arg, to) == IMX_OK && out == 3 * 0x1p-14 + 2 * 0x1p-14, "factors below 2^-14 count as that, 0 as 0");
}

/* On a GPU that was asked the large products take them, and a tuned table of its own. */
static void chosen(void)
{
    struct imx_dev dev = { .caps = { .type = IMX_DEV_GPU,
                                     .local_bytes = 16384,
                                     .max_group = 256,
                                     .max_items = { 256, 256, 256 },
                                     .compute_units = 8 } };
    const struct imx_gemm g = { .m = 512, .n = 512, .k = 512 };
    const struct imx_variant *plain = imx_op_pick(&dev, &imx_op_gemm, &g, NULL);
    dev.caps.half = true;
    const struct imx_variant *half = imx_op_pick(&dev, &imx_op_gemm, &g, NULL);
    tap_ok(plain && half && !(plain->storage > 0) && half->storage > 0, "a GPU takes %s, and %s when asked",
           plain ? plain->name : "none", half ? half->name : "none");
    dev.caps.max_group = 64;
    half = imx_op_pick(&dev, &imx_op_gemm, &g, NULL);
    tap_ok(half && half->storage > 0, "with groups of 64 %s", half ? half->name : "none");
}

/* What half precision has no number for: infinite, and seen. */
static void beyond(struct imx_dev *dev)
{
    const struct imx_gemm g = { .m = 2, .n = 1, .k = 1 };
    const float a[] = { 65504, 65536 }, b[] = { 2 };
    float dst[2] = { 0 };
    struct imx_args args = { 0 };
    const struct {
        int at;
        const void *from;
        uint64_t bytes;
    } in[] = { { IMX_GEMM_A, a, sizeof a }, { IMX_GEMM_B, b, sizeof b }, { IMX_GEMM_DST, dst, sizeof dst } };
    imx_status status = IMX_OK;
    dev->caps.half = true;
    const struct imx_variant *v = imx_op_pick(dev, &imx_op_gemm, &g, "cl_tile_half8");
    if (!v) {
        tap_skip("beyond 65504", "this device has no groups of 64");
        return;
    }
    for (int i = 0; i < 3; i++) {
        args.m[in[i].at].bytes = in[i].bytes;
        IMX_GO(dev->vt->alloc(dev, in[i].bytes, &args.m[in[i].at].buf));
        IMX_GO(dev->vt->upload(dev, args.m[in[i].at], in[i].from, in[i].bytes));
    }
    IMX_GO(imx_op_run(dev, &imx_op_gemm, v, &g, &args));
    IMX_GO(dev->vt->download(dev, dst, args.m[IMX_GEMM_DST], sizeof dst));
fail:
    for (int i = 0; i < 3; i++)
        dev->vt->free(dev, args.m[in[i].at].buf);
    tap_ok(status == IMX_OK && dst[0] == 131008 && isinf(dst[1]), "65504 is the most, 65536 is infinite: %g, %g",
           (double)dst[0], (double)dst[1]);
    dev->caps.half = false;
}

int main(int argc, char **argv)
{
    struct imx_dev *dev;
    small();
    chosen();
    if (imx_dev_open(argc > 1 ? argv[1] : "auto", &dev, NULL) != IMX_OK || imx_dev_is_host(dev)) {
        tap_skip("half precision on a device", "there is no OpenCL device");
        return tap_done();
    }
    bound(dev);
    asked(dev);
    beyond(dev);
    imx_dev_close(dev);
    return tap_done();
}
