/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_test.c - names of types, sizes, columns by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data/schema.h"

static void types_have_their_aliases(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum ps_type type;
    } cases[] = {
        {"INTEGER", PS_TYPE_INTEGER},
        {"int", PS_TYPE_INTEGER},
        {"INT8", PS_TYPE_BIGINT},
        {"int1", PS_TYPE_TINYINT},
        {" double  precision ", PS_TYPE_DOUBLE},
        {"REAL", PS_TYPE_FLOAT},
        {"text", PS_TYPE_VARCHAR},
        {"STRING", PS_TYPE_VARCHAR},
        {"VARCHAR(20)", PS_TYPE_VARCHAR},
        {"varchar ( 20 )", PS_TYPE_VARCHAR},
        {"TIMESTAMP WITH TIME ZONE", PS_TYPE_TIMESTAMP},
        {"timestamptz", PS_TYPE_TIMESTAMP},
        {"DATETIME", PS_TYPE_TIMESTAMP},
        {"bytea", PS_TYPE_BLOB},
        {"DECIMAL(10,2)", PS_TYPE_CAST},
        {"TIMESTAMP(3)", PS_TYPE_CAST},
        {"TIMESTAMP_NS", PS_TYPE_CAST},
        {"INTEGER[]", PS_TYPE_CAST},
        {"STRUCT(a INTEGER)", PS_TYPE_CAST},
        {"UUID", PS_TYPE_CAST},
        {"UINTEGER", PS_TYPE_CAST},
        {"", PS_TYPE_CAST},
        {"THE LONGEST NAME OF A TYPE THAT ANYBODY HAS EVER WRITTEN INTO A CREATE SOURCE STATEMENT",
         PS_TYPE_CAST},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (ps_type_of_sql(cases[i].text) != cases[i].type) {
            fail_msg("%s is type %d", cases[i].text, (int)ps_type_of_sql(cases[i].text));
        }
    }
}

static void every_type_has_a_size_and_a_name(void **state) {
    (void)state;
    for (int type = PS_TYPE_BOOLEAN; type <= PS_TYPE_CAST; type++) {
        assert_true(ps_type_size((enum ps_type)type) > 0);
        if (type != PS_TYPE_CAST) {
            assert_int_equal(ps_type_of_sql(ps_type_sql((enum ps_type)type)), type);
        }
    }
    assert_string_equal(ps_type_sql(PS_TYPE_CAST), "VARCHAR");
}

static void columns_are_found_without_case(void **state) {
    (void)state;
    struct ps_column_schema columns[] = {{"origin", "VARCHAR", PS_TYPE_VARCHAR, false},
                                         {"Dest", "VARCHAR", PS_TYPE_VARCHAR, false}};
    const struct ps_schema schema = {columns, 2};
    assert_int_equal(ps_schema_find(&schema, "ORIGIN"), 0);
    assert_int_equal(ps_schema_find(&schema, "dest"), 1);
    assert_int_equal(ps_schema_find(&schema, "dests"), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_their_aliases),
        cmocka_unit_test(every_type_has_a_size_and_a_name),
        cmocka_unit_test(columns_are_found_without_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
