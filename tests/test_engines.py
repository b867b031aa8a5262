"""The drivers of Node and Chromium: what a module gives comes back, and what goes wrong says why."""

from __future__ import annotations

import pytest

from tests import chromium, node

ENGINES = {"node": node.evaluate, "chromium": chromium.evaluate}
MODULE = """
export default async (read) => {
  const bytes = new Uint8Array(await read("data.bin"));
  const where = typeof window === "undefined" ? "node" : "chromium";
  return { sum: bytes.reduce((a, b) => a + b), where, text: "é😀" };
};
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_module_reads_files_and_gives_a_value(engine, tmp_path):
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "module.js").write_text(MODULE, encoding="utf-8")
    (tmp_path / "data.bin").write_bytes(bytes(range(256)))
    assert ENGINES[engine](tmp_path, "module.js") == {"sum": 32640, "where": engine, "text": "é😀"}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_module_that_throws_is_an_error_with_its_words(engine, tmp_path):
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "module.js").write_text('export default () => { throw new Error("because of this"); };')
    with pytest.raises(RuntimeError, match="because of this"):
        ENGINES[engine](tmp_path, "module.js")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_module_that_does_not_end_is_an_error(engine, tmp_path):
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "module.js").write_text("export default () => new Promise((done) => setTimeout(done, 60000));")
    with pytest.raises(RuntimeError, match=r"within 3 s"):
        ENGINES[engine](tmp_path, "module.js", timeout_s=3)


def test_a_page_posts_its_answer(tmp_path):
    page = '<script>fetch("/answer", { method: "POST", body: JSON.stringify([location.pathname]) })</script>'
    (tmp_path / "index.html").write_text(page)
    assert chromium.open_page(tmp_path, "index.html") == ["/index.html"]


def test_the_compiler_says_what_is_wrong_where(tmp_path):
    (tmp_path / "module.ts").write_text('export const x: number = "text";\n')
    (error,) = node.typescript_errors(tmp_path)
    assert "module.ts(1,14): error TS2322" in error
