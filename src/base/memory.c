/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c - the one place that calls the C library's allocator, and the arenas above it.
 *
 * Every allocation is counted, so that a test can fail the n-th one and see that out of memory is an
 * ordinary error everywhere. An arena hands out zeroed memory from a chain of blocks that double in size;
 * a large request gets a block of its own behind the current one, so that the rest of that is not lost.
 */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"

static atomic_int_fast64_t call_count; /* tidy: allow global: counts for torture tests */
static atomic_int_fast64_t fail_call;  /* tidy: allow global: the call that fails; 0: none */

/* Counts one call; true if it is the one that a test wants to fail. */
static bool must_fail(void) {
    const int_fast64_t call = atomic_fetch_add_explicit(&call_count, 1, memory_order_relaxed) + 1;
    return call == atomic_load_explicit(&fail_call, memory_order_relaxed);
}

void *ps_allocate(size_t count, size_t size) {
    size_t total;
    if (must_fail() || __builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    return calloc(total == 0 ? 1 : total, 1); /* NULL always means failure */
}

void *ps_reallocate(void *pointer, size_t count, size_t size) {
    size_t total;
    if (must_fail() || __builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    return realloc(pointer, total == 0 ? 1 : total);
}

char *ps_duplicate(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = ps_allocate(size, 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void ps_release(void *pointer) {
    free(pointer);
}

void ps_release_scoped(void *pointer_to_pointer) {
    void *pointer;
    memcpy(&pointer, pointer_to_pointer, sizeof pointer);
    ps_release(pointer);
}

void ps_memory_fail_at(int64_t call) {
    const int_fast64_t now = atomic_load_explicit(&call_count, memory_order_relaxed);
    atomic_store_explicit(&fail_call, call == 0 ? 0 : now + call, memory_order_relaxed);
}

int64_t ps_memory_call_count(void) {
    return atomic_load_explicit(&call_count, memory_order_relaxed);
}

penstock_code ps_error_memory(struct penstock_error *error, const char *what) {
    (void)ps_error_set(error, PENSTOCK_OUT_OF_MEMORY, "out of memory for %s", what);
    (void)ps_error_hint(error, "give the process more memory, or less work at once");
    return PENSTOCK_OUT_OF_MEMORY;
}

penstock_code ps_grow(void **items, size_t *capacity, size_t needed, size_t size,
                      struct penstock_error *error) {
    if (needed <= *capacity) {
        return PENSTOCK_OK;
    }
    size_t grown = *capacity > SIZE_MAX / 2 ? SIZE_MAX : *capacity * 2;
    grown = grown < needed ? needed : grown;
    grown = grown < 8 ? 8 : grown;
    /* The caller's pointer has its own type: it is read and written as bytes, which is always allowed. */
    void *old;
    memcpy(&old, items, sizeof old);
    void *moved = ps_reallocate(old, grown, size);
    if (moved == NULL) {
        return ps_error_memory(error, "a growing list");
    }
    memcpy(items, &moved, sizeof moved);
    *capacity = grown;
    return PENSTOCK_OK;
}

/* --- arenas ------------------------------------------------------------------------------------------- */

#define ARENA_ALIGNMENT ((size_t)16)
#define ARENA_BLOCK_SIZE_FIRST ((size_t)4 << 10) /* most requests' and small plans' whole need */
#define ARENA_BLOCK_SIZE_MAX ((size_t)1 << 20)   /* more per call to the allocator gains nothing */

struct block {
    struct block *next;
    size_t capacity;
    size_t used;
    size_t dirty; /* bytes below this were used before a reset and are not zero */
    _Alignas(16) char data[];
};

struct adopted {
    struct adopted *next; /* in the arena itself */
    void *memory;
};

struct ps_arena {
    struct block *current;
    struct block *first; /* the one that a reset keeps */
    struct adopted *adopted;
    size_t block_size_next;
    size_t size;
    size_t size_max;
};

struct ps_arena *ps_arena_new(size_t size_max) {
    struct ps_arena *arena = ps_allocate(1, sizeof *arena);
    if (arena != NULL) {
        arena->size_max = size_max == 0 ? PS_LIMIT_ARENA_SIZE : size_max;
        arena->block_size_next = ARENA_BLOCK_SIZE_FIRST;
    }
    return arena;
}

/* Frees every block but `kept` (which may be NULL). */
static void free_blocks(struct ps_arena *arena, const struct block *kept) {
    for (const struct adopted *adopted = arena->adopted; adopted != NULL; adopted = adopted->next) {
        ps_release(adopted->memory);
    }
    arena->adopted = NULL;
    struct block *block = arena->current;
    while (block != NULL) {
        struct block *next = block->next;
        if (block != kept) {
            ps_release(block);
        }
        block = next;
    }
}

void ps_arena_free(struct ps_arena *arena) {
    if (arena != NULL) {
        free_blocks(arena, NULL);
        ps_release(arena);
    }
}

void ps_arena_free_scoped(struct ps_arena **arena) {
    ps_arena_free(*arena);
}

void ps_arena_reset(struct ps_arena *arena) {
    free_blocks(arena, arena->first);
    arena->current = arena->first;
    arena->size = 0;
    arena->block_size_next = ARENA_BLOCK_SIZE_FIRST;
    if (arena->first != NULL) {
        struct block *first = arena->first;
        first->next = NULL;
        first->dirty = first->used > first->dirty ? first->used : first->dirty;
        first->used = 0;
    }
}

size_t ps_arena_size(const struct ps_arena *arena) {
    return arena->size;
}

/* A block with room for `size` bytes, linked in; NULL when out of memory. */
static struct block *add_block(struct ps_arena *arena, size_t size) {
    const size_t usual = arena->block_size_next - sizeof(struct block);
    const bool is_large = size > usual / 2;
    const size_t capacity = is_large ? size : usual;
    struct block *block = ps_allocate(1, sizeof *block + capacity);
    if (block == NULL) {
        return NULL;
    }
    block->capacity = capacity;
    if (arena->current == NULL) {
        arena->first = arena->current = block;
    } else if (is_large) {
        block->next = arena->current->next;
        arena->current->next = block;
    } else {
        block->next = arena->current;
        arena->current = block;
    }
    if (!is_large && arena->block_size_next < ARENA_BLOCK_SIZE_MAX) {
        arena->block_size_next *= 2;
    }
    return block;
}

void *ps_arena_allocate(struct ps_arena *arena, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > arena->size_max) {
        return NULL;
    }
    total = total == 0 ? 1 : total;
    total = (total + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);
    if (total > arena->size_max || arena->size > arena->size_max - total) {
        return NULL;
    }
    struct block *block = arena->current;
    if (block == NULL || block->capacity - block->used < total) {
        block = add_block(arena, total);
        if (block == NULL) {
            return NULL;
        }
    }
    ps_check(block->capacity - block->used >= total);
    char *start = block->data + block->used;
    if (block->used < block->dirty) {
        const size_t stale = block->dirty - block->used;
        memset(start, 0, stale < total ? stale : total);
    }
    block->used += total;
    arena->size += total;
    return start;
}

char *ps_arena_copy(struct ps_arena *arena, const char *text) {
    return ps_arena_copy_size(arena, text, strlen(text));
}

char *ps_arena_copy_size(struct ps_arena *arena, const char *data, size_t size) {
    if (size == SIZE_MAX) {
        return NULL;
    }
    char *copy = ps_arena_allocate(arena, size + 1, 1);
    if (copy != NULL && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

bool ps_arena_adopt(struct ps_arena *arena, void *memory, size_t size) {
    struct adopted *const adopted = ps_arena_allocate(arena, 1, sizeof *adopted);
    if (adopted == NULL || size > arena->size_max - arena->size) {
        return false;
    }
    *adopted = (struct adopted){arena->adopted, memory};
    arena->adopted = adopted;
    arena->size += size;
    return true;
}

char *ps_arena_printf(struct ps_arena *arena, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = size < 0 ? NULL : ps_arena_allocate(arena, (size_t)size + 1, 1);
    if (text != NULL) {
        (void)vsnprintf(text, (size_t)size + 1, format, again);
    }
    va_end(again);
    return text;
}
