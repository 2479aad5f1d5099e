/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_files_test.c - the sink suite over the sinks that write files, in the ways they can be set.
 *
 * Text files are read whole, so what recover() leaves behind the committed bytes would be counted.
 */
#include "sink_files.h"

static void every_sink_of_files_passes(void **state) {
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        kinds[i].quirks.type = ps_sink_type_find(kinds[i].connector);
        assert_non_null(kinds[i].quirks.type);
        const char *fault = sink_suite_run(&kinds[i].quirks);
        if (fault != NULL) {
            fail_msg("%s", fault);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sink_of_files_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
