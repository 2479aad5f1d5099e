/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_login.h - where an HBase is and who to be there: the settings that whatever reads or writes it has in common.
 *
 * The same as the options of `penstock hbase`. Private to room connect.
 */
#ifndef PS_CONNECT_HBASE_LOGIN_H
#define PS_CONNECT_HBASE_LOGIN_H

#include "base/file.h"
#include "base/option.h"
#include "hbase/client.h"

struct ps_hbase_login {
    const char *masters, *user, *address_map;
    const char *authentication, *principal, *master_principal, *keytab, *user_principal, *protection;
};

#define PS_HBASE_LOGIN_TEXT(option_name, at, field, words) \
    { \
        .name = (option_name), .type = PS_OPTION_TEXT, \
        .offset = (at) + offsetof(struct ps_hbase_login, field), .help = (words), .since = "0.2" \
    }
/* Rows of a table of options; `at`: where the struct is in the config. */
#define PS_HBASE_LOGIN_OPTIONS(at) \
    {.name = "masters", \
     .type = PS_OPTION_TEXT, \
     .default_text = PS_HBASE_MASTERS_DEFAULT, \
     .offset = (at) + offsetof(struct ps_hbase_login, masters), \
     .help = "the masters, with commas: host:16000,host2:16000", \
     .since = "0.2"}, \
        PS_HBASE_LOGIN_TEXT( \
            "user", at, user, \
            "who to be for HBase; else the one who runs penstock, or the Kerberos principal"), \
        PS_HBASE_LOGIN_TEXT( \
            "address.map", at, address_map, \
            "servers that are reached elsewhere, as through a tunnel: host:port=host:port,..."), \
        PS_HBASE_LOGIN_TEXT("authentication", at, authentication, \
                            "simple (default) or kerberos (hbase.security.authentication)"), \
        PS_HBASE_LOGIN_TEXT( \
            "principal", at, principal, \
            "of the region servers (hbase.regionserver.kerberos.principal); else hbase/_HOST"), \
        PS_HBASE_LOGIN_TEXT("master.principal", at, master_principal, \
                            "of the masters (hbase.master.kerberos.principal); else as principal"), \
        PS_HBASE_LOGIN_TEXT("keytab", at, keytab, \
                            "file to log in with (hbase.client.keytab.file); else the tickets of kinit"), \
        PS_HBASE_LOGIN_TEXT( \
            "user.principal", at, user_principal, \
            "who logs in (hbase.client.keytab.principal); else the keytab's first, or the tickets'"), \
        PS_HBASE_LOGIN_TEXT( \
            "protection", at, protection, \
            "authentication, integrity or privacy (hbase.rpc.protection); else the strongest offered")

/* `folder`: of the project, where a relative path of the keytab starts. Waits are the caller's to set.
 * Errors: OUT_OF_MEMORY. */
static inline penstock_code ps_hbase_login_options(const struct ps_hbase_login *login, const char *folder,
                                                   struct ps_arena *arena,
                                                   struct ps_hbase_options *options_out,
                                                   struct penstock_error *error) {
    const char *const keytab =
        login->keytab == NULL ? NULL : ps_path_join(arena, folder != NULL ? folder : "", login->keytab);
    if (login->keytab != NULL && keytab == NULL) {
        return ps_error_memory(error, "a path");
    }
    *options_out = (struct ps_hbase_options){.masters = login->masters,
                                             .user = login->user,
                                             .address_map = login->address_map,
                                             .authentication = login->authentication,
                                             .service_principal = login->principal,
                                             .master_principal = login->master_principal,
                                             .keytab = keytab,
                                             .client_principal = login->user_principal,
                                             .protection = login->protection};
    return PENSTOCK_OK;
}

#endif
