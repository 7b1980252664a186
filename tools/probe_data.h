/* The two sets of a probe: images that something learns from and images that it is judged on, with one numbering of the
 * classes. */
#ifndef IMX_TOOLS_PROBE_DATA_H
#define IMX_TOOLS_PROBE_DATA_H

#include "trained.h"

struct imx_probe_data {
    struct imx_dataset *set[2]; /* training images; test images, NULL: they are the last of set[0] */
    int64_t n_train, n_test;
    const uint8_t *train_pix, *test_pix;     /* borrowed from the sets */
    const int32_t *train_label, *test_label; /* classes of set[0]; -1: none */
    int32_t classes;
    char how[320]; /* where the test images come from, for people */
};

/* test NULL: TRAIN#test when TRAIN has parts, else every fifth image of TRAIN, by a draw that is always the same, is
 * held out. labels: both must have some, with a class in common, or E_DATA. imx_probe_data_close after success. */
IMX_MUST_CHECK imx_status imx_probe_data_open(const struct imx_trained *t, const char *train, const char *test,
                                              bool labels, struct imx_probe_data *out);
void imx_probe_data_close(struct imx_probe_data *d);

#endif
