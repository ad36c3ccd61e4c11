"""The environment names what results depend on, and nothing about who computed where."""

from __future__ import annotations

import getpass
import platform
import socket
from importlib.metadata import version

import torch

from gmlm.usage.environment import described, environment


def test_versions_processor_and_threads_are_named() -> None:
    found = environment()
    assert found["torch"] == version("torch")
    assert found["python"] == platform.python_version()
    assert found["threads"] == str(torch.get_num_threads())
    assert found["processor"]


def test_it_names_neither_host_nor_user() -> None:
    text = described(environment())
    assert socket.gethostname() not in text
    assert getpass.getuser() not in text.split()


def test_threads_are_those_that_torch_has_now() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        assert environment()["threads"] == str(before + 1)
    finally:
        torch.set_num_threads(before)


def test_it_is_one_line() -> None:
    found = {"python": "3.11", "torch": "2.9", "processor": "x", "threads": "1", "gpus": "2 x NVIDIA H100"}
    assert described(found) == "python 3.11, torch 2.9, x, 1 thread, 2 x NVIDIA H100"
