/* Structural similarity of images (dim_method 7.2).
 *   SSIM = (2 mu_a mu_b + C1)(2 cov + C2) / ((mu_a^2 + mu_b^2 + C1)(var_a + var_b + C2)),  C1 = 0.01^2, C2 = 0.03^2
 * with means, variances and covariance under an 11x11 Gaussian window, sigma 1.5, on values in [-1,1], averaged over
 * pixels and channels. Pixels outside the image count as 0 and the window is not renormalised there, as in the authors'
 * program (a convolution padded with zeros), where this single scale goes by the name of MS-SSIM; its range of 2 with
 * constants for a range of 1 is theirs, too.
 *
 * Multi-scale (Wang, Simoncelli, Bovik 2003), as other programs compute it: on intensities in [0,1], (x + 1)/2, the
 * range that the constants are meant for. (On [-1,1] a dark and a light image would have means of other sign, and an
 * image whose mean is near 0 would be like none other.) Which of the two made the paper's table is not known
 * (dim_method 7.2 thinks the single scale), so both are given. Contrast and structure (2 cov + C2)/(var_a + var_b + C2)
 * at each scale but the last, whole SSIM at the last, raised to the weights .0448 .2856 .3001 .2363 .1333; between
 * scales images are halved by 2x2 averages. Only windows that lie inside the image count, so a scale needs 11 pixels:
 * of a smaller number of scales the weights are divided by their sum. Negative factors count as 0. */
#ifndef IMX_EVAL_SSIM_H
#define IMX_EVAL_SSIM_H

#include <stdint.h>

#include "base/status.h"

enum { IMX_SSIM_SCALES = 5 };

/* a, b: [h,w,c] in [-1,1]. E_NOMEM. */
IMX_MUST_CHECK imx_status imx_ssim(const float *a, const float *b, int32_t h, int32_t w, int32_t c, double *value);

/* Scales that fit h x w, 0 to IMX_SSIM_SCALES. */
int32_t imx_ms_ssim_scales(int32_t h, int32_t w);
/* E_ARG when not one scale fits; E_NOMEM. */
IMX_MUST_CHECK imx_status imx_ms_ssim(const float *a, const float *b, int32_t h, int32_t w, int32_t c, double *value);

#endif
