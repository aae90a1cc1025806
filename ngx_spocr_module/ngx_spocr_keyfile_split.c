
/*
 * Splits the text of a key file into values, without a tree of the whole.
 *
 * Called by ngx_spocr_keyfile.c only.
 *
 * Invariant: memory does not depend on the file: one buffer of unread bytes,
 * one of the value at hand, and brackets in the bits of one integer.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile_split.h"


#define NGX_SPOCR_SPLIT_DEPTH  64       /* bits of the stack of brackets */


typedef struct {
    uint64_t      stack;                /* a bit per bracket: 1 is "{" */
    ngx_uint_t    depth;
    unsigned      plain:1;              /* neither string nor bracket */
    unsigned      string:1;             /* between quotes */
    unsigned      escape:1;             /* after a backslash */
} ngx_spocr_split_state_t;


static ngx_int_t ngx_spocr_split_fill(ngx_spocr_split_t *split);
static ngx_int_t ngx_spocr_split_scan(ngx_spocr_split_t *split,
    ngx_spocr_split_state_t *state);
static ngx_int_t ngx_spocr_split_string(ngx_spocr_split_t *split,
    ngx_spocr_split_state_t *state);
static ngx_int_t ngx_spocr_split_plain(ngx_spocr_split_t *split);
static ngx_int_t ngx_spocr_split_between(ngx_spocr_split_t *split,
    ngx_spocr_split_state_t *state);
static ngx_int_t ngx_spocr_split_keep(ngx_spocr_split_t *split,
    const u_char *from, const u_char *to);


ngx_spocr_split_t *
ngx_spocr_split_create(ngx_spocr_read_pt read, void *data)
{
    ngx_spocr_split_t  *split;

    split = malloc(sizeof(ngx_spocr_split_t));
    if (split == NULL) {
        return NULL;
    }

    split->read = read;
    split->data = data;
    split->pos = split->buf;
    split->last = split->buf;
    split->line = 1;
    split->eof = 0;
    split->error = NULL;
    split->text = split->entry;
    split->len = 0;
    split->text_line = 0;

    return split;
}


int
ngx_spocr_split_peek(ngx_spocr_split_t *split)
{
    u_char  ch;

    for ( ;; ) {

        if (split->pos == split->last
            && ngx_spocr_split_fill(split) != NGX_OK)
        {
            return NGX_SPOCR_SPLIT_EOF;
        }

        ch = *split->pos;

        if (ch != ' ' && ch != '\t' && ch != '\r' && ch != '\n') {
            return ch;
        }

        split->line += (ch == '\n');
        split->pos++;
    }
}


void
ngx_spocr_split_take(ngx_spocr_split_t *split)
{
    split->pos++;
}


ngx_int_t
ngx_spocr_split_value(ngx_spocr_split_t *split)
{
    int                       ch;
    u_char                   *from;
    ngx_int_t                 rc;
    ngx_spocr_split_state_t   state;

    split->len = 0;
    memset(&state, 0, sizeof(ngx_spocr_split_state_t));

    ch = ngx_spocr_split_peek(split);

    state.plain = (ch != '"' && ch != '{' && ch != '[');
    split->text_line = split->line;

    for ( ;; ) {
        from = split->pos;
        rc = ngx_spocr_split_scan(split, &state);

        if (rc == NGX_ERROR
            || ngx_spocr_split_keep(split, from, split->pos) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            break;
        }

        if (ngx_spocr_split_fill(split) != NGX_OK) {

            if (split->error) {
                return NGX_ERROR;
            }

            if (!state.plain || split->len == 0) {
                split->error = "the file ends here";
                return NGX_ERROR;
            }

            break;
        }
    }

    if (split->len == 0) {
        split->error = "a value is missing here";
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Moves pos to the value's end (NGX_OK) or to the buffer's (NGX_AGAIN). */

static ngx_int_t
ngx_spocr_split_scan(ngx_spocr_split_t *split, ngx_spocr_split_state_t *state)
{
    ngx_int_t  rc;

    while (split->pos < split->last) {

        if (state->plain) {
            rc = ngx_spocr_split_plain(split);

        } else if (state->string) {
            rc = ngx_spocr_split_string(split, state);

        } else {
            rc = ngx_spocr_split_between(split, state);
        }

        if (rc != NGX_AGAIN) {
            return rc;
        }

        if (!state->plain && state->depth == 0 && !state->string) {
            return NGX_OK;
        }
    }

    return NGX_AGAIN;
}


/* A number or a word; what it may be is the parser's matter. */

static ngx_int_t
ngx_spocr_split_plain(ngx_spocr_split_t *split)
{
    u_char  ch;

    for ( /* void */ ; split->pos < split->last; split->pos++) {
        ch = *split->pos;

        if (ch <= ' ' || ch == ',' || ch == ':' || ch == '"' || ch == '['
            || ch == ']' || ch == '{' || ch == '}')
        {
            return NGX_OK;
        }
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_spocr_split_string(ngx_spocr_split_t *split,
    ngx_spocr_split_state_t *state)
{
    u_char  ch;

    for ( /* void */ ; split->pos < split->last; split->pos++) {
        ch = *split->pos;

        if (state->escape) {
            state->escape = 0;

            if (ch >= ' ') {
                continue;
            }
        }

        if (ch == '"') {
            state->string = 0;
            split->pos++;
            return NGX_AGAIN;
        }

        if (ch == '\\') {
            state->escape = 1;

        } else if (ch == '\n') {
            split->error = "a string is not closed on its line";
            return NGX_ERROR;

        } else if (ch < ' ') {
            split->error = "a control character in a string";
            return NGX_ERROR;
        }
    }

    return NGX_AGAIN;
}


/* Outside of strings: up to the next quote or bracket. */

static ngx_int_t
ngx_spocr_split_between(ngx_spocr_split_t *split,
    ngx_spocr_split_state_t *state)
{
    u_char  ch;

    for ( /* void */ ; split->pos < split->last; split->pos++) {
        ch = *split->pos;

        switch (ch) {

        case '"':
            state->string = 1;
            split->pos++;
            return NGX_AGAIN;

        case '{':
        case '[':
            if (state->depth == NGX_SPOCR_SPLIT_DEPTH) {
                split->error = "brackets are nested too deep";
                return NGX_ERROR;
            }

            state->stack = state->stack << 1 | (ch == '{');
            state->depth++;
            break;

        case '}':
        case ']':
            if ((state->stack & 1) != (ch == '}')) {
                split->error = "a bracket is closed by one of another kind";
                return NGX_ERROR;
            }

            state->stack >>= 1;
            state->depth--;

            if (state->depth == 0) {
                split->pos++;
                return NGX_AGAIN;
            }

            break;

        case '\n':
            split->line++;
            break;

        case '\0':
            split->error = "a NUL byte";
            return NGX_ERROR;
        }
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_spocr_split_keep(ngx_spocr_split_t *split, const u_char *from,
    const u_char *to)
{
    size_t  n;

    n = (size_t) (to - from);

    if (n > NGX_SPOCR_KEYFILE_ENTRY_MAX - split->len) {
        split->error = "an entry of more than 65536 bytes";
        return NGX_ERROR;
    }

    memcpy(split->entry + split->len, from, n);
    split->len += n;

    return NGX_OK;
}


/* Called when all bytes of the buffer are taken. */

static ngx_int_t
ngx_spocr_split_fill(ngx_spocr_split_t *split)
{
    ssize_t  n;

    if (split->eof || split->error) {
        return NGX_ERROR;
    }

    n = split->read(split->data, split->buf, NGX_SPOCR_SPLIT_BUF);

    split->pos = split->buf;
    split->last = split->buf;

    if (n < 0) {
        split->error = "the file cannot be read";
        return NGX_ERROR;
    }

    if (n == 0) {
        split->eof = 1;
        return NGX_ERROR;
    }

    split->last += n;

    return NGX_OK;
}
