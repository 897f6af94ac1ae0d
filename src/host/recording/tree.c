// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/tree.h"

#include "src/host/files/outfile.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/text/strbuf.h"
#include "src/shared/record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOCUMENT "memprof-tree"
#define TABLE_VERSION 1

void tree_init(struct tree *t)
{
    *t = (struct tree){.file = -1};
}

static void row_release(struct tree_row *row)
{
    free(row->program);
    free(row->file);
    free(row->reason);
}

void tree_release(struct tree *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        row_release(&t->rows[i]);
    free(t->rows);
    if (t->file >= 0)
        close(t->file);
    tree_init(t);
}

bool tree_set(char **to, const char *text)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        return false;
    free(*to);
    *to = copy;
    return true;
}

bool tree_append(char **to, const char *text)
{
    struct strbuf both;
    bool done = false;

    if (!*to)
        return tree_set(to, text);
    strbuf_init(&both);
    strbuf_addf(&both, "%s; %s", *to, text);
    if (!both.failed)
        done = tree_set(to, strbuf_text(&both));
    strbuf_release(&both);
    return done;
}

void tree_note_unfollowed(char **reason, uint32_t follow, const struct profile *p)
{
    uint64_t count = p->loss.forked_children;
    char text[200];

    if (follow != FOLLOW_ALL || !count)
        return;
    snprintf(text, sizeof(text),
             "%" PRIu64
             " %s that it started %s not recorded: memprof could not be reached from there, "
             "or the environment had no room",
             count, count == 1 ? "process or program" : "processes or programs",
             count == 1 ? "is" : "are");
    tree_append(reason, text);
}

static bool make_room(struct tree *t)
{
    uint32_t room = t->room ? 2 * t->room : 16;
    struct tree_row *rows;

    if (t->count < t->room)
        return true;
    rows = t->room < TREE_ROWS_MAX ? realloc(t->rows, room * sizeof(*rows)) : NULL;
    if (!rows)
        return false;
    t->rows = rows;
    t->room = room;
    return true;
}

uint32_t tree_add(struct tree *t, uint32_t from, int64_t pid, bool forked, const char *program)
{
    struct tree_row row = {.image = t->count + 1, .from = from, .pid = pid, .forked = forked};

    if (row.from > t->count)
        row.from = 0;
    if (!make_room(t) || !tree_set(&row.program, program)) {
        t->left_out++;
        return TREE_NONE;
    }
    t->rows[t->count] = row;
    return t->count++;
}

void tree_take(struct tree_row *row, const struct profile *p)
{
    const struct profile_totals *totals = &p->totals;

    row->unfollowed = p->loss.forked_children;
    row->exit_kind = (enum exit_kind)p->process.exit_kind;
    row->exit_value = p->process.exit_value;
    row->seconds = p->process.seconds;
    row->live_bytes = totals->live_bytes;
    row->live_blocks = totals->live_blocks;
    row->peak_bytes = totals->peak_bytes;
    row->peak_blocks = totals->peak_blocks;
    row->total_bytes = totals->total_bytes - row->inherited_bytes;
    row->total_blocks = totals->total_blocks - row->inherited_blocks;
    row->ended = true;
}

/* ------------------------------------------------------------- writing -- */

static const char *const exit_words[] = {
    [EXIT_UNKNOWN] = "unknown",
    [EXIT_STATUS] = "status",
    [EXIT_SIGNAL] = "signal",
    [EXIT_EXECUTED] = "executed",
};

static void add_end(struct jsonobject *o, const struct tree_row *row)
{
    jsonobject_set(o, "ended", json_string(exit_words[row->exit_kind]));
    jsonobject_set(o, "value", json_integer(row->exit_value));
    jsonobject_set(o, "seconds", json_real(row->seconds));
    if (!row->recorded)
        return;
    jsonobject_set(o, "quiet_children", jsonvalue_number(row->quiet_children));
    jsonobject_set(o, "live_bytes", jsonvalue_number(row->live_bytes));
    jsonobject_set(o, "live_blocks", jsonvalue_number(row->live_blocks));
    jsonobject_set(o, "peak_bytes", jsonvalue_number(row->peak_bytes));
    jsonobject_set(o, "peak_blocks", jsonvalue_number(row->peak_blocks));
    jsonobject_set(o, "total_bytes", jsonvalue_number(row->total_bytes));
    jsonobject_set(o, "total_blocks", jsonvalue_number(row->total_blocks));
    jsonobject_set(o, "inherited_bytes", jsonvalue_number(row->inherited_bytes));
    jsonobject_set(o, "inherited_blocks", jsonvalue_number(row->inherited_blocks));
    if (!row->searched)
        return;
    jsonobject_set(o, "lost_bytes", jsonvalue_number(row->lost_bytes));
    jsonobject_set(o, "lost_blocks", jsonvalue_number(row->lost_blocks));
}

json_t *tree_row_json(const struct tree_row *row)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "image", json_integer(row->image));
    jsonobject_set(&o, "from", json_integer(row->from));
    jsonobject_set(&o, "pid", json_integer(row->pid));
    jsonobject_set(&o, "forked", json_boolean(row->forked));
    jsonobject_set(&o, "program", jsonvalue_text(row->program));
    jsonobject_set(&o, "recorded", json_boolean(row->recorded));
    jsonobject_set(&o, "file", row->file ? jsonvalue_text(row->file) : json_null());
    jsonobject_set(&o, "reason", row->reason ? jsonvalue_text(row->reason) : json_null());
    if (row->withdrawn)
        jsonobject_set(&o, "withdrawn", json_true());
    if (row->ended)
        add_end(&o, row);
    return jsonobject_end(&o);
}

/* The first error is kept, and nothing more is written. */
static void write_line(struct tree *t, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    size_t length = text ? strlen(text) : 0, written;

    json_decref(value);
    if (!text) {
        error_set(&t->trouble, ERROR_MEMORY, "out of memory");
    } else {
        text[length] = '\n'; /* in the place of the NUL: written by its length */
        if (outfile_write(t->file, text, length + 1, &written) != 0)
            error_set(&t->trouble, ERROR_SYSTEM, "cannot write " TREE_FILE);
    }
    free(text);
}

static void write_row(struct tree *t, uint32_t index)
{
    if (t->trouble.kind == ERROR_NONE)
        write_line(t, tree_row_json(&t->rows[index]));
}

void tree_write(struct tree *t, uint32_t index)
{
    if (t->file < 0)
        return;
    /* Who reads it knows an image by those before it. */
    for (; t->written < index; t->written++)
        write_row(t, t->written);
    write_row(t, index);
    if (t->written == index)
        t->written++;
}

static void file_path(struct strbuf *path, const char *folder)
{
    strbuf_init(path);
    strbuf_addf(path, "%s/" TREE_FILE, folder);
}

int tree_open(struct tree *t, const char *folder, struct error *e)
{
    struct strbuf path;

    file_path(&path, folder);
    if (path.failed)
        error_set(e, ERROR_MEMORY, "out of memory");
    else if ((t->file =
                  open(strbuf_text(&path),
                       O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
        error_set(e, ERROR_SYSTEM, "cannot make %s", strbuf_text(&path));
    strbuf_release(&path);
    if (t->file < 0)
        return -1;
    write_line(t, json_pack("{s:s, s:i}", "document", DOCUMENT, "version", TABLE_VERSION));
    for (uint32_t i = 0; i < t->count; i++)
        tree_write(t, i);
    return 0;
}

void tree_unlink(struct tree *t, const char *folder)
{
    struct strbuf path;

    if (t->file >= 0)
        close(t->file);
    t->file = -1;
    file_path(&path, folder);
    if (!path.failed)
        (void)!unlink(strbuf_text(&path));
    strbuf_release(&path);
}

/* ------------------------------------------------------------- reading -- */

static uint64_t number_of(const json_t *line, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(line, key));

    return value > 0 ? (uint64_t)value : 0;
}

static void read_end(struct tree_row *row, const json_t *line)
{
    const char *how = json_string_value(json_object_get(line, "ended"));

    if (!how)
        return;
    row->ended = true;
    for (size_t i = 0; i < sizeof exit_words / sizeof *exit_words; i++)
        if (strcmp(how, exit_words[i]) == 0)
            row->exit_kind = (enum exit_kind)i;
    row->exit_value = (int32_t)json_integer_value(json_object_get(line, "value"));
    row->seconds = json_number_value(json_object_get(line, "seconds"));
    row->quiet_children = number_of(line, "quiet_children");
    row->live_bytes = number_of(line, "live_bytes");
    row->live_blocks = number_of(line, "live_blocks");
    row->peak_bytes = number_of(line, "peak_bytes");
    row->peak_blocks = number_of(line, "peak_blocks");
    row->total_bytes = number_of(line, "total_bytes");
    row->total_blocks = number_of(line, "total_blocks");
    row->inherited_bytes = number_of(line, "inherited_bytes");
    row->inherited_blocks = number_of(line, "inherited_blocks");
    row->searched = json_object_get(line, "lost_bytes") != NULL;
    row->lost_bytes = number_of(line, "lost_bytes");
    row->lost_blocks = number_of(line, "lost_blocks");
}

/* For the image after the last one, or for one before. */
static bool is_row(const struct tree *t, const json_t *line)
{
    uint64_t image = number_of(line, "image");

    return image != 0 && image <= (uint64_t)t->count + 1 && image <= TREE_ROWS_MAX &&
           number_of(line, "from") < image;
}

/* false: out of memory. */
static bool read_row(struct tree *t, const json_t *line)
{
    uint64_t image = number_of(line, "image"), from = number_of(line, "from");
    const char *program = json_string_value(json_object_get(line, "program"));
    struct tree_row *row;

    if (image > t->count && tree_add(t, (uint32_t)from, (int64_t)number_of(line, "pid"),
                                     json_is_true(json_object_get(line, "forked")),
                                     program ? program : "") == TREE_NONE)
        return false;
    row = &t->rows[image - 1];
    row->recorded = json_is_true(json_object_get(line, "recorded"));
    row->withdrawn = json_is_true(json_object_get(line, "withdrawn"));
    read_end(row, line);
    return (!program || tree_set(&row->program, program)) &&
           tree_set(&row->file, json_string_value(json_object_get(line, "file"))) &&
           tree_set(&row->reason, json_string_value(json_object_get(line, "reason")));
}

/* 0, or -1 with `e` set. */
static int read_line(struct tree *t, const char *text, const char *path, struct error *e)
{
    json_t *line = json_loads(text, 0, NULL);
    bool fits = is_row(t, line), enough = !fits || read_row(t, line);

    json_decref(line);
    if (!enough)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (!fits && text[strcspn(text, "\n")]) /* memprof may have been killed while it wrote a line */
        return error_set(e, ERROR_FORMAT, "%s is damaged behind the row of image %u", path,
                         t->count);
    return 0;
}

static bool is_head(const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    const char *document = json_string_value(json_object_get(line, "document"));
    bool is =
        document && strcmp(document, DOCUMENT) == 0 && number_of(line, "version") == TABLE_VERSION;

    json_decref(line);
    return is;
}

static int read_lines(struct tree *t, FILE *in, const char *path, struct error *e)
{
    char *text = NULL;
    size_t room = 0;
    int result = 0;

    if (getline(&text, &room, in) < 0 || !is_head(text))
        result = error_set(e, ERROR_FORMAT, "%s is no table of processes of this memprof", path);
    while (result == 0 && getline(&text, &room, in) >= 0)
        result = read_line(t, text, path, e);
    free(text);
    return result;
}

/* O_NONBLOCK: whoever made the folder may have put a FIFO there. */
static FILE *open_table(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;

    if (fd >= 0 && !in)
        close(fd);
    return in;
}

int tree_read(struct tree *t, const char *folder, struct error *e)
{
    struct strbuf path;
    FILE *in = NULL;
    int result = -1;

    tree_init(t);
    file_path(&path, folder);
    if (!path.failed)
        in = open_table(strbuf_text(&path));
    if (in)
        result = read_lines(t, in, strbuf_text(&path), e);
    else
        error_set(e, ERROR_SYSTEM, "cannot read %s, which memprof run -o DIR/ makes",
                  strbuf_text(&path));
    if (in)
        fclose(in);
    strbuf_release(&path);
    if (result != 0)
        tree_release(t);
    return result;
}

/* ------------------------------------------------------------- looking -- */

/* Whether the image replaced the one it comes from in its process. */
static bool in_place(const struct tree *t, const struct tree_row *row)
{
    return row->from && !row->forked && row->pid == t->rows[row->from - 1].pid;
}

uint32_t tree_images(const struct tree *t)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->count; i++)
        count += !t->rows[i].withdrawn;
    return count;
}

uint32_t tree_processes(const struct tree *t)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->count; i++)
        count += !t->rows[i].withdrawn && !in_place(t, &t->rows[i]);
    return count;
}

uint64_t tree_quiet(const struct tree *t)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < t->count; i++)
        count += t->rows[i].quiet_children;
    return count;
}

uint32_t tree_leaking(const struct tree *t)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->count; i++)
        count += t->rows[i].lost_blocks != 0;
    return count;
}

/* What is shown where memory for the lists is lacking. */
static uint32_t plain_order(const struct tree *t, uint32_t *order)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->count; i++)
        if (!t->rows[i].withdrawn)
            order[count++] = i;
    return count;
}

/* Lists of children by index + 1, the youngest first; then from each to its elder, in turn. */
uint32_t tree_order(const struct tree *t, uint32_t *order, uint32_t *depth)
{
    uint32_t *links = calloc((size_t)t->count * 2 + 2, sizeof(*links)), count = 0, at;
    uint32_t *child = links, *next = links ? links + t->count + 1 : NULL;

    for (uint32_t i = 0; i < t->count; i++) {
        const struct tree_row *row = &t->rows[i];

        depth[i] = !row->from ? 0 : depth[row->from - 1] + !in_place(t, row);
    }
    for (uint32_t i = t->count; links && i > 0; i--) {
        uint32_t from = t->rows[i - 1].from;

        next[i] = child[from];
        child[from] = i;
    }
    for (at = links ? child[0] : 0; at;) {
        if (!t->rows[at - 1].withdrawn)
            order[count++] = at - 1;
        if (child[at]) {
            at = child[at];
            continue;
        }
        while (at && !next[at])
            at = t->rows[at - 1].from;
        at = at ? next[at] : 0;
    }
    if (!links)
        count = plain_order(t, order);
    free(links);
    return count;
}
