/* One training step on a device: uploads the step's numbers, queues the graph, reads the loss back. The batch comes
 * from a feed (feed.h) or with the call. */
#ifndef IMX_TRAIN_STEP_H
#define IMX_TRAIN_STEP_H

#include "data/batch.h"
#include "objectives/objective.h"
#include "train/config.h"

struct imx_step {
    struct imx_dev *dev;     /* borrowed */
    struct imx_store *store; /* owned */
    struct imx_net graph;
    struct imx_net_spec spec;
    struct { /* what the last step left, as it lies on the device */
        float loss, info[3], norm[2], term[IMX_MAX_TERMS];
    } left;
};

struct imx_step_result {
    float loss, e_pos, e_neg;
    float mi; /* the estimator's reading, in nats where imx_estimator_nats */
    float grad_norm;
    int n_terms; /* of a loss with several: 0 for one alone */
    float term[IMX_MAX_TERMS];
    bool finite; /* loss and every gradient; when false the parameters were left as they were */
};

/* "basic28 | basic32 | ..." for "auto": the encoder made for this image side; otherwise the named one. NULL with the
 * error recorded when there is none. */
const struct imx_encoder *imx_choose_encoder(const char *name, int32_t side);

/* The critic's own for "auto"; otherwise the name as it is. */
const char *imx_choose_estimator(const char *name, const struct imx_critic_form *critic);
/* The names of the global term's critic and estimator, "same" and "auto" resolved; critic: as found. */
const char *imx_choose_global_critic(const struct imx_config *c);
const char *imx_choose_global_estimator(const struct imx_config *c, const struct imx_critic_form *critic);

/* Whether the initial factors of batch norm are drawn from U(0,1) (imx_store.uniform_gamma). */
bool imx_uniform_gamma(const struct imx_config *c);

/* How batches of images of height h are made: order, flips and shifts (by up to an eighth of the side). */
struct imx_batch_options imx_config_batches(const struct imx_config *c, int32_t h);

/* Translates the configuration for images of h x w x c as stored. E_ARG names what does not fit. */
IMX_MUST_CHECK imx_status imx_step_spec(const struct imx_config *c, int32_t h, int32_t w, int32_t ch,
                                        struct imx_net_spec *spec);

/* Builds graph and parameters on the device and draws the initial weights from the seed. */
IMX_MUST_CHECK imx_status imx_step_create(struct imx_dev *dev, const struct imx_config *c,
                                          const struct imx_net_spec *spec, struct imx_step **out);
void imx_step_destroy(struct imx_step *s);

/* The labels [batch] of the coming batch, for objectives that learn from them; below 0: none. */
IMX_MUST_CHECK imx_status imx_step_labels(struct imx_step *s, const int32_t *label);

/* Which images of the set the coming batch holds, [batch], for objectives that know each of them; borrowed until the
 * step has begun. Without it: those of step * batch on. */
void imx_step_images(struct imx_step *s, const int32_t *index);

/* Queues step number `step` (0, 1, ...) on the batch that lies on the device. Adam's bias correction is that of step+1.
 */
IMX_MUST_CHECK imx_status imx_step_begin(struct imx_step *s, const struct imx_config *c, uint64_t step);
/* Waits for it. */
IMX_MUST_CHECK imx_status imx_step_end(struct imx_step *s, struct imx_step_result *result);

/* In place of imx_step_begin: one node is audited, chosen by (seed, step). E_SELFTEST when the device's result is
 * wrong.
 */
IMX_MUST_CHECK imx_status imx_step_audit(struct imx_step *s, const struct imx_config *c, uint64_t step);

/* A whole step on bytes [batch,h,w,c] with aug [batch,3]. */
IMX_MUST_CHECK imx_status imx_step_run(struct imx_step *s, const struct imx_config *c, uint64_t step,
                                       const uint8_t *bytes, const int32_t *aug, struct imx_step_result *result);

/* Most that can be read in nats: by the leading critic's estimator, ln(1+MP) for infonce (M images of negatives); by a
 * cross-entropy, ln of its classes; infinite where there is no ceiling, NaN where nothing is read. */
double imx_mi_ceiling(const struct imx_net *net);

#endif
