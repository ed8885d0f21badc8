"""course/chapters.py: what the notebooks define for others, taken from the sources."""

import ast
import builtins
import symtable

from tools.sources import SourceError, localized, tag, without_magics

PATH = "course/chapters.py"
HEAD = '''\
"""What the chapters define and others use: the very functions that the reader saw.

Built by tools/build.py from the cells whose metadata says `export`; change the notebook instead.
"""
'''


def exported(sources):
    """Give the text of course/chapters.py: what the sources export, with the imports it needs.

    Parameters
    ----------
    sources : dict of NotebookNode
        All sources by name, in reading order.

    Raises
    ------
    SourceError
        If an export is not there, is there twice, or needs a name that it cannot import.
    """
    imports, definitions, places = set(), [], {}
    for name, source in sources.items():
        available, pieces = {}, []
        for cell in source.cells:
            if cell.cell_type != "code" or tag(cell, "exercise", "solution"):
                continue
            code = without_magics(localized(cell.source, "en"))
            tree = ast.parse(code)
            for node in tree.body:
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    available.update(_imported(node))
            for wanted in cell.metadata.get("export", ()):
                if wanted in places:
                    raise SourceError(f"{name} and {places[wanted]} both export {wanted}")
                places[wanted] = name
                pieces.append(_definition(name, tree, code, wanted))
        for piece in pieces:
            for needed in sorted(_free_names(piece) - set(places)):
                if needed not in available:
                    raise SourceError(f"{name}: an exported function needs {needed}")
                imports.add(available[needed])
            definitions.append(f"# Taught in {name}.\n{piece}\n")
    lines = sorted(imports, key=lambda line: (line.startswith("from"), line))
    head = HEAD + ("\n" + "\n".join(lines) + "\n" if lines else "")
    return head + "".join(f"\n\n{definition}" for definition in definitions)


def _imported(node):
    """Map the names that an import binds to a line that imports just this name."""
    for alias in node.names:
        bound = alias.asname or alias.name
        what = ast.unparse(alias)
        if isinstance(node, ast.ImportFrom):
            yield bound, f"from {node.module} import {what}"
        else:
            yield bound, f"import {what}"


def _definition(name, tree, code, wanted):
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == wanted:
            return ast.get_source_segment(code, node)
    raise SourceError(f"{name}: no cell with that export defines {wanted}")


def _free_names(code):
    """Give the global names that a piece of code uses and does not define, builtins aside."""
    names, tables = set(), [symtable.symtable(code, "<export>", "exec")]
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
                names.add(symbol.get_name())
    return names - set(dir(builtins))
