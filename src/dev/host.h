/* The host device, as the rest of src/dev sees it; see host.c. */
#ifndef IMX_DEV_HOST_H
#define IMX_DEV_HOST_H

#include "dev/dev.h"

imx_status imx_host_open(struct imx_dev **out);
void imx_host_caps(struct imx_caps *caps);

#endif
