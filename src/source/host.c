#include "source/host.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "source/machine.h"
#include "source/processors.h"

#define MEMINFO_CAP 8192

static void text_copy(char ret[HOST_TEXT_CAP], const char *text, size_t n)
{
    if (n >= HOST_TEXT_CAP)
        n = HOST_TEXT_CAP - 1;
    memcpy(ret, text, n);
    ret[n] = '\0';
}

/* The first line of a file; empty where it cannot be read. */
static void line_read(int dir_fd, const char *name, char ret[HOST_TEXT_CAP])
{
    char bytes[HOST_TEXT_CAP];
    ssize_t n = dir_fd < 0 ? -1 : source_read_at(dir_fd, name, bytes, sizeof bytes);
    const char *newline = n > 0 ? memchr(bytes, '\n', (size_t)n) : NULL;
    text_copy(ret, bytes, newline != NULL ? (size_t)(newline - bytes) : n > 0 ? (size_t)n : 0);
}

static void names_read(const struct source_root *root, struct host_facts *facts)
{
    struct utsname names;
    line_read(root->proc_fd, "sys/kernel/hostname", facts->hostname);
    line_read(root->proc_fd, "sys/kernel/osrelease", facts->kernel);
    line_read(root->proc_fd, "sys/kernel/random/boot_id", facts->boot_id);
    line_read(root->sys_fd, "devices/system/clocksource/clocksource0/current_clocksource",
              facts->clocksource);
    if (uname(&names) != 0)
        return;
    text_copy(facts->machine, names.machine, strlen(names.machine));
    if (facts->hostname[0] == '\0')
        text_copy(facts->hostname, names.nodename, strlen(names.nodename));
    if (facts->kernel[0] == '\0')
        text_copy(facts->kernel, names.release, strlen(names.release));
}

static void memory_read(const struct source_root *root, struct host_facts *facts)
{
    char text[MEMINFO_CAP];
    uint64_t value[MEMORY_FIELDS];
    uint32_t valid;
    ssize_t n = source_read_at(root->proc_fd, "meminfo", text, sizeof text);
    if (n < 0 || machine_memory_parse(text, (size_t)n, value, &valid) != 0)
        return;
    if (valid & 1 << MEMORY_TOTAL)
        facts->memory_bytes = value[MEMORY_TOTAL];
    if (valid & 1 << MEMORY_SWAP_TOTAL)
        facts->swap_bytes = value[MEMORY_SWAP_TOTAL];
}

/* The kernel refuses a mask shorter than its own, up to 8,192 processors. */
static uint32_t allowed_processors(void)
{
    for (size_t processors = 1024; processors <= 65536; processors *= 4) {
        size_t size = CPU_ALLOC_SIZE(processors);
        cpu_set_t *set = CPU_ALLOC(processors);
        if (set == NULL)
            return 0;
        int failed = sched_getaffinity(0, size, set) != 0 ? errno : 0;
        int count = failed == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (failed != EINVAL)
            return (uint32_t)count;
    }
    return 0;
}

int host_facts_read(const struct source_root *root, struct host_facts *ret)
{
    struct host_facts facts = {0};
    names_read(root, &facts);
    memory_read(root, &facts);
    facts.allowed_processors = allowed_processors();
    int rc = processors_read(root, &facts);
    if (rc != 0)
        return rc;
    *ret = facts;
    return 0;
}

void host_facts_done(struct host_facts *facts)
{
    free(facts->place);
    facts->place = NULL;
}
