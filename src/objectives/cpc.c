/* Contrastive predictive coding (van den Oord et al. 2018, section 3.2) as Deep InfoMax is compared with it
 * (dim_method 6.7): z is the local map, h the context over it (nn/context.h). For each offset k a linear map predicts
 * the local k rows below,
 *   v = W_k h[r][c],   score of a candidate z' = v . z',   loss = cross-entropy of z[r+k][c] against all locals of the
 *   batch: those of other images and the other places of its own
 * averaged over the cells (r, c) and over the offsets. Vectors of the map are as wide as the states.
 *   Offsets begin where fields of view no longer overlap, ceil(field / distance) of the local map: 2 for crops that lie
 * half their side apart; below that, a prediction could copy pixels. They end with --cpc-steps or the map.
 *   One offset's scores are a matrix [N (h-k) w, N h w]: batch 64 and a map of 7x7 take 28 MB for k = 2, and as much
 * for its gradient; the offsets 2 to 5 together 79 MB. The scores are in memory until the backward pass. Only what lies
 * below the local map is built: nothing trains the encoder's later layers. As features count: conv = the local map; fc
 * = the context of the last cell, which has seen the whole image; y = the mean of the contexts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "objectives/cpc.h"
#include "objectives/objective.h"
#include "ops/eltwise.h"
#include "ops/gather.h"
#include "ops/gemm.h"

static int32_t cells_of(struct imx_map m, int32_t k)
{
    return (m.h - k) * m.w;
}

static void offset(struct imx_net *n, struct imx_map local, int32_t k)
{
    struct imx_graph *g = n->g;
    struct imx_cpc *c = n->own;
    const int32_t cells = cells_of(local, k), rows = local.n * cells, all = imx_map_rows(local);
    const struct imx_gather pick = { local.n, local.h * local.w, local.c, cells };
    const struct imx_gemm score = { .m = rows, .n = all, .k = local.c, .tb = 1 };
    const struct imx_axpby share = { 1, (float)(1.0 / rows), 0.0f };
    char name[32];
    imx_graph_label(g, "cpc.%d", k);
    c->from[k] = imx_graph_keep(g, IMX_I32, rows, "from");
    c->label[k] = imx_graph_keep(g, IMX_I32, rows, "label");
    const struct imx_map h = { imx_graph_temp(g, IMX_F32, (int64_t)rows * local.c, "from"), rows, 1, 1, local.c };
    imx_graph_node(g, &imx_op_gather_fwd, &pick, (imx_tid[]){ n->context.state.t, c->from[k], h.t });
    snprintf(name, sizeof name, "cpc.predict%d", k);
    const struct imx_map v = imx_nn_linear(&n->b, h, name, local.c, false);
    const imx_tid scores = imx_graph_temp(g, IMX_F32, (int64_t)rows * all, "scores");
    imx_graph_node(g, &imx_op_gemm, &score, (imx_tid[]){ v.t, local.t, 0, 0, scores });
    const struct imx_cross_entropy x = imx_nn_cross_entropy(g, scores, c->label[k], rows, all);
    const imx_tid right = imx_graph_temp(g, IMX_F32, 1, "right");
    imx_graph_node(g, &imx_op_axpby, &share, (imx_tid[]){ x.hits, 0, right });
    snprintf(name, sizeof name, "cpc-%d", k);
    imx_net_term(n, name, x.loss, 1.0 / (c->last - c->first + 1), false);
    snprintf(name, sizeof name, "cpc-%d-accuracy", k);
    imx_net_reading(n, name, right);
}

/* What other objectives have and this one does not. */
static imx_status refuse(const struct imx_mix *mix)
{
    const char *option = mix->alpha > 0                                    ? "--alpha"
                         : mix->beta > 0                                   ? "--beta"
                         : mix->gamma > 0                                  ? "--gamma"
                         : mix->occlude                                    ? "--occlude"
                         : mix->coordinates && mix->coordinates_weight > 0 ? "--coordinates"
                         : mix->activation > 0                             ? "--activation-penalty"
                                                                           : NULL;
    return option ? imx_fail(IMX_E_ARG, "objective cpc has no term for %s", option) : IMX_OK;
}

void imx_build_cpc(struct imx_net *n, const struct imx_mix *mix)
{
    const struct imx_encoder *e = n->spec->encoder;
    const int32_t jump = imx_encoder_jump(e), most = mix->cpc_steps ? mix->cpc_steps : 5;
    if (n->g->status == IMX_OK)
        n->g->status = refuse(mix);
    const struct imx_map local = imx_context_encoder(&n->b, e, n->pixels, &n->context).local;
    if (n->g->status != IMX_OK)
        return;
    const int32_t first = (imx_encoder_field(e) + jump - 1) / jump;
    int32_t last = most < local.h - 1 ? most : local.h - 1;
    if (last > IMX_CPC_MAX)
        last = IMX_CPC_MAX;
    if (last < first) {
        n->g->status = imx_fail(IMX_E_ARG,
                                "encoder %s makes a local map of %d rows, whose fields overlap up to %d rows away: "
                                "objective cpc can predict nothing that it has not seen (--cpc-steps %d)",
                                e->name, local.h, first - 1, most);
        return;
    }
    struct imx_cpc *c = n->own = calloc(1, sizeof *c);
    if (!c) {
        n->g->status = imx_fail(IMX_E_NOMEM, "no memory for the questions of a batch");
        return;
    }
    *c = (struct imx_cpc){ .first = first, .last = last };
    n->classes = imx_map_rows(local);
    snprintf(n->text, sizeof n->text, "offsets=%d..%d", first, last);
    for (int32_t k = first; k <= last; k++)
        offset(n, local, k);
}

imx_status imx_cpc_start(struct imx_net *n)
{
    const struct imx_cpc *c = n->own;
    const struct imx_map m = n->context.state;
    imx_status status = IMX_OK;
    int32_t *from = malloc(sizeof *from * (size_t)imx_map_rows(m));
    int32_t *label = malloc(sizeof *label * (size_t)imx_map_rows(m));
    if (!from || !label)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for the questions of a batch"));
    for (int32_t k = c->first; k <= c->last; k++) {
        const int32_t cells = cells_of(m, k);
        for (int32_t i = 0; i < m.n * cells; i++) {
            from[i] = i % cells;
            label[i] = i / cells * m.h * m.w + i % cells + k * m.w;
        }
        IMX_GO(imx_graph_upload(n->g, c->from[k], from));
        IMX_GO(imx_graph_upload(n->g, c->label[k], label));
    }
fail:
    free(from);
    free(label);
    return status;
}
