/*
 * The database: SQLite in WAL mode, one connection that writes, a few that
 * read.  Used by everything in space/, on any thread of the front process.
 *
 * Invariant: what was committed is on the disk (synchronous=FULL), so that
 * neither kill -9 nor a power cut loses what a client was told.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db.h"
#include "schema_sql.h"


#define BE_READERS     8
#define BE_LOCK_TRIES  25        /* half a second */
#define BE_BUSY_MS     5000      /* for an operator's command beside us */
#define BE_BUSY_AGAIN_MS  100    /* after it has not become free in that */

struct be_store_s {
    char             dir[512];
    int              lock_fd;
    pthread_mutex_t  lock;       /* of "taken" and the tickets */
    pthread_cond_t   free;
    unsigned         ticket;     /* writers come in turn */
    unsigned         turn;
    be_db_t          db[1 + BE_READERS];     /* the first one writes */
};


static int
be_store_say(const char *what, const char *why)
{
    fprintf(stderr, "spocr-backend: %s: %s\n", what, why);

    return -1;
}


static int
be_db_open(be_store_t *s, be_db_t *db, int writes)
{
    char  path[560];

    db->store = s;
    db->writes = writes;
    snprintf(path, sizeof(path), "%s/spocr.db", s->dir);

    if (sqlite3_open_v2(path, &db->sq, SQLITE_OPEN_READWRITE
                        | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL)
        != SQLITE_OK)
    {
        return be_store_say(path, db->sq ? sqlite3_errmsg(db->sq)
                                         : "out of memory");
    }

    sqlite3_busy_timeout(db->sq, BE_BUSY_MS);
    sqlite3_extended_result_codes(db->sq, 1);

    if (sqlite3_exec(db->sq, "PRAGMA journal_mode=WAL;"
                     "PRAGMA synchronous=FULL;"
                     "PRAGMA foreign_keys=ON;"
                     "PRAGMA trusted_schema=OFF;"
                     "PRAGMA cache_size=-16384;"
                     "PRAGMA temp_store=MEMORY;", NULL, NULL, NULL)
        != SQLITE_OK)
    {
        return be_store_say(path, sqlite3_errmsg(db->sq));
    }

    return 0;
}


/* Images that a database without tables knows nothing of: it is not a new
 * one, but one that was lost, and the next step would be to delete them. */

static int
be_store_orphans(const be_store_t *s)
{
    int             n = 0;
    DIR            *d;
    char            path[560];
    struct dirent  *e;

    snprintf(path, sizeof(path), "%s/images", s->dir);
    d = opendir(path);

    while (d != NULL && (e = readdir(d)) != NULL) {
        n += e->d_name[0] != '.' && strcmp(e->d_name, "lost+found") != 0;
    }

    if (d != NULL) {
        closedir(d);
    }

    return n != 0 ? be_store_say(s->dir, "there are images, but their"
                                 " database is empty or gone: put spocr.db"
                                 " back, or move the folder \"images\" away")
                  : 0;
}


/* Makes the tables of a new database, or checks that they are ours. */

static int
be_store_schema(be_db_t *db)
{
    int            version = -1;
    char           sql[64];
    sqlite3_stmt  *st;

    if (sqlite3_exec(db->sq, "BEGIN IMMEDIATE", NULL, NULL, NULL)
        != SQLITE_OK)
    {
        return be_store_say("the database", sqlite3_errmsg(db->sq));
    }

    if (sqlite3_prepare_v2(db->sq, "PRAGMA user_version", -1, &st, NULL)
        == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
    {
        version = sqlite3_column_int(st, 0);
    }

    sqlite3_finalize(st);

    if (version != 0 && version != BE_SCHEMA_VERSION) {
        sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
        return be_store_say("the database", version < 0 ? "cannot be read"
                            : "was made by another version of spocr-backend");
    }

    if (version == 0 && be_store_orphans(db->store) != 0) {
        sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }

    snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", BE_SCHEMA_VERSION);

    if ((version == 0
         && (sqlite3_exec(db->sq, be_schema_sql, NULL, NULL, NULL)
             != SQLITE_OK
             || sqlite3_exec(db->sq, sql, NULL, NULL, NULL) != SQLITE_OK))
        || sqlite3_exec(db->sq, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
    {
        be_store_say("the database", sqlite3_errmsg(db->sq));
        sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }

    return 0;
}


static int
be_store_folder(be_store_t *s, const char *name)
{
    char  path[560];

    snprintf(path, sizeof(path), "%s%s%s", s->dir, *name ? "/" : "", name);

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return be_store_say(path, strerror(errno));
    }

    return 0;
}


static int
be_store_lock(be_store_t *s)
{
    int              tries, rc = -1;
    char             path[560];
    struct timespec  pause = { 0, 20 * 1000000 };

    snprintf(path, sizeof(path), "%s/lock", s->dir);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (s->lock_fd < 0) {
        return be_store_say(path, strerror(errno));
    }

    /* a helper that a killed server was just starting has it, for a moment */

    for (tries = 0; tries < BE_LOCK_TRIES; tries++) {
        rc = flock(s->lock_fd, LOCK_EX | LOCK_NB);

        if (rc == 0 || errno != EWOULDBLOCK) {
            break;
        }

        nanosleep(&pause, NULL);
    }

    if (rc != 0) {
        return be_store_say(s->dir, errno == EWOULDBLOCK
                            ? "another spocr-backend runs on this folder"
                            : strerror(errno));
    }

    return 0;
}


be_store_t *
be_store_open(const char *dir, int serving)
{
    int          i, n;
    be_store_t  *s;

    s = calloc(1, sizeof(be_store_t));
    if (s == NULL) {
        return NULL;
    }

    /* values and secrets are nobody else's, whatever the folder's mode is */

    (void) umask(077);

    s->lock_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->free, NULL);

    if (strlen(dir) >= sizeof(s->dir)) {
        be_store_say(dir, "the name is too long");
        goto failed;
    }

    snprintf(s->dir, sizeof(s->dir), "%s", dir);

    if (serving
        && (be_store_folder(s, "") != 0 || be_store_folder(s, "images") != 0
            || be_store_folder(s, "spool") != 0 || be_store_lock(s) != 0))
    {
        goto failed;
    }

    if (!serving && access(s->dir, R_OK | W_OK | X_OK) != 0) {
        be_store_say(dir, strerror(errno));
        goto failed;
    }

    n = serving ? 1 + BE_READERS : 2;

    for (i = 0; i < n; i++) {
        if (be_db_open(s, &s->db[i], i == 0) != 0
            || (i == 0 && be_store_schema(&s->db[0]) != 0))
        {
            goto failed;
        }
    }

    return s;

failed:

    be_store_close(s);

    return NULL;
}


void
be_store_close(be_store_t *s)
{
    int  i, j;

    for (i = 0; i < 1 + BE_READERS; i++) {
        for (j = 0; j < s->db[i].n; j++) {
            sqlite3_finalize(s->db[i].st[j]);
        }

        sqlite3_close(s->db[i].sq);
    }

    if (s->lock_fd >= 0) {
        close(s->lock_fd);
    }

    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->free);
    free(s);
}


const char *
be_store_dir(const be_store_t *s)
{
    return s->dir;
}


static void
be_db_release(be_db_t *db)
{
    pthread_mutex_lock(&db->store->lock);
    db->taken = 0;
    pthread_cond_broadcast(&db->store->free);
    pthread_mutex_unlock(&db->store->lock);
}


/* Waits for a connection that reads. */

static be_db_t *
be_store_take_reader(be_store_t *s)
{
    int       i;
    be_db_t  *db = NULL;

    pthread_mutex_lock(&s->lock);

    while (db == NULL) {
        for (i = 1; i < 1 + BE_READERS; i++) {
            if (s->db[i].sq != NULL && !s->db[i].taken) {
                db = &s->db[i];
                db->taken = 1;
                break;
            }
        }

        if (db == NULL) {
            pthread_cond_wait(&s->free, &s->lock);
        }
    }

    pthread_mutex_unlock(&s->lock);

    return db;
}


/* Waits for the connection that writes: in the order of coming, so that one
 * thread that writes again and again keeps nobody out. */

static be_db_t *
be_store_take_writer(be_store_t *s)
{
    unsigned   mine;
    be_db_t   *db = &s->db[0];

    pthread_mutex_lock(&s->lock);

    mine = s->ticket++;

    while (db->taken || mine != s->turn) {
        pthread_cond_wait(&s->free, &s->lock);
    }

    s->turn++;
    db->taken = 1;

    pthread_mutex_unlock(&s->lock);

    return db;
}


static be_db_t *
be_db_begin(be_db_t *db, const char *how, be_fault_t *f)
{
    int  rc;

    db->error = 0;
    rc = sqlite3_exec(db->sq, how, NULL, NULL, NULL);

    /* while somebody else has it for long, one after the other would wait */

    if (db->writes) {
        sqlite3_busy_timeout(db->sq, (rc & 0xFF) == SQLITE_BUSY
                                     ? BE_BUSY_AGAIN_MS : BE_BUSY_MS);
    }

    if (rc != SQLITE_OK) {
        db->error = rc;
        (void) be_failed(db, f);
        be_db_release(db);
        return NULL;
    }

    return db;
}


be_db_t *
be_store_read(be_store_t *s, be_fault_t *f)
{
    return be_db_begin(be_store_take_reader(s), "BEGIN", f);
}


be_db_t *
be_store_write(be_store_t *s, be_fault_t *f)
{
    return be_db_begin(be_store_take_writer(s), "BEGIN IMMEDIATE", f);
}


int
be_store_commit(be_db_t *db, be_fault_t *f)
{
    int  rc;

    if (be_failed(db, f)) {
        be_store_abort(db);
        return -1;
    }

    rc = sqlite3_exec(db->sq, "COMMIT", NULL, NULL, NULL);

    if (rc != SQLITE_OK) {
        db->error = rc;
        (void) be_failed(db, f);
        be_store_abort(db);
        return -1;
    }

    be_db_release(db);

    return 0;
}


void
be_store_abort(be_db_t *db)
{
    if (!sqlite3_get_autocommit(db->sq)) {
        sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
    }

    be_db_release(db);
}


int
be_failed(be_db_t *db, be_fault_t *f)
{
    int  code = db->error & 0xFF;

    if (db->error == 0) {
        return 0;
    }

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL
        || code == SQLITE_IOERR || code == SQLITE_NOMEM)
    {
        be_fault(f, 503, "The service's storage is not available");
        json_decref(f->details);
        f->details = json_pack("{s:i}", "retryAfterSec", 5);

    } else {
        be_fault(f, 500, "Internal error");
    }

    fprintf(stderr, "{\"storage\":\"%s\"}\n", sqlite3_errstr(db->error));

    return 1;
}
