"""The architecture as rules: who imports whom, what is pure, how long a module is, what is never there."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tokenize import COMMENT, tokenize

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "ocs").rglob("*.py"))
LUA = sorted((ROOT / "ocs").rglob("*.lua"))

#: How a value is written; says nothing.
EVERYWHERE = {"value"}
#: Package or module -> what it may import of ours; its own package is always allowed.
ALLOWED: dict[str, set[str]] = {
    "__init__": set(),
    "value": set(),
    "subscriber": set(),
    "model": {"subscriber"},
    "metrics": {"__init__"},
    "amounts": {"model"},
    "log": set(),
    "config": {"config_services"},
    "config_services": set(),
    "books": {"model"},
    "policies": {"amounts", "charging", "config_services", "diameter", "model"},
    "diameter": set(),
    "store": {"metrics"},
    "rating": {"model"},
    "charging": {"model", "books", "rating", "diameter"},
    "abmf": {"model", "books", "metrics", "store"},
    "node": {"diameter", "metrics"},
    "ocf": {"model", "books", "rating", "charging", "diameter", "abmf", "metrics"},
    "expiry": {"model", "books", "metrics", "abmf"},
    "inbox": {"model", "books", "metrics", "abmf", "diameter"},
    "account": {"model", "books", "rating"},
    "scheduler": {"model", "books", "rating", "account", "abmf", "inbox", "metrics"},
    "vouchers": {"model", "books", "abmf", "rating", "account"},
    "notices": {"model", "books"},
    "explain": {"model", "books", "amounts", "rating"},
    "simulate": {"model", "amounts", "rating", "charging"},
    "catalogue_store": {"model", "rating"},
    "catalogue_diff": {"model", "rating"},
    "reauth": {"abmf", "inbox"},
    "ops": {"metrics"},
    "desk": {"model", "books", "rating", "account", "vouchers", "abmf", "inbox"},
    "present": {"model", "books", "amounts", "diameter"},
    "demo": {"model", "books", "diameter", "metrics", "store"},
    "load": {
        "__init__",
        "abmf",
        "account",
        "amounts",
        "app",
        "books",
        "catalogue_store",
        "config",
        "desk",
        "diameter",
        "model",
        "ops",
        "rating",
        "store",
    },
}
#: Narrower than the package: only these of its modules.
ONLY = {
    ("charging", "diameter"): {"credit_control", "framing", "avp"},
    ("ocf", "abmf"): {"ledger", "subscribers", "encoding"},
    ("ocf", "diameter"): {"credit_control"},
    ("expiry", "abmf"): {"ledger"},
    ("policies", "diameter"): {"credit_control"},
}
JOINS_EVERYTHING = {
    "app",
    "node_settings",
    "serve",
    "cli",
    "cli_common",
    "cli_rating",
    "cli_catalogue",
    "cli_account",
    "cli_bench",
}

#: Pure: time, ids and randomness come in as arguments, facts go out.
PURE = {
    "value",
    "subscriber",
    "model",
    "books",
    "amounts",
    "diameter",
    "rating",
    "charging",
    "account",
}
IMPURE = {
    "asyncio", "socket", "redis", "random", "secrets", "logging", "structlog", "time", "os", "uuid",
    "subprocess", "threading", "prometheus_client",
}  # fmt: skip
#: The clock of the wall, in any of its forms.
CLOCKS = {"now", "utcnow", "today", "time", "time_ns"}
#: What diameter may use besides the standard library.
DIAMETER_LIBRARY = "diameter.message"
#: Files are read when the catalogue is loaded; nothing of rating reads afterwards.
NO_FLOATS = {"rating", "charging", "abmf", "account"}

MODULE_LINES, LUA_LINES, FUNCTION_LINES = 400, 150, 70


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    """`ocs/node/peers.py` -> "node.peers"."""
    return ".".join(path.relative_to(ROOT / "ocs").with_suffix("").parts)


def package_of(path: Path) -> str:
    """`ocs/node/peers.py` -> "node", `ocs/ocf.py` -> "ocf"."""
    return name_of(path).split(".")[0]


def imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports, with every `from a import b` as a.b."""
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [f"{node.module}.{each.name}" for each in node.names]
    return []


def imports(path: Path) -> list[str]:
    """Every import of a file."""
    return [name for node in ast.walk(tree_of(path)) for name in imported(node)]


def ours(path: Path) -> list[list[str]]:
    """Its imports of ours, as parts behind `ocs`."""
    found = [name.split(".")[1:] for name in imports(path) if name.split(".")[0] == "ocs"]
    return [["__init__"] if each == ["__version__"] else each for each in found]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_follow_the_table(path: Path) -> None:
    """A package knows only what it needs."""
    package = package_of(path)
    if package in JOINS_EVERYTHING:
        return
    for parts in ours(path):
        target = parts[0]
        assert target in {package, *EVERYWHERE, *ALLOWED[package]}, f"{package} imports {target}"
        narrow = ONLY.get((package, target))
        assert narrow is None or parts[1] in narrow, f"{package} imports {'.'.join(parts)}"


def test_the_table_names_what_exists() -> None:
    """A rule for a package that is gone, or a module without a rule, is an error."""
    existing = {package_of(path) for path in MODULES}
    assert existing == set(ALLOWED) | JOINS_EVERYTHING
    for package, allowed in ALLOWED.items():
        assert allowed <= existing, package


def test_there_is_no_cycle_between_modules() -> None:
    """Whoever reads a module can read what it needs first."""
    files = {name_of(path): path for path in MODULES}
    graph = {
        name: {
            target
            for parts in ours(path)
            for target in (".".join(parts), ".".join(parts[:-1]))
            if target in files and target != name
        }
        for name, path in files.items()
    }
    # connection and server know each other by type alone.
    graph["node.connection"].discard("node.server")
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for target in graph[name]:
                visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    assert len(graph) > 40 and graph["ocf"]


def test_the_type_cycle_of_the_node_is_for_types_only() -> None:
    """The one exception above stands under TYPE_CHECKING."""
    text = (ROOT / "ocs/node/connection.py").read_text()
    before, _, after = text.partition("if TYPE_CHECKING:\n    from ocs.node.server import Node\n")
    assert after and "ocs.node.server" not in before + after


@pytest.mark.parametrize(
    "path", [path for path in MODULES if package_of(path) in PURE], ids=name_of
)
def test_pure_packages_have_no_outside(path: Path) -> None:
    """Neither clock nor socket nor store nor randomness."""
    for name in imports(path):
        assert name.split(".")[0] not in IMPURE, name
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCKS, ast.unparse(node)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if package_of(path) == "diameter"], ids=name_of
)
def test_diameter_uses_the_standard_library_and_messages(path: Path) -> None:
    """No I/O comes in with a library either: its node is threads."""
    for name in imports(path):
        if name.split(".")[0] == "diameter":
            assert name.startswith(DIAMETER_LIBRARY), name
        else:
            assert name.split(".")[0] in sys.stdlib_module_names | {"ocs"}, name


@pytest.mark.parametrize(
    "path", [path for path in MODULES if package_of(path) in NO_FLOATS], ids=name_of
)
def test_money_and_units_are_integers(path: Path) -> None:
    """No float literal, no true division, no float() where amounts are computed. Seconds of a
    time-out are the only floats of abmf, and stand in their own two names."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            assert name_of(path) == "abmf.redis_ledger", node.lineno
            assert node.value == 3.0, "the default of deadline_seconds"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            shown = ast.unparse(node)
            is_path = '".toml"' in shown or "FOLDER" in shown or "__file__" in shown
            assert is_path or "deadline_seconds" in shown, f"line {node.lineno}: {shown}"
        elif isinstance(node, ast.Call):
            assert not (isinstance(node.func, ast.Name) and node.func.id == "float"), node.lineno


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_short_and_open_with_what_they_are_for(path: Path) -> None:
    """A module can be read in five minutes, a function on one page."""
    assert len(path.read_text().splitlines()) <= MODULE_LINES
    assert ast.get_docstring(tree_of(path)), "a module opens with what it is for"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", LUA, ids=lambda path: path.name)
def test_lua_is_short(path: Path) -> None:
    """The same for the functions of the store."""
    assert len(path.read_text().splitlines()) <= LUA_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_stand_at_the_top(path: Path) -> None:
    """None inside a function: what a module needs is seen at once."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            assert not [each for inner in ast.walk(node) for each in imported(inner)]


def swallowed(path: Path) -> Iterator[str]:
    """Handlers of everything that neither raise nor say why they may."""
    lines = path.read_text().splitlines()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            is_broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            raises = any(isinstance(each, ast.Raise) for each in ast.walk(node))
            said = any("#" in line for line in lines[node.lineno - 1 : node.lineno + 2])
            if is_broad and not raises and not said:
                yield f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_swallowed_or_asserted(path: Path) -> None:
    """A broad handler raises again or says why it ends there; -O removes no check."""
    assert not list(swallowed(path))
    assert not [each for each in ast.walk(tree_of(path)) if isinstance(each, ast.Assert)]


def test_the_path_of_a_ccr_is_six_modules_and_one_await() -> None:
    """connection, peer, ccr, ocf, session, redis_ledger: `handle` waits for nothing else of ours."""
    awaited = {
        ast.unparse(node.value.func)
        for node in ast.walk(tree_of(ROOT / "ocs/ocf.py"))
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call)
    }
    assert "self._ledger.charge" in awaited
    inner = {"self._initial", "self._running", "self._event", "self._refund", "self._question"}
    # Of a first request only, where the subscriber has groups, or the called one pays.
    inner |= {"self._groups", "self._payer"}
    caches = {each for each in awaited if each.startswith("self._subscribers.")}
    # An event may ask other things than to be charged: a refund, a question about the balance.
    events = {"self._ledger.refund", "self._ledger.balance"}
    assert awaited <= {"self._ledger.charge"} | inner | events | caches


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=str)
def test_every_exception_to_the_types_has_its_reason(path: Path) -> None:
    """A comment that silences the type checker names what it ignores, and why."""
    with path.open("rb") as file:
        comments = [each for each in tokenize(file.readline) if each.type == COMMENT]
    for each in comments:
        if "type: ignore" in each.string:
            reasoned = r"# type: ignore\[[a-z-]+(, ?[a-z-]+)*\]  # \w"
            assert re.match(reasoned, each.string), f"line {each.start[0]}"
