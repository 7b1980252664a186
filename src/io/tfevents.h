/* TensorBoard event files: records of {length, CRC, Event message, CRC}, appended and flushed one by one, so that a
 * reader sees a running training and skips a torn last record. */
#ifndef IMX_IO_TFEVENTS_H
#define IMX_IO_TFEVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct imx_tfevents;

/* Creates DIR/events.out.tfevents.SECONDS.infomax with its version record. E_IO. */
IMX_MUST_CHECK imx_status imx_tfevents_create(const char *dir, struct imx_tfevents **out);
/* One scalar of one step. */
IMX_MUST_CHECK imx_status imx_tfevents_scalar(struct imx_tfevents *f, int64_t step, const char *tag, float value);
/* NULL is fine. */
void imx_tfevents_close(struct imx_tfevents *f);

/* CRC-32C (Castagnoli) of the bytes; the file stores it rotated and shifted. */
uint32_t imx_crc32c(const void *data, size_t bytes);

#endif
