"""The project's own source files, as the tests of its structure see them."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agent", "channels", "commands", "knowledge", "prompts")


def product_files() -> list[Path]:
    """Return every Python file that is installed: our packages and the composition root."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return sorted([*files, *ROOT.glob("app.py")])


def module_name(file: Path) -> str:
    """Return the dotted name under which `file` is imported."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parse(file: Path) -> ast.Module:
    """Return the syntax tree of `file`."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def imported_names(tree: ast.AST, module: str, *, is_package: bool = False) -> set[str]:
    """Return all dotted names that `tree` imports anywhere, relative imports resolved.

    `from a import b` counts as `a.b`: whether `b` is a module cannot be told from the syntax.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _source(node, module, is_package=is_package)
            names.update(f"{source}.{alias.name}" for alias in node.names)
    return names


def _source(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    kept = parts[: len(parts) - node.level + int(is_package)]
    return ".".join([*kept, *([node.module] if node.module else [])])
