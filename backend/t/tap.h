#ifndef BE_TAP_H
#define BE_TAP_H

/* Test output; each unit test includes this once. */

#include <stdio.h>
#include <string.h>

static int  tap_n;
static int  tap_bad;


static void
ok(int good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, what);
    tap_bad += !good;
}


static inline void
is(const char *have, const char *want, const char *what)
{
    int  good = have != NULL && want != NULL ? strcmp(have, want) == 0
                                             : have == want;

    ok(good, what);

    if (!good) {
        printf("# have: %s\n# want: %s\n", have ? have : "(none)",
               want ? want : "(none)");
    }
}


static int
done(void)
{
    printf("1..%d\n", tap_n);

    return tap_bad != 0;
}

#endif
