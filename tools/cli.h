/* What every subcommand shares: how it is described, where its words go, how it ends. Results on stdout, talk on
 * stderr, exit codes from one table. One file cmd_NAME.c per subcommand defines a struct imx_command, listed in main.c.
 */
#ifndef IMX_TOOLS_CLI_H
#define IMX_TOOLS_CLI_H

#include "base/json.h"
#include "base/log.h"
#include "options.h"

struct imx_command {
    const char *name;
    const char *summary;              /* one line for the list of commands */
    const char *usage;                /* what follows the name: "DATA -o RUN [options]" */
    const char *about;                /* a paragraph for --help; may be NULL */
    const char *const *examples;      /* command lines and, indented, a word on them; NULL-terminated; may be NULL */
    const struct imx_option *options; /* may be NULL */
    size_t values_size;               /* of the struct that the options fill */
    int min_words, max_words;         /* other arguments; max -1: any number */
    bool json;                        /* has --json */
    imx_status (*run)(void *values, int n, char **word);
};

/* What the common options said. */
struct imx_cli {
    bool help, json, quiet;
    bool verbose;
    bool color;          /* stderr may be coloured */
    const char *command; /* its name, for messages */
};
extern struct imx_cli imx_cli;

/* The exit code that belongs to a status, as in the manual: 0 ok, 2 usage, 3 device, 4 self-test, 5 data, 6 memory,
 * 7 device lost, 8 disk, 9 non-finite, 128 + signal stopped. */
int imx_exit_code(imx_status s);

/* The whole program: finds the command, parses, runs, reports. */
int imx_cli_main(const struct imx_command *const *commands, int argc, char **argv);

/* Text for people on stderr; nothing with -q. */
void imx_say(const char *fmt, ...) IMX_PRINTF(1, 2);
/* Prints a finished JSON text and a newline on stdout and frees it. */
IMX_MUST_CHECK imx_status imx_print_json(struct imx_json *j);
/* Writes a finished JSON text to RUN/name, whole or not at all, and frees it. */
IMX_MUST_CHECK imx_status imx_save_json(const char *run, const char *name, struct imx_json *j);

/* From here on SIGINT, SIGTERM and SIGHUP only set a flag; a second one leaves at once. SIGUSR1 asks for a
 * checkpoint. */
void imx_signals_catch(void);
/* The signal that asked for the end, 0: none. */
int imx_signal_caught(void);
/* True once after each SIGUSR1. */
bool imx_signal_save(void);
/* For libraries that poll: the same flag as an address. */
const volatile int *imx_stop_flag(void);

#endif
