import pytest

from bundler.installer.helm.relocate import relocate

HERE = "10.0.0.9:5000/mirror"
DIGEST = "sha256:" + "a" * 64
NAMES = {
    "docker.io/library/nginx:1.27": f"{HERE}/docker.io/library/nginx:1.27",
    "docker.io/library/redis:latest": f"{HERE}/docker.io/library/redis:latest",
    "quay.io/acme/db:2.0": f"{HERE}/quay.io/acme/db:2.0",
    f"quay.io/acme/agent:1@{DIGEST}": f"{HERE}/quay.io/acme/agent:1",
}


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("image: quay.io/acme/db:2.0", f"image: {HERE}/quay.io/acme/db:2.0"),
        (
            '  - image: "nginx:1.27"  # the web',
            f'  - image: "{HERE}/docker.io/library/nginx:1.27"  # the web',
        ),
        ("image: redis\n", f"image: {HERE}/docker.io/library/redis:latest\n"),
        ("args: [--side=quay.io/acme/db:2.0]", f"args: [--side={HERE}/quay.io/acme/db:2.0]"),
        (
            "image: docker.io/library/nginx:1.27\nimage: nginx:1.27",
            f"image: {HERE}/docker.io/library/nginx:1.27\nimage: {HERE}/docker.io/library/nginx:1.27",
        ),
        (f"image: quay.io/acme/agent:1@{DIGEST}", f"image: {HERE}/quay.io/acme/agent:1"),
        ("see quay.io/acme/db:2.0.", f"see {HERE}/quay.io/acme/db:2.0."),
    ],
)
def test_a_name_is_replaced_however_it_is_written(text: str, moved: str) -> None:
    assert relocate(text, NAMES).text == moved


@pytest.mark.parametrize(
    "text",
    [
        "name: redis",
        "app: nginx",
        "image: quay.io/acme/db:2.1",
        "url: https://quay.io/acme/db",
        "image: other.io/acme/db:2.0",
        "image:\n  repository: quay.io/acme/db\n  tag: '2.0'",
    ],
)
def test_what_is_no_name_of_an_image_of_ours_stays(text: str) -> None:
    assert relocate(text, NAMES).text == text


def test_it_tells_which_were_met() -> None:
    done = relocate("image: nginx:1.27\nimage: quay.io/acme/db:2.0\n", NAMES)
    assert done.met == {"docker.io/library/nginx:1.27", "quay.io/acme/db:2.0"}


def test_twice_is_once() -> None:
    once = relocate("image: nginx:1.27", NAMES).text
    assert relocate(once, NAMES).text == once
