/* SPDX-License-Identifier: Apache-2.0
 *
 * prove_child.c - the program as a child process: the same file that runs now, so that what is proven is what is
 * installed. A child dies with its parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/prove_parts.h"
#include "base/file.h"

#define TAIL_SIZE 400

static const char *log_path(const struct ps_prove *prove) {
    return ps_arena_printf(prove->arena, "%s/run.log", prove->folder);
}

penstock_code ps_prove_start(struct ps_prove *prove, bool once, pid_t *child_out,
                             struct penstock_error *error) {
    const char *log = log_path(prove);
    const char *arguments[] = {prove->program,         "run", "--project", prove->folder, "--quiet",
                               once ? "--once" : NULL, NULL};
    if (log == NULL) {
        return ps_error_memory(error, "prove");
    }
    const int output = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (output < 0) {
        return ps_error_errno(error, errno, "cannot write %s", log);
    }
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) { /* only what is safe after a fork of threads */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(126);
        }
        (void)dup2(output, STDOUT_FILENO);
        (void)dup2(output, STDERR_FILENO);
        (void)execv(prove->program, (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    const int cause = errno;
    (void)close(output);
    if (child < 0) {
        return ps_error_errno(error, cause, "cannot start %s", prove->program);
    }
    *child_out = child;
    return PENSTOCK_OK;
}

/* The last words of a child. */
static void add_tail(struct ps_prove *prove, struct penstock_error *error) {
    struct ps_bytes text = {NULL, 0};
    const char *log = log_path(prove);
    if (log == NULL || ps_file_read(log, (size_t)16 << 20, prove->arena, &text, NULL) != PENSTOCK_OK) {
        return;
    }
    const size_t start = text.size > TAIL_SIZE ? text.size - TAIL_SIZE : 0;
    (void)ps_error_detail(error, "%s", text.data + start);
}

static penstock_code judge(struct ps_prove *prove, int status, struct penstock_error *error) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return PENSTOCK_OK;
    }
    if (WIFEXITED(status)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "penstock run failed with exit status %d",
                           WEXITSTATUS(status));
    } else {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "penstock run was ended by signal %d",
                           WTERMSIG(status));
    }
    add_tail(prove, error);
    return ps_error_hint(error, "the project is kept in %s", prove->folder);
}

penstock_code ps_prove_check_alive(struct ps_prove *prove, pid_t child, struct penstock_error *error) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) != child) {
        return PENSTOCK_OK;
    }
    PS_TRY(judge(prove, status, error));
    return ps_error_set(error, PENSTOCK_INVALID_DATA,
                        "penstock run ended by itself, though nobody asked it to");
}

void ps_prove_kill(pid_t child) {
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

penstock_code ps_prove_wait(struct ps_prove *prove, pid_t child, struct penstock_error *error) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return ps_error_errno(error, errno, "cannot wait for penstock run");
        }
    }
    return judge(prove, status, error);
}

/* --- where it was ----------------------------------------------------------------------------------------------- */

/* The last whole line that the executor of the newest application wrote; "" if there is none. */
static const char *last_line(const struct ps_prove *prove, struct ps_arena *arena) {
    const char *folder = ps_arena_printf(arena, "%s/applications", prove->store_path);
    char **names = NULL;
    size_t count = 0;
    if (folder == NULL || ps_file_list(folder, arena, &names, &count, NULL) != PENSTOCK_OK || count == 0) {
        return "";
    }
    const char *stamp = strchr(names[count - 1], '_');
    const char *path = stamp == NULL ? NULL
                                     : ps_arena_printf(arena, "%s/%s/container%s_01_000002/stderr", folder,
                                                       names[count - 1], stamp);
    struct ps_bytes text = {NULL, 0};
    if (path == NULL || ps_file_read(path, (size_t)64 << 20, arena, &text, NULL) != PENSTOCK_OK ||
        text.size == 0) {
        return "";
    }
    size_t end = text.size;
    while (end > 0 && text.data[end - 1] == '\n') {
        end--;
    }
    size_t start = end;
    while (start > 0 && text.data[start - 1] != '\n') {
        start--;
    }
    const char *line = ps_arena_copy_size(arena, text.data + start, end - start);
    return line != NULL ? line : "";
}

enum ps_prove_hit ps_prove_where(const struct ps_prove *prove) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *line = arena != NULL ? last_line(prove, arena) : "";
    return strstr(line, "epoch") == NULL       ? PS_PROVE_STARTING
           : strstr(line, "committed") != NULL ? PS_PROVE_BETWEEN
                                               : PS_PROVE_IN_EPOCH;
}
