/*
 * Any bytes as a recording, reported: as text, as JSON, as a page, side by side with itself, and
 * compared. Beyond the sanitizers: all are valid UTF-8 without control characters, and a page has our
 * script and no other.
 */
#undef NDEBUG
#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include <tacho/recording.h>

#include "analyse/charts_together.h"
#include "analyse/together.h"
#include "base/text.h"
#include "fuzz_file.h"
#include "report/comparison_text.h"
#include "report/html_page.h"
#include "report/summary_json.h"
#include "report/summary_text.h"
#include "report/together_text.h"

#define SPAN_MAX_NS UINT64_C(100000000000000) /* pictures of longer ones are no wider */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct buffer *text)
{
    assert(!text->failed && utf8_valid(text->data, text->len));
    for (size_t i = 0; i < text->len; i++)
        assert(text->data[i] >= ' ' || text->data[i] == '\n');
    buffer_clear(text);
}

static size_t count_of(const struct buffer *text, const char *what)
{
    size_t n = 0, length = strlen(what);
    for (const uint8_t *at = text->data, *end = at + text->len;
         (at = memmem(at, (size_t)(end - at), what, length)) != NULL; at += length)
        n++;
    return n;
}

/* The script itself may say what it likes: what is asked is that recorded texts open nothing. */
static void check_page(struct buffer *page)
{
    assert(!page->failed && utf8_valid(page->data, page->len));
    size_t blocks = count_of(page, "<script type=\"text/plain\" id=\"block-");
    assert(count_of(page, "<script") == blocks + 2);
    assert(count_of(page, "</script") == blocks + 2);
    assert(count_of(page, "<svg") == count_of(page, "</svg>"));
    assert(count_of(page, "<table") == count_of(page, "</table>"));
    buffer_clear(page);
}

static void report_together(struct summary *summary, struct scopes *scopes, struct buffer *text)
{
    struct together together = {0};
    struct charts_together charts = {0};
    struct page page = page_of(text, 100, true, false);
    for (int i = 0; i < 2; i++) {
        assert(together_add(&together, "a\nb", summary, scopes) == 0);
        assert(charts_together_add(&charts, "<script>", summary) == 0);
    }
    assert(together_finish(&together) == 0);
    together_put_text(&page, &together);
    check_text(text);
    assert(html_put_together(text, &together, &charts) == 0);
    check_page(text);
    charts_together_done(&charts);
    together_done(&together);
}

static void report_compared(const struct summary *summary, const struct scopes *scopes,
                            struct buffer *text)
{
    struct comparison comparison = {0};
    struct page page = page_of(text, 80, true, false);
    const struct comparison_view view = {
        .label = {"a\nb", "<script>"}, .shown = COMPARE_ALL, .limit = {.judged = COMPARE_ALL}};
    for (unsigned i = 0; i < 8; i++)
        assert(comparison_add(&comparison, i % 2, summary, scopes) == 0);
    assert(comparison_finish(&comparison) == 0);
    assert(comparison_failing(&comparison, &view.limit) == 0);
    comparison_put_text(&page, &comparison, &view);
    check_text(text);
    comparison_put_json(text, &comparison, &view);
    check_text(text);
    comparison_done(&comparison);
}

static void report(struct tacho_recording *rec)
{
    struct summary summary;
    struct scopes scopes;
    struct buffer text = {0};
    struct page page = page_of(&text, 80, true, false);
    if (summary_make(rec, &summary) != 0)
        return;
    if (summary_make_scopes(&summary, &scopes) == 0) {
        summary_put_text(&page, &summary, &scopes);
        check_text(&text);
        summary_put_json(&text, &summary, &scopes);
        check_text(&text);
        assert(html_put_page(&text, &summary, &scopes) == 0);
        check_page(&text);
        report_together(&summary, &scopes, &text);
        report_compared(&summary, &scopes, &text);
        scopes_done(&scopes);
    }
    summary_done(&summary);
    buffer_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct tacho_recording *rec;
    struct buffer file = {0};
    if (fd < 0)
        fd = memfd_create("recording", MFD_CLOEXEC);
    file_of(data, size, &file);
    put_file(fd, &file, file.len);
    int own = dup(fd);
    if (tacho_recording_open_fd(own, &rec, NULL) == 0) {
        if (tacho_last_ns(rec) - tacho_first_ns(rec) < SPAN_MAX_NS)
            report(rec);
        tacho_recording_close(rec);
    } else {
        close(own);
    }
    buffer_done(&file);
    return 0;
}
