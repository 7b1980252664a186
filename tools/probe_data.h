/* The two sets of a probe: images that something learns from and images that it is judged on, with one numbering of the
 * classes. */
#ifndef IMX_TOOLS_PROBE_DATA_H
#define IMX_TOOLS_PROBE_DATA_H

#include "data/labelled.h"
#include "options.h"
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
/* Renumbers the labels of ds by the names of `class`; those of other names, *unknown classes of which *example is one
 * (borrowed from ds), become -1. */
IMX_MUST_CHECK imx_status imx_match_classes(const struct imx_class *class, int32_t classes, struct imx_dataset *ds,
                                            int32_t *unknown, const char **example);

/* The values of --labels, "10%" or "250" each, as words and as what is drawn (but for the seed). */
struct imx_label_shares {
    struct imx_list word;
    struct imx_labelled *of; /* [n] */
    size_t n;
};
/* E_ARG. imx_label_shares_free, also after an error. */
IMX_MUST_CHECK imx_status imx_label_shares(const struct imx_list *labels, const char *draw,
                                           struct imx_label_shares *out);
void imx_label_shares_free(struct imx_label_shares *s);
/* Draws which training images keep their label: *index (caller frees) and *kept. */
IMX_MUST_CHECK imx_status imx_probe_data_labelled(const struct imx_probe_data *d, const struct imx_labelled *how,
                                                  int32_t **index, int32_t *kept);
void imx_probe_data_close(struct imx_probe_data *d);

#endif
