/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). (seed, step, stream, index) -> 4 words,
 * the same on host and device, so that a resumed run draws what the uninterrupted one would have drawn. */
#ifndef IMX_BASE_PHILOX_H
#define IMX_BASE_PHILOX_H

#include <stdint.h>

/* Ten rounds of Philox4x32 on the counter with the key; out may be ctr. */
void imx_philox(const uint32_t key[2], const uint32_t ctr[4], uint32_t out[4]);

/* The engine's convention: key = seed; counter = {index, stream, step low, step high}. */
void imx_random4(uint64_t seed, uint64_t step, uint32_t stream, uint32_t index, uint32_t out[4]);

/* 24 high bits -> [0,1), exact in float. */
static inline float imx_unit(uint32_t bits)
{
    return (float)(bits >> 8) * (1.0f / 16777216.0f);
}

/* Unbiased integer in [0, limit) from one stream; `draw` counts the draws of this stream and step. */
uint32_t imx_random_below(uint64_t seed, uint64_t step, uint32_t stream, uint32_t *draw, uint32_t limit);

/* perm[0..n) = a permutation of 0..n-1, a function of (seed, step, stream) alone (Fisher-Yates). */
void imx_permute(uint64_t seed, uint64_t step, uint32_t stream, uint32_t *perm, uint32_t n);

/* Streams in use, so that no two consumers share numbers. */
enum imx_stream {
    IMX_STREAM_INIT = 1,    /* parameter initialisation: stream + parameter index * 64 */
    IMX_STREAM_ORDER = 2,   /* order of the images in an epoch (step = epoch) */
    IMX_STREAM_AUGMENT = 3, /* flips and crops (step = step) */
    IMX_STREAM_DROPOUT = 4, /* + 64 * layer */
    IMX_STREAM_SYNTH = 5,
    IMX_STREAM_SPLIT = 6,
    IMX_STREAM_TEST = 7,
    IMX_STREAM_GATHER = 8,       /* locals that are scored (step = step) */
    IMX_STREAM_AUDIT = 9,        /* which node is audited */
    IMX_STREAM_PRIOR = 10,       /* samples of the prior (step = step) */
    IMX_STREAM_OCCLUDE = 11,     /* boxes (step = step) */
    IMX_STREAM_COORDINATES = 12, /* the place that others are relative to (step = step) */
    IMX_STREAM_SHUFFLE = 13,     /* negatives of the concat critic, + 64 for the global one (step = step) */
    IMX_STREAM_CODE = 14,        /* a variational encoder's samples (step = step) */
    IMX_STREAM_LABELS = 15,      /* which images keep their label */
    IMX_STREAM_TARGET = 16,      /* points of nat (step = point) */
    IMX_STREAM_GLOBALS = 17,     /* globals that are scored, + 64 for the global term (step = step) */
    IMX_STREAM_LAB = 20,         /* pairs and tables of the laboratory */
};

#endif
