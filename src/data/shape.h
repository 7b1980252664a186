/* The shapes that are drawn, as predicates on the plane; not for use outside this room. */
#ifndef IMX_DATA_SHAPE_H
#define IMX_DATA_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

struct imx_shape {
    const char *name;
    bool (*inside)(double x, double y); /* the shape lies within the circle of radius 1 around 0 */
};
extern const struct imx_shape imx_shapes[];
extern const int32_t imx_shape_count;

#endif
