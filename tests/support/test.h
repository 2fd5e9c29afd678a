/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs Check suites with the Test Anything Protocol on standard output, in a temporary
 * HOME that is removed at the end. CK_RUN_CASE, CK_RUN_SUITE and CK_FORK work as usual.
 */
#pragma once
#include <check.h>
#include <glib.h>

/* Frees the suites; returns the exit code of main. Ends with NULL. */
int pl_test_run (Suite *suite, ...) G_GNUC_NULL_TERMINATED;
/* A file of tests/data, whole; fails the test when it can't be read. */
GBytes *pl_test_data (const char *name);
/* Path of a file below tests/, caller frees. */
char *pl_test_path (const char *name);
/* A port of 127.0.0.1 that is free for TCP and UDP, and none that the kernel gives to whoever asks
 * for any: it would be another test's before it is used. */
guint16 pl_test_free_port (void);
