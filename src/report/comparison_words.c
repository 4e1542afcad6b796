#include <inttypes.h>

#include "report/comparison_parts.h"
#include "report/quantity.h"

struct notes {
    void (*note)(void *user, const struct buffer *words);
    void *user;
    struct buffer words;
};

static void end_note(struct notes *n)
{
    n->note(n->user, &n->words);
    buffer_clear(&n->words);
}

static const char *plural(size_t n, const char *one, const char *more)
{
    return n == 1 ? one : more;
}

static void note_side(struct notes *n, const struct comparison_runs *side, char name)
{
    if (side->failed > 0) {
        buffer_printf(&n->words, "%zu of %zu %s of %c failed", side->failed, side->runs,
                      plural(side->runs, "run", "runs"), name);
        end_note(n);
    }
    if (side->unended > 0) {
        buffer_printf(&n->words,
                      "%zu of %zu %s of %c %s no end: the recorder was killed, or still writes",
                      side->unended, side->runs, plural(side->runs, "recording", "recordings"),
                      name, plural(side->unended, "has", "have"));
        end_note(n);
    }
    if (side->commands) {
        buffer_printf(&n->words, "the runs of %c are of different commands; the first is named",
                      name);
        end_note(n);
    }
    if (side->hosts) {
        buffer_printf(&n->words, "the runs of %c are of different hosts", name);
        end_note(n);
    }
    if (side->ranks > 0) {
        buffer_printf(
            &n->words,
            "%zu %s of %c %s of a rank of a parallel job: each is taken as a run of its own",
            side->ranks, plural(side->ranks, "recording", "recordings"), name,
            plural(side->ranks, "is", "are"));
        end_note(n);
    }
}

static bool differ(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) != 0;
}

static void note_both(struct notes *n, const struct comparison_runs *a,
                      const struct comparison_runs *b)
{
    if (!a->commands && !b->commands && differ(a->command, b->command)) {
        buffer_put_text(&n->words, "A and B ran different commands");
        end_note(n);
    }
    if (!a->hosts && !b->hosts && differ(a->host, b->host)) {
        buffer_printf(&n->words, "A ran on %s, B on %s", a->host, b->host);
        end_note(n);
    }
    if ((a->marking == 0) != (b->marking == 0)) {
        buffer_printf(&n->words, "nothing is marked in %s: scopes and categories are not compared",
                      a->marking == 0 ? "A" : "B");
        end_note(n);
    }
}

static void note_few(struct notes *n, const struct comparison_runs *a,
                     const struct comparison_runs *b)
{
    if (change_left_out(a->runs, b->runs) > 0)
        return;
    if (a->runs < 2 || b->runs < 2)
        buffer_printf(&n->words, "%s one run%s: how much runs differ by themselves is not known",
                      a->runs >= 2   ? "B is"
                      : b->runs >= 2 ? "A is"
                                     : "A and B are",
                      a->runs < 2 && b->runs < 2 ? " each" : "");
    else
        buffer_put_text(&n->words, "so few runs do not tell a change from noise");
    buffer_put_text(&n->words, ", so no change (?) is certain; 4 of each are the least, more tell "
                               "more (tacho record --repeat 5)");
    end_note(n);
}

void comparison_each_note(const struct comparison *c,
                          void (*note)(void *user, const struct buffer *words), void *user)
{
    struct notes n = {.note = note, .user = user};
    const struct comparison_runs *a = &c->side[SIDE_A], *b = &c->side[SIDE_B];
    note_both(&n, a, b);
    note_side(&n, a, 'A');
    note_side(&n, b, 'B');
    note_few(&n, a, b);
    buffer_done(&n.words);
}

static size_t put_item(struct buffer *ret, size_t before, const char *item)
{
    buffer_printf(ret, "%s%s", before > 0 ? ", " : "", item);
    return before + 1;
}

static size_t put_groups(struct buffer *ret, size_t before, size_t n, const char *one,
                         const char *more)
{
    if (n > 0)
        buffer_printf(ret, "%s%zu %s", before > 0 ? ", " : "", n, plural(n, one, more));
    return before + (n > 0);
}

void comparison_put_failing(struct buffer *ret, const struct comparison *c,
                            const struct comparison_limit *limit)
{
    size_t n = 0;
    for (unsigned i = 0; i < COMPARE_METRICS; i++)
        if (comparison_fails(limit, i, &c->metric[i]))
            n = put_item(ret, n, comparison_metrics[i].title);
    n = put_groups(ret, n, comparison_failing_scopes(c, limit), "scope", "scopes");
    put_groups(ret, n, comparison_failing_categories(c, limit), "category", "categories");
}
