/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/enroll/mail.h"

#include <curl/curl.h>
#include <gio/gio.h>
#include <string.h>

#include "base/secret.h"

#define MAIL_THREADS 4

struct PlMailer {
  const PlMailServer *server;
  GThreadPool *pool;
};

typedef struct {
  char *to, *text;
  gsize done;
} Mail;

static void
mail_free (Mail *mail)
{
  pl_wipe (mail->text, strlen (mail->text));
  g_free (mail->text);
  g_free (mail->to);
  g_free (mail);
}

static size_t
give (char *buffer, size_t size, size_t n, void *data)
{
  Mail *mail = data;
  gsize len = MIN (size * n, strlen (mail->text + mail->done));

  memcpy (buffer, mail->text + mail->done, len);
  mail->done += len;
  return len;
}

/* Codes cross no network in the clear. */
static long
security_for (const char *url)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);
  g_autoptr (GInetAddress) address = uri && g_uri_get_host (uri) ? g_inet_address_new_from_string (g_uri_get_host (uri)) : NULL;

  return address && g_inet_address_get_is_loopback (address) ? CURLUSESSL_TRY : CURLUSESSL_ALL;
}

static void
deliver (gpointer item, gpointer data)
{
  PlMailer *mailer = data;
  const PlMailServer *server = mailer->server;
  Mail *mail = item;
  CURL *curl = curl_easy_init ();
  struct curl_slist *to = curl_slist_append (NULL, mail->to);
  CURLcode rc;

  curl_easy_setopt (curl, CURLOPT_URL, server->url);
  curl_easy_setopt (curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt (curl, CURLOPT_USE_SSL, security_for (server->url));
  curl_easy_setopt (curl, CURLOPT_MAIL_FROM, server->from);
  curl_easy_setopt (curl, CURLOPT_MAIL_RCPT, to);
  if (server->user)
    curl_easy_setopt (curl, CURLOPT_USERNAME, server->user);
  if (server->password)
    curl_easy_setopt (curl, CURLOPT_PASSWORD, server->password);
  curl_easy_setopt (curl, CURLOPT_READFUNCTION, give);
  curl_easy_setopt (curl, CURLOPT_READDATA, mail);
  curl_easy_setopt (curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt (curl, CURLOPT_TIMEOUT, (long) PL_MAIL_SECONDS);
  curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
  rc = curl_easy_perform (curl);
  if (rc != CURLE_OK)
    g_printerr ("peerline-enroll: a mail was not sent: %s\n", curl_easy_strerror (rc));
  curl_slist_free_all (to);
  curl_easy_cleanup (curl);
  mail_free (mail);
}

PlMailer *
pl_mailer_new (const PlMailServer *server)
{
  PlMailer *mailer = g_new0 (PlMailer, 1);

  curl_global_init (CURL_GLOBAL_DEFAULT);
  mailer->server = server;
  mailer->pool = g_thread_pool_new (deliver, mailer, MAIL_THREADS, FALSE, NULL);
  return mailer;
}

void
pl_mailer_free (PlMailer *mailer)
{
  g_thread_pool_free (mailer->pool, FALSE, TRUE);
  curl_global_cleanup ();
  g_free (mailer);
}

void
pl_mailer_send (PlMailer *mailer, const char *to, const char *subject, const char *body)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *date = g_date_time_format (now, "%a, %d %b %Y %H:%M:%S +0000");
  g_autofree char *id = g_uuid_string_random ();
  g_auto (GStrv) lines = g_strsplit (body, "\n", -1);
  g_autofree char *crlf = g_strjoinv ("\r\n", lines);
  Mail *mail;

  if (g_thread_pool_unprocessed (mailer->pool) >= PL_MAILS_WAITING)
    {
      g_printerr ("peerline-enroll: a mail was not sent: too many wait\n");
      return;
    }
  mail = g_new0 (Mail, 1);
  mail->to = g_strdup (to);
  mail->text = g_strdup_printf ("Date: %s\r\nFrom: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@%s>\r\n"
                                "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                                "Content-Type: text/plain; charset=UTF-8\r\n\r\n%s", date, mailer->server->from, to, subject, id,
                                strchr (mailer->server->from, '@') ? strchr (mailer->server->from, '@') + 1 : PACKAGE_NAME ".invalid", crlf);
  g_thread_pool_push (mailer->pool, mail, NULL);
}
