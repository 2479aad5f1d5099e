/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_client.c - a librdkafka client from the settings "properties.*" of a WITH list.
 *
 * Whatever librdkafka can be told passes through, so that every kind of security works here that works there; only
 * what would break a promise of the connector is refused, with the reason. The values of secrets go to librdkafka and
 * nowhere else: not even its own words about them are shown, because they repeat what they complain about.
 */
#include "connect/kafka_client.h"

#include <stdio.h>

#include "base/clock.h"
#include "connect/settings.h"

#define PREFIX_SIZE (sizeof "properties." - 1)
#define TEXT_SIZE 512
/* librdkafka 2.11 has about 200 properties. */
#define PROPERTY_COUNT_MAX 512

/* Names of Kafka's Java clients that have another name here. */
static const struct {
    const char *name, *here;
} java_names[] = {
    {"sasl.jaas.config", "properties.sasl.username and properties.sasl.password"},
    {"ssl.truststore.location", "properties.ssl.ca.location, a file of PEM certificates"},
    {"ssl.truststore.password", "properties.ssl.ca.location, a file of PEM certificates without a password"},
    {"ssl.truststore.type", "properties.ssl.ca.location, a file of PEM certificates"},
    {"ssl.keystore.type", "properties.ssl.certificate.location and properties.ssl.key.location"},
    {"key.deserializer", "FORMAT and ENCODE"},
    {"value.deserializer", "FORMAT and ENCODE"},
    {"key.serializer", "FORMAT and ENCODE"},
    {"value.serializer", "FORMAT and ENCODE"},
    {"max.poll.records", "epoch.rows of penstock.yml"},
};

static bool is_secret(const char *name) {
    static const char *const parts[] = {"password", "secret", "passphrase", "jaas",
                                        ".pem",     "token",  "assertion",  "oauthbearer.config"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcasestr(name, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* What a property of Java's clients is here, or NULL. */
static const char *java_name(const char *name) {
    for (size_t i = 0; i < sizeof java_names / sizeof java_names[0]; i++) {
        if (strcmp(java_names[i].name, name) == 0) {
            return java_names[i].here;
        }
    }
    return NULL;
}

static const struct ps_kafka_property *find_property(const struct ps_kafka_setup *setup, const char *name) {
    for (const struct ps_kafka_property *row = setup->properties; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

/* The value of properties.`name` as it is written, or NULL. */
static const char *find_setting(const struct ps_kafka_setup *setup, const char *name) {
    for (size_t i = 0; i < setup->setting_count; i++) {
        if (ps_settings_is_property(setup->settings[i].name) &&
            strcmp(setup->settings[i].name + PREFIX_SIZE, name) == 0) {
            return setup->settings[i].value;
        }
    }
    return NULL;
}

/* --- one property ------------------------------------------------------------------------------------------------- */

/* Names of a dump, which is name and value by turns. */
static size_t add_names(const char **dump, size_t dump_count, const char **names, size_t count) {
    for (size_t i = 0; i + 1 < dump_count && count + 1 < PROPERTY_COUNT_MAX; i += 2) {
        names[count++] = dump[i];
    }
    return count;
}

static penstock_code unknown_property(rd_kafka_conf_t *conf, const struct ps_kafka_setup *setup,
                                      const char *name, struct penstock_error *error) {
    const char *names[PROPERTY_COUNT_MAX] = {NULL};
    size_t count = 0, topic_count = 0;
    rd_kafka_topic_conf_t *topic_conf = rd_kafka_topic_conf_new();
    const char **dump = rd_kafka_conf_dump(conf, &count);
    const char **topic_dump = rd_kafka_topic_conf_dump(topic_conf, &topic_count);
    (void)add_names(topic_dump, topic_count, names, add_names(dump, count, names, 0));
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: librdkafka has no property '%s'", setup->what,
                       name);
    const char *nearest = ps_nearest(name, names), *here = java_name(name);
    if (here != NULL) {
        (void)ps_error_hint(error, "that is a name of Kafka's Java clients; here it is %s", here);
    } else if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean properties.%s?", nearest);
    }
    rd_kafka_conf_dump_free(dump, count);
    rd_kafka_conf_dump_free(topic_dump, topic_count);
    rd_kafka_topic_conf_destroy(topic_conf);
    return PENSTOCK_INVALID_PROJECT;
}

static penstock_code set_property(rd_kafka_conf_t *conf, const struct ps_kafka_setup *setup, const char *name,
                                  const char *value, struct penstock_error *error) {
    char text[TEXT_SIZE] = "";
    const rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, text, sizeof text);
    if (result == RD_KAFKA_CONF_OK) {
        return PENSTOCK_OK;
    }
    if (result == RD_KAFKA_CONF_UNKNOWN || java_name(name) != NULL) {
        return unknown_property(conf, setup, name, error);
    }
    if (is_secret(name)) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "%s: the value of properties.%s cannot be used (it is a secret and not shown)",
                            setup->what, name);
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: properties.%s cannot be '%s'", setup->what, name,
                       value);
    return ps_error_detail(error, "librdkafka: %s", text);
}

static penstock_code set_given(rd_kafka_conf_t *conf, const struct ps_kafka_setup *setup,
                               const struct ps_setting *setting, struct penstock_error *error) {
    const char *name = setting->name + PREFIX_SIZE;
    const struct ps_kafka_property *own = find_property(setup, name);
    if (own == NULL || own->reason == NULL) {
        return set_property(conf, setup, name, setting->value, error);
    }
    return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: properties.%s cannot be set: %s", setup->what,
                        name, own->reason);
}

/* A librdkafka configuration with everything in it. */
static penstock_code fill(rd_kafka_conf_t *conf, const struct ps_kafka_setup *setup,
                          struct penstock_error *error) {
    const char *bootstrap = find_setting(setup, "bootstrap.servers");
    const bool is_mock = find_setting(setup, "test.mock.num.brokers") != NULL;
    if ((bootstrap == NULL || bootstrap[0] == '\0') && !is_mock) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s has no properties.bootstrap.servers",
                           setup->what);
        (void)ps_error_hint(error,
                            "say where the brokers are: properties.bootstrap.servers = 'broker1:9092'");
        return setup->setting_count > 0
                   ? ps_settings_blame(error, setup->settings[0].location, PENSTOCK_INVALID_PROJECT)
                   : PENSTOCK_INVALID_PROJECT;
    }
    for (const struct ps_kafka_property *row = setup->properties; row->name != NULL; row++) {
        if (row->value != NULL) {
            PS_TRY(set_property(conf, setup, row->name, row->value, error));
        }
    }
    for (size_t i = 0; i < setup->setting_count; i++) {
        if (ps_settings_is_property(setup->settings[i].name)) {
            const penstock_code code = set_given(conf, setup, &setup->settings[i], error);
            if (code != PENSTOCK_OK) {
                return ps_settings_blame(error, setup->settings[i].location, code);
            }
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_kafka_check(const struct ps_kafka_setup *setup, struct penstock_error *error) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const penstock_code code = fill(conf, setup, error);
    rd_kafka_conf_destroy(conf);
    return code;
}

/* --- a client ----------------------------------------------------------------------------------------------------- */

static void keep_trouble(rd_kafka_t *handle, int code, const char *text, void *context) {
    (void)handle;
    struct ps_kafka_client *client = context;
    client->trouble.count++;
    client->trouble.is_down = client->trouble.is_down || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    /* that all brokers are down says less than why the last one is */
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->trouble.code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    client->trouble.code = (rd_kafka_resp_err_t)code;
    const size_t size = strnlen(text, sizeof client->trouble.text - 1);
    memcpy(client->trouble.text, text, size);
    client->trouble.text[size] = '\0';
}

/* One record of a producer, delivered or not. */
static void keep_lost(rd_kafka_t *handle, const rd_kafka_message_t *message, void *context) {
    (void)handle;
    struct ps_kafka_client *client = context;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    /* not rd_kafka_message_errstr(): of a producer's record that is the record itself, and not even terminated */
    const char *text = rd_kafka_err2str(message->err);
    const size_t size = text != NULL ? strnlen(text, sizeof client->lost.text - 1) : 0;
    client->lost.count++;
    client->lost.code = message->err;
    memcpy(client->lost.text, text, size);
    client->lost.text[size] = '\0';
}

/* librdkafka tells every refused certificate with the same words; only here the reason passes by, on a thread of its
 * own. Nothing is decided: what OpenSSL refused stays refused. */
static int keep_fault(rd_kafka_t *handle, const char *broker, int32_t broker_id, int *fault, int depth,
                      const char *certificate, size_t size, char *text, size_t text_size, void *context) {
    (void)handle, (void)broker, (void)broker_id, (void)depth, (void)certificate, (void)size;
    struct ps_kafka_client *client = context;
    if (*fault == 0) {
        return 1;
    }
    atomic_store(&client->certificate_fault, *fault);
    if (text_size > 0) {
        text[0] = '\0';
    }
    return 0;
}

static void close_scoped(struct ps_kafka_client **client) {
    ps_kafka_close(*client);
}

static penstock_code create(const struct ps_kafka_setup *setup, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                            struct ps_kafka_client *client, struct penstock_error *error) {
    PS_TRY(fill(conf, setup, error));
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_error_cb(conf, keep_trouble);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, keep_fault);
    if (type == RD_KAFKA_PRODUCER) {
        rd_kafka_conf_set_dr_msg_cb(conf, keep_lost);
    }
    if (find_setting(setup, "debug") == NULL) {
        rd_kafka_conf_set_log_cb(conf, NULL);
    }
    const char *mechanism = find_setting(setup, "sasl.mechanism");
    mechanism = mechanism != NULL ? mechanism : find_setting(setup, "sasl.mechanisms");
    const bool has_token = mechanism != NULL && ps_text_equal_nocase(mechanism, "OAUTHBEARER");
    rd_kafka_conf_enable_sasl_queue(conf, has_token);
    const char *addresses = find_setting(setup, "bootstrap.servers");
    const char *user = find_setting(setup, "sasl.username");
    client->what = setup->what;
    client->addresses = ps_duplicate(addresses != NULL ? addresses : "the mock cluster");
    client->user = ps_duplicate(user != NULL ? user : "");
    if (client->addresses == NULL || client->user == NULL) {
        return ps_error_memory(error, "a Kafka client");
    }
    char text[TEXT_SIZE] = "";
    client->handle = rd_kafka_new(type, conf, text, sizeof text);
    if (client->handle == NULL) {
        (void)ps_error_set(error, PENSTOCK_IO, "%s: the settings of properties.* do not make a Kafka client",
                           setup->what);
        (void)ps_error_detail(error, "librdkafka: %s", text);
        return ps_error_hint(error,
                             "files that are named there must be readable, and settings of one kind of "
                             "security complete");
    }
    if (has_token) { /* tokens are renewed while nobody polls */
        rd_kafka_error_t *failure = rd_kafka_sasl_background_callbacks_enable(client->handle);
        if (failure != NULL) {
            return ps_kafka_error_object(client, failure, error, "cannot keep a token");
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_kafka_open(const struct ps_kafka_setup *setup, rd_kafka_type_t type,
                            struct ps_kafka_client **client_out, struct penstock_error *error) {
    struct ps_kafka_client *client PS_SCOPED(close_scoped) = ps_allocate(1, sizeof *client);
    if (client == NULL) {
        return ps_error_memory(error, "a Kafka client");
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const penstock_code code = create(setup, type, conf, client, error);
    if (client->handle == NULL) {
        rd_kafka_conf_destroy(conf); /* the handle would own it */
    }
    PS_TRY(code);
    *client_out = ps_take(client);
    return PENSTOCK_OK;
}

void ps_kafka_close(struct ps_kafka_client *client) {
    if (client == NULL) {
        return;
    }
    if (client->handle != NULL) {
        /* positions are not the group's business: leaving it must not wait for a broker that is away */
        rd_kafka_destroy_flags(client->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    ps_release(client->addresses);
    ps_release(client->user);
    ps_release(client);
}

void ps_kafka_hear(struct ps_kafka_client *client) {
    (void)rd_kafka_poll(client->handle, 0);
}

/* --- the first contact -------------------------------------------------------------------------------------------- */

/* The longest single wait: a refused password is seen between two. */
#define ROUND_MS_MAX 500

/* Puts what is wrong with a certificate in front of librdkafka's words, by which the sentence is chosen. */
static void name_fault(struct ps_kafka_client *client) {
    static const struct {
        int number; /* X509_V_ERR_* */
        const char *words;
    } faults[] = {
        {9, "certificate is not yet valid"},
        {10, "certificate has expired"},
        {62, "hostname mismatch"},
        {64, "IP address mismatch"},
    };
    const int number = atomic_load(&client->certificate_fault);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (number == faults[i].number && client->trouble.code == RD_KAFKA_RESP_ERR__SSL) {
            char text[sizeof client->trouble.text];
            (void)snprintf(text, sizeof text, "%s: %.300s", faults[i].words, client->trouble.text);
            memcpy(client->trouble.text, text, sizeof text);
        }
    }
}

penstock_code ps_kafka_connect(struct ps_kafka_client *client, int64_t timeout_ms,
                               struct penstock_error *error) {
    const int64_t start_ns = ps_clock_monotonic_ns();
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int64_t left_ms = timeout_ms; left_ms > 0;) {
        const struct rd_kafka_metadata *metadata = NULL;
        code = rd_kafka_metadata(client->handle, 0, NULL, &metadata,
                                 (int)(left_ms < ROUND_MS_MAX ? left_ms : ROUND_MS_MAX));
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(metadata);
            client->trouble.code = RD_KAFKA_RESP_ERR_NO_ERROR;
            return PENSTOCK_OK;
        }
        ps_kafka_hear(client);
        const rd_kafka_resp_err_t cause = client->trouble.code;
        if (cause == RD_KAFKA_RESP_ERR__AUTHENTICATION || cause == RD_KAFKA_RESP_ERR__SSL ||
            !ps_kafka_is_passing(code)) {
            break;
        }
        left_ms = timeout_ms - (ps_clock_monotonic_ns() - start_ns) / 1000000;
    }
    const bool has_cause = client->trouble.code != RD_KAFKA_RESP_ERR_NO_ERROR;
    name_fault(client);
    return ps_kafka_error(client, has_cause ? client->trouble.code : code,
                          has_cause ? client->trouble.text : NULL, error, "no broker can be used at %s",
                          client->addresses);
}
