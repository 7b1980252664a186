/* The entry points of one device: allocation, transfers, copies, fills, pieces, limits, launches. The device is
 * the one named by IMX_TEST_DEVICE, "auto" without it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"
#include "imx_kernels.h"
#include "tap.h"

enum { N = 1024, BYTES = 4 * N };

static bool good(imx_status s)
{
    if (s != IMX_OK)
        printf("# %s: %s\n", imx_status_name(s), imx_error_text());
    return s == IMX_OK;
}

static struct imx_mem whole(struct imx_buf *buf, uint64_t bytes)
{
    return (struct imx_mem){ buf, 0, bytes };
}

static struct imx_mem piece(struct imx_buf *buf, uint64_t off, uint64_t bytes)
{
    return (struct imx_mem){ buf, off, bytes };
}

static void transfers(struct imx_dev *dev)
{
    uint32_t in[N], out[N];
    struct imx_buf *a = NULL, *b = NULL;
    for (int i = 0; i < N; i++)
        in[i] = 0x9E3779B9u * (uint32_t)(i + 1);
    if (!tap_ok(good(dev->vt->alloc(dev, BYTES, &a)) && good(dev->vt->alloc(dev, BYTES, &b)), "two allocations"))
        return;
    tap_ok(dev->count.bytes_now == 2 * BYTES && dev->count.allocs == 2, "they are counted");
    memset(out, 0, sizeof out);
    uint32_t src[N];
    memcpy(src, in, sizeof src);
    bool ok = good(dev->vt->upload(dev, whole(a, BYTES), src, BYTES));
    memset(src, 0, sizeof src); /* the source may be reused on return */
    ok = ok && good(dev->vt->download(dev, out, whole(a, BYTES), BYTES));
    tap_ok(ok && !memcmp(in, out, BYTES), "upload and download give the same bytes");
    ok = good(dev->vt->fill(dev, whole(b, BYTES), 0xABCD1234u)) &&
         good(dev->vt->copy(dev, piece(b, 400, 100), piece(a, 12, 100), 100)) &&
         good(dev->vt->download(dev, out, whole(b, BYTES), BYTES));
    bool same = ok;
    for (int i = 0; i < N; i++)
        same = same && out[i] == (i >= 100 && i < 125 ? in[i - 97] : 0xABCD1234u);
    tap_ok(same, "fill, then copy at odd offsets");
    ok = good(dev->vt->fill(dev, piece(b, 8, 4), 0)) && good(dev->vt->download(dev, out, piece(b, 4, 12), 12));
    tap_ok(ok && out[0] == 0xABCD1234u && out[1] == 0 && out[2] == 0xABCD1234u, "fill of one word touches one word");
    tap_ok(good(dev->vt->upload(dev, whole(a, BYTES), in, 0)) && good(dev->vt->fill(dev, whole(NULL, 0), 1)),
           "nothing to move is no fault");
    tap_ok(good(dev->vt->sync(dev)), "sync");
    dev->vt->free(dev, a);
    dev->vt->free(dev, b);
    dev->vt->free(dev, NULL);
    tap_ok(dev->count.bytes_now == 0 && dev->count.bytes_peak == 2 * BYTES, "all memory is back, the peak is known");
}

/* What the host writes into mapped memory is there for what is queued behind the unmapping, time and again. */
static void maps(struct imx_dev *dev)
{
    enum { ROUNDS = 5 };
    struct imx_buf *a[2] = { NULL, NULL }, *b = NULL;
    uint32_t out[ROUNDS][N];
    bool ok = good(dev->vt->alloc(dev, BYTES, &a[0])) && good(dev->vt->alloc(dev, BYTES, &a[1])) &&
              good(dev->vt->alloc(dev, BYTES, &b));
    for (int r = 0; r < ROUNDS && ok; r++) {
        void *at = NULL;
        ok = (r % 2 || good(dev->vt->sync(dev))) && good(dev->vt->map(dev, whole(a[r % 2], BYTES), &at)) && at;
        for (uint32_t i = 0; ok && i < N; i++)
            memcpy((char *)at + 4 * i, &(uint32_t){ i * 977u + (uint32_t)r }, 4);
        ok = ok && good(dev->vt->unmap(dev, whole(a[r % 2], BYTES), at)) &&
             good(dev->vt->copy(dev, whole(b, BYTES), whole(a[r % 2], BYTES), BYTES)) &&
             good(dev->vt->fetch(dev, out[r], whole(b, BYTES), BYTES));
    }
    ok = ok && good(dev->vt->sync(dev));
    for (uint32_t i = 0; ok && i < ROUNDS * N; i++)
        ok = out[i / N][i % N] == i % N * 977u + i / N;
    tap_ok(ok, "mapped memory is seen by what is queued behind its unmapping");
    for (int i = 0; i < 2; i++)
        dev->vt->free(dev, a[i]);
    dev->vt->free(dev, b);
}

/* What only an OpenCL device checks. */
static void faults(struct imx_dev *dev)
{
    struct imx_buf *a = NULL;
    uint32_t word = 0;
    tap_ok(dev->vt->alloc(dev, dev->caps.max_alloc_bytes + 1, &a) == IMX_E_NOMEM &&
               strstr(imx_error_text(), "smaller batch"),
           "too large an allocation: %s", imx_error_text());
    if (!good(dev->vt->alloc(dev, BYTES, &a)))
        return;
    tap_ok(dev->vt->upload(dev, piece(a, BYTES - 3, 4), &word, 4) == IMX_E_ARG, "upload past the end");
    tap_ok(dev->vt->download(dev, &word, piece(a, BYTES, 4), 4) == IMX_E_ARG, "download past the end");
    void *at = NULL;
    tap_ok(dev->vt->map(dev, piece(a, BYTES - 3, 4), &at) == IMX_E_ARG, "mapping past the end");
    tap_ok(dev->vt->copy(dev, piece(a, 0, 64), piece(a, 32, 64), 64) == IMX_E_ARG, "overlapping copy");
    tap_ok(dev->vt->fill(dev, piece(a, 2, 8), 0) == IMX_E_ARG, "fill at an odd offset");
    dev->vt->free(dev, a);
}

/* 1x1 average pooling copies src to dst: the simplest kernel there is. */
static imx_status copy_by_kernel(struct imx_dev *dev, struct imx_mem src, struct imx_mem dst, int n, size_t global,
                                 size_t local, const char *options)
{
    const struct imx_launch launch = { { global, 1, 1 }, { local, local ? 1 : 0, local ? 1 : 0 }, options };
    return imx_run_pool2d_avg_fwd(
        dev, launch,
        &(struct imx_k_pool2d_avg_fwd){
            .src = src, .dst = dst, .h = 1, .w = n, .c = 1, .k = 1, .stride = 1, .pad = 0, .whole = 0 });
}

static void launches(struct imx_dev *dev)
{
    const uint64_t align = dev->caps.align_bytes, bytes = 64 * 4;
    float in[N], out[N];
    struct imx_buf *a = NULL, *b = NULL;
    for (int i = 0; i < N; i++)
        in[i] = (float)(i + 1);
    if (!good(dev->vt->alloc(dev, BYTES, &a)) || !good(dev->vt->alloc(dev, BYTES, &b)))
        return;
    bool ok = good(dev->vt->upload(dev, whole(a, BYTES), in, BYTES)) &&
              good(copy_by_kernel(dev, whole(a, BYTES), whole(b, BYTES), N, N, 16, NULL)) &&
              good(dev->vt->download(dev, out, whole(b, BYTES), BYTES));
    tap_ok(ok && !memcmp(in, out, BYTES), "a kernel on whole allocations");
    ok = good(dev->vt->fill(dev, whole(b, BYTES), 0)) &&
         good(copy_by_kernel(dev, piece(a, align, bytes), piece(b, 3 * align, bytes), 64, 64, 0, "-DUNUSED=1")) &&
         good(dev->vt->download(dev, out, whole(b, BYTES), BYTES));
    bool same = ok;
    for (uint64_t i = 0; i < N; i++)
        same = same && (i >= 3 * align / 4 && i < 3 * align / 4 + 64 ? out[i] == in[i - align / 2] : !(out[i] != 0.0f));
    tap_ok(same, "a kernel on pieces at multiples of %llu bytes", (unsigned long long)align);
    const uint64_t allocs = dev->count.allocs, programs = dev->count.programs, launched = dev->count.launches;
    ok = good(copy_by_kernel(dev, piece(a, align, bytes), piece(b, 3 * align, bytes), 64, 64, 0, "-DUNUSED=1"));
    tap_ok(ok && dev->count.allocs == allocs && dev->count.programs == programs && dev->count.launches > launched,
           "the same launch again creates nothing");
    tap_ok(copy_by_kernel(dev, piece(a, 4, bytes), whole(b, BYTES), 64, 64, 0, NULL) == IMX_E_ARG &&
               strstr(imx_error_text(), "argument src"),
           "a piece that is not aligned: %s", imx_error_text());
    tap_ok(copy_by_kernel(dev, piece(a, align, BYTES), whole(b, BYTES), 64, 64, 0, NULL) == IMX_E_ARG,
           "a piece that reaches past the end: %s", imx_error_text());
    const size_t group = (size_t)dev->caps.max_group + 1;
    tap_ok(copy_by_kernel(dev, whole(a, BYTES), whole(b, BYTES), N, group, group, NULL) == IMX_E_UNSUPPORTED,
           "too large a work-group: %s", imx_error_text());
    tap_ok(copy_by_kernel(dev, whole(a, BYTES), whole(b, BYTES), N, 65, 64, NULL) == IMX_E_ARG,
           "a ragged global size: %s", imx_error_text());
    tap_ok(good(copy_by_kernel(dev, whole(a, BYTES), whole(b, BYTES), 0, 0, 64, NULL)), "an empty launch is skipped");
    tap_ok(copy_by_kernel(dev, whole(a, BYTES), whole(b, BYTES), N, N, 16, "-DIMX_CL_SHARED_H=1 -Dpool2d_avg_fwd=x+") ==
                   IMX_E_BUILD &&
               strstr(imx_error_text(), "pool2d"),
           "a kernel that does not compile is E_BUILD");
    const uint32_t limit = dev->vt->group_limit(dev, &imx_kernel_pool2d_avg_fwd, NULL);
    tap_ok(limit > 0 && limit <= dev->caps.max_group, "the built kernel takes groups of %u", limit);
    tap_ok(good(dev->vt->sync(dev)), "sync after all that");
    dev->vt->free(dev, a);
    dev->vt->free(dev, b);
}

/* CLBlast on pieces at offsets that no sub-buffer could have. */
static void blas(struct imx_dev *dev)
{
    enum { M = 3, NN = 5, K = 4 };
    float a[M * K], b[K * NN], out[M * NN];
    struct imx_buf *buf = NULL;
    if (!imx_dev_has_blas(dev)) {
        tap_skip("CLBlast", "this build or device has none");
        return;
    }
    for (int i = 0; i < M * K; i++)
        a[i] = (float)(i % 7 - 3);
    for (int i = 0; i < K * NN; i++)
        b[i] = (float)(i % 5 - 2);
    if (!good(dev->vt->alloc(dev, BYTES, &buf)))
        return;
    const struct imx_mem ma = piece(buf, 12, sizeof a), mb = piece(buf, 132, sizeof b),
                         mc = piece(buf, 1000, sizeof out);
    const bool ok = good(dev->vt->upload(dev, ma, a, sizeof a)) && good(dev->vt->upload(dev, mb, b, sizeof b)) &&
                    good(imx_dev_blas_gemm(dev, false, false, M, NN, K, ma, mb, mc)) &&
                    good(dev->vt->download(dev, out, mc, sizeof out));
    bool same = ok;
    for (int i = 0; i < M; i++)
        for (int j = 0; j < NN; j++) {
            float sum = 0.0f;
            for (int k = 0; k < K; k++)
                sum += a[i * K + k] * b[k * NN + j];
            same = same && out[i * NN + j] == sum;
        }
    tap_ok(same, "CLBlast multiplies integers exactly");
    dev->vt->free(dev, buf);
}

static void peak(struct imx_dev *dev)
{
    double gflops = 0.0, gbps = 0.0;
    const bool ok = good(imx_dev_peak(dev, &gflops, &gbps));
    tap_ok(ok && gflops > 0.0 && gflops < 1e6 && gbps > 0.0 && gbps < 1e5, "peak: %.1f GFLOP/s, %.1f GB/s", gflops,
           gbps);
    const uint64_t before = dev->count.bytes_now;
    struct imx_meter meter;
    double again[2] = { 0.0, 0.0 };
    const bool read = good(imx_meter_open(dev, &meter)) && good(imx_meter_read(&meter, &again[0])) &&
                      good(imx_meter_read(&meter, &again[1]));
    tap_ok(read && again[0] > 0.0 && again[1] > 0.0 && again[0] < 1e6 && again[1] < 1e6,
           "the meter reads %.1f and %.1f GFLOP/s", again[0], again[1]);
    imx_meter_close(&meter);
    tap_ok(dev->count.bytes_now == before, "and gives its memory back");
}

/* A launch over four rows of groups under a budget that lets no two of them run together: every piece must know
 * which row it is, while the cost is being learned and after. */
static void cut_rows(void)
{
    enum { COLS = 64, ROWS = 4 };
    struct imx_dev *dev = NULL;
    struct imx_buf *a = NULL, *b = NULL;
    float src[COLS], dst[ROWS * COLS];
    setenv("IMX_LAUNCH_MS", "0.000001", 1);
    if (!tap_ok(good(imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL)),
                "the device opens with a tiny launch budget"))
        return;
    const uint64_t group = dev->caps.max_group < COLS ? 1 : COLS;
    for (int i = 0; i < COLS; i++)
        src[i] = (float)(i + 1);
    bool ok = good(dev->vt->alloc(dev, sizeof src, &a)) && good(dev->vt->alloc(dev, sizeof dst, &b)) &&
              good(dev->vt->upload(dev, whole(a, sizeof src), src, sizeof src));
    for (int round = 0; round < 2 && ok; round++) {
        const uint64_t before = dev->count.launches;
        ok = good(dev->vt->fill(dev, whole(b, sizeof dst), 0)) &&
             good(imx_run_broadcast_column(dev, (struct imx_launch){ { COLS, ROWS, 1 }, { group, 1, 1 }, NULL },
                                           &(struct imx_k_broadcast_column){ .src = whole(a, sizeof src),
                                                                             .dst = whole(b, sizeof dst),
                                                                             .rows = ROWS,
                                                                             .cols = COLS,
                                                                             .chunk = 1 })) &&
             good(dev->vt->download(dev, dst, whole(b, sizeof dst), sizeof dst));
        bool same = ok && dev->count.launches == before + ROWS;
        for (int i = 0; i < ROWS * COLS; i++)
            same = same && dst[i] == src[i % COLS];
        tap_ok(same, "%s pieces of one row each reach their own row", round ? "learned" : "measured");
    }
    dev->vt->free(dev, a);
    dev->vt->free(dev, b);
    imx_dev_close(dev);
}

int main(void)
{
    struct imx_dev *dev = NULL;
    const char *why = "";
    const imx_status s = imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, &why);
    if (!tap_ok(good(s), "the device opens"))
        return tap_done();
    printf("# %s: %s, %s (%s)\n", dev->caps.id, dev->caps.platform, dev->caps.name, why);
    transfers(dev);
    maps(dev);
    if (!imx_dev_is_host(dev)) {
        faults(dev);
        launches(dev);
        blas(dev);
        peak(dev);
        cut_rows();
    }
    imx_dev_close(dev);
    setenv("IMX_UNIFIED", "0", 1);
    dev = NULL;
    if (tap_ok(good(imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL)), "it opens as one with memory of its own"))
        maps(dev);
    imx_dev_close(dev);
    imx_dev_close(NULL);
    return tap_done();
}
