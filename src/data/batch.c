/* A ring of slots between one producer and one consumer. `made` and `taken` only grow;
 * slot i lives at i % slots. The consumer holds the last `held` slots before taken, so
 * the producer may be at most slots - held ahead of it. */
#include "data/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/philox.h"

struct slot {
    struct imx_batch view;
    struct imx_batch_place own; /* pix NULL: the consumer's place is used */
    int32_t *label, *index;
};

struct imx_batches {
    const struct imx_dataset *ds;
    struct imx_batch_options o;
    uint64_t steps; /* per epoch */
    int32_t n;      /* images in use */
    int32_t *subset;
    uint32_t *order;      /* [n], of epoch order_epoch */
    uint64_t order_epoch; /* + 1; 0: none */
    struct slot *slot;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t made, taken;
    bool started, stop;
    double waited;
};

static void order_epoch(struct imx_batches *b, uint64_t epoch)
{
    if (b->order_epoch == epoch + 1)
        return;
    if (b->o.shuffle)
        imx_permute(b->o.seed, epoch, IMX_STREAM_ORDER, b->order, (uint32_t)b->n);
    else
        for (int32_t i = 0; i < b->n; i++)
            b->order[i] = (uint32_t)i;
    b->order_epoch = epoch + 1;
}

/* bits -> 0..limit-1; the bias is below limit / 2^32. */
static int32_t below(uint32_t bits, int32_t limit)
{
    return (int32_t)(((uint64_t)bits * (uint32_t)limit) >> 32);
}

/* dst[y, x] = src[y + dy, x + dx], black outside. */
static void copy_shifted(const uint8_t *src, int32_t h, int32_t w, int32_t c, int32_t dy, int32_t dx, uint8_t *dst)
{
    const int32_t from = dx < 0 ? -dx : 0, to = dx > 0 ? w - dx : w;
    memset(dst, 0, (size_t)h * (size_t)w * (size_t)c);
    for (int32_t y = 0; y < h; y++)
        if (y + dy >= 0 && y + dy < h && from < to)
            memcpy(dst + ((size_t)y * (size_t)w + (size_t)from) * (size_t)c,
                   src + ((size_t)(y + dy) * (size_t)w + (size_t)(from + dx)) * (size_t)c,
                   (size_t)(to - from) * (size_t)c);
}

static void fill_image(struct imx_batches *b, struct slot *s, struct imx_batch_place to, int32_t j, int32_t from)
{
    const struct imx_dataset *ds = b->ds;
    const struct imx_batch_options *o = &b->o;
    const int32_t at = (int32_t)b->order[from + j], i = b->subset ? b->subset[at] : at;
    const size_t image = (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    const uint8_t *src = ds->pix + (size_t)i * image;
    uint8_t *dst = to.pix + (size_t)j * image;
    uint32_t r[4];
    imx_random4(o->seed, s->view.epoch * b->steps + s->view.step, IMX_STREAM_AUGMENT, (uint32_t)j, r);
    s->index[j] = i;
    s->label[j] = ds->label[i];
    const int32_t room_y = o->crop ? ds->h - o->crop : 0, room_x = o->crop ? ds->w - o->crop : 0;
    to.aug[3 * j] = o->crop_random ? below(r[1], room_y + 1) : room_y / 2;
    to.aug[3 * j + 1] = o->crop_random ? below(r[2], room_x + 1) : room_x / 2;
    to.aug[3 * j + 2] = o->flip ? (int32_t)(r[0] >> 31) : 0;
    if (o->pad)
        copy_shifted(src, ds->h, ds->w, ds->c, below(r[3] << 16, 2 * o->pad + 1) - o->pad,
                     below(r[3] & 0xffff0000u, 2 * o->pad + 1) - o->pad, dst);
    else
        memcpy(dst, src, image);
}

static void fill(struct imx_batches *b, struct slot *s, uint64_t epoch, uint64_t step)
{
    const struct imx_dataset *ds = b->ds;
    const int32_t from = (int32_t)(step * (uint64_t)b->o.batch), left = b->n - from;
    const int32_t count = left < b->o.batch ? left : b->o.batch;
    const size_t image = (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    const int32_t slot = (int32_t)(s - b->slot);
    const struct imx_batch_place to = s->own.pix ? s->own : b->o.place[slot];
    s->view = (struct imx_batch){ epoch, step, slot, count, to.pix, s->label, to.aug, s->index };
    if (b->o.epochs && epoch >= b->o.epochs) {
        s->view.count = 0;
        return;
    }
    order_epoch(b, epoch);
    for (int32_t j = 0; j < count; j++)
        fill_image(b, s, to, j, from);
    for (int32_t j = count; j < b->o.batch; j++) {
        memset(to.pix + (size_t)j * image, 0, image);
        s->label[j] = s->index[j] = -1;
        to.aug[3 * j] = to.aug[3 * j + 1] = to.aug[3 * j + 2] = 0;
    }
}

static void *produce(void *arg)
{
    struct imx_batches *b = arg;
    uint64_t epoch = b->o.epoch, step = b->o.step;
    bool over = false;
    while (!over) {
        pthread_mutex_lock(&b->lock);
        while (!b->stop && b->made - b->taken >= (uint64_t)(b->o.slots - b->o.held))
            pthread_cond_wait(&b->moved, &b->lock);
        const bool stop = b->stop;
        struct slot *s = &b->slot[b->made % (uint64_t)b->o.slots];
        pthread_mutex_unlock(&b->lock);
        if (stop)
            break;
        fill(b, s, epoch, step);
        over = s->view.count == 0;
        if (++step == b->steps) {
            step = 0;
            epoch++;
        }
        pthread_mutex_lock(&b->lock);
        b->made++;
        pthread_cond_broadcast(&b->moved);
        pthread_mutex_unlock(&b->lock);
    }
    return NULL;
}

imx_status imx_batches_next(struct imx_batches *b, struct imx_batch *view)
{
    pthread_mutex_lock(&b->lock);
    /* A view of count 0 is the last: it is delivered again and again. */
    if (b->taken && b->slot[(b->taken - 1) % (uint64_t)b->o.slots].view.count == 0)
        b->taken--;
    if (b->made == b->taken) {
        const double since = imx_now();
        while (b->made == b->taken)
            pthread_cond_wait(&b->moved, &b->lock);
        b->waited += imx_now() - since;
    }
    *view = b->slot[b->taken++ % (uint64_t)b->o.slots].view;
    pthread_cond_broadcast(&b->moved);
    pthread_mutex_unlock(&b->lock);
    return IMX_OK;
}

bool imx_batches_ready(struct imx_batches *b)
{
    pthread_mutex_lock(&b->lock);
    const bool ready = b->made > b->taken;
    pthread_mutex_unlock(&b->lock);
    return ready;
}

uint64_t imx_batches_per_epoch(const struct imx_batches *b)
{
    return b->steps;
}

double imx_batches_waited(const struct imx_batches *b)
{
    return b->waited;
}

static imx_status check(const struct imx_dataset *ds, const struct imx_batch_options *o)
{
    const int32_t side = ds->h < ds->w ? ds->h : ds->w, n = o->subset ? o->subset_n : ds->n;
    if (o->batch < 1)
        return imx_fail(IMX_E_ARG, "a batch of %d images is not possible", o->batch);
    if (o->crop < 0 || o->crop > side)
        return imx_fail(IMX_E_ARG, "a crop of %d pixels does not fit into images of %dx%d", o->crop, ds->w, ds->h);
    if (o->pad < 0 || o->pad >= side)
        return imx_fail(IMX_E_ARG, "a shift of %d pixels is too much for images of %dx%d", o->pad, ds->w, ds->h);
    const int32_t least = (o->held ? o->held : 1) + 2;
    if ((o->slots && o->slots < least) || (o->place && !o->slots) || o->held < 0)
        return imx_fail(IMX_E_ARG, "a ring of %d batches is too short: %d are the fewest", o->slots, least);
    for (int32_t i = 0; o->subset && i < o->subset_n; i++)
        if (o->subset[i] < 0 || o->subset[i] >= ds->n)
            return imx_fail(IMX_E_ARG, "image %d of the subset does not exist: there are %d", o->subset[i], ds->n);
    if (n < 1 || (n < o->batch && !o->keep_last))
        return imx_fail(IMX_E_DATA, "%d images do not fill one batch of %d: use a smaller --batch", n, o->batch);
    return IMX_OK;
}

static imx_status make_slots(struct imx_batches *b)
{
    const struct imx_dataset *ds = b->ds;
    const size_t batch = (size_t)b->o.batch, image = (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    b->slot = calloc((size_t)b->o.slots, sizeof *b->slot);
    for (int32_t i = 0; b->slot && i < b->o.slots; i++) {
        struct slot *s = &b->slot[i];
        s->label = malloc(batch * 5 * sizeof *s->label);
        s->own.pix = b->o.place ? NULL : malloc(batch * image);
        if (!s->label || !(s->own.pix || b->o.place))
            return imx_fail(IMX_E_NOMEM, "out of memory for batches of %d images", b->o.batch);
        s->index = s->label + batch;
        s->own.aug = s->index + batch;
    }
    return b->slot ? IMX_OK : imx_fail(IMX_E_NOMEM, "out of memory for batches of %d images", b->o.batch);
}

imx_status imx_batches_create(const struct imx_dataset *ds, const struct imx_batch_options *options,
                              struct imx_batches **out)
{
    imx_status status = IMX_OK;
    *out = NULL;
    IMX_TRY(check(ds, options));
    struct imx_batches *b = calloc(1, sizeof *b);
    if (!b)
        return imx_fail(IMX_E_NOMEM, "out of memory for the batch loader");
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->moved, NULL);
    b->ds = ds;
    b->o = *options;
    b->o.held = options->held ? options->held : 1;
    b->o.slots = options->slots ? options->slots : b->o.held + 3;
    b->n = options->subset ? options->subset_n : ds->n;
    b->steps = (uint64_t)b->n / (uint64_t)b->o.batch + (b->o.keep_last && b->n % b->o.batch ? 1 : 0);
    if (b->o.step >= b->steps)
        IMX_GO(imx_fail(IMX_E_ARG, "step %llu lies beyond the epoch of %llu steps", (unsigned long long)b->o.step,
                        (unsigned long long)b->steps));
    b->order = malloc((size_t)b->n * sizeof *b->order);
    b->subset = options->subset ? malloc((size_t)b->n * sizeof *b->subset) : NULL;
    if (!b->order || (options->subset && !b->subset))
        IMX_GO(imx_fail(IMX_E_NOMEM, "out of memory for the order of %d images", b->n));
    if (b->subset)
        memcpy(b->subset, options->subset, (size_t)b->n * sizeof *b->subset);
    b->o.subset = NULL;
    IMX_GO(make_slots(b));
    if (pthread_create(&b->thread, NULL, produce, b))
        IMX_GO(imx_fail(IMX_E_NOMEM, "the system refuses a thread for the batch loader"));
    b->started = true;
    *out = b;
    return IMX_OK;
fail:
    imx_batches_destroy(b);
    return status;
}

void imx_batches_destroy(struct imx_batches *b)
{
    if (!b)
        return;
    if (b->started) {
        pthread_mutex_lock(&b->lock);
        b->stop = true;
        pthread_cond_broadcast(&b->moved);
        pthread_mutex_unlock(&b->lock);
        pthread_join(b->thread, NULL);
    }
    for (int32_t i = 0; b->slot && i < b->o.slots; i++) {
        free(b->slot[i].own.pix);
        free(b->slot[i].label);
    }
    pthread_cond_destroy(&b->moved);
    pthread_mutex_destroy(&b->lock);
    free(b->slot);
    free(b->order);
    free(b->subset);
    free(b);
}
