#include "follow/follow.h"

#include <string.h>

const struct follow_mechanism *const follow_mechanisms[] = {&follow_poll, NULL};

const struct follow_mechanism *follow_mechanism_find(const char *name)
{
    for (size_t i = 0; follow_mechanisms[i] != NULL; i++)
        if (strcmp(follow_mechanisms[i]->name, name) == 0)
            return follow_mechanisms[i];
    return NULL;
}
