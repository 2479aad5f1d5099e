/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_key_span.c - conditions on the row key, or on its first parts, as spans of row keys.
 *
 * Parts are taken in the order of the key. As long as one has single values (= or IN) the keys that begin with them
 * are told apart by the next part; the first one that has a span of values, or no condition, ends it. So `sensor = 'a'
 * AND at > t` is one span of keys when the key is sensor, then at; a salt in front, of which nothing is known, leaves
 * nothing.
 */
#include "connect/hbase_encoding.h"
#include "connect/hbase_span.h"

/* How a part ends: what may stand behind its bytes. */
enum ending {
    ENDS_FIXED,     /* it has its width */
    ENDS_KEY,       /* it is all that is left of the key */
    ENDS_SEPARATED, /* by the literal behind it, which is not in it */
    ENDS_ITSELF,    /* OrderedBytes: no value begins with another one */
    ENDS_TAIL,      /* some bytes are left for the parts behind it */
};

struct building {
    const struct ps_hbase_mapping *mapping;
    const struct ps_predicate *const *predicates;
    size_t count;
    struct ps_arena *arena;
    bool *is_used;
    struct ps_bytes *prefixes; /* keys begin with one of them; the parts before `part` */
    size_t prefix_count;
    size_t part;
    bool is_exact;
    struct penstock_error *error;
};

static penstock_code out_of_memory(const struct building *building) {
    return ps_error_memory(building->error, "a condition");
}

static const struct ps_hbase_spans everything = {
    .items = (struct ps_hbase_span[]){{.low = {"", 0}}}, .count = 1, .is_exact = true};

static penstock_code join(const struct building *building, struct ps_bytes left, struct ps_bytes right,
                          struct ps_bytes *joined_out) {
    char *joined = ps_arena_allocate(building->arena, left.size + right.size + 1, 1);
    if (joined == NULL) {
        return out_of_memory(building);
    }
    if (left.size > 0) {
        memcpy(joined, left.data, left.size);
    }
    if (right.size > 0) {
        memcpy(joined + left.size, right.data, right.size);
    }
    *joined_out = (struct ps_bytes){joined, left.size + right.size};
    return PENSTOCK_OK;
}

/* Values of the field that all conditions on it leave; *is_known_out: there is one. */
static penstock_code field_spans(const struct building *building, size_t field,
                                 struct ps_hbase_spans *spans_out, bool *is_known_out) {
    struct ps_hbase_spans spans = everything;
    *is_known_out = false;
    for (size_t i = 0; i < building->count; i++) {
        const struct ps_predicate *const predicate = building->predicates[i];
        struct ps_hbase_spans own;
        const char *why = NULL;
        if (predicate->column != field || predicate->value_count == 0) {
            continue;
        }
        PS_TRY(ps_hbase_spans_of(building->mapping, &building->mapping->fields[field], predicate,
                                 building->arena, &own, &why, building->error));
        if (why == NULL) {
            PS_TRY(ps_hbase_spans_meet(&spans, &own, building->arena, &spans, building->error));
            building->is_used[i] = true;
            *is_known_out = true;
        }
    }
    *spans_out = spans;
    return PENSTOCK_OK;
}

/* --- one part ------------------------------------------------------------------------------------------------- */

static enum ending ending_of(const struct ps_hbase_mapping *mapping, size_t index) {
    const struct ps_hbase_key_part *const part = &mapping->parts[index];
    if (part->width > 0) {
        return ENDS_FIXED;
    }
    const bool is_ordered = ps_hbase_encoding_is_ordered_bytes(part->encoding);
    const bool is_last =
        part->encoding == PS_HBASE_AS_BLOB_LAST || part->encoding == PS_HBASE_AS_BLOB_LAST_DESC;
    if (is_ordered && !is_last) {
        return ENDS_ITSELF;
    }
    if (index + 1 == mapping->part_count) {
        return ENDS_KEY;
    }
    return part[1].literal.size > 0 && part[1].name == NULL && !is_last ? ENDS_SEPARATED : ENDS_TAIL;
}

static penstock_code set_behind(const struct building *building, struct ps_bytes prefix,
                                struct ps_hbase_span *span) {
    PS_TRY(ps_hbase_behind(prefix, building->arena, &span->high, building->error));
    span->has_high = span->high.size > 0;
    span->high_is_in = false;
    return PENSTOCK_OK;
}

static penstock_code set_low(struct building *building, enum ending ending, struct ps_bytes prefix,
                             const struct ps_hbase_span *values, struct ps_hbase_span *span) {
    const size_t width = building->mapping->parts[building->part].width;
    PS_TRY(join(building, prefix, values->low, &span->low));
    if (!values->low_is_open) {
        return PENSTOCK_OK;
    }
    if (ending == ENDS_KEY) {
        span->low_is_open = true;
        return PENSTOCK_OK;
    }
    if (ending == ENDS_ITSELF || (ending == ENDS_FIXED && values->low.size == width)) {
        struct ps_bytes behind;
        PS_TRY(ps_hbase_behind(span->low, building->arena, &behind, building->error));
        if (behind.size > 0) {
            span->low = behind;
            return PENSTOCK_OK;
        }
    }
    /* of a value that is too short for its width there is none: all that begin with it are greater */
    building->is_exact = building->is_exact && ending == ENDS_FIXED && values->low.size < width;
    return PENSTOCK_OK;
}

/* A value may be the beginning of `high`: then the separator stands where high goes on, and may be greater. */
static penstock_code set_high_separated(struct building *building, struct ps_bytes prefix,
                                        const struct ps_hbase_span *values, struct ps_hbase_span *span) {
    const struct ps_bytes separator = building->mapping->parts[building->part + 1].literal;
    for (size_t i = 0; i < values->high.size; i++) {
        if ((unsigned char)separator.data[0] >= (unsigned char)values->high.data[i]) {
            struct ps_bytes begin;
            PS_TRY(join(building, prefix, (struct ps_bytes){values->high.data, i}, &begin));
            return set_behind(building, begin, span);
        }
    }
    PS_TRY(join(building, prefix, values->high, &span->high));
    return values->high_is_in ? set_behind(building, span->high, span) : PENSTOCK_OK;
}

static penstock_code set_high(struct building *building, enum ending ending, struct ps_bytes prefix,
                              const struct ps_hbase_span *values, struct ps_hbase_span *span) {
    if (!values->has_high || ending == ENDS_TAIL) {
        building->is_exact = building->is_exact && ending != ENDS_TAIL;
        return set_behind(building, prefix, span);
    }
    span->has_high = true;
    if (ending == ENDS_SEPARATED) {
        building->is_exact = false;
        return set_high_separated(building, prefix, values, span);
    }
    PS_TRY(join(building, prefix, values->high, &span->high));
    if (!values->high_is_in || ending == ENDS_KEY) {
        span->high_is_in = values->high_is_in;
        return PENSTOCK_OK;
    }
    const bool is_whole =
        ending == ENDS_ITSELF || values->high.size == building->mapping->parts[building->part].width;
    return is_whole ? set_behind(building, span->high, span) : PENSTOCK_OK;
}

/* Keys that begin with `prefix` and then have one of the values. */
static penstock_code add_values(struct building *building, enum ending ending, struct ps_bytes prefix,
                                const struct ps_hbase_span *values, struct ps_hbase_spans *spans) {
    struct ps_hbase_span span = {.low = prefix};
    PS_TRY(set_low(building, ending, prefix, values, &span));
    PS_TRY(set_high(building, ending, prefix, values, &span));
    building->is_exact =
        building->is_exact && (ending != ENDS_SEPARATED || (values->low.size == 0 && !values->has_high));
    return ps_hbase_spans_add(spans, &span, building->arena, building->error);
}

/* --- all parts ---------------------------------------------------------------------------------------------------- */

/* Can the keys be told on behind this part: has it single values, and is it known where they end? */
static bool are_points(const struct building *building, enum ending ending,
                       const struct ps_hbase_spans *values) {
    const size_t width = building->mapping->parts[building->part].width;
    bool are_all = values->count * building->prefix_count <= PS_HBASE_SPAN_COUNT_MAX && ending != ENDS_TAIL;
    for (size_t i = 0; i < values->count && are_all; i++) {
        are_all = ps_hbase_span_is_point(&values->items[i]) &&
                  (ending != ENDS_FIXED || values->items[i].low.size == width);
    }
    return are_all;
}

static penstock_code go_on(struct building *building, const struct ps_hbase_spans *values) {
    const size_t count = values->count * building->prefix_count;
    struct ps_bytes *prefixes = ps_arena_allocate(building->arena, count + 1, sizeof *prefixes);
    if (prefixes == NULL) {
        return out_of_memory(building);
    }
    for (size_t i = 0; i < count; i++) {
        PS_TRY(join(building, building->prefixes[i / values->count], values->items[i % values->count].low,
                    &prefixes[i]));
    }
    building->prefixes = prefixes;
    building->prefix_count = count;
    building->part++;
    return PENSTOCK_OK;
}

/* What begins with one of the prefixes; of whole keys, those themselves. */
static penstock_code end_with_prefixes(struct building *building, struct ps_hbase_spans *spans) {
    const bool is_whole = building->part == building->mapping->part_count && building->part > 0;
    for (size_t i = 0; i < building->prefix_count; i++) {
        const struct ps_bytes prefix = building->prefixes[i];
        struct ps_hbase_span span = {.low = prefix, .high = prefix, .has_high = true, .high_is_in = true};
        PS_TRY(is_whole ? PENSTOCK_OK : set_behind(building, prefix, &span));
        PS_TRY(ps_hbase_spans_add(spans, &span, building->arena, building->error));
    }
    return PENSTOCK_OK;
}

static penstock_code build(struct building *building, struct ps_hbase_spans *spans) {
    const struct ps_hbase_mapping *const mapping = building->mapping;
    while (building->part < mapping->part_count) {
        const struct ps_hbase_key_part *const part = &mapping->parts[building->part];
        if (part->literal.size > 0) {
            const struct ps_hbase_span literal = {.low = part->literal};
            const struct ps_hbase_spans one = {(struct ps_hbase_span[]){literal}, 1, true};
            PS_TRY(go_on(building, &one));
            continue;
        }
        struct ps_hbase_spans values = everything;
        bool is_known = false;
        if (part->name != NULL) {
            PS_TRY(field_spans(building, part->field, &values, &is_known));
        }
        if (!is_known) {
            break;
        }
        building->is_exact = building->is_exact && values.is_exact;
        const enum ending ending = ending_of(mapping, building->part);
        if (are_points(building, ending, &values)) {
            PS_TRY(go_on(building, &values));
            continue;
        }
        for (size_t i = 0; i < building->prefix_count * values.count; i++) {
            PS_TRY(add_values(building, ending, building->prefixes[i / values.count],
                              &values.items[i % values.count], spans));
        }
        return PENSTOCK_OK;
    }
    return end_with_prefixes(building, spans);
}

penstock_code ps_hbase_key_spans(const struct ps_hbase_mapping *mapping,
                                 const struct ps_predicate *const *predicates, size_t count,
                                 struct ps_arena *arena, struct ps_hbase_spans *spans_out, bool *is_used_out,
                                 struct penstock_error *error) {
    struct ps_bytes *first = ps_arena_allocate(arena, 1, sizeof *first);
    struct building building = {.mapping = mapping,
                                .predicates = predicates,
                                .count = count,
                                .arena = arena,
                                .is_used = is_used_out,
                                .prefixes = first,
                                .prefix_count = 1,
                                .is_exact = true,
                                .error = error};
    if (first == NULL) {
        return out_of_memory(&building);
    }
    *first = (struct ps_bytes){"", 0};
    memset(is_used_out, 0, count * sizeof *is_used_out);
    struct ps_hbase_spans spans = {.is_exact = true};
    PS_TRY(build(&building, &spans));
    spans.is_exact = building.is_exact;
    for (size_t i = 0; i < mapping->field_count; i++) {
        struct ps_hbase_spans own;
        bool is_known = false;
        if (mapping->fields[i].place == PS_HBASE_IN_KEY) {
            PS_TRY(field_spans(&building, i, &own, &is_known));
            PS_TRY(is_known ? ps_hbase_spans_meet(&spans, &own, arena, &spans, error) : PENSTOCK_OK);
        }
    }
    bool is_any_used = false;
    size_t kept = 0;
    for (size_t i = 0; i < spans.count;
         i++) { /* no row has an empty key, which at the end of a range means no end */
        if (!spans.items[i].has_high || spans.items[i].high.size > 0) {
            spans.items[kept++] = spans.items[i];
        }
    }
    spans.count = kept;
    for (size_t i = 0; i < count; i++) {
        is_any_used = is_any_used || is_used_out[i];
    }
    /* a literal at the beginning alone leaves nothing out: a key without it is a dead letter */
    *spans_out = is_any_used ? spans : everything;
    return PENSTOCK_OK;
}
