/* SPDX-License-Identifier: Apache-2.0
 *
 * source.h - the contract of everything records come from. One file and one table row per connector.
 *
 * A source is asked three things, always in this order, always from one thread:
 *   plan  fix the next epoch: where each partition ends now, within the limits. Nothing is consumed.
 *   read  hand over one slice of a planned range, as raw bytes with records framed, or as SQL relation.
 *   seek  go to a committed position (at start, and after an epoch was abandoned).
 * The source never remembers that something was read: only a committed position counts, and the engine
 * keeps it together with its output. So the same position and the same world give the same plan, and the
 * same planned range gives the same records, however often it is read. A world that changed (a file that
 * shrank, an offset that is gone) is an error that names what was there and what is there now.
 *
 * Nobody calls the table's functions but the wrappers below, which check the rules.
 */
#ifndef PS_CONNECT_SOURCE_H
#define PS_CONNECT_SOURCE_H

#include "data/codec.h"
#include "job/project.h"
#include "job/pushed.h"
#include "job/use.h"

/* How much one epoch may take. */
struct ps_epoch_limits {
    int64_t
        record_count_max; /* advisory where records are not known before they are read (files): bytes rule */
    int64_t byte_count_max;
    int64_t slice_size; /* aim for slices of about this many bytes: one slice is one task */
    /* The run ends when this source is drained: wait (about 2 s at most) for a last line or file that is just being
     * written, instead of leaving it for the next plan. A broker's source ends where the partitions ended at the
     * first such plan. */
    bool is_once;
    /* Until when (ps_clock_monotonic_ns) a source may wait for more records; 0: not at all. A source that
     * can only look (files) ignores it. */
    int64_t deadline_ns;
    const struct ps_stop *stop; /* whoever waits looks at it: the run is to end. May be NULL */
};

/* How many records an epoch may have that has `count` records of `size` bytes by now and at most `count_max` of
 * `size_max`: where a row group of DuckDB or more fits, as many whole ones as are going to fit. A transaction that
 * ends in the middle of one leaves it half full, and a checkpoint writes it and its neighbours again. */
int64_t ps_epoch_count_max(int64_t count, int64_t size, int64_t count_max, int64_t size_max);

/* A part of one partition: [begin, end). One task decodes one slice. */
struct ps_slice {
    struct ps_partition partition;
    int64_t begin, end;      /* offsets as in struct ps_position */
    bool is_partition_start; /* a byte order mark and a CSV header may stand here */
    const char
        *end_state; /* position state once everything to `end` is committed; has the CSV header in it */
    /* Of a source that is_fleeting: the slice's records in a form that read() understands, in the arena of the range;
     * data NULL: none. */
    struct ps_bytes kept;
};

struct ps_range {
    struct ps_slice *slices; /* in the order in which records count */
    size_t slice_count;
    struct ps_position *ends; /* the position of every partition that moves, when this range is committed */
    size_t end_count;
    int64_t byte_count;
    bool is_drained; /* nothing more was there when this was planned */
    /* The ends are worth an epoch of their own though no slice is there: first positions, or a stretch of a partition
     * without records. */
    bool is_moved;
    /* A partition begins anew (its topic was deleted and made again): its offsets may be lower than before. */
    bool is_rebased;
    struct ps_arena *arena; /* owns all of it */
};
void ps_range_free(struct ps_range *range);

/* What reading a slice gives: raw bytes (files), messages (brokers) or a relation for SQL (Parquet). */
struct ps_raw {
    char *data; /* one block of framed records, owned; NULL when `messages` or `relation` is set */
    size_t size;
    struct ps_message *messages; /* owned */
    size_t message_count;
    struct ps_lent *lent; /* what the bytes of messages are in, owned; or NULL */
    int64_t base_offset;  /* offset of data[0] */
    /* Not 0: the slice is one record of this many bytes, too large to be kept; `data` is only its beginning. */
    int64_t oversize;
    /* SQL text that may follow FROM, with a BIGINT column "penstock_offset" last; owned */
    char *relation;
    int64_t row_count; /* of the relation */
};
void ps_raw_done(struct ps_raw *raw);

struct ps_source_setup {
    const char *name;   /* of the CREATE SOURCE */
    const char *folder; /* of the project: relative paths start here */
    const struct ps_schema *schema;
    const struct ps_codec_type *codec; /* NULL for encode = 'parquet' */
    const void *codec_config;
    const char *encode;      /* "json", "csv", "parquet", "avro", "protobuf", "bytes" */
    bool fail_on_bad_record; /* on_bad_record = 'fail': the engine fails the epoch at the first dead letter */
    /* What the codec decodes: the declared columns, which are the first of `schema`; the INCLUDE columns follow.
     * Columns NULL: all of `schema`. */
    struct ps_schema codec_schema;
    const struct ps_source_statement *statement; /* format, primary key, INCLUDE, WITH settings as written */
    /* What the statements need of it: what they do not, need not be read. NULL: everything is needed. A connector
     * that cannot leave anything out ignores it. */
    const struct ps_source_use *use;
    struct ps_decoding
        *decoding; /* schemas, keys of changelogs; NULL: none are needed. Owned by the open source */
};

/* A place in every partition. */
enum ps_place {
    PS_PLACE_EARLIEST, /* the first record that can still be read */
    PS_PLACE_LATEST,   /* behind the last record */
    PS_PLACE_END,  /* behind the last byte, for showing: there need not be a border of records, nor a state */
    PS_PLACE_TIME, /* the first record of a time or later */
};

struct ps_source_type {
    const char *name; /* "file" */
    const char *summary;
    const struct ps_option *options; /* without the framework's own: connector, on_bad_record, ... */
    size_t config_size;
    const char *const *encodes; /* what it can read: NULL-terminated */
    /* The first offset of a partition need not be 0, and offsets may have gaps: a broker's. */
    bool is_sparse;
    /* Behind it is a server: an error with the remedy RETRY is handed on as UNAVAILABLE, and the run waits for it. */
    bool is_remote;
    /* Settings "properties.*" are the connector's own, in setup->statement->settings. */
    bool takes_properties;
    /* What was read may not be there again when it is read again (a cell that was overwritten). Slices of a plan that
     * is saved for the outside sinks then carry their bytes (`kept`), and a restored slice is read from them. */
    bool is_fleeting;
    /* Records in a form of the connector's own, for which no ENCODE is written: the codec, and what makes its
     * configuration of the connector's (any mistake is one of the project). Both or none; `encodes` then is the codec's
     * name alone. */
    const struct ps_codec_type *codec;
    penstock_code (*configure)(const struct ps_source_setup *setup, const void *config,
                               struct ps_arena *arena, const void **codec_config_out,
                               struct penstock_error *error);
    /* What is left out because of setup->use and the statement's own words, without touching the world; the texts are
     * in the arena. NULL: nothing ever is. */
    penstock_code (*explain)(const struct ps_source_setup *setup, const void *config, struct ps_arena *arena,
                             struct ps_pushed *pushed_out, struct penstock_error *error);
    /* What can be wrong with the statement besides its options, found without touching the world: for `penstock
     * check`. May be NULL. */
    penstock_code (*check)(const struct ps_source_setup *setup, const void *config,
                           struct penstock_error *error);
    penstock_code (*open)(const struct ps_source_setup *setup, const void *config, void **state_out,
                          struct penstock_error *error);
    penstock_code (*seek)(void *state, const struct ps_position_list *positions,
                          struct penstock_error *error);
    penstock_code (*plan)(void *state, const struct ps_epoch_limits *limits, struct ps_range *range,
                          struct penstock_error *error);
    penstock_code (*read)(void *state, const struct ps_slice *slice, struct ps_raw *raw_out,
                          struct penstock_error *error);
    void (*close)(void *state); /* accepts half-opened */
    /* Everything to `positions` is committed; may be told to the outside (a broker's group, for lag dashboards).
     * Never fails: nothing depends on it. May be NULL. Called before the next plan. */
    void (*committed)(void *state, const struct ps_position_list *positions);
    /* How far behind: records (or bytes) between the planned position and the end, -1 if not known. Only looks at what
     * is known without asking. May be NULL. */
    int64_t (*lag)(void *state);
    /* What a human should know, said once: a server that is waited for, or that is back. Writes it into `text`; NULL if
     * there is nothing new. May be NULL. */
    const char *(*notice)(void *state, char *text, size_t size);
    /* Where the partitions that are there now begin, end, or have their first record of a time (then: or later; behind
     * the last record if there is none). Asks the outside, moves nothing. UNSUPPORTED: this place is not known here;
     * then, or if it is NULL, ps_source_locate() finds EARLIEST and LATEST by planning. */
    penstock_code (*locate)(void *state, enum ps_place place, int64_t time_ms,
                            struct ps_position_list *found_out, struct penstock_error *error);
};
extern const struct ps_source_type *const ps_source_types[]; /* NULL-terminated */
const struct ps_source_type *ps_source_type_find(const char *name);

/* An open source: type + state + the rules of the contract. One thread. setup->decoding is taken over, also on
 * failure, and lives as long as the source. */
struct ps_source;
penstock_code ps_source_open(const struct ps_source_type *type, const struct ps_source_setup *setup,
                             const void *config, struct ps_source **source_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_source_close(struct ps_source *source);
penstock_code ps_source_seek(struct ps_source *source, const struct ps_position_list *positions,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Plans on from the end of the range planned last (or the position sought); *range_out NULL: nothing new. */
penstock_code ps_source_plan(struct ps_source *source, const struct ps_epoch_limits *limits,
                             struct ps_range **range_out, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_source_read(struct ps_source *source, const struct ps_slice *slice, struct ps_raw *raw_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Takes a range that was planned in an earlier life as the range planned last: its slices can be read, and the
 * next plan goes on from its ends. Same errors as seek. */
penstock_code ps_source_restore(struct ps_source *source, const struct ps_range *range,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* The epoch of `range` is committed. */
void ps_source_committed(struct ps_source *source, const struct ps_range *range);
int64_t ps_source_lag(struct ps_source *source);
const char *ps_source_notice(struct ps_source *source, char *text, size_t size);

/* locate.c: positions for a human who moves a source. `committed`: where it stands; partitions keep their ordinals.
 * After these calls the source must be sought again. UNSUPPORTED: records of this connector have no times. */
penstock_code ps_source_locate(struct ps_source *source, enum ps_place place, int64_t time_ms,
                               const struct ps_position_list *committed, struct ps_position_list *found_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* The position at exactly `offset` of one partition. INVALID_ARGUMENT if no record begins there. */
penstock_code ps_source_locate_offset(struct ps_source *source, const char *partition, int64_t offset,
                                      const struct ps_position_list *committed,
                                      struct ps_position_list *found_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The type's own answer: UNSUPPORTED if it has none. Found partitions that stand in `committed` have its ordinals. */
penstock_code ps_source_ask_place(struct ps_source *source, enum ps_place place, int64_t time_ms,
                                  const struct ps_position_list *committed,
                                  struct ps_position_list *found_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
bool ps_source_is_sparse(const struct ps_source *source);

/* Decodes raw bytes of a slice: every record becomes a row or a dead letter. Any thread; takes raw->data over into
 * the batch, but for an error: if its remedy is RETRY (a schema registry is away), the same call may succeed
 * later. */
penstock_code ps_decode(const struct ps_source_setup *setup, const struct ps_slice *slice, struct ps_raw *raw,
                        struct ps_batch **batch_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Decodes single records again, such as dead letters: each becomes a row or a dead letter, in order. `state`: the
 * position state of the partition (it has the CSV header); "" if it is not known. Copies the bytes. */
penstock_code ps_decode_records(const struct ps_source_setup *setup, struct ps_partition partition,
                                const char *state, const struct ps_record *records, size_t record_count,
                                struct ps_batch **batch_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
