/* Batches, made ahead of the consumer by one thread.
 *
 * Everything in a batch is a function of (data set, options, epoch, step in the epoch)
 * alone: the order of epoch e is imx_permute(seed, e, IMX_STREAM_ORDER), the augmentation
 * of slot j is word group j of stream IMX_STREAM_AUGMENT at step e * steps + step. So a
 * run that resumes at any step sees the batches that it would have seen. */
#ifndef IMX_DATA_BATCH_H
#define IMX_DATA_BATCH_H

#include "data/dataset.h"

/* Where a slot of the ring has its pixels, [batch, h, w, c], and its aug, [batch, 3]. */
struct imx_batch_place {
    uint8_t *pix;
    int32_t *aug;
};

struct imx_batch_options {
    int32_t batch; /* images per batch */
    uint64_t seed;
    bool shuffle;         /* a new order each epoch; otherwise the order of the set */
    bool flip;            /* mirrors every second image, by lot */
    int32_t pad;          /* shifts by up to this many pixels each way, black coming in; done here,
                             not by aug */
    int32_t crop;         /* side of the part that aug cuts out; 0: the whole image */
    bool crop_random;     /* the part lies anywhere; otherwise in the middle */
    bool keep_last;       /* the incomplete batch at the end of an epoch is delivered, with a
                             smaller count */
    uint64_t epoch, step; /* where to begin; step counts within the epoch */
    uint64_t epochs;      /* end (count 0) before this epoch; 0: never */
    int32_t slots;        /* batches in the ring, at least two more than held; 0: held + 3 */
    int32_t held;         /* batches that the consumer has at once; 0: 1 */
    /* [slots], memory of the consumer, which may change the place of a batch that it has; NULL: the loader's own */
    const struct imx_batch_place *place;
    const int32_t *subset; /* only these images, in this order (copied); NULL: all */
    int32_t subset_n;
};

/* Borrowed from the loader until imx_batches_next has been called as often again as batches
 * may be held. Images beyond count are black, label -1, index -1. */
struct imx_batch {
    uint64_t epoch, step; /* step counts within the epoch */
    int32_t slot;         /* of the ring */
    int32_t count;        /* images; 0: the epochs are over */
    const uint8_t *pix;   /* [batch, h, w, c], h and w of the set */
    const int32_t *label; /* [batch] */
    const int32_t *aug;   /* [batch, 3]: y0, x0 of the part that is cut out, flip */
    const int32_t *index; /* [batch]: which image of the set */
};

struct imx_batches;

/* Borrows ds for its life. E_ARG: impossible options; E_DATA: fewer images than one
 * batch. */
IMX_MUST_CHECK imx_status imx_batches_create(const struct imx_dataset *ds, const struct imx_batch_options *options,
                                             struct imx_batches **out);
/* Waits for the next batch; gives the oldest one back where more than held would be out. */
IMX_MUST_CHECK imx_status imx_batches_next(struct imx_batches *b, struct imx_batch *view);
/* Whether the next one is there, so that imx_batches_next would not wait. */
bool imx_batches_ready(struct imx_batches *b);
/* Batches in an epoch. */
uint64_t imx_batches_per_epoch(const struct imx_batches *b);
/* Seconds that imx_batches_next has waited for the thread so far. */
double imx_batches_waited(const struct imx_batches *b);
/* Ends the thread. NULL is fine. */
void imx_batches_destroy(struct imx_batches *b);

#endif
