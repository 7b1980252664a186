/* Files that survive: a new file appears whole or not at all (temporary file in the same folder, fsync, rename,
 * fsync of the folder), line logs are flushed line by line and repaired on reopening. Every failure is E_IO with
 * the path and the system's reason (E_NOMEM when memory ran out). */
#ifndef IMX_BASE_FILE_H
#define IMX_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Records "cannot WHAT PATH: the reason in errno" and returns E_IO, for ENOMEM E_NOMEM. */
imx_status imx_io_fail(const char *what, const char *path);
/* Reads a whole file of at most `limit` bytes (E_DATA when it is larger); *data is owned by the caller (free) and
 * has a 0 byte behind its *bytes bytes. */
IMX_MUST_CHECK imx_status imx_file_read(const char *path, uint64_t limit, char **data, size_t *bytes);
/* Replaces or creates the file atomically and durably. A replaced file's mode is kept. */
IMX_MUST_CHECK imx_status imx_file_write(const char *path, const void *data, size_t bytes);
/* Creates the folder and its parents; existing ones are fine. */
IMX_MUST_CHECK imx_status imx_mkdirs(const char *path);
/* True when something is there; *bytes (may be NULL) = its size. False: errno says why (ENOENT: nothing is there). */
bool imx_file_size(const char *path, uint64_t *bytes);
/* Removes what crashed writers of path left beside it. So does the next one that writes path; but where two made the
 * same file and one of them was killed, nobody writes it again. */
void imx_file_sweep(const char *path);
/* Makes renames in the folder that holds `path` durable. */
IMX_MUST_CHECK imx_status imx_fsync_folder_of(const char *path);

/* An atomic file in the making. create -> write... -> commit, or abandon at any point; both free it. The temporary file
 * PATH.tmp-N is locked while it is written, so that the next writer of PATH takes over what a crashed one left. A link
 * is followed; a device or a pipe is written in place. */
struct imx_atomic;
IMX_MUST_CHECK imx_status imx_atomic_create(const char *path, struct imx_atomic **out);
IMX_MUST_CHECK imx_status imx_atomic_write(struct imx_atomic *f, const void *data, size_t bytes);
/* Overwrites bytes already written at offset. */
IMX_MUST_CHECK imx_status imx_atomic_patch(struct imx_atomic *f, uint64_t offset, const void *data, size_t bytes);
/* Takes f: after this call it is gone, whether the call succeeded (the file is there) or not (nothing changed; or, when
 * the last act, syncing the folder, failed, the new file is there but may not outlive a power cut). */
IMX_MUST_CHECK imx_status imx_atomic_commit(struct imx_atomic *f);
/* The same without waiting for the disk: whole or not at all for other programs, but not after a power cut. */
IMX_MUST_CHECK imx_status imx_atomic_commit_quick(struct imx_atomic *f);
/* NULL is fine. */
void imx_atomic_abandon(struct imx_atomic *f);

/* A file of lines that grows: metrics.jsonl, metrics.csv, train.log. Opening an existing one cuts a torn last line
 * off. */
struct imx_lines;
IMX_MUST_CHECK imx_status imx_lines_open(const char *path, struct imx_lines **out);
/* Cuts the file after the last line for which keep() says true, walking from the start and stopping at the first
 * false: on resume, lines of steps that will be run again go away. */
IMX_MUST_CHECK imx_status imx_lines_keep(struct imx_lines *f, bool (*keep)(void *user, const char *line), void *user);
/* Appends the text and a newline in one write. The text must not contain one. */
IMX_MUST_CHECK imx_status imx_lines_add(struct imx_lines *f, const char *line);
/* True when the file holds no line yet (a header is due). */
bool imx_lines_empty(const struct imx_lines *f);
/* fsync and close; NULL is fine. */
IMX_MUST_CHECK imx_status imx_lines_close(struct imx_lines *f);

/* "dir/name" into text; false when it does not fit. */
IMX_MUST_CHECK bool imx_join(char *text, size_t size, const char *dir, const char *name);

#endif
