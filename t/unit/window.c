
/* Fixed windows: C-13 to C-16. */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_window.h"
#include "tap.h"


static void
test_end(void)
{
    is_int(ngx_spocr_window_end(0, 60000), 60000, "the epoch opens a window");
    is_int(ngx_spocr_window_end(59999, 60000), 60000, "last moment");
    is_int(ngx_spocr_window_end(60000, 60000), 120000,
           "a boundary belongs to the next window");      /* C-16 */
    is_int(ngx_spocr_window_end(1700000000123ULL, 60000), 1700000040000ULL,
           "aligned to the epoch");
}


static void
test_roll(void)
{
    ngx_spocr_window_t  w;

    memset(&w, 0, sizeof(w));
    ngx_spocr_window_roll(&w, 1000, 1000);
    is_int(w.end, 2000, "an unused counter gets a window");

    w.count = 7;
    ngx_spocr_window_roll(&w, 1999, 1000);
    is_int(w.count, 7, "within the window the count stays");

    /* C-16: the first moment of a window must not see the old counter */

    ngx_spocr_window_roll(&w, 2000, 1000);
    is_int(w.count, 0, "at the end the count is gone");
    is_int(w.end, 3000, "and the window is the next");

    w.count = 3;
    ngx_spocr_window_roll(&w, 1500, 1000);
    is_int(w.count, 3, "a clock that is behind reopens nothing");
    is_int(w.end, 3000, "nor moves the end back");
}


static void
test_take(void)
{
    ngx_uint_t           i, refused;
    uint32_t             limits[NGX_SPOCR_LEVELS] = { 3, 5 };
    ngx_spocr_window_t   key, other, uid, *both[NGX_SPOCR_LEVELS];

    memset(&key, 0, sizeof(key));
    memset(&other, 0, sizeof(other));
    memset(&uid, 0, sizeof(uid));

    both[NGX_SPOCR_LEVEL_KEY] = &key;
    both[NGX_SPOCR_LEVEL_UID] = &uid;

    for (i = 0; i < 3; i++) {
        is_int(ngx_spocr_window_take(both, limits), 0, "taken");
    }

    /* C-15 */

    for (i = 0; i < 10; i++) {
        refused = ngx_spocr_window_take(both, limits);
    }

    is_int(refused, 1 << NGX_SPOCR_LEVEL_KEY, "the key's level refuses");
    is_int(key.count, 3, "a refused request takes nothing of the key");
    is_int(uid.count, 3, "nor of the uid");

    both[NGX_SPOCR_LEVEL_KEY] = &other;
    is_int(ngx_spocr_window_take(both, limits), 0, "another key of the uid");
    is_int(ngx_spocr_window_take(both, limits), 0, "twice");
    is_int(ngx_spocr_window_take(both, limits), 1 << NGX_SPOCR_LEVEL_UID,
           "then the uid's level refuses");
    is_int(other.count, 2, "which takes nothing of the key");

    both[NGX_SPOCR_LEVEL_KEY] = &key;
    is_int(ngx_spocr_window_take(both, limits), 3, "both may refuse");

    both[NGX_SPOCR_LEVEL_UID] = NULL;
    both[NGX_SPOCR_LEVEL_KEY] = NULL;
    is_int(ngx_spocr_window_take(both, limits), 0, "no level, no limit");

    both[NGX_SPOCR_LEVEL_UID] = &uid;
    limits[NGX_SPOCR_LEVEL_UID] = 4;
    is_int(ngx_spocr_window_take(both, limits), 1 << NGX_SPOCR_LEVEL_UID,
           "a limit that was lowered below the count refuses");
}


static void
test_retry_after(void)
{
    uint64_t   left;
    ngx_int_t  sec;

    /* C-14: min(window, floor(left / 1000) + 1) */

    is_int(ngx_spocr_window_retry_after(60000, 60000), 60, "a whole window");
    is_int(ngx_spocr_window_retry_after(59999, 60000), 60, "a moment less");
    is_int(ngx_spocr_window_retry_after(59000, 60000), 60, "59.000 s");
    is_int(ngx_spocr_window_retry_after(58999, 60000), 59, "58.999 s");
    is_int(ngx_spocr_window_retry_after(1000, 60000), 2, "1.000 s");
    is_int(ngx_spocr_window_retry_after(999, 60000), 1, "0.999 s");
    is_int(ngx_spocr_window_retry_after(0, 60000), 1, "never 0");
    is_int(ngx_spocr_window_retry_after(1500, 1500), 2, "1.5 s window");

    for (left = 1; left <= 60000; left++) {
        sec = ngx_spocr_window_retry_after(left, 60000);

        if (sec < 1 || sec > 60 || (uint64_t) sec * 1000 < left) {
            break;
        }
    }

    is_int(left, 60001, "who sleeps it wakes in the next window, always");
}


int
main(void)
{
    test_end();
    test_roll();
    test_take();
    test_retry_after();

    return done_testing();
}
