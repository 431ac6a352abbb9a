"""The Train page in a real browser: order a training, watch it, leave and come back, open what it made."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.e2e


def test_a_training_is_ordered_watched_left_found_again_and_opened(visit):
    one = visit("/train")
    one.page.get_by_role("button", name="Start training").wait_for()
    one.page.get_by_role("slider").first.focus()
    one.page.keyboard.press("Home")  # the shortest training there is
    one.page.get_by_text("Batch, learning rate, seed, map").click()
    one.page.get_by_role("radio", name="PCA").click()
    one.page.get_by_text("7 rounds").wait_for()
    one.page.get_by_role("button", name="Start training").click()
    one.page.wait_for_selector(".mg-train[data-look]")
    one.page.wait_for_selector(".mg-curve")
    address = one.page.url.removeprefix(one.address).partition("/train")[2]
    one.page.close()
    one.page = one.open("")
    one.page.goto(one.page.url.rstrip("/") + "/train" + address)
    one.page.wait_for_selector(".mg-train[data-state=done]", timeout=120_000)
    one.page.locator(".mg-time").focus()
    one.page.keyboard.press("Home")
    one.page.wait_for_selector('.mg-train[data-look="0"]')
    first = one.picture(".mg-forming canvas")
    one.page.keyboard.press("End")
    one.until("([s, b]) => document.querySelector(s).toDataURL() !== b", [".mg-forming canvas", first])
    one.page.locator(".mg-figures dd").first.wait_for()
    one.page.get_by_role("button", name="Open in Explore").click()
    one.page.wait_for_selector('.mg-map[data-painted]:not([data-painted=""])')
    assert re.search(r"model=own-[0-9a-f]{24}", one.page.url)
    stranger = visit("/" + one.page.url.rpartition("/")[2])
    stranger.page.get_by_text("There is no model named").wait_for()  # it is nobody else's


# --- bringing a model -------------------------------------------------------------------------------------------------

SIDE = 32
MOST = 200_000  # milliseconds that bringing a small model may take on a busy machine


def coloured(count: int) -> bytes:
    """A zip of `count` pictures: discs of two colours, at random places, in two folders."""
    rng, buffer = np.random.default_rng(0), io.BytesIO()
    y, x = np.mgrid[:SIDE, :SIDE]
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
            middle, radius = rng.uniform(10, 22, 2), rng.uniform(5, 10)
            inside = np.hypot(y - middle[0], x - middle[1]) < radius
            picture[inside] = (220, 60, 40) if number % 2 else (40, 90, 200)
            with archive.open(f"{('blue', 'red')[number % 2]}/{number}.png", "w") as entry:
                Image.fromarray(picture).save(entry, "PNG")
    return buffer.getvalue()


def tiny_autoencoder() -> dict[str, bytes]:
    """The files of a diffusers AutoencoderTiny of random weights."""
    from tests.test_foreign import tiny_diffusers

    with tempfile.TemporaryDirectory() as place:
        tiny_diffusers(Path(place))
        return {path.name: path.read_bytes() for path in Path(place).iterdir()}


def linear_onnx() -> dict[str, bytes]:
    """A decoder and an encoder as ONNX: pictures sigmoid(z W) in channels-last, -1..1, and codes x W^T."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).standard_normal((5, SIDE * SIDE * 3)).astype(np.float32) / 4
    picture = ["n", SIDE, SIDE, 3]

    def graph(nodes: list, into: list, out: list, **held: np.ndarray) -> bytes:
        made = helper.make_graph(
            nodes, "g",
            [helper.make_tensor_value_info("i", TensorProto.FLOAT, into)],
            [helper.make_tensor_value_info("o", TensorProto.FLOAT, out)],
            [numpy_helper.from_array(value, name) for name, value in held.items()],
        )  # fmt: skip
        return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()

    node = helper.make_node
    decoder = [node("MatMul", ["i", "w"], ["a"]), node("Tanh", ["a"], ["b"]), node("Reshape", ["b", "s"], ["o"])]
    encoder = [node("Reshape", ["i", "s"], ["a"]), node("MatMul", ["a", "w"], ["o"])]
    shapes = {"decoder": np.array([-1, *picture[1:]]), "encoder": np.array([-1, weight.shape[1]])}
    return {
        "my_decoder.onnx": graph(decoder, ["n", 5], picture, w=weight, s=shapes["decoder"]),
        "my_encoder.onnx": graph(encoder, picture, ["n", 5], w=weight.T / 60, s=shapes["encoder"]),
    }


def choose(one, box: str, option: str) -> None:
    one.page.get_by_role("combobox", name=box, exact=True).click()
    one.page.get_by_role("option", name=option, exact=True).click()
    one.settled()


def with_pictures(visit):
    """Someone who has made 60 pictures of their own ready, and is where models are brought."""
    one = visit("/train?make=pictures")
    give(one, {"discs.zip": coloured(60)})
    one.page.get_by_text("60 of 60").or_(one.page.get_by_text("24 of 60")).wait_for()
    one.page.get_by_role("button", name="Make them ready").click()
    one.page.get_by_role("button", name="Train on these").wait_for(timeout=MOST)
    one.page.get_by_role("radio", name="Your models").click()
    one.page.get_by_text("Bring a model").wait_for()
    return one


def give(one, files: dict[str, bytes]) -> None:
    one.settled()  # the view before may still be there, with a field of its own
    one.page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": held} for name, held in files.items()]
    )


def everything_works_with(one, gradient: str) -> None:
    """Explore, Interpolate, Sliders and Compare with the one model that was brought."""
    one.page.get_by_role("button", name="Bring it in").click()
    one.page.get_by_role("button", name="Open in Explore").click(timeout=MOST)
    one.page.wait_for_selector('[data-painted="plotly"]')
    model = re.search(r"model=(own-[0-9a-f]{24})", one.page.url)[1]
    one.page.mouse.move(*one.place(0.5, 0.5))
    one.page.wait_for_selector(".mg-map[data-shown]")
    one.changes(lambda: one.page.mouse.move(*one.place(0.3, 0.4)))
    one.page.goto(f"{one.address}/interpolate?model={model}&kinds=straight~pullback")
    one.page.wait_for_selector('.mg-row[data-kind="pullback"][data-empty="false"]', timeout=MOST)
    one.page.get_by_text(gradient).wait_for()
    one.page.goto(f"{one.address}/sliders?model={model}&basis=pca")
    one.page.wait_for_selector(".mg-list .mg-track")
    one.page.locator(".mg-list .mg-track").first.focus()
    one.changes(lambda: [one.page.keyboard.press("PageUp") for _ in range(4)])
    one.page.goto(f"{one.address}/compare?models={model}")
    one.page.wait_for_selector('.mg-compare[data-ready="all"]', timeout=MOST)


def test_a_tiny_autoencoder_is_brought_put_right_and_used_on_every_page(visit):
    one = with_pictures(visit)
    give(one, tiny_autoencoder())
    one.page.get_by_text("8 x 8 pixels become 4 numbers").wait_for()
    before = one.page.locator(".stImage img").first.get_attribute("src")
    choose(one, "Picture size", str(SIDE))
    one.until("(b) => document.querySelector('.stImage img').getAttribute('src') !== b", before)
    one.page.get_by_text("mean squared error").wait_for()
    everything_works_with(one, "geodesics follow it (autograd)")


def test_an_onnx_model_is_brought_put_right_and_takes_finite_differences(visit):
    one = with_pictures(visit)
    give(one, linear_onnx())
    one.page.get_by_text("a code of 5 numbers becomes a 32 x 32 colour picture").wait_for()
    for knob, guess in (("Decoder's layout", "NHWC"), ("Encoder's layout", "NHWC"), ("Black to white", "-1..1")):
        assert one.page.get_by_role("combobox", name=knob, exact=True).input_value() == guess
    before = one.page.locator(".stImage img").first.get_attribute("src")
    error = one.page.get_by_text("mean squared error").inner_text()
    choose(one, "Black to white, encoder", "0..1")
    one.until("(b) => !document.body.innerText.includes(b)", error)
    choose(one, "Black to white", "0..1")
    one.until("(b) => document.querySelector('.stImage img').getAttribute('src') !== b", before)
    choose(one, "Black to white", "-1..1")
    everything_works_with(one, "finite differences")


def test_a_file_that_can_run_code_is_refused_on_the_page_with_how_to_convert_it(visit):
    one = visit("/train?make=models")
    one.page.get_by_text("Bring a model").wait_for()
    give(one, {"mine.pt": b"\x80\x02c__builtin__\neval\n."})
    one.page.get_by_text("safetensors.torch.save_file").wait_for()
