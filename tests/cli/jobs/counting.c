/* Preloaded: counts allocations, and says at the end how many there were. */
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic unsigned long allocations;
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t m);
extern void *__libc_realloc(void *p, size_t n);

__attribute__((visibility("default"))) void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t m)
{
    allocations++;
    return __libc_calloc(n, m);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}

__attribute__((destructor)) static void tell(void)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%lu\n", allocations);
    if (write(STDERR_FILENO, text, (size_t)n) != n)
        _exit(1);
}
