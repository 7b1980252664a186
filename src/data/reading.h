/* A data set that is read by a thread of its own while the caller does something else, such as opening a device; and
 * one that is summed while its first images are used. */
#ifndef IMX_DATA_READING_H
#define IMX_DATA_READING_H

#include "data/dataset.h"

struct imx_reading;

/* Begins to open `path` (see imx_dataset_open; path and options are copied, what they point to is not). Where no thread
 * is to be had, imx_reading_end() reads. The caller owns *out and gives it to imx_reading_end(). */
IMX_MUST_CHECK imx_status imx_reading_begin(const char *path, const struct imx_dataset_options *options,
                                            struct imx_reading **out);

/* Waits for the result, which the caller owns then, and frees r. out NULL: the set is not wanted any more; what was
 * read is dropped, the rest not read, and the status is E_STOPPED. r NULL: nothing happens. */
imx_status imx_reading_end(struct imx_reading *r, struct imx_dataset **out);

struct imx_summing;

/* Begins imx_dataset_sum(ds, threads). Until imx_summing_end() nobody may look at mean, std and hash or change the set;
 * all else of it may be read. Where no thread is to be had, imx_summing_end() sums. The caller owns *out and gives it
 * to imx_summing_end(). */
IMX_MUST_CHECK imx_status imx_summing_begin(struct imx_dataset *ds, int32_t threads, struct imx_summing **out);

/* Whether imx_summing_end() would not wait. */
bool imx_summing_done(struct imx_summing *s);

/* Waits for the result, which is in the set then, and frees s. NULL: nothing happens. */
IMX_MUST_CHECK imx_status imx_summing_end(struct imx_summing *s);

#endif
