// Older pictures come by themselves where somebody reaches the end; the link to them stays for everybody else.
(() => {
  "use strict";
  const cards = document.querySelector("ol.cards");
  const said = document.querySelector(".intro .spoken[role=status]");
  const link = () => document.querySelector(".more a");

  const load = async () => {
    const { href } = link();
    const answer = await fetch(href);
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const older = [...page.querySelectorAll("li.card")];
    cards.append(...older);
    const next = page.querySelector(".more");
    if (next) document.querySelector(".more").replaceWith(next);
    else document.querySelector(".more").remove();
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
    if (link()) near.observe(link());
  };
  if (cards) watch();
})();
