/* Checkpoints: parameters, moments, running statistics and the place in the run, in one safetensors file. Written under
 * a new name and renamed, the last three kept, so that a crash at any moment leaves a whole one. Nothing random is
 * stored: order, augmentation and dropout are functions of (seed, step). */
#ifndef IMX_TRAIN_CHECKPOINT_H
#define IMX_TRAIN_CHECKPOINT_H

#include "graph/store.h"

struct imx_checkpoint {
    uint64_t step; /* steps done */
    uint64_t seed;
    double seconds;     /* trained so far */
    char data_hash[40]; /* of the images; another set cannot be resumed on */
    char network[640];  /* encoder, critic, sizes: must match */
};

/* Writes RUN/checkpoints/last.safetensors; the former last becomes previous-1, that one previous-2. E_IO. */
IMX_MUST_CHECK imx_status imx_checkpoint_save(const char *run, struct imx_store *store,
                                              const struct imx_checkpoint *at);
/* Loads the newest checkpoint that is whole; a damaged one is logged and the one before is tried. *found = false
 * when there is none at all. E_FORMAT when there are files but none is whole; E_DATA when it is of another network. */
IMX_MUST_CHECK imx_status imx_checkpoint_load(const char *run, struct imx_store *store, struct imx_checkpoint *at,
                                              bool *found);
#endif
