/* See feed.h. The slots of the loader's ring are tensors of the net, each mapped but for the one that a run reads and
 * the one that was sent ahead. A run always reads the tensors `bytes` and `aug`: those of the slot change memory with
 * them. */
#include "train/feed.h"

#include <stdlib.h>

struct imx_feed {
    struct imx_net *net; /* borrowed */
    struct imx_batches *batches;
    struct imx_batch_place place[IMX_RING]; /* NULL: the device has it */
    int32_t at[IMX_RING];                   /* where a slot's memory is: 0 bytes and aug, else more[at - 1] */
    struct imx_batch ahead;                 /* count 0: none was sent */
    int32_t running;                        /* the slot that the last run read; -1: none */
};

static struct imx_mem memory(const struct imx_feed *f, int32_t slot, bool aug)
{
    const struct imx_net *n = f->net;
    const int32_t at = f->at[slot];
    const imx_tid t = at ? aug ? n->more[at - 1].aug : n->more[at - 1].bytes : aug ? n->aug : n->bytes;
    return n->g->tensor[t].mem;
}

static imx_status lend(struct imx_feed *f, int32_t slot)
{
    struct imx_dev *dev = f->net->g->dev;
    void *pix = NULL, *aug = NULL;
    IMX_TRY(dev->vt->map(dev, memory(f, slot, false), &pix));
    f->place[slot].pix = pix;
    IMX_TRY(dev->vt->map(dev, memory(f, slot, true), &aug));
    f->place[slot].aug = aug;
    return IMX_OK;
}

static imx_status take(struct imx_feed *f, int32_t slot)
{
    struct imx_dev *dev = f->net->g->dev;
    const struct imx_batch_place p = f->place[slot];
    f->place[slot] = (struct imx_batch_place){ 0 };
    if (p.pix)
        IMX_TRY(dev->vt->unmap(dev, memory(f, slot, false), p.pix));
    return p.aug ? dev->vt->unmap(dev, memory(f, slot, true), p.aug) : IMX_OK;
}

imx_status imx_feed_create(struct imx_net *net, const struct imx_dataset *ds, const struct imx_batch_options *options,
                           struct imx_feed **out)
{
    imx_status status = IMX_OK;
    struct imx_batch_options o = *options;
    struct imx_feed *f = calloc(1, sizeof *f);
    if (!f)
        return imx_fail(IMX_E_NOMEM, "no memory for the batches");
    f->net = net;
    f->running = -1;
    for (int32_t i = 0; i < IMX_RING; i++) {
        f->at[i] = i;
        IMX_GO(lend(f, i));
    }
    o.slots = IMX_RING;
    o.held = 2;
    o.place = f->place;
    IMX_GO(imx_batches_create(ds, &o, &f->batches));
    *out = f;
    return IMX_OK;
fail:
    imx_feed_destroy(f);
    return status;
}

static imx_status send(struct imx_feed *f)
{
    IMX_TRY(imx_batches_next(f->batches, &f->ahead));
    return take(f, f->ahead.slot);
}

imx_status imx_feed_ahead(struct imx_feed *f)
{
    return !f->ahead.count && imx_batches_ready(f->batches) ? send(f) : IMX_OK;
}

/* The slot's memory becomes that of bytes and aug. */
static void read_from(struct imx_feed *f, int32_t slot)
{
    struct imx_net *n = f->net;
    const int32_t at = f->at[slot];
    if (!at)
        return;
    imx_graph_swap(n->g, n->bytes, n->more[at - 1].bytes);
    imx_graph_swap(n->g, n->aug, n->more[at - 1].aug);
    for (int32_t i = 0; i < IMX_RING; i++)
        if (!f->at[i])
            f->at[i] = at;
    f->at[slot] = 0;
}

imx_status imx_feed_next(struct imx_feed *f, struct imx_batch *batch)
{
    if (f->running >= 0) /* the loader may want it once the next batch is sent */
        IMX_TRY(lend(f, f->running));
    f->running = -1;
    if (!f->ahead.count)
        IMX_TRY(send(f));
    *batch = f->ahead;
    f->ahead.count = 0;
    f->running = batch->slot;
    read_from(f, batch->slot);
    return IMX_OK;
}

double imx_feed_waited(const struct imx_feed *f)
{
    return imx_batches_waited(f->batches);
}

void imx_feed_destroy(struct imx_feed *f)
{
    if (!f)
        return;
    imx_batches_destroy(f->batches);
    for (int32_t i = 0; i < IMX_RING && !f->net->g->dev->lost; i++)
        (void)take(f, i);
    free(f);
}
