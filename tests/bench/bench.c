/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Linked with -Wl,--wrap for the functions of GnuTLS below.
 */
#include "config.h"

#include "tests/bench/bench.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>

int __real_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                      const gnutls_datum_t *data, gnutls_datum_t *signature);
int __wrap_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                      const gnutls_datum_t *data, gnutls_datum_t *signature);
int __real_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                       const gnutls_datum_t *data, const gnutls_datum_t *signature);
int __wrap_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                       const gnutls_datum_t *data, const gnutls_datum_t *signature);
int __real_gnutls_x509_trust_list_verify_crt (gnutls_x509_trust_list_t list, gnutls_x509_crt_t *certs, unsigned n,
                                              unsigned flags, unsigned *status, gnutls_verify_output_function func);
int __wrap_gnutls_x509_trust_list_verify_crt (gnutls_x509_trust_list_t list, gnutls_x509_crt_t *certs, unsigned n,
                                              unsigned flags, unsigned *status, gnutls_verify_output_function func);

PlBenchCrypto pl_bench_crypto;

int
__wrap_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                  const gnutls_datum_t *data, gnutls_datum_t *signature)
{
  double began = pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID);
  int rc = __real_gnutls_privkey_sign_data2 (key, algorithm, flags, data, signature);

  pl_bench_crypto.signs++;
  pl_bench_crypto.sign_usec += pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID) - began;
  return rc;
}

int
__wrap_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                   const gnutls_datum_t *data, const gnutls_datum_t *signature)
{
  double began = pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID);
  int rc = __real_gnutls_pubkey_verify_data2 (key, algorithm, flags, data, signature);

  pl_bench_crypto.verifications++;
  pl_bench_crypto.verify_usec += pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID) - began;
  return rc;
}

int
__wrap_gnutls_x509_trust_list_verify_crt (gnutls_x509_trust_list_t list, gnutls_x509_crt_t *certs, unsigned n,
                                          unsigned flags, unsigned *status, gnutls_verify_output_function func)
{
  double began = pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID);
  int rc = __real_gnutls_x509_trust_list_verify_crt (list, certs, n, flags, status, func);

  pl_bench_crypto.certs++;
  pl_bench_crypto.cert_usec += pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID) - began;
  return rc;
}

double
pl_bench_cpu (clockid_t clock)
{
  struct timespec now = { 0, 0 };

  clock_gettime (clock, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

void
pl_bench_print (const char *name, double value, const char *unit)
{
  printf ("%s %.2f %s\n", name, value, unit);
  fflush (stdout);
}

static int
compare (const void *a, const void *b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

double
pl_bench_median (double *values, guint n)
{
  qsort (values, n, sizeof *values, compare);
  return values[n / 2];
}
