/*
 * Messages of Protocol Buffers being written: fields in the wire format of proto2 and proto3
 * (https://protobuf.dev/programming-guides/encoding/), appended to a buffer. What failed for want of
 * memory shows in its `failed`. A field's number is at most 2^29 - 1.
 */
#ifndef TACHO_EXPORT_PROTOBUF_H
#define TACHO_EXPORT_PROTOBUF_H

#include "base/buffer.h"

/* uint32, uint64, bool, enum; int32 and int64 that are not negative. */
void protobuf_put_number(struct buffer *out, unsigned field, uint64_t number);

void protobuf_put_double(struct buffer *out, unsigned field, double value);

/* bytes; a string where `bytes` is UTF-8. */
void protobuf_put_bytes(struct buffer *out, unsigned field, const void *bytes, size_t n);

/* A string of any text: what is not UTF-8 becomes U+FFFD. */
void protobuf_put_text(struct buffer *out, unsigned field, const char *text);

/*
 * A message inside: what is put between the two is its fields. protobuf_open returns what
 * protobuf_close is to be given; they nest.
 */
size_t protobuf_open(struct buffer *out, unsigned field);
void protobuf_close(struct buffer *out, size_t opened);

#endif
