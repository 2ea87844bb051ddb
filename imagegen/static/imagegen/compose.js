// Previews and ideas without leaving the page: the same form is sent, and of the page that comes back the parts are taken
// that changed. Where anything goes wrong on the way, the form is sent as it would be without this script.
(() => {
  "use strict";
  const ASKING = ["preview", "help", "add"];
  const PARTS = ["preview", "ideas"];
  const FIELDS = ["prompts", "template_seed"];

  // Somebody who reads or writes keeps the place where they are; faults are said beside the fields that they are about.
  const take = (form, page) => {
    const theirs = page.getElementById("compose");
    document.title = page.title;
    if (form.querySelector(".errorlist") || theirs.querySelector(".errorlist")) return form.replaceWith(theirs);
    for (const id of PARTS) document.getElementById(id).replaceWith(page.getElementById(id));
    for (const name of FIELDS) {
      if (form.elements[name].value !== theirs.elements[name].value) form.elements[name].value = theirs.elements[name].value;
    }
  };

  const lead = (asked) => {
    const part = document.querySelector("#faults .alert") || document.getElementById(asked === "preview" ? "preview" : "ideas");
    const first = part.querySelector("h2, a, .rows button, summary");
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
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      take(form, page);
      form.removeAttribute("aria-busy");
      lead(button.name);
    } catch {
      send(form, button);
    }
  });
})();
