/* What the laboratory compares readings with, in double precision and without training: mutual information and the
 * best value of every estimator on joints that are known.
 *   r(x,y) = p(x,y) / (p(x) p(y)); I = E_J[ln r]; J: the joint, M: the product of its marginals
 * A joint table is p[kx,ky], row-major, not negative, with sum 1. Terms with p = 0 count 0. */
#ifndef IMX_EVAL_LAB_EXACT_H
#define IMX_EVAL_LAB_EXACT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Nats. */
double imx_joint_mi(const double *p, int32_t kx, int32_t ky);
/* JSD(J || M) in nats, at most ln 2 (dim_method 4.5). */
double imx_joint_jsd(const double *p, int32_t kx, int32_t ky);
/* e_pos - e_neg of an estimator (enum imx_estimator) when its critic is the best one: I for dv and kl, 2 JSD for jsd,
 * KL(M || J) for rkl, ... (ops/critic.h). Infinite where it has no bound; NaN for estimators that have no such value
 * (infonce: its value depends on the number of negatives). */
double imx_joint_best(const double *p, int32_t kx, int32_t ky, int32_t est);
/* p[kx,ky]: a draw from the symmetric Dirichlet distribution over the kx*ky cells; a small concentration (> 0) gives
 * few heavy cells. A function of (seed, index). */
void imx_joint_draw(double *p, int32_t kx, int32_t ky, double concentration, uint64_t seed, uint32_t index);
/* p[k,k]: X = Y, uniform over k symbols: I = ln k. */
void imx_joint_equal(double *p, int32_t k);

/* d independent pairs of standard normal numbers with correlation rho: I = -(d/2) ln(1 - rho^2). */
double imx_gauss_mi(int32_t d, double rho);
/* As imx_joint_best: in closed form, except jsd and gan, which are means over 100,000 draws (deterministic; their
 * standard error is below 0.005). */
double imx_gauss_best(int32_t d, double rho, int32_t est);
/* n pairs x[n,d], y[n,d]; a function of (seed, step). */
void imx_gauss_draw(float *x, float *y, int32_t n, int32_t d, double rho, uint64_t seed, uint64_t step);

/* Spearman's rank correlation of a and b [n], ties at their mean rank; NaN for fewer than two or when one is constant.
 * E_NOMEM. */
IMX_MUST_CHECK imx_status imx_rank_correlation(const double *a, const double *b, size_t n, double *out);

#endif
