/* Drawn pictures with labels: sets to try things on when there are no data at hand.
 *
 * The shape decides the class. Place, size, rotation, number of copies (all of the same shape), colours,
 * contrast, background and what covers the shape are drawn by lot and say nothing about it. A picture is a
 * function of (seed, number, class, size) alone, the same bits on every machine: only + - * / and sqrt are
 * used. */
#ifndef IMX_DATA_DRAW_H
#define IMX_DATA_DRAW_H

#include "data/dataset.h"

struct imx_draw {
    int32_t classes; /* 2 to imx_draw_shapes(); 0: 10 */
    int32_t count;   /* pictures; number i has class i % classes */
    int32_t size;    /* side; 0: 32 */
    uint64_t seed;
    uint32_t first;  /* number of the first picture: sets of one seed and disjoint numbers share no picture */
    int32_t threads; /* 0: one per core */
};

/* How many shapes there are, and the name of one. */
int32_t imx_draw_shapes(void);
const char *imx_draw_shape_name(int32_t class);

/* dst [size, size, 3]. E_NOMEM. */
IMX_MUST_CHECK imx_status imx_draw_picture(uint64_t seed, uint32_t number, int32_t class, int32_t size, uint8_t *dst);

/* A data set in memory. E_ARG: impossible numbers; E_NOMEM. */
IMX_MUST_CHECK imx_status imx_draw_dataset(const struct imx_draw *draw, struct imx_dataset **out);

/* Writes folder/CLASS/NUMBER.png. Existing files are replaced. E_ARG, E_IO, E_NOMEM. */
IMX_MUST_CHECK imx_status imx_draw_folder(const struct imx_draw *draw, const char *folder,
                                          void (*progress)(void *user, uint64_t done, uint64_t total), void *user);

#endif
