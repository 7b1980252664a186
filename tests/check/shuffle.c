/* Shuffles: every column is a permutation, other steps and streams give others, places are equally likely; rotations
 * leave nobody its own place; gradient rules of moved rows. */
#include "ops/shuffle.h"

#include "devices.h"
#include "finite.h"
#include "ops/random.h"

enum { N = 16, SETS = 200 };

static void draw(struct imx_dev *dev, const char *where)
{
    static int32_t perm[N * SETS], next[N * SETS], there[N][N];
    uint32_t ctr[4] = { 7, 0, 3, 0 };
    memset(there, 0, sizeof there);
    for (int kind = 0; kind < 2; kind++) {
        const struct imx_shuffle d = { N, SETS, kind, 13 };
        int bad = 0, own = 0;
        bool ran = run_op(dev, &imx_op_shuffle, &d, (void *[]){ ctr, perm }) == IMX_OK;
        for (int s = 0; s < SETS; s++) {
            uint32_t seen = 0;
            for (int i = 0; i < N; i++) {
                const int32_t p = perm[i * SETS + s];
                seen |= p >= 0 && p < N ? 1u << p : 0;
                own += p == i;
                if (!kind && p >= 0 && p < N)
                    there[i][p]++;
            }
            bad += seen != (1u << N) - 1;
        }
        tap_ok(ran && !bad, "%s kind %d: %d of %d columns are no permutation", where, kind, bad, SETS);
        /* 1 of N by chance: 200 of 3200, with a deviation of 14 */
        tap_ok(kind ? own == 0 : abs(own - SETS) < 60, "%s kind %d: %d images stay in their place", where, kind, own);
        ctr[2]++;
        ran = run_op(dev, &imx_op_shuffle, &d, (void *[]){ ctr, next }) == IMX_OK;
        ctr[2]--;
        tap_ok(ran && memcmp(perm, next, sizeof perm), "%s kind %d: another step shuffles otherwise", where, kind);
    }
    int most = 0, least = SETS;
    for (int i = 0; i < N * N; i++) {
        most = there[i / N][i % N] > most ? there[i / N][i % N] : most;
        least = there[i / N][i % N] < least ? there[i / N][i % N] : least;
    }
    tap_ok(least > 0 && most < 32, "%s: image i goes to place k %d to %d times, 12.5 expected", where, least, most);
}

static void index_draw(struct imx_dev *dev, const char *where)
{
    enum { COUNT = 9000, LIMIT = 9 };
    static int32_t idx[COUNT];
    uint32_t ctr[4] = { 7, 0, 3, 0 };
    int bin[LIMIT] = { 0 }, wrong = 0, most = 0;
    const struct imx_random_index d = { COUNT, LIMIT, 8 };
    const bool ran = run_op(dev, &imx_op_random_index, &d, (void *[]){ ctr, idx }) == IMX_OK;
    for (int i = 0; i < COUNT; i++) {
        wrong += idx[i] < 0 || idx[i] >= LIMIT;
        bin[idx[i] < 0 || idx[i] >= LIMIT ? 0 : idx[i]]++;
    }
    for (int i = 0; i < LIMIT; i++)
        most = abs(bin[i] - 1000) > most ? abs(bin[i] - 1000) : most;
    tap_ok(ran && !wrong && most < 150, "%s: indices are even: %d of 1000 off at most", where, most);
}

int main(void)
{
    finite_check(&imx_op_permute_fwd, "n5s3c4"); /* finite.h's indices are permutations for these sizes */
    finite_check(&imx_op_permute_bwd, "n5s3c4");
    on_devices(draw);
    on_devices(index_draw);
    return tap_done();
}
