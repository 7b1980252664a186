/* See adversary.h. */
#include "objectives/adversary.h"

#include "ops/act.h"
#include "ops/eltwise.h"
#include "ops/reduce.h"

imx_tid imx_adversary_sum(struct imx_graph *g, imx_tid a, double alpha, imx_tid b, double beta, int64_t count)
{
    const struct imx_axpby d = { (int32_t)count, (float)alpha, b ? (float)beta : 0.0f };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, count, "sum");
    imx_graph_node(g, &imx_op_axpby, &d, (imx_tid[]){ a, b, dst });
    return dst;
}

static imx_tid mean_of(struct imx_graph *g, imx_tid x, int64_t count)
{
    const struct imx_rowreduce d = { 1, (int32_t)count, IMX_REDUCE_MEAN };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, 1, "mean");
    imx_graph_node(g, &imx_op_rowreduce, &d, (imx_tid[]){ x, dst });
    return dst;
}

imx_tid imx_adversary_softplus(struct imx_build *b, imx_tid logit, int32_t rows, double sign)
{
    const imx_tid x = sign < 0 ? imx_adversary_sum(b->g, logit, sign, 0, 0, rows) : logit;
    return mean_of(b->g, imx_nn_act(b, (struct imx_map){ x, rows, 1, 1, 1 }, IMX_ACT_SOFTPLUS, 0).t, rows);
}

imx_tid imx_adversary_steep(struct imx_graph *g, imx_tid logit, int32_t rows, int n, const imx_tid *x,
                            const int32_t *in)
{
    imx_tid dx[2] = { 0 }, sum = 0;
    if (imx_graph_gradient(g, logit, 0, n, x, dx) != IMX_OK)
        return 0;
    for (int i = 0; i < n; i++) {
        const int64_t count = (int64_t)rows * in[i];
        const imx_tid square = imx_graph_temp(g, IMX_F32, count, "square");
        imx_graph_node(g, &imx_op_mul, &(struct imx_mul){ (int32_t)count }, (imx_tid[]){ dx[i], dx[i], square });
        sum = imx_adversary_sum(g, mean_of(g, square, count), in[i], sum, 1, 1);
    }
    return sum;
}

void imx_adversary_fix(struct imx_graph *g, int n, const imx_tid *from, imx_tid *to)
{
    for (int i = 0; i < n; i++)
        to[i] = from[i] ? imx_graph_detach(g, from[i]) : 0;
}
