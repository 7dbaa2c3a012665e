"""The rooms of the house: who may import whom, who may print, and what is loaded before it is needed.

What a function imports lazily counts too, so that no room is left by a side door; the doors that are meant to be there
are named in DELEGATES. Imports for type checkers only are held to TYPES_OF besides.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import tokkit

ROOT = Path(tokkit.__file__).parent


@dataclass(frozen=True)
class Room:
    modules: frozenset[str]
    outside: frozenset[str]
    rooms: frozenset[str]


def room(modules: str, outside: str = "", rooms: str = "") -> Room:
    return Room(frozenset(modules.split()), frozenset(outside.split()), frozenset(rooms.split()))


# room -> its modules (a trailing * takes a whole folder), packages from outside, rooms that it may import from besides
ROOMS = {
    "tool": room("__init__"),
    "errors": room("errors"),
    "unicode": room("unicode unicode_tables", "numpy", "errors"),
    "display": room("display"),
    "files": room("files", "", "errors"),
    "kernels": room("kernels.*", "numpy numba llvmlite"),
    "reference": room("reference", "regex"),
    "corpus": room("corpus*", "numpy pyarrow msgspec", "errors kernels"),
    "clean": room("dedup* language", "numpy datasketch pycld2", "corpus errors"),
    "pretokenize": room("pretokenize", "numpy regex", "errors kernels unicode"),
    "counts": room("counts*", "numpy pyarrow", "clean corpus errors files kernels pretokenize tool"),
    "vocabulary": room("vocabulary", "", "errors"),
    "foreign": room("foreign", "", "errors"),
    "encode": room("encode", "numpy regex", "counts errors kernels pretokenize vocabulary"),
    "mixture": room("mixture", "", "errors"),
    "curves": room("curves", "numpy", "counts encode errors kernels vocabulary"),
    "lexicon": room(
        "lexicon lexicon_vocabularies",
        "numpy opencc regex wordfreq",
        "counts encode errors formats pretokenize tool vocabulary",
    ),
    "veto": room("veto", "regex", "errors"),
    "steps": room(
        "select usage learn* reorder merge* bridges donors matching pad",
        "numpy",
        "counts curves encode errors kernels pretokenize tool unicode veto vocabulary",
    ),
    "laws": room("laws*", "numpy regex", "display encode errors kernels pretokenize unicode vocabulary"),
    "formats": room("formats.*", "sentencepiece tokenizers", "display errors files foreign tool unicode vocabulary"),
    "bases": room("bases", "tiktoken", "errors files formats vocabulary"),
    "origin": room("origin", "", "bases errors steps veto vocabulary"),
    "plan": room(
        "plan plan_borders plan_ground plan_learn plan_lines plan_pieces plan_rows plan_search plan_usage",
        "numpy",
        "counts curves encode errors kernels steps unicode vocabulary",
    ),
    "conformance": room(
        "conformance*",
        "gguf llama_cpp regex sentencepiece tiktoken tokenizers transformers",
        "corpus encode errors formats reference tool unicode vocabulary",
    ),
    "measure": room("measure*", "numpy", "counts encode errors foreign kernels pretokenize unicode vocabulary"),
    "page": room("page page_*", "numpy", "audit curves display errors foreign tool unicode"),
    "pages": room(  # makes files of a page, prints nothing
        "render.charts render.page render.page_parts render.page_style render.page_compression",
        "altair vl_convert",
        "display page render",
    ),
    "anatomy": room(
        "anatomy* compare* why segmentation",
        "numpy",
        "counts display encode errors foreign kernels laws pretokenize unicode vocabulary",
    ),
    "audit": room("audit*", "numpy regex", "corpus counts encode errors foreign kernels pretokenize unicode veto"),
    "export": room("agreement export", "", "errors formats vocabulary"),
    "render": room("render.*", "rich msgspec", "display errors"),
}
EVERYTHING = frozenset(ROOMS)
ROOMS |= {
    "recipe": room("recipe* plan_recipe", "msgspec numpy", " ".join(EVERYTHING - {"render"})),
    "cli": Room(frozenset({"cli.*"}), frozenset({"typer"}), EVERYTHING | {"recipe"}),
    "entry": room("__main__", "", "cli"),
    "precompile": room("precompile", "numpy", " ".join(EVERYTHING)),  # does a little of everything
}

# (module, function, imported): methods that only pass on to the room that does the work
DELEGATES = {
    ("formats.tokens", "load", "learn"),  # makes the value that it reads
    ("vocabulary", "load", "formats.tiktoken"),
    ("vocabulary", "encode", "encode"),
    ("vocabulary", "decode", "encode"),
    ("vocabulary", "to_tiktoken", "tiktoken"),
}
# room -> rooms whose types it may name in annotations
TYPES_OF = {
    "tool": set(ROOMS),  # the public names, which are loaded when they are first used
    "vocabulary": {"tiktoken"},
    "formats": {"steps"},
    "render": {
        "anatomy",
        "audit",
        "clean",
        "conformance",
        "counts",
        "curves",
        "export",
        "foreign",
        "laws",
        "measure",
        "plan",
        "recipe",
        "steps",
        "vocabulary",
    },
    "audit": {"counts", "steps", "vocabulary"},
    "measure": {"corpus"},
    "page": {"counts", "laws", "measure", "vocabulary"},
    "pages": {"measure"},
    "counts": {"numpy"},
    "steps": {"foreign"},
}


@dataclass(frozen=True)
class Import:
    module: str
    target: str
    function: str
    types_only: bool
    line: int

    def __str__(self) -> str:
        return f"tokkit/{self.module.replace('.', '/')}.py:{self.line} imports {self.target}"


def sources() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name] = ast.parse(path.read_text("utf-8"), str(path))
    return found


SOURCES = sources()


def imports_of(module: str) -> list[Import]:
    found: list[Import] = []

    def visit(node: ast.AST, function: str, *, types_only: bool) -> None:
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for statement in node.body:
                visit(statement, function, types_only=True)
            for statement in node.orelse:
                visit(statement, function, types_only=types_only)
            return
        if isinstance(node, ast.Import):
            found.extend(Import(module, each.name, function, types_only, node.lineno) for each in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found.extend(
                Import(module, target(node.module or "", each.name), function, types_only, node.lineno)
                for each in node.names
            )
        for child in ast.iter_child_nodes(node):
            visit(child, function, types_only=types_only)

    visit(SOURCES[module], "", types_only=False)
    return found


def target(package: str, name: str) -> str:
    """`from tokkit.kernels import split` imports the module tokkit.kernels.split, not a name of tokkit.kernels."""
    whole = f"{package}.{name}"
    return whole if whole.removeprefix("tokkit.") in SOURCES or f"{whole}.__init__"[7:] in SOURCES else package


def room_of(module: str) -> str:
    def matches(pattern: str) -> bool:
        if pattern.endswith("*"):
            return module.startswith(pattern[:-1]) or module == pattern.removesuffix(".*")
        return module == pattern

    exact = [name for name, each in ROOMS.items() if module in each.modules]
    loose = [name for name, each in ROOMS.items() if any(matches(pattern) for pattern in each.modules)]
    found = exact or loose
    assert len(found) == 1, f"tokkit/{module}.py is in {found or 'no room'}: give it one in ROOMS"
    return found[0]


def place_of(imported: Import) -> str:
    """The room of tokkit that an import leads to, or the package from outside."""
    first, _, rest = imported.target.partition(".")
    if first != "tokkit":
        return first
    inside = rest.removesuffix(".__init__") or "__init__"
    return room_of(f"{inside}.__init__" if f"{inside}.__init__" in SOURCES else inside)


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_only_what_its_room_may(module):
    own = room_of(module)
    allowed = {own, *ROOMS[own].rooms, *ROOMS[own].outside, *sys.stdlib_module_names}
    wrong = []
    for each in imports_of(module):
        place = place_of(each)
        delegate = (module, each.function, each.target.removeprefix("tokkit."))
        if place in allowed or delegate in DELEGATES or (each.types_only and place in TYPES_OF.get(own, ())):
            continue
        wrong.append(f"{each}: room {own} may not")
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "only_room"), [("numba", "kernels"), ("llvmlite", "kernels"), ("typer", "cli"), ("rich", "render")]
)
def test_a_package_with_one_room_is_imported_nowhere_else(package, only_room):
    users = {room_of(module) for module in SOURCES for each in imports_of(module) if place_of(each) == package}
    assert users == {only_room}


def test_every_delegate_is_still_there():
    present = {
        (module, each.function, each.target.removeprefix("tokkit."))
        for module in SOURCES
        for each in imports_of(module)
        if each.function
    }
    assert present >= DELEGATES


@pytest.mark.parametrize("module", [module for module in SOURCES if room_of(module) != "render"])
def test_nothing_outside_render_prints(module):
    wrong = []
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            wrong.append(f"line {node.lineno}: print")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in {"sys.stdout", "sys.stderr", "typer.echo", "typer.secho"}:
                wrong.append(f"line {node.lineno}: {name}")
    assert wrong == []


@pytest.mark.parametrize("words", [["--help"], ["merge", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(words):
    program = (
        "import sys; from tokkit.cli.app import main; code = main(sys.argv[1:]); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    heavy = {
        "numba",
        "numpy",
        "pyarrow",
        "tokenizers",
        "transformers",
        "tiktoken",
        "regex",
        "msgspec",
        "rich",
        "llvmlite",
    }
    assert heavy & set(done.stderr.split()) == set()


def test_the_package_loads_nothing_heavy():
    program = "import sys, tokkit; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"numba", "pyarrow", "tokenizers", "tiktoken", "typer", "rich"} & set(done.stdout.split()) == set()
