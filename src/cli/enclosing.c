#include "cli/enclosing.h"

#include <stdlib.h>

#include "mark/marking.h"
#include "mark/own_file.h"
#include "record/marks_place.h"

bool enclosing_join(bool for_parent)
{
    const char *marks = getenv(MARKS_VARIABLE);
    if (marks == NULL || !marks_place_is_read(marks) || !own_file_place(marks))
        return false;
    if (for_parent)
        own_file_for_parent();
    marking_begin();
    return true;
}
