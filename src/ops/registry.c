/* The list of every op. Self-test, benchmark, tests and the command line walk it. */
#include "ops/op.h"

#include "ops/critic.h"
#include "ops/pool2d.h"

const struct imx_op *const imx_ops[] = {
    &imx_op_critic_fwd,
    &imx_op_critic_bwd,
    &imx_op_pool2d_fwd,
    &imx_op_pool2d_bwd,
    NULL,
};
