#include "cli/recording_summary.h"

#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/recording_input.h"

int recording_summary_open(const char *path, struct recording_summary *ret)
{
    int status = recording_input_open(path, &ret->rec);
    if (status != 0)
        return status;
    int r = summary_make(ret->rec, &ret->summary);
    if (r == 0) {
        r = summary_make_scopes(&ret->summary, &ret->scopes);
        if (r != 0)
            summary_done(&ret->summary);
    }
    if (r == 0)
        return 0;
    tacho_recording_close(ret->rec);
    return cli_failed("%s: %s", path, r == -ENOMEM ? "out of memory" : strerror(-r));
}

void recording_summary_close(struct recording_summary *opened)
{
    scopes_done(&opened->scopes);
    summary_done(&opened->summary);
    tacho_recording_close(opened->rec);
}
