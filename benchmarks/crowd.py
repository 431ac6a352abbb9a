"""A crowd on one server: 32 browsers that each ask for 30 pictures a second.

    python -m benchmarks.crowd [--json] [--seconds 300] [--clients 32] [--rate 30] [--model mnist-vae]

Server (uvicorn as `streamlit run` sets it up, the live routes, nothing else), clients and the observer are three
processes that share this machine's cores. Half of the clients hover over the map, six neighbours' pictures with each
reply; the other half drag a slider: one code a message. Places and codes lie on the way between real ones. A latency
is the time from a message's write to the read of the reply that carries its id; messages that were overtaken by a newer
one on the same channel, as they should be under load, have none and are counted.

Then, in one process, the engine is kept saturated by eight askers and compared with a bare batched torch loop over the
same model, in turns of one second. The bare loop is the best of three: the model as it is loaded with torch's own
number of threads, with one thread, and with one thread and channels-last weights. Its batches are of 64 on a CPU, the
fastest there, and its codes lie ready; like the engine it ends with uint8 pictures in NumPy.

Goals: p95_ms <= 50, errors 0, memory flat, ratio >= 0.8.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

HOVER_NEIGHBOURS = 6
WARM_S = 10.0  # seconds of a run that fill caches and are not counted


# --- the server -------------------------------------------------------------------------------------------------------


def serve(port: int, workers: int | None = None, loop: str = "auto") -> None:
    import uvicorn
    from starlette.applications import Starlette

    from manigen.live import routes
    from manigen.live.engine import Engine
    from manigen.live.library import Library

    live = routes.Live(Library(Engine(workers))) if workers else routes.Live()
    uvicorn.run(
        Starlette(routes=live.routes()),
        port=port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
        loop=loop,  # type: ignore[arg-type]
    )


# --- the clients ------------------------------------------------------------------------------------------------------


class Hand(asyncio.Protocol):
    """One browser, as cheap as can be: frames are written by hand, replies are only searched for their id."""

    def __init__(self, port: int, rate: float, next_message: Callable[[int], str], seed: int) -> None:
        self.port, self.rate, self.next_message = port, rate, next_message
        self.random = random.Random(seed)
        self.buffer = bytearray()
        self.open = False
        self.count = 0
        self.sent: dict[int, float] = {}
        self.latencies: list[tuple[float, float]] = []  # when, seconds
        self.errors: list[str] = []
        self.overtaken = 0
        self.bytes = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        key = base64.b64encode(self.random.randbytes(16)).decode()
        host = f"127.0.0.1:{self.port}"
        self.transport.write(
            f"GET /manigen/live HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.open:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if b" 101 " not in self.buffer[:20]:
                self.errors.append(self.buffer[:80].decode(errors="replace"))
                self.transport.close()
                return
            del self.buffer[: end + 4]
            self.open = True
            self.due = self.loop.time() + self.random.random() / self.rate
            self.loop.call_at(self.due, self.ask)
        while len(self.buffer) >= 2:
            length, start = self.buffer[1] & 127, 2
            if length == 126:
                length, start = int.from_bytes(self.buffer[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(self.buffer[2:10], "big"), 10
            if len(self.buffer) < start + length:
                return
            self.received(self.buffer[0] & 15, bytes(self.buffer[start : start + min(length, 400)]))
            self.bytes += length
            del self.buffer[: start + length]

    def received(self, opcode: int, head: bytes) -> None:
        now = time.perf_counter()
        if opcode == 9:  # ping
            return self.write(10, head)
        if opcode == 8:
            return self.errors.append(f"closed by the server: {head!r}")
        if opcode == 1:
            return self.errors.append(head.decode(errors="replace"))
        at = head.index(b'"id":') + 5
        number = int(head[at : head.index(b",", at)])
        for older in [one for one in self.sent if one <= number]:
            sent = self.sent.pop(older)
            if older == number:
                self.latencies.append((sent, now - sent))
            else:
                self.overtaken += 1

    def ask(self) -> None:
        if self.transport.is_closing():
            return
        self.count += 1
        self.sent[self.count] = time.perf_counter()
        self.write(1, self.next_message(self.count).encode())
        self.due += 1 / self.rate
        self.loop.call_at(self.due, self.ask)

    def write(self, opcode: int, payload: bytes) -> None:
        """One frame, masked with zeros: the protocol wants a mask, and this one costs nothing."""
        size = len(payload)
        length = bytes([128 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.transport.write(bytes([128 | opcode]) + length + b"\0\0\0\0" + payload)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.errors.append(repr(error))


def on_the_way(stops: np.ndarray, seed: int, pace: float = 0.02) -> Callable[[], list[float]]:
    """Return what gives, call by call, the next place on the way from one random stop to another."""
    rng = np.random.default_rng(seed)
    state = {"from": stops[rng.integers(len(stops))], "to": stops[rng.integers(len(stops))], "t": 0.0}

    def step() -> list[float]:
        state["t"] += pace
        if state["t"] > 1:
            state.update({"from": state["to"], "to": stops[rng.integers(len(stops))], "t": 0.0})
        place = state["from"] + state["t"] * (state["to"] - state["from"])
        return [round(float(number), 4) for number in place]

    return step


def crowd(port: int, clients: int, rate: float, seconds: float, model: str) -> dict[str, Any]:
    from manigen import weights

    z = weights.codes(model).z
    method = weights.maps(model)[0]
    places = weights.load_map(model, method, z).p

    def hover(step: Callable[[], list[float]]) -> Callable[[int], str]:
        head = f'{{"op":"hover","channel":"hover","model":"{model}","map":"{method}","k":{HOVER_NEIGHBOURS}'
        return lambda number: f'{head},"id":{number},"at":{step()}}}'

    def decode(step: Callable[[], list[float]]) -> Callable[[int], str]:
        head = f'{{"op":"decode","channel":"slider","model":"{model}"'
        return lambda number: f'{head},"id":{number},"codes":[{step()}]}}'

    hands = [
        Hand(port, rate, decode(on_the_way(z, n)) if n % 2 else hover(on_the_way(places, n)), n) for n in range(clients)
    ]

    def fill(number: int) -> str:
        rows = [row % len(z) for row in range(256 * number, 256 * number + 256)]
        return json.dumps({"op": "rows", "channel": f"fill-{number % 8}", "id": number, "model": model, "rows": rows})

    filler = Hand(
        port, 20, fill, -1
    )  # sees every real code once, so that the server's thumbnails are as many as they get
    began = 0.0

    async def run() -> None:
        nonlocal began
        loop = asyncio.get_running_loop()
        for hand in [filler, *hands]:
            await loop.create_connection(partial(_itself, hand), "127.0.0.1", port)
        await asyncio.sleep(WARM_S)
        filler.transport.abort()
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        for hand in hands:
            hand.transport.abort()

    before = resource.getrusage(resource.RUSAGE_SELF)
    asyncio.run(run())
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def of(some: list[Hand]) -> np.ndarray:
        return np.array([1e3 * spent for hand in some for sent, spent in hand.latencies if sent >= began] or [np.nan])

    every, hovering, sliding = of(hands), of(hands[::2]), of(hands[1::2])
    errors = [error for hand in hands for error in hand.errors]
    return {
        "p50_ms": _round(np.median(every)),
        "p95_ms": _round(np.quantile(every, 0.95)),
        "p99_ms": _round(np.quantile(every, 0.99)),
        "worst_ms": _round(every.max()),
        "hover_p95_ms": _round(np.quantile(hovering, 0.95)),
        "slider_p95_ms": _round(np.quantile(sliding, 0.95)),
        "replies_per_second": _round(len(every) / seconds),
        "asked": sum(hand.count for hand in hands),
        "overtaken": sum(hand.overtaken for hand in hands),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "megabytes_per_second": _round(sum(hand.bytes for hand in hands) / 1e6 / (seconds + WARM_S)),
        "clients_cpu_share": _round(used / (seconds + WARM_S), 3),
    }


# --- the engine alone -------------------------------------------------------------------------------------------------


def saturation(model: str, turns: int = 8, turn_s: float = 1.0) -> dict[str, Any]:
    """Return pictures a second of the saturated engine and of a bare loop, in turns; medians of the turns."""
    import torch

    from manigen import weights
    from manigen.live.engine import Engine

    own_threads = torch.get_num_threads()
    bare = weights.load(model)
    engine = Engine()
    ours = engine.adopt(weights.load(model))
    z = weights.codes(model).z
    size = 64 if engine.most <= 64 else 512
    where = torch.device("cpu") if engine.most <= 64 else next(ours.parameters()).device
    bare = bare.to(where)

    laid_out = weights.load(model).to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loop(bare: Any, threads: int) -> float:
        torch.set_num_threads(threads)
        codes = torch.from_numpy(z[:8192]).to(where)
        made, began = 0, time.perf_counter()
        with torch.inference_mode():
            while time.perf_counter() - began < turn_s:
                start = made % 8192
                x = bare.decode(codes[start : start + size])
                x.mul(255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
                made += len(x)
        return made / (time.perf_counter() - began)

    def saturated() -> float:
        torch.set_num_threads(1)
        made, stop, lock = [0], threading.Event(), threading.Lock()

        def ask(seed: int) -> None:
            rng = np.random.default_rng(seed)
            while not stop.is_set():
                start = rng.integers(len(z) - 256)
                engine.decode(ours, z[start : start + 256])
                with lock:
                    made[0] += 256

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        time.sleep(turn_s)
        stop.set()
        for thread in threads:
            thread.join()
        return made[0] / (time.perf_counter() - began)

    loops = {
        "default_threads": lambda: loop(bare, own_threads),
        "one_thread": lambda: loop(bare, 1),
        "channels_last": lambda: loop(laid_out, 1),
    }
    ours_rates: list[float] = []
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(turns):
        ours_rates.append(saturated())
        for name, bare_loop in loops.items():
            rates[name].append(bare_loop())
    engine.stop()
    best = max(rates, key=lambda name: np.median(rates[name]))
    return {
        "pictures_per_second": _round(np.median(ours_rates)),
        "bare_pictures_per_second": _round(np.median(rates[best])),
        "bare_loop": best,
        **{f"bare_{name}_pictures_per_second": _round(np.median(rates[name])) for name in loops},
        "ratio": _round(np.median(np.array(ours_rates) / np.array(rates[best])), 3),
    }


# --- the observer -----------------------------------------------------------------------------------------------------


def memory_mb(pid: int) -> float:
    """The resident memory of a process in MB, from /proc; NaN where there is none."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return float("nan")


def cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(clients: int, rate: float, seconds: float, model: str, workers: int, loop: str) -> dict[str, Any]:
    from manigen.live.engine import device_name

    port = _free_port()
    me = [sys.executable, "-m", "benchmarks.crowd"]
    server = subprocess.Popen([*me, "--serve", str(port), "--workers", str(workers), "--loop", loop])
    try:
        _wait_for(port, server)
        asked = [*me, "--crowd", str(port), "--clients", str(clients), "--rate", str(rate), "--model", model]
        people = subprocess.Popen([*asked, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
        times: list[float] = []
        memory: list[float] = []
        began, used = time.monotonic(), 0.0
        while people.poll() is None:
            time.sleep(0.5)
            if time.monotonic() - began > WARM_S + 3:  # connected, caches filled
                used = used or cpu_seconds(server.pid)
                times.append(time.monotonic() - began)
                memory.append(memory_mb(server.pid))
        used = cpu_seconds(server.pid) - used
        output = people.communicate()[0]
        health = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/manigen/health"))
    finally:
        server.terminate()
        server.wait(10)
    slope = float(np.polyfit(times, memory, 1)[0] * 60) if len(times) > 2 else float("nan")
    return {
        "device": device_name(),
        "model": model,
        "clients": clients,
        "rate_per_second": rate,
        "seconds": seconds,
        **json.loads(output),
        "memory_start_mb": _round(memory[0]),
        "memory_end_mb": _round(memory[-1]),
        "memory_growth_mb": _round(memory[-1] - memory[0]),
        "memory_slope_mb_per_minute": _round(slope, 3),
        "server_cpu_share": _round(used / (times[-1] - times[0]), 3),
        "superseded": health["superseded"],
        "rounds": health["rounds"],
        "batch_median": health["batch_median"],
        "decode_ms": health["decode_ms"],
    }


def _itself(hand: Hand) -> Hand:
    return hand


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise SystemExit("The server did not start.")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/manigen/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server did not answer.")


def _round(value: float, digits: int = 1) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rate", type=float, default=30)
    parser.add_argument("--model", default="mnist-vae")
    parser.add_argument("--workers", type=int, default=0, help="decode threads; 0 lets the engine choose")
    parser.add_argument("--loop", default="auto", help="uvicorn's event loop: auto, asyncio, uvloop")
    parser.add_argument("--only", choices=("crowd", "saturation"))
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--crowd", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        return serve(given.serve, given.workers or None, given.loop)
    if given.crowd:
        print(json.dumps(crowd(given.crowd, given.clients, given.rate, given.seconds, given.model)))
        return
    results: dict[str, Any] = {}
    if given.only != "saturation":
        results |= measure(given.clients, given.rate, given.seconds, given.model, given.workers, given.loop)
    if given.only != "crowd":
        results |= saturation(given.model)
    if given.json:
        print(json.dumps(results))
    else:
        for name, value in results.items():
            print(f"{name:45} {value}")


if __name__ == "__main__":
    main()
