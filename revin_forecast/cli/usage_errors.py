"""Messages about words and options files that a command can't use, in the user's terms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revin_forecast.cli.options import Option, find_short_names
from revin_forecast.errors import InputError, did_you_mean, join_words


@dataclass(frozen=True)
class CommandOptions:
    """A command and its options, from which messages are made."""

    command: str
    """Name of the command."""
    options: Sequence[Option]
    """Options of the command."""
    subcommands: Sequence[str] = ()
    """Commands whose name begins with this one's."""
    old_names: Mapping[str, str] = field(default_factory=dict)
    """Present names of options by their earlier names."""

    @property
    def positional(self) -> list[str]:
        """The options without a flag, as in the usage line."""
        return [option.name for option in self.options if option.is_positional]

    @property
    def names(self) -> list[str]:
        """Names of the options with a flag, with - between words, short ones included."""
        keys = [option.key for option in self.options if not option.is_positional]
        return [key.replace("_", "-") for key in sorted({*keys, *find_short_names(self.options)})]

    def explain_unknown(self, words: Sequence[str]) -> str:
        """Return the message for words that belong to no option."""
        flag = next((word for word in words if word.startswith("-")), None)
        if flag is not None:
            dashes = "--" if flag.startswith("--") else "-"
            option = flag.partition("=")[0].lstrip("-").replace("_", "-")
            suggestion = did_you_mean(option, self.names, "--")
            return f"there is no option {dashes}{option}.{suggestion}"
        subcommand = f"{self.command} {words[0]}"
        suggestion = did_you_mean(subcommand, self.subcommands)
        if suggestion:
            return f"there is no command {subcommand!r}.{suggestion}"
        accepted = join_words(self.positional, "and") or "nothing"
        return (
            f"unexpected argument {' '.join(words)!r}: {self.command} takes {accepted} without a "
            "flag. Quote a name with spaces; options start with --."
        )

    def require(self, values: Mapping[str, Any]) -> None:
        """Check that all required options have a value.

        Raises:
            InputError: an option is missing.
        """
        missing = [
            option.name
            for option in self.options
            if option.is_required and values.get(option.key) is None
        ]
        if missing:
            raise InputError(f"{self.command} needs {join_words(missing, 'and')}.")

    def read_config(self, path: str, notes: list[str]) -> dict[str, Any]:
        """Read an options file.

        Args:
            path: path of the file.
            notes: takes a note for each earlier name of an option in the file.

        Raises:
            InputError: the file can't be read, is not a mapping, or has an unknown key.
        """
        content = _read_mapping(path)
        known = [option.key for option in self.options if option.key != "config"]
        lists = {option.key for option in self.options if option.item_type is not None}
        groups = {key.rpartition(".")[0] for key in known if "." in key}
        config: dict[str, Any] = {}
        for name, value in content.items():
            key = str(name).replace("-", "_")
            if key in self.old_names:
                new = self.old_names[key]
                notes.append(f"{path}: {key} is now {new}; the old spelling still works.")
                # A file that names both sources of the table, as null and as a value.
                if value is None:
                    continue
                key = new
            if key in groups:
                if not isinstance(value, Mapping):
                    raise InputError(f"{path}: {key} is a mapping of options but got {value!r}.")
                fields = {str(field).replace("-", "_"): item for field, item in value.items()}
                self._require_known(path, [f"{key}.{field}" for field in fields], known)
                config[key] = fields
                continue
            self._require_known(path, [key], known)
            is_scalar = key in lists and value is not None and not isinstance(value, list)
            config[key] = [value] if is_scalar else value
        return config

    def _require_known(self, path: str, keys: Iterable[str], known: Sequence[str]) -> None:
        for key in keys:
            if key not in known:
                raise InputError(
                    f"{path}: there is no option {key!r}."
                    f"{did_you_mean(key, [name.replace('_', '-') for name in known])}"
                )


def _read_mapping(path: str) -> dict[Any, Any]:
    import yaml

    if Path(path).is_dir():
        raise InputError(f"{path} is a folder; --config expects a YAML file of options.")
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text; --config expects a YAML file of options.") from error
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; --config expects a YAML file.") from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
        reason = str(error) if mark is None else f"{problem} in line {mark.line + 1}"
        raise InputError(_format_not_a_mapping(path, " ".join(reason.split()))) from error
    if not isinstance(content, dict):
        got = "it is empty" if content is None else f"it holds {content!r}"
        raise InputError(_format_not_a_mapping(path, got))
    return content


def _format_not_a_mapping(path: str, reason: str) -> str:
    return f"{path} is not a YAML mapping of options, such as `horizon: 24`: {reason.rstrip('.')}."
