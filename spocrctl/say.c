
/*
 * Messages, JSON on stdout, memory and times.
 *
 * Called by all parts of spocrctl.  Invariant: stdout has what was asked for
 * and nothing else; all that is said beside it goes to stderr.
 */


#include "ctl.h"
#include <stdarg.h>
#include <time.h>


void
ctl_die(int code, const char *fmt, ...)
{
    va_list  args;

    fputs("spocrctl: ", stderr);

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fputc('\n', stderr);

    exit(code);
}


void
ctl_note(const ctl_opts_t *opts, const char *fmt, ...)
{
    va_list  args;

    if (opts->quiet) {
        return;
    }

    fputs("spocrctl: ", stderr);

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fputc('\n', stderr);
}


void *
ctl_need(void *p)
{
    if (p == NULL) {
        ctl_die(CTL_FAILED, "out of memory");
    }

    return p;
}


char *
ctl_text(const char *fmt, ...)
{
    int       n;
    char     *s;
    va_list   args;

    va_start(args, fmt);
    n = vasprintf(&s, fmt, args);
    va_end(args);

    return ctl_need(n < 0 ? NULL : s);
}


void
ctl_say_json(json_t *value)
{
    if (json_dumpf(ctl_need(value), stdout, JSON_INDENT(2)) != 0) {
        ctl_die(CTL_FAILED, "stdout: %s", strerror(errno));
    }

    putchar('\n');
    json_decref(value);
}


void
ctl_say_done(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        ctl_die(CTL_FAILED, "stdout: %s", strerror(errno));
    }
}


int64_t
ctl_now(void)
{
    return (int64_t) time(NULL);
}


void
ctl_time_text(int64_t seconds, char buf[CTL_TIME_LEN])
{
    time_t     t;
    struct tm  tm;

    t = (time_t) seconds;

    if (gmtime_r(&t, &tm) == NULL
        || strftime(buf, CTL_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        ctl_die(CTL_FAILED, "a time is out of range");
    }
}


bool
ctl_duration_parse(const char *s, int64_t *seconds)
{
    char               *end;
    int64_t             unit;
    unsigned long long  n;

    if (*s < '0' || *s > '9') {
        return false;
    }

    errno = 0;
    n = strtoull(s, &end, 10);

    switch (*end) {
    case 's':
        unit = 1;
        break;
    case 'm':
        unit = 60;
        break;
    case 'h':
        unit = 3600;
        break;
    case 'd':
        unit = 86400;
        break;
    case 'w':
        unit = 7 * 86400;
        break;
    default:
        return false;
    }

    /* a hundred years are enough, and nothing can overflow */

    if (end[1] != '\0' || errno || n > 36525ull * 86400 / (uint64_t) unit) {
        return false;
    }

    *seconds = (int64_t) n * unit;

    return true;
}


int64_t
ctl_when_parse(const char *option, const char *s)
{
    char     *day;
    int64_t   seconds;

    if (ctl_duration_parse(s, &seconds)) {
        return ctl_now() + seconds;
    }

    day = (strlen(s) == 10) ? ctl_text("%sT00:00:00Z", s) : ctl_text("%s", s);

    if (ngx_spocr_time_parse((u_char *) day, strlen(day), &seconds) != NGX_OK)
    {
        ctl_die(CTL_USAGE, "--%s must be a date (2027-01-01), a date and time "
                "(2027-01-01T00:00:00Z) or a duration (90s, 15m, 24h, 30d, 4w)",
                option);
    }

    free(day);

    return seconds;
}
