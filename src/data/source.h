/* What the readers of the single formats share; not for use outside this room. A reader
 * fills pix, label, path, classes and the source's figures; imx_dataset_open then scales,
 * counts and hashes. */
#ifndef IMX_DATA_SOURCE_H
#define IMX_DATA_SOURCE_H

#include "data/dataset.h"

/* Each tries `dir` (a folder or file that exists); *found says whether it is of that
 * kind. part: "" = the default. */
typedef imx_status imx_source_fn(const char *path, const char *part, const struct imx_dataset_options *opt, bool *found,
                                 struct imx_dataset *ds);
imx_source_fn imx_source_cifar, imx_source_stl, imx_source_idx, imx_source_npy, imx_source_npz, imx_source_folder;

/* Allocates pix and label (all -1) for ds->n, h, w, c; E_NOMEM when the machine has less
 * memory than that. */
IMX_MUST_CHECK imx_status imx_source_room(struct imx_dataset *ds);
/* Adds a class name; copies it. */
IMX_MUST_CHECK imx_status imx_source_class(struct imx_dataset *ds, const char *name, size_t bytes);
/* Adds the lines of a text file as class names; a missing file adds none. */
IMX_MUST_CHECK imx_status imx_source_class_file(struct imx_dataset *ds, const char *dir, const char *name);
/* Makes sure that every label up to the largest has a class, named by its number. */
IMX_MUST_CHECK imx_status imx_source_number_classes(struct imx_dataset *ds);
/* E_ARG: the part is not one of the words in `known` ("train test"). */
IMX_MUST_CHECK imx_status imx_source_part(const char *path, const char *part, const char *known);
/* Adds a line to the list of unreadable files and to the log. Locked by the caller where
 * threads share ds. */
IMX_MUST_CHECK imx_status imx_source_unreadable(struct imx_dataset *ds, const char *path, const char *why);

#endif
