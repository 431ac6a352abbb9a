"""The house: every idea has its card, imports go one way, and to import a room costs little."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from manigen import discovery
from manigen.cards import Card, Knob
from manigen.discovery import discover, find
from manigen.errors import BadInput, ManigenError, UnknownName
from tests.conftest import ROOT
from tests.oracles import is_one_sentence

PACKAGE = ROOT / "manigen"
ROOMS = {
    "datasets": lambda idea: idea.read,
    "models": lambda idea: idea.Model,
    "samplers": lambda idea: idea.Sampler,
    "projections": lambda idea: idea.embed,
    "paths": lambda idea: idea.trace,
    "measures": lambda idea: idea.measure,
    "lessons": lambda idea: idea.scene,
}
IDEAS = [(room, name) for room in ROOMS for name in discover(f"manigen.{room}")]


def idea_of(room: str, name: str) -> ModuleType:
    return discover(f"manigen.{room}")[name]


# --- cards ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("room", "name"), IDEAS)
def test_a_card_says_what_its_idea_is_and_where_it_comes_from(room: str, name: str) -> None:
    card = idea_of(room, name).card
    assert card.title and not card.title.endswith(".")
    assert re.match(r"[A-Z0-9].*[.?]$", card.sentence)
    assert len(card.sentence) <= 160
    assert card.reference
    if name != "own":
        assert re.search(r"\b(1[89]|20)\d\d\b", card.reference), "a reference has a year"
        assert re.match(r"https?://\S+$", card.link)


@pytest.mark.parametrize(("room", "name"), IDEAS)
def test_a_lecture_note_stands_at_the_head_of_every_idea(room: str, name: str) -> None:
    note = idea_of(room, name).__doc__
    assert note and len(note.strip()) > 80 and re.search(r"\.(\s|$)", note)
    assert ROOMS[room](idea_of(room, name)).__doc__


@pytest.mark.parametrize(("room", "name"), IDEAS)
def test_every_knob_is_taken_has_a_default_in_range_and_a_word_of_help(room: str, name: str) -> None:
    idea = idea_of(room, name)
    parameters = inspect.signature(ROOMS[room](idea)).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for knob in idea.card.knobs:
        assert knob.name.isidentifier() and knob.name == knob.name.lower()
        assert knob.help and knob.help.endswith(".")
        assert knob.check(knob.default) == knob.default
        assert takes_any or knob.name in parameters, f"{room}.{name} has a knob {knob.name} that it does not take"
        if not takes_any and parameters[knob.name].default is not inspect.Parameter.empty:
            assert parameters[knob.name].default == knob.default, "card and code name different defaults"
        if isinstance(knob.default, int | float) and not isinstance(knob.default, bool) and not knob.choices:
            assert knob.low is not None and knob.high is not None and knob.low <= knob.default <= knob.high
    assert len({knob.name for knob in idea.card.knobs}) == len(idea.card.knobs)
    assert idea.card.settings() == {knob.name: knob.default for knob in idea.card.knobs}


@pytest.mark.parametrize(("room", "name"), IDEAS)
def test_a_knob_out_of_range_or_unknown_gets_one_sentence(room: str, name: str) -> None:
    card = idea_of(room, name).card
    with pytest.raises(BadInput, match="no knob 'no_such_knob'") as caught:
        card.settings({"no_such_knob": 1})
    assert is_one_sentence(caught.value)
    for knob in card.knobs:
        for wrong in ([], {}, "nonsense", *([knob.high + 1] if knob.high is not None else [])):
            if isinstance(knob.default, str) and not knob.choices:
                continue
            with pytest.raises(BadInput, match=knob.name) as caught:
                card.settings({knob.name: wrong})
            assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("knob", "given", "taken"),
    [
        (Knob("k", 3, "", 1, 9), "7", 7),
        (Knob("k", 3, "", 1, 9), 7.0, 7),
        (Knob("k", 3, "", 1, 9), 9, 9),
        (Knob("b", 1.0, "", 0, 4), "2.5", 2.5),
        (Knob("b", 1.0, "", 0, 4), 4, 4.0),
        (Knob("on", False, ""), "yes", True),
        (Knob("on", True, ""), "0", False),
        (Knob("fit", "crop", "", choices=("crop", "pad")), "pad", "pad"),
        (Knob("size", 32, "", choices=(28, 32)), "28", 28),
    ],
)
def test_a_knob_reads_what_a_terminal_or_a_link_says(knob: Knob, given: Any, taken: Any) -> None:
    value = knob.check(given)
    assert value == taken and type(value) is type(knob.default)


@pytest.mark.parametrize(
    ("knob", "given"),
    [
        (Knob("k", 3, "", 1, 9), 0),
        (Knob("k", 3, "", 1, 9), 10),
        (Knob("k", 3, "", 1, 9), "3.5"),
        (Knob("k", 3, "", 1, 9), "nan"),
        (Knob("k", 3, "", 1, 9), "inf"),
        (Knob("k", 3, "", 1, 9), None),
        (Knob("b", 1.0, "", 0, 4), "nan"),
        (Knob("b", 1.0, "", 0, 4), -0.1),
        (Knob("b", 1.0, ""), float("inf")),
        (Knob("on", False, ""), "perhaps"),
        (Knob("size", 32, "", choices=(28, 32)), 30),
        (Knob("k", 3, "", 1, 9), "9" * 5000),
    ],
)
def test_a_knob_refuses_the_rest_in_a_sentence(knob: Knob, given: Any) -> None:
    with pytest.raises(BadInput) as caught:
        knob.check(given)
    assert is_one_sentence(caught.value)


# --- discovery --------------------------------------------------------------------------------------------------------


def room_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **ideas: str) -> str:
    """Build a room of these files, importable under a name of its own."""
    name = f"room_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for idea, text in ideas.items():
        (folder / f"{idea}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return name


CARD = "from manigen.cards import Card\ncard = Card('A title', 'A sentence.', 'Somebody 2020', '')\n"


def test_a_new_file_is_a_new_idea(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = room_of(tmp_path, monkeypatch, spiral=CARD, arc=CARD, base="", networks="", _draft="raise RuntimeError")
    assert list(discover(room)) == ["arc", "spiral"]
    assert find(room, "spiral").card.title == "A title"
    with pytest.raises(UnknownName, match="Did you mean 'spiral'"):
        find(room, "spirla")


@pytest.mark.parametrize("text", ["", "card = 'a title'", "card = None"])
def test_a_file_without_a_card_stops_the_program_with_its_name(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = room_of(tmp_path, monkeypatch, spiral=CARD, forgotten=text)
    with pytest.raises(ManigenError, match=r"forgotten has no `card`"):
        discover(room)


def test_a_file_that_cannot_be_imported_stops_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = room_of(tmp_path, monkeypatch, spiral=CARD, broken="import nothing_like_it")
    with pytest.raises(ModuleNotFoundError, match="nothing_like_it"):
        discover(room)


def test_only_named_machinery_goes_without_a_card() -> None:
    """Every file of a room is an idea, a private file, or machinery: nothing else hides there."""
    for room in ROOMS:
        files = {path.stem for path in (PACKAGE / room).glob("*.py")}
        left = files - set(discover(f"manigen.{room}")) - discovery.MACHINERY
        assert {name for name in left if not name.startswith("_")} == set()


# --- imports ----------------------------------------------------------------------------------------------------------

HEAVY = ("torch", "streamlit", "umap", "openTSNE", "sklearn", "plotly", "numba", "pandas", "scipy.stats", "matplotlib")
TORCH_MAY = ("models", "training", "recipe", "foreign", "workshop", "live")  # rooms whose import may bring torch
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py" and "ui" not in path.relative_to(PACKAGE).parts
)


def test_to_import_the_package_costs_next_to_nothing() -> None:
    script = (
        "import sys, builtins, random; state = random.getstate(); import manigen; "
        f"heavy = [name for name in {(*HEAVY, 'numpy')!r} if name in sys.modules]; "
        "assert not heavy, heavy; assert random.getstate() == state; assert manigen.__all__; print('quiet')"
    )
    done = python(script)
    assert done.stdout == "quiet\n" and done.stderr == ""


def test_no_room_brings_a_library_before_it_is_needed() -> None:
    """One process imports every module in turn, the lightest rooms first, and says what each brought with it."""
    light = [name for name in MODULES if name.split(".")[1:2] and name.split(".")[1] not in TORCH_MAY]
    rest = [name for name in MODULES if name not in light]
    script = (
        "import importlib, sys\n"
        f"for name in {light + rest!r}:\n"
        "    before = set(sys.modules)\n"
        "    importlib.import_module(name)\n"
        f"    for heavy in {HEAVY!r}:\n"
        "        if heavy in sys.modules and heavy not in before: print(name, heavy)\n"
    )
    brought = [line.split() for line in python(script).stdout.splitlines()]
    assert [pair for pair in brought if pair[1] != "torch"] == []
    assert [name for name, heavy in brought if name in light] == []


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def with_a_line(place: Path, file: str, line: str) -> Path:
    """A copy of the house with a line more in a file."""
    for part in ("manigen", "pages"):
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__", "frontend"))
    shutil.copy(ROOT / "pyproject.toml", place)
    with (place / file).open("a") as added:
        added.write(f"\n{line}\n")
    return place


def test_imports_go_one_way() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("manigen/figures/histogram.py", "from manigen import weights", "Imports go one way"),  # upwards
        ("manigen/paths/straight.py", "from manigen.models import build", "Imports go one way"),  # to a neighbour
        ("manigen/cards.py", "def late():\n    import manigen.paths", "Imports go one way"),  # hidden in a function
        ("manigen/training/loop.py", "import streamlit", "Streamlit stays in ui"),
        ("manigen/measures/base.py", "import umap", "Each map library stays in its projection"),
    ],
)
def test_the_guard_bites(file: str, line: str, contract: str, tmp_path: Path) -> None:
    """A copy of the house with one forbidden import fails, and the message names both sides."""
    done = lint(with_a_line(tmp_path, file, line))
    assert done.returncode == 1, done.stdout
    assert re.search(rf"{contract}.* BROKEN", done.stdout)
    assert file.removesuffix(".py").replace("/", ".") in done.stdout


def test_the_guard_bites_where_two_files_import_each_other(tmp_path: Path) -> None:
    done = lint(with_a_line(tmp_path, "manigen/paths/_roads.py", "def late():\n    from manigen.paths import _atlas"))
    assert done.returncode == 1, done.stdout
    assert re.search(r"No files import each other in a circle.* BROKEN", done.stdout)
    assert "manigen.paths." in done.stdout and "._roads -> ._atlas" in done.stdout


# --- manners ----------------------------------------------------------------------------------------------------------

TREES = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def calls(tree: ast.AST) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize(
    ("may", "does"),
    [
        (r"cli\.py|verbs/", lambda call: call == "print"),
        (r"^$", lambda call: call.split(".")[0] in ("pickle", "joblib", "dill", "marshal", "eval", "exec")),
        (
            r"^$",
            lambda call: call in ("torch.load", "torch.save", "np.random.seed", "random.seed", "torch.manual_seed"),
        ),
        (r"^$", lambda call: call.startswith("np.random.") and call != "np.random.default_rng"),
        (r"^$", lambda call: call in ("sys.exit", "os._exit", "exit", "quit") or call.endswith(".basicConfig")),
    ],
    ids=["print", "pickle", "global chance", "np.random", "exit"],
)
def test_core_rooms_keep_their_manners(may: str, does: Callable[[str], bool]) -> None:
    """They do not print, pickle, seed what is everybody's, or end the program."""
    guilty = {}
    for path, tree in TREES.items():
        name = path.relative_to(PACKAGE).as_posix()
        found = [call for call in calls(tree) if does(call)]
        if found and not re.search(may, name) and name != "__main__.py":
            guilty[name] = found
    assert guilty == {}


def test_arrays_are_never_read_with_pickle_allowed() -> None:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.load":
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert given.get("allow_pickle") == "False", path


def test_every_module_begins_with_its_docstring() -> None:
    assert [path for path, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_errors_are_one_family() -> None:
    from manigen import errors

    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
    assert len(kinds) > 4 and all(issubclass(kind, ManigenError) for kind in kinds)
    near = errors.unknown("path", "straigth", ["straight", "great_circle"])
    assert str(near) == "There is no path named 'straigth'. Did you mean 'straight'? Known: straight, great_circle."
    assert "Did you mean" not in str(errors.unknown("path", "zzz", ["straight"]))
    assert is_one_sentence(errors.unknown("path", "x" * 10_000, []))


def test_a_card_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Card("A title", "A sentence.", "Somebody 2020", "").title = "Another"  # type: ignore[misc]


def test_a_pages_sheet_gives_no_class_a_second_meaning() -> None:
    """`manigen.css` is on every page: what it says of a class must not be said of another thing of that name."""
    sheets = PACKAGE / "ui" / "frontend"

    def bare(sheet: Path) -> set[str]:
        rules = re.sub(
            r"/\*.*?\*/|@[^{;]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", sheet.read_text(encoding="utf-8"), flags=re.S
        )
        selectors = [one.strip() for many in re.findall(r"([^{}]+)\{", rules) for one in many.split(",")]
        return {one for one in selectors if re.fullmatch(r"\.mg-[\w-]+", one)}

    shared = bare(sheets / "manigen.css")
    assert len(shared) > 20
    for sheet in sheets.glob("*.css"):
        if sheet.name != "manigen.css":
            assert bare(sheet) & shared <= {f".mg-{sheet.stem}"}, sheet.name
