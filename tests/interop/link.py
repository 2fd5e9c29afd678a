# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways to one far node: TLS over TCP, and DTLS over a UDP path found by ICE (RFC 8445, 8489), both on memory BIOs of
OpenSSL; above them the framing of RFC 6940 6.6.2."""
import hashlib
import hmac
import ipaddress
import os
import select
import socket
import struct
import time
import zlib

from OpenSSL import SSL, crypto

import wire

MAGIC = 0x2112a442
BINDING_REQUEST, BINDING_SUCCESS = 0x0001, 0x0101
USERNAME, INTEGRITY, XOR_MAPPED, PRIORITY, USE_CANDIDATE, FINGERPRINT, CONTROLLED, CONTROLLING = \
    0x0006, 0x0008, 0x0020, 0x0024, 0x0025, 0x8028, 0x8029, 0x802a
TIME_MAX = 10   # s, of whatever one waits for


class Closed(Exception):
    """The far side ended the connection, or would not make one."""


def tls_context(method, identity, root):
    context = SSL.Context(method)
    context.use_certificate(crypto.X509.from_cryptography(identity.certificate))
    context.use_privatekey(crypto.PKey.from_cryptography_key(identity.key))
    context.get_cert_store().add_cert(crypto.X509.from_cryptography(root))
    context.set_options(SSL.OP_NO_QUERY_MTU)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda connection, cert, number, depth, good: good)
    return context


class Secure:
    """What both have: a TLS session on memory BIOs; subclasses move its octets."""

    def __init__(self, method, identity, root, server):
        self.tls = SSL.Connection(tls_context(method, identity, root), None)
        if server:
            self.tls.set_accept_state()
        else:
            self.tls.set_connect_state()
        self.up = False

    def pending(self):
        """What the session wants to send."""
        out = b''
        while True:
            try:
                out += self.tls.bio_read(65536)
            except SSL.WantReadError:
                return out

    def feed(self, data):
        """Octets from the far side; returns what they hold for us."""
        self.tls.bio_write(data)
        got = []
        try:
            if not self.up:
                self.tls.do_handshake()
                self.up = True
            while True:
                got.append(self.tls.recv(65536))
        except SSL.WantReadError:
            pass
        except (SSL.Error, SSL.ZeroReturnError) as e:
            self.flush()
            raise Closed(str(e)) from e
        self.flush()
        return got

    def begin(self):
        try:
            self.tls.do_handshake()
        except SSL.WantReadError:
            pass
        self.flush()

    def wait_up(self):
        end = time.monotonic() + TIME_MAX
        while not self.up:
            if time.monotonic() > end:
                raise Closed('no handshake in time')
            for data in self.read(0.2):
                self.early.append(data)

    def send(self, data):
        self.tls.send(data)
        self.flush()

    def far_certificate(self):
        return self.tls.get_peer_certificate().to_cryptography()


class Tcp(Secure):
    """TLS to the overlay port of a bootstrap node (11.4)."""

    def __init__(self, identity, root, address):
        super().__init__(SSL.TLS_METHOD, identity, root, False)
        self.socket, self.early, self.buffer = socket.create_connection(address, TIME_MAX), [], b''
        self.begin()
        self.wait_up()

    def flush(self):
        data = self.pending()
        if data:
            try:
                self.socket.sendall(data)
            except OSError as e:
                raise Closed(str(e)) from e

    def read(self, timeout):
        """Whole frames: a stream has no records of its own."""
        got, self.early = self.early, []
        if not got and select.select([self.socket], [], [], timeout)[0]:
            try:
                data = self.socket.recv(65536)
            except OSError as e:
                raise Closed(str(e)) from e
            if not data:
                raise Closed('the far side closed')
            got = self.feed(data)
        self.buffer += b''.join(got)
        frames = []
        while self.buffer:
            size = 9 if self.buffer[0] == 0x81 else 8 + int.from_bytes(self.buffer[5:8], 'big') if len(self.buffer) >= 8 else 8
            if len(self.buffer) < size:
                break
            frames.append(self.buffer[:size])
            self.buffer = self.buffer[size:]
        return frames

    def close(self):
        self.socket.close()


# --- STUN ---

def attribute(kind, data):
    return struct.pack('!HH', kind, len(data)) + data + b'\0' * (-len(data) % 4)


def stun(kind, transaction, attributes, password):
    body = b''.join(attributes)
    head = struct.pack('!HHI', kind, len(body) + 24, MAGIC) + transaction
    body += attribute(INTEGRITY, hmac.new(password, head + body, hashlib.sha1).digest())
    head = struct.pack('!HHI', kind, len(body) + 8, MAGIC) + transaction
    return head + body + attribute(FINGERPRINT, struct.pack('!I', zlib.crc32(head + body) ^ 0x5354554e))


def stun_read(data):
    """(kind, transaction, {attribute: (value, where)})"""
    kind, length, magic = struct.unpack('!HHI', data[:8])
    if magic != MAGIC or length != len(data) - 20:
        raise ValueError('no STUN message')
    found, at = {}, 20
    while at < len(data):
        name, size = struct.unpack('!HH', data[at:at + 4])
        found.setdefault(name, (data[at + 4:at + 4 + size], at))
        at += 4 + size + -size % 4
    return kind, data[8:20], found


def authentic(data, attributes, password):
    if INTEGRITY not in attributes:
        return False
    value, at = attributes[INTEGRITY]
    head = data[:2] + struct.pack('!H', at + 24 - 20) + data[4:at]
    return hmac.compare_digest(hmac.new(password, head, hashlib.sha1).digest(), value)


def xor_address(address):
    host = int(ipaddress.IPv4Address(address[0])) ^ MAGIC
    return struct.pack('!BBHI', 0, 1, address[1] ^ MAGIC >> 16, host)


class Ice(Secure):
    """One end of an exchange we asked for: controlling, and DTLS server (6.5.1.9, 6.5.1.13). One host candidate."""

    def __init__(self, identity, root, host='127.0.0.1'):
        super().__init__(SSL.DTLS_METHOD, identity, root, True)
        self.tls.set_ciphertext_mtu(1400)   # the first flight in one: GnuTLS takes no fragment of one octet
        self.socket, self.early, self.remote = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), [], None
        self.socket.bind((host, 0))
        self.ufrag, self.password = os.urandom(3).hex().encode(), os.urandom(12).hex().encode()
        self.tie_breaker, self.checks, self.heard_checks = os.urandom(8), {}, 0
        self.priority = (126 << 24) + (65535 << 8) + 255

    def candidate(self, extensions=b''):
        return wire.candidate_write(*self.socket.getsockname(), self.priority, extensions)

    def check(self, address, nominate):
        transaction = os.urandom(12)
        attributes = [attribute(USERNAME, self.far_ufrag + b':' + self.ufrag),
                      attribute(PRIORITY, struct.pack('!I', (110 << 24) + (65535 << 8) + 255)), attribute(CONTROLLING, self.tie_breaker)]
        if nominate:
            attributes.append(attribute(USE_CANDIDATE, b''))
        self.checks[transaction] = address, nominate
        self.socket.sendto(stun(BINDING_REQUEST, transaction, attributes, self.far_password), address)

    def connect(self, ufrag, password, candidates):
        """Checks, nominates what answers first, and lets the far side begin DTLS."""
        self.far_ufrag, self.far_password = ufrag, password
        targets = [address for address, link, _ in candidates if link == wire.DTLS_UDP_SR and ':' not in address[0]]
        end = time.monotonic() + TIME_MAX
        while not self.remote:
            if time.monotonic() > end:
                raise Closed('no candidate answers')
            for address in targets:
                self.check(address, False)
            self.early += self.read(0.1)
        self.wait_up()

    def on_stun(self, data, source):
        kind, transaction, attributes = stun_read(data)
        if kind == BINDING_REQUEST and authentic(data, attributes, self.password):
            self.heard_checks += CONTROLLED in attributes
            self.socket.sendto(stun(BINDING_SUCCESS, transaction, [attribute(XOR_MAPPED, xor_address(source))], self.password), source)
        elif kind == BINDING_SUCCESS and transaction in self.checks and authentic(data, attributes, self.far_password):
            address, nominated = self.checks.pop(transaction)
            if nominated:
                self.remote = address
            elif not self.remote:
                self.check(address, True)

    def flush(self):
        """Each record is a datagram of its own: the BIO does not tell where OpenSSL wrote one."""
        data = self.pending()
        while data:
            size = 13 + int.from_bytes(data[11:13], 'big')
            self.socket.sendto(data[:size], self.remote)
            data = data[size:]

    def read(self, timeout):
        got, self.early = self.early, []
        while not got and select.select([self.socket], [], [], timeout)[0]:
            data, source = self.socket.recvfrom(65536)
            if data[0] < 4:
                self.on_stun(data, source)
            elif self.remote and source == self.remote:
                got = self.feed(data)
            if not self.remote or not self.up:
                break
        return got

    def close(self):
        try:
            self.tls.shutdown()
            self.flush()
        except SSL.Error:
            pass
        self.socket.close()


# --- framing ---

def received_mask(seen, sequence):
    return sum(1 << (sequence - m & 0xffffffff) for m in seen if 0 < (sequence - m & 0xffffffff) < 32)


class Framed:
    """Messages over a link, as an implementation that keeps to the letter has it; `first` and `mask` are what others do
    differently: any first sequence number, a mask that says nothing."""

    def __init__(self, below, first=0, mask=received_mask):
        self.below, self.next, self.mask = below, first, mask
        self.seen, self.unacknowledged, self.fragments = set(), {}, {}

    def send(self, message):
        self.unacknowledged[self.next & 0xffffffff] = message
        self.below.send(wire.frame_data(self.next, message))
        self.next += 1

    def assemble(self, message):
        """6.7: only the destination does it. None while parts are missing."""
        header, rest = wire.header_read(message)
        if header.fragment == wire.WHOLE:
            return message
        offset, last = header.fragment & 0xffffff, header.fragment & 0x40000000
        parts = self.fragments.setdefault(header.transaction, {})
        parts[offset] = rest, last
        whole = b''
        while len(whole) in parts:
            rest, last = parts[len(whole)]
            whole += rest
            if last:
                del self.fragments[header.transaction]
                return wire.header_write(header._replace(fragment=wire.WHOLE), whole)
        return None

    def read(self, timeout):
        """Messages that came."""
        messages = []
        for frame in self.below.read(timeout):
            sequence = int.from_bytes(frame[1:5], 'big')
            if frame[0] == 0x81:
                self.unacknowledged.pop(sequence, None)
                continue
            self.below.send(wire.frame_ack(sequence, self.mask(self.seen, sequence)))
            message = wire.Reader(frame[5:]).vector(3)
            if sequence not in self.seen and message:
                whole = self.assemble(message)
                messages += [whole] if whole else []
            self.seen.add(sequence)
        return messages

    def close(self):
        self.below.close()
