// The options of the form: only those that the chosen maker takes, ratios to press, and on the button what all of it costs.
(() => {
  "use strict";
  const PAUSE_MILLISECONDS = 400;
  let timer = null;
  let asked = 0;

  const form = () => document.getElementById("compose");
  const words = (text) => (text || "").split(" ").filter(Boolean);

  // What is not shown is not sent either.
  const show = (part, isShown) => {
    if (!part) return;
    part.hidden = !isShown;
    for (const field of part.querySelectorAll("input, select, textarea")) field.disabled = !isShown;
  };

  const allow = (options, fits) => {
    for (const option of options) {
      option.hidden = option.disabled = Boolean(option.value) && !fits(option);
      if (option.disabled && option.selected) option.selected = false;
    }
  };

  const fit = () => {
    const { maker, style, quality, size } = form().elements;
    const chosen = maker.selectedOptions[0];
    if (!chosen) return;
    const taken = words(chosen.dataset.takes);
    for (const name of ["seed", "negative_prompt", "quality"]) show(form().querySelector(`.field-${name}`), taken.includes(name));
    allow(style.options, ({ dataset }) => !dataset.providers || words(dataset.providers).includes(chosen.dataset.provider));
    if (quality) allow(quality.options, ({ value }) => words(chosen.dataset.qualities).includes(value));
    const ratios = words(chosen.dataset.ratios);
    const shapes = form().querySelector(".shapes");
    shapes.hidden = !ratios.length;
    for (const shape of shapes.children) {
      shape.hidden = !ratios.includes(shape.dataset.ratio);
      shape.setAttribute("aria-pressed", String(shape.dataset.ratio === size.value.trim()));
    }
  };

  // An answer that was overtaken by a later question says nothing any more.
  const estimate = async () => {
    const number = ++asked;
    const body = new FormData(form());
    body.delete("file");
    body.set("estimate", "1");
    try {
      const said = await (await fetch(form().action, { method: "POST", body })).json();
      if (number === asked) document.getElementById("estimate").textContent = said.estimate && `: ${said.estimate}`;
    } catch {
      // The button goes without a figure then.
    }
  };

  const changed = () => {
    fit();
    clearTimeout(timer);
    timer = setTimeout(estimate, PAUSE_MILLISECONDS);
  };

  document.addEventListener("click", (event) => {
    const shape = event.target.closest?.(".shapes button");
    if (!shape) return;
    const { size } = form().elements;
    size.value = size.value.trim() === shape.dataset.ratio ? "" : shape.dataset.ratio;
    size.dispatchEvent(new Event("input", { bubbles: true }));
  });
  for (const kind of ["input", "composed"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.closest?.("#compose")) changed();
    });
  }
  fit();
  // Only by then a browser that goes back has filled in what was there.
  addEventListener("pageshow", () => {
    fit();
    if (form().elements.prompts.value.trim()) estimate();
  });
})();
