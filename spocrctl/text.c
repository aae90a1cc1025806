
/*
 * A buffer that grows, JSON in it, and JSON in order.
 *
 * Called by the stores.
 */


#include "ctl.h"


static int put_bytes(const char *bytes, size_t len, void *data);
static bool has_real(const json_t *value);
static int by_name(const void *one, const void *two);


void
ctl_put(ctl_buffer_t *buf, const char *s)
{
    (void) put_bytes(s, strlen(s), buf);
}


static int
put_bytes(const char *bytes, size_t len, void *data)
{
    ctl_buffer_t  *buf;

    buf = data;

    if (buf->room - buf->len < len) {
        buf->room = 2 * buf->room + len + 4096;
        buf->data = ctl_need(realloc(buf->data, buf->room));
    }

    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;

    return 0;
}


void
ctl_put_json(ctl_buffer_t *buf, const json_t *value)
{
    bool     same;
    size_t   start, digits, flags;
    json_t  *again;

    start = buf->len;

    for (digits = 15; /* void */ ; digits++) {
        buf->len = start;
        flags = JSON_ENCODE_ANY|JSON_REAL_PRECISION(digits);

        if (json_dump_callback(value, put_bytes, buf, flags) != 0) {
            ctl_die(CTL_FAILED, "out of memory");
        }

        if (digits == 17 || !has_real(value)) {
            return;
        }

        again = json_loadb(buf->data + start, buf->len - start,
                           JSON_DECODE_ANY, NULL);
        same = json_equal(again, value);
        json_decref(again);

        if (same) {
            return;
        }
    }
}


char *
ctl_json_text(const json_t *value)
{
    ctl_buffer_t  buf;

    memset(&buf, 0, sizeof(ctl_buffer_t));

    ctl_put_json(&buf, value);
    (void) put_bytes("", 1, &buf);

    return buf.data;
}


static bool
has_real(const json_t *value)
{
    size_t       i;
    json_t      *member;
    const char  *name;

    json_object_foreach((json_t *) value, name, member) {
        if (has_real(member)) {
            return true;
        }
    }

    json_array_foreach(value, i, member) {
        if (has_real(member)) {
            return true;
        }
    }

    return json_is_real(value);
}


json_t *
ctl_sorted(json_t *object)
{
    size_t        i, n;
    json_t       *out, *value;
    const char   *name, **names;

    n = 0;
    out = ctl_need(json_object());
    names = ctl_need(malloc((json_object_size(object) + 1)
                            * sizeof(char *)));

    json_object_foreach(object, name, value) {
        names[n++] = name;
    }

    qsort(names, n, sizeof(char *), by_name);

    for (i = 0; i < n; i++) {
        json_object_set(out, names[i], json_object_get(object, names[i]));
    }

    free(names);
    json_decref(object);

    return out;
}


static int
by_name(const void *one, const void *two)
{
    return strcmp(*(const char *const *) one, *(const char *const *) two);
}
