
/*
 * Dates of key files (RFC 3339).
 *
 * Called for "expiresAt" and "createdAt", and by spocrctl.
 *
 * Invariant: what is accepted is a moment that exists; leap seconds and the
 * year 0 are not.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile.h"


static ngx_int_t ngx_spocr_time_offset(const u_char *p, size_t len,
    int *offset);
static int ngx_spocr_time_digits(const u_char *p, ngx_uint_t n);


ngx_int_t
ngx_spocr_time_parse(const u_char *text, size_t len, int64_t *seconds)
{
    int            year, month, day, hour, minute, second, offset;
    int64_t        days;
    const u_char  *p, *last;

    static const u_char  in_month[] = { 31, 29, 31, 30, 31, 30,
                                        31, 31, 30, 31, 30, 31 };

    p = text;
    last = text + len;

    /* "2027-01-01T00:00:00" and at least a "Z" */

    if (len < 20
        || (year = ngx_spocr_time_digits(p, 4)) < 0 || p[4] != '-'
        || (month = ngx_spocr_time_digits(p + 5, 2)) < 0 || p[7] != '-'
        || (day = ngx_spocr_time_digits(p + 8, 2)) < 0 || (p[10] | 32) != 't'
        || (hour = ngx_spocr_time_digits(p + 11, 2)) < 0 || p[13] != ':'
        || (minute = ngx_spocr_time_digits(p + 14, 2)) < 0 || p[16] != ':'
        || (second = ngx_spocr_time_digits(p + 17, 2)) < 0)
    {
        return NGX_ERROR;
    }

    if (year < 1 || month < 1 || month > 12
        || day < 1 || day > in_month[month - 1]
        || hour > 23 || minute > 59 || second > 59)
    {
        return NGX_ERROR;
    }

    if (month == 2 && day == 29
        && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
    {
        return NGX_ERROR;
    }

    p += 19;

    if (*p == '.') {
        p++;

        if (p == last || *p < '0' || *p > '9') {
            return NGX_ERROR;
        }

        while (p < last && *p >= '0' && *p <= '9') {
            p++;
        }
    }

    if (ngx_spocr_time_offset(p, (size_t) (last - p), &offset) != NGX_OK) {
        return NGX_ERROR;
    }

    /* years begin in March, so that the odd day is the last one */

    if (month <= 2) {
        month += 12;
        year--;
    }

    days = 365 * (int64_t) year + year / 4 - year / 100 + year / 400
           + (153 * (month - 3) + 2) / 5 + day - 719469;

    *seconds = days * 86400 + hour * 3600 + minute * 60 + second
               - offset * 60;

    return NGX_OK;
}


/* "Z", "+09:00" or "-02:30"; minutes to the east. */

static ngx_int_t
ngx_spocr_time_offset(const u_char *p, size_t len, int *offset)
{
    int  hour, minute;

    if (len == 1 && (*p | 32) == 'z') {
        *offset = 0;
        return NGX_OK;
    }

    if (len != 6 || (*p != '+' && *p != '-') || p[3] != ':') {
        return NGX_ERROR;
    }

    hour = ngx_spocr_time_digits(p + 1, 2);
    minute = ngx_spocr_time_digits(p + 4, 2);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) {
        return NGX_ERROR;
    }

    *offset = (*p == '+') ? hour * 60 + minute : -(hour * 60 + minute);

    return NGX_OK;
}


static int
ngx_spocr_time_digits(const u_char *p, ngx_uint_t n)
{
    int  value;

    for (value = 0; n > 0; n--, p++) {
        if (*p < '0' || *p > '9') {
            return -1;
        }

        value = value * 10 + (*p - '0');
    }

    return value;
}
