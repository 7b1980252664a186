/* The encoder alone, for inference: batch norm uses its running statistics, nothing is trained. */
#ifndef IMX_EVAL_ENCODE_H
#define IMX_EVAL_ENCODE_H

#include "eval/adjust.h"
#include "nn/classifier.h"

struct imx_encode {
    struct imx_graph *g;     /* owned */
    struct imx_store *store; /* owned, of a classifier's: borrowed */
    bool borrowed;
    struct imx_fit_image in; /* stored images, a batch of them */
    const char *encoder;     /* its name, borrowed */
    struct imx_map map[IMX_FEATURE_COUNT];
    struct imx_map logits; /* [n, classes] of a classifier; t = 0: this is none */
};

/* Builds the graph for batches of `batch` stored images on the device (borrowed); context: as objective cpc trains the
 * encoder (nn/context.h), with other layers fc and y; weights are drawn from `seed` until
 * the caller loads others into ->store. */
IMX_MUST_CHECK imx_status imx_encode_create(struct imx_dev *dev, const struct imx_encoder *encoder, bool context,
                                            int32_t batch, int32_t h, int32_t w, int32_t c, uint64_t seed,
                                            struct imx_encode **out);
/* A classifier in place of the features (which are then not there): encoder and head on the parameters of `store`
 * (borrowed), which are drawn or loaded by the caller; a store without memory yet gets it. */
IMX_MUST_CHECK imx_status imx_encode_classifier(struct imx_store *store, const struct imx_encoder *encoder,
                                                const struct imx_head *head, int32_t batch, int32_t h, int32_t w,
                                                int32_t c, struct imx_encode **out);
void imx_encode_destroy(struct imx_encode *e);

/* Values per image of a feature; 0: the encoder has no such layer. */
int32_t imx_encode_width(const struct imx_encode *e, enum imx_feature f);
/* E_ARG, naming encoder and layer, when there is none. */
IMX_MUST_CHECK imx_status imx_encode_has(const struct imx_encode *e, enum imx_feature f);

/* Encodes n images of bytes [n,h,w,c], any n. out[f] (NULL: not wanted) receives [n, width(f)]; maps are flattened in
 * PyTorch's order (c,h,w). progress (may be NULL) is told the number of images done and returns false to stop
 * (E_STOPPED). E_ARG when a layer is wanted that the encoder does not have. */
IMX_MUST_CHECK imx_status imx_encode_run(struct imx_encode *e, const uint8_t *bytes, int64_t n,
                                         float *const out[IMX_FEATURE_COUNT],
                                         bool (*progress)(void *user, int64_t done), void *user);
/* The same for a classifier: logits [n, classes]. */
IMX_MUST_CHECK imx_status imx_encode_logits(struct imx_encode *e, const uint8_t *bytes, int64_t n, float *logits,
                                            bool (*progress)(void *user, int64_t done), void *user);

#endif
