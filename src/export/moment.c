#include "export/moment.h"

#include <string.h>

bool moment_style_parse(const char *name, enum moment_style *ret)
{
    static const char *const names[] = {
        [MOMENT_ELAPSED] = "elapsed",
        [MOMENT_EPOCH] = "epoch",
        [MOMENT_RFC3339] = "rfc3339",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret = (enum moment_style)i;
            return true;
        }
    }
    return false;
}

struct cell moment_cell(enum moment_style style, uint64_t start_ns, uint64_t mono_ns,
                        uint64_t real_ns)
{
    if (style == MOMENT_ELAPSED) {
        bool before = mono_ns < start_ns;
        struct cell cell =
            cell_number(CELL_SECONDS, before ? start_ns - mono_ns : mono_ns - start_ns);
        cell.negative = before;
        return cell;
    }
    if (real_ns == 0)
        return cell_missing();
    return cell_number(style == MOMENT_EPOCH ? CELL_SECONDS : CELL_INSTANT, real_ns);
}
