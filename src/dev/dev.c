#include "dev/dev.h"

#include <string.h>

#include "dev/host.h"

imx_status imx_dev_open(const char *spec, struct imx_dev **out, const char **why)
{
    if (why)
        *why = "asked for";
    if (spec && strcmp(spec, "host"))
        return imx_fail(IMX_E_NODEVICE, "no device \"%s\"", spec);
    return imx_host_open(out);
}

void imx_dev_close(struct imx_dev *dev)
{
    if (dev)
        dev->vt->release(dev);
}
