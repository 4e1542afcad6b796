#include "export/drain.h"

#include <errno.h>

int drain_flush(struct drain *drain)
{
    if (drain->buffer.failed)
        return -ENOMEM;
    int r = 0;
    if (drain->buffer.len > 0)
        r = drain->write(drain->context, drain->buffer.data, drain->buffer.len);
    drain->refused = r < 0;
    buffer_clear(&drain->buffer);
    return r;
}
