#include "cli/status_line.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "report/quantity.h"

#define DRAW_EVERY_NS (250 * NS_PER_MS)
#define RATE_OVER_NS (NS_PER_S / 2) /* CPU is a mean over so much, at least */
#define WIDTH_DEFAULT 80

static struct {
    bool begun, drawn;
    uint64_t due_ns, rate_ns, rate_cpu_ns;
    double cores;
    bool cores_known;
} line;

/* ---- who else has the terminal ---- */

/* The controlling terminal of a process as stat shows it, proc_pid_stat(5); -1 unknown. */
static long terminal_of(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *end = strrchr(text, ')'); /* of the name, which may hold anything */
    int number;
    if (end == NULL || sscanf(end + 1, " %*c %*d %*d %*d %d", &number) != 1)
        return -1;
    return number;
}

static bool writes_to(pid_t pid, int fd, dev_t terminal)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == terminal;
}

/* The kernel's number of a device in stat: new_encode_dev(), include/linux/kdev_t.h. */
static long encoded(dev_t device)
{
    unsigned major_ = (unsigned)(device >> 8 & 0xFFF), minor_ = (unsigned)(device & 0xFF);
    minor_ |= (unsigned)(device >> 12 & 0xFFF00);
    return (long)((minor_ & 0xFF) | major_ << 8 | (minor_ & ~0xFFU) << 12);
}

static bool has_terminal(pid_t pid, dev_t terminal)
{
    long controlling = terminal_of(pid);
    return controlling < 0 || controlling == encoded(terminal) ||
           writes_to(pid, STDOUT_FILENO, terminal) || writes_to(pid, STDERR_FILENO, terminal);
}

static bool is_shared(const struct record_options *o)
{
    struct stat st;
    if (fstat(STDERR_FILENO, &st) != 0 || o->target == TARGET_LAUNCH ||
        (o->stream != NULL && isatty(STDOUT_FILENO)))
        return true;
    for (size_t i = 0; i < o->root_count; i++)
        if (has_terminal(o->roots[i], st.st_rdev))
            return true;
    return false;
}

/* ---- drawing ---- */

/* In one write, if the terminal takes it: one that is stopped (Ctrl-S) must not stop us. */
static bool put(const struct buffer *text)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    sigset_t stop, before;
    if (text->failed || tcgetpgrp(STDERR_FILENO) != getpgrp() || poll(&out, 1, 0) != 1 ||
        (out.revents & POLLOUT) == 0)
        return false;
    /* Sent into the background just now, we write once more rather than stop. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    sigprocmask(SIG_BLOCK, &stop, &before);
    bool written = write(STDERR_FILENO, text->data, text->len) == (ssize_t)text->len;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return written;
}

void status_line_erase(void)
{
    static const struct buffer erase = {.data = (uint8_t *)"\r\x1b[K", .len = 4};
    if (line.drawn)
        put(&erase);
    line.drawn = false;
}

void status_line_begin(const struct record_options *options)
{
    const char *term = getenv("TERM");
    line.begun = !options->quiet && isatty(STDERR_FILENO) && term != NULL && term[0] != '\0' &&
                 strcmp(term, "dumb") != 0 && (options->status || !is_shared(options));
    if (line.begun)
        cli_before_line(status_line_erase);
}

bool status_line_due(uint64_t now_ns)
{
    return line.begun && now_ns >= line.due_ns;
}

int status_line_patience_ms(uint64_t now_ns)
{
    if (!line.begun)
        return -1;
    return now_ns >= line.due_ns ? 0 : (int)((line.due_ns - now_ns) / NS_PER_MS) + 1;
}

static void take_rate(uint64_t now_ns, uint64_t cpu_ns)
{
    if (line.rate_ns != 0 && now_ns - line.rate_ns < RATE_OVER_NS)
        return;
    line.cores_known = line.rate_ns != 0 && cpu_ns >= line.rate_cpu_ns;
    line.cores = (double)(cpu_ns - line.rate_cpu_ns) / (double)(now_ns - line.rate_ns);
    line.rate_ns = now_ns;
    line.rate_cpu_ns = cpu_ns;
}

static void put_words(struct buffer *words, const struct status *status)
{
    put_duration(words, status->elapsed_ns);
    if (status->now != NULL) {
        buffer_put_text(words, "  ");
        put_count(words, status->now->processes);
        buffer_put_text(words, status->now->processes == 1 ? " process" : " processes");
        if (line.cores_known) {
            buffer_put_text(words, "  CPU ");
            put_decimal(words, line.cores, 2);
            buffer_put_text(words, " cores");
        }
        buffer_put_text(words, "  memory ");
        put_bytes(words, status->now->rss_bytes);
    } else {
        buffer_put_text(words, "  ");
        put_bytes(words, status->written_bytes);
        buffer_put_text(words, " recorded");
    }
    if (status->label != NULL)
        buffer_printf(words, "  label: %s", status->label);
}

void status_line_draw(uint64_t now_ns, const struct status *status)
{
    struct buffer words = {0}, text = {0};
    struct winsize size;
    size_t width = WIDTH_DEFAULT;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    line.due_ns = now_ns + DRAW_EVERY_NS;
    if (status->now != NULL)
        take_rate(now_ns, status->now->cpu_ns);
    buffer_put_text(&words, "tacho: ");
    put_words(&words, status);
    buffer_put_byte(&text, '\r');
    /* One cell stays free: in the last one the cursor of some terminals goes to the next line. */
    text_put_fitted(&text, words.data, words.len, width - 1, terminal_utf8());
    buffer_put_text(&text, "\x1b[K");
    text.failed |= words.failed;
    line.drawn |= put(&text);
    buffer_done(&words);
    buffer_done(&text);
}
