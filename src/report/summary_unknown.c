/* What the terminal's summary says of what is not known, and of the recorder's own cost. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/quantity.h"
#include "report/receipt.h"
#include "report/summary_parts.h"

#define CAUSES_SHOWN 4
#define METRICS_NAMED 3
#define LATE_WORTH_A_WORD 0.01   /* of all ticks */
#define UNSEEN_WORTH_A_WORD 0.01 /* of all CPU */

struct list {
    void (*item)(void *user, const struct buffer *words);
    void *user;
    struct buffer words;
};

/* Tells what is in `words`. */
static void put_item(struct list *list)
{
    list->item(list->user, &list->words);
    buffer_clear(&list->words);
}

static const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void put_salvage(struct list *list, const struct summary *s)
{
    const struct tacho_salvage *salvage = tacho_recording_salvage(s->rec);
    if (!s->ended && s->root_status != SUMMARY_UNKNOWN) {
        buffer_put_text(&list->words, "the recording ends without its end");
        put_item(list);
    }
    if (salvage->lost_stretches > 0 || salvage->missing_blocks > 0 ||
        salvage->undecodable_blocks > 0) {
        buffer_put_text(&list->words, "the file is damaged: ");
        put_bytes(&list->words, salvage->lost_bytes);
        buffer_printf(&list->words, " cannot be read, from byte %" PRIu64 " on; ",
                      salvage->lost_offset);
        uint64_t blocks = salvage->missing_blocks + salvage->undecodable_blocks;
        put_count(&list->words, blocks);
        buffer_put_text(&list->words, plural(blocks, " block is missing", " blocks are missing"));
        put_item(list);
    } else if (salvage->lost_bytes > 0) {
        put_bytes(&list->words, salvage->lost_bytes);
        buffer_put_text(&list->words, " at the end are no whole block: the last moments are lost");
        put_item(list);
    }
}

static void put_times(struct list *list, const struct summary *s)
{
    uint64_t late = s->completeness.late_ticks, skipped = s->completeness.skipped_ticks;
    if (s->completeness.gaps > 0) {
        buffer_put_text(&list->words, "nothing was recorded for ");
        put_duration(&list->words, s->completeness.gap_ns);
        buffer_put_text(&list->words, " in ");
        put_count(&list->words, s->completeness.gaps);
        buffer_put_text(&list->words, plural(s->completeness.gaps, " gap", " gaps"));
        put_item(list);
    }
    if (skipped > 0 || (double)late > LATE_WORTH_A_WORD * (double)s->completeness.ticks) {
        put_count(&list->words, late);
        buffer_put_text(&list->words, " of ");
        put_count(&list->words, s->completeness.ticks);
        buffer_put_text(&list->words, plural(late, " tick came late", " ticks came late"));
        if (skipped > 0) {
            buffer_put_text(&list->words, "; ");
            put_count(&list->words, skipped);
            buffer_put_text(&list->words, plural(skipped, " was skipped", " were skipped"));
        }
        put_item(list);
    }
}

static void put_unseen(struct list *list, const struct summary *s)
{
    uint64_t unseen = s->completeness.unaccounted_ns, total = s->cpu.total_ns;
    bool much = unseen != SUMMARY_UNKNOWN && (double)unseen > UNSEEN_WORTH_A_WORD * (double)total;
    if (much) {
        put_duration(&list->words, unseen);
        buffer_put_text(&list->words, " (");
        put_percent(&list->words, (double)unseen / (double)total);
        buffer_put_text(&list->words, ") of the CPU was used between two samples, by processes "
                                      "that came and went or in last moments; it is in the total");
        put_item(list);
    }
    if (s->processes.unseen != SUMMARY_UNKNOWN && s->processes.unseen > 0) {
        if (s->processes.missed_is_bound)
            buffer_put_text(&list->words, "up to ");
        put_count(&list->words, s->processes.unseen);
        buffer_put_text(&list->words,
                        plural(s->processes.unseen, " more process", " more processes"));
        buffer_put_text(&list->words, " may have come and gone between two samples");
        if (s->processes.missed_is_bound)
            buffer_put_text(&list->words, "; the bound counts threads and others' processes too");
        put_item(list);
    }
}

/* Appends the first metrics of a group, as the recording names them. */
static void put_group(struct buffer *words, const struct summary *s, unsigned kind, unsigned group)
{
    unsigned named = 0;
    for (unsigned i = 0; i < tacho_metric_count(s->rec, kind); i++) {
        const struct tacho_metric *m = tacho_metric(s->rec, kind, i);
        if (m == NULL || m->group != group)
            continue;
        if (named == METRICS_NAMED) {
            buffer_put_text(words, words->len > 0 ? ", …" : "");
            break;
        }
        buffer_printf(words, "%s%s", named > 0 ? ", " : "", m->name);
        named++;
    }
    if (named == 0)
        buffer_printf(words, "group %u of kind %u", group, kind);
}

/* What the recorder had to say: the first, and how many more. */
static void put_notes(struct list *list, const struct summary *s)
{
    uint64_t notes = 0;
    for (size_t i = 0; i < tacho_happening_count(s->rec); i++) {
        const struct tacho_happening *h = tacho_happening(s->rec, i);
        if (h->type != TACHO_NOTE || h->text == NULL || notes++ >= CAUSES_SHOWN)
            continue;
        buffer_put_text(&list->words, h->text);
        put_item(list);
    }
    if (notes > CAUSES_SHOWN) {
        put_count(&list->words, notes - CAUSES_SHOWN);
        buffer_put_text(&list->words, " more notes of the recorder's");
        put_item(list);
    }
}

static void put_causes(struct list *list, const struct summary *s)
{
    size_t count = tacho_missing_count(s->rec), shown = 0;
    for (size_t i = 0; i < count && shown < CAUSES_SHOWN; i++) {
        const struct tacho_missing *m = tacho_missing(s->rec, i);
        if (m->count == 0)
            continue;
        if (m->kind == TACHO_GPU)
            buffer_put_text(&list->words, "GPU ");
        put_group(&list->words, s, m->kind, m->group);
        buffer_put_text(&list->words, ": ");
        put_count(&list->words, m->count);
        buffer_printf(&list->words, "%s %s", plural(m->count, " time", " times"),
                      strerrordesc_np(m->error) != NULL ? strerrordesc_np(m->error)
                                                        : "for an unknown reason");
        put_item(list);
        shown++;
    }
    if (count > shown && shown == CAUSES_SHOWN) {
        put_count(&list->words, count - shown);
        buffer_put_text(&list->words, " more causes of missing values: see tacho info");
        put_item(list);
    }
}

void put_recorder_cost(struct buffer *ret, const struct summary *s)
{
    if (s->recorder.cpu_ns == SUMMARY_UNKNOWN)
        return;
    buffer_put_text(ret, "Recording took ");
    put_duration(ret, s->recorder.cpu_ns);
    buffer_put_text(ret, " of CPU");
    if (s->wall_ns != SUMMARY_UNKNOWN && s->wall_ns > 0) {
        buffer_put_text(ret, " (");
        put_percent(ret, (double)s->recorder.cpu_ns / (double)s->wall_ns);
        buffer_put_text(ret, " of a core)");
    }
    if (s->recorder.peak_rss_bytes != SUMMARY_UNKNOWN) {
        buffer_put_text(ret, ", ");
        put_bytes(ret, s->recorder.peak_rss_bytes);
        buffer_put_text(ret, " of memory");
    }
    if (s->recorder.bytes_written != SUMMARY_UNKNOWN) {
        buffer_put_text(ret, " and ");
        put_bytes(ret, s->recorder.bytes_written);
        buffer_put_text(ret, " of disk");
    }
}

void summary_each_unknown(const struct summary *s,
                          void (*item)(void *user, const struct buffer *words), void *user)
{
    struct list list = {.item = item, .user = user};
    put_salvage(&list, s);
    put_times(&list, s);
    put_unseen(&list, s);
    put_notes(&list, s);
    put_causes(&list, s);
    buffer_done(&list.words);
}

/* ---- in the terminal ---- */

struct on_page {
    const struct page *page;
    bool begun;
};

/* Under a heading with the first. */
static void put_on_page(void *user, const struct buffer *words)
{
    struct on_page *on = user;
    if (!on->begun) {
        page_end_line(on->page);
        page_line(on->page, INK_STRONG, 0, "Not known", 9);
        on->begun = true;
    }
    page_item(on->page, INK_WARNING, words);
    on->page->out->failed |= words->failed;
}

static void put_paragraph(const struct page *page, struct buffer *words)
{
    page_wrap(page, INK_FAINT, 0, 0, (const char *)words->data, words->len);
    page->out->failed |= words->failed;
    buffer_clear(words);
}

void summary_put_unknown(const struct page *page, const struct summary *s)
{
    struct on_page on = {.page = page};
    struct buffer words = {0};
    summary_each_unknown(s, put_on_page, &on);
    put_receipt(&words, s);
    if (words.len > 0 || s->recorder.cpu_ns != SUMMARY_UNKNOWN)
        page_end_line(page);
    if (words.len > 0)
        put_paragraph(page, &words);
    put_recorder_cost(&words, s);
    if (words.len > 0)
        put_paragraph(page, &words);
    buffer_done(&words);
}
