/* What the writing and the reading half of safetensors share. */
#ifndef IMX_IO_SAFETENSORS_TYPES_H
#define IMX_IO_SAFETENSORS_TYPES_H

#include "io/safetensors.h"

enum { IMX_ST_NAME = 256, IMX_ST_TENSORS = 65536, IMX_ST_HEADER = 1 << 20, IMX_ST_SMALL_HEADER = 64 << 10 };

struct imx_st_type_info {
    const char *name;
    size_t size;
};
extern const struct imx_st_type_info imx_st_types[IMX_ST_TYPES];

#endif
