/* /proc/stat, loadavg and uptime. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "source/key_lines.h"
#include "source/machine_files.h"

/*
 * The columns of a cpu line, proc_stat(5). Older kernels end earlier: guest_nice came with
 * 2.6.33.
 */
enum { COLUMN_GUEST = 8, COLUMN_GUEST_NICE, COLUMNS };

static const struct key_line stat_lines[] = {
    KEY_LINE("intr ", KERNEL_INTERRUPTS, 1),       KEY_LINE("ctxt ", KERNEL_SWITCHES, 1),
    KEY_LINE("processes ", KERNEL_FORKS, 1),       KEY_LINE("procs_running ", KERNEL_RUNNING, 1),
    KEY_LINE("procs_blocked ", KERNEL_BLOCKED, 1),
};

static void take_out(uint64_t *from, uint64_t part)
{
    *from = *from > part ? *from - part : 0; /* the kernel reads the two apart */
}

/* The times behind "cpu" or "cpu7". Returns the mask of those read. */
static uint32_t times_take(struct text t, uint64_t tick_ns, uint64_t value[CPU_FIELDS])
{
    uint64_t column[COLUMNS] = {0}, ticks;
    unsigned n = 0;
    while (n < COLUMNS && text_take_column(&t, &ticks)) {
        if (__builtin_mul_overflow(ticks, tick_ns, &column[n]))
            return 0;
        n++;
    }
    take_out(&column[CPU_USER], column[COLUMN_GUEST]);
    take_out(&column[CPU_NICE], column[COLUMN_GUEST_NICE]);
    for (unsigned i = 0; i < CPU_GUEST; i++)
        value[i] = column[i];
    if (__builtin_add_overflow(column[COLUMN_GUEST], column[COLUMN_GUEST_NICE], &value[CPU_GUEST]))
        return 0;
    return n > CPU_GUEST ? (1 << CPU_FIELDS) - 1 : (UINT32_C(1) << n) - 1;
}

/* A processor's line, with the cursor behind "cpu". */
static void processor_take(struct text t, uint64_t tick_ns, machine_each *each, void *user)
{
    uint64_t number, value[CPU_FIELDS];
    const char *name = t.at;
    if (!text_take_u64(&t, &number))
        return;
    char instance[INSTANCE_NAME_CAP];
    instance_name_put(instance, name, (size_t)(t.at - name));
    uint32_t valid = times_take(t, tick_ns, value);
    if (valid != 0)
        each(user, instance, value, valid);
}

int machine_cpu_parse(const struct source_root *root, const char *text, size_t n,
                      uint64_t cpu[CPU_FIELDS], uint32_t *cpu_valid, uint64_t kernel[KERNEL_FIELDS],
                      uint32_t *kernel_valid, machine_each *each, void *user)
{
    struct text t = text_of(text, n);
    uint64_t total[CPU_FIELDS];
    if (!text_take_literal(&t, "cpu "))
        return -EPROTO;
    uint32_t total_valid = times_take(t, root->tick_ns, total);
    if (total_valid == 0)
        return -EPROTO;
    for (unsigned i = 0; i < CPU_FIELDS; i++)
        if (total_valid & UINT32_C(1) << i)
            cpu[i] = total[i];
    *cpu_valid = total_valid;
    while (text_skip_past_newline(&t) && text_take_literal(&t, "cpu"))
        if (each != NULL)
            processor_take(t, root->tick_ns, each, user);
    *kernel_valid = key_lines_parse(t, stat_lines, ARRAY_LEN(stat_lines), kernel);
    return 0;
}

/* A number with two decimals, in hundredths. */
static bool take_hundredths(struct text *t, uint64_t *ret)
{
    uint64_t whole, part, value;
    text_skip_blanks(t);
    if (!text_take_u64(t, &whole) || !text_take_literal(t, "."))
        return false;
    const char *decimals = t->at;
    if (!text_take_column(t, &part) || t->at - decimals != 2 || part > 99 ||
        __builtin_mul_overflow(whole, 100, &value) || value > UINT64_MAX - part)
        return false;
    *ret = value + part;
    return true;
}

int machine_load_parse(const char *text, size_t n, uint64_t kernel[KERNEL_FIELDS], uint32_t *valid)
{
    struct text t = text_of(text, n);
    uint64_t load[3];
    for (unsigned i = 0; i < 3; i++)
        if (!take_hundredths(&t, &load[i]) || load[i] > UINT64_MAX / 10)
            return -EPROTO;
    for (unsigned i = 0; i < 3; i++) {
        kernel[KERNEL_LOAD1 + i] = load[i] * 10;
        *valid |= UINT32_C(1) << (KERNEL_LOAD1 + i);
    }
    return 0;
}

int machine_uptime_parse(const char *text, size_t n, uint64_t kernel[KERNEL_FIELDS],
                         uint32_t *valid)
{
    struct text t = text_of(text, n);
    uint64_t hundredths;
    if (!take_hundredths(&t, &hundredths) || hundredths > UINT64_MAX / (NS_PER_S / 100))
        return -EPROTO;
    kernel[KERNEL_UPTIME] = hundredths * (NS_PER_S / 100);
    *valid |= UINT32_C(1) << KERNEL_UPTIME;
    return 0;
}

int machine_cpu_read(struct machine_files *files, uint64_t cpu[CPU_FIELDS], uint32_t *cpu_valid,
                     uint64_t kernel[KERNEL_FIELDS], uint32_t *kernel_valid, machine_each *each,
                     void *user)
{
    ssize_t n = machine_text_read(files, MACHINE_STAT);
    if (n < 0)
        return (int)n;
    int rc = machine_cpu_parse(files->root, files->text, (size_t)n, cpu, cpu_valid, kernel,
                               kernel_valid, each, user);
    if (rc != 0)
        return rc;
    /* Without these their fields are missing. */
    n = machine_text_read(files, MACHINE_LOADAVG);
    if (n > 0)
        machine_load_parse(files->text, (size_t)n, kernel, kernel_valid);
    n = machine_text_read(files, MACHINE_UPTIME);
    if (n > 0)
        machine_uptime_parse(files->text, (size_t)n, kernel, kernel_valid);
    return 0;
}
