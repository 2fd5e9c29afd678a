/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the user has on disk: overlays joined, authorities, identities.
 *
 *   data/overlays/NAME.xml                the signed configuration document
 *   data/overlays/NAME.ca                 what alone the HTTPS of its enrollment server is trusted by, if given
 *   data/authorities/NAME/{ca,signer}.{key,crt}
 *   data/identities/NAME/AOR.{key,crt}
 *   data/identities/NAME/AOR.newkey       takes the place of the key when its certificate comes
 *   data/identities/NAME/AOR.request      asked for and not yet there: waits for its certificate
 *   data/identities/NAME/AOR.redirect     the AoR that takes its calls
 *   data/identities/NAME/AOR.incognito    there: shares nothing with the others on the wire
 *
 *   data/secrets/NAME                     shared secrets, 64 hexadecimal digits a line: the first is used, all are
 *                                         taken; 0600
 *   data/pins/NAME                        which key a name had first (proxy/pins.h)
 *
 * NAME and AOR are escaped (pl_paths_escape). Folders 0700, keys 0600.
 */
#pragma once
#include "overlay/enroll/document.h"
#include "overlay/ident/identity.h"
#include "proxy/paths.h"

G_BEGIN_DECLS

typedef struct {
  char *name;
  char *path;
  PlDocument *document;   /* NULL when it can't be read */
  gboolean authority;     /* its CA is here */
} PlHomeOverlay;
void pl_home_overlay_free (PlHomeOverlay *overlay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlHomeOverlay, pl_home_overlay_free)

typedef struct {
  char *aor;              /* canonical */
  char *overlay;          /* name */
  char *key_path, *cert_path, *new_key_path, *request_path, *redirect_path, *incognito_path, *document_path, *pins_path, *secrets_path;
} PlHomeIdentity;
void pl_home_identity_free (PlHomeIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlHomeIdentity, pl_home_identity_free)

/* Both lists are sorted, never NULL, and freed with their elements. What can't be used is left
 * out (an overlay: has no document) and said in *problems, when `problems` is not NULL: a
 * GPtrArray of char *, NULL when there are none; each says what to do. */
GPtrArray *pl_home_list_overlays (const PlPaths *paths, GPtrArray **problems);
/* Identities with a certificate, whose overlay's document is there. Files are not opened. */
GPtrArray *pl_home_list_identities (const PlPaths *paths, GPtrArray **problems);
/* Keys that have no certificate: those with a request wait for one, others have lost it. */
GPtrArray *pl_home_list_requests (const PlPaths *paths);

/* Paths, whether the files exist or not; caller frees. */
char *pl_home_dup_document_path (const PlPaths *paths, const char *overlay);
char *pl_home_dup_authority_dir (const PlPaths *paths, const char *overlay);
char *pl_home_dup_pins_path (const PlPaths *paths, const char *overlay);
char *pl_home_dup_secrets_path (const PlPaths *paths, const char *overlay);
/* PL_HOME_SECRET_LEN bytes each, 1 to PL_HOME_SECRETS_MAX; to be wiped. */
#define PL_HOME_SECRET_LEN 32
#define PL_HOME_SECRETS_MAX 4
GBytes *pl_home_load_secrets (const char *path, GError **error);
/* One in each line, as in a file of them; NULL with error. To be wiped. */
GBytes *pl_home_parse_secrets (const char *text, GError **error);
gboolean pl_home_save_secrets (const char *path, GBytes *secrets, GError **error);
char *pl_home_dup_ca_path (const PlPaths *paths, const char *overlay);
PlHomeIdentity *pl_home_identity_new (const PlPaths *paths, const char *aor, const char *overlay);
/* Whether nobody shall see that it is of the same user as the others. */
gboolean pl_home_is_incognito (const PlHomeIdentity *identity);
/* What its .redirect file says, caller frees; NULL: no such file, or error set. */
char *pl_home_load_redirect (const PlHomeIdentity *identity, GError **error);

/* The document of an overlay that was joined; signature not checked again. */
PlDocument *pl_home_load_document (const PlPaths *paths, const char *overlay, GError **error);

G_END_DECLS
