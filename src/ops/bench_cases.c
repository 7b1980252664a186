/* The problems that `infomax bench` times: the model's layers at batch 64, in the three directions of training, and a
 * few that others publish. CIFAR-10 shape: 64 images, 64 locals each, 2048 critic units. */
#include "ops/bench.h"
#include "ops/conv2d.h"
#include "ops/critic.h"
#include "ops/gemm.h"

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
    /* a layer of residual networks */
    CONV(16, 56, 64, 64, 3, 1, 1),
    /* encode-dot as published, and the bilinear order of the same function */
    CRITIC(.n = 64, .p = 64, .q = 1, .d0 = 2048, .est = IMX_EST_INFONCE, .scale = 1),
    CRITIC(.n = 64, .p = 64, .q = 1, .d0 = 2048, .d1 = 128, .bias = 1, .est = IMX_EST_INFONCE, .scale = 1),
    { 0 },
};
