"""Changes of `engines.toml` that leave everything else in it as the person wrote it. The file is its owner's alone."""

from swarm_core.api.toml_text import toml_of
from swarm_core.engines.records import EngineEntry

from swarm_tui.preferences.edits import quoted, without
from swarm_tui.preferences.lines import line_of


def with_engine(text: str, entry: EngineEntry) -> str:
    """The text with one more engine at its end."""
    lines = [f'[engines."{entry.name}"]', f"url = {quoted(entry.url)}"]
    lines += [
        f"{name} = {quoted(value)}"
        for name, value in (("ca", entry.ca), ("certificate", entry.certificate), ("key", entry.key_file))
        if value
    ]
    if not entry.verifies:
        lines.append("verify = false")
    if entry.labels:
        pairs = ", ".join(f"{quoted(key)} = {quoted(value)}" for key, value in entry.labels)
        lines.append(f"labels = {{ {pairs} }}")
    body = text.rstrip("\n")
    return (f"{body}\n\n" if body else "") + "\n".join(lines) + "\n"


def without_engine(text: str, name: str) -> str:
    """The text without the engine."""
    return without(text, ("engines", name))


def with_maintenance(text: str, entry: EngineEntry, *, is_on: bool) -> str:
    """The text with the engine in maintenance or out of it. Raises ValueError where only a person can write that."""
    given = toml_of(text)["engines"][entry.name]
    lines = text.splitlines(keepends=True)
    titles = (f"[engines.{entry.name}]", f'[engines."{entry.name}"]')
    header = next((number for number, line in enumerate(lines) if line.strip() in titles), None)
    if header is None:
        return _with_line(lines, text, entry, given, is_on=is_on)
    if "maintenance" in given:
        text = without(text, ("engines", entry.name, "maintenance"))
        lines = text.splitlines(keepends=True)
    if is_on:
        lines.insert(header + 1, "maintenance = true\n")
    return "".join(lines)


def _with_line(lines: list[str], text: str, entry: EngineEntry, given: object, *, is_on: bool) -> str:
    """The same where the engine is one line below `[engines]`."""
    number = line_of(text, ("engines", entry.name)) - 1
    told = {"url": entry.url} if isinstance(given, str) else given
    if not isinstance(told, dict) or not told.keys() <= {"url", "maintenance"}:
        raise ValueError(
            f"{entry.name!r} is written in a way that only a person can change; write 'maintenance = true' into its table."
        )
    url = quoted(entry.url)
    value = f"{{ url = {url}, maintenance = true }}" if is_on else url
    lines[number] = f'"{entry.name}" = {value}\n'
    return "".join(lines)
