/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_ledger_test.c - a claim group has the hash of its group, as Java counts it, whatever the name.
 */
#include "connect/kafka_ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* From a Java program: "...".hashCode(). */
static void hashes_as_java(void **state) {
    (void)state;
    assert_int_equal(ps_kafka_ledger_hash(""), 0);
    assert_int_equal(ps_kafka_ledger_hash("Aa"), 2112);
    assert_int_equal(ps_kafka_ledger_hash("BB"), 2112);
    assert_int_equal((int32_t)ps_kafka_ledger_hash("The quick brown fox"), -1739336029);
    assert_int_equal((int32_t)ps_kafka_ledger_hash("d\xc3\xa9part"), -1213438344);
    assert_int_equal((int32_t)ps_kafka_ledger_hash("\xf0\x9f\x9a\x82"), 1773029);
}

static void claim_has_the_same_hash(void **state) {
    (void)state;
    static const char *const groups[] = {"penstock.shop.orders",
                                         "penstock.a.b",
                                         "penstock.d\xc3\xa9part.zug\xf0\x9f\x9a\x82",
                                         "penstock.torture.to_kafka",
                                         "x",
                                         ""};
    struct ps_arena *arena = ps_arena_new(0);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const char *claim = ps_kafka_ledger_claim_group(groups[i], arena);
        assert_non_null(claim);
        assert_string_not_equal(claim, groups[i]);
        assert_int_equal(ps_kafka_ledger_hash(claim), ps_kafka_ledger_hash(groups[i]));
        for (const char *at = claim + strlen(groups[i]); *at != '\0'; at++) {
            assert_in_range(*at, '.', 'm'); /* printable, nothing that a shell or an ACL minds */
        }
    }
    ps_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes_as_java),
                                       cmocka_unit_test(claim_has_the_same_hash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
