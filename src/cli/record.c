/* `tacho record`: launch a command, attach to processes, or watch the machine. */
#include "cli/cli.h"
#include "cli/record_options.h"
#include "cli/record_repeat.h"
#include "cli/record_session.h"

int command_record(int argc, char **argv)
{
    struct record_options options;
    int status;
    if (record_options_parse(argc, argv, &options, &status) == 0)
        status = options.repeat > 0 ? record_repeat_run(&options) : record_session_run(&options);
    record_options_done(&options);
    return status;
}
