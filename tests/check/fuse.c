/* What batch norm leaves to the products around it in a graph: the same numbers as without, in double precision by the
 * references and on every device, with the kernels of a CPU and those of a GPU; and that it does so where it can, and
 * not where somebody else reads batch norm's output. */
#include "graph/fuse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "graph/oracle.h"
#include "nn/layers.h"
#include "ops/batchnorm.h"
#include "ops/bnpart.h"
#include "ops/conv2d_bn.h"
#include "ops/eltwise.h"
#include "ops/gemm_bn.h"
#include "ops/reduce.h"

enum { BATCH = 6, SIDE = 16, NORMS = 5, ROOM = 8192 };

struct net {
    struct imx_build b;
    struct imx_store *store;
    struct imx_oracle *o;
    imx_tid x, loss;
};

static void close_net(struct net *n)
{
    imx_oracle_destroy(n->o);
    imx_graph_destroy(n->b.g);
    imx_store_destroy(n->store);
}

/* The sum of y, weighted: that of its squares would be the same whatever stands before batch norm. */
static imx_tid weighted_sum(struct imx_graph *g, imx_tid y, int64_t count)
{
    const imx_tid weight = imx_graph_keep(g, IMX_F32, count, "weight");
    const imx_tid product = imx_graph_temp(g, IMX_F32, count, "product"), sum = imx_graph_temp(g, IMX_F32, 1, "sum");
    imx_graph_node(g, &imx_op_mul, &(struct imx_mul){ (int32_t)count }, (imx_tid[]){ y, weight, product });
    imx_graph_node(g, &imx_op_rowreduce, &(struct imx_rowreduce){ 1, (int32_t)count, IMX_REDUCE_SUM },
                   (imx_tid[]){ product, sum });
    return sum;
}

/* Three convolutions and two maps of their pixels, each with a batch norm behind it. Batch norm 1 to 4 stand between
 * two of these; what the last one makes can be read after a run. watched: what the second one makes, too. */
static imx_status build(struct imx_dev *dev, struct net *n, bool watched, uint64_t limit)
{
    *n = (struct net){ .b = { .training = true } };
    IMX_TRY(imx_store_create(dev, true, &n->store));
    IMX_TRY(imx_graph_create(dev, n->store, &n->b.g));
    n->x = imx_graph_keep(n->b.g, IMX_F32, BATCH * SIDE * SIDE * 3, "x");
    struct imx_map h = { n->x, BATCH, SIDE, SIDE, 3 };
    h = imx_nn_batchnorm(&n->b, imx_nn_conv(&n->b, h, "conv1", 10, 4, 2, 1, false), "bn1", true);
    h = imx_nn_batchnorm(&n->b, imx_nn_conv(&n->b, h, "conv2", 12, 4, 2, 1, false), "bn2", true);
    if (watched)
        imx_graph_output(n->b.g, h.t);
    h = imx_nn_batchnorm(&n->b, imx_nn_conv(&n->b, h, "conv3", 9, 1, 1, 0, false), "bn3", true);
    h = (struct imx_map){ h.t, imx_map_rows(h), 1, 1, h.c };
    h = imx_nn_batchnorm(&n->b, imx_nn_linear(&n->b, h, "fc1", 20, false), "bn4", true);
    h = imx_nn_batchnorm(&n->b, imx_nn_linear(&n->b, h, "fc2", 7, false), "bn5", false);
    imx_graph_output(n->b.g, h.t);
    n->loss = weighted_sum(n->b.g, h.t, (int64_t)h.n * h.c);
    imx_graph_output(n->b.g, n->loss);
    IMX_TRY(imx_graph_backward(n->b.g, n->loss, 0));
    IMX_TRY(imx_graph_plan(n->b.g, limit));
    return imx_oracle_create(n->b.g, &n->o);
}

static bool given(const struct imx_graph *g, imx_tid t)
{
    const enum imx_place place = g->tensor[t].place;
    return (place == IMX_PLACE_KEEP && t != g->one) || place == IMX_PLACE_PARAM;
}

/* The same numbers for parameters and inputs here and there; then a run of both. */
static imx_status run(struct net *n, struct imx_dev *dev)
{
    static float values[ROOM];
    struct imx_graph *g = n->b.g;
    uint64_t state = 3;
    for (imx_tid t = 1; t < g->n_tensors; t++) {
        if (!given(g, t))
            continue;
        for (int64_t i = 0; i < g->tensor[t].count; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            values[i] = (float)((double)(state >> 11) / (double)(UINT64_C(1) << 52) - 1.0);
            imx_oracle_real(n->o, t)[i] = (double)values[i];
        }
        IMX_TRY(imx_graph_upload(g, t, values));
        IMX_TRY(dev->vt->sync(dev));
    }
    imx_oracle_run(n->o, g->n_nodes);
    IMX_TRY(imx_graph_run(g));
    return dev->vt->sync(dev);
}

static bool compared(const struct imx_graph *g, imx_tid t)
{
    return given(g, t) || g->tensor[t].place == IMX_PLACE_GRAD;
}

/* Worst distance of a and b over the largest of b. */
static double relative(const double *a, const double *b, int64_t count)
{
    double most = 0, size = 1e-6;
    for (int64_t i = 0; i < count; i++) {
        const double d = fabs(a[i] - b[i]);
        most = d <= most ? most : isnan(d) ? HUGE_VAL : d;
        size = fmax(size, fabs(b[i]));
    }
    return most / size;
}

/* Of gradients, running statistics, outputs: how far the device is from the references, and these from other ones. */
static imx_status distances(struct net *n, struct imx_dev *dev, const struct imx_oracle *other, double *device,
                            double *reference)
{
    static float values[ROOM];
    static double got[ROOM];
    struct imx_graph *g = n->b.g;
    *device = *reference = 0;
    for (imx_tid t = 1; t < g->n_tensors; t++) {
        const int64_t count = g->tensor[t].count;
        if (!compared(g, t))
            continue;
        IMX_TRY(imx_graph_download(g, t, values));
        IMX_TRY(dev->vt->sync(dev));
        for (int64_t i = 0; i < count; i++)
            got[i] = (double)values[i];
        const double far = relative(got, imx_oracle_real(n->o, t), count);
        if (!(far < 1e-3))
            printf("# %s: %.2g\n", g->tensor[t].name, far);
        *device = fmax(*device, isnan(far) ? HUGE_VAL : far);
        *reference = fmax(*reference, relative(other->data[t], imx_oracle_real(n->o, t), count));
    }
    return IMX_OK;
}

static int count(const struct imx_graph *g, const struct imx_op *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        n += g->node[i].op == op;
    return n;
}

static uint64_t bytes_of(const struct net *n)
{
    return n->b.g->temp_bytes + n->b.g->keep_bytes + imx_store_bytes(n->store);
}

/* A limit that the plain graph keeps exactly is kept, fused or not. */
static void within(struct imx_dev *dev, const char *where, uint64_t limit)
{
    struct net n;
    const imx_status status = build(dev, &n, false, limit);
    tap_ok(status == IMX_OK && bytes_of(&n) <= limit && !n.b.g->n_slices, "%s: %.1f kB within %.1f", where,
           (double)bytes_of(&n) / 1e3, (double)limit / 1e3);
    close_net(&n);
}

/* applied: batch norms of which a pass over the rows is left. */
static void compare(struct imx_dev *dev, const char *where, bool watched, int applied)
{
    struct net with, without;
    double device = HUGE_VAL, reference = HUGE_VAL;
    setenv("IMX_FUSE", "0", 1);
    imx_status status = build(dev, &without, watched, 0);
    unsetenv("IMX_FUSE");
    if (status == IMX_OK)
        status = run(&without, dev);
    tap_ok(status == IMX_OK && count(without.b.g, &imx_op_batchnorm_fwd) == NORMS, "%s: a graph as it was built",
           where);
    if (status == IMX_OK)
        status = build(dev, &with, watched, 0);
    if (status == IMX_OK)
        status = run(&with, dev);
    if (status == IMX_OK)
        status = distances(&with, dev, without.o, &device, &reference);
    if (!tap_ok(status == IMX_OK && reference < 1e-9 && device < 1e-3,
                "%s: fused as plain, by the references (%.1g) and on the device (%.1g)", where, reference, device)) {
        printf("# %s\n", imx_error_text());
        return;
    }
    const struct imx_graph *g = with.b.g;
    tap_ok(count(g, &imx_op_batchnorm_fwd) == 0 && count(g, &imx_op_bn_apply) == applied,
           "%s%s: %d of %d batch norms have a pass of their own, %d asked", where, watched ? ", one watched" : "",
           count(g, &imx_op_bn_apply) + count(g, &imx_op_batchnorm_fwd), NORMS, applied);
    tap_ok(watched || with.b.g->n_nodes == without.b.g->n_nodes - (NORMS - applied),
           "%s: %d nodes instead of %d, at most %.0f kB instead of %.0f", where, with.b.g->n_nodes,
           without.b.g->n_nodes, (double)with.b.g->lower_bound / 1e3, (double)without.b.g->lower_bound / 1e3);
    within(dev, where, bytes_of(&without));
    close_net(&with);
    close_net(&without);
}

/* A CPU's convolutions normalise nothing, so two more are left there; the last one's output is read after the run. */
static void on_device(struct imx_dev *dev, const char *where)
{
    if (imx_dev_is_host(dev))
        return;
    const bool cpu = dev->caps.type == IMX_DEV_CPU;
    compare(dev, where, false, cpu ? 3 : 1);
    compare(dev, where, true, cpu ? 3 : 2);
}

int main(void)
{
    on_devices(on_device);
    setenv("IMX_TYPE", "gpu", 1); /* the kernels that a GPU would get */
    on_devices(on_device);
    return tap_done();
}
