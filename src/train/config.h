/* Everything that decides what a run computes. The command line and config.toml fill it from one table of options
 * (tools/train_options.c); the library only reads it. */
#ifndef IMX_TRAIN_CONFIG_H
#define IMX_TRAIN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct imx_config {
    char *data;                       /* what to learn from; may end in #part */
    char *device;                     /* as in imx_dev_open */
    char *objective;                  /* a name of objectives/objective.h */
    double alpha, beta, gamma;        /* weights of the global, local and prior terms; below 0: the objective's own */
    double penalty;                   /* on the gradient of a discriminator; below 0: the objective's own */
    char *prior;                      /* auto, uniform, gaussian */
    bool occlude;                     /* globals come from an occluded copy of the image */
    double occlude_fill;              /* value of what is covered */
    int64_t occlude_min, occlude_max; /* sides of what is covered; 0: by what a local sees */
    char *occlude_statistics;         /* both, own: which running statistics the occluded pass moves; NULL: both */
    char *coordinates;         /* none, absolute, relative, both: where in its image a local stands is predicted */
    char *coordinates_net;     /* mlp, residual; NULL: mlp */
    double activation_penalty; /* weight of the square of the embedded globals */
    int64_t cpc_steps;         /* rows that cpc looks ahead; 0: 5 */
    double coordinates_weight; /* of each of the two */
    double vae_beta;           /* weight of a variational encoder's divergence; below 0: the objective's own */
    char *decoder;             /* a name of nn/decoder.h, or auto: by encoder and image size */
    char *estimator;           /* a name of ops/critic.h, or auto: by critic */
    double smile_tau, ema_decay;
    char *critic; /* a name of nn/critic_net.h */
    /* The global term's: such a name; a name, or auto: its critic's own. Both: same, as those above; NULL: same. */
    char *global_critic, *global_estimator;
    char *encoder;        /* a name of nn/encoder.h, or auto: by image size */
    char *bn_init;        /* one, uniform: how batch norm's factors are drawn; NULL: one */
    char *augment;        /* none, flip, crop, flip+crop */
    int64_t crop;         /* side of the part of each image that is learned from, drawn anew; 0: the whole */
    double score_scale;   /* 0: the critic's default */
    double score_clip;    /* c of c tanh(s/c); 0: none */
    double score_l2;      /* weight of the mean of s^2 */
    int64_t locals;       /* per image that are scored, drawn anew in each step; 0: all */
    int64_t globals;      /* the same of the globals, of encoders that make several; 0: all */
    int64_t negatives;    /* other images that serve each as negatives; 0: all */
    int64_t critic_units; /* 0: the critic's own */
    int64_t size;         /* side of the images; 0: as stored */
    int64_t channels;     /* 1 or 3; 0: as the data are */
    bool strict;          /* one unreadable image stops the run */
    int64_t batch, epochs, seed;
    double max_time; /* seconds; 0: no limit */
    char *optimizer; /* adam, sgd */
    double lr, beta1, beta2, eps;
    double momentum, weight_decay; /* momentum: of sgd */
    uint64_t memory;               /* bytes; 0: the device's */
    int64_t threads;               /* that decode; 0: one per core */
    bool selftest;                 /* every kernel is tried on the device before training */
    bool half;                     /* variants that store in half precision may be used */
    bool tuned;                    /* use what `infomax tune` has measured on the device */
    int64_t audit;                 /* re-run one op on the CPU every so many steps; 0: never */
    double checkpoint_every;       /* seconds between checkpoints */
    int64_t checkpoint_steps;      /* and every so many steps; 0: by time alone */
    int64_t report_every;          /* steps between lines of the metrics */
};

#endif
