/* Parameters of a store in safetensors files, under their names and in PyTorch's shapes and order. */
#ifndef IMX_GRAPH_WEIGHTS_H
#define IMX_GRAPH_WEIGHTS_H

#include "graph/store.h"
#include "io/safetensors.h"

/* Writes the tensors whose names begin with prefix: values and running statistics, with moments also Adam's two under
 * "adam_m/NAME" and "adam_v/NAME". */
IMX_MUST_CHECK imx_status imx_weights_save(const char *path, struct imx_store *store, const char *prefix, bool moments,
                                           const struct imx_st_pair *meta, size_t n_meta);
/* Reads every parameter of the store; E_FORMAT when one is missing or has another shape. Other tensors are ignored. */
IMX_MUST_CHECK imx_status imx_weights_load(const struct imx_safetensors *f, struct imx_store *store, bool moments);
/* The same from a file, without moments: of the parameters whose names begin with prefix ("": all). */
IMX_MUST_CHECK imx_status imx_weights_read_part(const char *path, struct imx_store *store, const char *prefix);
IMX_MUST_CHECK imx_status imx_weights_read(const char *path, struct imx_store *store);

#endif
