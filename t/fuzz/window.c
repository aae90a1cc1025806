
/*
 * Fixed windows (C-13 to C-16).  Property: a sequence of requests at times
 * that the input chooses is counted as a plain model does: the window's end is
 * the next multiple of its width, each level has its limit's number of
 * requests of it and no more, and both levels are taken from or none;
 * retryAfterSec is at least 1, at most the window, and not too early.
 *
 * Inputs have at most 40 bytes.
 */

#include "fuzz.h"
#include "ngx_spocr_window.h"


typedef struct {
    uint64_t  window;           /* its number */
    uint64_t  count;
} model_t;


static void
retry_after(uint64_t left, uint64_t width)
{
    __int128   ms;
    ngx_int_t  sec;

    sec = ngx_spocr_window_retry_after(left, width);
    ms = (__int128) sec * 1000;

    property(sec >= 1, "%ld", (long) sec);
    property(ms < (__int128) width + 1000, "longer than the window");
    property(ms >= left || ms >= width, "%ld: too early", (long) sec);
    property(ms <= (__int128) left + 1000, "%ld: too late", (long) sec);
}


static void
request(ngx_spocr_window_t *windows, model_t *models, const uint32_t *limits,
    unsigned levels, uint64_t now, uint64_t width)
{
    uint64_t             end;
    ngx_uint_t           i, refused, expected;
    ngx_spocr_window_t  *taken[NGX_SPOCR_LEVELS];

    expected = 0;
    end = ngx_spocr_window_end(now, width);
    property(end > now && end - now <= width && end % width == 0, "end");

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        taken[i] = NULL;

        if (!(levels & (1u << i))) {
            continue;
        }

        taken[i] = &windows[i];
        ngx_spocr_window_roll(taken[i], now, width);

        /* one that was begun by a clock that is ahead is left as it is */

        if (now / width > models[i].window) {
            models[i].window = now / width;
            models[i].count = 0;
        }

        property(windows[i].end == (models[i].window + 1) * width,
                 "another window");

        if (models[i].count >= limits[i]) {
            expected |= (ngx_uint_t) 1 << i;
        }
    }

    refused = ngx_spocr_window_take(taken, limits);
    property(refused == expected, "%lx is not %lx", refused, expected);

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        if (taken[i]) {
            models[i].count += refused == 0;
            property(windows[i].count == models[i].count, "%u is not %lu",
                     windows[i].count, models[i].count);
            property(windows[i].count <= limits[i], "more than the limit");
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    model_t             models[NGX_SPOCR_LEVELS];
    unsigned            i, op;
    uint32_t            limits[NGX_SPOCR_LEVELS];
    uint64_t            now, width;
    fuzz_input_t        in = { data, data + size };
    ngx_spocr_window_t  windows[NGX_SPOCR_LEVELS];

    /* widths as spocr_limit takes them: 1 s to a day, and odd ones */

    width = fuzz_number(&in, 4) % 86400000 + 1;
    now = fuzz_number(&in, 6);

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        limits[i] = fuzz_byte(&in) % 16 + 1;
        models[i].window = now / width;
        models[i].count = 0;
        windows[i].end = 0;
        windows[i].count = 0;
        windows[i].note = 0;
        ngx_spocr_window_roll(&windows[i], now, width);
    }

    while (fuzz_left(&in)) {
        op = fuzz_byte(&in);

        switch (op >> 6) {

        case 0:
            now += op & 63;
            break;

        case 1:
            now += (op & 63) * width / 32;
            break;

        case 2:
            /* another worker's clock, read a moment earlier */
            now -= ngx_min(now, (op & 63));
            break;

        default:
            break;
        }

        request(windows, models, limits, op & 3, now, width);
        retry_after(ngx_spocr_window_end(now, width) - now, width);
        retry_after(fuzz_byte(&in), width);
    }

    return 0;
}
