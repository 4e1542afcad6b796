#include "cli/recording_summary.h"

#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/recording_input.h"

int recording_summary_open_logs(char *const *path, size_t n, struct recording_summary *ret)
{
    int status = n > 1 ? recording_input_open_logs(path, n, &ret->rec)
                       : recording_input_open(path[0], &ret->rec);
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
    return cli_failed("%s: %s", path[0], r == -ENOMEM ? "out of memory" : strerror(-r));
}

int recording_summary_open(const char *path, struct recording_summary *ret)
{
    char *named = (char *)path; /* only read */
    return recording_summary_open_logs(&named, 1, ret);
}

void recording_summary_close(struct recording_summary *opened)
{
    scopes_done(&opened->scopes);
    summary_done(&opened->summary);
    tacho_recording_close(opened->rec);
}
