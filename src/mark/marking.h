/* Turning the marks of this process on and off. Where they go: own_file_place. */
#ifndef TACHO_MARK_MARKING_H
#define TACHO_MARK_MARKING_H

/* From now on marks are recorded. One caller at a time. */
void marking_begin(void);

/* From now on they are not; scopes that are open still end. */
void marking_end(void);

#endif
