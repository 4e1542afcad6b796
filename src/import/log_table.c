#include "import/log_table.h"

#include <string.h>
#include <strings.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/json_reader.h"
#include "format/metric.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct text trimmed(struct text t)
{
    while (t.at < t.end && is_blank(*t.at))
        t.at++;
    while (t.end > t.at && is_blank(t.end[-1]))
        t.end--;
    return t;
}

static const char *find(const char *from, const char *end, char c)
{
    while (from < end && *from != c)
        from++;
    return from;
}

/* Where the cell that begins here ends: at its separator, or at the end of the line. */
static const char *cell_end(struct text t, char separator)
{
    while (t.at < t.end && is_blank(*t.at) && *t.at != separator)
        t.at++;
    /* A quote that is doubled stands for itself: the cell goes on. */
    for (bool quoted = t.at < t.end && *t.at == '"'; quoted;
         quoted = t.at < t.end && *t.at == '"') {
        const char *quote = find(t.at + 1, t.end, '"');
        if (quote == t.end)
            return t.end;
        t.at = quote + 1;
    }
    return find(t.at, t.end, separator);
}

void table_cells(struct text line, char separator, struct table_row *ret)
{
    ret->n = 0;
    while (ret->n < TABLE_CELLS_MAX) {
        const char *end = cell_end(line, separator);
        ret->cell[ret->n++] = trimmed((struct text){line.at, end});
        if (end == line.end)
            return;
        line.at = end + 1;
    }
}

static bool name_is(struct text cell, const char *name)
{
    size_t n = (size_t)(cell.end - cell.at);
    return n == strlen(name) && strncasecmp(cell.at, name, n) == 0;
}

size_t table_head(struct log_table *table, const struct table_row *head)
{
    size_t found = 0;
    for (size_t c = 0; c < table->n; c++) {
        table->at[c] = -1;
        for (size_t i = 0; i < head->n && table->at[c] < 0; i++)
            if (name_is(head->cell[i], table->columns[c].name))
                table->at[c] = (int)i;
        found += table->at[c] >= 0;
    }
    return found;
}

struct text table_cell(const struct log_table *table, const struct table_row *row, size_t column)
{
    int at = table->at[column];
    return at >= 0 && (size_t)at < row->n ? row->cell[at] : (struct text){"", ""};
}

struct text table_first_line(const char *first, size_t n)
{
    return (struct text){first, find(first, first + n, '\n')};
}

bool cell_is(struct text cell, const char *word)
{
    return text_take_literal(&cell, word) && cell.at == cell.end;
}

bool cell_is_blank(struct text cell)
{
    static const char *const blank[] = {"-", "nan", "None", "NA", "null"};
    if (cell.at == cell.end)
        return true;
    for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++)
        if (name_is(cell, blank[i]))
            return true;
    return false;
}

static size_t skip_digits(struct text *t)
{
    const char *from = t->at;
    while (t->at < t->end && *t->at >= '0' && *t->at <= '9')
        t->at++;
    return (size_t)(t->at - from);
}

bool cell_number(struct text cell, uint64_t scale, uint64_t *ret)
{
    if (cell.at < cell.end && *cell.at == '+')
        cell.at++;
    struct text t = cell;
    if (t.at < t.end && *t.at == '-')
        t.at++;
    size_t digits = skip_digits(&t);
    if (text_take_literal(&t, "."))
        digits += skip_digits(&t);
    if (digits == 0)
        return false;
    if (t.at < t.end && (*t.at == 'e' || *t.at == 'E')) {
        t.at++;
        if (t.at < t.end && (*t.at == '+' || *t.at == '-'))
            t.at++;
        if (skip_digits(&t) == 0)
            return false;
    }
    return t.at == t.end && json_scaled(cell, scale, ret);
}

bool cell_seconds(struct text cell, uint64_t *ret_ns)
{
    uint64_t ns;
    if (!cell_number(cell, NS_PER_S, &ns) || ns > CALENDAR_END_NS)
        return false;
    *ret_ns = ns;
    return true;
}

void cell_put_text(struct buffer *ret, struct text cell)
{
    bool quoted = cell.end - cell.at >= 2 && *cell.at == '"' && cell.end[-1] == '"';
    if (!quoted) {
        buffer_put(ret, cell.at, (size_t)(cell.end - cell.at));
        return;
    }
    for (const char *p = cell.at + 1; p < cell.end - 1; p++) {
        buffer_put_byte(ret, (uint8_t)*p);
        if (*p == '"' && p + 1 < cell.end - 1 && p[1] == '"')
            p++;
    }
}

const char *table_metrics(const struct log_table *table, const struct table_row *row,
                          uint64_t *value, uint64_t *known)
{
    for (size_t c = 0; c < table->n; c++) {
        int metric = table->columns[c].metric;
        struct text cell = table_cell(table, row, c);
        if (metric == TABLE_NO_METRIC || cell_is_blank(cell))
            continue;
        if (!cell_number(cell, table->columns[c].scale, &value[metric]))
            return "a number that cannot be";
        *known |= UINT64_C(1) << metric;
    }
    return NULL;
}

void table_add_cpu(uint64_t *value, uint64_t *known)
{
    const uint64_t split = UINT64_C(1) << PROCESS_USER | UINT64_C(1) << PROCESS_SYSTEM;
    if ((*known & split) != split)
        return;
    uint64_t user = value[PROCESS_USER], system = value[PROCESS_SYSTEM];
    value[PROCESS_CPU] = user > UINT64_MAX - system ? UINT64_MAX : user + system;
    *known |= UINT64_C(1) << PROCESS_CPU;
}

uint64_t cpu_of_percent(uint64_t thousandths_of_percent, uint64_t ns)
{
    __extension__ typedef unsigned __int128 wide;
    wide cpu_ns = (wide)thousandths_of_percent * ns / 100000;
    return cpu_ns > UINT64_MAX ? UINT64_MAX : (uint64_t)cpu_ns;
}
