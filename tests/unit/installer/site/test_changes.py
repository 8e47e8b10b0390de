"""What `process` makes of a Config's data."""

import base64

import pytest
import yaml

from bundler.installer.site.changes import processed, processes

DATA = "config:\n  usrname: root\n  passwd: xxx\n"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("process", "data", "expected"),
    [
        ("", "any: thing", "any: thing"),
        ("value|toJson|toBase64", DATA, {"config": encoded('{"passwd":"xxx","usrname":"root"}')}),
        ("value|to-json", "a: {b: 1}\nc: x", {"a": '{"b":1}', "c": '"x"'}),
        ("value", "a: {b: 1}", {"a": {"b": 1}}),
        ("to-json", "b: 1\na: [x]", {"a": ["x"], "b": 1}),
        ("value|to-base64", "a: x\nb: 5", {"a": encoded("x"), "b": encoded("5")}),
    ],
)
def test_process(process: str, data: str, expected: object) -> None:
    made = processed(data, processes(process), "name")
    assert made == expected if isinstance(expected, str) else yaml.safe_load(made) == expected


def test_the_whole_in_base64() -> None:
    assert processed("plain", processes("to-base64"), "name") == encoded("plain")


@pytest.mark.parametrize("process", ["to-secret", "value|to-secret", "value|to-base64|to-secret"])
def test_a_secret_holds_each_value_once_encoded(process: str) -> None:
    made = yaml.safe_load(processed("user: root\npin: 12", processes(process), "db"))
    assert (made["kind"], made["metadata"], made["type"]) == ("Secret", {"name": "db"}, "Opaque")
    assert made["data"] == {"user": encoded("root"), "pin": encoded("12")}


@pytest.mark.parametrize("process", ["tojson", "to-json|value", "to-secret|to-base64", "|"])
def test_what_is_no_process(process: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        processes(process)


def test_data_that_are_no_mapping_make_no_secret() -> None:
    with pytest.raises(ValueError, match="mapping"):
        processed("- a", ("to-secret",), "name")
