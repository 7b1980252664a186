/* infomax doctor: what keeps this machine from training on OpenCL, and the line that mends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "dev/doctor.h"
#include "graph/graph.h"
#include "ops/op.h"
#include "ops/selftest_side.h"
#include "progress.h"

struct values {
    bool selftest;
};

static const struct imx_option options[] = {
    { .name = "selftest",
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct values, selftest),
      .fallback = "true",
      .help = "tests the main kernels on the device that training would take (--no-selftest: not)" },
    { .name = NULL },
};

/* The kernels that every training needs, as training would choose them; what passes is remembered for it. */
static imx_status test_kernels(struct imx_dev *dev, struct imx_findings *f)
{
    static const char *const ops[] = { "conv2d_fwd",    "conv2d_bwd_data", "conv2d_bwd_wei",
                                       "batchnorm_fwd", "batchnorm_bwd",   "gemm",
                                       "critic_fwd",    "critic_bwd",      "adam" };
    enum { N = sizeof ops / sizeof *ops };
    struct imx_trial trial[N];
    char what[400], mend[200];
    int n = 0;
    dev->check = true;
    for (int i = 0; i < N; i++) {
        const struct imx_op *op = imx_op_find(ops[i]);
        _Alignas(8) char problem[IMX_PROBLEM_BYTES];
        bool known = true;
        if (!op || imx_problem_parse(op, op->cases[0], problem) != IMX_OK)
            return imx_fail(IMX_E_INTERNAL, "there is no op %s", ops[i]);
        const struct imx_variant *v = imx_op_pick(dev, op, problem, NULL);
        if (v)
            IMX_TRY(imx_selftest_trusted(dev, op, v, &known));
        if (!known)
            trial[n++] = (struct imx_trial){ .op = op, .variant = v };
    }
    const imx_status status = imx_selftest_trust(dev, trial, n);
    for (int i = 0; i < n && status == IMX_OK; i++) {
        if (!trial[i].wrong)
            continue;
        snprintf(what, sizeof what, "%s computes %s wrongly with %s", dev->caps.name, trial[i].op->name,
                 trial[i].variant->name);
        snprintf(mend, sizeof mend, "infomax selftest --device %s --op %s", dev->caps.id, trial[i].op->name);
        imx_finding_add(f, IMX_LEVEL_FAULT, "kernel-wrong", what,
                        "training puts this kernel aside and takes another; a newer driver may mend it, and the line "
                        "below shows what is wrong",
                        mend);
    }
    imx_selftest_remember(dev);
    return status;
}

/* Opens the device that training would take. name: who it is, "" when there is none. */
static imx_status try_device(bool selftest, struct imx_findings *f, char *name, size_t size)
{
    struct imx_dev *dev = NULL;
    const char *why = "";
    struct imx_dev_info chosen;
    imx_status status = imx_dev_choose("auto", &chosen, &why);
    if (status == IMX_OK)
        status = imx_testers_open(&chosen, selftest ? imx_testers_start(&chosen, NULL) : NULL, &dev);
    if (status == IMX_OK && !imx_dev_is_host(dev) && selftest) {
        imx_progress_begin("testing kernels", 0, "kernels");
        status = test_kernels(dev, f);
        imx_progress_end();
    }
    if (status == IMX_OK && !imx_dev_is_host(dev)) {
        snprintf(name, size, "%s %s (%s)", dev->caps.id, dev->caps.name, dev->caps.platform);
    } else if (status != IMX_OK) {
        imx_finding_add(f, IMX_LEVEL_FAULT, "device-fails", imx_error_text(), "training would end with the same error",
                        NULL);
        imx_error_clear();
        status = IMX_OK;
    }
    imx_dev_close(dev);
    return status;
}

static imx_status as_json(const struct imx_findings *f, const char *name)
{
    struct imx_json j = { .pretty = true };
    imx_json_object(&j, NULL);
    imx_json_bool(&j, "usable", *name);
    imx_json_string(&j, "device", name);
    imx_json_array(&j, "findings");
    for (size_t i = 0; i < f->n; i++) {
        imx_json_object(&j, NULL);
        imx_json_string(&j, "level", imx_level_name(f->item[i].level));
        imx_json_string(&j, "id", f->item[i].id);
        imx_json_string(&j, "what", f->item[i].what);
        imx_json_string(&j, "why", f->item[i].why);
        imx_json_string(&j, "mend", f->item[i].mend);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    imx_json_end(&j);
    return imx_print_json(&j);
}

static void as_text(const struct imx_findings *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        printf("%s: %s\n    %s\n", imx_level_name(f->item[i].level), f->item[i].what, f->item[i].why);
        if (*f->item[i].mend)
            printf("    -> %s\n", f->item[i].mend);
    }
    if (*name)
        printf("%straining would use %s\n", f->n ? "\n" : "nothing is wrong; ", name);
}

static imx_status run(void *values, int n_words, char **word)
{
    const struct values *v = values;
    struct imx_dev_info *list = NULL;
    struct imx_findings f = { 0 };
    char name[400] = "";
    const char *root = getenv("INFOMAX_DOCTOR_ROOT"), *user = getenv("INFOMAX_DOCTOR_USER"); /* for tests */
    struct imx_doctor_options o = { .root = root, .user = user && *user ? user : NULL };
    imx_status status = IMX_OK;
    (void)n_words, (void)word;
    IMX_TRY(imx_dev_list(&list, &o.n_list));
    o.list = list;
    IMX_GO(imx_doctor(&o, &f));
    IMX_GO(try_device(v->selftest, &f, name, sizeof name));
    IMX_GO(f.status);
    if (imx_cli.json)
        IMX_GO(as_json(&f, name));
    else
        as_text(&f, name);
    if (!*name)
        status = imx_fail(IMX_E_NODEVICE, "no OpenCL device can be used; training would run on the host, slowly");
fail:
    imx_findings_finish(&f);
    free(list);
    return status;
}

static const char *const examples[] = {
    "infomax doctor",
    "infomax doctor --no-selftest --json",
    NULL,
};

extern const struct imx_command imx_cmd_doctor;
const struct imx_command imx_cmd_doctor = {
    .name = "doctor",
    .summary = "finds driver, permission and group problems and the line that mends each",
    .usage = "[--no-selftest] [--json]",
    .about =
        "Looks at the loader's files, each driver's library, the GPUs on the bus, their kernel drivers and device\n"
        "nodes, the groups of the user, and the caches; then tests the main kernels. Exit code 0 when a device is\n"
        "usable, whatever else was found, and 3 when none is.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .json = true,
    .run = run,
};
