/* Which images keep their label: numbers per class, the same draw for the same seed, fewer as a part of more. */
#include "data/labelled.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { N = 1000, K = 4 };

/* 600, 300, 93 and 5 images of the classes, mixed; 2 without a label. */
static void make(int32_t label[N])
{
    for (int32_t i = 0; i < N; i++) {
        const int32_t at = i * 7 % N;
        label[i] = at < 600 ? 0 : at < 900 ? 1 : at < 993 ? 2 : at < 998 ? 3 : -1;
    }
}

struct drawn {
    int32_t index[N], n, of[K];
    imx_status status;
};

static struct drawn draw(const int32_t *label, double share, int64_t count, bool proportional, uint64_t seed)
{
    struct drawn d = { .n = 0 };
    const struct imx_labelled how = { share, count, proportional, seed };
    d.status = imx_draw_labelled(label, N, K, &how, d.index, &d.n);
    for (int32_t i = 0; i < d.n && d.status == IMX_OK; i++)
        if (label[d.index[i]] >= 0)
            d.of[label[d.index[i]]]++;
    return d;
}

static bool numbers(const struct drawn *d, int a, int b, int c, int e)
{
    return d->status == IMX_OK && d->n == a + b + c + e && d->of[0] == a && d->of[1] == b && d->of[2] == c &&
           d->of[3] == e;
}

static bool ascending(const struct drawn *d)
{
    for (int32_t i = 1; i < d->n; i++)
        if (d->index[i] <= d->index[i - 1])
            return false;
    return true;
}

static bool part_of(const struct drawn *few, const struct drawn *many)
{
    int32_t at = 0;
    for (int32_t i = 0; i < few->n; i++) {
        while (at < many->n && many->index[at] < few->index[i])
            at++;
        if (at == many->n || many->index[at] != few->index[i])
            return false;
    }
    return true;
}

static void how_many(const int32_t *label)
{
    const struct drawn ten = draw(label, 0, 10, false, 1), half = draw(label, 0.5, 0, false, 1);
    tap_ok(numbers(&ten, 3, 3, 2, 2), "10, equally many: %d %d %d %d", ten.of[0], ten.of[1], ten.of[2], ten.of[3]);
    /* 499: classes 2 and 3 give all of theirs */
    tap_ok(numbers(&half, 201, 200, 93, 5), "half, equally many: %d %d %d %d", half.of[0], half.of[1], half.of[2],
           half.of[3]);
    const struct drawn share = draw(label, 0.1, 0, true, 1), all = draw(label, 1, 0, false, 1);
    tap_ok(numbers(&share, 60, 30, 9, 1), "a tenth, in proportion: %d %d %d %d", share.of[0], share.of[1], share.of[2],
           share.of[3]);
    tap_ok(numbers(&all, 600, 300, 93, 5) && ascending(&all), "all that have a label: %d", all.n);
    const struct drawn one = draw(label, 0, 1, true, 1), tiny = draw(label, 1e-9, 0, false, 1);
    tap_ok(numbers(&one, 1, 1, 1, 1) && numbers(&tiny, 1, 1, 1, 1), "one of each class at least");
}

static void which(const int32_t *label)
{
    bool nested = true, sorted = true, other = false;
    for (int proportional = 0; proportional < 2; proportional++)
        for (int count = 4; count < 990; count += 41) {
            const struct drawn few = draw(label, 0, count, proportional, 5);
            const struct drawn many = draw(label, 0, count + 8, proportional, 5);
            const struct drawn again = draw(label, 0, count, proportional, 5);
            const struct drawn seed = draw(label, 0, count, proportional, 6);
            nested &= few.n == count && part_of(&few, &many) && !memcmp(few.index, again.index, sizeof few.index);
            sorted &= ascending(&few);
            other |= !part_of(&few, &seed);
        }
    tap_ok(nested, "fewer images are a part of more, and the same the second time");
    tap_ok(sorted, "each once, in ascending order");
    tap_ok(other, "another seed draws others");
}

static void mistakes(int32_t *label)
{
    tap_ok(draw(label, 0, 999, false, 1).status == IMX_E_ARG && strstr(imx_error_text(), "998"),
           "more than there are: %s", imx_error_text());
    for (int32_t i = 0; i < N; i++)
        label[i] = -1;
    tap_ok(draw(label, 0.5, 0, false, 1).status == IMX_E_DATA, "no labels at all: %s", imx_error_text());
}

int main(void)
{
    static int32_t label[N];
    make(label);
    how_many(label);
    which(label);
    mistakes(label);
    return tap_done();
}
