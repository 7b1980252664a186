/* Large pieces of memory in large pages. */
#ifndef IMX_BASE_PAGES_H
#define IMX_BASE_PAGES_H

#include <stddef.h>

/* Asks the system for huge pages in a piece of memory that nothing was written to yet: first touching 100 MB then costs
 * 50 page faults in place of 25,000. Small pieces and other systems are left as they are. Returns p (NULL is fine). */
void *imx_huge_pages(void *p, size_t bytes);

#endif
