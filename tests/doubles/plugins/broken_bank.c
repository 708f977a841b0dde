/* A bank adapter that breaks one rule of bank_adapter.h, most when asked to submit. BREACH_… says
 * which, BREACH_NONE that none is; everything else is answered as it should be (status: completed).
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bank/include/bank_adapter.h"

struct paygate_bank {
  int unused;
};
static struct paygate_bank the_bank;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static int jobs;

struct job {
  paygate_bank_done done;
  void* ctx;
  uint32_t outcome;
  int times;
};

static void complete(paygate_bank_done done, void* ctx, uint32_t outcome) {
  paygate_bank_result result;
  memset(&result, 0, sizeof result);
  result.size = sizeof result;
  result.outcome = outcome;
  if (outcome == PAYGATE_BANK_REJECTED)
    result.reason = "AM04";
  else
    result.bank_reference = "REF";
  done(ctx, &result);
}

static void* run(void* arg) {
  struct job* job = arg;
  uint32_t outcome = job->outcome;
#if BREACH_NO_DRAIN
  const struct timespec while_draining = {.tv_sec = 2};
  nanosleep(&while_draining, NULL);
#endif
  for (int i = 0; i < job->times; ++i) {
    complete(job->done, job->ctx, outcome);
    outcome = PAYGATE_BANK_REJECTED; /* the second answer contradicts the first */
  }
  free(job);
  pthread_mutex_lock(&mutex);
  --jobs;
  pthread_cond_broadcast(&idle);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

static void later(paygate_bank_done done, void* ctx, uint32_t outcome, int times) {
  struct job* job = malloc(sizeof *job);
  pthread_t thread;
  if (!job) abort();
  job->done = done;
  job->ctx = ctx;
  job->outcome = outcome;
  job->times = times;
  pthread_mutex_lock(&mutex);
  ++jobs;
  pthread_mutex_unlock(&mutex);
  if (pthread_create(&thread, NULL, run, job) != 0) abort();
#if BREACH_AFTER_REFUSING
  pthread_join(thread, NULL);
#else
  pthread_detach(thread);
#endif
}

static paygate_bank* bank_open(const char* config, const paygate_bank_host* host,
                               paygate_bank_bytes error, void* ctx) {
  (void)config, (void)host, (void)error, (void)ctx;
  if (strncmp(config, "[[[", 3) == 0) return error(ctx, (const uint8_t*)"no TOML", 7), NULL;
#if BREACH_LEAKS
  static void* volatile lost;
  if (!(lost = malloc(65536))) abort();
#endif
  return &the_bank;
}
static int bank_health(paygate_bank* bank) { return (void)bank, 0; }
static int bank_prepare(paygate_bank* bank, const paygate_bank_transfer* transfer,
                        paygate_bank_bytes out, paygate_bank_bytes error, void* ctx) {
  (void)bank;
  if (transfer->size < sizeof *transfer || transfer->amount_minor_units <= 0 ||
      !transfer->debtor_account || !*transfer->payment_id || !*transfer->creditor_account ||
      !*transfer->currency)
    return error(ctx, (const uint8_t*)"no transfer", 11), PAYGATE_BANK_E_INPUT;
#if BREACH_IMPURE
  static int32_t count;
  ++count;
  out(ctx, (const uint8_t*)&count, sizeof count);
  return 0;
#endif
  out(ctx, (const uint8_t*)transfer->payment_id, strlen(transfer->payment_id));
  return 0;
}

/* What was submitted is booked, for 0.01 GBP each; a cursor is a count. */
enum { MAX_BOOKED = 64 };
static char booked[MAX_BOOKED][64];
static unsigned bookings;

static void book(const uint8_t* prepared, size_t size) {
  pthread_mutex_lock(&mutex);
  unsigned i = 0;
  while (i < bookings && strncmp(booked[i], (const char*)prepared, size) != 0) ++i;
  if (i == bookings && i < MAX_BOOKED && size < sizeof booked[0])
    memcpy(booked[bookings++], prepared, size);
  pthread_mutex_unlock(&mutex);
}

struct question {
  paygate_bank_stated done;
  void* ctx;
  unsigned after;
};

static void* state(void* arg) {
  struct question* question = arg;
  paygate_bank_booking list[MAX_BOOKED];
  const paygate_bank_booking* pointers[MAX_BOOKED];
  paygate_bank_statement_page page;
  char cursor[16];
  memset(&page, 0, sizeof page);
  pthread_mutex_lock(&mutex);
  for (unsigned i = question->after; i < bookings; ++i) {
    const unsigned n = page.count++;
    memset(&list[n], 0, sizeof list[n]);
    list[n].size = sizeof list[n];
    list[n].kind = PAYGATE_BANK_BOOKED_TRANSFER;
    list[n].id = booked[i];
    list[n].amount_minor_units = 1;
    list[n].currency = "GBP";
    list[n].bank_reference = "REF";
    pointers[n] = &list[n];
  }
  snprintf(cursor, sizeof cursor, "%u", bookings);
  pthread_mutex_unlock(&mutex);
#if BREACH_FORGETS
  page.count = 0; /* and yet it calls itself complete */
#endif
  page.size = sizeof page;
  page.answered = 1;
  page.bookings = pointers;
  page.cursor = cursor;
  page.complete_until = time(NULL) + 60;
  question->done(question->ctx, &page);
  free(question);
  pthread_mutex_lock(&mutex);
  --jobs;
  pthread_cond_broadcast(&idle);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

static int bank_statement(paygate_bank* bank, const char* after, paygate_bank_stated done,
                          void* ctx) {
  struct question* question = malloc(sizeof *question);
  pthread_t thread;
  (void)bank;
  if (!question) abort();
  *question = (struct question){done, ctx, (unsigned)strtoul(after, NULL, 10)};
  pthread_mutex_lock(&mutex);
  ++jobs;
  pthread_mutex_unlock(&mutex);
  if (pthread_create(&thread, NULL, state, question) != 0) abort();
  pthread_detach(thread);
  return PAYGATE_BANK_TAKEN;
}

static int bank_submit(paygate_bank* bank, const uint8_t* prepared, size_t size,
                       paygate_bank_done done, void* ctx) {
  (void)bank, (void)later, (void)done, (void)ctx;
  book(prepared, size);
#if BREACH_TWICE
  later(done, ctx, PAYGATE_BANK_COMPLETED, 2);
#elif BREACH_INSIDE
  complete(done, ctx, PAYGATE_BANK_COMPLETED);
#elif BREACH_INSIDE_REFUSED
  complete(done, ctx, PAYGATE_BANK_COMPLETED);
  return PAYGATE_BANK_E_BUSY;
#elif BREACH_CRASHES
  abort();
#elif BREACH_WILD
  later(done, (char*)ctx + 1000, PAYGATE_BANK_COMPLETED, 1);
#elif BREACH_OUTCOME99
  later(done, ctx, 99, 1);
#elif BREACH_AFTER_REFUSING
  later(done, ctx, PAYGATE_BANK_COMPLETED, 1);
  return PAYGATE_BANK_E_BUSY;
#elif BREACH_SILENT_NULL
  done(ctx, NULL);
#elif BREACH_LIES
  later(done, ctx, PAYGATE_BANK_REJECTED, 1);
#elif !BREACH_NEVER
  later(done, ctx, PAYGATE_BANK_COMPLETED, 1);
#endif
  return PAYGATE_BANK_TAKEN;
}

static int bank_status(paygate_bank* bank, const uint8_t* prepared, size_t size,
                       paygate_bank_done done, void* ctx) {
  (void)bank, (void)prepared, (void)size;
  later(done, ctx, PAYGATE_BANK_COMPLETED, 1);
  return PAYGATE_BANK_TAKEN;
}

static int bank_verify_account(paygate_bank* bank, const char* account, const char* participant,
                               paygate_bank_verified done, void* ctx) {
  (void)bank, (void)account, (void)participant, (void)done, (void)ctx;
  return PAYGATE_BANK_E_BUSY;
}
static void bank_drain(paygate_bank* bank) {
  (void)bank;
#if !BREACH_NO_DRAIN
  pthread_mutex_lock(&mutex);
  while (jobs > 0) pthread_cond_wait(&idle, &mutex);
  pthread_mutex_unlock(&mutex);
#endif
}
static void bank_close(paygate_bank* bank) { (void)bank; }

static const paygate_bank_adapter_v1 table = {
    .size = sizeof table,
#if BREACH_WRONG_VERSION
    .version = 77,
#else
    .version = PAYGATE_BANK_ABI_VERSION,
#endif
    .name = "broken",
    .open = bank_open,
    .health = bank_health,
    .prepare = bank_prepare,
    .submit = bank_submit,
    .status = bank_status,
    .verify_account = bank_verify_account,
    .drain = bank_drain,
    .close = bank_close,
    .capabilities = PAYGATE_BANK_CAP_STATEMENT,
    .statement = bank_statement,
};

#if BREACH_LINGERS
__attribute__((destructor)) static void linger(void) {
  for (;;) nanosleep(&(struct timespec){.tv_sec = 60}, NULL);
}
#endif

const paygate_bank_adapter_v1* paygate_bank_adapter(uint32_t host_version) {
  return host_version >= 1 ? &table : NULL;
}
