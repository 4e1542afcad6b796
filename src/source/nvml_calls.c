#include "source/nvml_calls.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

static void *find(void *library, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *symbol = dlsym(library, names[i]);
        if (symbol != NULL)
            return symbol;
    }
    return NULL;
}

/* memcpy: an object's pointer is not a function's in ISO C, though POSIX has them the same. */
#define NVML_FIND(member, arguments, ...)                      \
    {                                                          \
        static const char *const names[] = {__VA_ARGS__};      \
        void *symbol = find(library, names, ARRAY_LEN(names)); \
        memcpy(&ret->member, &symbol, sizeof symbol);          \
    }

void nvml_calls_find(void *library, struct nvml_calls *ret)
{
    NVML_CALLS(NVML_FIND)
}
