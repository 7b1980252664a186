/* Broken drivers cost one entry each: drivers that crash, hang, exit or have nothing stand beside those of the
 * machine, and the list still names the good ones, which still open. Arguments: the fake drivers, "WORD=PATH". */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dev/dev.h"
#include "tap.h"

static char folder[64] = "/tmp/imx-icd-XXXXXX";

static bool put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    return f && fputs(text, f) >= 0 && !fclose(f);
}

/* Copies the machine's own .icd files; false when there are none. */
static bool own_drivers(void)
{
    bool any = false;
    DIR *d = opendir("/etc/OpenCL/vendors");
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[512], text[512] = "";
        snprintf(path, sizeof path, "/etc/OpenCL/vendors/%.200s", e->d_name);
        FILE *f = strstr(e->d_name, ".icd") ? fopen(path, "r") : NULL;
        if (f && fgets(text, sizeof text, f))
            any = put(e->d_name, text) || any;
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return any;
}

/* One case in a process of its own, because a process lists devices once. Exit status: 0 as expected. */
static int one(const char *word, bool good_one)
{
    struct imx_dev_info *list = NULL;
    struct imx_dev *dev = NULL;
    size_t n = 0;
    bool told = !strcmp(word, "absent"), usable = false;
    setenv("OCL_ICD_VENDORS", folder, 1);
    if (imx_dev_list(&list, &n) != IMX_OK || !n)
        return 1;
    for (size_t i = 0; i < n; i++) {
        told = told || (!list[i].usable && strstr(list[i].why, word));
        usable = usable || (list[i].usable && list[i].caps.type != IMX_DEV_HOST);
    }
    const bool host_last = list[n - 1].caps.type == IMX_DEV_HOST;
    free(list);
    const imx_status s = imx_dev_open("auto", &dev, NULL);
    const bool right = s == IMX_OK && imx_dev_is_host(dev) == !usable;
    if (s == IMX_OK)
        imx_dev_close(dev);
    return told && host_last && right && usable == good_one ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc < 2 || !mkdtemp(folder))
        return 1;
    const char *before = getenv("OCL_ICD_VENDORS");
    const bool good_one = !before && own_drivers();
    for (int i = 1; i < argc; i++) {
        char word[32] = "", path[600];
        int state = 1;
        const char *lib = strchr(argv[i], '=');
        if (!lib || !put("aaa_fake.icd", lib + 1))
            return 1;
        snprintf(word, sizeof word, "%.*s", (int)(lib - argv[i]), argv[i]);
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0)
            _exit(one(word, good_one));
        waitpid(child, &state, 0);
        tap_ok(WIFEXITED(state) && !WEXITSTATUS(state), "a driver that is \"%s\" (state %d)", word, state);
        snprintf(path, sizeof path, "%s/aaa_fake.icd", folder);
        unlink(path);
    }
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
    return tap_done();
}
