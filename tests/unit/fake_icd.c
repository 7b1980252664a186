/* A broken OpenCL driver for tests/unit/probe.c. FAULT chooses how: 1 crashes when it is loaded, 2 hangs when it is
 * asked for platforms, 3 exits the process, 4 reports -1001 (no platform). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
typedef void any_fn(void);
EXPORT int clIcdGetPlatformIDsKHR(unsigned count, void **platforms, unsigned *found);
EXPORT int clGetPlatformInfo(void *platform, unsigned what, size_t size, void *value, size_t *used);
EXPORT any_fn *clGetExtensionFunctionAddress(const char *name);

#if FAULT == 1
__attribute__((constructor)) static void crash(void)
{
    abort();
}
#endif

EXPORT int clIcdGetPlatformIDsKHR(unsigned count, void **platforms, unsigned *found)
{
    (void)count, (void)platforms;
    while (FAULT == 2)
        pause();
    if (FAULT == 3)
        _exit(7);
    if (found)
        *found = 0;
    return -1001;
}

/* The loader wants it to exist. */
EXPORT int clGetPlatformInfo(void *platform, unsigned what, size_t size, void *value, size_t *used)
{
    (void)platform, (void)what, (void)size, (void)value, (void)used;
    return -30;
}

EXPORT any_fn *clGetExtensionFunctionAddress(const char *name)
{
    if (!strcmp(name, "clIcdGetPlatformIDsKHR"))
        return (any_fn *)clIcdGetPlatformIDsKHR;
    return strcmp(name, "clGetPlatformInfo") ? NULL : (any_fn *)clGetPlatformInfo;
}
