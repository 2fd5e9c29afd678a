/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Digest authentication of phones (RFC 7616, RFC 8760; MD5 for old ones): an engine with a file of
 * passwords, 0600, each line "alice@example.org PASSWORD", "#" begins a comment. Who stands in it
 * must show the password; who does not needs none. "alice@example.org;md5 PASSWORD" is for phones that
 * stumble over a challenge with an algorithm they do not know, as baresip 1.0.0 does.
 */
#pragma once
#include <gio/gio.h>
#include "base/env.h"

G_BEGIN_DECLS

#define PL_DIGEST_REALM "peerline"
#define PL_DIGEST_NONCE_TIME (300 * PL_USEC_PER_SEC) /* then a phone is asked anew, as stale */
#define PL_DIGEST_FILE_MAX 65536
#define PL_DIGEST_PARAM_MAX 512                      /* bytes of one value; longer ones are wrong */

typedef struct PlDigest PlDigest;

/* `path` need not be there. */
PlDigest *pl_digest_new (PlEnv *env, const char *path);
void pl_digest_free (PlDigest *digest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlDigest, pl_digest_free)

typedef enum {
  PL_DIGEST_FREE,     /* no password for this AoR */
  PL_DIGEST_GOOD,
  PL_DIGEST_MISSING,  /* to be asked for */
  PL_DIGEST_STALE,    /* right, of a nonce that is over */
  PL_DIGEST_WRONG,
  PL_DIGEST_BROKEN,   /* the file cannot be read, or others can read it: nobody gets in; the log says why */
} PlDigestResult;

/* Does a request prove the password of `aor` (canonical)? `params`: "name=value", as an Authorization
 * header with the scheme Digest has them, quoted or not, NULL-terminated; NULL: it has none. The file is
 * read each time, so that a change counts at once. */
PlDigestResult pl_digest_check (PlDigest *digest, const char *aor, const char *method, const char *const *params);
/* WWW-Authenticate headers for `aor`, each with CRLF, the better algorithm first (RFC 8760, 2.4); caller frees. */
char *pl_digest_dup_challenge (PlDigest *digest, const char *aor, gboolean stale);

G_END_DECLS
