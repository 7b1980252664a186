/* Writes ONNX models: opset 13, IR version 7, which every runtime since 2020 reads.
 *
 * The file is one protobuf message. Of protobuf a writer of fixed messages needs tags, variable-length numbers and
 * lengths: forty lines here, with field numbers that ONNX has promised never to change. A protobuf library would bring
 * a code generator into the build and its schema into the tree, and build a second copy of all weights in memory.
 * tests/train/export.py reads the result with a parser of its own and, where it is installed, with the onnx package. */
#ifndef IMX_IO_ONNX_H
#define IMX_IO_ONNX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "io/safetensors.h"

/* ONNX's numbers for element types. */
enum imx_onnx_type { IMX_ONNX_F32 = 1, IMX_ONNX_U8 = 2, IMX_ONNX_I64 = 7 };

/* A model in the making; destroy with imx_onnx_finish. A fault (memory, a node too long) sticks until the end. */
struct imx_onnx {
    struct imx_text nodes, inputs, outputs, weights, meta; /* encoded; `weights` of small tensors only */
    struct imx_onnx_big {
        struct imx_text head; /* the tensor up to its values */
        const void *data;     /* borrowed until imx_onnx_write */
        uint64_t bytes;
    } * big;
    size_t n_big;
    int n_nodes;
    imx_status status;
};

/* One attribute: a number, a real number, or a list of whole numbers. */
struct imx_onnx_attr {
    const char *name;
    enum { IMX_ONNX_INT, IMX_ONNX_FLOAT, IMX_ONNX_INTS } kind;
    int64_t i[8];
    int n; /* of INTS */
    float f;
};

/* in, out: names of values, NULL-terminated; attrs: terminated by name NULL, or NULL. */
void imx_onnx_node(struct imx_onnx *m, const char *op, const char *const *in, const char *const *out,
                   const struct imx_onnx_attr *attrs);
/* A constant. Small ones (64 KiB) are copied, the values of others must live until imx_onnx_write. */
void imx_onnx_weight(struct imx_onnx *m, const char *name, enum imx_onnx_type type, int rank, const int64_t *shape,
                     const void *data);
/* An input or output; a dimension of 0 is the variable "N". */
void imx_onnx_value(struct imx_onnx *m, bool output, const char *name, enum imx_onnx_type type, int rank,
                    const int64_t *shape);
void imx_onnx_meta(struct imx_onnx *m, const char *key, const char *value);
/* Writes the file, atomically. E_NOMEM, E_IO; E_ARG beyond 2 GB, which protobuf cannot hold. */
IMX_MUST_CHECK imx_status imx_onnx_write(const struct imx_onnx *m, const char *name, const char *path);
void imx_onnx_finish(struct imx_onnx *m);

#endif
