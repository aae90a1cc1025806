
/*
 * redis acl: the users that the gateway and spocrctl need, and no more.
 *
 * Connects to nothing: the line is for whoever may change users.  Invariant:
 * the line has the password's SHA-256, never the password.
 */


#include "link.h"
#include <openssl/crypto.h>


/* What the functions call, and what the gateway calls itself. */
#define GATEWAY   "+fcall +fcall_ro +get +mget +set +time +ping +subscribe"
#define RECORDS   "+hmget +hset +exists +pttl +pexpire +del"

/* The first of them for "doctor", and what the store and "limits" need.
 * Records of requests can be forgotten; records of keys cannot be deleted. */
#define OPERATOR  GATEWAY " +exists +scan +watch +multi +exec +publish " \
                  "+function|list +function|load +info"


void
ctl_redis_acl(const ctl_opts_t *opts)
{
    bool         operator;
    char        *password, *line, *keys, *records, hex[CTL_HEX_LEN];
    const char  *user, *db, *prefix;

    operator = opts->whose && strcmp(opts->whose, "spocrctl") == 0;

    if (opts->whose && !operator && strcmp(opts->whose, "gateway") != 0) {
        ctl_die(CTL_USAGE, "--for must be gateway or spocrctl");
    }

    if (operator && opts->auto_load) {
        ctl_die(CTL_USAGE, "--auto-load is for the gateway; spocrctl may load "
                "functions anyway");
    }

    user = opts->user ? opts->user : operator ? "spocrctl" : "spocr";
    ctl_name_check("--user", user);

    prefix = ctl_place_prefix(opts, &db);

    if (opts->password_file) {
        password = ctl_password_read(opts->password_file);
        ctl_digest_hex(password, strlen(password), hex);
        OPENSSL_cleanse(password, strlen(password));
        free(password);
    }

    /* the gateway counts and keeps answers; keys are spocrctl's, and whoever
     * takes the gateway over can make none */

    keys = operator ? ctl_text("~%s*", prefix)
                    : ctl_text("~%s{* %%R~%skey:* %%R~%stenant:* %%R~%splan:*",
                               prefix, prefix, prefix, prefix);

    records = operator ? ctl_text("(~%s{* " RECORDS ")", prefix)
                       : ctl_text(RECORDS);

    line = ctl_text("ACL SETUSER %s reset on %s%s%s%s &%snotice %s%s%s %s",
                    user, opts->password_file ? "#" : "",
                    opts->password_file ? hex : "",
                    opts->password_file ? " " : "", keys, prefix,
                    operator ? OPERATOR : GATEWAY, db ? " +select" : "",
                    opts->auto_load ? " +function|load" : "", records);

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:s}", "user", user, "command", line));

    } else {
        printf("%s\n", line);
    }

    if (opts->password_file == NULL) {
        ctl_note(opts, "without --password-file the user has no password, and "
                 "nobody can log in as it yet");
    }

    free(keys);
    free(records);
    free(line);
}
