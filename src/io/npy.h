/* The .npy format of NumPy: reading headers of versions 1 to 3, writing version 1 with data from byte 64 * k
 * on. */
#ifndef IMX_IO_NPY_H
#define IMX_IO_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { IMX_NPY_RANK = 8 };

struct imx_npy {
    char kind;     /* b bool, i int, u unsigned, f float */
    int32_t width; /* bytes of an element: 1, 2, 4, 8 */
    bool swapped;  /* not this machine's byte order */
    bool fortran;  /* the first index runs fastest */
    int32_t rank;
    uint64_t shape[IMX_NPY_RANK];
    uint64_t count; /* elements */
    size_t offset;  /* of the first element in the file */
};

/* Reads the header at the front of a file of `total` bytes, of which the first `bytes` are at `data` (64 KiB
 * are enough for any header that is accepted). E_FORMAT: not .npy, of objects or text, or not exactly as long
 * as its shape says. */
IMX_MUST_CHECK imx_status imx_npy_parse(const void *data, size_t bytes, uint64_t total, struct imx_npy *out);

/* Element i as an integer; *ok becomes false when it is none that fits. Data at the first element. */
int64_t imx_npy_integer(const struct imx_npy *npy, const void *elements, uint64_t i, bool *ok);

/* The header for elements of type `descr` ("<f4", "|u1", "<i4", "<i8") into text; its length (a multiple of
 * 64), or 0 when it does not fit. */
size_t imx_npy_header(const char *descr, int32_t rank, const uint64_t *shape, char *text, size_t size);

/* Writes a whole array, atomically. The elements are little endian, the last index runs fastest. E_ARG, E_IO,
 * E_NOMEM. */
IMX_MUST_CHECK imx_status imx_npy_write(const char *path, const char *descr, int32_t rank, const uint64_t *shape,
                                        const void *elements);

#endif
