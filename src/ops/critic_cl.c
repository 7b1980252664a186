/* The critic on OpenCL devices; best variant first. See critic.h. */
#include "ops/critic.h"

extern const struct imx_variant *const imx_variants_critic_fwd[], *const imx_variants_critic_bwd[];
const struct imx_variant *const imx_variants_critic_fwd[] = { NULL };
const struct imx_variant *const imx_variants_critic_bwd[] = { NULL };
