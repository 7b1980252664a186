/* safetensors: what is written comes back, hostile headers are refused with E_FORMAT, and thousands of random damages
 * never crash the reader (this program also runs under the sanitizers). */
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/philox.h"
#include "tap.h"

static const float weight[6] = { 1, -2, 3.5f, 0, 1e-30f, 5 };
static const int64_t step[1] = { 12345678901 };
static const uint8_t pixel[3] = { 1, 2, 255 };

static imx_status fill(void *user, size_t i, void *dst)
{
    (*(int *)user)++;
    memcpy(dst, i == 3 ? weight + 2 : weight, 4 * sizeof *weight);
    return IMX_OK;
}

static imx_status save(const char *path, int *filled)
{
    const struct imx_st_tensor t[] = {
        { "pixel", IMX_ST_U8, 1, { 3 }, pixel },        { "conv1.weight", IMX_ST_F32, 2, { 2, 3 }, weight },
        { "step \"now\"", IMX_ST_I64, 0, { 0 }, step }, { "streamed", IMX_ST_F32, 1, { 4 }, NULL },
        { "empty", IMX_ST_F32, 2, { 0, 7 }, NULL },
    };
    const struct imx_st_pair meta[] = { { "format", "pt" }, { "config", "a = \"b\"\n" } };
    return imx_safetensors_save(path, &(struct imx_st_save){ t, 5, meta, 2, fill, filled });
}

static void round_trip(const char *path)
{
    struct imx_safetensors *f = NULL;
    float back[6];
    int filled = 0;
    tap_ok(save(path, &filled) == IMX_OK && filled == 1, "a file is written, streamed tensors asked for once");
    if (!tap_ok(imx_safetensors_open(path, 0, &f) == IMX_OK, "it is read: %s", imx_error_text()))
        return;
    tap_ok(imx_safetensors_count(f) == 5, "with every tensor");
    tap_ok(imx_safetensors_copy(f, "conv1.weight", IMX_ST_F32, 6, back) == IMX_OK && !memcmp(back, weight, sizeof back),
           "floats come back");
    tap_ok(imx_safetensors_copy(f, "streamed", IMX_ST_F32, 4, back) == IMX_OK && !memcmp(back, weight + 2, 16),
           "streamed floats come back");
    const struct imx_st_tensor *t = imx_safetensors_find(f, "step \"now\"");
    tap_ok(t && t->rank == 0 && !memcmp(t->data, step, 8), "a scalar with quotes in its name comes back");
    t = imx_safetensors_find(f, "pixel");
    tap_ok(t && t->type == IMX_ST_U8 && !memcmp(t->data, pixel, 3), "bytes come back");
    tap_ok(!strcmp(imx_safetensors_meta(f, "config"), "a = \"b\"\n"), "metadata come back");
    tap_ok(imx_safetensors_copy(f, "pixel", IMX_ST_F32, 3, back) == IMX_E_FORMAT &&
               imx_safetensors_copy(f, "pixel", IMX_ST_U8, 4, back) == IMX_E_FORMAT &&
               imx_safetensors_copy(f, "pixels", IMX_ST_U8, 3, back) == IMX_E_FORMAT,
           "type, count and name are checked");
    for (size_t i = 0; i < imx_safetensors_count(f); i++)
        if (imx_st_bytes(imx_safetensors_at(f, i)))
            tap_ok((uintptr_t)imx_safetensors_at(f, i)->data % imx_st_type_size(imx_safetensors_at(f, i)->type) == 0,
                   "%s is aligned", imx_safetensors_at(f, i)->name);
    imx_safetensors_close(f);
}

/* What a file says of its data, with none of them read. */
static void hash(const char *path)
{
    struct imx_safetensors *f = NULL;
    char hex[65];
    tap_ok(imx_safetensors_hash(path, hex) == IMX_OK && strlen(hex) == 64 &&
               imx_safetensors_open(path, 0, &f) == IMX_OK && !strcmp(hex, imx_safetensors_meta(f, "sha256")),
           "the hash is that of the file's metadata");
    imx_safetensors_close(f);
    static const struct {
        const char *why, *text;
        size_t bytes;
        imx_status status;
    } list[] = { { "without one", "\2\0\0\0\0\0\0\0{}", 10, IMX_OK },
                 { "of another length", "\45\0\0\0\0\0\0\0{\"__metadata__\":{\"sha256\":\"0123456\"}}", 45, IMX_OK },
                 { "cut short", "\3\0\0\0\0\0\0\0{}", 10, IMX_E_FORMAT },
                 { "of four bytes", "\3\0\0\0", 4, IMX_E_FORMAT },
                 { "with an endless header", "\0\0\0\0\0\0\0\1{}", 10, IMX_E_FORMAT },
                 { "whose header is no JSON", "\2\0\0\0\0\0\0\0}{", 10, IMX_E_FORMAT } };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        imx_status s = imx_file_write(path, list[i].text, list[i].bytes);
        if (s == IMX_OK)
            s = imx_safetensors_hash(path, hex);
        tap_ok(s == list[i].status && !*hex, "no hash of a file %s: %s", list[i].why, imx_status_text(s));
    }
    tap_ok(imx_safetensors_hash("/nonexistent/x", hex) == IMX_E_IO && !*hex, "nor of one that is not there");
}

/* A file of this header and `data` bytes behind it. */
static imx_status parse(const char *header, size_t data)
{
    const uint64_t n = strlen(header);
    char *file = calloc(1, 8 + (size_t)n + data + 1);
    struct imx_safetensors *f = NULL;
    memcpy(file, &n, 8);
    memcpy(file + 8, header, (size_t)n);
    const imx_status s = imx_safetensors_parse(file, 8 + (size_t)n + data, "test", &f);
    imx_safetensors_close(f);
    free(file);
    return s;
}

#define T(dtype, shape, offsets) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void hostile(void)
{
    static const struct {
        const char *why, *header;
        size_t data;
    } list[] = {
        { "no object", "[]", 0 },
        { "no JSON", "{", 0 },
        { "a blank first", " {}", 0 },
        { "bytes behind the last tensor", "{\"a\":" T("F32", "[1]", "[0,4]") "}", 5 },
        { "data cut short", "{\"a\":" T("F32", "[2]", "[0,8]") "}", 7 },
        { "a hole", "{\"a\":" T("F32", "[1]", "[4,8]") "}", 8 },
        { "overlap", "{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F32", "[2]", "[4,12]") "}", 12 },
        { "the same bytes twice", "{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F32", "[2]", "[0,8]") "}", 8 },
        { "a key twice", "{\"a\":" T("F32", "[1]", "[0,4]") ",\"a\":" T("F32", "[1]", "[4,8]") "}", 8 },
        { "end before begin", "{\"a\":" T("F32", "[1]", "[4,0]") "}", 4 },
        { "negative offsets", "{\"a\":" T("F32", "[1]", "[-4,0]") "}", 4 },
        { "a negative size", "{\"a\":" T("F32", "[-1]", "[0,4]") "}", 4 },
        { "sizes that overflow", "{\"a\":" T("F32", "[4611686018427387904,4]", "[0,0]") "}", 0 },
        { "sizes that overflow before a zero",
          "{\"a\":" T("F32", "[4611686018427387904,4611686018427387904,0]", "[0,0]") "}", 0 },
        { "shape and bytes that differ", "{\"a\":" T("F32", "[2]", "[0,4]") "}", 4 },
        { "an unknown type", "{\"a\":" T("F31", "[1]", "[0,4]") "}", 4 },
        { "nine dimensions", "{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4 },
        { "a fraction as size", "{\"a\":" T("F32", "[1.0]", "[0,4]") "}", 4 },
        { "a list as entry", "{\"a\":[1]}", 4 },
        { "a further member", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1 },
        { "an empty name", "{\"\":" T("U8", "[1]", "[0,1]") "}", 1 },
        { "metadata that are no texts", "{\"__metadata__\":{\"a\":1}}", 0 },
        { "metadata that are no object", "{\"__metadata__\":\"a\"}", 0 },
        { "a wrong hash", "{\"__metadata__\":{\"sha256\":\"00\"},\"a\":" T("U8", "[1]", "[0,1]") "}", 1 },
        { "deep nesting", "{\"a\":[[[[[[[[[[]]]]]]]]]]}", 0 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        tap_ok(parse(list[i].header, list[i].data) == IMX_E_FORMAT, "refused: %s: %s", list[i].why, imx_error_text());
    tap_ok(parse("{}", 0) == IMX_OK && parse("{\"a\":" T("U8", "[1]", "[0,1]") "}   ", 1) == IMX_OK,
           "a plain file without a hash is accepted");
    struct imx_safetensors *f = NULL;
    const uint64_t huge[2] = { UINT64_MAX - 3, 0 };
    tap_ok(imx_safetensors_parse(huge, 16, "test", &f) == IMX_E_FORMAT, "refused: a header longer than the file");
    tap_ok(imx_safetensors_parse(huge, 7, "test", &f) == IMX_E_FORMAT, "refused: seven bytes");
}

/* Random damages of a good file: bytes changed, cut, doubled. None may crash; changed data must be noticed. */
static void damages(const char *path)
{
    enum { ROUNDS = 4000 };
    char *good = NULL;
    size_t n = 0;
    int refused = 0, accepted = 0;
    if (imx_file_read(path, 1 << 20, &good, &n) != IMX_OK) {
        tap_ok(false, "the file can be read back");
        return;
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t draw = 0;
        char *bad = malloc(n + 1);
        memcpy(bad, good, n);
        size_t size = n;
        const uint32_t flips = imx_random_below(1, round, IMX_STREAM_TEST, &draw, 4);
        for (uint32_t k = 0; k < flips + (round % 2); k++)
            bad[imx_random_below(1, round, IMX_STREAM_TEST, &draw, (uint32_t)n)] ^=
                (char)(1 << imx_random_below(1, round, IMX_STREAM_TEST, &draw, 8));
        if (round % 5 == 0)
            size = imx_random_below(1, round, IMX_STREAM_TEST, &draw, (uint32_t)n);
        struct imx_safetensors *f = NULL;
        const imx_status s = imx_safetensors_parse(bad, size, "damaged", &f);
        /* A damage that takes the hash's own key away leaves a file without a hash. */
        if (s == IMX_OK && imx_safetensors_meta(f, "sha256") && memcmp(bad + n - 32, good + n - 32, 32)) {
            tap_ok(false, "round %u: changed data were accepted", round);
            refused = -ROUNDS;
        }
        refused += s == IMX_E_FORMAT;
        accepted += s == IMX_OK;
        imx_safetensors_close(f);
        free(bad);
    }
    tap_ok(refused + accepted == ROUNDS && refused > ROUNDS / 2, "%d damaged files: %d refused, %d harmless", ROUNDS,
           refused, accepted);
    free(good);
}

int main(void)
{
    char dir[] = "/tmp/imx-st-XXXXXX", path[64];
    if (!mkdtemp(dir)) {
        tap_ok(false, "a folder for temporary files");
        return tap_done();
    }
    snprintf(path, sizeof path, "%s/a.safetensors", dir);
    round_trip(path);
    hostile();
    damages(path);
    hash(path);
    const struct imx_st_tensor twice[] = { { "a", IMX_ST_U8, 1, { 3 }, pixel }, { "a", IMX_ST_U8, 1, { 3 }, pixel } };
    tap_ok(imx_safetensors_save(path, &(struct imx_st_save){ .tensor = twice, .n = 2 }) == IMX_E_ARG,
           "a name cannot be written twice");
    unlink(path);
    tap_ok(rmdir(dir) == 0, "no temporary file is left");
    return tap_done();
}
