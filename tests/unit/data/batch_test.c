/* SPDX-License-Identifier: Apache-2.0
 *
 * batch_test.c - rows, NULLs and dead letters while a batch grows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "data/batch.h"

static struct ps_column_schema columns[] = {{"a", "INTEGER", PS_TYPE_INTEGER, false},
                                            {"b", "VARCHAR", PS_TYPE_VARCHAR, false}};
static const struct ps_schema schema = {columns, 2};

static void rows_and_nulls_survive_growth(void **state) {
    (void)state;
    struct ps_batch *batch = NULL;
    assert_int_equal(ps_batch_new(&schema, 1, &batch, NULL), PENSTOCK_OK);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(ps_batch_begin_row(batch, NULL), PENSTOCK_OK);
        ((int32_t *)batch->columns[0].values)[batch->row_count] = i;
        ((struct ps_bytes *)batch->columns[1].values)[batch->row_count] = PS_BYTES("x");
        if (i >= 100 && i % 7 == 0) {
            ps_batch_set_null(batch, 1);
        }
        ps_batch_end_row(batch, (struct ps_record){.offset = i});
    }
    assert_null(batch->columns[0].is_valid);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(((int32_t *)batch->columns[0].values)[i], i);
        assert_int_equal(batch->columns[1].is_valid[i], i >= 100 && i % 7 == 0 ? 0 : 1);
        assert_int_equal(batch->records[i].offset, i);
    }
    ps_batch_free(batch);
}

/* A row that is begun and not ended leaves no trace, not even its NULLs. */
static void abandoned_rows_leave_nothing(void **state) {
    (void)state;
    struct ps_batch *batch = NULL;
    assert_int_equal(ps_batch_new(&schema, 1, &batch, NULL), PENSTOCK_OK);
    assert_int_equal(ps_batch_begin_row(batch, NULL), PENSTOCK_OK);
    ps_batch_set_null(batch, 0);
    const struct ps_record record = {.raw = PS_BYTES("bad"), .offset = 7};
    assert_int_equal(ps_batch_add_dead_letter(batch, record, PS_REASON_TYPE, "a", NULL, "found %s", "bad"),
                     PENSTOCK_OK);
    assert_int_equal(ps_batch_begin_row(batch, NULL), PENSTOCK_OK);
    ps_batch_end_row(batch, (struct ps_record){.offset = 8});
    assert_int_equal(batch->record_count, 2);
    assert_int_equal(batch->row_count, 1);
    assert_int_equal(batch->columns[0].is_valid[0], 1);
    const struct ps_dead_letter *letter = &batch->dead_letters[0];
    assert_string_equal(letter->text, "found bad");
    assert_string_equal(letter->column, "a");
    assert_int_equal(letter->offset, 7);
    assert_int_equal(letter->raw_size, 3);
    ps_batch_free(batch);
}

static void reasons_have_names(void **state) {
    (void)state;
    assert_string_equal(ps_reason_name(PS_REASON_SYNTAX), "syntax");
    assert_string_equal(ps_reason_name(PS_REASON_RULE), "rule");
    ps_batch_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_nulls_survive_growth),
        cmocka_unit_test(abandoned_rows_leave_nothing),
        cmocka_unit_test(reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
