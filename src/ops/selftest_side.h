/* Child processes that test kernels beside this one. A first start spends its time in the driver's compiler, which
 * works on one kernel at a time in a process; so what a graph chose and nobody tested yet is shared with children, each
 * with a device of its own. What a child built, the driver or our program cache keeps for this process. A child's word
 * counts only when it says "right": whatever else becomes of an order (wrong, no device, crashed, hung), this process
 * tests that variant itself, as if there were no children. */
#ifndef IMX_OPS_SELFTEST_SIDE_H
#define IMX_OPS_SELFTEST_SIDE_H

#include "ops/selftest.h"

struct imx_testers;

struct imx_testers_options {
    int children;   /* 0: a core for each, but one for this process; at most 3 */
    double limit_s; /* longest wait for an order that a child has in hand; 0: 60 */
    /* For tests: a child's work on an order; NULL: imx_selftest_short. */
    imx_status (*test)(struct imx_dev *dev, const struct imx_trial *trial, bool *right);
};

/* Forks children that wait, without a device, until there is something to test; before this process uses OpenCL, like
 * every child (base/child.h). NULL where they would be of no use (the host, one core, no cache folder) or could not be
 * started, which is no error. */
struct imx_testers *imx_testers_start(const struct imx_dev_info *chosen, const struct imx_testers_options *options);
/* Opens the device, which takes them (NULL is fine); they end where it does not open. */
IMX_MUST_CHECK imx_status imx_testers_open(const struct imx_dev_info *chosen, struct imx_testers *t,
                                           struct imx_dev **out);
/* The device takes them: it ends them before it closes. */
void imx_testers_join(struct imx_dev *dev, struct imx_testers *t);
/* Ends the children; NULL is fine. */
void imx_testers_end(struct imx_testers *t);
/* Ends those of a device; what is chosen later is tested by this process alone. */
void imx_testers_dismiss(struct imx_dev *dev);

/* Has the children test of these what they can, beside this process, which does it with the same function (as
 * options.test; NULL: imx_selftest_short). Returns when every trial has its verdict. */
IMX_MUST_CHECK imx_status imx_testers_run(struct imx_dev *dev, struct imx_trial *trial, int n);

#endif
