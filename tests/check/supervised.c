/* Learning from labels: gradients of whole classifiers, encoder and head, against differences, on each layer of
 * encoders of every kind; on every device the oracle's loss and gradients; the loss begins at ln K and falls; only what
 * the head stands on is built; the inference graph gives the head of the features of the same weights; a layer that an
 * encoder lacks is refused. */
#include "devices.h"
#include "eval/encode.h"
#include "whole.h"

static struct imx_net_spec spec_of(const struct imx_encoder *e, struct imx_head head, int32_t batch, int32_t side)
{
    return (struct imx_net_spec){
        .encoder = e, .batch = batch, .h = side, .w = side, .c = 3, .objective = &imx_supervised, .head = head
    };
}

static void gradients(struct imx_dev *host)
{
    const struct {
        const struct imx_encoder *e;
        struct imx_head head;
        int32_t side;
        int least; /* parameters that must have a gradient */
        const char *what;
    } net[] = {
        /* encoder: a weight and two of batch norm a layer, of the output weight and bias; head: 6, linear 2 */
        { &whole_tiny, { IMX_FEATURE_CONV, false, true, 3 }, 13, 9 + 6, "conv, mlp" },
        { &whole_tiny, { IMX_FEATURE_FC, false, true, 4 }, 13, 15 + 6, "fc, mlp" },
        { &whole_tiny, { IMX_FEATURE_Y, false, false, 2 }, 13, 17 + 2, "y, linear" },
        { &whole_crops, { IMX_FEATURE_CONV, false, false, 3 }, 16, 30 + 2, "crops, conv, linear" },
        { &whole_dropping, { IMX_FEATURE_Y, false, true, 3 }, 16, 16 + 6, "dropout, y, mlp" },
        { &whole_tiny, { IMX_FEATURE_CONV, true, true, 3 }, 13, 6 + 6, "as cpc trains it, conv, mlp" },
        { &whole_tiny, { IMX_FEATURE_FC, true, false, 3 }, 13, 10 + 2, "as cpc trains it, fc, linear" },
        { &whole_tiny, { IMX_FEATURE_Y, true, false, 3 }, 13, 10 + 2, "as cpc trains it, y, linear" },
    };
    for (size_t i = 0; i < sizeof net / sizeof *net; i++) {
        const struct imx_net_spec s = spec_of(net[i].e, net[i].head, 5, net[i].side);
        whole_check(host, &s, net[i].what, NULL, net[i].least);
    }
}

static double loss_of(const struct whole *n)
{
    float v = NAN;
    return imx_graph_download(n->net.g, n->net.loss, &v) == IMX_OK ? (double)v : (double)NAN;
}

static void steps(struct imx_dev *dev, const char *where)
{
    const struct imx_net_spec s = spec_of(&whole_tiny, (struct imx_head){ IMX_FEATURE_CONV, false, true, 3 }, 8, 13);
    struct whole n;
    if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a tiny classifier is built", where))
        return;
    tap_ok(imx_store_find(n.store, "encoder.conv3.weight") >= 0 && imx_store_find(n.store, "encoder.fc1.weight") < 0 &&
               imx_store_find(n.store, "encoder.out.weight") < 0 && imx_store_find(n.store, "head.out.weight") >= 0,
           "%s: what lies behind the head's layer is not there", where);
    const double first = whole_step(&n, where);
    bool ok = true;
    for (int k = 0; k < 30 && ok; k++)
        ok = whole_upload(&n) == IMX_OK && imx_graph_run(n.net.g) == IMX_OK;
    const double last = loss_of(&n);
    tap_ok(ok && last < 0.9 * first, "%s: thirty steps later it is %.7g", where, last);
    whole_close(&n);
}

/* A head as it is drawn has hardly an opinion: its first loss is near ln K (dim_method 11.3), and ln K when what ends
 * it is 0. Its last layer's 200 inputs, normalised and cut at 0, have a mean square of a half, its weights a variance
 * of 1/600: logits deviate by 0.41 or so, which adds about 0.08. */
static void begins(struct imx_dev *dev, const char *where)
{
    static const int32_t classes[] = { 10, 100, 200 };
    static const float zero[200 * 200];
    for (int i = 0; i < 3; i++) {
        const double want = log(classes[i]);
        const struct imx_head head = { IMX_FEATURE_CONV, false, true, classes[i] };
        const struct imx_net_spec s = spec_of(&whole_tiny, head, 64, 13);
        struct whole n;
        if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a classifier of %d", where, classes[i]))
            continue;
        bool ok = imx_graph_run(n.net.g) == IMX_OK;
        const double drawn = loss_of(&n);
        tap_ok(ok && fabs(drawn - want - 0.08) < 0.2, "%s: %d classes: the first loss is %.4f, ln %d is %.4f", where,
               classes[i], drawn, classes[i], want);
        ok = imx_store_set(n.store, imx_store_find(n.store, "head.out.weight"), IMX_ARENA_PARAM, zero) == IMX_OK &&
             imx_store_set(n.store, imx_store_find(n.store, "head.out.bias"), IMX_ARENA_PARAM, zero) == IMX_OK &&
             imx_graph_run(n.net.g) == IMX_OK;
        tap_ok(ok && fabs(loss_of(&n) - want) < 1e-5, "%s: %d classes: %.6f without weights", where, classes[i],
               loss_of(&n));
        whole_close(&n);
    }
}

static bool copy_weights(const struct imx_store *from, struct imx_store *to)
{
    bool ok = true;
    for (int i = 0; i < to->n_params && ok; i++) {
        const int k = imx_store_find(from, to->param[i].name);
        float *v = malloc((size_t)to->param[i].count * sizeof *v);
        ok = v && (k < 0 || (imx_store_get((struct imx_store *)from, k, IMX_ARENA_PARAM, v) == IMX_OK &&
                             imx_store_set(to, i, IMX_ARENA_PARAM, v) == IMX_OK));
        free(v);
    }
    return ok;
}

/* After thirty steps, whose statistics batch norm keeps: the logits are the linear head of the features that the whole
 * encoder gives with the same weights. */
static void inference(struct imx_dev *dev, const char *where)
{
    enum { IMAGES = 11, SIDE = 13, K = 3, WIDTH = 12 };
    const struct imx_head head = { IMX_FEATURE_FC, false, false, K };
    const struct imx_net_spec s = spec_of(&whole_tiny, head, 4, SIDE);
    static uint8_t pix[IMAGES * SIDE * SIDE * 3];
    float wei[K * WIDTH], bia[K], logits[IMAGES * K], fc[IMAGES * WIDTH];
    struct whole n;
    struct imx_encode *e = NULL, *features = NULL;
    for (size_t i = 0; i < sizeof pix; i++)
        pix[i] = (uint8_t)(i * i * 31 % 251);
    if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a classifier", where))
        return;
    bool ok = true;
    for (int k = 0; k < 30 && ok; k++)
        ok = imx_graph_run(n.net.g) == IMX_OK;
    ok = ok && imx_encode_classifier(n.store, &whole_tiny, &head, 4, SIDE, SIDE, 3, &e) == IMX_OK &&
         imx_encode_logits(e, pix, IMAGES, logits, NULL, NULL) == IMX_OK &&
         imx_encode_create(dev, &whole_tiny, false, 3, SIDE, SIDE, 3, 0, &features) == IMX_OK &&
         copy_weights(n.store, features->store) &&
         imx_encode_run(features, pix, IMAGES, (float *[]){ NULL, fc, NULL }, NULL, NULL) == IMX_OK &&
         imx_store_get(n.store, imx_store_find(n.store, "head.out.weight"), IMX_ARENA_PARAM, wei) == IMX_OK &&
         imx_store_get(n.store, imx_store_find(n.store, "head.out.bias"), IMX_ARENA_PARAM, bia) == IMX_OK;
    double worst = 0, spread = 0;
    for (int i = 0; i < IMAGES * K && ok; i++) {
        double want = (double)bia[i % K];
        for (int c = 0; c < WIDTH; c++)
            want += (double)wei[i % K * WIDTH + c] * (double)fc[i / K * WIDTH + c];
        worst = fmax(worst, fabs(want - (double)logits[i]));
        spread = fmax(spread, fabs((double)logits[i] - (double)logits[i % K]));
    }
    tap_ok(ok && worst < 1e-4 && spread > 0.01, "%s: logits of what was trained, off by %.2g, apart by %.2g", where,
           worst, spread);
    imx_encode_destroy(e);
    imx_encode_destroy(features);
    whole_close(&n);
}

static void refused(struct imx_dev *host, struct imx_net_spec s, imx_status code, const char *word, const char *what)
{
    struct imx_store *store = NULL;
    struct imx_net net;
    tap_ok(imx_store_create(host, true, &store) == IMX_OK && imx_net_create(host, store, &s, 0, &net) == code &&
               strstr(imx_error_text(), word),
           "%s: %s", what, imx_error_text());
    imx_error_clear();
    imx_store_destroy(store);
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    gradients(host);
    refused(host, spec_of(&whole_crops, (struct imx_head){ IMX_FEATURE_FC, false, true, 3 }, 4, 16), IMX_E_ARG,
            "no layer \"fc\"", "a layer that the encoder lacks");
    refused(host, spec_of(&whole_tiny, (struct imx_head){ IMX_FEATURE_FC, false, true, 1 }, 4, 13), IMX_E_DATA,
            "two classes", "one class");
    imx_dev_close(host);
    on_devices(steps);
    on_devices(inference);
    on_devices(begins);
    return tap_done();
}
