"""The mappings that workers decode with: those that ship, and those of a site's own folder."""

from __future__ import annotations

from pathlib import Path

from mediation.decode.document import InvalidMapping
from mediation.decode.item import Decoder, content_of
from mediation.decode.mapping import load_decoder
from pipeline.errors import SettingsError
from pipeline.settings import Settings

SHIPPED = Path(__file__).resolve().parents[1] / "mediation" / "mappings"


def load_mappings(settings: Settings) -> dict[str, Decoder]:
    """Return every mapping by its name; a site's own replaces the shipped one of its name.

    `SettingsError` with every problem, by file and line, where one cannot be used.
    """
    files = sorted(SHIPPED.glob("*.yaml"))
    if settings.mappings is not None:
        if not settings.mappings.is_dir():
            raise SettingsError(
                f"RATEMILL_MAPPINGS names {settings.mappings}, which is no folder. Operator "
                "action: create it, or unset RATEMILL_MAPPINGS to use the shipped mappings only."
            )
        files += sorted(settings.mappings.glob("*.yaml"))
    texts: dict[str, str] = {}
    decoders: dict[str, Decoder] = {}
    problems: list[str] = []
    for path in files:
        try:
            texts[path.stem] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            problems.append(f"{path.name}: expected UTF-8, found another byte at {error.start}")
    if problems:
        raise _unusable(problems)
    for path in files:
        try:
            decoder = load_decoder(texts[path.stem], path.name, extends=texts)
        except InvalidMapping as error:
            problems.extend(str(problem) for problem in error.problems)
        else:
            decoders[decoder.name] = decoder
    if problems:
        raise _unusable(problems)
    return decoders


def _unusable(problems: list[str]) -> SettingsError:
    listed = "\n".join(problems)
    return SettingsError(f"{listed}\nOperator action: correct the mappings, then start again.")


def mapping_versions(settings: Settings) -> dict[str, str]:
    """Return the version and digest of every mapping by its name, as proofs say them."""
    return {name: content_of(decoder) for name, decoder in load_mappings(settings).items()}
