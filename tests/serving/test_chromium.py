"""The page on which a person drops an image, in headless Chromium."""

import pytest
from chromium import CHROMIUM, browser
from originals import picture

pytest.importorskip("starlette", reason="the extra serving is missing")

from served import in_a_thread  # noqa: E402

from simclr_med.serving.rest.exported import Exported  # noqa: E402
from simclr_med.serving.rest.limits import Limits  # noqa: E402

DROP = """
(async () => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 40;
  const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
  const moved = new DataTransfer();
  moved.items.add(new File([blob], "dropped.png"));
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: moved, bubbles: true }));
})()
"""


@pytest.mark.slow  # a browser is not everywhere, and takes its time
@pytest.mark.skipif(not CHROMIUM, reason="Chromium is missing")
def test_a_person_drops_an_image_and_sees_the_answer(exported_probe, tmp_path):
    exported = Exported.load(exported_probe / "export", "probe")
    picture(1).save(tmp_path / "chosen.jpg")
    (tmp_path / "text.png").write_text("no image")
    with in_a_thread(exported, Limits(max_pixels=2000)) as address, browser() as tab:
        tab.open(address)
        tab.evaluate(DROP)
        tab.until("document.querySelectorAll('#answer tr').length > 1")
        assert tab.evaluate("document.getElementById('image').alt") == "dropped.png"
        shares = tab.evaluate(
            "[...document.querySelectorAll('#answer tr')].map(row => +row.cells[2].textContent)"
        )
        assert sum(shares) == pytest.approx(1, abs=0.01) and shares == sorted(shares)[::-1]
        tab.choose("#file", tmp_path / "text.png")
        tab.until("document.querySelector('#answer .no')")
        assert "is not JPEG" in tab.evaluate("document.getElementById('answer').textContent")
        tab.choose("#file", tmp_path / "chosen.jpg")
        tab.until("document.getElementById('answer').textContent.includes('2,000 pixels')")
        refused = [e for e in tab.complaints() if "400" not in str(e) and "favicon" not in str(e)]
        assert not refused
