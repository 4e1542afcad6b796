#include "read/journal_marks.h"

#include <errno.h>

#include "format/marks.h"
#include "read/journal_read.h"

/* ---- numbered items ---- */

void *keyed_find(const struct tacho_recording *rec, const struct keyed *k, uint64_t number)
{
    if (!id_valid(number))
        return NULL;
    const uint64_t *place = map_get(&k->place, (uint32_t)number * rec->scatter);
    return place != NULL ? chunks_at(&k->items, *place) : NULL;
}

/* A new item of zeros for a valid number that has none. NULL: see the allowance's error. */
static void *keyed_add(struct tacho_recording *rec, struct keyed *k, uint64_t number)
{
    void *item = chunks_add(&k->items, &rec->allowance);
    if (item == NULL)
        return NULL;
    int r = journal_map(rec, &k->place, (uint32_t)number * rec->scatter, k->items.count - 1);
    if (r != 0) {
        rec->allowance.error = r;
        return NULL;
    }
    return item;
}

static void keyed_done(struct keyed *k)
{
    chunks_done(&k->items);
    map_done(&k->place);
}

static uint32_t id_of(uint64_t v)
{
    return id_valid(v) ? (uint32_t)v : 0;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* ---- records ---- */

static int take_site(struct tacho_recording *rec, const struct record_site *r)
{
    bool cut;
    if (r->site == 0 || r->site >= MARK_SITES_MAX || keyed_find(rec, &rec->sites, r->site) != NULL)
        return 0;
    struct tacho_site *site = keyed_add(rec, &rec->sites, r->site);
    if (site == NULL)
        return rec->allowance.error;
    *site = (struct tacho_site){.id = (uint32_t)r->site, .name = "", .category = ""};
    int error = journal_keep(rec, r->name, &site->name, &cut);
    return error != 0 ? error : journal_keep(rec, r->category, &site->category, &cut);
}

static int take_thread(struct tacho_recording *rec, const struct record_thread *r)
{
    bool cut, ended = (r->flags & THREAD_ENDED) != 0;
    if (!id_valid(r->thread))
        return 0;
    struct tacho_marking_thread *thread = keyed_find(rec, &rec->threads, r->thread);
    if (thread == NULL) {
        thread = keyed_add(rec, &rec->threads, r->thread);
        if (thread == NULL)
            return rec->allowance.error;
        *thread = (struct tacho_marking_thread){
            .id = (uint32_t)r->thread,
            .entity = id_of(r->entity),
            .tid = int_of_number(r->tid),
            .begin_ns = ended ? TACHO_TIME_UNKNOWN : r->time_ns,
            .end_ns = TACHO_TIME_UNKNOWN,
            .name = "",
        };
    }
    if (ended && thread->end_ns == TACHO_TIME_UNKNOWN)
        thread->end_ns = r->time_ns;
    return r->name.n > 0 ? journal_keep(rec, r->name, &thread->name, &cut) : 0;
}

static int take_label(struct tacho_recording *rec, const struct record_label *r)
{
    bool cut;
    struct tacho_label *label = chunks_add(&rec->labels, &rec->allowance);
    if (label == NULL)
        return rec->allowance.error;
    *label = (struct tacho_label){
        .entity = id_of(r->entity), .thread = id_of(r->thread), .time_ns = r->time_ns, .text = ""};
    return journal_keep(rec, r->text, &label->text, &cut);
}

/* Totals of one hash form a list: which of them is meant is seen from the total itself. */
struct total_entry {
    struct tacho_total total;
    uint32_t next; /* place + 1, or 0 */
};

static uint32_t total_key(const struct tacho_recording *rec, uint32_t entity, uint32_t site)
{
    uint64_t key = (uint64_t)entity << 20 ^ site;
    key *= UINT64_C(0x9E3779B97F4A7C15) * rec->scatter | 1;
    uint32_t hash = (uint32_t)(key >> 32);
    return hash != 0 ? hash : 1;
}

static int take_total(struct tacho_recording *rec, const struct record_total *r)
{
    uint32_t entity = id_of(r->entity), site = (uint32_t)r->site;
    if (r->site == 0 || r->site >= MARK_SITES_MAX)
        return 0;
    uint32_t key = total_key(rec, entity, site), first = 0;
    const uint64_t *place = map_get(&rec->total_of, key);
    struct total_entry *entry = NULL;
    if (place != NULL)
        first = (uint32_t)*place + 1;
    for (uint32_t next = first; next != 0; next = entry->next) {
        entry = chunks_at(&rec->totals, next - 1);
        if (entry->total.entity == entity && entry->total.site == site)
            break;
    }
    bool found = entry != NULL && entry->total.entity == entity && entry->total.site == site;
    if (!found) {
        if (rec->totals.count >= UINT32_MAX - 1)
            return -E2BIG;
        entry = chunks_add(&rec->totals, &rec->allowance);
        if (entry == NULL)
            return rec->allowance.error;
        entry->next = first;
    }
    entry->total = (struct tacho_total){entity, site, r->count, r->total_ns};
    return found ? 0 : journal_map(rec, &rec->total_of, key, rec->totals.count - 1);
}

static uint64_t replaced(uint64_t all, uint64_t old, uint64_t new)
{
    return sum(all > old ? all - old : 0, new);
}

static int take_lost(struct tacho_recording *rec, const struct record_lost *r)
{
    if (!id_valid(r->entity))
        return 0;
    struct tacho_lost_marks *lost = keyed_find(rec, &rec->losts, r->entity);
    if (lost == NULL)
        lost = keyed_add(rec, &rec->losts, r->entity);
    if (lost == NULL)
        return rec->allowance.error;
    struct tacho_lost_marks *all = &rec->lost_sum;
    all->scopes = replaced(all->scopes, lost->scopes, r->scopes);
    all->others = replaced(all->others, lost->others, r->others);
    all->unbalanced = replaced(all->unbalanced, lost->unbalanced, r->unbalanced);
    *lost = (struct tacho_lost_marks){(uint32_t)r->entity, r->scopes, r->others, r->unbalanced};
    return 0;
}

int journal_take_marks(struct tacho_recording *rec, const struct record *r)
{
    switch (r->type) {
    case RECORD_SITE: return take_site(rec, &r->site);
    case RECORD_THREAD: return take_thread(rec, &r->thread);
    case RECORD_LABEL: return take_label(rec, &r->label);
    case RECORD_TOTAL: return take_total(rec, &r->total);
    case RECORD_LOST: return take_lost(rec, &r->lost);
    default: return 0;
    }
}

void journal_marks_init(struct tacho_recording *rec)
{
    rec->sites.items.item_bytes = sizeof(struct tacho_site);
    rec->threads.items.item_bytes = sizeof(struct tacho_marking_thread);
    rec->losts.items.item_bytes = sizeof(struct tacho_lost_marks);
    rec->labels.item_bytes = sizeof(struct tacho_label);
    rec->totals.item_bytes = sizeof(struct total_entry);
}

void journal_marks_done(struct tacho_recording *rec)
{
    keyed_done(&rec->sites);
    keyed_done(&rec->threads);
    keyed_done(&rec->losts);
    chunks_done(&rec->labels);
    chunks_done(&rec->totals);
    map_done(&rec->total_of);
}

/* ---- what they said ---- */

size_t tacho_site_count(const struct tacho_recording *rec)
{
    return rec->sites.items.count;
}

const struct tacho_site *tacho_site(const struct tacho_recording *rec, size_t i)
{
    return i < rec->sites.items.count ? chunks_at(&rec->sites.items, i) : NULL;
}

const struct tacho_site *tacho_site_of(const struct tacho_recording *rec, uint32_t id)
{
    return keyed_find(rec, &rec->sites, id);
}

size_t tacho_marking_thread_count(const struct tacho_recording *rec)
{
    return rec->threads.items.count;
}

const struct tacho_marking_thread *tacho_marking_thread(const struct tacho_recording *rec, size_t i)
{
    return i < rec->threads.items.count ? chunks_at(&rec->threads.items, i) : NULL;
}

const struct tacho_marking_thread *tacho_marking_thread_of(const struct tacho_recording *rec,
                                                           uint32_t id)
{
    return keyed_find(rec, &rec->threads, id);
}

size_t tacho_label_count(const struct tacho_recording *rec)
{
    return rec->labels.count;
}

const struct tacho_label *tacho_label_at(const struct tacho_recording *rec, size_t i)
{
    return i < rec->labels.count ? chunks_at(&rec->labels, i) : NULL;
}

size_t tacho_total_count(const struct tacho_recording *rec)
{
    return rec->totals.count;
}

const struct tacho_total *tacho_total(const struct tacho_recording *rec, size_t i)
{
    if (i >= rec->totals.count)
        return NULL;
    const struct total_entry *entry = chunks_at(&rec->totals, i);
    return &entry->total;
}

const struct tacho_lost_marks *tacho_lost_marks(const struct tacho_recording *rec, uint32_t entity)
{
    return entity == 0 ? &rec->lost_sum : keyed_find(rec, &rec->losts, entity);
}
