/* SPDX-License-Identifier: Apache-2.0
 *
 * fault.c - the classes of exceptions that HBase answers with, and what helps against each.
 *
 * do_not_retry of the server holds only for classes that are not here: a lost scanner, for one, is marked so although a
 * new one helps.
 */
#include "hbase/fault.h"

#include <stdio.h>

struct known {
    const char *name; /* without its package */
    enum ps_hbase_cure cure;
    penstock_code code;
    const char *words; /* what happened; NULL: the exception's own words */
    const char *hint;
};

static const struct known knowns[] = {
    {"NotServingRegionException", PS_HBASE_CURE_RELOCATE, PENSTOCK_UNAVAILABLE,
     "the region is not on this server",
     "a region that stays away is in transition, or its table is disabled"},
    {"RegionMovedException", PS_HBASE_CURE_RELOCATE, PENSTOCK_UNAVAILABLE, "the region has moved", NULL},
    {"RegionServerStoppedException", PS_HBASE_CURE_RELOCATE, PENSTOCK_UNAVAILABLE, "the server is stopping",
     NULL},
    {"RegionServerAbortedException", PS_HBASE_CURE_RELOCATE, PENSTOCK_UNAVAILABLE, "the server is stopping",
     NULL},
    {"NotActiveMasterException", PS_HBASE_CURE_RELOCATE, PENSTOCK_UNAVAILABLE, "it is not the active master",
     NULL},
    {"MasterNotRunningException", PS_HBASE_CURE_RELOCATE, PENSTOCK_UNAVAILABLE, "the master is not running",
     NULL},
    {"RegionOpeningException", PS_HBASE_CURE_AGAIN, PENSTOCK_UNAVAILABLE, "the region is being opened", NULL},
    {"RegionInRecoveryException", PS_HBASE_CURE_AGAIN, PENSTOCK_UNAVAILABLE, "the region is being recovered",
     NULL},
    {"ServerNotRunningYetException", PS_HBASE_CURE_AGAIN, PENSTOCK_UNAVAILABLE,
     "the server is still starting", NULL},
    {"PleaseHoldException", PS_HBASE_CURE_AGAIN, PENSTOCK_UNAVAILABLE, "the master is still starting", NULL},
    {"PleaseRestartMasterException", PS_HBASE_CURE_AGAIN, PENSTOCK_UNAVAILABLE, "the master is restarting",
     NULL},
    {"RegionTooBusyException", PS_HBASE_CURE_SLOWLY, PENSTOCK_UNAVAILABLE,
     "the region takes no more writes now", "its server flushes or compacts too slowly for what is written"},
    {"CallQueueTooBigException", PS_HBASE_CURE_SLOWLY, PENSTOCK_UNAVAILABLE,
     "the server has too many calls waiting", NULL},
    {"CallDroppedException", PS_HBASE_CURE_SLOWLY, PENSTOCK_UNAVAILABLE, "the server dropped the call", NULL},
    {"MultiActionResultTooLarge", PS_HBASE_CURE_AGAIN, PENSTOCK_UNAVAILABLE,
     "the rows asked for at once are too many for it", NULL},
    {"RpcThrottlingException", PS_HBASE_CURE_SLOWLY, PENSTOCK_UNAVAILABLE, "a quota is used up", NULL},
    {"UnknownScannerException", PS_HBASE_CURE_REOPEN, PENSTOCK_UNAVAILABLE,
     "the server does not know the scanner", NULL},
    {"LeaseException", PS_HBASE_CURE_REOPEN, PENSTOCK_UNAVAILABLE, "the scanner's lease is over", NULL},
    {"ScannerResetException", PS_HBASE_CURE_REOPEN, PENSTOCK_UNAVAILABLE, "the server lost the scanner",
     NULL},
    {"OutOfOrderScannerNextException", PS_HBASE_CURE_REOPEN, PENSTOCK_UNAVAILABLE,
     "the server and this program count the scanner's calls differently", NULL},
    {"TableNotFoundException", PS_HBASE_CURE_NONE, PENSTOCK_NOT_FOUND, "there is no such table",
     "penstock hbase tables lists those there are"},
    {"NamespaceNotFoundException", PS_HBASE_CURE_NONE, PENSTOCK_NOT_FOUND, "there is no such namespace",
     NULL},
    {"TableExistsException", PS_HBASE_CURE_NONE, PENSTOCK_ALREADY_EXISTS, "there is such a table already",
     NULL},
    {"TableNotEnabledException", PS_HBASE_CURE_NONE, PENSTOCK_INVALID_ARGUMENT, "the table is disabled",
     NULL},
    {"TableNotDisabledException", PS_HBASE_CURE_NONE, PENSTOCK_INVALID_ARGUMENT, "the table is not disabled",
     "disable it first"},
    {"NoSuchColumnFamilyException", PS_HBASE_CURE_NONE, PENSTOCK_INVALID_ARGUMENT,
     "the table has no such column family", "penstock hbase describe TABLE shows its families"},
    {"WrongRowIOException", PS_HBASE_CURE_NONE, PENSTOCK_INVALID_ARGUMENT,
     "a mutation is not of the row that the condition is about", NULL},
    {"AccessDeniedException", PS_HBASE_CURE_NONE, PENSTOCK_UNSUPPORTED, "access is denied",
     "give the user the right in HBase, or name another user"},
    {"BadAuthException", PS_HBASE_CURE_NONE, PENSTOCK_UNSUPPORTED,
     "it does not take this kind of authentication",
     "penstock knows simple and kerberos (hbase.security.authentication); tokens (DIGEST) are not among them"},
    {"UnknownProtocolException", PS_HBASE_CURE_NONE, PENSTOCK_UNSUPPORTED, NULL, NULL},
    {"RequestTooBigException", PS_HBASE_CURE_NONE, PENSTOCK_INVALID_ARGUMENT,
     "the request is larger than the server takes", "hbase.ipc.max.request.size of the server is the limit"},
    {"FailedSanityCheckException", PS_HBASE_CURE_NONE, PENSTOCK_INVALID_ARGUMENT, NULL, NULL},
    {"DoNotRetryIOException", PS_HBASE_CURE_NONE, PENSTOCK_INVALID_DATA, NULL, NULL},
    {"IllegalArgumentException", PS_HBASE_CURE_NONE, PENSTOCK_INVALID_ARGUMENT, NULL, NULL},
};

/* The class without package and outer class. */
static struct ps_bytes short_name(struct ps_bytes name) {
    size_t at = name.size;
    while (at > 0 && name.data[at - 1] != '.' && name.data[at - 1] != '$') {
        at--;
    }
    return (struct ps_bytes){name.data + at, name.size - at};
}

static const struct known *find(struct ps_bytes name) {
    for (size_t i = 0; i < sizeof knowns / sizeof knowns[0]; i++) {
        if (ps_bytes_equal(ps_bytes_of(knowns[i].name), name)) {
            return &knowns[i];
        }
    }
    return NULL;
}

static struct ps_bytes first_line(struct ps_bytes text) {
    size_t size = 0;
    while (size < text.size && text.data[size] != '\n' && text.data[size] != '\0') {
        size++;
    }
    return (struct ps_bytes){text.data, size};
}

/* What stands behind the class in "class: words" */
static struct ps_bytes words_of(struct ps_bytes line, struct ps_bytes class_name) {
    const size_t skipped = class_name.size + 2;
    const bool starts_so = line.size > skipped && class_name.size > 0 &&
                           memcmp(line.data, class_name.data, class_name.size) == 0;
    return starts_so ? (struct ps_bytes){line.data + skipped, line.size - skipped} : line;
}

/* A part of a sentence that came from outside: never longer than a sentence should be. */
static int shown_size(struct ps_bytes bytes) {
    return (int)(bytes.size < 400 ? bytes.size : 400);
}

penstock_code ps_hbase_fault_set(const struct ps_hbase_exception *exception, const char *server,
                                 struct ps_hbase_fault *fault_out, struct penstock_error *error) {
    const struct ps_bytes name = short_name(exception->class_name), line = first_line(exception->trace);
    const struct known *const known = find(name);
    const enum ps_hbase_cure unknown = exception->do_not_retry ? PS_HBASE_CURE_NONE : PS_HBASE_CURE_AGAIN;
    const enum ps_hbase_cure own = known == NULL ? unknown : known->cure;
    const enum ps_hbase_cure cure =
        own == PS_HBASE_CURE_AGAIN && exception->is_overloaded ? PS_HBASE_CURE_SLOWLY : own;
    const penstock_code unknown_code =
        cure == PS_HBASE_CURE_NONE ? PENSTOCK_INVALID_DATA : PENSTOCK_UNAVAILABLE;
    const struct ps_bytes words = words_of(line, exception->class_name);
    *fault_out = (struct ps_hbase_fault){.cure = cure};
    if (known != NULL && known->words != NULL) {
        (void)ps_error_set(error, known->code, "HBase at %s: %s", server, known->words);
    } else {
        (void)ps_error_set(error, known == NULL ? unknown_code : known->code, "HBase at %s: %.*s", server,
                           shown_size(words), words.data);
    }
    if (known != NULL && strcmp(known->name, "AccessDeniedException") == 0 &&
        memmem(line.data, line.size, "uthentication is required", 25) != NULL) {
        (void)ps_error_set(
            error, PENSTOCK_UNSUPPORTED,
            "HBase at %s asks for an authentication by Kerberos, and this side has come without", server);
        (void)ps_error_hint(error,
                            "set authentication (hbase.security.authentication) to kerberos, with tickets "
                            "of kinit or a keytab");
    } else if (known != NULL && known->hint != NULL) {
        (void)ps_error_hint(error, "%s", known->hint);
    }
    if (words.data == line.data) {
        (void)ps_error_detail(error, "%.*s: %.*s", shown_size(exception->class_name),
                              exception->class_name.data, shown_size(line), line.data);
    } else {
        (void)ps_error_detail(error, "%.*s", shown_size(line), line.data);
    }
    if (error != NULL) {
        error->remedy = cure == PS_HBASE_CURE_NONE ? PENSTOCK_GIVE_UP : PENSTOCK_RETRY;
    }
    return error == NULL ? (known == NULL ? unknown_code : known->code) : error->code;
}
