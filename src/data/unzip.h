/* Members of a ZIP archive, stored or deflated, ZIP64 too: what .npz files are. */
#ifndef IMX_DATA_UNZIP_H
#define IMX_DATA_UNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct imx_zip;

/* Reads the directory at the end of the file. E_FORMAT: no archive or a damaged one; E_IO; E_NOMEM. */
IMX_MUST_CHECK imx_status imx_zip_open(const char *path, struct imx_zip **out);
/* NULL is fine. */
void imx_zip_close(struct imx_zip *zip);
int32_t imx_zip_count(const struct imx_zip *zip);
/* Name of member i, borrowed. */
const char *imx_zip_name(const struct imx_zip *zip, int32_t i);
/* The member of that name, -1 when there is none. */
int32_t imx_zip_find(const struct imx_zip *zip, const char *name);
/* Unpacks member i into memory (malloc, owned by the caller) and checks its sum. E_DATA when it is larger
 * than `limit` or than its packed bytes can give; E_FORMAT, E_IO, E_NOMEM. */
IMX_MUST_CHECK imx_status imx_zip_read(const struct imx_zip *zip, int32_t i, uint64_t limit, uint8_t **data,
                                       size_t *bytes);

#endif
