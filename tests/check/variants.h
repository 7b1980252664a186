/* Every variant that a device supports on a list of problems, real numbers and, where the op is exact, exact ones,
 * through the self-test's harness; one line per variant and problem, which one at least must support. */
#ifndef IMX_TESTS_VARIANTS_H
#define IMX_TESTS_VARIANTS_H

#include "ops/selftest.h"
#include "tap.h"

static inline void variants_check(struct imx_dev *dev, const struct imx_op *op, const char *const *cases)
{
    for (const char *const *text = cases; *text; text++) {
        _Alignas(8) unsigned char problem[256];
        int ran = 0;
        if (!tap_ok(imx_problem_parse(op, *text, problem) == IMX_OK, "%s %s parses", op->name, *text))
            continue;
        for (const struct imx_variant *const *v = op->variants; *v; v++)
            for (int exact = 0; exact <= op->exact && (*v)->supports(&dev->caps, problem); exact++) {
                struct imx_selftest_result result = { 0 };
                const imx_status s = imx_selftest_case(dev, op, *v, problem, 1, exact, &result);
                tap_ok(s == IMX_OK && !result.failed, "%s/%s %s %s", op->name, (*v)->name, *text,
                       exact ? "exact" : "real");
                if (s != IMX_OK || result.failed)
                    printf("# %s\n", s == IMX_OK ? result.text : imx_error_text());
                ran++;
            }
        tap_ok(ran > 0, "%s %s: %d cases", op->name, *text, ran);
    }
}

#endif
