/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c - masters, connections, and the patience with them.
 */
#include "hbase/client.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "hbase/call.h"
#include "hbase/kerberos.h"

#define CONNECT_MS_DEFAULT 10000
#define CALL_MS_DEFAULT 60000
#define RETRY_MS_DEFAULT 60000
#define FRAME_SIZE_MAX_DEFAULT ((size_t)256 << 20)
#define MASTER_COUNT_MAX 32
#define ADDRESS_MAP_COUNT_MAX 256
/* Servers of a cluster that one client speaks to, times two services. */
#define CONNECTION_COUNT_MAX 8192
#define PAUSE_MS_MIN 50
#define PAUSE_MS_MAX 5000
#define PAUSE_SLOWLY_MS_MIN 400
#define NS_PER_MS INT64_C(1000000)

struct ps_hbase {
    struct ps_hbase_limits limits;
    int64_t retry_ms;
    char user[256];
    struct ps_hbase_kerberos *kerberos;
    char principal[PS_HBASE_PRINCIPAL_SIZE], master_principal[PS_HBASE_PRINCIPAL_SIZE];
    struct ps_hbase_address masters[MASTER_COUNT_MAX];
    size_t master_count, master_index; /* index: the last one that answered */
    struct ps_hbase_address map[ADDRESS_MAP_COUNT_MAX][2];
    size_t map_count;
    struct ps_hbase_connection **connections;
    size_t connection_count, connection_capacity;
    struct ps_hbase_address meta, master;
    bool has_meta, has_master;
    bool has_met; /* a master has answered before: silence is an outage and not a wrong address */
    uint64_t random;
    struct ps_hbase_tally tally;
    struct ps_hbase_region_cache regions;
};

/* The next part of a list with commas, without blanks around it. False at the end. */
static bool next_part(const char **at, struct ps_bytes *part_out) {
    if (**at == '\0') {
        return false;
    }
    const size_t size = strcspn(*at, ",");
    struct ps_bytes part = {*at, size};
    *at += size + ((*at)[size] == ',' ? 1 : 0);
    while (part.size > 0 && part.data[0] == ' ') {
        part.data++;
        part.size--;
    }
    while (part.size > 0 && part.data[part.size - 1] == ' ') {
        part.size--;
    }
    *part_out = part;
    return true;
}

static penstock_code set_masters(struct ps_hbase *client, const char *masters, struct penstock_error *error) {
    const char *at = masters == NULL || masters[0] == '\0' ? PS_HBASE_MASTERS_DEFAULT : masters;
    struct ps_bytes part;
    while (next_part(&at, &part)) {
        if (client->master_count == MASTER_COUNT_MAX ||
            !ps_hbase_address_parse(part, PS_HBASE_MASTER_PORT, &client->masters[client->master_count])) {
            (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "\"%.*s\" is no address of an HBase master",
                               (int)part.size, part.data);
            return ps_error_hint(error, "write the masters as host:port, host:port; at most %d of them",
                                 MASTER_COUNT_MAX);
        }
        client->master_count++;
    }
    return PENSTOCK_OK;
}

static penstock_code set_map(struct ps_hbase *client, const char *map, struct penstock_error *error) {
    const char *at = map == NULL ? "" : map;
    struct ps_bytes part;
    while (next_part(&at, &part)) {
        const char *const equals = memchr(part.data, '=', part.size);
        const size_t left = equals == NULL ? 0 : (size_t)(equals - part.data);
        struct ps_hbase_address *const pair = client->map[client->map_count];
        if (equals == NULL || client->map_count == ADDRESS_MAP_COUNT_MAX ||
            !ps_hbase_address_parse((struct ps_bytes){part.data, left}, 0, &pair[0]) ||
            !ps_hbase_address_parse((struct ps_bytes){equals + 1, part.size - left - 1}, 0, &pair[1])) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                                "\"%.*s\" does not map a server's address to another: host:port=host:port",
                                (int)part.size, part.data);
        }
        client->map_count++;
    }
    return PENSTOCK_OK;
}

static void set_user(struct ps_hbase *client, const char *user) {
    char names[1024];
    struct passwd entry, *found = NULL;
    if (user == NULL || user[0] == '\0') {
        user = getpwuid_r(geteuid(), &entry, names, sizeof names, &found) == 0 && found != NULL
                   ? found->pw_name
                   : "penstock";
    }
    snprintf(client->user, sizeof client->user, "%s", user);
}

static bool is_given(const char *text) {
    return text != NULL && text[0] != '\0';
}

static penstock_code set_principal(const char *given, const char *otherwise, const char *property,
                                   char principal_out[PS_HBASE_PRINCIPAL_SIZE],
                                   struct penstock_error *error) {
    const char *const principal = is_given(given) ? given : otherwise;
    if (!ps_hbase_principal_is_service(principal)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s \"%s\" is no principal of a service",
                           property, principal);
        return ps_error_hint(error, "write service/_HOST@REALM, as in the servers' hbase-site.xml");
    }
    snprintf(principal_out, PS_HBASE_PRINCIPAL_SIZE, "%s", principal);
    return PENSTOCK_OK;
}

/* What is for Kerberos only, and given without it: nobody means that. */
static const char *useless_option(const struct ps_hbase_options *options) {
    return is_given(options->service_principal)  ? "principal (hbase.regionserver.kerberos.principal)"
           : is_given(options->master_principal) ? "master principal (hbase.master.kerberos.principal)"
           : is_given(options->keytab)           ? "keytab (hbase.client.keytab.file)"
           : is_given(options->client_principal) ? "user principal (hbase.client.keytab.principal)"
           : is_given(options->protection)       ? "protection (hbase.rpc.protection)"
                                                 : NULL;
}

static penstock_code set_security(struct ps_hbase *client, const struct ps_hbase_options *options,
                                  struct penstock_error *error) {
    static const char *const known[] = {"simple", "kerberos", NULL};
    const char *const written = is_given(options->authentication) ? options->authentication : "simple";
    const char *const useless = useless_option(options);
    if (ps_text_equal_nocase(written, "simple")) {
        if (useless != NULL) {
            (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s is given, and authentication is simple",
                               useless);
            return ps_error_hint(error, "set authentication (hbase.security.authentication) to kerberos");
        }
        return PENSTOCK_OK;
    }
    if (!ps_text_equal_nocase(written, "kerberos")) {
        const char *const nearest = ps_nearest(written, known);
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                           "hbase.security.authentication \"%s\" is neither simple nor kerberos", written);
        return nearest == NULL ? ps_error_hint(error, "write simple or kerberos")
                               : ps_error_hint(error, "did you mean \"%s\"?", nearest);
    }
    PS_TRY(set_principal(options->service_principal, PS_HBASE_PRINCIPAL_DEFAULT,
                         "hbase.regionserver.kerberos.principal", client->principal, error));
    PS_TRY(set_principal(options->master_principal, client->principal, "hbase.master.kerberos.principal",
                         client->master_principal, error));
    PS_TRY(ps_hbase_protection_parse(options->protection, client->limits.protections, error));
    return ps_hbase_kerberos_new(options->keytab, options->client_principal, &client->kerberos, error);
}

penstock_code ps_hbase_open(const struct ps_hbase_options *options, struct ps_hbase **client_out,
                            struct penstock_error *error) {
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = ps_allocate(1, sizeof *client);
    if (client == NULL) {
        return ps_error_memory(error, "a client of HBase");
    }
    PS_TRY(set_masters(client, options->masters, error));
    PS_TRY(set_map(client, options->address_map, error));
    PS_TRY(set_security(client, options, error));
    set_user(client, options->user);
    struct ps_hbase_limits *const limits = &client->limits;
    limits->user = client->kerberos != NULL && !is_given(options->user) ? NULL : client->user;
    limits->kerberos = client->kerberos;
    limits->principal = client->principal;
    limits->master_principal = client->master_principal;
    limits->connect_ms = options->connect_ms > 0 ? options->connect_ms : CONNECT_MS_DEFAULT;
    limits->call_ms = options->call_ms > 0 ? options->call_ms : CALL_MS_DEFAULT;
    limits->frame_size_max = options->frame_size_max > 0 ? options->frame_size_max : FRAME_SIZE_MAX_DEFAULT;
    limits->stop = options->stop;
    client->retry_ms = options->retry_ms > 0 ? options->retry_ms : RETRY_MS_DEFAULT;
    client->random = (uint64_t)ps_clock_monotonic_ns() ^ (uint64_t)getpid() << 32;
    *client_out = ps_take(client);
    return PENSTOCK_OK;
}

void ps_hbase_close(struct ps_hbase *client) {
    if (client != NULL) {
        for (size_t i = 0; i < client->connection_count; i++) {
            ps_hbase_connection_free(client->connections[i]);
        }
        ps_release(client->connections);
        ps_hbase_kerberos_free(client->kerberos); /* after the proofs of the connections */
        ps_hbase_region_cache_done(&client->regions);
        ps_release(client);
    }
}

void ps_hbase_close_scoped(struct ps_hbase **client) {
    ps_hbase_close(*client);
}

struct ps_hbase_tally ps_hbase_tally(const struct ps_hbase *client) {
    return client->tally;
}

struct ps_hbase_tally *ps_hbase_count(struct ps_hbase *client) {
    return &client->tally;
}

size_t ps_hbase_frame_size_max(const struct ps_hbase *client) {
    return client->limits.frame_size_max;
}

penstock_code ps_hbase_row_too_large(const struct ps_hbase *client, const char *table, struct ps_bytes row,
                                     const struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct ps_buffer shown PS_SCOPED(ps_buffer_done) = {.data = NULL};
    char what[300] = "a row";
    ps_buffer_init(&shown, (size_t)4 * PS_HBASE_ROW_SIZE_MAX + 1);
    ps_hbase_show(&shown, row);
    if (row.size > 0 && !shown.failed) {
        snprintf(what, sizeof what, "row \"%.200s\"", shown.data);
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "HBase's table %s: %s makes an answer of %zu bytes, the limit is %zu", table, what,
                       fault->too_large, client->limits.frame_size_max);
    return ps_error_hint(error, "raise frame.max (--frame-max), or read fewer of its columns or versions");
}

struct ps_hbase_region_cache *ps_hbase_region_cache(struct ps_hbase *client) {
    return &client->regions;
}

void ps_hbase_answer_done(struct ps_hbase_answer *answer) {
    ps_hbase_frame_done(&answer->frame);
}

/* --- calls --------------------------------------------------------------------------------------------- */

static penstock_code connection_to(struct ps_hbase *client, const struct ps_hbase_address *address,
                                   const char *service, struct ps_hbase_connection **connection_out,
                                   struct penstock_error *error) {
    for (size_t i = 0; i < client->connection_count; i++) {
        if (ps_hbase_connection_is(client->connections[i], address, service)) {
            *connection_out = client->connections[i];
            return PENSTOCK_OK;
        }
    }
    if (client->connection_count == CONNECTION_COUNT_MAX) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "HBase has more than %d servers",
                            CONNECTION_COUNT_MAX);
    }
    void *items = client->connections;
    PS_TRY(ps_grow(&items, &client->connection_capacity, client->connection_count + 1,
                   sizeof(struct ps_hbase_connection *), error));
    client->connections = items;
    const struct ps_hbase_address *target = address;
    for (size_t i = 0; i < client->map_count; i++) {
        target = ps_hbase_address_equal(&client->map[i][0], address) ? &client->map[i][1] : target;
    }
    *connection_out = ps_hbase_connection_new(address, target, service, &client->limits);
    if (*connection_out == NULL) {
        return ps_error_memory(error, "a connection to HBase");
    }
    client->connections[client->connection_count++] = *connection_out;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_send(struct ps_hbase *client, const struct ps_hbase_address *address,
                            const char *service, const char *method, const struct ps_buffer *message,
                            const struct ps_buffer *cells, struct ps_hbase_ticket *ticket_out,
                            struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct ps_hbase_connection *connection = NULL;
    *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_NONE};
    PS_TRY(connection_to(client, address, service, &connection, error));
    const struct ps_hbase_request request = {
        .method = method, .message = message, .cells = cells, .timeout_ms = client->limits.call_ms};
    client->tally.calls++;
    return ps_hbase_connection_send(connection, &request, ticket_out, fault, error);
}

penstock_code ps_hbase_receive(struct ps_hbase *client, const struct ps_hbase_ticket *ticket,
                               struct ps_hbase_answer *answer, struct ps_hbase_fault *fault,
                               struct penstock_error *error) {
    (void)client;
    struct ps_hbase_reply reply;
    PS_TRY(ps_hbase_connection_receive(ticket, &answer->frame, &reply, fault, error));
    answer->message = reply.message;
    answer->cells = reply.cells;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_call(struct ps_hbase *client, const struct ps_hbase_address *address,
                            const char *service, const char *method, const struct ps_buffer *message,
                            struct ps_hbase_answer *answer, struct ps_hbase_fault *fault,
                            struct penstock_error *error) {
    struct ps_hbase_ticket ticket;
    PS_TRY(ps_hbase_send(client, address, service, method, message, NULL, &ticket, fault, error));
    return ps_hbase_receive(client, &ticket, answer, fault, error);
}

/* --- masters ------------------------------------------------------------------------------------------- */

/* ServerName{host_name, port} */
static bool parse_server_name(struct ps_bytes message, struct ps_hbase_address *address_out) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    struct ps_hbase_address address = {.port = 0};
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES && field.bytes.size < sizeof address.host) {
            memcpy(address.host, field.bytes.data, field.bytes.size);
        } else if (field.number == 2 && field.value <= UINT16_MAX) {
            address.port = (uint16_t)field.value;
        }
    }
    *address_out = address;
    return !reader.is_damaged && address.host[0] != '\0' && address.port != 0;
}

/* The server name in field `wanted` of the first message of field 1, or, with 0, in field 1 itself. */
static bool parse_location(struct ps_bytes message, uint32_t wanted, struct ps_hbase_address *address_out) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&reader, &field)) {
        if (field.number != 1 || field.wire != PS_PROTO_BYTES) {
            continue;
        }
        if (wanted == 0) {
            return parse_server_name(field.bytes, address_out);
        }
        struct ps_proto_reader inner = ps_proto_begin(field.bytes);
        while (ps_proto_next(&inner, &field)) {
            if (field.number == wanted && field.wire == PS_PROTO_BYTES) {
                return parse_server_name(field.bytes, address_out);
            }
        }
        return false; /* the first one is the region itself, further ones are replicas */
    }
    return false;
}

/* Asks the masters in turn, from the one that answered last, until one knows. */
static penstock_code ask_masters(struct ps_hbase *client, const char *method, uint32_t field,
                                 struct ps_hbase_address *address_out, struct ps_hbase_fault *fault,
                                 struct penstock_error *error) {
    struct ps_buffer nothing PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&nothing, 1);
    penstock_code code = PENSTOCK_UNAVAILABLE;
    for (size_t i = 0; i < client->master_count; i++) {
        const size_t index = (client->master_index + i) % client->master_count;
        const struct ps_hbase_address *const master = &client->masters[index];
        struct ps_hbase_answer answer PS_SCOPED(ps_hbase_answer_done) = {.frame = {.data = NULL}};
        code = ps_hbase_call(client, master, PS_HBASE_META_SERVICE, method, &nothing, &answer, fault, error);
        if (code == PENSTOCK_CANCELLED) {
            return code;
        }
        if (code == PENSTOCK_OK) {
            client->has_met = true;
            client->master_index = index;
            if (parse_location(answer.message, field, address_out)) {
                return PENSTOCK_OK;
            }
            *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_AGAIN};
            code = ps_error_set(error, PENSTOCK_UNAVAILABLE, "HBase at %s:%u: the cluster is still starting",
                                master->host, (unsigned)master->port);
        }
    }
    if (!client->has_met && fault->cure == PS_HBASE_CURE_RELOCATE) {
        fault->cure = PS_HBASE_CURE_NONE;
        if (error != NULL && error->hint[0] == '\0') {
            (void)ps_error_hint(
                error, "give the masters' addresses, host:port with commas between them; a master's port is "
                       "16000 unless hbase.master.port says otherwise");
        }
    }
    return code;
}

penstock_code ps_hbase_meta(struct ps_hbase *client, struct ps_hbase_address *address_out,
                            struct ps_hbase_fault *fault, struct penstock_error *error) {
    if (!client->has_meta) {
        PS_TRY(ask_masters(client, "GetMetaRegionLocations", 2, &client->meta, fault, error));
        client->has_meta = true;
    }
    *address_out = client->meta;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_master(struct ps_hbase *client, struct ps_hbase_address *address_out,
                              struct ps_hbase_fault *fault, struct penstock_error *error) {
    if (!client->has_master) {
        PS_TRY(ask_masters(client, "GetActiveMaster", 0, &client->master, fault, error));
        client->has_master = true;
    }
    *address_out = client->master;
    return PENSTOCK_OK;
}

void ps_hbase_forget_servers(struct ps_hbase *client) {
    client->has_meta = client->has_master = false;
}

/* --- patience ------------------------------------------------------------------------------------------- */

struct ps_hbase_retry ps_hbase_retry_begin(struct ps_hbase *client) {
    struct ps_hbase_retry retry = {.client = client};
    ps_hbase_retry_progress(&retry);
    return retry;
}

void ps_hbase_retry_progress(struct ps_hbase_retry *retry) {
    retry->attempts = 0;
    retry->give_up_ns = ps_clock_monotonic_ns() + retry->client->retry_ms * NS_PER_MS;
}

/* Between half and one and a half of it, so that many clients do not come back together. */
static int64_t with_jitter(struct ps_hbase *client, int64_t pause_ms) {
    client->random = client->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return pause_ms / 2 + (int64_t)(client->random >> 33) % (pause_ms + 1);
}

penstock_code ps_hbase_retry_wait(struct ps_hbase_retry *retry, const struct ps_hbase_fault *fault,
                                  struct penstock_error *error) {
    struct ps_hbase *const client = retry->client;
    const penstock_code code = error->code;
    if (fault->cure == PS_HBASE_CURE_NONE || code == PENSTOCK_CANCELLED) {
        return code;
    }
    const int64_t shift = retry->attempts < 10 ? retry->attempts : 10;
    const int64_t least = fault->cure == PS_HBASE_CURE_SLOWLY ? PAUSE_SLOWLY_MS_MIN : PAUSE_MS_MIN;
    const int64_t pause_ms = least << shift < PAUSE_MS_MAX ? least << shift : PAUSE_MS_MAX;
    int64_t left_ms = with_jitter(client, pause_ms);
    retry->attempts++;
    if (ps_clock_monotonic_ns() + left_ms * NS_PER_MS > retry->give_up_ns) {
        return ps_error_context(error, "gave up after %lld attempts in %lld s", (long long)retry->attempts,
                                (long long)(client->retry_ms / 1000));
    }
    client->tally.retries++;
    for (; left_ms > 0 && !ps_stop_requested(client->limits.stop); left_ms -= 100) {
        ps_clock_sleep_ms(left_ms < 100 ? left_ms : 100);
    }
    return ps_stop_requested(client->limits.stop)
               ? ps_error_set(error, PENSTOCK_CANCELLED, "stopped while waiting for HBase")
               : PENSTOCK_OK;
}
