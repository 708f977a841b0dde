/* Paygate bank adapter ABI, version 1. Plain C; meant to live for ten years.
 *
 * An adapter is a shared object that exports ONE symbol, paygate_bank_adapter. It is loaded by the
 * bank host process (paygate-bank), never by the process that holds the store or reaches the token.
 *
 * Memory: every input is borrowed and valid only during the call. Nothing is freed across the
 * boundary: bytes go out through callbacks that copy before they return. Every struct begins with
 * its size in bytes, set by whoever fills it; fields are only ever added at the end, and a reader
 * looks at a field only if `size` covers it. Strings are NUL-terminated UTF-8; NULL means absent.
 *
 * Threads: after open(), any function except close() may be called from several threads at once.
 * Completion: submit, status, verify_account, verify_enrolment, notices and statement complete by
 * calling done(ctx, result) EXACTLY ONCE, from any thread, NEVER from inside the call that started
 * it, and never after close() has returned. If a starting function returns nonzero, it completes
 * never and nothing happened. Starting functions return promptly: they never wait for a bank.
 * No exception and no longjmp may cross the boundary.
 *
 * An adapter that breaks these rules is contained, never trusted: the host's documentation
 * (docs/adapters.md) says what it makes of each breach; in doubt the answer is "unknown".
 */
#ifndef PAYGATE_BANK_ADAPTER_H
#define PAYGATE_BANK_ADAPTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAYGATE_BANK_ABI_VERSION 1u

/* What a function that starts or prepares something returns. */
#define PAYGATE_BANK_TAKEN   0 /* done() will be called; or the bytes were given to out() */
#define PAYGATE_BANK_E_BUSY  1 /* not now; nothing happened */
#define PAYGATE_BANK_E_INPUT 2 /* the input is not what this adapter takes; it never will be */

/* What is known about a transfer. The host treats any other value as PAYGATE_BANK_UNKNOWN. */
typedef enum {
  PAYGATE_BANK_COMPLETED = 1,  /* final: irrevocably credited at the seller's bank (ACSC) */
  PAYGATE_BANK_PENDING = 2,    /* the bank has it; ask again with status() */
  PAYGATE_BANK_REJECTED = 3,   /* final: no money moved and none will; `reason` says why */
  PAYGATE_BANK_NOT_SENT = 4,   /* proven: not one byte of it reached the bank; may be sent again */
  PAYGATE_BANK_UNKNOWN = 5,    /* may or may not have happened; only status() can tell */
  PAYGATE_BANK_NOT_FOUND = 6,  /* status(): the bank knows no such transaction */
  PAYGATE_BANK_BUSY = 7        /* not taken now; nothing happened; later */
} paygate_bank_outcome;

/* Answers of verify_account and verify_enrolment. */
typedef enum {
  PAYGATE_BANK_VERIFIED = 1,   /* account exists, is the holder's, can be debited and credited */
  PAYGATE_BANK_REFUSED = 2,    /* final for this request */
  PAYGATE_BANK_NO_ANSWER = 3   /* the bank could not be asked or did not answer; later */
} paygate_bank_verdict;

/* Capabilities: what the adapter declares of its bank. */
#define PAYGATE_BANK_CAP_NOTFOUND_IS_FINAL (1u << 0) /* NOT_FOUND after the deadline: never */
#define PAYGATE_BANK_CAP_RETURNS           (1u << 1) /* prepare_return works */
#define PAYGATE_BANK_CAP_ENROLMENT         (1u << 2) /* verify_enrolment works */
#define PAYGATE_BANK_CAP_NOTICES           (1u << 3) /* notices works */
#define PAYGATE_BANK_CAP_STATEMENT         (1u << 4) /* statement works */

/* A credit transfer. Amounts are int64 minor units; accounts are IBANs in electronic form. */
typedef struct {
  uint32_t size;
  const char* payment_id;      /* 43 base64url characters; identifies the transfer for ever */
  const char* debtor_account;
  const char* creditor_account;
  int64_t amount_minor_units;
  const char* currency;        /* ISO 4217 code */
  uint32_t fraction_digits;
  const char* remittance;      /* the goods, for the statement; 1 to 1024 bytes */
  int64_t deadline;            /* Unix time: never executed later than this; the bank enforces it */
  int64_t created;             /* Unix time */
} paygate_bank_transfer;

/* Money back for a completed transfer, named by the bank's own reference. */
typedef struct {
  uint32_t size;
  const char* refund_id;
  const char* payment_id;
  const char* bank_reference;
  int64_t amount_minor_units;
  const char* currency;
  uint32_t fraction_digits;
  int64_t deadline;
  int64_t created;
} paygate_bank_return;

typedef struct {
  uint32_t size;
  uint32_t outcome;            /* paygate_bank_outcome */
  const char* reason;          /* ISO 20022 status reason code ("AM04") with REJECTED; else NULL */
  const char* bank_reference;  /* opaque, <= 35 characters, no customer data; with COMPLETED */
  const uint8_t* evidence;     /* the bank's signed answer, to be kept; may be NULL */
  size_t evidence_size;
} paygate_bank_result;

typedef struct {
  uint32_t size;
  uint32_t verdict;            /* paygate_bank_verdict */
  const char* reason;          /* ISO 20022 code or NULL */
  const char* currency;        /* of the account, with VERIFIED, if the bank tells; else NULL */
} paygate_bank_verification;

/* What the bank tells on its own account, about a participant whose ID_X it learnt from
 * verify_enrolment. */
#define PAYGATE_BANK_MAX_NOTICES 64u /* in one answer */
#define PAYGATE_BANK_MAX_CURSOR  2048u /* bytes */
typedef enum {
  PAYGATE_BANK_REVOKE = 1,          /* end this participant's certificates: lost, stolen, … */
  PAYGATE_BANK_ACCOUNT_CLOSED = 2   /* the account is closed, and so its certificates end */
} paygate_bank_notice_kind;
typedef enum {
  PAYGATE_BANK_KEY_COMPROMISE = 1,
  PAYGATE_BANK_CESSATION_OF_OPERATION = 2,
  PAYGATE_BANK_SUPERSEDED = 3
} paygate_bank_notice_reason;
typedef struct {
  uint32_t size;
  const char* cursor;          /* opaque, printable, unique; what follows it is asked for next */
  uint32_t kind;               /* paygate_bank_notice_kind */
  uint32_t reason;             /* paygate_bank_notice_reason */
  const char* participant_id;
} paygate_bank_notice;
typedef struct {
  uint32_t size;
  uint32_t answered;           /* 0: the bank could not be asked; later */
  uint32_t count;              /* <= PAYGATE_BANK_MAX_NOTICES; the rest is asked for next */
  const paygate_bank_notice* const* notices; /* oldest first */
} paygate_bank_notice_list;

/* What the bank has booked for good on orders of this gateway: the same that it calls COMPLETED,
 * and nothing else. Each order stands there once. No account number. */
#define PAYGATE_BANK_MAX_BOOKINGS   256u /* in one page */
#define PAYGATE_BANK_MAX_BOOKING_ID 64u  /* bytes */
typedef enum {
  PAYGATE_BANK_BOOKED_TRANSFER = 1,
  PAYGATE_BANK_BOOKED_RETURN = 2
} paygate_bank_booking_kind;
typedef struct {
  uint32_t size;
  uint32_t kind;               /* paygate_bank_booking_kind */
  const char* id;              /* the payment_id or refund_id; if the bank does not give it back:
                                  what else names the order, printable */
  int64_t amount_minor_units;
  const char* currency;
  const char* bank_reference;  /* as with COMPLETED */
  int64_t booked;              /* Unix time, by the bank's clock */
} paygate_bank_booking;
typedef struct {
  uint32_t size;
  uint32_t answered;           /* 0: the bank could not be asked; later */
  uint32_t count;              /* <= PAYGATE_BANK_MAX_BOOKINGS */
  uint32_t more;               /* 1: the next page has something already */
  const paygate_bank_booking* const* bookings; /* in the order in which a bank made them */
  const char* cursor;          /* opaque, printable, not empty; the next page begins behind it */
  int64_t complete_until;      /* Unix time: whatever was booked before it, by the bank's clock,
                                  stands in this page or in one before; 0: that is not known */
} paygate_bank_statement_page;

typedef void (*paygate_bank_stated)(void* ctx, const paygate_bank_statement_page* page);
typedef void (*paygate_bank_noticed)(void* ctx, const paygate_bank_notice_list* list);
typedef void (*paygate_bank_done)(void* ctx, const paygate_bank_result* result);
typedef void (*paygate_bank_verified)(void* ctx, const paygate_bank_verification* verification);
typedef void (*paygate_bank_bytes)(void* ctx, const uint8_t* bytes, size_t size);

/* What the host gives. Valid until close() returns. All functions are thread-safe. */
typedef struct {
  uint32_t size;
  void* host;
  int64_t (*now)(void* host);                                    /* Unix time; the only clock */
  void (*log)(void* host, int level, const char* message);       /* 0 debug … 3 error; no account
                                                                    numbers, no codes */
} paygate_bank_host;

typedef struct paygate_bank paygate_bank; /* the adapter's own; opaque to the host */

typedef struct {
  uint32_t size;
  uint32_t version;            /* PAYGATE_BANK_ABI_VERSION that this table follows */
  const char* name;            /* "embedded" */
  uint32_t capabilities;

  /* config: the adapter's own text (TOML by custom). On failure returns NULL after one call of
   * error(ctx, message, size) with a sentence that says what to mend. */
  paygate_bank* (*open)(const char* config, const paygate_bank_host* host,
                        paygate_bank_bytes error, void* ctx);
  /* 0: the bank can be reached as far as the adapter knows. Never blocks. */
  int (*health)(paygate_bank* bank);
  /* Pure: builds the bytes that submit() will send, the same for the same transfer, without I/O,
   * through one call of out(ctx, …) from inside. Nonzero: refused (error() says why). */
  int (*prepare)(paygate_bank* bank, const paygate_bank_transfer* transfer,
                 paygate_bank_bytes out, paygate_bank_bytes error, void* ctx);
  /* Sends prepared bytes. Repeating it with the same bytes moves money at most once. */
  int (*submit)(paygate_bank* bank, const uint8_t* prepared, size_t size,
                paygate_bank_done done, void* ctx);
  /* Asks what became of prepared bytes that were, or may have been, submitted. */
  int (*status)(paygate_bank* bank, const uint8_t* prepared, size_t size,
                paygate_bank_done done, void* ctx);
  /* Is this account open, can it be debited and credited, and is it the one that enrolled under
   * participant_id (ID_X, learnt from verify_enrolment)? */
  int (*verify_account)(paygate_bank* bank, const char* account, const char* participant_id,
                        paygate_bank_verified done, void* ctx);
  /* Registration Authority (paper 6.2.2): does this enrolment code belong to this account? A code
   * works once; the same registration digest is answered the same way again; tries are limited by
   * account. participant_id is ID_X, which the bank keeps so that it can order a revocation.
   * May be NULL without PAYGATE_BANK_CAP_ENROLMENT. */
  int (*verify_enrolment)(paygate_bank* bank, const char* account, const char* enrolment_code,
                          const char* registration_digest, const char* participant_id,
                          paygate_bank_verified done, void* ctx);
  /* As prepare, for a return; its bytes go through submit() and status() like any others.
   * May be NULL without PAYGATE_BANK_CAP_RETURNS. */
  int (*prepare_return)(paygate_bank* bank, const paygate_bank_return* ret,
                        paygate_bank_bytes out, paygate_bank_bytes error, void* ctx);
  /* No new work will come; returns when everything in flight has completed. */
  void (*drain)(paygate_bank* bank);
  void (*close)(paygate_bank* bank);
  /* The notices that came after this cursor ("" for the first of all), for ever the same: a notice
   * that the gateway lost in a crash is asked for again. Asked every few seconds. May be NULL
   * without PAYGATE_BANK_CAP_NOTICES. */
  int (*notices)(paygate_bank* bank, const char* after_cursor, paygate_bank_noticed done,
                 void* ctx);
  /* The bookings that came after this cursor ("" for the first of all), for ever the same. May be
   * NULL without PAYGATE_BANK_CAP_STATEMENT. */
  int (*statement)(paygate_bank* bank, const char* after_cursor, paygate_bank_stated done,
                   void* ctx);
} paygate_bank_adapter_v1;

/* The one exported symbol. The host passes the newest version it knows; the adapter returns the
 * table of the newest version that both know, or NULL if there is none. It is never freed. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const paygate_bank_adapter_v1* paygate_bank_adapter(uint32_t host_version);

#ifdef __cplusplus
}
#endif
#endif /* PAYGATE_BANK_ADAPTER_H */
