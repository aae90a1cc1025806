#ifndef BE_SCAN_H
#define BE_SCAN_H

/* Something found in a text: bytes [from, to), and what it means. */
typedef struct {
    int     from;
    int     to;
    double  number;              /* of money */
    int     decimals;            /* digits after the decimal point */
    int     currency;            /* a currency stands next to it */
    int     year;                /* of a date; 0 where it is not told apart */
    int     month;
    int     day;
} be_hit_t;

/*
 * Each finds the first hit that begins at or after "at" and ends before "to";
 * 1 if there is one.
 */
int be_scan_money(const char *s, int at, int to, be_hit_t *h);
int be_scan_date(const char *s, int at, int to, be_hit_t *h);
int be_scan_time(const char *s, int at, int to, be_hit_t *h);
int be_scan_phone(const char *s, int at, int to, be_hit_t *h);
int be_scan_email(const char *s, int at, int to, be_hit_t *h);

/* A document's number: a word with a digit in it, and no date or amount. */
int be_scan_id(const char *s, int at, int to, be_hit_t *h);

#endif
