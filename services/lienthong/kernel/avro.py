"""Compiles Avro schemas into strict, fast readers and writers of plain Python values.

A value has exactly one encoding here: numbers without padding, one block an array, nothing left
over. Only that encoding is read, so whatever decodes encodes again to the same bytes. Reading costs
no more memory than a small multiple of the bytes read, and time in proportion to them.

fastavro reads more than that (padded numbers, trailing bytes, negative indexes, arrays that grow
without bytes), and reading with it and encoding again to compare took three times as long; ADR 0004
has the measurements. A test holds both against each other on everything both accept.

Compiled are the types our schemas use: records without recursion, arrays whose items have a width,
fixed, string, bytes, int, long, boolean, and unions of null with one type or of records.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

from lienthong.kernel.avro_values import (
    INT_RANGE,
    MalformedError,
    read_length,
    read_long,
    write_fixed,
    write_int,
    write_number,
)

__all__ = ["Reader", "Writer", "compile_reader", "compile_writer"]

Reader: TypeAlias = Callable[[bytes], Any]
Writer: TypeAlias = Callable[[Any], bytes]

_NEVER: Final = b"\xff" * 11
"""No value begins so: a number and a length longer than any."""


_NAMES: Final = {
    "MalformedError": MalformedError,
    "new_tuple": tuple.__new__,
    "read_length": read_length,
    "read_long": read_long,
    "write_fixed": write_fixed,
    "write_int": write_int,
    "write_number": write_number,
}


def compile_reader(
    schema: dict[str, Any],
    named: dict[str, dict[str, Any]],
    makers: Mapping[str, Callable[..., Any]],
    repeated: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> Reader:
    """A function from bytes to the value of this record; it raises ValueError or IndexError on all else.

    Args:
        schema: a record's schema.
        named: schemas of named types by full name.
        makers: for records by full name, a named tuple's type with the fields in order, or a function that is
            called with a tuple of them; the others become dicts.
        repeated: for records by full name, runs of neighbouring fields that are often the same in the next
            value read. Where the same bytes come again they are not read again, and the same objects stand for
            them: nobody may change a list in them.
    """
    source = _Source(named, makers, repeated or {})
    source.line(0, "def read(data):")
    source.line(1, "at = 0")
    value = source.read(schema, 1)
    source.line(1, "if at != len(data):")
    source.line(2, "raise MalformedError('bytes are left over, or missing')")
    source.line(1, f"return {value}")
    return source.compile("read")


def compile_writer(schema: dict[str, Any], named: dict[str, dict[str, Any]]) -> Writer:
    """A function from a record's value to its bytes; it raises ValueError, TypeError or KeyError if it is none.

    Args:
        schema: a record's schema.
        named: schemas of named types by full name.
    """
    source = _Source(named, {}, {})
    source.line(0, "def write(value):")
    source.line(1, "out = []")
    source.line(1, "put = out.append")
    source.write(schema, "value", 1)
    source.line(1, "return b''.join(out)")
    return source.compile("write")


class _Source:
    """Lines of a function that is being written, and the types that its schema names."""

    def __init__(
        self,
        named: dict[str, dict[str, Any]],
        makers: Mapping[str, Callable[..., Any]],
        repeated: Mapping[str, Sequence[Sequence[str]]],
    ) -> None:
        self._named = named
        self._makers = makers
        self._repeated = repeated
        self._lines: list[str] = []
        self._memories: list[str] = []
        self._count = 0

    def line(self, depth: int, text: str) -> None:
        self._lines.append("    " * depth + text)

    def name(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def compile(self, name: str) -> Callable[..., Any]:
        makers = {key.replace(".", "_"): maker for key, maker in self._makers.items()}
        scope: dict[str, Any] = {**_NAMES, **makers, **dict.fromkeys(self._memories, (_NEVER, ()))}
        head, *body = self._lines
        lines = [head, *(f"    global {memory}" for memory in self._memories), *body]
        exec("\n".join(lines), scope)  # noqa: S102 - made from our own schemas, as dataclasses do
        function: Callable[..., Any] = scope[name]
        return function

    def _resolved(self, schema: Any) -> Any:
        return self._named.get(schema, schema) if isinstance(schema, str) else schema

    # -- reading

    def read(self, schema: Any, depth: int) -> str:
        """Write the lines that read a value; returns the name that holds it."""
        schema = self._resolved(schema)
        name = self.name()
        kind = schema if isinstance(schema, str) else "union" if isinstance(schema, list) else schema["type"]
        if kind in ("int", "long"):
            self._read_number(name, depth, is_int=kind == "int")
        elif kind in ("string", "bytes"):
            self.line(depth, "if not data[at]:")
            self.line(depth + 1, f"{name} = ''" if kind == "string" else f"{name} = b''")
            self.line(depth + 1, "at += 1")
            self.line(depth, "else:")
            self.read_length(depth + 1)
            self.line(depth + 1, "end = at + n")
            self.line(depth + 1, f"{name} = data[at:end]" + (".decode()" if kind == "string" else ""))
            self.line(depth + 1, "at = end")
        elif kind == "boolean":
            self.line(depth, f"{name} = data[at]")
            self.line(depth, f"if {name} > 1:")
            self.line(depth + 1, "raise MalformedError('a boolean is neither 0 nor 1')")
            self.line(depth, f"{name} = {name} == 1")
            self.line(depth, "at += 1")
        elif kind == "fixed":
            self.line(depth, f"{name} = data[at:at + {schema['size']}]")
            self.line(depth, f"at += {schema['size']}")
        elif kind == "array":
            self._read_array(schema["items"], name, depth)
        elif kind == "union":
            self._read_union(schema, name, depth)
        elif kind == "record":
            fields = self._read_fields(schema, depth)
            if schema["name"] in self._makers:
                maker = schema["name"].replace(".", "_")
                values = f"({', '.join(value for _, value in fields)},)"
                is_type = isinstance(self._makers[schema["name"]], type)
                self.line(depth, f"{name} = new_tuple({maker}, {values})" if is_type else f"{name} = {maker}({values})")
            else:
                self.line(depth, f"{name} = {{" + ", ".join(f"{key!r}: {value}" for key, value in fields) + "}")
        else:
            raise ValueError(f"type {kind!r} is not compiled")
        return name

    def _read_fields(self, record: dict[str, Any], depth: int) -> list[tuple[str, str]]:
        """Write the lines that read a record's fields; returns their names and the names that hold the values."""
        runs = {run[0]: run for run in self._repeated.get(record["name"], ())}
        found: list[tuple[str, str]] = []
        fields = iter(record["fields"])
        for field in fields:
            run = runs.get(field["name"])
            if run is None:
                found.append((field["name"], self.read(field["type"], depth)))
                continue
            some = [field, *islice(fields, len(run) - 1)]
            if [one["name"] for one in some] != list(run):
                raise ValueError(f"{run} are no neighbouring fields of {record['name']}")
            found.extend(self._read_run(some, depth))
        return found

    def _read_run(self, fields: list[dict[str, Any]], depth: int) -> list[tuple[str, str]]:
        # What bytes say, read in order, depends on nothing that follows them: the same bytes are the same run.
        start, memory = self.name(), f"{self.name()}_memory"
        self._memories.append(memory)
        self.line(depth, f"last = {memory}")  # another thread may change it between two looks
        self.line(depth, "if data.startswith(last[0], at):")
        self.line(depth + 1, "run, values = last")
        self.line(depth + 1, "at += len(run)")
        self.line(depth, "else:")
        self.line(depth + 1, f"{start} = at")
        read = [(field["name"], self.read(field["type"], depth + 1)) for field in fields]
        self.line(depth + 1, "if at > len(data):")
        self.line(depth + 2, "raise MalformedError('bytes are missing')")
        self.line(depth + 1, f"values = ({''.join(f'{value}, ' for _, value in read)})")
        self.line(depth + 1, f"{memory} = (data[{start}:at], values)")
        self.line(depth, f"{''.join(f'{value}, ' for _, value in read)} = values")
        return read

    def _read_number(self, name: str, depth: int, *, is_int: bool) -> None:
        self.line(depth, "b = data[at]")
        self.line(depth, "if b < 128:")
        self.line(depth + 1, f"{name} = (b >> 1) ^ -(b & 1)")
        self.line(depth + 1, "at += 1")
        self.line(depth, "elif 0 < data[at + 1] < 128:")
        self.line(depth + 1, "b = b & 127 | data[at + 1] << 7")
        self.line(depth + 1, f"{name} = (b >> 1) ^ -(b & 1)")
        self.line(depth + 1, "at += 2")
        self.line(depth, "else:")
        self.line(depth + 1, f"{name}, at = read_long(data, at)")
        if is_int:
            self.line(depth + 1, f"if not {INT_RANGE[0]} <= {name} <= {INT_RANGE[1]}:")
            self.line(depth + 2, "raise MalformedError('a number does not fit into 32 bits')")

    def read_length(self, depth: int) -> None:
        # One even byte, or two: nearly every length. Whether a short one fits is seen at the end.
        self.line(depth, "b = data[at]")
        self.line(depth, "if b < 128 and not b & 1:")
        self.line(depth + 1, "n = b >> 1")
        self.line(depth + 1, "at += 1")
        self.line(depth, "elif b > 127 and not b & 1 and 0 < data[at + 1] < 128:")
        self.line(depth + 1, "n = (b & 127 | data[at + 1] << 7) >> 1")
        self.line(depth + 1, "at += 2")
        self.line(depth, "else:")
        self.line(depth + 1, "n, at = read_length(data, at)")

    def _read_array(self, items: Any, name: str, depth: int) -> None:
        items = self._resolved(items)
        # Most arrays of a document are empty, which is one byte.
        self.line(depth, "if not data[at]:")
        self.line(depth + 1, f"{name} = []")
        self.line(depth + 1, "at += 1")
        self.line(depth, "else:")
        depth += 1
        self.read_length(depth)
        if isinstance(items, dict) and items["type"] == "fixed":
            size = items["size"]
            self.line(depth, f"end = at + n * {size}")
            self.line(depth, "if end > len(data):")
            self.line(depth + 1, "raise MalformedError('an array is cut off')")
            self.line(depth, f"{name} = [data[i:i + {size}] for i in range(at, end, {size})]")
            self.line(depth, "at = end")
        else:
            self.line(depth, f"{name} = []")
            self.line(depth, "for _ in range(n):")
            value = self.read(items, depth + 1)
            self.line(depth + 1, f"{name}.append({value})")
        # A count of 0 with padding is none: whoever comes here has read an item.
        self.line(depth, "if data[at]:")
        self.line(depth + 1, "raise MalformedError('an array has more than one block')")
        self.line(depth, "at += 1")

    def _read_union(self, branches: list[Any], name: str, depth: int) -> None:
        tagged = sum(branch != "null" for branch in branches) > 1
        choice = self.name()
        self.line(depth, f"{choice} = data[at]")
        self.line(depth, "at += 1")
        for index, branch in enumerate(branches):
            self.line(depth, f"{'if' if index == 0 else 'elif'} {choice} == {2 * index}:")
            if branch == "null":
                self.line(depth + 1, f"{name} = None")
                continue
            value = self.read(branch, depth + 1)
            self.line(depth + 1, f"{name} = ({branch!r}, {value})" if tagged else f"{name} = {value}")
        self.line(depth, "else:")
        self.line(depth + 1, "raise MalformedError('a union has no such branch')")

    # -- writing

    def write(self, schema: Any, value: str, depth: int) -> None:
        """Write the lines that append a value's bytes to ``out``."""
        schema = self._resolved(schema)
        kind = schema if isinstance(schema, str) else "union" if isinstance(schema, list) else schema["type"]
        if kind == "long":
            self.line(depth, f"put(write_number({value}))")
        elif kind == "int":
            self.line(depth, f"put(write_int({value}))")
        elif kind == "string":
            name = self.name()
            self.line(depth, f"{name} = {value}.encode()")
            self.line(depth, f"put(write_number(len({name})))")
            self.line(depth, f"put({name})")
        elif kind == "bytes":
            name = self.name()
            self.line(depth, f"{name} = {value}")
            self.line(depth, f"put(write_number(len({name})))")
            self.line(depth, f"put({name})")
        elif kind == "boolean":
            self.line(depth, f"put(b'\\x01' if {value} else b'\\x00')")
        elif kind == "fixed":
            self.line(depth, f"put(write_fixed({value}, {schema['size']}, {schema['name']!r}))")
        elif kind == "array":
            name, item = self.name(), self.name()
            self.line(depth, f"{name} = {value}")
            self.line(depth, f"if {name}:")
            self.line(depth + 1, f"put(write_number(len({name})))")
            self.line(depth + 1, f"for {item} in {name}:")
            self.write(schema["items"], item, depth + 2)
            self.line(depth, "put(b'\\x00')")
        elif kind == "union":
            self._write_union(schema, value, depth)
        elif kind == "record":
            name = self.name()
            self.line(depth, f"{name} = {value}")
            for field in schema["fields"]:
                self.write(field["type"], f"{name}[{field['name']!r}]", depth)
        else:
            raise ValueError(f"type {kind!r} is not compiled")

    def _write_union(self, branches: list[Any], value: str, depth: int) -> None:
        tagged = sum(branch != "null" for branch in branches) > 1
        name = self.name()
        self.line(depth, f"{name} = {value}")
        for index, branch in enumerate(branches):
            start = "if" if index == 0 else "elif"
            tag = bytes([2 * index])
            if branch == "null":
                self.line(depth, f"{start} {name} is None:")
                self.line(depth + 1, f"put({tag!r})")
            elif tagged:
                self.line(depth, f"{start} {name}[0] == {branch!r}:")
                self.line(depth + 1, f"put({tag!r})")
                self.write(branch, f"{name}[1]", depth + 1)
            else:
                self.line(depth, "else:" if index else f"if {name} is not None:")
                self.line(depth + 1, f"put({tag!r})")
                self.write(branch, name, depth + 1)
        if tagged:
            self.line(depth, "else:")
            self.line(depth + 1, f"raise ValueError('no such branch: ' + str({name}[0]))")
