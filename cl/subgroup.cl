/* A sum over a group, as the kernels of the reductions make it: a device that claims sub-groups builds this with them
 * (imx_subgroup_options() of src/dev/dev.h), and is believed when it adds up right. */
#include "group_sum.h"

__kernel __attribute__((GROUP_SHAPE)) void subgroup_probe(
    __global float *restrict dst)
{
    __local float tmp[GROUP];
    const int l = get_local_id(0);
    dst[l] = group_sum((float)l, tmp) + group_max((float)-l, tmp);
}
