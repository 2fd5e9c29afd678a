# SPDX-License-Identifier: LGPL-2.1-or-later
"""Identities, and a client of an overlay: signed requests, proven answers."""
import datetime
import hashlib
import os
import re
import time
import xml.etree.ElementTree as ElementTree

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import link
import wire

DAY = datetime.timedelta(days=1)
CONFIG = '{urn:ietf:params:xml:ns:p2p:config-base}'


class Document:
    """What a node needs of the configuration document (11.1)."""

    def __init__(self, path):
        tree = ElementTree.parse(path).getroot().find(CONFIG + 'configuration')
        self.name, self.sequence = tree.get('instance-name'), int(tree.get('sequence'))
        self.hash = wire.overlay_hash(self.name)
        root = tree.find(CONFIG + 'root-cert').text
        self.root = x509.load_pem_x509_certificate(f'-----BEGIN CERTIFICATE-----\n{root.strip()}\n-----END CERTIFICATE-----\n'.encode())
        self.initial_ttl = int(tree.findtext(CONFIG + 'initial-ttl', '100'))
        self.reliability = int(tree.findtext(CONFIG + 'overlay-reliability-timer', '3000')) / 1000
        first = tree.find(CONFIG + 'bootstrap-node')
        self.bootstrap = first.get('address'), int(first.get('port'))


class Authority:
    """Issues certificates as 11.3 wants them."""

    def __init__(self, key, certificate):
        self.key, self.certificate = key, certificate

    @classmethod
    def load(cls, folder):
        with open(folder + '/ca.key', 'rb') as f:
            key = serialization.load_pem_private_key(f.read(), None)
        with open(folder + '/ca.crt', 'rb') as f:
            return cls(key, x509.load_pem_x509_certificate(f.read()))

    @classmethod
    def make(cls, like):
        """Another one of the same name: nobody trusts it."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.utcnow()
        builder = x509.CertificateBuilder().subject_name(like.subject).issuer_name(like.subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)
        return cls(key, builder.add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))

    def identity(self, overlay, user, key=None, days=1):
        key, ident, now = key or ec.generate_private_key(ec.SECP256R1()), os.urandom(16), datetime.datetime.utcnow()
        names = [x509.UniformResourceIdentifier(f'reload://0110{ident.hex()}@{overlay}/')]
        names += [x509.RFC822Name(user)] if user else []
        builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self.certificate.subject)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - 10 * DAY).not_valid_after(now + days * DAY)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), True)
        return Identity(key, builder.sign(self.key, hashes.SHA256()), ident)


def node_ids(certificate, overlay):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = [re.fullmatch(r'reload://0110([0-9a-f]{32})@([^/]+)/?', uri, flags=re.I)
             for uri in names.get_values_for_type(x509.UniformResourceIdentifier)]
    return [bytes.fromhex(match[1]) for match in found if match and match[2] == overlay]


def user_of(certificate):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (names.get_values_for_type(x509.RFC822Name) or [None])[0]


class Identity:
    def __init__(self, key, certificate, ident):
        self.key, self.certificate, self.ident = key, certificate, ident
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.signer = wire.signer_identity(self.der)

    def sign(self, data):
        is_rsa = isinstance(self.key, rsa.RSAPrivateKey)
        how = (padding.PKCS1v15(), hashes.SHA256()) if is_rsa else (ec.ECDSA(hashes.SHA256()),)
        return wire.signature_write(wire.SHA256_RSA if is_rsa else wire.SHA256_ECDSA, self.signer, self.key.sign(data + self.signer, *how))


def verify(document, certificates, data, signature):
    """The proven signer's certificate; ValueError says what is wrong."""
    algorithm, identity, digest, value = signature
    for der in certificates:
        if hashlib.sha256(der).digest() == digest:
            certificate = x509.load_der_x509_certificate(der)
            break
    else:
        raise ValueError('the signer is not among the certificates')
    if algorithm not in (wire.SHA256_RSA, wire.SHA256_ECDSA):
        raise ValueError(f'algorithm {algorithm.hex()}')
    how = (padding.PKCS1v15(), hashes.SHA256()) if algorithm == wire.SHA256_RSA else (ec.ECDSA(hashes.SHA256()),)
    try:
        document.root.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
        certificate.public_key().verify(value, data + identity, *how)
    except exceptions.InvalidSignature as e:
        raise ValueError('wrong signature') from e
    if not certificate.not_valid_before <= datetime.datetime.utcnow() <= certificate.not_valid_after:
        raise ValueError('expired')
    return certificate


class Answer:
    def __init__(self, header, code, body, certificates, signer):
        self.header, self.code, self.body, self.certificates, self.signer = header, code, body, certificates, signer

    @property
    def error(self):
        if self.code != wire.ERROR:
            return None
        reader = wire.Reader(self.body)
        number, self.info = reader.number(2), reader.vector(2)
        return wire.ERRORS.get(number, str(number))


class Node:
    """One node with one link to somebody; what it does not know it does not answer."""

    def __init__(self, document, identity, below, **framing):
        self.document, self.identity, self.link = document, identity, link.Framed(below, **framing)
        self.ident = identity.ident
        self.far = node_ids(below.far_certificate(), document.name)[0]
        self.answers, self.requests = {}, []

    # --- sending ---

    def message(self, code, body, to, signer=None, extensions=b'', transaction=None, **fields):
        values = dict(overlay=self.document.hash, sequence=self.document.sequence, version=wire.VERSION, ttl=self.document.initial_ttl,
                      fragment=wire.WHOLE, length=0, transaction=transaction or wire.random64(), max_response=0, via=[], to=to, options=b'')
        values.update(fields)
        head, signer = wire.Header(**values), signer or self.identity
        inner = wire.contents(code, body, extensions)
        signature = signer.sign(self.signed(head, inner))
        return head.transaction, wire.header_write(head, inner + wire.security_block([signer.der], signature))

    @staticmethod
    def signed(head, inner):
        return head.overlay.to_bytes(4, 'big') + head.transaction.to_bytes(8, 'big') + inner

    def ask(self, code, body, to, wait=5, **fields):
        """The proven answer, or None when none comes in time. It repeats nothing: the links are reliable."""
        transaction, message = self.message(code, body, to if isinstance(to, list) else [to], **fields)
        self.link.send(message)
        end = time.monotonic() + wait
        while transaction not in self.answers and time.monotonic() < end:
            self.pump(0.1)
        return self.answers.pop(transaction, None)

    # --- receiving ---

    def pump_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.pump(end - time.monotonic())

    def pump_until(self, condition, wait=5):
        end = time.monotonic() + wait
        while not condition():
            assert time.monotonic() < end, 'it did not come'
            self.pump(0.1)

    def pump(self, timeout):
        for message in self.link.read(timeout):
            head, rest = wire.header_read(message)
            reader = wire.Reader(rest)
            code, body, _ = reader.number(2), reader.vector(4), reader.vector(4)
            inner = rest[:reader.at]
            certificates, signature = wire.security_block_read(reader)
            reader.end()
            if head.to[0] not in (wire.node(self.ident), wire.node(wire.WILDCARD)):
                raise ValueError(f'not for us: {head.to}')
            signer = verify(self.document, certificates, self.signed(head, inner), signature)
            answer = Answer(head, code, body, certificates, signer)
            if code == wire.ERROR or code % 2 == 0:
                self.answers[head.transaction] = answer
            else:
                self.on_request(answer)

    def on_request(self, request):
        back = [wire.node(self.far)] if not request.header.via else request.header.via[::-1]
        if request.code == wire.PING:
            body = wire.random64().to_bytes(8, 'big') + int(time.time() * 1000).to_bytes(8, 'big')
        elif request.code in (wire.CONFIG_UPDATE, wire.UPDATE):   # a neighbour's Update may be of no use, and is answered
            body = b''
        else:
            return
        if request.code != wire.UPDATE:
            self.requests.append(request)
        self.link.send(self.message(request.code + 1, body, back, transaction=request.header.transaction)[1])

    # --- storing ---

    def stored(self, ident, kind, value, signer=None, when=None, lifetime=600):
        when, signer = when or int(time.time() * 1000), signer or self.identity
        signature = signer.sign(ident + kind.to_bytes(4, 'big') + when.to_bytes(8, 'big') + value)
        return wire.stored_data(when, lifetime, value, signature)

    def store(self, ident, kind, value, counter=0, **fields):
        inner = {name: fields.pop(name) for name in ('when', 'lifetime') if name in fields}
        body = wire.store_write(ident, [(kind, counter, [self.stored(ident, kind, value, **inner)])])
        return self.ask(wire.STORE, body, wire.resource(ident), **fields)

    def fetch(self, ident, kind, model, **fields):
        return self.ask(wire.FETCH, wire.fetch_write(ident, kind, model), wire.resource(ident), **fields)

    def values(self, ident, kind, model, answer):
        """[(octets, user who signed)], each proven by its own signature."""
        found = []
        for stored in wire.fetch_read(answer.body, model)[kind][1]:
            data = ident + kind.to_bytes(4, 'big') + stored.time.to_bytes(8, 'big') + stored.value
            certificate = verify(self.document, answer.certificates, data, stored[4:])
            found.append((stored.data, user_of(certificate)))
        return found

    # --- attaching ---

    def attach(self, to, application=None, extensions=b''):
        """A second link to whoever `to` is: (its Node-ID, the secured path, the answer)."""
        ice = link.Ice(self.identity, self.document.root)
        body = wire.attach_write(ice.ufrag, ice.password, b'passive', ice.candidate(extensions), application=application)
        answer = self.ask(wire.ATTACH if application is None else wire.APP_ATTACH, body, to)
        if answer is None or answer.error:
            raise link.Closed(answer.error if answer else 'no answer')
        ufrag, password, role, candidates = wire.attach_read(answer.body, application is not None)
        if role != b'active':
            raise ValueError(f'role {role}')
        ice.connect(ufrag, password, candidates)
        far = node_ids(answer.signer, self.document.name)[0]
        if node_ids(ice.far_certificate(), self.document.name)[0] != far:
            raise ValueError('another node than the one that answered')
        return far, ice, answer

    def close(self):
        self.link.close()
