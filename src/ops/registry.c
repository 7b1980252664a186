/* The list of every op. Self-test, benchmark, tests and the command line walk it. */
#include "ops/op.h"

#include "ops/act.h"
#include "ops/batchnorm.h"
#include "ops/bnpart.h"
#include "ops/concat.h"
#include "ops/conv2d.h"
#include "ops/conv2d_bn.h"
#include "ops/critic.h"
#include "ops/dropout.h"
#include "ops/eltwise.h"
#include "ops/gather.h"
#include "ops/gauss.h"
#include "ops/gemm.h"
#include "ops/gemm_bn.h"
#include "ops/gram.h"
#include "ops/gru.h"
#include "ops/image.h"
#include "ops/layernorm.h"
#include "ops/occlude.h"
#include "ops/optim.h"
#include "ops/pairloss.h"
#include "ops/pool2d.h"
#include "ops/quadnorm.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shuffle.h"
#include "ops/spread.h"
#include "ops/unfold.h"
#include "ops/unitrow.h"
#include "ops/xent.h"

const struct imx_op *const imx_ops[] = {
    &imx_op_act_fwd,
    &imx_op_act_bwd,
    &imx_op_batchnorm_fwd,
    &imx_op_batchnorm_bwd,
    &imx_op_batchnorm_infer,
    &imx_op_bn_stat,
    &imx_op_bn_merge,
    &imx_op_bn_apply,
    &imx_op_bn_back_stat,
    &imx_op_bn_back_merge,
    &imx_op_bn_back_apply,
    &imx_op_concat,
    &imx_op_concat_split,
    &imx_op_conv2d_fwd,
    &imx_op_conv2d_bwd_data,
    &imx_op_conv2d_bwd_wei,
    &imx_op_conv2d_bn_fwd,
    &imx_op_conv2d_bn_wei,
    &imx_op_critic_fwd,
    &imx_op_critic_bwd,
    &imx_op_critic_part_fwd,
    &imx_op_critic_part_end,
    &imx_op_critic_part_bwd,
    &imx_op_dropout,
    &imx_op_dropout2d,
    &imx_op_axpby,
    &imx_op_mul,
    &imx_op_add_relu,
    &imx_op_bias_add,
    &imx_op_gather_fwd,
    &imx_op_gather_bwd,
    &imx_op_gauss_draw,
    &imx_op_gauss_draw_bwd,
    &imx_op_gauss_kl,
    &imx_op_gauss_kl_bwd,
    &imx_op_gemm,
    &imx_op_gemm_bn,
    &imx_op_gram,
    &imx_op_gru_cell,
    &imx_op_gru_cell_bwd,
    &imx_op_image,
    &imx_op_layernorm_fwd,
    &imx_op_layernorm_bwd,
    &imx_op_occlude,
    &imx_op_adam,
    &imx_op_sgd,
    &imx_op_pairloss_fwd,
    &imx_op_pairloss_bwd,
    &imx_op_pool2d_fwd,
    &imx_op_pool2d_bwd,
    &imx_op_quadnorm_fwd,
    &imx_op_quadnorm_bwd,
    &imx_op_random,
    &imx_op_random_index,
    &imx_op_rowreduce,
    &imx_op_rowreduce_bwd,
    &imx_op_colsum,
    &imx_op_broadcast,
    &imx_op_gradnorm,
    &imx_op_shuffle,
    &imx_op_permute_fwd,
    &imx_op_permute_bwd,
    &imx_op_spread,
    &imx_op_spread_sum,
    &imx_op_unfold_fwd,
    &imx_op_unfold_bwd,
    &imx_op_unitrow_fwd,
    &imx_op_unitrow_bwd,
    &imx_op_xent_fwd,
    &imx_op_xent_bwd,
    NULL,
};
