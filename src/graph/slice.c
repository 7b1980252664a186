/* See slice.h. Ops that are not listed are never cut. */
#include "graph/slice.h"

#include <string.h>

#include "ops/act.h"
#include "ops/bnpart.h"
#include "ops/conv2d.h"
#include "ops/critic.h"
#include "ops/eltwise.h"
#include "ops/gather.h"
#include "ops/gauss.h"
#include "ops/gemm.h"
#include "ops/gru.h"
#include "ops/layernorm.h"
#include "ops/pool2d.h"
#include "ops/reduce.h"
#include "ops/spread.h"
#include "ops/unfold.h"

#define W IMX_CUT_WHOLE
#define R IMX_CUT_ROWS
#define S IMX_CUT_SUM
#define P IMX_CUT_PART

/* Ops whose problem has one field that counts rows or images. */
static const struct rule {
    const struct imx_op *op;
    size_t field; /* of the problem, int32_t */
    enum imx_cut cut[IMX_MAX_ARGS];
} rules[] = {
    { &imx_op_conv2d_fwd, offsetof(struct imx_conv2d, n), { R, W, W, R } },
    { &imx_op_conv2d_bwd_data, offsetof(struct imx_conv2d, n), { R, W, R } },
    { &imx_op_conv2d_bwd_wei, offsetof(struct imx_conv2d, n), { R, R, S } },
    { &imx_op_pool2d_fwd, offsetof(struct imx_pool2d, n), { R, R, R } },
    { &imx_op_pool2d_bwd, offsetof(struct imx_pool2d, n), { R, R, R } },
    { &imx_op_bn_stat, offsetof(struct imx_bnpart, rows), { R, P } },
    { &imx_op_bn_apply, offsetof(struct imx_bnpart, rows), { R, W, W, W, W, R } },
    { &imx_op_bn_back_stat, offsetof(struct imx_bnpart, rows), { R, R, W, W, W, W, P } },
    { &imx_op_bn_back_apply, offsetof(struct imx_bnpart, rows), { R, R, W, W, W, W, W, W, R } },
    { &imx_op_layernorm_fwd, offsetof(struct imx_layernorm, rows), { R, W, W, R, R, R } },
    { &imx_op_layernorm_bwd, offsetof(struct imx_layernorm, rows), { R, R, W, R, R, R, S, S } },
    { &imx_op_axpby, offsetof(struct imx_axpby, n), { R, R, R } },
    { &imx_op_mul, offsetof(struct imx_mul, n), { R, R, R } },
    { &imx_op_add_relu, offsetof(struct imx_add_relu, n), { R, R, R } },
    { &imx_op_unfold_fwd, offsetof(struct imx_unfold, n), { R, R } },
    { &imx_op_unfold_bwd, offsetof(struct imx_unfold, n), { R, R } },
    { &imx_op_bias_add, offsetof(struct imx_bias_add, rows), { R, W, R } },
    { &imx_op_act_fwd, offsetof(struct imx_act_problem, n), { R, R } },
    { &imx_op_act_bwd, offsetof(struct imx_act_problem, n), { R, R, R } },
    { &imx_op_spread, offsetof(struct imx_spread, groups), { R, R, R } },
    { &imx_op_spread_sum, offsetof(struct imx_spread, groups), { R, R } },
    { &imx_op_gru_cell, offsetof(struct imx_gru, rows), { R, R, R, R } },
    { &imx_op_gru_cell_bwd, offsetof(struct imx_gru, rows), { R, R, R, R, R, R, R } },
    { &imx_op_gather_fwd, offsetof(struct imx_gather, n), { R, R, R } },
    { &imx_op_gather_bwd, offsetof(struct imx_gather, n), { R, R, R } },
    { &imx_op_gauss_draw, offsetof(struct imx_gauss, n), { R, R, R, R } },
    { &imx_op_gauss_draw_bwd, offsetof(struct imx_gauss, n), { R, R, R, R, R } },
    { &imx_op_gauss_kl, offsetof(struct imx_gauss, n), { R, R, R } },
    { &imx_op_gauss_kl_bwd, offsetof(struct imx_gauss, n), { R, R, R, R, R } },
    { &imx_op_colsum, offsetof(struct imx_colsum, rows), { R, S } },
};

/* Rows of the whole batch become those of the slice. */
static bool shrink(int32_t *rows, struct imx_slice s)
{
    if (*rows % s.batch)
        return false;
    *rows = *rows / s.batch * s.count;
    return true;
}

static bool by_rule(const struct imx_node *n, struct imx_slice s, struct imx_sliced *out)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        int32_t rows;
        if (rules[i].op != n->op)
            continue;
        memcpy(&rows, out->problem + rules[i].field, sizeof rows);
        if (!shrink(&rows, s))
            return false;
        memcpy(out->problem + rules[i].field, &rows, sizeof rows);
        memcpy(out->cut, rules[i].cut, sizeof out->cut);
        return true;
    }
    return false;
}

/* Where the parts of a slice begin: those of whole slices stand before it. */
static bool bn_parts(const struct imx_node *n, struct imx_slice s, struct imx_sliced *out)
{
    struct imx_bnpart d;
    if (n->op != &imx_op_bn_stat && n->op != &imx_op_bn_back_stat)
        return true;
    memcpy(&d, n->problem, sizeof d);
    const int64_t rows = (int64_t)(d.rows / s.batch) * s.first;
    out->part_at = rows / d.chunk * 2 * d.cols;
    return rows % d.chunk == 0;
}

/* A product is cut along m, or, where its result is a sum over the batch, along k. */
static bool gemm(const struct imx_node *n, const bool *virt, struct imx_slice s, struct imx_sliced *out)
{
    struct imx_gemm d;
    memcpy(&d, n->problem, sizeof d);
    const bool sum = d.ta && !d.tb && !virt[n->arg[IMX_GEMM_DST]] && !d.act && !d.bias && !d.add;
    if (d.ta && !sum)
        return false;
    for (int k = 0; k < IMX_MAX_ARGS; k++)
        out->cut[k] = W;
    out->cut[IMX_GEMM_A] = R;
    out->cut[sum ? IMX_GEMM_B : IMX_GEMM_ADD] = R;
    out->cut[IMX_GEMM_DST] = sum ? S : R;
    if (!shrink(sum ? &d.k : &d.m, s))
        return false;
    memcpy(out->problem, &d, sizeof d);
    return true;
}

/* The critic's locals; the globals stay whole. */
static bool critic(const struct imx_node *n, struct imx_slice s, struct imx_sliced *out)
{
    struct imx_critic_part d;
    memcpy(&d, n->problem, sizeof d);
    if (d.n != s.batch)
        return false;
    d.image = s.first;
    d.images = s.count;
    memcpy(out->problem, &d, sizeof d);
    out->part_at = (int64_t)(s.first / s.per) * imx_critic_part_rows(&d) * d.n * d.q;
    memset(out->cut, 0, sizeof out->cut);
    out->cut[IMX_CRITIC_FWD_L0] = out->cut[IMX_CRITIC_FWD_L1] = R;
    if (n->op == &imx_op_critic_part_fwd) {
        out->cut[IMX_CRITIC_PART_POS] = R;
        out->cut[IMX_CRITIC_PART_PART] = P;
    } else {
        out->cut[IMX_CRITIC_PART_DL0] = out->cut[IMX_CRITIC_PART_DL1] = R;
        out->cut[IMX_CRITIC_PART_DG0] = out->cut[IMX_CRITIC_PART_DG1] = out->cut[IMX_CRITIC_PART_DGB] = S;
    }
    return true;
}

bool imx_slice_node(const struct imx_node *n, const bool *virt, struct imx_slice s, struct imx_sliced *out)
{
    bool ok;
    *out = (struct imx_sliced){ 0 };
    memcpy(out->problem, n->problem, sizeof out->problem);
    if (n->op == &imx_op_gemm)
        ok = gemm(n, virt, s, out);
    else if (n->op == &imx_op_critic_part_fwd || n->op == &imx_op_critic_part_bwd)
        ok = critic(n, s, out);
    else
        ok = by_rule(n, s, out) && bn_parts(n, s, out);
    for (int k = 0; ok && k < n->op->n_args; k++)
        ok = !virt[n->arg[k]] || out->cut[k] == R;
    return ok;
}
