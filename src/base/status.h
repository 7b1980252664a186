/* Status codes and the chain of "what was being attempted".
 *
 * Every fallible function returns imx_status: 0 or a negative code from IMX_STATUS_MAP. The function that
 * finds a fault records its sentence with imx_fail(); callers may prepend what they were doing with
 * imx_note(). The library never prints and never exits: whoever shows the error asks imx_error_text(). */
#ifndef IMX_BASE_STATUS_H
#define IMX_BASE_STATUS_H

#define IMX_STATUS_MAP(X)                                                                                              \
    X(OK, 0, "success")                                                                                                \
    X(E_ARG, -1, "an argument or option is not valid")                                                                 \
    X(E_NOMEM, -2, "out of memory")                                                                                    \
    X(E_NODEVICE, -3, "no such device")                                                                                \
    X(E_LOST, -4, "the device was lost")                                                                               \
    X(E_BUILD, -5, "a kernel did not compile")                                                                         \
    X(E_UNSUPPORTED, -6, "the device or build cannot do this")                                                         \
    X(E_IO, -7, "a file could not be read or written")                                                                 \
    X(E_DATA, -8, "the data is not usable")                                                                            \
    X(E_FORMAT, -9, "a file is malformed")                                                                             \
    X(E_NONFINITE, -10, "a loss or gradient is not finite")                                                            \
    X(E_SELFTEST, -11, "a kernel gave a wrong result")                                                                 \
    X(E_STOPPED, -12, "stopped by a signal")                                                                           \
    X(E_INTERNAL, -13, "an internal invariant does not hold")

typedef enum imx_status {
#define IMX_STATUS_ENUM(name, value, text) IMX_##name = value,
    IMX_STATUS_MAP(IMX_STATUS_ENUM)
#undef IMX_STATUS_ENUM
} imx_status;

#define IMX_MUST_CHECK   __attribute__((warn_unused_result))
#define IMX_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Name ("E_IO") and sentence of a status; both static strings. */
const char *imx_status_name(imx_status s);
const char *imx_status_text(imx_status s);

/* Records the sentence for a new fault (replacing an older one of this thread) and returns s. */
imx_status imx_fail(imx_status s, const char *fmt, ...) IMX_PRINTF(2, 3);
/* Prepends "what was being attempted: " to the recorded text and returns s unchanged. */
imx_status imx_note(imx_status s, const char *fmt, ...) IMX_PRINTF(2, 3);
/* The text recorded in this thread, "" when there is none. Borrowed, valid until the next fault. */
const char *imx_error_text(void);
void imx_error_clear(void);

/* For functions that own nothing: forward a failure at once. */
#define IMX_TRY(call)                                                                                                  \
    do {                                                                                                               \
        imx_status imx_try_ = (call);                                                                                  \
        if (imx_try_ != IMX_OK)                                                                                        \
            return imx_try_;                                                                                           \
    } while (0)

/* For functions that own something: jump to fail: with `status` set. */
#define IMX_GO(call)                                                                                                   \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != IMX_OK)                                                                                          \
            goto fail;                                                                                                 \
    } while (0)

#endif
