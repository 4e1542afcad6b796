#include "import/gathered.h"

#include <errno.h>
#include <stdlib.h>

#include "base/crc32c.h"

void *array_add(struct array *array, size_t item_bytes)
{
    if (array->count == array->cap) {
        size_t cap = array->cap == 0 ? 64 : 2 * array->cap;
        void *grown = reallocarray(array->items, cap, item_bytes);
        if (grown == NULL)
            return NULL;
        array->items = grown;
        array->cap = cap;
    }
    return memset((char *)array->items + item_bytes * array->count++, 0, item_bytes);
}

void gathered_done(struct gathered *g)
{
    free(g->entities.items);
    free(g->points.items);
    free(g->values.items);
    free(g->labels.items);
    free(g->scopes.items);
    free(g->counts.items);
    free(g->sites.items);
    free(g->files.items);
    map_done(&g->site_at);
    buffer_done(&g->texts);
    buffer_done(&g->names);
    buffer_done(&g->facts);
    *g = (struct gathered){0};
}

int gathered_use_clock(struct gathered *g, enum gathered_clock clock)
{
    if (gathered_any(g) && g->clock != clock)
        return -EXDEV;
    g->clock = clock;
    return 0;
}

/* ---- what has series ---- */

static int begin(struct gathered *g, struct gathered_entity with, uint32_t *ret)
{
    struct gathered_entity *e = array_add(&g->entities, sizeof *e);
    if (e == NULL)
        return -ENOMEM;
    *e = with;
    *ret = (uint32_t)(g->entities.count - 1);
    return 0;
}

int gathered_begin(struct gathered *g, uint64_t pid, uint64_t start_ns, uint32_t *ret_entity)
{
    return begin(g,
                 (struct gathered_entity){.kind = ENTITY_PROCESS, .pid = pid, .start_ns = start_ns},
                 ret_entity);
}

int gathered_begin_other(struct gathered *g, unsigned kind, const char *name, uint32_t *ret_entity)
{
    struct gathered_entity with = {.kind = kind};
    int r = gathered_keep(g, name, strlen(name), &with.name);
    return r == 0 ? begin(g, with, ret_entity) : r;
}

int gathered_shared(struct gathered *g, uint32_t *ret_entity)
{
    if (g->shared == 0) {
        uint32_t made;
        int r = gathered_begin(g, 0, 0, &made);
        if (r != 0)
            return r;
        g->shared = made + 1;
    }
    *ret_entity = g->shared - 1;
    return 0;
}

struct gathered_entity *gathered_entity(const struct gathered *g, uint32_t entity)
{
    return (struct gathered_entity *)g->entities.items + entity;
}

int gathered_keep(struct gathered *g, const void *bytes, size_t n, struct gathered_text *ret)
{
    size_t at = g->texts.len;
    if (n > UINT32_MAX || buffer_put(&g->texts, bytes, n) != 0)
        return -ENOMEM;
    *ret = (struct gathered_text){at, (uint32_t)n};
    return 0;
}

int gathered_add(struct gathered *g, uint32_t entity, uint64_t time_ns, uint64_t known,
                 const uint64_t *value)
{
    struct gathered_entity *e = gathered_entity(g, entity);
    if (g->points.count >= UINT32_MAX - 1)
        return -EOVERFLOW;
    size_t values = g->values.count;
    for (uint64_t left = known; left != 0; left &= left - 1) {
        uint64_t *at = array_add(&g->values, sizeof *at);
        if (at == NULL)
            return -ENOMEM;
        *at = value[__builtin_ctzll(left)];
    }
    struct gathered_point *point = array_add(&g->points, sizeof *point);
    if (point == NULL)
        return -ENOMEM;
    *point = (struct gathered_point){.time_ns = time_ns,
                                     .known = known,
                                     .values = values,
                                     .entity = entity,
                                     .number = (uint32_t)(g->points.count - 1)};
    if (e->points == 0 || time_ns < e->first_ns)
        e->first_ns = time_ns;
    if (e->points == 0 || time_ns > e->last_ns)
        e->last_ns = time_ns;
    e->points++;
    return 0;
}

int gathered_say(struct gathered *g, const void *text, size_t n)
{
    struct gathered_text kept;
    if (gathered_keep(g, text, n, &kept) != 0)
        return -ENOMEM;
    struct gathered_label *label = array_add(&g->labels, sizeof *label);
    if (label == NULL)
        return -ENOMEM;
    *label = (struct gathered_label){
        .point = (uint32_t)(g->points.count - 1), .bytes = kept.bytes, .at = kept.at};
    return 0;
}

/* ---- marks ---- */

static bool text_is(const struct gathered *g, struct gathered_text text, struct span is)
{
    return text.bytes == is.n &&
           (is.n == 0 || memcmp(g->texts.data + text.at, is.bytes, is.n) == 0);
}

static uint32_t hash_of(struct span name, struct span category)
{
    uint32_t hash = crc32c(crc32c(0, name.bytes, name.n), category.bytes, category.n);
    return hash != 0 ? hash : 1;
}

static int add_site(struct gathered *g, struct span name, struct span category, uint32_t hash,
                    uint32_t same_hash)
{
    struct gathered_site site = {.same_hash = same_hash};
    int r = gathered_keep(g, name.bytes, name.n, &site.name);
    if (r == 0)
        r = gathered_keep(g, category.bytes, category.n, &site.category);
    struct gathered_site *added = r == 0 ? array_add(&g->sites, sizeof *added) : NULL;
    if (added == NULL)
        return -ENOMEM;
    *added = site;
    return map_put(&g->site_at, hash, g->sites.count);
}

int gathered_site(struct gathered *g, struct span name, struct span category, uint32_t *ret_site)
{
    uint32_t hash = hash_of(name, category);
    const uint64_t *last = map_get(&g->site_at, hash);
    const struct gathered_site *sites = g->sites.items;
    for (uint32_t at = last == NULL ? 0 : (uint32_t)*last; at != 0; at = sites[at - 1].same_hash)
        if (text_is(g, sites[at - 1].name, name) && text_is(g, sites[at - 1].category, category)) {
            *ret_site = at;
            return 0;
        }
    if (g->sites.count >= MARK_SITES_MAX - 1)
        return -ENOSPC;
    int r = add_site(g, name, category, hash, last == NULL ? 0 : (uint32_t)*last);
    if (r == 0)
        *ret_site = (uint32_t)g->sites.count;
    return r;
}

int gathered_scope(struct gathered *g, uint32_t entity, uint32_t site, uint64_t begin_ns,
                   uint64_t end_ns)
{
    struct gathered_scope *scope = array_add(&g->scopes, sizeof *scope);
    if (scope == NULL)
        return -ENOMEM;
    *scope = (struct gathered_scope){
        .begin_ns = begin_ns, .end_ns = end_ns, .entity = entity, .site = site};
    return 0;
}

int gathered_count(struct gathered *g, uint32_t entity, uint32_t site, uint64_t time_ns,
                   double value)
{
    struct gathered_value *v = array_add(&g->counts, sizeof *v);
    if (v == NULL)
        return -ENOMEM;
    *v =
        (struct gathered_value){.time_ns = time_ns, .value = value, .entity = entity, .site = site};
    return 0;
}

void gathered_rank(struct gathered *g, uint64_t rank, uint64_t size)
{
    g->rank = rank;
    g->rank_size = size;
    g->ranks++;
}

bool gathered_any(const struct gathered *g)
{
    return g->points.count > 0;
}
