/* An op = a problem + a reference + variants + a gradient rule.
 *
 * The same list of variants serves dispatch, tests, the self-test and the benchmark. The reference is plain C,
 * written once in NAME_ref.c with the type `real`, and compiled twice: as float it is the host device's variant, as
 * double it is the oracle, which also delivers for every output element the sum of the absolute terms (`mag`)
 * that bounds its rounding error. */
#ifndef IMX_OPS_OP_H
#define IMX_OPS_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "dev/dev.h"

#define IMX_MAX_ARGS     16
#define IMX_MAX_TUNABLES 4

enum imx_dtype { IMX_F32, IMX_I32, IMX_U32, IMX_U8 };
enum imx_role { IMX_IN, IMX_OUT, IMX_INOUT };

/* How tests fill an input. REAL: uniform in [-1,1), or small integers in exact mode. POSITIVE: (0.1, 2). UNIT: [0,1).
 * INDEX: integers in [0, limit). COUNTER: {seed lo, seed hi, step, 0}. OTHER: the op's own fill hook writes it. */
enum imx_fill {
    IMX_FILL_REAL,
    IMX_FILL_POSITIVE,
    IMX_FILL_UNIT,
    IMX_FILL_INDEX,
    IMX_FILL_BYTES,
    IMX_FILL_COUNTER,
    IMX_FILL_OTHER
};

struct imx_arg {
    const char *name;
    enum imx_role role;
    enum imx_dtype dtype;
    int64_t count; /* elements; 0: this optional argument is absent in this problem */
    enum imx_fill fill;
    int64_t limit; /* for INDEX */
};

/* The memory an op works on, in the order of its arguments; ws = scratch of at least workspace() bytes. */
struct imx_args {
    struct imx_mem m[IMX_MAX_ARGS];
    struct imx_mem ws;
};

/* A field of a problem struct, for printing ("n64h32w32c3_o64k4s2p1"), parsing and hashing. The key may begin with
 * '_' for readability. */
struct imx_field {
    const char *key;
    size_t offset;
    bool is_float; /* float, printed with %.9g; else int32_t */
    bool spare;    /* left out of the text when it is 0 */
};

/* Numbers of a variant (tile sizes, slices) that a measurement may choose. The variant asks imx_tuned_values() for
 * them, in workspace() and run() alike, and is right with any that ok() accepts, on any problem. */
struct imx_tunables {
    int n;
    struct {
        const char *name;
        const int32_t *tries; /* worth trying; ends with 0 */
    } at[IMX_MAX_TUNABLES];
    /* What the variant chooses by itself. */
    void (*own)(const struct imx_caps *caps, const void *problem, int32_t value[IMX_MAX_TUNABLES]);
    bool (*ok)(const struct imx_caps *caps, const void *problem, const int32_t value[IMX_MAX_TUNABLES]);
};

struct imx_variant {
    const char *name; /* "ref", "cl_tile_cpu", "cl_tile_local" ... */
    bool (*supports)(const struct imx_caps *caps, const void *problem);
    /* Bytes of scratch; NULL: none. */
    uint64_t (*workspace)(const struct imx_caps *caps, const void *problem);
    imx_status (*run)(struct imx_dev *dev, const void *problem, const struct imx_args *args);
    /* Preference on this device among the variants that support the problem, the least first; NULL: 0. */
    int (*rank)(const struct imx_caps *caps, const void *problem);
    const struct imx_tunables *tunables; /* NULL: none */
    /* For a variant that adds up other terms than the op's formula (Winograd), so that its rounding error has another
     * bound: overwrites mag as ref_f64 left it with the sums of the absolute values of its own terms. arg: as for
     * ref_f64, after it. NULL: the op's terms. */
    imx_status (*mag)(const void *problem, void *const *arg, double *const *mag);
    /* Rounds also where the op is exact: integers come out within the bound, not bit for bit. */
    bool rounds;
    /* Relative error of each term by what the variant stores in fewer bits (ops/half.h), added to the bound; 0: none.
     */
    double storage;
    /* Output `out` may take the memory of input `in`: whatever is needed of an element there was read before anything
     * is written to it. The second run of every self-test does so, and a plan where nothing else wants the input. Both
     * 0: no. */
    struct {
        int8_t out, in;
    } over;
};

struct imx_op;

/* A tensor of a graph, seen from a gradient rule: 0 = none. */
typedef int32_t imx_tid;
enum { IMX_WANTED = -1 };

/* What a gradient rule may do: make tensors and nodes. The graph implements it. */
struct imx_emit {
    imx_tid (*tensor)(struct imx_emit *e, enum imx_dtype dtype, int64_t count, const char *name);
    imx_status (*node)(struct imx_emit *e, const struct imx_op *op, const void *problem, const imx_tid *arg);
};

typedef void imx_visit_fn(void *user, const struct imx_op *op, const void *problem);

struct imx_op {
    const char *name; /* "conv2d_fwd"; unique */
    size_t problem_size;
    const struct imx_field *fields; /* ends with key NULL */
    int n_args;
    /* Describes the n_args arguments for this problem. */
    void (*args)(const void *problem, struct imx_arg *arg);
    /* NULL or a sentence on what is wrong with the problem's numbers. */
    const char *(*check)(const void *problem);
    void (*ref_f32)(const void *problem, void *const *arg);
    /* mag[i] (may be NULL, as may mag) receives sum|terms| for each element of output i. */
    void (*ref_f64)(const void *problem, void *const *arg, double *const *mag);
    /* NULL-terminated, best first where ranks are equal; the reference is not among them. */
    const struct imx_variant *const *variants;
    /* Multiply-adds counted as 2, and bytes that must move at least once. */
    double (*flop)(const void *problem);
    /* Longest chain of additions behind one output element, for the error bound. */
    int64_t (*terms)(const void *problem);
    /* Made of sums and products of inputs only: integer inputs give bit-exact results. */
    bool exact;
    /* Extra allowance in ulps of the result (exp, log, sqrt, division); 0 for exact ops. */
    double ulps;
    /* Fills input i for a test when its fill is OTHER; data is float/int/u8 as the dtype says. */
    void (*fill)(const void *problem, int i, void *data, uint64_t seed);
    /* Emits the nodes of the gradient. On entry darg[i] is the gradient tensor of output i (0: none flows), or for an
     * input IMX_WANTED or 0. On return darg[i] of a wanted input is the tensor that holds its gradient (0: it is
     * zero). NULL: not differentiable. */
    imx_status (*grad)(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg);
    /* Calls visit for every problem of another op that the variants of this one run inside (NULL: none), so that those
     * can be tuned, too. */
    void (*inner)(const void *problem, imx_visit_fn *visit, void *user);
    /* Problems that the self-test runs: quick ones first, then "full", NULL-terminated. The first three are the short
     * test: between them they should run each kernel that training launches. */
    const char *const *cases;
};

/* Every op of the engine, NULL-terminated. */
extern const struct imx_op *const imx_ops[];
const struct imx_op *imx_op_find(const char *name);

/* "n64h32w32c3_o64k4s2p1" <-> problem. Printing always ends with a 0 byte. */
void imx_problem_print(const struct imx_op *op, const void *problem, char *text, size_t size);
IMX_MUST_CHECK imx_status imx_problem_parse(const struct imx_op *op, const char *text, void *problem);

/* The variant that this device uses for this problem: "ref" on the host; else, of those that support it and are
 * not in quarantine, the tuned one (tuned.h) or the one of least rank (ties: list order); NULL when there is none.
 * `force` (may be NULL) names the only acceptable one. */
const struct imx_variant *imx_op_pick(const struct imx_dev *dev, const struct imx_op *op, const void *problem,
                                      const char *force);

/* The reference as a variant of the host device, for any op: looked up by imx_op_pick. */
imx_status imx_op_run_ref(struct imx_dev *dev, const struct imx_op *op, const void *problem,
                          const struct imx_args *args);

/* Runs the op on the device with the given variant. NULL, for ops that other ones run inside: as imx_op_pick, but none
 * that stores in fewer bits. */
IMX_MUST_CHECK imx_status imx_op_run(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                                     const void *problem, const struct imx_args *args);

/* The most scratch that any variant asks for which supports the problem: for variants that run other ops inside,
 * because which one will be picked is known only then. */
uint64_t imx_op_scratch(const struct imx_caps *caps, const struct imx_op *op, const void *problem);

/* How far an output element may lie from the oracle's `want`, whose terms sum to `mag` in absolute value:
 * (4 + 2 sqrt(terms)) eps mag + ulps eps |want| + tiny. Compare with `error <= bound`, so that a NaN never passes. */
double imx_op_bound(const struct imx_op *op, const void *problem, double mag, double want);

/* The same for what a variant computed. */
static inline double imx_variant_bound(const struct imx_op *op, const struct imx_variant *variant, const void *problem,
                                       double mag, double want)
{
    return imx_op_bound(op, problem, mag, want) + (variant->storage > 0 ? variant->storage * mag : 0.0);
}

static inline size_t imx_dtype_size(enum imx_dtype t)
{
    return t == IMX_U8 ? 1 : 4;
}

/* Helpers for supports(). */
static inline bool imx_caps_cl(const struct imx_caps *caps)
{
    return caps->type != IMX_DEV_HOST;
}

/* May one work-item do a large share of the work? Not on a device that leaves long loops early, which opens as an
 * accelerator (dev/cl_device.c): kernels of one work-item per register tile or panel would be wrong there. */
static inline bool imx_caps_long_items(const struct imx_caps *caps)
{
    return imx_caps_cl(caps) && caps->type != IMX_DEV_ACCELERATOR;
}

/* supports() of variants that take any problem: on every OpenCL device, on those of type CPU, and on those where
 * imx_caps_long_items() says so. */
static inline bool imx_on_cl(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps);
}

static inline bool imx_on_cpu(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->type == IMX_DEV_CPU;
}

static inline bool imx_on_long_items(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_long_items(caps);
}

/* A part of a piece of memory, in bytes. */
static inline struct imx_mem imx_part(struct imx_mem m, uint64_t off, uint64_t bytes)
{
    return (struct imx_mem){ m.buf, m.off + off, bytes };
}

#endif
