"""The lines that hand an element of the page to a module of the front end, in a real browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from manigen.ui import components

pytestmark = pytest.mark.e2e

MODULE = """export default ({ parentElement, data }) => {
  parentElement.append(data.n);
  return () => parentElement.append(" left");
}"""

# As Streamlit does where a run's data come before the last run's have arrived: the earlier is told to leave at once.
TWICE = """async (loader) => {
  const { default: mount } = await import(URL.createObjectURL(new Blob([loader], { type: "text/javascript" })));
  const host = document.body.appendChild(document.createElement("div"));
  const first = mount({ parentElement: host, data: [{ n: 1 }] });
  first();
  const second = mount({ parentElement: host, data: [{ n: 2 }] });
  while (!host.textContent.includes("2")) await new Promise(requestAnimationFrame);
  first();
  const shown = host.textContent;
  host.remove();
  second();
  return [shown, host.textContent];
}"""


def test_data_that_overtake_others_do_not_build_the_page_anew(visit: Any) -> None:
    loader = components._LOADER % ("data:text/javascript," + quote(MODULE))
    assert visit("/_stcore/health").page.evaluate(TWICE, loader) == ["12", "12 left"]
