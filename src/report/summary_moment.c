/* What the owner of the memory's peak was doing at that moment. */
#include "base/text.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define STACKS_SHOWN 3
#define SCOPES_SHOWN 8 /* of a stack: the outermost half, then the innermost */
#define NAME_CELLS 32
#define LABEL_CELLS 60

static void put_scope_name(struct buffer *words, const struct tacho_recording *rec, uint32_t place,
                           bool utf8)
{
    const struct tacho_site *site = tacho_site(rec, place);
    const char *name = site != NULL ? site->name : "?";
    text_put_fitted(words, name, strlen(name), NAME_CELLS, utf8);
}

void put_scope_path(struct buffer *words, const struct tacho_recording *rec,
                    const struct moment_stack *stack, bool utf8)
{
    size_t half = SCOPES_SHOWN / 2, kept = stack->scopes;
    bool cut = stack->depth > SCOPES_SHOWN;
    for (size_t i = 0; i < kept; i++) {
        if (cut && i >= half && i < kept - half)
            continue;
        if (cut && i == kept - half) {
            buffer_put_text(words, " > (");
            put_count(words, stack->depth - 2 * half);
            buffer_put_text(words, " more)");
        }
        buffer_put_text(words, i > 0 ? " > " : "");
        put_scope_name(words, rec, stack->site[i], utf8);
    }
}

static void put_stack(const struct page *page, struct buffer *words, const struct summary *s,
                      const struct moment_stack *stack)
{
    const char *name = stack->thread->name;
    if (!stack->main) {
        buffer_put_text(words, "its thread ");
        if (name[0] != '\0') {
            text_put_fitted(words, name, strlen(name), NAME_CELLS, page->utf8);
            buffer_put_byte(words, ' ');
        }
        buffer_printf(words, "(%d) ", stack->thread->tid);
    }
    buffer_put_text(words, "in ");
    put_scope_path(words, s->rec, stack, page->utf8);
}

/* "then ", or of the kernel's peak, of which it is not known when it was: "at 2.00 s, …: ". */
static void put_when(struct buffer *words, const struct summary *s)
{
    uint64_t at = s->memory.seen_ns;
    if (!s->memory.peak_from_kernel) {
        buffer_put_text(words, "then ");
        return;
    }
    put_bytes(words, s->memory.seen_rss_bytes);
    buffer_put_text(words, " when sampled at ");
    put_duration(words, at > s->started_ns ? at - s->started_ns : 0);
    buffer_put_text(words, ", ");
}

static void put_after(const struct page *page, struct buffer *words, const struct summary *s,
                      const struct moment *moment)
{
    const struct tacho_label *label = moment->label;
    uint64_t at = label->time_ns;
    buffer_put_text(words, "after \"");
    text_put_fitted(words, label->text, strlen(label->text), LABEL_CELLS, page->utf8);
    buffer_put_text(words, "\", ");
    put_duration(words, at > s->started_ns ? at - s->started_ns : 0);
    buffer_put_text(words, " in");
    if (label->entity == moment->entity)
        return;
    const struct tacho_process *p = tacho_process_of(s->rec, label->entity);
    if (p != NULL && p->pid != 0)
        buffer_printf(words, " by pid %d", p->pid);
    else
        buffer_put_text(words, " by another process");
}

void summary_put_moment(const struct page *page, const struct summary *s,
                        const struct moment *moment)
{
    struct buffer words = {0};
    size_t shown = moment->stacks < STACKS_SHOWN ? moment->stacks : STACKS_SHOWN;
    if (shown == 0 && moment->label == NULL)
        return;
    put_when(&words, s);
    for (size_t i = 0; i < shown; i++) {
        put_stack(page, &words, s, &moment->stack[i]);
        page_more(page, INK_PLAIN, &words);
        page->out->failed |= words.failed;
        buffer_clear(&words);
    }
    if (moment->threads > shown && shown > 0) {
        buffer_put_text(&words, "and ");
        put_count(&words, moment->threads - shown);
        buffer_put_text(&words, " more of its threads in scopes");
        page_more(page, INK_FAINT, &words);
        buffer_clear(&words);
    }
    if (moment->label != NULL) {
        put_after(page, &words, s, moment);
        page_more(page, INK_PLAIN, &words);
    }
    page->out->failed |= words.failed;
    buffer_done(&words);
}
