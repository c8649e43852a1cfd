"""Compile `native/`: at each installation, and by ``python -m deploy.build_native`` after a change.

Without a C compiler or Python's headers nothing is compiled, and everything works by the Python twins,
half as fast. Which it is, is what ``ratemill doctor`` and ``ratemill bench`` say.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Collection
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # a hook is run from a path
import native

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULES = tuple(sorted(path.stem for path in (ROOT / "native").glob("*.pyx")))


def build(modules: Collection[str] = MODULES, *, optimise: str = "-O3") -> None:
    """Compile modules into `native/`; raises what the compiler or its absence raises.

    Fewer than all of them only where nothing changed that the others are made of. ``optimise``: what
    the compiler is told; ``-O0`` where only what the code does is asked, and not how fast.
    """
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    digest = native.sources_digest()  # of before: what changes meanwhile is not in it
    extensions = [
        Extension(
            f"native.{name}",
            [f"native/{name}.pyx"],
            include_dirs=["native"],
            depends=sorted(str(path) for path in (ROOT / "native").glob("*.h")),
            extra_compile_args=[optimise, "-Wno-unreachable-code"],
        )
        for name in modules
    ]
    built = cythonize(
        extensions,
        build_dir="build/native",
        compiler_directives={"language_level": 3},
        force=True,
        quiet=True,
    )
    command = build_ext(Distribution({"ext_modules": built, "packages": ["native"]}))
    command.inplace = True
    command.force = True
    command.parallel = True  # as many at once as there are processors
    command.build_temp = "build/native"
    command.ensure_finalized()
    built_from = ROOT / "native" / native.BUILT_FROM
    built_from.unlink(missing_ok=True)
    command.run()
    built_from.write_text(digest + "\n")


def built() -> list[str]:
    """Return the files of the compiled modules that are there, and what says that they are of these sources."""
    names = [*(ROOT / "native").glob("*.so"), ROOT / "native" / native.BUILT_FROM]
    return sorted(str(path.relative_to(ROOT)) for path in names)


class NativeHook(BuildHookInterface[Any]):
    """Puts the compiled modules into a wheel, or beside their sources in an editable install."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files are gathered; a wheel is then of one platform."""
        try:
            build()
        except (Exception, SystemExit) as error:  # whatever a compiler that is not there does
            self.app.display_warning(_not_compiled(error))
            return
        build_data["artifacts"] = built()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _not_compiled(error: BaseException) -> str:
    said = str(error).strip().rstrip(".")
    return (
        "native/ was not compiled, so Ratemill runs by its Python twins, at half the speed; nothing else is "
        "missing. Operator action: install a C compiler and Python's headers (Debian: gcc python3-dev), "
        f"then `make venv`, or `python -m deploy.build_native`. What was said: {said}"
    )


if __name__ == "__main__":
    if not native.is_up_to_date():
        try:
            build()
        except (Exception, SystemExit) as failed:
            sys.exit(_not_compiled(failed))
    sys.stdout.write(f"native/ is compiled: {', '.join(MODULES)}\n")
