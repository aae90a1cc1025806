
/*
 * Parses the JSON of one entry.
 *
 * Called by ngx_spocr_keyfile.c and ngx_spocr_keyfile_entry.c, with texts that
 * ngx_spocr_split_value() has cut off.
 *
 * Invariant: nothing is read or written outside of the text, and decoding
 * never makes a string longer, so that it fits where it stood.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <math.h>
#include "ngx_spocr_keyfile_json.h"


static ngx_spocr_value_t *ngx_spocr_json_value(ngx_spocr_parser_t *parser);
static ngx_int_t ngx_spocr_json_members(ngx_spocr_parser_t *parser,
    ngx_spocr_value_t *object);
static ngx_int_t ngx_spocr_json_items(ngx_spocr_parser_t *parser,
    ngx_spocr_value_t *array);
static ngx_int_t ngx_spocr_json_open(ngx_spocr_parser_t *parser, int close);
static ngx_int_t ngx_spocr_json_after(ngx_spocr_parser_t *parser, int close);
static ngx_int_t ngx_spocr_json_number(ngx_spocr_parser_t *parser,
    ngx_spocr_value_t *value);
static ngx_int_t ngx_spocr_json_real(ngx_spocr_parser_t *parser,
    const u_char *from);
static ngx_uint_t ngx_spocr_json_digits(ngx_spocr_parser_t *parser);
static ngx_int_t ngx_spocr_json_word(ngx_spocr_parser_t *parser,
    const char *word);
static int ngx_spocr_json_peek(ngx_spocr_parser_t *parser);
static void ngx_spocr_json_take(ngx_spocr_parser_t *parser);


ngx_spocr_value_t *
ngx_spocr_value_parse(ngx_spocr_parser_t *parser, u_char *text, size_t len,
    ngx_uint_t line)
{
    ngx_spocr_value_t  *value;

    parser->pos = text;
    parser->last = text + len;
    parser->line = line;
    parser->size = 0;
    parser->error = NULL;
    parser->twice.len = 0;
    parser->twice.data = NULL;
    parser->depth = 0;
    parser->nvalues = 0;

    value = ngx_spocr_json_value(parser);

    if (value != NULL && ngx_spocr_json_peek(parser) != -1) {
        (void) ngx_spocr_json_fail(parser, "not valid JSON");
        return NULL;
    }

    return value;
}


ngx_spocr_value_t *
ngx_spocr_value_member(const ngx_spocr_value_t *object, const char *name)
{
    size_t              len;
    ngx_spocr_value_t  *member;

    len = strlen(name);

    for (member = object->child; member; member = member->next) {
        if (member->name.len == len
            && memcmp(member->name.data, name, len) == 0)
        {
            return member;
        }
    }

    return NULL;
}


static ngx_spocr_value_t *
ngx_spocr_json_value(ngx_spocr_parser_t *parser)
{
    int                 ch;
    size_t              size;
    ngx_int_t           rc;
    ngx_spocr_value_t  *value;

    if (parser->nvalues == NGX_SPOCR_VALUES_MAX) {
        (void) ngx_spocr_json_fail(parser, "an entry of more than 2048 values");
        return NULL;
    }

    value = &parser->values[parser->nvalues++];
    memset(value, 0, sizeof(ngx_spocr_value_t));

    ch = ngx_spocr_json_peek(parser);
    size = parser->size;

    switch (ch) {

    case '{':
        value->type = NGX_SPOCR_OBJECT;
        rc = ngx_spocr_json_members(parser, value);
        break;

    case '[':
        value->type = NGX_SPOCR_ARRAY;
        rc = ngx_spocr_json_items(parser, value);
        break;

    case '"':
        value->type = NGX_SPOCR_STRING;
        rc = ngx_spocr_json_string(parser, &value->text);
        break;

    case 't':
        value->type = NGX_SPOCR_BOOLEAN;
        rc = ngx_spocr_json_word(parser, "true");
        break;

    case 'f':
        value->type = NGX_SPOCR_BOOLEAN;
        rc = ngx_spocr_json_word(parser, "false");
        break;

    case 'n':
        rc = ngx_spocr_json_word(parser, "null");
        break;

    default:
        rc = ngx_spocr_json_number(parser, value);
    }

    value->size = parser->size - size;

    return (rc == NGX_OK) ? value : NULL;
}


static ngx_int_t
ngx_spocr_json_members(ngx_spocr_parser_t *parser, ngx_spocr_value_t *object)
{
    ngx_int_t            rc;
    ngx_str_t            name;
    ngx_spocr_value_t   *member, *other, **next;

    rc = ngx_spocr_json_open(parser, '}');

    if (rc != NGX_AGAIN) {
        return rc;
    }

    next = &object->child;

    do {
        if (ngx_spocr_json_peek(parser) != '"') {
            return ngx_spocr_json_fail(parser, "not valid JSON");
        }

        if (ngx_spocr_json_string(parser, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        for (other = object->child; other; other = other->next) {
            if (other->name.len == name.len
                && memcmp(other->name.data, name.data, name.len) == 0)
            {
                parser->twice = name;
                return ngx_spocr_json_fail(parser, "a field stands twice");
            }
        }

        if (ngx_spocr_json_peek(parser) != ':') {
            return ngx_spocr_json_fail(parser, "not valid JSON");
        }

        ngx_spocr_json_take(parser);

        member = ngx_spocr_json_value(parser);
        if (member == NULL) {
            return NGX_ERROR;
        }

        member->name = name;
        *next = member;
        next = &member->next;

        rc = ngx_spocr_json_after(parser, '}');

    } while (rc == NGX_AGAIN);

    return rc;
}


static ngx_int_t
ngx_spocr_json_items(ngx_spocr_parser_t *parser, ngx_spocr_value_t *array)
{
    ngx_int_t            rc;
    ngx_spocr_value_t   *item, **next;

    rc = ngx_spocr_json_open(parser, ']');

    if (rc != NGX_AGAIN) {
        return rc;
    }

    next = &array->child;

    do {
        item = ngx_spocr_json_value(parser);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *next = item;
        next = &item->next;

        rc = ngx_spocr_json_after(parser, ']');

    } while (rc == NGX_AGAIN);

    return rc;
}


/* The opening bracket; NGX_OK where the closing one follows, or NGX_AGAIN. */

static ngx_int_t
ngx_spocr_json_open(ngx_spocr_parser_t *parser, int close)
{
    ngx_spocr_json_take(parser);

    if (ngx_spocr_json_peek(parser) == close) {
        ngx_spocr_json_take(parser);
        return NGX_OK;
    }

    if (parser->depth == NGX_SPOCR_DEPTH_MAX) {
        return ngx_spocr_json_fail(parser, "brackets are nested too deep");
    }

    parser->depth++;

    return NGX_AGAIN;
}


/* A comma (NGX_AGAIN) or the closing bracket (NGX_OK). */

static ngx_int_t
ngx_spocr_json_after(ngx_spocr_parser_t *parser, int close)
{
    int  ch;

    ch = ngx_spocr_json_peek(parser);

    if (ch != ',' && ch != close) {
        return ngx_spocr_json_fail(parser, "not valid JSON");
    }

    ngx_spocr_json_take(parser);

    if (ch == ',') {
        return NGX_AGAIN;
    }

    parser->depth--;

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_json_number(ngx_spocr_parser_t *parser, ngx_spocr_value_t *value)
{
    u_char  *from, *p;
    int64_t  n;

    from = parser->pos;

    if (parser->pos < parser->last && *parser->pos == '-') {
        parser->pos++;
    }

    p = parser->pos;

    /* no leading zeros */

    if (ngx_spocr_json_digits(parser) == 0
        || (*p == '0' && parser->pos - p > 1))
    {
        return ngx_spocr_json_fail(parser, "not valid JSON");
    }

    if (parser->pos < parser->last
        && (*parser->pos == '.' || (*parser->pos | 0x20) == 'e'))
    {
        value->type = NGX_SPOCR_REAL;
        return ngx_spocr_json_real(parser, from);
    }

    value->type = NGX_SPOCR_INTEGER;

    /* counted below zero, where there is one more */

    for (n = 0; p < parser->pos; p++) {
        if (__builtin_mul_overflow(n, 10, &n)
            || __builtin_sub_overflow(n, *p - '0', &n))
        {
            return ngx_spocr_json_fail(parser, "a number is out of range");
        }
    }

    if (*from != '-' && __builtin_sub_overflow(0, n, &n)) {
        return ngx_spocr_json_fail(parser, "a number is out of range");
    }

    value->integer = n;
    parser->size += (size_t) (parser->pos - from);

    return NGX_OK;
}


/* A fraction, an exponent: only in "meta", and not kept. */

static ngx_int_t
ngx_spocr_json_real(ngx_spocr_parser_t *parser, const u_char *from)
{
    char    text[64];
    size_t  len;

    if (*parser->pos == '.') {
        parser->pos++;

        if (ngx_spocr_json_digits(parser) == 0) {
            return ngx_spocr_json_fail(parser, "not valid JSON");
        }
    }

    if (parser->pos < parser->last && (*parser->pos | 0x20) == 'e') {
        parser->pos++;

        if (parser->pos < parser->last
            && (*parser->pos == '+' || *parser->pos == '-'))
        {
            parser->pos++;
        }

        if (ngx_spocr_json_digits(parser) == 0) {
            return ngx_spocr_json_fail(parser, "not valid JSON");
        }
    }

    /* other readers of the file have to take it as well */

    len = (size_t) (parser->pos - from);

    if (len >= sizeof(text)) {
        return ngx_spocr_json_fail(parser, "a number is too long");
    }

    memcpy(text, from, len);
    text[len] = '\0';

    if (isinf(strtod(text, NULL))) {
        return ngx_spocr_json_fail(parser, "a number is out of range");
    }

    parser->size += len;

    return NGX_OK;
}


/* How many there were. */

static ngx_uint_t
ngx_spocr_json_digits(ngx_spocr_parser_t *parser)
{
    u_char  *from;

    from = parser->pos;

    while (parser->pos < parser->last
           && *parser->pos >= '0' && *parser->pos <= '9')
    {
        parser->pos++;
    }

    return (ngx_uint_t) (parser->pos - from);
}


static ngx_int_t
ngx_spocr_json_word(ngx_spocr_parser_t *parser, const char *word)
{
    size_t  len;

    len = strlen(word);

    if ((size_t) (parser->last - parser->pos) < len
        || memcmp(parser->pos, word, len) != 0)
    {
        return ngx_spocr_json_fail(parser, "not valid JSON");
    }

    parser->pos += len;
    parser->size += len;

    return NGX_OK;
}


/* The next byte that is no space, or -1. */

static int
ngx_spocr_json_peek(ngx_spocr_parser_t *parser)
{
    u_char  ch;

    for ( /* void */ ; parser->pos < parser->last; parser->pos++) {
        ch = *parser->pos;

        if (ch == '\n') {
            parser->line++;

        } else if (ch != ' ' && ch != '\t' && ch != '\r') {
            return ch;
        }
    }

    return -1;
}


static void
ngx_spocr_json_take(ngx_spocr_parser_t *parser)
{
    parser->pos++;
    parser->size++;
}


ngx_int_t
ngx_spocr_json_fail(ngx_spocr_parser_t *parser, const char *error)
{
    parser->error = error;

    return NGX_ERROR;
}
