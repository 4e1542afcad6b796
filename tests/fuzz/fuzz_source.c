/*
 * The same bytes to every reader of the kernel's texts and messages. Beyond the sanitizers: a
 * failure leaves the outputs as they were, a success sets only bits that there are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/drm.h"
#include "source/host.h"
#include "source/machine.h"
#include "source/proc_limits.h"
#include "source/proc_process.h"
#include "source/processors.h"
#include "source/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define UNTOUCHED UINT32_C(0xA5A5A5A5)
#define VALUES 32

static const struct source_root root = {
    .proc_fd = -1, .sys_fd = -1, .tick_ns = 10000000, .page_bytes = 4096, .delay_accounting = 1};

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_source: %s\n", what);
    abort();
}

/* What a parser of `fields` values left behind. */
static void check_values(int rc, uint32_t valid, unsigned fields, const char *what)
{
    check(rc == 0 ? valid >> fields == 0 : valid == UNTOUCHED, what);
}

static void each(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    (void)value;
    unsigned fields = *(const unsigned *)user;
    check(strnlen(name, INSTANCE_NAME_CAP) < INSTANCE_NAME_CAP, "name without end");
    for (; *name != '\0'; name++)
        check('!' <= *name && *name <= '~', "name not printable");
    check(valid != 0 && valid >> fields == 0, "instance's valid bits");
}

static void fuzz_process(const char *text, size_t n)
{
    struct proc_stat stat = {.exit_code = 77};
    struct proc_owner owner;
    struct proc_limits limits;
    struct drm_client client;
    uint64_t value[VALUES];
    uint32_t valid;
    pid_t pid;
    if (proc_stat_parse(&root, text, n, &stat) == 0) {
        check(stat.valid >> STAT_FIELDS == 0, "stat's valid bits");
        check(memchr(stat.comm, '\0', COMM_CAP) != NULL, "comm without end");
        check(stat.exit_code >= -1, "exit code");
    } else {
        check(stat.exit_code == 77, "stat touched");
    }
    drm_fdinfo_parse(text, n, &client);
    proc_limits_parse(text, n, &limits);
    proc_owner_parse(text, n, &owner);
    proc_last_pid_parse(text, n, &pid);
    valid = UNTOUCHED;
    check_values(proc_statm_parse(&root, text, n, value, &valid), valid, STATM_FIELDS, "statm");
    valid = UNTOUCHED;
    check_values(proc_io_parse(text, n, value, &valid), valid, IO_FIELDS, "io");
    valid = UNTOUCHED;
    check_values(proc_status_parse(text, n, value, &valid), valid, STATUS_FIELDS, "status");
    valid = UNTOUCHED;
    int rc = proc_smaps_parse(text, n, value, &valid);
    check_values(rc, valid, SMAPS_FIELDS, "smaps");
}

static void fuzz_machine(const char *text, size_t n)
{
    uint64_t value[VALUES], kernel[KERNEL_FIELDS];
    uint32_t valid = UNTOUCHED, kernel_valid = UNTOUCHED;
    unsigned fields = CPU_FIELDS;
    int rc = machine_cpu_parse(&root, text, n, value, &valid, kernel, &kernel_valid, each, &fields);
    check_values(rc, valid, CPU_FIELDS, "cpu");
    check_values(rc, kernel_valid, KERNEL_FIELDS, "kernel");
    kernel_valid = 0;
    machine_load_parse(text, n, kernel, &kernel_valid);
    machine_uptime_parse(text, n, kernel, &kernel_valid);
    check(kernel_valid >> KERNEL_FIELDS == 0, "load and uptime");
    valid = UNTOUCHED;
    check_values(machine_memory_parse(text, n, value, &valid), valid, MEMORY_FIELDS, "memory");
    valid = UNTOUCHED;
    check_values(machine_paging_parse(text, n, value, &valid), valid, PAGING_FIELDS, "paging");
    valid = 0;
    rc = machine_pressure_parse(text, n, PRESSURE_IO_SOME, PRESSURE_IO_FULL, value, &valid);
    check((rc == 0) == (valid != 0), "pressure");
    fields = DISK_FIELDS;
    machine_disks_parse(text, n, each, &fields);
    fields = NET_FIELDS;
    machine_net_parse(text, n, each, &fields);
}

static void fuzz_host(const char *text, size_t n)
{
    char model[HOST_TEXT_CAP];
    struct processor_place *places;
    size_t n_places;
    processor_model_parse(text, n, model);
    check(memchr(model, '\0', sizeof model) != NULL, "model without end");
    if (processor_list_parse(text, n, &places, &n_places) != 0)
        return;
    for (size_t i = 1; i < n_places; i++)
        check(places[i].processor > places[i - 1].processor, "processors out of order");
    free(places);
}

static void fuzz_tcp(const char *bytes, size_t n)
{
    static struct tcp_table *table; /* NULL where a sandbox refuses netlink */
    static bool tried;
    if (!tried)
        tcp_table_new(&root, &table);
    tried = true;
    if (table == NULL)
        return;
    tcp_table_clear(table);
    tcp_table_take(table, 5, bytes, n);
    tcp_table_begin(table);
    uint64_t value[TCP_FIELDS] = {0};
    tcp_table_add(table, bytes, n, value);
    check(value[TCP_ESTABLISHED] + value[TCP_LISTENING] <= 1, "one socket counted twice");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *text = (const char *)bytes;
    fuzz_process(text, n);
    fuzz_machine(text, n);
    fuzz_host(text, n);
    fuzz_tcp(text, n);
    return 0;
}
