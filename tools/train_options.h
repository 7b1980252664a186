/* The options of a run, which are also the keys of config.toml: one table for train, resume and trace. A command's
 * values struct begins with struct imx_config. */
#ifndef IMX_TOOLS_TRAIN_OPTIONS_H
#define IMX_TOOLS_TRAIN_OPTIONS_H

#include "data/dataset.h"
#include "dev/dev.h"
#include "options.h"
#include "train/config.h"

#define IMX_ESTIMATOR_CHOICES "infonce|jsd|dv|gan|kl|rkl|h2|chi2|nwj|smile|dv-ema"

#define IMX_CONFIG_AT(field) offsetof(struct imx_config, field)
#define IMX_CONFIG_OPTIONS                                                                                             \
    { .name = "data",                                                                                                  \
      .type = IMX_OPT_STRING,                                                                                          \
      .at = IMX_CONFIG_AT(data),                                                                                       \
      .value = "PATH",                                                                                                 \
      .table = "data",                                                                                                 \
      .hidden = true,                                                                                                  \
      .help = "the images" },                                                                                          \
        { .name = "size",                                                                                              \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(size),                                                                                   \
          .value = "S",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 4096,                                                                                                 \
          .table = "data",                                                                                             \
          .help = "side of the images; 0: as stored, folders of mixed sizes 64" },                                     \
        { .name = "channels",                                                                                          \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(channels),                                                                               \
          .value = "1|3",                                                                                              \
          .fallback = "0",                                                                                             \
          .max = 3,                                                                                                    \
          .table = "data",                                                                                             \
          .help = "1 grey, 3 colour; 0: as the data are" },                                                            \
        { .name = "augment",                                                                                           \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(augment),                                                                                \
          .fallback = "none",                                                                                          \
          .choices = "none|flip|crop|flip+crop",                                                                       \
          .table = "data",                                                                                             \
          .help = "flip: left-right; crop: shift by up to an eighth of the side" },                                    \
        { .name = "crop",                                                                                              \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(crop),                                                                                   \
          .value = "N",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 4096,                                                                                                 \
          .table = "data",                                                                                             \
          .help = "learn from parts of N x N, anywhere in the image, drawn anew in each step (STL-10: 64 of 96); "     \
                  "features are those of the middle; 0: the whole image" },                                            \
        { .name = "strict",                                                                                            \
          .type = IMX_OPT_FLAG,                                                                                        \
          .at = IMX_CONFIG_AT(strict),                                                                                 \
          .table = "data",                                                                                             \
          .help = "stop at the first unreadable image" },                                                              \
        { .name = "objective",                                                                                         \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(objective),                                                                              \
          .fallback = "dim-local",                                                                                     \
          .choices = "dim-local|dim-global|dim-local-global|cpc|vae|beta-vae|ae|aae|bigan|nat",                        \
          .table = "objective",                                                                                        \
          .help = "what is learned by" },                                                                              \
        { .name = "alpha",                                                                                             \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(alpha),                                                                                  \
          .value = "W",                                                                                                \
          .fallback = "-1",                                                                                            \
          .min = -1,                                                                                                   \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "weight of the global term; -1: the objective's own" },                                              \
        { .name = "beta",                                                                                              \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(beta),                                                                                   \
          .value = "W",                                                                                                \
          .fallback = "-1",                                                                                            \
          .min = -1,                                                                                                   \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "weight of the local term; -1: the objective's own" },                                               \
        { .name = "gamma",                                                                                             \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(gamma),                                                                                  \
          .value = "W",                                                                                                \
          .fallback = "-1",                                                                                            \
          .min = -1,                                                                                                   \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "weight of the prior term; -1: the objective's own: 1 of aae, 0 (none) of the others; the paper "    \
                  "took 1 with dim-global, 0.1 with dim-local" },                                                      \
        { .name = "prior",                                                                                             \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(prior),                                                                                  \
          .fallback = "auto",                                                                                          \
          .choices = "auto|uniform|gaussian",                                                                          \
          .table = "objective",                                                                                        \
          .help = "what the codes are drawn towards: uniform on [0,1] after a sigmoid, or normal; auto: of aae "       \
                  "gaussian, else uniform" },                                                                          \
        { .name = "prior-penalty",                                                                                     \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(penalty),                                                                                \
          .value = "W",                                                                                                \
          .fallback = "-1",                                                                                            \
          .min = -1,                                                                                                   \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "weight of the penalty on the discriminator's gradient; -1: 1, of aae 0.5" },                        \
        { .name = "occlude",                                                                                           \
          .type = IMX_OPT_FLAG,                                                                                        \
          .at = IMX_CONFIG_AT(occlude),                                                                                \
          .table = "objective",                                                                                        \
          .help = "the code comes from an occluded copy of each image, the places from the whole one" },               \
        { .name = "occlude-fill",                                                                                      \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(occlude_fill),                                                                           \
          .value = "V",                                                                                                \
          .fallback = "0",                                                                                             \
          .min = -100,                                                                                                 \
          .max = 100,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "value of what is covered, where images reach from -1 to 1" },                                       \
        { .name = "occlude-min",                                                                                       \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(occlude_min),                                                                            \
          .value = "N",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 65536,                                                                                                \
          .table = "objective",                                                                                        \
          .help = "least side of the covered rectangle; 0: what a local sees (10 pixels of basic32)" },                \
        { .name = "occlude-max",                                                                                       \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(occlude_max),                                                                            \
          .value = "N",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 65536,                                                                                                \
          .table = "objective",                                                                                        \
          .help = "its most; 0: the image's side less what a local sees" },                                            \
        { .name = "occlude-statistics",                                                                                \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(occlude_statistics),                                                                     \
          .fallback = "both",                                                                                          \
          .choices = "both|own",                                                                                       \
          .table = "objective",                                                                                        \
          .help = "both: batch norm's running statistics follow whole and occluded images; own: the occluded pass "    \
                  "has some of its own" },                                                                             \
        { .name = "coordinates",                                                                                       \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(coordinates),                                                                            \
          .fallback = "none",                                                                                          \
          .choices = "none|absolute|relative|both",                                                                    \
          .table = "objective",                                                                                        \
          .help = "also predict where in its image a local stands, or where relative to another" },                    \
        { .name = "coordinates-net",                                                                                   \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(coordinates_net),                                                                        \
          .fallback = "mlp",                                                                                           \
          .choices = "mlp|residual",                                                                                   \
          .table = "objective",                                                                                        \
          .help = "what predicts: two hidden layers of 512, or the authors' program's one residual layer" },           \
        { .name = "coordinates-weight",                                                                                \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(coordinates_weight),                                                                     \
          .value = "W",                                                                                                \
          .fallback = "1",                                                                                             \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "weight of each of these predictions" },                                                             \
        { .name = "activation-penalty",                                                                                \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(activation_penalty),                                                                     \
          .value = "W",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "adds W times the mean squared length of what the critic makes of a global (for each critic)" },     \
        { .name = "cpc-steps",                                                                                         \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(cpc_steps),                                                                              \
          .value = "K",                                                                                                \
          .fallback = "5",                                                                                             \
          .min = 1,                                                                                                    \
          .max = 9,                                                                                                    \
          .table = "objective",                                                                                        \
          .help = "cpc: most rows that it looks ahead" },                                                              \
        { .name = "vae-beta",                                                                                          \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(vae_beta),                                                                               \
          .value = "B",                                                                                                \
          .fallback = "-1",                                                                                            \
          .min = -1,                                                                                                   \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "weight of the divergence of vae and beta-vae; -1: the objective's own, 1 and 4" },                  \
        { .name = "decoder",                                                                                           \
          .type = IMX_OPT_STRING,                                                                                      \
          .at = IMX_CONFIG_AT(decoder),                                                                                \
          .value = "NAME",                                                                                             \
          .fallback = "auto",                                                                                          \
          .table = "objective",                                                                                        \
          .help = "of those that rebuild images: auto, basic28, basic32, basic64 or tiny16" },                         \
        { .name = "estimator",                                                                                         \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(estimator),                                                                              \
          .fallback = "auto",                                                                                          \
          .choices = "auto|" IMX_ESTIMATOR_CHOICES,                                                                    \
          .table = "objective",                                                                                        \
          .help = "the bound on the mutual information; auto: the critic's own; infonce, dv, kl (= "                   \
                  "nwj), smile, dv-ema read it in nats; smile learns by jsd's loss; rkl is unsteady without "          \
                  "--score-clip" },                                                                                    \
        { .name = "smile-tau",                                                                                         \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(smile_tau),                                                                              \
          .value = "T",                                                                                                \
          .fallback = "5",                                                                                             \
          .min = 1e-3,                                                                                                 \
          .max = 1e3,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "smile: negatives' scores are cut at +-T in what it reads" },                                        \
        { .name = "ema-decay",                                                                                         \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(ema_decay),                                                                              \
          .value = "D",                                                                                                \
          .fallback = "0.99",                                                                                          \
          .min = 1e-3,                                                                                                 \
          .max = 0.999999,                                                                                             \
          .table = "objective",                                                                                        \
          .help = "dv-ema: decay of the average that the gradient divides by" },                                       \
        { .name = "locals",                                                                                            \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(locals),                                                                                 \
          .value = "K",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 65536,                                                                                                \
          .table = "objective",                                                                                        \
          .help = "score only K places of each image, drawn anew in each step, with replacement; 0: all" },            \
        { .name = "globals",                                                                                           \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(globals),                                                                                \
          .value = "K",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 65536,                                                                                                \
          .table = "objective",                                                                                        \
          .help = "score only K summaries of each image, drawn likewise, of encoders that make several; 0: all" },     \
        { .name = "negatives",                                                                                         \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(negatives),                                                                              \
          .value = "M",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 65535,                                                                                                \
          .table = "objective",                                                                                        \
          .help = "only the next M images of the batch (in a circle) serve as negatives of each; 0: all others" },     \
        { .name = "critic",                                                                                            \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(critic),                                                                                 \
          .fallback = "bilinear",                                                                                      \
          .more = imx_critic_choice,                                                                                   \
          .table = "objective",                                                                                        \
          .help = "what scores a place with a summary" },                                                              \
        { .name = "global-critic",                                                                                     \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(global_critic),                                                                          \
          .fallback = "same",                                                                                          \
          .choices = "same",                                                                                           \
          .more = imx_critic_name_choice,                                                                              \
          .table = "objective",                                                                                        \
          .help = "the global term's critic; same: as --critic; the paper took concat" },                              \
        { .name = "global-estimator",                                                                                  \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(global_estimator),                                                                       \
          .fallback = "same",                                                                                          \
          .choices = "same|auto|" IMX_ESTIMATOR_CHOICES,                                                               \
          .table = "objective",                                                                                        \
          .help = "the global term's estimator; same: as --estimator; auto: its critic's own" },                       \
        { .name = "critic-units",                                                                                      \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(critic_units),                                                                           \
          .value = "D",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 65536,                                                                                                \
          .table = "objective",                                                                                        \
          .help = "width of the critics; 0: their own, as above" },                                                    \
        { .name = "score-scale",                                                                                       \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(score_scale),                                                                            \
          .value = "S",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "factor on the scores; 0: the critic's own, 1/sqrt(units) or 1" },                                   \
        { .name = "score-clip",                                                                                        \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(score_clip),                                                                             \
          .value = "C",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "scores s become C tanh(s/C); 0: they do not" },                                                     \
        { .name = "score-l2",                                                                                          \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(score_l2),                                                                               \
          .value = "W",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 1e6,                                                                                                  \
          .table = "objective",                                                                                        \
          .help = "adds W times the mean square of all scores, before the clip, to the loss" },                        \
        { .name = "encoder",                                                                                           \
          .type = IMX_OPT_STRING,                                                                                      \
          .at = IMX_CONFIG_AT(encoder),                                                                                \
          .value = "NAME",                                                                                             \
          .fallback = "auto",                                                                                          \
          .table = "model",                                                                                            \
          .help = "basic28, basic32, basic64, alex64, resnet19; in crops: fold-alex64, fold-multi-alex64, "            \
                  "fold-resnet19, fold-multi-resnet19, fold-basic32; tiny16: for tests; auto: by image size" },        \
        { .name = "bn-init",                                                                                           \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(bn_init),                                                                                \
          .fallback = "one",                                                                                           \
          .choices = "one|uniform",                                                                                    \
          .table = "model",                                                                                            \
          .help = "batch norm's factors at the start: 1, or drawn from [0,1) as PyTorch did before 1.2" },             \
        { .name = "batch",                                                                                             \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(batch),                                                                                  \
          .value = "N",                                                                                                \
          .fallback = "64",                                                                                            \
          .min = 2,                                                                                                    \
          .max = 65536,                                                                                                \
          .table = "train",                                                                                            \
          .help = "images per step" },                                                                                 \
        { .name = "epochs",                                                                                            \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(epochs),                                                                                 \
          .value = "N",                                                                                                \
          .fallback = "10",                                                                                            \
          .min = 1,                                                                                                    \
          .max = 1e6,                                                                                                  \
          .table = "train",                                                                                            \
          .help = "passes over the images" },                                                                          \
        { .name = "max-time",                                                                                          \
          .type = IMX_OPT_DURATION,                                                                                    \
          .at = IMX_CONFIG_AT(max_time),                                                                               \
          .value = "TIME",                                                                                             \
          .table = "train",                                                                                            \
          .help = "ends the run after this long (30m, 2h)" },                                                          \
        { .name = "optimizer",                                                                                         \
          .type = IMX_OPT_CHOICE,                                                                                      \
          .at = IMX_CONFIG_AT(optimizer),                                                                              \
          .fallback = "adam",                                                                                          \
          .choices = "adam|sgd",                                                                                       \
          .table = "train",                                                                                            \
          .help = "sgd: with --momentum" },                                                                            \
        { .name = "lr",                                                                                                \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(lr),                                                                                     \
          .value = "R",                                                                                                \
          .fallback = "1e-4",                                                                                          \
          .min = 1e-12,                                                                                                \
          .max = 10,                                                                                                   \
          .table = "train",                                                                                            \
          .help = "the optimizer's step size" },                                                                       \
        { .name = "beta1",                                                                                             \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(beta1),                                                                                  \
          .value = "B",                                                                                                \
          .fallback = "0.5",                                                                                           \
          .max = 0.999999,                                                                                             \
          .table = "train",                                                                                            \
          .help = "Adam's decay of the mean" },                                                                        \
        { .name = "beta2",                                                                                             \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(beta2),                                                                                  \
          .value = "B",                                                                                                \
          .fallback = "0.999",                                                                                         \
          .max = 0.999999,                                                                                             \
          .table = "train",                                                                                            \
          .help = "Adam's decay of the square" },                                                                      \
        { .name = "eps",                                                                                               \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(eps),                                                                                    \
          .value = "E",                                                                                                \
          .fallback = "1e-8",                                                                                          \
          .max = 1,                                                                                                    \
          .table = "train",                                                                                            \
          .help = "Adam's epsilon" },                                                                                  \
        { .name = "momentum",                                                                                          \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(momentum),                                                                               \
          .value = "M",                                                                                                \
          .fallback = "0.9",                                                                                           \
          .max = 0.999999,                                                                                             \
          .table = "train",                                                                                            \
          .help = "of sgd" },                                                                                          \
        { .name = "weight-decay",                                                                                      \
          .type = IMX_OPT_FLOAT,                                                                                       \
          .at = IMX_CONFIG_AT(weight_decay),                                                                           \
          .value = "W",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 1,                                                                                                    \
          .table = "train",                                                                                            \
          .help = "share of each weight that is added to its gradient" },                                              \
        { .name = "seed",                                                                                              \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(seed),                                                                                   \
          .value = "N",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 9007199254740992.0,                                                                                   \
          .table = "train",                                                                                            \
          .help = "weights, order and augmentation follow from it" },                                                  \
        { .name = "device",                                                                                            \
          .type = IMX_OPT_STRING,                                                                                      \
          .at = IMX_CONFIG_AT(device),                                                                                 \
          .value = "D",                                                                                                \
          .fallback = "auto",                                                                                          \
          .table = "run",                                                                                              \
          .help = "auto, host, cpu, gpu, P:D, or part of a name" },                                                    \
        { .name = "memory",                                                                                            \
          .type = IMX_OPT_SIZE,                                                                                        \
          .at = IMX_CONFIG_AT(memory),                                                                                 \
          .value = "SIZE",                                                                                             \
          .table = "run",                                                                                              \
          .help = "device memory to stay under (2G, 800M), by computing again and in slices where it must" },          \
        { .name = "threads",                                                                                           \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(threads),                                                                                \
          .value = "N",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 1024,                                                                                                 \
          .table = "run",                                                                                              \
          .help = "threads that decode images; 0: one per core" },                                                     \
        { .name = "selftest",                                                                                          \
          .type = IMX_OPT_FLAG,                                                                                        \
          .at = IMX_CONFIG_AT(selftest),                                                                               \
          .fallback = "true",                                                                                          \
          .table = "run",                                                                                              \
          .help = "try every kernel on the device first; one that fails is not used" },                                \
        { .name = "half",                                                                                              \
          .type = IMX_OPT_FLAG,                                                                                        \
          .at = IMX_CONFIG_AT(half),                                                                                   \
          .table = "run",                                                                                              \
          .help = "products may store their factors in half precision (on GPUs; sums stay in single)" },               \
        { .name = "tuned",                                                                                             \
          .type = IMX_OPT_FLAG,                                                                                        \
          .at = IMX_CONFIG_AT(tuned),                                                                                  \
          .fallback = "true",                                                                                          \
          .table = "run",                                                                                              \
          .help = "use what infomax tune has measured on this device" },                                               \
        { .name = "audit",                                                                                             \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(audit),                                                                                  \
          .value = "N",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 1e9,                                                                                                  \
          .table = "run",                                                                                              \
          .help = "re-run one op on the CPU every N steps" },                                                          \
        { .name = "checkpoint-every",                                                                                  \
          .type = IMX_OPT_DURATION,                                                                                    \
          .at = IMX_CONFIG_AT(checkpoint_every),                                                                       \
          .value = "TIME",                                                                                             \
          .fallback = "5m",                                                                                            \
          .table = "run",                                                                                              \
          .help = "time between checkpoints" },                                                                        \
        { .name = "checkpoint-steps",                                                                                  \
          .type = IMX_OPT_INT,                                                                                         \
          .at = IMX_CONFIG_AT(checkpoint_steps),                                                                       \
          .value = "N",                                                                                                \
          .fallback = "0",                                                                                             \
          .max = 1e12,                                                                                                 \
          .table = "run",                                                                                              \
          .help = "steps between checkpoints; 0: by time alone" },                                                     \
    {                                                                                                                  \
        .name = "report-every", .type = IMX_OPT_INT, .at = IMX_CONFIG_AT(report_every), .value = "N",                  \
        .fallback = "20", .min = 1, .max = 1e9, .table = "run", .help = "steps between lines of the metrics"           \
    }

/* The table of critics as choices of an option. */
const char *imx_critic_choice(size_t i, char *what, size_t size);
/* Their names alone. */
const char *imx_critic_name_choice(size_t i, char *what, size_t size);

extern const struct imx_option imx_config_options[]; /* the table alone, for config.toml */

/* RUN/config.toml into c (defaults first). Freed with imx_options_free(imx_config_options, c). */
IMX_MUST_CHECK imx_status imx_config_load(const char *run, struct imx_config *c);
IMX_MUST_CHECK imx_status imx_config_save(const char *run, const struct imx_config *c);
/* Puts what --estimator auto and --global-estimator stand for in their place, so that the run says what it learned by.
 */
IMX_MUST_CHECK imx_status imx_config_resolve(struct imx_config *c);
/* Opens the images and the device of a configuration, with progress and one line each on stderr. */
IMX_MUST_CHECK imx_status imx_open_data(const char *path, int64_t size, int64_t channels, bool strict, int64_t threads,
                                        struct imx_dataset **out);
/* The device tests each variant that a graph chooses (dev->check). */
IMX_MUST_CHECK imx_status imx_open_device(const char *spec, struct imx_dev **out);
/* What a configuration lets a device do: half precision, and what imx_use_tuned() gives it. */
IMX_MUST_CHECK imx_status imx_use_config(struct imx_dev *dev, const struct imx_config *c);
/* Gives the device the choices that `infomax tune` left for it; without any, or when wanted is false or INFOMAX_TUNED
 * is "off", nothing happens. A damaged file costs a line. */
IMX_MUST_CHECK imx_status imx_use_tuned(struct imx_dev *dev, bool wanted);
/* RUN/reconstructions.png from the run's last checkpoint, when its objective rebuilds images; nothing otherwise. ds: as
 * the run was trained on; of each image what the encoder sees is kept (--crop). */
IMX_MUST_CHECK imx_status imx_run_sheet(struct imx_dev *dev, const struct imx_config *c, struct imx_dataset *ds,
                                        const char *run);
/* Trains with progress bar and signals; what train and resume share. */
IMX_MUST_CHECK imx_status imx_train_command(const struct imx_config *c, const char *run, bool resume);

#endif
