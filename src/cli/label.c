/* tacho label: a message into the enclosing recording. */
#include <stdlib.h>
#include <string.h>
#include <tacho/tacho.h>

#include "base/buffer.h"
#include "cli/cli.h"
#include "cli/enclosing.h"
#include "mark/marking.h"

static const char help[] =
    "Usage: tacho label [OPTION...] TEXT...\n"
    "Puts a label at this moment into the recording that the script is under. Several\n"
    "arguments are joined by blanks.\n"
    "\n"
    "  -q, --quiet  outside of a recording: say nothing, and exit with 0\n"
    "  -h, --help   this text\n"
    "\n"
    "  tacho label \"epoch $n\"\n";

static const struct option longs[] = {
    {"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'}, {0}};

static int put_label(char *const words[])
{
    struct buffer text = {0};
    for (size_t i = 0; words[i] != NULL; i++) {
        if (i > 0)
            buffer_put_byte(&text, ' ');
        buffer_put_text(&text, words[i]);
    }
    buffer_put_byte(&text, '\0');
    if (!text.failed)
        tacho_label("%s", (const char *)text.data);
    bool failed = text.failed || !marking_works();
    buffer_done(&text);
    return failed ? cli_failed("cannot write into the recording's place: is /dev/shm full?") : 0;
}

int command_label(int argc, char **argv)
{
    bool quiet = false;
    int option;
    while ((option = cli_getopt(argc, argv, "+qh", longs)) != -1) {
        switch (option) {
        case 'q': quiet = true; break;
        case 'h': return cli_help(help);
        default: return EXIT_USAGE;
        }
    }
    if (optind == argc)
        return cli_usage("no text");
    if (enclosing_join(true))
        return put_label(argv + optind);
    return quiet ? 0 : cli_failed("not under tacho record: there is no recording to put it into");
}
