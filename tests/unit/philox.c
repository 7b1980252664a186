/* Philox4x32-10 against the known-answer vectors of Salmon et al. (Random123's kat_vectors), and what is built on it.
 */
#include "base/philox.h"

#include <string.h>

#include "tap.h"

static void known_answers(void)
{
    static const struct {
        uint32_t ctr[4], key[2], want[4];
    } kat[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t out[4];
        imx_philox(kat[i].key, kat[i].ctr, out);
        tap_ok(!memcmp(out, kat[i].want, sizeof out), "known answer %zu: %08x %08x %08x %08x", i, out[0], out[1],
               out[2], out[3]);
        memcpy(out, kat[i].ctr, sizeof out);
        imx_philox(kat[i].key, out, out);
        tap_ok(!memcmp(out, kat[i].want, sizeof out), "known answer %zu in place", i);
    }
    uint32_t out[4];
    imx_random4(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e), 0x85a308d3, 0x243f6a88, out);
    tap_ok(!memcmp(out, kat[2].want, sizeof out), "seed is the key; the counter is index, stream, step low, step high");
}

static void units(void)
{
    tap_ok(imx_unit(0) == 0.0f && imx_unit(0xffffffffu) == 1.0f - 1.0f / 16777216.0f && imx_unit(0x80000000u) == 0.5f,
           "units lie in [0,1) and are exact");
}

static void below(void)
{
    int seen[7] = { 0 }, outside = 0;
    uint32_t draw = 0;
    for (int i = 0; i < 7000; i++) {
        const uint32_t x = imx_random_below(3, 1, IMX_STREAM_TEST, &draw, 7);
        if (x < 7)
            seen[x]++;
        else
            outside++;
    }
    int worst = 0;
    for (int i = 0; i < 7; i++) {
        const int off = seen[i] > 1000 ? seen[i] - 1000 : 1000 - seen[i];
        worst = off > worst ? off : worst;
    }
    tap_ok(!outside && worst < 150, "7000 draws below 7: each about 1000 times, worst off by %d", worst);
    draw = 0;
    tap_ok(imx_random_below(3, 1, IMX_STREAM_TEST, &draw, 1) == 0, "below 1 is 0");
}

static void permutation(void)
{
    enum { N = 1000 };
    uint32_t a[N], b[N], c[N];
    int count[N] = { 0 }, wrong = 0;
    imx_permute(5, 2, IMX_STREAM_ORDER, a, N);
    imx_permute(5, 2, IMX_STREAM_ORDER, b, N);
    imx_permute(5, 3, IMX_STREAM_ORDER, c, N);
    for (int i = 0; i < N; i++)
        if (a[i] < N)
            count[a[i]]++;
    for (int i = 0; i < N; i++)
        wrong += count[i] != 1;
    tap_ok(!wrong, "a permutation has every number once");
    tap_ok(!memcmp(a, b, sizeof a), "the same seed, step and stream give the same permutation");
    tap_ok(memcmp(a, c, sizeof a) != 0, "another step gives another one");
}

int main(void)
{
    known_answers();
    units();
    below();
    permutation();
    return tap_done();
}
