/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_tool.c - sinks driven by a test, one line a step, so that the test can do things to servers in between.
 *
 * Reads commands from standard input and answers each with one JSON object a line: code, and rows, epoch, attempt or
 * message, detail, hint, remedy. ID is 0 to 7; a sink must be driven in the order that its contract says.
 *   set ID NAME VALUE     a setting of WITH; `name`, `project`, `store`, `encode` and `select` are the sink's own
 *   open ID               what the SELECT gives, and what the settings are, is as of now
 *   recover ID ATTEMPT | begin ID EPOCH ATTEMPT | write ID [SELECT] | commit ID EPOCH ATTEMPT | discard ID | close ID
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "connect/create.h"

#define SINK_COUNT 8
#define SETTING_COUNT 32
#define LINE_SIZE ((size_t)1 << 20)

struct driven {
    struct ps_arena *arena; /* of the settings */
    struct ps_arena *open;  /* of the sink that is open */
    struct ps_setting settings[SETTING_COUNT];
    struct ps_sink_statement statement;
    struct ps_sink_setup setup;
    const char *select;
    struct ps_sink *sink;
};

struct tool {
    struct ps_connection *connection;
    struct driven sinks[SINK_COUNT];
    struct penstock_error error;
    struct ps_epoch epoch;
    int64_t row_count;
};

/* The next word of a line, which it is cut off from. */
static char *word(char **line) {
    char *begin = *line + strspn(*line, " ");
    char *end = begin + strcspn(begin, " ");
    *line = *end == '\0' ? end : end + 1;
    *end = '\0';
    return begin;
}

static int64_t number(char **line) {
    int64_t value = 0;
    ps_check(ps_parse_integer(word(line), &value));
    return value;
}

static penstock_code set(struct driven *sink, char *line) {
    const char *name = ps_arena_copy(sink->arena, word(&line));
    const char *value = ps_arena_copy(sink->arena, line);
    struct {
        const char *name;
        const char **place;
    } own[] = {{"name", &sink->setup.name},      {"project", &sink->setup.project},
               {"store", &sink->setup.store_id}, {"encode", &sink->statement.encode},
               {"select", &sink->select},        {"connector", &sink->statement.connector}};
    size_t index = 0;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(own[i].name, name) == 0) {
            *own[i].place = value;
            if (own[i].place != &sink->statement.connector) {
                return PENSTOCK_OK;
            }
        }
    }
    while (index < sink->statement.setting_count && strcmp(sink->settings[index].name, name) != 0) {
        index++;
    }
    ps_check(index < SETTING_COUNT);
    sink->settings[index] = (struct ps_setting){name, value, {"test.sql", 1, 1}};
    sink->statement.setting_count += index == sink->statement.setting_count ? 1 : 0;
    return PENSTOCK_OK;
}

static penstock_code open_sink(struct tool *tool, struct driven *sink) {
    const char **names = NULL;
    const char **types = NULL;
    ps_arena_reset(sink->open);
    PS_TRY(ps_sql_describe(tool->connection, sink->select, sink->open, &names, &types,
                           &sink->setup.column_count, NULL, &tool->error));
    sink->setup.column_names = names;
    sink->setup.column_types = types;
    sink->setup.folder = ".";
    sink->statement.settings = sink->settings;
    sink->statement.connector_location = (struct ps_location){"test.sql", 1, 1};
    return ps_sink_create(&sink->statement, &sink->setup, sink->open, &sink->sink, &tool->error);
}

static penstock_code recover(struct tool *tool, struct driven *sink, int64_t attempt) {
    struct ps_position_list positions;
    PS_TRY(ps_position_list_init(&positions, &tool->error));
    const penstock_code code = ps_sink_recover(sink->sink, attempt, &tool->epoch, &positions, &tool->error);
    ps_position_list_done(&positions);
    return code;
}

static penstock_code commit(struct tool *tool, struct driven *sink, struct ps_epoch epoch) {
    struct ps_position_list positions;
    const struct ps_position position = {.partition = {"a", 0}, .offset = epoch.number, .state = "{}"};
    PS_TRY(ps_position_list_init(&positions, &tool->error));
    penstock_code code = ps_position_list_set(&positions, &position, &tool->error);
    code = code == PENSTOCK_OK ? ps_sink_commit(sink->sink, epoch, &positions, &tool->error) : code;
    ps_position_list_done(&positions);
    return code;
}

static penstock_code carry_out(struct tool *tool, char *line) {
    const char *command = word(&line);
    const int64_t id = number(&line);
    ps_check(id >= 0 && id < SINK_COUNT);
    struct driven *sink = &tool->sinks[id];
    if (strcmp(command, "set") == 0) {
        return set(sink, line);
    }
    if (strcmp(command, "open") == 0) {
        return open_sink(tool, sink);
    }
    if (strcmp(command, "recover") == 0) {
        return recover(tool, sink, number(&line));
    }
    if (strcmp(command, "begin") == 0 || strcmp(command, "commit") == 0) {
        const int64_t epoch = number(&line);
        tool->epoch = (struct ps_epoch){epoch, number(&line)};
        return command[0] == 'b' ? ps_sink_begin(sink->sink, tool->epoch, &tool->error)
                                 : commit(tool, sink, tool->epoch);
    }
    if (strcmp(command, "write") == 0) {
        return ps_sink_write_query(sink->sink, tool->connection, line[0] != '\0' ? line : sink->select,
                                   &tool->row_count, &tool->error);
    }
    if (strcmp(command, "discard") == 0) {
        return ps_sink_discard(sink->sink, &tool->error);
    }
    ps_check(strcmp(command, "close") == 0);
    ps_sink_close(ps_take(sink->sink));
    return PENSTOCK_OK;
}

static void add_text(struct ps_buffer *answer, const char *name, const char *text) {
    ps_buffer_printf(answer, ",\"%s\":", name);
    ps_buffer_json(answer, text, strlen(text));
}

static void tell(const struct tool *tool, penstock_code code, int64_t start_ns) {
    struct ps_buffer answer PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&answer, LINE_SIZE);
    ps_buffer_printf(&answer, "{\"code\":\"%s\",\"ms\":%" PRId64, ps_error_code_name(code),
                     (ps_clock_monotonic_ns() - start_ns) / 1000000);
    if (code == PENSTOCK_OK) {
        ps_buffer_printf(&answer, ",\"rows\":%" PRId64 ",\"epoch\":%" PRId64 ",\"attempt\":%" PRId64,
                         tool->row_count, tool->epoch.number, tool->epoch.attempt);
    } else {
        ps_buffer_printf(&answer, ",\"remedy\":%d", (int)tool->error.remedy);
        add_text(&answer, "message", tool->error.message);
        add_text(&answer, "detail", tool->error.detail);
        add_text(&answer, "hint", tool->error.hint);
    }
    printf("%s}\n", answer.data);
}

int main(void) {
    static struct tool tool;
    struct ps_engine *engine = NULL;
    const struct ps_engine_options options = {.thread_count = 1};
    ps_check(ps_engine_open(&options, &engine, NULL) == PENSTOCK_OK);
    ps_check(ps_connection_open(engine, &tool.connection, NULL) == PENSTOCK_OK);
    for (size_t i = 0; i < SINK_COUNT; i++) {
        tool.sinks[i].arena = ps_arena_new(0);
        tool.sinks[i].open = ps_arena_new(0);
        tool.sinks[i].setup = (struct ps_sink_setup){.name = "out", .project = "test", .store_id = "store-1"};
    }
    char *line = ps_allocate(LINE_SIZE, 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, (int)LINE_SIZE, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        const int64_t start_ns = ps_clock_monotonic_ns();
        tool.error = (struct penstock_error){0};
        tool.row_count = 0;
        tell(&tool, carry_out(&tool, line), start_ns);
    }
    for (size_t i = 0; i < SINK_COUNT; i++) {
        ps_sink_close(tool.sinks[i].sink);
        ps_arena_free(tool.sinks[i].open);
        ps_arena_free(tool.sinks[i].arena);
    }
    ps_release(line);
    ps_connection_close(tool.connection);
    ps_engine_close(engine);
    return 0;
}
