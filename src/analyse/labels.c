#include "analyse/labels.h"

const struct tacho_label *labels_last(const struct tacho_recording *rec, uint32_t entity,
                                      uint64_t time_ns)
{
    const struct tacho_label *own = NULL, *any = NULL;
    for (size_t i = 0; i < tacho_label_count(rec); i++) {
        const struct tacho_label *label = tacho_label_at(rec, i);
        if (label->time_ns > time_ns)
            continue;
        if (any == NULL || label->time_ns >= any->time_ns)
            any = label;
        if (label->entity == entity && (own == NULL || label->time_ns >= own->time_ns))
            own = label;
    }
    return own != NULL ? own : any;
}
