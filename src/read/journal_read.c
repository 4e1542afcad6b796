#include "read/journal_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "read/journal_marks.h"

#define EXEC_TEXT_SMALL 4096

static uint32_t u32_of(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* ---- texts ---- */

int journal_keep(struct tacho_recording *rec, struct span text, const char **ret, bool *ret_cut)
{
    int r = texts_keep(&rec->texts, &rec->allowance, text.bytes, text.n, ret);
    if (r != -E2BIG)
        return r;
    *ret = "";
    *ret_cut = true;
    return 0;
}

/* Arguments with blanks between them, for people to read. */
static int keep_joined(struct tacho_recording *rec, struct span argv, const char **ret)
{
    char small[EXEC_TEXT_SMALL], *joined = small;
    bool cut;
    size_t n = argv.n > 0 && argv.bytes[argv.n - 1] == '\0' ? argv.n - 1 : argv.n;
    *ret = "";
    if (n == 0)
        return 0;
    if (n > sizeof small) {
        joined = allowance_alloc(&rec->allowance, n);
        if (joined == NULL)
            return rec->allowance.error;
    }
    for (size_t i = 0; i < n; i++)
        joined[i] = argv.bytes[i] != '\0' ? (char)argv.bytes[i] : ' ';
    int r = journal_keep(rec, (struct span){(uint8_t *)joined, n}, ret, &cut);
    if (joined != small)
        allowance_free(&rec->allowance, joined, n);
    return r;
}

/* ---- entities ---- */

struct entity_entry *entity_find(const struct tacho_recording *rec, uint64_t entity)
{
    if (!id_valid(entity))
        return NULL;
    const uint64_t *place = map_get(&rec->by_id, (uint32_t)entity * rec->scatter);
    return place != NULL ? chunks_at(&rec->entities, *place) : NULL;
}

struct process_entry *process_find(const struct tacho_recording *rec, uint64_t entity)
{
    const struct entity_entry *e = entity_find(rec, entity);
    return e != NULL && e->process != 0 ? chunks_at(&rec->processes, e->process - 1) : NULL;
}

int journal_map(struct tacho_recording *rec, struct map *map, uint32_t key, uint64_t place)
{
    size_t before = map->cap;
    size_t most = (before == 0 ? 64 : 2 * before) * sizeof(struct map_slot);
    /* Both tables are there while it grows. */
    if (allowance_take(&rec->allowance, most) != 0)
        return -E2BIG;
    int r = map_put(map, key, place);
    if (map->cap == before)
        allowance_give(&rec->allowance, most);
    else
        allowance_give(&rec->allowance, before * sizeof(struct map_slot));
    return r;
}

/* A new entity; NULL with `ret` 0 when the id is impossible or taken: its first owner stays. */
static struct entity_entry *add_entity(struct tacho_recording *rec, uint64_t id, uint64_t kind,
                                       int *ret)
{
    *ret = 0;
    if (!id_valid(id) || kind == 0 || entity_find(rec, id) != NULL)
        return NULL;
    if (rec->entities.count >= UINT32_MAX) {
        *ret = -E2BIG;
        return NULL;
    }
    struct entity_entry *e = chunks_add(&rec->entities, &rec->allowance);
    if (e == NULL) {
        *ret = rec->allowance.error;
        return NULL;
    }
    e->entity = (struct tacho_entity){.id = (uint32_t)id, .kind = u32_of(kind), .name = ""};
    *ret = journal_map(rec, &rec->by_id, (uint32_t)id * rec->scatter, rec->entities.count - 1);
    if (*ret != 0)
        return NULL;
    if (kind < KINDS_MAX && rec->first_of_kind[kind] == 0)
        rec->first_of_kind[kind] = (uint32_t)id;
    return e;
}

static int take_entity(struct tacho_recording *rec, const struct record_entity *r)
{
    int error;
    bool cut;
    if (r->kind == ENTITY_PROCESS)
        return 0;
    struct entity_entry *e = add_entity(rec, r->entity, r->kind, &error);
    return e != NULL ? journal_keep(rec, r->name, &e->entity.name, &cut) : error;
}

/* ---- what went on ---- */

static struct tacho_happening *add_happening(struct tacho_recording *rec,
                                             enum tacho_happening_type type, uint64_t entity,
                                             uint64_t time_ns)
{
    struct tacho_happening *h = chunks_add(&rec->happenings, &rec->allowance);
    if (h != NULL) {
        h->type = type;
        h->entity = id_valid(entity) ? (uint32_t)entity : 0;
        h->time_ns = time_ns;
    }
    return h;
}

static int take_late(struct tacho_recording *rec, const struct record_late *r)
{
    struct tacho_happening *h = add_happening(rec, TACHO_LATE, 0, r->time_ns);
    if (h == NULL)
        return rec->allowance.error;
    h->a = r->late_ns;
    h->b = r->skipped;
    return 0;
}

static int take_gap(struct tacho_recording *rec, const struct record_gap *r)
{
    struct tacho_happening *h = add_happening(rec, TACHO_GAP, 0, r->from_ns);
    if (h == NULL)
        return rec->allowance.error;
    h->a = r->to_ns;
    h->b = r->error;
    return 0;
}

static int take_note(struct tacho_recording *rec, const struct record_note *r)
{
    bool cut;
    struct tacho_happening *h = add_happening(rec, TACHO_NOTE, 0, r->time_ns);
    return h != NULL ? journal_keep(rec, r->text, &h->text, &cut) : rec->allowance.error;
}

/* ---- processes ---- */

static void place_start(struct process_entry *p, const struct record_anchor *anchor)
{
    process_place_start(&p->process, p->start_boot_ns, anchor);
}

static int keep_texts(struct tacho_recording *rec, struct tacho_process *p, struct span comm,
                      struct span exe, struct span argv, uint64_t flags)
{
    bool cut = (flags & BIRTH_ARGV_CUT) != 0, lost = false;
    int r = journal_keep(rec, comm, &p->comm, &lost);
    if (r == 0)
        r = journal_keep(rec, exe, &p->exe, &lost);
    if (r == 0) {
        bool none = false;
        r = journal_keep(rec, argv, &p->argv, &none);
        p->argv_bytes = none ? 0 : argv.n;
        cut = cut || none;
    }
    p->flags = (p->flags & ~(uint32_t)TACHO_PROCESS_ARGV_CUT) | (cut ? TACHO_PROCESS_ARGV_CUT : 0);
    return r;
}

/* A process just forked is what its parent was at that moment. */
static void inherit(const struct tacho_recording *rec, struct tacho_process *p)
{
    const struct process_entry *entry = process_find(rec, p->parent_entity);
    if (entry == NULL)
        return;
    const struct tacho_process *parent = &entry->process;
    if (p->comm[0] == '\0')
        p->comm = parent->comm;
    if (p->exe[0] == '\0')
        p->exe = parent->exe;
    if (p->cwd[0] == '\0')
        p->cwd = parent->cwd;
    if (p->argv_bytes == 0) {
        p->argv = parent->argv;
        p->argv_bytes = parent->argv_bytes;
        p->flags |= parent->flags & TACHO_PROCESS_ARGV_CUT;
    }
    if (p->uid == UINT32_MAX)
        p->uid = parent->uid;
    if (p->session == 0)
        p->session = parent->session;
    if (p->process_group == 0)
        p->process_group = parent->process_group;
}

static int take_birth(struct tacho_recording *rec, const struct record_birth *r)
{
    int error;
    bool cut;
    struct entity_entry *e = add_entity(rec, r->entity, ENTITY_PROCESS, &error);
    if (e == NULL)
        return error;
    struct process_entry *p = chunks_add(&rec->processes, &rec->allowance);
    if (p == NULL)
        return rec->allowance.error;
    e->process = (uint32_t)rec->processes.count;
    p->start_boot_ns = r->start_boot_ns;
    p->process = process_of_birth(r);
    if (rec->anchors.count > 0)
        place_start(p, chunks_at(&rec->anchors, 0));
    error = keep_texts(rec, &p->process, r->comm, r->exe, r->argv, r->flags);
    if (error == 0)
        error = journal_keep(rec, r->cwd, &p->process.cwd, &cut);
    if (error == 0 && (r->flags & BIRTH_INHERITS) != 0)
        inherit(rec, &p->process);
    if (error == 0 && add_happening(rec, TACHO_BORN, r->entity, r->time_ns) == NULL)
        error = rec->allowance.error;
    return error;
}

/* Keeps a text unless it is empty: nothing was found out then. */
static int keep_found(struct tacho_recording *rec, struct span text, const char **ret)
{
    bool cut;
    return text.n == 0 ? 0 : journal_keep(rec, text, ret, &cut);
}

static int take_look(struct tacho_recording *rec, const struct record_look *r)
{
    struct process_entry *entry = process_find(rec, r->entity);
    if (entry == NULL)
        return 0;
    struct tacho_process *p = &entry->process;
    if (r->inner_pid != 0)
        p->inner_pid = int_of_number(r->inner_pid);
    if (r->process_group != 0)
        p->process_group = int_of_number(r->process_group);
    if (r->session != 0)
        p->session = int_of_number(r->session);
    if (r->uid != UINT32_MAX)
        p->uid = u32_of(r->uid);
    int error = keep_found(rec, r->comm, &p->comm);
    if (error == 0)
        error = keep_found(rec, r->exe, &p->exe);
    if (error == 0)
        error = keep_found(rec, r->cwd, &p->cwd);
    if (error == 0 && r->argv.n > 0)
        error =
            keep_texts(rec, p, (struct span){(const uint8_t *)p->comm, strlen(p->comm)},
                       (struct span){(const uint8_t *)p->exe, strlen(p->exe)}, r->argv, r->flags);
    return error;
}

static int take_account(struct tacho_recording *rec, const struct record_account *r)
{
    struct process_entry *entry = process_find(rec, r->entity);
    if (entry == NULL)
        return 0;
    process_take_account(&entry->process, r);
    return 0;
}

static int take_exec(struct tacho_recording *rec, const struct record_exec *r)
{
    struct tacho_happening *h = add_happening(rec, TACHO_EXEC, r->entity, r->time_ns);
    if (h == NULL)
        return rec->allowance.error;
    h->text = "";
    struct process_entry *p = process_find(rec, r->entity);
    if (p != NULL) {
        p->process.execs++;
        int error = keep_texts(rec, &p->process, r->comm, r->exe, r->argv, r->flags);
        if (error != 0)
            return error;
    }
    return keep_joined(rec, r->argv, &h->text);
}

static int take_exit(struct tacho_recording *rec, const struct record_exit *r)
{
    struct process_entry *entry = process_find(rec, r->entity);
    struct tacho_process *p = entry != NULL ? &entry->process : NULL;
    bool again = p != NULL && (p->flags & TACHO_PROCESS_ENDED) != 0;
    if (!again && add_happening(rec, TACHO_ENDED, r->entity, r->time_ns) == NULL)
        return rec->allowance.error;
    if (p != NULL)
        process_take_exit(p, r);
    return 0;
}

/* Anchors stand in order of time; one that does not is no anchor. */
static int take_anchor(struct tacho_recording *rec, const struct record_anchor *r)
{
    size_t n = rec->anchors.count;
    if (n > 0) {
        const struct record_anchor *last = chunks_at(&rec->anchors, n - 1);
        if (r->mono_ns < last->mono_ns)
            return 0;
    }
    struct record_anchor *anchor = chunks_add(&rec->anchors, &rec->allowance);
    if (anchor == NULL)
        return rec->allowance.error;
    *anchor = *r;
    for (size_t i = 0; n == 0 && i < rec->processes.count; i++)
        place_start(chunks_at(&rec->processes, i), anchor);
    return 0;
}

/* ---- facts, metrics, what was missing ---- */

/* The fact of that key, a new one, or NULL with `ret` 0 when there are too many. */
static struct fact *fact_of(struct tacho_recording *rec, struct span key, int *ret)
{
    uint32_t hash = crc32c(0, key.bytes, key.n);
    bool cut = false;
    *ret = 0;
    for (size_t i = 0; i < rec->facts; i++)
        if (rec->fact_hash[i] == hash && strlen(rec->fact[i].key) == key.n &&
            memcmp(rec->fact[i].key, key.bytes, key.n) == 0)
            return &rec->fact[i];
    if (rec->facts == FACTS_MAX || memchr(key.bytes, '\0', key.n) != NULL)
        return NULL;
    struct fact *fact = &rec->fact[rec->facts];
    *ret = journal_keep(rec, key, &fact->key, &cut);
    if (*ret != 0 || cut)
        return NULL;
    rec->fact_hash[rec->facts++] = hash;
    return fact;
}

static int take_fact(struct tacho_recording *rec, const struct record_fact *r)
{
    int error;
    bool cut = false;
    const char *text = NULL;
    if (r->type != FACT_NUMBER && r->type != FACT_TEXT)
        return 0;
    if (r->type == FACT_TEXT) {
        error = journal_keep(rec, r->text, &text, &cut);
        if (error != 0)
            return error;
    }
    struct fact *fact = fact_of(rec, r->key, &error);
    if (fact == NULL)
        return error;
    fact->text = text;
    fact->bytes = text == NULL || cut ? 0 : r->text.n;
    fact->number = text == NULL ? r->number : 0;
    rec->salvage.ended = rec->salvage.ended || strcmp(fact->key, "ended_ns") == 0;
    return 0;
}

static struct kind_metrics *kind_of(struct tacho_recording *rec, unsigned kind)
{
    if (rec->kind[kind] != NULL)
        return rec->kind[kind];
    struct kind_metrics *k = allowance_alloc(&rec->allowance, sizeof *k);
    if (k == NULL)
        return NULL;
    *k = (struct kind_metrics){0};
    for (unsigned i = 0; i < METRICS_MAX; i++)
        k->metric[i] = (struct tacho_metric){.name = "", .unit = "", .group = GROUPS_MAX};
    return rec->kind[kind] = k;
}

/* The first to define a position stays: what was sampled under one meaning keeps it. */
static int take_metric(struct tacho_recording *rec, const struct record_metric *r)
{
    bool cut;
    if (r->kind == 0 || r->kind >= KINDS_MAX || r->position >= METRICS_MAX ||
        r->group >= GROUPS_MAX)
        return 0;
    struct kind_metrics *k = kind_of(rec, (unsigned)r->kind);
    if (k == NULL)
        return rec->allowance.error;
    uint64_t bit = UINT64_C(1) << r->position;
    if ((k->defined & bit) != 0)
        return 0;
    struct tacho_metric *m = &k->metric[r->position];
    int error = journal_keep(rec, r->name, &m->name, &cut);
    if (error == 0)
        error = journal_keep(rec, r->unit, &m->unit, &cut);
    m->cumulative = r->cumulative != 0;
    m->group = (unsigned)r->group;
    k->defined |= bit;
    k->of_group[r->group] |= bit;
    if (r->position >= k->count)
        k->count = (unsigned)r->position + 1;
    return error;
}

static int take_missing(struct tacho_recording *rec, const struct record_missing *r)
{
    struct tacho_missing cause = {u32_of(r->kind), u32_of(r->group), int_of_number(r->error),
                                  r->count};
    for (size_t i = 0; i < rec->causes; i++) {
        struct tacho_missing *m = &rec->missing[i];
        if (m->kind == cause.kind && m->group == cause.group && m->error == cause.error) {
            m->count = cause.count;
            return 0;
        }
    }
    if (rec->causes < MISSING_MAX)
        rec->missing[rec->causes++] = cause;
    return 0;
}

/* ---- all ---- */

static int take_record(struct tacho_recording *rec, const struct record *r)
{
    switch (r->type) {
    case RECORD_FACT: return take_fact(rec, &r->fact);
    case RECORD_METRIC: return take_metric(rec, &r->metric);
    case RECORD_ENTITY: return take_entity(rec, &r->entity);
    case RECORD_BIRTH: return take_birth(rec, &r->birth);
    case RECORD_EXEC: return take_exec(rec, &r->exec);
    case RECORD_EXIT: return take_exit(rec, &r->exit);
    case RECORD_LOOK: return take_look(rec, &r->look);
    case RECORD_ACCOUNT: return take_account(rec, &r->account);
    case RECORD_ANCHOR: return take_anchor(rec, &r->anchor);
    case RECORD_LATE: return take_late(rec, &r->late);
    case RECORD_GAP: return take_gap(rec, &r->gap);
    case RECORD_MISSING: return take_missing(rec, &r->missing);
    case RECORD_NOTE: return take_note(rec, &r->note);
    default: return journal_take_marks(rec, r);
    }
}

int journal_take(struct tacho_recording *rec, const uint8_t *payload, size_t n)
{
    struct cursor c = {payload, payload + n, false};
    struct record record;
    int r;
    while ((r = record_next(&c, &record)) == 1) {
        r = take_record(rec, &record);
        if (r != 0)
            break;
    }
    return r;
}

int journal_init(struct tacho_recording *rec)
{
    rec->scatter = (uint32_t)((uintptr_t)rec >> 4) | 1;
    rec->entities.item_bytes = sizeof(struct entity_entry);
    rec->processes.item_bytes = sizeof(struct process_entry);
    rec->happenings.item_bytes = sizeof(struct tacho_happening);
    rec->anchors.item_bytes = sizeof(struct record_anchor);
    journal_marks_init(rec);
    rec->fact = calloc(FACTS_MAX, sizeof *rec->fact);
    rec->fact_hash = calloc(FACTS_MAX, sizeof *rec->fact_hash);
    rec->missing = calloc(MISSING_MAX, sizeof *rec->missing);
    return rec->fact != NULL && rec->fact_hash != NULL && rec->missing != NULL ? 0 : -ENOMEM;
}

void journal_done(struct tacho_recording *rec)
{
    journal_marks_done(rec);
    map_done(&rec->by_id);
    chunks_done(&rec->entities);
    chunks_done(&rec->processes);
    chunks_done(&rec->happenings);
    chunks_done(&rec->anchors);
    for (unsigned k = 0; k < KINDS_MAX; k++)
        free(rec->kind[k]);
    free(rec->fact);
    free(rec->fact_hash);
    free(rec->missing);
    texts_done(&rec->texts);
}
