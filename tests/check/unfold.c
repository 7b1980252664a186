/* Crops: gradient rules both ways, where each pixel of a crop comes from, what overlapping crops add up to. */
#include "ops/unfold.h"

#include "devices.h"
#include "finite.h"

enum { SIDE = 6, CROP = 4, STEP = 2, GRID = 2, CH = 2 };

/* A pixel's value names its place: 100 y + 10 x + channel. */
static void places(struct imx_dev *dev, const char *where)
{
    const struct imx_unfold d = { 2, SIDE, SIDE, CH, CROP, STEP };
    float src[2][SIDE][SIDE][CH], dst[2][GRID][GRID][CROP][CROP][CH] = { { { { { { 0 } } } } } };
    int wrong = 0;
    for (int n = 0; n < 2; n++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                for (int c = 0; c < CH; c++)
                    src[n][y][x][c] = (float)(1000 * n + 100 * y + 10 * x + c);
    const bool ran = run_op(dev, &imx_op_unfold_fwd, &d, (void *[]){ src, dst }) == IMX_OK;
    for (int n = 0; n < 2; n++)
        for (int y = 0; y < GRID; y++)
            for (int x = 0; x < GRID; x++)
                for (int r = 0; r < CROP; r++)
                    for (int s = 0; s < CROP; s++)
                        for (int c = 0; c < CH; c++)
                            wrong +=
                                dst[n][y][x][r][s][c] != (float)(1000 * n + 100 * (2 * y + r) + 10 * (2 * x + s) + c);
    tap_ok(ran && !wrong, "%s: crop (y, x) begins at pixel (2y, 2x), %d values wrong", where, wrong);
}

/* Ones come back as the number of crops that hold a pixel; the last row and column of an odd image lie in none. */
static void overlap(struct imx_dev *dev, const char *where)
{
    enum { ODD = SIDE + 1 };
    const struct imx_unfold d = { 1, ODD, ODD, 1, CROP, STEP };
    static const float crops[ODD] = { 1, 1, 2, 2, 1, 1, 0 };
    float ddst[GRID * GRID * CROP * CROP], dsrc[ODD][ODD];
    int wrong = 0;
    for (size_t i = 0; i < sizeof ddst / sizeof *ddst; i++)
        ddst[i] = 1;
    memset(dsrc, 0xff, sizeof dsrc);
    const bool ran = run_op(dev, &imx_op_unfold_bwd, &d, (void *[]){ ddst, dsrc }) == IMX_OK;
    for (int y = 0; y < ODD; y++)
        for (int x = 0; x < ODD; x++)
            wrong += !(dsrc[y][x] == crops[y] * crops[x]);
    tap_ok(ran && !wrong, "%s: a pixel adds up the crops that hold it, %d wrong", where, wrong);
}

/* 64 pixels in crops of 16 and 32 in crops of 8, half overlapping: 7 x 7 (dim_method 1.8). */
static void grids(void)
{
    const struct imx_unfold large = { .k = 16, .stride = 8 }, small = { .k = 8, .stride = 4 };
    tap_ok(imx_unfold_out(64, &large) == 7 && imx_unfold_out(32, &small) == 7 && imx_unfold_out(96, &large) == 11,
           "64 pixels make 7 crops of 16 a side, 32 make 7 of 8, 96 make 11 of 16");
}

int main(void)
{
    static const char *const text[] = { "n2h6w6c2_k4s2", "n1h7w9c3_k3s2", "n1h5w5c1_k3s1", "n1h8w5c2_k2s3" };
    for (int i = 0; i < 4; i++) {
        finite_check(&imx_op_unfold_fwd, text[i]);
        finite_check(&imx_op_unfold_bwd, text[i]);
    }
    grids();
    on_devices(places);
    on_devices(overlap);
    return tap_done();
}
