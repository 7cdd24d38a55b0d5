"""The settings file and the environment → settings, or every mistake in them."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
import yaml

from streams.errors import ConfigError
from streams.settings.checks import Disagreement, contradictions, disagreements
from streams.settings.model import Secret, Settings

ENV_PREFIX = "KLAVIYO_STREAMS_"
SETTINGS_FILE_ENV = ENV_PREFIX + "SETTINGS"
API_KEY_ENV = "KLAVIYO_API_KEY"
BASE_PATH = "settings."
"""Where the lowest layer stands in its file, before a setting's name."""

_ORCHESTRATOR = re.compile(r"SERVICE_(HOST|PORT\w*)|PORT(_[0-9]+_\w+)?")
"""Kubernetes names a Service `klaviyo-streams` to every pod beside it in these."""

_TYPES = get_type_hints(Settings, include_extras=True)
_SECRETS = tuple(name for name, type_ in _TYPES.items() if type_ is Secret)


class _Given(NamedTuple):
    """A value as it was given, and where; from the environment it is text."""

    path: str
    value: object
    is_text: bool


class _Mistake(NamedTuple):
    name: str
    path: str
    words: str


def load(
    environ: Mapping[str, str],
    file: Path | None = None,
    *,
    base: Mapping[str, object] = MappingProxyType({}),
    for_delivery: bool = True,
    api_key_env: str = API_KEY_ENV,
) -> Settings:
    """Read all settings: the environment, then the file, then `base`, then defaults.

    `topic_partitions` is `KLAVIYO_STREAMS_TOPIC_PARTITIONS` in the environment, where
    an empty variable is absent, a list is written `a,b` and a mapping `key=id,key=id`.

    Args:
        environ: The environment.
        file: A YAML mapping by the names of `Settings`; without it the one that
            `KLAVIYO_STREAMS_SETTINGS` names, if any.
        base: What a destination file has under `settings` for a worker, decoded.
        for_delivery: Whether the API key is needed where the hop `deliver` is on.
        api_key_env: The variable with the key.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    file = _file_of(environ, file)
    mistakes: list[_Mistake] = []
    layers = {
        **_layer(base, at=BASE_PATH, mistakes=mistakes),
        **_in_file(file, mistakes),
        **_in_environ(environ, api_key_env),
    }
    given = _known(layers, mistakes)
    values = dict(_converted(given, mistakes))
    values |= dict(_in_secret_files(values, given, mistakes))
    settings = Settings(**values)
    wrong = {mistake.name for mistake in mistakes}
    for name, words in disagreements(
        settings, for_delivery=for_delivery, api_key_env=api_key_env
    ):
        if name not in wrong:
            path = given[name].path if name in given else name
            mistakes.append(_Mistake(name, path, words))
    if mistakes:
        raise ConfigError([f"{path}: {words}" for _, path, words in mistakes])
    return settings


def destination_named(environ: Mapping[str, str], file: Path | None = None) -> str:
    """Give the path of the destination file, which is read before the other settings.

    Args:
        environ: The environment.
        file: As of `load`, which says what is wrong with it.
    """
    layers = {
        **_in_file(_file_of(environ, file), []),
        **_in_environ(environ, API_KEY_ENV),
    }
    named = layers.get("destination")
    return str(named.value) if named is not None and named.value else ""


def _file_of(environ: Mapping[str, str], file: Path | None) -> Path | None:
    named = environ.get(SETTINGS_FILE_ENV, "")
    return file or (Path(named) if named else None)


def faults(values: Mapping[str, object]) -> list[Disagreement]:
    """List what is wrong in one layer, as `load` would find it there.

    What is absent may come from another layer; defaults stand in for it.

    Args:
        values: Decoded values by the names of `Settings`.
    """
    mistakes: list[_Mistake] = []
    given = _known(_layer(values, at="", mistakes=mistakes), mistakes)
    settings = Settings(**dict(_converted(given, mistakes)))
    wrong = {mistake.name: mistake.words for mistake in mistakes}
    together = contradictions(settings)
    return [*wrong.items(), *(one for one in together if one[0] not in wrong)]


def _in_file(file: Path | None, mistakes: list[_Mistake]) -> dict[str, _Given]:
    if file is None:
        return {}
    try:
        read = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError, ValueError) as err:
        mistakes.append(_Mistake("", str(file), _why_unreadable(err)))
        return {}
    if read is not None and not isinstance(read, dict):
        mistakes.append(_Mistake("", str(file), "not a mapping of names to values"))
        return {}
    return _layer(read or {}, at=f"{file}: ", mistakes=mistakes)


def _layer(
    values: Mapping[Any, object], *, at: str, mistakes: list[_Mistake]
) -> dict[str, _Given]:
    """Take in decoded values, but no secret."""
    found = {
        str(name): _Given(f"{at}{name}", value, is_text=False)
        for name, value in values.items()
    }
    for name in sorted(found.keys() & {*_SECRETS}):
        path = found.pop(name).path
        words = f"a secret does not belong in this file; there is {name}_file"
        mistakes.append(_Mistake(name, path, words))
    return found


def _why_unreadable(err: Exception) -> str:
    """Say why without a line of the file: it may hold what it should not."""
    if isinstance(err, OSError):
        return f"cannot be read: {err.strerror}"
    mark = getattr(err, "problem_mark", None)
    return f"no YAML: see line {mark.line + 1}" if mark else "not the text it must be"


def _in_environ(environ: Mapping[str, str], api_key_env: str) -> dict[str, _Given]:
    names = {api_key_env: "klaviyo_api_key"}
    for variable in environ:
        rest = variable.removeprefix(ENV_PREFIX)
        of_ours = variable not in {rest, SETTINGS_FILE_ENV}
        if of_ours and not _ORCHESTRATOR.fullmatch(rest):
            names[variable] = rest.lower()
    return {
        name: _Given(variable, environ[variable], is_text=True)
        for variable, name in names.items()
        if environ.get(variable)
    }


def _known(given: dict[str, _Given], mistakes: list[_Mistake]) -> dict[str, _Given]:
    for name in sorted(given.keys() - _TYPES.keys()):
        nearest = get_close_matches(name, _TYPES, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        words = f"no setting is called so{hint}"
        mistakes.append(_Mistake(name, given[name].path, words))
    return {name: value for name, value in given.items() if name in _TYPES}


def _converted(
    given: dict[str, _Given], mistakes: list[_Mistake]
) -> Iterator[tuple[str, Any]]:
    for name, (path, value, is_text) in given.items():
        try:
            yield name, _convert(value, _TYPES[name], is_text=is_text)
        except ValueError as err:
            mistakes.append(_Mistake(name, path, str(err)))


def _convert(value: object, type_: Any, *, is_text: bool) -> object:  # noqa: ANN401 - a type hint
    if type_ is Secret:
        return Secret(str(value).strip())
    if is_text:
        value = _split(str(value), type_)
    return msgspec.convert(value, type_, strict=not is_text)


def _split(text: str, type_: Any) -> object:  # noqa: ANN401 - a type hint
    """Take a list or a mapping apart as the environment writes it."""
    bare = get_args(type_)[0] if get_origin(type_) is Annotated else type_
    kind = get_origin(bare)
    if kind not in {tuple, dict}:
        return text
    items = [item.strip() for item in text.split(",") if item.strip()]
    if kind is tuple:
        return items
    pairs = [item.partition("=") for item in items]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _in_secret_files(
    values: dict[str, Any], given: dict[str, _Given], mistakes: list[_Mistake]
) -> Iterator[tuple[str, Secret]]:
    """Read the file of each secret that the environment does not give."""
    for name in _SECRETS:
        file_name = f"{name}_file"
        if name in values or not values.get(file_name):
            continue
        try:
            yield name, _secret_in(Path(values[file_name]))
        except (OSError, ValueError) as err:
            path, words = given[file_name].path, _why_unreadable(err)
            mistakes.append(_Mistake(name, path, words))


def _secret_in(file: Path) -> Secret:
    secret = Secret(file.read_text().strip())
    if not secret:
        raise OSError(None, "it is empty")
    return secret
