#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "progress.h"

struct imx_cli imx_cli;

static const struct imx_option common[] = {
    { .name = "help",
      .letter = 'h',
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct imx_cli, help),
      .help = "shows this text" },
    { .name = "quiet",
      .letter = 'q',
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct imx_cli, quiet),
      .help = "only warnings and errors on stderr" },
    { .name = "verbose",
      .letter = 'v',
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct imx_cli, verbose),
      .help = "tells more on stderr" },
    { .name = NULL },
};
static const struct imx_option common_json[] = {
    { .name = "json", .type = IMX_OPT_FLAG, .at = offsetof(struct imx_cli, json), .help = "the result as JSON" },
    { .name = "help",
      .letter = 'h',
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct imx_cli, help),
      .help = "shows this text" },
    { .name = "quiet",
      .letter = 'q',
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct imx_cli, quiet),
      .help = "only warnings and errors on stderr" },
    { .name = "verbose",
      .letter = 'v',
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct imx_cli, verbose),
      .help = "tells more on stderr" },
    { .name = NULL },
};

/* ---- signals ---- */

static volatile sig_atomic_t caught, save_wanted;

static void on_stop(int number)
{
    if (caught)
        _exit(128 + number);
    caught = number;
}

static void on_save(int number)
{
    (void)number;
    save_wanted = 1;
}

void imx_signals_catch(void)
{
    static const int stop[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++) {
        struct sigaction old, act = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
        /* What the parent ignores (nohup, background jobs) stays ignored. */
        if (!sigaction(stop[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(stop[i], &act, NULL);
    }
    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_save, .sa_flags = SA_RESTART }, NULL);
}

int imx_signal_caught(void)
{
    return caught;
}

bool imx_signal_save(void)
{
    const bool wanted = save_wanted;
    save_wanted = 0;
    return wanted;
}

const volatile int *imx_stop_flag(void)
{
    return &caught;
}

/* ---- words to the user ---- */

int imx_exit_code(imx_status s)
{
    switch (s) {
    case IMX_OK: return 0;
    case IMX_E_ARG: return 2;
    case IMX_E_NODEVICE:
    case IMX_E_BUILD:
    case IMX_E_UNSUPPORTED: return 3;
    case IMX_E_SELFTEST: return 4;
    case IMX_E_DATA:
    case IMX_E_FORMAT: return 5;
    case IMX_E_NOMEM: return 6;
    case IMX_E_LOST: return 7;
    case IMX_E_IO: return 8;
    case IMX_E_NONFINITE: return 9;
    case IMX_E_STOPPED: return 128 + (caught ? (int)caught : SIGINT);
    case IMX_E_INTERNAL: break;
    }
    return 1;
}

void imx_say(const char *fmt, ...)
{
    va_list ap;
    if (imx_cli.quiet)
        return;
    imx_progress_clear();
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static void on_log(void *user, enum imx_log_level level, const char *line)
{
    static const char *const name[] = { "error", "warning", "info", "debug" };
    static const char *const color[] = { "\033[31m", "\033[33m", "\033[36m", "\033[2m" };
    (void)user;
    const enum imx_log_level most = imx_cli.verbose ? IMX_LOG_DEBUG : imx_cli.quiet ? IMX_LOG_WARN : IMX_LOG_INFO;
    if (level > most)
        return;
    imx_progress_clear();
    if (level == IMX_LOG_INFO)
        fprintf(stderr, "%s\n", line);
    else
        fprintf(stderr, "%s%s:%s %s\n", imx_cli.color ? color[level] : "", name[level], imx_cli.color ? "\033[0m" : "",
                line);
}

imx_status imx_print_json(struct imx_json *j)
{
    const imx_status s = imx_json_check(j);
    if (s == IMX_OK)
        printf("%s\n", j->text.data);
    imx_json_free(j);
    return s;
}

imx_status imx_save_json(const char *run, const char *name, struct imx_json *j)
{
    char path[4096];
    imx_status status = imx_json_check(j);
    if (status == IMX_OK && !imx_join(path, sizeof path, run, name))
        status = imx_fail(IMX_E_ARG, "the path %s is too long", run);
    if (status == IMX_OK)
        status = imx_file_write(path, j->text.data, j->text.size);
    imx_json_free(j);
    return status;
}

static int report(imx_status s)
{
    if (s == IMX_OK)
        return 0;
    imx_progress_clear();
    const char *text = *imx_error_text() ? imx_error_text() : imx_status_text(s);
    fprintf(stderr, "infomax%s%s: %s%s%s%s\n", imx_cli.command ? " " : "", imx_cli.command ? imx_cli.command : "",
            imx_cli.color ? "\033[31m" : "", s == IMX_E_STOPPED ? "" : "error: ", imx_cli.color ? "\033[0m" : "", text);
    if (s == IMX_E_ARG)
        fprintf(stderr, "Try: infomax %s%s--help\n", imx_cli.command ? imx_cli.command : "",
                imx_cli.command ? " " : "");
    return imx_exit_code(s);
}

/* A result that did not arrive is a failure, also when the pipe was closed or the disk is full. */
static int leave(int code)
{
    imx_progress_clear();
    errno = 0;
    const bool wrote = !fflush(stdout) && !ferror(stdout);
    const int e = errno;
    if (wrote)
        return code;
    fprintf(stderr, "infomax%s%s: error: cannot write to standard output: %s\n", imx_cli.command ? " " : "",
            imx_cli.command ? imx_cli.command : "", e ? strerror(e) : "write error");
    return code ? code : 8;
}

/* A closed 0, 1 or 2 must not become the number of a file that the program opens later. */
static void keep_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            const int got = open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY); /* writing to 1 fails, as it should */
            (void)got;
        }
}

/* ---- commands ---- */

static void list_commands(const struct imx_command *const *commands, FILE *to)
{
    fprintf(to, "infomax learns image features without labels (Deep InfoMax) on any OpenCL device.\n\n"
                "Usage: infomax COMMAND [arguments] [options]\n\nCommands:\n");
    for (const struct imx_command *const *c = commands; *c; c++)
        fprintf(to, "  %-11s %s\n", (*c)->name, (*c)->summary);
    fprintf(to, "\ninfomax COMMAND --help shows a command's options and examples; infomax --version the version.\n"
                "Exit codes: 0 ok, 2 usage, 3 no such device, 4 self-test failed, 5 bad data, 6 out of memory,\n"
                "            7 device lost, 8 disk or I/O, 9 non-finite loss, 130/143 stopped by a signal.\n");
}

static imx_status help(const struct imx_command *c)
{
    struct imx_text t = { 0 };
    imx_text_printf(&t, "infomax %s: %s\n\nUsage: infomax %s%s%s\n", c->name, c->summary, c->name, *c->usage ? " " : "",
                    c->usage);
    if (c->about)
        imx_text_printf(&t, "\n%s\n", c->about);
    imx_text_put(&t, "\nOptions:\n");
    imx_options_help(c->options, &t);
    imx_options_help(c->json ? common_json : common, &t);
    if (c->examples) {
        imx_text_put(&t, "\nExamples:\n");
        for (const char *const *e = c->examples; *e; e++)
            imx_text_printf(&t, "  %s\n", *e);
    }
    const imx_status s = imx_text_check(&t);
    if (s == IMX_OK)
        fputs(t.data, stdout);
    imx_text_free(&t);
    return s;
}

static const struct imx_command *find_command(const struct imx_command *const *commands, const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (const struct imx_command *const *c = commands; *c && n < 64; c++) {
        if (!strcmp((*c)->name, name))
            return *c;
        names[n++] = (*c)->name;
    }
    const char *near = imx_nearest(name, names, n);
    imx_status s = near ? imx_fail(IMX_E_ARG, "there is no command \"%s\"; did you mean %s?", name, near)
                        : imx_fail(IMX_E_ARG, "there is no command \"%s\"", name);
    (void)s;
    return NULL;
}

static imx_status run_command(const struct imx_command *c, int argc, char **argv)
{
    imx_status status;
    int n = 0;
    void *values = calloc(1, c->values_size + sizeof(void *));
    char **words = calloc((size_t)argc + 1, sizeof *words);
    imx_cli.command = c->name;
    if (!values || !words) {
        status = imx_fail(IMX_E_NOMEM, "no memory for the options");
        goto fail;
    }
    IMX_GO(imx_options_default(c->options, values));
    IMX_GO(imx_options_parse(c->options, values, c->json ? common_json : common, &imx_cli, argc, argv, words, &n));
    if (imx_cli.help)
        status = help(c);
    else if (n < c->min_words)
        status = imx_fail(IMX_E_ARG, "%s. Usage: infomax %s %s", n ? "an argument is missing" : "arguments are missing",
                          c->name, c->usage);
    else if (c->max_words >= 0 && n > c->max_words)
        status = imx_fail(IMX_E_ARG, "\"%s\" is one argument too many. Usage: infomax %s %s", words[c->max_words],
                          c->name, c->usage);
    else
        status = c->run(values, n, words);
fail:
    if (values)
        imx_options_free(c->options, values);
    free(values);
    free(words);
    return status;
}

static bool is(const char *arg, const char *a, const char *b)
{
    return !strcmp(arg, a) || !strcmp(arg, b);
}

/* Words like --help are asked for wherever they stand, also when the other arguments are wrong. */
static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
        if (is(argv[i], "--help", "-h"))
            return true;
    return false;
}

int imx_cli_main(const struct imx_command *const *commands, int argc, char **argv)
{
    keep_standard_files();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is an error of write(), not the end of the program */
    const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");
    imx_cli.color = isatty(2) && !(plain && *plain) && term && strcmp(term, "dumb");
    imx_log_to(on_log, NULL);
    if (argc < 2) {
        list_commands(commands, stderr);
        return 2;
    }
    if (is(argv[1], "--version", "-V")) {
        printf("infomax %s\n", IMX_VERSION);
        return leave(0);
    }
    const bool asked = is(argv[1], "--help", "-h") || !strcmp(argv[1], "help");
    if (asked && argc == 2) {
        list_commands(commands, stdout);
        return leave(0);
    }
    const struct imx_command *c = find_command(commands, asked ? argv[2] : argv[1]);
    if (!c)
        return leave(report(IMX_E_ARG));
    if (asked || asks_help(argc - 2, argv + 2))
        return leave(report(help(c)));
    return leave(report(run_command(c, argc - 2, argv + 2)));
}
