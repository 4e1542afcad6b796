#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define BAR_CELLS 40

void progress_begin(struct progress *p, bool also_stdout)
{
    *p =
        (struct progress){.shown = isatty(STDERR_FILENO) && !(also_stdout && isatty(STDOUT_FILENO)),
                          .next_ns = clock_mono_ns() + NS_PER_S / 2};
}

void progress_show(struct progress *p, unsigned permille)
{
    uint64_t now_ns = p->shown ? clock_mono_ns() : 0;
    if (!p->shown || now_ns < p->next_ns)
        return;
    p->next_ns = now_ns + NS_PER_S / 10;
    p->drawn = true;
    char bar[BAR_CELLS + 1];
    unsigned full = permille < 1000 ? permille * BAR_CELLS / 1000 : BAR_CELLS;
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', full);
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "\r[%s] %3u %%", bar, permille < 1000 ? permille / 10 : 100);
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}
