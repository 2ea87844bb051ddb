// Previews and ideas without leaving the page: the same form is sent, and of the page that comes back the parts are taken
// that changed. Where anything goes wrong on the way, the form is sent as it would be without this script.
(() => {
  "use strict";
  const ASKING = ["preview", "help", "add", "take"];
  const PARTS = ["preview", "ideas"];
  const FIELDS = ["prompts", "template_seed"];
  // A picture says how it was made before its pixels begin.
  const HEAD_BYTES = 1024 * 1024;

  const offerBack = (form, theirs) => {
    const undo = theirs.querySelector("#take button[name=undo]");
    undo.hidden = Boolean(theirs.querySelector("#take [role=alert]"));
    undo.addEventListener("click", () => {
      form.elements.file.value = "";
      theirs.replaceWith(form);
      form.elements.prompts.focus();
    });
  };

  // Somebody who reads or writes keeps the place where they are; faults are said beside the fields that they are about.
  const take = (form, page, asked) => {
    const theirs = page.getElementById("compose");
    document.title = page.title;
    const isOther = asked === "take" || form.querySelector(".errorlist") || theirs.querySelector(".errorlist");
    if (isOther) form.replaceWith(theirs);
    // What was there comes back as it was, with everything in it.
    if (asked === "take") offerBack(form, theirs);
    if (isOther) return;
    for (const id of PARTS) document.getElementById(id).replaceWith(page.getElementById(id));
    for (const name of FIELDS) {
      if (form.elements[name].value !== theirs.elements[name].value) form.elements[name].value = theirs.elements[name].value;
    }
  };

  const lead = (asked) => {
    const places = { preview: "preview", take: document.querySelector("#take[open]") ? "take" : "compose" };
    const part = document.querySelector("#faults .alert") || document.getElementById(places[asked] || "ideas");
    const first = part.querySelector("h2, a, .rows button, summary, textarea");
    part.scrollIntoView({ block: "nearest" });
    first?.focus({ preventScroll: true });
  };

  // Enter in a field presses the first button, which only shows; among ideas it asks for some.
  const pressed = (button) => {
    const asks = button?.tabIndex === -1 && document.activeElement?.closest("#ideas");
    return asks ? document.querySelector("#ideas button[value=write]") : button;
  };

  const send = (form, button) => {
    const value = document.createElement("input");
    Object.assign(value, { type: "hidden", name: button.name, value: button.value });
    form.append(value);
    form.submit();
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const button = pressed(event.submitter);
    if (form.id !== "compose" || !ASKING.includes(button?.name)) return;
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const body = new FormData(form);
    body.set(button.name, button.value);
    const file = body.get("file");
    if (button.name !== "take") body.delete("file");
    else if (file.name.toLowerCase().endsWith(".png")) body.set("file", file.slice(0, HEAD_BYTES), file.name);
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      form.removeAttribute("aria-busy");
      take(form, page, button.name);
      document.getElementById("compose").dispatchEvent(new Event("composed", { bubbles: true }));
      lead(button.name);
    } catch {
      send(form, button);
    }
  });

  // What was seen is what is bought: a preview of something else than stands in the form now offers nothing any more.
  document.addEventListener("input", ({ target }) => {
    const isAside = target.closest("#ideas, #take");
    if (target.form?.id === "compose" && !isAside) document.getElementById("preview").replaceChildren();
  });

  // A file that is chosen, or dropped anywhere on the form, is taken over at once.
  const takeFile = (form) => form.requestSubmit(form.querySelector("button[name=take]"));
  const over = (event) => (event.dataTransfer?.types.includes("Files") ? document.getElementById("compose") : null);
  document.addEventListener("change", ({ target }) => {
    if (target.name === "file" && target.files.length) takeFile(target.form);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const form = over(event);
      if (!form) return;
      event.preventDefault();
      form.classList.toggle("dropping", kind === "dragover");
      if (kind !== "drop") return;
      form.elements.file.files = event.dataTransfer.files;
      takeFile(form);
    });
  }
})();
