#include "source/key_lines.h"

#include <string.h>

bool text_skip_past_newline(struct text *t)
{
    const char *newline = memchr(t->at, '\n', (size_t)(t->end - t->at));
    t->at = newline == NULL ? t->end : newline + 1;
    return newline != NULL;
}

bool text_take_column(struct text *t, uint64_t *ret)
{
    text_skip_blanks(t);
    struct text after = *t;
    uint64_t v;
    if (!text_take_u64(&after, &v) || after.at == after.end ||
        (*after.at != ' ' && *after.at != '\n' && *after.at != '\t'))
        return false;
    *t = after;
    *ret = v;
    return true;
}

/* The value behind the key at the cursor. */
static bool take_value(struct text *t, const struct key_line *line, uint64_t *ret)
{
    uint64_t number, scaled;
    t->at += line->length;
    if (!text_take_column(t, &number) || __builtin_mul_overflow(number, line->scale, &scaled))
        return false;
    *ret = scaled;
    return true;
}

uint32_t key_lines_parse(struct text t, const struct key_line *keys, size_t n_keys, uint64_t *value)
{
    uint32_t valid = 0;
    if (n_keys > 32)
        n_keys = 32;
    uint32_t wanted = n_keys == 32 ? UINT32_MAX : (UINT32_C(1) << n_keys) - 1;
    while (t.at < t.end && wanted != 0) {
        size_t left = (size_t)(t.end - t.at);
        for (uint32_t rest = wanted; rest != 0; rest &= rest - 1) {
            unsigned i = (unsigned)__builtin_ctz(rest);
            const struct key_line *line = &keys[i];
            if (*t.at != line->key[0] || left <= line->length ||
                memcmp(t.at, line->key, line->length) != 0)
                continue;
            wanted &= ~(UINT32_C(1) << i);
            if (take_value(&t, line, &value[line->field]))
                valid |= UINT32_C(1) << line->field;
            break;
        }
        if (!text_skip_past_newline(&t))
            break;
    }
    return valid;
}
