// Hearts, stars and tags are noted where one looks, and what was typed beside them stays. The forms do the same for everybody else.
(() => {
  "use strict";
  const opinion = document.getElementById("opinion");
  if (!opinion) return;
  const favour = document.getElementById("favour");
  const tagging = document.getElementById("tagging");
  const said = opinion.querySelector("[role=status]");
  let asked = 0;

  // The buttons are others now, and the keyboard goes on from the same place.
  const redraw = (form, page) => {
    const place = [...form.elements].indexOf(document.activeElement);
    form.replaceChildren(...page.getElementById(form.id).childNodes);
    form.elements[place]?.focus({ preventScroll: true });
  };

  const note = async (form, button) => {
    const number = ++asked;
    const body = new FormData(form);
    if (button.name) body.set(button.name, button.value);
    const answer = await fetch(button.formAction, { method: "POST", body });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.getElementById(form.id)) throw new Error("another page");
    const fault = page.querySelector(".messages .error");
    said.textContent = fault ? fault.textContent : "Saved.";
    // Somebody has pressed something else meanwhile, whose answer knows of this one.
    if (number !== asked) return;
    redraw(favour, page);
    if (form === tagging && !fault) redraw(tagging, page);
  };

  // Where it fails, the form does it.
  opinion.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    event.preventDefault();
    note(button.form, button).catch(() => button.form.requestSubmit(button));
  });
})();
