/* The self-test: every variant of every op against the double-precision oracle, on the device at hand. What users
 * run with `infomax selftest`, what the tests run, and what training runs in short before it trusts a driver.
 *
 * A case is (op, variant, problem, seed, exact or real numbers). Every argument lies between guard zones; outputs,
 * workspace and guards are poisoned with a NaN first; the variant runs twice, the second time with one output in an
 * input's memory where it may stand there (imx_variant.over), and must give the same bits; no other input and no guard
 * may change; then
 *   exact: small integers, every sum below 2^24: the result must equal the oracle's (of a variant that rounds: be as
 *          near to it as below);
 *   real:  |got - want| <= (4 + 2 sqrt(terms)) eps mag + ulps eps |want| + tiny, mag = the oracle's sum of |terms|, or
 *          the variant's own (imx_variant.mag); of a variant that stores in half precision, storage mag more (half.h).
 * A NaN never passes. */
#ifndef IMX_OPS_SELFTEST_H
#define IMX_OPS_SELFTEST_H

#include "ops/op.h"

struct imx_selftest_result {
    bool failed;
    double worst;    /* largest error over its bound; above 1 = failed */
    char text[1024]; /* failed: op, variant, problem, argument, index, got, want, bound, and the line that repeats it */
};

/* Runs one case. E_NOMEM and E_LOST when it could not be run; a wrong result is IMX_OK with result->failed. */
IMX_MUST_CHECK imx_status imx_selftest_case(struct imx_dev *dev, const struct imx_op *op,
                                            const struct imx_variant *variant, const void *problem, uint64_t seed,
                                            bool exact, struct imx_selftest_result *result);

/* The same with the result of a trusted variant in the oracle's place, for problems that would take the oracle too
 * long. Exact numbers must agree to the bit, which says as much as the oracle would if that variant is right. For real
 * numbers the bound is the op's with twice the largest result in the place of the sum of absolute terms. `tuned` (may
 * be NULL) are the choices in force while the trusted one runs; the device's own are those while the other one runs. */
IMX_MUST_CHECK imx_status imx_selftest_against(struct imx_dev *dev, const struct imx_op *op,
                                               const struct imx_variant *variant, const struct imx_variant *trusted,
                                               struct imx_tuned *tuned, const void *problem, uint64_t seed, bool exact,
                                               struct imx_selftest_result *result);

/* Writes "infomax selftest --device ..." for this case. */
void imx_selftest_repeat(const struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                         const void *problem, uint64_t seed, char *text, size_t size);

/* All cases of one variant of one op. */
struct imx_selftest_row {
    const char *op, *variant;
    int cases, exact_cases, failed, skipped;
    double worst;
};

struct imx_selftest_failure {
    const char *op, *variant;
    char problem[128], repeat[320], text[1024];
};

struct imx_selftest_options {
    int cases;           /* at most so many problems of each op; 0: all */
    const char *op;      /* names or stems with commas between ("conv2d,gemm"); NULL: every op */
    const char *variant; /* NULL: every one that the device supports */
    const char *problem; /* only this one; needs op to name one op */
    uint64_t seed;       /* 0: a fixed one */
    /* Called after each variant of each op; may be NULL. */
    void (*progress)(void *user, const struct imx_selftest_row *row);
    void *user;
};

struct imx_selftest_summary {
    int cases, exact_cases, failed, skipped;
    double worst_of_bound;
    struct imx_selftest_row *rows;
    int n_rows;
    struct imx_selftest_failure *failures; /* the first 64 */
    int n_failures;
};

/* Runs what the options choose. IMX_OK even when cases failed (see summary->failed); E_ARG for a filter that names
 * nothing. The caller ends with imx_selftest_finish, also after an error. */
IMX_MUST_CHECK imx_status imx_selftest_run(struct imx_dev *dev, const struct imx_selftest_options *options,
                                           struct imx_selftest_summary *summary);
void imx_selftest_finish(struct imx_selftest_summary *summary);

/* Never use this variant on this device again; logged. E_SELFTEST when the list is full. */
IMX_MUST_CHECK imx_status imx_selftest_quarantine(struct imx_dev *dev, const char *op, const char *variant);

/* A variant that is to be trusted, and the verdict. */
struct imx_trial {
    const struct imx_op *op;
    const struct imx_variant *variant;
    bool wrong;
};

/* Did this variant pass its short test here, now or at an earlier start? What passed is remembered: in the device, and,
 * after imx_selftest_remember, in the cache folder for this very program, device, driver and limits. Always true on the
 * host and where dev->check is off. */
IMX_MUST_CHECK imx_status imx_selftest_trusted(struct imx_dev *dev, const struct imx_op *op,
                                               const struct imx_variant *variant, bool *trusted);
/* The short test: the op's first problems. */
enum { IMX_SELFTEST_SHORT = 3 };
IMX_MUST_CHECK imx_status imx_selftest_short(struct imx_dev *dev, const struct imx_trial *trial, bool *right);
/* Tests n variants, with child processes where the device has them (selftest_side.h): what is right is trusted, what is
 * wrong goes into quarantine. A graph asks so for the variants that it chooses, so that training starts with what it
 * runs tested, and nothing else. */
IMX_MUST_CHECK imx_status imx_selftest_trust(struct imx_dev *dev, struct imx_trial *trial, int n);
/* What a verdict depends on besides this program: the device, its driver and limits, as text. */
void imx_selftest_caps(const struct imx_caps *caps, char *text, size_t size);
/* Writes what imx_selftest_trust learned since; without a cache folder nothing is kept. */
void imx_selftest_remember(const struct imx_dev *dev);

#endif
