/* What <tacho/tacho.h> declares, but for start and stop. */
#include "mark/marking.h"

#include <stdarg.h>
#include <stdio.h>
#include <tacho/tacho.h>

#include "mark/site_names.h"
#include "mark/writer.h"

/* Bits of tacho_marking. */
#define TO_RECORDING 1
#define TO_HEARER 2

int tacho_marking;
static void (*_Atomic hear_label)(const char *text, size_t n);

/* ---- on and off ---- */

static void turn_on(int bits)
{
    __atomic_fetch_or(&tacho_marking, bits, __ATOMIC_RELAXED);
}

static void turn_off(int bits)
{
    __atomic_fetch_and(&tacho_marking, ~bits, __ATOMIC_RELAXED);
}

bool marking_works(void)
{
    return (__atomic_load_n(&tacho_marking, __ATOMIC_RELAXED) & TO_RECORDING) != 0;
}

void marking_hear_labels(void (*hear)(const char *text, size_t n))
{
    atomic_store(&hear_label, hear);
    if (hear != NULL)
        turn_on(TO_HEARER);
    else
        turn_off(TO_HEARER);
}

/* ---- names ---- */

static __attribute__((noinline, cold)) uint32_t new_id_of_place(struct tacho_place *place)
{
    uint32_t id = site_name_id(place->name, place->category, own_file_put_site);
    __atomic_store_n(&place->id, id, __ATOMIC_RELAXED);
    return id;
}

static inline uint32_t id_of_place(struct tacho_place *place)
{
    uint32_t id = __atomic_load_n(&place->id, __ATOMIC_RELAXED);
    return RARELY(id == 0) ? new_id_of_place(place) : id;
}

static bool is_text(const char *text, uint32_t at, uint32_t bytes)
{
    return text == NULL ? bytes == 0
                        : strncmp(text, site_text(at), bytes) == 0 &&
                              (bytes == NAME_BYTES_MAX || text[bytes] == '\0');
}

static bool is_recent(const struct recent *r, const char *name, const char *category)
{
    if (r->site == 0 || r->name != name || r->category != category)
        return false;
    const struct site_name *site = site_name_of(r->site);
    return is_text(name, site->name_at, site->name_bytes) &&
           is_text(category, site->category_at, site->category_bytes);
}

/* Its text may have changed since it was at that address. */
static uint32_t id_of_texts(const char *name, const char *category)
{
    struct writer *w = writer_current;
    if (w->ring == NULL)
        return site_name_id(name, category, own_file_put_site);
    struct recent *r = &w->recent[((uintptr_t)name ^ (uintptr_t)name >> 5) % RECENT];
    struct recent found = *r;
    if (is_recent(&found, name, category))
        return found.site;
    uint32_t id = site_name_id(name, category, own_file_put_site);
    if (id != SITE_TOO_MANY)
        *r = (struct recent){name, category, id};
    return id;
}

/* ---- what programs call ---- */

static inline void begin(enum cell_kind kind, uint32_t site)
{
    struct writer *w = writer_current;
    uint64_t limit = w->limit;
    if (RARELY(w->head + ROOM_A_BEGIN >= limit)) {
        writer_begin_slowly(kind, site);
        return;
    }
    w->limit = 0;
    BARRIER();
    if (kind == CELL_BEGIN && own_file_tsc)
        put(w, kind, site, tsc_now());
    else
        writer_put_begin(w, kind, site);
    BARRIER();
    w->limit = limit - ROOM_A_SCOPE;
}

static inline void end(enum cell_kind kind, uint32_t site)
{
    struct writer *w = writer_current;
    uint64_t limit = w->limit;
    if (RARELY(limit - 1 >= w->top - 1)) {
        writer_end_slowly();
        return;
    }
    w->limit = 0;
    BARRIER();
    if (kind == CELL_END && own_file_tsc)
        put(w, kind, site, tsc_now());
    else
        writer_put_end(w, kind, site);
    BARRIER();
    w->limit = limit + ROOM_A_SCOPE;
}

void tacho_place_begin(struct tacho_place *place)
{
    begin(CELL_BEGIN, id_of_place(place));
}

void tacho_place_end(struct tacho_place *place)
{
    end(CELL_END, __atomic_load_n(&place->id, __ATOMIC_RELAXED));
}

void tacho_place_begin_cpu(struct tacho_place *place)
{
    begin(CELL_BEGIN_CPU, id_of_place(place));
}

void tacho_place_end_cpu(struct tacho_place *place)
{
    end(CELL_END_CPU, __atomic_load_n(&place->id, __ATOMIC_RELAXED));
}

void tacho_begin(const char *name, const char *category)
{
    if (marking_works())
        begin(CELL_BEGIN, id_of_texts(name, category));
}

void tacho_end(void)
{
    if (marking_works())
        end(CELL_END, 0);
}

static void put_value(uint32_t site, double value)
{
    uint64_t limit, bits;
    struct writer *w = writer_enter(2, &limit);
    if (w == NULL)
        return;
    memcpy(&bits, &value, sizeof bits);
    put_valued(w, CELL_COUNTER, site, now(), bits);
    writer_leave(w, limit);
}

void tacho_place_counter(struct tacho_place *place, double value)
{
    put_value(id_of_place(place), value);
}

void tacho_counter(const char *name, double value)
{
    if (marking_works())
        put_value(id_of_texts(name, NULL), value);
}

static void put_text(struct writer *w, enum cell_kind kind, uint64_t stamp, const char *text,
                     uint32_t n)
{
    uint64_t head = w->head;
    uint32_t cells = cells_of_text(n);
    *cell_at(w, head) = (struct shared_cell){stamp, cell_word(kind, n)};
    for (uint32_t i = 0; i < cells; i++) {
        uint32_t at = i * (uint32_t)sizeof(struct shared_cell), left = n - at;
        memcpy(cell_at(w, head + 1 + i), text + at,
               left < sizeof(struct shared_cell) ? left : sizeof(struct shared_cell));
    }
    publish(w, head + 1 + cells);
}

static void put_message(enum cell_kind kind, const char *text, size_t n)
{
    uint64_t limit;
    struct writer *w = writer_enter(1 + cells_of_text((uint32_t)n), &limit);
    if (w == NULL)
        return;
    put_text(w, kind, now(), text, (uint32_t)n);
    writer_leave(w, limit);
}

void tacho_label(const char *text, ...)
{
    if (__atomic_load_n(&tacho_marking, __ATOMIC_RELAXED) == 0)
        return;
    char message[LABEL_BYTES_MAX + 1];
    va_list values;
    va_start(values, text);
    int n = vsnprintf(message, sizeof message, text, values);
    va_end(values);
    if (n < 0)
        return;
    size_t length = n > LABEL_BYTES_MAX ? LABEL_BYTES_MAX : (size_t)n;
    void (*hear)(const char *, size_t) = atomic_load(&hear_label);
    if (hear != NULL)
        hear(message, length);
    if (marking_works())
        put_message(CELL_LABEL, message, length);
}

void tacho_thread_name(const char *name)
{
    if (marking_works() && name != NULL)
        put_message(CELL_THREAD_NAME, name, strnlen(name, NAME_BYTES_MAX));
}

/* ---- the beginning and the end ---- */

void marking_begin(void)
{
    writer_prepare();
    own_file_begin();
    turn_on(TO_RECORDING);
}

void marking_end(void)
{
    turn_off(TO_RECORDING);
}
