/* SPDX-License-Identifier: Apache-2.0
 *
 * file_content.c - bytes at an offset of a file, plain or unpacked from gzip.
 *
 * gzip can only be read forwards: the open content keeps its place, so reading on is cheap, and going back
 * unpacks from the start again. Several members in one file are one stream, as gzip itself reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>
#include <zlib.h>

#include "base/check.h"
#include "connect/file_source.h"

#define PACKED_SIZE ((size_t)256 << 10)
#define SKIP_SIZE ((size_t)32 << 10)
/* zlib: the largest window, and a gzip header is expected */
#define GZIP_WINDOW (15 + 16)

struct ps_content {
    char *name, *path;
    int descriptor;
    bool is_gzip;
    struct ps_file_info info; /* when it was opened */
    z_stream stream;
    bool has_stream;
    unsigned char *packed;
    int64_t packed_read; /* bytes taken from the file */
    int64_t position;    /* unpacked bytes given so far */
    bool is_member_done; /* between two members */
    bool is_file_done;   /* no more packed bytes are there */
    bool is_end;
    bool is_truncated;
};

static bool same_file(const struct ps_file_info *left, const struct ps_file_info *right) {
    return left->inode == right->inode && left->device == right->device && left->size == right->size &&
           left->modified_ms == right->modified_ms;
}

void ps_content_close(struct ps_content *content) {
    if (content == NULL) {
        return;
    }
    if (content->has_stream) {
        inflateEnd(&content->stream);
    }
    if (content->descriptor >= 0) {
        close(content->descriptor);
    }
    ps_release(content->packed);
    ps_release(content->name);
    ps_release(content->path);
    ps_release(content);
}

static void close_scoped(struct ps_content **content) {
    ps_content_close(*content);
}

/* zlib's memory comes from where all memory comes from. */
static void *zlib_allocate(void *context, unsigned count, unsigned size) {
    (void)context;
    return ps_allocate(count, size);
}

static void zlib_release(void *context, void *pointer) {
    (void)context;
    ps_release(pointer);
}

penstock_code ps_content_open(const struct ps_file_entry *entry, struct ps_content **content_out,
                              struct penstock_error *error) {
    struct ps_content *content PS_SCOPED(close_scoped) = ps_allocate(1, sizeof(*content));
    if (content == NULL) {
        return ps_error_memory(error, "an open file");
    }
    content->descriptor = -1;
    content->is_gzip = entry->kind == PS_FILE_GZIP;
    content->info = entry->seen;
    content->name = ps_duplicate(entry->name);
    content->path = ps_duplicate(entry->path);
    if (content->name == NULL || content->path == NULL) {
        return ps_error_memory(error, "an open file");
    }
    content->descriptor = open(entry->path, O_RDONLY | O_CLOEXEC);
    if (content->descriptor < 0) {
        return ps_error_errno(error, errno, "cannot read %s", entry->name);
    }
    if (content->is_gzip) {
        content->packed = ps_allocate(PACKED_SIZE, 1);
        content->stream.zalloc = zlib_allocate;
        content->stream.zfree = zlib_release;
        content->has_stream = content->packed != NULL && inflateInit2(&content->stream, GZIP_WINDOW) == Z_OK;
        if (!content->has_stream) {
            return ps_error_memory(error, "unpacking gzip");
        }
        content->is_member_done = true;
    }
    *content_out = ps_take(content);
    return PENSTOCK_OK;
}

bool ps_content_is_of(const struct ps_content *content, const struct ps_file_entry *entry) {
    return content != NULL && content->is_gzip == (entry->kind == PS_FILE_GZIP) &&
           strcmp(content->path, entry->path) == 0 && same_file(&content->info, &entry->seen);
}

int ps_content_descriptor(const struct ps_content *content) {
    return content->descriptor;
}

bool ps_content_is_truncated(const struct ps_content *content, int64_t *packed_out) {
    *packed_out = content->packed_read;
    return content->is_truncated;
}

static penstock_code read_plain(struct ps_content *content, int64_t offset, char *buffer, size_t size,
                                size_t *got_out, struct penstock_error *error) {
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(content->descriptor, buffer + done, size - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ps_error_errno(error, errno, "cannot read %s at byte %" PRId64, content->name,
                                  offset + (int64_t)done);
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *got_out = done;
    return PENSTOCK_OK;
}

/* More packed bytes into the stream; is_file_done if there are none. */
static penstock_code refill(struct ps_content *content, struct penstock_error *error) {
    while (content->stream.avail_in == 0 && !content->is_file_done) {
        const ssize_t got = pread(content->descriptor, content->packed, PACKED_SIZE, content->packed_read);
        if (got < 0 && errno != EINTR) {
            return ps_error_errno(error, errno, "cannot read %s at byte %" PRId64, content->name,
                                  content->packed_read);
        }
        if (got == 0) {
            content->is_file_done = true;
        }
        if (got > 0) {
            content->packed_read += got;
            content->stream.next_in = content->packed;
            content->stream.avail_in = (unsigned)got;
        }
    }
    return PENSTOCK_OK;
}

/* After a member: zero bytes are padding, as of tape blocks; a new member begins with 0x1f. */
static penstock_code begin_member(struct ps_content *content, struct penstock_error *error) {
    PS_TRY(refill(content, error));
    while (content->position > 0 && content->stream.avail_in > 0 && *content->stream.next_in == 0) {
        content->stream.next_in++;
        content->stream.avail_in--;
        PS_TRY(refill(content, error));
    }
    if (content->stream.avail_in == 0) {
        content->is_end = true;
        return PENSTOCK_OK;
    }
    content->is_member_done = false;
    ps_check(inflateReset2(&content->stream, GZIP_WINDOW) == Z_OK);
    return PENSTOCK_OK;
}

static penstock_code refuse_packed(const struct ps_content *content, struct penstock_error *error) {
    const int64_t packed = content->packed_read - (int64_t)content->stream.avail_in;
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "%s is not valid gzip at byte %" PRId64 " (unpacked: byte %" PRId64 ")", content->name,
                       packed, content->position);
    (void)ps_error_detail(error, "zlib: %s",
                          content->stream.msg != NULL ? content->stream.msg : "no message");
    return ps_error_hint(
        error, "the records before it can be read; replace the file by a whole one of a new name, or set "
               "compression = 'none' if it is not packed");
}

/* The next unpacked bytes. */
static penstock_code unpack(struct ps_content *content, char *buffer, size_t size, size_t *got_out,
                            struct penstock_error *error) {
    size_t done = 0;
    while (done < size && !content->is_end && !content->is_truncated) {
        if (content->is_member_done) {
            PS_TRY(begin_member(content, error));
            continue;
        }
        PS_TRY(refill(content, error));
        if (content->stream.avail_in == 0) {
            content->is_truncated = true;
            continue;
        }
        const size_t room = size - done < ((size_t)1 << 30) ? size - done : (size_t)1 << 30;
        content->stream.next_out = (unsigned char *)buffer + done;
        content->stream.avail_out = (unsigned)room;
        const int result = inflate(&content->stream, Z_NO_FLUSH);
        const size_t given = room - content->stream.avail_out;
        done += given;
        content->position += (int64_t)given;
        if (result == Z_STREAM_END) {
            content->is_member_done = true;
        } else if (result == Z_MEM_ERROR) {
            return ps_error_memory(error, "unpacking gzip");
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return refuse_packed(content, error);
        }
    }
    *got_out = done;
    return PENSTOCK_OK;
}

static void rewind_packed(struct ps_content *content) {
    content->packed_read = 0;
    content->position = 0;
    content->stream.avail_in = 0;
    content->is_member_done = true;
    content->is_file_done = content->is_end = content->is_truncated = false;
}

penstock_code ps_content_read(struct ps_content *content, int64_t offset, char *buffer, size_t size,
                              size_t *got_out, struct penstock_error *error) {
    ps_check(offset >= 0);
    if (!content->is_gzip) {
        return read_plain(content, offset, buffer, size, got_out, error);
    }
    if (offset < content->position) {
        rewind_packed(content);
    }
    char skipped[SKIP_SIZE];
    while (content->position < offset) {
        const int64_t left = offset - content->position;
        size_t got;
        PS_TRY(unpack(content, skipped, left < (int64_t)sizeof(skipped) ? (size_t)left : sizeof(skipped),
                      &got, error));
        if (got == 0) {
            *got_out = 0;
            return PENSTOCK_OK;
        }
    }
    return unpack(content, buffer, size, got_out, error);
}
