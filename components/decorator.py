"""The house decorators: a lightweight component on the project's image, which holds kfp and the library; a pipeline."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from kfp import dsl

IMAGE = os.environ.get("GMLM_IMAGE", "gmlm:latest")
"""Image where a component is compiled alone; pipelines set the one of their profile, by digest."""


class Component(Protocol):
    """What kfp makes of a function: called in a pipeline it gives a task."""

    python_func: Callable[..., Any]
    component_spec: Any

    def __call__(self, **arguments: Any) -> Any:
        """Make a task of the pipeline that is being built."""
        ...


component = cast(
    Callable[[Callable[..., Any]], Component], partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
)
"""Decorates a function whose body calls one function of the library."""

pipeline = cast(Callable[..., Callable[[Callable[..., None]], Any]], dsl.pipeline)
"""`dsl.pipeline` with a type."""
