/* A data set: images of one size as bytes in memory, with labels where the source has
 * them.
 *
 * Whatever the source (a folder of image files, CIFAR, STL-10, IDX, .npy, .npz, drawn),
 * the result is uint8 [n, h, w, c] in a fixed order: for folders the order of the bytes
 * of the relative paths, otherwise the file's. A file that cannot be read whole is listed
 * with its reason and left out; a partly decoded image is never used. */
#ifndef IMX_DATA_DATASET_H
#define IMX_DATA_DATASET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct imx_dataset_options {
    int32_t size;     /* side of the square images; 0: as stored, for folders see
                         imx_dataset_open */
    int32_t channels; /* 1 or 3; 0: 3 when any image has colour */
    int32_t depth;    /* significant bits of images deeper than 8 bits (12 for 0..4095); 0:
                         as the file says */
    int32_t threads;  /* that decode; 0: one per core */
    bool strict;      /* one unreadable file fails the whole (E_DATA) */
    bool unsummed;    /* mean, std and hash are left for imx_dataset_sum */
    void (*progress)(void *user, uint64_t done, uint64_t total); /* may be called from several threads */
    void *user;
    const atomic_bool *stop; /* set from outside: the result is not wanted any more (E_STOPPED); NULL: never */
};

struct imx_unreadable {
    char *path, *why;
};

struct imx_class {
    char *name;
    int32_t images;
};

struct imx_dataset {
    char kind[16]; /* folder, cifar10, cifar100, stl10, idx, npy, npz, drawn */
    char part[16]; /* train, test, val, unlabeled or "" */
    int32_t n, h, w, c;
    uint8_t *pix;    /* [n, h, w, c] */
    int32_t *label;  /* [n]; -1: none */
    char **path;     /* [n] relative paths; NULL when the source has only numbers */
    int32_t classes; /* 0: no labels */
    struct imx_class *class;
    int32_t unreadables;
    struct imx_unreadable *unreadable;
    double mean[4], std[4];             /* per channel, of values in [0,1]; 0 while there is no hash */
    int32_t bits;                       /* the deepest source sample */
    int32_t min_w, max_w, min_h, max_h; /* of the source images */
    char hash[33];                      /* 128 bits of SHA-256 over shape, labels and pixels, in hex; "": unsummed */
};

/* Opens `path`, which may end in #part (train, test, val, unlabeled; for a folder tree
 * the name of a folder in it). Without options->size the images of a folder keep their
 * size when the first 64 are squares of one size up to 128, otherwise they become 64x64.
 * Images are scaled so that the centred square of the shorter side fills the result.
 * E_DATA: nothing usable there (the text says what was looked for); E_FORMAT: a binary
 * set is damaged; E_IO; E_NOMEM. *out is owned by the caller: imx_dataset_destroy. */
IMX_MUST_CHECK imx_status imx_dataset_open(const char *path, const struct imx_dataset_options *options,
                                           struct imx_dataset **out);

/* Makes a set of pixels in memory. Takes pix (malloc, [n, h, w, c]) and label (malloc,
 * [n], or NULL: none), also on failure. Class names are "0", "1", ... */
IMX_MUST_CHECK imx_status imx_dataset_of_pixels(uint8_t *pix, int32_t *label, int32_t n, int32_t h, int32_t w,
                                                int32_t c, struct imx_dataset **out);

/* Mean, deviation and hash of a set that was opened unsummed, by up to `threads` threads (0: one per core). Reads
 * pixels and labels, which other threads may read meanwhile. */
IMX_MUST_CHECK imx_status imx_dataset_sum(struct imx_dataset *ds, int32_t threads);

/* Keeps the middle of each image, side x side, as the batch loader without crop_random does; sums it anew where it was
 * summed. side 0: nothing happens. E_ARG: they are smaller. */
IMX_MUST_CHECK imx_status imx_dataset_crop(struct imx_dataset *ds, int32_t side, int32_t threads);

/* NULL is fine. */
void imx_dataset_destroy(struct imx_dataset *ds);

/* How image i is called: its relative path, or its number. */
void imx_dataset_name(const struct imx_dataset *ds, int32_t i, char *text, size_t size);

#endif
