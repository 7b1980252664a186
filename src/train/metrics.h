/* The files that a run writes while it goes on: metrics.jsonl, metrics.csv, train.log, and env.json at its start. */
#ifndef IMX_TRAIN_METRICS_H
#define IMX_TRAIN_METRICS_H

#include "data/dataset.h"
#include "dev/dev.h"

enum { IMX_METRIC_TERMS = 16 };

/* One line of the metrics. */
struct imx_metric {
    uint64_t step;
    double epoch, loss, e_pos, e_neg, mi_nats, mi_ceiling, grad_norm, images_per_s, seconds, waited;
    int n_terms; /* of a loss that has several: before they are weighted */
    struct {
        const char *name;
        double value;
        bool reading; /* beside the loss, no part of it */
    } term[IMX_METRIC_TERMS];
    bool nats; /* mi is a reading in nats (jsd's is not) */
};

struct imx_metrics;

/* Opens the files of the folder, appending; lines of steps beyond `step` (they will be run again) are cut off. */
IMX_MUST_CHECK imx_status imx_metrics_open(const char *run, uint64_t step, struct imx_metrics **out);
/* The loss of the last line, NaN when there is none yet. */
double imx_metrics_last_loss(const struct imx_metrics *m);
IMX_MUST_CHECK imx_status imx_metrics_add(struct imx_metrics *m, const struct imx_metric *row);
/* A line of train.log, with the time in front; also to the program's log. */
void imx_metrics_log(struct imx_metrics *m, const char *fmt, ...) IMX_PRINTF(2, 3);
void imx_metrics_close(struct imx_metrics *m);

/* env.json: device, driver, versions, data; "hash" is null while the set is unsummed. started: see imx_wall_text. */
IMX_MUST_CHECK imx_status imx_env_write(const char *run, const struct imx_dev *dev, const struct imx_dataset *ds,
                                        const char *network, const char *started);

#endif
