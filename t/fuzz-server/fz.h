/*
 * The whole server under libFuzzer: nginx and the module in one process, with
 * everything outside of it played by this program.  docs/fuzzing.md.
 *
 *     main.c      an input is a programme: who says what, and when
 *     net.c       sockets, memory instead of a kernel; event.c: events, time
 *     redis.c     what Redis answers; model.c: what it knows
 *     backend.c   the backend's answers, and what it was asked
 *     emit.c      a content handler that emits chains of any form
 *     check.c     what must hold when an input has ended; trade.c: what went
 *                 over each connection; wire.c: answers of HTTP/1.1
 *     h2.c        HTTP/2: frames to and from the client
 */

#ifndef _FZ_H_INCLUDED_
#define _FZ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>


#define fz_n(array)     (sizeof(array) / sizeof((array)[0]))

#define FZ_CONNS        64
#define FZ_REQUESTS     64
#define FZ_RECORDS      16
#define FZ_ID_LEN       36              /* req_ and 32 digits */

#define FZ_PORT_PLAIN   80
#define FZ_PORT_H2      81
#define FZ_PORT_BACKEND 9000
#define FZ_PORT_REDIS   6379


/* Heap; grows. */
typedef struct {
    u_char             *data;
    size_t              len;
    size_t              size;
} fz_bytes_t;


typedef enum {
    FZ_LISTEN = 0,
    FZ_CLIENT,
    FZ_BACKEND,
    FZ_REDIS
} fz_kind_e;


typedef struct fz_conn_s  fz_conn_t;

/* A socket of nginx, and who is at its other end. */
struct fz_conn_s {
    fz_conn_t          *next;           /* of this input's, closed ones too */
    int                 fd;
    fz_kind_e           kind;
    int                 port;
    ngx_connection_t   *c;              /* set when nginx wants events */
    fz_bytes_t          in;             /* to nginx; read up to at */
    size_t              at;
    fz_bytes_t          later;          /* to nginx from due on */
    uint64_t            due;            /* ms */
    fz_bytes_t          out;            /* from nginx; looked at up to seen */
    size_t              seen;
    size_t              window;         /* what the other end still takes */
    unsigned            open:1;
    unsigned            connected:1;
    unsigned            refused:1;
    unsigned            readable:1;     /* an edge that nginx does not know */
    unsigned            writable:1;
    unsigned            eof:1;          /* the other end has closed, */
    unsigned            reset:1;        /* or reset */
    unsigned            spoiled:1;      /* a client that left or stalled */
    unsigned            h2:1;
    ngx_uint_t          script;         /* a backend's: which one */
    ngx_uint_t          step;           /* its next segment */
    unsigned            asked:1;        /* its request's head has come */
};


/* A main request that has ended, as its log phase saw it. */
typedef struct {
    fz_conn_t          *conn;
    ngx_uint_t          method;
    ngx_uint_t          status;
    ngx_uint_t          stream;         /* of HTTP/2, else 0 */
    u_char              id[FZ_ID_LEN];
    u_char              uid[64];
    u_char              key[64];
    size_t              uid_len, key_len;
    u_char             *target;         /* heap */
    size_t              target_len;
    size_t              emitted;        /* bytes of emit.c's, */
    unsigned            emits:1;        /* which has answered, */
    unsigned            whole:1;        /* to its end */
    unsigned            sent:1;         /* its header has left */
    unsigned            head:1;         /* no body is due */
    unsigned            refused:1;      /* by a step */
    unsigned            error:1;        /* the module's JSON */
    unsigned            gated:1;
    unsigned            auth:1;         /* a key was asked for */
    unsigned            claimed:1;
    unsigned            upstream:1;
    unsigned            redirected:1;
} fz_request_t;


/* An answer to a claimed request, as the module stored it. */
typedef struct {
    u_char              id[FZ_ID_LEN];
    ngx_uint_t          status;
    fz_bytes_t          body;
} fz_record_t;


/* An answer of HTTP/1.1, read from bytes. */
typedef struct {
    ngx_uint_t          status;
    ngx_uint_t          ids;            /* X-Request-Id: how many, */
    u_char              id[FZ_ID_LEN];  /* and the first one that is one */
    u_char              original[FZ_ID_LEN];
    unsigned            well:1;         /* that one is an id */
    unsigned            replay:1;
    unsigned            json:1;
    unsigned            accel:1;        /* a backend's X-Accel-* */
    unsigned            plain:1;        /* its length is said in one way */
    unsigned            encoded:1;      /* Content-Encoding */
    unsigned            chunked:1;
    unsigned            complete:1;     /* the body is there to its end */
    unsigned            closes:1;       /* which only the close tells */
    off_t               length;         /* -1: not said */
    fz_bytes_t          body;
} fz_answer_t;


/* main.c */
extern ngx_uint_t  fz_trace;            /* FZ_TRACE: all that happens */
extern ngx_uint_t  fz_ending;           /* the input is over: all are honest */

void fz_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2),
                                                  noreturn));
void fz_note(const char *what, const u_char *data, size_t len);
void fz_append(fz_bytes_t *bytes, const void *data, size_t len);
void fz_free(fz_bytes_t *bytes);


/* event.c */
extern ngx_uint_t  fz_sleeps;           /* time passes while nothing happens */

uint64_t fz_now(void);                  /* ms */
void fz_pass(uint64_t ms);
ngx_uint_t fz_busy(void);               /* something is to be heard */


/* net.c */
extern fz_conn_t  *fz_all;              /* of this input */
extern fz_conn_t  *fz_fds[FZ_CONNS];
extern ngx_os_io_t  fz_io;

fz_conn_t *fz_of(int fd);
fz_conn_t *fz_client(int port);
void fz_say(fz_conn_t *conn, const void *data, size_t len);
void fz_close_end(fz_conn_t *conn, ngx_uint_t reset);
void fz_open_window(fz_conn_t *conn, size_t window);
void fz_net_forget(void);               /* this input's */


/* redis.c */
void fz_redis_action(const u_char *data, size_t len);
void fz_redis_heard(fz_conn_t *conn);
void fz_redis_publish(const char *text);
void fz_redis_forget(void);

typedef struct {
    ngx_str_t           word[24];
    ngx_uint_t          n;
} fz_command_t;

/* model.c: writes the answer of an honest Redis */
void fz_model_init(void);
void fz_model_answer(const fz_command_t *command, fz_bytes_t *answer);
void fz_model_forget(void);

extern ngx_uint_t  fz_claims;           /* that were granted */
extern ngx_uint_t  fz_lied;             /* an answer was not the model's */
extern fz_record_t fz_records[FZ_RECORDS];
extern ngx_uint_t  fz_nrecords;


/* backend.c */
typedef enum {
    FZ_BACKEND_DATA = 0,
    FZ_BACKEND_EOF,
    FZ_BACKEND_RESET,
    FZ_BACKEND_REFUSE,
    FZ_BACKEND_EARLY,
    FZ_BACKEND_QUIET,
    FZ_BACKEND_NEXT
} fz_backend_e;

void fz_backend_script(fz_backend_e what, const u_char *data, size_t len);
void fz_backend_connected(fz_conn_t *conn);
ngx_uint_t fz_backend_refuses(fz_conn_t *conn);
void fz_backend_go(fz_conn_t *conn);
void fz_backend_all(void);
void fz_backend_forget(void);


/* emit.c */
void fz_emit_script(const u_char *data, size_t len);
void fz_emit_init(void);
void fz_emit_forget(void);
u_char fz_emit_byte(size_t i);
extern ngx_module_t  fz_module;

/* A request's, in its context of fz_module. */
typedef struct {
    const u_char       *script;
    const u_char       *end;
    size_t              written;        /* body bytes so far */
    size_t              total;          /* and in the whole script */
    ngx_uint_t          status;
    unsigned            length:1;
    unsigned            encoded:1;
    unsigned            header:1;
    unsigned            last:1;
    unsigned            counted:1;
} fz_emit_t;


/* check.c */
void fz_check_request(ngx_http_request_t *r);
void fz_check_record(const u_char *name, size_t name_len,
    const ngx_str_t *fingerprint, const ngx_str_t *blob);
void fz_check_log(const u_char *line, size_t len);
void fz_check_start(void);
const char *fz_check_quiet(void);
void fz_check_all(void);
void fz_check_forget(void);

extern fz_request_t  fz_requests[FZ_REQUESTS];
extern ngx_uint_t    fz_nrequests;

const fz_request_t *fz_request_of(const u_char *id);
void fz_check_error(const fz_request_t *fr, const u_char *body, size_t len);
void fz_check_body(const fz_request_t *fr, ngx_uint_t status,
    ngx_uint_t replay, const u_char *original, const fz_bytes_t *body,
    ngx_uint_t complete);


/* trade.c: after all connections have ended */
void fz_check_exchanges(void);
void fz_check_clients(void);


/* wire.c: NGX_OK, NGX_AGAIN: cut, NGX_ERROR: no HTTP.  *at moves behind it. */
ngx_int_t fz_wire_answer(fz_answer_t *answer, const fz_bytes_t *bytes,
    size_t *at, ngx_uint_t head, ngx_uint_t eof);
ngx_int_t fz_wire_chunks(fz_answer_t *answer, const fz_bytes_t *bytes,
    size_t *at);
ngx_uint_t fz_wire_header(const u_char *head, const u_char *end,
    const char *name, ngx_str_t *value);


/* h2.c */
void fz_h2_say(fz_conn_t *conn, const u_char *data, size_t len);
void fz_h2_check(fz_conn_t *conn);
void fz_h2_forget(void);


#endif /* _FZ_H_INCLUDED_ */
