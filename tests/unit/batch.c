/* The batch loader: order, augmentation, resume at any step, the ends of epochs, and its
 * clean end. */
#include "data/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "tap.h"

enum { N = 23, H = 6, W = 5, C = 3, IMAGE = H * W * C };

static uint8_t value(int i, int y, int x, int k)
{
    return (uint8_t)(1 + (i * 31 + y * 7 + x * 3 + k) % 255);
}

static struct imx_dataset *make_set(void)
{
    uint8_t *pix = malloc(N * IMAGE);
    int32_t *label = malloc(N * sizeof *label);
    struct imx_dataset *ds = NULL;
    for (int i = 0; i < N; i++) {
        label[i] = i % 4;
        for (int p = 0; p < IMAGE; p++)
            pix[i * IMAGE + p] = value(i, p / (W * C), p / C % W, p % C);
    }
    if (imx_dataset_of_pixels(pix, label, N, H, W, C, &ds) != IMX_OK)
        exit(1);
    return ds;
}

static void order(const struct imx_dataset *ds)
{
    struct imx_batches *b = NULL;
    struct imx_batch v;
    uint32_t perm[N];
    bool index_ok = true, label_ok = true, pix_ok = true, place_ok = true;
    const struct imx_batch_options o = { .batch = 4, .seed = 9, .shuffle = true };
    tap_ok(imx_batches_create(ds, &o, &b) == IMX_OK && imx_batches_per_epoch(b) == 5, "23 images are 5 batches of 4");
    for (uint64_t s = 0; s < 15; s++) {
        imx_permute(9, s / 5, IMX_STREAM_ORDER, perm, N);
        if (imx_batches_next(b, &v) != IMX_OK)
            break;
        place_ok &= v.epoch == s / 5 && v.step == s % 5 && v.count == 4;
        for (int j = 0; j < 4; j++) {
            index_ok &= v.index[j] == (int32_t)perm[s % 5 * 4 + (unsigned)j];
            label_ok &= v.label[j] == v.index[j] % 4;
            pix_ok &= !memcmp(v.pix + j * IMAGE, ds->pix + v.index[j] * IMAGE, IMAGE);
        }
    }
    tap_ok(place_ok, "epochs and steps count up");
    tap_ok(index_ok, "the order is the permutation of the epoch");
    tap_ok(label_ok && pix_ok, "pixels and labels are those of the image");
    tap_ok(imx_batches_waited(b) >= 0, "waiting time is counted");
    imx_batches_destroy(b);
}

/* Every batch of a run that begins at step `from` equals that of the run from 0. */
static void resume(const struct imx_dataset *ds)
{
    enum { TOTAL = 17 };
    struct imx_batch_options o = {
        .batch = 4, .seed = 77, .shuffle = true, .flip = true, .pad = 2, .crop = 4, .crop_random = true
    };
    static uint8_t pix[TOTAL][4 * IMAGE];
    static int32_t rest[TOTAL][4 * 5];
    struct imx_batch v;
    int differ = 0, compared = 0;
    for (uint64_t from = 0; from < TOTAL; from++) {
        struct imx_batches *b = NULL;
        o.epoch = from / 5;
        o.step = from % 5;
        o.slots = 3 + (int32_t)(from % 3);
        if (imx_batches_create(ds, &o, &b) != IMX_OK)
            break;
        for (uint64_t s = from; s < TOTAL && imx_batches_next(b, &v) == IMX_OK; s++) {
            if (from == 0) {
                memcpy(pix[s], v.pix, sizeof pix[s]);
                memcpy(rest[s], v.label, 4 * sizeof(int32_t));
                memcpy(rest[s] + 4, v.index, 4 * sizeof(int32_t));
                memcpy(rest[s] + 8, v.aug, 12 * sizeof(int32_t));
                continue;
            }
            compared++;
            differ += memcmp(pix[s], v.pix, sizeof pix[s]) || memcmp(rest[s], v.label, 4 * sizeof(int32_t)) ||
                      memcmp(rest[s] + 4, v.index, 4 * sizeof(int32_t)) ||
                      memcmp(rest[s] + 8, v.aug, 12 * sizeof(int32_t));
        }
        imx_batches_destroy(b);
    }
    tap_ok(compared == 136 && differ == 0, "resuming at any of 17 steps repeats the batches (%d of %d differ)", differ,
           compared);
}

static void augmentation(const struct imx_dataset *ds)
{
    struct imx_batches *b = NULL;
    struct imx_batch v;
    const struct imx_batch_options o = {
        .batch = 8, .seed = 5, .shuffle = true, .flip = true, .pad = 1, .crop = 3, .crop_random = true
    };
    int flips = 0, total = 0, bad = 0, shift[3][3] = { { 0 } }, at[4][3] = { { 0 } };
    if (!tap_ok(imx_batches_create(ds, &o, &b) == IMX_OK, "a loader with all augmentations"))
        return;
    for (int s = 0; s < 200 && imx_batches_next(b, &v) == IMX_OK; s++)
        for (int j = 0; j < 8; j++, total++) {
            const int32_t *aug = v.aug + 3 * j;
            int hits = 0;
            flips += aug[2];
            if (aug[0] < 0 || aug[0] > H - 3 || aug[1] < 0 || aug[1] > W - 3 || (aug[2] & ~1)) {
                bad++;
                continue;
            }
            at[aug[0]][aug[1]]++;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) {
                    bool same = true;
                    for (int p = 0; p < IMAGE && same; p++) {
                        const int y = p / (W * C) + dy, x = p / C % W + dx;
                        const bool in = y >= 0 && y < H && x >= 0 && x < W;
                        same = v.pix[j * IMAGE + p] == (in ? value(v.index[j], y, x, p % C) : 0);
                    }
                    shift[dy + 1][dx + 1] += same;
                    hits += same;
                }
            bad += hits != 1;
        }
    imx_batches_destroy(b);
    tap_ok(bad == 0, "each image is one shift of the original and its part lies inside (%d are not)", bad);
    tap_ok(total == 1600 && flips > 700 && flips < 900, "half are mirrored (%d of %d)", flips, total);
    int rare = 0;
    for (int i = 0; i < 9; i++)
        rare += shift[i / 3][i % 3] < 120;
    for (int i = 0; i < 12; i++)
        rare += at[i / 3][i % 3] < 80;
    tap_ok(rare == 0, "all shifts and places come about equally often");
}

static void ends(const struct imx_dataset *ds)
{
    struct imx_batches *b = NULL;
    struct imx_batch v;
    const int32_t subset[5] = { 20, 3, 3, 7, 0 };
    const struct imx_batch_options o = {
        .batch = 3, .keep_last = true, .epochs = 1, .crop = 4, .subset = subset, .subset_n = 5
    };
    bool ok = imx_batches_create(ds, &o, &b) == IMX_OK && imx_batches_per_epoch(b) == 2;
    ok = ok && imx_batches_next(b, &v) == IMX_OK && v.count == 3 && v.index[0] == 20 && v.index[2] == 3;
    tap_ok(ok && v.aug[0] == 1 && v.aug[1] == 0 && v.aug[2] == 0, "a subset in its order, cut out of the middle");
    ok = imx_batches_next(b, &v) == IMX_OK && v.count == 2 && v.index[1] == 0 && v.index[2] == -1 && v.label[2] == -1;
    for (int p = 0; ok && p < IMAGE; p++)
        ok = v.pix[2 * IMAGE + p] == 0;
    tap_ok(ok, "the last batch is short and its rest is empty");
    ok = imx_batches_next(b, &v) == IMX_OK && v.count == 0 && imx_batches_next(b, &v) == IMX_OK && v.count == 0;
    tap_ok(ok, "after the last epoch the count stays 0");
    imx_batches_destroy(b);
}

/* Two batches at once, in memory of the consumer, which moves between them. */
static void places(const struct imx_dataset *ds)
{
    enum { SLOTS = 4, STEPS = 12 };
    static uint8_t pix[STEPS][2 * IMAGE];
    static int32_t aug[STEPS][2 * 3];
    struct imx_batch_place place[SLOTS];
    struct imx_batches *b = NULL;
    struct imx_batch v[STEPS];
    struct imx_batch_options o = { .batch = 2, .seed = 3, .shuffle = true, .held = 2, .place = place };
    bool ok = true, kept = true;
    for (int i = 0; i < SLOTS; i++)
        place[i] = (struct imx_batch_place){ pix[i], aug[i] };
    tap_ok(imx_batches_create(ds, &o, &b) == IMX_E_ARG, "places for how many batches must be said");
    o.slots = SLOTS;
    if (!tap_ok(imx_batches_create(ds, &o, &b) == IMX_OK, "a loader that writes into places of its consumer"))
        return;
    for (int s = 0; s < STEPS && ok; s++) {
        if (s >= 1 &&
            s + SLOTS - 1 < STEPS) /* the batch before, given back by the next call but one, has a new place */
            place[v[s - 1].slot] = (struct imx_batch_place){ pix[s + SLOTS - 1], aug[s + SLOTS - 1] };
        ok = imx_batches_next(b, &v[s]) == IMX_OK && v[s].pix == pix[s] && v[s].aug == aug[s] && v[s].slot == s % SLOTS;
        for (int k = s ? s - 1 : s; k <= s; k++)
            for (int j = 0; j < 2; j++)
                kept &= !memcmp(v[k].pix + j * IMAGE, ds->pix + v[k].index[j] * IMAGE, IMAGE);
        while (!imx_batches_ready(b))
            continue; /* it has room for another beside the two */
    }
    tap_ok(ok, "each batch lies where its place was when the loader could begin it");
    tap_ok(kept, "a batch and the one before it stay");
    imx_batches_destroy(b);
}

static void refusals(const struct imx_dataset *ds)
{
    const int32_t wrong[1] = { N };
    const struct imx_batch_options o[] = {
        { .batch = 0 },
        { .batch = 4, .crop = 6 },
        { .batch = 4, .pad = 5 },
        { .batch = 4, .slots = 2 },
        { .batch = 4, .step = 5 },
        { .batch = 1, .subset = wrong, .subset_n = 1 },
    };
    struct imx_batches *b = NULL;
    for (size_t i = 0; i < sizeof o / sizeof *o; i++)
        tap_ok(imx_batches_create(ds, &o[i], &b) == IMX_E_ARG && !b, "refused: %s", imx_error_text());
    const struct imx_batch_options large = { .batch = N + 1 };
    tap_ok(imx_batches_create(ds, &large, &b) == IMX_E_DATA && !b, "refused: %s", imx_error_text());
    imx_batches_destroy(NULL);
    for (int i = 0; i < 50; i++) {
        const struct imx_batch_options some = { .batch = 4, .shuffle = true };
        if (imx_batches_create(ds, &some, &b) != IMX_OK)
            break;
        imx_batches_destroy(b);
    }
    tap_ok(true, "50 loaders ended without a batch taken");
}

int main(void)
{
    struct imx_dataset *ds = make_set();
    order(ds);
    resume(ds);
    augmentation(ds);
    ends(ds);
    places(ds);
    refusals(ds);
    imx_dataset_destroy(ds);
    return tap_done();
}
