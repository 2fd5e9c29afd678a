# SPDX-License-Identifier: LGPL-2.1-or-later
"""RELOAD messages as RFC 6940 6.3 to 7.4 has them; written from the RFC and doc/PROTOCOL, nothing of overlay/ is used."""
import hashlib
import ipaddress
import os
import struct
from collections import namedtuple

TOKEN, VERSION, WHOLE = 0xd2454c4f, 0x0a, 0xc0000000
ATTACH, STORE, FETCH, UPDATE, PING, APP_ATTACH, CONFIG_UPDATE, ERROR = 0x3, 0x7, 0x9, 0x13, 0x17, 0x1d, 0x21, 0xffff
ERRORS = {2: 'Forbidden', 3: 'Not_Found', 4: 'Request_Timeout', 5: 'Generation_Counter_Too_Low', 6: 'Incompatible_with_Overlay',
          7: 'Unsupported_Forwarding_Option', 8: 'Data_Too_Large', 9: 'Data_Too_Old', 10: 'TTL_Exceeded', 11: 'Message_Too_Large',
          12: 'Unknown_Kind', 13: 'Unknown_Extension', 14: 'Response_Too_Large', 15: 'Config_Too_Old', 16: 'Config_Too_New',
          17: 'In_Progress', 20: 'Invalid_Message'}
WILDCARD = b'\xff' * 16
SINGLE, ARRAY, DICTIONARY = 1, 2, 3


def vector(size, data):
    return len(data).to_bytes(size, 'big') + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise ValueError('cut off')
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), 'big')

    def vector(self, size):
        return self.take(self.number(size))

    def left(self):
        return len(self.data) - self.at

    def end(self):
        if self.left():
            raise ValueError(f'{self.left()} octets too many')


# --- destinations (6.3.2.2) ---

def node(ident):
    return b'\x01' + vector(1, ident)


def resource(ident):
    return b'\x02' + vector(1, vector(1, ident))


def resource_id(name):
    """H(name) of CHORD-RELOAD (10.2)."""
    return hashlib.sha1(name if isinstance(name, bytes) else name.encode()).digest()[:16]


def destinations(data):
    """The entries, each as it came."""
    reader, found = Reader(data), []
    while reader.left():
        begin = reader.at
        if reader.data[begin] & 0x80:
            reader.take(2)
        else:
            reader.take(1)
            reader.vector(1)
        found.append(reader.data[begin:reader.at])
    return found


# --- the header (6.3.2) ---

Header = namedtuple('Header', 'overlay sequence version ttl fragment length transaction max_response via to options')


def header_write(h, rest):
    lists = b''.join(h.via), b''.join(h.to), h.options
    length = 38 + sum(map(len, lists)) + len(rest)
    return struct.pack('!IIHBBIIQIHHH', TOKEN, h.overlay, h.sequence, h.version, h.ttl, h.fragment, length, h.transaction, h.max_response,
                       *map(len, lists)) + b''.join(lists) + rest


def header_read(data):
    """(header, octets after it)"""
    token, *fields, via, to, options = struct.unpack('!IIHBBIIQIHHH', data[:38])
    reader = Reader(data)
    reader.take(38)
    if token != TOKEN or fields[5] != len(data):
        raise ValueError('no RELOAD message')
    lists = destinations(reader.take(via)), destinations(reader.take(to)), reader.take(options)
    return Header(*fields, *lists), data[reader.at:]


def option(kind, flags, data=b''):
    return struct.pack('!BBH', kind, flags, len(data)) + data


FORWARD_CRITICAL, DESTINATION_CRITICAL, RESPONSE_COPY = 1, 2, 4


# --- contents and security block (6.3.3, 6.3.4) ---

def contents(code, body, extensions=b''):
    return struct.pack('!H', code) + vector(4, body) + vector(4, extensions)


def extension(kind, critical, data=b''):
    return struct.pack('!HB', kind, critical) + vector(4, data)


def overlay_hash(name):
    return int.from_bytes(hashlib.sha1(name.encode()).digest()[-4:], 'big')


def signer_identity(der):
    """cert_hash with SHA-256: one Node-ID in the certificate."""
    value = b'\x04' + vector(1, hashlib.sha256(der).digest())
    return b'\x01' + vector(2, value)


SHA256_RSA, SHA256_ECDSA = b'\x04\x01', b'\x04\x03'


def signature_write(algorithm, identity, value):
    return algorithm + identity + vector(2, value)


def signature_read(reader):
    """(algorithm, the signer's identity as it came, hash in it, value)"""
    algorithm, begin = reader.take(2), reader.at
    kind, value = reader.number(1), Reader(reader.vector(2))
    identity = reader.data[begin:reader.at]
    digest = None
    if kind == 1:
        value.take(1)
        digest = value.vector(1)
    return algorithm, identity, digest, reader.vector(2)


def security_block(certificates, signature):
    return vector(2, b''.join(b'\x00' + vector(2, der) for der in certificates)) + signature


def security_block_read(reader):
    certificates, bucket = [], Reader(reader.vector(2))
    while bucket.left():
        if bucket.number(1) == 0:
            certificates.append(bucket.vector(2))
        else:
            bucket.vector(2)
    return certificates, signature_read(reader)


# --- addresses and candidates (6.3.1.1, 6.5.1.1) ---

def address_write(host, port):
    packed = ipaddress.ip_address(host).packed
    return bytes([1 if len(packed) == 4 else 2]) + vector(1, packed + port.to_bytes(2, 'big'))


def address_read(reader):
    reader.take(1)
    data = reader.vector(1)
    return str(ipaddress.ip_address(data[:-2])), int.from_bytes(data[-2:], 'big')


DTLS_UDP_SR, HOST, SERVER_REFLEXIVE, RELAYED = 1, 1, 2, 4


def candidate_write(host, port, priority, extensions=b''):
    return address_write(host, port) + bytes([DTLS_UDP_SR]) + vector(1, b'1') + priority.to_bytes(4, 'big') + bytes([HOST]) \
        + vector(2, extensions)


def candidates_read(data):
    """[(address, link type, extensions)]"""
    reader, found = Reader(data), []
    while reader.left():
        address, link = address_read(reader), reader.number(1)
        reader.vector(1)
        reader.number(4)
        if reader.number(1) != HOST:
            address_read(reader)
        found.append((address, link, reader.vector(2)))
    return found


def attach_write(ufrag, password, role, candidates, send_update=False, application=None):
    middle = b'' if application is None else application.to_bytes(2, 'big')
    end = bytes([send_update]) if application is None else b''
    return vector(1, ufrag) + vector(1, password) + middle + vector(1, role) + vector(2, candidates) + end


def attach_read(body, application=False):
    reader = Reader(body)
    ufrag, password = reader.vector(1), reader.vector(1)
    if application:
        reader.number(2)
    role, candidates = reader.vector(1), candidates_read(reader.vector(2))
    if not application:
        reader.number(1)
    reader.end()
    return ufrag, password, role, candidates


# --- storage (7) ---

def data_value(model, value, key=b'', index=0):
    plain = bytes([value is not None]) + vector(4, value or b'')
    return {SINGLE: b'', ARRAY: index.to_bytes(4, 'big'), DICTIONARY: vector(2, key)}[model] + plain


def store_write(ident, kinds):
    """kinds: [(Kind, generation counter, [stored data])]"""
    listed = b''.join(struct.pack('!IQ', kind, counter) + vector(4, b''.join(values)) for kind, counter, values in kinds)
    return vector(1, ident) + b'\x00' + vector(4, listed)


def stored_data(time, lifetime, value, signature):
    return vector(4, struct.pack('!QI', time, lifetime) + value + signature)


def fetch_write(ident, kind, model, generation=0):
    specifier = {SINGLE: b'', ARRAY: vector(2, struct.pack('!II', 0, 0xffffffff)), DICTIONARY: vector(2, b'')}[model]
    return vector(1, ident) + vector(2, struct.pack('!IQ', kind, generation) + vector(2, specifier))


Stored = namedtuple('Stored', 'time lifetime value data algorithm identity digest signature')


def stored_read(reader, model):
    inner = Reader(reader.vector(4))
    time, lifetime, begin = inner.number(8), inner.number(4), inner.at
    if model == ARRAY:
        inner.number(4)
    elif model == DICTIONARY:
        inner.vector(2)
    exists, data = inner.number(1), inner.vector(4)
    value = inner.data[begin:inner.at]
    stored = Stored(time, lifetime, value, data if exists else None, *signature_read(inner))
    inner.end()
    return stored


def fetch_read(body, model):
    """{Kind: (generation, [Stored])}"""
    reader, found = Reader(body), {}
    responses = Reader(reader.vector(4))
    reader.end()
    while responses.left():
        kind, generation, values = responses.number(4), responses.number(8), Reader(responses.vector(4))
        listed = []
        while values.left():
            listed.append(stored_read(values, model))
        found[kind] = generation, listed
    return found


# --- link framing (6.6.2) ---

def frame_data(sequence, message):
    return b'\x80' + struct.pack('!I', sequence & 0xffffffff) + vector(3, message)


def frame_ack(sequence, received):
    return b'\x81' + struct.pack('!II', sequence & 0xffffffff, received)


def random64():
    return int.from_bytes(os.urandom(8), 'big')
