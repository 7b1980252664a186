/* The problems that `infomax bench` times: the models' layers at batch 64, in the directions of training, and a few
 * that others publish. CIFAR-10 shape: 64 images, 64 locals each, 2048 critic units. gemm, conv2d and critic are bound
 * by arithmetic, the rest by the rate of copying. */
#include "ops/batchnorm.h"
#include "ops/bench.h"
#include "ops/conv2d.h"
#include "ops/critic.h"
#include "ops/gemm.h"
#include "ops/layernorm.h"
#include "ops/optim.h"
#include "ops/pool2d.h"

/* A linear layer of `in` to `out` over `rows`: y = x W^T; dx = dy W; dW = dy^T x. */
#define LINEAR(rows, in, out)                                                                                          \
    { "gemm", "gemm", "forward", &(const struct imx_gemm){ .m = rows, .n = out, .k = in, .tb = 1 } },                  \
        { "gemm", "gemm", "backward-data", &(const struct imx_gemm){ .m = rows, .n = in, .k = out } },                 \
    {                                                                                                                  \
        "gemm", "gemm", "backward-weights", &(const struct imx_gemm)                                                   \
        {                                                                                                              \
            .m = out, .n = in, .k = rows, .ta = 1                                                                      \
        }                                                                                                              \
    }

#define CONV_AS(batch, op, direction, size, in, out, kernel, step, border)                                             \
    {                                                                                                                  \
        "conv2d", op, direction, &(const struct imx_conv2d)                                                            \
        {                                                                                                              \
            .n = batch, .h = size, .w = size, .c = in, .o = out, .k = kernel, .stride = step, .pad = border            \
        }                                                                                                              \
    }
#define CONV(batch, size, in, out, kernel, step, border)                                                               \
    CONV_AS(batch, "conv2d_fwd", "forward", size, in, out, kernel, step, border),                                      \
        CONV_AS(batch, "conv2d_bwd_data", "backward-data", size, in, out, kernel, step, border),                       \
        CONV_AS(batch, "conv2d_bwd_wei", "backward-weights", size, in, out, kernel, step, border)

#define CRITIC(...)                                                                                                    \
    { "critic", "critic_fwd", "forward", &(const struct imx_critic){ __VA_ARGS__ } },                                  \
    {                                                                                                                  \
        "critic", "critic_bwd", "backward", &(const struct imx_critic)                                                 \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

/* An op of two directions, fwd and bwd, whose problem is a struct imx_TYPE. */
#define BOTH(group, op, type, ...)                                                                                     \
    { group, op "_fwd", "forward", &(const struct type){ __VA_ARGS__ } },                                              \
    {                                                                                                                  \
        group, op "_bwd", "backward", &(const struct type)                                                             \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define BATCHNORM(height, width)                                                                                       \
    BOTH("batchnorm", "batchnorm", imx_batchnorm, .rows = height, .cols = width, .act = IMX_ACT_RELU, .eps = 1e-5f,    \
         .momentum = 0.1f)
#define POOL(size, width) BOTH("pool2d", "pool2d", imx_pool2d, 64, size, size, width, 3, 2, 0, IMX_POOL_MAX)
#define LAYERNORM(height) BOTH("layernorm", "layernorm", imx_layernorm, .rows = height, .cols = 2048, .eps = 1e-5f)

const struct imx_bench_case imx_bench_cases[] = {
    /* local head: 64 locals of 64 images */
    LINEAR(4096, 128, 2048),
    LINEAR(4096, 2048, 2048),
    /* global head, and the encoder's last layers */
    LINEAR(64, 64, 2048),
    LINEAR(64, 2048, 2048),
    LINEAR(64, 4096, 1024),
    { "gemm", "gemm", "", &(const struct imx_gemm){ .m = 1024, .n = 1024, .k = 1024 } },
    /* basic32 */
    CONV(64, 32, 3, 64, 4, 2, 1),
    CONV(64, 16, 64, 128, 4, 2, 1),
    CONV(64, 8, 128, 256, 4, 2, 1),
    /* basic64 */
    CONV(64, 64, 3, 64, 4, 2, 1),
    CONV(64, 32, 64, 128, 4, 2, 1),
    CONV(64, 16, 128, 256, 4, 2, 1),
    CONV(64, 8, 256, 512, 4, 2, 1),
    /* alex64 */
    CONV(64, 64, 3, 96, 3, 1, 1),
    CONV(64, 31, 96, 192, 3, 1, 1),
    CONV(64, 15, 192, 384, 3, 1, 1),
    CONV(64, 15, 384, 384, 3, 1, 1),
    CONV(64, 15, 384, 192, 3, 1, 1),
    /* a layer of residual networks */
    CONV(16, 56, 64, 64, 3, 1, 1),
    /* encode-dot as published, and the bilinear order of the same function */
    CRITIC(.n = 64, .p = 64, .q = 1, .d0 = 2048, .est = IMX_EST_INFONCE, .scale = 1),
    CRITIC(.n = 64, .p = 64, .q = 1, .d0 = 2048, .d1 = 128, .bias = 1, .est = IMX_EST_INFONCE, .scale = 1),
    /* basic32: its three convolutions, its linear layer; then the local and the global head */
    BATCHNORM(16384, 64),
    BATCHNORM(4096, 128),
    BATCHNORM(1024, 256),
    BATCHNORM(64, 1024),
    BATCHNORM(4096, 2048),
    BATCHNORM(64, 2048),
    /* alex64: its first three convolutions */
    BATCHNORM(262144, 96),
    BATCHNORM(61504, 192),
    BATCHNORM(14400, 384),
    /* alex64, behind its first, second and last convolution */
    POOL(64, 96),
    POOL(31, 192),
    POOL(15, 192),
    /* heads: encode-dot's local one where it is computed as it stands, and the global one */
    LAYERNORM(4096),
    LAYERNORM(64),
    /* the parameters of basic32 with the bilinear critic */
    { "adam", "adam", "", &(const struct imx_optim){ .n = 14118912 } },
    { 0 },
};
