"""The page and what it loads, as a browser asks for it."""

from __future__ import annotations

import gzip
import os
import re
from os.path import dirname, normpath
from pathlib import Path

import httpx
import pytest

from app.api.routes.page import STUDIO
from app.api.studio_files import LEAST_BYTES, StudioTexts, bare, licensed
from app.types import PRIORITIES

pytestmark = pytest.mark.anyio
MODULES = sorted(path.relative_to(STUDIO).as_posix() for path in STUDIO.rglob("*.js"))
MOST_BYTES = 80_000  # packed, of all that a browser loads before anything moves
MOST_OF_ALL = 150_000  # packed, with every room opened
MOST_OF_A_ROOM = 60_000  # packed, of what is loaded when its address is opened


@pytest.fixture
async def script(client: httpx.AsyncClient) -> str:
    """All that the page runs, as it is served."""
    texts = {name: (await client.get(f"/studio/{name}")).text for name in MODULES}
    assert _imported(texts) | {"studio.js", "sw.js"} == set(MODULES)  # the latter is no module: it keeps the others
    return "".join(texts.values())


def _imported(texts: dict[str, str]) -> set[str]:
    modules = re.compile(r'(?:from |import |import\()"(\.[^"]+)"')
    found = ((name, each) for name, text in texts.items() for each in modules.findall(text))
    return {normpath(f"{dirname(name) or '.'}/{each}") for name, each in found}


async def test_the_page_is_small() -> None:
    rooms = re.findall(r'import\("\./([a-z]+)/', (STUDIO / "views.js").read_text())
    parts = [path for path in STUDIO.rglob("*") if path.suffix in {".html", ".css", ".js"}]
    late = [path for path in parts if path.parent.name in rooms]
    assert rooms
    for room in rooms:
        assert sum(map(_packed, (path for path in late if path.parent.name == room))) <= MOST_OF_A_ROOM, room
    vendor = [path for path in parts if path.parent.name == "vendor"]  # which the rooms bring with them
    assert sum(map(_packed, set(parts) - set(late) - set(vendor))) <= MOST_BYTES
    assert sum(map(_packed, parts)) <= MOST_OF_ALL
    assert sum(path.stat().st_size for path in (STUDIO / "wall").iterdir()) <= 600_000


TEXTS = StudioTexts(STUDIO)


def _packed(path: Path) -> int:
    text = TEXTS.get(path.relative_to(STUDIO).as_posix())
    assert text is not None
    return len(text.packed)


def test_a_script_goes_out_as_it_is_but_for_its_comments_and_indentation() -> None:
    for name in MODULES:
        text, sent = (STUDIO / name).read_text(), TEXTS.get(name)
        assert sent is not None
        if licensed(text):
            assert sent.plain.decode() == text
            continue
        lines = zip(text.splitlines(), sent.plain.decode().splitlines(), strict=True)  # an error still names its line
        gone = [line.strip().removeprefix(left).strip() for line, left in lines if line.lstrip(" \t") != left]
        assert all(line.startswith(("//", "/*", "*")) for line in gone), name
        # A template of several lines may have one that looks like a comment.
        assert all(line.count("`") % 2 == 0 for line in text.splitlines()), name


def test_a_browser_hears_at_once_of_every_script_that_a_first_look_runs() -> None:
    """Else it would hear of each by the one that imports it, one journey after the other."""
    texts = {name: (STUDIO / name).read_text() for name in MODULES}
    needed, looked_at = {"studio.js"}, set[str]()
    while needed - looked_at:
        name = min(needed - looked_at)
        looked_at.add(name)
        imports = re.findall(r'^import (?:[^"]*from )?"(\.[^"]+)"', texts[name], re.MULTILINE)
        needed |= {normpath(f"{dirname(name) or '.'}/{each}") for each in imports}
    told = re.findall(r'rel="modulepreload" href="studio/([^"]+)"', (STUDIO / "index.html").read_text())
    assert sorted([*told, "studio.js"]) == sorted(needed)


def test_only_comments_and_indentation_are_left_out() -> None:
    script = """// A module.
const a = "// no comment"; // goes
const f = ["; // no comment", `; // nor this`]; // it's kept
/**
 * Says b. @param {string} b
 */
const c = /** @type {any} */ (b) / 2; /* stays */
  /** @type {number} */
  let d = 1 /* of
  two */ + 2;
/* one */ const e = "/*"; // */
"""
    assert bare(script).splitlines() == [
        "",
        'const a = "// no comment";',
        """const f = ["; // no comment", `; // nor this`]; // it's kept""",
        *["", "", ""],
        "const c = /** @type {any} */ (b) / 2; /* stays */",
        "",
        "let d = 1 /* of",
        "two */ + 2;",
        '/* one */ const e = "/*";',
    ]


async def test_a_text_goes_out_packed_once_and_for_all(client: httpx.AsyncClient) -> None:
    packed = await client.get("/studio/words.js", headers={"accept-encoding": "gzip, br"})
    plain = await client.get("/studio/words.js", headers={"accept-encoding": "gzip;q=0"})
    assert (packed.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
    assert packed.text == plain.text
    assert packed.headers["content-length"] == str(len(gzip.compress(plain.content, 9, mtime=0)))
    assert "accept-encoding" in packed.headers["vary"].lower()
    short = await client.get("/studio/theme.js")
    assert ("content-encoding" in short.headers) == (len(short.content) >= LEAST_BYTES)
    head = await client.head("/studio/words.js", headers={"accept-encoding": "identity"})
    assert (head.content, head.headers["content-length"]) == (b"", str(len(plain.content)))


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("let a;")
    texts = StudioTexts(tmp_path)
    first = texts.get("a.js")
    (tmp_path / "a.js").write_text("let b;")
    os.utime(tmp_path / "a.js", (1, 1))
    second = texts.get("a.js")
    assert first is not None
    assert second is not None
    assert (first.plain, second.plain) == (b"let a;", b"let b;")
    assert first.etag != second.etag
    (tmp_path / "a.js").unlink()
    assert (texts.get("a.js"), texts.get("../a.js")) == (None, None)


async def test_the_policy_leaves_no_way_in(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page.text)


async def test_the_page_loads_only_from_this_server(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "://" not in page.text
    for link in re.findall(r'(?:src|href)="(studio/[^"]+)"', page.text):
        assert (await client.get(f"/{link}")).status_code == 200, link


@pytest.mark.parametrize("path", ["/", *(f"/studio/{name}" for name in MODULES)])
async def test_a_page_that_a_browser_has_is_not_sent_again(path: str, client: httpx.AsyncClient) -> None:
    tag = (await client.get(path)).headers["etag"]
    for known in (tag, f"W/{tag}", "*"):
        answer = await client.get(path, headers={"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert answer.headers["cache-control"] == "no-cache"  # or an update would be seen in part
    assert (await client.get(path, headers={"if-none-match": '"other"'})).status_code == 200


async def test_the_page_asks_only_routes_that_exist(client: httpx.AsyncClient, script: str) -> None:
    routes = (await client.get("/openapi.json")).json()["paths"]
    names = {"v1/storyboards": "{story_id}", "v1/uploads": "{upload_id}"}
    asked = {
        path.replace("${id}", names.get(path.partition("/$")[0], "{video_id}")).replace("${number}", "{number}")
        for path in re.findall(r'["`]((?:v1|api)/[^"`?$]*(?:\$\{(?:id|number)\}[^"`?$]*)*)', script)
    }
    assert asked
    assert {f"/{path}" for path in asked} <= set(routes)


async def test_outside_text_is_never_markup(script: str) -> None:
    assert "innerHTML" not in script
    assert "insertAdjacentHTML" not in script
    assert "outerHTML" not in script


async def test_only_a_webp_in_a_data_url_becomes_a_picture(script: str) -> None:
    pattern = re.search(r"PICTURE = /(.+)/;", script)
    assert pattern is not None
    allowed = re.compile(pattern[1].replace(r"\/", "/"))
    assert allowed.search("data:image/webp;base64,UklGRg==")
    for other in (
        "data:image/svg+xml;base64,UklGRg==",
        "javascript:alert(1)",
        "x data:image/webp;base64,UklG",
        "//a/b.webp",
    ):
        assert not allowed.search(other)
    assert script.count("picture.src =") == 1
    assert script.index("PICTURE.test(image)") < script.index("picture.src =")


async def test_the_page_asks_for_previews_and_by_priority(client: httpx.AsyncClient, script: str) -> None:
    assert script.count("preview: true") == 3  # also of the same again, and of the wall's
    found = re.search(r'<select id="priority">(.+?)</select>', (await client.get("/")).text, re.DOTALL)
    assert found is not None
    assert tuple(re.findall(r'<option value="(\w+)"', found[1])) == PRIORITIES


async def test_the_page_offers_styles_and_repeats_a_video_in_its_own(client: httpx.AsyncClient, script: str) -> None:
    assert '<select id="style"><option value="" data-t="style.none">none</option></select>' in (
        (await client.get("/")).text
    )
    assert 'get("v1/styles")' in script
    assert 'style: $("style").value' in script
    assert "optimization.written_prompt ?? prompt" in script


async def test_nothing_outside_the_studio_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/studio/../settings.py")).status_code == 404
    assert (await client.get("/studio/%2e%2e/settings.py")).status_code == 404
