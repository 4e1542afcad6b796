/* tacho doctor: what this build has and this machine allows, found out by trying. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "config.h"
#include "follow/follow_try.h"
#include "record/marks_place.h"
#include "report/gnuplot_run.h"
#include "report/json.h"
#include "report/page.h"
#include "report/quantity.h"
#include "sample/gpu_thread.h"
#include "source/cgroup.h"
#include "source/host.h"
#include "source/powercap.h"

static const char help[] =
    "usage: tacho doctor [--json]\n"
    "Says what this build has and what this machine allows: how processes can be followed, what "
    "can\n"
    "be read of them, and of what does not work why, and what would make it work. All of it is\n"
    "tried, nothing is guessed.\n"
    "\n"
    "      --json   the same for programs: schema tacho.doctor/1\n"
    "  -h, --help   this text; more in tacho-doctor(1)\n";

enum { OPTION_JSON = 256 };

static const struct option longs[] = {
    {"json", no_argument, NULL, OPTION_JSON}, {"help", no_argument, NULL, 'h'}, {0}};

/* ---- what is found out ---- */

#define FINDINGS_MAX 16

struct finding {
    const char *name; /* static; one word for programs */
    const char *help; /* what it is, NULL: the reason says all */
    bool works, automatic;
    struct follow_reason reason;
};

struct findings {
    struct finding item[FINDINGS_MAX];
    size_t count;
};

struct examination {
    struct source_root root;
    struct host_facts facts;
    struct findings build, follow, read, report, limits;
};

static struct finding *add(struct findings *all, const char *name, bool works)
{
    struct finding *f = &all->item[all->count];
    if (all->count + 1 < FINDINGS_MAX)
        all->count++;
    *f = (struct finding){.name = name, .works = works};
    return f;
}

__attribute__((format(printf, 4, 5))) static void find(struct findings *all, const char *name,
                                                       bool works, const char *format, ...)
{
    va_list args;
    struct finding *f = add(all, name, works);
    va_start(args, format);
    vsnprintf(f->reason.text, sizeof f->reason.text, format, args);
    va_end(args);
}

static void look_at_build(struct findings *all)
{
#ifdef HAVE_ZSTD
    find(all, "zstd", true, "recordings are compressed");
#else
    find(all, "zstd", false, "recordings are not compressed: configure with -Dzstd=enabled");
#endif
#ifdef HAVE_PAGE
    find(all, "page", true, "tacho report --html makes pages");
#else
    find(all, "page", false, "no tacho report --html: configure with -Dpage=enabled (zlib)");
#endif
#ifdef HAVE_NCURSES
    find(all, "ncurses", true, "tacho top works");
#else
    find(all, "ncurses", false, "no tacho top: configure with -Dncurses=enabled (libncurses-dev)");
#endif
#ifdef HAVE_SQLITE
    find(all, "sqlite", true, "tacho export --to sqlite makes databases");
#else
    find(all, "sqlite", false,
         "no tacho export --to sqlite: configure with -Dsqlite=enabled (libsqlite3-dev)");
#endif
#ifdef HAVE_BPF
    find(all, "bpf", true, "processes can be followed in the kernel");
#else
    find(all, "bpf", false,
         "not in this build: configure with -Dbpf=enabled (clang, bpftool, libbpf-dev)");
#endif
}

static void try_mechanisms(struct examination *e)
{
    for (size_t i = 0; follow_mechanisms[i] != NULL; i++) {
        const struct follow_mechanism *m = follow_mechanisms[i];
        struct finding *f = add(&e->follow, m->name, false);
        f->works = follow_try(m, &e->root, &f->reason) == 0;
        f->help = m->help;
        f->automatic = !m->only_when_asked;
    }
}

/* ---- what can be read ---- */

/* Somebody else's process, 0 where there is none to try with. */
static pid_t stranger;

static void choose_stranger(void *user, pid_t pid)
{
    const struct source_root *root = user;
    struct process_files files = process_files_unkept(pid);
    struct proc_owner owner;
    if (stranger == 0 && proc_owner_read(root, &files, &owner) == 0 && owner.uid != getuid())
        stranger = pid;
}

static void look_at_strangers(struct examination *e)
{
    uint64_t value[IO_FIELDS];
    uint32_t valid;
    proc_scan(&e->root, choose_stranger, &e->root);
    if (stranger == 0) {
        find(&e->read, "others", true, "no process of another user is to be seen here");
        return;
    }
    struct process_files files = process_files_unkept(stranger);
    if (proc_io_read(&e->root, &files, value, &valid) == 0)
        find(&e->read, "others", true, "I/O, PSS and descriptors of other users' processes too");
    else
        find(&e->read, "others", false,
             "I/O, PSS and descriptors of other users' processes: run as root, or with "
             "CAP_SYS_PTRACE (containers: --cap-add SYS_PTRACE); CPU and memory are read");
}

static void look_at_own(struct examination *e)
{
    struct process_files self = process_files_unkept(getpid());
    uint64_t value[SMAPS_FIELDS];
    uint32_t valid;
    int r = proc_smaps_read(&e->root, &self, value, &valid);
    if (r == 0)
        find(&e->read, "pss", true, "shared memory is counted once (PSS)");
    else
        find(&e->read, "pss", false, "smaps_rollup: %s; needs Linux 4.14", strerror(-r));
}

/* The number in a file below /proc/sys, -1 unknown. */
static int read_sysctl(const struct source_root *root, const char *path)
{
    char text[32];
    uint64_t value;
    ssize_t n = source_read_at(root->proc_fd, path, text, sizeof text - 1);
    if (n <= 0)
        return -1;
    struct text t = text_of(text, (size_t)n);
    return text_take_u64(&t, &value) && value < 1000 ? (int)value : -1;
}

static void look_at_delays(struct examination *e)
{
    int on = read_sysctl(&e->root, "sys/kernel/task_delayacct");
    if (on == 1)
        find(&e->read, "iowait", true, "how long processes wait for storage");
    else
        find(&e->read, "iowait", false, "how long processes wait for storage: %s",
             on == 0 ? "as root: sysctl kernel.task_delayacct=1, for processes begun after that"
                     : "the kernel has no CONFIG_TASK_DELAY_ACCT, or does not show it");
}

static void look_at_energy(struct examination *e)
{
    struct energy_domains domains;
    int r = energy_open(&e->root, &domains);
    if (r == 0)
        find(&e->read, "energy", true, "%zu counters of processors and their memory",
             domains.count);
    else
        find(&e->read, "energy", false, "energy of processors: %s",
             r == -EACCES ? "for root alone, on this machine"
                          : "this machine counts none, or a host keeps it");
    energy_close(&domains);
}

static void look_at_clock(struct examination *e)
{
    bool tsc = strcmp(e->facts.clocksource, "tsc") == 0;
    find(&e->read, "clock", tsc, "%s%s",
         e->facts.clocksource[0] != '\0' ? e->facts.clocksource : "unknown",
         tsc ? ": moments cost some nanoseconds" : ": moments cost a system call's time or more");
}

/* What marks of programs need. Those that are in a directory on a disk are written back now and then. */
static void look_at_marks(struct examination *e)
{
    struct marks_place place;
    int r = marks_place_make(&place);
    if (r != 0) {
        find(&e->read, "marks", false,
             "what programs mark: no directory can be made in /dev/shm or /tmp: %s", strerror(-r));
        return;
    }
    bool in_memory = strncmp(place.path, "/dev/shm/", strlen("/dev/shm/")) == 0;
    find(&e->read, "marks", true, "what programs mark, stamped by %s%s",
         place.ticks ? "the processor's tick counter" : "the system's clock",
         in_memory ? "" : "; /dev/shm cannot be used, /tmp is");
    marks_place_remove(&place);
}

#define GPU_PATIENCE_NS (10 * NS_PER_S)

/* In a thread of its own, as when recording: a driver may hang. */
static void look_at_gpus(struct examination *e)
{
    const struct gpu_thread_config config = {.root = &e->root};
    struct gpu_thread *thread;
    const char *why;
    if (gpu_thread_new(&config, &thread) != 0)
        return;
    int r = gpu_thread_wait(thread, GPU_PATIENCE_NS, &why);
    unsigned count = r == 0 ? gpu_thread_count(thread) : 0;
    if (r == 0)
        find(&e->read, "gpu", true, "%u GPU%s of NVIDIA's, driver %s", count, count == 1 ? "" : "s",
             gpu_thread_driver_version(thread));
    else
        find(&e->read, "gpu", false, "%s",
             r == -EAGAIN ? "the driver of NVIDIA's GPUs does not answer" : why);
    gpu_thread_free(thread);
}

/* ---- reporting ---- */

static void look_at_gnuplot(struct findings *all)
{
    char words[GNUPLOT_WORDS_MAX];
    int r = gnuplot_version(words);
    if (r == 0)
        find(all, "gnuplot", true, "tacho report --plot draws with %s", words);
    else
        find(all, "gnuplot", false,
             "tacho report --plot cannot draw: %s: apt-get install gnuplot-nox",
             r == -ENOENT ? "gnuplot is missing"
             : r == -EIO  ? "gnuplot fails"
                          : strerror(-r));
}

/* ---- limits ---- */

#define DESCRIPTORS_EACH 6 /* kept open of a process */

static void look_at_limits(struct examination *e)
{
    struct rlimit files;
    struct cgroup_limits group;
    struct buffer words = {0};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        find(&e->limits, "descriptors", files.rlim_max >= 4096,
             "%llu open files: %llu processes are read at full speed, more are read slower",
             (unsigned long long)files.rlim_max,
             (unsigned long long)(files.rlim_max / DESCRIPTORS_EACH));
    if (cgroup_limits_read(&e->root, getpid(), &group) != 0)
        return;
    if (group.memory_max_bytes != UINT64_MAX) {
        put_bytes(&words, group.memory_max_bytes);
        find(&e->limits, "memory", true, "%.*s in our control group", (int)words.len,
             (const char *)words.data);
    }
    if (group.cpu_max > 0)
        find(&e->limits, "cpu", true, "%.2f cores in our control group", group.cpu_max);
    if (group.pids_max != UINT64_MAX)
        find(&e->limits, "processes", true, "%llu in our control group",
             (unsigned long long)group.pids_max);
    buffer_done(&words);
}

static int examine(struct examination *e)
{
    if (source_root_open(&e->root, "/") != 0)
        return cli_failed("cannot open /proc: is it mounted?");
    host_facts_read(&e->root, &e->facts);
    look_at_build(&e->build);
    try_mechanisms(e);
    look_at_strangers(e);
    look_at_own(e);
    look_at_delays(e);
    look_at_clock(e);
    look_at_energy(e);
    look_at_marks(e);
    look_at_gpus(e);
    look_at_gnuplot(&e->report);
    look_at_limits(e);
    return 0;
}

/* ---- for people ---- */

#define NAME_CELLS 22

static void put_finding(const struct page *page, const struct finding *f, bool first)
{
    struct buffer words = {0};
    const char *mark = f->works ? "yes" : "no ";
    page_blank(page, 2);
    page_put(page, f->works ? INK_CPU : INK_WARNING, mark, 3);
    page_blank(page, 1);
    page_put_text(page, INK_STRONG, f->name);
    size_t at = 6 + strlen(f->name);
    page_blank(page, at < NAME_CELLS + 6 ? NAME_CELLS + 6 - at : 1);
    if (first)
        buffer_put_text(&words, "taken by auto; ");
    if (f->works && f->help != NULL)
        buffer_put_text(&words, f->help);
    else
        buffer_put_text(&words, f->reason.text);
    size_t indent = page->width > 60 ? NAME_CELLS + 6 : 6;
    page_wrap(page, INK_PLAIN, at < NAME_CELLS + 6 ? NAME_CELLS + 6 : at + 1, indent,
              (const char *)words.data, words.len);
    page->out->failed |= words.failed;
    buffer_done(&words);
}

static void put_findings(const struct page *page, const char *title, const struct findings *all)
{
    bool taken = false;
    page_end_line(page);
    page_line(page, INK_STRONG, 0, title, strlen(title));
    for (size_t i = 0; i < all->count; i++) {
        const struct finding *f = &all->item[i];
        bool first = f->works && f->automatic && !taken;
        taken |= first;
        put_finding(page, f, first);
    }
}

static void put_text(struct buffer *ret, const struct examination *e)
{
    struct page page = page_of(ret, terminal_width(), terminal_utf8(), terminal_colour());
    struct buffer title = {0};
    buffer_printf(&title, "tacho %s on Linux %s, %u processors", TACHO_VERSION, e->facts.kernel,
                  e->facts.processors);
    page_line(&page, INK_STRONG, 0, title.data, title.len);
    buffer_done(&title);
    put_findings(&page, "This build", &e->build);
    put_findings(&page, "Following processes", &e->follow);
    put_findings(&page, "Reading", &e->read);
    put_findings(&page, "Reporting", &e->report);
    put_findings(&page, "Limits", &e->limits);
}

/* ---- for programs ---- */

static void put_list(struct json *j, const char *key, const struct findings *all)
{
    json_begin(j, key, '[');
    for (size_t i = 0; i < all->count; i++) {
        const struct finding *f = &all->item[i];
        json_begin(j, NULL, '{');
        json_text(j, "name", f->name);
        json_bool(j, "works", f->works);
        if (f->help != NULL) {
            json_bool(j, "automatic", f->automatic);
            json_text(j, "help", f->help);
        }
        json_text(j, "reason", f->reason.text[0] != '\0' ? f->reason.text : NULL);
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void put_json(struct buffer *ret, const struct examination *e)
{
    struct json j = {.out = ret};
    json_begin(&j, NULL, '{');
    json_text(&j, "schema", "tacho.doctor/1");
    json_text(&j, "version", TACHO_VERSION);
    json_text(&j, "kernel", e->facts.kernel);
    json_number(&j, "processors", e->facts.processors);
    put_list(&j, "build", &e->build);
    put_list(&j, "follow", &e->follow);
    put_list(&j, "read", &e->read);
    put_list(&j, "report", &e->report);
    put_list(&j, "limits", &e->limits);
    json_end(&j, '}');
}

static int print(const struct examination *e, bool json)
{
    struct buffer text = {0};
    if (json)
        put_json(&text, e);
    else
        put_text(&text, e);
    bool failed = text.failed;
    if (!failed)
        fwrite(text.data, 1, text.len, stdout);
    buffer_done(&text);
    return failed ? cli_failed("out of memory") : cli_finish();
}

int command_doctor(int argc, char **argv)
{
    bool json = false;
    struct examination e = {.root = {.proc_fd = -1, .sys_fd = -1}};
    for (int option; (option = cli_getopt(argc, argv, "h", longs)) != -1;) {
        switch (option) {
        case OPTION_JSON: json = true; break;
        case 'h': return cli_help(help);
        default: return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return cli_usage("'%s' is too many: there is nothing to name", argv[optind]);
    int status = examine(&e);
    if (status == 0)
        status = print(&e, json);
    host_facts_done(&e.facts);
    if (e.root.proc_fd >= 0)
        source_root_close(&e.root);
    return status;
}
