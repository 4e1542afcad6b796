/*
 * What the readers cost that are no process's own: CPU ns a call. Control group and limits of this
 * process; energy and GPU clients on a tree made here, since few machines have them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "source/cgroup.h"
#include "source/drm.h"
#include "source/powercap.h"
#include "source/proc_limits.h"

#define CALLS 5000

static struct source_root here, made;
static struct cgroup_watch group;
static struct energy_domains energy;
static struct drm_table *gpus;
static struct drm_process gpu_use;

static void put(const char *top, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", top, name);
    for (char *slash = path + strlen(top) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        exit(1);
}

static void look_for_a_move(void)
{
    cgroup_watch_moved(&here, &group);
}

static void read_group(void)
{
    uint64_t value[CGROUP_FIELDS];
    uint32_t valid;
    cgroup_watch_read(&group, value, &valid);
}

static void read_limits(void)
{
    struct process_files files = process_files_unkept(getpid());
    struct proc_limits limits;
    proc_limits_read(&here, &files, &limits);
}

static void ignore(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    (void)user, (void)name, (void)value, (void)valid;
}

static void read_energy(void)
{
    energy_read(&energy, ignore, NULL);
}

static void read_gpu(void)
{
    struct process_files files = process_files_unkept(7);
    uint64_t value[DRM_FIELDS];
    uint32_t valid;
    drm_table_begin(gpus);
    drm_table_see(gpus, 3, "/dev/dri/renderD128", 19);
    drm_table_take(gpus, &files, clock_mono_ns(), &gpu_use, value, &valid);
}

static void measure(const char *what, void (*call)(void))
{
    call();
    uint64_t before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < CALLS; i++)
        call();
    uint64_t used = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before;
    printf("%-44s%8llu ns\n", what, (unsigned long long)(used / CALLS));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    const char *top = argv[1]; /* an empty directory */
    put(top, "proc/7/stat", "7 (x) S\n");
    put(top, "proc/7/fdinfo/3",
        "drm-driver:\tamdgpu\ndrm-client-id:\t1\ndrm-pdev:\t0000:03:00.0\n"
        "drm-engine-gfx:\t1000 ns\ndrm-engine-compute:\t5 ns\ndrm-memory-vram:\t4 KiB\n");
    put(top, "sys/class/drm/version", "drm 1.1.0\n");
    put(top, "sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put(top, "sys/class/powercap/intel-rapl:0/energy_uj", "123456789\n");
    if (source_root_open(&here, "/") != 0 || source_root_open(&made, top) != 0 ||
        cgroup_watch_open(&here, getpid(), &group) != 0 || energy_open(&made, &energy) != 0 ||
        drm_table_new(&made, &gpus) != 0)
        return 1;
    measure("has the root's control group changed, 10 Hz", look_for_a_move);
    measure("control group, 1 Hz", read_group);
    measure("limits of the root, 1 Hz", read_limits);
    measure("energy, a domain (but the register), 1 Hz", read_energy);
    measure("GPU client, a descriptor, 5 Hz at most", read_gpu);
    return 0;
}
