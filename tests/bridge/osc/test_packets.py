"""OSC packets and sockets: each trap of python-osc, both framings of TCP, and bytes that are no OSC."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc import osc_bundle_builder, osc_message_builder

from bridge.osc.transport.listening import CannotListen, is_allowed, peer_of
from bridge.osc.transport.packets import MAX_DEPTH, MAX_MESSAGES, PacketError, decode, encode
from bridge.osc.transport.tcp import MAX_PACKET, to_slip
from tests.support.osc import OpenSurfaces
from tests.support.patience import HANG_SECONDS


def padded(text: str) -> bytes:
    data = text.encode() + b"\0"
    return data + b"\0" * (-len(data) % 4)


def bundle(*packets: bytes, timetag: int = 1) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", timetag) + b"".join(struct.pack(">i", len(p)) + p for p in packets)


@given(
    st.lists(
        st.one_of(
            st.integers(-(2**31), 2**31 - 1), st.floats(width=32, allow_nan=False), st.text("aé漢 ,/#", max_size=9)
        )
    )
)
def test_what_is_encoded_is_decoded(arguments):
    assert decode(encode("/acestep/x", *arguments))[0].arguments == tuple(arguments)


def test_a_message_is_the_bytes_of_the_specification():
    assert encode("/a", 1, 0.5, "hi") == b"/a\0\0,ifs\0\0\0\0\0\0\0\x01\x3f\0\0\0hi\0\0"


def test_a_bundle_with_a_time_in_the_far_future_counts_now():
    """python-osc's dispatcher sleeps until the time tag, and the server with it."""
    messages = decode(bundle(encode("/a", 1), encode("/b", 2), timetag=0xFFFFFFFF << 32))
    assert [m.path for m in messages] == ["/a", "/b"]


def test_bundles_of_python_osc_are_read():
    builder = osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)
    message = osc_message_builder.OscMessageBuilder("/a")
    message.add_arg(3)
    builder.add_content(message.build())
    assert decode(builder.build().dgram)[0].arguments == (3,)


@pytest.mark.parametrize("tag", ["S", "c"])
def test_type_tags_that_python_osc_skips_are_refused(tag):
    """It skips them without their bytes, so that the next argument would be read from the wrong place."""
    with pytest.raises(PacketError, match="not known"):
        decode(padded("/a") + padded("," + tag + "i") + struct.pack(">ii", 65, 7))


def test_an_impulse_is_a_message_without_arguments():
    """OSCQuery clients send one for a trigger; it has no bytes, so python-osc skips it rightly."""
    assert decode(padded("/acestep/inpaint") + padded(",I"))[0].arguments == ()
    assert decode(padded("/a") + padded(",Ii") + struct.pack(">i", 7))[0].arguments == (7,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"/a",
        b"hello",
        b"/a\0\0,i\0\0",
        b"/a\0\0,s\0\0abc",
        b"/a\0\0,s\0\0\xff\xfe\xfd\0",
        b"/a\0\0,b\0\0\x7f\xff\xff\xff",
        b"#bundle\0",
        b"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\x08/a\0\0",
        b"#bundle\0\0\0\0\0\0\0\0\1\xff\xff\xff\xff/a\0\0",
        b"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\0",
    ],
)
def test_broken_packets_are_refused_whole(data):
    with pytest.raises(PacketError):
        decode(data)


ARGUMENTS = {"f": (0.3,), "s": ("ab",), "i, s": (1, "word"), "s, f": ("four", 0.5)}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_message_cut_anywhere_is_an_error(kind):
    """python-osc takes missing bytes for 0: variance 0.3 became 0.29, and nobody was told."""
    whole = encode("/acestep/variance", *ARGUMENTS[kind])
    address = len(padded("/acestep/variance"))
    for size in range(1, len(whole)):
        if size != address:  # an address alone is a message without arguments
            with pytest.raises(PacketError):
                decode(whole[:size])
    for more in (b"\1", b"more"):
        with pytest.raises(PacketError, match="type tags say"):
            decode(whole + more)
    assert decode(whole + b"\0" * 4) == decode(whole)


def test_a_cut_element_of_a_bundle_is_an_error():
    with pytest.raises(PacketError, match="cut"):
        decode(bundle(encode("/a", 1), encode("/b", 0.5)[:-2]))


def test_what_is_missing_and_where_is_said():
    with pytest.raises(PacketError, match=r"argument 2 \(f\) has 2 of 4 bytes: the message was cut"):
        decode(encode("/a", 1, 0.5)[:-2])


@pytest.mark.parametrize("place", ["address", "argument"])
def test_text_in_latin_1_is_named(place):
    latin = "caf\xe9".encode("latin-1") + b"\0" * 4
    data = b"/" + latin[:4] + b"\0\0\0" if place == "address" else padded("/a") + padded(",s") + latin
    with pytest.raises(PacketError, match=r"(?:address|argument 1 \(s\)) is not UTF-8.*caf\xe9'\); send text as UTF-8"):
        decode(data)


def test_a_message_without_type_tags_has_no_arguments_and_no_control_takes_that():
    assert decode(b"/a\0\0")[0].arguments == ()


def test_bundles_are_bounded_in_depth_and_number():
    nested = encode("/a", 1)
    for _ in range(MAX_DEPTH + 2):
        nested = bundle(nested)
    with pytest.raises(PacketError, match="deep"):
        decode(nested)
    with pytest.raises(PacketError, match="messages"):
        decode(bundle(*[encode("/a", 1)] * (MAX_MESSAGES + 1)))


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_a_packet_error(data):
    try:
        decode(data)
    except PacketError:
        return


async def heard_over_tcp(data: bytes, count: int) -> tuple[list, list, bytes]:
    messages, broken, gone = [], [], []
    sockets = OpenSurfaces(lambda p, m: messages.extend(m), lambda p, text: broken.append(text), gone.append)
    await sockets.open("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", sockets.port)
    writer.write(data)
    await writer.drain()
    for _ in range(500):
        if len(messages) + len(broken) >= count:
            break
        await asyncio.sleep(0.005)
    peer = writer.get_extra_info("sockname")[:2]
    sockets.show(peer, "/reply", 1)
    answer = b"" if broken else await asyncio.wait_for(reader.read(100), HANG_SECONDS)
    writer.close()
    await writer.wait_closed()
    for _ in range(200):
        if gone:
            break
        await asyncio.sleep(0.005)
    assert gone == [peer]
    await sockets.close()
    return messages, broken, answer


def test_tcp_with_sizes():
    packet = encode("/a", "x")
    messages, broken, answer = asyncio.run(heard_over_tcp((len(packet).to_bytes(4, "big") + packet) * 3, 3))
    assert [m.arguments for m in messages] == [("x",)] * 3
    assert not broken
    assert decode(answer[4:])[0].path == "/reply"


def test_tcp_with_slip():
    packet = encode("/a", 0xC0, "ÀÛ")  # END and ESC inside
    assert b"\xc0" in packet
    messages, broken, answer = asyncio.run(heard_over_tcp(to_slip(packet) * 2, 2))
    assert [m.arguments for m in messages] == [(0xC0, "ÀÛ")] * 2
    assert not broken
    assert (answer[0], answer[-1]) == (0xC0, 0xC0)


@pytest.mark.parametrize("head", [(MAX_PACKET + 1).to_bytes(4, "big"), b"\x7f\xff\xff\xff", b"POST / HTTP/1.1\r\n"])
def test_a_size_that_cannot_be_ends_the_connection_and_is_told(head):
    messages, broken, _ = asyncio.run(heard_over_tcp(head, 1))
    assert not messages
    assert "bytes" in broken[0]


def test_strangers_are_not_heard():
    async def scenario() -> list:
        messages: list = []
        sockets = OpenSurfaces(lambda p, m: messages.extend(m))
        await sockets.open("127.0.0.1", 0)
        sockets.udp.take(("192.168.7.7", 1), encode("/a", 1))
        sockets.udp.take(("127.0.0.1", 1), encode("/b", 1))
        await sockets.close()
        return [m.path for m in messages]

    assert asyncio.run(scenario()) == ["/b"]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_which_kind_of_port_is_taken_is_said(kind):
    async def scenario() -> str:
        with socket.socket(socket.AF_INET, kind) as other:
            other.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                other.listen()
            sockets = OpenSurfaces()
            with pytest.raises(CannotListen) as refused:
                await sockets.open("127.0.0.1", other.getsockname()[1])
            return str(refused.value)

    assert asyncio.run(scenario()).startswith("UDP" if kind == socket.SOCK_DGRAM else "TCP")


def test_an_address_of_another_machine_is_said():
    async def scenario() -> None:
        sockets = OpenSurfaces()
        with pytest.raises(CannotListen, match=r"203\.0\.113\.9 is no address of this machine.*0\.0\.0\.0"):
            await sockets.open("203.0.113.9", 0)

    asyncio.run(scenario())


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_at_the_address_of_all_both_kinds_of_ip_are_heard_and_answered():
    """A surface of IPv4 was ::ffff:127.0.0.1 there, over TCP it was not heard at all."""

    async def scenario() -> list[tuple[str, str]]:
        heard: list[tuple[str, str]] = []
        sockets = OpenSurfaces(lambda p, m: heard.append((p[0], m[0].path)))
        await sockets.open("::", 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            udp.bind(("127.0.0.1", 0))
            udp.sendto(encode("/udp", 1), ("127.0.0.1", sockets.port))
            _, writer = await asyncio.open_connection("127.0.0.1", sockets.port)
            writer.write(to_slip(encode("/tcp", 1)))
            while len(heard) < 2:
                await asyncio.sleep(0.01)
            sockets.show(udp.getsockname(), "/back")
            assert decode(await asyncio.get_running_loop().sock_recv(udp, 100))[0].path == "/back"
            writer.close()
        await sockets.close()
        return sorted(heard)

    assert asyncio.run(asyncio.wait_for(scenario(), HANG_SECONDS)) == [("127.0.0.1", "/tcp"), ("127.0.0.1", "/udp")]


def test_peers_are_known_by_their_address_however_it_is_written():
    assert peer_of(("::ffff:192.168.1.20", 9000, 0, 0)) == ("192.168.1.20", 9000)
    assert peer_of(("fe80::1%eth0", 9000, 0, 2)) == ("fe80::1%eth0", 9000)
    assert is_allowed("fe80::1%eth0", frozenset({"fe80::1"}))
    assert not is_allowed("fe80::2%eth0", frozenset({"fe80::1"}))


def test_a_port_that_is_taken_is_an_error_at_once():
    async def scenario() -> None:
        first = OpenSurfaces()
        second = OpenSurfaces()
        await first.open("127.0.0.1", 0)
        try:
            with pytest.raises(CannotListen, match=f"UDP port {first.port} of 127.0.0.1 is taken.*--port"):
                await second.open("127.0.0.1", first.port)
        finally:
            await first.close()

    asyncio.run(scenario())
