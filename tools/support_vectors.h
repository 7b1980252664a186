/* Support vector machines as probe and measure train them: with a progress bar, and saying what they could not do. */
#ifndef IMX_TOOLS_SUPPORT_VECTORS_H
#define IMX_TOOLS_SUPPORT_VECTORS_H

#include "eval/svm.h"

/* imx_svm with how->progress of its own, under `title`. Says so when memory holds only some of the images, and when
 * solutions did not converge. A signal stops it (E_STOPPED). */
IMX_MUST_CHECK imx_status imx_support_vectors(const char *title, const struct imx_svm *how,
                                              const struct imx_samples *train, const struct imx_samples *test,
                                              double *accuracy, struct imx_svm_result *result);

#endif
