/* The critic as ops: arguments, gradient rule, the problems that the self-test runs. See critic.h. */
#include "ops/critic.h"
#include "ops/ref.h"

#include <math.h>
#include <string.h>

extern const struct imx_variant *const imx_variants_critic_fwd[], *const imx_variants_critic_bwd[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_critic, n), false },
    { "p", offsetof(struct imx_critic, p), false },
    { "q", offsetof(struct imx_critic, q), false },
    { "_d", offsetof(struct imx_critic, d0), false },
    { "x", offsetof(struct imx_critic, d1), false },
    { "b", offsetof(struct imx_critic, bias), false },
    { "_est", offsetof(struct imx_critic, est), false },
    { "_scale", offsetof(struct imx_critic, scale), true },
    { "_neg", offsetof(struct imx_critic, neg), false, true },
    { "_par", offsetof(struct imx_critic, par), true, true },
    { "_clip", offsetof(struct imx_critic, clip), true, true },
    { "_pull", offsetof(struct imx_critic, l2), true, true },
    { NULL, 0, false },
};

/* Name of enum imx_estimator. */
static const struct {
    const char *name;
    int32_t est;
} names[] = {
    { "infonce", IMX_EST_INFONCE }, { "jsd", IMX_EST_JSD },     { "dv", IMX_EST_DV },         { "gan", IMX_EST_GAN },
    { "kl", IMX_EST_KL },           { "nwj", IMX_EST_KL },      { "rkl", IMX_EST_RKL },       { "h2", IMX_EST_H2 },
    { "chi2", IMX_EST_CHI2 },       { "smile", IMX_EST_SMILE }, { "dv-ema", IMX_EST_DV_EMA },
};

int32_t imx_estimator_find(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].name, name))
            return names[i].est;
    return -1;
}

const char *imx_estimator_name(int32_t est)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].est == est)
            return names[i].name;
    return NULL;
}

bool imx_estimator_nats(int32_t est)
{
    return est == IMX_EST_INFONCE || est == IMX_EST_DV || est == IMX_EST_DV_EMA || est == IMX_EST_SMILE ||
           est == IMX_EST_KL;
}

double imx_estimator_ceiling(int32_t est, double negatives)
{
    return est == IMX_EST_INFONCE ? log(1 + negatives) : (double)INFINITY;
}

static const char *check(const void *problem)
{
    const struct imx_critic *d = problem;
    if (d->n < 2)
        return "n must be at least 2: with one image there are no negatives";
    if (d->p < 1 || d->q < 1 || d->d0 < 1 || d->d1 < 0)
        return "sizes must be positive";
    if (d->bias != 0 && d->bias != 1)
        return "bias is 0 or 1";
    if (d->est < IMX_EST_INFONCE || d->est > IMX_EST_DV_EMA)
        return "est is 0 (infonce), 1 (jsd), 2 (dv), 3 (gan), 4 (kl), 5 (rkl), 6 (h2), 7 (chi2), 8 (smile) or 9 "
               "(dv-ema)";
    if (d->neg < 0 || d->neg > d->n - 1)
        return "neg must lie in [0, n - 1]";
    if (d->est == IMX_EST_SMILE && !(d->par > 0))
        return "smile needs a par above 0";
    if (d->est == IMX_EST_DV_EMA && !(d->par > 0 && d->par < 1))
        return "dv-ema needs a par between 0 and 1";
    if (!(d->clip >= 0 && isfinite(d->clip)) || !(d->l2 >= 0 && isfinite(d->l2)))
        return "clip and pull must be finite and not below 0";
    if ((int64_t)d->n * d->p > INT32_MAX / 2 || (int64_t)d->n * d->q * d->p > INT32_MAX / 2)
        return "n*p*q must stay below 2^30: use a smaller batch";
    return isfinite(d->scale) ? NULL : "scale must be a finite number";
}

struct counts {
    int64_t l0, g0, l1, g1, gb, pos, stat;
};

static struct counts counts(const struct imx_critic *d)
{
    const int64_t locals = (int64_t)d->n * d->p, globals = (int64_t)d->n * d->q;
    return (struct counts){ locals * d->d0,        globals * d->d0, locals * d->d1, globals * d->d1,
                            d->bias ? globals : 0, globals * d->p,  globals };
}

static struct imx_arg real_arg(const char *name, enum imx_role role, int64_t count)
{
    return (struct imx_arg){ name, role, IMX_F32, count, IMX_FILL_REAL, 0 };
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct counts c = counts(problem);
    arg[IMX_CRITIC_FWD_L0] = real_arg("l0", IMX_IN, c.l0);
    arg[IMX_CRITIC_FWD_G0] = real_arg("g0", IMX_IN, c.g0);
    arg[IMX_CRITIC_FWD_L1] = real_arg("l1", IMX_IN, c.l1);
    arg[IMX_CRITIC_FWD_G1] = real_arg("g1", IMX_IN, c.g1);
    arg[IMX_CRITIC_FWD_GB] = real_arg("gb", IMX_IN, c.gb);
    arg[IMX_CRITIC_FWD_LOSS] = real_arg("loss", IMX_OUT, 1);
    arg[IMX_CRITIC_FWD_INFO] = real_arg("info", IMX_OUT, 3);
    arg[IMX_CRITIC_FWD_POS] = real_arg("pos", IMX_OUT, c.pos);
    arg[IMX_CRITIC_FWD_STAT] = real_arg("stat", IMX_OUT, c.stat);
    arg[IMX_CRITIC_FWD_EMA] =
        real_arg("ema", IMX_INOUT, ((const struct imx_critic *)problem)->est == IMX_EST_DV_EMA ? 2 : 0);
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct counts c = counts(problem);
    arg[IMX_CRITIC_BWD_L0] = real_arg("l0", IMX_IN, c.l0);
    arg[IMX_CRITIC_BWD_G0] = real_arg("g0", IMX_IN, c.g0);
    arg[IMX_CRITIC_BWD_L1] = real_arg("l1", IMX_IN, c.l1);
    arg[IMX_CRITIC_BWD_G1] = real_arg("g1", IMX_IN, c.g1);
    arg[IMX_CRITIC_BWD_GB] = real_arg("gb", IMX_IN, c.gb);
    arg[IMX_CRITIC_BWD_POS] = real_arg("pos", IMX_IN, c.pos);
    arg[IMX_CRITIC_BWD_STAT] = (struct imx_arg){ "stat", IMX_IN, IMX_F32, c.stat, IMX_FILL_OTHER, 0 };
    arg[IMX_CRITIC_BWD_DLOSS] = real_arg("dloss", IMX_IN, 1);
    arg[IMX_CRITIC_BWD_DL0] = real_arg("dl0", IMX_OUT, c.l0);
    arg[IMX_CRITIC_BWD_DG0] = real_arg("dg0", IMX_OUT, c.g0);
    arg[IMX_CRITIC_BWD_DL1] = real_arg("dl1", IMX_OUT, c.l1);
    arg[IMX_CRITIC_BWD_DG1] = real_arg("dg1", IMX_OUT, c.g1);
    arg[IMX_CRITIC_BWD_DGB] = real_arg("dgb", IMX_OUT, c.gb);
}

/* STAT of a test: about what the negatives of such a problem have, so that the softmax weights are not all tiny or all
 * huge. */
static void fill_bwd(const void *problem, int i, void *data, uint64_t seed)
{
    const struct imx_critic *d = problem;
    const double spread = (double)fabsf(d->scale) * sqrt((d->d0 + d->d1) / 9.0 + d->bias / 3.0);
    const double row = (double)imx_critic_negatives(d) * d->p, all = row * d->n * d->q;
    const double rise = 0.5 * spread * spread / (1 + spread);
    const int64_t n = counts(d).stat;
    for (int64_t k = 0; k < n; k++) {
        const double noise = (double)((seed + (uint64_t)i + (uint64_t)k * 2654435761u) % 1000u) / 1000.0;
        const double at = d->est == IMX_EST_INFONCE                          ? log(row) + rise + noise
                          : d->est == IMX_EST_DV || d->est == IMX_EST_DV_EMA ? log(all) + rise + noise
                          : d->est == IMX_EST_KL                             ? log(all) + 1
                          : d->est == IMX_EST_H2                             ? log(all)
                                                                             : 0;
        ((float *)data)[k] = (float)at;
    }
}

static double flop_fwd(const void *problem)
{
    const struct imx_critic *d = problem;
    return 2.0 * d->n * d->q * d->n * d->p * (d->d0 + d->d1);
}

static double flop_bwd(const void *problem)
{
    return 3 * flop_fwd(problem); /* the scores again, and two products of their size */
}

static int64_t terms(const void *problem)
{
    const struct imx_critic *d = problem;
    return (int64_t)d->d0 + d->d1 + 1 + (int64_t)d->n * (d->p > d->q ? d->p : d->q);
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct counts c = counts(problem);
    const int64_t count[] = { c.l0, c.g0, c.l1, c.g1, c.gb };
    static const char *const name[] = { "dl0", "dg0", "dl1", "dg1", "dgb" };
    imx_tid bwd[IMX_CRITIC_BWD_DGB + 1] = { 0 };
    const bool flows = darg[IMX_CRITIC_FWD_LOSS] != 0;
    darg[IMX_CRITIC_FWD_EMA] = 0;
    for (int i = IMX_CRITIC_FWD_L0; i <= IMX_CRITIC_FWD_GB; i++) {
        bwd[IMX_CRITIC_BWD_L0 + i] = arg[i];
        if (flows && count[i])
            bwd[IMX_CRITIC_BWD_DL0 + i] = e->tensor(e, IMX_F32, count[i], name[i]);
        darg[i] = bwd[IMX_CRITIC_BWD_DL0 + i];
    }
    if (!flows)
        return IMX_OK;
    bwd[IMX_CRITIC_BWD_POS] = arg[IMX_CRITIC_FWD_POS];
    bwd[IMX_CRITIC_BWD_STAT] = arg[IMX_CRITIC_FWD_STAT];
    bwd[IMX_CRITIC_BWD_DLOSS] = darg[IMX_CRITIC_FWD_LOSS];
    return e->node(e, &imx_op_critic_bwd, problem, bwd);
}

/* Every estimator, with and without the second pair, the bias and several globals; odd sizes; then sizes that
 * take several tiles and several chunks. */
static const char *const cases[] = {
    "n4p5q3_d7x3b1_est0_scale0.5",
    "n3p2q1_d2x0b0_est0_scale1",
    "n3p2q1_d2x0b0_est1_scale1",
    "n3p2q1_d2x0b0_est2_scale1",
    "n2p1q1_d1x0b0_est0_scale1",
    "n2p1q1_d1x1b1_est1_scale1",
    "n2p1q1_d1x0b1_est2_scale-1",
    "n4p5q3_d7x3b1_est1_scale0.5",
    "n4p5q3_d7x3b1_est2_scale0.5",
    "n9p13q2_d33x5b1_est0_scale0.25",
    "n9p13q2_d33x0b1_est1_scale0.25",
    "n9p13q2_d33x5b0_est2_scale0.25",
    "n7p9q3_d64x16b0_est0_scale0.125",
    "n17p4q1_d19x0b1_est0_scale1",
    "n33p3q1_d40x0b0_est2_scale0.3",
    "n32p67q1_d24x8b1_est0_scale0.25",
    "n20p65q2_d16x0b1_est1_scale0.25",
    "n20p65q2_d16x0b0_est2_scale0.25",
    "n4p5q3_d7x3b1_est3_scale0.5",
    "n4p5q3_d7x3b1_est4_scale0.5",
    "n4p5q3_d7x3b1_est5_scale0.5",
    "n4p5q3_d7x3b1_est6_scale0.5",
    "n4p5q3_d7x3b1_est7_scale0.5",
    "n4p5q3_d7x3b1_est8_scale0.5_par0.5",
    "n4p5q3_d7x3b1_est9_scale0.5_par0.99",
    "n3p1q1_d2x0b0_est9_scale1_par0.5",
    "n5p4q2_d9x0b1_est0_scale1_neg2",
    "n5p4q2_d9x2b0_est1_scale1_neg1_clip2_pull0.25",
    "n7p3q3_d20x0b1_est2_scale1_neg3_clip1_pull0.125",
    "n6p5q2_d12x3b1_est4_scale1_neg5_clip3",
    "n9p13q2_d33x5b1_est8_scale0.5_neg4_par0.75_clip4_pull0.0625",
    "n20p65q2_d16x0b1_est8_scale0.5_par1",
    "n9p13q2_d33x5b0_est9_scale0.25_par0.9_pull0.5",
    "n18p7q1_d19x0b1_est5_scale0.5_clip2",
    "n18p7q1_d19x4b0_est7_scale0.5_neg11_pull1",
    "n34p33q1_d24x0b1_est0_scale0.25_clip1_pull0.05",
    "n5p49q25_d24x8b1_est0_scale0.25",
    "n3p49q25_d40x0b0_est1_scale0.25",
    "n3p49q25_d12x5b1_est2_scale0.25",
    "n6p49q25_d8x2b1_est3_scale0.5_clip2_pull0.05",
    "n6p49q25_d8x0b1_est6_scale0.25_neg3",
    /* more than a million scores: several tiles */
    "n70p220q1_d3x2b1_est0_scale0.5",
    "n66p250q1_d2x0b0_est1_scale1",
    NULL,
};

const struct imx_op imx_op_critic_fwd = {
    .name = "critic_fwd",
    .problem_size = sizeof(struct imx_critic),
    .fields = fields,
    .n_args = 10,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_critic_fwd_f32,
    .ref_f64 = imx_ref_critic_fwd_f64,
    .variants = imx_variants_critic_fwd,
    .flop = flop_fwd,
    .terms = terms,
    .exact = false,
    .ulps = 4,
    .grad = grad_fwd,
    .inner = imx_critic_fwd_inner,
    .cases = cases,
};

const struct imx_op imx_op_critic_bwd = {
    .name = "critic_bwd",
    .problem_size = sizeof(struct imx_critic),
    .fields = fields,
    .n_args = 13,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_critic_bwd_f32,
    .ref_f64 = imx_ref_critic_bwd_f64,
    .variants = imx_variants_critic_bwd,
    .flop = flop_bwd,
    .terms = terms,
    .exact = false,
    .ulps = 4,
    .fill = fill_bwd,
    .inner = imx_critic_bwd_inner,
    .cases = cases,
};

/* ---- in slices of the locals ---- */

extern const struct imx_variant *const imx_variants_critic_part_fwd[], *const imx_variants_critic_part_end[],
                                                                           *const imx_variants_critic_part_bwd[];

static const struct imx_field part_fields[] = {
    { "n", offsetof(struct imx_critic_part, n), false },
    { "p", offsetof(struct imx_critic_part, p), false },
    { "q", offsetof(struct imx_critic_part, q), false },
    { "_d", offsetof(struct imx_critic_part, d0), false },
    { "x", offsetof(struct imx_critic_part, d1), false },
    { "b", offsetof(struct imx_critic_part, bias), false },
    { "_est", offsetof(struct imx_critic_part, est), false },
    { "_at", offsetof(struct imx_critic_part, image), false },
    { "k", offsetof(struct imx_critic_part, images), false },
    { "w", offsetof(struct imx_critic_part, want), false },
    { "_scale", offsetof(struct imx_critic_part, scale), true },
    { "_neg", offsetof(struct imx_critic_part, neg), false, true },
    { "_par", offsetof(struct imx_critic_part, par), true, true },
    { "_clip", offsetof(struct imx_critic_part, clip), true, true },
    { "_pull", offsetof(struct imx_critic_part, l2), true, true },
    { NULL, 0, false },
};

static const char *part_check(const void *problem)
{
    const struct imx_critic_part *d = problem;
    const struct imx_critic whole = imx_critic_whole(d);
    if (d->image < 0 || d->images < 1 || d->image > d->n - d->images)
        return "a slice must lie within the images";
    if (d->want < 0 || d->want > 15)
        return "want is a sum of 1 (dl0), 2 (dl1), 4 (dg) and 8 (add)";
    return check(&whole);
}

static struct counts part_counts(const struct imx_critic_part *d)
{
    const struct imx_critic whole = imx_critic_whole(d);
    struct counts c = counts(&whole);
    c.l0 = (int64_t)d->images * d->p * d->d0;
    c.l1 = (int64_t)d->images * d->p * d->d1;
    return c;
}

static void args_part(const struct counts *c, struct imx_arg *arg)
{
    arg[IMX_CRITIC_FWD_L0] = real_arg("l0", IMX_IN, c->l0);
    arg[IMX_CRITIC_FWD_G0] = real_arg("g0", IMX_IN, c->g0);
    arg[IMX_CRITIC_FWD_L1] = real_arg("l1", IMX_IN, c->l1);
    arg[IMX_CRITIC_FWD_G1] = real_arg("g1", IMX_IN, c->g1);
    arg[IMX_CRITIC_FWD_GB] = real_arg("gb", IMX_IN, c->gb);
}

static void args_part_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_critic_part *d = problem;
    const struct counts c = part_counts(d);
    args_part(&c, arg);
    arg[IMX_CRITIC_PART_POS] = real_arg("pos", IMX_OUT, (int64_t)d->images * d->q * d->p);
    arg[IMX_CRITIC_PART_PART] = real_arg("part", IMX_OUT, imx_critic_part_rows(d) * c.stat);
}

static void args_part_end(const void *problem, struct imx_arg *arg)
{
    const struct imx_critic_part *d = problem;
    const struct counts c = part_counts(d);
    const int64_t slices = (d->n + d->images - 1) / d->images, part = slices * imx_critic_part_rows(d) * c.stat;
    arg[IMX_CRITIC_END_POS] = real_arg("pos", IMX_IN, c.pos);
    arg[IMX_CRITIC_END_PART] = (struct imx_arg){ "part", IMX_IN, IMX_F32, part, IMX_FILL_POSITIVE, 0 };
    arg[IMX_CRITIC_END_LOSS] = real_arg("loss", IMX_OUT, 1);
    arg[IMX_CRITIC_END_INFO] = real_arg("info", IMX_OUT, 3);
    arg[IMX_CRITIC_END_STAT] = real_arg("stat", IMX_OUT, c.stat);
    arg[IMX_CRITIC_END_EMA] = real_arg("ema", IMX_INOUT, d->est == IMX_EST_DV_EMA ? 2 : 0);
}

static void args_part_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_critic_part *d = problem;
    const struct counts c = part_counts(d);
    const int64_t g = d->want & IMX_WANT_DG ? 1 : 0, add = d->want & IMX_WANT_ADD ? g : 0;
    args_part(&c, arg);
    arg[IMX_CRITIC_BWD_POS] = real_arg("pos", IMX_IN, c.pos);
    arg[IMX_CRITIC_BWD_STAT] = (struct imx_arg){ "stat", IMX_IN, IMX_F32, c.stat, IMX_FILL_OTHER, 0 };
    arg[IMX_CRITIC_BWD_DLOSS] = real_arg("dloss", IMX_IN, 1);
    arg[IMX_CRITIC_PART_AG0] = real_arg("ag0", IMX_IN, add * c.g0);
    arg[IMX_CRITIC_PART_AG1] = real_arg("ag1", IMX_IN, add * c.g1);
    arg[IMX_CRITIC_PART_AGB] = real_arg("agb", IMX_IN, add * c.gb);
    arg[IMX_CRITIC_PART_DL0] = real_arg("dl0", IMX_OUT, d->want & IMX_WANT_DL0 ? c.l0 : 0);
    arg[IMX_CRITIC_PART_DG0] = real_arg("dg0", IMX_OUT, g * c.g0);
    arg[IMX_CRITIC_PART_DL1] = real_arg("dl1", IMX_OUT, d->want & IMX_WANT_DL1 ? c.l1 : 0);
    arg[IMX_CRITIC_PART_DG1] = real_arg("dg1", IMX_OUT, g * c.g1);
    arg[IMX_CRITIC_PART_DGB] = real_arg("dgb", IMX_OUT, g * c.gb);
}

static void fill_part_bwd(const void *problem, int i, void *data, uint64_t seed)
{
    const struct imx_critic whole = imx_critic_whole(problem);
    fill_bwd(&whole, i, data, seed);
}

static double flop_part_fwd(const void *problem)
{
    const struct imx_critic_part *d = problem;
    return 2.0 * d->n * d->q * d->images * d->p * (d->d0 + d->d1);
}

static double flop_part_end(const void *problem)
{
    const struct imx_critic_part *d = problem;
    return 8.0 * d->n * d->q * d->p;
}

static double flop_part_bwd(const void *problem)
{
    const struct imx_critic_part *d = problem;
    const double pairs = 2.0 * d->n * d->q * d->images * d->p;
    const int g = d->want & IMX_WANT_DG ? 1 : 0;
    const int l0 = d->want & IMX_WANT_DL0 ? 1 : 0, l1 = d->want & IMX_WANT_DL1 ? 1 : 0;
    return pairs * (d->d0 * (1.0 + g + l0) + d->d1 * (1.0 + g + l1));
}

static int64_t part_terms(const void *problem)
{
    const struct imx_critic whole = imx_critic_whole(problem);
    return terms(&whole);
}

/* First, inner and last slices; alone in its image; everything wanted, and each thing alone. */
static const char *const part_cases[] = {
    "n4p5q3_d7x3b1_est0_at1k2w15_scale0.5",
    "n3p2q1_d2x0b0_est0_at0k1w5_scale1",
    "n3p2q1_d2x0b0_est1_at1k2w5_scale1",
    "n3p2q1_d2x0b0_est2_at2k1w13_scale1",
    "n2p1q1_d1x1b1_est1_at0k1w15_scale1",
    "n2p1q1_d1x0b1_est2_at1k1w13_scale-1",
    "n4p5q3_d7x3b1_est1_at0k4w7_scale0.5",
    "n4p5q3_d7x3b1_est2_at3k1w6_scale0.5",
    "n9p13q2_d33x5b1_est0_at6k3w1_scale0.25",
    "n9p13q2_d33x0b1_est1_at3k3w12_scale0.25",
    "n17p4q1_d19x0b1_est0_at4k4w5_scale1",
    "n33p3q1_d40x0b0_est2_at11k11w13_scale0.3",
    "n32p67q1_d24x8b1_est0_at8k8w15_scale0.25",
    "n20p65q2_d16x0b1_est1_at0k20w13_scale0.25",
    "n4p5q3_d7x3b1_est3_at1k2w15_scale0.5",
    "n4p5q3_d7x3b1_est4_at1k2w15_scale0.5_pull0.5",
    "n4p5q3_d7x3b1_est5_at3k1w7_scale0.5_clip2",
    "n4p5q3_d7x3b1_est6_at0k3w5_scale0.5_neg2",
    "n9p13q2_d33x5b1_est8_at6k3w15_scale0.5_neg4_par0.75_clip4_pull0.0625",
    "n7p9q3_d20x0b1_est8_at2k2w13_scale0.5_par0.5",
    "n9p13q2_d33x5b0_est9_at0k4w13_scale0.25_par0.9",
    "n18p7q1_d19x4b0_est7_at6k6w7_scale0.5_neg11_pull1",
    "n6p49q25_d8x0b1_est0_at2k2w13_scale0.25_neg3",
    "n5p49q25_d24x8b1_est0_at2k2w15_scale0.25",
    NULL,
};

#define PART_OP(stem, count, filler)                                                                                   \
    const struct imx_op imx_op_critic_part_##stem = {                                                                  \
        .name = "critic_part_" #stem,                                                                                  \
        .problem_size = sizeof(struct imx_critic_part),                                                                \
        .fields = part_fields,                                                                                         \
        .n_args = count,                                                                                               \
        .args = args_part_##stem,                                                                                      \
        .check = part_check,                                                                                           \
        .ref_f32 = imx_ref_critic_part_##stem##_f32,                                                                   \
        .ref_f64 = imx_ref_critic_part_##stem##_f64,                                                                   \
        .variants = imx_variants_critic_part_##stem,                                                                   \
        .flop = flop_part_##stem,                                                                                      \
        .terms = part_terms,                                                                                           \
        .exact = false,                                                                                                \
        .ulps = 4,                                                                                                     \
        .fill = filler,                                                                                                \
        .cases = part_cases,                                                                                           \
    }

PART_OP(fwd, 7, NULL);
PART_OP(end, 6, NULL);
PART_OP(bwd, 16, fill_part_bwd);
