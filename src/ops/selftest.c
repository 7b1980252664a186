/* One case of the self-test; see selftest.h. An argument's image is what the whole buffer holds:
 *     [ guard 4096 | data | guard to the next multiple of 4096, and 4096 more ]
 * so that the data's offset suits sub-buffers and its last element touches a guard. */
#include "ops/selftest.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"

#define GUARD 4096u
/* NaNs that can be told apart, because arithmetic keeps a NaN's payload: outputs and their guards; guards of inputs;
 * workspace. */
#define POISON       0xffffdeadu
#define POISON_INPUT 0xffffbeefu
#define POISON_WORK  0xffffcafeu

struct slot {
    struct imx_arg arg;
    uint64_t bytes, total; /* of the data, of the image */
    struct imx_buf *buf;
    unsigned char *image;  /* what is uploaded */
    unsigned char *got[2]; /* what the two runs left */
    void *oracle;          /* doubles for f32, else the type itself */
    double *mag;
};

struct test {
    struct imx_dev *dev;
    const struct imx_op *op;
    const struct imx_variant *variant;
    const struct imx_variant *trusted; /* whose results stand for the oracle's; NULL: the oracle's own */
    struct imx_tuned *tuned;           /* in force while that one runs */
    const void *problem;
    uint64_t seed;
    bool exact;
    struct slot slot[IMX_MAX_ARGS + 1]; /* the last one is the workspace */
    int64_t floats, zeros;              /* output elements seen, and how many of them the oracle says are 0 */
    struct imx_selftest_result *result;
};

static imx_status no_memory(void)
{
    return imx_fail(IMX_E_NOMEM, "no memory for a self-test case");
}

static void drop(struct test *t)
{
    for (int i = 0; i <= IMX_MAX_ARGS; i++) {
        struct slot *s = &t->slot[i];
        t->dev->vt->free(t->dev, s->buf);
        free(s->image);
        free(s->got[0]);
        free(s->got[1]);
        free(s->oracle);
        free(s->mag);
    }
}

static float real_value(const struct test *t, enum imx_fill fill, uint32_t word, int32_t span)
{
    const float unit = imx_unit(word);
    if (fill == IMX_FILL_POSITIVE)
        return t->exact ? (float)(1 + word % 2) : 0.1f + 1.9f * unit;
    if (fill == IMX_FILL_UNIT)
        return t->exact ? 0.5f * (float)(word % 2) : unit;
    return t->exact ? (float)((int32_t)(word % (uint32_t)(2 * span + 1)) - span) : 2.0f * unit - 1.0f;
}

/* Writes the input's values into its image. */
static void fill_input(const struct test *t, int i)
{
    const struct slot *s = &t->slot[i];
    unsigned char *data = s->image + GUARD;
    const int32_t span = t->op->terms && t->op->terms(t->problem) > 100000 ? 1 : 3; /* sums stay below 2^24 */
    if (s->arg.fill == IMX_FILL_OTHER && t->op->fill) {
        t->op->fill(t->problem, i, data, t->seed);
        return;
    }
    for (int64_t k = 0; k < s->arg.count; k++) {
        uint32_t word[4], u;
        imx_random4(t->seed, (uint64_t)t->exact, IMX_STREAM_TEST + 64 * (uint32_t)(i + 1), (uint32_t)k, word);
        if (s->arg.fill == IMX_FILL_COUNTER) {
            const uint32_t counter[4] = { (uint32_t)t->seed, (uint32_t)(t->seed >> 32), 5, 0 };
            u = counter[k % 4];
        } else if (s->arg.dtype == IMX_F32) {
            const float v = real_value(t, s->arg.fill, word[0], span);
            memcpy(&u, &v, 4);
        } else if (s->arg.fill == IMX_FILL_INDEX) {
            u = s->arg.limit > 0 ? word[0] % (uint32_t)s->arg.limit : 0;
        } else {
            u = s->arg.dtype == IMX_I32 ? word[0] % 1000 : word[0];
        }
        if (s->arg.dtype == IMX_U8)
            data[k] = (unsigned char)u;
        else
            memcpy(data + 4 * k, &u, 4);
    }
}

static imx_status make_slot(struct test *t, int i, uint64_t bytes)
{
    struct slot *s = &t->slot[i];
    s->bytes = bytes;
    s->total = GUARD + (bytes + GUARD - 1) / GUARD * GUARD + GUARD;
    s->image = malloc(s->total);
    s->got[0] = malloc(s->total);
    s->got[1] = malloc(s->total);
    if (!s->image || !s->got[0] || !s->got[1])
        return no_memory();
    const uint32_t poison = i == IMX_MAX_ARGS ? POISON_WORK : s->arg.role == IMX_OUT ? POISON : POISON_INPUT;
    for (uint64_t k = 0; k < s->total; k += 4)
        memcpy(s->image + k, &poison, 4);
    return t->dev->vt->alloc(t->dev, s->total, &s->buf);
}

/* Allocates and fills everything, and lets the oracle work. */
static imx_status prepare(struct test *t)
{
    struct imx_arg arg[IMX_MAX_ARGS] = { { 0 } };
    void *ptr[IMX_MAX_ARGS] = { NULL };
    double *mag[IMX_MAX_ARGS] = { NULL };
    t->op->args(t->problem, arg);
    for (int i = 0; i < t->op->n_args; i++) {
        struct slot *s = &t->slot[i];
        s->arg = arg[i];
        if (!arg[i].count)
            continue;
        const size_t n = (size_t)arg[i].count, size = arg[i].dtype == IMX_F32 ? 8 : imx_dtype_size(arg[i].dtype);
        IMX_TRY(make_slot(t, i, n * imx_dtype_size(arg[i].dtype)));
        s->oracle = calloc(n, size);
        s->mag = malloc(n * sizeof *s->mag);
        if (!s->oracle || !s->mag)
            return no_memory();
        if (arg[i].role != IMX_OUT) {
            fill_input(t, i);
            if (arg[i].dtype != IMX_F32)
                memcpy(s->oracle, s->image + GUARD, s->bytes);
        }
        for (size_t k = 0; k < n; k++) {
            float v;
            s->mag[k] = (double)NAN;
            memcpy(&v, s->image + GUARD + (arg[i].dtype == IMX_F32 ? 4 * k : 0), 4);
            if (arg[i].dtype == IMX_F32 && arg[i].role != IMX_OUT)
                ((double *)s->oracle)[k] = (double)v;
        }
        ptr[i] = s->oracle;
        mag[i] = arg[i].role == IMX_IN ? NULL : s->mag;
    }
    uint64_t ws = t->variant->workspace ? t->variant->workspace(&t->dev->caps, t->problem) : 0;
    if (t->trusted && t->trusted->workspace) {
        struct imx_caps caps = t->dev->caps;
        caps.tuned = t->tuned;
        const uint64_t more = t->trusted->workspace(&caps, t->problem);
        ws = more > ws ? more : ws;
    }
    if (ws)
        IMX_TRY(make_slot(t, IMX_MAX_ARGS, ws));
    if (t->trusted)
        return IMX_OK;
    t->op->ref_f64(t->problem, ptr, mag);
    return t->variant->mag ? t->variant->mag(t->problem, ptr, mag) : IMX_OK;
}

static void fail_case(struct test *t, const char *fmt, ...) IMX_PRINTF(2, 3);
static void fail_case(struct test *t, const char *fmt, ...)
{
    char problem[256], what[512], repeat[320];
    if (t->result->failed)
        return; /* the first finding says most */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    imx_problem_print(t->op, t->problem, problem, sizeof problem);
    imx_selftest_repeat(t->dev, t->op, t->variant, t->problem, t->seed, repeat, sizeof repeat);
    t->result->failed = true;
    snprintf(t->result->text, sizeof t->result->text, "%s/%s %s (%s numbers): %.400s; repeat: %s", t->op->name,
             t->variant->name, problem, t->exact ? "exact" : "real", what, repeat);
}

/* The output that stands in an input's memory in the second run; NULL: none. */
static struct slot *over(struct test *t, const struct imx_variant *variant, int run, struct slot **in)
{
    struct slot *out = &t->slot[variant->over.out];
    *in = &t->slot[variant->over.in];
    return run && out != *in && out->bytes && out->bytes == (*in)->bytes ? out : NULL;
}

/* Uploads, runs and downloads. A variant that reports an error fails its case, but a lost device ends the test. */
static imx_status run_once(struct test *t, const struct imx_variant *variant, int run)
{
    struct imx_args args = { 0 };
    struct slot *in, *const out = over(t, variant, run, &in);
    const struct imx_dev_vt *vt = t->dev->vt;
    for (int i = 0; i <= IMX_MAX_ARGS; i++) {
        const struct slot *s = &t->slot[i];
        if (!s->buf)
            continue;
        IMX_TRY(vt->upload(t->dev, (struct imx_mem){ s->buf, 0, s->total }, s->image, s->total));
        *(i < IMX_MAX_ARGS ? &args.m[i] : &args.ws) = (struct imx_mem){ s->buf, GUARD, s->bytes };
    }
    if (out)
        args.m[variant->over.out] = args.m[variant->over.in];
    imx_status status = IMX_OK;
    /* Memory that was short for a moment says nothing about the variant: one that asks for too much does so twice. */
    for (int tries = 0; tries < 2 && (!tries || status == IMX_E_NOMEM); tries++) {
        imx_error_clear();
        status = imx_op_run(t->dev, t->op, variant, t->problem, &args);
        if (status == IMX_OK)
            status = vt->sync(t->dev);
    }
    if (status != IMX_OK) {
        fail_case(t, "%s", imx_error_text());
        return status == IMX_E_LOST ? status : IMX_OK;
    }
    for (int i = 0; i <= IMX_MAX_ARGS; i++) {
        const struct slot *s = &t->slot[i];
        if (s->buf)
            IMX_TRY(vt->download(t->dev, s->got[run], (struct imx_mem){ s->buf, 0, s->total }, s->total));
    }
    if (out) {
        memcpy(out->got[run] + GUARD, in->got[run] + GUARD, out->bytes);
        memcpy(in->got[run] + GUARD, in->image + GUARD, in->bytes);
    }
    return IMX_OK;
}

/* Guards are intact, inputs untouched, and both runs gave the same bits. */
static void check_memory(struct test *t, int i)
{
    const struct slot *s = &t->slot[i];
    const char *name = i < IMX_MAX_ARGS ? s->arg.name : "workspace";
    const bool input = i < IMX_MAX_ARGS && s->arg.role == IMX_IN;
    for (int run = 0; run < 2; run++)
        for (uint64_t k = 0; k < s->total; k++) {
            const bool data = k >= GUARD && k < GUARD + s->bytes;
            if ((data && !input) || s->got[run][k] == s->image[k])
                continue;
            if (data)
                fail_case(t, "wrote into its input %s, byte %llu", name, (unsigned long long)(k - GUARD));
            else
                fail_case(t, "wrote outside %s, %lld bytes from its start (it has %llu)", name,
                          (long long)k - (long long)GUARD, (unsigned long long)s->bytes);
            return;
        }
    if (i < IMX_MAX_ARGS && memcmp(s->got[0], s->got[1], s->total))
        fail_case(t, "two runs gave different bits in %s%s", name,
                  t->variant->over.out == i && t->variant->over.in != i ? ", the second over its input" : "");
}

/* Where a NaN seems to come from. */
static const char *origin(uint32_t bits)
{
    return bits == POISON_INPUT  ? " (from outside an input)"
           : bits == POISON_WORK ? " (from workspace that was read before it was written)"
                                 : "";
}

static void check_floats(struct test *t, int i)
{
    const struct slot *s = &t->slot[i];
    const double *want = s->oracle;
    const bool to_the_bit = t->exact && !t->variant->rounds && !(t->trusted && t->trusted->rounds);
    t->floats += s->arg.count;
    for (int64_t k = 0; k < s->arg.count; k++) {
        uint32_t bits;
        float got;
        memcpy(&bits, s->got[0] + GUARD + 4 * k, 4);
        memcpy(&got, &bits, 4);
        t->zeros += want[k] == 0.0;
        const double near = imx_variant_bound(t->op, t->variant, t->problem, s->mag[k], want[k]);
        const double bound =
            to_the_bit ? 0.0 : near + (t->trusted && t->trusted->storage > 0 ? t->trusted->storage * s->mag[k] : 0.0);
        const double error = to_the_bit ? ((double)got == (double)(float)want[k] ? 0.0 : fabs((double)got - want[k]))
                                        : fabs((double)got - want[k]);
        if (bound > 0 && error / bound > t->result->worst)
            t->result->worst = error / bound;
        if (isfinite(want[k]) && error <= bound)
            continue;
        if (bits == POISON)
            fail_case(t, "%s[%lld] was never written (want %.9g)", s->arg.name, (long long)k, want[k]);
        else
            fail_case(t, "%s[%lld] = %.9g%s, want %.9g, error %.3g, bound %.3g", s->arg.name, (long long)k, (double)got,
                      origin(bits), want[k], error, bound);
        return;
    }
}

static void check_integers(struct test *t, int i)
{
    const struct slot *s = &t->slot[i];
    const size_t size = imx_dtype_size(s->arg.dtype);
    for (int64_t k = 0; k < s->arg.count; k++) {
        uint32_t got = 0, want = 0;
        memcpy(&got, s->got[0] + GUARD + (size_t)k * size, size);
        memcpy(&want, (const unsigned char *)s->oracle + (size_t)k * size, size);
        if (got == want)
            continue;
        fail_case(t, "%s[%lld] = %d, want %d%s", s->arg.name, (long long)k, (int32_t)got, (int32_t)want,
                  got == POISON ? " (never written)" : "");
        return;
    }
}

/* What the trusted variant computes, as if the oracle had. */
static imx_status ask_trusted(struct test *t)
{
    struct imx_tuned *const own = t->dev->caps.tuned;
    t->dev->caps.tuned = t->tuned;
    const imx_status ran = run_once(t, t->trusted, 0);
    t->dev->caps.tuned = own;
    IMX_TRY(ran);
    for (int i = 0; i < t->op->n_args && !t->result->failed; i++) {
        const struct slot *s = &t->slot[i];
        const unsigned char *data = s->got[0] + GUARD;
        double most = 0;
        if (!s->buf || s->arg.role == IMX_IN)
            continue;
        if (s->arg.dtype != IMX_F32) {
            memcpy(s->oracle, data, s->bytes);
            continue;
        }
        for (int64_t k = 0; k < s->arg.count; k++) {
            float v;
            memcpy(&v, data + 4 * k, 4);
            ((double *)s->oracle)[k] = (double)v;
            most = fabs((double)v) > most ? fabs((double)v) : most;
        }
        for (int64_t k = 0; k < s->arg.count; k++)
            s->mag[k] = 2 * most;
    }
    return IMX_OK;
}

static imx_status run_case(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                           const struct imx_variant *trusted, struct imx_tuned *tuned, const void *problem,
                           uint64_t seed, bool exact, struct imx_selftest_result *result)
{
    struct test *t = calloc(1, sizeof *t);
    imx_status status = IMX_OK;
    *result = (struct imx_selftest_result){ 0 };
    if (!t)
        return no_memory();
    t->dev = dev, t->op = op, t->variant = variant, t->trusted = trusted, t->tuned = tuned, t->problem = problem;
    t->seed = seed, t->exact = exact, t->result = result;
    IMX_GO(prepare(t));
    if (trusted)
        IMX_GO(ask_trusted(t));
    if (!result->failed)
        IMX_GO(run_once(t, variant, 0));
    if (!result->failed)
        IMX_GO(run_once(t, variant, 1));
    for (int i = 0; i <= IMX_MAX_ARGS && !result->failed; i++)
        if (t->slot[i].buf)
            check_memory(t, i);
    for (int i = 0; i < op->n_args && !result->failed; i++)
        if (t->slot[i].buf && t->slot[i].arg.role != IMX_IN)
            (t->slot[i].arg.dtype == IMX_F32 ? check_floats : check_integers)(t, i);
    if (t->floats >= 16 && t->zeros == t->floats)
        fail_case(t, "every output is zero even for the oracle: this problem tests nothing");
    if (result->failed && !(result->worst > 1))
        result->worst = (double)INFINITY;
fail:
    drop(t);
    free(t);
    return status;
}

imx_status imx_selftest_case(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                             const void *problem, uint64_t seed, bool exact, struct imx_selftest_result *result)
{
    return run_case(dev, op, variant, NULL, NULL, problem, seed, exact, result);
}

imx_status imx_selftest_against(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                                const struct imx_variant *trusted, struct imx_tuned *tuned, const void *problem,
                                uint64_t seed, bool exact, struct imx_selftest_result *result)
{
    return run_case(dev, op, variant, trusted, tuned, problem, seed, exact, result);
}

void imx_selftest_repeat(const struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                         const void *problem, uint64_t seed, char *text, size_t size)
{
    char p[128];
    imx_problem_print(op, problem, p, sizeof p);
    snprintf(text, size, "infomax selftest --device %s --op %s --variant %s --problem %.127s --seed %llu%s",
             dev->caps.id, op->name, variant->name, p, (unsigned long long)seed, variant->storage > 0 ? " --half" : "");
}
