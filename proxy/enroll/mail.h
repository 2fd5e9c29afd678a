/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sends mails by SMTP, in threads of its own; what can't be sent is logged and dropped, as whoever
 * waits for it asks again.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_MAILS_WAITING 256
#define PL_MAIL_SECONDS 30   /* for one, whole */

typedef struct {
  const char *url;           /* smtp://HOST:PORT (STARTTLS is a must, but on loopback) or smtps:// */
  const char *from, *user, *password; /* the last two may be NULL */
} PlMailServer;

typedef struct PlMailer PlMailer;

/* `server` is borrowed. */
PlMailer *pl_mailer_new (const PlMailServer *server);
/* Waits for mails under way. */
void pl_mailer_free (PlMailer *mailer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlMailer, pl_mailer_free)

/* `to` and `subject` without control characters; `body` has lines ended by \n. */
void pl_mailer_send (PlMailer *mailer, const char *to, const char *subject, const char *body);

G_END_DECLS
