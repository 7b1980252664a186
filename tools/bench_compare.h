/* `infomax bench --compare FILE`: this run's rows beside those of an earlier --json output. */
#ifndef IMX_TOOLS_BENCH_COMPARE_H
#define IMX_TOOLS_BENCH_COMPARE_H

#include "base/json.h"
#include "ops/bench.h"
#include "train/measure.h"

struct imx_bench_before {
    const char *path;        /* borrowed */
    struct imx_json_doc doc; /* zeroed: there is nothing to compare with */
};

/* Reads what an earlier run printed. E_FORMAT when that is not the JSON of infomax bench. */
IMX_MUST_CHECK imx_status imx_bench_before_open(const char *path, struct imx_bench_before *b);
void imx_bench_before_close(struct imx_bench_before *b);

/* What was measured now. */
struct imx_bench_now {
    const struct imx_bench_row *row;
    size_t n;
    const struct imx_config *config;
    const struct imx_step_time *step; /* n == 0: not timed */
    struct imx_bench_limit limit;
};

/* A line per row that both runs have, then the rows that one of them has. */
void imx_bench_compare_text(const struct imx_bench_before *b, const struct imx_bench_now *now);
/* The same as the member "compare" of the open object. */
void imx_bench_compare_json(struct imx_json *j, const struct imx_bench_before *b, const struct imx_bench_now *now);

#endif
