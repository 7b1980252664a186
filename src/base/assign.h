/* Linear assignment: who gets what so that the sum of the costs is least. */
#ifndef IMX_BASE_ASSIGN_H
#define IMX_BASE_ASSIGN_H

#include <stdint.h>

#include "base/status.h"

enum { IMX_ASSIGN_MOST = 4096 }; /* n^3 steps in the worst case */

/* to[n] = a permutation of 0 .. n-1 with the least sum of cost[i * n + to[i]], by shortest augmenting paths (Jonker &
 * Volgenant 1987), in at most n^3 steps; the same for the same costs on every run. E_ARG: n is not within 1 and
 * IMX_ASSIGN_MOST; E_NONFINITE: a cost is not finite; E_NOMEM. */
IMX_MUST_CHECK imx_status imx_assign(const float *cost, int32_t n, int32_t *to);

#endif
