/* Sums and maxima over a work-group of GROUP work-items in a fixed order, for kernels that give a row to a group.
 * Without SUB: a tree in local memory, on every device. With SUB: sub-groups first, without a barrier, then their
 * results through local memory in the sub-groups' order. SUB > 0 asks for sub-groups of that size
 * (cl_intel_subgroups with cl_intel_required_subgroup_size, in OpenCL C 1.2), SUB 0 takes what the device has
 * (OpenCL C 2.0 or 3.0). caps say which a device gets (src/dev/dev.h). Every function is called by all work-items of
 * the group, with the same tmp[GROUP], and gives each of them the result. */
#ifndef IMX_CL_GROUP_SUM_H
#define IMX_CL_GROUP_SUM_H

#ifndef GROUP
    #define GROUP 64
#endif
#if defined(SUB) && SUB > 0
    #define GROUP_SHAPE reqd_work_group_size(GROUP, 1, 1), intel_reqd_sub_group_size(SUB)
#else
    #define GROUP_SHAPE reqd_work_group_size(GROUP, 1, 1)
#endif
#if defined(SUB) && SUB == 0 && defined(cl_khr_subgroups)
    #pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif

/* The larger one; a NaN wins. */
static inline float larger(const float a, const float b)
{
    return b > a || isnan(b) ? b : a;
}

#ifdef SUB
/* The sub-groups' values, one after the other, from tmp[0] on. */
static inline void share(const float v, __local float *tmp)
{
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_sub_group_local_id() == 0)
        tmp[get_sub_group_id()] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
}

static inline float group_sum(const float v, __local float *tmp)
{
    share(sub_group_reduce_add(v), tmp);
    float s = tmp[0];
    for (uint k = 1; k < get_num_sub_groups(); k++)
        s += tmp[k];
    return s;
}

/* What a driver's maximum makes of a NaN is its own affair. */
static inline float group_max(const float v, __local float *tmp)
{
    const float m = sub_group_reduce_max(isnan(v) ? INFINITY : v);
    share(sub_group_any(isnan(v)) ? NAN : m, tmp);
    float top = tmp[0];
    for (uint k = 1; k < get_num_sub_groups(); k++)
        top = larger(top, tmp[k]);
    return top;
}
#else
static inline float group_sum(const float v, __local float *tmp)
{
    const int l = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    tmp[l] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = GROUP / 2; k > 0; k /= 2) {
        if (l < k)
            tmp[l] += tmp[l + k];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return tmp[0];
}

static inline float group_max(const float v, __local float *tmp)
{
    const int l = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    tmp[l] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = GROUP / 2; k > 0; k /= 2) {
        if (l < k)
            tmp[l] = larger(tmp[l], tmp[l + k]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return tmp[0];
}
#endif

#endif
