
/*
 * Items of the outbox as they lie in the zone, which another release may have
 * made.  Property: what was written is read back as it was; any other bytes
 * are refused, or they are an item whose strings are in them, that is written
 * as the same bytes, but for one that is reserved.
 *
 * Inputs have at most 200 bytes.
 */

#include "fuzz.h"
#include <ngx_event.h>
#include "../../ngx_spocr_module/ngx_spocr_outbox_item.c" /* NOLINT */


static void
again(const ngx_spocr_outbox_item_t *item, const u_char *bytes, size_t len)
{
    u_char  *text;

#ifdef __clang_analyzer__
    return;                 /* it does not see what memcpy() has set */
#endif

    property(ngx_spocr_outbox_item_size(item) == len, "another size");

    property(len > 0, "no size");

    text = malloc(len);
    ngx_spocr_outbox_item_write(item, text);
    text[offsetof(ngx_spocr_outbox_head_t, zero)] =
        bytes[offsetof(ngx_spocr_outbox_head_t, zero)];
    property(memcmp(text, bytes, len) == 0, "other bytes");
    free(text);
}


static void
made(fuzz_input_t *in)
{
    u_char                   *bytes, shape;
    size_t                    len;
    ngx_uint_t                i, n;
    ngx_str_t                *a, *b;
    ngx_spocr_outbox_item_t   item, back;

    memset(&item, 0, sizeof(item));
    shape = fuzz_byte(in);

    item.function = shape % (NGX_SPOCR_OUTBOX_UNCLAIM + 1);
    item.nkeys = fuzz_byte(in) % (NGX_SPOCR_OUTBOX_KEYS_MAX + 2);
    item.nargs = fuzz_byte(in) % (NGX_SPOCR_OUTBOX_ARGS_MAX + 2);
    item.slot = fuzz_piece(in, fuzz_byte(in));

    n = item.nkeys + item.nargs;

    if (item.nkeys > NGX_SPOCR_OUTBOX_KEYS_MAX
        || item.nargs > NGX_SPOCR_OUTBOX_ARGS_MAX)
    {
        property(ngx_spocr_outbox_item_size(&item) == 0, "too many");
        return;
    }

    for (i = 0; i < n; i++) {
        a = i < item.nkeys ? &item.keys[i] : &item.args[i - item.nkeys];
        *a = fuzz_piece(in, fuzz_byte(in));
    }

    len = ngx_spocr_outbox_item_size(&item);
    property(len > 0, "no size");
    bytes = malloc(len);
    ngx_spocr_outbox_item_write(&item, bytes);

    property(ngx_spocr_outbox_item_read(&back, bytes, len) == NGX_OK,
             "not read back");
    property(back.function == item.function && back.nkeys == item.nkeys
             && back.nargs == item.nargs
             && back.slot.len == item.slot.len, "another item");

    for (i = 0; i < n; i++) {
        a = i < item.nkeys ? &item.keys[i] : &item.args[i - item.nkeys];
        b = i < item.nkeys ? &back.keys[i] : &back.args[i - item.nkeys];

        property(a->len == b->len
                 && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0),
                 "string %lu", i);
    }

    free(bytes);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                   *bytes;
    size_t                    len;
    uint32_t                  version;
    fuzz_input_t              in = { data, data + size };
    ngx_spocr_outbox_item_t   item;

    if (fuzz_byte(&in) & 1) {
        made(&in);
        return 0;
    }

    memset(&item, 0, sizeof(item));
    len = fuzz_left(&in);
    bytes = fuzz_copy(in.pos, len);

    if (len >= sizeof(version) && (data[0] & 2)) {
        version = NGX_SPOCR_OUTBOX_VERSION;
        memcpy(bytes, &version, sizeof(version));
    }

    if (ngx_spocr_outbox_item_read(&item, bytes, len) == NGX_OK) {
        again(&item, bytes, len);
    }

    free(bytes);

    return 0;
}
