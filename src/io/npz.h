/* Writes .npz, which numpy.load() reads: a ZIP of .npy members, stored as they are. */
#ifndef IMX_IO_NPZ_H
#define IMX_IO_NPZ_H

#include "io/safetensors.h"

/* One member NAME.npy per tensor (f32 or i64), and behind them meta.json with `meta` in it. Atomically. E_ARG beyond
 * 4 GB or 65,535 members, E_IO, E_NOMEM. */
IMX_MUST_CHECK imx_status imx_npz_write(const char *path, const struct imx_st_tensor *tensor, size_t n,
                                        const char *meta);

#endif
