# SPDX-License-Identifier: LGPL-2.1-or-later
"""Captures: taken with dumpcap, read and judged here, packet by packet."""
import ipaddress
import os
import signal
import struct
import subprocess

from net import LabError, wait_until
from phone import stop_process

ETHER_IP4, ETHER_IP6, ETHER_ARP = 0x0800, 0x86dd, 0x0806
TCP, UDP, ICMP6 = 6, 17, 58
RTCP_BYE = 203          # baresip 1.0.0 says goodbye, with its CNAME, when its keys are gone already
PLAIN_FRAME = 12 + 160  # RTP header and 20 ms of G.711; protected it is longer by its tag
EARLY_FRAMES = 3        # baresip 1.0.0 starts its voice and the DTLS handshake at once
EARLY_FRAMES_ZRTP = 12  # ZRTP begins in clear (RFC 6189, 4.1), linphone with silence of ours
# What no outside packet may hold, whatever it calls itself.
CLEAR = [b'SIP/2.0', b'INVITE sip', b'REGISTER sip', b'MESSAGE sip', b'BYE sip', b'v=0\r\n', b'm=audio', b'a=fingerprint', b'a=candidate', b'Call-ID:']


class Capture:
    """dumpcap on one interface of one machine."""

    def __init__(self, machine, path, interface='eth0'):
        self.path = path
        with open(path + '.log', 'wb') as log:
            self.process = subprocess.Popen(machine.command(['dumpcap', '-q', '-P', '-s', '0', '-B', '16', '-i', interface, '-w', path]),
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        wait_until(f'capture on {machine.name}', self.started, 10)

    def started(self):
        with open(self.path + '.log') as f:
            said = f.read()
        if self.process.poll() is not None:
            raise LabError(f'dumpcap ended: {said}')
        return 'File:' in said and os.path.exists(self.path)

    def stop(self):
        stop_process(self.process, signal.SIGINT, 10)

    def packets(self):
        return list(read_pcap(self.path))


class Packet:
    """One frame taken apart as far as we judge it. kind: udp, tcp, arp, icmp6 or a word for what else."""
    __slots__ = ('time', 'raw', 'kind', 'src', 'dst', 'payload', 'sequence', 'syn')

    def __init__(self, time, raw):
        self.time, self.raw, self.src, self.dst, self.payload, self.sequence, self.syn = time, raw, None, None, b'', 0, False
        ether = struct.unpack('!H', raw[12:14])[0]
        if ether == ETHER_ARP:
            self.kind = 'arp'
        elif ether == ETHER_IP4:
            size = (raw[14] & 15) * 4
            total, = struct.unpack('!H', raw[16:18])
            fragment, = struct.unpack('!H', raw[20:22])
            self.transport(raw[23], raw[26:30], raw[30:34], raw[14 + size:14 + total], fragment & 0x3fff)
        elif ether == ETHER_IP6:
            length, = struct.unpack('!H', raw[18:20])
            number, at = raw[20], 54
            if number == 0:     # hop-by-hop options, of multicast listener reports
                number, at = raw[54], 54 + 8 * (raw[55] + 1)
            self.transport(number, raw[22:38], raw[38:54], raw[at:54 + length], number == 44)
        else:
            self.kind = f'ethertype {ether:04x}'

    def transport(self, number, src, dst, data, fragment):
        src, dst = str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst))
        if fragment:
            self.kind = 'fragment'
        elif number == UDP:
            self.kind = 'udp'
            ports = struct.unpack('!HH', data[:4])
            self.src, self.dst, self.payload = (src, ports[0]), (dst, ports[1]), data[8:]
        elif number == TCP:
            self.kind = 'tcp'
            *ports, self.sequence = struct.unpack('!HHI', data[:8])
            self.src, self.dst, self.payload = (src, ports[0]), (dst, ports[1]), data[(data[12] >> 4) * 4:]
            self.syn = bool(data[13] & 2)
        elif number == ICMP6:
            self.kind = 'icmp6'
        elif number == 1 and data[:1] == b'\x03' and len(data) >= 36:
            self.kind = 'unreachable'       # quotes the packet nobody listened to, after 8 bytes
            self.payload = data[8 + (data[8] & 15) * 4 + 8:]
        else:
            self.kind = f'protocol {number}'

    @property
    def flow(self):
        return self.src, self.dst


def read_pcap(path):
    with open(path, 'rb') as f:
        head = f.read(24)
        if len(head) < 24:
            return
        order = '<' if head[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
        fraction = 1e-9 if head[:4] in (b'\x4d\x3c\xb2\xa1', b'\xa1\xb2\x3c\x4d') else 1e-6
        while True:
            record = f.read(16)
            if len(record) < 16:
                return
            seconds, part, size, _ = struct.unpack(order + 'IIII', record)
            raw = f.read(size)
            if len(raw) < size:
                return
            yield Packet(seconds + part * fraction, raw)


def write_pcap(path, packets):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for p in packets:
            f.write(struct.pack('<IIII', int(p.time), int(p.time % 1 * 1e6), len(p.raw), len(p.raw)) + p.raw)


def datagram_kind(data):
    """What a UDP payload is by its own bytes (RFC 7983 section 7); None for anything else."""
    if not data:
        return None
    data = unwrapped(data)
    first = data[0]
    if first < 2 and len(data) >= 20 and (data[4:8] == b'\x21\x12\xa4\x42' or classic_binding(data)):
        return 'stun'
    if 20 <= first <= 25 and len(data) >= 13 and data[1:3] in (b'\xfe\xfd', b'\xfe\xff') and records_fit(data, 13, 11):
        return 'dtls'
    if 128 <= first <= 191 and len(data) >= 12:
        return 'srtp' if not is_plain_rtcp(data) else 'rtcp bye' if data[1] == RTCP_BYE else 'rtcp in clear'
    if first == 0x10 and data[4:8] == b'ZRTP':
        return 'zrtp'
    return None


def unwrapped(data):
    """What a TURN server is to pass on, or has passed on (RFC 8656, 11 and 12)."""
    if 0x40 <= data[0] <= 0x4f and len(data) > 16:
        return data[4:4 + int.from_bytes(data[2:4], 'big')] or data
    if data[:2] in (b'\x00\x16', b'\x00\x17') and data[4:8] == b'\x21\x12\xa4\x42':
        at = 20
        while at + 4 < len(data):
            kind, size = struct.unpack_from('!HH', data, at)
            if kind == 0x0013 and size:
                return data[at + 4:at + 4 + size]
            at += 4 + size + -size % 4
    return data


def is_rtcp(data):
    return 192 <= data[1] <= 223


def is_plain_rtcp(data):
    """Whole RTCP packets and nothing else; SRTCP has an index and a tag at its end (RFC 3711, 3.4)."""
    at = 0
    while is_rtcp(data) and at + 4 <= len(data):
        at += 4 + 4 * int.from_bytes(data[at + 2:at + 4], 'big')
    return at == len(data)


def classic_binding(data):
    """A Binding request without the magic cookie (RFC 3489), as libnice asks a STUN server: a
    bare header, or its answer of known attributes."""
    kind, size = struct.unpack('!HH', data[:4])
    return kind in (0x0001, 0x0101) and size == len(data) - 20 and (size == 0 or data[20:22] in (b'\x00\x01', b'\x80\x22', b'\x00\x20'))


def records_fit(data, head, at):
    """Is it whole (D)TLS records and nothing else?"""
    while data:
        if len(data) < head:
            return False
        size = struct.unpack('!H', data[at:at + 2])[0]
        if len(data) < head + size:
            return False
        data = data[head + size:]
    return True


def streams(packets):
    """The bytes of each direction of each TCP connection, in order."""
    chunks = {}
    for p in packets:
        if p.kind == 'tcp':
            number, parts = chunks.get(p.flow, (0, None))
            if p.syn or parts is None:
                number += 1
                chunks[p.flow] = (number, {})
                chunks.setdefault((p.flow, number), {})
            if p.payload:
                chunks[(p.flow, number)].setdefault(p.sequence, p.payload)
    for key, parts in chunks.items():
        if not isinstance(parts, dict) or not parts:
            continue
        data, expected = b'', None
        for sequence in sorted(parts):
            payload = parts[sequence]
            if expected is not None and sequence < expected:
                payload = payload[expected - sequence:]
                sequence = expected
            if expected is not None and sequence > expected:
                break
            data += payload
            expected = sequence + len(payload)
        yield key, data


def tls_complaint(data):
    """Why these bytes of one direction are not TLS, or None. A last record may be cut off."""
    while data:
        if data[0] not in (20, 21, 22, 23) or len(data) > 1 and data[1] != 3:
            return f'bytes that are no TLS record: {data[:8].hex()}'
        if len(data) < 5:
            return None
        size = struct.unpack('!H', data[3:5])[0]
        if size > 16384 + 256:
            return f'a TLS record of {size} bytes'
        data = data[5 + size:]
    return None


def judge(packets, tones=(), early=EARLY_FRAMES, here=None):
    """(counts by kind, complaints): every packet is something that may be seen outside. `early`: frames
    of silence that a phone may send in clear while its handshake goes on. `here`: an address whose
    sockets may have had their handshake by another way than the packets (relays)."""
    counts, complaints, secured = {}, early_frames(packets, early), set()
    for number, p in enumerate(packets, 1):
        kind = p.kind
        if kind in ('udp', 'unreachable'):
            kind = datagram_kind(p.payload)
            if kind is None and p.kind == 'unreachable':
                kind = 'unreachable'    # a quotation cut short: its bytes are searched below all the same
        if kind in ('dtls', 'zrtp'):
            secured.update((p.flow, p.flow[::-1], *(s for s in p.flow if s and s[0] == here)))
        if kind == 'srtp' and p.kind == 'udp' and not secured.intersection((p.flow, *p.flow)) and not is_rtcp(unwrapped(p.payload)):
            complaints.append(f'packet {number}: RTP from {p.src} to {p.dst} without a handshake before')
        counts[kind] = counts.get(kind, 0) + 1
        if kind not in ('arp', 'icmp6', 'tcp', 'stun', 'dtls', 'zrtp', 'srtp', 'rtcp bye', 'unreachable'):
            complaints.append(f'packet {number}: {kind or "unknown datagram"} {p.src} -> {p.dst}: {p.payload[:16].hex() or p.raw[:40].hex()}')
        complaints += [f'packet {number}: {word!r} in clear' for word in CLEAR if word in p.raw]
        complaints += [f'packet {number}: the tone in clear' for tone in tones if tone in p.raw][:1]
    for (flow, _), data in streams(packets):
        why = tls_complaint(data)
        if why:
            complaints.append(f'TCP {flow[0]} -> {flow[1]}: {why}')
    return counts, complaints


def plain_frame(packet):
    return packet.kind == 'udp' and len(packet.payload) == PLAIN_FRAME and packet.payload[0] == 0x80 and packet.payload[1] & 0x7f in (0, 8)


def early_frames(packets, early):
    """Complaints of G.711 in clear. The phone's own fault, and nobody else's to mend, is a frame or
    two of a flow while its handshake still goes on; after the first protected packet there is none."""
    complaints, plain, protected, zrtp = [], {}, set(), set()
    for number, p in enumerate(packets, 1):
        if plain_frame(p):
            plain[p.flow] = plain.get(p.flow, 0) + 1
            if p.flow in protected or plain[p.flow] > (max(early, EARLY_FRAMES_ZRTP) if p.flow in zrtp else early):
                complaints.append(f'packet {number}: voice in clear {p.src} -> {p.dst}')
        elif p.kind == 'udp' and datagram_kind(p.payload) == 'srtp':
            protected.add(p.flow)
        elif p.kind == 'udp' and datagram_kind(p.payload) == 'zrtp':
            zrtp.update((p.flow, p.flow[::-1]))
    return complaints


def media_flows(packets, least=20):
    """Flows (src, dst) that carry a voice: many SRTP packets of it."""
    counts = {}
    for p in packets:
        if p.kind == 'udp' and datagram_kind(p.payload) == 'srtp':
            counts[p.flow] = counts.get(p.flow, 0) + 1
    return {flow: n for flow, n in counts.items() if n >= least}


def longest_gap(packets, flow, start, end):
    """The longest silence, in seconds, of a flow between two moments (wall clock)."""
    times = [start] + [p.time for p in packets if p.flow == flow and start <= p.time <= end] + [end]
    return max(b - a for a, b in zip(times, times[1:]))


def udp_ports(pid):
    """Local UDP ports of a process, by the inodes of its sockets."""
    inodes = set()
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
        except OSError:
            continue
        if target.startswith('socket:['):
            inodes.add(target[8:-1])
    ports = set()
    for name in ('udp', 'udp6'):
        with open(f'/proc/{pid}/net/{name}') as f:
            for line in f.read().splitlines()[1:]:
                field = line.split()
                if field[9] in inodes:
                    ports.add(int(field[1].rsplit(':', 1)[1], 16))
    return ports
