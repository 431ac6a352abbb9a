from __future__ import annotations

import asyncio
import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from benchmarks.browser import ROOT
from manigen import fit_map, maps, weights
from manigen.errors import BadInput, ManigenError, UnknownName
from manigen.live import engine as engines
from manigen.live import first, jobs, protocol, routes
from manigen.live.engine import Engine, Job, paint
from manigen.live.library import Library, Opened, Thumbnails
from manigen.live.routes import Bucket, Live
from manigen.live.static import Static
from manigen.models import Generator, build
from manigen.nearest import Nearest
from manigen.weights import Codes
from tests import oracles


class Plates(Generator):
    """Codes (n, 2) to pictures (n, 1, 5, 3), smooth and all different; counts its batches, and waits while held."""

    name = "plates"

    def __init__(self) -> None:
        super().__init__((1, 5, 3), 2)
        self.grain = torch.nn.Parameter(torch.linspace(-1.7, 1.3, 30).reshape(2, 15))
        self.batches: list[int] = []
        self.held = threading.Event()
        self.held.set()
        self.entered = threading.Event()
        self.ms_per_picture = 0.0
        self.fails = False

    def decode_batch(self, z: torch.Tensor) -> torch.Tensor:
        self.entered.set()
        assert self.held.wait(10)
        time.sleep(1e-3 * self.ms_per_picture * len(z))
        if self.fails:
            raise RuntimeError("a kernel exploded")
        self.batches.append(len(z))
        return torch.sigmoid(z @ self.grain).reshape(-1, 1, 5, 3)


def by_hand(generator: Generator, z: np.ndarray) -> np.ndarray:
    """Pictures uint8 (n, h, w, c), one at a time and rounded by NumPy."""
    x = np.concatenate([generator.decode(np.asarray(row, np.float32)) for row in z])
    return np.rint(x * 255).astype(np.uint8).transpose(0, 2, 3, 1)


CODES = np.random.default_rng(3).normal(size=(211, 2)).astype(np.float32)


def codes_of(z: np.ndarray) -> Codes:
    count = len(z)
    error = np.linspace(0, 1, count).astype(np.float32)
    return Codes(z, np.arange(count) % 3 - 1, np.arange(count) % 2, np.arange(count)[::-1], error, ("a", "b"))


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(workers=1)
    yield made
    made.stop()


@pytest.fixture
def plates(engine: Engine) -> Plates:
    model = engine.adopt(Plates())
    model.batches.clear()
    model.entered.clear()
    return model


@pytest.fixture
def live(engine: Engine, plates: Plates) -> Live:
    models = Library(engine)
    models.register("plates", plates, codes_of(CODES), {"pca": fit_map(CODES, "pca")})
    return Live(models)


@pytest.fixture
def client(live: Live) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=live.routes())) as client:
        yield client


def ask(line: Any, **message: Any) -> tuple[dict[str, Any], np.ndarray | None]:
    """Send a message; return the header and pictures of the reply, or the error's entries and None."""
    line.send_text(json.dumps(message))
    return answer(line)


def answer(line: Any) -> tuple[dict[str, Any], np.ndarray | None]:
    reply = line.receive()
    if reply["type"] == "websocket.close":
        raise WebSocketDisconnect(reply["code"])
    if reply.get("text") is not None:
        return json.loads(reply["text"]), None
    header, payload = protocol.unframe(reply["bytes"])
    return header, np.frombuffer(payload, np.uint8).reshape(header["shape"])


def wait_for(true: Any, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(true())


# --- the engine -------------------------------------------------------------------------------------------------------


def test_where_a_map_lies_comes_with_how_many_codes_it_was_fitted_on(
    client: TestClient, live: Live, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = live.models.open("plates").map("pca")
    maps.distortion(CODES, fitted.p)
    for most in (len(CODES), len(CODES) // 2):
        monkeypatch.setitem(fitted.card.facts, "landmarks", most)
        live.models.open("plates")._trust.clear()
        header, _ = protocol.unframe(client.get("/manigen/trust/plates/pca").content)
        assert (header["codes"], header["fitted"]) == (len(CODES), most)


def test_newest_wish_of_a_slot_wins(engine: Engine, plates: Plates) -> None:
    done: list[int] = []
    plates.held.clear()
    owner = object()
    for number in range(5):
        job = Job(plates, np.full((1, 2), number, np.float32), done=lambda job, number=number: done.append(number))
        engine.submit((owner, "hand"), job)
        assert plates.entered.wait(5)  # the first is being decoded before the others come
    plates.held.set()
    assert wait_for(lambda: done == [0])
    engine.release((owner, "hand"))
    assert wait_for(lambda: done == [0, 4])
    assert engine.statistics.superseded == 3
    assert sum(plates.batches) == 2


def test_many_hands_are_decoded_together(engine: Engine, plates: Plates) -> None:
    plates.held.clear()
    engine.submit((object(), ""), Job(plates, CODES[:1]))
    assert plates.entered.wait(5)
    jobs = [Job(plates, CODES[n : n + 1]) for n in range(20)]
    for job in jobs:
        engine.submit((object(), ""), job)
    plates.held.set()
    assert wait_for(lambda: all(job.pictures is not None for job in jobs))
    assert plates.batches == [1, 20]
    for job, row in zip(jobs, CODES, strict=False):
        assert np.array_equal(job.pictures, by_hand(plates, [row]))


@pytest.mark.parametrize("family", ["autoencoder", "vae", "gan"])
def test_a_picture_does_not_depend_on_its_batch(engine: Engine, family: str) -> None:
    model = engine.adopt(build(family, (3, 8, 8), dim=5))
    z = np.random.default_rng(0).normal(size=(70, 5)).astype(np.float32)
    alone, together = by_hand(model, z), paint(model, z)
    assert together.shape == (70, 8, 8, 3)
    assert np.abs(alone.astype(int) - together.astype(int)).max() <= 1  # the last bit of a float may round a grey over
    assert (alone != together).mean() < 0.001
    assert alone.std() > 0.5


def test_a_long_strip_does_not_hold_up_a_hand(engine: Engine, plates: Plates) -> None:
    plates.ms_per_picture = 1.0
    order: list[str] = []
    strip = Job(plates, np.repeat(CODES, 2, 0)[:400], patient=True, done=lambda job: order.append("strip"))
    engine.submit((object(), "strip"), strip)
    assert plates.entered.wait(5)
    spent = []
    for number in range(5):
        hand = Job(plates, CODES[number : number + 1], done=lambda job: order.append("hand"))
        began = time.perf_counter()
        engine.submit((object(), "hand"), hand)
        assert wait_for(lambda: hand.pictures is not None)  # noqa: B023
        spent.append(time.perf_counter() - began)
    assert wait_for(lambda: strip.pictures is not None)
    assert order == ["hand"] * 5 + ["strip"]
    assert np.median(spent) < 0.2  # of the strip's 0.4 s or more
    assert np.array_equal(strip.pictures, by_hand(plates, np.repeat(CODES, 2, 0)[:400]))


def test_a_newer_strip_ends_a_half_done_one(engine: Engine, plates: Plates) -> None:
    plates.ms_per_picture = 1.0
    done: list[str] = []
    owner = object()
    engine.submit((owner, ""), Job(plates, np.repeat(CODES, 5, 0), patient=True, done=lambda job: done.append("old")))
    assert plates.entered.wait(5)
    engine.submit((owner, ""), Job(plates, CODES[:9], patient=True, done=lambda job: done.append("new")))
    assert wait_for(lambda: done == ["new"])
    assert sum(plates.batches) < 500
    time.sleep(0.05)
    assert done == ["new"]


def test_humble_work_waits_for_what_is_looked_at_and_still_comes_to_its_end(
    engine: Engine, plates: Plates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ROUND_MS", 0.0)  # the fewest pictures a round, however busy the machine
    order: list[str] = []
    many = np.repeat(CODES, 4, 0)
    plates.held.clear()
    engine.submit(
        (object(), ""), Job(plates, np.repeat(CODES, 2, 0), humble=True, done=lambda job: order.append("humble"))
    )
    assert plates.entered.wait(5)
    for name in ("first", "second"):
        engine.submit((object(), ""), Job(plates, many, patient=True, done=lambda job, name=name: order.append(name)))
    plates.held.set()
    assert wait_for(lambda: len(order) == 3)
    assert order == ["first", "second", "humble"]  # though it came first and is half as long
    assert set(plates.batches) <= {engines.FEWEST, len(CODES) * 2 % engines.FEWEST}


def test_nothing_is_made_for_a_slot_whose_answer_has_not_left(engine: Engine, plates: Plates) -> None:
    slot = (object(), "hand")
    first, second = Job(plates, CODES[:1]), Job(plates, CODES[1:2])
    engine.submit(slot, first)
    assert wait_for(lambda: first.pictures is not None)
    engine.submit(slot, second)
    time.sleep(0.05)
    assert second.pictures is None
    assert engine.release(slot)
    assert wait_for(lambda: second.pictures is not None)
    assert not engine.release(slot)


def test_who_has_gone_is_forgotten(engine: Engine, plates: Plates) -> None:
    owner, done = object(), []
    plates.held.clear()
    engine.submit((owner, "busy"), Job(plates, CODES[:1], done=lambda job: done.append("busy")))
    assert plates.entered.wait(5)
    engine.submit((owner, "waiting"), Job(plates, CODES[:1], done=lambda job: done.append("waiting")))
    engine.forget(owner)
    plates.held.set()
    other = Job(plates, CODES[:1], done=lambda job: done.append("other"))
    engine.submit((object(), ""), other)
    assert wait_for(lambda: "other" in done)
    assert done == ["other"]
    assert not engine._waiting and len(engine._busy) == 1


def test_a_failing_decoder_is_told_in_a_sentence_and_the_engine_lives(engine: Engine, plates: Plates) -> None:
    plates.fails = True
    with pytest.raises(ManigenError, match="could not be made"):
        engine.decode(plates, CODES[:3])
    plates.fails = False
    assert engine.decode(plates, CODES[:3]).shape == (3, 5, 3, 1)
    assert engine.statistics.failed == 1
    assert not engine._busy


def test_one_failing_look_up_does_not_spoil_the_others(engine: Engine, plates: Plates) -> None:
    class Picky(Job):
        def look_up(self, jobs: list[Picky]) -> None:
            if any(job.bad for job in jobs):
                raise BadInput("This one is bad.")
            for job in jobs:
                job.z = CODES[:1]

    plates.held.clear()
    engine.submit((object(), ""), Job(plates, CODES[:1]))
    assert plates.entered.wait(5)
    wishes = [Picky(plates, group="picky") for _ in range(4)]
    for number, wish in enumerate(wishes):
        wish.bad = number == 2
        engine.submit((object(), ""), wish)
    plates.held.set()
    assert wait_for(lambda: all(wish.pictures is not None or wish.error for wish in wishes))
    assert [wish.error is not None for wish in wishes] == [False, False, True, False]
    assert str(wishes[2].error) == "This one is bad."


def test_codes_that_are_not_finite_are_refused_at_the_door(engine: Engine, plates: Plates) -> None:
    with pytest.raises(BadInput, match="finite"):
        engine.decode(plates, [[np.nan, 0.0]])
    with pytest.raises(BadInput, match="2 numbers"):
        engine.decode(plates, [[1.0, 0.0, 3.0]])


def test_an_engine_thread_uses_one_core_and_leaves_the_others_as_they_were(engine: Engine, plates: Plates) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen: list[int] = []
        thread = threading.Thread(target=lambda: (engines.one_thread(), seen.append(torch.get_num_threads())))
        thread.start()
        thread.join()
        fresh = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        fresh.start()
        fresh.join()
        assert seen == [1, 2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_device_that_is_not_there_is_named(monkeypatch: Any) -> None:
    for name in ("cuda:77", "abacus"):
        monkeypatch.setenv("MANIGEN_DEVICE", name)
        with pytest.raises(BadInput, match=f"MANIGEN_DEVICE is '{name}'"):
            engines.device.__wrapped__()
    monkeypatch.setenv("MANIGEN_DEVICE", "cpu")
    assert engines.device.__wrapped__() == "cpu"


# --- the library ------------------------------------------------------------------------------------------------------


def test_thumbnails_are_right_and_bounded() -> None:
    kept = Thumbnails((1, 2, 2), rows=1000, budget=4 * 100)
    assert kept.places == 100
    pictures = np.arange(1000, dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(2, 2)
    for start in range(0, 1000, 70):
        rows = np.arange(start, min(start + 70, 1000))
        kept.keep(rows, pictures[rows])
    known, found = kept.known(np.arange(1000))
    assert known.sum() == 100
    assert np.array_equal(found[known], pictures[known])


def test_only_names_that_are_at_hand_or_registered_are_opened(engine: Engine, plates: Plates, monkeypatch: Any) -> None:
    monkeypatch.setattr(weights, "names", lambda: ["shipped"])
    monkeypatch.setattr(weights, "codes", lambda name: pytest.fail(f"{name} reached the disk"))
    models = Library(engine)
    models.register("secret-name", plates, codes_of(CODES), {})
    for name in ("../../etc", "/etc/passwd", "", "Shipped", "secret-nam"):
        with pytest.raises(UnknownName) as refused:
            models.open(name)
        assert "Known: shipped." in str(refused.value)
        assert "secret-name" not in str(refused.value)
    assert models.open("secret-name").generator is plates
    with pytest.raises(BadInput, match="taken"):
        models.register("shipped", plates, codes_of(CODES), {})


def test_a_model_is_loaded_once_however_many_ask(engine: Engine) -> None:
    loads: list[int] = []

    def load() -> Plates:
        time.sleep(0.02)
        loads.append(1)
        return Plates()

    opened = Opened("lazy", load, codes_of(CODES), {})
    assert not opened.awake
    threads = [threading.Thread(target=lambda: opened.generator) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1 and opened.awake


def test_distance_of_real_codes_is_that_of_a_slow_twin(live: Live) -> None:
    opened = live.models.open("plates")
    expected = oracles.nearest(CODES, CODES, 2)[1][:, 1] / opened.nearest.typical
    assert np.allclose(opened.nearest_distance, expected, atol=1e-5)


@pytest.mark.parametrize("name", weights.names() or [pytest.param("", marks=pytest.mark.skip("no weights here"))])
def test_held_out_codes_read_near(name: str) -> None:
    z = weights.codes(name).z
    levels, away = [], []
    for part in range(0, 40, 5 if len(z) > 4_000 else 1):  # of few codes all are asked
        nearest, held_out = Nearest(np.delete(z, np.s_[part::40], axis=0)), z[part::40]
        levels += [jobs.level(float(far)) for far in nearest.how_far(held_out)]
        from_middle = held_out - z.mean(axis=0)
        inside = z.shape[1] == 2  # in a plane a code three times as long is often still among the others: go beyond all
        much = 3 * np.ptp(z) / np.linalg.norm(from_middle, axis=1, keepdims=True) if inside else 3
        away += [jobs.level(float(far)) for far in nearest.how_far(z.mean(axis=0) + much * from_middle)]
    assert levels.count("near") >= 0.95 * len(levels)
    assert away.count("near") <= 0.05 * len(away)


# --- the protocol -----------------------------------------------------------------------------------------------------

HOVER = {"op": "hover", "id": 1, "model": "plates", "map": "pca", "at": [0.1, 0.2], "k": 3}
DECODE = {"op": "decode", "id": 1, "model": "plates", "codes": [[0.0, 1.0]]}
WALK = {"op": "walk", "id": 1, "model": "plates", "kind": "straight", "ends": [{"row": 1}, {"code": [0, 1]}]}

BAD_MESSAGES = [
    ("", "must be JSON"),
    ("{", "must be JSON"),
    ("[" * 60000, "must be JSON"),
    ("[]", "JSON object"),
    ("7", "JSON object"),
    ("null", "JSON object"),
    ("1" * 5000, "must be JSON"),
    (" " * 70000, "64 KiB"),
    ("{}", "lacks 'op'"),
    ({"op": "steal"}, "op must be one of"),
    ({"op": ["hover"]}, "op must be one of"),
    ({**HOVER, "id": -1}, "id must be"),
    ({**HOVER, "id": True}, "id must be"),
    ({**HOVER, "id": "x" * 65}, "id must be"),
    ({**HOVER, "channel": ""}, "channel must be"),
    ({**HOVER, "channel": "a b"}, "channel must be"),
    ({**HOVER, "model": "../../etc"}, "model must be"),
    ({**HOVER, "model": "a\x00"}, "model must be"),
    ({**HOVER, "model": None}, "model must be"),
    ({**HOVER, "model": "plates2"}, "no model named 'plates2'"),
    ({**HOVER, "map": "../pca"}, "map must be"),
    ({**HOVER, "map": "umap"}, "no map named 'umap'"),
    ({**HOVER, "at": [1]}, "at must be"),
    ({**HOVER, "at": [1, 2, 3]}, "A place on this map has 2 numbers"),
    ({**HOVER, "at": ["1", "2"]}, "finite numbers"),
    ({**HOVER, "at": [True, 2]}, "finite numbers"),
    ('{"op":"hover","model":"plates","map":"pca","at":[NaN,0]}', "must be JSON"),
    ('{"op":"hover","model":"plates","map":"pca","at":[Infinity,0]}', "must be JSON"),
    ('{"op":"hover","model":"plates","map":"pca","at":[1e999,0]}', "finite numbers"),
    ({**HOVER, "at": [10**400, 0]}, "finite numbers"),
    ({**HOVER, "at": [1e5, 0]}, "finite numbers"),
    ({**HOVER, "k": 13}, "k must be a whole number"),
    ({**HOVER, "k": 10**4000}, "k must be a whole number"),
    ({**HOVER, "k": 2.5}, "k must be a whole number"),
    ({**HOVER, "thumbs": 1}, "true or false"),
    ({**WALK, "beyond": 1.5}, "beyond must be a share from 0 to 1"),
    ({**WALK, "beyond": True}, "beyond must be a share"),
    ({**WALK, "beyond": "far"}, "beyond must be a share"),
    ({**DECODE, "codes": []}, "codes must be a list of 1 to 256"),
    ({**DECODE, "codes": [[0.0, 1.0]] * 257}, "codes must be a list of 1 to 256"),
    ({**DECODE, "codes": [0.0, 1.0]}, "a code must be a list"),
    ({**DECODE, "codes": [[0.0], [0.0, 1.0]]}, "same length"),
    ({**DECODE, "codes": [[0.0, 1.0, 2.0]]}, "A code of plates has 2 numbers, not 3"),
    ({**DECODE, "codes": [[[0.0], 1.0]]}, "finite numbers"),
    ({**DECODE, "codes": [[]]}, "a code must be a list"),
    ({"op": "rows", "model": "plates", "rows": [211]}, "codes 0 to 210"),
    ({"op": "rows", "model": "plates", "rows": [-1]}, "a row must be"),
    ({"op": "rows", "model": "plates", "rows": [1.0]}, "a row must be"),
    ({**WALK, "ends": [{"row": 1}]}, "ends must be a list of 2 to 16"),
    ({**WALK, "ends": [{"row": 1}, {"at": [0, 0]}]}, "needs the map"),
    ({**WALK, "ends": [{"row": 1}, {"row": 2, "code": [1, 2]}]}, "one entry"),
    ({**WALK, "ends": [{"row": 1}, {"row": 999}]}, "codes 0 to 210"),
    ({**WALK, "ends": [{"row": 1}, {"code": [1]}]}, "has 2 numbers, not 1"),
    ({**WALK, "ends": [{"row": 1}, 2]}, "one entry"),
    ({**WALK, "kind": "nowhere"}, "no path named 'nowhere'"),
    ({**WALK, "steps": 258}, "steps must be"),
    ({**WALK, "steps": 1}, "steps must be"),
]


def test_bad_messages_are_answered_in_a_sentence_and_the_connection_lives(client: TestClient) -> None:
    with client.websocket_connect("/manigen/live") as line:
        for message, sentence in BAD_MESSAGES:
            line.send_text(message if isinstance(message, str) else json.dumps(message))
            reply = json.loads(line.receive_text())
            assert sentence in reply["error"], (message if isinstance(message, str) else str(message))[:200]
            assert "\n" not in reply["error"] and len(reply["error"]) < 400
            if isinstance(message, dict) and "id must" not in sentence and message.get("id") == 1:
                assert reply["id"] == 1
        line.send_bytes(b"\x00\xff")
        assert "not binary" in json.loads(line.receive_text())["error"]
        header, pictures = ask(line, **HOVER)
        assert header["op"] == "hover" and pictures is not None


JSON = some.recursive(
    some.none() | some.booleans() | some.floats() | some.integers() | some.text(max_size=9),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = ("id", "channel", "model", "map", "at", "k", "codes", "rows", "ends", "steps", "kind", "code", "along", "here")
NEARLY = some.fixed_dictionaries(
    {"op": some.sampled_from(("hover", "decode", "rows", "walk", "sweep", "sample", "ping"))},
    optional=dict.fromkeys(
        KEYS, JSON | some.sampled_from(["a", [0, 0], [[0, 1]], 3, [{"row": 1}, {"at": [0, 0]}], [{"code": [1]}] * 2])
    ),
)


@settings(max_examples=200, deadline=None)
@given(some.text() | JSON.map(json.dumps) | NEARLY.map(json.dumps))
def test_parse_raises_nothing_but_a_sentence(text: str) -> None:
    try:
        assert isinstance(protocol.parse(text), protocol.Ask)
    except ManigenError as error:
        assert str(error)
    protocol.identity(text)


def test_a_frame_starts_its_payload_at_a_multiple_of_eight() -> None:
    for size in range(30):
        data = protocol.frame({"text": "ä" * size}, b"payload")
        length = int.from_bytes(data[:4], "little")
        assert (4 + length) % 8 == 0
        assert json.loads(data[4 : 4 + length].decode()) == {"text": "ä" * size}
        assert data[4 + length :] == b"payload"
        assert protocol.unframe(data) == ({"text": "ä" * size}, b"payload")


@pytest.mark.parametrize("channels", [1, 3])
def test_many_pictures_travel_as_one_lossless_sheet(channels: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (53, 29, 31, channels), np.uint8)[:, :, :, :]
    pictures = pictures.repeat(3, axis=0)[: 157 if channels == 1 else 53]
    header, payload = protocol.unframe(protocol.pack({"id": 1}, pictures))
    assert header["encoding"] in ("webp", "png") and header["shape"] == list(pictures.shape)
    image = np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))
    for number, picture in enumerate(pictures):
        top, left = 29 * (number // header["columns"]), 31 * (number % header["columns"])
        assert np.array_equal(image[top : top + 29, left : left + 31, :channels], picture)
    few = protocol.unframe(protocol.pack({}, pictures[:5]))
    assert few[0]["encoding"] == "raw" and few[1] == pictures[:5].tobytes()


# --- the route --------------------------------------------------------------------------------------------------------


def test_hover_gives_the_picture_behind_a_place_and_its_neighbours(client: TestClient, live: Live) -> None:
    opened = live.models.open("plates")
    with client.websocket_connect("/manigen/live") as line:
        for at in ([0.1, 0.2], [-1.5, 0.4], [40.0, 0.0]):
            header, pictures = ask(line, **{**HOVER, "at": at, "want_code": True, "channel": "c"})
            code = opened.map("pca").inverse_transform([at])
            rows, distances = oracles.nearest(CODES, code, 3)
            assert np.allclose(header["code"], code[0], atol=1e-6)
            assert [n["row"] for n in header["neighbours"]] == rows[0].tolist()
            assert [n["label"] for n in header["neighbours"]] == [["", "a", "b"][row % 3] for row in rows[0]]
            far = distances[0] / opened.nearest.typical
            assert np.allclose([n["distance"] for n in header["neighbours"]], far, rtol=1e-3)
            assert np.isclose(header["distance"], far[0], rtol=1e-3)
            assert np.array_equal(pictures, by_hand(opened.generator, [*code, *CODES[rows[0]]]))
            assert {"queue", "decode", "total"} <= set(header["ms"]) and header["device"]
        assert header["level"] == "far"
        near, _ = ask(line, **{**HOVER, "at": opened.map("pca").p[5].tolist()})
        assert near["level"] == "near" and near["distance"] < 0.01


def heard(line: Any, until: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What is said of a search before the reply, or before a word of a stage `until`, and that."""
    told: list[dict[str, Any]] = []
    while True:
        header, _ = answer(line)
        if header.get("progress", {}).get("stage") in (None, until):
            return told, header
        told.append(header["progress"])


def test_a_long_search_says_how_far_it_is_and_can_be_stopped(
    client: TestClient, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "TELL_S", 0.0)
    walk = {"op": "walk", "model": "plates", "kind": "pullback", "steps": 9, "ends": [{"row": 4}, {"row": 8}]}
    with client.websocket_connect("/manigen/live") as line:
        line.send_text(json.dumps({**walk, "id": 1}))
        told, reply = heard(line, "")
        assert reply["id"] == 1 and reply["converged"]
        assert {word["stage"] for word in told} == {"roads", "descent"}
        assert all(0 <= word["share"] < 1 and (word["left"] is None or word["left"] >= 0) for word in told)
        live.models.open("plates").generator.ms_per_picture = 1.0
        line.send_text(json.dumps({**walk, "id": 2}))
        assert heard(line, "descent")[1]["id"] == 2
        line.send_text(json.dumps({"op": "stop", "id": 3, "channel": "elsewhere"}))
        line.send_text(json.dumps({"op": "stop", "id": 4, "channel": "walk"}))
        live.models.open("plates").generator.ms_per_picture = 0.0
        _, reply = heard(line, "")
        assert reply["id"] == 2 and not reply["converged"] and "stopped" in reply["notes"][0]


def test_a_search_stopped_before_it_has_a_path_says_so(
    client: TestClient, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "TELL_S", 0.0)
    live.models.open("plates").generator.ms_per_picture = 3.0
    with client.websocket_connect("/manigen/live") as line:
        ends = [{"row": 4}, {"row": 8}]
        line.send_text(
            json.dumps({"op": "walk", "id": 1, "model": "plates", "kind": "graph", "steps": 9, "ends": ends})
        )
        heard(line, "roads")
        line.send_text(json.dumps({"op": "stop", "id": 2, "channel": "walk"}))
        _, reply = heard(line, "")
        assert reply["id"] == 1 and reply["stopped"] is True and "stopped" in reply["error"]


def test_a_search_that_nobody_waits_for_any_more_ends(
    client: TestClient, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "TELL_S", 0.0)
    plates = live.models.open("plates").generator
    plates.ms_per_picture = 3.0  # 211 codes: 0.6 s
    with client.websocket_connect("/manigen/live") as line:
        walk = {"op": "walk", "model": "plates", "steps": 9, "ends": [{"row": 4}, {"row": 8}]}
        line.send_text(json.dumps({**walk, "id": 1, "kind": "graph"}))
        heard(line, "roads")
        line.send_text(json.dumps({**walk, "id": 2, "kind": "straight"}))
        _, reply = heard(line, "")
        assert reply["id"] == 2 and sum(plates.batches) < len(CODES)


def test_decode_rows_and_walk_answer_as_computed_by_hand(client: TestClient, live: Live) -> None:
    opened = live.models.open("plates")
    plates = opened.generator
    with client.websocket_connect("/manigen/live") as line:
        z = CODES[:7] + np.float32(0.25)
        header, pictures = ask(line, op="decode", id="x", model="plates", codes=z.tolist(), map="pca", k=2)
        assert header["id"] == "x" and header["channel"] == "decode"
        assert np.array_equal(pictures[:7], by_hand(plates, z))
        assert len(pictures) == 9 and len(header["neighbours"]) == 2
        assert np.allclose(header["distance"], opened.nearest.how_far(z), rtol=1e-3)
        assert np.allclose(header["at"], opened.map("pca").transform(z), atol=1e-4)
        for _ in range(2):  # decoded, then from the thumbnails
            header, pictures = ask(line, op="rows", id=2, model="plates", rows=[5, 3, 5, 9], want_code=True)
            assert np.array_equal(pictures, by_hand(plates, CODES[[5, 3, 5, 9]]))
            assert np.allclose(header["codes"], CODES[[5, 3, 5, 9]], rtol=1e-5)
        ends = [{"row": 4}, {"at": [0.5, 0.1]}, {"code": [1.0, -1.0]}]
        header, pictures = ask(line, op="walk", id=3, model="plates", kind="straight", ends=ends, steps=9, map="pca")
        middle = opened.map("pca").inverse_transform([[0.5, 0.1]])[0]
        assert np.allclose(np.array(header["codes"])[[0, 4, 8]], [CODES[4], middle, [1, -1]], atol=1e-5)
        assert np.allclose(np.array(header["codes"])[2], (CODES[4] + middle) / 2, atol=1e-5)
        assert np.array_equal(pictures, by_hand(plates, np.array(header["codes"], np.float32)))
        x = plates.decode(np.array(header["codes"], np.float32)).reshape(9, -1)
        assert np.isclose(header["length"], np.linalg.norm(np.diff(x, axis=0), axis=1).sum(), rtol=1e-3)
        assert 0 < header["evenness"] <= 1 and header["converged"] is True and len(header["at"]) == 9
        line.send_text(json.dumps({**WALK, "knobs": {"steps": 3}}))
        assert "has no knob 'steps'" in json.loads(line.receive_text())["error"]
        mix, _ = ask(line, op="walk", id=4, model="plates", kind="straight+graph", ends=ends, steps=9, map="pca")
        assert mix["kind"] == "straight+graph" and mix["codes"][4] == header["codes"][4]
        told = {"op": "walk", "model": "plates", "kind": "straight", "ends": ends, "steps": 9, "map": "pca"}
        on, more = ask(line, id=5, beyond=0.5, report=True, **told)
        assert on["past"] == 4 and header["past"] == 0 and len(more) == len(on["at"]) == len(on["distance"]) == 17
        assert on["codes"][4:-4] == header["codes"] and on["length"] == header["length"]  # of the way between the ends
        assert on["distance_to_data"] == header["distance_to_data"] and "Past its ends" in on["notes"][-1]
        first, second, *_, before, last = np.array(on["codes"])
        assert np.allclose(first, second + (second - np.array(on["codes"][2])), atol=1e-4)  # straight on
        assert np.allclose(last, before + (before - np.array(on["codes"][-3])), atol=1e-4)


def test_a_large_reply_is_compressed_off_the_loop_and_exact(engine: Engine) -> None:
    model = engine.adopt(build("vae", (3, 16, 16), dim=2))
    models = Library(engine)
    models.register("colour", model, codes_of(CODES), {})
    with (
        TestClient(Starlette(routes=Live(models).routes())) as client,
        client.websocket_connect("/manigen/live") as line,
    ):
        line.send_text(json.dumps({"op": "rows", "id": 1, "model": "colour", "rows": list(range(200))}))
        header, payload = protocol.unframe(line.receive_bytes())
        image = np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))
        columns = header["columns"]
        expected = paint(model, CODES[:200])
        for number in (0, 1, 77, 199):
            top, left = 16 * (number // columns), 16 * (number % columns)
            piece = image[top : top + 16, left : left + 16]
            assert np.abs(piece.astype(int) - expected[number].astype(int)).max() <= 1


def test_a_page_of_another_site_is_refused(client: TestClient, live: Live) -> None:
    for origin in ("http://evil.example", "null", "http://testserver.evil.example", "http://evil.example/testserver"):
        with (
            pytest.raises(WebSocketDisconnect) as refused,
            client.websocket_connect("/manigen/live", headers={"origin": origin}),
        ):
            pass
        assert refused.value.code == routes.FORBIDDEN
        assert client.get("/manigen/map/plates/pca", headers={"origin": origin}).status_code == 403
    with client.websocket_connect("/manigen/live", headers={"origin": "http://testserver"}) as line:
        assert ask(line, op="ping", id=5)[0]["id"] == 5
    live.origins.add("http://evil.example")
    with client.websocket_connect("/manigen/live", headers={"origin": "http://evil.example"}) as line:
        assert ask(line, op="ping", id=6)[0]["id"] == 6


def test_too_many_connections_are_told_so(client: TestClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(routes, "PER_ADDRESS", 2)
    with client.websocket_connect("/manigen/live") as one, client.websocket_connect("/manigen/live") as two:
        with client.websocket_connect("/manigen/live") as three:
            assert "Too many connections" in json.loads(three.receive_text())["error"]
            with pytest.raises(WebSocketDisconnect) as closed:
                three.receive_text()
            assert closed.value.code == routes.TOO_MANY
        assert ask(one, op="ping")[0]["op"] == ask(two, op="ping")[0]["op"] == "ping"
    with client.websocket_connect("/manigen/live") as again:
        assert ask(again, op="ping")[0]["op"] == "ping"


def test_too_many_channels_at_once_are_refused(client: TestClient, plates: Plates) -> None:
    plates.held.clear()
    with client.websocket_connect("/manigen/live") as line:
        for number in range(routes.CHANNELS + 1):
            line.send_text(json.dumps({**HOVER, "id": number, "channel": f"c{number}"}))
        assert answer(line)[0]["id"] == routes.CHANNELS
        plates.held.set()
        assert sorted(answer(line)[0]["id"] for _ in range(routes.CHANNELS)) == list(range(routes.CHANNELS))
        for number in range(3 * routes.CHANNELS):  # one after the other there may be any number of names
            assert ask(line, **{**HOVER, "id": number, "channel": f"d{number}"})[1] is not None


def test_a_bucket_lets_its_rate_through_and_no_more() -> None:
    bucket = Bucket(rate=100, size=10)
    waits = [bucket.take() for _ in range(30)]
    assert waits[:10] == [0] * 10
    assert 0.15 < waits[-1] <= 0.2  # 20 beyond the burst
    assert Bucket(100, 10).take(60) == pytest.approx(0.5, abs=0.01)


def test_a_model_that_cannot_be_opened_is_told_and_the_connection_lives(client: TestClient, live: Live) -> None:
    def broken() -> Generator:
        raise RuntimeError("no such kernel")

    live.models._opened["broken"] = Opened("broken", broken, codes_of(CODES), {})
    with client.websocket_connect("/manigen/live") as line:
        reply, _ = ask(line, **{**DECODE, "model": "broken", "id": 4})
        assert reply["id"] == 4 and "something inside failed" in reply["error"] and "kernel" not in reply["error"]
        assert ask(line, **DECODE)[1] is not None


def test_a_flood_is_slowed_down_and_told_so(client: TestClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(routes, "Bucket", lambda: Bucket(rate=200, size=20))
    with client.websocket_connect("/manigen/live") as line:
        began = time.monotonic()
        for number in range(80):
            line.send_text(json.dumps({"op": "ping", "id": number}))
        replies = [answer(line)[0] for _ in range(81)]
        assert time.monotonic() - began > 0.25
        assert [reply["id"] for reply in replies if "error" not in reply] == list(range(80))
        assert ["Too many messages" in reply.get("error", "") for reply in replies].count(True) == 1


def test_a_silent_connection_is_closed(client: TestClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(routes, "IDLE_S", 0.05)
    with client.websocket_connect("/manigen/live") as line:
        with pytest.raises(WebSocketDisconnect) as closed:
            line.receive_text()
        assert closed.value.code == routes.IDLE


def test_a_map_travels_in_columns(client: TestClient, live: Live) -> None:
    opened = live.models.open("plates")
    reply = client.get("/manigen/map/plates/pca")
    header, payload = protocol.unframe(reply.content)
    columns = {
        about["name"]: np.frombuffer(payload, about["dtype"], int(np.prod(about["shape"])), about["offset"]).reshape(
            about["shape"]
        )
        for about in header["columns"]
    }
    assert np.array_equal(columns["points"], opened.map("pca").p)
    assert np.array_equal(columns["label"], opened.codes.labels) and columns["label"].dtype == np.int16
    assert np.array_equal(columns["error"], opened.codes.error)
    assert np.array_equal(columns["distance"], opened.nearest_distance)
    assert np.array_equal(columns["row"], np.arange(211)) and np.array_equal(columns["data_row"], opened.codes.rows)
    assert header["classes"] == ["a", "b"] and header["codes"] == 211
    assert all(about["offset"] % 8 == 0 for about in header["columns"])


def test_a_browser_keeps_a_map_by_its_hash(client: TestClient, live: Live) -> None:
    reply = client.get("/manigen/map/plates/pca")
    assert reply.headers["cache-control"] == "no-cache"
    assert client.get("/manigen/map/plates/pca", headers={"if-none-match": reply.headers["etag"]}).status_code == 304
    opened = live.models.open("plates")
    address = f"/manigen/map/plates/pca?v={opened.version('pca')}"
    assert "immutable" in client.get(address).headers["cache-control"]
    assert "private" in client.get(address).headers["cache-control"]
    assert "immutable" not in client.get("/manigen/map/plates/pca?v=older").headers["cache-control"]
    opened.add_map("pca", fit_map(CODES[::-1].copy(), "pca"))
    assert client.get(address).headers["cache-control"] == "no-cache"
    assert client.get(address).headers["etag"] != reply.headers["etag"]
    with pytest.raises(BadInput, match="211"):
        opened.add_map("small", fit_map(CODES[:50], "pca"))


def test_zipped_and_plain_content_are_the_same(client: TestClient) -> None:
    plain = client.get("/manigen/map/plates/pca", headers={"accept-encoding": "identity"})
    zipped = client.get("/manigen/map/plates/pca", headers={"accept-encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip" and plain.headers["content-encoding"] == "identity"
    assert int(zipped.headers["content-length"]) < len(plain.content)
    assert plain.content == zipped.content


@pytest.mark.parametrize(
    "path",
    [
        "/manigen/map/nope/pca",
        "/manigen/map/plates/nope",
        "/manigen/map/..%2f..%2fetc/passwd",
        "/manigen/static/nope.js",
        "/manigen/static/..%2frouter.py",
        "/manigen/static/%2e%2e/%2e%2e/app.py",
        "/manigen/static/x/router.py",
    ],
)
def test_names_that_are_not_there_are_not_found(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 404
    assert "Traceback" not in reply.text and "root:" not in reply.text


def test_scripts_are_served_under_a_version_and_read_again_when_they_change(tmp_path: Any, live: Live) -> None:
    (tmp_path / "one.js").write_text('import "./two.js";')
    (tmp_path / "two.js").write_text("let two = 2;")
    (tmp_path / "style.css").write_text("a { color: red }")
    (tmp_path / "secret.py").write_text("no")
    live.static = Static(tmp_path)
    with TestClient(Starlette(routes=live.routes())) as client:
        first = live.static.version()
        assert live.static.address("one.js") == f"/manigen/static/{first}/one.js"
        reply = client.get(live.static.address("one.js"))
        assert reply.text == 'import "./two.js";' and "immutable" in reply.headers["cache-control"]
        assert reply.headers["content-type"].startswith("text/javascript")
        assert client.get(f"/manigen/static/{first}/two.js").text == "let two = 2;"
        assert client.get("/manigen/static/style.css").headers["content-type"].startswith("text/css")
        assert client.get("/manigen/static/style.css").headers["cache-control"] == "no-cache"
        assert client.get("/manigen/static/secret.py").status_code == 404
        (tmp_path / "two.js").write_text("let two = 'two';")
        assert live.static.version() != first
        stale = client.get(f"/manigen/static/{first}/two.js")
        assert stale.text == "let two = 'two';" and stale.headers["cache-control"] == "no-cache"
        plotly = client.get("/manigen/static/plotly.min.js")
        assert "plotly.js" in plotly.text[:200] and len(plotly.content) > 10**6


def test_an_app_that_lies_under_a_path_has_all_its_addresses_there(monkeypatch: Any, live: Live) -> None:
    monkeypatch.setattr(routes, "_live", lambda: live)
    with TestClient(Starlette(routes=routes.routes("/demo/"))) as client:
        assert routes.static_address("live.js").startswith("/demo/manigen/static/")
        assert client.get(routes.static_address("live.js")).status_code == 200
        assert client.get(routes.map_address("plates", "pca")).status_code == 200
        assert client.get("/demo/manigen/health").json()["ok"]
        assert client.get("/manigen/health").status_code == 404
        with client.websocket_connect("/demo/manigen/live") as line:
            assert ask(line, op="ping", id=1)[0]["id"] == 1


def test_health_tells_device_and_counts(client: TestClient) -> None:
    with client.websocket_connect("/manigen/live") as line:
        ask(line, **HOVER)
        about = client.get("/manigen/health").json()
        assert about["ok"] and about["connections"] == 1 and about["requests"] == 1 and about["device"]
    assert "plates" not in json.dumps(about)


def test_a_shipped_map_is_sent_without_starting_the_engine() -> None:
    if "mnist-fusion" not in weights.names():
        pytest.skip("mnist-fusion is not among the weights")
    live = Live(Library())
    with TestClient(Starlette(routes=live.routes())) as client:
        version = live.models.open("mnist-fusion").version("umap")
        reply = client.get(f"/manigen/map/mnist-fusion/umap?v={version}")
        assert "immutable" in reply.headers["cache-control"]
        header, _ = protocol.unframe(reply.content)
        assert header["codes"] >= 10_000 and header["classes"][7] == "7"
        about = client.get("/manigen/health").json()
        assert about["models"] == 1 and "device" not in about
        assert not live.models.open("mnist-fusion").awake


@pytest.mark.parametrize("name", weights.names())
def test_the_first_decoder_makes_the_pictures_of_the_model(name: str) -> None:
    made = first.read(name)
    if made is None:
        assert weights.info(name)["family"] not in first.FAMILIES or "layout" in weights.info(name)["knobs"]
        return
    z = np.random.default_rng(5).normal(size=(9, made.dim)).astype(np.float32)
    pictures = paint(weights.load(name), z)
    assert made.paint(z).shape == pictures.shape
    assert np.abs(made.paint(z).astype(int) - pictures).max() <= 1  # rounding of a grey level


FIRST_HOVER = """
import json, sys, threading
from starlette.applications import Starlette
from starlette.testclient import TestClient
from manigen.live import library, protocol, routes

routes.PICTURE_S = 3600  # torch is never sent for
live = routes.Live()
with TestClient(Starlette(routes=live.routes())) as client, client.websocket_connect("/manigen/live") as line:
    line.send_text(json.dumps({"op": "hover", "id": 1, "model": "mnist-fusion", "map": "umap", "at": [0, 0], "k": 6}))
    header, pictures = protocol.unframe(line.receive()["bytes"])
    print(header["shape"], header["device"].startswith("CPU"), len(pictures), "torch" in sys.modules)
    live.models.open("mnist-fusion").wake()
    live.models.open("mnist-fusion")._waker.join()
    line.send_text(json.dumps({"op": "hover", "id": 2, "model": "mnist-fusion", "map": "umap", "at": [0, 0], "k": 6}))
    _, again = protocol.unframe(line.receive()["bytes"])
    print(max(abs(a - b) for a, b in zip(pictures, again)) <= 1, "torch" in sys.modules)
"""


def test_the_first_hover_is_answered_before_torch_is_there_and_the_next_ones_by_torch() -> None:
    if "mnist-fusion" not in weights.names():
        pytest.skip("mnist-fusion is not among the weights")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FIRST_HOVER], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines() == [f"[7, 28, 28, 1] True {7 * 784} False", "True True"], done.stderr


def test_heavy_work_waits_until_a_browser_has_what_it_asked_for(monkeypatch: Any) -> None:
    monkeypatch.setattr(routes.Doorkeeper, "heard", time.monotonic() + 0.2)
    routes.Doorkeeper.wait_until_quiet()
    assert time.monotonic() >= routes.Doorkeeper.heard + routes.QUIET_S
    monkeypatch.setattr(routes, "VISITOR_S", 0.0)
    monkeypatch.setattr(routes.Doorkeeper, "heard", 0.0)
    routes.Doorkeeper.wait_until_quiet()  # nobody comes


# --- a real server on the loopback ------------------------------------------------------------------------------------


class Server:
    """The live routes behind uvicorn, set up as `streamlit run` does, in a thread."""

    def __init__(self, live: Live, port: int = 0, handed: socket.socket | None = None) -> None:
        import uvicorn

        app = Starlette(routes=live.routes(), middleware=routes.middleware())
        self.server = uvicorn.Server(
            uvicorn.Config(app, port=port, ws="websockets-sansio", ws_per_message_deflate=False, log_level="error")
        )
        sockets = None if handed is None else [handed]
        self.thread = threading.Thread(target=lambda: self.server.run(sockets), daemon=True)
        self.thread.start()
        assert wait_for(lambda: self.server.started, 10)
        self.port = (handed or self.server.servers[0].sockets[0]).getsockname()[1]

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)


def test_a_crowd_shares_its_decodes_and_each_gets_its_newest_picture(live: Live, plates: Plates) -> None:
    from websockets.asyncio.client import connect

    plates.ms_per_picture = 0.2
    server = Server(live)
    clients, messages = 12, 25

    async def hand(number: int) -> int:
        async with connect(f"ws://127.0.0.1:{server.port}/manigen/live", compression=None) as line:
            for count in range(messages):
                code = [[number / 10, count / 10]]
                await line.send(json.dumps({**DECODE, "id": count, "codes": code, "channel": "hand"}))
                await asyncio.sleep(0.002)
            replies, header = 0, {"id": -1}
            while header["id"] != messages - 1:
                header, payload = protocol.unframe(await asyncio.wait_for(line.recv(), 10))
                pictures = np.frombuffer(payload, np.uint8).reshape(header["shape"])
                assert np.array_equal(pictures, by_hand(plates, [[number / 10, header["id"] / 10]]))
                replies += 1
            return replies

    async def crowd() -> list[int]:
        return await asyncio.gather(*(hand(number) for number in range(clients)))

    try:
        replies = asyncio.run(crowd())
        statistics = live.models.works.statistics
        assert statistics.requests == clients * messages
        assert statistics.superseded == clients * messages - sum(replies)
        assert statistics.rounds < sum(replies) <= clients * messages
        assert max(statistics.batches) > 3
    finally:
        server.stop()


def test_small_replies_leave_at_once_also_on_a_socket_that_the_server_was_handed(live: Live) -> None:
    from websockets.sync.client import connect

    handed = socket.socket(socket.AF_INET)  # without naming TCP, as Streamlit opens it: asyncio then leaves it as it is
    handed.bind(("127.0.0.1", 0))
    server = Server(live, handed=handed)
    try:
        with connect(f"ws://127.0.0.1:{server.port}/manigen/live", compression=None) as line:
            line.send(json.dumps({"op": "ping", "id": 1}))
            line.recv(10)
            (served,) = server.server.server_state.connections
            assert served.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        server.stop()
        handed.close()


def test_files_leave_at_once_too(live: Live) -> None:
    handed = socket.socket(socket.AF_INET)
    handed.bind(("127.0.0.1", 0))
    server = Server(live, handed=handed)
    try:
        with httpx.Client() as browser:
            assert browser.get(f"http://127.0.0.1:{server.port}/manigen/static/parts.js").status_code == 200
            (served,) = server.server.server_state.connections
            assert served.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        server.stop()
        handed.close()


def deaf_socket(port: int) -> socket.socket:
    """A connection with no receive buffer to speak of."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", port))
    return raw


def test_a_client_that_does_not_read_costs_no_memory_and_stops_nobody(engine: Engine, monkeypatch: Any) -> None:
    from websockets.sync.client import connect

    monkeypatch.setattr(routes, "SEND_S", 1.0)
    model = engine.adopt(build("vae", (3, 64, 64), dim=2, width=4))
    models = Library(engine)
    models.register("large", model, codes_of(CODES), {"pca": fit_map(CODES, "pca")})
    live = Live(models)
    server = Server(live)
    address = f"ws://127.0.0.1:{server.port}/manigen/live"
    message = {**HOVER, "model": "large", "k": 6}  # each reply is 84 KiB
    try:
        deaf_line = deaf_socket(server.port)
        with connect(address, sock=deaf_line, max_queue=1, compression=None, close_timeout=0.1) as deaf:
            for number in range(400):
                deaf.send(json.dumps({**message, "id": number}))
                time.sleep(0.001)
            made = engine.statistics.requests - engine.statistics.superseded
            assert made < 150  # the system's own buffers, some megabytes, take the first of them
            with connect(address, compression=None) as other:
                began = time.monotonic()
                other.send(json.dumps({**message, "id": 7}))
                assert protocol.unframe(other.recv(timeout=5))[0]["id"] == 7
                assert time.monotonic() - began < 1
                assert wait_for(lambda: live.addresses.total() == 1)  # the deaf one is given up
    finally:
        server.stop()


def test_after_a_restart_a_client_goes_on(live: Live) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    server = Server(live)
    with connect(f"ws://127.0.0.1:{server.port}/manigen/live", compression=None) as line:
        line.send(json.dumps({**HOVER, "id": 1}))
        assert protocol.unframe(line.recv(timeout=5))[0]["id"] == 1
        server.stop()
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=5)
    again = Server(live, server.port)
    try:
        with connect(f"ws://127.0.0.1:{again.port}/manigen/live", compression=None) as line:
            line.send(json.dumps({**HOVER, "id": 2}))
            assert protocol.unframe(line.recv(timeout=5))[0]["id"] == 2
    finally:
        again.stop()
    assert wait_for(lambda: live.addresses.total() == 0)
