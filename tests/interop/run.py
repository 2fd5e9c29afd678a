#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A peer written from the documents alone talks with a running daemon on loopback. Prints TAP.

  run.py --builddir DIR [WORD]     only the tests whose name has WORD
"""
import argparse
import os
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))

from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402

import link  # noqa: E402
import loopback  # noqa: E402
import node  # noqa: E402
import wire  # noqa: E402

NAME, OWNER, BOB, CAROL = 'interop.example.org', 'owner@example.org', 'bob@example.org', 'carol@example.org'
NOTE, LIST, MAP, UNKNOWN = 0xf0000001, 0xf0000002, 0xf0000003, 0xf0000009
KINDS = ('0xf0000001:SINGLE:USER-MATCH:1:4000', '0xf0000002:ARRAY:USER-MATCH:4:1000', '0xf0000003:DICTIONARY:USER-NODE-MATCH:4:1000')
SILENCE = 1.5   # s without an answer to something that gets none
PLACE = wire.resource_id(BOB)


class World:
    """The daemon, its overlay's authority, and whoever comes."""

    def __init__(self, build, folder):
        self.home, self.nodes = loopback.Home(build, folder + '/daemon'), []
        sip, self.port = loopback.free_ports(2)
        self.home.configure(sip, self.port, level='info')
        options = [word for kind in KINDS for word in ('--kind', kind)]
        self.home.peerline('overlay', 'create', NAME, '--bootstrap', f'127.0.0.1:{self.port}', *options)
        self.home.peerline('identity', 'create', OWNER, '--overlay', NAME)
        self.document = node.Document(self.home.document(NAME))
        self.authority = node.Authority.load(f'{self.home.home}/data/authorities/{NAME}')
        self.home.start()

    def identity(self, user=BOB, **how):
        return self.authority.identity(NAME, user, **how)

    def node(self, user=BOB, identity=None, **framing):
        """Over TLS to the bootstrap port."""
        identity = identity or self.identity(user)
        made = node.Node(self.document, identity, link.Tcp(identity, self.document.root, self.document.bootstrap), **framing)
        self.nodes.append(made)
        return made

    def over_ice(self, tcp, to=None, **framing):
        """The same node over DTLS, by an Attach sent over TCP."""
        _, ice, _ = tcp.attach(to or wire.node(tcp.far))
        made = node.Node(self.document, tcp.identity, ice, **framing)
        self.nodes.append(made)
        return made

    def close(self):
        while self.nodes:
            self.nodes.pop().close()


def ping(where, to=None, **fields):
    return where.ask(wire.PING, wire.vector(2, b''), to or wire.node(where.far), **fields)


def must(answer, code):
    assert answer is not None, 'no answer'
    assert answer.code == code, answer.error or hex(answer.code)
    return answer


def must_fail(answer, error):
    assert answer is not None, 'no answer'
    assert answer.error == error, answer.error or hex(answer.code)
    return answer


# --- messages ---

def ping_is_answered_by_node_wildcard_and_place(world):
    one = world.node()
    for to in (wire.node(one.far), wire.node(wire.WILDCARD), wire.resource(wire.resource_id('anything'))):
        answer = must(ping(one, to), wire.PING + 1)
        assert len(answer.body) == 16 and node.node_ids(answer.signer, NAME) == [one.far]
        assert answer.header.max_response == 0 and answer.header.ttl <= 100


def ping_with_a_large_padding_is_answered(world):
    must(world.node().ask(wire.PING, wire.vector(2, b'\0' * 15000), wire.node(wire.WILDCARD)), wire.PING + 1)


def wrong_overlay_is_refused(world):
    must_fail(ping(world.node(), overlay=world.document.hash ^ 1), 'Incompatible_with_Overlay')


def other_version_is_refused(world):
    must_fail(ping(world.node(), version=0x0b), 'Incompatible_with_Overlay')


def ttl_above_the_initial_one_is_refused(world):
    must_fail(ping(world.node(), ttl=world.document.initial_ttl + 1), 'TTL_Exceeded')


def ttl_that_ran_out_on_the_way_is_told(world):
    one, two = world.node(BOB), world.node(CAROL)
    ping(two)
    must_fail(ping(one, wire.node(two.ident), ttl=0), 'TTL_Exceeded')


def answer_larger_than_asked_for_is_refused(world):
    one = world.node()
    answer = ping(one, max_response=100)
    assert answer is not None and answer.error in ('Response_Too_Large', 'Incompatible_with_Overlay'), answer and (answer.error or hex(answer.code))
    must(ping(one, max_response=10000), wire.PING + 1)


def sequence_of_another_document_is_told(world):
    one = world.node()
    must_fail(ping(one, sequence=world.document.sequence - 1), 'Config_Too_Old')
    one.pump_until(lambda: one.requests)
    assert [r.code for r in one.requests] == [wire.CONFIG_UPDATE], one.requests
    reader = wire.Reader(one.requests[0].body)
    assert reader.number(1) == 1 and b'<overlay' in reader.vector(4)
    must_fail(ping(one, sequence=world.document.sequence + 1), 'Config_Too_New')


def unknown_option_that_is_critical_is_refused(world):
    one, two = world.node(BOB), world.node(CAROL)
    ping(two)
    must(ping(one, options=wire.option(99, 0, b'abc')), wire.PING + 1)
    must_fail(ping(one, options=wire.option(99, wire.DESTINATION_CRITICAL, b'abc')), 'Unsupported_Forwarding_Option')
    must_fail(ping(one, wire.node(two.ident), options=wire.option(99, wire.FORWARD_CRITICAL)), 'Unsupported_Forwarding_Option')


def option_to_be_copied_comes_back_without_flags(world):
    answer = must(ping(world.node(), options=wire.option(99, wire.RESPONSE_COPY, b'abc')), wire.PING + 1)
    assert answer.header.options == wire.option(99, 0, b'abc'), answer.header.options


def unknown_extension_that_is_critical_is_refused(world):
    one = world.node()
    must(ping(one, extensions=wire.extension(0x7777, 0, b'x')), wire.PING + 1)
    must_fail(ping(one, extensions=wire.extension(0x7777, 1, b'x')), 'Unknown_Extension')


def repeated_request_gets_the_same_answer(world):
    """The originator repeats after his timer, overlay-reliability-timer. A Store done twice would tell
    another generation counter."""
    one, answers = world.node(), []
    value = one.stored(PLACE, NOTE, wire.data_value(wire.SINGLE, b'once'))
    transaction, message = one.message(wire.STORE, wire.store_write(PLACE, [(NOTE, 0, [value])]), [wire.resource(PLACE)])
    for _ in range(2):
        one.link.send(message)
        one.pump_until(lambda: transaction in one.answers)
        answers.append(must(one.answers.pop(transaction), wire.STORE + 1).body)
        one.pump_for(world.document.reliability)
    assert answers[0] == answers[1]


# --- certificates ---

def refuses_link(world, identity):
    try:
        answer = ping(world.node(identity=identity), wait=SILENCE)
    except link.Closed:
        return
    assert answer is None, 'the link works'


def expired_certificate_gets_no_link(world):
    refuses_link(world, world.identity(days=-1))


def foreign_certificate_gets_no_link(world):  # S1-01
    refuses_link(world, node.Authority.make(world.authority.certificate).identity(NAME, BOB))


def certificate_of_another_overlay_gets_no_link(world):  # S2-14
    refuses_link(world, world.authority.identity('other.example.org', BOB))


def message_of_an_expired_foreign_or_other_signer_is_dropped(world):
    one = world.node()
    signers = (world.identity(days=-1), node.Authority.make(world.authority.certificate).identity(NAME, BOB),
               world.authority.identity('other.example.org', BOB))
    for signer in signers:
        assert ping(one, signer=signer, wait=SILENCE) is None
    must(ping(one), wire.PING + 1)


def message_changed_on_the_way_is_dropped(world):  # S1-38, S1-40
    one = world.node()
    transaction, message = one.message(wire.PING, wire.vector(2, b'abcd'), [wire.node(one.far)])
    one.link.send(message.replace(b'abcd', b'abce'))
    one.pump_for(SILENCE)
    assert transaction not in one.answers
    must(ping(one), wire.PING + 1)


# --- storage ---

def value_of_its_user_is_stored_and_fetched_by_others(world):
    one, two = world.node(BOB), world.node(CAROL)
    must(one.store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'hello')), wire.STORE + 1)
    answer = must(two.fetch(PLACE, NOTE, wire.SINGLE), wire.FETCH + 1)
    assert two.values(PLACE, NOTE, wire.SINGLE, answer) == [(b'hello', BOB)]


def array_and_dictionary_keep_their_places(world):
    one = world.node(BOB)
    for index, text in ((0xffffffff, b'first'), (0xffffffff, b'second'), (0, b'changed')):
        value = wire.data_value(wire.ARRAY, text, index=index)
        signed = wire.data_value(wire.ARRAY, text, index=0 if index == 0xffffffff else index)
        when = one.stored(PLACE, LIST, signed)
        when = when.replace(signed, value, 1) if value != signed else when
        must(one.ask(wire.STORE, wire.store_write(PLACE, [(LIST, 0, [when])]), wire.resource(PLACE)), wire.STORE + 1)
    answer = must(one.fetch(PLACE, LIST, wire.ARRAY), wire.FETCH + 1)
    assert [stored.data for stored in wire.fetch_read(answer.body, wire.ARRAY)[LIST][1]] == [b'changed', b'second']
    must(one.store(PLACE, MAP, wire.data_value(wire.DICTIONARY, b'mine', key=one.ident)), wire.STORE + 1)
    must_fail(one.store(PLACE, MAP, wire.data_value(wire.DICTIONARY, b'mine', key=wire.WILDCARD)), 'Forbidden')


def node_with_an_rsa_key_stores_and_is_believed(world):
    """RSASSA-PKCS1-v1_5 is what 6.3.4 wants of everybody."""
    one = world.node(identity=world.identity(key=rsa.generate_private_key(65537, 2048)))
    must(one.store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'by rsa')), wire.STORE + 1)
    answer = must(world.node(CAROL).fetch(PLACE, NOTE, wire.SINGLE), wire.FETCH + 1)
    assert one.values(PLACE, NOTE, wire.SINGLE, answer) == [(b'by rsa', BOB)]


def value_of_another_user_is_forbidden(world):
    must_fail(world.node(CAROL).store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'not mine')), 'Forbidden')


def older_value_is_refused(world):
    one = world.node(BOB)
    must(one.store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'new')), wire.STORE + 1)
    must_fail(one.store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'old'), when=1000), 'Data_Too_Old')


def value_too_large_for_its_kind_is_refused(world):
    must_fail(world.node(BOB).store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'x' * 4001)), 'Data_Too_Large')


def generation_counter_of_the_past_is_refused(world):
    one = world.node(BOB)
    answer = must(one.store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'a')), wire.STORE + 1)
    reader = wire.Reader(wire.Reader(answer.body).vector(2))
    assert reader.number(4) == NOTE
    counter = reader.number(8)
    must(one.store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'b'), counter=counter), wire.STORE + 1)
    must_fail(one.store(PLACE, NOTE, wire.data_value(wire.SINGLE, b'c'), counter=counter), 'Generation_Counter_Too_Low')


def unknown_kind_is_refused_by_its_number(world):
    one = world.node(BOB)
    answer = must_fail(one.store(PLACE, UNKNOWN, wire.data_value(wire.SINGLE, b'?')), 'Unknown_Kind')
    assert answer.info == wire.vector(1, UNKNOWN.to_bytes(4, 'big')), answer.info
    must_fail(one.fetch(PLACE, UNKNOWN, wire.SINGLE), 'Unknown_Kind')


# --- links by Attach ---

def attach_makes_a_dtls_link(world):
    one = world.node(BOB)
    two = world.over_ice(one)
    assert two.far == one.far
    must(ping(two), wire.PING + 1)


def client_joins_by_attaching_to_its_peer_and_is_reached(world):  # S2-61
    """4.2.1: no Join; a client attaches to the peer responsible for its own place."""
    first, other = world.node(BOB), world.node(CAROL)
    two = world.over_ice(first, wire.resource(first.ident))
    first.close()
    transaction, message = other.message(wire.PING, wire.vector(2, b''), [wire.node(two.ident)])
    other.link.send(message)
    two.pump_until(lambda: two.requests)
    other.pump_until(lambda: transaction in other.answers)
    answer = must(other.answers.get(transaction), wire.PING + 1)
    assert node.node_ids(answer.signer, NAME) == [two.ident]
    assert two.requests[0].header.via and two.requests[0].header.ttl == 99


def large_answer_comes_in_fragments_over_dtls(world):
    two = world.over_ice(world.node(BOB))
    text = os.urandom(3000)
    must(two.store(PLACE, NOTE, wire.data_value(wire.SINGLE, text)), wire.STORE + 1)
    answer = must(two.fetch(PLACE, NOTE, wire.SINGLE), wire.FETCH + 1)
    assert two.values(PLACE, NOTE, wire.SINGLE, answer) == [(text, BOB)]


def app_attach_carries_sip(world):  # S1-14
    one = world.node(BOB)
    far, ice, _ = one.attach(wire.node(one.far), application=5060)
    world.nodes.append(ice)
    ice.send(f'OPTIONS sip:{OWNER} SIP/2.0\r\nVia: SIP/2.0/TLS {one.ident.hex()}.invalid;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n'
             f'From: <sip:{BOB}>;tag=1\r\nTo: <sip:{OWNER}>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n'.encode())
    got = b''.join(ice.read(5))
    assert got.startswith(b'SIP/2.0 ') and b'CSeq: 1 OPTIONS' in got, got
    assert far == one.far


def app_attach_of_an_unknown_application_is_not_found(world):
    try:
        one = world.node(BOB)
        one.attach(wire.node(one.far), application=9)
    except link.Closed as e:
        assert str(e) == 'Not_Found', e
    else:
        raise AssertionError('it was answered')


# --- framing ---

def frames_may_begin_with_any_sequence(world):
    for first in (1, 0x80000000, 0xfffffffd):
        two = world.over_ice(world.node(BOB), first=first)
        for _ in range(6):   # past the end of the numbers
            must(ping(two), wire.PING + 1)
        two.pump_until(lambda: not two.link.unacknowledged)
        must(ping(world.node(BOB, first=first)), wire.PING + 1)


def acknowledgements_with_a_useless_mask_are_enough(world):
    for mask in (lambda seen, sequence: 0, lambda seen, sequence: 0xffffffff):
        two = world.over_ice(world.node(BOB), mask=mask)
        for _ in range(40):  # more than the window and the mask
            must(ping(two), wire.PING + 1)


def frame_that_is_repeated_is_acknowledged_again_and_taken_once(world):
    two = world.over_ice(world.node(BOB))
    transaction, message = two.message(wire.PING, wire.vector(2, b''), [wire.node(two.far)])
    for _ in range(3):
        two.link.send(message)   # a new sequence number each time (6.6.3.1)
    two.pump_until(lambda: transaction in two.answers and not two.link.unacknowledged)
    del two.answers[transaction]
    two.pump_for(SILENCE)
    assert not two.answers, 'answered more than once'


def several_messages_may_be_under_way(world):
    two = world.over_ice(world.node(BOB))
    sent = [two.message(wire.PING, wire.vector(2, b''), [wire.node(two.far)]) for _ in range(20)]
    for _, message in sent:
        two.link.send(message)
    two.pump_until(lambda: len(two.answers) == len(sent))
    assert set(two.answers) == {transaction for transaction, _ in sent}


TESTS = [value for value in list(globals().values()) if callable(value) and getattr(value, '__code__', None)
         and value.__code__.co_varnames[:value.__code__.co_argcount] == ('world',)]


def run(world, number, test):
    name = test.__name__.replace('_', ' ')
    try:
        test(world)
    except Exception:  # pylint: disable=broad-except
        print('# ' + traceback.format_exc().replace('\n', '\n# '))
        print(f'not ok {number} - interop: {name}', flush=True)
        return False
    finally:
        world.close()
    print(f'ok {number} - interop: {name}', flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--builddir', required=True)
    parser.add_argument('word', nargs='?', default='')
    args = parser.parse_args()
    chosen = [test for test in TESTS if args.word in test.__name__.replace('_', ' ')]
    print(f'1..{len(chosen) + 1}')
    with tempfile.TemporaryDirectory() as folder:
        world = World(os.path.abspath(args.builddir), folder)
        good = [run(world, number, test) for number, test in enumerate(chosen, 1)]
        alive = world.home.process.poll() is None
        world.home.stop()
        alive = alive and world.home.process.returncode == 0
        print(f'{"ok" if alive else "not ok"} {len(chosen) + 1} - interop: the daemon lived through it')
        if not alive or not all(good):
            print('# ' + world.home.said()[-4000:].replace('\n', '\n# '))
    return 0 if alive and all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
