"""Docstrings say what a caller needs: parameters where there are two or more, what is returned, what is raised."""

import ast
import inspect
import textwrap
from pathlib import Path

import pfsolid

ROOT = Path(pfsolid.__file__).parent
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
# Sections and docstrings that are missing inside the package: may only fall.
MOST_MISSING = 688


def public_functions(tree, inside=False):
    """Functions and methods that others call: no underscore in their names or those of their classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node, True)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, inside


def own_nodes(function):
    """Of a function, without those of the functions in it."""
    waiting = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def missing_sections(function, is_method):
    text = ast.get_docstring(function) or ""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs][is_method:]
    nodes = list(own_nodes(function))
    raised = [node.exc for node in nodes if isinstance(node, ast.Raise) and node.exc is not None]
    yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes)
    gives = any(isinstance(node, ast.Return) and node.value is not None for node in nodes) and not yields
    if not text:
        yield "docstring"
    if len(arguments) >= 2 and "Parameters\n---" not in text:
        yield "Parameters"
    # A summary that says what comes back is enough for one thing; a tuple or a class of results wants its own section.
    if gives and len(arguments) >= 2 and "Returns\n---" not in text:
        yield "Returns"
    if raised and "Raises\n---" not in text:
        yield "Raises"


def missing_in(module):
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    return [f"{module}:{function.lineno} {function.name}: {section}" for function, is_method in public_functions(tree)
            for section in missing_sections(function, is_method)]


def public_names():
    """What `import pfsolid` offers: functions, and the methods of classes."""
    for name in sorted(set(pfsolid.__all__) - {"__version__"}):
        found = getattr(pfsolid, name)
        members = {name: found} if not inspect.ismodule(found) else {
            f"{name}.{one}": getattr(found, one) for one in found.__all__}
        for path, one in members.items():
            if inspect.isfunction(one):
                yield path, one, False
            elif inspect.isclass(one):
                yield from ((f"{path}.{method}", value, True) for method, value in vars(one).items()
                            if inspect.isfunction(value) and not method.startswith("_"))


def test_every_public_name_says_all_of_it():
    missing = []
    for path, found, is_method in public_names():
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(found))).body
        missing += [f"pfsolid.{path}: {section}" for section in missing_sections(function, is_method)]
    assert not missing, "\n".join(missing)


def test_no_more_is_missing_inside():
    missing = [line for name in MODULES for line in missing_in(name)]
    assert len(missing) <= MOST_MISSING, "\n".join([*missing, f"{len(missing)} sections are missing"])
