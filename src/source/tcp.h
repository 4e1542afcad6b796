/*
 * TCP connections by inode, from NETLINK_SOCK_DIAG (sock_diag(7)): one dump for the whole network
 * namespace, 0.3 to 0.6 ms with a thousand sockets, where /proc/net/tcp costs 2 ms. IPv4 and IPv6.
 * Only sockets of the caller's own network namespace are seen.
 */
#ifndef TACHO_SOURCE_TCP_H
#define TACHO_SOURCE_TCP_H

#include "source/proc_process.h"

struct tcp_table; /* inode -> state, and the netlink socket */

/*
 * Opens the netlink socket. 0 or -errno, where the kernel or a sandbox refuses (-EPROTONOSUPPORT,
 * -EPERM). The dump always comes from the kernel, also for a test's `root`.
 */
int tcp_table_new(const struct source_root *root, struct tcp_table **ret);
void tcp_table_free(struct tcp_table *table);

/*
 * Takes a new dump. 0 or -errno (the last dump is then forgotten); -ENOENT where the kernel has no
 * sock_diag for TCP. Bounded: at most 1 M sockets are kept.
 */
int tcp_table_refresh(struct tcp_table *table);

/* Sockets in the last dump that are established and listening, those beyond the bound included. */
size_t tcp_table_established(const struct tcp_table *table);
size_t tcp_table_listening(const struct tcp_table *table);

enum tcp_field { TCP_ESTABLISHED, TCP_LISTENING, TCP_FIELDS };

/*
 * Counts a process's open TCP sockets: readlink on each entry of fd/, 2.3 µs a descriptor; one
 * readlink when the dump is empty. -EXDEV when the process lives in another network namespace: its
 * sockets are unknown here. A socket open twice in one process counts once. Without valid bits
 * where the dump went over the bound. `also`, if not NULL, hears of each descriptor in the same pass, which is
 * then made with an empty dump too, but not for another network namespace.
 */
int tcp_table_count(struct tcp_table *table, const struct source_root *root,
                    const struct process_files *files, const struct link_listener *also,
                    uint64_t value[TCP_FIELDS], uint32_t *valid);

/* ---- the same in parts, for tests and fuzzing ---- */

/* Forgets the dump. */
void tcp_table_clear(struct tcp_table *table);

/*
 * Takes one datagram of the answer to request `sequence`; messages of other requests are passed
 * over. 1 when the dump is complete with it, 0 when more is to come, -EPROTO for malformed
 * messages, or the error that the kernel reports in it.
 */
int tcp_table_take(struct tcp_table *table, uint32_t sequence, const void *bytes, size_t n);

/* Begins the counting of another process. */
void tcp_table_begin(struct tcp_table *table);

/* Counts one descriptor's link target ("socket:[123]", no terminator) into `value`. */
void tcp_table_add(struct tcp_table *table, const char *target, size_t n,
                   uint64_t value[TCP_FIELDS]);

#endif
