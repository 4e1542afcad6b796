#include "import/command_words.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void put_word(struct buffer *ret, struct text *t)
{
    char quote = '\0';
    for (; t->at < t->end && (quote != '\0' || !is_blank(*t->at)); t->at++) {
        bool ends = quote != '\0' && *t->at == quote;
        bool begins = quote == '\0' && (*t->at == '\'' || *t->at == '"') &&
                      memchr(t->at + 1, *t->at, (size_t)(t->end - t->at - 1)) != NULL;
        if (begins || ends)
            quote = begins ? *t->at : '\0';
        else if (*t->at != '\0')
            buffer_put_byte(ret, (uint8_t)*t->at);
    }
    buffer_put_byte(ret, '\0');
}

void command_words_put(struct buffer *ret, struct text line)
{
    for (;;) {
        while (line.at < line.end && is_blank(*line.at))
            line.at++;
        if (line.at == line.end)
            return;
        put_word(ret, &line);
    }
}

struct text command_name(const void *argv, size_t n)
{
    if (n == 0)
        return (struct text){"", ""};
    const char *word = argv, *end = memchr(argv, '\0', n), *slash;
    if (end == NULL)
        end = word + n;
    slash = memrchr(word, '/', (size_t)(end - word));
    return (struct text){slash != NULL ? slash + 1 : word, end};
}
