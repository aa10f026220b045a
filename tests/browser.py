"""A page as a browser without a screen sees it: errors, what it loads, and what a script asks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

_PROBE = """
<script>
const out = {errors: [], blocked: []};
window.addEventListener("error", (event) => out.errors.push(event.message));
window.addEventListener("securitypolicyviolation", (event) => out.blocked.push(event.blockedURI));
window.alert = () => out.errors.push("alert");
window.addEventListener("load", () => {
  ASKED
  out.wide = document.documentElement.scrollWidth <= window.innerWidth;
  out.requests = performance.getEntriesByType("resource").length;
  const told = document.createElement("pre");
  told.id = "probe";
  told.textContent = JSON.stringify(out);
  document.body.append(told);
});
</script>
"""


def looked_at(path: Path, width: int, asked: str = "") -> dict[str, object]:
    """Return what a browser saw of the page; `asked` is a script that adds to `out`."""
    assert CHROMIUM is not None
    copy = path.with_name("probed.html")
    probe = _PROBE.replace("ASKED", asked)
    copy.write_text(
        path.read_text(encoding="utf-8").replace("<main>", probe + "<main>", 1), encoding="utf-8"
    )
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={path.parent / 'profile'}",
        f"--window-size={width},900",
        "--virtual-time-budget=2000",
        "--dump-dom",
        copy.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout)
    assert found is not None, done.stderr
    return json.loads(found[1].replace("&amp;", "&"))  # type: ignore[no-any-return]
