"use strict";
(() => {
  const lost = document.getElementById("lost");
  const buttons = [...document.querySelectorAll("button[data-item]")];
  const marked = [...document.querySelectorAll("[data-on]")];
  const show = (button) => {
    const item = button ? button.dataset.item : "";
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    for (const one of marked) one.classList.toggle("hit", item !== "" && one.dataset.on.split(" ").includes(item));
    if (lost) lost.textContent = button ? button.dataset.lost : lost.dataset.empty;
  };
  for (const button of buttons) {
    button.addEventListener("click", () => show(button.getAttribute("aria-pressed") === "true" ? null : button));
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") show(null); });
})();
