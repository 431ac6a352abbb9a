"""Models trained elsewhere: probed, put right, decoded as their own library does, refused where they are code."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from manigen import cli, datasets, foreign, home, weights
from manigen.errors import BadFile, BadInput
from manigen.foreign import _pictures
from manigen.workshop import bringing, errand

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def _a_home_for_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(foreign.ALLOW, raising=False)


def linear(path: Path, weight: np.ndarray, out: tuple[int, ...], batch: int | str = "n", low: float = 0.0,
           high: float = 1.0, kind: str = "float", into: tuple[int, ...] | None = None) -> Path:  # fmt: skip
    """An ONNX graph: sigmoid(flatten(input) @ weight) stretched to [low, high], shaped (batch, *out)."""
    from onnx import TensorProto, helper, numpy_helper

    code = into or (weight.shape[0],)
    rows = 1 if batch == 1 else -1
    nodes = [
        helper.make_node("Reshape", ["z", "flat"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["a"]),
        helper.make_node("Sigmoid", ["a"], ["s"]),
        helper.make_node("Mul", ["s", "span"], ["m"]),
        helper.make_node("Add", ["m", "low"], ["l"]),
        helper.make_node("Reshape", ["l", "shape"], ["r"]),
        helper.make_node("Cast", ["r"], ["x"], to=TensorProto.UINT8 if kind == "uint8" else TensorProto.FLOAT),
    ]
    held = {
        "w": weight.astype(np.float32),
        "span": np.float32(high - low),
        "low": np.float32(low),
        "flat": np.array([rows, weight.shape[0]], np.int64),
        "shape": np.array([rows, *out], np.int64),
    }
    made = TensorProto.UINT8 if kind == "uint8" else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [batch, *code])],
        [helper.make_tensor_value_info("x", made, [batch, *out])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


WEIGHT = np.random.default_rng(0).standard_normal((5, 3 * 8 * 6)).astype(np.float32)
Z = np.random.default_rng(1).standard_normal((7, 5)).astype(np.float32)
EXPECTED = (1 / (1 + np.exp(-(Z.astype(np.float64) @ WEIGHT)))).reshape(7, 3, 8, 6)


@pytest.mark.parametrize("batch", ["n", 1, 4])
@pytest.mark.parametrize(("low", "high", "kind", "said"), [
    (0, 1, "float", "0..1"), (-1, 1, "float", "-1..1"), (0, 255, "float", "0..255"), (0, 255, "uint8", "0..255"),
])  # fmt: skip
def test_a_decoder_of_any_range_and_batch_paints_what_its_formula_says(tmp_path, batch, low, high, kind, said) -> None:
    if batch == 4:
        pytest.skip("a fixed batch needs fixed shapes inside") if kind == "uint8" else None
    linear(tmp_path / "m" / "d.onnx", WEIGHT, (3, 8, 6), batch, low, high, kind)
    found = foreign.probe(tmp_path / "m")
    settings = found.settings()
    assert (settings["layout"], settings["range"]) == ("NCHW", said)
    generator = found.open(settings)
    assert (generator.shape, generator.dim, generator.encodes) == ((3, 8, 6), 5, False)
    np.testing.assert_allclose(generator.decode(Z), EXPECTED, atol=1 / 255 if kind == "uint8" else 1e-5)


def test_channels_last_and_flat_and_grid_codes_are_understood_and_can_be_put_right(tmp_path) -> None:
    linear(tmp_path / "nhwc" / "d.onnx", WEIGHT, (8, 6, 3))
    found = foreign.probe(tmp_path / "nhwc")
    assert found.settings()["layout"] == "NHWC"
    made = found.open(found.settings()).decode(Z)
    np.testing.assert_allclose(made, EXPECTED.reshape(7, 8, 6, 3).transpose(0, 3, 1, 2), atol=1e-5)
    grey = np.random.default_rng(2).standard_normal((8, 49)).astype(np.float32)
    linear(tmp_path / "grid" / "d.onnx", grey, (49,), into=(2, 2, 2))
    found = foreign.probe(tmp_path / "grid")
    generator = found.open(found.settings())
    assert (generator.dim, generator.shape) == (8, (1, 7, 7))
    turned = found.open(found.settings({"range": "-1..1"}))
    z = np.ones((1, 8), np.float32)
    np.testing.assert_allclose(turned.decode(z), (generator.decode(z) + 1) / 2, atol=1e-6)
    with pytest.raises(BadInput, match="layout must be one of"):
        found.settings({"layout": "diagonal"})


def test_an_encoder_beside_it_reads_pictures_back(tmp_path) -> None:
    linear(tmp_path / "m" / "decoder.onnx", WEIGHT[:, :64], (1, 8, 8), low=-1)
    eye = np.zeros((64, 5), np.float32)
    eye[:5] = np.eye(5)
    linear(tmp_path / "m" / "encoder.onnx", eye, (5,), into=(1, 8, 8))
    found = foreign.probe(tmp_path / "m")
    generator = found.open(found.settings())
    assert generator.encodes
    x = np.random.default_rng(3).random((3, 1, 8, 8), np.float32)
    expected = 1 / (1 + np.exp(-(2 * x.reshape(3, 64)[:, :5] - 1)))  # pictures reach it in [-1, 1]
    np.testing.assert_allclose(generator.encode(x), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.pkl", "model.ckpt", "pytorch_model.bin"])
def test_a_file_that_can_run_code_is_refused_and_the_sentence_says_how_to_convert_it(tmp_path, name) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch /tmp/never'\ntR.")
    with pytest.raises(BadFile, match=r"safetensors.*onnx\.export"):
        foreign.probe(tmp_path)


def test_torchscript_is_opened_only_where_it_was_allowed(tmp_path, monkeypatch) -> None:
    net = torch.jit.trace(nn.Sequential(nn.Linear(6, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8))), torch.zeros(2, 6))
    torch.jit.save(net, str(tmp_path / "model.ts"))
    with pytest.raises(BadFile, match="is code"):
        foreign.probe(tmp_path)
    monkeypatch.setenv(foreign.ALLOW, "1")
    found = foreign.probe(tmp_path)
    assert found.settings()["dim"] == 6
    generator = found.open(found.settings())
    z = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(generator.decode(z), net(z))
    again = foreign.restore(generator.family, generator.shape, generator.knobs, generator.state_dict())
    torch.testing.assert_close(again.decode(z), net(z))
    monkeypatch.delenv(foreign.ALLOW)
    with pytest.raises(BadFile, match="is code"):
        foreign.restore(generator.family, generator.shape, generator.knobs, generator.state_dict())


# --- tiny autoencoders and diffusers ----------------------------------------------------------------------------------


def tiny_diffusers(folder: Path) -> object:
    diffusers = pytest.importorskip("diffusers")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = diffusers.AutoencoderTiny(
            encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8), latent_channels=4,
            num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
        ).eval()  # fmt: skip
    net.save_pretrained(folder)
    return net


def test_an_autoencoder_tiny_folder_is_read_as_diffusers_reads_it(tmp_path) -> None:
    net = tiny_diffusers(tmp_path / "tiny")
    found = foreign.probe(tmp_path / "tiny")
    generator = found.open(found.settings({"size": 32}))
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        latents = net.encode(2 * x - 1).latents
        expected = (net.decode(latents).sample / 2 + 0.5).clamp(0, 1)
        z = generator.encode(x)
        torch.testing.assert_close(z, latents.flatten(1))
        torch.testing.assert_close(generator.decode(z), expected, atol=1e-5, rtol=1e-4)


def test_an_autoencoder_kl_folder_is_read_as_diffusers_reads_it(tmp_path) -> None:
    diffusers = pytest.importorskip("diffusers")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = diffusers.AutoencoderKL(
            block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, latent_channels=2,
            up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, norm_num_groups=4,
        ).eval()  # fmt: skip
    net.save_pretrained(tmp_path / "kl")
    found = foreign.probe(tmp_path / "kl")
    generator = found.open(found.settings({"size": 32}))
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = net.encode(2 * x - 1).latent_dist.mean.flatten(1)
        torch.testing.assert_close(generator.encode(x), expected)
        made = (net.decode(expected.unflatten(1, (2, 16, 16))).sample / 2 + 0.5).clamp(0, 1)
        torch.testing.assert_close(generator.decode(expected), made)
    again = foreign.restore(generator.family, generator.shape, generator.knobs, generator.state_dict())
    torch.testing.assert_close(again.encode(x), generator.encode(x))


def test_a_shortened_code_keeps_the_share_of_variance_it_says_and_has_a_gradient(tmp_path) -> None:
    tiny_diffusers(tmp_path / "tiny")
    found = foreign.probe(tmp_path / "tiny")
    generator = found.open(found.settings({"size": 32}))
    x = np.random.default_rng(0).random((40, 3, 32, 32), np.float32)
    long = generator.encode(x).astype(np.float64)
    share = generator.shorten(long.astype(np.float32), 6)
    centred = long - long.mean(0)
    sizes = np.linalg.svd(centred, compute_uv=False) ** 2
    assert share == pytest.approx(sizes[:6].sum() / sizes.sum(), abs=1e-4)
    z = generator.encode(x)
    assert z.shape == (40, 6)
    back = z @ generator.basis.numpy() + generator.middle.numpy()
    assert np.square(back - long).sum() == pytest.approx(sizes[6:].sum(), rel=1e-3)  # the best there is
    code = torch.zeros(1, 6, requires_grad=True)
    generator.decode(code).sum().backward()
    assert float(code.grad.abs().sum()) > 0


# --- brought in -------------------------------------------------------------------------------------------------------


def test_a_decoder_brought_from_the_terminal_is_a_model_like_any_other(tmp_path, capsys) -> None:
    linear(tmp_path / "mine.onnx", WEIGHT[:, :64], (1, 8, 8))
    linear(tmp_path / "pair" / "decoder.onnx", WEIGHT[:, :64], (1, 8, 8))
    weight = np.random.default_rng(4).standard_normal((64, 5)).astype(np.float32)
    linear(tmp_path / "pair" / "encoder.onnx", weight, (5,), into=(1, 8, 8))
    out = str(tmp_path / "model")
    assert (
        cli.main(["bring", str(tmp_path / "mine.onnx"), "--out", out, "--rows", "60", "--maps", "pca", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["differentiable"] is False
    generator = weights.load(out + "/")
    np.testing.assert_allclose(generator.decode(Z), EXPECTED.reshape(7, -1)[:, :64].reshape(7, 1, 8, 8), atol=1e-5)
    paired = str(tmp_path / "paired")
    words = ["bring", str(tmp_path / "pair"), "--out", paired, "--data", "digits", "--rows", "80", "--maps", "pca"]
    assert cli.main(words) == 0
    codes = weights.codes(paired + "/")
    assert len(codes) == 160
    assert np.isfinite(codes.error).all()
    assert set(codes.labels) == set(range(10))


def test_a_class_of_one_s_own_is_brought_by_its_name(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "mymodel_of_test.py").write_text(
        "import torch\nclass Mine:\n    dim, shape = 2, (1, 8, 8)\n"
        "    def decode(self, z): return torch.sigmoid(z.sum(1))[:, None, None, None].expand(-1, 1, 8, 8)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = str(tmp_path / "model")
    monkeypatch.setenv(foreign.ALLOW, "")  # put back afterwards
    assert cli.main(["bring", "mymodel_of_test:Mine", "--out", out, "--rows", "30", "--maps", "pca"]) == 0
    assert weights.load(out + "/").decode(np.zeros((1, 2), np.float32))[0, 0, 0, 0] == pytest.approx(0.5)
    monkeypatch.setenv(foreign.ALLOW, "")
    with pytest.raises(BadFile, match="is code"):
        weights.load(out + "/")


def packed(folder: Path, top: str = "model") -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{top}/{path.relative_to(folder).as_posix()}")
    buffer.seek(0)
    return buffer


def test_a_zip_of_a_model_made_here_becomes_a_model_of_its_owner(small_model) -> None:
    me = home.owner("me")
    draft = me.thing("drafts", bringing.take(me, [("small.zip", packed(small_model))]))
    name = bringing.install(me, bringing.made_here(draft / "files"))
    assert weights.info(name)["name"] == name
    z = np.zeros((1, 4), np.float32)
    np.testing.assert_array_equal(weights.load(name).decode(z), weights.load(small_model).decode(z))
    assert home.owner("them").things("models") == []


@pytest.mark.parametrize("file", ["model.safetensors", "codes.npz", "maps/pca.npz"])
def test_a_zip_whose_file_was_changed_is_refused_by_its_name(small_model, file) -> None:
    me, changed = home.owner("me"), io.BytesIO()
    with zipfile.ZipFile(packed(small_model)) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry) + (b"x" if entry.endswith(file) else b""))
    changed.seek(0)
    draft = me.thing("drafts", bringing.take(me, [("small.zip", changed)]))
    with pytest.raises(BadFile, match=file):
        bringing.install(me, bringing.made_here(draft / "files"))
    assert me.things("models") == []


def test_a_card_that_claims_code_or_names_files_outside_is_refused(small_model, tmp_path) -> None:
    import shutil

    me = home.owner("me")
    for change, said in (({"family": "python class"}, "is code"), ({"files": {"../x": "0"}}, "outside")):
        folder = tmp_path / said.replace(" ", "")
        shutil.copytree(small_model, folder)
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps({**card, **change}))
        with pytest.raises(BadFile, match=said):
            bringing.install(me, folder)


@pytest.mark.parametrize("name", ["../evil.onnx", "/abs.onnx", "a/../../b.onnx"])
def test_a_zip_with_a_name_that_leads_outside_is_refused(name) -> None:
    me, buffer = home.owner("me"), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(BadFile, match="leads outside"):
        bringing.take(me, [("m.zip", buffer)])
    assert me.things("drafts") == []


def test_a_draft_becomes_a_model_with_codes_of_the_chosen_pictures(tmp_path) -> None:
    me = home.owner("me")
    linear(tmp_path / "decoder.onnx", WEIGHT[:, :64], (1, 8, 8))
    weight = np.random.default_rng(4).standard_normal((64, 5)).astype(np.float32)
    linear(tmp_path / "encoder.onnx", weight, (5,), into=(1, 8, 8))
    given = [(f"{part}.onnx", io.BytesIO((tmp_path / f"{part}.onnx").read_bytes())) for part in ("decoder", "encoder")]
    token = bringing.take(me, given)
    folder = me.thing("drafts", token)
    home.write_note(folder, owner=me.name, title="Mine", data="digits", knobs={}, short=3, maps=["pca"])
    bringing.bring(folder)
    name = errand.progress(folder)["model"]
    assert name == home.PREFIX + token
    assert weights.info(name)["dim"] == 3
    assert weights.load(name).dim == 3
    card = weights.info(name)
    assert 0 < card["code_kept"] < 1
    assert (card["data"]["title"], card["data"]["licence"]) == (
        datasets.card_of("digits").title,
        datasets.card_of("digits").facts["licence"],
    )


@pytest.mark.parametrize("name", ["model.zip", "decoder.onnx", "taef2_decoder.safetensors"])
def test_a_model_s_upload_cut_in_half_is_refused_in_a_sentence(tmp_path, small_model, name) -> None:
    tiny_diffusers(tmp_path / "tiny")
    whole = {
        "model.zip": packed(small_model).getvalue(),
        "decoder.onnx": linear(tmp_path / "d.onnx", WEIGHT, (3, 8, 6)).read_bytes(),
        "taef2_decoder.safetensors": next((tmp_path / "tiny").glob("*.safetensors")).read_bytes(),
    }[name]
    me = home.owner("me")
    with pytest.raises(BadFile, match=r"cut short|no ONNX file|damaged"):
        token = bringing.take(me, [(name, io.BytesIO(whole[: len(whole) // 2]))])
        foreign.probe(me.thing("drafts", token) / "files")


def test_large_pictures_are_made_and_read_a_few_at_a_time(tmp_path) -> None:
    tiny_diffusers(tmp_path / "tiny")
    found = foreign.probe(tmp_path / "tiny")
    large, small = (found.open(found.settings({"size": size})) for size in (256, 32))
    assert (large.chunk, small.chunk) == (4, 256)
    counts: list[int] = []
    plain = large.raw_decode
    large.raw_decode = lambda z: counts.append(len(z)) or plain(z)  # type: ignore[method-assign, func-returns-value]
    z = np.random.default_rng(0).standard_normal((5, large.dim)).astype(np.float32)
    np.testing.assert_allclose(large.decode(z), plain(torch.from_numpy(z)).numpy(), atol=1e-5)
    assert counts == [4, 1]


def test_what_is_said_of_a_gradient_is_what_the_search_does(tmp_path) -> None:
    from manigen.paths._pull import Slope

    tiny_diffusers(tmp_path / "tiny")
    linear(tmp_path / "onnx" / "decoder.onnx", WEIGHT, (3, 8, 6))
    for folder, gradient in (("tiny", True), ("onnx", False)):
        found = foreign.probe(tmp_path / folder)
        generator = found.open(found.settings())
        slope = Slope(generator.decode, generator, np.zeros(generator.dim), 1.0)
        assert found.differentiable == generator.differentiable == slope.by_torch == gradient


def test_pictures_shown_above_what_a_model_makes_of_them_are_the_set_s_own_in_its_shape() -> None:
    me = home.owner("me")
    x = bringing.some_pictures(me, "digits", (1, 8, 8), 5)
    test = datasets.load("digits", "test")
    np.testing.assert_array_equal(x[[0, -1]], test.take([0, len(test) - 1]).float())
    with pytest.raises(BadInput, match="choose others"):
        bringing.some_pictures(me, "digits", (3, 64, 64), 5)


def test_layouts_are_told_apart_by_their_sides() -> None:
    assert _pictures.guess_layout((1, 3, 32, 32))[0] == "NCHW"
    assert _pictures.guess_layout((1, 32, 32, 3))[0] == "NHWC"
    assert _pictures.guess_layout((1, 28, 28)) == ("NHW", (1, 28, 28))
    with pytest.raises(BadFile, match="is no picture"):
        _pictures.guess_layout((1, 7, 8, 9))


@pytest.mark.parametrize("page", ["explore", "interpolate", "sliders", "compare"])
def test_every_page_opens_a_model_that_was_brought_for_its_owner_and_for_nobody_else(
    tmp_path, monkeypatch, page
) -> None:
    from streamlit.testing.v1 import AppTest

    from manigen import datasets
    from manigen.ui import people

    linear(tmp_path / "pair" / "decoder.onnx", WEIGHT[:, :64], (1, 8, 8))
    weight = np.random.default_rng(4).standard_normal((64, 5)).astype(np.float32)
    linear(tmp_path / "pair" / "encoder.onnx", weight, (5,), into=(1, 8, 8))
    me, found = home.owner("me"), foreign.probe(tmp_path / "pair")
    token, out = me.place("models")
    train, test = datasets.load("digits", "train"), datasets.load("digits", "test")
    bringing.build(found.open(found.settings()), out, "Mine", train, test, rows=80)
    script = str(Path(__file__).resolve().parents[1] / "pages" / f"{page}.py")
    for owner, seen in ((me, True), (home.owner("other"), False)):
        monkeypatch.setattr(people, "me", lambda owner=owner: owner)
        app = AppTest.from_file(script, default_timeout=60)
        app.query_params["model"] = home.PREFIX + token
        app.run()
        assert not app.exception
        assert not app.error
        assert (home.PREFIX + token in app.query_params["model"]) == seen


def test_a_brought_model_has_a_map_with_a_way_back_and_every_kind_of_walk_or_a_sentence(tmp_path) -> None:
    from manigen import paths
    from manigen.errors import ManigenError
    from manigen.live.library import Library

    linear(tmp_path / "m" / "d.onnx", WEIGHT[:, :64], (1, 8, 8))
    found = foreign.probe(tmp_path / "m")
    token, out = home.owner("me").place("models")
    bringing.build(found.open(found.settings()), out, "Mine", rows=90)
    opened = Library().open(home.PREFIX + token)
    assert opened.maps == ["pca"]
    z = opened.map("pca").inverse_transform(np.zeros((1, 2), np.float32))
    assert opened.generator.decode(z).shape == (1, 1, 8, 8)
    for kind in paths.cards():
        try:
            walk = paths.walk(opened.generator, opened.codes.z[0], opened.codes.z[1], kind, 9, opened.codes.z)
        except ManigenError as problem:
            assert str(problem).endswith(".")  # in a sentence
            continue
        assert np.isfinite(walk.codes).all(), kind
