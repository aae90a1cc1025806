#ifndef BE_SANDBOX_H
#define BE_SANDBOX_H

/* The front keeps its memory from other processes of its user: helpers. */
void be_sandbox_front(void);

/* What a helper may not do, once its libraries are set up. */
void be_sandbox_ocr(void);
void be_sandbox_fetch(void);

/* The processor time of one job, in seconds from now. */
void be_sandbox_cpu(int seconds);

#endif
