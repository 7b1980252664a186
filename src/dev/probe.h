/* Between dev.c and what finds OpenCL devices (cl_probe.c, or no_cl.c in a build without OpenCL). */
#ifndef IMX_DEV_PROBE_H
#define IMX_DEV_PROBE_H

#include "dev/dev.h"

/* Every platform and device of every installed driver, each driver asked in a child process. Made once per process,
 * before its first OpenCL call (a child of a process that already runs a driver cannot use it): later calls return
 * copies. remembered: an earlier start's answer will do, when nothing that it depends on has changed. *out is the
 * caller's (free()), never NULL on success. */
IMX_MUST_CHECK imx_status imx_cl_probe(bool remembered, struct imx_dev_info **out, size_t *n);

/* Opens the device that imx_cl_probe() listed as P:D. */
IMX_MUST_CHECK imx_status imx_cl_open(int p, int d, struct imx_dev **out);

/* Gflop/s and GB/s of each of the listed devices at[0..n), each measured in a child process; 0 where that failed. */
void imx_cl_race(const struct imx_dev_info *at, size_t n, double *gflops);

#endif
