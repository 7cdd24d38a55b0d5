"""Compiler of .proto files: grpcio-tools' protoc, in a temporary directory."""

import base64
import binascii
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from streams.errors import PoisonRecord
from streams.events.wire_formats.schemas import SchemaDocument

MAIN_FILE: Final = "klaviyo_streams_schema.proto"
"""Name of the schema's own file, which registries do not tell."""

_TIMEOUT_S: Final = 60.0
_MESSAGE_MAX_CHARS: Final = 300


def compile_proto(document: SchemaDocument) -> tuple[bytes, str]:
    """Compile a Protobuf schema with protoc.

    Returns:
        A FileDescriptorSet, and the name of the schema's file in it.

    Raises:
        PoisonRecord: `unsupported-schema`, with protoc's message.
    """
    files = {**document.references, MAIN_FILE: document.text}
    if all(_is_text(text) for text in files.values()):
        return _run_protoc(files), MAIN_FILE
    return _join_descriptors(files)


def _is_text(schema: str) -> bool:
    """Return True for text of a .proto file, False for base64 of a descriptor.

    confluent-kafka for Python registers descriptors (2.16.1,
    `schema_registry/protobuf.py:_schema_to_str`); base64 has no such characters.
    """
    return any(mark in schema for mark in ";{")


def _run_protoc(files: Mapping[str, str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="klaviyo-streams-proto-") as name:
        folder = Path(name)
        for path, text in files.items():
            _write(folder, path, text)
        result = folder / "descriptors"
        command = [
            *(sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}"),
            f"-I{_well_known_dir()}",
            "--include_imports",
            f"--descriptor_set_out={result}",
            MAIN_FILE,
        ]
        try:
            subprocess.run(  # noqa: S603 - no shell, and our own arguments
                command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S
            )
        except subprocess.SubprocessError as fault:
            raise _unsupported(_describe(fault)) from None
        return result.read_bytes()


def _well_known_dir() -> Path:
    """Return the folder with google/protobuf/*.proto."""
    import grpc_tools  # noqa: PLC0415 - of an extra

    return Path(grpc_tools.__file__).parent / "_proto"


def _write(folder: Path, path: str, text: str) -> None:
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts:
        raise _unsupported(f"the import {path} is outside the schema")
    target = folder / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def _describe(fault: subprocess.SubprocessError) -> str:
    if isinstance(fault, subprocess.CalledProcessError):
        return str(fault.stderr).strip()[:_MESSAGE_MAX_CHARS]
    return f"protoc did not end within {_TIMEOUT_S:.0f} s"


def _join_descriptors(files: Mapping[str, str]) -> tuple[bytes, str]:
    """Join base64 descriptors to a set, together with imported well-known types."""
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 - of an extra

    joined = descriptor_pb2.FileDescriptorSet()
    try:
        for text in files.values():
            joined.file.add().ParseFromString(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as fault:
        raise _unsupported(f"neither .proto text nor a descriptor: {fault}") from None
    except Exception as fault:  # noqa: BLE001 - protobuf's DecodeError, of an extra
        raise _unsupported(type(fault).__name__) from None
    main = joined.file[-1].name
    for path, text in zip(files, joined.file, strict=True):
        if path != MAIN_FILE:
            text.name = path
    names = {file.name for file in joined.file}
    imported = {name for file in joined.file for name in file.dependency}
    ordered = _compile_imports(imported - names)
    ordered.file.extend(joined.file)
    return ordered.SerializeToString(), main


def _compile_imports(paths: set[str]):  # type: ignore[no-untyped-def] # noqa: ANN202 - a type of an extra
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 - of an extra

    if not paths:
        return descriptor_pb2.FileDescriptorSet()
    lines = [f'import "{path}";' for path in sorted(paths)]
    text = "\n".join(['syntax = "proto3";', *lines])
    compiled = descriptor_pb2.FileDescriptorSet.FromString(
        _run_protoc({MAIN_FILE: text})
    )
    del compiled.file[-1]  # the file of these imports itself
    return compiled


def _unsupported(reason: str) -> PoisonRecord:
    wording = f"the Protobuf schema cannot be used: {reason}"
    return PoisonRecord("unsupported-schema", wording)
