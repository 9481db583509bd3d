"""The Wyoming service by the official client: a conversation, a hundred clients, garbage, an hour of sound."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import wave
from pathlib import Path

import pytest

import edgekws
from convert.targets.home import python_package
from convert.tflite import artifact

wyoming = pytest.importorskip("wyoming", reason="no wyoming here: pip install wyoming")
from wyoming.audio import AudioChunk, AudioStart, AudioStop  # noqa: E402
from wyoming.client import AsyncClient  # noqa: E402
from wyoming.error import Error  # noqa: E402
from wyoming.info import Describe, Info  # noqa: E402
from wyoming.ping import Ping, Pong  # noqa: E402
from wyoming.wake import Detect, Detection, NotDetected  # noqa: E402

ROOT = Path(__file__).parents[4]
DEMO = ROOT / "docs" / "demo.wav"
PACKAGE = "edgekws_gsc16_small_listen"
FORM = {"rate": 16_000, "width": 2, "channels": 1}
WAIT_SECONDS = 60  # on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("package")
    python_package.importable(artifact.load("small-listen"), place)
    return place / "src"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start(folder, *arguments):
    command = [sys.executable, "-m", f"{PACKAGE}.wyoming", *arguments]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


class Service:
    def __init__(self, folder, *options):
        self.port = free_port()
        self.uri = f"tcp://127.0.0.1:{self.port}"
        self.process = start(folder, "--uri", self.uri, *options)
        self.said = self.process.stdout.readline()

    def client(self):
        return AsyncClient.from_uri(self.uri)

    def ended(self):
        self.process.send_signal(signal.SIGTERM)
        told = self.process.communicate(timeout=WAIT_SECONDS)[1]
        return self.process.returncode, told


@pytest.fixture(scope="module")
def service(folder):
    """One for all tests: whatever a test did to it, the next is served, and it ends as it should."""
    made = Service(folder, "--threshold", "0.4")
    yield made
    status, told = made.ended()
    assert status == 0
    assert "Traceback" not in told
    assert "never retrieved" not in told


def samples():
    with wave.open(str(DEMO)) as file:
        return file.readframes(file.getnframes())


def expected(shift=0):
    events = edgekws.load("small-listen", threshold=0.4).listen(DEMO)
    return [(event.word, shift + round(1000 * event.time)) for event in events]


async def read(client):
    return await asyncio.wait_for(client.read_event(), WAIT_SECONDS)


async def say(client, sound, size=2048, timestamp=None):
    """A stream as Home Assistant sends it."""
    await client.write_event(AudioStart(**FORM, timestamp=timestamp).event())
    for at in range(0, len(sound), size):
        await client.write_event(AudioChunk(**FORM, audio=sound[at : at + size]).event())
    await client.write_event(AudioStop().event())


async def heard(client):
    """The detections up to the answer to a ping, and whether it said that nothing was detected."""
    await client.write_event(Ping(text="end").event())
    found, nothing = [], False
    while not Pong.is_type((event := await read(client)).type):
        nothing = nothing or NotDetected.is_type(event.type)
        if Detection.is_type(event.type):
            found.append((Detection.from_event(event).name, Detection.from_event(event).timestamp))
    return found, nothing


def test_it_says_what_it_listens_for(service):
    async def talk():
        async with service.client() as client:
            await client.write_event(Describe().event())
            return Info.from_event(await read(client))

    (program,) = asyncio.run(talk()).wake
    assert (program.name, program.version, program.installed) == (PACKAGE, edgekws.__version__, True)
    words = artifact.load("small-listen").labels[:-2]
    assert [(model.name, model.phrase) for model in program.models] == [(word, word) for word in words]
    assert service.said == f"{PACKAGE} listens at {service.uri} for {', '.join(words)}\n"


@pytest.mark.parametrize(("size", "shift"), [(2048, 0), (640, 5000), (250_000, 0)])
def test_words_are_detected_with_their_time(service, size, shift):
    async def talk():
        async with service.client() as client:
            await client.write_event(Detect().event())
            await say(client, samples(), size, timestamp=shift or None)
            first = await heard(client)
            await say(client, samples(), size)  # another stream: time begins anew
            return first, await heard(client)

    first, second = asyncio.run(talk())
    assert first == (expected(shift), False)
    assert second == (expected(), False)
    assert len(first[0]) == 8


def test_only_the_words_that_are_wanted_are_told(service):
    async def talk(*names):
        async with service.client() as client:
            await client.write_event(Detect(names=list(names)).event())
            await say(client, samples())
            return await heard(client)

    assert [word for word, _ in asyncio.run(talk("down", "yes"))[0]] == ["yes", "down"]
    assert asyncio.run(talk("bed")) == ([], True)


def test_chunks_without_a_start_are_heard_and_count_from_their_timestamp(service):
    async def talk():
        async with service.client() as client:
            await client.write_event(AudioChunk(**FORM, audio=samples(), timestamp=7000).event())
            return await heard(client)

    assert asyncio.run(talk())[0] == expected(7000)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (AudioStart(44_100, 2, 1).event(), "expected sound at 16000 Hz, 2 bytes a sample, one channel, got 44100 Hz"),
        (AudioChunk(16_000, 4, 2, bytes(64)).event(), "got 16000 Hz, 4 bytes a sample, channels: 2"),
        (Detect(names=["alexa"]).event(), "'alexa' is no word of this model, which has zero, one"),
    ],
)
def test_what_cannot_be_heard_is_refused_with_a_sentence(service, event, why):
    async def talk():
        async with service.client() as client:
            await client.write_event(event)
            return Error.from_event(await read(client)), await read(client)

    told, end = asyncio.run(talk())
    assert why in told.text
    assert end is None


GARBAGE = (
    b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 4,
    b"{}\n",
    b"[]\n",
    b"null\n",
    b'{"type": "audio-chunk"}\n',
    b'{"type": "audio-chunk", "data": [1]}\n',
    b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}, "payload_length": 3}\nabc',
    b'{"type": "audio-chunk", "data_length": -5, "payload_length": "many"}\n',
    b'{"type": "detect", "data": {"names": 7}}\n',
    b'{"type": "detect", "data": {"names": [{}]}}\n',
    b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1, "timestamp": "now"}}\n'
    b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}, "payload_length": 32000}\n'
    + bytes(32_000),
    b'{"type": "describe", "data_length": 99999999999}\n' + bytes(3_000_000),
    b'{"type": "audio-chunk", "payload_length": 4000000000}\n' + bytes(3_000_000),
    b"[" * 60_000 + b"\n",
    b"x" * 3_000_000,
    b'{"type": "describe"',
    b'{"type": "of no protocol", "payload_length": 5}\nhello',
    b"\xff\xfe\n",
    b"\n",
    b"",
)


def test_garbage_and_clients_that_die_disturb_nobody(service):
    async def sends(content, abort):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        try:
            writer.write(content)
            await asyncio.wait_for(writer.drain(), WAIT_SECONDS)
            if not abort:
                writer.write_eof()
                await asyncio.wait_for(reader.read(), WAIT_SECONDS)  # until it was left
        except TimeoutError:
            raise
        except OSError:  # it was left: the service hung up first
            pass
        finally:
            writer.transport.abort()  # as if its machine lost power

    async def talk():
        async with service.client() as client:
            await client.write_event(AudioStart(**FORM).event())
            sound = samples()
            piece = len(sound) // len(GARBAGE) // 2 * 2 + 2
            for number, content in enumerate(GARBAGE):
                await client.write_event(AudioChunk(**FORM, audio=sound[number * piece :][:piece]).event())
                await asyncio.gather(sends(content, True), sends(content, False))
            await client.write_event(AudioStop().event())
            return await heard(client)

    assert asyncio.run(talk()) == (expected(), False)


def test_a_hundred_clients_at_once_all_hear_their_own_words(service, tmp_path):
    sound, excerpts, wanted = samples(), [], []
    for number, (_, time) in enumerate(expected()[1:]):  # each word of the demo but the first, and what is around it
        excerpts.append(sound[2 * (16 * time - 16_000) :][:64_000])
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(excerpts[-1])
        wanted.append([e.word for e in edgekws.load("small-listen", threshold=0.4).listen(tmp_path / f"{number}.wav")])

    async def one(number):
        async with service.client() as client:
            await say(client, excerpts[number % len(excerpts)], size=1024 + 2 * number)
            return [word for word, _ in (await heard(client))[0]]

    async def talk():
        return await asyncio.gather(*map(one, range(100)))

    assert asyncio.run(talk()) == [wanted[number % len(excerpts)] for number in range(100)]
    assert {word for words in wanted for word in words} >= {"one", "four", "three", "five", "down"}


def memory(service):
    status = Path(f"/proc/{service.process.pid}/status")
    if not status.exists():
        pytest.skip("no /proc here")
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS"))


@pytest.mark.slow
def test_an_hour_of_sound_takes_no_more_memory_than_its_first_minutes(service):
    sound, rounds = samples(), 225  # of 16 seconds

    async def talk():
        async with service.client() as client:
            await client.write_event(Detect().event())
            await client.write_event(AudioStart(**FORM).event())
            sizes, found = [], []
            for _ in range(rounds):
                for at in range(0, len(sound), 8192):
                    await client.write_event(AudioChunk(**FORM, audio=sound[at : at + 8192]).event())
                found += (await heard(client))[0]
                sizes.append(memory(service))
            return sizes, found

    sizes, found = asyncio.run(talk())
    assert len(found) > 6 * rounds  # without a pause, about one word of each round is lost
    assert 3580e3 < found[-1][1] < 3600e3
    assert sizes[-1] - sizes[20] < 2000  # kB


def test_a_port_in_use_and_what_is_no_address_are_one_sentence(service, folder):
    for uri, why in (
        (service.uri, f"error: cannot listen at {service.uri}: another program has this port"),
        ("tcp://127.0.0.1", "error: A port must be specified"),
        ("http://127.0.0.1:10400", "error: expected tcp://ADDRESS:PORT or unix://PATH, got http://"),
        ("unix:///no/such/folder/socket", "cannot listen at unix:///no/such/folder/socket: No such file"),
    ):
        process = start(folder, "--uri", uri)
        told = process.communicate(timeout=WAIT_SECONDS)[1]
        assert process.returncode == 2, uri
        assert told.startswith(f"{PACKAGE}: ")
        assert why in told
        assert told.count("\n") == 1, told


def test_serve_at_a_port_in_use_is_one_sentence_without_a_next_step(service):
    command = [sys.executable, "-m", "edgekws.cli", "serve", "small-listen", "--uri", service.uri]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    why = "another program has this port"
    told = f"{PACKAGE}: error: cannot listen at {service.uri}: {why}\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_it_listens_at_a_socket_of_unix_and_says_what_it_detects(folder, tmp_path):
    path = tmp_path / "socket"
    process = start(folder, "--uri", f"unix://{path}", "--debug", "--threshold", "0.4")
    process.stdout.readline()

    async def talk():
        async with AsyncClient.from_uri(f"unix://{path}") as client:
            await say(client, samples())
            return await heard(client)

    assert asyncio.run(talk()) == (expected(), False)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=WAIT_SECONDS)[1]
    assert process.returncode == 0
    first = next(iter(edgekws.load("small-listen", threshold=0.4).listen(DEMO)))
    assert told.splitlines()[0] == f"{PACKAGE}: yes at {round(1000 * first.time)} ms, {first.score:.2f}"


def test_serve_starts_the_same_from_a_run(service):
    port = free_port()
    command = [sys.executable, "-m", "edgekws.cli", "serve", "small-listen", "--uri", f"tcp://127.0.0.1:{port}"]
    command += ["--threshold", "0.4", "--no-zeroconf"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == service.said.replace(service.uri, f"tcp://127.0.0.1:{port}")

    async def talk():
        async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as client:
            await say(client, samples())
            return await heard(client)

    assert asyncio.run(talk()) == (expected(), False)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=WAIT_SECONDS)[1]
    assert process.returncode == 0
    assert told == "next: 'edgekws bundle small-listen --target python' makes what a Raspberry Pi installs\n"
