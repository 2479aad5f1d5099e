/* SPDX-License-Identifier: Apache-2.0
 *
 * penstock.h - the public C API of libpenstock.
 *
 * A project is a folder with a penstock.yml and *.sql files. Open it, run it, query its store, load a
 * model and predict; the program `penstock` does nothing that cannot be done through this header.
 *
 * Threads: a struct penstock belongs to one thread at a time. penstock_stop() alone may be called from
 * any thread or from a signal handler. A struct penstock_model is immutable once loaded: any number of
 * threads may predict with it at the same time.
 *
 * Errors: every function that can fail returns a penstock_code and fills the caller's
 * struct penstock_error (which may be NULL). Results are written only on success.
 *
 * Reads as C11 and as C++.
 */
#ifndef PENSTOCK_H
#define PENSTOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PENSTOCK_API __attribute__((visibility("default")))
#define PENSTOCK_MUST_USE __attribute__((warn_unused_result))
#else
#define PENSTOCK_API
#define PENSTOCK_MUST_USE
#endif

#define PENSTOCK_VERSION "0.2.0"

/* What went wrong, as a closed list. The number of a code never changes. */
enum penstock_code {
    PENSTOCK_OK = 0,
    PENSTOCK_INVALID_ARGUMENT = 1, /* the caller passed something that cannot be meant */
    PENSTOCK_INVALID_PROJECT = 2,  /* penstock.yml or a statement is wrong; message has file, line, column */
    PENSTOCK_INVALID_DATA = 3,     /* a record, file or column is not what was declared */
    PENSTOCK_NOT_FOUND = 4,        /* no such project, model, version, application, file */
    PENSTOCK_ALREADY_EXISTS = 5,   /* init over a project, a name used twice */
    PENSTOCK_BUSY = 6,             /* the store is open in another process */
    PENSTOCK_IO = 7,               /* the operating system refused: disk full, permission, read error */
    PENSTOCK_OUT_OF_MEMORY = 8,    /* or over a limit of memory that was set */
    PENSTOCK_CANCELLED = 9,        /* stopped by a signal or penstock_stop(); nothing half-written */
    PENSTOCK_UNSUPPORTED = 10,     /* well-formed, but this build or version cannot do it */
    PENSTOCK_SQL = 11,             /* DuckDB refused a statement while it ran */
    PENSTOCK_GATE_REFUSED = 12,    /* a model was trained but did not pass its gate */
    PENSTOCK_RULE_FAILED = 13,     /* an EXPECT ... ON VIOLATION FAIL UPDATE rule was broken */
    PENSTOCK_FENCED = 14,          /* a newer attempt owns the work: this one must stop */
    PENSTOCK_INTERNAL = 15,        /* a fault of penstock itself */
    PENSTOCK_UNAVAILABLE = 16      /* a server is away, or cannot answer now: it may be back later */
};
typedef enum penstock_code penstock_code;

/* What the caller can do about it; there is always exactly one answer. */
enum penstock_remedy {
    PENSTOCK_GIVE_UP = 0, /* the same call will fail again until a human changes something */
    PENSTOCK_RETRY = 1,   /* the same call may succeed later */
    PENSTOCK_ABORT = 2,   /* abort the transaction (epoch), then go on */
    PENSTOCK_RESTART = 3  /* restart the process: its state can no longer be trusted */
};
typedef enum penstock_remedy penstock_remedy;

/* An error, owned by the caller, usually on its stack. Never allocates.
 * message: one sentence, what was found and where. detail: the technical cause. hint: what to do. */
struct penstock_error {
    penstock_code code;
    penstock_remedy remedy;
    char message[1024];
    char detail[512];
    char hint[512];
};

struct penstock;
struct penstock_result;
struct penstock_model;

/* How a project is opened. Zero-initialise, then set what is needed. Strings are borrowed for the call. */
struct penstock_options {
    const char *target;           /* a target of penstock.yml, or NULL for its default */
    const char *master;           /* "local[N]" or "local[*]", or NULL for the manifest's */
    const char *const *settings;  /* "key=value" as in --conf, NULL-terminated, or NULL */
    const char *const *variables; /* "NAME=value" as in --set, NULL-terminated, or NULL */
};

struct penstock_run_options {
    bool once;  /* drain what is there, train, then return; otherwise run until penstock_stop() */
    bool quiet; /* no progress lines on stdout */
};

/* The version of the library that is linked, "0.2.0". */
PENSTOCK_API const char *penstock_version(void);

/* Opens the project in `directory` and checks it whole. Does not open the store.
 * Owns: *project_out is the caller's, to be closed by penstock_close().
 * Errors: NOT_FOUND, INVALID_PROJECT, INVALID_ARGUMENT, OUT_OF_MEMORY. */
PENSTOCK_API PENSTOCK_MUST_USE penstock_code penstock_open(const char *directory,
                                                           const struct penstock_options *options,
                                                           struct penstock **project_out,
                                                           struct penstock_error *error);

/* Runs the project: streams, views, then models. Opens the store for writing for the time of the call.
 * Errors: BUSY, IO, INVALID_DATA, RULE_FAILED, GATE_REFUSED (everything else was done), CANCELLED, SQL. */
PENSTOCK_API PENSTOCK_MUST_USE penstock_code penstock_run(struct penstock *project,
                                                          const struct penstock_run_options *options,
                                                          struct penstock_error *error);

/* Asks a running penstock_run() to finish its epoch and return. Any thread; async-signal-safe. */
PENSTOCK_API void penstock_stop(struct penstock *project);

/* Runs one SELECT on the store, through the running process if there is one.
 * Owns: *result_out is the caller's, to be freed by penstock_result_free(). Rows are all in memory.
 * Errors: SQL, NOT_FOUND (no store yet), INVALID_ARGUMENT (not exactly one SELECT). */
PENSTOCK_API PENSTOCK_MUST_USE penstock_code penstock_query(struct penstock *project, const char *sql,
                                                            struct penstock_result **result_out,
                                                            struct penstock_error *error);
PENSTOCK_API int64_t penstock_result_row_count(const struct penstock_result *result);
PENSTOCK_API int64_t penstock_result_column_count(const struct penstock_result *result);
/* Name of a column; borrowed from the result. NULL if there is no such column. */
PENSTOCK_API const char *penstock_result_column_name(const struct penstock_result *result, int64_t column);
/* A value as text, borrowed from the result; NULL for SQL NULL or outside the result. */
PENSTOCK_API const char *penstock_result_text(const struct penstock_result *result, int64_t row,
                                              int64_t column);
PENSTOCK_API void penstock_result_free(struct penstock_result *result);

/* Loads a published model: "congestion", "congestion@champion", "congestion@3" or
 * "models:/congestion@champion". The bare name means @champion.
 * Owns: *model_out is the caller's and outlives the project. Errors: NOT_FOUND, INVALID_DATA. */
PENSTOCK_API PENSTOCK_MUST_USE penstock_code penstock_model_load(struct penstock *project, const char *name,
                                                                 struct penstock_model **model_out,
                                                                 struct penstock_error *error);
/* The columns that the model reads, in the order that penstock_model_predict() takes. */
PENSTOCK_API int64_t penstock_model_input_count(const struct penstock_model *model);
PENSTOCK_API const char *penstock_model_input_name(const struct penstock_model *model, int64_t input);
PENSTOCK_API int64_t penstock_model_version(const struct penstock_model *model);
/* Predicts one row. values[i] is the text of input i, or NULL for SQL NULL.
 * Any thread. Errors: INVALID_DATA (a value that is no number, an unseen category under
 * handleInvalid = 'error', a NULL that no Imputer fills). */
PENSTOCK_API PENSTOCK_MUST_USE penstock_code penstock_model_predict(const struct penstock_model *model,
                                                                    const char *const *values,
                                                                    double *prediction_out,
                                                                    struct penstock_error *error);
PENSTOCK_API void penstock_model_free(struct penstock_model *model);

/* Closes and frees. Accepts NULL. */
PENSTOCK_API void penstock_close(struct penstock *project);

#ifdef __cplusplus
}
#endif
#endif
