#include "read/payload.h"

#include <errno.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "config.h"

#define CODEC_NONE 0

static const struct codec *codec_of(uint8_t id)
{
#ifdef HAVE_ZSTD
    if (id == codec_zstd.id)
        return &codec_zstd;
#endif
    (void)id;
    return NULL;
}

bool payload_codec_known(uint8_t codec)
{
    return codec == CODEC_NONE || codec_of(codec) != NULL;
}

int64_t read_fully(int fd, void *to, size_t n, uint64_t offset)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = pread(fd, (uint8_t *)to + got, n - got, (off_t)(offset + got));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (int64_t)got;
}

/* Memory for `n` bytes; what was there is not kept. */
static int make_room(struct allowance *a, uint8_t **buffer, size_t *cap, size_t n)
{
    if (*buffer != NULL && n <= *cap)
        return 0;
    allowance_free(a, *buffer, *cap);
    size_t want = n + n / 8;
    *buffer = allowance_alloc(a, want);
    *cap = *buffer != NULL ? want : 0;
    return *buffer != NULL ? 0 : a->error;
}

bool payload_sound(const struct block_entry *entry, const uint8_t *stored)
{
    return crc32c(0, stored, entry->stored_bytes) == entry->payload_crc;
}

int payload_load(struct tacho_recording *rec, const struct block_entry *entry, struct payload *p)
{
    int r = make_room(&rec->allowance, &p->stored, &p->stored_cap, entry->stored_bytes);
    if (r != 0)
        return r;
    int64_t got = read_fully(rec->fd, p->stored, entry->stored_bytes, entry->offset);
    if (got < 0)
        return (int)got;
    /* Short: somebody cut the file since the block was found. */
    return got == entry->stored_bytes && payload_sound(entry, p->stored) ? 0 : -EPROTO;
}

int payload_decode(struct tacho_recording *rec, const struct block_entry *entry,
                   const uint8_t *stored, struct payload *p)
{
    p->n = entry->raw_bytes;
    p->bytes = stored;
    if (entry->codec == CODEC_NONE)
        return 0;
    int r = make_room(&rec->allowance, &p->raw, &p->raw_cap, entry->raw_bytes);
    if (r != 0)
        return r;
    p->bytes = p->raw;
    return codec_of(entry->codec)
        ->decompress(stored, entry->stored_bytes, p->raw, entry->raw_bytes);
}

void payload_done(struct tacho_recording *rec, struct payload *p)
{
    allowance_free(&rec->allowance, p->stored, p->stored_cap);
    allowance_free(&rec->allowance, p->raw, p->raw_cap);
    *p = (struct payload){0};
}
