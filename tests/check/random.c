/* Random numbers: uniforms equal the host's words bit for bit, normals have the moments of a normal distribution. */
#include "ops/random.h"

#include <math.h>

#include "base/philox.h"
#include "devices.h"

enum { N = 40003 };

static void uniform(struct imx_dev *dev, const char *where)
{
    static float dst[N];
    const struct imx_random_problem d = { N, IMX_RANDOM_UNIFORM, 71 };
    uint32_t ctr[] = { 0x89abcdefu, 0x01234567u, 0xfedcba98u, 3 };
    int wrong = 0;
    const bool ran = run_op(dev, &imx_op_random, &d, (void *[]){ ctr, dst }) == IMX_OK;
    for (int i = 0; i < N; i++) {
        uint32_t r[4];
        imx_random4(UINT64_C(0x0123456789abcdef), UINT64_C(0x3fedcba98), 71, (uint32_t)i / 4, r);
        wrong += !(dst[i] == imx_unit(r[i % 4]));
    }
    tap_ok(ran && !wrong, "%s: %d uniforms equal the host's words", where, N);
}

static void normal(struct imx_dev *dev, const char *where)
{
    static float dst[N];
    const struct imx_random_problem d = { N, IMX_RANDOM_NORMAL, 7 };
    uint32_t ctr[] = { 1, 0, 5, 0 };
    double sum = 0, square = 0, fourth = 0, neighbours = 0;
    const bool ran = run_op(dev, &imx_op_random, &d, (void *[]){ ctr, dst }) == IMX_OK;
    for (int i = 0; i < N; i++) {
        const double x = (double)dst[i];
        sum += x / N;
        square += x * x / N;
        fourth += x * x * x * x / N;
        neighbours += i ? x * (double)dst[i - 1] / N : 0;
    }
    /* five standard deviations of each moment's estimate: 1, sqrt 2, sqrt 96, 1 over sqrt N */
    const double unit = 5 / sqrt(N);
    tap_ok(ran && fabs(sum) < unit && fabs(square - 1) < 1.42 * unit && fabs(fourth - 3) < 9.8 * unit &&
               fabs(neighbours) < unit,
           "%s: moments 0 1 3 of a normal: %.4f %.4f %.4f, neighbours %.4f", where, sum, square, fourth, neighbours);
}

int main(void)
{
    on_devices(uniform);
    on_devices(normal);
    return tap_done();
}
