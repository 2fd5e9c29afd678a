# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's SIPp as a phone with plain RTP; to the scenarios it is what Baresip is. SIPp plays one
scenario per process: one registers, one waits for calls, one more makes each call. It records
nothing, so that what it heard is counted where it receives it, on loopback."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time

import audio
from capture import udp_ports
from net import LabError, user, wait_until
from phone import stop_process

HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="phone">\n'
HOLD = 15000    # ms after which a call that nobody ends is ended by who made it
SDP = '''Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[local_ip_type] [local_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
'''
OWN = '''From: <sip:{aor}>;tag=[pid]SIPpTag[call_number]
To: {to}
Call-ID: [call_id]
CSeq: {cseq}
'''
OUT = '''{method} {uri} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch];rport
Max-Forwards: 70
'''
BACK = '''[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
'''
CONTACT = 'Contact: <sip:sipp@[local_ip]:[local_port]>\n'


def send(text, more=''):
    body = '' if 'Content-Length' in text else 'Content-Length: 0\n\n'
    return f'<send{more}><![CDATA[\n\n{text}{body}]]></send>\n'


def log(word):
    return f'<log message="{word}"/>'


def own(method, uri, to, cseq, aor, more=''):
    return OUT.format(method=method, uri=uri) + more + OWN.format(aor=aor, to=to, cseq=f'{cseq} {method}') + CONTACT


def register(aor):
    return HEAD + send(own('REGISTER', f'sip:{aor.split("@")[1]}', f'<sip:{aor}>', 1, aor) + 'Expires: 3600\n', ' retrans="500"') + \
        '<recv response="200"/>\n</scenario>\n'


def talk(tone):
    return f'<nop><action>{log("CALL_ESTABLISHED")}<exec rtp_stream="{tone},-1,0,PCMU/8000"/></action></nop>\n'


def waits(tone):
    ok = 'SIP/2.0 200 OK\n' + BACK.format(tag='')
    return HEAD + '<recv request="INVITE" rrs="true"><action><ereg regexp="UDP/TLS" search_in="body" assign_to="1"/></action></recv>\n' + \
        '<nop next="9" test="1"/>\n' + \
        send('SIP/2.0 200 OK\n' + BACK.format(tag=';tag=[pid]SIPpTag[call_number]') + '[last_Record-Route:]\n' + CONTACT + SDP, ' retrans="500"') + \
        '<recv request="ACK"/>\n' + talk(tone) + \
        f'<recv request="BYE"><action>{log("CALL_CLOSED")}</action></recv>\n' + send(ok, ' next="10"') + \
        '<label id="9"/>\n' + send('SIP/2.0 488 Not Acceptable Here\n' + BACK.format(tag=';tag=[pid]SIPpTag[call_number]')) + '<recv request="ACK"/>\n' + \
        '<label id="10"/>\n<nop/>\n</scenario>\n'


def dials(aor, target, tone):
    there = f'<sip:{target}>'
    closed = f'<nop><action>{log("CALL_CLOSED")}</action></nop>\n'
    return HEAD + send(own('INVITE', f'sip:{target}', there, 1, aor) + SDP, ' retrans="500"') + \
        '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n<recv response="183" optional="true"/>\n' + \
        '<recv response="200" rrs="true"/>\n' + \
        send(own('ACK', '[next_url]', there + '[peer_tag_param]', 1, aor, '[routes]\n')) + talk(tone) + \
        f'<recv request="BYE" timeout="{HOLD}" ontimeout="1"/>\n' + \
        send('SIP/2.0 200 OK\n' + BACK.format(tag=''), ' next="2"') + '<label id="1"/>\n' + \
        send(own('BYE', '[next_url]', there + '[peer_tag_param]', 2, aor, '[routes]\n'), ' retrans="500"') + '<recv response="200"/>\n' + \
        '<label id="2"/>\n' + closed + '</scenario>\n'


class Sipp:
    """A phone with SIPp's own RTP. It ends no call when it is told to: the other side does, or HOLD."""
    can_hang_up = False

    def __init__(self, machine, name, aor, folder, proxy='127.0.0.1:5080', tone=500, port=5300, rtp=24000):
        self.machine, self.name, self.aor, self.folder, self.proxy, self.tone = machine, name, aor, folder, proxy, tone
        self.port, self.rtp, self.calls, self.started, self.frames, self.running = port, rtp, 0, [], 0, True
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, 'tone.raw'), 'wb') as f:
            f.write(audio.mulaw_tone(tone, 10))
        os.chown(folder, user(), user())

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as f:
            f.write(text)
        os.chown(path, user(), user())
        return path

    def sipp(self, name, scenario, port, calls, rtp=0):
        command = ['sipp', self.proxy, '-sf', self.write(f'{name}.xml', scenario), '-i', '127.0.0.1', '-p', str(port), '-nostdin',
                   '-mp', str(self.rtp + rtp), '-deadcall_wait', '0', '-trace_err',
                   '-error_file', os.path.join(self.folder, f'{name}-errors.log'),
                   '-trace_logs', '-log_file', os.path.join(self.folder, f'events-{name}.log')]
        command += ['-m', str(calls)] if calls else []
        with open(os.path.join(self.folder, f'{name}.said'), 'ab') as said:
            return subprocess.Popen(self.machine.command(command, user()), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                    env={'PATH': os.environ['PATH'], 'TERM': 'dumb', 'HOME': self.folder}, cwd=self.folder)

    def start(self):
        registration = self.sipp('register', register(self.aor), self.port, 1)
        wait_until(f'{self.name}: SIPp registers', lambda: registration.poll() is not None, 20)
        if registration.returncode:
            raise LabError(f'{self.name}: SIPp did not register: exit {registration.returncode}')
        self.wait_for_calls()
        with self.machine.inside():
            self.ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.ear.bind(('lo', 0x0800))
        self.ear.settimeout(0.2)
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def wait_for_calls(self):
        process = self.sipp('waits', waits(os.path.join(self.folder, 'tone.raw')), self.port, 0)
        self.started.insert(0, process)
        wait_until(f'{self.name}: SIPp waits for calls', lambda: self.port in udp_ports(process.pid), 10)

    def listen(self):
        """Frames with a tone that arrive at a port of SIPp's."""
        other = audio.tone_bytes(800 if self.tone == 500 else 500)
        while self.running:
            with contextlib.suppress(TimeoutError, OSError):
                packet, address = self.ear.recvfrom(2048)
                at = (packet[0] & 15) * 4
                port = int.from_bytes(packet[at + 2:at + 4], 'big')
                if address[2] != socket.PACKET_OUTGOING and packet[9] == 17 and port in (self.rtp, self.rtp + 4):
                    self.frames += any(tone in packet for tone in other)

    @property
    def pid(self):
        return self.started[0].pid

    def log(self):
        text = ''
        for name in ('waits', *(f'call-{n}' for n in range(1, self.calls + 1))):
            with contextlib.suppress(FileNotFoundError), open(os.path.join(self.folder, f'events-{name}.log'), errors='replace') as f:
                text += f.read()
        return text

    def registered(self, timeout=20):
        """It is, since start()."""

    def events(self):
        return [w for l in self.log().splitlines() for w in l.split()[-1:] if w.startswith('CALL_')]

    def mark(self):
        return len(self.events())

    def wait(self, kind, since=0, timeout=15, **_):
        kinds = (kind,) if isinstance(kind, str) else kind
        found = wait_until(f'{self.name}: {"/".join(kinds)}', lambda: next((e for e in self.events()[since:] if e in kinds), None), timeout, 0.1)
        return {'type': found, 'when': time.monotonic(), 'param': ''}

    def dial(self, target):
        since = self.mark()
        self.calls += 1
        self.started.append(self.sipp(f'call-{self.calls}', dials(self.aor, target, os.path.join(self.folder, 'tone.raw')), self.port + 1, 1, 4))
        return since

    def hang_up(self):
        pass

    def forget_recordings(self):
        """Another process: after some calls one may send no RTP any more."""
        stop_process(self.started.pop(0), signal.SIGKILL, 3)
        self.wait_for_calls()
        self.frames = 0

    def heard(self, _):
        return self.frames / 50

    def stop(self):
        self.running = False
        for process in self.started:
            stop_process(process, signal.SIGKILL, 3)
        self.ear.close()
