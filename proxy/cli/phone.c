/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline phone`: what to give a phone so that it uses the daemon, in the phone's own form, on
 * standard output; what else there is to say goes to standard error.
 */
#include "config.h"

#include <stdio.h>

#include "base/aor.h"
#include "proxy/cli/cli.h"

#define WAIT_MAX 3600 /* s */
#define WAIT_STEP 250 /* ms */

static char *aor_option;
static int wait_option;

/* What all phones need. */
typedef struct {
  char *aor, *overlay;
  char *proxy;             /* HOST:PORT of the daemon */
  char *stun;              /* HOST:PORT, NULL: the overlay knows none */
  gboolean registered;     /* a phone has come for this AoR */
} Account;

static void
account_clear (Account *account)
{
  g_free (account->aor);
  g_free (account->overlay);
  g_free (account->proxy);
  g_free (account->stun);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Account, account_clear)

/* --- what the daemon says --- */

static JsonArray *
array_of (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

/* The identity of --aor, or the only one. */
static JsonObject *
find_identity (JsonObject *status, GError **error)
{
  g_autofree char *wanted = aor_option ? pl_aor_canonical (aor_option) : NULL;
  JsonArray *identities = array_of (status, "identities");
  guint n = identities ? json_array_get_length (identities) : 0;

  for (guint i = 0; wanted && i < n; i++)
    {
      JsonObject *identity = json_array_get_object_element (identities, i);

      if (g_strcmp0 (json_object_get_string_member_with_default (identity, "aor", NULL), wanted) == 0)
        return identity;
    }
  if (aor_option)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s is none of your identities: 'peerline identity list' shows them", aor_option);
  else if (n == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "you have no identity yet: 'peerline status' says how to get one");
  else if (n > 1)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "you have %u identities: say which with --aor=ADDRESS", n);
  else
    return json_array_get_object_element (identities, 0);
  return NULL;
}

/* Phones on this machine: an IPv4 address is what all of them can. */
static const char *
best_listen (JsonObject *status)
{
  JsonArray *listen = array_of (status, "listen");
  guint n = listen ? json_array_get_length (listen) : 0;

  for (guint i = 0; i < n; i++)
    if (json_array_get_string_element (listen, i)[0] != '[')
      return json_array_get_string_element (listen, i);
  return n ? json_array_get_string_element (listen, 0) : NULL;
}

static char *
find_stun (PlCli *cli, const char *overlay)
{
  g_autoptr (PlDocument) document = pl_home_load_document (cli->paths, overlay, NULL);
  g_autoptr (GPtrArray) servers = document ? pl_document_dup_stun (document, NULL) : NULL;

  return servers ? g_strdup (g_ptr_array_index (servers, 0)) : NULL;
}

static gboolean
read_registered (PlCli *cli, Account *account, GError **error)
{
  g_autoptr (JsonNode) node = pl_cli_call_json (cli, "Registrations", NULL, error);
  JsonArray *rows = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  for (guint i = 0; rows && i < json_array_get_length (rows); i++)
    if (g_strcmp0 (json_object_get_string_member_with_default (json_array_get_object_element (rows, i), "aor", NULL), account->aor) == 0)
      account->registered = TRUE;
  return node != NULL;
}

static gboolean
read_account (PlCli *cli, Account *account, GError **error)
{
  g_autoptr (JsonNode) node = pl_cli_call_json (cli, "Status", NULL, error);
  JsonObject *status, *identity;

  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return FALSE;
  status = json_node_get_object (node);
  identity = find_identity (status, error);
  if (!identity)
    return FALSE;
  account->aor = g_strdup (json_object_get_string_member_with_default (identity, "aor", ""));
  account->overlay = g_strdup (json_object_get_string_member_with_default (identity, "overlay", ""));
  account->proxy = g_strdup (best_listen (status));
  account->stun = find_stun (cli, account->overlay);
  if (account->proxy)
    return read_registered (cli, account, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "peerlined has no port for phones: 'peerline status' says why");
  return FALSE;
}

/* --- phones --- */

static void
print_baresip (const Account *account)
{
  printf ("# baresip: this line belongs into ~/.baresip/accounts; in ~/.baresip/config the modules\n"
          "# stun.so, ice.so, srtp.so and dtls_srtp.so have to be loaded.\n"
          "<sip:%s;transport=udp>;outbound=\"sip:%s;transport=udp\";regint=300;mediaenc=dtls_srtp;medianat=ice",
          account->aor, account->proxy);
  if (account->stun)
    printf (";stunserver=\"stun:%s\"", account->stun);
  fputs (";auth_pass=x\n", stdout);
}

static void
print_entry (const char *name, const char *before, const char *value, const char *after)
{
  g_autofree char *text = g_strconcat (before, value, after, NULL);
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  printf ("    <entry name=\"%s\" overwrite=\"true\">%s</entry>\n", name, escaped);
}

/* Linphone's own format of provisioning, which its window and linphonec both read. */
static void
print_linphone (const Account *account)
{
  fputs ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<config xmlns=\"http://www.linphone.org/xsds/lpconfig.xsd\">\n"
         "  <section name=\"sip\">\n"
         "    <entry name=\"media_encryption\" overwrite=\"true\">dtls</entry>\n"
         "    <entry name=\"default_proxy\" overwrite=\"true\">0</entry>\n"
         "  </section>\n"
         "  <section name=\"proxy_0\">\n", stdout);
  print_entry ("reg_proxy", "<sip:", account->proxy, ";transport=udp>");
  print_entry ("reg_route", "<sip:", account->proxy, ";transport=udp;lr>");
  print_entry ("reg_identity", "sip:", account->aor, NULL);
  print_entry ("reg_expires", "", "300", NULL);
  print_entry ("reg_sendregister", "", "1", NULL);
  print_entry ("publish", "", "0", NULL);
  print_entry ("nat_policy_ref", "", "peerline", NULL);
  fputs ("  </section>\n  <section name=\"nat_policy_0\">\n", stdout);
  print_entry ("ref", "", "peerline", NULL);
  print_entry ("protocols", "", account->stun ? "stun,ice" : "ice", NULL);
  if (account->stun)
    print_entry ("stun_server", "", account->stun, NULL);
  fputs ("  </section>\n</config>\n", stdout);
}

static void
print_generic (const Account *account)
{
  g_auto (GStrv) parts = g_strsplit (account->aor, "@", 2);

  printf ("address             sip:%s\n"
          "user name           %s\n"
          "domain              %s\n"
          "registrar, domain   as the address says: do not fill in another one\n"
          "outbound proxy      sip:%s\n"
          "transport           UDP (TCP will do)\n"
          "password            any; nobody asks\n"
          "ICE                 on\n"
          "encryption          DTLS-SRTP, required\n"
          "STUN server         %s\n",
          account->aor, parts[0], parts[1] ? parts[1] : "", account->proxy, account->stun ? account->stun : "none");
}

/* Twinkle keeps a profile for each account in ~/.twinkle, one NAME=VALUE a line. */
static void
print_twinkle (const Account *account)
{
  g_auto (GStrv) parts = g_strsplit (account->aor, "@", 2);

  printf ("# USER\nuser_name=%s\nuser_domain=%s\n\n"
          "# SIP SERVER\noutbound_proxy=sip:%s\nall_requests_to_proxy=yes\nnon_resolvable_to_proxy=no\n"
          "register_at_startup=yes\nregistration_time=300\nsip_transport=udp\n\n"
          "# NAT\nuse_stun=no\nuse_nat_public_ip=no\n\n# SECURITY\nzrtp_enabled=no\n",
          parts[0], parts[1] ? parts[1] : "", account->proxy);
}

/* Ekiga keeps accounts in a database of its own: what its windows ask for. */
static void
print_ekiga (const Account *account)
{
  g_auto (GStrv) parts = g_strsplit (account->aor, "@", 2);

  printf ("Edit, Preferences, Protocols, SIP\n"
          "  outbound proxy      sip:%s\n"
          "Edit, Accounts, Accounts, Add a SIP Account\n"
          "  name                peerline\n"
          "  registrar           %s\n"
          "  user                %s\n"
          "  authentication user %s\n"
          "  password            any; nobody asks\n"
          "  timeout             300\n",
          account->proxy, parts[1] ? parts[1] : "", parts[0], parts[0]);
}

typedef struct {
  const char *name;
  void (*print) (const Account *account);
  const char *next; /* what to do with the settings; NULL: they say it themselves */
} Phone;

static const Phone phones[] = {
  { "baresip", print_baresip, NULL },
  { "linphone", print_linphone, "Keep it as a file and give Linphone its name as remote provisioning address: file:///PATH (linphonec: config-uri "
                                "in the group [misc] of its file)." },
  { "twinkle", print_twinkle, "Keep it as ~/.twinkle/peerline.cfg and start twinkle -f peerline. It has no ICE and no DTLS-SRTP: the media edge has both for it." },
  { "ekiga", print_ekiga, "It has no ICE and no DTLS-SRTP: the media edge has both for it." },
  { "generic", print_generic, NULL },
};

static const Phone *
find_phone (const char *name, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (phones); i++)
    if (g_ascii_strcasecmp (phones[i].name, name) == 0)
      return &phones[i];
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no settings for '%s': 'peerline phone generic' says what any phone needs", name);
  return NULL;
}

/* --- the command --- */

static void
print_json (const Account *account)
{
  g_autoptr (JsonNode) node = json_node_alloc ();
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "aor", account->aor);
  json_object_set_string_member (object, "overlay", account->overlay);
  json_object_set_string_member (object, "proxy", account->proxy);
  json_object_set_string_member (object, "stun", account->stun ? account->stun : "");
  json_object_set_boolean_member (object, "registered", account->registered);
  json_node_take_object (json_node_init (node, JSON_NODE_OBJECT), object);
  pl_cli_print_json (node);
}

static gboolean
await_phone (PlCli *cli, Account *account, GError **error)
{
  gint64 end = pl_env_now (cli->env) + wait_option * G_USEC_PER_SEC;

  while (!account->registered && pl_env_now (cli->env) < end)
    {
      pl_cli_pause (WAIT_STEP);
      if (!read_registered (cli, account, error))
        return FALSE;
    }
  if (account->registered)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no phone came for %s in %d s: check its outbound proxy (sip:%s) and that it runs as this user",
               account->aor, wait_option, account->proxy);
  return FALSE;
}

static void
say_next (const Phone *phone, const Account *account)
{
  if (phone->next)
    fprintf (stderr, "%s\n", phone->next);
  if (account->registered)
    fprintf (stderr, "A phone has registered as %s.\n", account->aor);
  else
    fprintf (stderr, "No phone has registered as %s yet%s.\n", account->aor, wait_option ? "; waiting for it" : "");
}

static gboolean
run_phone (PlCli *cli, GError **error)
{
  const Phone *phone = find_phone (g_ptr_array_index (cli->args, 0), error);
  g_auto (Account) account = { 0 };
  gboolean there;

  if (!phone)
    return FALSE;
  if (wait_option < 0 || wait_option > WAIT_MAX)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--wait takes 1 to %d seconds", WAIT_MAX);
      return FALSE;
    }
  if (!read_account (cli, &account, error))
    return FALSE;
  if (!cli->json)
    {
      phone->print (&account);
      fflush (stdout);
      say_next (phone, &account);
    }
  there = account.registered || wait_option == 0 || await_phone (cli, &account, error);
  if (cli->json)
    print_json (&account);
  return there;
}

static const GOptionEntry phone_options[] = {
  { "aor", 0, 0, G_OPTION_ARG_STRING, &aor_option, "Which of your identities", "ADDRESS" },
  { "wait", 0, 0, G_OPTION_ARG_INT, &wait_option, "Wait until the phone has registered", "SECONDS" },
  { NULL }
};

const PlCliCommand pl_cli_phone_commands[] = {
  { NULL, "phone", "baresip|linphone|twinkle|ekiga|generic", "settings for a phone, in its own form",
    "The settings go to standard output, so that they can be kept in a file.", 1, phone_options, run_phone },
  { NULL }
};
