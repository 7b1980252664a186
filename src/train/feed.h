/* Batches on their way to the device. The loader writes each into memory of the device: where that is the host's own
 * nothing is copied, elsewhere a batch moves while the step before it runs. */
#ifndef IMX_TRAIN_FEED_H
#define IMX_TRAIN_FEED_H

#include "data/batch.h"
#include "objectives/net.h"

struct imx_feed;

/* Borrows net, which was made with spec.ring, and ds for its life. Errors are those of imx_batches_create. */
IMX_MUST_CHECK imx_status imx_feed_create(struct imx_net *net, const struct imx_dataset *ds,
                                          const struct imx_batch_options *options, struct imx_feed **out);
/* Waits for the next batch and makes it what the net's next run reads; the run before must be over. pix and aug of
 * `batch` are the device's, not to be looked at. */
IMX_MUST_CHECK imx_status imx_feed_next(struct imx_feed *f, struct imx_batch *batch);
/* While a run is under way: sends the batch after it, where that is ready. Does not wait. */
IMX_MUST_CHECK imx_status imx_feed_ahead(struct imx_feed *f);
/* Seconds that imx_feed_next has waited for the loader so far, in which the device had nothing to do. */
double imx_feed_waited(const struct imx_feed *f);
/* What was queued must be done. NULL is fine. */
void imx_feed_destroy(struct imx_feed *f);

#endif
