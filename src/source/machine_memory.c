/* /proc/meminfo, vmstat and pressure/. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "source/key_lines.h"
#include "source/machine_files.h"

static const struct key_line meminfo_lines[] = {
    KEY_LINE("MemTotal:", MEMORY_TOTAL, 1024),
    KEY_LINE("MemFree:", MEMORY_FREE, 1024),
    KEY_LINE("MemAvailable:", MEMORY_AVAILABLE, 1024), /* since Linux 3.14 */
    KEY_LINE("Buffers:", MEMORY_BUFFERS, 1024),
    KEY_LINE("Cached:", MEMORY_CACHED, 1024),
    KEY_LINE("SwapTotal:", MEMORY_SWAP_TOTAL, 1024),
    KEY_LINE("SwapFree:", MEMORY_SWAP_FREE, 1024),
    KEY_LINE("Dirty:", MEMORY_DIRTY, 1024),
    KEY_LINE("Shmem:", MEMORY_SHMEM, 1024),
    KEY_LINE("Slab:", MEMORY_SLAB, 1024),
};

static const struct key_line vmstat_lines[] = {
    KEY_LINE("pswpin ", PAGING_SWAPPED_IN, 1),  KEY_LINE("pswpout ", PAGING_SWAPPED_OUT, 1),
    KEY_LINE("pgfault ", PAGING_FAULTS, 1),     KEY_LINE("pgmajfault ", PAGING_MAJOR_FAULTS, 1),
    KEY_LINE("oom_kill ", PAGING_OOM_KILLS, 1), /* since Linux 4.13 */
};

int machine_memory_parse(const char *text, size_t n, uint64_t value[MEMORY_FIELDS], uint32_t *valid)
{
    uint32_t read =
        key_lines_parse(text_of(text, n), meminfo_lines, ARRAY_LEN(meminfo_lines), value);
    if (read == 0)
        return -EPROTO;
    *valid = read;
    return 0;
}

int machine_paging_parse(const char *text, size_t n, uint64_t value[PAGING_FIELDS], uint32_t *valid)
{
    uint32_t read = key_lines_parse(text_of(text, n), vmstat_lines, ARRAY_LEN(vmstat_lines), value);
    if (read == 0)
        return -EPROTO;
    *valid = read;
    return 0;
}

int machine_memory_read(struct machine_files *files, uint64_t value[MEMORY_FIELDS], uint32_t *valid)
{
    ssize_t n = machine_text_read(files, MACHINE_MEMINFO);
    return n < 0 ? (int)n : machine_memory_parse(files->text, (size_t)n, value, valid);
}

int machine_paging_read(struct machine_files *files, uint64_t value[PAGING_FIELDS], uint32_t *valid)
{
    ssize_t n = machine_text_read(files, MACHINE_VMSTAT);
    return n < 0 ? (int)n : machine_paging_parse(files->text, (size_t)n, value, valid);
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234\n", the total in µs. */
static bool total_take(struct text t, uint64_t *ret)
{
    uint64_t us;
    for (; t.at < t.end && *t.at != '\n'; t.at++)
        if (text_take_literal(&t, " total="))
            return text_take_column(&t, &us) && !__builtin_mul_overflow(us, NS_PER_US, ret);
    return false;
}

int machine_pressure_parse(const char *text, size_t n, enum pressure_field some,
                           enum pressure_field full, uint64_t value[PRESSURE_FIELDS],
                           uint32_t *valid)
{
    struct text t = text_of(text, n);
    uint32_t read = 0;
    do {
        enum pressure_field field = PRESSURE_FIELDS;
        uint64_t total = 0;
        if (text_take_literal(&t, "some"))
            field = some;
        else if (text_take_literal(&t, "full"))
            field = full;
        if (field < PRESSURE_FIELDS && total_take(t, &total)) {
            value[field] = total;
            read |= UINT32_C(1) << field;
        }
    } while (text_skip_past_newline(&t));
    *valid |= read;
    return read == 0 ? -EPROTO : 0;
}

int machine_pressure_read(struct machine_files *files, uint64_t value[PRESSURE_FIELDS],
                          uint32_t *valid)
{
    static const struct {
        enum machine_file file;
        enum pressure_field some, full;
    } texts[] = {
        /*
         * For the whole machine "full" means nothing with the processors, and is 0 since

         *    Linux 5.13.
         */
        {MACHINE_PRESSURE_CPU, PRESSURE_CPU_SOME, PRESSURE_FIELDS},
        {MACHINE_PRESSURE_MEMORY, PRESSURE_MEMORY_SOME, PRESSURE_MEMORY_FULL},
        {MACHINE_PRESSURE_IO, PRESSURE_IO_SOME, PRESSURE_IO_FULL},
    };
    uint32_t read = 0;
    int failure = 0;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        ssize_t n = machine_text_read(files, texts[i].file);
        int rc = n < 0 ? (int)n
                       : machine_pressure_parse(files->text, (size_t)n, texts[i].some,
                                                texts[i].full, value, &read);
        if (rc != 0)
            failure = rc;
    }
    if (read == 0)
        return failure;
    *valid = read;
    return 0;
}
