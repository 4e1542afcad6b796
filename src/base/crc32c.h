/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in iSCSI, RFC 3720 appendix B.4. */
#ifndef TACHO_BASE_CRC32C_H
#define TACHO_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * Continues `crc` (0 to begin) over `n` bytes. Uses the SSE4.2 instruction where the processor has
 * it (about 0.1 ns a byte), a table otherwise (about 1.5 ns). Thread-safe.
 */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);

/* The table version, for processors without the instruction and for the test that compares both. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t n);

#endif
