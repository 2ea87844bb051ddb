// Searches answer while somebody types, older pictures come where the page ends, hearts fill in at once. The forms and the
// link do the same for everybody else.
(() => {
  "use strict";
  const PAUSE_MILLISECONDS = 250;
  const search = document.querySelector("form[role=search]");
  const found = document.getElementById("found");
  const said = document.querySelector(".intro .spoken[role=status]");
  const link = () => found.querySelector(".more a");
  let asked = 0;
  let timer = null;

  const read = async (href) => {
    const answer = await fetch(href);
    if (!answer.ok) throw new Error(answer.statusText);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  const load = async () => {
    const number = asked;
    const page = await read(link().href);
    // Somebody has looked for something else meanwhile.
    if (number !== asked) return;
    const older = [...page.querySelectorAll("li.card")];
    found.querySelector("ol.cards").append(...older);
    const next = page.querySelector(".more");
    if (next) found.querySelector(".more").replaceWith(next);
    else found.querySelector(".more").remove();
    said.textContent = `${older.length} older pictures`;
    watch();
  };

  // Where it cannot be had, the link is there to be pressed.
  const near = new IntersectionObserver(
    ([{ isIntersecting }]) => {
      if (!isIntersecting) return;
      near.disconnect();
      load().catch(() => {});
    },
    { rootMargin: "600px" },
  );

  const watch = () => {
    near.disconnect();
    if (link()) near.observe(link());
  };

  const address = () => {
    const words = new URLSearchParams(new FormData(search));
    for (const [name, value] of [...words]) if (!value) words.delete(name);
    const query = words.toString();
    return query ? `${location.pathname}?${query}` : location.pathname;
  };

  // How often each value is found changes with what else was chosen.
  const recount = (page) => {
    for (const field of search.querySelectorAll("select")) {
      const { value } = field;
      const options = page.getElementById(field.id)?.options;
      if (!options) continue;
      field.replaceChildren(...options);
      field.value = value;
    }
  };

  const look = async () => {
    const number = ++asked;
    const href = address();
    found.ariaBusy = "true";
    const page = await read(href).finally(() => number === asked && (found.ariaBusy = null));
    if (number !== asked) return;
    found.replaceChildren(...page.getElementById("found").childNodes);
    recount(page);
    history.replaceState(history.state, "", href);
    const next = document.querySelector("#decide [name=next]");
    if (next) next.value = href;
    const count = found.querySelectorAll("li.card").length;
    said.textContent = count ? `${count}${link() ? " or more" : ""} ${count === 1 ? "picture" : "pictures"}` : found.querySelector(".nothing p").textContent;
    watch();
  };

  // Where it fails, the button does it.
  const lookSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => look().catch(() => {}), PAUSE_MILLISECONDS);
  };

  const favour = async (heart) => {
    const body = new FormData(heart.form);
    body.set(heart.name, heart.value);
    const answer = await fetch(heart.formAction, { method: "POST", body, redirect: "manual" });
    if (answer.type !== "opaqueredirect") throw new Error(answer.statusText);
    const isPressed = heart.value === "yes";
    heart.setAttribute("aria-pressed", String(isPressed));
    heart.value = isPressed ? "no" : "yes";
  };

  // Said here, that the tag is missing costs nobody the ticks.
  document.addEventListener("click", (event) => {
    const wish = event.target.closest("#selection button[name=wish]");
    if (wish) document.getElementById("tags").required = wish.value === "tag";
  });
  search.addEventListener("input", lookSoon);
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    look().catch(() => search.submit());
  });
  document.addEventListener("click", (event) => {
    const heart = event.target.closest("button.heart");
    if (!heart) return;
    event.preventDefault();
    favour(heart).catch(() => heart.form.requestSubmit(heart));
  });
  watch();
})();
