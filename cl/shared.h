/* Included by host C11 code and by OpenCL C kernels: constants only. */
#ifndef IMX_CL_SHARED_H
#define IMX_CL_SHARED_H

enum imx_act {
    IMX_ACT_NONE,
    IMX_ACT_RELU,
    IMX_ACT_LEAKY,
    IMX_ACT_TANH,
    IMX_ACT_SIGMOID,
    IMX_ACT_SOFTPLUS,
    IMX_ACT_EXP
};

enum imx_estimator {
    IMX_EST_INFONCE,
    IMX_EST_JSD,
    IMX_EST_DV,
    IMX_EST_GAN,
    IMX_EST_KL,
    IMX_EST_RKL,
    IMX_EST_H2,
    IMX_EST_CHI2,
    IMX_EST_SMILE,
    IMX_EST_DV_EMA
};

#endif
