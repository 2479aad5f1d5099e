/* SPDX-License-Identifier: Apache-2.0
 *
 * sink.h - the contract of everything records go to.
 *
 * write() makes nothing durable. commit(epoch, positions) is the only moment at which anything becomes
 * durable, and then all of it does, rows and positions together; a commit of an epoch that is already
 * there does nothing, and a commit by an older attempt fails with FENCED. recover() tells the last epoch.
 * After begin(), write() or commit() failed, discard() throws away what there is, and only recover() knows what
 * was kept; discard() with nothing begun does nothing.
 * Rows come in one of two ways. A sink that speaks a protocol of its own is given batches (write): the runner reads
 * the SELECT through the sink's projection, every value as text or bytes. A sink that is a file that DuckDB can
 * write is given the SELECT itself (copy), to be run on the epoch's connection, inside its transaction.
 *
 * At its own end a sink is known by (project, sink name), and there it keeps epoch, attempt and the id of the store
 * whose epochs they are: the epochs of another store are refused, not mixed in.
 * tests/sim crashes the engine before and after every step over this contract, and must catch three sinks
 * that break it: acknowledge early, acknowledge late, forget the position.
 */
#ifndef PS_CONNECT_SINK_H
#define PS_CONNECT_SINK_H

#include "job/project.h"
#include "sql/scan.h"

/* How rows and position become durable together; the planner refuses a promise a sink cannot keep. */
enum ps_delivery {
    PS_DELIVERY_SAME_TRANSACTION, /* rows and position in one transaction */
    PS_DELIVERY_WRITE_ONCE,       /* a unit named by its epoch; writing it twice is the same */
    PS_DELIVERY_AT_LEAST_ONCE,
};

struct ps_epoch {
    int64_t number;  /* 1, 2, 3, ... ; 0: none yet */
    int64_t attempt; /* of the application: a commit by a lower one is fenced */
};

/* What a sink is opened with. Everything is borrowed and outlives the sink. */
struct ps_sink_setup {
    const char *what;                /* in errors: "dataset"; NULL: "sink" */
    const char *name;                /* of the CREATE SINK */
    const char *project;             /* name of the project: with `name` the sink's identity at its own end */
    const char *store_id;            /* of the store whose epochs these are */
    const char *folder;              /* of the project: relative paths start here */
    const char *const *column_names; /* of the SELECT */
    const char *const *column_types; /* DuckDB's */
    size_t column_count;
    /* Columns that a source has got while it ran (on_new_field = 'add'): what is there may not have them yet. NULL:
     * none are. */
    const bool *column_is_added;
    const char
        *encode; /* "json", "csv", "parquet", ...: one of the type's encodes, the first if none was written */
    bool is_at_least_once; /* delivery = 'at_least_once' was asked for; else exactly once must be kept */
    const struct ps_sink_statement
        *statement; /* settings as written; "properties.*" are the connector's own */
};

struct ps_sink_type {
    const char *name;
    const char *summary;
    const struct ps_option *options; /* without the framework's own: connector, delivery */
    size_t config_size;
    const char *const *encodes; /* what it can write, NULL-terminated; the first is the default */
    bool
        takes_properties; /* settings "properties.*" are read from setup->statement by the connector itself */
    enum ps_delivery delivery; /* the most it can keep */
    /* Behind it is a server: an error with the remedy RETRY is handed on as UNAVAILABLE, and the run waits for it. */
    bool is_remote;
    /* Touches nothing outside: a wrong address or a missing table is an error of recover(). */
    penstock_code (*open)(const struct ps_sink_setup *setup, const void *config, void **state_out,
                          struct penstock_error *error);
    /* The expressions over the SELECT's columns (quoted names) that write() wants, in its order; in the arena.
     * NULL: all columns as text. Never called for a copying sink. */
    penstock_code (*project)(void *state, struct ps_arena *arena, struct ps_scan_column **columns_out,
                             size_t *count_out, struct penstock_error *error);
    penstock_code (*recover)(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                             struct ps_position_list *positions_out, struct penstock_error *error);
    penstock_code (*begin)(void *state, struct ps_epoch epoch, struct penstock_error *error);
    /* Exactly one of these two. A batch's columns are PS_TYPE_VARCHAR (text or bytes), NULLs by is_valid. */
    penstock_code (*write)(void *state, const struct ps_batch *batch, struct penstock_error *error);
    penstock_code (*copy)(void *state, struct ps_connection *connection, const char *select_sql,
                          int64_t *row_count_out, struct penstock_error *error);
    penstock_code (*commit)(void *state, struct ps_epoch epoch, const struct ps_position_list *positions,
                            struct penstock_error *error);
    penstock_code (*discard)(void *state, struct penstock_error *error);
    void (*close)(void *state); /* accepts half-opened */
};
extern const struct ps_sink_type *const ps_sink_types[]; /* NULL-terminated */
const struct ps_sink_type *ps_sink_type_find(const char *name);

struct ps_sink;
penstock_code ps_sink_open(const struct ps_sink_type *type, const struct ps_sink_setup *setup,
                           const void *config, struct ps_sink **sink_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
const struct ps_sink_type *ps_sink_type(const struct ps_sink *sink);
void ps_sink_close(struct ps_sink *sink);
penstock_code ps_sink_recover(struct ps_sink *sink, int64_t attempt, struct ps_epoch *epoch_out,
                              struct ps_position_list *positions_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* After recover() said "none": the sink came to the project after epoch `number` and has none of the earlier ones. */
void ps_sink_start_after(struct ps_sink *sink, int64_t number);
penstock_code ps_sink_begin(struct ps_sink *sink, struct ps_epoch epoch, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sink_write(struct ps_sink *sink, const struct ps_batch *batch, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* All rows of the SELECT, by write or copy as the type wants it. */
penstock_code ps_sink_write_query(struct ps_sink *sink, struct ps_connection *connection,
                                  const char *select_sql, int64_t *row_count_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_sink_commit(struct ps_sink *sink, struct ps_epoch epoch,
                             const struct ps_position_list *positions, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sink_discard(struct ps_sink *sink, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
