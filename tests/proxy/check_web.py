#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The local page: what it shows of a real daemon, whom it lets in, and that nothing from outside becomes HTML. With
PEERLINE_WEB_SHOTS=FOLDER headless Chromium, where it is installed, takes pictures of it, light, dark and narrow."""
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse

TOP, BUILD = os.environ['srcdir'], os.environ['builddir']
sys.dont_write_bytecode = True
sys.path.insert(0, TOP + '/tests/support')
import loopback  # noqa: E402
from cases import check, end  # noqa: E402

NAME = 'friends.example'
HEX = 64 # digits of a key
EVIL = '<script>alert(1)</script>'


def shown(digit):
    return ':'.join([digit.upper() * 2] * (HEX // 2))


class Page:
    """peerline-web as a browser meets it."""

    def __init__(self, home):
        self.process = subprocess.Popen([BUILD + '/proxy/peerline-web'], env=home.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        self.url = urllib.parse.urlsplit(self.address)
        self.cookie = None

    def ask(self, method='GET', path='/', form=None, **headers):
        """Status, headers, text. Headers that are None are left out."""
        wire = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=20)
        body = urllib.parse.urlencode(form) if form else None
        sent = {'Host': self.url.netloc, 'Cookie': self.cookie, 'Origin': f'http://{self.url.netloc}' if method == 'POST' else None,
                'Content-Type': 'application/x-www-form-urlencoded' if form else None}
        sent.update(headers)
        wire.putrequest(method, path, skip_host=True)
        for name, value in sent.items():
            if value is not None:
                wire.putheader(name, value)
        if body:
            wire.putheader('Content-Length', str(len(body)))
        wire.endheaders(body.encode() if body else None)
        answer = wire.getresponse()
        text = answer.read().decode()
        wire.close()
        return answer.status, answer.headers, text

    def enter(self):
        status, headers, _ = self.ask(path=f'/?{self.url.query}')
        self.cookie = headers['Set-Cookie'].split(';')[0] if status == 303 else None
        return status, headers

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def register(aor, port, agent):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(('127.0.0.1', 0))
        phone.settimeout(10)
        own = phone.getsockname()[1]
        phone.sendto((f'REGISTER sip:{aor.split("@")[1]} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKr;rport\r\nMax-Forwards: 70\r\n'
                      f'From: <sip:{aor}>;tag=t\r\nTo: <sip:{aor}>\r\nCall-ID: register\r\nCSeq: 1 REGISTER\r\nContact: <sip:x@127.0.0.1:{own}>\r\n'
                      f'User-Agent: {agent}\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n').encode(), ('127.0.0.1', port))
        assert ' 200 ' in phone.recv(65536).decode()


def keeps_strangers_out(page):
    for name, headers, want in (('without the token', {}, 403), ('with a token that is guessed', {}, 403)):
        path = '/' if 'without' in name else '/?token=' + '0' * 64
        check(f'{name} there is no page', page.ask(path=path, **headers)[0] == want)
    check('under another host name there is none, even with the token (DNS rebinding)', page.ask(path=f'/?{page.url.query}', Host='evil.example')[0] == 421)
    status, headers = page.enter()
    check('the token opens it once, for a cookie that no script reads and no other site sends', status == 303
          and 'HttpOnly' in headers['Set-Cookie'] and 'SameSite=Strict' in headers['Set-Cookie'], headers)
    kept, page.cookie = page.cookie, None
    check('the token opens it no second time', page.ask(path=f'/?{page.url.query}')[0] == 403)
    page.cookie = kept
    check('a session under another host name is none', page.ask(Host=f'localhost:{page.url.port}')[0] == 421)
    check('a wrong session is none', page.ask(Cookie=kept[:-1] + ('0' if kept[-1] != '0' else '1'))[0] == 403)


def keeps_other_users_out(page):
    if os.getuid() != 0:
        return
    program = ('import http.client, sys\nwire = http.client.HTTPConnection(sys.argv[1], timeout=20)\n'
               'wire.request("GET", "/", headers={"Cookie": sys.argv[2]})\nprint(wire.getresponse().status)')
    done = subprocess.run(['/usr/bin/python3', '-c', program, page.url.netloc, page.cookie], capture_output=True, text=True, timeout=30, check=False, user=65534, cwd='/')
    check('another user of this machine has no page, not even with the session', done.stdout.strip() == '403', done.stdout + done.stderr)


def is_hardened(headers):
    policy = headers['Content-Security-Policy'] or ''
    return ("default-src 'none'" in policy and "frame-ancestors 'none'" in policy and 'unsafe' not in policy and headers['X-Content-Type-Options'] == 'nosniff'
            and headers['Cache-Control'] == 'no-store' and headers['Referrer-Policy'] == 'no-referrer')


def shows(page):
    status, headers, text = page.ask()
    check('the page says who I am, whether I can be reached, and which phone is there', status == 200 and 'alice@example.org' in text
          and 'You can be reached' in text and 'Outbound proxy' in text, text)
    check('what a phone calls itself is text, whatever it is', EVIL not in text and '&lt;script&gt;' in text, text)
    check('it needs no script and nothing from elsewhere', '<script' not in text and not re.search(r'(src|href)="https?:', text) and 'style=' not in text, text)
    check('its headers let nothing else in', is_hardened(headers), headers)
    check('the ring is drawn with me in it', '<svg' in text and 'class="me"' in text, text)
    status, headers, style = page.ask(path='/style.css')
    check('its style knows light and dark, and narrow windows', status == 200 and 'prefers-color-scheme:dark' in style and 'max-width' in style and is_hardened(headers))
    return re.search(r'name="key" value="([0-9a-f]+)"', text)[1]


def forms(page, home, key):
    good = {'key': key, 'address': 'nobody@example.org'}
    for name, form, headers in (('of another origin', good, {'Origin': 'http://evil.example'}), ('of no origin', good, {'Origin': None}),
                                ('without this page\'s key', dict(good, key='0' * 64), {})):
        check(f'a form {name} is refused', page.ask('POST', '/lookup', form, **headers)[0] == 403)
    status, _, text = page.ask('POST', '/lookup', good)
    check('a look-up tells what came of it', status == 200 and 'nobody@example.org: unknown' in text, text)
    status, _, text = page.ask('POST', '/lookup', dict(good, address=f'"{EVIL}"@example.org'))
    check('what is looked up is text, whatever it is', status == 200 and EVIL not in text, text)
    check('what looks like an option is none', page.ask('POST', '/lookup', dict(good, address='--help'))[0] == 200)
    check('a name that is not known cannot be forgotten', page.ask('POST', '/forget', good)[0] == 409)
    about = dict(good, address='bob@example.net', overlay=NAME)
    text = page.ask()[2]
    check('a refused key is shown with the decision', 'bob@example.net' in text and shown('b') in text and shown('c') in text, text)
    check('a decision without the key it is about is none', page.ask('POST', '/accept', about)[0] == 409)
    check('the key that was shown is taken', page.ask('POST', '/accept', dict(about, which=shown('c')))[0] == 303
          and home.ask('trust', 'show', 'bob@example.net')['key'] == shown('c'), home.ask('trust', 'list'))
    check('a name is forgotten', page.ask('POST', '/forget', about)[0] == 303 and home.ask('trust', 'list') == [])
    check('a decision is none of a link', page.ask(path='/forget')[0] == 404)


def pictures(page, folder):
    chromium = shutil.which('chromium')
    if not chromium or not folder:
        return
    for name, size, more in (('light', '900,1400', []), ('dark', '900,1400', ['--blink-settings=preferredColorScheme=0']), ('narrow', '400,1600', [])):
        fresh = Page(page.home)
        subprocess.run([chromium, '--headless', '--no-sandbox', '--disable-gpu', f'--window-size={size}', f'--screenshot={folder}/page-{name}.png', *more, fresh.address],
                       capture_output=True, timeout=60, check=False)
        fresh.stop()
        check(f'Chromium draws the page ({name})', os.path.exists(f'{folder}/page-{name}.png'))


def main():
    with tempfile.TemporaryDirectory(dir='/tmp') as folder:
        os.chmod(folder, 0o700)
        alice = loopback.Home(BUILD, folder + '/alice')
        sip, overlay = loopback.free_ports(2)
        alice.configure(sip, overlay)
        alice.peerline('overlay', 'create', NAME, '--mode', 'self-signed', '--bootstrap', f'127.0.0.1:{overlay}')
        alice.peerline('identity', 'create', 'alice@example.org', '--overlay', NAME)
        os.makedirs(alice.home + '/data/pins', 0o700, exist_ok=True)
        with open(f'{alice.home}/data/pins/{NAME}', 'w', encoding='utf-8') as pins:
            pins.write(f'[bob@example.net]\nkey={"a" * HEX}\nhow=dialled\nsince=1700000000\nothers={"b" * HEX};{"c" * HEX};\nrefused=1700000001\n')
        alice.start()
        register('alice@example.org', sip, EVIL)
        page = Page(alice)
        page.home = alice
        try:
            keeps_strangers_out(page)
            keeps_other_users_out(page)
            forms(page, alice, shows(page))
            pictures(page, os.environ.get('PEERLINE_WEB_SHOTS'))
            alice.stop()
            status, _, text = page.ask()
            check('without a daemon the page says how to start it', status == 200 and 'peerlined' in text, text)
        finally:
            page.stop()
            alice.kill()
    return end()


if __name__ == '__main__':
    sys.exit(main())
