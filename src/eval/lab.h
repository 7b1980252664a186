/* The laboratory: what each bound on mutual information is worth where the truth is known. A task draws pairs (x, y) of
 * a known joint; two small networks g and h score all pairs of a batch, T(x,y) = g(x).h(y) (ops/critic.h with one
 * location per image), or one network over pairs does, whose negatives are shuffled; they are trained on fresh pairs
 * with an estimator's loss, then frozen, and the estimator reads fresh batches of the same size. Its mean over seeds
 * less the exact value is the bias, the deviation over seeds the spread. (dim_method 4, 8.6, 9.4)
 *
 * How an estimator reads nats:
 *   bound    its own value is a bound on (or, smile, whose loss is another, an estimate of) the mutual information
 *   density  its best critic is a function of ln r, r = p(x,y)/(p(x)p(y)): jsd, gan, rkl T = ln r; kl T = 1 + ln r;
 *            h2 T = ln(r)/2; chi2 T = 2 (r - 1). The mean of ln r over positive pairs estimates I, but bounds it from
 *            neither side.
 *   none     neither
 * All of it is a choice of this program; the paper has no such table. */
#ifndef IMX_EVAL_LAB_H
#define IMX_EVAL_LAB_H

#include "base/text.h"
#include "dev/dev.h"

enum imx_lab_joint { IMX_LAB_GAUSS, IMX_LAB_EQUAL, IMX_LAB_TABLE };

/* A joint that is known. */
struct imx_lab_task {
    enum imx_lab_joint joint;
    int32_t size;     /* dimensions, or symbols of X and of Y */
    double parameter; /* correlation per dimension; of a random table the Dirichlet concentration */
    char name[48];
    double mi;     /* exact, nats */
    double *table; /* [size,size], of the discrete ones; owned */
};

/* Fills task from the first three fields; tables are drawn from the seed. E_ARG, E_NOMEM. Freed by imx_lab_task_free.
 */
IMX_MUST_CHECK imx_status imx_lab_task_init(struct imx_lab_task *task, enum imx_lab_joint joint, int32_t size,
                                            double parameter, uint64_t seed);
void imx_lab_task_free(struct imx_lab_task *task);
/* Numbers per x and per y: dimensions, or symbols as unit vectors. */
static inline int32_t imx_lab_width(const struct imx_lab_task *task)
{
    return task->size;
}
/* n pairs x[n,width], y[n,width]; a function of (seed, step). */
void imx_lab_draw(const struct imx_lab_task *task, float *x, float *y, int32_t n, uint64_t seed, uint64_t step);
/* e_pos - e_neg of the best critic, infinite where there is no bound, NaN where that is not defined (lab_exact.h). */
double imx_lab_best(const struct imx_lab_task *task, int32_t est);

/* ---- one training ---- */

struct imx_lab_critic {
    int32_t est, batch, test_batch; /* test_batch 0: batch */
    int32_t hidden, embed;          /* 0: 64 and 32; widths of the two hidden layers and of g and h */
    bool concat;          /* a network over pairs, one negative each (nn/critic_net.h), in place of g(x).h(y) */
    int32_t width;        /* set by imx_lab_train */
    int32_t steps, tests; /* training steps; batches to read, 0: 32 */
    double lr;            /* 0: 2e-3; Adam (0.9, 0.999), falls to 0 over the last half of the steps */
    uint64_t seed;
    bool (*go_on)(void *user, int32_t step); /* NULL: always; false stops with E_STOPPED */
    void *user;
};

struct imx_lab_reading {
    double value;        /* e_pos - e_neg (infonce: -loss), mean over the test batches */
    double bound;        /* the estimator's own reading in nats; NaN when it has none */
    double density;      /* mean ln r of the positives; NaN when the critic is no function of r */
    double jitter;       /* deviation of the reading from one test batch to the next */
    double e_pos, e_neg; /* means */
    double most;         /* largest bound of a single test batch (or value, where there is no bound) */
    double seconds;
    int32_t bad; /* test batches whose numbers were not finite: then the means are NaN */
};

/* Trains and reads. A critic that diverges is a result (bad > 0), not an error. */
IMX_MUST_CHECK imx_status imx_lab_train(struct imx_dev *dev, const struct imx_lab_task *task,
                                        const struct imx_lab_critic *how, struct imx_lab_reading *out);

/* ln r of a positive pair with score t under the best critic of this estimator; NaN when it is no function of t. */
double imx_lab_log_ratio(int32_t est, double t);
/* "bound", "density" or "none": how this estimator's reading below comes about. */
const char *imx_lab_kind(int32_t est);
/* The reading in nats: bound, else density; NaN when there is none. */
double imx_lab_nats(int32_t est, const struct imx_lab_reading *r);

/* ---- many of them ---- */

/* One task, estimator and batch size; over the seeds that are done. */
struct imx_lab_row {
    const struct imx_lab_task *task; /* borrowed */
    int32_t est, batch;
    int32_t seeds, bad;                /* readings; those that were not finite */
    double mean, bias, spread, jitter; /* nats; NaN: no reading. spread: deviation over the seeds, NaN below two */
    double value, value_spread, best;  /* what was descended, negated, in its own unit; of its best critic */
    double most, ceiling, seconds;     /* ceiling infinite: none; seconds: mean of a training */
    double sum[4];                     /* private: of readings, squares, values, squares */
    double sum_jitter, sum_seconds;    /* private */
};

/* Adds a reading and brings the row up to date. */
void imx_lab_add(struct imx_lab_row *row, const struct imx_lab_reading *r);
/* A row without readings. */
struct imx_lab_row imx_lab_row(const struct imx_lab_task *task, int32_t est, int32_t batch, int32_t test_batch);

/* rows x seeds trainings, the seeds outermost, so that what is stopped early has something of everything. */
struct imx_lab_plan {
    struct imx_lab_critic critic; /* est and batch are those of the row; seeds count from critic.seed */
    size_t rows;
    int32_t seeds;
    double max_time; /* seconds, 0: any; no training begins later */
    void (*done)(void *user, size_t trainings, const struct imx_lab_row *); /* after each training; may be NULL */
    void *user;
};
/* row[plan->rows]: readings are added. After an error (E_STOPPED: critic.go_on said so) it holds those before. */
IMX_MUST_CHECK imx_status imx_lab_run(struct imx_dev *dev, const struct imx_lab_plan *plan, struct imx_lab_row *row);

/* Random tables for the picture of JSD against mutual information (dim_method 4.5): mi[n], jsd[n] in nats. Sizes 2..max
 * symbols and concentrations 0.01 .. 10 (even in the logarithm) are drawn, too: the paper's choice is not known.
 * E_NOMEM. */
IMX_MUST_CHECK imx_status imx_lab_tables(int32_t n, int32_t max, uint64_t seed, double *mi, double *jsd);

/* ---- results ---- */

struct imx_lab_results {
    const struct imx_lab_row *row; /* [rows]; those without a reading are left out */
    size_t rows;
    const double *mi, *jsd; /* [tables] */
    size_t tables;
    double correlation;
    const char *about; /* a sentence for the page */
};

IMX_MUST_CHECK imx_status imx_lab_page(const struct imx_lab_results *r, struct imx_text *page);
void imx_lab_csv(const struct imx_lab_results *r, struct imx_text *csv);

#endif
