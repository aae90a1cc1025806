/*
 * The operators' commands about money, beside a server or without one.
 * Called by main.c.  They exit with 0; with 1 where it cannot be so (the
 * reference was granted before, the ledger does not add up); with 2 where
 * they are called wrongly or the data folder cannot be used.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ident.h"
#include "money.h"


#define BE_MAX_REF  128

#define BE_UID_CHARS                                                          \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@"


typedef struct {
    const char  *data;
    const char  *uid;
    const char  *ref;
    int64_t      scans;          /* -1: not given */
    int          json;
} be_order_t;

typedef int (*be_order_pt)(be_store_t *s, const be_order_t *o);

typedef struct {
    const char           *name;
    be_order_pt           run;
    const char           *usage;
    const struct option  *options;
    int                   min;   /* scans; -1: none are asked for */
} be_verb_t;


static int
be_order_say(const be_order_t *o, const be_fault_t *f)
{
    fprintf(stderr, "spocr-backend: %s: %s\n", o->data, f->message);

    return 2;
}


static int
be_order_grant(be_store_t *s, const be_order_t *o)
{
    int          rc;
    char         made[BE_ID_SIZE];
    int64_t      balance;
    be_db_t     *db;
    be_fault_t   f = { 0 };
    const char  *ref = o->ref;

    if (ref == NULL) {
        be_id(made, "grant_");
        ref = made;
    }

    db = be_store_write(s, &f);
    if (db == NULL) {
        return be_order_say(o, &f);
    }

    rc = be_money_grant(db, o->uid, o->scans, ref);
    balance = be_money_balance(db, o->uid);

    if (rc == 1) {
        be_store_abort(db);
        fprintf(stderr, "spocr-backend: \"%s\" was granted before; nothing"
                " is changed\n", ref);
        return 1;
    }

    if (be_store_commit(db, &f) != 0) {
        return be_order_say(o, &f);
    }

    printf("%s: %lld scans granted (%s); the balance is %lld\n", o->uid,
           (long long) o->scans, ref, (long long) balance);

    return 0;
}


static int
be_order_flatfee(be_store_t *s, const be_order_t *o)
{
    be_db_t     *db;
    be_fault_t   f = { 0 };

    db = be_store_write(s, &f);
    if (db == NULL) {
        return be_order_say(o, &f);
    }

    (void) be_run(db, "INSERT INTO tenant (uid, flatfee) VALUES (?, ?)"
                  " ON CONFLICT DO UPDATE SET flatfee = excluded.flatfee",
                  "si", o->uid, o->scans);

    if (be_store_commit(db, &f) != 0) {
        return be_order_say(o, &f);
    }

    if (o->scans == 0) {
        printf("%s: no flat fee\n", o->uid);

    } else {
        printf("%s: a flat fee of %lld scans a month\n", o->uid,
               (long long) o->scans);
    }

    return 0;
}


static int
be_order_ledger(be_store_t *s, const be_order_t *o)
{
    return be_money_check(s, o->uid, o->json);
}


static const struct option  be_grant_options[] = {
    { "data", required_argument, NULL, 'd' },
    { "uid", required_argument, NULL, 'u' },
    { "scans", required_argument, NULL, 'n' },
    { "ref", required_argument, NULL, 'r' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
};

static const struct option  be_flatfee_options[] = {
    { "data", required_argument, NULL, 'd' },
    { "uid", required_argument, NULL, 'u' },
    { "scans", required_argument, NULL, 'n' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
};

static const struct option  be_ledger_options[] = {
    { "data", required_argument, NULL, 'd' },
    { "uid", required_argument, NULL, 'u' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
};

static const be_verb_t  be_verbs[] = {
    { "grant", be_order_grant,
      "Usage: spocr-backend grant --data DIR --uid UID --scans N [--ref REF]\n"
      "Adds N scans to a tenant's balance.\n"
      "\n"
      "  --data DIR    the folder that the server was started with\n"
      "  --uid UID     the tenant, as the gateway knows it\n"
      "  --scans N     1 to 1000000000\n"
      "  --ref REF     what it is for, such as an invoice's number: a second\n"
      "                grant with the same REF is refused\n",
      be_grant_options, 1 },

    { "flatfee", be_order_flatfee,
      "Usage: spocr-backend flatfee --data DIR --uid UID --scans N\n"
      "Gives a tenant N scans in each calendar month (UTC); 0 ends that.\n"
      "\n"
      "  --data DIR    the folder that the server was started with\n"
      "  --uid UID     the tenant, as the gateway knows it\n"
      "  --scans N     0 to 1000000000\n",
      be_flatfee_options, 0 },

    { "ledger", be_order_ledger,
      "Usage: spocr-backend ledger --data DIR [--uid UID] [--json]\n"
      "Prints what was granted, held, captured and refunded, and checks that\n"
      "it adds up: with the balances, and with the jobs and calls that it was\n"
      "for.  Exits with 1 where it does not.\n"
      "\n"
      "  --data DIR    the folder that the server was started with\n"
      "  --uid UID     of this tenant only\n"
      "  --json        as JSON\n",
      be_ledger_options, -1 }
};


static int
be_order_scans(const be_verb_t *v, const char *s, int64_t *n)
{
    char  *end;

    errno = 0;
    *n = strtoll(s, &end, 10);

    if (strspn(s, "0123456789") != strlen(s) || errno || *s == '\0'
        || *n < v->min || *n > BE_MAX_SCANS)
    {
        fprintf(stderr, "spocr-backend: --scans must be a number from %d to"
                " %d, not \"%s\"\n", v->min, BE_MAX_SCANS, s);
        return -1;
    }

    return 0;
}


static int
be_order_missing(const char *name)
{
    fprintf(stderr, "spocr-backend: --%s is missing\n", name);

    return -1;
}


static int
be_order_check(const be_verb_t *v, const be_order_t *o)
{
    size_t  i;

    if (o->data == NULL) {
        return be_order_missing("data");
    }

    if (v->min >= 0 && o->uid == NULL) {
        return be_order_missing("uid");
    }

    if (v->min >= 0 && o->scans < 0) {
        return be_order_missing("scans");
    }

    if (o->uid != NULL
        && (*o->uid == '\0' || strlen(o->uid) > 128
            || strspn(o->uid, BE_UID_CHARS) != strlen(o->uid)))
    {
        fprintf(stderr, "spocr-backend: \"%s\" cannot be a tenant's uid\n",
                o->uid);
        return -1;
    }

    for (i = 0; o->ref != NULL && o->ref[i] > ' ' && o->ref[i] < 127; i++) {
        /* printable ASCII */
    }

    if (o->ref != NULL && (i == 0 || i > BE_MAX_REF || o->ref[i] != '\0')) {
        fprintf(stderr, "spocr-backend: --ref must have 1 to %d printable"
                " ASCII characters\n", BE_MAX_REF);
        return -1;
    }

    return 0;
}


/* 0, 1 where help was asked for, or -1. */

static int
be_order_parse(const be_verb_t *v, int argc, char **argv, be_order_t *o)
{
    int  c, rc = 0;

    optind = 1;

    while (rc == 0
           && (c = getopt_long(argc, argv, "", v->options, NULL)) != -1)
    {
        switch (c) {
        case 'd':
            o->data = optarg;
            break;
        case 'u':
            o->uid = optarg;
            break;
        case 'r':
            o->ref = optarg;
            break;
        case 'n':
            rc = be_order_scans(v, optarg, &o->scans);
            break;
        case 'j':
            o->json = 1;
            break;
        case 'h':
            fputs(v->usage, stdout);
            return 1;
        default:
            fprintf(stderr, "Try \"spocr-backend %s --help\".\n", v->name);
            rc = -1;
            break;
        }
    }

    if (rc == 0 && optind < argc) {
        fprintf(stderr, "spocr-backend: unexpected argument \"%s\"\n",
                argv[optind]);
        rc = -1;
    }

    return rc;
}


/* A wrong folder is not to become a data folder by a command. */

static be_store_t *
be_order_open(const be_order_t *o)
{
    char  path[600];

    snprintf(path, sizeof(path), "%s/spocr.db", o->data);

    if (access(path, R_OK | W_OK) != 0) {
        fprintf(stderr, "spocr-backend: %s: %s; --data is the folder of a"
                " server that was started once\n", path, strerror(errno));
        return NULL;
    }

    return be_store_open(o->data, 0);
}


int
be_money_command(int argc, char **argv)
{
    int               rc;
    size_t            i;
    be_order_t        o = { .scans = -1 };
    be_store_t       *s;
    const be_verb_t  *v = NULL;

    for (i = 0; i < sizeof(be_verbs) / sizeof(be_verbs[0]); i++) {
        if (strcmp(be_verbs[i].name, argv[0]) == 0) {
            v = &be_verbs[i];
        }
    }

    if (v == NULL) {
        fprintf(stderr, "spocr-backend: unknown command \"%s\"\n", argv[0]);
        return 2;
    }

    rc = be_order_parse(v, argc, argv, &o);
    if (rc != 0) {
        return rc == 1 ? 0 : 2;
    }

    if (be_order_check(v, &o) != 0 || (s = be_order_open(&o)) == NULL) {
        return 2;
    }

    rc = v->run(s, &o);
    be_store_close(s);

    return rc;
}
