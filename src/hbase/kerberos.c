/* SPDX-License-Identifier: Apache-2.0
 *
 * kerberos.c - GSSAPI (MIT Kerberos 1.20 and later): credentials, a security context per connection, and what its
 * errors mean for who reads them.
 *
 * Credentials are asked for anew for each connection. That is cheap while the tickets are good, and it is what makes
 * GSSAPI look at their age and fetch others with the keytab.
 */
#include "hbase/kerberos.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"

#define KEYTAB_SIZE 4096
#define CACHE_NAME_SIZE 256
#define HOST_MARK "_HOST"

struct ps_hbase_kerberos {
    char keytab[KEYTAB_SIZE]; /* "" for the tickets of kinit */
    char principal[PS_HBASE_PRINCIPAL_SIZE];
    krb5_context context; /* these three with a keytab only */
    krb5_ccache cache;
    char cache_name[CACHE_NAME_SIZE];
};

struct proof {
    struct ps_hbase_kerberos *kerberos;
    char principal[PS_HBASE_PRINCIPAL_SIZE]; /* the server's */
    char server[PS_HBASE_HOST_SIZE + 8];     /* "host:port", for errors */
    gss_name_t name;
    gss_cred_id_t credentials;
    gss_ctx_id_t context;
};

/* --- what went wrong ------------------------------------------------------------------------------------- */

enum subject { NOBODY, SERVER, CLIENT, OWNER /* a client that may have no name */ };
#define KINIT_HINT "run kinit as the user who runs penstock, or give a keytab (hbase.client.keytab.file)"
#define PRINCIPAL_HINT \
    "principal (hbase.regionserver.kerberos.principal) must be what the servers' hbase-site.xml says"

static const struct meaning {
    krb5_error_code code;
    penstock_code result;
    const char *words; /* and then the subject */
    enum subject subject;
    const char *hint;
} meanings[] = {
    {KRB5_FCC_NOFILE, PENSTOCK_NOT_FOUND, "there is no ticket", OWNER, KINIT_HINT},
    {KRB5_CC_NOTFOUND, PENSTOCK_NOT_FOUND, "there is no ticket", OWNER, KINIT_HINT},
    {KRB5_NOCREDS_SUPPLIED, PENSTOCK_NOT_FOUND, "there is no ticket", OWNER, KINIT_HINT},
    {KRB5KRB_AP_ERR_TKT_EXPIRED, PENSTOCK_NOT_FOUND, "the ticket has expired", NOBODY, KINIT_HINT},
    {KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, PENSTOCK_UNSUPPORTED, "the KDC does not know the server's principal ",
     SERVER, PRINCIPAL_HINT},
    {KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, PENSTOCK_UNSUPPORTED, "the KDC does not know ", CLIENT,
     "user principal (hbase.client.keytab.principal) names it; klist -k shows whose keys a keytab has"},
    {KRB5_KT_NOTFOUND, PENSTOCK_UNSUPPORTED, "the keytab has no key of ", CLIENT,
     "klist -k shows whose keys it has"},
    {KRB5KDC_ERR_PREAUTH_FAILED, PENSTOCK_UNSUPPORTED, "the KDC does not accept the key of the keytab for ",
     CLIENT, "its key was changed after the keytab was made: make the keytab anew"},
    {KRB5_PREAUTH_FAILED, PENSTOCK_UNSUPPORTED, "the KDC does not accept the key of the keytab for ", CLIENT,
     "its key was changed after the keytab was made: make the keytab anew"},
    {KRB5KRB_AP_ERR_BAD_INTEGRITY, PENSTOCK_UNSUPPORTED, "the KDC does not accept the key of the keytab for ",
     CLIENT, "its key was changed after the keytab was made: make the keytab anew"},
    {KRB5KDC_ERR_CLIENT_REVOKED, PENSTOCK_UNSUPPORTED, "the KDC has locked ", CLIENT, NULL},
    {KRB5KDC_ERR_NAME_EXP, PENSTOCK_UNSUPPORTED, "the KDC's entry has expired of ", CLIENT, NULL},
    {KRB5KDC_ERR_KEY_EXP, PENSTOCK_UNSUPPORTED, "the password or key has expired of ", CLIENT, NULL},
    {KRB5KRB_AP_ERR_SKEW, PENSTOCK_UNSUPPORTED, "the clocks differ by more than 5 minutes", NOBODY,
     "set the clock of this machine, or that of the KDC or of the server"},
    {KRB5_KDC_UNREACH, PENSTOCK_UNAVAILABLE, "no KDC answers", NOBODY,
     "[realms] of krb5.conf says where it is; $KRB5_CONFIG names another file than /etc/krb5.conf"},
    {KRB5_REALM_CANT_RESOLVE, PENSTOCK_UNAVAILABLE, "the KDC's address is not found", NOBODY,
     "[realms] of krb5.conf says where it is; $KRB5_CONFIG names another file than /etc/krb5.conf"},
    {KRB5_REALM_UNKNOWN, PENSTOCK_UNSUPPORTED, "the realm is not known here", NOBODY,
     "[realms] of krb5.conf says where its KDC is; $KRB5_CONFIG names another file than /etc/krb5.conf"},
    {KRB5_ERR_HOST_REALM_UNKNOWN, PENSTOCK_UNSUPPORTED, "the realm is not known here, for ", SERVER,
     "write the principal with its realm, hbase/_HOST@REALM, or see [domain_realm] of krb5.conf"},
    {KRB5_CONFIG_NODEFREALM, PENSTOCK_UNSUPPORTED, "krb5.conf names no default realm", NOBODY,
     "write principals with their realm, hbase/_HOST@REALM, or see [libdefaults] of krb5.conf"},
    {KRB5_CONFIG_CANTOPEN, PENSTOCK_UNSUPPORTED, "krb5.conf cannot be read", NOBODY,
     "$KRB5_CONFIG names another file than /etc/krb5.conf"},
    {KRB5_CONFIG_BADFORMAT, PENSTOCK_UNSUPPORTED, "krb5.conf cannot be understood", NOBODY,
     "$KRB5_CONFIG names another file than /etc/krb5.conf"},
};

static const char *subject_of(const struct proof *proof, enum subject subject) {
    const char *const client = proof->kerberos->principal;
    switch (subject) {
    case SERVER: return proof->principal;
    case CLIENT: return client[0] == '\0' ? "this principal" : client;
    case OWNER: return client;
    case NOBODY: return "";
    }
    return "";
}

/* GSSAPI's words: the cause with its names, or, where there is none, the kind of the failure. */
static void add_detail(OM_uint32 major, OM_uint32 minor, struct penstock_error *error) {
    gss_buffer_desc words = GSS_C_EMPTY_BUFFER;
    OM_uint32 ignored, more = 0;
    if (minor != 0) {
        (void)gss_display_status(&ignored, minor, GSS_C_MECH_CODE, gss_mech_krb5, &more, &words);
    } else {
        (void)gss_display_status(&ignored, major, GSS_C_GSS_CODE, gss_mech_krb5, &more, &words);
    }
    if (words.length > 0) {
        (void)ps_error_detail(error, "%.*s", (int)(words.length < 400 ? words.length : 400),
                              (const char *)words.value);
    }
    (void)gss_release_buffer(&ignored, &words);
}

/* The sentence for what a function of GSSAPI said. */
static penstock_code explain(const struct proof *proof, OM_uint32 major, OM_uint32 minor,
                             struct penstock_error *error) {
    const krb5_error_code code = (krb5_error_code)minor;
    const struct meaning *found = NULL;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0] && found == NULL; i++) {
        /* once the server is spoken to, nothing is about our own keys any more */
        const bool is_apt = meanings[i].subject != CLIENT || proof->context == GSS_C_NO_CONTEXT;
        found = meanings[i].code == code && is_apt ? &meanings[i] : NULL;
    }
    penstock_code result = PENSTOCK_UNSUPPORTED;
    if (found != NULL) {
        result = found->result;
        const char *const subject = subject_of(proof, found->subject);
        (void)ps_error_set(error, result, "HBase at %s: Kerberos: %s%s%s", proof->server, found->words,
                           found->subject == OWNER && subject[0] != '\0' ? " of " : "", subject);
    } else if (GSS_ROUTINE_ERROR(major) == GSS_S_CREDENTIALS_EXPIRED) {
        result = PENSTOCK_NOT_FOUND;
        (void)ps_error_set(error, result, "HBase at %s: Kerberos: the ticket has expired", proof->server);
    } else if (GSS_ROUTINE_ERROR(major) == GSS_S_CONTEXT_EXPIRED) { /* a new connection gets new tickets */
        result = PENSTOCK_UNAVAILABLE;
        (void)ps_error_set(error, result, "HBase at %s: Kerberos: the ticket of the connection has expired",
                           proof->server);
    } else if (GSS_ROUTINE_ERROR(major) == GSS_S_NO_CRED) {
        const char *const keytab = proof->kerberos->keytab, *const who = proof->kerberos->principal;
        result = PENSTOCK_NOT_FOUND;
        (void)ps_error_set(error, result, "HBase at %s: Kerberos: %s%s%s", proof->server,
                           keytab[0] == '\0' ? "there is no ticket" : "the keytab has no key",
                           who[0] == '\0' ? "" : " of ", who);
    } else {
        (void)ps_error_set(error, result, "HBase at %s: Kerberos: the login fails", proof->server);
    }
    add_detail(major, minor, error);
    if (found != NULL && found->hint != NULL) {
        (void)ps_error_hint(error, "%s", found->hint);
    } else if (result == PENSTOCK_NOT_FOUND) {
        (void)ps_error_hint(error, "%s",
                            proof->kerberos->keytab[0] == '\0' ? KINIT_HINT
                                                               : "klist -k shows whose keys a keytab has");
    }
    return result;
}

/* --- names ----------------------------------------------------------------------------------------------- */

bool ps_hbase_principal_is_service(const char *principal) {
    const size_t service = strcspn(principal, "/@"), realm = strcspn(principal, "@");
    const char *const at = principal + realm;
    return service > 0 && principal[service] == '/' && realm > service + 1 &&
           memchr(principal + service + 1, '/', realm - service - 1) == NULL &&
           (*at == '\0' || (at[1] != '\0' && strpbrk(at + 1, "@/") == NULL)) &&
           strlen(principal) < PS_HBASE_PRINCIPAL_SIZE - PS_HBASE_HOST_SIZE;
}

/* As Java's client and Kerberos itself find it: an address by its name, a name by what it is an alias of. */
static void canonical_host(const char *host, char name_out[PS_HBASE_HOST_SIZE]) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    struct addrinfo *found = NULL;
    struct in6_addr parsed;
    char name[NI_MAXHOST] = "";
    const bool is_address = inet_pton(AF_INET, host, &parsed) == 1 || inet_pton(AF_INET6, host, &parsed) == 1;
    if (getaddrinfo(host, NULL, &hints, &found) == 0 && found != NULL) {
        if (is_address) {
            (void)getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof name, NULL, 0, NI_NAMEREQD);
        } else if (found->ai_canonname != NULL) {
            snprintf(name, sizeof name, "%s", found->ai_canonname);
        }
        freeaddrinfo(found);
    }
    snprintf(name_out, PS_HBASE_HOST_SIZE, "%.*s", PS_HBASE_HOST_SIZE - 1, name[0] == '\0' ? host : name);
    for (char *at = name_out; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
}

penstock_code ps_hbase_principal_of(const char *principal, const char *host,
                                    char resolved_out[PS_HBASE_PRINCIPAL_SIZE],
                                    struct penstock_error *error) {
    const char *const slash = strchr(principal, '/');
    const size_t mark = strlen(HOST_MARK);
    const bool has_mark = slash != NULL && strncmp(slash + 1, HOST_MARK, mark) == 0 &&
                          (slash[1 + mark] == '\0' || slash[1 + mark] == '@');
    char name[PS_HBASE_HOST_SIZE] = "";
    if (has_mark) {
        canonical_host(host, name);
    }
    const size_t kept = has_mark ? (size_t)(slash + 1 - principal) : strlen(principal);
    if (strlen(principal) + strlen(name) >= PS_HBASE_PRINCIPAL_SIZE) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a principal of Kerberos is longer than %d",
                            PS_HBASE_PRINCIPAL_SIZE - 1);
    }
    snprintf(resolved_out, PS_HBASE_PRINCIPAL_SIZE, "%.*s%s%s", (int)kept, principal, name,
             has_mark ? slash + 1 + mark : "");
    return PENSTOCK_OK;
}

/* "hbase/host@REALM" as it is; without a realm krb5.conf says which one the host is in. */
static penstock_code import_name(const struct proof *proof, const char *principal, bool is_server,
                                 gss_name_t *name_out, struct penstock_error *error) {
    char text[PS_HBASE_PRINCIPAL_SIZE];
    OM_uint32 minor;
    const bool is_by_host = is_server && strchr(principal, '@') == NULL;
    snprintf(text, sizeof text, "%s", principal);
    if (is_by_host) {
        *strchr(text, '/') = '@'; /* service@host */
    }
    gss_buffer_desc buffer = {.length = strlen(text), .value = text};
    const OM_uint32 major = gss_import_name(
        &minor, &buffer, is_by_host ? GSS_C_NT_HOSTBASED_SERVICE : GSS_KRB5_NT_PRINCIPAL_NAME, name_out);
    return major == GSS_S_COMPLETE ? PENSTOCK_OK : explain(proof, major, minor, error);
}

/* --- who we are ------------------------------------------------------------------------------------------ */

/* Has it a key of the principal? Without one, the principal is who its first key is of. */
static krb5_error_code look_into_keytab(struct ps_hbase_kerberos *kerberos, krb5_keytab keytab) {
    krb5_context context = kerberos->context;
    krb5_keytab_entry entry;
    krb5_principal name = NULL;
    char *text = NULL;
    krb5_error_code code;
    if (kerberos->principal[0] != '\0') {
        code = krb5_parse_name(context, kerberos->principal, &name);
        code = code != 0 ? code : krb5_kt_get_entry(context, keytab, name, 0, 0, &entry);
        krb5_free_principal(context, name);
    } else {
        krb5_kt_cursor cursor;
        code = krb5_kt_start_seq_get(context, keytab, &cursor);
        if (code != 0) {
            return code;
        }
        code = krb5_kt_next_entry(context, keytab, &entry, &cursor);
        (void)krb5_kt_end_seq_get(context, keytab, &cursor);
        if (code == 0 && krb5_unparse_name(context, entry.principal, &text) == 0) {
            snprintf(kerberos->principal, sizeof kerberos->principal, "%s", text);
            krb5_free_unparsed_name(context, text);
        }
    }
    if (code == 0) {
        (void)krb5_free_keytab_entry_contents(context, &entry);
    }
    return code;
}

static penstock_code check_keytab(struct ps_hbase_kerberos *kerberos, const char *path,
                                  struct penstock_error *error) {
    krb5_keytab keytab = NULL;
    krb5_error_code code = krb5_kt_resolve(kerberos->context, kerberos->keytab, &keytab);
    if (code == 0) {
        code = look_into_keytab(kerberos, keytab);
        (void)krb5_kt_close(kerberos->context, keytab);
    }
    if (code == 0) {
        return PENSTOCK_OK;
    }
    const char *const words = krb5_get_error_message(kerberos->context, code);
    if (code == KRB5_KT_NOTFOUND) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "Kerberos: the keytab %s has no key of %s", path,
                           kerberos->principal);
    } else {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "Kerberos: no key can be read from the keytab %s",
                           path);
    }
    (void)ps_error_detail(error, "%s", words);
    krb5_free_error_message(kerberos->context, words);
    return ps_error_hint(error, "klist -k %s shows whose keys it has", path);
}

static penstock_code make_cache(struct ps_hbase_kerberos *kerberos, struct penstock_error *error) {
    char *name = NULL;
    krb5_error_code code = krb5_init_context(&kerberos->context);
    if (code == 0) {
        code = krb5_cc_new_unique(kerberos->context, "MEMORY", NULL, &kerberos->cache);
    }
    if (code == 0) {
        code = krb5_cc_get_full_name(kerberos->context, kerberos->cache, &name);
    }
    if (code != 0) {
        const char *const words = krb5_get_error_message(kerberos->context, code);
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED, "Kerberos cannot be used on this machine");
        (void)ps_error_detail(error, "%s", words);
        krb5_free_error_message(kerberos->context, words);
        return ps_error_hint(error,
                             "is krb5.conf right? $KRB5_CONFIG names another file than /etc/krb5.conf");
    }
    snprintf(kerberos->cache_name, sizeof kerberos->cache_name, "%s", name);
    krb5_free_string(kerberos->context, name);
    return PENSTOCK_OK;
}

void ps_hbase_kerberos_free(struct ps_hbase_kerberos *kerberos) {
    if (kerberos != NULL) {
        if (kerberos->cache != NULL) { /* with the tickets in it */
            (void)krb5_cc_destroy(kerberos->context, kerberos->cache);
        }
        if (kerberos->context != NULL) {
            krb5_free_context(kerberos->context);
        }
        ps_release(kerberos);
    }
}

static void free_scoped(struct ps_hbase_kerberos **kerberos) {
    ps_hbase_kerberos_free(*kerberos);
}

penstock_code ps_hbase_kerberos_new(const char *keytab, const char *principal,
                                    struct ps_hbase_kerberos **kerberos_out, struct penstock_error *error) {
    struct ps_hbase_kerberos *kerberos PS_SCOPED(free_scoped) = ps_allocate(1, sizeof *kerberos);
    char host[PS_HBASE_HOST_SIZE] = "";
    if (kerberos == NULL) {
        return ps_error_memory(error, "credentials of Kerberos");
    }
    if (principal != NULL && principal[0] != '\0') {
        (void)gethostname(host, sizeof host - 1);
        PS_TRY(ps_hbase_principal_of(principal, host, kerberos->principal, error));
    }
    if (keytab != NULL && keytab[0] != '\0') {
        const char *const path = strncmp(keytab, "FILE:", 5) == 0 ? keytab + 5 : keytab;
        if (strlen(path) + 6 > sizeof kerberos->keytab) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "the name of the keytab is too long");
        }
        if (access(path, R_OK) != 0) {
            return ps_error_errno(error, errno, "keytab %s", path);
        }
        snprintf(kerberos->keytab, sizeof kerberos->keytab, "FILE:%s", path);
        PS_TRY(make_cache(kerberos, error));
        PS_TRY(check_keytab(kerberos, path, error));
    }
    *kerberos_out = ps_take(kerberos);
    return PENSTOCK_OK;
}

/* Tickets that are good now, from the user's cache or by the keytab. */
static penstock_code acquire(struct proof *proof, struct penstock_error *error) {
    struct ps_hbase_kerberos *const kerberos = proof->kerberos;
    gss_key_value_element_desc elements[] = {{"client_keytab", kerberos->keytab},
                                             {"ccache", kerberos->cache_name}};
    const gss_key_value_set_desc store = {.count = 2, .elements = elements};
    gss_OID_set_desc mechanisms = {.count = 1, .elements = gss_mech_krb5};
    gss_name_t who = GSS_C_NO_NAME;
    OM_uint32 minor, ignored, seconds = 0;
    if (kerberos->principal[0] != '\0') {
        PS_TRY(import_name(proof, kerberos->principal, false, &who, error));
    }
    OM_uint32 major = gss_acquire_cred_from(&minor, who, GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE,
                                            kerberos->keytab[0] == '\0' ? GSS_C_NO_CRED_STORE : &store,
                                            &proof->credentials, NULL, NULL);
    (void)gss_release_name(&ignored, &who);
    if (major == GSS_S_COMPLETE) { /* this is what looks into the cache, and asks the KDC if need be */
        major = gss_inquire_cred(&minor, proof->credentials, NULL, &seconds, NULL, NULL);
    }
    if (major == GSS_S_COMPLETE && seconds == 0) {
        major = GSS_S_CREDENTIALS_EXPIRED;
        minor = 0;
    }
    return major == GSS_S_COMPLETE ? PENSTOCK_OK : explain(proof, major, minor, error);
}

/* --- a proof --------------------------------------------------------------------------------------------- */

static void close_proof(void *state) {
    struct proof *const proof = state;
    OM_uint32 ignored;
    if (proof != NULL) {
        (void)gss_delete_sec_context(&ignored, &proof->context, GSS_C_NO_BUFFER);
        (void)gss_release_cred(&ignored, &proof->credentials);
        (void)gss_release_name(&ignored, &proof->name);
        ps_release(proof);
    }
}

static void close_proof_scoped(struct proof **proof) {
    close_proof(*proof);
}

static penstock_code step(void *state, struct ps_bytes challenge, struct ps_buffer *token, bool *is_done_out,
                          struct penstock_error *error) {
    struct proof *const proof = state;
    const OM_uint32 wanted =
        GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG;
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, ignored, flags = 0;
    /* read only, whatever its type says (RFC 2744, 5.19) */
    gss_buffer_desc in = {.length = challenge.size, .value = (void *)(uintptr_t)challenge.data};
    const OM_uint32 major = gss_init_sec_context(
        &minor, proof->credentials, &proof->context, proof->name, gss_mech_krb5, wanted, 0,
        GSS_C_NO_CHANNEL_BINDINGS, challenge.size == 0 ? GSS_C_NO_BUFFER : &in, NULL, &out, &flags, NULL);
    if (out.length > 0) {
        ps_buffer_add(token, out.value, out.length);
    }
    (void)gss_release_buffer(&ignored, &out);
    if (GSS_ERROR(major)) {
        return explain(proof, major, minor, error);
    }
    *is_done_out = (major & GSS_S_CONTINUE_NEEDED) == 0;
    if (*is_done_out && (flags & wanted) != wanted) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED,
                            "HBase at %s: Kerberos: the server does not prove who it is", proof->server);
    }
    return PENSTOCK_OK;
}

static penstock_code seal(void *state, struct ps_bytes plain, bool is_secret, struct ps_buffer *sealed,
                          struct penstock_error *error) {
    struct proof *const proof = state;
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, ignored;
    int was_secret = 0;
    gss_buffer_desc in = {.length = plain.size, .value = (void *)(uintptr_t)plain.data};
    const OM_uint32 major =
        gss_wrap(&minor, proof->context, is_secret ? 1 : 0, GSS_C_QOP_DEFAULT, &in, &was_secret, &out);
    if (major == GSS_S_COMPLETE) {
        ps_buffer_add(sealed, out.value, out.length);
    }
    (void)gss_release_buffer(&ignored, &out);
    if (major != GSS_S_COMPLETE) {
        return explain(proof, major, minor, error);
    }
    return is_secret && was_secret == 0
               ? ps_error_set(error, PENSTOCK_UNSUPPORTED,
                              "HBase at %s: Kerberos: this ticket allows no secrecy", proof->server)
               : ps_buffer_status(sealed, error);
}

static penstock_code open_sealed(void *state, char *sealed, size_t size, bool *is_secret_out,
                                 struct ps_bytes *plain_out, struct penstock_error *error) {
    struct proof *const proof = state;
    OM_uint32 minor = 0;
    int was_secret = 0;
    gss_iov_buffer_desc parts[] = {
        {.type = GSS_IOV_BUFFER_TYPE_STREAM, .buffer = {.length = size, .value = sealed}},
        {.type = GSS_IOV_BUFFER_TYPE_DATA, .buffer = GSS_C_EMPTY_BUFFER}};
    /* an empty token is none that the library may be asked about */
    const OM_uint32 major = size == 0 ? GSS_S_DEFECTIVE_TOKEN
                                      : gss_unwrap_iov(&minor, proof->context, &was_secret, NULL, parts, 2);
    if (GSS_ROUTINE_ERROR(major) == GSS_S_CONTEXT_EXPIRED) {
        return explain(proof, major, minor, error);
    }
    if (major != GSS_S_COMPLETE) { /* changed, doubled, left out or in another order */
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "HBase at %s: Kerberos: what came is not what the server sent", proof->server);
        add_detail(major, minor, error);
        return ps_error_hint(error, "something on the way changes the connection");
    }
    *is_secret_out = was_secret != 0;
    *plain_out = (struct ps_bytes){parts[1].buffer.value, parts[1].buffer.length};
    return PENSTOCK_OK;
}

penstock_code ps_hbase_kerberos_begin(struct ps_hbase_kerberos *kerberos, const char *principal,
                                      const char *server, struct ps_hbase_proof *proof_out,
                                      struct penstock_error *error) {
    static const struct ps_hbase_proof_table table = {
        .step = step, .seal = seal, .open = open_sealed, .close = close_proof};
    struct proof *proof PS_SCOPED(close_proof_scoped) = ps_allocate(1, sizeof *proof);
    if (proof == NULL) {
        return ps_error_memory(error, "a proof of Kerberos");
    }
    ps_check(ps_hbase_principal_is_service(principal));
    proof->kerberos = kerberos;
    snprintf(proof->principal, sizeof proof->principal, "%s", principal);
    snprintf(proof->server, sizeof proof->server, "%s", server);
    PS_TRY(import_name(proof, principal, true, &proof->name, error));
    PS_TRY(acquire(proof, error));
    *proof_out = (struct ps_hbase_proof){.table = &table, .state = ps_take(proof)};
    return PENSTOCK_OK;
}
