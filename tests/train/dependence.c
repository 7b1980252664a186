/* MINE, NDM and the decoder behind SSIM against laws whose answer is known, in short trainings (dim_method 7, 11). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "base/philox.h"
#include "eval/mine.h"
#include "eval/ndm.h"
#include "eval/redraw.h"

enum { N = 6000, SIDE = 8 };

static double normal(uint64_t seed, uint32_t i)
{
    uint32_t r[4];
    imx_random4(seed, 3, IMX_STREAM_TEST, i, r);
    return sqrt(-2.0 * log(1.0 - (double)imx_unit(r[0]))) * cos(6.283185307179586 * (double)imx_unit(r[1]));
}

/* Codes of `d` columns; the second is correlated with the first. */
static double measure(struct imx_dev *dev, int32_t d, double rho, struct imx_ndm how, double scale)
{
    static float code[N * 8];
    struct imx_ndm_result r = { 0 };
    for (uint32_t i = 0; i < N; i++) {
        for (int32_t c = 0; c < d; c++)
            code[i * (uint32_t)d + (uint32_t)c] = (float)(scale * normal((uint64_t)c, i));
        if (d > 1)
            code[i * (uint32_t)d + 1] = (float)(scale * (rho * normal(0, i) + sqrt(1 - rho * rho) * normal(1, i)));
    }
    how.batch = 128;
    how.lr = 1e-3;
    if (imx_ndm(dev, &how, code, N, d, &r) != IMX_OK) {
        printf("# %s\n", imx_error_text());
        return NAN;
    }
    return r.nats;
}

enum { STEPS = 240, LOOK = 20 };

static bool keep(void *user, int64_t step, double value)
{
    ((double *)user)[step / LOOK] = value;
    return true;
}

/* A column twice determines itself: without codes held out the value has no end. Independent columns of few codes are
 * learnt by heart, which is seen without codes held out alone. */
static void without_heldout(struct imx_dev *dev)
{
    enum { MANY = N / 2, FEW = 400 };
    static float twice[MANY * 2], apart[FEW * 8];
    double at[STEPS / LOOK + 1];
    struct imx_ndm_result r = { 0 }, seen = { 0 }, unseen = { 0 };
    struct imx_ndm how = { .all = true, .batch = 500, .steps = STEPS, .lr = 1e-3, .progress = keep, .user = at };
    for (uint32_t i = 0; i < MANY; i++)
        twice[2 * i] = twice[2 * i + 1] = (float)normal(0, i);
    for (uint32_t i = 0; i < FEW * 8; i++)
        apart[i] = (float)normal(20, i);
    bool ran = imx_ndm(dev, &how, twice, MANY, 2, &r) == IMX_OK;
    tap_ok(ran && at[4] > at[1] + 0.5 && at[12] > at[4] + 0.2 && at[12] > 3,
           "ndm of a column twice keeps rising: %.3f, %.3f, %.3f nats after 20, 80, 240 steps", at[1], at[4], at[12]);
    tap_ok(ran && r.nats == at[12] && r.learned == r.nats && r.step == STEPS && r.batch == 500,
           "its value is that of the end: %.3f nats, step %d, batch %d", r.nats, (int)r.step, r.batch);
    how.batch = 10000;
    ran = imx_ndm(dev, &how, apart, FEW, 8, &seen) == IMX_OK;
    how.all = false;
    ran = ran && imx_ndm(dev, &how, apart, FEW, 8, &unseen) == IMX_OK;
    tap_ok(
        ran && seen.nats > 0.5 && fabs(unseen.nats) < 0.1 && seen.batch == FEW && unseen.batch == FEW * 15 / 100,
        "ndm of %d codes of independent columns: %.3f nats of those learnt in batches of %d, %.3f of unseen ones, %d",
        FEW, seen.nats, seen.batch, unseen.nats, unseen.batch);
}

/* MINE between images and codes of a known law: an image is as bright as a normal number (in bytes, 40 to a deviation:
 * what is lost to them is far below what is tested), the code is a number correlated with it: I = -ln(1 - rho^2) / 2.
 * A penalty keeps the critic from the bound. */
static struct imx_mine_result informed(struct imx_dev *dev, double rho, struct imx_mine how, double scale)
{
    static uint8_t pix[N * SIDE * SIDE];
    static float code[N];
    struct imx_mine_result r = { .nats = NAN, .heldout = NAN };
    for (uint32_t i = 0; i < N; i++) {
        const double x = normal(10, i), byte = round(127.5 + 40 * x);
        memset(pix + i * SIDE * SIDE, byte < 0 ? 0 : byte > 255 ? 255 : (int)byte, SIDE * SIDE);
        code[i] = (float)(scale * (rho * x + sqrt(1 - rho * rho) * normal(11, i)));
    }
    how.batch = 64;
    how.lr = 1e-3;
    if (imx_mine(dev, &how, pix, N, SIDE, SIDE, 1, code, 1, &r) != IMX_OK)
        printf("# %s\n", imx_error_text());
    return r;
}

/* Codes as small as those of an untrained encoder keep as much as large ones. Critics that read them as they are do not
 * find it in so few steps. */
static void small(struct imx_dev *dev)
{
    enum { FEW_STEPS = 200 };
    const double scale = 0.004, want = 0.8304;
    struct imx_ndm ndm = { .steps = FEW_STEPS };
    struct imx_mine mine = { .steps = FEW_STEPS };
    const double plain = measure(dev, 2, 0.9, ndm, scale), unseen = informed(dev, 0.9, mine, scale).nats;
    mine.standardise = ndm.standardise = true;
    const double found = measure(dev, 2, 0.9, ndm, scale), large = measure(dev, 2, 0.9, ndm, 50);
    ndm.sigmoid = true;
    const double squashed = measure(dev, 2, 0.9, ndm, scale);
    const struct imx_mine_result r = informed(dev, 0.9, mine, scale), wide = informed(dev, 0.9, mine, 50);
    tap_ok(fabs(plain) < 0.1 && fabs(unseen) < 0.1, "small codes as they are: ndm %.4f, mine %.4f nats", plain, unseen);
    tap_ok(fabs(found - want) < 0.1 && fabs(found - large) < 0.01 && fabs(squashed - want) < 0.1,
           "standardised: ndm %.4f nats, through a sigmoid %.4f, of large codes %.4f; %.4f in theory", found, squashed,
           large, want);
    tap_ok(fabs(r.nats - want) < 0.12 && fabs(r.nats - wide.nats) < 0.01 && fabs(r.heldout - want) < 0.15,
           "standardised: mine %.4f nats, %.4f on images held out, of large codes %.4f; %.4f in theory", r.nats,
           r.heldout, wide.nats, want);
}

/* Images that three numbers make: brightness and its slopes across and down. */
enum { TAUGHT = 1500, ASKED = 83, WIDE = 12, PIXELS = WIDE * WIDE, SHEET = 20 };
static struct {
    uint8_t pix[TAUGHT + ASKED][PIXELS];
    float code[TAUGHT + ASKED][3], other[TAUGHT + ASKED][3];
} slopes;

static double real(int i, int k)
{
    return slopes.pix[i][k] / 127.5 - 1;
}

/* Returns the variance of the images that are asked for, in [-1,1]: what one picture for all of them would err. */
static double make_slopes(void)
{
    double variance = 0;
    for (uint32_t i = 0; i < TAUGHT + ASKED; i++) {
        uint32_t r[4];
        imx_random4(12, 3, IMX_STREAM_TEST, i, r);
        for (int k = 0; k < 3; k++)
            slopes.code[i][k] = 2 * imx_unit(r[k]) - 1;
        for (int k = 0; k < PIXELS; k++) {
            const double x = 2.0 * (k % WIDE) / (WIDE - 1) - 1, y = 2.0 * (k / WIDE) / (WIDE - 1) - 1;
            const float *c = slopes.code[i];
            slopes.pix[i][k] =
                (uint8_t)lrint(127.5 * (1 + 0.4 * (double)c[0] + 0.3 * x * (double)c[1] + 0.3 * y * (double)c[2]));
        }
    }
    for (int i = 0; i < TAUGHT + ASKED; i++) /* the code of the next image, of the same kind */
        memcpy(slopes.other[i], slopes.code[i < TAUGHT ? (i + 1) % TAUGHT : TAUGHT + (i - TAUGHT + 1) % ASKED],
               sizeof *slopes.other);
    for (int k = 0; k < PIXELS; k++) {
        double mean = 0;
        for (int i = TAUGHT; i < TAUGHT + ASKED; i++)
            mean += real(i, k) / ASKED;
        for (int i = TAUGHT; i < TAUGHT + ASKED; i++)
            variance += (real(i, k) - mean) * (real(i, k) - mean) / ASKED / PIXELS;
    }
    return variance;
}

static struct imx_redraw_result redraw(struct imx_dev *dev, float (*code)[3])
{
    struct imx_redraw_result r = { .error = NAN };
    const struct imx_redraw how = { .batch = 16, .steps = 300, .lr = 1e-3, .sheet = SHEET };
    const struct imx_redraw_set learn = { slopes.pix[0], code[0], TAUGHT },
                                test = { slopes.pix[TAUGHT], code[TAUGHT], ASKED };
    if (imx_redraw(dev, &how, &learn, &test, WIDE, WIDE, 1, 3, &r) != IMX_OK)
        printf("# %s\n", imx_error_text());
    return r;
}

static void decoder(struct imx_dev *dev)
{
    const double variance = make_slopes();
    struct imx_redraw_result own = redraw(dev, slopes.code), other = redraw(dev, slopes.other);
    double sheet = 0;
    for (int i = 0; i < SHEET && own.drawn; i++)
        for (int k = 0; k < PIXELS; k++)
            sheet += pow(own.drawn[i * PIXELS + k] / 127.5 - 1 - real(TAUGHT + i, k), 2) / PIXELS / SHEET;
    tap_ok(
        own.error < 0.05 * variance && own.ssim > 0.9 && own.ms_ssim > 0.9,
        "a decoder draws images from the numbers that made them: squared error %.5f of a variance of %.5f, SSIM %.3f",
        own.error, variance, own.ssim);
    tap_ok(other.error > 0.9 * variance && other.ssim < 0.7, "and not from those of others: %.5f, SSIM %.3f",
           other.error, other.ssim);
    tap_ok(own.drawn && own.kept == SHEET && sheet < 0.05 * variance,
           "its first drawings are of the first images: %.5f", sheet);
    free(own.drawn);
    free(other.drawn);
}

int main(void)
{
    struct imx_dev *dev = NULL;
    struct imx_ndm_result r;
    float few[64] = { 0 };
    const struct imx_ndm how = { .batch = 8, .steps = 1, .lr = 1e-3 };
    if (!tap_ok(imx_dev_open(NULL, &dev, NULL) == IMX_OK, "a device opens: %s", imx_error_text()))
        return tap_done();
    const struct imx_ndm shorter = { .steps = 40 }, longer = { .steps = 300 },
                         sigmoid = { .sigmoid = true, .steps = 300 };
    const double none = measure(dev, 8, 0, shorter, 1), pair = measure(dev, 2, 0.9, longer, 1),
                 squashed = measure(dev, 2, 0.9, sigmoid, 2), more = measure(dev, 2, 0.999, longer, 1);
    tap_ok(fabs(none) < 0.04, "ndm of eight independent columns: %.4f nats, 0 in theory", none);
    tap_ok(fabs(pair - 0.8304) < 0.1, "ndm of a Gaussian pair with correlation 0.9: %.4f nats, 0.8304 in theory", pair);
    tap_ok(fabs(squashed - 0.8304) < 0.12, "ndm of the pair through a sigmoid: %.4f nats, the same in theory",
           squashed);
    tap_ok(more > 1.5 && more < 3.2, "ndm of nearly the same column twice: %.4f nats, 3.1 in theory", more);
    without_heldout(dev);
    const struct imx_mine brief = { .steps = 60 }, unbound = { .steps = 200 }, held = { .steps = 200, .penalty = 0.5 };
    const struct imx_mine_result apart = informed(dev, 0, brief, 1), joint = informed(dev, 0.9, unbound, 1),
                                 smooth = informed(dev, 0.9, held, 1);
    tap_ok(fabs(apart.nats) < 0.05 && fabs(apart.heldout) < 0.05,
           "mine of images and codes that are independent: %.4f nats, %.4f on images held out; 0 in theory", apart.nats,
           apart.heldout);
    tap_ok(fabs(joint.nats - 0.8304) < 0.12 && fabs(joint.heldout - 0.8304) < 0.15,
           "mine of brightness and a number correlated by 0.9: %.4f nats, %.4f on images held out; 0.8304 in theory",
           joint.nats, joint.heldout);
    tap_ok(smooth.nats > 0.4 && smooth.nats < joint.nats - 0.05 && smooth.heldout > 0.4 &&
               smooth.heldout < joint.heldout - 0.04,
           "with the penalty on the critic's gradient, 0.5: %.4f nats, %.4f; less, and far above 0", smooth.nats,
           smooth.heldout);
    small(dev);
    decoder(dev);
    tap_ok(imx_ndm(dev, &how, few, 32, 2, &r) == IMX_E_DATA, "too few codes are refused");
    static float bad[64 * 2];
    bad[77] = NAN;
    tap_ok(imx_ndm(dev, &how, bad, 64, 2, &r) == IMX_E_NONFINITE, "codes that are no numbers are refused");
    imx_dev_close(dev);
    return tap_done();
}
