/* safetensors files: checkpoints, encoders, traces. Layout: u64 length N, N bytes of JSON, data. Written with the data
 * on a 64-byte boundary, atomically and durably, with the SHA-256 of the data in __metadata__. Read into memory of its
 * own under limits that a hostile file cannot stretch: header at most 1 MiB (and, beyond 64 KiB, a tenth of the file),
 * 65,536 tensors, names of 256 bytes, rank 8, no holes, no overlap, nothing behind the data. */
#ifndef IMX_IO_SAFETENSORS_H
#define IMX_IO_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define IMX_ST_RANK 8

enum imx_st_type { IMX_ST_F64, IMX_ST_I64, IMX_ST_U64, IMX_ST_F32, IMX_ST_I32, IMX_ST_U32, IMX_ST_U8, IMX_ST_TYPES };

struct imx_st_tensor {
    const char *name;
    enum imx_st_type type;
    int rank; /* 0: a scalar */
    int64_t shape[IMX_ST_RANK];
    /* Writing: the values, or NULL when they come from fill(). Reading: inside the file's memory, little-endian,
     * aligned to the element only in files that keep to it (ours do). */
    const void *data;
};

struct imx_st_pair {
    const char *key, *value;
};

struct imx_st_save {
    const struct imx_st_tensor *tensor;
    size_t n;
    const struct imx_st_pair *meta; /* "sha256" is added */
    size_t n_meta;
    /* Writes the values of tensor i, imx_st_bytes() of them, to dst: called for tensors whose data is NULL, in the
     * order of the file, so that no second copy of a model is needed. */
    imx_status (*fill)(void *user, size_t i, void *dst);
    void *user;
};

/* Bytes per element, bytes of a tensor (0 also for one without elements), number of elements. */
size_t imx_st_type_size(enum imx_st_type t);
uint64_t imx_st_bytes(const struct imx_st_tensor *t);
int64_t imx_st_count(const struct imx_st_tensor *t);

/* Writes the file: it is there whole, or what was there before is unchanged. E_ARG for a repeated or overlong name. */
IMX_MUST_CHECK imx_status imx_safetensors_save(const char *path, const struct imx_st_save *what);

struct imx_safetensors;
/* Reads and checks a file of at most `limit` bytes (0: 16 GiB), with its hash when it has one. E_FORMAT says what is
 * wrong, E_IO that it cannot be read. */
IMX_MUST_CHECK imx_status imx_safetensors_open(const char *path, uint64_t limit, struct imx_safetensors **out);
/* The same from memory, which is copied; `name` is used in messages. */
IMX_MUST_CHECK imx_status imx_safetensors_parse(const void *data, size_t bytes, const char *name,
                                                struct imx_safetensors **out);
void imx_safetensors_close(struct imx_safetensors *f);
/* The SHA-256 that the file says its data has, which are not read; "" when it says none. E_FORMAT, E_IO. */
IMX_MUST_CHECK imx_status imx_safetensors_hash(const char *path, char hex[65]);

size_t imx_safetensors_count(const struct imx_safetensors *f);
/* Tensors in the order of their data. Borrowed. */
const struct imx_st_tensor *imx_safetensors_at(const struct imx_safetensors *f, size_t i);
/* NULL when there is none of that name. */
const struct imx_st_tensor *imx_safetensors_find(const struct imx_safetensors *f, const char *name);
/* A value of __metadata__; NULL when absent. */
const char *imx_safetensors_meta(const struct imx_safetensors *f, const char *key);
/* Copies a tensor that must have this type and exactly count elements; E_FORMAT names the file and what differs. */
IMX_MUST_CHECK imx_status imx_safetensors_copy(const struct imx_safetensors *f, const char *name, enum imx_st_type type,
                                               int64_t count, void *dst);

#endif
