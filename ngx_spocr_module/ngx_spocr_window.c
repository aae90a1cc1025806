
/*
 * Fixed windows; called by the zone under its lock, and by the limit step for
 * retryAfterSec.  Invariant: a refused request changes no counter.
 */


#include "ngx_spocr_window.h"


uint64_t
ngx_spocr_window_end(uint64_t now, uint64_t width)
{
    return (now / width + 1) * width;
}


void
ngx_spocr_window_roll(ngx_spocr_window_t *window, uint64_t now,
    uint64_t width)
{
    if (window->end <= now) {
        window->count = 0;

        /* in shared memory: who dies here must not leave an old count */
        ngx_memory_barrier();

        window->end = ngx_spocr_window_end(now, width);
    }
}


ngx_uint_t
ngx_spocr_window_take(ngx_spocr_window_t *windows[], const uint32_t limits[])
{
    ngx_uint_t  i, refused;

    refused = 0;

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        if (windows[i] && windows[i]->count >= limits[i]) {
            refused |= (ngx_uint_t) 1 << i;
        }
    }

    if (refused) {
        return refused;
    }

    for (i = 0; i < NGX_SPOCR_LEVELS; i++) {
        if (windows[i]) {
            windows[i]->count++;
        }
    }

    return 0;
}


ngx_int_t
ngx_spocr_window_retry_after(uint64_t left, uint64_t width)
{
    uint64_t  sec, max;

    sec = left / 1000 + 1;
    max = (width + 999) / 1000;

    return (ngx_int_t) (sec < max ? sec : max);
}
