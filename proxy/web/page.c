/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/web/page.h"

#include <math.h>
#include <string.h>

#define RING_RADIUS 100   /* units of the drawing */
#define NODE_HEX 32

static const char style[] =
  ":root{color-scheme:light dark;--ink:#1d2429;--paper:#fdfcf9;--soft:#5b656c;--line:#cfd6da;--main:#1c4f63;--mark:#8a5a00;--bad:#a02020}\n"
  "@media (prefers-color-scheme:dark){:root{--ink:#e7e9ea;--paper:#15191c;--soft:#a3adb3;--line:#39434a;--main:#7fc2d8;--mark:#ffd166;--bad:#ff9d94}}\n"
  "body{margin:0 auto;max-width:60rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\n"
  "h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;color:var(--main);border-bottom:1px solid var(--line);margin:2rem 0 .5rem}\n"
  "a{color:var(--main)}:focus-visible{outline:3px solid var(--mark);outline-offset:2px}\n"
  ".skip{position:absolute;left:-100rem}.skip:focus{left:1rem}\n"
  "table{border-collapse:collapse;width:100%}caption{text-align:left;color:var(--soft)}\n"
  "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere;vertical-align:top}\n"
  ".soft{color:var(--soft)}.bad{color:var(--bad)}.wide{overflow-x:auto}\n"
  "input,button{font:inherit;padding:.3rem .6rem;color:inherit;background:var(--paper);border:1px solid var(--soft);border-radius:.3rem}\n"
  "button{color:var(--main);border-color:var(--main);cursor:pointer}form{display:inline}\n"
  "svg{max-width:22rem;width:100%;height:auto}svg .ring{fill:none;stroke:var(--line);stroke-width:2}\n"
  "svg .me{fill:var(--mark)}svg .peer{fill:var(--main)}svg line{stroke:var(--line)}svg text{fill:var(--ink);font-size:11px}\n"
  "@media (max-width:34rem){thead{display:none}tr,td{display:block}td{border:0;padding:.1rem 0}tr{border-bottom:1px solid var(--line);padding:.4rem 0}}\n";

const char *
pl_web_style (void)
{
  return style;
}

/* --- JSON --- */

static JsonArray *
rows_of (JsonNode *node)
{
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static JsonArray *
member_rows (JsonObject *object, const char *name)
{
  return object ? rows_of (json_object_get_member (object, name)) : NULL;
}

static JsonObject *
object_at (JsonArray *rows, guint i)
{
  JsonNode *node = json_array_get_element (rows, i);

  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static guint
length_of (JsonArray *rows)
{
  return rows ? json_array_get_length (rows) : 0;
}

static const char *
text_of (JsonObject *object, const char *name)
{
  return object ? json_object_get_string_member_with_default (object, name, "") : "";
}

static gint64
number_of (JsonObject *object, const char *name)
{
  return object ? json_object_get_int_member_with_default (object, name, -1) : -1;
}

/* --- HTML --- */

/* %s are escaped. */
static void G_GNUC_PRINTF (2, 3)
say (GString *out, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_markup_vprintf_escaped (format, args);
  va_end (args);
  g_string_append (out, text);
}

static void
begin (GString *out, const char *title)
{
  say (out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
            "<title>%s</title><link rel=\"stylesheet\" href=\"/style.css\"></head>\n<body>"
            "<a class=\"skip\" href=\"#main\">To the content</a>\n<header><h1>%s</h1></header>\n<main id=\"main\" tabindex=\"-1\">\n", title, title);
}

static char *
end (GString *out)
{
  g_string_append (out, "</main></body></html>\n");
  return g_string_free (out, FALSE);
}

/* FALSE: there are no rows, so that the caption is all. */
static gboolean
head (GString *out, guint rows, const char *caption, const char *const *titles)
{
  if (rows == 0)
    {
      say (out, "<p class=\"soft\">%s</p>\n", caption);
      return FALSE;
    }
  say (out, "<div class=\"wide\"><table><caption>%s</caption><thead><tr>", caption);
  for (guint i = 0; titles[i]; i++)
    say (out, "<th scope=\"col\">%s</th>", titles[i]);
  g_string_append (out, "</tr></thead><tbody>\n");
  return TRUE;
}

static void
foot (GString *out)
{
  g_string_append (out, "</tbody></table></div>\n");
}

/* A decision about a name in an overlay; `which`: the key it is about, "" for all. */
static void
decide (GString *out, const PlWebView *view, JsonObject *pin, const char *action, const char *which)
{
  say (out, "<form method=\"post\" action=\"/%s\"><input type=\"hidden\" name=\"key\" value=\"%s\"><input type=\"hidden\" name=\"which\" value=\"%s\">"
            "<input type=\"hidden\" name=\"overlay\" value=\"%s\"><input type=\"hidden\" name=\"address\" value=\"%s\">"
            "<button>%s<span class=\"skip\"> %s %s</span></button></form>\n", action, view->form_key, which, text_of (pin, "overlay"), text_of (pin, "aor"),
       *which ? "Take this key" : "Forget the name", text_of (pin, "aor"), which);
}

/* --- sections --- */

static const char *
state_words (const char *state)
{
  if (g_str_equal (state, "ready"))
    return "You can be reached.";
  if (g_str_equal (state, "connecting"))
    return "The daemon is not in the overlay yet.";
  return "You are in no overlay yet: the command 'peerline setup' is the way in.";
}

static void
say_status (GString *out, JsonObject *status)
{
  static const char *const titles[] = { "Address", "Overlay", "Vouched for by", "In the overlay", NULL };
  JsonArray *identities = member_rows (status, "identities"), *problems = member_rows (status, "problems");

  say (out, "<p>%s</p>\n", state_words (text_of (status, "state")));
  if (length_of (problems) > 0)
    g_string_append (out, "<ul class=\"bad\" role=\"alert\">\n");
  for (guint i = 0; i < length_of (problems); i++)
    say (out, "<li>%s</li>\n", json_array_get_string_element (problems, i));
  if (length_of (problems) > 0)
    g_string_append (out, "</ul>\n");
  g_string_append (out, "<h2 id=\"me\">Who I am</h2>\n");
  if (!head (out, length_of (identities), length_of (identities) ? "Your identities" : "No identity yet", titles))
    return;
  for (guint i = 0; i < length_of (identities); i++)
    {
      JsonObject *row = object_at (identities, i);

      say (out, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", text_of (row, "aor"), text_of (row, "overlay"),
           text_of (row, "issuer"), number_of (row, "registered") > 0 ? "registered" : "no phone is there");
    }
  foot (out);
}

static void
say_phones (GString *out, JsonArray *phones, JsonObject *status)
{
  static const char *const titles[] = { "Address", "Phone", "Contact", NULL };
  JsonArray *listen = member_rows (status, "listen");

  g_string_append (out, "<h2 id=\"phones\">Phones</h2>\n");
  if (length_of (listen) > 0)
    say (out, "<p class=\"soft\">Outbound proxy for a phone: sip:%s</p>\n", json_array_get_string_element (listen, 0));
  if (!head (out, length_of (phones), length_of (phones) ? "Registered phones" : "No phone has registered", titles))
    return;
  for (guint i = 0; i < length_of (phones); i++)
    {
      JsonObject *row = object_at (phones, i);

      say (out, "<tr><td>%s</td><td>%s</td><td>%s</td></tr>\n", text_of (row, "aor"), text_of (row, "user_agent"), text_of (row, "contact"));
    }
  foot (out);
}

static const char *
lock_words (JsonObject *call)
{
  const char *media = text_of (call, "media");

  if (g_str_equal (media, "ice+dtls-srtp"))
    return "\xf0\x9f\x94\x92 encrypted from end to end, direct";
  if (g_str_equal (media, "phone-encrypted"))
    return "\xf0\x9f\x94\x92 encrypted by the phones";
  return g_str_equal (media, "local") ? "on this machine" : "no voice yet";
}

static void
say_calls (GString *out, JsonArray *calls)
{
  static const char *const titles[] = { "From", "To", "State", "Protection", "Delay", NULL };

  g_string_append (out, "<h2 id=\"calls\">Calls</h2>\n");
  if (!head (out, length_of (calls), length_of (calls) ? "Calls of now and of the last minute" : "No call", titles))
    return;
  for (guint i = 0; i < length_of (calls); i++)
    {
      JsonObject *row = object_at (calls, i);
      gint64 delay = MAX (number_of (row, "lookup"), 0) + MAX (number_of (row, "connect"), 0) + MAX (number_of (row, "invite"), 0);
      gboolean edge = g_str_equal (text_of (row, "edge"), "secured");

      say (out, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s%s</td><td>%d ms</td></tr>\n", text_of (row, "from"), text_of (row, "to"),
           text_of (row, "state"), lock_words (row), edge ? ", with help for your phone" : "", (int) (delay / 1000));
    }
  foot (out);
}

/* Where on the ring a Node-ID lies: clockwise from above, 0 to 2 pi. */
static double
angle_of (const char *node)
{
  g_autofree char *first = g_strndup (node, 8);

  return (double) g_ascii_strtoull (first, NULL, 16) / 4294967296.0 * 2 * G_PI;
}

/* In the drawing. */
typedef struct { char x[G_ASCII_DTOSTR_BUF_SIZE], y[G_ASCII_DTOSTR_BUF_SIZE]; } Point;

static Point
point_of (const char *node)
{
  double angle = angle_of (node);
  Point point;

  g_ascii_formatd (point.x, sizeof point.x, "%.1f", RING_RADIUS * sin (angle));
  g_ascii_formatd (point.y, sizeof point.y, "%.1f", -RING_RADIUS * cos (angle));
  return point;
}

static void
draw_node (GString *out, const char *node, const char *kind, const char *title)
{
  Point at = point_of (node);

  say (out, "<circle class=\"%s\" cx=\"%s\" cy=\"%s\" r=\"7\"><title>%s</title></circle>\n", kind, at.x, at.y, title);
}

static void
draw_link (GString *out, const char *from, const char *to)
{
  Point a = point_of (from), b = point_of (to);

  say (out, "<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>\n", a.x, a.y, b.x, b.y);
}

static gboolean
is_node (const char *text)
{
  return strlen (text) == NODE_HEX;
}

static void
draw_ring (GString *out, const char *me, JsonArray *peers)
{
  say (out, "<svg viewBox=\"-130 -130 260 260\" role=\"img\" aria-label=\"The ring with this node and %u linked nodes\">"
            "<circle class=\"ring\" r=\"%d\"/>\n", length_of (peers), RING_RADIUS);
  for (guint i = 0; is_node (me) && i < length_of (peers); i++)
    if (is_node (text_of (object_at (peers, i), "node")))
      draw_link (out, me, text_of (object_at (peers, i), "node"));
  for (guint i = 0; i < length_of (peers); i++)
    if (is_node (text_of (object_at (peers, i), "node")))
      draw_node (out, text_of (object_at (peers, i), "node"), "peer", text_of (object_at (peers, i), "aor"));
  if (is_node (me))
    draw_node (out, me, "me", "you");
  g_string_append (out, "</svg>\n");
}

static void
say_ring (GString *out, JsonObject *status, JsonArray *peers)
{
  static const char *const titles[] = { "Node", "Whose", "What", "Way", NULL };
  JsonObject *me = length_of (member_rows (status, "overlays")) ? object_at (member_rows (status, "overlays"), 0) : NULL;

  g_string_append (out, "<h2 id=\"ring\">The ring</h2>\n");
  draw_ring (out, text_of (me, "node"), peers);
  if (!head (out, length_of (peers), length_of (peers) ? "Links to other nodes" : "No link", titles))
    return;
  for (guint i = 0; i < length_of (peers); i++)
    {
      JsonObject *row = object_at (peers, i);

      say (out, "<tr><td>%.8s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", text_of (row, "node"), text_of (row, "aor"), text_of (row, "role"), text_of (row, "path"));
    }
  foot (out);
}

static void
say_lookup (GString *out, const PlWebView *view)
{
  JsonObject *answer = view->lookup && JSON_NODE_HOLDS_OBJECT (view->lookup) ? json_node_get_object (view->lookup) : NULL;

  say (out, "<h2 id=\"lookup\">Look somebody up</h2>\n<form method=\"post\" action=\"/lookup\"><input type=\"hidden\" name=\"key\" value=\"%s\">"
            "<label>Address <input name=\"address\" type=\"email\" autocomplete=\"off\" required></label> <button>Look up</button></form>\n", view->form_key);
  if (view->looked_up)
    say (out, "<p role=\"status\">%s: %s, %u %s, %d ms</p>\n", view->looked_up, answer ? text_of (answer, "result") : "no answer",
         length_of (member_rows (answer, "nodes")), length_of (member_rows (answer, "nodes")) == 1 ? "device" : "devices",
         (int) (MAX (number_of (answer, "took"), 0) / 1000));
}

static void
say_trust (GString *out, const PlWebView *view, JsonArray *pins)
{
  static const char *const titles[] = { "Name", "Key", "How known", "Decision", NULL };

  if (length_of (pins) == 0)
    return;
  g_string_append (out, "<h2 id=\"trust\">Whose keys are known</h2>\n");
  head (out, length_of (pins), "A key that another was refused for wants your decision: ask the person on another way first", titles);
  for (guint i = 0; i < length_of (pins); i++)
    {
      JsonObject *row = object_at (pins, i);
      JsonArray *others = member_rows (row, "others");

      say (out, "<tr><td>%s</td><td>%s</td><td>%s</td><td>", text_of (row, "aor"), text_of (row, "key"), text_of (row, "how"));
      for (guint k = 0; k < length_of (others); k++)
        {
          say (out, "<span class=\"bad\">refused: %s</span> ", json_array_get_string_element (others, k));
          decide (out, view, row, "accept", json_array_get_string_element (others, k));
        }
      decide (out, view, row, "forget", "");
      g_string_append (out, "</td></tr>\n");
    }
  foot (out);
}

char *
pl_web_page (const PlWebView *view)
{
  GString *out = g_string_new (NULL);
  JsonObject *status = view->status && JSON_NODE_HOLDS_OBJECT (view->status) ? json_node_get_object (view->status) : NULL;

  begin (out, "peerline");
  if (!status)
    {
      g_string_append (out, "<p class=\"bad\" role=\"alert\">The daemon does not run: start it with the command 'peerlined'.</p>\n");
      return end (out);
    }
  g_string_append (out, "<nav aria-label=\"Sections\"><p><a href=\"/\">Look again</a> \xc2\xb7 <a href=\"#me\">Who I am</a> \xc2\xb7 <a href=\"#phones\">Phones</a> \xc2\xb7 "
                        "<a href=\"#calls\">Calls</a> \xc2\xb7 <a href=\"#ring\">The ring</a> \xc2\xb7 <a href=\"#lookup\">Look somebody up</a></p></nav>\n");
  say_status (out, status);
  say_phones (out, rows_of (view->registrations), status);
  say_calls (out, rows_of (view->calls));
  say_ring (out, status, rows_of (view->peers));
  say_lookup (out, view);
  say_trust (out, view, rows_of (view->trust));
  return end (out);
}

char *
pl_web_message (const char *title, const char *text)
{
  GString *out = g_string_new (NULL);

  begin (out, title);
  say (out, "<p>%s</p>\n", text);
  return end (out);
}
