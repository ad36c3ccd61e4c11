"""YAML from people: plain values only, and no file that unfolds to more than a study could ever hold."""

from __future__ import annotations

from typing import Any

import yaml

LARGEST = 100_000
"""Values that a file may hold once its aliases are unfolded; a bomb of a few lines unfolds to billions."""


def load_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        ValueError: It is no YAML, or unfolds to too much; the message says why and in which line, without its text.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None and _size(root, {}) > LARGEST:
            raise ValueError(f"its aliases unfold to more than {LARGEST:,} values")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"not valid YAML in line {mark.line + 1}" if mark else "not valid YAML") from None
    except RecursionError:
        raise ValueError("nested too deeply, or an alias within itself") from None


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Values below a node, each alias counted as what it stands for."""
    if id(node) not in known:
        children = [child for pair in node.value for child in pair] if isinstance(node, yaml.MappingNode) else []
        children = list(node.value) if isinstance(node, yaml.SequenceNode) else children
        known[id(node)] = 1 + sum(_size(child, known) for child in children)
    return known[id(node)]
