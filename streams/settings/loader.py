"""Loader that reads settings from a file and the environment, with all problems."""

import re
from collections.abc import Iterator, Mapping
from enum import EnumType
from pathlib import Path
from types import MappingProxyType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from streams.errors import ConfigError, describe_unknown_name
from streams.settings.checks import find_contradictions, find_problems
from streams.settings.kafka_checks import SettingProblem
from streams.settings.model import Secret, Settings
from streams.settings.yaml_reader import read_yaml

ENV_PREFIX = "KLAVIYO_STREAMS_"
SETTINGS_FILE_ENV = ENV_PREFIX + "SETTINGS"
API_KEY_ENV = "KLAVIYO_API_KEY"
BASE_PREFIX = "settings."
"""Path prefix of settings inside the destination file, the lowest layer."""

_SERVICE_VARIABLE = re.compile(
    r"(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)?)"
)
"""Variables that Kubernetes and Docker set for a service whose name begins with
`klaviyo-streams`."""

_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.*")
"""Value of such a variable; no setting has one, so it decides between the two."""

_TYPES = get_type_hints(Settings, include_extras=True)
_SECRETS = tuple(
    name for name, type_ in get_type_hints(Settings).items() if type_ is Secret
)


class _RawValue(NamedTuple):
    """Value before conversion, with a path; text if from the environment."""

    path: str
    value: object
    is_text: bool


class _LocatedProblem(NamedTuple):
    name: str
    path: str
    description: str


def load_settings(
    environ: Mapping[str, str],
    settings_path: Path | None = None,
    *,
    base: Mapping[str, object] = MappingProxyType({}),
    for_delivery: bool = True,
    api_key_env: str = API_KEY_ENV,
) -> Settings:
    """Load all settings from the environment, the file, `base` and the defaults.

    The environment wins over the file, and the file over `base`. The setting
    `topic_partitions` is `KLAVIYO_STREAMS_TOPIC_PARTITIONS` in the environment, where
    an empty variable counts as missing, a list is written `a,b` and a mapping
    `key=id,key=id`.

    Args:
        environ: Environment variables.
        settings_path: YAML file with a mapping by the names of `Settings`; default: the
            path in `KLAVIYO_STREAMS_SETTINGS`, if set.
        base: Decoded settings for a worker from the destination file.
        for_delivery: Whether the stage `deliver` needs the API key.
        api_key_env: Variable that holds the API key.

    Raises:
        ConfigError: All problems, each with its path.
    """
    settings_path = _settings_path(environ, settings_path)
    problems: list[_LocatedProblem] = []
    layers = {
        **_read_layer(base, prefix=BASE_PREFIX, problems=problems),
        **_read_file(settings_path, problems),
        **_read_environ(environ, api_key_env),
    }
    raw_values = _drop_unknown(layers, problems)
    values = dict(_convert_all(raw_values, problems))
    values |= dict(_read_secret_files(values, raw_values, problems))
    settings = Settings(**values)
    invalid_names = {problem.name for problem in problems}
    for name, description in find_problems(
        settings, for_delivery=for_delivery, api_key_env=api_key_env
    ):
        if name not in invalid_names:
            path = raw_values[name].path if name in raw_values else name
            problems.append(_LocatedProblem(name, path, description))
    if problems:
        raise ConfigError(
            [f"{path}: {description}" for _, path, description in problems]
        )
    return settings


def find_destination_path(
    environ: Mapping[str, str], settings_path: Path | None = None
) -> str:
    """Return the path of the destination file, before the settings are loaded.

    Args:
        environ: Environment variables.
        settings_path: See `load_settings`, which reports problems in the file.
    """
    layers = {
        **_read_file(_settings_path(environ, settings_path), []),
        **_read_environ(environ, API_KEY_ENV),
    }
    raw_value = layers.get("destination")
    return str(raw_value.value) if raw_value is not None and raw_value.value else ""


def _settings_path(
    environ: Mapping[str, str], settings_path: Path | None
) -> Path | None:
    path_text = environ.get(SETTINGS_FILE_ENV, "")
    return settings_path or (Path(path_text) if path_text else None)


def layer_problems(values: Mapping[str, object]) -> list[SettingProblem]:
    """Return the problems in a single layer of settings.

    Missing settings may come from another layer, so defaults take their place.

    Args:
        values: Decoded values by the names of `Settings`.
    """
    problems: list[_LocatedProblem] = []
    raw_values = _drop_unknown(
        _read_layer(values, prefix="", problems=problems), problems
    )
    settings = Settings(**dict(_convert_all(raw_values, problems)))
    descriptions = {problem.name: problem.description for problem in problems}
    contradictions = find_contradictions(settings)
    return [
        *descriptions.items(),
        *(
            contradiction
            for contradiction in contradictions
            if contradiction[0] not in descriptions
        ),
    ]


def _read_file(
    settings_path: Path | None, problems: list[_LocatedProblem]
) -> dict[str, _RawValue]:
    if settings_path is None:
        return {}
    try:
        content = read_yaml(settings_path.read_bytes())
    except OSError as err:
        description = f"cannot be read: {err.strerror}"
        problems.append(_LocatedProblem("", str(settings_path), description))
        return {}
    except ConfigError as err:
        problems.append(_LocatedProblem("", str(settings_path), str(err)))
        return {}
    if content is not None and not isinstance(content, dict):
        problems.append(
            _LocatedProblem("", str(settings_path), "not a mapping of names to values")
        )
        return {}
    return _read_layer(content or {}, prefix=f"{settings_path}: ", problems=problems)


def _read_layer(
    values: Mapping[Any, object], *, prefix: str, problems: list[_LocatedProblem]
) -> dict[str, _RawValue]:
    """Read decoded values, without secrets."""
    raw_values = {
        str(name): _RawValue(f"{prefix}{name}", value, is_text=False)
        for name, value in values.items()
    }
    for name in sorted(raw_values.keys() & {*_SECRETS}):
        path = raw_values.pop(name).path
        description = f"a secret does not belong in this file; use {name}_file"
        problems.append(_LocatedProblem(name, path, description))
    return raw_values


def _read_environ(environ: Mapping[str, str], api_key_env: str) -> dict[str, _RawValue]:
    names = {api_key_env: "klaviyo_api_key"}
    for variable in environ:
        setting_name = variable.removeprefix(ENV_PREFIX)
        has_prefix = variable not in {setting_name, SETTINGS_FILE_ENV}
        if has_prefix and not _is_injected(setting_name, environ[variable]):
            names[variable] = setting_name.lower()
    return {
        name: _RawValue(variable, environ[variable], is_text=True)
        for variable, name in names.items()
        if environ.get(variable)
    }


def _is_injected(name: str, value: str) -> bool:
    """Return True for a variable that an orchestrator sets for a service.

    The port of a service named `klaviyo-streams-web` has the name of a setting.
    """
    if _SERVICE_URL.fullmatch(value):
        return True
    is_setting = name.lower() in _TYPES
    return not is_setting and _SERVICE_VARIABLE.fullmatch(name) is not None


def _drop_unknown(
    raw_values: dict[str, _RawValue], problems: list[_LocatedProblem]
) -> dict[str, _RawValue]:
    for name in sorted(raw_values.keys() - _TYPES.keys()):
        description = describe_unknown_name(name, _TYPES, what="setting")
        problems.append(_LocatedProblem(name, raw_values[name].path, description))
    return {name: value for name, value in raw_values.items() if name in _TYPES}


def _convert_all(
    raw_values: dict[str, _RawValue], problems: list[_LocatedProblem]
) -> Iterator[tuple[str, Any]]:
    for name, (path, value, is_text) in raw_values.items():
        try:
            yield name, _convert(value, _TYPES[name], is_text=is_text)
        except ValueError as err:
            problems.append(_LocatedProblem(name, path, str(err)))


def _convert(value: object, type_: Any, *, is_text: bool) -> object:  # noqa: ANN401 - a type hint
    if _bare_type(type_) is Secret:
        return Secret(str(value).strip())
    if is_text:
        value = _split_text(str(value), type_)
    if choices := _choices(type_):
        value = _match_case(value, choices)
    try:
        return msgspec.convert(value, type_, strict=not is_text)
    except msgspec.ValidationError as err:
        if choices and "Invalid enum value" in str(err):
            raise ValueError(_describe_choice(value, choices)) from None
        raise


def _choices(type_: Any) -> tuple[str, ...]:  # noqa: ANN401 - a type hint
    """Return the allowed texts of a choice, or of a list of choices."""
    bare = _bare_type(type_)
    if get_origin(bare) is tuple:
        return _choices(get_args(bare)[0])
    if get_origin(bare) is Literal:
        return get_args(bare)
    return tuple(bare) if isinstance(bare, EnumType) else ()


def _match_case(value: object, choices: tuple[str, ...]) -> object:
    """Return the choice that a text names in any case; other values as they are."""
    if isinstance(value, list | tuple):
        return [_match_case(item, choices) for item in value]
    if not isinstance(value, str):
        return value
    by_folded = {choice.casefold(): choice for choice in choices}
    return by_folded.get(value.strip().casefold(), value)


def _describe_choice(value: object, choices: tuple[str, ...]) -> str:
    items = value if isinstance(value, list) else [value]
    unknown = next(item for item in items if item not in choices)
    allowed = ", ".join(choice for choice in choices if choice)
    return f"{unknown!r} is not one of {allowed}"


def _bare_type(type_: Any) -> Any:  # noqa: ANN401  # a type hint
    return get_args(type_)[0] if get_origin(type_) is Annotated else type_


def _split_text(text: str, type_: Any) -> object:  # noqa: ANN401 - a type hint
    """Split a list or a mapping in the notation of environment variables."""
    container = get_origin(_bare_type(type_))
    if container not in {tuple, dict}:
        return text
    items = [item.strip() for item in text.split(",") if item.strip()]
    if container is tuple:
        return items
    pairs = [item.partition("=") for item in items]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _read_secret_files(
    values: dict[str, Any],
    raw_values: dict[str, _RawValue],
    problems: list[_LocatedProblem],
) -> Iterator[tuple[str, Secret]]:
    """Read the file of each secret that the environment does not set."""
    for name in _SECRETS:
        file_name = f"{name}_file"
        if name in values or not values.get(file_name):
            continue
        try:
            yield name, _read_secret(Path(values[file_name]))
        except (OSError, ValueError) as err:
            reason = err.strerror if isinstance(err, OSError) else None
            path = raw_values[file_name].path
            description = f"cannot be read: {reason}" if reason else "not valid text"
            problems.append(_LocatedProblem(name, path, description))


def _read_secret(file: Path) -> Secret:
    secret = Secret(file.read_text().strip())
    if not secret:
        raise OSError(None, "it is empty")
    return secret
