#ifndef BE_REMOTE_H
#define BE_REMOTE_H

/* The operator's own services, in the place of what is built in. */
typedef struct {
    const char  *ocr_url;        /* an OCR engine over HTTP, or NULL */
    const char  *llm_url;        /* base of an OpenAI-compatible API, or NULL:
                                  * {base}/v1/chat/completions */
    const char  *llm_model;
    const char  *llm_key;        /* bearer token, or NULL */
    int          llm_strict;     /* its failure is a 502; else the rules */
    int          timeout;        /* seconds, of one request to either */
} be_remote_t;

#endif
