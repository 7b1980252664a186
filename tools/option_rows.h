/* Rows of option tables that several commands have, written once, and short forms of rows of each type. The values of a
 * command that uses them are its `struct values`; rows with fixed names fill the members of these names. */
#ifndef IMX_TOOLS_OPTION_ROWS_H
#define IMX_TOOLS_OPTION_ROWS_H

#include <stddef.h>

#include "options.h"

/* clang-format off */
#define IMX_ROW(option, kind, member) .name = option, .type = kind, .at = offsetof(struct values, member)

#define IMX_ROW_FLAG(option, member, text) { IMX_ROW(option, IMX_OPT_FLAG, member), .help = text }
#define IMX_ROW_TEXT(option, member, shown, text) \
    { IMX_ROW(option, IMX_OPT_STRING, member), .value = shown, .help = text }
#define IMX_ROW_LIST(option, member, shown, text) \
    { IMX_ROW(option, IMX_OPT_LIST, member), .value = shown, .help = text }
#define IMX_ROW_CHOICE(option, member, normal, all, text) \
    { IMX_ROW(option, IMX_OPT_CHOICE, member), .fallback = normal, .choices = all, .help = text }
#define IMX_ROW_INT(option, member, normal, low, high, text) \
    { IMX_ROW(option, IMX_OPT_INT, member), .value = "N", .fallback = normal, .min = low, .max = high, .help = text }
#define IMX_ROW_FLOAT(option, member, shown, normal, low, high, text) \
    { IMX_ROW(option, IMX_OPT_FLOAT, member), .value = shown, .fallback = normal, .min = low, .max = high, .help = text }

/* char *out; what: how help calls the file */
#define IMX_ROW_OUT(what, text) { IMX_ROW("out", IMX_OPT_STRING, out), .letter = 'o', .value = what, .help = text }
/* char *test */
#define IMX_ROW_TEST(text) IMX_ROW_TEXT("test", test, "DATA", text)
/* char *layer, one of imx_feature_names */
#define IMX_ROW_LAYER(normal, text) IMX_ROW_CHOICE("layer", layer, normal, "conv|fc|y", text)
/* bool untrained */
#define IMX_ROW_UNTRAINED IMX_ROW_FLAG("untrained", untrained, "the encoder as it was drawn, before training")
/* int64_t seed: every whole number that a double holds, as JSON has it */
#define IMX_ROW_SEED(text) IMX_ROW_INT("seed", seed, "0", 0, 9007199254740992.0, text)
/* double lr */
#define IMX_ROW_LR(normal, text) IMX_ROW_FLOAT("lr", lr, "R", normal, 1e-12, 10, text)
/* char *svm_loss; whose: the machines that it is the loss of */
#define IMX_ROW_SVM_LOSS(whose) \
    IMX_ROW_CHOICE("svm-loss", svm_loss, "hinge", "hinge|squared", \
                   "of " whose ": the hinge loss, as the paper says, or its square")
/* double svm_c */
#define IMX_ROW_SVM_C \
    IMX_ROW_FLOAT("svm-c", svm_c, "C", "1", 1e-9, 1e9, "weight of the losses against the norm of the weights")
/* uint64_t svm_memory */
#define IMX_ROW_SVM_MEMORY(text) \
    { IMX_ROW("svm-memory", IMX_OPT_SIZE, svm_memory), .value = "SIZE", .fallback = "1G", .min = 65536, .max = 1e15, \
      .help = text }
/* struct imx_list labels, as imx_label_shares takes it */
#define IMX_ROW_LABELS \
    IMX_ROW_LIST("labels", labels, "N|P%...", \
                 "learns from so many labelled images, or this share of them, drawn anew for each repeat; results for " \
                 "each value (default 100%)")
/* char *draw */
#define IMX_ROW_DRAW \
    IMX_ROW_CHOICE("draw", draw, "balanced", "balanced|proportional", \
                   "how --labels are drawn: equally many of each class, as far as there are, or in proportion to the " \
                   "classes; at least one of each")
/* char *device, as in imx_dev_open */
#define IMX_ROW_DEVICE \
    { IMX_ROW("device", IMX_OPT_STRING, device), .value = "D", .fallback = "auto", \
      .help = "auto, host, cpu, gpu, P:D, or part of a name" }
/* clang-format on */

#endif
