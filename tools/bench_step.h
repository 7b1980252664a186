/* The `step` part of infomax bench: a whole training step and its split by node. */
#ifndef IMX_TOOLS_BENCH_STEP_H
#define IMX_TOOLS_BENCH_STEP_H

#include "base/json.h"
#include "train/measure.h"

void imx_bench_step_text(const struct imx_config *c, const struct imx_step_time *t);
/* Adds the step's keys to the open object. */
void imx_bench_step_json(struct imx_json *j, const struct imx_config *c, const struct imx_step_time *t);

#endif
