
/*
 * Fixed-window arithmetic: what two counters say of one request (C-13 to
 * C-16).
 *
 * Layer 0: no request, no clock, no I/O.  All times are milliseconds.
 */

#ifndef _NGX_SPOCR_WINDOW_H_INCLUDED_
#define _NGX_SPOCR_WINDOW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_SPOCR_LEVEL_KEY  0
#define NGX_SPOCR_LEVEL_UID  1
#define NGX_SPOCR_LEVELS     2


/*
 * One counter: how many requests were taken in the window that ends at end.
 * The end is part of the counter, so that a count of a window that has passed
 * can never be taken for one of this window (C-16).
 */
typedef struct {
    uint64_t    end;
    uint32_t    count;
    uint32_t    note;            /* its owner's; not looked at here */
} ngx_spocr_window_t;


/* The end of the window of that width that now lies in, epoch-aligned. */
uint64_t ngx_spocr_window_end(uint64_t now, uint64_t width);

/*
 * Moves a counter to the window of now where its own has passed.  A counter
 * whose window ends later than now's is left as it is: another worker's clock
 * was read a moment later.
 */
void ngx_spocr_window_roll(ngx_spocr_window_t *window, uint64_t now,
    uint64_t width);

/*
 * Takes one request from each level, or nothing from any (C-15).  A NULL
 * window is unlimited.  Returns a bit mask of the levels that refuse
 * (1 << NGX_SPOCR_LEVEL_...), 0 when the request was taken.
 */
ngx_uint_t ngx_spocr_window_take(ngx_spocr_window_t *windows[],
    const uint32_t limits[]);

/*
 * retryAfterSec: min(window, floor(left / 1000) + 1), at least 1 (C-14).
 */
ngx_int_t ngx_spocr_window_retry_after(uint64_t left, uint64_t width);


#endif /* _NGX_SPOCR_WINDOW_H_INCLUDED_ */
