/* The page's processes: a table in order of the tree, and the columns from which the script draws. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "analyse/programs.h"
#include "report/html_parts.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define NONE SIZE_MAX
#define SIGNALLED 256 /* added to a signal, to stand in one column with exit codes */
#define NS_DIGITS 9
#define NO_STATUS (-1)

/* ---- the tree ---- */

struct links {
    size_t *child, *next; /* by row: the first child, the next one of its parent */
    size_t root;
};

static size_t parent_row(const struct summary *s, size_t row)
{
    const struct tacho_process *p = tacho_process(s->rec, row);
    const struct process_row *parent =
        p->parent_entity != 0 ? summary_row_of(s, p->parent_entity) : NULL;
    size_t at = parent != NULL ? (size_t)(parent - s->rows) : NONE;
    return at < row ? at : NONE; /* whom a damaged file makes its own ancestor stands alone */
}

/* Backwards, so that each list comes out in order. */
static void link_rows(const struct summary *s, struct links *links)
{
    links->root = NONE;
    for (size_t i = 0; i < s->row_count; i++)
        links->child[i] = links->next[i] = NONE;
    for (size_t i = s->row_count; i-- > 0;) {
        size_t parent = parent_row(s, i),
               *list = parent != NONE ? &links->child[parent] : &links->root;
        links->next[i] = *list;
        *list = i;
    }
}

/* Down to the first child, else on to the next, else up; `up` holds those whose children we are in. */
static void lay_out(const struct links *links, struct html_tree *ret, size_t *up)
{
    size_t depth = 0;
    for (size_t row = links->root; row != NONE;) {
        ret->row[ret->count] = row;
        ret->depth[ret->count++] = (uint32_t)depth;
        up[depth] = row;
        if (links->child[row] != NONE) {
            row = links->child[row];
            depth++;
            continue;
        }
        while (depth > 0 && links->next[up[depth]] == NONE)
            depth--;
        row = links->next[up[depth]];
    }
}

int html_tree_make(const struct summary *s, struct html_tree *ret)
{
    size_t n = s->row_count + 1;
    struct links links = {.child = calloc(n, sizeof(size_t)), .next = calloc(n, sizeof(size_t))};
    size_t *up = calloc(n, sizeof *up);
    *ret = (struct html_tree){.row = calloc(n, sizeof *ret->row),
                              .depth = calloc(n, sizeof *ret->depth)};
    bool whole = links.child != NULL && links.next != NULL && up != NULL && ret->row != NULL &&
                 ret->depth != NULL;
    if (whole) {
        link_rows(s, &links);
        lay_out(&links, ret, up);
    } else {
        html_tree_done(ret);
    }
    free(links.child);
    free(links.next);
    free(up);
    return whole ? 0 : -ENOMEM;
}

void html_tree_done(struct html_tree *tree)
{
    free(tree->row);
    free(tree->depth);
    *tree = (struct html_tree){0};
}

/* ---- what is known of a process ---- */

static int status_of(const struct tacho_process *p)
{
    if ((p->flags & TACHO_PROCESS_STATUS) == 0)
        return NO_STATUS;
    return WIFSIGNALED(p->wait_status) ? SIGNALLED + WTERMSIG(p->wait_status)
                                       : WEXITSTATUS(p->wait_status);
}

static uint64_t end_of(const struct summary *s, const struct tacho_process *p)
{
    return (p->flags & TACHO_PROCESS_ENDED) != 0 ? html_since(s, p->end_ns) : SUMMARY_UNKNOWN;
}

static uint64_t wall_of(const struct summary *s, const struct tacho_process *p)
{
    uint64_t start = html_since(s, p->start_ns), end = end_of(s, p);
    return end == SUMMARY_UNKNOWN ? SUMMARY_UNKNOWN : end > start ? end - start : 0;
}

static uint64_t threads_of(const struct summary *s, size_t row)
{
    const struct process_row *r = &s->rows[row];
    return (r->known >> PROCESS_THREADS & 1) != 0 ? r->value[PROCESS_THREADS] : SUMMARY_UNKNOWN;
}

/* ---- the table ---- */

static const struct heading {
    const char *column, *text;
    bool number;
} heading[] = {
    {"name", "process", false},    {"pid", "pid", true},          {"start", "start", true},
    {"wall", "wall", true},        {"cpu", "CPU", true},          {"rss", "peak RSS", true},
    {"read", "read", true},        {"written", "written", true},  {"threads", "threads", true},
    {"status", "ended by", false}, {"command", "command", false},
};

static void put_heading(struct buffer *ret)
{
    html_put(ret, "<thead><tr>");
    for (size_t i = 0; i < sizeof heading / sizeof *heading; i++)
        buffer_printf(ret, "<th scope=\"col\" data-column=\"%s\"%s>%s</th>", heading[i].column,
                      heading[i].number ? " class=\"number\"" : "", heading[i].text);
    html_put(ret, "</tr></thead>\n<tbody>\n");
}

static void put_seconds(struct buffer *ret, uint64_t ns)
{
    html_put(ret, "<td class=\"number\">");
    html_seconds(ret, NULL, ns, put_duration);
    html_put(ret, "</td>");
}

static void put_number(struct buffer *ret, uint64_t value,
                       void (*put)(struct buffer *ret, uint64_t value))
{
    html_put(ret, "<td class=\"number\">");
    html_number(ret, NULL, value, put);
    html_put(ret, "</td>");
}

static void put_plain(struct buffer *ret, uint64_t value)
{
    buffer_printf(ret, "%llu", (unsigned long long)value);
}

static void put_status(struct buffer *ret, const struct tacho_process *p)
{
    struct buffer words = {0};
    html_put(ret, process_failed(p) ? "<td class=\"bad\">" : "<td>");
    if (status_of(p) != NO_STATUS) {
        put_wait_status(&words, p->wait_status);
        buffer_printf(ret, "<data value=\"%d\">", status_of(p));
        html_words(ret, &words);
        html_put(ret, "</data>");
    }
    html_put(ret, "</td>");
    buffer_done(&words);
}

static void put_row(struct buffer *ret, const struct summary *s, size_t row, uint32_t depth)
{
    const struct tacho_process *p = tacho_process(s->rec, row);
    const struct process_row *r = &s->rows[row];
    struct buffer command = {0};
    buffer_printf(ret, "<tr data-row=\"%zu\" data-depth=\"%u\"><td>", row, depth);
    html_text(ret, p->comm, strlen(p->comm));
    html_put(ret, "</td>");
    put_number(ret, p->pid != 0 ? (uint64_t)p->pid : SUMMARY_UNKNOWN, put_plain);
    put_seconds(ret, html_since(s, p->start_ns));
    put_seconds(ret, wall_of(s, p));
    put_seconds(ret, r->cpu_ns);
    put_number(ret, process_largest_rss(s, row), put_bytes);
    put_number(ret, r->read_bytes, put_bytes);
    put_number(ret, r->write_bytes, put_bytes);
    put_number(ret, threads_of(s, row), put_count);
    put_status(ret, p);
    html_put(ret, "<td><code>");
    put_command_line(&command, p);
    html_words(ret, &command);
    html_put(ret, "</code></td></tr>\n");
    buffer_done(&command);
}

void html_put_processes(struct buffer *ret, const struct summary *s, const struct html_tree *tree)
{
    if (tree->count == 0)
        return;
    html_section(ret, "processes", "Processes");
    html_put(ret, "<table id=\"process-table\" class=\"sortable tree\">\n"
                  "<caption>Each process under the one that started it</caption>\n");
    put_heading(ret);
    for (size_t i = 0; i < tree->count && i < HTML_ROWS_MAX; i++)
        put_row(ret, s, tree->row[i], tree->depth[i]);
    html_put(ret, "</tbody></table>\n");
    if (tree->count > HTML_ROWS_MAX) {
        html_put(ret, "<noscript><p>The first ");
        put_count(ret, HTML_ROWS_MAX);
        html_put(ret, " of ");
        put_count(ret, tree->count);
        html_put(ret, "; with JavaScript the rest is here too.</p></noscript>\n");
    }
    html_section_end(ret);
}

/* ---- columns ---- */

typedef uint64_t (*figure_fn)(const struct summary *s, size_t row);

static uint64_t start_figure(const struct summary *s, size_t row)
{
    return html_since(s, tacho_process(s->rec, row)->start_ns);
}
static uint64_t end_figure(const struct summary *s, size_t row)
{
    return end_of(s, tacho_process(s->rec, row));
}
static uint64_t parent_figure(const struct summary *s, size_t row)
{
    size_t parent = parent_row(s, row);
    return parent == NONE ? SUMMARY_UNKNOWN : parent;
}
static uint64_t pid_figure(const struct summary *s, size_t row)
{
    int pid = tacho_process(s->rec, row)->pid;
    return pid != 0 ? (uint64_t)pid : SUMMARY_UNKNOWN;
}
static uint64_t status_figure(const struct summary *s, size_t row)
{
    int status = status_of(tacho_process(s->rec, row));
    return status == NO_STATUS ? SUMMARY_UNKNOWN : (uint64_t)status;
}
static uint64_t cpu_figure(const struct summary *s, size_t row)
{
    return s->rows[row].cpu_ns;
}
static uint64_t read_figure(const struct summary *s, size_t row)
{
    return s->rows[row].read_bytes;
}
static uint64_t written_figure(const struct summary *s, size_t row)
{
    return s->rows[row].write_bytes;
}

static const struct column {
    const char *name;
    figure_fn figure;
    int digits;
} column[] = {
    {"start", start_figure, NS_DIGITS}, {"end", end_figure, NS_DIGITS},
    {"parent", parent_figure, 0},       {"pid", pid_figure, 0},
    {"status", status_figure, 0},       {"cpu", cpu_figure, NS_DIGITS},
    {"rss", process_largest_rss, 0},    {"read", read_figure, 0},
    {"written", written_figure, 0},     {"threads", threads_of, 0},
};

static void put_column(struct json *j, struct pack *pack, const struct summary *s,
                       const struct column *c)
{
    pack_begin(pack);
    for (size_t i = 0; i < s->row_count; i++) {
        uint64_t value = c->figure(s, i);
        if (value == SUMMARY_UNKNOWN)
            pack_unknown(pack);
        else
            pack_int(pack, value > INT64_MAX ? INT64_MAX : (int64_t)value);
    }
    struct packed packed = pack_end(pack, c->digits);
    json_packed(j, c->name, &packed);
}

/* Names are those of programs, few: the last ones are looked through for the same. */
#define NAMES_KEPT 64

static void put_names(struct json *j, struct pack *pack, struct html_texts *texts,
                      const struct summary *s)
{
    const char *kept[NAMES_KEPT];
    size_t number[NAMES_KEPT], next = 0;
    pack_begin(pack);
    for (size_t i = 0; i < s->row_count; i++) {
        const char *name = tacho_process(s->rec, i)->comm;
        size_t have = next < NAMES_KEPT ? next : NAMES_KEPT, at = 0;
        while (at < have && strcmp(kept[at], name) != 0)
            at++;
        if (at == have) {
            at = next++ % NAMES_KEPT;
            kept[at] = name;
            number[at] = html_texts_add(texts, name, strlen(name));
        }
        pack_int(pack, (int64_t)number[at]);
    }
    struct packed packed = pack_end(pack, 0);
    json_packed(j, "name", &packed);
}

static void put_commands(struct json *j, struct pack *pack, struct html_texts *texts,
                         const struct summary *s)
{
    struct buffer words = {0};
    pack_begin(pack);
    for (size_t i = 0; i < s->row_count; i++) {
        buffer_clear(&words);
        put_command_line(&words, tacho_process(s->rec, i));
        pack_int(pack, (int64_t)html_texts_add(texts, words.data, words.len));
    }
    struct packed packed = pack_end(pack, 0);
    json_packed(j, "command", &packed);
    pack->failed |= words.failed;
    buffer_done(&words);
}

void json_put_process_columns(struct json *j, struct pack *pack, struct html_texts *texts,
                              const struct summary *s)
{
    json_begin(j, "processes", '{');
    json_number(j, "count", s->row_count);
    for (size_t i = 0; i < sizeof column / sizeof *column; i++)
        put_column(j, pack, s, &column[i]);
    put_names(j, pack, texts, s);
    put_commands(j, pack, texts, s);
    json_end(j, '}');
    pack_cut(pack);
}
