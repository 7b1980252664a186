/* See pages.h. */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

void *imx_huge_pages(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    enum { PAGE = 4096, LEAST = 4 << 20 };
    const uintptr_t first = ((uintptr_t)p + PAGE - 1) / PAGE * PAGE, end = ((uintptr_t)p + bytes) / PAGE * PAGE;
    if (p && bytes >= LEAST)
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE); /* only advice */
#else
    (void)bytes;
#endif
    return p;
}
