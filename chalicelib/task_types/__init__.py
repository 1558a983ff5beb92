"""The task types of this service. Each module of this package is imported: a new file is a new task type.

A module whose name starts with an underscore is a helper. Only the modules that use it import it.
"""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import the modules of a package in alphabetical order, without those that start with an underscore.

    Raises: the error of a module that cannot be imported, with a note that names its file.
    """
    for name in sorted(module.name for module in iter_modules(path) if not module.name.startswith("_")):
        try:
            import_module(f"{package}.{name}")
        except (Exception, SystemExit) as error:
            file = f"{package.replace('.', '/')}/{name}.py"
            error.add_note(f"The task type in {file} cannot be imported: correct the file, or remove it.")
            raise


import_modules(__name__, __path__)
