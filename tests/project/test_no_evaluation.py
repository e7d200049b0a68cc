"""Nothing that is read is unpickled, evaluated or given to a shell."""

from __future__ import annotations

import ast
import re

from tests.modules import MODULES, ROOT

FORBIDDEN_MODULES = {
    "pickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "code",
}  # fmt: skip
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_CALLS = {"read_pickle", "to_pickle", "system", "popen", "literal_eval"}
# Reads the paper's released results through an unpickler that finds no class but a few it lists.
RESTRICTED_UNPICKLER = ROOT / "builder" / "released_code" / "plain_pickle.py"


def offences(tree: ast.AST) -> list[str]:
    """What a module does that none may do."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        found += [f"imports {n}" for n in names if n.split(".")[0] in FORBIDDEN_MODULES]
        if not isinstance(node, ast.Call):
            continue
        options = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
        if isinstance(node.func, ast.Name):
            name, owner = node.func.id, ""
            if name in FORBIDDEN_NAMES:
                found.append(f"calls {name}")
        elif isinstance(node.func, ast.Attribute):
            name, owner = node.func.attr, ast.unparse(node.func.value)
        else:
            continue
        if name in FORBIDDEN_CALLS:
            found.append(f"calls {owner}.{name}")
        if name == "load" and owner in ("np", "numpy") and options.get("allow_pickle") is not False:
            found.append("np.load that may unpickle")
        if name == "load" and owner == "torch" and options.get("weights_only") is not True:
            found.append("torch.load that may unpickle")
        if options.get("shell") or options.get("allow_pickle"):
            found.append(f"calls {name} with a shell or with pickle")
    return found


def test_nothing_is_unpickled_or_evaluated():
    paths = [path for paths in MODULES.values() for path in paths]
    assert len(paths) > 150
    found = {
        (path, offence)
        for path in paths
        for offence in offences(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == {(RESTRICTED_UNPICKLER, "imports pickle")}


def test_the_check_sees_what_it_is_for():
    for code in (
        "import pickle", "from pickle import loads", "eval('1')", "exec(text)", "np.load(path)",
        "np.load(path, allow_pickle=True)", "torch.load(path)", "pd.read_pickle(path)",
        "subprocess.run(text, shell=True)", "os.system(text)", "import yaml",
    ):  # fmt: skip
        assert offences(ast.parse(code)), code


def test_pyarrow_is_one_that_does_not_unpickle_on_reading():
    """Before 14.0.1 a file could name an extension type to be unpickled (CVE-2023-47248)."""
    needed = re.search(r"pyarrow >= ([\d.]+)", (ROOT / "setup.cfg").read_text(encoding="utf-8"))
    assert needed is not None
    assert tuple(map(int, needed[1].split("."))) >= (14, 0, 1)
