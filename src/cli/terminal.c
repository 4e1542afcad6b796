#include "cli/terminal.h"

#include <langinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/number.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MAX 1000

bool terminal_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

unsigned terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    uint64_t width;
    struct winsize size;
    if (columns != NULL && parse_u64(columns, &width) && width > 0 && width <= WIDTH_MAX)
        return (unsigned)width;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
    return WIDTH_DEFAULT;
}

bool terminal_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return (no == NULL || no[0] == '\0') && isatty(STDOUT_FILENO) && term != NULL &&
           strcmp(term, "dumb") != 0;
}
