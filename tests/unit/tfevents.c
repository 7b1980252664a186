/* The event file, read back record by record: lengths, both checksums, and the bytes of the known fields. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/tfevents.h"
#include "tap.h"

static uint64_t little(const unsigned char *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static bool good_crc(const unsigned char *data, size_t n, const unsigned char *stored)
{
    const uint32_t c = imx_crc32c(data, n);
    return (uint32_t)little(stored, 4) == (uint32_t)((c >> 15 | c << 17) + 0xA282EAD8u);
}

int main(void)
{
    char dir[] = "/tmp/imx-events-XXXXXX", path[600] = "";
    unsigned char data[512];
    struct imx_tfevents *f = NULL;
    tap_ok(imx_crc32c("123456789", 9) == 0xE3069283u, "CRC-32C of the standard check string");
    if (!mkdtemp(dir))
        return 1;
    tap_ok(imx_tfevents_create(dir, &f) == IMX_OK && imx_tfevents_scalar(f, 300, "loss", 2.5f) == IMX_OK,
           "a version and a scalar are written");
    imx_tfevents_close(f);
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strstr(e->d_name, "tfevents"))
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
    if (d)
        closedir(d);
    FILE *in = fopen(path, "rb");
    const size_t n = in ? fread(data, 1, sizeof data, in) : 0;
    if (in)
        fclose(in);
    size_t at = 0, records = 0;
    const unsigned char *last = data;
    bool whole = n > 0;
    while (whole && at < n) {
        const uint64_t length = n - at >= 16 ? little(data + at, 8) : n;
        whole = length <= n - at - 16 && good_crc(data + at, 8, data + at + 8) &&
                good_crc(data + at + 12, (size_t)length, data + at + 12 + length);
        last = data + at + 12;
        at += whole ? 16 + (size_t)length : 0;
        records += whole;
    }
    tap_ok(whole && records == 2, "two whole records with right checksums");
    static const unsigned char tail[] = { 0x10, 0xAC, 0x02, 0x2A, 0x0D, 0x0A, 0x0B, 0x0A, 0x04,
                                          'l',  'o',  's',  's',  0x15, 0x00, 0x00, 0x20, 0x40 };
    tap_ok(whole && last[0] == 0x09 && !memcmp(last + 9, tail, sizeof tail), "step 300, tag loss, value 2.5");
    tap_ok(imx_tfevents_create("/nonexistent/folder", &f) == IMX_E_IO, "a missing folder: %s", imx_error_text());
    unlink(path);
    rmdir(dir);
    return tap_done();
}
