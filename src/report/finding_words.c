#include "report/finding_words.h"

#include <inttypes.h>
#include <sys/wait.h>

#include "report/quantity.h"
#include "report/summary_parts.h"

static void put_with(struct buffer *ret, const char *before, uint64_t value,
                     void (*put)(struct buffer *ret, uint64_t value))
{
    buffer_put_text(ret, before);
    put(ret, value);
}

static void put_failed(struct buffer *ret, const struct finding *f)
{
    put_count(ret, f->count);
    put_with(ret, " of ", f->of, put_count);
    buffer_put_text(ret, f->of == 1 ? " process failed" : " processes failed");
    if (f->name != NULL && f->name[0] != '\0')
        buffer_printf(ret, ", most often %s", f->name);
}

static void put_gaps(struct buffer *ret, const struct finding *f)
{
    if (f->count > 0) {
        put_with(ret, "Nothing was recorded for ", f->ns, put_duration);
        put_with(ret, " in ", f->count, put_count);
        buffer_put_text(ret, f->count == 1 ? " gap" : " gaps");
    } else {
        put_count(ret, f->of);
        buffer_put_text(ret, f->of == 1 ? " tick was skipped" : " ticks were skipped");
    }
}

static void put_cores_share(struct buffer *ret, const struct finding *f, const char *which)
{
    buffer_put_text(ret, "For ");
    put_percent(ret, f->share);
    buffer_printf(ret, " of the time %s", which);
    put_count(ret, f->of);
    bool one = f->kind == FINDING_ONE_CORE;
    buffer_put_text(ret, f->of == 1 ? " processor was in use"
                         : one      ? " processors was in use"
                                    : " processors were in use");
}

static void put_short(struct buffer *ret, const struct finding *f)
{
    put_count(ret, f->count);
    put_with(ret, " of ", f->of, put_count);
    buffer_put_text(ret, " processes lived less than 0.1 s, and took ");
    put_percent(ret, f->share);
    buffer_put_text(ret, " of the CPU");
}

static void put_owner(struct buffer *ret, const struct finding *f, const struct summary *s)
{
    put_process_name(ret, tacho_process(s->rec, f->row));
    put_with(ret, " had ", f->bytes, put_bytes);
    put_with(ret, " of the ", f->of_bytes, put_bytes);
    buffer_put_text(ret, " at the peak of memory");
}

static void put_of_machine(struct buffer *ret, const struct finding *f)
{
    put_bytes(ret, f->bytes);
    put_with(ret, " of the machine's ", f->of_bytes, put_bytes);
    buffer_put_text(ret, " of memory were in use");
}

static void put_group_oom(struct buffer *ret, const struct finding *f)
{
    buffer_put_text(ret, "The kernel killed ");
    put_count(ret, f->count);
    buffer_put_text(ret, f->count == 1 ? " process" : " processes");
    buffer_put_text(ret, " of the job's control group for want of memory: ");
    if (f->of == 0) {
        buffer_put_text(ret, "the machine had none left");
        return;
    }
    buffer_put_text(ret, "it came to its limit");
    if (f->of_bytes != SUMMARY_UNKNOWN)
        put_with(ret, " of ", f->of_bytes, put_bytes);
}

static void put_throttled(struct buffer *ret, const struct finding *f)
{
    buffer_put_text(ret, "The control group's limit of ");
    put_decimal(ret, f->cores, 2);
    buffer_put_text(ret, " cores held the job back in ");
    put_percent(ret, f->share);
    put_with(ret, " of its periods, for ", f->ns, put_duration);
    buffer_put_text(ret, " in all");
}

void put_finding(struct buffer *ret, const struct finding *f, const struct summary *s)
{
    switch (f->kind) {
    case FINDING_ROOT_FAILED:
        buffer_put_text(ret, WIFSIGNALED(f->status) ? "The command was killed by "
                                                    : "The command failed: ");
        put_wait_status(ret, f->status);
        break;
    case FINDING_UNFINISHED: buffer_put_text(ret, "The recording ends without its end"); break;
    case FINDING_FAILED: put_failed(ret, f); break;
    case FINDING_GROUP_OOM: put_group_oom(ret, f); break;
    case FINDING_GROUP_MEMORY:
        put_with(ret, "The job's control group came to ", f->bytes, put_bytes);
        put_with(ret, " of its limit of ", f->of_bytes, put_bytes);
        break;
    case FINDING_THROTTLED: put_throttled(ret, f); break;
    case FINDING_OOM:
        buffer_put_text(ret, "The kernel killed ");
        put_count(ret, f->count);
        buffer_put_text(ret, f->count == 1 ? " process" : " processes");
        buffer_put_text(ret, " on this machine for want of memory");
        break;
    case FINDING_MEMORY_FULL: put_of_machine(ret, f); break;
    case FINDING_GPU_ERRORS:
        buffer_printf(ret, "%s had ", f->name);
        put_count(ret, f->count);
        buffer_put_text(ret, f->count == 1 ? " memory error" : " memory errors");
        buffer_put_text(ret, " that could not be put right");
        break;
    case FINDING_GPU_HELD:
        buffer_printf(ret, "The clocks of %s were held down for ", f->name);
        put_duration(ret, f->ns);
        buffer_put_text(ret, ", ");
        put_percent(ret, f->share);
        buffer_put_text(ret, " of the time");
        break;
    case FINDING_GPU_IDLE:
        buffer_printf(ret, "%s was in use for ", f->name);
        put_percent(ret, f->share);
        buffer_put_text(ret, " of the time");
        put_with(ret, "; up to ", f->bytes, put_bytes);
        buffer_put_text(ret, " of its memory were the job's");
        break;
    case FINDING_SWAP:
        put_with(ret, "Up to ", f->bytes, put_bytes);
        buffer_put_text(ret, " of the job's memory were swapped out");
        break;
    case FINDING_IO_WAIT:
        put_with(ret, "Processes waited ", f->ns, put_duration);
        buffer_put_text(ret, " for disks, ");
        put_percent(ret, f->share);
        buffer_put_text(ret, " of the wall time");
        break;
    case FINDING_OTHERS:
        buffer_put_text(ret, "Others on this machine used ");
        put_decimal(ret, f->cores, 2);
        buffer_printf(ret, " of %" PRIu64 " processors meanwhile", f->of);
        break;
    case FINDING_GAPS: put_gaps(ret, f); break;
    case FINDING_ONE_CORE: put_cores_share(ret, f, "about one of "); break;
    case FINDING_ALL_CORES: put_cores_share(ret, f, f->of == 1 ? "the " : "nearly all of "); break;
    case FINDING_WAITING:
        put_decimal(ret, f->cores, 2);
        buffer_printf(ret, " of %" PRIu64 " processors were in use on average", f->of);
        break;
    case FINDING_SHORT: put_short(ret, f); break;
    case FINDING_MEMORY_OWNER: put_owner(ret, f, s); break;
    case FINDING_CATEGORY:
        buffer_printf(ret, "%s took ", f->name);
        put_percent(ret, f->share);
        put_with(ret, " of the time of the processes that mark, ", f->ns, put_duration);
        break;
    case FINDING_KINDS: break;
    }
}

/* By kind; what speaks for itself has none. */
static const char *const advice[FINDING_KINDS] = {
    [FINDING_UNFINISHED] =
        "The recorder was killed or is still writing; the last moments may be missing.",
    [FINDING_GROUP_OOM] =
        "Ask for more memory, or use less: what else runs in the group counts too.",
    [FINDING_GROUP_MEMORY] =
        "Page cache counts too, and is given up first; with little more beyond "
        "it the kernel kills.",
    [FINDING_THROTTLED] =
        "Times include such waits: ask for more processors, or start fewer threads.",
    [FINDING_OOM] = "It may have been one of these: a process that was killed by SIGKILL, and by "
                    "nobody you know.",
    [FINDING_MEMORY_FULL] = "Little more and the kernel begins to swap, or to kill.",
    [FINDING_SWAP] = "Memory was short: what is swapped out must be read back from disk.",
    [FINDING_GPU_ERRORS] = "What was computed there may be wrong: see nvidia-smi -q -d ECC.",
    [FINDING_GPU_HELD] = "By heat or its power limit, as the table of GPUs says.",
    [FINDING_GPU_IDLE] =
        "The job kept it waiting: for input, for its own processors, or at its end.",
    [FINDING_IO_WAIT] = "Faster storage, larger reads and writes, or fewer of them may help.",
    [FINDING_OTHERS] = "They compete with the job: times vary with what they do.",
    [FINDING_GAPS] = "The recorder could not keep up, or was stopped; peaks may lie in between.",
    [FINDING_ONE_CORE] = "One thread had most of the work: more threads or processes may help.",
    [FINDING_WAITING] = "The job mostly waited: for input, locks, the network, or sleep.",
    [FINDING_SHORT] = "Starting so many costs time of its own: larger pieces may help.",
    [FINDING_FAILED] = "What failed first is often the cause of the rest.",
};

void put_finding_advice(struct buffer *ret, const struct finding *f)
{
    if (advice[f->kind] != NULL)
        buffer_put_text(ret, advice[f->kind]);
}

const char *severity_name(enum severity severity)
{
    return severity == SEVERITY_BAD ? "bad" : severity == SEVERITY_WARNING ? "warning" : "note";
}
