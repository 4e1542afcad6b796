#include "report/plot_marks.h"

#include <stdio.h>
#include <string.h>

#include "analyse/labels.h"
#include "base/text.h"
#include "report/plot_look.h"
#include "report/plot_text.h"

#define TEXT_CELLS 28      /* of one label below a plot */
#define LINES_MAX 3        /* of them */
#define NUMBERS_APART 0.06 /* of the axis: closer ones share a number */
#define LABEL_CELLS 1000   /* in labels.dat */
#define LINE_HEIGHT 15

static double seconds_of(const struct summary *s, const struct tacho_label *label)
{
    return ((double)label->time_ns - (double)s->started_ns) / 1e9;
}

int plot_marks_choose(const struct summary *s, double length_s, struct plot_marks *ret)
{
    struct plot_marks new = {.length_s = length_s};
    uint64_t to_ns = summary_last_ns(s);
    size_t all = 0;
    for (size_t i = 0; i < tacho_label_count(s->rec); i++) {
        uint64_t at = tacho_label_at(s->rec, i)->time_ns;
        all += at >= s->started_ns && at <= to_ns;
    }
    int r = all == 0 ? 0
                     : labels_spread(s->rec, s->started_ns, to_ns, PLOT_MARKS_MAX, new.label,
                                     &new.count);
    if (r != 0)
        return r;
    size_t kept = 0;
    for (size_t i = 0; i < new.count; i++) {
        double at = seconds_of(s, tacho_label_at(s->rec, new.label[i]));
        if (at >= 0 && at <= length_s)
            new.label[kept++] = new.label[i];
    }
    new.count = kept;
    new.left_out = all > kept ? all - kept : 0;
    *ret = new;
    return 0;
}

void plot_put_mark_lines(struct buffer *ret, const struct plot_marks *m, const struct summary *s,
                         struct plot_unit time)
{
    for (size_t i = 0; i < m->count; i++) {
        double x = seconds_of(s, tacho_label_at(s->rec, m->label[i])) / time.scale;
        buffer_printf(ret,
                      "set arrow from %.9g, graph 0 to %.9g, graph 1 nohead front linecolor rgb "
                      "'#555555' linewidth 0.75 dashtype 3\n",
                      x, x);
    }
}

void plot_put_mark_numbers(struct buffer *ret, const struct plot_marks *m, const struct summary *s,
                           struct plot_unit time, double rows)
{
    if (m->count == 0)
        return;
    buffer_printf(ret, "set x2range [0:%.9g]\nset x2tics scale 0 offset 0,%.1f (",
                  m->length_s / time.scale, rows - 0.5);
    for (size_t i = 0, last; i < m->count; i = last + 1) {
        double first_s = seconds_of(s, tacho_label_at(s->rec, m->label[i])), last_s = first_s;
        for (last = i; last + 1 < m->count; last++) {
            double next_s = seconds_of(s, tacho_label_at(s->rec, m->label[last + 1]));
            if (next_s - last_s >= NUMBERS_APART * m->length_s)
                break;
            last_s = next_s;
        }
        buffer_printf(ret, "%s'%zu", i > 0 ? ", " : "", i + 1);
        if (last > i)
            buffer_printf(ret, "-%zu", last + 1);
        buffer_printf(ret, "' %.9g", (first_s + last_s) / 2 / time.scale);
    }
    buffer_put_text(ret, ")\n");
}

/* ---- the texts ---- */

/* Lays the texts out in lines, and says how many. */
static unsigned lay_out(const struct plot_marks *m, const struct summary *s,
                        struct buffer lines[LINES_MAX])
{
    const size_t room = (size_t)(PLOT_WIDTH / PLOT_CHARACTER_WIDTH) - 2;
    unsigned line = 0;
    size_t used = 0, shown = 0;
    for (; shown < m->count; shown++) {
        struct buffer item = {0};
        const char *text = tacho_label_at(s->rec, m->label[shown])->text;
        buffer_printf(&item, "%zu ", shown + 1);
        size_t cells = item.len;
        cells += text_put_fitted(&item, text, strlen(text), TEXT_CELLS, true);
        bool wraps = used > 0 && used + 3 + cells > room;
        if (wraps && line + 1 == LINES_MAX) {
            buffer_done(&item);
            break;
        }
        line += wraps;
        used = wraps ? 0 : used;
        if (used > 0)
            buffer_put_text(&lines[line], "   ");
        buffer_put(&lines[line], item.data, item.len);
        used += cells + (used > 0 ? 3 : 0);
        buffer_done(&item);
    }
    size_t more = m->left_out + m->count - shown;
    if (more > 0 && used + 24 < room)
        buffer_printf(&lines[line], "   (%zu more in labels.dat)", more);
    return m->count == 0 ? 0 : line + 1;
}

unsigned plot_mark_lines(const struct plot_marks *m, const struct summary *s)
{
    struct buffer lines[LINES_MAX] = {0};
    unsigned count = lay_out(m, s, lines);
    for (unsigned i = 0; i < LINES_MAX; i++)
        buffer_done(&lines[i]);
    return count;
}

void plot_put_mark_texts(struct buffer *ret, const struct plot_marks *m, const struct summary *s,
                         unsigned height)
{
    struct buffer lines[LINES_MAX] = {0};
    unsigned count = lay_out(m, s, lines);
    for (unsigned i = 0; i < count; i++) {
        buffer_put_text(ret, "set label ");
        plot_put_string(ret, lines[i].data, lines[i].len, PLOT_WIDTH);
        buffer_printf(ret, " at screen 0.015, screen %.4f left textcolor rgb '#444444'\n",
                      ((double)(count - 1 - i) + 0.7) * LINE_HEIGHT / height);
    }
    for (unsigned i = 0; i < LINES_MAX; i++) {
        ret->failed |= lines[i].failed;
        buffer_done(&lines[i]);
    }
}

void plot_put_labels(struct buffer *ret, const struct summary *s)
{
    buffer_put_text(ret, "\"seconds\"\t\"pid\"\t\"text\"\n");
    for (size_t i = 0; i < tacho_label_count(s->rec); i++) {
        const struct tacho_label *label = tacho_label_at(s->rec, i);
        const struct tacho_process *p = tacho_process_of(s->rec, label->entity);
        buffer_printf(ret, "%.6f\t%d\t", seconds_of(s, label), p == NULL ? 0 : p->pid);
        plot_put_cell(ret, label->text, strlen(label->text), LABEL_CELLS);
        buffer_put_byte(ret, '\n');
    }
}
