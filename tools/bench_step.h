/* The `step` part of infomax bench: a whole training step and its split by node. */
#ifndef IMX_TOOLS_BENCH_STEP_H
#define IMX_TOOLS_BENCH_STEP_H

#include "base/json.h"
#include "train/measure.h"

/* The step's arithmetic at peak over its time; NaN when the peak is not known. */
double imx_bench_step_of_limit(const struct imx_step_time *t, double peak_gflops);
void imx_bench_step_text(const struct imx_config *c, const struct imx_step_time *t, double peak_gflops);
/* Adds the step's keys to the open object. */
void imx_bench_step_json(struct imx_json *j, const struct imx_config *c, const struct imx_step_time *t,
                         double peak_gflops);

#endif
