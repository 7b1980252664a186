/* Parameters and their companions in flat arenas of one device: values, gradients, Adam's two moments (same layout, so
 * that one launch zeroes, clips, updates or checkpoints them all), and the running statistics ("state", no gradient).
 *
 * Names, shapes and element order at the boundary are PyTorch's; inside, convolution weights are O,kh,kw,I and the
 * columns of a linear layer behind a flattened map (the rows of one whose result becomes a map) are h,w,c, because
 * activations are NHWC. */
#ifndef IMX_GRAPH_STORE_H
#define IMX_GRAPH_STORE_H

#include "dev/dev.h"

enum imx_layout {
    IMX_LAYOUT_PLAIN,     /* vectors and linear weights [out, in] */
    IMX_LAYOUT_CONV,      /* outside [o,i,kh,kw], inside [o,kh,kw,i] */
    IMX_LAYOUT_FLATTEN,   /* outside [out, c*h*w], inside [out, h*w*c]; dims = out, c, h, w */
    IMX_LAYOUT_UNFLATTEN, /* outside [c*h*w, in], inside [h*w*c, in]; dims = c, h, w, in */
};

enum imx_init {
    IMX_INIT_ZERO,
    IMX_INIT_ONE,
    IMX_INIT_UNIFORM,  /* +-1/sqrt(fan_in): PyTorch's default for linear maps, convolutions and their biases */
    IMX_INIT_SHORTCUT, /* U(-0.01, 0.01), then S[k][k] = 1 when out >= in (dim_method 2.1) */
    IMX_INIT_NORMAL,   /* N(0, 0.02) (dim_method 1.2) */
    IMX_INIT_GAMMA,    /* batch norm's factor: 1, or U(0,1) when the store says so */
    IMX_INIT_COUNT,    /* 0, 1, 2 ... */
};

struct imx_param {
    char name[64];
    int64_t count;
    int32_t dims[4]; /* outside shape, 0-terminated when shorter; FLATTEN, UNFLATTEN: see there */
    enum imx_layout layout;
    enum imx_init init;
    int32_t fan_in;
    bool state;   /* running statistic: no gradient, not touched by the optimizer */
    uint64_t off; /* bytes in its arena, a multiple of 4096; set by the store */
};

enum imx_arena { IMX_ARENA_PARAM, IMX_ARENA_GRAD, IMX_ARENA_M, IMX_ARENA_V, IMX_ARENA_STATE, IMX_ARENA_COUNT };

struct imx_store {
    struct imx_dev *dev; /* borrowed */
    struct imx_param *param;
    int n_params;
    uint64_t bytes[IMX_ARENA_COUNT];
    struct imx_buf *buf[IMX_ARENA_COUNT]; /* NULL before imx_store_commit, or when the arena is empty or unwanted */
    bool training;
    bool uniform_gamma; /* draw IMX_INIT_GAMMA from U(0,1), as PyTorch did before 1.2 (dim_method 1.2) */
};

/* Creates an empty store for a device (borrowed). training: gradients and moments are kept too. */
IMX_MUST_CHECK imx_status imx_store_create(struct imx_dev *dev, bool training, struct imx_store **out);
void imx_store_destroy(struct imx_store *s);

/* Index of the parameter with this description; one of the same name must have the same shape and is reused. Negative
 * (an imx_status) otherwise, also for a new name after commit. */
int imx_store_add(struct imx_store *s, const struct imx_param *param);
int imx_store_find(const struct imx_store *s, const char *name);

/* Allocates and zeroes the arenas. */
IMX_MUST_CHECK imx_status imx_store_commit(struct imx_store *s);
/* Draws the initial values from the seed: a function of the seed and the order of the parameters alone. */
IMX_MUST_CHECK imx_status imx_store_init(struct imx_store *s, uint64_t seed);

/* Bytes of all arenas, before commit those that it will allocate. */
uint64_t imx_store_bytes(const struct imx_store *s);
struct imx_mem imx_store_mem(const struct imx_store *s, int index, enum imx_arena arena);
/* The whole arena as one piece. */
struct imx_mem imx_store_arena(const struct imx_store *s, enum imx_arena arena);

/* Reads or writes one tensor in the outside element order; values has param.count floats. arena: PARAM, GRAD, M or V; a
 * state parameter is found in its own arena whatever is asked. */
IMX_MUST_CHECK imx_status imx_store_get(struct imx_store *s, int index, enum imx_arena arena, float *values);
IMX_MUST_CHECK imx_status imx_store_set(struct imx_store *s, int index, enum imx_arena arena, const float *values);

/* Outside shape for files: FLATTEN is [out, c*h*w], UNFLATTEN [c*h*w, in]. Returns the rank. */
int imx_param_shape(const struct imx_param *p, int64_t shape[4]);
/* Number of trainable values whose name begins with prefix. */
int64_t imx_store_count(const struct imx_store *s, const char *prefix);

#endif
