/* Convolution for devices of type CPU in register tiles (tile_cpu.h); the numbers that describe a forward
 * pass or a residue of backward-data are those of conv2d.cl. No matrix of patches is stored: a tile's MR
 * pixels are MR pointers that are set anew for each tap; a tap that falls into the padding points to zeros.
 * Length: conv2d_cpu_wei is one loop nest around one register tile; cut up, its accumulators would spill. */
#include "shared.h"
#include "tile_cpu.h"

/* The operands of CPU_WALK. */
#define CHANNEL(i, l)  row[i][l]
#define PATCH(i, l)    patch[i][l]
#define PIXEL(i, l)    row[i][(l) * row_step]
#define PANEL(l, h)    VLOAD(panel + (l) * NR + (h) * VW)
#define GATHERED(l, h) VLOAD(panel[l] + (h) * VW)

/* dst = panels [cols/NR][taps_a * taps_b * in_c][NR] of the weights, then in_c zeros. Dimension 0: taps; 1:
 * panels. */
__kernel void conv2d_pack_wei(
    __global const float *restrict wei,
    __global float *restrict dst,
    const int in_c,
    const int taps_a,
    const int taps_b,
    const int w_0,
    const int w_a,
    const int w_b,
    const int w_c,
    const int w_j,
    const int cols)
{
    const int tap = get_global_id(0), j0 = (int)get_global_id(1) * NR, k = taps_a * taps_b * in_c;
    const int panels = (cols + NR - 1) / NR, have = min(NR, cols - j0);
    if (tap == 0 && j0 == 0)
        for (int ci = 0; ci < in_c; ci++)
            dst[(size_t)panels * k * NR + ci] = 0.0f;
    if (tap >= taps_a * taps_b)
        return;
    __global const float *from = wei + w_0 + tap / taps_b * w_a + tap % taps_b * w_b;
    __global float *to = dst + (size_t)j0 * k + (size_t)tap * in_c * NR;
    if (w_j == 1) {
        for (int ci = 0; ci < in_c; ci++) {
            for (int j = 0; j < have; j++)
                to[ci * NR + j] = from[(size_t)ci * w_c + j0 + j];
            for (int j = have; j < NR; j++)
                to[ci * NR + j] = 0.0f;
        }
        return;
    }
    for (int j = 0; j < NR; j++)
        for (int ci = 0; ci < in_c; ci++)
            to[ci * NR + j] = j < have ? from[(size_t)ci * w_c + (size_t)(j0 + j) * w_j] : 0.0f;
}

static void conv2d_store(const vec acc[2], __global float *dst, __global const float *bia, const int have,
                         const int has_bias)
{
    if (have == NR) {
        VSTORE(has_bias ? acc[0] + VLOAD(bia) : acc[0], dst);
        VSTORE(has_bias ? acc[1] + VLOAD(bia + VW) : acc[1], dst + VW);
        return;
    }
    float t[NR];
    VSTORE(acc[0], t);
    VSTORE(acc[1], t + VW);
    for (int j = 0; j < have; j++)
        dst[j] = has_bias ? t[j] + bia[j] : t[j];
}

static void conv2d_load(vec acc[2], __global const float *dst, const int have)
{
    if (have == NR) {
        acc[0] = VLOAD(dst);
        acc[1] = VLOAD(dst + VW);
        return;
    }
    float t[NR];
    for (int j = 0; j < NR; j++)
        t[j] = j < have ? dst[j] : 0.0f;
    acc[0] = VLOAD(t);
    acc[1] = VLOAD(t + VW);
}

/* One work-item per tile of tile_m output pixels (dimension 0) and panel of columns (dimension 1). wei: as
 * conv2d_pack_wei leaves it. stat (forward): part [tiles, 2, cols] = statistics of each tile's columns. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_cpu(
    __global const float *restrict src,
    __global const float *restrict wei,
    __global const float *restrict bia,
    __global float *restrict dst,
    const int images,
    const int out_h,
    const int out_w,
    const int in_h,
    const int in_w,
    const int in_c,
    const int taps_a,
    const int taps_b,
    const int step,
    const int base_y,
    const int base_x,
    const int dir,
    const int dst_0,
    const int dst_n,
    const int dst_t,
    const int dst_u,
    const int cols,
    const int tile_m,
    const int has_bias,
    __global float *restrict part,
    const int stat)
{
    const int m = images * out_h * out_w, taps = taps_a * taps_b, k = taps * in_c, block = max(1, KC / in_c);
    const int i_begin = (int)get_global_id(0) * tile_m, i_end = min(m, i_begin + tile_m);
    const int j0 = (int)get_global_id(1) * NR, have = min(NR, cols - j0);
    __global const float *zeros = wei + (size_t)((cols + NR - 1) / NR) * k * NR;
    /* As many taps at a time as leave their weights in the first-level cache; dst holds the sums between. A residue of
     * backward-data may have no tap at all: zeros. */
    for (int t0 = 0; t0 == 0 || t0 < taps; t0 += block) {
        const int t1 = min(taps, t0 + block);
        int u = i_begin % out_w, v = i_begin / out_w % out_h, image = i_begin / out_w / out_h;
        for (int i0 = i_begin; i0 < i_end; i0 += MR) {
            __global const float *panel = wei + (size_t)j0 * k + (size_t)t0 * in_c * NR;
            int row_y[MR], row_x[MR], row_at[MR], row_dst[MR];
            vec acc[MR][2];
            cpu_clear(acc);
#pragma unroll
            for (int i = 0; i < MR; i++) {
                row_y[i] = v * step + base_y;
                row_x[i] = u * step + base_x;
                row_at[i] = image * in_h * in_w;
                row_dst[i] = dst_0 + image * dst_n + v * dst_t + u * dst_u + j0;
                if (t0)
                    conv2d_load(acc[i], dst + row_dst[i], have);
                if (i0 + i + 1 < i_end && ++u == out_w) { /* past the end, the last pixel is computed again */
                    u = 0;
                    if (++v == out_h) {
                        v = 0;
                        image++;
                    }
                }
            }
            for (int t = t0, a = t0 / taps_b, b = t0 % taps_b; t < t1; t++) {
                __global const float *row[MR];
#pragma unroll
                for (int i = 0; i < MR; i++) {
                    const int y = row_y[i] + a * dir, x = row_x[i] + b * dir;
                    const bool inside = (uint)y < (uint)in_h && (uint)x < (uint)in_w;
                    row[i] = inside ? src + (size_t)(row_at[i] + y * in_w + x) * in_c : zeros;
                }
                CPU_WALK(acc, in_c, CHANNEL, PANEL)
                panel += (size_t)in_c * NR;
                if (++b == taps_b) {
                    b = 0;
                    a++;
                }
            }
#pragma unroll
            for (int i = 0; i < MR; i++)
                if (i0 + i < i_end)
                    conv2d_store(acc[i], dst + row_dst[i], bia + j0, have, has_bias && t1 == taps);
            if (stat && t1 == taps)
                cpu_stat(dst + (size_t)i0 * cols + j0, cols, min(MR, i_end - i0), i0 - i_begin,
                         part + (i_begin / tile_m) * 2 * cols + j0, cols, have);
        }
    }
}

/* Floats of input that are gathered at once: some rows of pixels, or a piece of one. */
#define STRIP 2048

/* Where patches lie: h x w pixels of c channels, kernel rows of `run` = k c neighbours. */
struct patches {
    __global const float *src;
    int h, w, c, run, ahead; /* ahead: floats to the same column of a pixel that comes some pixels later */
};

/* Which elements of a kernel row lie in the image: from .x up to .y. y: the image's row; left: the first pixel. */
static int2 patch_inside(const struct patches *p, const int y, const int left)
{
    if ((uint)y >= (uint)p->h)
        return (int2)(0, 0);
    return (int2)(clamp(-left * p->c, 0, p->run), clamp((p->w - left) * p->c, 0, p->run));
}

/* Adds a patch to the image where it lies. */
static void patch_scatter(const struct patches *p, __global float *image, const int k, const int top, const int left,
                          const float *from)
{
    for (int r = 0; r < k; r++, from += p->run) {
        const int2 inside = patch_inside(p, top + r, left);
        __global float *to = image + ((long)(top + r) * p->w + left) * p->c;
        int t = inside.x;
        for (; t + 4 <= inside.y; t += 4)
            vstore4(vload4(0, to + t) + vload4(0, from + t), 0, to + t);
        for (; t < inside.y; t++)
            to[t] += from[t];
    }
}

/* What `down` rows of `across` output pixels read, the first of which has its corner at (top, left) of an image, with
 * zeros for padding; behind it a vector of zeros, since patch_copy takes too much. */
static void strip_gather(struct patches p, const int k, const int stride, const int across, const int down, const int image,
                         const int top, const int left, float strip[STRIP + VW])
{
    float *to = strip;
    p.run = ((across - 1) * stride + k) * p.c;
    for (int r = 0; r < (down - 1) * stride + k; r++, to += p.run) {
        const int2 inside = patch_inside(&p, top + r, left);
        __global const float *from = p.src + (((long)image * p.h + top + r) * p.w + left) * p.c;
        for (int t = 0; t < p.run && inside.y - inside.x < p.run; t++)
            to[t] = 0.0f;
        int t = inside.x;
        for (; t + 4 <= inside.y; t += 4)
            vstore4(vload4(0, from + t), 0, to + t);
        for (; t < inside.y; t++)
            to[t] = from[t];
    }
    VSTORE((vec)(0.0f), to);
}

/* One pixel's patch of k rows of `run` floats from a strip whose rows lie `pitch` apart; up to VW - 1 floats more. */
static void patch_copy(const float *strip, const int pitch, const int k, const int run, float *to)
{
    for (int r = 0; r < k; r++, strip += pitch, to += run)
        for (int t = 0; t < run; t += VW)
            VSTORE(VLOAD(strip + t), to + t);
}

/* A forward pass with few channels, k k c <= KC: a tap is then no more than a few steps. What some rows of pixels read is
 * gathered first, then the patches of MR of them, which all columns use. One work-item per tile of tile_m pixels. wei: as
 * conv2d_pack_wei leaves it. stat: as in conv2d_cpu. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_cpu_few(
    __global const float *restrict src,
    __global const float *restrict wei,
    __global const float *restrict bia,
    __global float *restrict dst,
    const int n,
    const int h,
    const int w,
    const int c,
    const int o,
    const int k,
    const int stride,
    const int pad,
    const int tile_m,
    const int has_bias,
    __global float *restrict part,
    const int stat)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, pixels = n * p * q;
    const int i_begin = (int)get_global_id(0) * tile_m, i_end = min(pixels, i_begin + tile_m), run = k * c;
    const struct patches patches = { src, h, w, c, run, 0 };
    float strip[STRIP + VW], patch[MR][KC + VW];
    for (int i_at = i_begin, some; i_at < i_end; i_at += some) {
        const int x = i_at % q, y = i_at / q % p, image = i_at / q / p;
        /* As many pixels of a row as fit; if all do, as many rows. */
        const int across = min(min(q - x, i_end - i_at), (STRIP / run - k) / stride + 1);
        const int pitch = ((across - 1) * stride + k) * c;
        const int down = across < q ? 1 : min(min(p - y, (i_end - i_at) / q), (STRIP / pitch - k) / stride + 1);
        strip_gather(patches, k, stride, across, down, image, y * stride - pad, x * stride - pad, strip);
        some = across * down;
        for (int i0 = 0, u = 0, v = 0; i0 < some; i0 += MR) {
            const int i_first = i_at + i0, rows = min(MR, some - i0);
            for (int i = 0; i < MR; i++) {
                patch_copy(strip + v * stride * pitch + u * stride * c, pitch, k, run, patch[i]);
                if (i0 + i + 1 < some && ++u == across) { /* past the end, the last pixel is computed again */
                    u = 0;
                    v++;
                }
            }
            for (int j0 = 0; j0 < o; j0 += NR) {
                __global const float *panel = wei + (size_t)j0 * k * run;
                __global float *to = dst + (size_t)i_first * o + j0;
                vec acc[MR][2];
                cpu_clear(acc);
#pragma unroll
                for (int i = 0; i < MR; i++)
                    FETCH(to + (size_t)(MR + i) * o, 1); /* of the pixels after these */
                CPU_WALK(acc, k * run, PATCH, PANEL)
                if (rows == MR && j0 + NR <= o && !has_bias) {
                    cpu_store(acc, to, o);
                    continue;
                }
#pragma unroll
                for (int i = 0; i < MR; i++)
                    if (i < rows)
                        conv2d_store(acc[i], to + (size_t)i * o, bia + j0, min(NR, o - j0), has_bias);
            }
            if (stat)
                cpu_stat(dst + (size_t)i_first * o, o, rows, i_first - i_begin, part + (i_begin / tile_m) * 2 * o, o, o);
        }
    }
}

/* Backward-data of the same: in the way of conv2d_cpu, most columns of a panel would be none. The gradients of MR pixels'
 * patches are products of ddst and the weights, added to the image where the patches lie. One work-item per image. wei:
 * panels [k k c / NR][o][NR], as gemm_pack leaves them. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_cpu_few_data(
    __global const float *restrict ddst,
    __global const float *restrict wei,
    __global float *restrict dsrc,
    const int n,
    const int h,
    const int w,
    const int c,
    const int o,
    const int k,
    const int stride,
    const int pad)
{
    const int image = get_global_id(0), p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1;
    const struct patches patches = { dsrc, h, w, c, k * c, 0 };
    __global const float *up = ddst + (long)image * p * q * o;
    __global float *to = dsrc + (long)image * h * w * c;
    float patch[MR][KC];
    if (image >= n)
        return;
    for (int i = 0; i < h * w * c; i++)
        to[i] = 0.0f;
    for (int i0 = 0; i0 < p * q; i0 += MR) {
        __global const float *row[MR];
#pragma unroll
        for (int i = 0; i < MR; i++)
            row[i] = up + (long)min(i0 + i, p * q - 1) * o;
        for (int j0 = 0; j0 < k * k * c; j0 += NR) {
            __global const float *panel = wei + (size_t)j0 * o;
            vec acc[MR][2];
            cpu_clear(acc);
            CPU_WALK(acc, o, CHANNEL, PANEL)
#pragma unroll
            for (int i = 0; i < MR; i++) {
                VSTORE(acc[i][0], patch[i] + j0);
                VSTORE(acc[i][1], patch[i] + j0 + VW);
            }
        }
        for (int i = 0; i < MR && i0 + i < p * q; i++)
            patch_scatter(&patches, to, k, (i0 + i) / q * stride - pad, (i0 + i) % q * stride - pad, patch[i]);
    }
}

/* Columns j0..j0+have-1 of one pixel's patch, whose corner is (top, left) of an image, into row l of a lot: runs of
 * neighbouring elements, one for each kernel row, with zeros for what is padding. */
static void wei_gather(const struct patches *p, const int image, const int top, const int left, const int j0,
                       const int have, float lot[PANELS][KC + 1][NR], const int l)
{
    for (int j = 0, r = j0 / p->run, in = j0 % p->run; j < have; r++, in = 0) {
        const int length = min(p->run - in, have - j), along = left * p->c + in, width = p->w * p->c;
        const bool row = (uint)(top + r) < (uint)p->h;
        __global const float *from = p->src + ((long)image * p->h + top + r) * width + along;
        int t = 0;
        if (row && along >= 0 && along + length <= width && j % 4 == 0) {
            for (; t + NR <= length && (j + t) % NR == 0; t += NR) {
                FETCH(from + t + p->ahead, 0);
                VSTORE(VLOAD(from + t), lot[(j + t) / NR][l]);
                VSTORE(VLOAD(from + t + VW), lot[(j + t) / NR][l] + VW);
            }
            for (; t + 4 <= length; t += 4)
                vstore4(vload4(0, from + t), 0, &lot[(j + t) / NR][l][(j + t) % NR]);
        }
        for (; t < length; t++)
            lot[(j + t) / NR][l][(j + t) % NR] = row && (uint)(along + t) < (uint)width ? from[t] : 0.0f;
        j += length;
    }
}

/* Whole patches, which are one lot: of `depth` pixels from l0 on. Their rows of ddst are asked for. */
static void lot_gather(struct patches p, const int k, const int stride, const int pad, const int out_h, const int out_w,
                       const int l0, const int depth, __global const float *ddst, const int o,
                       float lot[PANELS][KC + 1][NR])
{
    const int run = k * p.c;
    float strip[STRIP + VW], patch[SPAN + VW] = { 0.0f };
    for (int l = 0, across; l < depth; l += across) {
        const int x = (l0 + l) % out_w, y = (l0 + l) / out_w % out_h, image = (l0 + l) / out_w / out_h;
        across = min(min(out_w - x, depth - l), (STRIP / run - k) / stride + 1);
        strip_gather(p, k, stride, across, 1, image, y * stride - pad, x * stride - pad, strip);
        for (int i = 0; i < across; i++) {
            for (int j = 0; j < o; j += 16)
                FETCH(ddst + (size_t)(l0 + l + i) * o + j, 0);
            patch_copy(strip + i * stride * p.c, ((across - 1) * stride + k) * p.c, k, run, patch);
            for (int j = 0; j < k * run; j += NR) {
                VSTORE(VLOAD(patch + j), lot[j / NR][l + i]);
                VSTORE(VLOAD(patch + j + VW), lot[j / NR][l + i] + VW);
            }
        }
    }
}

/* part[slice][o][r,s,c] = the weight gradient from the pixels of one slice (dimension 1); one work-item per SPAN columns
 * r,s,c (dimension 0). ddst: as gemm_pack leaves it, or, not packed, as it lies [pixels, o]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_cpu_wei(
    __global const float *restrict src,
    __global const float *restrict ddst,
    __global float *restrict part,
    const int n,
    const int h,
    const int w,
    const int c,
    const int o,
    const int k,
    const int stride,
    const int pad,
    const int slice_pixels,
    const int packed)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, pixels = n * p * q;
    const int j0 = (int)get_global_id(0) * SPAN, cols = k * k * c, span = min(SPAN, cols - j0), o_up = (o + MR - 1) / MR * MR;
    const int slice = get_global_id(1), begin = slice * slice_pixels, end = min(pixels, begin + slice_pixels);
    const int row_step = packed ? MR : o;
    const struct patches patches = { src, h, w, c, k * c, 6 * stride * c };
    __global float *out = part + (size_t)slice * o * cols + j0;
    float lot[PANELS][KC + 1][NR] __attribute__((aligned(64)));
    for (int j = span; j < (span + NR - 1) / NR * NR; j++)
        for (int l = 0; l < KC; l++)
            lot[j / NR][l][j % NR] = 0.0f;
    const int deep = packed ? KC : KC / 4; /* so much of ddst as it lies stays in the first-level cache */
    for (int l0 = begin; l0 < end; l0 += deep) {
        const int depth = min(deep, end - l0);
        int x = l0 % q, y = l0 / q % p, image = l0 / q / p;
        if (!packed)
            lot_gather(patches, k, stride, pad, p, q, l0, depth, ddst, o, lot);
        for (int l = 0; l < depth && packed; l++) {
            wei_gather(&patches, image, y * stride - pad, x * stride - pad, j0, span, lot, l);
            if (++x == q) {
                x = 0;
                if (++y == p) {
                    y = 0;
                    image++;
                }
            }
        }
        for (int j = 0; j < span; j += NR)
            for (int i0 = 0; i0 < o; i0 += MR) {
                __global const float *row[MR];
                __global float *to = out + (size_t)i0 * cols + j;
                const bool whole = i0 + MR <= o && j + NR <= span, first = l0 == begin;
                const float(*panel)[NR] = lot[j / NR];
                vec acc[MR][2];
                cpu_clear(acc);
                if (whole && !first)
                    cpu_load(acc, to, cols);
#pragma unroll
                for (int i = 0; i < MR; i++)
                    row[i] = packed ? ddst + (size_t)l0 * o_up + (size_t)i0 * min(KC, pixels - l0) + i
                                    : ddst + (size_t)l0 * o + min(i0 + i, o - 1);
                CPU_WALK(acc, depth, PIXEL, GATHERED)
                if (whole) {
                    cpu_store(acc, to, cols);
                    continue;
                }
#pragma unroll
                for (int i = 0; i < MR; i++)
                    if (i0 + i < o) /* what the earlier blocks left is added the way a bias is */
                        conv2d_store(acc[i], to + (size_t)i * cols, to + (size_t)i * cols, min(NR, span - j), !first);
            }
    }
}
