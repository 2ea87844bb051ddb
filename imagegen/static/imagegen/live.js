// Cards that fill in by themselves: over server-sent events, or by asking now and again where those are not to be had.
(() => {
  "use strict";
  const POLL_MILLISECONDS = 4000;
  const cards = document.querySelector("[data-events]");
  if (!cards) return;
  const title = document.title;

  const parse = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  // A card that was rendered earlier never takes the place of a newer one, whichever way it came.
  const showCard = (card) => {
    const old = document.getElementById(card.id);
    if (!old || old.dataset.version >= card.dataset.version) return;
    const hadFocus = old.contains(document.activeElement);
    old.replaceWith(card);
    if (hadFocus) card.querySelector("a, summary")?.focus();
  };

  const showProgress = (progress) => {
    document.querySelector(".progress").replaceWith(progress);
    document.title = `${progress.dataset.title}: ${title.replace(/^\d+ of \d+: /, "")}`;
  };

  const poll = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      page.querySelectorAll("li.card").forEach(showCard);
      const progress = page.querySelector(".progress");
      if (progress) showProgress(progress);
    } catch {
      // The server is away for the moment; the next time it may be back.
    }
    if (document.querySelector("[data-state=queued], [data-state=running]")) setTimeout(poll, POLL_MILLISECONDS);
  };

  const events = new EventSource(cards.dataset.events);
  events.addEventListener("card", (event) => showCard(parse(event.data)));
  events.addEventListener("progress", (event) => showProgress(parse(event.data)));
  events.addEventListener("done", () => events.close());
  events.addEventListener("error", () => {
    // While it says CONNECTING the browser tries again by itself.
    if (events.readyState === EventSource.CLOSED) poll();
  });
})();
