/*
 * Trace events as JSON, which chrome://tracing began and Perfetto's page, Firefox's profiler and many
 * others read. Times are microseconds since the start of the recording, with nanoseconds behind the point.
 * A process's life is a slice around those of its main thread.
 */
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "export/digits.h"
#include "export/trace.h"

static void put_number(struct buffer *out, const char *key, uint64_t number)
{
    char digits[DIGITS_MAX];
    buffer_put_text(out, key);
    buffer_put(out, digits, (size_t)(digits_write(digits, number) - digits));
}

static void put_us(struct buffer *out, const char *key, uint64_t ns)
{
    char digits[DIGITS_MAX];
    buffer_put_text(out, key);
    buffer_put(out, digits, (size_t)(digits_write_fraction(digits, ns, 3) - digits));
}

static void put_text(struct buffer *out, const char *key, const char *text)
{
    buffer_put_text(out, key);
    text_put_json(out, text, strlen(text));
}

/* `{"ph":"X","pid":1,"tid":1`, on a line of its own after what came before. */
static void begin_event(struct buffer *out, char phase, uint32_t pid, uint32_t tid)
{
    const char head[] = {',', '\n', '{', '"', 'p', 'h', '"', ':', '"', phase, '"'};
    buffer_put(out, head, sizeof head);
    put_number(out, ",\"pid\":", pid);
    put_number(out, ",\"tid\":", tid);
}

static void put_moment(struct trace *t, struct buffer *out, uint64_t time_ns)
{
    uint64_t start_ns = trace_start_ns(t);
    if (time_ns < start_ns)
        put_us(out, ",\"ts\":-", start_ns - time_ns);
    else
        put_us(out, ",\"ts\":", time_ns - start_ns);
}

static void put_name(struct buffer *out, const char *kind, uint32_t pid, uint32_t tid,
                     const char *name)
{
    begin_event(out, 'M', pid, tid);
    put_text(out, ",\"name\":", kind);
    put_text(out, ",\"args\":{\"name\":", name);
    buffer_put_text(out, "}}");
}

static void chrome_begin(struct trace *t, struct buffer *out)
{
    const struct tacho_recording *rec = trace_recording(t);
    const char *host = tacho_fact_text(rec, "hostname", NULL);
    size_t n;
    const char *command = tacho_fact_text(rec, "command", &n);
    uint64_t real_ns = tacho_real_ns(rec, trace_start_ns(t));
    char instant[DIGITS_MAX];
    buffer_put_text(out, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"recorder\":\"tacho\"");
    if (host != NULL)
        put_text(out, ",\"host\":", host);
    if (real_ns != 0) {
        buffer_put_text(out, ",\"started\":");
        text_put_json(out, instant, (size_t)(digits_write_instant(instant, real_ns) - instant));
    }
    if (command != NULL) {
        struct buffer line = {0};
        text_put_shell(&line, command, n);
        buffer_put_text(out, ",\"command\":");
        text_put_json(out, line.data, line.len);
        out->failed |= line.failed;
        buffer_done(&line);
    }
    buffer_put_text(out, "},\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":0,\"tid\":0,"
                         "\"name\":\"process_name\",\"args\":{\"name\":\"all\"}}");
}

static void put_life(struct trace *t, struct buffer *out, const struct trace_process *process)
{
    const struct tacho_process *p = process->process;
    struct buffer line = {0};
    begin_event(out, 'X', process->pid, process->pid);
    put_moment(t, out, process->from_ns);
    put_us(out, ",\"dur\":", process->to_ns - process->from_ns);
    put_text(out, ",\"cat\":\"process\",\"name\":", p->comm);
    text_put_shell(&line, p->argv, p->argv_bytes);
    put_number(out, ",\"args\":{\"entity\":", p->entity);
    put_number(out, ",\"pid\":", p->pid > 0 ? (uint64_t)p->pid : 0);
    buffer_put_text(out, ",\"command\":");
    text_put_json(out, line.data, line.len);
    if ((p->flags & TACHO_PROCESS_STATUS) != 0 && WIFEXITED(p->wait_status))
        put_number(out, ",\"exit_code\":", (uint64_t)WEXITSTATUS(p->wait_status));
    if ((p->flags & TACHO_PROCESS_STATUS) != 0 && WIFSIGNALED(p->wait_status))
        put_number(out, ",\"signal\":", (uint64_t)WTERMSIG(p->wait_status));
    buffer_put_text(out, "}}");
    out->failed |= line.failed;
    buffer_done(&line);
}

static void chrome_process(struct trace *t, struct buffer *out, const struct trace_process *process)
{
    put_name(out, "process_name", process->pid, process->pid, process->process->comm);
    put_name(out, "thread_name", process->pid, process->pid, process->process->comm);
    put_life(t, out, process);
}

static void chrome_thread(struct trace *t, struct buffer *out, const struct trace_thread *thread)
{
    (void)t;
    if (thread->thread->name[0] != '\0')
        put_name(out, "thread_name", thread->pid, thread->tid, thread->thread->name);
}

static void chrome_scope_end(struct trace *t, struct buffer *out, const struct trace_scope *scope)
{
    const struct scope_frame *frame = scope->frame;
    begin_event(out, 'X', scope->thread.pid, scope->thread.tid);
    put_moment(t, out, frame->begin_ns);
    put_us(out, ",\"dur\":", scope_duration(frame, scope->end));
    if (frame->cpu_ns != TACHO_TIME_UNKNOWN && scope->end->cpu_ns != TACHO_TIME_UNKNOWN &&
        scope->end->cpu_ns >= frame->cpu_ns) {
        put_us(out, ",\"tts\":", frame->cpu_ns);
        put_us(out, ",\"tdur\":", scope->end->cpu_ns - frame->cpu_ns);
    }
    if (scope->site != NULL && scope->site->category[0] != '\0')
        put_text(out, ",\"cat\":", scope->site->category);
    put_text(out, ",\"name\":", scope->site == NULL ? "(lost)" : scope->site->name);
    buffer_put_byte(out, '}');
}

static void chrome_value(struct trace *t, struct buffer *out, const struct trace_value *value)
{
    char digits[DIGITS_MAX];
    begin_event(out, 'C', value->pid, value->pid);
    put_moment(t, out, value->time_ns);
    put_text(out, ",\"name\":", value->name);
    put_text(out, ",\"args\":{", value->unit[0] == '\0' ? "value" : value->unit);
    buffer_put_byte(out, ':');
    buffer_put(out, digits, (size_t)(digits_write_cell(digits, &value->value) - digits));
    buffer_put_text(out, "}}");
}

static void chrome_label(struct trace *t, struct buffer *out, const struct trace_label *label)
{
    begin_event(out, 'i', label->pid, label->tid != 0 ? label->tid : label->pid);
    put_moment(t, out, label->label->time_ns);
    buffer_put_text(out, label->pid == TRACE_NOBODY ? ",\"s\":\"g\""
                         : label->tid == 0          ? ",\"s\":\"p\""
                                                    : ",\"s\":\"t\"");
    put_text(out, ",\"cat\":\"label\",\"name\":", label->label->text);
    buffer_put_byte(out, '}');
}

static void chrome_end(struct trace *t, struct buffer *out)
{
    (void)t;
    buffer_put_text(out, "\n]}\n");
}

static int chrome_whole(struct export *export)
{
    static const struct trace_writer writer = {.begin = chrome_begin,
                                               .process = chrome_process,
                                               .thread = chrome_thread,
                                               .scope_end = chrome_scope_end,
                                               .value = chrome_value,
                                               .label = chrome_label,
                                               .end = chrome_end};
    return trace_run(export, &writer, NULL);
}

const struct export_format export_chrome = {.name = "chrome", .whole = chrome_whole};
