/*
 * What a process uses of GPUs and accelerators, as Linux's drivers tell it of each of its open devices:
 * /proc/PID/fdinfo, Documentation/gpu/drm-usage-stats.rst of the kernel. amdgpu, i915, xe, nouveau, msm,
 * panfrost, ivpu and others; the proprietary driver of NVIDIA's does not.
 */
#ifndef TACHO_SOURCE_DRM_H
#define TACHO_SOURCE_DRM_H

#include "source/process_files.h"

/* One file's text. What a client is told of is the same in all descriptors that lead to it. */
struct drm_client {
    uint64_t device;    /* a hash of drm-pdev, or where there is none of the driver's name */
    uint64_t id;        /* drm-client-id, unique on its device */
    uint64_t engine_ns; /* that its work kept engines busy, of all engines together; cumulative */
    uint64_t cycles, total_cycles; /* where the driver counts these: busy, and passed; cumulative */
    uint64_t memory_bytes;         /* of all regions, those in main memory too */
    bool has_engine, has_cycles, has_memory;
};

/* 0, or -ENOENT where it is no text of a client. */
int drm_fdinfo_parse(const char *text, size_t n, struct drm_client *ret);

/* ---- of whole processes ---- */

enum drm_field { DRM_ENGINE /* ns, cumulative */, DRM_MEMORY /* bytes */, DRM_FIELDS };

/* What is known of one process so far; all 0 at first. */
struct drm_process {
    uint64_t engine_ns;
    uint32_t valid; /* what some device of it told */
};

/* The clients seen so far, and whose they are. */
struct drm_table;

/* 0; -ENOENT where this machine has no such device, so that nobody needs to look; -ENOMEM. */
int drm_table_new(const struct source_root *root, struct drm_table **ret);
void drm_table_free(struct drm_table *table);

/*
 * One process after the other: begin, then each of its descriptors by number and target
 * ("/dev/dri/renderD128", not terminated), of which those of devices are remembered (at most 64), then what
 * they come to. Each costs 10 µs, other descriptors nothing.
 *
 * A client counts once: in one process however many descriptors lead there, and of several processes
 * (after a fork) with the first that was looked at, as long as that one lives; who takes it over then
 * begins with what is used from then on. Without valid bits for a process that has no such device open and
 * never had.
 */
void drm_table_begin(struct drm_table *table);
void drm_table_see(struct drm_table *table, uint64_t fd, const char *target, size_t n);
void drm_table_take(struct drm_table *table, const struct process_files *files, uint64_t now_ns,
                    struct drm_process *process, uint64_t value[DRM_FIELDS], uint32_t *valid);

#endif
