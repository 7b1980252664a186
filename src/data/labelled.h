/* Which images keep their label when only some may have one (dim_method 7.1, semi-supervised): drawn by lot within each
 * class, at least one of each class. */
#ifndef IMX_DATA_LABELLED_H
#define IMX_DATA_LABELLED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct imx_labelled {
    double share;  /* of the images that have a label, in (0,1]; 0: count says it */
    int64_t count; /* images */
    /* How many of each class: false: equally many, as far as each has them; true: in proportion to the classes (both by
     * the divisors 1, 3, 5, ..., so that no class has fewer when there are more in all). The specification does not
     * say. */
    bool proportional;
    uint64_t seed;
};

/* The indices, ascending, of the images that keep their label: index has room for n, *kept is their number. A function
 * of (label, how) alone; with the same seed, fewer images are a subset of more. At least one image of each class that
 * has any, even if that makes more than asked for. E_ARG: more than there are; E_DATA: no image has a label. */
IMX_MUST_CHECK imx_status imx_draw_labelled(const int32_t *label, int32_t n, int32_t classes,
                                            const struct imx_labelled *how, int32_t *index, int32_t *kept);

#endif
