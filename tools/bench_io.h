/* The `io` part of infomax bench: how fast images come in, beside how fast a training step takes them. */
#ifndef IMX_TOOLS_BENCH_IO_H
#define IMX_TOOLS_BENCH_IO_H

#include "base/json.h"
#include "ops/bench.h"
#include "train/config.h"

/* One source of images. Rates are images per second. */
struct imx_io_time {
    char source[48];             /* "jpeg", "cifar10", or what the user named */
    int32_t images, width, side; /* how many; widest source; side after scaling */
    int32_t runs;
    double decode_s, decode_least, decode_most; /* seconds to open the whole set: read, decode, scale, hash */
    double decode, batch; /* rate of that (median), and of shuffled, shifted, mirrored batches from memory */
    double step;          /* rate of a training step alone; this and what follows NaN on the host */
    double fed;           /* rate of training steps fed by the batches */
    double waited;        /* fraction of the time of those that the device waited for a batch */
};

enum { IMX_IO_MOST = 4 };

struct imx_io {
    struct imx_io_time at[IMX_IO_MOST];
    int n;
};

/* c->data: the images; NULL: drawn ones, as JPEG files and as CIFAR-10 binaries in a temporary folder. E_STOPPED after
 * a signal; the folder is gone in any case. */
IMX_MUST_CHECK imx_status imx_bench_io(struct imx_dev *dev, const struct imx_config *c, struct imx_io *io);

void imx_bench_io_text(const struct imx_io *io, const struct imx_config *c);
/* Adds the array "io" to the open object. */
void imx_bench_io_json(struct imx_json *j, const struct imx_io *io);
/* The opening of a source as a row of the table. */
void imx_bench_io_row(const struct imx_io_time *t, struct imx_bench_row *row);

#endif
