/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.h - allocation, arenas and scoped cleanup.
 *
 * An arena is a chain of blocks with a limit: one per batch, plan or request, passed as an argument,
 * reset as a whole. Out of memory is an ordinary error. Everything that allocates goes through
 * ps_allocate() so that the torture test can fail the n-th call.
 */
#ifndef PS_BASE_MEMORY_H
#define PS_BASE_MEMORY_H

#include <stdarg.h>
#include <stdlib.h>

#include "base/error.h"

/* Zeroed memory of count * size bytes, or NULL (also on overflow). Free with ps_release(). */
void *ps_allocate(size_t count, size_t size);
/* Grows `pointer` (may be NULL) to count * size bytes; NULL on failure, and then `pointer` is still valid.
 * New bytes are not zeroed. */
void *ps_reallocate(void *pointer, size_t count, size_t size);
char *ps_duplicate(const char *text);
void ps_release(void *pointer);

/* Tests only: the n-th ps_allocate() from now fails (1 = the next), 0 switches it off. */
void ps_memory_fail_at(int64_t call);
/* Number of ps_allocate()/ps_reallocate() calls so far. */
int64_t ps_memory_call_count(void);

/* Doubles *capacity (at least `needed`, at least 8) of an array of `size`-byte items. */
penstock_code ps_grow(void **items, size_t *capacity, size_t needed, size_t size,
                      struct penstock_error *error) PENSTOCK_MUST_USE;

/* Takes the value out of a scoped variable, so that its cleanup does nothing. */
#define ps_take(pointer) \
    __extension__({ \
        __typeof__(pointer) ps_taken = (pointer); \
        (pointer) = NULL; \
        ps_taken; \
    })
#define PS_SCOPED(function) __attribute__((cleanup(function)))
/* char *text PS_SCOPED(ps_release_scoped) = NULL; */
void ps_release_scoped(void *pointer_to_pointer);

struct ps_arena;

/* An empty arena that may hold at most `size_max` bytes (0: PS_LIMIT_ARENA_SIZE). NULL when out of memory. */
struct ps_arena *ps_arena_new(size_t size_max);
void ps_arena_free(struct ps_arena *arena);
void ps_arena_free_scoped(struct ps_arena **arena);
/* Forgets everything in it but keeps the first block. */
void ps_arena_reset(struct ps_arena *arena);
size_t ps_arena_size(const struct ps_arena *arena);
/* Zeroed, aligned to 16, never NULL-terminated for you; NULL when the limit or memory is exhausted. */
void *ps_arena_allocate(struct ps_arena *arena, size_t count, size_t size);
/* Copies; the copy is NUL-terminated. NULL when exhausted. */
char *ps_arena_copy(struct ps_arena *arena, const char *text);
char *ps_arena_copy_size(struct ps_arena *arena, const char *data, size_t size);
/* What ps_reallocate() has given is the arena's from now on, and freed with it; `size` counts against its limit. False:
 * there is no memory for that, and it is still the caller's. */
bool ps_arena_adopt(struct ps_arena *arena, void *memory, size_t size);
char *ps_arena_printf(struct ps_arena *arena, const char *format, ...) PS_PRINTF(2, 3);
/* The error of an exhausted arena or heap, one wording for all. */
penstock_code ps_error_memory(struct penstock_error *error, const char *what);

#endif
