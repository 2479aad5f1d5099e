/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c - the only file that calls malloc; arenas as chains of blocks.
 *
 * The counter behind ps_memory_fail_at() is the one piece of global state here: it exists so that a test can
 * fail the n-th allocation of unchanged code.
 */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"

#define ARENA_BLOCK_SIZE ((size_t)64 << 10)
#define ARENA_ALIGNMENT ((size_t)16)

static atomic_llong call_count; /* tidy: allow global: counts allocations for the torture test */
static atomic_llong fail_at;    /* tidy: allow global: set by the torture test only */

static bool fails_now(void) {
    const long long call = atomic_fetch_add_explicit(&call_count, 1, memory_order_relaxed) + 1;
    return call == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

void ps_memory_fail_at(int64_t call) {
    atomic_store(&fail_at, call > 0 ? atomic_load(&call_count) + call : 0);
}

int64_t ps_memory_call_count(void) {
    return atomic_load(&call_count);
}

void *ps_allocate(size_t count, size_t size) {
    if (fails_now()) {
        return NULL;
    }
    return calloc(count > 0 ? count : 1, size > 0 ? size : 1);
}

void *ps_reallocate(void *pointer, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || fails_now()) {
        return NULL;
    }
    return realloc(pointer, total > 0 ? total : 1);
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
    free(pointer);
}

penstock_code ps_error_memory(struct penstock_error *error, const char *what) {
    (void)ps_error_set(error, PENSTOCK_OUT_OF_MEMORY, "not enough memory for %s", what);
    (void)ps_error_hint(error, "give the process more memory, or make epochs and batches smaller");
    return PENSTOCK_OUT_OF_MEMORY;
}

penstock_code ps_grow(void **items, size_t *capacity, size_t needed, size_t size, struct penstock_error *error) {
    if (needed <= *capacity) {
        return PENSTOCK_OK;
    }
    size_t target = *capacity > 4 ? *capacity : 4;
    while (target < needed) {
        if (__builtin_mul_overflow(target, 2, &target)) {
            return ps_error_memory(error, "a growing list");
        }
    }
    void *grown = ps_reallocate(*items, target, size);
    if (grown == NULL) {
        return ps_error_memory(error, "a growing list");
    }
    *items = grown;
    *capacity = target;
    return PENSTOCK_OK;
}

/* --- arenas ------------------------------------------------------------------------------------------------- */

struct block {
    struct block *next; /* older */
    size_t size, used;
};
/* bytes of a block start here, aligned */
#define BLOCK_HEAD ((sizeof(struct block) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT)

struct ps_arena {
    struct block *newest;
    size_t size_max, size_total; /* bytes handed out, rounded */
};

struct ps_arena *ps_arena_new(size_t size_max) {
    struct ps_arena *arena = ps_allocate(1, sizeof *arena);
    if (arena != NULL) {
        arena->size_max = size_max > 0 ? size_max : PS_LIMIT_ARENA_SIZE;
    }
    return arena;
}

void ps_arena_free(struct ps_arena *arena) {
    if (arena == NULL) {
        return;
    }
    while (arena->newest != NULL) {
        struct block *block = arena->newest;
        arena->newest = block->next;
        ps_release(block);
    }
    ps_release(arena);
}

void ps_arena_free_scoped(struct ps_arena **arena) {
    ps_arena_free(*arena);
}

void ps_arena_reset(struct ps_arena *arena) {
    while (arena->newest != NULL && arena->newest->next != NULL) {
        struct block *block = arena->newest;
        arena->newest = block->next;
        ps_release(block);
    }
    if (arena->newest != NULL) {
        arena->newest->used = 0;
    }
    arena->size_total = 0;
}

size_t ps_arena_size(const struct ps_arena *arena) {
    return arena->size_total;
}

/* Bytes that are not zeroed. */
static void *take(struct ps_arena *arena, size_t size) {
    if (size > SIZE_MAX - BLOCK_HEAD - ARENA_ALIGNMENT) {
        return NULL;
    }
    const size_t rounded = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (rounded > arena->size_max - arena->size_total) {
        return NULL;
    }
    struct block *block = arena->newest;
    if (block == NULL || block->size - block->used < rounded) {
        const size_t block_size = rounded > ARENA_BLOCK_SIZE ? rounded : ARENA_BLOCK_SIZE;
        block = ps_reallocate(NULL, BLOCK_HEAD + block_size, 1);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct block){arena->newest, block_size, 0};
        arena->newest = block;
    }
    void *start = (char *)block + BLOCK_HEAD + block->used;
    block->used += rounded;
    arena->size_total += rounded;
    return start;
}

void *ps_arena_allocate(struct ps_arena *arena, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *start = take(arena, total);
    if (start != NULL) {
        memset(start, 0, total);
    }
    return start;
}

char *ps_arena_copy_size(struct ps_arena *arena, const char *data, size_t size) {
    char *copy = size < SIZE_MAX ? take(arena, size + 1) : NULL;
    if (copy != NULL) {
        if (size > 0) {
            memcpy(copy, data, size);
        }
        copy[size] = '\0';
    }
    return copy;
}

char *ps_arena_copy(struct ps_arena *arena, const char *text) {
    return ps_arena_copy_size(arena, text, strlen(text));
}

char *ps_arena_printf(struct ps_arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = size >= 0 ? take(arena, (size_t)size + 1) : NULL;
    if (text != NULL) {
        vsnprintf(text, (size_t)size + 1, format, again);
    }
    va_end(again);
    return text;
}
